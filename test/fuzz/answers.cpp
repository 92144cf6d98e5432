/* A server's side of a conversation; see answers.hpp. */
#include "answers.hpp"

#include <cctype>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "mutate.hpp"

namespace fuzz
{

static constexpr int reply_packet = 0x04;

/* ---- what was asked ---- */

static std::string
batch_text(const std::string &body)
{
	std::string sql;
	std::size_t headers = 0;

	for (std::size_t i = 0; i < 4 && i < body.size(); i++)
		headers |= static_cast<std::size_t>(static_cast<unsigned char>(body[i])) << (8 * i);
	if (headers < 4 || headers > body.size() || headers > 100) /* TDS 7.1 has none */
		headers = 0;
	for (std::size_t i = headers; i + 1 < body.size(); i += 2)
		sql += body[i + 1] == 0 ? body[i] : '?';
	return sql;
}

static bool
says(const std::string &sql, const char *word)
{
	return sql.find(word) != std::string::npos;
}

/* The items of a SELECT list, by what stands last in each: the column's name or its alias. */
static std::vector<std::string>
select_items(const std::string &sql)
{
	std::vector<std::string> items(1);
	int depth = 0;
	std::size_t at = sql.rfind("SELECT ", sql.find(" FROM "));

	at = at == std::string::npos ? 0 : at + 7;
	for (; at < sql.size(); at++)
	{
		if (depth == 0 && sql.compare(at, 6, " FROM ") == 0)
			break;
		depth += sql[at] == '(' ? 1 : sql[at] == ')' ? -1 : 0;
		if (depth == 0 && sql[at] == ',')
			items.emplace_back();
		else
			items.back() += sql[at];
	}
	return items;
}

/* The columns of catalogs, with what stands there. */
static const std::map<std::string, std::vector<std::string>> catalog = {
	{"TABLE_NAME", {"Tickets", "Orders", "T]x", "select", "a\x1b[31m\x07", "b\r\n\x9B"}},
	{"TABLE_TYPE", {"BASE TABLE", "BASE TABLE", "VIEW"}},
	{"TABLE_SCHEMA", {"dbo"}},
	{"SCHEMA_NAME", {"dbo"}},
	{"COLUMN_NAME", {"Id", "Name", "a b", "\"quoted\"", "", "Xmax", "a_B", "c\x1b]0;\x85"}},
	{"DATA_TYPE",
	 {"int", "nvarchar", "decimal", "datetime2", "sql_variant", "hierarchyid", "what"}},
	{"CHARACTER_MAXIMUM_LENGTH", {"-1", "50", "0", "99999999999", "x"}},
	{"NUMERIC_PRECISION", {"10", "38", "0", "-5", "99"}},
	{"NUMERIC_SCALE", {"2", "0", "38", "-1", "77"}},
	{"DATETIME_PRECISION", {"7", "3", "9", "-1"}},
	{"IS_NULLABLE", {"YES", "NO", "MAYBE"}},
	{"COLLATION_NAME", {"Turkish_CI_AS", "Latin1_General_BIN2", "Nowhere_XX"}},
	{"OBJECT_NAME", {"Tickets", "Orders", "nothing"}},
	{"rows", {"0", "12", "-7", "1e300", "nan", "x"}},
	{"varchar(20)", {"0", "12", "-7", "inf", "nan", "99999999999999999999", "x"}},
};

/* What an item is: by its name a type, by a catalog's name words, else the number 42. */
static Column
column_of(const std::string &item, Random *random)
{
	std::size_t named = item.rfind("x_");

	if (named != std::string::npos)
		return make_column(item.substr(named, item.find_first_of("]\" ", named) - named), random);
	for (const auto &[name, words] : catalog)
		if (says(item, name.c_str()))
		{
			Column column = make_column("x_nvarchar", random);
			column.words = words;
			return column;
		}
	if (says(item, "varbinary(2)")) /* of NCHAR(233) */
	{
		Column column = make_column("x_varbinary", random);
		column.words = {"\xE9"};
		return column;
	}
	Column column = make_column(says(item, "tinyint") ? "x_tinyint" : "x_int", random);
	column.words = {says(item, "tinyint") ? std::string(1, '\1') : std::string("\x2A\0\0\0", 4)};
	return column;
}

/* ---- good answers ---- */

Conversation::Conversation(std::uint64_t seed, Manner manner)
	: contents_(seed), mutations_(~seed), manner_(manner),
	  plan_(manner.hostile ? choose(&mutations_) : Plan::queries)
{
}

/* Most let the client come as far as its query, and many as far as the values. */
Conversation::Plan
Conversation::choose(Random *random)
{
	return random->one_of({Plan::prelogin, Plan::login, Plan::statements, Plan::attentions,
						   Plan::catalog, Plan::some, Plan::queries, Plan::queries, Plan::queries,
						   Plan::queries, Plan::queries, Plan::queries, Plan::values, Plan::values,
						   Plan::values, Plan::values, Plan::other_types, Plan::other_types});
}

/* A catalog's column of names, whose rows are told apart by it: 0 for none, else its number. */
static std::size_t
naming_column(const std::vector<std::string> &items)
{
	for (const char *name : {"COLUMN_NAME", "TABLE_NAME"})
		for (std::size_t i = 0; i < items.size(); i++)
			if (says(items[i], name))
				return i + 1;
	return 0;
}

/* The name of a row, different from those of all other rows, though not from what becomes of them
 * when letters become small and underscores go. */
static std::string
name_of_row(const std::vector<std::string> &words, int row)
{
	int count = static_cast<int>(words.size());
	int number = row / count / 2;

	return words[static_cast<std::size_t>(row % count)] + (row / count % 2 == 0 ? "" : "_") +
		   (number == 0 ? "" : std::to_string(number));
}

void
Conversation::add_result(Reply *reply, const std::string &sql)
{
	std::vector<Column> columns;
	std::vector<std::string> items = select_items(sql);
	std::size_t naming = naming_column(items);
	bool compressed = contents_.one_in(3);
	bool fixed = true;

	for (const std::string &item : items)
	{
		bool other = plan_ == Plan::other_types && contents_.one_in(3);

		columns.push_back(column_of(other ? "x_any" : item, &contents_));
		fixed = fixed && columns.back().type == "int";
	}
	int rows = fixed ? 3 : contents_.between(0, 6);
	if (naming > 0 && contents_.one_in(4))
		rows = contents_.between(100, 2000);
	bool different = naming > 0 && columns[naming - 1].words.size() > 1 && !contents_.one_in(3);
	std::vector<std::string> words = different ? columns[naming - 1].words : items;
	reply->push_back(column_metadata(columns, version_));
	for (int i = 0; i < rows; i++)
	{
		if (different)
			columns[naming - 1].words = {name_of_row(words, i)};
		reply->push_back(row(columns, compressed && !fixed, version_, &contents_));
	}
	reply->push_back(done(0xFD, 0x10, static_cast<unsigned>(rows), version_));
}

/* Statements without a result. */
void
Conversation::add_done(Reply *reply, const std::string &sql, bool more)
{
	if (says(sql, "BEGIN TRAN") || says(sql, "ROLLBACK"))
	{
		transaction_ = says(sql, "BEGIN TRAN");
		reply->push_back(environment_change(transaction_ ? 8 : 10, transaction_ ? "12345678" : "",
											transaction_ ? "" : "12345678"));
	}
	reply->push_back(done(0xFD, more, 0, version_));
}

Reply
Conversation::batch_answer(const std::string &sql)
{
	static const std::string count = "SELECT @@TRANCOUNT; ";
	std::size_t counted = sql.find(count);
	std::string rest = sql;
	Reply reply;

	if (counted != std::string::npos)
	{
		if (counted > 0)
			add_done(&reply, sql.substr(0, counted), true);
		Column column = make_column("x_int", &contents_);
		column.words = {std::string(transaction_ ? "\1\0\0\0" : "\0\0\0\0", 4)};
		reply.push_back(column_metadata({column}, version_));
		reply.push_back(row({column}, false, version_, &contents_));
		reply.push_back(done(0xFD, 0x11, 1, version_));
		rest = sql.substr(counted + count.size());
	}
	if (says(rest, "SELECT"))
		add_result(&reply, rest);
	else
		add_done(&reply, rest, false);
	return reply;
}

static Version
version_in_login(const std::string &body)
{
	int version = body.size() > 8 ? static_cast<unsigned char>(body[7]) : 0x74;

	return version >= 0x71 && version <= 0x74 ? version : 0x74;
}

Reply
Conversation::good_answer(const Message &message)
{
	switch (message.type)
	{
		case prelogin_message: return {prelogin(2)};
		case login_message:
			version_ = version_in_login(message.body);
			return {environment_change(1, "SambaPOS", "master"),
					fuzz::message(0xAB, 5701, 0, "Changed database context.", version_),
					environment_change(7, std::string("\x09\x04\xD0\x00\x34", 5), ""),
					environment_change(2, "us_english", ""),
					login_acknowledged(version_),
					environment_change(4, "4096", "4096"),
					done(0xFD, 0, 0, version_)};
		case attention_message: return {done(0xFD, 0x20, 0, version_)};
		case batch_message: return batch_answer(batch_text(message.body));
		default: return {};
	}
}

/* ---- hostile answers ---- */

/* Whether this answer is one that the connection's plan wants changed. */
bool
Conversation::is_target(const Message &message, const std::string &sql)
{
	bool query = says(sql, "SELECT") && !says(sql, "sys.databases");

	switch (plan_)
	{
		case Plan::prelogin: return message.type == prelogin_message;
		case Plan::login: return message.type == login_message;
		case Plan::statements: return message.type == batch_message && !query;
		case Plan::attentions: return message.type == attention_message;
		case Plan::catalog: return says(sql, "sys.databases");
		case Plan::some: return mutations_.one_in(4);
		case Plan::queries:
		case Plan::values: return query;
		case Plan::other_types: break;
	}
	return false;
}

Answer
Conversation::hostile_answer(Reply reply)
{
	Answer result;

	if (plan_ == Plan::values)
	{
		mutate_values(&reply, &mutations_);
		result.bytes = packets(to_bytes(reply), reply_packet, 4088);
		return result;
	}
	mutate(&reply, version_, manner_.deadly, &mutations_);
	std::string bytes = to_bytes(reply);
	if (mutations_.one_in(4))
		mutate_bytes(&bytes, &mutations_);
	result.bytes = mutations_.one_in(4) ? odd_packets(bytes, reply_packet, &mutations_)
										: packets(bytes, reply_packet, 4088);
	if (manner_.floods && mutations_.one_in(100))
	{
		Token token = reply.empty() || mutations_.one_in(2)
						  ? any_token(version_, manner_.deadly, &mutations_)
						  : reply[mutations_.below(reply.size())];
		result.flood = packets(to_bytes({token}), reply_packet, 4088);
		result.flood[1] = 0;
	}
	else if (mutations_.one_in(8))
		result.after = After::close;
	else if (manner_.silence && mutations_.one_in(100))
		result.after = After::silence;
	else
		result.after = After::hang_up;
	return result;
}

Answer
Conversation::answer(const Message &message)
{
	Reply reply = good_answer(message);
	std::string sql = message.type == batch_message ? batch_text(message.body) : std::string();

	if (manner_.hostile && is_target(message, sql))
		return hostile_answer(std::move(reply));
	Answer result;
	result.bytes = packets(to_bytes(reply), reply_packet, 4088);
	return result;
}

/* ---- files ---- */

static std::string
from_hex(const std::string &digits)
{
	std::string out;

	for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
		out += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
	return out;
}

static std::string
to_hex(const std::string &bytes)
{
	static const char digits[] = "0123456789abcdef";
	std::string out;

	for (char c : bytes)
		out += {digits[static_cast<unsigned char>(c) >> 4], digits[c & 15]};
	return out;
}

std::vector<Answer>
read_answers(const std::string &path)
{
	std::ifstream file(path);
	std::vector<Answer> answers;
	std::string line;

	if (!file)
		throw std::runtime_error("cannot read " + path);
	while (std::getline(file, line))
	{
		std::istringstream words(line);
		std::string word, digits;

		words >> word >> digits;
		if (word == "answer")
			answers.emplace_back();
		if (word == "answer" || word == "more")
			answers.back().bytes += from_hex(digits);
		else if (word == "flood")
			answers.back().flood = from_hex(digits);
		else if (word == "close")
			answers.back().after = After::close;
		else if (word == "hang_up")
			answers.back().after = After::hang_up;
		else if (word == "silence")
			answers.back().after = After::silence;
	}
	return answers;
}

void
write_answer(const std::string &path, const Answer &answer)
{
	std::ofstream file(path, std::ios::app);

	file << "answer " << to_hex(answer.bytes) << "\n";
	if (!answer.flood.empty())
		file << "flood " << to_hex(answer.flood) << "\n";
	if (answer.after != After::go_on)
		file << (answer.after == After::close     ? "close\n"
				 : answer.after == After::hang_up ? "hang_up\n"
												  : "silence\n");
}

} // namespace fuzz
