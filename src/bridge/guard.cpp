#include "bridge/guard.hpp"

#include "bridge/interrupts.hpp"
#include "tds/printable.hpp"

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

/* For texts that cannot be converted: what is not ASCII becomes a question mark. */
static char *
ascii_only(const char *text)
{
	char *copy = pstrdup(text);

	for (char *c = copy; *c != '\0'; c++)
		if (IS_HIGHBIT_SET(*c))
			*c = '?';
	return copy;
}

/* Messages arrive in UTF-8; the database may use another encoding. A character that it lacks
 * becomes a question mark: a second error would hide the first one. */
static const char *
in_server_encoding(const char *text)
{
	int length = static_cast<int>(std::strlen(text));
	int encoding = GetDatabaseEncoding();

	if (!pg_verify_mbstr(PG_UTF8, text, length, true))
		return ascii_only(text);
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return text;

	Oid conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	int size = length * MAX_CONVERSION_GROWTH + 1;
	auto *target = static_cast<unsigned char *>(palloc0(static_cast<size_t>(size)));

	if (!OidIsValid(conversion))
		return ascii_only(text);
	for (int done = 0; done < length;)
	{
		auto *rest = reinterpret_cast<const unsigned char *>(text + done);
		size_t written = std::strlen(reinterpret_cast<char *>(target));

		done += pg_do_encoding_conversion_buf(
			conversion, PG_UTF8, encoding, const_cast<unsigned char *>(rest), length - done,
			target + written, size - static_cast<int>(written), true);
		if (done < length)
		{
			done += pg_utf_mblen(reinterpret_cast<const unsigned char *>(text + done));
			target[std::strlen(reinterpret_cast<char *>(target))] = '?';
		}
	}
	return reinterpret_cast<char *>(target);
}

/* As UTF-8, before anything is converted: a letter of another encoding may have the code of a
 * control character. */
static const char *
shown(const char *text)
{
	auto *result = static_cast<char *>(palloc(tds::printable_room(std::strlen(text))));

	tds::printable(text, tds::Lines::one, true, result);
	return in_server_encoding(result);
}

void
raise(const Failure &failure)
{
	raise_caught_interrupt();
	CHECK_FOR_INTERRUPTS();
	const char *s = failure.sqlstate;
	ereport(ERROR, (errcode(MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4])),
					errmsg_internal("%s", shown(failure.message)),
					failure.detail[0] ? errdetail_internal("%s", shown(failure.detail)) : 0,
					failure.hint[0] ? errhint("%s", shown(failure.hint)) : 0));
	pg_unreachable();
}

} // namespace sambapos
