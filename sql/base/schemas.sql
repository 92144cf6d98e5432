-- schemas.sql: the two schemas that belong to the extension. (The third, sambapos_replica, is made by
-- sambapos_add_site and is no member, so that no DROP EXTENSION reaches history.)

CREATE SCHEMA sambapos;
COMMENT ON SCHEMA sambapos IS 'sambapos_fdw: settings, state and internal functions';

CREATE SCHEMA sambapos_report;
COMMENT ON SCHEMA sambapos_report IS 'sambapos_fdw: reports over the replica';
GRANT USAGE ON SCHEMA sambapos_report TO PUBLIC;
