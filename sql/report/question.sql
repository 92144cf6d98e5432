-- question.sql: what the questions of an application (top_sellers and its kin) have in common.
--
-- Rules:
-- * A question is asked of one site and of tickets that are closed, from 00:00 of from_date to 00:00 of the day after
--   to_date by the till's clock, whatever the site's day_rule is.
-- * What is known of the site comes as parameters, not from {site}: so dates and joins can be sent to the till, and on
--   the replica the index (site_id, date) finds the tickets.
-- * A line counts unless it has the state Void or Canceled, in any group. That is the application's own rule; the
--   flags of the line decide what it comes to (line_total).
-- * What is to be looked up of a product is computed once for each version of it, not for each line.

CREATE FUNCTION sambapos._question_check_given(arguments jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  missing text := (SELECT min(a.name) FROM jsonb_each(arguments) AS a (name, value) WHERE a.value = 'null');
BEGIN
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION '% must not be NULL', missing USING ERRCODE = 'null_value_not_allowed';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._question_check_given(jsonb) IS 'Raises 22004 for an argument of a question that is NULL';

CREATE FUNCTION sambapos._question_check_dates(from_date date, to_date date) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._question_check_given(jsonb_build_object('from_date', from_date, 'to_date', to_date));
  IF from_date > to_date THEN
    RAISE EXCEPTION 'from_date % is after to_date %', from_date, to_date USING
      ERRCODE = 'invalid_parameter_value', HINT = 'Both days belong to what is asked for: give one day as both.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._question_check_dates(date, date) IS
  'Raises 22004 for a day that is NULL, 22023 for days in the wrong order';

CREATE FUNCTION sambapos._question_check_choice(argument text, value text, valid text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM sambapos._question_check_given(jsonb_build_object(argument, value));
  IF value <> ALL (valid) THEN
    RAISE EXCEPTION 'unknown value "%" for %', value, argument USING ERRCODE = 'invalid_parameter_value',
      HINT = sambapos._name_hint(value, valid) || format('Valid: %s.', array_to_string(valid, ', '));
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._question_check_choice(text, text, text[]) IS
  'Raises 22023 for a value that is none of those valid, 22004 for NULL';

-- Also where nothing needs to be read.
CREATE FUNCTION sambapos._question_check_source(source text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF source IS NOT NULL THEN
    PERFORM sambapos._question_check_choice('source', source, '{replica,live}');
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._question_check_source(text) IS 'Raises 22023 for a source that is none; NULL chooses';

-- A Turkish till takes 'I' and 'ı' for one letter, and 'İ' and 'i'. Its collation was recorded with its tables. By the
-- catalog: to_regclass raises for who may not use the schema, and whoever asks a report need not be allowed to.
CREATE FUNCTION sambapos._question_is_turkish(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN EXISTS (SELECT FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid
                 JOIN pg_attribute AS a ON a.attrelid = c.oid
                 CROSS JOIN LATERAL pg_options_to_table(a.attfdwoptions) AS o
                 WHERE n.nspname = sambapos._live_schema(place.name) AND c.relname = 'menu_items'
                   AND o.option_name = 'remote_collation' AND o.option_value ~* '^(turkish|azeri_latin)');
END;
$$;
COMMENT ON FUNCTION sambapos._question_is_turkish(sambapos._place) IS
  'True if a till compares names as Turkish has them, by the collation of its menu';

-- Definitions and keys are written for any till; what they say of letters is changed for a Turkish one.
CREATE FUNCTION sambapos._question_sql(definition text, here sambapos._place, place sambapos._place) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  written text := sambapos._report_sql(definition, place);
BEGIN
  RETURN CASE WHEN sambapos._question_is_turkish(here)
              THEN replace(written, 'COLLATE pg_catalog."und-x-icu"', 'COLLATE pg_catalog."tr-x-icu"')
              ELSE written END;
END;
$$;
COMMENT ON FUNCTION sambapos._question_sql(text, sambapos._place, sambapos._place) IS
  'The query of a question (_report_sql) that compares names as the till of the site does';

-- A blank name is none: so no course, code or group that is NULL or blank is meant by a list.
CREATE FUNCTION sambapos._question_keys(names text[], turkish boolean DEFAULT false) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT coalesce(array_agg(k.key ORDER BY k.n), '{}')
          FROM (SELECT CASE WHEN turkish THEN rtrim(lower(u.name COLLATE pg_catalog."tr-x-icu"))
                            ELSE sambapos._text_fold(u.name) END AS key, min(u.n) AS n
                FROM unnest(names) WITH ORDINALITY AS u (name, n) GROUP BY 1) AS k
          WHERE k.key <> '');
END;
$$;
COMMENT ON FUNCTION sambapos._question_keys(text[], boolean) IS
  'Names as they are compared, in the order given, each once; NULL and blank ones left out';

CREATE FUNCTION sambapos._question_codes(argument text, codes text[], turkish boolean DEFAULT false)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  keys text[] := sambapos._question_keys(codes, turkish);
BEGIN
  PERFORM sambapos._question_check_given(jsonb_build_object(argument, codes));
  IF keys = '{}' THEN
    RAISE EXCEPTION '% has no code', argument USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Give the nominal codes that are to be added up: sambapos_report.gl_codes(site) lists those of a site.';
  END IF;
  RETURN keys;
END;
$$;
COMMENT ON FUNCTION sambapos._question_codes(text, text[], boolean) IS
  'Codes as they are compared; raises 22023 if there is none, 22004 for NULL';

-- Most lines have neither word, and no letter that is written as \u: those are not parsed.
CREATE FUNCTION sambapos._question_counts() RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $sql$(CASE WHEN strpos(lower(o.order_states COLLATE "C"), 'void') > 0
                  OR strpos(lower(o.order_states COLLATE "C"), 'canceled') > 0 OR strpos(o.order_states, '\u') > 0
                THEN NOT sambapos._order_has_state(o.order_states, 'Void')
                     AND NOT sambapos._order_has_state(o.order_states, 'Canceled') ELSE true END)$sql$;
END;
$$;
COMMENT ON FUNCTION sambapos._question_counts() IS
  'True for a line that counts in the questions of an application (alias o), as SQL';

-- _text_fold as an expression, which costs a fraction of a call.
CREATE FUNCTION sambapos._question_fold(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('rtrim(lower(%s COLLATE pg_catalog."und-x-icu"))', value);
END;
$$;
COMMENT ON FUNCTION sambapos._question_fold(text) IS 'A name as it is compared (_text_fold), as SQL';

-- As sold: the version that held when the line was created, by the till's clock. The last two parameters of a
-- question are the site's time zone and, where it is not known, the till's offset from UTC in minutes.
CREATE FUNCTION sambapos._question_menu(tags text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE tags WHEN 'as_sold' THEN '{versions menu_items}'
                   ELSE '(SELECT m.*, timestamptz ''-infinity'' AS valid_from, timestamptz ''infinity'' AS valid_to '
                        'FROM {any menu_items} AS m WHERE m.row_state = ''live'')' END;
END;
$$;
COMMENT ON FUNCTION sambapos._question_menu(text) IS
  'Menu items with the time each version held, as a relation: all versions, or what is on the menu today';

-- Epochs are compared in such a way that the planner takes nearly all of them for equal, as they are: of an equality it
-- would expect so few lines that it asks the till for those of each item.
CREATE FUNCTION sambapos._question_is_item(zone text, offset_minutes text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format(
    '(i.id = o.menu_item_id AND coalesce(i.epoch <> o.epoch, false) IS FALSE AND (i.is_only OR (CASE WHEN %1$s IS NULL '
    'THEN o.created_date_time AT TIME ZONE make_interval(mins => %2$s) ELSE o.created_date_time AT TIME ZONE %1$s END '
    'BETWEEN i.valid_from AND i.valid_to - interval ''1 microsecond'')))', zone, offset_minutes);
END;
$$;
COMMENT ON FUNCTION sambapos._question_is_item(text, text) IS
  'The condition that joins a line (alias o) to the version of its menu item (alias i)';

-- In the replica a ticket's lines are found by its id. Ids grow with the date: so the lines of some days stand
-- together, and what is read of a long history are those days. (That the till knows by itself.)
CREATE FUNCTION sambapos._question_tickets(place sambapos._place, site_id integer, from_date date, to_date date,
                                           OUT first_id bigint, OUT last_id bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF place.site_id IS NULL AND sambapos._report_relation('tickets') IS NOT NULL THEN
    SELECT coalesce(min(t.id), 0), coalesce(max(t.id), 0) INTO first_id, last_id FROM sambapos_replica.tickets AS t
    WHERE t.site_id = _question_tickets.site_id AND t.date >= from_date AND t.date < to_date + 1;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._question_tickets(sambapos._place, integer, date, date) IS
  'The lowest and the highest id of a site''s tickets of these days in the replica; NULL: the till is asked';

CREATE FUNCTION sambapos._question_in_range(alias text, first_id text, last_id text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN format('(%2$s::bigint IS NULL OR %1$s.ticket_id BETWEEN %2$s AND %3$s)', alias, first_id, last_id);
END;
$$;
COMMENT ON FUNCTION sambapos._question_in_range(text, text, text) IS
  'The condition that a row of a ticket''s child table belongs to the tickets of _question_tickets';

-- What else a question is told about its site.
CREATE FUNCTION sambapos._question_offset(place sambapos._place) RETURNS integer
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN coalesce(place.hw_offset_minutes, 0);
END;
$$;
COMMENT ON FUNCTION sambapos._question_offset(sambapos._place) IS 'By how many minutes a till''s clock is ahead of UTC';
