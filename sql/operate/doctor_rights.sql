-- doctor_rights.sql: what may the login do at the till? No more than read, no secrets, but all that is copied.
--
-- Rules:
-- * Plain T-SQL: HAS_PERMS_BY_NAME and the catalog views, which lock nothing but a definition for a moment.
-- * SQL Server shows a login only what it has a right on: what is not there and what may not be read look the same.

CREATE FUNCTION sambapos._doctor_login(server text) RETURNS text
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT q.login FROM sambapos._query(server, 'SELECT CAST(SUSER_SNAME() AS nvarchar(128)) AS l') AS q (login text);
$$;
COMMENT ON FUNCTION sambapos._doctor_login(text) IS 'The login that the till knows us by';

CREATE FUNCTION sambapos._doctor_script(server text, level integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('Run at the till, as its administrator, what SELECT sambapos_setup_script(%L, %s) prints.', server,
      level);
$$;
COMMENT ON FUNCTION sambapos._doctor_script(text, integer) IS 'The fix for which there is a script';

CREATE FUNCTION sambapos._doctor_wide_rights(server text) RETURNS text[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT array_agg(q.what ORDER BY q.what)
  FROM sambapos._query(server, (
    SELECT string_agg(format('SELECT %s AS w, %s AS h', sambapos._tsql_text(k.what), k.question), ' UNION ALL ')
    FROM (SELECT 'member of ' || r, format('IS_SRVROLEMEMBER(%s)', sambapos._tsql_text(r))
          FROM unnest('{sysadmin,securityadmin,serveradmin,processadmin,diskadmin,dbcreator,bulkadmin}'::text[]) AS r
          UNION ALL
          SELECT 'member of ' || r, format('IS_ROLEMEMBER(%s)', sambapos._tsql_text(r))
          FROM unnest('{db_owner,db_securityadmin,db_accessadmin,db_ddladmin,db_datawriter}'::text[]) AS r
          UNION ALL
          SELECT p || ' in the database',
                 format('HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), N''DATABASE'', %s)', sambapos._tsql_text(p))
          FROM unnest('{INSERT,UPDATE,DELETE,EXECUTE,ALTER,CONTROL,CREATE TABLE}'::text[]) AS p) AS k (what, question)))
    AS q (what text, has integer)
  WHERE q.has = 1;
$$;
COMMENT ON FUNCTION sambapos._doctor_wide_rights(text) IS
  'Roles and rights of the login that reach further than single tables, and further than reading';

-- UPDATE can be granted on a single column.
CREATE FUNCTION sambapos._doctor_table_rights(server text) RETURNS text[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT array_agg(format('%s on %s.%s', q.p, q.s, q.t) ORDER BY q.s, q.t, q.p)
  FROM sambapos._query(server, (
    SELECT string_agg(format(
      'SELECT CAST(s.name AS nvarchar(128)) AS s, CAST(o.name AS nvarchar(128)) AS t, N%L AS p '
      'FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id WHERE o.type IN (%s) AND '
          || k.condition,
      k.permission, k.types), ' UNION ALL ')
    FROM (SELECT p, '''U'', ''V''', 'HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N''.'' + QUOTENAME(o.name), N''OBJECT'', '
        'N%1$L) = 1'
          FROM unnest('{INSERT,DELETE,ALTER}'::text[]) AS p
          UNION ALL
          SELECT 'EXECUTE', '''P'', ''PC'', ''X''',
                 'HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N''.'' + QUOTENAME(o.name), N''OBJECT'', N%1$L) = 1'
          UNION ALL
          SELECT 'UPDATE', '''U'', ''V''',
                 'EXISTS (SELECT 1 FROM sys.columns AS c WHERE c.object_id = o.object_id AND HAS_PERMS_BY_NAME('
                 'QUOTENAME(s.name) + N''.'' + QUOTENAME(o.name), N''OBJECT'', N%1$L, c.name, N''COLUMN'') = 1)')
         AS k (permission, types, condition)))
    AS q (s text, t text, p text);
$$;
COMMENT ON FUNCTION sambapos._doctor_table_rights(text) IS
  'What the login may do with single tables, views and procedures besides reading';

-- Nothing is ever denied or taken from the login that is there: it may be the one that SambaPOS works with.
CREATE FUNCTION sambapos._doctor_own_login(server text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('Use a login that is for reading only, in two steps. 1. '
                'ALTER USER MAPPING FOR %I SERVER %I OPTIONS (SET username %L%s);%s 2. ', m.role, server,
           CASE WHEN lower(m.username) = 'sambapos_reader' THEN 'sambapos_reader_2' ELSE 'sambapos_reader' END,
           CASE WHEN m.has_password THEN ', SET password ''...''' ELSE '' END,
           CASE WHEN m.has_password THEN '' ELSE ' and its password into the file of option password_file.' END)
         || sambapos._doctor_script(server, 0)
  FROM sambapos._server_mapping(server) AS m;
$$;
COMMENT ON FUNCTION sambapos._doctor_own_login(text) IS 'The fix for a login that can do more than read';

-- The wide rights have the single ones in them, hundreds of lines.
CREATE FUNCTION sambapos._doctor_more_rights(server text) RETURNS text[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$ SELECT coalesce(sambapos._doctor_wide_rights(server), sambapos._doctor_table_rights(server)); $$;
COMMENT ON FUNCTION sambapos._doctor_more_rights(text) IS
  'What the login may do besides reading; NULL: nothing';

CREATE FUNCTION sambapos._doctor_rights(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  more text[] := sambapos._doctor_more_rights(server);
BEGIN
  IF more IS NULL THEN
    RETURN sambapos._finding('ok', 'the login can only read');
  END IF;
  RETURN sambapos._finding('warning',
    format('login %s can do more than read: %s', sambapos._doctor_login(server),
           sambapos._words_some(more, 5, ', ')),
    sambapos._doctor_own_login(server));
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_rights(text) IS 'Is the login one that can only read?';

-- A column a row, of the tables of these names that the login sees at all.
CREATE FUNCTION sambapos._doctor_columns(server text, names text[])
RETURNS TABLE (source_schema text, source_name text, column_name text, readable boolean)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT q.s, q.t, q.c, q.readable = 1
  FROM sambapos._query(server, (
    SELECT 'SELECT CAST(s.name AS nvarchar(128)) AS s, CAST(o.name AS nvarchar(128)) AS t, '
           'CAST(c.name AS nvarchar(128)) AS c, HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N''.'' + QUOTENAME(o.name), '
           'N''OBJECT'', N''SELECT'', c.name, N''COLUMN'') AS r '
           'FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id '
           'JOIN sys.columns AS c ON c.object_id = o.object_id '
           'WHERE o.type IN (''U'', ''V'') AND o.name IN (' || string_agg(sambapos._tsql_text(n), ', ') || ')'
    FROM unnest(names) AS n)) AS q (s text, t text, c text, readable integer);
$$;
COMMENT ON FUNCTION sambapos._doctor_columns(text, text[]) IS 'The columns of tables at the till, and whether the '
    'login may read them';

CREATE FUNCTION sambapos._doctor_secrets(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  secrets text[];
BEGIN
  SELECT array_agg(x.name ORDER BY x.is_of_table, x.name) INTO secrets -- columns that are known by name come first
  FROM (SELECT format('%s.%s', c.source_name, c.column_name) AS name, coalesce(k.never, false) AS is_of_table
        FROM sambapos._doctor_columns(server, ARRAY(
               SELECT s.table_name FROM sambapos._known_secret_columns() AS s
               UNION SELECT k.source_name FROM sambapos._known_tables() AS k WHERE k.never)) AS c
        LEFT JOIN sambapos._known_tables() AS k ON lower(k.source_name COLLATE "C") = lower(c.source_name COLLATE "C")
        WHERE c.readable AND (k.never OR EXISTS (
                SELECT FROM sambapos._known_secret_columns() AS s
                WHERE lower(s.table_name || '.' || s.column_name COLLATE "C")
                    = lower(c.source_name || '.' || c.column_name COLLATE "C")))) AS x;
  IF secrets IS NULL THEN
    RETURN sambapos._finding('ok', 'no PIN, password or key can be read by the login');
  END IF;
  RETURN sambapos._finding('warning', 'the login may read columns that may hold secrets, which nothing here asks for: '
      || sambapos._words_some(secrets, 5, ', '),
    CASE WHEN sambapos._doctor_more_rights(server) IS NULL THEN sambapos._doctor_script(server, 0)
         ELSE sambapos._doctor_own_login(server) END);
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_secrets(text) IS 'May the login read PINs, passwords and keys?';

CREATE FUNCTION sambapos._doctor_tables(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  has_site boolean := EXISTS (SELECT FROM sambapos._place AS s
                              WHERE s.server = _doctor_tables.server AND s.removed_at IS NULL);
  wanted   bigint;
  missing  text[];
BEGIN
  WITH wanted AS MATERIALIZED (
    SELECT t.source_schema, t.source_name FROM sambapos._server_tables(server) AS t
  ), lacking AS (
    SELECT w.source_name, count(c.column_name) > 0 AS is_there,
           array_agg(c.column_name ORDER BY c.column_name)
             FILTER (WHERE NOT c.readable AND NOT sambapos._column_is_secret(w.source_name, c.column_name)) AS columns
    FROM wanted AS w
    LEFT JOIN sambapos._doctor_columns(server, ARRAY(SELECT k.source_name FROM wanted AS k)) AS c
           ON lower(c.source_schema COLLATE "C") = lower(w.source_schema COLLATE "C")
          AND lower(c.source_name COLLATE "C") = lower(w.source_name COLLATE "C")
    GROUP BY w.source_schema, w.source_name
  )
  SELECT count(*),
         array_agg(CASE WHEN l.is_there THEN format('%s (%s)', l.source_name, array_to_string(l.columns, ', '))
                        ELSE l.source_name END ORDER BY l.source_name)
           FILTER (WHERE NOT l.is_there OR l.columns IS NOT NULL)
    INTO wanted, missing
  FROM lacking AS l;
  IF missing IS NULL THEN
    RETURN sambapos._finding('ok', format('%s tables can be read', wanted));
  END IF;
  RETURN sambapos._finding(CASE WHEN has_site OR cardinality(missing) = wanted THEN 'error' ELSE 'warning' END,
    'not there, or not to be read by the login: ' || sambapos._words_some(missing, 5, ', '),
    CASE WHEN cardinality(missing) = wanted
         THEN format('Another database than SambaPOS''s? ALTER SERVER %I OPTIONS (SET database ''...''); otherwise: ',
             server) ELSE '' END
    || sambapos._doctor_script(server, 0)
    || CASE WHEN has_site THEN ' What SambaPOS itself does not have any more is taken out by sambapos_remove_table.'
        ELSE '' END);
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_tables(text) IS 'May the login read what is copied?';

-- Metadata of SQL Server shows a login only what it has a right to: what is not seen may be there.
CREATE FUNCTION sambapos._doctor_new_tables(server text) RETURNS sambapos.finding
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  at_source text[] := sambapos._source_tables(server);
  fresh     text[];
  fixes     text;
  unseen    text[];
BEGIN
  SELECT array_agg(format('%s (site %s)', w.table_name, s.name) ORDER BY s.name, w.table_name)
           FILTER (WHERE a.table_name IS NOT NULL),
         string_agg(format('SELECT sambapos_add_table(%L, %L);', s.name, w.table_name), ' '
                    ORDER BY s.name, w.table_name) FILTER (WHERE a.table_name IS NOT NULL),
         array_agg(DISTINCT w.table_name) FILTER (WHERE a.table_name IS NULL)
    INTO fresh, fixes, unseen
  FROM sambapos._place AS s JOIN sambapos.wanted_table AS w USING (site_id)
  LEFT JOIN LATERAL sambapos._wanted_at_source(s.site_id, at_source) AS a (table_name) USING (table_name)
  WHERE s.server = _doctor_new_tables.server AND s.removed_at IS NULL;
  IF fresh IS NOT NULL THEN
    RETURN sambapos._finding('warning', 'not there when they were asked for, there now: '
        || sambapos._words_some(fresh, 5, ', '), fixes);
  END IF;
  RETURN sambapos._finding('ok', coalesce('not there, or not shown to the login: '
                                          || sambapos._words_some(unseen, 5, ', '), 'none is waited for'));
END;
$$;
COMMENT ON FUNCTION sambapos._doctor_new_tables(text) IS
  'Has the till tables now that were asked for when it had them not?';
