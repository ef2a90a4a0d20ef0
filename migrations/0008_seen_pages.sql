-- Pages that are stored together leave one row of what they saw.
ALTER TABLE external_seen ADD COLUMN pages bigint NOT NULL DEFAULT 1;
