CREATE TABLE key_check (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    sealed BYTEA NOT NULL
);
-- Folders and filters: the definition as JSON beside what is asked for in SQL.
CREATE TABLE folder (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    version BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    -- Reviewers have been told of incidents up to this one.
    told_up_to BIGINT NOT NULL DEFAULT 0,
    told_at BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE filter (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    position BIGINT NOT NULL,
    definition TEXT NOT NULL,
    version BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);
-- Every version of each: who changed what, when. No definition: it was deleted.
CREATE TABLE definition_change (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL,
    object_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT,
    at BIGINT NOT NULL,
    who TEXT NOT NULL
);
-- Every message that came by, kept or not.
CREATE TABLE message (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity TEXT NOT NULL,
    unique_id TEXT,
    policy_ids TEXT NOT NULL,
    message_id TEXT,
    sender TEXT NOT NULL,
    mail BYTEA NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    peer TEXT NOT NULL,
    size BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    eight_bit BOOLEAN NOT NULL,
    outcome TEXT NOT NULL,
    -- Where the sealed octets are, while somebody needs them.
    blob TEXT,
    head BYTEA
);
CREATE INDEX message_by_time ON message (received_at, id);
CREATE INDEX message_by_identity ON message (identity);
CREATE INDEX message_by_unique_id ON message (unique_id) WHERE unique_id IS NOT NULL;
CREATE INDEX message_with_blob ON message (id) WHERE blob IS NOT NULL;
-- An incident: one recipient's copy of a message in a folder. Its number is the gateway's incident number.
CREATE TABLE copy (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id BIGINT NOT NULL REFERENCES message (id),
    recipient TEXT NOT NULL,
    rcpt BYTEA NOT NULL,
    folder_id BIGINT NOT NULL REFERENCES folder (id),
    filter_name TEXT NOT NULL,
    filter_version BIGINT NOT NULL,
    -- What Approve, Reject and Custom mean, and how the header changes: as the filter said when it came.
    plan TEXT NOT NULL,
    state TEXT NOT NULL,
    entered_at BIGINT NOT NULL,
    size BIGINT NOT NULL,
    decided_at BIGINT,
    who TEXT,
    note TEXT,
    request_id TEXT,
    outcome TEXT
);
CREATE INDEX copy_by_folder ON copy (folder_id, state, id);
CREATE INDEX copy_by_state ON copy (state, id);
CREATE INDEX copy_by_message ON copy (message_id, recipient);
CREATE TABLE queue (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id BIGINT NOT NULL REFERENCES message (id),
    copy_id BIGINT REFERENCES copy (id),
    recipient TEXT NOT NULL,
    rcpt BYTEA NOT NULL,
    mail BYTEA NOT NULL,
    changes TEXT NOT NULL,
    destination TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    queued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_error TEXT
);
CREATE INDEX queue_due ON queue (state, due_at, id);
CREATE INDEX queue_by_message ON queue (message_id);
CREATE INDEX queue_by_copy ON queue (copy_id);
CREATE TABLE history (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id BIGINT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    copy_id BIGINT,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX history_by_message ON history (message_id, id);
CREATE INDEX history_by_copy ON history (copy_id, id);
-- Remediation requests and what was answered: a resend hears the same.
CREATE TABLE request (
    id TEXT PRIMARY KEY,
    asked TEXT NOT NULL,
    answer TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX request_by_time ON request (at);
-- What Enforce is still to hear.
CREATE TABLE status_update (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    copy_id BIGINT NOT NULL,
    payload TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    last_error TEXT
);
CREATE TABLE release_request (
    copy_id BIGINT PRIMARY KEY REFERENCES copy (id),
    reason TEXT NOT NULL,
    at BIGINT NOT NULL,
    peer TEXT NOT NULL
);
