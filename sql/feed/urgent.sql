-- urgent.sql: which changes are told at once, by name and key.

-- The condition is parsed here, and evaluated with the rights of the table's owner.
CREATE FUNCTION sambapos._urgent_make(u sambapos.urgent_rule, e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  u.query := sambapos._condition_sql(e, u.condition);
  PERFORM sambapos._condition_keys(e, u.query, '{}');
  UPDATE sambapos.urgent_rule AS x SET query = u.query, owner_name = e.owner_name, problem = NULL WHERE x.rule_id = u.rule_id;
END;
$$;
COMMENT ON FUNCTION sambapos._urgent_make(sambapos.urgent_rule, sambapos.feed_entity) IS
  'Writes down what asks a rule''s condition of rows; raises what the condition raises';

CREATE FUNCTION sambapos._urgent_make_again(u sambapos.urgent_rule, e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  context text;
BEGIN
  IF u.owner_name IS DISTINCT FROM e.owner_name THEN
    RAISE WARNING 'rule "%" has stopped: %', u.rule, sambapos._feed_owner_words(e, u.owner_name) USING
      HINT = 'The present owner removes the rule, and adds it again.';
    RETURN;
  END IF;
  PERFORM sambapos._urgent_make(u, e);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  UPDATE sambapos.urgent_rule AS x SET problem = sambapos._error_words(SQLSTATE, SQLERRM, context) WHERE x.rule_id = u.rule_id;
END;
$$;
COMMENT ON FUNCTION sambapos._urgent_make_again(sambapos.urgent_rule, sambapos.feed_entity) IS
  'The same after its relation was altered; an error is put on record. One that another owner has given has stopped';

CREATE FUNCTION sambapos._urgent_add(feed text, rule text, entity text, columns name[], condition text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed(feed);
  e sambapos.feed_entity := sambapos._feed_entity(f, entity);
  u sambapos.urgent_rule;
BEGIN
  PERFORM sambapos._feed_check_owner(e);
  e := sambapos._feed_entity_to_read(f, entity); -- of one that is paused another table may have the name
  IF coalesce(rule, '') = '' THEN
    RAISE EXCEPTION 'a rule needs a name' USING ERRCODE = 'invalid_parameter_value';
  ELSIF EXISTS (SELECT FROM sambapos.urgent_rule AS x WHERE (x.feed_id, x.rule) = (f.feed_id, _urgent_add.rule)) THEN
    RAISE EXCEPTION 'feed "%" has a rule "%" already', feed, rule USING ERRCODE = 'duplicate_object';
  ELSIF columns = '{}' OR NOT columns::text[] <@ e.columns THEN
    RAISE EXCEPTION 'a rule can be about columns that are sent only' USING ERRCODE = 'undefined_column',
      HINT = 'The columns are: ' || array_to_string(e.columns, ', ') || '.';
  END IF;
  PERFORM sambapos._feed_check_relation(f, sambapos._feed_relation(e));
  INSERT INTO sambapos.urgent_rule (feed_id, rule, entity, columns, condition)
  VALUES (f.feed_id, rule, entity, columns, condition) RETURNING * INTO u;
  IF condition IS NOT NULL THEN
    PERFORM sambapos._urgent_make(u, e);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._urgent_add(text, text, text, name[], text) IS
  'Adds an urgent rule, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_add_urgent_rule(feed text, rule text, entity text, columns name[] DEFAULT NULL,
                                                     condition text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._urgent_add(feed, rule, entity, columns, condition);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_add_urgent_rule(text, text, text, name[], text) IS
  'From now on the tick tells channel sambapos_urgent of each change of an entity''s rows that a rule is about: entity, '
  'key and rule, never a value. columns: an update counts if it has changed one of these. condition: an expression over '
  'the row (r), in which functions of yours stand with their schema. A DELETE counts in any case. For the owner of the '
  'table. Errors: 42704 no such feed or entity, 42710 the rule is there, 42703 columns that are not sent, 42501 another '
  'role''s table, 55000 the entity is paused, and what the condition raises when it is parsed';

CREATE FUNCTION sambapos._urgent_remove(feed text, rule text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.change_feed := sambapos._feed(feed);
  u sambapos.urgent_rule := (SELECT x FROM sambapos.urgent_rule AS x
                             WHERE (x.feed_id, x.rule) = (f.feed_id, _urgent_remove.rule));
BEGIN
  IF u.rule_id IS NULL THEN
    RAISE EXCEPTION 'feed "%" has no rule "%"', feed, coalesce(rule, 'NULL') USING ERRCODE = 'undefined_object';
  END IF;
  PERFORM sambapos._feed_check_owner(e) FROM sambapos.feed_entity AS e WHERE (e.feed_id, e.entity) = (u.feed_id, u.entity);
  DELETE FROM sambapos.urgent_rule AS x WHERE x.rule_id = u.rule_id;
END;
$$;
COMMENT ON FUNCTION sambapos._urgent_remove(text, text) IS
  'Takes an urgent rule off a feed, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_remove_urgent_rule(feed text, rule text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  PERFORM sambapos._urgent_remove(feed, rule);
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_remove_urgent_rule(text, text) IS
  'Takes an urgent rule off a feed. For the owner of the table. Errors: 42704 no such feed or rule, 42501 another role''s '
  'table';
