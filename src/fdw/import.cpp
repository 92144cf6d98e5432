#include "fdw/fdw.hpp"
namespace sambapos::fdw
{
List *
sambapos_import_schema(ImportForeignSchemaStmt *, Oid)
{
	return NIL;
}
} // namespace sambapos::fdw
