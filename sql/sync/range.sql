-- range.sql: which first loads are in chunks, and the ids that one chunk has.

-- A chunk has about batch_rows rows with the children. How many there are to a root the chunks before have shown; the
-- first one takes ten.
CREATE FUNCTION sambapos._range_roots(b sambapos.backfill) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT greatest(1, CASE WHEN b.roots_read > 0 THEN b.batch_rows * b.roots_read / greatest(b.rows_read, 1)
                          ELSE b.batch_rows / 10 END);
$$;
COMMENT ON FUNCTION sambapos._range_roots(sambapos.backfill) IS 'How many rows of a root the next chunk has';

-- What is empty is filled without looking rows up. A load that begins again finds rows, and needs all indexes for it.
-- It is looked at until a chunk has gone through.
CREATE FUNCTION sambapos._range_prepare(place sambapos._place, root text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos._table;
  has_rows boolean;
BEGIN
  FOR t IN
    SELECT k.* FROM sambapos._table AS k JOIN sambapos.backfill AS b USING (site_id)
    WHERE k.site_id = place.site_id AND root IN (k.table_name, k.parent) AND k.enabled AND k.paused_reason IS NULL
      AND b.table_name = root AND b.tables IS NULL AND sambapos._replica_table(k.table_name) IS NOT NULL
    ORDER BY k.table_name
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM sambapos_replica.%I AS r WHERE r.site_id = $1)', t.table_name)
      INTO has_rows USING place.site_id;
    IF has_rows THEN
      PERFORM sambapos._index_make_if_free(t.table_name) WHERE sambapos._index_is_deferred(t.table_name);
    ELSE
      PERFORM sambapos._index_defer(t.table_name);
    END IF;
    UPDATE sambapos.backfill AS b
       SET empty_tables = array_remove(b.empty_tables, t.table_name)
                          || CASE WHEN has_rows OR t.kind <> 'child' THEN '{}' ELSE ARRAY[t.table_name] END
     WHERE (b.site_id, b.table_name) = (place.site_id, root);
    -- from here on it says that something has happened for which the table is to be read whole after the load; one that
    -- was loaded before keeps what it is due
    UPDATE sambapos.table_state AS x SET full_due = false
     WHERE (x.site_id, x.table_name) = (place.site_id, t.table_name) AND x.loaded_at IS NULL;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._range_prepare(sambapos._place, text) IS
  'Makes the replica tables of a root ready for the first chunk of its load, and notes which of them are empty';

-- The first chunk notes what the source is like before anything of it is read.
CREATE FUNCTION sambapos._range_begin(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.backfill AS b
     SET source_now = r.source_now, source_utc = r.source_utc, source_rows = p.rows, next_id = coalesce(p.highest, 0),
         facts = sambapos._probe_facts()
    FROM sambapos.run AS r, pg_temp.sambapos__probe AS p
   WHERE (b.site_id, b.table_name) = (place.site_id, t.table_name) AND b.next_id IS NULL
     AND r.run_id = _range_begin.run_id AND p.table_name = t.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._range_begin(bigint, sambapos._place, sambapos._table) IS
  'Notes the source''s clock and ids when the first load of a root begins';

CREATE FUNCTION sambapos._range_cut(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  b sambapos.backfill;
  lowest bigint;
BEGIN
  PERFORM sambapos._range_begin(run_id, place, t);
  SELECT * INTO STRICT b FROM sambapos.backfill AS k WHERE (k.site_id, k.table_name) = (place.site_id, t.table_name);
  EXECUTE format('SELECT l.id FROM %I.%I AS l WHERE l.id <= $1 ORDER BY l.id DESC OFFSET %s LIMIT 1',
                 sambapos._live_schema(place.name), t.table_name, sambapos._range_roots(b) - 1)
    INTO lowest USING b.next_id;
  UPDATE sambapos.backfill AS k SET low_id = lowest - 1
   WHERE (k.site_id, k.table_name) = (place.site_id, t.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._range_cut(bigint, sambapos._place, sambapos._table) IS
  'Decides which ids of a root the chunk at hand has';

CREATE FUNCTION sambapos._chunk_plan(place sambapos._place, batch_rows bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._backfill_forget(place.site_id);
  UPDATE sambapos.backfill AS b SET batch_rows = _chunk_plan.batch_rows WHERE b.site_id = place.site_id;
  INSERT INTO sambapos.backfill (site_id, table_name, batch_rows)
  SELECT t.site_id, t.table_name, _chunk_plan.batch_rows FROM sambapos._table AS t
  WHERE t.site_id = place.site_id AND t.kind IN ('ticket', 'document', 'period') AND t.enabled
    AND t.paused_reason IS NULL
    AND t.loaded_at IS NULL
  ON CONFLICT DO NOTHING;
END;
$$;
COMMENT ON FUNCTION sambapos._chunk_plan(sambapos._place, bigint) IS 'Notes which roots of a site are loaded in chunks';

CREATE FUNCTION sambapos._range_is_large(rows bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT rows >= 100000; $$;
COMMENT ON FUNCTION sambapos._range_is_large(bigint) IS
  'True if a table has so many rows that a site is better loaded in chunks for the first time';

-- The run goes on with the masters; whoever called it goes on with the chunks. What was asked for is not done by it.
CREATE FUNCTION sambapos._range_turn(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._chunk_plan(place, 100000);
  DELETE FROM sambapos.run_table AS x USING sambapos._table AS t
   WHERE x.run_id = _range_turn.run_id AND t.site_id = place.site_id AND t.table_name = x.table_name
     AND t.kind <> 'master';
  UPDATE sambapos.request AS q SET run_id = NULL, status = 'queued' WHERE q.run_id = _range_turn.run_id;
END;
$$;
COMMENT ON FUNCTION sambapos._range_turn(bigint, sambapos._place) IS
  'Makes a run that would load a large site in one piece one of its masters, with chunks to follow';

-- A person who has called sambapos_sync wants it in this transaction, and is told; a job does what is better.
CREATE FUNCTION sambapos._range_advise(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  fresh record;
BEGIN
  SELECT t.table_name, p.rows, r.trigger, NOT EXISTS (
           SELECT FROM sambapos._table AS o WHERE o.site_id = place.site_id AND o.kind IN ('ticket', 'document')
              AND o.loaded_at IS NOT NULL) AS is_first INTO fresh
  FROM pg_temp.sambapos__probe AS p JOIN sambapos._table AS t ON t.site_id = place.site_id
    AND t.table_name = p.table_name
  JOIN sambapos.run AS r ON r.run_id = _range_advise.run_id
  WHERE t.loaded_at IS NULL AND sambapos._range_is_large(p.rows) AND r.mode <> 'backfill'
  ORDER BY p.rows DESC LIMIT 1;
  IF fresh.trigger = 'call' THEN
    RAISE NOTICE 'site "%" is loaded in one transaction: table "%" has % rows', place.name, fresh.table_name, fresh.rows
      USING HINT = format('CALL sambapos_backfill(%L) loads a large site in committed parts and can be interrupted.',
                          place.name);
  ELSIF fresh.is_first THEN
    PERFORM sambapos._range_turn(run_id, place);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._range_advise(bigint, sambapos._place) IS
  'What is done about a large site that would be loaded in one piece for the first time';
