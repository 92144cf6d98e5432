-- Promise: what is called from outside, by PostgREST and others, stays as it is: names, arguments in their order, defaults,
-- results. What asks is STABLE, so that PostgREST takes it by GET, and runs in a read-only transaction; an answer that is one
-- JSON value is one jsonb.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT no_plan();

CREATE TEMP TABLE wanted (name text, volatility text, arguments text, result text);
INSERT INTO wanted VALUES
  ('sambapos_add_feed', 'v', 'feed text', 'void'),
  ('sambapos_remove_feed', 'v', 'feed text', 'void'),
  ('sambapos_add_to_feed', 'v', 'feed text, relation regclass, entity text DEFAULT NULL::text, key name[] DEFAULT NULL::name[], scope name DEFAULT NULL::name, '
     'columns name[] DEFAULT NULL::name[], lazy name[] DEFAULT NULL::name[], capture text DEFAULT ''statement''::text, payload_key text DEFAULT NULL::text', 'void'),
  ('sambapos_remove_from_feed', 'v', 'feed text, entity text', 'void'),
  ('sambapos_changes', 's', 'feed text, since bigint, scope text DEFAULT NULL::text, entities text[] DEFAULT NULL::text[], max_rows integer DEFAULT 1000, '
     'incarnation uuid DEFAULT NULL::uuid',
     'TABLE(version bigint, entity text, key jsonb, operation text, data jsonb, changed_columns text[], changed_at timestamp with time zone, changed_by text)'),
  ('sambapos_check_for_updates', 's', 'feed text, since bigint, scope text DEFAULT NULL::text, entities text[] DEFAULT NULL::text[]',
     'TABLE(entity text, changes bigint, latest_version bigint)'),
  ('sambapos_wait_for_change', 'v', 'feed text, since bigint, timeout interval DEFAULT ''00:00:25''::interval', 'bigint'),
  ('sambapos_full_payload', 's', 'feed text, scope text DEFAULT NULL::text, entities text[] DEFAULT NULL::text[]', 'jsonb'),
  ('sambapos_full_rows', 's', 'feed text, entity text, scope text DEFAULT NULL::text, after jsonb DEFAULT NULL::jsonb, page_rows integer DEFAULT 1000',
     'TABLE(key jsonb, data jsonb)'),
  ('sambapos_delta_payload', 's', 'feed text, since bigint, scope text DEFAULT NULL::text, entities text[] DEFAULT NULL::text[], incarnation uuid DEFAULT NULL::uuid', 'jsonb'),
  ('sambapos_value', 's', 'feed text, entity text, key jsonb, column_name name, unless_sha256 text DEFAULT NULL::text', 'jsonb'),
  ('sambapos_feed_tick', 'v', 'IN feed text DEFAULT NULL::text', NULL),
  ('sambapos_add_urgent_rule', 'v', 'feed text, rule text, entity text, columns name[] DEFAULT NULL::name[], condition text DEFAULT NULL::text', 'void'),
  ('sambapos_remove_urgent_rule', 'v', 'feed text, rule text', 'void');
SELECT is((SELECT array_agg(concat_ws(' | ', p.provolatile, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)))
           FROM pg_proc AS p JOIN pg_extension AS x ON x.extname = 'sambapos_fdw' AND x.extnamespace = p.pronamespace WHERE p.proname = w.name),
          ARRAY[concat_ws(' | ', w.volatility, w.arguments, w.result)], w.name || ' is as it was, and there once')
FROM wanted AS w;

CREATE TABLE item (id integer PRIMARY KEY, name text, image bytea);
SELECT sambapos_add_feed('calls') AS added \gset
SELECT sambapos_add_to_feed('calls', 'item', lazy => '{image}') AS added \gset
INSERT INTO item VALUES (1, 'tea', '\x01');
CALL sambapos_feed_tick('calls');
CREATE ROLE web;
SELECT sambapos_grant('web', 'reader') AS granted \gset
SELECT sambapos_full_payload('calls') ->> 'incarnation' AS life \gset

-- As PostgREST does: the role of who asks, a transaction that writes nothing, arguments by name, all of them text of a URL.
SET LOCAL ROLE web;
SET LOCAL transaction_read_only = on;
SELECT lives_ok(format('SELECT %s', call), 'by name, in a read-only transaction: ' || split_part(call, '(', 1))
FROM unnest(ARRAY['sambapos_full_payload(feed => ''calls'')', 'sambapos_delta_payload(feed => ''calls'', since => ''0'')',
                  'sambapos_changes(feed => ''calls'', since => ''0'', max_rows => ''10'')', 'sambapos_check_for_updates(feed => ''calls'', since => ''0'')',
                  'sambapos_full_rows(feed => ''calls'', entity => ''item'', page_rows => ''10'')',
                  'sambapos_value(feed => ''calls'', entity => ''item'', key => ''1'', column_name => ''image'')']) AS call;
SELECT is(sambapos_full_payload(feed => 'calls') -> 'item' -> 0 ->> 'name', 'tea', 'one JSON value has everything');
SELECT is(jsonb_typeof(sambapos_delta_payload(feed => 'calls', since => 0, incarnation => :'life')), 'object', 'and so is what is new an object');
SELECT is((SELECT count(*) FROM sambapos_full_payload(feed => 'calls')), 1::bigint, 'in one row');
SELECT * FROM finish();
ROLLBACK;
