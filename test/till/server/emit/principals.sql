-- Logins, users and what they may do. A login is a role of the cluster, a user a row of till.users; a session of a login
-- that is not the till's own runs as that role. What GRANT and DENY said is kept in till.permissions; PostgreSQL's own
-- privileges are made from it, so that PostgreSQL refuses.

CREATE TABLE till.users (user_id integer GENERATED ALWAYS AS IDENTITY (START WITH 5) PRIMARY KEY, name text NOT NULL, login text NOT NULL, sid bytea NOT NULL);
CREATE TABLE till.permissions (role text, object oid, column_name text, permission text, state text,
	PRIMARY KEY (role, object, permission, column_name)); -- column_name '': the object as a whole

CREATE FUNCTION till.role_of(login text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'login:' || lower(login);
CREATE FUNCTION till.sid_of(login text) RETURNS bytea LANGUAGE sql STABLE
AS $$ SELECT decode(lpad(to_hex(oid::integer), 8, '0'), 'hex') FROM pg_roles WHERE rolname = till.role_of(login) $$;
CREATE FUNCTION till.is_admin() RETURNS boolean LANGUAGE sql STABLE
AS 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user';

CREATE FUNCTION till.create_login(name text, password text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = till.role_of(name)) THEN
		RAISE 'The server principal ''%'' already exists.', name USING ERRCODE = 'U5025';
	ELSIF length(password) < 8 THEN
		RAISE 'Password validation failed. The password does not meet Windows policy requirements because it is too short.' USING ERRCODE = 'U5116';
	END IF;
	EXECUTE format('CREATE ROLE %I', till.role_of(name));
	EXECUTE format('COMMENT ON ROLE %I IS %L', till.role_of(name), password);
END $$;

CREATE FUNCTION till.drop_login(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = till.role_of(name)) THEN
		RAISE 'Cannot drop the login ''%'', because it does not exist or you do not have permission.', name USING ERRCODE = 'U5151';
	END IF;
	EXECUTE format('DROP OWNED BY %I', till.role_of(name));
	EXECUTE format('DROP ROLE %I', till.role_of(name));
END $$;

CREATE FUNCTION till.create_user(user_name text, login_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = till.role_of(login_name)) THEN
		RAISE '''%'' is not a valid login or you do not have permission.', login_name USING ERRCODE = 'U5007';
	ELSIF EXISTS (SELECT FROM till.users WHERE lower(name) = lower(user_name)) THEN
		RAISE 'User, group, or role ''%'' already exists in the current database.', user_name USING ERRCODE = 'U5023';
	END IF;
	INSERT INTO till.users (name, login, sid) VALUES (user_name, lower(login_name), till.sid_of(login_name));
END $$;

-- A user keeps the number of its login: a login that was dropped and made again under the same name is another one.
CREATE FUNCTION till.tie_user(user_name text, login_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	IF till.sid_of(login_name) IS NULL THEN
		RAISE '''%'' is not a valid login or you do not have permission.', login_name USING ERRCODE = 'U5007';
	END IF;
	UPDATE till.users SET login = lower(login_name), sid = till.sid_of(login_name) WHERE lower(name) = lower(user_name);
	PERFORM till.apply_permission(till.role_of(login_name), p.object::regclass, p.permission)
	FROM (SELECT DISTINCT object, permission FROM till.permissions WHERE role = till.role_of(login_name)
			AND permission IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')) p;
END $$;

-- the role of a user; error 15151 where there is none
CREATE FUNCTION till.role_of_user(user_name text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	role text := (SELECT till.role_of(login) FROM till.users WHERE lower(name) = lower(user_name));
BEGIN
	IF role IS NULL THEN
		RAISE 'Cannot find the user ''%'', because it does not exist or you do not have permission.', user_name USING ERRCODE = 'U5151';
	END IF;
	RETURN role;
END $$;

CREATE FUNCTION till.drop_user(user_name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	user_role text := till.role_of_user(user_name);
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = user_role) THEN
		EXECUTE format('DROP OWNED BY %I', user_role);
	END IF;
	DELETE FROM till.permissions WHERE role = user_role;
	DELETE FROM till.users WHERE lower(name) = lower(user_name);
END $$;

-- Of a denied column the rest of the table is granted; a column that was granted stays so under a denied table.
CREATE FUNCTION till.apply_permission(user_role text, relation regclass, what text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	whole text := (SELECT state FROM till.permissions WHERE (role, object, permission, column_name) = (user_role, relation::oid, what, ''));
	denied text[] := ARRAY(SELECT column_name FROM till.permissions WHERE (role, object, permission, state) = (user_role, relation::oid, what, 'DENY'));
	granted text[] := ARRAY(SELECT column_name FROM till.permissions WHERE (role, object, permission, state) = (user_role, relation::oid, what, 'GRANT'));
	columns text;
BEGIN
	EXECUTE format('REVOKE %s ON %s FROM %I', what, relation, user_role);
	SELECT string_agg(quote_ident(attname), ', ') INTO columns FROM pg_attribute
	WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND CASE whole WHEN 'GRANT' THEN attname <> ALL (denied) ELSE attname = ANY (granted) END;
	IF whole = 'GRANT' AND denied = '{}' THEN
		EXECUTE format('GRANT %s ON %s TO %I', what, relation, user_role);
	ELSIF columns IS NOT NULL AND what <> 'DELETE' THEN
		EXECUTE format('GRANT %s (%s) ON %s TO %I', what, columns, relation, user_role);
	END IF;
END $$;

-- verb: GRANT, DENY, REVOKE. A GRANT on the whole forgets what was said of columns, a DENY among it.
CREATE FUNCTION till.set_permission(verb text, what text, relation regclass, columns text[], user_name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	user_role text := till.role_of_user(user_name);
BEGIN
	DELETE FROM till.permissions WHERE (role, object, permission) = (user_role, relation::oid, what)
		AND (column_name = ANY (columns) OR (columns = '{""}' AND verb <> 'DENY'));
	IF verb <> 'REVOKE' THEN
		INSERT INTO till.permissions SELECT user_role, relation, c, what, verb FROM unnest(columns) c;
	END IF;
	IF what IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') THEN
		PERFORM till.apply_permission(user_role, relation, what);
	END IF;
END $$;

-- ---- what is told of it ----
-- which login is who: the till's own is 1
CREATE FUNCTION till.suser_id(name text, own text) RETURNS integer LANGUAGE sql STABLE
AS $$ SELECT CASE WHEN lower(name) = lower(own) THEN 1 ELSE (SELECT oid::integer FROM pg_roles WHERE rolname = till.role_of($1)) END $$;
CREATE FUNCTION till.user_id(name text) RETURNS integer LANGUAGE sql STABLE
AS $$ SELECT CASE WHEN lower($1) = 'dbo' THEN 1 ELSE (SELECT user_id FROM till.users u WHERE lower(u.name) = lower($1)) END $$;

CREATE VIEW sys.database_principals AS
SELECT 'dbo'::text AS name, 1 AS principal_id, 'S'::text AS type, '\x01'::bytea AS sid UNION ALL SELECT name, user_id, 'S', sid FROM till.users;
COMMENT ON COLUMN sys.database_principals.sid IS 'varbinary(85)';
CREATE VIEW sys.server_principals AS
SELECT substr(rolname, 7)::text AS name, oid::integer AS principal_id, 'S'::text AS type, till.sid_of(substr(rolname, 7)) AS sid
FROM pg_roles WHERE rolname LIKE 'login:%';
COMMENT ON COLUMN sys.server_principals.sid IS 'varbinary(85)';

-- ---- extended properties: of the database (class 0), a table (1), a user (4), an index (7) ----
CREATE TABLE till.extended_properties (class smallint, major_id integer, minor_id integer, name text, value text, PRIMARY KEY (class, major_id, minor_id, name));
CREATE VIEW sys.extended_properties AS SELECT class, major_id, minor_id, name, value FROM till.extended_properties
WHERE CASE class WHEN 0 THEN true WHEN 4 THEN major_id IN (SELECT user_id FROM till.users)
	WHEN 7 THEN EXISTS (SELECT FROM sys.indexes i WHERE (i.object_id, i.index_id) = (major_id, minor_id))
	ELSE EXISTS (SELECT FROM pg_class WHERE oid = major_id::oid) END;
COMMENT ON COLUMN sys.extended_properties.class IS 'tinyint';

CREATE FUNCTION till.property_owner(type0 text, name0 text, type1 text, name1 text, type2 text, name2 text, OUT class smallint, OUT major_id integer, OUT minor_id integer)
LANGUAGE plpgsql STABLE AS $$
BEGIN
	class := CASE concat_ws(' ', upper(type0), upper(type1), upper(type2)) WHEN '' THEN 0 WHEN 'USER' THEN 4 WHEN 'SCHEMA TABLE' THEN 1 WHEN 'SCHEMA TABLE INDEX' THEN 7 END;
	major_id := CASE class WHEN 0 THEN 0 WHEN 4 THEN till.user_id(name0) ELSE till.object_id(till.quotename(name0) || '.' || till.quotename(name1)) END;
	minor_id := CASE class WHEN 7 THEN (SELECT i.index_id FROM sys.indexes i WHERE i.object_id = property_owner.major_id AND lower(i.name) = lower(name2)) ELSE 0 END;
	IF class IS NULL OR major_id IS NULL OR minor_id IS NULL THEN
		RAISE 'Object is invalid. Extended properties are not permitted on ''%'', or the object does not exist.', concat_ws('.', name0, name1, name2) USING ERRCODE = 'U5135';
	END IF;
END $$;
CREATE FUNCTION till.add_extended_property(name text, value text, type0 text, name0 text, type1 text, name1 text, type2 text, name2 text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO till.extended_properties SELECT o.*, $1, $2 FROM till.property_owner(type0, name0, type1, name1, type2, name2) o;
EXCEPTION WHEN unique_violation THEN
	RAISE 'Property cannot be added. Property ''%'' already exists for ''%''.', name, concat_ws('.', name0, name1, name2) USING ERRCODE = 'U5233';
END $$;
CREATE FUNCTION till.drop_extended_property(name text, type0 text, name0 text, type1 text, name1 text, type2 text, name2 text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM till.extended_properties e USING till.property_owner(type0, name0, type1, name1, type2, name2) o
	WHERE (e.class, e.major_id, e.minor_id, lower(e.name)) = (o.class, o.major_id, o.minor_id, lower($1));
	IF NOT FOUND THEN
		RAISE 'Property cannot be updated or deleted. Property ''%'' does not exist for ''%''.', name, concat_ws('.', name0, name1, name2) USING ERRCODE = 'U5217';
	END IF;
END $$;

-- object_id() of a table as its catalog has it, found by its exact name first: whole catalogs are asked for
CREATE FUNCTION till.securable_id(securable text) RETURNS integer
LANGUAGE plpgsql STABLE AS $$
DECLARE
	parts text[] COLLATE "C" := till.split_name(securable COLLATE "C");
	exact oid := to_regclass(format('%I.%I', parts[array_length(parts, 1) - 1], parts[array_length(parts, 1)]))::oid;
BEGIN
	IF exact IS NOT NULL AND (has_table_privilege(exact, 'SELECT, INSERT, UPDATE, DELETE') OR has_any_column_privilege(exact, 'SELECT, INSERT, UPDATE')) THEN
		RETURN exact::integer;
	END IF;
	RETURN till.object_id(securable);
END $$;

-- The till's own login may do everything. NULL: no such object, or none to be seen.
CREATE FUNCTION till.has_perms_by_name(securable text, class text, permission text, part text DEFAULT NULL, part_class text DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql STABLE AS $$
DECLARE
	kind text COLLATE "C" := lower(class COLLATE "C");
	what text COLLATE "C" := upper(permission COLLATE "C");
	id integer := CASE kind WHEN 'object' THEN till.securable_id(securable) END;
	n integer;
BEGIN
	IF kind = 'object' AND id IS NULL THEN
		RETURN NULL;
	ELSIF till.is_admin() THEN
		RETURN 1;
	ELSIF id IS NULL THEN
		RETURN (what = 'CONNECT')::integer;
	ELSIF part IS NULL THEN
		RETURN EXISTS (SELECT FROM till.permissions p WHERE p.role COLLATE "C" = current_user::text AND p.object = id::oid
			AND p.permission COLLATE "C" = what AND p.column_name COLLATE "C" = '' AND p.state COLLATE "C" = 'GRANT')::integer;
	ELSIF what NOT IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') THEN
		RETURN NULL;
	END IF;
	SELECT c.number INTO n FROM till.columns c WHERE c.relation = id::oid AND lower(c.name COLLATE "C") = lower(part COLLATE "C");
	RETURN has_column_privilege(id::oid, n::smallint, what)::integer;
END $$;
CREATE FUNCTION till.is_member(role text) RETURNS integer LANGUAGE sql STABLE
AS $$ SELECT CASE WHEN till.is_admin() OR lower(role COLLATE "C") = 'public' THEN 1 ELSE 0 END $$;

-- ---- what every login may look at ----
GRANT USAGE ON SCHEMA till, sys, "INFORMATION_SCHEMA", dbo TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA till, sys, "INFORMATION_SCHEMA" TO PUBLIC;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA till TO PUBLIC;
