-- Promise: earlier versions of any table's rows are kept from the moment when somebody asks for it, and no longer when he
-- says so; rows of an archive keep theirs in any case. Who changed which setting, when, from what to what, is on record.
BEGIN;
\ir seam.psql
SELECT plan(32);
SELECT till.sell(1, 10, '2026-02-10 10:00');
SELECT till.sell(11, 10, '2026-03-09 10:00');
SELECT isnt_empty('SELECT * FROM till.sync()', 'first load');
CREATE FUNCTION pg_temp.edit(moment text) RETURNS void LANGUAGE sql AS
$$
  UPDATE sambapos_live_shop.tickets SET note = moment, last_update_time = moment::timestamp WHERE id IN (1, 11);
  UPDATE sambapos_live_shop.orders SET price = price + 1 WHERE ticket_id IN (1, 11);
  SELECT till.sync();
$$;

-- ---- off, on, off ----

SELECT results_eq($$SELECT table_name FROM sambapos._table WHERE history ORDER BY 1$$, $$VALUES ('menu_item_prices'), ('menu_items')$$, 'at first it is on for what was sold');
SELECT pg_temp.edit('2026-03-10 11:50') \g /dev/null
SELECT hasnt_table('sambapos_replica', 'tickets_history', 'of tickets nothing is kept');
SELECT is(sambapos_configure('shop', 'history', 'on', 'Tickets'), 'true', 'it is switched on');
SELECT has_table('sambapos_replica', 'tickets_history', 'and there is a table for it');
SELECT is(sambapos_configure('shop', 'history', 'on', 'orders'), 'true', 'for a child too');
SELECT pg_temp.edit('2026-03-10 11:51') \g /dev/null
SELECT results_eq($$SELECT id, note, version FROM sambapos_replica.tickets_history ORDER BY id$$, $$VALUES (1, '2026-03-10 11:50', 2::bigint), (11, '2026-03-10 11:50', 2)$$, 'the versions before are kept');
SELECT results_eq($$SELECT count(*), min(price), max(price), min(ticket_id) FROM sambapos_replica.orders_history$$, $$VALUES (4::bigint, 11::numeric, 11::numeric, 1)$$, 'those of the lines');
SELECT results_eq($$SELECT table_name, value, default_value FROM sambapos.settings WHERE setting = 'history'$$, $$VALUES ('orders', 'true', 'false'), ('tickets', 'true', 'false')$$, 'the view shows what is not as by default');
SELECT is(sambapos_configure('shop', 'history', 'off', 'tickets'), 'false', 'it is switched off');
SELECT is(sambapos_configure('shop', 'history', NULL, 'orders'), NULL, 'or put back to the default');
SELECT pg_temp.edit('2026-03-10 11:52') \g /dev/null
SELECT is((SELECT count(*) FROM sambapos_replica.tickets_history) || ' ' || (SELECT count(*) FROM sambapos_replica.orders_history), '2 4', 'what is there stays, nothing is added');
SELECT is(sambapos_configure('shop', 'history', 'off', 'menu_items'), 'false', 'what is on by default can be switched off');
UPDATE menu_items SET name = 'soup' WHERE id = 1;
SELECT till.quiet_sync() \g /dev/null
SELECT is_empty('SELECT FROM sambapos_replica.menu_items_history', 'then nothing is kept');
SELECT is(sambapos_configure('shop', 'history', NULL, 'menu_items'), NULL, 'the default');
UPDATE menu_items SET name = 'tea' WHERE id = 1;
SELECT till.quiet_sync() \g /dev/null
SELECT results_eq('SELECT name FROM sambapos_replica.menu_items_history', $$VALUES ('soup')$$, 'keeps it again');

SELECT sambapos_configure('shop', 'history', 'on', 'ticket_entities') \g /dev/null
UPDATE ticket_entities SET entity_name = 'terrace' WHERE ticket_id = 11;
SELECT pg_temp.edit('2026-03-10 11:52:30') \g /dev/null
SELECT results_eq('SELECT root_id, entity_name FROM sambapos_replica.ticket_entities_history', $$VALUES (11::bigint, 'table 4')$$, 'a child is known by its root too');

-- ---- rows of an archive ----

SELECT sambapos_archive('shop', '2026-02-01', '2026-02-28') AS id \gset
SELECT pg_temp.edit('2026-03-10 11:53') \g /dev/null
SELECT results_eq($$SELECT id, note FROM sambapos_replica.tickets_history WHERE version > 3$$, $$VALUES (1, '2026-03-10 11:52:30')$$, 'a row of an archive keeps what it was, though it is off');
SELECT results_eq($$SELECT DISTINCT status FROM sambapos_verify_archive($$ || :id || $$) WHERE table_name IN ('tickets', 'orders')$$, $$VALUES ('restated')$$, 'and the archive knows it');
SELECT is(sambapos_configure('shop', 'history', 'on', 'tickets'), 'true', 'with both');
SELECT pg_temp.edit('2026-03-10 11:54') \g /dev/null
SELECT results_eq($$SELECT id, count(*) FROM sambapos_replica.tickets_history WHERE note = '2026-03-10 11:53' GROUP BY id ORDER BY id$$, $$VALUES (1, 1::bigint), (11, 1)$$, 'each is kept once');
SELECT throws_ok($$UPDATE sambapos_replica.tickets_history SET note = 'x'$$, '23000', NULL, 'and nobody changes it');

-- ---- on record ----

SELECT results_eq($$SELECT table_name, old_value, new_value FROM sambapos.setting_change WHERE setting = 'history' ORDER BY change_id$$,
  $$VALUES ('tickets', 'false', 'true'), ('orders', 'false', 'true'), ('tickets', 'true', 'false'), ('orders', 'true', 'false'),
           ('menu_items', 'true', 'false'), ('menu_items', 'false', 'true'), ('ticket_entities', 'false', 'true'), ('tickets', 'false', 'true')$$, 'each change is on record');
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', role, session_role, site), ', ') FROM sambapos.setting_change), concat_ws(' ', current_user, session_user, 'shop'), 'with who made it');
SELECT sambapos_configure('shop', 'settle_runs', '3'), sambapos_configure('shop', 'settle_runs', '3'), sambapos_configure(NULL, 'enabled', 'false'), sambapos_configure(NULL, 'enabled', NULL),
       sambapos_configure('shop', 'sync_interval', '2 hours', 'orders'), sambapos_configure('shop', 'personal', 'null', 'tickets.note') \g /dev/null
SELECT results_eq($$SELECT site, table_name, setting, old_value, new_value FROM sambapos.setting_change WHERE setting <> 'history' AND coalesce(table_name, 'tickets') ~ '^tickets' ORDER BY change_id$$,
  $$VALUES ('shop', NULL, 'settle_runs', '2', '3'), (NULL, NULL, 'enabled', NULL, 'false'), (NULL, NULL, 'enabled', 'false', NULL),
           ('shop', 'tickets', 'sync_interval', NULL, '02:00:00'), ('shop', 'tickets.note', 'personal', NULL, 'null')$$, 'of all kinds of settings; what stays as it was is no change');
SELECT is((SELECT count(DISTINCT table_name) FROM sambapos.setting_change WHERE setting = 'sync_interval'), 8::bigint, 'of each table that a setting holds for');
SELECT throws_ok($$SELECT sambapos_configure('shop', 'settle_runs', '0')$$, '22023', NULL, 'what is refused');
SELECT is((SELECT count(*) FROM sambapos.setting_change WHERE setting = 'settle_runs'), 1::bigint, 'is not on record');

CREATE ROLE history_operator;
SELECT sambapos_grant('history_operator', 'operator') \g /dev/null
SET LOCAL ROLE history_operator;
SELECT public.is(sambapos_configure('shop', 'settle_runs', NULL), NULL, 'an operator sets a setting');
SELECT public.results_eq($$SELECT role, new_value FROM sambapos.setting_change ORDER BY change_id DESC LIMIT 1$$, $$VALUES ('history_operator', '2')$$, 'under his name');
SELECT public.throws_ok($$INSERT INTO sambapos.setting_change (role, setting) VALUES ('another', 'enabled')$$, '42501', NULL, 'not under another''s');
SELECT public.throws_ok($$DELETE FROM sambapos.setting_change$$, '42501', NULL, 'and he takes nothing back');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
