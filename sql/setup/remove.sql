-- remove.sql: removing tables and sites. Data is dropped only where drop_data says so, and then only that site's rows.

CREATE FUNCTION sambapos._replica_drop_rows(site_id integer, table_name name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  reports sambapos._view[];
  deed    text := 'no data';
  part    name;
  gone    bigint;
  is_left boolean;
BEGIN
  FOR part IN SELECT n.name
              FROM (VALUES (table_name || '_history', 'history'), (table_name, 'replica')) AS n (name, kind)
              WHERE sambapos._replica_kind(n.name) = n.kind
  LOOP
    PERFORM sambapos._check_isolation();
    EXECUTE format('LOCK TABLE sambapos_replica.%I IN SHARE ROW EXCLUSIVE MODE', part);
    PERFORM sambapos._problem_raise(sambapos._replica_problem(part));
    PERFORM sambapos._problem_raise(sambapos._relation_superuser_problem(sambapos._replica_table(part)));
    EXECUTE format('DELETE FROM sambapos_replica.%I WHERE site_id = $1', part) USING site_id;
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM sambapos._rollup_forget(site_id) WHERE gone > 0;
    EXECUTE format('SELECT EXISTS (SELECT FROM sambapos_replica.%I)', part) INTO is_left;
    IF is_left OR EXISTS (SELECT FROM sambapos._table AS t
                          WHERE t.table_name = _replica_drop_rows.table_name
                            AND t.site_id <> _replica_drop_rows.site_id) THEN
      deed := format('%s rows deleted', gone);
    ELSE
      PERFORM sambapos._counted_drop(part);
      reports := sambapos._report_views_drop(sambapos._replica_table(part));
      EXECUTE format('DROP TABLE sambapos_replica.%I', part);
      PERFORM sambapos._report_refresh(reports, true);
      DELETE FROM sambapos.replica_name AS n WHERE n.table_name = part;
      DELETE FROM sambapos.replica_column AS c WHERE c.table_name = part;
      deed := format('%s rows deleted, table dropped', gone);
    END IF;
  END LOOP;
  RETURN deed;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_drop_rows(integer, name) IS
  'Deletes a site''s rows of a replica table and its history; drops the table when no other site uses it';

CREATE FUNCTION sambapos._site_remove_table(place sambapos._place, table_name name, drop_data boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  deed text := 'data kept';
BEGIN
  IF drop_data THEN
    deed := sambapos._replica_drop_rows(place.site_id, table_name);
    DELETE FROM sambapos.personal_treatment AS p
    WHERE (p.site_id, p.table_name) = (place.site_id, _site_remove_table.table_name);
  END IF;
  DELETE FROM sambapos.replicated_table AS t
  WHERE (t.site_id, t.table_name) = (place.site_id, _site_remove_table.table_name);
  DELETE FROM sambapos.table_state AS x
  WHERE (x.site_id, x.table_name) = (place.site_id, _site_remove_table.table_name);
  DELETE FROM sambapos.missing AS m WHERE (m.site_id, m.table_name) = (place.site_id, _site_remove_table.table_name);
  DELETE FROM sambapos.restored_root AS n
  WHERE (n.site_id, n.table_name) = (place.site_id, _site_remove_table.table_name);
  DELETE FROM sambapos.dead_letters AS d
  WHERE (d.site_id, d.table_name) = (place.site_id, _site_remove_table.table_name);
  DELETE FROM sambapos.waiting_root AS w
  WHERE (w.site_id, w.table_name) = (place.site_id, _site_remove_table.table_name);
  DELETE FROM sambapos.schema_versions AS v
  WHERE (v.site_id, v.table_name) = (place.site_id, _site_remove_table.table_name);
  DELETE FROM sambapos.backfill AS b WHERE (b.site_id, b.table_name) = (place.site_id, _site_remove_table.table_name);
  UPDATE sambapos.backfill AS b SET empty_tables = array_remove(b.empty_tables, _site_remove_table.table_name::text),
         tables = array_remove(b.tables, _site_remove_table.table_name::text)
  WHERE b.site_id = place.site_id
    AND (_site_remove_table.table_name = ANY (b.empty_tables) OR _site_remove_table.table_name = ANY (b.tables));
  PERFORM sambapos._verified_forget(place.site_id, table_name);
  PERFORM sambapos._wanted_forget(place.site_id, ARRAY(
    SELECT k.table_name FROM sambapos._known_tables() AS k WHERE k.parent = _site_remove_table.table_name));
  EXECUTE format('DROP FOREIGN TABLE IF EXISTS %I.%I', sambapos._live_schema(place.name), table_name);
  PERFORM sambapos._feed_site_table_changed(place.site_id, table_name);
  RETURN deed;
END;
$$;
COMMENT ON FUNCTION sambapos._site_remove_table(sambapos._place, name, boolean) IS 'Takes one table out of a site';

-- By the names of tables and sets that a copied table is named by.
CREATE FUNCTION sambapos._wanted_named(site_id integer, name text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT ARRAY(SELECT w.table_name FROM sambapos.wanted_table AS w JOIN sambapos._known_tables() AS k USING (table_name)
               WHERE w.site_id = _wanted_named.site_id
                 AND lower(name COLLATE "C") = ANY (k.sets || k.table_name || lower(k.source_name COLLATE "C"))
               ORDER BY w.table_name);
$$;
COMMENT ON FUNCTION sambapos._wanted_named(integer, text) IS
  'The tables that a site was asked for in vain which a table''s or set''s name means';

CREATE FUNCTION @extschema@.sambapos_remove_table(site text, table_name text, drop_data boolean DEFAULT false)
RETURNS SETOF sambapos.table_action
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place  sambapos._place := sambapos._site(site);
  vain   text[] := sambapos._wanted_named(place.site_id, table_name);
  leave  name[] := ARRAY(SELECT t.table_name
                         FROM sambapos._tables_replicated(place.site_id, ARRAY[sambapos_remove_table.table_name]) AS t
                         ORDER BY t.parent IS NULL, t.table_name);
  orphan record;
BEGIN
  IF leave = '{}' AND vain = '{}' THEN
    PERFORM sambapos._site_tables(place, table_name); -- raises
  END IF;
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._site_lock(place.site_id);
  SELECT t.table_name, t.parent INTO orphan FROM sambapos._table AS t
  WHERE t.site_id = place.site_id AND t.parent = ANY (leave) AND t.table_name <> ALL (leave) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'table "%" needs table "%"', orphan.table_name, orphan.parent USING
      ERRCODE = 'dependent_objects_still_exist', HINT = format('Remove "%s" first.', orphan.table_name);
  END IF;
  RETURN QUERY SELECT t::text, sambapos._site_remove_table(place, t, drop_data) FROM unnest(leave) AS t;
  PERFORM sambapos._wanted_forget(place.site_id, vain);
  RETURN QUERY SELECT v, 'no longer waited for' FROM unnest(vain) AS v;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_remove_table(text, text, boolean) IS
  'Takes a table (replica name or source name in any case) or a set out of a site: it is no longer read and its '
  'foreign table is dropped. drop_data: also delete this site''s rows; the replica table itself goes only when no site '
  'uses it. One that was asked for and that the source did not have is no longer waited for. Errors: 42704 no such '
  'site, 42P01 no such table, 2BP01 another table needs it, 55P03 a run of the site is running';

-- Without foreign keys what belongs to a site goes with it here, and nowhere else.
CREATE FUNCTION sambapos._site_forget(site_id integer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  DELETE FROM sambapos.run_table AS x USING sambapos.run AS r
  WHERE r.run_id = x.run_id AND r.site_id = _site_forget.site_id;
  DELETE FROM sambapos.run AS r WHERE r.site_id = _site_forget.site_id;
  DELETE FROM sambapos.source_events AS e WHERE e.site_id = _site_forget.site_id;
  DELETE FROM sambapos.missing AS m WHERE m.site_id = _site_forget.site_id;
  DELETE FROM sambapos.restored_root AS n WHERE n.site_id = _site_forget.site_id;
  DELETE FROM sambapos.dead_letters AS d WHERE d.site_id = _site_forget.site_id;
  DELETE FROM sambapos.request AS q WHERE q.site_id = _site_forget.site_id;
  DELETE FROM sambapos.personal_treatment AS p WHERE p.site_id = _site_forget.site_id;
  DELETE FROM sambapos.table_state AS x WHERE x.site_id = _site_forget.site_id;
  DELETE FROM sambapos.waiting_root AS w WHERE w.site_id = _site_forget.site_id;
  DELETE FROM sambapos.schema_versions AS v WHERE v.site_id = _site_forget.site_id;
  DELETE FROM sambapos.backfill AS b WHERE b.site_id = _site_forget.site_id;
  DELETE FROM sambapos.source_question AS q WHERE q.site_id = _site_forget.site_id;
  SELECT sambapos._verified_forget(_site_forget.site_id);
  SELECT sambapos._archive_forget(_site_forget.site_id);
  DELETE FROM sambapos.replicated_table AS t WHERE t.site_id = _site_forget.site_id;
  DELETE FROM sambapos.epoch AS e WHERE e.site_id = _site_forget.site_id;
  DELETE FROM sambapos.rollup_state AS r WHERE r.site_id = _site_forget.site_id;
  DELETE FROM sambapos.sales_rollup AS r WHERE r.site_id = _site_forget.site_id;
  DELETE FROM sambapos.payments_rollup AS r WHERE r.site_id = _site_forget.site_id;
  DELETE FROM sambapos.site_state AS x WHERE x.site_id = _site_forget.site_id;
  DELETE FROM sambapos.site_lock AS l WHERE l.site_id = _site_forget.site_id;
  DELETE FROM sambapos.site_home AS h WHERE h.site_id = _site_forget.site_id;
  DELETE FROM sambapos.site AS s WHERE s.site_id = _site_forget.site_id;
  SELECT sambapos._feed_forget_site(_site_forget.site_id);
$$;
COMMENT ON FUNCTION sambapos._site_forget(integer) IS 'Deletes everything the catalog has of a site';

-- A table can have left the site before, and its rows have stayed; earlier versions can be all that is left of it.
CREATE FUNCTION sambapos._site_drop_rest(site_id integer) RETURNS SETOF sambapos.table_action
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  rest name;
BEGIN
  FOR rest IN
    SELECT DISTINCT CASE sambapos._replica_kind(t) WHEN 'history' THEN left(t, -length('_history')) ELSE t END AS name
    FROM sambapos._replica_tables() AS t WHERE _site_drop_rest.site_id = ANY (sambapos._replica_site_ids(t))
    ORDER BY name
  LOOP
    RETURN NEXT (rest, sambapos._replica_drop_rows(site_id, rest))::sambapos.table_action;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._site_drop_rest(integer) IS
  'Deletes all rows of a site''s number: of tables that it no longer has, or of a site that is not there any more';

CREATE FUNCTION @extschema@.sambapos_remove_site(site text, drop_data boolean DEFAULT false)
RETURNS SETOF sambapos.table_action
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
BEGIN
  -- one that was removed before, with its data kept, can still be dropped
  SELECT * INTO place FROM sambapos._place AS s WHERE s.name = site AND s.removed_at IS NOT NULL AND drop_data;
  IF NOT FOUND THEN
    place := sambapos._site(site);
  END IF;
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._site_lock(place.site_id);
  PERFORM sambapos._cron_drop_job(site);
  DELETE FROM sambapos.wanted_table AS w WHERE w.site_id = place.site_id;
  IF sambapos._cron_database() IS NOT NULL THEN
    RAISE NOTICE 'a pg_cron job of site "%", if there is one, cannot be dropped from this database', site
      USING HINT = sambapos._cron_drop_elsewhere(site);
  END IF;
  RETURN QUERY SELECT t.table_name::text, sambapos._site_remove_table(place, t.table_name, drop_data)
               FROM sambapos._table AS t WHERE t.site_id = place.site_id ORDER BY t.parent IS NULL, t.table_name;
  IF drop_data THEN
    RETURN QUERY SELECT * FROM sambapos._site_drop_rest(place.site_id);
    PERFORM sambapos._site_forget(place.site_id);
  ELSE
    UPDATE sambapos.site AS s SET removed_at = now(), schedule = NULL WHERE s.site_id = place.site_id;
    UPDATE sambapos.site_state AS x SET next_due_at = NULL WHERE x.site_id = place.site_id;
  END IF;
  IF to_regnamespace(sambapos._live_schema(site)::text) IS NOT NULL THEN
    EXECUTE format('DROP SCHEMA %I', sambapos._live_schema(site));
  END IF;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_remove_site(text, boolean) IS
  'Takes a site out: its job, its foreign tables and their schema go (where pg_cron is in another database a NOTICE '
  'has what to type there); its rows stay in sambapos_replica unless drop_data: then all of them go, also those of '
  'tables that were removed before, and of a site that was removed before. Added again under the same name it finds '
  'its rows and goes on. Errors: 42704 no such site, 2BP01 something of yours is in schema sambapos_live_<site>, 55P03 '
  'a run of the site is running';
