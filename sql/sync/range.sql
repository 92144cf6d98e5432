-- range.sql: the ids that one chunk of a first load has.

-- A chunk has about batch_rows rows with the children. How many there are to a root the chunks before have shown; the
-- first one takes ten.
CREATE FUNCTION sambapos._range_roots(b sambapos.backfill) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT greatest(1, CASE WHEN b.roots_read > 0 THEN b.batch_rows * b.roots_read / greatest(b.rows_read, 1)
                          ELSE b.batch_rows / 10 END);
$$;
COMMENT ON FUNCTION sambapos._range_roots(sambapos.backfill) IS 'How many rows of a root the next chunk has';

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

CREATE FUNCTION sambapos._range_advise(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  large CONSTANT bigint := 100000;
  fresh record;
BEGIN
  SELECT t.table_name, p.rows INTO fresh
  FROM pg_temp.sambapos__probe AS p JOIN sambapos._table AS t ON t.site_id = place.site_id AND t.table_name = p.table_name
  JOIN sambapos.run AS r ON r.run_id = _range_advise.run_id
  WHERE t.loaded_at IS NULL AND p.rows >= large AND r.trigger = 'call' AND r.mode <> 'backfill'
  ORDER BY p.rows DESC LIMIT 1;
  IF FOUND THEN
    RAISE NOTICE 'site "%" is loaded in one transaction: table "%" has % rows', place.name, fresh.table_name, fresh.rows
      USING HINT = format('CALL sambapos_backfill(%L) loads a large site in committed parts and can be interrupted.',
                          place.name);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._range_advise(bigint, sambapos._place) IS
  'Says of a large site that is loaded for the first time that there is another way';
