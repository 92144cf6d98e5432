-- site_tables.sql: what becomes of a site's feed when a table joins the site or leaves it, and when the site goes.

-- What is read is written out for the tables that the site has: so it is written anew, and taken anew.
CREATE FUNCTION sambapos._feed_reading_make_again(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  e.owner_name := sambapos._feed_owner(e);
  e := sambapos._feed_reading_make(e);
  PERFORM sambapos._consumer_make_again(e);
  PERFORM sambapos._feed_note_state(e);
  IF e.capture = 'compare' THEN
    PERFORM sambapos._feed_compare_soon(e, f) FROM sambapos.change_feed AS f WHERE f.feed_id = e.feed_id;
  ELSE
    INSERT INTO sambapos.change (feed_id, entity, operation, changed_by) VALUES (e.feed_id, e.entity, 'LOAD', session_user);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_reading_make_again(sambapos.feed_entity) IS
  'Writes anew what an entity of a site is read with, after its tables have changed';

-- By whoever adds a table or removes one; what is written here only the extension's owner may write.
CREATE FUNCTION sambapos._feed_site_table_changed(site_id integer, table_name name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_reading_make_again(e)
  FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS e USING (feed_id)
  WHERE f.site_id = _feed_site_table_changed.site_id AND _feed_site_table_changed.table_name = ANY (e.tables)
    AND (e.capture = 'merge' OR e.preset IS NOT NULL)
  ORDER BY e.entity_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_site_table_changed(integer, name) IS
  'A table has joined a site or left it: what the site''s feed has of it is taken anew';

CREATE FUNCTION sambapos._feed_site_number_changed(site_id integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_reading_make_again(e)
  FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS e USING (feed_id)
  WHERE f.site_id = _feed_site_number_changed.site_id ORDER BY e.entity_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_site_number_changed(integer) IS
  'A site has got another number: its feed reads the rows of that, which are taken anew';

-- Only of a site that is gone: whoever may not remove a site cannot take its feed away by this.
CREATE FUNCTION sambapos._feed_forget_site(site_id integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_forget(f) FROM sambapos.change_feed AS f WHERE f.site_id = _feed_forget_site.site_id
    AND NOT EXISTS (SELECT FROM sambapos.site AS s WHERE s.site_id = _feed_forget_site.site_id);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_forget_site(integer) IS 'Takes the feed of a site away that is no longer there';
