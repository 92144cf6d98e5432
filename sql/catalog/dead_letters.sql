-- dead_letters.sql: values that PostgreSQL cannot hold as they are.

CREATE TABLE sambapos.dead_letters (
  site_id     integer NOT NULL,
  table_name  text NOT NULL,
  epoch       integer NOT NULL DEFAULT 0,
  key         jsonb NOT NULL,
  column_name text NOT NULL,
  replaced    text NOT NULL,
  raw         bytea,
  run_id      bigint NOT NULL,
  filed_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (site_id, table_name, epoch, key, column_name)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.dead_letters', '');
COMMENT ON TABLE sambapos.dead_letters IS
  'Values with invalid characters, such as half of a surrogate pair: the replica has U+FFFD in their place, '
  'what was read is here. A line goes when the value has been corrected at the source';
COMMENT ON COLUMN sambapos.dead_letters.epoch IS
  'The row''s epoch; 0: it was read and not merged yet';
COMMENT ON COLUMN sambapos.dead_letters.key IS 'The row''s key at the source, by replica names';
COMMENT ON COLUMN sambapos.dead_letters.replaced IS 'The value as the replica has it';
COMMENT ON COLUMN sambapos.dead_letters.raw IS
  'Its bytes as the source has them: UTF-16LE, or of a code page where the column is not national';
COMMENT ON COLUMN sambapos.dead_letters.run_id IS 'The run that filed it';
