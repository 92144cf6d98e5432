-- counted.sql: what to query: for each replica table a view in sambapos_report with the rows that count.
--
-- Rules:
-- * A row counts if it is at the source, or went with a clear or a reseed (live, cleared, superseded), and if its site
--   is one that is there: rows of a site that was removed, or of an earlier installation, stay in sambapos_replica.
-- * The views are no members of the extension, since they depend on tables that are not. They run with the rights
--   of who asks.
-- * A view of that name that another role made, or a table, is refused, as everywhere (ownership.sql).
-- * A view is brought up to its table where it can be; that it cannot is said, and no table waits for it.

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
      ('modifiers', 'What the order tags add to the price of one, in the site''s currency'),
      ('document_epoch', 'The epoch of the account document that the row points to'),
      ('row_state', 'live: at the source; cleared: gone with a clear; superseded: its id names another row now; these '
                    'three count. removed: edited away; deleted: a single row was deleted at the source'),
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
                        WHERE c.oid = to_regclass(format('%I.%I', sambapos._live_schema(place.name), t.table_name))
                          AND c.relkind = 'f');
BEGIN
  IF obj_description(relation, 'pg_class') IS NULL AND relation IS NOT NULL THEN
    EXECUTE format('COMMENT ON FOREIGN TABLE %s IS %L', relation,
                   format('SambaPOS table %s of site %s as it is at this moment: each query asks the till',
                          t.source_name, place.name));
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
                 format('The rows of %s that count, of all sites that are there: live, cleared or superseded',
                        relation));
  EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', view, site_column, 'The site''s name');
  FOR c IN SELECT a.attname, col_description(relation, a.attnum) AS words FROM pg_attribute AS a
           WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
  LOOP
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', view, c.attname, c.words);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._counted_comment(regclass, regclass, name) IS 'Says what view and columns are';

-- The site's column has the first name that the source has left free.
CREATE FUNCTION sambapos._counted_site_column(relation regclass) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT n.name
  FROM (SELECT i, CASE i WHEN 0 THEN 'site' WHEN 1 THEN 'site_name' ELSE 'site_name_' || i END AS name
        FROM generate_series(0, 1600) AS i) AS n
  WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = n.name)
  ORDER BY n.i LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._counted_site_column(regclass) IS
  'What the column with the site''s name is called in the view of a replica table: site, unless that is a column of '
  'the source';

-- A GRANT on a view goes with it.
CREATE TYPE sambapos._privilege AS (privilege text, column_name name, grantee oid, is_grantable boolean);
COMMENT ON TYPE sambapos._privilege IS 'A privilege on a relation, or on one column of it; grantee 0: PUBLIC';

CREATE FUNCTION sambapos._privileges(relation regclass) RETURNS sambapos._privilege[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg((a.privilege_type, g.attname, a.grantee, a.is_grantable)::sambapos._privilege), '{}')
  FROM (SELECT c.relowner, NULL::name AS attname, c.relacl AS acl FROM pg_class AS c WHERE c.oid = relation
        UNION ALL
        SELECT c.relowner, a.attname, a.attacl
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid WHERE c.oid = relation) AS g
  CROSS JOIN LATERAL aclexplode(g.acl) AS a
  WHERE a.grantee <> g.relowner;
$$;
COMMENT ON FUNCTION sambapos._privileges(regclass) IS 'What others than its owner may do with a relation';

CREATE FUNCTION sambapos._privileges_grant(relation regclass, given sambapos._privilege[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p record;
BEGIN
  FOR p IN
    SELECT g.privilege || coalesce(' (' || quote_ident(g.column_name) || ')', '') AS what,
           CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
             || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS whom
    FROM unnest(given) AS g LEFT JOIN pg_roles AS r ON r.oid = g.grantee
    WHERE (g.grantee = 0 OR r.oid IS NOT NULL)
      AND (g.column_name IS NULL
           OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = g.column_name))
  LOOP
    EXECUTE format('GRANT %s ON %s TO %s', p.what, relation, p.whom);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._privileges_grant(regclass, sambapos._privilege[]) IS
  'Gives privileges that a relation of that name had; those on columns that are not there any more are left out';

-- Only a replica table's view is ours: a table of earlier versions has none.
CREATE FUNCTION sambapos._counted_drop(table_name name) RETURNS sambapos._privilege[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  given sambapos._privilege[];
  view  regclass := to_regclass(format('sambapos_report.%I', table_name));
BEGIN
  IF view IS NOT NULL AND sambapos._replica_kind(table_name) = 'replica'
     AND table_name <> ALL (sambapos._report_names()) THEN
    PERFORM sambapos._problem_raise(sambapos._relation_problem('sambapos_report', table_name, 'v', 'a view'));
    given := sambapos._privileges(view);
    EXECUTE format('DROP VIEW %s', view);
  END IF;
  RETURN given;
END;
$$;
COMMENT ON FUNCTION sambapos._counted_drop(name) IS
  'Drops the view of a replica table, before the table is changed or dropped; returns who could do what with it; NULL: '
  'there was none';

-- A report of that name takes the place of the plain view: it has all its columns, or, as order_tags, other rows.
CREATE FUNCTION sambapos._report_names() RETURNS name[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN '{tickets,ticket_items,payments,transactions,menu_items,accounts,order_tags,work_periods,sales,daily_sales,'
         'payments_by_type,category_sales,discounts,voids_and_gifts,taxes,json_problems}';
END;
$$;
COMMENT ON FUNCTION sambapos._report_names() IS 'The views of sambapos_report that are reports';

CREATE TYPE sambapos._view AS (schema name, name name, owner name, definition text, words text, column_words jsonb,
                               given sambapos._privilege[]);
COMMENT ON TYPE sambapos._view IS 'A view of ours that has to go for a moment, with all that it takes to make it again';

-- By what a view of sambapos_create_compatibility_schema is known, beside its owner.
CREATE FUNCTION sambapos._compatibility_comment(site text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('SambaPOS names over the replica of site %s, made by sambapos_create_compatibility_schema', site);
END;
$$;
COMMENT ON FUNCTION sambapos._compatibility_comment(text) IS 'By what a view of a compatibility schema is known';

-- Whoever else writes that comment gets nothing for it: a view is made again with its owner's rights and is his, and
-- one that another role controls is left alone, so that the change fails as for any view of others.
CREATE FUNCTION sambapos._compatibility_is_view(view pg_class) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(obj_description(view.oid, 'pg_class') ~ ('^' || sambapos._compatibility_comment('[a-z0-9_]+') || '$'),
                  false)
     AND sambapos._role_is_trusted(view.relowner) AND pg_has_role(view.relowner, 'USAGE')
     AND 'security_invoker=true' = ANY (view.reloptions); -- also after the site is forgotten
$$;
COMMENT ON FUNCTION sambapos._compatibility_is_view(pg_class) IS
  'True for a view that sambapos_create_compatibility_schema made, as the role that runs or one that it trusts';

CREATE FUNCTION sambapos._report_views_drop(relation regclass) RETURNS sambapos._view[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  kept sambapos._view[];
  v record;
BEGIN
  FOR v IN
    SELECT DISTINCT c.oid, n.nspname, c.relname, pg_get_userbyid(c.relowner) AS owner FROM pg_depend AS d
    JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    JOIN pg_class AS c ON c.oid = r.ev_class AND c.relkind = 'v'
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND c.oid <> relation
      AND (n.nspname = 'sambapos_report' AND c.relname = ANY (sambapos._report_names())
           OR sambapos._compatibility_is_view(c))
    ORDER BY n.nspname, c.relname
  LOOP
    PERFORM sambapos._problem_raise(sambapos._relation_problem(v.nspname, v.relname, 'v', 'a view'));
    kept := kept || (v.nspname, v.relname, v.owner, pg_get_viewdef(v.oid), obj_description(v.oid, 'pg_class'),
                     (SELECT jsonb_object_agg(a.attname, col_description(v.oid, a.attnum)) FROM pg_attribute AS a
                      WHERE a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped),
                     sambapos._privileges(v.oid::regclass))::sambapos._view;
    EXECUTE format('DROP VIEW %I.%I', v.nspname, v.relname);
  END LOOP;
  RETURN kept;
END;
$$;
COMMENT ON FUNCTION sambapos._report_views_drop(regclass) IS
  'Drops the reports and the views of compatibility schemas that read a replica table, before it is altered or dropped; '
  'returns what it takes to make them again';

CREATE FUNCTION sambapos._report_views_restore(kept sambapos._view[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  v sambapos._view;
  word record;
  view text;
BEGIN
  FOREACH v IN ARRAY coalesce(kept, '{}') LOOP
    view := format('%I.%I', v.schema, v.name);
    EXECUTE format('CREATE VIEW %s WITH (security_invoker = true) AS -- runtime
                    %s', view, rtrim(v.definition, ';'));
    EXECUTE format('COMMENT ON VIEW %s IS %L', view, v.words);
    FOR word IN SELECT * FROM jsonb_each_text(v.column_words) AS w (column_name, words) LOOP
      EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', view, word.column_name, word.words);
    END LOOP;
    IF v.owner <> current_user THEN
      EXECUTE format('ALTER VIEW %s OWNER TO %I', view, v.owner);
    END IF;
    PERFORM sambapos._privileges_grant(view::regclass, v.given);
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._report_views_restore(sambapos._view[]) IS 'Makes views again as they were';

CREATE FUNCTION sambapos._counted_make(table_name name, given sambapos._privilege[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation    regclass := sambapos._replica_table(table_name);
  view        text := format('sambapos_report.%I', table_name);
  site_column name := sambapos._counted_site_column(relation);
BEGIN
  EXECUTE format('CREATE OR REPLACE VIEW %s WITH (security_invoker = true) AS -- runtime
                    SELECT s.name AS %I, %s FROM %s AS t JOIN sambapos.site AS s USING (site_id)
                    WHERE s.removed_at IS NULL AND t.row_state IN (''live'', ''cleared'', ''superseded'')',
                 view, site_column, sambapos._counted_columns(relation), relation);
  PERFORM sambapos._counted_comment(relation, view::regclass, site_column);
  PERFORM sambapos._privileges_grant(view::regclass, given);
  PERFORM sambapos._readers_grant('SELECT', view);
END;
$$;
COMMENT ON FUNCTION sambapos._counted_make(name, sambapos._privilege[]) IS
  'Makes the view of a replica table, or adds the columns it lacks, and gives privileges that it had';

-- PostgreSQL judges whether the new columns go on from the old ones. A view that cannot follow is no reason to stop
-- copying.
CREATE FUNCTION sambapos._counted_ensure(table_name name, given sambapos._privilege[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._replica_table(table_name);
  view     regclass := to_regclass(format('sambapos_report.%I', table_name));
  details  text;
BEGIN
  IF relation IS NULL OR table_name = ANY (sambapos._report_names()) THEN
    RETURN; -- another role's, or a report's
  END IF;
  PERFORM sambapos._problem_raise(sambapos._relation_problem('sambapos_report', table_name, 'v', 'a view'));
  IF view IS NULL
     OR (SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped)
        >= (SELECT c.relnatts FROM pg_class AS c WHERE c.oid = view) THEN
    BEGIN
      PERFORM sambapos._counted_make(table_name, given);
    EXCEPTION WHEN invalid_table_definition THEN
      PERFORM sambapos._counted_make(table_name, sambapos._counted_drop(table_name));
    END;
  END IF;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
  RAISE; -- what belongs to others is an error
WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS details = PG_EXCEPTION_DETAIL;
  RAISE WARNING 'view "sambapos_report.%" is not as its table: %', table_name, SQLERRM USING
    DETAIL = coalesce(nullif(details, ''), 'The table is copied all the same.'),
    HINT = 'When the cause is gone: SELECT sambapos_refresh_reports();';
END;
$$;
COMMENT ON FUNCTION sambapos._counted_ensure(name, sambapos._privilege[]) IS
  'Makes the view of a replica table, with privileges that it had, or adds the columns it lacks; a WARNING where it '
  'cannot';
