/*
 * What all connections share: the options the server was started with, the databases and their
 * flags, the register of connections, and the switches of EXEC till_control. Everything behind one
 * mutex.
 */
#pragma once

#include "wire/channel.hpp"

#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <utility>
#include <string>
#include <vector>

namespace till
{

struct Options
{
	std::string listen = "127.0.0.1";
	int port = 0;                 /* 0: any */
	std::string socket_directory; /* of the private cluster */
	std::string certificate, key, tls_version = "1.2";
	std::string encryption = "optional"; /* off, login, optional, required */
	std::string user = "till", password = "till-secret";
	std::string database = "SambaPOS";
	std::string collation = "SQL_Latin1_General_CP1_CI_AS"; /* of databases made without one */
	std::string snapshot,
		row_versions;        /* on, off; empty: as the database has it, at first on and off */
	bool read_locks = false; /* READ COMMITTED waits for writers, table by table */
	int packet_size = 32767;
	std::string sql_directory; /* dates.sql to catalog.sql, see make_databases() */
	std::string port_file;
};

struct DatabaseInfo
{
	std::string name, collation;
	bool snapshot = false, row_versions = false;
};

struct ConnectionInfo
{
	int spid = 0;
	int backend = 0; /* its process of the private cluster */
	std::string application, login, host, login_time, status = "sleeping", database;
	Channel *channel = nullptr;
	long long bytes_sent = 0, attentions = 0; /* when the list was asked for */
};

/* What a client asked and how it was answered: a row of till.requests. */
struct RequestInfo
{
	long long number = 0;
	int spid = 0;
	std::string application, kind, sql, started;
	long long rows = 0, bytes = 0, milliseconds = 0;
	int error = 0;
	bool finished = false;
};

/* The switches; each documented in README.md. */
struct Switches
{
	std::string applies_to = "sambapos_fdw%";
	int fail_next = 0;
	long long cut_after_bytes = -1;
	long long hang_after_bytes = -1;
	long long error_after_rows = -1;
	long long hold_at_select = -1; /* how many are answered before one is held; -1: none is */
	bool hang = false, login_hang = false, garbage_next = false;
	bool national_as_utf8 = false; /* the bytes of nvarchar, as another server would have them */
	int slow_ms_per_packet = 0, slow_ms_per_select = 0;
	long long data_file_mb = -1;                 /* -1: as large as it is */
	std::map<std::string, std::string> property; /* of the server, by folded name */
};

class Shared
{
	std::mutex mutex;
	std::map<std::string, DatabaseInfo> databases; /* by folded name */
	std::list<ConnectionInfo> connections;
	Switches switches;
	int next_spid = 51;
	long long total = 0;
	std::deque<RequestInfo> requests; /* the last ones, within limits */
	long long requests_ever = 0;
	size_t requests_bytes = 0;

	bool applies(const std::string &application) const; /* under the mutex */

public:
	Options options;

	/* databases */
	void add_database(const DatabaseInfo &info);
	void drop_database(const std::string &name);
	bool find_database(const std::string &name, DatabaseInfo *info);

	/* connections */
	ConnectionInfo *connected(Channel *channel);
	void disconnected(ConnectionInfo *info);
	void introduce(ConnectionInfo *info, const std::string &application, const std::string &login,
				   const std::string &host);
	void describe(ConnectionInfo *info, const std::string &status);
	void moved(ConnectionInfo *info, const std::string &database, int backend);
	std::vector<ConnectionInfo> list_connections();
	long long connections_ever();
	bool kill(int spid);

	/* requests */
	long long begin_request(const ConnectionInfo &info, const std::string &kind,
							const std::string &sql);
	void finish_request(const RequestInfo &result);
	std::vector<RequestInfo> list_requests();

	/* switches */
	void set_switch(const std::string &name,
					const std::string &value); /* throws 50000 for unknown ones */
	std::vector<std::pair<std::string, std::string>> list_switches();
	bool hangs(const std::string &application, bool login);
	bool hangs_in_answers();
	/* Arms the line for one request of this application: cut, slow. */
	void arm(Channel &channel, const std::string &application);
	int take_failure(const std::string &application);
	long long take_error_after_rows(const std::string &application);
	int slow_select(const std::string &application);
	/* True if this one is the one to be held; then whether it still is. */
	bool take_hold(const std::string &application);
	bool holds();
	bool national_as_utf8(const std::string &application);
	bool take_garbage(const std::string &application);
	long long data_file_mb();
	std::map<std::string, std::string> properties();
};

Shared &shared();

} // namespace till
