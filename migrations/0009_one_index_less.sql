-- Every statement that goes by a vendor's id names the owner, the connector and the source too, so that the unique key serves
-- them all. Beside it this index was one more page to read and to log for each record that is written.
DROP INDEX records_by_external_id;
