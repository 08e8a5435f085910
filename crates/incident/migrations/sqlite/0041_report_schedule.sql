-- When a saved report is sent to its owner by mail: seen with this role, at this hour of this zone.
CREATE TABLE report_schedule (
    report_id INTEGER PRIMARY KEY REFERENCES saved_report (id) ON DELETE CASCADE,
    every TEXT NOT NULL,
    -- Of the week (Monday is 1) or of the month; 0 where it goes out every day.
    day INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    zone TEXT NOT NULL,
    role_id INTEGER NOT NULL,
    due_at INTEGER NOT NULL
);
CREATE INDEX report_schedule_due ON report_schedule (due_at);
-- One mail for each time that it was due. What was handed over without an answer is not sent again.
CREATE TABLE report_mail (
    report_id INTEGER NOT NULL REFERENCES saved_report (id) ON DELETE CASCADE,
    due_at INTEGER NOT NULL,
    role_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    claimed_until INTEGER,
    detail TEXT NOT NULL DEFAULT '',
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (report_id, due_at)
);
CREATE INDEX report_mail_open ON report_mail (next_at) WHERE state IN ('waiting', 'claimed', 'sending');
