-- Promise: a role with a level for one site sees that site and no other: in no table, view, status, metric, run, alert or
-- function result is a value of another site, whatever relation or function comes to be; all others see what they saw.
BEGIN;
\ir seam.psql
SELECT no_plan();

SELECT till.sell(1, 10);
SELECT till.quiet_sync() AS quiet \gset
SELECT sambapos_request_sync('shop') AS asked \gset

-- Another site: of each table of ours the first one's rows once more, every text that may be one a secret of its own;
-- a row that is made up where the first one has none.
INSERT INTO sambapos.site (name, server, external_id) VALUES ('zzother', 'zzserver', 'zzsecret');
SELECT s.site_id AS other FROM sambapos.site AS s WHERE s.name = 'zzother' \gset
SELECT s.site_id AS shop FROM sambapos.site AS s WHERE s.name = 'shop' \gset
CREATE FUNCTION till.made_up(a pg_attribute) RETURNS jsonb LANGUAGE sql AS
$$
  SELECT CASE WHEN a.attname = 'ids' THEN '"{[1,5)}"' WHEN k.word IS NOT NULL THEN to_jsonb(k.word)
              WHEN t.typname IN ('text', 'name') THEN '"zzsecret"'
              WHEN t.typname = 'jsonb' THEN '{}' WHEN t.typname = 'bool' THEN 'false'
              WHEN t.typname = 'uuid' THEN '"00000000-0000-0000-0000-000000000001"'
              WHEN t.typcategory = 'N' THEN '1' WHEN t.typcategory = 'A' THEN CASE a.attname WHEN 'entities' THEN '["zzsecret"]'::jsonb ELSE '[]' END
              WHEN t.typcategory = 'T' THEN '"1 hour"' ELSE '"2026-03-01"' END
  FROM pg_type AS t
  LEFT JOIN LATERAL (SELECT (regexp_match(pg_get_constraintdef(c.oid), $q$'([^':]+)'::text$q$))[1] AS word FROM pg_constraint AS c
                     WHERE c.conrelid = a.attrelid AND c.contype = 'c' AND a.attnum = ANY (c.conkey)
                       AND pg_get_constraintdef(c.oid) !~ ' ~ ' LIMIT 1) AS k ON true
  WHERE t.oid = a.atttypid
$$;
CREATE FUNCTION till.copy(relation regclass, other integer, shop integer) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
  patch jsonb := (SELECT coalesce(jsonb_object_agg(a.attname, CASE
                    WHEN a.attname = 'site_id' THEN to_jsonb(other)
                    WHEN a.attname = 'site' THEN '"zzother"'
                    WHEN relation::text LIKE 'sambapos_replica.%' OR a.attname IN ('message', 'last_error', 'reason', 'detail') THEN '"zzsecret"'
                    ELSE '1000001' END), '{}')
                  FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.attgenerated <> ''
                    AND (a.attname IN ('site_id', 'site', 'message', 'last_error', 'reason', 'detail') OR a.attidentity <> '' OR a.attname IN ('run_id', 'feed_id', 'archive_id', 'entity_id', 'consumer_id', 'host_id') AND NOT EXISTS (SELECT FROM pg_attribute AS s WHERE s.attrelid = relation AND s.attname = 'site_id')
                         OR relation::text LIKE 'sambapos_replica.%' AND a.atttypid = 'text'::regtype AND a.attname <> 'row_state'));
  made jsonb := (SELECT jsonb_object_agg(a.attname, till.made_up(a)) FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '');
  own jsonb := replace(made::text, 'zzsecret', 'open')::jsonb || CASE WHEN patch ? 'site_id' THEN jsonb_build_object('site_id', shop) WHEN patch ? 'site' THEN '{"site": "shop"}' ELSE '{}' END;
  copied bigint;
BEGIN
  EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM (SELECT (jsonb_populate_record(NULL::%1$s, to_jsonb(t) || $1)).* FROM %1$s AS t) AS r ON CONFLICT DO NOTHING', relation,
                 (SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')) USING patch;
  GET DIAGNOSTICS copied = ROW_COUNT;
  IF copied = 0 THEN
    EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1)', relation, (SELECT string_agg(quote_ident(k), ', ') FROM jsonb_object_keys(made || patch) AS k))
      USING made || patch;
    EXECUTE format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, $1)', relation, (SELECT string_agg(quote_ident(k), ', ') FROM jsonb_object_keys(own) AS k))
      USING own;
    copied := 1;
  END IF;
  RETURN copied;
END;
$$;
CREATE TEMP TABLE ours AS
SELECT c.oid::regclass AS relation, c.relkind, EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname IN ('site_id', 'site', 'run_id', 'feed_id', 'archive_id', 'consumer_id', 'host_id') AND NOT a.attisdropped) AS has_sites
FROM pg_class AS c WHERE c.relnamespace IN ('sambapos'::regnamespace, 'sambapos_replica'::regnamespace, 'sambapos_report'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f');
GRANT SELECT ON ours TO PUBLIC;
SELECT is((SELECT string_agg(relation::text, ', ') FROM ours WHERE relkind = 'r' AND has_sites AND relation <> 'sambapos.site'::regclass AND till.copy(relation, :other, :shop) = 0), NULL, 'each table with sites has rows of the other one');
SELECT is((SELECT string_agg(relation::text, ' ' ORDER BY relation::text) FROM ours WHERE relkind <> 'v' AND NOT has_sites),
          'sambapos.deferred_index sambapos.follow sambapos.follow_state sambapos.follow_table sambapos.global_setting sambapos.host_granted sambapos.replica_column sambapos.replica_name sambapos.role_grant',
          'these have none: what is followed, settings of all sites, what roles were granted, names of tables that all sites share, and the levels, of which a role sees its own');
INSERT INTO sambapos.follow (name, server, feed, target_schema) VALUES ('zzfollow', 'zzserver', 'zzfeed', 'zzschema');
INSERT INTO sambapos.follow_state (follow_id, problem) SELECT follow_id, 'zzproblem' FROM sambapos.follow;
INSERT INTO sambapos.follow_table SELECT follow_id, 'zzentity', 'zztable', '{}', true, '', true FROM sambapos.follow;

CREATE ROLE sambapos_test_one;
CREATE ROLE sambapos_test_all;
CREATE ROLE sambapos_test_member IN ROLE sambapos_test_one;
CREATE ROLE sambapos_test_plain;
GRANT USAGE ON SCHEMA till TO sambapos_test_one, sambapos_test_all, sambapos_test_member, sambapos_test_plain;

-- what a role sees of the other site, relation by relation
CREATE FUNCTION till.sees(pattern text) RETURNS TABLE (relation text, rows bigint) LANGUAGE plpgsql AS
$$
DECLARE
  o record;
BEGIN
  FOR o IN SELECT * FROM ours ORDER BY 1 LOOP
    EXECUTE format('SELECT count(*) FROM %s AS r WHERE to_jsonb(r)::text ~ $1', o.relation) INTO rows USING pattern;
    relation := o.relation;
    IF rows > 0 THEN RETURN NEXT; END IF;
  END LOOP;
END;
$$;
SELECT format('zz|"site_id": %s\M|"(run|feed|archive|consumer|host)_id": 1000001\M', :other) AS other_sites \gset
CREATE TEMP TABLE of_owner AS SELECT * FROM till.sees(:'other_sites');
GRANT SELECT ON of_owner TO PUBLIC;
SELECT is((SELECT string_agg(relation::text, ', ') FROM ours WHERE relkind = 'r' AND has_sites AND relation::text NOT IN (SELECT relation FROM of_owner)), NULL, 'the owner sees it in each table');
SELECT is((SELECT string_agg(r, ', ') FROM unnest('{alerts,metrics,settings,table_status,differences,inconsistent,personal_columns,_place,_table}'::text[]) AS r
           WHERE 'sambapos.' || r NOT IN (SELECT relation FROM of_owner)), NULL, 'in each view that tells of sites');
SELECT cmp_ok((SELECT count(*) FROM of_owner WHERE relation LIKE 'sambapos_report.%'), '>=', 10::bigint, 'and in the reports');

SELECT sambapos_grant('sambapos_test_all', 'reader');
SELECT sambapos_grant('sambapos_test_one', 'reader', '{shop}');
GRANT USAGE ON SCHEMA sambapos, sambapos_replica TO sambapos_test_plain;
GRANT SELECT ON ALL TABLES IN SCHEMA sambapos, sambapos_replica, sambapos_report TO sambapos_test_plain;

SET LOCAL ROLE sambapos_test_one;
SELECT is((SELECT string_agg(format('%s (%s)', relation, rows), ', ') FROM till.sees(:'other_sites')), NULL, 'a reader of one site sees nothing of the other, in no relation');
SELECT is((SELECT string_agg(relation, ', ') FROM of_owner WHERE relation <> ALL ('{sambapos.role_grant,sambapos.host_token,sambapos.conflict,sambapos.conflicts}') AND relation !~ '^sambapos._?follow' AND relation NOT IN (SELECT relation FROM till.sees(format('"shop"|"open"|"site_id": %s\M|"(run|feed|archive|consumer|host)_id": [0-9]{1,6}\M', :shop)))
           AND relation <> 'sambapos_report.json_problems'), NULL, 'and the own one in each of them, but for broken JSON, of which it has none, and what not every reader may see');
SELECT results_eq('SELECT site FROM sambapos_status()', ARRAY['shop'], 'its status only');
SELECT results_eq('SELECT DISTINCT labels ->> ''site'' FROM sambapos.metrics WHERE labels ? ''site''', ARRAY['shop'], 'its metrics only');
SELECT results_eq('SELECT count(*) FROM sambapos_replica.tickets', ARRAY[10::bigint], 'its rows');
SELECT throws_like($$SELECT sambapos_status('zzother')$$, 'there is no site named "zzother"', 'the other is not there, for it');
SELECT throws_like('SELECT sambapos_request(1000001)', 'there is no request 1000001', 'nor are its requests');
SELECT results_eq('SELECT role, level, sites FROM sambapos.grants', $$VALUES ('sambapos_test_one', 'reader', '{shop}'::text[])$$, 'and of the levels its own');
SELECT throws_ok(format(c, 'zzsecret'), '42704', 'there is no feed named "zzsecret"', format(c, 'zzsecret') || ': nor is its feed')
FROM unnest(ARRAY['SELECT sambapos_full_payload(%L)', 'SELECT * FROM sambapos_changes(%L::text, 0)', 'SELECT sambapos_delta_payload(%L::text, 0)', 'SELECT * FROM sambapos_check_for_updates(%L::text, 0)', 'SELECT * FROM sambapos_full_rows(%L::text, NULL)']) AS c;
SELECT lives_ok($$SELECT sambapos_full_payload('open', NULL, '{}')$$, 'its own feed answers');
SET LOCAL ROLE sambapos_test_member;
SELECT throws_ok($$SELECT sambapos_full_payload('zzsecret')$$, '42704', NULL, 'a member asks for no feed of another site');
SELECT lives_ok($$SELECT sambapos_full_payload('open', NULL, '{}')$$, 'and gets that of its own');
SELECT is((SELECT string_agg(relation, ', ') FROM till.sees(:'other_sites')), NULL, 'a member of that role sees no more');
SET LOCAL ROLE sambapos_test_all;
SELECT is((SELECT string_agg(relation, ', ') FROM of_owner WHERE relation <> ALL ('{sambapos.host_token,sambapos.conflict,sambapos.conflicts}') AND relation NOT IN (SELECT relation FROM till.sees(:'other_sites'))), NULL, 'a reader of all sites sees what the owner sees, but hashes of tokens and rows of tables that he may not read');
SET LOCAL ROLE sambapos_test_plain;
SELECT results_eq('SELECT count(*) FROM sambapos_replica.tickets UNION ALL SELECT count(DISTINCT site_id) FROM sambapos_report.numerators UNION ALL SELECT count(*) FROM sambapos.site', ARRAY[20::bigint, 2, 2], 'a role without a level what GRANT has given it');
RESET ROLE;

-- functions: with the other site's name and number wherever one fits
CREATE TEMP TABLE of_ours AS SELECT p.oid FROM pg_proc AS p WHERE p.pronamespace IN ('sambapos'::regnamespace, 'sambapos_report'::regnamespace, 'sambapos_replica'::regnamespace)
  OR EXISTS (SELECT FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid WHERE (d.classid, d.objid, d.deptype) = ('pg_proc'::regclass, p.oid, 'e') AND e.extname = 'sambapos_fdw');
GRANT SELECT ON of_ours TO PUBLIC;
CREATE FUNCTION till.calls(role name) RETURNS TABLE (routine regprocedure, result text) LANGUAGE plpgsql AS
$$
DECLARE
  f record;
BEGIN
  FOR f IN
    SELECT p.oid::regprocedure AS name, (SELECT string_agg(CASE WHEN a IN ('text'::regtype, 'name'::regtype) THEN quote_literal('zzother') || '::' || a::regtype
                                          WHEN a IN ('integer'::regtype, 'bigint'::regtype) THEN current_setting('till.other') || '::' || a::regtype
                                          WHEN a = 'sambapos._place'::regtype OR a = 'sambapos.site'::regtype OR a = 'sambapos._table'::regtype OR a = 'sambapos._status_facts'::regtype
                                            THEN format('jsonb_populate_record(NULL::%s, ''{"site_id": %s}'')', a::regtype, current_setting('till.other'))
                                          WHEN a IN ('text[]'::regtype) THEN '''{zzother}''::text[]'
                                          ELSE 'NULL::' || a::regtype END, ', ' ORDER BY n)
                                         FROM unnest(p.proargtypes) WITH ORDINALITY AS u (a, n)) AS arguments,
           EXISTS (SELECT FROM unnest(p.proargtypes) AS a WHERE a IN ('text'::regtype, 'name'::regtype, 'text[]'::regtype)) AS echoes
    FROM pg_proc AS p
    WHERE p.oid IN (SELECT oid FROM of_ours)
      AND p.prokind = 'f' AND p.prorettype NOT IN ('trigger'::regtype, 'record'::regtype, 'fdw_handler'::regtype, 'void'::regtype) AND has_function_privilege(role, p.oid, 'EXECUTE')
    UNION ALL
    SELECT p.oid::regprocedure, (SELECT string_agg(CASE WHEN a IN ('text'::regtype, 'name'::regtype) THEN 'NULL::text' WHEN a = 'integer'::regtype OR a = 'bigint'::regtype THEN '1000001' ELSE 'NULL::' || a::regtype END, ', ' ORDER BY n)
                                 FROM unnest(p.proargtypes) WITH ORDINALITY AS u (a, n)), false
    FROM pg_proc AS p
    WHERE p.oid IN (SELECT oid FROM of_ours)
      AND p.prokind = 'f' AND p.prorettype NOT IN ('trigger'::regtype, 'fdw_handler'::regtype, 'void'::regtype) AND has_function_privilege(role, p.oid, 'EXECUTE')
  LOOP
    routine := f.name;
    BEGIN
      EXECUTE format('SELECT string_agg(to_jsonb(r)::text, '' '') FROM %s(%s) AS r', f.name::oid::regproc, f.arguments) INTO result;
      RAISE EXCEPTION '%', result; -- nothing that it did stays
    EXCEPTION WHEN OTHERS THEN
      result := SQLERRM;
    END;
    IF (result ~ CASE WHEN f.echoes THEN 'zzsecret|zzserver' ELSE 'zz' END) THEN RETURN NEXT; END IF;
  END LOOP;
END;
$$;
SELECT set_config('till.other', :'other', true) AS other_set \gset
SET LOCAL statement_timeout = '120s';
SELECT cmp_ok((SELECT count(DISTINCT routine) FROM till.calls(current_user)), '>=', 5::bigint, 'functions tell the owner of the other site');
SET LOCAL ROLE sambapos_test_one;
SELECT is((SELECT string_agg(DISTINCT routine::text, ', ') FROM till.calls('sambapos_test_one')), NULL, 'and no function tells the reader');
RESET ROLE;

-- what is made later
DROP VIEW sambapos_report.numerators;
DROP TABLE sambapos_replica.numerators;
SELECT sambapos._replica_ensure(:shop, 'numerators');
INSERT INTO sambapos_replica.numerators (site_id, epoch, id, number, version) VALUES (:shop, 1, 1, 1, 1), (:other, 1, 1, 2, 1);
ALTER TABLE sambapos.replicated_table DISABLE TRIGGER USER;
UPDATE sambapos.replicated_table SET history = true WHERE table_name = 'numerators';
SELECT sambapos._replica_ensure(:shop, 'numerators');
SET LOCAL ROLE sambapos_test_one;
SELECT results_eq('SELECT number FROM sambapos_replica.numerators UNION ALL SELECT number FROM sambapos_report.numerators', ARRAY[1, 1], 'a table that is made later shows it its own rows');
RESET ROLE;
SELECT is((SELECT string_agg(c.relname, ', ') FROM pg_class AS c WHERE c.relnamespace = 'sambapos_replica'::regnamespace AND c.relkind = 'r' AND NOT c.relrowsecurity), NULL, 'each has policies, tables of earlier versions too');

-- the cost: an index is used for its date, the sites are asked for once, and nobody else's plan is another one
CREATE FUNCTION till.plan(query text) RETURNS text LANGUAGE plpgsql AS
$$ DECLARE line text; plan text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP plan := plan || E'\n' || line; END LOOP; RETURN plan; END $$;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL ROLE sambapos_test_one;
SELECT matches(till.plan($$SELECT id FROM sambapos_replica.tickets WHERE date >= '2026-03-01'$$), 'Index Cond: \(\(site_id = ANY \(\$[0-9]\)\) AND \(date >= |Index Cond: \(\(site_id = ANY \(\(InitPlan [0-9]\).col1\)\) AND \(date >= ', 'the plan of a reader of one site goes by the index');
SET LOCAL ROLE sambapos_test_all;
SELECT doesnt_match(till.plan($$SELECT id FROM sambapos_replica.tickets WHERE date >= '2026-03-01'$$), 'InitPlan|ANY', 'that of a reader of all has nothing more');
RESET ROLE;
SET LOCAL enable_seqscan = on;

-- an operator of one site
SELECT sambapos_grant('sambapos_test_one', 'operator', '{shop}');
SET LOCAL ROLE sambapos_test_one;
SELECT lives_ok($$SELECT sambapos_configure('shop', 'priority', '3'), sambapos_request_sync('shop')$$, 'an operator of one site configures it and asks for a sync');
SELECT throws_ok($$SELECT sambapos_configure('zzother', 'priority', '3')$$, '42704', NULL, 'and not the other');
SELECT throws_ok($$SELECT sambapos_request_sync('zzother')$$, '42704', NULL, 'nor is it synced');
SELECT throws_ok(format('INSERT INTO sambapos.request (site_id) VALUES (%s)', :other), '42501', NULL, 'whatever he tries');
SELECT throws_ok($$SELECT sambapos_configure(NULL, 'enabled', 'false')$$, '42501', 'permission denied to change a setting of all sites', 'the kill switch is not his');
SELECT throws_ok($$INSERT INTO sambapos.role_grant (role_name, level) VALUES ('sambapos_test_one', 'operator')$$, '42501', NULL, 'nor is his own level');
UPDATE sambapos.site SET priority = 5;
RESET ROLE;
SELECT results_eq('SELECT name, priority FROM sambapos.site ORDER BY 1', $$VALUES ('shop', 5), ('zzother', 0)$$, 'an UPDATE of all meets the own site only');

-- an admin may write all but the levels
SELECT sambapos_grant('sambapos_test_plain', 'admin');
SET LOCAL ROLE sambapos_test_plain;
SELECT lives_ok($$INSERT INTO sambapos.site (name, server) VALUES ('third', 'till')$$, 'an admin adds a site');
SELECT is((SELECT count(*) FROM sambapos.site), 3::bigint, 'and sees it');
DELETE FROM sambapos.role_grant;
RESET ROLE;
SELECT is((SELECT count(*) FROM sambapos.grants), 3::bigint, 'the levels are the owner''s');

-- what cannot be
SELECT throws_ok($$SELECT sambapos_grant('sambapos_test_one', 'admin', '{shop}')$$, '22023', 'level admin is not for some sites only', 'no admin of one site');
SELECT throws_ok($$SELECT sambapos_grant('sambapos_test_one', 'none', '{shop}')$$, '22023', NULL, 'none takes no sites');
SELECT throws_ok($$SELECT sambapos_grant('sambapos_test_one', 'reader', '{}')$$, '22023', 'no sites are named', 'no site is not all sites');
SELECT throws_ok($$SELECT sambapos_grant('sambapos_test_one', 'reader', '{shop,nowhere}')$$, '42704', 'there is no site named "nowhere"', 'a site that is not there');
SELECT throws_ok($$SELECT sambapos_grant('sambapos_test_one', 'reader', '{shop,NULL}')$$, '42704', NULL, 'nor is NULL one');
SELECT throws_ok(format('SELECT sambapos_grant(%L, ''reader'', ''{shop}'')', current_user), '22023', NULL, 'whoever sees all is told');
SELECT results_eq($$SELECT level, sites FROM sambapos.grants WHERE role = 'sambapos_test_one'$$, $$VALUES ('operator', '{shop}'::text[])$$, 'and nothing has changed');

-- another name, another level
ALTER ROLE sambapos_test_one RENAME TO sambapos_test_renamed;
SET LOCAL ROLE sambapos_test_renamed;
SELECT is((SELECT count(*) FROM sambapos.site) + (SELECT count(*) FROM sambapos_replica.tickets), 0::bigint, 'a role that was renamed sees no site');
RESET ROLE;
SELECT results_eq($$SELECT role, role_exists FROM sambapos.grants ORDER BY 1$$, $$VALUES ('sambapos_test_all', true), ('sambapos_test_one', false), ('sambapos_test_plain', true)$$, 'and it shows');
SELECT sambapos_grant('sambapos_test_renamed', 'reader', '{zzother}');
SET LOCAL ROLE sambapos_test_renamed;
SELECT results_eq('SELECT DISTINCT site_id FROM sambapos_replica.tickets', ARRAY[:other], 'another site');
RESET ROLE;
SELECT sambapos_grant('sambapos_test_renamed', 'reader', '{zzother,shop}');
SET LOCAL ROLE sambapos_test_renamed;
SELECT is((SELECT count(DISTINCT site_id) FROM sambapos_replica.tickets), 2::bigint, 'two');
RESET ROLE;
GRANT sambapos_test_all TO sambapos_test_renamed;
SELECT sambapos_grant('sambapos_test_renamed', 'reader', '{shop}');
SET LOCAL ROLE sambapos_test_renamed;
SELECT is((SELECT count(DISTINCT site_id) FROM sambapos_replica.tickets), 2::bigint, 'a member of a role that sees all sees all');
RESET ROLE;
REVOKE sambapos_test_all FROM sambapos_test_renamed;
SELECT sambapos_grant('sambapos_test_renamed', 'reader');
SET LOCAL ROLE sambapos_test_renamed;
SELECT is((SELECT count(*) FROM sambapos.site), 3::bigint, 'and all again, those that come later too');
RESET ROLE;
SELECT is((SELECT string_agg(c.relname, ', ') FROM pg_class AS c WHERE c.relnamespace = 'sambapos_replica'::regnamespace AND (c.relrowsecurity OR EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid))), NULL, 'with the last such level the policies are gone');
SELECT sambapos_grant('sambapos_test_renamed', 'none');
SELECT is((SELECT count(*) FROM sambapos.grants WHERE role = 'sambapos_test_renamed'), 0::bigint, 'none is no level');
SELECT * FROM finish();
ROLLBACK;
