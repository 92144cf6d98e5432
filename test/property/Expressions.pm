# Typed expressions over the columns of a scope, drawn from one table of what each kind can be made of.
#
# A scope: { columns => [col nodes], level }; level 'plain' leaves out what no wrapper could send exactly (text
# functions, floats), so that most queries are what a reporting tool asks; 'wild' has everything.

package Expressions;
use strict;
use warnings;
use Dice;
use Tree;
use Values;

my $larger = sub { my ($x, $y) = @_; defined $x && defined $y ? ($x > $y ? $x : $y) : undef };
my $summed = sub { my ($x, $y) = @_; defined $x && defined $y ? $x + $y : undef };
my $same = sub { my ($first, @rest) = @_; (grep { !defined || !defined $first || $_ != $first } @rest) ? undef : $first };
my $first = sub { $_[0] };
my $zero = sub { 0 };

# What each kind is made of: weight, template, kinds of the arguments, then flags: f can fail, l lazy, w wild only;
# for numerics also the scale shown, if it is the same for every value.
my %productions = (
	int => [
		[ 8, '({} + {})', 'int int', 'f' ], [ 5, '({} - {})', 'int int', 'f' ], [ 4, '({} * {})', 'int int', 'f' ],
		[ 3, '({} / {})', 'int small' ], [ 3, '({} % {})', 'int small' ], [ 1, 'mod({}, {})', 'int small' ],
		[ 2, '({} / {})', 'int int', 'f' ], [ 2, '({} % {})', 'int int', 'f' ], [ 2, 'abs({})', 'int', 'f' ], [ 1, '(- {})', 'int', 'f' ],
		[ 2, 'CAST({} AS integer)', 'num', 'f' ], [ 1, 'CAST({} AS integer)', 'bool' ], [ 1, 'CAST({} AS bigint)', 'int' ],
		[ 1, 'CAST({} AS smallint)', 'int', 'f' ], [ 3, '({} - {})', 'date date', 'f' ],
		(map { [ 1, "CAST(extract($_ FROM {}) AS integer)", 'date', 'f' ] } qw(year month day quarter dow isodow doy week)),
		(map { [ 1, "CAST(extract($_ FROM {}) AS integer)", 'ts', 'f' ] } qw(year month day hour minute)),
		[ 3, 'length({})', 'text', 'w' ], [ 1, 'strpos({}, {})', 'text text', 'w' ], [ 1, 'ascii({})', 'text', 'w' ],
	],
	num => [
		[ 6, '({} + {})', 'num num', '', $larger ], [ 4, '({} - {})', 'num num', '', $larger ], [ 5, '({} * {})', 'num num', '', $summed ],
		[ 3, '({} * {})', 'num int', '', $summed ], [ 2, '({} + {})', 'int num', '', $larger ], [ 2, '({} / {})', 'num small' ],
		[ 2, '({} / {})', 'num num', 'f' ], [ 1, '({} % {})', 'num small' ], [ 4, 'round({}, 2)', 'num', '', sub { 2 } ],
		[ 1, 'round({}, 0)', 'num', '', $zero ], [ 1, 'round({}, -1)', 'num', '', $zero ], [ 2, 'round({})', 'num', '', $zero ],
		[ 1, 'trunc({}, 1)', 'num', '', sub { 1 } ], [ 1, 'trunc({})', 'num', '', $zero ], [ 2, 'floor({})', 'num', '', $zero ],
		[ 2, 'ceil({})', 'num', '', $zero ], [ 3, 'abs({})', 'num', '', $first ], [ 2, '(- {})', 'num', '', $first ],
		[ 2, 'CAST({} AS numeric(10,2))', 'num', 'f', sub { 2 } ], [ 1, 'CAST({} AS numeric(38,10))', 'num', 'f', sub { 10 } ],
		[ 1, 'CAST({} AS numeric(5,0))', 'num', 'f', $zero ], [ 2, 'CAST({} AS numeric)', 'int', '', $zero ],
		[ 1, 'CAST({} AS numeric(12,2))', 'int', 'f', sub { 2 } ],
		(map { [ 1, "extract($_ FROM {})", 'date', '', $zero ] } qw(year month day quarter)),
		(map { [ 1, "extract($_ FROM {})", 'ts', '', $zero ] } qw(year month day hour minute quarter isodow)),
		[ 1, 'extract(second FROM {})', 'ts' ], [ 1, 'extract(epoch FROM {})', 'ts' ], [ 1, 'sign({})', 'num', '', $zero ],
		[ 1, 'extract(epoch FROM ({} - {}))', 'ts ts', 'f' ],
		[ 1, 'CAST({} AS numeric)', 'float', 'wf' ],
	],
	date => [
		[ 5, '({} + {})', 'date small' ], [ 5, '({} - {})', 'date small' ], [ 5, 'CAST({} AS date)', 'ts' ],
		[ 2, "CAST(date_trunc('month', {}) AS date)", 'ts' ], [ 1, "CAST(date_trunc('year', {}) AS date)", 'date', 'w' ],
		[ 1, '({} + CAST({} AS integer))', 'date int', 'f' ], [ 1, 'CAST({} + {} AS date)', 'date interval' ],
	],
	ts => [
		[ 3, 'CAST({} AS timestamp)', 'date' ], [ 6, '({} + {})', 'ts interval' ], [ 3, '({} - {})', 'ts interval' ],
		[ 3, '({} + {})', 'date interval' ], [ 1, '({} + {})', 'date time' ], [ 1, 'CAST({} AS timestamp(0))', 'ts' ],
		[ 1, 'CAST({} AS timestamp(3))', 'ts' ], (map { [ 2, "date_trunc('$_', {})", 'ts' ] } qw(year quarter month week day hour minute)),
		[ 1, "date_trunc('second', {})", 'ts' ], [ 1, "date_trunc('milliseconds', {})", 'ts' ],
	],
	text => [
		[ 4, 'lower({})', 'text' ], [ 4, 'upper({})', 'text' ], [ 5, '({} || {})', 'text text' ], [ 2, 'substr({}, {}, {})', 'text small small' ],
		[ 2, 'left({}, {})', 'text small' ], [ 1, 'right({}, {})', 'text small' ], [ 2, 'trim({})', 'text' ], [ 1, 'rtrim({})', 'text' ],
		[ 1, 'replace({}, {}, {})', 'text text text' ], [ 1, 'initcap({})', 'text' ], [ 1, 'reverse({})', 'text' ],
		[ 1, 'concat({}, {})', 'text text' ], [ 1, 'CAST({} AS text)', 'int' ], [ 1, 'CAST({} AS text)', 'num' ],
		[ 1, 'CAST({} AS text)', 'date' ], [ 1, "to_char({}, 'YYYY-MM')", 'ts' ], [ 1, 'CAST({} AS varchar(2))', 'text' ],
		[ 1, 'md5({})', 'text' ],
	],
	float => [
		[ 2, '({} + {})', 'float float', 'f' ], [ 2, '({} * {})', 'float float', 'f' ], [ 2, 'CAST({} AS float8)', 'int' ],
		[ 2, 'CAST({} AS float8)', 'num', 'f' ], [ 1, 'abs({})', 'float' ], [ 1, "date_part('day', {})", 'ts' ],
	],
	bool => [], uuid => [], time => [], tstz => [], bytea => [], char => [],
);

# What every kind can be made of.
my @for_all = (
	[ 3, 'COALESCE({}, {})', 'same same', 'l', $same ], [ 1, 'COALESCE({}, {}, {})', 'same same same', 'l', $same ],
	[ 2, 'NULLIF({}, {})', 'same same', '', $first ], [ 4, 'CASE WHEN {} THEN {} ELSE {} END', 'bool same same', 'l', sub { $same->(@_[ 1, 2 ]) } ],
	[ 2, 'CASE WHEN {} THEN {} END', 'bool same', 'l', sub { $_[1] } ], [ 1, 'greatest({}, {})', 'same same', '', $same ],
	[ 1, 'least({}, {})', 'same same', '', $same ],
	[ 1, 'CASE {} WHEN {} THEN {} ELSE {} END', 'int int same same', 'l', sub { $same->(@_[ 2, 3 ]) } ],
);

# Kinds that stand for constants of a certain sort.
my %only_constant = map { $_ => 1 } qw(small digits interval pattern);

# Numbers of different scale may stand beside each other in CASE and its kin.
our $mixed_scales = 1;

# Conditions.pm gives the expressions of kind bool.
our $condition;

sub columns_of
{
	my ($scope, $kind) = @_;
	return grep { $_->{kind} eq $kind } @{ $scope->{columns} };
}

# With a column: half of the time a value which that column may hold.
sub literal
{
	my ($scope, $kind, $column) = @_;
	my $remote = $column && $column->{k} eq 'col' && $column->{kind} eq $kind ? $column->{column}{remote} : undef;
	my $text = $remote && Dice::chance(55) ? Values::constant_like($kind, $remote) : Values::constant($kind);
	$text = 'CAST(NULL AS ' . Values::parameter_type($kind, 0) . ')' if !$only_constant{$kind} && Dice::chance(2);
	my $literal = Tree::lit($kind, $text);
	$literal->{param} = 1 if $scope->{parameters} && $kind !~ /^(?:small|digits)$/ && Dice::chance(60);
	$literal->{kind} = $kind eq 'pattern' ? 'text' : 'int' if $only_constant{$kind} && $kind ne 'interval';
	return $literal;
}

# A column if there is one, mostly.
sub leaf
{
	my ($scope, $kind) = @_;
	my @columns = columns_of($scope, $kind);
	return Dice::pick(@columns) if @columns && Dice::chance(85);
	return literal($scope, $kind);
}

sub expression
{
	my ($scope, $kind, $depth) = @_;
	return literal($scope, $kind) if $only_constant{$kind};
	return guarded($scope, 'int', $depth) if $kind eq 'int' && $scope->{outside} && Dice::chance(15);
	return $condition->($scope, $depth) if $kind eq 'bool' && $depth > 0 && Dice::chance(60);
	return leaf($scope, $kind) if $depth <= 0 || $kind eq 'char' || Dice::chance(35);
	my @more = (Dice::chance(30) || !@{ $productions{$kind} }) && ($mixed_scales || $kind ne 'num') ? @for_all : ();
	return made($scope, $kind, $depth, @{ $productions{$kind} }, @more);
}

# ---- divisions by a value from outside, never made where it is 0 ----

# CASE, COALESCE, a comparison of rows or FILTER keeps them from it, so that none can fail: an error is one too many. Each is
# one template, which no shrinking takes apart; b is the value from outside.
my %guarded = (
	int => [
		[ 'CASE WHEN b = 0 THEN {} ELSE 7 / b END', 1 ], [ 'CASE WHEN b <> 0 THEN {} + 0 * (7 / b) END', 1 ],
		[ 'CASE b WHEN 0 THEN {} ELSE CASE WHEN {} <= 7 / b THEN 1 ELSE {} END END', 3 ],
		[ 'CASE WHEN COALESCE(b, 0) = 0 THEN {} WHEN {} > 7 / b THEN 1 END', 2 ],
		[ 'CASE WHEN b IS NOT DISTINCT FROM 0 THEN {} ELSE COALESCE(7 / b, {}) END', 2 ],
		[ 'COALESCE(CASE WHEN b = 0 THEN 0 END, {}, 7 / b)', 1 ], [ 'CASE WHEN b = 0 THEN {} ELSE greatest({}, 7 / b) END', 2 ],
	],
	bool => [
		[ '(CASE WHEN b = 0 THEN ({} > 3) ELSE ({} > 7 / b) END)', 2 ],
		[ '(CASE WHEN b = 0 THEN ({} < 3) ELSE (({} = 1) OR NOT ({} <= 7 / b)) END)', 3 ],
		[ '(CASE b WHEN 0 THEN ({} IS NULL) ELSE ({} IN (1, 7 / b)) END)', 2 ],
		[ '(CASE WHEN b = 0 THEN ({} = 2) ELSE (7 / b = 3) END)', 1 ], [ '((b, {}) = (0, 1) OR CASE WHEN b <> 0 THEN {} < 7 / b END)', 2 ],
	],
);

# Kind aggregate: count(...) FILTER (...).
sub guarded
{
	my ($scope, $kind, $depth) = @_;
	my $by = Dice::pick(@{ $scope->{outside} });
	my ($template, $count) = $kind eq 'aggregate' ? ('count(NULLIF({}, 7 / b)) FILTER (WHERE b <> 0)', 1) : @{ Dice::pick(@{ $guarded{$kind} }) };
	my @columns = columns_of($scope, 'int');
	my @others = (@columns ? Dice::pick(@columns) : leaf($scope, 'int'), map { leaf($scope, 'int') } 2 .. $count);
	Queries::feature($scope->{builder}, 'guarded division');
	my @args = map { $_ eq 'b' ? $by : shift @others } $template =~ /(\bb\b|\{\})/g;
	my %more = $kind eq 'bool' ? () : (scale => 0);
	return Tree::op($kind eq 'bool' ? 'bool' : 'int', $template =~ s/\bb\b/{}/gr, \@args, lazy => 1, %more, $kind eq 'aggregate' ? (agg => 1) : ());
}

# Nothing is made of constants alone where there is no column of the kind.
sub has_columns
{
	my ($scope, $kinds) = @_;
	return !grep { !/^(?:same|bool)$/ && !$only_constant{$_} && !columns_of($scope, $_) } split / /, $kinds;
}

# One of the productions, with its arguments.
sub made
{
	my ($scope, $kind, $depth, @productions) = @_;
	@productions = grep { ($_->[3] // '') !~ /w/ } @productions if $scope->{level} eq 'plain';
	@productions = grep { has_columns($scope, $_->[2]) } @productions;
	return leaf($scope, $kind) unless @productions;
	my (undef, $template, $kinds, $flags, $scale) = @{ Dice::weighted(map { $_ => $_->[0] } @productions) };
	my @args = map { expression($scope, $_ eq 'same' ? $kind : $_, $depth - 1) } split / /, $kinds;
	return Tree::op($kind, $template, \@args,
		scale => $kind eq 'int' ? 0 : $scale ? $scale->(map { $_->{scale} } @args) : undef,
		fails => ($flags // '') =~ /f/ ? 1 : 0, lazy => ($flags // '') =~ /l/ ? 1 : 0);
}

# Something computed from a column, not a bare constant, if the scope has such a column; else undef.
sub computed
{
	my ($scope, $kind, $depth) = @_;
	my @columns = columns_of($scope, $kind);
	for (1 .. 5)
	{
		my $node = expression($scope, $kind, $depth);
		return $node if Tree::some_node(sub { $_->{k} eq 'col' }, $node);
	}
	return @columns ? Dice::pick(@columns) : undef;
}

# Equal numbers must look equal where one of them is shown for all: in groups, DISTINCT, MIN and MAX.
sub uniform
{
	my ($node) = @_;
	return $node if $node->{kind} ne 'num' || defined $node->{scale};
	return Tree::op('num', 'round({}, 2)', [$node], scale => 2);
}

1;
