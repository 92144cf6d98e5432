-- wanted_table.sql: tables that were asked for and that the source did not have, or did not show.
--
-- Rules:
-- * Who adds and removes tables writes here, a run never does: nobody who adds one waits for a run. What runs have seen
--   of them at the source is in site_state (new_tables).

CREATE TABLE sambapos.wanted_table (
  site_id    integer NOT NULL,
  table_name text NOT NULL,
  asked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (site_id, table_name)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.wanted_table', '');
COMMENT ON TABLE sambapos.wanted_table IS
  'SambaPOS tables that were asked for, as a rule with a set, and that the source did not have, or did not show to the '
  'login: a new version of SambaPOS may bring them. A line goes when the table is added, and by sambapos_remove_table';
COMMENT ON COLUMN sambapos.wanted_table.table_name IS 'The name that the table would have here';
COMMENT ON COLUMN sambapos.wanted_table.asked_at IS 'When it was last asked for in vain';

CREATE FUNCTION sambapos._wanted_note(site_id integer, table_name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.wanted_table AS w (site_id, table_name)
  SELECT _wanted_note.site_id, _wanted_note.table_name
  WHERE NOT EXISTS (SELECT FROM sambapos.replicated_table AS t
                    WHERE (t.site_id, t.table_name) = (_wanted_note.site_id, _wanted_note.table_name))
  ON CONFLICT ON CONSTRAINT wanted_table_pkey DO UPDATE SET asked_at = excluded.asked_at;
$$;
COMMENT ON FUNCTION sambapos._wanted_note(integer, text) IS
  'Remembers that a table was asked for in vain, unless the site has it';

CREATE FUNCTION sambapos._wanted_forget(site_id integer, tables text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  DELETE FROM sambapos.wanted_table AS w
   WHERE w.site_id = _wanted_forget.site_id AND w.table_name = ANY (_wanted_forget.tables);
$$;
COMMENT ON FUNCTION sambapos._wanted_forget(integer, text[]) IS
  'Forgets tables that were asked for in vain: they are added, or not wanted any more';
