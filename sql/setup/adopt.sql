-- adopt.sql: sambapos_adopt: what sambapos_uninstall has kept is taken back. Rows of a site that is not there any more
-- are shown, given to a site, or dropped.

-- Who adds the site again first means the same one; nothing is lost with it as long as it has read nothing. Numbers of
-- runs, requests and the like are given out once.
CREATE FUNCTION sambapos._adopt_check_kept() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  other text := (SELECT min(s.name) FROM sambapos.site AS s JOIN sambapos._kept('rows') AS k
                   ON k.name = 'sambapos.site' AND (k.content ->> 'site_id')::integer = s.site_id
                 WHERE k.content ->> 'name' <> s.name);
BEGIN
  IF EXISTS (SELECT FROM sambapos.run) OR EXISTS (SELECT FROM sambapos.request) OR other IS NOT NULL THEN
    RAISE EXCEPTION 'what is kept cannot be taken back: %',
      coalesce(format('site "%s" has a number that is kept', other), 'syncs have been run here, or asked for') USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'Settings and state of an earlier installation are kept in table '
               '"sambapos_replica.sambapos_uninstalled".',
      HINT = 'Take out the sites that were added since (SELECT * FROM sambapos_remove_site(..., drop_data => true)), '
             'then adopt. Or go on without what is kept: DROP TABLE sambapos_replica.sambapos_uninstalled;';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._adopt_check_kept() IS 'Raises 55000 if what is kept does not fit to what is here';

CREATE FUNCTION sambapos._adopt_replace_sites() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._site_forget(s.site_id)
  FROM sambapos.site AS s JOIN sambapos._kept('rows') AS k ON k.name = 'sambapos.site' AND k.content ->> 'name' = s.name;
$$;
COMMENT ON FUNCTION sambapos._adopt_replace_sites() IS
  'Forgets sites that were added anew under the name of one that is kept, and have read nothing';

-- What only people can give back.
CREATE FUNCTION sambapos._adopt_say_rest() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  jobs   text := (SELECT string_agg(format('SELECT * FROM sambapos_schedule(%L);', k.name), ' ')
                  FROM sambapos._kept('job') AS k);
  levels text := (SELECT string_agg(format('SELECT sambapos_grant(%L, %L%s);', k.name, k.content ->> 'level',
                    (SELECT ', ' || quote_literal(array_agg(s.site)::text)
                     FROM jsonb_array_elements_text(NULLIF(k.content -> 'sites', 'null')) AS s (site))), ' ')
                  FROM sambapos._kept('level') AS k JOIN pg_roles AS r ON r.rolname = k.name);
BEGIN
  IF jobs IS NOT NULL THEN
    RAISE NOTICE 'the sites had pg_cron jobs' USING HINT = jobs || ' makes them again.';
  END IF;
  IF levels IS NOT NULL THEN
    RAISE NOTICE 'roles had levels' USING HINT = levels || ' gives them again.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._adopt_say_rest() IS 'Says which jobs and levels there were';

CREATE FUNCTION sambapos._adopt_kept()
RETURNS TABLE (site_number integer, table_name text, rows bigint, epochs integer, last_synced_at timestamptz,
               action text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._catalog_check();
  LOCK TABLE sambapos.site IN SHARE ROW EXCLUSIVE MODE;
  PERFORM sambapos._adopt_check_kept();
  PERFORM sambapos._adopt_replace_sites();
  PERFORM sambapos._take_back_catalog();
  PERFORM sambapos._take_back_server(k.name, k.content) FROM sambapos._kept('server') AS k;
  PERFORM sambapos._take_back_live_schema(k.name, k.content) FROM sambapos._kept('schema') AS k;
  PERFORM sambapos._take_back_live(k.name, k.content) FROM sambapos._kept('live') AS k;
  PERFORM sambapos._take_back_owner('SCHEMA ' || quote_ident(k.name), k.content ->> 'owner')
  FROM sambapos._kept('schema') AS k;
  PERFORM sambapos._counted_ensure(t) FROM sambapos._replica_tables() AS t
  WHERE sambapos._replica_kind(t) = 'replica';
  PERFORM sambapos._report_refresh();
  PERFORM sambapos._feed_restore_all();
  PERFORM sambapos._consumer_allow(r.role_name)
  FROM (SELECT DISTINCT c.role_name FROM sambapos.feed_consumer AS c JOIN pg_roles AS p ON p.rolname = c.role_name) AS r;
  DELETE FROM sambapos.host_granted; -- of another installation
  PERFORM sambapos._host_allow(r.role_name)
  FROM (SELECT DISTINCT h.role_name FROM sambapos.feed_host AS h JOIN pg_roles AS p ON p.rolname = h.role_name) AS r;
  PERFORM sambapos._take_back_privileges(to_regclass(format('sambapos_report.%I', k.name)), k.content)
  FROM sambapos._kept('view') AS k WHERE to_regclass(format('sambapos_report.%I', k.name)) IS NOT NULL;
  PERFORM sambapos._adopt_say_rest();
  DROP TABLE sambapos_replica.sambapos_uninstalled;
  PERFORM sambapos._schema_drop_empty('sambapos_replica') WHERE NOT EXISTS (SELECT FROM sambapos.site);
  RETURN QUERY SELECT s.site_id, r.table_name, r.rows, r.epoch, r.last_synced_at, 'adopted'
               FROM sambapos.site AS s CROSS JOIN LATERAL sambapos._unknown_rows(s.site_id) AS r
               ORDER BY s.site_id, r.table_name;
END;
$$;
COMMENT ON FUNCTION sambapos._adopt_kept() IS
  'Takes back all that sambapos_uninstall has kept; the next sync goes on where the last one was';

CREATE FUNCTION @extschema@.sambapos_adopt(site_id integer DEFAULT NULL, site text DEFAULT NULL,
                                           drop_data boolean DEFAULT false)
RETURNS TABLE (site_number integer, table_name text, rows bigint, epochs integer, last_synced_at timestamptz,
               action text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
BEGIN
  IF site_id IS NULL AND site IS NULL AND NOT drop_data AND sambapos._kept_table() IS NOT NULL THEN
    RETURN QUERY SELECT * FROM sambapos._adopt_kept();
    RETURN;
  ELSIF site IS NOT NULL AND drop_data THEN
    RAISE EXCEPTION 'rows are either adopted or dropped' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give a site, or drop_data, not both.';
  END IF;
  IF site IS NOT NULL OR drop_data THEN
    PERFORM sambapos._catalog_check();
    LOCK TABLE sambapos.site IN SHARE ROW EXCLUSIVE MODE; -- a number is given, or given up, by one at a time
  END IF;
  IF site IS NOT NULL THEN
    place := sambapos._site(site);
    PERFORM sambapos._site_lock(place.site_id);
  END IF;
  IF site_id IS NOT NULL OR site IS NOT NULL OR drop_data THEN
    PERFORM sambapos._adopt_check(site_id, place);
  END IF;
  RETURN QUERY SELECT i, r.table_name, r.rows, r.epoch, r.last_synced_at,
                      CASE WHEN drop_data THEN 'dropped' WHEN sambapos_adopt.site IS NOT NULL THEN 'adopted'
                           ELSE 'unknown' END
               FROM unnest(sambapos._unknown_sites()) AS i, sambapos._unknown_rows(i) AS r
               WHERE sambapos_adopt.site_id IS NULL OR i = sambapos_adopt.site_id;
  IF drop_data THEN
    PERFORM sambapos._site_drop_rest(sambapos_adopt.site_id);
  ELSIF site IS NOT NULL THEN
    PERFORM sambapos._site_take_number(place, sambapos_adopt.site_id);
    PERFORM sambapos._feed_site_number_changed(sambapos_adopt.site_id);
  END IF;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_adopt(integer, text, boolean) IS
  'Rows in the replica whose site is not known, as after DROP EXTENSION and CREATE EXTENSION. Without arguments: '
  'where sambapos_uninstall has kept settings and state, all of it is taken back, and syncs go on where they were; '
  'otherwise the rows are shown, a row for each table. site_id and site: the rows become this site''s, which must not '
  'have been synced; its '
  'next sync reads everything and goes on with them. site_id and drop_data: they are deleted. Errors: 42704 no such '
  'site or rows, 55000 the site has rows of its own, or syncs were run already, 22023 both site and drop_data, 55P03 '
  'a run of the site is running';
