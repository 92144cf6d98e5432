/*
 * The JSON of SambaPOS's text columns, as .NET's DataContractJsonSerializer writes it: keys in
 * alphabetical order, "/" as "\/", dates as UTC milliseconds with the offset behind. The till's
 * zone is +0300.
 */
#pragma once

#include "player/clock.hpp"
#include "client/connection.hpp"
#include "player/money.hpp"

#include <string>

namespace tillctl
{

std::string json_string(const std::string &text);
std::string json_date(Time time);

/* Adds an object to the array in a column that may be NULL, empty or "[]". */
void json_append(Value &array, const std::string &object);

/* One modifier of an order line: all thirteen keys, or only those that are not default. */
struct Modifier
{
	int group = 0;
	int menu_item = 0;
	std::string group_name;
	std::string tag;
	std::string note;
	std::string key;
	Cents price = 0;
	int quantity = 1;
	bool add_to_price = false;
	bool free_tag = false;
	bool tax_free = false;
	int user = 0;
};

std::string modifier_json(const Modifier &modifier, bool every_key);
std::string order_state_json(const std::string &group, const std::string &state,
							 const std::string &value, int user, Time time);
std::string ticket_state_json(const std::string &group, const std::string &state, Time time);
std::string ticket_log_json(const std::string &number, const std::string &user,
							const std::string &category, const std::string &text, Time time);
std::string ticket_tag_json(const std::string &name, const std::string &value);
std::string tax_json(int transaction_type, const std::string &name, int rate, int template_id);
std::string name_value_json(const std::string &name, const std::string &value);

/* What an OrderTags text adds to the unit price: the sum of PR * Q, where a missing key is 0. */
Cents modifiers_price(const Value &order_tags);

/* The number after "KEY": in a Taxes text; 0 if there is none. */
int json_number(const Value &text, const std::string &key);

} // namespace tillctl
