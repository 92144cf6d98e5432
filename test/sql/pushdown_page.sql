-- doc/pushdown.md says what sambapos_pushdown() says; if not, `make pushdown-page` writes it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS sambapos_fdw;
\getenv directory PG_ABS_SRCDIR
\set page :directory '/../doc/pushdown.md'
\set script :directory '/harness/pushdown-page.sql'
\setenv PAGE :page
\o |diff - "$PAGE"
\set ECHO none
\i :script
\set ECHO all
\o
\pset tuples_only off
\pset format aligned
-- Every kind of entry has its section.
SELECT DISTINCT kind FROM sambapos_pushdown() ORDER BY 1;
