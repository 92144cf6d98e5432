-- site_home.sql: the database that the scheduled runs of each site belong to. A copy of it, a restored dump, says the
-- same and is another one: there they are paused until somebody says that they go on (operate/resume.sql).
--
-- Rules:
-- * What a database is, is asked of PostgreSQL each time; what it was is a row that every dump has. Nothing has to
--   notice a restore, and no code that pauses can come too late.
-- * The number of the database is compared, not its name: who renames a database has copied nothing.
-- * A base backup, or a disk snapshot, is the same in all of this. Of one that was promoted the timeline is another
--   one; so it is after a failover, which must not stop the sync: the doctor says so, and nothing is paused.

CREATE TABLE sambapos.site_home (
  site_id           integer PRIMARY KEY,
  system_identifier bigint,
  database_number   bigint NOT NULL,
  database_name     text NOT NULL,
  timeline          bigint,
  noted_at          timestamptz NOT NULL DEFAULT now()
);
SELECT pg_catalog.pg_extension_config_dump('sambapos.site_home', '');
COMMENT ON TABLE sambapos.site_home IS
  'In which database the scheduled runs of each site may start: where it was added, or sambapos_resume was called '
  'last. Elsewhere they are paused';
COMMENT ON COLUMN sambapos.site_home.system_identifier IS
  'pg_control_system()''s, which each cluster has its own of; NULL: the role might not ask';
COMMENT ON COLUMN sambapos.site_home.database_number IS 'oid in pg_database: a rename keeps it, a restore does not';
COMMENT ON COLUMN sambapos.site_home.database_name IS 'What it was called then, for people';
COMMENT ON COLUMN sambapos.site_home.timeline IS
  'The server''s timeline then; another one after it was promoted. NULL: the role might not ask';
COMMENT ON COLUMN sambapos.site_home.noted_at IS 'When this was written';

-- Everybody may call these functions, unless that was taken from PUBLIC. A standby has no present position.
CREATE FUNCTION sambapos._home(OUT system_identifier bigint, OUT database_number bigint, OUT database_name text,
                               OUT timeline bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  SELECT d.oid::bigint, d.datname INTO database_number, database_name
  FROM pg_database AS d WHERE d.datname = current_database();
  IF has_function_privilege('pg_control_system()', 'EXECUTE') THEN
    system_identifier := (SELECT c.system_identifier FROM pg_control_system() AS c);
  END IF;
  IF NOT pg_is_in_recovery() AND has_function_privilege('pg_current_wal_lsn()', 'EXECUTE')
     AND has_function_privilege('pg_walfile_name(pg_lsn)', 'EXECUTE') THEN
    timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint;
  END IF;
END;
$$;
COMMENT ON FUNCTION sambapos._home() IS
  'What this database is: the server''s system identifier and timeline (NULL: the role may not ask), its number, its '
  'name';

CREATE FUNCTION sambapos._home_note(site_id integer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS
$$
  INSERT INTO sambapos.site_home (site_id, system_identifier, database_number, database_name, timeline)
  SELECT _home_note.site_id, h.* FROM sambapos._home() AS h
  ON CONFLICT ON CONSTRAINT site_home_pkey DO UPDATE
    SET system_identifier = excluded.system_identifier, database_number = excluded.database_number,
        database_name = excluded.database_name, timeline = excluded.timeline, noted_at = excluded.noted_at;
$$;
COMMENT ON FUNCTION sambapos._home_note(integer) IS
  'From now on the scheduled runs of a site belong to this database';

-- What one of the two is not known of does not tell them apart.
CREATE VIEW sambapos._copied AS
SELECT k.site_id, concat('its scheduled runs belong to ', CASE WHEN k.is_elsewhere THEN
         format('another server''s database "%s" (system identifier %s)', k.database_name, k.system_identifier)
         ELSE format('another database of this server, which was called "%s"', k.database_name) END,
         '; this one was restored, copied or upgraded from it') AS reason
FROM (SELECT s.site_id, s.database_name, s.system_identifier, s.system_identifier <> h.system_identifier AS is_elsewhere
      FROM sambapos.site_home AS s CROSS JOIN (SELECT * FROM sambapos._home() OFFSET 0) AS h -- asked once
      WHERE s.system_identifier <> h.system_identifier OR s.database_number <> h.database_number) AS k;
COMMENT ON VIEW sambapos._copied IS
  'The sites whose scheduled runs belong to another database than this one, and which one, in words';

CREATE FUNCTION sambapos._copied_reason(site_id integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN (SELECT c.reason FROM sambapos._copied AS c WHERE c.site_id = _copied_reason.site_id);
END;
$$;
COMMENT ON FUNCTION sambapos._copied_reason(integer) IS
  'Why the scheduled runs of a site are paused in this database, which is a copy; NULL: it is none';
