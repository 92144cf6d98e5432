-- kept.sql: what sambapos_uninstall puts beside the data, so that another installation goes on where this one was.
--
-- Rules:
-- * One ordinary table in sambapos_replica, a line an object: what it was, as data. It never holds a statement, which
--   whoever may write there could have a superuser execute, and never a password.
-- * Settings and state are kept by column name: what a later version has added gets its default.
-- * Like all in sambapos_replica it is trusted by its owner (ownership.sql).

CREATE FUNCTION sambapos._kept_table() RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._problem_raise(sambapos._schema_problem('sambapos_replica'));
  PERFORM sambapos._problem_raise(
    sambapos._relation_problem('sambapos_replica', 'sambapos_uninstalled', 'r', 'a table'));
  RETURN sambapos._replica_table('sambapos_uninstalled');
END;
$$;
COMMENT ON FUNCTION sambapos._kept_table() IS
  'Where sambapos_uninstall has kept what an earlier installation was; NULL: nothing is kept. Raises 55000 if others '
  'have made it';

-- Default privileges can have given it to others.
CREATE FUNCTION sambapos._kept_close() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  grantee text;
BEGIN
  FOR grantee IN
    SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
    FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE c.oid = sambapos._kept_table() AND a.grantee <> c.relowner
  LOOP
    EXECUTE format('REVOKE ALL ON TABLE sambapos_replica.sambapos_uninstalled FROM %s', grantee);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._kept_close() IS 'Takes what is kept from all but its owner';

CREATE FUNCTION sambapos._kept_create() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._kept_table() IS NOT NULL THEN
    RAISE EXCEPTION 'what an earlier uninstallation has kept is still there' USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'It is in table "sambapos_replica.sambapos_uninstalled".',
      HINT = 'If it is of no use any more, since sites were added anew: DROP TABLE '
             'sambapos_replica.sambapos_uninstalled;';
  END IF;
  PERFORM sambapos._replica_schema_ensure(); -- without a site, but with a feed, there was none
  CREATE TABLE sambapos_replica.sambapos_uninstalled (part text NOT NULL, name text NOT NULL, content jsonb NOT NULL);
  COMMENT ON TABLE sambapos_replica.sambapos_uninstalled IS
    'What sambapos_uninstall has kept of sambapos_fdw: settings, state, servers and foreign tables, no password. '
    'sambapos_adopt takes it back';
  PERFORM sambapos._kept_close();
END;
$$;
COMMENT ON FUNCTION sambapos._kept_create() IS
  'Makes the table for what is kept; raises 55000 if there is one from before';

CREATE FUNCTION sambapos._kept_add(part text, name text, content jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE 'INSERT INTO sambapos_replica.sambapos_uninstalled (part, name, content) VALUES ($1, $2, $3)'
    USING part, name, content;
END;
$$;
COMMENT ON FUNCTION sambapos._kept_add(text, text, jsonb) IS 'Keeps one object';

CREATE FUNCTION sambapos._kept(part text) RETURNS TABLE (name text, content jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN QUERY EXECUTE 'SELECT u.name, u.content FROM sambapos_replica.sambapos_uninstalled AS u WHERE u.part = $1
                        ORDER BY u.name COLLATE "C"' USING part;
END;
$$;
COMMENT ON FUNCTION sambapos._kept(text) IS 'What is kept of one kind of object';

-- ---- tables of the catalog ----

CREATE FUNCTION sambapos._catalog_relations(kind "char") RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.oid::regclass
  FROM pg_extension AS e CROSS JOIN unnest(e.extconfig) AS t (id) JOIN pg_class AS c ON c.oid = t.id
  WHERE e.extname = 'sambapos_fdw' AND c.relkind = kind ORDER BY c.relname;
$$;
COMMENT ON FUNCTION sambapos._catalog_relations("char") IS
  'The tables (r) or sequences (S) of settings and state, those that pg_dump has with the extension';

CREATE FUNCTION sambapos._sequence_next(relation regclass) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  upcoming bigint;
BEGIN
  EXECUTE format('SELECT s.last_value + s.is_called::integer FROM %s AS s', relation) INTO upcoming;
  RETURN upcoming;
END;
$$;
COMMENT ON FUNCTION sambapos._sequence_next(regclass) IS 'The number that a sequence gives out next';

-- A line of role_grant says what a role may; without the privileges, which go with the extension, it would lie.
CREATE FUNCTION sambapos._keep_catalog() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
BEGIN
  FOR relation IN
    SELECT r FROM sambapos._catalog_relations('r') AS r WHERE r <> 'sambapos.role_grant'::regclass
  LOOP
    EXECUTE format('SELECT sambapos._kept_add(''rows'', %L, to_jsonb(t)) FROM %s AS t', relation, relation);
  END LOOP;
  PERFORM sambapos._kept_add('sequence', r::text, to_jsonb(sambapos._sequence_next(r)))
  FROM sambapos._catalog_relations('S') AS r;
END;
$$;
COMMENT ON FUNCTION sambapos._keep_catalog() IS 'Keeps all settings and state';

-- A row has the columns that it was kept with. What this version does not know must not be lost without a word.
CREATE FUNCTION sambapos._take_back_rows(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := to_regclass(name);
  row jsonb;
  columns text;
BEGIN
  SELECT k.content INTO row FROM sambapos._kept('rows') AS k WHERE k.name = _take_back_rows.name LIMIT 1;
  IF relation IS NULL OR relation NOT IN (SELECT r FROM sambapos._catalog_relations('r') AS r)
     OR EXISTS (SELECT FROM jsonb_object_keys(row) AS c WHERE NOT EXISTS (
                  SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = c AND a.attnum > 0
                     AND NOT a.attisdropped)) THEN
    RAISE EXCEPTION 'what was kept of "%" is of another version of the extension', name USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'CREATE EXTENSION sambapos_fdw in the version that was uninstalled, or a later one.';
  END IF;
  IF NOT has_table_privilege(relation, 'INSERT') THEN
    RAISE NOTICE 'what was kept of "%" is left out: the owner of the extension alone may take it back', name USING
      HINT = 'Put the tables on their feeds again.';
    RETURN;
  END IF;
  SELECT string_agg(quote_ident(c), ', ') INTO columns
  FROM jsonb_object_keys(row) AS c JOIN pg_attribute AS a ON (a.attrelid, a.attname, a.attgenerated) = (relation, c, '');
  EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM (SELECT (jsonb_populate_record(NULL::%1$s, k.content)).*
                    FROM sambapos._kept(''rows'') AS k WHERE k.name = $1) AS r ON CONFLICT DO NOTHING',
                 relation, columns) USING name;
END;
$$;
COMMENT ON FUNCTION sambapos._take_back_rows(text) IS
  'Puts the rows of one table of settings or state back; raises 55000 if this version does not know it';

CREATE FUNCTION sambapos._take_back_catalog() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._take_back_rows(k.name) FROM (SELECT DISTINCT r.name FROM sambapos._kept('rows') AS r) AS k;
  PERFORM setval(to_regclass(k.name), greatest((k.content #>> '{}')::bigint,
                                               sambapos._sequence_next(to_regclass(k.name))), false)
  FROM sambapos._kept('sequence') AS k
  WHERE to_regclass(k.name) IN (SELECT r FROM sambapos._catalog_relations('S') AS r);
END;
$$;
COMMENT ON FUNCTION sambapos._take_back_catalog() IS 'Puts all settings and state back';

-- ---- privileges, by the names of roles ----

CREATE FUNCTION sambapos._keep_privileges(relation regclass) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(jsonb_agg(jsonb_build_object('privilege', p.privilege, 'column', p.column_name, 'grantee', r.rolname,
                                               'grantable', p.is_grantable)), '[]')
  FROM unnest(sambapos._privileges(relation)) AS p LEFT JOIN pg_roles AS r ON r.oid = p.grantee;
$$;
COMMENT ON FUNCTION sambapos._keep_privileges(regclass) IS
  'What others than its owner may do with a relation, by the names of the roles; null: PUBLIC';

CREATE FUNCTION sambapos._take_back_privileges(relation regclass, kept jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._privileges_grant(relation, array_agg(
           (k ->> 'privilege', k ->> 'column', coalesce(r.oid, 0), (k ->> 'grantable')::boolean)::sambapos._privilege))
  FROM jsonb_array_elements(kept) AS k LEFT JOIN pg_roles AS r ON r.rolname = k ->> 'grantee'
  WHERE (r.oid IS NOT NULL OR k ->> 'grantee' IS NULL)
    AND k ->> 'privilege' IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER');
$$;
COMMENT ON FUNCTION sambapos._take_back_privileges(regclass, jsonb) IS
  'Gives privileges back to the roles that are still there';

-- As far as the role that runs may: another one has then made them, and they are his.
CREATE FUNCTION sambapos._take_back_owner(object text, owner text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF owner <> current_user AND EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = owner) THEN
    EXECUTE format('ALTER %s OWNER TO %I', object, owner);
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE '% belonged to role "%" and belongs to role "%" now', object, owner, current_user;
END;
$$;
COMMENT ON FUNCTION sambapos._take_back_owner(text, text) IS
  'Gives what was made again to the role that it belonged to';

-- ---- servers, user mappings ----

CREATE FUNCTION sambapos._keep_options(options text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(jsonb_object_agg(o.option_name, o.option_value) FILTER (WHERE o.option_name <> 'password'), '{}')
  FROM pg_options_to_table(options) AS o;
$$;
COMMENT ON FUNCTION sambapos._keep_options(text[]) IS 'Options by name, without the password';

CREATE FUNCTION sambapos._options_clause(kept jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(format('OPTIONS (%s)', string_agg(format('%I %L', o.key, o.value), ', ' ORDER BY o.key)), '')
  FROM jsonb_each_text(kept) AS o;
$$;
COMMENT ON FUNCTION sambapos._options_clause(jsonb) IS 'Options as a statement has them; empty if there are none';

-- Without CASCADE: what others have on a server is theirs, and its DETAIL names it.
CREATE FUNCTION sambapos._keep_server(server text, keeps boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  mapping record;
  lost text[] := '{}';
BEGIN
  IF keeps THEN
    PERFORM sambapos._kept_add('server', s.srvname, jsonb_build_object(
      'options', sambapos._keep_options(s.srvoptions), 'owner', pg_get_userbyid(s.srvowner), 'type', s.srvtype,
      'version', s.srvversion, 'users', (SELECT coalesce(jsonb_agg(DISTINCT r.rolname), '[]')
        FROM aclexplode(s.srvacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee WHERE a.grantee <> s.srvowner)))
    FROM pg_foreign_server AS s WHERE s.srvname = server;
  END IF;
  FOR mapping IN SELECT m.umuser = 0 AS is_public, m.usename, m.umoptions FROM pg_user_mappings AS m
                 WHERE m.srvname = server ORDER BY m.usename
  LOOP
    IF keeps THEN
      PERFORM sambapos._kept_add('mapping', server, jsonb_build_object(
        'role', CASE WHEN NOT mapping.is_public THEN mapping.usename END,
        'options', sambapos._keep_options(mapping.umoptions)));
    END IF;
    IF EXISTS (SELECT FROM pg_options_to_table(mapping.umoptions) AS o WHERE o.option_name = 'password') THEN
      lost := lost || mapping.usename::text;
    END IF;
    EXECUTE format('DROP USER MAPPING FOR %s SERVER %I',
                   CASE WHEN mapping.is_public THEN 'PUBLIC' ELSE quote_ident(mapping.usename) END, server);
  END LOOP;
  EXECUTE format('DROP SERVER %I', server);
  RETURN CASE WHEN keeps THEN 'dropped, its definition is kept' ELSE 'dropped' END
         || CASE WHEN keeps AND lost <> '{}'
                 THEN ', but for the password in the user mapping of ' || array_to_string(lost, ', ') ELSE '' END;
END;
$$;
COMMENT ON FUNCTION sambapos._keep_server(text, boolean) IS
  'Drops a server and its user mappings, and keeps what they were unless told otherwise';

-- One that is there already is left as it is.
CREATE FUNCTION sambapos._take_back_server(name text, kept jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  mapping jsonb;
  role text;
BEGIN
  IF NOT sambapos._server_exists(name) THEN
    EXECUTE format('CREATE SERVER %I%s%s FOREIGN DATA WRAPPER sambapos_fdw %s', name,
                   ' TYPE ' || quote_literal(kept ->> 'type'), ' VERSION ' || quote_literal(kept ->> 'version'),
                   sambapos._options_clause(kept -> 'options'));
    FOR role IN SELECT r.rolname FROM jsonb_array_elements_text(kept -> 'users') AS u
                JOIN pg_roles AS r ON r.rolname = u
    LOOP
      EXECUTE format('GRANT USAGE ON FOREIGN SERVER %I TO %I', name, role);
    END LOOP;
    PERFORM sambapos._take_back_owner('SERVER ' || quote_ident(name), kept ->> 'owner');
  END IF;
  FOR mapping IN SELECT k.content FROM sambapos._kept('mapping') AS k WHERE k.name = _take_back_server.name LOOP
    role := mapping ->> 'role';
    CONTINUE WHEN EXISTS (SELECT FROM pg_user_mappings AS m
                          WHERE m.srvname = name AND m.usename = coalesce(role, 'public'))
               OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role UNION ALL SELECT WHERE role IS NULL);
    EXECUTE format('CREATE USER MAPPING FOR %s SERVER %I %s', coalesce(quote_ident(role), 'PUBLIC'), name,
                   sambapos._options_clause(mapping -> 'options'));
    IF NOT mapping -> 'options' ? 'password_file' THEN
      RAISE NOTICE 'the user mapping of % for server "%" has no password', coalesce(role, 'PUBLIC'), name
        USING HINT = format('ALTER USER MAPPING FOR %s SERVER %I OPTIONS (ADD password ''...'');',
                            coalesce(quote_ident(role), 'PUBLIC'), name);
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._take_back_server(text, jsonb) IS
  'Makes a server and its user mappings again, as far as they are not there; a NOTICE where a password is missing';

-- ---- foreign tables ----

CREATE FUNCTION sambapos._keep_live_columns(relation regclass) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, NULL), 'modifier', a.atttypmod,
           'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation END,
           'not_null', a.attnotnull, 'options', sambapos._keep_options(a.attfdwoptions)) ORDER BY a.attnum)
  FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
  WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._keep_live_columns(regclass) IS 'The columns of a foreign table, as data';

CREATE FUNCTION sambapos._keep_live(place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live name := sambapos._live_schema(place.name);
BEGIN
  PERFORM sambapos._kept_add('schema', live, jsonb_build_object('site', place.name,
    'owner', pg_get_userbyid(n.nspowner), 'users', (SELECT coalesce(jsonb_agg(DISTINCT r.rolname), '[]')
      FROM aclexplode(n.nspacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
      WHERE a.grantee <> n.nspowner AND a.privilege_type = 'USAGE')))
  FROM pg_namespace AS n WHERE n.nspname = live;
  PERFORM sambapos._kept_add('live', live, jsonb_build_object('table', c.relname, 'server', s.srvname,
    'owner', pg_get_userbyid(c.relowner), 'options', sambapos._keep_options(f.ftoptions),
    'columns', sambapos._keep_live_columns(c.oid), 'comment', obj_description(c.oid, 'pg_class'),
    'privileges', sambapos._keep_privileges(c.oid)))
  FROM sambapos._table AS t
  JOIN pg_class AS c ON c.oid = sambapos._live_named(place, t.table_name)
  JOIN pg_foreign_table AS f ON f.ftrelid = c.oid JOIN pg_foreign_server AS s ON s.oid = f.ftserver
  WHERE t.site_id = place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._keep_live(sambapos._place) IS 'Keeps what the live foreign tables of a site are';

CREATE FUNCTION sambapos._take_back_live_schema(name text, kept jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  role text;
BEGIN
  PERFORM sambapos._problem_raise(sambapos._schema_problem(name));
  IF to_regnamespace(quote_ident(name)) IS NULL THEN
    EXECUTE format('CREATE SCHEMA %I', name);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', name, 'Live foreign tables of SambaPOS site ' || (kept ->> 'site'));
    FOR role IN SELECT r.rolname FROM jsonb_array_elements_text(kept -> 'users') AS u
                JOIN pg_roles AS r ON r.rolname = u
    LOOP
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', name, role);
    END LOOP;
  END IF;
  PERFORM sambapos._schema_check_create(name);
END;
$$;
COMMENT ON FUNCTION sambapos._take_back_live_schema(text, jsonb) IS 'Makes the schema of a site''s live tables again';

-- A type or collation that is not there any more is an error of the statement that is made of it.
CREATE FUNCTION sambapos._take_back_live(schema_name text, kept jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live text := format('%I.%I', schema_name, kept ->> 'table');
BEGIN
  IF to_regclass(live) IS NOT NULL THEN
    RETURN; -- whether it may be used each run finds out
  END IF;
  EXECUTE format('CREATE FOREIGN TABLE %s (%s) SERVER %I %s', live,
    (SELECT string_agg(concat_ws(' ', quote_ident(c.value ->> 'name'),
              format_type(to_regtype(c.value ->> 'type'), (c.value ->> 'modifier')::integer),
              sambapos._options_clause(c.value -> 'options'),
              'COLLATE ' || to_regcollation(c.value ->> 'collation')::text,
              CASE WHEN (c.value ->> 'not_null')::boolean THEN 'NOT NULL' END), ', ' ORDER BY c.ordinality)
     FROM jsonb_array_elements(kept -> 'columns') WITH ORDINALITY AS c), kept ->> 'server',
    sambapos._options_clause(kept -> 'options'));
  EXECUTE format('COMMENT ON FOREIGN TABLE %s IS %L', live, kept ->> 'comment');
  PERFORM sambapos._take_back_privileges(live::regclass, kept -> 'privileges');
  PERFORM sambapos._take_back_owner('FOREIGN TABLE ' || live, kept ->> 'owner');
END;
$$;
COMMENT ON FUNCTION sambapos._take_back_live(text, jsonb) IS
  'Makes a live foreign table again, unless it is there; no till is asked';
