-- adopt.sql: sambapos_adopt: rows of a site that is not there any more are shown, given to a site, or dropped.

CREATE FUNCTION @extschema@.sambapos_adopt(site_id integer DEFAULT NULL, site text DEFAULT NULL,
                                           drop_data boolean DEFAULT false)
RETURNS TABLE (site_number integer, table_name text, rows bigint, epochs integer, last_synced_at timestamptz,
               action text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
BEGIN
  IF site IS NOT NULL AND drop_data THEN
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
  END IF;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_adopt(integer, text, boolean) IS
  'Rows in the replica whose site is not known, as after DROP EXTENSION and CREATE EXTENSION. Without arguments shows '
  'them, a row for each table. site_id and site: the rows become this site''s, which must not have been synced; its '
  'next sync reads everything and goes on with them. site_id and drop_data: they are deleted. Errors: 42704 no such '
  'site or rows, 55000 the site has rows of its own, 22023 both site and drop_data, 55P03 a run of the site is running';
