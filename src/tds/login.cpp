/*
 * Connecting: the checks, the login itself and the prologue.
 *
 * DB-Library's call that connects can be interrupted in one way only: "connect timeout = 1" in its
 * configuration (freetds_config.cpp) makes it raise SYBETIME once a second, and the error handler
 * waits on or gives up (messages.cpp).
 */
#include "tds/network.hpp"
#include "tds/state.hpp"
#include "tds/watchdog.hpp"
#include "tds/freetds_config.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <sybfront.h>
#include <sybdb.h>
#include <syberror.h>

namespace sambapos::tds
{

/* "Cannot open database ... Using ... instead": the wrong tables would be read. */
static constexpr int other_database = 4063;

/* The longest name in a TDS login packet. */
static constexpr size_t longest_name = 128;

static void
check_configurable(const char *option, const char *value)
{
	if (!is_configurable(value))
		throw Error("22023", std::string("invalid value for option ") + option, "",
					configurable_hint);
}

static void
check_name(const char *option, const char *value)
{
	if (strlen(value) > longest_name)
		throw Error("22023", std::string("option ") + option + " is too long", "",
					"The TDS login packet has room for 128 bytes.");
}

/* FreeTDS would only say that the login failed. */
static void
check_ca_file(const char *path)
{
	check_configurable("ca_file", path);
	if (path[0] == '\0' || access(path, R_OK) == 0)
		return;
	throw Error(errno == ENOENT ? "58P01" : "42501",
				std::string("could not read ca_file \"") + path + "\"",
				std::string(std::strerror(errno)) + ".");
}

/* The options' own limits are checked where they are set; here what FreeTDS would pass over. */
static void
check_numbers(const Login &login)
{
	static constexpr const char *versions[] = {"7.1", "7.2", "7.3", "7.4"};
	bool known = false;

	for (const char *version : versions)
		known = known || strcmp(login.tds_version, version) == 0;
	if (!known)
		throw Error("22023", "invalid value for option tds_version", "",
					"It may be 7.1, 7.2, 7.3 or 7.4.");
	if (login.port < 0 || login.port > 65535)
		throw Error("22023", "invalid value for option port", "", "It may be 1 to 65535.");
	if (login.port == 0 && (login.instance[0] == '\0' || strlen(login.instance) > 32))
		throw Error("22023", "invalid value for option instance", "", "It may have 1 to 32 bytes.");
	if (login.packet_size != 0 && (login.packet_size < 512 || login.packet_size > 32767))
		throw Error("22023", "invalid value for option packet_size", "",
					"It may be 512 to 32767, or 0 for the largest.");
}

static void
check_encryption(const Login &login)
{
	check_ca_file(login.ca_file);
	if (login.check_hostname && login.ca_file[0] == '\0')
		throw Error("22023", "option check_hostname needs ca_file", "",
					"Without ca_file the certificate of the server is not checked.");
	if (login.encryption == Encryption::off && login.ca_file[0] != '\0')
		throw Error("22023", "option ca_file contradicts encryption off", "",
					"Without encryption the server shows no certificate.");
	if (login.encryption != Encryption::off && login.min_tls == MinTls::tls1_2 &&
		!tls1_2_is_certain())
		throw Error("0A000", "this FreeTDS cannot exclude TLS 1.1", "",
					"Set min_tls to 1.1, or switch TLS 1.0 and 1.1 off for GnuTLS (section "
					"[overrides] of /etc/gnutls/config: disabled-version = tls1.0 and "
					"disabled-version = tls1.1) and start a new session.");
}

static void
check(const Login &login)
{
	check_name("database", login.database);
	check_name("username", login.username);
	check_name("password", login.password);
	check_name("application_name", login.application_name);
	check_configurable("host", login.host);
	check_numbers(login);
	check_encryption(login);
	if (login.host[0] == '\0')
		throw Error("22023", "no host given", "", "Set the server option host.");
	if (login.username[0] == '\0')
		throw Error("28000", "no user name given", "",
					"Create a user mapping with username and password.");
}

using LoginRecord = std::unique_ptr<LOGINREC, void (*)(LOGINREC *)>;

static LoginRecord
login_record(const Login &login)
{
	LoginRecord record(dblogin(), dbloginfree);

	if (record == nullptr || DBSETLUSER(record.get(), login.username) != SUCCEED ||
		DBSETLPWD(record.get(), login.password) != SUCCEED ||
		DBSETLAPP(record.get(), login.application_name) != SUCCEED ||
		DBSETLCHARSET(record.get(), "UTF-8") != SUCCEED ||
		(login.database[0] != '\0' && DBSETLDBNAME(record.get(), login.database) != SUCCEED))
		throw std::bad_alloc();
	return record;
}

/* The server refused the login, or did not answer in time. */
static bool
has_reason(const Record &record) noexcept
{
	return record.server_number != 0 || record.interrupted || record.timed_out;
}

/* The usual causes, where nothing could be found out. */
static Error
usual_error(const Session &session, const Login &login)
{
	std::string detail;

	if (session.record.library_number != 0 && session.record.library_number != SYBEFCON)
		detail = to_error(session.record, session.wait, session.peer.c_str(), true).detail();
	if (login.encryption == Encryption::off)
		return Error("08001", "login to " + session.peer + " was cut off", detail,
					 "Check that this is a SQL Server, and that it does not require encryption.",
					 session.record.library_number, true);
	return Error("08001", "no encrypted connection to " + session.peer, detail,
				 login.ca_file[0] != '\0'
					 ? "Check that this is a SQL Server, that its certificate is signed by "
					   "ca_file, has not expired and names this host (check_hostname), and that it "
					   "has a TLS version that min_tls allows."
					 : "Check that this is a SQL Server, that it offers encryption (see the server "
					   "option encryption), and that it has a TLS version that min_tls allows.",
				 session.record.library_number, true);
}

/* The library says only that the login failed. */
static Error
login_error(const Session &session, const Attempt &attempt, const Address &address)
{
	if (has_reason(session.record))
		return to_error(session.record, session.wait, session.peer.c_str(), true);
	if (std::optional<Error> found = diagnose(attempt, address, session.peer))
		return *found;
	return usual_error(session, attempt.login);
}

/* One attempt of the library to connect lasts a second at most. */
static bool
may_try_again(const Session &session, const Login &login) noexcept
{
	const Record &record = session.record;

	return record.library_number == SYBECONN && !record.interrupted && !record.timed_out &&
		   !attend(session.wait.interrupts) &&
		   (login.connect_timeout == 0 ||
			Clock::now() - session.wait.started < std::chrono::seconds(login.connect_timeout));
}

/* FreeTDS has switched keep-alive on, which finds a dead network while nothing is being sent (after
 * 40 s, and some tries); while something is, the system would try on for a quarter of an hour. */
static void
set_up_socket(int descriptor) noexcept
{
	/* no child of this process, such as COPY TO PROGRAM's, inherits the connection */
	fcntl(descriptor, F_SETFD, FD_CLOEXEC);
#ifdef TCP_USER_TIMEOUT
	static constexpr unsigned int milliseconds = 60000;

	setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
#endif
}

static void
log_in(Session *session, const Attempt &attempt, const Address &address)
{
	const Login &login = attempt.login;

	session->wait.login = true;
	session->wait.timeout = login.connect_timeout;
	expect_descriptor(&session->wait);
	{
		Call call(&session->record, &session->wait);
		FreetdsConfig config(attempt, address.text);
		LoginRecord record = login_record(login);
		do
		{
			begin_call(&session->record, &session->wait);
			session->wait.started = attempt.started;
			session->process = dbopen(record.get(), FreetdsConfig::section);
		} while (session->process == nullptr && may_try_again(*session, login));
	}
	if (session->process == nullptr)
		throw login_error(*session, attempt, address);
	if (session->record.server_number == other_database)
		throw to_error(session->record, session->wait, session->peer.c_str(), true);
	session->wait.login = false;
	session->wait.timeout = login.query_timeout;
	session->wait.descriptor = dbiordesc(session->process);
	watch_interrupts(session->process);
	set_up_socket(dbiordesc(session->process));
}

/* A DB-Library login has ANSI rules off, a small TEXTSIZE and the login's own language: with these
 * settings the server computes and prints as our literals and comparisons expect. LOW: in a
 * deadlock the till wins. */
static std::string
prologue(const Login &login)
{
	return "SET ANSI_NULLS ON; SET ANSI_WARNINGS ON; SET ANSI_PADDING ON; "
		   "SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON; SET ARITHABORT ON; "
		   "SET NOCOUNT ON; SET IMPLICIT_TRANSACTIONS OFF; SET XACT_ABORT OFF; "
		   "SET TEXTSIZE 2147483647; SET LANGUAGE us_english; SET DATEFORMAT ymd; "
		   "SET DATEFIRST 7; SET DEADLOCK_PRIORITY LOW; SET LOCK_TIMEOUT " +
		   std::to_string(login.lock_timeout);
}

/* The bytes of a batch in TDS, unencrypted: headers of packets, header of the request, UTF-16. */
static std::uint64_t
clear_size(const Session &session, size_t characters) noexcept
{
	static constexpr int packet_header = 8, request_header = 22; /* the latter since TDS 7.2 */
	auto payload = static_cast<int>(2 * characters) +
				   (dbtds(session.process) >= DBTDS_7_2 ? request_header : 0);
	int room = dbgetpacket(session.process) - packet_header;

	return static_cast<std::uint64_t>(payload + (payload + room - 1) / room * packet_header);
}

/* Runs the prologue, which is no secret, and looks whether it left encrypted. */
static void
begin_session(Session *session, const Login &login)
{
	std::string text = prologue(login);
	std::uint64_t before = bytes_written(descriptor(session));

	session->prologue = text;
	execute(session, text.c_str());
	session->database = dbname(session->process);
	if (login.encryption == Encryption::require &&
		left_in_clear(before, bytes_written(descriptor(session)),
					  clear_size(*session, text.size())))
		throw Error("08001", "no encrypted connection to " + session->peer,
					"The server, or a machine between, asks for encryption of the login only.",
					"Check the network and the server's encryption settings.", 0, true);
}

static Attempt
attempt_now(const Login &login, const Interrupts *interrupts)
{
	Clock::time_point now = Clock::now();
	auto limit = login.connect_timeout > 0 ? std::chrono::seconds(login.connect_timeout)
										   : std::chrono::hours(24 * 365);

	return {login, interrupts, now, now + limit, login.port};
}

Session *
open(const Login &login, const Interrupts *interrupts)
{
	auto session = std::make_unique<Session>();

	check(login);
	session->wait.interrupts = interrupts;
	session->query_timeout = login.query_timeout;

	Attempt attempt = attempt_now(login, interrupts);
	std::vector<Address> addresses = resolve(attempt);
	if (attempt.port == 0)
		attempt.port = ask_browser(attempt, addresses);
	session->peer = host_and_port(login.host, attempt.port);
	log_in(session.get(), attempt, probe(attempt, addresses));
	begin_session(session.get(), login);
	return session.release();
}

} // namespace sambapos::tds
