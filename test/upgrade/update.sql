-- From the older made-up version to the newer one (see old.sql). Each paragraph is left out once, and the comparison
-- must then name what its first line says: an object, and which property of it.

-- type sambapos.made_name: definition
ALTER DOMAIN sambapos.made_name SET NOT NULL;

-- type sambapos.made_kind: definition
ALTER TYPE sambapos.made_kind ADD VALUE 'medium' BEFORE 'large';

-- sequence sambapos.made_number: definition
ALTER SEQUENCE sambapos.made_number INCREMENT 10;

-- table column sambapos.made_site.note: definition
ALTER TABLE sambapos.made_site ADD COLUMN note text COLLATE "C";

-- table sambapos.made_site: comment
COMMENT ON TABLE sambapos.made_site IS 'New words';

-- table column sambapos.made_site.name: comment
COMMENT ON COLUMN sambapos.made_site.name IS 'A column''s words';

-- extension: in dumps: sambapos.made_site
SELECT pg_catalog.pg_extension_config_dump('sambapos.made_site', 'WHERE site_id > 1');

-- extension: in dumps: sambapos.made_number
SELECT pg_catalog.pg_extension_config_dump('sambapos.made_number', '');

-- default value for sambapos.made_row.row_id: definition
ALTER TABLE sambapos.made_row ALTER COLUMN row_id SET DEFAULT nextval('sambapos.made_number');

-- sequence sambapos.made_number: depends on
ALTER SEQUENCE sambapos.made_number OWNED BY sambapos.made_row.row_id;

-- table column sambapos.made_row.row_id: definition
ALTER TABLE sambapos.made_row ALTER COLUMN row_id SET NOT NULL;

-- table constraint made_row_site_id_fkey on sambapos.made_row: definition
ALTER TABLE sambapos.made_row ADD FOREIGN KEY (site_id) REFERENCES sambapos.made_site ON DELETE CASCADE;

-- table column sambapos.made_row.amount: definition
ALTER TABLE sambapos.made_row ALTER COLUMN amount TYPE numeric;

-- table constraint made_row_amount_check on sambapos.made_row: definition
ALTER TABLE sambapos.made_row ADD CHECK (amount > 0);

-- table column sambapos.made_row.gone: definition
ALTER TABLE sambapos.made_row DROP COLUMN gone;

-- table sambapos.made_row: definition
ALTER TABLE sambapos.made_row SET (fillfactor = 90);

-- index sambapos.made_row_site: definition
CREATE INDEX made_row_site ON sambapos.made_row (site_id) WHERE amount > 5;

-- table sambapos.made_row: rights
GRANT SELECT ON sambapos.made_row TO PUBLIC;

-- table column sambapos.made_row.amount: rights
GRANT UPDATE (amount) ON sambapos.made_row TO PUBLIC;

-- table sambapos.made_row: definition
ALTER TABLE sambapos.made_row ENABLE ROW LEVEL SECURITY;

-- policy made_policy on sambapos.made_row: definition
CREATE POLICY made_policy ON sambapos.made_row USING (site_id > 0);

-- view sambapos.made_view: definition
CREATE OR REPLACE VIEW sambapos.made_view AS SELECT r.row_id, r.site_id FROM sambapos.made_row AS r;

-- view sambapos.made_view_of_rights: definition
ALTER VIEW sambapos.made_view_of_rights SET (security_invoker);

-- function sambapos._made_body(): definition
CREATE OR REPLACE FUNCTION sambapos._made_body() RETURNS integer LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$SELECT 2$$;

-- function sambapos._made_kind(): definition
ALTER FUNCTION sambapos._made_kind() IMMUTABLE STRICT SECURITY DEFINER;

-- function sambapos._made_kind(): comment
COMMENT ON FUNCTION sambapos._made_kind() IS 'A function''s words';

-- function sambapos._made_path(): definition
ALTER FUNCTION sambapos._made_path() SET search_path = pg_catalog, pg_temp;

-- function sambapos._made_rights(): rights
REVOKE ALL ON FUNCTION sambapos._made_rights() FROM PUBLIC;

-- function sambapos._made_owner(): owner
ALTER FUNCTION sambapos._made_owner() OWNER TO made_role;

-- function sambapos._made_gone(): definition
DROP FUNCTION sambapos._made_gone();

-- function sambapos._made_new(integer): definition
CREATE FUNCTION sambapos._made_new(a integer DEFAULT 3) RETURNS integer LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$SELECT 1$$;

-- trigger made_trigger on sambapos.made_row: definition
ALTER TABLE sambapos.made_row DISABLE TRIGGER made_trigger;
