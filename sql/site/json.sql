-- json.sql: what SambaPOS keeps as JSON in text columns. A site's text may be anything: no function here fails on a row.

-- json is a keyword from PostgreSQL 16 on: as the name of a parameter it stands in quotes.
-- SambaPOS itself escapes line breaks and tabs before it parses, since they stand raw within its strings.
CREATE FUNCTION sambapos._safe_json("json" text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF json IS NULL OR json = '' THEN
    RETURN NULL;
  END IF;
  RETURN json::jsonb;
EXCEPTION WHEN OTHERS THEN
  IF json !~ '[\r\n\t]' THEN
    RETURN NULL;
  END IF;
  BEGIN
    RETURN replace(replace(replace(json, E'\r', '\r'), E'\n', '\n'), E'\t', '\t')::jsonb;
  EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
  END;
END;
$$;
COMMENT ON FUNCTION sambapos._safe_json(text) IS 'SambaPOS''s JSON as jsonb; NULL: there is none, or it is broken';

CREATE FUNCTION sambapos._json_is_broken("json" text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN json <> '' AND sambapos._safe_json(json) IS NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._json_is_broken(text) IS 'True for text that SambaPOS itself could not read';

-- Text that is no list keeps its place: one row with the text and nothing else.
CREATE FUNCTION sambapos._json_elements("json" text) RETURNS TABLE (n bigint, value jsonb, unread text)
LANGUAGE plpgsql IMMUTABLE ROWS 2 SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  list jsonb;
BEGIN
  IF json IS NULL OR json IN ('', '[]') THEN
    RETURN;
  END IF;
  list := sambapos._safe_json(json);
  IF jsonb_typeof(list) IS DISTINCT FROM 'array' THEN
    RETURN QUERY SELECT NULL::bigint, NULL::jsonb, json;
  ELSE
    RETURN QUERY SELECT e.n, e.value, NULL::text FROM jsonb_array_elements(list) WITH ORDINALITY AS e (value, n);
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._json_elements(text) IS
  'The elements of a list in SambaPOS''s JSON with their position; of text that is no such list the text, as one row';

CREATE FUNCTION sambapos._json_number(value jsonb) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN CASE jsonb_typeof(value) WHEN 'number' THEN value::numeric ELSE 0 END;
END;
$$;
COMMENT ON FUNCTION sambapos._json_number(jsonb) IS 'A number of SambaPOS''s JSON; one that is left out is 0';

-- Names are compared as SQL Server''s usual collations compare them: without case and trailing blanks.
CREATE FUNCTION sambapos._text_fold(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN rtrim(lower(value COLLATE pg_catalog."und-x-icu"));
END;
$$;
COMMENT ON FUNCTION sambapos._text_fold(text) IS
  'A name as names are compared in the reports: lower case, without blanks at its end';

-- What can be read of JSON that is broken: the objects are told apart by their braces, a value by its quotes.
CREATE FUNCTION sambapos._tag_cut("json" text, tag text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  piece text;
  name text;
  value text;
BEGIN
  FOREACH piece IN ARRAY regexp_split_to_array(json, '[{}]') LOOP
    name := substring(piece FROM '"TN"\s*:\s*"((?:[^"\\]|\\.)*)"');
    value := substring(piece FROM '"TV"\s*:\s*"((?:[^"\\]|\\.)*)"');
    IF value IS NOT NULL
       AND sambapos._text_fold(coalesce(sambapos._safe_json('"' || name || '"') #>> '{}', name))
           = sambapos._text_fold(tag) THEN
      RETURN coalesce(sambapos._safe_json('"' || value || '"') #>> '{}', value);
    END IF;
  END LOOP;
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._tag_cut(text, text) IS 'The value of a tag, cut out of text that is not JSON; NULL: none';

-- A loop, and in it no function: it is asked for each product.
CREATE FUNCTION sambapos._tag_value("json" text, tag text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  wanted text := sambapos._text_fold(tag);
  tags jsonb;
BEGIN
  IF json IS NULL OR json IN ('', '[]') OR tag IS NULL THEN
    RETURN NULL;
  END IF;
  tags := sambapos._safe_json(json);
  IF tags IS NULL THEN
    RETURN sambapos._tag_cut(json, tag);
  ELSIF jsonb_typeof(tags) <> 'array' THEN
    RETURN NULL;
  END IF;
  FOR n IN 0 .. jsonb_array_length(tags) - 1 LOOP
    IF rtrim(lower((tags -> n ->> 'TN') COLLATE pg_catalog."und-x-icu")) = wanted THEN -- _text_fold
      RETURN tags -> n ->> 'TV';
    END IF;
  END LOOP;
  RETURN NULL;
END;
$$;
COMMENT ON FUNCTION sambapos._tag_value(text, text) IS 'The value of the first tag of that name; NULL: there is none';

CREATE FUNCTION @extschema@.sambapos_safe_json("json" text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN sambapos._safe_json(json); END; $$;
COMMENT ON FUNCTION @extschema@.sambapos_safe_json(text) IS
  'SambaPOS''s JSON as jsonb, for queries of your own: raw line breaks and tabs within strings are read, as SambaPOS '
  'does; NULL if the text is NULL, empty or not JSON. Never fails on a row';

CREATE FUNCTION @extschema@.sambapos_tag_value("json" text, tag text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$ BEGIN RETURN sambapos._tag_value(json, tag); END; $$;
COMMENT ON FUNCTION @extschema@.sambapos_tag_value(text, text) IS
  'The value of a tag in SambaPOS''s JSON, for queries of your own: the TV of the first entry whose TN is that name, '
  'without case and trailing blanks, as in tickets.ticket_tags and menu_items.custom_tags; of broken JSON what can be '
  'cut out of it. NULL: there is none. Never fails on a row';
