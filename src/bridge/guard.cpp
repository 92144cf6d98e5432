#include "bridge/guard.hpp"

namespace sambapos
{

/* Copies at most size - 1 bytes of UTF-8 and never half a character. */
static void
copy_cut(char *target, size_t size, const char *source) noexcept
{
	size_t length = std::strlen(source);

	if (length >= size)
	{
		length = size - 4;
		while (length > 0 && (static_cast<unsigned char>(source[length]) & 0xC0) == 0x80)
			length--;
		std::memcpy(target, source, length);
		std::memcpy(target + length, "...", 4);
		return;
	}
	std::memcpy(target, source, length + 1);
}

void
Failure::set(const char *state, const char *text, const char *more, const char *advice) noexcept
{
	copy_cut(sqlstate, sizeof sqlstate, std::strlen(state) == 5 ? state : "XX000");
	copy_cut(message, sizeof message, text);
	copy_cut(detail, sizeof detail, more);
	copy_cut(hint, sizeof hint, advice);
}

void
Failure::capture() noexcept
{
	try
	{
		throw;
	}
	catch (const tds::Error &e)
	{
		set(e.sqlstate(), e.what(), e.detail(), e.hint());
	}
	catch (const std::bad_alloc &)
	{
		set("53200", "out of memory", "", "");
	}
	catch (const std::exception &e)
	{
		set("XX000", e.what(), "", "");
	}
	catch (...)
	{
		set("XX000", "unknown C++ exception", "", "");
	}
}

/* Messages arrive in UTF-8; the database may use another encoding. */
static const char *
in_server_encoding(const char *text)
{
	return pg_any_to_server(text, static_cast<int>(std::strlen(text)), PG_UTF8);
}

void
raise(const Failure &failure)
{
	CHECK_FOR_INTERRUPTS();
	const char *s = failure.sqlstate;
	ereport(ERROR,
			(errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])),
			 errmsg_internal("%s", in_server_encoding(failure.message)),
			 failure.detail[0] ? errdetail_internal("%s", in_server_encoding(failure.detail)) : 0,
			 failure.hint[0] ? errhint("%s", in_server_encoding(failure.hint)) : 0));
	pg_unreachable();
}

} // namespace sambapos
