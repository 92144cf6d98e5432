-- alter.sql: whether the relations of a feed are what they were; what becomes of an entity whose relation was altered.
--
-- Rules:
-- * The tick looks. What was altered gets its triggers and queries anew, with the rights of whose it is now, and is taken
--   anew. What cannot be made again is paused, with the reason, and tried again by the next tick.
-- * What a former owner has given is not run with the rights of the present one: a condition, what a consumer asks and
--   writes, a view. It waits until the present owner gives it, or the former one has the relation back.
-- * It waits for a table only briefly. Who alters a table, or writes to it, is never failed.

CREATE FUNCTION sambapos._feed_capture_make_again(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '200ms' SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._feed_relation(e);
BEGIN
  EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', relation);
  PERFORM sambapos._feed_key(relation, e.key::name[]); -- raises
  PERFORM sambapos._feed_capture_drop(e);
  PERFORM sambapos._feed_capture_make(e, relation);
  PERFORM sambapos._feed_triggers_make(e, relation);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_capture_make_again(sambapos.feed_entity) IS
  'Makes the triggers of an entity again, as its table is now; raises 55P03 when the table is in use';

CREATE FUNCTION sambapos._feed_view_check(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := (SELECT x FROM sambapos.change_feed AS x WHERE x.feed_id = e.feed_id);
BEGIN
  IF sambapos._feed_owner(e) IS DISTINCT FROM e.owner_name THEN -- its text is the former owner's
    RAISE EXCEPTION '%', sambapos._feed_owner_words(e, e.owner_name) USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  IF NOT sambapos._feed_is_replica_view(f, sambapos._feed_relation(e)) THEN
    RAISE EXCEPTION 'the view reads more than replica tables of its site' USING ERRCODE = 'wrong_object_type';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_view_check(sambapos.feed_entity) IS
  'Raises 42809 for a view that was replaced by one that cannot be on its feed, 55000 for one that has another owner';

CREATE FUNCTION sambapos._feed_make_again(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  context text;
BEGIN
  IF e.capture IN ('statement', 'row') THEN
    PERFORM sambapos._feed_capture_make_again(e);
  ELSIF e.capture = 'compare' AND e.preset IS NULL THEN
    PERFORM sambapos._feed_view_check(e);
  END IF;
  e.owner_name := sambapos._feed_owner(e);
  e := sambapos._feed_reading_make(e);
  PERFORM sambapos._urgent_make_again(u, e) FROM sambapos.urgent_rule AS u
  WHERE (u.feed_id, u.entity) = (e.feed_id, e.entity) AND u.condition IS NOT NULL;
  PERFORM sambapos._consumer_make_again(e);
  IF e.capture = 'compare' THEN
    PERFORM sambapos._feed_compare_begin(e);
  END IF;
  PERFORM sambapos._feed_resume(e);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  PERFORM sambapos._feed_pause(e, sambapos._feed_altered_words() || sambapos._error_words(SQLSTATE, SQLERRM, context));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_make_again(sambapos.feed_entity) IS
  'Makes what belongs to an entity whose relation was altered again; it is taken anew, or paused with the reason';

-- All is there that is read and followed, but it is not as it was.
CREATE FUNCTION sambapos._feed_is_to_make_again(e sambapos.feed_entity) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  present text := sambapos._feed_signature(e);
  as_it_is sambapos.feed_entity := e;
BEGIN
  as_it_is.signature := present;
  RETURN present IS DISTINCT FROM e.signature AND sambapos._feed_problem(as_it_is) IS NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_is_to_make_again(sambapos.feed_entity) IS
  'True if the relation of an entity was altered, and has all that the entity needs';

-- What failed to be compared goes on when it has been compared.
CREATE FUNCTION sambapos._feed_is_to_look_at(e sambapos.feed_entity) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  present text := sambapos._feed_problem(e);
BEGIN
  RETURN present IS DISTINCT FROM e.problem
     AND NOT (present IS NULL AND starts_with(e.problem, sambapos._feed_compare_words()))
      OR sambapos._feed_is_to_make_again(e)
      OR present IS NULL AND e.trigger_state IS DISTINCT FROM sambapos._feed_trigger_state(e);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_is_to_look_at(sambapos.feed_entity) IS
  'True if an entity is to be paused, or to go on';

CREATE FUNCTION sambapos._feed_look_at_entities(f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  e sambapos.feed_entity;
  present text;
BEGIN
  FOR e IN SELECT x.* FROM sambapos.feed_entity AS x
           WHERE x.feed_id = f.feed_id AND sambapos._feed_is_to_look_at(x) ORDER BY x.entity_id LOOP
    present := sambapos._feed_problem(e);
    IF sambapos._feed_is_to_make_again(e) THEN
      PERFORM sambapos._feed_make_again(e);
    ELSIF present IS NULL THEN
      PERFORM sambapos._feed_resume(e);
    ELSE
      PERFORM sambapos._feed_pause(e, present);
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_look_at_entities(sambapos.change_feed) IS
  'Pauses the entities of a feed that cannot be read or followed any more, and goes on with those that can again';

-- What has become of a table since is not known, nor who has written down what is kept: an entity is made again of a
-- table that its owner, or the owner of what is kept, could put on the feed. Another one is said and left out.
CREATE FUNCTION sambapos._feed_entity_restore(e sambapos.feed_entity, keeper name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := format('%I.%I', e.schema_name, e.relation_name)::regclass; -- raises
BEGIN
  IF NOT pg_has_role(keeper, (SELECT c.relowner FROM pg_class AS c WHERE c.oid = relation), 'USAGE') THEN
    RAISE EXCEPTION 'table "%" belongs to another role than what was kept', relation USING ERRCODE = 'insufficient_privilege';
  END IF;
  PERFORM sambapos._feed_entity_make(e);
  PERFORM sambapos._urgent_make_again(u, x) FROM sambapos.urgent_rule AS u JOIN sambapos.feed_entity AS x USING (feed_id, entity)
  WHERE x.entity_id = e.entity_id AND u.condition IS NOT NULL;
  PERFORM sambapos._consumer_make_again(x) FROM sambapos.feed_entity AS x WHERE x.entity_id = e.entity_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_entity_restore(sambapos.feed_entity, name) IS
  'Makes what belongs to an entity again after another installation';

CREATE FUNCTION sambapos._feed_entity_restore_try(e sambapos.feed_entity, keeper name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  context text;
BEGIN
  PERFORM sambapos._feed_entity_restore(e, keeper);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  RAISE WARNING 'entity "%" is no longer on its feed: %', e.entity, sambapos._error_words(SQLSTATE, SQLERRM, context) USING
    HINT = 'SELECT sambapos_add_to_feed(...) puts it on the feed again.';
  DELETE FROM sambapos.urgent_rule AS u WHERE (u.feed_id, u.entity) = (e.feed_id, e.entity);
  DELETE FROM sambapos.consumer_entity AS x USING sambapos.feed_consumer AS c
  WHERE x.consumer_id = c.consumer_id AND (c.feed_id, x.entity) = (e.feed_id, e.entity);
  DELETE FROM sambapos.feed_entity AS x WHERE x.entity_id = e.entity_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_entity_restore_try(sambapos.feed_entity, name) IS
  'The same; what cannot be made again is said and left out';

CREATE FUNCTION sambapos._feed_restore_all() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  keeper name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = to_regclass('sambapos_replica.sambapos_uninstalled'));
BEGIN
  UPDATE sambapos.consumer_entity AS x SET query_ready = NULL, update_back = NULL; -- what is run is written down here
  PERFORM sambapos._feed_entity_restore_try(e, keeper) FROM sambapos.feed_entity AS e ORDER BY e.entity_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_restore_all() IS 'Makes what belongs to the entities that were kept again';
