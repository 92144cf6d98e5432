/*
 * What an export has made so far, so that all of it can be taken away when the export fails: what
 * was there before is never among it. A path is entered with no interrupt between its making and
 * that.
 */
#include "functions/archive/file.hpp"

namespace sambapos::archive
{

static List *made = NIL; /* the last first; in TopMemoryContext */

void
made_enter(const char *path)
{
	MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);

	made = lcons(pstrdup(path), made);
	MemoryContextSwitchTo(before);
}

static void
forget()
{
	list_free_deep(made);
	made = NIL;
}

static void
take_away(const char *path)
{
	struct stat status;

	if (lstat(path, &status) != 0)
		return;
	if ((S_ISDIR(status.st_mode) ? rmdir(path) : unlink(path)) != 0 && errno != ENOTEMPTY)
		ereport(WARNING,
				(errcode_for_file_access(), errmsg("could not remove \"%s\": %m", shown(path))));
}

} // namespace sambapos::archive

using namespace sambapos;

extern "C"
{
	PG_FUNCTION_INFO_V1(sambapos_archive_files_begin);
	PG_FUNCTION_INFO_V1(sambapos_archive_files_undo);

	Datum sambapos_archive_files_begin(PG_FUNCTION_ARGS)
	{
		archive::forget();
		PG_RETURN_VOID();
	}

	Datum sambapos_archive_files_undo(PG_FUNCTION_ARGS)
	{
		ListCell *cell;

		foreach (cell, archive::made)
			archive::take_away(static_cast<const char *>(lfirst(cell)));
		archive::forget();
		PG_RETURN_VOID();
	}
}
