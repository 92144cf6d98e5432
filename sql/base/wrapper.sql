-- wrapper.sql: the foreign data wrapper and the functions written in C++.
--
-- A server is named by a text, not by a name: a function of somebody else's that takes text would be the better match
-- for a literal. Who may execute sambapos_query may also make foreign tables with option "query"
-- (src/fdw/options/query.cpp finds it by this signature).

CREATE FUNCTION @extschema@.sambapos_fdw_handler() RETURNS fdw_handler
LANGUAGE c STRICT AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.sambapos_fdw_handler() IS 'Handler of the foreign data wrapper sambapos_fdw';

CREATE FUNCTION @extschema@.sambapos_fdw_validator(options text[], catalog oid) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.sambapos_fdw_validator(text[], oid) IS
  'Checks the options of servers, user mappings, foreign tables and columns of sambapos_fdw';

CREATE FOREIGN DATA WRAPPER sambapos_fdw
  HANDLER @extschema@.sambapos_fdw_handler VALIDATOR @extschema@.sambapos_fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER sambapos_fdw IS 'Tables of SambaPOS (any Microsoft SQL Server database), read-only';

CREATE FUNCTION @extschema@.sambapos_fdw_version() RETURNS text
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.sambapos_fdw_version() IS
  'Version of the loaded library; the SQL side''s is in pg_extension';

CREATE FUNCTION @extschema@.sambapos_connections(
  OUT server_name  text,
  OUT user_name    text,
  OUT state        text,
  OUT isolation    text,
  OUT valid        boolean,
  OUT connected_at timestamptz
) RETURNS SETOF record
LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.sambapos_connections() IS
  'This backend''s connections: idle, in transaction, reading or lost; not valid: its options were changed, it is '
  'closed at the end of the transaction';

CREATE FUNCTION @extschema@.sambapos_disconnect(server text) RETURNS boolean
LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.sambapos_disconnect(text) IS
  'Closes this backend''s connections to a server, unless the current transaction has used them';

CREATE FUNCTION @extschema@.sambapos_pushdown(
  OUT kind      text,
  OUT signature text,
  OUT tsql      text,
  OUT pushed    boolean,
  OUT reason    text
) RETURNS SETOF record
LANGUAGE c STRICT IMMUTABLE PARALLEL SAFE ROWS 150 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.sambapos_pushdown() IS
  'What SQL Server is asked to compute, in which T-SQL, and why it is exact; what is not, and why not';

CREATE FUNCTION @extschema@.sambapos_query(server text, sql text) RETURNS SETOF record
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME';
COMMENT ON FUNCTION @extschema@.sambapos_query(text, text) IS
  'Runs T-SQL at a server, in the session and transaction of its foreign tables; the column definition list gives the '
  'types';
REVOKE ALL ON FUNCTION @extschema@.sambapos_query(text, text) FROM PUBLIC;

-- What the SQL parts ask a source with. They never call a function by its name in the extension's schema:
-- where others may create functions, an overload that fits the arguments better would be called.
CREATE FUNCTION sambapos._query(server text, sql text) RETURNS SETOF record
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', 'sambapos_query';
COMMENT ON FUNCTION sambapos._query(text, text) IS 'sambapos_query, for the SQL parts of the extension';
REVOKE ALL ON FUNCTION sambapos._query(text, text) FROM PUBLIC;

CREATE FUNCTION sambapos._connections(
  OUT server_name text, OUT user_name text, OUT state text, OUT isolation text, OUT valid boolean,
  OUT connected_at timestamptz
) RETURNS SETOF record
LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sambapos_connections';
COMMENT ON FUNCTION sambapos._connections() IS 'sambapos_connections, for the SQL parts of the extension';

CREATE FUNCTION sambapos._end_remote_transaction(server text) RETURNS boolean
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_end_remote_transaction';
COMMENT ON FUNCTION sambapos._end_remote_transaction(text) IS
  'Ends the remote transaction before the local one, so that the source is free while rows are merged; the next use '
  'begins another';
REVOKE ALL ON FUNCTION sambapos._end_remote_transaction(text) FROM PUBLIC;

CREATE FUNCTION sambapos._source_figures(server text,
  OUT queries bigint, OUT rows bigint, OUT bytes bigint, OUT ms double precision, OUT paused_ms double precision,
  OUT unrested_ms double precision)
LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sambapos_source_figures';
COMMENT ON FUNCTION sambapos._source_figures(text) IS
  'What this session has had of a server since _source_mark: batches sent, rows, bytes of their values, how long its '
  'batches were open there, how long it has paused, and how long they were open since the last pause. Never connects';

CREATE FUNCTION sambapos._source_mark(server text) RETURNS void
LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sambapos_source_mark';
COMMENT ON FUNCTION sambapos._source_mark(text) IS 'From here on _source_figures counts';

CREATE FUNCTION sambapos._source_pause(server text, ms double precision) RETURNS void
LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sambapos_source_pause';
COMMENT ON FUNCTION sambapos._source_pause(text, double precision) IS
  'Waits, and counts it among the pauses of _source_figures; whatever ends pg_sleep ends it';

CREATE FUNCTION sambapos._may_commit() RETURNS boolean
LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sambapos_may_commit';
COMMENT ON FUNCTION sambapos._may_commit() IS
  'Asked by a procedure itself: false after BEGIN, in a line of several statements, in what a function calls, and '
  'beneath an EXCEPTION clause';

CREATE FUNCTION sambapos._disconnect(server text) RETURNS boolean
LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sambapos_disconnect';
COMMENT ON FUNCTION sambapos._disconnect(text) IS 'sambapos_disconnect, for the SQL parts of the extension';
REVOKE ALL ON FUNCTION sambapos._disconnect(text) FROM PUBLIC;

-- See src/functions/as_owner.cpp. Who may not act as the owner is refused.
CREATE FUNCTION sambapos._query_as_owner(schema_name text, relation_name text, query text, keys jsonb[], scope text,
                                         after jsonb, max_rows integer)
RETURNS TABLE (key jsonb, scope_of_row text, data jsonb)
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1000 AS 'MODULE_PATHNAME', 'sambapos_query_as_owner';
COMMENT ON FUNCTION sambapos._query_as_owner(text, text, text, jsonb[], text, jsonb, integer) IS
  'Runs a query, with the other arguments as $1 to $4, with the rights of a relation''s owner and no way back to the '
  'caller''s: code of that role that it meets changes no setting and leaves nothing behind. All that it reads belongs to '
  'that role or to a superuser, else 42501';

CREATE FUNCTION sambapos._update_as_owner(schema_name text, relation_name text, statement text, keys jsonb[], reference text,
                                          key jsonb, max_rows integer) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_update_as_owner';
COMMENT ON FUNCTION sambapos._update_as_owner(text, text, text, jsonb[], text, jsonb, integer) IS
  'Runs an UPDATE in the same way, and returns how many rows it has changed. Triggers of the table run within. What it '
  'changes in the row of key $3 is entered as written back';

CREATE FUNCTION sambapos._write_as_owner(schema_name text, relation_name text, statement text, rows jsonb[], scope text,
                                         key jsonb, number integer) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_write_as_owner';
COMMENT ON FUNCTION sambapos._write_as_owner(text, text, text, jsonb[], text, jsonb, integer) IS
  'Runs an INSERT, UPDATE or DELETE in the same way, and returns how many rows it has written. It is a change as any other';

CREATE FUNCTION sambapos._in_block() RETURNS boolean
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sambapos_in_block';
COMMENT ON FUNCTION sambapos._in_block() IS 'True after BEGIN: then locks are held for longer than the statement takes';

-- See src/functions/feed_entered.cpp.
CREATE FUNCTION sambapos._feed_may_enter(feed_id integer, entity text) RETURNS boolean
LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sambapos_feed_may_enter';
COMMENT ON FUNCTION sambapos._feed_may_enter(integer, text) IS
  'True if the user may execute the function of an entity''s triggers, as the owner of its table may';
REVOKE ALL ON FUNCTION sambapos._feed_may_enter(integer, text) FROM PUBLIC;

CREATE FUNCTION sambapos._feed_is_own(relation oid) RETURNS boolean
LANGUAGE c STRICT STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sambapos_feed_is_own';
COMMENT ON FUNCTION sambapos._feed_is_own(oid) IS
  'True if a table belongs to the user, or to a superuser: then no code of another role is met with the user''s rights';
REVOKE ALL ON FUNCTION sambapos._feed_is_own(oid) FROM PUBLIC;

-- See src/functions/written_back.cpp.
CREATE FUNCTION sambapos._feed_written_back(relation oid) RETURNS jsonb
LANGUAGE c STRICT VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'sambapos_feed_written_back';
COMMENT ON FUNCTION sambapos._feed_written_back(oid) IS
  'The key of the row of a table that a consumer''s status and reference are being written to; NULL: of none';
REVOKE ALL ON FUNCTION sambapos._feed_written_back(oid) FROM PUBLIC;

-- See src/functions/feed_caller.cpp.
CREATE FUNCTION sambapos._feed_caller() RETURNS name
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'sambapos_feed_caller';
COMMENT ON FUNCTION sambapos._feed_caller() IS
  'The role that asks a feed by a function which runs with its owner''s rights; raises 42501 where that cannot be known';

CREATE FUNCTION sambapos._feed_note_changer() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_feed_note_changer';
COMMENT ON FUNCTION sambapos._feed_note_changer() IS
  'Notes the present role as the one that changes a feed, until the function ends that calls this';

CREATE FUNCTION sambapos._feed_changer() RETURNS name
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_feed_changer';
COMMENT ON FUNCTION sambapos._feed_changer() IS 'The role that changes a feed; raises 42501 if none was noted';

-- Files of archives. Who may not read or write files of the server is told so by them.
CREATE FUNCTION sambapos._archive_write(path text, compression text, query text, OUT rows bigint, OUT bytes bigint,
                                        OUT sha256 text)
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_archive_write';
COMMENT ON FUNCTION sambapos._archive_write(text, text, text) IS
  'Writes the rows of a query into a new file, as COPY writes text, in UTF-8; on disk when it returns';

CREATE FUNCTION sambapos._archive_write_text(path text, words text, OUT bytes bigint, OUT sha256 text)
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_archive_write_text';
COMMENT ON FUNCTION sambapos._archive_write_text(text, text) IS 'Writes a text into a new file, in UTF-8';

CREATE FUNCTION sambapos._archive_make_folder(path text) RETURNS boolean
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_archive_make_folder';
COMMENT ON FUNCTION sambapos._archive_make_folder(text) IS 'Makes a folder; false: it was there';

CREATE FUNCTION sambapos._archive_files_begin() RETURNS void
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_archive_files_begin';
COMMENT ON FUNCTION sambapos._archive_files_begin() IS
  'From here on what is made is remembered, for _archive_files_undo';

CREATE FUNCTION sambapos._archive_files_undo() RETURNS void
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_archive_files_undo';
COMMENT ON FUNCTION sambapos._archive_files_undo() IS
  'Removes the files and the folder that this session has made since _archive_files_begin, and nothing else';

CREATE FUNCTION sambapos._archive_read(path text, compression text, columns integer, OUT line bigint,
                                       OUT fields text[]) RETURNS SETOF record
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE ROWS 10000 AS 'MODULE_PATHNAME', 'sambapos_archive_read';
COMMENT ON FUNCTION sambapos._archive_read(text, text, integer) IS
  'Reads a file of rows that _archive_write has written; raises XX001 if it is not one, or has other columns';

CREATE FUNCTION sambapos._archive_read_text(path text) RETURNS text
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_archive_read_text';
COMMENT ON FUNCTION sambapos._archive_read_text(text) IS 'Reads a text file of UTF-8';

CREATE FUNCTION sambapos._archive_digest(path text, OUT bytes bigint, OUT sha256 text)
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'sambapos_archive_digest';
COMMENT ON FUNCTION sambapos._archive_digest(text) IS
  'The size and the SHA-256 of a file as it is on disk; NULL: there is none';
