-- Schema till, continued: rowversion, identity, and what DDL leaves behind.

-- ---- rowversion ----
CREATE SEQUENCE till.rowversion START WITH 2001;

CREATE FUNCTION till.next_rowversion() RETURNS bytea
LANGUAGE sql VOLATILE
RETURN int8send(nextval('till.rowversion'));

CREATE FUNCTION till.database_rowversion() RETURNS bytea
LANGUAGE sql VOLATILE
AS 'SELECT int8send(CASE WHEN is_called THEN last_value ELSE last_value - 1 END) FROM till.rowversion';

CREATE FUNCTION till.min_active_rowversion() RETURNS bytea
LANGUAGE sql VOLATILE
AS 'SELECT int8send(CASE WHEN is_called THEN last_value + 1 ELSE last_value END) FROM till.rowversion';

CREATE FUNCTION till.stamp_rowversion() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], till.next_rowversion()));
END $$;

-- ---- identity ----
CREATE FUNCTION till.identity_sequence(relation regclass) RETURNS regclass
LANGUAGE sql STABLE STRICT
AS $$ SELECT pg_get_serial_sequence(relation::text, a.attname)::regclass FROM pg_attribute a WHERE a.attrelid = relation AND a.attidentity <> '' $$;

-- after explicit values: the sequence follows the largest
CREATE FUNCTION till.identity_inserted(relation regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	seq regclass := till.identity_sequence(relation);
	largest bigint;
	current bigint;
	called boolean;
BEGIN
	EXECUTE format('SELECT max(%I) FROM %s', (SELECT attname FROM pg_attribute WHERE attrelid = relation AND attidentity <> ''), relation) INTO largest;
	EXECUTE format('SELECT last_value, is_called FROM %s', seq) INTO current, called;
	IF largest IS NOT NULL AND (largest > current OR NOT called) THEN
		PERFORM setval(seq, greatest(largest, CASE WHEN called THEN current ELSE largest END));
	END IF;
END $$;

CREATE FUNCTION till.last_identity(relation regclass) RETURNS bigint
LANGUAGE sql VOLATILE
AS 'SELECT currval(till.identity_sequence(relation))';

-- before the first row the next value is the new one itself, afterwards the one behind it
CREATE FUNCTION till.reseed(relation regclass, value bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	seq regclass := till.identity_sequence(relation);
	called boolean;
BEGIN
	EXECUTE format('SELECT is_called FROM %s', seq) INTO called;
	PERFORM setval(seq, value, called);
END $$;

-- ---- definitions ----
CREATE TABLE till.defaults (relation oid NOT NULL, column_name text NOT NULL, name text NOT NULL, definition text NOT NULL);

CREATE FUNCTION till.drop_column(relation regclass, column_name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	dependent text;
BEGIN
	SELECT d.name INTO dependent FROM till.defaults d WHERE d.relation = drop_column.relation AND d.column_name = drop_column.column_name;
	IF dependent IS NULL THEN
		SELECT coalesce(obj_description(i.indexrelid, 'pg_class'), i.indexrelid::regclass::text) INTO dependent
		FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = drop_column.column_name
		WHERE i.indrelid = relation AND a.attnum = ANY (i.indkey::smallint[]);
	END IF;
	IF dependent IS NULL THEN
		SELECT coalesce(obj_description(k.oid, 'pg_constraint'), k.conname) INTO dependent
		FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attname = drop_column.column_name
		WHERE k.conrelid = relation AND a.attnum = ANY (k.conkey) AND k.contype <> 'n'; -- NOT NULL, since PostgreSQL 18
	END IF;
	IF dependent IS NOT NULL THEN
		PERFORM till.fail(5074, 'The object ''' || dependent || ''' is dependent on column ''' || column_name || '''.');
	END IF;
	EXECUTE format('ALTER TABLE %s DROP COLUMN %I', relation, column_name);
END $$;

CREATE FUNCTION till.drop_constraint(relation regclass, name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	SELECT d.column_name INTO found FROM till.defaults d WHERE d.relation = drop_constraint.relation AND lower(d.name) = lower(drop_constraint.name);
	IF found IS NOT NULL THEN
		EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', relation, found);
		DELETE FROM till.defaults d WHERE d.relation = drop_constraint.relation AND lower(d.name) = lower(drop_constraint.name);
		RETURN;
	END IF;
	SELECT k.conname INTO found FROM pg_constraint k WHERE k.conrelid = relation AND lower(obj_description(k.oid, 'pg_constraint')) = lower(name);
	IF found IS NULL THEN
		PERFORM till.fail(3728, '''' || name || ''' is not a constraint.');
	ELSIF EXISTS (SELECT FROM till.tracking_tables t JOIN pg_constraint k ON k.conrelid = t.relation WHERE t.relation = drop_constraint.relation AND k.conname = found AND k.contype = 'p') THEN
		PERFORM till.fail(3735, 'The primary key constraint ''' || name || ''' on table ''' || (SELECT c.relname FROM pg_class c WHERE c.oid = relation)
			|| ''' cannot be dropped because change tracking is enabled on the table. Change tracking requires a primary key constraint on the table. Disable change tracking before dropping the constraint.');
	END IF;
	EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', relation, found);
END $$;

CREATE FUNCTION till.drop_index(relation regclass, name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	found regclass;
BEGIN
	SELECT i.indexrelid INTO found FROM pg_index i WHERE i.indrelid = relation AND lower(obj_description(i.indexrelid, 'pg_class')) = lower(name);
	IF found IS NULL THEN
		PERFORM till.fail(3701, 'Cannot drop the index ''' || name || ''', because it does not exist or you do not have permission.');
	END IF;
	EXECUTE format('DROP INDEX %s', found);
END $$;

-- what sys.databases says of a database lives in its settings, which every database can see
CREATE FUNCTION till.describe_database(name text, collation_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER DATABASE %I SET till.create_date = %L', name, clock_timestamp()::timestamp(3)::text);
	EXECUTE format('ALTER DATABASE %I SET till.collation_name = %L', name, collation_name);
	EXECUTE format('ALTER DATABASE %I SET till.snapshot = %L', name, 'off');
	EXECUTE format('ALTER DATABASE %I SET till.row_versions = %L', name, 'off');
END $$;
