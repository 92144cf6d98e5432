/*
 * T-SQL's date and time literals, read as SQL Server reads them, in 100 ns ticks since 0001-01-01.
 *
 * Understood: YYYYMMDD, YYYY-MM-DD (also with / or .), MM/DD/YYYY (DD/MM/YYYY under DATEFORMAT
 * dmy), each with a time behind a blank or T; a time alone means 1900-01-01; Z or an offset at the
 * end. For the legacy types datetime and smalldatetime YYYY-MM-DD without T obeys DATEFORMAT: under
 * dmy it reads year, day, month, the trap the real server has.
 */
#include "emit/emitter.hpp"

#include <cctype>
#include <cstdio>
#include <cstdlib>

namespace till
{

static const long long second = 10000000LL, day_ticks = 86400LL * second;

/* Days since 0001-01-01 of a proleptic Gregorian date. */
static long long
days_of(int y, int m, int d)
{
	int a = m <= 2 ? y - 1 : y;
	long long era = a / 400;
	int yoe = static_cast<int>(a - era * 400), doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365LL + yoe / 4 - yoe / 100 + doy - 306;
}

static void
date_of(long long days, int *y, int *m, int *d)
{
	long long z = days + 306, era = z / 146097;
	int doe = static_cast<int>(z - era * 146097);
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = static_cast<int>(yoe + era * 400) + (*m <= 2);
}

static bool
valid_date(int y, int m, int d)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return y >= 1 && y <= 9999 && m >= 1 && m <= 12 && d >= 1 &&
		   d <= lengths[m - 1] + (m == 2 && leap);
}

namespace
{

struct Reader
{
	const char *p;
	int number(int max_digits, int *digits = nullptr)
	{
		int n = 0, value = 0;

		for (; n < max_digits && std::isdigit(static_cast<unsigned char>(*p)); n++)
			value = value * 10 + (*p++ - '0');
		if (digits)
			*digits = n;
		return n ? value : -1;
	}
	void blanks()
	{
		while (*p == ' ')
			p++;
	}
};

/* hh:mm[:ss[.fffffff]] [AM|PM]; ticks of the day, or -1. */
long long
read_time(Reader &r, bool legacy)
{
	int h = r.number(2), m = 0, s = 0, digits = 0;
	long long fraction = 0;

	if (h < 0 || *r.p++ != ':' || (m = r.number(2)) < 0)
		return -1;
	if (*r.p == ':')
	{
		r.p++;
		if ((s = r.number(2)) < 0)
			return -1;
		if (*r.p == '.' || *r.p == ':')
		{
			r.p++;
			fraction = r.number(7, &digits);
			if (digits == 0 || (legacy && digits > 3))
				return -1;
			for (; digits < 7; digits++)
				fraction *= 10;
		}
	}
	r.blanks();
	if ((r.p[0] == 'A' || r.p[0] == 'a' || r.p[0] == 'P' || r.p[0] == 'p') &&
		(r.p[1] == 'M' || r.p[1] == 'm'))
	{
		bool pm = r.p[0] == 'P' || r.p[0] == 'p';

		h = h % 12 + (pm ? 12 : 0);
		r.p += 2;
	}
	if (h > 23 || m > 59 || s > 59)
		return -1;
	return ((h * 60LL + m) * 60 + s) * second + fraction;
}

/* Fills y, m, d; false when there is no date here. */
bool
read_date(Reader &r, const Environment &env, bool legacy, int *y, int *m, int *d)
{
	int digits;
	int first = r.number(8, &digits);

	if (digits == 8 || digits == 6)
	{
		*y = first / 10000;
		if (digits == 6)
			*y += *y < 50 ? 2000 : 1900;
		*m = first / 100 % 100;
		*d = first % 100;
		return true;
	}
	char mark = *r.p;

	if (first < 0 || (mark != '-' && mark != '/' && mark != '.'))
		return false;
	r.p++;
	int two = r.number(2);

	if (*r.p++ != mark)
		return false;
	int three = r.number(4);

	if (digits == 4)
	{
		bool ydm = env.ydm && legacy && *r.p != 'T';

		*y = first;
		*m = ydm ? three : two;
		*d = ydm ? two : three;
	}
	else
	{
		*m = env.mdy ? first : two;
		*d = env.mdy ? two : first;
		*y = three < 50 ? three + 2000 : three < 100 ? three + 1900 : three;
	}
	return three >= 0;
}

bool
read_offset(Reader &r, int *offset)
{
	r.blanks();
	if (*r.p == 'Z')
	{
		r.p++;
		*offset = 0;
		return true;
	}
	if (*r.p != '+' && *r.p != '-')
		return false;
	int sign = *r.p++ == '-' ? -1 : 1, h = r.number(2), m = 0;

	if (*r.p == ':')
		r.p++, m = r.number(2);
	*offset = sign * (h * 60 + m);
	return true;
}

} // namespace

bool
parse_datetime(const std::string &text, const Environment &env, bool legacy, long long *ticks,
			   int *offset)
{
	Reader r{text.c_str()};
	int y = 1900, m = 1, d = 1;
	long long time = 0;

	*offset = 0;
	r.blanks();
	const char *start = r.p;

	if (*r.p != '\0')
	{
		size_t run = 0;

		while (std::isdigit(static_cast<unsigned char>(start[run])))
			run++;
		if (start[run] != ':')
		{
			if (!read_date(r, env, legacy, &y, &m, &d))
				return false;
			bool t = *r.p == 'T';

			if (t)
				r.p++;
			r.blanks();
			if (std::isdigit(static_cast<unsigned char>(*r.p)))
				time = read_time(r, legacy);
			else if (t)
				return false;
		}
		else
			time = read_time(r, legacy);
	}
	bool zoned = read_offset(r, offset);

	r.blanks();
	if (*r.p != '\0' || time < 0 || !valid_date(y, m, d) ||
		(legacy && zoned && text.find('T') == std::string::npos))
		return false;
	if (legacy && y < 1753)
		return false;
	*ticks = days_of(y, m, d) * day_ticks + time;
	return true;
}

std::string
ticks_text(long long ticks, int digits)
{
	char out[64];
	int y, m, d;
	long long time = ticks % day_ticks;

	date_of(ticks / day_ticks, &y, &m, &d);
	int n = std::snprintf(out, sizeof out, "%04d-%02d-%02d %02lld:%02lld:%02lld", y, m, d,
						  time / second / 3600, time / second / 60 % 60, time / second % 60);

	if (digits > 0)
		std::snprintf(out + n, sizeof out - static_cast<size_t>(n), ".%.*s", digits,
					  (std::to_string(time % second + second).c_str() + 1));
	return out;
}

long long
round_ticks(long long ticks, int scale)
{
	long long unit = 1;

	for (int i = scale; i < 7; i++)
		unit *= 10;
	return (ticks + unit / 2) / unit * unit;
}

/* datetime keeps 1/300 s; shown, and kept in PostgreSQL, as .000, .003 and .007. */
long long
round_to_300th(long long ticks)
{
	long long whole = ticks / second * second, fraction = ticks - whole;
	long long n = (fraction * 300 + second / 2) / second;
	long long milliseconds = (n * 10 + 1) / 3;

	if (n == 300)
		return whole + second;
	return whole + milliseconds * 10000;
}

} // namespace till
