-- host.sql: what a host's role is granted; taking a host off a feed.
--
-- Rules:
-- * What a role is granted as a host's is written down, so that no more is taken back.

CREATE FUNCTION sambapos._host_objects(OUT object text, OUT acl aclitem[]) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'EXECUTE ON FUNCTION ' || p.oid::regprocedure, p.proacl
  FROM pg_extension AS x
  JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid AND d.classid = 'pg_proc'::regclass
                     AND d.deptype = 'e'
  JOIN pg_proc AS p ON p.oid = d.objid
  WHERE x.extname = 'sambapos_fdw'
    AND p.proname = ANY ('{sambapos_changes,sambapos_check_for_updates,sambapos_wait_for_change,sambapos_full_payload,
                           sambapos_full_rows,sambapos_delta_payload,sambapos_value,sambapos_heartbeat,sambapos_check_host,
                           sambapos_receive,_feed_describe,_feed_note_changer,_grant_of_hosts,_host_beat,_host_receive,_host_shown_ids,
                           _host_facts,_conflict_is_shown}'::text[])
  UNION ALL
  SELECT 'SELECT ON ' || c.oid::regclass, c.relacl FROM pg_class AS c
  WHERE c.relnamespace = 'sambapos'::regnamespace
    AND c.relname = ANY ('{host_status,host_bindings,host_metrics,conflicts,feed_host,host_state,host_beat,conflict}'::text[])
  UNION ALL
  SELECT 'USAGE ON SCHEMA ' || n.oid::regnamespace, n.nspacl FROM pg_namespace AS n
  WHERE n.nspname = 'sambapos' OR n.oid = (SELECT x.extnamespace FROM pg_extension AS x WHERE x.extname = 'sambapos_fdw');
$$;
COMMENT ON FUNCTION sambapos._host_objects() IS
  'What the role of a host is granted, and who has it; which hosts it acts for and sees is asked there';

CREATE FUNCTION sambapos._host_is_of_role(role text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.feed_host AS h WHERE h.role_name = role);
END;
$$;
COMMENT ON FUNCTION sambapos._host_is_of_role(text) IS 'True if a role is that of a host';

CREATE FUNCTION sambapos._host_allow(role text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  missing text;
BEGIN
  FOR missing IN SELECT o.object FROM sambapos._host_objects() AS o
                 WHERE NOT EXISTS (SELECT FROM aclexplode(o.acl) AS a WHERE a.grantee = to_regrole(quote_ident(role))::oid) LOOP
    EXECUTE format('GRANT %s TO %I', missing, role);
    INSERT INTO sambapos.host_granted VALUES (role, missing) ON CONFLICT DO NOTHING;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._host_allow(text) IS 'Lets a role work for its host, and puts on record what it had not before';

-- What it has as the role of a consumer, or as the owner of a table on a feed, stays.
CREATE FUNCTION sambapos._host_disallow(role text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  is_consumer boolean := EXISTS (SELECT FROM sambapos.feed_consumer AS c WHERE c.role_name = role);
  given text;
BEGIN
  IF role IS NULL OR sambapos._host_is_of_role(role) THEN
    RETURN;
  END IF;
  FOR given IN SELECT g.object FROM sambapos.host_granted AS g WHERE g.role_name = role LOOP
    CONTINUE WHEN to_regrole(quote_ident(role)) IS NULL OR is_consumer AND given ~ '^USAGE|_feed_note_changer'
               OR given = 'USAGE ON SCHEMA sambapos' AND sambapos._feed_is_writer(role::name)
               OR given NOT IN (SELECT o.object FROM sambapos._host_objects() AS o);
    EXECUTE format('REVOKE %s FROM %I', given, role);
  END LOOP;
  DELETE FROM sambapos.host_granted AS g WHERE g.role_name = role;
END;
$$;
COMMENT ON FUNCTION sambapos._host_disallow(text) IS 'Takes from a role of which no host is any more what it was granted as one';

CREATE FUNCTION sambapos._host_forget(h sambapos.feed_host) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  DELETE FROM sambapos.host_token AS t WHERE t.host_id = h.host_id;
  DELETE FROM sambapos.host_state AS s WHERE s.host_id = h.host_id;
  DELETE FROM sambapos.host_full AS f WHERE f.host_id = h.host_id;
  DELETE FROM sambapos.host_beat AS m WHERE m.host_id = h.host_id;
  DELETE FROM sambapos.host_batch AS b WHERE b.host_id = h.host_id;
  DELETE FROM sambapos.feed_host AS x WHERE x.host_id = h.host_id;
  INSERT INTO sambapos.host_former VALUES (h.name, h.feed_id)
  ON CONFLICT (name) DO UPDATE SET feed_id = excluded.feed_id;
  PERFORM sambapos._host_disallow(h.role_name);
END;
$$;
COMMENT ON FUNCTION sambapos._host_forget(sambapos.feed_host) IS
  'Takes all that is of a host away, but its conflicts, and what its role was granted';

CREATE FUNCTION sambapos._host_forget_feed(f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._host_forget(h) FROM sambapos.feed_host AS h WHERE h.feed_id = f.feed_id;
  DELETE FROM sambapos.receive_policy AS p WHERE p.feed_id = f.feed_id;
  DELETE FROM sambapos.conflict AS c WHERE c.feed_id = f.feed_id;
END;
$$;
COMMENT ON FUNCTION sambapos._host_forget_feed(sambapos.change_feed) IS 'Takes all hosts of a feed away, with all that was received by it';
