-- By what a provider knows a user of its own again, whatever they are called.
ALTER TABLE web_user ADD COLUMN subject TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX web_user_by_subject ON web_user (home, subject) WHERE subject <> '';
-- Rounds to the provider that somebody came in by: each counts once.
CREATE TABLE web_round (
    hash {octets} PRIMARY KEY,
    ends_at BIGINT NOT NULL
);
