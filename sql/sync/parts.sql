-- parts.sql: a large table, read in statements of a bearable size.
--
-- Rules:
-- * The parts are ranges of ids, the highest first, that together leave no id out: what comes or goes meanwhile is
--   found   as it is with one long statement, which sees no one moment either.
-- * Nobody knows how dense ids are: a part that brought many rows makes the next one narrower, one with few wider, but
--   never so wide that it would be too much where they are dense. A gap is left behind by asking for the next id.

CREATE FUNCTION sambapos._read_next(place sambapos._place, t sambapos._table, id name, high bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  next bigint;
BEGIN
  EXECUTE format('SELECT max(l.%1$I) FROM %2$I.%3$I AS l WHERE l.%1$I <= $1', id, sambapos._live_schema(place.name),
                 t.table_name) INTO next USING high;
  RETURN coalesce(next, 0);
END;
$$;
COMMENT ON FUNCTION sambapos._read_next(sambapos._place, sambapos._table, name, bigint) IS
  'The highest id of a live table that is not above another one; 0: none';

-- The statement is all but its condition, with which it ends. low: ids above it; NULL: all. rest goes with the lowest
-- ids.
CREATE FUNCTION sambapos._read_parts(place sambapos._place, t sambapos._table, statement text, id name, high bigint,
                                     low bigint DEFAULT NULL, has_top boolean DEFAULT false, rest text DEFAULT '')
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  size bigint := coalesce(sambapos._pace_part_rows(place), 9223372036854775807);
  width bigint := greatest(1, CASE id WHEN 'id' THEN size ELSE size / 4 END); -- some children to a root
  bottom bigint;
  rows bigint;
  conditions text[];
BEGIN
  LOOP
    bottom := CASE WHEN high - width > coalesce(low, 0) THEN high - width ELSE low END;
    conditions := ARRAY[CASE WHEN has_top THEN format('%I <= %s', id, high) END,
                        CASE WHEN bottom IS NOT NULL THEN format('%I > %s', id, bottom) END];
    EXECUTE statement || coalesce(' WHERE ' || nullif(array_to_string(array_remove(conditions, NULL), ' AND '), ''), '')
            || CASE WHEN bottom IS NOT DISTINCT FROM low THEN rest ELSE '' END;
    GET DIAGNOSTICS rows = ROW_COUNT;
    PERFORM sambapos._pace(place, t.table_name);
    EXIT WHEN bottom IS NOT DISTINCT FROM low;
    high := CASE WHEN rows > 0 OR low IS NOT NULL THEN bottom ELSE sambapos._read_next(place, t, id, bottom) END;
    has_top := true;
    width := greatest(1, least(width * size / greatest(rows, size / 4, 1), 2 * size));
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._read_parts(sambapos._place, sambapos._table, text, name, bigint, bigint, boolean, text) IS
  'Runs a statement over a live table part by part, with a pause after each';

-- Of a master nobody has asked for it yet. Only one that is known to be large is worth the question.
CREATE FUNCTION sambapos._read_highest(place sambapos._place, t sambapos._table) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  highest bigint;
BEGIN
  IF t.kind <> 'master' THEN
    SELECT p.highest INTO highest FROM pg_temp.sambapos__probe AS p WHERE p.table_name = t.table_name;
  ELSIF sambapos._compare_can(place, t)
        AND sambapos._pace_part_rows(place) < (SELECT c.reltuples FROM pg_class AS c
                                               WHERE c.oid = sambapos._replica_table(t.table_name)) THEN
    EXECUTE format('SELECT max(l.id) FROM %I.%I AS l', sambapos._live_schema(place.name), t.table_name) INTO highest;
  END IF;
  RETURN coalesce(highest, 0);
END;
$$;
COMMENT ON FUNCTION sambapos._read_highest(sambapos._place, sambapos._table) IS
  'The highest id that a table has at the source; 0: it is to be read in one piece';

CREATE FUNCTION sambapos._read_whole(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$ SELECT sambapos._read_parts(place, t, sambapos._stage_read_sql(place, t), 'id',
                               sambapos._read_highest(place, t)); $$;
COMMENT ON FUNCTION sambapos._read_whole(sambapos._place, sambapos._table) IS 'Stages a whole table';

-- Rows without a root belong to the oldest chunk.
CREATE FUNCTION sambapos._read_range(place sambapos._place, t sambapos._table, root name, id name) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._read_parts(place, t, sambapos._stage_read_sql(place, t), id, b.next_id, b.low_id, true,
                              CASE WHEN b.low_id IS NULL AND id <> 'id' THEN format(' OR %I IS NULL', id) ELSE '' END)
  FROM sambapos.backfill AS b WHERE (b.site_id, b.table_name) = (place.site_id, root);
$$;
COMMENT ON FUNCTION sambapos._read_range(sambapos._place, sambapos._table, name, name) IS
  'Stages the rows of a table that are of the chunk at hand; id: the column that holds the root''s id';
