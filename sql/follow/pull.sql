-- pull.sql: sambapos_pull: brings copies up to their feeds.
--
-- Rules:
-- * A pull is one transaction here. One that fails leaves tables and position as they were, and waits longer and longer.
-- * While we write, nothing is open at the other database.
-- * One pull of a follow at a time, by the lock on its state: who finds it locked goes on.
-- * What failed is put on record by its SQLSTATE and what it met, never by its message, which may have values.

-- What was looked at before the source was asked has to be so still: now nobody else writes.
CREATE FUNCTION sambapos._follow_claim(p sambapos._follow_part, relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF relation IS NOT NULL THEN
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', relation);
  END IF;
  IF p.seen IS DISTINCT FROM sambapos._follow_state(relation) OR p.had_rows AND NOT sambapos._follow_has_rows(relation) THEN
    PERFORM sambapos._follow_refuse(format('table "%s" of schema "%s" was made, dropped, rewritten or emptied while the source was asked',
                                           p.table_name, p.schema_name), 'The next pull takes it in full.');
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_claim(sambapos._follow_part, regclass) IS 'Locks a table for writing; raises 55000 if it is not what it was when the pull began';

-- Who reads for long must not have all others wait behind us: then the pull fails, and is tried again later.
CREATE FUNCTION sambapos._follow_write(f sambapos.follow, p sambapos._follow_part) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '10s' SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos.follow_table;
  relation regclass := sambapos._follow_relation(p.schema_name, p.table_name);
BEGIN
  SELECT * INTO t FROM sambapos.follow_table AS x WHERE (x.follow_id, x.entity) = (f.follow_id, p.entity);
  PERFORM sambapos._follow_claim(p, relation);
  IF relation IS NULL THEN
    PERFORM sambapos._follow_make_table(p, f.feed);
    relation := sambapos._follow_relation(p.schema_name, p.table_name);
  ELSE
    PERFORM sambapos._follow_check_table(relation, p);
    PERFORM sambapos._follow_check_new(f, p, relation) WHERE NOT sambapos._follow_is_known(t, relation);
    PERFORM sambapos._follow_note_copy(relation, p.entity, f.feed);
    PERFORM sambapos._follow_alter_table(p, relation, ARRAY(SELECT unnest(t.columns) EXCEPT SELECT unnest(p.columns))) WHERE p.is_made;
  END IF;
  PERFORM sambapos._follow_merge(p, relation);
  INSERT INTO sambapos.follow_table (follow_id, entity, table_name, columns, is_made, state, has_rows)
  VALUES (f.follow_id, p.entity, p.table_name, p.columns, p.is_made, sambapos._follow_state(relation), sambapos._follow_has_rows(relation))
  ON CONFLICT ON CONSTRAINT follow_table_pkey DO UPDATE
    SET table_name = excluded.table_name, columns = excluded.columns, is_made = excluded.is_made, state = excluded.state, has_rows = excluded.has_rows;
  PERFORM sambapos._follow_stage_drop(p.stage);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_write(sambapos.follow, sambapos._follow_part) IS 'Writes what is staged of an entity, and notes what its table is then';

CREATE FUNCTION sambapos._follow_fetch(f sambapos.follow, p sambapos._follow_part, answer jsonb, home text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._follow_stage_open(p);
  IF p.is_full THEN
    PERFORM sambapos._follow_take_rows(f, p, home);
  ELSE
    PERFORM sambapos._follow_stage_changes(p, answer -> 'changes');
  END IF;
  PERFORM sambapos._follow_take_lazy(f, p, home);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_fetch(sambapos.follow, sambapos._follow_part, jsonb, text) IS 'Stages what is new of an entity, or all of it';

-- Entities with something to write: taken in full, changed, or with columns that are sent no more. Of a paused one nothing
-- is told: it is taken when it is told of again.
CREATE FUNCTION sambapos._follow_due(f sambapos.follow, parts sambapos._follow_part[], answer jsonb) RETURNS SETOF sambapos._follow_part
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  p sambapos._follow_part;
BEGIN
  FOREACH p IN ARRAY parts LOOP
    CONTINUE WHEN coalesce(answer -> 'paused', '[]') ? p.entity;
    p.is_full := p.is_new OR coalesce(answer -> 'fullRequired' = 'true' OR answer -> 'fullEntities' ? p.entity, false);
    IF p.is_full OR EXISTS (SELECT FROM jsonb_array_elements(answer -> 'changes') AS c (change) WHERE c.change ->> 'entityType' = p.entity)
       OR EXISTS (SELECT FROM sambapos.follow_table AS t WHERE (t.follow_id, t.entity) = (f.follow_id, p.entity) AND NOT t.columns <@ p.columns) THEN
      RETURN NEXT p;
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_due(sambapos.follow, sambapos._follow_part[], jsonb) IS 'What of a follow is to be staged and written';

-- Their rows stay, and are taken in full if the entity comes back. Who has no use for them drops or moves the table.
CREATE FUNCTION sambapos._follow_note_gone(f sambapos.follow, parts sambapos._follow_part[]) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  gone text[] := ARRAY(SELECT t.entity FROM sambapos.follow_table AS t WHERE t.follow_id = f.follow_id
                       AND NOT EXISTS (SELECT FROM unnest(parts) AS p WHERE p.entity = t.entity) ORDER BY 1);
BEGIN
  DELETE FROM sambapos.follow_table AS t
  WHERE t.follow_id = f.follow_id AND t.entity = ANY (gone) AND sambapos._follow_relation(f.target_schema, t.table_name) IS NULL;
  UPDATE sambapos.follow_table AS t SET state = split_part(t.state, ' ', 1) || ' left'
  WHERE t.follow_id = f.follow_id AND t.entity = ANY (gone) AND t.state NOT LIKE '% left';
  RETURN (SELECT string_agg(t.entity, ', ' ORDER BY t.entity) FROM sambapos.follow_table AS t WHERE t.follow_id = f.follow_id AND t.entity = ANY (gone));
END;
$$;
COMMENT ON FUNCTION sambapos._follow_note_gone(sambapos.follow, sambapos._follow_part[]) IS 'Which entities of a copy are on the feed no more, and still have their table here';

CREATE FUNCTION sambapos._follow_note_success(f sambapos.follow, parts sambapos._follow_part[], answer jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  paused text := (SELECT string_agg(n, ', ') FROM jsonb_array_elements_text(coalesce(answer -> 'paused', '[]')) AS n);
  gone text := sambapos._follow_note_gone(f, parts);
BEGIN
  UPDATE sambapos.follow_state AS s
  SET version = coalesce(answer ->> 'toVersion', answer ->> 'version')::bigint, incarnation = (answer ->> 'incarnation')::uuid,
      last_success_at = clock_timestamp(), last_full_at = CASE WHEN answer -> 'fullRequired' = 'true' THEN clock_timestamp() ELSE s.last_full_at END,
      failures = 0, next_at = clock_timestamp(),
      problem = NULLIF(concat_ws('; ', 'paused at the source: ' || paused, 'no longer on the feed, the tables stay: ' || gone), '')
  WHERE s.follow_id = f.follow_id;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_note_success(sambapos.follow, sambapos._follow_part[], jsonb) IS 'Notes the position that a pull has come to';

CREATE FUNCTION sambapos._follow_note_failure(f sambapos.follow, problem text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.follow_state AS s
  SET failures = s.failures + 1, problem = _follow_note_failure.problem,
      next_at = clock_timestamp() + least(interval '1 hour', interval '20 seconds' * 2 ^ least(s.failures, 10)) * (0.5 + random())
  WHERE s.follow_id = f.follow_id;
$$;
COMMENT ON FUNCTION sambapos._follow_note_failure(sambapos.follow, text) IS
  'Notes what a pull has met, and when it is tried again: later and later, about an hour at most';

CREATE TYPE sambapos._follow_error AS (state text, schema_name text, message text, table_name text, constraint_name text,
                                       hint text);
COMMENT ON TYPE sambapos._follow_error IS 'What is known of an error';

CREATE FUNCTION sambapos._follow_problem(e sambapos._follow_error, place text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN concat(CASE WHEN e.schema_name = 'sambapos' THEN e.message
                     WHEN e.state LIKE '08%' OR e.state = '57P01' THEN 'no connection'
                     WHEN e.state LIKE '28%' THEN 'the login was refused'
                     ELSE 'an error' END,
                ' (SQLSTATE ', e.state, ', at ', place, ', table ' || NULLIF(e.table_name, ''), ', constraint ' || NULLIF(e.constraint_name, ''), ')',
                CASE WHEN e.schema_name = 'sambapos' THEN '. ' || NULLIF(e.hint, '') END);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_problem(sambapos._follow_error, text) IS
  'An error in words: messages of ours have no values; of others their SQLSTATE and what they met are told';

CREATE FUNCTION sambapos._follow_pull(f sambapos.follow, s sambapos.follow_state) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place text := format('server "%s"', f.server);
  home text;
  parts sambapos._follow_part[];
  due sambapos._follow_part[];
  relations regclass[];
  p sambapos._follow_part;
  answer jsonb;
  e sambapos._follow_error;
BEGIN
  home := sambapos._follow_open(f.server);
  place := format('feed "%s"', f.feed);
  parts := sambapos._follow_parts(f);
  answer := sambapos._follow_answer(f, s, home);
  due := ARRAY(SELECT x FROM sambapos._follow_due(f, parts, answer) AS x);
  FOREACH p IN ARRAY due LOOP
    place := format('entity "%s"', p.entity);
    PERFORM sambapos._follow_fetch(f, p, answer, home);
  END LOOP;
  place := format('server "%s"', f.server);
  PERFORM sambapos._follow_tell('COMMIT');
  PERFORM sambapos._follow_close();
  relations := ARRAY(SELECT sambapos._follow_relation(x.schema_name, x.table_name) FROM unnest(due) AS x);
  PERFORM sambapos._follow_defer(relations, 'DEFERRED');
  FOREACH p IN ARRAY due LOOP
    place := format('entity "%s"', p.entity);
    PERFORM sambapos._follow_write(f, p);
  END LOOP;
  place := 'the end';
  PERFORM sambapos._follow_defer(relations, 'IMMEDIATE');
  PERFORM sambapos._follow_note_success(f, parts, answer);
  RETURN NULL;
EXCEPTION WHEN OTHERS OR query_canceled THEN
  GET STACKED DIAGNOSTICS e.state = RETURNED_SQLSTATE, e.schema_name = SCHEMA_NAME, e.message = MESSAGE_TEXT,
                          e.table_name = TABLE_NAME, e.constraint_name = CONSTRAINT_NAME, e.hint = PG_EXCEPTION_HINT;
  IF e.state = '57014' AND NOT sambapos._follow_source_failed() THEN -- the cancel is for us
    PERFORM sambapos._follow_close();
    RAISE;
  END IF;
  PERFORM sambapos._follow_close();
  RETURN sambapos._follow_problem(e, place);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_pull(sambapos.follow, sambapos.follow_state) IS
  'Brings a copy up to its feed; returns what kept it from that, and then nothing is changed; NULL: nothing';

-- Who follows is who pulls: what writes has no other rights by that, and none of a superuser who calls.
CREATE FUNCTION sambapos._follow_names(name text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.follow;
BEGIN
  IF name IS NULL THEN
    RETURN ARRAY(SELECT o.name FROM sambapos.follow AS o JOIN sambapos.follow_state AS s USING (follow_id)
                 WHERE o.role_name = current_user AND s.next_at <= clock_timestamp() ORDER BY s.next_at, o.name);
  END IF;
  f := sambapos._follow(name);
  IF f.role_name <> current_user THEN
    RAISE EXCEPTION 'role "%" follows under the name "%"', f.role_name, name USING ERRCODE = 'insufficient_privilege',
      HINT = CASE WHEN EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = f.role_name) THEN format('Pull as that role: SET ROLE %I;', f.role_name)
                  ELSE 'There is no role of that name. If it was renamed, call sambapos_unfollow and sambapos_follow.' END;
  END IF;
  RETURN ARRAY[f.name];
END;
$$;
COMMENT ON FUNCTION sambapos._follow_names(text) IS 'What a pull is to bring up to date: the one named, or all of the role that are due';

CREATE FUNCTION sambapos._follow_pull_named(name text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  f sambapos.follow;
  s sambapos.follow_state;
  problem text;
BEGIN
  PERFORM sambapos._catalog_check();
  SELECT * INTO f FROM sambapos.follow AS o WHERE o.name = _follow_pull_named.name AND o.role_name = current_user;
  SELECT * INTO s FROM sambapos.follow_state AS x WHERE x.follow_id = f.follow_id FOR UPDATE SKIP LOCKED;
  IF s.follow_id IS NULL THEN
    RAISE NOTICE 'another session pulls "%"', name;
    RETURN NULL;
  END IF;
  problem := sambapos._follow_pull(f, s);
  PERFORM sambapos._follow_note_failure(f, problem) WHERE problem IS NOT NULL;
  RETURN format('"%s": ', name) || problem;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_pull_named(text) IS 'Pulls unless another session does; returns what kept it from that, and has noted it';

-- A pull that is cancelled leaves no trace. This does: the next pull of all takes the others first.
CREATE FUNCTION sambapos._follow_note_attempt(name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  UPDATE sambapos.follow_state AS s SET next_at = greatest(s.next_at, clock_timestamp())
  WHERE s.follow_id = (SELECT x.follow_id FROM sambapos.follow AS f JOIN sambapos.follow_state AS x USING (follow_id)
                       WHERE f.name = _follow_note_attempt.name AND f.role_name = current_user FOR UPDATE OF x SKIP LOCKED);
$$;
COMMENT ON FUNCTION sambapos._follow_note_attempt(text) IS 'Notes that a pull begins, unless another session is at it';

CREATE FUNCTION sambapos._follow_check_isolation() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'a copy is pulled under isolation level READ COMMITTED only' USING ERRCODE = 'active_sql_transaction',
      HINT = 'Call sambapos_pull without a transaction block, or BEGIN ISOLATION LEVEL READ COMMITTED.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_check_isolation() IS 'Raises 25001 under repeatable read and serializable';

CREATE FUNCTION sambapos._follow_complain(problems text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF problems <> '{}' THEN
    RAISE EXCEPTION 'could not pull %', array_to_string(problems, '; ') USING ERRCODE = 'fdw_error',
      HINT = 'The copies are as they were before. See sambapos.followed.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._follow_complain(text[]) IS 'Raises HV000 with what pulls have met, so that a job is seen to have failed';

CREATE PROCEDURE @extschema@.sambapos_pull(name text DEFAULT NULL)
LANGUAGE plpgsql AS
$$
DECLARE
  may_commit boolean;
  names pg_catalog.text[];
  one pg_catalog.text;
  problems pg_catalog.text[];
BEGIN
  SET LOCAL search_path TO pg_catalog, pg_temp;
  may_commit := sambapos._may_commit();
  IF may_commit THEN
    COMMIT;
    SET LOCAL search_path TO pg_catalog, pg_temp;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
  ELSE
    PERFORM sambapos._follow_check_isolation();
  END IF;
  names := sambapos._follow_names(name);
  FOREACH one IN ARRAY names LOOP
    IF may_commit THEN
      PERFORM sambapos._follow_note_attempt(one);
      COMMIT;
      SET LOCAL search_path TO pg_catalog, pg_temp;
      SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
    END IF;
    problems := array_append(problems, sambapos._follow_pull_named(one));
    IF may_commit THEN
      COMMIT;
      SET LOCAL search_path TO pg_catalog, pg_temp;
      SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
    END IF;
  END LOOP;
  PERFORM sambapos._follow_complain(array_remove(problems, NULL));
END;
$$;
COMMENT ON PROCEDURE @extschema@.sambapos_pull(text) IS
  'What cron calls: brings each copy of the calling role''s up to its feed, those that have failed later and later; or the one '
  'named, now. Each in one transaction. One that another session pulls is left to it. Raises HV000 at the end if any could not be '
  'pulled; sambapos.followed says why. Errors: 42704 nothing is followed under that name, 42501 another role follows';
