-- source_question.sql: the one question that shows whether a run would find anything new at a source.

-- A run of all tables sends it as it is.
CREATE FUNCTION sambapos._question_whole(question jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT string_agg(l.value, ' UNION ALL ' ORDER BY l.key) FROM jsonb_each_text(question) AS l);
END;
$$;
COMMENT ON FUNCTION sambapos._question_whole(jsonb) IS 'All lines of a question as one statement';

CREATE FUNCTION sambapos._question_names(question jsonb) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN ARRAY(SELECT k FROM jsonb_object_keys(question) AS k WHERE k <> '' ORDER BY k);
END;
$$;
COMMENT ON FUNCTION sambapos._question_names(jsonb) IS 'The tables that a question is about';

CREATE TABLE sambapos.source_question (
  site_id    integer PRIMARY KEY,
  question   jsonb NOT NULL,
  whole      text GENERATED ALWAYS AS (sambapos._question_whole(question)) STORED,
  tables     text[] GENERATED ALWAYS AS (sambapos._question_names(question)) STORED,
  since      timestamp,
  low_ids    jsonb NOT NULL DEFAULT '{}',
  database   text,
  columns    text,
  settings   text,
  built_from text,
  probe      jsonb,
  answer     jsonb,
  last_error text,
  asked_by   bigint
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.source_question', '');
COMMENT ON TABLE sambapos.source_question IS
  'The question that each run of a site asks first, and what was answered of the database and its columns; what was '
  'answered of each table is in table_state.source_signature. Written by runs';
COMMENT ON COLUMN sambapos.source_question.question IS
  'T-SQL by table, of the source itself under no name: how many rows there are, and what the rows add up to that a run '
  'would read again. Of tables that are not due a run does not ask';
COMMENT ON COLUMN sambapos.source_question.whole IS 'All of it, as a run sends it that asks about all tables';
COMMENT ON COLUMN sambapos.source_question.tables IS 'The tables that it is about';
COMMENT ON COLUMN sambapos.source_question.since IS
  'The source''s local time on which its dates rest; NULL: it asks about masters only';
COMMENT ON COLUMN sambapos.source_question.low_ids IS 'The id of each table above which it asks about the rows';
COMMENT ON COLUMN sambapos.source_question.database IS 'What the last whole run heard of the database';
COMMENT ON COLUMN sambapos.source_question.columns IS 'What the columns of all tables added up to then';
COMMENT ON COLUMN sambapos.source_question.settings IS
  'The site''s settings on which its dates and ids rest; with other ones a run reads';
COMMENT ON COLUMN sambapos.source_question.built_from IS
  'A digest of all that the question was made of: while it is the same, the question is';
COMMENT ON COLUMN sambapos.source_question.probe IS
  'T-SQL by table for who looks every second: how many rows there are, the ids they range over, the latest stamp';
COMMENT ON COLUMN sambapos.source_question.answer IS
  'What the run that began last was answered, before it read anything: of each table, and of the source under no name; '
  'NULL: it could not answer';
COMMENT ON COLUMN sambapos.source_question.last_error IS
  'Why it could not, so that the run read everything it might have spared; sambapos_check shows it; NULL: it could';
COMMENT ON COLUMN sambapos.source_question.asked_by IS 'That run''s run_id';
