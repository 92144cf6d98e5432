-- replica.sql: the replica tables: made from the source's catalog, extended when it changes.
--
-- Rules:
-- * One table in sambapos_replica for each source table, for all sites: site_id, epoch, the source's
--   columns with plain numeric and text, then row_state, first_seen_at, synced_at, version.
-- * Columns are matched by name, never by position. A column is added, or made wider, never dropped.
-- * Nothing here is a member of the extension: DROP EXTENSION must not reach history.

-- ---- columns ----

-- A source column that has the name of one of ours is kept under another one.
CREATE FUNCTION sambapos._replica_column(column_name name) RETURNS name
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN column_name IN ('site_id', 'epoch', 'document_epoch', 'row_state', 'first_seen_at',
                                   'synced_at', 'version', 'valid_from', 'valid_to')
              THEN ('source_' || column_name)::name ELSE column_name END;
$$;
COMMENT ON FUNCTION sambapos._replica_column(name) IS 'The replica''s name of a live column';

-- Without lengths, precisions and scales, so that a wider source column needs no ALTER.
CREATE FUNCTION sambapos._replica_type(type_name text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT CASE WHEN plain IN ('character varying', 'character', '"char"', 'name') THEN 'text' ELSE plain END
  FROM (SELECT format_type(type_name::regtype, NULL) AS plain) AS t;
$$;
COMMENT ON FUNCTION sambapos._replica_type(text) IS 'The type of the replica''s column for a live column''s type';

-- What one read of a table selects, and under which names it is kept. Secrets aren't among them even
-- if somebody imported them, nor is what the source has dropped.
CREATE FUNCTION sambapos._columns(site sambapos.site, t sambapos.replicated_table)
RETURNS TABLE (column_name name, live_name name, source_name text, type_name text, is_key boolean,
               is_hidden boolean, ordinal smallint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._replica_column(c.column_name), c.column_name, c.source_name,
         sambapos._replica_type(c.type_name), c.is_key, p.treatment IS NOT NULL, c.ordinal
  FROM sambapos._live_columns(format('%I.%I', sambapos._live_schema(site.name), t.table_name)::regclass) AS c
  LEFT JOIN sambapos.personal_column AS p
         ON p.site_id = t.site_id AND p.table_name = t.table_name AND p.treatment = 'null'
        AND p.column_name = sambapos._replica_column(c.column_name) AND NOT c.is_key
  WHERE NOT sambapos._is_secret(t.source_name, c.source_name)
    AND sambapos._replica_column(c.column_name) <> ALL (t.missing_columns);
$$;
COMMENT ON FUNCTION sambapos._columns(sambapos.site, sambapos.replicated_table) IS 'The columns of a table that are copied';

CREATE FUNCTION sambapos._key_columns(site sambapos.site, t sambapos.replicated_table) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$ SELECT array_agg(c.column_name ORDER BY c.ordinal) FROM sambapos._columns(site, t) AS c WHERE c.is_key; $$;
COMMENT ON FUNCTION sambapos._key_columns(sambapos.site, sambapos.replicated_table) IS 'The source''s key of a table, in replica names; NULL if it has none';

-- Tickets and payments point at account documents by id alone; the epoch of the document is kept
-- beside the id, since a reseed may use document ids again.
CREATE FUNCTION sambapos._document_link(site sambapos.site, t sambapos.replicated_table) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT c.column_name FROM sambapos._columns(site, t) AS c
  WHERE c.source_name IN ('TransactionDocument_Id', 'AccountTransaction_AccountTransactionDocumentId');
$$;
COMMENT ON FUNCTION sambapos._document_link(sambapos.site, sambapos.replicated_table) IS 'The column that holds an account document''s id beside document_epoch, or NULL';

-- ---- making and extending ----

CREATE FUNCTION sambapos._ensure_replica_table(site_id integer, table_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  site sambapos.site;
  t sambapos.replicated_table;
BEGIN
  SELECT * INTO STRICT site FROM sambapos.site AS s WHERE s.site_id = _ensure_replica_table.site_id;
  SELECT * INTO STRICT t FROM sambapos.replicated_table AS r
   WHERE r.site_id = _ensure_replica_table.site_id AND r.table_name = _ensure_replica_table.table_name;
  IF sambapos._key_columns(site, t) IS NULL THEN
    RAISE EXCEPTION 'table "%" has no primary key', t.source_name USING
      ERRCODE = 'object_not_in_prerequisite_state',
      DETAIL = 'Without a key a row can''t be told from its next version.';
  END IF;
  PERFORM sambapos._raise_problem(sambapos._schema_problem('sambapos_replica'));
  PERFORM sambapos._check_replica_name(t.table_name, 'replica');
  IF to_regnamespace('sambapos_replica') IS NULL THEN
    CREATE SCHEMA sambapos_replica;
    COMMENT ON SCHEMA sambapos_replica IS 'SambaPOS tables of all sites, with all their history; filled by sambapos_sync';
  END IF;
  IF to_regclass(format('sambapos_replica.%I', t.table_name)) IS NULL THEN
    PERFORM sambapos._create_replica_table(site, t);
  END IF;
  PERFORM sambapos._raise_problem(sambapos._superuser_problem(sambapos._replica_table(t.table_name)));
  PERFORM sambapos._extend_table(site, t, t.table_name);
  IF t.history THEN
    PERFORM sambapos._ensure_history_table(site, t);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._ensure_replica_table(integer, text) IS 'Makes a replica table, or adds the columns it lacks and widens those that got wider; raises 42804 if a type changed otherwise';

CREATE FUNCTION sambapos._create_replica_table(site sambapos.site, t sambapos.replicated_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  keys text := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(sambapos._key_columns(site, t)) AS k);
  relation text := format('sambapos_replica.%I', t.table_name);
BEGIN
  EXECUTE format(
    $sql$CREATE TABLE %s (
           site_id integer NOT NULL, epoch integer NOT NULL, %s,
           row_state text NOT NULL DEFAULT 'live'
             CHECK (row_state IN ('live', 'cleared', 'removed', 'deleted', 'superseded')),
           first_seen_at timestamptz NOT NULL DEFAULT now(),
           synced_at timestamptz NOT NULL DEFAULT now(),
           version bigint NOT NULL,
           PRIMARY KEY (site_id, epoch, %s))$sql$,
    relation,
    (SELECT string_agg(format('%I %s', c.column_name, c.type_name), ', ' ORDER BY c.ordinal) FROM sambapos._columns(site, t) AS c)
      || CASE WHEN sambapos._document_link(site, t) IS NOT NULL THEN ', document_epoch integer' ELSE '' END,
    keys);
  EXECUTE format('COMMENT ON TABLE %s IS %L', relation,
                 format('SambaPOS table %s of all sites; rows are never deleted, row_state tells what became of them', t.source_name));
  PERFORM sambapos._create_indexes(site, t, relation);
END;
$$;
COMMENT ON FUNCTION sambapos._create_replica_table(sambapos.site, sambapos.replicated_table) IS 'Makes a replica table and its indexes';

-- What the sync and the reports look rows up by: live rows of roots, children by their root, dates.
CREATE FUNCTION sambapos._create_indexes(site sambapos.site, t sambapos.replicated_table, relation text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  indexed name;
BEGIN
  IF t.kind IN ('ticket', 'document', 'period') THEN
    EXECUTE format('CREATE INDEX ON %s (site_id, id) WHERE row_state = ''live''', relation);
  END IF;
  FOR indexed IN
    SELECT c.column_name FROM sambapos._columns(site, t) AS c
    WHERE c.column_name IN (t.parent_key, t.date_column, 'date', 'transaction_document_id', 'last_payment_date')
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
COMMENT ON FUNCTION sambapos._create_indexes(sambapos.site, sambapos.replicated_table, text) IS 'Indexes a new replica table';

CREATE FUNCTION sambapos._ensure_history_table(site sambapos.site, t sambapos.replicated_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  history name := t.table_name || '_history';
  keys text := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(sambapos._key_columns(site, t)) AS k);
BEGIN
  PERFORM sambapos._check_replica_name(history, 'history');
  IF to_regclass(format('sambapos_replica.%I', history)) IS NULL THEN
    EXECUTE format(
      'CREATE TABLE sambapos_replica.%I (site_id integer NOT NULL, epoch integer NOT NULL, %s,
         valid_from timestamptz NOT NULL, valid_to timestamptz NOT NULL, version bigint NOT NULL,
         PRIMARY KEY (site_id, epoch, %s, version))', history,
      (SELECT string_agg(format('%I %s', c.column_name, c.type_name), ', ' ORDER BY c.ordinal) FROM sambapos._columns(site, t) AS c),
      keys);
    EXECUTE format('COMMENT ON TABLE sambapos_replica.%I IS %L', history,
                   format('Earlier versions of the rows of sambapos_replica.%s', t.table_name));
  END IF;
  PERFORM sambapos._extend_table(site, t, history);
END;
$$;
COMMENT ON FUNCTION sambapos._ensure_history_table(sambapos.site, sambapos.replicated_table) IS 'Makes or extends the table of earlier versions of a master table';

-- Adds the columns a replica table lacks and widens those that are too narrow.
CREATE FUNCTION sambapos._extend_table(site sambapos.site, t sambapos.replicated_table, replica name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  c record;
BEGIN
  FOR c IN
    SELECT w.column_name, w.type_name, format_type(a.atttypid, NULL) AS present_type
    FROM sambapos._columns(site, t) AS w
    LEFT JOIN pg_attribute AS a ON a.attrelid = format('sambapos_replica.%I', replica)::regclass
          AND a.attname = w.column_name AND NOT a.attisdropped
    WHERE format_type(a.atttypid, NULL) IS DISTINCT FROM w.type_name
    ORDER BY w.ordinal
  LOOP
    IF c.present_type IS NULL THEN
      EXECUTE format('ALTER TABLE sambapos_replica.%I ADD COLUMN %I %s', replica, c.column_name, c.type_name);
    ELSIF sambapos._holds(c.type_name, c.present_type) THEN
      EXECUTE format('ALTER TABLE sambapos_replica.%I ALTER COLUMN %I TYPE %s', replica, c.column_name, c.type_name);
    ELSIF NOT sambapos._holds(c.present_type, c.type_name) THEN
      RAISE EXCEPTION 'column "%" of table "%" changed from % to %', c.column_name, replica, c.present_type, c.type_name
        USING ERRCODE = 'datatype_mismatch',
              HINT = 'Rename or convert the replica''s column, then unpause the table with sambapos_configure.';
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._extend_table(sambapos.site, sambapos.replicated_table, name) IS 'Brings the columns of a replica or history table up to the source''s';

CREATE FUNCTION sambapos._holds(wide text, narrow text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT EXISTS (
    SELECT FROM (VALUES ('{smallint,integer,bigint,numeric}'::text[]), ('{real,double precision}'::text[])) AS family (types)
    WHERE array_position(types, narrow) < array_position(types, wide));
$$;
COMMENT ON FUNCTION sambapos._holds(text, text) IS 'True if every value of the second type is one of the first, wider, type';

-- ---- drift: the source's columns have changed ----

CREATE FUNCTION sambapos._bracket(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT '[' || replace(name, ']', ']]') || ']'; $$;
COMMENT ON FUNCTION sambapos._bracket(text) IS 'A name as a T-SQL identifier';

CREATE FUNCTION sambapos._tsql_text(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$ SELECT 'N''' || replace(value, '''', '''''') || ''''; $$;
COMMENT ON FUNCTION sambapos._tsql_text(text) IS 'A text as a T-SQL literal';

-- The columns of all copied tables of a site at the source, in one query.
CREATE FUNCTION sambapos._source_columns(site sambapos.site)
RETURNS TABLE (source_schema text, source_name text, column_name text, data_type text)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  SELECT q.source_schema, q.source_name, q.column_name,
         q.data_type || coalesce('(' || q.length || ')', '') || coalesce('(' || q.digits || ',' || q.scale || ')', '')
  FROM sambapos._query(site.server, (
         SELECT format('SELECT CAST(TABLE_SCHEMA AS nvarchar(128)) AS s, CAST(TABLE_NAME AS nvarchar(128)) AS t, '
                       'CAST(COLUMN_NAME AS nvarchar(128)) AS c, CAST(DATA_TYPE AS nvarchar(128)) AS d, '
                       'CAST(CHARACTER_MAXIMUM_LENGTH AS int) AS l, CAST(NUMERIC_PRECISION AS int) AS p, '
                       'CAST(NUMERIC_SCALE AS int) AS n FROM INFORMATION_SCHEMA.COLUMNS '
                       'WHERE TABLE_SCHEMA IN (%s) AND TABLE_NAME IN (%s)',
                       string_agg(DISTINCT sambapos._tsql_text(t.source_schema), ', '),
                       string_agg(sambapos._tsql_text(t.source_name), ', ' ORDER BY t.source_name))
         FROM sambapos.replicated_table AS t WHERE t.site_id = site.site_id AND t.enabled))
       AS q (source_schema text, source_name text, column_name text, data_type text, length integer, digits integer, scale integer);
$$;
COMMENT ON FUNCTION sambapos._source_columns(sambapos.site) IS 'Asks the source for the columns of a site''s copied tables';

-- Compares what the source has with what was there at the last look. What changed is followed; what
-- can't be followed pauses the table. The tables that need a whole read are marked full_due; those
-- that the source doesn't show fail.
CREATE FUNCTION sambapos._look_for_drift(run_id bigint, site sambapos.site) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  seen record;
  t sambapos.replicated_table;
BEGIN
  FOR seen IN
    SELECT r AS t, array_agg(c.column_name) AS names,
           string_agg(c.column_name || ' ' || c.data_type, ', ' ORDER BY c.column_name COLLATE "C") AS signature
    FROM sambapos.run_table AS x
    JOIN sambapos.replicated_table AS r ON r.site_id = site.site_id AND r.table_name = x.table_name
    LEFT JOIN sambapos._source_columns(site) AS c USING (source_schema, source_name)
    WHERE x.run_id = _look_for_drift.run_id AND x.status = 'running'
    GROUP BY r.*
  LOOP
    t := seen.t;
    IF seen.signature IS NULL THEN
      PERFORM sambapos._table_failed(run_id, t.table_name, '42P01',
        format('the source shows no table %s.%s', t.source_schema, t.source_name),
        'It is not there, or the login may not read it.');
    ELSIF seen.signature IS DISTINCT FROM t.column_signature THEN
      IF t.column_signature IS NOT NULL OR NOT sambapos._imported_as(site, t, seen.names) THEN
        PERFORM sambapos._follow_drift(run_id, site, t);
      END IF;
      UPDATE sambapos.replicated_table AS r SET column_signature = seen.signature
       WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name) AND r.paused_reason IS NULL;
    END IF;
  END LOOP;
END;
$$;
COMMENT ON FUNCTION sambapos._look_for_drift(bigint, sambapos.site) IS 'Notices new, dropped and changed columns at the source and follows them';

CREATE FUNCTION sambapos._imported_as(site sambapos.site, t sambapos.replicated_table, names text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT NOT EXISTS (
    SELECT FROM sambapos._columns(site, t) AS c
    FULL JOIN (SELECT n FROM unnest(names) AS n WHERE NOT sambapos._is_secret(t.source_name, n)) AS n ON n.n = c.source_name
    WHERE c.source_name IS NULL OR n.n IS NULL);
$$;
COMMENT ON FUNCTION sambapos._imported_as(sambapos.site, sambapos.replicated_table, text[]) IS 'True if a live table has just these source columns';

CREATE FUNCTION sambapos._follow_drift(run_id bigint, site sambapos.site, t sambapos.replicated_table) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  reason text;
  change text;
BEGIN
  FOREACH change IN ARRAY sambapos._alter_live_table(site, t) LOOP
    PERFORM sambapos._say(run_id, t.table_name, change);
  END LOOP;
  PERFORM sambapos._ensure_replica_table(t.site_id, t.table_name);
EXCEPTION WHEN datatype_mismatch OR dependent_objects_still_exist OR feature_not_supported OR object_not_in_prerequisite_state THEN
  GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
  UPDATE sambapos.replicated_table AS r SET paused_reason = reason
   WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name);
END;
$$;
COMMENT ON FUNCTION sambapos._follow_drift(bigint, sambapos.site, sambapos.replicated_table) IS 'Follows a change of a source table''s columns, or pauses the table with the reason';

-- Imports the table once more into a schema of its own and brings the live table, which views may
-- depend on, up to it column by column.
CREATE FUNCTION sambapos._alter_live_table(site sambapos.site, t sambapos.replicated_table) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live text := format('%I.%I', sambapos._live_schema(site.name), t.table_name);
  fresh_schema name := 'sambapos_fresh_' || replace(gen_random_uuid()::text, '-', ''); -- a name nobody can have taken
  fresh text := format('%I.%I', fresh_schema, t.table_name);
  changes text[] := '{}';
  c record;
BEGIN
  EXECUTE format('CREATE SCHEMA %I', fresh_schema);
  EXECUTE format('IMPORT FOREIGN SCHEMA %I LIMIT TO (%I) FROM SERVER %I INTO %I',
                 t.source_schema, t.table_name, site.server, fresh_schema);
  FOR c IN
    SELECT coalesce(n.source_name, o.source_name) AS source_name, o.column_name AS old_name, n.column_name AS new_name,
           n.type_name, n.remote_type
    FROM sambapos._live_columns(fresh::regclass) AS n
    FULL JOIN sambapos._live_columns(live::regclass) AS o USING (source_name)
    WHERE (n.type_name, n.remote_type) IS DISTINCT FROM (o.type_name, o.remote_type)
    ORDER BY n.ordinal, o.ordinal
  LOOP
    changes := changes || CASE
      WHEN c.old_name IS NULL THEN sambapos._live_column_appeared(t, live, c.new_name, c.source_name, c.type_name, c.remote_type)
      WHEN c.new_name IS NULL THEN sambapos._live_column_vanished(t, live, c.old_name)
      ELSE sambapos._live_column_changed(live, c.old_name, c.type_name, c.remote_type) END;
  END LOOP;
  EXECUTE format('DROP FOREIGN TABLE %s', fresh);
  EXECUTE format('DROP SCHEMA %I', fresh_schema);
  RETURN changes;
END;
$$;
COMMENT ON FUNCTION sambapos._alter_live_table(sambapos.site, sambapos.replicated_table) IS 'Brings a live foreign table''s columns up to the source''s; tells what it did';

-- The next read is a whole one, for the values of old rows.
CREATE FUNCTION sambapos._live_column_appeared(t sambapos.replicated_table, live text, column_name name,
                                               source_name text, type_name text, remote_type text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('ALTER FOREIGN TABLE %s ADD COLUMN %I %s OPTIONS (column_name %L, remote_type %L)',
                 live, column_name, type_name, source_name, remote_type);
  UPDATE sambapos.replicated_table AS r
     SET full_due = true, missing_columns = array_remove(r.missing_columns, sambapos._replica_column(column_name))
   WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name);
  RETURN format('new column %s', column_name);
END;
$$;
COMMENT ON FUNCTION sambapos._live_column_appeared(sambapos.replicated_table, text, name, text, text, text) IS 'Adds a new source column to a live table';

-- The replica's column stays as it is. The live one goes, unless a view holds it.
CREATE FUNCTION sambapos._live_column_vanished(t sambapos.replicated_table, live text, column_name name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.replicated_table AS r SET missing_columns = r.missing_columns || sambapos._replica_column(column_name)
   WHERE (r.site_id, r.table_name) = (t.site_id, t.table_name)
     AND sambapos._replica_column(column_name) <> ALL (r.missing_columns);
  BEGIN
    EXECUTE format('ALTER FOREIGN TABLE %s DROP COLUMN %I', live, column_name);
  EXCEPTION WHEN dependent_objects_still_exist THEN
    RETURN format('column %s is gone at the source, its values stay, and a view still needs it in %s', column_name, live);
  END;
  RETURN format('column %s is gone at the source, its values stay', column_name);
END;
$$;
COMMENT ON FUNCTION sambapos._live_column_vanished(sambapos.replicated_table, text, name) IS 'Stops reading a column that the source has dropped';

CREATE FUNCTION sambapos._live_column_changed(live text, column_name name, type_name text, remote_type text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  EXECUTE format('ALTER FOREIGN TABLE %s ALTER COLUMN %I TYPE %s, ALTER COLUMN %2$I OPTIONS (SET remote_type %4$L)',
                 live, column_name, type_name, remote_type);
  RETURN format('column %s is %s now', column_name, remote_type);
END;
$$;
COMMENT ON FUNCTION sambapos._live_column_changed(text, name, text, text) IS 'Gives a live column the type that the source''s has now';
