-- What serves once and has: states that clients carried between the rounds of a call, tokens by which a person's yes was
-- brought back. In the database, so that no other process takes one again. Hashes alone; they are good for ten minutes, and
-- kept for an hour.
CREATE TABLE spent_states (
    owner_id text        NOT NULL,
    hash     bytea       NOT NULL,
    spent_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, hash)
);
