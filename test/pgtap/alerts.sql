-- Promise: sambapos.alerts has a row for each open matter a person should know, as long as it is open, with what to do;
-- channel sambapos_status is told once of another light, and not again, with no word of the source in it.
\set QUIET on
SELECT current_database() AS home \gset
DROP DATABASE IF EXISTS alerts;
CREATE DATABASE alerts;
\connect alerts
SET client_min_messages = warning;
BEGIN;
\ir seam.psql
CREATE EXTENSION dblink SCHEMA till;
SELECT till.sell(1, 300, '2026-03-09 10:00');
COMMIT;
SET search_path = public, till;
SELECT plan(71);

-- what a listener has heard since it was last asked; a query of its own, since it gets them when it has ended one
SELECT dblink_connect('ear', format('host=%s port=%s dbname=%s', split_part(current_setting('unix_socket_directories'), ',', 1),
                                    current_setting('port'), current_database()));
SELECT dblink_exec('ear', 'LISTEN sambapos_status');
CREATE FUNCTION till.heard() RETURNS SETOF jsonb LANGUAGE plpgsql AS
$$
BEGIN
  PERFORM * FROM till.dblink('ear', 'SELECT 1') AS q (n integer);
  RETURN QUERY SELECT n.extra::jsonb FROM till.dblink_get_notify('ear') AS n WHERE n.notify_name = 'sambapos_status';
END;
$$;
CREATE FUNCTION till.heard_words() RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(format('%s > %s: %s', h ->> 'was', h ->> 'light', h ->> 'reason'), ' | '), 'nothing') FROM till.heard() AS h; $$;

CREATE FUNCTION till.alerts() RETURNS text LANGUAGE sql AS
$$
  SELECT coalesce(string_agg(concat_ws(' ', severity, kind, table_name), ', ' ORDER BY severity, kind, table_name), 'none')
  FROM sambapos.alerts WHERE site = 'shop';
$$;
-- What there would be after a change, which is then undone.
CREATE FUNCTION till.alerts_after(change text, what text DEFAULT 'till.alerts()') RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
  result text;
BEGIN
  EXECUTE change;
  EXECUTE 'SELECT ' || what INTO result;
  RAISE EXCEPTION USING ERRCODE = 'TS001', MESSAGE = coalesce(result, 'NULL');
EXCEPTION WHEN SQLSTATE 'TS001' THEN
  RETURN SQLERRM;
END;
$$;
CREATE FUNCTION till.site_with(assignments text, what text DEFAULT 'till.alerts()') RETURNS text LANGUAGE sql AS
$$ SELECT till.alerts_after('UPDATE sambapos.site_state SET ' || assignments, what); $$;
CREATE FUNCTION till.table_with(assignments text, what text DEFAULT 'till.alerts()') RETURNS text LANGUAGE sql AS
$$ SELECT till.alerts_after('UPDATE sambapos.table_state SET ' || assignments || ' WHERE table_name = ''orders''', what); $$;

-- a day without an alert
SELECT is(till.alerts(), 'critical never worked', 'before the first run');
SELECT isnt_empty($$SELECT * FROM till.sync()$$, 'first load');
SELECT is(till.alerts(), 'none', 'nothing is open');
SELECT is(till.heard_words(), ' > green: in order', 'the first run says how the site is');
SELECT is(till.quiet_sync(), 0::bigint, 'a run without a change');
SELECT is(till.heard_words(), 'nothing', 'says nothing');
CALL sambapos_run('shop');
SELECT is(till.heard_words(), 'nothing', 'nor does a scheduled one');

-- the site
SELECT is(till.alerts_after($$SELECT sambapos_configure(NULL, 'enabled', 'false')$$), 'critical switched off', 'all sites are switched off');
SELECT is(till.alerts_after($$SELECT sambapos_configure('shop', 'enabled', 'false')$$), 'critical disabled', 'disabled');
SELECT is(till.site_with($$paused_reason = 'a reason'$$), 'critical paused', 'paused');
SELECT is(till.site_with('auth_failed = true'), 'critical login refused', 'login refused');
SELECT is(till.site_with($$held_database = '{"name": "Other"}'$$), 'critical another database', 'another database');
SELECT is(till.alerts_after('DELETE FROM sambapos.replicated_table'), 'critical no tables', 'no tables');
SELECT is(till.site_with($$last_success_at = NULL$$), 'critical never worked', 'never worked');
SELECT is(till.site_with($$last_success_at = now() - interval '9 hours'$$), 'critical old data', 'old data');
SELECT is(till.site_with($$last_success_at = now() - interval '40 minutes'$$), 'warning old data', 'data that gets old');
SELECT is(till.site_with($$last_error = 'no route', last_sqlstate = '08001'$$), 'warning run failed', 'the last run failed');
SELECT is(till.table_with('loaded_at = NULL'), 'notice loading', 'loading');
SELECT is(till.alerts_after($$UPDATE sambapos.site SET removed_at = now(), enabled = false$$), 'none', 'a site that was removed has none');

-- its tables
SELECT is(till.table_with($$last_status = 'failed', last_error = 'no right', last_sqlstate = '42501'$$), 'warning table failed orders', 'a table failed');
SELECT is(till.table_with($$paused_reason = 'a type changed'$$), 'warning table paused orders', 'is paused');
SELECT is(till.alerts_after($$SELECT sambapos_configure('shop', 'enabled', 'false', 'orders')$$), 'warning table disabled orders', 'is disabled');
SELECT is(till.table_with($$code_of_others = 'trigger x'$$), 'warning code of others orders', 'runs code of others');
SELECT is(till.table_with($$paused_reason = 'a type changed', code_of_others = 'trigger x'$$,
                          $$(SELECT string_agg(message, ' | ' ORDER BY kind) FROM sambapos.alerts)$$),
          'code of others runs with the rights of the sync: trigger x | orders is paused: a type changed', 'each matter is said once');
SELECT is(till.table_with($$paused_reason = 'a type changed'$$, 'till.alerts_after(''UPDATE sambapos.site SET enabled = false'')'),
          'critical disabled, warning table paused orders', 'the site''s own matter and a table''s');
SELECT is(till.alerts_after($$INSERT INTO sambapos.source_events (site_id, kind, table_name, epoch, rows, evidence)
                              SELECT site_id, 'reseed', 'tickets', 1, 2, '{"undecided": [{"id": 5}]}' FROM sambapos.site$$),
          'warning undecided rows tickets', 'rows are undecided');
SELECT is(till.alerts_after($$INSERT INTO sambapos.dead_letters (site_id, table_name, key, column_name, replaced, run_id)
                              SELECT site_id, 'menu_items', jsonb_build_object('id', i), 'name', '?', 1 FROM sambapos.site, generate_series(1, 3) AS i$$,
                            $$till.alerts() || ': ' || (SELECT message FROM sambapos.alerts)$$),
          'notice dead letters menu_items: 3 values of menu_items hold invalid characters', 'values are in the dead letters');
SELECT is(till.alerts_after($$INSERT INTO sambapos.reconcile_finding (site_id, run_id, table_name, id, roots, kind, version, repaired_at)
                              SELECT site_id, 1, 'orders', i, '{1}', 'different', 1, CASE i WHEN 3 THEN now() END FROM sambapos.site, generate_series(1, 3) AS i$$,
                            $$till.alerts() || ': ' || (SELECT message FROM sambapos.alerts)$$),
          'warning differences orders: 2 rows of orders differ from the source and are not repaired yet', 'a comparison has found what is not repaired yet');
SELECT is(till.alerts_after($$INSERT INTO sambapos.inconsistent_root (site_id, table_name, epoch, id, difference) SELECT site_id, 'tickets', 1, 7, 5 FROM sambapos.site$$,
                            $$till.alerts() || ': ' || (SELECT message FROM sambapos.alerts)$$),
          'notice inconsistent tickets: the sums of 1 rows of tickets do not agree', 'a ticket''s sums do not agree');
SELECT is(till.alerts(), 'none', 'all of it went away with its cause');

-- a real run stops at gone_limit: told once, and once when it is over
DELETE FROM sambapos_live_shop.tickets WHERE id % 4 = 0 AND id < 280;
SELECT till.quiet_sync();
SELECT is(till.alerts(), 'none', 'what is missing once waits');
SELECT till.quiet_sync();
SELECT is(till.alerts(), 'warning rows gone tickets', 'more is gone than a person expects');
SELECT is(till.heard_words(), 'green > amber: rows gone: tickets', 'that is told');
SELECT till.quiet_sync();
SELECT is(till.heard_words(), 'nothing', 'once');
SELECT sambapos_configure('shop', 'gone_limit', '200');
SELECT till.quiet_sync();
SELECT is(till.alerts(), 'none', 'a person has allowed it');
SELECT is(till.heard_words(), 'amber > green: in order', 'it is told that it is over');

-- a restore: what is known here and not at the till, those among it whose ids were used again
SELECT till.pass(2);
SELECT till.sell(301, 10, '2026-03-10 13:00');
SELECT till.quiet_sync();
SELECT till.pass(2);
DELETE FROM sambapos_live_shop.orders WHERE ticket_id > 300; DELETE FROM sambapos_live_shop.payments WHERE ticket_id > 300;
DELETE FROM sambapos_live_shop.ticket_entities WHERE ticket_id > 300; DELETE FROM sambapos_live_shop.tickets WHERE id > 300;
DELETE FROM sambapos_live_shop.account_transaction_values WHERE account_transaction_document_id > 300;
DELETE FROM sambapos_live_shop.account_transactions WHERE account_transaction_document_id > 300;
DELETE FROM sambapos_live_shop.account_transaction_documents WHERE id > 300;
SELECT till.sell(301, 3, '2026-03-10 15:00');
SELECT till.quiet_sync();
SELECT is(till.alerts(), 'warning restore tickets', 'an older backup was restored');
SELECT is((SELECT message FROM sambapos.alerts),
          'an older backup was restored at the till: 10 rows of tickets, 200.00 in all, are known here and not at the till', 'what that cost');
SELECT matches((SELECT hint FROM sambapos.alerts), 'sambapos_reclassify\([0-9]+, ''restore''\)', 'and what to do');
SELECT is(till.heard_words(), 'nothing', 'the light is the same, so that no listener is woken');
SELECT till.quiet_sync(); SELECT till.quiet_sync('full');
SELECT is(till.alerts(), 'warning restore tickets', 'it is open until somebody has looked');
SELECT cmp_ok(sambapos_reclassify(event_id, 'restore'), '>', 0::bigint, 'a person has looked at it') FROM sambapos._restore_open;
SELECT till.quiet_sync();
SELECT is(till.alerts(), 'none', 'it is over');

-- a ticket that somebody deletes
DELETE FROM sambapos_live_shop.orders WHERE ticket_id = 150; DELETE FROM sambapos_live_shop.payments WHERE ticket_id = 150;
DELETE FROM sambapos_live_shop.ticket_entities WHERE ticket_id = 150; DELETE FROM sambapos_live_shop.tickets WHERE id = 150;
SELECT till.quiet_sync(), till.quiet_sync();
SELECT is(till.alerts(), 'warning tickets deleted tickets', 'tickets that are deleted one by one are no everyday matter');
SELECT is((SELECT message FROM sambapos.alerts), '1 rows of tickets were deleted at the till, 20.00 in all; they do not count', 'how many, and how much money');
SELECT till.quiet_sync();
SELECT is(till.alerts(), 'warning tickets deleted tickets', 'it is open until somebody has looked');
SELECT matches((SELECT hint FROM sambapos.alerts), 'sambapos_reclassify\([0-9]+, ''single delete''\)', 'and what to do');
SELECT is(sambapos_reclassify(event_id, 'single delete'), 5::bigint, 'a person has looked at the ticket and its lines') FROM sambapos._deletion_open;
SELECT till.quiet_sync();
SELECT is(till.alerts(), 'none', 'it is over');

-- and where each id that was lost has been sold again by the next run
CREATE FUNCTION till.restore_before(first integer) RETURNS void LANGUAGE sql AS
$$
  DELETE FROM sambapos_live_shop.orders WHERE ticket_id >= first; DELETE FROM sambapos_live_shop.payments WHERE ticket_id >= first;
  DELETE FROM sambapos_live_shop.ticket_entities WHERE ticket_id >= first; DELETE FROM sambapos_live_shop.tickets WHERE id >= first;
  DELETE FROM sambapos_live_shop.account_transaction_values WHERE account_transaction_document_id >= first;
  DELETE FROM sambapos_live_shop.account_transactions WHERE account_transaction_document_id >= first;
  DELETE FROM sambapos_live_shop.account_transaction_documents WHERE id >= first;
$$;
CREATE FUNCTION till.counted() RETURNS numeric LANGUAGE sql AS $$ SELECT sum(total_amount) FROM sambapos_report.tickets $$;
SELECT till.pass(2);
SELECT till.sell(401, 10, '2026-03-10 17:00');
SELECT till.quiet_sync();
CREATE TABLE till.before AS SELECT till.counted() AS counted;
SELECT till.pass(2);
SELECT till.restore_before(401);
SELECT till.sell(401, 12, '2026-03-10 19:00');
SELECT till.quiet_sync();
SELECT is((SELECT string_agg(message, '; ') FROM sambapos.alerts),
          'an older backup was restored at the till: 10 rows of tickets, 200.00 in all, are known here and not at the till', 'ids that were sold again hide no restore');
SELECT is(till.counted() - (SELECT counted FROM till.before), 240.00, 'both count, as long as nobody says more');
SELECT till.quiet_sync(); SELECT till.quiet_sync('full');
SELECT is(till.alerts(), 'warning restore tickets', 'it is open');
SELECT cmp_ok(sambapos_reclassify(event_id, 'single delete'), '>', 0::bigint, 'they were entered again') FROM sambapos._restore_open;
SELECT is(till.counted() - (SELECT counted FROM till.before), 40.00, 'and count once');
SELECT till.quiet_sync();
SELECT is(till.alerts(), 'none', 'it is over');
SELECT cmp_ok(sambapos_reclassify(event_id, 'restore'), '>', 0::bigint, 'no, they were not') FROM sambapos.source_events WHERE kind = 'single delete' ORDER BY event_id DESC LIMIT 1;
SELECT is(till.counted() - (SELECT counted FROM till.before), 240.00, 'and count again');

-- a restored backup brings its numerators: that is no clear
SELECT till.pass(2);
SELECT till.sell(501, 3, '2026-03-10 21:00'); UPDATE sambapos_live_shop.numerators SET number = number + 3;
SELECT till.quiet_sync();
SELECT till.pass(2);
SELECT till.restore_before(501); UPDATE sambapos_live_shop.numerators SET number = number - 3;
SELECT till.quiet_sync();
SELECT is((SELECT string_agg(message, '; ') FROM sambapos.alerts),
          'an older backup was restored at the till: 3 rows of tickets, 60.00 in all, are known here and not at the till', 'numerators that fell hide no restore');
SELECT cmp_ok(sambapos_reclassify(event_id, 'restore'), '>', 0::bigint, 'a person has looked at it') FROM sambapos._restore_open;
SELECT till.quiet_sync();
SELECT till.heard_words();

-- no word of the source is told
INSERT INTO till.failure VALUES ('GETUTCDATE|sys.databases', '08006', E'the password "hunter2"\n\u0001 of Mr Smith is wrong');
SELECT till.quiet_sync();
SELECT is(till.heard_words(), 'green > amber: run failed', 'a run fails: that is told');
SELECT till.quiet_sync();
SELECT is(till.heard_words(), 'nothing', 'once');
UPDATE till.failure SET sqlstate = '28000';
SELECT sambapos_request_sync('shop');
SELECT throws_ok($$SELECT dblink_exec('ear', 'CALL sambapos_run(''shop'')')$$, 'HV000', NULL, 'a scheduled run is refused');
SELECT is(till.heard_words(), 'amber > red: login refused', 'that is told');
SELECT is((SELECT message FROM sambapos.alerts) LIKE '%hunter2%', true, 'what the source said is in the view alone');
DELETE FROM till.failure;
SELECT till.quiet_sync();
SELECT is(till.heard_words(), 'red > green: in order', 'and its end');
INSERT INTO sambapos.replicated_table (site_id, table_name, source_name, kind, enabled)
SELECT site_id, rpad(E'a\n"\u0001' || i, 50, 'ş'), i::text, 'master', false FROM sambapos.site, generate_series(1000, 1300) AS i;
SELECT till.quiet_sync();
CREATE TEMP TABLE many AS SELECT h FROM till.heard() AS h;
SELECT is((SELECT count(*) FROM many WHERE octet_length(h::text) < 8000 AND h ->> 'reason' LIKE '%; and 296 more'),
          1::bigint, 'hundreds of alerts fit');
SELECT is((SELECT count(*) FROM many WHERE h ->> 'reason' ~ '[[:cntrl:]]'), 0::bigint, 'no control character is told');
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM many, jsonb_object_keys(h) AS k), 'light reason site was', 'these are the keys');
DELETE FROM sambapos.replicated_table WHERE source_name ~ '^1[0-9]{3}$';
SELECT till.quiet_sync();

-- who may see it; and no run fails because it cannot be told
CREATE ROLE sambapos_test_reader;
SELECT sambapos_grant('sambapos_test_reader', 'reader');
GRANT USAGE ON SCHEMA till TO sambapos_test_reader;
SELECT sambapos_configure('shop', 'enabled', 'false');
SET ROLE sambapos_test_reader;
SELECT is((SELECT string_agg(kind, ', ') FROM sambapos.alerts), 'disabled', 'a reader sees them');
RESET ROLE;
SELECT sambapos_configure('shop', 'enabled', 'true');
ALTER FUNCTION sambapos._status_now(integer) RENAME TO _status_now_away;
SET client_min_messages = error;
SELECT is((SELECT string_agg(DISTINCT status, ', ') FROM sambapos_sync('shop')), 'ok', 'a run that cannot tell goes through');
-- the check looks at a server, which may be called otherwise than the site
UPDATE sambapos.site SET server = 'its server';
UPDATE sambapos.site_state SET last_success_at = now() - interval '2 days';
SELECT is((SELECT hint FROM sambapos.alerts WHERE kind = 'old data'), $$SELECT * FROM sambapos_check('its server') WHERE status <> 'ok'$$, 'a hint to check names the server');
SELECT * FROM finish();

SELECT dblink_disconnect('ear');
DROP OWNED BY sambapos_test_reader;
DROP ROLE sambapos_test_reader;
\connect :home
DROP DATABASE alerts;
