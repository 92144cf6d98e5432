-- global_setting.sql: settings for all sites.

CREATE TABLE sambapos.global_setting (
  key   text PRIMARY KEY,
  value text NOT NULL
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.global_setting', '');
COMMENT ON TABLE sambapos.global_setting IS
  'Settings for all sites. enabled = false is the kill switch: no scheduled run starts';

CREATE FUNCTION sambapos._runs_enabled() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
#variable_conflict use_column
BEGIN
  RETURN (SELECT coalesce((SELECT s.value::boolean FROM sambapos.global_setting AS s WHERE s.key = 'enabled'), true));
END;
$$;
COMMENT ON FUNCTION sambapos._runs_enabled() IS 'False when the kill switch (setting enabled = false) is on';
