CREATE TABLE original (
    id INTEGER PRIMARY KEY,
    unique_id TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    sealed BLOB
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
    size INTEGER NOT NULL,
    match_count INTEGER NOT NULL,
    count_is_complete INTEGER NOT NULL,
    trial INTEGER NOT NULL,
    response_rules TEXT NOT NULL,
    unscannable TEXT NOT NULL,
    original_id INTEGER REFERENCES original (id),
    linked_to INTEGER REFERENCES incident (id),
    last_seen INTEGER NOT NULL,
    matches BLOB NOT NULL
);
CREATE INDEX incident_by_message ON incident (unique_id, policy_id);
CREATE INDEX incident_by_policy ON incident (policy_id, id);
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id INTEGER NOT NULL REFERENCES incident (id),
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX history_by_incident ON history (incident_id, id);
CREATE TABLE effect (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id INTEGER NOT NULL REFERENCES incident (id),
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    done_at INTEGER,
    UNIQUE (incident_id, rule, kind)
);
CREATE INDEX effect_due ON effect (done_at, due_at);
