-- retention.sql: history that is older than a site wants to keep it here is sealed, exported, and only then deleted.
--
-- Rules:
-- * Off unless a site has both settings: history_retention, and archive_path to export to.
-- * Whole months, and only those of which nothing is at the till any more: what is live would be read again.
-- * Deleted is what was sealed, exported, and read again from the disk: row by row, by its key and its checksum. All of
--   it is one transaction, so a dump has the rows or knows where they went. What no longer counted is in no archive and
--   stays.
-- * Other archives that have the same rows know that: what a dropped archive has exactly so is not missing.
-- * What is attached somebody wants to have here: its month is kept until it is detached.

CREATE FUNCTION sambapos._retention_roots_sql(t sambapos._table) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('SELECT date_trunc(''month'', r.%1$I)::date AS month, r.row_state FROM sambapos_replica.%2$I AS r
                 WHERE r.site_id = $1 AND r.%1$I < $2 AND r.row_state IN (''live'', ''cleared'', ''superseded'')',
                t.date_column, t.table_name);
$$;
COMMENT ON FUNCTION sambapos._retention_roots_sql(sambapos._table) IS 'The months of a root''s rows before a day';

CREATE FUNCTION sambapos._retention_months(place sambapos._place)
RETURNS TABLE (month date, roots bigint, live bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY EXECUTE (
    SELECT format('SELECT x.month, count(*), count(*) FILTER (WHERE x.row_state = ''live'') FROM (%s) AS x
                   GROUP BY x.month ORDER BY x.month',
                  string_agg(sambapos._retention_roots_sql(t), ' UNION ALL ' ORDER BY t.table_name))
    FROM sambapos._table AS t
    WHERE t.site_id = place.site_id AND t.kind IN ('ticket', 'document', 'period') AND t.date_column IS NOT NULL
      AND sambapos._replica_table(t.table_name) IS NOT NULL)
    USING place.site_id, date_trunc('month', sambapos._site_clock(place) - place.history_retention);
END;
$$;
COMMENT ON FUNCTION sambapos._retention_months(sambapos._place) IS
  'The months that a site no longer wants to keep here: how many tickets, documents and periods, how many of them are '
  'still at the till';

CREATE FUNCTION sambapos._retention_delete_rows(place sambapos._place, t sambapos._table, x sambapos.archive_table)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._replica_table(t.table_name);
  gone bigint;
  versions bigint[];
BEGIN
  PERFORM sambapos._table_claim(place, t);
  EXECUTE format('WITH gone AS (
                    DELETE FROM %s AS r USING (SELECT k.key, k.hash FROM sambapos.archive_part AS p
                                               CROSS JOIN LATERAL unnest(p.keys, p.hashes) AS k (key, hash)
                                               WHERE p.archive_id = $1 AND p.table_name = $2) AS d
                    WHERE r.site_id = $3 AND r.row_state <> ''live'' AND %s AND %s = d.hash RETURNING r.version)
                  SELECT count(*), array_agg(DISTINCT g.version) FROM gone AS g', relation,
                 sambapos._archive_key_is_sql(x, relation, 'r'),
                 sambapos._archive_hash_sql(x.columns, x.column_types, relation, 'r'))
    INTO gone, versions USING x.archive_id, x.table_name, place.site_id;
  IF gone <> x.rows THEN
    RAISE EXCEPTION '% of % rows of table "%" are not what was exported', x.rows - gone, x.rows, t.table_name USING
      ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Some may be at the till again. Nothing was deleted.';
  END IF;
  UPDATE sambapos.sealed_archive AS a SET dropped_versions = a.dropped_versions || versions
   WHERE a.archive_id = x.archive_id;
  RETURN gone;
END;
$$;
COMMENT ON FUNCTION sambapos._retention_delete_rows(sambapos._place, sambapos._table, sambapos.archive_table) IS
  'Deletes the rows of a table that an archive has, exactly as it has them; raises 55000 if some are others';

-- Children first: nobody sees a line without its ticket.
CREATE FUNCTION sambapos._retention_delete(place sambapos._place, a sambapos.sealed_archive) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  x sambapos.archive_table;
  total bigint := 0;
BEGIN
  FOR x IN SELECT k.* FROM sambapos.archive_table AS k WHERE k.archive_id = a.archive_id
            ORDER BY k.kind <> 'child', k.table_name
  LOOP
    total := total + sambapos._retention_delete_rows(place, t, x) FROM sambapos._table AS t
      WHERE (t.site_id, t.table_name) = (place.site_id, x.table_name);
  END LOOP;
  UPDATE sambapos.sealed_archive AS k SET dropped_at = clock_timestamp() WHERE k.archive_id = a.archive_id;
  RETURN total;
END;
$$;
COMMENT ON FUNCTION sambapos._retention_delete(sambapos._place, sambapos.sealed_archive) IS
  'Deletes the rows of an archive from the replica; returns how many';

CREATE FUNCTION sambapos._retention_month(place sambapos._place, month date, OUT archive_id bigint, OUT rows bigint,
                                          OUT path text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos.sealed_archive;
  e sambapos.archive_export;
BEGIN
  a := sambapos._archive_seal_range(place, month, (month + interval '1 month' - interval '1 day')::date,
                                    'sealed before it was deleted here: history_retention');
  archive_id := a.archive_id;
  path := format('%s/%s_%s_%s', rtrim(place.archive_path, '/'), place.name, to_char(month, 'YYYY-MM'), a.archive_id);
  PERFORM sambapos._archive_export(a, path, 'gzip');
  SELECT * INTO STRICT e FROM sambapos.archive_export AS x WHERE x.archive_id = a.archive_id;
  PERFORM sambapos._archive_manifest_raise(path, v.message) FROM sambapos._archive_verify_export(e) AS v
   WHERE v.status <> 'intact';
  rows := sambapos._retention_delete(place, a);
END;
$$;
COMMENT ON FUNCTION sambapos._retention_month(sambapos._place, date) IS
  'Seals, exports and deletes the history of a month';

CREATE FUNCTION sambapos._retention_check(place sambapos._place) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF place.history_retention IS NULL OR place.archive_path IS NULL THEN
    RAISE EXCEPTION 'site "%" keeps its history: setting "%" is not set', place.name,
      CASE WHEN place.history_retention IS NULL THEN 'history_retention' ELSE 'archive_path' END USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('SELECT sambapos_configure(%1$L, ''history_retention'', ''5 years''), sambapos_configure(%1$L, '
                    '''archive_path'', ''/srv/archives'');', place.name);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._retention_check(sambapos._place) IS 'Raises 55000 unless a site has both settings';

-- A run takes seconds, as a rule.
CREATE FUNCTION sambapos._retention_lock(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  FOR attempt IN 1 .. 10 LOOP
    IF sambapos._site_try_lock(place.site_id) THEN
      RETURN true;
    END IF;
    PERFORM pg_sleep(0.3);
  END LOOP;
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._retention_lock(sambapos._place) IS
  'Locks a site for this transaction, and waits some seconds for it; false if it is still held';

CREATE FUNCTION sambapos._retention_warn(place sambapos._place, month date, words text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RAISE WARNING 'history of site "%"% was not exported: %', place.name,
    coalesce(' of ' || to_char(month, 'YYYY-MM'), ''), words
    USING HINT = 'It stays here. When the cause is gone: SELECT * FROM sambapos_apply_retention();';
  RETURN 'failed: ' || words;
END;
$$;
COMMENT ON FUNCTION sambapos._retention_warn(sambapos._place, date, text) IS
  'Says in a WARNING why history was kept, and returns what the row says';

CREATE FUNCTION sambapos._retention_attached(place sambapos._place, month date) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('kept: archive %s is attached', min(a.archive_id))
  FROM sambapos.sealed_archive AS a JOIN sambapos.archive_attachment AS x USING (archive_id)
  WHERE a.site_id = place.site_id AND x.in_replica
    AND a.from_date < month + interval '1 month' AND a.to_date >= month
  HAVING count(*) > 0;
$$;
COMMENT ON FUNCTION sambapos._retention_attached(sambapos._place, date) IS
  'Which attached archive keeps a month here; NULL: none';

-- Of one site an error is the caller's. Of several it ends the site it came from, what it had exported before stands,
-- and the others go on.
CREATE FUNCTION sambapos._retention_site(place sambapos._place, raises boolean)
RETURNS TABLE (month date, archive_id bigint, rows bigint, path text, action text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  months jsonb;
  m record;
BEGIN
  IF NOT sambapos._retention_lock(place) THEN
    IF raises THEN
      PERFORM sambapos._site_lock(place.site_id);
    ELSE
      action := sambapos._retention_warn(place, NULL, 'a run of it is still running');
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;
  BEGIN
    SELECT jsonb_agg(to_jsonb(x) ORDER BY x.month) INTO months FROM sambapos._retention_months(place) AS x;
  EXCEPTION WHEN OTHERS THEN
    IF raises THEN
      RAISE;
    END IF;
    action := sambapos._retention_warn(place, NULL, SQLERRM);
    RETURN NEXT;
  END;
  FOR m IN SELECT x.* FROM jsonb_to_recordset(months) AS x (month date, roots bigint, live bigint) LOOP
    month := m.month;
    SELECT NULL, NULL, NULL INTO archive_id, rows, path;
    action := coalesce(sambapos._retention_attached(place, m.month),
                       format('kept: %s of %s are still at the till', m.live, m.roots));
    IF m.live = 0 AND sambapos._retention_attached(place, m.month) IS NULL THEN
      BEGIN
        SELECT r.archive_id, r.rows, r.path INTO archive_id, rows, path
        FROM sambapos._retention_month(place, m.month) AS r;
        action := 'exported and deleted';
      EXCEPTION WHEN OTHERS THEN
        IF raises THEN
          RAISE;
        END IF;
        action := sambapos._retention_warn(place, m.month, SQLERRM);
        RETURN NEXT;
        RETURN;
      END;
    END IF;
    RETURN NEXT; -- not within a block that an error would undo
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._retention_site(sambapos._place, boolean) IS
  'Exports and deletes the history of one site that is too old; raises: an error is one, not a row';

CREATE FUNCTION @extschema@.sambapos_apply_retention(site text DEFAULT NULL)
RETURNS TABLE (site_name text, month date, archive_id bigint, rows bigint, path text, action text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
BEGIN
  PERFORM sambapos._catalog_check();
  PERFORM sambapos._check_isolation();
  IF site IS NOT NULL THEN
    PERFORM sambapos._retention_check(sambapos._site(site));
  END IF;
  FOR place IN SELECT s.* FROM sambapos._place AS s
                WHERE s.removed_at IS NULL AND s.history_retention IS NOT NULL AND s.archive_path IS NOT NULL
                  AND s.name = coalesce(site, s.name) ORDER BY s.name
  LOOP
    RETURN QUERY SELECT place.name, r.* FROM sambapos._retention_site(place, site IS NOT NULL) AS r;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_apply_retention(text) IS
  'Of each site that has the settings history_retention and archive_path: seals each month of history that is older, '
  'exports it (gzip) into a folder below archive_path, reads the files again, and deletes its rows here. A month of '
  'which something is still at the till, or which is attached, is kept. A row a month. sambapos_attach_archive brings '
  'it back. Of all sites (NULL) one that fails or is busy is a row that says so and a WARNING, and the others go on. Errors: 42704 no such '
  'site; of a named site 55000 it has no such settings, 42501 without the rights of pg_write_server_files and '
  'pg_read_server_files, 55P03 a run of the site is running; 25001 the transaction''s isolation level';
