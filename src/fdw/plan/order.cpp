/*
 * ORDER BY: what the server sorts exactly as PostgreSQL does, and how it is written.
 *
 * Numbers, bit and datetimes sort alike. Text does not (the server's collation), uuid neither
 * (another order of the bytes). SQL Server takes NULLs for the lowest values: ASC NULLS FIRST and
 * DESC NULLS LAST need nothing more; for the other two a CASE comes first, unless the column cannot
 * be NULL: then the bare column lets the server use an index.
 */
#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

using types::TsqlType;

/* The default orders; pg_opfamily.dat gives the last three no symbol. */
static bool
is_default_order(Oid opfamily)
{
	constexpr Oid numeric_family = 1988;
	constexpr Oid datetime_family = 434;
	constexpr Oid time_family = 1996;

	return opfamily == INTEGER_BTREE_FAM_OID || opfamily == BOOL_BTREE_FAM_OID ||
		   opfamily == numeric_family || opfamily == datetime_family || opfamily == time_family;
}

/* ---- the expression for a path key ---- */

static Expr *
strip_relabel(Expr *expr)
{
	while (expr != nullptr && IsA(expr, RelabelType))
		expr = castNode(RelabelType, expr)->arg;
	return expr;
}

static bool
is_in_target(const PathTarget *target, Expr *expr)
{
	ListCell *cell;

	foreach (cell, target->exprs)
	{
		if (equal(strip_relabel(static_cast<Expr *>(lfirst(cell))), strip_relabel(expr)))
			return true;
	}
	return false;
}

/* A table and a join can be sorted by any expression of their columns, a group by what it gives. */
static bool
is_member_here(RelOptInfo *rel, EquivalenceMember *member)
{
	const PlannedRelation *relation = planned_relation(rel);

	if (member->em_is_const)
		return false;
	if (relation->kind == RelationKind::group)
		return !member->em_is_child && is_in_target(planned_group(rel)->target, member->em_expr);
	return bms_is_subset(member->em_relids, rel->relids) && !bms_is_empty(member->em_relids) &&
		   !bms_overlap(member->em_relids, relation->hidden);
}

/* What is rounded here keeps its order, but has more ties than at the server: nothing may be sorted
 * by after it. */
static bool
may_sort(const TsqlType &tsql_type, bool is_last)
{
	return types::may_order(tsql_type) || (is_last && types::may_rank(tsql_type));
}

/* Text by the server's rules, where the query's result is all that is sorted: a merge join or a
 * grouping here would go by PostgreSQL's. */
static bool
is_text_order(const PathKey *pathkey)
{
	constexpr Oid text_family = 1994;
	constexpr Oid bpchar_family = 426;

	return (pathkey->pk_opfamily == text_family || pathkey->pk_opfamily == bpchar_family) &&
		   pathkey->pk_eclass->ec_collation == DEFAULT_COLLATION_OID;
}

/* is_result: what is sorted is the query's result. */
static Expr *
order_expression(RelOptInfo *rel, PathKey *pathkey, bool is_last, bool is_result)
{
	const Scope *scope = &planned_relation(rel)->scope;
	Expr *found = nullptr;

	if (pathkey->pk_eclass->ec_has_volatile ||
		(!is_default_order(pathkey->pk_opfamily) && !(is_result && is_text_order(pathkey))))
		return nullptr;
	find_member(pathkey->pk_eclass, rel,
				[&](EquivalenceMember *member)
				{
					TsqlType tsql_type;

					if (is_member_here(rel, member) &&
						is_remote_value(scope, member->em_expr, &tsql_type) &&
						may_sort(tsql_type, is_last))
						found = member->em_expr;
					return found != nullptr;
				});
	return found;
}

bool
is_remote_order(RelOptInfo *rel, List *pathkeys, bool is_result)
{
	ListCell *cell;

	foreach (cell, pathkeys)
	{
		if (order_expression(rel, static_cast<PathKey *>(lfirst(cell)),
							 lnext(pathkeys, cell) == nullptr, is_result) == nullptr)
			return false;
	}
	return true;
}

/* ---- orders worth a path ---- */

/* Single keys that a merge join with another relation could use. */
static List *
merge_orders(PlannerInfo *root, RelOptInfo *rel)
{
	List *orders = NIL;
	ListCell *cell;

	if (!rel->has_eclass_joins)
		return NIL;
	foreach (cell, root->eq_classes)
	{
		auto *eclass = static_cast<EquivalenceClass *>(lfirst(cell));

		if (!eclass_useful_for_merging(root, eclass, rel))
			continue;

		PathKey *pathkey = ascending_pathkey(root, eclass, linitial_oid(eclass->ec_opfamilies));

		if (order_expression(rel, pathkey, true, false) != nullptr)
			orders = lappend(orders, list_make1(pathkey));
	}
	return orders;
}

bool
is_result_order(const PlannerInfo *root)
{
	const Query *parse = root->parse;

	return root->parent_root == nullptr && parse->setOperations == nullptr &&
		   parse->distinctClause == NIL && !parse->hasWindowFuncs && !parse->hasTargetSRFs &&
		   parse->limitOption != LIMIT_OPTION_WITH_TIES;
}

/* The rows of this relation are the query's. */
static bool
is_result(const PlannerInfo *root, const RelOptInfo *rel)
{
	return is_result_order(root) && bms_equal(rel->relids, root->all_baserels) &&
		   root->parse->groupClause == NIL && !root->parse->hasAggs;
}

List *
useful_orders(PlannerInfo *root, RelOptInfo *rel)
{
	PlannedRelation *relation = planned_relation(rel);
	List *orders = NIL;
	ListCell *cell;

	relation->has_query_order = is_remote_order(rel, root->query_pathkeys, is_result(root, rel));
	if (relation->has_query_order && root->query_pathkeys != NIL)
		orders = list_make1(root->query_pathkeys);
	foreach (cell, merge_orders(root, rel))
	{
		auto *order = static_cast<List *>(lfirst(cell));

		if (compare_pathkeys(order, root->query_pathkeys) != PATHKEYS_EQUAL)
			orders = lappend(orders, order);
	}
	return orders;
}

/* ---- NULLs ---- */

static bool
is_declared_not_null(Oid relid, AttrNumber attribute)
{
	HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attribute));

	if (!HeapTupleIsValid(tuple))
		return false;

	bool declared = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attnotnull;

	ReleaseSysCache(tuple);
	return declared;
}

bool
is_never_null(const PlannedRelation *relation, Expr *expr)
{
	expr = strip_relabel(expr);
	if (IsA(expr, Aggref))
		return castNode(Aggref, expr)->aggfnoid == F_COUNT_ ||
			   castNode(Aggref, expr)->aggfnoid == F_COUNT_ANY;
	if (!IsA(expr, Var))
		return false;

	const Var *var = castNode(Var, expr);

	if (bms_is_member(var->varno, relation->nullable))
		return false;

	Oid relid = planner_rt_fetch(var->varno, relation->scope.root)->relid;

	return is_declared_not_null(relid, var->varattno) || is_key_column(relid, var->varattno);
}

/* ---- writing ---- */

static void
append_value(RemoteSql *sql, const Scope *scope, Expr *expr)
{
	TsqlType tsql_type;

	if (!deparse_value(sql, scope, expr, &tsql_type))
		elog(ERROR, "could not deparse a sort key that is shippable");
}

/* CASE WHEN c IS NULL THEN 1 ELSE 0 END puts NULLs last. */
static void
append_place_of_nulls(RemoteSql *sql, const PlannedRelation *relation, const PathKey *pathkey,
					  Expr *expr)
{
	bool nulls_come_first = !is_descending(pathkey);

	if (pathkey->pk_nulls_first == nulls_come_first || is_never_null(relation, expr))
		return;
	appendStringInfoString(&sql->text, "CASE WHEN ");
	append_value(sql, &relation->scope, expr);
	appendStringInfoString(&sql->text, pathkey->pk_nulls_first ? " IS NULL THEN 0 ELSE 1 END, "
															   : " IS NULL THEN 1 ELSE 0 END, ");
}

/* The text of a sort key, null if there are parameters in it. */
static const char *
key_text(const Scope *scope, Expr *expr)
{
	RemoteSql key = {};

	initStringInfo(&key.text);
	append_value(&key, scope, expr);
	return key.parameters == NIL ? key.text.data : nullptr;
}

/* T-SQL refuses a column that is a sort key already; here that may be one below another cast. */
static bool
is_repeated(List *earlier, const char *text)
{
	ListCell *cell;

	foreach (cell, earlier)
	{
		if (text != nullptr && std::strcmp(static_cast<const char *>(lfirst(cell)), text) == 0)
			return true;
	}
	return false;
}

bool
append_order(RemoteSql *sql, RelOptInfo *rel, List *pathkeys)
{
	const PlannedRelation *relation = planned_relation(rel);
	const char *separator = " ORDER BY ";
	List *earlier = NIL;
	ListCell *cell;

	foreach (cell, pathkeys)
	{
		auto *pathkey = static_cast<PathKey *>(lfirst(cell));
		Expr *expr = order_expression(rel, pathkey, lnext(pathkeys, cell) == nullptr, true);

		if (expr == nullptr)
			elog(ERROR, "could not find the expression of a sort key");

		const char *text = key_text(&relation->scope, expr);

		if (is_repeated(earlier, text))
			continue;
		if (text != nullptr)
			earlier = lappend(earlier, const_cast<char *>(text));
		appendStringInfoString(&sql->text, separator);
		append_place_of_nulls(sql, relation, pathkey, expr);
		append_value(sql, &relation->scope, expr);
		if (is_descending(pathkey))
			appendStringInfoString(&sql->text, " DESC");
		separator = ", ";
	}
	return separator[0] == ',';
}

} // namespace sambapos::fdw
