-- Promise: sambapos_setup_script prints T-SQL that grants what is copied and nothing else, denies secrets after that, has no
-- password in it, undoes nothing when it is run whole, and cannot be made to do anything else by a name in it.
-- (What it does at a till: test/t/setup_script.t.)
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE SERVER fresh FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host 'nowhere', database 'Samba]POS');
CREATE FUNCTION pg_temp.script(server text, level integer DEFAULT 1) RETURNS TABLE (n bigint, line text) LANGUAGE sql AS
$$ SELECT s.n, s.line FROM sambapos_setup_script(server, level) WITH ORDINALITY AS s (line, n) $$;
-- What of it SQL Server executes.
CREATE FUNCTION pg_temp.live(server text, level integer DEFAULT 1) RETURNS TABLE (n bigint, line text) LANGUAGE sql AS
$$ SELECT n, line FROM pg_temp.script(server, level) WHERE line !~ '^--' AND line NOT IN ('', 'GO') $$;

-- ---- a server without a site ----
SELECT is((SELECT string_agg(substring(line FROM 'GRANT SELECT ON \[dbo\]\.\[(\w+)\] TO \[sambapos_reader\];$'), ',' ORDER BY n)
           FROM pg_temp.live('fresh', 0) WHERE line ~ 'GRANT'),
          (SELECT string_agg(source_name, ',' ORDER BY source_name) FROM sambapos._known_tables() WHERE 'reporting' = ANY (sets) AND NOT never),
          'the default set is granted');
SELECT ok((SELECT max(n) FILTER (WHERE line ~ ' GRANT ') < min(n) FILTER (WHERE line ~ ' DENY ') FROM pg_temp.live('fresh', 0)),
          'secrets are denied after that');
SELECT is((SELECT string_agg(format('%s.%s', table_name, column_name), ', ') FROM sambapos._known_secret_columns() AS k
           WHERE NOT EXISTS (SELECT FROM pg_temp.live('fresh', 0)
                             WHERE line LIKE format('IF COL_LENGTH(N''[dbo].[%s]'', N''%s'') IS NOT NULL DENY SELECT ON %%([%2$s]) TO %%', table_name, column_name)
                                OR line LIKE format('IF OBJECT_ID(%%DENY SELECT ON [dbo].[%s] TO %%', table_name))),
          NULL, 'every secret that is known');
SELECT is((SELECT string_agg(source_name, ', ') FROM sambapos._known_tables() WHERE never AND EXISTS (
             SELECT FROM pg_temp.live('fresh', 3) WHERE line ~ 'GRANT' AND line LIKE format('%%[%s]%%', source_name))), NULL, 'what is never copied is not granted');
SELECT is((SELECT string_agg(format('%s.%s', table_name, column_name), ', ') FROM sambapos._known_secret_columns()
           WHERE NOT sambapos._column_is_secret(upper(table_name), lower(column_name))), NULL, 'and they are secrets to the sync too');
SELECT is((SELECT string_agg(DISTINCT line, ' ') FROM pg_temp.live('fresh', 3) WHERE line ~ 'db_datareader|sysadmin|db_owner|GRANT (SELECT|CONTROL|VIEW CHANGE TRACKING) TO'), NULL, 'no role, and no right on all');

SELECT matches((SELECT string_agg(line, '; ' ORDER BY n) FROM pg_temp.script('fresh', 0) WHERE n < 4), ' sqlcmd .*-x ', 'sqlcmd is not to expand $(name)');

-- ---- levels ----
SELECT is((SELECT string_agg(line, ' ' ORDER BY n) FROM pg_temp.live('fresh', 0) WHERE line ~ '^ *(ALTER (DATABASE|TABLE)|CREATE INDEX)'), NULL, 'level 0 alters nothing');
SELECT is((SELECT string_agg(btrim(line), ' ' ORDER BY n) FROM pg_temp.live('fresh') WHERE line ~ '^ *(ALTER (DATABASE|TABLE)|CREATE INDEX)'),
          'ALTER DATABASE [Samba]]POS] SET ALLOW_SNAPSHOT_ISOLATION ON;', 'level 1, the default, allows snapshots');
SELECT is((SELECT count(*) FROM pg_temp.live('fresh', 2) WHERE line ~ 'ENABLE CHANGE_TRACKING'), 40::bigint, 'level 2 tracks each table');
SELECT is((SELECT count(*) FROM pg_temp.live('fresh', 3) WHERE line ~ 'CREATE INDEX'), 1::bigint, 'level 3 makes an index');
SELECT is((SELECT string_agg(l.line, '; ') FROM pg_temp.live('fresh', 2) AS l WHERE NOT EXISTS (SELECT FROM pg_temp.live('fresh', 3) AS m WHERE m.line = l.line)), NULL, 'a level has those below it in it');
SELECT is((SELECT string_agg(line, '; ') FROM pg_temp.live('fresh', 3) WHERE line ~ '\m(DROP|REVOKE|DISABLE|OFF)\M'), NULL, 'nothing is undone');
SELECT is((SELECT count(*) FROM pg_temp.script('fresh', 3) WHERE line ~ '^-- IF .*(DROP (INDEX|USER|LOGIN)|ALTER DATABASE .*OFF;)'), 5::bigint, 'but how to stands there, for each level');
SELECT is((SELECT string_agg(line, '; ' ORDER BY n) FROM pg_temp.script('fresh', 3)
           WHERE line ~ '\m(DROP|REVOKE|DISABLE|OFF|sp_dropextendedproperty)\M'
             AND line !~ '^-- IF EXISTS \(SELECT 1 FROM sys\.extended_properties WHERE class = \d AND major_id = \S+ AND minor_id = 0 AND name = N''sambapos_fdw [a-z ]+''\) '),
          NULL, 'and nothing is undone that has no mark');
SELECT is((SELECT string_agg(line, '; ' ORDER BY n) FROM pg_temp.live('fresh', 3)
           WHERE line ~ '\m(GRANT|DENY)\M' AND n < (SELECT n FROM pg_temp.live('fresh', 3) WHERE line = 'COMMIT TRANSACTION;')), NULL,
          'nothing is granted or denied before the user is known to be one of the script''s own');
SELECT is((SELECT string_agg(line, '; ' ORDER BY n) FROM pg_temp.script('fresh', 3) WHERE line = 'GO' AND n > (SELECT min(n) FROM pg_temp.script('fresh', 3) WHERE line = 'RETURN;')),
          NULL, 'a RETURN ends all that is behind it: there is no other batch');
SELECT throws_ok($$SELECT sambapos_setup_script('fresh', 4)$$, '22023', NULL, 'there are four levels');
SELECT throws_ok($$SELECT sambapos_setup_script('fresh', NULL)$$, '22023', NULL, 'NULL is none');
SELECT throws_ok($$SELECT sambapos_setup_script('freshh')$$, '42704', NULL, 'an unknown server raises');

-- ---- names and passwords ----
CREATE USER MAPPING FOR CURRENT_USER SERVER fresh OPTIONS (username 'o''r] TO [public', password 'Very-secret-1');
SELECT is((SELECT string_agg(line, '; ') FROM pg_temp.script('fresh', 3) WHERE line ~ 'Very-secret-1'), NULL, 'the password is nowhere');
SELECT ok(EXISTS (SELECT FROM pg_temp.live('fresh') WHERE line = '  CREATE USER [o''r]] TO [public] FOR LOGIN [o''r]] TO [public];')
      AND EXISTS (SELECT FROM pg_temp.live('fresh') WHERE line = 'IF USER_ID(N''o''''r] TO [public'') IS NULL'), 'a login is quoted, as a name and as a text');
SELECT ok(EXISTS (SELECT FROM pg_temp.live('fresh') WHERE line LIKE 'DECLARE @sql nvarchar(1000) = N''CREATE LOGIN [o''''r]] TO [public] WITH PASSWORD = N'' + %'), 'and as a name within a text');
ALTER USER MAPPING FOR CURRENT_USER SERVER fresh OPTIONS (SET username 'SA');
SELECT ok(EXISTS (SELECT FROM pg_temp.live('fresh') WHERE line ~ 'CREATE USER \[sambapos_reader\]'), 'sa is not made to only read');
ALTER USER MAPPING FOR CURRENT_USER SERVER fresh OPTIONS (SET username E'x\rGO\rDROP DATABASE y');
SELECT throws_ok($$SELECT sambapos_setup_script('fresh')$$, '42602', NULL, 'a line break in the login is refused');
SELECT throws_ok(format('SELECT sambapos._setup_name(%L)', 'a' || c || 'b'), '42602', NULL, format('so is U+%s', to_hex(ascii(c))))
FROM unnest(ARRAY[E'\u0001', E'\t', E'\u007F', E'\u0080', E'\u0085', E'\u009F', E'\u2028', E'\u2029']) AS c;
SELECT is(sambapos._setup_name(E'a\u00A0\u2027 $(x)]'), E'[a\u00A0\u2027 $(x)]]]', 'other characters are not');
ALTER USER MAPPING FOR CURRENT_USER SERVER fresh OPTIONS (SET username 'reader');

INSERT INTO sambapos.site (site_id, name, server) VALUES (7, 'hotel', 'fresh');
INSERT INTO sambapos.replicated_table (site_id, table_name, source_schema, source_name, kind, enabled) VALUES
  (7, 'tickets', 'dbo', 'Tickets', 'ticket', true), (7, 'odd', 'o''dd', 'x] TO public;--', 'master', true), (7, 'menu_items', 'dbo', 'MenuItems', 'master', false);
SELECT results_eq($$SELECT line FROM pg_temp.live('fresh', 0) WHERE line ~ ' GRANT '$$,
  ARRAY['IF OBJECT_ID(N''[dbo].[Tickets]'') IS NOT NULL GRANT SELECT ON [dbo].[Tickets] TO [reader];',
        'IF OBJECT_ID(N''[o''''dd].[x]] TO public;--]'') IS NOT NULL GRANT SELECT ON [o''dd].[x]] TO public;--] TO [reader];'],
  'a site''s tables that are copied, whatever they are called, and no others');
UPDATE sambapos.replicated_table SET source_name = E'x\nGO\nDROP TABLE y' WHERE table_name = 'odd';
SELECT throws_ok($$SELECT sambapos_setup_script('fresh')$$, '42602', NULL, 'a line break in a table is refused');
UPDATE sambapos.site SET removed_at = now();
SELECT is((SELECT count(*) FROM pg_temp.live('fresh', 0) WHERE line ~ ' GRANT '), 40::bigint, 'a site that was removed counts no more');
CREATE SERVER anywhere FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host 'nowhere');
SELECT throws_ok($$SELECT sambapos_setup_script('anywhere')$$, '55000', NULL, 'without a database there is none to set up');
SELECT * FROM finish();
ROLLBACK;
