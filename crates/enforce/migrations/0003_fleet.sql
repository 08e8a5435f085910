-- Enforce servers over this database: who they are, and when they last told.
CREATE TABLE enforce_server (
    id TEXT PRIMARY KEY,
    console_url TEXT NOT NULL,
    -- Fingerprint of the authority that its certificates come from.
    authority TEXT NOT NULL,
    version TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);
-- What one of them does for all: until when it does, and a word about it (of the policies, the set).
CREATE TABLE enforce_lease (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL,
    word TEXT NOT NULL
);
