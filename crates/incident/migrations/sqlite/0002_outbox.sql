-- A claim ends by itself: what a server that died was doing is done again.
ALTER TABLE effect ADD COLUMN claimed_until INTEGER;
ALTER TABLE effect ADD COLUMN first_tried_at INTEGER;
-- 'done' or 'failed', once it is over.
ALTER TABLE effect ADD COLUMN outcome TEXT;
CREATE TABLE attribute (
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (incident_id, name)
) WITHOUT ROWID;
