-- payload.sql: everything, what is new, one large value: as JSON.

CREATE FUNCTION sambapos._feed_head(a sambapos._feed_answer, scope text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN jsonb_build_object('feed', (a.feed).name, 'incarnation', a.incarnation,
                            'timestamp', statement_timestamp(), 'propertyId', scope)
         || CASE WHEN a.paused = '{}' THEN '{}'::jsonb ELSE jsonb_build_object('paused', a.paused) END;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_head(sambapos._feed_answer, text) IS 'What every payload begins with';

CREATE FUNCTION @extschema@.sambapos_full_payload(feed text, scope text DEFAULT NULL, entities text[] DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos._feed_answer := sambapos._feed_ask(feed, NULL, scope, entities, NULL, false);
  payload jsonb := sambapos._feed_head(a, scope) || jsonb_build_object('version', (a.state).version);
  e sambapos.feed_entity;
  rows jsonb;
BEGIN
  FOR e IN SELECT x.* FROM sambapos.feed_entity AS x
           WHERE x.feed_id = (a.feed).feed_id AND x.entity = ANY (a.entities) ORDER BY x.entity_id
  LOOP
    SELECT coalesce(jsonb_agg(r.data), '[]') INTO rows FROM sambapos._feed_read(e, NULL, scope, NULL, NULL) AS r;
    payload := payload || jsonb_build_object(e.payload_key, rows);
  END LOOP;
  RETURN payload;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_full_payload(text, text, text[]) IS
  'Everything on a feed, or of some entities, that a scope may see, with the version and incarnation to go on from. An '
  'empty list of entities gives the position alone. paused names entities whose table is not what it was when it was put '
  'on the feed: nothing is told of them. Errors: 42704 no such feed or entity';

CREATE FUNCTION sambapos._feed_key_given(e sambapos.feed_entity, key jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  full_key jsonb := CASE WHEN jsonb_typeof(key) <> 'object' AND cardinality(e.key) = 1
                         THEN jsonb_build_object(e.key[1], key) ELSE key END;
BEGIN
  IF jsonb_typeof(full_key) IS DISTINCT FROM 'object' OR NOT full_key ?& e.key
     OR (SELECT count(*) FROM jsonb_object_keys(full_key)) <> cardinality(e.key) THEN
    RAISE EXCEPTION 'invalid key for entity "%": %', e.entity, coalesce(key::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = format('A key has: %s.', array_to_string(e.key, ', '));
  END IF;
  RETURN full_key;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_key_given(sambapos.feed_entity, jsonb) IS
  'A key as the log has it: an object; where the key is one column its value alone will do. Raises 22023 otherwise';

CREATE FUNCTION @extschema@.sambapos_full_rows(feed text, entity text, scope text DEFAULT NULL,
                                               after jsonb DEFAULT NULL, page_rows integer DEFAULT 1000)
RETURNS TABLE (key jsonb, data jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed(feed);
  e sambapos.feed_entity := sambapos._feed_entity_to_read(f, entity);
BEGIN
  PERFORM sambapos._feed_check_scope(f, scope);
  IF page_rows IS NULL OR page_rows < 1 THEN
    RAISE EXCEPTION 'invalid page_rows %', coalesce(page_rows::text, 'NULL') USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Valid: 1 or more.';
  END IF;
  RETURN QUERY SELECT r.key, r.data
               FROM sambapos._feed_read(e, NULL, scope, CASE WHEN after IS NOT NULL THEN sambapos._feed_key_given(e, after) END,
                                        page_rows) AS r;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_full_rows(text, text, text, jsonb, integer) IS
  'The rows of an entity, page by page, in the order of their keys: after is the last key of the page before. The '
  'version to go on from is that of sambapos_full_payload(feed, scope, ''{}''), asked before the first page. Errors: '
  '42704 no such feed or entity, 22023 after or page_rows, 55000 the entity is paused';

-- One change a key: the last that the client may see. What an entity was taken anew for counts from then on.
CREATE FUNCTION sambapos._feed_delta_changes(a sambapos._feed_answer, since bigint, scope text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  changes jsonb;
BEGIN
  WITH seen AS MATERIALIZED (
    SELECT k.* FROM sambapos.change AS k
    WHERE k.feed_id = (a.feed).feed_id AND k.entity = ANY (a.entities)
      AND (_feed_delta_changes.scope IS NULL OR k.scope IS NULL OR k.scope = _feed_delta_changes.scope)
      AND (k.version > since OR k.version IS NULL)
  ), anew AS (SELECT DISTINCT s.entity FROM seen AS s WHERE s.key IS NULL),
  c AS MATERIALIZED (
    SELECT DISTINCT ON (s.entity, s.key) s.* FROM seen AS s WHERE s.entity NOT IN (SELECT n.entity FROM anew AS n)
    ORDER BY s.entity, s.key, s.version DESC NULLS FIRST, s.change_id DESC
  ), d AS MATERIALIZED (
    SELECT r.* FROM sambapos._feed_rows((a.feed).feed_id, ARRAY(SELECT (c.entity, c.key)::sambapos._feed_named FROM c
                                        ), _feed_delta_changes.scope) AS r
  )
  SELECT jsonb_build_object(
    'fullEntities', (SELECT coalesce(jsonb_agg(n.entity ORDER BY n.entity), '[]') FROM anew AS n),
    'changes', coalesce(jsonb_agg(jsonb_build_object(
      'id', c.change_id, 'entityType', c.entity,
      'entityId', CASE WHEN (SELECT count(*) FROM jsonb_object_keys(c.key)) = 1
                       THEN (SELECT v.value FROM jsonb_each(c.key) AS v) ELSE c.key END,
      'operation', CASE WHEN d.key IS NULL THEN 'DELETE' WHEN c.operation = 'DELETE' THEN 'UPDATE' ELSE c.operation END,
      'data', d.data, 'changedAt', c.changed_at, 'changedBy', c.changed_by)
      ORDER BY c.version NULLS LAST, c.change_id), '[]')) INTO changes
  FROM c LEFT JOIN d ON (d.entity, d.key) = (c.entity, c.key);
  RETURN changes;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_delta_changes(sambapos._feed_answer, bigint, text) IS
  'What is new since a version: changes, one a key, and the entities to take anew';

CREATE FUNCTION @extschema@.sambapos_delta_payload(feed text, since bigint, scope text DEFAULT NULL,
  entities text[] DEFAULT NULL, incarnation uuid DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos._feed_answer := sambapos._feed_ask(feed, since, scope, entities, incarnation, true);
BEGIN
  IF a.reason IS NOT NULL THEN
    RETURN sambapos._feed_head(a, scope)
           || jsonb_build_object('fullRequired', true, 'reason', a.reason, 'toVersion', (a.state).version);
  END IF;
  RETURN sambapos._feed_head(a, scope) || jsonb_build_object('fromVersion', since, 'toVersion', (a.state).version)
         || sambapos._feed_delta_changes(a, since, scope);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_delta_payload(text, bigint, text, text[], uuid) IS
  'What is new on a feed since a version, for a scope: one change a key, with the row''s values as they are now; '
  'toVersion is the position to ask from next. fullEntities names entities to fetch with sambapos_full_payload(feed, '
  'scope, entities); none of theirs is in changes. fullRequired: only sambapos_full_payload is right, reason says why. '
  '0 is a position, NULL is none. Give the incarnation that came with the position: a restored database has another. '
  'Errors: 42704 no such feed or entity, 22023 since';

-- Of a row of another scope a host is told what it is told of one that is not there.
CREATE FUNCTION sambapos._feed_value_is_shown(f sambapos.change_feed, e sambapos.feed_entity, key jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._feed_is_shown_to(sambapos._feed_caller(), f.site_id)
      OR EXISTS (SELECT FROM sambapos.feed_host AS h CROSS JOIN LATERAL sambapos._feed_read(e, ARRAY[key], h.scope, NULL, NULL)
                 WHERE h.feed_id = f.feed_id AND sambapos._host_is_of(h, sambapos._feed_caller()));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_value_is_shown(sambapos.change_feed, sambapos.feed_entity, jsonb) IS
  'True if the caller may see the row of a key, who may ask the feed by the role of a host only';

CREATE FUNCTION @extschema@.sambapos_value(feed text, entity text, key jsonb, column_name name,
                                           unless_sha256 text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed(feed);
  e sambapos.feed_entity := sambapos._feed_entity_to_read(f, entity);
  found_value jsonb;
BEGIN
  IF column_name IS NULL OR column_name::text <> ALL (e.columns) THEN
    RAISE EXCEPTION 'entity "%" sends no column "%"', entity, coalesce(column_name, 'NULL') USING
      ERRCODE = 'undefined_column', HINT = sambapos._name_hint(column_name, e.columns)
        || 'The columns are: ' || array_to_string(e.columns, ', ') || '.';
  END IF;
  IF sambapos._feed_value_is_shown(f, e, sambapos._feed_key_given(e, key)) THEN
    found_value := sambapos._feed_value(e, sambapos._feed_key_given(e, key), column_name::text);
  END IF;
  RETURN CASE WHEN found_value ->> 'sha256' IS DISTINCT FROM lower(unless_sha256) THEN found_value -> 'value' END;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_value(text, text, jsonb, name, text) IS
  'One value of a row, mostly of a lazy column: bytea as base64. NULL if there is no such row, the value is NULL, or it '
  'has the hash unless_sha256. Errors: 42704 no such feed or entity, 42703 the column is not sent, 22023 key, 55000 the '
  'entity is paused';
