-- stream.sql: a consumer that takes all changes in strict order, and says how far it has come.
--
-- Rules:
-- * What it has not said it has it is told again.
-- * A version is a number of one life of the feed. Which life was read is noted: what was read in another one, before a
--   copy was restored, cannot be acknowledged as if it were of this one.
-- * Where only all rows are right (at the beginning, after another life of the feed, of an entity that is to be taken
--   anew) they follow their LOAD, as one version: its role need not be allowed to ask the feed.

CREATE FUNCTION sambapos._stream_entity(e sambapos.feed_entity, version bigint)
RETURNS TABLE (version_of bigint, entity text, key jsonb, operation text, data jsonb)
LANGUAGE sql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp AS
$$
  SELECT _stream_entity.version, e.entity, NULL::jsonb, 'LOAD', NULL::jsonb
  UNION ALL
  SELECT _stream_entity.version, e.entity, r.key, 'INSERT', r.data FROM sambapos._feed_read(e, NULL, NULL, NULL, NULL) AS r;
$$;
COMMENT ON FUNCTION sambapos._stream_entity(sambapos.feed_entity, bigint) IS 'An entity taken anew: LOAD, then its rows';

CREATE FUNCTION sambapos._stream_is_ready(c sambapos.feed_consumer, entity text, key jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.condition IS NULL OR _stream_is_ready.key IS NULL
      OR EXISTS (SELECT FROM sambapos.feed_entity AS e
                 JOIN sambapos.consumer_entity AS x ON (x.consumer_id, x.entity) = (c.consumer_id, e.entity)
                 CROSS JOIN LATERAL sambapos._condition_keys(e, x.query_ready, ARRAY[_stream_is_ready.key]) AS r
                 WHERE (e.feed_id, e.entity) = (c.feed_id, _stream_is_ready.entity));
$$;
COMMENT ON FUNCTION sambapos._stream_is_ready(sambapos.feed_consumer, text, jsonb) IS
  'True if the condition of a consumer holds for a row, or it is of no row';

CREATE FUNCTION sambapos._stream_rows(c sambapos.feed_consumer, a sambapos._feed_answer, since bigint, n integer)
RETURNS TABLE (version bigint, entity text, key jsonb, operation text, data jsonb, changed_columns text[],
               changed_at timestamptz, changed_by text)
LANGUAGE sql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp AS
$$
  WITH changes AS MATERIALIZED (
    SELECT k.*, row_number() OVER () AS i FROM sambapos._feed_changes(a, since, NULL, n, false) AS k WHERE a.reason IS NULL
  ), anew AS MATERIALIZED (
    SELECT e AS entity, coalesce(max(k.version), (a.state).version) AS version, max(k.i) AS i
    FROM sambapos.feed_entity AS e
    LEFT JOIN changes AS k ON k.entity = e.entity AND k.operation IN ('LOAD', 'TRUNCATE')
    WHERE e.feed_id = c.feed_id AND e.entity = ANY (a.entities) GROUP BY e
    HAVING a.reason IS NOT NULL OR count(k.version) > 0
  ), told AS (
    SELECT k.version, k.entity, k.key, k.operation, k.data, k.changed_columns, k.changed_at, k.changed_by, k.i, 0 AS n
    FROM changes AS k WHERE NOT EXISTS (SELECT FROM anew AS w WHERE (w.entity).entity = k.entity AND k.i <= w.i)
    UNION ALL
    SELECT r.version_of, r.entity, r.key, r.operation, r.data, NULL, NULL, NULL, coalesce(w.i, (w.entity).entity_id), row_number() OVER ()
    FROM anew AS w CROSS JOIN LATERAL sambapos._stream_entity(w.entity, w.version) AS r
  )
  SELECT t.version, t.entity, t.key, t.operation, t.data, t.changed_columns, t.changed_at, t.changed_by FROM told AS t
  WHERE t.operation = 'DELETE' OR sambapos._stream_is_ready(c, t.entity, t.key)
  ORDER BY t.version, t.i, t.n;
$$;
COMMENT ON FUNCTION sambapos._stream_rows(sambapos.feed_consumer, sambapos._feed_answer, bigint, integer) IS
  'What a consumer is told after a version: whole versions, up to about n rows';

-- However much has changed: a stream is read page by page, and max_delta is not for it.
CREATE FUNCTION sambapos._stream_reason(p sambapos.consumer_position, a sambapos._feed_answer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN p.version IS NULL THEN 'the beginning' WHEN p.incarnation IS DISTINCT FROM a.incarnation THEN 'another life of the feed'
              WHEN p.version > (a.state).version THEN 'an earlier time' WHEN p.version < (a.state).min_version THEN 'retention' END;
END;
$$;
COMMENT ON FUNCTION sambapos._stream_reason(sambapos.consumer_position, sambapos._feed_answer) IS
  'Why a stream has to begin with all rows; NULL: it goes on';

CREATE FUNCTION sambapos._stream_note_read(c sambapos.feed_consumer, a sambapos._feed_answer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.consumer_position AS p
     SET read_incarnation = a.incarnation, read_version = CASE WHEN a.reason IS NOT NULL THEN (a.state).version END
   WHERE p.consumer_id = c.consumer_id AND p.read_incarnation IS DISTINCT FROM a.incarnation;
$$;
COMMENT ON FUNCTION sambapos._stream_note_read(sambapos.feed_consumer, sambapos._feed_answer) IS
  'Notes in which life of the feed a stream was read, and from which version on it has all';

CREATE FUNCTION sambapos._stream_read(consumer text, n integer)
RETURNS TABLE (version bigint, entity text, key jsonb, operation text, data jsonb, changed_columns text[],
               changed_at timestamptz, changed_by text)
LANGUAGE plpgsql SECURITY DEFINER ROWS 1000 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos.feed_consumer := sambapos._consumer_in_mode(consumer, 'stream');
  p sambapos.consumer_position := (SELECT x FROM sambapos.consumer_position AS x WHERE x.consumer_id = c.consumer_id);
  a sambapos._feed_answer;
BEGIN
  PERFORM sambapos._lease_check_count(n);
  PERFORM sambapos._consumer_note_call(c);
  PERFORM sambapos._consumer_check_owners(c);
  a.feed := (SELECT f FROM sambapos.change_feed AS f WHERE f.feed_id = c.feed_id);
  a.state := (SELECT s FROM sambapos.feed_state AS s WHERE s.feed_id = c.feed_id);
  a.incarnation := sambapos._feed_incarnation(a.state);
  a.entities := ARRAY(SELECT e.entity FROM sambapos.consumer_entity AS x -- what has the name of one that was taken off is another
                      JOIN sambapos.feed_entity AS e ON (e.feed_id, e.entity) = (c.feed_id, x.entity)
                      WHERE x.consumer_id = c.consumer_id AND NOT sambapos._feed_is_paused(e));
  a.reason := sambapos._stream_reason(p, a);
  PERFORM sambapos._stream_note_read(c, a);
  RETURN QUERY SELECT r.* FROM sambapos._stream_rows(c, a, p.version, n) AS r;
END;
$$;
COMMENT ON FUNCTION sambapos._stream_read(text, integer) IS 'Reads a stream, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_read(consumer text, n integer DEFAULT 1000)
RETURNS TABLE (version bigint, entity text, key jsonb, operation text, data jsonb, changed_columns text[],
               changed_at timestamptz, changed_by text)
LANGUAGE plpgsql ROWS 1000 SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  RETURN QUERY SELECT r.* FROM sambapos._stream_read(consumer, n) AS r;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_read(text, integer) IS
  'The changes that a consumer of mode stream has not had, in strict order, as sambapos_changes has them: whole versions, up to '
  'about n rows, those with a version only. They come again until sambapos_ack_version. LOAD: drop what you have of that entity, '
  'all its rows follow. Errors: 42704 no such consumer, 42501 another''s, 55000 mode work, 22023 n';

CREATE FUNCTION sambapos._stream_end(consumer text, version bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos.feed_consumer := sambapos._consumer_in_mode(consumer, 'stream');
  s sambapos.feed_state := (SELECT x FROM sambapos.feed_state AS x WHERE x.feed_id = c.feed_id);
  life uuid := sambapos._feed_incarnation(s);
  p sambapos.consumer_position := (SELECT x FROM sambapos.consumer_position AS x WHERE x.consumer_id = c.consumer_id);
BEGIN
  IF version IS NULL OR version > s.version OR version < 0 THEN
    RAISE EXCEPTION 'invalid version %', coalesce(version::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = format('The feed has come to version %s.', s.version);
  ELSIF version < p.version AND p.incarnation = life THEN
    RAISE EXCEPTION 'consumer "%" has acknowledged version % already', consumer, p.version USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'A stream does not go back.',
      HINT = 'One process at a time reads a stream. To have all rows anew remove the consumer, and add it with start => ''beginning''.';
  ELSIF p.incarnation IS DISTINCT FROM life
        AND (p.read_incarnation IS DISTINCT FROM life OR version < p.read_version) THEN
    RAISE EXCEPTION 'version % of consumer "%" was read in another life of the feed', version, consumer USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'A copy was restored, or a standby promoted, since.',
      HINT = 'Call sambapos_read: it begins with all rows. Acknowledge the version that it tells.';
  END IF;
  UPDATE sambapos.consumer_position AS x SET version = _stream_end.version, incarnation = life
  WHERE x.consumer_id = c.consumer_id;
END;
$$;
COMMENT ON FUNCTION sambapos._stream_end(text, bigint) IS 'A stream has come to a version, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_ack_version(consumer text, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._stream_end(consumer, version);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_ack_version(text, bigint) IS
  'A consumer of mode stream has all up to a version, and goes on from there. Errors: 22023 the feed has not come so far, 55000 '
  'mode work, a version from before the last one, or one that was read in another life of the feed; 42704 no such consumer, 42501 another''s';
