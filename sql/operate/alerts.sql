-- alerts.sql: what a person should know, one matter a row, and telling of it when it changes.
--
-- Rules:
-- * What is wrong is decided where the lights are made (status.sql) and nowhere else; here it is listed.
-- * An alert is there as long as its matter is; what only a person can end says how. Its key does not change
--   meanwhile, so that nobody is told twice.
-- * Anybody who can connect may LISTEN: no message of a source, and no value, is in a notification. Words of ours and
--   names of tables are.

-- A site's own light: what its tables and consumers have is said by themselves.
CREATE FUNCTION sambapos._status_of_site(facts sambapos._status_facts, OUT light text, OUT kind text, OUT reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  facts.troubles := NULL;
  facts.code_of_others := NULL;
  facts.consumers := NULL;
  SELECT l.light, l.kind, l.reason INTO light, kind, reason FROM sambapos._status_light(facts) AS l;
END;
$$;
COMMENT ON FUNCTION sambapos._status_of_site(sambapos._status_facts) IS
  'The light that a site would have if its tables and consumers were in order';

-- Which restores nobody has answered yet: a line a run, by its event of the tickets, or else of another root.
CREATE VIEW sambapos._restore_open AS
SELECT e.site_id, e.event_id, e.table_name, e.at, e.rows, e.version
FROM (SELECT DISTINCT ON (e.site_id, e.run_id) e.*
      FROM sambapos.source_events AS e LEFT JOIN sambapos._table AS t USING (site_id, table_name)
      WHERE 'restore' IN (e.kind, e.evidence ->> 'was') AND e.version IS NOT NULL
      ORDER BY e.site_id, e.run_id, t.kind = 'ticket' DESC NULLS LAST, e.event_id) AS e
WHERE NOT e.evidence ? 'reclassified_at';
COMMENT ON VIEW sambapos._restore_open IS
  'Restores of a backup by which rows are gone at the source, until sambapos_reclassify says what they were';

-- Rows that are there again, or were judged otherwise, have another version.
CREATE FUNCTION sambapos._event_account(site_id integer, table_name name, version bigint, states text[],
                                        OUT rows bigint, OUT amount numeric)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  has_amount boolean := EXISTS (
    SELECT FROM pg_attribute AS a WHERE a.attrelid = to_regclass(format('sambapos_replica.%I', table_name))
       AND a.attname = 'total_amount' AND a.attnum > 0 AND NOT a.attisdropped);
BEGIN
  IF sambapos._replica_is_readable(table_name) THEN
    EXECUTE format('SELECT count(*), %s FROM sambapos_replica.%I AS r
                     WHERE r.site_id = $1 AND r.version = $2 AND r.row_state = ANY ($3)',
                   CASE WHEN has_amount THEN 'coalesce(sum(r.total_amount::numeric), 0)' ELSE 'NULL::numeric' END,
                   table_name)
      INTO rows, amount USING site_id, version, states;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._event_account(integer, name, bigint, text[]) IS
  'How many rows of a root, and how much money, a source event has left in these states; NULL: not to be counted';

CREATE FUNCTION sambapos._restore_words(event sambapos._restore_open) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('an older backup was restored at the till: %s rows of %s%s are known here and not at the till',
                coalesce(a.rows, event.rows), event.table_name,
                CASE WHEN a.amount IS NOT NULL
                     THEN concat(', ', a.amount, ' ' || (SELECT s.currency FROM sambapos.site AS s
                                                         WHERE s.site_id = event.site_id),
                                 ' in all,') END)
  FROM sambapos._event_account(event.site_id, event.table_name, event.version, '{cleared,superseded}') AS a;
$$;
COMMENT ON FUNCTION sambapos._restore_words(sambapos._restore_open) IS
  'What a restore has cost, in words; counts rows of the replica';

-- SambaPOS deletes no ticket. Who does so takes money out of the reports, so that a person should know it. Of more than
-- the default of gone_limit at once a person does know, who has raised it.
CREATE VIEW sambapos._deletion_open AS
SELECT e.site_id, e.event_id, e.table_name, e.at, e.rows, e.version
FROM sambapos.source_events AS e JOIN sambapos._table AS t USING (site_id, table_name)
WHERE e.kind = 'single delete' AND t.kind = 'ticket' AND e.version IS NOT NULL AND e.rows <= 50
  AND NOT e.evidence ? 'reclassified_at';
COMMENT ON VIEW sambapos._deletion_open IS
  'Tickets that were deleted one by one at the source, until sambapos_reclassify says that somebody has looked';

CREATE FUNCTION sambapos._deletion_words(event sambapos._deletion_open) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('%s rows of %s were deleted at the till%s; they do not count', event.rows, event.table_name,
                CASE WHEN a.amount IS NOT NULL
                     THEN concat(', ', a.amount, ' ' || (SELECT s.currency FROM sambapos.site AS s
                                                         WHERE s.site_id = event.site_id), ' in all') END)
  FROM sambapos._event_account(event.site_id, event.table_name, event.version, '{deleted}') AS a;
$$;
COMMENT ON FUNCTION sambapos._deletion_words(sambapos._deletion_open) IS
  'How many tickets were deleted, and how much money, in words; counts rows of the replica';

CREATE FUNCTION sambapos._alert_hint(kind text, site text, server text, table_name text, event_id bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE kind
    WHEN 'switched off' THEN 'SELECT sambapos_configure(NULL, ''enabled'', ''true'')'
    WHEN 'disabled' THEN format('SELECT sambapos_configure(%L, ''enabled'', ''true'')', site)
    WHEN 'paused' THEN format('SELECT sambapos_resume(%L), if its scheduled runs are to go on in this database', site)
    WHEN 'login refused' THEN format('Correct the user mapping, then SELECT sambapos_request_sync(%L)', site)
    WHEN 'another database' THEN format('Set the server back, or SELECT sambapos_accept_source(%L, ...)', site)
    WHEN 'no tables' THEN format('SELECT sambapos_add_table(%L, ...)', site)
    WHEN 'loading' THEN format('See sambapos.progress. If nothing is in progress: CALL sambapos_backfill(%L)', site)
    WHEN 'job' THEN format('SELECT * FROM sambapos_schedule(%L)', site)
    WHEN 'busy' THEN 'See the session that the message names in pg_stat_activity.'
    WHEN 'table disabled' THEN
      format('SELECT sambapos_configure(%L, ''enabled'', ''true'', %L), or sambapos_remove_table',
             site, table_name)
    WHEN 'table paused' THEN
      format('When the cause is mended: SELECT sambapos_configure(%L, ''enabled'', ''true'', %L)',
             site, table_name)
    WHEN 'columns changed' THEN 'End the session that the message names, or let it end; the next run tries again.'
    WHEN 'rows gone' THEN
      format('Find out at the till what has become of them. If they were deleted on purpose, raise the limit for one '
             'run: SELECT sambapos_configure(%L, ''gone_limit'', ...)', site)
    WHEN 'undecided rows'
      THEN 'Compare both copies with the till, then SELECT sambapos_reclassify(EVENT, ''edit''), or ''reseed''.'
    WHEN 'code of others' THEN 'Drop it, or let it belong to the role that syncs.'
    WHEN 'dead letters' THEN 'Correct the values at the till; see sambapos.dead_letters.'
    WHEN 'differences' THEN
      format('See sambapos.differences; SELECT * FROM sambapos_reconcile(%L, ARRAY[%L]) compares again.', site,
             table_name)
    WHEN 'inconsistent'
      THEN 'See sambapos.inconsistent: the till itself (is_of_the_till), or the next run reads it again.'
    WHEN 'new table' THEN
      format('SELECT sambapos_add_table(%L, ...) has the next run load one; sambapos_remove_table(%L, ...) says that '
             'one is not wanted.', site, site)
    WHEN 'not sealed' THEN
      format('It is tried again after each run. SELECT sambapos_archive(%L) tries it now, and says more.', site)
    WHEN 'tickets deleted' THEN
      format('Ask who did it. SELECT sambapos_reclassify(%s, ''single delete'') leaves them out for good, ''clear'' has '
             'them count.', event_id)
    WHEN 'restore' THEN
      format('Compare with the till, then say what they are: SELECT sambapos_reclassify(%s, ''restore'') has them '
             'count, ''single delete'' does not.', event_id)
    WHEN 'copy is old' THEN 'Does the job that pulls run? See sambapos.followed.'
    WHEN 'consumer stopped' THEN 'It goes on by itself when that is mended; see sambapos.consumers.'
    WHEN 'consumer silent' THEN 'Start its worker again; see sambapos.consumers.'
    WHEN 'deliveries wait' THEN 'Its worker is slow, or fails: see last_error in sambapos.deliveries.'
    WHEN 'dead deliveries' THEN
      'Mend the cause: last_error in sambapos.dead_deliveries. Then SELECT sambapos_retry(CONSUMER).'
    WHEN 'taken anew' THEN
      'Compare with the target; then SELECT sambapos_retry(CONSUMER) ends this. See the manual.'
    WHEN 'host silent' THEN 'See to the host and its network; the alert ends with its next heartbeat. View sambapos.host_status has all.'
    ELSE format('SELECT * FROM sambapos_check(%L) WHERE status <> ''ok''', server) END;
$$;
COMMENT ON FUNCTION sambapos._alert_hint(text, text, text, text, bigint) IS 'What to do about an alert';

-- The circuit breaker of sync/gone.sql; every other failure is one of reading or writing.
CREATE FUNCTION sambapos._alert_is_limit(state text, message text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(state = '55000' AND position(' rows are gone at the source, with no sign of a clear' IN message) > 0,
                  false);
$$;
COMMENT ON FUNCTION sambapos._alert_is_limit(text, text) IS 'True if a table failed because of gone_limit';

-- What a restore has cost, and what was deleted, is counted only where column message is selected.
CREATE VIEW sambapos._status_alert AS
SELECT f.site_id, CASE WHEN l.light = 'red' THEN 'critical' WHEN l.kind = 'loading' THEN 'notice'
                       ELSE 'warning' END AS severity,
       l.kind, NULL::text AS table_name,
       CASE WHEN l.kind = 'never worked' THEN s.added_at
            WHEN l.kind IN ('old data', 'run failed', 'login refused') THEN s.last_success_at
            WHEN l.kind = 'another database' THEN
              (SELECT max(e.at) FROM sambapos.source_events AS e
               WHERE e.site_id = f.site_id AND e.kind = 'new database') END AS since,
       l.reason AS message, NULL::bigint AS event_id, l.kind AS key
FROM sambapos._status_facts AS f JOIN sambapos._place AS s USING (site_id)
CROSS JOIN LATERAL sambapos._status_of_site(f) AS l
WHERE l.light IN ('red', 'amber')
UNION ALL
SELECT x.site_id, 'warning', k.kind, x.table_name, x.since, x.words, NULL,
       concat_ws(' ', k.kind, x.table_name, CASE x.kind WHEN 'undecided rows' THEN x.words END)
FROM sambapos._table_trouble AS x
CROSS JOIN LATERAL (SELECT CASE WHEN x.kind = 'table failed' AND sambapos._alert_is_limit(x.last_sqlstate, x.last_error)
                                THEN 'rows gone' ELSE x.kind END AS kind) AS k
WHERE x.is_named
UNION ALL
SELECT t.site_id, 'warning', 'code of others', t.table_name, NULL,
       'code of others runs with the rights of the sync: ' || t.code_of_others, NULL, 'code of others ' || t.table_name
FROM sambapos._table AS t WHERE t.enabled AND t.code_of_others IS NOT NULL
UNION ALL
SELECT d.site_id, 'notice', 'dead letters', d.table_name, min(d.filed_at),
       format('%s values of %s hold invalid characters', count(*), d.table_name), NULL,
       'dead letters ' || d.table_name
FROM sambapos.dead_letters AS d GROUP BY d.site_id, d.table_name
UNION ALL
SELECT d.site_id, 'warning', 'differences', d.table_name, min(d.found_at),
       format('%s rows of %s differ from the source and are not repaired yet', count(*), d.table_name), NULL,
       'differences ' || d.table_name
FROM sambapos.reconcile_finding AS d WHERE d.repaired_at IS NULL GROUP BY d.site_id, d.table_name
UNION ALL
SELECT i.site_id, 'notice', 'inconsistent', i.table_name, min(i.first_seen_at),
       format('the sums of %s rows of %s do not agree', count(*), i.table_name), NULL, 'inconsistent ' || i.table_name
FROM sambapos.inconsistent_root AS i GROUP BY i.site_id, i.table_name
UNION ALL
SELECT s.site_id, 'warning', 'new table', NULL, s.new_tables_since,
       'the source has tables now that it did not have when they were asked for: ' || w.names, NULL,
       'new table ' || w.names
FROM sambapos.site_state AS s
CROSS JOIN LATERAL (SELECT string_agg(w.table_name, ', ' ORDER BY w.table_name) AS names
                    FROM sambapos.wanted_table AS w
                    WHERE w.site_id = s.site_id AND w.table_name = ANY (s.new_tables)
                      AND w.asked_at < s.tables_asked_at) AS w
WHERE w.names IS NOT NULL
UNION ALL
SELECT d.site_id, 'warning', 'not sealed', NULL, d.noted_at,
       'the period that the last clear has ended could not be sealed: ' || d.last_error, NULL, 'not sealed'
FROM sambapos.archive_due AS d WHERE d.last_error IS NOT NULL
UNION ALL
SELECT e.site_id, 'warning', 'restore', e.table_name, e.at, sambapos._restore_words(e), e.event_id,
       'restore ' || e.event_id
FROM sambapos._restore_open AS e
UNION ALL
SELECT e.site_id, 'warning', 'tickets deleted', e.table_name, e.at, sambapos._deletion_words(e), e.event_id,
       'tickets deleted ' || e.event_id
FROM sambapos._deletion_open AS e
UNION ALL
SELECT t.site_id, t.severity, t.kind, NULL, t.since, t.words, NULL, concat_ws(' ', t.kind, t.consumer)
FROM sambapos._consumer_trouble AS t WHERE t.site_id IS NOT NULL
UNION ALL
SELECT t.site_id, 'critical', 'host silent', NULL, t.since, t.words, NULL, 'host silent ' || t.host
FROM sambapos._host_trouble AS t WHERE t.site_id IS NOT NULL;
COMMENT ON VIEW sambapos._status_alert IS 'The alerts of all sites, with what makes each the same one tomorrow (key)';

CREATE VIEW sambapos.alerts AS
SELECT s.name AS site, a.severity, a.kind, a.table_name, a.since, a.message,
       sambapos._alert_hint(a.kind, s.name, s.server, a.table_name, a.event_id) AS hint
FROM sambapos._status_alert AS a JOIN sambapos.site AS s USING (site_id)
WHERE s.removed_at IS NULL
UNION ALL
SELECT NULL, t.severity, t.kind, NULL, t.since, t.words, sambapos._alert_hint(t.kind, NULL, NULL, NULL, NULL)
FROM sambapos._consumer_trouble AS t WHERE t.site_id IS NULL
UNION ALL
SELECT NULL, 'critical', 'host silent', NULL, t.since, t.words, sambapos._alert_hint('host silent', NULL, NULL, NULL, NULL)
FROM sambapos._host_trouble AS t WHERE t.site_id IS NULL
UNION ALL
SELECT NULL, 'warning', 'copy is old', NULL, t.since, t.words, sambapos._alert_hint('copy is old', NULL, NULL, NULL, NULL)
FROM sambapos._follow_trouble AS t;
COMMENT ON VIEW sambapos.alerts IS
  'What a person should know, one open matter a row. severity: critical (the light is red), warning (amber, or '
  'somebody should look), notice. table_name: NULL where it is the whole site. since: as far as it is known; of what '
  'a run meets, the last success before it. A restore says how many tickets, and how much money, are known here and no '
  'longer at the till. Never connects to a till';
COMMENT ON COLUMN sambapos.alerts.site IS 'The site; NULL: it is of a feed that no site has, or of a copy';
COMMENT ON COLUMN sambapos.alerts.severity IS
  'critical: the light is red; warning: it is amber, or somebody should look; notice';
COMMENT ON COLUMN sambapos.alerts.kind IS 'What it is, in one word or two; the manual has a line for each';
COMMENT ON COLUMN sambapos.alerts.table_name IS 'The table; NULL: it is of the whole site';
COMMENT ON COLUMN sambapos.alerts.since IS
  'Since when, as far as it is known; of what a run meets, the last success before it; NULL: not known';
COMMENT ON COLUMN sambapos.alerts.message IS 'What the matter is; it may hold words of the source, in an error';
COMMENT ON COLUMN sambapos.alerts.hint IS 'What to do; the manual has more for each kind';

-- Each run asks: in PL/pgSQL a session plans the large view once.
CREATE FUNCTION sambapos._status_now(site_id integer) RETURNS text
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT l.light FROM sambapos._status_facts AS f CROSS JOIN LATERAL sambapos._status_light(f) AS l
          WHERE f.site_id = _status_now.site_id);
END;
$$;
COMMENT ON FUNCTION sambapos._status_now(integer) IS 'The light of a site; NULL: it was removed';

CREATE FUNCTION sambapos._status_reason(site_id integer, light text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(nullif(sambapos._words_some(array_agg(
           concat_ws(': ', x.kind, regexp_replace(x.table_name, '[[:cntrl:]]', '?', 'g'))
           ORDER BY array_position('{critical,warning,notice}', x.severity), x.table_name NULLS FIRST, x.kind),
           5, '; '), ''), CASE light WHEN 'asleep' THEN 'outside opening hours' ELSE 'in order' END)
  FROM sambapos._status_alert AS x WHERE x.site_id = _status_reason.site_id;
$$;
COMMENT ON FUNCTION sambapos._status_reason(integer, text) IS
  'What channel sambapos_status says of the reason of a light: the kinds of the site''s alerts';

-- Only when it is something new: each NOTIFY takes a lock of the whole server at commit. No run fails for want of it.
CREATE FUNCTION sambapos._status_notify() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  site text := (SELECT s.name FROM sambapos.site AS s WHERE s.site_id = NEW.site_id);
  was text := NEW.notified ->> 'light';
  light text;
BEGIN
  light := sambapos._status_now(NEW.site_id);
  IF light <> coalesce(was, '') AND pg_notification_queue_usage() < 0.9 THEN
    UPDATE sambapos.site_state AS s SET notified = jsonb_build_object('light', light) WHERE s.site_id = NEW.site_id;
    PERFORM pg_notify('sambapos_status', json_build_object(
      'site', site, 'light', light, 'was', was, 'reason', sambapos._status_reason(NEW.site_id, light))::text);
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RAISE WARNING 'the status of site "%" could not be announced: %', site, SQLERRM;
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._status_notify() IS
  'Tells channel sambapos_status that the light of a site is another than when it was last told';

-- A run gives the site back with the last that it writes of it; so does a person's verdict.
CREATE TRIGGER status_notify AFTER UPDATE OF current_run ON sambapos.site_state
  FOR EACH ROW WHEN (NEW.current_run IS NULL) EXECUTE FUNCTION sambapos._status_notify();
COMMENT ON TRIGGER status_notify ON sambapos.site_state IS 'Sends sambapos_status when a run has ended';
