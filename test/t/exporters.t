# Promise: the files in doc/examples work as they are: both exporters that Debian packages give every row of
# sambapos.metrics when a reader's role scrapes, and every query of the dashboard answers, for a reader of one site with
# that site alone.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use JSON::PP ();
use IO::Socket::INET;
use IPC::Run ();
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 5));
my $cluster = Harness::cluster();
my $db = $cluster->database('shops');
$db->connect_till($till);
$db->run("SELECT FROM sambapos_add_site('$_', 'till', 'UTC', '{states,tickets,payments}')") for qw(hotel bar);
$db->run('SELECT FROM sambapos_sync()');
$db->run("SELECT sambapos_configure('bar', 'enabled', 'false'); SELECT sambapos_configure('hotel', 'enabled', 'false', 'states');
	CREATE ROLE exporter LOGIN; SELECT sambapos_grant('exporter', 'reader'); CREATE ROLE office LOGIN; SELECT sambapos_grant('office', 'reader', '{hotel}')");

# ---- the dashboard ----

my $examples = "$Harness::root/doc/examples";
sub contents { my ($file) = @_; open my $in, '<', "$examples/$file" or die "$file: $!"; local $/; return scalar <$in> }
my $dashboard = JSON::PP::decode_json(contents('grafana.json'));
my @queries = map { my $panel = $_; map { [ $panel->{title}, $_->{rawSql}, $_->{format} ] } @{ $panel->{targets} } } @{ $dashboard->{panels} };
push @queries, map { [ "variable $_->{name}", $_->{query}, 'table' ] } grep { $_->{type} eq 'query' } @{ $dashboard->{templating}{list} };
cmp_ok(scalar @queries, '>=', 8, 'the dashboard has queries');

# As Grafana fills them in.
sub filled
{
	my ($sql) = @_;
	$sql =~ s/\$__timeFilter\(((?:[^()]|\([^()]*\))*)\)/$1 BETWEEN now() - interval '7 days' AND now() + interval '1 day'/g;
	$sql =~ s/\$site\b/'hotel','bar'/g;
	return $sql;
}
for my $query (@queries)
{
	my ($title, $sql, $format) = @$query;
	unlike(filled($sql), qr/\$/, "$title: nothing is left to fill in");
	my @all = $db->rows("SET ROLE exporter; SELECT to_jsonb(q) FROM (" . filled($sql) . ') AS q');
	my @one = $db->rows("SET ROLE office; SELECT to_jsonb(q) FROM (" . filled($sql) . ') AS q');
	cmp_ok(scalar @all, '>', 0, "$title: rows") unless $title eq 'The worker';
	is(scalar(grep { $_->[0] =~ /"bar"/ } @one), 0, "$title: a reader of one site sees no other");
	next if $format eq 'table';
	my $row = JSON::PP::decode_json($all[0][0]);
	ok(exists $row->{time} && keys %$row > 1, "$title: a time and a value");
}

# ---- the exporters ----

sub installed
{
	my ($program) = @_;
	my ($path) = grep { -x } map { "$_/$program" } split(/:/, $ENV{PATH}), '/usr/bin', '/usr/sbin';
	return $path;
}

sub free_port { return IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')->sockport }

# What is answered to GET /metrics, or undef.
sub scrape
{
	my ($port) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 5) or return;
	print $socket "GET /metrics HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
	local $/;
	return scalar <$socket>;
}

my %environment = %{ $cluster->{environment} };
sub url { my ($role) = @_; return "postgres:///shops?host=$environment{PGHOST}&port=" . ($environment{PGPORT} // 5432) . "&user=$role&sslmode=disable" }
my $work = "$cluster->{directory}.exporters";
mkdir $work or die "$work: $!";
END { system('rm', '-rf', $work) if $work; }

my %exporter = (
	'prometheus-postgres-exporter' => [ qr/^sambapos_metric\{/, sub {
		my ($port, $url) = @_;
		$ENV{DATA_SOURCE_NAME} = $url;
		return ("--web.listen-address=127.0.0.1:$port", "--extend.query-path=$examples/postgres_exporter.yaml", '--disable-default-metrics', '--disable-settings-metrics');
	} ],
	'prometheus-sql-exporter' => [ qr/^sql_sambapos\{/, sub {
		my ($port, $url) = @_;
		my $text = contents('sql_exporter.yaml') =~ s/\$\{SAMBAPOS_URL\}/$url/r;
		open my $out, '>', "$work/sql_exporter.yaml" or die $!;
		print $out $text;
		close $out;
		return ("-web.listen-address=127.0.0.1:$port", "-config.file=$work/sql_exporter.yaml");
	} ],
);
for my $program (sort keys %exporter)
{
	my ($pattern, $arguments) = @{ $exporter{$program} };
	SKIP:
	{
		my $path = installed($program) or skip "$program is not installed (apt-get install $program)", 4;
		for my $role (qw(exporter office))
		{
			my $expected = $db->value("SET ROLE $role; SELECT count(*) FROM sambapos.metrics");
			my $port = free_port();
			local $ENV{DATA_SOURCE_NAME};
			my @command = ($path, $arguments->($port, url($role)));
			my $running = IPC::Run::start(\@command, '<', \undef, '>', "$work/$program.log", '2>&1');
			my @lines;
			until (@lines = grep { $_ =~ $pattern } split /\n/, scrape($port) // '')
			{
				last unless $running->pumpable;
				select undef, undef, undef, 0.2;
			}
			$running->kill_kill;
			is(scalar @lines, $expected, "$program gives every row to $role");
			is(scalar(grep { /sambapos_alerts/ && /site="bar"/ } @lines) > 0, $role eq 'exporter', "$program: of the sites that $role sees");
		}
	}
}

done_testing();
