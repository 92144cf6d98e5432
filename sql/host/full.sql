-- full.sql: having a host take everything anew.

CREATE FUNCTION sambapos._full_order(h sambapos.feed_host, reason text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$ INSERT INTO sambapos.host_full (host_id, reason) VALUES (h.host_id, reason); $$;
COMMENT ON FUNCTION sambapos._full_order(sambapos.feed_host, text) IS 'The next beat of a host tells it to take everything anew';

-- Each order is told by one beat, and taken away with it: if that beat is undone it is there again. What was ordered
-- while the beat ran stays. What another beat of the same host has in hand is told by that one.
CREATE FUNCTION sambapos._full_told(h sambapos.feed_host) RETURNS text
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  WITH told AS (
    DELETE FROM sambapos.host_full AS f
    WHERE f.full_no = ANY (ARRAY(SELECT x.full_no FROM sambapos.host_full AS x WHERE x.host_id = h.host_id FOR UPDATE SKIP LOCKED))
    RETURNING f.full_no, f.reason)
  SELECT t.reason FROM told AS t ORDER BY t.full_no DESC LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._full_told(sambapos.feed_host) IS
  'Why a host is to be told to take everything anew, which it is by that; NULL: it is not';

CREATE FUNCTION sambapos._full_force(host text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._full_order(sambapos._host(host, true), 'an administrator has asked for it');
END;
$$;
COMMENT ON FUNCTION sambapos._full_force(text) IS 'Orders a full, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_force_full(host text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._full_force(host);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_force_full(text) IS
  'The next heartbeat of a host tells it, once, to take everything anew. For level admin. Errors: 42704 no such host, 42501 '
  'the caller may not';
