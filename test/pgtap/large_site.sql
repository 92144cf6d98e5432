-- Promise: the job loads a large site for the first time in committed chunks, by itself and in one call; a request waits for
-- all of it. A sambapos_sync loads in one transaction, and says that there is another way. It commits, so this test has
-- a database of its own.
\set QUIET on
SELECT current_database() AS home \gset
DROP DATABASE IF EXISTS large_site;
CREATE DATABASE large_site;
\connect large_site
SET client_min_messages = warning;
BEGIN;
\ir seam.psql
SELECT till.sell(1, 50);
CREATE OR REPLACE FUNCTION sambapos._range_is_large(rows bigint) RETURNS boolean LANGUAGE sql AS 'SELECT rows >= 40';
COMMIT;
SET search_path = sambapos_live_shop, public;
SELECT plan(11);

-- in one transaction, by a person; undone
BEGIN;
SELECT is((SELECT count(*) FROM sambapos_sync('shop') WHERE status = 'ok'), (SELECT count(*) FROM sambapos._table), 'a person loads it in one transaction');
SELECT is((SELECT count(*) FROM sambapos.backfill), 0::bigint, 'without chunks');
ROLLBACK;

SELECT sambapos_request_sync('shop') AS request \gset
CALL sambapos_run();
SELECT is((SELECT string_agg(mode || ' ' || trigger || ' ' || status, ', ' ORDER BY run_id) FROM sambapos.run WHERE mode <> 'backfill'),
          'auto request ok, auto request ok', 'the job: a run of the masters, and one of all in the end');
SELECT is((SELECT array_agg(DISTINCT t.kind) FROM sambapos.run_table AS x JOIN sambapos._table AS t USING (table_name) WHERE x.run_id = (SELECT min(run_id) FROM sambapos.run)),
          '{master}', 'the first has masters only');
SELECT cmp_ok((SELECT count(*) FROM sambapos.run WHERE mode = 'backfill' AND status = 'ok'), '>=', 3::bigint, 'chunks between them');
SELECT is((SELECT run_id FROM sambapos_request(:request)), (SELECT max(run_id) FROM sambapos.run), 'the request was served by the last');
SELECT is((SELECT status FROM sambapos_request(:request)), 'done', 'and is done');
SELECT is((SELECT count(*) FROM till.differences()), 0::bigint, 'all rows are there');
SELECT is((SELECT count(*) FROM sambapos.backfill) + (SELECT count(*) FROM sambapos._table WHERE loaded_at IS NULL), 0::bigint, 'and all is loaded');
SELECT ok((SELECT last_success_at IS NOT NULL AND next_due_at > now() FROM sambapos._place), 'the site is in order');

-- a site that is loaded is not loaded again, however large
SELECT till.sell(100, 50);
UPDATE sambapos.site_state SET next_due_at = NULL;
CALL sambapos_run();
SELECT is((SELECT mode || ' ' || status FROM sambapos.run ORDER BY run_id DESC LIMIT 1) || ' ' || (SELECT count(*) FROM till.differences()), 'auto ok 0', 'the next run is an ordinary one');
SELECT * FROM finish();
\connect :home
DROP DATABASE large_site;
