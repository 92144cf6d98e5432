-- Promise: another database that answers under a site's name is held: nothing of it is merged, a red light says so, and
-- a person says what it is. The site's own database on another machine, or from a backup, is known by its rows.
BEGIN;
\ir seam.psql
SELECT plan(53);
CREATE FUNCTION pg_temp.states(relation name) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT string_agg(s, '', '' ORDER BY s) FROM (SELECT epoch || '' '' || row_state || '' '' || count(*) AS s FROM sambapos_replica.%I GROUP BY epoch, row_state) AS x', relation) INTO answer;
  RETURN answer;
END;
$$;
CREATE FUNCTION pg_temp.other_shop() RETURNS void LANGUAGE sql AS
$$
  SELECT till.clear();
  UPDATE till.database SET name = 'Other', created = '2024-05-05', broker = '22222222-2222-2222-2222-222222222222';
  SELECT till.sell(1, 7, '2026-03-10 11:00');
  UPDATE menu_items SET name = 'other ' || id;
$$;
CREATE FUNCTION pg_temp.ours_again() RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  r name;
BEGIN
  PERFORM till.clear();
  UPDATE till.database SET name = 'SambaPOS', created = '2026-03-10', broker = '33333333-3333-3333-3333-333333333333';
  DELETE FROM menu_items;
  FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'ours'::regnamespace LOOP
    EXECUTE format('INSERT INTO sambapos_live_shop.%I TABLE ours.%1$I', r);
  END LOOP;
  UPDATE numerators SET number = 1000;
END;
$$;
SELECT till.sell(1, 50);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
SELECT is((SELECT database ->> 'name' FROM sambapos.site_state), 'SambaPOS', 'the database is known');
SELECT is_empty($$SELECT * FROM till.sync()$$, 'and recognised');
SELECT throws_ok($$SELECT sambapos_accept_source('shop')$$, '55000', 'no database is held for site "shop"', 'nothing is held');

-- the same rows from another server: a backup that was restored on a new machine, some tickets behind
UPDATE till.database SET created = '2026-03-10', broker = '33333333-3333-3333-3333-333333333333';
DELETE FROM orders WHERE ticket_id = 50; DELETE FROM payments WHERE ticket_id = 50; DELETE FROM ticket_entities WHERE ticket_id = 50;
DELETE FROM tickets WHERE id = 50;
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a restored backup goes on');
SELECT is((SELECT string_agg(kind || ' ' || table_name || ' ' || coalesce(evidence ->> 'rows_equal', ''), ', ' ORDER BY event_id) FROM sambapos.source_events), 'restore  108, partial clear tickets ',
  'the event is on record, with the rows that were compared');
SELECT is(pg_temp.states('tickets'), '1 cleared 1, 1 live 49', 'what was sold since the backup is history');
SELECT is((SELECT database ->> 'created' FROM sambapos.site_state), '2026-03-10T00:00:00', 'it is known as it is now');

-- another shop's database
CREATE SCHEMA ours;
DO $$ DECLARE r name; BEGIN
  FOREACH r IN ARRAY '{tickets,orders,payments,ticket_entities,account_transaction_documents,account_transactions,account_transaction_values,work_periods,menu_items}'::name[] LOOP
    EXECUTE format('CREATE TABLE ours.%I AS TABLE sambapos_live_shop.%1$I', r);
  END LOOP;
END; $$;
CREATE FUNCTION pg_temp.replica() RETURNS text LANGUAGE sql AS
$$ SELECT md5((SELECT string_agg(t::text, ',' ORDER BY epoch, id) FROM sambapos_replica.tickets AS t) || (SELECT string_agg(t::text, ',' ORDER BY epoch, id) FROM sambapos_replica.menu_items AS t)); $$;
CREATE TEMPORARY TABLE before AS SELECT pg_temp.replica() AS rows, version FROM sambapos.site_state;
SELECT pg_temp.other_shop();
SELECT results_eq($$SELECT DISTINCT status, message FROM sambapos_sync('shop')$$, $$VALUES ('failed', 'another database answers: "Other", created 2024-05-05T00:00:00; it is held (55000)')$$, 'its run fails');
SELECT is(pg_temp.replica(), (SELECT rows FROM before), 'nothing of it is merged');
SELECT matches((SELECT light || ': ' || reason FROM sambapos_status('shop')), '^red: held: another database answers \("Other".*sambapos_accept_source\(''shop'', ''new database''\)', 'the light is red and says what to do');
SELECT is(till.quiet_sync() > 0, true, 'the next run finds it again');
SELECT is((SELECT count(*) FROM sambapos.source_events WHERE kind = 'new database'), 1::bigint, 'it is on record once');
SELECT throws_ok($$SELECT sambapos_accept_source('shop', 'clear')$$, '22023', NULL, 'a kind that is none');

-- what cannot say who it is is not the one that is known
SAVEPOINT silent;
UPDATE till.database SET name = '(locked)';
SELECT results_eq($$SELECT DISTINCT status, message FROM sambapos_sync('shop')$$, $$VALUES ('failed', 'lock request time out period exceeded (55P03)')$$, 'a lock on its row in sys.databases: the run fails');
SELECT is(pg_temp.replica(), (SELECT rows FROM before), 'and nothing of it is merged');
SELECT isnt((SELECT held_database FROM sambapos.site_state), NULL, 'it is still held');
UPDATE till.database SET name = '(secret)';
SELECT is(till.quiet_sync() > 0, true, 'no right to see that row: the run fails');
SELECT is(pg_temp.replica(), (SELECT rows FROM before), 'nothing of it is merged either');
SELECT isnt((SELECT held_database FROM sambapos.site_state), NULL, 'and it is still held');
ROLLBACK TO silent;

-- the right one is back
SAVEPOINT held;
SELECT pg_temp.ours_again();
SELECT is_empty($$SELECT * FROM till.sync()$$, 'the site''s own database goes on where it was');
SELECT is((SELECT light FROM sambapos_status('shop')), 'green', 'the light is green');
SELECT throws_ok($$SELECT sambapos_accept_source('shop')$$, '55000', NULL, 'nothing is held any more');
DROP TABLE sambapos_replica.work_periods CASCADE;
UPDATE till.database SET created = '2026-03-11';
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a root whose table was dropped says nothing');
SELECT is((SELECT held_database FROM sambapos.site_state), NULL, 'the other roots say that it is the site''s own');
ROLLBACK TO held;

-- a person lets it in as a new one
SELECT is(sambapos_accept_source('shop'), 2, 'a new database begins an epoch');
SELECT is(pg_temp.states('tickets'), '1 cleared 50', 'what was known is history');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'it is read whole');
SELECT is(pg_temp.states('tickets'), '1 cleared 50, 2 live 7', 'its tickets are apart');
SELECT is(pg_temp.states('orders'), '1 cleared 100, 2 live 14', 'its lines');
SELECT is(pg_temp.states('menu_items'), '1 cleared 3, 2 live 3', 'and its menu');
SELECT is((SELECT string_agg(name, ', ' ORDER BY epoch) FROM sambapos_replica.menu_items WHERE id = 1), 'item 1, other 1', 'no name of ours is written over');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'the next sync finds nothing');
-- ids are used again there: an epoch of that database
SELECT till.clear(); SELECT till.pass(2); SELECT till.sell(1, 3, '2026-03-10 13:00');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'a reseed');
SELECT is(pg_temp.states('tickets'), '1 cleared 50, 2 cleared 4, 2 superseded 3, 3 live 3', 'is an epoch of its own, and touches nothing of ours');
ROLLBACK TO held;

-- or says that it is the site's own, for example emptied before it moved
SELECT is(sambapos_accept_source('shop', 'restore'), 1, 'a restore begins no epoch by itself');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'it is read whole');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
ROLLBACK TO held;

-- an empty database, of which no row can say whose it is
SELECT till.clear();
UPDATE till.database SET created = '2026-03-11';
SELECT is((SELECT DISTINCT status FROM sambapos_sync('shop')), 'failed', 'an empty one is held too');
-- a server that has never said anything of its databases
UPDATE sambapos.site_state SET database = NULL, held_database = NULL;
INSERT INTO till.failure VALUES ('sys.databases', '42P01', 'no such view');
SELECT is((SELECT count(*) FROM sambapos_sync('shop') WHERE status = 'failed'), 0::bigint, 'where a server never says anything, nothing is held');
ROLLBACK TO held;

-- a server that says nothing in the first run, and something afterwards
UPDATE sambapos.site_state SET database = NULL, held_database = NULL;
SELECT is((SELECT string_agg(DISTINCT status, ', ') FROM sambapos_sync('shop')), 'failed', 'nothing is known, and another database answers: the run fails');
SELECT is(pg_temp.replica(), (SELECT rows FROM before), 'nothing of it is merged');
SELECT is((SELECT light FROM sambapos_status('shop')), 'red', 'the light is red');
INSERT INTO till.failure VALUES ('sys.databases', '42P01', 'no such view');
SELECT is((SELECT string_agg(DISTINCT status, ', ') FROM sambapos_sync('shop')), 'failed', 'its silence afterwards is no proof');
SELECT is(pg_temp.replica(), (SELECT rows FROM before), 'and nothing of it is merged');
ROLLBACK TO held;
UPDATE sambapos.site_state SET database = NULL, held_database = NULL;
SELECT pg_temp.ours_again();
SELECT is_empty($$SELECT * FROM till.sync()$$, 'nothing is known, and the site''s own database answers: it goes on');
SELECT is((SELECT database ->> 'name' FROM sambapos.site_state), 'SambaPOS', 'and it is known');
SELECT is((SELECT count(*) FROM sambapos.source_events WHERE kind = 'restore'), 1::bigint, 'that it is told is no event');
ROLLBACK TO held;

-- a new PC with a backup, more than a hundred tickets behind, from before a clear
DELETE FROM work_periods;
SELECT pg_temp.ours_again(), till.quiet_sync(), till.quiet_sync();
SELECT till.sell(1001, 250, '2026-03-01 10:00'), till.pass(24), till.quiet_sync(), till.clear(), till.pass(1), till.quiet_sync(), till.quiet_sync();
SELECT till.sell(1251, 50, '2026-03-12 10:00'), till.pass(24), till.quiet_sync();
DROP SCHEMA ours CASCADE; CREATE SCHEMA ours;
CREATE TABLE ours.tickets AS TABLE tickets; CREATE TABLE ours.orders AS TABLE orders;
SELECT till.sell(1301, 150, '2026-03-12 11:00'), till.pass(24), till.quiet_sync(), till.clear(), till.pass(1), till.quiet_sync(), till.quiet_sync();
SELECT pg_temp.ours_again();
UPDATE till.database SET created = '2026-03-20', broker = '44444444-4444-4444-4444-444444444444';
SELECT till.quiet_sync();
SELECT is((SELECT held_database FROM sambapos.site_state), NULL, 'a new PC with a backup of long ago is known by the rows that it has');
SELECT is((SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'live'), 50::bigint, 'which are live again');
ROLLBACK TO held;

-- an error that says nothing of the server is not silence
INSERT INTO till.failure VALUES ('sys.databases', '22003', 'Arithmetic overflow error converting expression to data type smallint');
SELECT results_eq($$SELECT DISTINCT status, message FROM sambapos_sync('shop')$$,
  $$VALUES ('failed', 'Arithmetic overflow error converting expression to data type smallint (22003)')$$, 'an error where the database is asked for: the run fails');
SELECT is((SELECT held_database ->> 'name' FROM sambapos.site_state), 'Other', 'and what is held is held');
ROLLBACK TO held;
SELECT * FROM finish();
ROLLBACK;
