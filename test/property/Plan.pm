# How much of a query was sent, read from EXPLAIN (VERBOSE, FORMAT JSON).
#
# full: one Foreign Scan without a local filter; above it at most a projection; beside it only InitPlans that are
#       full themselves. So the server joins, filters, groups, sorts and limits, and nothing is done here.
# part: something but a bare scan is sent, and something is done here.
# none: whole tables are read.
# free: nothing has to be read: the planner has proved that there is no row.

package Plan;
use strict;
use warnings;

sub children
{
	my ($node) = @_;
	return @{ $node->{Plans} // [] };
}

sub all
{
	my ($node) = @_;
	return ($node, map { all($_) } children($node));
}

sub scans
{
	my ($plan) = @_;
	return grep { $_->{'Node Type'} eq 'Foreign Scan' } all($plan);
}

sub remote_sql
{
	my ($plan) = @_;
	return map { $_->{'Remote SQL'} // '(no remote SQL)' } scans($plan);
}

# Conditions, joins, groups, order or limits beyond SELECT columns FROM table.
sub is_bare
{
	my ($sql) = @_;
	my $words = $sql =~ s/\[(?:[^\]]|\]\])*\]|N?'(?:[^']|'')*'//gr;
	return $words !~ /\b(?:WHERE|JOIN|GROUP|ORDER|DISTINCT|TOP|EXISTS|OFFSET|COUNT|COUNT_BIG|SUM|MIN|MAX)\b/;
}

sub is_full
{
	my ($node) = @_;
	my @plans = children($node);
	my @beside = grep { $_->{'Parent Relationship'} eq 'InitPlan' } @plans;
	my @below = grep { $_->{'Parent Relationship'} ne 'InitPlan' } @plans;
	return 0 if grep { !is_full($_) } @beside;
	return 0 if exists $node->{Filter};
	return !@below if $node->{'Node Type'} eq 'Foreign Scan';
	return 0 unless $node->{'Node Type'} =~ /^(?:Result|Subquery Scan)$/ && @below <= 1;
	return !@below || is_full($below[0]);
}

# A join that is sent, with a condition that is checked on its rows.
sub has_filtered_join
{
	my ($plan) = @_;
	return grep { $_->{Filter} && ($_->{'Remote SQL'} // '') =~ /\] AS \[r\d/ } scans($plan);
}

sub extent
{
	my ($plan) = @_;
	my @scans = scans($plan);
	return 'free' unless @scans;
	return 'full' if is_full($plan);
	return (grep { !is_bare($_) } remote_sql($plan)) ? 'part' : 'none';
}

# The plan in few words: what is done here, above the scans.
sub outline
{
	my ($node, $depth) = @_;
	$depth //= 0;
	my $line = '  ' x $depth . $node->{'Node Type'} . ($node->{'Subplan Name'} ? " ($node->{'Subplan Name'})" : '');
	$line .= "  Filter: $node->{Filter}" if $node->{Filter};
	$line .= "  Remote SQL: $node->{'Remote SQL'}" if $node->{'Remote SQL'};
	return join "\n", $line, map { outline($_, $depth + 1) } children($node);
}

1;
