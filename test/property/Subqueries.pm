# Queries inside queries: EXISTS, IN, NOT IN, scalar sub-selects that stand alone (InitPlans) or point outside,
# LATERAL, and the columns that a query in FROM has.

package Subqueries;
use strict;
use warnings;
use Dice;
use Expressions;
use Conditions;
use Tree;

# A table and a condition or two on it; with a condition that ties it to the outer query if asked for.
sub inner
{
	my ($scope, $tied) = @_;
	my $builder = $scope->{builder};
	my ($item, @columns) = Queries::table_item($builder);
	my $own = Queries::scope($builder, @columns);
	my @numbers = Expressions::columns_of($scope, 'int');
	$own->{outside} = \@numbers if $tied && @numbers;
	my @where = Conditions::conditions($own, 1, 1);
	push @where, Queries::join_conditions($builder, $scope->{columns}, \@columns, 2, 'EXISTS') if $tied;
	return ({ k => 'query', from => $item, where => \@where }, $own);
}

sub exists_condition
{
	my ($scope) = @_;
	my ($query, $own) = inner($scope, 1);
	my $not = Dice::chance(40) ? 'NOT ' : '';
	Queries::feature($scope->{builder}, $not ? 'NOT EXISTS' : 'EXISTS');
	$query->{select} = [ Dice::chance(50) ? Tree::lit('int', 1) : Dice::pick(@{ $own->{columns} }) ];
	return Tree::op('bool', "(${not}EXISTS ({}))", [$query], lazy => 1);
}

sub in_condition
{
	my ($scope) = @_;
	my ($query, $own) = inner($scope, Dice::chance(15));
	my $kind = Dice::weighted(int => 6, num => 2, date => 2, $scope->{level} eq 'wild' ? (text => 2) : ());
	my $not = Dice::chance(20) ? 'NOT ' : '';
	Queries::feature($scope->{builder}, "${not}IN (SELECT)");
	$query->{select} = [ Expressions::leaf($own, $kind) ];
	return Tree::op('bool', "({} ${not}IN ({}))", [ Expressions::leaf($scope, $kind), $query ], lazy => 1);
}

# One value: the largest, the smallest, a count, or that of one row.
sub scalar_query
{
	my ($scope, $tied, $kind) = @_;
	my ($query, $own) = inner($scope, $tied);
	my $function = Dice::pick(qw(max min));
	my $argument = $kind eq 'int' && $own->{outside} && Expressions::columns_of($own, 'int') && Dice::chance(50) ? Expressions::guarded($own, 'int', 0)
		: Expressions::computed($own, $kind, 0);
	if (!$argument || $kind eq 'int' && Dice::chance(30))
	{
		$query->{select} = [ Tree::op('int', 'count(*)', [], agg => 1) ];
		return $query;
	}
	$query->{select} = [ Tree::op($kind, "$function({})", [ Expressions::uniform($argument) ], agg => 1) ];
	return $query;
}

sub scalar_condition
{
	my ($scope) = @_;
	my $tied = Dice::chance($scope->{level} eq 'plain' ? 6 : 30);
	my $kind = Dice::pick(qw(int int num));
	Queries::feature($scope->{builder}, $tied ? 'correlated' : 'InitPlan');
	return Tree::op('bool', '({} ' . Dice::pick('=', '<', '<', '>=', '>=', '<>') . ' ({}))',
		[ Expressions::leaf($scope, $kind), scalar_query($scope, $tied, $kind) ]);
}

sub condition
{
	my ($scope) = @_;
	my $shape = Dice::weighted(exists => 45, in => 30, scalar => 25);
	return exists_condition($scope) if $shape eq 'exists';
	return in_condition($scope) if $shape eq 'in';
	return scalar_condition($scope);
}

sub scalar_output
{
	my ($scope) = @_;
	my $tied = Dice::chance(60);
	my $kind = Dice::pick(qw(int num date));
	Queries::feature($scope->{builder}, $tied ? 'correlated' : 'InitPlan');
	my $query = scalar_query($scope, $tied, $kind);
	return Tree::op($query->{select}[0]{kind}, '({})', [$query], scale => $query->{select}[0]{scale});
}

# ---- queries in FROM ----

# Its output columns; kinds and scales are those of the expressions.
sub columns_of
{
	my ($item) = @_;
	my $place = 0;
	return map { Tree::col($item->{alias}, { local => 'c' . ++$place, kind => $_->{kind}, scale => $_->{scale} }) }
		@{ $item->{query}{select} };
}

# The first few rows in an order that leaves no choice.
sub total_limit
{
	my ($scope, $query) = @_;
	my ($id) = grep { $_->{column}{local} eq 'id' } @{ $scope->{columns} };
	my $at = push(@{ $query->{select} }, $id) - 1;
	$query->{order} = [ { at => $at, direction => Dice::pick('', 'DESC'), nulls => '' } ];
	$query->{limit} = Tree::lit('int', Dice::between(1, 20));
	Queries::feature($scope->{builder}, 'LIMIT inside');
	return;
}

# For each row of the outer tables a few rows of another.
sub lateral
{
	my ($scope) = @_;
	my ($query, $own) = inner($scope, 1);
	$query->{select} = [ map { Dice::pick(@{ $own->{columns} }) } 1, 2 ];
	total_limit($own, $query) if Dice::chance(60);
	return { k => 'sub', query => $query, alias => Queries::alias($scope->{builder}), lateral => 1 };
}

1;
