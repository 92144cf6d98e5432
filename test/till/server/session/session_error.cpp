/* PostgreSQL's errors as the T-SQL errors they stand for. */
#include "tsql/error.hpp"
#include "session/session.hpp"
#include "tsql/text.hpp"

#include <cstdlib>

namespace till
{

/* The T-SQL name of a constraint or index is its comment. */
static std::string
constraint_name(Backend &pg, const PgError &e, bool *is_index, std::string *other_table)
{
	Result r =
		pg.query("SELECT coalesce(obj_description(k.oid, 'pg_constraint'), k.conname), "
				 "k.confrelid::regclass::text, 'c' "
				 "FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid WHERE k.conname = " +
				 quote_literal(e.constraint) + " AND t.relname = " + quote_literal(e.table) +
				 " UNION ALL SELECT coalesce(obj_description(i.oid, 'pg_class'), i.relname), '', "
				 "'i' FROM pg_class i "
				 "WHERE i.relkind = 'i' AND i.relname = " +
				 quote_literal(e.constraint));

	*is_index = r.rows() == 1 && r.text(0, 2) == "i";
	if (r.rows() == 0)
		return e.constraint;
	*other_table = r.text(0, 1);
	return r.text(0, 0);
}

static SqlError
foreign_key_error(const PgError &e, const std::string &name, const std::string &database)
{
	bool parent = e.message.compare(0, 16, "update or delete") == 0;
	std::string verb = e.message.compare(0, 6, "insert") == 0 ? "INSERT" : "DELETE";
	std::string kind = parent ? "REFERENCE" : "FOREIGN KEY";

	return SqlError(547, 16, 0,
					"The " + verb + " statement conflicted with the " + kind + " constraint \"" +
						name + "\". The conflict occurred in database \"" + database +
						"\", table \"" + e.schema + "." + e.table + "\".");
}

/* Of a column PostgreSQL says no more than the table: 229, where SQL Server would say 230. */
static SqlError
permission_error(const PgError &e, const std::string &database)
{
	static const std::string table = "permission denied for table ";

	if (e.message.compare(0, table.size(), table) == 0)
		return SqlError(229, 14, 5,
						"The permission was denied on the object '" +
							e.message.substr(table.size()) + "', database '" + database + "'.");
	return SqlError(262, 14, 1, "Permission denied in database '" + database + "': " + e.message);
}

static std::string
overflow_message(const std::string &message)
{
	static const std::pair<const char *, const char *> types[] = {
		{"integer out of range", "int"},           {"smallint out of range", "smallint"},
		{"bigint out of range", "bigint"},         {"numeric field overflow", "numeric"},
		{"timestamp out of range", "datetime"},    {"value out of range: overflow", "float"},
		{"value out of range: underflow", "float"}};

	for (const auto &[text, type] : types)
		if (message == text)
			return std::string("Arithmetic overflow error converting expression to data type ") +
				   type + ".";
	return "Arithmetic overflow error: " + message;
}

SqlError
Session::translate(const PgError &e)
{
	const std::string &state = e.sqlstate;

	/* raised by schema till: T0245 is error 245, U0744 is 10744, V2105 is 22105 */
	if (state[0] >= 'T' && state[0] <= 'V')
		return SqlError(std::atoi(state.c_str() + 1) + (state[0] - 'T') * 10000, 16, 1, e.message);
	if (state == "23505" && e.message.compare(0, 12, "could not cr") == 0)
	{
		size_t from = e.constraint.find('.') + 1, to = e.constraint.rfind('~');

		return SqlError(1505, 16, 1,
						"The CREATE UNIQUE INDEX statement terminated because a duplicate key was "
						"found for the object name '" +
							e.schema + "." + e.table + "' and the index name '" +
							e.constraint.substr(from, to - from) + "'.");
	}
	if (state == "23505" || state == "23503" || state == "23514")
	{
		bool is_index = false;
		std::string other, name = constraint_name(pg, e, &is_index, &other), key = e.detail;
		size_t from = key.find(")=("), to = key.rfind(") already");

		key = from != std::string::npos && to != std::string::npos
				  ? key.substr(from + 2, to - from - 1)
				  : "";
		if (state == "23503")
			return foreign_key_error(e, name, database.name);
		if (state == "23514")
			return SqlError(547, 16, 0,
							"The INSERT statement conflicted with the CHECK constraint \"" + name +
								"\".");
		if (is_index)
			return SqlError(2601, 14, 1,
							"Cannot insert duplicate key row in object '" + e.schema + "." +
								e.table + "' with unique index '" + name +
								"'. The duplicate key value is " + key + ".");
		return SqlError(2627, 14, 1,
						"Violation of PRIMARY KEY constraint '" + name +
							"'. Cannot insert duplicate key in object '" + e.schema + "." +
							e.table + "'. The duplicate key value is " + key + ".");
	}
	if (state == "23502")
		return SqlError(515, 16, 2,
						"Cannot insert the value NULL into column '" + e.column + "', table '" +
							database.name + "." + e.schema + "." + e.table +
							"'; column does not allow nulls. INSERT fails.");
	if (state == "22012")
		return SqlError(8134, 16, 1, "Divide by zero error encountered.");
	if (state == "22003" || state == "22008")
		return SqlError(8115, 16, 2, overflow_message(e.message));
	if (state == "40P01")
		return SqlError(1205, 13, 45,
						"Transaction (Process ID " + std::to_string(info.spid) +
							") was deadlocked on lock resources with another process and has been "
							"chosen as the deadlock victim. Rerun the transaction.");
	if (state == "55P03")
		return SqlError(1222, 16, 45, "Lock request time out period exceeded.");
	if (state == "40001")
		return SqlError(settings.isolation == Isolation::serializable ? 1205 : 3960, 16, 2,
						"Snapshot isolation transaction aborted due to update conflict. You cannot "
						"use snapshot isolation to access table '" +
							e.schema + "." + e.table + "' directly or indirectly in database '" +
							database.name +
							"' to update, delete, or insert the row that has been modified or "
							"deleted by another transaction. Retry the transaction or change the "
							"isolation level for the update/delete statement.");
	if (state == "21000")
		return SqlError(
			512, 16, 1,
			"Subquery returned more than 1 value. This is not permitted when the subquery follows "
			"=, !=, <, <= , >, >= or when the subquery is used as an expression.");
	if (state == "42P07")
		return SqlError(1913, 16, 1,
						"The operation failed because an index, constraint or statistics with this "
						"name already exists (" +
							e.message + ").");
	if (state == "42P01")
		return SqlError(208, 16, 1, "Invalid object name: " + e.message);
	if (state == "42703")
		return SqlError(207, 16, 1, "Invalid column name: " + e.message);
	if (state == "42803")
		return SqlError(8120, 16, 1,
						"A column is invalid in the select list because it is not contained in "
						"either an aggregate function or the GROUP BY clause (" +
							e.message + ").");
	if (state == "0A000" && e.message.find("truncate") != std::string::npos)
		return SqlError(
			4712, 16, 1,
			"Cannot truncate table because it is being referenced by a FOREIGN KEY constraint.");
	if (state == "42501")
		return permission_error(e, database.name);
	if (state == "2BP01")
		return SqlError(3726, 16, 1,
						"Could not drop object because it is referenced by a FOREIGN KEY "
						"constraint or another object (" +
							e.detail + ").");
	if (state == "55006")
		return SqlError(3702, 16, 4, "Cannot drop the database because it is currently in use.");
	if (state == "57014")
		return SqlError(3621, 16, 1, "The statement has been terminated.");
	if (state.compare(0, 2, "08") == 0 || state.compare(0, 3, "57P") == 0)
		return SqlError(17809, 20, 3, "the till's own database is gone: " + e.message);
	return SqlError(50000, 16, 1, "the stand-in till cannot do this (" + state + "): " + e.message);
}

} // namespace till
