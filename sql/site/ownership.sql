-- ownership.sql: is what we write to, or read as ours, ours?
--
-- Rules:
-- * Other roles may create objects anywhere. A schema or relation that another role controls is refused, not
--   taken over: its triggers, defaults and domains would run with the rights of the sync, and its rows would
--   pass for the till's.
-- * Trusted are superusers, the extension's owner and the role that runs.
-- * A relation of ours can still carry code of others: who has the privilege TRIGGER may add a trigger. That
--   code runs with the rights of the sync. It is reported, and refused while a superuser runs.

CREATE FUNCTION sambapos._role_is_trusted(role_id oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  IF pg_get_userbyid(role_id) = current_user THEN
    RETURN true;
  END IF;
  RETURN (SELECT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role_id AND r.rolsuper)
        OR (EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw' AND e.extowner = role_id)
            AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = current_user AND r.rolsuper)));
END;
$$;
COMMENT ON FUNCTION sambapos._role_is_trusted(oid) IS
  'True for superusers, the role that runs and, unless that is a superuser, the extension''s owner';

CREATE FUNCTION sambapos._problem_raise(problem text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION '%', problem USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'The extension uses what belongs to its owner, to a superuser or to the role that runs it, nothing '
               'else.',
      HINT = 'If that role is the one that syncs, work as it (SET ROLE). Otherwise see "What belongs to others" in the '
             'manual''s page on hardening.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._problem_raise(text) IS 'Raises 55000 with the problem, unless it is NULL';

CREATE FUNCTION sambapos._schema_problem(schema_name name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT format('schema "%s" belongs to role "%s"', n.nspname, pg_get_userbyid(n.nspowner))
    FROM pg_namespace AS n WHERE n.nspname = schema_name AND NOT sambapos._role_is_trusted(n.nspowner));
END;
$$;
COMMENT ON FUNCTION sambapos._schema_problem(name) IS 'Why a schema may not be used; NULL: it may, or does not exist';

-- A superuser's schema may be used, but not by whoever has no right to create in it: as after the extension was dropped
-- and is used by another role.
CREATE FUNCTION sambapos._schema_check_create(schema_name name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF NOT has_schema_privilege(schema_name, 'CREATE') THEN
    RAISE EXCEPTION 'role "%" cannot create tables in schema "%"', current_user, schema_name USING
      ERRCODE = 'insufficient_privilege',
      DETAIL = format('The schema belongs to role "%s".',
                      (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = schema_name)),
      HINT = format('ALTER SCHEMA %1$I OWNER TO %2$I. Or drop it, if nothing in it is needed: DROP SCHEMA %1$I.',
                    schema_name, current_user);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._schema_check_create(name) IS
  'Raises 42501 if the role that runs may create nothing in a schema; 3F000 if there is none';

CREATE FUNCTION sambapos._site_problem(place sambapos._place) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN coalesce(sambapos._schema_problem('sambapos_replica'),
                  sambapos._schema_problem(sambapos._live_schema(place.name)));
END;
$$;
COMMENT ON FUNCTION sambapos._site_problem(sambapos._place) IS
  'Why a site may not be synced at all by the role that runs; NULL: it may';

CREATE FUNCTION sambapos._relation_problem(schema_name name, relation_name name, kinds text, what text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT CASE WHEN position(c.relkind IN kinds) = 0 THEN format('"%s.%s" is not %s', n.nspname, c.relname, what)
                ELSE format('"%s.%s" belongs to role "%s"', n.nspname, c.relname, pg_get_userbyid(c.relowner)) END
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = schema_name AND c.relname = relation_name
      AND (position(c.relkind IN kinds) = 0 OR NOT sambapos._role_is_trusted(c.relowner)));
END;
$$;
COMMENT ON FUNCTION sambapos._relation_problem(name, name, text, text) IS
  'Why a relation may not be used as one of the kinds (letters of relkind); NULL: it may, or does not exist';

CREATE FUNCTION sambapos._replica_problem(table_name name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT sambapos._relation_problem('sambapos_replica', table_name, 'rp', 'a table'));
END;
$$;
COMMENT ON FUNCTION sambapos._replica_problem(name) IS
  'Why a relation of sambapos_replica may not be written to; NULL: it may, or does not exist';

CREATE FUNCTION sambapos._live_problem(place sambapos._place, table_name name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT coalesce(
      sambapos._relation_problem(sambapos._live_schema(place.name), table_name, 'f', 'a foreign table'),
      (SELECT format('foreign table "%s.%s" is on server "%s", not on "%s"', n.nspname, c.relname, s.srvname,
                     place.server)
       FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
       JOIN pg_foreign_table AS f ON f.ftrelid = c.oid JOIN pg_foreign_server AS s ON s.oid = f.ftserver
       WHERE n.nspname = sambapos._live_schema(place.name) AND c.relname = table_name AND s.srvname <> place.server)));
END;
$$;
COMMENT ON FUNCTION sambapos._live_problem(sambapos._place, name) IS
  'Why a live foreign table may not be read; NULL: it may, or does not exist';

-- Reading runs code too, with the reader's rights: a view its functions, a table its policies, and the planner what an
-- index predicate calls. So a table of others is not even read.
CREATE FUNCTION sambapos._replica_table(table_name name) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'sambapos_replica' AND c.relname = table_name AND c.relkind IN ('r', 'p')
      AND sambapos._role_is_trusted(n.nspowner) AND sambapos._role_is_trusted(c.relowner));
END;
$$;
COMMENT ON FUNCTION sambapos._replica_table(name) IS
  'A table of sambapos_replica that the role which runs may trust; NULL if there is none of that name';

-- A source table can be called menu_items_history itself. Only a history table has valid_to (a source column of
-- that name is kept under another one), only a replica table has row_state.
CREATE FUNCTION sambapos._relation_kind(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT CASE WHEN bool_or(a.attname = 'row_state') THEN 'replica' WHEN bool_or(a.attname = 'valid_to')
          THEN 'history'
                ELSE 'other' END
    FROM pg_attribute AS a
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
    HAVING count(*) > 0);
END;
$$;
COMMENT ON FUNCTION sambapos._relation_kind(regclass) IS
  'replica, history or other: what a table of sambapos_replica is by its columns; NULL if there is none';

CREATE FUNCTION sambapos._replica_kind(table_name name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._relation_kind(sambapos._replica_table(table_name));
END;
$$;
COMMENT ON FUNCTION sambapos._replica_kind(name) IS
  'The same of a table that the role which runs may trust, by its name';

CREATE FUNCTION sambapos._replica_check_name(table_name name, kind text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found_kind text := sambapos._replica_kind(table_name);
BEGIN
  PERFORM sambapos._problem_raise(sambapos._replica_problem(table_name));
  IF found_kind <> kind THEN
    RAISE EXCEPTION 'the name "sambapos_replica.%" is taken', table_name USING
      ERRCODE = 'duplicate_table',
      DETAIL = CASE found_kind
                    WHEN 'history' THEN 'A table of that name keeps earlier versions of another table''s rows.'
               WHEN 'replica' THEN 'A source table of that name is replicated.'
               ELSE 'The table of that name is not one of sambapos_fdw.' END,
      HINT = 'Rename that table if it is yours, or leave this source table out.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_check_name(name, text) IS
  'Raises 42P07 if a table of sambapos_replica is of another kind, 55000 if it belongs to others';

-- One text makes the guard and tells it from what others have made: any part of a trigger, a WHEN clause first of all,
-- can call code. It is written as pg_get_triggerdef writes it.
CREATE FUNCTION sambapos._guard_definition(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('CREATE TRIGGER keep_history AFTER UPDATE ON %s FOR EACH ROW ', relation)
      || CASE WHEN bool_or(a.attname = 'row_state')
              THEN format('WHEN (((old.row_state <> ''live''::text) OR (new.row_state <> ''live''::text))) '
                          'EXECUTE FUNCTION sambapos_replica.keep_history(%L)',
                          CASE WHEN bool_or(a.attname = 'document_epoch') THEN 'document_epoch' ELSE '' END)
              ELSE 'EXECUTE FUNCTION sambapos_replica.keep_history()' END
  FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._guard_definition(regclass) IS
  'The trigger that keeps history (replica_table.sql), as a replica or history table has it';

CREATE FUNCTION sambapos._guard_is_on(relation regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM pg_trigger AS t
                 WHERE t.tgrelid = relation AND t.tgname = 'keep_history' AND t.tgenabled IN ('O', 'A')
                   AND pg_get_triggerdef(t.oid) = sambapos._guard_definition(relation));
$$;
COMMENT ON FUNCTION sambapos._guard_is_on(regclass) IS
  'True if a replica or history table has the trigger that keeps history, unchanged and enabled';

-- Of whoever made it: it is named, called and fired as we make it, and its condition compares texts and no more.
-- (pg_get_triggerdef would wait for who alters the table, and a run with it.)
CREATE FUNCTION sambapos._guard_is_harmless(t pg_trigger) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT t.tgname = 'keep_history' AND t.tgtype = 1 | 16 -- for each row, after update
       AND coalesce(t.tgfoid = to_regprocedure('sambapos_replica.keep_history()'), false)
       AND (t.tgqual IS NOT NULL) = EXISTS (SELECT FROM pg_attribute AS a
                                            WHERE a.attrelid = t.tgrelid AND a.attname = 'row_state'
                                               AND NOT a.attisdropped)
       AND NOT EXISTS (SELECT FROM regexp_matches(t.tgqual::text, '[{]([A-Z]+)', 'g') AS node (names)
                       WHERE node.names[1] NOT IN ('BOOLEXPR', 'OPEXPR', 'VAR', 'CONST'))
       AND NOT EXISTS (SELECT FROM regexp_matches(t.tgqual::text, ':opno ([0-9]+)', 'g') AS op (ids)
                       WHERE op.ids[1]::oid <> 'pg_catalog.<>(text,text)'::regoperator));
END;
$$;
COMMENT ON FUNCTION sambapos._guard_is_harmless(pg_trigger) IS
  'True if a trigger is the one that keeps history, and runs nothing else';

-- What can run when a row is written: triggers, rules, policies, defaults, checks, index expressions, types; of
-- the relation and of those that inherit from it. What PostgreSQL itself brings is not in pg_depend. A run asks this of
-- all its tables at once, and of one plan: to set the query up costs more than to run it.
CREATE FUNCTION sambapos._relations_code_of_others(relations regclass[]) RETURNS TABLE (relation regclass, code text)
LANGUAGE plpgsql STABLE STRICT SET plan_cache_mode = force_generic_plan SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH RECURSIVE written (relation, owner, id) AS (
      SELECT c.oid, c.relowner, c.oid FROM pg_class AS c WHERE c.oid = ANY (relations)
      UNION SELECT w.relation, w.owner, i.inhrelid FROM written AS w JOIN pg_inherits AS i ON i.inhparent = w.id
    ), part (relation, owner, classid, objid) AS (
      SELECT w.relation, w.owner, 'pg_class'::regclass::oid, w.id FROM written AS w
      UNION ALL SELECT w.relation, w.owner, 'pg_class'::regclass, i.indexrelid FROM written AS w
                JOIN pg_index AS i ON i.indrelid = w.id
      UNION ALL SELECT w.relation, w.owner, 'pg_trigger'::regclass, t.oid FROM written AS w
                JOIN pg_trigger AS t ON t.tgrelid = w.id WHERE NOT t.tgisinternal
      UNION ALL SELECT w.relation, w.owner, 'pg_rewrite'::regclass, r.oid FROM written AS w
                JOIN pg_rewrite AS r ON r.ev_class = w.id
      UNION ALL SELECT w.relation, w.owner, 'pg_policy'::regclass, p.oid FROM written AS w
                JOIN pg_policy AS p ON p.polrelid = w.id
      UNION ALL SELECT w.relation, w.owner, 'pg_attrdef'::regclass, d.oid FROM written AS w
                JOIN pg_attrdef AS d ON d.adrelid = w.id
      UNION ALL SELECT w.relation, w.owner, 'pg_statistic_ext'::regclass, s.oid FROM written AS w
                JOIN pg_statistic_ext AS s ON s.stxrelid = w.id
      UNION ALL SELECT w.relation, w.owner, 'pg_constraint'::regclass, c.oid FROM written AS w
                JOIN pg_constraint AS c ON c.conrelid = w.id
      UNION ALL SELECT w.relation, w.owner, 'pg_constraint'::regclass, c.oid FROM written AS w
                JOIN pg_attribute AS a ON a.attrelid = w.id AND NOT a.attisdropped
                JOIN pg_constraint AS c ON c.contypid = a.atttypid
    ), used AS (
      SELECT DISTINCT p.relation, p.owner AS written_by, p.classid, p.objid, d.refclassid, d.refobjid,
             CASE d.refclassid
               WHEN 'pg_proc'::regclass THEN (SELECT f.proowner FROM pg_proc AS f WHERE f.oid = d.refobjid)
               WHEN 'pg_operator'::regclass THEN (SELECT f.proowner FROM pg_operator AS o
                                                  JOIN pg_proc AS f ON f.oid = o.oprcode WHERE o.oid = d.refobjid)
               WHEN 'pg_type'::regclass THEN (SELECT t.typowner FROM pg_type AS t WHERE t.oid = d.refobjid)
               WHEN 'pg_class'::regclass THEN (SELECT c.relowner FROM pg_class AS c WHERE c.oid = d.refobjid)
             END AS owner
      FROM part AS p JOIN pg_depend AS d ON (d.classid, d.objid) = (p.classid, p.objid)
      WHERE d.deptype IN ('n', 'a')
      UNION SELECT w.relation, w.owner, 'pg_class'::regclass, i.inhrelid, 'pg_class'::regclass, i.inhrelid, c.relowner
      FROM written AS w JOIN pg_inherits AS i ON i.inhrelid = w.id JOIN pg_class AS c ON c.oid = w.id
      -- what a DELETE here cascades to runs its triggers as whoever deletes
      UNION SELECT w.relation, w.owner, 'pg_constraint'::regclass, k.oid, 'pg_class'::regclass, k.conrelid, c.relowner
      FROM written AS w JOIN pg_constraint AS k ON k.confrelid = w.id AND k.contype = 'f'
      JOIN pg_class AS c ON c.oid = k.conrelid
      -- nobody knows who made a trigger: where others may, it can be theirs, whoever owns its function; the guard of
      -- history does the same for whoever made it
      UNION SELECT w.relation, w.owner, 'pg_trigger'::regclass, t.oid, 'pg_class'::regclass, w.id, a.grantee
      FROM written AS w JOIN pg_trigger AS t ON t.tgrelid = w.id AND NOT t.tgisinternal
      JOIN pg_class AS c ON c.oid = w.id CROSS JOIN LATERAL (
        SELECT a.grantee FROM aclexplode(c.relacl) AS a
        WHERE a.privilege_type = 'TRIGGER' AND a.grantee <> w.owner AND NOT sambapos._guard_is_harmless(t)
        OFFSET 0) AS a -- the guard is looked at where somebody else has the privilege
    )
    SELECT u.relation::regclass,
           string_agg(CASE WHEN (u.classid, u.refclassid) = ('pg_trigger'::regclass, 'pg_class'::regclass)
                           THEN format('%s may be made by %s, with privilege TRIGGER',
                                       pg_describe_object(u.classid, u.objid, 0),
                                       coalesce('role "' || r.rolname || '"', 'PUBLIC'))
                           ELSE format('%s uses %s of role "%s"', pg_describe_object(u.classid, u.objid, 0),
                                       pg_describe_object(u.refclassid, u.refobjid, 0), r.rolname) END, '; '
                                       ORDER BY u.objid, u.refobjid, u.owner)
    FROM used AS u
    LEFT JOIN pg_roles AS r ON r.oid = u.owner
    WHERE r.rolsuper IS NOT TRUE AND u.owner IS NOT NULL AND u.owner <> u.written_by
      AND u.owner <> (SELECT e.extowner FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw')
    GROUP BY u.relation;
END;
$$;
COMMENT ON FUNCTION sambapos._relations_code_of_others(regclass[]) IS
  'What would run with the rights of whoever writes to one of these relations, and belongs neither to its owner, nor '
  'to the extension''s, nor to a superuser; no row for a relation without such code';

CREATE FUNCTION sambapos._relation_code_of_others(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT c.code FROM sambapos._relations_code_of_others(ARRAY[_relation_code_of_others.relation]) AS c);
END;
$$;
COMMENT ON FUNCTION sambapos._relation_code_of_others(regclass) IS 'The same of one relation; NULL: nothing';

CREATE FUNCTION sambapos._code_superuser_problem(code text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT code || '; a superuser does not run it' FROM pg_roles AS r WHERE r.rolname = current_user AND r.rolsuper;
$$;
COMMENT ON FUNCTION sambapos._code_superuser_problem(text) IS
  'Why a superuser may not write where that code of others runs; NULL: he may, or the role that runs is none';

CREATE FUNCTION sambapos._relation_superuser_problem(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN sambapos._code_superuser_problem(sambapos._relation_code_of_others(relation))
    FROM pg_roles AS r WHERE r.rolname = current_user AND r.rolsuper;
END;
$$;
COMMENT ON FUNCTION sambapos._relation_superuser_problem(regclass) IS
  'Why a superuser may not write to a relation; NULL: he may, or the role that runs is none';

-- A trigger passes of which nobody else can have made anything: it calls a function of the extension, its condition
-- uses nothing but what PostgreSQL brings, and no other role may make one on that table.
CREATE FUNCTION sambapos._catalog_suspects() RETURNS regclass[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (
    SELECT array_agg(c.oid::regclass) FROM pg_class AS c
    WHERE c.relnamespace = 'sambapos'::regnamespace AND c.relkind = 'r'
      AND (c.relhasrules OR c.relhastriggers AND EXISTS (
        SELECT FROM pg_trigger AS t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND NOT (
          coalesce((SELECT d.refobjid FROM pg_depend AS d -- not EXISTS: all members would be gathered first
                    WHERE (d.classid, d.objid) = ('pg_proc'::regclass, t.tgfoid) AND d.deptype = 'e'
                      AND d.refclassid = 'pg_extension'::regclass)
                   = (SELECT e.oid FROM pg_extension AS e WHERE e.extname = 'sambapos_fdw'), false)
          AND NOT EXISTS (SELECT FROM pg_depend AS d
                          WHERE (d.classid, d.objid) = ('pg_trigger'::regclass, t.oid)
                            AND (d.refclassid, d.refobjid) NOT IN (('pg_proc'::regclass, t.tgfoid),
                                                                   ('pg_class'::regclass, t.tgrelid)))
          AND NOT EXISTS (SELECT FROM aclexplode(c.relacl) AS a
                          WHERE a.privilege_type = 'TRIGGER' AND a.grantee <> c.relowner)))));
END;
$$;
COMMENT ON FUNCTION sambapos._catalog_suspects() IS
  'The tables of the catalog with rules, or with triggers that may be of others, to be looked at more closely; NULL: '
  'none';

-- The catalog is written to before any table is: what is on it must be ours as well. Who may only look has no say in it,
-- nor has a policy, since no superuser meets one. A run that finds nothing asks this too: what is plainly ours is told
-- without the long question.
CREATE FUNCTION sambapos._catalog_check() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  suspects regclass[]; -- most often none, and the long question is not asked
BEGIN
  IF EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = current_user AND r.rolsuper) THEN
    suspects := sambapos._catalog_suspects();
  END IF;
  IF suspects IS NOT NULL THEN
    PERFORM sambapos._problem_raise(sambapos._code_superuser_problem(c.code))
    FROM sambapos._relations_code_of_others(suspects) AS c;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._catalog_check() IS
  'Raises 55000 if a superuser would run code of others by writing to the catalog';

CREATE FUNCTION sambapos._table_owner_problem(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT coalesce(
      sambapos._replica_problem(t.table_name),
      CASE WHEN t.history THEN sambapos._replica_problem((t.table_name || '_history')::name) END,
      sambapos._live_problem(place, t.table_name)));
END;
$$;
COMMENT ON FUNCTION sambapos._table_owner_problem(sambapos._place, sambapos._table) IS
  'Whose a table is, if it is not of the role that runs; NULL: it is';

-- A table and everything about it. Read in a transaction that holds a lock on it which writers need, the answer
-- holds until the end: CREATE TRIGGER and ALTER TABLE wait for that lock.
CREATE FUNCTION sambapos._table_problem(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT coalesce(
      sambapos._table_owner_problem(place, t),
      sambapos._relation_superuser_problem(sambapos._replica_table(t.table_name)),
      CASE WHEN t.history THEN
             sambapos._relation_superuser_problem(sambapos._replica_table((t.table_name || '_history')::name)) END));
END;
$$;
COMMENT ON FUNCTION sambapos._table_problem(sambapos._place, sambapos._table) IS
  'Why a table may not be synced by the role that runs; NULL: it may';

-- After the lock that writers need has been taken, what is looked up is what holds: under a snapshot that is older
-- than the lock it is not.
CREATE FUNCTION sambapos._check_isolation() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'the replica is written to under isolation level read committed only' USING
      ERRCODE = 'active_sql_transaction',
      DETAIL = format('This transaction''s is %s.', current_setting('transaction_isolation')),
      HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED, or let sambapos_run do it.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._check_isolation() IS 'Raises 25001 under repeatable read and serializable';

-- CREATE TRIGGER and ALTER TABLE wait for this lock, which every write takes anyway: what is found then holds until the
-- commit.
CREATE FUNCTION sambapos._table_claim(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._check_isolation();
  EXECUTE format('LOCK TABLE sambapos_replica.%I IN ROW EXCLUSIVE MODE', t.table_name);
  PERFORM sambapos._problem_raise(sambapos._table_problem(place, t));
  PERFORM sambapos._rollup_forget(place.site_id); -- no merge writes, which would keep it
END;
$$;
COMMENT ON FUNCTION sambapos._table_claim(sambapos._place, sambapos._table) IS
  'Locks a replica table for writing outside a merge; raises 55000 if the role that runs may not write to it';

-- For people to read. What decides is looked up anew each time, but by the run that has just written this.
CREATE FUNCTION sambapos._site_note_code_of_others(site_id integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  WITH written AS MATERIALIZED (
    SELECT k.table_name, n.rank, sambapos._replica_table(n.name::name) AS relation
    FROM sambapos._table AS k
    CROSS JOIN LATERAL (SELECT 1 AS rank, k.table_name AS name
                        UNION ALL SELECT 2, k.table_name || '_history' WHERE k.history) AS n
    WHERE k.site_id = _site_note_code_of_others.site_id
  ), code AS MATERIALIZED (
    SELECT c.relation, c.code
    FROM sambapos._relations_code_of_others(ARRAY(SELECT w.relation FROM written AS w)) AS c
  )
  UPDATE sambapos.table_state AS t SET code_of_others = c.code
    FROM (SELECT w.table_name, string_agg(o.code, '; ' ORDER BY w.rank) AS code
          FROM written AS w LEFT JOIN code AS o USING (relation) GROUP BY w.table_name) AS c
   WHERE t.site_id = _site_note_code_of_others.site_id AND t.table_name = c.table_name
     AND t.code_of_others IS DISTINCT FROM c.code;
END;
$$;
COMMENT ON FUNCTION sambapos._site_note_code_of_others(integer) IS
  'Brings table_state.code_of_others of a site up to date';
