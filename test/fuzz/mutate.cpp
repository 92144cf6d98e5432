/* Mutations; see mutate.hpp. */
#include "mutate.hpp"

#include <algorithm>

namespace fuzz
{

static Field *
random_field(Reply *reply, Kind kind, Random *random)
{
	std::vector<Field *> found;

	for (Token &token : *reply)
		for (Field &field : token)
			if (field.kind == kind && !field.bytes.empty())
				found.push_back(&field);
	return found.empty() ? nullptr : found[random->below(found.size())];
}

static void
set_number(Field *field, std::uint64_t value)
{
	for (std::size_t i = 0; i < field->bytes.size(); i++)
		field->bytes[i] = static_cast<char>(i < 8 ? value >> (8 * i) : 0);
}

static std::uint64_t
number_of(const Field &field)
{
	std::uint64_t value = 0;

	for (std::size_t i = 0; i < field.bytes.size() && i < 8; i++)
		value |= static_cast<std::uint64_t>(static_cast<unsigned char>(field.bytes[i])) << (8 * i);
	return value;
}

static std::uint64_t
odd_number(std::uint64_t now, Random *random)
{
	static const std::uint64_t edges[] = {0,
										  1,
										  0x7F,
										  0x80,
										  0xFF,
										  0x100,
										  0x7FFF,
										  0x8000,
										  0xFFFE,
										  0xFFFF,
										  0x7FFFFFFE,
										  0x7FFFFFFF,
										  0x80000000,
										  0xFFFFFFFF,
										  0x100000000,
										  0x7FFFFFFFFFFFFFFF,
										  0x8000000000000000,
										  0xFFFFFFFFFFFFFFFE,
										  0xFFFFFFFFFFFFFFFF};

	switch (random->below(5))
	{
		case 0: return now + 1;
		case 1: return now - 1;
		case 2: return random->next();
		case 3: return random->below(300);
		default: return edges[random->below(std::size(edges))];
	}
}

/* The codes of types, of SQL Server and of Sybase. */
static int
some_type(Random *random)
{
	return random->one_of({0x1F, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2D,
						   0x2F, 0x30, 0x31, 0x32, 0x33, 0x34, 0x37, 0x38, 0x3A, 0x3B, 0x3C, 0x3D,
						   0x3E, 0x3F, 0x40, 0x41, 0x42, 0x43, 0x51, 0x62, 0x63, 0x67, 0x68, 0x6A,
						   0x6C, 0x6D, 0x6E, 0x6F, 0x7A, 0x7B, 0x7F, 0x93, 0xA5, 0xA7, 0xAD, 0xAE,
						   0xAF, 0xBB, 0xBC, 0xBF, 0xE1, 0xE7, 0xEF, 0xF0, 0xF1, 0xFF});
}

static void
change_field(Reply *reply, Random *random)
{
	Kind kind = random->one_of({Kind::length, Kind::length, Kind::length, Kind::type, Kind::type,
								Kind::number, Kind::bytes, Kind::token});
	Field *field = random_field(reply, kind, random);

	if (field == nullptr)
		return;
	switch (kind)
	{
		case Kind::length:
		case Kind::number: set_number(field, odd_number(number_of(*field), random)); break;
		case Kind::type: set_number(field, static_cast<unsigned>(some_type(random))); break;
		case Kind::token: set_number(field, random->below(256)); break;
		case Kind::bytes:
			if (random->one_in(2))
				field->bytes = random->bytes(field->bytes.size());
			else
				field->bytes = random->bytes(random->below(40));
			break;
	}
}

static std::size_t
position(const Reply &reply, Random *random)
{
	return random->below(reply.size() + 1);
}

static void
change_tokens(Reply *reply, Version version, bool deadly, Random *random)
{
	auto at = reply->begin() + static_cast<std::ptrdiff_t>(position(*reply, random));
	auto with = static_cast<std::ptrdiff_t>(random->below(reply->size()));

	switch (random->below(5))
	{
		case 0: reply->insert(at, any_token(version, deadly, random)); break;
		case 1: add_strange_tokens(reply, position(*reply, random), version, deadly, random); break;
		case 2:
			if (!reply->empty())
				reply->erase(reply->begin() + with);
			break;
		case 3:
			if (!reply->empty())
			{
				Token copy = (*reply)[static_cast<std::size_t>(with)];
				reply->insert(at, copy);
			}
			break;
		default:
			if (!reply->empty() && at != reply->end())
				std::swap(*at, (*reply)[static_cast<std::size_t>(with)]);
			break;
	}
}

void
mutate(Reply *reply, Version version, bool deadly, Random *random)
{
	for (int i = random->one_of({1, 1, 1, 2, 3, 6}); i > 0; i--)
	{
		if (random->one_in(3))
			change_tokens(reply, version, deadly, random);
		else
			change_field(reply, random);
	}
}

void
mutate_values(Reply *reply, Random *random)
{
	for (Token &token : *reply)
		if (token[0].bytes == "\xD1") /* a row that is not compressed */
			for (Field &field : token)
				if (field.kind == Kind::bytes && random->one_in(6))
					field.bytes = random->bytes(field.bytes.size());
}

void
mutate_bytes(std::string *bytes, Random *random)
{
	switch (random->below(5))
	{
		case 0: /* cut */ bytes->resize(random->below(bytes->size() + 1)); break;
		case 1: /* nothing that it should be */ *bytes = random->bytes(random->below(300)); break;
		case 2: /* too much */ *bytes += random->bytes(random->below(300)); break;
		case 3: /* a piece lost */
			bytes->erase(random->below(bytes->size() + 1), 1 + random->below(8));
			break;
		default:
			for (std::size_t i = 1 + random->below(6); i > 0 && !bytes->empty(); i--)
				(*bytes)[random->below(bytes->size())] = static_cast<char>(random->next());
			break;
	}
}

static std::string
packet(const std::string &payload, int type, int status, std::size_t length, int number)
{
	std::string out;

	out += static_cast<char>(type);
	out += static_cast<char>(status);
	out += static_cast<char>(length >> 8);
	out += static_cast<char>(length);
	out += {'\0', '\0', static_cast<char>(number), '\0'};
	return out + payload;
}

std::string
packets(const std::string &bytes, int type, std::size_t size)
{
	std::string out;
	int number = 0;

	for (std::size_t at = 0; at < bytes.size() || number == 0;)
	{
		std::size_t piece = std::min(bytes.size() - at, size);
		bool last = at + piece == bytes.size();

		out += packet(bytes.substr(at, piece), type, last, piece + 8, ++number);
		at += piece;
	}
	return out;
}

std::string
odd_packets(const std::string &bytes, int type, Random *random)
{
	std::string out;

	for (std::size_t at = 0; at < bytes.size() || out.empty();)
	{
		std::size_t piece = std::min(bytes.size() - at, 1 + random->below(60));
		bool last = at + piece == bytes.size();
		std::size_t length = piece + 8;

		if (random->one_in(8))
			length = random->one_of<std::size_t>({0, 1, 7, 8, 9, length + 1, 0x7FFF, 0xFFFF});
		out += packet(bytes.substr(at, piece),
					  random->one_in(12) ? static_cast<int>(random->below(256)) : type,
					  random->one_in(8) ? static_cast<int>(random->below(256)) : last, length,
					  static_cast<int>(random->below(256)));
		at += piece;
	}
	return out;
}

} // namespace fuzz
