-- Schema till, continued: what queries need: numbers of rows, samples, MIN and MAX, LIKE.

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

CREATE FUNCTION till.sql_variant_property(type text, property text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN lower(property) = 'basetype' THEN split_part(type, '(', 1) END;

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
