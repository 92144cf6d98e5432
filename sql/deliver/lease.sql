-- lease.sql: giving deliveries out.
--
-- Rules:
-- * A delivery is given to one worker for a time. Whoever calls commits before the work: so that a lease is seen, and a
--   lease that has run out tells that a worker is gone.
-- * An attempt begins when it is given out: what kills its workers is dead after max_attempts, too.
-- * What is given out are the row's values at this moment, and only if it is still ready.

-- The number stays below 2^53 as long as there are less than 2^37 rows: JSON has no greater one.
CREATE FUNCTION sambapos._delivery_id(d sambapos.delivery) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN d.delivery_no * 65536 + d.lease_no % 65536; END; $$;
COMMENT ON FUNCTION sambapos._delivery_id(sambapos.delivery) IS 'The number of a lease: that of the row, and how often it was given out';

CREATE FUNCTION sambapos._delivery_idempotency(c sambapos.feed_consumer, d sambapos.delivery) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN md5(CASE WHEN c.once THEN jsonb_build_array(c.name, d.entity, d.key)
                  ELSE jsonb_build_array(c.name, d.entity, d.key, d.version, d.incarnation) END::text)::uuid::text;
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_idempotency(sambapos.feed_consumer, sambapos.delivery) IS
  'By which the target knows a delivery again: the consumer and the row; if it can be delivered again, also the version and '
  'the life of the feed that has given it';

-- A row that another worker has locked, to take it or to end it, is left out. A lease that ends later than one that begins
-- now was taken while the clock was wrong, and is none. The clock is read for each row: a lease can have been taken since.
CREATE FUNCTION sambapos._lease_due(c sambapos.feed_consumer, n integer) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  moment timestamptz := clock_timestamp();
  entities text[] := ARRAY(SELECT e.entity FROM sambapos.consumer_entity AS x
                           JOIN sambapos.feed_entity AS e ON (e.feed_id, e.entity) = (c.feed_id, x.entity)
                           WHERE x.consumer_id = c.consumer_id AND NOT sambapos._feed_is_paused(e));
BEGIN
  RETURN ARRAY(
    SELECT d.delivery_no FROM sambapos.delivery AS d
    WHERE d.consumer_id = c.consumer_id AND d.state = 'open' AND d.next_at <= moment AND d.entity = ANY (entities)
      AND (d.leased_until IS NULL OR d.leased_until <= moment OR d.leased_until > clock_timestamp() + c.lease)
    ORDER BY d.next_at LIMIT n FOR NO KEY UPDATE SKIP LOCKED);
END;
$$;
COMMENT ON FUNCTION sambapos._lease_due(sambapos.feed_consumer, integer) IS
  'Locks deliveries of a consumer that are due and that nobody has; of an entity that is paused none is';

-- Nobody says of what a worker died: of such a lease only the number of attempts is known.
CREATE FUNCTION sambapos._lease_give_up(c sambapos.feed_consumer, due bigint[]) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  WITH dead AS (
    UPDATE sambapos.delivery AS d
       SET state = 'dead', leased_until = NULL,
           last_error = 'the lease ran out: whoever had it neither acknowledged it nor said what was wrong'
                        || coalesce('; before that: ' || d.last_error, '')
     WHERE d.delivery_no = ANY (due) AND d.attempts >= c.max_attempts RETURNING 1)
  SELECT count(*) FROM dead;
$$;
COMMENT ON FUNCTION sambapos._lease_give_up(sambapos.feed_consumer, bigint[]) IS
  'Has deliveries end that were given out as often as may be; returns how many';

-- What is not ready any more comes again with the change that makes it so; a condition on anything else is asked again
-- after a minute. It waits for no worker meanwhile: that is no matter for a person.
CREATE FUNCTION sambapos._lease_not_ready(c sambapos.feed_consumer, due bigint[]) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  WITH asked AS MATERIALIZED (
    SELECT d.entity, array_agg(d.key) AS keys FROM sambapos.delivery AS d
    WHERE d.delivery_no = ANY (due) AND d.state = 'open' GROUP BY d.entity
  ), present AS MATERIALIZED (
    SELECT a.entity, r.key FROM asked AS a
    JOIN sambapos.feed_entity AS e ON (e.feed_id, e.entity) = (c.feed_id, a.entity)
    CROSS JOIN LATERAL sambapos._feed_read(e, a.keys, NULL, NULL, NULL) AS r WHERE c.condition IS NOT NULL
  ), holds AS MATERIALIZED (
    SELECT DISTINCT a.entity, r.key FROM asked AS a
    JOIN sambapos.feed_entity AS e ON (e.feed_id, e.entity) = (c.feed_id, a.entity)
    JOIN sambapos.consumer_entity AS x ON (x.consumer_id, x.entity) = (c.consumer_id, a.entity)
    CROSS JOIN LATERAL sambapos._condition_keys(e, x.query_ready, a.keys) AS r (key) WHERE c.condition IS NOT NULL
  ), later AS (
    UPDATE sambapos.delivery AS d SET next_at = clock_timestamp() + interval '1 minute', waiting_since = clock_timestamp()
     WHERE d.delivery_no = ANY (due) AND d.state = 'open'
       AND (d.entity, d.key) IN (SELECT p.entity, p.key FROM present AS p EXCEPT SELECT h.entity, h.key FROM holds AS h)
    RETURNING 1)
  SELECT count(*) FROM later;
$$;
COMMENT ON FUNCTION sambapos._lease_not_ready(sambapos.feed_consumer, bigint[]) IS
  'Puts off deliveries of rows for which the condition does not hold at this moment; returns how many';

CREATE FUNCTION sambapos._lease_give(c sambapos.feed_consumer, due bigint[])
RETURNS TABLE (delivery_id bigint, entity text, key jsonb, version bigint, operation text, data jsonb, attempt integer,
               reference text, idempotency_key text)
LANGUAGE sql ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$
  WITH asked AS MATERIALIZED (
    SELECT d.* FROM sambapos.delivery AS d
    WHERE d.delivery_no = ANY (due) AND d.state = 'open' AND d.next_at <= clock_timestamp()
  ), rows AS MATERIALIZED (
    SELECT r.*, sambapos._pending_hash(r.data, w.columns) AS hash
    FROM sambapos._feed_rows(c.feed_id, ARRAY(SELECT (a.entity, a.key)::sambapos._feed_named FROM asked AS a), NULL) AS r
    JOIN (SELECT e.entity, sambapos._pending_written_back(e) AS columns FROM sambapos.feed_entity AS e
          WHERE e.feed_id = c.feed_id AND e.entity IN (SELECT a.entity FROM asked AS a) OFFSET 0) AS w USING (entity)
  ), given AS (
    UPDATE sambapos.delivery AS d
       SET lease_no = d.lease_no + 1, attempts = d.attempts + 1, leased_until = clock_timestamp() + c.lease,
           leased_by = sambapos._feed_changer(), leased_version = d.version, leased_hash = r.hash
      FROM asked AS a LEFT JOIN rows AS r ON (r.entity, r.key) = (a.entity, a.key)
     WHERE d.delivery_no = a.delivery_no RETURNING d AS its, r.data
  )
  SELECT sambapos._delivery_id(g.its), (g.its).entity, (g.its).key, (g.its).version,
         CASE WHEN g.data IS NULL THEN 'DELETE' WHEN (g.its).operation = 'DELETE' THEN 'UPDATE' ELSE (g.its).operation END, g.data,
         (g.its).attempts, (g.its).reference, sambapos._delivery_idempotency(c, g.its)
  FROM given AS g ORDER BY (g.its).next_at, (g.its).delivery_no;
$$;
COMMENT ON FUNCTION sambapos._lease_give(sambapos.feed_consumer, bigint[]) IS 'Gives deliveries out, with what their rows have now';

CREATE FUNCTION sambapos._lease_take(c sambapos.feed_consumer, n integer)
RETURNS TABLE (delivery_id bigint, entity text, key jsonb, version bigint, operation text, data jsonb, attempt integer,
               reference text, idempotency_key text)
LANGUAGE plpgsql ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stopped text := (SELECT p.problem FROM sambapos.consumer_position AS p WHERE p.consumer_id = c.consumer_id);
  due bigint[];
BEGIN
  IF stopped IS NOT NULL THEN
    RAISE WARNING 'consumer "%" has stopped: %', c.name, stopped USING
      HINT = 'It goes on by itself, from where it is, when that is mended and the feed has its next tick.';
    RETURN;
  END IF;
  LOOP
    due := sambapos._lease_due(c, n);
    EXIT WHEN due = '{}' OR sambapos._lease_give_up(c, due) + sambapos._lease_not_ready(c, due) < cardinality(due);
  END LOOP;
  RETURN QUERY SELECT g.* FROM sambapos._lease_give(c, due) AS g WHERE due <> '{}';
END;
$$;
COMMENT ON FUNCTION sambapos._lease_take(sambapos.feed_consumer, integer) IS
  'Gives out deliveries that are due; those that are dead, or not ready, make room for others';

CREATE FUNCTION sambapos._lease_check_count(n integer) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF n IS NULL OR n NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'invalid n %', coalesce(n::text, 'NULL') USING ERRCODE = 'invalid_parameter_value', HINT = 'Valid: 1 to 10000.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._lease_check_count(integer) IS 'Raises 22023 for a number of deliveries that nobody can want';

CREATE FUNCTION sambapos._delivery_next(consumer text, n integer)
RETURNS TABLE (delivery_id bigint, entity text, key jsonb, version bigint, operation text, data jsonb, attempt integer,
               reference text, idempotency_key text)
LANGUAGE plpgsql SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos.feed_consumer := sambapos._consumer_in_mode(consumer, 'work');
BEGIN
  PERFORM sambapos._lease_check_count(n);
  PERFORM sambapos._consumer_note_call(c);
  RETURN QUERY SELECT t.* FROM sambapos._lease_take(c, n) AS t;
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_next(text, integer) IS 'Gives deliveries out, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_next(consumer text, n integer DEFAULT 10)
RETURNS TABLE (delivery_id bigint, entity text, key jsonb, version bigint, operation text, data jsonb, attempt integer,
               reference text, idempotency_key text)
LANGUAGE plpgsql ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  RETURN QUERY SELECT t.* FROM sambapos._delivery_next(consumer, n) AS t;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_next(text, integer) IS
  'Gives the caller up to n deliveries that are due, for the time of the consumer''s lease: commit, do the work, then '
  'sambapos_ack or sambapos_nack. data: what the row has now; NULL: it is deleted. attempt: 1 for the first. reference: what '
  'the target called it when it was delivered before. idempotency_key: the same for each attempt of the same change. Errors: '
  '42704 no such consumer, 42501 another''s, 55000 mode stream, 22023 n';
