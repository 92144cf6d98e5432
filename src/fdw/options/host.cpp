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

/* host, host\instance, host,port and host:port; more than one colon is an IPv6 address. */
void
check_host(const char *value)
{
	if (begins(value, "(localdb)"))
		refuse(value, "LocalDB has no TCP port and cannot be reached: use SQL Server Express.");

	const char *name = without_protocol(value);
	size_t length = std::strcspn(name, "\\,");
	const char *colon = std::strchr(name, ':');
	bool has_port = colon != nullptr && colon < name + length && is_number(colon + 1) &&
					std::strchr(colon + 1, ':') == nullptr;

	if (has_port)
		length = static_cast<size_t>(colon - name);
	const char *host = machine(name, length);
	const char *instance = name[length] == '\\' ? name + length + 1 : "";
	const char *comma = std::strchr(name + length, ',');
	const char *port = has_port ? colon + 1 : comma != nullptr ? comma + 1 : "";

	if (name == value && name[length] == '\0' && std::strcmp(host, value) == 0)
		return;

	StringInfoData hint;

	initStringInfo(&hint);
	appendStringInfo(&hint, "Each part is an option of its own: host %s", quote_literal_cstr(host));
	if (*instance != '\0')
		appendStringInfo(&hint, ", instance %s",
						 quote_literal_cstr(pnstrdup(instance, std::strcspn(instance, ","))));
	if (*port != '\0')
		appendStringInfo(&hint, ", port %s", quote_literal_cstr(port + std::strspn(port, " ")));
	appendStringInfoString(&hint, std::strcmp(host, "localhost") == 0
									  ? ". That is the machine PostgreSQL runs on."
									  : ".");
	refuse(value, hint.data);
}

} // namespace sambapos::fdw
