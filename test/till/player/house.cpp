/*
 * People, places and accounts of the house; the menu is in menu.cpp.
 */
#include "player/house.hpp"

#include "player/json_text.hpp"

#include <cstdio>

namespace tillctl
{

const Named &
transaction_type_of(int id)
{
	namespace t = account_type;
	static const Named list[] = {
		{"Sale Transaction", t::sales, t::receivable, account::sales, account::receivables},
		{"Banket Satışı", t::sales, t::customer, account::banquet, 0},
		{"Nakit Tahsilat", t::receivable, t::payment, account::receivables, account::cash},
		{"Credit Card Payment", t::receivable, t::payment, account::receivables, account::card},
		{"Voucher Payment", t::receivable, t::payment, account::receivables, account::voucher},
		{"Room Charge", t::receivable, t::room, account::receivables, 0},
		{"İndirim", t::receivable, t::discount, account::receivables, account::discounts},
		{"Servis Ücreti", t::service, t::receivable, account::service, account::receivables},
		{"KDV %10", t::tax, t::receivable, account::vat10, account::receivables},
		{"KDV %20", t::tax, t::receivable, account::vat20, account::receivables},
		{"Para Üstü", t::payment, t::receivable, account::cash, account::receivables},
		{"Room Settlement", t::room, t::payment, 0, account::cash},
		{"Cari Tahsilat", t::customer, t::payment, 0, account::cash},
		{"Customer Charge", t::receivable, t::customer, account::receivables, 0},
		{"Masraf / Expense", t::payment, t::expense, account::cash, account::expenses}};

	return list[id - 1];
}

const Tax &
tax_of(int template_id)
{
	static const Tax list[] = {{1, "KDV %10", 10, transaction_type::vat10},
							   {2, "KDV %20", 20, transaction_type::vat20}};

	return list[template_id == 2 ? 1 : 0];
}

namespace
{

const char *const first_names[] = {"Ahmet", "Ayşe",  "İpek", "Çağrı",  "Gülşen", "Oğuz",    "Zoë",
								   "Şirin", "Ümit",  "John", "Ilgın",  "Müjde",  "Siobhán", "Barış",
								   "Özge",  "Tuğba", "Nuri", "Jürgen", "Elif 🌹", "Kâmil"};
const char *const last_names[] = {"Yılmaz", "Şahin",    "O'Neil", "İnönü",  "Çelik",
								  "Müller", "Yıldız",   "d'Arcy", "Öztürk", "Ağaoğlu",
								  "Smith",  "Gündoğdu", "Ünal"};

std::string
phone(int n)
{
	char text[32];

	snprintf(text, sizeof(text), "05%02d %03d %02d %02d", 30 + n % 20, 100 + n * 7 % 900,
			 n * 3 % 100, n * 11 % 100);
	return text;
}

} // namespace

Guest
customer(int n)
{
	std::string name = std::string(first_names[n % std::size(first_names)]) + " " +
					   last_names[n * 5 % std::size(last_names)];
	std::string data = "[" + name_value_json("Phone", phone(n)) + "," +
					   name_value_json("Address", "Bağdat Cad. No:" + std::to_string(n) + "/A") +
					   "]";

	return {n,    entity_type::customer, 200 + n, account_type::customer,
			name, name + "-" + phone(n), data};
}

Guest
table(int n)
{
	char name[16];

	snprintf(name, sizeof(name), "%s%02d", n <= 30 ? "M" : "Bahçe ", n);
	return {customer_count + n, entity_type::table, 0, 0, name, "", ""};
}

Guest
room(int n)
{
	std::string name = std::to_string(100 * ((n - 1) / 10 + 1) + (n - 1) % 10 + 1);

	return {100 + n,
			entity_type::room,
			100 + n,
			account_type::room,
			name,
			"Oda " + name,
			"[" + name_value_json("Floor", std::to_string((n - 1) / 10 + 1)) + "]"};
}

const std::vector<std::string> &
user_names()
{
	static const std::vector<std::string> list = {"Yönetici", "Ayşe",    "Mehmet",
												  "Şirin",    "İbrahim", "Pat O'Brien"};
	return list;
}

const std::vector<TagChoice> &
tag_choices()
{
	static const std::vector<TagChoice> list = {{1, "Pişirme", "Az Pişmiş", 0},
												{1, "Pişirme", "Orta", 0},
												{1, "Pişirme", "İyi Pişmiş", 0},
												{2, "Ekstra / Extra", "Peynir", 750},
												{2, "Ekstra / Extra", "Bacon", 1200},
												{2, "Ekstra / Extra", "Sos", 325},
												{2, "Ekstra / Extra", "Avokado 🥑", 1500},
												{3, "Süt", "Laktozsuz", 500},
												{3, "Süt", "Badem \"organik\"", 650},
												{4, "Not", "Soğansız", 0}};
	return list;
}

} // namespace tillctl
