-- forward.sql: deliveries go into a queue that the user has already: pgq or pgmq.
--
-- Rules:
-- * A queue's functions run with the rights of whoever calls, never with those of this extension's owner.
-- * Taken, put into the queue and ended in one transaction: each delivery is in the queue once.
-- * A delivery that the queue does not take fails by itself, and others go on. What is wrong with the queue as a whole
--   (rights, no such table, no room, a lock) is raised: no delivery is to blame for it.
-- * Who forwards is noted for the taking and for the ending only: not while code of the queue runs.

CREATE FUNCTION sambapos._forward_take(consumer text)
RETURNS TABLE (delivery_id bigint, entity text, key jsonb, version bigint, operation text, data jsonb, attempt integer,
               reference text, idempotency_key text)
LANGUAGE plpgsql ROWS 1000 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  RETURN QUERY SELECT t.* FROM sambapos._delivery_next(consumer, 1000) AS t;
END;
$$;
COMMENT ON FUNCTION sambapos._forward_take(text) IS 'sambapos_next, for sambapos_forward';

CREATE FUNCTION sambapos._forward_done(consumer text, delivery_id bigint, reference text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._delivery_end(consumer, delivery_id, reference);
END;
$$;
COMMENT ON FUNCTION sambapos._forward_done(text, bigint, text) IS 'sambapos_ack, for sambapos_forward';

CREATE FUNCTION sambapos._forward_failed(consumer text, delivery_id bigint, error text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._delivery_fail(consumer, delivery_id, error, true);
END;
$$;
COMMENT ON FUNCTION sambapos._forward_failed(text, bigint, text) IS 'sambapos_nack, for sambapos_forward';

CREATE FUNCTION sambapos._forward_is_of_queue(code text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN left(code, 2) = ANY ('{08,0A,25,28,3D,3F,40,42,53,55,57,58,XX}'); END; $$;
COMMENT ON FUNCTION sambapos._forward_is_of_queue(text) IS
  'True for an error that is not about what is put into a queue, but about the queue or the server';

-- A function of that name that is not the extension's is somebody else's trap.
CREATE FUNCTION sambapos._forward_call(queue_system text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  call text := CASE queue_system WHEN 'pgq' THEN 'pgq.insert_event($1, $2, $3::text)' WHEN 'pgmq' THEN 'pgmq.send($1, $3)' END;
BEGIN
  IF call IS NULL THEN
    RAISE EXCEPTION 'unknown queue system "%"', coalesce(queue_system, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Valid: pgq, pgmq.';
  ELSIF NOT EXISTS (
    SELECT FROM pg_extension AS x
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid AND d.classid = 'pg_proc'::regclass
    JOIN pg_proc AS p ON p.oid = d.objid
    WHERE x.extname = queue_system AND p.pronamespace::regnamespace::text = queue_system
      AND p.proname = CASE queue_system WHEN 'pgq' THEN 'insert_event' ELSE 'send' END)
  THEN
    RAISE EXCEPTION 'extension % is not installed in this database', queue_system USING ERRCODE = 'undefined_object',
      HINT = format('CREATE EXTENSION %s, and make the queue.', queue_system);
  END IF;
  RETURN format('SELECT (%s)::text', call);
END;
$$;
COMMENT ON FUNCTION sambapos._forward_call(text) IS
  'What puts entity $2 and message $3 into queue $1; raises 22023 for a system that is not known, 42704 for one that is not there';

CREATE FUNCTION sambapos._forward_one(call text, consumer text, queue text, d record) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  event text;
  words text;
BEGIN
  EXECUTE call INTO event USING queue, d.entity, jsonb_build_object(
    'consumer', consumer, 'entity', d.entity, 'key', d.key, 'version', d.version, 'operation', d.operation, 'data', d.data,
    'reference', d.reference, 'idempotencyKey', d.idempotency_key);
  PERFORM sambapos._forward_done(consumer, d.delivery_id, event);
  RETURN true;
EXCEPTION WHEN OTHERS THEN
  IF sambapos._forward_is_of_queue(SQLSTATE) THEN
    RAISE;
  END IF;
  words := format('the queue raised SQLSTATE %s', SQLSTATE); -- its message may hold what was sent
  PERFORM sambapos._forward_failed(consumer, d.delivery_id, words);
  RAISE WARNING 'a delivery of entity "%" could not be forwarded: %', d.entity, words;
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._forward_one(text, text, text, record) IS
  'Puts a delivery into a queue and ends it; one that the queue does not take has failed (false)';

CREATE FUNCTION @extschema@.sambapos_forward(consumer text, queue_system text, queue text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  call text := sambapos._forward_call(queue_system);
  d record;
  forwarded bigint := 0;
BEGIN
  FOR d IN SELECT t.* FROM sambapos._forward_take(consumer) AS t LOOP
    forwarded := forwarded + sambapos._forward_one(call, consumer, queue, d)::integer;
  END LOOP;
  RETURN forwarded;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_forward(text, text, text) IS
  'Puts what is due for a consumer, up to 1000 deliveries, into a queue of pgq (the entity as the type of event, the rest as JSON in '
  'its data) or pgmq, each once, and returns how many; the reference is the number of the event or message. For a scheduler. '
  'A delivery that the queue does not take has failed, as with sambapos_nack, and the others go on. '
  'It runs with the rights of who calls: that role may put something into the queue, and work for the consumer. Errors: 22023 '
  'no such system, 42704 it is not installed, or no such consumer, 42501 another''s, 55000 mode stream, and what the queue '
  'raises that is not about one message';
