-- Linked accounts. Keys begin with owner_id, so that every table can be distributed by it.
CREATE TABLE external_connectors (
    owner_id             text        NOT NULL,
    id                   uuid        NOT NULL,
    provider             text        NOT NULL,
    provider_type        text        NOT NULL,
    account_identifier   text        NOT NULL,
    account_scope        text        NOT NULL DEFAULT '',
    account_label        text        NOT NULL DEFAULT '',
    status               text        NOT NULL DEFAULT 'active'
                         CHECK (status IN ('active', 'paused', 'needs_reauth', 'error', 'deleted')),
    capabilities         text[]      NOT NULL DEFAULT '{}',
    oauth_scopes         text[]      NOT NULL DEFAULT '{}',
    -- The sealed secrets; absent once the connector is deleted. The names alone are readable.
    secrets_envelope     jsonb,
    secret_names         text[]      NOT NULL DEFAULT '{}',
    metadata             jsonb       NOT NULL DEFAULT '{}',
    -- A summary of the feeds for people; the cursors themselves are in external_feeds.
    sync_cursor          jsonb,
    last_successful_sync timestamptz,
    last_error           jsonb,
    -- The one run that may write: its id, who runs it, and until when it may be silent.
    lease_run            uuid,
    lease_holder         jsonb,
    lease_until          timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, id),
    UNIQUE (owner_id, provider, account_identifier, account_scope),
    CHECK ((status = 'deleted') = (secrets_envelope IS NULL))
);

-- Where each feed stands: a cursor a feed, and the listing that is open.
CREATE TABLE external_feeds (
    owner_id        text        NOT NULL,
    connector_id    uuid        NOT NULL,
    feed            text        NOT NULL,
    name            text        NOT NULL DEFAULT '',
    cursor          jsonb,
    -- Read to its end by the last run that advanced it.
    caught_up       boolean     NOT NULL DEFAULT false,
    -- Listings are numbered; what the open one saw is in external_seen under its number.
    listing         bigint      NOT NULL DEFAULT 0,
    listing_open    boolean     NOT NULL DEFAULT false,
    listing_whole   boolean     NOT NULL DEFAULT false,
    listing_covers  jsonb       NOT NULL DEFAULT '"everything"',
    listing_since   timestamptz,
    listing_skipped boolean     NOT NULL DEFAULT false,
    listing_pages   bigint      NOT NULL DEFAULT 0,
    listing_began   timestamptz,
    -- When a listing from the start last reached its end.
    listed_at       timestamptz,
    -- Ids that a sweep would have removed and that wait for a yes.
    pending_sweep   text[],
    advanced_at     timestamptz,
    gone_at         timestamptz,
    -- What the run at hand did here, so that an interrupted run's numbers are not lost.
    run_id          uuid,
    run_stats       jsonb,
    PRIMARY KEY (owner_id, connector_id, feed),
    FOREIGN KEY (owner_id, connector_id) REFERENCES external_connectors (owner_id, id) ON DELETE CASCADE
);

-- What an open listing saw: one row a page, the ids as the first 64 bits of their SHA-256. A collision only keeps a
-- record alive.
CREATE TABLE external_seen (
    owner_id     text     NOT NULL,
    connector_id uuid     NOT NULL,
    feed         text     NOT NULL,
    listing      bigint   NOT NULL,
    page         bigint   NOT NULL,
    hashes       bigint[] NOT NULL,
    PRIMARY KEY (owner_id, connector_id, feed, listing, page),
    FOREIGN KEY (owner_id, connector_id, feed) REFERENCES external_feeds (owner_id, connector_id, feed) ON DELETE CASCADE
);

-- The history of runs.
CREATE TABLE external_sync_runs (
    owner_id         text        NOT NULL,
    id               uuid        NOT NULL,
    connector_id     uuid        NOT NULL,
    sync_type        text        NOT NULL CHECK (sync_type IN ('initial', 'incremental')),
    trigger          text        NOT NULL,
    status           text        NOT NULL
                     CHECK (status IN ('running', 'success', 'partial', 'failed', 'cancelled')),
    stats            jsonb       NOT NULL DEFAULT '{}',
    cursor           jsonb,
    feeds            bigint      NOT NULL DEFAULT 0,
    feeds_skipped    jsonb       NOT NULL DEFAULT '[]',
    more             boolean     NOT NULL DEFAULT false,
    removals_waiting bigint      NOT NULL DEFAULT 0,
    error            jsonb,
    started_at       timestamptz NOT NULL DEFAULT now(),
    completed_at     timestamptz,
    PRIMARY KEY (owner_id, id),
    FOREIGN KEY (owner_id, connector_id) REFERENCES external_connectors (owner_id, id) ON DELETE CASCADE,
    CHECK ((status = 'running') = (completed_at IS NULL))
);

CREATE INDEX external_sync_runs_by_connector ON external_sync_runs (owner_id, connector_id, id DESC);
