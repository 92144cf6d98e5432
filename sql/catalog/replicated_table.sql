-- replicated_table.sql: which tables of a site are copied and how each is read; what was decided about columns with
-- personal data.

CREATE TABLE sambapos.replicated_table (
  site_id          integer NOT NULL,
  table_name       text NOT NULL,
  source_schema    text NOT NULL DEFAULT 'dbo',
  source_name      text NOT NULL,
  kind             text NOT NULL CHECK (kind IN ('ticket', 'document', 'period', 'child', 'master')),
  parent           text,
  parent_key       text,
  date_column      text,
  history          boolean NOT NULL DEFAULT false,
  history_choice   boolean,
  enabled          boolean NOT NULL DEFAULT true,
  sync_interval    interval CHECK (sync_interval BETWEEN '10 seconds' AND '31 days'),
  priority         integer NOT NULL DEFAULT 0,
  added_at         timestamptz NOT NULL DEFAULT now(),
  reread_at        timestamptz,
  PRIMARY KEY (site_id, table_name),
  CHECK ((kind = 'child') = (parent IS NOT NULL AND parent_key IS NOT NULL))
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.replicated_table', '');
COMMENT ON TABLE sambapos.replicated_table IS
  'Which tables of a site are copied and how each is read. Settings only, as site';
COMMENT ON COLUMN sambapos.replicated_table.reread_at IS
  'When a setting was changed that the whole table has to be read for: the next run does, and ends a pause';
COMMENT ON COLUMN sambapos.replicated_table.sync_interval IS
  'How often scheduled runs read the table; NULL: each of them does. The same for all tables that are read together';
COMMENT ON COLUMN sambapos.replicated_table.priority IS
  'A run reads tables of a higher one first. The same for all tables that are read together';
COMMENT ON COLUMN sambapos.replicated_table.table_name IS
  'Name in sambapos_replica and in sambapos_live_<site>; once given it stays';
COMMENT ON COLUMN sambapos.replicated_table.source_name IS
  'Name at the source, in its own case: by this the table is known, imported and asked for';
COMMENT ON COLUMN sambapos.replicated_table.kind IS
  'ticket, document, period: roots, read by what changed; child: read with its root; master: read whole and compared';
COMMENT ON COLUMN sambapos.replicated_table.parent IS 'A child''s root table, by replica name';
COMMENT ON COLUMN sambapos.replicated_table.parent_key IS
  'The child''s column that holds its root''s id, by replica name';
COMMENT ON COLUMN sambapos.replicated_table.date_column IS
  'A root''s date of birth, by replica name: it cannot change, so it tells a used-again id from an edit';
COMMENT ON COLUMN sambapos.replicated_table.history IS
  'Earlier versions of all rows are kept in sambapos_replica.<table_name>_history, unless history_choice says '
  'otherwise; of rows that are in an archive they are in any case';
COMMENT ON COLUMN sambapos.replicated_table.history_choice IS
  'The setting history: whether earlier versions of all rows are kept; NULL: as by default (history)';

CREATE TABLE sambapos.table_state (
  site_id          integer NOT NULL,
  table_name       text NOT NULL,
  missing_columns  text[] NOT NULL DEFAULT '{}',
  code_of_others   text,
  full_due         boolean NOT NULL DEFAULT true,
  reread_seen_at   timestamptz,
  paused_reason    text,
  paused_under     timestamptz,
  loaded_at        timestamptz,
  source_max_id    bigint,
  read_whole_at    timestamptz,
  source_signature text,
  tracked_version  bigint,
  tracked_least    bigint,
  tracking_problem text,
  last_status      text,
  read_began_at    timestamptz,
  read_version     bigint,
  last_run_at      timestamptz,
  last_success_at  timestamptz,
  last_error       text,
  last_sqlstate    text,
  rows_inserted    bigint NOT NULL DEFAULT 0,
  rows_updated     bigint NOT NULL DEFAULT 0,
  rows_gone        bigint NOT NULL DEFAULT 0,
  rows_missed      bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (site_id, table_name)
) WITH (fillfactor = 50); -- each run writes all rows of a site: a page has room for their next versions
SELECT pg_catalog.pg_extension_config_dump('sambapos.table_state', '');
COMMENT ON TABLE sambapos.table_state IS
  'How far each copied table has come; written by runs. A table without a row was never read';
COMMENT ON COLUMN sambapos.table_state.missing_columns IS
  'Replica columns the source has dropped: they keep their values and are no longer read';
COMMENT ON COLUMN sambapos.table_state.code_of_others IS
  'Triggers, rules, defaults and the like on the replica table that run code of another role with the rights of the '
  'sync; NULL: none when last looked at';
COMMENT ON COLUMN sambapos.table_state.full_due IS
  'The next run reads the whole table: first load, new column, or a failure that may have left a gap';
COMMENT ON COLUMN sambapos.table_state.reread_seen_at IS
  'replicated_table.reread_at as the last run knew it that read the table whole';
COMMENT ON COLUMN sambapos.table_state.paused_reason IS
  'Why this table is left alone, for example a column whose type changed; NULL: it is not';
COMMENT ON COLUMN sambapos.table_state.paused_under IS
  'replicated_table.reread_at when it was paused: a later one ends the pause';
COMMENT ON COLUMN sambapos.table_state.last_status IS
  'run_table.status of the last run that was to read it: ok, skipped, paused or failed; NULL: none was';
COMMENT ON COLUMN sambapos.table_state.rows_missed IS
  'How many rows were repaired since the table was added that only a comparison has found';
COMMENT ON COLUMN sambapos.table_state.read_began_at IS
  'When the run began that last read the table, or found it unchanged: from then on its sync_interval counts';
COMMENT ON COLUMN sambapos.table_state.read_version IS
  'The site''s version when a run had last read the table: what has a later one has changed since; NULL: not known';
COMMENT ON COLUMN sambapos.table_state.source_max_id IS 'The highest id at the source when the table was last read';
COMMENT ON COLUMN sambapos.table_state.read_whole_at IS 'When all rows of the table were last read';
COMMENT ON COLUMN sambapos.table_state.source_signature IS
  'What a master''s rows added up to at the source when it was last read; while they do, it is read once a night only';

COMMENT ON COLUMN sambapos.table_state.tracked_version IS
  'The version of the source''s change tracking up to which the table was read; NULL: it can not be asked for changes';
COMMENT ON COLUMN sambapos.table_state.tracked_least IS 'The least valid version then';
COMMENT ON COLUMN sambapos.table_state.tracking_problem IS
  'Why the last run did not go by change tracking; NULL: it did, or may from now on, or was not to';

CREATE TABLE sambapos.waiting_root (
  site_id    integer NOT NULL,
  table_name text NOT NULL,
  id         bigint NOT NULL,
  run_id     bigint NOT NULL,
  missing_runs integer NOT NULL DEFAULT 0,
  PRIMARY KEY (site_id, table_name, id)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.waiting_root', '');
COMMENT ON TABLE sambapos.waiting_root IS
  'Roots whose rows wait for the next run: their children came without them, or could not be read, or they were another '
  'row, or none, when they were read again after their children';
COMMENT ON COLUMN sambapos.waiting_root.run_id IS
  'The run that found it so; a later run that reads the root deletes the row';
COMMENT ON COLUMN sambapos.waiting_root.missing_runs IS
  'In how many runs the children came and the root did not: after settle_runs of them it is not asked for any more, '
  'and its children wait until it comes by itself';

-- A table as the functions get it: its settings and its state in one row.
CREATE VIEW sambapos._table AS
SELECT t.site_id, t.table_name, t.source_schema, t.source_name, t.kind, t.parent, t.parent_key, t.date_column,
       coalesce(t.history_choice, t.history) OR EXISTS (SELECT FROM sambapos.archive_table AS a
                            WHERE (a.site_id, a.table_name) = (t.site_id, t.table_name)) AS history,
       coalesce(t.history_choice, t.history) AS history_of_all, t.enabled, t.sync_interval, t.priority, t.added_at,
       t.reread_at,
       coalesce(x.missing_columns, '{}') AS missing_columns, x.code_of_others,
       coalesce(x.full_due, true)
         OR (t.reread_at IS NOT NULL AND t.reread_at IS DISTINCT FROM x.reread_seen_at) AS full_due,
       CASE WHEN t.reread_at IS NOT DISTINCT FROM x.paused_under THEN x.paused_reason END AS paused_reason,
       x.loaded_at, x.source_max_id, x.read_whole_at, x.source_signature, x.tracked_version, x.tracked_least,
       x.tracking_problem, x.last_status, x.read_began_at, x.read_version, x.last_run_at, x.last_success_at,
       x.last_error, x.last_sqlstate, coalesce(x.rows_inserted, 0) AS rows_inserted,
       coalesce(x.rows_updated, 0) AS rows_updated,
       coalesce(x.rows_gone, 0) AS rows_gone, coalesce(x.rows_missed, 0) AS rows_missed
FROM sambapos.replicated_table AS t LEFT JOIN sambapos.table_state AS x USING (site_id, table_name);
COMMENT ON VIEW sambapos._table IS
  'A copied table''s settings and state in one row, as the functions pass it on. history: earlier versions are kept of '
  'some of its rows, those of an archive, or of all (history_of_all, the setting)';

-- Tables that have to be read together: tickets, account documents and all their children are one
-- story; any other root goes with its children; a master is alone.
CREATE FUNCTION sambapos._table_family(t sambapos._table) RETURNS name
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  root name := coalesce(t.parent, t.table_name);
BEGIN
  RETURN CASE WHEN root IN ('tickets', 'account_transaction_documents') THEN 'tickets' ELSE root END;
END;
$$;
COMMENT ON FUNCTION sambapos._table_family(sambapos._table) IS
  'The name of the group of tables that one run reads together';

CREATE FUNCTION sambapos._root_waits(run_id bigint, t sambapos._table, ids bigint[], is_missing boolean DEFAULT false)
RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.waiting_root AS w (site_id, table_name, id, run_id, missing_runs)
  SELECT t.site_id, t.table_name, i, _root_waits.run_id, is_missing::integer FROM unnest(ids) AS i
  ON CONFLICT ON CONSTRAINT waiting_root_pkey DO UPDATE SET run_id = excluded.run_id,
    missing_runs = CASE WHEN w.run_id = excluded.run_id THEN w.missing_runs -- it is said of each child table
                        WHEN is_missing THEN w.missing_runs + 1 ELSE 0 END;
$$;
COMMENT ON FUNCTION sambapos._root_waits(bigint, sambapos._table, bigint[], boolean) IS
  'Has the next run read these roots again, with their children; is_missing: children came, and the roots did not';

-- A replica table is one source table's, at all sites. Its name stays given when a table is taken out of a site and its
-- rows stay: they must never be taken for another table's.
CREATE TABLE sambapos.replica_name (
  table_name  text PRIMARY KEY,
  source_name text NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.replica_name', '');
COMMENT ON TABLE sambapos.replica_name IS
  'Which source table each table of sambapos_replica holds; once given, a name stays until the table is dropped by '
  'drop_data';
COMMENT ON COLUMN sambapos.replica_name.source_name IS
  'As at the first site that had it; at another its case may differ';

-- Two columns whose names would be one are told apart by numbers. Which one has which is the same at all sites, and
-- when a foreign table is imported once more.
CREATE TABLE sambapos.replica_column (
  table_name  text NOT NULL,
  source_name text NOT NULL,
  live_name   text NOT NULL,
  PRIMARY KEY (table_name, source_name)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.replica_column', '');
COMMENT ON TABLE sambapos.replica_column IS
  'What each source column of a copied table is called in the live foreign tables, at all sites; once given, a name '
  'stays';

CREATE TABLE sambapos.personal_treatment (
  site_id     integer NOT NULL,
  table_name  text NOT NULL,
  column_name text NOT NULL,
  treatment   text NOT NULL CHECK (treatment IN ('keep', 'null')),
  PRIMARY KEY (site_id, table_name, column_name)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.personal_treatment', '');
COMMENT ON TABLE sambapos.personal_treatment IS
  'What the DBA decided about columns with personal data; view personal_columns shows what holds for each';
COMMENT ON COLUMN sambapos.personal_treatment.treatment IS 'keep: the column is copied; null: it is read as NULL';
