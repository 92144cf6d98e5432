-- prepare_clear.sql: may the shop clear now? After a clear the source cannot be asked any more.
--
-- Rules:
-- * Everything that is copied has been compared value by value (tier 2) and is equal, or there is no yes. That a
--   comparison has said nothing is no proof: it says of each table that it came to its end (run_table.is_compared).
-- * The first reason against it is the answer. What may have passed a moment later is looked at up to three times.

-- A clear takes sales and leaves masters: a master that is not copied is no reason.
CREATE FUNCTION sambapos._clear_problem(place sambapos._place, compared bigint, OUT words text, OUT may_pass boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT p.words, p.rank > 3
  FROM (
    SELECT 1 AS rank, format('%s of %s is %s', t.table_name, place.name,
                             CASE WHEN t.enabled THEN 'paused' ELSE 'disabled' END) AS words
    FROM sambapos._table AS t
    WHERE t.site_id = place.site_id AND t.kind <> 'master' AND (NOT t.enabled OR t.paused_reason IS NOT NULL)
    UNION ALL
    SELECT CASE WHEN x.status IS DISTINCT FROM 'ok' THEN 2 ELSE 4 END,
           format('%s was not compared: %s', t.table_name, coalesce(
             x.message, CASE WHEN x.status IS DISTINCT FROM 'ok' THEN x.status END, 'it was not read'))
    FROM sambapos._table AS t LEFT JOIN sambapos.run_table AS x ON x.run_id = compared AND x.table_name = t.table_name
    WHERE t.site_id = place.site_id AND t.kind <> 'master'
      AND (x.status IS DISTINCT FROM 'ok' OR position('not compared' IN x.message) > 0
           OR NOT x.is_compared AND sambapos._compare_can(place, t))
    UNION ALL
    SELECT CASE WHEN f.is_orphan THEN 3 ELSE 4 END,
           format('row %s of %s differs from the source (see sambapos.differences)', f.id, f.table_name)
    FROM sambapos.reconcile_finding AS f WHERE f.site_id = place.site_id AND f.repaired_at IS NULL
    UNION ALL
    SELECT 5, format('%s %s was changing while it was read', w.table_name, w.id)
    FROM sambapos.waiting_root AS w WHERE w.site_id = place.site_id AND w.missing_runs <= place.settle_runs
    UNION ALL
    SELECT 6, format('rows of %s %s are missing at the source and not judged yet', m.table_name, m.root_id)
    FROM sambapos.missing AS m WHERE m.site_id = place.site_id AND m.version IS NULL) AS p
  ORDER BY p.rank, p.words LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._clear_problem(sambapos._place, bigint) IS
  'Why a shop should not clear now, by what the run says that compared and what waits; NULL: nothing';

CREATE FUNCTION @extschema@.sambapos_prepare_clear(site text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  began timestamptz;
  failed text;
  problem record;
BEGIN
  PERFORM sambapos._reconcile_check_arguments(NULL, 2);
  place := sambapos._site(site);
  FOR turn IN 1 .. 3 LOOP
    began := clock_timestamp();
    SELECT coalesce(r.table_name || ': ', '') || coalesce(r.message, r.status) INTO failed
    FROM sambapos._reconcile(place, NULL, 2) AS r WHERE r.status IN ('failed', 'busy', 'paused') LIMIT 1;
    EXIT WHEN failed IS NOT NULL;
    SELECT * INTO problem FROM sambapos._clear_problem(place,
      -- of this turn: what was compared before says nothing of now
      (SELECT max(r.run_id) FROM sambapos.run AS r
       WHERE r.site_id = place.site_id AND r.tier = 2 AND r.pid = pg_backend_pid() AND r.started_at >= began));
    failed := problem.words;
    EXIT WHEN problem.may_pass IS NOT TRUE;
  END LOOP;
  IF failed IS NULL THEN
    failed := sambapos._archive_prepare(place.site_id);
  END IF;
  RETURN coalesce('NOT SAFE: ' || failed, 'SAFE until the next ticket');
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_prepare_clear(text) IS
  'Before a clear: syncs, compares every value with the source, repairs, seals the period (unless archive_on_clear is '
  'off), and answers SAFE until the next ticket, or NOT SAFE and why. For a shop that is closed: what is sold '
  'afterwards has to be read before the clear too. In this transaction: without COMMIT nothing of it stays. Errors: '
  '42704 no such site';
