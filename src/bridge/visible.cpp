#include "bridge/visible.hpp"

#include "tds/printable.hpp"

namespace sambapos
{

/* It runs while an error is being reported, so nothing is converted: in other encodings than UTF-8
 * only what is ASCII is looked at. */
static const char *
make_visible(const char *text, tds::Lines lines)
{
	std::string_view view = text;
	bool utf8 = GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;

	if (tds::is_printable(view, lines, utf8))
		return text;

	auto *result = static_cast<char *>(
		MemoryContextAllocHuge(CurrentMemoryContext, tds::printable_room(view.size())));

	tds::printable(view, lines, utf8, result);
	return result;
}

const char *
visible(const char *text)
{
	return make_visible(text, tds::Lines::one);
}

static constexpr size_t shown_of_sql = 1000; /* bytes */

const char *
visible_sql(const char *sql)
{
	size_t length = strlen(sql);

	if (length <= shown_of_sql)
		return make_visible(sql, tds::Lines::many);
	int shown = pg_mbcliplen(sql, static_cast<int>(shown_of_sql), static_cast<int>(shown_of_sql));
	char *beginning = pnstrdup(sql, static_cast<Size>(shown));

	return psprintf("%s ... (%zu bytes in all)", make_visible(beginning, tds::Lines::many), length);
}

} // namespace sambapos
