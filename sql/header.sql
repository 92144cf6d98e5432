-- sambapos_fdw: the install script, composed from the files of sql/ in the order of the Makefile.
-- This part: refuse to be run by hand.
\echo Use "CREATE EXTENSION sambapos_fdw" to load this file. \quit

-- Other roles may create objects in the schema the extension is installed in. Nothing that this script
-- says is looked up there: what it makes is named with its schema, what it calls is PostgreSQL's.
SET LOCAL search_path TO pg_catalog, pg_temp;

