-- source.sql: the other database, by dblink.
--
-- Rules:
-- * dblink is optional. Its functions are found through the extension, each by its arguments, and none that is no
--   member of it is called.
-- * What is asked is sent and waited for here, so that a cancel ends the wait. The connection is closed in every end.
-- * All that is asked is read in one snapshot there; nothing there waits while we write.

CREATE FUNCTION sambapos._follow_dblink(call text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  routine text := (SELECT format('%I.%I', n.nspname, p.proname)
                   FROM pg_extension AS e
                   JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                     AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
                   JOIN pg_proc AS p ON p.oid = d.objid JOIN pg_namespace AS n ON n.oid = p.pronamespace
                   WHERE e.extname = 'dblink' AND format('%s(%s)', p.proname, oidvectortypes(p.proargtypes)) = call);
BEGIN
  IF routine IS NULL THEN
    RAISE EXCEPTION 'extension dblink is needed to follow a feed' USING ERRCODE = 'object_not_in_prerequisite_state',
      SCHEMA = 'sambapos', HINT = 'CREATE EXTENSION dblink; makes it. It is part of PostgreSQL (contrib).';
  END IF;
  RETURN routine;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_dblink(text) IS 'A function of dblink, given with its arguments, as SQL names it; raises 55000';

-- dblink would take a name that is no server for a connection string.
CREATE FUNCTION sambapos._follow_check_server(server text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s record;
BEGIN
  SELECT f.srvname, f.srvowner, p.proname, w.fdwname INTO s FROM pg_foreign_server AS f JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw
  LEFT JOIN pg_proc AS p ON p.oid = w.fdwvalidator
  WHERE f.srvname = server;
  IF s.srvname IS NULL THEN
    RAISE EXCEPTION 'server "%" does not exist', coalesce(server, 'NULL') USING ERRCODE = 'undefined_object', SCHEMA = 'sambapos',
      HINT = 'CREATE SERVER ... FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host ..., dbname ...) makes one.';
  ELSIF s.proname IS NULL OR s.proname NOT IN ('dblink_fdw_validator', 'postgres_fdw_validator') THEN
    RAISE EXCEPTION 'server "%" is one of wrapper "%"', server, s.fdwname USING ERRCODE = 'wrong_object_type', SCHEMA = 'sambapos',
      HINT = 'A feed is followed by a server of dblink_fdw or postgres_fdw.';
  ELSIF NOT sambapos._role_is_trusted(s.srvowner) THEN -- the owner could have the password sent to another host
    RAISE EXCEPTION 'server "%" belongs to role "%"', server, pg_get_userbyid(s.srvowner) USING ERRCODE = 'insufficient_privilege', SCHEMA = 'sambapos',
      HINT = format('ALTER SERVER %I OWNER TO the role that follows, or to a superuser.', server);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_check_server(text) IS 'Raises 42704, 42809 or 42501 unless dblink can be given a foreign server';

CREATE FUNCTION sambapos._follow_patience() RETURNS interval
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN interval '15 minutes'; END; $$;
COMMENT ON FUNCTION sambapos._follow_patience() IS 'How long one answer of the other database is waited for';

CREATE FUNCTION sambapos._follow_is_open() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  is_open boolean;
BEGIN
  EXECUTE format('SELECT coalesce(''sambapos_follow'' = ANY (%s()), false)', sambapos._follow_dblink('dblink_get_connections()')) INTO is_open;
  RETURN is_open;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_is_open() IS 'Whether the connection to the other database is open';

-- A cancel has one SQLSTATE, whoever was cancelled.
CREATE FUNCTION sambapos._follow_source_failed() RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  has_failed boolean := false;
BEGIN
  IF sambapos._follow_is_open() THEN
    EXECUTE format('SELECT %s(''sambapos_follow'') <> ''OK''', sambapos._follow_dblink('dblink_error_message(text)')) INTO has_failed;
  END IF;
  RETURN has_failed;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_source_failed() IS 'Whether the last thing that the other database has answered was an error';

-- A question that nobody waits for any more is not left running there.
CREATE FUNCTION sambapos._follow_close() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._follow_is_open() THEN
    EXECUTE format('SELECT %s(''sambapos_follow'') WHERE %s(''sambapos_follow'') = 1',
                   sambapos._follow_dblink('dblink_cancel_query(text)'), sambapos._follow_dblink('dblink_is_busy(text)'));
  END IF;
  EXECUTE format('SELECT %s(c) FROM unnest(%s()) AS c WHERE c = ''sambapos_follow''',
                 sambapos._follow_dblink('dblink_disconnect(text)'), sambapos._follow_dblink('dblink_get_connections()'));
END;
$$;
COMMENT ON FUNCTION sambapos._follow_close() IS 'Closes the connection to the other database, if it is open';

-- Waits by looking: dblink itself hears of no cancel while it waits (before PostgreSQL 17).
CREATE FUNCTION sambapos._follow_send(question text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  look text := format('SELECT %s(''sambapos_follow'') = 1', sambapos._follow_dblink('dblink_is_busy(text)'));
  since timestamptz := clock_timestamp();
  pause float8 := 0.001;
  is_under_way boolean;
BEGIN
  EXECUTE format('SELECT %s(''sambapos_follow'', $1) = 1', sambapos._follow_dblink('dblink_send_query(text, text)'))
    INTO is_under_way USING question;
  WHILE is_under_way LOOP
    EXECUTE look INTO is_under_way;
    EXIT WHEN NOT is_under_way;
    IF clock_timestamp() > since + sambapos._follow_patience() THEN
      RAISE EXCEPTION 'the other database has not answered for %', sambapos._follow_patience() USING
        ERRCODE = 'connection_failure', SCHEMA = 'sambapos';
    END IF;
    PERFORM pg_sleep(pause);
    pause := least(pause * 2, 0.05);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_send(text) IS 'Sends SQL to the other database and waits until it has answered';

-- The second call takes the end of the answer.
CREATE FUNCTION sambapos._follow_tell(command text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  take text := format('SELECT count(*) FROM %s(''sambapos_follow'') AS r (status text)', sambapos._follow_dblink('dblink_get_result(text)'));
BEGIN
  PERFORM sambapos._follow_send(command);
  EXECUTE take;
  EXECUTE take;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_tell(text) IS 'Has the other database do a command';

CREATE FUNCTION sambapos._follow_ask(question text) RETURNS TABLE (key jsonb, data jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  result text := sambapos._follow_dblink('dblink_get_result(text)');
BEGIN
  PERFORM sambapos._follow_send(question);
  RETURN QUERY EXECUTE format('SELECT r.key, r.data FROM %s(''sambapos_follow'') AS r (key jsonb, data jsonb)', result);
  EXECUTE format('SELECT count(*) FROM %s(''sambapos_follow'') AS r (key jsonb, data jsonb)', result);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_ask(text) IS 'Asks the other database a question whose answer has two columns of type jsonb';

-- The functions of the feed are in the schema that its database has them in.
CREATE FUNCTION sambapos._follow_open(server text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  home text;
BEGIN
  PERFORM sambapos._follow_check_server(server);
  PERFORM sambapos._follow_close();
  EXECUTE format('SELECT %s(''sambapos_follow'', $1)', sambapos._follow_dblink('dblink_connect(text, text)')) USING server;
  home := (SELECT a.data #>> '{}' FROM sambapos._follow_ask(
    'SELECT NULL::pg_catalog.jsonb, pg_catalog.to_jsonb(n.nspname) FROM pg_catalog.pg_extension AS e '
    'JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = ''sambapos_fdw''') AS a);
  IF home IS NULL THEN
    RAISE EXCEPTION 'the database of server "%" does not have extension sambapos_fdw', server USING
      ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = 'sambapos';
  END IF;
  RETURN home;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_open(text) IS
  'Connects to the database of a server, and returns the schema that the functions of the feed have there';

CREATE FUNCTION sambapos._follow_describe(f sambapos.follow, with_presets boolean) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT a.data FROM sambapos._follow_ask(format(
    'SELECT NULL::pg_catalog.jsonb, sambapos._feed_describe(%L, %L::pg_catalog.text[], %L)', f.feed, f.entities, with_presets)) AS a);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_describe(sambapos.follow, boolean) IS 'What the entities that are followed are like, as the other database says';
