-- sessions.sql: who is another session, and who holds what one of ours waits for?

-- The name of a site is left out of what a run shows as its application, unless it is the site that is spoken of: these
-- words are read by roles that see some sites only, and some are kept.
CREATE FUNCTION sambapos._session_words(pid integer, of_site text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('process %s (%s)', p.pid,
                concat_ws(', ', format('role "%s"', a.usename),
                          nullif(format('application "%s"', CASE
                            WHEN a.application_name LIKE format('sambapos %s: %%', replace(of_site, '_', '|_')) ESCAPE '|'
                              THEN a.application_name
                            ELSE regexp_replace(a.application_name, '^sambapos [a-z0-9_]{1,40}: ', 'sambapos: ') END),
                            'application ""'),
                          nullif(a.state, 'active'), 'in a transaction since ' || date_trunc('second', a.xact_start)))
  FROM (VALUES (_session_words.pid)) AS p (pid) LEFT JOIN pg_stat_activity AS a USING (pid);
$$;
COMMENT ON FUNCTION sambapos._session_words(integer, text) IS
  'A session in words, as far as the role that asks may see it';

-- One that has it is named, who has been in its transaction longest.
CREATE FUNCTION sambapos._sessions_first_words(pids integer[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._session_words(p) || coalesce(' and ' || nullif(cardinality(pids) - 1, 0) || ' more', '')
  FROM unnest(pids) AS p LEFT JOIN pg_stat_activity AS a ON a.pid = p
  ORDER BY a.xact_start NULLS LAST, p LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._sessions_first_words(integer[]) IS
  'Several sessions in words: the one that has been in its transaction longest, and how many more';

CREATE FUNCTION sambapos._relation_holder(relation regclass, but_pid integer DEFAULT pg_backend_pid()) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT sambapos._sessions_first_words(array_agg(DISTINCT l.pid))
    FROM pg_locks AS l
    WHERE l.locktype = 'relation' AND l.relation = _relation_holder.relation AND l.granted AND l.pid <> but_pid
      AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
    HAVING count(*) > 0);
END;
$$;
COMMENT ON FUNCTION sambapos._relation_holder(regclass, integer) IS
  'Who has a lock on a relation, in words; NULL: nobody else';

CREATE FUNCTION sambapos._session_waits_for(pid integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT format('%s, held by %s',
                  CASE WHEN l.locktype = 'relation' AND d.datname = current_database()
                       THEN 'table ' || l.relation::regclass
                       WHEN l.locktype IN ('transactionid', 'tuple') THEN 'a row' ELSE 'a lock' END,
                  sambapos._sessions_first_words(b.pids))
    FROM pg_locks AS l LEFT JOIN pg_database AS d ON d.oid = l.database
    CROSS JOIN pg_blocking_pids(_session_waits_for.pid) AS b (pids) -- none: the wait has ended since
    WHERE l.pid = _session_waits_for.pid AND NOT l.granted AND b.pids <> '{}' LIMIT 1);
END;
$$;
COMMENT ON FUNCTION sambapos._session_waits_for(integer) IS
  'The lock that a session waits for and who holds it, in words; NULL: it waits for none';

CREATE FUNCTION sambapos._lock_words(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('table %s is held by %s; the next run tries again', relation,
                coalesce(sambapos._relation_holder(relation), 'a session that has just ended'));
$$;
COMMENT ON FUNCTION sambapos._lock_words(regclass) IS 'What a run says that could not have a table';
