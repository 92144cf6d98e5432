-- feed.sql: adding and removing feeds; which life of a feed is it?

-- Functions that answer a client run with their owner's rights, so no policy hides a feed from them: whose feeds the
-- caller may see is asked here. Who has no level may ask if he was given the functions themselves: nobody else calls
-- them but through a function of a role that has a level, and that must not see more by it.
CREATE FUNCTION sambapos._feed_is_shown_to(caller name, site_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN has_function_privilege(caller, 'sambapos._grant_of_all_sites()'::regprocedure, 'EXECUTE')
      OR NOT has_function_privilege(caller, 'sambapos._grant_of_some_sites()'::regprocedure, 'EXECUTE')
         AND NOT has_function_privilege(caller, 'sambapos._grant_of_hosts()'::regprocedure, 'EXECUTE')
         AND EXISTS (SELECT FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                       AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
                     JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'sambapos_fdw'
                     WHERE p.proname LIKE 'sambapos\_full\_payload' AND has_function_privilege(caller, p.oid, 'EXECUTE'))
      OR EXISTS (SELECT FROM sambapos.role_grant AS g JOIN sambapos.site AS s ON s.name = ANY (g.sites)
                 WHERE s.site_id = _feed_is_shown_to.site_id
                   AND pg_has_role(caller, to_regrole(quote_ident(g.role_name))::oid, 'USAGE'));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_is_shown_to(name, integer) IS
  'True if a role may ask feeds, unless it has a level for some sites only, and the feed is of another one, or none';

CREATE FUNCTION sambapos._feed_is_shown(f sambapos.change_feed) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._feed_is_shown_to(sambapos._feed_caller(), f.site_id) OR sambapos._host_sees_feed(f.feed_id);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_is_shown(sambapos.change_feed) IS 'The same of the caller, who may also have a host of the feed';

CREATE FUNCTION sambapos._feed(feed text) RETURNS sambapos.change_feed
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found_feed sambapos.change_feed;
BEGIN
  SELECT * INTO found_feed FROM sambapos.change_feed AS f WHERE f.name = _feed.feed AND sambapos._feed_is_shown(f);
  IF found_feed.feed_id IS NULL THEN
    RAISE EXCEPTION 'there is no feed named "%"', coalesce(feed, 'NULL') USING ERRCODE = 'undefined_object',
      HINT = coalesce('The feeds are: ' || (SELECT string_agg(f.name, ', ' ORDER BY f.name) FROM sambapos.change_feed AS f
                                            WHERE sambapos._feed_is_shown(f)) || '.',
                      'There are no feeds yet: add one with sambapos_add_feed(feed).');
  END IF;
  RETURN found_feed;
END;
$$;
COMMENT ON FUNCTION sambapos._feed(text) IS 'The feed of that name; raises 42704 if there is none';

CREATE FUNCTION sambapos._feed_check_scope(f sambapos.change_feed, scope text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT sambapos._feed_is_shown_to(sambapos._feed_caller(), f.site_id) AND NOT sambapos._host_sees_scope(f.feed_id, scope) THEN
    RAISE EXCEPTION 'permission denied for scope %', coalesce(quote_literal(scope), 'NULL') USING ERRCODE = 'insufficient_privilege',
      HINT = 'A host asks for its own scope; view sambapos.host_bindings has it.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_check_scope(sambapos.change_feed, text) IS
  'Raises 42501 if the caller may ask the feed by the role of a host only, and not for that scope; NULL: for all';

-- A restored copy has another system identifier or database, a promoted standby another timeline. On a standby nothing
-- can be asked, and nothing is given out: what the last tick wrote holds.
CREATE FUNCTION sambapos._feed_identity(stored text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF pg_is_in_recovery() THEN
    RETURN stored;
  END IF;
  RETURN format('%s %s %s %s', (SELECT c.system_identifier FROM pg_control_system() AS c),
                (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()),
                (SELECT c.oid FROM pg_class AS c WHERE c.oid = 'sambapos.change'::regclass),
                left(pg_walfile_name(pg_current_wal_lsn()), 8));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_identity(text) IS
  'System identifier, database and timeline of this server; on a standby those of the last tick';

-- Computed, so that a copy has another one before anybody has written to it.
CREATE FUNCTION sambapos._feed_incarnation(s sambapos.feed_state) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN md5(s.seed || ' ' || coalesce(sambapos._feed_identity(s.identity), ''))::uuid;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_incarnation(sambapos.feed_state) IS
  'Which life of a feed: versions of another one mean other changes';

-- A hint, as each notification: what counts is the answer to the question with the position.
CREATE FUNCTION sambapos._feed_tell_required(f sambapos.change_feed, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM pg_notify('sambapos_sync_required',
                    jsonb_build_object('feed', f.name, 'scope', NULL, 'reason', left(reason, 1900))::text)
  WHERE reason IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_tell_required(sambapos.change_feed, text) IS
  'Tells channel sambapos_sync_required that something has to be taken anew, and why; NULL: nothing has';

-- What cannot be noticed, as a disk snapshot that was put back, a person says.
CREATE FUNCTION sambapos._feed_begin_another_life(feed text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.feed_state AS s SET seed = gen_random_uuid()
  FROM sambapos.change_feed AS f WHERE f.feed_id = s.feed_id AND f.name = feed;
  PERFORM sambapos._feed_tell_required(f, 'the feed began another life') FROM sambapos.change_feed AS f WHERE f.name = feed;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_begin_another_life(text) IS
  'Gives a feed, if it is there, another incarnation, and tells of it';

CREATE FUNCTION sambapos._feed_make(name text, site_id integer) RETURNS sambapos.change_feed
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  made sambapos.change_feed;
BEGIN
  INSERT INTO sambapos.change_feed (name, site_id) VALUES (name, site_id) RETURNING * INTO made;
  INSERT INTO sambapos.feed_state (feed_id, identity) VALUES (made.feed_id, sambapos._feed_identity(NULL));
  RETURN made;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_make(text, integer) IS 'Makes a feed, at version 0';

-- A site's feed is there when something is put on it; until then it costs nothing.
CREATE FUNCTION sambapos._feed_of(feed text) RETURNS sambapos.change_feed
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place_id integer := (SELECT s.site_id FROM sambapos.site AS s WHERE s.name = feed AND s.removed_at IS NULL);
BEGIN
  IF place_id IS NOT NULL AND NOT EXISTS (SELECT FROM sambapos.change_feed AS f WHERE f.name = _feed_of.feed) THEN
    RETURN sambapos._feed_make(feed, place_id);
  END IF;
  RETURN sambapos._feed(feed);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_of(text) IS 'The feed of that name; that of a site is made at first';

CREATE FUNCTION sambapos._feed_check_site_name(site text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF site = 'feeds' THEN
    RAISE EXCEPTION 'invalid site name "feeds"' USING ERRCODE = 'invalid_name',
      DETAIL = 'Job sambapos:feeds ticks the feeds that no site has.', HINT = 'Give the site another name.';
  ELSIF EXISTS (SELECT FROM sambapos.change_feed AS f WHERE f.name = site AND f.site_id IS NULL) THEN
    RAISE EXCEPTION '"%" is the name of a feed', site USING ERRCODE = 'duplicate_object',
      HINT = 'A site''s feed has the name of its site. Give the site another name, or remove the feed first.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_check_site_name(text) IS
  'Raises 42710 for the name of a feed that no site has, 42602 for that of their job';

CREATE FUNCTION @extschema@.sambapos_add_feed(feed text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF feed IS NULL OR feed !~ '^[a-z0-9_]{1,40}$' THEN
    RAISE EXCEPTION 'invalid feed name "%"', coalesce(feed, 'NULL') USING ERRCODE = 'invalid_name',
      HINT = 'A feed name is 1 to 40 characters of a-z, 0-9 and _, for example "products".';
  ELSIF EXISTS (SELECT FROM sambapos.site AS s WHERE s.name = feed) THEN
    RAISE EXCEPTION '"%" is the name of a site', feed USING ERRCODE = 'duplicate_object',
      HINT = 'A site''s feed has the name of its site. Choose another name for a feed of other tables.';
  END IF;
  PERFORM sambapos._feed_make(feed, NULL);
EXCEPTION WHEN unique_violation THEN
  RAISE EXCEPTION 'feed "%" exists already', feed USING ERRCODE = 'duplicate_object';
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_add_feed(text) IS
  'Makes a change feed for tables of your own; sambapos_add_to_feed puts tables on it. Errors: 42602 the name, 42710 '
  'there is such a feed or site';
