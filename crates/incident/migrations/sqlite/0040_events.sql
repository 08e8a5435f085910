-- What is told to receivers such as a SIEM: each line of each history, while anybody listens. A line gets its place once it is
-- committed, so that places are in the order in which they can be read, whoever wrote.
CREATE TABLE receiver (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    -- The last place that it was told.
    told INTEGER NOT NULL,
    -- Events that it was never told: too many waited, or it refused them.
    skipped INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL DEFAULT 0,
    claimed_until INTEGER,
    -- Whose turn it is: grows with each claim.
    turn INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER,
    error TEXT,
    error_at INTEGER,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
);
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    history_id INTEGER NOT NULL,
    place INTEGER
);
CREATE INDEX event_by_place ON event (place);
CREATE INDEX event_without_place ON event (id) WHERE place IS NULL;
CREATE TABLE event_count (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
);
INSERT INTO event_count (id, last) VALUES (1, 0);
CREATE TRIGGER event_of_history AFTER INSERT ON history WHEN EXISTS (SELECT 1 FROM receiver WHERE enabled) BEGIN
    INSERT INTO event (history_id) VALUES (NEW.id);
END;
