-- Incidents by column: what 65,536 of them in a row have of one field, so that a question that no list answers is asked of all
-- of them at once. Made and kept by the servers that people ask.
CREATE TABLE incident_column (
    name TEXT NOT NULL,
    block BIGINT NOT NULL,
    -- The version of the state that it came with.
    written BIGINT NOT NULL,
    octets BYTEA NOT NULL,
    PRIMARY KEY (name, block)
);
-- They are dense already.
ALTER TABLE incident_column ALTER COLUMN octets SET STORAGE EXTERNAL;
CREATE TABLE incident_column_state (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL,
    -- Blocks before this one are made; those up to the last one are there to be made.
    next_block BIGINT NOT NULL,
    last_block BIGINT NOT NULL
);
-- Incidents that came, went or changed since their block was written.
CREATE TABLE incident_changed (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id BIGINT NOT NULL
);
CREATE FUNCTION incident_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO incident_changed (incident_id) SELECT id FROM changed;
    RETURN NULL;
END $$;
CREATE FUNCTION incident_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO incident_changed (incident_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION attribute_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO incident_changed (incident_id) SELECT DISTINCT incident_id FROM changed;
    RETURN NULL;
END $$;
CREATE FUNCTION attribute_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO incident_changed (incident_id) VALUES (NEW.incident_id);
    RETURN NULL;
END $$;
CREATE TRIGGER incident_came AFTER INSERT ON incident REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION incident_changed();
CREATE TRIGGER incident_went AFTER DELETE ON incident REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION incident_changed();
CREATE TRIGGER incident_changes AFTER UPDATE OF policy_id, policy_version, severity, status, prevent_status, sender, direction, server,
    received_at, match_count, trial, recorded_at, sender_domain, owner, data_owner_name, remediation_location, hidden, pseudonym
    ON incident FOR EACH ROW EXECUTE FUNCTION incident_changes();
CREATE TRIGGER attribute_came AFTER INSERT ON attribute REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION attribute_changed();
CREATE TRIGGER attribute_went AFTER DELETE ON attribute REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION attribute_changed();
CREATE TRIGGER attribute_changes AFTER UPDATE OF value ON attribute FOR EACH ROW EXECUTE FUNCTION attribute_changes();
