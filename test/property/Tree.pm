# A query as a tree, and the tree as SQL. Generation builds it, shrinking cuts it; both through this module.
#
# Expressions: { k => 'col', alias, column, kind, scale }, { k => 'lit', text, kind, scale, param },
# { k => 'op', t => '({} + {})', args => [...], kind, scale, fails, lazy, agg }: {} takes the arguments in turn; one
# that is a query is a sub-select. fails: can raise an error (overflow, division by zero); lazy: does not
# evaluate all of its arguments. A node that stands in two places of a query is the same node.
#
# Queries: { k => 'query', distinct, select => [expr], from, where => [expr], group => [expr], having => [expr],
# order => [{ at, direction, nulls, by_name }], limit, offset, ties, rollup, union => [word, query] }; order's at is a place in select.
# FROM: { k => 'table', table, alias }, { k => 'sub', query, alias, lateral }, { k => 'join', how, left, right, on => [expr] }.

package Tree;
use strict;
use warnings;
use Scalar::Util qw(refaddr);
use Values;

# ---- making nodes ----

sub col
{
	my ($alias, $column) = @_;
	return { k => 'col', alias => $alias, column => $column, kind => $column->{kind}, scale => $column->{scale} };
}

sub lit
{
	my ($kind, $text) = @_;
	my $scale = $kind eq 'int' ? 0 : $text =~ /^-?\d+(?:\.(\d*))?$/ ? length($1 // '') : undef;
	return { k => 'lit', kind => $kind, text => $text, scale => $scale };
}

sub op
{
	my ($kind, $template, $args, %more) = @_;
	return { k => 'op', kind => $kind, t => $template, args => $args, %more };
}

# ---- walking ----

# The expressions directly below an expression or a query, FROM items included.
sub children
{
	my ($node) = @_;
	return () if $node->{k} =~ /^(?:col|lit|table)$/;
	return @{ $node->{args} } if $node->{k} eq 'op';
	return ($node->{query}) if $node->{k} eq 'sub';
	return ($node->{left}, $node->{right}, @{ $node->{on} }) if $node->{k} eq 'join';
	return grep { defined } @{ $node->{select} }, $node->{from}, @{ $node->{where} // [] }, @{ $node->{group} // [] },
		@{ $node->{having} // [] }, $node->{limit}, $node->{offset}, $node->{union} ? $node->{union}[1] : ();
}

# Every node once, parents first.
sub nodes
{
	my (@trees) = @_;
	my (%seen, @all);
	while (my $node = shift @trees)
	{
		next if $seen{ refaddr $node }++;
		push @all, $node;
		unshift @trees, children($node);
	}
	return @all;
}

sub some_node
{
	my ($test, @trees) = @_;
	return scalar grep { $test->() } nodes(@trees);
}

sub tables_of
{
	my ($tree) = @_;
	my %names = map { $_->{table}{name} => 1 } grep { $_->{k} eq 'table' } nodes($tree);
	return sort keys %names;
}

# Everything that could make evaluation raise an error.
sub failing
{
	return grep { $_->{fails} } nodes(@_);
}

# ---- as SQL ----

# Without a list of parameters every literal is written where it stands.
sub expression
{
	my ($node, $parameters) = @_;
	return query($node, $parameters) if $node->{k} eq 'query';
	return "$node->{alias}.$node->{column}{local}" if $node->{k} eq 'col';
	return literal($node, $parameters) if $node->{k} eq 'lit';
	my @args = map { expression($_, $parameters) } @{ $node->{args} };
	return $node->{t} =~ s/\{\}/shift(@args) \/\/ die "too few arguments: $node->{t}"/ger;
}

sub literal
{
	my ($node, $parameters) = @_;
	if ($parameters && $node->{param})
	{
		my ($at) = grep { $parameters->[$_] == $node } 0 .. $#$parameters;
		push @$parameters, $node unless defined $at;
		return '$' . (1 + ($at // $#$parameters));
	}
	return $node->{text} =~ /^-/ ? "($node->{text})" : $node->{text};
}

sub conjunction
{
	my ($conditions, $parameters) = @_;
	return join ' AND ', map { expression($_, $parameters) } @$conditions;
}

sub from_item
{
	my ($item, $parameters) = @_;
	return "$item->{table}{local} $item->{alias}" if $item->{k} eq 'table';
	return ($item->{lateral} ? 'LATERAL ' : '') . '(' . query($item->{query}, $parameters) . ") $item->{alias}"
		if $item->{k} eq 'sub';
	my ($left, $right) = map { from_item($item->{$_}, $parameters) } qw(left right);
	return "$left $item->{how} $right" if $item->{how} eq 'CROSS JOIN';
	$right = "($right)" if $item->{right}{k} eq 'join';
	return "$left $item->{how} $right ON " . (@{ $item->{on} } ? conjunction($item->{on}, $parameters) : 'true');
}

# An output column's place, or the expression again.
sub order_key
{
	my ($query, $key, $parameters) = @_;
	my $text = $key->{by_name} ? expression($query->{select}[ $key->{at} ], $parameters) : $key->{at} + 1;
	return join ' ', grep { $_ } $text, $key->{collate}, $key->{direction}, $key->{nulls};
}

sub query
{
	my ($query, $parameters) = @_;
	my $sql = 'SELECT ' . ($query->{distinct} ? 'DISTINCT ' : '');
	my $place = 0;
	$sql .= join ', ', map { expression($_, $parameters) . ' AS c' . ++$place } @{ $query->{select} };
	$sql .= ' FROM ' . from_item($query->{from}, $parameters) if $query->{from};
	$sql .= ' WHERE ' . conjunction($query->{where}, $parameters) if @{ $query->{where} // [] };
	$sql .= ' GROUP BY ' . group_list($query, $parameters) if @{ $query->{group} // [] };
	$sql .= ' HAVING ' . conjunction($query->{having}, $parameters) if @{ $query->{having} // [] };
	$sql .= " $query->{union}[0] " . query($query->{union}[1], $parameters) if $query->{union};
	$sql .= ' ORDER BY ' . join ', ', map { order_key($query, $_, $parameters) } @{ $query->{order} } if @{ $query->{order} // [] };
	$sql .= ' LIMIT ' . expression($query->{limit}, $parameters) if $query->{limit} && !$query->{ties};
	$sql .= ' OFFSET ' . expression($query->{offset}, $parameters) if $query->{offset};
	$sql .= ' FETCH FIRST (' . expression($query->{limit}, $parameters) . ') ROWS WITH TIES' if $query->{limit} && $query->{ties};
	return $sql;
}

sub group_list
{
	my ($query, $parameters) = @_;
	my $keys = join ', ', map { expression($_, $parameters) } @{ $query->{group} };
	return $query->{rollup} ? "$query->{rollup} ($keys)" : $keys;
}

# What is to be run, in turn: { prepare, explain, run, finish }. With parameters that is PREPARE and EXECUTE.
sub statements
{
	my ($query) = @_;
	my @parameters;
	my $sql = query($query, \@parameters);
	return { run => $sql, explain => "EXPLAIN (VERBOSE, FORMAT JSON) $sql" } unless @parameters;
	my $types = join ', ', map { Values::parameter_type($_->{kind}, $_->{text}) } @parameters;
	my $execute = 'EXECUTE q(' . join(', ', map { $_->{text} } @parameters) . ')';
	return { prepare => "PREPARE q($types) AS $sql", run => $execute, explain => "EXPLAIN (VERBOSE, FORMAT JSON) $execute",
		finish => 'DEALLOCATE q' };
}

1;
