-- receive.sql: what hosts send up.
--
-- Rules:
-- * A batch is received once, by its uuid, in one transaction: the whole of it or nothing.
-- * It is written with the rights of the table's owner, into tables with a policy alone, and is a change as any other: other
--   hosts get it. A row that somebody changes at this moment is looked at again.
-- * Rows of another scope than the host's are neither written nor told of.

CREATE FUNCTION sambapos._receive_sql(e sambapos.feed_entity, operation text, names text[], unchanged text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  written_to text := format('%I.%I', e.schema_name, e.relation_name);
  given text := format('jsonb_populate_record(NULL::%s, ($1)[1]) AS x', written_to);
BEGIN
  RETURN CASE operation
    WHEN 'INSERT' THEN format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s ON CONFLICT DO NOTHING', written_to,
                              (SELECT string_agg(quote_ident(n), ', ') FROM unnest(names) AS n),
                              (SELECT string_agg('x.' || quote_ident(n), ', ') FROM unnest(names) AS n), given)
    WHEN 'UPDATE' THEN format('UPDATE %s AS r SET %s FROM %s WHERE %s', written_to,
                              (SELECT string_agg(format('%1$I = x.%1$I', n), ', ') FROM unnest(names) AS n WHERE n <> ALL (e.key)),
                              given, unchanged)
    ELSE format('DELETE FROM %s AS r WHERE %s', written_to, unchanged) END;
END;
$$;
COMMENT ON FUNCTION sambapos._receive_sql(sambapos.feed_entity, text, text[], text) IS
  'The statement that writes the columns named of row $1[1] to the one of key $3, if that is unchanged';

CREATE FUNCTION sambapos._receive_unchanged_sql(e sambapos.feed_entity) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := sambapos._feed_relation(e);
BEGIN
  RETURN format('%s AND %s = $3 AND %s = ($1)[2]', (sambapos._feed_key_columns(e, relation, '$3')).is_equal,
                sambapos._feed_key_sql(e, 'r'), sambapos._feed_data_sql(e, relation));
END;
$$;
COMMENT ON FUNCTION sambapos._receive_unchanged_sql(sambapos.feed_entity) IS 'SQL for: row r has key $3, and is $1[2]';

CREATE FUNCTION sambapos._receive_refuse(r sambapos._batch_row, h sambapos.feed_host) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RAISE EXCEPTION 'row % is not of the scope of host "%"', r.n, h.name USING ERRCODE = 'insufficient_privilege',
    HINT = 'A host sends rows of its own scope; view sambapos.host_bindings has it.';
END;
$$;
COMMENT ON FUNCTION sambapos._receive_refuse(sambapos._batch_row, sambapos.feed_host) IS 'Raises that a row is of another scope';

CREATE TYPE sambapos._receive_case AS (host sambapos.feed_host, entity sambapos.feed_entity, policy sambapos.receive_policy,
                                       state sambapos.feed_state, batch uuid, base bigint, others jsonb, truncated jsonb, unchanged text);
COMMENT ON TYPE sambapos._receive_case IS
  'A batch that is being received: from whom, for what; base: the version that the host has; others: what the log has '
  'of the entity as a whole, and truncated: what has emptied its table; '
  'unchanged: SQL by which a row is written only if it is what it was';

CREATE FUNCTION sambapos._receive_write(k sambapos._receive_case, r sambapos._batch_row, present jsonb) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  e sambapos.feed_entity := k.entity;
  names text[] := ARRAY(SELECT x FROM jsonb_object_keys(r.input) AS x ORDER BY 1);
  operation text := CASE WHEN r.is_deleted THEN 'DELETE' WHEN present IS NULL THEN 'INSERT' ELSE 'UPDATE' END;
  written bigint;
BEGIN
  PERFORM set_config('sambapos.changed_by', sambapos._conflict_changer(k.host), true); -- a trigger may have set it
  written := sambapos._write_as_owner(e.schema_name, e.relation_name, sambapos._receive_sql(e, operation, names, k.unchanged),
                                      ARRAY[r.input, present], NULL, r.key, NULL);
  IF written = 0 AND operation = 'INSERT'
     AND NOT EXISTS (SELECT FROM sambapos._feed_read(e, ARRAY[r.key], NULL, NULL, NULL)) THEN
    RAISE EXCEPTION 'row % of entity "%" was not inserted', r.n, e.entity USING ERRCODE = 'unique_violation',
      DETAIL = 'Another row has what may be there once, beside the key; or a trigger of the table keeps the row out.';
  END IF;
  RETURN written > 0;
END;
$$;
COMMENT ON FUNCTION sambapos._receive_write(sambapos._receive_case, sambapos._batch_row, jsonb) IS
  'Writes a row over what was there; false: that is no longer there, or another row is';

CREATE FUNCTION sambapos._receive_is_known(k sambapos._receive_case, base bigint) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN coalesce(base BETWEEN (k.state).min_version AND (k.state).version, false); END; $$;
COMMENT ON FUNCTION sambapos._receive_is_known(sambapos._receive_case, bigint) IS 'True if the log says what has changed since a version';

-- What the log had at the beginning holds for a row that is what it was then. Of another one it is asked again.
CREATE FUNCTION sambapos._receive_news(k sambapos._receive_case, r sambapos._batch_row, present jsonb,
                                       OUT entry jsonb, OUT others jsonb, OUT truncated jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  n record;
BEGIN
  entry := r.log; others := k.others; truncated := k.truncated;
  IF present IS DISTINCT FROM r.was THEN
    FOR n IN SELECT * FROM sambapos._conflict_log(k.host, k.entity, (k.state).version, ARRAY[r.key]) LOOP
      entry := CASE WHEN n.key IS NOT NULL THEN coalesce(entry, '{}') || jsonb_strip_nulls(n.entry) ELSE entry END;
      others := CASE WHEN n.key IS NULL AND NOT n.is_truncate THEN n.entry ELSE others END;
      truncated := CASE WHEN n.is_truncate THEN n.entry ELSE truncated END;
    END LOOP;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._receive_news(sambapos._receive_case, sambapos._batch_row, jsonb) IS
  'What the log has of a row that is this now, of the entity as a whole, and of what has emptied its table';

CREATE FUNCTION sambapos._receive_changed(k sambapos._receive_case, r sambapos._batch_row, news record, is_there boolean) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  base bigint := coalesce(r.base, k.base);
  emptied boolean := NOT is_there AND news.truncated IS NOT NULL;
BEGIN
  IF (news.entry -> 'own')::boolean
     AND NOT (emptied AND (news.truncated -> 'no')::bigint > (news.entry -> 'no')::bigint) THEN
    RETURN false;
  ELSIF NOT sambapos._receive_is_known(k, base) THEN
    RETURN is_there OR emptied OR news.entry IS NOT NULL;
  END IF;
  RETURN coalesce((news.entry -> 'version')::bigint > base, false)
      OR is_there AND coalesce((news.others -> 'version')::bigint > base, false)
      OR emptied AND (news.truncated -> 'version')::bigint > base;
END;
$$;
COMMENT ON FUNCTION sambapos._receive_changed(sambapos._receive_case, sambapos._batch_row, record, boolean) IS
  'True if others have changed a row since the version that the host had, or nobody knows. A row that is not there, and of '
  'which the log has nothing, is a new one';

-- If nobody knows what the host had, it counts as moved: a batch that is refused for it would be refused for ever.
CREATE FUNCTION sambapos._receive_was_moved(k sambapos._receive_case, r sambapos._batch_row, news record) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  base bigint := coalesce(r.base, k.base);
  moved bigint := (news.entry ->> 'moved')::bigint;
BEGIN
  RETURN CASE WHEN sambapos._receive_is_known(k, base) THEN coalesce(moved > base, false)
              ELSE moved IS NOT NULL OR NOT r.is_deleted AND (k.state).min_version > 0 END;
END;
$$;
COMMENT ON FUNCTION sambapos._receive_was_moved(sambapos._receive_case, sambapos._batch_row, record) IS
  'True if a row was of the host''s scope when the host last knew it, or may have been';

-- True: it is the host's to write. False: it was, and was moved. Else it raises.
CREATE FUNCTION sambapos._receive_is_own(k sambapos._receive_case, r sambapos._batch_row, news record, is_there boolean, scope_there text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  own text := (k.host).scope;
  column_name text := (k.entity).scope;
  is_given boolean := r.input ? column_name;
BEGIN
  IF own IS NULL OR column_name IS NULL THEN
    RETURN true;
  ELSIF is_given AND r.scope IS DISTINCT FROM own OR NOT is_given AND NOT is_there AND NOT r.is_deleted THEN
    PERFORM sambapos._receive_refuse(r, k.host);
  ELSIF is_there AND scope_there IS DISTINCT FROM own THEN
    PERFORM sambapos._receive_refuse(r, k.host) WHERE NOT sambapos._receive_was_moved(k, r, news);
    RETURN false;
  END IF;
  RETURN true;
END;
$$;
COMMENT ON FUNCTION sambapos._receive_is_own(sambapos._receive_case, sambapos._batch_row, record, boolean, text) IS
  'Whether a row is of the host''s scope; raises 42501 if it never was';

CREATE FUNCTION sambapos._receive_record(k sambapos._receive_case, r sambapos._batch_row, present jsonb, winner text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.conflict (host_id, host_name, feed_id, entity, entity_id, key, policy, winner, host_row, cloud_row, base, batch, row_number)
  VALUES ((k.host).host_id, (k.host).name, (k.entity).feed_id, (k.entity).entity, (k.entity).entity_id, r.key, (k.policy).policy, winner,
          CASE WHEN NOT r.is_deleted THEN r.data END, present, coalesce(r.base, k.base), k.batch, r.n);
$$;
COMMENT ON FUNCTION sambapos._receive_record(sambapos._receive_case, sambapos._batch_row, jsonb, text) IS 'Puts a conflict on record';

CREATE FUNCTION sambapos._receive_is_same(r sambapos._batch_row, is_there boolean, present jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN r.is_deleted THEN NOT is_there
              ELSE is_there AND NOT EXISTS (SELECT FROM jsonb_each(r.data) AS d WHERE present -> d.key IS DISTINCT FROM d.value) END;
END;
$$;
COMMENT ON FUNCTION sambapos._receive_is_same(sambapos._batch_row, boolean, jsonb) IS 'True if a row already is as the host has it';

CREATE FUNCTION sambapos._receive_row(k sambapos._receive_case, r sambapos._batch_row, OUT applied boolean, OUT in_conflict boolean, OUT inserted boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  present jsonb;
  scope_there text;
  is_there boolean;
  winner text;
  news record;
BEGIN
  FOR attempt IN 1 .. 10 LOOP
    present := NULL;
    SELECT p.data, p.scope_of_row INTO present, scope_there FROM sambapos._feed_read(k.entity, ARRAY[r.key], NULL, NULL, NULL) AS p;
    is_there := FOUND;
    news := sambapos._receive_news(k, r, present);
    IF is_there AND r.is_deleted AND scope_there <> (k.host).scope AND NOT sambapos._receive_was_moved(k, r, news) THEN
      present := NULL; is_there := false; -- the host is not told that another scope has such a key
    END IF;
    IF NOT sambapos._receive_is_own(k, r, news, is_there, scope_there) THEN
      PERFORM sambapos._receive_record(k, r, NULL, 'cloud');
      applied := false; in_conflict := true; inserted := false;
      RETURN;
    END IF;
    in_conflict := NOT sambapos._receive_is_same(r, is_there, present) AND sambapos._receive_changed(k, r, news, is_there);
    winner := CASE WHEN in_conflict THEN sambapos._conflict_winner(r.data, present, k.policy, k.entity) ELSE 'host' END;
    applied := winner = 'host';
    inserted := applied AND NOT is_there AND NOT in_conflict AND NOT r.is_deleted;
    IF NOT applied OR sambapos._receive_is_same(r, is_there, present) OR sambapos._receive_write(k, r, present) THEN
      PERFORM sambapos._receive_record(k, r, present, winner) WHERE in_conflict;
      RETURN;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'row % of entity "%" cannot be written', r.n, (k.entity).entity USING ERRCODE = 'object_not_in_prerequisite_state',
    DETAIL = 'A trigger or policy of its table keeps it as it is, or others change it all the time.';
END;
$$;
COMMENT ON FUNCTION sambapos._receive_row(sambapos._receive_case, sambapos._batch_row) IS
  'Writes one row, or puts on record why not; applied: it is here as the host has it; inserted: as a new one';

CREATE FUNCTION sambapos._receive_check_new(k sambapos._receive_case, keys jsonb[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF keys <> '{}' AND EXISTS (
       SELECT FROM sambapos.change AS c
       WHERE (c.feed_id, c.entity) = ((k.entity).feed_id, (k.entity).entity) AND (c.version > (k.state).version OR c.version IS NULL)
         AND c.changed_by IS DISTINCT FROM sambapos._conflict_changer(k.host)
         AND (c.operation = 'DELETE' AND c.key IN (SELECT x FROM unnest(keys) AS x)
              OR c.operation = 'TRUNCATE' AND c.change_id > coalesce((k.truncated -> 'no')::bigint, 0))) THEN
    RAISE EXCEPTION 'rows of the batch were deleted here at this moment' USING ERRCODE = 'serialization_failure', HINT = 'Send the batch again.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._receive_check_new(sambapos._receive_case, jsonb[]) IS
  'Raises 40001 if a row that was taken for a new one has been deleted by others since the batch began';

CREATE FUNCTION sambapos._receive_rows(k sambapos._receive_case, rows sambapos._batch_row[], OUT applied bigint, OUT conflicts bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  r sambapos._batch_row;
  outcome record;
  context text;
  constraint_name text;
  new_keys jsonb[] := '{}';
BEGIN
  applied := 0; conflicts := 0;
  FOREACH r IN ARRAY rows LOOP
    outcome := sambapos._receive_row(k, r);
    applied := applied + outcome.applied::integer;
    conflicts := conflicts + outcome.in_conflict::integer;
    IF outcome.inserted AND r.log IS NULL THEN
      new_keys := new_keys || r.key;
    END IF;
  END LOOP;
  PERFORM sambapos._receive_check_new(k, new_keys);
EXCEPTION WHEN OTHERS THEN -- what a table or its triggers raise may hold values
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT, constraint_name = CONSTRAINT_NAME;
  IF context ~ '^[^\n]* sambapos\._[a-z_]+\([^\n]*\)[^\n]* RAISE' THEN -- it is one of ours
    RAISE;
  END IF;
  RAISE EXCEPTION 'row % is refused by the table of entity "%"', r.n, (k.entity).entity USING ERRCODE = SQLSTATE,
    DETAIL = concat_ws(' ', 'SQLSTATE ' || SQLSTATE || '.', 'Constraint "' || nullif(constraint_name, '') || '".'),
    HINT = CASE WHEN SQLSTATE IN ('42P01', '42883', '42704', '3F000')
                THEN 'Triggers find names in schema pg_catalog alone here. Write the others with their schema.' ELSE '' END;
END;
$$;
COMMENT ON FUNCTION sambapos._receive_rows(sambapos._receive_case, sambapos._batch_row[]) IS
  'Writes the rows of a batch; what the table refuses is raised without its values';

-- First the rows, then the log: who has changed a row that is read here is in the log by then.
CREATE FUNCTION sambapos._receive_look(INOUT k sambapos._receive_case, INOUT rows sambapos._batch_row[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  keys jsonb[] := ARRAY(SELECT DISTINCT r.key FROM unnest(rows) AS r);
  oldest bigint := (SELECT min(CASE WHEN sambapos._receive_is_known(k, coalesce(r.base, k.base)) THEN coalesce(r.base, k.base) ELSE -1 END)
                    FROM unnest(rows) AS r);
  present jsonb[] := ARRAY(SELECT jsonb_build_array(p.key, p.data) FROM sambapos._feed_read(k.entity, keys, NULL, NULL, NULL) AS p);
  log sambapos._batch_row[];
BEGIN
  WITH entry AS MATERIALIZED (SELECT l.* FROM sambapos._conflict_log(k.host, k.entity, coalesce(oldest, (k.state).version), keys) AS l)
  SELECT (SELECT l.entry FROM entry AS l WHERE l.key IS NULL AND NOT l.is_truncate),
         (SELECT l.entry FROM entry AS l WHERE l.is_truncate),
         ARRAY(SELECT (r.n, r.key, r.scope, r.data, r.input, r.stored, r.base, r.is_deleted, p.row -> 1, l.entry)::sambapos._batch_row
               FROM unnest(rows) AS r LEFT JOIN entry AS l ON l.key = r.key AND NOT l.is_truncate
               LEFT JOIN (SELECT x -> 0 AS key, x AS row FROM unnest(present) AS x) AS p ON p.key = r.key ORDER BY r.n)
    INTO k.others, k.truncated, log;
  rows := log;
END;
$$;
COMMENT ON FUNCTION sambapos._receive_look(sambapos._receive_case, sambapos._batch_row[]) IS
  'What is here of the rows of a batch, and what the log has of them: asked once for all';

CREATE FUNCTION sambapos._receive_all(k sambapos._receive_case, given jsonb, OUT applied bigint, OUT conflicts bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  rows sambapos._batch_row[] := sambapos._batch_rows(k.entity, given);
  looked record;
  before text := current_setting('sambapos.changed_by', true);
BEGIN
  k.base := sambapos._conflict_base(k.host, k.state);
  k.unchanged := sambapos._receive_unchanged_sql(k.entity);
  looked := sambapos._receive_look(k, rows);
  k := looked.k; rows := looked.rows;
  SELECT w.applied, w.conflicts INTO applied, conflicts FROM sambapos._receive_rows(k, rows) AS w;
  PERFORM set_config('sambapos.changed_by', coalesce(before, ''), true);
END;
$$;
COMMENT ON FUNCTION sambapos._receive_all(sambapos._receive_case, jsonb) IS 'Receives the rows of a batch, entered under the name of the host';

CREATE FUNCTION sambapos._host_receive(host text, batch uuid, entity text, rows jsonb, OUT applied bigint, OUT conflicts bigint, OUT already boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  k sambapos._receive_case;
  f sambapos.change_feed;
  hash bytea := sha256(convert_to(concat(entity, E'\n', rows), 'UTF8'));
  known sambapos.host_batch;
BEGIN
  k.host := sambapos._host(host, false);
  f := (SELECT x FROM sambapos.change_feed AS x WHERE x.feed_id = (k.host).feed_id);
  k.entity := sambapos._feed_entity(f, entity);
  k.batch := batch;
  IF batch IS NULL THEN
    RAISE EXCEPTION 'a batch needs a uuid' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  INSERT INTO sambapos.host_batch (host_id, batch, sha256) VALUES ((k.host).host_id, k.batch, hash) ON CONFLICT DO NOTHING;
  already := NOT FOUND;
  IF already THEN
    known := (SELECT b FROM sambapos.host_batch AS b WHERE (b.host_id, b.batch) = ((k.host).host_id, k.batch));
    IF known.sha256 <> hash THEN
      RAISE EXCEPTION 'batch % was received with other rows', batch USING ERRCODE = 'unique_violation',
        HINT = 'Another batch needs another uuid. One that is sent again is sent as it was.';
    END IF;
    applied := known.applied; conflicts := known.conflicts;
    RETURN;
  END IF;
  k.entity := sambapos._feed_entity_to_read(f, entity);
  k.policy := sambapos._policy_of(f, k.entity);
  k.state := (SELECT s FROM sambapos.feed_state AS s WHERE s.feed_id = f.feed_id);
  SELECT w.applied, w.conflicts INTO applied, conflicts FROM sambapos._receive_all(k, rows) AS w;
  UPDATE sambapos.host_batch AS b SET applied = _host_receive.applied, conflicts = _host_receive.conflicts
   WHERE (b.host_id, b.batch) = ((k.host).host_id, k.batch);
END;
$$;
COMMENT ON FUNCTION sambapos._host_receive(text, uuid, text, jsonb) IS 'Receives a batch, for the role that was noted';

CREATE FUNCTION @extschema@.sambapos_receive(host text, batch uuid, entity text, rows jsonb,
                                             OUT applied bigint, OUT conflicts bigint, OUT already boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._feed_note_changer();
  SELECT r.applied, r.conflicts, r.already INTO applied, conflicts, already FROM sambapos._host_receive(host, batch, entity, rows) AS r;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_receive(text, uuid, text, jsonb) IS
  'A host sends rows of an entity up: an array of objects as the feed sends them, of all columns or some; "_deleted": true for one '
  'that it has deleted, "_base" for the version that it had when it changed the row, by default that of its last heartbeat. Each '
  'batch is received once, whole or not at all. applied: how many rows are here now as the host has them; conflicts: how many '
  'somebody else has changed too, see view sambapos.conflicts; already: it was received before, and the counts are those of then. '
  'Errors: 42501 another''s host, or a row of another scope, 42704 no such entity, 55000 no policy, 42703 a column that is not sent, '
  '23505 the uuid of other rows, 22003 and others a value that does not fit';
