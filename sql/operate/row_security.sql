-- row_security.sql: who sees which rows of the catalog.
--
-- Rules:
-- * All of it is in this place, by what a table's columns are, so that a table or view that any part of the script makes
--   is not forgotten. test/pgtap/site_readers.sql looks for what a role with one site sees of another one.
-- * A role with a level for some sites only sees the rows of those. Whether a role is one is asked once a query, and
--   which sites they are only if it is. Nobody else's rows are looked at twice.
-- * Views look with the rights of whoever asks: else their owner's, who sees all, would hold.
-- * A role sees the consumers whose deliveries are its own, and its own hosts, whether it has a level or not. Tokens no
--   role sees.
-- * What is followed has no site: a role with some sites sees none of it. A pull writes with the rights of the role that
--   follows, so nobody else, admin or not, writes what it goes by.
-- * Owners and superusers meet no policy.

CREATE FUNCTION sambapos._row_condition(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE
    WHEN relation = 'sambapos.role_grant'::regclass
      THEN 'pg_has_role(to_regrole(quote_ident(role_name))::oid, ''USAGE'')'
    WHEN relation = 'sambapos.host_token'::regclass THEN 'false'
    WHEN relation = 'sambapos.conflict'::regclass THEN 'sambapos._conflict_is_shown(host_id, entity_id)'
    WHEN c.is_of_hosts THEN 'host_id = ANY (ARRAY(SELECT unnest(sambapos._host_shown_ids())))'
    WHEN c.is_of_consumers THEN 'consumer_id = ANY (ARRAY(SELECT unnest(sambapos._consumer_shown_ids())))'
    ELSE '(SELECT has_function_privilege(''sambapos._grant_of_all_sites()''::regprocedure, ''EXECUTE'')'
         ' OR NOT has_function_privilege(''sambapos._grant_of_some_sites()''::regprocedure, ''EXECUTE''))'
         ' OR ' || c.condition END
  FROM (
    SELECT CASE
      WHEN relation = 'sambapos.site'::regclass
        THEN 'name = ANY (ARRAY(SELECT unnest(g.sites) FROM sambapos.role_grant AS g))'
      WHEN bool_or(a.attname = 'site_id') THEN 'site_id = ANY (ARRAY(SELECT s.site_id FROM sambapos.site AS s))'
      WHEN bool_or(a.attname = 'site') THEN 'site = ANY (ARRAY(SELECT s.name FROM sambapos.site AS s))'
      WHEN bool_or(a.attname = 'run_id')
        THEN 'run_id IN (SELECT r.run_id FROM sambapos.run AS r'
             ' WHERE r.site_id = ANY (ARRAY(SELECT s.site_id FROM sambapos.site AS s)))'
      WHEN bool_or(a.attname = 'archive_id')
        THEN 'archive_id = ANY (ARRAY(SELECT x.archive_id FROM sambapos.sealed_archive AS x))'
      WHEN bool_or(a.attname = 'feed_id')
        THEN 'feed_id = ANY (ARRAY(SELECT f.feed_id FROM sambapos.change_feed AS f))'
      WHEN bool_or(a.attname = 'follow_id') THEN 'false' END AS condition,
           bool_or(a.attname = 'consumer_id') AS is_of_consumers,
           bool_or(a.attname = 'host_id') AS is_of_hosts
    FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped) AS c;
$$;
COMMENT ON FUNCTION sambapos._row_condition(regclass) IS
  'Which rows of a table of the catalog a role sees, as the condition of a policy; NULL: all, it has no sites';

CREATE FUNCTION sambapos._row_written(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN relation = 'sambapos.follow'::regclass THEN ' WITH CHECK (role_name = CURRENT_USER)'
              WHEN bool_or(a.attname = 'follow_id')
                THEN ' WITH CHECK (follow_id IN (SELECT f.follow_id FROM sambapos.follow AS f WHERE f.role_name = CURRENT_USER))'
              ELSE '' END
  FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._row_written(regclass) IS 'Which rows a role may write, where they are not those that it sees';

-- Of role_grant others than the owner may read what concerns them, and write nothing, whatever their level.
CREATE FUNCTION sambapos._row_security_ensure() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  r record;
BEGIN
  FOR r IN
    SELECT c.oid::regclass AS relation, c.relkind, sambapos._row_condition(c.oid) AS condition
    FROM pg_extension AS e
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
    JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
    WHERE e.extname = 'sambapos_fdw' AND c.relkind IN ('r', 'p', 'v') ORDER BY 1
  LOOP
    IF r.relation = 'sambapos._feed_entered'::regclass THEN
      CONTINUE; -- it asks by itself whose rows they are, of who has no right on the log
    ELSIF r.relkind = 'v' THEN
      EXECUTE format('ALTER VIEW %s SET (security_invoker = true)', r.relation);
    ELSIF r.condition IS NOT NULL
          AND NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = r.relation AND p.polname = 'sambapos_sites') THEN
      EXECUTE format('CREATE POLICY sambapos_sites ON %s FOR %s USING (%s)%s', r.relation,
                     CASE WHEN r.relation = 'sambapos.role_grant'::regclass THEN 'SELECT' ELSE 'ALL' END, r.condition,
                     sambapos._row_written(r.relation));
      EXECUTE format('COMMENT ON POLICY sambapos_sites ON %s IS %L', r.relation,
                     'A role with a level for some sites sees the rows of these; see sambapos_grant');
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', r.relation);
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._row_security_ensure() IS
  'Gives the tables of the catalog their policies, and has its views look with the rights of whoever asks; at the end '
  'of every script';

SELECT sambapos._row_security_ensure();
