-- views.sql: how hosts stand, and what they and others have both changed.

CREATE VIEW sambapos.host_status AS
SELECT h.name AS host, f.light, s.last_seen_at, greatest(f.version - coalesce(s.have_version, 0), 0) AS behind, s.pending_transactions, s.mode,
       s.have_version AS version, f.missed, f.feed, h.scope
FROM sambapos.feed_host AS h
LEFT JOIN sambapos.host_state AS s USING (host_id)
CROSS JOIN LATERAL sambapos._host_facts(h.host_id) AS f;
COMMENT ON VIEW sambapos.host_status IS 'How each host stands, by its last heartbeat';
COMMENT ON COLUMN sambapos.host_status.host IS 'The host';
COMMENT ON COLUMN sambapos.host_status.light IS
  'green; amber: it has missed two heartbeats; red: five or more, which is an alert. Before the first one the time since it was added counts';
COMMENT ON COLUMN sambapos.host_status.last_seen_at IS 'When its last heartbeat came, by the clock of this server; NULL: none came';
COMMENT ON COLUMN sambapos.host_status.behind IS 'How many versions the feed is ahead of it';
COMMENT ON COLUMN sambapos.host_status.pending_transactions IS 'How many transactions wait there to be sent, as it said last; NULL: it did not say';
COMMENT ON COLUMN sambapos.host_status.mode IS 'The mode that it works in, as it said last; NULL: it did not say';
COMMENT ON COLUMN sambapos.host_status.version IS 'The version that it has; NULL: none';
COMMENT ON COLUMN sambapos.host_status.missed IS 'How many heartbeats it has missed';
COMMENT ON COLUMN sambapos.host_status.feed IS 'The feed that it has a copy of';
COMMENT ON COLUMN sambapos.host_status.scope IS 'Whose rows it has; NULL: all';

CREATE VIEW sambapos.host_bindings AS
SELECT h.name AS host, f.feed, h.scope, h.role_name AS role,
       EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = h.role_name) AS role_exists, h.added_by, h.added_at
FROM sambapos.feed_host AS h CROSS JOIN LATERAL sambapos._host_facts(h.host_id) AS f;
COMMENT ON VIEW sambapos.host_bindings IS 'Which host has which rows of which feed, and which role it logs in as';
COMMENT ON COLUMN sambapos.host_bindings.host IS 'The host';
COMMENT ON COLUMN sambapos.host_bindings.feed IS 'The feed that it has a copy of';
COMMENT ON COLUMN sambapos.host_bindings.scope IS 'Whose rows it has, beside those that are everybody''s; NULL: all';
COMMENT ON COLUMN sambapos.host_bindings.role IS 'The role that it logs in as; NULL: none of its own';
COMMENT ON COLUMN sambapos.host_bindings.role_exists IS 'False: it has none, or the role was dropped or renamed, or this is another server';
COMMENT ON COLUMN sambapos.host_bindings.added_by IS 'The role that has added it';
COMMENT ON COLUMN sambapos.host_bindings.added_at IS 'When it was added';

CREATE VIEW sambapos.host_metrics AS
SELECT h.name AS host, m.beat_at, m.metrics FROM sambapos.host_beat AS m JOIN sambapos.feed_host AS h USING (host_id);
COMMENT ON VIEW sambapos.host_metrics IS 'The metrics of the last 120 heartbeats of each host';
COMMENT ON COLUMN sambapos.host_metrics.host IS 'The host';
COMMENT ON COLUMN sambapos.host_metrics.beat_at IS 'When they came';
COMMENT ON COLUMN sambapos.host_metrics.metrics IS 'What the host has sent';

CREATE VIEW sambapos.conflicts AS
SELECT c.host_name AS host, c.entity, c.key, c.winner, c.policy, c.host_row, c.cloud_row, c.base, c.batch, c.row_number, c.found_at, c.conflict_id
FROM sambapos.conflict AS c;
COMMENT ON VIEW sambapos.conflicts IS
  'Rows that a host and somebody else have changed both, with both versions; for who may read the table, level admin, and the host';
COMMENT ON COLUMN sambapos.conflicts.host IS 'The host';
COMMENT ON COLUMN sambapos.conflicts.entity IS 'The entity of its feed';
COMMENT ON COLUMN sambapos.conflicts.key IS 'The key of the row';
COMMENT ON COLUMN sambapos.conflicts.winner IS 'cloud or host: whose version was kept';
COMMENT ON COLUMN sambapos.conflicts.policy IS 'The policy by which it was';
COMMENT ON COLUMN sambapos.conflicts.host_row IS 'What the host has sent; NULL: it has deleted the row';
COMMENT ON COLUMN sambapos.conflicts.cloud_row IS 'What was here; NULL: it was deleted here, or moved to another scope';
COMMENT ON COLUMN sambapos.conflicts.base IS 'The version that the host had; NULL: not known';
COMMENT ON COLUMN sambapos.conflicts.batch IS 'The batch that it came with';
COMMENT ON COLUMN sambapos.conflicts.row_number IS 'Which row of it';
COMMENT ON COLUMN sambapos.conflicts.found_at IS 'When it came';
COMMENT ON COLUMN sambapos.conflicts.conflict_id IS 'The number of the conflict';
