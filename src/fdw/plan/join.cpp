/*
 * GetForeignJoinPaths: joins of relations that one server produces for one user.
 *
 * Inner, left, semi (EXISTS) and anti joins (NOT EXISTS), to any depth. Every clause of the join
 * must be exact at the server. A side whose rows all go on into the join (both of an inner join,
 * the outer one of the others) may have local conditions: they are checked on the joined rows,
 * since filtering first gives the same, s(A) JOIN B = s(A JOIN B). The other side may have none.
 * Full joins are not sent: their inputs' conditions would need derived tables, and no report asks
 * for them. Not where a row may have to be checked again after a lock (UPDATE, DELETE, FOR UPDATE),
 * which takes the tables' own rows; not with whole rows or system columns, which no server has.
 *
 * The tables below an EXISTS are hidden: nothing outside may name their columns, neither the target
 * list nor a clause or an order that an equivalence class offers.
 */
#include "fdw/plan/relation.hpp"

namespace sambapos::fdw
{

/* ---- clauses ---- */

List *
bare_clauses(List *clauses)
{
	List *bare = NIL;
	ListCell *cell;

	foreach (cell, clauses)
	{
		auto *node = static_cast<Node *>(lfirst(cell));

		bare = lappend(bare, IsA(node, RestrictInfo)
								 ? reinterpret_cast<Node *>(castNode(RestrictInfo, node)->clause)
								 : node);
	}
	return bare;
}

static bool
names_hidden(const PlannerInfo *root, Relids hidden, Node *node)
{
	return hidden != nullptr &&
		   bms_overlap(pull_varnos(const_cast<PlannerInfo *>(root), node), hidden);
}

/* The server evaluates conditions in any order. One that could reveal something of a row, by an
 * error, must not be sent beside those that hide the row from the user (row security, security
 * barrier views). */
static bool
is_secure(RelOptInfo *rel, RestrictInfo *clause)
{
	if (IS_SIMPLE_REL(rel))
		return restriction_is_securely_promotable(clause, rel);
	return clause->security_level == 0 || clause->leakproof;
}

static bool
is_sendable_in(const Scope *scope, RelOptInfo *rel, RestrictInfo *clause)
{
	const PlannedRelation *relation = planned_relation(rel);

	return is_secure(rel, clause) &&
		   !names_hidden(relation->scope.root, relation->hidden,
						 reinterpret_cast<Node *>(clause->clause)) &&
		   is_shippable(scope, clause->clause);
}

bool
is_sendable(RelOptInfo *rel, RestrictInfo *clause)
{
	return is_sendable_in(&planned_relation(rel)->scope, rel, clause);
}

/* A join that is made here goes by PostgreSQL's rules, in every plan. */
bool
is_sendable_for_join(RelOptInfo *rel, RestrictInfo *clause)
{
	Scope strict = planned_relation(rel)->scope;

	strict.text_by_server = false;
	return is_sendable_in(&strict, rel, clause);
}

bool
may_send_lossy(RelOptInfo *rel, RestrictInfo *clause)
{
	return is_secure(rel, clause) &&
		   has_lossy_condition(&planned_relation(rel)->scope, clause->clause);
}

/* After an anti join the inner columns are all NULL; that is how a left join became one. */
static bool
is_null_by_anti_join(const PlannedJoin *join, Expr *clause)
{
	if (join->type != JOIN_ANTI || !IsA(clause, NullTest))
		return false;

	NullTest *test = castNode(NullTest, clause);

	return test->nulltesttype == IS_NULL && IsA(test->arg, Var) &&
		   bms_is_member(castNode(Var, test->arg)->varno, join->inner->relids);
}

/* A clause that comes after the join. */
static void
add_condition(RelOptInfo *joinrel, PlannedJoin *join, RestrictInfo *clause)
{
	if (is_null_by_anti_join(join, clause->clause))
		return;
	if (is_sendable(joinrel, clause))
		join->remote_conds = lappend(join->remote_conds, clause);
	else
		join->later_conds = lappend(join->later_conds, clause);
}

static bool
is_join_clause(const PlannedJoin *join, RelOptInfo *joinrel, RestrictInfo *clause)
{
	return join->type == JOIN_SEMI ||
		   (IS_OUTER_JOIN(join->type) && !RINFO_IS_PUSHED_DOWN(clause, joinrel->relids));
}

/* False if the join cannot be sent. In an inner join every clause may be evaluated after it. */
static bool
classify_clauses(RelOptInfo *joinrel, PlannedJoin *join, List *clauses)
{
	ListCell *cell;

	foreach (cell, clauses)
	{
		RestrictInfo *clause = lfirst_node(RestrictInfo, cell);

		if (clause->pseudoconstant)
			return false; /* no gating node stands above a join */
		if (!is_join_clause(join, joinrel, clause))
			add_condition(joinrel, join, clause);
		else if (is_sendable(joinrel, clause))
			join->join_clauses = lappend(join->join_clauses, clause);
		else
			return false;
	}
	return true;
}

/* ---- what can be joined ---- */

/* The same answer for all rows that a join makes of one, and no more work than an operator's; and
 * no gating condition, which is asked before the scan. */
static bool
may_come_later(List *conditions)
{
	ListCell *cell;

	foreach (cell, conditions)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);
		auto *clause = reinterpret_cast<Node *>(condition->clause);

		if (condition->pseudoconstant || contain_volatile_functions(clause) ||
			contain_subplans(clause))
			return false;
	}
	return true;
}

/* preserved: the join only multiplies the side's rows or leaves some out, and shows no NULLs in
 * their place; so a local condition may come after it. Where conditions have an order for security,
 * none may. */
static bool
can_be_input(const PlannerInfo *root, const RelOptInfo *rel, bool preserved)
{
	const PlannedRelation *relation = planned_relation(rel);

	if (relation == nullptr || relation->local_conds == NIL)
		return relation != nullptr;
	return preserved && root->qual_security_level == 0 && may_come_later(relation->local_conds);
}

static bool
is_supported(JoinType type)
{
	return type == JOIN_INNER || type == JOIN_LEFT || type == JOIN_SEMI || type == JOIN_ANTI;
}

/* A placeholder that must be evaluated inside the join tree cannot be: only columns are fetched. */
static bool
has_inner_placeholder(PlannerInfo *root, RelOptInfo *joinrel)
{
	Relids relids = IS_OTHER_REL(joinrel) ? joinrel->top_parent_relids : joinrel->relids;
	ListCell *cell;

	foreach (cell, root->placeholder_list)
	{
		auto *info = static_cast<PlaceHolderInfo *>(lfirst(cell));

		if (bms_is_subset(info->ph_eval_at, relids) &&
			bms_nonempty_difference(relids, info->ph_eval_at))
			return true;
	}
	return false;
}

/* Plain columns of tables that can be seen. */
static bool
has_only_columns(const PlannedJoin *join, Node *node)
{
	ListCell *cell;

	foreach (cell, pull_var_clause(node, PVC_RECURSE_PLACEHOLDERS))
	{
		Var *var = lfirst_node(Var, cell);

		if (bms_is_member(var->varno, join->scope.relids) &&
			(var->varattno <= 0 || bms_is_member(var->varno, join->hidden)))
			return false;
	}
	return true;
}

static bool
is_join_possible(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outer, RelOptInfo *inner,
				 JoinType type)
{
	return is_supported(type) && can_be_input(root, outer, true) &&
		   can_be_input(root, inner, type == JOIN_INNER) && bms_is_empty(joinrel->lateral_relids) &&
		   root->rowMarks == NIL &&
		   (root->parse->commandType == CMD_SELECT || root->parse->commandType == CMD_INSERT) &&
		   !has_inner_placeholder(root, joinrel);
}

/* ---- the join ---- */

static const char *
join_name(JoinType type)
{
	switch (type)
	{
		case JOIN_INNER: return "INNER";
		case JOIN_LEFT: return "LEFT";
		case JOIN_SEMI: return "SEMI";
		default: return "ANTI";
	}
}

static PlannedJoin *
make_join(RelOptInfo *outer, RelOptInfo *inner, JoinType type)
{
	auto *join = static_cast<PlannedJoin *>(palloc0(sizeof(PlannedJoin)));
	const PlannedRelation *left = planned_relation(outer);
	const PlannedRelation *right = planned_relation(inner);

	join->kind = RelationKind::join;
	join->scope = left->scope;
	join->scope.relids = bms_union(left->scope.relids, right->scope.relids);
	join->scope.qualified = true;
	join->server = left->server;
	join->hidden = bms_union(left->hidden, right->hidden);
	join->nullable = bms_union(left->nullable, right->nullable);
	if (type == JOIN_LEFT)
		join->nullable = bms_add_members(join->nullable, right->scope.relids);
	join->type = type;
	join->outer = outer;
	join->inner = inner;
	join->relations =
		psprintf("(%s) %s JOIN (%s)", left->relations, join_name(type), right->relations);
	return join;
}

/* All pairs of rows would be fetched: for a local condition only, or to be filtered. */
static bool
is_left_to_us(const PlannedJoin *join)
{
	double fewest =
		std::min(planned_relation(join->outer)->fetched, planned_relation(join->inner)->fetched);

	if (join->type != JOIN_INNER || join->remote_conds != NIL)
		return false;
	return join->later_conds != NIL || (join->local_conds != NIL && fewest > 1);
}

/* Those of the inputs come first, as they would without the join. */
static void
collect_local_conditions(PlannedJoin *join)
{
	join->local_conds = list_concat_copy(planned_relation(join->outer)->local_conds,
										 planned_relation(join->inner)->local_conds);
	join->local_conds = list_concat(join->local_conds, join->later_conds);
}

/* Fills it, or gives up. While its clauses are examined the inner tables of an EXISTS are visible,
 * afterwards not. */
static bool
fill_join(RelOptInfo *joinrel, PlannedJoin *join, List *clauses)
{
	joinrel->fdw_private = join;
	if (!classify_clauses(joinrel, join, clauses))
		return false;
	collect_local_conditions(join);
	if (is_left_to_us(join))
		return false;
	if (join->type == JOIN_SEMI || join->type == JOIN_ANTI)
		join->hidden = bms_add_members(join->hidden, planned_relation(join->inner)->scope.relids);
	return has_only_columns(join, reinterpret_cast<Node *>(joinrel->reltarget->exprs)) &&
		   has_only_columns(join, reinterpret_cast<Node *>(bare_clauses(join->local_conds))) &&
		   has_only_columns(join, reinterpret_cast<Node *>(bare_clauses(join->remote_conds)));
}

static void
add_join_path(PlannerInfo *root, RelOptInfo *joinrel, List *pathkeys, List *clauses)
{
	ScanCost cost = estimate_relation(root, joinrel, joinrel->rows, pathkeys, nullptr);

	add_path(joinrel, reinterpret_cast<Path *>(foreign_join_path(
						  root, joinrel, cost.rows, cost.startup, cost.total, pathkeys, clauses)));
}

/* Asked for every pair of relations that make up the join, and for both sides as the outer one: the
 * first answer that succeeds serves them all. */
void
sambapos_get_join_paths(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel,
						RelOptInfo *innerrel, JoinType type, JoinPathExtraData *extra)
{
	ListCell *cell;

	if (joinrel->fdw_private != nullptr ||
		!is_join_possible(root, joinrel, outerrel, innerrel, type))
		return;

	PlannedJoin *join = make_join(outerrel, innerrel, type);

	if (!fill_join(joinrel, join, extra->restrictlist))
	{
		joinrel->fdw_private = nullptr;
		return;
	}
	estimate_join(root, joinrel);
	add_join_path(root, joinrel, NIL, extra->restrictlist);
	foreach (cell, useful_orders(root, joinrel))
		add_join_path(root, joinrel, static_cast<List *>(lfirst(cell)), extra->restrictlist);
}

} // namespace sambapos::fdw
