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
SELECT plan(24);
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
SELECT results_eq($$SELECT * FROM pg_temp.sync()$$, ARRAY['ok +0 ~2 -0 new column leaving'], 'it may come back');
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
SELECT * FROM finish();
ROLLBACK;
