-- connection.sql: can the till be reached, and what do reports read now?

-- Asked by way of a live table, as a live report would ask: with the rights of whoever calls.
CREATE FUNCTION sambapos._question_ask_till(place sambapos._place, OUT ok boolean, OUT message text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  found bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM (SELECT FROM %I.tickets LIMIT 1) AS t', sambapos._live_schema(place.name))
    INTO found;
  ok := true;
  message := format('The till of site "%s", asked just now through server "%s", has answered.', place.name,
                    place.server);
EXCEPTION WHEN OTHERS THEN
  ok := false;
  message := format('No answer from the till of site "%s", asked just now through server "%s": %s.', place.name,
                    place.server, SQLERRM);
END;
$$;
COMMENT ON FUNCTION sambapos._question_ask_till(sambapos._place) IS
  'Asks a site''s till for one row, and says what came of it';

CREATE FUNCTION sambapos_report.connection(site text)
RETURNS TABLE (ok boolean, message text, data_source text)
LANGUAGE plpgsql ROWS 1 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  place sambapos._place := sambapos._site(site);
BEGIN
  RETURN QUERY
    SELECT a.ok, a.message,
           CASE WHEN sambapos._report_reads_live(place.site_id)
                     OR a.ok AND sambapos._report_is_stale(place, 'infinity') THEN 'live'
                ELSE (sambapos._report_state(place.site_id, '{tickets,orders,ticket_entities,menu_items}')).data_source
                 END
    FROM sambapos._question_ask_till(place) AS a;
END;
$$;
COMMENT ON FUNCTION sambapos_report.connection(text) IS
  'Asks the till itself whether it answers: the only one of these functions that always connects to it. ok, message; '
  'data_source: what reports read now: replica, partial or live. Error: 42704 no such site';
