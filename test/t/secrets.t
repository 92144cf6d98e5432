# What must never leave the till, and the password of the mapping, are nowhere they should not be. Each secret
# that `tillctl fill` plants (PINs, passwords, keys, processor settings) has the mark SECRET- in it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $mark = 'SECRET-';
my $till = Harness::till('--v5');
$till->ctl(qw(fill --tickets 200 --seed 9));
my %planted;
for my $table (split /\n/, $till->ctl('tables'))
{
	my $count = () = $till->ctl('dump', $table) =~ /$mark/g;
	$planted{$table} = $count if $count;
}
note(join ', ', map { "$_ $planted{$_}" } sort keys %planted);
ok($planted{$_}, "the till holds secrets in $_") for qw(Users PaymentTypes AppActions Scripts AddonLicenses GraphqlClients);

my $password = "pass'word-\$$-must-not-be-told";

# Where TDSDUMP says so, FreeTDS writes down what it does, from the second login on passwords too: here into the
# server's log. And it lets its environment say where to connect to.
my $cluster = do
{
	local @ENV{qw(TDSDUMP TDSHOST TDSPORT TDSVER)} = ('stderr', '192.0.2.1', '1', '4.2');
	Harness::cluster(log_min_messages => 'debug5', log_error_verbosity => 'verbose', log_statement => 'none',
		track_activity_query_size => 100000);
};
my $db = $cluster->database('shop');
$db->connect_till($till);

# The till knows no other user: this is the login that it refuses below.
my $quoted = $password =~ s/'/''/gr;
$db->run("CREATE ROLE other LOGIN; GRANT USAGE ON FOREIGN SERVER till TO other;
	CREATE USER MAPPING FOR other SERVER till OPTIONS (username 'u-of-other', password '$quoted')");

my @answers;
push @answers, $db->run("SELECT * FROM sambapos_add_site('shop', 'till',
	tables => ARRAY['reporting', 'menu', 'stock', 'config', 'Printers', 'ProgramSettingValues', 'Tasks', 'PaidItems'])");
push @answers, $db->run("SELECT * FROM sambapos_sync('shop')");
is($db->value("SELECT count(*) FROM sambapos_replica.users"), ($till->sql('SELECT COUNT(*) FROM Users') =~ /(\d+)/)[0],
	'users are copied');

for my $table (qw(AppActions AppRules ActionContainers Scripts AddonLicenses GraphqlClients RefreshTokens))
{
	my $error = $db->error("SELECT * FROM sambapos_add_table('shop', '$table')");
	is($error && $error->{sqlstate}, '22023', "$table is never copied, not even by name");
	push @answers, $error->{text} if $error;
}

# Errors: a refused login, a missing table, a wrong statement, a value that cannot be converted.
$db->run("CREATE FOREIGN TABLE public.gone (id int) SERVER till OPTIONS (table_name 'NoSuchTable');
	CREATE FOREIGN TABLE public.wrong (name int OPTIONS (column_name 'Name')) SERVER till OPTIONS (table_name 'Users');
	CREATE FOREIGN TABLE public.t (id int OPTIONS (column_name 'Id')) SERVER till OPTIONS (table_name 'Tickets');
	GRANT SELECT ON public.t TO other");
for my $sql ('SELECT * FROM gone', 'SELECT * FROM wrong', 'SET ROLE other; SELECT * FROM public.t',
	"SELECT * FROM sambapos_query('till', 'SELECT nonsense FROM Users') AS q (a text)",
	"SELECT * FROM sambapos_add_site('shop', 'no_such_server')")
{
	my $error = $db->error($sql);
	ok($error, "an error to look at: $sql") and push @answers, $error->{text};
}
push @answers, $db->run('CREATE ROLE stranger; SET ROLE stranger; SELECT srvname, umuser, umoptions FROM pg_user_mappings');
push @answers, $db->run('EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM sambapos_live_shop.users');
push @answers, $db->run('SELECT * FROM sambapos_status()');

# What the rest of the cluster sees of a backend that reads the till, with every statement logged from here on.
my $session = $db->session;
$session->run("SET log_statement = 'all'; SET log_min_duration_statement = 0; SET log_duration = on; SET log_parser_stats = on");
push @answers, join "\n", map { ($session->ask($_)) } 'BEGIN', 'SELECT count(*) FROM public.t', 'SELECT * FROM sambapos_connections()',
	'SELECT * FROM pg_stat_activity', 'SELECT * FROM pg_stat_get_activity(NULL)', 'SELECT * FROM pg_settings', 'COMMIT',
	"SELECT sambapos_disconnect('till')", 'SELECT count(*) FROM public.t', 'EXPLAIN (ANALYZE, VERBOSE, SETTINGS) SELECT * FROM public.t',
	'SET ROLE other', 'SELECT count(*) FROM public.t', 'RESET ROLE';
$session->close;

my $dump = do
{
	local @ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
	Harness::command(qw(pg_dump --data-only shop));
};
my $schema = do
{
	local @ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
	Harness::command(qw(pg_dump --schema-only shop));
};
like($dump, qr/COPY sambapos_replica\.users/, 'the dump has the replica');
my $log = $cluster->log;
unlike($log, qr/PANIC|TRAP|was terminated/, 'nothing went wrong at that level');
cmp_ok(length $log, '>', 100000, 'the log is a debug5 log');

my %where = (answers => join("\n", @answers), dump => $dump, schema => $schema, log => $log);
for my $place (sort keys %where)
{
	my @lines = grep { /$mark/ } split /\n/, $where{$place};
	is($lines[0], undef, "no planted secret in: $place");
}
for my $place (qw(answers dump log))
{
	my $secret = $till->{password};
	ok(index($where{$place}, $secret) < 0, "the mapping's password is not in: $place");
	ok(index($where{$place}, 'must-not-be-told') < 0, "nor that of the refused login: $place");
}
ok(index($schema, $till->{password}) >= 0, 'a superuser\'s schema dump does hold the mapping: this search finds what is there');

done_testing();
