-- Decisions that forms name, for a while: a form that is sent twice is done once.
CREATE TABLE decision (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);
CREATE INDEX decision_by_time ON decision (at);
