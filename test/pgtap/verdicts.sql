-- Promise: what was judged wrong a person puts right: an event is reclassified, an epoch discarded; rows and sums follow.
BEGIN;
\ir seam.psql
SELECT plan(26);
CREATE FUNCTION pg_temp.states(relation name) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  answer text;
BEGIN
  EXECUTE format('SELECT string_agg(s, '', '' ORDER BY s) FROM (SELECT epoch || '' '' || row_state || '' '' || count(*) AS s FROM sambapos_replica.%I GROUP BY epoch, row_state) AS x', relation) INTO answer;
  RETURN answer;
END;
$$;
SELECT till.sell(1, 30);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
DELETE FROM orders WHERE ticket_id IN (1, 2); DELETE FROM payments WHERE ticket_id IN (1, 2);
DELETE FROM ticket_entities WHERE ticket_id IN (1, 2); DELETE FROM tickets WHERE id IN (1, 2);
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'somebody deletes the two oldest tickets, which looks like a clear');
SELECT is(pg_temp.states('tickets') || '; ' || pg_temp.states('orders'), '1 cleared 2, 1 live 28; 1 cleared 4, 1 live 56', 'they count');
SELECT event_id AS event FROM sambapos.source_events WHERE table_name = 'tickets' \gset
SELECT throws_ok('SELECT sambapos_reclassify(' || :event || ', ''reseed'')', '22023', NULL, 'a kind that rows cannot have');
SELECT throws_ok('SELECT sambapos_reclassify(0, ''clear'')', '42704', 'there is no source event 0', 'an event that is none');
SELECT is(sambapos_reclassify(:event, 'single delete'), 10::bigint, 'a person knows better');
SELECT is(pg_temp.states('tickets') || '; ' || pg_temp.states('orders'), '1 deleted 2, 1 live 28; 1 deleted 4, 1 live 56', 'they no longer count, nor do their lines');
SELECT is_empty($$SELECT * FROM till.sync('full')$$, 'no run changes that');
SELECT is(sambapos_reclassify(:event, 'partial clear'), 10::bigint, 'and back');
SELECT is(pg_temp.states('orders'), '1 cleared 4, 1 live 56', 'they count again');

-- what another event of the same run has marked is not of this one
SAVEPOINT twice;
DELETE FROM orders WHERE ticket_id <= 20; SELECT till.quiet_sync();
DELETE FROM payments WHERE ticket_id IN (3, 4); DELETE FROM ticket_entities WHERE ticket_id IN (3, 4); DELETE FROM tickets WHERE id IN (3, 4);
SELECT till.quiet_sync();
SELECT is(pg_temp.states('orders'), '1 cleared 40, 1 live 20', 'two more tickets with their lines are gone, and the lines of sixteen others');
SELECT event_id AS lines FROM sambapos.source_events WHERE table_name = 'orders' \gset
SELECT event_id AS tickets FROM sambapos.source_events WHERE table_name = 'tickets' ORDER BY event_id DESC LIMIT 1 \gset
SELECT is(sambapos_reclassify(:lines, 'single delete'), 32::bigint, 'the lines'' event is reclassified');
SELECT is(pg_temp.states('orders'), '1 cleared 8, 1 deleted 32, 1 live 20', 'the lines of the tickets that are gone are not of it');
SELECT is(sambapos_reclassify(:tickets, 'single delete'), 10::bigint, 'the tickets'' event has its own');
SELECT is(pg_temp.states('orders'), '1 cleared 4, 1 deleted 36, 1 live 20', 'with their lines');
ROLLBACK TO twice;

-- another database is let in by mistake
CREATE SCHEMA ours;
DO $$ DECLARE r name; BEGIN
  FOREACH r IN ARRAY '{tickets,orders,payments,ticket_entities,account_transaction_documents,account_transactions,account_transaction_values,work_periods}'::name[] LOOP
    EXECUTE format('CREATE TABLE ours.%I AS TABLE sambapos_live_shop.%1$I', r);
  END LOOP;
END; $$;
SELECT till.clear();
UPDATE till.database SET name = 'Other', created = '2024-05-05';
SELECT till.sell(1, 7, '2026-03-10 11:00');
SELECT till.quiet_sync();
SELECT sambapos_accept_source('shop');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'the other shop is read');
SELECT is(pg_temp.states('tickets'), '1 cleared 30, 2 live 7', 'its tickets count');
SELECT throws_ok($$SELECT sambapos_discard_epoch('shop', 1)$$, '55000', NULL, 'the first epoch cannot be discarded');
SELECT throws_ok($$SELECT sambapos_discard_epoch('shop', 9)$$, '42704', NULL, 'nor one that is none');
-- a third one is held meanwhile: what was known before the second is still the site's own
UPDATE till.database SET name = 'Third', created = '2025-05-05';
UPDATE tickets SET date = date + interval '1 day';
SELECT till.quiet_sync();
SELECT is((SELECT held_database ->> 'name' FROM sambapos.site_state), 'Third', 'a third database is held');
SELECT isnt(sambapos_discard_epoch('shop', 2), 0::bigint, 'the mistake is put right');
SELECT is((SELECT database ->> 'name' FROM sambapos.site_state), 'SambaPOS', 'the site''s own database is the one that is known again');
SELECT is(pg_temp.states('tickets'), '1 cleared 30, 2 deleted 7', 'its tickets no longer count');
SELECT is((SELECT DISTINCT status FROM sambapos_sync('shop')), 'failed', 'while it still answers it is held');
SELECT till.clear();
UPDATE till.database SET name = 'SambaPOS', created = '2020-01-01';
DO $$ DECLARE r name; BEGIN
  FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'ours'::regnamespace LOOP
    EXECUTE format('INSERT INTO sambapos_live_shop.%I TABLE ours.%1$I', r);
  END LOOP;
END; $$;
SELECT till.quiet_sync();
SELECT is(pg_temp.states('tickets'), '1 cleared 2, 1 live 28, 2 deleted 7', 'the site''s own database goes on in its own rows');
SELECT is_empty($$SELECT * FROM till.differences()$$, 'live rows equal the source');
SELECT * FROM finish();
ROLLBACK;
