-- Collection campaigns (spec 3). Every row that is work carries due_at, locked_by and locked_until.

CREATE TABLE message_templates (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    channel_account_id uuid NOT NULL,
    name text NOT NULL,
    language text NOT NULL DEFAULT 'pt_BR',
    category text NOT NULL DEFAULT 'utility' CHECK (category IN ('utility', 'marketing', 'authentication')),
    body text NOT NULL,
    -- What fills {{1}}, {{2}} …, in their order: names that domain/message_templates.py knows.
    variables text[] NOT NULL DEFAULT '{}',
    content_sid text,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'approved', 'rejected', 'paused', 'disabled')),
    status_reason text,
    status_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (tenant_id, channel_account_id, name, language),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, channel_account_id) REFERENCES channel_accounts (tenant_id, id)
);

CREATE TABLE campaigns (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    name text NOT NULL,
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'paused', 'completed')),
    pause_reason text,
    contact_method text NOT NULL CHECK (contact_method IN ('voice', 'whatsapp_primary', 'whatsapp_fallback')),
    allowed_methods text[] NOT NULL,
    fallback_order text[] NOT NULL,
    -- Wall-clock times in the customer's place; the window is closed-open. Weekdays are ISO: Monday is 1.
    schedule_start time NOT NULL DEFAULT '08:00',
    schedule_end time NOT NULL DEFAULT '20:00',
    weekdays smallint[] NOT NULL DEFAULT '{1,2,3,4,5}',
    avoids_optional_holidays boolean NOT NULL DEFAULT true,
    template_id uuid,
    sms_text text,
    voicemail_policy text NOT NULL DEFAULT 'hang_up' CHECK (voicemail_policy IN ('hang_up', 'leave_message')),
    max_attempts integer NOT NULL DEFAULT 3 CHECK (max_attempts BETWEEN 1 AND 20),
    retry_gap_minutes integer NOT NULL DEFAULT 1440 CHECK (retry_gap_minutes BETWEEN 1 AND 43200),
    unanswered_after_minutes integer NOT NULL DEFAULT 1440 CHECK (unanswered_after_minutes BETWEEN 1 AND 43200),
    pacing text NOT NULL DEFAULT 'spread' CHECK (pacing IN ('spread', 'asap')),
    budget_cents bigint CHECK (budget_cents >= 0),
    spent_cents bigint NOT NULL DEFAULT 0,
    plan_due_at timestamptz,  -- when the scheduler looks at it next
    next_slot_at timestamptz,  -- the first moment of the window that no target has been given yet
    locked_by text,
    locked_until timestamptz,
    started_at timestamptz,
    completed_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, template_id) REFERENCES message_templates (tenant_id, id),
    CHECK (schedule_start < schedule_end)
);
CREATE INDEX campaigns_newest ON campaigns (tenant_id, created_at DESC);
CREATE INDEX campaigns_active ON campaigns (plan_due_at) WHERE status = 'active';

CREATE TABLE campaign_accounts (
    tenant_id uuid NOT NULL REFERENCES tenants,
    campaign_id uuid NOT NULL,
    channel_account_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, campaign_id, channel_account_id),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaigns (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, channel_account_id) REFERENCES channel_accounts (tenant_id, id)
);

CREATE TABLE imports (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    file_name text NOT NULL,
    file_kind text NOT NULL CHECK (file_kind IN ('csv', 'xlsx')),
    size_bytes bigint NOT NULL,
    mapping jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'queued'
        CHECK (status IN ('uploading', 'queued', 'running', 'completed', 'failed', 'canceled')),
    failure text,
    total_lines bigint,  -- what is known before the end: exact for small files, else an estimate
    next_line bigint NOT NULL DEFAULT 1,  -- the first line that is not taken yet; moves in the batch's own transaction
    imported integer NOT NULL DEFAULT 0,
    rejected integer NOT NULL DEFAULT 0,
    duplicates integer NOT NULL DEFAULT 0,
    due_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    locked_by text,
    locked_until timestamptz,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaigns (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX imports_of_campaign ON imports (tenant_id, campaign_id, created_at DESC);
CREATE INDEX imports_due ON imports (due_at) WHERE due_at IS NOT NULL;

-- The file itself, in pieces, so that any worker can go on with it. Removed when the import has ended.
CREATE TABLE import_parts (
    tenant_id uuid NOT NULL REFERENCES tenants,
    import_id uuid NOT NULL,
    position integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (tenant_id, import_id, position),
    FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
);

-- Why a line was not taken. Never what it said: that is personal data.
CREATE TABLE import_errors (
    tenant_id uuid NOT NULL REFERENCES tenants,
    import_id uuid NOT NULL,
    line bigint NOT NULL,
    field text,
    reason text NOT NULL,
    PRIMARY KEY (tenant_id, import_id, line),
    FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE targets (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    import_id uuid,
    client_name text NOT NULL,
    phone text NOT NULL,  -- E.164
    match_key text NOT NULL,
    document text NOT NULL,
    installation_point text,
    debt_cents bigint NOT NULL CHECK (debt_cents > 0),
    invoice_number text,
    uf text CHECK (length(uf) = 2),  -- of the address, when the file says it: it beats the area code
    priority integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'scheduled', 'calling', 'contacted', 'completed')),
    outcome text,
    outcome_details jsonb NOT NULL DEFAULT '{}',
    method text CHECK (method IN ('whatsapp', 'voice', 'sms')),  -- of the contact that is planned, or was made last
    attempt_count integer NOT NULL DEFAULT 0,  -- of this round: a promise that was not kept begins a new one
    first_contacted_at timestamptz,
    last_attempt_at timestamptz,
    call_sid text,
    contact_id uuid,
    conversation_id uuid,
    promised_at timestamptz,
    paid_at timestamptz,
    -- pending: when to plan it; scheduled: when to contact it; contacted: when to look whether it answered.
    due_at timestamptz,
    locked_by text,
    locked_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, campaign_id, document),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaigns (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);
-- One index for each drain, by campaign: what waits in a paused campaign costs nobody anything.
CREATE INDEX targets_to_plan ON targets (tenant_id, campaign_id, due_at) WHERE state = 'pending';
CREATE INDEX targets_to_write ON targets (tenant_id, campaign_id, due_at)
    WHERE state = 'scheduled' AND method IN ('whatsapp', 'sms');
CREATE INDEX targets_to_call ON targets (tenant_id, campaign_id, due_at) WHERE state = 'scheduled' AND method = 'voice';
CREATE INDEX targets_to_review ON targets (tenant_id, campaign_id, due_at)
    WHERE state = 'contacted' AND due_at IS NOT NULL;
CREATE INDEX targets_unknown ON targets (conversation_id) WHERE state = 'contacted' AND outcome = 'unknown';
CREATE INDEX targets_by_document ON targets (tenant_id, document);
CREATE INDEX targets_by_match_key ON targets (tenant_id, match_key);
CREATE INDEX targets_by_contact ON targets (tenant_id, contact_id) WHERE contact_id IS NOT NULL;

ALTER TABLE conversations ADD COLUMN target_id uuid;
ALTER TABLE conversations ADD FOREIGN KEY (tenant_id, target_id) REFERENCES targets (tenant_id, id);
CREATE INDEX conversations_of_contact ON conversations (tenant_id, contact_id);

-- A call, by whatever engine; `dialing` is committed before the provider is asked, so a crash leaves `unknown`.
CREATE TABLE calls (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    channel_account_id uuid NOT NULL,
    contact_id uuid,
    conversation_id uuid,
    target_id uuid,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    phone text NOT NULL,
    status text NOT NULL CHECK (status IN ('dialing', 'unknown', 'queued', 'ringing', 'in_progress', 'completed', 'busy',
                                           'no_answer', 'failed', 'canceled')),
    status_at timestamptz NOT NULL,
    sequence_number integer,
    provider_call_id text,
    answered_by text,
    choice text,  -- the key pressed
    duration_seconds integer,
    error_code text,
    cost_cents integer,
    due_at timestamptz,  -- when the post-call drain looks at it
    attempts integer NOT NULL DEFAULT 0,
    locked_by text,
    locked_until timestamptz,
    flagged_at timestamptz,
    created_at timestamptz NOT NULL,
    answered_at timestamptz,
    ended_at timestamptz,
    processed_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, channel_account_id) REFERENCES channel_accounts (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id),
    FOREIGN KEY (tenant_id, target_id) REFERENCES targets (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX calls_once ON calls (tenant_id, channel_account_id, provider_call_id)
    WHERE provider_call_id IS NOT NULL;
CREATE INDEX calls_due ON calls (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX calls_of_contact ON calls (tenant_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX calls_of_target ON calls (tenant_id, target_id) WHERE target_id IS NOT NULL;
-- A callback names the call alone: the tenant is found by it.
CREATE INDEX calls_by_id ON calls (id);
CREATE INDEX calls_by_provider_id ON calls (provider_call_id) WHERE provider_call_id IS NOT NULL;
CREATE INDEX calls_of_account ON calls (tenant_id, channel_account_id, created_at);

-- What the contact gate decided, and why (spec 3.4). The rows that say `contact` are also what the caps count.
CREATE TABLE contact_decisions (
    tenant_id uuid NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    engine text NOT NULL
        CHECK (engine IN ('campaign', 'reminder', 'broadcast', 'cadence', 'follow_up', 'escalation')),
    campaign_id uuid,
    target_id uuid,
    promise_id uuid,
    contact_id uuid,
    document text,
    match_key text,
    method text CHECK (method IN ('whatsapp', 'voice', 'sms')),
    channel_account_id uuid,
    verdict text NOT NULL CHECK (verdict IN ('contact', 'skip', 'postpone')),
    reason text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    message_id uuid,
    call_id uuid,
    cost_cents integer NOT NULL DEFAULT 0,
    voided_at timestamptz,  -- the provider surely took nothing: it does not count
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaigns (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, target_id) REFERENCES targets (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, promise_id) REFERENCES promises (tenant_id, id)
);
CREATE INDEX contact_decisions_of_target ON contact_decisions (tenant_id, target_id, seq) WHERE target_id IS NOT NULL;
CREATE INDEX contact_decisions_of_campaign ON contact_decisions (tenant_id, campaign_id, decided_at);
CREATE INDEX contact_decisions_cap_document ON contact_decisions (tenant_id, document, decided_at)
    WHERE verdict = 'contact' AND voided_at IS NULL;
CREATE INDEX contact_decisions_cap_phone ON contact_decisions (tenant_id, match_key, decided_at)
    WHERE verdict = 'contact' AND voided_at IS NULL;
-- The reminder of a promise goes out once, whoever asks for it and however often.
CREATE UNIQUE INDEX contact_decisions_one_reminder ON contact_decisions (tenant_id, promise_id)
    WHERE engine = 'reminder' AND verdict = 'contact' AND voided_at IS NULL;
CREATE INDEX contact_decisions_by_message ON contact_decisions (tenant_id, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX contact_decisions_by_call ON contact_decisions (tenant_id, call_id) WHERE call_id IS NOT NULL;

CREATE INDEX messages_unknown ON messages (status_at) WHERE status = 'unknown';

-- The tenant's own days without contact. An empty uf means everywhere.
CREATE TABLE tenant_holidays (
    tenant_id uuid NOT NULL REFERENCES tenants,
    day date NOT NULL,
    uf text NOT NULL DEFAULT '' CHECK (uf = '' OR length(uf) = 2),
    name text NOT NULL,
    PRIMARY KEY (tenant_id, day, uf)
);

-- "I do not know him": this number is not of this debtor. Survives every import (compliance 3).
CREATE TABLE wrong_numbers (
    tenant_id uuid NOT NULL REFERENCES tenants,
    document text NOT NULL,
    match_key text NOT NULL,
    protocol text NOT NULL,
    reported_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, document, match_key)
);

ALTER TABLE promises
    ADD COLUMN debt_cents bigint,  -- the CRM's total when it was made; null for promises older than this column
    ADD COLUMN invoices jsonb NOT NULL DEFAULT '[]',  -- [{number, amountCents}] open when it was made
    ADD COLUMN paid_cents bigint NOT NULL DEFAULT 0,  -- of those invoices, as far as the CRM shows it
    ADD COLUMN fulfilled_at timestamptz,
    ADD COLUMN broken_at timestamptz,
    ADD COLUMN review_due_at timestamptz,  -- when the monitor looks at it; null when it is settled
    ADD COLUMN reminder_due_at timestamptz,
    ADD COLUMN reminded_at timestamptz,
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN locked_by text,
    ADD COLUMN locked_until timestamptz;
UPDATE promises SET review_due_at = protected_until + interval '24 hours' WHERE status = 'pending';
CREATE INDEX promises_to_review ON promises (review_due_at) WHERE status = 'pending';
CREATE INDEX promises_to_remind ON promises (reminder_due_at)
    WHERE status = 'pending' AND reminder_due_at IS NOT NULL;
CREATE INDEX promises_of_document ON promises (tenant_id, document, created_at DESC);
CREATE INDEX promises_newest ON promises (tenant_id, created_at DESC);

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
