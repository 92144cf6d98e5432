-- pending.sql: how a change becomes a delivery.
--
-- Rules:
-- * The tick does it, in the transaction that numbers the changes: what has a version is a delivery, or the consumer has
--   not come so far. Nothing is delivered that has none.
-- * Each consumer by itself: one whose condition fails stops where it is, and goes on from there when it does not fail
--   any more. The log of the feed has what came meanwhile.
-- * No consumer keeps the tick waiting. A row that a worker has locked, as one that acknowledges in a long transaction
--   does, is left out and noted for the next tick.

CREATE TYPE sambapos._pending_change AS (key jsonb, version bigint, operation text, is_ready boolean);
COMMENT ON TYPE sambapos._pending_change IS 'The last change of a row; is_ready: the condition of the consumer holds for it';

CREATE FUNCTION sambapos._pending_written_back(e sambapos.feed_entity) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg(n), '{}')
  FROM sambapos.feed_consumer AS c CROSS JOIN LATERAL unnest(ARRAY[c.status_column, c.reference_column]) AS n
  WHERE c.feed_id = e.feed_id AND e.entity = ANY (c.entities) AND n IS NOT NULL;
$$;
COMMENT ON FUNCTION sambapos._pending_written_back(sambapos.feed_entity) IS
  'The columns of an entity that consumers write to: what was delivered is compared without them';

CREATE FUNCTION sambapos._pending_hash(data jsonb, written_back text[]) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN md5((data - written_back)::text)::uuid; END; $$;
COMMENT ON FUNCTION sambapos._pending_hash(jsonb, text[]) IS 'By what a row is known to be as it was delivered; NULL: it is deleted';

CREATE FUNCTION sambapos._pending_changes(c sambapos.feed_consumer, e sambapos.feed_entity, past bigint, until bigint)
RETURNS sambapos._pending_change[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH seen AS (
    SELECT k.key, k.version, k.operation, k.change_id FROM sambapos.change AS k
    WHERE k.feed_id = c.feed_id AND k.version > past AND k.version <= until AND k.entity = e.entity AND k.key IS NOT NULL
      AND NOT k.written_back
    UNION ALL
    SELECT n.key, n.version, n.operation, 0 FROM sambapos.delivery_noted AS n
    WHERE (n.consumer_id, n.entity) = (c.consumer_id, e.entity)
  ), last AS (
    SELECT DISTINCT ON (s.key) s.* FROM seen AS s ORDER BY s.key, s.version DESC, s.change_id DESC)
  SELECT array_agg((l.key, l.version, l.operation, NULL)::sambapos._pending_change ORDER BY l.version, l.change_id) FROM last AS l;
$$;
COMMENT ON FUNCTION sambapos._pending_changes(sambapos.feed_consumer, sambapos.feed_entity, bigint, bigint) IS
  'What has changed for a consumer in an entity, one change a row; NULL: nothing';

-- Whether all rows are to be looked at, since nobody has noted which have changed.
CREATE FUNCTION sambapos._pending_is_anew(c sambapos.feed_consumer, e sambapos.feed_entity, past bigint, s sambapos.feed_state)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN past < s.min_version
      OR EXISTS (SELECT FROM sambapos.change AS k
                 WHERE k.feed_id = c.feed_id AND k.version > past AND k.version <= s.version AND k.entity = e.entity
                   AND k.key IS NULL AND k.operation IN ('LOAD', 'TRUNCATE'));
END;
$$;
COMMENT ON FUNCTION sambapos._pending_is_anew(sambapos.feed_consumer, sambapos.feed_entity, bigint, sambapos.feed_state) IS
  'True if an entity is to be taken anew, or changes are kept no longer that a consumer has not had';

-- From a replica table rows go with a clear, which deletes no sale. Sales of before a clear stay among the sales: one that
-- is not there any more was deleted, or merged into another, unless the replica keeps its ticket no longer at all.
CREATE FUNCTION sambapos._pending_deleted(e sambapos.feed_entity, absent jsonb[]) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF e.capture IN ('statement', 'row') THEN
    RETURN QUERY SELECT k FROM unnest(absent) AS k;
  ELSIF e.capture = 'join' AND cardinality(absent) > 0 AND NOT sambapos._feed_is_left(e) THEN
    RETURN QUERY EXECUTE
      'SELECT k.key FROM unnest($2) AS k (key)
       WHERE EXISTS (SELECT FROM sambapos_replica.tickets AS t
                     WHERE t.site_id = $1 AND t.epoch = (k.key ->> ''epoch'')::integer AND t.id = (k.key ->> ''ticket_id'')::bigint)'
      USING (SELECT f.site_id FROM sambapos.change_feed AS f WHERE f.feed_id = e.feed_id), absent;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._pending_deleted(sambapos.feed_entity, jsonb[]) IS
  'Those of the keys of rows that are not there which were deleted';

-- What was delivered and is the same has not changed.
CREATE FUNCTION sambapos._pending_anew(c sambapos.feed_consumer, e sambapos.feed_entity, version bigint, with_unknown boolean)
RETURNS sambapos._pending_change[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH present AS MATERIALIZED (
    SELECT r.key, sambapos._pending_hash(r.data, w.columns) AS hash
    FROM (SELECT sambapos._pending_written_back(e) AS columns) AS w
    CROSS JOIN LATERAL sambapos._feed_read(e, NULL, NULL, NULL, NULL) AS r
  ), known AS MATERIALIZED (
    SELECT d.key, d.acked_hash, d.state, d.acked_version FROM sambapos.delivery AS d
    WHERE (d.consumer_id, d.entity) = (c.consumer_id, e.entity)
  ), deleted AS MATERIALIZED (
    SELECT d.key FROM sambapos._pending_deleted(e, ARRAY(SELECT k.key FROM known AS k EXCEPT SELECT p.key FROM present AS p)) AS d (key)
  )
  SELECT array_agg((coalesce(p.key, k.key), _pending_anew.version,
                    CASE WHEN p.key IS NULL THEN 'DELETE' WHEN k.key IS NULL THEN 'INSERT' ELSE 'UPDATE' END, NULL)
                   ::sambapos._pending_change)
  FROM present AS p FULL JOIN known AS k ON k.key = p.key
  WHERE CASE WHEN k.key IS NULL THEN with_unknown
             WHEN p.key IS NULL THEN k.key IN (SELECT d.key FROM deleted AS d)
                                     AND NOT (k.state = 'done' AND k.acked_version IS NOT NULL AND k.acked_hash IS NULL)
             ELSE NOT (k.state = 'done' AND k.acked_hash IS NOT DISTINCT FROM p.hash) END;
$$;
COMMENT ON FUNCTION sambapos._pending_anew(sambapos.feed_consumer, sambapos.feed_entity, bigint, boolean) IS
  'What may have changed for a consumer in an entity that is taken anew; with_unknown: also rows that it was never given';

-- Of a row that is gone no condition can be asked. Whether one is that was given out the table says, not the log: of a sale
-- the log has the changes of its ticket, lines and payments, and not that it is none any more; a key can be used again.
CREATE FUNCTION sambapos._pending_ready(c sambapos.feed_consumer, e sambapos.feed_entity, changes sambapos._pending_change[])
RETURNS sambapos._pending_change[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  x sambapos.consumer_entity := (SELECT k FROM sambapos.consumer_entity AS k
                                 WHERE (k.consumer_id, k.entity) = (c.consumer_id, e.entity));
BEGIN
  RETURN (
    WITH holds AS MATERIALIZED (
      SELECT DISTINCT r.key FROM sambapos._condition_keys(e, x.query_ready, ARRAY(SELECT n.key FROM unnest(changes) AS n)) AS r (key)
      WHERE c.condition IS NOT NULL
    ), given AS MATERIALIZED (
      SELECT d.key FROM unnest(changes) AS n
      JOIN sambapos.delivery AS d ON (d.consumer_id, d.entity, d.key_hash) = (c.consumer_id, e.entity, md5(n.key::text)::uuid)
      WHERE c.condition IS NOT NULL AND d.lease_no > 0 AND n.key NOT IN (SELECT h.key FROM holds AS h)
    ), present AS MATERIALIZED (
      SELECT r.key FROM sambapos._feed_read(e, ARRAY(SELECT g.key FROM given AS g), NULL, NULL, NULL) AS r
    ), deleted AS MATERIALIZED (
      SELECT d.key FROM sambapos._pending_deleted(e, ARRAY(SELECT g.key FROM given AS g EXCEPT SELECT p.key FROM present AS p)) AS d (key))
    SELECT array_agg((n.key, n.version,
                      CASE WHEN n.key IN (SELECT d.key FROM deleted AS d) THEN 'DELETE'
                           WHEN n.operation = 'DELETE' AND n.key IN (SELECT p.key FROM present AS p) THEN 'UPDATE' ELSE n.operation END,
                      c.condition IS NULL OR h.key IS NOT NULL)::sambapos._pending_change ORDER BY n.i)
    FROM unnest(changes) WITH ORDINALITY AS n (key, version, operation, is_ready, i) LEFT JOIN holds AS h ON h.key = n.key);
END;
$$;
COMMENT ON FUNCTION sambapos._pending_ready(sambapos.feed_consumer, sambapos.feed_entity, sambapos._pending_change[]) IS
  'Changes with whether the condition of a consumer holds';

-- A row that was never given out and is not ready any more is as if it had never been there; one that was given out, has
-- changed and is not ready rests, also if it had failed, until the change that makes it ready. That a row is deleted is told once, to whom it was given.
-- What came while a worker has the row is a change of the row all the same: ack compares versions.
CREATE FUNCTION sambapos._pending_write(c sambapos.feed_consumer, e sambapos.feed_entity, life uuid,
                                        changes sambapos._pending_change[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  WITH item AS MATERIALIZED (
    SELECT n.*, md5(n.key::text)::uuid AS key_hash FROM unnest(changes) AS n
  ), locked AS MATERIALIZED (
    SELECT d.delivery_no, d.key_hash, d.lease_no, d.acked_version, d.acked_hash, d.state, d.leased_until
    FROM sambapos.delivery AS d JOIN item AS i USING (key_hash)
    WHERE (d.consumer_id, d.entity) = (c.consumer_id, e.entity) FOR NO KEY UPDATE OF d SKIP LOCKED
  ), judged AS MATERIALIZED (
    SELECT i.*, l.delivery_no,
           CASE WHEN i.operation = 'DELETE' AND l.state = 'done' AND l.acked_version IS NOT NULL AND l.acked_hash IS NULL THEN false
                ELSE i.is_ready OR i.operation = 'DELETE' AND coalesce(l.lease_no, 0) > 0 END AS counts,
           l.lease_no, l.acked_version, l.state, l.leased_until
    FROM item AS i LEFT JOIN locked AS l USING (key_hash)
  ), changed AS (
    UPDATE sambapos.delivery AS d
       SET version = j.version, incarnation = life, state = 'open',
           operation = CASE WHEN j.operation = 'UPDATE' AND d.operation = 'INSERT' AND d.acked_version IS NULL THEN 'INSERT'
                            WHEN j.operation = 'INSERT' AND d.acked_version IS NOT NULL THEN 'UPDATE' ELSE j.operation END,
           waiting_since = CASE d.state WHEN 'open' THEN d.waiting_since ELSE now() END,
           next_at = CASE d.state WHEN 'open' THEN d.next_at ELSE now() END,
           attempts = 0 -- those were of another version
      FROM judged AS j
     WHERE d.delivery_no = j.delivery_no AND j.counts AND NOT (c.once AND d.state = 'done' AND d.acked_version IS NOT NULL)
  ), rested AS (
    UPDATE sambapos.delivery AS d SET state = 'done', attempts = 0 FROM judged AS j
     WHERE d.delivery_no = j.delivery_no AND NOT j.counts AND j.state = 'open' AND j.lease_no > 0
       AND coalesce(j.leased_until NOT BETWEEN clock_timestamp() AND clock_timestamp() + c.lease, true)
  ), dropped AS (
    DELETE FROM sambapos.delivery AS d USING judged AS j
     WHERE d.delivery_no = j.delivery_no AND NOT j.counts AND j.lease_no = 0
  ), made AS (
    INSERT INTO sambapos.delivery (consumer_id, entity, key, version, incarnation, operation)
    SELECT c.consumer_id, e.entity, j.key, j.version, life, j.operation FROM judged AS j
    WHERE j.delivery_no IS NULL AND j.counts
      -- ON CONFLICT alone would wait for the worker that has it locked; looked up for each, as the planner has no idea how many
      AND (SELECT true FROM sambapos.delivery AS d
           WHERE (d.consumer_id, d.entity, d.key_hash) = (c.consumer_id, e.entity, j.key_hash)) IS NULL
    ON CONFLICT (consumer_id, entity, key_hash) DO NOTHING RETURNING key_hash
  )
  INSERT INTO sambapos.delivery_noted (consumer_id, entity, key, version, operation)
  SELECT c.consumer_id, e.entity, j.key, j.version, j.operation FROM judged AS j
  WHERE j.delivery_no IS NULL AND j.key_hash NOT IN (SELECT m.key_hash FROM made AS m)
    AND EXISTS (SELECT FROM sambapos.delivery AS d
                WHERE (d.consumer_id, d.entity, d.key_hash) = (c.consumer_id, e.entity, j.key_hash));
$$;
COMMENT ON FUNCTION sambapos._pending_write(sambapos.feed_consumer, sambapos.feed_entity, uuid, sambapos._pending_change[]) IS
  'Makes deliveries of changes, or changes those that are there; what a worker has locked is noted for the next tick';

CREATE FUNCTION sambapos._pending_entity(c sambapos.feed_consumer, e sambapos.feed_entity, past bigint, s sambapos.feed_state)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  changes sambapos._pending_change[];
BEGIN
  IF sambapos._pending_is_anew(c, e, past, s) THEN
    changes := sambapos._pending_anew(c, e, s.version, c.start = 'beginning');
    UPDATE sambapos.consumer_entity AS x SET taken_anew = coalesce(x.taken_anew, now())
    WHERE (x.consumer_id, x.entity) = (c.consumer_id, e.entity) AND c.start = 'now';
  END IF;
  changes := changes || sambapos._pending_changes(c, e, past, s.version);
  DELETE FROM sambapos.delivery_noted AS n WHERE (n.consumer_id, n.entity) = (c.consumer_id, e.entity);
  IF cardinality(changes) > 0 THEN
    changes := ARRAY(SELECT DISTINCT ON (n.key) n::sambapos._pending_change FROM unnest(changes) AS n ORDER BY n.key, n.version DESC);
    PERFORM sambapos._pending_write(c, e, sambapos._feed_incarnation(s), sambapos._pending_ready(c, e, changes));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._pending_entity(sambapos.feed_consumer, sambapos.feed_entity, bigint, sambapos.feed_state) IS
  'Makes deliveries of what has changed in an entity since a version';

CREATE FUNCTION sambapos._pending_is_due(f sambapos.change_feed) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.feed_consumer AS c JOIN sambapos.consumer_position AS p USING (consumer_id)
                 JOIN sambapos.feed_state AS s USING (feed_id)
                 WHERE c.feed_id = f.feed_id AND c.mode = 'work'
                   AND (p.version < s.version
                        OR EXISTS (SELECT FROM sambapos.delivery_noted AS n WHERE n.consumer_id = c.consumer_id)));
END;
$$;
COMMENT ON FUNCTION sambapos._pending_is_due(sambapos.change_feed) IS
  'True if changes of a feed are not yet deliveries of one of its consumers';

CREATE FUNCTION sambapos._pending_consumer(c sambapos.feed_consumer, s sambapos.feed_state) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  past bigint := (SELECT p.version FROM sambapos.consumer_position AS p WHERE p.consumer_id = c.consumer_id);
  context text;
  words text;
BEGIN
  PERFORM sambapos._consumer_check_owners(c);
  PERFORM sambapos._pending_entity(c, e, past, s)
  FROM sambapos.consumer_entity AS x JOIN sambapos.feed_entity AS e ON (e.feed_id, e.entity) = (c.feed_id, x.entity)
  WHERE x.consumer_id = c.consumer_id ORDER BY e.entity_id;
  UPDATE sambapos.consumer_position AS p SET version = s.version, problem = NULL WHERE p.consumer_id = c.consumer_id;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  words := sambapos._error_words(SQLSTATE, SQLERRM, context);
  UPDATE sambapos.consumer_position AS p SET problem = words
  WHERE p.consumer_id = c.consumer_id AND p.problem IS DISTINCT FROM words;
  RAISE WARNING 'consumer "%" has stopped: %', c.name, words USING ERRCODE = SQLSTATE,
    HINT = 'It goes on by itself, from where it is, when that is mended.';
END;
$$;
COMMENT ON FUNCTION sambapos._pending_consumer(sambapos.feed_consumer, sambapos.feed_state) IS
  'Makes deliveries of what has changed for a consumer; an error stops it where it is, and is put on record';

CREATE FUNCTION sambapos._pending_make(f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._pending_is_due(f) THEN
    PERFORM sambapos._pending_consumer(c, s) FROM sambapos.feed_consumer AS c JOIN sambapos.feed_state AS s USING (feed_id)
    WHERE c.feed_id = f.feed_id AND c.mode = 'work' ORDER BY c.consumer_id;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._pending_make(sambapos.change_feed) IS
  'Makes deliveries of what has changed on a feed, for each of its consumers';
