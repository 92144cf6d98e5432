-- views.sql: what feeds there are and what is on them.

CREATE VIEW sambapos.feeds AS
SELECT f.name AS feed, s.version, s.min_version, sambapos._feed_incarnation(s) AS incarnation, s.ticked_at,
       (SELECT count(*) FROM sambapos.feed_entity AS e WHERE e.feed_id = f.feed_id) AS entities,
       (SELECT count(*) FROM sambapos.change AS c WHERE c.feed_id = f.feed_id) AS changes,
       (SELECT count(*) FROM sambapos.change AS c WHERE c.feed_id = f.feed_id AND c.version IS NULL) AS waiting,
       f.retention, f.max_delta, f.max_version_gap, s.problem
FROM sambapos.change_feed AS f JOIN sambapos.feed_state AS s USING (feed_id);
COMMENT ON VIEW sambapos.feeds IS 'The change feeds: how far each has come, and its settings';
COMMENT ON COLUMN sambapos.feeds.version IS 'The version given out last';
COMMENT ON COLUMN sambapos.feeds.min_version IS 'A client at a lower version has to take everything anew';
COMMENT ON COLUMN sambapos.feeds.incarnation IS 'Which life of the feed; versions of another one mean other changes';
COMMENT ON COLUMN sambapos.feeds.changes IS 'How many changes are kept';
COMMENT ON COLUMN sambapos.feeds.problem IS 'The error that the last tick raised: nothing gets a version; NULL: none';
COMMENT ON COLUMN sambapos.feeds.waiting IS 'How many of them have no version yet';

CREATE VIEW sambapos.entities AS
SELECT f.name AS feed, e.entity, format('%I.%I', e.schema_name, e.relation_name) AS relation, e.key, e.scope, e.columns,
       e.lazy, e.capture, e.payload_key, e.added_at, e.preset, e.tier, e.priority, e.tables,
       coalesce(sambapos._feed_problem(e), e.problem) AS problem
FROM sambapos.feed_entity AS e JOIN sambapos.change_feed AS f USING (feed_id);
COMMENT ON VIEW sambapos.entities IS 'Which relations are on which feed, and what of them is sent';
COMMENT ON COLUMN sambapos.entities.problem IS 'Why nothing is told of it: it is paused; NULL: it is not';
COMMENT ON COLUMN sambapos.entities.relation IS 'The table or view; of an entity that a preset computes the first of its tables';

CREATE VIEW sambapos.config_versions AS
SELECT c.change_id AS id, c.scope AS property_id, c.version, c.entity AS entity_type,
       CASE WHEN (SELECT count(*) FROM jsonb_object_keys(c.key)) = 1
            THEN (SELECT v.value FROM jsonb_each(c.key) AS v) ELSE c.key END AS entity_id,
       c.operation, c.changed_columns, c.changed_at, c.changed_by, f.name AS feed
FROM sambapos.change AS c JOIN sambapos.change_feed AS f USING (feed_id);
COMMENT ON VIEW sambapos.config_versions IS
  'The log of changes under the names of a table of configuration versions; the values are in the tables';
