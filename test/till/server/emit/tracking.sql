-- Change tracking, by SQL Server's documentation: which rows of a table have changed since a version.
--
-- A version is given to a transaction that has changed tracked rows, in the order of commits, and is seen together with
-- what it changed: a deferred trigger, the last thing before the commit, waits for its turn and takes the next number;
-- PostgreSQL shows a transaction to others before it lets its locks go. So who sees version n sees all before it.
-- TRUNCATE and ENABLE take no number: the history of the table begins again at the present one.

CREATE TABLE till.tracking_database (auto_cleanup boolean NOT NULL, retention integer NOT NULL, units smallint NOT NULL); -- no row: off
CREATE TABLE till.tracking_tables (relation oid PRIMARY KEY, key_columns text[] NOT NULL, begin_version bigint NOT NULL);
CREATE SEQUENCE till.tracking_version;
CREATE TABLE till.tracking_commits (xid xid8 PRIMARY KEY, version bigint, at timestamptz);
CREATE INDEX ON till.tracking_commits (version);
CREATE TABLE till.tracking_changes (number bigint GENERATED ALWAYS AS IDENTITY, relation oid NOT NULL, key text[] NOT NULL, operation "char" NOT NULL, xid xid8 NOT NULL);
CREATE INDEX ON till.tracking_changes (relation, xid);

-- ---- the version of a transaction ----
CREATE FUNCTION till.tracking_commit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(hashtext('till.tracking_version'));
	UPDATE till.tracking_commits SET version = nextval('till.tracking_version'), at = till.instant() WHERE xid = NEW.xid;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER committed AFTER INSERT ON till.tracking_commits DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION till.tracking_commit();

-- Which keys a statement has changed. Another key is a delete of the old one and an insert of the new one.
CREATE FUNCTION till.track_inserts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	EXECUTE format('INSERT INTO till.tracking_changes (relation, key, operation, xid) SELECT $1, ARRAY[%s], ''I'', pg_current_xact_id() FROM fresh', TG_ARGV[0]) USING TG_RELID;
	INSERT INTO till.tracking_commits SELECT pg_current_xact_id() WHERE EXISTS (SELECT FROM fresh) ON CONFLICT DO NOTHING;
	RETURN NULL;
END $$;
CREATE FUNCTION till.track_deletes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	EXECUTE format('INSERT INTO till.tracking_changes (relation, key, operation, xid) SELECT $1, ARRAY[%s], ''D'', pg_current_xact_id() FROM old', TG_ARGV[0]) USING TG_RELID;
	INSERT INTO till.tracking_commits SELECT pg_current_xact_id() WHERE EXISTS (SELECT FROM old) ON CONFLICT DO NOTHING;
	RETURN NULL;
END $$;
CREATE FUNCTION till.track_updates() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	EXECUTE format('INSERT INTO till.tracking_changes (relation, key, operation, xid)
		SELECT $1, k.key, CASE WHEN NOT was THEN ''I'' WHEN NOT "is" THEN ''D'' ELSE ''U'' END::"char", pg_current_xact_id()
		FROM (SELECT key, bool_or(NOT new) AS was, bool_or(new) AS "is"
			FROM (SELECT ARRAY[%1$s] AS key, false AS new FROM old UNION ALL SELECT ARRAY[%1$s], true FROM fresh) b GROUP BY key) k', TG_ARGV[0]) USING TG_RELID;
	INSERT INTO till.tracking_commits SELECT pg_current_xact_id() WHERE EXISTS (SELECT FROM fresh) ON CONFLICT DO NOTHING;
	RETURN NULL;
END $$;

CREATE FUNCTION till.tracking_is_on() RETURNS boolean LANGUAGE sql STABLE
AS 'SELECT EXISTS (SELECT FROM till.tracking_database)';
CREATE FUNCTION till.tracking_last_version() RETURNS bigint LANGUAGE sql STABLE
AS 'SELECT coalesce(max(version), 0) FROM till.tracking_commits';

CREATE FUNCTION till.track_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	DELETE FROM till.tracking_changes WHERE relation = TG_RELID;
	UPDATE till.tracking_tables SET begin_version = till.tracking_last_version() WHERE relation = TG_RELID;
	RETURN NULL;
END $$;

-- ---- the switches ----
CREATE FUNCTION till.tracking_words(relation regclass, OUT table_name text, OUT keys text[])
LANGUAGE sql STABLE AS $$
	SELECT c.relname, ARRAY(SELECT a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(attnum, n)
		JOIN pg_attribute a ON (a.attrelid, a.attnum) = (i.indrelid, k.attnum) WHERE i.indrelid = $1 AND i.indisprimary ORDER BY k.n)
	FROM pg_class c WHERE c.oid = $1 $$;

CREATE FUNCTION till.enable_tracking(table_oid regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	w record := till.tracking_words(table_oid);
	argument text := (SELECT string_agg(format('%I::text', k), ', ') FROM unnest(w.keys) k);
BEGIN
	IF NOT till.tracking_is_on() THEN
		PERFORM till.fail(1718, format('Change tracking must be enabled on database ''%s'' before it can be enabled on table ''%s''.', current_database(), w.table_name));
	ELSIF EXISTS (SELECT FROM till.tracking_tables t WHERE t.relation = table_oid) THEN
		PERFORM till.fail(4996, format('Change tracking is already enabled for table ''%s''.', w.table_name));
	ELSIF argument IS NULL THEN
		PERFORM till.fail(4997, format('Cannot enable change tracking on table ''%s''. Change tracking requires a primary key on the table. Create a primary key on the table before enabling change tracking.', w.table_name));
	END IF;
	INSERT INTO till.tracking_tables VALUES (table_oid, w.keys, till.tracking_last_version());
	EXECUTE format('CREATE TRIGGER tracking_i AFTER INSERT ON %s REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION till.track_inserts(%L)', table_oid, argument);
	EXECUTE format('CREATE TRIGGER tracking_d AFTER DELETE ON %s REFERENCING OLD TABLE AS old FOR EACH STATEMENT EXECUTE FUNCTION till.track_deletes(%L)', table_oid, argument);
	EXECUTE format('CREATE TRIGGER tracking_u AFTER UPDATE ON %s REFERENCING OLD TABLE AS old NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION till.track_updates(%L)', table_oid, argument);
	EXECUTE format('CREATE TRIGGER tracking_t AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION till.track_truncate()', table_oid);
END $$;

CREATE FUNCTION till.disable_tracking(table_oid regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM till.tracking_tables t WHERE t.relation = table_oid;
	IF NOT FOUND THEN
		PERFORM till.fail(4998, format('Change tracking is not enabled on table ''%s''.', (till.tracking_words(table_oid)).table_name));
	END IF;
	EXECUTE format('DROP TRIGGER tracking_i ON %1$s; DROP TRIGGER tracking_d ON %1$s; DROP TRIGGER tracking_u ON %1$s; DROP TRIGGER tracking_t ON %1$s', table_oid);
	DELETE FROM till.tracking_changes c WHERE c.relation = table_oid;
END $$;

-- what: ON, OFF, or SET: the settings of one that is on. NULL: as it is, or as SQL Server begins: two days, cleaned up.
CREATE FUNCTION till.set_tracking(what text, cleanup boolean, period integer, unit smallint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	is_on boolean := till.tracking_is_on();
BEGIN
	IF what = 'ON' AND is_on THEN
		PERFORM till.fail(5088, format('Change tracking is already enabled for database ''%s''.', current_database()));
	ELSIF what <> 'ON' AND NOT is_on THEN
		PERFORM till.fail(5089, format('Change tracking is disabled for database ''%s''. Change tracking must be enabled on a database to modify change tracking settings.', current_database()));
	ELSIF what = 'OFF' AND EXISTS (SELECT FROM till.tracking_tables JOIN pg_class ON oid = relation) THEN
		PERFORM till.fail(22115, format('Change tracking is enabled for one or more tables in database ''%s''. Disable change tracking on each table before disabling it for the database. Use the sys.change_tracking_tables catalog view to obtain a list of tables for which change tracking is enabled.', current_database()));
	END IF;
	IF what = 'OFF' THEN
		DELETE FROM till.tracking_database;
	ELSIF is_on THEN
		UPDATE till.tracking_database SET auto_cleanup = coalesce(cleanup, auto_cleanup), retention = coalesce(period, retention), units = coalesce(unit, units);
	ELSE
		INSERT INTO till.tracking_database VALUES (coalesce(cleanup, true), coalesce(period, 2), coalesce(unit, 3));
	END IF;
END $$;

-- What a restore brings back: the tracking of the backup, which knows nothing that came later.
CREATE FUNCTION till.rewind_tracking(to_version bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM till.tracking_changes c USING till.tracking_commits k WHERE k.xid = c.xid AND k.version > to_version;
	DELETE FROM till.tracking_commits WHERE version > to_version;
	UPDATE till.tracking_tables SET begin_version = least(begin_version, to_version);
	PERFORM setval('till.tracking_version', greatest(to_version, 1), to_version > 0);
	EXECUTE format('ALTER DATABASE %I SET till.fork = %L', current_database(), clock_timestamp()); -- see sys.database_recovery_status
END $$;

-- ---- what is asked ----
-- Up to here changes are forgotten. SQL Server cleans up now and then; here they are gone when their time is over.
CREATE FUNCTION till.tracking_cleanup_version() RETURNS bigint
LANGUAGE sql STABLE
AS $$ SELECT coalesce((SELECT max(k.version) FROM till.tracking_database d JOIN till.tracking_commits k
		ON d.auto_cleanup AND k.at < till.instant() - d.retention * CASE d.units WHEN 1 THEN interval '1 minute' WHEN 2 THEN interval '1 hour' ELSE interval '1 day' END), 0) $$;

CREATE FUNCTION till.may_view_tracking(table_oid oid) RETURNS boolean
LANGUAGE sql STABLE
AS $$ SELECT till.is_admin() OR EXISTS (SELECT FROM till.permissions p WHERE p.role COLLATE "C" = current_user::text AND p.object = table_oid
		AND p.permission COLLATE "C" = 'VIEW CHANGE TRACKING' AND p.column_name COLLATE "C" = '' AND p.state COLLATE "C" = 'GRANT') $$;

CREATE FUNCTION till.change_tracking_current_version() RETURNS bigint LANGUAGE sql STABLE
AS 'SELECT till.tracking_last_version() WHERE till.tracking_is_on()';
CREATE FUNCTION till.change_tracking_min_valid_version(id integer) RETURNS bigint LANGUAGE sql STABLE
AS 'SELECT greatest(begin_version, till.tracking_cleanup_version()) FROM till.tracking_tables WHERE relation = id::oid AND till.may_view_tracking(relation)';

-- One row a key, as it is seen from the baseline: new since then, gone, or changed.
CREATE FUNCTION till.changetable(table_oid oid, written text, since bigint) RETURNS TABLE (version bigint, creation_version bigint, operation text, key text[])
LANGUAGE plpgsql STABLE AS $$
DECLARE
	tracked bigint := (SELECT begin_version FROM till.tracking_tables WHERE relation = table_oid);
BEGIN
	IF tracked IS NULL THEN
		PERFORM till.fail(22105, format('Change tracking is not enabled on table ''%s''.', written));
	ELSIF NOT till.may_view_tracking(table_oid) OR NOT has_any_column_privilege(table_oid, 'SELECT') THEN
		PERFORM till.fail(229, format('The %s permission was denied on the object ''%s'', database ''%s'', schema ''%s''.',
				CASE WHEN till.may_view_tracking(table_oid) THEN 'SELECT' ELSE 'VIEW CHANGE TRACKING' END, c.relname, current_database(), c.relnamespace::regnamespace))
		FROM pg_class c WHERE c.oid = table_oid;
	END IF;
	RETURN QUERY
	SELECT max(k.version), max(k.version) FILTER (WHERE c.operation = 'I'),
		CASE WHEN (array_agg(c.operation ORDER BY k.version DESC, c.number DESC))[1] = 'D' THEN 'D'
			WHEN (array_agg(c.operation ORDER BY k.version, c.number))[1] = 'I' THEN 'I' ELSE 'U' END, c.key
	FROM till.tracking_changes c JOIN till.tracking_commits k USING (xid)
	WHERE c.relation = table_oid AND k.version > greatest(since, till.tracking_cleanup_version())
	GROUP BY c.key;
END $$;

CREATE VIEW sys.change_tracking_databases AS
SELECT till.db_id() AS database_id, auto_cleanup::integer::smallint AS is_auto_cleanup_on, retention AS retention_period, units AS retention_period_units,
	CASE units WHEN 1 THEN 'MINUTES' WHEN 2 THEN 'HOURS' ELSE 'DAYS' END AS retention_period_units_desc
FROM till.tracking_database;
COMMENT ON COLUMN sys.change_tracking_databases.is_auto_cleanup_on IS 'bit';
COMMENT ON COLUMN sys.change_tracking_databases.retention_period_units IS 'tinyint';
CREATE VIEW sys.change_tracking_tables AS
SELECT t.object_id, 0::smallint AS is_track_columns_updated_on, greatest(k.begin_version, till.tracking_cleanup_version()) AS min_valid_version, k.begin_version,
	till.tracking_cleanup_version() AS cleanup_version
FROM till.tracking_tables k JOIN sys.tables t ON t.object_id = k.relation::integer;
COMMENT ON COLUMN sys.change_tracking_tables.is_track_columns_updated_on IS 'bit';

GRANT SELECT ON till.tracking_database, till.tracking_tables, till.tracking_commits, till.tracking_changes, sys.change_tracking_databases, sys.change_tracking_tables TO PUBLIC;
