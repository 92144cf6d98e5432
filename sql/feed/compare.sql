-- compare.sql: what has changed in an entity that is computed from replica tables: a view, or what a preset says.
--
-- Rules:
-- * It is compared whole, by key and hash, when one of its tables has changed. Presets are small, and are compared by the
--   run that has written: what it commits, it tells. A view of the user's is compared by the tick after it, since what it
--   costs, and whether it fails, is the user's affair.
-- * What fails leaves the run alone.

CREATE FUNCTION sambapos._feed_compare_lock(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM pg_advisory_xact_lock(x'73616d63'::bigint << 32 | e.entity_id);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_compare_lock(sambapos.feed_entity) IS 'A run and a tick do not compare an entity at once';

-- Without a key that names one row a difference would be another row's.
CREATE FUNCTION sambapos._feed_compare_key(e sambapos.feed_entity, key jsonb, rows bigint) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF rows > 1 THEN
    RAISE EXCEPTION 'columns % do not name a row of entity "%"', array_to_string(e.key, ', '), e.entity USING
      ERRCODE = 'invalid_table_definition', HINT = 'Several rows have the same key. Name more columns, or another one.';
  ELSIF e.preset IS NULL AND EXISTS (SELECT FROM jsonb_each(key) AS k WHERE k.value = 'null') THEN
    RAISE EXCEPTION 'columns % are NULL in a row of entity "%"', array_to_string(e.key, ', '), e.entity USING
      ERRCODE = 'invalid_table_definition', HINT = 'Name columns that each row has, or leave such rows out of the view.';
  END IF;
  RETURN key;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_compare_key(sambapos.feed_entity, jsonb, bigint) IS
  'The key of a row; raises 42P16 if several rows have it, or a column of it is NULL';

CREATE FUNCTION sambapos._feed_compare_rows(e sambapos.feed_entity) RETURNS TABLE (key jsonb, scope text, hash text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._feed_compare_key(e, r.key, count(*)), min(r.scope_of_row), min(md5(r.data::text))
  FROM sambapos._feed_read(e, NULL, NULL, NULL, NULL) AS r GROUP BY r.key;
$$;
COMMENT ON FUNCTION sambapos._feed_compare_rows(sambapos.feed_entity) IS 'What an entity that is computed has now';

CREATE FUNCTION sambapos._feed_compare_begin(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  DELETE FROM sambapos.feed_row AS r WHERE r.entity_id = e.entity_id;
  INSERT INTO sambapos.feed_row (feed_id, entity_id, key, scope, hash)
  SELECT e.feed_id, e.entity_id, r.key, r.scope, r.hash FROM sambapos._feed_compare_rows(e) AS r;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_compare_begin(sambapos.feed_entity) IS
  'Notes what an entity that is computed has; what comes is told as a difference from it. Raises 42P16 for a key that '
  'names several rows, or none';

CREATE TYPE sambapos._feed_difference AS (key jsonb, hash text, old_scope text, new_scope text, was boolean, "is" boolean);
COMMENT ON TYPE sambapos._feed_difference IS 'A row that is not as it was; was, is: it was there, it is there';

CREATE FUNCTION sambapos._feed_compare_find(e sambapos.feed_entity) RETURNS sambapos._feed_difference[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found_differences sambapos._feed_difference[];
BEGIN
  SELECT array_agg((coalesce(n.key, o.key), n.hash, o.scope, n.scope, o.key IS NOT NULL, n.key IS NOT NULL)
                   ::sambapos._feed_difference ORDER BY coalesce(n.key, o.key)) INTO found_differences
  FROM sambapos._feed_compare_rows(e) AS n
  FULL JOIN (SELECT r.* FROM sambapos.feed_row AS r WHERE r.entity_id = e.entity_id) AS o ON o.key = n.key
  WHERE (o.hash, o.scope) IS DISTINCT FROM (n.hash, n.scope);
  RETURN coalesce(found_differences, '{}');
END;
$$;
COMMENT ON FUNCTION sambapos._feed_compare_find(sambapos.feed_entity) IS 'What is not as it was in an entity that is computed';

CREATE FUNCTION sambapos._feed_compare_enter(e sambapos.feed_entity, differences sambapos._feed_difference[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.change (feed_id, entity, scope, key, operation, changed_by)
  SELECT e.feed_id, e.entity, x.scope, d.key, x.operation, 'sync'
  FROM unnest(differences) WITH ORDINALITY AS d (key, hash, old_scope, new_scope, was, "is", n)
  CROSS JOIN LATERAL (SELECT d.was AND d.is AND d.old_scope IS NOT DISTINCT FROM d.new_scope AS stays) AS s
  CROSS JOIN LATERAL (
    VALUES (1, d.old_scope, 'DELETE', d.was AND NOT s.stays),
           (2, d.new_scope, CASE WHEN s.stays THEN 'UPDATE' ELSE 'INSERT' END, d.is)) AS x (n, scope, operation, counts)
  WHERE x.counts ORDER BY d.n, x.n;
$$;
COMMENT ON FUNCTION sambapos._feed_compare_enter(sambapos.feed_entity, sambapos._feed_difference[]) IS
  'Enters what has changed in an entity that is computed';

CREATE FUNCTION sambapos._feed_compare(e sambapos.feed_entity, f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  differences sambapos._feed_difference[];
BEGIN
  PERFORM sambapos._feed_compare_lock(e);
  differences := sambapos._feed_compare_find(e);
  IF cardinality(differences) > f.max_delta AND NOT sambapos._feed_is_delivered(e) THEN
    PERFORM sambapos._feed_compare_begin(e);
    INSERT INTO sambapos.change (feed_id, entity, operation, changed_by) VALUES (e.feed_id, e.entity, 'LOAD', 'sync');
    RETURN;
  END IF;
  DELETE FROM sambapos.feed_row AS r USING unnest(differences) AS d
  WHERE r.entity_id = e.entity_id AND r.key = d.key AND NOT d.is;
  INSERT INTO sambapos.feed_row AS r (feed_id, entity_id, key, scope, hash)
  SELECT e.feed_id, e.entity_id, d.key, d.new_scope, d.hash FROM unnest(differences) AS d WHERE d.is
  ON CONFLICT (entity_id, key) DO UPDATE SET scope = excluded.scope, hash = excluded.hash;
  PERFORM sambapos._feed_compare_enter(e, differences);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_compare(sambapos.feed_entity, sambapos.change_feed) IS
  'Compares an entity that is computed with what it was, and enters what has changed';

CREATE FUNCTION sambapos._feed_due_note(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  INSERT INTO sambapos.feed_due (feed_id, entity_id) VALUES (e.feed_id, e.entity_id);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_due_note(sambapos.feed_entity) IS 'Has the next tick compare an entity';

CREATE FUNCTION sambapos._feed_compare_soon(e sambapos.feed_entity, f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF e.preset IS NULL THEN
    PERFORM sambapos._feed_due_note(e);
    RETURN;
  END IF;
  PERFORM sambapos._feed_compare(e, f);
EXCEPTION WHEN OTHERS THEN -- the tick says why
  PERFORM sambapos._feed_due_note(e);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_compare_soon(sambapos.feed_entity, sambapos.change_feed) IS
  'Compares an entity of a preset; of the user''s views the next tick does. Never raises';

CREATE FUNCTION sambapos._feed_compare_try(e sambapos.feed_entity, f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  context text;
BEGIN
  DELETE FROM sambapos.feed_due AS d WHERE d.entity_id = e.entity_id; -- first: what is noted from here on stays
  PERFORM sambapos._feed_compare(e, f);
  PERFORM sambapos._feed_resume(e) WHERE e.problem IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  PERFORM sambapos._feed_pause(e, sambapos._feed_compare_words() || sambapos._error_words(SQLSTATE, SQLERRM, context));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_compare_try(sambapos.feed_entity, sambapos.change_feed) IS
  'Compares an entity; one that fails is paused, and tried again by the next tick';

-- What is noted while it compares stays, and is compared by the next tick.
CREATE FUNCTION sambapos._feed_compare_due(f sambapos.change_feed) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_compare_try(e, f) FROM sambapos.feed_entity AS e
  WHERE e.feed_id = f.feed_id AND EXISTS (SELECT FROM sambapos.feed_due AS d WHERE d.entity_id = e.entity_id)
    AND sambapos._feed_problem(e) IS NULL
  ORDER BY e.entity_id;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_compare_due(sambapos.change_feed) IS 'Compares the entities of a feed that are due';

-- Presets say what the site is: its name, its group, which entities are tables.
CREATE FUNCTION sambapos._feed_site_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_due_note(e)
  FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS e USING (feed_id)
  WHERE f.site_id = NEW.site_id AND e.preset IS NOT NULL AND e.capture = 'compare';
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_site_changed() IS 'Has the next tick compare what presets say of a site';

CREATE TRIGGER feed_site_changed AFTER UPDATE OF name, external_id, site_group, currency, time_zone, table_entity_type,
  customer_entity_type, gift_card_account_type ON sambapos.site
  FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION sambapos._feed_site_changed();
COMMENT ON TRIGGER feed_site_changed ON sambapos.site IS 'The feed of a site says what its settings are';
