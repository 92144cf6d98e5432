# Promise: doc/mission.md has no empty line; each test and each object of the product that it names is there, and one of the
# tests that stand beside an object knows it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

sub text_of { open my $file, '<', $_[0] or die "$_[0]: $!"; local $/; return scalar <$file> }

my $doc = "$Harness::root/doc";
my %tests;
for my $path (map { glob "$Harness::root/test/$_" } 'pgtap/*.sql', 't/*.t', 'sql/*.sql')
{
	my ($name) = $path =~ m{([^/]+)\.\w+$};
	$tests{$name} .= text_of($path);
}
my $db = Harness::cluster()->database('named');
$db->run('CREATE EXTENSION sambapos_fdw');
my %is_there = map { $_->[0] => 1 } $db->rows(<<'SQL');
SELECT proname FROM pg_proc WHERE proname LIKE 'sambapos\_%'
UNION SELECT n.nspname || '.' || c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'sambapos'
UNION SELECT 'sambapos_report.' || name FROM unnest(sambapos._report_names()) AS name
UNION SELECT unnest('{sambapos,sambapos_replica,sambapos_report,sambapos_changed,sambapos_urgent,sambapos_sync_required,sambapos_status,sambapos_consumer_lag_versions}'::text[])
SQL

my (@empty, @missing, @unknown, $lines);
for (split /\n/, text_of("$doc/mission.md"))
{
	next unless my ($number, $rest) = /^\| (\d\.\d+) \| (.*) \|$/;
	$lines++;
	my ($asked, $where, $shown, @more) = split / \| /, $rest;
	push @empty, $number if @more || grep { !defined || !/\w/ } $asked, $where, $shown;
	next if grep { !defined } $where, $shown;
	my @objects = $where =~ /`([^`]+)`/g;
	push @missing, map { "$number $_" } grep { /^sambapos[._]/ && !$is_there{$_} } @objects;
	push @missing, map { "$number $_" } grep { !-e "$doc/$_" } map { s/#.*//r } "$where $shown" =~ /\]\(([^)]+)\)/g;
	my @named = $shown =~ /`([^`]+)`/g;
	push @missing, map { "$number $_" } grep { !$tests{$_} } @named;
	push @unknown, $number if @objects && @named && !grep { my $object = s/^\w+\.//r; grep { index($tests{$_} // '', $object) >= 0 } @named } @objects;
}
cmp_ok($lines, '>', 200, 'lines');
is("@empty", '', 'none of them is empty');
is(join(', ', @missing), '', 'what they name is there');
is("@unknown", '', 'and the tests know it');
done_testing();
