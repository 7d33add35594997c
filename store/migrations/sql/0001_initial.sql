-- The first schema. Every tenant table: tenant_id first in every unique key, row-level security forced (design: tenancy).
-- Roles are shared by the whole cluster: they may exist already, created by another database's migration.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'master_ia_app') THEN
        CREATE ROLE master_ia_app NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'master_ia_platform') THEN
        CREATE ROLE master_ia_platform NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
GRANT master_ia_app, master_ia_platform TO CURRENT_USER;

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9-]{2,40}$'),
    name text NOT NULL,
    time_zone text NOT NULL DEFAULT 'America/Sao_Paulo',
    state_code char(2) NOT NULL DEFAULT 'SP',
    assistant_name text NOT NULL DEFAULT 'Lia',
    is_bot_enabled boolean NOT NULL DEFAULT true,
    settings jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    name text NOT NULL,
    key_hash bytea NOT NULL,
    prefix text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz,
    UNIQUE (tenant_id, key_hash),
    PRIMARY KEY (tenant_id, id)
);
-- The key itself says who the tenant is, so it is looked up before a tenant is known (platform role only).
CREATE INDEX api_keys_by_hash ON api_keys (key_hash) WHERE revoked_at IS NULL;

CREATE TABLE channel_accounts (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    provider text NOT NULL,
    medium text NOT NULL,
    external_id text NOT NULL,
    display_name text NOT NULL,
    webhook_key text NOT NULL,
    secrets_ciphertext bytea,
    secrets_key_id text,
    settings jsonb NOT NULL DEFAULT '{}',
    is_bot_enabled boolean NOT NULL DEFAULT true,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled', 'stopped')),
    stopped_reason text,
    sends_per_second double precision NOT NULL DEFAULT 10 CHECK (sends_per_second > 0),
    burst integer NOT NULL DEFAULT 20 CHECK (burst > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, provider, external_id),
    UNIQUE (tenant_id, webhook_key),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX channel_accounts_by_webhook_key ON channel_accounts (webhook_key);

CREATE TABLE contacts (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    name text,
    document text,
    is_bot_enabled boolean NOT NULL DEFAULT true,
    opted_out_at timestamptz,
    custom_fields jsonb NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}',
    facts jsonb NOT NULL DEFAULT '{}',
    identity_tries integer NOT NULL DEFAULT 0,
    identity_tries_on date,
    merged_into uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, merged_into) REFERENCES contacts (tenant_id, id)
);
CREATE INDEX contacts_by_document ON contacts (tenant_id, document) WHERE document IS NOT NULL;

CREATE TABLE addresses (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    match_key text,
    is_unreachable boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, kind, value),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);
CREATE INDEX addresses_by_match_key ON addresses (tenant_id, match_key) WHERE match_key IS NOT NULL;
CREATE INDEX addresses_by_contact ON addresses (tenant_id, contact_id);

CREATE TABLE opt_outs (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    scope text NOT NULL DEFAULT 'all',
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);
CREATE UNIQUE INDEX opt_outs_one_live ON opt_outs (tenant_id, contact_id, scope) WHERE revoked_at IS NULL;

CREATE TABLE conversations (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    channel_account_id uuid NOT NULL,
    address_kind text NOT NULL,
    address_value text NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'waiting', 'expired', 'closed')),
    closing_reason text,
    closed_at timestamptz,
    source text NOT NULL DEFAULT 'customer',
    assigned_agent text,
    current_agent text,
    handler text NOT NULL DEFAULT 'bot' CHECK (handler IN ('bot', 'human')),
    handoff_reason text,
    handed_off_at timestamptz,
    turn_due_at timestamptz,
    first_unanswered_at timestamptz,
    last_inbound_at timestamptz,
    last_outbound_at timestamptz,
    last_inbound_seq bigint NOT NULL DEFAULT 0,
    answered_seq bigint NOT NULL DEFAULT 0,
    history_seq bigint NOT NULL DEFAULT 0,
    turn_seq bigint NOT NULL DEFAULT 0,
    locked_by text,
    locked_until timestamptz,
    failures integer NOT NULL DEFAULT 0,
    checkpoint_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    FOREIGN KEY (tenant_id, channel_account_id) REFERENCES channel_accounts (tenant_id, id)
);
CREATE UNIQUE INDEX conversations_one_live ON conversations (tenant_id, channel_account_id, contact_id)
    WHERE status IN ('open', 'waiting');
CREATE INDEX conversations_due ON conversations (turn_due_at) WHERE turn_due_at IS NOT NULL;
CREATE INDEX conversations_idle ON conversations (last_inbound_at) WHERE status IN ('open', 'waiting');
CREATE INDEX conversations_newest ON conversations (tenant_id, created_at DESC);

CREATE TABLE messages (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    conversation_id uuid NOT NULL,
    channel_account_id uuid NOT NULL,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    author text NOT NULL CHECK (author IN ('customer', 'agent', 'operator', 'campaign', 'system')),
    kind text NOT NULL,
    text text,
    content jsonb NOT NULL DEFAULT '{}',
    provider_message_id text,
    reply_to text,
    sent_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- outbound only
    status text,
    turn_seq bigint,
    agent text,
    prompt_version text,
    model text,
    due_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    locked_by text,
    locked_until timestamptz,
    status_at timestamptz,
    error_class text,
    error_code text,
    flagged_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);
CREATE UNIQUE INDEX messages_once ON messages (tenant_id, channel_account_id, provider_message_id)
    WHERE provider_message_id IS NOT NULL;
CREATE INDEX messages_of_conversation ON messages (tenant_id, conversation_id, seq);
CREATE INDEX messages_due ON messages (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE provider_events (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_account_id uuid NOT NULL,
    kind text NOT NULL,
    event_key text NOT NULL,
    data jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    UNIQUE (tenant_id, channel_account_id, event_key),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, channel_account_id) REFERENCES channel_accounts (tenant_id, id)
);

CREATE TABLE turns (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_seq bigint NOT NULL,
    outcome text NOT NULL,
    agent text,
    verdict text,
    model text,
    prompt_version text,
    trace jsonb NOT NULL,
    reruns integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, turn_seq),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);

CREATE TABLE usage_records (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid,
    turn_seq bigint,
    agent text NOT NULL,
    feature text NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    input_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    cost_usd numeric(14, 8) NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX usage_records_by_day ON usage_records (tenant_id, created_at);

-- Collections: the tenant's own ledger (used when no CRM URL is set) and what customers promised or said they paid.
CREATE TABLE customers (
    tenant_id uuid NOT NULL REFERENCES tenants,
    document text NOT NULL,
    name text NOT NULL,
    phone text,
    match_key text,
    PRIMARY KEY (tenant_id, document)
);

CREATE TABLE invoices (
    tenant_id uuid NOT NULL REFERENCES tenants,
    document text NOT NULL,
    number text NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    due_on date NOT NULL,
    paid_at timestamptz,
    canceled_at timestamptz,
    payment_line text,
    PRIMARY KEY (tenant_id, number),
    FOREIGN KEY (tenant_id, document) REFERENCES customers (tenant_id, document)
);
CREATE INDEX invoices_open ON invoices (tenant_id, document, due_on) WHERE paid_at IS NULL AND canceled_at IS NULL;

CREATE TABLE promises (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    protocol text NOT NULL,
    document text NOT NULL,
    contact_id uuid NOT NULL,
    conversation_id uuid,
    turn_seq bigint,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    due_on date NOT NULL,
    protected_until timestamptz NOT NULL,
    method text,
    notes text,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'fulfilled', 'broken', 'renegotiated', 'canceled')),
    replaced_by uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, protocol),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);
CREATE UNIQUE INDEX promises_one_pending ON promises (tenant_id, document) WHERE status = 'pending';

CREATE TABLE payment_claims (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    document text NOT NULL,
    contact_id uuid NOT NULL,
    conversation_id uuid,
    notes text,
    hold_until timestamptz NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'confirmed', 'refuted')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);
CREATE UNIQUE INDEX payment_claims_one_open ON payment_claims (tenant_id, document) WHERE status = 'open';

CREATE TABLE boards (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    name text NOT NULL,
    UNIQUE (tenant_id, name),
    PRIMARY KEY (tenant_id, id)
);
CREATE TABLE stages (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    board_id uuid NOT NULL,
    name text NOT NULL,
    position integer NOT NULL,
    UNIQUE (tenant_id, board_id, name),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, board_id) REFERENCES boards (tenant_id, id)
);
CREATE TABLE cards (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    board_id uuid NOT NULL,
    stage_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    title text NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, board_id, contact_id),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, board_id) REFERENCES boards (tenant_id, id),
    FOREIGN KEY (tenant_id, stage_id) REFERENCES stages (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);
CREATE TABLE card_moves (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    card_id uuid NOT NULL,
    from_stage_id uuid,
    to_stage_id uuid NOT NULL,
    reason text NOT NULL,
    moved_by text NOT NULL,
    moved_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, card_id) REFERENCES cards (tenant_id, id),
    FOREIGN KEY (tenant_id, from_stage_id) REFERENCES stages (tenant_id, id),
    FOREIGN KEY (tenant_id, to_stage_id) REFERENCES stages (tenant_id, id)
);

CREATE TABLE custom_fields (
    tenant_id uuid NOT NULL REFERENCES tenants,
    name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,39}$'),
    label text NOT NULL,
    kind text NOT NULL DEFAULT 'text' CHECK (kind IN ('text', 'email', 'number', 'date')),
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE products (
    tenant_id uuid NOT NULL REFERENCES tenants,
    sku text NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    price_cents bigint NOT NULL CHECK (price_cents >= 0),
    period text NOT NULL DEFAULT '',
    is_active boolean NOT NULL DEFAULT true,
    PRIMARY KEY (tenant_id, sku)
);

CREATE TABLE knowledge_documents (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    title text NOT NULL,
    source text NOT NULL,
    content_hash text NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, source),
    PRIMARY KEY (tenant_id, id)
);
-- The columns that langchain-postgres reads and writes, plus ours. 384 dimensions: the offline embeddings, and what
-- OpenAI's text-embedding-3 models are asked for.
CREATE TABLE knowledge_chunks (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant_id', true), '')::uuid REFERENCES tenants,
    id uuid NOT NULL,
    document_id uuid NOT NULL,
    content text NOT NULL,
    title text NOT NULL,
    source text NOT NULL,
    embedding vector(384) NOT NULL,
    content_tsv tsvector,
    metadata json,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, document_id) REFERENCES knowledge_documents (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX knowledge_chunks_of_document ON knowledge_chunks (tenant_id, document_id);
CREATE INDEX knowledge_chunks_words ON knowledge_chunks USING gin (content_tsv);

CREATE TABLE prompts (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    body text NOT NULL,
    is_active boolean NOT NULL DEFAULT false,
    note text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, name, version),
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX prompts_one_active ON prompts (tenant_id, name) WHERE is_active;

CREATE TABLE model_settings (
    tenant_id uuid NOT NULL REFERENCES tenants,
    agent text NOT NULL,
    chain text[] NOT NULL CHECK (cardinality(chain) BETWEEN 1 AND 6),
    temperature double precision,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, agent)
);

CREATE TABLE events (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    kind text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    conversation_id uuid,
    data jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX events_newest ON events (tenant_id, created_at DESC);

-- Platform-wide settings (default model chains, global bot switch): no tenant, written by the platform role only.
CREATE TABLE platform_settings (
    key text PRIMARY KEY,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);

GRANT USAGE ON SCHEMA public TO master_ia_app, master_ia_platform;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO master_ia_app, master_ia_platform;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO master_ia_app, master_ia_platform;
REVOKE INSERT, UPDATE, DELETE ON platform_settings FROM master_ia_app;
REVOKE INSERT, DELETE ON tenants FROM master_ia_app;

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenants TO master_ia_app
    USING (id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (id = nullif(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY platform ON tenants TO master_ia_platform USING (true) WITH CHECK (true);

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOR tenant_table IN
        SELECT c.relname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY own_tenant ON %I TO master_ia_app '
            'USING (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) '
            'WITH CHECK (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', tenant_table);
        EXECUTE format('CREATE POLICY platform ON %I TO master_ia_platform USING (true) WITH CHECK (true)', tenant_table);
    END LOOP;
END
$$;
