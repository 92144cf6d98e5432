-- policy.sql: which tables hosts may write to, and whose row counts in a conflict.
--
-- Rules:
-- * What is received is written with the rights of the table's owner: so that role sets the policy. When the table has
--   another owner nothing is received until that one has set it.
-- * Never a table of the replica or a view over it: nothing is written to history, or to a till.

-- A generated scope is known when the row is written, and whose row it is has to be known before. A deferred check would
-- run after the owner's rights have ended (src/functions/as_owner.cpp).
CREATE FUNCTION sambapos._policy_check_table(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._feed_relation(e);
  generated text := (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute AS a
                     WHERE a.attrelid = relation AND a.attgenerated <> '' AND a.attname = ANY (e.key || e.scope));
  later text := (SELECT string_agg(c.conname, ', ' ORDER BY c.conname) FROM pg_constraint AS c
                 WHERE relation IN (c.conrelid, c.confrelid) AND c.condeferrable);
BEGIN
  IF generated IS NOT NULL THEN
    RAISE EXCEPTION 'nothing is received for entity "%": its key or scope is generated', e.entity USING ERRCODE = 'feature_not_supported',
      DETAIL = format('Generated columns: %s.', generated), HINT = 'Make them ordinary columns, which the host sends.';
  ELSIF later IS NOT NULL THEN
    RAISE EXCEPTION 'nothing is received for entity "%": its table has deferrable constraints', e.entity USING
      ERRCODE = 'feature_not_supported', DETAIL = format('Constraints on it, or that refer to it: %s.', later),
      HINT = 'Rows are written with the rights of the table''s owner, and all is checked meanwhile. Make the constraints NOT DEFERRABLE.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._policy_check_table(sambapos.feed_entity) IS 'Raises 0A000 for a table to which nothing can be written that is received';

CREATE FUNCTION sambapos._policy_check(e sambapos.feed_entity, setting text, stored text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  times text[] := ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                        WHERE a.attrelid = sambapos._feed_relation(e) AND a.attnum > 0 AND NOT a.attisdropped
                          AND a.attname = ANY (e.columns) AND a.attname <> ALL (e.lazy)
                          AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype));
BEGIN
  PERFORM sambapos._feed_check_owner(e);
  IF e.capture NOT IN ('statement', 'row') THEN
    RAISE EXCEPTION 'nothing is received for entity "%"', e.entity USING ERRCODE = 'wrong_object_type',
      DETAIL = 'It is of the replica, which is what the till has.', HINT = 'Put a table of your own on the feed for what hosts send.';
  ELSIF setting = 'time_column' AND stored <> ALL (times) THEN
    RAISE EXCEPTION 'entity "%" sends no column "%" that is a time', e.entity, stored USING ERRCODE = 'undefined_column',
      HINT = 'The columns are: ' || coalesce(nullif(array_to_string(times, ', '), ''), 'none') || '.';
  END IF;
  PERFORM sambapos._policy_check_table(e) WHERE setting = 'policy' AND stored IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._policy_check(sambapos.feed_entity, text, text) IS
  'Raises what keeps a setting from an entity, for the role that was noted';

CREATE FUNCTION sambapos._policy_set(feed text, entity text, setting text, stored text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  e sambapos.feed_entity := sambapos._feed_entity(sambapos._feed(feed), entity);
  p sambapos.receive_policy := (SELECT x FROM sambapos.receive_policy AS x WHERE (x.feed_id, x.entity) = (e.feed_id, e.entity));
  before jsonb := jsonb_build_object(entity, to_jsonb(p) -> setting);
BEGIN
  PERFORM sambapos._policy_check(e, setting, stored);
  IF p.owner_name IS DISTINCT FROM sambapos._feed_owner(e) THEN -- what a former owner has set holds no longer
    p.policy := NULL; p.time_column := NULL;
  END IF;
  p.policy := CASE setting WHEN 'policy' THEN stored ELSE p.policy END;
  p.time_column := CASE setting WHEN 'time_column' THEN stored ELSE p.time_column END;
  DELETE FROM sambapos.receive_policy AS x WHERE (x.feed_id, x.entity) = (e.feed_id, e.entity);
  INSERT INTO sambapos.receive_policy (feed_id, entity, policy, time_column, owner_name, set_by)
  SELECT e.feed_id, e.entity, p.policy, p.time_column, sambapos._feed_owner(e), sambapos._feed_changer()
  WHERE p.policy IS NOT NULL OR p.time_column IS NOT NULL;
  RETURN before;
END;
$$;
COMMENT ON FUNCTION sambapos._policy_set(text, text, text, text) IS
  'Changes a setting of an entity, for the role that was noted; returns what it was, under the entity''s name';

CREATE FUNCTION sambapos._policy_of(f sambapos.change_feed, e sambapos.feed_entity) RETURNS sambapos.receive_policy
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p sambapos.receive_policy := (SELECT x FROM sambapos.receive_policy AS x WHERE (x.feed_id, x.entity) = (e.feed_id, e.entity));
BEGIN
  IF p.policy IS NULL OR e.capture NOT IN ('statement', 'row') THEN
    RAISE EXCEPTION 'nothing is received for entity "%" of feed "%"', e.entity, f.name USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'It has no policy.',
      HINT = format('The owner of its table calls SELECT sambapos_configure(%L, ''policy'', ''cloud_wins'', %L), or host_wins, or latest_wins.',
                    f.name, e.entity);
  ELSIF sambapos._feed_owner(e) IS DISTINCT FROM p.owner_name OR p.owner_name IS DISTINCT FROM e.owner_name THEN
    RAISE EXCEPTION '%', sambapos._feed_owner_words(e, p.owner_name) USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'Its present owner sets the policy again.';
  ELSIF p.policy = 'latest_wins' AND p.time_column IS NULL THEN
    RAISE EXCEPTION 'policy latest_wins of entity "%" needs a time_column', e.entity USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT sambapos_configure(%L, ''time_column'', ''...'', %L) names the column whose times are compared.', f.name, e.entity);
  END IF;
  RETURN p;
END;
$$;
COMMENT ON FUNCTION sambapos._policy_of(sambapos.change_feed, sambapos.feed_entity) IS
  'The policy of an entity; raises 55000 if hosts may not write to it';
