-- replicated_table.sql: which tables of a site are copied and how each is read; what was decided about columns with
-- personal data.

CREATE TABLE sambapos.replicated_table (
  site_id          integer NOT NULL REFERENCES sambapos.site ON DELETE CASCADE,
  table_name       name NOT NULL,
  source_schema    text NOT NULL DEFAULT 'dbo',
  source_name      text NOT NULL,
  kind             text NOT NULL CHECK (kind IN ('ticket', 'document', 'period', 'child', 'master')),
  parent           name,
  parent_key       name,
  date_column      name,
  history          boolean NOT NULL DEFAULT false,
  enabled          boolean NOT NULL DEFAULT true,
  paused_reason    text,
  added_at         timestamptz NOT NULL DEFAULT now(),
  -- state
  column_signature text,
  missing_columns  name[] NOT NULL DEFAULT '{}',
  code_of_others   text,
  full_due         boolean NOT NULL DEFAULT true,
  loaded_at        timestamptz,
  source_max_id    bigint,
  suspect_since    timestamptz,
  last_status      text,
  last_run_at      timestamptz,
  last_success_at  timestamptz,
  last_error       text,
  last_sqlstate    text,
  rows_inserted    bigint NOT NULL DEFAULT 0,
  rows_updated     bigint NOT NULL DEFAULT 0,
  rows_gone        bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (site_id, table_name),
  CHECK ((kind = 'child') = (parent IS NOT NULL AND parent_key IS NOT NULL))
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.replicated_table', '');
COMMENT ON TABLE sambapos.replicated_table IS 'Which tables of a site are copied, how each is read, and how far each has come';
COMMENT ON COLUMN sambapos.replicated_table.table_name IS 'Name in sambapos_replica and in sambapos_live_<site>';
COMMENT ON COLUMN sambapos.replicated_table.kind IS 'ticket, document, period: roots, read by what changed; child: read with its root; master: read whole and compared';
COMMENT ON COLUMN sambapos.replicated_table.parent IS 'A child''s root table, by replica name';
COMMENT ON COLUMN sambapos.replicated_table.parent_key IS 'The child''s column that holds its root''s id, by replica name';
COMMENT ON COLUMN sambapos.replicated_table.date_column IS 'A root''s date of birth, by replica name: it can''t change, so it tells a used-again id from an edit';
COMMENT ON COLUMN sambapos.replicated_table.history IS 'Earlier versions of rows are kept in sambapos_replica.<table_name>_history';
COMMENT ON COLUMN sambapos.replicated_table.paused_reason IS 'Why this table is left alone, for example a column whose type changed; NULL: it is not';
COMMENT ON COLUMN sambapos.replicated_table.column_signature IS 'The source''s columns and types when they were last looked at';
COMMENT ON COLUMN sambapos.replicated_table.missing_columns IS 'Replica columns the source has dropped: they keep their values and are no longer read';
COMMENT ON COLUMN sambapos.replicated_table.code_of_others IS 'Triggers, rules, defaults and the like on the replica table that run code of another role with the rights of the sync; NULL: none when last looked at';
COMMENT ON COLUMN sambapos.replicated_table.full_due IS 'The next run reads the whole table: first load, new column, or a failure that may have left a gap';
COMMENT ON COLUMN sambapos.replicated_table.source_max_id IS 'The highest id at the source when the table was last read';
COMMENT ON COLUMN sambapos.replicated_table.suspect_since IS 'Since when the table looks emptied while its roots are there: a clear may be running, removals wait';

CREATE TABLE sambapos.personal_column (
  site_id     integer NOT NULL REFERENCES sambapos.site ON DELETE CASCADE,
  table_name  name NOT NULL,
  column_name name NOT NULL,
  treatment   text NOT NULL CHECK (treatment IN ('keep', 'null')),
  PRIMARY KEY (site_id, table_name, column_name)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.personal_column', '');
COMMENT ON TABLE sambapos.personal_column IS 'What the DBA decided about columns with personal data; view personal_columns shows what holds for each';
