/*
 * A TDS server on a loopback port whose connections follow a Conversation, or answers from a file.
 * It lives in threads of the process that uses it.
 */
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "answers.hpp"

namespace fuzz
{

class HostileServer
{
public:
	/* Makes the next connection's answers; asked with each connection that says something. */
	using Script = std::function<std::function<Answer(const Message &)>()>;

	/* `open` counts the connections that the client has not closed yet; its own if none is given.
	 */
	explicit HostileServer(Script script, std::atomic<int> *open = nullptr);
	~HostileServer();
	HostileServer(const HostileServer &) = delete;
	HostileServer &operator=(const HostileServer &) = delete;

	int port() const { return port_; }

	/* Waits for them to go; false if some are still there after so many seconds. */
	bool wait_until_closed(double seconds) const;

private:
	void accept_connections();
	void converse(int socket);

	Script script_;
	int listener_ = -1;
	int port_ = 0;
	std::atomic<int> own_{0};
	std::atomic<int> &open_;
	std::atomic<int> threads_{0};
	std::atomic<bool> stopping_{false};
};

/* Answers in their order, whatever is asked; silence when there are no more. */
std::function<Answer(const Message &)> replay(std::vector<Answer> answers);

/* The same answers, each written to a file before it goes out. */
std::function<Answer(const Message &)> recorded(std::function<Answer(const Message &)> answers,
												const std::string &path);

} // namespace fuzz
