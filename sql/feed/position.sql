-- position.sql: where a client stands, and whether what is new is enough for it.

CREATE TYPE sambapos._feed_answer AS (feed sambapos.change_feed, state sambapos.feed_state, incarnation uuid, entities text[],
                                      paused text[], reason text);
COMMENT ON TYPE sambapos._feed_answer IS
  'What a question to a feed is about; paused: entities that were asked for and cannot be answered; reason: why only '
  'everything anew is right, NULL: what is new is enough';

CREATE FUNCTION sambapos._feed_entities(f sambapos.change_feed, entities text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_entity(f, n) FROM unnest(entities) AS n; -- raises
  RETURN ARRAY(SELECT e.entity FROM sambapos.feed_entity AS e
               WHERE e.feed_id = f.feed_id AND (entities IS NULL OR e.entity = ANY (entities)) ORDER BY e.entity_id);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_entities(sambapos.change_feed, text[]) IS
  'The entities asked for, all by default; raises 42704 for one that is not there';

CREATE FUNCTION sambapos._feed_reason(f sambapos.change_feed, s sambapos.feed_state, present uuid, since bigint, given uuid,
                                      scope text, entities text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  changes bigint;
BEGIN
  IF since IS NULL THEN
    RETURN 'no position was given';
  ELSIF given IS DISTINCT FROM present AND given IS NOT NULL THEN
    RETURN 'the feed began another life: the database was restored, copied or failed over';
  ELSIF since > s.version THEN
    RETURN format('the feed has come to version %s only: the database was restored from an earlier time', s.version);
  ELSIF since < s.min_version THEN
    RETURN format('changes up to version %s are kept no longer', s.min_version);
  ELSIF s.version - since > f.max_version_gap THEN
    RETURN format('more than %s versions have passed', f.max_version_gap);
  END IF;
  SELECT count(*) INTO changes
  FROM (SELECT FROM sambapos.change AS c
        WHERE c.feed_id = f.feed_id AND (c.version > since OR c.version IS NULL) AND c.entity = ANY (entities)
          AND (_feed_reason.scope IS NULL OR c.scope IS NULL OR c.scope = _feed_reason.scope)
        LIMIT f.max_delta + 1) AS n;
  IF changes > f.max_delta THEN
    RETURN format('there are more than %s changes', f.max_delta);
  END IF;
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_reason(sambapos.change_feed, sambapos.feed_state, uuid, bigint, uuid, text, text[]) IS
  'Why a client at a version has to take everything anew; NULL: it has not';

CREATE FUNCTION sambapos._feed_answer_of(f sambapos.change_feed, since bigint, scope text, entities text[], incarnation uuid,
                                         is_delta boolean) RETURNS sambapos._feed_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos._feed_answer;
BEGIN
  a.feed := f;
  a.state := (SELECT s FROM sambapos.feed_state AS s WHERE s.feed_id = (a.feed).feed_id);
  a.incarnation := sambapos._feed_incarnation(a.state);
  a.entities := sambapos._feed_entities(a.feed, entities);
  a.paused := ARRAY(SELECT e.entity FROM sambapos.feed_entity AS e
                    WHERE e.feed_id = (a.feed).feed_id AND e.entity = ANY (a.entities) AND sambapos._feed_is_paused(e)
                    ORDER BY e.entity_id);
  a.entities := ARRAY(SELECT n FROM unnest(a.entities) WITH ORDINALITY AS n (n, i) WHERE n <> ALL (a.paused) ORDER BY i);
  IF since < 0 THEN
    RAISE EXCEPTION 'invalid version %', since USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A version is 0 or more; NULL is no position.';
  END IF;
  IF is_delta THEN
    a.reason := sambapos._feed_reason(a.feed, a.state, a.incarnation, since, incarnation, scope, a.entities);
  END IF;
  RETURN a;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_answer_of(sambapos.change_feed, bigint, text, text[], uuid, boolean) IS
  'What a question is about, checked; is_delta: and whether what is new is enough';

CREATE FUNCTION sambapos._feed_ask(feed text, since bigint, scope text, entities text[], incarnation uuid,
                                   is_delta boolean) RETURNS sambapos._feed_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed(feed);
BEGIN
  PERFORM sambapos._feed_check_scope(f, scope);
  RETURN sambapos._feed_answer_of(f, since, scope, entities, incarnation, is_delta);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_ask(text, bigint, text, text[], uuid, boolean) IS
  'The same of a feed by its name, for a caller who may ask it for that scope';
