-- locks.sql: a run has the locks that it reads under before it asks the till for rows.
--
-- Rules:
-- * While a run waits for a local lock its remote transaction is over: nobody at the till waits for somebody here.
-- * It asks for a lock for a tenth of a second, lets go, and tries again: whoever waits in PostgreSQL's queue keeps out
--   those who come after.
-- * A table that cannot be had within some seconds fails in this run, and no other does; the next run tries again.

-- LOCK TABLE knows no foreign tables; a query that asks for no row locks them as well and asks nobody.
CREATE FUNCTION sambapos._relation_try_lock(relation regclass, may_wait boolean) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '100ms' SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM pg_class AS c WHERE c.oid = relation AND c.relkind = 'f') THEN
    PERFORM set_config('lock_timeout', '1ms', true) WHERE NOT may_wait;
    EXECUTE format('SELECT FROM %s WHERE false', relation);
  ELSE
    EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE %s', relation, CASE WHEN may_wait THEN '' ELSE 'NOWAIT' END);
  END IF;
  RETURN true;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._relation_try_lock(regclass, boolean) IS
  'Locks a relation against being altered, until the transaction ends; false if it cannot be had at once, or in a '
  'moment';

CREATE FUNCTION sambapos._table_relations(place sambapos._place, table_name text) RETURNS TABLE (rank integer,
  relation regclass)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT r.rank, r.relation
    FROM (VALUES (1, sambapos._replica_table(table_name::name)),
                 (2, CASE WHEN sambapos._replica_kind((table_name || '_history')::name) = 'history'
                          THEN sambapos._replica_table((table_name || '_history')::name) END),
                 (3, to_regclass(format('sambapos_report.%I', table_name))),
                 (4, sambapos._live_named(place, table_name::name))) AS r (rank, relation)
    WHERE r.relation IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._table_relations(sambapos._place, text) IS
  'What is altered when a table''s columns change: replica, its earlier versions, the view over it, the live table';

CREATE FUNCTION sambapos._run_relations(run_id bigint, place sambapos._place)
RETURNS TABLE (table_name name, relation regclass)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT t.table_name::name, r.relation
    FROM sambapos.run_table AS x
    JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
    CROSS JOIN LATERAL sambapos._table_relations(place, t.table_name) AS r
    WHERE x.run_id = _run_relations.run_id AND x.status = 'running' AND r.rank <> 3 -- a run reads no view
    ORDER BY t.table_name, r.rank;
END;
$$;
COMMENT ON FUNCTION sambapos._run_relations(bigint, sambapos._place) IS
  'The relations that a run reads from or compares with, in the order in which they are locked';

-- With attempts 0 it answers at the first one that cannot be had.
CREATE FUNCTION sambapos._run_lock_tables(run_id bigint, place sambapos._place, attempts integer) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  r record;
  patience integer := attempts; -- for all tables together
BEGIN
  FOR r IN SELECT * FROM sambapos._run_relations(run_id, place) LOOP
    WHILE NOT sambapos._relation_try_lock(r.relation, attempts > 0) LOOP
      IF attempts = 0 THEN
        RETURN false;
      ELSIF patience <= 0 THEN
        PERFORM sambapos._log_failure(run_id, r.table_name, '55P03', sambapos._lock_words(r.relation), NULL);
        EXIT;
      END IF;
      PERFORM sambapos._log_progress(place, 'waiting for', r.table_name);
      PERFORM pg_sleep(0.4);
      patience := patience - 1;
    END LOOP;
  END LOOP;
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._run_lock_tables(bigint, sambapos._place, integer) IS
  'Locks what a run reads against being altered; a table that cannot be had in so many attempts fails. False only '
  'without attempts: one cannot be had at once';
