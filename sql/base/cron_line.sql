-- cron_line.sql: what a cron line means, as far as it must be known here: how long it can be until it comes again.
--
-- pg_cron judges whether a line is one; what is not understood here gives NULL, and nothing is said about it.

CREATE FUNCTION sambapos._cron_field(field text, low integer, high integer, names text[]) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  part   text;
  bounds text[];
  first  integer;
  last   integer;
  found_values integer[] := '{}';
BEGIN
  FOREACH part IN ARRAY string_to_array(lower(field), ',') LOOP
    bounds := regexp_match(part, '^(?:(\*)|(\d{1,2}|[a-z]{3})(?:-(\d{1,2}|[a-z]{3}))?)(?:/(\d{1,2}))?$');
    first := CASE WHEN bounds[1] IS NOT NULL THEN low WHEN bounds[2] ~ '\d' THEN bounds[2]::integer
                  ELSE array_position(names, bounds[2]) - 1 + low END;
    last := CASE WHEN bounds[1] IS NOT NULL THEN high WHEN bounds[3] IS NULL THEN first
                 WHEN bounds[3] ~ '\d' THEN bounds[3]::integer
                 ELSE array_position(names, bounds[3]) - 1 + low END;
    IF first IS NULL OR last IS NULL OR first < low OR last > high OR coalesce(bounds[4]::integer, 1) = 0 THEN
      RETURN NULL;
    END IF;
    found_values := found_values || ARRAY(SELECT generate_series(first, last, coalesce(bounds[4]::integer, 1)));
  END LOOP;
  RETURN nullif(found_values, '{}');
END;
$$;
COMMENT ON FUNCTION sambapos._cron_field(text, integer, integer, text[]) IS
  'The numbers that a field of a cron line means; names: of the numbers from low on; NULL: not understood';

-- As cron has it: where both the day of the month and the weekday are restricted, either will do.
CREATE FUNCTION sambapos._cron_days(day text, month text, weekday text) RETURNS date[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
  WITH field AS MATERIALIZED (
    SELECT sambapos._cron_field(_cron_days.day, 1, 31, '{}') AS days,
           sambapos._cron_field(_cron_days.month, 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}') AS months,
           sambapos._cron_field(weekday, 0, 7, '{sun,mon,tue,wed,thu,fri,sat}') AS weekdays
  )
  SELECT array_agg(d.day ORDER BY d.day)
  FROM field AS f, (SELECT date '2023-01-01' + i AS day FROM generate_series(0, 1500) AS i) AS d
  CROSS JOIN LATERAL (SELECT extract(day FROM d.day)::integer = ANY (f.days) AS by_day,
                             extract(dow FROM d.day)::integer = ANY (f.weekdays)
                             OR extract(isodow FROM d.day)::integer = ANY (f.weekdays) AS by_weekday) AS fits
  WHERE extract(month FROM d.day)::integer = ANY (f.months)
    AND CASE WHEN starts_with(_cron_days.day, '*') OR starts_with(weekday, '*') THEN fits.by_day AND fits.by_weekday
             ELSE fits.by_day OR fits.by_weekday END;
$$;
COMMENT ON FUNCTION sambapos._cron_days(text, text, text) IS
  'The days of some four years that a cron line means; NULL: none, or not understood';

CREATE FUNCTION sambapos._cron_longest_wait(line text) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT SET search_path = pg_catalog, pg_temp AS
$$
  WITH field AS MATERIALIZED (
    SELECT regexp_split_to_array(btrim(line), '\s+') AS f
  ), minute AS (
    SELECT DISTINCT 60 * h + m AS at
    FROM field, unnest(sambapos._cron_field(f[1], 0, 59, '{}')) AS m,
         unnest(sambapos._cron_field(f[2], 0, 23, '{}')) AS h
  ), within_a_day AS (
    SELECT max(w.wait) AS wait, max(w.at) - min(w.at) AS span
    FROM (SELECT at, at - lag(at) OVER (ORDER BY at) AS wait FROM minute) AS w
  ), between_days AS (
    SELECT max(w.days) AS days
    FROM (SELECT d - lag(d) OVER (ORDER BY d) AS days
          FROM field, unnest(sambapos._cron_days(f[3], f[4], f[5])) AS d) AS w
  )
  SELECT CASE WHEN line ~* '^\s*\d+\s+seconds?\s*$' THEN btrim(line)::interval
              WHEN b.days IS NOT NULL
                THEN justify_hours(make_interval(mins => greatest(w.wait, 1440 * b.days - w.span))) END
  FROM within_a_day AS w, between_days AS b;
$$;
COMMENT ON FUNCTION sambapos._cron_longest_wait(text) IS
  'The longest time between two runs of a cron line; NULL: not known';
