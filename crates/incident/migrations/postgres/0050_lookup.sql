-- Incidents whose attributes are looked up, each once by itself and again when somebody asks; the rows of new ones stay until the
-- floor has passed them.
CREATE TABLE lookup (
    incident_id BIGINT PRIMARY KEY REFERENCES incident (id) ON DELETE CASCADE,
    asked_by TEXT,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    claimed_until BIGINT,
    trouble TEXT NOT NULL,
    done_at BIGINT
);
CREATE INDEX lookup_by_due ON lookup (due_at) WHERE done_at IS NULL;
-- Up to this incident all are seen to.
CREATE TABLE lookup_floor (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    incident_id BIGINT NOT NULL
);
