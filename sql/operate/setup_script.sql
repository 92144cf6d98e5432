-- setup_script.sql: sambapos_setup_script: T-SQL for an administrator of the till's SQL Server.
--
-- Rules:
-- * What is printed is run as it is by somebody who trusts it. Names come from the till's catalog and from options:
--   each is quoted, and one with a control character is refused, since a line break ends a comment and GO a batch.
-- * It touches nothing that it has not made. The user mapping may name SambaPOS's own login: a DENY for that stops the
--   till. So what it makes or switches gets a mark, an extended property; a login or user without the mark is left
--   alone, and undoing asks for the mark as well.
-- * It can be run again: what is there already is left alone. It ends at the first error (XACT_ABORT), and where it
--   would wait for a lock, since whoever wants a table waits behind it (LOCK_TIMEOUT).
-- * No password is in it, and it makes no login before somebody has written one into it.
-- * Undoing stands behind it as comments, so that running the whole undoes nothing.

CREATE FUNCTION sambapos._setup_name(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF name ~ '[\x01-\x1F\x7F-\x9F\u2028\u2029]' THEN -- is_control of src/tds/query_text.cpp, tabs and line breaks
    RAISE EXCEPTION 'a name with a control character cannot stand in a script: %', quote_literal(name)
      USING ERRCODE = 'invalid_name', HINT = 'Rename it, or leave the table out: see sambapos_remove_table.';
  END IF;
  RETURN sambapos._tsql_name(name);
END;
$$;
COMMENT ON FUNCTION sambapos._setup_name(text) IS 'A name as a T-SQL identifier on one line; raises 42602 if it '
    'cannot be';

CREATE FUNCTION sambapos._setup_object(source_schema text, source_name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS
$$ SELECT sambapos._setup_name(source_schema) || '.' || sambapos._setup_name(source_name); $$;
COMMENT ON FUNCTION sambapos._setup_object(text, text) IS 'A table as a T-SQL identifier';

CREATE FUNCTION sambapos._setup_if_there(object text, statement text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS
$$ SELECT format('IF OBJECT_ID(%s) IS NOT NULL %s;', sambapos._tsql_text(object), statement); $$;
COMMENT ON FUNCTION sambapos._setup_if_there(text, text) IS 'A statement about a table, for where the till has that '
    'table';

-- Who shall read. sa never: it cannot be made to only read.
CREATE FUNCTION sambapos._setup_login(server text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT coalesce((SELECT m.username FROM sambapos._server_mapping(server) AS m WHERE lower(m.username) <> 'sa'),
    'sambapos_reader'); $$;
COMMENT ON FUNCTION sambapos._setup_login(text) IS
  'The login that the script makes: the one of the caller''s user mapping, else sambapos_reader';

-- ---- marks ----

-- They lie in the till's database, so they go with a backup to another machine, and with what they are on.
CREATE FUNCTION sambapos._setup_mark(mark text, class integer, id text, place text,
                                     OUT is_there text, OUT put text, OUT take text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.is_there, format('IF NOT %s EXEC sys.sp_addextendedproperty N''sambapos_fdw %s'', '
                            'N''by sambapos_setup_script''%s;', c.is_there, mark, place),
         format('IF %s EXEC sys.sp_dropextendedproperty N''sambapos_fdw %s''%s;', c.is_there, mark, place)
  FROM (SELECT format('EXISTS (SELECT 1 FROM sys.extended_properties WHERE class = %s AND major_id = %s '
                      'AND minor_id = 0 AND name = N''sambapos_fdw %s'')', class, id, mark) AS is_there) AS c;
$$;
COMMENT ON FUNCTION sambapos._setup_mark(text, integer, text, text) IS
  'T-SQL of a mark, an extended property, on something that the script has made: is it there, put it on, take it off';

CREATE FUNCTION sambapos._setup_user_mark(login text, OUT is_there text, OUT put text, OUT take text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT m.* FROM sambapos._tsql_text(login) AS l (name),
       sambapos._setup_mark('login', 4, format('USER_ID(%s)', l.name), format(', N''USER'', %s', l.name)) AS m;
$$;
COMMENT ON FUNCTION sambapos._setup_user_mark(text) IS
  'The mark on the database''s user of a login that the script made';

CREATE FUNCTION sambapos._setup_database_mark(mark text, OUT is_there text, OUT put text, OUT take text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT m.* FROM sambapos._setup_mark(mark, 0, '0', '') AS m; $$;
COMMENT ON FUNCTION sambapos._setup_database_mark(text) IS
  'The mark on a database in which the script switched something on';

CREATE FUNCTION sambapos._setup_table_mark(mark text, source_schema text, source_name text,
                                           OUT is_there text, OUT put text, OUT take text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT m.*
  FROM sambapos._setup_mark(mark, 1,
    format('OBJECT_ID(%s)', sambapos._tsql_text(sambapos._setup_object(source_schema, source_name))),
    format(', N''SCHEMA'', %s, N''TABLE'', %s', sambapos._tsql_text(source_schema),
           sambapos._tsql_text(source_name))) AS m;
$$;
COMMENT ON FUNCTION sambapos._setup_table_mark(text, text, text) IS
  'The mark on a table to which the script did something';

-- ---- level 0: a login that can only read ----

-- A user keeps the number (sid) of its login, not the name: on another machine the login of that name is another one.
CREATE FUNCTION sambapos._setup_login_is_tied(login text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('EXISTS (SELECT 1 FROM sys.database_principals AS u JOIN sys.server_principals AS l ON l.sid = u.sid '
                'WHERE u.principal_id = USER_ID(%s) AND l.name = %1$s)', sambapos._tsql_text(login));
$$;
COMMENT ON FUNCTION sambapos._setup_login_is_tied(text) IS
  'T-SQL that is true if the database''s user of that name is the login''s';

CREATE FUNCTION sambapos._setup_login_lines(login text) RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  name text := sambapos._setup_name(login);
  word text := sambapos._tsql_text(login);
  mark record := sambapos._setup_user_mark(login);
BEGIN
  RETURN QUERY SELECT l FROM unnest(ARRAY[
    '-- Write a password of your own between the two quotes of the next line. As it stands no login is made.',
    'DECLARE @password nvarchar(100) = N'''';',
    format('DECLARE @sql nvarchar(1000) = N''CREATE LOGIN %s WITH PASSWORD = N'''
           ' + QUOTENAME(@password, N'''''''') + N'', CHECK_POLICY = ON'';', replace(name, '''', '''''')),
    format('DECLARE @ours int = CASE WHEN %s THEN 1 ELSE 0 END;', mark.is_there),
    format('DECLARE @tied int = CASE WHEN %s THEN 1 ELSE 0 END;', sambapos._setup_login_is_tied(login)),
    format('IF (@ours = 0 AND (SUSER_ID(%s) IS NOT NULL OR USER_ID(%1$s) IS NOT NULL))', word),
    format('  OR (@ours = 1 AND @tied = 0 AND SUSER_ID(%s) IS NOT NULL)', word),
    'BEGIN',
    format('  RAISERROR(N''There is a login or user %%s already, which this script has not made: it may be the one that'
           ' SambaPOS works with. Nothing was done. Take another name: ALTER USER MAPPING ... OPTIONS (SET username'
           ' ...) in PostgreSQL, then make the script anew.'', 16, 1, %s);', word),
    '  RETURN;',
    'END;',
    -- what does not fit a variable is cut without a word, whatever is set
    'IF DATALENGTH(@password) >= 200',
    'BEGIN',
    '  RAISERROR(N''The password is longer than 99 characters. Nothing was done. Take a shorter one.'', 16, 1);',
    '  RETURN;',
    'END;',
    format('IF SUSER_ID(%s) IS NULL AND @password = N''''', word),
    'BEGIN',
    '  RAISERROR(N''Write a password into the script first.'', 16, 1);',
    '  RETURN;',
    'END;',
    format('IF SUSER_ID(%s) IS NOT NULL AND @password <> N'''' PRINT N''The login is there already: it keeps its'
           ' password, not the one in this script.'';', word),
    'BEGIN TRANSACTION;',
    format('IF SUSER_ID(%s) IS NULL EXEC (@sql);', word),
    format('IF USER_ID(%s) IS NULL', word),
    'BEGIN',
    format('  CREATE USER %s FOR LOGIN %1$s;', name),
    '  ' || mark.put,
    'END',
    'ELSE IF @tied = 0',
    format('  ALTER USER %s WITH LOGIN = %1$s;', name),
    format('IF SUSER_ID(%s) IS NULL OR NOT %s', word, mark.is_there),
    'BEGIN',
    '  ROLLBACK TRANSACTION; -- the message above says why',
    '  RETURN;',
    'END;',
    'COMMIT TRANSACTION;']) AS l;
END;
$$;
COMMENT ON FUNCTION sambapos._setup_login_lines(text) IS
  'T-SQL that makes the login and its user, or ends the batch; behind it the user is one that the script has made';

CREATE FUNCTION sambapos._setup_login_undo(login text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT l FROM sambapos._setup_user_mark(login) AS m, sambapos._setup_login_is_tied(login) AS tied, unnest(ARRAY[
    format('IF %s AND %s DROP LOGIN %s;', m.is_there, tied, sambapos._setup_name(login)),
    format('IF %s AND NOT %s DROP USER %s;', m.is_there, tied, sambapos._setup_name(login))]) AS l;
$$;
COMMENT ON FUNCTION sambapos._setup_login_undo(text) IS
  'T-SQL that drops the login and its user, with all their rights, if the script has made them';

-- A later GRANT on a table would lift a DENY on its columns: so in this order.
CREATE FUNCTION sambapos._setup_right_lines(server text, login text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT '-- What is copied may be read. Tables that this till does not have are left out.'
  UNION ALL
  SELECT sambapos._setup_if_there(o.object, format('GRANT SELECT ON %s TO %s', o.object, sambapos._setup_name(login)))
  FROM (SELECT * FROM sambapos._server_tables(server)
        UNION SELECT * FROM sambapos._server_wanted(server) ORDER BY 1, 2) AS t (source_schema, source_name),
       sambapos._setup_object(t.source_schema, t.source_name) AS o (object)
  UNION ALL
  SELECT '-- Secrets may not be read, whoever learns the password. After the GRANTs, in this order.'
  UNION ALL
  SELECT format('IF COL_LENGTH(%s, %s) IS NOT NULL DENY SELECT ON %s (%s) TO %s;', sambapos._tsql_text(o.object),
                sambapos._tsql_text(c.column_name), o.object,
                sambapos._setup_name(c.column_name), sambapos._setup_name(login))
  FROM sambapos._known_secret_columns() AS c, sambapos._setup_object('dbo', c.table_name) AS o (object)
  WHERE c.table_name NOT IN (SELECT k.source_name FROM sambapos._known_tables() AS k WHERE k.never)
  UNION ALL
  SELECT sambapos._setup_if_there(o.object, format('DENY SELECT ON %s TO %s', o.object, sambapos._setup_name(login)))
  FROM sambapos._known_tables() AS k, sambapos._setup_object('dbo', k.source_name) AS o (object) WHERE k.never;
$$;
COMMENT ON FUNCTION sambapos._setup_right_lines(text, text) IS
  'T-SQL that says what the login may read; for a user that the script has made';

-- ---- levels 1 to 3 ----

CREATE FUNCTION sambapos._setup_snapshot_lines(database text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT l FROM sambapos._setup_database_mark('snapshot isolation') AS m, unnest(ARRAY[
    'IF EXISTS (SELECT 1 FROM sys.databases WHERE database_id = DB_ID() AND snapshot_isolation_state = 0)',
    'BEGIN',
    format('  ALTER DATABASE %s SET ALLOW_SNAPSHOT_ISOLATION ON;', database),
    '  ' || m.put,
    'END;']) AS l;
$$;
COMMENT ON FUNCTION sambapos._setup_snapshot_lines(text) IS 'T-SQL that allows snapshot isolation';

CREATE FUNCTION sambapos._setup_snapshot_undo(database text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT l FROM sambapos._setup_database_mark('snapshot isolation') AS m, unnest(ARRAY[
    format('IF %s ALTER DATABASE %s SET ALLOW_SNAPSHOT_ISOLATION OFF;', m.is_there, database), m.take]) AS l;
$$;
COMMENT ON FUNCTION sambapos._setup_snapshot_undo(text) IS
  'T-SQL that forbids snapshot isolation again if the script has allowed it';

CREATE FUNCTION sambapos._setup_tracking_lines(server text, login text, database text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT l FROM sambapos._setup_database_mark('change tracking') AS m, unnest(ARRAY[
    'IF NOT EXISTS (SELECT 1 FROM sys.change_tracking_databases WHERE database_id = DB_ID())',
    'BEGIN',
    format('  ALTER DATABASE %s SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 5 DAYS, AUTO_CLEANUP = ON);', database),
    '  ' || m.put,
    'END;']) AS l
  UNION ALL
  SELECT l
  FROM sambapos._server_tables(server) AS t, sambapos._setup_object(t.source_schema, t.source_name) AS o (object),
       sambapos._setup_table_mark('change tracking', t.source_schema, t.source_name) AS m,
       LATERAL unnest(ARRAY[
         format('IF OBJECTPROPERTY(OBJECT_ID(%s), N''TableHasPrimaryKey'') = 1'
                ' AND NOT EXISTS (SELECT 1 FROM sys.change_tracking_tables WHERE object_id = OBJECT_ID(%1$s))',
                sambapos._tsql_text(o.object)),
         'BEGIN',
         format('  ALTER TABLE %s ENABLE CHANGE_TRACKING;', o.object),
         '  ' || m.put,
         'END;',
         sambapos._setup_if_there(o.object, format('GRANT VIEW CHANGE TRACKING ON %s TO %s',
                                                   o.object, sambapos._setup_name(login)))]) AS l;
$$;
COMMENT ON FUNCTION sambapos._setup_tracking_lines(text, text, text) IS
  'T-SQL that switches change tracking on for the tables that are copied';

-- The right to see it goes with the user.
CREATE FUNCTION sambapos._setup_tracking_undo(server text, database text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT l
  FROM sambapos._server_tables(server) AS t, sambapos._setup_object(t.source_schema, t.source_name) AS o (object),
       sambapos._setup_table_mark('change tracking', t.source_schema, t.source_name) AS m,
       LATERAL unnest(ARRAY[
         format('IF %s AND EXISTS (SELECT 1 FROM sys.change_tracking_tables WHERE object_id = OBJECT_ID(%s))'
                ' ALTER TABLE %s DISABLE CHANGE_TRACKING;',
                m.is_there, sambapos._tsql_text(o.object), o.object),
         m.take]) AS l
  UNION ALL
  SELECT l FROM sambapos._setup_database_mark('change tracking') AS m, unnest(ARRAY[
    format('IF %s AND NOT EXISTS (SELECT 1 FROM sys.change_tracking_tables)'
           ' ALTER DATABASE %s SET CHANGE_TRACKING = OFF;', m.is_there, database),
    m.take]) AS l;
$$;
COMMENT ON FUNCTION sambapos._setup_tracking_undo(text, text) IS
  'T-SQL that switches change tracking off again where the script has switched it on';

CREATE FUNCTION sambapos._setup_index_is_there() RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT 'EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(N''[dbo].[Tickets]'') AND name = '
          'N''IX_sambapos_LastUpdateTime'')'; $$;
COMMENT ON FUNCTION sambapos._setup_index_is_there() IS 'T-SQL that is true if an index of the script''s name is there';

CREATE FUNCTION sambapos._setup_index_lines() RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT l FROM sambapos._setup_table_mark('index', 'dbo', 'Tickets') AS m, unnest(ARRAY[
    format('IF COL_LENGTH(N''[dbo].[Tickets]'', N''LastUpdateTime'') IS NOT NULL AND NOT %s',
           sambapos._setup_index_is_there()),
    'BEGIN',
    '  CREATE INDEX [IX_sambapos_LastUpdateTime] ON [dbo].[Tickets] ([LastUpdateTime]);',
    '  ' || m.put,
    'END;']) AS l;
$$;
COMMENT ON FUNCTION sambapos._setup_index_lines() IS 'T-SQL that makes the index by which changed tickets are found';

CREATE FUNCTION sambapos._setup_index_undo() RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT l FROM sambapos._setup_table_mark('index', 'dbo', 'Tickets') AS m, unnest(ARRAY[
    format('IF %s AND %s DROP INDEX [IX_sambapos_LastUpdateTime] ON [dbo].[Tickets];', m.is_there,
           sambapos._setup_index_is_there()),
    m.take]) AS l;
$$;
COMMENT ON FUNCTION sambapos._setup_index_undo() IS 'T-SQL that drops the index if the script has made it';

-- ---- the whole ----

CREATE FUNCTION sambapos._setup_begin(database text, level integer) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT l FROM unnest(ARRAY[
    '-- For an administrator of SQL Server, in Management Studio or with:',
    '-- sqlcmd -S localhost -E -x -f 65001 -i this_file',
    format('-- Made by sambapos_setup_script, level %s. It may be run again. Undoing it: the lines at the end.', level),
    '-- It changes no login, user or setting but those that it has made itself: they bear a mark, an extended property '
        '"sambapos_fdw ...".',
    'SET XACT_ABORT ON;      -- it ends at the first error',
    'SET LOCK_TIMEOUT 5000;  -- and where it would wait for a lock, which others would have to wait for as well',
    format('USE %s;', sambapos._setup_name(database)),
    'GO',
    format('IF DB_ID(%s) IS NULL OR DB_ID(%1$s) <> DB_ID()', sambapos._tsql_text(database)),
    'BEGIN',
    '  RAISERROR(N''The database of this script is not there. Nothing was done.'', 16, 1);',
    '  RETURN;',
    'END;']) AS l;
$$;
COMMENT ON FUNCTION sambapos._setup_begin(text, integer) IS
  'The beginning of the script: one batch from here on, which ends when something is not as it should be';

CREATE FUNCTION sambapos._setup_undo(level integer, note text, lines text[]) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT format('-- -- level %s%s', level, note) UNION ALL SELECT '-- ' || l FROM unnest(lines) AS l; $$;
COMMENT ON FUNCTION sambapos._setup_undo(integer, text, text[]) IS 'T-SQL that undoes a level, as comments';

CREATE FUNCTION @extschema@.sambapos_setup_script(server text, level integer DEFAULT 1) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  login    text := sambapos._setup_login(server);
  database text := sambapos._server_option(server, 'database');
  quoted   text;
BEGIN
  PERFORM sambapos._server_check(server);
  IF level IS NULL OR level NOT BETWEEN 0 AND 3 THEN
    RAISE EXCEPTION 'unknown level %', coalesce(level::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = '0: a login that can only read. 1: also snapshot isolation. 2: also change tracking. 3: also an index.';
  ELSIF database IS NULL THEN
    RAISE EXCEPTION 'server "%" has no option "database"', server USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('Type: ALTER SERVER %I OPTIONS (ADD database ''...'');', server);
  END IF;
  quoted := sambapos._setup_name(database);
  RETURN QUERY SELECT * FROM sambapos._setup_begin(database, level);
  RETURN NEXT '';
  RETURN NEXT '-- Level 0: a login that can only read, and only what is copied';
  RETURN QUERY SELECT * FROM sambapos._setup_login_lines(login);
  RETURN QUERY SELECT * FROM sambapos._setup_right_lines(server, login);
  IF level >= 1 THEN
    RETURN NEXT '';
    RETURN NEXT '-- Level 1: a read sees one moment of the till, and neither waits for the other. It waits for open '
        'transactions.';
    RETURN QUERY SELECT * FROM sambapos._setup_snapshot_lines(quoted);
  END IF;
  IF level >= 2 THEN
    RETURN NEXT '';
    RETURN NEXT '-- Level 2: SQL Server itself keeps the keys of changed rows, for five days. Runs of sambapos_fdw '
                'read '
        'just these rows.';
    RETURN NEXT '-- While it is on, SQL Server lets nobody drop the primary key of such a table: undo it before '
        'SambaPOS is updated.';
    RETURN QUERY SELECT * FROM sambapos._setup_tracking_lines(server, login, quoted);
  END IF;
  IF level >= 3 THEN
    RETURN NEXT '';
    RETURN NEXT '-- Level 3: an index for finding changed tickets. Nobody can write to Tickets while it is made: when '
        'nobody sells.';
    RETURN QUERY SELECT * FROM sambapos._setup_index_lines();
  END IF;
  RETURN NEXT 'GO';
  RETURN NEXT '';
  RETURN NEXT '-- To undo: take the two dashes away from the next line and those of the level, and run these.';
  RETURN NEXT format('-- SET XACT_ABORT ON; SET LOCK_TIMEOUT 5000; USE %s;', quoted);
  IF level >= 3 THEN
    RETURN QUERY SELECT * FROM sambapos._setup_undo(3, '', ARRAY(SELECT sambapos._setup_index_undo()));
  END IF;
  IF level >= 2 THEN
    RETURN QUERY SELECT * FROM sambapos._setup_undo(2, '', ARRAY(SELECT sambapos._setup_tracking_undo(server, quoted)));
  END IF;
  IF level >= 1 THEN
    RETURN QUERY SELECT * FROM sambapos._setup_undo(1, '', ARRAY(SELECT sambapos._setup_snapshot_undo(quoted)));
  END IF;
  RETURN QUERY SELECT * FROM sambapos._setup_undo(0, ': nobody may be logged in with it',
                                                  ARRAY(SELECT sambapos._setup_login_undo(login)));
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_setup_script(text, integer) IS
  'T-SQL, a row for each line, that an administrator of the till''s SQL Server runs: level 0 a login that can only '
  'read the tables which are copied, without their secrets; 1 also snapshot isolation; 2 also change tracking; 3 also '
  'an index on Tickets(LastUpdateTime). It marks what it makes, does nothing to a login or user without the mark, and '
  'the undo of each level, at the end as comments, undoes only what is marked. Nothing is asked of the server. A '
  'password has to be written into it. Errors: 42704 no such server, 42809 a server of another wrapper, 22023 no such '
  'level, 55000 the server has no option database, 42602 a name with a control character';
