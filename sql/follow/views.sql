-- views.sql: how each copy stands.

CREATE VIEW sambapos.followed AS
SELECT f.name, f.server, f.feed, f.scope, f.target_schema, f.entities, f.role_name AS role, s.version, s.incarnation, s.last_success_at,
       s.last_full_at, s.failures, s.next_at,
       CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = f.role_name) THEN s.problem
            ELSE format('role "%s" is not there, so nobody pulls: call sambapos_unfollow and sambapos_follow', f.role_name) END AS problem, f.added_at
FROM sambapos.follow AS f JOIN sambapos.follow_state AS s USING (follow_id);
COMMENT ON VIEW sambapos.followed IS 'Which feeds of other databases are copied here, and how far each copy has come';
COMMENT ON COLUMN sambapos.followed.name IS 'What it is called here';
COMMENT ON COLUMN sambapos.followed.server IS 'The foreign server of the other database';
COMMENT ON COLUMN sambapos.followed.feed IS 'The feed there';
COMMENT ON COLUMN sambapos.followed.scope IS 'Whose rows are copied, beside everybody''s; NULL: all';
COMMENT ON COLUMN sambapos.followed.target_schema IS 'The schema of the tables';
COMMENT ON COLUMN sambapos.followed.entities IS 'What is copied; NULL: all entities';
COMMENT ON COLUMN sambapos.followed.role IS 'The role that follows, and alone pulls';
COMMENT ON COLUMN sambapos.followed.version IS 'The version of the feed that the copy has; NULL: no pull was through yet';
COMMENT ON COLUMN sambapos.followed.incarnation IS 'The life of the feed that has given the version';
COMMENT ON COLUMN sambapos.followed.last_success_at IS 'When a pull was last through; NULL: never';
COMMENT ON COLUMN sambapos.followed.last_full_at IS 'When all entities were last taken in full; NULL: never';
COMMENT ON COLUMN sambapos.followed.failures IS 'How many pulls have failed since';
COMMENT ON COLUMN sambapos.followed.next_at IS 'Before which time a pull of all leaves this one out';
COMMENT ON COLUMN sambapos.followed.problem IS 'What the last pull has met, or what is paused at the source; NULL: nothing';
COMMENT ON COLUMN sambapos.followed.added_at IS 'Since when it is followed';

CREATE VIEW sambapos._follow_trouble AS
SELECT f.name, f.last_success_at AS since,
       CASE WHEN f.failures = 0 AND f.problem IS NOT NULL THEN format('copy "%s": %s', f.name, f.problem)
            ELSE format('copy "%s" was brought up to its feed %s%s', f.name,
                        coalesce('last at ' || to_char(f.last_success_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC', 'never yet'),
                        coalesce(': ' || f.problem, '; nobody has tried since')) END AS words
FROM sambapos.followed AS f
WHERE coalesce(f.last_success_at, f.added_at) < statement_timestamp() - interval '5 minutes' OR f.failures = 0 AND f.problem IS NOT NULL;
COMMENT ON VIEW sambapos._follow_trouble IS 'What is wrong with each copy: it is old, or something is paused at its source';
