-- The records. A vendor's ids collide between two mailboxes and two people, so the pair (external_source, external_id)
-- alone is no key.
CREATE TABLE records (
    owner_id        text        NOT NULL,
    id              uuid        NOT NULL,
    connector_id    uuid        NOT NULL,
    feed            text        NOT NULL,
    type            text        NOT NULL CHECK (type IN ('message', 'media_asset', 'note', 'task', 'event')),
    external_source text        NOT NULL,
    external_id     text,
    external_hash   text,
    external_place  text,
    properties      jsonb       NOT NULL,
    file_urls       jsonb       NOT NULL DEFAULT '[]',
    digest          bytea       NOT NULL,
    version         timestamptz,
    occurred_at     timestamptz,
    -- Folded: the title on the first line, everything else on the second.
    search_text     text        NOT NULL,
    title           tsvector    NOT NULL GENERATED ALWAYS AS (
                        to_tsvector('simple'::regconfig, split_part(search_text, E'\n', 1))
                    ) STORED,
    search          tsvector    NOT NULL GENERATED ALWAYS AS (
                        to_tsvector('simple'::regconfig, search_text)
                    ) STORED,
    removed_at      timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, id),
    UNIQUE (owner_id, connector_id, external_source, external_id),
    FOREIGN KEY (owner_id, connector_id) REFERENCES external_connectors (owner_id, id),
    CHECK (num_nonnulls(external_id, external_hash) = 1)
);

CREATE UNIQUE INDEX records_by_hash ON records (owner_id, connector_id, external_source, external_hash)
    WHERE external_hash IS NOT NULL;
CREATE INDEX records_by_external_id ON records (external_source, external_id);
CREATE INDEX records_alive_by_feed ON records (owner_id, connector_id, feed) WHERE removed_at IS NULL;
CREATE INDEX records_by_place ON records (owner_id, connector_id, external_place text_pattern_ops)
    WHERE external_place IS NOT NULL;
-- Search goes either by words or along the newest, whichever the planner finds shorter; what has no time comes last.
CREATE INDEX records_newest ON records (owner_id, (coalesce(occurred_at, '-infinity'::timestamptz)) DESC, id DESC)
    WHERE removed_at IS NULL;
CREATE INDEX records_title ON records USING gin (title) WHERE removed_at IS NULL;
CREATE INDEX records_search ON records USING gin (search) WHERE removed_at IS NULL;
