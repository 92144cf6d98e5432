-- hours.sql: time windows of a site (opening_hours, blackout), in its own local time.

-- "mon-sat 09:00-23:30, sun 10:00-22:00"; without days: every day; past midnight: to is before from.
CREATE FUNCTION sambapos._hours_parse(value text, with_days boolean) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  names   text[] := '{mon,tue,wed,thu,fri,sat,sun}';
  windows jsonb := '[]';
  part    text;
  bits    text[];
  first   integer;
  last    integer;
  span    jsonb;
BEGIN
  FOREACH part IN ARRAY regexp_split_to_array(lower(value COLLATE "C"), '\s*[,;]\s*') LOOP
    bits := regexp_match(btrim(part), '^(?:([a-z]{3})(?:\s*-\s*([a-z]{3}))?\s+)?(\d\d:\d\d)\s*-\s*(\d\d:\d\d)$');
    first := array_position(names, coalesce(bits[1], 'mon'));
    last := array_position(names, coalesce(bits[2], bits[1], 'sun'));
    IF bits IS NULL OR first IS NULL OR last IS NULL OR bits[3] = bits[4]
       OR (bits[1] IS NOT NULL AND NOT with_days) THEN
      RAISE EXCEPTION 'not a time window: "%"', part USING ERRCODE = 'invalid_parameter_value';
    END IF;
    span := jsonb_build_object('from', to_char(bits[3]::time, 'HH24:MI'),
                               'to', CASE bits[4] WHEN '24:00' THEN bits[4] ELSE to_char(bits[4]::time, 'HH24:MI') END);
    IF with_days THEN
      span := span || jsonb_build_object('days', (SELECT jsonb_agg((first - 1 + i) % 7 + 1)
                                                  FROM generate_series(0, (last - first + 7) % 7) AS i));
    END IF;
    windows := windows || span;
  END LOOP;
  RETURN windows;
END;
$$;
COMMENT ON FUNCTION sambapos._hours_parse(text, boolean) IS
  'Time windows in words as the JSON that sambapos.site keeps; raises 22023 if they cannot be read';

-- A procedure is one statement, however long it works: so it is the clock that is asked.
CREATE FUNCTION sambapos._site_clock(place sambapos._place) RETURNS timestamp
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT CASE WHEN place.time_zone IS NOT NULL THEN clock_timestamp() AT TIME ZONE place.time_zone
                ELSE clock_timestamp() AT TIME ZONE make_interval(mins => coalesce(place.hw_offset_minutes,
                  0)) END);
END;
$$;
COMMENT ON FUNCTION sambapos._site_clock(sambapos._place) IS
  'The wall clock at a site: by its time zone, else by the offset of its till at the last sync, else UTC';

-- A window whose end is not after its start goes past midnight and belongs to the day it starts on.
CREATE FUNCTION sambapos._hours_contain(windows jsonb, clock timestamp) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT bool_or(clock >= d.day + (w.value ->> 'from')::time
                 AND clock < d.day + (w.value ->> 'to')::time
                              + CASE WHEN w.value ->> 'to' <= w.value ->> 'from' THEN interval '1 day' ELSE '0' END
                 AND (w.value -> 'days' IS NULL OR w.value -> 'days' @> to_jsonb(extract(isodow FROM d.day)::integer)))
  FROM jsonb_array_elements(windows) AS w
  CROSS JOIN (VALUES (date_trunc('day', clock)), (date_trunc('day', clock) - interval '1 day')) AS d (day);
$$;
COMMENT ON FUNCTION sambapos._hours_contain(jsonb, timestamp) IS
  'True if a site''s local time lies in one of the windows of opening_hours or blackout; NULL if there are none';
