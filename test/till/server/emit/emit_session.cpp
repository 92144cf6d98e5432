/* The emitter: functions about the catalog, the server and the session. */
#include "emit/emitter.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <map>

namespace till
{

/* SERVERPROPERTY and its kin give sql_variant. */
static Value
variant(const std::string &sql)
{
	return Value{"till.make_variant('nvarchar(128)', " + sql + ")", simple(Kind::variant), true,
				 nullptr, true};
}

Value
Emitter::catalog_call(const Expr &e, const Scope *scope, bool *is_one)
{
	/* arguments as text (t), int (i) or the type of a sql_variant (x), trailing ones optional;
	 * result n = name, q = name in quotes, i = int, s = smallint */
	struct Rule
	{
		const char *arguments;
		size_t needed;
		const char *function;
		char result;
	};
	static const std::map<std::string, Rule> rules = {
		{"QUOTENAME", {"tt", 1, "till.quotename", 'q'}},
		{"OBJECT_ID", {"tt", 1, "till.object_id", 'i'}},
		{"OBJECT_NAME", {"ii", 1, "till.object_name", 'n'}},
		{"OBJECT_SCHEMA_NAME", {"ii", 1, "till.object_schema_name", 'n'}},
		{"SCHEMA_NAME", {"i", 0, "till.schema_name", 'n'}},
		{"SCHEMA_ID", {"t", 0, "till.schema_id", 'i'}},
		{"DB_ID", {"t", 0, "till.db_id", 'i'}},
		{"DB_NAME", {"i", 0, "till.db_name", 'n'}},
		{"TYPE_NAME", {"i", 1, "till.type_name", 'n'}},
		{"TYPE_ID", {"t", 1, "till.type_id", 'i'}},
		{"COL_NAME", {"ii", 2, "till.col_name", 'n'}},
		{"COL_LENGTH", {"tt", 2, "till.col_length", 's'}},
		{"COLUMNPROPERTY", {"itt", 3, "till.columnproperty", 'i'}},
		{"OBJECTPROPERTY", {"it", 2, "till.objectproperty", 'i'}},
		{"IDENT_CURRENT", {"t", 1, "till.ident_current", 'd'}},
		{"IDENT_SEED", {"t", 1, "till.ident_seed", 'd'}},
		{"IDENT_INCR", {"t", 1, "till.ident_incr", 'd'}},
		{"USER_ID", {"t", 1, "till.user_id", 'i'}},
		{"HAS_PERMS_BY_NAME", {"ttttt", 3, "till.has_perms_by_name", 'i'}},
		{"IS_SRVROLEMEMBER", {"t", 1, "till.is_member", 'i'}},
		{"IS_ROLEMEMBER", {"t", 1, "till.is_member", 'i'}},
		{"IS_MEMBER", {"t", 1, "till.is_member", 'i'}},
		{"HAS_DBACCESS", {"t", 1, "till.has_dbaccess", 'i'}},
		{"SQL_VARIANT_PROPERTY", {"xt", 2, "till.sql_variant_property", 'v'}},
		{"CONNECTIONPROPERTY", {"t", 1, "till.connectionproperty", 'v'}},
		{"DATABASEPROPERTYEX", {"tt", 2, "till.databasepropertyex", 'v'}},
		{"CHANGE_TRACKING_CURRENT_VERSION", {"", 0, "till.change_tracking_current_version", 'b'}},
		{"CHANGE_TRACKING_MIN_VALID_VERSION",
		 {"i", 1, "till.change_tracking_min_valid_version", 'b'}},
		{"MIN_ACTIVE_ROWVERSION", {"", 0, "till.min_active_rowversion", 'r'}}};
	auto found = rules.find(e.text);

	if (found == rules.end())
	{
		std::string words = e.text;

		for (const Value &v : values(e.args, scope))
			words += "\n" + (v.type.kind == Kind::null ? std::string() : as_text(v));
		Value v = env.session_function(words);

		*is_one = !v.sql.empty();
		return v;
	}

	const Rule &rule = found->second;
	std::string kinds = rule.arguments, sql = std::string(rule.function) + "(";
	std::vector<Value> args = values(e.args, scope);

	if (args.size() < rule.needed || args.size() > kinds.size())
		throw SqlError(174, 15, 1,
					   "The " + e.text + " function requires " + std::to_string(rule.needed) +
						   " argument(s).");
	for (size_t i = 0; i < args.size(); i++)
		sql += (i ? ", " : "") + (kinds[i] == 'x'   ? "(" + args[i].sql + ").type"
								  : kinds[i] == 't' ? as_text(args[i])
													: convert(args[i], simple(Kind::integer)));
	sql += ")";
	switch (rule.result)
	{
		case 'v': return variant(sql);
		case 'n': return Value{sql, string_type(Kind::nvarchar, 128), true, nullptr, true};
		case 'q': return Value{sql, string_type(Kind::nvarchar, 258), true, nullptr, true};
		case 's': return Value{sql, simple(Kind::smallint)};
		case 'd': return Value{sql, decimal_type(38, 0)};
		case 'b': return Value{sql, simple(Kind::bigint)};
		case 'r': return Value{sql, string_type(Kind::binary, 8)};
		default: return Value{sql, simple(Kind::integer)};
	}
}

} // namespace till
