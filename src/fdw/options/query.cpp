/*
 * The option query: a user's T-SQL in place of a table.
 *
 * It runs at the server with the login of the role that reads the table, which may be any role. So
 *
 * * it must be one query, by T-SQL's own rules (tds/query_text.hpp), so that it cannot leave the
 *   parenthesis it stands in: asked when the option is set, and again whenever it is sent, since a
 *   table may be older than the rule;
 * * the role that sets it, and the owner of the table when it is read, must have the right to
 *   EXECUTE sambapos_query, which is the right to pass T-SQL through;
 * * what it changes in the session is put back as after any user's text (tds::Origin::mixed).
 *
 * sambapos_query is looked up in the schema of the wrapper's own functions, not along a
 * search_path.
 */
#include "bridge/visible.hpp"
#include "fdw/fdw.hpp"
#include "tds/query_text.hpp"

namespace sambapos::fdw
{

/* ---- that it is one query ---- */

static const char *
explain_flaw(const tds::QueryText &found, const char *word)
{
	size_t at = found.position;

	switch (found.flaw)
	{
		case tds::Flaw::empty: return "There is no query in it.";
		case tds::Flaw::no_select: return psprintf("It begins with \"%s\".", word);
		case tds::Flaw::with_clause: return "T-SQL does not take WITH in a derived table.";
		case tds::Flaw::word:
			return psprintf("The word \"%s\" at character %zu does not belong to a query.", word,
							at);
		case tds::Flaw::second_query: return psprintf("At character %zu another query begins.", at);
		case tds::Flaw::semicolon:
			return psprintf("Something follows the semicolon at character %zu.", at);
		case tds::Flaw::not_opened:
			return psprintf("The parenthesis at character %zu closes one that was not opened.", at);
		case tds::Flaw::not_closed:
			return psprintf("The parenthesis at character %zu is not closed.", at);
		case tds::Flaw::string_not_closed:
			return psprintf("The string at character %zu is not closed.", at);
		case tds::Flaw::name_not_closed:
			return psprintf("The quoted name at character %zu is not closed.", at);
		case tds::Flaw::comment_not_closed:
			return psprintf("The comment at character %zu is not closed.", at);
		case tds::Flaw::number_runs_on:
			return psprintf("\"%s\" at character %zu is neither a number nor a name.", word, at);
		case tds::Flaw::control_character:
			return psprintf("Character %zu is a control character.", at);
		case tds::Flaw::character_not_allowed:
			return psprintf("\"%s\" at character %zu has no meaning there.", word, at);
		case tds::Flaw::none: break;
	}
	return "";
}

static const char *
flaw_hint(tds::Flaw flaw)
{
	switch (flaw)
	{
		case tds::Flaw::with_clause:
			return "Write the common table expression as a derived table, or create a view at the "
				   "server.";
		case tds::Flaw::control_character:
			return "Only tabs and line breaks may be there; in a string, write NCHAR() for others.";
		case tds::Flaw::character_not_allowed: return "Write a name that has it in [brackets].";
		default: break;
	}
	return "The option takes one SELECT, which becomes a derived table. Write a name that is a "
		   "reserved word of T-SQL in [brackets].";
}

[[noreturn]] static void
refuse_query(const tds::QueryText &found, Oid relation)
{
	char *word = pnstrdup(found.word.data(), found.word.size());
	const char *shown =
		visible(pg_any_to_server(word, static_cast<int>(found.word.size()), PG_UTF8));

	ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					OidIsValid(relation)
						? errmsg("option \"query\" of foreign table \"%s\" is not one query",
								 get_rel_name(relation))
						: errmsg("invalid value for option \"query\": it is not one query"),
					errdetail_internal("%s", explain_flaw(found, shown)),
					errhint("%s", flaw_hint(found.flaw))));
	pg_unreachable();
}

/* The query alone, without comments and semicolons behind it, in UTF-8. relation: of the message;
 * none while the option is being set. */
static std::string_view
bare_query(const char *query, Oid relation)
{
	std::string_view text = pg_server_to_any(query, static_cast<int>(std::strlen(query)), PG_UTF8);
	tds::QueryText found = tds::inspect_query(text);

	if (found.flaw != tds::Flaw::none)
		refuse_query(found, relation);
	return text.substr(found.begin, found.end - found.begin);
}

void
append_query(StringInfo sql, const TableOptions &options)
{
	std::string_view query = bare_query(options.query, options.relation);
	char *copy = pnstrdup(query.data(), query.size());

	appendStringInfo(sql, "(%s)", pg_any_to_server(copy, static_cast<int>(query.size()), PG_UTF8));
}

/* ---- who may set it and use it ---- */

/* Only superusers can create functions in C: no other role can put its own function in its place.
 */
static bool
is_query_function(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool is_null = true;

	if (!HeapTupleIsValid(tuple))
		return false;

	Datum source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &is_null);
	bool result = !is_null && std::strcmp(TextDatumGetCString(source), "sambapos_query") == 0 &&
				  reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang == ClanguageId;

	ReleaseSysCache(tuple);
	return result;
}

/* In the schema of another function of the extension; Invalid if the installed version has not it
 * with these arguments. */
static Oid
query_function(Oid neighbour)
{
	Oid arguments[] = {TEXTOID, TEXTOID};
	Oid function =
		GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum("sambapos_query"),
						PointerGetDatum(buildoidvector(arguments, 2)),
						ObjectIdGetDatum(get_func_namespace(neighbour)));

	return OidIsValid(function) && is_query_function(function) ? function : InvalidOid;
}

static bool
may_pass_text(Oid user, Oid neighbour)
{
	Oid function = query_function(neighbour);

	return superuser_arg(user) || (OidIsValid(function) && may_execute(function, user));
}

/* The command that gives the right. */
static const char *
grant_hint(Oid user, Oid neighbour)
{
	return psprintf("GRANT EXECUTE ON FUNCTION %s(text, text) TO %s;",
					quote_qualified_identifier(get_namespace_name(get_func_namespace(neighbour)),
											   "sambapos_query"),
					quote_identifier(GetUserNameFromId(user, false)));
}

void
check_query_option(const char *query, Oid validator)
{
	if (!may_pass_text(GetUserId(), validator))
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to set the option \"query\""),
			 errdetail(
				 "It passes T-SQL through, as sambapos_query does, and needs the same privilege."),
			 errhint("%s", grant_hint(GetUserId(), validator))));
	bare_query(query, InvalidOid);
}

static Oid
owner_of(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);

	Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;

	ReleaseSysCache(tuple);
	return owner;
}

void
check_query_owner(Oid relation)
{
	Oid owner = owner_of(relation);
	const ForeignServer *server = GetForeignServer(GetForeignTable(relation)->serverid);
	Oid handler = GetForeignDataWrapper(server->fdwid)->fdwhandler;

	if (may_pass_text(owner, handler))
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		 errmsg("permission denied for foreign table \"%s\": its owner \"%s\" may not pass T-SQL "
				"through",
				get_rel_name(relation), GetUserNameFromId(owner, false)),
		 errdetail("Its option query would run with the login of every user who reads the table."),
		 errhint("%s Or make a role that has this privilege the owner of the table.",
				 grant_hint(owner, handler))));
}

} // namespace sambapos::fdw
