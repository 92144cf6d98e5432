-- watch.sql: what hangs, and what waits for a person.

CREATE FUNCTION sambapos._consumer_patience() RETURNS interval
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN interval '5 minutes'; END; $$;
COMMENT ON FUNCTION sambapos._consumer_patience() IS 'After which time something that waits is a matter for a person';

-- By who looks: which consumers is asked there.
CREATE FUNCTION sambapos._consumer_facts(consumer_id integer, OUT feed text, OUT site_id integer, OUT version bigint, OUT left_entities text[],
                                         OUT anew_entities text[], OUT anew_since timestamptz, OUT foreign_entities text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
  SELECT f.name, f.site_id, s.version,
         ARRAY(SELECT n FROM unnest(c.entities) AS n
               WHERE NOT EXISTS (SELECT FROM sambapos.consumer_entity AS x JOIN sambapos.feed_entity AS e USING (entity)
                                 WHERE x.consumer_id = c.consumer_id AND e.feed_id = c.feed_id AND x.entity = n)),
         ARRAY(SELECT x.entity FROM sambapos.consumer_entity AS x
               WHERE x.consumer_id = c.consumer_id AND x.taken_anew IS NOT NULL ORDER BY 1),
         (SELECT min(x.taken_anew) FROM sambapos.consumer_entity AS x WHERE x.consumer_id = c.consumer_id),
         ARRAY(SELECT x.entity FROM sambapos.consumer_entity AS x JOIN sambapos.feed_entity AS e USING (entity)
               WHERE x.consumer_id = c.consumer_id AND e.feed_id = c.feed_id AND sambapos._feed_owner(e) <> x.owner_name ORDER BY 1)
  FROM sambapos.feed_consumer AS c JOIN sambapos.change_feed AS f USING (feed_id) JOIN sambapos.feed_state AS s USING (feed_id)
  WHERE c.consumer_id = _consumer_facts.consumer_id AND c.consumer_id = ANY (sambapos._consumer_shown_ids());
$$;
COMMENT ON FUNCTION sambapos._consumer_facts(integer) IS
  'What is known of a consumer''s feed, for who may see the consumer: its name and version, entities that have left it, and those '
  'that were taken anew, and those whose relation has another owner than when the consumer was added';

-- Of what is open only the longest waiting is looked for.
CREATE VIEW sambapos._consumer_trouble AS
SELECT c.consumer_id, c.name AS consumer, f.site_id, t.kind, t.severity, t.since, t.words
FROM sambapos.feed_consumer AS c
JOIN sambapos.consumer_position AS p USING (consumer_id)
LEFT JOIN sambapos.consumer_call AS k USING (consumer_id)
CROSS JOIN LATERAL sambapos._consumer_facts(c.consumer_id) AS f
LEFT JOIN LATERAL (SELECT count(*) AS deliveries, min(d.waiting_since) AS since FROM sambapos.delivery AS d
                   WHERE d.consumer_id = c.consumer_id AND d.state = 'open'
                     AND d.waiting_since < statement_timestamp() - sambapos._consumer_patience()) AS w ON true
LEFT JOIN LATERAL (SELECT count(*) AS deliveries, min(d.next_at) AS since FROM sambapos.delivery AS d
                   WHERE d.consumer_id = c.consumer_id AND d.state = 'dead') AS x ON true
CROSS JOIN LATERAL (
  SELECT 'consumer stopped' AS kind, 'critical' AS severity, NULL::timestamptz AS since,
         format('consumer "%s" has stopped: %s', c.name, p.problem) AS words
  WHERE p.problem IS NOT NULL
  UNION ALL
  SELECT 'consumer stopped', 'critical', NULL, format('entities of consumer "%s" are not on its feed any more: %s', c.name, array_to_string(f.left_entities, ', '))
  WHERE f.left_entities <> '{}'
  UNION ALL
  SELECT 'consumer stopped', 'critical', NULL, format('the relations of entities of consumer "%s" have another owner than when it was added: %s',
                                                      c.name, array_to_string(f.foreign_entities, ', '))
  WHERE f.foreign_entities <> '{}' AND p.problem IS NULL
  UNION ALL
  SELECT 'dead deliveries', 'warning', x.since, format('%s deliveries to consumer "%s" are dead', x.deliveries, c.name) WHERE x.deliveries > 0
  UNION ALL
  SELECT 'consumer silent', 'warning', k.called_at, format('consumer "%s" has not asked for what there is since %s UTC', c.name,
                                                          to_char(k.called_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
  WHERE k.called_at < statement_timestamp() - sambapos._consumer_patience()
    AND (w.deliveries > 0 OR c.mode = 'stream' AND p.version IS DISTINCT FROM f.version)
  UNION ALL
  SELECT 'deliveries wait', 'warning', w.since, format('%s deliveries to consumer "%s" have waited for more than 5 minutes', w.deliveries, c.name)
  WHERE w.deliveries > 0 AND k.called_at >= statement_timestamp() - sambapos._consumer_patience()
  UNION ALL
  SELECT 'taken anew', 'warning', f.anew_since, format('which rows have changed for consumer "%s" is not known, but for those that it was given before: %s',
                                             c.name, array_to_string(f.anew_entities, ', '))
  WHERE f.anew_entities <> '{}') AS t;
COMMENT ON VIEW sambapos._consumer_trouble IS 'What is wrong with each consumer, one matter a row';
