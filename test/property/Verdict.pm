# Are two answers the same? Exactly: each value's text, NULL apart from the empty string, the digits a number is
# shown with, the order where ORDER BY decides it. Ties may stand in any order; with a LIMIT any of them may be left out.
#
#   my $verdict = Verdict::of($query, $outcome, $sides);
#   { same => 1 } | { same => 1, error => 1 } | { apart => why } | { invalid => message } | { difference => kind, text }
#
# Errors: both must raise one of the same class. Where only one side does, that is a difference, unless the order of
# evaluation decides whether the failing expression is reached at all, which neither side promises; such are counted apart.

package Verdict;
use strict;
use warnings;
use Tree;

# Allowances for a server that is not SQL Server (Run.pm finds out): numbers are equal if their values are; a decimal
# that overflows is an error without a number (HV000), the end of the connection, or nothing.
our ($numbers_by_value, $overflow_is_unsure);

sub of
{
	my ($query, $outcome, $sides) = @_;
	my ($far, $near) = @$outcome{qw(far near)};
	return of_errors($query, $outcome, $sides) if $far->{sqlstate} || $near->{sqlstate};
	return { apart => 'only without LIMIT an error' } if $outcome->{whole} && $outcome->{whole}{sqlstate};
	my ($kind, $text) = row_difference($query, $outcome);
	return $kind ? { difference => $kind, text => $text } : { same => 1 };
}

# ---- rows ----

sub row_text
{
	return join ' | ', map { defined ? '"' . value_text($_) . '"' : 'NULL' } @{ $_[0] };
}

sub value_text
{
	my ($text) = @_;
	return $numbers_by_value && $text =~ /^-?\d+\.\d+$/ ? $text =~ s/\.?0+$//r : $text;
}

# Equal numbers of different scale are equal keys.
sub key_text
{
	my ($query, $row) = @_;
	return join ' | ', map
	{
		my $value = $row->[ $_->{at} ] // 'NULL';
		$value =~ s/\.?0+$// if $query->{select}[ $_->{at} ]{kind} =~ /^(?:num|int)$/ && $value =~ /\./;
		$value
	} @{ $query->{order} // [] };
}

sub row_difference
{
	my ($query, $outcome) = @_;
	my @far = @{ $outcome->{far}{rows} };
	my @near = @{ $outcome->{near}{rows} };
	return ('rows', 'there are ' . @far . ' rows, there should be ' . @near) if @far != @near;
	my $wrong = multiset_difference(\@far, $outcome->{whole} ? $outcome->{whole}{rows} : \@near);
	return ('rows', "no such row: $wrong") if defined $wrong;
	for my $i ($query->{order} ? 0 .. $#near : ())
	{
		my ($found, $wanted) = map { key_text($query, $_) } $far[$i], $near[$i];
		return ('order', "row " . ($i + 1) . " has the key $found, it should be $wanted") if $found ne $wanted;
	}
	return;
}

# A row that is in the first list more often than in the second.
sub multiset_difference
{
	my ($found, $allowed) = @_;
	my %count;
	$count{ row_text($_) }++ for @$allowed;
	for my $row (@$found)
	{
		return row_text($row) if --$count{ row_text($row) } < 0;
	}
	return undef;
}

# ---- errors ----

sub of_errors
{
	my ($query, $outcome, $sides) = @_;
	my ($far, $near) = map { $_->{sqlstate} // '' } @$outcome{qw(far near)};
	return { invalid => $outcome->{near}{message} } if $near =~ /^42/ && substr($far, 0, 2) eq substr($near, 0, 2);
	return { same => 1, error => 1 } if $far && substr($far, 0, 2) eq substr($near, 0, 2);
	return $near ? { same => 1, error => 1 } : { apart => 'an error without a number' }
		if $overflow_is_unsure && $far =~ /^(?:HV000|08006)$/;
	return { apart => 'a decimal overflows only here' } if $overflow_is_unsure && !$far && $near eq '22003';
	my %difference = (difference => 'error', text => error_text($outcome));
	return \%difference if $far && $near;
	return is_certain($query) ? \%difference : { apart => 'only here an error' } if $near;
	return \%difference unless $far =~ /^22/ && can_fail_here($query, $sides);
	return { apart => 'only there an error' };
}

sub error_text
{
	my ($outcome) = @_;
	return join '; ', map
	{
		my $side = $outcome->{$_};
		"$_: " . ($side->{sqlstate} ? "$side->{sqlstate} $side->{message}" : @{ $side->{rows} } . ' rows')
	} qw(far near);
}

sub contains_failing { return scalar Tree::failing(@_); }

# The failing expression is evaluated for each row there is, whatever the plan.
sub is_certain
{
	my ($query) = @_;
	my @nodes = Tree::nodes($query);
	return 0 if $query->{limit} || $query->{offset} || $query->{union} || 1 < grep { $_->{k} eq 'query' } @nodes;
	return 0 if grep { $_->{lazy} && contains_failing($_) } @nodes;
	my @where = @{ $query->{where} // [] };
	my @joins = grep { $_->{k} eq 'join' } @nodes;
	my @conditions = (@where, (map { @{ $_->{on} } } @joins), @{ $query->{having} // [] });
	return 1 unless contains_failing(@conditions);
	return !@joins && @where == 1 && !@{ $query->{having} // [] };
}

# Does one of the expressions that can fail do so for some row, or pair of rows, here? If that cannot be told: yes.
sub can_fail_here
{
	my ($query, $sides) = @_;
	my %tables = map { $_->{alias} => $_ } grep { $_->{k} eq 'table' } Tree::nodes($query);
	for my $node (Tree::failing($query))
	{
		my %aliases = map { $_->{alias} => 1 } grep { $_->{k} eq 'col' } Tree::nodes($node);
		my @items = map { $tables{$_} } sort keys %aliases;
		return 1 if @items > 2 || grep { !defined } @items;
		return 1 if Tree::some_node(sub { $_->{agg} || $_->{window} || $_->{k} eq 'query' }, $node);
		my $from = join ', ', map { Tree::from_item($_) } @items;
		my $answer = $sides->near('SELECT ' . Tree::expression($node) . ($from ? " FROM $from" : ''));
		return 1 if $answer->{sqlstate};
	}
	return 0;
}

1;
