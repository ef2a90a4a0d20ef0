-- What vendors deliver to the webhook addresses of connectors, written down before it is answered.
CREATE TABLE webhook_deliveries (
    owner_id     text        NOT NULL,
    connector_id uuid        NOT NULL,
    id           uuid        NOT NULL,
    -- SHA-256 of what the vendor knows it by, else of its bytes: the same one comes again.
    dedup_key    bytea       NOT NULL,
    -- As it came; gone once nothing of it waits any more.
    body         bytea,
    received_at  timestamptz NOT NULL DEFAULT now(),
    processed_at timestamptz,
    -- How often it was begun to be read, and why it could not be.
    attempts     integer     NOT NULL DEFAULT 0,
    attempted_at timestamptz,
    error        text,
    -- Ids of records that it changes or removes and that have not come yet.
    waits_for    text[],
    PRIMARY KEY (owner_id, connector_id, id),
    UNIQUE (owner_id, connector_id, dedup_key),
    FOREIGN KEY (owner_id, connector_id) REFERENCES external_connectors (owner_id, id) ON DELETE CASCADE,
    CHECK (body IS NOT NULL OR processed_at IS NOT NULL)
);

CREATE INDEX webhook_deliveries_unread ON webhook_deliveries (owner_id, connector_id, id) WHERE processed_at IS NULL;
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries USING gin (waits_for)
    WHERE waits_for IS NOT NULL AND processed_at IS NOT NULL;
-- A webhook's address names the connector alone.
CREATE INDEX external_connectors_by_id ON external_connectors (id);

-- Who reacted to what, where a vendor tells each reaction by its person: records show the counts alone.
CREATE TABLE record_reactions (
    owner_id     text        NOT NULL,
    connector_id uuid        NOT NULL,
    external_id  text        NOT NULL,
    person       text        NOT NULL,
    -- Absent once it was taken back.
    name         text,
    reacted_at   timestamptz NOT NULL,
    PRIMARY KEY (owner_id, connector_id, external_id, person),
    FOREIGN KEY (owner_id, connector_id) REFERENCES external_connectors (owner_id, id) ON DELETE CASCADE
);
