-- setup_script.sql: sambapos_setup_script: T-SQL for an administrator of the till's SQL Server.
--
-- Rules:
-- * What is printed is run as it is by somebody who trusts it. Names come from the till's catalog and from options:
--   each is quoted, and one with a control character is refused, since a line break ends a comment and GO a batch.
-- * It can be run again: what is there already is left alone.
-- * No password is in it, and it makes no login before somebody has written one into it.
-- * Undoing stands behind it as comments, so that running the whole undoes nothing.

CREATE FUNCTION sambapos._setup_name(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF name ~ '[\x01-\x1F\x7F]' THEN
    RAISE EXCEPTION 'a name with a control character can not stand in a script: %', quote_literal(name)
      USING ERRCODE = 'invalid_name', HINT = 'Rename it, or leave the table out: see sambapos_remove_table.';
  END IF;
  RETURN sambapos._tsql_name(name);
END;
$$;
COMMENT ON FUNCTION sambapos._setup_name(text) IS 'A name as a T-SQL identifier on one line; raises 42602 if it '
    'can''t be';

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

-- ---- level 0: a login that can only read ----

CREATE FUNCTION sambapos._setup_login_lines(login text) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  VALUES
    ('-- Write a password of your own between the two quotes of the next line. As it stands no login is made.'),
    ('DECLARE @password nvarchar(100) = N'''';'),
    (format('DECLARE @sql nvarchar(1000) = N''CREATE LOGIN %s WITH PASSWORD = N'''
            ' + QUOTENAME(@password, N'''''''') + N'', CHECK_POLICY = ON'';',
            replace(sambapos._setup_name(login), '''', ''''''))),
    (format('IF SUSER_ID(%s) IS NULL AND @password = N'''''
            ' RAISERROR(N''Write a password into the script first.'', 16, 1);',
            sambapos._tsql_text(login))),
    (format('IF SUSER_ID(%s) IS NULL AND @password <> N'''' EXEC (@sql);', sambapos._tsql_text(login))),
    ('GO'),
    (format('IF USER_ID(%s) IS NULL CREATE USER %s FOR LOGIN %2$s;', sambapos._tsql_text(login),
        sambapos._setup_name(login))),
    ('GO');
$$;
COMMENT ON FUNCTION sambapos._setup_login_lines(text) IS 'T-SQL that makes the login and its user';

-- A later GRANT on a table would lift a DENY on its columns: so in this order.
CREATE FUNCTION sambapos._setup_right_lines(server text, login text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT '-- What is copied may be read. Tables that this till does not have are left out.'
  UNION ALL
  SELECT sambapos._setup_if_there(o.object, format('GRANT SELECT ON %s TO %s', o.object, sambapos._setup_name(login)))
  FROM sambapos._server_tables(server) AS t, sambapos._setup_object(t.source_schema, t.source_name) AS o (object)
  UNION ALL
  SELECT l
  FROM unnest(ARRAY['GO', '-- Secrets may not be read, whoever learns the password. After the GRANTs, in this order.']) AS l
  UNION ALL
  SELECT format('IF COL_LENGTH(%s, %s) IS NOT NULL DENY SELECT ON %s (%s) TO %s;', sambapos._tsql_text(o.object),
                sambapos._tsql_text(c.column_name), o.object,
                sambapos._setup_name(c.column_name), sambapos._setup_name(login))
  FROM sambapos._known_secret_columns() AS c, sambapos._setup_object('dbo', c.table_name) AS o (object)
  WHERE c.table_name NOT IN (SELECT k.source_name FROM sambapos._known_tables() AS k WHERE k.never)
  UNION ALL
  SELECT sambapos._setup_if_there(o.object, format('DENY SELECT ON %s TO %s', o.object, sambapos._setup_name(login)))
  FROM sambapos._known_tables() AS k, sambapos._setup_object('dbo', k.source_name) AS o (object) WHERE k.never
  UNION ALL
  SELECT 'GO';
$$;
COMMENT ON FUNCTION sambapos._setup_right_lines(text, text) IS 'T-SQL that says what the login may read';

-- ---- levels 2 and 3 ----

CREATE FUNCTION sambapos._setup_tracking_lines(server text, login text, database text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT l FROM unnest(ARRAY[
    'IF NOT EXISTS (SELECT 1 FROM sys.change_tracking_databases WHERE database_id = DB_ID())',
    format('  ALTER DATABASE %s SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 5 DAYS, AUTO_CLEANUP = ON);', database),
    'GO']) AS l
  UNION ALL
  SELECT l
  FROM sambapos._server_tables(server) AS t, sambapos._setup_object(t.source_schema, t.source_name) AS o (object),
       LATERAL unnest(ARRAY[
         format('IF OBJECTPROPERTY(OBJECT_ID(%s), N''TableHasPrimaryKey'') = 1'
                ' AND NOT EXISTS (SELECT 1 FROM sys.change_tracking_tables WHERE object_id = OBJECT_ID(%1$s))',
                sambapos._tsql_text(o.object)),
         format('  ALTER TABLE %s ENABLE CHANGE_TRACKING;', o.object),
         sambapos._setup_if_there(o.object, format('GRANT VIEW CHANGE TRACKING ON %s TO %s',
                                                   o.object, sambapos._setup_name(login)))]) AS l
  UNION ALL
  SELECT 'GO';
$$;
COMMENT ON FUNCTION sambapos._setup_tracking_lines(text, text, text) IS
  'T-SQL that switches change tracking on for the tables that are copied';

CREATE FUNCTION sambapos._setup_tracking_undo(server text, login text, database text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT l
  FROM sambapos._server_tables(server) AS t, sambapos._setup_object(t.source_schema, t.source_name) AS o (object),
       LATERAL unnest(ARRAY[
         sambapos._setup_if_there(o.object, format('REVOKE VIEW CHANGE TRACKING ON %s FROM %s',
                                                   o.object, sambapos._setup_name(login))),
         format('IF EXISTS (SELECT 1 FROM sys.change_tracking_tables WHERE object_id = OBJECT_ID(%s))'
                ' ALTER TABLE %s DISABLE CHANGE_TRACKING;',
                sambapos._tsql_text(o.object), o.object)]) AS l
  UNION ALL
  SELECT format('ALTER DATABASE %s SET CHANGE_TRACKING = OFF;', database);
$$;
COMMENT ON FUNCTION sambapos._setup_tracking_undo(text, text, text) IS 'T-SQL that switches change tracking off again';

CREATE FUNCTION sambapos._setup_index_lines() RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  VALUES
    ('IF COL_LENGTH(N''[dbo].[Tickets]'', N''LastUpdateTime'') IS NOT NULL'),
    ('  AND NOT EXISTS (SELECT 1 FROM sys.indexes WHERE object_id = OBJECT_ID(N''[dbo].[Tickets]'') AND name = '
        'N''IX_sambapos_LastUpdateTime'')'),
    ('  CREATE INDEX [IX_sambapos_LastUpdateTime] ON [dbo].[Tickets] ([LastUpdateTime]);'),
    ('GO');
$$;
COMMENT ON FUNCTION sambapos._setup_index_lines() IS 'T-SQL that makes the index by which changed tickets are found';

-- ---- the whole ----

CREATE FUNCTION sambapos._setup_undo(lines text[]) RETURNS SETOF text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT '-- ' || l FROM unnest(lines) AS l; $$;
COMMENT ON FUNCTION sambapos._setup_undo(text[]) IS 'T-SQL as comments';

CREATE FUNCTION @extschema@.sambapos_setup_script(server text, level integer DEFAULT 1) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  login    text;
  database text;
BEGIN
  PERFORM sambapos._server_check(server);
  IF level IS NULL OR level NOT BETWEEN 0 AND 3 THEN
    RAISE EXCEPTION 'unknown level %', coalesce(level::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = '0: a login that can only read. 1: also snapshot isolation. 2: also change tracking. 3: also an index.';
  END IF;
  login := sambapos._setup_login(server);
  database := sambapos._setup_name(sambapos._server_option(server, 'database'));
  IF database IS NULL THEN
    RAISE EXCEPTION 'server "%" has no option "database"', server USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('Type: ALTER SERVER %I OPTIONS (ADD database ''...'');', server);
  END IF;
  RETURN NEXT '-- For an administrator of SQL Server, in Management Studio or with: sqlcmd -S localhost -E -i '
      'this_file';
  RETURN NEXT format('-- Made by sambapos_setup_script, level %s. It may be run again. Undoing it: the lines at the '
      'end.', level);
  RETURN NEXT format('USE %s;', database);
  RETURN NEXT 'GO';
  RETURN NEXT '';
  RETURN NEXT '-- Level 0: a login that can only read, and only what is copied';
  RETURN QUERY SELECT * FROM sambapos._setup_login_lines(login);
  RETURN QUERY SELECT * FROM sambapos._setup_right_lines(server, login);
  IF level >= 1 THEN
    RETURN NEXT '';
    RETURN NEXT '-- Level 1: a read sees one moment of the till, and neither waits for the other. It waits for open '
        'transactions.';
    RETURN NEXT format('ALTER DATABASE %s SET ALLOW_SNAPSHOT_ISOLATION ON;', database);
    RETURN NEXT 'GO';
  END IF;
  IF level >= 2 THEN
    RETURN NEXT '';
    RETURN NEXT '-- Level 2: SQL Server itself keeps the keys of changed rows, for five days';
    RETURN QUERY SELECT * FROM sambapos._setup_tracking_lines(server, login, database);
  END IF;
  IF level >= 3 THEN
    RETURN NEXT '';
    RETURN NEXT '-- Level 3: an index for finding changed tickets. Nobody can write to Tickets while it is made: when '
        'nobody sells.';
    RETURN QUERY SELECT * FROM sambapos._setup_index_lines();
  END IF;
  RETURN NEXT '';
  RETURN NEXT '-- To undo: take the two dashes away from the lines of that level and run these.';
  IF level >= 3 THEN
    RETURN NEXT '-- -- level 3';
    RETURN QUERY SELECT * FROM sambapos._setup_undo('{"DROP INDEX [IX_sambapos_LastUpdateTime] ON [dbo].[Tickets];"}');
  END IF;
  IF level >= 2 THEN
    RETURN NEXT '-- -- level 2';
    RETURN QUERY SELECT * FROM sambapos._setup_undo(ARRAY(SELECT sambapos._setup_tracking_undo(server, login,
        database)));
  END IF;
  IF level >= 1 THEN
    RETURN NEXT '-- -- level 1';
    RETURN QUERY SELECT * FROM sambapos._setup_undo(ARRAY[format('ALTER DATABASE %s SET ALLOW_SNAPSHOT_ISOLATION OFF;',
        database)]);
  END IF;
  RETURN NEXT '-- -- level 0: nobody may be logged in with it';
  RETURN QUERY SELECT * FROM sambapos._setup_undo(ARRAY[format('DROP USER %s;', sambapos._setup_name(login)),
                                                        format('DROP LOGIN %s;', sambapos._setup_name(login))]);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_setup_script(text, integer) IS
  'T-SQL, a row a line, that an administrator of the till''s SQL Server runs: level 0 a login that can only read the '
  'tables which are copied, without their secrets; 1 also snapshot isolation; 2 also change tracking; 3 also an index '
  'on Tickets(LastUpdateTime). The undo of each stands at the end, as comments. Nothing is asked of the server. A '
  'password has to be written into it. Errors: 42704 no such server, 42809 a server of another wrapper, 22023 no such '
  'level, 55000 the server has no option database, 42602 a name with a control character';
