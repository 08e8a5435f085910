CREATE TABLE key_check (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
);
-- Folders and filters: the definition as JSON beside what is asked for in SQL.
CREATE TABLE folder (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    version INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    -- Reviewers have been told of incidents up to this one.
    told_up_to INTEGER NOT NULL DEFAULT 0,
    told_at INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE filter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    position INTEGER NOT NULL,
    definition TEXT NOT NULL,
    version INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
);
-- Every version of each: who changed what, when. No definition: it was deleted.
CREATE TABLE definition_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    object_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    definition TEXT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL
);
-- Every message that came by, kept or not.
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    identity TEXT NOT NULL,
    unique_id TEXT,
    policy_ids TEXT NOT NULL,
    message_id TEXT,
    sender TEXT NOT NULL,
    mail BLOB NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    peer TEXT NOT NULL,
    size INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    eight_bit BOOLEAN NOT NULL,
    outcome TEXT NOT NULL,
    -- Where the sealed octets are, while somebody needs them.
    blob TEXT,
    head BLOB
);
CREATE INDEX message_by_time ON message (received_at, id);
CREATE INDEX message_by_identity ON message (identity);
CREATE INDEX message_by_unique_id ON message (unique_id) WHERE unique_id IS NOT NULL;
CREATE INDEX message_with_blob ON message (id) WHERE blob IS NOT NULL;
-- An incident: one recipient's copy of a message in a folder. Its number is the gateway's incident number.
CREATE TABLE copy (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL REFERENCES message (id),
    recipient TEXT NOT NULL,
    rcpt BLOB NOT NULL,
    folder_id INTEGER NOT NULL REFERENCES folder (id),
    filter_name TEXT NOT NULL,
    filter_version INTEGER NOT NULL,
    -- What Approve, Reject and Custom mean, and how the header changes: as the filter said when it came.
    plan TEXT NOT NULL,
    state TEXT NOT NULL,
    entered_at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    decided_at INTEGER,
    who TEXT,
    note TEXT,
    request_id TEXT,
    outcome TEXT
);
CREATE INDEX copy_by_folder ON copy (folder_id, state, id);
CREATE INDEX copy_by_state ON copy (state, id);
CREATE INDEX copy_by_message ON copy (message_id, recipient);
CREATE TABLE queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL REFERENCES message (id),
    copy_id INTEGER REFERENCES copy (id),
    recipient TEXT NOT NULL,
    rcpt BLOB NOT NULL,
    mail BLOB NOT NULL,
    changes TEXT NOT NULL,
    destination TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    queued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_error TEXT
);
CREATE INDEX queue_due ON queue (state, due_at, id);
CREATE INDEX queue_by_message ON queue (message_id);
CREATE INDEX queue_by_copy ON queue (copy_id);
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    copy_id INTEGER,
    at INTEGER NOT NULL,
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
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX request_by_time ON request (at);
-- What Enforce is still to hear.
CREATE TABLE status_update (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    copy_id INTEGER NOT NULL,
    payload TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT
);
CREATE TABLE release_request (
    copy_id INTEGER PRIMARY KEY REFERENCES copy (id),
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    peer TEXT NOT NULL
);
