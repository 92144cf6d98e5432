-- metrics.sql: name, labels, value, help: ready for an exporter.

CREATE VIEW sambapos.metrics AS
WITH site_metric AS (
  SELECT m.name, jsonb_build_object('site', s.site) || m.labels AS labels, m.value, m.help
  FROM sambapos._status(NULL) AS s
  CROSS JOIN LATERAL (VALUES
    ('sambapos_up', '{}'::jsonb, CASE s.light WHEN 'red' THEN 0 ELSE 1 END::double precision,
     '0 when the site''s light is red'),
    ('sambapos_light', jsonb_build_object('light', s.light), 1, 'The site''s light'),
    ('sambapos_online', '{}', s.online::integer, '1 when the last run reached the source'),
    ('sambapos_data_age_seconds', '{}', extract(epoch FROM s.data_age)::double precision,
     'Seconds since the last complete run'),
    ('sambapos_pending_tables', '{}', s.pending, 'Tables that wait for a read'),
    ('sambapos_epoch', '{}', s.epoch, 'Present epoch'),
    ('sambapos_loading_percent', '{}', s.loading, 'How much of the first load is done, while it is not through'),
    ('sambapos_next_run_seconds', '{}', extract(epoch FROM s.next_due_at - statement_timestamp())::double precision,
     'Seconds until the next run is due; negative: it is overdue')) AS m (name, labels, value, help)
  WHERE m.value IS NOT NULL
), alert_count AS MATERIALIZED ( -- the alerts are looked for once, whatever the planner knows of the tables
  SELECT a.site_id, a.severity, count(*) AS alerts FROM sambapos._status_alert AS a GROUP BY a.site_id, a.severity
), alert_metric AS (
  SELECT 'sambapos_alerts', jsonb_build_object('site', s.name, 'severity', v.severity),
         coalesce(a.alerts, 0)::double precision, 'Open alerts, by severity'
  FROM sambapos._place AS s CROSS JOIN unnest('{critical,warning,notice}'::text[]) AS v (severity)
  LEFT JOIN alert_count AS a ON (a.site_id, a.severity) = (s.site_id, v.severity)
  WHERE s.removed_at IS NULL
), day_metric AS (
  SELECT m.name, jsonb_build_object('site', d.site) || m.labels AS labels, m.value, m.help
  FROM (SELECT s.name AS site, count(*) AS runs, count(*) FILTER (WHERE r.status <> 'ok') AS failures,
               percentile_cont('{0.5,0.95}'::double precision[]) WITHIN GROUP (
                 ORDER BY extract(epoch FROM r.ended_at - r.started_at)::double precision) AS seconds,
               sum(r.source_rows) AS source_rows, sum(r.source_ms) AS source_ms
        FROM sambapos._place AS s JOIN sambapos.run AS r USING (site_id)
        WHERE s.removed_at IS NULL AND r.status NOT IN ('running', 'busy')
          AND r.started_at > now() - interval '24 hours' GROUP BY s.name) AS d
  CROSS JOIN LATERAL (VALUES
    ('sambapos_day_runs', '{}'::jsonb, d.runs::double precision, 'Runs of the last 24 hours'),
    ('sambapos_day_run_failures', '{}', d.failures, 'Those of them that failed, wholly or in part'),
    ('sambapos_day_run_seconds', '{"quantile": "0.5"}', d.seconds[1], 'How long they took'),
    ('sambapos_day_run_seconds', '{"quantile": "0.95"}', d.seconds[2], 'How long they took'),
    ('sambapos_day_source_rows', '{}', d.source_rows, 'Rows that came to them from the source'),
    ('sambapos_day_source_seconds', '{}', d.source_ms / 1000.0, 'Seconds that their queries were open at the source'))
    AS m (name, labels, value, help)
  WHERE m.value IS NOT NULL
), worker_metric AS (
  SELECT m.name, jsonb_build_object('site', w.site), m.value, m.help
  FROM sambapos.worker AS w
  CROSS JOIN LATERAL (VALUES
    ('sambapos_worker_busy', w.is_busy::integer::double precision, '1 while the worker has the site in hand'),
    ('sambapos_worker_failures', w.failures, 'How often in a row the worker had no success with the site'),
    ('sambapos_worker_look_age_seconds', extract(epoch FROM clock_timestamp() - w.looked_at)::double precision,
     'Seconds since the worker was last done with the site')) AS m (name, value, help)
  WHERE m.value IS NOT NULL
), consumer_metric AS (
  SELECT m.name, jsonb_build_object('consumer', c.consumer, 'feed', c.feed) || m.labels, m.value, m.help
  FROM (SELECT n.consumer, n.feed, n.light, n.lag, n.waiting_since, n.mode, n.pending, n.leased, n.failed, n.dead
        FROM sambapos.consumers AS n) AS c
  CROSS JOIN LATERAL (VALUES
    ('sambapos_consumer_up', '{}'::jsonb, (c.light <> 'red')::integer::double precision, '0 when the consumer has stopped'),
    ('sambapos_consumer_lag_versions', '{}', c.lag, 'How many versions the feed is ahead of the consumer'),
    ('sambapos_consumer_waiting_seconds', '{}', CASE c.mode WHEN 'work' THEN coalesce(extract(epoch FROM statement_timestamp() - c.waiting_since), 0)
       END::double precision, 'How long the longest waiting delivery has waited'),
    ('sambapos_consumer_deliveries', '{"status": "pending"}', CASE c.mode WHEN 'work' THEN c.pending END, 'Deliveries that are not done, by status'),
    ('sambapos_consumer_deliveries', '{"status": "leased"}', CASE c.mode WHEN 'work' THEN c.leased END, 'Deliveries that are not done, by status'),
    ('sambapos_consumer_deliveries', '{"status": "failed"}', CASE c.mode WHEN 'work' THEN c.failed END, 'Deliveries that are not done, by status'),
    ('sambapos_consumer_deliveries', '{"status": "dead"}', CASE c.mode WHEN 'work' THEN c.dead END, 'Deliveries that are not done, by status'))
    AS m (name, labels, value, help)
  WHERE m.value IS NOT NULL
), host_metric AS (
  SELECT m.name, jsonb_build_object('host', h.host, 'feed', h.feed), m.value, m.help
  FROM sambapos.host_status AS h
  CROSS JOIN LATERAL (VALUES
    ('sambapos_host_up', (h.light <> 'red')::integer::double precision, '0 when the host has missed five heartbeats'),
    ('sambapos_host_missed_heartbeats', h.missed, 'How many heartbeats the host has missed'),
    ('sambapos_host_behind_versions', h.behind, 'How many versions the feed is ahead of the host'),
    ('sambapos_host_pending_transactions', h.pending_transactions, 'Transactions that wait at the host, as it said last')) AS m (name, value, help)
  WHERE m.value IS NOT NULL
), follow_metric AS (
  SELECT m.name, jsonb_build_object('copy', f.name, 'feed', f.feed), m.value, m.help
  FROM sambapos.followed AS f
  CROSS JOIN LATERAL (VALUES
    ('sambapos_copy_failures', f.failures::double precision, 'How many pulls of the copy have failed since one was through'),
    ('sambapos_copy_age_seconds', extract(epoch FROM statement_timestamp() - f.last_success_at)::double precision,
     'Seconds since a pull of the copy was last through')) AS m (name, value, help)
  WHERE m.value IS NOT NULL
), run_sum AS (
  SELECT s.name AS site, r.status, count(*) AS runs, sum(extract(epoch FROM r.ended_at - r.started_at)) AS seconds,
         sum(r.source_queries) AS queries, sum(r.source_rows) AS rows, sum(r.source_bytes) AS bytes,
         sum(r.source_ms) AS source_ms, sum(r.paused_ms) AS paused_ms
  FROM sambapos._place AS s JOIN sambapos.run AS r USING (site_id)
  WHERE s.removed_at IS NULL GROUP BY s.name, r.status
), run_metric AS (
  SELECT 'sambapos_runs_kept' AS name, jsonb_build_object('site', r.site, 'status', r.status) AS labels,
         r.runs::double precision AS value, 'Runs in the run log, by status' AS help
  FROM run_sum AS r
  UNION ALL
  SELECT m.name, jsonb_build_object('site', r.site), m.value, m.help
  FROM (SELECT r.site, sum(r.seconds) AS seconds, sum(r.queries) AS queries, sum(r.rows) AS rows,
               sum(r.bytes) AS bytes, sum(r.source_ms) AS source_ms, sum(r.paused_ms) AS paused_ms
        FROM run_sum AS r GROUP BY r.site) AS r
  CROSS JOIN LATERAL (VALUES
    ('sambapos_run_seconds_kept', r.seconds::double precision, 'Seconds spent by the runs in the log'),
    ('sambapos_run_source_queries_kept', r.queries, 'Queries sent by the runs in the log'),
    ('sambapos_run_source_rows_kept', r.rows, 'Rows that came to the runs in the log'),
    ('sambapos_run_source_bytes_kept', r.bytes, 'Bytes of the values that came to the runs in the log'),
    ('sambapos_run_source_seconds_kept', r.source_ms / 1000.0, 'Seconds that queries of these runs were open'),
    ('sambapos_run_paused_seconds_kept', r.paused_ms / 1000.0, 'Seconds that these runs have paused'))
    AS m (name, value, help)
  WHERE m.value IS NOT NULL
), table_metric AS (
  SELECT m.name, jsonb_build_object('site', s.name, 'table', t.table_name), m.value, m.help
  FROM sambapos._place AS s
  JOIN (SELECT t.*, count(*) OVER (PARTITION BY t.table_name) AS sites FROM sambapos._table AS t) AS t USING (site_id)
  CROSS JOIN LATERAL (VALUES
    ('sambapos_rows_inserted_total', t.rows_inserted::double precision, 'Rows inserted into the replica table'),
    ('sambapos_rows_updated_total', t.rows_updated, 'Rows updated in the replica table'),
    ('sambapos_rows_gone_total', t.rows_gone, 'Rows found gone at the source'),
    ('sambapos_rows_missed_total', t.rows_missed, 'Rows that only a comparison with the source has found'),
    ('sambapos_table_failed', (t.last_status = 'failed')::integer, '1 when the table''s last run failed'),
    ('sambapos_table_paused', (t.paused_reason IS NOT NULL)::integer, '1 when the table is paused'),
    ('sambapos_table_bytes', CASE WHEN t.sites = 1 AND sambapos._grant_sees_all()
                                  THEN sambapos._replica_bytes(t.site_id, t.table_name, true) END,
     'Bytes of the replica table with its indexes, where one site alone has it')) AS m (name, value, help)
  WHERE s.removed_at IS NULL AND m.value IS NOT NULL
)
SELECT name, labels, value, help FROM site_metric
UNION ALL SELECT * FROM run_metric
UNION ALL SELECT * FROM table_metric
UNION ALL SELECT * FROM alert_metric
UNION ALL SELECT * FROM day_metric
UNION ALL SELECT * FROM worker_metric
UNION ALL SELECT * FROM consumer_metric
UNION ALL SELECT * FROM host_metric
UNION ALL SELECT * FROM follow_metric;
COMMENT ON VIEW sambapos.metrics IS
  'name, labels, value, help: ready for an exporter. Names that end in _total only ever grow';
COMMENT ON COLUMN sambapos.metrics.labels IS
  'site; of a table also table; consumer, host or copy, and feed; of some names also light, status, severity or quantile';
COMMENT ON COLUMN sambapos.metrics.help IS 'What the value is';
