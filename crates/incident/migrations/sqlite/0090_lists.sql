-- What incidents are listed by carries what lists are cut by: a page of those with a value is a stretch of one index, read in
-- order and ended after its lines. The database keeps it true, whoever writes.
CREATE TABLE listed_term (
    kind TEXT NOT NULL,
    term TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    severity INTEGER NOT NULL,
    policy_id INTEGER NOT NULL,
    prevent_status INTEGER NOT NULL,
    hidden BOOLEAN NOT NULL,
    PRIMARY KEY (kind, term, received_at, incident_id)
) WITHOUT ROWID;
INSERT INTO listed_term SELECT kind, term, received_at, id, status, severity, policy_id, prevent_status, hidden
    FROM incident_term JOIN incident ON id = incident_id;
DROP TABLE incident_term;
ALTER TABLE listed_term RENAME TO incident_term;
CREATE INDEX incident_term_by_incident ON incident_term (incident_id);

CREATE TABLE listed_hash (
    hash BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    severity INTEGER NOT NULL,
    policy_id INTEGER NOT NULL,
    prevent_status INTEGER NOT NULL,
    hidden BOOLEAN NOT NULL,
    PRIMARY KEY (hash, received_at, incident_id)
) WITHOUT ROWID;
INSERT INTO listed_hash SELECT hash, received_at, id, status, severity, policy_id, prevent_status, hidden
    FROM match_hash JOIN incident ON id = incident_id;
DROP TABLE match_hash;
ALTER TABLE listed_hash RENAME TO match_hash;
CREATE INDEX match_hash_by_incident ON match_hash (incident_id);

-- The term of a value: in small letters; of a long one its beginning, with a mark that says so.
ALTER TABLE attribute ADD COLUMN term TEXT;
ALTER TABLE attribute ADD COLUMN received_at INTEGER;
ALTER TABLE attribute ADD COLUMN status TEXT;
ALTER TABLE attribute ADD COLUMN severity INTEGER;
ALTER TABLE attribute ADD COLUMN policy_id INTEGER;
ALTER TABLE attribute ADD COLUMN prevent_status INTEGER;
ALTER TABLE attribute ADD COLUMN hidden BOOLEAN;
UPDATE attribute SET term = lower(substr(value, 1, 100)) || CASE WHEN length(value) > 100 THEN char(1) ELSE '' END,
    (received_at, status, severity, policy_id, prevent_status, hidden) =
    (SELECT received_at, status, severity, policy_id, prevent_status, hidden FROM incident WHERE id = attribute.incident_id);
DROP INDEX attribute_by_value;
CREATE INDEX attribute_by_term ON attribute (name, term, received_at, incident_id, status, severity, policy_id, prevent_status, hidden);
CREATE TRIGGER attribute_listed AFTER INSERT ON attribute BEGIN
    UPDATE attribute SET term = lower(substr(value, 1, 100)) || CASE WHEN length(value) > 100 THEN char(1) ELSE '' END,
        (received_at, status, severity, policy_id, prevent_status, hidden) =
        (SELECT received_at, status, severity, policy_id, prevent_status, hidden FROM incident WHERE id = NEW.incident_id)
        WHERE incident_id = NEW.incident_id AND name = NEW.name;
END;
CREATE TRIGGER attribute_relisted AFTER UPDATE OF value ON attribute BEGIN
    UPDATE attribute SET term = lower(substr(value, 1, 100)) || CASE WHEN length(value) > 100 THEN char(1) ELSE '' END
        WHERE incident_id = NEW.incident_id AND name = NEW.name;
END;

CREATE TRIGGER incident_listed AFTER UPDATE OF received_at, status, severity, policy_id, prevent_status, hidden ON incident
WHEN OLD.received_at <> NEW.received_at OR OLD.status <> NEW.status OR OLD.severity <> NEW.severity OR OLD.policy_id <> NEW.policy_id
    OR OLD.prevent_status <> NEW.prevent_status OR OLD.hidden <> NEW.hidden BEGIN
    UPDATE incident_term SET received_at = NEW.received_at, status = NEW.status, severity = NEW.severity, policy_id = NEW.policy_id,
        prevent_status = NEW.prevent_status, hidden = NEW.hidden WHERE incident_id = NEW.id;
    UPDATE match_hash SET received_at = NEW.received_at, status = NEW.status, severity = NEW.severity, policy_id = NEW.policy_id,
        prevent_status = NEW.prevent_status, hidden = NEW.hidden WHERE incident_id = NEW.id;
    UPDATE attribute SET received_at = NEW.received_at, status = NEW.status, severity = NEW.severity, policy_id = NEW.policy_id,
        prevent_status = NEW.prevent_status, hidden = NEW.hidden WHERE incident_id = NEW.id;
END;

-- Lists leave hidden incidents out, or show only them: the indexes know which they are.
DROP INDEX incident_by_time;
DROP INDEX incident_by_status;
DROP INDEX incident_by_severity;
DROP INDEX incident_by_policy_time;
DROP INDEX incident_by_prevent_status;
CREATE INDEX incident_by_time ON incident (received_at, id, status, severity, policy_id, prevent_status, hidden);
CREATE INDEX incident_by_status ON incident (status, received_at, id, severity, policy_id, prevent_status, hidden);
CREATE INDEX incident_by_severity ON incident (severity, received_at, id, status, policy_id, prevent_status, hidden);
CREATE INDEX incident_by_policy_time ON incident (policy_id, received_at, id, status, severity, prevent_status, hidden);
CREATE INDEX incident_by_prevent_status ON incident (prevent_status, received_at, id, status, severity, policy_id, hidden);
-- That of the time begins so, too.
DROP INDEX incident_by_age;
