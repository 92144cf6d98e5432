-- Schema till: what T-SQL's functions and conversions do, where PostgreSQL's own do something else. Here: collations, types, dates;
-- conversions.sql, strings.sql, queries.sql and definitions.sql follow.
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
	RAISE EXCEPTION USING ERRCODE = chr(ascii('T') + number / 10000) || lpad((number % 10000)::text, 4, '0'), MESSAGE = message;
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
	ELSE till.fail(281, style || ' is not a valid style number when converting from datetime to a character string (or the stand-in till does not know it).') END;

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
