/*
 * Menu and guests: edited in place, or gone for good.
 */
#include "player/play.hpp"

#include "client/command.hpp"

namespace tillctl
{

namespace
{

/* Portions that a recipe uses cannot be deleted. */
const char *const free_items = "SELECT i.[Id] FROM [dbo].[MenuItems] i WHERE NOT EXISTS (SELECT 1 "
							   "FROM [dbo].[MenuItemPortions] p "
							   "JOIN [dbo].[Recipes] r ON r.[Portion_Id] = p.[Id] WHERE "
							   "p.[MenuItemId] = i.[Id]) ORDER BY i.[Id]";

/* No history at the source: the old price is gone. */
bool
change_price(Till &till)
{
	std::optional<int> id = till.some_id("SELECT [Id] FROM [dbo].[MenuItemPrices] ORDER BY [Id]");

	if (!id)
		return false;
	till.execute("UPDATE [dbo].[MenuItemPrices] SET [Price] = " +
				 money_text(till.random.between(20, 900) * 100) +
				 " WHERE [Id] = " + std::to_string(*id));
	till.note("price", std::to_string(*id));
	till.read_menu();
	return true;
}

/* Lines sold before keep the old name: they have copies. */
bool
rename_product(Till &till)
{
	const Product &product = till.random.pick(till.shift.menu);
	std::string name = product.name.substr(0, product.name.find(" v."));

	name += " v." + std::to_string(till.random.below(1000));
	till.execute("UPDATE [dbo].[MenuItems] SET [Name] = " + quote(name) +
				 " WHERE [Id] = " + std::to_string(product.menu_item));
	till.note("menu_item", std::to_string(product.menu_item));
	till.read_menu();
	return true;
}

bool
add_product(Till &till)
{
	const MenuGroup &group = till.random.pick(menu_groups());
	int item =
		insert_row(till.connection, "MenuItems",
				   {text("GroupCode", Value(group.code)), text("Barcode", Value("")),
					text("Tag", Value()), text("CustomTags", Value()),
					text("Name", Value("Yeni Ürün " + std::to_string(till.random.below(10000))))});
	int portion = insert_row(
		till.connection, "MenuItemPortions",
		{text("Name", Value("Normal")), number("MenuItemId", item), number("Multiplier", 1)});

	till.execute(insert_statement("MenuItemPrices",
								  {number("MenuItemPortionId", portion), text("PriceTag", Value()),
								   money("Price", till.random.between(20, 500) * 100)}));
	till.note("menu_item", std::to_string(item));
	till.read_menu();
	return true;
}

/* Lines refer to it by a number that has no foreign key, and go on doing so. */
bool
delete_product(Till &till)
{
	std::optional<int> item = till.some_id(free_items);

	if (!item || till.shift.menu.size() < 50)
		return false;
	till.execute("DELETE FROM [dbo].[MenuItems] WHERE [Id] = " + std::to_string(*item));
	till.note("menu_item", std::to_string(*item));
	till.read_menu();
	return true;
}

bool
delete_portion(Till &till)
{
	std::optional<int> portion = till.some_id(
		"SELECT p.[Id] FROM [dbo].[MenuItemPortions] p WHERE p.[Name] IN (N'Büyük', N'Şişe') AND "
		"NOT "
		"EXISTS (SELECT 1 FROM [dbo].[Recipes] r WHERE r.[Portion_Id] = p.[Id]) ORDER BY p.[Id]");

	if (!portion)
		return false;
	till.execute("DELETE FROM [dbo].[MenuItemPortions] WHERE [Id] = " + std::to_string(*portion));
	till.note("portion", std::to_string(*portion));
	till.read_menu();
	return true;
}

bool
delete_price(Till &till)
{
	std::optional<int> price = till.some_id(
		"SELECT [Id] FROM [dbo].[MenuItemPrices] WHERE [PriceTag] = N'HH' ORDER BY [Id]");

	if (!price)
		return false;
	till.execute("DELETE FROM [dbo].[MenuItemPrices] WHERE [Id] = " + std::to_string(*price));
	till.note("price", std::to_string(*price));
	till.read_menu();
	return true;
}

/* The account comes first, since the entity names it. */
bool
add_customer(Till &till)
{
	std::string name = "Yeni Müşteri " + std::to_string(till.random.below(10000));
	std::string phone = "0555 " + std::to_string(till.random.between(1000000, 9999999));
	int account =
		insert_row(till.connection, "Accounts",
				   {number("AccountTypeId", account_type::customer), number("ForeignCurrencyId", 0),
					text("Name", Value(name + "-" + phone))});
	int entity = insert_row(till.connection, "Entities",
							{number("EntityTypeId", entity_type::customer),
							 time("LastUpdateTime", till.shift.now),
							 text("SearchString", Value(name + " " + phone)),
							 text("CustomData", Value("[" + name_value_json("Phone", phone) + "]")),
							 text("Notes", Value()), number("AccountId", account),
							 number("WarehouseId", 0), text("Name", Value(name))});

	till.note("entity", std::to_string(entity));
	return true;
}

/* Tickets keep the copy of the name that they were made with. */
bool
rename_entity(Till &till)
{
	std::optional<Guest> guest = till.some_guest(entity_type::customer);

	if (!guest)
		return false;
	std::string name = "Şule Çınar " + std::to_string(till.random.below(1000));
	till.execute("UPDATE [dbo].[Entities] SET [Name] = " + quote(name) + ", [SearchString] = " +
				 quote(name) + ", [LastUpdateTime] = " + time_literal(till.shift.now) +
				 " WHERE [Id] = " + std::to_string(guest->entity_id));
	till.execute("UPDATE [dbo].[Accounts] SET [Name] = " + quote(name) +
				 " WHERE [Id] = " + std::to_string(guest->account_id));
	till.note("entity", std::to_string(guest->entity_id));
	return true;
}

bool
change_modifier(Till &till)
{
	std::optional<int> tag = till.some_id("SELECT [Id] FROM [dbo].[OrderTags] ORDER BY [Id]");

	if (!tag)
		return false;
	till.execute("UPDATE [dbo].[OrderTags] SET [Price] = [Price] + 0.25 WHERE [Id] = " +
				 std::to_string(*tag));
	till.note("order_tag", std::to_string(*tag));
	return true;
}

} // namespace

const std::vector<Kind> &
master_kinds()
{
	static const std::vector<Kind> list = {
		{"price", 1, change_price, "a menu price is overwritten"},
		{"rename_product", 1, rename_product, "a product is renamed"},
		{"add_product", 1, add_product, "a product with portion and price"},
		{"delete_product", 1, delete_product, "a product is deleted, portions and prices with it"},
		{"delete_portion", 1, delete_portion, "a portion is deleted, prices with it"},
		{"delete_price", 1, delete_price, "a tagged price is deleted"},
		{"modifier", 1, change_modifier, "a modifier's price is overwritten"},
		{"add_customer", 1, add_customer, "a new customer and account"},
		{"rename_entity", 1, rename_entity, "a customer and account are renamed"}};
	return list;
}

} // namespace tillctl
