-- end.sql: a delivery is done, or has failed.
--
-- Rules:
-- * Who ends a delivery has it. One that was given to another worker meanwhile, or is done, is an error: so what the
--   target has written in the same transaction is undone, and a target in the same database gets each delivery once.

CREATE FUNCTION sambapos._delivery_held(c sambapos.feed_consumer, delivery_id bigint) RETURNS sambapos.delivery
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  d sambapos.delivery;
BEGIN
  SELECT x.* INTO d FROM sambapos.delivery AS x
  WHERE x.delivery_no = delivery_id / 65536 AND x.consumer_id = c.consumer_id FOR NO KEY UPDATE;
  IF d.leased_until IS NULL OR sambapos._delivery_id(d) <> delivery_id THEN
    RAISE EXCEPTION 'delivery % of consumer "%" was given out again, or is done', coalesce(delivery_id::text, 'NULL'), c.name USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = CASE WHEN d.delivery_no IS NULL THEN 'There is no delivery of that number.'
                    ELSE format('It stands at: %s. Its lease was for %s.', sambapos._delivery_status(d), c.lease) END,
      HINT = 'Undo what was done for it in this transaction. If the work takes longer than the lease, ask for fewer at a time, '
             'or add the consumer with a longer one.';
  END IF;
  RETURN d;
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_held(sambapos.feed_consumer, bigint) IS
  'A delivery that was given out, locked; raises 55000 if it was given out again, or is done';

CREATE FUNCTION sambapos._delivery_write_back(c sambapos.feed_consumer, d sambapos.delivery, is_delivered boolean, reference text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._consumer_write(e, x.update_back, is_delivered, reference, d.key)
  FROM sambapos.consumer_entity AS x JOIN sambapos.feed_entity AS e ON (e.feed_id, e.entity) = (c.feed_id, x.entity)
  WHERE (x.consumer_id, x.entity) = (c.consumer_id, d.entity) AND x.update_back IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_write_back(sambapos.feed_consumer, sambapos.delivery, boolean, text) IS
  'Writes status and reference into the row itself, if the consumer has columns for them';

-- What has changed since it was given out is open again at once.
CREATE FUNCTION sambapos._delivery_done(c sambapos.feed_consumer, d sambapos.delivery, reference text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.delivery AS x
     SET acked_version = x.leased_version, acked_hash = x.leased_hash, synced_at = clock_timestamp(), attempts = 0,
         last_error = NULL, leased_until = NULL, reference = coalesce(_delivery_done.reference, x.reference),
         state = CASE WHEN x.version = x.leased_version OR c.once THEN 'done' ELSE 'open' END,
         waiting_since = CASE WHEN x.version = x.leased_version THEN x.waiting_since ELSE clock_timestamp() END,
         next_at = CASE WHEN x.version = x.leased_version THEN x.next_at ELSE clock_timestamp() END
   WHERE x.delivery_no = d.delivery_no;
$$;
COMMENT ON FUNCTION sambapos._delivery_done(sambapos.feed_consumer, sambapos.delivery, text) IS 'Puts on record that a delivery is done';

CREATE FUNCTION sambapos._delivery_ack(c sambapos.feed_consumer, delivery_id bigint, reference text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  d sambapos.delivery := sambapos._delivery_held(c, delivery_id);
BEGIN
  PERFORM sambapos._delivery_done(c, d, reference);
  PERFORM sambapos._delivery_write_back(c, d, true, reference);
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_ack(sambapos.feed_consumer, bigint, text) IS 'Ends a delivery that the caller has';

CREATE FUNCTION sambapos._delivery_end(consumer text, delivery_id bigint, reference text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos.feed_consumer := sambapos._consumer_in_mode(consumer, 'work');
BEGIN
  PERFORM sambapos._delivery_ack(c, delivery_id, reference);
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_end(text, bigint, text) IS 'Ends a delivery, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_ack(consumer text, delivery_id bigint, reference text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._delivery_end(consumer, delivery_id, reference);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_ack(text, bigint, text) IS
  'A delivery that sambapos_next gave is done. reference: what the target calls it; NULL: as before. Within the transaction '
  'that writes to a target in the same database it makes each delivery happen exactly once. A lease that has run out and that '
  'nobody took may still be ended. Errors: 55000 it was given out again, or is done; 42704 no such consumer, 42501 another''s';

-- 5 seconds, doubled each time, up to 5 minutes; a quarter more or less, so that what failed together does not come back
-- together.
CREATE FUNCTION sambapos._delivery_backoff(attempts integer) RETURNS interval
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN least(interval '5 minutes', interval '5 seconds' * power(2, least(attempts, 10) - 1)) * (0.75 + random() / 2);
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_backoff(integer) IS 'How long to wait after so many attempts';

-- What has changed meanwhile is another matter: it has all its attempts, from the tick that has made it one.
CREATE FUNCTION sambapos._delivery_fail(consumer text, delivery_id bigint, error text, retry boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos.feed_consumer := sambapos._consumer_in_mode(consumer, 'work');
  d sambapos.delivery := sambapos._delivery_held(c, delivery_id);
  is_dead boolean := d.version = d.leased_version AND (retry IS FALSE OR d.attempts >= c.max_attempts);
BEGIN
  UPDATE sambapos.delivery AS x
     SET last_error = coalesce(nullif(error, ''), 'no error was named'), leased_until = NULL,
         state = CASE WHEN is_dead THEN 'dead' ELSE 'open' END,
         next_at = clock_timestamp() + sambapos._delivery_backoff(greatest(x.attempts, 1))
   WHERE x.delivery_no = d.delivery_no;
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_fail(text, bigint, text, boolean) IS 'A delivery has failed, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_nack(consumer text, delivery_id bigint, error text, retry boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._delivery_fail(consumer, delivery_id, error, retry);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_nack(text, bigint, text, boolean) IS
  'A delivery that sambapos_next gave has failed: it is given out again after 5 seconds, 10, 20 and so on up to 5 minutes, and '
  'is dead after the consumer''s max_attempts; with retry false at once. Errors: 55000 it was given out again, or is done; '
  '42704 no such consumer, 42501 another''s';
