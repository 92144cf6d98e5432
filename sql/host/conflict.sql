-- conflict.sql: has somebody else changed a row since the host last knew it; whose version counts; who sees both.
--
-- Rules:
-- * A conflict is a row that both sides have changed since the version that the host had, and that differs. Whose change it
--   was the log says: what is received is entered under the host's name.
-- * What cannot be known is a conflict, unless the host itself was the last to change the row: a host that has told no version, a version of another life of the feed, or one
--   whose changes are kept no longer.

CREATE FUNCTION sambapos._conflict_changer(h sambapos.feed_host) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN 'host:' || h.name; END; $$;
COMMENT ON FUNCTION sambapos._conflict_changer(sambapos.feed_host) IS 'changed_by of what was received from a host';

CREATE FUNCTION sambapos._conflict_base(h sambapos.feed_host, s sambapos.feed_state) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT t.have_version FROM sambapos.host_state AS t
          WHERE t.host_id = h.host_id
            AND (t.have_incarnation IS NULL OR t.have_incarnation = sambapos._feed_incarnation(s)));
END;
$$;
COMMENT ON FUNCTION sambapos._conflict_base(sambapos.feed_host, sambapos.feed_state) IS
  'The version that a host has, as its last beat said; NULL: not known, or of another life of the feed';

-- Who has changed a row last says it: what others changed before the host did was judged when the host sent its change.
-- Asked once a batch, and after that only for a row that has become another one meanwhile.
CREATE FUNCTION sambapos._conflict_log(h sambapos.feed_host, e sambapos.feed_entity, since bigint, keys jsonb[])
RETURNS TABLE (key jsonb, entry jsonb, is_truncate boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH entry AS MATERIALIZED (
    SELECT c.key, c.change_id, c.operation, c.scope, coalesce(c.version, 9223372036854775807) AS version,
           coalesce(c.changed_by = sambapos._conflict_changer(h), false) AS is_own
    FROM sambapos.change AS c
    WHERE (c.feed_id, c.entity) = (e.feed_id, e.entity) AND (c.version > since OR c.version IS NULL)
      AND (c.key IS NULL OR c.key IN (SELECT k FROM unnest(keys) AS k)))
  SELECT x.key, jsonb_build_object('version', (array_agg(x.version ORDER BY x.change_id DESC))[1], 'no', max(x.change_id),
                                   'own', (array_agg(x.is_own ORDER BY x.change_id DESC))[1],
                                   'moved', max(x.version) FILTER (WHERE x.operation = 'DELETE' AND x.scope = h.scope)),
         x.key IS NULL AND t.is_truncate
  FROM entry AS x CROSS JOIN (VALUES (false), (true)) AS t (is_truncate)
  WHERE NOT t.is_truncate OR x.operation = 'TRUNCATE'
  GROUP BY x.key, t.is_truncate;
$$;
COMMENT ON FUNCTION sambapos._conflict_log(sambapos.feed_host, sambapos.feed_entity, bigint, jsonb[]) IS
  'What the log has of rows since a version: up to which one they were changed, by which entry, whether the host itself was the '
  'last, and when they left its scope. Key NULL: the entity as a whole, and once more what has emptied its table';

CREATE FUNCTION sambapos._conflict_is_later(host_row jsonb, cloud_row jsonb, p sambapos.receive_policy, e sambapos.feed_entity) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  host_time text := host_row ->> p.time_column;
  cloud_time text := cloud_row ->> p.time_column;
  has_zone boolean := EXISTS (SELECT FROM sambapos._batch_columns(e) AS c WHERE c.name = p.time_column AND c.base = 'timestamptz'::regtype);
BEGIN
  RETURN cloud_row IS NOT NULL AND host_time IS NOT NULL
     AND (cloud_time IS NULL OR CASE WHEN has_zone THEN host_time::timestamptz > cloud_time::timestamptz
                                     ELSE host_time::timestamp > cloud_time::timestamp END);
END;
$$;
COMMENT ON FUNCTION sambapos._conflict_is_later(jsonb, jsonb, sambapos.receive_policy, sambapos.feed_entity) IS
  'True if the host''s time is later. Equal times: it is not. No time is earlier than any; a row that was deleted here has none '
  'and stays deleted';

CREATE FUNCTION sambapos._conflict_winner(host_row jsonb, cloud_row jsonb, p sambapos.receive_policy, e sambapos.feed_entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN p.policy = 'host_wins' THEN 'host'
              WHEN p.policy = 'latest_wins' AND sambapos._conflict_is_later(host_row, cloud_row, p, e) THEN 'host'
              ELSE 'cloud' END;
END;
$$;
COMMENT ON FUNCTION sambapos._conflict_winner(jsonb, jsonb, sambapos.receive_policy, sambapos.feed_entity) IS 'Whose version counts';

-- Both versions are rows of the table: whoever may read the table, or administers the feed, or is the host that has sent one.
CREATE FUNCTION sambapos._conflict_is_shown(host_id integer, entity_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  caller name := sambapos._feed_caller();
BEGIN
  RETURN sambapos._consumer_has_level(caller, '{admin}')
      OR EXISTS (SELECT FROM sambapos.feed_host AS h WHERE h.host_id = _conflict_is_shown.host_id AND sambapos._host_is_of(h, caller))
      OR EXISTS (SELECT FROM sambapos.feed_entity AS e
                 WHERE e.entity_id = _conflict_is_shown.entity_id
                   AND has_table_privilege(caller, sambapos._feed_relation(e), 'SELECT'));
END;
$$;
COMMENT ON FUNCTION sambapos._conflict_is_shown(integer, integer) IS 'True if the caller may see the versions of rows of an entity, or is the host';
