-- counted.sql: what to query: for each replica table a view in sambapos_report with the rows that count.
--
-- Rules:
-- * A row counts if it is at the source, or went with a clear or a reseed (live, cleared, superseded), and if its site
--   is one that is there: rows of a site that was removed, or of an earlier installation, stay in sambapos_replica.
-- * The views are no members of the extension, since they depend on tables that are not. They run with the rights
--   of who asks.
-- * A view of that name that another role made, or a table, is refused, as everywhere (ownership.sql).

CREATE FUNCTION sambapos._readers_grant(privilege text, object text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  reader name;
BEGIN
  FOR reader IN
    SELECT DISTINCT r.rolname FROM pg_class AS c, aclexplode(c.relacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
    WHERE c.oid = 'sambapos.site'::regclass AND a.privilege_type = 'SELECT' AND r.rolname <> current_user ORDER BY 1
  LOOP
    EXECUTE format('GRANT %s ON %s TO %I', privilege, object, reader);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._readers_grant(text, text) IS
  'Opens what was made just now to the roles that sambapos_grant has opened the rest to';

-- What is not the source's column; the view has the same words.
CREATE FUNCTION sambapos._replica_comment(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
BEGIN
  FOR c IN
    SELECT w.* FROM (VALUES
      ('site_id', 'The site, as in sambapos.site'),
      ('epoch', 'Which life of the source''s ids the row belongs to; a new one begins when ids are used again'),
      ('document_epoch', 'The epoch of the account document that the row points to'),
      ('row_state', 'live: at the source; cleared: gone with a clear; superseded: its id names another row now; these three '
                    'count. removed: edited away; deleted: a single row was deleted at the source'),
      ('first_seen_at', 'When the row was first read'),
      ('synced_at', 'When the row was last changed here'),
      ('version', 'The site''s version that wrote the row; it grows with each merge that changes something'),
      ('valid_from', 'Since when the source had this version of the row'),
      ('valid_to', 'Until when the source had this version of the row')) AS w (column_name, words)
    JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = w.column_name AND NOT a.attisdropped
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', relation, c.column_name, c.words);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_comment(regclass) IS
  'Says what the columns of ours in a replica or history table are';

CREATE FUNCTION sambapos._live_comment(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := (SELECT c.oid FROM pg_class AS c
                        WHERE c.oid = to_regclass(format('%I.%I', sambapos._live_schema(place.name), t.table_name)) AND c.relkind = 'f');
BEGIN
  IF obj_description(relation, 'pg_class') IS NULL AND relation IS NOT NULL THEN
    EXECUTE format('COMMENT ON FOREIGN TABLE %s IS %L', relation,
                   format('SambaPOS table %s of site %s as it is at this moment: each query asks the till', t.source_name, place.name));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._live_comment(sambapos._place, sambapos._table) IS 'Says what a live foreign table is';

CREATE FUNCTION sambapos._counted_columns(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT string_agg('t.' || quote_ident(a.attname), ', ' ORDER BY a.attnum)
  FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._counted_columns(regclass) IS 'The columns of a replica table, as a view of it lists them';

CREATE FUNCTION sambapos._counted_comment(relation regclass, view regclass, site_column name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
BEGIN
  EXECUTE format('COMMENT ON VIEW %s IS %L', view,
                 format('The rows of %s that count, of all sites that are there: live, cleared or superseded', relation));
  EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', view, site_column, 'The site''s name');
  FOR c IN SELECT a.attname, col_description(relation, a.attnum) AS words FROM pg_attribute AS a
           WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', view, c.attname, c.words);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._counted_comment(regclass, regclass, name) IS 'Says what view and columns are';

CREATE FUNCTION sambapos._counted_drop(table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._problem_raise(sambapos._relation_problem('sambapos_report', table_name, 'v', 'a view'));
  IF to_regclass(format('sambapos_report.%I', table_name)) IS NOT NULL THEN
    EXECUTE format('DROP VIEW sambapos_report.%I', table_name);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._counted_drop(name) IS
  'Drops the view of a replica table, before the table is changed or dropped';

CREATE FUNCTION sambapos._counted_ensure(table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation    regclass := sambapos._replica_table(table_name);
  view        text := format('sambapos_report.%I', table_name);
  site_column name := CASE WHEN EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = 'site')
                           THEN 'site_name' ELSE 'site' END;
BEGIN
  IF relation IS NULL THEN
    RETURN; -- another role's
  END IF;
  PERFORM sambapos._problem_raise(sambapos._relation_problem('sambapos_report', table_name, 'v', 'a view'));
  IF to_regclass(view) IS NULL
     OR (SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped)
        >= (SELECT c.relnatts FROM pg_class AS c WHERE c.oid = to_regclass(view)) THEN
    EXECUTE format('CREATE OR REPLACE VIEW %s WITH (security_invoker = true) AS -- runtime
                      SELECT s.name AS %I, %s FROM %s AS t JOIN sambapos.site AS s USING (site_id)
                      WHERE s.removed_at IS NULL AND t.row_state IN (''live'', ''cleared'', ''superseded'')',
                   view, site_column, sambapos._counted_columns(relation), relation);
    PERFORM sambapos._counted_comment(relation, view::regclass, site_column);
    PERFORM sambapos._readers_grant('SELECT', view);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._counted_ensure(name) IS
  'Makes the view of a replica table, or adds the columns it lacks';

CREATE FUNCTION @extschema@.sambapos_refresh_reports() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  made integer := 0;
  table_name name;
BEGIN
  FOR table_name IN
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace('sambapos_replica') AND sambapos._replica_kind(c.relname) = 'replica' ORDER BY c.relname
  LOOP
    PERFORM sambapos._counted_drop(table_name);
    PERFORM sambapos._counted_ensure(table_name);
    made := made + 1;
  END LOOP;
  RETURN made;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_refresh_reports() IS
  'Drops and makes the views in sambapos_report: after ALTER EXTENSION UPDATE, and after a replica table was changed by '
  'hand. Adding tables and columns does it by itself. Returns how many. Errors: 2BP01 something of yours depends on one '
  'of them, 42501 another role made them';
