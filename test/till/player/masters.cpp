/*
 * Menu, accounts, types and people. Configuration that must never be copied, with secrets that a
 * test can search for ("SECRET-"), is in masters_config.cpp.
 */
#include "player/masters.hpp"

#include "player/house.hpp"
#include "player/json_text.hpp"
#include "player/masters_config.hpp"

namespace tillctl
{

const std::vector<std::string> &
master_tables()
{
	static const std::vector<std::string> list = []
	{
		std::vector<std::string> names = {"AccountTypes",
										  "Accounts",
										  "ForeignCurrencies",
										  "AccountTransactionTypes",
										  "AccountTransactionDocumentTypes",
										  "Numerators",
										  "TicketTypes",
										  "EntityTypeAssignments",
										  "Departments",
										  "PaymentTypes",
										  "PaymentTypeMaps",
										  "ChangePaymentTypes",
										  "CalculationTypes",
										  "TaxTemplates",
										  "TaxTemplateMaps",
										  "TicketTagGroups",
										  "TicketTags",
										  "States",
										  "EntityTypes",
										  "EntityCustomFields",
										  "Entities",
										  "EntityStateValues",
										  "EntityStateLogs",
										  "MenuItems",
										  "MenuItemPortions",
										  "MenuItemPrices",
										  "MenuItemPriceDefinitions",
										  "OrderTagGroups",
										  "OrderTags",
										  "OrderTagMaps",
										  "UserRoles",
										  "Users",
										  "Permissions",
										  "Terminals"};
		for (const std::string &name : configuration_tables())
			names.push_back(name);
		return names;
	}();
	return list;
}

namespace
{

/* Account types and accounts. A balance is never stored: it is the sum of the ledger. */
void
write_accounts(BulkWriter &writer)
{
	static const char *const types[] = {
		"Sales Accounts",   "Receivable Accounts", "Discount Accounts",
		"Payment Accounts", "Müşteri Hesapları",   "Oda Hesapları",
		"Vergi Hesapları",  "Service Accounts",    "Expense Accounts"};
	static const struct
	{
		int type;
		const char *name;
	} accounts[] = {{account_type::sales, "Sales"},
					{account_type::receivable, "Receivables"},
					{account_type::discount, "İndirimler"},
					{account_type::payment, "Kasa / Cash"},
					{account_type::payment, "Kredi Kartı"},
					{account_type::payment, "Yemek Çeki"},
					{account_type::tax, "KDV 10"},
					{account_type::tax, "KDV 20"},
					{account_type::service, "Servis"},
					{account_type::expense, "Masraflar"},
					{account_type::sales, "Banket Satışları"}};
	auto add = [&](int id, int type, const std::string &name)
	{
		writer.add(
			"Accounts", id,
			{number("AccountTypeId", type), number("ForeignCurrencyId", 0), text("Name", name)});
	};

	for (int i = 0; i < static_cast<int>(std::size(types)); i++)
		writer.add(
			"AccountTypes", i + 1,
			{number("DefaultFilterType", 0), number("WorkingRule", 0), number("SortOrder", i * 10),
			 text("Tags", Value(i % 2 == 0 ? Value("") : Value())), text("Name", Value(types[i]))});
	for (int i = 0; i < static_cast<int>(std::size(accounts)); i++)
		add(i + 1, accounts[i].type, accounts[i].name);
	for (int i = 1; i <= room_count; i++)
		add(room(i).account_id, account_type::room, room(i).account_name);
	for (int i = 1; i <= customer_count; i++)
		add(customer(i).account_id, account_type::customer, customer(i).account_name);
	writer.add("ForeignCurrencies", 1,
			   {text("CurrencySymbol", Value("€{0:N}")), money("ExchangeRate", 4550),
				money("Rounding", 0), text("Name", Value("Euro"))});
}

/* What moves money from one kind of account to another, and the documents people write by hand. */
void
write_transaction_types(BulkWriter &writer)
{
	static const char *const documents[] = {"Oda Tahsilatı", "Cari Tahsilat", "Masraf"};

	for (int id = 1; id <= transaction_type::count; id++)
	{
		const Named &kind = transaction_type_of(id);
		writer.add("AccountTransactionTypes", id,
				   {number("SortOrder", id * 10), number("SourceAccountTypeId", kind.source_type),
					number("TargetAccountTypeId", kind.target_type),
					number("DefaultSourceAccountId", kind.source_account),
					number("DefaultTargetAccountId", kind.target_account),
					number("ForeignCurrencyId", 0), text("Name", Value(kind.name))});
	}
	for (int i = 0; i < 3; i++)
		writer.add(
			"AccountTransactionDocumentTypes", i + 1,
			{text("ButtonHeader", Value(documents[i])), text("ButtonColor", Value("Gainsboro")),
			 number("MasterAccountTypeId", i == 0   ? account_type::room
										   : i == 1 ? account_type::customer
													: account_type::payment),
			 text("DefaultAmount", Value("[:Balance]")), text("DescriptionTemplate", Value()),
			 text("ExchangeTemplate", Value()), flag("BatchCreateDocuments", false),
			 number("Filter", 0), number("SortOrder", i), number("PrinterTemplateId", 0),
			 text("Name", Value(documents[i]))});
}

/* Two ticket types, each with numerators of its own, since ticket numbers count per type. */
void
write_ticket_types(BulkWriter &writer)
{
	static const char *const numerators[] = {"Ticket Numerator", "Order Numerator",
											 "Banket Numarası", "Banket Sipariş"};
	static const char *const departments[] = {"Restoran", "Bar", "Banket & Oda Servisi"};

	for (int i = 0; i < 4; i++)
		writer.add("Numerators", i + 1,
				   {number("Number", 0), text("NumberFormat", Value("#")),
					text("Name", Value(numerators[i]))});
	for (int id : {ticket_type::restaurant, ticket_type::banquet})
	{
		bool restaurant = id == ticket_type::restaurant;
		writer.add(
			"TicketTypes", id,
			{number("ScreenMenuId", 1), flag("TaxIncluded", restaurant), flag("PreOrder", false),
			 flag("AllowZeroPricedProducts", true), number("SortOrder", id),
			 text("Name", Value(restaurant ? "Restoran" : "Banket")),
			 reference("TicketNumerator_Id", restaurant ? 1 : 3),
			 reference("OrderNumerator_Id", restaurant ? 2 : 4),
			 reference("SaleTransactionType_Id",
					   restaurant ? transaction_type::sale : transaction_type::banquet_sale)});
		for (int kind = 1; kind <= 3; kind++)
			writer.add("EntityTypeAssignments", (id - 1) * 3 + kind,
					   {number("TicketTypeId", id), number("EntityTypeId", kind),
						text("EntityTypeName", Value(kind == 1   ? "Müşteri"
													 : kind == 2 ? "Masa"
																 : "Oda")),
						flag("AskBeforeCreatingTicket", false), text("State", Value()),
						flag("CopyToNewTickets", true), number("SortOrder", kind)});
	}
	for (int i = 0; i < 3; i++)
		writer.add("Departments", i + 1,
				   {number("SortOrder", i), text("PriceTag", i == 1 ? Value("HH") : Value()),
					number("WarehouseId", 1), number("TicketTypeId", i == 2 ? 2 : 1),
					number("ScreenMenuId", 1), number("TicketCreationMethod", 0),
					text("Name", Value(departments[i]))});
}

/* Room and customer charges have no account of their own: the guest's is taken. */
void
write_payment_types(BulkWriter &writer)
{
	static const struct
	{
		const char *name;
		int transaction_type;
		int account;
	} types[] = {{"Nakit / Cash", transaction_type::cash_payment, account::cash},
				 {"Kredi Kartı", transaction_type::card_payment, account::card},
				 {"Voucher", transaction_type::voucher_payment, account::voucher},
				 {"Oda Hesabı", transaction_type::room_charge, 0},
				 {"Cari Hesap", transaction_type::customer_charge, 0}};

	for (int i = 0; i < 5; i++)
	{
		writer.add("PaymentTypes", i + 1,
				   {number("SortOrder", i * 10), text("ButtonColor", Value("Green")),
					number("FontSize", 40), text("OrderStateName", Value()),
					text("OrderStateValue", Value("")),
					text("ProcessorSettings",
						 i == 1 ? Value("{\"gateway\":\"SECRET-GATEWAY-KEY\"}") : Value()),
					text("Name", Value(types[i].name)),
					reference("AccountTransactionType_Id", types[i].transaction_type),
					reference("Account_Id", types[i].account)});
		writer.add("PaymentTypeMaps", i + 1,
				   {number("PaymentTypeId", i + 1), number("TerminalId", 0),
					number("DepartmentId", 0), number("UserRoleId", 0), number("TicketTypeId", 0)});
	}
	writer.add("ChangePaymentTypes", 1,
			   {number("SortOrder", 0), text("Name", Value("Para Üstü")),
				reference("AccountTransactionType_Id", transaction_type::change),
				reference("Account_Id", account::cash)});
}

/* Discounts come before tax, service after it; the tax of a product hangs on its group. */
void
write_calculations_and_taxes(BulkWriter &writer)
{
	static const char *const names[] = {"İndirim %", "İndirim", "Servis %10"};
	int map = 0;

	for (int id = 1; id <= 3; id++)
	{
		bool service = id == calculation_type::service;
		writer.add("CalculationTypes", id,
				   {number("SortOrder", id), number("CalculationMethod", id == 2 ? 2 : 0),
					money("Amount", service ? 1000 : 0), money("MaxAmount", 0),
					money("Rounding", 0), flag("IncludeTax", service),
					flag("DecreaseAmount", !service), flag("UsePlainSum", false),
					flag("ToggleCalculation", false), text("Name", Value(names[id - 1])),
					reference("AccountTransactionType_Id",
							  service ? transaction_type::service : transaction_type::discount)});
	}
	for (int id : {1, 2})
		writer.add("TaxTemplates", id,
				   {number("SortOrder", id), money("Rate", tax_of(id).rate * 100),
					number("Rounding", 0), text("Name", Value(tax_of(id).name)),
					reference("AccountTransactionType_Id", tax_of(id).transaction_type)});
	for (const MenuGroup &group : menu_groups())
		writer.add("TaxTemplateMaps", ++map,
				   {number("TaxTemplateId", group.tax_template),
					text("MenuItemGroupCode", Value(group.code)), number("MenuItemId", 0),
					number("TerminalId", 0), number("DepartmentId", 0), number("UserRoleId", 0),
					number("TicketTypeId", 0)});
}

/* States are words in the language of the house. The group names Status and GStatus are fixed. */
void
write_states(BulkWriter &writer)
{
	static const struct
	{
		const char *group;
		int type;
		const char *name;
	} states[] = {{"Durum", 0, "Yeni Sipariş"}, {"Durum", 0, "Ödenmedi"},
				  {"Durum", 0, "Ödendi"},       {"Status", 1, "Yeni"},
				  {"Status", 1, "Gönderildi"},  {"GStatus", 1, "İptal"},
				  {"GStatus", 1, "İkram"},      {"GStatus", 1, "İade"},
				  {"Status", 2, "Available"},   {"Status", 2, "Dolu"}};
	int id = 0;

	for (const auto &state : states)
		writer.add("States", ++id,
				   {text("GroupName", Value(state.group)), number("StateType", state.type),
					text("Color", Value("White")), flag("ShowOnEndOfDayReport", state.type == 0),
					flag("ShowOnProductReport", state.type == 1), flag("ShowOnTicket", true),
					text("Name", Value(state.name))});
	for (int group = 1; group <= 2; group++)
	{
		writer.add(
			"TicketTagGroups", group,
			{number("SortOrder", group), flag("FreeTagging", true), flag("SaveFreeTags", false),
			 text("ButtonColorWhenTagSelected", Value("Gainsboro")),
			 text("ButtonColorWhenNoTagSelected", Value("Gainsboro")), flag("ForceValue", false),
			 flag("AskBeforeCreatingTicket", false), number("DataType", group == 1 ? 2 : 0),
			 text("Name", Value(group == 1 ? "Covers" : "Misafir"))});
		for (int tag = 1; tag <= 4; tag++)
			writer.add("TicketTags", (group - 1) * 4 + tag,
					   {number("TicketTagGroupId", group), number("SortOrder", tag),
						text("Name", Value(std::to_string(tag * group)))});
	}
}

/* Customers, tables and rooms are all entities; customers and rooms have accounts. */
void
write_guests(BulkWriter &writer, Time opened)
{
	static const char *const types[] = {"Müşteriler", "Masalar", "Odalar"};
	std::vector<Guest> guests;
	int id = 0;

	for (int i = 0; i < 3; i++)
	{
		int type = i == 0 ? account_type::customer : i == 2 ? account_type::room : 0;
		writer.add("EntityTypes", i + 1,
				   {number("SortOrder", i),
					text("EntityName", Value(i == 0   ? "Müşteri"
											 : i == 1 ? "Masa"
													  : "Oda")),
					number("AccountTypeId", type), number("WarehouseTypeId", 0),
					text("AccountNameTemplate", Value(i == 0 ? "[Name]-[Phone]" : "")),
					text("PrimaryFieldName", Value("Name")), text("PrimaryFieldFormat", Value()),
					text("DisplayFormat", Value()), text("AccountBalanceDisplayFormat", Value()),
					text("Name", Value(types[i]))});
		writer.add("EntityCustomFields", i + 1,
				   {number("EntityTypeId", i + 1), text("Name", Value(i == 0 ? "Phone" : "Floor")),
					number("FieldType", 0), text("EditingFormat", Value()),
					text("ValueSource", Value()), flag("Hidden", false)});
	}
	for (int n = 1; n <= customer_count; n++)
		guests.push_back(customer(n));
	for (int n = 1; n <= table_count; n++)
		guests.push_back(table(n));
	for (int n = 1; n <= room_count; n++)
		guests.push_back(room(n));
	for (const Guest &guest : guests)
	{
		bool person = guest.entity_type == entity_type::customer;
		writer.add("Entities", guest.entity_id,
				   {number("EntityTypeId", guest.entity_type),
					time("LastUpdateTime", opened + guest.entity_id * 3333 / 10 * 10),
					text("SearchString", person ? Value(guest.account_name) : Value()),
					text("CustomData", Value(guest.custom_data)),
					text("Notes", person && guest.entity_id % 7 == 0
									  ? Value("Sürekli misafir\r\n\tvegan 🌱")
									  : Value()),
					number("AccountId", guest.account_id), number("WarehouseId", 0),
					text("Name", Value(guest.name))});
		if (!person)
			writer.add("EntityStateValues", ++id,
					   {number("EntityId", guest.entity_id),
						text("EntityStates",
							 Value("[" + ticket_state_json("Status", "Dolu", opened) + "]"))});
	}
	for (int i = 1; i <= 20; i++)
		writer.add("EntityStateLogs", i,
				   {number("EntityId", table(i).entity_id), text("StateName", Value("Status")),
					text("StartState", Value("Available")),
					time("StartStateDate", on_grid(opened + i * 61003)),
					text("EndState", Value("Dolu")),
					time("EndStateDate", on_grid(opened + i * 91007)), text("CustomData", Value()),
					text("Name", Value(table(i).name))});
}

/* NULL and the empty string both mean "none" in a real database, so both occur. */
void
write_menu(BulkWriter &writer)
{
	int price = 0;
	int last = 0;

	for (const Product &product : products())
	{
		int group = (product.menu_item - 1) / 10;
		if (product.menu_item != last)
			writer.add("MenuItems", product.menu_item,
					   {text("GroupCode", Value(product.group)),
						text("Barcode", product.menu_item % 9 == 0
											? Value("869000000" + std::to_string(product.menu_item))
										: product.menu_item % 2 == 0 ? Value("")
																	 : Value()),
						text("Tag", product.menu_item % 5 == 0 ? Value("popüler") : Value()),
						text("CustomTags", product.menu_item % 11 == 0
											   ? Value()
											   : Value(std::string("[{\"TN\":\"GL\",\"TV\":\"") +
													   menu_groups()[group].gl_code + "\"}]")),
						text("Name", Value(product.name))});
		last = product.menu_item;
		writer.add("MenuItemPortions", product.portion_id,
				   {text("Name", Value(product.portion)), number("MenuItemId", product.menu_item),
					number("Multiplier", product.portion == "Şişe" ? 5 : 1)});
		writer.add("MenuItemPrices", ++price,
				   {number("MenuItemPortionId", product.portion_id),
					text("PriceTag", product.portion_id % 2 == 0 ? Value("") : Value()),
					money("Price", product.price)});
		if (product.tagged_price != 0)
			writer.add("MenuItemPrices", ++price,
					   {number("MenuItemPortionId", product.portion_id),
						text("PriceTag", Value("HH")), money("Price", product.tagged_price)});
	}
	writer.add("MenuItemPriceDefinitions", 1,
			   {text("PriceTag", Value("HH")), text("Name", Value("Happy Hour 🍹"))});
}

/* Modifier groups and modifiers, some with a price. */
void
write_order_tags(BulkWriter &writer)
{
	int group = 0;
	int id = 0;

	for (const TagChoice &choice : tag_choices())
	{
		if (choice.group != group)
		{
			group = choice.group;
			writer.add("OrderTagGroups", group,
					   {number("SortOrder", group), number("ColumnCount", 5),
						number("ButtonHeight", 65), number("FontSize", 14),
						text("ButtonColor", Value("Gainsboro")), number("MaxSelectedItems", 2),
						number("MinSelectedItems", 0), flag("AddTagPriceToOrderPrice", group == 3),
						flag("FreeTagging", group == 4), flag("SaveFreeTags", false),
						text("GroupTag", Value()), flag("TaxFree", false), flag("Hidden", false),
						text("Prefixes", Value()), text("CategoryTags", Value()),
						text("Name", Value(choice.group_name))});
			writer.add("OrderTagMaps", group,
					   {number("OrderTagGroupId", group), text("MenuItemGroupCode", Value("*")),
						number("MenuItemId", 0), text("PortionName", Value()),
						number("TerminalId", 0), number("DepartmentId", 0), number("UserRoleId", 0),
						number("TicketTypeId", 0)});
		}
		id++;
		writer.add("OrderTags", id,
				   {text("Name", Value(choice.tag)), number("SortOrder", id),
					number("OrderTagGroupId", group), money("Price", choice.price),
					number("MenuItemId", 0), number("MaxQuantity", 2), text("Color", Value()),
					text("Filter", Value(""))});
	}
}

/* Users carry their PIN in plain text: it must never be read. */
void
write_people(BulkWriter &writer, bool version5)
{
	static const char *const roles[] = {"Admin", "Garson"};
	static const char *const terminals[] = {"Kasa", "Bar", "Terrace"};

	for (int i = 0; i < 2; i++)
	{
		writer.add(
			"UserRoles", i + 1,
			{flag("IsAdmin", i == 0), number("DepartmentId", 1), text("Name", Value(roles[i]))});
		writer.add("Permissions", i + 1,
				   {number("Value", i), number("UserRoleId", i + 1),
					text("Name", Value("OpenDashboard"))});
	}
	for (int i = 1; i <= static_cast<int>(user_names().size()); i++)
	{
		Fields user = {text("PinCode", Value("SECRET-PIN-" + std::to_string(1000 + i))),
					   text("Name", Value(user_names()[i - 1])),
					   reference("UserRole_Id", i == 1 ? 1 : 2)};
		if (version5)
			user.push_back(text("Password", Value("$SPHASH$V1$SECRET-HASH")));
		writer.add("Users", i, user);
	}
	for (int i = 0; i < 3; i++)
		writer.add("Terminals", i + 1,
				   {flag("IsDefault", i == 0), flag("AutoLogout", i > 0),
					number("ReportPrinterId", 1), number("TransactionPrinterId", 1),
					text("Name", Value(terminals[i]))});
}

} // namespace

void
write_masters(BulkWriter &writer, Time opened, bool version5)
{
	write_accounts(writer);
	write_transaction_types(writer);
	write_ticket_types(writer);
	write_payment_types(writer);
	write_calculations_and_taxes(writer);
	write_states(writer);
	write_guests(writer, opened);
	write_menu(writer);
	write_order_tags(writer);
	write_people(writer, version5);
	write_configuration(writer, opened, version5);
	writer.flush();
}

} // namespace tillctl
