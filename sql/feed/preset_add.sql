-- preset_add.sql: putting the entities of a preset on the feed of a site.

-- Of a replica table its rows, of what is computed the columns of its query.
CREATE FUNCTION sambapos._preset_columns(e sambapos.feed_entity, f sambapos.change_feed) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
  columns text[];
BEGIN
  IF e.capture = 'merge' THEN
    RETURN sambapos._feed_replica_columns(f, e.relation_name);
  END IF;
  relation := sambapos._feed_shape_open(e);
  columns := ARRAY(SELECT a.attname FROM pg_attribute AS a
                   WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum);
  PERFORM sambapos._feed_shape_close();
  RETURN columns;
END;
$$;
COMMENT ON FUNCTION sambapos._preset_columns(sambapos.feed_entity, sambapos.change_feed) IS
  'The columns that an entity of a preset has at this site';

CREATE FUNCTION sambapos._preset_add(f sambapos.change_feed, p sambapos._feed_preset) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  e sambapos.feed_entity;
BEGIN
  PERFORM sambapos._feed_check_relation(f, sambapos._replica_table(p.main_table::name));
  PERFORM sambapos._feed_check_payload_key(f, p.payload_key);
  INSERT INTO sambapos.feed_entity (feed_id, entity, schema_name, relation_name, key, columns, capture, payload_key,
                                    preset, tier, priority, tables)
  VALUES (f.feed_id, p.entity, 'sambapos_replica', p.main_table,
          CASE WHEN p.definition IS NULL THEN sambapos._feed_replica_key(f, p.main_table::name)::text[] ELSE p.key END, '{}',
          CASE WHEN p.definition IS NULL THEN 'merge' WHEN p.preset = 'sales' THEN 'join' ELSE 'compare' END, p.payload_key, p.preset, p.tier, p.priority,
          sambapos._preset_tables(p))
  RETURNING * INTO e;
  UPDATE sambapos.feed_entity AS x SET columns = c.names, lazy = ARRAY(SELECT l FROM unnest(p.lazy) AS l WHERE l = ANY (c.names))
  FROM (SELECT sambapos._preset_columns(e, f) AS names) AS c WHERE x.entity_id = e.entity_id RETURNING x.* INTO e;
  PERFORM sambapos._feed_entity_make(e);
END;
$$;
COMMENT ON FUNCTION sambapos._preset_add(sambapos.change_feed, sambapos._feed_preset) IS 'Puts an entity of a preset on a feed';

CREATE FUNCTION sambapos._preset_check(f sambapos.change_feed, preset text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  presets text[] := ARRAY(SELECT DISTINCT p.preset FROM sambapos._feed_presets() AS p ORDER BY 1);
BEGIN
  IF preset IS NULL OR preset <> ALL (presets) THEN
    RAISE EXCEPTION 'unknown preset "%"', coalesce(preset, 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = sambapos._name_hint(preset, presets) || 'The presets are: ' || array_to_string(presets, ', ') || '.';
  ELSIF f.site_id IS NULL THEN
    RAISE EXCEPTION 'feed "%" is not the feed of a site', f.name USING ERRCODE = 'wrong_object_type',
      HINT = 'A preset names tables of SambaPOS. Put your own tables on a feed with sambapos_add_to_feed.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._preset_check(sambapos.change_feed, text) IS
  'Raises 22023 for a preset that is not there, 42809 for a feed that is not a site''s';

CREATE FUNCTION sambapos._preset_say_left_out(f sambapos.change_feed, preset text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  entities text;
  tables text;
BEGIN
  SELECT string_agg(p.entity, ', ' ORDER BY p.entity), string_agg(DISTINCT p.main_table, ', ' ORDER BY p.main_table)
    INTO entities, tables
  FROM sambapos._feed_presets() AS p
  WHERE p.preset = _preset_say_left_out.preset
    AND NOT EXISTS (SELECT FROM sambapos.feed_entity AS e WHERE (e.feed_id, e.entity) = (f.feed_id, p.entity));
  IF entities IS NOT NULL THEN
    RAISE NOTICE 'entities left out, since site "%" does not copy their tables: %', f.name, entities USING
      HINT = format('The tables are: %s. After sambapos_add_table(%L, ...) call sambapos_add_entities again.', tables, f.name);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._preset_say_left_out(sambapos.change_feed, text) IS
  'Says which entities of a preset are not on a feed, and what they need';

CREATE FUNCTION sambapos._preset_add_all(feed text, preset text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed_of(feed);
BEGIN
  PERFORM sambapos._preset_check(f, preset);
  PERFORM sambapos._feed_site_lock(f);
  PERFORM sambapos._preset_add(f, p) FROM sambapos._feed_presets() AS p
  WHERE p.preset = _preset_add_all.preset
    AND EXISTS (SELECT FROM sambapos._table AS t WHERE (t.site_id, t.table_name) = (f.site_id, p.main_table))
    AND sambapos._replica_table(p.main_table::name) IS NOT NULL
    AND NOT EXISTS (SELECT FROM sambapos.feed_entity AS e WHERE (e.feed_id, e.entity) = (f.feed_id, p.entity));
  PERFORM sambapos._preset_say_left_out(f, preset);
END;
$$;
COMMENT ON FUNCTION sambapos._preset_add_all(text, text) IS
  'Puts a preset on the feed of a site, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_add_entities(feed text, preset text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._preset_add_all(feed, preset);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_add_entities(text, text) IS
  'Puts the entities of a preset on the feed of a site: pos (what a point of sale client keeps: products, prices, tables '
  'and so on), config (the configuration of a property, in tiers) or sales (a row a ticket). An entity whose table the site does not copy is left '
  'out with a NOTICE; called again it adds those that are missing. Entities that are there stay as they are. For the '
  'owner of the replica. Errors: 42704 no such feed, 22023 no such preset, 42809 the feed is not a site''s, 42501 another '
  'role''s tables';
