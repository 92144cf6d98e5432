-- site_lock.sql: one run of a site at a time.
--
-- Rules:
-- * The lock is on a row of a table of ours. An advisory lock's key can be taken by any role that can connect;
--   to lock this row one needs the right to UPDATE the table.
-- * Nobody waits for it, and it ends with its transaction: what runs in several takes it again and looks
--   whether the site is still its own.
-- * No run changes the row, so that holding it leaves no dead row and makes nobody's snapshot too old. Only
--   sambapos_adopt does, which gives its site another number.
-- * Row 0 is no site's: who changes columns of replica tables, which all sites share, holds it.

CREATE TABLE sambapos.site_lock (
  site_id integer PRIMARY KEY
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.site_lock', '');
COMMENT ON TABLE sambapos.site_lock IS
  'A row a site: whoever has locked it runs the site. Nothing else is in it, and no run changes it';
COMMENT ON COLUMN sambapos.site_lock.site_id IS 'The site; 0: the columns of the replica tables';

CREATE FUNCTION sambapos._site_try_lock(site_id integer) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM FROM sambapos.site_lock AS l WHERE l.site_id = _site_try_lock.site_id FOR UPDATE SKIP LOCKED;
  IF FOUND THEN
    RETURN true;
  END IF;
  INSERT INTO sambapos.site_lock VALUES (_site_try_lock.site_id) ON CONFLICT DO NOTHING;
  RETURN FOUND;
END;
$$;
COMMENT ON FUNCTION sambapos._site_try_lock(integer) IS
  'Locks a site for this transaction; false if another session holds it';

-- The holder's transaction stands in xmax. Inside a savepoint that was released it cannot be looked up any
-- more; then any other session that has locked a row of the table may be it.
CREATE FUNCTION sambapos._site_holder(site_id integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT sambapos._session_words(k.pid, (SELECT s.name FROM sambapos.site AS s
                                                 WHERE s.site_id = _site_holder.site_id))
          || coalesce(', which waits for ' || sambapos._session_waits_for(k.pid), '')
    FROM sambapos.site_lock AS l
    JOIN pg_locks AS k ON k.granted AND k.pid <> pg_backend_pid()
     AND (k.locktype = 'transactionid' AND k.transactionid = l.xmax
          OR k.locktype = 'relation' AND k.relation = 'sambapos.site_lock'::regclass AND k.mode = 'RowShareLock'
             AND k.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()))
    LEFT JOIN pg_stat_activity AS a ON a.pid = k.pid
    WHERE l.site_id = _site_holder.site_id AND l.xmax <> '0'
    ORDER BY k.locktype = 'transactionid' DESC, a.xact_start LIMIT 1);
END;
$$;
COMMENT ON FUNCTION sambapos._site_holder(integer) IS 'Who holds a site''s lock, in words; NULL if nobody does';

CREATE FUNCTION sambapos._site_lock(site_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT sambapos._site_try_lock(site_id) THEN
    RAISE EXCEPTION 'a run of site "%" is still running',
      (SELECT s.name FROM sambapos._place AS s WHERE s.site_id = _site_lock.site_id)
      USING ERRCODE = 'lock_not_available', DETAIL = sambapos._site_holder(site_id) || ' holds the site.',
            HINT = 'Try again when it has ended; see sambapos.progress.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._site_lock(integer) IS
  'Locks a site for this transaction; raises 55P03 if another session holds it';
