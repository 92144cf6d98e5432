-- Promise: when the source's columns change the sync follows: a new column comes with the values of all rows,
-- an int that became bigint is widened, a dropped column keeps its last values, and what cannot be followed
-- pauses that table with the reason and no other. The table is one of the site's own, made for this test. After
-- a look at a live table the remote transaction is ended, or the source would wait with its ALTER TABLE for us.
\getenv host SAMBAPOS_TEST_HOST
\getenv port SAMBAPOS_TEST_PORT
\getenv database SAMBAPOS_TEST_DATABASE
\getenv username SAMBAPOS_TEST_USERNAME
\getenv password SAMBAPOS_TEST_PASSWORD
\getenv encryption SAMBAPOS_TEST_ENCRYPTION
\set QUIET on
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT plan(62);
CREATE SERVER drifting FOREIGN DATA WRAPPER sambapos_fdw
  OPTIONS (host :'host', port :'port', database :'database', encryption :'encryption');
CREATE USER MAPPING FOR CURRENT_USER SERVER drifting OPTIONS (username :'username', password :'password');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "IF OBJECT_ID('Drifting') IS NOT NULL DROP TABLE Drifting" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "CREATE TABLE Drifting (Id int NOT NULL PRIMARY KEY, Name nvarchar(20) NULL, Amount decimal(16,2) NOT NULL, Counted int NOT NULL, Leaving nvarchar(10) NULL)" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "INSERT INTO Drifting (Id, Name, Amount, Counted, Leaving) VALUES (1, N'one', 1.10, 1, N'a'), (2, N'two', 2.20, 2, N'b')" >/dev/null
SELECT isnt_empty($$SELECT * FROM sambapos_add_site('drifting', 'drifting', tables => '{Drifting,States}')$$, 'a site with a table of its own');
CREATE FUNCTION pg_temp.sync() RETURNS SETOF text LANGUAGE sql AS
$$
  SELECT format('%s +%s ~%s -%s', r.status, r.rows_inserted, r.rows_updated, r.rows_gone) || coalesce(' ' || r.message, '')
  FROM sambapos_sync('drifting') AS r WHERE r.table_name = 'drifting';
$$;
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +2 ~0 -0'], 'first load');

-- a new column
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ADD NewOne nvarchar(30) NULL" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "UPDATE Drifting SET NewOne = N'n' + Name" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~2 -0 new column new_one'], 'a new column is followed');
SELECT has_column('sambapos_replica'::name, 'drifting'::name, 'new_one'::name, 'the replica has it');
SELECT results_eq('SELECT new_one FROM sambapos_replica.drifting ORDER BY id', ARRAY['none', 'ntwo'], 'with the values of old rows');
SELECT results_eq('SELECT new_one::text FROM sambapos_live_drifting.drifting ORDER BY id', ARRAY['none', 'ntwo'], 'the live table has it');
SELECT sambapos._end_remote_transaction('drifting');
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~0 -0'], 'once');

-- wider types
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ALTER COLUMN Counted bigint NOT NULL" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ALTER COLUMN Amount decimal(18,4) NOT NULL" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ALTER COLUMN Name nvarchar(max) NULL" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "UPDATE Drifting SET Counted = 3000000000, Amount = 2.2525, Name = REPLICATE(CAST(N'x' AS nvarchar(max)), 50) WHERE Id = 2" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~1 -0 column name is nvarchar(max) now; column amount is decimal(18,4) now; column counted is bigint now'], 'wider columns are followed');
SELECT col_type_is('sambapos_replica'::name, 'drifting'::name, 'counted'::name, 'bigint', 'int became bigint');
SELECT results_eq('SELECT counted, amount, length(name) FROM sambapos_replica.drifting WHERE id = 2', 'VALUES (3000000000, 2.2525, 50)', 'no value is cut');
SELECT results_eq('SELECT amount FROM sambapos_live_drifting.drifting WHERE counted = 3000000000', 'VALUES (2.2525)', 'nor by the live table');
SELECT sambapos._end_remote_transaction('drifting');

-- a dropped column
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting DROP COLUMN Leaving" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "UPDATE Drifting SET Amount = 9 WHERE Id = 1" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~1 -0 column leaving is gone at the source, its values stay'], 'a dropped column is followed');
SELECT results_eq('SELECT leaving, amount FROM sambapos_replica.drifting ORDER BY id', $$VALUES ('a', 9.0), ('b', 2.2525)$$, 'its last values stay');
SELECT hasnt_column('sambapos_live_drifting'::name, 'drifting'::name, 'leaving'::name, 'the live table drops it');
SELECT results_eq($$SELECT (array_to_string(missing_columns, ' ') COLLATE "default") FROM sambapos._table WHERE table_name = 'drifting'$$, ARRAY['leaving'], 'it is remembered as missing');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ADD Leaving nvarchar(10) NULL" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "UPDATE Drifting SET Leaving = N'back'" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~2 -0 column leaving is back at the source'], 'it may come back');
SELECT results_eq('SELECT DISTINCT leaving FROM sambapos_replica.drifting', ARRAY['back'], 'with new values');

-- what cannot be followed
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting DROP COLUMN Leaving" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ADD Leaving datetime NULL" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['paused +0 ~0 -0 column "leaving" of table "drifting" changed from text to timestamp without time zone'], 'another type pauses the table');
SELECT results_eq($$SELECT status FROM sambapos_sync('drifting') WHERE table_name = 'states'$$, ARRAY['ok'], 'and no other');
SELECT results_eq('SELECT count(*) FROM sambapos_replica.drifting', ARRAY[2::bigint], 'its rows are there');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting DROP COLUMN Leaving" >/dev/null
UPDATE sambapos.table_state SET paused_reason = NULL WHERE table_name = 'drifting';
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~0 -0 column leaving is gone at the source, its values stay'], 'unpaused, it goes on');

-- the table itself
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "DROP TABLE Drifting" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['failed +0 ~0 -0 the source shows no table dbo.Drifting (42P01)'], 'a table that is gone fails');
SELECT results_eq($$SELECT row_state FROM sambapos_replica.drifting$$, ARRAY['live', 'live'], 'and keeps its rows');
SELECT results_eq($$SELECT last_status || ' ' || last_sqlstate FROM sambapos._table WHERE table_name = 'drifting'$$, ARRAY['failed 42P01'], 'its state says why');

-- it returns
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "CREATE TABLE Drifting (Id int NOT NULL PRIMARY KEY, Name nvarchar(20) NULL, Amount decimal(16,2) NOT NULL, Counted int NOT NULL, Born date NULL)" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "INSERT INTO Drifting (Id, Name, Amount, Counted, Born) VALUES (1, N'one', 1.10, 1, '2020-01-02'), (2, N'two', 2.20, 2, NULL)" >/dev/null
SELECT matches((SELECT * FROM pg_temp.sync()), '^ok .*new column born', 'a table that was dropped may return');
SELECT results_eq('SELECT id, name, amount, counted, born FROM sambapos_replica.drifting WHERE row_state = ''live'' ORDER BY id', $$VALUES (1, 'one', 1.1, 1::bigint, date '2020-01-02'), (2, 'two', 2.2, 2, NULL)$$, 'with its rows');
SELECT is((SELECT count(*) FROM sambapos.schema_versions WHERE table_name = 'drifting' AND seen_until IS NULL), 1::bigint, 'one version is the present one');
SELECT ok((SELECT bool_and(seen_from < seen_until) FROM sambapos.schema_versions WHERE table_name = 'drifting' AND seen_until IS NOT NULL), 'the others have an end');
SELECT results_eq($$SELECT (c ->> 'name') || ' ' || (c ->> 'type') || CASE WHEN (c ->> 'nullable')::boolean THEN '' ELSE ' not null' END || coalesce(' key ' || (c ->> 'key'), '')
  FROM sambapos.schema_versions, jsonb_array_elements(columns) AS c WHERE table_name = 'drifting' AND seen_until IS NULL$$,
  ARRAY['Id int not null key 1', 'Name nvarchar(20)', 'Amount decimal(16,2) not null', 'Counted int not null', 'Born date'], 'a version tells the columns in the source''s order');
SELECT sambapos._end_remote_transaction('drifting');

-- names
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "EXEC sp_rename 'dbo.Drifting.Name', 'NAME', 'COLUMN'" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~0 -0 column name is called "NAME" at the source now'], 'a name in another case is the same column');
SELECT results_eq('SELECT name::text FROM sambapos_live_drifting.drifting ORDER BY id', ARRAY['one', 'two'], 'the live table too');
SELECT sambapos._end_remote_transaction('drifting');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "EXEC sp_rename 'dbo.Drifting.NAME', 'Title', 'COLUMN'" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~2 -0 column name is gone at the source, its values stay; new column title'], 'a renamed column is a new one');
SELECT results_eq('SELECT name || '' '' || title FROM sambapos_replica.drifting WHERE row_state = ''live'' ORDER BY id', ARRAY['one one', 'two two'], 'the old one keeps its values');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "EXEC sp_rename 'dbo.Drifting.Title', 'Ti_tle', 'COLUMN'; ALTER TABLE Drifting ADD Title nvarchar(20) NULL" >/dev/null
SELECT matches((SELECT * FROM pg_temp.sync()), '^ok ', 'two names that are one here are two columns');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting DROP COLUMN Ti_tle" >/dev/null
SELECT matches((SELECT * FROM pg_temp.sync()), '^ok .* is gone at the source', 'and one may go again');

-- types, both ways
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ALTER COLUMN Born datetime NULL; ALTER TABLE Drifting ALTER COLUMN Counted int NULL; ALTER TABLE Drifting ALTER COLUMN Amount decimal(16,1) NOT NULL; UPDATE Drifting SET Born = '2020-01-02 03:04' WHERE Id = 1" >/dev/null
SELECT matches((SELECT * FROM pg_temp.sync()), '^ok .*column amount is decimal\(16,1\) now; .*column born is datetime now', 'a date that became a timestamp is followed');
SELECT results_eq('SELECT born, amount FROM sambapos_replica.drifting WHERE id = 1 AND row_state = ''live''', $$VALUES (timestamp '2020-01-02 03:04', 1.1)$$, 'with its values');
SELECT ok((SELECT NOT attnotnull FROM pg_attribute WHERE attrelid = 'sambapos_live_drifting.drifting'::regclass AND attname = 'counted'), 'the live table knows what may be NULL');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ALTER COLUMN Born date NULL; ALTER TABLE Drifting ALTER COLUMN Counted smallint NULL" >/dev/null
SELECT matches((SELECT * FROM pg_temp.sync()), '^ok ', 'a narrower type is followed');
SELECT col_type_is('sambapos_replica'::name, 'drifting'::name, 'counted'::name, 'bigint', 'and leaves the replica wide');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ALTER COLUMN Counted nvarchar(10) NULL" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['paused +0 ~0 -0 column "counted" of table "drifting" changed from bigint to text'], 'a number that became a text pauses the table');
SELECT is((SELECT outcome || ': ' || message FROM sambapos.schema_versions WHERE table_name = 'drifting' AND seen_until IS NULL), 'paused: column "counted" of table "drifting" changed from bigint to text', 'the version says why');
SELECT results_eq('SELECT counted::text FROM sambapos_live_drifting.drifting ORDER BY id', ARRAY['1', '2'], 'the live table follows all the same');
SELECT sambapos._end_remote_transaction('drifting');
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['paused +0 ~0 -0 column "counted" of table "drifting" changed from bigint to text'], 'it stays paused');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ALTER COLUMN Counted int NULL; UPDATE Drifting SET Counted = 5" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~2 -0 column counted is int now'], 'until the source has another type again');

-- what somebody here depends on
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ADD Small int NULL, Kept nvarchar(10) NULL; UPDATE Drifting SET Small = 1, Kept = N'k'" >/dev/null
SELECT matches((SELECT * FROM pg_temp.sync()), '^ok .*new column small; new column kept', 'two more columns');
CREATE VIEW public.mine AS SELECT small FROM sambapos_replica.drifting;
CREATE VIEW public.of_live AS SELECT kept FROM sambapos_live_drifting.drifting;
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ALTER COLUMN Small bigint NULL" >/dev/null
SELECT matches((SELECT * FROM pg_temp.sync()), '^paused .*cannot alter type of a column used by a view.*mine', 'a view of somebody''s is named');
DROP VIEW public.mine;
SELECT sambapos_configure('drifting', 'enabled', 'true', 'drifting');
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~0 -0'], 'without it a person lets the table go on');
SELECT col_type_is('sambapos_replica'::name, 'drifting'::name, 'small'::name, 'bigint', 'and the type is followed');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting DROP COLUMN Kept" >/dev/null
SELECT matches((SELECT * FROM pg_temp.sync()), '^ok .*column kept is gone at the source, its values stay, and a view still needs it', 'a column that a view over the live table needs');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ADD Kept nvarchar(10) NULL" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "UPDATE Drifting SET Kept = N'again'" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~2 -0 column kept is back at the source'], 'is read again when it comes back');
SELECT results_eq('SELECT DISTINCT kept FROM sambapos_replica.drifting WHERE row_state = ''live''', ARRAY['again'], 'with its new values');
DROP VIEW public.of_live;

-- keys
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "DROP TABLE Drifting" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "CREATE TABLE Drifting (Amount decimal(16,2) NOT NULL, Id bigint NOT NULL, Part int NOT NULL, Counted int NULL, Title nvarchar(20) COLLATE Turkish_CI_AS NULL, CONSTRAINT PK_Drifting PRIMARY KEY (Id))" >/dev/null
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "INSERT INTO Drifting (Id, Part, Amount) VALUES (3000000000, 1, 1), (3000000000 + 1, 1, 2)" >/dev/null
SELECT matches((SELECT * FROM pg_temp.sync()), '^ok .*column id is bigint now', 'a wider key, another order of columns, another collation: followed');
SELECT results_eq('SELECT id FROM sambapos_replica.drifting WHERE row_state = ''live'' ORDER BY id', ARRAY[3000000000, 3000000001], 'keys are not cut');
SELECT is((SELECT option_value FROM pg_attribute, pg_options_to_table(attfdwoptions) WHERE attrelid = 'sambapos_live_drifting.drifting'::regclass AND attname = 'title' AND option_name = 'remote_collation'), 'Turkish_CI_AS', 'the live table says which');
SELECT sambapos._end_remote_transaction('drifting');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting DROP CONSTRAINT PK_Drifting; ALTER TABLE Drifting ADD CONSTRAINT PK_Drifting PRIMARY KEY (Id, Part)" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['paused +0 ~0 -0 the key at the source is (Id, Part) now, that of the replica is (id)'], 'rows that the replica could not tell apart pause the table');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting DROP CONSTRAINT PK_Drifting" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['paused +0 ~0 -0 the table has no primary key any more'], 'so do rows without a key');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting ADD CONSTRAINT PK_Drifting PRIMARY KEY (Id)" >/dev/null
SELECT matches((SELECT * FROM pg_temp.sync()), '^ok ', 'the old key ends the pause');
\! build/tillctl "$SAMBAPOS_TEST_CONNECTION" sql "ALTER TABLE Drifting DROP CONSTRAINT PK_Drifting; ALTER TABLE Drifting DROP COLUMN Id; ALTER TABLE Drifting ADD CONSTRAINT PK_Drifting PRIMARY KEY (Part, Amount)" >/dev/null
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['paused +0 ~0 -0 column "id" is gone at the source, and rows are found or told apart by it'], 'a key column that is gone pauses the table');
SELECT results_eq('SELECT count(*) FROM sambapos_replica.drifting WHERE row_state = ''live''', ARRAY[2::bigint], 'its rows are there');

-- a server that writes the names of its keys in another case, as Babelfish does
CREATE FUNCTION pg_temp.keys(columns text[], key_table text, key_column text) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
  EXECUTE format($f$CREATE OR REPLACE FUNCTION sambapos._query(server text, sql text) RETURNS SETOF record LANGUAGE sql AS
    $q$ SELECT 'dbo', 'Own', c, n::integer, 'int', NULL::integer, 10, 0, NULL::integer, 'NO', NULL::text, NULL::integer
        FROM unnest(%L::text[]) WITH ORDINALITY AS u (c, n)
        UNION ALL SELECT 'dbo', %L, %L, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1 $q$ $f$, columns, key_table, key_column);
  RETURN (SELECT string_agg(c ->> 'name' || coalesce(' key ' || (c ->> 'key'), ''), ', ')
          FROM sambapos._source_columns(sambapos._site('drifting'::text)) AS s, jsonb_array_elements(s.columns) AS c
          WHERE s.source_name = 'Own');
END;
$$;
SELECT is(pg_temp.keys('{Id,Name}', 'own', 'id'), 'Id key 1, Name', 'is understood');
SELECT is(pg_temp.keys('{Id,ID}', 'Own', 'ID'), 'Id, ID key 1', 'where two columns differ by case alone, each is its own');
SELECT * FROM finish();
ROLLBACK;
