-- upsert.sql: writing one table: what differs is updated, what is new inserted.
--
-- Rules:
-- * What has not changed is not touched: rows are compared column by column before they are written, so an idle or
--   repeated run writes no byte to a replica table.

-- The one place that writes earlier versions. Where the setting history is off they are kept of rows that are in an
-- archive: an archive must be able to say what a row was when it was sealed.
CREATE FUNCTION sambapos._history_keep(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p record;
  kept name[] := ARRAY(SELECT 'root_id'::name WHERE sambapos._replica_has_root_id(t))
                 || ARRAY(SELECT c.column_name FROM sambapos._table_columns(place, t) AS c ORDER BY c.ordinal);
BEGIN
  SELECT * INTO p FROM sambapos._merge_parts(place, t);
  EXECUTE format('INSERT INTO sambapos_replica.%I (site_id, epoch, %s, valid_from, valid_to, version)
                  SELECT r.site_id, r.epoch, %s, r.synced_at, now(), r.version
                  FROM pg_temp.%I AS s JOIN sambapos_replica.%I AS r ON %s WHERE %s AND %s',
                 t.table_name || '_history', (SELECT string_agg(quote_ident(k), ', ') FROM unnest(kept) AS k),
                 (SELECT string_agg('r.' || quote_ident(k), ', ') FROM unnest(kept) AS k),
                 sambapos._stage_name(t.table_name), t.table_name, p.on_key, p.values_differ,
                 CASE WHEN t.history_of_all THEN 'true'
                      ELSE sambapos._archive_spans_sql(t.table_name, t.parent, t.parent_key) END)
    USING place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._history_keep(sambapos._place, sambapos._table) IS
  'Copies the present versions of rows that are about to change into the history table: of all rows, or of those that '
  'are in an archive';

-- Rows that were gone and are back: live first, with the values they had; what differs is then an update like any
-- other. The guard of history lets nobody do both at once. Returns how many came back just as they were.
CREATE FUNCTION sambapos._merge_revive(run_id bigint, place sambapos._place, t sambapos._table, on_key text,
                                       differs text, version bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  noting record := sambapos._feed_noting_parts(place, t.table_name);
  is_root boolean := t.kind IN ('ticket', 'document', 'period');
  back record;
  unchanged bigint;
BEGIN
  IF is_root THEN
    SELECT * INTO back FROM sambapos._restored_find(place, t, on_key);
    IF back.ids IS NULL THEN
      RETURN 0;
    END IF;
  END IF;
  EXECUTE format('WITH back AS (UPDATE sambapos_replica.%I AS r
                                  SET row_state = ''live'', synced_at = now(), version = $2
                                  FROM pg_temp.%I AS s
                                 WHERE %s AND r.row_state <> ''live'' RETURNING %s AS changed%s)%s
                  SELECT count(*) FILTER (WHERE NOT b.changed) FROM back AS b',
                 t.table_name, sambapos._stage_name(t.table_name), on_key, differs,
                 ', ' || noting.returned, ', noted AS (' || format(noting.noted, 'back') || ')')
    INTO unchanged USING place.site_id, version;
  IF is_root THEN
    PERFORM sambapos._restored_children(run_id, place, t, back.epochs, back.ids, version);
    PERFORM sambapos._restored_enter(run_id, place, t, back.epochs, back.ids, back.cleared_by, version);
  END IF;
  RETURN unchanged;
END;
$$;
COMMENT ON FUNCTION sambapos._merge_revive(bigint, sambapos._place, sambapos._table, text, text, bigint) IS
  'Makes staged rows live again that were gone';

-- Updates what differs; earlier versions go to the history table first. Returns how many rows.
CREATE FUNCTION sambapos._merge_update(run_id bigint, place sambapos._place, t sambapos._table, version bigint)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p record;
  revived bigint;
  updated bigint;
BEGIN
  SELECT * INTO p FROM sambapos._merge_parts(place, t);
  IF t.history THEN
    PERFORM sambapos._history_keep(place, t);
  END IF;
  PERFORM sambapos._rollup_note_before(place, t, p.on_key, p.differs);
  revived := sambapos._merge_revive(run_id, place, t, p.on_key, p.differs, version);
  EXECUTE sambapos._feed_noting(place, t.table_name, format(
      'UPDATE sambapos_replica.%I AS r SET %s%s synced_at = now(), version = $2 FROM pg_temp.%I AS s
        WHERE %s AND %s', t.table_name, p.assign,
      (SELECT string_agg(format('%I = %s, ', c.column_name, c.expression), '')
       FROM sambapos._table_computed(place, t) AS c),
      sambapos._stage_name(t.table_name), p.on_key, p.differs))
    USING place.site_id, version;
  GET DIAGNOSTICS updated = ROW_COUNT;
  RETURN updated + revived;
END;
$$;
COMMENT ON FUNCTION sambapos._merge_update(bigint, sambapos._place, sambapos._table, bigint) IS
  'Writes a table''s staged rows that differ from what the replica has';

-- Nobody is waited for: whoever vacuums the table, or makes an index, may take hours. PostgreSQL warns of that.
CREATE FUNCTION sambapos._merge_analyze_now(relation regclass) RETURNS void
LANGUAGE plpgsql SET client_min_messages = error SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('ANALYZE (SKIP_LOCKED) %s', relation);
END;
$$;
COMMENT ON FUNCTION sambapos._merge_analyze_now(regclass) IS
  'Gathers statistics on a replica table, unless somebody holds it';

-- Enough to plan the next chunk by; the end of a first load gathers those that reports need.
CREATE FUNCTION sambapos._merge_analyze_briefly(relation regclass) RETURNS void
LANGUAGE sql SET default_statistics_target = 10 SET search_path = pg_catalog, pg_temp AS
$$ SELECT sambapos._merge_analyze_now(relation); $$;
COMMENT ON FUNCTION sambapos._merge_analyze_briefly(regclass) IS
  'Gathers statistics on a replica table from a small sample';

-- What the planner believes. After a clear that is none, whatever has been sold since: autovacuum waits until a tenth
-- of all history has changed.
CREATE FUNCTION sambapos._replica_live_estimate(relation regclass) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT greatest(c.reltuples, 0) * coalesce(max(u.share) FILTER (WHERE u.value = 'live'), 0)
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
          LEFT JOIN pg_stats AS s ON (s.schemaname, s.tablename, s.attname) = (n.nspname, c.relname, 'row_state')
                                 AND s.inherited = (c.relkind = 'p')
          LEFT JOIN LATERAL unnest(s.most_common_vals::text::text[], s.most_common_freqs) AS u (value, share) ON true
          WHERE c.oid = relation GROUP BY c.oid, c.reltuples);
END;
$$;
COMMENT ON FUNCTION sambapos._replica_live_estimate(regclass) IS
  'How many live rows a replica table has by its statistics';

-- A first load has no other statistics, and once more live rows have been written than are known of, the planner would
-- compare each of them with everything that is staged. So they are gathered when the live rows have doubled, since that
-- takes as long each time. Between chunks the size of the table tells; a partitioned table has no size of its own.
CREATE FUNCTION sambapos._merge_analyze(run_id bigint, relation regclass, written bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  since bigint;
BEGIN
  IF written = 0 THEN
    RETURN;
  END IF;
  PERFORM pg_stat_clear_snapshot(); -- another site of this call may have had them gathered
  since := coalesce(pg_stat_get_mod_since_analyze(relation), 0) + written;
  IF since <= 100 THEN
    RETURN;
  ELSIF EXISTS (SELECT FROM sambapos.run AS r WHERE r.run_id = _merge_analyze.run_id AND r.mode = 'backfill') THEN
    PERFORM sambapos._merge_analyze_briefly(relation) FROM pg_class AS c
     WHERE c.oid = relation AND written > 1000
       AND CASE c.relkind WHEN 'p' THEN written > 0.1 * c.reltuples
                ELSE pg_relation_size(c.oid) > 2 * c.relpages * current_setting('block_size')::bigint END;
  ELSIF since > sambapos._replica_live_estimate(relation) THEN
    PERFORM sambapos._merge_analyze_now(relation);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._merge_analyze(bigint, regclass, bigint) IS
  'Gathers statistics on a replica table of which more rows were written since that was last done than it says are '
  'live';

-- Most of what is read is there already, just so: one look finds out which statements have anything to do.
CREATE FUNCTION sambapos._merge_look(t sambapos._table, site_id integer, on_key text, differs text,
  OUT read bigint, OUT fresh bigint, OUT differing bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('SELECT count(*), count(*) FILTER (WHERE r.site_id IS NULL),
                         count(*) FILTER (WHERE r.site_id IS NOT NULL AND (r.row_state <> ''live'' OR %s))
                  FROM pg_temp.%I AS s LEFT JOIN sambapos_replica.%I AS r ON %s',
                 differs, sambapos._stage_name(t.table_name), t.table_name, on_key)
    INTO read, fresh, differing USING site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._merge_look(sambapos._table, integer, text, text) IS
  'How many rows are staged of a table, how many of them the replica does not have, and how many it has otherwise';

CREATE FUNCTION sambapos._merge_upsert(run_id bigint, place sambapos._place, t sambapos._table, version bigint)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p record;
  is_new boolean := sambapos._stage_is_new(place, t);
  read bigint;
  fresh bigint;
  differing bigint := 0;
  updated bigint := 0;
  inserted bigint := 0;
  computed text;
  expressions text;
  statement text;
BEGIN
  SELECT * INTO p FROM sambapos._merge_parts(place, t);
  IF NOT is_new THEN
    SELECT l.* INTO read, fresh, differing FROM sambapos._merge_look(t, place.site_id, p.on_key, p.differs) AS l;
  END IF;
  IF differing > 0 THEN
    updated := sambapos._merge_update(run_id, place, t, version);
  END IF;
  IF is_new OR fresh > 0 THEN
    SELECT string_agg(format('%I, ', c.column_name), ''), string_agg(c.expression || ', ', '') INTO computed, expressions
    FROM sambapos._table_computed(place, t) AS c;
    statement := format('INSERT INTO sambapos_replica.%I AS r (site_id, epoch, %s, %sversion)
                         SELECT $1, s.epoch, %s, %s$2 FROM pg_temp.%I AS s %s', t.table_name, p.names, computed, p.staged,
                        expressions, sambapos._stage_name(t.table_name),
                        CASE WHEN NOT is_new THEN format('WHERE NOT EXISTS (SELECT FROM sambapos_replica.%I AS r WHERE %s)',
                                                         t.table_name, p.on_key) END);
    EXECUTE CASE WHEN is_new THEN statement ELSE sambapos._feed_noting(place, t.table_name, statement) END
      USING place.site_id, version;
    GET DIAGNOSTICS inserted = ROW_COUNT;
    PERFORM sambapos._feed_note_whole(place, t.table_name) WHERE is_new AND inserted > 0;
  END IF;
  UPDATE sambapos.run_table AS x
     SET rows_read = coalesce(read, inserted), rows_updated = updated, rows_inserted = inserted,
         rows_unchanged = coalesce(read, inserted) - updated - inserted
   WHERE (x.run_id, x.table_name) = (_merge_upsert.run_id, t.table_name);
  PERFORM sambapos._merge_analyze(run_id, sambapos._replica_table(t.table_name), inserted + updated);
END;
$$;
COMMENT ON FUNCTION sambapos._merge_upsert(bigint, sambapos._place, sambapos._table, bigint) IS
  'Writes a table''s staged rows that are new or differ';
