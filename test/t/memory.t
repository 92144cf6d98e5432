# The backend's memory does not grow with the number of rows: a scan of ten times as many takes no more. Every type
# as the import declares it, as text, and national text as UTF-16; rows put aside for a second reader lie on disk.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl('types');
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);

# Few rows, many rows: samples of moderate size, each a number of times.
my $digits = '(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))';
$till->sql('SELECT * INTO Samples FROM TypeSamples WHERE ISNULL(DATALENGTH(c_nvarchar_max), 0) < 1000');
my ($samples) = $till->sql('SELECT COUNT(*) FROM Samples') =~ /(\d+)/;
cmp_ok($samples, '>', 2, "$samples samples");
sub view
{
	my ($name, $joined) = @_;
	$till->sql("CREATE VIEW $name AS SELECT s.* FROM Samples s CROSS JOIN $joined");
}
view('few_samples', "$digits a(n) CROSS JOIN $digits b(n) CROSS JOIN (VALUES (0), (1), (2), (3), (4)) c(n)");
view('many_samples', "$digits a(n) CROSS JOIN $digits b(n) CROSS JOIN (VALUES (0), (1), (2), (3), (4)) c(n) CROSS JOIN $digits d(n)");

$db->run('CREATE SCHEMA typed; CREATE SCHEMA texts');
$db->run("IMPORT FOREIGN SCHEMA dbo LIMIT TO (few_samples, many_samples) FROM SERVER till INTO $_ OPTIONS (import_views 'true')") for qw(typed texts);
$db->run(<<~SQL);
	DO \$\$
	DECLARE change text;
	BEGIN
		FOR change IN
			SELECT format('ALTER FOREIGN TABLE %s ALTER COLUMN %I TYPE text', attrelid::regclass, attname)
			FROM pg_attribute WHERE attrelid IN ('texts.few_samples'::regclass, 'texts.many_samples'::regclass) AND attnum > 0
		LOOP
			EXECUTE change;
		END LOOP;
	END \$\$;
	SQL

sub kilobytes
{
	my ($session) = @_;
	open my $status, '<', "/proc/$session->{pid}/status" or die $!;
	my ($peak) = join('', <$status>) =~ /VmHWM:\s+(\d+)/;
	return $peak;
}

# Runs a statement on the few rows, then on the many; returns by how many kilobytes the backend's peak grew.
sub growth
{
	my ($what, $statement) = @_;
	my $session = $db->session;
	my @peak;
	for my $table (qw(few_samples many_samples))
	{
		$session->run($statement =~ s/SAMPLES/$table/gr);
		push @peak, kilobytes($session);
	}
	$session->close;
	note("$what: $peak[0] kB, $peak[1] kB");
	return $peak[1] - $peak[0];
}

# All columns are converted and the row is dropped.
sub scan { return "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) SELECT * FROM $_[0].SAMPLES"; }

my $rows = $samples * 5_000;
my $limit = 600; # kB; the smallest allocation lost with each row would be more
cmp_ok($db->value('SELECT count(*) FROM (SELECT c_int FROM typed.many_samples OFFSET 0) AS s'), '==', $rows, "$rows rows");
cmp_ok(growth('typed', scan('typed')), '<', $limit, 'every type as imported');
cmp_ok(growth('texts', scan('texts')), '<', $limit, 'every type as text');
$db->run(q(ALTER SERVER till OPTIONS (ADD invalid_text 'replace')));
SKIP:
{
	my $refused = $db->error('SELECT c_int FROM typed.few_samples LIMIT 1');
	skip 'the server gives no UTF-16', 1 if $refused && $refused->{sqlstate} eq '0A000';
	cmp_ok(growth('UTF-16', scan('typed')), '<', $limit, 'national text as UTF-16');
}
$db->run('ALTER SERVER till OPTIONS (DROP invalid_text)');

# The first cursor's rest is put aside when the second query needs the connection.
cmp_ok(growth('put aside', <<~SQL), '<', 2 * $limit, 'rows put aside');
	BEGIN;
	SET LOCAL work_mem = '1MB';
	DECLARE c NO SCROLL CURSOR FOR SELECT * FROM typed.SAMPLES;
	FETCH 1 FROM c;
	SELECT c_int FROM typed.few_samples LIMIT 1;
	MOVE ALL FROM c;
	COMMIT;
	SQL

# An Append that asks both of its branches again for every row outside.
my $again = $db->session;
$again->run('SET jit = off'); # the compiler is larger than anything measured here
my @peak;
for my $times (200, 4000)
{
	$again->run("SELECT count((SELECT sum(n) FROM (SELECT c_int AS n FROM typed.few_samples UNION ALL
		SELECT c_int FROM typed.few_samples) AS s WHERE s.n = -n.n)) FROM generate_series(1, $times) AS n (n)");
	push @peak, kilobytes($again);
}
note("rescans: $peak[0] kB, $peak[1] kB");
cmp_ok($peak[1] - $peak[0], '<', $limit, 'rescans of an asynchronous append');

done_testing();
