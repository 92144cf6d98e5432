-- Promise: PUBLIC may call nothing that writes or reaches a source and sees nothing of the catalog; every
-- object says what it is; no replica object is a member of the extension; what is state is dumped.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pgtap;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
SELECT plan(12);

CREATE TEMP VIEW member AS
  SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
  FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
  WHERE d.deptype = 'e' AND e.extname = 'sambapos_fdw';

CREATE ROLE sambapos_test_nobody;
SELECT cmp_ok((SELECT count(*) FROM member), '>', 100::bigint, 'the members are found');
SELECT is((SELECT string_agg(m.name, ', ') FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
           WHERE has_function_privilege('sambapos_test_nobody', p.oid, 'EXECUTE')
             AND p.proname NOT IN ('sambapos_fdw_handler', 'sambapos_fdw_validator', 'sambapos_fdw_version')),
          NULL, 'PUBLIC may execute nothing but handler, validator and version');
SELECT is((SELECT string_agg(m.name, ', ') FROM member AS m JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
           WHERE c.relkind IN ('r', 'v') AND has_table_privilege('sambapos_test_nobody', c.oid, 'SELECT, INSERT, UPDATE, DELETE')),
          NULL, 'PUBLIC sees no table or view');
SELECT ok(NOT has_schema_privilege('sambapos_test_nobody', 'sambapos', 'USAGE'), 'PUBLIC may not use schema sambapos');
SELECT ok(NOT has_foreign_data_wrapper_privilege('sambapos_test_nobody', 'sambapos_fdw', 'USAGE'), 'PUBLIC may make no server');

SELECT is((SELECT string_agg(m.name, ', ') FROM member AS m
           WHERE obj_description(m.objid, (SELECT relname FROM pg_class WHERE oid = m.classid)) IS NULL
             AND m.classid IN ('pg_proc'::regclass, 'pg_namespace'::regclass, 'pg_foreign_data_wrapper'::regclass)
              OR m.classid = 'pg_class'::regclass AND obj_description(m.objid, 'pg_class') IS NULL
                 AND (SELECT relkind FROM pg_class WHERE oid = m.objid) IN ('r', 'v')),
          NULL, 'every function, table, view and schema has a comment');
SELECT is((SELECT string_agg(m.name, ', ' ORDER BY m.name) FROM member AS m JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
           WHERE c.relkind IN ('r', 'S') AND c.oid <> ALL ((SELECT extconfig FROM pg_extension WHERE extname = 'sambapos_fdw')::oid[])),
          'table sambapos.payments_rollup, table sambapos.rollup_state, table sambapos.sales_rollup', 'every table and sequence is dumped but the rollup, which runs work out anew');
SELECT is((SELECT sum(count) FROM (SELECT (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %s', c), false, true, '')))[1]::text::bigint AS count
           FROM pg_extension AS e, unnest(e.extconfig) AS o (oid) JOIN pg_class AS k ON k.oid = o.oid AND k.relkind = 'r' CROSS JOIN LATERAL (SELECT k.oid::regclass AS c) AS c
           WHERE e.extname = 'sambapos_fdw') AS n), 0::numeric, 'the install script puts no row into them');
SELECT is((SELECT string_agg(name, ', ') FROM member WHERE name ~ '(schema sambapos_replica|schema sambapos_live|sambapos_replica\.|sambapos_live_[a-z0-9_]+\.)'), NULL, 'nothing of replica or live tables is a member');
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ') FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
           WHERE p.proname NOT IN ('sambapos_run', '_run_due', '_run_parts', '_tick', 'sambapos_backfill', '_backfill_run', '_chunks_run', 'sambapos_pull') AND p.prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('sql', 'plpgsql'))
             AND 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(p.proconfig, '{}'))),
          NULL, 'every routine pins its search_path, but the procedures that commit (make lint looks at them)');
SELECT is((SELECT string_agg(p.oid::regprocedure::text, ', ') FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
           WHERE p.prosecdef AND p.proname NOT IN ('sambapos_changes', 'sambapos_check_for_updates', 'sambapos_wait_for_change', 'sambapos_full_payload',
                                                   'sambapos_full_rows', 'sambapos_delta_payload', 'sambapos_value', '_feed_describe',
                                                   '_feed_add', '_preset_add_all', '_feed_take_off', '_feed_remove', '_urgent_add', '_urgent_remove',
                                                   '_consumer_enter', '_consumer_remove', '_delivery_next', '_delivery_end', '_delivery_fail', '_delivery_retry',
                                                   '_delivery_name', '_stream_read', '_stream_end', '_consumer_shown_ids', '_consumer_facts',
                                                   'sambapos_check_host', '_host_shown_ids', '_host_facts', '_host_enter', '_host_remove', '_host_beat',
                                                   '_host_receive', '_token_renew', '_full_force', '_policy_set', '_conflict_is_shown',
                                                   '_feed_tick', '_feed_tick_site', '_feed_site_table_changed', '_feed_site_number_changed', '_feed_forget_site')),
          NULL, 'no function runs with its owner''s rights, but those of feeds, consumers and hosts');

SELECT is((SELECT string_agg(m.name, ', ') FROM member AS m
           LEFT JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
           LEFT JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
           WHERE coalesce(c.relnamespace, p.pronamespace) NOT IN ('sambapos'::regnamespace, 'sambapos_report'::regnamespace, (SELECT extnamespace FROM pg_extension WHERE extname = 'sambapos_fdw'))
              OR c.relnamespace = (SELECT extnamespace FROM pg_extension WHERE extname = 'sambapos_fdw')), NULL, 'nothing is made anywhere else');
SELECT * FROM finish();
ROLLBACK;
