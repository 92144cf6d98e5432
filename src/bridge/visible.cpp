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

const char *
visible_lines(const char *text)
{
	return make_visible(text, tds::Lines::many);
}

} // namespace sambapos
