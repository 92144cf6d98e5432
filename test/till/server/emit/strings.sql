-- Schema till, continued: strings in UTF-16 units and code pages, bytes, uniqueidentifier, division.

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
	IF octet_length(s) <= n OR till.len(s) <= n THEN
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
	WHEN n IN (129, 141, 143, 144, 157) THEN chr(n) ELSE convert_from(set_byte('\x00', 0, n), 'WIN1252') END;

-- a byte that its code page gives no character; Windows, and so SQL Server, takes it for the control character U+0080 ...
-- U+009F of the same number
CREATE FUNCTION till.is_unassigned(c text, page integer) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ascii(c) IN (129, 141, 143, 144, 157) OR page = 1254 AND ascii(c) IN (142, 158);

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
			result := result || CASE WHEN ascii(c) = x'10f000'::integer OR till.is_unassigned(c, page) THEN c ELSE '?' END;
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
	IF s ~ '[\u0080-\u009f]' THEN
		RETURN (SELECT string_agg(CASE WHEN till.is_unassigned(c, 1254) THEN set_byte('\x00', 0, ascii(c)) ELSE till.page_bytes(c) END, '' ORDER BY i)
			FROM unnest(string_to_array(s, NULL)) WITH ORDINALITY AS x(c, i));
	END IF;
	BEGIN
		RETURN convert_to(s, 'WIN1252');
	EXCEPTION WHEN untranslatable_character THEN
		RETURN convert_to(s, 'WIN1254');
	END;
END $$;

CREATE FUNCTION till.utf16(s text) RETURNS bytea
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS '@DIRECTORY@/till_functions', 'till_utf16';

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

-- binary(n): zeros on the right, a number's on the left; what does not fit is cut, in a store an error
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

-- NULL for what is too long to be a name, and for a quote that is none
CREATE FUNCTION till.quotename(name text, quote text DEFAULT '[') RETURNS text
LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT CASE WHEN length(name) > 128 THEN NULL WHEN quote IN ('[', ']') THEN '[' || replace(name COLLATE "C", ']', ']]') || ']'
	WHEN quote IN ('''', '"') THEN quote || replace(name COLLATE "C", quote, quote || quote) || quote END $$;
