-- replica_table.sql: the replica tables: made when a table is added, extended when its source changes.
--
-- Rules:
-- * One table in sambapos_replica for each source table, for all sites: site_id, epoch, the source's
--   columns with plain numeric and text, then row_state, first_seen_at, synced_at, version.
-- * A child's identity is its root's and its own key. Where the source's key does not hold the root's id, the replica's
--   does: root_id, 0 for a row that has no root.
-- * Columns are matched by name, never by position. A column is added, or made wider, never dropped.
-- * Nothing here is a member of the extension: DROP EXTENSION must not reach history.

-- A source column that has the name of one of ours is kept under another one: "source_" goes before it, and before
-- what would then have its name, be it in camelCase. So no two columns of a table ever meet.
CREATE FUNCTION sambapos._replica_own_columns() RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN '^_*(source_+)*(site_+id|epoch|root_+id|document_+epoch|modifiers|row_+state|first_+seen_+at|synced_+at|version'
         '|valid_+from|valid_+to)_*$';
END;
$$;
COMMENT ON FUNCTION sambapos._replica_own_columns() IS
  'A pattern of the names that a source column cannot keep in the replica';

CREATE FUNCTION sambapos._replica_column(column_name name) RETURNS name
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE WHEN column_name ~ sambapos._replica_own_columns()
              THEN sambapos._name_fit('source_' || column_name) ELSE column_name END;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_column(name) IS 'The replica''s name of a live column';

-- What xml, json and point lack. An array has what its elements have; a row is not asked.
CREATE FUNCTION sambapos._type_has_equality(type oid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t pg_type;
BEGIN
  SELECT * INTO STRICT t FROM pg_type AS p WHERE p.oid = type;
  RETURN CASE
    WHEN t.typtype = 'd' THEN sambapos._type_has_equality(t.typbasetype)
    WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN sambapos._type_has_equality(t.typelem)
    WHEN t.typtype IN ('e', 'r', 'm') THEN true
    ELSE EXISTS (SELECT FROM pg_opclass AS o JOIN pg_am AS a ON a.oid = o.opcmethod
                 WHERE o.opcdefault AND a.amname IN ('btree', 'hash')
                   AND (o.opcintype = type
                        OR EXISTS (SELECT FROM pg_cast AS c WHERE c.castsource = type AND c.casttarget = o.opcintype
                                                              AND c.castmethod = 'b' AND c.castcontext = 'i')))
  END;
END;
$$;
COMMENT ON FUNCTION sambapos._type_has_equality(oid) IS 'True if two values of a type can be told to be the same';

CREATE FUNCTION sambapos._replica_usual_types() RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN '{integer,bigint,numeric,boolean,timestamp without time zone,text}'; END; $$;
COMMENT ON FUNCTION sambapos._replica_usual_types() IS
  'Types that columns have in the replica as they have them live, but for lengths: nearly all';

-- Without lengths, precisions and scales, so that a wider source column needs no ALTER; and as text where a run could
-- not tell whether a value has changed.
CREATE FUNCTION sambapos._replica_type(type_name text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  plain text := format_type(type_name::regtype, NULL);
BEGIN
  RETURN CASE WHEN plain IN ('character varying', 'character', '"char"', 'name') THEN 'text'
              WHEN plain = ANY (sambapos._replica_usual_types()) THEN plain
              WHEN sambapos._type_has_equality(type_name::regtype) THEN plain ELSE 'text' END;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_type(text) IS 'The type of the replica''s column for a live column''s type';

-- What one read of a table selects, and under which names it is kept. Secrets are not among them even
-- if somebody imported them, nor is what the source has dropped. It is asked for two hundred times a run: what decides
-- nothing for most columns is not called for them.
CREATE FUNCTION sambapos._table_columns(place sambapos._place, t sambapos._table)
RETURNS TABLE (column_name name, live_name name, source_name text, type_name text, is_key boolean,
               is_hidden boolean, ordinal smallint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT c.replica_name, c.column_name, c.source_name, c.replica_type, c.is_key,
           p.treatment IS NOT NULL AND c.replica_type = 'text', c.ordinal
    FROM (SELECT l.*, CASE WHEN l.column_name ~ sambapos._replica_own_columns()
                             THEN sambapos._replica_column(l.column_name) ELSE l.column_name END AS replica_name,
                 CASE WHEN l.plain_type = ANY (sambapos._replica_usual_types())
                        THEN l.plain_type ELSE sambapos._replica_type(l.type_name) END AS replica_type
          FROM sambapos._live_columns(format('%I.%I', sambapos._live_schema(place.name), t.table_name)::regclass) AS l
          OFFSET 0) AS c -- once a column
    LEFT JOIN sambapos.personal_treatment AS p
           ON p.site_id = t.site_id AND p.table_name = t.table_name AND p.treatment = 'null'
          AND p.column_name = c.replica_name AND NOT c.is_key
    WHERE NOT (lower(t.source_name COLLATE "C") = ANY (sambapos._tables_with_secrets())
               AND sambapos._column_is_secret(t.source_name, c.source_name))
      AND c.replica_name <> ALL (t.missing_columns);
END;
$$;
COMMENT ON FUNCTION sambapos._table_columns(sambapos._place, sambapos._table) IS
  'The columns of a table that are copied';

CREATE FUNCTION sambapos._table_key(place sambapos._place, t sambapos._table) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT array_agg(c.column_name ORDER BY c.ordinal) FROM sambapos._table_columns(place, t) AS c WHERE c.is_key; $$;
COMMENT ON FUNCTION sambapos._table_key(sambapos._place, sambapos._table) IS
  'The source''s key of a table, in replica names; NULL if it has none';

CREATE FUNCTION sambapos._replica_has_root_id(t sambapos._table) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT t.kind = 'child' AND EXISTS (
      SELECT FROM pg_attribute AS a WHERE a.attrelid = to_regclass(format('sambapos_replica.%I', t.table_name))
         AND a.attname = 'root_id' AND NOT a.attisdropped));
END;
$$;
COMMENT ON FUNCTION sambapos._replica_has_root_id(sambapos._table) IS
  'True for the replica of a child table whose source key does not hold the root''s id';

-- Tickets and payments point at account documents by id alone; the epoch of the document is kept
-- beside the id, since a reseed may use document ids again.
CREATE FUNCTION sambapos._table_document_link(place sambapos._place, t sambapos._table) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT c.column_name FROM sambapos._table_columns(place, t) AS c
    WHERE c.source_name IN ('TransactionDocument_Id', 'AccountTransaction_AccountTransactionDocumentId'));
END;
$$;
COMMENT ON FUNCTION sambapos._table_document_link(sambapos._place, sambapos._table) IS
  'The column that holds an account document''s id beside document_epoch, or NULL';

CREATE FUNCTION sambapos._table_has(place sambapos._place, t sambapos._table, columns name[]) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT coalesce(array_agg(c.live_name), '{}') FROM sambapos._table_columns(place, t) AS c
   WHERE c.live_name = ANY (columns); $$;
COMMENT ON FUNCTION sambapos._table_has(sambapos._place, sambapos._table, name[]) IS
  'Those of the given live columns that the table has';

-- What a report would otherwise read out of text again and again is computed when a row is written. Most orders have no
-- tags: no function is called for them.
CREATE FUNCTION sambapos._table_computed(place sambapos._place, t sambapos._table)
RETURNS TABLE (column_name name, type_name text, expression text)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  IF t.source_name = 'Orders' THEN
    RETURN QUERY
      SELECT 'modifiers'::name, 'numeric',
             'CASE WHEN s.order_tags <> ALL (''{"",[]}'') THEN sambapos._order_tags_price(s.order_tags) ELSE 0 END'
      FROM sambapos._table_columns(place, t) AS c WHERE c.column_name = 'order_tags' AND c.type_name = 'text';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._table_computed(sambapos._place, sambapos._table) IS
  'Columns of a replica table that are computed from a staged row (alias s)';

-- What the sync and the reports look rows up by: roots by their id, live or of the past; children by their root; dates.
CREATE FUNCTION sambapos._replica_index(place sambapos._place, t sambapos._table, relation text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  indexed name;
BEGIN
  IF t.kind IN ('ticket', 'document', 'period') THEN
    EXECUTE format('CREATE INDEX ON %s (site_id, id) WHERE row_state = ''live''', relation);
    EXECUTE format('CREATE INDEX ON %s (site_id, id) WHERE row_state <> ''live''', relation);
  END IF;
  FOR indexed IN
    SELECT c.column_name FROM sambapos._table_columns(place, t) AS c
    WHERE c.column_name IN (t.parent_key, t.date_column, 'date', 'transaction_document_id', 'last_payment_date',
                            'ticket_number')
       OR (t.kind = 'child' AND c.column_name = 'account_id')
    ORDER BY c.ordinal
  LOOP
    EXECUTE format('CREATE INDEX ON %s (site_id, %I)', relation, indexed);
  END LOOP;
  IF t.kind = 'ticket' THEN
    EXECUTE format('CREATE INDEX ON %s (site_id, id) WHERE row_state = ''live'' AND NOT is_closed', relation);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_index(sambapos._place, sambapos._table, text) IS 'Indexes a new replica table';

CREATE FUNCTION sambapos._replica_create(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  keys text := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(sambapos._table_key(place, t)) AS k);
  relation text := format('sambapos_replica.%I', t.table_name);
  needs_root_id boolean := t.kind = 'child' AND t.parent_key <> ALL (sambapos._table_key(place, t));
BEGIN
  EXECUTE format(
    $sql$CREATE TABLE %s (
           site_id integer NOT NULL, epoch integer NOT NULL, %s%s,
           row_state text NOT NULL DEFAULT 'live'
             CHECK (row_state IN ('live', 'cleared', 'removed', 'deleted', 'superseded')),
           first_seen_at timestamptz NOT NULL DEFAULT now(),
           synced_at timestamptz NOT NULL DEFAULT now(),
           version bigint NOT NULL,
           PRIMARY KEY (site_id, epoch, %s%s))$sql$,
    relation, CASE WHEN needs_root_id THEN 'root_id bigint NOT NULL, ' ELSE '' END,
    (SELECT string_agg(format('%I %s', c.column_name, c.type_name), ', ' ORDER BY c.ordinal)
     FROM sambapos._table_columns(place, t) AS c)
      || CASE WHEN sambapos._table_document_link(place, t) IS NOT NULL THEN ', document_epoch integer' ELSE '' END
      || coalesce((SELECT string_agg(format(', %I %s', c.column_name, c.type_name), '')
                   FROM sambapos._table_computed(place, t) AS c), ''),
    CASE WHEN needs_root_id THEN 'root_id, ' ELSE '' END, keys);
  EXECUTE format('COMMENT ON TABLE %s IS %L', relation,
                 format('SambaPOS table %s of all sites; rows are never deleted, row_state tells what became of them',
                        t.source_name));
  PERFORM sambapos._replica_index(place, t, relation);
  IF needs_root_id THEN
    EXECUTE format('CREATE INDEX ON %s (site_id, %s) WHERE row_state = ''live''', relation, keys);
    EXECUTE format('COMMENT ON COLUMN %s.root_id IS %L', relation, format(
      'The id of the row of %s that the row belongs to; 0 where column %s is NULL', t.parent, t.parent_key));
  END IF;
  PERFORM sambapos._replica_comment(relation::regclass);
  PERFORM sambapos._readers_open(relation::regclass);
END;
$$;
COMMENT ON FUNCTION sambapos._replica_create(sambapos._place, sambapos._table) IS
  'Makes a replica table and its indexes';

-- The trigger's function is no member of the extension and needs nothing of it: it keeps history after DROP EXTENSION
-- too, and a dump of schema sambapos_replica alone has it. An AFTER trigger takes no lock on the row, and its WHEN is
-- all that an update of a live row pays.
CREATE FUNCTION sambapos._history_function_ensure() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  owner oid;
BEGIN
  IF to_regprocedure('sambapos_replica.keep_history()') IS NULL THEN
    CREATE FUNCTION sambapos_replica.keep_history() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
    $function$
    DECLARE
      kept record := NEW;
    BEGIN
      IF TG_NARGS > 0 THEN -- a replica table, not one of earlier versions
        kept.row_state := OLD.row_state;
        kept.synced_at := OLD.synced_at;
        kept.version := OLD.version;
        IF TG_ARGV[0] = 'document_epoch' THEN
          kept.document_epoch := OLD.document_epoch;
        END IF;
      END IF;
      IF kept *<> OLD AND current_setting('sambapos_replica.rewrite_history', true) IS DISTINCT FROM TG_TABLE_NAME THEN
        RAISE EXCEPTION 'a row of history in "sambapos_replica.%" keeps its values', TG_TABLE_NAME USING
          ERRCODE = 'integrity_constraint_violation',
          DETAIL = format('The row as it is: %s.', OLD),
          HINT = 'Of a row that is not live only row_state, synced_at, version and document_epoch may change. '
                 'See "History keeps its values" in the manual.';
      END IF;
      RETURN NULL;
    END;
    $function$;
    COMMENT ON FUNCTION sambapos_replica.keep_history() IS
      'Trigger of every replica table: refuses to change the values of a row that is not live';
    REVOKE ALL ON FUNCTION sambapos_replica.keep_history() FROM PUBLIC;
  END IF;
  SELECT p.proowner INTO STRICT owner FROM pg_proc AS p
  WHERE p.oid = to_regprocedure('sambapos_replica.keep_history()');
  IF NOT (sambapos._role_is_trusted(owner)
          AND has_function_privilege(to_regprocedure('sambapos_replica.keep_history()'), 'EXECUTE')) THEN
    RAISE EXCEPTION 'function "sambapos_replica.keep_history" belongs to role "%"', pg_get_userbyid(owner) USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = format('Role "%s", which runs, makes no triggers that call it.', current_user),
      HINT = format('Let it belong to whom the replica belongs to: ALTER FUNCTION sambapos_replica.keep_history() '
                    'OWNER TO %I;', current_user);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._history_function_ensure() IS
  'Makes the function of the trigger that keeps history; raises 55000 if it is there and belongs to others';

CREATE FUNCTION sambapos._history_guard_ensure(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._history_function_ensure();
  IF sambapos._guard_is_on(relation) THEN
    RETURN;
  ELSIF EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = relation AND t.tgname = 'keep_history') THEN
    RAISE NOTICE 'trigger "keep_history" of table "%" was changed or disabled, and is made anew', relation;
    EXECUTE format('DROP TRIGGER keep_history ON %s', relation);
  END IF;
  EXECUTE sambapos._guard_definition(relation);
END;
$$;
COMMENT ON FUNCTION sambapos._history_guard_ensure(regclass) IS
  'Gives a replica table, or one of earlier versions, the trigger that keeps history';

-- Whoever has a copy by the site's feed is to have it as it is now.
CREATE FUNCTION sambapos._history_tell(site_id integer, table_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  INSERT INTO sambapos.change (feed_id, entity, operation, changed_by)
  SELECT e.feed_id, e.entity, 'LOAD', session_user
  FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS e USING (feed_id)
  WHERE f.site_id = _history_tell.site_id AND (e.capture = 'merge' AND e.relation_name = table_name
                                                    OR e.capture = 'join' AND table_name = ANY (e.tables));
  INSERT INTO sambapos.feed_due (feed_id, entity_id)
  SELECT e.feed_id, e.entity_id FROM sambapos.change_feed AS f JOIN sambapos.feed_entity AS e USING (feed_id)
  WHERE f.site_id = _history_tell.site_id AND e.capture = 'compare' AND table_name = ANY (e.tables);
END;
$$;
COMMENT ON FUNCTION sambapos._history_tell(integer, name) IS
  'Enters on the feed of a site that values of a replica table were rewritten';

-- What a person decides about history goes through here, and nothing else: personal columns are nulled, a guest is
-- erased, a new computed column is filled.
CREATE FUNCTION sambapos._history_rewrite(site_id integer, table_name name, assignments text,
                                          condition text DEFAULT 'true') RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  rewritten bigint;
BEGIN
  PERFORM sambapos._check_isolation();
  IF to_regclass(format('sambapos_replica.%I', table_name)) IS NOT NULL THEN
    -- nobody adds a trigger meanwhile
    EXECUTE format('LOCK TABLE sambapos_replica.%I IN ROW EXCLUSIVE MODE', table_name);
  END IF;
  PERFORM sambapos._problem_raise(sambapos._replica_problem(table_name));
  PERFORM sambapos._problem_raise(sambapos._relation_superuser_problem(sambapos._replica_table(table_name)));
  PERFORM set_config('sambapos_replica.rewrite_history', table_name, true);
  EXECUTE format('UPDATE sambapos_replica.%I SET %s WHERE site_id = $1 AND (%s)', table_name, assignments, condition)
    USING site_id;
  GET DIAGNOSTICS rewritten = ROW_COUNT;
  PERFORM set_config('sambapos_replica.rewrite_history', '', true);
  PERFORM sambapos._history_tell(site_id, table_name) WHERE rewritten > 0;
  PERFORM sambapos._rollup_forget(site_id) WHERE rewritten > 0;
  RETURN rewritten;
END;
$$;
COMMENT ON FUNCTION sambapos._history_rewrite(integer, name, text, text) IS
  'The one way to change values of history: UPDATE of one site''s rows of a replica table with these assignments, '
  'written as SQL. For nulling personal columns, erasing a guest, filling a new column. Returns how many rows';

CREATE FUNCTION sambapos._type_holds(wide text, narrow text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (
    SELECT FROM (VALUES ('{smallint,integer,bigint,numeric}'::text[]), ('{real,double precision}'::text[]),
                      ('{date,timestamp without time zone}'::text[])) AS family (types)
    WHERE array_position(types, narrow) < array_position(types, wide));
$$;
COMMENT ON FUNCTION sambapos._type_holds(text, text) IS
  'True if every value of the second type is one of the first, wider, type';

-- A table that was made before has no such column. Rows of history get it by the one way that is open.
CREATE FUNCTION sambapos._computed_add(t sambapos._table, column_name name, type_name text, expression text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = sambapos._replica_table(t.table_name::name)
             AND a.attname = _computed_add.column_name AND NOT a.attisdropped) THEN
    RETURN;
  END IF;
  EXECUTE format('ALTER TABLE sambapos_replica.%I ADD COLUMN %I %s', t.table_name, column_name, type_name);
  PERFORM sambapos._history_rewrite(s.site_id, t.table_name::name,
                                    format('%I = %s', column_name, regexp_replace(expression, '\ms\.', '', 'g')))
  FROM sambapos.site AS s;
END;
$$;
COMMENT ON FUNCTION sambapos._computed_add(sambapos._table, name, text, text) IS
  'Adds a computed column to a replica table that lacks it, and fills it';

-- Adds the columns a replica table lacks and widens those that are too narrow.
CREATE FUNCTION sambapos._replica_extend(place sambapos._place, t sambapos._table, replica name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c     record;
  given sambapos._privilege[]; -- on a view that had to go
  kept  sambapos._view[]; -- reports that had to go
BEGIN
  FOR c IN
    SELECT w.column_name, w.type_name, format_type(a.atttypid, NULL) AS present_type
    FROM sambapos._table_columns(place, t) AS w
    LEFT JOIN pg_attribute AS a ON a.attrelid = format('sambapos_replica.%I', replica)::regclass
          AND a.attname = w.column_name AND NOT a.attisdropped
    WHERE format_type(a.atttypid, NULL) IS DISTINCT FROM w.type_name
    ORDER BY w.ordinal
  LOOP
    IF c.present_type IS NULL THEN
      EXECUTE format('ALTER TABLE sambapos_replica.%I ADD COLUMN %I %s', replica, c.column_name, c.type_name);
    ELSIF sambapos._type_holds(c.type_name, c.present_type) THEN
      given := coalesce(sambapos._counted_drop(replica), given);
      kept := kept || sambapos._report_views_drop(format('sambapos_replica.%I', replica)::regclass);
      EXECUTE format('ALTER TABLE sambapos_replica.%I ALTER COLUMN %I TYPE %s', replica, c.column_name, c.type_name);
    ELSIF NOT sambapos._type_holds(c.present_type, c.type_name) THEN
      RAISE EXCEPTION 'column "%" of table "%" changed from % to %', c.column_name, replica, c.present_type, c.type_name
        USING ERRCODE = 'datatype_mismatch',
              HINT = format('Rename that column of "sambapos_replica.%s", or drop the views that use it and convert '
                            'it. '
                            'Then: SELECT sambapos_configure(%L, ''enabled'', ''true'', %L); makes the view again.',
                            replica, place.name, t.table_name);
    END IF;
  END LOOP;
  IF given IS NOT NULL THEN
    PERFORM sambapos._counted_ensure(replica, given);
  END IF;
  PERFORM sambapos._report_views_restore(kept);
  IF replica = t.table_name THEN
    PERFORM sambapos._computed_add(t, k.column_name, k.type_name, k.expression) FROM sambapos._table_computed(place, t) AS k;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_extend(sambapos._place, sambapos._table, name) IS
  'Brings the columns of a replica or history table up to the source''s';

CREATE FUNCTION sambapos._history_ensure(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  history name := t.table_name || '_history';
  keys text := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(sambapos._table_key(place, t)) AS k);
BEGIN
  PERFORM sambapos._replica_check_name(history, 'history');
  IF to_regclass(format('sambapos_replica.%I', history)) IS NULL THEN
    EXECUTE format(
      'CREATE TABLE sambapos_replica.%I (site_id integer NOT NULL, epoch integer NOT NULL, %s%s,
         valid_from timestamptz NOT NULL, valid_to timestamptz NOT NULL, version bigint NOT NULL,
         PRIMARY KEY (site_id, epoch, %s%s, version))', history,
      CASE WHEN sambapos._replica_has_root_id(t) THEN 'root_id bigint NOT NULL, ' END,
      (SELECT string_agg(format('%I %s', c.column_name, c.type_name), ', ' ORDER BY c.ordinal)
       FROM sambapos._table_columns(place, t) AS c),
      CASE WHEN sambapos._replica_has_root_id(t) THEN 'root_id, ' END, keys);
    EXECUTE format('COMMENT ON TABLE sambapos_replica.%I IS %L', history,
                   format('Earlier versions of the rows of sambapos_replica.%s', t.table_name));
    PERFORM sambapos._replica_comment(format('sambapos_replica.%I', history)::regclass);
    PERFORM sambapos._readers_open(format('sambapos_replica.%I', history)::regclass);
  END IF;
  PERFORM sambapos._replica_extend(place, t, history);
  PERFORM sambapos._history_guard_ensure(format('sambapos_replica.%I', history)::regclass);
END;
$$;
COMMENT ON FUNCTION sambapos._history_ensure(sambapos._place, sambapos._table) IS
  'Makes or extends the table of earlier versions of a replica table';

CREATE FUNCTION sambapos._replica_schema_ensure() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF to_regnamespace('sambapos_replica') IS NULL THEN
    CREATE SCHEMA sambapos_replica;
    COMMENT ON SCHEMA sambapos_replica IS
      'SambaPOS tables of all sites, with all their history; filled by sambapos_sync';
    PERFORM sambapos._readers_grant('USAGE', 'SCHEMA sambapos_replica');
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_schema_ensure() IS 'Makes the schema of the replica, if it is not there';

CREATE FUNCTION sambapos._replica_ensure(site_id integer, table_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
  t sambapos._table;
BEGIN
  SELECT * INTO STRICT place FROM sambapos._place AS s WHERE s.site_id = _replica_ensure.site_id;
  SELECT * INTO STRICT t FROM sambapos._table AS r
   WHERE r.site_id = _replica_ensure.site_id AND r.table_name = _replica_ensure.table_name;
  IF sambapos._table_key(place, t) IS NULL THEN
    RAISE EXCEPTION 'table "%" has no primary key', t.source_name USING
      ERRCODE = 'invalid_table_definition',
      DETAIL = 'Without a key a row cannot be told from its next version.';
  END IF;
  PERFORM sambapos._problem_raise(sambapos._schema_problem('sambapos_replica'));
  PERFORM sambapos._replica_check_name(t.table_name, 'replica');
  PERFORM sambapos._replica_schema_ensure();
  IF to_regclass(format('sambapos_replica.%I', t.table_name)) IS NULL THEN
    PERFORM sambapos._replica_create(place, t);
  END IF;
  PERFORM sambapos._replica_check_name(t.table_name, 'replica'); -- once more: somebody may have been faster
  PERFORM sambapos._problem_raise(sambapos._relation_superuser_problem(sambapos._replica_table(t.table_name)));
  PERFORM sambapos._replica_extend(place, t, t.table_name);
  PERFORM sambapos._index_make_if_free(t.table_name) WHERE sambapos._index_is_deferred(t.table_name);
  IF t.kind = 'child' AND t.parent_key <> ALL (sambapos._table_key(place, t))
     AND NOT sambapos._replica_has_root_id(t) THEN
    RAISE EXCEPTION 'the key of table "%" holds no id of its root, its replica''s does', t.source_name USING
      ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Another site''s table of that name has another key.';
  END IF;
  PERFORM sambapos._history_guard_ensure(format('sambapos_replica.%I', t.table_name)::regclass);
  PERFORM sambapos._counted_ensure(t.table_name);
  PERFORM sambapos._live_comment(place, t);
  IF t.history THEN
    PERFORM sambapos._history_ensure(place, t);
  END IF;
  INSERT INTO sambapos.replica_column (table_name, source_name, live_name)
  SELECT t.table_name, c.source_name, c.live_name FROM sambapos._table_columns(place, t) AS c ON CONFLICT DO NOTHING;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_ensure(integer, text) IS
  'Makes a replica table, or adds the columns it lacks and widens those that got wider; raises 42804 if a type '
  'changed otherwise';

-- Somebody has dropped it. The engine does not make it again by itself: rows that the source no longer has are lost
-- with it, and whoever did that should know.
CREATE FUNCTION sambapos._table_missing(place sambapos._place, t sambapos._table) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT format('table "%s" is not there any more: SELECT * FROM sambapos_add_site(%L, %L) makes it again',
                        n.name,
                  place.name, place.server)
    FROM (VALUES (1, format('sambapos_replica.%I', t.table_name)),
                 (2, CASE WHEN t.history THEN format('sambapos_replica.%I', t.table_name || '_history') END),
                 (3, format('%I.%I', sambapos._live_schema(place.name), t.table_name))) AS n (rank, name)
    WHERE n.name IS NOT NULL AND to_regclass(n.name) IS NULL
    ORDER BY n.rank LIMIT 1);
END;
$$;
COMMENT ON FUNCTION sambapos._table_missing(sambapos._place, sambapos._table) IS
  'Which table of a copied table''s has been dropped, and what to do; NULL: none';

CREATE FUNCTION sambapos._replica_make_again(place sambapos._place, t sambapos._table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  was_dropped boolean := to_regclass(format('sambapos_replica.%I', t.table_name)) IS NULL;
BEGIN
  PERFORM sambapos._replica_ensure(t.site_id, t.table_name);
  IF was_dropped THEN -- at all sites: none of their rows is here any more
    UPDATE sambapos.table_state AS x
       SET loaded_at = NULL, full_due = true, source_max_id = NULL, missing_columns = '{}'
     WHERE x.table_name = t.table_name;
    PERFORM sambapos._schema_version_retry(t.table_name);
    DELETE FROM sambapos.missing AS m WHERE m.table_name = t.table_name;
    DELETE FROM sambapos.restored_root AS n WHERE n.table_name = t.table_name;
    DELETE FROM sambapos.dead_letters AS d WHERE d.table_name = t.table_name;
    DELETE FROM sambapos.waiting_root AS w WHERE w.table_name = t.table_name;
    PERFORM sambapos._verified_forget(NULL, t.table_name);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._replica_make_again(sambapos._place, sambapos._table) IS
  'Makes a replica table again that was dropped; the next run loads it whole';
