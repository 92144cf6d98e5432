-- consumer.sql: what is asked of, and written to, the tables of a consumer's entities.
--
-- Rules:
-- * It is written out when the consumer is added, and when a table was altered. It is run with the rights of the table's
--   owner, who alone can add the consumer. If the table has another owner since, nothing of it is run, and the consumer
--   stops: what it is given, and to whom, the present owner has not said.
-- * What a consumer writes back is a change as any other, for everybody else. No consumer of the feed is told of it: two
--   that write back would tell each other for ever. It is marked while it is written, so that what triggers of the table
--   add to it is none either.

-- text is assigned, so that a reference that is too long is an error; a cast would cut it.
CREATE FUNCTION sambapos._consumer_assigned(relation regclass, column_name text, new_value text, condition text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('%1$I = CASE WHEN %2$s THEN %3$s ELSE r.%1$I END', column_name, condition,
                CASE WHEN new_value LIKE '$%' AND t.typcategory <> 'S' THEN format('(%s)::%s', new_value, format_type(a.atttypid, NULL))
                     ELSE new_value END)
  FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
  WHERE a.attrelid = relation AND a.attname = column_name AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._consumer_assigned(regclass, text, text, text) IS
  'SQL that gives a column a new value where a condition holds; NULL: there is no such column';

-- $1 is NULL where nothing was delivered, $2 the reference, $3 the key. What has the values already is not written.
CREATE FUNCTION sambapos._consumer_update_sql(c sambapos.feed_consumer, e sambapos.feed_entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._feed_relation(e);
  status text := sambapos._consumer_assigned(relation, c.status_column, '''synced''', '$1 IS NOT NULL');
  reference text := sambapos._consumer_assigned(relation, c.reference_column, '$2', '$2 IS NOT NULL');
BEGIN
  RETURN format('UPDATE %I.%I AS r SET %s WHERE %s AND %s = $3 AND (%s)', e.schema_name, e.relation_name,
                concat_ws(', ', status, reference), (sambapos._feed_key_columns(e, relation, '$3')).is_equal,
                sambapos._feed_key_sql(e, 'r'),
                concat_ws(' OR ', '$1 IS NOT NULL AND r.' || quote_ident(c.status_column) || '::text IS DISTINCT FROM ''synced''',
                          '$2 IS NOT NULL AND r.' || quote_ident(c.reference_column) || '::text IS DISTINCT FROM $2'));
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_update_sql(sambapos.feed_consumer, sambapos.feed_entity) IS
  'The UPDATE that writes back to the row of key $3 that it was delivered, and its reference';

CREATE FUNCTION sambapos._consumer_write(e sambapos.feed_entity, statement text, is_delivered boolean, reference text, key jsonb)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF statement IS NOT NULL AND sambapos._feed_owner(e) IS DISTINCT FROM e.owner_name THEN -- what was delivered is so all the same
    RAISE WARNING 'nothing is written back: %', sambapos._feed_owner_words(e, e.owner_name);
    RETURN;
  END IF;
  PERFORM sambapos._update_as_owner(e.schema_name, e.relation_name, statement, CASE WHEN is_delivered THEN '{}'::jsonb[] END,
                                    reference, key, NULL) WHERE statement IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_write(sambapos.feed_entity, text, boolean, text, jsonb) IS
  'Writes back to a row of a user''s table; NULL: there is nothing to write to';

CREATE FUNCTION sambapos._consumer_make(c sambapos.feed_consumer, e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  ready text := CASE WHEN c.condition IS NOT NULL THEN sambapos._condition_sql(e, c.condition) END;
  back text := CASE WHEN c.status_column IS NOT NULL OR c.reference_column IS NOT NULL THEN sambapos._consumer_update_sql(c, e) END;
BEGIN
  PERFORM sambapos._condition_keys(e, ready, '{}') WHERE ready IS NOT NULL; -- raises
  PERFORM sambapos._consumer_write(e, back, true, NULL, NULL); -- raises
  INSERT INTO sambapos.consumer_entity (consumer_id, entity, owner_name, query_ready, update_back)
  VALUES (c.consumer_id, e.entity, e.owner_name, ready, back)
  ON CONFLICT ON CONSTRAINT consumer_entity_pkey DO UPDATE
    SET owner_name = excluded.owner_name, query_ready = excluded.query_ready, update_back = excluded.update_back;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_make(sambapos.feed_consumer, sambapos.feed_entity) IS
  'Writes down what is asked of an entity, and written to it, for a consumer; raises what parsing that raises';

CREATE FUNCTION sambapos._consumer_check_owners(c sambapos.feed_consumer) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  words text := (SELECT string_agg(sambapos._feed_owner_words(e, x.owner_name), '; ' ORDER BY e.entity)
                 FROM sambapos.consumer_entity AS x JOIN sambapos.feed_entity AS e ON (e.feed_id, e.entity) = (c.feed_id, x.entity)
                 WHERE x.consumer_id = c.consumer_id AND sambapos._feed_owner(e) <> x.owner_name);
BEGIN
  IF words IS NOT NULL THEN
    RAISE EXCEPTION '%', words USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'The present owner adds the consumer again, with the same arguments: then it goes on where it is.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_check_owners(sambapos.feed_consumer) IS
  'Raises 55000 for a consumer that was added under another owner of one of its relations';

-- What is left as it was says itself, when it is run, that it does not fit.
CREATE FUNCTION sambapos._consumer_make_again(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c sambapos.feed_consumer;
  context text;
BEGIN
  FOR c IN SELECT k.* FROM sambapos.feed_consumer AS k JOIN sambapos.consumer_entity AS x USING (consumer_id)
           WHERE (k.feed_id, x.entity, x.owner_name) = (e.feed_id, e.entity, e.owner_name) LOOP
    BEGIN
      PERFORM sambapos._consumer_make(c, e);
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
      RAISE WARNING 'consumer "%" cannot go on with entity "%": %', c.name, e.entity,
        sambapos._error_words(SQLSTATE, SQLERRM, context);
    END;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_make_again(sambapos.feed_entity) IS
  'The same for all consumers of an entity whose relation was altered, but those that were added under another owner; an error '
  'is a warning, and comes again when it is used';

-- Whoever asks with a position is told, of more than max_delta changes, to take all anew: there each need not be known. Who
-- gets each row delivered cannot be told so.
CREATE FUNCTION sambapos._feed_is_delivered(e sambapos.feed_entity) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.feed_consumer AS c JOIN sambapos.consumer_entity AS x USING (consumer_id)
                 WHERE c.feed_id = e.feed_id AND c.mode = 'work' AND x.entity = e.entity);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_is_delivered(sambapos.feed_entity) IS 'True if consumers get the rows of an entity delivered';

CREATE FUNCTION sambapos._consumer_forget(c sambapos.feed_consumer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  DELETE FROM sambapos.delivery AS d WHERE d.consumer_id = c.consumer_id;
  DELETE FROM sambapos.delivery_noted AS n WHERE n.consumer_id = c.consumer_id;
  DELETE FROM sambapos.consumer_entity AS x WHERE x.consumer_id = c.consumer_id;
  DELETE FROM sambapos.consumer_position AS p WHERE p.consumer_id = c.consumer_id;
  DELETE FROM sambapos.consumer_call AS k WHERE k.consumer_id = c.consumer_id;
  DELETE FROM sambapos.feed_consumer AS k WHERE k.consumer_id = c.consumer_id;
END;
$$;
COMMENT ON FUNCTION sambapos._consumer_forget(sambapos.feed_consumer) IS 'Takes all that is of a consumer away';
