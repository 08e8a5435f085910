-- What incidents are listed by carries what lists are cut by: a page of those with a value is a stretch of one index, read in
-- order and ended after its lines. The database keeps it true, whoever writes.
CREATE TABLE listed_term (
    kind TEXT NOT NULL,
    term TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    incident_id BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    severity BIGINT NOT NULL,
    policy_id BIGINT NOT NULL,
    prevent_status BIGINT NOT NULL,
    hidden BOOLEAN NOT NULL
);
INSERT INTO listed_term SELECT kind, term, received_at, id, status, severity, policy_id, prevent_status, hidden
    FROM incident_term JOIN incident ON id = incident_id;
DROP TABLE incident_term;
ALTER TABLE listed_term RENAME TO incident_term;
ALTER TABLE incident_term ADD CONSTRAINT incident_term_once PRIMARY KEY (kind, term, received_at, incident_id)
    INCLUDE (status, severity, policy_id, prevent_status, hidden);
CREATE INDEX incident_term_by_incident ON incident_term (incident_id);

CREATE TABLE listed_hash (
    hash BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    incident_id BIGINT NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    severity BIGINT NOT NULL,
    policy_id BIGINT NOT NULL,
    prevent_status BIGINT NOT NULL,
    hidden BOOLEAN NOT NULL
);
INSERT INTO listed_hash SELECT hash, received_at, id, status, severity, policy_id, prevent_status, hidden
    FROM match_hash JOIN incident ON id = incident_id;
DROP TABLE match_hash;
ALTER TABLE listed_hash RENAME TO match_hash;
ALTER TABLE match_hash ADD CONSTRAINT match_hash_once PRIMARY KEY (hash, received_at, incident_id)
    INCLUDE (status, severity, policy_id, prevent_status, hidden);
CREATE INDEX match_hash_by_incident ON match_hash (incident_id);

-- The term of a value: in small letters; of a long one its beginning, with a mark that says so.
ALTER TABLE attribute
    ADD COLUMN term TEXT,
    ADD COLUMN received_at BIGINT,
    ADD COLUMN status TEXT,
    ADD COLUMN severity BIGINT,
    ADD COLUMN policy_id BIGINT,
    ADD COLUMN prevent_status BIGINT,
    ADD COLUMN hidden BOOLEAN;
DROP INDEX attribute_by_value;
UPDATE attribute SET term = lower(substr(value, 1, 100)) || CASE WHEN length(value) > 100 THEN chr(1) ELSE '' END,
    received_at = incident.received_at, status = incident.status, severity = incident.severity, policy_id = incident.policy_id,
    prevent_status = incident.prevent_status, hidden = incident.hidden FROM incident WHERE incident.id = attribute.incident_id;
CREATE INDEX attribute_by_term ON attribute (name, term, received_at, incident_id) INCLUDE (status, severity, policy_id, prevent_status, hidden);
CREATE FUNCTION attribute_listed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.term := lower(substr(NEW.value, 1, 100)) || CASE WHEN length(NEW.value) > 100 THEN chr(1) ELSE '' END;
    IF TG_OP = 'INSERT' THEN
        SELECT received_at, status, severity, policy_id, prevent_status, hidden
            INTO NEW.received_at, NEW.status, NEW.severity, NEW.policy_id, NEW.prevent_status, NEW.hidden
            FROM incident WHERE id = NEW.incident_id FOR NO KEY UPDATE;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER attribute_listed BEFORE INSERT OR UPDATE OF value ON attribute FOR EACH ROW EXECUTE FUNCTION attribute_listed();

CREATE FUNCTION incident_listed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE incident_term SET received_at = NEW.received_at, status = NEW.status, severity = NEW.severity, policy_id = NEW.policy_id,
        prevent_status = NEW.prevent_status, hidden = NEW.hidden WHERE incident_id = NEW.id;
    UPDATE match_hash SET received_at = NEW.received_at, status = NEW.status, severity = NEW.severity, policy_id = NEW.policy_id,
        prevent_status = NEW.prevent_status, hidden = NEW.hidden WHERE incident_id = NEW.id;
    UPDATE attribute SET received_at = NEW.received_at, status = NEW.status, severity = NEW.severity, policy_id = NEW.policy_id,
        prevent_status = NEW.prevent_status, hidden = NEW.hidden WHERE incident_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER incident_listed AFTER UPDATE OF received_at, status, severity, policy_id, prevent_status, hidden ON incident FOR EACH ROW
    WHEN (OLD.received_at <> NEW.received_at OR OLD.status <> NEW.status OR OLD.severity <> NEW.severity OR OLD.policy_id <> NEW.policy_id
    OR OLD.prevent_status <> NEW.prevent_status OR OLD.hidden <> NEW.hidden) EXECUTE FUNCTION incident_listed();

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
