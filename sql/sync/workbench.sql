-- workbench.sql: the temporary tables of one run.

CREATE FUNCTION sambapos._stage_name(table_name name) RETURNS name
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._name_fit('sambapos__stage_' || table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._stage_name(name) IS 'The temporary table that a table''s rows are staged in';

-- probe: what the source says about each table. changed: roots whose children are read. source_id:
-- all ids of a root at the source, where they had to be asked for. gone: roots found to be gone. lost:
-- children found to be gone, with the root that they had (0: none). again: tables the next run has to read
-- whole. suspect: roots with another date than their namesake, with the evidence whether they are the same.
-- compare: which tables are compared with the source, and which ids were.
CREATE FUNCTION sambapos._workbench_open() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF to_regclass('pg_temp.sambapos__probe') IS NOT NULL THEN
    RETURN; -- of the run before, or of another site that this call has synced
  END IF;
  CREATE TEMPORARY TABLE sambapos__probe (
    table_name name PRIMARY KEY, rows bigint, lowest bigint, highest bigint, stamp timestamp, rows_after bigint,
    highest_after bigint, asked_again boolean NOT NULL DEFAULT false, live_before bigint,
    listed boolean NOT NULL DEFAULT false, staged_whole boolean NOT NULL DEFAULT false);
  CREATE TEMPORARY TABLE sambapos__changed (table_name name, id bigint, PRIMARY KEY (table_name, id));
  CREATE TEMPORARY TABLE sambapos__source_id (table_name name, id bigint, PRIMARY KEY (table_name, id));
  CREATE TEMPORARY TABLE sambapos__gone (
    table_name name, epoch integer, id bigint, row_state text, PRIMARY KEY (table_name, epoch, id));
  CREATE TEMPORARY TABLE sambapos__lost (table_name name, epoch integer, root_id bigint, id bigint, row_state text);
  CREATE INDEX ON pg_temp.sambapos__lost (table_name, root_id);
  CREATE TEMPORARY TABLE sambapos__again (table_name name PRIMARY KEY);
  CREATE TEMPORARY TABLE sambapos__compare (
    table_name name, tier integer, compared int8multirange NOT NULL DEFAULT '{}', at timestamptz,
      PRIMARY KEY (table_name, tier));
  CREATE TEMPORARY TABLE sambapos__suspect (
    table_name name, id bigint, epoch integer, uid_differs boolean, names_differ boolean, made_before boolean,
    times_agree boolean, children_agree boolean, below_stays boolean, above_stays boolean, verdict text,
    PRIMARY KEY (table_name, id));
END;
$$;
COMMENT ON FUNCTION sambapos._workbench_open() IS 'Makes the temporary tables of a run, unless they are there';

-- sambapos_reconcile says there what its run is to compare.
CREATE FUNCTION sambapos._workbench_is_to_compare() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF to_regclass('pg_temp.sambapos__compare') IS NULL THEN
    RETURN false;
  END IF;
  RETURN EXISTS (SELECT FROM pg_temp.sambapos__compare);
END;
$$;
COMMENT ON FUNCTION sambapos._workbench_is_to_compare() IS 'True if the run at hand was asked to compare tables';

CREATE FUNCTION sambapos._workbench_tables() RETURNS SETOF regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT c.oid::regclass FROM pg_class AS c
    WHERE c.relnamespace = pg_my_temp_schema() AND c.relkind = 'r'
      AND c.relname >= 'sambapos__' AND c.relname < 'sambapos_`'; -- begins so: the index is by name
END;
$$;
COMMENT ON FUNCTION sambapos._workbench_tables() IS 'The temporary tables of a run, as far as they are there';

-- A table that is made takes locks until the transaction ends, one that is dropped keeps them, and both leave dead rows
-- in the catalogs. So a call that syncs many sites, and the worker's session, go on with the same tables. Few rows are
-- deleted, since TRUNCATE writes to the catalogs too. It is for what is larger than the ten pages that the planner
-- takes an unknown table for: to the planner rows that were deleted are there.
CREATE FUNCTION sambapos._workbench_empty() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
BEGIN
  IF pg_my_temp_schema() = 0 THEN -- no temporary table was ever made: so it is in most sessions
    RETURN;
  END IF;
  FOR relation IN SELECT w FROM sambapos._workbench_tables() AS w WHERE pg_relation_size(w) > 0 LOOP
    EXECUTE format(CASE WHEN pg_relation_size(relation) > 10 * 8192 THEN 'TRUNCATE %s' ELSE 'DELETE FROM %s' END,
                   relation);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._workbench_empty() IS 'Empties the temporary tables of a run for the next one';

CREATE FUNCTION sambapos._workbench_close() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
BEGIN
  IF pg_my_temp_schema() = 0 THEN
    RETURN;
  END IF;
  FOR relation IN SELECT w FROM sambapos._workbench_tables() AS w LOOP
    EXECUTE format('DROP TABLE %s', relation);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._workbench_close() IS 'Drops the temporary tables of a run';

-- What a failed run has left is not relied on: the extension may have been updated, with other tables.
CREATE FUNCTION sambapos._workbench_leave(run_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM sambapos.run AS r WHERE r.run_id = _workbench_leave.run_id AND r.status = 'ok') THEN
    PERFORM sambapos._workbench_empty();
  ELSE
    PERFORM sambapos._workbench_close();
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._workbench_leave(bigint) IS
  'Empties the temporary tables for the next run of a session that stays, or drops them if this one has not gone well';

CREATE FUNCTION sambapos._workbench_read_again(run_id bigint, table_name name, why text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  INSERT INTO pg_temp.sambapos__again VALUES (_workbench_read_again.table_name) ON CONFLICT DO NOTHING;
  PERFORM sambapos._log_message(run_id, table_name, why);
END;
$$;
COMMENT ON FUNCTION sambapos._workbench_read_again(bigint, name, text) IS 'Has a table read whole by the next run';
