/*
 * Pieces of T-SQL (rules: expression.hpp).
 */
#include "fdw/deparse/expression.hpp"

namespace sambapos::fdw
{

/* Longer than this no query gets by what people write: an expression is repeated where T-SQL needs
 * it twice, and nests. */
constexpr int longest_piece = 32768;

/* SQL Server nests ten CASEs, and COALESCE and NULLIF are such
 * (https://learn.microsoft.com/sql/t-sql/language-elements/case-transact-sql); two are left for
 * what aggregates and ORDER BY put around a value. */
constexpr int deepest_case = 8;

Piece *
make_piece(const char *text)
{
	auto *piece = static_cast<Piece *>(palloc0(sizeof(Piece)));

	initStringInfo(&piece->text);
	appendStringInfoString(&piece->text, text);
	return piece;
}

static const char *
text_at(const List *texts, int index)
{
	return strVal(list_nth(texts, index));
}

void
append_piece(RemoteSql *sql, const Piece *piece)
{
	for (int i = 0; i < list_length(piece->parameters); i++)
	{
		appendStringInfoString(&sql->text, text_at(piece->texts, i));
		end_text(sql);
		sql->parameters = lappend(sql->parameters, list_nth(piece->parameters, i));
		sql->exprs = lappend(sql->exprs, list_nth(piece->exprs, i));
	}
	appendBinaryStringInfo(&sql->text, piece->text.data, piece->text.len);
	sql->cases = std::max(sql->cases, piece->cases);
}

static int
length_of(const Piece *piece)
{
	int length = piece->text.len;
	ListCell *cell;

	foreach (cell, piece->texts)
		length += static_cast<int>(std::strlen(strVal(lfirst(cell))));
	return length;
}

bool
is_moderate(const Piece *piece)
{
	return piece->cases <= deepest_case && length_of(piece) <= longest_piece;
}

static bool
has_case(const char *pattern)
{
	return std::strstr(pattern, "CASE ") != nullptr || std::strstr(pattern, "NULLIF(") != nullptr;
}

Piece *
compose(const char *pattern, std::initializer_list<const Piece *> pieces)
{
	Piece *result = make_piece("");

	for (const Piece *piece : pieces)
		if (piece == nullptr)
			return nullptr;
	for (const char *c = pattern; *c != '\0'; c++)
	{
		if (c[0] == '$' && c[1] >= '1' && c[1] <= '9')
			append_piece(result, pieces.begin()[*++c - '1']);
		else
			appendStringInfoChar(&result->text, *c);
	}
	result->cases += has_case(pattern) ? 1 : 0;
	return is_moderate(result) ? result : nullptr;
}

/* Texts and parameters take turns, beginning and ending with a text. */
void
end_text(RemoteSql *sql)
{
	sql->texts = lappend(sql->texts, makeString(pstrdup(sql->text.data)));
	resetStringInfo(&sql->text);
}

void
add_parameter(RemoteSql *sql, const types::Predicate &predicate, Expr *value)
{
	end_text(sql);
	sql->parameters = lappend(sql->parameters, predicate_to_list(predicate));
	sql->exprs = lappend(sql->exprs, value);
}

} // namespace sambapos::fdw
