-- describe.sql: what a feed's entities are like, for a database that copies them; and what that is there.
--
-- Rules:
-- * What another database says of types is data: no text of it becomes SQL. A type is looked up here, and written as it
--   is called here. Types that not every PostgreSQL has arrive as text or jsonb.

-- The type under a domain; and what its values can be held in where the type itself is not known.
CREATE FUNCTION sambapos._feed_describe_type(type oid, typmod integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t pg_type;
BEGIN
  LOOP
    SELECT * INTO t FROM pg_type AS p WHERE p.oid = type;
    EXIT WHEN t.typtype IS DISTINCT FROM 'd';
    typmod := CASE WHEN typmod = -1 THEN t.typtypmod ELSE typmod END;
    type := t.typbasetype;
  END LOOP;
  RETURN jsonb_build_object('type', format_type(type, NULL), 'typmod', typmod, 'held',
    CASE WHEN t.typtype = 'c' OR t.typcategory = 'A' OR type IN ('json'::regtype, 'jsonb'::regtype)
           OR EXISTS (SELECT FROM pg_cast AS c WHERE c.castsource = type AND c.casttarget = 'json'::regtype)
         THEN 'jsonb' ELSE 'text' END);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_describe_type(oid, integer) IS 'A type of a column, as another database is told it';

-- What a preset computes has columns only in a view that is made for the question. That is not done each minute.
CREATE FUNCTION sambapos._feed_describe_columns(e sambapos.feed_entity, with_presets boolean) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass;
  described jsonb;
BEGIN
  IF (sambapos._preset_of(e)).definition IS NULL THEN
    relation := sambapos._feed_relation(e);
  ELSIF with_presets AND current_setting('transaction_read_only') = 'off' THEN
    relation := sambapos._feed_shape_open(e);
  END IF;
  SELECT coalesce(jsonb_agg(jsonb_build_object('name', n.name)
                            || CASE WHEN a.attnum IS NULL THEN '{}' ELSE sambapos._feed_describe_type(a.atttypid, a.atttypmod) END
                            ORDER BY n.i), '[]')
    INTO described
  FROM unnest(e.columns) WITH ORDINALITY AS n (name, i)
  LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = n.name AND NOT a.attisdropped;
  PERFORM sambapos._feed_shape_close();
  RETURN described;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_describe_columns(sambapos.feed_entity, boolean) IS
  'The columns of an entity that are sent, with their types as far as they are known';

CREATE FUNCTION sambapos._feed_describe(feed text, entities text[], with_presets boolean) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed(feed);
  named text[] := sambapos._feed_entities(f, entities);
BEGIN
  RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'entity', e.entity, 'payloadKey', e.payload_key, 'key', e.key, 'lazy', e.lazy,
                   'columns', sambapos._feed_describe_columns(e, with_presets)) ORDER BY e.entity_id), '[]')
          FROM sambapos.feed_entity AS e WHERE e.feed_id = f.feed_id AND e.entity = ANY (named));
END;
$$;
COMMENT ON FUNCTION sambapos._feed_describe(text, text[], boolean) IS
  'What a follower makes its tables of: the entities of a feed, their keys, columns and types. with_presets: also the '
  'types of what presets compute. Raises 42704 for a feed or entity that is not there';

CREATE FUNCTION sambapos._follow_type(told jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found pg_type;
BEGIN
  BEGIN
    SELECT * INTO found FROM pg_type AS t WHERE t.oid = to_regtype(told ->> 'type');
  EXCEPTION WHEN OTHERS THEN
    found := NULL; -- no name of a type
  END;
  IF found.typnamespace = 'pg_catalog'::regnamespace AND found.typtype IN ('b', 'r', 'm') AND found.typname NOT LIKE 'reg%' THEN
    RETURN format_type(found.oid, (told ->> 'typmod')::integer);
  END IF;
  RETURN CASE told ->> 'held' WHEN 'text' THEN 'text' WHEN 'jsonb' THEN 'jsonb' END;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_type(jsonb) IS
  'What a type that another database has told of is here, as SQL; NULL: it has told of none';
