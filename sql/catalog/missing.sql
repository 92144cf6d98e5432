-- missing.sql: rows that a run missed at the source without knowing why, until they are judged and a while longer.
--
-- Rules:
-- * A line a root: a root's own table names roots that are missing themselves, a child's table roots that are
--   there and have lost rows of it. The rows themselves are left as they are while their line waits.
-- * A line that was judged stays while the site goes on losing rows: what turns out to have been the beginning
--   of a clear is put right by it.

CREATE TABLE sambapos.missing (
  site_id    integer NOT NULL,
  table_name text NOT NULL,
  epoch      integer NOT NULL,
  root_id    bigint NOT NULL,
  runs       integer NOT NULL DEFAULT 1,
  last_run   bigint NOT NULL,
  version    bigint,
  PRIMARY KEY (site_id, table_name, epoch, root_id)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.missing', '');
COMMENT ON TABLE sambapos.missing IS
  'Rows that were missing at the source with nothing that explains it: a line a root and table';
COMMENT ON COLUMN sambapos.missing.root_id IS 'The root''s id; 0: rows without a root';
COMMENT ON COLUMN sambapos.missing.runs IS
  'How many runs have missed them, with the tickets read since the one before; judged when that reaches '
  'site.settle_runs';
COMMENT ON COLUMN sambapos.missing.last_run IS 'The last run that did';
COMMENT ON COLUMN sambapos.missing.version IS
  'The version that rows got when they were marked deleted or removed; NULL while they wait';

-- What a backup brought back of a root whose children in some table could not be read then.
CREATE TABLE sambapos.restored_root (
  site_id    integer NOT NULL,
  table_name text NOT NULL,
  epoch      integer NOT NULL,
  root_id    bigint NOT NULL,
  PRIMARY KEY (site_id, table_name, epoch, root_id)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.restored_root', '');
COMMENT ON TABLE sambapos.restored_root IS
  'Roots that were restored while a child table of theirs could not be read: its rows count as before until it is';
COMMENT ON COLUMN sambapos.restored_root.table_name IS 'The child table';

-- What a run must have had a look at to say that the source is quiet: the tickets, or where none are read any root.
CREATE FUNCTION sambapos._tables_deciding(place sambapos._place) RETURNS SETOF sambapos._table
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN QUERY
    SELECT t.* FROM sambapos._table AS t
    WHERE t.site_id = place.site_id AND t.enabled AND t.paused_reason IS NULL
      AND t.kind IN ('ticket', 'document', 'period')
      AND (t.kind = 'ticket' OR NOT EXISTS (
            SELECT FROM sambapos._table AS o
            WHERE o.site_id = place.site_id AND o.enabled AND o.paused_reason IS NULL AND o.kind = 'ticket'));
END;
$$;
COMMENT ON FUNCTION sambapos._tables_deciding(sambapos._place) IS
  'The tables that show what has become of a source: the tickets, or where there are none all roots';

CREATE FUNCTION sambapos._run_decides(run_id bigint, place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos._tables_deciding(place) AS t JOIN sambapos.run_table AS x USING (table_name)
                 WHERE x.run_id = _run_decides.run_id AND x.status IN ('read', 'ok'));
END;
$$;
COMMENT ON FUNCTION sambapos._run_decides(bigint, sambapos._place) IS
  'True if a run has read what shows what has become of a source';

-- The earliest of the last runs that a verdict looks back on, the present one among them.
CREATE FUNCTION sambapos._run_lately(place sambapos._place) RETURNS bigint
LANGUAGE plpgsql STABLE SET plan_cache_mode = auto SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT min(r.run_id)
    FROM (SELECT r.run_id FROM sambapos.run AS r
          WHERE r.site_id = place.site_id AND r.status IN ('running', 'ok', 'partial')
            AND sambapos._run_decides(r.run_id, place)
          ORDER BY r.run_id DESC LIMIT place.settle_runs) AS r);
END;
$$;
COMMENT ON FUNCTION sambapos._run_lately(sambapos._place) IS
  'The first of the last settle_runs runs of a site that have read its tickets';

-- What a run finds that has not read the tickets does not count: they may be in the middle of a clear. It does where
-- they were read, by whichever run, since the row was last missed: two intervals may never meet.
CREATE FUNCTION sambapos._missing_note(run_id bigint, place sambapos._place, table_name name, epochs integer[],
    roots bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  decided_at bigint := (SELECT r.run_id FROM sambapos.run AS r
                        WHERE r.site_id = place.site_id AND r.status IN ('running', 'ok', 'partial')
                          AND r.run_id >= coalesce((SELECT min(m.last_run) FROM sambapos.missing AS m
                                                    WHERE m.site_id = place.site_id AND m.version IS NULL
                                                      AND m.table_name = _missing_note.table_name),
                                                   _missing_note.run_id)
                          AND sambapos._run_decides(r.run_id, place)
                        ORDER BY r.run_id DESC LIMIT 1);
BEGIN
  INSERT INTO sambapos.missing AS m (site_id, table_name, epoch, root_id, runs, last_run)
  SELECT place.site_id, _missing_note.table_name, x.epoch, x.root,
         coalesce(decided_at = _missing_note.run_id, false)::integer, _missing_note.run_id
  FROM unnest(epochs, roots) AS x (epoch, root)
  ON CONFLICT ON CONSTRAINT missing_pkey DO UPDATE
    SET runs = CASE WHEN m.version IS NULL THEN m.runs ELSE 0 END + coalesce(decided_at > m.last_run, false)::integer,
        last_run = excluded.last_run, version = NULL;
  DELETE FROM sambapos.missing AS m
   WHERE m.site_id = place.site_id AND m.table_name = _missing_note.table_name AND m.version IS NULL
       AND m.last_run <> _missing_note.run_id;
END;
$$;
COMMENT ON FUNCTION sambapos._missing_note(bigint, sambapos._place, name, integer[], bigint[]) IS
  'Notes which roots of a table a run has missed, or missed rows of; what is there again is forgotten';

CREATE FUNCTION sambapos._missing_purge(place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  DELETE FROM sambapos.missing AS m
   WHERE m.site_id = place.site_id AND m.version IS NOT NULL
     AND NOT EXISTS (SELECT FROM sambapos.missing AS o WHERE o.site_id = place.site_id
         AND o.last_run >= sambapos._run_lately(place));
END;
$$;
COMMENT ON FUNCTION sambapos._missing_purge(sambapos._place) IS
  'Forgets what was judged once the source has come to rest';
