-- What people do with incidents: they look for them, decide, and note why.
ALTER TABLE incident ADD COLUMN recorded_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incident ADD COLUMN sender_domain TEXT NOT NULL DEFAULT '';
ALTER TABLE incident ADD COLUMN owner TEXT;
ALTER TABLE incident ADD COLUMN data_owner_name TEXT;
ALTER TABLE incident ADD COLUMN data_owner_email TEXT;
ALTER TABLE incident ADD COLUMN remediation_location TEXT;
ALTER TABLE incident ADD COLUMN hidden BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE incident ADD COLUMN decided_at INTEGER;
-- From where a person acted.
ALTER TABLE history ADD COLUMN origin TEXT;
UPDATE incident SET recorded_at = received_at, sender_domain = lower(substr(sender, instr(sender, '@') + 1));

CREATE TABLE status (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    status_group TEXT NOT NULL,
    closed BOOLEAN NOT NULL,
    position INTEGER NOT NULL,
    built_in BOOLEAN NOT NULL
);
INSERT INTO status (id, name, status_group, closed, position, built_in) VALUES
    (1, 'New', 'Open', FALSE, 10, TRUE), (2, 'In Process', 'Open', FALSE, 20, TRUE), (3, 'Escalated', 'Open', FALSE, 30, TRUE),
    (4, 'False Positive', 'Closed', TRUE, 40, TRUE), (5, 'Configuration Error', 'Closed', TRUE, 50, TRUE), (6, 'Resolved', 'Closed', TRUE, 60, TRUE);

-- What an incident has several of and is found by: recipients, their domains, reasons of parts that could not be inspected.
CREATE TABLE incident_term (
    kind TEXT NOT NULL,
    term TEXT NOT NULL,
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    PRIMARY KEY (kind, term, incident_id)
) WITHOUT ROWID;
CREATE INDEX incident_term_by_incident ON incident_term (incident_id);
INSERT OR IGNORE INTO incident_term SELECT 'recipient', lower(each.value), incident.id FROM incident, json_each(incident.recipients) AS each;
INSERT OR IGNORE INTO incident_term SELECT 'recipient-domain', lower(substr(each.value, instr(each.value, '@') + 1)), incident.id FROM incident, json_each(incident.recipients) AS each;
INSERT OR IGNORE INTO incident_term SELECT 'unscannable', json_extract(each.value, '$[1]'), incident.id FROM incident, json_each(incident.unscannable) AS each;

CREATE INDEX incident_by_time ON incident (received_at, id, status, severity, policy_id, prevent_status);
CREATE INDEX incident_by_status ON incident (status, received_at, id, severity, policy_id, prevent_status);
CREATE INDEX incident_by_severity ON incident (severity, received_at, id, status, policy_id, prevent_status);
CREATE INDEX incident_by_policy_time ON incident (policy_id, received_at, id, status, severity, prevent_status);
CREATE INDEX incident_by_prevent_status ON incident (prevent_status, received_at, id, status, severity, policy_id);
CREATE INDEX incident_by_server ON incident (server, received_at, id);
CREATE INDEX incident_by_sender ON incident (lower(sender), received_at, id);
CREATE INDEX incident_by_sender_domain ON incident (sender_domain, received_at, id);
CREATE INDEX incident_by_matches ON incident (match_count, received_at, id);
CREATE INDEX incident_by_recording ON incident (recorded_at, id);
CREATE INDEX incident_by_owner ON incident (owner, received_at, id) WHERE owner IS NOT NULL;
CREATE INDEX incident_decided ON incident (decided_at) WHERE decided_at IS NOT NULL;
-- The beginning of the value only: PostgreSQL keeps no index entry of several thousand octets.
CREATE INDEX attribute_by_value ON attribute (name, substr(value, 1, 100), incident_id);

CREATE TABLE note (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX note_by_incident ON note (incident_id, id);
CREATE TABLE attribute_definition (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    attribute_group TEXT NOT NULL,
    position INTEGER NOT NULL,
    is_email BOOLEAN NOT NULL DEFAULT FALSE
);

-- Daily counts; kept by the database itself, whoever writes.
CREATE TABLE daily (
    day INTEGER NOT NULL,
    policy_id INTEGER NOT NULL,
    policy TEXT NOT NULL,
    severity INTEGER NOT NULL,
    status TEXT NOT NULL,
    prevent_status INTEGER NOT NULL,
    server TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (day, policy_id, policy, severity, status, prevent_status, server)
) WITHOUT ROWID;
CREATE TABLE daily_sender (
    day INTEGER NOT NULL,
    sender TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (day, sender)
) WITHOUT ROWID;
INSERT INTO daily SELECT received_at / 86400000, policy_id, policy, severity, status, prevent_status, server, count(*) FROM incident GROUP BY 1, 2, 3, 4, 5, 6, 7;
INSERT INTO daily_sender SELECT received_at / 86400000, lower(sender), count(*) FROM incident GROUP BY 1, 2;
CREATE TRIGGER daily_insert AFTER INSERT ON incident BEGIN
    INSERT INTO daily VALUES (NEW.received_at / 86400000, NEW.policy_id, NEW.policy, NEW.severity, NEW.status, NEW.prevent_status, NEW.server, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    INSERT INTO daily_sender VALUES (NEW.received_at / 86400000, lower(NEW.sender), 1) ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER daily_delete AFTER DELETE ON incident BEGIN
    INSERT INTO daily VALUES (OLD.received_at / 86400000, OLD.policy_id, OLD.policy, OLD.severity, OLD.status, OLD.prevent_status, OLD.server, -1)
        ON CONFLICT DO UPDATE SET n = n - 1;
    INSERT INTO daily_sender VALUES (OLD.received_at / 86400000, lower(OLD.sender), -1) ON CONFLICT DO UPDATE SET n = n - 1;
END;
CREATE TRIGGER daily_update AFTER UPDATE OF severity, status, prevent_status ON incident
WHEN OLD.severity <> NEW.severity OR OLD.status <> NEW.status OR OLD.prevent_status <> NEW.prevent_status BEGIN
    INSERT INTO daily VALUES (OLD.received_at / 86400000, OLD.policy_id, OLD.policy, OLD.severity, OLD.status, OLD.prevent_status, OLD.server, -1)
        ON CONFLICT DO UPDATE SET n = n - 1;
    INSERT INTO daily VALUES (NEW.received_at / 86400000, NEW.policy_id, NEW.policy, NEW.severity, NEW.status, NEW.prevent_status, NEW.server, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;
-- Decided: closed by a person or a rule, or released, rejected or treated at a gateway.
CREATE TRIGGER decided AFTER UPDATE OF status, prevent_status ON incident
WHEN NEW.decided_at IS NULL AND (NEW.prevent_status IN (22, 23, 24) OR EXISTS (SELECT 1 FROM status WHERE name = NEW.status AND closed)) BEGIN
    UPDATE incident SET decided_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE id = NEW.id;
END;

CREATE TABLE saved_report (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    shared BOOLEAN NOT NULL,
    query TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    UNIQUE (owner, name)
);

-- Named secrets, plug-ins and the rules that people start.
CREATE TABLE credential (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    shown TEXT NOT NULL,
    sealed BLOB NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
);
CREATE TABLE plugin (
    name TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
);
CREATE TABLE smart_rule (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    actions TEXT NOT NULL,
    position INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
);
-- What was asked of a plug-in. The id goes with every attempt: whoever gets it twice acts once.
CREATE TABLE remediation (
    id TEXT PRIMARY KEY,
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    plugin TEXT NOT NULL,
    request TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    origin TEXT,
    requested_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    claimed_until INTEGER,
    done_at INTEGER,
    outcome TEXT,
    answer TEXT
);
CREATE INDEX remediation_by_incident ON remediation (incident_id, requested_at);
CREATE INDEX remediation_due ON remediation (due_at) WHERE done_at IS NULL;
-- What the console changed in files of the policy set, and why.
CREATE TABLE policy_version (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file TEXT NOT NULL,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    before TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX policy_version_by_file ON policy_version (file, id);
