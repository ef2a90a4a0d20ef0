-- How many records of a connector are alive, as what statements added and took: who asks for the number sums these rows up
-- instead of counting records. Statements of one connector's pages run side by side, so that each leaves a row of its own;
-- the end of a run puts them together.
CREATE TABLE record_counts (
    owner_id     text   NOT NULL,
    connector_id uuid   NOT NULL,
    alive        bigint NOT NULL
);

CREATE INDEX record_counts_by_connector ON record_counts (owner_id, connector_id) INCLUDE (alive);

-- In the database, so that no statement, ours or somebody's by hand, can change records past it.
CREATE FUNCTION count_added_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO record_counts (owner_id, connector_id, alive)
        SELECT owner_id, connector_id, count(*) FROM added WHERE removed_at IS NULL GROUP BY owner_id, connector_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_changed_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO record_counts (owner_id, connector_id, alive)
        SELECT owner_id, connector_id, sum(n) FROM (
            SELECT owner_id, connector_id, 1 AS n FROM added WHERE removed_at IS NULL
            UNION ALL SELECT owner_id, connector_id, -1 FROM gone WHERE removed_at IS NULL
        ) both_sides GROUP BY owner_id, connector_id HAVING sum(n) <> 0;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_deleted_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO record_counts (owner_id, connector_id, alive)
        SELECT owner_id, connector_id, -count(*) FROM gone WHERE removed_at IS NULL GROUP BY owner_id, connector_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER count_added_records AFTER INSERT ON records
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_added_records();
CREATE TRIGGER count_changed_records AFTER UPDATE ON records
    REFERENCING OLD TABLE AS gone NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_changed_records();
CREATE TRIGGER count_deleted_records AFTER DELETE ON records
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_records();

-- Nobody writes records while this is done: creating a trigger waits for them and holds them off.
INSERT INTO record_counts (owner_id, connector_id, alive)
    SELECT owner_id, connector_id, count(*) FROM records WHERE removed_at IS NULL GROUP BY owner_id, connector_id;
