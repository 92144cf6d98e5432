-- Promise: a change of any line, payment, discount, guest or tax of a ticket is a change of its sale, and nothing else is; a
-- sale goes out once for each change, with what its lines come to then; a clear deletes no sale, and an id that is used again
-- is another one. How a sale's delivery stands is told with it, and is no change of it.
BEGIN;
\ir seam.psql
SELECT no_plan();

SELECT till.sell(1, 4);
SELECT till.quiet_sync() AS quiet \gset
SELECT throws_ok($$SELECT sambapos_add_entities('shop', 'sale')$$, '22023', NULL, 'no such preset');
SELECT lives_ok($$SELECT sambapos_add_entities('shop', 'sales')$$, 'sales are on the feed of their site');
SELECT results_eq('SELECT entity, key, capture FROM sambapos.entities', $$VALUES ('sales', '{epoch,ticket_id}'::text[], 'join')$$, 'by epoch and ticket');
CALL sambapos_feed_tick('shop');
SELECT is((SELECT jsonb_array_length(sambapos_full_payload('shop') -> 'sales')), 4, 'in full all that count');
SELECT ok(NOT (sambapos_full_payload('shop') -> 'sales' -> 0) ?| '{sync_status,ledger_reference,as_of}', 'without what no sale is');
SELECT is((SELECT count(*) FROM sambapos_full_rows('shop', 'sales', page_rows => 3)), 3::bigint, 'or page by page');
SELECT lives_ok($$SELECT sambapos_add_consumer('ledger', 'shop', '{sales}', condition => 'r.is_closed')$$, 'a ledger');
SELECT throws_ok($$SELECT sambapos_add_consumer('back', 'shop', '{sales}', status_column => 'note')$$, '42809', NULL, 'writes nothing into the replica');

-- what is a change of a sale
CREATE FUNCTION till.told(what text) RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  since bigint := (SELECT version FROM sambapos.feeds WHERE feed = 'shop');
BEGIN
  EXECUTE what;
  UPDATE till.clock SET local_now = local_now + interval '1 minute', utc_now = utc_now + interval '1 minute';
  PERFORM till.quiet_sync();
  CALL sambapos_feed_tick('shop');
  RETURN (SELECT string_agg(c.key ->> 'ticket_id', ', ' ORDER BY c.key) FROM sambapos_changes('shop', since) AS c);
END;
$$;
CREATE FUNCTION till.touch(ticket integer) RETURNS void LANGUAGE sql AS $$ UPDATE tickets SET last_update_time = (SELECT local_now FROM till.clock) WHERE id = ticket $$;
SELECT is(till.told(format('SELECT till.touch(%s); %s', t.ticket, t.what)), t.told, t.name)
FROM (VALUES (1, 1, 'UPDATE orders SET quantity = 2 WHERE ticket_id = 1', '1', 'a line'), (2, 2, 'UPDATE payments SET amount = 30 WHERE ticket_id = 2', '2', 'a payment'),
             (3, 3, 'UPDATE account_transactions SET amount = 25 WHERE id = 3', '3', 'what is booked'), (4, 4, 'INSERT INTO ticket_entities VALUES (90, ''Smith'', 4)', '4', 'a guest'),
             (5, 0, 'SELECT till.sell(5, 1)', '5', 'a sale that is new'), (6, 0, 'SELECT 1', NULL, 'nothing')) AS t (n, ticket, what, told, name);

-- its delivery
CREATE TABLE till.got AS SELECT * FROM sambapos_next('ledger', 100);
SELECT is((SELECT string_agg(key ->> 'ticket_id', ' ' ORDER BY key) FROM till.got), (SELECT string_agg(id::text, ' ' ORDER BY id) FROM tickets WHERE is_closed), 'what is closed and has changed is delivered');
SELECT is((SELECT data -> 'items' -> 0 ->> 'quantity' FROM till.got WHERE key ->> 'ticket_id' = '1'), '2.000', 'with its lines as they are');
SELECT is((SELECT sync_status FROM sambapos_report.sales WHERE ticket_id = 1), 'leased', 'report sales says so');
SELECT count(sambapos_ack('ledger', delivery_id, 'L' || (key ->> 'ticket_id'))) AS acked FROM till.got \gset
SELECT results_eq($$SELECT sync_status, ledger_reference FROM sambapos_list_sales('shop') WHERE ticket_id = 2$$, $$VALUES ('synced', 'L2')$$, 'and so does the list');
SELECT is(sambapos_get_sale('shop', (SELECT ticket_number FROM tickets WHERE id = 2)) ->> 'ledger_reference', 'L2', 'and the sale itself');
SELECT is((SELECT count(*) FROM sambapos_list_sales('shop', status => 'synced')), (SELECT count(*) FROM till.got), 'the list of those that are synced');
SELECT is(till.told('SELECT 1'), NULL, 'that it was delivered is no change');
SELECT is(till.told('SELECT till.touch(2); UPDATE payments SET amount = 31 WHERE ticket_id = 2'), '2', 'one that changes again');
SELECT results_eq($$SELECT key ->> 'ticket_id', reference, operation FROM sambapos_next('ledger')$$, $$VALUES ('2', 'L2', 'UPDATE')$$, 'goes out with its reference');
SELECT sambapos_configure('shop', 'sales_consumer', 'another') AS set \gset
SELECT is((SELECT sync_status FROM sambapos_report.sales WHERE ticket_id = 1), NULL, 'the site says whose deliveries count');
SELECT sambapos_configure('shop', 'sales_consumer', 'ledger') AS set \gset
SELECT is((SELECT sync_status FROM sambapos_report.sales WHERE ticket_id = 1), 'synced', 'by name');
UPDATE sambapos.delivery SET waiting_since = now() - interval '1 hour';
SELECT is((SELECT severity || ' ' || kind FROM sambapos.alerts WHERE site = 'shop' AND kind LIKE 'deliver%'), 'warning deliveries wait', 'what hangs is an alert of the site');
SELECT matches((SELECT light || ': ' || reason FROM sambapos_status('shop')), '^amber: .*waited for more than 5 minutes', 'and its light');

-- a sale that is none any more
SELECT count(sambapos_ack('ledger', delivery_id)) AS acked FROM sambapos_next('ledger', 100) \gset
UPDATE sambapos.delivery SET waiting_since = now();
CREATE FUNCTION till.merge(one integer, other integer) RETURNS void LANGUAGE sql AS
$$
  UPDATE orders SET ticket_id = other WHERE ticket_id = one;
  UPDATE payments SET ticket_id = other WHERE ticket_id = one;
  UPDATE tickets SET total_amount = CASE id WHEN one THEN 0 ELSE 40 END, last_update_time = (SELECT local_now FROM till.clock) WHERE id IN (one, other);
$$;
SELECT is(till.told('SELECT till.merge(3, 4)'), '3, 4', 'two tickets become one');
CREATE TABLE till.merged AS SELECT * FROM sambapos_next('ledger');
SELECT results_eq($$SELECT key ->> 'ticket_id', operation, data ->> 'total_amount' FROM till.merged ORDER BY 1$$, $$VALUES ('3', 'DELETE', NULL), ('4', 'UPDATE', '40.00')$$,
  'the one that is gone is deleted, though it had been ready before');
SELECT count(sambapos_ack('ledger', delivery_id)) AS acked FROM till.merged \gset
SELECT is(till.told('SELECT till.touch(3)'), '3', 'what else becomes of it');
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'is no second deletion');
CREATE FUNCTION till.load(what text) RETURNS void LANGUAGE plpgsql AS
$$
BEGIN
  EXECUTE what;
  UPDATE till.clock SET local_now = local_now + interval '1 minute', utc_now = utc_now + interval '1 minute';
  PERFORM till.quiet_sync();
  DELETE FROM sambapos.change AS c WHERE c.version IS NULL;
  INSERT INTO sambapos.change (feed_id, entity, operation) SELECT f.feed_id, 'sales', 'LOAD' FROM sambapos.change_feed AS f;
  CALL sambapos_feed_tick('shop');
END;
$$;
SELECT till.load('SELECT till.merge(5, 4)') AS made \gset
SELECT results_eq($$SELECT key ->> 'ticket_id', operation FROM sambapos_next('ledger') ORDER BY 1$$, $$VALUES ('4', 'UPDATE'), ('5', 'DELETE')$$, 'nor is one forgotten when all are taken anew');
UPDATE sambapos.delivery SET leased_until = now() WHERE leased_until > now();
SELECT count(sambapos_ack('ledger', delivery_id)) AS acked FROM sambapos_next('ledger', 100) \gset
DELETE FROM sambapos_replica.tickets WHERE id = 1;
INSERT INTO sambapos.change (feed_id, entity, operation) SELECT f.feed_id, 'sales', 'LOAD' FROM sambapos.change_feed AS f;
CALL sambapos_feed_tick('shop');
SELECT is_empty($$SELECT * FROM sambapos_next('ledger')$$, 'what the replica keeps no longer is not deleted');
SELECT is(till.told('SELECT till.touch(2); UPDATE payments SET amount = 32 WHERE ticket_id = 2'), '1, 2', 'one that is under way, and one that is read again');
SELECT count(*) AS taken FROM sambapos_next('ledger') \gset

-- a clear
SELECT is(till.told('TRUNCATE tickets, orders, payments, ticket_entities, account_transaction_documents, account_transactions, account_transaction_values'), NULL, 'a clear is no change of a sale');
SELECT is((SELECT string_agg(ticket_id::text, ' ' ORDER BY ticket_id) FROM sambapos_report.sales), '1 2 4', 'all are there');
UPDATE sambapos.delivery SET leased_until = now();
SELECT results_eq($$SELECT key ->> 'ticket_id', operation, data IS NOT NULL FROM sambapos_next('ledger') ORDER BY 1$$, $$VALUES ('1', 'UPDATE', true), ('2', 'UPDATE', true)$$, 'what was under way goes out with its values');

-- a page, and one sale, read what they show, however many tickets there are
CREATE FUNCTION till.more(first integer, last integer) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
  name text;
  names text;
  made text;
BEGIN
  FOREACH name IN ARRAY '{tickets,orders,payments}'::text[] LOOP
    SELECT string_agg(quote_ident(a.attname), ', '), string_agg(CASE WHEN a.attname IN ('id', 'ticket_id') THEN '1000 + i' WHEN a.attname = 'ticket_number' THEN '''N'' || i'
             WHEN a.attname = 'date' THEN 'timestamp ''2020-01-01'' + i * interval ''1 minute''' ELSE 't.' || quote_ident(a.attname) END, ', ') INTO names, made
    FROM pg_attribute AS a WHERE a.attrelid = ('sambapos_replica.' || name)::regclass AND a.attnum > 0 AND NOT a.attisdropped;
    EXECUTE format('INSERT INTO sambapos_replica.%1$I (%2$s) SELECT %3$s FROM (SELECT * FROM sambapos_replica.%1$I LIMIT 1) AS t, generate_series(%4$s, %5$s) AS i', name, names, made, first, last);
    EXECUTE format('ANALYZE sambapos_replica.%I', name);
  END LOOP;
END;
$$;
CREATE FUNCTION till.buffers(query text) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
  plan jsonb;
BEGIN
  EXECUTE query;
  EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || query INTO plan;
  RETURN (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint;
END;
$$;
SELECT till.more(1, 2000) AS made \gset
CREATE TABLE till.pages AS SELECT q.*, till.buffers(q.query) AS buffers
FROM (VALUES ('a page', $$SELECT * FROM sambapos_list_sales('shop')$$), ('one in the middle', $$SELECT * FROM sambapos_list_sales('shop', after => '{"date": "2020-01-02", "epoch": 1, "id": 0}')$$),
             ('one sale', $$SELECT sambapos_get_sale('shop', 'N1500')$$)) AS q (name, query);
SELECT till.more(2001, 20000) AS made \gset
SELECT cmp_ok(till.buffers(a.query), '<', 2 * a.buffers, format('%s of ten times as many sales (of 2,000: %s buffers)', a.name, a.buffers)) FROM till.pages AS a;
SELECT * FROM finish();
ROLLBACK;
