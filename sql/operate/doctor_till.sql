-- doctor_till.sql: what is the till's server like: version, text, isolation, clock, locks, room?

CREATE FUNCTION sambapos._doctor_version(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  v record;
  words text;
BEGIN
  SELECT q.* INTO v FROM sambapos._query(server,
    'SELECT CAST(SERVERPROPERTY(''ProductVersion'') AS nvarchar(128)) AS v, '
    'CAST(SERVERPROPERTY(''Edition'') AS nvarchar(128)) AS e, '
    'CAST(SERVERPROPERTY(''IsLocalDB'') AS int) AS l, CAST(SERVERPROPERTY(''Babelfish'') AS int) AS b')
    AS q (version text, edition text, is_localdb integer, is_babelfish integer);
  words := format('%s, %s', v.version, coalesce(v.edition, 'edition unknown'));
  IF v.is_localdb = 1 THEN
    RETURN sambapos._finding('warning', E'LocalDB: it stops when nobody on its PC uses it.\n' || words,
      sambapos._doctor_localdb_fix());
  ELSIF v.is_babelfish = 1 THEN
    RETURN sambapos._finding('warning', 'Babelfish, which plays SQL Server: ' || words,
        'SambaPOS itself runs on SQL Server only.');
  ELSIF split_part(v.version, '.', 1)::integer < 11 THEN
    RETURN sambapos._finding('warning', words || ': older than SQL Server 2012',
        'Install a newer SQL Server Express on the till PC.');
  END IF;
  RETURN sambapos._finding('ok', words);
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_version(text) IS 'Version and edition of the till''s server; LocalDB is said '
    'first';

CREATE FUNCTION sambapos._doctor_collation(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
  words text;
BEGIN
  SELECT q.* INTO c FROM sambapos._query(server,
    'SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), ''Collation'') AS nvarchar(128)) AS c, '
    'CASE WHEN N''a'' = N''A'' THEN 1 ELSE 0 END AS i, '
    'CASE WHEN N''a'' = N''A'' AND N''i'' <> N''I'' THEN 1 ELSE 0 END AS t')
    AS q (name text, ignores_case integer, is_turkish integer);
  words := c.name || CASE WHEN c.ignores_case = 1 THEN ': ''Bar'' = ''BAR'' there, not here'
                          ELSE ': upper and lower case differ, as here' END
                  || CASE WHEN c.is_turkish = 1 THEN '; Turkish: ''i'' <> ''I'' there' ELSE '' END;
  IF getdatabaseencoding() <> 'UTF8' THEN
    RETURN sambapos._finding('warning',
      format('the encoding of database %s is %s: a character of the till that it does not have is an error',
          current_database(), getdatabaseencoding()),
      format('CREATE DATABASE %I ENCODING ''UTF8'' TEMPLATE template0; and go on there',
          current_database() || '_utf8'));
  ELSIF sambapos._server_option(server, 'text_semantics', 'strict') = 'server' AND c.ignores_case = 1 THEN
    RETURN sambapos._finding('warning', words || '; with text_semantics server live tables go by the till''s rules, '
        'the replica by PostgreSQL''s',
      format('ALTER SERVER %I OPTIONS (SET text_semantics ''strict'');', server));
  END IF;
  RETURN sambapos._finding('ok', words);
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_collation(text) IS 'How the till compares text, and whether all of it can be '
    'kept here';

CREATE FUNCTION sambapos._doctor_snapshot(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  wanted text := sambapos._server_option(server, 'isolation', 'auto');
  d      record;
BEGIN
  SELECT q.* INTO d FROM sambapos._query(server,
    'SELECT CAST(name AS nvarchar(128)) AS n, CAST(snapshot_isolation_state AS int) AS s, '
        'CAST(is_read_committed_snapshot_on AS int) AS r '
    'FROM sys.databases WHERE database_id = DB_ID()') AS q (name text, snapshot integer, row_versions integer);
  IF wanted = 'read_uncommitted' THEN
    RETURN sambapos._finding('warning', 'isolation read_uncommitted: what the till takes back may be read',
      format('ALTER SERVER %I OPTIONS (SET isolation ''auto'');', server));
  ELSIF d.snapshot = 1 AND wanted = 'read_committed' THEN
    RETURN sambapos._finding('warning', 'allowed, but the option isolation is read_committed',
      format('ALTER SERVER %I OPTIONS (SET isolation ''auto'');', server));
  ELSIF d.snapshot = 1 THEN
    RETURN sambapos._finding('ok', 'allowed: a read sees one moment of the till');
  ELSIF d.snapshot IN (2, 3) THEN
    RETURN sambapos._finding('warning', 'being switched: the server waits for open transactions',
        'Look again in a minute.');
  END IF;
  RETURN sambapos._finding(CASE wanted WHEN 'snapshot' THEN 'error' ELSE 'warning' END,
    CASE d.row_versions
      WHEN 1 THEN 'not allowed; READ_COMMITTED_SNAPSHOT is on: each statement sees one moment of its own'
      ELSE 'not allowed: reads wait for the till''s writers, a second at most, and see no single moment' END,
    'At the till: ALTER DATABASE ' || sambapos._setup_name(d.name) || ' SET ALLOW_SNAPSHOT_ISOLATION ON;');
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_snapshot(text) IS 'Can a read see one moment of the till?';

-- Off is ok: runs have another way. Switched on for some tables only it costs each sale and gives little.
CREATE FUNCTION sambapos._doctor_tracking(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  version bigint := (SELECT q.v
                     FROM sambapos._query(server, 'SELECT CHANGE_TRACKING_CURRENT_VERSION() AS v') AS q (v bigint));
  untracked text[];
  hidden text[];
BEGIN
  IF version IS NULL THEN
    RETURN sambapos._finding('ok', 'off: changes are found by stamps, ids and comparing');
  ELSIF NOT EXISTS (SELECT FROM sambapos._place AS s WHERE s.server = _doctor_tracking.server
                       AND s.removed_at IS NULL AND s.change_tracking <> 'off')
        AND EXISTS (SELECT FROM sambapos._place AS s WHERE s.server = _doctor_tracking.server AND s.removed_at IS NULL)
  THEN
    RETURN sambapos._finding('ok', format('on, at version %s; setting change_tracking is off here', version));
  END IF;
  SELECT array_agg(t.source_name) FILTER (WHERE k.t IS NULL),
         array_agg(t.source_name) FILTER (WHERE k.r IS DISTINCT FROM 1 AND k.t IS NOT NULL)
    INTO untracked, hidden
  FROM sambapos._server_tables(server) AS t
  LEFT JOIN sambapos._query(server,
    'SELECT s.name AS s, t.name AS t, HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N''.'' + QUOTENAME(t.name), N''OBJECT'', '
    'N''VIEW CHANGE TRACKING'') AS r FROM sys.change_tracking_tables AS c '
    'JOIN sys.tables AS t ON t.object_id = c.object_id JOIN sys.schemas AS s ON s.schema_id = t.schema_id')
    AS k (s text, t text, r integer) ON (k.s, k.t) = (t.source_schema, t.source_name);
  IF untracked IS NOT NULL OR hidden IS NOT NULL THEN
    RETURN sambapos._finding('warning', concat_ws('; ', format('on, at version %s', version),
        'not for ' || sambapos._words_some(untracked, 3, ', '),
        'the login may not see it of ' || sambapos._words_some(hidden, 3, ', '))
        || ': these, and what is read with them, go by stamps, ids and comparing', sambapos._doctor_script(server, 2));
  END IF;
  RETURN sambapos._finding('ok', format('on, at version %s, for all tables that are copied', version));
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_tracking(text) IS 'Does the till''s server keep the keys of changed rows?';

-- The middle of question and answer is compared: half of what both took is within doubt.
CREATE FUNCTION sambapos._doctor_clock(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  asked timestamptz := clock_timestamp();
  utc   timestamp := (SELECT q.u FROM sambapos._query(server, 'SELECT GETUTCDATE() AS u') AS q (u timestamp));
  doubt interval := (clock_timestamp() - asked) / 2;
  ahead interval := utc - (asked + doubt) AT TIME ZONE 'UTC';
  words text := CASE WHEN greatest(ahead, -ahead) < interval '1 second' THEN 'the till''s clock is right to the second'
                     ELSE format('the till''s clock is %s %s', justify_hours(greatest(ahead, -ahead))::interval(0),
                                 CASE WHEN ahead < '0' THEN 'behind' ELSE 'ahead' END) END;
BEGIN
  IF greatest(ahead, -ahead) - doubt > interval '1 minute' THEN
    RETURN sambapos._finding('warning', words,
      'One of both clocks is wrong. On the till PC, as administrator: w32tm /resync; here: timedatectl');
  END IF;
  RETURN sambapos._finding('ok', words);
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_clock(text) IS 'How far are the till''s clock and ours apart?';

CREATE FUNCTION sambapos._doctor_offset(ahead interval) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT CASE WHEN ahead < '0' THEN '-' ELSE '+' END || to_char(greatest(ahead, -ahead), 'HH24:MI'); $$;
COMMENT ON FUNCTION sambapos._doctor_offset(interval) IS 'An offset from UTC as people write it';

CREATE FUNCTION sambapos._doctor_zone(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  clock  record;
  there  interval;
  words  text;
  fixes  text;
  sites  bigint;
BEGIN
  SELECT q.* INTO clock
  FROM sambapos._query(server, 'SELECT GETDATE() AS l, GETUTCDATE() AS u')
    AS q (local_now timestamp, utc_now timestamp);
  there := make_interval(mins => sambapos._source_offset(clock.local_now, clock.utc_now));
  SELECT count(*),
         string_agg(CASE WHEN s.time_zone IS NULL THEN format('site %s has no time zone', s.name)
                         ELSE format('site %s: %s is UTC%s now', s.name, s.time_zone,
                                     sambapos._doctor_offset(z.here)) END,
                    '; ' ORDER BY s.name)
           FILTER (WHERE z.here IS DISTINCT FROM there),
         string_agg(format('SELECT sambapos_configure(%L, ''time_zone'', ''...'');', s.name), ' '
                    ORDER BY s.name)
           FILTER (WHERE z.here IS DISTINCT FROM there)
    INTO sites, words, fixes
  FROM sambapos._place AS s
  CROSS JOIN LATERAL (SELECT (clock.utc_now AT TIME ZONE 'UTC') AT TIME ZONE s.time_zone - clock.utc_now AS here) AS z
  WHERE s.server = _doctor_zone.server AND s.removed_at IS NULL;
  IF sites = 0 THEN
    RETURN sambapos._finding('skipped', format('the till''s clock is at UTC%s; there is no site on this server yet',
        sambapos._doctor_offset(there)));
  ELSIF words IS NOT NULL THEN
    RETURN sambapos._finding('warning', format('the till''s clock is at UTC%s; %s',
        sambapos._doctor_offset(there), words),
      fixes || ' with the zone the shop is in, for example Europe/London; if it is right as it is, set '
          'the time zone of Windows on the till PC.');
  END IF;
  RETURN sambapos._finding('ok', format('the till''s clock is at UTC%s, as the site''s time zone is',
      sambapos._doctor_offset(there)));
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_zone(text) IS 'Is the till in the time zone that its site says?';

-- Without the right to see other sessions a login sees no waiting one: that must not pass for none.
CREATE FUNCTION sambapos._doctor_lock_waits(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  w record;
BEGIN
  SELECT q.* INTO w
  FROM sambapos._query(server, 'SELECT HAS_PERMS_BY_NAME(NULL, NULL, N''VIEW SERVER STATE'') AS m') AS q (may integer);
  IF w.may IS DISTINCT FROM 1 THEN
    RETURN sambapos._finding('skipped',
      'the login may not look at other sessions (VIEW SERVER STATE); a login for reading needs no more',
      'At the till, as its administrator: SELECT session_id, blocking_session_id, wait_time '
      'FROM sys.dm_exec_requests WHERE blocking_session_id <> 0;');
  END IF;
  SELECT q.* INTO w FROM sambapos._query(server,
    'SELECT CAST(COUNT(*) AS int) AS n, CAST(MAX(r.wait_time) AS bigint) AS ms, '
    'CAST(SUM(CASE WHEN b.login_name = SUSER_SNAME() THEN 1 ELSE 0 END) AS int) AS ours '
    'FROM sys.dm_exec_requests AS r LEFT JOIN sys.dm_exec_sessions AS b ON b.session_id = r.blocking_session_id '
    'WHERE r.blocking_session_id <> 0 AND r.database_id = DB_ID()')
    AS q (waiting integer, longest bigint, ours integer);
  IF w.waiting = 0 THEN
    RETURN sambapos._finding('ok', 'nobody at the till waits for a lock');
  END IF;
  RETURN sambapos._finding(CASE WHEN w.ours > 0 THEN 'error' ELSE 'warning' END,
    format('%s sessions at the till wait for locks, the longest for %s ms; %s for one with our login',
           w.waiting, w.longest, w.ours),
    CASE WHEN w.ours > 0 THEN 'End the transaction here that reads from the till: '
                              'SELECT pid, query FROM pg_stat_activity WHERE state LIKE ''idle in transaction%'';'
         ELSE 'Look again in a minute. If it stays, restart the terminal that holds the lock.' END);
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_lock_waits(text) IS 'Does anybody at the till wait for a lock, and for one of '
    'ours?';

CREATE FUNCTION sambapos._doctor_size(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  d     record;
  room  bigint;
  words text;
BEGIN
  SELECT q.* INTO d FROM sambapos._query(server,
    'SELECT (SELECT SUM(CAST(size AS bigint)) FROM sys.database_files WHERE type = 0) / 128 AS mb, '
    'CAST(SERVERPROPERTY(''EngineEdition'') AS int) AS e, '
    'CAST(SERVERPROPERTY(''ProductVersion'') AS nvarchar(128)) AS v') AS q (mb bigint, edition integer, version text);
  IF d.mb IS NULL THEN
    RETURN sambapos._finding('skipped', 'the server does not say how large its files are');
  ELSIF d.edition IS DISTINCT FROM 4 THEN
    RETURN sambapos._finding('ok', format('%s MB; this edition has no limit of 10 GB', d.mb));
  END IF;
  room := CASE WHEN split_part(d.version, '.', 1)::integer >= 17 THEN 51200 ELSE 10240 END;
  words := format('%s MB of the %s MB that SQL Server Express allows', d.mb, room);
  IF d.mb >= room * 0.8 THEN
    RETURN sambapos._finding(CASE WHEN d.mb >= room * 0.95 THEN 'error' ELSE 'warning' END,
        words || '; when it is full nobody can sell',
      'After a complete sync clear old tickets in SambaPOS (they stay here), or get another edition of SQL Server.');
  END IF;
  RETURN sambapos._finding('ok', words);
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_size(text) IS 'How near is the database to the limit of SQL Server Express?';
