-- Schemas sys and INFORMATION_SCHEMA over PostgreSQL's catalogs. Columns the till has no answer for are left out,
-- so that asking for one is error 207. bit columns carry their type as comment, as tables' columns do.

CREATE SCHEMA sys;
CREATE SCHEMA "INFORMATION_SCHEMA";

-- ---- databases ----
CREATE FUNCTION till.database_setting(database oid, setting text, otherwise text) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT coalesce((SELECT substr(s, length(setting) + 7) FROM pg_db_role_setting, unnest(setconfig) s
	WHERE setdatabase = database AND setrole = 0 AND s LIKE 'till.' || setting || '=%'), otherwise) $$;

CREATE VIEW sys.databases AS
SELECT datname::text COLLATE till."CI_AS" AS name, oid::integer AS database_id, till.database_setting(oid, 'create_date', '2000-01-01')::timestamp AS create_date,
	till.database_setting(oid, 'compatibility_level', '130')::smallint AS compatibility_level,
	till.database_setting(oid, 'collation_name', 'SQL_Latin1_General_CP1_CI_AS') AS collation_name,
	0::smallint AS user_access, 'MULTI_USER' AS user_access_desc, 0::smallint AS is_read_only, 0::smallint AS state, 'ONLINE' AS state_desc,
	(till.database_setting(oid, 'snapshot', 'off') = 'on')::integer::smallint AS snapshot_isolation_state,
	CASE till.database_setting(oid, 'snapshot', 'off') WHEN 'on' THEN 'ON' ELSE 'OFF' END AS snapshot_isolation_state_desc,
	(till.database_setting(oid, 'row_versions', 'off') = 'on')::integer::smallint AS is_read_committed_snapshot_on,
	3::smallint AS recovery_model, 'SIMPLE' AS recovery_model_desc,
	md5('broker' || oid::text || till.database_setting(oid, 'create_date', ''))::uuid AS service_broker_guid
FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1', 'till_template');
COMMENT ON COLUMN sys.databases.user_access IS 'tinyint';
COMMENT ON COLUMN sys.databases.compatibility_level IS 'tinyint';
COMMENT ON COLUMN sys.databases.is_read_only IS 'bit';
COMMENT ON COLUMN sys.databases.state IS 'tinyint';
COMMENT ON COLUMN sys.databases.snapshot_isolation_state IS 'tinyint';
COMMENT ON COLUMN sys.databases.is_read_committed_snapshot_on IS 'bit';
COMMENT ON COLUMN sys.databases.recovery_model IS 'tinyint';

-- the ids of a database's life: a restored or new one has others
CREATE VIEW sys.database_recovery_status AS
SELECT oid::integer AS database_id, md5(oid::text || datname || till.database_setting(oid, 'create_date', ''))::uuid AS database_guid,
	md5('family' || oid::text || till.database_setting(oid, 'create_date', ''))::uuid AS family_guid,
	md5('fork' || oid::text || till.database_setting(oid, 'create_date', '') || till.database_setting(oid, 'fork', ''))::uuid AS recovery_fork_guid
FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1', 'till_template');

-- ---- types ----
CREATE TABLE till.types (name text, system_type_id smallint, user_type_id integer, max_length smallint, "precision" smallint, scale smallint, "char" boolean);
INSERT INTO till.types VALUES
('image', 34, 34, 16, 0, 0, false), ('text', 35, 35, 16, 0, 0, true), ('uniqueidentifier', 36, 36, 16, 0, 0, false), ('date', 40, 40, 3, 10, 0, false),
('time', 41, 41, 5, 16, 7, false), ('datetime2', 42, 42, 8, 27, 7, false), ('datetimeoffset', 43, 43, 10, 34, 7, false), ('tinyint', 48, 48, 1, 3, 0, false),
('smallint', 52, 52, 2, 5, 0, false), ('int', 56, 56, 4, 10, 0, false), ('smalldatetime', 58, 58, 4, 16, 0, false), ('real', 59, 59, 4, 24, 0, false),
('money', 60, 60, 8, 19, 4, false), ('datetime', 61, 61, 8, 23, 3, false), ('float', 62, 62, 8, 53, 0, false), ('sql_variant', 98, 98, 8016, 0, 0, false),
('ntext', 99, 99, 16, 0, 0, true), ('bit', 104, 104, 1, 1, 0, false), ('decimal', 106, 106, 17, 38, 38, false), ('numeric', 108, 108, 17, 38, 38, false),
('smallmoney', 122, 122, 4, 10, 4, false), ('bigint', 127, 127, 8, 19, 0, false), ('varbinary', 165, 165, 8000, 0, 0, false), ('varchar', 167, 167, 8000, 0, 0, true),
('binary', 173, 173, 8000, 0, 0, false), ('char', 175, 175, 8000, 0, 0, true), ('timestamp', 189, 189, 8, 0, 0, false), ('nvarchar', 231, 231, 8000, 0, 0, true),
('nchar', 239, 239, 8000, 0, 0, true), ('xml', 241, 241, -1, 0, 0, false), ('sysname', 231, 256, 256, 0, 0, true),
('hierarchyid', 240, 128, 892, 0, 0, false), ('geometry', 240, 129, -1, 0, 0, false), ('geography', 240, 130, -1, 0, 0, false);

CREATE VIEW sys.types AS
SELECT name COLLATE till."CI_AS" AS name, system_type_id, user_type_id, 4 AS schema_id, max_length, "precision", scale,
	CASE WHEN "char" THEN current_setting('till.collation_name', true) END AS collation_name, (name <> 'timestamp')::integer::smallint AS is_nullable,
	0::smallint AS is_user_defined
FROM till.types;
COMMENT ON COLUMN sys.types.system_type_id IS 'tinyint';
COMMENT ON COLUMN sys.types."precision" IS 'tinyint';
COMMENT ON COLUMN sys.types.scale IS 'tinyint';
COMMENT ON COLUMN sys.types.is_nullable IS 'bit';
COMMENT ON COLUMN sys.types.is_user_defined IS 'bit';

CREATE FUNCTION till.type_name(id integer) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM till.types WHERE user_type_id = id';
CREATE FUNCTION till.type_id(type text) RETURNS integer LANGUAGE sql STABLE AS 'SELECT user_type_id FROM till.types WHERE name = lower(type)';

-- ---- the columns of tables and views, taken apart ----
CREATE FUNCTION till.argument(declared text, n integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT
RETURN nullif((regexp_match(declared, '\((\d+)(?:,(\d+))?\)'))[n], '')::integer;

-- what names longer than 63 bytes are cut to, and what they are
CREATE TABLE till.long_names (cut text PRIMARY KEY, name text NOT NULL);
CREATE FUNCTION till.full_name(cut text) RETURNS text LANGUAGE sql STABLE
RETURN coalesce((SELECT l.name FROM till.long_names l WHERE l.cut = $1), $1);

CREATE VIEW till.relations AS
SELECT c.oid, n.nspname AS schema, CASE WHEN c.relname LIKE '%~%' THEN till.full_name(c.relname) ELSE c.relname::text END AS name, c.relkind, n.oid AS schema_oid
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v') AND n.nspname !~ '^(pg_|information_schema$|INFORMATION_SCHEMA$|sys$|till$|public$)'
	AND (has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE') OR has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE')); -- a login sees what it has a right on

CREATE VIEW till.columns AS
SELECT r.oid AS relation, r.schema, r.name AS table_name, r.relkind, CASE WHEN a.attname LIKE '%~%' THEN till.full_name(a.attname) ELSE a.attname::text END AS name, a.attnum AS number,
	row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum)::integer AS ordinal, d.declared, split_part(split_part(d.declared, '(', 1), ' ', 1) AS type,
	CASE WHEN d.declared LIKE '%(max)%' THEN -1 ELSE till.argument(d.declared, 1) END AS first, till.argument(d.declared, 2) AS second,
	coalesce(substring(d.declared FROM ' collate (.*)'), current_setting('till.collation_name', true)) AS collation,
	NOT a.attnotnull AS nullable, a.attidentity <> '' AS identity
FROM till.relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
	CROSS JOIN LATERAL (SELECT coalesce(col_description(a.attrelid, a.attnum), format_type(a.atttypid, a.atttypmod)) AS declared) d;

CREATE FUNCTION till.byte_length(type text, first integer) RETURNS smallint
LANGUAGE sql STABLE
AS $$ SELECT CASE WHEN first = -1 OR type = 'xml' THEN -1 WHEN type IN ('nvarchar', 'nchar') THEN first * 2 WHEN type IN ('varchar', 'char', 'binary', 'varbinary') THEN first
	WHEN type = 'decimal' THEN CASE WHEN first <= 9 THEN 5 WHEN first <= 19 THEN 9 WHEN first <= 28 THEN 13 ELSE 17 END
	WHEN type = 'time' THEN CASE WHEN first <= 2 THEN 3 WHEN first <= 4 THEN 4 ELSE 5 END
	WHEN type = 'datetime2' THEN CASE WHEN first <= 2 THEN 6 WHEN first <= 4 THEN 7 ELSE 8 END
	WHEN type = 'datetimeoffset' THEN CASE WHEN first <= 2 THEN 8 WHEN first <= 4 THEN 9 ELSE 10 END
	ELSE (SELECT max_length FROM till.types WHERE name = type) END $$;

CREATE FUNCTION till.is_character(type text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN type IN ('char', 'varchar', 'nchar', 'nvarchar', 'text', 'ntext');

-- when a table was made is not in PostgreSQL's catalogs; its oid grows, so that says which is older
CREATE FUNCTION till.created(oid oid) RETURNS timestamp
LANGUAGE sql STABLE
AS $$ SELECT till.round300(till.database_setting((SELECT d.oid FROM pg_database d WHERE datname = current_database()), 'create_date', '2000-01-01')::timestamp
	+ ($1::bigint % 100000000) * interval '10 milliseconds') $$;

-- ---- sys: objects ----
CREATE VIEW sys.schemas AS
SELECT nspname::text COLLATE till."CI_AS" AS name, CASE nspname WHEN 'dbo' THEN 1 WHEN 'sys' THEN 4 WHEN 'INFORMATION_SCHEMA' THEN 3 ELSE oid::integer END AS schema_id, 1 AS principal_id
FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|till$|public$)';

CREATE FUNCTION till.schema_number(oid oid) RETURNS integer
LANGUAGE sql STABLE
AS $$ SELECT CASE nspname WHEN 'dbo' THEN 1 WHEN 'sys' THEN 4 WHEN 'INFORMATION_SCHEMA' THEN 3 ELSE $1::integer END FROM pg_namespace n WHERE n.oid = $1 $$;

CREATE VIEW sys.objects AS
SELECT name::text COLLATE till."CI_AS" AS name, oid::integer AS object_id, till.schema_number(schema_oid) AS schema_id, 0 AS parent_object_id,
	CASE relkind WHEN 'r' THEN 'U ' ELSE 'V ' END AS type, CASE relkind WHEN 'r' THEN 'USER_TABLE' ELSE 'VIEW' END AS type_desc,
	till.created(oid) AS create_date, till.created(oid) AS modify_date, 0::smallint AS is_ms_shipped
FROM till.relations
UNION ALL
SELECT coalesce(obj_description(k.oid, 'pg_constraint'), k.conname)::text COLLATE till."CI_AS", k.oid::integer, till.schema_number(k.connamespace), k.conrelid::integer,
	CASE k.contype WHEN 'p' THEN 'PK' WHEN 'u' THEN 'UQ' WHEN 'f' THEN 'F ' ELSE 'C ' END,
	CASE k.contype WHEN 'p' THEN 'PRIMARY_KEY_CONSTRAINT' WHEN 'u' THEN 'UNIQUE_CONSTRAINT' WHEN 'f' THEN 'FOREIGN_KEY_CONSTRAINT' ELSE 'CHECK_CONSTRAINT' END,
	till.created(k.oid), till.created(k.oid), 0::smallint
FROM pg_constraint k JOIN till.relations r ON r.oid = k.conrelid WHERE k.contype IN ('p', 'u', 'f', 'c');
COMMENT ON COLUMN sys.objects.type IS 'char(2)';
COMMENT ON COLUMN sys.objects.is_ms_shipped IS 'bit';
CREATE VIEW sys.all_objects AS SELECT * FROM sys.objects;
COMMENT ON COLUMN sys.all_objects.type IS 'char(2)';

CREATE VIEW sys.tables AS
SELECT name, object_id, schema_id, parent_object_id, type, type_desc, create_date, modify_date, is_ms_shipped, 0::smallint AS is_tracked_by_cdc, 0::smallint AS temporal_type
FROM sys.objects WHERE type = 'U ';
COMMENT ON COLUMN sys.tables.type IS 'char(2)';
COMMENT ON COLUMN sys.tables.is_ms_shipped IS 'bit';
COMMENT ON COLUMN sys.tables.is_tracked_by_cdc IS 'bit';
COMMENT ON COLUMN sys.tables.temporal_type IS 'tinyint';

CREATE VIEW sys.views AS
SELECT name, object_id, schema_id, parent_object_id, type, type_desc, create_date, modify_date, is_ms_shipped FROM sys.objects WHERE type = 'V ';
COMMENT ON COLUMN sys.views.type IS 'char(2)';
COMMENT ON COLUMN sys.views.is_ms_shipped IS 'bit';

CREATE VIEW sys.columns AS
SELECT c.relation::integer AS object_id, c.name::text COLLATE till."CI_AS" AS name, c.ordinal AS column_id, t.system_type_id, t.user_type_id,
	till.byte_length(c.type, c.first) AS max_length,
	CASE WHEN c.type = 'decimal' THEN c.first WHEN c.type IN ('time', 'datetime2', 'datetimeoffset') THEN
		CASE c.type WHEN 'time' THEN 8 WHEN 'datetime2' THEN 19 ELSE 26 END + CASE WHEN c.first > 0 THEN c.first + 1 ELSE 0 END ELSE t."precision" END::smallint AS "precision",
	CASE WHEN c.type = 'decimal' THEN c.second WHEN c.type IN ('time', 'datetime2', 'datetimeoffset') THEN c.first ELSE t.scale END::smallint AS scale,
	CASE WHEN till.is_character(c.type) THEN c.collation END AS collation_name, c.nullable::integer::smallint AS is_nullable,
	c.identity::integer::smallint AS is_identity, 0::smallint AS is_computed, 0::smallint AS is_rowguidcol,
	coalesce((SELECT d.oid::integer FROM pg_attrdef d WHERE d.adrelid = c.relation AND d.adnum = c.number), 0) AS default_object_id
FROM till.columns c JOIN till.types t ON t.name = c.type;
COMMENT ON COLUMN sys.columns.system_type_id IS 'tinyint';
COMMENT ON COLUMN sys.columns."precision" IS 'tinyint';
COMMENT ON COLUMN sys.columns.scale IS 'tinyint';
COMMENT ON COLUMN sys.columns.is_nullable IS 'bit';
COMMENT ON COLUMN sys.columns.is_identity IS 'bit';
COMMENT ON COLUMN sys.columns.is_computed IS 'bit';
COMMENT ON COLUMN sys.columns.is_rowguidcol IS 'bit';
CREATE VIEW sys.all_columns AS SELECT * FROM sys.columns;

-- ---- indexes and keys ----
CREATE VIEW till.indexes AS
SELECT i.*, coalesce(obj_description(i.indexrelid, 'pg_class'), x.relname)::text COLLATE till."CI_AS" AS name,
	CASE WHEN i.indisclustered THEN 1 ELSE 1 + row_number() OVER (PARTITION BY i.indrelid ORDER BY i.indisclustered, i.indexrelid)::integer END AS number
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN till.relations r ON r.oid = i.indrelid;

CREATE VIEW sys.indexes AS
SELECT indrelid::integer AS object_id, name, number AS index_id,
	CASE WHEN indisclustered THEN 1 ELSE 2 END::smallint AS type, CASE WHEN indisclustered THEN 'CLUSTERED' ELSE 'NONCLUSTERED' END AS type_desc,
	indisunique::integer::smallint AS is_unique, indisprimary::integer::smallint AS is_primary_key,
	EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = indexrelid AND k.contype = 'u')::integer::smallint AS is_unique_constraint,
	0::smallint AS is_disabled, (indpred IS NOT NULL)::integer::smallint AS has_filter
FROM till.indexes
UNION ALL
SELECT oid::integer, NULL, 0, 0::smallint, 'HEAP', 0::smallint, 0::smallint, 0::smallint, 0::smallint, 0::smallint
FROM till.relations r WHERE relkind = 'r' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = r.oid AND i.indisclustered);
COMMENT ON COLUMN sys.indexes.type IS 'tinyint';
COMMENT ON COLUMN sys.indexes.is_unique IS 'bit';
COMMENT ON COLUMN sys.indexes.is_primary_key IS 'bit';
COMMENT ON COLUMN sys.indexes.is_unique_constraint IS 'bit';
COMMENT ON COLUMN sys.indexes.is_disabled IS 'bit';
COMMENT ON COLUMN sys.indexes.has_filter IS 'bit';

CREATE FUNCTION till.column_id(relation oid, attnum smallint) RETURNS integer
LANGUAGE sql STABLE
AS 'SELECT count(*)::integer FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum BETWEEN 1 AND $2 AND NOT a.attisdropped';

CREATE VIEW sys.index_columns AS
SELECT x.indrelid::integer AS object_id, x.number AS index_id, k.n::integer AS index_column_id, till.column_id(x.indrelid, k.attnum) AS column_id,
	CASE WHEN k.n <= x.indnkeyatts THEN k.n ELSE 0 END::smallint AS key_ordinal, 0::smallint AS partition_ordinal,
	CASE WHEN k.n <= x.indnkeyatts THEN x.indoption[k.n - 1] & 1 ELSE 0 END::smallint AS is_descending_key, (k.n > x.indnkeyatts)::integer::smallint AS is_included_column
FROM till.indexes x CROSS JOIN LATERAL unnest(x.indkey::smallint[]) WITH ORDINALITY k(attnum, n)
WHERE k.attnum > 0;
COMMENT ON COLUMN sys.index_columns.key_ordinal IS 'tinyint';
COMMENT ON COLUMN sys.index_columns.partition_ordinal IS 'tinyint';
COMMENT ON COLUMN sys.index_columns.is_descending_key IS 'bit';
COMMENT ON COLUMN sys.index_columns.is_included_column IS 'bit';

CREATE VIEW sys.key_constraints AS
SELECT o.name, o.object_id, o.schema_id, o.parent_object_id, o.type, o.type_desc, o.create_date, o.modify_date,
	(SELECT i.index_id FROM sys.indexes i WHERE i.object_id = o.parent_object_id AND i.name = o.name) AS unique_index_id
FROM sys.objects o WHERE o.type IN ('PK', 'UQ');
COMMENT ON COLUMN sys.key_constraints.type IS 'char(2)';

CREATE VIEW sys.foreign_keys AS
SELECT o.name, o.object_id, o.schema_id, o.parent_object_id, o.type, o.type_desc, o.create_date, o.modify_date, k.confrelid::integer AS referenced_object_id,
	CASE k.confdeltype WHEN 'c' THEN 1 WHEN 'n' THEN 2 WHEN 'd' THEN 3 ELSE 0 END::smallint AS delete_referential_action,
	CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET_NULL' WHEN 'd' THEN 'SET_DEFAULT' ELSE 'NO_ACTION' END AS delete_referential_action_desc,
	CASE k.confupdtype WHEN 'c' THEN 1 WHEN 'n' THEN 2 WHEN 'd' THEN 3 ELSE 0 END::smallint AS update_referential_action, 0::smallint AS is_disabled, 0::smallint AS is_not_trusted
FROM sys.objects o JOIN pg_constraint k ON k.oid::integer = o.object_id WHERE o.type = 'F ';
COMMENT ON COLUMN sys.foreign_keys.type IS 'char(2)';
COMMENT ON COLUMN sys.foreign_keys.delete_referential_action IS 'tinyint';
COMMENT ON COLUMN sys.foreign_keys.update_referential_action IS 'tinyint';
COMMENT ON COLUMN sys.foreign_keys.is_disabled IS 'bit';
COMMENT ON COLUMN sys.foreign_keys.is_not_trusted IS 'bit';

CREATE VIEW sys.foreign_key_columns AS
SELECT k.oid::integer AS constraint_object_id, n.n::integer AS constraint_column_id, k.conrelid::integer AS parent_object_id, till.column_id(k.conrelid, k.conkey[n.n]) AS parent_column_id,
	k.confrelid::integer AS referenced_object_id, till.column_id(k.confrelid, k.confkey[n.n]) AS referenced_column_id
FROM pg_constraint k CROSS JOIN LATERAL generate_subscripts(k.conkey, 1) n(n) WHERE k.contype = 'f';

CREATE VIEW sys.default_constraints AS
SELECT d.name COLLATE till."CI_AS" AS name, a.oid::integer AS object_id, d.relation::integer AS parent_object_id, till.column_id(d.relation, t.attnum) AS parent_column_id, d.definition
FROM till.defaults d JOIN pg_attribute t ON t.attrelid = d.relation AND t.attname = d.column_name JOIN pg_attrdef a ON a.adrelid = d.relation AND a.adnum = t.attnum;
COMMENT ON COLUMN sys.default_constraints.definition IS 'nvarchar(max)';

CREATE VIEW sys.check_constraints AS
SELECT o.name, o.object_id, o.schema_id, o.parent_object_id FROM sys.objects o WHERE o.type = 'C ';

CREATE FUNCTION till.sequence_value(seq regclass) RETURNS numeric
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER AS $$
DECLARE
	value bigint;
BEGIN
	EXECUTE format('SELECT CASE WHEN is_called THEN last_value END FROM %s', seq) INTO value;
	RETURN value;
END $$;

CREATE VIEW sys.identity_columns AS
SELECT c.object_id, c.name, c.column_id, c.system_type_id, c.user_type_id, c.max_length, c.is_identity, till.make_variant('bigint', s.seqstart::text) AS seed_value,
	till.make_variant('bigint', s.seqincrement::text) AS increment_value, till.make_variant('bigint', till.sequence_value(s.seqrelid::regclass)::text) AS last_value
FROM sys.columns c JOIN pg_sequence s ON s.seqrelid = till.identity_sequence(c.object_id::oid::regclass) WHERE c.is_identity = 1;
COMMENT ON COLUMN sys.identity_columns.is_identity IS 'bit';
COMMENT ON COLUMN sys.identity_columns.system_type_id IS 'tinyint';
COMMENT ON COLUMN sys.identity_columns.seed_value IS 'sql_variant';
COMMENT ON COLUMN sys.identity_columns.increment_value IS 'sql_variant';
COMMENT ON COLUMN sys.identity_columns.last_value IS 'sql_variant';

-- ---- rows ----
CREATE FUNCTION till.row_count(relation regclass) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s', relation) INTO n;
	RETURN n;
END $$;

CREATE VIEW sys.partitions AS
SELECT (object_id::bigint << 16) + index_id AS partition_id, object_id, index_id, 1 AS partition_number,
	(object_id::bigint << 16) + index_id AS hobt_id, till.row_count(object_id::oid::regclass) AS rows, 0::smallint AS data_compression
FROM sys.indexes;
COMMENT ON COLUMN sys.partitions.data_compression IS 'tinyint';

CREATE VIEW sys.dm_db_partition_stats AS
SELECT partition_id, object_id, index_id, partition_number, rows AS row_count, pg_relation_size(object_id::oid::regclass) / 8192 AS used_page_count,
	pg_relation_size(object_id::oid::regclass) / 8192 AS reserved_page_count, pg_relation_size(object_id::oid::regclass) / 8192 AS in_row_data_page_count
FROM sys.partitions;

-- ---- empty or tiny ----
CREATE VIEW sys.configurations AS
SELECT * FROM (VALUES (1544, 'max server memory (MB)', 2147483647, 2147483647), (518, 'show advanced options', 0, 0)) v (configuration_id, name, value, value_in_use);
CREATE VIEW sys.computed_columns AS SELECT 0 AS object_id, ''::text AS name, 0 AS column_id, ''::text AS definition WHERE false;
CREATE VIEW sys.triggers AS SELECT ''::text AS name, 0 AS object_id, 0 AS parent_id WHERE false;
CREATE VIEW sys.dm_exec_sessions AS
SELECT 0::smallint AS session_id, timestamp '2000-01-01' AS login_time, ''::text AS host_name, ''::text AS program_name, ''::text AS login_name, ''::text AS status,
	0::smallint AS database_id, 0::smallint AS is_user_process WHERE false;
COMMENT ON COLUMN sys.dm_exec_sessions.is_user_process IS 'bit';
CREATE VIEW sys.dm_exec_requests AS
SELECT 0::smallint AS session_id, ''::text AS status, 0::smallint AS database_id, 0::smallint AS blocking_session_id, ''::text AS wait_type, 0 AS wait_time WHERE false;
CREATE VIEW sys.database_files AS
SELECT 0 AS file_id, 0::smallint AS type, ''::text AS type_desc, ''::text AS name, 0 AS size WHERE false;
COMMENT ON COLUMN sys.database_files.type IS 'tinyint';
CREATE VIEW till.connections AS
SELECT 0 AS spid, ''::text AS application_name, ''::text AS login_name, timestamp '2000-01-01' AS login_time, ''::text AS state, ''::text AS database_name,
	0::bigint AS connections_ever, 0::bigint AS bytes_sent, 0::bigint AS attentions WHERE false;
CREATE VIEW till.requests AS
SELECT 0::bigint AS number, 0 AS spid, ''::text AS application_name, ''::text AS kind, ''::text AS sql, timestamp '2000-01-01' AS started,
	0::bigint AS milliseconds, 0::bigint AS rows_sent, 0::bigint AS bytes_sent, 0 AS error, 0::smallint AS finished WHERE false;
COMMENT ON COLUMN till.requests.finished IS 'bit';

-- ---- INFORMATION_SCHEMA ----
CREATE VIEW "INFORMATION_SCHEMA"."SCHEMATA" AS
SELECT current_database()::text AS "CATALOG_NAME", name AS "SCHEMA_NAME", 'dbo'::text AS "SCHEMA_OWNER" FROM sys.schemas;

CREATE VIEW "INFORMATION_SCHEMA"."TABLES" AS
SELECT current_database()::text COLLATE till."CI_AS" AS "TABLE_CATALOG", schema::text COLLATE till."CI_AS" AS "TABLE_SCHEMA", name::text COLLATE till."CI_AS" AS "TABLE_NAME",
	CASE relkind WHEN 'r' THEN 'BASE TABLE' ELSE 'VIEW' END AS "TABLE_TYPE"
FROM till.relations;

CREATE VIEW "INFORMATION_SCHEMA"."VIEWS" AS
SELECT "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME" FROM "INFORMATION_SCHEMA"."TABLES" WHERE "TABLE_TYPE" = 'VIEW';

CREATE VIEW "INFORMATION_SCHEMA"."COLUMNS" AS
SELECT current_database()::text COLLATE till."CI_AS" AS "TABLE_CATALOG", c.schema::text COLLATE till."CI_AS" AS "TABLE_SCHEMA", c.table_name::text COLLATE till."CI_AS" AS "TABLE_NAME",
	c.name::text COLLATE till."CI_AS" AS "COLUMN_NAME", c.ordinal AS "ORDINAL_POSITION",
	(SELECT '(' || regexp_replace(d.definition, '^\((.*)\)$', '\1') || ')' FROM till.defaults d WHERE d.relation = c.relation AND d.column_name = c.name) AS "COLUMN_DEFAULT",
	CASE WHEN c.nullable THEN 'YES' ELSE 'NO' END AS "IS_NULLABLE", c.type AS "DATA_TYPE",
	CASE WHEN c.type IN ('nvarchar', 'nchar', 'varchar', 'char', 'varbinary', 'binary') THEN c.first WHEN c.type IN ('text', 'image') THEN 2147483647
		WHEN c.type = 'ntext' THEN 1073741823 WHEN c.type = 'xml' THEN -1 WHEN c.type = 'sql_variant' THEN 0 END AS "CHARACTER_MAXIMUM_LENGTH",
	CASE WHEN c.type IN ('nvarchar', 'nchar') AND c.first > 0 THEN c.first * 2 WHEN c.type IN ('nvarchar', 'varchar', 'char', 'varbinary', 'binary') THEN c.first
		WHEN c.type IN ('text', 'image') THEN 2147483647 WHEN c.type = 'ntext' THEN 2147483646 WHEN c.type = 'xml' THEN -1 WHEN c.type = 'sql_variant' THEN 0 END AS "CHARACTER_OCTET_LENGTH",
	CASE WHEN c.type = 'decimal' THEN c.first WHEN c.type IN ('tinyint', 'smallint', 'int', 'bigint', 'money', 'smallmoney', 'float', 'real')
		THEN t."precision" END::smallint AS "NUMERIC_PRECISION",
	CASE WHEN c.type IN ('float', 'real') THEN 2 WHEN c.type IN ('decimal', 'tinyint', 'smallint', 'int', 'bigint', 'money', 'smallmoney') THEN 10 END::smallint AS "NUMERIC_PRECISION_RADIX",
	CASE WHEN c.type = 'decimal' THEN c.second WHEN c.type IN ('money', 'smallmoney') THEN 4 WHEN c.type IN ('tinyint', 'smallint', 'int', 'bigint') THEN 0 END AS "NUMERIC_SCALE",
	CASE WHEN c.type IN ('time', 'datetime2', 'datetimeoffset') THEN c.first WHEN c.type = 'datetime' THEN 3 WHEN c.type IN ('smalldatetime', 'date') THEN 0 END::smallint AS "DATETIME_PRECISION",
	CASE WHEN c.type IN ('nvarchar', 'nchar', 'ntext') THEN 'UNICODE' WHEN till.is_character(c.type) THEN 'iso_1' END AS "CHARACTER_SET_NAME",
	CASE WHEN till.is_character(c.type) THEN c.collation END AS "COLLATION_NAME", NULL::text AS "DOMAIN_NAME"
FROM till.columns c JOIN till.types t ON t.name = c.type;
COMMENT ON COLUMN "INFORMATION_SCHEMA"."COLUMNS"."COLUMN_DEFAULT" IS 'nvarchar(4000)';
COMMENT ON COLUMN "INFORMATION_SCHEMA"."COLUMNS"."NUMERIC_PRECISION" IS 'tinyint';

CREATE VIEW till.constraints AS
SELECT k.oid, r.schema, r.name AS table_name, r.oid AS relation, coalesce(obj_description(k.oid, 'pg_constraint'), k.conname)::text AS name, k.contype, k.conkey, k.confrelid, k.confkey, k.confdeltype, k.confupdtype, k.conindid
FROM pg_constraint k JOIN till.relations r ON r.oid = k.conrelid WHERE k.contype IN ('p', 'u', 'f', 'c');

CREATE VIEW "INFORMATION_SCHEMA"."TABLE_CONSTRAINTS" AS
SELECT current_database()::text AS "CONSTRAINT_CATALOG", schema::text COLLATE till."CI_AS" AS "CONSTRAINT_SCHEMA", name COLLATE till."CI_AS" AS "CONSTRAINT_NAME",
	current_database()::text AS "TABLE_CATALOG", schema::text COLLATE till."CI_AS" AS "TABLE_SCHEMA", table_name::text COLLATE till."CI_AS" AS "TABLE_NAME",
	CASE contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' WHEN 'f' THEN 'FOREIGN KEY' ELSE 'CHECK' END AS "CONSTRAINT_TYPE", 'NO'::text AS "IS_DEFERRABLE", 'NO'::text AS "INITIALLY_DEFERRED"
FROM till.constraints;

CREATE VIEW "INFORMATION_SCHEMA"."KEY_COLUMN_USAGE" AS
SELECT current_database()::text AS "CONSTRAINT_CATALOG", k.schema::text COLLATE till."CI_AS" AS "CONSTRAINT_SCHEMA", k.name COLLATE till."CI_AS" AS "CONSTRAINT_NAME",
	current_database()::text AS "TABLE_CATALOG", k.schema::text COLLATE till."CI_AS" AS "TABLE_SCHEMA", k.table_name::text COLLATE till."CI_AS" AS "TABLE_NAME",
	a.attname::text COLLATE till."CI_AS" AS "COLUMN_NAME", n.n::integer AS "ORDINAL_POSITION"
FROM till.constraints k CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY n(attnum, n) JOIN pg_attribute a ON a.attrelid = k.relation AND a.attnum = n.attnum
WHERE k.contype IN ('p', 'u', 'f');

CREATE VIEW "INFORMATION_SCHEMA"."CONSTRAINT_COLUMN_USAGE" AS
SELECT "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME" FROM "INFORMATION_SCHEMA"."KEY_COLUMN_USAGE";

CREATE VIEW "INFORMATION_SCHEMA"."REFERENTIAL_CONSTRAINTS" AS
SELECT current_database()::text AS "CONSTRAINT_CATALOG", k.schema::text COLLATE till."CI_AS" AS "CONSTRAINT_SCHEMA", k.name COLLATE till."CI_AS" AS "CONSTRAINT_NAME",
	current_database()::text AS "UNIQUE_CONSTRAINT_CATALOG", u.schema::text COLLATE till."CI_AS" AS "UNIQUE_CONSTRAINT_SCHEMA", u.name COLLATE till."CI_AS" AS "UNIQUE_CONSTRAINT_NAME",
	'SIMPLE'::text AS "MATCH_OPTION", CASE k.confupdtype WHEN 'c' THEN 'CASCADE' ELSE 'NO ACTION' END AS "UPDATE_RULE", CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'NO ACTION' END AS "DELETE_RULE"
FROM till.constraints k LEFT JOIN till.constraints u ON u.conindid = k.conindid AND u.contype IN ('p', 'u') WHERE k.contype = 'f';

-- ---- functions about the catalog ----
CREATE FUNCTION till.split_name(name text) RETURNS text[]
LANGUAGE sql IMMUTABLE
RETURN ARRAY(SELECT trim(both '"[]' FROM part) FROM unnest(string_to_array(name, '.')) part);

CREATE FUNCTION till.object_id(name text, kind text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_variable
DECLARE
	parts text[] := till.split_name(name COLLATE "C");
	object text COLLATE till."CI_AS" := parts[array_length(parts, 1)];
	schema text COLLATE till."CI_AS" := coalesce(nullif(parts[array_length(parts, 1) - 1], ''), 'dbo');
	id integer;
BEGIN
	IF left(object, 1) = '#' THEN
		SELECT c.oid INTO id FROM pg_class c WHERE c.relnamespace = pg_my_temp_schema() AND c.relkind = 'r' AND lower(c.relname) = lower(object COLLATE "C");
		RETURN id;
	END IF;
	SELECT o.object_id INTO id FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
	WHERE o.name = object AND s.name = schema AND (kind IS NULL OR rtrim(o.type) = rtrim(upper(kind COLLATE "C")));
	IF id IS NULL THEN
		SELECT c.oid INTO id FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname IN ('sys', 'INFORMATION_SCHEMA') AND lower(n.nspname) = lower(schema COLLATE "C") AND lower(c.relname) = lower(object COLLATE "C") AND c.relkind = 'v' AND (kind IS NULL OR upper(kind COLLATE "C") IN ('V', 'S'));
	END IF;
	RETURN id;
END $$;

CREATE FUNCTION till.object_name(id integer, database integer DEFAULT NULL) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM sys.objects WHERE object_id = id';
CREATE FUNCTION till.object_schema_name(id integer, database integer DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE AS 'SELECT s.name FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id WHERE o.object_id = id';
CREATE FUNCTION till.schema_name(id integer DEFAULT 1) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM sys.schemas WHERE schema_id = id';
CREATE FUNCTION till.schema_id(schema text DEFAULT 'dbo') RETURNS integer LANGUAGE sql STABLE AS 'SELECT schema_id FROM sys.schemas WHERE name = schema';
CREATE FUNCTION till.db_id(database text DEFAULT current_database()) RETURNS integer LANGUAGE sql STABLE AS 'SELECT database_id FROM sys.databases WHERE name = database';
-- smallint, as some views have it; SQL Server has fewer databases than that, PostgreSQL's numbers go further
CREATE FUNCTION till.db_id_smallint(database text) RETURNS smallint LANGUAGE sql STABLE AS 'SELECT (till.db_id(database) % 32768)::smallint';
CREATE FUNCTION till.db_name(id integer DEFAULT NULL) RETURNS text LANGUAGE sql STABLE
AS 'SELECT CASE WHEN id IS NULL THEN current_database()::text ELSE (SELECT name FROM sys.databases WHERE database_id = id) END';
CREATE FUNCTION till.has_dbaccess(database text) RETURNS integer LANGUAGE sql STABLE AS 'SELECT (SELECT 1 FROM sys.databases WHERE name = database)';
CREATE FUNCTION till.col_name(id integer, number integer) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM sys.columns WHERE object_id = id AND column_id = number';
CREATE FUNCTION till.col_length(object text, column_name text) RETURNS smallint LANGUAGE sql STABLE
AS 'SELECT max_length FROM sys.columns WHERE object_id = till.object_id(object) AND name = column_name';

CREATE FUNCTION till.columnproperty(id integer, column_name text, property text) RETURNS integer
LANGUAGE sql STABLE
AS $$ SELECT CASE lower(property) WHEN 'isidentity' THEN is_identity WHEN 'allowsnull' THEN is_nullable WHEN 'iscomputed' THEN 0 WHEN 'columnid' THEN column_id WHEN 'precision' THEN "precision"
	WHEN 'scale' THEN scale END FROM sys.columns WHERE object_id = id AND name = column_name $$;

CREATE FUNCTION till.objectproperty(id integer, property text) RETURNS integer
LANGUAGE sql STABLE
AS $$ SELECT CASE lower(property) WHEN 'isusertable' THEN (type = 'U ')::integer WHEN 'istable' THEN (type = 'U ')::integer WHEN 'isview' THEN (type = 'V ')::integer WHEN 'ismsshipped' THEN 0
	WHEN 'tablehasidentity' THEN EXISTS (SELECT FROM sys.columns c WHERE c.object_id = id AND is_identity = 1)::integer
	WHEN 'tablehasprimarykey' THEN EXISTS (SELECT FROM sys.key_constraints k WHERE k.parent_object_id = id AND k.type = 'PK')::integer END FROM sys.objects WHERE object_id = id $$;

-- the last value handed out; the seed while there was none
CREATE FUNCTION till.ident_current(name text) RETURNS numeric
LANGUAGE sql STABLE
AS $$ SELECT coalesce(till.sequence_value(s), (SELECT seqstart FROM pg_sequence WHERE seqrelid = s)) FROM (SELECT till.identity_sequence(till.object_id(name)::oid::regclass)) x(s) WHERE s IS NOT NULL $$;
CREATE FUNCTION till.ident_seed(name text) RETURNS numeric LANGUAGE sql STABLE
AS 'SELECT seqstart FROM pg_sequence WHERE seqrelid = till.identity_sequence(till.object_id(name)::oid::regclass)';
CREATE FUNCTION till.ident_incr(name text) RETURNS numeric LANGUAGE sql STABLE
AS 'SELECT seqincrement FROM pg_sequence WHERE seqrelid = till.identity_sequence(till.object_id(name)::oid::regclass)';

CREATE FUNCTION till.serverproperty(property text) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT CASE lower(property) WHEN 'productversion' THEN '13.0.5026.0' WHEN 'productlevel' THEN 'SP2' WHEN 'productmajorversion' THEN '13' WHEN 'productminorversion' THEN '0'
	WHEN 'edition' THEN 'Express Edition (64-bit)' WHEN 'engineedition' THEN '4' WHEN 'servername' THEN 'TILL' WHEN 'machinename' THEN 'TILL'
	WHEN 'collation' THEN current_setting('till.collation_name', true) WHEN 'islocaldb' THEN '0' WHEN 'isclustered' THEN '0' WHEN 'isintegratedsecurityonly' THEN '0'
	WHEN 'instancename' THEN NULL WHEN 'ishadrenabled' THEN '0' END $$;

CREATE FUNCTION till.connectionproperty(property text) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT CASE lower(property) WHEN 'net_transport' THEN 'TCP' WHEN 'protocol_type' THEN 'TSQL' WHEN 'auth_scheme' THEN 'SQL' WHEN 'local_net_address' THEN '127.0.0.1' END $$;

CREATE FUNCTION till.databasepropertyex(database text, property text) RETURNS text
LANGUAGE sql STABLE
AS $$ SELECT CASE lower(property) WHEN 'collation' THEN collation_name WHEN 'status' THEN 'ONLINE' WHEN 'updateability' THEN 'READ_WRITE' WHEN 'useraccess' THEN 'MULTI_USER' WHEN 'recovery' THEN 'SIMPLE'
	WHEN 'version' THEN '852' END FROM sys.databases WHERE name = database $$;
