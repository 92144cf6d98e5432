-- target.sql: the tables that a copy is written to: may they be, and what are they like?
--
-- Rules:
-- * Only what belongs to the role that runs, or to one that it trusts, is written to, and only if no code of others
--   would run meanwhile. What is there already is taken over if it is empty, or says in its comment that it is a copy.
-- * The names are data of another database: they are quoted, and one that PostgreSQL would cut off is refused.
-- * Errors of ours name things and no values; SCHEMA = 'sambapos' marks them, so that they can be put on record.

CREATE TYPE sambapos._follow_part AS (entity text, payload_key text, schema_name text, table_name text, key text[],
                                      columns text[], types text[], lazy text[], is_made boolean, is_new boolean,
                                      is_full boolean, is_rekeyed boolean, altered text[], seen text, had_rows boolean,
                                      stage text);
COMMENT ON TYPE sambapos._follow_part IS
  'An entity and the table that has its copy. types: what columns are held in; is_made: a pull makes the table, or has '
  'made it; is_new: what is in the table is no copy of a known version; is_full: all rows are staged; is_rekeyed: the table has '
  'another key than the entity; altered: columns that get another type; seen, had_rows: what the table was like before the source was asked';

CREATE FUNCTION sambapos._follow_refuse(problem text, hint text, state text DEFAULT '55000') RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF problem IS NOT NULL AND hint IS NULL THEN
    RAISE EXCEPTION '%', problem USING ERRCODE = state, SCHEMA = 'sambapos';
  ELSIF problem IS NOT NULL THEN
    RAISE EXCEPTION '%', problem USING ERRCODE = state, SCHEMA = 'sambapos', HINT = hint;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_refuse(text, text, text) IS 'Raises a problem, unless it is NULL';

CREATE FUNCTION sambapos._follow_relation(schema_name text, table_name text) RETURNS regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.oid::regclass FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = schema_name AND c.relname = table_name;
$$;
COMMENT ON FUNCTION sambapos._follow_relation(text, text) IS 'A relation by its names; NULL: there is none';

CREATE FUNCTION sambapos._follow_state(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH RECURSIVE parts (id) AS (
    SELECT relation::oid UNION ALL SELECT i.inhrelid FROM parts AS p JOIN pg_inherits AS i ON i.inhparent = p.id)
  SELECT relation::oid || ' ' || CASE count(*) WHEN 1 THEN max(f.file) ELSE md5(string_agg(format('%s %s', p.id, f.file), ',' ORDER BY p.id)) END
  FROM parts AS p CROSS JOIN LATERAL (SELECT coalesce(pg_relation_filenode(p.id), 0)::text AS file) AS f;
$$;
COMMENT ON FUNCTION sambapos._follow_state(regclass) IS 'The number of a table and of its file; of a partitioned one those of all partitions';

CREATE FUNCTION sambapos._follow_comment(entity text, feed text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN format('sambapos_follow: copy of entity %s of feed %s', entity, feed); END; $$;
COMMENT ON FUNCTION sambapos._follow_comment(text, text) IS 'The comment of a table that a pull has made';

-- What a pull has taken over stays known as a copy when it is followed again, and when it comes out of a dump.
CREATE FUNCTION sambapos._follow_mark(entity text, feed text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN format('sambapos_follow: rows of entity %s of feed %s are copied here', entity, feed); END; $$;
COMMENT ON FUNCTION sambapos._follow_mark(text, text) IS 'The last line of the comment of a table of the user''s that has a copy';

CREATE FUNCTION sambapos._follow_is_copy(relation regclass, entity text, feed text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  words text := coalesce(obj_description(relation, 'pg_class'), '');
  mark text := sambapos._follow_mark(entity, feed);
BEGIN
  RETURN words = sambapos._follow_comment(entity, feed) OR right(words, length(mark)) = mark;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_is_copy(regclass, text, text) IS 'Whether a table says in its comment that its rows are a copy of this entity';

-- Only the owner may comment. A table of a superuser's is not marked.
CREATE FUNCTION sambapos._follow_note_copy(relation regclass, entity text, feed text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT sambapos._follow_is_copy(relation, entity, feed)
     AND (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = relation) THEN
    EXECUTE format('COMMENT ON TABLE %s IS %L', relation,
                   concat(obj_description(relation, 'pg_class') || E'\n', sambapos._follow_mark(entity, feed)));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_note_copy(regclass, text, text) IS 'Adds to the comment of a table that it has a copy';

CREATE FUNCTION sambapos._follow_has_rows(relation regclass) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found_one boolean;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO found_one;
  RETURN found_one;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_has_rows(regclass) IS 'Whether a table has any row';

CREATE FUNCTION sambapos._follow_check_schema(schema_name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  owner oid := (SELECT n.nspowner FROM pg_namespace AS n WHERE n.nspname = schema_name);
BEGIN
  IF schema_name IN ('sambapos', 'sambapos_replica', 'sambapos_report', 'information_schema')
     OR starts_with(schema_name, 'pg_') OR starts_with(schema_name, 'sambapos_live_') THEN
    PERFORM sambapos._follow_refuse(format('schema "%s" cannot have a copy', schema_name), 'Name a schema of your own.', '42939');
  ELSIF owner = to_regrole('pg_database_owner') THEN
    owner := (SELECT d.datdba FROM pg_database AS d WHERE d.datname = current_database());
  END IF;
  IF owner IS NOT NULL AND NOT sambapos._role_is_trusted(owner) THEN
    PERFORM sambapos._follow_refuse(format('schema "%s" belongs to role "%s"', schema_name, pg_get_userbyid(owner)),
                                    'Name another schema, or work as that role (SET ROLE).', '42501');
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_check_schema(text) IS 'Raises 42939 or 42501 for a schema that is not ours to write to';

-- A row is found by these columns, so a unique index has just them, and they are never NULL.
CREATE FUNCTION sambapos._follow_key_is_unique(relation regclass, key text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (
    SELECT FROM pg_index AS i
    WHERE i.indrelid = relation AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = cardinality(key)
      AND NOT EXISTS (SELECT FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS k (attnum)
                      LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = k.attnum AND a.attnum > 0
                      WHERE a.attname IS NULL OR a.attname <> ALL (key) OR NOT a.attnotnull));
$$;
COMMENT ON FUNCTION sambapos._follow_key_is_unique(regclass, text[]) IS 'Whether a table has a unique key of just these columns';

-- Indexes beside the key that allow a value once: of rows that swap such values one has to go before the other comes.
CREATE FUNCTION sambapos._follow_other_unique(relation regclass, key text[]) RETURNS SETOF pg_index
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT i.* FROM pg_index AS i
  WHERE i.indrelid = relation AND (i.indisunique AND i.indimmediate OR i.indisexclusion)
    AND EXISTS (SELECT FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) AS k (attnum)
                LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = k.attnum AND a.attnum > 0
                WHERE a.attname IS NULL OR a.attname <> ALL (key));
$$;
COMMENT ON FUNCTION sambapos._follow_other_unique(regclass, text[]) IS 'The immediate unique and exclusion indexes of a table beside that of its key';

CREATE FUNCTION sambapos._follow_owner_problem(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c pg_class := (SELECT k FROM pg_class AS k WHERE k.oid = relation);
  code text;
BEGIN
  IF c.relkind NOT IN ('r', 'p') OR c.relpersistence = 't' THEN
    RETURN format('"%s" is no table', relation);
  ELSIF NOT sambapos._role_is_trusted(c.relowner) THEN
    RETURN format('table "%s" belongs to role "%s"', relation, pg_get_userbyid(c.relowner));
  END IF;
  code := sambapos._relation_code_of_others(relation);
  RETURN format('code of others would run with each write to table "%s": ', relation) || code;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_owner_problem(regclass) IS 'Why the role that runs does not write to a relation; NULL: it may';

CREATE FUNCTION sambapos._follow_check_table(relation regclass, p sambapos._follow_part) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  lacks text := (SELECT string_agg(n, ', ') FROM unnest(p.columns) AS n
                 WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = n AND NOT a.attisdropped));
  problem text := sambapos._follow_owner_problem(relation);
BEGIN
  IF problem IS NOT NULL THEN
    PERFORM sambapos._follow_refuse(problem, 'A copy is written to tables of the role that runs, or of a superuser, that nobody else has put code on.', '42501');
  ELSIF NOT p.is_made AND NOT sambapos._follow_key_is_unique(relation, p.key) THEN
    PERFORM sambapos._follow_refuse(format('table "%s" has no unique key of the columns %s, which are never NULL', relation, array_to_string(p.key, ', ')),
                                    'These columns name a row of the entity. Give the table that primary key, or drop it if it is a copy.');
  ELSIF lacks IS NOT NULL AND NOT p.is_made THEN
    PERFORM sambapos._follow_refuse(format('table "%s" lacks columns of entity "%s": %s', relation, p.entity, lacks),
                                    'Add them to the table: no value is left out.', '42703');
  ELSIF EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = ANY (p.columns) AND a.attgenerated <> '') THEN
    PERFORM sambapos._follow_refuse(format('table "%s" has generated columns where entity "%s" has values', relation, p.entity), NULL);
  ELSIF EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = ANY (p.columns) AND a.attname <> ALL (p.key) AND a.attidentity = 'a') THEN
    PERFORM sambapos._follow_refuse(format('table "%s" has GENERATED ALWAYS AS IDENTITY columns where entity "%s" has values', relation, p.entity),
                                    'ALTER TABLE ... ALTER COLUMN ... SET GENERATED BY DEFAULT, or DROP IDENTITY.');
  ELSIF EXISTS (SELECT FROM sambapos._follow_other_unique(relation, p.key))
     AND EXISTS (SELECT FROM pg_constraint AS k WHERE k.confrelid = relation AND k.contype = 'f' AND (k.confdeltype <> 'a' OR k.confupdtype <> 'a')) THEN
    PERFORM sambapos._follow_refuse(format('table "%s" has a unique index beside its key, and a foreign key that does something when a row of it goes', relation),
      'Rows that swap a unique value are deleted and inserted again. Make the unique constraint DEFERRABLE, or the foreign key NO ACTION.');
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_check_table(regclass, sambapos._follow_part) IS 'Raises what keeps an entity from being copied into a table';

-- Rows come in no order that foreign keys ask for.
CREATE FUNCTION sambapos._follow_check_foreign_keys(relations regclass[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  k record;
BEGIN
  SELECT c.conname, c.conrelid::regclass AS child, c.confrelid::regclass AS parent INTO k FROM pg_constraint AS c
  WHERE c.contype = 'f' AND NOT c.condeferrable AND c.conrelid = ANY (relations) AND c.confrelid = ANY (relations) ORDER BY c.oid LIMIT 1;
  IF FOUND THEN
    PERFORM sambapos._follow_refuse(format('foreign key "%s" of table "%s" to table "%s" is not deferrable', k.conname, k.child, k.parent),
      format('Rows of both tables are copied, in any order: ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE;', k.child, k.conname));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_check_foreign_keys(regclass[]) IS 'Raises 55000 for a foreign key between these tables that cannot be deferred';

-- Those of the tables only: the caller's transaction may have others.
CREATE FUNCTION sambapos._follow_defer(relations regclass[], when_checked text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  names text := (SELECT string_agg(DISTINCT format('%I.%I', n.nspname, c.conname), ', ')
                 FROM pg_constraint AS c JOIN pg_namespace AS n ON n.oid = c.connamespace
                 WHERE c.condeferrable AND (c.conrelid = ANY (relations) OR c.confrelid = ANY (relations)));
BEGIN
  IF names IS NOT NULL THEN
    EXECUTE format('SET CONSTRAINTS %s %s', names, when_checked);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_defer(regclass[], text) IS 'Has the deferrable constraints of tables checked at the end of the transaction (DEFERRED), or now (IMMEDIATE)';

CREATE FUNCTION sambapos._follow_make_table(p sambapos._follow_part, feed text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF to_regnamespace(quote_ident(p.schema_name)) IS NULL THEN
    EXECUTE format('CREATE SCHEMA %I', p.schema_name);
  END IF;
  PERFORM sambapos._follow_check_schema(p.schema_name); -- another role may have made it since
  EXECUTE format('CREATE TABLE %I.%I (%s, PRIMARY KEY (%s))', p.schema_name, p.table_name,
                 (SELECT string_agg(format('%I %s', c.name, c.type), ', ' ORDER BY c.i) FROM unnest(p.columns, p.types) WITH ORDINALITY AS c (name, type, i)),
                 (SELECT string_agg(quote_ident(k), ', ' ORDER BY i) FROM unnest(p.key) WITH ORDINALITY AS u (k, i)));
  EXECUTE format('COMMENT ON TABLE %I.%I IS %L', p.schema_name, p.table_name, sambapos._follow_comment(p.entity, feed));
END;
$$;
COMMENT ON FUNCTION sambapos._follow_make_table(sambapos._follow_part, text) IS 'Makes the table of an entity, and its schema if need be';

-- The rows are all taken anew then. Old values are kept where they fit, since rows that are as they were are not written.
CREATE FUNCTION sambapos._follow_alter_sql(p sambapos._follow_part, relation regclass, keeps boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg(CASE WHEN a.attname IS NULL THEN format('ADD COLUMN %I %s', c.name, c.type)
                         ELSE format('ALTER COLUMN %1$I TYPE %2$s USING ', c.name, c.type)
                              || CASE WHEN keeps THEN format('%1$I::text::%2$s', c.name, c.type) ELSE format('NULL::%s', c.type) END END, ', ' ORDER BY c.i)
  FROM unnest(p.columns, p.types) WITH ORDINALITY AS c (name, type, i)
  LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped
  WHERE a.attname IS NULL OR format_type(a.atttypid, a.atttypmod) <> c.type;
$$;
COMMENT ON FUNCTION sambapos._follow_alter_sql(sambapos._follow_part, regclass, boolean) IS
  'What ALTER TABLE has to do for the columns of an entity: those that have come, and those of another type; NULL: nothing';

-- A row is found by other columns from now on, so no row of the table is one of the source's.
CREATE FUNCTION sambapos._follow_change_key(p sambapos._follow_part, relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  old_key text := (SELECT k.conname FROM pg_constraint AS k WHERE k.conrelid = relation AND k.contype = 'p');
  nullable text := (SELECT string_agg(format('ALTER COLUMN %I DROP NOT NULL', a.attname), ', ')
                    FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
                    WHERE i.indrelid = relation AND i.indisprimary AND a.attname <> ALL (p.key));
BEGIN
  EXECUTE format('ALTER TABLE %s %s ADD PRIMARY KEY (%s)', relation, format('DROP CONSTRAINT %I,', old_key),
                 (SELECT string_agg(quote_ident(k), ', ' ORDER BY i) FROM unnest(p.key) WITH ORDINALITY AS u (k, i)));
  IF nullable IS NOT NULL THEN
    EXECUTE format('ALTER TABLE %s %s', relation, nullable);
  END IF;
EXCEPTION WHEN dependent_objects_still_exist THEN
  PERFORM sambapos._follow_refuse(format('entity "%s" has another key, and something uses the primary key of table "%s"', p.entity, relation),
                                  'Drop the foreign key or the view that uses it, and make it again after the next pull.', '2BP01');
END;
$$;
COMMENT ON FUNCTION sambapos._follow_change_key(sambapos._follow_part, regclass) IS 'Gives a table that a pull has made the key of its entity; the table is empty';

CREATE FUNCTION sambapos._follow_empty(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM pg_constraint AS k WHERE k.confrelid = relation AND k.contype = 'f' AND k.confdeltype NOT IN ('a', 'r')) THEN
    PERFORM sambapos._follow_refuse(format('the key of table "%s" changes, and a foreign key to it does something when a row of it goes', relation),
                                    'All rows go, and come again. Drop the foreign key, pull, and make it again.');
  END IF;
  EXECUTE format('DELETE FROM %s', relation);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_empty(regclass) IS 'Deletes all rows of a table that a pull has made; raises 55000 if other rows would go or change with them';

CREATE FUNCTION sambapos._follow_alter_columns(p sambapos._follow_part, relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._follow_alter_sql(p, relation, true) IS NULL THEN
    RETURN;
  END IF;
  BEGIN
    EXECUTE format('ALTER TABLE %s %s', relation, sambapos._follow_alter_sql(p, relation, true));
  EXCEPTION WHEN data_exception OR cannot_coerce OR integrity_constraint_violation THEN
    IF p.altered && p.key THEN -- no row can be found by its old key
      PERFORM sambapos._follow_empty(relation);
    END IF;
    EXECUTE format('ALTER TABLE %s %s', relation, sambapos._follow_alter_sql(p, relation, false));
  END;
EXCEPTION WHEN feature_not_supported OR dependent_objects_still_exist THEN
  PERFORM sambapos._follow_refuse(format('a column of table "%s" has another type at the source, and a view, rule or generated column uses it', relation),
                                  'Drop what uses it, pull, and make it again.', '0A000');
END;
$$;
COMMENT ON FUNCTION sambapos._follow_alter_columns(sambapos._follow_part, regclass) IS
  'Adds and alters columns; a value that does not fit the new type becomes NULL until it is taken anew';

-- Of a column that is sent no more nobody is to read old values.
CREATE FUNCTION sambapos._follow_alter_table(p sambapos._follow_part, relation regclass, gone text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  emptied text := (SELECT string_agg(format('%I = NULL', a.attname), ', ') FROM pg_attribute AS a
                   WHERE a.attrelid = relation AND a.attname = ANY (gone) AND NOT a.attisdropped);
BEGIN
  IF p.is_rekeyed THEN
    PERFORM sambapos._follow_empty(relation);
  END IF;
  PERFORM sambapos._follow_alter_columns(p, relation);
  IF p.is_rekeyed THEN
    PERFORM sambapos._follow_change_key(p, relation);
  END IF;
  IF emptied IS NOT NULL THEN
    EXECUTE format('UPDATE %s SET %s', relation, emptied);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_alter_table(sambapos._follow_part, regclass, text[]) IS
  'Brings the table of an entity up to the columns and the key that are sent, and empties columns that are sent no more';
