# Conditions of all shapes: comparisons, lists, ranges, NULL tests, patterns, row comparisons, and AND, OR, NOT of them.

package Conditions;
use strict;
use warnings;
use Dice;
use Expressions;
use Tree;
use Values;

$Expressions::condition = \&condition;

my @comparisons = ('=' => 5, '<>' => 5, '<' => 5, '<=' => 5, '>' => 5, '>=' => 5);

# Kinds that may be compared with each other, in either order.
my @mixed = ([qw(int num)], [qw(date ts)], [qw(int float)]);

sub op { my ($template, @args) = @_; return Tree::op('bool', $template, \@args); }

# The kinds a condition may be about, by what the scope has.
sub kinds
{
	my ($scope) = @_;
	my %weights = (int => 8, num => 8, date => 6, ts => 6, uuid => 2);
	%weights = (%weights, text => 7, char => 2, float => 2, time => 1, tstz => 1, bytea => 1) if $scope->{level} eq 'wild';
	my %there = map { $_->{kind} => 1 } @{ $scope->{columns} };
	return map { $_ => $weights{$_} } grep { $there{$_} } sort keys %weights;
}

sub some_kind
{
	my ($scope) = @_;
	my @kinds = kinds($scope);
	return @kinds ? Dice::weighted(@kinds) : 'int';
}

# The left side of a comparison: a column, or something computed.
sub subject
{
	my ($scope, $kind, $depth) = @_;
	my @columns = Expressions::columns_of($scope, $kind);
	return Dice::pick(@columns) if @columns && ($depth <= 1 || Dice::chance(65));
	return Expressions::expression($scope, $kind, $depth - 1);
}

# A constant, or another expression than the one it stands beside.
sub other_side
{
	my ($scope, $kind, $depth, $beside) = @_;
	return Expressions::literal($scope, $kind, $beside) if Dice::chance(60);
	for (1 .. 3)
	{
		my $node = Expressions::expression($scope, $kind, $depth - 1);
		return $node unless $node == $beside;
	}
	return Expressions::literal($scope, $kind, $beside);
}

sub comparison
{
	my ($scope, $depth) = @_;
	my $kind = some_kind($scope);
	my $other = $kind;
	for my $pair (Dice::chance(12) ? @mixed : ())
	{
		my ($x, $y) = @$pair;
		next if $y eq 'float' && $scope->{level} eq 'plain';
		$other = $kind eq $x ? $y : $x if $kind eq $x || $kind eq $y;
	}
	my $operator = $kind eq 'uuid' && $scope->{level} eq 'plain' ? Dice::pick('=', '=', '<>') : Dice::weighted(@comparisons);
	my $subject = subject($scope, $kind, $depth);
	my @sides = ($subject, other_side($scope, $other, $depth, $subject));
	@sides = reverse @sides if Dice::chance(10);
	return op("({} $operator {})", @sides);
}

sub list
{
	my ($scope, $depth) = @_;
	my $kind = some_kind($scope);
	my $subject = subject($scope, $kind, $depth);
	my @values = map { Expressions::literal($scope, $kind, $subject) } 1 .. Dice::between(1, 4);
	my $null = Dice::chance(10) ? ', NULL' : '';
	my $not = Dice::chance(35) ? 'NOT ' : '';
	return op("({} ${not}IN (" . join(', ', ('{}') x @values) . "$null))", $subject, @values);
}

sub array
{
	my ($scope, $depth) = @_;
	my $kind = Dice::pick(qw(int int num));
	my $quantified = Dice::weighted('= ANY' => 5, '<> ALL' => 3, '> ANY' => 1, '<= ALL' => 1, '<> ANY' => 1);
	my $subject = subject($scope, $kind, $depth);
	return op("({} $quantified (ARRAY[{}, {}]))", $subject, map { Expressions::literal($scope, $kind, $subject) } 1, 2);
}

sub by_value
{
	my ($kind, $x, $y) = @_;
	no warnings 'numeric';
	return $kind =~ /^(?:int|num)$/ ? $x <=> $y || $x cmp $y : $x cmp $y;
}

sub range
{
	my ($scope, $depth) = @_;
	my $kind = some_kind($scope);
	$kind = 'int' if $kind eq 'uuid' && $scope->{level} eq 'plain';
	my $word = Dice::weighted('BETWEEN' => 8, 'NOT BETWEEN' => 3, 'BETWEEN SYMMETRIC' => 1);
	my $subject = subject($scope, $kind, $depth);
	my @bounds = map { Expressions::literal($scope, $kind, $subject) } 1, 2;
	@bounds = sort { by_value($kind, $a->{text}, $b->{text}) } @bounds if Dice::chance(85);
	return op("({} $word {} AND {})", $subject, @bounds);
}

sub null_test
{
	my ($scope) = @_;
	return op(Dice::pick('({} IS NULL)', '({} IS NOT NULL)'), Dice::pick(@{ $scope->{columns} }));
}

sub distinct_from
{
	my ($scope, $depth) = @_;
	my $kind = some_kind($scope);
	my $subject = subject($scope, $kind, $depth);
	return op(Dice::pick('({} IS DISTINCT FROM {})', '({} IS NOT DISTINCT FROM {})'), $subject,
		other_side($scope, $kind, $depth, $subject));
}

sub truth
{
	my ($scope, $depth) = @_;
	my @columns = Expressions::columns_of($scope, 'bool');
	my $what = @columns && Dice::chance(70) ? Dice::pick(@columns) : condition($scope, $depth - 1);
	return $what if $what->{k} eq 'col' && Dice::chance(40);
	return op(Dice::pick('(NOT {})', map { "({} IS $_)" } 'TRUE', 'NOT TRUE', 'FALSE', 'NOT FALSE', 'UNKNOWN', 'NOT UNKNOWN'), $what);
}

sub junction
{
	my ($scope, $depth) = @_;
	my $word = Dice::weighted(OR => 5, AND => 3);
	my @parts = map { condition($scope, $depth - 1) } 1 .. Dice::between(2, 3);
	return Tree::op('bool', '(' . join(" $word ", ('{}') x @parts) . ')', \@parts, lazy => 1);
}

sub negation
{
	my ($scope, $depth) = @_;
	return op('(NOT {})', condition($scope, $depth - 1));
}

# PostgreSQL compares rows column by column, T-SQL not at all.
sub row
{
	my ($scope, $depth) = @_;
	my ($x, $y) = map { Dice::pick(qw(int num date)) } 1, 2;
	my $operator = Dice::weighted('=' => 3, '<' => 2, '>=' => 2, '<>' => 1);
	return Tree::op('bool', "(({}, {}) $operator ({}, {}))", [ subject($scope, $x, 1), subject($scope, $y, 1),
			Expressions::literal($scope, $x), Expressions::literal($scope, $y) ], lazy => 1);
}

# Case, accents, trailing blanks, brackets and wildcards: whatever the server thinks of them.
sub pattern
{
	my ($scope, $depth) = @_;
	my $operator = Dice::weighted('LIKE' => 6, 'NOT LIKE' => 2, 'ILIKE' => 3, 'NOT ILIKE' => 1, '^@' => 1);
	return op("({} $operator {})", subject($scope, 'text', $depth), Expressions::literal($scope, 'pattern'));
}

sub collated
{
	my ($scope) = @_;
	my $template = Dice::pick('({} COLLATE "C" < {})', '({} COLLATE "C" >= {})', '({} COLLATE public.caseless = {})',
		'({} COLLATE public.caseless <> {})', "({} = rtrim({}))");
	return op($template, subject($scope, 'text', 1), Expressions::literal($scope, 'text'));
}

# Values of the session or of the present time, with the same truth on both sides: no row's date is near today's.
sub clock
{
	my ($scope) = @_;
	return op('(random() >= 0)') if Dice::chance(15);
	my ($date) = Expressions::columns_of($scope, 'date');
	my ($ts) = Expressions::columns_of($scope, 'ts');
	return op(Dice::pick('({} < current_date)', '({} > current_date - 30)'), $date) if $date && Dice::chance(50);
	return op(Dice::pick('({} < localtimestamp)', "({} >= now() - interval '1 month')"), $ts) if $ts;
	return comparison($scope, 1);
}

# Nothing of any row: known before the scan, and decides about all rows at once.
sub without_rows
{
	my ($scope) = @_;
	return op(Dice::pick('({} < current_date)', '({} > current_date)'), Expressions::literal($scope, 'date')) if Dice::chance(30);
	my $kind = Dice::pick(qw(int int num ts));
	return op("({} " . Dice::pick('<', '<=', '<>') . ' {})', Expressions::literal($scope, $kind), Expressions::literal($scope, $kind));
}

# One that the server does not compute as PostgreSQL does: with a lossy condition for it there, or without.
sub checked_here
{
	my ($scope) = @_;
	my @kinds = grep { Expressions::columns_of($scope, $_) } qw(text text text float ts);
	my $kind = @kinds ? Dice::pick(@kinds) : return;
	my ($subject) = Dice::shuffle(Expressions::columns_of($scope, $kind));
	return op('({} ' . Dice::pick('<', '>=', '<>') . ' {})', $subject, Expressions::literal($scope, 'float', $subject)) if $kind eq 'float';
	return op('({} ' . Dice::pick('<', '>=') . ' CAST({} AS timestamptz))', $subject, Expressions::literal($scope, 'ts', $subject)) if $kind eq 'ts';
	my $template = Dice::pick('({} = {})', '({} <> {})', '({} <> {})', '({} >= {})', '({} < {})', '({} IN ({}, \'\'))', '(upper({}) <> {})', '({} IS DISTINCT FROM {})');
	return op($template, $subject, Expressions::literal($scope, 'text', $subject)) if Dice::chance(80);
	return op('({} LIKE {})', $subject, Expressions::literal($scope, 'pattern'));
}

my %shapes = (without_rows => \&without_rows, comparison => \&comparison, list => \&list, array => \&array, range => \&range, null_test => \&null_test,
	distinct_from => \&distinct_from, truth => \&truth, junction => \&junction, negation => \&negation, row => \&row,
	pattern => \&pattern, collated => \&collated, clock => \&clock);

sub condition
{
	my ($scope, $depth) = @_;
	return Expressions::guarded($scope, 'bool', $depth) if $scope->{outside} && Dice::chance(8);
	my @weights = (comparison => 40, list => 9, range => 9, null_test => 8, distinct_from => 5, truth => 8, array => 2, clock => 1, without_rows => 2);
	push @weights, junction => 12, negation => 5 if $depth > 1;
	push @weights, row => 2 if $scope->{level} eq 'wild';
	push @weights, pattern => 12, collated => 4
		if $scope->{level} eq 'wild' && Expressions::columns_of($scope, 'text');
	return $shapes{ Dice::weighted(@weights) }->($scope, $depth);
}

sub conditions
{
	my ($scope, $most, $depth) = @_;
	return map { condition($scope, $depth) } 1 .. Dice::weighted(0 => 34, 1 => 46, $most > 1 ? ($most => 20) : ());
}

1;
