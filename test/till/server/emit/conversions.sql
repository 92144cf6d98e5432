-- Schema till, continued: conversions between numbers, texts and dates, with T-SQL's errors.

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

-- numbers that do not fit: 220 in a conversion, 8115 in arithmetic
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
