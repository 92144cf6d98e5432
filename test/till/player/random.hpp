/*
 * Random numbers that are the same on every machine: splitmix64, and no standard distribution
 * (their results differ between libraries).
 */
#pragma once

#include <cstdint>
#include <string>

namespace tillctl
{

class Random
{
public:
	explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}

	std::uint64_t next()
	{
		std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
		z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
		z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
		return z ^ (z >> 31);
	}
	int below(int limit) { return static_cast<int>(next() % static_cast<std::uint64_t>(limit)); }
	int between(int low, int high) { return low + below(high - low + 1); }
	bool chance(int percent) { return below(100) < percent; }
	bool per_mille(int n) { return below(1000) < n; }
	template <typename List> auto &pick(List &list) { return list[next() % std::size(list)]; }
	/* 22 characters, as the base64 of a GUID. */
	std::string uid()
	{
		static const char letters[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
		std::string text;
		for (int i = 0; i < 22; i++)
			text += letters[below(64)];
		return text;
	}

private:
	std::uint64_t state_;
};

} // namespace tillctl
