-- What the older of two made-up versions has beside today's install script: one object of each kind that an upgrade
-- can forget, in its old form. new.sql makes the same in its new form, update.sql leads from one to the other.

CREATE DOMAIN sambapos.made_name AS text CHECK (VALUE <> '');
CREATE TYPE sambapos.made_kind AS ENUM ('small', 'large');
CREATE SEQUENCE sambapos.made_number;

CREATE TABLE sambapos.made_site (
  site_id integer PRIMARY KEY,
  name    sambapos.made_name
);
COMMENT ON TABLE sambapos.made_site IS 'Old words';
SELECT pg_catalog.pg_extension_config_dump('sambapos.made_site', '');

CREATE TABLE sambapos.made_row (
  row_id  integer,
  site_id integer,
  amount  integer,
  kind    sambapos.made_kind,
  gone    text
);

CREATE VIEW sambapos.made_view AS SELECT r.row_id FROM sambapos.made_row AS r;
CREATE VIEW sambapos.made_view_of_rights AS SELECT r.row_id FROM sambapos.made_row AS r;

CREATE FUNCTION sambapos._made_body() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;
CREATE FUNCTION sambapos._made_kind() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;
CREATE FUNCTION sambapos._made_path() RETURNS integer LANGUAGE sql AS $$SELECT 1$$;
CREATE FUNCTION sambapos._made_rights() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;
CREATE FUNCTION sambapos._made_owner() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;
CREATE FUNCTION sambapos._made_gone() RETURNS integer LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;
CREATE FUNCTION sambapos._made_trigger() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER made_trigger AFTER INSERT ON sambapos.made_row EXECUTE FUNCTION sambapos._made_trigger();
