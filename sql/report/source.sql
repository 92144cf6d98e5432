-- source.sql: does a report read the replica or the till?
--
-- Rules:
-- * With a replica the till is not asked, not even connected to: unless the caller says so, or the site's setting
--   live_fallback does and the data here is old.
-- * What the till has is the present period. A question about days before the last clear goes to the replica.
-- * Where the site's setting wants fresh data, and a report shows old, a WARNING says how old it is: a report that is a
--   view, and a function that would ask the till and cannot. The views of plain tables (site/counted.sql) say nothing.

-- No row of history since that day: then the till has all that is asked for.
CREATE FUNCTION sambapos._report_is_of_present(site_id integer, from_date date) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  has_history boolean;
BEGIN
  IF sambapos._report_relation('tickets') IS NULL THEN
    RETURN true;
  END IF;
  EXECUTE 'SELECT EXISTS (SELECT FROM sambapos_replica.tickets AS t
                          WHERE t.site_id = $1 AND t.date >= $2 AND t.row_state IN (''cleared'', ''superseded''))'
    INTO has_history USING site_id, coalesce(from_date, '-infinity')::timestamp;
  RETURN NOT has_history;
END;
$$;
COMMENT ON FUNCTION sambapos._report_is_of_present(integer, date) IS
  'True if everything that counts since a day is at the source';

CREATE FUNCTION sambapos._report_is_old(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN place.live_fallback = 'stale'
     AND coalesce(statement_timestamp() - place.last_success_at > place.stale_after * place.sync_interval, true);
END;
$$;
COMMENT ON FUNCTION sambapos._report_is_old(sambapos._place) IS
  'True if by the setting live_fallback the data here is too old';

CREATE FUNCTION sambapos._report_is_stale(place sambapos._place, from_date date) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN sambapos._report_is_old(place) AND sambapos._report_is_of_present(place.site_id, from_date);
END;
$$;
COMMENT ON FUNCTION sambapos._report_is_stale(sambapos._place, date) IS
  'True if the setting live_fallback sends a question about the days since from_date to the till, since the data here '
  'is old';

CREATE FUNCTION sambapos._report_say_old(place sambapos._place, why text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RAISE WARNING 'the report shows site "%" as it was at %: %', place.name,
    coalesce(to_char(place.last_success_at, 'YYYY-MM-DD HH24:MI:SS TZ'), 'a time that is not known'), why USING
    HINT = format('Its setting live_fallback is stale, and the data here is older than %s times sync_interval. Why no '
                  'run succeeds: SELECT * FROM sambapos_status(%L).', place.stale_after, place.name);
END;
$$;
COMMENT ON FUNCTION sambapos._report_say_old(sambapos._place, text) IS
  'Raises a WARNING that a report shows old data, and why it does';

-- Once a query for each site that its condition lets through.
CREATE FUNCTION sambapos._report_view_reads_live(site_id integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place;
BEGIN
  IF sambapos._report_reads_live(site_id) THEN
    RETURN true;
  END IF;
  SELECT * INTO place FROM sambapos._place AS p WHERE p.site_id = _report_view_reads_live.site_id;
  IF sambapos._report_is_old(place) THEN
    PERFORM sambapos._report_say_old(place, 'a view asks the till only while a site was never synced');
  END IF;
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._report_view_reads_live(integer) IS
  'True if the views ask the till for a site (_report_reads_live); a WARNING if they show old data';

-- A till that cannot be reached, or not by this role, is no reason to show nothing: what is here is shown, with its
-- age.
CREATE FUNCTION sambapos._report_till_answers(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM FROM sambapos._query(place.server, 'SELECT 1') AS q (one integer);
  RETURN true;
EXCEPTION WHEN connection_exception OR invalid_authorization_specification OR insufficient_privilege THEN
  PERFORM sambapos._report_say_old(place, 'the till does not answer: ' || SQLERRM);
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._report_till_answers(sambapos._place) IS
  'True if a site''s till can be asked; else a WARNING that old data is shown';

CREATE FUNCTION sambapos._report_place(site text, source text DEFAULT NULL, from_date date DEFAULT NULL,
                                       to_date date DEFAULT NULL)
RETURNS sambapos._place
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
  nowhere sambapos._place;
BEGIN
  IF source NOT IN ('replica', 'live') THEN
    RAISE EXCEPTION 'unknown source "%"', source USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Valid: replica, live, or NULL, which chooses by the site''s setting live_fallback.';
  ELSIF source = 'live' OR (source IS NULL AND sambapos._report_reads_live(place.site_id)) THEN
    RETURN place;
  ELSIF source IS NULL AND sambapos._report_is_old(place) THEN
    IF NOT sambapos._report_is_of_present(place.site_id, from_date) THEN
      IF coalesce(to_date >= place.last_success_at::date - 1, true) THEN -- a day to spare: clocks and zones differ
        PERFORM sambapos._report_say_old(place, 'the till no longer has all of these days');
      END IF;
    ELSIF sambapos._report_till_answers(place) THEN
      RETURN place;
    END IF;
  END IF;
  RETURN nowhere;
END;
$$;
COMMENT ON FUNCTION sambapos._report_place(text, text, date, date) IS
  'Where a report about one site reads: the site, whose live tables are asked, or NULL, which is the replica. source: '
  'live or replica is the caller''s wish, NULL goes by live_fallback; from_date and to_date: the days it is about, NULL: '
  'no limit. A WARNING where old data is shown. Errors: 42704 no such site, 22023 no such source';
