-- deferred_index.sql: indexes of replica tables that a first load in chunks makes when its rows are there.

CREATE TABLE sambapos.deferred_index (
  table_name text NOT NULL,
  index_name text NOT NULL,
  columns    text[] NOT NULL,
  PRIMARY KEY (table_name, index_name)
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.deferred_index', '');
COMMENT ON TABLE sambapos.deferred_index IS
  'Indexes that replica tables lack while the first load of a site in chunks fills them; its end makes them, or a run '
  'of whatever site that is no chunk';
COMMENT ON COLUMN sambapos.deferred_index.columns IS
  'Its columns; never a statement, which whoever may write here could have a superuser''s run execute';
