/*
 * The private freetds.conf, and the environment that is hidden from FreeTDS.
 *
 * FreeTDS 1.3 takes encryption, CA file and port only from a configuration file. So each login
 * writes one, readable by us alone and without any secret, names it with dbsetifile() and removes
 * it as soon as dbopen() has returned, or when the process ends within it (Interrupts::attend).
 * dbsetifile() is process-global and cannot be asked for its earlier value; it is set back to
 * "none".
 *
 * "connect timeout = 1" in that file makes FreeTDS raise SYBETIME once a second during the login,
 * the only point at which a login can be interrupted.
 *
 * Its environment comes before that file: TDSHOST, TDSPORT and TDSVER would lead the login
 * elsewhere, and with TDSDUMP it writes the password down in clear. So these are taken away for the
 * time of a login. (A dump that another library of this process has already made it begin cannot be
 * ended by us.) A name server that was given up is still being asked by a thread, which may read
 * the environment: that is waited for. Where none of them is set, nothing is changed.
 */
#include "tds/freetds_config.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <sybfront.h>
#include <sybdb.h>

namespace sambapos::tds
{

/* FreeTDS reads lines of 255 characters, stops a value at a comment sign, and makes one space of
 * several. */
bool
is_configurable(const char *value) noexcept
{
	size_t length = strlen(value);

	return length <= 200 && strpbrk(value, "#;\r\n") == nullptr && strstr(value, "  ") == nullptr &&
		   value[0] != ' ' && (length == 0 || value[length - 1] != ' ');
}

static const char *
encryption_word(Encryption encryption) noexcept
{
	switch (encryption)
	{
		case Encryption::off: return "off";
		case Encryption::request: return "request";
		case Encryption::require: return "require";
	}
	return "require";
}

/* Encrypted packets are limited to half the size. With "request" the server decides, so we do not
 * ask for more than it could give. */
static int
packet_size(const Login &login) noexcept
{
	if (login.packet_size > 0)
		return login.packet_size;
	return login.encryption == Encryption::off ? 32767 : 16383;
}

/* The certificate names the host as the user knows it, so FreeTDS must know it by that name where
 * names are compared; elsewhere the address that has just answered is surer. */
static std::string
conf_text(const Attempt &attempt, const std::string &address)
{
	const Login &login = attempt.login;
	std::string text = std::string("[") + FreetdsConfig::section + "]\n";

	text += "host = " + (login.check_hostname || address.empty() ? login.host : address) + "\n";
	text += "port = " + std::to_string(attempt.port) + "\n";
	text += std::string("tds version = ") + login.tds_version + "\n";
	text += std::string("encryption = ") + encryption_word(login.encryption) + "\n";
	text += "client charset = UTF-8\n";
	text += "connect timeout = 1\n";
	text += "initial block size = " + std::to_string(packet_size(login)) + "\n";
	text += std::string("enable tls v1 = ") + (login.min_tls == MinTls::tls1_0 ? "yes" : "no") +
			"\n"; /* FreeTDS's own default is yes */
	if (login.ca_file[0] != '\0')
		text += std::string("ca file = ") + login.ca_file + "\n";
	text +=
		std::string("check certificate hostname = ") + (login.check_hostname ? "yes" : "no") + "\n";
	return text;
}

[[noreturn]] static void
cannot_write(const std::string &path)
{
	throw Error("58030", "could not write \"" + path + "\"",
				std::string(std::strerror(errno)) + ".",
				"FreeTDS reads the address and encryption of a server from a file.");
}

/* Writes the text to a new file, 0600, and returns its path. */
static std::string
write_file(const std::string &text)
{
	const char *directory = getenv("TMPDIR");
	std::string path =
		std::string(directory != nullptr && directory[0] == '/' ? directory : "/tmp") +
		"/sambapos_fdw.XXXXXX";
	int descriptor = mkstemp(path.data());

	if (descriptor < 0)
		cannot_write(path);
	bool written = write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
	int error = errno;
	close(descriptor);
	if (!written)
	{
		unlink(path.c_str());
		errno = error;
		cannot_write(path);
	}
	return path;
}

static constexpr const char *variables[] = {"TDSDUMP", "TDSDUMPCONFIG", "TDSHOST",
											"TDSPORT", "TDSQUERY",      "TDSVER"};

/* Before anything is to be put back. */
static void
prepare_environment(const Attempt &attempt)
{
	for (const char *name : variables)
		if (getenv(name) != nullptr && !wait_for_resolver(attempt))
			throw Error("08001",
						std::string("cannot connect to \"") + attempt.login.host +
							"\" while a name server is still being asked for another host",
						std::string("The environment variable ") + name +
							" would change where the connection goes, and cannot be removed while "
							"a thread reads the environment.",
						"Try again, or start the database server without that variable.", 0, true);
}

static std::string
make_file(const Attempt &attempt, const std::string &address)
{
	prepare_environment(attempt);
	return write_file(conf_text(attempt, address));
}

static const char *file_in_use = nullptr;

static void
remove_file_in_use() noexcept
{
	if (file_in_use != nullptr)
		unlink(file_in_use);
}

FreetdsConfig::FreetdsConfig(const Attempt &attempt, const std::string &address)
	: path_(make_file(attempt, address))
{
	[[maybe_unused]] static int registered = std::atexit(remove_file_in_use);

	file_in_use = path_.c_str();
	for (const char *name : variables)
		if (const char *value = getenv(name))
		{
			environment_.emplace_back(name, value);
			unsetenv(name);
		}
	dbsetifile(path_.data());
}

FreetdsConfig::~FreetdsConfig()
{
	char none[] = "";

	dbsetifile(none);
	remove_file_in_use();
	file_in_use = nullptr;
	for (const auto &variable : environment_)
		setenv(variable.first, variable.second.c_str(), 1);
}

} // namespace sambapos::tds
