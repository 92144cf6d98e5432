/*
 * Stock masters, a till menu, and the tables that hold secrets.
 */
#include "player/masters_config.hpp"

#include "player/house.hpp"

namespace tillctl
{

const std::vector<std::string> &
configuration_tables()
{
	static const std::vector<std::string> list = {"WarehouseTypes",
												  "Warehouses",
												  "InventoryItems",
												  "Recipes",
												  "RecipeItems",
												  "InventoryTransactionTypes",
												  "InventoryTransactionDocumentTypes",
												  "ScreenMenus",
												  "ScreenMenuCategories",
												  "ScreenMenuItems",
												  "AppActions",
												  "AppRules",
												  "ActionContainers",
												  "Scripts",
												  "ProgramSettingValues",
												  "Printers",
												  "AddonLicenses",
												  "TaskTypes",
												  "Tasks",
												  "GraphqlClients"};
	return list;
}

namespace
{

/* Just enough stock for recipes and movements to refer to. */
void
write_stock(BulkWriter &writer)
{
	static const char *const items[] = {"Kıyma", "Un", "Domates", "Peynir", "Zeytinyağı"};

	writer.add("WarehouseTypes", 1, {flag("Hidden", false), text("Name", Value("Depolar"))});
	writer.add(
		"Warehouses", 1,
		{number("WarehouseTypeId", 1), number("SortOrder", 0), text("Name", Value("Ana Depo"))});
	for (int i = 0; i < 5; i++)
	{
		writer.add("InventoryItems", i + 1,
				   {text("GroupCode", Value("Mutfak")), text("BaseUnit", Value("gr")),
					text("TransactionUnit", Value("kg")), number("TransactionUnitMultiplier", 1000),
					text("Warehouse", Value()), money("DefaultBaseUnitCost", 0),
					money("DefaultTransactionUnitCost", 1250 * (i + 1)),
					text("Name", Value(items[i]))});
		writer.add("Recipes", i + 1,
				   {money("FixedCost", 100 * i),
					text("Name", Value("Reçete " + std::to_string(i + 1))),
					reference("Portion_Id", i + 1)});
		writer.add("RecipeItems", i + 1,
				   {number("RecipeId", i + 1), quantity("Quantity", 12500 * (i + 1)),
					reference("InventoryItem_Id", i + 1)});
	}
	writer.add("InventoryTransactionTypes", 1,
			   {number("SourceWarehouseTypeId", 0), number("TargetWarehouseTypeId", 1),
				number("DefaultSourceWarehouseId", 0), number("DefaultTargetWarehouseId", 1),
				number("SortOrder", 0), text("Name", Value("Alım / Purchase"))});
}

/* The till's buttons: one category a menu group. */
void
write_screen_menu(BulkWriter &writer)
{
	int id = 0;
	int category = 0;
	int last = 0;

	writer.add("ScreenMenus", 1,
			   {number("CategoryColumnCount", 1), number("CategoryColumnWidthRate", 25),
				text("Name", Value("Ana Menü"))});
	for (const MenuGroup &group : menu_groups())
	{
		category++;
		writer.add("ScreenMenuCategories", category,
				   {text("Name", Value(group.code)),
					number("SortOrder", category),
					number("ScreenMenuId", 1),
					flag("MostUsedItemsCategory", false),
					number("ColumnCount", 0),
					number("MenuItemButtonHeight", 80),
					text("MenuItemButtonColor", Value("Green")),
					Field("MenuItemFontSize", "1.1"),
					flag("WrapText", false),
					number("PageCount", 1),
					flag("SortAlphabetically", false),
					number("MainButtonHeight", 60),
					text("MainButtonColor", Value("Orange")),
					Field("MainFontSize", "0.1"),
					number("SubButtonHeight", 60),
					number("SubButtonRows", 1),
					text("SubButtonColorDef", Value()),
					number("NumeratorType", 2),
					text("NumeratorValues", Value()),
					text("AlphaButtonValues", Value()),
					text("ImagePath", Value()),
					number("MaxItems", 0)});
		for (const Product &product : products())
			if (product.group == group.code && product.menu_item != last)
			{
				last = product.menu_item;
				id++;
				writer.add(
					"ScreenMenuItems", id,
					{text("Name", Value(product.name)), number("ScreenMenuCategoryId", category),
					 number("MenuItemId", product.menu_item), number("SortOrder", id),
					 flag("AutoSelect", false), text("ButtonColor", Value()), number("Quantity", 1),
					 text("ImagePath", Value()), Field("FontSize", "1.0"),
					 text("SubMenuTag", Value()), text("ItemPortion", Value()),
					 text("OrderTags", Value()), text("OrderStates", Value()),
					 text("AutomationCommand", Value()), text("AutomationCommandValue", Value())});
			}
	}
}

/* One row in each table that can hold a secret, with a secret in it. */
void
write_secrets(BulkWriter &writer, bool version5)
{
	writer.add("AppActions", 1,
			   {text("ActionType", Value("SendEmail")),
				text("Parameter",
					 Value("[{\"Key\":\"SMTPPassword\",\"Value\":\"SECRET-SMTP-PASSWORD\"}]")),
				number("SortOrder", 0), text("Name", Value("E-posta gönder"))});
	writer.add("AppRules", 1,
			   {text("EventName", Value("WorkPeriodEnds")), text("EventConstraints", Value()),
				text("CustomConstraint", Value()), text("RuleConstraints", Value()),
				number("ConstraintMatch", 0), number("SortOrder", 0), text("Tags", Value()),
				text("Name", Value("Gün sonu e-postası"))});
	writer.add("ActionContainers", 1,
			   {number("AppActionId", 1), number("AppRuleId", 1),
				text("Name", Value("E-posta gönder")),
				text("ParameterValues", Value("SMTPPassword=SECRET-ACTION-PASSWORD")),
				text("CustomConstraint", Value()), number("SortOrder", 0)});
	writer.add("Scripts", 1,
			   {text("HandlerName", Value("api")),
				text("Code", Value("function key() { return 'SECRET-API-KEY'; }")),
				text("Name", Value("Kurye"))});
	writer.add("ProgramSettingValues", 1,
			   {text("Value", Value("SECRET-SETTING")), text("Name", Value("CourierToken"))});
	writer.add("ProgramSettingValues", 2,
			   {text("Value", Value("TRY")), text("Name", Value("Currency"))});
	writer.add("Printers", 1,
			   {text("ShareName", Value("\\\\KASA\\Fiş")), number("PrinterType", 0),
				number("CodePage", 857), number("CharsPerLine", 42), number("PageHeight", 0),
				text("CustomPrinterName", Value()),
				text("CustomPrinterData", Value("https://printer.invalid/?key=SECRET-PRINTER-KEY")),
				text("CharReplacement", Value()), number("RtlMode", 0),
				text("Name", Value("Kasa Yazıcı"))});
	writer.add("AddonLicenses", 1,
			   {text("Key", Value("SECRET-LICENCE-KEY")), text("Name", Value("Reporting"))});
	if (version5)
		writer.add("GraphqlClients", 1,
				   {text("Identifier", Value("qr-menu")), text("Secret", Value("SECRET-GRAPHQL")),
					number("ApplicationType", 0), flag("Active", true),
					number("RefreshTokenLifeTime", 7200), text("AllowedOrigin", Value("*")),
					text("AllowedFunctions", Value()), number("AuthorizationType", 0),
					text("Name", Value("QR Menü"))});
}

/* Free text with telephone numbers, as courier integrations leave it. */
void
write_tasks(BulkWriter &writer, Time opened)
{
	writer.add("TaskTypes", 1, {text("Name", Value("Mutfak"))});
	for (int i = 1; i <= 3; i++)
		writer.add("Tasks", i,
				   {number("TaskTypeId", 1),
					text("Content", Value("Paket: 0532 555 00 0" + std::to_string(i))),
					time("StartDate", opened), time("EndDate", opened),
					text("CustomData", Value("[]")), flag("Completed", i < 3),
					time("LastUpdateTime", opened),
					text("Name", Value("Sipariş " + std::to_string(i)))});
}

} // namespace

void
write_configuration(BulkWriter &writer, Time opened, bool version5)
{
	write_stock(writer);
	write_screen_menu(writer);
	write_secrets(writer, version5);
	write_tasks(writer, opened);
}

} // namespace tillctl
