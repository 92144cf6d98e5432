-- put_back.sql: what retention has exported and deleted here is history again while its archive is attached.
--
-- Rules:
-- * The rows go back into the replica, as they were: so every report counts them, and what a person says of them is
--   written to them as to any other row.
-- * A row goes back only with its ticket, document or period; and that only if it is not here: not under its own key,
--   and not under another epoch, where a restored till may have brought it.
-- * Detaching takes out what is still as it was put back. A row that a run or a person has changed since stays.
-- * An archive of another database, or one whose rows were never deleted, is in a schema of its own and nowhere else.

CREATE FUNCTION sambapos._archive_home(m jsonb) RETURNS sambapos.sealed_archive
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT a FROM sambapos.sealed_archive AS a
  WHERE a.archive_id = (m ->> 'archive_id')::bigint AND a.dropped_at IS NOT NULL
    AND EXISTS (SELECT FROM sambapos.archive_export AS e WHERE e.archive_id = a.archive_id AND e.manifest = m)
    AND EXISTS (SELECT FROM sambapos._place AS s WHERE s.site_id = a.site_id AND s.removed_at IS NULL);
$$;
COMMENT ON FUNCTION sambapos._archive_home(jsonb) IS
  'The archive that a manifest is of, if its rows were exported from this database and deleted here, and its site is '
  'still there; otherwise NULL';

-- A column that came after the export is NULL, and so is one whose values the site has said not to keep. What is
-- computed is computed again.
CREATE FUNCTION sambapos._archive_attached_sql(place sambapos._place, t sambapos._table, here regclass,
                                               attached regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('(SELECT %s FROM %s AS s)', string_agg(format('(%s)::%s AS %I', CASE
           WHEN p.treatment IS NULL AND x.attname IS NOT NULL THEN format('s.%I', h.attname)
           ELSE coalesce(c.expression, 'NULL') END, format_type(h.atttypid, NULL), h.attname), ', ' ORDER BY h.attnum),
         attached)
  FROM pg_attribute AS h
  LEFT JOIN pg_attribute AS x ON x.attrelid = attached AND x.attname = h.attname AND NOT x.attisdropped
  LEFT JOIN sambapos._table_computed(place, t) AS c ON c.column_name = h.attname
  LEFT JOIN sambapos.personal_treatment AS p ON (p.site_id, p.table_name, p.column_name)
                                              = (place.site_id, t.table_name, h.attname::text) AND p.treatment = 'null'
  WHERE h.attrelid = here AND h.attnum > 0 AND NOT h.attisdropped AND h.attname <> 'site_id';
$$;
COMMENT ON FUNCTION sambapos._archive_attached_sql(sambapos._place, sambapos._table, regclass, regclass) IS
  'The rows of an attached table with the columns of the replica table, but for site_id, as a subquery';

CREATE FUNCTION sambapos._archive_join_sql(key text[], a text, b text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT string_agg(format('%1$s.%3$I = %2$s.%3$I', a, b, k), ' AND ') FROM unnest(key) AS k; $$;
COMMENT ON FUNCTION sambapos._archive_join_sql(text[], text, text) IS 'A condition: rows of two aliases have one key';

-- Whoever writes to a row of history gives it another version. Values that a person has had erased since do not matter.
CREATE FUNCTION sambapos._archive_untouched_sql(m_table jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('r.site_id = $1 AND %s AND r.row_state <> ''live'' AND (r.row_state, r.version) = (s.row_state, s.version)',
                sambapos._archive_join_sql(ARRAY(SELECT jsonb_array_elements_text(m_table -> 'key')), 'r', 's'));
$$;
COMMENT ON FUNCTION sambapos._archive_untouched_sql(jsonb) IS
  'A condition on row r of the replica and row s of the attached table: r is s, as it was put back';

-- A later archive of the same row has the later word, whether it is attached or not.
CREATE FUNCTION sambapos._archive_is_missing_sql(place sambapos._place, t sambapos._table, m jsonb, m_table jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format(
    's.epoch IN (SELECT e.epoch FROM sambapos.epoch AS e WHERE e.site_id = $1 AND e.of_database IS DISTINCT FROM 0)
     AND NOT EXISTS (SELECT FROM sambapos.epoch AS e JOIN sambapos_replica.%1$I AS r USING (site_id, epoch)
                     WHERE e.site_id = $1 AND e.of_database IS DISTINCT FROM 0 AND r.id = s.id AND r.epoch <> s.epoch
                       AND (r.epoch > s.epoch OR r.row_state IN (''live'', ''cleared'', ''superseded'')) AND %2$s)
     AND %3$s NOT IN (SELECT k FROM sambapos.sealed_archive AS o JOIN sambapos.archive_part AS p USING (archive_id)
                      CROSS JOIN LATERAL unnest(p.keys) AS k
                      WHERE o.site_id = $1 AND o.dropped_at IS NOT NULL AND o.archive_id > %4$s AND p.table_name = %5$L)',
    t.table_name, sambapos._root_same_sql(place, t),
    sambapos._archive_key_sql(ARRAY(SELECT jsonb_array_elements_text(m_table -> 'key')), 's'),
    (m ->> 'archive_id')::bigint, t.table_name);
$$;
COMMENT ON FUNCTION sambapos._archive_is_missing_sql(sambapos._place, sambapos._table, jsonb, jsonb) IS
  'A condition on attached root s: it is not here under another epoch, its own was not discarded, and no later archive '
  'has it';

CREATE FUNCTION sambapos._archive_with_root_sql(m jsonb, m_table jsonb, schema_name name) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('EXISTS (SELECT FROM %1$I.%2$I AS s JOIN sambapos_replica.%2$I AS r ON %3$s
                         WHERE s.epoch = c.epoch AND s.id = c.%4$I)', schema_name, x ->> 'table',
                sambapos._archive_untouched_sql(x), m_table ->> 'root_key')
  FROM jsonb_array_elements(m -> 'tables') AS x WHERE x ->> 'table' = m_table ->> 'root';
$$;
COMMENT ON FUNCTION sambapos._archive_with_root_sql(jsonb, jsonb, name) IS
  'A condition on attached child c: its root was put back';

CREATE FUNCTION sambapos._archive_put_back_table(place sambapos._place, m jsonb, m_table jsonb, schema_name name)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos._table;
  here regclass := sambapos._replica_table((m_table ->> 'table')::name);
  rows text;
  written bigint;
BEGIN
  SELECT k.* INTO t FROM sambapos._table AS k WHERE (k.site_id, k.table_name) = (place.site_id, m_table ->> 'table');
  IF m_table ->> 'rows' = '0' THEN
    RETURN 0;
  END IF;
  PERFORM sambapos._table_claim(place, t);
  rows := sambapos._archive_attached_sql(place, t, here, format('%I.%I', schema_name, t.table_name)::regclass);
  EXECUTE format('INSERT INTO %s (site_id, %s) SELECT $1, %s ON CONFLICT DO NOTHING', here,
    (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
     WHERE a.attrelid = here AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'site_id'),
    CASE WHEN m_table ->> 'kind' = 'child'
         THEN format('c.* FROM %s AS c WHERE %s', rows, sambapos._archive_with_root_sql(m, m_table, schema_name))
         ELSE format('s.* FROM %s AS s WHERE %s', rows, sambapos._archive_is_missing_sql(place, t, m, m_table)) END)
    USING place.site_id;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF m_table ->> 'kind' <> 'child' THEN
    EXECUTE format('ANALYZE %s', here); -- its children are looked up by it
  END IF;
  RETURN written;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_put_back_table(sambapos._place, jsonb, jsonb, name) IS
  'Puts the rows of an attached table back into the replica, as far as they are not there; returns how many';

CREATE FUNCTION sambapos._archive_table_that_is_not_here(a sambapos.sealed_archive, m jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT min(x ->> 'table') FROM jsonb_array_elements(m -> 'tables') AS x
  WHERE x ->> 'rows' <> '0'
    AND (sambapos._replica_table((x ->> 'table')::name) IS NULL
         OR NOT EXISTS (SELECT FROM sambapos._table AS t WHERE (t.site_id, t.table_name) = (a.site_id, x ->> 'table')));
$$;
COMMENT ON FUNCTION sambapos._archive_table_that_is_not_here(sambapos.sealed_archive, jsonb) IS
  'A table of an archive that has rows and is not replicated here; NULL: there is none';

-- Before anything is loaded: whoever waits for the end of a run waits for that alone.
CREATE FUNCTION sambapos._archive_put_back_begin(m jsonb) RETURNS sambapos.sealed_archive
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  home sambapos.sealed_archive := sambapos._archive_home(m);
  missing text := sambapos._archive_table_that_is_not_here(home, m);
BEGIN
  IF home.archive_id IS NULL AND EXISTS (SELECT FROM sambapos.archive_attachment AS x
                                         WHERE x.archive_id = (m ->> 'archive_id')::bigint AND x.in_replica) THEN
    RAISE EXCEPTION 'another archive % is attached', m ->> 'archive_id' USING
      ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Detach it first.';
  ELSIF home.archive_id IS NOT NULL AND missing IS NOT NULL THEN
    RAISE NOTICE 'archive % is attached to its schema only: table "%" is not replicated here', home.archive_id, missing
        USING HINT = 'Reports count it when sambapos_add_table has made the table and the archive is attached again.';
    RETURN NULL;
  ELSIF home.archive_id IS NOT NULL THEN
    PERFORM sambapos._check_isolation();
    PERFORM sambapos._site_lock(home.site_id);
  END IF;
  RETURN home;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_put_back_begin(jsonb) IS
  'Locks the site of an archive whose rows were deleted here, and returns the archive; NULL: nothing is to be put back';

-- Tickets, documents and periods first: their children look for them.
CREATE FUNCTION sambapos._archive_put_back(a sambapos.sealed_archive, m jsonb, schema_name name) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  m_table jsonb;
  total bigint := 0;
BEGIN
  SELECT * INTO STRICT place FROM sambapos._place AS s WHERE s.site_id = a.site_id;
  FOR m_table IN SELECT x FROM jsonb_array_elements(m -> 'tables') AS x
                  ORDER BY x ->> 'kind' = 'child', x ->> 'table'
  LOOP
    total := total + sambapos._archive_put_back_table(place, m, m_table, schema_name);
  END LOOP;
  IF total < a.rows THEN
    RAISE NOTICE '% of % rows of archive % were not put back into the replica', a.rows - total, a.rows, a.archive_id
        USING
      DETAIL = 'They are there already, or a later archive has them, or their epoch was discarded, or the till has '
               'used their ids again.',
      HINT = format('They are in schema "%s". See "Reading back" in the manual.', schema_name);
  END IF;
  RETURN total;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_put_back(sambapos.sealed_archive, jsonb, name) IS
  'Puts the rows of an attached archive back into the replica; returns how many';

-- Children first, and only with their root: what is at the till again keeps what it has. What another attached archive
-- has put back as well stays for it.
CREATE FUNCTION sambapos._archive_take_out_table(place sambapos._place, x sambapos.archive_attachment, m_table jsonb)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  name text := m_table ->> 'table';
  key text[] := ARRAY(SELECT jsonb_array_elements_text(m_table -> 'key'));
  here regclass := sambapos._replica_table(name::name);
  attached regclass := to_regclass(format('%I.%I', x.schema_name, name));
BEGIN
  IF here IS NULL OR m_table ->> 'rows' = '0' THEN
    RETURN;
  ELSIF attached IS NULL THEN
    RAISE EXCEPTION 'table "%.%" of attached archive % is not there', x.schema_name, name, x.archive_id USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'By it the rows are known that were put back into the replica.',
      HINT = format('DROP SCHEMA IF EXISTS %I CASCADE, attach the archive again, then detach it.', x.schema_name);
  END IF;
  PERFORM sambapos._table_claim(place, t) FROM sambapos._table AS t
    WHERE (t.site_id, t.table_name) = (place.site_id, name);
  EXECUTE format('DELETE FROM %s AS r USING %s AS s WHERE %s%s%s', here, attached,
    sambapos._archive_untouched_sql(m_table),
    CASE WHEN m_table ->> 'kind' = 'child' THEN
      (SELECT format(' AND (s.epoch, s.%I) IN (SELECT s.epoch, s.id FROM %I.%I AS s JOIN sambapos_replica.%3$I AS r ON %4$s)',
                     m_table ->> 'root_key', x.schema_name, k ->> 'table', sambapos._archive_untouched_sql(k))
       FROM jsonb_array_elements(x.manifest -> 'tables') AS k WHERE k ->> 'table' = m_table ->> 'root') END,
    (SELECT string_agg(format(' AND NOT EXISTS (SELECT FROM %I.%I AS o WHERE %s AND (o.row_state, o.version) '
                              '= (s.row_state, s.version))', o.schema_name, name,
                              sambapos._archive_join_sql(key, 'o', 's')), '')
     FROM sambapos.archive_attachment AS o JOIN sambapos.sealed_archive AS a USING (archive_id)
     WHERE o.archive_id <> x.archive_id AND o.in_replica AND a.site_id = place.site_id
       AND to_regclass(format('%I.%I', o.schema_name, name)) IS NOT NULL)) USING place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_take_out_table(sambapos._place, sambapos.archive_attachment, jsonb) IS
  'Deletes from the replica what was put back of a table, and is as it was';

CREATE FUNCTION sambapos._archive_take_out(x sambapos.archive_attachment) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  m_table jsonb;
BEGIN
  SELECT s.* INTO place FROM sambapos._place AS s JOIN sambapos.sealed_archive AS a USING (site_id)
   WHERE a.archive_id = x.archive_id;
  IF NOT x.in_replica OR place.site_id IS NULL THEN
    RETURN;
  END IF;
  PERFORM sambapos._check_isolation();
  PERFORM sambapos._site_lock(place.site_id);
  FOR m_table IN SELECT k FROM jsonb_array_elements(x.manifest -> 'tables') AS k
                  ORDER BY k ->> 'kind' <> 'child', k ->> 'table'
  LOOP
    PERFORM sambapos._archive_take_out_table(place, x, m_table);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._archive_take_out(sambapos.archive_attachment) IS
  'Takes the rows of an attached archive out of the replica again';
