-- import_sites.sql: sambapos_import_sites: many sites from the result of a query.
--
-- Rules:
-- * What is there stays as it is: a server, a mapping, a site, a setting. What is missing is made; what is otherwise
--   than the query says is told, and not changed. So a second call changes nothing.
-- * A row is all or nothing, and no row stands in another one's way.
-- * No password passes through here: neither the query's result nor a statement has one.

CREATE FUNCTION sambapos._import_columns() RETURNS TABLE (column_name text, type_name text, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 15 SET search_path = pg_catalog, pg_temp AS
$$
  VALUES ('name', 'text', 'the site; its server has the same name'),
         ('host', 'text', 'server option host'),
         ('port', 'integer', 'server option port'),
         ('instance', 'text', 'server option instance'),
         ('database', 'text', 'server option database'),
         ('encryption', 'text', 'server option encryption'),
         ('username', 'text', 'user mapping option username'),
         ('password_file', 'text', 'user mapping option password_file'),
         ('time_zone', 'text', 'setting time_zone'),
         ('currency', 'text', 'setting currency'),
         ('external_id', 'text', 'setting external_id'),
         ('site_group', 'text', 'setting site_group'),
         ('sync_interval', 'interval', 'setting sync_interval'),
         ('tables', 'text[]', 'which tables, as of sambapos_add_site');
$$;
COMMENT ON FUNCTION sambapos._import_columns() IS 'The columns that a query for sambapos_import_sites may have';

CREATE FUNCTION sambapos._import_check_columns(present text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  known text[] := ARRAY(SELECT c.column_name FROM sambapos._import_columns() AS c);
  other text := (SELECT p FROM unnest(present) AS p WHERE p <> ALL (known) ORDER BY p <> 'password', p LIMIT 1);
BEGIN
  IF other = 'password' THEN
    RAISE EXCEPTION 'a query for sambapos_import_sites has no column "password"' USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = 'Passwords would be in the result of the query, in logs and in statistics of queries.',
      HINT = 'Write each password into a file on this server that PostgreSQL alone can read, and give its path in '
             'column password_file.';
  ELSIF other IS NOT NULL THEN
    RAISE EXCEPTION 'column "%" of the query has no meaning here', other USING
      ERRCODE = 'invalid_parameter_value',
      HINT = sambapos._name_hint(other, known) || 'The columns are: ' || array_to_string(known, ', ') || '.';
  ELSIF 'name' <> ALL (present) THEN
    RAISE EXCEPTION 'the query has no column "name"' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'The columns are: ' || array_to_string(known, ', ') || '; all but name may be left out.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._import_check_columns(text[]) IS
  'Raises 22023 for a column that sambapos_import_sites does not know, or if there is no name';

-- All rows before anything is made: the query is read as of one moment.
CREATE FUNCTION sambapos._import_rows(query text) RETURNS SETOF jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  r record;
BEGIN
  IF coalesce(btrim(query), '') = '' THEN
    RAISE EXCEPTION 'query must not be NULL or empty' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  FOR r IN EXECUTE query LOOP
    PERFORM sambapos._import_check_columns(ARRAY(SELECT jsonb_object_keys(to_jsonb(r))));
    RETURN NEXT to_jsonb(r);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._import_rows(text) IS
  'The result of a query for sambapos_import_sites, its columns checked; runs with the rights of the caller';

-- A value that is not given is not asked of what is there.
CREATE FUNCTION sambapos._import_differs(present jsonb, wanted jsonb, what text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(format('%s keeps %s "%s", the query says "%s"', what, w.key, p.value, w.value), '; ' ORDER BY w.key)
  FROM jsonb_each_text(wanted) AS w JOIN jsonb_each_text(present) AS p USING (key)
  WHERE p.value <> w.value;
$$;
COMMENT ON FUNCTION sambapos._import_differs(jsonb, jsonb, text) IS
  'What is otherwise there than a row of sambapos_import_sites says, in words; NULL: nothing';

CREATE FUNCTION sambapos._import_options(r jsonb, names text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(jsonb_object_agg(v.key, v.value), '{}')
  FROM jsonb_each_text(r) AS v WHERE v.key = ANY (names) AND v.value IS NOT NULL;
$$;
COMMENT ON FUNCTION sambapos._import_options(jsonb, text[]) IS 'Those values of a row that are given, of these columns';

CREATE FUNCTION sambapos._import_option_list(options jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT string_agg(format('%I %L', o.key, o.value), ', ' ORDER BY o.key) FROM jsonb_each_text(options) AS o; $$;
COMMENT ON FUNCTION sambapos._import_option_list(jsonb) IS 'Options as OPTIONS (...) takes them';

CREATE FUNCTION sambapos._import_server(r jsonb, server text, OUT made boolean, OUT note text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  wanted jsonb := sambapos._import_options(r, '{host,port,instance,database,encryption}');
BEGIN
  made := NOT sambapos._server_exists(server);
  IF NOT made THEN
    PERFORM sambapos._server_check(server);
    note := sambapos._import_differs(
      (SELECT coalesce(jsonb_object_agg(o.option_name, o.option_value), '{}')
       FROM pg_foreign_server AS s, pg_options_to_table(s.srvoptions) AS o WHERE s.srvname = server),
      wanted, format('server "%s"', server));
  ELSIF NOT wanted ?& '{host,database}' THEN
    RAISE EXCEPTION 'server "%" does not exist, and the row has no host or no database', server USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Give both in columns host and database.';
  ELSE
    EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (%s)', server,
                   sambapos._import_option_list(wanted));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._import_server(jsonb, text) IS
  'Makes the server of a row, or says what is otherwise with the one that is there';

CREATE FUNCTION sambapos._import_mapping(r jsonb, server text, OUT made boolean, OUT note text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  wanted jsonb := sambapos._import_options(r, '{username,password_file}');
BEGIN
  made := NOT EXISTS (SELECT FROM pg_user_mappings AS m
                      WHERE m.srvname = server AND (m.umuser = 0 OR m.usename = current_user));
  IF NOT made THEN
    note := sambapos._import_differs(
      (SELECT coalesce(jsonb_object_agg(o.option_name, o.option_value), '{}')
       FROM pg_user_mappings AS m, pg_options_to_table(m.umoptions) AS o
       WHERE m.srvname = server AND m.usename = current_user AND o.option_name = ANY ('{username,password_file}')),
      wanted, 'the user mapping');
  ELSIF NOT wanted ? 'username' THEN
    RAISE EXCEPTION 'role "%" has no user mapping for server "%", and the row has no username', current_user, server
      USING ERRCODE = 'invalid_parameter_value', HINT = 'Give it in column username, with column password_file.';
  ELSE
    EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER %I OPTIONS (%s)', server,
                   sambapos._import_option_list(wanted));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._import_mapping(jsonb, text) IS
  'Makes the user mapping of a row for the role that runs, or says what is otherwise with the one that is there';

CREATE FUNCTION sambapos._import_settings(r jsonb, place sambapos._place, OUT made boolean, OUT note text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  wanted  jsonb := '{}';
  present jsonb;
  s       record;
BEGIN
  FOR s IN SELECT * FROM jsonb_each_text(sambapos._import_options(
             r, '{time_zone,currency,external_id,site_group,sync_interval}')) LOOP
    wanted := wanted || jsonb_build_object(s.key, CASE s.key
      WHEN 'sync_interval' THEN sambapos._setting_checked(s.key, 'site', s.value)::interval::text
      ELSE sambapos._setting_checked(s.key, 'site', s.value) END);
  END LOOP;
  present := (SELECT jsonb_build_object('time_zone', p.time_zone, 'currency', p.currency, 'external_id', p.external_id,
                                        'site_group', p.site_group, 'sync_interval', p.sync_interval::text)
              FROM sambapos.site AS p WHERE p.site_id = place.site_id);
  UPDATE sambapos.site AS p
     SET time_zone = coalesce(p.time_zone, wanted ->> 'time_zone'), currency = coalesce(p.currency, wanted ->> 'currency'),
         external_id = coalesce(p.external_id, wanted ->> 'external_id'),
         site_group = coalesce(p.site_group, wanted ->> 'site_group')
   WHERE p.site_id = place.site_id
     AND EXISTS (SELECT FROM jsonb_each_text(present) AS o WHERE o.value IS NULL AND wanted ? o.key);
  made := FOUND;
  note := sambapos._import_differs(present, wanted, format('site "%s"', place.name));
END;
$$;
COMMENT ON FUNCTION sambapos._import_settings(jsonb, sambapos._place) IS
  'Sets what a row says and the site has no value of; says what is otherwise';

CREATE FUNCTION sambapos._import_site(r jsonb, OUT action text, OUT message text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  name   text := r ->> 'name';
  place  sambapos._place;
  server text;
  server_was  record;
  mapping_was record;
  setting_was record;
  tables_left text;
BEGIN
  PERFORM sambapos._site_check_name(name);
  PERFORM sambapos._feed_check_site_name(name);
  SELECT * INTO place FROM sambapos._place AS s WHERE s.name = _import_site.r ->> 'name' AND s.removed_at IS NULL;
  server := coalesce(place.server, name);
  server_was := sambapos._import_server(r, server);
  mapping_was := sambapos._import_mapping(r, server);
  IF place.site_id IS NULL THEN
    SELECT string_agg(t.table_name || ' ' || t.action, '; ' ORDER BY t.table_name) INTO tables_left
    FROM sambapos._site_add(name, server, r ->> 'time_zone',
                            CASE WHEN jsonb_typeof(r -> 'tables') = 'array'
                                 THEN ARRAY(SELECT jsonb_array_elements_text(r -> 'tables')) END,
                            coalesce(r ->> 'sync_interval', '15 minutes')::interval) AS t
    WHERE t.action LIKE 'refused%';
    PERFORM sambapos._end_remote_transaction(server);
    action := 'added';
  END IF;
  setting_was := sambapos._import_settings(r, sambapos._site(name));
  action := coalesce(action, CASE WHEN server_was.made OR mapping_was.made OR setting_was.made THEN 'completed'
                             ELSE 'kept' END);
  message := nullif(concat_ws('; ', server_was.note, mapping_was.note, setting_was.note, tables_left), '');
END;
$$;
COMMENT ON FUNCTION sambapos._import_site(jsonb) IS 'Makes what a row of sambapos_import_sites says and is missing';

-- What a new site is made of stays locked until the call ends, and the server has one table of locks for all its
-- sessions. What is left for another call is a row like any other that failed.
CREATE FUNCTION sambapos._import_check_locks() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  held bigint := (SELECT count(*) FROM pg_locks AS l WHERE l.pid = pg_backend_pid());
  room bigint := current_setting('max_locks_per_transaction')::bigint
                 * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint);
BEGIN
  IF held > room / 2 THEN
    RAISE EXCEPTION 'not imported: this call holds % of the % locks of the server', held, room USING
      ERRCODE = 'configuration_limit_exceeded', HINT = 'Call again: it goes on with the sites that are missing.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._import_check_locks() IS
  'Raises 53400 when a call of sambapos_import_sites holds half of the locks that the server has room for';

CREATE FUNCTION @extschema@.sambapos_import_sites(query text)
RETURNS TABLE (site text, action text, message text, hint text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  r jsonb;
  is_changed boolean := false; -- by a row before
BEGIN
  PERFORM sambapos._catalog_check();
  FOREACH r IN ARRAY ARRAY(SELECT i FROM sambapos._import_rows(query) AS i) LOOP
    site := r ->> 'name';
    hint := NULL;
    BEGIN
      PERFORM sambapos._import_check_locks() WHERE is_changed;
      SELECT i.action, i.message INTO action, message FROM sambapos._import_site(r) AS i;
      is_changed := is_changed OR action = 'added';
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
      action := 'failed';
      hint := nullif(hint, '');
    END;
    RETURN NEXT;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_import_sites(text) IS
  'Makes a server, a user mapping of the caller and a site for each row of a query, which runs with the caller''s '
  'rights; names in it are looked up in pg_catalog only, so write the schema. Columns: name (of the site, and of its '
  'server), host, port, instance, database, encryption, username, password_file, time_zone, currency, external_id, '
  'site_group, sync_interval, tables; all but name may be left out, no other is allowed. Returns a row for each: added; '
  'completed (something was missing); kept; failed, with the reason: of such a row nothing stays. What is there is '
  'never changed: message says what is otherwise. Errors: 22023 a column that is not known, or password, 22004 no '
  'query, and those of the query';
