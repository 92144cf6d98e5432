/*
 * The table of options: a row for each.
 */
#include "fdw/options/options.hpp"

namespace sambapos::fdw
{

/* ---- ranges ---- */

static constexpr OptionRange
text(int longest = 0)
{
	return {OptionKind::text, 0, longest, nullptr};
}

static constexpr OptionRange
integer(int minimum, int maximum)
{
	return {OptionKind::integer, minimum, maximum, nullptr};
}

static constexpr OptionRange
choice(const char *choices)
{
	return {OptionKind::choice, 0, 0, choices};
}

static constexpr OptionRange secret = {OptionKind::secret, 0, login_text_length, nullptr};
static constexpr OptionRange path = {OptionKind::path, 0, 0, nullptr};
static constexpr OptionRange configured_text = {OptionKind::text, 0, 0, nullptr, true};
static constexpr OptionRange configured_path = {OptionKind::path, 0, 0, nullptr, true};
static constexpr OptionRange boolean = {OptionKind::boolean, 0, 0, nullptr};
static constexpr OptionRange number = {OptionKind::number, 0, 0, nullptr};

static constexpr OptionRange sampling = choice("off, auto, system, bernoulli");

constexpr int one_day = 86400;

/* ---- setters: store a value in a member of the target, by the member's type ---- */

static void
store(const char **member, const OptionValue &value)
{
	*member = value.text;
}

static void
store(bool *member, const OptionValue &value)
{
	*member = value.boolean;
}

static void
store(int *member, const OptionValue &value)
{
	*member = value.integer;
}

static void
store(double *member, const OptionValue &value)
{
	*member = value.number;
}

template <typename T>
static std::enable_if_t<std::is_enum_v<T>>
store(T *member, const OptionValue &value)
{
	*member = static_cast<T>(value.integer);
}

template <auto member>
static void
login(const OptionTarget &target, const OptionValue &value)
{
	store(&(target.server->login.*member), value);
}

/* What goes to the server in the login packet is UTF-8. */
template <auto member>
static void
login_text(const OptionTarget &target, const OptionValue &value)
{
	target.server->login.*member =
		pg_server_to_any(value.text, static_cast<int>(std::strlen(value.text)), PG_UTF8);
}

template <auto member>
static void
server(const OptionTarget &target, const OptionValue &value)
{
	store(&(target.server->*member), value);
}

template <auto member>
static void
table(const OptionTarget &target, const OptionValue &value)
{
	store(&(target.table->*member), value);
}

template <auto member>
static void
column(const OptionTarget &target, const OptionValue &value)
{
	store(&(target.column->*member), value);
}

template <auto member>
static void
statement(const OptionTarget &target, const OptionValue &value)
{
	store(&(target.import->*member), value);
}

/* ---- the options ---- */

using tds::Login;
using In = OptionContext;
using Server = ServerOptions;
using Table = TableOptions;
using Column = ColumnOptions;
using Import = ImportOptions;

/* A name in a login packet. */
static constexpr OptionRange login_name = text(login_text_length);

/* No default, or one that is found out: port (1433, or what SQL Browser says), packet_size (the
 * largest), application_name (with the process), table_name and column_name (the local ones). */
static constexpr const char *none = nullptr;

/* Not stored: read by inherited_option(); recorded by IMPORT, not read yet. */
static constexpr OptionSetter inherited = nullptr;
static constexpr OptionSetter recorded = nullptr;

/* estimated_rows, when nothing is known: large enough that a nested loop over few rows is preferred
 * to fetching the table, small enough that no plan is made for a warehouse. fdw_startup_cost: a
 * round trip; fdw_tuple_cost: a row over the wire; both in units of the planner. check_hostname
 * needs a ca_file, and counts only beside one. */
static const Option options[] = {
	{"host", In::server, configured_text, none, login_text<&Login::host>, check_host},
	{"port", In::server, integer(1, 65535), none, login<&Login::port>},
	{"instance", In::server, text(16), "", login_text<&Login::instance>},
	{"database", In::server, login_name, "", login_text<&Login::database>},
	{"encryption", In::server, choice("off, request, require"), "require",
	 login<&Login::encryption>},
	{"min_tls", In::server, choice("1.0, 1.1, 1.2"), "1.1", login<&Login::min_tls>},
	{"ca_file", In::server, configured_path, "", login<&Login::ca_file>},
	{"check_hostname", In::server, boolean, "true", login<&Login::check_hostname>},
	{"tds_version", In::server, choice("7.1, 7.2, 7.3, 7.4"), "7.4", login<&Login::tds_version>},
	{"packet_size", In::server, integer(512, 32767), none, login<&Login::packet_size>},
	{"connect_timeout", In::server, integer(0, one_day), "10", login<&Login::connect_timeout>},
	{"query_timeout", In::server, integer(0, one_day), "0", login<&Login::query_timeout>},
	{"lock_timeout", In::server, integer(-1, one_day * 1000), "1000", login<&Login::lock_timeout>},
	{"isolation", In::server, choice("auto, snapshot, read_committed, read_uncommitted"), "auto",
	 server<&Server::isolation>},
	{"application_name", In::server, login_name, none, login_text<&Login::application_name>},
	{"keep_connections", In::server, boolean, "true", server<&Server::keep_connections>},
	{"text_semantics", In::server, choice("strict, server"), "strict",
	 server<&Server::text_semantics>},
	{"invalid_text", In::server, choice("error, replace"), "error", server<&Server::invalid_text>},
	{"use_remote_estimate", In::server, boolean, "false", server<&Server::use_remote_estimate>},
	{"fdw_startup_cost", In::server, number, "100", server<&Server::startup_cost>},
	{"fdw_tuple_cost", In::server, number, "0.2", server<&Server::tuple_cost>},
	{"async_capable", In::server, boolean, "true", inherited},
	{"analyze_sampling", In::server, sampling, "auto", inherited},

	{"username", In::user_mapping, login_name, none, login_text<&Login::username>},
	{"password", In::user_mapping, secret, none, login_text<&Login::password>},
	{"password_file", In::user_mapping, path, none, server<&Server::password_file>},
	{"password_required", In::user_mapping, boolean, "true", server<&Server::password_required>},

	{"schema_name", In::table, text(), "dbo", table<&Table::schema_name>},
	{"table_name", In::table, text(), none, table<&Table::table_name>},
	{"query", In::table, text(), none, table<&Table::query>, check_query_option},
	{"estimated_rows", In::table, number, "1000", table<&Table::estimated_rows>},
	{"async_capable", In::table, boolean, none, inherited},
	{"analyze_sampling", In::table, sampling, none, inherited},

	{"column_name", In::column, text(), none, column<&Column::name>},
	{"remote_type", In::column, text(), "", column<&Column::remote_type>},
	{"remote_collation", In::column, text(), none, recorded},
	{"key", In::column, boolean, "false", column<&Column::key>},
	{"estimated_distinct", In::column, number, "0", column<&Column::distinct>},

	{"name_case", In::import, choice("snake, keep, lower"), "snake", statement<&Import::name_case>},
	{"import_not_null", In::import, boolean, "true", statement<&Import::not_null>},
	{"import_views", In::import, boolean, "false", statement<&Import::views>},
	{"import_sensitive", In::import, boolean, "false", statement<&Import::sensitive>},
};

OptionList
all_options()
{
	return {std::begin(options), std::end(options)};
}

const Option *
find_option(const char *name, OptionContext context)
{
	for (const Option &option : options)
		if (option.context == context && std::strcmp(option.name, name) == 0)
			return &option;
	return nullptr;
}

} // namespace sambapos::fdw
