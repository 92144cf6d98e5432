-- gone.sql: what it means that a row is missing at the source, and marking it so.
--
-- Rules:
-- * A missing row is a fact to be classified. What explains it is acted on at once: a clear is known by its
--   shape, an edit by what else it changed. What nothing explains waits: it is judged when settle_runs runs
--   in a row have missed it, and until then it is live.
-- * In doubt cleared, which keeps a row in the reports. Its values stay as they are.
-- * Children share the fate of their root.
-- * More rows than a person expects are never marked deleted or removed: the run stops and says so.
-- * A verdict is put right by later evidence: what was marked without an explanation while a clear began is cleared.

CREATE FUNCTION sambapos._run_has_cleared(run_id bigint, root name DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos.source_events AS e
                 WHERE e.run_id = _run_has_cleared.run_id AND e.kind IN ('clear', 'partial clear')
                     AND e.table_name = coalesce(root, e.table_name));
$$;
COMMENT ON FUNCTION sambapos._run_has_cleared(bigint, name) IS
  'True if a run has found a clear, of one table or of any';

-- Of a table that was not read for a while (not due, paused, failed) all is near that has happened since.
CREATE FUNCTION sambapos._clear_is_near(place sambapos._place, t sambapos._table DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos.source_events AS e
                 WHERE e.site_id = place.site_id AND e.kind IN ('clear', 'partial clear', 'reseed', 'restore')
                   AND (e.run_id >= sambapos._run_lately(place) OR e.at > t.last_success_at));
$$;
COMMENT ON FUNCTION sambapos._clear_is_near(sambapos._place, sambapos._table) IS
  'True if one of the last runs has found a clear, a reseed or a restore, or one since a table was last read';

CREATE FUNCTION sambapos._gone_check_limit(place sambapos._place, t sambapos._table, gone bigint, verdict text)
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live bigint;
BEGIN
  IF gone <= place.gone_limit THEN
    RETURN;
  END IF;
  EXECUTE format('SELECT count(*) FROM sambapos_replica.%I WHERE site_id = $1 AND row_state = ''live''', t.table_name)
    INTO live USING place.site_id;
  IF gone > live * 0.02 THEN
    RAISE EXCEPTION '% of % rows are gone at the source, with no sign of a clear: they are not marked %', gone, live,
        verdict USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = format('More than %s rows and 2 %% of a table wait for a person.', place.gone_limit),
      HINT = format('Find out at the till what has become of them. If they were deleted on purpose, allow that many '
                    'with SELECT sambapos_configure(%L, ''gone_limit'', %L), sync, and set gone_limit back to %s.',
                    place.name, gone::text, place.gone_limit);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_check_limit(sambapos._place, sambapos._table, bigint, text) IS
  'The circuit breaker: raises 55000 if a run is about to mark more rows deleted or removed than a person expects';

-- What a clear leaves: tickets that are open, their documents, the open period.
CREATE FUNCTION sambapos._root_may_stay_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN t.kind = 'ticket' THEN 'NOT r.is_closed'
    WHEN t.table_name = 'account_transaction_documents' AND sambapos._replica_table('tickets') IS NOT NULL THEN
      'EXISTS (SELECT FROM sambapos_replica.tickets AS k WHERE k.site_id = r.site_id
          AND k.transaction_document_id = r.id
                  AND k.row_state = ''live'' AND NOT k.is_closed)'
    WHEN t.table_name = 'work_periods' THEN 'r.end_date = r.start_date'
    ELSE 'false' END;
$$;
COMMENT ON FUNCTION sambapos._root_may_stay_sql(sambapos._place, sambapos._table) IS
  'A condition on replica row r of a root: true if a clear leaves it at the source';

-- What no clear leaves while it takes what is newer: what is closed and paid, and periods that have ended.
CREATE FUNCTION sambapos._root_is_settled_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN t.table_name = 'work_periods' THEN 'true'
    WHEN sambapos._ticket_has_sql(place, 'payments', 'k') IS NULL THEN 'false'
    WHEN t.kind = 'ticket' THEN 'r.remaining_amount = 0'
    WHEN t.table_name = 'account_transaction_documents' THEN
      'EXISTS (SELECT FROM sambapos_replica.tickets AS k WHERE k.site_id = r.site_id
          AND k.transaction_document_id = r.id AND k.row_state = ''live'' AND k.remaining_amount = 0)'
    ELSE 'false' END;
$$;
COMMENT ON FUNCTION sambapos._root_is_settled_sql(sambapos._place, sambapos._table) IS
  'A condition on replica row r of a root that is not open: true if a clear would have taken it with what is newer';

-- The shape of what is gone. A clear takes all there is up to some row, or all of a stretch (nine of ten, for
-- scripts that leave what is not paid); a restore takes the newest, and the ids fall. It sets the numerators back as
-- well, as a clear does, but then the older rows are still there, all of them: the better part, or such as a clear takes
-- before the newer ones. Where the till has sold so much
-- since a restore that each lost id names another row (superseded), that the newest rows are they, all of them, shows
-- it: rows of a later epoch came in this run, and say nothing.
CREATE FUNCTION sambapos._gone_shape(place sambapos._place, t sambapos._table, OUT kind text, OUT evidence jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f record;
  fell boolean := sambapos._probe_numerators_fell(place);
BEGIN
  EXECUTE format(
    'WITH span AS (
       SELECT count(*) FILTER (WHERE g.row_state IS NULL) AS gone,
              count(*) FILTER (WHERE g.row_state = ''superseded'') AS superseded,
              count(*) FILTER (WHERE g.row_state IS DISTINCT FROM ''removed'') AS gone_or_superseded,
              min(g.id) FILTER (WHERE g.row_state IS NULL) AS lowest_gone,
                  max(g.id) FILTER (WHERE g.row_state IS NULL) AS highest_gone,
              min(g.id) FILTER (WHERE g.row_state = ''superseded'') AS lowest_superseded,
                  max(g.epoch) FILTER (WHERE g.row_state = ''superseded'') AS superseded_epoch,
              (array_agg(g.id ORDER BY g.id) FILTER (WHERE g.row_state IS NULL))[1:50] AS ids
       FROM pg_temp.sambapos__gone AS g WHERE g.table_name = %1$L)
     SELECT s.*, k.*, p.rows AS rows_at_source, p.lowest AS lowest_left, p.highest AS highest_now, p.live_before
     FROM span AS s JOIN pg_temp.sambapos__probe AS p ON p.table_name = %1$L CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE r.id < s.lowest_gone) AS left_below,
           count(*) FILTER (WHERE r.id < s.lowest_gone AND %3$s) AS settled_below,
           count(*) FILTER (WHERE r.id > s.lowest_gone AND r.id < s.highest_gone) AS left_between,
           count(*) FILTER (WHERE r.id < s.lowest_superseded AND r.epoch <= s.superseded_epoch) AS kept_below,
           count(*) FILTER (WHERE r.id > s.lowest_superseded AND r.epoch <= s.superseded_epoch) AS kept_above
       FROM sambapos_replica.%1$I AS r
       WHERE r.site_id = $1 AND r.row_state = ''live'' AND NOT (%2$s)
         AND (s.gone = 0 AND s.superseded > 0 OR r.id < s.highest_gone)
         AND NOT EXISTS (SELECT FROM pg_temp.sambapos__gone AS g WHERE (g.table_name, g.epoch, g.id) = (%1$L, r.epoch,
             r.id))) AS k',
    t.table_name, sambapos._root_may_stay_sql(place, t), sambapos._root_is_settled_sql(place, t))
    INTO f USING place.site_id;
  evidence := to_jsonb(f) || jsonb_build_object('highest_before', t.source_max_id, 'numerators_fell', fell);
  kind := CASE
    WHEN f.gone = 0 THEN
      CASE WHEN f.superseded >= 2 AND f.kept_above = 0 AND f.kept_below * 9 > f.superseded
                AND NOT EXISTS (SELECT FROM pg_temp.sambapos__suspect AS x
                                WHERE x.table_name = t.table_name AND x.verdict = 'undecided') THEN 'restore' END
    WHEN f.gone_or_superseded >= f.live_before THEN 'clear'
    WHEN fell AND f.settled_below > 0 AND f.left_between = 0 AND f.lowest_gone > f.highest_now
         AND f.highest_now < t.source_max_id THEN 'restore'
    WHEN fell AND (f.lowest_gone < f.highest_now OR f.left_below * 9 <= f.gone) THEN 'clear'
    WHEN f.gone >= 2 AND f.left_below + f.left_between = 0 THEN 'partial clear'
    WHEN (f.gone >= 2 OR fell) AND f.lowest_gone > f.highest_now AND f.highest_now < t.source_max_id THEN 'restore'
    WHEN f.gone >= 10 AND f.left_between * 9 <= f.gone THEN 'partial clear'
    WHEN fell THEN 'clear'
    WHEN sambapos._clear_is_near(place, t) THEN 'partial clear' END;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_shape(sambapos._place, sambapos._table) IS
  'What happened to a source, by the shape of what is gone of a root; kind NULL: nothing that is known';

CREATE FUNCTION sambapos._gone_enter(run_id bigint, place sambapos._place, t sambapos._table, kind text,
    evidence jsonb, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  verdict text := CASE kind WHEN 'single delete' THEN 'deleted' ELSE 'cleared' END;
  gone bigint;
BEGIN
  UPDATE pg_temp.sambapos__gone AS g SET row_state = verdict WHERE g.table_name = t.table_name AND g.row_state IS NULL;
  GET DIAGNOSTICS gone = ROW_COUNT;
  IF gone = 0 THEN
    gone := (evidence ->> 'superseded')::bigint;
    verdict := 'their ids name other rows since a backup was restored';
  END IF;
  PERFORM sambapos._log_message(run_id, t.table_name, format('%s rows are gone at the source: %s', gone, verdict));
  PERFORM sambapos._log_event(run_id, place, t.table_name, kind, gone, evidence, version);
END;
$$;
COMMENT ON FUNCTION sambapos._gone_enter(bigint, sambapos._place, sambapos._table, text, jsonb, bigint) IS
  'Gives a root''s gone rows their verdict and enters it as a source event';

-- Rows of a root that the replica has as live and the source's list of ids has not; without a list none is missing, and
-- only those whose ids name other rows have a shape.
CREATE FUNCTION sambapos._gone_find(run_id bigint, place sambapos._place, t sambapos._table, version bigint)
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  shape record;
BEGIN
  IF EXISTS (SELECT FROM pg_temp.sambapos__probe AS p WHERE p.table_name = t.table_name AND p.listed) THEN
    EXECUTE format(
      'INSERT INTO pg_temp.sambapos__gone (table_name, epoch, id)
       SELECT %1$L::name, r.epoch, r.id FROM sambapos_replica.%1$I AS r
       WHERE r.site_id = $1 AND r.row_state = ''live''
         AND NOT EXISTS (SELECT FROM pg_temp.sambapos__source_id AS i WHERE i.table_name = %1$L AND i.id = r.id)
       ON CONFLICT DO NOTHING', t.table_name) USING place.site_id;
  ELSIF NOT EXISTS (SELECT FROM pg_temp.sambapos__gone AS g WHERE g.table_name = t.table_name) THEN
    RETURN;
  END IF;
  SELECT * INTO shape FROM sambapos._gone_shape(place, t);
  IF shape.kind IS NOT NULL THEN
    PERFORM sambapos._gone_enter(run_id, place, t, shape.kind, shape.evidence, version);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_find(bigint, sambapos._place, sambapos._table, bigint) IS
  'Finds a root''s rows that are gone, and sees whether that is a clear or a restore';

-- What no shape has explained, when all roots were looked at: part of a clear that another root has shown, or
-- rows to wait for, or deleted.
CREATE FUNCTION sambapos._gone_judge(run_id bigint, place sambapos._place, t sambapos._table, version bigint)
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  shape record;
  waiting bigint;
  gone bigint;
BEGIN
  -- most often none is: then nothing is to be added up over all rows that are live
  IF EXISTS (SELECT FROM pg_temp.sambapos__gone AS g WHERE g.table_name = t.table_name AND g.row_state IS NULL) THEN
    SELECT * INTO shape FROM sambapos._gone_shape(place, t);
    IF shape.kind IS NOT NULL THEN
      PERFORM sambapos._gone_enter(run_id, place, t, shape.kind, shape.evidence, version);
    END IF;
  END IF;
  PERFORM sambapos._missing_note(run_id, place, t.table_name, array_agg(g.epoch), array_agg(g.id))
  FROM pg_temp.sambapos__gone AS g WHERE g.table_name = t.table_name AND g.row_state IS NULL;
  DELETE FROM pg_temp.sambapos__gone AS g USING sambapos.missing AS m
   WHERE g.table_name = t.table_name AND g.row_state IS NULL AND m.runs < place.settle_runs
     AND (m.site_id, m.table_name, m.epoch, m.root_id) = (place.site_id, t.table_name, g.epoch, g.id);
  GET DIAGNOSTICS waiting = ROW_COUNT;
  IF waiting > 0 THEN
    PERFORM sambapos._log_message(run_id, t.table_name,
        format('%s rows are missing at the source: judged when it has come to rest', waiting));
  END IF;
  SELECT count(*) INTO gone FROM pg_temp.sambapos__gone AS g WHERE g.table_name = t.table_name AND g.row_state IS NULL;
  IF gone > 0 THEN
    PERFORM sambapos._gone_check_limit(place, t, gone, 'deleted');
    UPDATE sambapos.missing AS m SET version = _gone_judge.version FROM pg_temp.sambapos__gone AS g
     WHERE g.table_name = t.table_name AND g.row_state IS NULL
       AND (m.site_id, m.table_name, m.epoch, m.root_id) = (place.site_id, t.table_name, g.epoch, g.id);
    PERFORM sambapos._gone_enter(run_id, place, t, 'single delete', shape.evidence, version);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_judge(bigint, sambapos._place, sambapos._table, bigint) IS
  'Judges a root''s rows that are gone and that no clear explains';

-- Gives a root's gone rows their row_state, and the live children of each the same one, in all child
-- tables the site has, read in this run or not.
CREATE FUNCTION sambapos._gone_mark(run_id bigint, place sambapos._place, t sambapos._table, version bigint)
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
  marked bigint;
BEGIN
  PERFORM FROM pg_temp.sambapos__gone AS g WHERE g.table_name = t.table_name;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  ANALYZE pg_temp.sambapos__gone;
  FOR c IN
    SELECT t.table_name, 'id'::name AS key
    UNION ALL
    SELECT k.table_name, k.parent_key FROM sambapos._root_tables(place, t.table_name) AS k
  LOOP
    EXECUTE sambapos._feed_noting(place, c.table_name, format(
        'UPDATE sambapos_replica.%I AS r SET row_state = g.row_state, synced_at = now(), version = $2
           FROM pg_temp.sambapos__gone AS g
          WHERE g.table_name = $3 AND r.site_id = $1 AND r.epoch = g.epoch AND r.%I = g.id
            AND (r.row_state = ''live'' OR g.row_state = ''removed'' AND r.row_state IN (''cleared'', ''superseded''))',
        c.table_name, c.key)) USING place.site_id, version, t.table_name;
    GET DIAGNOSTICS marked = ROW_COUNT;
    PERFORM sambapos._log_gone(run_id, c.table_name, marked);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_mark(bigint, sambapos._place, sambapos._table, bigint) IS
  'Sets the row_state of a root''s gone rows and of their children';

-- A clear has shown itself. What was marked deleted or removed without an explanation since the source began to
-- lose rows was its beginning: deleted roots with their children, removed children of roots that are cleared now.
CREATE FUNCTION sambapos._gone_revise(run_id bigint, place sambapos._place, t sambapos._table, version bigint)
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
  revised bigint;
BEGIN
  PERFORM FROM sambapos.missing AS m WHERE m.site_id = place.site_id AND m.version IS NOT NULL;
  IF NOT FOUND OR NOT sambapos._run_has_cleared(run_id, t.table_name) THEN
    RETURN;
  END IF;
  FOR c IN
    SELECT t.table_name, 'id'::name AS key
    UNION ALL
    SELECT k.table_name, k.parent_key FROM sambapos._root_tables(place, t.table_name) AS k
  LOOP
    EXECUTE format('UPDATE sambapos_replica.%I AS r SET row_state = ''cleared'', synced_at = now(), version = $2
                      FROM sambapos.missing AS m
                     WHERE m.site_id = $1 AND m.version IS NOT NULL AND r.site_id = $1 AND r.epoch = m.epoch
                         AND r.version = m.version
                       AND r.%2$I = m.root_id AND (m.table_name = $3 AND r.row_state = ''deleted''
                           OR m.table_name = %1$L AND r.row_state = ''removed''
                         AND EXISTS (SELECT FROM sambapos_replica.%3$I AS p WHERE p.site_id = $1 AND p.epoch = r.epoch
                             AND p.id = m.root_id
                                        AND p.row_state = ''cleared''))',
                   c.table_name, c.key, t.table_name) USING place.site_id, version, t.table_name;
    GET DIAGNOSTICS revised = ROW_COUNT;
    IF revised > 0 THEN
      PERFORM sambapos._rollup_note_all(place);
      PERFORM sambapos._log_gone(run_id, c.table_name, revised);
      PERFORM sambapos._log_message(run_id, c.table_name,
          format('%s rows that were taken for deleted or removed went with the clear', revised));
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._gone_revise(bigint, sambapos._place, sambapos._table, bigint) IS
  'Makes rows cleared that turn out to have been the beginning of a clear';

-- Where a missing child means something: everywhere after a whole read, but under roots that wait for the next run;
-- after a chunk of a first load under the roots that it brought; else under the changed ones that were delivered, and
-- among the rows without a root, which are asked for each time.
CREATE FUNCTION sambapos._lost_scopes(t sambapos._table, mode text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE mode WHEN 'full' THEN ARRAY[
    format('NOT EXISTS (SELECT FROM sambapos.waiting_root AS w
                        WHERE w.site_id = r.site_id AND w.table_name = %L AND w.id = r.%I)', t.parent, t.parent_key)]
                   WHEN 'range' THEN ARRAY[
    format('(r.epoch, r.%I) IN (SELECT p.epoch, p.id FROM pg_temp.%I AS p)', t.parent_key,
           sambapos._stage_name(t.parent))]
                   ELSE ARRAY[
    format('(r.epoch, r.%I) IN (SELECT p.epoch, p.id FROM pg_temp.%I AS p JOIN pg_temp.sambapos__changed AS c USING (id)
                                 WHERE c.table_name = %L)', t.parent_key, sambapos._stage_name(t.parent), t.parent),
    format('r.%I IS NULL', t.parent_key)] END;
$$;
COMMENT ON FUNCTION sambapos._lost_scopes(sambapos._table, text) IS
  'Conditions on replica rows whose absence from the stage means that they are gone';

-- Where the root is gone too they share its fate: the table was not copied while a clear went by.
CREATE FUNCTION sambapos._lost_find(place sambapos._place, t sambapos._table, mode text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  on_key text := (SELECT p.on_key FROM sambapos._merge_parts(place, t) AS p);
  scope text;
BEGIN
  FOREACH scope IN ARRAY sambapos._lost_scopes(t, mode) LOOP
    EXECUTE format('INSERT INTO pg_temp.sambapos__lost
                    SELECT %1$L::name, r.epoch, coalesce(r.%2$I, 0), r.id, nullif(p.row_state, ''live'')
                    FROM sambapos_replica.%1$I AS r
                    LEFT JOIN sambapos_replica.%3$I AS p ON p.site_id = $1 AND p.epoch = r.epoch AND p.id = r.%2$I
                    WHERE r.site_id = $1 AND r.row_state = ''live'' AND %4$s AND NOT EXISTS (SELECT
                        FROM pg_temp.%5$I AS s WHERE %6$s)',
                   t.table_name, t.parent_key, t.parent, scope, sambapos._stage_name(t.table_name), on_key)
                       USING place.site_id;
  END LOOP;
  PERFORM sambapos._stage_analyze('sambapos__lost');
END;
$$;
COMMENT ON FUNCTION sambapos._lost_find(sambapos._place, sambapos._table, text) IS
  'Finds children that are missing where a missing one means something';

-- What an edit leaves of a root's money. A ticket's document has transactions if the ticket has orders.
CREATE FUNCTION sambapos._lost_amounts_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce('(SELECT bool_or(' || sambapos._ticket_has_sql(place, x.child, 'k')
                  || ') FROM sambapos_replica.tickets AS k
                      WHERE k.site_id = $1 AND k.row_state = ''live'' AND ' || x.is_the_ticket || ')', 'NULL::boolean')
  FROM (SELECT CASE t.parent WHEN 'account_transaction_documents' THEN 'orders'
                             WHEN 'tickets' THEN t.table_name END AS child,
               CASE t.parent WHEN 'tickets' THEN 'k.epoch = l.epoch AND k.id = l.root_id'
                             ELSE 'k.document_epoch = l.epoch AND k.transaction_document_id = l.root_id' END
                 AS is_the_ticket) AS x;
$$;
COMMENT ON FUNCTION sambapos._lost_amounts_sql(sambapos._place, sambapos._table) IS
  'SQL that is true if the amounts of the root of missing child l say that it has such children, false if they say '
  'that it has none; NULL: they say nothing';

-- A root that has lost all of its children in a table, as with a clear. An edit that brings others leaves it some.
CREATE FUNCTION sambapos._lost_all_sql(t sambapos._table) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('NOT EXISTS (SELECT FROM sambapos_replica.%1$I AS c
                   WHERE c.site_id = $1 AND c.epoch = l.epoch AND c.%2$I = l.root_id AND c.row_state = ''live''
                     AND NOT EXISTS (SELECT FROM pg_temp.sambapos__lost AS o
                                      WHERE (o.table_name, o.epoch, o.root_id, o.id)
                                            = (%1$L, l.epoch, l.root_id, c.id)))', t.table_name, t.parent_key);
$$;
COMMENT ON FUNCTION sambapos._lost_all_sql(sambapos._table) IS
  'SQL that is true if the root of missing child l has no child left in the table';

-- A line that goes to another ticket keeps its id, and its uid and time of birth. Where rows have no birth a namesake
-- with the same values is it.
CREATE FUNCTION sambapos._lost_moved_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('EXISTS (SELECT FROM pg_temp.%1$I AS s JOIN sambapos_replica.%2$I AS r
                   ON r.site_id = $1 AND r.epoch = l.epoch AND r.id = l.id AND r.%3$I = l.root_id
                   WHERE s.id = l.id AND s.%3$I <> l.root_id AND NOT coalesce(%4$s, true))',
                sambapos._stage_name(t.table_name), t.table_name, t.parent_key,
                sambapos._child_is_another_sql(place, t));
$$;
COMMENT ON FUNCTION sambapos._lost_moved_sql(sambapos._place, sambapos._table) IS
  'SQL that is true if missing child l was delivered under another root';

-- An edit shows elsewhere too: in the root's own row, in rows of its that came instead, in the ticket of a document; in
-- this run or, where the table could not be read for a while, in one since. That one says nothing where the root has
-- lost all and its amounts do not tell. No edit explains anything where the root has lost all and its amounts say that
-- it should have some, unless a row of the same birth was delivered under another root.
CREATE FUNCTION sambapos._lost_explain(place sambapos._place, t sambapos._table, version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  tells text := format('%s IS NOT NULL OR NOT %s', sambapos._lost_amounts_sql(place, t), sambapos._lost_all_sql(t));
  traces text[] := ARRAY(
    SELECT format('EXISTS (SELECT FROM sambapos_replica.%I AS k WHERE k.site_id = $1 AND %s AND k.%I = l.root_id
                              AND k.row_state = ''live'' AND k.version > $2 AND (k.version > $3 OR %s))',
                  x.relation, x.epochs, x.key, tells)
    FROM (SELECT t.parent AS relation, 'k.epoch = l.epoch' AS epochs, 'id' AS key
          UNION ALL
          SELECT k.table_name, 'k.epoch = l.epoch', k.parent_key FROM sambapos._root_tables(place, t.parent) AS k
          UNION ALL
          SELECT 'tickets', 'k.document_epoch = l.epoch', 'transaction_document_id'
           WHERE t.parent = 'account_transaction_documents' AND sambapos._replica_table('tickets') IS NOT NULL) AS x);
  moved text := sambapos._lost_moved_sql(place, t);
  has_birth boolean := sambapos._child_has_birth(place, t);
  before bigint := version - 1;
BEGIN
  EXECUTE format('UPDATE pg_temp.sambapos__lost AS l SET row_state = ''removed''
                   WHERE l.table_name = %L AND l.row_state IS NULL AND l.root_id <> 0
                     AND (%s) AND (%s OR NOT (coalesce(%s, false) AND %s))', t.table_name,
                 array_to_string(traces || moved, ' OR '), CASE WHEN has_birth THEN moved ELSE 'false' END,
                 sambapos._lost_amounts_sql(place, t), sambapos._lost_all_sql(t))
    USING place.site_id, least(coalesce(t.read_version, before), before), before;
END;
$$;
COMMENT ON FUNCTION sambapos._lost_explain(sambapos._place, sambapos._table, bigint) IS
  'Finds out which missing children were edited away';

-- Where a table is being cleared a root that has lost all in it, and whose amounts say nothing, may have been changed
-- for another reason.
CREATE FUNCTION sambapos._lost_doubt(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('UPDATE pg_temp.sambapos__lost AS l SET row_state = NULL
                   WHERE l.table_name = %L AND l.row_state = ''removed'' AND %s IS NULL AND %s', t.table_name,
                 sambapos._lost_amounts_sql(place, t), sambapos._lost_all_sql(t)) USING place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._lost_doubt(sambapos._place, sambapos._table) IS
  'Takes back what an edit elsewhere explains of a table that is being cleared';

-- The vendor's clear begins with a child table: all rows of all roots up to some one, while the roots are there.
CREATE FUNCTION sambapos._lost_is_clear(place sambapos._place, t sambapos._table) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  result boolean;
BEGIN
  EXECUTE format(
    'SELECT x.roots >= 2 AND NOT EXISTS (
       SELECT FROM sambapos_replica.%1$I AS c JOIN sambapos_replica.%2$I AS r ON r.site_id = $1 AND r.epoch = c.epoch
           AND r.id = c.%3$I
       WHERE c.site_id = $1 AND c.row_state = ''live'' AND r.row_state = ''live'' AND r.id <= x.highest AND NOT (%4$s)
         AND NOT EXISTS (SELECT FROM pg_temp.sambapos__lost AS l WHERE l.table_name = %1$L AND l.epoch = c.epoch
             AND l.root_id = r.id AND l.id = c.id))
     FROM (SELECT count(DISTINCT l.root_id) AS roots, max(l.root_id) AS highest FROM pg_temp.sambapos__lost AS l
           WHERE l.table_name = %1$L AND l.row_state IS NULL AND l.root_id <> 0) AS x',
    t.table_name, t.parent, t.parent_key, sambapos._root_may_stay_sql(place, (SELECT p FROM sambapos._table AS p
      WHERE p.site_id = place.site_id AND p.table_name = t.parent))) INTO result USING place.site_id;
  RETURN result OR sambapos._clear_is_near(place, t);
END;
$$;
COMMENT ON FUNCTION sambapos._lost_is_clear(sambapos._place, sambapos._table) IS
  'True if the children that are missing, and that nothing explains, look like the beginning of a clear';

-- When several roots have lost rows for no reason the whole table is looked at before anything is said.
CREATE FUNCTION sambapos._lost_judge(run_id bigint, place sambapos._place, t sambapos._table, mode text,
    version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  roots bigint[];
  epochs integer[];
  verdict text;
  gone bigint;
BEGIN
  IF EXISTS (SELECT FROM pg_temp.sambapos__lost AS l WHERE l.table_name = t.table_name AND l.row_state IS NULL) THEN
    verdict := CASE WHEN sambapos._lost_is_clear(place, t) THEN 'cleared' ELSE 'removed' END;
  END IF;
  IF verdict = 'cleared' THEN
    PERFORM sambapos._lost_doubt(place, t);
  END IF;
  SELECT array_agg(l.epoch), array_agg(l.root_id) INTO epochs, roots
  FROM (SELECT DISTINCT l.epoch, l.root_id FROM pg_temp.sambapos__lost AS l
        WHERE l.table_name = t.table_name AND l.row_state IS NULL) AS l;
  PERFORM sambapos._missing_note(run_id, place, t.table_name, epochs, roots);
  IF roots IS NULL THEN
    RETURN;
  END IF;
  IF mode <> 'full' AND cardinality(roots) > 1 THEN
    PERFORM sambapos._workbench_read_again(run_id, t.table_name,
        'rows are missing at the source for no reason that is known: judged when it has come to rest');
    DELETE FROM pg_temp.sambapos__lost AS l WHERE l.table_name = t.table_name AND l.row_state IS NULL;
    RETURN;
  END IF;
  UPDATE pg_temp.sambapos__lost AS l SET row_state = verdict FROM sambapos.missing AS m
   WHERE l.table_name = t.table_name AND l.row_state IS NULL AND m.runs >= place.settle_runs
     AND (m.site_id, m.table_name, m.epoch, m.root_id) = (place.site_id, t.table_name, l.epoch, l.root_id);
  GET DIAGNOSTICS gone = ROW_COUNT;
  DELETE FROM pg_temp.sambapos__lost AS l WHERE l.table_name = t.table_name AND l.row_state IS NULL;
  IF gone = 0 THEN
    PERFORM sambapos._log_message(run_id, t.table_name,
        'rows are missing at the source for no reason that is known: judged when it has come to rest');
  ELSIF verdict = 'removed' THEN
    PERFORM sambapos._gone_check_limit(place, t, gone, verdict);
    UPDATE sambapos.missing AS m SET version = _lost_judge.version
     WHERE m.site_id = place.site_id AND m.table_name = t.table_name AND m.runs >= place.settle_runs
         AND m.version IS NULL;
  ELSE
    PERFORM sambapos._log_message(run_id, t.table_name, format('%s rows are gone at the source: cleared', gone));
    PERFORM sambapos._log_event(run_id, place, t.table_name, 'partial clear', gone, jsonb_build_object('gone', gone,
        'roots', cardinality(roots)), version);
    DELETE FROM sambapos.missing AS m WHERE m.site_id = place.site_id AND m.table_name = t.table_name
        AND m.version IS NULL;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._lost_judge(bigint, sambapos._place, sambapos._table, text, bigint) IS
  'Judges children that are missing while their roots are there and nothing explains it';

CREATE FUNCTION sambapos._lost_enter_moved(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  moved jsonb;
BEGIN
  EXECUTE format('SELECT jsonb_agg(jsonb_build_object(''id'', l.id, ''from'', l.root_id, ''to'', s.%I) ORDER BY l.id)
                  FROM pg_temp.sambapos__lost AS l JOIN pg_temp.%I AS s ON s.id = l.id AND s.%1$I <> l.root_id
                  WHERE l.table_name = $2 AND l.row_state = ''removed'' AND l.root_id <> 0 AND %3$s',
                 t.parent_key, sambapos._stage_name(t.table_name), sambapos._lost_moved_sql(place, t))
    INTO moved USING place.site_id, t.table_name;
  PERFORM sambapos._moved_enter(run_id, place, t, moved);
END;
$$;
COMMENT ON FUNCTION sambapos._lost_enter_moved(bigint, sambapos._place, sambapos._table) IS
  'Enters which of the missing children went to another root, where the root is part of their key';

CREATE FUNCTION sambapos._lost_mark(run_id bigint, place sambapos._place, t sambapos._table, mode text, version bigint)
    RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  is_lost boolean;
  marked bigint;
BEGIN
  PERFORM sambapos._lost_find(place, t, mode);
  is_lost := EXISTS (SELECT FROM pg_temp.sambapos__lost AS l WHERE l.table_name = t.table_name);
  PERFORM sambapos._lost_explain(place, t, version) WHERE is_lost;
  PERFORM sambapos._lost_judge(run_id, place, t, mode, version);
  IF NOT is_lost THEN
    RETURN;
  END IF;
  EXECUTE sambapos._feed_noting(place, t.table_name, format(
      'UPDATE sambapos_replica.%1$I AS r SET row_state = l.row_state, synced_at = now(), version = $2
         FROM pg_temp.sambapos__lost AS l
        WHERE l.table_name = %1$L AND r.site_id = $1 AND r.epoch = l.epoch AND r.id = l.id
          AND coalesce(r.%2$I, 0) = l.root_id AND r.row_state = ''live''', t.table_name, t.parent_key))
    USING place.site_id, version;
  GET DIAGNOSTICS marked = ROW_COUNT;
  PERFORM sambapos._log_gone(run_id, t.table_name, marked);
  PERFORM sambapos._lost_enter_moved(run_id, place, t) WHERE marked > 0;
END;
$$;
COMMENT ON FUNCTION sambapos._lost_mark(bigint, sambapos._place, sambapos._table, text, bigint) IS
  'Gives children that their root no longer has their row_state';

-- What is read whole and has no root here: masters, and children whose root is not copied. Of those, all up to
-- some row may have gone with a clear.
CREATE FUNCTION sambapos._gone_mark_deleted(run_id bigint, place sambapos._place, t sambapos._table, mode text,
    version bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live CONSTANT text := 'r.site_id = $1 AND r.row_state = ''live'' ';
  missing text := format('NOT EXISTS (SELECT FROM pg_temp.%I AS s WHERE %s) AND %s', sambapos._stage_name(t.table_name),
                         (SELECT p.on_key FROM sambapos._merge_parts(place, t) AS p),
                         sambapos._tracking_scope_sql(t, mode));
  gone bigint;
  cleared boolean := false;
BEGIN
  EXECUTE format('SELECT count(*) FROM sambapos_replica.%I AS r WHERE %s AND %s', t.table_name, live, missing)
      INTO gone USING place.site_id;
  IF gone = 0 THEN
    RETURN;
  END IF;
  IF t.kind = 'child' THEN
    EXECUTE format('SELECT count(*) FILTER (WHERE NOT (%1$s)) = 0 AND count(*) >= 2 FROM sambapos_replica.%2$I AS r
                     WHERE %3$s AND r.id <= (SELECT max(r.id) FROM sambapos_replica.%2$I AS r WHERE %3$s
                         AND %1$s)', missing, t.table_name, live)
      INTO cleared USING place.site_id;
    cleared := cleared OR sambapos._clear_is_near(place, t);
  END IF;
  IF cleared THEN
    PERFORM sambapos._log_message(run_id, t.table_name, format('%s rows are gone at the source: cleared', gone));
    PERFORM sambapos._log_event(run_id, place, t.table_name, 'partial clear', gone, jsonb_build_object('gone', gone),
        version);
  ELSE
    PERFORM sambapos._gone_check_limit(place, t, gone, 'deleted');
  END IF;
  EXECUTE sambapos._feed_noting(place, t.table_name, format(
      'UPDATE sambapos_replica.%I AS r SET row_state = $3, synced_at = now(), version = $2 WHERE %s AND %s',
      t.table_name, live, missing))
    USING place.site_id, version, CASE WHEN cleared THEN 'cleared' ELSE 'deleted' END;
  PERFORM sambapos._log_gone(run_id, t.table_name, gone);
END;
$$;
COMMENT ON FUNCTION sambapos._gone_mark_deleted(bigint, sambapos._place, sambapos._table, text, bigint) IS
  'Gives rows that are gone of a table without a root here their row_state';
