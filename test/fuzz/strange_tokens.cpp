/*
 * Tokens that a SQL Server of today hardly sends: RETURNVALUE, COMPUTE rows, and those of TDS 4.2
 * and 5. FreeTDS takes all of them from any server, whatever version was agreed on.
 */
#include "tokens.hpp"

namespace fuzz
{

/* A token whose body is a length and so many bytes of anything. */
static Token
counted(int code, int length_bytes, Random *random)
{
	Token result;
	std::string body = random->bytes(random->below(30));

	add(&result, Kind::token, static_cast<unsigned>(code), 1);
	add(&result, Kind::length, body.size(), length_bytes);
	add_bytes(&result, body);
	return result;
}

/* RETURNVALUE: ordinal, name, status, and one value with its type. */
static Token
return_value(Version version, Random *random)
{
	Column column = make_column("@p", random);
	Token result;

	add(&result, Kind::token, 0xAC, 1);
	add(&result, Kind::number, 1, 2);
	add_text(&result, column.name, 1);
	add(&result, Kind::number, 1, 1);
	add(&result, Kind::number, 0, version >= 0x72 ? 4 : 2);
	add(&result, Kind::number, 0, 2);
	add_type_info(&result, column, version, random);
	add_value(&result, column, random);
	return result;
}

static Token
return_status(Random *random)
{
	Token result;

	add(&result, Kind::token, 0x79, 1);
	add_bytes(&result, random->bytes(4));
	return result;
}

static Token
some_environment_change(Random *random)
{
	int type = random->between(1, 20);

	return environment_change(type,
							  random->one_in(2)
								  ? random->one_of<std::string>({"4096", "99999", "-1", "512", "0"})
								  : random->bytes(random->below(9)),
							  random->bytes(random->below(9)));
}

static std::vector<Column>
some_columns(Random *random)
{
	std::vector<Column> columns;

	for (int i = random->between(0, 6); i > 0; i--)
		columns.push_back(make_column("n", random));
	return columns;
}

/* Header with the length of what follows; the body. */
static Token
sized(int code, int length_bytes, const Token &body)
{
	Token result;

	add(&result, Kind::token, static_cast<unsigned>(code), 1);
	add(&result, Kind::length, to_bytes({body}).size(), length_bytes);
	result.insert(result.end(), body.begin(), body.end());
	return result;
}

/* ---- COMPUTE ---- */

static constexpr int compute_id = 1;

/* Of TDS 7: ALTMETADATA, and the row of it. */
static Token
compute_metadata(const std::vector<Column> &columns, Version version, Random *random)
{
	Token result;
	int by = random->between(0, 3);

	add(&result, Kind::token, 0x88, 1);
	add(&result, Kind::length, columns.size(), 2);
	add(&result, Kind::number, compute_id, 2);
	add(&result, Kind::length, static_cast<unsigned>(by), 1);
	for (int i = 0; i < by; i++)
		add(&result, Kind::number, static_cast<unsigned>(i + 1), 2);
	for (const Column &column : columns)
	{
		add(&result, Kind::number, 0x4D, 1); /* SUM */
		add(&result, Kind::number, 1, 2);
		add(&result, Kind::number, 0, version >= 0x72 ? 4 : 2);
		add(&result, Kind::number, 9, 2);
		add_type_info(&result, column, version, random);
		add_text(&result, column.name, 1);
	}
	return result;
}

static Token
compute_row(const std::vector<Column> &columns, Random *random)
{
	Token result;

	add(&result, Kind::token, 0xD3, 1);
	add(&result, Kind::number, compute_id, 2);
	for (const Column &column : columns)
		add_value(&result, column, random);
	return result;
}

/* Of TDS 4.2 and 5: the names, and what they are. */
static Token
compute_names(int count)
{
	Token body;

	add(&body, Kind::number, compute_id, 2);
	for (int i = 0; i < count; i++)
		add(&body, Kind::length, 0, 1); /* a name of no characters is the same in all versions */
	return sized(0xA7, 2, body);
}

static Token
compute_result(const std::vector<Column> &columns, Version version, Random *random)
{
	Token body;

	add(&body, Kind::number, compute_id, 2);
	add(&body, Kind::length, columns.size(), 1);
	for (const Column &column : columns)
	{
		add(&body, Kind::number, 0x4D, 1);
		add(&body, Kind::number, 1, 1);
		add(&body, Kind::number, 0, 4);
		add_type_info(&body, column, version, random);
		add(&body, Kind::length, 0, 1);
	}
	add(&body, Kind::length, 0, 1);
	return sized(0xA8, 2, body);
}

/* ---- descriptions of TDS 4.2 and 5 ---- */

static Token
column_names(const std::vector<Column> &columns)
{
	Token body;

	for (std::size_t i = 0; i < columns.size(); i++)
		add(&body, Kind::length, 0, 1);
	return sized(0xA0, 2, body);
}

static Token
column_formats(const std::vector<Column> &columns, Version version, Random *random)
{
	Token body;

	for (const Column &column : columns)
	{
		add(&body, Kind::number, 0, 4);
		add_type_info(&body, column, version, random);
	}
	return sized(0xA1, 2, body);
}

/* RESULT and PARAMFMT have one form, ROWFMT2 and PARAMFMT2 another. */
static Token
formats(int code, const std::vector<Column> &columns, Version version, Random *random)
{
	bool long_form = code == 0x61 || code == 0x20;
	Token body;

	add(&body, Kind::length, columns.size(), 2);
	for (const Column &column : columns)
	{
		add_text(&body, column.name, 1);
		for (int i = 0; code == 0x61 && i < 4; i++) /* catalog, schema, table, column */
			add(&body, Kind::length, 0, 1);
		add(&body, Kind::number, 0, long_form ? 4 : 1);
		if (!long_form && version >= 0x72)
			add(&body, Kind::number, 0, 2);
		add(&body, Kind::number, 0, 4);
		add_type_info(&body, column, version, random);
		add(&body, Kind::length, 0, 1);
	}
	return sized(code, long_form ? 4 : 2, body);
}

static Token
parameters(const std::vector<Column> &columns, Random *random)
{
	Token result;

	add(&result, Kind::token, 0xD7, 1);
	for (const Column &column : columns)
		add_value(&result, column, random);
	return result;
}

/* ---- what stands around rows ---- */

/* TABNAME, then COLINFO. */
static Token
browse_information(std::size_t columns, Random *random)
{
	Token names, infos, result;

	add(&names, Kind::length, random->below(5), 1);
	add_text(&names, "dbo", 2);
	add_text(&names, "table", 2);
	for (std::size_t i = 0; i < columns; i++)
	{
		bool named = random->one_in(2);

		add(&infos, Kind::number, i + 1, 1);
		add(&infos, Kind::number, 1, 1);
		add(&infos, Kind::number, named ? 0x20 : 0x08, 1);
		if (named)
			add_text(&infos, "real", 1);
	}
	result = sized(0xA4, 2, names);
	for (const Field &field : sized(0xA5, 2, infos))
		result.push_back(field);
	return result;
}

/* DYNAMIC, CURINFO, OPTIONCMD, MSG, EED. */
static Token
other_sybase_token(Random *random)
{
	Token body;

	switch (random->below(5))
	{
		case 0:
			add(&body, Kind::number, 0x20, 1);
			add(&body, Kind::number, 0, 1);
			add(&body, Kind::length, 4, 1);
			add_bytes(&body, "dyn1");
			return sized(0xE7, 2, body);
		case 1:
			add(&body, Kind::number, random->below(2), 4);
			add(&body, Kind::length, 0, 1);
			add(&body, Kind::number, 3, 1);
			add(&body, Kind::number, random->below(0x40), 2);
			return sized(0x83, 2, body);
		case 2:
			add(&body, Kind::number, 1, 1);
			add(&body, Kind::number, 2, 1);
			add(&body, Kind::length, random->one_of({0, 1, 4}), 1);
			add(&body, Kind::number, 0, 4);
			return sized(0xA6, 2, body);
		case 3:
			add(&body, Kind::number, 1, 1);
			add(&body, Kind::number, random->below(40), 2);
			return sized(0x65, 1, body);
		default:
			add(&body, Kind::number, random->below(3000), 4);
			add(&body, Kind::number, 1, 1);
			add(&body, Kind::number, 16, 1);
			add(&body, Kind::length, 5, 1);
			add_bytes(&body, "ZZZZZ");
			add(&body, Kind::number, random->below(2), 1);
			add(&body, Kind::number, 0, 2);
			add_text(&body, "text", 2);
			add_text(&body, "srv", 1);
			add_text(&body, "", 1);
			add(&body, Kind::number, 1, 4);
			return sized(0xE5, 2, body);
	}
}

static Token
old_token(Version version, bool deadly, Random *random)
{
	std::vector<Column> columns = some_columns(random);

	switch (random->below(11))
	{
		case 0: return compute_metadata(columns, version, random);
		case 1: return compute_row(columns, random);
		case 2: return deadly ? compute_names(random->between(1, 4)) : column_names(columns);
		case 3: return deadly ? compute_result(columns, version, random) : column_names(columns);
		case 4: return column_names(columns);
		case 5: return column_formats(columns, version, random);
		case 6: return formats(random->one_of({0xEE, 0xEC, 0x61, 0x20}), columns, version, random);
		case 7: return parameters(columns, random);
		case 8: return browse_information(columns.size(), random);
		default: return other_sybase_token(random);
	}
}

void
add_strange_tokens(Reply *reply, std::size_t at, Version version, bool deadly, Random *random)
{
	std::vector<Column> columns = some_columns(random);
	Reply group;

	switch (random->below(deadly ? 5 : 4)) /* what belongs together */
	{
		case 0:
			group = {compute_metadata(columns, version, random), compute_row(columns, random)};
			break;
		case 1:
			group = {column_names(columns), column_formats(columns, version, random),
					 row(columns, random->one_in(3), version, random)};
			break;
		case 2:
			group = {formats(random->one_of({0xEE, 0x61}), columns, version, random),
					 row(columns, random->one_in(3), version, random)};
			break;
		case 3:
			group = {formats(random->one_of({0xEC, 0x20}), columns, version, random),
					 parameters(columns, random)};
			break;
		default:
			group = {compute_names(random->between(1, 3)), compute_result(columns, version, random),
					 compute_row(columns, random)};
			break;
	}
	reply->insert(reply->begin() + static_cast<std::ptrdiff_t>(at), group.begin(), group.end());
}

Token
any_token(Version version, bool deadly, Random *random)
{
	std::vector<Column> columns = some_columns(random);

	switch (random->below(13))
	{
		case 0:
			return message(0xAA, random->between(0, 60000), random->between(0, 25), "Oops.",
						   version);
		case 1:
			return message(0xAB, random->between(0, 60000), random->between(0, 10), "Hm.", version);
		case 2: return some_environment_change(random);
		case 3:
			return done(random->between(0xFD, 0xFF), static_cast<int>(random->below(0x400)),
						random->next(), version);
		case 4: return column_metadata(columns, version);
		case 5: return row(columns, random->one_in(2), version, random);
		case 6: return return_value(version, random);
		case 7: return return_status(random);
		case 8: /* ORDER, TABNAME, COLINFO, SSPI, LOGINACK, FEDAUTHINFO, capabilities */
			return counted(random->one_of({0xA9, 0xA4, 0xA5, 0xED, 0xAD, 0xEE, 0xE2}), 2, random);
		case 9: /* FEATUREEXTACK, SESSIONSTATE */
			return counted(random->one_of({0xAE, 0xE4}), 4, random);
		case 10: return old_token(version, deadly, random);
		case 11:
			return counted(
				random->one_of({0x88, 0xD3, 0xA0, 0xA1, 0xA7, 0xA8, 0xAF, 0xE5, 0xE7, 0xEC, 0xD7,
								0x61, 0x62, 0x22, 0x20, 0x65, 0x83, 0xA6, 0x71}),
				random->one_of({1, 2, 2, 4}), random);
		default: return counted(static_cast<int>(random->below(256)), 2, random);
	}
}

} // namespace fuzz
