/* Shared state and switches; see control.hpp. */
#include "session/control.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

#include <cstdlib>
#include <ctime>

namespace till
{

Shared &
shared()
{
	static Shared instance;

	return instance;
}

static std::string
now()
{
	char text[32];
	std::time_t t = std::time(nullptr);
	std::tm parts;

	localtime_r(&t, &parts);
	std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
	return text;
}

/* ---- databases ---- */

void
Shared::add_database(const DatabaseInfo &info)
{
	std::lock_guard<std::mutex> lock(mutex);

	databases[fold(info.name, false)] = info;
}

void
Shared::drop_database(const std::string &name)
{
	std::lock_guard<std::mutex> lock(mutex);

	databases.erase(fold(name, false));
}

bool
Shared::find_database(const std::string &name, DatabaseInfo *info)
{
	std::lock_guard<std::mutex> lock(mutex);
	auto found = databases.find(fold(name, false));

	if (found == databases.end())
		return false;
	*info = found->second;
	return true;
}

/* ---- connections ---- */

ConnectionInfo *
Shared::connected(Channel *channel)
{
	std::lock_guard<std::mutex> lock(mutex);
	connections.emplace_back();
	ConnectionInfo &c = connections.back();

	c.spid = next_spid++;
	c.login_time = now();
	c.channel = channel;
	total++;
	return &c;
}

void
Shared::disconnected(ConnectionInfo *info)
{
	std::lock_guard<std::mutex> lock(mutex);

	connections.remove_if([&](const ConnectionInfo &c) { return &c == info; });
}

void
Shared::describe(ConnectionInfo *info, const std::string &status)
{
	std::lock_guard<std::mutex> lock(mutex);

	info->status = status;
}

void
Shared::introduce(ConnectionInfo *info, const std::string &application, const std::string &login,
				  const std::string &host)
{
	std::lock_guard<std::mutex> lock(mutex);

	info->application = application;
	info->login = login;
	info->host = host;
}

void
Shared::moved(ConnectionInfo *info, const std::string &database, int backend)
{
	std::lock_guard<std::mutex> lock(mutex);

	info->database = database;
	info->backend = backend;
}

std::vector<ConnectionInfo>
Shared::list_connections()
{
	std::lock_guard<std::mutex> lock(mutex);

	for (ConnectionInfo &c : connections)
	{
		c.bytes_sent = c.channel->bytes_sent;
		c.attentions = c.channel->attentions;
	}
	return {connections.begin(), connections.end()};
}

long long
Shared::connections_ever()
{
	std::lock_guard<std::mutex> lock(mutex);

	return total;
}

bool
Shared::kill(int spid)
{
	std::lock_guard<std::mutex> lock(mutex);

	for (ConnectionInfo &c : connections)
		if (c.spid == spid)
		{
			c.channel->shut();
			return true;
		}
	return false;
}

/* ---- requests ---- */

constexpr size_t most_requests = 20000, most_request_bytes = 32 << 20, most_text = 256 << 10;

long long
Shared::begin_request(const ConnectionInfo &info, const std::string &kind, const std::string &sql)
{
	std::lock_guard<std::mutex> lock(mutex);
	RequestInfo r;
	size_t length = std::min(sql.size(), most_text);

	while (length < sql.size() && (sql[length] & 0xC0) == 0x80) /* no half character */
		length--;
	r.number = ++requests_ever;
	r.spid = info.spid;
	r.application = info.application;
	r.kind = kind;
	r.sql = sql.substr(0, length);
	r.started = now();
	requests_bytes += length;
	requests.push_back(std::move(r));
	while (requests.size() > most_requests || requests_bytes > most_request_bytes)
	{
		requests_bytes -= requests.front().sql.size();
		requests.pop_front();
	}
	return requests_ever;
}

void
Shared::finish_request(const RequestInfo &result)
{
	std::lock_guard<std::mutex> lock(mutex);

	if (requests.empty() || result.number < requests.front().number)
		return;
	RequestInfo &r = requests[static_cast<size_t>(result.number - requests.front().number)];

	r.rows = result.rows;
	r.bytes = result.bytes;
	r.milliseconds = result.milliseconds;
	r.error = result.error;
	r.finished = true;
}

std::vector<RequestInfo>
Shared::list_requests()
{
	std::lock_guard<std::mutex> lock(mutex);

	return {requests.begin(), requests.end()};
}

/* ---- switches ---- */

/* A pattern with at most one % at its end. */
bool
Shared::applies(const std::string &application) const
{
	const std::string &p = switches.applies_to;

	if (!p.empty() && p.back() == '%')
		return application.compare(0, p.size() - 1, p, 0, p.size() - 1) == 0;
	return application == p;
}

static bool
on_off(const std::string &value)
{
	if (same_word(value, "on") || value == "1")
		return true;
	if (same_word(value, "off") || value == "0" || value.empty())
		return false;
	throw SqlError(50000, 16, 1, "a switch is on or off, not '" + value + "'");
}

static long long
number(const std::string &value)
{
	char *end;
	long long n = std::strtoll(value.c_str(), &end, 10);

	if (same_word(value, "off") || value.empty())
		return -1;
	if (*end != '\0')
		throw SqlError(50000, 16, 1, "this switch takes a number, not '" + value + "'");
	return n;
}

void
Shared::set_switch(const std::string &name, const std::string &value)
{
	std::lock_guard<std::mutex> lock(mutex);

	if (same_word(name, "applies_to"))
		switches.applies_to = value;
	else if (same_word(name, "fail_next"))
		switches.fail_next = static_cast<int>(std::max(0LL, number(value)));
	else if (same_word(name, "cut_after_bytes"))
		switches.cut_after_bytes = number(value);
	else if (same_word(name, "hang_after_bytes"))
		switches.hang_after_bytes = number(value);
	else if (same_word(name, "error_after_rows"))
		switches.error_after_rows = number(value);
	else if (same_word(name, "hold_at_select"))
		switches.hold_at_select = number(value);
	else if (same_word(name, "hang"))
		switches.hang = on_off(value);
	else if (same_word(name, "login_hang"))
		switches.login_hang = on_off(value);
	else if (same_word(name, "garbage_next"))
		switches.garbage_next = on_off(value);
	else if (same_word(name, "national_as_utf8"))
		switches.national_as_utf8 = on_off(value);
	else if (same_word(name, "slow_ms_per_packet"))
		switches.slow_ms_per_packet = static_cast<int>(std::max(0LL, number(value)));
	else if (same_word(name, "slow_ms_per_select"))
		switches.slow_ms_per_select = static_cast<int>(std::max(0LL, number(value)));
	else if (same_word(name, "data_file_mb"))
		switches.data_file_mb = number(value);
	else if (same_word(name, "server_property") && value.find('=') != std::string::npos)
		switches.property[fold(value.substr(0, value.find('=')), false)] =
			value.substr(value.find('=') + 1);
	else if (same_word(name, "reset"))
		switches = Switches();
	else
		throw SqlError(50000, 16, 1, "till_control has no switch '" + name + "'");
}

std::vector<std::pair<std::string, std::string>>
Shared::list_switches()
{
	std::lock_guard<std::mutex> lock(mutex);
	auto flag = [](bool b) { return std::string(b ? "on" : "off"); };

	return {{"applies_to", switches.applies_to},
			{"fail_next", std::to_string(switches.fail_next)},
			{"cut_after_bytes", std::to_string(switches.cut_after_bytes)},
			{"hang_after_bytes", std::to_string(switches.hang_after_bytes)},
			{"error_after_rows", std::to_string(switches.error_after_rows)},
			{"hold_at_select", std::to_string(switches.hold_at_select)},
			{"hang", flag(switches.hang)},
			{"login_hang", flag(switches.login_hang)},
			{"garbage_next", flag(switches.garbage_next)},
			{"national_as_utf8", flag(switches.national_as_utf8)},
			{"slow_ms_per_packet", std::to_string(switches.slow_ms_per_packet)},
			{"slow_ms_per_select", std::to_string(switches.slow_ms_per_select)}};
}

bool
Shared::hangs(const std::string &application, bool login)
{
	std::lock_guard<std::mutex> lock(mutex);

	return applies(application) && (login ? switches.login_hang : switches.hang);
}

bool
Shared::hangs_in_answers()
{
	std::lock_guard<std::mutex> lock(mutex);

	return switches.hang_after_bytes >= 0;
}

void
Shared::arm(Channel &channel, const std::string &application)
{
	std::lock_guard<std::mutex> lock(mutex);

	channel.faults_apply = applies(application);
	if (!channel.faults_apply)
		return;
	channel.faults.hang_after = switches.hang_after_bytes;
	channel.faults.slow_ms = switches.slow_ms_per_packet;
	if (switches.cut_after_bytes >= 0)
	{
		channel.faults.cut_after = switches.cut_after_bytes;
		switches.cut_after_bytes = -1;
	}
}

int
Shared::take_failure(const std::string &application)
{
	std::lock_guard<std::mutex> lock(mutex);

	if (!applies(application))
		return 0;
	return std::exchange(switches.fail_next, 0);
}

long long
Shared::take_error_after_rows(const std::string &application)
{
	std::lock_guard<std::mutex> lock(mutex);

	if (!applies(application))
		return -1;
	return std::exchange(switches.error_after_rows, -1);
}

int
Shared::slow_select(const std::string &application)
{
	std::lock_guard<std::mutex> lock(mutex);

	return applies(application) ? switches.slow_ms_per_select : 0;
}

bool
Shared::take_hold(const std::string &application)
{
	std::lock_guard<std::mutex> lock(mutex);

	if (!applies(application) || switches.hold_at_select < 0)
		return false;
	if (switches.hold_at_select == 0)
		return true;
	switches.hold_at_select--;
	return false;
}

bool
Shared::holds()
{
	std::lock_guard<std::mutex> lock(mutex);

	return switches.hold_at_select == 0;
}

bool
Shared::national_as_utf8(const std::string &application)
{
	std::lock_guard<std::mutex> lock(mutex);

	return applies(application) && switches.national_as_utf8;
}

long long
Shared::data_file_mb()
{
	std::lock_guard<std::mutex> lock(mutex);

	return switches.data_file_mb;
}

std::map<std::string, std::string>
Shared::properties()
{
	std::lock_guard<std::mutex> lock(mutex);

	return switches.property;
}

bool
Shared::take_garbage(const std::string &application)
{
	std::lock_guard<std::mutex> lock(mutex);

	return applies(application) && std::exchange(switches.garbage_next, false);
}

} // namespace till
