-- server.sql: what is known here of a foreign server, without asking it.

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
