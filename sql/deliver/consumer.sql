-- consumer.sql: who may do what for a consumer; adding and removing one.
--
-- Rules:
-- * What a consumer is given are rows of tables: so their owner adds it.
-- * A consumer's role works for its own consumer, and sees no other: not that it is there either.
-- * Who works for one is who calls the public function, as with all that changes a feed (src/functions/feed_caller.cpp).
--   So each has one beside it that runs with the rights of the extension's owner, for the role that was noted.

CREATE FUNCTION sambapos._consumer_has_role(caller name, role text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN coalesce(pg_has_role(caller, to_regrole(quote_ident(role))::oid, 'USAGE'), false);
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_has_role(name, text) IS 'True if a role has the rights of another one, which is there';

CREATE FUNCTION sambapos._consumer_has_level(caller name, levels text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM pg_extension AS x WHERE x.extname = 'sambapos_fdw' AND pg_has_role(caller, x.extowner, 'USAGE'))
      OR EXISTS (SELECT FROM sambapos.role_grant AS g
                 WHERE g.level = ANY (levels) AND sambapos._consumer_has_role(caller, g.role_name));
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_has_level(name, text[]) IS 'True for the owner of the extension, and for a role of these levels';

CREATE FUNCTION sambapos._consumer_is_shown(c sambapos.feed_consumer, caller name) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._consumer_has_role(caller, c.role_name) OR sambapos._consumer_has_role(caller, c.added_by)
      OR sambapos._consumer_has_level(caller, '{reader,operator,admin}')
         AND sambapos._feed_is_shown_to(caller, (SELECT f.site_id FROM sambapos.change_feed AS f WHERE f.feed_id = c.feed_id));
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_is_shown(sambapos.feed_consumer, name) IS
  'True if a role may see a consumer: its own, one that it has added, one of a feed that its level is for';

CREATE FUNCTION sambapos._consumer_shown_ids() RETURNS integer[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN ARRAY(SELECT c.consumer_id FROM sambapos.feed_consumer AS c WHERE sambapos._consumer_is_shown(c, sambapos._feed_caller()));
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_shown_ids() IS 'The consumers that the caller may see';

CREATE FUNCTION sambapos._consumer_may(c sambapos.feed_consumer, caller name, levels text[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN c.consumer_id IS NOT NULL
     AND (sambapos._consumer_has_role(caller, c.role_name) OR sambapos._consumer_has_role(caller, c.added_by)
          OR sambapos._consumer_has_level(caller, levels) AND sambapos._consumer_is_shown(c, caller));
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_may(sambapos.feed_consumer, name, text[]) IS
  'True if a role may act for a consumer: its own, one that it has added, or by its level';

-- Whoever may not see a consumer is told the same of one that is there and of one that is not.
CREATE FUNCTION sambapos._consumer(consumer text, levels text[]) RETURNS sambapos.feed_consumer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  caller name := sambapos._feed_changer();
  c sambapos.feed_consumer := (SELECT x FROM sambapos.feed_consumer AS x WHERE x.name = consumer);
  names text[];
BEGIN
  IF sambapos._consumer_may(c, caller, levels) THEN
    RETURN c;
  ELSIF c.consumer_id IS NULL AND sambapos._consumer_has_level(caller, '{admin}') THEN
    names := ARRAY(SELECT x.name FROM sambapos.feed_consumer AS x WHERE sambapos._consumer_is_shown(x, caller) ORDER BY 1);
    RAISE EXCEPTION 'there is no consumer named "%"', coalesce(consumer, 'NULL') USING ERRCODE = 'undefined_object',
      HINT = sambapos._name_hint(consumer, names) || coalesce('The consumers are: ' || nullif(array_to_string(names, ', '), '') || '.',
                                                             'There are none yet: add one with sambapos_add_consumer.');
  END IF;
  RAISE EXCEPTION 'permission denied for consumer "%"', coalesce(consumer, 'NULL') USING ERRCODE = 'insufficient_privilege',
    HINT = 'Its own role may, who has added it, and the owner of the extension.';
END;
$$;
COMMENT ON FUNCTION sambapos._consumer(text, text[]) IS
  'The consumer of that name, for who may act for it, also by one of these levels; raises 42501 for others, 42704 if there is none';

CREATE FUNCTION sambapos._consumer_in_mode(consumer text, mode text) RETURNS sambapos.feed_consumer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos.feed_consumer := sambapos._consumer(consumer, '{admin}');
BEGIN
  IF c.mode <> mode THEN
    RAISE EXCEPTION 'consumer "%" is of mode %', consumer, c.mode USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = CASE c.mode WHEN 'work' THEN 'sambapos_next, sambapos_ack and sambapos_nack are for it.'
                         ELSE 'sambapos_read and sambapos_ack_version are for it.' END;
  END IF;
  RETURN c;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_in_mode(text, text) IS 'The same; raises 55000 for a consumer of the other mode';

-- The time is to a second: many workers would otherwise write one row all the time. Nobody waits for it.
CREATE FUNCTION sambapos._consumer_note_call(c sambapos.feed_consumer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.consumer_call AS k SET called_at = clock_timestamp()
  WHERE k.consumer_id IN (SELECT x.consumer_id FROM sambapos.consumer_call AS x
                          WHERE x.consumer_id = c.consumer_id AND x.called_at < clock_timestamp() - interval '1 second'
                          FOR NO KEY UPDATE SKIP LOCKED);
$$;
COMMENT ON FUNCTION sambapos._consumer_note_call(sambapos.feed_consumer) IS 'Notes that a consumer has asked';

-- ---- what a consumer's role may call and see ----

CREATE FUNCTION sambapos._consumer_objects() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'EXECUTE ON FUNCTION ' || p.oid::regprocedure
  FROM pg_extension AS x
  JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid AND d.classid = 'pg_proc'::regclass
                     AND d.deptype = 'e'
  JOIN pg_proc AS p ON p.oid = d.objid
  WHERE x.extname = 'sambapos_fdw'
    AND p.proname = ANY ('{sambapos_next,sambapos_ack,sambapos_nack,sambapos_retry,sambapos_set_reference,sambapos_read,
                           sambapos_ack_version,sambapos_forward,_forward_call,_forward_take,_forward_done,
                           _forward_one,_forward_failed,_forward_is_of_queue,
                           _feed_note_changer,_delivery_next,_delivery_end,_delivery_fail,_delivery_retry,_delivery_name,
                           _stream_read,_stream_end,
                           _consumer_shown_ids,_consumer_facts,_consumer_patience,_delivery_status}'::text[])
  UNION ALL
  SELECT 'SELECT ON sambapos.' || t
  FROM unnest('{consumers,deliveries,dead_deliveries,_consumer_trouble,feed_consumer,consumer_position,consumer_call,delivery}'::text[]) AS t;
$$;
COMMENT ON FUNCTION sambapos._consumer_objects() IS
  'What the role of a consumer is granted; which consumers it acts for and sees is asked there';

CREATE FUNCTION sambapos._consumer_allow(role text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  object text;
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA sambapos, %s TO %I',
                 (SELECT x.extnamespace::regnamespace FROM pg_extension AS x WHERE x.extname = 'sambapos_fdw'), role);
  FOR object IN SELECT sambapos._consumer_objects() LOOP
    EXECUTE format('GRANT %s TO %I', object, role);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_allow(text) IS 'Lets a role work for its consumer';

CREATE FUNCTION sambapos._consumer_is_of_role(role text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.feed_consumer AS c WHERE c.role_name = role);
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_is_of_role(text) IS 'True if a role is that of a consumer';

-- What its level, or a table of its own on a feed, has given to the role stays.
CREATE FUNCTION sambapos._consumer_disallow(role text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  object text;
BEGIN
  IF role IS NULL OR sambapos._consumer_is_of_role(role) OR to_regrole(quote_ident(role)) IS NULL
     OR EXISTS (SELECT FROM sambapos.role_grant AS g WHERE g.role_name = role) THEN
    RETURN;
  END IF;
  FOR object IN SELECT sambapos._consumer_objects() LOOP
    EXECUTE format('REVOKE %s FROM %I', object, role);
  END LOOP;
  IF NOT sambapos._feed_is_writer(role::name) AND NOT sambapos._feed_has_more(role::name) THEN
    EXECUTE format('REVOKE USAGE ON SCHEMA sambapos FROM %I', role);
  END IF;
  PERFORM sambapos._host_allow(role) WHERE sambapos._host_is_of_role(role);
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_disallow(text) IS 'Takes that from a role of which no consumer is any more, and which has no level';

-- ---- adding and removing ----

CREATE FUNCTION sambapos._consumer_check(c sambapos.feed_consumer) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF c.name IS NULL OR c.name !~ '^[a-z0-9_]{1,40}$' THEN
    RAISE EXCEPTION 'invalid consumer name "%"', coalesce(c.name, 'NULL') USING ERRCODE = 'invalid_name',
      HINT = 'A name is 1 to 40 characters of a-z, 0-9 and _, for example "ledger".';
  ELSIF EXISTS (SELECT FROM sambapos.feed_consumer AS x WHERE x.name = c.name) THEN
    RAISE EXCEPTION 'consumer "%" exists already', c.name USING ERRCODE = 'duplicate_object';
  ELSIF c.mode IS NULL OR c.mode NOT IN ('work', 'stream') THEN
    RAISE EXCEPTION 'unknown mode "%"', coalesce(c.mode, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Valid: work (row by row, with retries), stream (version by version, in strict order).';
  ELSIF c.start IS NULL OR c.start NOT IN ('now', 'beginning') THEN
    RAISE EXCEPTION 'unknown start "%"', coalesce(c.start, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Valid: now (what changes from now on), beginning (also the rows that are there).';
  ELSIF c.max_attempts IS NULL OR c.max_attempts < 1 THEN
    RAISE EXCEPTION 'invalid max_attempts %', coalesce(c.max_attempts::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Valid: 1 or more.';
  ELSIF c.lease IS NULL OR c.lease <= '0' THEN
    RAISE EXCEPTION 'invalid lease %', coalesce(c.lease::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A lease is longer than a worker takes for what it asks for at a time, for example 1 minute.';
  ELSIF c.once IS NULL THEN
    RAISE EXCEPTION 'once must be true or false' USING ERRCODE = 'null_value_not_allowed';
  ELSIF c.role_name IS NOT NULL AND to_regrole(quote_ident(c.role_name)) IS NULL THEN
    RAISE EXCEPTION 'role "%" does not exist', c.role_name USING ERRCODE = 'undefined_object', HINT = 'CREATE ROLE makes one.';
  ELSIF c.mode = 'stream' AND (c.once OR c.status_column IS NOT NULL OR c.reference_column IS NOT NULL) THEN
    RAISE EXCEPTION 'once, status_column and reference_column are for mode work' USING ERRCODE = 'invalid_parameter_value',
      DETAIL = 'A stream knows versions, and no state of a row.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_check(sambapos.feed_consumer) IS 'Raises what is wrong with a consumer that is to be added';

CREATE FUNCTION sambapos._consumer_check_entity(c sambapos.feed_consumer, e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  written name[] := array_remove(ARRAY[c.status_column, c.reference_column], NULL);
BEGIN
  PERFORM sambapos._feed_check_owner(e);
  IF sambapos._feed_owner(e) IS NULL THEN -- whose it is when it comes back nobody knows
    RAISE EXCEPTION 'there is no relation of entity "%"', e.entity USING ERRCODE = 'undefined_object',
      DETAIL = sambapos._feed_problem(e), HINT = 'Whose rows they are adds the consumer, when they are there.';
  ELSIF sambapos._feed_is_paused(e) THEN -- another one may have its name now
    RAISE EXCEPTION 'entity "%" is paused', e.entity USING ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = coalesce(sambapos._feed_problem(e), 'The next tick looks at it again.'),
      HINT = 'Column problem of view sambapos.entities says why.';
  END IF;
  PERFORM sambapos._condition_check_columns(e, c.condition);
  IF written = '{}' THEN
    RETURN;
  ELSIF e.capture NOT IN ('statement', 'row') THEN
    RAISE EXCEPTION 'nothing is written back to entity "%"', e.entity USING ERRCODE = 'wrong_object_type',
      DETAIL = 'It is of the replica, which is what the till has.',
      HINT = 'View sambapos.deliveries, and report sales, have status and reference.';
  END IF;
  PERFORM sambapos._feed_check_columns(sambapos._feed_relation(e), written, 'status_column or reference_column');
  IF written::text[] && e.key OR e.scope = ANY (written) OR c.status_column = c.reference_column THEN
    RAISE EXCEPTION 'status and reference need columns of their own' USING ERRCODE = 'invalid_parameter_value';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_check_entity(sambapos.feed_consumer, sambapos.feed_entity) IS
  'Raises what keeps an entity from a consumer';

-- In pages: the keys of all rows would not fit into one value.
CREATE FUNCTION sambapos._consumer_begin(c sambapos.feed_consumer, e sambapos.feed_entity, s sambapos.feed_state) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  keys jsonb[];
BEGIN
  LOOP
    keys := ARRAY(SELECT r.key FROM sambapos._feed_read(e, NULL, NULL, keys[cardinality(keys)], 10000) AS r);
    EXIT WHEN keys = '{}';
    PERFORM sambapos._pending_write(c, e, sambapos._feed_incarnation(s), sambapos._pending_ready(c, e,
      ARRAY(SELECT (k, s.version, 'INSERT', NULL)::sambapos._pending_change FROM unnest(keys) AS k)));
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_begin(sambapos.feed_consumer, sambapos.feed_entity, sambapos.feed_state) IS
  'Makes deliveries of the rows that are there';

-- What is committed gets its version before: from there on what changes is a delivery, and nothing twice or never.
CREATE FUNCTION sambapos._consumer_add(c sambapos.feed_consumer, f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s sambapos.feed_state;
BEGIN
  PERFORM pg_advisory_xact_lock(sambapos._feed_tick_key(f));
  PERFORM sambapos._feed_stamp_try(f);
  s := (SELECT x FROM sambapos.feed_state AS x WHERE x.feed_id = f.feed_id);
  INSERT INTO sambapos.feed_consumer (feed_id, name, entities, mode, condition, start, once, max_attempts, lease, role_name,
                                      status_column, reference_column, added_by)
  VALUES (f.feed_id, c.name, c.entities, c.mode, c.condition, c.start, c.once, c.max_attempts, c.lease, c.role_name,
          c.status_column, c.reference_column, sambapos._feed_changer()) RETURNING * INTO c;
  INSERT INTO sambapos.consumer_position (consumer_id, version, incarnation)
  VALUES (c.consumer_id, CASE WHEN c.mode = 'work' OR c.start = 'now' THEN s.version END, sambapos._feed_incarnation(s));
  INSERT INTO sambapos.consumer_call (consumer_id, called_at) VALUES (c.consumer_id, clock_timestamp());
  PERFORM sambapos._consumer_make(c, e) FROM sambapos.feed_entity AS e WHERE e.feed_id = f.feed_id AND e.entity = ANY (c.entities);
  PERFORM sambapos._consumer_begin(c, e, s) FROM sambapos.feed_entity AS e
  WHERE e.feed_id = f.feed_id AND e.entity = ANY (c.entities) AND c.mode = 'work' AND c.start = 'beginning' ORDER BY e.entity_id;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_add(sambapos.feed_consumer, sambapos.change_feed) IS 'Puts a consumer on record and has it begin';

-- The present owner of a relation that was another's says that the consumer goes on. It is his from then on: who had added
-- it may no longer work for it.
CREATE FUNCTION sambapos._consumer_take_over(c sambapos.feed_consumer) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  k sambapos.feed_consumer := (
    SELECT x FROM sambapos.feed_consumer AS x
    WHERE (x.feed_id, x.name, x.mode, x.start, x.once, x.max_attempts, x.lease)
          = (c.feed_id, c.name, c.mode, c.start, c.once, c.max_attempts, c.lease)
      AND x.entities <@ c.entities AND c.entities <@ x.entities
      AND (x.condition, x.role_name, x.status_column, x.reference_column)
          IS NOT DISTINCT FROM (c.condition, c.role_name, c.status_column, c.reference_column));
BEGIN
  IF NOT EXISTS (SELECT FROM sambapos.consumer_entity AS x JOIN sambapos.feed_entity AS e ON (e.feed_id, e.entity) = (k.feed_id, x.entity)
                 WHERE x.consumer_id = k.consumer_id AND sambapos._feed_owner(e) <> x.owner_name) THEN
    RETURN false;
  END IF;
  PERFORM sambapos._consumer_check_entity(k, e), sambapos._consumer_make(k, e) FROM sambapos.feed_entity AS e
  WHERE e.feed_id = k.feed_id AND e.entity = ANY (k.entities);
  UPDATE sambapos.feed_consumer AS x SET added_by = sambapos._feed_changer() WHERE x.consumer_id = k.consumer_id;
  UPDATE sambapos.consumer_position AS p SET problem = NULL WHERE p.consumer_id = k.consumer_id;
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_take_over(sambapos.feed_consumer) IS
  'Has a consumer go on that has stopped since relations have another owner, if that one has called with the same arguments; '
  'false: there is no such consumer';

CREATE FUNCTION sambapos._consumer_enter(consumer text, feed text, entities text[], mode text, condition text, start text,
  once boolean, max_attempts integer, lease interval, role name, status_column name, reference_column name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed(feed);
  c sambapos.feed_consumer;
BEGIN
  c.feed_id := f.feed_id; c.name := consumer; c.mode := mode; c.condition := condition; c.start := start; c.once := once;
  c.max_attempts := max_attempts; c.lease := lease; c.role_name := role; c.status_column := status_column;
  c.reference_column := reference_column;
  c.entities := sambapos._feed_entities(f, entities);
  IF c.entities = '{}' THEN
    RAISE EXCEPTION 'a consumer needs an entity' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name entities that are on the feed; view sambapos.entities has them.';
  END IF;
  IF sambapos._consumer_take_over(c) THEN
    RETURN;
  END IF;
  PERFORM sambapos._consumer_check(c);
  PERFORM sambapos._consumer_check_entity(c, e) FROM sambapos.feed_entity AS e
  WHERE e.feed_id = f.feed_id AND e.entity = ANY (c.entities);
  PERFORM sambapos._consumer_add(c, f);
  PERFORM sambapos._consumer_allow(c.role_name) WHERE c.role_name IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_enter(text, text, text[], text, text, text, boolean, integer, interval, name, name, name) IS
  'Adds a consumer, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_add_consumer(consumer text, feed text, entities text[], mode text DEFAULT 'work',
  condition text DEFAULT NULL, start text DEFAULT 'now', once boolean DEFAULT false, max_attempts integer DEFAULT 5,
  lease interval DEFAULT '1 minute', role name DEFAULT NULL, status_column name DEFAULT NULL,
  reference_column name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._consumer_enter(consumer, feed, entities, mode, condition, start, once, max_attempts, lease, role,
                                   status_column, reference_column);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_add_consumer(text, text, text[], text, text, text, boolean, integer, interval, name, name, name) IS
  'From now on what changes in these entities of a feed is delivered to a consumer. mode: work (sambapos_next, row by row, '
  'with retries) or stream (sambapos_read, version by version). condition: an expression over the row (r) that says whether '
  'it is ready, in which functions of yours stand with their schema; it is evaluated with the rights of the table''s owner. '
  'start: now, or beginning: the rows that are there, then changes. once: what was delivered is not delivered again when it '
  'changes. max_attempts: then a delivery is dead. lease: how long it is given to one worker. role: who works for it. '
  'status_column, reference_column: columns of the table into which synced, and the target''s reference, are written. For '
  'the owner of the tables; when a table has another owner the consumer stops, until that one calls this with the same '
  'arguments. Errors: 42704 no such feed, entity or role, 42602 the name, 42710 there is such a consumer, 22023 an argument, '
  '42703 no such column, or a condition on one that is not sent, 42809 nothing can be written back, 42501 another role''s '
  'table, 55000 an entity that is paused, and what the condition raises when it is parsed';

CREATE FUNCTION sambapos._consumer_remove(consumer text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos.feed_consumer := sambapos._consumer(consumer, '{admin}');
  f sambapos.change_feed := (SELECT x FROM sambapos.change_feed AS x WHERE x.feed_id = c.feed_id);
BEGIN
  IF NOT (sambapos._consumer_has_role(sambapos._feed_changer(), c.added_by)
          OR sambapos._consumer_has_level(sambapos._feed_changer(), '{admin}')) THEN
    RAISE EXCEPTION 'permission denied to remove consumer "%"', consumer USING ERRCODE = 'insufficient_privilege',
      HINT = 'Who has added it may, and the owner of the extension.';
  END IF;
  PERFORM pg_advisory_xact_lock(sambapos._feed_tick_key(f));
  PERFORM sambapos._consumer_forget(c);
  PERFORM sambapos._consumer_disallow(c.role_name);
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_remove(text) IS 'Removes a consumer, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_remove_consumer(consumer text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._consumer_remove(consumer);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_remove_consumer(text) IS
  'Removes a consumer with all that is known of its deliveries, references too. Errors: 42704 no such consumer, 42501 it is '
  'another''s';
