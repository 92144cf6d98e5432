-- take.sql: what a pull asks of the other database, and stages.
--
-- Rules:
-- * All of it is of one snapshot there: the position, the changes, the rows of what is taken in full, page by page, and
--   lazy values. So keys of one table that another names are there, and the position is right for all.
-- * A table is taken in full if what it holds is not what the last pull has left.

CREATE FUNCTION sambapos._follow_page_rows() RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN 1000; END; $$;
COMMENT ON FUNCTION sambapos._follow_page_rows() IS 'How many rows of an entity are asked for at once';

-- A table that is there and that no pull has left is taken over if nothing can be lost by it.
CREATE FUNCTION sambapos._follow_check_new(f sambapos.follow, p sambapos._follow_part, relation regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM sambapos.follow_table AS t JOIN sambapos.follow AS o USING (follow_id)
             WHERE o.target_schema = p.schema_name AND t.table_name = p.table_name AND o.follow_id IS DISTINCT FROM f.follow_id) THEN
    PERFORM sambapos._follow_refuse(format('table "%s" has the copy of another follow', relation), 'Name another target_schema.');
  ELSIF NOT sambapos._follow_is_copy(relation, p.entity, f.feed) AND sambapos._follow_has_rows(relation) THEN
    PERFORM sambapos._follow_refuse(format('table "%s" has rows that are no copy of entity "%s"', relation, p.entity),
      format('They would be replaced. Empty the table, name another target_schema, or say that they are a copy: COMMENT ON TABLE %s IS %L;',
             relation, sambapos._follow_mark(p.entity, f.feed)));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_check_new(sambapos.follow, sambapos._follow_part, regclass) IS
  'Raises 55000 for a table with rows of somebody else''s';

-- The table with the number that the last pull has noted; one that was made in its place is a new one.
CREATE FUNCTION sambapos._follow_is_known(t sambapos.follow_table, relation regclass) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN coalesce(split_part(t.state, ' ', 1) = relation::oid::text, false); END; $$;
COMMENT ON FUNCTION sambapos._follow_is_known(sambapos.follow_table, regclass) IS 'Whether a table is the one that the last pull has written';

-- What the table here is like, and whether what it holds is worth something.
CREATE FUNCTION sambapos._follow_part_here(f sambapos.follow, p sambapos._follow_part, t sambapos.follow_table, relation regclass) RETURNS sambapos._follow_part
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  p.altered := '{}';
  p.is_rekeyed := false;
  p.is_new := coalesce(t.entity IS NULL OR relation IS NULL OR t.state <> sambapos._follow_state(relation), true);
  IF relation IS NULL THEN
    RETURN p;
  END IF;
  PERFORM sambapos._follow_check_table(relation, p);
  PERFORM sambapos._follow_check_new(f, p, relation) WHERE NOT sambapos._follow_is_known(t, relation);
  p.seen := sambapos._follow_state(relation);
  p.had_rows := sambapos._follow_has_rows(relation);
  IF p.is_made THEN
    p.altered := ARRAY(SELECT c.name FROM unnest(p.columns, p.types) AS c (name, type) JOIN pg_attribute AS a
                       ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped WHERE format_type(a.atttypid, a.atttypmod) <> c.type);
    p.is_rekeyed := NOT sambapos._follow_key_is_unique(relation, p.key);
  END IF;
  p.is_new := p.is_new OR t.has_rows AND NOT p.had_rows OR NOT p.columns <@ t.columns OR p.altered <> '{}' OR p.is_rekeyed;
  RETURN p;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_part_here(sambapos.follow, sambapos._follow_part, sambapos.follow_table, regclass) IS
  'An entity with what its table here is like. Raises what keeps it from being copied';

-- The type of a column: of a table that a pull makes that of the source, as far as it is told; else that of the table.
CREATE FUNCTION sambapos._follow_part_of(f sambapos.follow, told jsonb) RETURNS sambapos._follow_part
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p sambapos._follow_part;
  t sambapos.follow_table;
  relation regclass;
BEGIN
  SELECT a.* INTO p.entity, p.payload_key, p.schema_name, p.table_name
  FROM (SELECT told ->> 'entity', told ->> 'payloadKey', f.target_schema, told ->> 'entity') AS a;
  IF octet_length(p.table_name) > 63 THEN
    PERFORM sambapos._follow_refuse(format('the name of entity "%s" is too long for a table', p.entity), 'Give it a shorter one at the source.', '42622');
  END IF;
  p.key := ARRAY(SELECT jsonb_array_elements_text(told -> 'key'));
  p.lazy := ARRAY(SELECT jsonb_array_elements_text(told -> 'lazy'));
  SELECT * INTO t FROM sambapos.follow_table AS x WHERE (x.follow_id, x.entity) = (f.follow_id, p.entity);
  relation := sambapos._follow_relation(p.schema_name, p.table_name);
  p.is_made := coalesce(CASE WHEN relation IS NULL THEN true
                             WHEN sambapos._follow_is_known(t, relation) THEN t.is_made
                             ELSE obj_description(relation, 'pg_class') = sambapos._follow_comment(p.entity, f.feed) END, false);
  SELECT array_agg(c.name ORDER BY c.i),
         array_agg(CASE WHEN p.is_made THEN coalesce(c.type, format_type(a.atttypid, a.atttypmod)) ELSE format_type(a.atttypid, a.atttypmod) END ORDER BY c.i)
    INTO p.columns, p.types
  FROM (SELECT u.e ->> 'name' AS name, sambapos._follow_type(u.e) AS type, u.i FROM jsonb_array_elements(told -> 'columns') WITH ORDINALITY AS u (e, i)) AS c
  LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped;
  RETURN sambapos._follow_part_here(f, p, t, relation);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_part_of(sambapos.follow, jsonb) IS
  'An entity as the source tells of it, and its table as it is here. Raises what keeps it from being copied';

-- Types of what presets compute are asked for only where a column is to be made.
CREATE FUNCTION sambapos._follow_parts(f sambapos.follow) RETURNS sambapos._follow_part[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  told jsonb := sambapos._follow_describe(f, false);
  parts sambapos._follow_part[] := ARRAY(SELECT sambapos._follow_part_of(f, e) FROM jsonb_array_elements(told) WITH ORDINALITY AS u (e, i) ORDER BY i);
  p sambapos._follow_part;
BEGIN
  PERFORM sambapos._follow_check_schema(f.target_schema);
  IF EXISTS (SELECT FROM unnest(parts) AS x WHERE array_position(x.types, NULL) IS NOT NULL) THEN
    told := sambapos._follow_describe(f, true);
    parts := ARRAY(SELECT sambapos._follow_part_of(f, e) FROM jsonb_array_elements(told) WITH ORDINALITY AS u (e, i) ORDER BY i);
  END IF;
  FOR i IN 1 .. coalesce(cardinality(parts), 0) LOOP
    p := parts[i];
    p.types := ARRAY(SELECT coalesce(t, 'jsonb') FROM unnest(p.types) WITH ORDINALITY AS u (t, n) ORDER BY n); -- a standby cannot say
    p.stage := 'sambapos__taken_' || i;
    parts[i] := p;
  END LOOP;
  PERFORM sambapos._follow_check_foreign_keys(ARRAY(SELECT sambapos._follow_relation(x.schema_name, x.table_name) FROM unnest(parts) AS x));
  RETURN parts;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_parts(sambapos.follow) IS 'What is followed, entity by entity; the connection is open';

-- Too much for one value of jsonb (SQLSTATE 54000): less is asked for. The snapshot there stays the same.
CREATE FUNCTION sambapos._follow_ask_again() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('SELECT count(*) FROM %s(''sambapos_follow'') AS r (key jsonb, data jsonb)', sambapos._follow_dblink('dblink_get_result(text)'));
  PERFORM sambapos._follow_tell('ROLLBACK TO SAVEPOINT sambapos_follow');
END;
$$;
COMMENT ON FUNCTION sambapos._follow_ask_again() IS 'After an answer that was an error: makes the other database ready for another question';

CREATE FUNCTION sambapos._follow_delta(f sambapos.follow, s sambapos.follow_state, home text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT a.data FROM sambapos._follow_ask(format('SELECT NULL::pg_catalog.jsonb, %I.sambapos_delta_payload(%L, %L, %L, %L, %L)',
                                                         home, f.feed, s.version, f.scope, f.entities, s.incarnation)) AS a);
EXCEPTION WHEN program_limit_exceeded THEN
  PERFORM sambapos._follow_ask_again();
  -- without a position it says that everything is to be taken, and what is paused
  RETURN (SELECT a.data FROM sambapos._follow_ask(format('SELECT NULL::pg_catalog.jsonb, %I.sambapos_delta_payload(%L, NULL, %L, %L)',
                                                         home, f.feed, f.scope, f.entities)) AS a);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_delta(sambapos.follow, sambapos.follow_state, text) IS
  'What is new at the source. Where that is too much for one answer, it is as if there were no position';

-- A delta, or the position where everything is taken anew. The snapshot there begins with it.
CREATE FUNCTION sambapos._follow_answer(f sambapos.follow, s sambapos.follow_state, home text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  answer jsonb;
BEGIN
  PERFORM sambapos._follow_tell('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  PERFORM sambapos._follow_tell('SAVEPOINT sambapos_follow');
  answer := sambapos._follow_delta(f, s, home);
  IF answer -> 'fullRequired' = 'true' THEN
    answer := (SELECT a.data FROM sambapos._follow_ask(format('SELECT NULL::pg_catalog.jsonb, %I.sambapos_full_payload(%L, %L, ''{}'')',
                                                              home, f.feed, f.scope)) AS a)
              || jsonb_build_object('fullRequired', true, 'paused', coalesce(answer -> 'paused', '[]'));
  END IF;
  RETURN answer;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_answer(sambapos.follow, sambapos.follow_state, text) IS
  'What is new at the source; fullRequired: nothing but the version and incarnation to go on from';

CREATE FUNCTION sambapos._follow_take_page(f sambapos.follow, p sambapos._follow_part, home text, after jsonb, page_rows integer,
                                           OUT last_key jsonb, OUT found_rows bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  rows jsonb;
BEGIN
  SELECT coalesce(jsonb_agg(a.data), '[]'), count(*), jsonb_agg(a.key) -> -1 INTO rows, found_rows, last_key
  FROM sambapos._follow_ask(format('SELECT r.key, r.data FROM %I.sambapos_full_rows(%L, %L, %L, %L, %L) AS r',
                                   home, f.feed, p.entity, f.scope, after, page_rows)) AS a;
  PERFORM sambapos._follow_stage_rows(p, rows);
EXCEPTION WHEN program_limit_exceeded THEN
  IF page_rows = 1 THEN
    RAISE;
  END IF;
  PERFORM sambapos._follow_ask_again();
  found_rows := NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_take_page(sambapos.follow, sambapos._follow_part, text, jsonb, integer) IS
  'Stages a page of rows. found_rows NULL: they are too large for one page';

CREATE FUNCTION sambapos._follow_take_rows(f sambapos.follow, p sambapos._follow_part, home text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  page_rows integer := sambapos._follow_page_rows();
  after jsonb;
  page record;
BEGIN
  LOOP
    page := sambapos._follow_take_page(f, p, home, after, page_rows);
    IF page.found_rows IS NULL THEN
      page_rows := page_rows / 2;
    ELSE
      EXIT WHEN page.found_rows < page_rows;
      after := page.last_key;
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_take_rows(sambapos.follow, sambapos._follow_part, text) IS 'Stages all rows of an entity, page by page';

CREATE FUNCTION sambapos._follow_take_value(f sambapos.follow, p sambapos._follow_part, home text, column_name text, row_id tid, key jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  type text := (SELECT c.type FROM unnest(p.columns, p.types) AS c (name, type) WHERE c.name = column_name);
  value jsonb := (SELECT a.data FROM sambapos._follow_ask(format(
    'SELECT NULL::pg_catalog.jsonb, %I.sambapos_value(%L, %L, %L, %L)', home, f.feed, p.entity, key, column_name)) AS a);
BEGIN
  EXECUTE format(CASE WHEN sambapos._follow_is_bytes(type) THEN 'UPDATE pg_temp.%I SET %I = sambapos._follow_bytes($1 #>> ''{}'') WHERE ctid = $2'
                 ELSE 'UPDATE pg_temp.%I SET %I = (SELECT r.v FROM jsonb_to_record(jsonb_build_object(''v'', $1)) AS r (v %s)) WHERE ctid = $2' END,
                 p.stage, column_name, type) USING value, row_id;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_take_value(sambapos.follow, sambapos._follow_part, text, text, tid, jsonb) IS 'Fetches one lazy value of a staged row';

-- Only those that are other ones than here.
CREATE FUNCTION sambapos._follow_take_lazy(f sambapos.follow, p sambapos._follow_part, home text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  here regclass := sambapos._follow_relation(p.schema_name, p.table_name);
  relation regclass;
  its_key text := (SELECT format('jsonb_build_object(%s)', string_agg(format('%1$L, n.%1$I', k), ', ')) FROM unnest(p.key) AS k);
  wanted record;
BEGIN
  FOR i IN 1 .. cardinality(p.lazy) LOOP
    relation := CASE WHEN NOT p.is_rekeyed AND NOT p.altered && (p.key || p.lazy[i]) THEN here END; -- else what is here is replaced
    FOR wanted IN EXECUTE format('SELECT n.ctid AS row_id, %1$s AS key FROM pg_temp.%2$I AS n %3$s WHERE n.%4$I IS NOT NULL %5$s', its_key, p.stage,
      CASE WHEN relation IS NOT NULL THEN format('LEFT JOIN %s AS t ON %s', relation, sambapos._follow_key_sql(p, relation)) END,
      'sambapos__sha_' || i,
      format(' AND n.%I IS DISTINCT FROM ', 'sambapos__sha_' || i) || sambapos._follow_sha_sql(relation, p.lazy[i]))
    LOOP
      PERFORM sambapos._follow_take_value(f, p, home, p.lazy[i], wanted.row_id, wanted.key);
    END LOOP;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_take_lazy(sambapos.follow, sambapos._follow_part, text) IS
  'Fetches the lazy values of staged rows that are not here already';
