-- follow.sql: sambapos_follow and sambapos_unfollow: which feeds of other databases are copied here.

CREATE FUNCTION sambapos._follow(name text) RETURNS sambapos.follow
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found_follow sambapos.follow;
BEGIN
  SELECT * INTO found_follow FROM sambapos.follow AS f WHERE f.name = _follow.name;
  IF found_follow.follow_id IS NULL THEN
    RAISE EXCEPTION 'nothing is followed under the name "%"', coalesce(name, 'NULL') USING ERRCODE = 'undefined_object',
      HINT = coalesce('The names are: ' || (SELECT string_agg(f.name, ', ' ORDER BY f.name) FROM sambapos.follow AS f) || '.',
                      'sambapos_follow(name, server, feed) begins to follow a feed.');
  END IF;
  RETURN found_follow;
END;
$$;
COMMENT ON FUNCTION sambapos._follow(text) IS 'What is followed under a name; raises 42704';

CREATE FUNCTION sambapos._follow_check(f sambapos.follow) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF f.name IS NULL OR f.name !~ '^[a-z0-9_]{1,40}$' THEN
    RAISE EXCEPTION 'invalid name "%"', coalesce(f.name, 'NULL') USING ERRCODE = 'invalid_name',
      HINT = 'A name has 1 to 40 characters of a-z, 0-9 and _.';
  ELSIF EXISTS (SELECT FROM sambapos.follow AS o WHERE o.name = f.name) THEN
    RAISE EXCEPTION 'something is followed under the name "%" already', f.name USING ERRCODE = 'duplicate_object',
      HINT = 'To follow something else call sambapos_unfollow first. The tables stay, and the next pull compares them with all rows.';
  ELSIF f.feed IS NULL OR f.entities = '{}' THEN
    RAISE EXCEPTION 'no % are named', CASE WHEN f.feed IS NULL THEN 'feeds' ELSE 'entities' END USING ERRCODE = 'invalid_parameter_value',
      HINT = 'entities NULL: all of the feed.';
  END IF;
  PERFORM sambapos._follow_check_schema(f.target_schema);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_check(sambapos.follow) IS 'Raises what is wrong with a call of sambapos_follow';

-- The other database is asked at once: who names a feed that is not there, or tables that cannot be, learns it here.
CREATE FUNCTION sambapos._follow_try_source(f sambapos.follow) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._follow_open(f.server);
  PERFORM sambapos._follow_parts(f);
  PERFORM sambapos._follow_close();
EXCEPTION WHEN OTHERS OR query_canceled THEN
  PERFORM sambapos._follow_close();
  RAISE;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_try_source(sambapos.follow) IS 'Raises what keeps a feed from being followed';

CREATE FUNCTION @extschema@.sambapos_follow(name text, server name, feed text, scope text DEFAULT NULL,
                                            target_schema name DEFAULT NULL, entities text[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.follow;
  home name := (SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'sambapos_fdw');
BEGIN
  PERFORM sambapos._follow_dblink('dblink_connect(text, text)');
  SELECT a.* INTO f.name, f.server, f.feed, f.scope, f.target_schema, f.entities, f.role_name
  FROM (SELECT name, server::text, feed, scope, coalesce(target_schema, name::name)::text, entities, current_user::text) AS a;
  PERFORM sambapos._follow_check(f);
  PERFORM sambapos._follow_check_server(server);
  PERFORM sambapos._follow_try_source(f);
  INSERT INTO sambapos.follow (name, server, feed, scope, target_schema, entities)
  VALUES (f.name, f.server, f.feed, f.scope, f.target_schema, f.entities) RETURNING follow_id INTO f.follow_id;
  INSERT INTO sambapos.follow_state (follow_id) VALUES (f.follow_id);
  RAISE NOTICE 'feed "%" will be copied into schema "%"', feed, f.target_schema
    USING HINT = format('CALL %1$I.sambapos_pull(%2$L); makes the copy. With pg_cron, each minute: SELECT cron.schedule(''sambapos-pull'', ''* * * * *'', ''CALL %1$I.sambapos_pull()'');',
                        home, name);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_follow(text, name, text, text, name, text[]) IS
  'Begins to copy a feed of another database, which a server of dblink_fdw or postgres_fdw reaches, into tables of target_schema '
  '(by default: name), one an entity, made by the first sambapos_pull unless they are there. scope: only rows of it, and those that '
  'are everybody''s. entities NULL: all, also those that join the feed later. The role that calls is the one that pulls. Tables '
  'that have rows of others, belong to others, lack the key or a column, or have foreign keys to each other that are not '
  'deferrable are refused. Errors: 55000 dblink is missing, or such a table, 42704 no such server, feed or entity, 42809 not '
  'such a server, 42710 the name is taken, 42602 not a name, 22023 no entities, 42501 schema or table of others, 08001 no connection';

CREATE FUNCTION @extschema@.sambapos_unfollow(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.follow := sambapos._follow(name);
BEGIN
  DELETE FROM sambapos.follow_state AS s WHERE s.follow_id = f.follow_id;
  DELETE FROM sambapos.follow_table AS t WHERE t.follow_id = f.follow_id;
  DELETE FROM sambapos.follow AS o WHERE o.follow_id = f.follow_id;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_unfollow(text) IS
  'Ends a copy; it waits for a pull that is under way. The tables stay, with their rows. Errors: 42704 nothing is followed under that name';
