-- Tokens by which servers are enrolled: only their hashes.
CREATE TABLE enroll_token (
    hash TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    names TEXT NOT NULL,
    needs_approval BOOLEAN NOT NULL,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
-- Servers that were enrolled. 'waiting', 'approved' or 'revoked'.
CREATE TABLE server (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    names TEXT NOT NULL,
    serial TEXT NOT NULL,
    -- Counts beside the new one until the server has shown that.
    old_serial TEXT,
    certificate_ends BIGINT NOT NULL,
    enrolled_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    last_seen BIGINT,
    address TEXT,
    heartbeat TEXT,
    settings TEXT NOT NULL,
    settings_version BIGINT NOT NULL,
    settings_by TEXT NOT NULL
);
-- Keys of X-dlp-uniquemsgid, sealed.
CREATE TABLE unique_id_key (
    id {id},
    sealed {octets} NOT NULL,
    made_at BIGINT NOT NULL,
    retired_at BIGINT
);
