# 2,000 random queries over foreign tables give exactly what they give over local copies of the same rows; a seed
# that is always the same, and another if SAMBAPOS_PROPERTY_SEED names one. A failure prints a small query and a script;
# test/property/README.md says how to go on from there. `make property` runs many seeds.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../property";
use Test::More;
use Harness;
use Run;

my $queries = $ENV{SAMBAPOS_PROPERTY_QUERIES} // 2000;
my $till = Harness::till();
my $db = Harness::cluster()->database('property');
$db->connect_till($till);
my $run = Run->new($till, $db);
note("not kept by this server: $_") for @{ $run->{broken} };
binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

# What a run must have met, so that it cannot pass by asking little.
my @must_be_met = ('1 tables', '2 tables', '3 tables', '4 tables', 'self join', 'join', 'left join', 'EXISTS', 'NOT EXISTS',
	'IN (SELECT)', 'NOT IN (SELECT)', 'InitPlan', 'correlated', 'LATERAL', 'one-sided ON', 'unequal condition', 'join on num', 'join on date',
	'join on ts', 'GROUP BY', 'one group', 'HAVING', 'FILTER', 'DISTINCT inside', 'distinct', 'count', 'sum', 'avg', 'min', 'max', 'ORDER BY',
	'nulls first', 'nulls last', 'LIMIT', 'OFFSET', 'LIMIT inside', 'derived', 'parameters', 'union all', 'windows', 'nested join',
	'join with a query', 'computed condition', 'both in ON', 'whole row', 'WITH TIES', 'rollup', 'guarded division', 'checked here', 'checked here in ON');

for my $seed (1, $ENV{SAMBAPOS_PROPERTY_SEED} // ())
{
	my $report = $run->seed($seed, $queries);
	my $counts = $report->{counts};
	note(Run::summary($report));
	ok(!@{ $report->{failures} }, "seed $seed: every query gives the same on both sides");
	diag("\n$_") for @{ $report->{failures} };
	cmp_ok($report->{queries}, '>=', 2000, "seed $seed: queries asked") unless @{ $report->{failures} } || $ENV{SAMBAPOS_PROPERTY_QUERIES};
	cmp_ok($counts->{invalid}, '<=', $queries / 100, "seed $seed: hardly any query is no SQL");
	cmp_ok($counts->{apart}, '<=', $queries / 50, "seed $seed: errors that the order of evaluation decides are rare");
	cmp_ok($counts->{empty}, '<=', $queries / 3, "seed $seed: most queries find rows");
	cmp_ok(Run::fraction_sent($counts), '>=', $ENV{SAMBAPOS_PROPERTY_BAR} // 0.5, "seed $seed: at least half of the queries are sent in full");
	cmp_ok($counts->{filtered}, '>=', $queries / 100, "seed $seed: joins were sent below conditions that are checked here");
	is(join(', ', grep { !$report->{features}{$_} } @must_be_met), '', "seed $seed: every kind of query was met");
}
$run->{sides}->close;
done_testing();
