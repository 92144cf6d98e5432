-- schema_versions.sql: what source tables looked like, from when to when, and what was done about a change.
--
-- Rules:
-- * A version is what a look has seen; the present one has no end. It is entered before anything is done about it.
-- * A change is tried once in a run. What could not be had for a lock waits for the next run; what cannot be followed
--   pauses its table until the source changes again or a person ends the pause.

CREATE TABLE sambapos.schema_versions (
  site_id    integer NOT NULL,
  table_name text NOT NULL,
  seen_from  timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_until timestamptz,
  columns    jsonb NOT NULL,
  outcome    text NOT NULL CHECK (outcome IN ('seen', 'followed', 'waiting', 'paused')),
  message    text,
  run_id     bigint NOT NULL,
  tried_by   bigint,
  PRIMARY KEY (site_id, table_name, seen_from)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.schema_versions', '');
COMMENT ON TABLE sambapos.schema_versions IS
  'What each copied table looked like at its source, from when to when, and what was done about the change';
COMMENT ON COLUMN sambapos.schema_versions.seen_from IS 'When a run saw the table so for the first time';
COMMENT ON COLUMN sambapos.schema_versions.seen_until IS
  'When a run saw that it is otherwise, or not there any more; NULL: it is so';
COMMENT ON COLUMN sambapos.schema_versions.columns IS
  'Array of {"name", "type", "nullable", "key", "collation"} in the source''s order; key: the place in the primary key';
COMMENT ON COLUMN sambapos.schema_versions.outcome IS
  'followed: live table and replica are as the source; waiting: it could not be done in this run, message says why, '
  'the next run tries again; paused: it cannot be followed, the table is left alone; seen: nothing was tried yet';
COMMENT ON COLUMN sambapos.schema_versions.message IS 'What was done, what it waits for, or why it cannot be followed';
COMMENT ON COLUMN sambapos.schema_versions.run_id IS 'The run that saw it first';
COMMENT ON COLUMN sambapos.schema_versions.tried_by IS 'The last run that tried to follow it; NULL: none had to';

CREATE FUNCTION sambapos._schema_version(t sambapos._table) RETURNS sambapos.schema_versions
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT v FROM sambapos.schema_versions AS v
  WHERE (v.site_id, v.table_name) = (t.site_id, t.table_name) AND v.seen_until IS NULL;
$$;
COMMENT ON FUNCTION sambapos._schema_version(sambapos._table) IS
  'What a table looks like at the source; NULL: it was not looked at, or is not there';

CREATE FUNCTION sambapos._schema_version_end(t sambapos._table) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.schema_versions AS v SET seen_until = clock_timestamp()
   WHERE (v.site_id, v.table_name) = (t.site_id, t.table_name) AND v.seen_until IS NULL;
$$;
COMMENT ON FUNCTION sambapos._schema_version_end(sambapos._table) IS 'Ends the present version of a table';

CREATE FUNCTION sambapos._schema_version_note(run_id bigint, t sambapos._table, outcome text, message text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.schema_versions AS v
     SET outcome = _schema_version_note.outcome, message = nullif(_schema_version_note.message, ''),
         tried_by = _schema_version_note.run_id
   WHERE (v.site_id, v.table_name) = (t.site_id, t.table_name) AND v.seen_until IS NULL;
$$;
COMMENT ON FUNCTION sambapos._schema_version_note(bigint, sambapos._table, text, text) IS
  'Enters what a run has done about the present version of a table';

CREATE FUNCTION sambapos._schema_version_retry(table_name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.schema_versions AS v SET outcome = 'seen', tried_by = NULL
   WHERE v.table_name = _schema_version_retry.table_name AND v.seen_until IS NULL;
$$;
COMMENT ON FUNCTION sambapos._schema_version_retry(text) IS
  'Has the next run of every site compare a table with its source anew';
