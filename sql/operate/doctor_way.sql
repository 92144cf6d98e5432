-- doctor_way.sql: the way from here to the till's database, step by step: which one fails?
--
-- Rules:
-- * There is one attempt to connect. An error says by its words how far it came (src/tds: resolve, browser, probe,
--   diagnosis, login); what stands before that worked, what stands behind was not tried.
-- * What is looked at before anything is sent has steps of its own: who reads (the right to use the server, the mapping
--   and its password), and the options. An error of the till's server says so in its detail.

CREATE TYPE sambapos.finding AS (status text, detail text, fix text);
COMMENT ON TYPE sambapos.finding IS
  'What one check of sambapos_check found. status: ok, warning, error, skipped; fix: what to type or to do';

CREATE FUNCTION sambapos._finding(status text, detail text, fix text DEFAULT NULL) RETURNS sambapos.finding
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT (status, detail, CASE WHEN status <> 'ok' THEN fix END)::sambapos.finding; $$;
COMMENT ON FUNCTION sambapos._finding(text, text, text) IS 'A finding; what is ok needs no fix';

CREATE FUNCTION sambapos._doctor_steps() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT '{user mapping,options,host name,instance,port,TLS,login,database}'::text[]; $$;
COMMENT ON FUNCTION sambapos._doctor_steps() IS 'The steps of a connection, in their order';

CREATE FUNCTION sambapos._doctor_step_of(sqlstate text, message text, detail text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN message ~ '^could not find host ' THEN 'host name'
    WHEN message ~ '^(could not find the port of instance|no answer from SQL Server Browser) ' THEN 'instance'
    WHEN message ~ '^could not connect to ' THEN 'port'
    WHEN sqlstate = '3D000' OR detail ~ '^SQL Server error (916|922|924|927|942|945),' THEN 'database'
    WHEN sqlstate ~ '^08' THEN 'TLS'
    WHEN detail ~ '^(SQL Server|DB-Library) error ' THEN 'login'
    WHEN message ~ 'password file ' THEN 'user mapping'
    WHEN sqlstate ~ '^(0A|22|58)' OR message ~ 'ca_file |no option "host"' THEN 'options'
    WHEN sqlstate IN ('28000', '2F003', '42501', '42704', 'HV00N') THEN 'user mapping'
    ELSE 'login' END;
$$;
COMMENT ON FUNCTION sambapos._doctor_step_of(text, text, text) IS 'The step of a connection that an error belongs to';

CREATE FUNCTION sambapos._doctor_is_localdb(server text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT concat(sambapos._server_option(server, 'host'), sambapos._server_option(server, 'instance')) ~* 'localdb'; $$;
COMMENT ON FUNCTION sambapos._doctor_is_localdb(text) IS 'True if a server''s options name LocalDB';

CREATE FUNCTION sambapos._doctor_localdb_fix() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'Install SQL Server Express, restore a backup of SambaPOS into it, point SambaPOS at it; see '
         'the first page of the tutorial.';
$$;
COMMENT ON FUNCTION sambapos._doctor_localdb_fix() IS 'What to do about LocalDB';

-- LocalDB first: whoever has it needs to read no further.
CREATE FUNCTION sambapos._doctor_step_failed(server text, step text, error text, detail text, hint text)
RETURNS sambapos.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN sambapos._doctor_is_localdb(server) AND step IN ('host name', 'instance', 'port') THEN
      sambapos._finding('error', E'LocalDB has no TCP port: nothing outside its PC can reach it.\n' || error,
        sambapos._doctor_localdb_fix())
    WHEN step = 'port' THEN
      sambapos._finding('error', concat_ws(E'\n', error, detail,
          'LocalDB, which SambaPOS 5 installs by default, has no TCP port at all.'), hint)
    ELSE sambapos._finding('error', concat_ws(E'\n', error, detail), hint) END;
$$;
COMMENT ON FUNCTION sambapos._doctor_step_failed(text, text, text, text, text) IS
  'What is said of the step that failed';

CREATE FUNCTION sambapos._doctor_step_ok(server text, step text, login text, database text, port integer)
RETURNS sambapos.finding
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._finding('ok', CASE step
    WHEN 'user mapping' THEN (SELECT format('of role %s', m.role) FROM sambapos._server_mapping(server) AS m)
    WHEN 'options' THEN 'nothing is missing or contradicts'
    WHEN 'host name' THEN sambapos._server_option(server, 'host')
    WHEN 'instance' THEN CASE WHEN sambapos._server_option(server, 'port') IS NOT NULL
                              THEN 'not asked for: the port is given'
                              ELSE coalesce(sambapos._server_option(server, 'instance'), 'none') END
    WHEN 'port' THEN coalesce(sambapos._server_option(server, 'port', port::text), '1433')
    WHEN 'TLS' THEN CASE sambapos._server_option(server, 'encryption', 'require')
                      WHEN 'require' THEN 'everything is encrypted' WHEN 'off' THEN 'switched off'
                      ELSE 'as the server wants it' END
    WHEN 'login' THEN login
    WHEN 'database' THEN database END);
$$;
COMMENT ON FUNCTION sambapos._doctor_step_ok(text, text, text, text, integer) IS 'What is said of a step that worked';

CREATE FUNCTION sambapos._doctor_way(server text) RETURNS TABLE (step text, outcome sambapos.finding)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  steps    text[] := sambapos._doctor_steps();
  failed   text;
  finding  sambapos.finding;
  state    text;
  error    text;
  detail   text;
  hint     text;
  login    text;
  database text;
  port     integer;
BEGIN
  BEGIN
    SELECT q.login, q.database, q.port INTO login, database, port
    FROM sambapos._query(server,
      'SELECT CAST(SUSER_SNAME() AS nvarchar(128)) AS l, CAST(DB_NAME() AS nvarchar(128)) AS d, '
      'CAST(CONNECTIONPROPERTY(''local_tcp_port'') AS int) AS p') AS q (login text, database text, port integer);
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, error = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT;
    failed := sambapos._doctor_step_of(state, error, detail);
    finding := sambapos._doctor_step_failed(server, failed, error, nullif(detail, ''), nullif(hint, ''));
  END;
  FOREACH step IN ARRAY steps LOOP
    outcome := CASE
      WHEN step = failed THEN finding
      WHEN array_position(steps, step) > array_position(steps, failed)
        THEN sambapos._finding('skipped', format('not tried: see %s', failed))
      ELSE sambapos._doctor_step_ok(server, step, login, database, port) END;
    RETURN NEXT;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_way(text) IS 'Connects to a server: a row for each step, and what became of it';
