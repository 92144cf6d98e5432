-- add.sql: adding and removing hosts.

CREATE FUNCTION sambapos._host_check(h sambapos.feed_host) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF h.name IS NULL OR h.name !~ '^[a-z0-9_]{1,40}$' THEN
    RAISE EXCEPTION 'invalid host name "%"', coalesce(h.name, 'NULL') USING ERRCODE = 'invalid_name',
      HINT = 'A name is 1 to 40 characters of a-z, 0-9 and _, for example "harbour_1".';
  ELSIF EXISTS (SELECT FROM sambapos.feed_host AS x WHERE x.name = h.name) THEN
    RAISE EXCEPTION 'host "%" exists already', h.name USING ERRCODE = 'duplicate_object',
      HINT = format('SELECT sambapos_renew_token(%L) gives it a new token. To give it another feed, scope or role remove it first.', h.name);
  ELSIF h.role_name IS NOT NULL AND to_regrole(quote_ident(h.role_name)) IS NULL THEN
    RAISE EXCEPTION 'role "%" does not exist', h.role_name USING ERRCODE = 'undefined_object', HINT = 'CREATE ROLE makes one.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._host_check(sambapos.feed_host) IS 'Raises what is wrong with a host that is to be added';

-- Without a level and without a host a role that was granted functions of feeds is shown all.
CREATE FUNCTION sambapos._host_notice(role text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT sambapos._consumer_has_level(role::name, '{reader,operator,admin}')
     AND NOT has_function_privilege(role, 'sambapos._grant_of_hosts()', 'EXECUTE')
     AND EXISTS (SELECT FROM sambapos._host_objects() AS o CROSS JOIN LATERAL aclexplode(o.acl) AS a
                 WHERE a.grantee = to_regrole(quote_ident(role))::oid
                   AND o.object ~ 'sambapos_(changes|check_for_updates|full_payload|full_rows|delta_payload)\(') THEN
    RAISE NOTICE 'role "%" is shown from now on the feeds and scopes of its hosts only', role USING
      DETAIL = 'It was granted functions of feeds, and asked all feeds.', HINT = 'Give the host a role of its own, or this role level reader.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._host_notice(text) IS 'Tells that a role may ask less as a host''s than it did';

CREATE FUNCTION sambapos._host_enter(host text, feed text, scope text, role name) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed;
  h sambapos.feed_host;
BEGIN
  PERFORM sambapos._host_check_admin();
  f := sambapos._feed(feed);
  h.feed_id := f.feed_id; h.name := host; h.scope := scope; h.role_name := role;
  PERFORM sambapos._host_check(h);
  INSERT INTO sambapos.feed_host (feed_id, name, scope, role_name, added_by)
  VALUES (h.feed_id, h.name, h.scope, h.role_name, sambapos._feed_changer()) RETURNING * INTO h;
  INSERT INTO sambapos.host_state (host_id) VALUES (h.host_id);
  PERFORM sambapos._full_order(h, 'the host was added again: what it has may be of another scope')
  FROM sambapos.host_former AS x WHERE x.name = h.name;
  PERFORM sambapos._host_notice(h.role_name) WHERE h.role_name IS NOT NULL;
  PERFORM sambapos._host_allow(h.role_name) WHERE h.role_name IS NOT NULL;
  RETURN sambapos._token_make(h);
EXCEPTION WHEN unique_violation THEN
  RAISE EXCEPTION 'host "%" exists already', host USING ERRCODE = 'duplicate_object';
END;
$$;
COMMENT ON FUNCTION sambapos._host_enter(text, text, text, name) IS 'Adds a host, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_add_host(host text, feed text, scope text DEFAULT NULL, role name DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  RETURN sambapos._host_enter(host, feed, scope, role);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_add_host(text, text, text, name) IS
  'Adds a host that keeps a copy of a feed, and returns its token, which is shown this once. scope: whose rows it has, beside '
  'those that are everybody''s; NULL: all. role: the role that it logs in as. That role may ask the feed for this scope, send '
  'heartbeats and batches, and sees its own hosts only. For level admin. Errors: 42602 the name, 42704 no such feed or role, '
  '42710 there is such a host, 42501 the caller may not';

CREATE FUNCTION sambapos._host_remove(host text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._host_forget(sambapos._host(host, true));
END;
$$;
COMMENT ON FUNCTION sambapos._host_remove(text) IS 'Removes a host, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_remove_host(host text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._host_remove(host);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_remove_host(text) IS
  'Removes a host, with its token, what it has told, and what its role was granted as a host''s. Its conflicts stay on record. '
  'For level admin. Errors: 42704 no such host, 42501 the caller may not';
