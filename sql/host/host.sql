-- host.sql: who may do what for a host, and who sees it.
--
-- Rules:
-- * A host's role works for its own hosts, and sees no other: not that it is there either.
-- * Who works for one is who calls the public function (src/functions/feed_caller.cpp), as with consumers.

CREATE FUNCTION sambapos._host_is_shown(h sambapos.feed_host, caller name) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._host_is_of(h, caller)
      OR sambapos._consumer_has_level(caller, '{reader,operator,admin}')
         AND sambapos._feed_is_shown_to(caller, (SELECT f.site_id FROM sambapos.change_feed AS f WHERE f.feed_id = h.feed_id));
END;
$$;
COMMENT ON FUNCTION sambapos._host_is_shown(sambapos.feed_host, name) IS
  'True if a role may see a host: its own, or one of a feed that its level is for';

CREATE FUNCTION sambapos._host_shown_ids() RETURNS integer[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN ARRAY(SELECT h.host_id FROM sambapos.feed_host AS h WHERE sambapos._host_is_shown(h, sambapos._feed_caller()));
END;
$$;
COMMENT ON FUNCTION sambapos._host_shown_ids() IS 'The hosts that the caller may see';

-- Whoever may not see a host is told the same of one that is there and of one that is not.
CREATE FUNCTION sambapos._host(host text, only_admin boolean) RETURNS sambapos.feed_host
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  caller name := sambapos._feed_changer();
  is_admin boolean := sambapos._consumer_has_level(caller, '{admin}');
  h sambapos.feed_host := (SELECT x FROM sambapos.feed_host AS x WHERE x.name = host);
BEGIN
  IF h.host_id IS NOT NULL AND (is_admin OR NOT only_admin AND sambapos._host_is_of(h, caller)) THEN
    RETURN h;
  ELSIF is_admin THEN
    RAISE EXCEPTION 'there is no host named "%"', coalesce(host, 'NULL') USING ERRCODE = 'undefined_object',
      HINT = coalesce(sambapos._name_hint(host, ARRAY(SELECT x.name FROM sambapos.feed_host AS x ORDER BY 1)), '')
             || 'View sambapos.host_bindings has those that are there.';
  END IF;
  RAISE EXCEPTION 'permission denied for host "%"', coalesce(host, 'NULL') USING ERRCODE = 'insufficient_privilege',
    HINT = CASE WHEN only_admin THEN 'A role with level admin may, and the owner of the extension.'
           ELSE 'Its own role may, a role with level admin, and the owner of the extension.' END;
END;
$$;
COMMENT ON FUNCTION sambapos._host(text, boolean) IS
  'The host of that name, for who may act for it, or administer it; raises 42501 for others, 42704 if there is none';

CREATE FUNCTION sambapos._host_check_admin() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT sambapos._consumer_has_level(sambapos._feed_changer(), '{admin}') THEN
    RAISE EXCEPTION 'permission denied to add a host' USING ERRCODE = 'insufficient_privilege',
      HINT = 'A role with level admin may, and the owner of the extension.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._host_check_admin() IS 'Raises 42501 for who may not administer hosts';
