-- What the newer of two made-up versions has beside today's install script, as a fresh install makes it: see old.sql.

CREATE DOMAIN sambapos.made_name AS text NOT NULL CHECK (VALUE <> '');
CREATE TYPE sambapos.made_kind AS ENUM ('small', 'medium', 'large');
CREATE SEQUENCE sambapos.made_number INCREMENT 10;

CREATE TABLE sambapos.made_site (
  site_id integer PRIMARY KEY,
  name    sambapos.made_name,
  note    text COLLATE "C"
);
COMMENT ON TABLE sambapos.made_site IS 'New words';
COMMENT ON COLUMN sambapos.made_site.name IS 'A column''s words';
SELECT pg_catalog.pg_extension_config_dump('sambapos.made_site', 'WHERE site_id > 1');

CREATE TABLE sambapos.made_row (
  row_id  integer NOT NULL DEFAULT nextval('sambapos.made_number'),
  site_id integer REFERENCES sambapos.made_site ON DELETE CASCADE,
  amount  numeric CHECK (amount > 0),
  kind    sambapos.made_kind
) WITH (fillfactor = 90);
ALTER SEQUENCE sambapos.made_number OWNED BY sambapos.made_row.row_id;
SELECT pg_catalog.pg_extension_config_dump('sambapos.made_number', '');
CREATE INDEX made_row_site ON sambapos.made_row (site_id) WHERE amount > 5;
GRANT SELECT ON sambapos.made_row TO PUBLIC;
GRANT UPDATE (amount) ON sambapos.made_row TO PUBLIC;
ALTER TABLE sambapos.made_row ENABLE ROW LEVEL SECURITY;
CREATE POLICY made_policy ON sambapos.made_row USING (site_id > 0);

CREATE VIEW sambapos.made_view AS SELECT r.row_id, r.site_id FROM sambapos.made_row AS r;
CREATE VIEW sambapos.made_view_of_rights WITH (security_invoker) AS SELECT r.row_id FROM sambapos.made_row AS r;

CREATE FUNCTION sambapos._made_body() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$SELECT 2$$;
CREATE FUNCTION sambapos._made_kind() RETURNS integer LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;
COMMENT ON FUNCTION sambapos._made_kind() IS 'A function''s words';
CREATE FUNCTION sambapos._made_path() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;
CREATE FUNCTION sambapos._made_rights() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;
REVOKE ALL ON FUNCTION sambapos._made_rights() FROM PUBLIC;
CREATE FUNCTION sambapos._made_owner() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;
ALTER FUNCTION sambapos._made_owner() OWNER TO made_role;
CREATE FUNCTION sambapos._made_new(a integer DEFAULT 3) RETURNS integer LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;
CREATE FUNCTION sambapos._made_trigger() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER made_trigger AFTER INSERT ON sambapos.made_row EXECUTE FUNCTION sambapos._made_trigger();
ALTER TABLE sambapos.made_row DISABLE TRIGGER made_trigger;
