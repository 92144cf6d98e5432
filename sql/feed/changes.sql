-- changes.sql: what has changed since a version, as a list; whether anything has.
--
-- Rules:
-- * STABLE, in one snapshot: it works in a read-only transaction, on a standby, over HTTP GET.
-- * What is committed and has no version yet is shown too. It comes again when it has one.
-- * Only the table says whether a row is there. A DELETE of a row that is there (keys were swapped, a trigger wrote it
--   again) is an UPDATE, but where what follows in the same answer tells of it.

-- Whole versions up to about max_rows, at least one.
CREATE FUNCTION sambapos._feed_page_end(a sambapos._feed_answer, since bigint, scope text, max_rows integer)
RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(min(v.version) FILTER (WHERE v.so_far >= max_rows), (a.state).version)
  FROM (SELECT c.version, sum(count(*)) OVER (ORDER BY c.version) AS so_far
        FROM sambapos.change AS c
        WHERE c.feed_id = (a.feed).feed_id AND c.version > since AND c.entity = ANY (a.entities)
          AND (_feed_page_end.scope IS NULL OR c.scope IS NULL OR c.scope = _feed_page_end.scope)
        GROUP BY c.version) AS v;
$$;
COMMENT ON FUNCTION sambapos._feed_page_end(sambapos._feed_answer, bigint, text, integer) IS
  'The last version that is on a page';

CREATE TYPE sambapos._feed_named AS (entity text, key jsonb);
COMMENT ON TYPE sambapos._feed_named IS 'A row of an entity, by its key';

CREATE FUNCTION sambapos._feed_rows(feed_id integer, named sambapos._feed_named[], scope text)
RETURNS TABLE (entity text, key jsonb, data jsonb)
LANGUAGE sql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp AS
$$
  SELECT e.entity, r.key, r.data
  FROM (SELECT n.entity, array_agg(DISTINCT n.key) AS keys FROM unnest(named) AS n GROUP BY n.entity) AS n
  JOIN sambapos.feed_entity AS e ON (e.feed_id, e.entity) = (_feed_rows.feed_id, n.entity)
  CROSS JOIN LATERAL sambapos._feed_read(e, n.keys, _feed_rows.scope, NULL, NULL) AS r;
$$;
COMMENT ON FUNCTION sambapos._feed_rows(integer, sambapos._feed_named[], text) IS
  'The rows that are there of those named, as a scope may see them, each entity read with the rights of its owner';

-- Also what has no version yet, if it is asked for: on the last page.
CREATE FUNCTION sambapos._feed_changes(a sambapos._feed_answer, since bigint, scope text, max_rows integer, with_waiting boolean)
RETURNS TABLE (version bigint, entity text, key jsonb, operation text, data jsonb, changed_columns text[],
               changed_at timestamptz, changed_by text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  page_end bigint := sambapos._feed_page_end(a, since, scope, max_rows);
BEGIN
  RETURN QUERY
    WITH c AS MATERIALIZED (
      SELECT k.*, lead(true) OVER (PARTITION BY k.entity, k.key ORDER BY k.version NULLS LAST, k.change_id) IS NULL AS is_last
      FROM sambapos.change AS k
      WHERE k.feed_id = (a.feed).feed_id AND k.entity = ANY (a.entities)
        AND (_feed_changes.scope IS NULL OR k.scope IS NULL OR k.scope = _feed_changes.scope)
        AND (k.version > since AND k.version <= page_end OR with_waiting AND k.version IS NULL AND page_end = (a.state).version)
    ), d AS MATERIALIZED (
      SELECT r.* FROM sambapos._feed_rows((a.feed).feed_id, ARRAY(SELECT (c.entity, c.key)::sambapos._feed_named FROM c
                                          WHERE c.operation IN ('INSERT', 'UPDATE', 'DELETE')), _feed_changes.scope) AS r
    )
    SELECT c.version, c.entity, c.key, x.operation, CASE WHEN x.operation <> 'DELETE' THEN d.data END, c.changed_columns,
           c.changed_at, c.changed_by
    FROM c LEFT JOIN d ON (d.entity, d.key) = (c.entity, c.key)
    CROSS JOIN LATERAL (
      SELECT CASE WHEN c.operation IN ('INSERT', 'UPDATE') AND d.key IS NULL THEN 'DELETE'
                  WHEN c.operation = 'DELETE' AND c.is_last AND d.key IS NOT NULL THEN 'UPDATE'
                  ELSE c.operation END AS operation) AS x
    ORDER BY c.version NULLS LAST, c.change_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_changes(sambapos._feed_answer, bigint, text, integer, boolean) IS
  'What has changed since a version, with what the rows have now';

CREATE FUNCTION @extschema@.sambapos_changes(feed text, since bigint, scope text DEFAULT NULL,
  entities text[] DEFAULT NULL, max_rows integer DEFAULT 1000, incarnation uuid DEFAULT NULL)
RETURNS TABLE (version bigint, entity text, key jsonb, operation text, data jsonb, changed_columns text[],
               changed_at timestamptz, changed_by text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos._feed_answer := sambapos._feed_ask(feed, since, scope, entities, incarnation, true);
BEGIN
  IF max_rows IS NULL OR max_rows < 1 THEN
    RAISE EXCEPTION 'invalid max_rows %', coalesce(max_rows::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Valid: 1 or more.';
  ELSIF a.reason IS NOT NULL THEN
    RETURN QUERY SELECT NULL::bigint, NULL::text, NULL::jsonb, 'FULL_REQUIRED'::text,
      jsonb_build_object('reason', a.reason, 'version', (a.state).version, 'incarnation', a.incarnation),
      NULL::text[], NULL::timestamptz, NULL::text;
    RETURN;
  END IF;
  IF a.paused <> '{}' THEN
    RAISE NOTICE 'nothing is told of entities that are paused: %', array_to_string(a.paused, ', ') USING
      HINT = 'Keep what you have of them; they are taken anew (LOAD) when they go on. Column problem of view sambapos.entities says why.';
  END IF;
  RETURN QUERY SELECT k.* FROM sambapos._feed_changes(a, since, scope, max_rows, true) AS k;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_changes(text, bigint, text, text[], integer, uuid) IS
  'What has changed on a feed since a version, in its order: a row a change, with the row''s values as they are now. '
  'operation: INSERT, UPDATE, DELETE (data NULL; may name a key that the client does not know), CLEAR (drop the rows of '
  'that entity), TRUNCATE and LOAD (take that entity anew), or FULL_REQUIRED as the only row, with the reason in data. '
  'A version is never split: whole ones up to about max_rows. Changes that are committed and have no version yet stand '
  'at the end of the last page with version NULL, and come again. Errors: 42704 no such feed or entity, 22023 since or '
  'max_rows';

CREATE FUNCTION @extschema@.sambapos_check_for_updates(feed text, since bigint, scope text DEFAULT NULL,
                                                       entities text[] DEFAULT NULL)
RETURNS TABLE (entity text, changes bigint, latest_version bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
DECLARE
  a sambapos._feed_answer := sambapos._feed_ask(feed, since, scope, entities, NULL, false);
BEGIN
  RETURN QUERY
    SELECT n.entity, NULL::bigint, (a.state).version FROM unnest(a.paused) AS n (entity);
  RETURN QUERY
    SELECT c.entity, count(*), (a.state).version
    FROM sambapos.change AS c
    WHERE c.feed_id = (a.feed).feed_id AND c.entity = ANY (a.entities)
      AND (c.version > coalesce(since, -1) OR c.version IS NULL)
      AND (sambapos_check_for_updates.scope IS NULL OR c.scope IS NULL OR c.scope = sambapos_check_for_updates.scope)
    GROUP BY c.entity ORDER BY c.entity;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_check_for_updates(text, bigint, text, text[]) IS
  'How many changes each entity of a feed has since a version; entities without any are left out. changes is NULL for an '
  'entity that is paused: how many there are nobody knows. Errors: 42704 no such feed or entity, 22023 since';

-- Each look has a snapshot of its own, as READ COMMITTED has it.
CREATE FUNCTION @extschema@.sambapos_wait_for_change(feed text, since bigint, timeout interval DEFAULT '25 seconds')
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed(feed);
  until timestamptz := clock_timestamp() + least(coalesce(timeout, '0'), interval '55 seconds');
  latest bigint;
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'sambapos_wait_for_change needs isolation level READ COMMITTED' USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Above it a transaction sees no change of others.';
  END IF;
  LOOP
    SELECT s.version INTO latest FROM sambapos.feed_state AS s WHERE s.feed_id = f.feed_id;
    EXIT WHEN latest > coalesce(since, -1) OR clock_timestamp() >= until;
    PERFORM pg_sleep(least(0.2, extract(epoch FROM until - clock_timestamp())));
  END LOOP;
  RETURN latest;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_wait_for_change(text, bigint, interval) IS
  'Waits until a feed has a version greater than since, at most timeout (55 seconds), and returns the latest one. '
  'Writes nothing. Errors: 42704 no such feed, 55000 an isolation level above READ COMMITTED';
