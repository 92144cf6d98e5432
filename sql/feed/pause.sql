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
  WHERE t.tgrelid = relation AND t.tgenabled = ANY (CASE e.capture WHEN 'row' THEN '{A}' ELSE '{O,A}' END::"char"[])
    AND t.tgfoid = to_regprocedure(sambapos._feed_capture_name(e) || '()');
$$;
COMMENT ON FUNCTION sambapos._feed_is_captured(sambapos.feed_entity, regclass) IS
  'True if the triggers of an entity are on its table, and enabled';

CREATE FUNCTION sambapos._feed_owner(e sambapos.feed_entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT pg_get_userbyid(c.relowner)::text FROM pg_class AS c WHERE c.oid = sambapos._feed_relation(e));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_owner(sambapos.feed_entity) IS 'Whose the relation of an entity is; NULL: it is not there';

CREATE FUNCTION sambapos._feed_owner_words(e sambapos.feed_entity, owner text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('the relation of entity "%s" belongs to role "%s" now, and not to "%s", under whom it was added', e.entity,
                sambapos._feed_owner(e), owner);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_owner_words(sambapos.feed_entity, text) IS
  'Why something that was given under an owner is not run with the rights of another one';

-- A role that was given the table, or from which rights were taken, may not.
CREATE FUNCTION sambapos._feed_owner_may_enter(relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT has_schema_privilege(c.relowner, 'sambapos', 'USAGE')
     AND has_table_privilege(c.relowner, 'sambapos._feed_entered', 'INSERT')
     AND has_function_privilege(c.relowner, 'sambapos._feed_may_enter(integer, text)', 'EXECUTE')
     AND has_function_privilege(c.relowner, 'sambapos._feed_is_own(oid)', 'EXECUTE')
     AND has_function_privilege(c.relowner, 'sambapos._feed_written_back(oid)', 'EXECUTE')
  FROM pg_class AS c WHERE c.oid = relation;
$$;
COMMENT ON FUNCTION sambapos._feed_owner_may_enter(regclass) IS
  'True if the owner of a table has the way to the log that its triggers need';

-- By names, so that it is the same in a restored copy. Of a column its place, too: one that was dropped and added again
-- is another one.
CREATE FUNCTION sambapos._feed_signature(e sambapos.feed_entity) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT md5(string_agg(concat_ws(' ', c.relname, c.relkind, pg_get_userbyid(c.relowner), n.columns,
                                  CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END,
                                  CASE WHEN e.capture IN ('statement', 'row') AND NOT sambapos._feed_owner_may_enter(c.oid)
                                       THEN 'may not' END), ';' ORDER BY c.relname))
  FROM (SELECT sambapos._feed_relation(e) AS oid
        UNION SELECT r.oid FROM pg_class AS r
              WHERE e.preset IS NOT NULL AND r.relnamespace = to_regnamespace('sambapos_replica') AND r.relname = ANY (e.tables)) AS r
  JOIN pg_class AS c USING (oid)
  CROSS JOIN LATERAL (
    SELECT string_agg(concat_ws(' ', a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull), ','
                      ORDER BY a.attnum) AS columns
    FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND (e.preset IS NOT NULL OR a.attname = ANY (e.key || e.columns || e.scope || ARRAY['site_id']))) AS n;
$$;
COMMENT ON FUNCTION sambapos._feed_signature(sambapos.feed_entity) IS 'What the relation of an entity is like; NULL: it is gone';

-- A trigger that was switched off and on again is another row of the catalog, and so is that of a partition that was
-- attached: what was written meanwhile nobody has entered. Nor has TRUNCATE of one partition, which has another file then.
CREATE FUNCTION sambapos._feed_trigger_state(e sambapos.feed_entity) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT md5(string_agg(concat_ws(' ', t.oid, t.tgenabled, t.xmin, r.file), ',' ORDER BY t.oid))
  FROM (SELECT sambapos._feed_relation(e) AS oid, NULL::oid AS file
        UNION SELECT p.relid, pg_relation_filenode(p.relid) FROM pg_partition_tree(sambapos._feed_relation(e)) AS p
        WHERE p.level > 0) AS r
  JOIN pg_trigger AS t ON t.tgrelid = r.oid
  WHERE e.capture IN ('statement', 'row') AND t.tgfoid = to_regprocedure(sambapos._feed_capture_name(e) || '()');
$$;
COMMENT ON FUNCTION sambapos._feed_trigger_state(sambapos.feed_entity) IS
  'Which triggers of an entity are there, and since when they are as they are; NULL: none';

-- With the new owner's name what a former one has given would be run: so it is taken back in the same breath.
CREATE FUNCTION sambapos._feed_note_state(e sambapos.feed_entity) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.feed_entity AS x
     SET signature = sambapos._feed_signature(e), trigger_state = sambapos._feed_trigger_state(e),
         owner_name = sambapos._feed_owner(e)
   WHERE x.entity_id = e.entity_id;
  UPDATE sambapos.consumer_entity AS x SET query_ready = NULL, update_back = NULL
    FROM sambapos.feed_entity AS n JOIN sambapos.feed_consumer AS c USING (feed_id)
   WHERE n.entity_id = e.entity_id AND (x.consumer_id, x.entity) = (c.consumer_id, n.entity)
     AND x.owner_name IS DISTINCT FROM n.owner_name AND (x.query_ready IS NOT NULL OR x.update_back IS NOT NULL);
  UPDATE sambapos.urgent_rule AS u SET query = NULL, problem = sambapos._feed_owner_words(n, u.owner_name)
    FROM sambapos.feed_entity AS n
   WHERE n.entity_id = e.entity_id AND (u.feed_id, u.entity) = (n.feed_id, n.entity)
     AND u.owner_name IS DISTINCT FROM n.owner_name AND u.query IS NOT NULL;
$$;
COMMENT ON FUNCTION sambapos._feed_note_state(sambapos.feed_entity) IS
  'Puts on record what the relation of an entity and its triggers are like; what another owner of it has given is not run any more';

CREATE FUNCTION sambapos._feed_altered_words() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN 'its relation was altered, and it cannot be made again: '; END; $$;
COMMENT ON FUNCTION sambapos._feed_altered_words() IS 'What the problem of such an entity begins with';

CREATE FUNCTION sambapos._feed_problem(e sambapos.feed_entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._feed_relation(e);
  missing text;
BEGIN
  IF e.preset IS NOT NULL OR sambapos._feed_is_left(e) THEN
    RETURN NULL; -- the replica's columns are never dropped
  ELSIF relation IS NULL THEN
    RETURN format('there is no relation "%s.%s"', e.schema_name, e.relation_name);
  END IF;
  missing := sambapos._feed_missing_columns(e, relation);
  IF missing IS NOT NULL THEN
    RETURN format('"%s.%s" has no longer: %s', e.schema_name, e.relation_name, missing);
  ELSIF e.capture IN ('statement', 'row') AND NOT sambapos._feed_is_captured(e, relation) THEN
    RETURN format('the triggers of the feed are not on "%s.%s", or not enabled', e.schema_name, e.relation_name);
  ELSIF e.capture <> 'merge' AND sambapos._feed_signature(e) IS DISTINCT FROM e.signature THEN
    RETURN CASE WHEN starts_with(e.problem, sambapos._feed_altered_words()) THEN e.problem
                ELSE format('"%s.%s" was altered', e.schema_name, e.relation_name) END;
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
  PERFORM sambapos._feed_note_state(e);
  INSERT INTO sambapos.change (feed_id, entity, operation, changed_by) VALUES (e.feed_id, e.entity, 'LOAD', session_user);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_resume(sambapos.feed_entity) IS
  'Goes on with an entity that was paused: whoever asks takes it anew';
