-- watch.sql: how hosts stand: by how many beats they have missed.

CREATE FUNCTION sambapos._host_facts(host_id integer, OUT feed text, OUT site_id integer, OUT version bigint, OUT missed bigint,
                                     OUT light text, OUT silent_since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
  SELECT f.name, f.site_id, s.version, m.missed,
         CASE WHEN m.missed >= 5 THEN 'red' WHEN m.missed >= 2 THEN 'amber' ELSE 'green' END, k.since
  FROM sambapos.feed_host AS h JOIN sambapos.change_feed AS f USING (feed_id) JOIN sambapos.feed_state AS s USING (feed_id)
  LEFT JOIN sambapos.host_state AS t USING (host_id)
  CROSS JOIN LATERAL (SELECT coalesce(t.last_seen_at, h.added_at) AS since) AS k
  CROSS JOIN LATERAL (SELECT greatest(0, floor(extract(epoch FROM clock_timestamp() - k.since)
                                               / extract(epoch FROM f.heartbeat_interval)))::bigint AS missed) AS m
  WHERE h.host_id = _host_facts.host_id AND h.host_id = ANY (sambapos._host_shown_ids());
$$;
COMMENT ON FUNCTION sambapos._host_facts(integer) IS
  'What is known of a host''s feed and of how it stands, for who may see the host: since when it is silent (added counts as seen), '
  'how many beats it has missed, and what that means';

CREATE VIEW sambapos._host_trouble AS
SELECT h.host_id, h.name AS host, f.site_id, f.silent_since AS since,
       format('host "%s" has missed %s heartbeats', h.name, f.missed) AS words
FROM sambapos.feed_host AS h CROSS JOIN LATERAL sambapos._host_facts(h.host_id) AS f
WHERE f.light = 'red';
COMMENT ON VIEW sambapos._host_trouble IS 'Hosts that have missed five beats or more';
