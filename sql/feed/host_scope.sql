-- host_scope.sql: which feeds and scopes a caller may ask by the role of a host.
--
-- Rules:
-- * A host's role is shown its own feed, and asks it for its own scope: not for all, and for no other.

CREATE FUNCTION sambapos._host_is_of(h sambapos.feed_host, caller name) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN coalesce(pg_has_role(caller, to_regrole(quote_ident(h.role_name))::oid, 'USAGE'), false);
END;
$$;
COMMENT ON FUNCTION sambapos._host_is_of(sambapos.feed_host, name) IS 'True if a role has the rights of a host''s role';

CREATE FUNCTION sambapos._host_sees_feed(feed_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.feed_host AS h
                 WHERE h.feed_id = _host_sees_feed.feed_id AND sambapos._host_is_of(h, sambapos._feed_caller()));
END;
$$;
COMMENT ON FUNCTION sambapos._host_sees_feed(integer) IS 'True if the caller has the role of a host of a feed';

CREATE FUNCTION sambapos._host_sees_scope(feed_id integer, scope text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.feed_host AS h
                 WHERE h.feed_id = _host_sees_scope.feed_id AND (h.scope IS NULL OR h.scope = _host_sees_scope.scope)
                   AND sambapos._host_is_of(h, sambapos._feed_caller()));
END;
$$;
COMMENT ON FUNCTION sambapos._host_sees_scope(integer, text) IS
  'True if the caller has the role of a host of a feed that has the rows of a scope; NULL: of all';
