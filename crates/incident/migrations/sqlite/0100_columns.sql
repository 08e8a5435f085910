-- Incidents by column: what 65,536 of them in a row have of one field, so that a question that no list answers is asked of all
-- of them at once. Made and kept by the server that people ask; where there is none, nothing is noted either.
CREATE TABLE incident_column (
    name TEXT NOT NULL,
    block INTEGER NOT NULL,
    -- The version of the state that it came with.
    written INTEGER NOT NULL,
    octets BLOB NOT NULL,
    PRIMARY KEY (name, block)
);
CREATE TABLE incident_column_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    -- Blocks before this one are made; those up to the last one are there to be made.
    next_block INTEGER NOT NULL,
    last_block INTEGER NOT NULL
);
-- Incidents that came, went or changed since their block was written.
CREATE TABLE incident_changed (
    id INTEGER PRIMARY KEY,
    incident_id INTEGER NOT NULL
);
CREATE TRIGGER incident_came AFTER INSERT ON incident WHEN EXISTS (SELECT 1 FROM incident_column_state) BEGIN
    INSERT INTO incident_changed (incident_id) VALUES (NEW.id);
END;
CREATE TRIGGER incident_went AFTER DELETE ON incident WHEN EXISTS (SELECT 1 FROM incident_column_state) BEGIN
    INSERT INTO incident_changed (incident_id) VALUES (OLD.id);
END;
CREATE TRIGGER incident_changes AFTER UPDATE OF policy_id, policy_version, severity, status, prevent_status, sender, direction, server,
    received_at, match_count, trial, recorded_at, sender_domain, owner, data_owner_name, remediation_location, hidden, pseudonym
    ON incident WHEN EXISTS (SELECT 1 FROM incident_column_state) BEGIN
    INSERT INTO incident_changed (incident_id) VALUES (NEW.id);
END;
CREATE TRIGGER attribute_came AFTER INSERT ON attribute WHEN EXISTS (SELECT 1 FROM incident_column_state) BEGIN
    INSERT INTO incident_changed (incident_id) VALUES (NEW.incident_id);
END;
CREATE TRIGGER attribute_went AFTER DELETE ON attribute WHEN EXISTS (SELECT 1 FROM incident_column_state) BEGIN
    INSERT INTO incident_changed (incident_id) VALUES (OLD.incident_id);
END;
CREATE TRIGGER attribute_changes AFTER UPDATE OF value ON attribute WHEN EXISTS (SELECT 1 FROM incident_column_state) BEGIN
    INSERT INTO incident_changed (incident_id) VALUES (NEW.incident_id);
END;
