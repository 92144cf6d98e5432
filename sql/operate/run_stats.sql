-- run_stats.sql: how the runs of each day were, and how the tables grow.
--
-- Rules:
-- * Both are made of the run log, so they reach back as far as that does (run_log_retention), and of sizes that
--   PostgreSQL knows. Rows are counted only where the column is selected.

CREATE VIEW sambapos.run_stats AS
SELECT s.name AS site, d.day, count(*) AS runs, count(*) FILTER (WHERE r.status <> 'ok') AS failures,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY d.seconds) AS p50_seconds,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY d.seconds) AS p95_seconds,
       coalesce(sum(r.source_rows), 0)::bigint AS rows, coalesce(sum(r.source_ms), 0)::bigint AS source_ms,
       coalesce(sum(r.source_queries), 0)::bigint AS source_queries,
       coalesce(sum(r.source_bytes), 0)::bigint AS source_bytes,
       coalesce(sum(r.paused_ms), 0)::bigint AS paused_ms
FROM sambapos._place AS s
JOIN sambapos.run AS r USING (site_id)
CROSS JOIN LATERAL (
  SELECT (r.started_at AT TIME ZONE coalesce(s.time_zone, 'UTC'))::date AS day,
         extract(epoch FROM r.ended_at - r.started_at)::double precision AS seconds) AS d
WHERE s.removed_at IS NULL AND r.status NOT IN ('running', 'busy')
GROUP BY s.name, d.day;
COMMENT ON VIEW sambapos.run_stats IS
  'The runs of a site on a day, in its time zone: how many, how many failed, how long they took and what they had of '
  'the source. A run that is on is not counted, nor is one that could not start (busy). As far back as the run log';
COMMENT ON COLUMN sambapos.run_stats.day IS 'The day on which they began, in the site''s time zone, or else UTC';
COMMENT ON COLUMN sambapos.run_stats.failures IS 'Those that failed, wholly or in part, or were aborted';
COMMENT ON COLUMN sambapos.run_stats.p50_seconds IS 'Half of them took no longer; NULL: it is not known of any';
COMMENT ON COLUMN sambapos.run_stats.p95_seconds IS '95 % of them took no longer';
COMMENT ON COLUMN sambapos.run_stats.rows IS 'How many rows came from the source';
COMMENT ON COLUMN sambapos.run_stats.source_ms IS 'How many milliseconds their queries were open at the source';
COMMENT ON COLUMN sambapos.run_stats.paused_ms IS 'How many milliseconds they have paused to spare the source';

-- A table is that of all sites. Where one site alone has copied it, its size is that site's; else what each has of it
-- can only be estimated: by its rows, among all that PostgreSQL's statistics know of. Who sees some sites only cannot
-- know whether others have it.
CREATE FUNCTION sambapos._replica_bytes(site_id integer, table_name name, of_all boolean) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := to_regclass(format('sambapos_replica.%I', table_name));
  known    double precision := (SELECT c.reltuples FROM pg_class AS c WHERE c.oid = relation);
BEGIN
  IF relation IS NULL THEN
    RETURN NULL;
  ELSIF of_all THEN
    RETURN pg_total_relation_size(relation);
  ELSIF known <= 0 THEN
    RETURN NULL;
  END IF;
  RETURN pg_total_relation_size(relation)
         * least(1, sambapos._replica_row_count(site_id, table_name,
                                                '{live,cleared,superseded,removed,deleted}') / known);
END;
$$;
COMMENT ON FUNCTION sambapos._replica_bytes(integer, name, boolean) IS
  'The size of a replica table with its indexes: of_all: of the whole table; else the part of a site, by its rows; '
  'NULL: that is not known before the table was analyzed';

CREATE VIEW sambapos.growth AS
SELECT s.name AS site, t.table_name::text AS table_name,
       sambapos._replica_row_count(t.site_id, t.table_name, '{live,cleared,superseded,removed,deleted}') AS rows,
       sambapos._replica_bytes(t.site_id, t.table_name, t.sites = 1 AND sambapos._grant_sees_all()) AS bytes,
       CASE WHEN k.days >= 1 THEN round((coalesce(g.rows_inserted, 0) / k.days)::numeric, 1) END AS rows_per_day,
       round(k.days::numeric, 1) AS days
FROM sambapos._place AS s
JOIN (SELECT t.*, count(*) OVER (PARTITION BY t.table_name) AS sites FROM sambapos._table AS t) AS t USING (site_id)
LEFT JOIN LATERAL (
  SELECT extract(epoch FROM now() - greatest(t.loaded_at, now() - interval '7 days',
                                             now() - s.run_log_retention)) / 86400 AS days
  WHERE t.loaded_at IS NOT NULL) AS k ON true
LEFT JOIN (
  SELECT r.site_id, x.table_name, sum(x.rows_inserted) AS rows_inserted
  FROM sambapos.run AS r JOIN sambapos.run_table AS x USING (run_id)
  JOIN sambapos._table AS l ON (l.site_id, l.table_name) = (r.site_id, x.table_name) AND r.started_at > l.loaded_at
  WHERE r.started_at > now() - interval '7 days' AND x.rows_inserted > 0
  GROUP BY r.site_id, x.table_name) AS g ON (g.site_id, g.table_name) = (t.site_id, t.table_name)
WHERE s.removed_at IS NULL;
COMMENT ON VIEW sambapos.growth IS
  'How much of each copied table is here, and how fast it grows. Rows are counted only if column rows, or bytes of a '
  'table that several sites share, is selected';
COMMENT ON COLUMN sambapos.growth.rows IS
  'Rows of the site in the replica table, whatever has become of them; NULL: as in table_status';
COMMENT ON COLUMN sambapos.growth.bytes IS
  'The size of the table with its indexes; where several sites share it the site''s part by its rows, an estimate; '
  'NULL: not known before the table was analyzed';
COMMENT ON COLUMN sambapos.growth.rows_per_day IS
  'How many rows a day came new to it since it was loaded, in the last seven days at most; NULL: it is no day yet';
COMMENT ON COLUMN sambapos.growth.days IS 'How many days that is an average of; NULL: the table is not loaded yet';
