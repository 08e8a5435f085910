CREATE TABLE key_check (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
);
-- Heads and bodies apart: a new master key touches heads only.
CREATE TABLE original (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    unique_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    head BLOB NOT NULL,
    UNIQUE (unique_id, digest)
);
CREATE TABLE original_body (
    original_id INTEGER PRIMARY KEY REFERENCES original (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
);
CREATE TABLE incident (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    unique_id TEXT NOT NULL,
    policy_id INTEGER NOT NULL,
    policy TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    policy_set TEXT NOT NULL,
    severity INTEGER NOT NULL,
    status TEXT NOT NULL,
    prevent_status INTEGER NOT NULL,
    message_id TEXT,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    peer TEXT,
    direction TEXT NOT NULL,
    server TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    size INTEGER NOT NULL,
    match_count INTEGER NOT NULL,
    count_is_complete BOOLEAN NOT NULL,
    trial BOOLEAN NOT NULL,
    response_rules TEXT NOT NULL,
    unscannable TEXT NOT NULL,
    original_id INTEGER REFERENCES original (id) ON DELETE SET NULL,
    linked_to INTEGER REFERENCES incident (id) ON DELETE SET NULL,
    -- What became of the last attempt, and how many attempts wait for that to be known.
    outcome TEXT,
    pending INTEGER NOT NULL DEFAULT 0,
    matches BLOB NOT NULL
);
CREATE INDEX incident_by_message ON incident (unique_id, policy_id);
CREATE INDEX incident_by_policy ON incident (policy_id, id);
CREATE INDEX incident_by_original ON incident (original_id);
CREATE INDEX incident_pending ON incident (id) WHERE pending > 0;
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX history_by_incident ON history (incident_id, id);
-- Keyed hashes of normalised matches: equal values are found, nothing is told.
CREATE TABLE match_hash (
    hash BLOB NOT NULL,
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    PRIMARY KEY (hash, incident_id)
) WITHOUT ROWID;
CREATE INDEX match_hash_by_incident ON match_hash (incident_id);
CREATE TABLE effect (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    done_at INTEGER,
    UNIQUE (incident_id, rule, kind)
);
CREATE INDEX effect_due ON effect (done_at, due_at);
