-- token.sql: what a web tier asks to know a host by.
--
-- Rules:
-- * A token is shown once, when it is made. Its SHA-256 is kept, and compared whole whatever differs.
-- * Nothing is told of a host that is not there, or is another's: its token is simply not right. Who was granted the
--   function, and has no hosts of his own, is a web tier: it asks for all.

-- 488 random bits of the server's source of keys go into 256.
CREATE FUNCTION sambapos._token_make(h sambapos.feed_host) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  token text := encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                              || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex');
BEGIN
  INSERT INTO sambapos.host_token (host_id, sha256) VALUES (h.host_id, sha256(convert_to(token, 'UTF8')))
  ON CONFLICT (host_id) DO UPDATE SET sha256 = excluded.sha256, made_at = now();
  RETURN token;
END;
$$;
COMMENT ON FUNCTION sambapos._token_make(sambapos.feed_host) IS 'A new token of a host, in place of the one that it has';

CREATE FUNCTION sambapos._token_is_equal(a bytea, b bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT bit_or(get_byte(a, i) # get_byte(b, i)) = 0 FROM generate_series(0, 31) AS i;
$$;
COMMENT ON FUNCTION sambapos._token_is_equal(bytea, bytea) IS 'True if two hashes are equal; looks at all 32 bytes of both, whatever they are';

CREATE FUNCTION @extschema@.sambapos_check_host(host text, token text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  caller name := sambapos._feed_caller();
  kept bytea := (SELECT t.sha256 FROM sambapos.feed_host AS h JOIN sambapos.host_token AS t USING (host_id)
                 WHERE h.name = host
                   AND (sambapos._host_is_shown(h, caller)
                        OR NOT has_function_privilege(caller, 'sambapos._grant_of_hosts()'::regprocedure, 'EXECUTE')));
BEGIN
  RETURN sambapos._token_is_equal(coalesce(kept, sha256('none')), sha256(convert_to(coalesce(token, ''), 'UTF8')))
     AND kept IS NOT NULL AND token IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_check_host(text, text) IS
  'True if a token is that of a host; for a web tier to which a host shows it. False for a host that is not there, and '
  'for another''s where the caller is a host itself';

CREATE FUNCTION sambapos._token_renew(host text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._token_make(sambapos._host(host, true));
END;
$$;
COMMENT ON FUNCTION sambapos._token_renew(text) IS 'Makes a new token, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_renew_token(host text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  RETURN sambapos._token_renew(host);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_renew_token(text) IS
  'Gives a host a new token, shown once; the one that it had is no longer right. Nothing else of the host changes. For level '
  'admin. Errors: 42704 no such host, 42501 the caller may not';
