-- dead_letters.sql: the sync reads on where a value holds invalid characters; its bytes are kept.

-- U+FFFD stands for them; it may also be what the source has. Of national text that can be told: in bytes that
-- are UTF-16 throughout nothing was replaced.
CREATE FUNCTION sambapos._text_is_utf16(raw bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT encode(raw, 'hex') ~ '^(?:(?!0000)(?:..[0-9a-cef].|..d[0-7])|..d[89ab]..d[c-f])*$'; $$;
COMMENT ON FUNCTION sambapos._text_is_utf16(bytea) IS
  'True if bytes are UTF-16LE without half characters and without NUL';

CREATE FUNCTION sambapos._dead_letter_raw(place sambapos._place, t sambapos._table, key jsonb, source_column text,
    remote_type text) RETURNS bytea
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  national boolean := remote_type !~* '^(var)?char|^text';
  raw bytea;
BEGIN
  SELECT q.raw INTO raw FROM sambapos._query(place.server, format(
    'SELECT CAST(CAST(%s AS %s) AS varbinary(max)) AS v FROM %s.%s WHERE %s', sambapos._tsql_name(source_column),
    CASE WHEN national THEN 'nvarchar(max)' ELSE 'varchar(max)' END,
    sambapos._tsql_name(t.source_schema), sambapos._tsql_name(t.source_name),
    (SELECT string_agg(format('%s = %s', sambapos._tsql_name(c.source_name),
        sambapos._tsql_text(key ->> c.column_name::text)), ' AND ')
     FROM sambapos._table_columns(place, t) AS c WHERE c.is_key))) AS q (raw bytea);
  RETURN CASE WHEN NOT national OR NOT sambapos._text_is_utf16(raw) THEN raw END;
END;
$$;
COMMENT ON FUNCTION sambapos._dead_letter_raw(sambapos._place, sambapos._table, jsonb, text, text) IS
  'The bytes of a value at the source; NULL if there is nothing wrong with them';

-- The text columns of a stage in which characters can have been replaced.
CREATE FUNCTION sambapos._dead_letter_columns(place sambapos._place, t sambapos._table)
RETURNS TABLE (column_name name, source_name text, live_name name)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.column_name, c.source_name, c.live_name FROM sambapos._table_columns(place, t) AS c
  WHERE c.type_name = 'text' AND NOT c.is_key AND NOT c.is_hidden ORDER BY c.ordinal;
$$;
COMMENT ON FUNCTION sambapos._dead_letter_columns(sambapos._place, sambapos._table) IS
  'The columns of a table that can hold invalid characters';

CREATE FUNCTION sambapos._dead_letter_key_sql(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('jsonb_build_object(%s)', string_agg(format('%L, s.%1$I', k), ', '))
  FROM unnest(sambapos._table_key(place, t)) AS k;
$$;
COMMENT ON FUNCTION sambapos._dead_letter_key_sql(sambapos._place, sambapos._table) IS
  'SQL for the key of staged row s';

-- Once it is known whose row it is: another row under a used-again id has letters of its own, and those of the row
-- before stay with it. Of a row that is here again a letter goes when its value is another one, and a later one takes
-- its place.
CREATE FUNCTION sambapos._dead_letters_settle(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  same_row text := format('d.site_id = $1 AND d.table_name = %L AND d.key = %s', t.table_name,
                          sambapos._dead_letter_key_sql(place, t));
  stage text := format('pg_temp.%I', sambapos._stage_name(t.table_name));
BEGIN
  PERFORM FROM sambapos.dead_letters AS d WHERE (d.site_id, d.table_name) = (place.site_id, t.table_name);
  IF NOT FOUND THEN
    RETURN;
  END IF;
  EXECUTE format('DELETE FROM sambapos.dead_letters AS d USING %s AS s
                   WHERE %s AND d.epoch IN (0, s.epoch)
                     AND to_jsonb(s.*) ->> d.column_name IS DISTINCT FROM d.replaced', -- s alone may be a column
                 stage, same_row) USING place.site_id;
  EXECUTE format('DELETE FROM sambapos.dead_letters AS d USING %s AS s, sambapos.dead_letters AS n
                   WHERE %s AND d.epoch = s.epoch AND n.epoch = 0
                     AND (n.site_id, n.table_name, n.key, n.column_name)
                         = (d.site_id, d.table_name, d.key, d.column_name)',
                 stage, same_row) USING place.site_id;
  EXECUTE format('UPDATE sambapos.dead_letters AS d SET epoch = s.epoch FROM %s AS s WHERE %s AND d.epoch = 0',
                 stage, same_row) USING place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._dead_letters_settle(sambapos._place, sambapos._table) IS
  'Gives the dead letters of staged rows their epoch, and deletes those of values that were corrected';

-- A value that the replica has already was looked at when it came. So one that really holds U+FFFD costs the source a
-- question once, not one in every run. A hundred of a column and run are enough to find out what is wrong there.
CREATE FUNCTION sambapos._dead_letters_find(run_id bigint, place sambapos._place, t sambapos._table, column_name name,
                                            source_name text, remote_type text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  letter record;
BEGIN
  FOR letter IN EXECUTE format(
    'SELECT %1$s AS key, s.%2$I AS value FROM pg_temp.%3$I AS s
     WHERE strpos(s.%2$I, chr(65533)) > 0
       AND NOT EXISTS (SELECT FROM sambapos._epoch_present AS e JOIN sambapos_replica.%4$I AS r
                         ON r.site_id = $1 AND r.epoch = e.epoch AND %5$s
                       WHERE e.site_id = $1 AND r.%2$I = s.%2$I)
     ORDER BY 1 LIMIT 100', sambapos._dead_letter_key_sql(place, t), column_name,
    sambapos._stage_name(t.table_name), t.table_name,
    (SELECT string_agg(format('r.%I = s.%1$I', k), ' AND ') FROM unnest(sambapos._table_key(place, t)) AS k))
    USING place.site_id
  LOOP
    INSERT INTO sambapos.dead_letters (site_id, table_name, key, column_name, replaced, raw, run_id)
    SELECT place.site_id, t.table_name, letter.key, _dead_letters_find.column_name, letter.value, w.raw,
           _dead_letters_find.run_id
    FROM sambapos._dead_letter_raw(place, t, letter.key, source_name, remote_type) AS w (raw) WHERE w.raw IS NOT NULL
    ON CONFLICT DO NOTHING;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._dead_letters_find(bigint, sambapos._place, sambapos._table, name, text, text) IS
  'Files the bytes of a column''s staged values in which characters were replaced';

-- Nearly always nothing was replaced: that is found out by one look at the stage.
CREATE FUNCTION sambapos._dead_letters_look(run_id bigint, place sambapos._place, t sambapos._table) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  columns text := (SELECT string_agg(format('s.%I', c.column_name), ', ')
                   FROM sambapos._dead_letter_columns(place, t) AS c);
  replaced boolean := false;
BEGIN
  IF columns IS NOT NULL AND current_setting('sambapos.replace_invalid_text')::boolean THEN
    EXECUTE format('SELECT EXISTS (SELECT FROM pg_temp.%I AS s WHERE strpos(concat_ws('' '', %s), chr(65533)) > 0)',
                   sambapos._stage_name(t.table_name), columns) INTO replaced;
  END IF;
  IF NOT replaced THEN
    RETURN 0;
  END IF;
  PERFORM sambapos._dead_letters_find(run_id, place, t, c.column_name, c.source_name, l.remote_type)
  FROM sambapos._dead_letter_columns(place, t) AS c
  JOIN sambapos._live_columns(sambapos._live_named(place, t.table_name)) AS l ON l.column_name = c.live_name;
  RETURN (SELECT count(*) FROM sambapos.dead_letters AS d
          WHERE d.run_id = _dead_letters_look.run_id AND d.table_name = t.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._dead_letters_look(bigint, sambapos._place, sambapos._table) IS
  'Files the bytes of staged values in which characters were replaced; returns how many';

-- No table fails for want of its letters.
CREATE FUNCTION sambapos._dead_letters_file(run_id bigint, place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  filed bigint;
BEGIN
  filed := sambapos._dead_letters_look(run_id, place, t);
  IF filed > 0 THEN
    PERFORM sambapos._log_message(run_id, t.table_name,
                                  format('%s values hold invalid characters: see sambapos.dead_letters', filed));
  END IF;
EXCEPTION WHEN OTHERS THEN
  IF sambapos._log_is_fatal(SQLSTATE) THEN
    RAISE;
  END IF;
  PERFORM sambapos._log_message(run_id, t.table_name,
                                'values hold invalid characters, and could not be filed: ' || SQLERRM);
END;
$$;
COMMENT ON FUNCTION sambapos._dead_letters_file(bigint, sambapos._place, sambapos._table) IS
  'Files dead letters of what was staged of a table, and says so in the log';
