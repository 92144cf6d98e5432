-- capture.sql: the triggers that enter what changes in a table of the user's.
--
-- Rules:
-- * What a trigger does is written out for its table when the table is put on the feed: nothing is looked up when
--   somebody writes.
-- * A writer waits for no other writer, and sends no notification.
-- * The trigger runs with the rights of the table's owner: it meets types, casts and operators that are the owner's, or
--   that the owner has chosen. From there sambapos._feed_entered is the way into the log, on which a writer has no right.

-- By the catalog: to_regclass raises for who may not use the schema, and whoever asks a feed need not be allowed to.
CREATE FUNCTION sambapos._feed_relation(e sambapos.feed_entity) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
          WHERE n.nspname = e.schema_name AND c.relname = e.relation_name);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_relation(sambapos.feed_entity) IS
  'The relation of an entity; NULL: it is not there. Of what is computed the table that it is computed from';

-- Told by feed and name, as the log has them: sambapos._feed_entered asks it so.
CREATE FUNCTION sambapos._feed_capture_name(e sambapos.feed_entity) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN format('sambapos._feed_capture_%s_%s', e.feed_id, md5(e.entity)); END; $$;
COMMENT ON FUNCTION sambapos._feed_capture_name(sambapos.feed_entity) IS
  'The function that the triggers of an entity call';

-- With search_path pg_catalog the operators of a type of another schema (citext, hstore, ltree) are not found, or others
-- are: citext would be compared as text.
CREATE FUNCTION sambapos._feed_type_is_foreign(type oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t pg_type := (SELECT p FROM pg_type AS p WHERE p.oid = type);
BEGIN
  RETURN CASE WHEN t.typtype = 'd' THEN sambapos._feed_type_is_foreign(t.typbasetype)
              ELSE t.typtype = 'b' AND t.typcategory <> 'A' AND t.typnamespace <> 'pg_catalog'::regnamespace END;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_type_is_foreign(oid) IS 'True if the operators of a type are not in pg_catalog';

-- key as JSON, of row alias r. What JSON would show as an array or an object is its text: it is read back from that.
CREATE FUNCTION sambapos._feed_key_sql(e sambapos.feed_entity, alias text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'pg_catalog.jsonb_build_object('
         || string_agg(format('%L, %I.%I%s', k.name, alias, k.name, t.as_text), ', ' ORDER BY k.n) || ')'
  FROM unnest(e.key) WITH ORDINALITY AS k (name, n)
  LEFT JOIN (SELECT a.attname,
                    CASE WHEN y.typcategory IN ('A', 'C') OR y.oid = 'jsonb'::regtype OR sambapos._feed_type_is_foreign(y.oid)
                         THEN '::pg_catalog.text' END AS as_text
             FROM pg_attribute AS a JOIN pg_type AS y ON y.oid = a.atttypid
             WHERE a.attrelid = sambapos._feed_relation(e) AND NOT a.attisdropped) AS t ON t.attname = k.name;
$$;
COMMENT ON FUNCTION sambapos._feed_key_sql(sambapos.feed_entity, text) IS 'SQL for the key of a row, as JSON';

CREATE FUNCTION sambapos._feed_scope_sql(e sambapos.feed_entity, alias text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN e.scope IS NULL THEN 'NULL::text' ELSE format('%I.%I::text', alias, e.scope) END;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_scope_sql(sambapos.feed_entity, text) IS 'SQL for whose row it is';

CREATE FUNCTION sambapos._feed_operator(type oid, strategy integer) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH RECURSIVE base AS (
    SELECT t.oid, t.typbasetype FROM pg_type AS t WHERE t.oid = type
    UNION ALL SELECT t.oid, t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.typbasetype)
  SELECT coalesce(
    (SELECT format('OPERATOR(%I.%s)', n.nspname, o.oprname)
     FROM base AS b
     JOIN pg_opclass AS c ON c.opcintype = b.oid AND c.opcdefault
     JOIN pg_am AS m ON m.oid = c.opcmethod AND m.amname = 'btree'
     JOIN pg_amop AS a ON a.amopfamily = c.opcfamily AND a.amoplefttype = b.oid AND a.amoprighttype = b.oid
                      AND a.amopstrategy = strategy
     JOIN pg_operator AS o ON o.oid = a.amopopr
     JOIN pg_namespace AS n ON n.oid = o.oprnamespace
     WHERE b.typbasetype = 0 AND sambapos._feed_type_is_foreign(b.oid)),
    CASE strategy WHEN 3 THEN '=' ELSE '>' END);
$$;
COMMENT ON FUNCTION sambapos._feed_operator(oid, integer) IS
  'The operator by which an index orders a type: 3 equal, 5 greater';

-- What has no equality in pg_catalog (xml, json, point, and types of other schemas) is compared as text.
CREATE FUNCTION sambapos._feed_changed_sql(e sambapos.feed_entity, relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'pg_catalog.array_remove(ARRAY[' || string_agg(format(
           CASE WHEN sambapos._type_has_equality(a.atttypid) AND NOT sambapos._feed_type_is_foreign(a.atttypid)
                THEN 'CASE WHEN o.%1$I IS DISTINCT FROM n.%1$I THEN %2$L::text END'
                ELSE 'CASE WHEN o.%1$I::text IS DISTINCT FROM n.%1$I::text THEN %2$L::text END' END,
           c.name, c.name), ', ' ORDER BY c.n) || '], NULL)'
  FROM unnest(e.columns) WITH ORDINALITY AS c (name, n)
  JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = c.name AND NOT a.attisdropped;
$$;
COMMENT ON FUNCTION sambapos._feed_changed_sql(sambapos.feed_entity, regclass) IS
  'SQL for which of the columns that are sent differ between rows o and n';

-- A key is found again by what it was written as, so settings of a session must not show in it. The usual types have
-- none, and then a writer does not pay for them.
CREATE FUNCTION sambapos._feed_settings_sql(e sambapos.feed_entity, relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN bool_or(a.atttypid <> ALL ('{int2,int4,int8,numeric,text,varchar,bpchar,uuid,bool,oid,name}'::regtype[]))
              THEN 'SET "TimeZone" = ''UTC'' SET "DateStyle" = ''ISO, MDY'' SET "IntervalStyle" = ''postgres'' '
                   'SET bytea_output = ''hex'' SET extra_float_digits = 1 SET lc_monetary = ''C'' ' ELSE '' END
  FROM pg_attribute AS a
  WHERE a.attrelid = relation AND NOT a.attisdropped AND a.attname = ANY (e.key || e.scope);
$$;
COMMENT ON FUNCTION sambapos._feed_settings_sql(sambapos.feed_entity, regclass) IS
  'The settings with which keys and scopes are written: those that query_as_owner reads them with';

-- A row that goes to another scope, or gets another key, is gone for the one and new for the other.
CREATE FUNCTION sambapos._feed_capture_sql(e sambapos.feed_entity, relation regclass, olds text, news text, joined text)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format($sql$
  IF TG_OP = 'INSERT' THEN
    INSERT INTO sambapos._feed_entered (feed_id, entity, scope, key, operation, changed_by)
    SELECT %1$s, %2$L, %3$s, %4$s, 'INSERT', writer FROM %5$s AS n;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO sambapos._feed_entered (feed_id, entity, scope, key, operation, changed_by)
    SELECT %1$s, %2$L, %6$s, %7$s, 'DELETE', writer FROM %8$s AS o;
  ELSIF TG_OP = 'UPDATE' THEN
    back := sambapos._feed_written_back(TG_RELID);
    INSERT INTO sambapos._feed_entered (feed_id, entity, scope, key, operation, changed_columns, changed_by, written_back)
    SELECT %1$s, %2$L, x.scope, x.key, x.operation, x.columns, writer, coalesce(x.operation = 'UPDATE' AND x.key = back, false)
    FROM (SELECT %6$s AS old_scope, %3$s AS new_scope, %7$s AS old_key, %4$s AS new_key, %9$s AS columns,
                 o.%10$I IS NOT NULL AS was, n.%10$I IS NOT NULL AS is
          FROM %8$s AS o FULL JOIN %5$s AS n ON %11$s) AS p
    CROSS JOIN LATERAL (SELECT p.was AND p.is AND p.old_key = p.new_key
                               AND p.old_scope IS NOT DISTINCT FROM p.new_scope AS stays) AS s
    CROSS JOIN LATERAL (
      VALUES (1, p.old_scope, p.old_key, 'DELETE', NULL::text[], p.was AND NOT s.stays),
             (2, p.new_scope, p.new_key, CASE WHEN s.stays THEN 'UPDATE' ELSE 'INSERT' END,
              CASE WHEN s.stays THEN p.columns END, p.is AND (NOT s.stays OR p.columns <> '{}')))
      AS x (n, scope, key, operation, columns, counts)
    WHERE x.counts ORDER BY x.n;
  ELSE
    INSERT INTO sambapos._feed_entered (feed_id, entity, operation, changed_by) VALUES (%1$s, %2$L, 'TRUNCATE', writer);
  END IF;$sql$,
    e.feed_id, e.entity, sambapos._feed_scope_sql(e, 'n'), sambapos._feed_key_sql(e, 'n'), news,
    sambapos._feed_scope_sql(e, 'o'), sambapos._feed_key_sql(e, 'o'), olds,
    sambapos._feed_changed_sql(e, relation), e.key[1], joined);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_capture_sql(sambapos.feed_entity, regclass, text, text, text) IS
  'What a trigger does when rows of a table change';

-- A role that owns tables on feeds needs the way to the view, whatever its level.
CREATE FUNCTION sambapos._feed_writer_allow(role name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA sambapos TO %I', role);
  EXECUTE format('GRANT INSERT ON sambapos._feed_entered TO %I', role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION sambapos._feed_may_enter(integer, text) TO %I', role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION sambapos._feed_is_own(oid) TO %I', role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION sambapos._feed_written_back(oid) TO %I', role);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_writer_allow(name) IS 'Lets the triggers of a role''s tables enter changes';

CREATE FUNCTION sambapos._feed_is_writer(role name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (SELECT FROM sambapos.feed_entity AS e
                 JOIN pg_proc AS p ON p.oid = to_regprocedure(sambapos._feed_capture_name(e) || '()')
                 WHERE pg_get_userbyid(p.proowner) = role);
$$;
COMMENT ON FUNCTION sambapos._feed_is_writer(name) IS 'True if triggers of feeds have the rights of a role';

-- What the owner of the database, a level or a consumer has given it: then the schema stays open to it.
CREATE FUNCTION sambapos._feed_has_more(role name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (
    SELECT FROM (SELECT c.relacl AS acl FROM pg_class AS c WHERE c.relnamespace = 'sambapos'::regnamespace
                 UNION ALL SELECT p.proacl FROM pg_proc AS p WHERE p.pronamespace = 'sambapos'::regnamespace
                 UNION ALL SELECT t.typacl FROM pg_type AS t WHERE t.typnamespace = 'sambapos'::regnamespace
                 UNION ALL SELECT a.attacl FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
                           WHERE c.relnamespace = 'sambapos'::regnamespace AND a.attacl IS NOT NULL) AS o
    CROSS JOIN LATERAL aclexplode(o.acl) AS g WHERE g.grantee = to_regrole(quote_ident(role))::oid);
$$;
COMMENT ON FUNCTION sambapos._feed_has_more(name) IS 'True if a role was given anything in schema sambapos by itself';

CREATE FUNCTION sambapos._feed_writer_forget(role name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._feed_is_writer(role) OR EXISTS (SELECT FROM sambapos.role_grant AS g WHERE g.role_name = role)
     OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role) OR role = current_user THEN
    RETURN;
  END IF;
  EXECUTE format('REVOKE INSERT ON sambapos._feed_entered FROM %I', role);
  EXECUTE format('REVOKE ALL ON FUNCTION sambapos._feed_may_enter(integer, text) FROM %I', role);
  EXECUTE format('REVOKE ALL ON FUNCTION sambapos._feed_is_own(oid) FROM %I', role);
  EXECUTE format('REVOKE ALL ON FUNCTION sambapos._feed_written_back(oid) FROM %I', role);
  IF NOT sambapos._feed_has_more(role) THEN
    EXECUTE format('REVOKE USAGE ON SCHEMA sambapos FROM %I', role);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_writer_forget(name) IS
  'Takes that way from a role of which no table is on a feed any more, and which has no level';

-- In a function that runs with its owner's rights current_user is the owner, even under SET ROLE. A table that is no
-- longer what it was when this was written out does not fail who writes to it: what they do is not known then, so the
-- entity is to be taken anew. The tick says why. Nor is a table read that was given to another role meanwhile: types and
-- casts of the new owner would run with the rights of the former. Where the new one may not enter anything yet, the tick
-- sees the owner.
CREATE FUNCTION sambapos._feed_capture_body(e sambapos.feed_entity, relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  same_key text := (SELECT string_agg(format('o.%I %s n.%1$I', k, sambapos._feed_operator(a.atttypid, 3)), ' AND ')
                    FROM unnest(e.key) AS k JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = k);
  anew text := format('INSERT INTO sambapos._feed_entered (feed_id, entity, operation, changed_by)'
                      ' VALUES (%s, %L, ''LOAD'', writer);', e.feed_id, e.entity);
BEGIN
  RETURN format($sql$
#variable_conflict use_variable
DECLARE
  writer text := coalesce(nullif(current_setting('sambapos.changed_by', true), ''),
                          nullif(current_setting('role'), 'none'), session_user::text);
  back jsonb;
BEGIN
  IF NOT sambapos._feed_is_own(TG_RELID) THEN
    %2$s
    RETURN NULL;
  END IF;%1$s
  RETURN NULL;
EXCEPTION WHEN syntax_error_or_access_rule_violation OR feature_not_supported THEN
  BEGIN
    %2$s
  EXCEPTION WHEN insufficient_privilege THEN
    NULL;
  END;
  RETURN NULL;
END;
$sql$,
    CASE e.capture WHEN 'statement' THEN sambapos._feed_capture_sql(e, relation, 'old_rows', 'new_rows', same_key)
      ELSE sambapos._feed_capture_sql(e, relation, '(SELECT OLD.*)', '(SELECT NEW.*)', 'true') END, anew);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_capture_body(sambapos.feed_entity, regclass) IS
  'The body of the function that the triggers of an entity''s table call';

-- The names in the body are the table's owner's choice: so it is quoted as a whole.
CREATE FUNCTION sambapos._feed_capture_make(e sambapos.feed_entity, relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  name text := sambapos._feed_capture_name(e);
  owner name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class AS c WHERE c.oid = relation);
BEGIN
  EXECUTE format($sql$CREATE FUNCTION %s() RETURNS trigger -- runtime
LANGUAGE plpgsql %sSECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
%L
$sql$, name, sambapos._feed_settings_sql(e, relation), sambapos._feed_capture_body(e, relation));
  EXECUTE format('REVOKE ALL ON FUNCTION %s() FROM PUBLIC', name);
  EXECUTE format('ALTER FUNCTION %s() DEPENDS ON EXTENSION sambapos_fdw', name);
  EXECUTE format('COMMENT ON FUNCTION %s() IS %L', name,
                 format('Enters what changes in %s on the feed; made by sambapos_add_to_feed', relation));
  PERFORM sambapos._feed_writer_allow(owner);
  EXECUTE format('ALTER FUNCTION %s() OWNER TO %I', name, owner);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_capture_make(sambapos.feed_entity, regclass) IS
  'Makes the function that the triggers of an entity''s table call';

CREATE FUNCTION sambapos._feed_trigger_name(e sambapos.feed_entity, event text) RETURNS name
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('sambapos_feed_%s_%s', e.entity_id, event);
END;
$$;
COMMENT ON FUNCTION sambapos._feed_trigger_name(sambapos.feed_entity, text) IS 'What a trigger of an entity is called';

-- Tables that logical replication fills fire only row triggers that are ALWAYS.
CREATE FUNCTION sambapos._feed_triggers_make(e sambapos.feed_entity, relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t record;
BEGIN
  FOR t IN
    SELECT sambapos._feed_trigger_name(e, v.event) AS name, v.* FROM (VALUES
      ('insert', 'REFERENCING NEW TABLE AS new_rows', 'ROW'),
      ('update', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows', 'ROW'),
      ('delete', 'REFERENCING OLD TABLE AS old_rows', 'ROW'),
      ('truncate', '', 'STATEMENT')) AS v (event, transition, level)
  LOOP
    EXECUTE format('CREATE TRIGGER %I AFTER %s ON %s %s FOR EACH %s EXECUTE FUNCTION %s()',
                   t.name, t.event, relation, CASE e.capture WHEN 'statement' THEN t.transition ELSE '' END,
                   CASE e.capture WHEN 'statement' THEN 'STATEMENT' ELSE t.level END, sambapos._feed_capture_name(e));
    EXECUTE format('ALTER TRIGGER %I ON %s DEPENDS ON EXTENSION sambapos_fdw', t.name, relation);
    IF e.capture = 'row' THEN
      EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', relation, t.name);
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_triggers_make(sambapos.feed_entity, regclass) IS 'Makes the triggers of an entity''s table';

-- Whoever writes holds the table; whoever waits for it keeps later writers out. So it is waited for briefly, and often.
CREATE FUNCTION sambapos._feed_table_lock(relation regclass) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '200ms' SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  FOR attempt IN 1 .. 50 LOOP
    BEGIN
      EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', relation);
      RETURN;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_sleep(0.1);
    END;
  END LOOP;
  RAISE EXCEPTION 'table "%" is in use', relation USING ERRCODE = 'lock_not_available',
    HINT = 'Transactions that write to it have not ended for 15 seconds. Call again when they have.';
END;
$$;
COMMENT ON FUNCTION sambapos._feed_table_lock(regclass) IS
  'Waits until nobody writes to a table; raises 55P03 when that takes long';

CREATE FUNCTION sambapos._feed_capture_drop(e sambapos.feed_entity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  relation regclass := to_regclass(format('%I.%I', e.schema_name, e.relation_name));
  owner name := (SELECT pg_get_userbyid(p.proowner) FROM pg_proc AS p
                 WHERE p.oid = to_regprocedure(sambapos._feed_capture_name(e) || '()'));
  t record;
BEGIN
  IF relation IS NOT NULL AND e.capture IN ('statement', 'row') THEN
    PERFORM sambapos._feed_table_lock(relation);
  END IF;
  FOR t IN SELECT g.tgname, g.tgrelid::regclass AS relation FROM pg_trigger AS g
           WHERE g.tgfoid = to_regprocedure(sambapos._feed_capture_name(e) || '()')
             AND g.tgparentid = 0 LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.relation);
  END LOOP;
  EXECUTE format('DROP FUNCTION IF EXISTS %s()', sambapos._feed_capture_name(e));
  PERFORM sambapos._feed_writer_forget(owner) WHERE owner IS NOT NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._feed_capture_drop(sambapos.feed_entity) IS
  'Takes the triggers of an entity and their function away; its table stays';
