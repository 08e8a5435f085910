-- Since when an incident has its status; none: since it was recorded.
ALTER TABLE incident ADD COLUMN status_at INTEGER;
CREATE INDEX incident_by_status_age ON incident (status, coalesce(status_at, recorded_at));
CREATE TRIGGER status_at AFTER UPDATE OF status ON incident WHEN OLD.status <> NEW.status BEGIN
    UPDATE incident SET status_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE id = NEW.id;
END;
-- What becomes of incidents that stay too long in a status, and to which of them that was done since when.
CREATE TABLE ageing_rule (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    hours INTEGER NOT NULL,
    actions TEXT NOT NULL,
    acts_on_mail BOOLEAN NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
);
CREATE TABLE aged (
    rule_id INTEGER NOT NULL REFERENCES ageing_rule (id) ON DELETE CASCADE,
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    since INTEGER NOT NULL,
    PRIMARY KEY (rule_id, incident_id)
);
CREATE INDEX aged_by_incident ON aged (incident_id);
