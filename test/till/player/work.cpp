/*
 * Orders, states and guests. Money is in work_money.cpp.
 */
#include "player/work.hpp"

#include <map>

namespace tillctl
{

namespace
{

std::string
taxes_of(const Product &product)
{
	const Tax &tax = tax_of(product.tax_template);

	return "[" + tax_json(tax.transaction_type, tax.name, tax.rate, tax.template_id) + "]";
}

std::string
tag_key(const TagChoice &choice, int position)
{
	char key[16];

	snprintf(key, sizeof(key), "%03d%03d", choice.group, position);
	return key;
}

const char *const notes[] = {"Az tuzlu",    "No onions, please", "Doğum günü 🎂", "Alerji: fıstık",
							 "Acı \"bol\"", "c/o reception",     "ekstra ekmek"};

} // namespace

/* Dates all start equal: LastPaymentDate is set long before anybody pays. */
Ticket
open_ticket(Shift &shift, int type, int number)
{
	Ticket ticket;

	ticket.type = type;
	ticket.number = std::to_string(number);
	ticket.date = shift.now;
	ticket.last_order = shift.now;
	ticket.last_payment = shift.now;
	ticket.department = shift.department;
	ticket.terminal = shift.terminal;
	ticket.tax_included = type == ticket_type::restaurant;
	ticket.document.date = shift.now;
	ticket.document.name = "Ticket Transaction [#" + *ticket.number + "]";
	if (shift.version5)
		ticket.uid = shift.random.uid();
	if (shift.random.chance(4))
		ticket.note = shift.random.chance(50) ? Value("") : Value(shift.random.pick(notes));
	if (shift.random.chance(40))
		json_append(ticket.tags,
					ticket_tag_json("Covers", std::to_string(shift.random.between(1, 8))));
	else if (shift.random.chance(30))
		ticket.tags = shift.random.chance(50) ? "[]" : "";
	if (shift.random.chance(5))
		json_append(ticket.tags, ticket_tag_json("Misafir", "Gül & Co. <VIP> 💐"));
	return ticket;
}

/* The ticket gets a copy of the guest's name and data: to erase the guest does not erase it. */
void
attach(Shift &shift, Ticket &ticket, const Guest &guest)
{
	TicketEntity entity;

	entity.entity_type = guest.entity_type;
	entity.entity = guest.entity_id;
	entity.account = guest.account_id;
	entity.account_type = guest.account_type;
	entity.name = guest.name;
	if (!guest.custom_data.empty())
		entity.custom_data = guest.custom_data;
	else if (shift.random.chance(50))
		entity.custom_data = "";
	if (guest.entity_type == entity_type::customer && shift.random.chance(20))
		entity.notes = "{\"AC\":false,\"C\":\"\",\"NM\":\"Not\",\"NT\":\"" +
					   std::string("Cam kenarı") + "\",\"VT\":0}";
	ticket.entities.push_back(entity);
}

const TicketEntity *
guest_with_account(const Ticket &ticket, int account_type)
{
	for (const TicketEntity &entity : ticket.entities)
		if (entity.account_type == account_type && entity.account != 0)
			return &entity;
	return nullptr;
}

/* One or two modifiers; some with a price, some free text. */
void
add_modifiers(Shift &shift, Order &order)
{
	int count = shift.random.chance(25) ? 2 : 1;

	for (int i = 0; i < count; i++)
	{
		int position = shift.random.below(static_cast<int>(tag_choices().size()));
		const TagChoice &choice = tag_choices()[position];
		Modifier modifier;
		modifier.group = choice.group;
		modifier.group_name = choice.group_name;
		modifier.tag = choice.tag;
		modifier.key = tag_key(choice, position);
		modifier.price = choice.price;
		modifier.quantity = choice.price > 0 && shift.random.chance(15) ? 2 : 1;
		modifier.add_to_price = choice.group == 3;
		modifier.user = shift.user;
		if (choice.group == 4)
		{
			modifier.free_tag = true;
			modifier.note = shift.random.pick(notes);
		}
		json_append(order.tags, modifier_json(modifier, shift.random.chance(50)));
	}
}

/* Quantities are such that every line comes to whole cents. */
Order &
add_order(Shift &shift, Ticket &ticket, const Product &product, int order_number)
{
	static const Thousandths weights[] = {350, 500, 750, 1250, 1400};
	Order order;

	order.department = shift.department;
	order.terminal = shift.terminal;
	order.menu_item = product.menu_item;
	order.name = product.name;
	order.portion = product.portion;
	order.price = product.price;
	order.quantity = by_weight(product)        ? shift.random.pick(weights)
					 : shift.random.chance(75) ? 1000
											   : 1000 * shift.random.between(2, 4);
	if (product.tagged_price > 0 && shift.random.chance(20))
	{
		order.price = product.tagged_price;
		order.price_tag = "HH";
	}
	else if (shift.random.chance(30))
		order.price_tag = "";
	order.order_number = order_number;
	order.user = shift.user_name();
	order.created = shift.now;
	order.updated = shift.now;
	order.transaction_type = ticket.type == ticket_type::banquet ? transaction_type::banquet_sale
																 : transaction_type::sale;
	order.taxes = taxes_of(product);
	if (!by_weight(product) && shift.random.chance(25))
		add_modifiers(shift, order);
	else if (shift.random.chance(40))
		order.tags = shift.random.chance(50) ? "[]" : "";
	json_append(order.states, order_state_json("Status", "Yeni", "", shift.user, shift.now));
	if (shift.version5)
		order.uid = shift.random.uid();
	ticket.orders.push_back(order);
	return ticket.orders.back();
}

void
submit(Shift &shift, Ticket &ticket)
{
	for (Order &order : ticket.orders)
		if (!order.locked)
		{
			order.locked = true;
			order.states.reset();
			json_append(order.states,
						order_state_json("Status", "Gönderildi", "", shift.user, shift.now));
		}
	ticket.last_order = shift.now;
	ticket.locked = true;
	set_state(shift, ticket, "Ödenmedi");
}

/* Told by the flags: nothing is charged, nothing leaves stock. The state is a word of the house. */
void
void_line(Shift &shift, Ticket &ticket, Order &order)
{
	order.calculate_price = false;
	order.decrease_inventory = false;
	order.increase_inventory = false;
	json_append(order.states,
				order_state_json("GStatus", shift.random.chance(70) ? "İptal" : "Void",
								 "Müşteri vazgeçti", shift.user, shift.now));
	log(shift, ticket, "Void", order.name.value_or("") + " iptal edildi");
}

/* Nothing is charged, but it leaves stock. */
void
give_line(Shift &shift, Ticket &ticket, Order &order)
{
	order.calculate_price = false;
	order.decrease_inventory = true;
	json_append(order.states,
				order_state_json("GStatus", shift.random.chance(70) ? "İkram" : "Gift", "",
								 shift.user, shift.now));
	log(shift, ticket, "Gift", order.name.value_or("") + " ikram");
}

void
return_line(Shift &shift, Order &order)
{
	order.price = -order.price;
	order.tags.reset();
	order.decrease_inventory = false;
	order.increase_inventory = true;
	json_append(order.states, order_state_json("GStatus", "İade", "", shift.user, shift.now));
}

/* The group and the state are words in the language of the till. */
void
set_state(Shift &shift, Ticket &ticket, const std::string &turkish)
{
	static const std::map<std::string, std::string> english = {
		{"Yeni Sipariş", "New Orders"}, {"Ödenmedi", "Unpaid"}, {"Ödendi", "Paid"}};
	/* Some tills of the house still run in English. */
	bool in_english = ticket.terminal == 3;

	ticket.states.reset();
	json_append(ticket.states,
				ticket_state_json(in_english ? "Status" : "Durum",
								  in_english ? english.at(turkish) : turkish, shift.now));
}

void
log(Shift &shift, Ticket &ticket, const std::string &category, const std::string &text)
{
	json_append(ticket.logs, ticket_log_json(ticket.number.value_or(""), shift.user_name(),
											 category, text, shift.now));
}

} // namespace tillctl
