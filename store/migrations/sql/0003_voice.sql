-- Calls as conversations (spec 5): what is said in them, calls that customers ask for, tools of hosted agents.

-- When the last turn was committed: the newest of a contact's conversations is what the others take up (ADR 15).
ALTER TABLE conversations ADD COLUMN last_turn_at timestamptz;
UPDATE conversations SET last_turn_at = last_outbound_at WHERE checkpoint_id IS NOT NULL;
DROP INDEX conversations_of_contact;
CREATE INDEX conversations_of_contact ON conversations (tenant_id, contact_id, last_turn_at);

-- What was said in a call is messages of its conversation. `text` is what was really heard, `content` what was meant.
ALTER TABLE messages ADD COLUMN call_id uuid;
CREATE INDEX messages_of_call ON messages (tenant_id, call_id, seq) WHERE call_id IS NOT NULL;

-- A call that a customer asked for in a conversation, or an agent offered and the customer took (spec 5.1).
CREATE TABLE call_requests (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    conversation_id uuid NOT NULL,  -- where it was asked for, and where the summary goes
    phone text NOT NULL,
    reason text NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'calling', 'done', 'canceled')),
    outcome text,
    wanted_at timestamptz NOT NULL,
    due_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    locked_by text,
    locked_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);
CREATE UNIQUE INDEX call_requests_one_open ON call_requests (tenant_id, contact_id)
    WHERE state IN ('waiting', 'calling');
CREATE INDEX call_requests_due ON call_requests (due_at) WHERE due_at IS NOT NULL;

ALTER TABLE calls
    ADD COLUMN purpose text NOT NULL DEFAULT 'campaign' CHECK (purpose IN ('campaign', 'requested', 'inbound')),
    ADD COLUMN request_id uuid,
    ADD COLUMN agent_version text,
    ADD COLUMN disconnection_reason text,  -- the provider's own word
    ADD COLUMN recording_url text,
    ADD COLUMN provider_transcript jsonb,  -- [{"role", "text", "startSeconds"}], of agents hosted at the provider
    ADD COLUMN transferred_to text,
    ADD COLUMN summary text,
    ADD COLUMN summary_due_at timestamptz,
    ADD COLUMN summary_message_id uuid,
    ADD FOREIGN KEY (tenant_id, request_id) REFERENCES call_requests (tenant_id, id);
CREATE INDEX calls_newest ON calls (tenant_id, created_at DESC);
CREATE INDEX calls_to_summarize ON calls (summary_due_at) WHERE summary_due_at IS NOT NULL;
CREATE INDEX calls_of_request ON calls (tenant_id, request_id) WHERE request_id IS NOT NULL;

-- What a call left, for its summary and for whoever takes it over.
CREATE INDEX promises_of_contact ON promises (tenant_id, contact_id);
CREATE INDEX promises_of_conversation ON promises (tenant_id, conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX payment_claims_of_conversation ON payment_claims (tenant_id, conversation_id);
CREATE INDEX events_of_conversation ON events (tenant_id, conversation_id) WHERE conversation_id IS NOT NULL;

ALTER TABLE contact_decisions
    ADD COLUMN request_id uuid,
    ADD FOREIGN KEY (tenant_id, request_id) REFERENCES call_requests (tenant_id, id) ON DELETE CASCADE;

-- The line of the file that a target came from: they are listed as the file has them.
ALTER TABLE targets ADD COLUMN line integer;
CREATE INDEX targets_in_call ON targets (tenant_id, campaign_id) WHERE state = 'calling';

-- What a tool answered to an agent hosted at a provider, which may ask up to three times (protocols 5.4).
CREATE TABLE hosted_tool_calls (
    tenant_id uuid NOT NULL REFERENCES tenants,
    call_id uuid NOT NULL,
    tool_call_key text NOT NULL,
    result text NOT NULL,
    turn_seq bigint NOT NULL,
    utterances integer NOT NULL,  -- of the customer in the call so far: what was proposed needs a yes in a later one
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, call_id, tool_call_key),
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO master_ia_app, master_ia_platform;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO master_ia_app, master_ia_platform;
REVOKE INSERT, UPDATE, DELETE ON platform_settings FROM master_ia_app;
REVOKE INSERT, DELETE ON tenants FROM master_ia_app;

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOR tenant_table IN
        SELECT c.relname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT c.relrowsecurity
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
