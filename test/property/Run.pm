# One run: a seed's tables on both sides, its queries, what became of each.
#
#   my $run = Run->new($till, $db);
#   my $report = $run->seed(7, 2000);     { counts, failures => [text] ... }
#
# Counts: full, part, none, free (Plan.pm: how much was sent), same, errors (the same on both sides), apart (an error on
# one side that the order of evaluation decides), invalid (no SQL: the generator's fault), empty (no row), filtered (a
# join that was sent, with a condition checked on its rows).

package Run;
use strict;
use warnings;
use Dice;
use Plan;
use Queries;
use Shrink;
use Sides;
use Tables;
use Tree;
use Verdict;

sub new
{
	my ($class, $till, $db, %options) = @_;
	my @broken = allow_for($till);
	Values::without_calendar_ends() if $options{no_calendar_ends};
	return bless { till => $till, db => $db, shrink => 1, most_failures => 5, broken => \@broken, %options }, $class;
}

# What SQL Server's documentation promises and this server does not keep, found by asking: T-SQL, the right answer,
# what is done about it. SQL Server and the stand-in have none of them.
my @promises = (
	[ 'DATEPART is of the value', "DATEPART(hour, CAST('2024-02-28T10:00:00' AS datetime))", qr/^10$/m,
		sub { die "This server takes dates apart in its session's time zone. Use a login whose time zone is UTC.\n" } ],
	[ 'datetime2 has seven digits', "CONVERT(varchar(30), CAST('2024-02-29T10:20:30.1234567' AS datetime2(7)), 121)",
		qr/\.1234567/, \&Values::without_seventh_digit ],
	[ 'DATEADD knows all dates', "DATEADD(day, 1, CAST('0001-01-01' AS date))", qr/0001-01-02/, \&Values::without_early_dates ],
	[ 'MIN keeps the scale', 'MIN(CAST(CAST(v AS decimal(10,0)) AS decimal(12,2))) FROM (VALUES (1), (2)) AS t (v)', qr/^1\.00$/m,
		sub { $Verdict::numbers_by_value = 1 } ],
	[ 'CASE has the larger scale', 'SUM(CASE WHEN v = 1 THEN CAST(1.0 AS decimal(2,1)) ELSE CAST(0.005 AS decimal(3,3)) END) FROM (VALUES (2), (3)) AS t (v)',
		qr/^0\.010$/m, sub { $Expressions::mixed_scales = 0 } ],
	[ 'a number that fits no decimal is error 8115', 'CAST(CAST(12345 AS decimal(10,0)) AS decimal(4,0))', qr/^8115$/m,
		sub { $Verdict::overflow_is_unsure = 1 } ],
);

sub allow_for
{
	my ($till) = @_;
	my @broken;
	for my $promise (@promises)
	{
		my ($name, $expression, $right, $allow) = @$promise;
		my $answer = eval { $till->sql("BEGIN TRY SELECT $expression END TRY BEGIN CATCH SELECT ERROR_NUMBER() END CATCH") };
		next if defined $answer && $answer =~ $right;
		$allow->();
		push @broken, $name;
	}
	return @broken;
}

# What is wrong with the tables themselves, before any query.
sub prepare
{
	my ($run, $seed) = @_;
	my $tables = $run->{tables} = Tables->new($seed);
	$run->{sides}->close if $run->{sides};
	$tables->create_far($run->{till});
	$tables->create_near($run->{db});
	$run->{sides} = Sides->new($run->{db});
	return map { "IMPORT FOREIGN SCHEMA: column @$_" } Tables::unlike($run->{db});
}

sub settings
{
	my ($seed, $number) = @_;
	Dice::seed($seed, 'settings', $number);
	return () if Dice::chance(75);
	return grep { Dice::chance(35) } @Sides::plan_settings;
}

sub seed
{
	my ($run, $seed, $count, @only) = @_;
	my %report = (seed => $seed, counts => { map { $_ => 0 } qw(full part none free same errors apart invalid empty filtered) },
		levels => {}, features => {}, failures => [ $run->prepare($seed) ], apart => [], invalid => []);
	for my $number (@only ? @only : 1 .. $count)
	{
		$run->one(\%report, $seed, $number);
		last if @{ $report{failures} } >= $run->{most_failures};
	}
	return \%report;
}

sub one
{
	my ($run, $report, $seed, $number) = @_;
	my ($query, $level, @features) = Queries::random($run->{tables}, $seed, $number);
	my @settings = settings($seed, $number);
	my $outcome = $run->{sides}->run($query, @settings);
	my $verdict = Verdict::of($query, $outcome, $run->{sides});
	$report->{queries}++;
	$report->{features}{$_}++ for @features;
	$run->count($report, $level, $outcome, $verdict);
	$run->{watch}->($number, $query, $outcome, $verdict) if $run->{watch};
	return unless $verdict->{difference};
	push @{ $report->{failures} }, "seed $seed, query $number: " . ($run->{shrink}
		? Shrink->new($run, $query, $verdict, @settings)->report : "$verdict->{text}\n" . Tree::query($query));
	$run->{sides} = Sides->new($run->{db}) unless $run->{sides}->is_alive;
	return;
}

sub count
{
	my ($run, $report, $level, $outcome, $verdict) = @_;
	my $counts = $report->{counts};
	my $extent = $outcome->{plan} ? Plan::extent($outcome->{plan}) : undef;
	$counts->{invalid}++, push @{ $report->{invalid} }, "$verdict->{invalid}: " . shown($outcome) if $verdict->{invalid};
	return if $verdict->{invalid};
	$counts->{$extent}++, $report->{levels}{$level}{$extent}++ if $extent;
	$counts->{filtered}++ if $outcome->{plan} && Plan::has_filtered_join($outcome->{plan});
	$counts->{same}++ if $verdict->{same};
	$counts->{errors}++ if $verdict->{error};
	$counts->{apart}++, push @{ $report->{apart} }, "$verdict->{apart}: " . shown($outcome) if $verdict->{apart};
	$counts->{empty}++ if $verdict->{same} && !$verdict->{error} && !@{ $outcome->{near}{rows} };
	return;
}

sub shown
{
	my ($outcome) = @_;
	return join '; ', grep { defined } @{ $outcome->{statements} }{qw(prepare run)};
}

# Of the queries that had to read something, those that were sent whole.
sub fraction_sent
{
	my ($counts) = @_;
	my $all = $counts->{full} + $counts->{part} + $counts->{none};
	return $all ? $counts->{full} / $all : 0;
}

sub summary
{
	my ($report) = @_;
	my $counts = $report->{counts};
	return sprintf 'seed %s: %d queries, %d the same (%d of them the same error, %d empty), %d apart, %d invalid, %d different; '
		. 'sent: %d in full (%.1f %%), %d in part, %d not at all, %d needed nothing; %d joins with a filter', $report->{seed}, $report->{queries},
		@$counts{qw(same errors empty apart invalid)}, scalar @{ $report->{failures} }, $counts->{full}, 100 * fraction_sent($counts),
		@$counts{qw(part none free filtered)};
}

1;
