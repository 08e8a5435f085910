CREATE TABLE key_check (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    sealed BYTEA NOT NULL
);
-- Heads and bodies apart: a new master key touches heads only.
CREATE TABLE original (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unique_id TEXT NOT NULL,
    digest BYTEA NOT NULL,
    size BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    head BYTEA NOT NULL,
    UNIQUE (unique_id, digest)
);
CREATE TABLE original_body (
    original_id BIGINT PRIMARY KEY REFERENCES original (id) ON DELETE CASCADE,
    sealed BYTEA NOT NULL
);
-- Sealed octets do not compress: no time is spent on trying.
ALTER TABLE original_body ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE TABLE incident (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unique_id TEXT NOT NULL,
    policy_id BIGINT NOT NULL,
    policy TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    policy_set TEXT NOT NULL,
    severity BIGINT NOT NULL,
    status TEXT NOT NULL,
    prevent_status BIGINT NOT NULL,
    message_id TEXT,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    peer TEXT,
    direction TEXT NOT NULL,
    server TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    size BIGINT NOT NULL,
    match_count BIGINT NOT NULL,
    count_is_complete BOOLEAN NOT NULL,
    trial BOOLEAN NOT NULL,
    response_rules TEXT NOT NULL,
    unscannable TEXT NOT NULL,
    original_id BIGINT REFERENCES original (id) ON DELETE SET NULL,
    linked_to BIGINT REFERENCES incident (id) ON DELETE SET NULL,
    -- What became of the last attempt, and how many attempts wait for that to be known.
    outcome TEXT,
    pending BIGINT NOT NULL DEFAULT 0,
    matches BYTEA NOT NULL
);
CREATE INDEX incident_by_message ON incident (unique_id, policy_id);
CREATE INDEX incident_by_policy ON incident (policy_id, id);
CREATE INDEX incident_by_original ON incident (original_id);
CREATE INDEX incident_pending ON incident (id) WHERE pending > 0;
CREATE TABLE history (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX history_by_incident ON history (incident_id, id);
-- Keyed hashes of normalised matches: equal values are found, nothing is told.
CREATE TABLE match_hash (
    hash BYTEA NOT NULL,
    incident_id BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    PRIMARY KEY (hash, incident_id)
);
CREATE INDEX match_hash_by_incident ON match_hash (incident_id);
CREATE TABLE effect (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    done_at BIGINT,
    UNIQUE (incident_id, rule, kind)
);
CREATE INDEX effect_due ON effect (done_at, due_at);
