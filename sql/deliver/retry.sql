-- retry.sql: what a person does with a delivery, and what the target says later.

CREATE FUNCTION sambapos._delivery_numbers(c sambapos.feed_consumer, entities text[], key jsonb) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN ARRAY(SELECT d.delivery_no FROM sambapos.feed_entity AS e
               JOIN sambapos.delivery AS d ON (d.consumer_id, d.entity) = (c.consumer_id, e.entity)
                AND d.key_hash = md5(CASE WHEN jsonb_typeof(_delivery_numbers.key) <> 'object' AND cardinality(e.key) = 1
                                          THEN jsonb_build_object(e.key[1], _delivery_numbers.key) ELSE _delivery_numbers.key END::text)::uuid
               WHERE e.feed_id = c.feed_id AND e.entity = ANY (entities));
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_numbers(sambapos.feed_consumer, text[], jsonb) IS
  'The deliveries of a row to a consumer, in any of these entities; of a key of one column its value alone will do';

CREATE FUNCTION sambapos._delivery_missing(c sambapos.feed_consumer, key jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RAISE EXCEPTION 'consumer "%" has no delivery of %', c.name, coalesce(key::text, 'NULL') USING ERRCODE = 'undefined_object',
    HINT = 'View sambapos.deliveries has the keys. What never was ready, or has not changed since the consumer was added, is '
           'not among them.';
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_missing(sambapos.feed_consumer, jsonb) IS 'Raises 42704 for a row that is not among the deliveries';

-- What workers have in hand they keep, but for a row that a person names: whoever has it can end it no more.
CREATE FUNCTION sambapos._delivery_retry(consumer text, key jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos.feed_consumer := sambapos._consumer(consumer, '{operator,admin}');
  numbers bigint[];
  retried bigint;
BEGIN
  IF key IS NOT NULL THEN
    numbers := sambapos._delivery_numbers(c, c.entities, key);
    PERFORM sambapos._delivery_missing(c, key) WHERE numbers = '{}';
  END IF;
  UPDATE sambapos.delivery AS d
     SET state = 'open', attempts = 0, next_at = clock_timestamp(), leased_until = NULL,
         waiting_since = CASE d.state WHEN 'dead' THEN clock_timestamp() ELSE d.waiting_since END
   WHERE d.consumer_id = c.consumer_id AND (d.delivery_no = ANY (numbers) OR numbers IS NULL)
     AND CASE WHEN numbers IS NOT NULL THEN d.state <> 'done'
              ELSE (d.state = 'dead' OR d.state = 'open' AND d.attempts > 0)
                   AND coalesce(d.leased_until NOT BETWEEN clock_timestamp() AND clock_timestamp() + c.lease, true) END;
  GET DIAGNOSTICS retried = ROW_COUNT;
  UPDATE sambapos.consumer_entity AS x SET taken_anew = NULL
  WHERE x.consumer_id = c.consumer_id AND key IS NULL AND x.taken_anew IS NOT NULL;
  RETURN retried;
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_retry(text, jsonb) IS 'Has deliveries tried again, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_retry(consumer text, key jsonb DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  RETURN sambapos._delivery_retry(consumer, key);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_retry(text, jsonb) IS
  'Has deliveries that are dead, or wait after a failure, tried again at once, with all their attempts: that of one row, or all. '
  'Of one row also if a worker has it, who can end it no more then. Returns how many. For the consumer''s role, who has added it, and levels operator and admin. Errors: 42704 no such consumer or '
  'delivery, 42501 another''s';

CREATE FUNCTION sambapos._delivery_name(consumer text, entity text, key jsonb, reference text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos.feed_consumer := sambapos._consumer(consumer, '{operator,admin}');
  d sambapos.delivery;
BEGIN
  UPDATE sambapos.delivery AS x SET reference = _delivery_name.reference
  WHERE x.delivery_no = ANY (sambapos._delivery_numbers(c, ARRAY[_delivery_name.entity],
                                                                 _delivery_name.key)) RETURNING x.* INTO d;
  IF d.delivery_no IS NULL THEN
    PERFORM sambapos._delivery_missing(c, key);
  END IF;
  PERFORM sambapos._delivery_write_back(c, d, false, reference);
END;
$$;
COMMENT ON FUNCTION sambapos._delivery_name(text, text, jsonb, text) IS 'Sets the reference of a delivery, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_set_reference(consumer text, entity text, key jsonb, reference text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._delivery_name(consumer, entity, key, reference);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_set_reference(text, text, jsonb, text) IS
  'What the target calls a row, where it says so later. Errors: 42704 no such consumer or delivery, 42501 another''s';
