# Makes a query that fails small: drops clauses, conditions, columns, tables, then rows, as long as the same kind of
# difference remains; then says what it is, with a script that shows it anywhere.

package Shrink;
use strict;
use warnings;
use Storable ();
use Plan;
use Tables;
use Tree;
use Verdict;

sub new
{
	my ($class, $run, $query, $verdict, @settings) = @_;
	return bless { run => $run, query => $query, kind => $verdict->{difference}, text => $verdict->{text},
		settings => \@settings, tries => 0 }, $class;
}

# ---- does it still fail? ----

sub fails
{
	my ($shrink, $query, @settings) = @_;
	my $run = $shrink->{run};
	$shrink->{tries}++;
	my $outcome = $run->{sides}->run($query, @settings);
	my $verdict = Verdict::of($query, $outcome, $run->{sides});
	$run->{sides} = Sides->new($run->{db}) if ($outcome->{far}{sqlstate} // '') eq '08000';
	return 0 unless ($verdict->{difference} // '') eq $shrink->{kind};
	@$shrink{qw(outcome text)} = ($outcome, $verdict->{text});
	return 1;
}

# ---- what can be cut ----

# Copies of the query, each with one cut. A cut is made on a copy, so a node is named by its place in Tree::nodes.
sub candidates
{
	my ($query) = @_;
	my @nodes = Tree::nodes($query);
	my @cuts;
	for my $at (0 .. $#nodes)
	{
		my $node = $nodes[$at];
		push @cuts, map { [ $at, $_ ] } $node->{k} eq 'query' ? query_cuts($node) : $node->{k} eq 'join' ? join_cuts($node)
			: expression_cuts($node);
	}
	return @cuts;
}

sub query_cuts
{
	my ($query) = @_;
	my @cuts = map { my $part = $_; sub { delete $_[0]{$part} } } grep { $query->{$_} } qw(union distinct ties rollup limit offset order);
	for my $list (qw(where having group))
	{
		my $last = $#{ $query->{$list} // [] };
		push @cuts, map { my $i = $_; sub { splice @{ $_[0]{$list} }, $i, 1 } } 0 .. $last;
	}
	push @cuts, map { my $i = $_; sub { splice @{ $_[0]{order} }, $i, 1 } } $#{ $query->{order} // [] } > 0 ? 0 .. $#{ $query->{order} } : ();
	push @cuts, map { my $i = $_; sub { drop_output($_[0], $i) } } @{ $query->{select} } > 1 ? 0 .. $#{ $query->{select} } : ();
	push @cuts, sub { %{ $_[0] } = %{ $_[0]{from}{query} } } if $query->{from} && $query->{from}{k} eq 'sub';
	push @cuts, map { my $key = $_; sub { $_[0]{order}[$key]{$_} = '' for qw(direction nulls collate) } }
		grep { grep { $_ } @{ $query->{order}[$_] }{qw(direction nulls collate)} } 0 .. $#{ $query->{order} // [] };
	return @cuts;
}

sub drop_output
{
	my ($query, $at) = @_;
	splice @{ $query->{select} }, $at, 1;
	return unless $query->{order};
	$query->{order} = [ map { { %$_, at => $_->{at} > $at ? $_->{at} - 1 : $_->{at} } } grep { $_->{at} != $at } @{ $query->{order} } ];
	delete $query->{order} unless @{ $query->{order} };
	return;
}

sub join_cuts
{
	my ($join) = @_;
	my @cuts = map { my $side = $_; sub { %{ $_[0] } = %{ $_[0]{$side} } } } qw(left right);
	push @cuts, sub { $_[0]{how} = 'JOIN' } if $join->{how} ne 'JOIN' && $join->{how} ne 'CROSS JOIN';
	push @cuts, map { my $i = $_; sub { splice @{ $_[0]{on} }, $i, 1 } } 0 .. $#{ $join->{on} };
	return @cuts;
}

my %simplest = (int => 0, num => '1.0', text => "'a'", bool => 'true', date => "date '2024-02-29'", ts => "timestamp '2024-02-29 10:20:30'");

sub expression_cuts
{
	my ($node) = @_;
	if ($node->{k} eq 'lit')
	{
		my $simple = $simplest{ $node->{kind} };
		return ($node->{param} ? sub { delete $_[0]{param} } : (),
			defined $simple && $node->{text} ne $simple ? sub { $_[0]{text} = $simple } : ());
	}
	return () unless $node->{k} eq 'op';
	my $simple = $simplest{ $node->{kind} };
	my @cuts = map { my $i = $_; sub { %{ $_[0] } = %{ $_[0]{args}[$i] } } }
		grep { ($node->{args}[$_]{kind} // '') eq $node->{kind} } 0 .. $#{ $node->{args} };
	push @cuts, sub { %{ $_[0] } = %{ Tree::lit($node->{kind}, $simple) } } if defined $simple && !$node->{agg};
	push @cuts, sub { %{ $_[0] } = %{ Tree::op('int', 'count(*)', [], agg => 1) } } if $node->{agg} && $node->{t} ne 'count(*)';
	push @cuts, list_cuts($node) if $node->{kind} eq 'bool';
	return @cuts;
}

# One value less of IN (...), one part less of AND and OR.
sub list_cuts
{
	my ($node) = @_;
	my $separator = $node->{t} =~ /\{\}(, | AND | OR )\{\}/ && $node->{t} !~ /BETWEEN|\), \(|ARRAY/ ? $1 : return ();
	my $first = $node->{t} =~ /IN \(/ ? 1 : 0;
	return () if @{ $node->{args} } - $first < 2;
	return map { my $i = $_; sub { splice @{ $_[0]{args} }, $i, 1; $_[0]{t} =~ s/\{\}\Q$separator\E// } } $first .. $#{ $node->{args} };
}

# ---- cutting ----

sub cut_once
{
	my ($shrink) = @_;
	for my $cut (candidates($shrink->{query}))
	{
		my ($at, $make) = @$cut;
		my $copy = Storable::dclone($shrink->{query});
		$make->((Tree::nodes($copy))[$at]);
		next unless eval { Tree::query($copy) };
		return $shrink->{query} = $copy if $shrink->fails($copy, @{ $shrink->{settings} });
	}
	return undef;
}

sub cut_query
{
	my ($shrink) = @_;
	$shrink->{settings} = [] if @{ $shrink->{settings} } && $shrink->fails($shrink->{query});
	1 while $shrink->cut_once;
	return;
}

# Halves, quarters, ... of a table's rows, as long as it fails without them.
sub cut_rows
{
	my ($shrink, $table) = @_;
	my @rows = @{ $table->{rows} };
	for (my $size = int((@rows + 1) / 2); $size >= 1; $size = $size > 1 ? int(($size + 1) / 2) : 0)
	{
		for (my $at = 0; $at < @rows;)
		{
			my @fewer = @rows;
			splice @fewer, $at, $size;
			$shrink->put_rows($table, \@fewer);
			if ($shrink->fails($shrink->{query}, @{ $shrink->{settings} })) { @rows = @fewer; }
			else { $at += $size; }
		}
	}
	$shrink->put_rows($table, \@rows);
	return \@rows;
}

sub put_rows
{
	my ($shrink, $table, $rows) = @_;
	Tables::replace_rows($table, $shrink->{run}{till}, $shrink->{run}{db}, $rows);
	return;
}

# ---- the report ----

sub report
{
	my ($shrink) = @_;
	return "$shrink->{text} (but not again)\n" . Tree::query($shrink->{query})
		unless $shrink->fails($shrink->{query}, @{ $shrink->{settings} });
	$shrink->cut_query;
	my @tables = map { $shrink->{run}{tables}->table($_) } Tree::tables_of($shrink->{query});
	my %rows = map { $_->{name} => $shrink->cut_rows($_) } @tables;
	my $text = $shrink->fails($shrink->{query}, @{ $shrink->{settings} }) ? $shrink->text(\%rows, @tables)
		: "$shrink->{text} (gone with fewer rows)\n" . Tree::query($shrink->{query});
	$shrink->put_rows($_, $_->{rows}) for @tables;
	return $text;
}

sub side_text
{
	my ($side) = @_;
	return "  $side->{sqlstate} $side->{message}\n" if $side->{sqlstate};
	my @rows = @{ $side->{rows} };
	my @shown = @rows > 12 ? (@rows[ 0 .. 11 ], [ '... ' . (@rows - 12) . ' more' ]) : @rows;
	return join('', map { '  ' . Verdict::row_text($_) . "\n" } @shown) || "  no row\n";
}

sub text
{
	my ($shrink, $rows, @tables) = @_;
	my $outcome = $shrink->{outcome};
	my $plan = $outcome->{plan} ? Plan::outline($outcome->{plan}) : '(no plan)';
	utf8::decode($plan);
	my %side = map { my $text = side_text($outcome->{$_}); utf8::decode($text); $_ => $text } qw(far near);
	my $why = $shrink->{text};
	utf8::decode($why);
	return "$why\n\nquery, after $shrink->{tries} tries:\n" . statements_text($outcome)
		. "\nover foreign tables:\n$side{far}over local copies:\n$side{near}\nplan:\n$plan\n\nto see it again:\n"
		. script($shrink, $rows, @tables);
}

sub statements_text
{
	my ($outcome) = @_;
	my $statements = $outcome->{statements};
	return join '', map { "$_;\n" } (map { "SET $_ = off" } @{ $outcome->{settings} }),
		$statements->{prepare} ? ('SET plan_cache_mode = force_generic_plan', $statements->{prepare}) : (), $statements->{run};
}

# The columns the query reads, and the key.
sub places
{
	my ($query, $table) = @_;
	my %aliases = map { $_->{alias} => 1 } grep { $_->{k} eq 'table' && $_->{table}{name} eq $table->{name} } Tree::nodes($query);
	my %used = map { $_->{column}{name} // '' => 1 } grep { $_->{k} eq 'col' && $aliases{ $_->{alias} } } Tree::nodes($query);
	return grep { $_ == 0 || $used{ $table->{columns}[$_]{name} } } 0 .. $#{ $table->{columns} };
}

sub script
{
	my ($shrink, $rows, @tables) = @_;
	my ($far, $near) = ('', '');
	for my $table (@tables)
	{
		my @places = places($shrink->{query}, $table);
		my @columns = @{ $table->{columns} }[@places];
		$far .= Tables::far_definition($table, @columns) . ";\n" . (Tables::far_insert($table, $rows->{ $table->{name} }, @places) || '--') . ";\n";
		$near .= "CREATE TABLE near.$table->{local} (" . join(', ', map { "$_->{local} $_->{type}" } @columns) . ");\n"
			. (Tables::near_insert($table, $rows->{ $table->{name} }, @places) || '--') . ";\n";
	}
	my $names = join ', ', map { qq("$_->{name}") } @tables;
	return "-- at the server\n$far-- here, with a server \"till\"\nCREATE SCHEMA far; CREATE SCHEMA near;\n"
		. "IMPORT FOREIGN SCHEMA dbo LIMIT TO ($names) FROM SERVER till INTO far;\n$near"
		. "SET search_path = far;\n" . statements_text($shrink->{outcome}) . "DEALLOCATE ALL; SET search_path = near;\n"
		. statements_text($shrink->{outcome});
}

1;
