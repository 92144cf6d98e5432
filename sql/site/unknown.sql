-- unknown.sql: rows of a site that is not there any more: DROP EXTENSION leaves the replica and forgets whose it is.
--
-- Rules:
-- * Such rows are in no view of sambapos_report. They are never another site's by accident: a new site gets a number
--   that no row has.
-- * Whose they are only a person knows: sambapos_adopt shows them, gives them to a site, or drops them.

-- From one number to the next by the primary key, which begins with it: a look at each number, whatever the rows.
CREATE FUNCTION sambapos._replica_site_ids(table_name name) RETURNS integer[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  ids  integer[] := '{}';
  next integer;
BEGIN
  LOOP
    EXECUTE format('SELECT min(site_id) FROM sambapos_replica.%I WHERE $1 IS NULL OR site_id > $1', table_name)
      INTO next USING ids[cardinality(ids)];
    EXIT WHEN next IS NULL;
    ids := ids || next;
  END LOOP;
  RETURN ids;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_site_ids(name) IS 'The numbers of the sites that have rows in a replica table';

CREATE FUNCTION sambapos._replica_tables() RETURNS SETOF name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.relname FROM pg_class AS c
  WHERE c.relnamespace = to_regnamespace('sambapos_replica')
    AND sambapos._replica_kind(c.relname) IN ('replica', 'history')
  ORDER BY c.relname;
$$;
COMMENT ON FUNCTION sambapos._replica_tables() IS 'The replica and history tables that the role which runs may trust';

CREATE FUNCTION sambapos._unknown_sites() RETURNS integer[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce(array_agg(DISTINCT i ORDER BY i), '{}')
  FROM sambapos._replica_tables() AS t (name), unnest(sambapos._replica_site_ids(t.name)) AS i
  WHERE NOT EXISTS (SELECT FROM sambapos.site AS s WHERE s.site_id = i);
$$;
COMMENT ON FUNCTION sambapos._unknown_sites() IS
  'The numbers of sites that have rows in the replica and are not in the catalog';

CREATE FUNCTION sambapos._site_free_id(site text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  unknown   integer[] := sambapos._unknown_sites();
  candidate integer;
BEGIN
  LOOP
    candidate := nextval('sambapos.site_site_id_seq');
    EXIT WHEN candidate <> ALL (unknown) AND NOT EXISTS (SELECT FROM sambapos.site AS s WHERE s.site_id = candidate);
  END LOOP;
  IF unknown <> '{}' THEN
    RAISE WARNING 'the replica has rows of a site that is not there any more: number %',
      array_to_string(unknown, ', ') USING
      DETAIL = 'The views of sambapos_report leave them out; who queries sambapos_replica may count them twice.',
      HINT = CASE WHEN sambapos._replica_table('sambapos_uninstalled') IS NOT NULL
        THEN 'Settings and state of an earlier installation are kept: SELECT * FROM sambapos_adopt() takes all back, '
             'before the first sync.'
        ELSE format('SELECT * FROM sambapos_adopt() shows them. If they are this site''s: SELECT * FROM '
                    'sambapos_adopt(%s, %L), before its first sync.', unknown[1], site) END;
  END IF;
  RETURN candidate;
END;
$$;
COMMENT ON FUNCTION sambapos._site_free_id(text) IS
  'The next number of a site that no row in the replica has; says so if there are rows of unknown sites';

CREATE FUNCTION sambapos._unknown_rows(site_id integer)
RETURNS TABLE (table_name text, rows bigint, epoch integer, version bigint, last_synced_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  FOR table_name IN SELECT t FROM sambapos._replica_tables() AS t LOOP
    EXECUTE format('SELECT count(*), max(epoch), max(version), %s FROM sambapos_replica.%I WHERE site_id = $1',
                   CASE sambapos._replica_kind(table_name) WHEN 'history' THEN 'max(valid_to)'
                        ELSE 'max(synced_at)' END, table_name)
      INTO rows, epoch, version, last_synced_at USING site_id;
    IF rows > 0 THEN
      RETURN NEXT;
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._unknown_rows(integer) IS 'What the replica has of a site''s number, a row for each table';

-- Everything that the catalog knows of the site moves to the old number; the first sync then finds the rows.
CREATE FUNCTION sambapos._site_take_number(place sambapos._place, old_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
  last_epoch integer;
  last_version bigint;
BEGIN
  FOR relation IN
    SELECT c.oid FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'site_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'sambapos'::regnamespace AND c.relkind = 'r' ORDER BY c.relname
  LOOP
    EXECUTE format('UPDATE %s SET site_id = $1 WHERE site_id = $2', relation) USING old_id, place.site_id;
  END LOOP;
  SELECT max(r.epoch), max(r.version) INTO last_epoch, last_version FROM sambapos._unknown_rows(old_id) AS r;
  INSERT INTO sambapos.epoch (site_id, epoch, reason)
  SELECT old_id, e, 'adopted' FROM generate_series(1, last_epoch) AS e ON CONFLICT DO NOTHING;
  UPDATE sambapos.site_state AS x SET epoch = last_epoch, version = greatest(x.version, last_version)
  WHERE x.site_id = old_id;
END;
$$;
COMMENT ON FUNCTION sambapos._site_take_number(sambapos._place, integer) IS
  'Gives a site the number, the epoch and the version of rows that are there';

CREATE FUNCTION sambapos._adopt_check(site_id integer, place sambapos._place) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF site_id IS NULL OR site_id <> ALL (sambapos._unknown_sites()) THEN
    RAISE EXCEPTION 'there are no rows of an unknown site number %', coalesce(site_id::text, 'NULL') USING
      ERRCODE = 'undefined_object', HINT = 'SELECT * FROM sambapos_adopt() shows those that are there.';
  ELSIF EXISTS (SELECT FROM sambapos._unknown_rows(place.site_id)) THEN
    RAISE EXCEPTION 'site "%" has rows of its own already', place.name USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('Take it out with SELECT * FROM sambapos_remove_site(%L, drop_data => true), add it again, adopt, '
                    'and sync then.', place.name);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._adopt_check(integer, sambapos._place) IS
  'Raises 42704 if no such rows are there, 55000 if the site has rows of its own';
