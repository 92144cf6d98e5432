-- compare.sql: reconciliation: compares what is here with what is there, by ranges of ids, and hands what differs to
-- the run that has begun. It finds what no predicate of a run finds: a ticket stamped by a clock that is hours behind,
-- an edit by plain SQL, an old document.
--
-- How:
-- * It comes first in a run, when one is due (reconcile_interval) or asked for (sambapos_reconcile), and repairs
--   nothing: the roots of rows that differ are read by that run like those that changed. So whose row it is, what is
--   history, what a missing row means is decided where it always is.
-- * Tier 1: the source counts and adds up what it has in each 1024 ids: every number, truth value and time, and each
--   times the row's id; the same is done here, and a part that differs is compared row by row. It proves that the
--   same ids are there, and every number and time, unless three rows or more of 1024 differ in one column so that
--   both its sums are equal. Texts are not looked at. One or two changed rows cannot be equal by accident.
-- * Tier 2: all rows are read and compared value by value. It proves everything that is copied.
-- * Nothing depends on a hash: sums are decimals on both sides. The same SQL is asked of the foreign table and of the
--   replica; the wrapper sends what it can send exactly, and where it cannot the rows are fetched.
--
-- Rules:
-- * The till comes first: a statement is of one range of ids, each is a remote transaction of its own, and after each
--   the comparison rests as long as that took.
-- * A comparison proves nothing about a moment: what it compared may be changing. A finding is only a reason to read.
--   It was missed if this run would not have read the row by itself, and what was read has changed the row here.
-- * A range counts as verified when the run has gone through that repaired what was found in it.
-- * No comparison makes a run fail.

-- Tables whose rows have a number of their own. The others are masters, which each run reads whole.
CREATE FUNCTION sambapos._compare_can(place sambapos._place, t sambapos._table) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos._table_columns(place, t) AS c
                 WHERE c.column_name = 'id' AND c.is_key AND c.type_name IN ('smallint', 'integer', 'bigint'));
$$;
COMMENT ON FUNCTION sambapos._compare_can(sambapos._place, sambapos._table) IS
  'True for a table that can be compared by ranges of ids';

-- A time is two numbers: its day, and the seconds of it. What is longer than 27 digits would leave no room for the id.
CREATE FUNCTION sambapos._compare_terms(place sambapos._place, t sambapos._table, of_live boolean) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT array_agg(x.term ORDER BY c.ordinal, x.n)
  FROM sambapos._table_columns(place, t) AS c
  JOIN sambapos._live_columns(format('%I.%I', sambapos._live_schema(place.name), t.table_name)::regclass) AS l
    ON l.column_name = c.live_name
  CROSS JOIN LATERAL (SELECT quote_ident(CASE WHEN of_live THEN c.live_name ELSE c.column_name END) AS name,
                             coalesce(substring(l.remote_type FROM '^[a-z]+\(([0-9]+)')::integer,
                                      19) <= 27 AS is_short) AS v
  CROSS JOIN LATERAL (
    SELECT 1, format('count(%s)', v.name)
    UNION ALL SELECT 2, format('sum(%s::numeric)', v.name)
      WHERE c.type_name IN ('smallint', 'integer', 'bigint', 'numeric')
    UNION ALL SELECT 3, format('sum(%s::numeric * id::numeric)', v.name)
      WHERE c.type_name IN ('smallint', 'integer', 'bigint', 'numeric') AND v.is_short
    UNION ALL SELECT 4, format('sum(%s::integer::numeric * id::numeric)', v.name) WHERE c.type_name = 'boolean'
    UNION ALL SELECT 5, format('sum((%s::date - date ''2000-01-01'')::numeric * id::numeric)', v.name)
      WHERE c.type_name = 'timestamp without time zone'
    UNION ALL SELECT 6, format('sum((extract(hour FROM %1$s)::integer * 3600 + extract(minute FROM %1$s)::integer * 60
        + floor(extract(second FROM %1$s))::integer)::numeric * id::numeric)', v.name)
      WHERE c.type_name = 'timestamp without time zone') AS x (n, term)
  WHERE NOT c.is_hidden
    AND c.type_name IN ('smallint', 'integer', 'bigint', 'numeric', 'boolean', 'timestamp without time zone');
$$;
COMMENT ON FUNCTION sambapos._compare_terms(sambapos._place, sambapos._table, boolean) IS
  'What is added up of a part of a table, of the live table or of the replica';

CREATE FUNCTION sambapos._compare_live_rows_sql(t sambapos._table) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('sambapos_replica.%I WHERE site_id = $3 AND epoch = ANY ($4) AND row_state = ''live''
                 AND id >= $1 AND id < $2', t.table_name);
$$;
COMMENT ON FUNCTION sambapos._compare_live_rows_sql(sambapos._table) IS
  'FROM and WHERE for live replica rows: ids from $1 to below $2, site $3, epochs $4';

CREATE FUNCTION sambapos._compare_epochs(place sambapos._place) RETURNS integer[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT array_agg(e.epoch) FROM sambapos._epoch_present AS e WHERE e.site_id = place.site_id; $$;
COMMENT ON FUNCTION sambapos._compare_epochs(sambapos._place) IS 'The epochs in which live rows can be';

-- Which parts, of 1024 ids each, of a range have other sums there than here.
CREATE FUNCTION sambapos._compare_sums(place sambapos._place, t sambapos._table, low bigint, high bigint,
                                       OUT rows bigint, OUT parts bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  n integer := cardinality(sambapos._compare_terms(place, t, true));
  side CONSTANT text := 'SELECT id / 1024, count(*), %s FROM %s GROUP BY 1';
  names text := (SELECT string_agg('a' || i, ', ' ORDER BY i) FROM generate_series(1, n) AS i);
BEGIN
  EXECUTE format(
    'WITH l (part, rows, %1$s) AS MATERIALIZED (%2$s), r (part, rows, %1$s) AS MATERIALIZED (%3$s)
     SELECT coalesce(sum(greatest(l.rows, r.rows)), 0),
            array_agg(coalesce(l.part, r.part)::bigint ORDER BY coalesce(l.part, r.part))
              FILTER (WHERE ROW(l.rows, %4$s) IS DISTINCT FROM ROW(r.rows, %5$s))
     FROM l FULL JOIN r ON l.part = r.part', names,
    format(side, array_to_string(sambapos._compare_terms(place, t, true), ', '),
           format('%I.%I WHERE id >= $1 AND id < $2', sambapos._live_schema(place.name), t.table_name)),
    format(side, array_to_string(sambapos._compare_terms(place, t, false), ', '), sambapos._compare_live_rows_sql(t)),
    (SELECT string_agg('l.a' || i, ', ' ORDER BY i) FROM generate_series(1, n) AS i),
    (SELECT string_agg('r.a' || i, ', ' ORDER BY i) FROM generate_series(1, n) AS i))
    INTO rows, parts USING low, high, place.site_id, sambapos._compare_epochs(place);
END;
$$;
COMMENT ON FUNCTION sambapos._compare_sums(sambapos._place, sambapos._table, bigint, bigint) IS
  'Compares counts and sums of a range of ids: which parts of it differ';

-- Rows of a range, value by value. One that moved to another root is there under one key and here under another.
CREATE FUNCTION sambapos._compare_rows(run_id bigint, place sambapos._place, t sambapos._table, low bigint, high bigint)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  rows bigint;
  c record;
BEGIN
  SELECT string_agg(format('%s::%s AS %I', CASE WHEN k.is_hidden THEN 'NULL' ELSE quote_ident(k.live_name) END,
                           k.type_name, k.column_name), ', ') AS live,
         string_agg(quote_ident(k.column_name), ', ') AS replica,
         string_agg(format('l.%I = r.%1$I', k.column_name), ' AND ') FILTER (WHERE k.is_key) AS on_key,
         coalesce(string_agg(format('CASE WHEN l.%1$I IS DISTINCT FROM r.%1$I THEN %1$L END', k.column_name), ', ')
                  FILTER (WHERE NOT k.is_hidden), 'NULL') AS differing,
         CASE WHEN t.kind = 'child' AND sambapos._table_has_root(t) THEN format('ARRAY[l.%1$I, r.%1$I]', t.parent_key)
              WHEN t.kind IN ('ticket', 'document', 'period') THEN 'ARRAY[l.id, r.id]' ELSE 'NULL' END AS roots
    INTO c FROM sambapos._table_columns(place, t) AS k;
  EXECUTE format(
    'WITH l AS MATERIALIZED (SELECT %1$s FROM %2$I.%3$I WHERE id >= $1 AND id < $2),
          r AS MATERIALIZED (SELECT %4$s FROM %5$s),
          side AS (
            SELECT coalesce(l.id, r.id) AS id, %6$s::bigint[] AS roots, CASE WHEN r.id IS NULL THEN ''missing here''
                     WHEN l.id IS NULL THEN ''missing at the source'' ELSE ''different'' END AS kind,
                   CASE WHEN l.id IS NOT NULL AND r.id IS NOT NULL
                        THEN array_remove(ARRAY[%7$s], NULL) ELSE ''{}'' END AS columns
            FROM l FULL JOIN r ON %8$s),
          found AS (SELECT * FROM side AS s WHERE s.kind <> ''different'' OR s.columns <> ''{}''),
          entered AS (
            INSERT INTO sambapos.reconcile_finding AS o (site_id, run_id, table_name, id, roots, kind, columns, version)
            SELECT $3, $5, %3$L, f.id,
                   ARRAY(SELECT DISTINCT x FROM unnest(f.roots) AS x WHERE x IS NOT NULL ORDER BY 1),
                   f.kind, f.columns, $6
            FROM (SELECT f.id, (SELECT array_agg(y) FROM found AS g, unnest(g.roots) AS y WHERE g.id = f.id) AS roots,
                         CASE WHEN count(*) > 1 THEN ''different'' ELSE min(f.kind) END AS kind,
                         CASE WHEN count(*) > 1 THEN ARRAY[%9$L] ELSE min(f.columns) END AS columns
                  FROM found AS f GROUP BY f.id) AS f
            ON CONFLICT (site_id, table_name, id) WHERE repaired_at IS NULL
            DO UPDATE SET run_id = excluded.run_id, roots = excluded.roots, kind = excluded.kind,
                          columns = excluded.columns, version = excluded.version, found_at = clock_timestamp(),
                          is_orphan = false)
     SELECT count(*) FROM side',
    c.live, sambapos._live_schema(place.name), t.table_name, c.replica, sambapos._compare_live_rows_sql(t), c.roots,
    c.differing, c.on_key, coalesce(t.parent_key, 'id'))
    INTO rows USING low, high, place.site_id, sambapos._compare_epochs(place), run_id, place.version;
  RETURN rows;
END;
$$;
COMMENT ON FUNCTION sambapos._compare_rows(bigint, sambapos._place, sambapos._table, bigint, bigint) IS
  'Compares a range of ids row by row and enters what differs as findings; returns how many rows';

CREATE FUNCTION sambapos._compare_range(run_id bigint, place sambapos._place, t sambapos._table, tier integer,
                                        low bigint, high bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  sums record;
  part bigint;
BEGIN
  IF tier = 2 THEN
    RETURN sambapos._compare_rows(run_id, place, t, low, high);
  END IF;
  SELECT * INTO sums FROM sambapos._compare_sums(place, t, low, high);
  FOREACH part IN ARRAY coalesce(sums.parts, '{}') LOOP -- part 0 begins below 0: division cuts towards it
    PERFORM sambapos._compare_rows(run_id, place, t,
                                   greatest(low, part * 1024 - CASE WHEN part <= 0 THEN 1023 ELSE 0 END),
                                   least(high, part * 1024 + 1024));
  END LOOP;
  RETURN sums.rows;
END;
$$;
COMMENT ON FUNCTION sambapos._compare_range(bigint, sambapos._place, sambapos._table, integer, bigint, bigint) IS
  'Compares one range of ids; returns how many rows';

CREATE FUNCTION sambapos._compare_found(run_id bigint, table_name name) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT count(*) FROM sambapos.reconcile_finding AS f
  WHERE (f.run_id, f.table_name) = (_compare_found.run_id, _compare_found.table_name) AND f.repaired_at IS NULL;
$$;
COMMENT ON FUNCTION sambapos._compare_found(bigint, name) IS 'How many rows a run has found to differ';

-- A row whose root is not at the source cannot be repaired by reading that root: it is shown, and left.
CREATE FUNCTION sambapos._compare_find_orphans(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  roots bigint[] := (SELECT array_agg(DISTINCT x) FROM sambapos.reconcile_finding AS f, unnest(f.roots) AS x
                     WHERE (f.run_id, f.table_name) = (_compare_find_orphans.run_id, t.table_name)
                       AND f.kind = 'missing here' AND f.repaired_at IS NULL);
BEGIN
  IF t.kind = 'child' AND roots IS NOT NULL THEN
    EXECUTE format('WITH there AS MATERIALIZED (SELECT p.id FROM %I.%I AS p WHERE p.id = ANY ($1))
                    UPDATE sambapos.reconcile_finding AS f SET is_orphan = true
                     WHERE (f.run_id, f.table_name) = ($2, $3) AND f.kind = ''missing here'' AND f.roots <> ''{}''
                       AND f.repaired_at IS NULL AND NOT EXISTS (SELECT FROM there WHERE there.id = ANY (f.roots))',
                   sambapos._live_schema(place.name), t.parent) USING roots, run_id, t.table_name;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._compare_find_orphans(bigint, sambapos._place, sambapos._table) IS
  'Marks findings of rows whose root is not at the source';

-- Range by range, with a rest after each. What differs in very many rows is not found row by row but read: the rest
-- then waits for the next comparison.
CREATE FUNCTION sambapos._compare_table(run_id bigint, place sambapos._place, t sambapos._table, tier integer,
                                        ids int8multirange) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  many CONSTANT integer := 10000;
  width bigint := CASE tier WHEN 1 THEN 65536 ELSE 8192 END;
  span int8range;
  low bigint;
  high bigint;
  rows bigint;
  began timestamptz;
BEGIN
  PERFORM sambapos._log_progress(place, 'comparing', t.table_name);
  FOREACH span IN ARRAY ARRAY(SELECT u FROM unnest(ids) AS u ORDER BY u DESC) LOOP
    high := upper(span);
    WHILE high > lower(span) LOOP
      began := clock_timestamp();
      low := greatest(lower(span), high - width);
      rows := sambapos._compare_range(run_id, place, t, tier, low, high);
      PERFORM sambapos._end_remote_transaction(place.server);
      UPDATE pg_temp.sambapos__compare AS x
         SET compared = x.compared + int8multirange(int8range(low, high)), at = least(x.at, began)
       WHERE (x.table_name, x.tier) = (t.table_name, _compare_table.tier);
      UPDATE sambapos.run_table AS x SET rows_compared = x.rows_compared + rows
       WHERE (x.run_id, x.table_name) = (_compare_table.run_id, t.table_name);
      IF sambapos._compare_found(run_id, t.table_name) > many THEN
        PERFORM sambapos._log_message(run_id, t.table_name, format(
          'more than %s rows differ from the source: the others are compared next time; sambapos_sync with mode full '
          'reads all', many));
        RETURN false;
      END IF;
      high := low;
      IF high > lower(span) THEN
        PERFORM sambapos._source_pause(place.server, least(1000 * extract(epoch FROM clock_timestamp() - began), 1000));
      END IF;
    END LOOP;
  END LOOP;
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._compare_table(bigint, sambapos._place, sambapos._table, integer, int8multirange) IS
  'Compares ranges of ids of a table, the highest first; false: not all of them, since too much differs';

-- What a person has asked for is said to be compared only by this.
CREATE FUNCTION sambapos._compare_note_whole(run_id bigint, t sambapos._table) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.run_table AS x SET is_compared = true
  WHERE (x.run_id, x.table_name) = (_compare_note_whole.run_id, t.table_name);
$$;
COMMENT ON FUNCTION sambapos._compare_note_whole(bigint, sambapos._table) IS
  'Notes that a run has compared all of a table';

CREATE FUNCTION sambapos._compare_bounds(place sambapos._place, t sambapos._table) RETURNS int8multirange
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  low bigint;
  high bigint;
BEGIN
  EXECUTE format('SELECT least(l.low, r.low, f.low), greatest(l.high, r.high, f.high)
                  FROM (SELECT min(id)::bigint AS low, max(id)::bigint AS high FROM %I.%I) AS l,
                       (SELECT min(id)::bigint AS low, max(id)::bigint AS high FROM sambapos_replica.%2$I
                        WHERE site_id = $1 AND epoch = ANY ($2) AND row_state = ''live'') AS r,
                       (SELECT min(id) AS low, max(id) AS high FROM sambapos.reconcile_finding
                        WHERE (site_id, table_name) = ($1, %2$L) AND repaired_at IS NULL) AS f',
                 sambapos._live_schema(place.name), t.table_name)
    INTO low, high USING place.site_id, sambapos._compare_epochs(place);
  RETURN CASE WHEN low IS NULL THEN '{}' ELSE int8multirange(int8range(low, high + 1)) END;
END;
$$;
COMMENT ON FUNCTION sambapos._compare_bounds(sambapos._place, sambapos._table) IS
  'The ids that a table has, there, here or in what is open';

-- The part of some ranges with the highest ids, no more than so many.
CREATE FUNCTION sambapos._ids_take(ids int8multirange, room bigint) RETURNS int8multirange
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(range_agg(int8range(greatest(lower(u.span), upper(u.span) - (_ids_take.room - u.before)),
                                      upper(u.span))), '{}')
  FROM (SELECT s AS span, coalesce(sum(upper(s) - lower(s)) OVER (ORDER BY s DESC ROWS BETWEEN UNBOUNDED PRECEDING
                                                                  AND 1 PRECEDING), 0)::bigint AS before
        FROM unnest(ids) AS s) AS u
  WHERE u.before < _ids_take.room;
$$;
COMMENT ON FUNCTION sambapos._ids_take(int8multirange, bigint) IS 'The highest ids of some ranges, up to a number';

CREATE FUNCTION sambapos._ids_count(ids int8multirange) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT coalesce(sum(upper(s) - lower(s)), 0)::bigint FROM unnest(ids) AS s; $$;
COMMENT ON FUNCTION sambapos._ids_count(int8multirange) IS 'How many ids some ranges hold';

-- What was never compared by this tier or a higher one comes first, then what was compared longest ago.
CREATE FUNCTION sambapos._compare_choose(place sambapos._place, t sambapos._table, tier integer, room bigint)
RETURNS int8multirange
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  there int8multirange := sambapos._compare_bounds(place, t);
  chosen int8multirange := '{}';
  candidate int8multirange;
BEGIN
  SELECT there - coalesce(range_agg(x.compared), '{}') INTO there
  FROM pg_temp.sambapos__compare AS x WHERE x.table_name = t.table_name; -- a moment ago
  FOR candidate IN
    SELECT there - coalesce(range_agg(v.ids::int8multirange), '{}') FROM sambapos.verified_range AS v
    WHERE (v.site_id, v.table_name, v.epoch) = (place.site_id, t.table_name, place.epoch)
      AND v.tier >= _compare_choose.tier
    UNION ALL
    (SELECT there * v.ids::int8multirange - coalesce((SELECT range_agg(o.ids::int8multirange)
                                                      FROM sambapos.verified_range AS o
        WHERE (o.site_id, o.table_name, o.epoch) = (v.site_id, v.table_name, v.epoch)
          AND o.tier >= _compare_choose.tier AND o.verified_at > v.verified_at), '{}')
     FROM sambapos.verified_range AS v
     WHERE (v.site_id, v.table_name, v.epoch) = (place.site_id, t.table_name, place.epoch)
       AND v.tier >= _compare_choose.tier
     ORDER BY v.verified_at)
  LOOP
    chosen := chosen + sambapos._ids_take(candidate - chosen, room - sambapos._ids_count(chosen));
    EXIT WHEN sambapos._ids_count(chosen) >= room;
  END LOOP;
  RETURN chosen;
END;
$$;
COMMENT ON FUNCTION sambapos._compare_choose(sambapos._place, sambapos._table, integer, bigint) IS
  'Which ids of a table a comparison takes next';

CREATE FUNCTION sambapos._compare_is_due(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT place.reconcile_interval > '0' AND coalesce(
      (SELECT max(v.verified_at) FROM sambapos.verified_range AS v WHERE v.site_id = place.site_id)
        + place.reconcile_interval <= clock_timestamp(), true));
END;
$$;
COMMENT ON FUNCTION sambapos._compare_is_due(sambapos._place) IS
  'True if the next run of a site compares a part of it by itself';

-- A table that the run reads whole says nothing by being compared, nor one that no run has read yet; and what chunks
-- have just loaded is not read once more by the run that ends the load.
CREATE FUNCTION sambapos._compare_tables(run_id bigint, place sambapos._place,
                                         tier integer) RETURNS SETOF sambapos._table
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT t.*
  FROM sambapos.run_table AS x
  JOIN sambapos.run AS r USING (run_id)
  JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = x.table_name
  WHERE x.run_id = _compare_tables.run_id AND x.status = 'running' AND r.mode <> 'full'
    AND t.loaded_at IS NOT NULL AND t.read_began_at IS NOT NULL AND NOT t.full_due AND sambapos._compare_can(place, t)
  ORDER BY (SELECT max(v.verified_at) FROM sambapos.verified_range AS v
            WHERE (v.site_id, v.table_name) = (t.site_id, t.table_name) AND v.tier >= _compare_tables.tier) NULLS FIRST,
           array_position('{ticket,document,child,period,master}', t.kind), t.table_name;
$$;
COMMENT ON FUNCTION sambapos._compare_tables(bigint, sambapos._place, integer) IS
  'The tables of a run that can be compared, those first that were not for longest';

-- Every value of a part, then the sums of a larger one; or what sambapos_reconcile asks for.
CREATE FUNCTION sambapos._compare_all(run_id bigint, place sambapos._place, asked boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos._table;
  level integer;
  room bigint;
  ids int8multirange;
  is_whole boolean;
  problem text;
  state text;
BEGIN
  FOREACH level IN ARRAY '{2,1}'::integer[] LOOP
    room := CASE level WHEN 1 THEN place.reconcile_sums ELSE place.reconcile_values END;
    FOR t IN SELECT * FROM sambapos._compare_tables(run_id, place, level) LOOP
      IF asked THEN
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_temp.sambapos__compare AS x
                                  WHERE (x.table_name, x.tier) = (t.table_name, level));
      ELSE
        EXIT WHEN room <= 0;
        INSERT INTO pg_temp.sambapos__compare (table_name, tier) VALUES (t.table_name, level);
      END IF;
      BEGIN
        ids := CASE WHEN asked THEN sambapos._compare_bounds(place, t)
          ELSE sambapos._compare_choose(place, t, level, room) END;
        room := room - sambapos._ids_count(ids);
        is_whole := sambapos._compare_table(run_id, place, t, level, ids);
        PERFORM sambapos._compare_find_orphans(run_id, place, t);
        PERFORM sambapos._compare_note_whole(run_id, t) WHERE asked AND is_whole;
      EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, problem = MESSAGE_TEXT;
        PERFORM sambapos._log_message(run_id, t.table_name,
                                      format('not compared with the source: %s (%s)', problem, state));
        IF sambapos._log_is_fatal(state) THEN
          RETURN;
        END IF;
      END;
    END LOOP;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._compare_all(bigint, sambapos._place, boolean) IS
  'Compares the tables of a run, as asked for or as it is their turn; one that fails is left';

-- Rows without a root are read when their table is: no root can be named for them.
CREATE FUNCTION sambapos._compare_read_rootless(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.reconcile_finding AS f SET missed = f.kind = 'missing here' FROM sambapos._table AS t
   WHERE f.run_id = _compare_read_rootless.run_id AND f.repaired_at IS NULL AND f.roots = '{}'
     AND (t.site_id, t.table_name) = (f.site_id, f.table_name) AND t.kind = 'child' AND sambapos._table_has_root(t);
  UPDATE sambapos.table_state AS x SET full_due = true
   WHERE x.site_id = place.site_id AND NOT x.full_due AND x.table_name IN (
     SELECT f.table_name FROM sambapos.reconcile_finding AS f
     WHERE f.run_id = _compare_read_rootless.run_id AND f.repaired_at IS NULL AND f.roots = '{}');
END;
$$;
COMMENT ON FUNCTION sambapos._compare_read_rootless(bigint, sambapos._place) IS
  'Has tables read whole in which rows without a root differ';

-- First in a run. Another database proves nothing about this one; the run says what it thinks of it.
CREATE FUNCTION sambapos._compare(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  asked boolean := sambapos._workbench_is_to_compare();
  clock record;
BEGIN
  IF NOT asked AND (NOT sambapos._compare_is_due(place)
                    OR NOT EXISTS (SELECT FROM sambapos._compare_tables(run_id, place, 1))) THEN
    RETURN;
  END IF;
  PERFORM sambapos._end_remote_transaction(place.server);
  SELECT * INTO clock FROM sambapos._source_clock(place);
  IF clock.identity IS DISTINCT FROM coalesce(place.database, clock.identity) THEN
    RETURN;
  END IF;
  UPDATE sambapos.run AS r SET tier = (SELECT max(x.tier) FROM pg_temp.sambapos__compare AS x)
   WHERE r.run_id = _compare.run_id AND asked;
  PERFORM set_config('sambapos.replace_invalid_text', clock.gives_utf16::text, true);
  PERFORM sambapos._compare_all(run_id, place, asked);
  PERFORM sambapos._compare_read_rootless(run_id, place);
END;
$$;
COMMENT ON FUNCTION sambapos._compare(bigint, sambapos._place) IS
  'Reconciliation, if it is due or asked for: compares, and leaves findings for the run that has begun';

-- The roots of what differs, after all that the run reads by itself is known: what is new by that was missed. A root's
-- own row that is missing on one side is found by the counts too.
CREATE FUNCTION sambapos._compare_hand_over(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  WITH mine AS (
    SELECT f.finding_id, f.roots, f.run_id, f.kind = 'different' OR f.table_name <> t.table_name AS unseen
    FROM sambapos.reconcile_finding AS f JOIN sambapos.replicated_table AS k USING (site_id, table_name)
    WHERE f.site_id = place.site_id AND f.repaired_at IS NULL AND NOT f.is_orphan
      AND t.table_name IN (k.table_name, k.parent)
  ), handed AS (
    INSERT INTO pg_temp.sambapos__changed SELECT DISTINCT t.table_name, r FROM mine, unnest(mine.roots) AS r
    ON CONFLICT DO NOTHING RETURNING id)
  UPDATE sambapos.reconcile_finding AS f SET missed = true FROM mine
   WHERE f.finding_id = mine.finding_id AND mine.run_id = _compare_hand_over.run_id AND mine.unseen
     AND mine.roots <@ ARRAY(SELECT h.id FROM handed AS h);
END;
$$;
COMMENT ON FUNCTION sambapos._compare_hand_over(bigint, sambapos._place, sambapos._table) IS
  'Has the run read the roots of open findings, and notes which it would not have read by itself';

-- A root that is not there is missed by the counts, and its children with it.
-- A ticket that was missed though it was stamped anew: its change came after the last run that would have seen the
-- stamp, or that read or compared the ticket as it was. By so much, at the least, the stamping clock is behind. No
-- overlap helps against one that is wrong by more than a week.
CREATE FUNCTION sambapos._compare_learn(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  late interval;
BEGIN
  EXECUTE format(
    'UPDATE sambapos.reconcile_finding AS f SET missed = false FROM sambapos.replicated_table AS k
      WHERE f.run_id = $1 AND f.missed AND f.repaired_at IS NULL
        AND (k.site_id, k.table_name) = (f.site_id, f.table_name) AND %1$L IN (k.table_name, k.parent)
        AND NOT EXISTS (SELECT FROM pg_temp.%2$I AS s WHERE s.id = ANY (f.roots))',
    t.table_name, sambapos._stage_name(t.table_name)) USING run_id;
  PERFORM FROM sambapos.reconcile_finding AS f
   WHERE f.run_id = _compare_learn.run_id AND f.table_name = t.table_name AND f.missed;
  IF NOT FOUND OR t.kind <> 'ticket' OR sambapos._table_has(place, t, '{last_update_time}') = '{}' THEN
    RETURN;
  END IF;
  EXECUTE format(
    'SELECT max(u.source_now - k.stamp) FILTER (WHERE u.source_now - k.stamp <= ''7 days'')
     FROM (SELECT f.id, s.last_update_time AS stamp, r.version
           FROM sambapos.reconcile_finding AS f
           JOIN pg_temp.%1$I AS s ON s.id = f.id
           JOIN sambapos_replica.%2$I AS r ON r.site_id = f.site_id AND r.row_state = ''live'' AND r.id = f.id
           WHERE f.run_id = $1 AND f.table_name = %2$L AND f.missed AND s.last_update_time <> r.last_update_time) AS k
     CROSS JOIN LATERAL (
       SELECT max(o.source_now) AS source_now FROM sambapos.run AS o
       JOIN sambapos.run_table AS x ON x.run_id = o.run_id AND x.table_name = %2$L AND x.status = ''ok''
       WHERE o.site_id = $2 AND o.run_id < $1
         AND (x.mode = ''full'' OR o.since <= k.stamp
              OR o.run_id = (SELECT min(w.run_id) FROM sambapos.run AS w WHERE w.site_id = $2 AND w.version = k.version)
              OR EXISTS (SELECT FROM sambapos.verified_range AS v WHERE v.site_id = $2 AND v.run_id = o.run_id
                            AND v.table_name = %2$L AND v.ids::int8multirange @> k.id))) AS u',
    sambapos._stage_name(t.table_name), t.table_name) INTO late USING run_id, place.site_id;
  IF late > '0' THEN
    late := least(2 * late, '7 days');
    UPDATE sambapos.site_state AS s
       SET lateness = greatest(late, CASE WHEN s.lateness_at > now() - place.run_log_retention THEN s.lateness END),
           lateness_at = now()
     WHERE s.site_id = place.site_id;
    PERFORM sambapos._log_message(run_id, t.table_name, format(
      'a clock that stamps tickets is behind: stamps are read again from %s back', greatest(late, place.overlap)));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._compare_learn(bigint, sambapos._place, sambapos._table) IS
  'What was missed is known when it is staged: learns from tickets how far behind a clock is, to read further back';

-- What is still open when a run ends: repaired if the row has been written since, waiting as long as somebody is to
-- read it again, else it was the till that was faster.
CREATE FUNCTION sambapos._compare_close(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos._table;
BEGIN
  FOR t IN
    SELECT r.* FROM sambapos._table AS r
    WHERE r.site_id = place.site_id AND sambapos._replica_table(r.table_name) IS NOT NULL
      AND EXISTS (SELECT FROM sambapos.reconcile_finding AS f
                  WHERE (f.site_id, f.table_name) = (r.site_id, r.table_name) AND f.repaired_at IS NULL)
      AND EXISTS (SELECT FROM sambapos.run_table AS x
                  WHERE (x.run_id, x.table_name, x.status) = (_compare_close.run_id, r.table_name, 'ok'))
  LOOP
    EXECUTE format(
      'UPDATE sambapos.reconcile_finding AS f SET repaired_at = now(), repaired_by = $4
        WHERE (f.site_id, f.table_name) = ($1, $2) AND f.repaired_at IS NULL
          AND EXISTS (SELECT FROM sambapos_replica.%I AS r WHERE r.site_id = $1 AND r.epoch = ANY ($3)
                      AND r.id = f.id AND r.version > f.version)', t.table_name)
      USING place.site_id, t.table_name, sambapos._compare_epochs(place), run_id;
    DELETE FROM sambapos.reconcile_finding AS f
     WHERE (f.site_id, f.table_name) = (place.site_id, t.table_name)
       AND CASE WHEN f.repaired_at IS NULL THEN NOT f.is_orphan AND NOT t.full_due
              AND NOT EXISTS (SELECT FROM sambapos.missing AS m
                  WHERE m.site_id = f.site_id AND m.table_name IN (t.table_name, t.parent) AND m.root_id = ANY (f.roots)
                    AND m.version IS NULL)
              AND NOT EXISTS (SELECT FROM sambapos.waiting_root AS w WHERE w.site_id = f.site_id
                  AND w.table_name IN (t.table_name, t.parent) AND w.id = ANY (f.roots))
            ELSE NOT f.missed END;
  END LOOP;
  UPDATE sambapos.run_table AS x SET rows_missed = n.missed
    FROM (SELECT f.table_name, count(*) AS missed FROM sambapos.reconcile_finding AS f
          WHERE f.repaired_by = _compare_close.run_id AND f.missed GROUP BY 1) AS n
   WHERE (x.run_id, x.table_name) = (_compare_close.run_id, n.table_name);
  UPDATE sambapos.table_state AS s SET rows_missed = s.rows_missed + x.rows_missed FROM sambapos.run_table AS x
   WHERE x.run_id = _compare_close.run_id AND x.rows_missed > 0
     AND (s.site_id, s.table_name) = (place.site_id, x.table_name);
  DELETE FROM sambapos.reconcile_finding AS f
   WHERE f.site_id = place.site_id AND f.repaired_at < now() - place.run_log_retention;
END;
$$;
COMMENT ON FUNCTION sambapos._compare_close(bigint, sambapos._place) IS
  'Says of each open finding whether it is repaired, and counts what was missed';

CREATE FUNCTION sambapos._compare_end(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  DELETE FROM sambapos.reconcile_finding AS f USING pg_temp.sambapos__compare AS c -- compared again, and equal now
   WHERE f.site_id = place.site_id AND f.table_name = c.table_name AND f.repaired_at IS NULL
     AND f.run_id < _compare_end.run_id AND c.compared @> f.id;
  PERFORM sambapos._compare_close(run_id, place);
  PERFORM sambapos._verified_note(_compare_end.run_id, place, c.table_name, c.tier, c.at,
    c.compared - coalesce((SELECT range_agg(int8range(f.id, f.id + 1)) FROM sambapos.reconcile_finding AS f
                           WHERE f.site_id = place.site_id AND f.table_name = c.table_name AND f.repaired_at IS NULL),
                             '{}'))
  FROM pg_temp.sambapos__compare AS c
  JOIN sambapos.run_table AS x ON x.table_name = c.table_name AND x.run_id = _compare_end.run_id AND x.status = 'ok'
  WHERE NOT isempty(c.compared);
END;
$$;
COMMENT ON FUNCTION sambapos._compare_end(bigint, sambapos._place) IS
  'What a comparison leaves when its run has gone through: findings that are closed, ranges that are verified';
