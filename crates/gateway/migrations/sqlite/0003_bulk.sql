-- Decisions about all that a filter shows: carried out piece by piece, and taken up again after a crash.
CREATE TABLE bulk (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    action TEXT NOT NULL,
    filter TEXT NOT NULL,
    -- Where people see what it means.
    view TEXT NOT NULL,
    who TEXT NOT NULL,
    origin TEXT,
    note TEXT,
    asked_at INTEGER NOT NULL,
    -- Held incidents that it meant when it was asked for.
    total INTEGER NOT NULL,
    -- The next piece lies below this number: whatever came later is not meant.
    below INTEGER NOT NULL,
    decided INTEGER NOT NULL DEFAULT 0,
    done_at INTEGER,
    -- Why it ended before its end.
    broken TEXT
);
CREATE INDEX bulk_to_do ON bulk (id) WHERE done_at IS NULL;
