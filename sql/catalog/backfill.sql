-- backfill.sql: how far the first load of a site in chunks has come.

CREATE TABLE sambapos.backfill (
  site_id     integer NOT NULL,
  table_name  text NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  batch_rows  bigint NOT NULL,
  pid         integer,
  -- of the source when the first chunk began
  source_now  timestamp,
  source_utc  timestamp,
  source_rows bigint,
  facts       jsonb,
  -- of the replica at that time
  empty_tables text[] NOT NULL DEFAULT '{}',
  -- the chunk at hand: ids above low_id, up to next_id
  next_id     bigint,
  low_id      bigint,
  -- what is done
  is_through  boolean NOT NULL DEFAULT false,
  tables      text[],
  roots_read  bigint NOT NULL DEFAULT 0,
  rows_read   bigint NOT NULL DEFAULT 0,
  busy_for    interval NOT NULL DEFAULT '0',
  PRIMARY KEY (site_id, table_name)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.backfill', '');
COMMENT ON TABLE sambapos.backfill IS
  'First loads in chunks that are not through yet: a root table a row, with how far it has come. sambapos_backfill, or '
  'else the site''s job, goes on there';
COMMENT ON COLUMN sambapos.backfill.batch_rows IS
  'About how many rows a chunk has, of the root and its children together';
COMMENT ON COLUMN sambapos.backfill.pid IS 'The process that has read the last chunk';
COMMENT ON COLUMN sambapos.backfill.source_utc IS
  'The source''s GETUTCDATE() before the first chunk was read (source_now: its GETDATE()): what changes from then on '
  'is read by the first ordinary run';
COMMENT ON COLUMN sambapos.backfill.source_rows IS 'Rows of the root table at that time';
COMMENT ON COLUMN sambapos.backfill.facts IS 'Counts and id ranges of the root table and its children at that time';
COMMENT ON COLUMN sambapos.backfill.empty_tables IS
  'The children in which the site had no row then: no chunk finds a row of another one there';
COMMENT ON COLUMN sambapos.backfill.next_id IS 'The highest id that is still to be read; NULL before the first chunk';
COMMENT ON COLUMN sambapos.backfill.low_id IS
  'The chunk at hand has the ids above this one; NULL: all that are left';
COMMENT ON COLUMN sambapos.backfill.tables IS 'The tables that went through in every chunk so far';
COMMENT ON COLUMN sambapos.backfill.roots_read IS 'Rows of the root table that were read';
COMMENT ON COLUMN sambapos.backfill.rows_read IS 'The same with the rows of its children';
COMMENT ON COLUMN sambapos.backfill.busy_for IS 'How long reading and writing them took';

-- A session between two chunks is active too; one whose call has failed, or is over, is idle or gone.
CREATE FUNCTION sambapos._backfill_is_on(site_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.backfill AS b WHERE b.site_id = _backfill_is_on.site_id) -- seldom; that costs less
     AND EXISTS (SELECT FROM sambapos.backfill AS b JOIN pg_stat_activity AS a USING (pid)
                 WHERE b.site_id = _backfill_is_on.site_id AND a.datname = current_database()
                   AND a.pid <> pg_backend_pid() AND a.state IS DISTINCT FROM 'idle' AND a.query ~* 'sambapos');
END;
$$;
COMMENT ON FUNCTION sambapos._backfill_is_on(integer) IS
  'True while another session loads a site in chunks, also between two of them';

-- What a run has loaded whole needs no chunks any more.
CREATE FUNCTION sambapos._backfill_forget(site_id integer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  DELETE FROM sambapos.backfill AS b
   WHERE b.site_id = _backfill_forget.site_id
     AND NOT EXISTS (SELECT FROM sambapos._table AS t
                     WHERE t.site_id = b.site_id AND t.table_name = b.table_name AND t.enabled AND t.loaded_at IS NULL);
$$;
COMMENT ON FUNCTION sambapos._backfill_forget(integer) IS
  'Deletes the chunks of tables that are loaded, or are copied no more';

CREATE FUNCTION sambapos._backfill_is_planned(site_id integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT EXISTS (SELECT FROM sambapos.backfill AS b WHERE b.site_id = _backfill_is_planned.site_id); $$;
COMMENT ON FUNCTION sambapos._backfill_is_planned(integer) IS
  'True if a site has a first load in chunks that is not through';
