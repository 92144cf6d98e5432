/*
 * Who may read and write files of the server, and which ones.
 */
#include "bridge/visible.hpp"
#include "functions/archive/file.hpp"

namespace sambapos::archive
{

Compression
compression_named(const char *name)
{
	if (strcmp(name, "none") == 0)
		return Compression::none;
	if (strcmp(name, "gzip") == 0)
		return Compression::gzip;
	if (strcmp(name, "zstd") == 0)
		return Compression::zstd;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unknown compression \"%s\"", visible(name)),
					errhint("Compressions are gzip, zstd and none.")));
}

const char *
shown(const char *path)
{
	return visible(path);
}

void
raise_damaged(const char *path, const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("file \"%s\" of an archive is damaged: %s", shown(path), what)));
}

static char *
absolute(const text *path)
{
	char *result = text_to_cstring(path);

	if (!is_absolute_path(result))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path \"%s\" is not absolute", shown(result)),
				 errhint("Give the path of a folder on the server, beginning with a slash.")));
	canonicalize_path(result);
	if (path_contains_parent_reference(result))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("path \"%s\" has \"..\" in it", shown(result))));
	return result;
}

static void
require(Oid role, const char *deed, const char *name)
{
	if (!has_privs_of_role(GetUserId(), role))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to %s files of the server", deed),
						errdetail("Only roles with privileges of role \"%s\" may.", name),
						errhint("GRANT %s TO the role that works with archives.", name)));
}

char *
path_to_read(const text *path)
{
	require(ROLE_PG_READ_SERVER_FILES, "read", "pg_read_server_files");
	return absolute(path);
}

char *
path_to_write(const text *path)
{
	char *result;

	require(ROLE_PG_WRITE_SERVER_FILES, "write", "pg_write_server_files");
	result = absolute(path);
	if (path_is_prefix_of_path(DataDir, result))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("path \"%s\" is in PostgreSQL's data directory", shown(result)),
						errhint("Archives need a folder of their own.")));
	return result;
}

} // namespace sambapos::archive
