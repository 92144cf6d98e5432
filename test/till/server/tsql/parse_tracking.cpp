/* The parser: change tracking. */
#include "tsql/parser.hpp"
#include "tsql/error.hpp"
#include "tsql/text.hpp"

namespace till
{

/* CHANGETABLE (CHANGES table, version) AS alias (columns); the version is a value, no expression.
 */
TableRefP
Parser::change_table()
{
	auto t = std::make_unique<TableRef>();

	t->form = TableRef::changes;
	t->line = take().line;
	expect("(");
	if (on("VERSION"))
		throw unsupported("CHANGETABLE (VERSION ...)");
	expect("CHANGES");
	t->name = object_name();
	expect(",");
	t->since = expression();
	if (t->since->op != Op::literal && t->since->op != Op::null && t->since->op != Op::variable &&
		t->since->op != Op::negate)
		fail();
	expect(")");
	t->alias = optional_alias();
	if (t->alias.empty())
		throw SqlError(22104, 16, 1,
					   "A table returned by the CHANGETABLE function must be aliased.");
	if (on("("))
		t->column_aliases = name_list();
	return t;
}

/* = ON, = OFF, and the settings in parentheses: CHANGE_RETENTION = 5 DAYS, AUTO_CLEANUP = ON. */
void
Parser::tracking_settings(AlterDatabase &d)
{
	d.value = "SET";
	if (accept("="))
		d.value = upper_ascii(any_word());
	if (d.value != "ON" && d.value != "OFF" && d.value != "SET")
		fail();
	if (d.value == "OFF" || (d.value == "ON" && !on("(")))
		return;
	expect("(");
	do
	{
		if (accept("AUTO_CLEANUP"))
		{
			expect("=");
			d.cleanup = upper_ascii(any_word());
			continue;
		}
		expect("CHANGE_RETENTION");
		expect("=");
		d.period = take().text;
		d.unit = upper_ascii(any_word());
		if (d.unit != "DAYS" && d.unit != "HOURS" && d.unit != "MINUTES")
			throw SqlError(155, 15, 2,
						   "'" + d.unit + "' is not a recognized CHANGE RETENTION UNIT option.");
	} while (accept(","));
	expect(")");
}

/* ALTER TABLE t ENABLE CHANGE_TRACKING WITH (TRACK_COLUMNS_UPDATED = OFF) */
void
Parser::tracking_switch(AlterTable &a)
{
	a.tracking = upper_ascii(take().text);
	take();
	if (a.tracking == "DISABLE" || !accept("WITH"))
		return;
	expect("(");
	expect("TRACK_COLUMNS_UPDATED");
	expect("=");
	if (accept("ON"))
		throw unsupported("TRACK_COLUMNS_UPDATED = ON");
	expect("OFF");
	expect(")");
}

} // namespace till
