/*
 * The house: a hotel restaurant with rooms, tables and regulars, half Turkish, half English. What
 * masters.cpp writes and the tickets refer to. Nothing here depends on the seed.
 */
#pragma once

#include "player/money.hpp"

#include <string>
#include <vector>

namespace tillctl
{

namespace account_type
{
enum
{
	sales = 1,
	receivable,
	discount,
	payment,
	customer,
	room,
	tax,
	service,
	expense
};
}

/* Rooms have the accounts 101 to 140, customers 201 to 260; later ones follow. */
namespace account
{
enum
{
	sales = 1,
	receivables,
	discounts,
	cash,
	card,
	voucher,
	vat10,
	vat20,
	service,
	expenses,
	banquet
};
}

namespace transaction_type
{
enum
{
	sale = 1,
	banquet_sale,
	cash_payment,
	card_payment,
	voucher_payment,
	room_charge,
	discount,
	service,
	vat10,
	vat20,
	change,
	room_settlement,
	customer_payment,
	customer_charge,
	expense,
	count = expense
};
}

namespace payment_type
{
enum
{
	cash = 1,
	card,
	voucher,
	room,
	customer
};
}

namespace entity_type
{
enum
{
	customer = 1,
	table,
	room
};
}

namespace document_type
{
enum
{
	ticket = 0,
	room_settlement,
	customer_payment,
	expense
};
}

namespace calculation_type
{
enum
{
	discount_percent = 1,
	discount_amount,
	service
};
}

namespace ticket_type
{
enum
{
	restaurant = 1, /* prices include tax; numerators 1 and 2 */
	banquet         /* tax is added; the customer's account is debited; numerators 3 and 4 */
};
}

constexpr int room_count = 40;
constexpr int customer_count = 60;
constexpr int table_count = 40;

struct Named
{
	const char *name;
	int source_type; /* of an AccountTransactionType: account type and account, each side */
	int target_type;
	int source_account;
	int target_account;
};

const Named &transaction_type_of(int id);

struct Tax
{
	int template_id;
	const char *name;
	int rate;
	int transaction_type;
};

const Tax &tax_of(int template_id);

/* One portion of a product. tagged_price is the one of price tag HH; 0 if there is none. */
struct Product
{
	int menu_item;
	int portion_id;
	std::string name;
	std::string portion;
	std::string group;
	Cents price;
	Cents tagged_price;
	int tax_template;
};

struct MenuGroup
{
	const char *code;
	const char *gl_code;
	int tax_template;
	const char *items; /* Name=price, or Name=price/price for two portions; | between items */
};

const std::vector<MenuGroup> &menu_groups();
const std::vector<Product> &products();

/* The tax of a group; the first template for a group nobody knows. */
int tax_template_of(const std::string &group);

/* Sold by weight: a quantity such as 0.350 is right for it. */
bool by_weight(const Product &product);

struct Guest
{
	int entity_id;
	int entity_type;
	int account_id;
	int account_type;
	std::string name;
	std::string account_name;
	std::string custom_data; /* JSON */
};

Guest customer(int n); /* 1 .. customer_count */
Guest room(int n);
Guest table(int n);

const std::vector<std::string> &user_names(); /* index + 1 is the id */

struct TagChoice
{
	int group;
	const char *group_name;
	const char *tag;
	Cents price;
};

const std::vector<TagChoice> &tag_choices();

} // namespace tillctl
