-- server.sql: a foreign server, its options and its user mapping; which one a site is on, and what is odd about it.
--
-- Rules:
-- * A site knows its server by name: an oid would not survive a restore. Its live tables know the server itself, so a
--   server that was renamed is found again by them. Only tables of the schema's owner are asked.
-- * Nothing here connects to a source.

CREATE FUNCTION sambapos._server_exists(server text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT EXISTS (SELECT FROM pg_foreign_server AS s WHERE s.srvname = server));
END;
$$;
COMMENT ON FUNCTION sambapos._server_exists(text) IS 'True if there is a foreign server of that name';

CREATE FUNCTION sambapos._server_option(server text, option text, otherwise text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT coalesce((SELECT o.option_value FROM pg_foreign_server AS s, pg_options_to_table(s.srvoptions) AS o
                   WHERE s.srvname = server AND o.option_name = option), otherwise);
$$;
COMMENT ON FUNCTION sambapos._server_option(text, text, text) IS 'The value of a server''s option, or else the default';

-- The caller's own mapping goes before that of PUBLIC. Options that he may not see are none here.
CREATE FUNCTION sambapos._server_mapping(server text, OUT role text, OUT username text, OUT has_password boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT m.usename, o.options ->> 'username', coalesce(o.options ? 'password', false)
  FROM pg_user_mappings AS m
  CROSS JOIN LATERAL (SELECT jsonb_object_agg(p.option_name, p.option_value) AS options
                      FROM pg_options_to_table(m.umoptions) AS p) AS o
  WHERE m.srvname = server AND (m.umuser = 0 OR m.usename = current_user)
  ORDER BY m.umuser = 0 LIMIT 1;
$$;
COMMENT ON FUNCTION sambapos._server_mapping(text) IS
  'The user mapping that the caller reads a server with; role NULL: there is none';

-- The tables of the sites that are on it; before there is one, what a site has by default.
CREATE FUNCTION sambapos._server_tables(server text)
RETURNS TABLE (source_schema text, source_name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  WITH copied AS (
    SELECT DISTINCT t.source_schema, t.source_name
    FROM sambapos._place AS s JOIN sambapos._table AS t USING (site_id)
    WHERE s.server = _server_tables.server AND s.removed_at IS NULL AND t.enabled
  )
  SELECT c.source_schema, c.source_name FROM copied AS c
  UNION ALL
  SELECT 'dbo', k.source_name FROM sambapos._known_tables() AS k
  WHERE 'reporting' = ANY (k.sets) AND NOT k.never AND NOT EXISTS (SELECT FROM copied)
  ORDER BY 1, 2;
$$;
COMMENT ON FUNCTION sambapos._server_tables(text) IS
  'The source tables that the sites on a server copy; without a site those of set reporting';

CREATE FUNCTION sambapos._server_wanted(server text)
RETURNS TABLE (source_schema text, source_name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT DISTINCT 'dbo', k.source_name
  FROM sambapos._place AS s JOIN sambapos.wanted_table AS w USING (site_id)
  JOIN sambapos._known_tables() AS k USING (table_name)
  WHERE s.server = _server_wanted.server AND s.removed_at IS NULL;
$$;
COMMENT ON FUNCTION sambapos._server_wanted(text) IS
  'The source tables that the sites on a server were asked for in vain';

CREATE FUNCTION sambapos._live_server(site text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT min(s.srvname)
    FROM pg_namespace AS n
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relowner = n.nspowner
    JOIN pg_foreign_table AS f ON f.ftrelid = c.oid
    JOIN pg_foreign_server AS s ON s.oid = f.ftserver
    JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw AND w.fdwname = 'sambapos_fdw'
    WHERE n.nspname = sambapos._live_schema(site)
    HAVING count(DISTINCT s.oid) = 1);
END;
$$;
COMMENT ON FUNCTION sambapos._live_server(text) IS
  'The server that all live tables of a site are on; NULL if there is none such';

CREATE FUNCTION sambapos._site_set_server(place sambapos._place, server text) RETURNS sambapos._place
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  UPDATE sambapos.site AS s SET server = _site_set_server.server WHERE s.site_id = place.site_id;
  RAISE NOTICE 'site "%" is on server "%" from now on', place.name, server
    USING DETAIL = format('Server "%s" was renamed.', place.server);
  RETURN sambapos._site(place.name);
END;
$$;
COMMENT ON FUNCTION sambapos._site_set_server(sambapos._place, text) IS
  'Writes down the new name of a site''s server, and says so';

-- Done at the beginning of a run, so that a rename needs nobody's help.
CREATE FUNCTION sambapos._site_follow_server(place sambapos._place) RETURNS sambapos._place
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  renamed text := CASE WHEN NOT sambapos._server_exists(place.server) THEN sambapos._live_server(place.name) END;
BEGIN
  IF renamed IS NOT NULL THEN
    place := sambapos._site_set_server(place, renamed);
  END IF;
  RETURN place;
END;
$$;
COMMENT ON FUNCTION sambapos._site_follow_server(sambapos._place) IS
  'The site, on the present name of its server as far as its live tables know it';

CREATE FUNCTION sambapos._site_check_server(place sambapos._place) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  live text := sambapos._live_server(place.name);
BEGIN
  IF NOT sambapos._server_exists(place.server) THEN
    RAISE EXCEPTION 'server "%" does not exist; if it has another name now: SELECT * FROM sambapos_add_site(%, ...)',
      place.server, quote_literal(place.name) USING ERRCODE = 'undefined_object';
  ELSIF live <> place.server THEN
    RAISE EXCEPTION 'the live tables of site "%" are on server "%", not on "%"; if that is its new name: SELECT * '
                    'FROM sambapos_add_site(%, %)',
      place.name, live, place.server, quote_literal(place.name), quote_literal(live)
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._site_check_server(sambapos._place) IS
  'Raises 42704 if the server of a site is not there, 55000 if its live tables are on another one';

-- Another server is taken only if it is the old one under another name.
CREATE FUNCTION sambapos._site_take_server(place sambapos._place, server text) RETURNS sambapos._place
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  IF place.server = server THEN
    RETURN place;
  ELSIF coalesce(sambapos._live_server(place.name),
                 CASE WHEN NOT sambapos._server_exists(place.server) THEN server END) = server THEN
    RETURN sambapos._site_set_server(place, server);
  END IF;
  RAISE EXCEPTION 'site "%" is on server "%", not on "%"', place.name, place.server, server USING
    ERRCODE = 'invalid_parameter_value',
    HINT = 'Another database needs a site of its own; if the till has moved, change the server: '
           'ALTER SERVER ... OPTIONS (SET host ...).';
END;
$$;
COMMENT ON FUNCTION sambapos._site_take_server(sambapos._place, text) IS
  'The site on a server that the caller names; raises 22023 if that is another one';

-- Host, port and database as they are written: a name and an address of the same machine differ.
CREATE FUNCTION sambapos._server_address(server text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
  SELECT ARRAY[lower(sambapos._server_option(server, 'host')),
               lower(sambapos._server_option(server, 'port', sambapos._server_option(server, 'instance', '1433'))),
               lower(sambapos._server_option(server, 'database'))]
  WHERE sambapos._server_exists(server);
$$;
COMMENT ON FUNCTION sambapos._server_address(text) IS
  'Host, port or instance, and database of a server, by its options';

CREATE FUNCTION sambapos._site_warn(place sambapos._place) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  twin text := (SELECT min(s.name) FROM sambapos.site AS s
                WHERE s.removed_at IS NULL AND s.site_id <> place.site_id
                  AND sambapos._server_address(s.server) = sambapos._server_address(place.server));
  encoding name := getdatabaseencoding();
BEGIN
  IF twin IS NOT NULL THEN
    RAISE WARNING 'site "%" reads the same database as site "%"', place.name, twin USING
      DETAIL = 'Its rows are copied twice, and every sum over both sites counts them twice.',
      HINT = format('SELECT * FROM sambapos_remove_site(%L, drop_data => true) takes it out again.', place.name);
  END IF;
  IF encoding <> 'UTF8' THEN
    RAISE WARNING 'the encoding of database "%" is %, not UTF8', current_database(), encoding USING
      DETAIL = 'A table with a character that this encoding does not have cannot be copied.',
      HINT = 'CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0 makes one that has all characters.';
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._site_warn(sambapos._place) IS 'Says what is odd about a site that is added';
