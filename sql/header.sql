-- sambapos_fdw: the install script, composed from the files of sql/ in the order of the Makefile.
-- This part: refuse to be run by hand.
\echo Use "CREATE EXTENSION sambapos_fdw" to load this file. \quit

