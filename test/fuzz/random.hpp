/*
 * Numbers that are the same on every machine for the same seed (splitmix64).
 */
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace fuzz
{

class Random
{
public:
	explicit Random(std::uint64_t seed) : state_(seed) {}

	std::uint64_t next()
	{
		std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;

		z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
		z = (z ^ z >> 27) * 0x94D049BB133111EBu;
		return z ^ z >> 31;
	}
	/* 0 to count - 1; 0 if there is none. */
	std::size_t below(std::size_t count) { return count == 0 ? 0 : next() % count; }
	int between(int from, int to)
	{
		return from + static_cast<int>(below(static_cast<std::size_t>(to - from) + 1));
	}
	bool one_in(int times) { return below(static_cast<std::size_t>(times)) == 0; }
	template <typename T> T one_of(std::initializer_list<T> list)
	{
		return list.begin()[below(list.size())];
	}
	std::string bytes(std::size_t count)
	{
		std::string result(count, '\0');

		for (char &c : result)
			c = static_cast<char>(next());
		return result;
	}

private:
	std::uint64_t state_;
};

} // namespace fuzz
