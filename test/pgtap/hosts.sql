-- Promise: a host is told by each heartbeat which version there is and whether it has to take everything anew, an order to do
-- so once and never lost; how it stands is seen by the beats that it misses, by the clock of this server; its token is kept
-- as a hash; its role asks its own feed for its own scope, and sees no other host. No site is needed.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE SCHEMA pos;
CREATE TABLE pos.items (id integer PRIMARY KEY, store text, price numeric, picture bytea);
INSERT INTO pos.items VALUES (1, 'a', 1, '\x01'), (2, 'b', 2, '\x02'), (3, NULL, 3, '\x03');
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'pos.items', 'items', scope => 'store', lazy => '{picture}');
CREATE TABLE pos.secret (id integer PRIMARY KEY);
SELECT sambapos_add_feed('other');
SELECT sambapos_add_to_feed('other', 'pos.secret', 'secret');
CALL sambapos_feed_tick();
CREATE ROLE ha; CREATE ROLE hb; CREATE ROLE chief; CREATE ROLE looker; CREATE ROLE stranger;
SELECT sambapos_grant('chief', 'admin'), sambapos_grant('looker', 'reader');
CREATE TABLE pos.kept (host text, token text);
CREATE FUNCTION pos.beat(host text, have bigint, field text DEFAULT 'fullRequired', life uuid DEFAULT NULL) RETURNS text
LANGUAGE sql AS $$ SELECT public.sambapos_heartbeat(host, have, life) ->> field $$;
GRANT USAGE ON SCHEMA pos TO ha, hb, chief, looker, stranger;

-- what can be a host
SELECT throws_ok(format('SELECT sambapos_add_host(%s)', t.arguments), t.state, NULL, 'refused: ' || t.arguments)
FROM (VALUES ($$'Host A', 'pos'$$, '42602'), ($$NULL, 'pos'$$, '42602'), ($$'a', 'bar'$$, '42704'), ($$'a', NULL$$, '42704'), ($$'a', 'pos', 'a', 'nobody_here'$$, '42704')) AS t (arguments, state);
SELECT is_empty('SELECT * FROM sambapos.feed_host', 'what was refused has left nothing');
SET LOCAL ROLE chief;
SELECT lives_ok($$SELECT sambapos_add_host('host_z', 'pos', 'z'), sambapos_remove_host('host_z')$$, 'an admin adds and removes one');
SET LOCAL ROLE looker;
SELECT throws_ok($$SELECT sambapos_add_host('host_z', 'pos', 'z')$$, '42501', NULL, 'a reader does not');
RESET ROLE;
SELECT throws_ok($$SELECT sambapos_remove_host('host_q')$$, '42704', NULL, 'one that is not there');
INSERT INTO pos.kept SELECT h, sambapos_add_host(h, 'pos', right(h, 1), r) FROM (VALUES ('host_a', 'ha'), ('host_b', 'hb')) AS v (h, r);
SELECT throws_ok($$SELECT sambapos_add_host('host_a', 'pos')$$, '42710', NULL, 'a name is one host''s');
SELECT results_eq('SELECT host, feed, scope, role::text, role_exists FROM sambapos.host_bindings ORDER BY 1',
  $$VALUES ('host_a', 'pos', 'a', 'ha', true), ('host_b', 'pos', 'b', 'hb', true)$$, 'the bindings');
SET LOCAL ROLE ha;
SELECT ok(sambapos._feed_describe('pos', NULL, false) IS NOT NULL, 'a host may ask what its tables are like, as sambapos_follow does');
RESET ROLE;

-- tokens
SELECT ok(bool_and(token ~ '^[0-9a-f]{64}$') AND count(DISTINCT token) = 2, '256 bits, each its own') FROM pos.kept;
SELECT is((SELECT count(*) FROM sambapos.host_token AS t JOIN pos.kept AS k ON t.sha256 = sha256(convert_to(k.token, 'UTF8'))), 2::bigint, 'the hash is kept');
SELECT is((SELECT count(*) FROM pos.kept AS k, LATERAL (SELECT query_to_xml(format('SELECT * FROM %s', c.oid::regclass), false, false, '')::text AS content FROM pg_class AS c
           WHERE c.relnamespace = 'sambapos'::regnamespace AND c.relkind = 'r') AS x WHERE strpos(x.content, k.token) > 0), 0::bigint, 'the token is in no table');
SELECT ok(sambapos_check_host('host_a', (SELECT token FROM pos.kept WHERE host = 'host_a')), 'it is known');
SELECT ok(NOT sambapos_check_host(h, t), 'not known: ' || coalesce(h, 'NULL') || coalesce(t, ' NULL'))
FROM (VALUES ('host_a', 'x'), ('host_a', ''), ('host_a', NULL), ('host_q', 'x'), (NULL, NULL), ('host_q', NULL), ('host_q', 'none')) AS v (h, t);
SELECT ok(NOT sambapos_check_host('host_a', (SELECT token FROM pos.kept WHERE host = 'host_b')), 'nor by that of another host');
UPDATE pos.kept SET token = sambapos_renew_token(host) WHERE host = 'host_a' RETURNING length(token) AS renewed \gset
SELECT ok(sambapos_check_host('host_a', (SELECT token FROM pos.kept WHERE host = 'host_a')), 'a new token is known');
SELECT is((SELECT count(*) FROM sambapos.host_token), 2::bigint, 'in place of the one before');

CREATE ROLE web;
GRANT EXECUTE ON FUNCTION sambapos_check_host(text, text) TO web;
GRANT SELECT ON pos.kept TO web, ha;
GRANT USAGE ON SCHEMA pos TO web;
SET LOCAL ROLE web;
SELECT is((SELECT count(*) FROM pos.kept WHERE sambapos_check_host(host, token)), 2::bigint, 'a web tier checks all');
SET LOCAL ROLE ha;
SELECT results_eq('SELECT host FROM pos.kept WHERE sambapos_check_host(host, token)', $$VALUES ('host_a')$$, 'a host its own');
RESET ROLE;

-- the doctor
SELECT is((sambapos._doctor_hosts(NULL)).status, CASE WHEN current_setting('ssl') = 'on' AND current_setting('ssl_min_protocol_version') = 'TLSv1.3' THEN 'ok' ELSE 'warning' END, 'the doctor knows hosts');
SELECT matches((sambapos._doctor_hosts(NULL)).detail, '^2 hosts are registered', 'and counts them');

-- a beat
SELECT results_eq($$SELECT jsonb_object_keys(sambapos_heartbeat('host_a', 1)) ORDER BY 1$$,
  $$SELECT unnest('{fullRequired,incarnation,latestVersion,nextHeartbeatSeconds,reason,serverTime,urgent}'::text[])$$, 'what a beat is told');
SELECT is(pos.beat('host_a', 1, f), v, 'told: ' || f) FROM (VALUES ('fullRequired', 'false'), ('reason', NULL), ('latestVersion', '1'), ('nextHeartbeatSeconds', '30'), ('urgent', 'false')) AS t (f, v);
SELECT is((sambapos_heartbeat('host_a', 1) ->> 'incarnation')::uuid, (sambapos_full_payload('pos', 'a', '{}') ->> 'incarnation')::uuid, 'the life of the feed');
SELECT throws_ok($$SELECT sambapos_heartbeat('host_a', -1)$$, '22023', NULL, 'no version is negative');
SELECT throws_ok($$SELECT sambapos_heartbeat('host_q', 1)$$, '42704', NULL, 'no such host');
SELECT throws_ok(format('SELECT sambapos_heartbeat(''host_a'', 1, NULL, %L)', m), '22023', NULL, 'no metrics: ' || left(m, 20))
FROM unnest(ARRAY['[1]', '"x"', 'null', '{"pendingTransactions": "many"}', '{"pendingTransactions": -1}', '{"pendingTransactions": 1e300}', '{"pendingTransactions": {}}', '{"x": "' || repeat('x', 4000) || '"}']) AS m;
SELECT sambapos_heartbeat('host_a', 1, NULL, '{"cpu": 12.5, "pendingTransactions": 7, "mode": "online"}') AS told \gset
SELECT results_eq('SELECT host, light, behind, pending_transactions, mode, version FROM sambapos.host_status ORDER BY 1',
  $$VALUES ('host_a', 'green', 0::bigint, 7::bigint, 'online', 1::bigint), ('host_b', 'green', 1, NULL, NULL, NULL)$$, 'how they stand');
SELECT lives_ok(format('SELECT sambapos_heartbeat(''host_a'', 1, NULL, %L)', m), 'whatever is in it: ' || m)
FROM unnest(ARRAY['{"mode": 5}', '{"pendingTransactions": null, "mode": []}']) AS m;

-- why everything is to be taken anew: as a delta has it
SELECT is(pos.beat('host_a', t.have, 'reason', t.life), sambapos_delta_payload('pos', t.have, 'a', NULL, t.life) ->> 'reason', 'the same reason: ' || t.what)
FROM (VALUES ('no position', NULL::bigint, NULL::uuid), ('too high', 99, NULL), ('another life', 1, gen_random_uuid()), ('none', 1, NULL)) AS t (what, have, life);
SELECT is(pos.beat('host_a', t.have, 'fullRequired', t.life), 'true', 'required: ' || t.what)
FROM (VALUES ('no position', NULL::bigint, NULL::uuid), ('too high', 99, NULL), ('another life', 1, gen_random_uuid())) AS t (what, have, life);
UPDATE sambapos.feed_state SET min_version = 1 FROM sambapos.change_feed AS f WHERE f.feed_id = feed_state.feed_id AND f.name = 'pos';
SELECT is(pos.beat('host_a', 0), 'true', 'required: kept no longer');
UPDATE sambapos.feed_state SET min_version = 0;

-- by order, once, and never lost
SELECT sambapos_force_full('host_a');
SELECT results_eq($$SELECT pos.beat('host_b', 1) UNION ALL SELECT pos.beat('host_a', 1) UNION ALL SELECT pos.beat('host_a', 1)$$, $$VALUES ('false'), ('true'), ('false')$$, 'told to its host, once');
SELECT sambapos_force_full('host_a'), sambapos_force_full('host_a');
SELECT matches(pos.beat('host_a', 1, 'reason'), 'administrator', 'ordered twice: told');
SELECT is(pos.beat('host_a', 1), 'false', 'once');
SELECT sambapos_force_full('host_a');
SELECT is(pos.beat('host_a', NULL, 'reason'), 'no position was given', 'told for another reason');
SELECT is(pos.beat('host_a', 1), 'false', 'it is one full');
UPDATE sambapos.host_state SET have_incarnation = gen_random_uuid();
SELECT results_eq($$SELECT pos.beat('host_a', 1) UNION ALL SELECT pos.beat('host_a', 1)$$, $$VALUES ('true'), ('false')$$, 'a restored database is another life, also for a host that does not say which it had');
SELECT sambapos_force_full('host_a');
SAVEPOINT undone;
SELECT is(pos.beat('host_a', 1), 'true', 'told in what is undone');
ROLLBACK TO undone;
SELECT is(pos.beat('host_a', 1), 'true', 'is told again');
SELECT is(pos.beat('host_a', 1), 'false', 'and once');
SELECT throws_ok($$SELECT sambapos_force_full('host_q')$$, '42704', NULL, 'of a host that is there');
SELECT lives_ok($$SELECT sambapos_remove_host('host_b'); SELECT sambapos_add_host('host_b', 'pos', 'b', 'hb')$$, 'removed and added again');
SELECT results_eq($$SELECT pos.beat('host_b', 1) UNION ALL SELECT pos.beat('host_b', 1)$$, $$VALUES ('true'), ('false')$$, 'it takes everything anew');

-- urgent
SELECT sambapos_add_urgent_rule('pos', 'free', 'items', condition => 'r.price = 0');
UPDATE pos.items SET price = 0 WHERE id = 2;
CALL sambapos_feed_tick();
SELECT results_eq($$SELECT h, pos.beat(h, v, 'urgent') FROM (VALUES ('host_a', 1), ('host_b', 1), ('host_b', 2)) AS t (h, v)$$, $$VALUES ('host_a', 'false'), ('host_b', 'true'), ('host_b', 'false')$$, 'an urgent change of its scope, since what it has');

-- lights, by missed beats
CREATE FUNCTION pos.silent(seconds integer) RETURNS text LANGUAGE sql AS
$$ UPDATE sambapos.host_state SET last_seen_at = clock_timestamp() - make_interval(secs => seconds) WHERE host_id = (SELECT host_id FROM sambapos.feed_host WHERE name = 'host_a');
   SELECT light || coalesce((SELECT ' ' || severity || ' ' || kind FROM sambapos.alerts WHERE message LIKE '%host_a%'), '')
          || ' ' || (SELECT value FROM sambapos.metrics WHERE name = 'sambapos_host_up' AND labels ->> 'host' = 'host_a') FROM sambapos.host_status WHERE host = 'host_a' $$;
SELECT is(pos.silent(s), l, s || ' seconds') FROM (VALUES (0, 'green 1'), (55, 'green 1'), (65, 'amber 1'), (145, 'amber 1'), (155, 'red critical host silent 0'), (-100, 'green 1')) AS t (s, l);
SELECT is(sambapos_configure('pos', 'heartbeat_interval', '1 hour'), '1 hour', 'an interval of the feed''s');
SELECT is(pos.silent(155), 'green 1', 'lights go by it');
SELECT is(pos.beat('host_a', 1, 'nextHeartbeatSeconds'), '3600', 'and hosts are told');
SELECT throws_ok($$SELECT sambapos_configure('pos', 'heartbeat_interval', '0')$$, '22023', NULL, 'not 0');
SELECT sambapos_configure('pos', 'heartbeat_interval', NULL);
SELECT is(pos.silent(155), 'red critical host silent 0', 'silent');
SELECT pos.beat('host_a', 1);
SELECT is((SELECT light FROM sambapos.host_status WHERE host = 'host_a'), 'green', 'it comes back by itself');
SELECT is_empty($$SELECT * FROM sambapos.alerts WHERE kind = 'host silent'$$, 'and the alert ends');

-- sizes
SELECT count(sambapos_heartbeat('host_a', 1, NULL, jsonb_build_object('n', n))) AS beats FROM generate_series(1, 300) AS n \gset
SELECT is((SELECT count(*) FROM sambapos.host_metrics WHERE host = 'host_a'), 120::bigint, 'the ring has 120 slots');
SELECT is((SELECT array_agg((metrics ->> 'n')::integer ORDER BY beat_at) FROM (SELECT * FROM sambapos.host_metrics WHERE host = 'host_a' ORDER BY beat_at DESC LIMIT 3) AS l), '{298,299,300}', 'of the last beats');
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid IN ('sambapos.host_state'::regclass, 'sambapos.host_beat'::regclass)), 2::bigint, 'what a beat writes has no index but the keys');

-- what a host's role may and sees
SET LOCAL ROLE ha;
SELECT results_eq('SELECT host FROM sambapos.host_status', $$VALUES ('host_a')$$, 'its own host');
SELECT results_eq('SELECT host, scope FROM sambapos.host_bindings', $$VALUES ('host_a', 'a')$$, 'its own binding');
SELECT results_eq('SELECT DISTINCT host FROM sambapos.host_metrics', $$VALUES ('host_a')$$, 'its own metrics');
SELECT lives_ok($$SELECT pos.beat('host_a', 1)$$, 'it sends heartbeats');
SELECT throws_ok(format('SELECT %s', c), '42501', NULL, 'not: ' || c)
FROM unnest(ARRAY['sambapos_heartbeat(''host_b'', 1)', 'sambapos_heartbeat(''host_q'', 1)', 'sambapos_force_full(''host_a'')', 'sambapos_renew_token(''host_a'')', 'sambapos_remove_host(''host_a'')',
                  'sambapos_add_host(''host_c'', ''pos'')', 'sambapos_full_payload(''pos'')', 'sambapos_full_payload(''pos'', ''b'')', 'sambapos_delta_payload(''pos'', 0)', 'sambapos_delta_payload(''pos'', 0, ''b'')',
                  'count(*) FROM sambapos_changes(''pos'', 0)', 'count(*) FROM sambapos_changes(''pos'', 0, ''b'')', 'count(*) FROM sambapos_check_for_updates(''pos'', 0)', 'count(*) FROM sambapos_full_rows(''pos'', ''items'')',
                  'count(*) FROM sambapos_full_rows(''pos'', ''items'', ''b'')', '* FROM sambapos_receive(''host_b'', gen_random_uuid(), ''items'', ''[]'')', 'count(*) FROM sambapos.host_token', 'count(*) FROM sambapos.feeds',
                  'count(*) FROM sambapos.change', 'count(*) FROM sambapos.host_former', 'count(*) FROM sambapos.host_batch', 'count(*) FROM sambapos.receive_policy']) AS c;
SELECT throws_ok(format('SELECT %s', c), '42704', NULL, 'there is no: ' || c)
FROM unnest(ARRAY['sambapos_full_payload(''other'', ''a'')', 'sambapos_delta_payload(''other'', 0)', 'sambapos_wait_for_change(''other'', 0, ''0'')']) AS c;
SELECT is(sambapos_full_payload('pos', 'a') #>> '{items,1,id}', '3', 'it asks for its scope: its own rows, and everybody''s');
SELECT is(jsonb_array_length(sambapos_full_payload('pos', 'a') -> 'items'), 2, 'and no other');
SELECT is(sambapos_delta_payload('pos', 1, 'a') ->> 'changes', '[]', 'a delta of its scope');
SELECT is(sambapos_wait_for_change('pos', 0, '0'), 2::bigint, 'versions');
SELECT results_eq($$SELECT id, sambapos_value('pos', 'items', to_jsonb(id), 'picture') #>> '{}' FROM generate_series(1, 4) AS id$$, $$VALUES (1, 'AQ=='), (2, NULL), (3, 'Aw=='), (4, NULL)$$, 'one value, of a row that it has');
SELECT ok(NOT sambapos_check_host('host_b', 'x'), 'tokens of others it cannot try');
SET LOCAL ROLE looker;
SELECT results_eq('SELECT host FROM sambapos.host_status ORDER BY 1', $$VALUES ('host_a'), ('host_b')$$, 'a reader sees all hosts');
SELECT is_empty('SELECT * FROM sambapos.host_token', 'and no token''s hash');
SELECT throws_ok($$SELECT sambapos_heartbeat('host_a', 1)$$, '42501', NULL, 'and sends nothing for one');
SET LOCAL ROLE stranger;
SELECT throws_ok('SELECT * FROM sambapos.host_status', '42501', NULL, 'a role without a level sees none');
SET LOCAL ROLE chief;
SELECT is_empty('SELECT * FROM sambapos.host_token', 'nor does an admin');
SELECT throws_ok(format('INSERT INTO sambapos.%s DEFAULT VALUES', t), '42501', NULL, 'an admin writes nothing to ' || t)
FROM unnest('{feed_host,host_token,host_state,host_full,host_beat,host_former,host_granted,receive_policy,host_batch,conflict}'::text[]) AS t;
RESET ROLE;
GRANT ha TO hb;
SET LOCAL ROLE hb;
SELECT results_eq('SELECT host FROM sambapos.host_status ORDER BY 1', $$VALUES ('host_a'), ('host_b')$$, 'a member of two sees two');
SELECT throws_ok($$SELECT sambapos_full_payload('pos')$$, '42501', NULL, 'but not all');
RESET ROLE;
REVOKE ha FROM hb;

-- what was granted is taken back, and no more
CREATE FUNCTION pos.may(role name) RETURNS text[] LANGUAGE sql STABLE AS
$$ SELECT coalesce(array_agg(x ORDER BY x), '{}') FROM (
     SELECT p.oid::regprocedure::text FROM pg_proc AS p CROSS JOIN aclexplode(p.proacl) AS a WHERE a.grantee = role::regrole
     UNION ALL SELECT c.oid::regclass::text FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a WHERE a.grantee = role::regrole AND c.relnamespace = 'sambapos'::regnamespace
     UNION ALL SELECT n.nspname FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS a WHERE a.grantee = role::regrole AND n.nspname <> 'pos') AS t (x) $$;
CREATE ROLE twin; CREATE ROLE late;
GRANT EXECUTE ON FUNCTION sambapos_full_payload(text, text, text[]) to twin;
SELECT sambapos_add_consumer('ledger', 'pos', '{items}', role => 'twin');
CREATE TABLE pos.before AS SELECT pos.may('twin') AS twin, pos.may('looker') AS looker;
SELECT sambapos_add_host('x1', 'pos', 'a', 'twin'), sambapos_add_host('x2', 'pos', 'b', 'twin'), sambapos_add_host('x3', 'pos', 'b', 'looker'), sambapos_add_host('x4', 'pos', 'b', 'late');
SELECT sambapos_remove_host('x1');
SET LOCAL ROLE twin;
SELECT results_eq('SELECT host FROM sambapos.host_status', $$VALUES ('x2')$$, 'another host of the role goes on');
SET LOCAL ROLE looker;
SELECT is(jsonb_array_length(sambapos_full_payload('pos') -> 'items'), 3, 'a reader who is a host reads on');
RESET ROLE;
SELECT sambapos_grant('late', 'reader'), sambapos_remove_host('x2'), sambapos_remove_host('x3'), sambapos_remove_host('x4');
SELECT is(pos.may('twin'), (SELECT twin FROM pos.before), 'what a consumer''s role had, and what it was granted, it has');
SELECT is(pos.may('looker'), (SELECT looker FROM pos.before), 'what a reader had he has');
SELECT is(pos.may('late'), (SELECT looker FROM pos.before), 'also one who became a reader later');
SELECT is_empty('SELECT * FROM sambapos.host_granted WHERE role_name <> ALL (''{ha,hb}'')', 'nothing is left');
SELECT sambapos_add_host('x5', 'pos', 'a', 'twin');
SELECT sambapos_remove_consumer('ledger');
SET LOCAL ROLE twin;
SELECT lives_ok($$SELECT pos.beat('x5', 1)$$, 'a host''s role that is no consumer''s any more works on') FROM (SELECT 1) AS t WHERE has_schema_privilege('pos', 'USAGE');
SELECT isnt_empty($$SELECT sambapos_heartbeat('x5', 1)$$, 'a beat of it');
RESET ROLE;

-- a role that was granted functions of feeds is a host's from then on (a notice says so, which no test here reads)
CREATE ROLE wide;
GRANT EXECUTE ON FUNCTION sambapos_full_payload(text, text, text[]) TO wide;
SELECT sambapos_add_host('x6', 'pos', 'a', 'wide');
SET LOCAL ROLE wide;
SELECT throws_ok($$SELECT sambapos_full_payload('pos')$$, '42501', NULL, 'it asks for its own scope only');
RESET ROLE;
SELECT sambapos_remove_host('x6');

-- names
ALTER ROLE ha RENAME TO ha2;
SET LOCAL ROLE ha2;
SELECT throws_ok($$SELECT sambapos_heartbeat('host_a', 1)$$, '42501', NULL, 'a role of another name is another');
SELECT throws_ok($$SELECT sambapos_full_payload('pos', 'a')$$, '42704', NULL, 'which is shown no feed');
SELECT throws_ok($$SELECT sambapos_full_payload('other')$$, '42704', NULL, 'none at all');
RESET ROLE;
SELECT is((SELECT role_exists FROM sambapos.host_bindings WHERE host = 'host_a'), false, 'the binding says so');
ALTER ROLE ha2 RENAME TO ha;

-- a feed that goes
SELECT lives_ok($$SELECT sambapos_remove_feed('pos')$$, 'a feed is removed with its hosts, as with its consumers');
SELECT is_empty('SELECT * FROM sambapos.host_status', 'they are gone');
SELECT is((sambapos._doctor_hosts(NULL)).status, 'ok', 'without hosts the doctor has nothing to say');
SET LOCAL ROLE ha;
SELECT throws_ok($$SELECT sambapos_full_payload('other')$$, '42501', NULL, 'and their roles are shown nothing');
RESET ROLE;
SELECT is(pos.may('ha') || pos.may('hb'), '{}', 'what they were granted is taken back');
SELECT is_empty($$SELECT format('%s', c.oid::regclass) FROM pg_class AS c WHERE c.relnamespace = 'sambapos'::regnamespace AND c.relname LIKE 'host%' AND c.relkind = 'r' AND c.relname <> 'host_former'
                  AND (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', c.oid::regclass), false, true, '')))[1]::text <> '0'$$, 'nothing of them is left');
SELECT * FROM finish();
ROLLBACK;
