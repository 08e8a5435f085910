-- Decisions about all that a filter shows: carried out piece by piece, and taken up again after a crash.
CREATE TABLE bulk (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action TEXT NOT NULL,
    filter TEXT NOT NULL,
    -- Where people see what it means.
    view TEXT NOT NULL,
    who TEXT NOT NULL,
    origin TEXT,
    note TEXT,
    asked_at BIGINT NOT NULL,
    -- Held incidents that it meant when it was asked for.
    total BIGINT NOT NULL,
    -- The next piece lies below this number: whatever came later is not meant.
    below BIGINT NOT NULL,
    decided BIGINT NOT NULL DEFAULT 0,
    done_at BIGINT,
    -- Why it ended before its end.
    broken TEXT
);
CREATE INDEX bulk_to_do ON bulk (id) WHERE done_at IS NULL;
