-- Who may call the server over HTTP: long tokens for clients, and one-time codes by which a person signs in to a page.
-- Only hashes are kept: 256 random bits need no slow hash.
CREATE TABLE api_tokens (
    owner_id     text        NOT NULL,
    id           uuid        NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('token', 'code')),
    hash         bytea       NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    PRIMARY KEY (owner_id, id)
);
