-- tick.sql: giving out versions, after the commit and by one hand; telling of them; dropping what is old.
--
-- Rules:
-- * A number that was taken while writing would become visible out of order, and a client would miss changes. So all
--   that is committed and has no version gets the next one, under a lock that nobody waits for.
-- * A tick that finds nothing writes nothing.

-- Of a key only the last change is of use to a client, wherever it stands: what columns have changed is added up. What
-- came before an entity was to be taken anew is of use to none. What a consumer wrote back after a change is one with it. A
-- consumer that has stopped has to be told each row that has changed since, also before that.
CREATE FUNCTION sambapos._feed_compact(f sambapos.change_feed, stamped bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  WITH fresh AS (
    SELECT DISTINCT ON (c.entity, c.key, c.scope) c.change_id, c.entity, c.key, c.scope, c.operation
    FROM sambapos.change AS c WHERE (c.feed_id, c.version) = (f.feed_id, stamped)
    ORDER BY c.entity, c.key, c.scope, c.change_id DESC
  ), anew AS (
    SELECT n.entity, max(n.change_id) AS change_id FROM fresh AS n
    WHERE n.key IS NULL AND n.operation IN ('LOAD', 'TRUNCATE') GROUP BY n.entity
  ), past AS (
    SELECT o.change_id, n.change_id AS by_id
    FROM fresh AS n
    CROSS JOIN LATERAL ( -- looked up for each row: the planner has no idea how many are fresh
      SELECT o.change_id FROM sambapos.change AS o
      WHERE (o.feed_id, o.entity, jsonb_hash(o.key)) = (f.feed_id, n.entity, jsonb_hash(n.key)) AND o.key = n.key
        AND o.version <= stamped AND o.change_id < n.change_id AND o.scope IS NOT DISTINCT FROM n.scope OFFSET 0) AS o
    UNION ALL
    SELECT o.change_id, n.change_id
    FROM sambapos.change AS o JOIN anew AS n USING (entity)
    WHERE o.feed_id = f.feed_id AND o.version <= stamped AND o.change_id < n.change_id
      AND NOT EXISTS (SELECT FROM sambapos.feed_consumer AS k JOIN sambapos.consumer_position AS p USING (consumer_id)
                      WHERE k.feed_id = f.feed_id AND k.mode = 'work' AND o.entity = ANY (k.entities) AND p.version < o.version)
  ), gone AS (
    DELETE FROM sambapos.change AS o USING past AS p
    WHERE o.change_id = p.change_id RETURNING p.by_id AS change_id, o.operation, o.changed_columns, o.written_back
  )
  UPDATE sambapos.change AS c
     SET changed_columns = CASE WHEN c.operation = 'UPDATE' AND g.all_known
           THEN ARRAY(SELECT DISTINCT x FROM unnest(c.changed_columns || g.columns) AS x ORDER BY x) END,
         written_back = c.written_back AND g.all_back
    FROM (SELECT d.change_id, bool_and(d.operation = 'UPDATE' AND d.changed_columns IS NOT NULL) AS all_known,
                 bool_and(d.written_back) AS all_back,
                 array_agg(x.name) AS columns
          FROM gone AS d LEFT JOIN LATERAL unnest(d.changed_columns) AS x (name) ON true GROUP BY d.change_id) AS g
   WHERE c.change_id = g.change_id AND c.changed_columns IS NOT NULL;
$$;
COMMENT ON FUNCTION sambapos._feed_compact(sambapos.change_feed, bigint) IS
  'Drops changes of a feed that later ones of the same row, in the version given, have made superfluous';

CREATE FUNCTION sambapos._feed_drop_old(f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  dropped bigint;
BEGIN
  WITH old AS (DELETE FROM sambapos.change AS c
               WHERE c.feed_id = f.feed_id AND c.version IS NOT NULL AND c.changed_at < now() - f.retention
               RETURNING c.version)
  SELECT max(o.version) INTO dropped FROM old AS o;
  UPDATE sambapos.feed_state AS s SET min_version = dropped WHERE s.feed_id = f.feed_id AND s.min_version < dropped;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_drop_old(sambapos.change_feed) IS 'Drops numbered changes that are older than retention';

-- Counts and names of entities, never a value: whoever can connect can listen.
CREATE FUNCTION sambapos._feed_notify(f sambapos.change_feed, s sambapos.feed_state) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  message jsonb := jsonb_build_object('feed', f.name, 'incarnation', sambapos._feed_incarnation(s),
                                      'from', s.version - 1, 'to', s.version);
  entities jsonb;
  scopes jsonb;
BEGIN
  SELECT jsonb_object_agg(n.entity, n.changes) INTO entities
  FROM (SELECT c.entity, count(*) AS changes FROM sambapos.change AS c
        WHERE (c.feed_id, c.version) = (f.feed_id, s.version) GROUP BY c.entity) AS n;
  SELECT jsonb_agg(DISTINCT c.scope) INTO scopes FROM sambapos.change AS c
  WHERE (c.feed_id, c.version) = (f.feed_id, s.version) AND c.scope IS NOT NULL;
  IF octet_length((message || jsonb_build_object('entities', entities, 'scopes', scopes))::text) < 7900 THEN
    message := message || jsonb_build_object('entities', entities, 'scopes', coalesce(scopes, '[]'));
  ELSIF octet_length((message || jsonb_build_object('entities', entities))::text) < 7900 THEN
    message := message || jsonb_build_object('entities', entities);
  ELSE
    message := message || jsonb_build_object('entityCount', (SELECT count(*) FROM jsonb_object_keys(entities)));
  END IF;
  PERFORM pg_notify('sambapos_changed', message::text);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_notify(sambapos.change_feed, sambapos.feed_state) IS
  'Tells channel sambapos_changed of a version: feed, incarnation, from, to, how many changes of which entities, scopes';

CREATE FUNCTION sambapos._feed_required(f sambapos.change_feed, stamped bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'to be taken anew: ' || string_agg(DISTINCT c.entity, ', ' ORDER BY c.entity)
  FROM sambapos.change AS c WHERE (c.feed_id, c.version) = (f.feed_id, stamped) AND c.key IS NULL;
$$;
COMMENT ON FUNCTION sambapos._feed_required(sambapos.change_feed, bigint) IS
  'Which entities have to be taken anew with a version; NULL: none';

-- A restored copy, or a standby that was promoted, is another life of the feed.
CREATE FUNCTION sambapos._feed_settle_identity(f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.feed_state AS x SET identity = sambapos._feed_identity(x.identity)
  WHERE x.feed_id = f.feed_id AND x.identity IS DISTINCT FROM sambapos._feed_identity(x.identity);
  IF FOUND THEN
    PERFORM sambapos._feed_tell_required(f, 'the feed began another life');
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_settle_identity(sambapos.change_feed) IS
  'Puts on record which server the feed is on now, and tells of it where it is another one';

-- A change that has no columns on record, as an INSERT, may be of any. A DELETE leaves no row to ask.
CREATE FUNCTION sambapos._urgent_tell(u sambapos.urgent_rule, f sambapos.change_feed, stamped bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  changes sambapos.change[] := ARRAY(
    SELECT k FROM sambapos.change AS k
    WHERE (k.feed_id, k.version, k.entity) = (f.feed_id, stamped, u.entity) AND k.key IS NOT NULL
      AND (k.operation = 'DELETE' OR u.columns IS NULL OR k.changed_columns IS NULL OR k.changed_columns && u.columns)
    ORDER BY k.change_id);
  asked jsonb[] := ARRAY(SELECT DISTINCT c.key FROM unnest(changes) AS c
                         WHERE c.operation <> 'DELETE' AND u.condition IS NOT NULL);
  holds jsonb[];
  context text;
  words text;
BEGIN
  IF asked <> '{}' THEN
    holds := ARRAY(SELECT sambapos._condition_keys(e, u.query, asked)
                   FROM sambapos.feed_entity AS e WHERE (e.feed_id, e.entity) = (u.feed_id, u.entity));
  END IF;
  PERFORM pg_notify('sambapos_urgent', CASE WHEN octet_length(m.message::text) < 7900 THEN m.message
                                            ELSE m.message - 'key' - 'scope' END::text)
  FROM unnest(changes) AS c
  CROSS JOIN LATERAL (SELECT jsonb_build_object('feed', f.name, 'scope', c.scope, 'entity', c.entity, 'key', c.key,
                                                'rule', u.rule, 'version', stamped) AS message) AS m
  WHERE c.operation = 'DELETE' OR u.condition IS NULL OR c.key = ANY (holds);
  UPDATE sambapos.urgent_rule AS x SET problem = NULL WHERE x.rule_id = u.rule_id AND x.problem IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  words := sambapos._error_words(SQLSTATE, SQLERRM, context);
  UPDATE sambapos.urgent_rule AS x SET problem = words WHERE x.rule_id = u.rule_id;
  RAISE WARNING 'rule "%" of feed "%" cannot be asked: %', u.rule, f.name, words;
END;
$$;
COMMENT ON FUNCTION sambapos._urgent_tell(sambapos.urgent_rule, sambapos.change_feed, bigint) IS
  'Tells channel sambapos_urgent of the changes of a version that a rule is about';

CREATE FUNCTION sambapos._feed_has_work(f sambapos.change_feed) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.change AS c WHERE c.feed_id = f.feed_id AND c.version IS NULL)
      OR EXISTS (SELECT FROM sambapos.feed_due AS d WHERE d.feed_id = f.feed_id)
      OR sambapos._pending_is_due(f)
      OR EXISTS (SELECT FROM sambapos.feed_entity AS e WHERE e.feed_id = f.feed_id AND sambapos._feed_is_to_look_at(e))
      OR EXISTS (SELECT FROM sambapos.feed_state AS s
                 WHERE s.feed_id = f.feed_id AND s.identity IS DISTINCT FROM sambapos._feed_identity(s.identity))
      OR coalesce((SELECT c.changed_at FROM sambapos.change AS c WHERE c.feed_id = f.feed_id AND c.version IS NOT NULL
                   ORDER BY c.version, c.change_id LIMIT 1) < now() - f.retention, false);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_has_work(sambapos.change_feed) IS 'True if a tick of a feed has anything to do';

CREATE FUNCTION sambapos._feed_tick_key(f sambapos.change_feed) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN x'73616d62'::bigint << 32 | f.feed_id; END; $$;
COMMENT ON FUNCTION sambapos._feed_tick_key(sambapos.change_feed) IS 'The advisory lock by which one tick of a feed is on at a time';

CREATE FUNCTION sambapos._feed_stamp(f sambapos.change_feed) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  s sambapos.feed_state;
BEGIN
  IF NOT sambapos._feed_has_work(f) OR NOT pg_try_advisory_xact_lock(sambapos._feed_tick_key(f)) THEN
    RETURN false;
  END IF;
  PERFORM set_config('synchronous_commit', 'on', true);
  PERFORM sambapos._feed_settle_identity(f);
  PERFORM sambapos._feed_look_at_entities(f);
  PERFORM sambapos._feed_compare_due(f);
  PERFORM sambapos._feed_drop_old(f);
  IF NOT EXISTS (SELECT FROM sambapos.change AS c WHERE c.feed_id = f.feed_id AND c.version IS NULL) THEN
    PERFORM sambapos._pending_make(f);
    RETURN false;
  END IF;
  UPDATE sambapos.feed_state AS x
     SET version = x.version + 1, ticked_at = now()
   WHERE x.feed_id = f.feed_id RETURNING * INTO s;
  UPDATE sambapos.change AS c SET version = s.version WHERE c.feed_id = f.feed_id AND c.version IS NULL;
  PERFORM sambapos._pending_make(f); -- before changes are one: of what consumers have written none is told
  PERFORM sambapos._feed_compact(f, s.version);
  PERFORM sambapos._feed_notify(f, s);
  PERFORM sambapos._feed_tell_required(f, sambapos._feed_required(f, s.version));
  PERFORM sambapos._urgent_tell(u, f, s.version) FROM sambapos.urgent_rule AS u
  WHERE u.feed_id = f.feed_id AND (u.condition IS NULL OR u.query IS NOT NULL); -- else it has stopped
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_stamp(sambapos.change_feed) IS
  'Gives what is committed on a feed the next version, tells of it, makes deliveries of it, drops what is superfluous or '
  'old; true if there was '
  'anything to give a version to';

-- What one feed has raised keeps no other from its versions.
CREATE FUNCTION sambapos._feed_stamp_try(f sambapos.change_feed) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  stamped boolean;
  context text;
  words text;
BEGIN
  stamped := sambapos._feed_stamp(f);
  UPDATE sambapos.feed_state AS s SET problem = NULL WHERE s.feed_id = f.feed_id AND s.problem IS NOT NULL;
  RETURN stamped;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  words := sambapos._error_words(SQLSTATE, SQLERRM, context);
  UPDATE sambapos.feed_state AS s SET problem = words WHERE s.feed_id = f.feed_id AND s.problem IS DISTINCT FROM words;
  RAISE WARNING 'a tick of feed "%" has failed: %', f.name, words USING ERRCODE = SQLSTATE,
    HINT = 'Its changes wait for the next tick; clients are told them without a version.';
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_stamp_try(sambapos.change_feed) IS
  'A tick of a feed; an error is put on record, and a warning';

-- Whoever may tick need not own the tables: what reads them has their owners' rights.
CREATE FUNCTION sambapos._feed_tick(feed text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF feed IS NOT NULL THEN
    PERFORM sambapos._feed(feed); -- raises
  END IF;
  PERFORM sambapos._feed_stamp_try(f) FROM sambapos.change_feed AS f WHERE feed IS NULL OR f.name = feed ORDER BY f.feed_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_tick(text) IS 'One tick, of a feed or of all';

-- What a site's job and the worker do after a run.
CREATE FUNCTION sambapos._feed_tick_site(site_id integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := (SELECT x FROM sambapos.change_feed AS x WHERE x.site_id = _feed_tick_site.site_id);
BEGIN
  RETURN f.feed_id IS NOT NULL AND sambapos._feed_stamp_try(f);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_tick_site(integer) IS 'A tick of a site''s feed; true if it gave out a version';

CREATE PROCEDURE @extschema@.sambapos_feed_tick(feed text DEFAULT NULL)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_tick(feed);
END;
$$;
COMMENT ON PROCEDURE @extschema@.sambapos_feed_tick(text) IS
  'Gives all changes of a feed, or of all feeds, that are committed and have no version the next one, notifies '
  'sambapos_changed, drops what is superfluous, and what is older than the feed''s retention. Writes nothing if there '
  'is nothing. For pg_cron, or any scheduler. Errors: 42704 no such feed';
