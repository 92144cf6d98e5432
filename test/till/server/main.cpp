/*
 * The stand-in till: listens on 127.0.0.1 or another address, a thread a client. test/till/till.sh
 * starts it beside its private PostgreSQL cluster; the options are documented in
 * test/till/README.md.
 */
#include "emit/backend.hpp"
#include "session/control.hpp"
#include "tsql/error.hpp"
#include "session/session.hpp"
#include "tsql/text.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sstream>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace till
{

void
serve(int socket, TlsContext &tls)
{
	Channel channel(socket);
	ConnectionInfo *info = shared().connected(&channel);

	try
	{
		LoginRequest login = receive_login(channel, tls, shared().options);

		shared().introduce(info, login.application, login.user, login.host);
		if (shared().hangs(login.application, true))
			channel.hang(
				[&]
				{
					shared().describe(info, "hanging");
					return shared().hangs(login.application, true);
				});
		Session session(channel, login, *info);

		if (session.greet())
			session.loop();
	}
	catch (const Disconnected &)
	{
	}
	catch (const Attention &)
	{
	}
	catch (const std::exception &e)
	{
		std::fprintf(stderr, "till: connection %d: %s\n", info->spid, e.what());
	}
	catch (const PgError &e)
	{
		std::fprintf(stderr, "till: connection %d: %s %s\n", info->spid, e.sqlstate.c_str(),
					 e.message.c_str());
	}
	shared().disconnected(info);
}

/* ---- the private cluster ---- */

static std::string
file_text(const std::string &path)
{
	std::ifstream in(path);
	std::ostringstream text;

	if (!in)
		throw std::runtime_error("cannot read " + path);
	text << in.rdbuf();
	return text.str();
}

/* Waits in poll(); nobody can interrupt the start. */
static void
plain_wait(int)
{
	usleep(200);
}

static bool
database_exists(Backend &pg, const std::string &name)
{
	return pg.query("SELECT 1 FROM pg_database WHERE datname = " + quote_literal(name)).rows() > 0;
}

static void
set_database(Backend &pg, const std::string &database, const char *setting,
			 const std::string &value)
{
	if (!value.empty())
		pg.run("ALTER DATABASE " + quote_identifier(database) + " SET till." + setting + " = " +
			   quote_literal(value));
}

/* A part of what the till's databases hold; @DIRECTORY@ in it is where the till's files are. */
static std::string
sql_part(const Options &o, const std::string &name)
{
	const std::string mark = "@DIRECTORY@";
	std::string sql = file_text(o.sql_directory + "/" + name + ".sql");

	for (size_t at; (at = sql.find(mark)) != std::string::npos;)
		sql.replace(at, mark.size(), o.sql_directory);
	return sql;
}

/* The template with schemas sys, INFORMATION_SCHEMA and till, and the two databases that are always
 * there. */
static void
make_databases(const Options &o)
{
	Backend pg, inner;

	pg.wait = inner.wait = plain_wait;
	pg.connect(o.socket_directory, "postgres");
	if (!database_exists(pg, "till_template"))
	{
		pg.run("CREATE DATABASE till_template TEMPLATE template0");
		inner.connect(o.socket_directory, "till_template");
		for (const char *part : {"dates", "conversions", "strings", "queries", "definitions",
								 "catalog", "principals", "tracking"})
			inner.run(sql_part(o, part));
		inner.close();
	}
	for (const std::string &name : {std::string("master"), o.database})
		if (!database_exists(pg, name))
		{
			pg.run("CREATE DATABASE " + quote_identifier(name) + " TEMPLATE till_template");
			inner.connect(o.socket_directory, name);
			inner.run("SELECT till.describe_database(" + quote_literal(name) + ", " +
					  quote_literal(o.collation) + ")");
			inner.close();
			if (name == o.database)
				set_database(pg, name, "snapshot", "on");
		}
	set_database(pg, o.database, "snapshot", o.snapshot);
	set_database(pg, o.database, "row_versions", o.row_versions);
	inner.connect(o.socket_directory, "master");
	Result list = inner.query("SELECT name, collation_name, snapshot_isolation_state, "
							  "is_read_committed_snapshot_on FROM sys.databases");

	for (int i = 0; i < list.rows(); i++)
		shared().add_database(
			{list.text(i, 0), list.text(i, 1), list.text(i, 2) == "1", list.text(i, 3) == "1"});
}

/* ---- options ---- */

static void
set_option(Options &o, const std::string &name, const std::string &value)
{
	auto on = [&] { return value == "on"; };

	if (name == "--port")
		o.port = std::atoi(value.c_str());
	else if (name == "--listen")
		o.listen = value;
	else if (name == "--socket")
		o.socket_directory = value;
	else if (name == "--certificate")
		o.certificate = value;
	else if (name == "--key")
		o.key = value;
	else if (name == "--tls-version")
		o.tls_version = value;
	else if (name == "--encryption")
		o.encryption = value;
	else if (name == "--user")
		o.user = value;
	else if (name == "--password")
		o.password = value;
	else if (name == "--database")
		o.database = value;
	else if (name == "--collation")
		o.collation = value;
	else if (name == "--snapshot")
		o.snapshot = on() ? "on" : "off";
	else if (name == "--row-versions")
		o.row_versions = on() ? "on" : "off";
	else if (name == "--read-locks")
		o.read_locks = on();
	else if (name == "--packet-size")
		o.packet_size = std::atoi(value.c_str());
	else if (name == "--sql")
		o.sql_directory = value;
	else if (name == "--port-file")
		o.port_file = value;
	else
		throw std::runtime_error("unknown option " + name);
	if (name == "--encryption" && value != "off" && value != "login" && value != "optional" &&
		value != "required")
		throw std::runtime_error("--encryption is off, login, optional or required");
	if (name == "--collation")
		collation(value);
}

static int
listen_on(const std::string &where, int port, int *chosen)
{
	int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
	sockaddr_in address{};
	socklen_t length = sizeof address;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	address.sin_family = AF_INET;
	address.sin_port = htons(static_cast<uint16_t>(port));
	if (::inet_pton(AF_INET, where.c_str(), &address.sin_addr) != 1)
		throw std::runtime_error("--listen takes an IPv4 address, not " + where);
	if (::bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0 ||
		::listen(fd, 200) != 0)
		throw std::runtime_error("cannot listen on port " + std::to_string(port));
	getsockname(fd, reinterpret_cast<sockaddr *>(&address), &length);
	*chosen = ntohs(address.sin_port);
	return fd;
}

[[noreturn]] static void
accept_clients(int listener, TlsContext &tls)
{
	for (;;)
	{
		int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), yes = 1;

		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
		std::thread(serve, fd, std::ref(tls)).detach();
	}
}

static void
run(int argc, char **argv)
{
	Options &o = shared().options;
	int port;

	for (int i = 1; i + 1 < argc; i += 2)
		set_option(o, argv[i], argv[i + 1]);
	make_databases(o);
	TlsContext tls(o.certificate, o.key, o.tls_version);
	int listener = listen_on(o.listen, o.port, &port);

	if (!o.port_file.empty())
	{
		std::ofstream(o.port_file + ".new") << port << "\n";
		std::rename((o.port_file + ".new").c_str(), o.port_file.c_str());
	}
	accept_clients(listener, tls);
}

} // namespace till

int
main(int argc, char **argv)
{
	std::signal(SIGPIPE, SIG_IGN);
	try
	{
		till::run(argc, argv);
	}
	catch (const std::exception &e)
	{
		std::fprintf(stderr, "till: %s\n", e.what());
	}
	catch (const till::PgError &e)
	{
		std::fprintf(stderr, "till: the private cluster says: %s\n", e.message.c_str());
	}
	return 1;
}
