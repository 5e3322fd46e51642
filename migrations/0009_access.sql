-- Who may look and steer through the dashboard. Of what lets somebody in only hashes are kept.
CREATE TABLE users (
    name TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    -- argon2id, in PHC's form.
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    signed_in_at BIGINT
);

CREATE TABLE sessions (
    -- Of the cookie's value, in hexadecimal.
    token_sha256 TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    -- How they signed in: `link`, `password` or `oidc`.
    way TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX sessions_name ON sessions (name);
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE api_tokens (
    id ROW_KEY NOT NULL PRIMARY KEY,
    -- What it is for, in words.
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    token_sha256 TEXT NOT NULL UNIQUE,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- To the minute.
    used_at BIGINT
);

INSERT INTO sequences (name, next) VALUES ('api_token', 1);
