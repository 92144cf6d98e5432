/*
 * What a server answers, message by message: as it should, or hostile. The same seed and the same
 * messages give the same answers.
 */
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tokens.hpp"

namespace fuzz
{

enum class After
{
	go_on,
	hang_up, /* unless the client says something soon: it may be waiting for more */
	close,
	silence /* nothing more, but the connection stays */
};

/* What goes over the wire for one message, packet headers included. */
struct Answer
{
	std::string bytes;
	std::string flood; /* sent again and again behind it, until the client has gone */
	After after = After::go_on;
};

struct Message
{
	int type = 0;
	std::string body;
};

enum MessageType
{
	batch_message = 0x01,
	attention_message = 0x06,
	login_message = 0x10,
	prelogin_message = 0x12
};

/* How hostile; each is a chance in the plan of a connection. */
struct Manner
{
	bool hostile = true;
	bool floods = true;  /* each costs a second and more, until the client gives up */
	bool silence = true; /* so does this */
	bool deadly = true;  /* tokens that FreeTDS is known to die of (doc/hostile-servers.md) */
};

/* One connection. */
class Conversation
{
public:
	Conversation(std::uint64_t seed, Manner manner);
	Answer answer(const Message &message);

private:
	enum class Plan
	{
		/* which answers are changed */
		prelogin,
		login,
		statements,
		attentions,
		catalog,
		some,
		queries,
		values,     /* of queries: only what stands in the fields of rows */
		other_types /* nothing is wrong but the types of columns */
	};

	static Plan choose(Random *random);
	Reply good_answer(const Message &message);
	Reply batch_answer(const std::string &sql);
	void add_done(Reply *reply, const std::string &sql, bool more);
	void add_result(Reply *reply, const std::string &sql);
	bool is_target(const Message &message, const std::string &sql);
	Answer hostile_answer(Reply reply);

	Random contents_;
	Random mutations_;
	Manner manner_;
	Plan plan_;
	Version version_ = 0x74;
	bool transaction_ = false;
};

/* Answers read from a file, whatever is asked; see fuzz.md. */
std::vector<Answer> read_answers(const std::string &path);
void write_answer(const std::string &path, const Answer &answer); /* appends */

} // namespace fuzz
