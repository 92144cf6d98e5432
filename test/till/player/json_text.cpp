/*
 * Writers for each element, and the two small readers that a recalculation needs.
 */
#include "player/json_text.hpp"

#include <cstdio>

namespace tillctl
{

/* Escapes what DataContractJsonSerializer escapes, "/" included; letters stay as they are. */
std::string
json_string(const std::string &text)
{
	std::string result = "\"";
	char escape[8];

	for (char c : text)
		if (c == '"' || c == '\\' || c == '/')
			result += std::string("\\") + c;
		else if (static_cast<unsigned char>(c) < 0x20)
		{
			snprintf(escape, sizeof(escape), "\\u%04x", c);
			result += escape;
		}
		else
			result += c;
	return result + "\"";
}

std::string
json_date(Time time)
{
	return "\"\\/Date(" + std::to_string(time - 3 * hour) + "+0300)\\/\"";
}

/* A text that was cut (no "]" at its end) is left alone, as the application would. */
void
json_append(Value &array, const std::string &object)
{
	if (!array || array->size() < 3)
		array = "[" + object + "]";
	else if (array->back() == ']')
		array->replace(array->size() - 1, 1, "," + object + "]");
}

/* Keys with default values are left out unless every one is asked for; Q is never left out here,
 * since a missing Q means 0. */
std::string
modifier_json(const Modifier &m, bool every_key)
{
	std::string text;
	auto add = [&](const char *key, const std::string &value)
	{ text += (text.empty() ? "\"" : ",\"") + std::string(key) + "\":" + value; };
	auto flag = [](bool value) { return std::string(value ? "true" : "false"); };

	if (every_key || m.add_to_price)
		add("AP", flag(m.add_to_price));
	if (every_key || m.free_tag)
		add("FT", flag(m.free_tag));
	if (every_key || m.menu_item != 0)
		add("MI", std::to_string(m.menu_item));
	add("OI", std::to_string(m.group));
	add("OK", json_string(m.key));
	if (every_key)
		add("PN", "null");
	if (every_key || m.price != 0)
		add("PR", m.price % 100 == 0 ? std::to_string(m.price / 100) : money_text(m.price));
	add("Q", std::to_string(m.quantity));
	if (every_key || m.tax_free)
		add("TF", flag(m.tax_free));
	add("TN", json_string(m.group_name));
	if (every_key || !m.note.empty())
		add("TO", json_string(m.note));
	add("TV", json_string(m.tag));
	add("UI", std::to_string(m.user));
	return "{" + text + "}";
}

std::string
order_state_json(const std::string &group, const std::string &state, const std::string &value,
				 int user, Time time)
{
	return "{\"D\":" + json_date(time) + ",\"OK\":\"\",\"S\":" + json_string(state) +
		   ",\"SN\":" + json_string(group) + ",\"SV\":" + json_string(value) +
		   ",\"U\":" + std::to_string(user) + "}";
}

std::string
ticket_state_json(const std::string &group, const std::string &state, Time time)
{
	return "{\"D\":" + json_date(time) + ",\"S\":" + json_string(state) +
		   ",\"SN\":" + json_string(group) + "}";
}

std::string
ticket_log_json(const std::string &number, const std::string &user, const std::string &category,
				const std::string &text, Time time)
{
	return "{\"C\":" + json_string(category) + ",\"D\":" + json_date(time) +
		   ",\"L\":" + json_string(text) + ",\"N\":" + json_string(number) +
		   ",\"U\":" + json_string(user) + "}";
}

std::string
ticket_tag_json(const std::string &name, const std::string &value)
{
	return "{\"TN\":" + json_string(name) + ",\"TT\":0,\"TV\":" + json_string(value) + "}";
}

std::string
tax_json(int transaction_type, const std::string &name, int rate, int template_id)
{
	return "{\"AT\":" + std::to_string(transaction_type) + ",\"RN\":0,\"TN\":" + json_string(name) +
		   ",\"TR\":" + money_text(rate * 100) + ",\"TT\":" + std::to_string(template_id) + "}";
}

std::string
name_value_json(const std::string &name, const std::string &value)
{
	return "{\"Name\":" + json_string(name) + ",\"Value\":" + json_string(value) + "}";
}

namespace
{

/* The number after `"KEY":` between two places, as an integer with two decimals. */
std::int64_t
number_after(const std::string &text, const std::string &key, size_t from, size_t to)
{
	size_t at = text.find("\"" + key + "\":", from);

	if (at == std::string::npos || at >= to)
		return 0;
	at += key.size() + 3;
	return parse_fixed(text.substr(at, text.find_first_not_of("-.0123456789", at) - at), 2);
}

} // namespace

Cents
modifiers_price(const Value &order_tags)
{
	Cents sum = 0;

	if (!order_tags)
		return 0;
	for (size_t from = order_tags->find('{'); from != std::string::npos;)
	{
		size_t to = order_tags->find('{', from + 1);
		size_t end = to == std::string::npos ? order_tags->size() : to;
		sum += number_after(*order_tags, "PR", from, end) *
			   number_after(*order_tags, "Q", from, end) / 100;
		from = to;
	}
	return sum;
}

int
json_number(const Value &text, const std::string &key)
{
	return text ? static_cast<int>(number_after(*text, key, 0, text->size()) / 100) : 0;
}

} // namespace tillctl
