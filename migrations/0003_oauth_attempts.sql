-- Attempts to link an account in a browser. In the database, so that whichever process is reached finishes any of them.
CREATE TABLE oauth_attempts (
    owner_id         text        NOT NULL,
    -- 192 random bits: whoever knows it can open its page.
    id               text        NOT NULL UNIQUE,
    provider         text        NOT NULL,
    account_label    text        NOT NULL DEFAULT '',
    settings         jsonb       NOT NULL DEFAULT '{}',
    -- The connector that is to be linked again: no other account will do.
    relinks          uuid,
    -- Scheme, host and port at which its pages are.
    origin           text        NOT NULL,
    -- Where the vendor sends the person back to; absent where a form is filled in instead.
    redirect_uri     text,
    -- Where the person goes in the end, of the addresses that are allowed.
    redirect_to      text,
    -- The sealed code verifier and the app's credentials; gone when the attempt ends.
    secrets_envelope jsonb,
    -- SHA-256 of the state that is on its way, and of the browser's cookie.
    state_hash       bytea       UNIQUE,
    state_used       boolean     NOT NULL DEFAULT false,
    cookie_hash      bytea,
    status           text        NOT NULL DEFAULT 'pending'
                     CHECK (status IN ('pending', 'opened', 'linked', 'failed', 'expired')),
    -- A word for programs, and a sentence.
    reason           text,
    problem          text,
    connector_id     uuid,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    PRIMARY KEY (owner_id, id),
    CHECK ((status = 'linked') = (connector_id IS NOT NULL)),
    CHECK ((status = 'failed') = (reason IS NOT NULL))
);

CREATE INDEX oauth_attempts_by_expiry ON oauth_attempts (expires_at);

-- The app that a person granted access to; absent where they pasted tokens, which are theirs to revoke.
ALTER TABLE external_connectors ADD COLUMN oauth_client_id text;
