-- Schema till: what T-SQL's functions and conversions do, where PostgreSQL's own do something else.
-- Loaded once into the database till_template, from which every database of the till is made.
-- Errors are raised with SQLSTATE 'Tnnnn': the server reports them as T-SQL error nnnn; 'Unnnn' is error 1nnnn.

CREATE SCHEMA till;
CREATE SCHEMA dbo;

-- ---- collations: _CI ignores case, _AI ignores accents ----
CREATE COLLATION till."CI_AS" (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION till."CI_AI" (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
CREATE COLLATION till."CS_AS" (provider = icu, locale = 'und-u-ks-level3', deterministic = false);
CREATE COLLATION till."CS_AI" (provider = icu, locale = 'und-u-kc-true-ks-level1', deterministic = false);
CREATE COLLATION till."Turkish_CI_AS" (provider = icu, locale = 'tr-u-ks-level2', deterministic = false);
CREATE COLLATION till."Turkish_CI_AI" (provider = icu, locale = 'tr-u-ks-level1', deterministic = false);
CREATE COLLATION till."Turkish_CS_AS" (provider = icu, locale = 'tr-u-ks-level3', deterministic = false);
CREATE COLLATION till."Turkish_CS_AI" (provider = icu, locale = 'tr-u-kc-true-ks-level1', deterministic = false);

-- ---- types: 100 ns ticks since 0001-01-01 in UTC, and the offset ----
CREATE TYPE till.datetimeoffset AS (ticks bigint, minutes smallint);
CREATE TYPE till.variant AS (type text, value text);

-- ---- errors ----
CREATE FUNCTION till.fail(number integer, message text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = CASE WHEN number < 10000 THEN 'T' ELSE 'U' END || lpad((number % 10000)::text, 4, '0'), MESSAGE = message;
END $$;

-- ---- ticks ----
CREATE FUNCTION till.timestamp_ticks(t timestamp) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (extract(epoch FROM t) * 10000000)::bigint + 621355968000000000;

-- 1/300 s exactly, as SQL Server 2016 and later convert a datetime: .003 is .0033333
CREATE FUNCTION till.datetime_ticks(t timestamp) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN till.timestamp_ticks(date_trunc('second', t))
	+ round(round(extract(milliseconds FROM t) % 1000 * 3 / 10) * 100000 / 3)::bigint;

CREATE FUNCTION till.ticks_timestamp(ticks bigint) RETURNS timestamp
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN timestamp '0001-01-01' + (ticks / 864000000000) * interval '1 day' + ((ticks % 864000000000) / 10) * interval '1 microsecond';

CREATE FUNCTION till.ticks_date(ticks bigint) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN date '0001-01-01' + (ticks / 864000000000)::integer;

CREATE FUNCTION till.date_ticks(d date) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (d - date '0001-01-01')::bigint * 864000000000;

-- rounded, but never into the year 10000
CREATE FUNCTION till.round_ticks(ticks bigint, scale integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN least((ticks + (10 ^ (7 - scale))::bigint / 2) / (10 ^ (7 - scale))::bigint, (3155378976000000000 - 1) / (10 ^ (7 - scale))::bigint) * (10 ^ (7 - scale))::bigint;

CREATE FUNCTION till.local_ticks(o till.datetimeoffset) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (o).ticks + (o).minutes * 600000000::bigint;

CREATE FUNCTION till.offset_of(ticks bigint) RETURNS till.datetimeoffset
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ROW(ticks, 0)::till.datetimeoffset;

CREATE FUNCTION till.round_offset(o till.datetimeoffset, scale integer) RETURNS till.datetimeoffset
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (o).ticks IS NULL THEN NULL ELSE ROW(till.round_ticks((o).ticks, scale), (o).minutes)::till.datetimeoffset END;

CREATE FUNCTION till.switchoffset(o till.datetimeoffset, minutes integer) RETURNS till.datetimeoffset
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (o).ticks IS NULL THEN NULL ELSE ROW((o).ticks, minutes)::till.datetimeoffset END;

CREATE FUNCTION till.todatetimeoffset(ticks bigint, minutes integer) RETURNS till.datetimeoffset
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ROW(ticks - minutes * 600000000::bigint, minutes)::till.datetimeoffset;

CREATE FUNCTION till.offset_minutes(zone text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN left(zone, 1) = '-' THEN -1 ELSE 1 END * (substr(zone, 2, 2)::integer * 60 + substr(zone, 5, 2)::integer);

-- datetime keeps 1/300 s, seen as .000, .003, .007
CREATE FUNCTION till.round300(t timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN date_trunc('second', t)
	+ floor((round(extract(microseconds FROM t) % 1000000 * 3 / 10000) * 10 + 1) / 3) * interval '1 millisecond';

CREATE FUNCTION till.ticks_datetime(ticks bigint) RETURNS timestamp
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN till.ticks_timestamp(ticks / 10000000 * 10000000)
	+ floor(((ticks % 10000000 * 300 + 5000000) / 10000000 * 10 + 1) / 3) * interval '1 millisecond';

-- a conversion's result, if the type can hold it
CREATE FUNCTION till.in_range(t timestamp, source text, target text, attempt boolean) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF t IS NULL OR (CASE target WHEN 'datetime' THEN t >= '1753-01-01' AND t < '10000-01-01' ELSE t >= '1900-01-01' AND t < '2079-06-07' END) THEN
		RETURN t;
	END IF;
	IF attempt THEN
		RETURN NULL;
	END IF;
	IF source LIKE '%char' THEN
		PERFORM till.fail(242, 'The conversion of a ' || source || ' data type to a ' || target || ' data type resulted in an out-of-range value.');
	ELSIF source LIKE 'date%' THEN
		PERFORM till.fail(242, 'The conversion of a ' || source || ' data type to a ' || target || ' data type resulted in an out-of-range value.');
	END IF;
	PERFORM till.fail(8115, 'Arithmetic overflow error converting expression to data type ' || target || '.');
END $$;

CREATE FUNCTION till.round_minute(t timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN date_trunc('minute', t + interval '30 seconds');

CREATE FUNCTION till.datetime_days(t timestamp) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (extract(epoch FROM t - timestamp '1900-01-01') / 86400)::double precision;

-- ---- the clock of the shop: the machine's, moved by till_control 'clock_offset_seconds' ----
CREATE TABLE till.clock (offset_seconds bigint NOT NULL);
INSERT INTO till.clock VALUES (0);

CREATE FUNCTION till.set_clock_offset(seconds bigint) RETURNS void
LANGUAGE sql
AS 'UPDATE till.clock SET offset_seconds = seconds';

CREATE FUNCTION till.instant() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT statement_timestamp() + offset_seconds * interval ''1 second'' FROM till.clock';

CREATE FUNCTION till.getdate() RETURNS timestamp
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT till.round300(till.instant()::timestamp)';

CREATE FUNCTION till.getutcdate() RETURNS timestamp
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT till.round300(till.instant() AT TIME ZONE ''UTC'')';

-- the seventh digit, which no PostgreSQL clock has, follows from the others
CREATE FUNCTION till.sysdatetime() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT t + (t / 10) % 10 FROM (SELECT till.timestamp_ticks(till.instant()::timestamp)) x(t)';

CREATE FUNCTION till.sysutcdatetime() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT t + (t / 10) % 10 FROM (SELECT till.timestamp_ticks(till.instant() AT TIME ZONE ''UTC'')) x(t)';

CREATE FUNCTION till.sysdatetimeoffset() RETURNS till.datetimeoffset
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT ROW(till.sysutcdatetime(), extract(timezone FROM till.instant()) / 60)::till.datetimeoffset';

-- ---- date functions ----
CREATE FUNCTION till.week(t timestamp, date_first integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ((date_part('doy', t)::integer - 1 + (date_part('isodow', date_trunc('year', t))::integer - date_first + 7) % 7) / 7) + 1;

CREATE FUNCTION till.weekday(t timestamp, date_first integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (date_part('isodow', t)::integer - date_first + 7) % 7 + 1;

CREATE FUNCTION till.second(t timestamp) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN floor(date_part('second', t))::integer;

CREATE FUNCTION till.millisecond(t timestamp) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (date_part('microseconds', t)::integer % 1000000) / 1000;

-- boundaries crossed, not time passed
CREATE FUNCTION till.datediff(part text, a timestamp, b timestamp) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE part
	WHEN 'year' THEN extract(year FROM b) - extract(year FROM a)
	WHEN 'quarter' THEN (extract(year FROM b) - extract(year FROM a)) * 4 + extract(quarter FROM b) - extract(quarter FROM a)
	WHEN 'month' THEN (extract(year FROM b) - extract(year FROM a)) * 12 + extract(month FROM b) - extract(month FROM a)
	WHEN 'week' THEN ((b::date - date '0001-12-31 BC') / 7) - ((a::date - date '0001-12-31 BC') / 7) -- Sundays, whatever DATEFIRST says
	WHEN 'day' THEN b::date - a::date WHEN 'dayofyear' THEN b::date - a::date WHEN 'weekday' THEN b::date - a::date
	WHEN 'hour' THEN extract(epoch FROM date_trunc('hour', b) - date_trunc('hour', a)) / 3600
	WHEN 'minute' THEN extract(epoch FROM date_trunc('minute', b) - date_trunc('minute', a)) / 60
	WHEN 'second' THEN extract(epoch FROM date_trunc('second', b) - date_trunc('second', a))
	WHEN 'millisecond' THEN extract(epoch FROM date_trunc('milliseconds', b) - date_trunc('milliseconds', a)) * 1000
	END::bigint;

CREATE FUNCTION till.datediff_ticks(part text, a bigint, b bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF part = 'microsecond' THEN
		RETURN b / 10 - a / 10;
	END IF;
	RETURN (b - a) * 100;
EXCEPTION WHEN numeric_value_out_of_range THEN
	PERFORM till.fail(535, 'The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is too large. Try to use datediff with a less precise datepart.');
END $$;

CREATE FUNCTION till.datediff_int(n bigint) RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF n NOT BETWEEN -2147483648 AND 2147483647 THEN
		PERFORM till.fail(535, 'The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is too large. Try to use datediff with a less precise datepart.');
	END IF;
	RETURN n;
END $$;

CREATE FUNCTION till.add_overflow(type text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT till.fail(517, 'Adding a value to a ''' || type || ''' column caused an overflow.') $$;

-- date, datetime and smalldatetime; what datetime adds in milliseconds is rounded to 1/300 s, what smalldatetime adds to the minute
CREATE FUNCTION till.dateadd(part text, n integer, t timestamp, type text) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	r timestamp;
	thirds bigint;
BEGIN
	IF abs(n::bigint) > (CASE part WHEN 'year' THEN 10000 WHEN 'quarter' THEN 40000 WHEN 'month' THEN 120000 WHEN 'week' THEN 530000
		WHEN 'day' THEN 3700000 WHEN 'dayofyear' THEN 3700000 WHEN 'weekday' THEN 3700000 WHEN 'hour' THEN 88000000 ELSE 2147483648 END) THEN
		PERFORM till.add_overflow(type);
	END IF;
	CASE part
	WHEN 'year' THEN r := t + n * interval '1 year';
	WHEN 'quarter' THEN r := t + n * interval '3 months';
	WHEN 'month' THEN r := t + n * interval '1 month';
	WHEN 'week' THEN r := t + n * interval '7 days';
	WHEN 'hour' THEN r := t + n * interval '1 hour';
	WHEN 'minute' THEN r := t + n * interval '1 minute';
	WHEN 'second' THEN r := t + n * interval '1 second';
	WHEN 'millisecond' THEN
		IF type = 'datetime' THEN
			thirds := round(date_part('microseconds', t)::integer % 1000000 * 3 / 10000.0)::bigint * 10 + n::bigint * 3;
			thirds := floor((thirds + 5) / 10.0);
			r := date_trunc('second', t) + floor(thirds / 300.0) * interval '1 second' + ((((thirds % 300) + 300) % 300) * 10 + 1) / 3 * interval '1 millisecond';
		ELSE
			r := t + n * interval '1 millisecond';
		END IF;
	ELSE r := t + n * interval '1 day';
	END CASE;
	IF type = 'smalldatetime' THEN
		r := till.round_minute(r);
	END IF;
	IF r < (CASE type WHEN 'datetime' THEN timestamp '1753-01-01' WHEN 'date' THEN '0001-01-01' ELSE '1900-01-01' END)
		OR r >= (CASE type WHEN 'smalldatetime' THEN timestamp '2079-06-07' ELSE '10000-01-01' END) THEN
		PERFORM till.add_overflow(type);
	END IF;
	RETURN r;
END $$;

-- a nanosecond is a hundredth of a tick; from 50 on it counts
CREATE FUNCTION till.part_ticks(part text, n integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE part WHEN 'week' THEN 7 * 864000000000 * n WHEN 'hour' THEN 36000000000 * n WHEN 'minute' THEN 600000000::bigint * n
	WHEN 'second' THEN 10000000::bigint * n WHEN 'millisecond' THEN 10000::bigint * n WHEN 'microsecond' THEN 10::bigint * n
	WHEN 'nanosecond' THEN floor((n + 50) / 100.0)::bigint ELSE 864000000000 * n END;

CREATE FUNCTION till.dateadd_ticks(part text, n integer, ticks bigint, scale integer, type text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	r bigint;
BEGIN
	IF part IN ('year', 'quarter', 'month') THEN
		r := till.date_ticks(till.dateadd(part, n, till.ticks_date(ticks)::timestamp, 'date')::date) + ticks % 864000000000;
	ELSIF abs(n::bigint) > (CASE part WHEN 'week' THEN 530000 WHEN 'day' THEN 3700000 WHEN 'dayofyear' THEN 3700000 WHEN 'weekday' THEN 3700000
		WHEN 'hour' THEN 88000000 ELSE 2147483648 END) THEN
		PERFORM till.add_overflow(type);
	ELSE
		r := ticks + till.part_ticks(part, n);
	END IF;
	IF r < 0 OR r >= 3155378976000000000 THEN
		PERFORM till.add_overflow(type);
	END IF;
	RETURN till.round_ticks(r, scale);
EXCEPTION WHEN SQLSTATE 'T0517' THEN
	PERFORM till.add_overflow(type);
END $$;

CREATE FUNCTION till.dateadd_datetime2(part text, n integer, ticks bigint, scale integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN till.dateadd_ticks(part, n, ticks, scale, 'datetime2');

-- a time goes round the clock
CREATE FUNCTION till.dateadd_time(part text, n integer, ticks bigint, scale integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN till.round_ticks(((ticks + till.part_ticks(part, n)) % 864000000000 + 864000000000) % 864000000000, scale) % 864000000000;

CREATE FUNCTION till.dateadd_offset(part text, n integer, o till.datetimeoffset, scale integer) RETURNS till.datetimeoffset
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (o).ticks IS NULL OR n IS NULL THEN NULL
	ELSE ROW(till.dateadd_ticks(part, n, till.local_ticks(o), scale, 'datetimeoffset') - (o).minutes * 600000000::bigint, (o).minutes)::till.datetimeoffset END;

-- ---- dates from their parts ----
CREATE FUNCTION till.no_such_date(type text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT till.fail(289, 'Cannot construct data type ' || type || ', some of the arguments have values which are not valid.') $$;

CREATE FUNCTION till.parts_ticks(type text, y integer, mo integer, d integer, h integer, mi integer, s integer) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF y NOT BETWEEN 1 AND 9999 OR h NOT BETWEEN 0 AND 23 OR mi NOT BETWEEN 0 AND 59 OR s NOT BETWEEN 0 AND 59 THEN
		PERFORM till.no_such_date(type);
	END IF;
	RETURN till.date_ticks(make_date(y, mo, d)) + ((h * 60 + mi) * 60 + s) * 10000000::bigint;
EXCEPTION WHEN datetime_field_overflow THEN
	PERFORM till.no_such_date(type);
END $$;

CREATE FUNCTION till.fraction_ticks(type text, fraction integer, scale integer) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF scale NOT BETWEEN 0 AND 7 OR fraction < 0 OR fraction >= 10 ^ scale THEN
		PERFORM till.no_such_date(type);
	END IF;
	RETURN fraction * (10 ^ (7 - scale))::bigint;
END $$;

CREATE FUNCTION till.datefromparts(y integer, mo integer, d integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN till.ticks_date(till.parts_ticks('date', y, mo, d, 0, 0, 0));

CREATE FUNCTION till.timefromparts(h integer, mi integer, s integer, fraction integer, scale integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN till.parts_ticks('time', 1, 1, 1, h, mi, s) + till.fraction_ticks('time', fraction, scale);

CREATE FUNCTION till.datetime2fromparts(y integer, mo integer, d integer, h integer, mi integer, s integer, fraction integer, scale integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN till.parts_ticks('datetime2', y, mo, d, h, mi, s) + till.fraction_ticks('datetime2', fraction, scale);

CREATE FUNCTION till.datetimefromparts(y integer, mo integer, d integer, h integer, mi integer, s integer, ms integer) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF y < 1753 THEN
		PERFORM till.no_such_date('datetime');
	END IF;
	RETURN till.ticks_datetime(till.parts_ticks('datetime', y, mo, d, h, mi, s) + till.fraction_ticks('datetime', ms, 3));
END $$;

CREATE FUNCTION till.smalldatetimefromparts(y integer, mo integer, d integer, h integer, mi integer) RETURNS timestamp
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	r timestamp := till.ticks_timestamp(till.parts_ticks('smalldatetime', y, mo, d, h, mi, 0));
BEGIN
	IF r < '1900-01-01' OR r >= '2079-06-07' THEN
		PERFORM till.no_such_date('smalldatetime');
	END IF;
	RETURN r;
END $$;

CREATE FUNCTION till.eomonth(t timestamp, months integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (date_trunc('month', till.dateadd('month', months, t, 'date')) + interval '1 month -1 day')::date;

-- ---- dates and times as text: CONVERT's styles ----
CREATE FUNCTION till.datetime_text(t timestamp, style integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE style
	WHEN 120 THEN to_char(t, 'YYYY-MM-DD HH24:MI:SS') WHEN 20 THEN to_char(t, 'YYYY-MM-DD HH24:MI:SS')
	WHEN 121 THEN to_char(t, 'YYYY-MM-DD HH24:MI:SS.MS') WHEN 21 THEN to_char(t, 'YYYY-MM-DD HH24:MI:SS.MS')
	WHEN 25 THEN to_char(t, 'YYYY-MM-DD HH24:MI:SS.MS')
	WHEN 126 THEN to_char(t, 'YYYY-MM-DD"T"HH24:MI:SS') || CASE WHEN date_trunc('second', t) = t THEN '' ELSE to_char(t, '.MS') END
	WHEN 127 THEN to_char(t, 'YYYY-MM-DD"T"HH24:MI:SS') || CASE WHEN date_trunc('second', t) = t THEN '' ELSE to_char(t, '.MS') END
	WHEN 112 THEN to_char(t, 'YYYYMMDD') WHEN 23 THEN to_char(t, 'YYYY-MM-DD') WHEN 103 THEN to_char(t, 'DD/MM/YYYY')
	WHEN 104 THEN to_char(t, 'DD.MM.YYYY') WHEN 101 THEN to_char(t, 'MM/DD/YYYY') WHEN 108 THEN to_char(t, 'HH24:MI:SS')
	WHEN 114 THEN to_char(t, 'HH24:MI:SS:MS')
	WHEN 0 THEN to_char(t, 'Mon ') || lpad(extract(day FROM t)::text, 2) || to_char(t, ' YYYY ') || lpad(to_char(t, 'FMHH12'), 2) || to_char(t, ':MIAM')
	WHEN 100 THEN to_char(t, 'Mon ') || lpad(extract(day FROM t)::text, 2) || to_char(t, ' YYYY ') || lpad(to_char(t, 'FMHH12'), 2) || to_char(t, ':MIAM')
	ELSE till.fail(281, style || ' is not a valid style number when converting from datetime to a character string (or the stand-in till doesn''t know it).') END;

CREATE FUNCTION till.date_text(d date, style integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN style IN (-1, 0, 20, 21, 23, 120, 121, 126, 127) THEN to_char(d, 'YYYY-MM-DD') ELSE till.datetime_text(d, style) END;

CREATE FUNCTION till.fraction_text(ticks bigint, scale integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN scale = 0 THEN '' ELSE '.' || left(lpad((ticks % 10000000)::text, 7, '0'), scale) END;

CREATE FUNCTION till.time_text(ticks bigint, scale integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN to_char(till.ticks_timestamp(ticks), 'HH24:MI:SS') || till.fraction_text(ticks, scale);

CREATE FUNCTION till.datetime2_text(ticks bigint, scale integer, style integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
	WHEN style IN (-1, 21, 25, 121) THEN to_char(till.ticks_timestamp(ticks), 'YYYY-MM-DD HH24:MI:SS') || till.fraction_text(ticks, scale)
	WHEN style IN (126, 127) THEN to_char(till.ticks_timestamp(ticks), 'YYYY-MM-DD"T"HH24:MI:SS')
		|| CASE WHEN ticks % 10000000 = 0 THEN '' ELSE till.fraction_text(ticks, scale) END
	ELSE till.datetime_text(till.ticks_timestamp(ticks), style) END;

CREATE FUNCTION till.zone_text(minutes integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN minutes < 0 THEN '-' ELSE '+' END || lpad((abs(minutes) / 60)::text, 2, '0') || ':' || lpad((abs(minutes) % 60)::text, 2, '0');

CREATE FUNCTION till.datetimeoffset_text(o till.datetimeoffset, scale integer, style integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN till.datetime2_text(till.local_ticks(o), scale, style) || CASE WHEN style IN (126, 127) THEN '' ELSE ' ' END || till.zone_text((o).minutes);

-- ---- numbers as text ----
CREATE FUNCTION till.money_text(n numeric, style integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE style WHEN 2 THEN round(n, 4)::text WHEN 1 THEN trim(to_char(round(n, 2), 'FM999,999,999,999,990.00')) WHEN 121 THEN round(n, 4)::text ELSE round(n, 2)::text END;

-- style 0: six digits; 1: eight, 2: sixteen, 3: seventeen, in scientific notation
CREATE FUNCTION till.float_text(n double precision, style integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	s text;
BEGIN
	IF style IN (1, 2, 3) THEN
		s := trim(to_char(n, '9.' || repeat('9', CASE style WHEN 1 THEN 7 WHEN 2 THEN 15 ELSE 16 END) || 'EEEE'));
		RETURN regexp_replace(s, 'e([+-])(\d\d)$', 'e\10\2');
	END IF;
	IF style = 121 THEN
		RETURN n::text;
	END IF;
	IF n <> 0 AND (abs(n) >= 1e6 OR abs(n) < 1e-4) AND NOT (abs(n) < 1e6) THEN
		s := trim(to_char(n, '9.99999EEEE'));
		RETURN regexp_replace(regexp_replace(s, '\.?0*e', 'e'), 'e([+-])(\d\d)$', 'e\10\2');
	END IF;
	RETURN trim_scale(round(n::numeric, greatest(0, 6 - CASE WHEN n = 0 THEN 1 ELSE floor(log(abs(n)))::integer + 1 END)))::text;
END $$;

-- ---- text to other types: parse_x(text, from, to, attempt) ----
CREATE FUNCTION till.conversion_failed(value text, source text, target text) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$ SELECT till.fail(245, 'Conversion failed when converting the ' || source || ' value ''' || value || ''' to data type ' || target || '.') $$;

CREATE FUNCTION till.parse_integer(value text, source text, target text, attempt boolean) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	least bigint := CASE target WHEN 'tinyint' THEN 0 WHEN 'smallint' THEN -32768 WHEN 'int' THEN -2147483648 ELSE -9223372036854775808 END;
	most bigint := CASE target WHEN 'tinyint' THEN 255 WHEN 'smallint' THEN 32767 WHEN 'int' THEN 2147483647 ELSE 9223372036854775807 END;
	n numeric;
BEGIN
	IF value IS NULL THEN
		RETURN NULL;
	END IF;
	IF trim(value) = '' THEN
		RETURN 0;
	END IF;
	IF value !~ '^\s*[+-]?\d+\s*$' THEN
		IF attempt THEN
			RETURN NULL;
		END IF;
		PERFORM till.conversion_failed(value, source, target);
	END IF;
	n := trim(value)::numeric;
	IF n NOT BETWEEN least AND most THEN
		IF attempt THEN
			RETURN NULL;
		END IF;
		PERFORM till.fail(CASE WHEN target = 'bigint' THEN 8115 WHEN target = 'int' THEN 248 ELSE 244 END,
			'The conversion of the ' || source || ' value ''' || value || ''' overflowed an ' || target || ' column.');
	END IF;
	RETURN n;
END $$;

CREATE FUNCTION till.parse_numeric(value text, source text, target text, attempt boolean) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF value IS NULL THEN
		RETURN NULL;
	END IF;
	IF target LIKE '%money' AND value ~ '^\s*[+-]?[$]?[\d,]*\.?\d*\s*$' THEN
		value := regexp_replace(value, '[$,]', '', 'g');
		IF trim(value) = '' THEN
			RETURN 0;
		END IF;
	END IF;
	IF value !~ '^\s*[+-]?(\d+\.?\d*|\.\d+)\s*$' THEN
		IF attempt THEN
			RETURN NULL;
		END IF;
		PERFORM till.fail(8114, 'Error converting data type ' || source || ' to ' || replace(target, 'decimal', 'numeric') || '.');
	END IF;
	RETURN trim(value)::numeric;
END $$;

CREATE FUNCTION till.parse_float(value text, source text, target text, attempt boolean) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF trim(value) = '' THEN
		RETURN 0;
	END IF;
	IF value !~* '^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$' THEN
		IF attempt THEN
			RETURN NULL;
		END IF;
		PERFORM till.fail(8114, 'Error converting data type ' || source || ' to ' || target || '.');
	END IF;
	RETURN trim(value)::double precision;
END $$;

CREATE FUNCTION till.parse_bit(value text, source text, target text, attempt boolean) RETURNS smallint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF lower(trim(value)) IN ('true', 'false') THEN
		RETURN (lower(trim(value)) = 'true')::integer;
	END IF;
	RETURN CASE WHEN till.parse_integer(value, source, 'int', attempt) <> 0 THEN 1 WHEN value IS NOT NULL THEN 0 END;
END $$;

CREATE FUNCTION till.parse_guid(value text, source text, target text, attempt boolean) RETURNS uuid
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF value !~* '^\{?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}' THEN
		IF attempt THEN
			RETURN NULL;
		END IF;
		PERFORM till.fail(8169, 'Conversion failed when converting from a character string to uniqueidentifier.');
	END IF;
	RETURN substring(value FROM '[0-9A-Fa-f-]{36}')::uuid;
END $$;

-- the language-neutral forms only; literals are read by the server itself
CREATE FUNCTION till.parse_datetimeoffset(value text, source text, target text, attempt boolean) RETURNS till.datetimeoffset
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	m text[];
	ticks bigint;
	minutes integer := 0;
BEGIN
	IF value IS NULL THEN
		RETURN NULL;
	END IF;
	m := regexp_match(trim(value) COLLATE "C", '^(?:(\d{4})-?(\d\d)-?(\d\d))?[ T]*(?:(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?)? *(Z|[+-]\d\d:\d\d)?$');
	BEGIN
		IF m IS NULL THEN
			RAISE invalid_datetime_format;
		END IF;
		ticks := till.date_ticks(make_date(coalesce(m[1], '1900')::integer, coalesce(m[2], '1')::integer, coalesce(m[3], '1')::integer))
			+ till.timestamp_ticks(timestamp '0001-01-01' + make_time(coalesce(m[4], '0')::integer, coalesce(m[5], '0')::integer, coalesce(m[6], '0')::double precision))
			+ rpad(coalesce(m[7], ''), 7, '0')::bigint;
	EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
		IF attempt THEN
			RETURN NULL;
		END IF;
		PERFORM till.fail(241, 'Conversion failed when converting date and/or time from character string.');
	END;
	IF m[8] IS NOT NULL AND m[8] <> 'Z' THEN
		minutes := till.offset_minutes(m[8]);
	END IF;
	RETURN ROW(ticks - minutes * 600000000::bigint, minutes)::till.datetimeoffset;
END $$;

CREATE FUNCTION till.parse_datetime2(value text, source text, target text, attempt boolean) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT till.local_ticks(till.parse_datetimeoffset(value, source, target, attempt))';

CREATE FUNCTION till.parse_datetime(value text, source text, target text, attempt boolean) RETURNS timestamp
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT till.ticks_timestamp(till.parse_datetime2(value, source, target, attempt))';

-- numbers that don't fit: 220 in a conversion, 8115 in arithmetic
CREATE FUNCTION till.tinyint_result(n bigint) RETURNS smallint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF n NOT BETWEEN 0 AND 255 THEN
		PERFORM till.fail(8115, 'Arithmetic overflow error converting expression to data type tinyint.');
	END IF;
	RETURN n;
END $$;

CREATE FUNCTION till.smallint(n bigint) RETURNS smallint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF n NOT BETWEEN -32768 AND 32767 THEN
		PERFORM till.fail(220, 'Arithmetic overflow error for data type smallint, value = ' || n || '.');
	END IF;
	RETURN n;
END $$;

CREATE FUNCTION till.money(n numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	n := round(n, 4);
	IF n NOT BETWEEN -922337203685477.5808 AND 922337203685477.5807 THEN
		PERFORM till.fail(8115, 'Arithmetic overflow error converting expression to data type money.');
	END IF;
	RETURN n;
END $$;

CREATE FUNCTION till.smallmoney(n numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	n := round(n, 4);
	IF n NOT BETWEEN -214748.3648 AND 214748.3647 THEN
		PERFORM till.fail(8115, 'Arithmetic overflow error converting expression to data type smallmoney.');
	END IF;
	RETURN n;
END $$;

-- a float has 17 digits when it becomes a decimal
CREATE FUNCTION till.float_numeric(n double precision) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN to_char(n, '9.9999999999999999EEEE')::numeric;

-- a number as text of at most n characters: what is longer is '*' or error 8115
CREATE FUNCTION till.number_text(s text, n integer, type text, star boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF char_length(s) <= n THEN
		RETURN s;
	END IF;
	IF NOT star THEN
		PERFORM till.fail(8115, 'Arithmetic overflow error converting expression to data type ' || type || '.');
	END IF;
	RETURN '*';
END $$;

CREATE FUNCTION till.tinyint(n bigint) RETURNS smallint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF n NOT BETWEEN 0 AND 255 THEN
		PERFORM till.fail(220, 'Arithmetic overflow error for data type tinyint, value = ' || n || '.');
	END IF;
	RETURN n;
END $$;

-- ---- strings ----
-- length in UTF-16 units: two for what lies outside the basic plane, one for an escaped NUL or surrogate
CREATE FUNCTION till.len(s text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN octet_length(s) = char_length(s) THEN char_length(s)
	ELSE char_length(s) + char_length(regexp_replace(s COLLATE "C", '[\u0001-\uffff\U0010d800-\U0010dfff\U0010f000]', '', 'g')) END;

-- text in the order of its UTF-16 units: U+E000 to U+FFFF stand behind the surrogates
CREATE FUNCTION till.code_units(s text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN rtrim(CASE WHEN octet_length(s) = char_length(s) THEN s ELSE regexp_replace(s COLLATE "C", '([\ue000-\uffff])', U&'\+10FFFF' || '\1', 'g') END) || ' ';

-- the first n units; half a surrogate pair is left as the lone surrogate it is
CREATE FUNCTION till.cut(s text, n integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	units integer := 0;
	result text := '';
	c text;
BEGIN
	IF n < 0 THEN
		PERFORM till.fail(537, 'Invalid length parameter passed to the LEFT or SUBSTRING function.');
	END IF;
	IF till.len(s) <= n THEN
		RETURN s;
	END IF;
	IF till.len(s) = char_length(s) THEN
		RETURN left(s, n);
	END IF;
	FOREACH c IN ARRAY string_to_array(s, NULL) LOOP
		units := units + till.len(c);
		IF units > n THEN
			RETURN CASE WHEN units = n + 1 AND till.len(c) = 2 THEN result || chr(x'100000'::integer + x'd800'::integer + (ascii(c) - 65536) / 1024) ELSE result END;
		END IF;
		result := result || c;
	END LOOP;
	RETURN result;
END $$;

CREATE FUNCTION till.right(s text, n integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF n < 0 THEN
		PERFORM till.fail(536, 'Invalid length parameter passed to the RIGHT function.');
	END IF;
	IF till.len(s) = char_length(s) THEN
		RETURN right(s, n);
	END IF;
	RETURN till.substring(s, greatest(till.len(s) - n, 0) + 1, n);
END $$;

CREATE FUNCTION till.substring(s text, start integer, count integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF count < 0 THEN
		PERFORM till.fail(537, 'Invalid length parameter passed to the LEFT or SUBSTRING function.');
	END IF;
	IF till.len(s) = char_length(s) THEN
		RETURN substr(s, start, count);
	END IF;
	RETURN till.bytes_utf16(substring(till.utf16(s) FROM greatest(start * 2 - 1, 1) FOR greatest(2 * (count + least(start - 1, 0)), 0)));
END $$;

CREATE FUNCTION till.fit(s text, n integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF till.len(s) <= n THEN
		RETURN s;
	END IF;
	IF till.len(rtrim(s)) > n THEN
		PERFORM till.fail(8152, 'String or binary data would be truncated.');
	END IF;
	RETURN till.cut(s, n);
END $$;

CREATE FUNCTION till.stuff(s text, start integer, count integer, fresh text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN s IS NULL OR start < 1 OR start > char_length(s) OR count < 0 THEN NULL ELSE overlay(s placing coalesce(fresh, '') FROM start FOR count) END;

CREATE FUNCTION till.replace(s text, old text, fresh text, ignore_case boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	escaped text := replace(fresh COLLATE "C", '\', '\\');
BEGIN
	IF old = '' THEN
		RETURN s;
	END IF;
	IF NOT ignore_case THEN
		RETURN replace(s COLLATE "C", old COLLATE "C", fresh COLLATE "C");
	END IF;
	RETURN regexp_replace(s COLLATE "und-x-icu", '***=' || old, escaped, 'gi');
END $$;

CREATE FUNCTION till.charindex(needle text, s text, start integer, ignore_case boolean) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN needle = '' THEN 0
	ELSE (SELECT CASE WHEN p = 0 THEN 0 ELSE p + greatest(start, 1) - 1 END
		FROM (SELECT CASE WHEN ignore_case THEN strpos(substr(lower(s COLLATE "und-x-icu"), greatest(start, 1)) COLLATE "C", lower(needle COLLATE "und-x-icu") COLLATE "C")
			ELSE strpos(substr(s, greatest(start, 1)) COLLATE "C", needle COLLATE "C") END) x(p)) END;

CREATE FUNCTION till.nchar(n integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN n < 0 OR n > 65535 THEN NULL WHEN n = 0 THEN chr(x'10f000'::integer)
	WHEN n BETWEEN 55296 AND 57343 THEN chr(x'100000'::integer + n) ELSE chr(n) END;

CREATE FUNCTION till.char(n integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN n NOT BETWEEN 0 AND 255 THEN NULL WHEN n = 0 THEN chr(x'10f000'::integer) WHEN n < 128 THEN chr(n)
	ELSE convert_from(set_byte('\x00', 0, n), 'WIN1252') END;

-- what a code page lacks becomes '?'
CREATE FUNCTION till.codepage(s text, page integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	result text := '';
	c text;
BEGIN
	IF octet_length(s) = char_length(s) THEN
		RETURN s;
	END IF;
	FOREACH c IN ARRAY string_to_array(s, NULL) LOOP
		BEGIN
			PERFORM convert_to(c, CASE page WHEN 1254 THEN 'WIN1254' ELSE 'WIN1252' END);
			result := result || c;
		EXCEPTION WHEN untranslatable_character THEN
			result := result || CASE WHEN ascii(c) = x'10f000'::integer THEN c ELSE '?' END;
		END;
	END LOOP;
	RETURN result;
END $$;

CREATE FUNCTION till.page_bytes(s text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF octet_length(s) = char_length(s) THEN
		RETURN convert_to(s, 'UTF8');
	END IF;
	BEGIN
		RETURN convert_to(s, 'WIN1252');
	EXCEPTION WHEN untranslatable_character THEN
		RETURN convert_to(s, 'WIN1254');
	END;
END $$;

CREATE FUNCTION till.utf16_unit(n integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lpad(to_hex(n & 255), 2, '0') || lpad(to_hex(n >> 8), 2, '0');

CREATE FUNCTION till.utf16(s text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	hex text := '';
	c text;
	n integer;
BEGIN
	IF octet_length(s) = char_length(s) THEN
		RETURN decode(regexp_replace(encode(convert_to(s, 'UTF8'), 'hex'), '(..)', '\100', 'g'), 'hex');
	END IF;
	FOREACH c IN ARRAY string_to_array(s, NULL) LOOP
		n := ascii(c);
		IF n = x'10f000'::integer THEN
			hex := hex || '0000';
		ELSIF n BETWEEN x'10d800'::integer AND x'10dfff'::integer THEN
			hex := hex || till.utf16_unit(n - x'100000'::integer);
		ELSIF n < 65536 THEN
			hex := hex || till.utf16_unit(n);
		ELSE
			hex := hex || till.utf16_unit(55296 + (n - 65536) / 1024) || till.utf16_unit(56320 + (n - 65536) % 1024);
		END IF;
	END LOOP;
	RETURN decode(hex, 'hex');
END $$;

CREATE FUNCTION till.bytes_utf16(b bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	result text := '';
	n integer;
	low integer;
	i integer := 0;
	units integer := octet_length(b) / 2;
BEGIN
	WHILE i < units LOOP
		n := get_byte(b, 2 * i) + 256 * get_byte(b, 2 * i + 1);
		i := i + 1;
		IF n BETWEEN 55296 AND 56319 AND i < units THEN
			low := get_byte(b, 2 * i) + 256 * get_byte(b, 2 * i + 1);
			IF low BETWEEN 56320 AND 57343 THEN
				result := result || chr(65536 + (n - 55296) * 1024 + low - 56320);
				i := i + 1;
				CONTINUE;
			END IF;
		END IF;
		result := result || till.nchar(n);
	END LOOP;
	RETURN result;
END $$;

-- ---- binary ----
CREATE FUNCTION till.bytes_text(b bytea, style integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	result text := '';
BEGIN
	IF style IN (1, 2) THEN
		RETURN CASE style WHEN 1 THEN '0x' ELSE '' END || upper(encode(b, 'hex'));
	END IF;
	FOR i IN 0 .. octet_length(b) - 1 LOOP
		result := result || till.char(get_byte(b, i));
	END LOOP;
	RETURN result;
END $$;

CREATE FUNCTION till.hex_bytes(s text, style integer) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF s !~* ('^' || repeat('0x', (style = 1)::integer) || '([0-9a-f]{2})*$') THEN
		PERFORM till.fail(8114, 'Error converting data type varchar to varbinary.');
	END IF;
	RETURN decode(CASE style WHEN 1 THEN substr(s, 3) ELSE s END, 'hex');
END $$;

-- the last eight bytes as a big-endian number
CREATE FUNCTION till.bytes_bigint(b bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('x' || lpad(right(encode(b, 'hex'), 16), 16, '0'))::bit(64)::bigint;

-- binary(n): zeros on the right, a number's on the left; what doesn't fit is cut, in a store an error
CREATE FUNCTION till.pad_bytes(b bytea, n integer, number boolean, store boolean) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF octet_length(b) > n THEN
		RETURN till.cut_bytes(b, n, number, store);
	END IF;
	IF number THEN
		RETURN decode(repeat('00', n - octet_length(b)), 'hex') || b;
	END IF;
	RETURN b || decode(repeat('00', n - octet_length(b)), 'hex');
END $$;

CREATE FUNCTION till.cut_bytes(b bytea, n integer, number boolean, store boolean) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	IF octet_length(b) <= n THEN
		RETURN b;
	END IF;
	IF store AND NOT number THEN
		PERFORM till.fail(8152, 'String or binary data would be truncated.');
	END IF;
	IF number THEN
		RETURN substring(b FROM octet_length(b) - n + 1);
	END IF;
	RETURN substring(b FROM 1 FOR n);
END $$;

-- ---- uniqueidentifier: bytes as stored, and SQL Server's sort order (the last six bytes first) ----
CREATE FUNCTION till.guid_bytes(u uuid) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN decode(regexp_replace(u::text, '^(..)(..)(..)(..)-(..)(..)-(..)(..)-(....)-', '\4\3\2\1\6\5\8\7\9'), 'hex');

CREATE FUNCTION till.bytes_guid(b bytea) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(rpad(encode(b, 'hex'), 32, '0'), '^(..)(..)(..)(..)(..)(..)(..)(..)', '\4\3\2\1\6\5\8\7')::uuid;

CREATE FUNCTION till.guid_order(u uuid) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN decode(regexp_replace(encode(till.guid_bytes(u), 'hex'), '^(.{8})(.{4})(.{4})(.{4})(.{12})$', '\5\4\3\2\1'), 'hex');

-- ---- arithmetic ----
-- decimal division cuts at the result's scale
CREATE FUNCTION till.divide(a numeric, b numeric, scale integer) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN div(a * ('1e' || scale)::numeric, b) * ('1e-' || scale)::numeric;

CREATE FUNCTION till.average(total numeric, count bigint, scale integer) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN count > 0 THEN till.divide(total, count, scale) END;

CREATE FUNCTION till.larger(a bytea, b bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN CASE WHEN a > b THEN a ELSE b END;
CREATE FUNCTION till.smaller(a bytea, b bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN CASE WHEN a < b THEN a ELSE b END;
CREATE AGGREGATE dbo.max(bytea) (sfunc = till.larger, stype = bytea, parallel = safe);
CREATE AGGREGATE dbo.min(bytea) (sfunc = till.smaller, stype = bytea, parallel = safe);

-- ---- paging and sampling: the numbers T-SQL refuses ----
CREATE FUNCTION till.top_rows(n bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF n IS NULL THEN
		PERFORM till.fail(1014, 'A TOP or FETCH clause contains an invalid value.');
	ELSIF n < 0 THEN
		PERFORM till.fail(127, 'A TOP N or FETCH rowcount value may not be negative.');
	END IF;
	RETURN n;
END $$;

CREATE FUNCTION till.offset_rows(n bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF n IS NULL OR n < 0 THEN
		PERFORM till.fail(10742, 'The offset specified in a OFFSET clause may not be negative.');
	END IF;
	RETURN n;
END $$;

CREATE FUNCTION till.fetch_rows(n bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF n IS NULL OR n < 1 THEN
		PERFORM till.fail(10744, 'The number of rows provided for a FETCH clause must be greater then zero.');
	END IF;
	RETURN n;
END $$;

CREATE FUNCTION till.sample_percent(percent double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF percent IS NULL OR percent NOT BETWEEN 0 AND 100 THEN
		PERFORM till.fail(476, 'Invalid PERCENT tablesample size "' || coalesce(percent::text, 'NULL') || '". The tablesample size must be between 0 and 100.');
	END IF;
	RETURN percent;
END $$;

-- about as many pages as hold that many rows
CREATE FUNCTION till.sample_rows(relation regclass, n bigint) RETURNS double precision
LANGUAGE plpgsql STABLE AS $$
DECLARE
	total double precision := (SELECT reltuples FROM pg_class WHERE oid = relation);
BEGIN
	IF n IS NULL OR n < 0 THEN
		PERFORM till.fail(477, 'Invalid ROWS value or REPEATABLE seed in the TABLESAMPLE clause. The value or seed must be an integer.');
	END IF;
	IF total <= 0 THEN
		EXECUTE format('SELECT count(*) FROM %s', relation) INTO total;
	END IF;
	RETURN least(100, n * 100.0 / greatest(total, 1));
END $$;

-- MIN and MAX of types PostgreSQL has none for
CREATE FUNCTION till.larger(a uuid, b uuid) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN CASE WHEN till.guid_order(a) > till.guid_order(b) THEN a ELSE b END;
CREATE FUNCTION till.smaller(a uuid, b uuid) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN CASE WHEN till.guid_order(a) < till.guid_order(b) THEN a ELSE b END;
CREATE AGGREGATE dbo.max(uuid) (sfunc = till.larger, stype = uuid, parallel = safe);
CREATE AGGREGATE dbo.min(uuid) (sfunc = till.smaller, stype = uuid, parallel = safe);
CREATE FUNCTION till.larger(a till.datetimeoffset, b till.datetimeoffset) RETURNS till.datetimeoffset LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN a IS NULL OR (b).ticks > (a).ticks THEN b ELSE a END;
CREATE FUNCTION till.smaller(a till.datetimeoffset, b till.datetimeoffset) RETURNS till.datetimeoffset LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN a IS NULL OR (b).ticks < (a).ticks THEN b ELSE a END;
CREATE AGGREGATE dbo.max(till.datetimeoffset) (sfunc = till.larger, stype = till.datetimeoffset, parallel = safe);
CREATE AGGREGATE dbo.min(till.datetimeoffset) (sfunc = till.smaller, stype = till.datetimeoffset, parallel = safe);

CREATE FUNCTION till.make_variant(type text, value text) RETURNS till.variant
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value IS NOT NULL THEN ROW(type, value)::till.variant END;

-- DATALENGTH of the types of fixed length
CREATE FUNCTION till.fixed_length(value text, type text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE regexp_replace(type, '\(.*', '') WHEN 'bit' THEN 1 WHEN 'tinyint' THEN 1 WHEN 'smallint' THEN 2 WHEN 'int' THEN 4 WHEN 'bigint' THEN 8
	WHEN 'real' THEN 4 WHEN 'float' THEN 8 WHEN 'money' THEN 8 WHEN 'smallmoney' THEN 4 WHEN 'datetime' THEN 8 WHEN 'smalldatetime' THEN 4
	WHEN 'date' THEN 3 WHEN 'uniqueidentifier' THEN 16
	WHEN 'decimal' THEN CASE WHEN substring(type FROM '\((\d+)')::integer <= 9 THEN 5 WHEN substring(type FROM '\((\d+)')::integer <= 19 THEN 9
		WHEN substring(type FROM '\((\d+)')::integer <= 28 THEN 13 ELSE 17 END
	ELSE CASE WHEN substring(type FROM '\((\d+)')::integer <= 2 THEN 3 WHEN substring(type FROM '\((\d+)')::integer <= 4 THEN 4 ELSE 5 END
		+ CASE WHEN type LIKE 'datetime2%' THEN 3 WHEN type LIKE 'datetimeoffset%' THEN 5 ELSE 0 END END;

-- each surrogate of a pair as a character of its own
CREATE FUNCTION till.split_pairs(s text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	result text := '';
	c text;
	n integer;
BEGIN
	FOREACH c IN ARRAY string_to_array(s, NULL) LOOP
		n := ascii(c);
		IF till.len(c) = 2 THEN
			result := result || chr(x'10d800'::integer + (n - 65536) / 1024) || chr(x'10dc00'::integer + (n - 65536) % 1024);
		ELSE
			result := result || c;
		END IF;
	END LOOP;
	RETURN result;
END $$;

CREATE FUNCTION till.units(s text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN octet_length(s) = char_length(s) OR s COLLATE "C" !~ '[\U00010000-\U0010ffff]' THEN s ELSE till.split_pairs(s) END;

-- upper and lower case as functions of their own, whose collation stays inside
CREATE FUNCTION till.upper_any(s text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN upper(s COLLATE "und-x-icu");
CREATE FUNCTION till.lower_any(s text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN lower(s COLLATE "und-x-icu");
CREATE FUNCTION till.upper_turkish(s text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN upper(s COLLATE "tr-x-icu");
CREATE FUNCTION till.lower_turkish(s text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN lower(s COLLATE "tr-x-icu");

-- text in lower case, ASCII the fast way; the dotted capital I would become two characters
CREATE FUNCTION till.lower_ascii(s text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower(s COLLATE "C");

CREATE FUNCTION till.lower_unicode(s text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower(replace(s COLLATE "C", U&'\0130', U&'\+10EFFF') COLLATE "und-x-icu");

CREATE FUNCTION till.fold_case(s text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN octet_length(s) = char_length(s) THEN till.lower_ascii(s) ELSE till.lower_unicode(s) END;

CREATE FUNCTION till.without_accents(s text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN octet_length(s) = char_length(s) THEN s ELSE regexp_replace(normalize(s COLLATE "C", NFD), '[\u0300-\u036f]', '', 'g') END;

-- LIKE with a pattern that is no literal; the server translates literals itself by the same rules
CREATE FUNCTION till.like_regex(pattern text, escape text, by_units boolean, blanks boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
	p text := CASE WHEN by_units THEN till.units(pattern) ELSE pattern END COLLATE "C";
	result text := '^';
	never constant text := '(?=a)b';
	c text;
	i integer := 1;
	members text;
	first boolean;
	negated boolean;
BEGIN
	WHILE i <= char_length(p) LOOP
		c := substr(p, i, 1);
		i := i + 1;
		IF c = '%' AND c <> escape THEN
			result := result || '.*';
		ELSIF c = '_' AND c <> escape THEN
			result := result || '.';
		ELSIF c = '[' AND c <> escape THEN
			negated := substr(p, i, 1) = '^';
			i := i + negated::integer;
			members := '';
			first := true;
			LOOP
				c := substr(p, i, 1);
				IF c = '' THEN
					RETURN never;
				END IF;
				i := i + 1;
				EXIT WHEN c = ']' AND c <> escape;
				IF c = escape THEN
					members := members || till.regex_char(substr(p, i, 1));
					i := i + 1;
				ELSIF c = '-' AND NOT first AND substr(p, i, 1) <> ']' THEN
					members := members || c;
				ELSE
					members := members || till.regex_char(c);
				END IF;
				first := false;
			END LOOP;
			result := result || CASE WHEN members = '' AND negated THEN '.' WHEN members = '' THEN never ELSE '[' || repeat('^', negated::integer) || members || ']' END;
		ELSE
			IF c = escape THEN
				IF i > char_length(p) THEN
					RETURN never;
				END IF;
				c := substr(p, i, 1);
				i := i + 1;
			END IF;
			result := result || till.regex_char(c);
		END IF;
	END LOOP;
	RETURN result || CASE WHEN blanks THEN ' *$' ELSE '$' END;
END $$;

CREATE FUNCTION till.regex_char(c text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(c COLLATE "C", '([^[:alnum:] _\u0080-\U0010ffff])', '\\\1');

-- ---- rowversion ----
CREATE SEQUENCE till.rowversion START WITH 2001;

CREATE FUNCTION till.next_rowversion() RETURNS bytea
LANGUAGE sql VOLATILE
RETURN int8send(nextval('till.rowversion'));

CREATE FUNCTION till.database_rowversion() RETURNS bytea
LANGUAGE sql VOLATILE
AS 'SELECT int8send(CASE WHEN is_called THEN last_value ELSE last_value - 1 END) FROM till.rowversion';

CREATE FUNCTION till.min_active_rowversion() RETURNS bytea
LANGUAGE sql VOLATILE
AS 'SELECT int8send(CASE WHEN is_called THEN last_value + 1 ELSE last_value END) FROM till.rowversion';

CREATE FUNCTION till.stamp_rowversion() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], till.next_rowversion()));
END $$;

-- ---- identity ----
CREATE FUNCTION till.identity_sequence(relation regclass) RETURNS regclass
LANGUAGE sql STABLE STRICT
AS $$ SELECT pg_get_serial_sequence(relation::text, a.attname)::regclass FROM pg_attribute a WHERE a.attrelid = relation AND a.attidentity <> '' $$;

-- after explicit values: the sequence follows the largest
CREATE FUNCTION till.identity_inserted(relation regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	seq regclass := till.identity_sequence(relation);
	largest bigint;
	current bigint;
	called boolean;
BEGIN
	EXECUTE format('SELECT max(%I) FROM %s', (SELECT attname FROM pg_attribute WHERE attrelid = relation AND attidentity <> ''), relation) INTO largest;
	EXECUTE format('SELECT last_value, is_called FROM %s', seq) INTO current, called;
	IF largest IS NOT NULL AND (largest > current OR NOT called) THEN
		PERFORM setval(seq, greatest(largest, CASE WHEN called THEN current ELSE largest END));
	END IF;
END $$;

CREATE FUNCTION till.last_identity(relation regclass) RETURNS bigint
LANGUAGE sql VOLATILE
AS 'SELECT currval(till.identity_sequence(relation))';

-- before the first row the next value is the new one itself, afterwards the one behind it
CREATE FUNCTION till.reseed(relation regclass, value bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	seq regclass := till.identity_sequence(relation);
	called boolean;
BEGIN
	EXECUTE format('SELECT is_called FROM %s', seq) INTO called;
	PERFORM setval(seq, value, called);
END $$;

-- ---- definitions ----
CREATE TABLE till.defaults (relation oid NOT NULL, column_name text NOT NULL, name text NOT NULL, definition text NOT NULL);

CREATE FUNCTION till.drop_column(relation regclass, column_name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	dependent text;
BEGIN
	SELECT d.name INTO dependent FROM till.defaults d WHERE d.relation = drop_column.relation AND d.column_name = drop_column.column_name;
	IF dependent IS NULL THEN
		SELECT coalesce(obj_description(i.indexrelid, 'pg_class'), i.indexrelid::regclass::text) INTO dependent
		FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = drop_column.column_name
		WHERE i.indrelid = relation AND a.attnum = ANY (i.indkey::smallint[]);
	END IF;
	IF dependent IS NULL THEN
		SELECT coalesce(obj_description(k.oid, 'pg_constraint'), k.conname) INTO dependent
		FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attname = drop_column.column_name
		WHERE k.conrelid = relation AND a.attnum = ANY (k.conkey);
	END IF;
	IF dependent IS NOT NULL THEN
		PERFORM till.fail(5074, 'The object ''' || dependent || ''' is dependent on column ''' || column_name || '''.');
	END IF;
	EXECUTE format('ALTER TABLE %s DROP COLUMN %I', relation, column_name);
END $$;

CREATE FUNCTION till.drop_constraint(relation regclass, name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	SELECT d.column_name INTO found FROM till.defaults d WHERE d.relation = drop_constraint.relation AND lower(d.name) = lower(drop_constraint.name);
	IF found IS NOT NULL THEN
		EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', relation, found);
		DELETE FROM till.defaults d WHERE d.relation = drop_constraint.relation AND lower(d.name) = lower(drop_constraint.name);
		RETURN;
	END IF;
	SELECT k.conname INTO found FROM pg_constraint k WHERE k.conrelid = relation AND lower(obj_description(k.oid, 'pg_constraint')) = lower(name);
	IF found IS NULL THEN
		PERFORM till.fail(3728, '''' || name || ''' is not a constraint.');
	END IF;
	EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', relation, found);
END $$;

CREATE FUNCTION till.drop_index(relation regclass, name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	found regclass;
BEGIN
	SELECT i.indexrelid INTO found FROM pg_index i WHERE i.indrelid = relation AND lower(obj_description(i.indexrelid, 'pg_class')) = lower(name);
	IF found IS NULL THEN
		PERFORM till.fail(3701, 'Cannot drop the index ''' || name || ''', because it does not exist or you do not have permission.');
	END IF;
	EXECUTE format('DROP INDEX %s', found);
END $$;

-- what sys.databases says of a database lives in its settings, which every database can see
CREATE FUNCTION till.describe_database(name text, collation_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER DATABASE %I SET till.create_date = %L', name, clock_timestamp()::timestamp(3)::text);
	EXECUTE format('ALTER DATABASE %I SET till.collation_name = %L', name, collation_name);
	EXECUTE format('ALTER DATABASE %I SET till.snapshot = %L', name, 'off');
	EXECUTE format('ALTER DATABASE %I SET till.row_versions = %L', name, 'off');
END $$;
