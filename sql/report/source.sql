-- source.sql: does a report read the replica or the till?
--
-- Rules:
-- * With a replica the till is not asked, not even connected to: unless the caller says so, or the site's setting
--   live_fallback does and the data here is old.
-- * What the till has is the present period. A question about days before the last clear goes to the replica.

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

CREATE FUNCTION sambapos._report_is_stale(place sambapos._place, from_date date) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN place.live_fallback = 'stale'
     AND coalesce(statement_timestamp() - place.last_success_at > place.stale_after * place.sync_interval, true)
     AND sambapos._report_is_of_present(place.site_id, from_date);
END;
$$;
COMMENT ON FUNCTION sambapos._report_is_stale(sambapos._place, date) IS
  'True if the setting live_fallback sends a question about the days since from_date to the till, since the data here '
  'is old';

-- A till that cannot be reached, or not by this role, is no reason to show nothing: what is here is shown, with its
-- age.
CREATE FUNCTION sambapos._report_till_answers(place sambapos._place) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  PERFORM FROM sambapos._query(place.server, 'SELECT 1') AS q (one integer);
  RETURN true;
EXCEPTION WHEN connection_exception OR invalid_authorization_specification OR insufficient_privilege THEN
  RAISE WARNING 'site "%" does not answer, so the report shows the replica: %', place.name, SQLERRM;
  RETURN false;
END;
$$;
COMMENT ON FUNCTION sambapos._report_till_answers(sambapos._place) IS
  'True if a site''s till can be asked; else a WARNING';

CREATE FUNCTION sambapos._report_place(site text, source text DEFAULT NULL, from_date date DEFAULT NULL)
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
  ELSIF source IS NULL AND sambapos._report_is_stale(place, from_date) AND sambapos._report_till_answers(place) THEN
    RETURN place;
  END IF;
  RETURN nowhere;
END;
$$;
COMMENT ON FUNCTION sambapos._report_place(text, text, date) IS
  'Where a report about one site reads: the site, whose live tables are asked, or NULL, which is the replica. source: '
  'live or replica is the caller''s wish, NULL goes by live_fallback. Errors: 42704 no such site, 22023 no such source';
