-- Plug-ins that run only once a second person has confirmed, and what waits for one. The actions are those of the rule when it
-- was asked for.
ALTER TABLE plugin ADD COLUMN second_person BOOLEAN NOT NULL DEFAULT FALSE;
CREATE TABLE second_person (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    actions TEXT NOT NULL,
    note TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    origin TEXT,
    asked_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    decided_by TEXT,
    decided_at INTEGER
);
CREATE UNIQUE INDEX second_person_waiting ON second_person (incident_id, rule) WHERE state = 'waiting';
CREATE INDEX second_person_by_incident ON second_person (incident_id, id);
