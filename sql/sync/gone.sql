-- gone.sql: what it means that a row is missing at the source, and marking it so.
--
-- Rules:
-- * A missing row is a fact to be classified: removed (edited away: its root was delivered without it),
--   cleared, deleted, or superseded by another row under the same id. In doubt it is cleared, which
--   keeps it in the reports. Its values stay as they are.
-- * Children share the fate of their root.
-- * What looks like the middle of a clear is left to the next run.

CREATE FUNCTION sambapos._run_has_cleared(run_id bigint, root name DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos.source_events AS e
                 WHERE e.run_id = _run_has_cleared.run_id AND e.kind IN ('clear', 'partial clear') AND e.table_name = coalesce(root, e.table_name));
$$;
COMMENT ON FUNCTION sambapos._run_has_cleared(bigint, name) IS
  'True if a run has found a clear, of one table or of any';

-- The thresholds. In doubt cleared: reports go on counting the rows.
CREATE FUNCTION sambapos._gone_verdict(place sambapos._place, gone bigint, live_before bigint, highest_gone bigint, lowest_left bigint,
                                  OUT kind text, OUT row_state text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  kind := CASE
    WHEN gone >= live_before OR (gone >= 100 AND gone >= live_before * 0.5) THEN 'clear'
    WHEN sambapos._probe_numerators_fell(place) THEN 'clear'
    WHEN gone >= 2 AND highest_gone < lowest_left THEN 'partial clear'
    WHEN gone > greatest(50, live_before * 0.02) THEN 'partial clear'
    WHEN EXISTS (SELECT FROM sambapos.source_events AS e WHERE e.site_id = place.site_id
                   AND e.kind IN ('clear', 'partial clear', 'reseed') AND e.at > now() - interval '10 minutes') THEN 'partial clear'
    ELSE 'single delete' END;
  row_state := CASE kind WHEN 'single delete' THEN 'deleted' ELSE 'cleared' END;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_verdict(sambapos._place, bigint, bigint, bigint, bigint) IS
  'What it means that so many of a root''s rows are gone';

-- Rows of a root that the replica has as live and the source's list of ids has not.
CREATE FUNCTION sambapos._gone_find(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f record;
  verdict record;
BEGIN
  PERFORM FROM pg_temp.sambapos__probe AS p WHERE p.table_name = t.table_name AND p.listed;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  EXECUTE format(
    'WITH gone AS (
       INSERT INTO pg_temp.sambapos__gone (table_name, epoch, id)
       SELECT %1$L::name, r.epoch, r.id FROM sambapos_replica.%1$I AS r
       WHERE r.site_id = $1 AND r.row_state = ''live''
         AND NOT EXISTS (SELECT FROM pg_temp.sambapos__source_id AS i WHERE i.table_name = %1$L AND i.id = r.id)
       ON CONFLICT DO NOTHING RETURNING id)
     SELECT count(id) AS gone, min(id) AS lowest_gone, max(id) AS highest_gone, (array_agg(id ORDER BY id))[1:50] AS ids,
            p.rows AS rows_at_source, p.lowest AS lowest_left, p.highest AS highest_now, p.live_before
     FROM gone RIGHT JOIN pg_temp.sambapos__probe AS p ON true WHERE p.table_name = %1$L GROUP BY p.table_name', t.table_name)
    INTO f USING place.site_id;
  IF f.gone = 0 THEN
    RETURN;
  END IF;
  SELECT * INTO verdict FROM sambapos._gone_verdict(place, f.gone, f.live_before, f.highest_gone, f.lowest_left);
  UPDATE pg_temp.sambapos__gone AS g SET row_state = verdict.row_state WHERE g.table_name = t.table_name AND g.row_state IS NULL;
  PERFORM sambapos._log_message(run_id, t.table_name, format('%s rows are gone at the source: %s', f.gone, verdict.row_state));
  PERFORM sambapos._log_event(run_id, place, t.table_name, verdict.kind, f.gone,
    to_jsonb(f) || jsonb_build_object('highest_before', t.source_max_id, 'numerators_fell', sambapos._probe_numerators_fell(place)));
END;
$$;
COMMENT ON FUNCTION sambapos._gone_find(bigint, sambapos._place, sambapos._table) IS
  'Finds a root''s rows that are gone, says what that means and enters it as a source event';

-- Gives a root's gone rows their row_state, and the live children of each the same one, in all child
-- tables the site has, read in this run or not.
CREATE FUNCTION sambapos._gone_mark(run_id bigint, place sambapos._place, t sambapos._table, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
  marked bigint;
BEGIN
  PERFORM FROM pg_temp.sambapos__gone AS g WHERE g.table_name = t.table_name;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  ANALYZE pg_temp.sambapos__gone;
  FOR c IN
    SELECT t.table_name, 'id'::name AS key
    UNION ALL
    SELECT k.table_name, k.parent_key FROM sambapos._table AS k
    WHERE k.site_id = place.site_id AND k.parent = t.table_name AND sambapos._replica_table(k.table_name) IS NOT NULL
  LOOP
    EXECUTE format('UPDATE sambapos_replica.%I AS r SET row_state = g.row_state, synced_at = now(), version = $2
                      FROM pg_temp.sambapos__gone AS g
                     WHERE g.table_name = $3 AND r.site_id = $1 AND r.epoch = g.epoch AND r.%I = g.id AND r.row_state = ''live''',
                   c.table_name, c.key) USING place.site_id, version, t.table_name;
    GET DIAGNOSTICS marked = ROW_COUNT;
    PERFORM sambapos._log_gone(run_id, c.table_name, marked);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_mark(bigint, sambapos._place, sambapos._table, bigint) IS
  'Sets the row_state of a root''s gone rows and of their children';

-- The vendor's clear begins with a child table. One that is empty while its roots are there, and with
-- rows under roots that this run didn't find changed, is left as it is for a minute. The next step of a
-- clear can take longer than that: if the roots are still there then, the rows are cleared, not removed.
CREATE FUNCTION sambapos._gone_looks_emptied(run_id bigint, place sambapos._place, t sambapos._table, version bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  patience CONSTANT interval := '60 seconds';
  is_empty boolean;
BEGIN
  EXECUTE format(
    'SELECT EXISTS (SELECT FROM pg_temp.sambapos__probe AS c JOIN pg_temp.sambapos__probe AS root ON root.table_name = %L
                    WHERE c.table_name = %L AND c.highest_after IS NULL AND root.rows_after > 0)
        AND EXISTS (SELECT FROM sambapos_replica.%I AS r WHERE r.site_id = $1 AND r.row_state = ''live'' AND NOT EXISTS (
                      SELECT FROM sambapos_replica.%1$I AS p
                      WHERE p.site_id = $1 AND p.epoch = r.epoch AND p.id = r.%4$I AND p.version = $2))',
    t.parent, t.table_name, t.table_name, t.parent_key) INTO is_empty USING place.site_id, version;
  is_empty := is_empty AND NOT sambapos._run_has_cleared(run_id, t.parent);
  IF is_empty AND t.suspect_since IS NULL THEN
    UPDATE sambapos.table_state AS r SET suspect_since = clock_timestamp()
     WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name);
  ELSIF t.suspect_since IS NOT NULL AND NOT (is_empty AND t.suspect_since > clock_timestamp() - patience) THEN
    UPDATE sambapos.table_state AS r SET suspect_since = NULL
     WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name);
    RETURN false;
  END IF;
  RETURN is_empty;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_looks_emptied(bigint, sambapos._place, sambapos._table, bigint) IS
  'True while a child table is empty at the source and that may be the beginning of a clear';

-- Where a missing child means something: everywhere after a whole read, but under roots that wait for the next run;
-- else under the changed roots that were delivered, and among the rows without a root, which are asked for each time.
CREATE FUNCTION sambapos._gone_scopes(t sambapos._table, mode text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE mode WHEN 'full' THEN ARRAY[
    format('NOT EXISTS (SELECT FROM sambapos.waiting_root AS w
                        WHERE w.site_id = r.site_id AND w.table_name = %L AND w.id = r.%I)', t.parent, t.parent_key)] ELSE ARRAY[
    format('(r.epoch, r.%I) IN (SELECT p.epoch, p.id FROM pg_temp.%I AS p JOIN pg_temp.sambapos__changed AS c USING (id)
                                 WHERE c.table_name = %L)', t.parent_key, sambapos._stage_name(t.parent), t.parent),
    format('r.%I IS NULL', t.parent_key)] END;
$$;
COMMENT ON FUNCTION sambapos._gone_scopes(sambapos._table, text) IS
  'Conditions on replica rows whose absence from the stage means that they are gone';

-- Children that are missing although their root was delivered without them: edited away. Where the root is
-- gone they share its fate (a table that wasn't copied while a clear went by); those without a root went
-- with the clear, if there was one; all of a table under roots that nobody touched were cleared.
CREATE FUNCTION sambapos._gone_mark_removed(run_id bigint, place sambapos._place, t sambapos._table, mode text, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  on_key text := (SELECT p.on_key FROM sambapos._merge_parts(place, t) AS p);
  rootless_state text := CASE WHEN sambapos._run_has_cleared(run_id) THEN 'cleared' ELSE 'removed' END;
  is_empty boolean := EXISTS (SELECT FROM pg_temp.sambapos__probe AS p WHERE p.table_name = t.table_name AND p.highest_after IS NULL);
  scope text;
  marked bigint;
BEGIN
  IF sambapos._gone_looks_emptied(run_id, place, t, version) THEN
    PERFORM sambapos._workbench_read_again(run_id, t.table_name, 'the table is empty at the source: a clear may be running, its rows stay until it is over');
    RETURN;
  END IF;
  FOREACH scope IN ARRAY sambapos._gone_scopes(t, mode) LOOP
    EXECUTE format('UPDATE sambapos_replica.%I AS r SET synced_at = now(), version = $2,
                           row_state = CASE WHEN r.%2$I IS NULL THEN $3 ELSE coalesce((
                             SELECT CASE WHEN p.row_state <> ''live'' THEN p.row_state WHEN $4 AND p.version < $2 THEN ''cleared'' END
                             FROM sambapos_replica.%3$I AS p WHERE p.site_id = $1 AND p.epoch = r.epoch AND p.id = r.%2$I), ''removed'') END
                     WHERE r.site_id = $1 AND r.row_state = ''live'' AND %4$s
                       AND NOT EXISTS (SELECT FROM pg_temp.%5$I AS s WHERE %6$s)',
                   t.table_name, t.parent_key, t.parent, scope, sambapos._stage_name(t.table_name), on_key)
      USING place.site_id, version, rootless_state, is_empty;
    GET DIAGNOSTICS marked = ROW_COUNT;
    PERFORM sambapos._log_gone(run_id, t.table_name, marked);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_mark_removed(bigint, sambapos._place, sambapos._table, text, bigint) IS
  'Sets row_state removed on children that their root no longer has';

-- Masters: a row that isn't there any more is deleted, its last values stay. A run that would delete
-- too much of a table says cleared instead, and that it did.
CREATE FUNCTION sambapos._gone_mark_deleted(run_id bigint, place sambapos._place, t sambapos._table, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live CONSTANT text := 'r.site_id = $1 AND r.row_state = ''live'' ';
  missing text := format('NOT EXISTS (SELECT FROM pg_temp.%I AS s WHERE %s)', sambapos._stage_name(t.table_name),
                         (SELECT p.on_key FROM sambapos._merge_parts(place, t) AS p));
  gone bigint;
  live_before bigint;
  too_many boolean;
BEGIN
  EXECUTE format('SELECT count(*), count(*) FILTER (WHERE %s) FROM sambapos_replica.%I AS r WHERE %s', missing, t.table_name, live)
    INTO live_before, gone USING place.site_id;
  IF gone = 0 THEN
    RETURN;
  END IF;
  too_many := gone > greatest(50, live_before * 0.02);
  EXECUTE format('UPDATE sambapos_replica.%I AS r SET row_state = $3, synced_at = now(), version = $2 WHERE %s AND %s',
                 t.table_name, live, missing)
    USING place.site_id, version, CASE WHEN too_many THEN 'cleared' ELSE 'deleted' END;
  PERFORM sambapos._log_gone(run_id, t.table_name, gone);
  IF too_many THEN
    PERFORM sambapos._log_message(run_id, t.table_name, format('%s of %s rows are gone at the source', gone, live_before));
    PERFORM sambapos._log_event(run_id, place, t.table_name, 'partial clear', gone,
                                 jsonb_build_object('gone', gone, 'live_before', live_before));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_mark_deleted(bigint, sambapos._place, sambapos._table, bigint) IS
  'Sets row_state deleted on master rows that are gone';
