-- Objects of originals in an object store, each noted before it is put there. One that belongs to no original is to be deleted
-- when it is due; letting an original go makes it so by itself, whatever deletes the row.
CREATE TABLE original_object (
    name TEXT PRIMARY KEY,
    original_id INTEGER UNIQUE REFERENCES original (id) ON DELETE SET NULL,
    -- The bucket and what stands before names in it.
    place TEXT NOT NULL,
    octets INTEGER NOT NULL,
    -- When it is to be deleted, unless it belongs to an original; 0: as soon as it belongs to none.
    due_at INTEGER NOT NULL,
    -- How often that was tried.
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX original_object_due ON original_object (due_at) WHERE original_id IS NULL;
