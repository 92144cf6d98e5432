-- question.sql: one question shows whether a run would find anything new: it asks what the rows add up to that a run
-- would read again, in all tables at once, and how many rows there are.
--
-- Rules:
-- * A run asks before it reads anything, and remembers the answer once all that it has read is written. So the replica
--   is what the source was then, or newer, and an equal answer later means that there is nothing to be read.
-- * What is asked about holds all rows that a run would read: above an id, from a date on, open, and their children.
--   Ids and dates are constants, so that the question stays the same: SQL Server keeps its plan, and answers can be
--   compared. They are renewed when the source has moved on.
-- * A server that cannot answer costs nothing but the question: everything is read as if there were none.
-- * Where change tracking says it all, that is asked in place of the sums.
-- * Roots and children cost most to add up. Where counts and stamps show already that something is new there, a run
--   that reads does not ask about them: it would remember no answer, since it writes. Of a run that was foreseen they
--   have shown it before it began, and are not asked again.

-- Each line of the answer: which table, which question about it, a number and a sum.
CREATE FUNCTION sambapos._question_line(table_name text, measure text, source text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT format('SELECT %s, N''%s'', %s, NULL, NULL, NULL FROM %s', sambapos._tsql_text(table_name),
                hashtextextended(measure || source, 0), measure, source);
$$;
COMMENT ON FUNCTION sambapos._question_line(text, text, text) IS
  'T-SQL for one line of the answer after the first, with a digest of what was asked: an answer to another question '
  'says nothing';

-- The clock, and what the server says of the database; the columns that drift.sql looks at.
CREATE FUNCTION sambapos._question_of_source(place sambapos._place) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT 'SELECT N'''' AS t, N'''' AS m, CAST(NULL AS bigint) AS n, CAST(NULL AS bigint) AS s, GETDATE() AS l, '
         'GETUTCDATE() AS u, CAST(d.name AS nvarchar(128)) + N'' '' + CONVERT(nvarchar(20), d.database_id) + N'' '' + '
         'CONVERT(nvarchar(40), d.create_date, 121) + N'' '' + '
         'ISNULL(CONVERT(nvarchar(40), d.service_broker_guid), N'''') AS d '
         'FROM (SELECT 1 AS one) AS x LEFT JOIN sys.databases AS d ON d.database_id = DB_ID() UNION ALL '
         || sambapos._question_line('information_schema.columns', 'COUNT_BIG(*), '
              'SUM(CAST(CAST(HASHBYTES(''MD5'', CAST(c.TABLE_NAME AS nvarchar(128)) + NCHAR(31) + '
              'CAST(c.COLUMN_NAME AS nvarchar(128)) + NCHAR(31) + CAST(c.DATA_TYPE AS nvarchar(128)) + NCHAR(31) + '
              'ISNULL(CONVERT(nvarchar(20), c.CHARACTER_MAXIMUM_LENGTH), N'''') + NCHAR(31) + '
              'ISNULL(CONVERT(nvarchar(20), c.NUMERIC_PRECISION), N'''') + NCHAR(31) + '
              'ISNULL(CONVERT(nvarchar(20), c.NUMERIC_SCALE), N'''') + NCHAR(31) + '
              'ISNULL(CONVERT(nvarchar(20), c.DATETIME_PRECISION), N'''') + NCHAR(31) + '
              'CAST(c.IS_NULLABLE AS nvarchar(3)) + NCHAR(31) + '
              'ISNULL(CAST(c.COLLATION_NAME AS nvarchar(128)), N'''')) AS varbinary(5)) AS bigint))',
              format('INFORMATION_SCHEMA.COLUMNS AS c WHERE c.TABLE_SCHEMA IN (%s) AND c.TABLE_NAME IN (%s)',
                     n.schemas, n.tables))
         || ' UNION ALL '
         || sambapos._question_line('information_schema.columns', 'COUNT_BIG(*), '
              'SUM(CAST(CAST(HASHBYTES(''MD5'', CAST(u.TABLE_NAME AS nvarchar(128)) + NCHAR(31) + '
              'CAST(u.COLUMN_NAME AS nvarchar(128)) + NCHAR(31) + CONVERT(nvarchar(20), u.ORDINAL_POSITION)) '
              'AS varbinary(5)) AS bigint))',
              format('INFORMATION_SCHEMA.KEY_COLUMN_USAGE AS u JOIN INFORMATION_SCHEMA.TABLE_CONSTRAINTS AS r '
                     'ON r.CONSTRAINT_SCHEMA = u.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = u.CONSTRAINT_NAME '
                     'AND r.TABLE_NAME = u.TABLE_NAME WHERE r.CONSTRAINT_TYPE = ''PRIMARY KEY'' '
                     'AND u.TABLE_SCHEMA IN (%s) AND u.TABLE_NAME IN (%s)', n.schemas, n.tables))
  FROM (SELECT string_agg(DISTINCT sambapos._tsql_text(t.source_schema), ', ') AS schemas,
               string_agg(sambapos._tsql_text(t.source_name), ', ' ORDER BY t.source_name) AS tables
        FROM sambapos._table AS t WHERE t.site_id = place.site_id AND t.enabled) AS n;
$$;
COMMENT ON FUNCTION sambapos._question_of_source(sambapos._place) IS
  'T-SQL that asks for the source''s clock, its database and the columns and keys of the copied tables';

-- As _root_condition and _changed_collect have it, in T-SQL with constants.
CREATE FUNCTION sambapos._question_rows(place sambapos._place, t sambapos._table, names jsonb,
                                        q sambapos.source_question)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  low bigint := (q.low_ids ->> t.table_name)::bigint;
  stamps text[] := CASE t.kind WHEN 'ticket' THEN '{last_update_time,last_payment_date,ticket_version}'
                               WHEN 'child' THEN '{last_update_date_time,last_update_date}'
                               WHEN 'document' THEN ARRAY[t.date_column] ELSE '{}' END;
  since timestamp := CASE WHEN t.kind <> 'document' THEN q.since - greatest(place.overlap, place.lateness)
                          WHEN t.table_name = 'account_transaction_documents'
                            THEN q.since - make_interval(days => place.document_days)
                          ELSE least(q.since - make_interval(days => place.stock_days),
                                     sambapos._period_open_since(place)) END;
BEGIN
  RETURN (SELECT format('%s > %s', names ->> 'id', low)
                 || CASE t.kind WHEN 'ticket' THEN format(' OR %s = 0', names ->> 'is_closed') ELSE '' END
                 || coalesce(string_agg(format(' OR %s >= ''%s''', names ->> c,
                                               to_char(since, 'YYYY-MM-DD"T"HH24:MI:SS')),
                                        '' ORDER BY c) FILTER (WHERE names ? c), '')
          FROM unnest(stamps) AS c);
END;
$$;
COMMENT ON FUNCTION sambapos._question_rows(sambapos._place, sambapos._table, jsonb, sambapos.source_question) IS
  'T-SQL condition for the rows of a table that a run reads because of themselves';

-- What is asked of a table: of a master and of a child that is read whole all rows; of a root how many there are, and
-- those that a run reads; of a child the highest id, and the rows of those roots.
CREATE FUNCTION sambapos._question_of_table(place sambapos._place, t sambapos._table, sum text, rows text,
                                            of_roots text)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT sambapos._question_line(t.table_name, 'COUNT_BIG(*), ' || sum,
                                 f.source || coalesce(' WHERE ' || rows || coalesce(' OR ' || of_roots, ''), ''))
         || CASE WHEN t.kind = 'master' OR rows IS NULL THEN ''
                 ELSE ' UNION ALL ' || sambapos._question_line(t.table_name, CASE t.kind
                   WHEN 'child' THEN 'NULL, CAST(MAX(Id) AS bigint)'
                   ELSE 'COUNT_BIG(*), CAST(MIN(Id) AS bigint) + CAST(MAX(Id) AS bigint)' END, f.source) END
  FROM (SELECT format('%s.%s', sambapos._tsql_name(t.source_schema),
                      sambapos._tsql_name(t.source_name)) AS source) AS f;
$$;
COMMENT ON FUNCTION sambapos._question_of_table(sambapos._place, sambapos._table, text, text, text) IS
  'T-SQL that asks what a table holds, as far as a run would read it';

CREATE FUNCTION sambapos._question_settings(place sambapos._place) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN concat_ws(' ', place.overlap, place.lateness, place.id_overlap, place.document_days, place.stock_days);
END;
$$;
COMMENT ON FUNCTION sambapos._question_settings(sambapos._place) IS
  'The settings of a site on which the dates and ids of its question rest';

-- A table that failed would spoil the question for all.
CREATE FUNCTION sambapos._question_tables(place sambapos._place, q sambapos.source_question)
RETURNS SETOF sambapos._table
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT t.* FROM sambapos._table AS t
    WHERE t.site_id = place.site_id AND t.enabled AND t.paused_reason IS NULL
      AND (t.kind = 'master' OR q.since IS NOT NULL)
      AND (t.last_status IS DISTINCT FROM 'failed' OR sambapos._log_is_fatal(t.last_sqlstate));
END;
$$;
COMMENT ON FUNCTION sambapos._question_tables(sambapos._place, sambapos.source_question) IS
  'The tables of a site that its question is about';

-- A live table changes only with what the source shows of it, and when that was followed.
CREATE FUNCTION sambapos._question_basis(place sambapos._place, q sambapos.source_question) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT md5(concat_ws(E'\n', q.since, q.low_ids, sambapos._question_settings(place),
                               sambapos._period_open_since(place),
                               string_agg(ROW(t.table_name, t.source_schema, t.source_name, t.kind, t.parent,
                                              t.parent_key, t.date_column, t.reread_at, t.missing_columns, v.seen_from,
                                              v.outcome, v.tried_by)::text, E'\n' ORDER BY t.table_name),
                               (SELECT string_agg(p::text, E'\n' ORDER BY p.table_name, p.column_name)
                                FROM sambapos.personal_treatment AS p WHERE p.site_id = place.site_id)))
          FROM sambapos._question_tables(place, q) AS t
          LEFT JOIN sambapos.schema_versions AS v
                 ON (v.site_id, v.table_name) = (t.site_id, t.table_name) AND v.seen_until IS NULL);
END;
$$;
COMMENT ON FUNCTION sambapos._question_basis(sambapos._place, sambapos.source_question) IS
  'A digest of all that the question of a site is made of';

-- Roots first: a child asks by the condition of its root.
CREATE FUNCTION sambapos._question_build(place sambapos._place, q sambapos.source_question) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  t sambapos._table;
  s record;
  roots jsonb := '{}'; -- of each root that was asked about: a T-SQL list of ids
  rows text;
  of_roots text;
  lines jsonb := jsonb_build_object('', sambapos._question_of_source(place));
BEGIN
  FOR t IN SELECT r.* FROM sambapos._question_tables(place, q) AS r
            ORDER BY array_position('{ticket,document,period,child,master}', r.kind), r.table_name
  LOOP
    SELECT * INTO s FROM sambapos._signature_sql(place, t);
    CONTINUE WHEN s.sum IS NULL;
    rows := CASE WHEN t.kind <> 'master' THEN sambapos._question_rows(place, t, s.names, q) END;
    of_roots := NULL;
    IF t.kind = 'child' THEN
      rows := CASE WHEN roots ? t.parent THEN rows END;
      of_roots := format('%s IN (%s)', s.names ->> t.parent_key, roots ->> t.parent);
    ELSIF t.table_name = 'account_transaction_documents' THEN
      of_roots := format('Id IN (%s)', roots ->> 'of tickets');
    ELSIF t.kind = 'ticket' AND s.names ? 'transaction_document_id' THEN
      roots := roots || jsonb_build_object('of tickets', format('SELECT %s FROM %s.%s WHERE %s',
        s.names ->> 'transaction_document_id', sambapos._tsql_name(t.source_schema),
          sambapos._tsql_name(t.source_name), rows));
    END IF;
    lines := lines || jsonb_build_object(t.table_name, sambapos._question_of_table(place, t, s.sum, rows, of_roots));
    IF t.kind NOT IN ('child', 'master') THEN
      roots := roots || jsonb_build_object(t.table_name, format('SELECT Id FROM %s.%s WHERE %s%s',
        sambapos._tsql_name(t.source_schema), sambapos._tsql_name(t.source_name), rows,
          coalesce(' OR ' || of_roots, '')));
    END IF;
  END LOOP;
  RETURN lines;
END;
$$;
COMMENT ON FUNCTION sambapos._question_build(sambapos._place, sambapos.source_question) IS
  'The question that shows whether a run of a site would find anything new: T-SQL by table, of the source itself under '
  'no name';

-- What a run leaves alone costs the till nothing: its signature stays the one of the run that last read it.
CREATE FUNCTION sambapos._question_of_run(run_id bigint, place sambapos._place, question jsonb, with_roots boolean)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT string_agg(l.value, ' UNION ALL ' ORDER BY l.key)
          FROM jsonb_each_text(question) AS l
          WHERE l.key = '' OR l.key IN (SELECT x.table_name FROM sambapos.run_table AS x
                                        JOIN sambapos.replicated_table AS k
                                          ON (k.site_id, k.table_name) = (place.site_id, x.table_name)
                                        WHERE x.run_id = _question_of_run.run_id AND x.due_at IS NULL
                                          AND (with_roots OR k.kind = 'master')));
END;
$$;
COMMENT ON FUNCTION sambapos._question_of_run(bigint, sambapos._place, jsonb, boolean) IS
  'A site''s question, as far as it is about the source and the tables that a run reads; with or without roots and '
  'their children';

-- The ids and dates to ask by, from what the last whole run has found; those asked by before while they are near.
CREATE FUNCTION sambapos._question_base(place sambapos._place,
                                        q sambapos.source_question) RETURNS sambapos.source_question
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  clock timestamp := date_trunc('second', place.hw_utc + make_interval(mins => place.hw_offset_minutes));
  low_ids jsonb;
  is_near boolean;
BEGIN
  SELECT coalesce(jsonb_object_agg(t.table_name, l.low), '{}'),
         coalesce(bool_and(l.low - (q.low_ids ->> t.table_name)::bigint BETWEEN 0 AND 1000), false)
    INTO low_ids, is_near
  FROM sambapos._table AS t
  CROSS JOIN LATERAL (SELECT coalesce(t.source_max_id, 0) - CASE t.kind WHEN 'period' THEN 3
                        WHEN 'child' THEN place.id_overlap / 4 ELSE place.id_overlap END AS low) AS l
  WHERE t.site_id = place.site_id AND t.enabled AND t.kind <> 'master';
  IF NOT is_near OR q.since IS NULL OR clock NOT BETWEEN q.since AND q.since + interval '1 hour' THEN
    q.since := clock;
    q.low_ids := low_ids;
  END IF;
  RETURN q;
END;
$$;
COMMENT ON FUNCTION sambapos._question_base(sambapos._place, sambapos.source_question) IS
  'The ids and dates that the next question rests on';

CREATE FUNCTION sambapos._question_answer(place sambapos._place, question text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (
    SELECT jsonb_object_agg(a.t, CASE a.t WHEN '' THEN a.of_source ELSE to_jsonb(a.answer) END)
    FROM (SELECT q.t, coalesce(max(q.d), string_agg(format('%s %s %s', q.m, q.n, q.s), ', ' ORDER BY q.m)) AS answer,
                 CASE q.t WHEN '' THEN jsonb_build_object('local', max(q.l), 'utc', max(q.u), 'database', max(q.d)) END
                   AS of_source
          FROM sambapos._query(place.server, question)
               AS q (t text, m text, n bigint, s bigint, l timestamp, u timestamp, d text) GROUP BY q.t) AS a);
END;
$$;
COMMENT ON FUNCTION sambapos._question_answer(sambapos._place, text) IS
  'What a source answers: an object of tables, and of the source itself under no name';

CREATE FUNCTION sambapos._question_of_tracking(place sambapos._place) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF sambapos._tracking_state(place) IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN sambapos._question_of_source(place) || ' UNION ALL SELECT N''change tracking'' AS t, N'''' AS m, '
         'CAST(NULL AS bigint) AS n, CAST(NULL AS bigint) AS s, CAST(NULL AS datetime) AS l, '
         'CAST(NULL AS datetime) AS u, CAST(' || sambapos._tracking_state_sql() || ' AS nvarchar(400)) AS d';
END;
$$;
COMMENT ON FUNCTION sambapos._question_of_tracking(sambapos._place) IS
  'The question that shows it where change tracking can tell; NULL: it cannot';

-- Asked before all else, since an error ends the remote transaction: what is read is of one that has seen none. The
-- answer is kept for the end of the run. Once a run is enough: an older answer misses nothing, it only costs a run
-- more.
CREATE FUNCTION sambapos._question_ask(run_id bigint, place sambapos._place, signatures jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  known sambapos.source_question;
  asked text;
BEGIN
  SELECT * INTO known FROM sambapos.source_question AS q WHERE q.site_id = place.site_id;
  IF known.asked_by = run_id THEN
    RETURN;
  END IF;
  IF signatures IS NULL AND sambapos._new_tables_are_due(place) THEN
    PERFORM sambapos._new_tables_look(place);
  END IF;
  BEGIN
    IF known.site_id IS NULL THEN
      known.question := sambapos._question_build(place, known);
      INSERT INTO sambapos.source_question (site_id, question) VALUES (place.site_id, known.question);
    END IF;
    asked := coalesce(sambapos._question_of_tracking(place),
      CASE WHEN signatures ?& known.tables THEN known.whole END,
      sambapos._question_of_run(run_id, place, known.question,
        CASE WHEN signatures IS NOT NULL THEN true WHEN sambapos._run_was_foreseen(run_id, place) THEN false
             ELSE NOT sambapos._source_has_moved(place) END));
    UPDATE sambapos.source_question AS q
       SET answer = sambapos._question_answer(place, asked), last_error = NULL, asked_by = run_id
     WHERE q.site_id = place.site_id;
  EXCEPTION WHEN OTHERS THEN
    IF sambapos._log_is_fatal(SQLSTATE) THEN
      RAISE;
    END IF;
    PERFORM sambapos._end_remote_transaction(place.server);
    INSERT INTO sambapos.source_question (site_id, question, last_error, asked_by)
    VALUES (place.site_id, '{}', SQLERRM, _question_ask.run_id)
    ON CONFLICT ON CONSTRAINT source_question_pkey
      DO UPDATE SET answer = NULL, last_error = excluded.last_error, asked_by = excluded.asked_by;
  END;
END;
$$;
COMMENT ON FUNCTION sambapos._question_ask(bigint, sambapos._place, jsonb) IS
  'Asks a source its site''s question, unless the run has asked it; signatures: of the tables whose equal answers end '
  'the run; NULL: it reads in any case';

CREATE FUNCTION sambapos._question_answered(site_id integer, table_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT q.answer ->> _question_answered.table_name FROM sambapos.source_question AS q
  WHERE q.site_id = _question_answered.site_id;
$$;
COMMENT ON FUNCTION sambapos._question_answered(integer, text) IS 'What the run at hand was answered of a table';

-- A table that no version is known of was never looked at, or was not there.
CREATE FUNCTION sambapos._question_knows_columns(run_id bigint, place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM sambapos.source_question AS q
                 WHERE q.site_id = place.site_id AND q.columns = q.answer ->> 'information_schema.columns')
     AND NOT EXISTS (SELECT FROM sambapos.run_table AS x
                     WHERE x.run_id = _question_knows_columns.run_id
                       AND NOT EXISTS (SELECT FROM sambapos.schema_versions AS v
                                       WHERE (v.site_id, v.table_name) = (place.site_id, x.table_name)
                                         AND v.seen_until IS NULL));
END;
$$;
COMMENT ON FUNCTION sambapos._question_knows_columns(bigint, sambapos._place) IS
  'True if a source has answered that the columns of all tables are those that an earlier run has looked at';

CREATE FUNCTION sambapos._question_probe(place sambapos._place, q sambapos.source_question) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT jsonb_object_agg(t.table_name, sambapos._probe_line(place, t))
          FROM sambapos._question_tables(place, q) AS t WHERE t.kind <> 'master' OR t.table_name = 'numerators');
END;
$$;
COMMENT ON FUNCTION sambapos._question_probe(sambapos._place, sambapos.source_question) IS
  'T-SQL by table that counts what roots and children hold';

-- A run of all tables leaves the question for the next one.
CREATE FUNCTION sambapos._question_remember(place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  q sambapos.source_question;
  basis text;
BEGIN
  SELECT * INTO q FROM sambapos.source_question AS o WHERE o.site_id = place.site_id;
  q := sambapos._question_base(place, q);
  basis := sambapos._question_basis(place, q);
  UPDATE sambapos.source_question AS o
     SET question = CASE o.built_from WHEN basis THEN o.question ELSE sambapos._question_build(place, q) END,
         probe = CASE o.built_from WHEN basis THEN o.probe ELSE sambapos._question_probe(place, q) END,
         built_from = basis, since = q.since, low_ids = q.low_ids,
         database = o.answer #>> '{"",database}', columns = o.answer ->> 'information_schema.columns',
         settings = sambapos._question_settings(place)
   WHERE o.site_id = place.site_id;
END;
$$;
COMMENT ON FUNCTION sambapos._question_remember(sambapos._place) IS
  'Remembers the question for the next run, and what was answered of the database and its columns';

-- They count as read: a connection that is lost later fails them with the others.
CREATE FUNCTION sambapos._question_spare_masters(run_id bigint, place sambapos._place) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.run_table AS x SET mode = 'none', status = 'read'
    FROM sambapos._table AS t
   WHERE x.run_id = _question_spare_masters.run_id AND x.status = 'running'
     AND t.site_id = place.site_id AND t.table_name = x.table_name AND t.kind = 'master'
     AND t.source_signature = sambapos._question_answered(place.site_id, t.table_name) AND t.last_status = 'ok'
       AND t.loaded_at IS NOT NULL AND NOT t.full_due
     AND t.read_whole_at > now() - sambapos._night_began(place)
     AND NOT EXISTS (SELECT FROM sambapos.run AS r WHERE r.run_id = _question_spare_masters.run_id AND r.mode = 'full');
END;
$$;
COMMENT ON FUNCTION sambapos._question_spare_masters(bigint, sambapos._place) IS
  'Leaves out the masters whose signature is the one they were last read with';
