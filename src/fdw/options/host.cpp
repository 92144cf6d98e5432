/*
 * Option host as Management Studio, SambaPOS and connection strings write a server:
 * tcp:host\INSTANCE,1433, (local), a dot. Here each part is an option of its own; who writes them
 * into one is told which.
 */
#include "fdw/options/options.hpp"

namespace sambapos::fdw
{

[[noreturn]] static void
refuse(const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"host\": \"%s\"", value), errhint("%s", hint)));
	pg_unreachable();
}

static bool
begins(const char *text, const char *prefix)
{
	return pg_strncasecmp(text, prefix, std::strlen(prefix)) == 0;
}

/* After "tcp:"; the other protocols of SQL Server end at the machine it runs on, or are its own. */
static const char *
without_protocol(const char *value)
{
	for (const char *other : {"np:", "lpc:", "admin:", "\\\\"})
		if (begins(value, other))
			refuse(value, "The server is reached by TCP only: give its name or address, and enable "
						  "TCP/IP in SQL Server Configuration Manager.");
	return begins(value, "tcp:") ? value + 4 : value;
}

/* What this machine is called there. */
static const char *
machine(const char *value, size_t length)
{
	for (const char *here : {".", "(local)"})
		if (length == std::strlen(here) && begins(value, here))
			return "localhost";
	return pnstrdup(value, length);
}

static bool
is_number(const char *text)
{
	return *text != '\0' && std::strspn(text, "0123456789") == std::strlen(text);
}

/* The host, and what is written behind it. */
struct Parts
{
	const char *host;
	size_t length;
	const char *rest; /* \instance, then ,port or :port */
};

/* host, host\instance, host,port and host:port; more than one colon is an IPv6 address, which other
 * programs want in brackets. */
static Parts
split(const char *name)
{
	size_t length = std::strcspn(name, "\\,");
	const char *end = *name == '[' ? std::strchr(name, ']') : nullptr;
	const char *colon = std::strchr(name, ':');

	if (end != nullptr)
		return {name + 1, static_cast<size_t>(end - name - 1), end + 1};
	if (colon != nullptr && colon < name + length && is_number(colon + 1))
		length = static_cast<size_t>(colon - name);
	return {name, length, name + length};
}

/* As far as it is told apart from something else: one colon alone is in neither. */
static bool
is_name_or_address(const char *host)
{
	const char *colon = std::strchr(host, ':');

	return std::strpbrk(host, "[]") == nullptr &&
		   (colon == nullptr || std::strchr(colon + 1, ':') != nullptr);
}

static const char *
port_in(const char *rest)
{
	const char *comma = std::strchr(rest, ',');

	if (*rest == ':' && is_number(rest + 1))
		return rest + 1;
	return comma != nullptr ? comma + 1 + std::strspn(comma + 1, " ") : "";
}

static const char *
instance_in(const char *rest)
{
	return *rest == '\\' ? pnstrdup(rest + 1, std::strcspn(rest + 1, ",")) : "";
}

void
check_host(const char *value, Oid)
{
	if (begins(value, "(localdb)"))
		refuse(value, "LocalDB has no TCP port and cannot be reached: use SQL Server Express.");

	Parts parts = split(without_protocol(value));
	const char *host = machine(parts.host, parts.length);
	const char *instance = instance_in(parts.rest);
	const char *port = port_in(parts.rest);

	if (std::strcmp(host, value) == 0 && is_name_or_address(host))
		return;
	if (std::strcmp(host, value) == 0)
		refuse(value, "Give a name or an address here, and the port in the option port.");

	StringInfoData hint;

	initStringInfo(&hint);
	appendStringInfo(&hint, "Each part is an option of its own: host %s", quote_literal_cstr(host));
	if (*instance != '\0')
		appendStringInfo(&hint, ", instance %s", quote_literal_cstr(instance));
	if (*port != '\0')
		appendStringInfo(&hint, ", port %s", quote_literal_cstr(port));
	appendStringInfoString(&hint, std::strcmp(host, "localhost") == 0
									  ? ". That is the machine PostgreSQL runs on."
									  : ".");
	refuse(value, hint.data);
}

} // namespace sambapos::fdw
