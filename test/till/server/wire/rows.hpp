/* From PostgreSQL's binary COPY to TDS ROW tokens. */
#pragma once

#include "wire/tokens.hpp"

namespace till
{

/* One column's encoder, chosen once a result. */
class RowEncoder
{
	struct Column;
	using Encode = void (*)(std::string &out, const Column &column, const char *data, int length);
	struct Column
	{
		Encode encode;
		Type type;
		bool nullable;
		bool plp;      /* (max): partially length-prefixed */
		bool old_blob; /* text, ntext, image, with a text pointer */
		int codepage;
		long long text_size;
	};
	std::vector<Column> list;
	std::string row;

	static Encode encoder_for(const Type &type);
	static void null(std::string &out, const Column &column);
	static void integer(std::string &out, const Column &c, const char *data, int length);
	static void real(std::string &out, const Column &c, const char *data, int length);
	static void decimal(std::string &out, const Column &c, const char *data, int length);
	static void money(std::string &out, const Column &c, const char *data, int length);
	static void text(std::string &out, const Column &c, const char *data, int length);
	static void binary(std::string &out, const Column &c, const char *data, int length);
	static void guid(std::string &out, const Column &c, const char *data, int length);
	static void date(std::string &out, const Column &c, const char *data, int length);
	static void datetime(std::string &out, const Column &c, const char *data, int length);
	static void time(std::string &out, const Column &c, const char *data, int length);
	static void datetimeoffset(std::string &out, const Column &c, const char *data, int length);
	static void variant(std::string &out, const Column &c, const char *data, int length);
	static void sized(std::string &out, const Column &c, std::string_view bytes);

public:
	RowEncoder(const std::vector<OutputColumn> &columns, const TokenWriter &writer);
	/* A line of COPY ... (FORMAT binary); empty for its header and trailer. */
	const std::string &encode(const char *data, int length);
};

} // namespace till
