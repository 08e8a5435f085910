-- On a detection server: which journal this is, and how far Enforce has it.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    shipped INTEGER NOT NULL DEFAULT 0
);
-- On Enforce: how far each journal is taken, and which incident each of its incidents became.
CREATE TABLE taken (
    journal TEXT PRIMARY KEY,
    server TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    taken_at INTEGER NOT NULL
);
CREATE TABLE shipped (
    journal TEXT NOT NULL,
    their_id INTEGER NOT NULL,
    -- None once it was deleted here: it does not come back, but a new attempt of its message does.
    incident_id INTEGER REFERENCES incident (id) ON DELETE SET NULL,
    change INTEGER NOT NULL,
    original TEXT,
    wanted BOOLEAN NOT NULL,
    PRIMARY KEY (journal, their_id)
);
CREATE INDEX shipped_wanted ON shipped (journal, original) WHERE wanted;
CREATE INDEX shipped_by_incident ON shipped (incident_id);
-- What gateways said: each once, and the state it comes to for each recipient's copy.
CREATE TABLE message_update (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    seq INTEGER NOT NULL,
    digest TEXT NOT NULL,
    unique_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    note TEXT NOT NULL,
    gateway_incident INTEGER NOT NULL,
    request_id TEXT,
    UNIQUE (gateway, seq, digest)
);
CREATE INDEX message_update_by_message ON message_update (unique_id, id);
CREATE TABLE message_state (
    unique_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    gateway TEXT NOT NULL,
    gateway_incident INTEGER NOT NULL,
    state TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    note TEXT NOT NULL,
    -- The decision that a later delivery report leaves standing.
    prevent_status INTEGER,
    PRIMARY KEY (unique_id, recipient)
);
CREATE INDEX incident_by_age ON incident (received_at);
CREATE INDEX original_by_age ON original (stored_at);
