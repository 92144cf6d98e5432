# ANALYZE does not burden the till: about as many rows come over as the sample wants, not the table; and it can
# be cancelled while the server lets it wait.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(sleep);
use Harness;

my $till = Harness::till();
my $db = Harness::cluster()->database('shop');
$db->connect_till($till, lock_timeout => -1);
$till->sql('CREATE TABLE dbo.Numbers (N int NOT NULL PRIMARY KEY); CREATE TABLE dbo.Sales (Id int NOT NULL PRIMARY KEY, Amount decimal(16,2) NOT NULL)');
$till->sql("EXEC('CREATE VIEW dbo.SalesView AS SELECT Id, Amount FROM dbo.Sales')");
$till->sql('INSERT INTO dbo.Numbers (N) VALUES ' . join ', ', map { "($_)" } 0 .. 199);
$till->sql('INSERT INTO dbo.Sales (Id, Amount) SELECT a.N * 200 + b.N, a.N FROM dbo.Numbers a CROSS JOIN dbo.Numbers b');
$db->run(<<~SQL);
	CREATE SCHEMA live;
	CREATE FOREIGN TABLE live.sales (id int OPTIONS (column_name 'Id', key 'true'),
		amount numeric(16,2) OPTIONS (column_name 'Amount')) SERVER till OPTIONS (table_name 'Sales');
	CREATE FOREIGN TABLE live.sales_view (id int OPTIONS (column_name 'Id'),
		amount numeric(16,2) OPTIONS (column_name 'Amount')) SERVER till OPTIONS (table_name 'SalesView');
	CREATE FOREIGN TABLE live.asked (id int OPTIONS (column_name 'Id')) SERVER till
		OPTIONS (query 'SELECT Id FROM dbo.Sales WHERE Id >= 0');
	SQL

# ---- how many rows come ----

# With statistics target 10 a sample is 3000 of the 40,000 rows.
sub effort
{
	my ($table) = @_;
	my (undef, $said) = $db->psql("SET default_statistics_target = 10; ANALYZE VERBOSE live.$table");
	$said =~ /the remote table has (\d+) rows; (\d+) were read \(sampling (\w+)\), (\d+) are in the sample/ or die $said;
	return { total => $1, came => $2, way => $3, kept => $4 };
}

for my $case ([ 'a table', 'sales', 'system' ], [ 'a view', 'sales_view', 'bernoulli' ], [ 'a query', 'asked', 'bernoulli' ])
{
	my ($name, $table, $way) = @$case;
	my $effort = effort($table);
	is($effort->{total}, 40000, "$name: its rows are counted");
	is($effort->{way}, $way, "$name: how the sample is drawn") unless $till->{given};
	# Babelfish takes TABLESAMPLE and sends all
	cmp_ok($effort->{came}, '<', 8000, "$name: few rows come") unless $till->{given} && $way eq 'system';
	cmp_ok($effort->{kept}, '>', 1000, "$name: enough of them");
	cmp_ok($effort->{kept}, '<=', 3000, "$name: and no more than wanted are kept");
}
$db->run("ALTER SERVER till OPTIONS (ADD analyze_sampling 'off')");
my $effort = effort('sales');
is_deeply([ @$effort{qw(total came way kept)} ], [ 40000, 40000, 'off', 3000 ], 'off: all rows come, the sample is drawn here');
$db->run('ALTER SERVER till OPTIONS (DROP analyze_sampling)');

unless ($till->{given})
{
	$db->run("ALTER FOREIGN TABLE live.sales_view OPTIONS (ADD analyze_sampling 'system')");
	like($db->error('SET default_statistics_target = 10; ANALYZE live.sales_view')->{text}, qr/TABLESAMPLE.*ANALYZE of foreign table "sales_view"/s,
		'pages of a view, when they are insisted on, are the server\'s error');
}

# The rows that are kept are from everywhere in the table: a sample of the first ones would end at 3000.
for my $way ('off', 'bernoulli')
{
	$db->run("ALTER FOREIGN TABLE live.sales OPTIONS (ADD analyze_sampling '$way'); SET default_statistics_target = 10; ANALYZE live.sales");
	my ($low, $high) = $db->value("SELECT histogram_bounds::text FROM pg_stats WHERE tablename = 'sales' AND attname = 'id'")
		=~ /^\{(\d+),.*,(\d+)\}$/;
	cmp_ok($low, '<', 2000, "$way: the sample reaches the first rows");
	cmp_ok($high, '>', 38000, "$way: and the last");
	$db->run('ALTER FOREIGN TABLE live.sales OPTIONS (DROP analyze_sampling)');
}

# ---- cancel ----

SKIP:
{
	skip 'a given server can\'t say what it is doing', 3 if $till->{given};
	my $session = $db->session;
	my $holder = fork // die $!;
	if ($holder == 0)
	{
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
		open STDERR, '>', '/dev/null';
		exec "$Harness::root/build/tillctl", $till->{connection}, 'sql',
			"BEGIN TRANSACTION; ALTER TABLE dbo.Sales ADD Held int NULL; SELECT Held FROM dbo.Sales WHERE Id < 0; WAITFOR DELAY '01:00:00'";
	}
	my $working = sub {
		my ($who) = @_;
		return $till->sql("SELECT count(*) AS n FROM till.connections WHERE application_name $who 'sambapos_fdw%' AND state = 'running'") =~ /^(\d+)$/m && $1;
	};
	sleep 0.02 until $working->('NOT LIKE') > 1;    # this question is one itself
	sleep 0.2;
	$session->send('ANALYZE live.sales');
	sleep 0.02 until $working->('LIKE');
	sleep 0.2;
	$db->run("SELECT pg_cancel_backend($session->{pid})");
	is(Harness::error_of(($session->receive)[1])->{sqlstate}, '57014', 'cancelled while the server lets it wait');
	is($working->('LIKE'), 0, 'the server doesn\'t go on');
	kill 'TERM', $holder;
	waitpid $holder, 0;
	is($session->value('SELECT count(*) FROM live.sales'), 40000, 'the session is usable');
	$session->close;
}

done_testing();
