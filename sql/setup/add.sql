-- add.sql: adding sites and tables.
--
-- Rules:
-- * Nothing here writes to a source; what is asked of it are the names of its tables.
-- * Schemas sambapos_replica and sambapos_live_<site> and what is in them are made at run time, so
--   that they are no members of the extension: DROP EXTENSION never reaches history.

CREATE TYPE sambapos.table_action AS (table_name text, action text);
COMMENT ON TYPE sambapos.table_action IS 'What adding or removing did to one table';

-- Exactly as the source calls it; as a table of this site is called here; as SambaPOS tables are called here or there;
-- the source's name in another case; what its name here would be.
CREATE FUNCTION sambapos._source_meant(site_id integer, name text, at_source text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT m.source_name
  FROM (SELECT 1 AS rank, a AS source_name FROM unnest(at_source) AS a WHERE a = _source_meant.name
        UNION ALL
        SELECT 2, t.source_name FROM sambapos._table AS t
        WHERE t.site_id = _source_meant.site_id AND t.table_name = lower(_source_meant.name COLLATE "C")
          AND t.source_name = ANY (at_source)
        UNION ALL
        SELECT 3, k.present FROM sambapos._known_at_source(at_source) AS k
        WHERE lower(_source_meant.name COLLATE "C") IN (k.table_name, lower(k.source_name COLLATE "C"))
          AND k.present IS NOT NULL
        UNION ALL
        SELECT 4, min(a) FROM unnest(at_source) AS a
        WHERE lower(a COLLATE "C") = lower(_source_meant.name COLLATE "C") HAVING count(*) = 1
        UNION ALL
        SELECT 5, a FROM unnest(at_source) AS a
        WHERE sambapos._name_natural(a) = lower(_source_meant.name COLLATE "C")) AS m
  ORDER BY m.rank, position('_' IN m.source_name) > 0, m.source_name COLLATE "C" LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._source_meant(integer, text, text[]) IS
  'Which table of the source a name means, in its own case; NULL: none';

CREATE FUNCTION sambapos._table_unknown_raise(place sambapos._place, asked text, at_source text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  known text := (SELECT k.source_name FROM sambapos._known_tables() AS k
                 WHERE lower(asked COLLATE "C") IN (k.table_name, lower(k.source_name COLLATE "C")));
BEGIN
  RAISE EXCEPTION 'the source of site "%" has no table "%"', place.name, coalesce(known, asked) USING
    ERRCODE = 'undefined_table',
    HINT = sambapos._name_hint(asked, at_source || ARRAY(SELECT sambapos._snake(a) FROM unnest(at_source) AS a)
                             || '{reporting,menu,stock,config}'::text[])
           || 'Tables the login may not read are not seen; the sets are reporting, menu, stock and config.';
END;
$$;
COMMENT ON FUNCTION sambapos._table_unknown_raise(sambapos._place, text, text[]) IS
  'Raises 42P01: a source has no table of that name';

CREATE FUNCTION sambapos._table_check_secret(asked text, at_source text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  secret text := (SELECT coalesce(k.present, k.source_name) FROM sambapos._known_at_source(at_source) AS k
                  WHERE k.never AND lower(asked COLLATE "C") IN (k.table_name, lower(k.source_name COLLATE "C")));
BEGIN
  IF secret IS NOT NULL THEN
    RAISE EXCEPTION 'table "%" is never copied', secret USING
      ERRCODE = 'invalid_parameter_value',
      HINT = 'It holds passwords, keys, licences, code or schema bookkeeping; leave it out of the list.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._table_check_secret(text, text[]) IS 'Raises 22023 for a table that is never copied';

-- What names mean at this source: a line a table, present NULL where the source has none such. table_name is NULL for a
-- shop's own table: its name is chosen when its columns are known. A child brings its root along; roots come first.
CREATE FUNCTION sambapos._tables_wanted(place sambapos._place, names text[], at_source text[])
RETURNS TABLE (present text, table_name text, kind text, parent text, parent_key text, date_column text,
               history boolean, asked_by_name boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  all_sets CONSTANT text[] := '{reporting,menu,stock,config}';
  asked   text;
  meant   text;
  asked_sets text[] := '{}';
  by_name text[] := '{}';
BEGIN
  FOREACH asked IN ARRAY coalesce(names, '{reporting}') LOOP
    PERFORM sambapos._table_check_secret(asked, at_source);
    meant := CASE WHEN asked <> ALL (all_sets) THEN sambapos._source_meant(place.site_id, asked, at_source) END;
    IF meant IS NOT NULL THEN
      by_name := by_name || meant;
    ELSIF lower(asked COLLATE "C") = ANY (all_sets) THEN
      asked_sets := asked_sets || lower(asked COLLATE "C");
    ELSE
      PERFORM sambapos._table_unknown_raise(place, coalesce(asked, 'NULL'), at_source);
    END IF;
  END LOOP;
  RETURN QUERY
    WITH known AS MATERIALIZED (
      SELECT k.*, coalesce(k.present = ANY (by_name), false) AS asked FROM sambapos._known_at_source(at_source) AS k
      WHERE NOT k.never
    ), meant AS (
      SELECT k.* FROM known AS k WHERE k.asked OR k.sets && asked_sets
    )
    SELECT x.* FROM (
      SELECT k.present, k.table_name, k.kind, k.parent, k.parent_key, k.date_column, k.history, k.asked FROM known AS k
      WHERE k.table_name IN (SELECT m.table_name FROM meant AS m UNION ALL SELECT m.parent FROM meant AS m)
      UNION ALL
      SELECT DISTINCT b, NULL, 'master', NULL, NULL, NULL, false, true FROM unnest(by_name) AS b
      WHERE b NOT IN (SELECT k.present FROM known AS k WHERE k.present IS NOT NULL)
    ) AS x
    ORDER BY x.parent NULLS FIRST, x.table_name, position('_' IN x.present), x.present COLLATE "C";
END;
$$;
COMMENT ON FUNCTION sambapos._tables_wanted(sambapos._place, text[], text[]) IS
  'What names of tables and sets mean at a source; raises 22023 for a table that is never copied and 42P01 for one '
  'that is not there';

CREATE FUNCTION sambapos._site_add_table(place sambapos._place, wanted record, fresh name, at_source text[])
RETURNS name
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  imported   regclass := sambapos._live_find(fresh, wanted.present);
  local_name name := wanted.table_name;
  problem    text;
BEGIN
  IF imported IS NULL THEN
    RAISE EXCEPTION 'IMPORT FOREIGN SCHEMA made no foreign table for "%"', wanted.present USING
      ERRCODE = 'fdw_table_not_found',
      HINT = 'Look at the table with sambapos_query; it may have no column that can be read.';
  ELSIF local_name IS NULL THEN
    local_name := sambapos._name_choose(place, wanted.present, imported, at_source);
  ELSE
    problem := sambapos._name_problem(place, wanted.present, local_name, imported);
    IF problem IS NOT NULL THEN
      RAISE EXCEPTION 'table "%" cannot be kept in "sambapos_replica.%": %', wanted.present, local_name, problem USING
        ERRCODE = 'duplicate_table',
        HINT = 'A SambaPOS table is one table for all sites. Sites that differ need databases of their own.';
    END IF;
  END IF;
  PERFORM sambapos._problem_raise(sambapos._live_problem(place, local_name));
  IF sambapos._live_named(place, local_name) IS NULL THEN
    PERFORM sambapos._live_keep_columns(imported, local_name);
    PERFORM sambapos._live_move(place, imported, local_name);
  END IF;
  INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, parent, parent_key, date_column,
                                         history)
  VALUES (place.site_id, local_name, wanted.present, wanted.kind, wanted.parent, wanted.parent_key, wanted.date_column,
          wanted.history);
  PERFORM sambapos._wanted_forget(place.site_id, ARRAY[local_name::text]);
  PERFORM sambapos._family_join(place.site_id, local_name);
  PERFORM sambapos._replica_ensure(place.site_id, local_name);
  PERFORM sambapos._name_give(local_name, wanted.present);
  PERFORM sambapos._feed_site_table_changed(place.site_id, local_name);
  RETURN local_name;
END;
$$;
COMMENT ON FUNCTION sambapos._site_add_table(sambapos._place, record, name, text[]) IS
  'Adds one source table to a site: its foreign table, its replica table and its line in the catalog; returns its name '
  'here';

CREATE FUNCTION sambapos._site_repair_table(place sambapos._place, t sambapos._table, fresh name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  deed text := CASE WHEN sambapos._table_missing(place, t) IS NULL THEN 'kept' ELSE 'made again' END;
BEGIN
  PERFORM sambapos._problem_raise(sambapos._live_problem(place, t.table_name));
  IF sambapos._live_named(place, t.table_name) IS NULL THEN
    IF sambapos._live_find(fresh, t.source_name) IS NULL THEN
      RETURN 'not at the source, or not readable there';
    END IF;
    PERFORM sambapos._live_keep_columns(sambapos._live_find(fresh, t.source_name), t.table_name);
    PERFORM sambapos._live_move(place, sambapos._live_find(fresh, t.source_name), t.table_name);
  END IF;
  IF deed = 'made again' THEN
    PERFORM sambapos._replica_make_again(place, t);
  END IF;
  RETURN deed;
END;
$$;
COMMENT ON FUNCTION sambapos._site_repair_table(sambapos._place, sambapos._table, name) IS
  'Makes again what was dropped of a table that a site has';

-- Whoever waits in PostgreSQL's queue for a lock keeps out those who come after: a report that runs for long would hold
-- up all readers of a table, so its lock is not waited for longer than a second.
-- A table that cannot be added leaves the others alone; who asked for that one table alone gets the error. What belongs
-- to other roles is an error always: nothing is done beside it.
CREATE FUNCTION sambapos._site_try_table(place sambapos._place, wanted record, fresh name, at_source text[],
                                         strict boolean)
RETURNS sambapos.table_action
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos._table := (SELECT t FROM sambapos._table AS t
                        WHERE t.site_id = place.site_id AND t.source_name = wanted.present);
BEGIN
  IF wanted.present IS NULL THEN
    PERFORM sambapos._wanted_note(place.site_id, wanted.table_name);
    RETURN (wanted.table_name, 'not at the source, or not readable there')::sambapos.table_action;
  ELSIF t.site_id IS NOT NULL THEN
    RETURN (t.table_name, sambapos._site_repair_table(place, t, fresh))::sambapos.table_action;
  ELSIF wanted.parent IS NOT NULL
        AND NOT EXISTS (SELECT FROM sambapos._table AS r
                        WHERE r.site_id = place.site_id AND r.table_name = wanted.parent) THEN
    PERFORM sambapos._wanted_note(place.site_id, wanted.table_name);
    RETURN (wanted.table_name, 'left out: it needs table ' || wanted.parent)::sambapos.table_action;
  END IF;
  RETURN (sambapos._site_add_table(place, wanted, fresh, at_source), 'added')::sambapos.table_action;
EXCEPTION WHEN duplicate_table OR datatype_mismatch OR fdw_table_not_found OR invalid_table_definition
  OR lock_not_available THEN
  IF strict AND wanted.asked_by_name THEN
    RAISE;
  END IF;
  RETURN (coalesce(wanted.table_name, sambapos._name_natural(wanted.present)), 'refused: ' || CASE SQLSTATE
            WHEN '55P03' THEN 'others use what is to be altered: call again' ELSE SQLERRM END)::sambapos.table_action;
END;
$$;
COMMENT ON FUNCTION sambapos._site_try_table(sambapos._place, record, name, text[], boolean) IS
  'Adds one table to a site, or says why not';

-- A further site brings tables that are there: then no report is made anew, which would lock each.
CREATE FUNCTION sambapos._replica_columns_count() RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT count(*) FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
          WHERE c.relnamespace = to_regnamespace('sambapos_replica') AND c.relkind IN ('r', 'p') AND a.attnum > 0
            AND NOT a.attisdropped);
END;
$$;
COMMENT ON FUNCTION sambapos._replica_columns_count() IS 'How many columns all tables of the replica have';

CREATE FUNCTION sambapos._site_add_tables(place sambapos._place, names text[], strict boolean)
RETURNS SETOF sambapos.table_action
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  at_source text[] := sambapos._source_tables(place.server);
  columns_before bigint := sambapos._replica_columns_count();
  t         sambapos._table;
  wanted    record;
  present   text[] := ARRAY(SELECT w.present FROM sambapos._tables_wanted(place, names, at_source) AS w
                            WHERE w.present IS NOT NULL);
  dropped   text[] := ARRAY(SELECT d.source_name FROM sambapos._table AS d
                            WHERE d.site_id = place.site_id AND sambapos._table_missing(place, d) IS NOT NULL);
  fresh     name;
BEGIN
  IF present = '{}' THEN
    RAISE EXCEPTION 'server "%" shows none of the tables', place.server USING
      ERRCODE = 'undefined_table',
      DETAIL = format('The login sees %s tables in schema dbo.', cardinality(at_source)),
      HINT = format('Check the option database and the rights of the login: SELECT * FROM sambapos_check(%L).',
                    place.server);
  END IF;
  PERFORM sambapos._live_schema_ensure(place);
  PERFORM sambapos._schema_check_create(n.nspname) FROM pg_namespace AS n WHERE n.nspname = 'sambapos_replica';
  fresh := sambapos._live_fresh(place, 'dbo', ARRAY(
    SELECT p FROM unnest(present || dropped) AS p
    WHERE p = ANY (at_source) AND (p = ANY (dropped) OR NOT EXISTS (
      SELECT FROM sambapos._table AS k WHERE k.site_id = place.site_id AND k.source_name = p))));
  FOR wanted IN SELECT * FROM sambapos._tables_wanted(place, names, at_source) LOOP
    RETURN NEXT sambapos._site_try_table(place, wanted, fresh, at_source, strict);
  END LOOP;
  FOR t IN SELECT d.* FROM sambapos._table AS d
            WHERE d.site_id = place.site_id AND d.source_name = ANY (dropped) AND d.source_name <> ALL (present)
            ORDER BY d.table_name
  LOOP
    RETURN NEXT (t.table_name, sambapos._site_repair_table(place, t, fresh))::sambapos.table_action;
  END LOOP;
  PERFORM sambapos._live_fresh_drop(fresh);
  IF columns_before IS DISTINCT FROM sambapos._replica_columns_count()
     OR EXISTS (SELECT FROM sambapos._report_views() AS v
                WHERE to_regclass(format('sambapos_report.%I', v.view_name)) IS NULL) THEN
    PERFORM sambapos._report_refresh();
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._site_add_tables(sambapos._place, text[], boolean) IS
  'Foreign tables, replica tables and registration for what names mean; what is there already is kept as it is, what '
  'was dropped is made again. strict: a table asked for by name that cannot be added is an error';

CREATE FUNCTION sambapos._site_add(site text, server text, time_zone text, tables text[], sync_interval interval)
RETURNS SETOF sambapos.table_action
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place  sambapos._place;
  is_new boolean;
BEGIN
  PERFORM sambapos._site_check_name(site);
  PERFORM sambapos._feed_check_site_name(site);
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._problem_raise(sambapos._schema_problem('sambapos_replica'));
  PERFORM sambapos._problem_raise(sambapos._schema_problem(sambapos._live_schema(site)));
  PERFORM sambapos._server_check(server);
  PERFORM sambapos._tables_check_names(tables);
  time_zone := sambapos._setting_checked('time_zone', 'site', time_zone);
  sync_interval := sambapos._setting_checked('sync_interval', 'site', coalesce(sync_interval, '15 minutes')::text);
  PERFORM FROM sambapos.site AS s WHERE s.name = site FOR UPDATE;
  SELECT * INTO place FROM sambapos._place AS s WHERE s.name = site;
  is_new := place.site_id IS NULL OR place.removed_at IS NOT NULL;
  IF NOT is_new THEN
    place := sambapos._site_take_server(place, server);
  END IF;
  IF place.site_id IS NULL THEN
    INSERT INTO sambapos.site AS s (site_id, name, server, time_zone, sync_interval)
    VALUES (sambapos._site_free_id(site), site, server, _site_add.time_zone, _site_add.sync_interval);
    place := sambapos._site(site);
    INSERT INTO sambapos.site_state (site_id) VALUES (place.site_id);
    INSERT INTO sambapos.site_lock VALUES (place.site_id);
    INSERT INTO sambapos.epoch (site_id, epoch, reason) VALUES (place.site_id, place.epoch, 'site added');
  ELSIF place.removed_at IS NOT NULL THEN
    UPDATE sambapos.site AS s SET removed_at = NULL, server = _site_add.server, enabled = true,
           time_zone = coalesce(_site_add.time_zone, s.time_zone),
           sync_interval = _site_add.sync_interval
    WHERE s.site_id = place.site_id;
    UPDATE sambapos.site_state AS x SET auth_failed = false WHERE x.site_id = place.site_id;
    place := sambapos._site(site);
  ELSIF place.time_zone IS DISTINCT FROM time_zone AND time_zone IS NOT NULL THEN
    RAISE NOTICE 'site "%" keeps time zone %', site, coalesce(place.time_zone, '(none)')
      USING HINT = format('SELECT sambapos_configure(%L, ''time_zone'', %L) changes it.', site, time_zone);
  END IF;
  UPDATE sambapos.site_state AS x SET paused_reason = NULL
   WHERE x.site_id = place.site_id AND x.paused_reason IS NOT NULL;
  IF is_new THEN
    PERFORM sambapos._home_note(place.site_id);
    PERFORM sambapos._site_warn(place);
  END IF;
  RETURN QUERY SELECT * FROM sambapos._site_add_tables(place, tables, false);
END;
$$;
COMMENT ON FUNCTION sambapos._site_add(text, text, text, text[], interval) IS 'What sambapos_add_site does';

CREATE FUNCTION @extschema@.sambapos_add_site(site text, server text, time_zone text DEFAULT NULL,
                                              tables text[] DEFAULT NULL, sync_interval interval DEFAULT '15 minutes')
RETURNS SETOF sambapos.table_action
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$ SELECT * FROM sambapos._site_add(site, server, time_zone, tables, sync_interval); $$;
COMMENT ON FUNCTION @extschema@.sambapos_add_site(text, text, text, text[], interval) IS
  'Registers a SambaPOS database as a site: foreign tables in schema sambapos_live_<site>, replica tables in schema '
  'sambapos_replica. site: 1 to 40 characters of a-z, 0-9, _. server: a foreign server of this wrapper. time_zone: the '
  'till''s, of pg_timezone_names; NULL: the offset of the till''s own clock at the last sync is used. tables: tables '
  'or sets (reporting, menu, stock, config); NULL: reporting. sync_interval: 10 seconds to 31 days. Returns a row for '
  'each table: added, kept, made again, not at the source, left out, or refused, each with its reason. Run again it '
  'adds what is missing, makes again what was dropped, and changes nothing else. Errors: 42602 site name, 42704 '
  'server, 22023 other arguments or a table that is never copied, 42P01 a table the source has not';

CREATE FUNCTION @extschema@.sambapos_add_table(site text, table_name text) RETURNS SETOF sambapos.table_action
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF table_name IS NULL THEN
    RAISE EXCEPTION 'table_name must not be NULL' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  PERFORM sambapos._tables_check_names(ARRAY[table_name]);
  PERFORM sambapos._catalog_check();
  RETURN QUERY
    SELECT * FROM sambapos._site_add_tables(sambapos._site_follow_server(sambapos._site(site)), ARRAY[table_name],
                                            true);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_add_table(text, text) IS
  'Adds a table (replica name or source name in any case) or a set (reporting, menu, stock, config) to a site; the '
  'next sync loads it. A table that belongs to another, as orders to tickets, brings it along. Errors: 42704 no such '
  'site, 42P01 the source has no such table, 22023 the table is never copied';
