-- add.sql: adding sites and tables.
--
-- Rules:
-- * Nothing here writes to a source; what is asked of it are the names of its tables.
-- * Schemas sambapos_replica and sambapos_live_<site> and what is in them are made at run time, so
--   that they are no members of the extension: DROP EXTENSION never reaches history.

CREATE TYPE sambapos.table_action AS (table_name text, action text);
COMMENT ON TYPE sambapos.table_action IS 'What adding or removing did to one table';

CREATE FUNCTION sambapos._source_tables(server text) RETURNS text[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg(t.table_name ORDER BY t.table_name), '{}')
  FROM sambapos._query(server,
    'SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ''dbo'' AND TABLE_TYPE = ''BASE TABLE''')
    AS t (table_name text);
$$;
COMMENT ON FUNCTION sambapos._source_tables(text) IS
  'The tables of schema dbo that the login at the source may see, in their own case';

-- What names mean at this source: a line a table, source_name NULL where the source has none such.
-- A child brings its root along; roots come first. A table nobody may copy, or asked for by name and not there, raises.
CREATE FUNCTION sambapos._tables_wanted(site text, names text[], at_source text[])
RETURNS TABLE (table_name text, source_name text, kind text, parent text, parent_key text, date_column text, history boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    WITH meant AS MATERIALIZED (
      SELECT * FROM sambapos._tables_named(names)
    ), root AS (
      SELECT r.* FROM sambapos._tables_named(ARRAY(SELECT m.parent FROM meant AS m WHERE m.parent IS NOT NULL)) AS r
      WHERE r.table_name NOT IN (SELECT m.table_name FROM meant AS m)
    ), source AS MATERIALIZED (
      SELECT a AS name, lower(a COLLATE "C") AS lower_name, sambapos._snake(a) AS snake_name FROM unnest(at_source) AS a
    )
    SELECT n.*, (SELECT s.name FROM source AS s
                 WHERE s.lower_name = lower(n.source_name COLLATE "C") OR s.snake_name = n.table_name
                 ORDER BY s.name <> n.source_name, s.name LIMIT 1) AS present
    FROM (TABLE meant UNION ALL TABLE root) AS n
    ORDER BY n.parent IS NOT NULL, n.table_name
  LOOP
    IF wanted.never THEN
      RAISE EXCEPTION 'table "%" is never copied', wanted.source_name USING
        ERRCODE = 'invalid_parameter_value',
        HINT = 'It holds passwords, keys, licences, code or schema bookkeeping; leave it out of the list.';
    ELSIF wanted.present IS NULL AND wanted.asked_by_name THEN
      RAISE EXCEPTION 'the source of site "%" has no table "%"', site, wanted.source_name USING
        ERRCODE = 'undefined_table',
        HINT = sambapos._name_hint(wanted.source_name, at_source || ARRAY(SELECT sambapos._snake(a) FROM unnest(at_source) AS a)
                                 || '{reporting,menu,stock,config}'::text[])
               || 'Tables the login may not read are not seen; the sets are reporting, menu, stock and config.';
    END IF;
    table_name := CASE WHEN wanted.present IS NULL THEN wanted.table_name ELSE sambapos._snake(wanted.present) END;
    source_name := wanted.present;
    kind := wanted.kind;
    parent := wanted.parent;
    parent_key := wanted.parent_key;
    date_column := wanted.date_column;
    history := wanted.history;
    RETURN NEXT;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._tables_wanted(text, text[], text[]) IS
  'What names of tables and sets mean at a source; raises 22023 for a table that is never copied and 42P01 for one '
  'that is not there';

CREATE FUNCTION sambapos._live_import(place sambapos._place, table_names text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live    name := sambapos._live_schema(place.name);
  missing text[] := ARRAY(SELECT t FROM unnest(table_names) AS t WHERE to_regclass(format('%I.%I', live, t)) IS NULL);
BEGIN
  PERFORM sambapos._problem_raise(sambapos._schema_problem(live));
  PERFORM sambapos._problem_raise(sambapos._live_problem(place, t)) FROM unnest(table_names) AS t;
  IF to_regnamespace(live::text) IS NULL THEN
    EXECUTE format('CREATE SCHEMA %I', live);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', live, 'Live foreign tables of SambaPOS site ' || place.name);
  END IF;
  IF missing <> '{}' THEN
    EXECUTE format('IMPORT FOREIGN SCHEMA dbo LIMIT TO (%s) FROM SERVER %I INTO %I OPTIONS (name_case %L)',
                   (SELECT string_agg(quote_ident(t), ', ') FROM unnest(missing) AS t), place.server, live, 'snake');
    missing := ARRAY(SELECT t FROM unnest(missing) AS t WHERE to_regclass(format('%I.%I', live, t)) IS NULL);
  END IF;
  IF missing <> '{}' THEN
    RAISE EXCEPTION 'IMPORT FOREIGN SCHEMA made no foreign table for %', array_to_string(missing, ', ') USING
      ERRCODE = 'fdw_table_not_found', HINT = 'Look at the table with sambapos_query; it may have no column that can be read.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._live_import(sambapos._place, text[]) IS
  'Makes the live schema of a site and the foreign tables that are missing in it; raises 55000 if others own what is '
  'there';

CREATE FUNCTION sambapos._site_add_tables(place sambapos._place, names text[]) RETURNS SETOF sambapos.table_action
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  at_source text[] := sambapos._source_tables(place.server);
  present   text[];
  wanted    record;
  known     name[] := ARRAY(SELECT t.table_name FROM sambapos._table AS t WHERE t.site_id = place.site_id);
  deed      text;
BEGIN
  present := ARRAY(SELECT w.table_name FROM sambapos._tables_wanted(place.name, names, at_source) AS w
                   WHERE w.source_name IS NOT NULL);
  IF present = '{}' THEN
    RAISE EXCEPTION 'server "%" shows none of the tables', place.server USING
      ERRCODE = 'undefined_table',
      DETAIL = format('The login sees %s tables in schema dbo.', cardinality(at_source)),
      HINT = 'Is it the right database, and does its login have the right to SELECT? See the tutorial, step 2.';
  END IF;
  PERFORM sambapos._live_import(place, present);
  FOR wanted IN SELECT * FROM sambapos._tables_wanted(place.name, names, at_source) LOOP
    deed := CASE WHEN wanted.source_name IS NULL THEN 'not at the source, or not readable there'
                 WHEN wanted.table_name = ANY (known) THEN 'kept'
                 WHEN wanted.parent IS NOT NULL AND wanted.parent <> ALL (known) THEN 'left out: it needs table ' || wanted.parent
                 ELSE 'added' END;
    IF deed = 'added' THEN
      INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, parent, parent_key, date_column, history)
      VALUES (place.site_id, wanted.table_name, wanted.source_name, wanted.kind, wanted.parent, wanted.parent_key,
              wanted.date_column, wanted.history);
      PERFORM sambapos._replica_ensure(place.site_id, wanted.table_name);
      known := known || wanted.table_name::name;
    END IF;
    RETURN NEXT (wanted.table_name, deed)::sambapos.table_action;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._site_add_tables(sambapos._place, text[]) IS
  'Foreign tables, replica tables and registration for what names mean; what is there already is kept as it is';

CREATE FUNCTION @extschema@.sambapos_add_site(site text, server text, time_zone text DEFAULT NULL, tables text[] DEFAULT NULL,
                                              sync_interval interval DEFAULT '15 minutes')
RETURNS SETOF sambapos.table_action
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place  sambapos._place;
  is_new boolean;
BEGIN
  PERFORM sambapos._site_check_name(site);
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
    VALUES (sambapos._site_free_id(site), site, server, sambapos_add_site.time_zone, sambapos_add_site.sync_interval);
    place := sambapos._site(site);
    INSERT INTO sambapos.site_state (site_id) VALUES (place.site_id);
    INSERT INTO sambapos.site_lock VALUES (place.site_id);
    INSERT INTO sambapos.epoch (site_id, epoch, reason) VALUES (place.site_id, place.epoch, 'site added');
  ELSIF place.removed_at IS NOT NULL THEN
    UPDATE sambapos.site AS s SET removed_at = NULL, server = sambapos_add_site.server, enabled = true,
           time_zone = coalesce(sambapos_add_site.time_zone, s.time_zone), sync_interval = sambapos_add_site.sync_interval
    WHERE s.site_id = place.site_id;
    UPDATE sambapos.site_state AS x SET paused_reason = NULL, auth_failed = false WHERE x.site_id = place.site_id;
    place := sambapos._site(site);
  ELSIF place.time_zone IS DISTINCT FROM time_zone AND time_zone IS NOT NULL THEN
    RAISE NOTICE 'site "%" keeps time zone %', site, coalesce(place.time_zone, '(none)')
      USING HINT = format('SELECT sambapos_configure(%L, ''time_zone'', %L) changes it.', site, time_zone);
  END IF;
  IF is_new THEN
    PERFORM sambapos._site_warn(place);
  END IF;
  RETURN QUERY SELECT * FROM sambapos._site_add_tables(place, tables);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_add_site(text, text, text, text[], interval) IS
  'Registers a SambaPOS database as a site: foreign tables in schema sambapos_live_<site>, replica tables in schema '
  'sambapos_replica. site: 1 to 40 characters of a-z, 0-9, _. server: a foreign server of this wrapper. time_zone: '
  'the till''s, of pg_timezone_names; NULL: the offset of the till''s own clock at the last sync is used. tables: '
  'tables or sets (reporting, menu, stock, config); NULL: reporting. sync_interval: 10 seconds to 31 days. Returns a '
  'row a table. Run again it adds what is missing and changes nothing else. Errors: 42602 site name, 42704 server, '
  '22023 other arguments or a table that is never copied, 42P01 a table the source has not';

CREATE FUNCTION @extschema@.sambapos_add_table(site text, table_name text) RETURNS SETOF sambapos.table_action
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF table_name IS NULL THEN
    RAISE EXCEPTION 'table_name must not be NULL' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  PERFORM sambapos._tables_check_names(ARRAY[table_name]);
  PERFORM sambapos._catalog_check();
  RETURN QUERY SELECT * FROM sambapos._site_add_tables(sambapos._site_follow_server(sambapos._site(site)), ARRAY[table_name]);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_add_table(text, text) IS
  'Adds a table (replica name or source name in any case) or a set (reporting, menu, stock, config) to a site; the '
  'next sync loads it. A table that belongs to another, as orders to tickets, brings it along. Errors: 42704 no such '
  'site, 42P01 the source has no such table, 22023 the table is never copied';
