# Random queries: which tables, joined how, which rows, grouped or not, in what order, how many.
#
#   my ($query, @features) = Queries::random($tables, $seed, $number);
#
# Seven of ten are plain: what a reporting tool asks over numbers and dates. The others are wild: text, floats,
# windows, set operations, and whatever else must be answered here. A query's answer is determined but for the
# order of ties: a LIMIT inside a query stands on a total order, and no answer depends on which of two equal values is shown.

package Queries;
use strict;
use warnings;
use Dice;
use Expressions;
use Conditions;
use Subqueries;
use Tree;
use Values;

our $wild = 26;    # of 100 queries
my @plain_kinds = qw(int num date ts bool);
my @aggregates_of = ([ 'count({})', 'any', 'int' ], [ 'sum({})', 'int', 'num' ], [ 'sum({})', 'num', 'num' ], [ 'avg({})', 'int', 'num' ],
	[ 'avg({})', 'num', 'num' ], [ 'min({})', 'ordered', 'same' ], [ 'max({})', 'ordered', 'same' ]);

# ---- the whole ----

sub random
{
	my ($tables, $seed, $number) = @_;
	Dice::seed($seed, 'query', $number);
	my $level = Dice::chance($wild) ? 'wild' : 'plain';
	my $builder = { tables => $tables, level => $level, parameters => Dice::chance(12), aliases => 0, features => {} };
	$builder->{outside} = [ map { { %{ Tree::lit('int', $_) }, param => 1 } } 0, 3, 'CAST(NULL AS integer)' ] if $builder->{parameters};
	my $query = body($builder);
	add_union($builder, $query) if $level eq 'wild' && Dice::chance(12);
	add_order($builder, $query);
	$builder->{features}{parameters} = 1 if Tree::some_node(sub { $_->{param} }, $query);
	return ($query, $level, sort keys %{ $builder->{features} });
}

sub feature
{
	my ($builder, @names) = @_;
	$builder->{features}{$_} = 1 for @names;
	return;
}

sub alias
{
	my ($builder) = @_;
	return 't' . ++$builder->{aliases};
}

sub scope
{
	my ($builder, @columns) = @_;
	return { columns => [@columns], level => $builder->{level}, parameters => $builder->{parameters}, builder => $builder,
		outside => $builder->{outside} };
}

sub body
{
	my ($builder) = @_;
	my $shape = Dice::weighted(rows => 50, groups => 32, distinct => 7, derived => 6, $builder->{level} eq 'wild' ? (windows => 10) : ());
	feature($builder, $shape);
	return derived($builder) if $shape eq 'derived';
	my ($from, @columns) = from($builder, Dice::weighted(1 => 48, 2 => 34, 3 => 13, 4 => 5));
	($from, @columns) = with_lateral($builder, $from, @columns) if $builder->{level} eq 'wild' && Dice::chance(6);
	my $scope = scope($builder, @columns);
	my $query = { k => 'query', from => $from, where => [ where($scope), $from->{k} eq 'join' && Dice::chance(6) ? checked_here($scope) : () ] };
	return { %$query, group_outputs($builder, $scope) } if $shape eq 'groups';
	return { %$query, distinct => 1, select => [ distinct_outputs($scope) ] } if $shape eq 'distinct';
	return { %$query, select => [ row_outputs($scope), $shape eq 'windows' ? window($scope) : () ] };
}

# ---- FROM ----

sub table_item
{
	my ($builder, $table) = @_;
	$table //= Dice::pick($builder->{tables}->all);
	my $alias = alias($builder);
	return ({ k => 'table', table => $table, alias => $alias }, map { Tree::col($alias, $_) } @{ $table->{columns} });
}

# A query in the place of a table: what it computes must be NULL where an outer join finds no partner.
sub query_item
{
	my ($builder) = @_;
	my ($from, @columns) = table_item($builder);
	my $scope = scope($builder, @columns);
	my $query = { k => 'query', from => $from, where => [ Conditions::conditions($scope, 1, 1) ], select => [ $columns[0], row_outputs($scope) ] };
	my $item = { k => 'sub', query => $query, alias => alias($builder) };
	my ($id, @others) = Subqueries::columns_of($item);
	$id->{column}{is_key} = 1;
	feature($builder, 'join with a query');
	return ($item, $id, @others);
}

# Two tables joined to each other before they are joined to the others.
sub pair_item
{
	my ($builder) = @_;
	my ($left, @columns) = table_item($builder);
	my ($right, @more) = table_item($builder);
	my $how = Dice::pick('JOIN', 'LEFT JOIN');
	my $join = { k => 'join', how => $how, left => $left, right => $right, on => [ key_join(\@columns, \@more) ] };
	feature($builder, 'nested join');
	return ($join, @columns, @more);
}

sub from
{
	my ($builder, $count) = @_;
	my ($from, @columns) = table_item($builder);
	for (my $joined = 2; $joined <= $count; $joined++)
	{
		my $self = $joined == 2 && Dice::chance(12) ? $from->{table} : undef;
		feature($builder, 'self join') if $self;
		my $shape = $self ? 'table' : Dice::weighted(table => 84, query => 9, $joined < $count ? (pair => 20) : ());
		my ($item, @more) = $shape eq 'query' ? query_item($builder) : $shape eq 'pair' ? pair_item($builder) : table_item($builder, $self);
		$joined++ if $shape eq 'pair';
		my $how = Dice::weighted(JOIN => 60, 'LEFT JOIN' => 34, $builder->{level} eq 'wild' ? ('RIGHT JOIN' => 6, 'FULL JOIN' => 4) : (),
			$count == 2 && ($item->{table}{name} // '') eq 'PropShops' ? ('CROSS JOIN' => 6) : ());
		feature($builder, lc $how);
		$from = { k => 'join', how => $how, left => $from, right => $item,
			on => $how eq 'CROSS JOIN' ? [] : [ join_conditions($builder, \@columns, \@more, $count, $how) ] };
		push @columns, @more;
	}
	feature($builder, "$count tables");
	return ($from, @columns);
}

sub with_lateral
{
	my ($builder, $from, @columns) = @_;
	my $item = Subqueries::lateral(scope($builder, @columns));
	feature($builder, 'LATERAL');
	return ({ k => 'join', how => Dice::pick('JOIN', 'LEFT JOIN'), left => $from, right => $item, on => [] },
		@columns, Subqueries::columns_of($item));
}

sub equality { my ($x, $y) = @_; return Tree::op('bool', '({} = {})', [ $x, $y ]); }

sub is_key { my ($column) = @_; return $column->{column}{is_key} || $column->{column}{local} eq 'id'; }

# The new table's key against a number of the others, or the other way round.
sub key_join
{
	my ($left, $right) = @_;
	my @left_keys = grep { is_key($_) } @$left;
	my @pointing_back = grep { $_->{kind} eq 'int' && !is_key($_) } @$right;
	return equality(Dice::pick(@left_keys), Dice::pick(@pointing_back)) if @left_keys && @pointing_back && Dice::chance(30);
	return equality(Dice::pick(grep { $_->{kind} eq 'int' } @$left), Dice::pick(grep { is_key($_) } @$right));
}

# Columns of one kind, nullable or not; decimals of different scale and dates of different grain meet here.
sub kind_join
{
	my ($builder, $left, $right, $operator) = @_;
	for my $kind (Dice::shuffle(@plain_kinds[ 0 .. 3 ], 'uuid', $builder->{level} eq 'wild' ? qw(text text float bool char) : ()))
	{
		my @left = grep { $_->{kind} eq $kind } @$left;
		my @right = grep { $_->{kind} eq $kind } @$right;
		next unless @left && @right && ($operator =~ /=|FROM/ || $kind ne 'uuid');
		feature($builder, "join on $kind");
		return Tree::op('bool', "({} $operator {})", [ Dice::pick(@left), Dice::pick(@right) ]);
	}
	return key_join($left, $right);
}

# Something computed on each side.
sub computed_join
{
	my ($builder, $left, $right) = @_;
	my ($left_scope, $right_scope) = map { scope($builder, @$_) } $left, $right;
	for my $kind (Dice::shuffle(qw(int num date)))
	{
		my $x = Expressions::computed($left_scope, $kind, 1) // next;
		my $y = Expressions::computed($right_scope, $kind, 1) // next;
		return equality($x, $y);
	}
	return key_join($left, $right);
}

# What else may stand in ON: one side alone, both, a sub-select.
sub more_conditions
{
	my ($builder, $left, $right) = @_;
	my $which = Dice::weighted(one => 60, both => 30, $builder->{level} eq 'wild' ? (sub => 10) : ());
	feature($builder, $which eq 'one' ? 'one-sided ON' : "$which in ON");
	return Conditions::condition(scope($builder, @{ Dice::pick($left, $right) }), 1) if $which eq 'one';
	my $scope = scope($builder, @$left, @$right);
	return $which eq 'sub' ? Subqueries::condition($scope) : Conditions::condition($scope, 2);
}

sub checked_here_in_on
{
	my ($builder, $left, $right) = @_;
	my @conditions = Conditions::checked_here(scope($builder, @{ Dice::pick($left, $right, $right) }));
	feature($builder, 'checked here in ON') if @conditions;
	return @conditions;
}

sub join_conditions
{
	my ($builder, $left, $right, $count, $how) = @_;
	my $unequal = $count == 2 && $how ne 'FULL JOIN';
	my $kind = Dice::weighted(key => 60, kind => $count < 4 ? 22 : 0, computed => $count < 3 ? 6 : 0, both => 10, unequal => $unequal ? 8 : 0);
	feature($builder, "$kind condition");
	my $operator = $how eq 'FULL JOIN' || Dice::chance(85) ? '=' : 'IS NOT DISTINCT FROM';
	my @conditions = $kind eq 'kind' ? kind_join($builder, $left, $right, $operator)
		: $kind eq 'computed' ? computed_join($builder, $left, $right)
		: $kind eq 'unequal' ? kind_join($builder, $left, $right, Dice::pick('<', '>=', '<>'))
		: key_join($left, $right);
	push @conditions, kind_join($builder, $left, $right, Dice::pick('<=', '<>', '=')) if $kind eq 'both';
	push @conditions, more_conditions($builder, $left, $right) if $how !~ /FULL|EXISTS/ && Dice::chance(22);
	push @conditions, checked_here_in_on($builder, $left, $right) if $how !~ /FULL/ && Dice::chance(3);
	return @conditions;
}

# ---- WHERE ----

sub where
{
	my ($scope) = @_;
	my @conditions = Conditions::conditions($scope, 2, Dice::weighted(1 => 50, 2 => 35, 3 => 15));
	push @conditions, Subqueries::condition($scope) if Dice::chance(16);
	return @conditions;
}

# Conditions of one table of a join, or of several, that are not the server's: some joins may come before them.
sub checked_here
{
	my ($scope) = @_;
	my @conditions = map { Conditions::checked_here($scope) } 1 .. Dice::pick(1, 1, 2);
	feature($scope->{builder}, 'checked here') if @conditions;
	return @conditions;
}

# ---- what comes out ----

sub output_kinds
{
	my ($scope) = @_;
	my %there = map { $_->{kind} => 1 } @{ $scope->{columns} };
	return grep { $there{$_} || $_ eq 'bool' } $scope->{level} eq 'plain' ? @plain_kinds : (@plain_kinds, qw(text text float uuid));
}

sub row_outputs
{
	my ($scope) = @_;
	my @outputs = map { Dice::pick(@{ $scope->{columns} }) } 1 .. Dice::between(1, 4);
	push @outputs, map { Expressions::expression($scope, Dice::pick(output_kinds($scope)), Dice::between(1, 2)) } 1 .. Dice::between(0, 2);
	push @outputs, whole_row($scope) if Dice::chance(3);
	push @outputs, Subqueries::scalar_output($scope) if Dice::chance($scope->{level} eq 'plain' ? 2 : 8);
	return @outputs;
}

# A row as one value, which is NULL where an outer join finds no partner; and the table it comes from.
sub whole_row
{
	my ($scope) = @_;
	my @tables = grep { $_->{column}{remote} } @{ $scope->{columns} };
	return Dice::pick(@{ $scope->{columns} }) unless @tables;
	my $alias = Dice::pick(@tables)->{alias};
	feature($scope->{builder}, 'whole row');
	return Tree::op('row', Dice::pick("$alias.*::text", "$alias.*::text", "($alias.* IS NULL)", "$alias.tableoid::regclass"), []);
}

sub distinct_outputs
{
	my ($scope) = @_;
	return map { Expressions::uniform(Expressions::expression($scope, Dice::pick(output_kinds($scope)), Dice::pick(0, 0, 1))) }
		1 .. Dice::between(1, 3);
}

# Numbers of rows in a total order (which takes all tables' keys), and what needs no order among equals.
sub window
{
	my ($scope) = @_;
	my @ids = grep { $_->{column}{local} eq 'id' } @{ $scope->{columns} };
	my @keys = map { Expressions::computed($scope, $_, 0) // $ids[0] } Dice::pick(qw(int num date)), Dice::pick(qw(int bool ts));
	my $all_ids = join ', ', ('{}') x @ids;
	my $value = Expressions::leaf($scope, 'int');
	my $has_keys = !grep { !$_->{column}{remote} } @{ $scope->{columns} };
	return Dice::pick(
		$has_keys ? Tree::op('int', "row_number() OVER (ORDER BY {}, $all_ids)", [ $keys[0], @ids ], window => 1) : (),
		$has_keys ? Tree::op('int', "lag({}) OVER (ORDER BY {} NULLS FIRST, $all_ids)", [ $value, $keys[0], @ids ], window => 1) : (),
		Tree::op('int', 'rank() OVER (PARTITION BY {} ORDER BY {} DESC)', \@keys, window => 1),
		Tree::op('num', 'sum({}) OVER (PARTITION BY {})', [ $value, $keys[1] ], window => 1));
}

# ---- groups ----

sub group_key
{
	my ($scope) = @_;
	my @columns = grep { $_->{kind} =~ /^(?:int|num|date|ts|bool|uuid)$/ || $scope->{level} eq 'wild' } @{ $scope->{columns} };
	my $made = Dice::chance(35) ? Expressions::computed($scope, Dice::pick(@plain_kinds), 1) : undef;
	return Expressions::uniform($made // Dice::pick(@columns ? @columns : @{ $scope->{columns} }));
}

my %ordered_kinds = (plain => [qw(int num date ts)], wild => [qw(int num date ts text float)]);

sub argument
{
	my ($scope, $kind) = @_;
	return Dice::pick(@{ $scope->{columns} }) if $kind eq 'any';
	$kind = Dice::pick(@{ $ordered_kinds{ $scope->{level} } }) if $kind eq 'ordered';
	return Expressions::computed($scope, $kind, Dice::pick(0, 0, 1));
}

my @wild_aggregates = ([ 'bool_and({})', 'bool' ], [ 'bool_or({})', 'bool' ], [ "string_agg({}, ',' ORDER BY {} COLLATE \"C\")", 'text' ],
	[ 'stddev({})', 'int' ], [ 'max({})', 'text' ], [ 'min({})', 'text' ]);

sub wild_aggregate
{
	my ($scope) = @_;
	my ($template, $kind) = @{ Dice::pick(@wild_aggregates) };
	my $argument = Expressions::leaf($scope, $kind);
	return Tree::op($kind, $template, [ ($argument) x ($template =~ s/\{\}/{}/g) ], agg => 1);
}

sub count_of_rows { return Tree::op('int', 'count(*)', [], agg => 1, scale => 0); }

# count, sum, avg, min, max of a column or of something computed; some with DISTINCT inside.
sub plain_aggregate
{
	my ($scope) = @_;
	my ($template, $kind, $result) = @{ Dice::pick(@aggregates_of) };
	my $argument = argument($scope, $kind) // return count_of_rows();
	my $distinct = $template !~ /^m/ && Dice::chance(14);
	$argument = Expressions::uniform($argument) if $distinct || $template =~ /^m/;
	feature($scope->{builder}, $template =~ s/\(\{\}\)//r, $distinct ? 'DISTINCT inside' : ());
	my $scale = $template =~ /^(?:sum|m)/ ? $argument->{scale} : $template =~ /^count/ ? 0 : undef;
	$template =~ s/\{\}/DISTINCT {}/ if $distinct;
	return Tree::op($result eq 'same' ? $argument->{kind} : $result, $template, [$argument], agg => 1, scale => $scale);
}

sub aggregate
{
	my ($scope) = @_;
	my $aggregate = Dice::chance(25) ? count_of_rows()
		: $scope->{level} eq 'wild' && Dice::chance(20) ? wild_aggregate($scope) : plain_aggregate($scope);
	return Expressions::guarded($scope, 'aggregate', 1) if $scope->{outside} && Dice::chance(8);
	return $aggregate unless Dice::chance(12);
	feature($scope->{builder}, 'FILTER');
	return { %$aggregate, t => "$aggregate->{t} FILTER (WHERE {})", args => [ @{ $aggregate->{args} }, Conditions::condition($scope, 1) ] };
}

sub having
{
	my ($scope, @outputs) = @_;
	my @numbers = grep { $_->{agg} && $_->{kind} =~ /^(?:int|num)$/ } @outputs;
	return () unless @numbers;
	feature($scope->{builder}, 'HAVING');
	my $number = Dice::pick(@numbers);
	return Tree::op('bool', '({} ' . Dice::pick('>', '<=', '<>', '<>', '=') . ' {})', [ $number, Tree::lit('int', Dice::between(0, 2)) ])
		if Dice::chance(80);
	return Tree::op('bool', '({} IS ' . Dice::pick('NULL', 'NOT NULL') . ')', [$number]);
}

sub group_outputs
{
	my ($builder, $scope) = @_;
	my @keys = map { group_key($scope) } 1 .. Dice::weighted(0 => 18, 1 => 52, 2 => 24, 3 => 6);
	my @aggregates = map { aggregate($scope) } 1 .. Dice::between(@keys ? 0 : 1, 3);
	my @shown = @keys ? Dice::some(85, @keys) : ();
	feature($builder, @keys ? 'GROUP BY' : 'one group');
	my $rollup = @keys && $builder->{level} eq 'wild' && Dice::chance(8) ? Dice::pick('ROLLUP', 'CUBE') : undef;
	feature($builder, lc $rollup) if $rollup;
	return (group => \@keys, rollup => $rollup, select => [ @shown, @aggregates ],
		having => Dice::chance(18) ? [ having($scope, @aggregates) ] : []);
}

# ---- a query over a query ----

sub derived
{
	my ($builder) = @_;
	my ($from, @columns) = from($builder, Dice::weighted(1 => 70, 2 => 30));
	my $scope = scope($builder, @columns);
	my $inner = { k => 'query', from => $from, where => [ where($scope) ] };
	my $grouped = Dice::chance(50);
	$inner = { %$inner, $grouped ? group_outputs($builder, $scope) : (select => [ row_outputs($scope) ]) };
	Subqueries::total_limit($scope, $inner) if !$grouped && $from->{k} eq 'table' && Dice::chance(30);
	my $item = { k => 'sub', query => $inner, alias => alias($builder) };
	my @outer = Subqueries::columns_of($item);
	my $outer_scope = scope($builder, @outer);
	my $query = { k => 'query', from => $item, where => [ Conditions::conditions($outer_scope, 1, 1) ] };
	return { %$query, group_outputs($builder, $outer_scope) } if Dice::chance(50);
	return { %$query, select => [ Dice::some(70, @outer) ] };
}

# The same columns of another table or of the same again.
sub add_union
{
	my ($builder, $query) = @_;
	return if grep { $_->{kind} =~ /^(?:row|char)$/ } @{ $query->{select} };
	my ($from, @columns) = table_item($builder);
	my $scope = scope($builder, @columns);
	my @kinds = map { $_->{kind} } @{ $query->{select} };
	my $word = Dice::weighted('UNION ALL' => 6, UNION => 2, EXCEPT => 1, INTERSECT => 1);
	my @outputs = map { Expressions::leaf($scope, $_) } @kinds;
	if ($word ne 'UNION ALL')
	{
		$_ = $_->{kind} eq 'num' ? Tree::op('num', 'round({}, 2)', [$_], scale => 2) : $_ for @outputs, @{ $query->{select} };
		return if @{ $query->{group} // [] } || $query->{distinct} || grep { $_->{agg} } @{ $query->{select} };
	}
	$query->{union} = [ $word, { k => 'query', select => \@outputs, from => $from, where => [ Conditions::conditions($scope, 1, 1) ] } ];
	feature($builder, lc $word);
	return;
}

# ---- order ----

sub orderable
{
	my ($builder, $query) = @_;
	my %kinds = map { $_ => 1 } qw(int num date ts), $builder->{level} eq 'wild' ? qw(bool text char uuid float) : ();
	return grep { $kinds{ $query->{select}[$_]{kind} } } 0 .. $#{ $query->{select} };
}

sub order_key
{
	my ($builder, $query, $at) = @_;
	my $node = $query->{select}[$at];
	my $named = !$query->{union} && !$node->{window} && Tree::some_node(sub { $_->{k} eq 'col' }, $node);
	my %key = (at => $at, direction => Dice::pick('', '', 'DESC'), nulls => Dice::pick('', '', 'NULLS FIRST', 'NULLS LAST'));
	$key{by_name} = 1 if $named && Dice::chance(40);
	if ($node->{kind} eq 'text' && $key{by_name} && !$query->{distinct} && Dice::chance(50))
	{
		$key{collate} = 'COLLATE "C"';
	}
	feature($builder, 'ORDER BY', $key{nulls} ? lc $key{nulls} : (), $key{direction} ? 'descending' : ());
	return \%key;
}

sub add_order
{
	my ($builder, $query) = @_;
	my @places = orderable($builder, $query);
	if (@places && Dice::chance(50))
	{
		my %chosen = map { $_ => 1 } map { Dice::pick(@places) } 1 .. Dice::between(1, 3);
		$query->{order} = [ map { order_key($builder, $query, $_) } Dice::shuffle(sort { $a <=> $b } keys %chosen) ];
	}
	return unless Dice::chance($query->{order} ? 40 : 6);
	$query->{limit} = limit($builder, Dice::weighted(1 => 3, 3 => 4, 10 => 6, 40 => 3, 0 => 1)) if Dice::chance(85);
	$query->{offset} = limit($builder, Dice::weighted(1 => 5, 2 => 4, 5 => 2, 20 => 1, 0 => 1, 1000 => 1))
		if !$query->{limit} || Dice::chance(35);
	$query->{ties} = 1 if $query->{limit} && $query->{order} && Dice::chance(8);
	feature($builder, $query->{limit} ? 'LIMIT' : (), $query->{offset} ? 'OFFSET' : (), $query->{ties} ? 'WITH TIES' : ());
	return;
}

sub limit
{
	my ($builder, $number) = @_;
	my $literal = Tree::lit('int', Dice::chance(3) ? 'CAST(NULL AS integer)' : $number);
	$literal->{param} = 1 if $builder->{parameters};
	return $literal;
}

1;
