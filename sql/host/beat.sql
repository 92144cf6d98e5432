-- beat.sql: what a host tells every half minute, and is told.
--
-- Rules:
-- * One UPDATE of the host's own row and one row of its ring, no more; a beat that meets another one of the same host
--   waits for nothing. So a beat in a long transaction is in nobody's way.
-- * The tick is made where the beat is a transaction of its own: its locks end with it.
-- * Whether everything is to be taken anew says who answers deltas (feed/position.sql). The clock is this server's.

CREATE FUNCTION sambapos._beat_check(metrics jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF jsonb_typeof(metrics) <> 'object' THEN
    RAISE EXCEPTION 'metrics must be a JSON object' USING ERRCODE = 'invalid_parameter_value',
      DETAIL = format('It is of type %s.', jsonb_typeof(metrics)), HINT = 'For example {"cpu": 12.5, "pendingTransactions": 3, "mode": "online"}.';
  ELSIF octet_length(metrics::text) > 4000 THEN
    RAISE EXCEPTION 'metrics are too long' USING ERRCODE = 'invalid_parameter_value',
      DETAIL = format('They have %s bytes.', octet_length(metrics::text)), HINT = 'At most 4000 bytes.';
  ELSIF coalesce(metrics -> 'pendingTransactions', metrics -> 'pending_transactions', 'null')::text !~ '^([0-9]{1,15}|null)$' THEN
    RAISE EXCEPTION 'pendingTransactions is no whole number from 0 on' USING ERRCODE = 'invalid_parameter_value';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._beat_check(jsonb) IS 'Raises 22023 for metrics that are no object, or too long, or have no number where there is to be one';

CREATE FUNCTION sambapos._beat_pending(metrics jsonb) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  pending jsonb := coalesce(metrics -> 'pendingTransactions', metrics -> 'pending_transactions');
BEGIN
  RETURN CASE WHEN pending::text ~ '^[0-9]{1,15}$' THEN pending::bigint END;
END;
$$;
COMMENT ON FUNCTION sambapos._beat_pending(jsonb) IS 'How many transactions wait at a host, as its metrics have it; NULL: they do not say';

-- NULL: another beat of the host is under way; what it has told is as new.
CREATE FUNCTION sambapos._beat_note(h sambapos.feed_host, have_version bigint, incarnation uuid, metrics jsonb) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.host_state AS s
     SET last_seen_at = clock_timestamp(), beats = s.beats + 1, have_version = _beat_note.have_version,
         have_incarnation = _beat_note.incarnation,
         pending_transactions = coalesce(sambapos._beat_pending(metrics), s.pending_transactions),
         mode = coalesce(left(metrics ->> 'mode', 40), s.mode)
   WHERE s.host_id IN (SELECT x.host_id FROM sambapos.host_state AS x WHERE x.host_id = h.host_id FOR NO KEY UPDATE SKIP LOCKED)
  RETURNING s.beats;
$$;
COMMENT ON FUNCTION sambapos._beat_note(sambapos.feed_host, bigint, uuid, jsonb) IS 'Puts a beat on record; returns its number';

CREATE FUNCTION sambapos._beat_keep(h sambapos.feed_host, beat bigint, metrics jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.host_beat (host_id, slot, beat_at, metrics)
  SELECT h.host_id, beat % 120, clock_timestamp(), metrics WHERE beat IS NOT NULL AND metrics IS NOT NULL
  ON CONFLICT (host_id, slot) DO UPDATE SET beat_at = excluded.beat_at, metrics = excluded.metrics;
$$;
COMMENT ON FUNCTION sambapos._beat_keep(sambapos.feed_host, bigint, jsonb) IS 'Keeps the metrics of a beat in the ring of its host';

CREATE FUNCTION sambapos._beat_rule_fits(u sambapos.urgent_rule, since bigint, scope text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  changes sambapos.change[] := ARRAY(
    SELECT k FROM sambapos.change AS k
    WHERE (k.feed_id, k.entity) = (u.feed_id, u.entity) AND (k.version > since OR k.version IS NULL) AND k.key IS NOT NULL
      AND (_beat_rule_fits.scope IS NULL OR k.scope IS NULL OR k.scope = _beat_rule_fits.scope)
      AND (k.operation = 'DELETE' OR u.columns IS NULL OR k.changed_columns IS NULL OR k.changed_columns && u.columns));
BEGIN
  RETURN EXISTS (SELECT FROM unnest(changes) AS c WHERE u.condition IS NULL OR c.operation = 'DELETE')
      OR EXISTS (SELECT FROM sambapos.feed_entity AS e
                 CROSS JOIN LATERAL sambapos._condition_keys(e, u.query, ARRAY(SELECT DISTINCT c.key FROM unnest(changes) AS c))
                 WHERE (e.feed_id, e.entity) = (u.feed_id, u.entity) AND u.query IS NOT NULL AND changes <> '{}');
EXCEPTION WHEN OTHERS THEN
  RETURN false; -- the tick puts on record that the rule cannot be asked
END;
$$;
COMMENT ON FUNCTION sambapos._beat_rule_fits(sambapos.urgent_rule, bigint, text) IS
  'True if a change since a version, of a scope, is one that an urgent rule is about';

CREATE FUNCTION sambapos._beat_answer(h sambapos.feed_host, f sambapos.change_feed, have_version bigint, incarnation uuid) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos._feed_answer := sambapos._feed_answer_of(f, have_version, h.scope, NULL, incarnation, true);
  ordered text := sambapos._full_told(h); -- it is one full, whatever it is told for
  reason text := coalesce(a.reason, ordered);
BEGIN
  RETURN jsonb_build_object(
    'latestVersion', (a.state).version, 'incarnation', a.incarnation, 'fullRequired', reason IS NOT NULL, 'reason', reason,
    'urgent', a.reason IS NULL AND EXISTS (SELECT FROM sambapos.urgent_rule AS u
                                           WHERE u.feed_id = f.feed_id AND sambapos._beat_rule_fits(u, have_version, h.scope)),
    'serverTime', clock_timestamp(), 'nextHeartbeatSeconds', trim_scale(extract(epoch FROM f.heartbeat_interval)));
END;
$$;
COMMENT ON FUNCTION sambapos._beat_answer(sambapos.feed_host, sambapos.change_feed, bigint, uuid) IS 'What a host is told by its beat';

-- A version of another life of the feed is none. Of a host that does not say of which life, it is that of its last beat.
-- What a tick warns of is for the log: it may be of rows of another scope.
CREATE FUNCTION sambapos._host_beat(host text, have_version bigint, incarnation uuid, metrics jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET client_min_messages = error SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  h sambapos.feed_host := sambapos._host(host, false);
  f sambapos.change_feed := (SELECT x FROM sambapos.change_feed AS x WHERE x.feed_id = h.feed_id);
  told uuid := coalesce(incarnation, (SELECT s.have_incarnation FROM sambapos.host_state AS s WHERE s.host_id = h.host_id));
  present uuid;
BEGIN
  PERFORM sambapos._beat_check(metrics);
  PERFORM sambapos._feed_stamp_try(f)
  WHERE NOT sambapos._in_block() AND current_setting('transaction_isolation') = 'read committed';
  present := (SELECT sambapos._feed_incarnation(s) FROM sambapos.feed_state AS s WHERE s.feed_id = f.feed_id);
  PERFORM sambapos._beat_keep(h, sambapos._beat_note(h, CASE WHEN told = present OR told IS NULL THEN have_version END, present, metrics), metrics);
  RETURN sambapos._beat_answer(h, f, have_version, told);
END;
$$;
COMMENT ON FUNCTION sambapos._host_beat(text, bigint, uuid, jsonb) IS 'Takes a beat, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_heartbeat(host text, have_version bigint, incarnation uuid DEFAULT NULL, metrics jsonb DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  RETURN sambapos._host_beat(host, have_version, incarnation, metrics);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_heartbeat(text, bigint, uuid, jsonb) IS
  'A host says that it is there, and which version it has (NULL: none; with the incarnation that came with it), and is told '
  'latestVersion, incarnation, fullRequired and reason (take everything anew), urgent (a change since then is one that an urgent '
  'rule is about), serverTime, nextHeartbeatSeconds. metrics: an object of up to 4000 bytes; pendingTransactions and mode of it '
  'are shown by view sambapos.host_status. Ticks the feed, except after BEGIN. Errors: 42501 another''s host, 42704 no such host, '
  '22023 version or metrics';
