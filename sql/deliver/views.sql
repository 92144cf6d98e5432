-- views.sql: how consumers and their deliveries stand.

CREATE VIEW sambapos.deliveries AS
SELECT c.name AS consumer, d.entity, d.key, sambapos._delivery_status(d) AS status, d.version, d.acked_version, d.attempts,
       d.next_at, d.last_error, d.reference, d.synced_at
FROM sambapos.delivery AS d JOIN sambapos.feed_consumer AS c USING (consumer_id);
COMMENT ON VIEW sambapos.deliveries IS 'How the delivery of each row to each consumer stands';
COMMENT ON COLUMN sambapos.deliveries.consumer IS 'The consumer';
COMMENT ON COLUMN sambapos.deliveries.entity IS 'The entity of its feed';
COMMENT ON COLUMN sambapos.deliveries.key IS 'The key of the row';
COMMENT ON COLUMN sambapos.deliveries.status IS
  'pending: not given out yet, or not ready any more before it was delivered; leased: a worker has it; synced: delivered; failed: it waits for its next attempt; dead: it waits '
  'for a person, see sambapos_retry';
COMMENT ON COLUMN sambapos.deliveries.version IS 'The version of the last change of the row';
COMMENT ON COLUMN sambapos.deliveries.acked_version IS 'The version that was delivered last; NULL: none';
COMMENT ON COLUMN sambapos.deliveries.attempts IS 'How often this version was given out';
COMMENT ON COLUMN sambapos.deliveries.next_at IS 'When it is given out next, at the earliest, unless it is synced or dead';
COMMENT ON COLUMN sambapos.deliveries.last_error IS 'What the last attempt has failed with; NULL: nothing';
COMMENT ON COLUMN sambapos.deliveries.reference IS 'What the target calls it; NULL: it has not said';
COMMENT ON COLUMN sambapos.deliveries.synced_at IS 'When it was delivered last; NULL: never';

CREATE VIEW sambapos.dead_deliveries AS
SELECT c.name AS consumer, d.entity, d.key, d.version, d.acked_version, d.attempts, d.last_error, d.reference, d.synced_at,
       format('SELECT sambapos_retry(%L, %L)', c.name, d.key) AS hint
FROM sambapos.delivery AS d JOIN sambapos.feed_consumer AS c USING (consumer_id)
WHERE d.state = 'dead';
COMMENT ON VIEW sambapos.dead_deliveries IS
  'The deliveries that have failed as often as may be: a person sees to the cause, and has them tried again';
COMMENT ON COLUMN sambapos.dead_deliveries.consumer IS 'The consumer';
COMMENT ON COLUMN sambapos.dead_deliveries.entity IS 'The entity of its feed';
COMMENT ON COLUMN sambapos.dead_deliveries.key IS 'The key of the row';
COMMENT ON COLUMN sambapos.dead_deliveries.version IS 'The version that could not be delivered';
COMMENT ON COLUMN sambapos.dead_deliveries.acked_version IS 'The version that was delivered last; NULL: none';
COMMENT ON COLUMN sambapos.dead_deliveries.attempts IS 'How often it was tried';
COMMENT ON COLUMN sambapos.dead_deliveries.last_error IS 'What the last attempt has failed with';
COMMENT ON COLUMN sambapos.dead_deliveries.reference IS 'What the target calls it; NULL: it has not said';
COMMENT ON COLUMN sambapos.dead_deliveries.synced_at IS 'When it was delivered last; NULL: never';
COMMENT ON COLUMN sambapos.dead_deliveries.hint IS 'What has it tried again';

-- Each count is in the list of columns, not in a join: who does not select it does not pay for it.
CREATE VIEW sambapos.consumers AS
SELECT c.name AS consumer, f.feed, c.entities, c.mode, c.condition, c.start, c.once, c.max_attempts, c.lease, c.role_name AS role,
       c.status_column, c.reference_column,
       (SELECT CASE min(CASE t.severity WHEN 'critical' THEN 1 ELSE 2 END) WHEN 1 THEN 'red' WHEN 2 THEN 'amber' ELSE 'green' END
        FROM sambapos._consumer_trouble AS t WHERE t.consumer_id = c.consumer_id) AS light,
       (SELECT string_agg(t.words, '; ') FROM sambapos._consumer_trouble AS t WHERE t.consumer_id = c.consumer_id) AS reason,
       p.version AS position, f.version - coalesce(p.version, 0) AS lag,
       (SELECT count(*) FROM sambapos.delivery AS d WHERE d.consumer_id = c.consumer_id AND d.state = 'open'
           AND sambapos._delivery_status(d) = 'pending') AS pending,
       (SELECT count(*) FROM sambapos.delivery AS d WHERE d.consumer_id = c.consumer_id AND d.state = 'open'
           AND sambapos._delivery_status(d) = 'leased') AS leased,
       (SELECT count(*) FROM sambapos.delivery AS d WHERE d.consumer_id = c.consumer_id AND d.state = 'done' AND d.acked_version IS NOT NULL) AS synced,
       (SELECT count(*) FROM sambapos.delivery AS d WHERE d.consumer_id = c.consumer_id AND d.state = 'open'
           AND sambapos._delivery_status(d) = 'failed') AS failed,
       (SELECT count(*) FROM sambapos.delivery AS d WHERE d.consumer_id = c.consumer_id AND d.state = 'dead') AS dead,
       (SELECT min(d.waiting_since) FROM sambapos.delivery AS d WHERE d.consumer_id = c.consumer_id AND d.state = 'open') AS waiting_since,
       k.called_at, p.problem, c.added_by, c.added_at
FROM sambapos.feed_consumer AS c
JOIN sambapos.consumer_position AS p USING (consumer_id)
LEFT JOIN sambapos.consumer_call AS k USING (consumer_id)
CROSS JOIN LATERAL sambapos._consumer_facts(c.consumer_id) AS f;
COMMENT ON VIEW sambapos.consumers IS 'Who gets the changes of which feed delivered, and how far each has come';
COMMENT ON COLUMN sambapos.consumers.consumer IS 'The consumer';
COMMENT ON COLUMN sambapos.consumers.feed IS 'The feed whose changes it gets';
COMMENT ON COLUMN sambapos.consumers.entities IS 'Of which entities';
COMMENT ON COLUMN sambapos.consumers.mode IS 'work: row by row, with retries; stream: version by version, in strict order';
COMMENT ON COLUMN sambapos.consumers.condition IS 'Which rows are ready; NULL: all';
COMMENT ON COLUMN sambapos.consumers.start IS 'now, or beginning: it also got the rows that were there';
COMMENT ON COLUMN sambapos.consumers.once IS 'A row that was delivered is not delivered again when it changes';
COMMENT ON COLUMN sambapos.consumers.max_attempts IS 'How often a delivery is tried before it is dead';
COMMENT ON COLUMN sambapos.consumers.lease IS 'How long a delivery is given to one worker';
COMMENT ON COLUMN sambapos.consumers.role IS 'The role that works for it; NULL: only who may administer it';
COMMENT ON COLUMN sambapos.consumers.status_column IS 'The column of the table into which synced is written; NULL: none';
COMMENT ON COLUMN sambapos.consumers.reference_column IS 'The column into which the reference is written; NULL: none';
COMMENT ON COLUMN sambapos.consumers.light IS
  'green; amber: deliveries are dead or have waited for more than 5 minutes, or it does not ask any more; red: it has stopped';
COMMENT ON COLUMN sambapos.consumers.reason IS 'Why the light is not green; NULL: it is';
COMMENT ON COLUMN sambapos.consumers.position IS
  'work: the version up to which changes are deliveries; stream: the version that it has acknowledged';
COMMENT ON COLUMN sambapos.consumers.lag IS 'How many versions the feed is ahead of it';
COMMENT ON COLUMN sambapos.consumers.pending IS 'How many deliveries were not given out yet';
COMMENT ON COLUMN sambapos.consumers.leased IS 'How many a worker has';
COMMENT ON COLUMN sambapos.consumers.synced IS 'How many rows are delivered';
COMMENT ON COLUMN sambapos.consumers.failed IS 'How many wait for their next attempt';
COMMENT ON COLUMN sambapos.consumers.dead IS 'How many wait for a person';
COMMENT ON COLUMN sambapos.consumers.waiting_since IS 'Since when the longest waiting delivery waits; NULL: none does';
COMMENT ON COLUMN sambapos.consumers.called_at IS 'When it has last asked for what there is, to a second';
COMMENT ON COLUMN sambapos.consumers.problem IS 'The error by which it has stopped; NULL: it has not';
COMMENT ON COLUMN sambapos.consumers.added_by IS 'The role that has added it';
COMMENT ON COLUMN sambapos.consumers.added_at IS 'When it was added';
