-- pause.sql: an entity whose table is no longer what it was when it was put on the feed.
--
-- Rules:
-- * Whoever alters a table does not ask its feeds. What cannot be read or followed any more is paused, with the reason:
--   neither a writer nor a tick fails by it, and all other entities go on.
-- * Whoever asks sees it at once. The tick puts it on record, and when it is mended has the entity taken anew.

CREATE FUNCTION sambapos._feed_missing_columns(e sambapos.feed_entity, relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(n.name, ', ' ORDER BY n.name)
  FROM (SELECT unnest(e.key || e.columns) AS name UNION SELECT e.scope) AS n
  WHERE n.name IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = relation AND a.attname = n.name AND a.attnum > 0 AND NOT a.attisdropped);
$$;
COMMENT ON FUNCTION sambapos._feed_missing_columns(sambapos.feed_entity, regclass) IS
  'Columns of an entity that its relation has no longer; NULL: none';

-- A table that was made again has no triggers; what was written to it meanwhile nobody knows.
CREATE FUNCTION sambapos._feed_is_captured(e sambapos.feed_entity, relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT count(*) = 4 FROM pg_trigger AS t
  WHERE t.tgrelid = relation AND t.tgenabled <> 'D'
    AND t.tgfoid = to_regprocedure(format('sambapos._feed_capture_%s()', e.entity_id));
$$;
COMMENT ON FUNCTION sambapos._feed_is_captured(sambapos.feed_entity, regclass) IS
  'True if the triggers of an entity are on its table, and enabled';

CREATE FUNCTION sambapos._feed_problem(e sambapos.feed_entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._feed_relation(e);
  missing text;
BEGIN
  IF to_regprocedure(format('sambapos._feed_read_%s(jsonb[], text, jsonb, integer)', e.entity_id)) IS NULL THEN
    RETURN 'the function that reads it is not there';
  ELSIF e.preset IS NOT NULL OR sambapos._feed_is_left(e) THEN
    RETURN NULL; -- the replica's columns are never dropped
  ELSIF relation IS NULL THEN
    RETURN format('there is no relation "%s.%s"', e.schema_name, e.relation_name);
  END IF;
  missing := sambapos._feed_missing_columns(e, relation);
  IF missing IS NOT NULL THEN
    RETURN format('"%s.%s" has no longer: %s', e.schema_name, e.relation_name, missing);
  ELSIF e.capture IN ('statement', 'row') AND NOT sambapos._feed_is_captured(e, relation) THEN
    RETURN format('the triggers of the feed are not on "%s.%s", or not enabled', e.schema_name, e.relation_name);
  END IF;
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_problem(sambapos.feed_entity) IS
  'Why an entity cannot be read or followed any more; NULL: it can';

CREATE FUNCTION sambapos._feed_is_paused(e sambapos.feed_entity) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN e.problem IS NOT NULL OR sambapos._feed_problem(e) IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_is_paused(sambapos.feed_entity) IS
  'True if an entity cannot be read or followed, or could not when the tick looked';

CREATE FUNCTION sambapos._feed_compare_words() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN 'it cannot be compared: '; END; $$;
COMMENT ON FUNCTION sambapos._feed_compare_words() IS 'What the problem of an entity that fails to be compared begins with';

CREATE FUNCTION sambapos._feed_pause(e sambapos.feed_entity, problem text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF problem IS NOT DISTINCT FROM e.problem THEN
    RETURN;
  END IF;
  UPDATE sambapos.feed_entity AS x SET problem = _feed_pause.problem WHERE x.entity_id = e.entity_id;
  RAISE WARNING 'entity "%" is paused: %', e.entity, problem USING
    HINT = 'Nothing is told of it until that is mended. Or take it off the feed, and put it on it again.';
END;
$$;
COMMENT ON FUNCTION sambapos._feed_pause(sambapos.feed_entity, text) IS 'Puts on record why an entity is paused';

CREATE FUNCTION sambapos._feed_resume(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.feed_entity AS x SET problem = NULL WHERE x.entity_id = e.entity_id;
  INSERT INTO sambapos.change (feed_id, entity, operation, changed_by) VALUES (e.feed_id, e.entity, 'LOAD', session_user);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_resume(sambapos.feed_entity) IS
  'Goes on with an entity that was paused: whoever asks takes it anew';

-- What failed to be compared goes on when it has been compared.
CREATE FUNCTION sambapos._feed_is_to_look_at(e sambapos.feed_entity) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  present text := sambapos._feed_problem(e);
BEGIN
  RETURN present IS DISTINCT FROM e.problem
     AND NOT (present IS NULL AND starts_with(e.problem, sambapos._feed_compare_words()));
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
    IF present IS NULL THEN
      PERFORM sambapos._feed_resume(e);
    ELSE
      PERFORM sambapos._feed_pause(e, present);
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_look_at_entities(sambapos.change_feed) IS
  'Pauses the entities of a feed that cannot be read or followed any more, and goes on with those that can again';
