-- reconcile.sql: sambapos_reconcile: runs that compare whole tables, now, in the caller's transaction.
--
-- A run that compares and repairs (compare.sql); before it one that loads, if there are tables to be read whole. What
-- is missing at the source is judged when settle_runs runs have missed it: they follow at once, if something waits for
-- them, and read what decides of it too.

CREATE TYPE sambapos.reconcile_result AS (
  site text, table_name text, tier integer, finding text, id bigint, columns text[], rows_compared bigint,
  rows_missed bigint, status text, message text);
COMMENT ON TYPE sambapos.reconcile_result IS
  'What a reconciliation says of a table (finding NULL), and of each row that differed';

CREATE FUNCTION sambapos._reconcile_check_arguments(tables text[], tier integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF tier IS NULL OR tier NOT IN (1, 2) THEN
    RAISE EXCEPTION 'there is no tier %', coalesce(tier::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Tier 1 compares counts and sums, tier 2 every value of every row.';
  END IF;
  PERFORM sambapos._sync_check_arguments('auto', 'report');
  PERFORM sambapos._tables_check_names(tables);
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._check_isolation();
END;
$$;
COMMENT ON FUNCTION sambapos._reconcile_check_arguments(text[], integer) IS
  'Raises what is wrong with a call of sambapos_reconcile';

-- A site that cannot be synced now answers with a row that says why. Those, and tables that did not go through.
CREATE FUNCTION sambapos._reconcile_run(place sambapos._place, tables text[], tier integer)
RETURNS SETOF sambapos.reconcile_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF tier IS NOT NULL THEN
    INSERT INTO pg_temp.sambapos__compare (table_name, tier)
    SELECT n.table_name, _reconcile_run.tier FROM sambapos._tables_replicated(place.site_id, tables) AS n;
  END IF;
  RETURN QUERY
    SELECT r.site, r.table_name, _reconcile_run.tier, NULL::text, NULL::bigint, NULL::text[], 0::bigint, 0::bigint,
           r.status, r.message
    FROM sambapos._sync_site(place, tables, 'auto') AS r
    WHERE r.status NOT IN ('ok', 'skipped')
      AND (r.table_name IS NULL
           OR r.table_name IN (SELECT n.table_name FROM sambapos._tables_replicated(place.site_id, tables) AS n));
END;
$$;
COMMENT ON FUNCTION sambapos._reconcile_run(sambapos._place, text[], integer) IS
  'One run of a site that compares by a tier (NULL: not at all); returns what did not go through';

CREATE FUNCTION sambapos._reconcile_open(place sambapos._place) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT EXISTS (SELECT FROM sambapos.reconcile_finding AS f WHERE f.site_id = place.site_id AND f.repaired_at IS NULL
                      AND NOT f.is_orphan); $$;
COMMENT ON FUNCTION sambapos._reconcile_open(sambapos._place) IS 'True while a finding waits for a run';

-- Tickets that were never loaded are loaded by a run that is meant to, not by the way.
CREATE FUNCTION sambapos._reconcile_tables(place sambapos._place, tables text[]) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN tables IS NOT NULL
              THEN tables || ARRAY(SELECT t.table_name::text FROM sambapos._tables_deciding(place) AS t
                                   WHERE t.loaded_at IS NOT NULL) END;
$$;
COMMENT ON FUNCTION sambapos._reconcile_tables(sambapos._place, text[]) IS
  'What the runs read that follow a comparison of these tables (NULL: all): what shows if the source is quiet, too';

CREATE FUNCTION sambapos._reconcile_results(run_id bigint, place sambapos._place, tables text[], tier integer)
RETURNS SETOF sambapos.reconcile_result
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH found AS (SELECT f.* FROM sambapos.reconcile_finding AS f
                 WHERE f.site_id = place.site_id AND f.run_id = _reconcile_results.run_id)
  SELECT place.name, o.table_name, _reconcile_results.tier, o.finding, o.id, o.columns, o.rows_compared, o.rows_missed,
         o.status, o.message
  FROM (
    SELECT t.table_name, NULL AS finding, NULL::bigint AS id, NULL::text[] AS columns, x.rows_compared,
           (SELECT count(*) FROM found AS f WHERE f.table_name = t.table_name AND f.missed) AS rows_missed, x.status,
           CASE WHEN x.is_compared THEN x.message
                WHEN sambapos._compare_can(place, t)
                  THEN coalesce(x.message, 'not compared: the comparison ended before its turn')
                ELSE concat_ws('; ', 'not compared: its rows have no number; each run reads it whole',
                               x.message) END AS message,
           array_position('{ticket,document,period,child,master}', t.kind) AS rank
    FROM sambapos._tables_replicated(place.site_id, tables) AS t
    JOIN sambapos.run_table AS x ON x.run_id = _reconcile_results.run_id AND x.table_name = t.table_name
    WHERE x.status IN ('ok', 'skipped')
    UNION ALL
    SELECT t.table_name, f.kind, f.id, f.columns, NULL, f.missed::integer,
           CASE WHEN f.repaired_at IS NULL THEN 'waiting' ELSE 'repaired' END,
           CASE WHEN f.is_orphan THEN 'what it belongs to is not at the source'
                WHEN f.repaired_at IS NULL THEN 'judged when further runs have found it so' END,
           array_position('{ticket,document,period,child,master}', t.kind)
    FROM sambapos._tables_replicated(place.site_id, tables) AS t JOIN found AS f ON f.table_name = t.table_name) AS o
  ORDER BY o.rank, o.table_name, o.finding IS NOT NULL, o.id;
$$;
COMMENT ON FUNCTION sambapos._reconcile_results(bigint, sambapos._place, text[], integer) IS
  'What sambapos_reconcile returns of a run that compared';

CREATE FUNCTION sambapos._reconcile(place sambapos._place, tables text[], tier integer)
RETURNS SETOF sambapos.reconcile_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  began timestamptz := clock_timestamp();
  compared bigint;
  turns integer := place.settle_runs;
BEGIN
  PERFORM sambapos._workbench_close(); -- what a scheduled run that failed has left in this session
  PERFORM sambapos._workbench_open();
  IF EXISTS (SELECT FROM sambapos._tables_replicated(place.site_id, tables) AS t
             WHERE t.enabled AND t.paused_reason IS NULL AND (t.loaded_at IS NULL OR t.full_due)) THEN
    PERFORM sambapos._reconcile_run(place, tables, NULL);
  END IF;
  RETURN QUERY SELECT * FROM sambapos._reconcile_run(place, tables, tier);
  SELECT max(r.run_id) INTO compared FROM sambapos.run AS r
   WHERE r.site_id = place.site_id AND r.tier = _reconcile.tier AND r.pid = pg_backend_pid() AND r.started_at >= began;
  WHILE turns > 0 AND sambapos._reconcile_open(place) LOOP
    PERFORM sambapos._reconcile_run(place, sambapos._reconcile_tables(place, tables), NULL);
    turns := turns - 1;
  END LOOP;
  PERFORM sambapos._workbench_close();
  RETURN QUERY SELECT * FROM sambapos._reconcile_results(compared, place, tables, tier);
END;
$$;
COMMENT ON FUNCTION sambapos._reconcile(sambapos._place, text[], integer) IS
  'Compares tables of a site with the source, repairs, and says what it found';

CREATE FUNCTION @extschema@.sambapos_reconcile(site text, tables text[] DEFAULT NULL, tier integer DEFAULT 1)
RETURNS SETOF sambapos.reconcile_result
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
BEGIN
  PERFORM sambapos._reconcile_check_arguments(tables, tier);
  place := sambapos._site(site);
  PERFORM sambapos._sync_check_tables(place, tables);
  RETURN QUERY SELECT * FROM sambapos._reconcile(place, tables, tier);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_reconcile(text, text[], integer) IS
  'Compares tables of a site (NULL: all) with the source and repairs what differs, in this transaction. tier 1: counts '
  'and sums of numbers and times, then the rows of parts that differ; tier 2: every value of every row. A row for each '
  'table (finding NULL; rows_missed: how many rows no run would have read by itself), and one for each row that '
  'differed, status repaired or waiting. Runs do the same by themselves, part by part (setting reconcile_interval). '
  'Errors: 42704 no such site, 42P01 no such table, 22023 no such tier';

CREATE VIEW sambapos.differences AS
SELECT s.name AS site, f.table_name, f.id, f.kind, f.columns, f.missed, f.is_orphan, f.found_at, f.repaired_at, f.run_id
FROM sambapos.reconcile_finding AS f JOIN sambapos.site AS s USING (site_id)
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos.differences IS
  'Rows that a comparison with the source found to differ: what no run would have read by itself (missed), and what is '
  'not repaired yet (repaired_at NULL)';
COMMENT ON COLUMN sambapos.differences.kind IS
  'missing here; missing at the source; different: it is on both sides with other values';
COMMENT ON COLUMN sambapos.differences.missed IS
  'True: nothing but the comparison would have had the run read the row';
COMMENT ON COLUMN sambapos.differences.repaired_at IS 'When a run has repaired it; NULL: none has yet';
COMMENT ON COLUMN sambapos.differences.run_id IS 'The run that compared';
COMMENT ON COLUMN sambapos.differences.is_orphan IS
  'True: what the row belongs to is not at the source, so that it can belong to nothing here';
COMMENT ON COLUMN sambapos.differences.columns IS 'Which columns differed; empty where the row was missing on one side';

CREATE VIEW sambapos.verification AS
SELECT s.name AS site, t.table_name::text AS table_name, v.tier, min(v.verified_at) AS verified_at,
       range_agg(v.ids::int8multirange)::text AS verified_ids,
       max(v.verified_at) AS last_compared_at, t.rows_missed AS total_missed
FROM sambapos.verified_range AS v
JOIN sambapos._table AS t USING (site_id, table_name)
JOIN sambapos._place AS s ON s.site_id = t.site_id AND s.epoch = v.epoch
WHERE s.removed_at IS NULL
GROUP BY 1, 2, 3, t.rows_missed;
COMMENT ON VIEW sambapos.verification IS
  'What of each table was found equal to the source, or repaired: by counts and sums (tier 1) or value by value (tier '
  '2)';
COMMENT ON COLUMN sambapos.verification.tier IS
  '1: counts, ids and sums of numbers and times were compared; 2: every value of every row was';
COMMENT ON COLUMN sambapos.verification.last_compared_at IS 'When the newest of these ranges was compared';
COMMENT ON COLUMN sambapos.verification.verified_at IS 'When the oldest of these ranges was compared';
COMMENT ON COLUMN sambapos.verification.verified_ids IS 'The ranges of ids';
COMMENT ON COLUMN sambapos.verification.total_missed IS
  'How many rows of the table were repaired since it was added that only a comparison has found';
