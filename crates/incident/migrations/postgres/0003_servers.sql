-- On a detection server: which journal this is, and how far Enforce has it.
CREATE TABLE journal (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    shipped BIGINT NOT NULL DEFAULT 0
);
-- On Enforce: how far each journal is taken, and which incident each of its incidents became.
CREATE TABLE taken (
    journal TEXT PRIMARY KEY,
    server TEXT NOT NULL,
    cursor BIGINT NOT NULL,
    taken_at BIGINT NOT NULL
);
CREATE TABLE shipped (
    journal TEXT NOT NULL,
    their_id BIGINT NOT NULL,
    -- None once it was deleted here: it does not come back, but a new attempt of its message does.
    incident_id BIGINT REFERENCES incident (id) ON DELETE SET NULL,
    change BIGINT NOT NULL,
    original TEXT,
    wanted BOOLEAN NOT NULL,
    PRIMARY KEY (journal, their_id)
);
CREATE INDEX shipped_wanted ON shipped (journal, original) WHERE wanted;
CREATE INDEX shipped_by_incident ON shipped (incident_id);
-- What gateways said: each once, and the state it comes to for each recipient's copy.
CREATE TABLE message_update (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway TEXT NOT NULL,
    seq BIGINT NOT NULL,
    digest TEXT NOT NULL,
    unique_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    state TEXT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    note TEXT NOT NULL,
    gateway_incident BIGINT NOT NULL,
    request_id TEXT,
    UNIQUE (gateway, seq, digest)
);
CREATE INDEX message_update_by_message ON message_update (unique_id, id);
CREATE TABLE message_state (
    unique_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    gateway TEXT NOT NULL,
    gateway_incident BIGINT NOT NULL,
    state TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    note TEXT NOT NULL,
    -- The decision that a later delivery report leaves standing.
    prevent_status BIGINT,
    PRIMARY KEY (unique_id, recipient)
);
CREATE INDEX incident_by_age ON incident (received_at);
CREATE INDEX original_by_age ON original (stored_at);
