-- Most updates leave the number of living records as it is: they are not to pay for those that do not. A trigger with
-- transition tables keeps each row that a statement changes, old and new; a condition on the row costs next to nothing.
DROP TRIGGER count_changed_records ON records;
DROP FUNCTION count_changed_records;

CREATE FUNCTION count_changed_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO record_counts (owner_id, connector_id, alive)
        SELECT owner_id, connector_id, n FROM (VALUES
            (OLD.owner_id, OLD.connector_id, -1, OLD.removed_at),
            (NEW.owner_id, NEW.connector_id, 1, NEW.removed_at)
        ) both_sides (owner_id, connector_id, n, removed_at) WHERE removed_at IS NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER count_changed_record AFTER UPDATE ON records FOR EACH ROW
    WHEN ((OLD.removed_at IS NULL) <> (NEW.removed_at IS NULL)
        OR (OLD.owner_id, OLD.connector_id) <> (NEW.owner_id, NEW.connector_id))
    EXECUTE FUNCTION count_changed_record();
