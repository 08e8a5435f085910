-- One text for both databases: {id} is a number that the database gives, {octets} a column of octets.
CREATE TABLE web_role (
    id {id},
    name TEXT NOT NULL UNIQUE,
    built_in BOOLEAN NOT NULL,
    rights TEXT NOT NULL,
    version BIGINT NOT NULL
);
-- The name as people type it, and folded: two users never differ by case only.
CREATE TABLE web_user (
    id {id},
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    full_name TEXT NOT NULL,
    mail TEXT NOT NULL,
    password TEXT,
    must_change BOOLEAN NOT NULL,
    disabled BOOLEAN NOT NULL,
    failures BIGINT NOT NULL,
    locked_until BIGINT NOT NULL,
    second_factor {octets},
    second_factor_step BIGINT NOT NULL,
    default_role BIGINT REFERENCES web_role (id),
    created_at BIGINT NOT NULL,
    last_sign_in BIGINT,
    version BIGINT NOT NULL
);
CREATE TABLE web_user_role (
    user_id BIGINT NOT NULL REFERENCES web_user (id) ON DELETE CASCADE,
    role_id BIGINT NOT NULL REFERENCES web_role (id),
    PRIMARY KEY (user_id, role_id)
);
CREATE INDEX web_user_role_by_role ON web_user_role (role_id);
-- Only the hash of a session's secret: who reads this table cannot become its people.
CREATE TABLE web_session (
    hash {octets} PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES web_user (id) ON DELETE CASCADE,
    role_id BIGINT NOT NULL REFERENCES web_role (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    peer TEXT NOT NULL,
    agent TEXT NOT NULL,
    flash TEXT NOT NULL
);
CREATE INDEX web_session_by_user ON web_session (user_id);
CREATE TABLE web_token (
    id {id},
    user_id BIGINT NOT NULL REFERENCES web_user (id) ON DELETE CASCADE,
    role_id BIGINT NOT NULL REFERENCES web_role (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    hash {octets} NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    ends_at BIGINT,
    seen_at BIGINT
);
CREATE INDEX web_token_by_user ON web_token (user_id);
-- Each line's hash covers the line before it.
CREATE TABLE web_audit (
    number BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    role TEXT NOT NULL,
    peer TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash {octets} NOT NULL
);
CREATE INDEX web_audit_by_who ON web_audit (who, number);
CREATE INDEX web_audit_by_action ON web_audit (action, number);
