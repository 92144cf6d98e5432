# The connection that is kept: used again, replaced when it has died between two transactions, never within one;
# given up when its options change; told to stop when nobody wants the rest of its rows; read at once where a slow
# reader would hold locks.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(sleep);
use Harness;

Harness::needs_stand_in('say what it has sent');
my $till = Harness::till('--read-locks', 'on');
$till->ctl(qw(fill --tickets 500 --seed 3));
my $db = Harness::cluster(max_prepared_transactions => 2)->database('shop');
$db->connect_till($till);
$db->run(<<~'SQL');
	CREATE SCHEMA live; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets", "Users") FROM SERVER till INTO live;
	CREATE FOREIGN TABLE live.millions (id int, text text) SERVER till OPTIONS (query
		'SELECT a.Id AS id, N''0123456789012345678901234567890123456789'' AS text FROM Tickets a CROSS JOIN Tickets b CROSS JOIN Tickets c');
	SQL
my $tickets = 'SELECT count(*) FROM live.tickets';
my $session = $db->session;

# What the till knows of this backend's connections, one each: [spid, state, bytes_sent, attentions].
sub at_the_till
{
	return map { [ split /\t/ ] } grep { /^\d/ } split /\n/, $till->sql("SELECT spid, state, bytes_sent, attentions FROM till.connections
		WHERE application_name = 'sambapos_fdw $session->{pid}' ORDER BY spid");
}
sub spid { my @all = at_the_till(); return join ',', map { $_->[0] } @all }
sub kill_it { $till->control('kill', spid()); sleep 0.05 while spid() }
sub state_of { return join ',', $session->run("SELECT state || CASE WHEN valid THEN '' ELSE ' invalid' END FROM sambapos_connections()") }

# ---- kept, and replaced ----

is($session->value($tickets), 500, 'a connection');
my $first = spid();
like($first, qr/^\d+$/, 'is one connection');
is($session->value($tickets), 500, 'the next transaction');
is(spid(), $first, 'uses it again');

# /proc/net/tcp, field tr: 02 is the timer of keep-alive.
my $port = sprintf '%04X', $till->{port};
open my $sockets, '<', '/proc/net/tcp' or die $!;
my @mine = grep { /^\s*\d+: \w+:\w+ \w+:$port 01 / } <$sockets>;
ok(@mine > 0 && !grep({ !/^\s*\d+: \S+ \S+ 01 \S+ 02:/ } @mine), 'an idle connection asks now and then whether the other end still lives') or diag(@mine);

kill_it();
is($session->value($tickets), 500, 'closed by the server between two transactions: replaced, without an error');
isnt(spid(), $first, 'by another one');

my $before = spid();
$till->restart;
is($session->value($tickets), 500, 'the server was restarted between two transactions: the same');

# It dies of the first query, which waits for somebody to read its answer, and another scan comes first.
$session->run($tickets);
$till->control('cut_after_bytes', 0);
$session->run("BEGIN; DECLARE c CURSOR FOR SELECT n FROM generate_series(1, 3) n UNION ALL SELECT id FROM live.tickets");
is($session->value('FETCH 1 FROM c'), 1, 'a cursor whose query meets a dead connection');
sleep 0.05 while spid();
is($session->value($tickets), 500, 'another scan reads over a new one');
is(() = $session->run('FETCH ALL FROM c') =~ /^/mg, 502, 'and so does the cursor');
$session->run('COMMIT');

# Snapshot isolation was allowed when the connection was opened, and no longer is.
$till->sql("ALTER DATABASE $till->{database} SET ALLOW_SNAPSHOT_ISOLATION OFF");
my $refused = $session->error($tickets);
is($refused && $refused->{sqlstate}, '55000', 'snapshot isolation is switched off: an error, once');
is($session->value($tickets), 500, 'the next transaction does without');
$session->run("SELECT sambapos_disconnect('till')");
$till->sql("ALTER DATABASE $till->{database} SET ALLOW_SNAPSHOT_ISOLATION ON");

$session->run("BEGIN; $tickets");
kill_it();
my $error = $session->error($tickets);
is($error && $error->{sqlstate}, '08006', 'closed within a transaction: an error');
like($error->{detail}, qr/one snapshot/, 'that says why there is no second try') and isnt($error->{hint}, '', 'and what to do');
is(spid(), '', 'no new connection was made');
is($session->error($tickets)->{sqlstate}, '25P02', 'the transaction is over');
$session->run('ROLLBACK');
$session->run("BEGIN; SAVEPOINT s; $tickets");
kill_it();
is($session->error($tickets)->{sqlstate}, '08006', 'and after a savepoint');
$session->run('ROLLBACK TO SAVEPOINT s');
is($session->error($tickets)->{sqlstate}, '08006', 'nothing brings it back');
$session->run('ROLLBACK TO SAVEPOINT s');
is(state_of(), 'lost invalid', 'sambapos_connections says lost');
$session->run('ROLLBACK');
is($session->value($tickets), 500, 'the next transaction connects anew');

# Down altogether: one try, one error.
$till->halt;
$error = $session->error($tickets);
is($error && $error->{sqlstate}, '08001', 'a server that is gone');
$till->restart;
is($session->value($tickets), 500, 'and comes back');

# ---- options that change ----

$before = spid();
$session->run("BEGIN; $tickets");
$db->run("ALTER USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (SET password 'wrong')");
is($session->value($tickets), 500, 'a mapping changed elsewhere: this transaction goes on');
is(spid(), $before, 'over its connection');
is(state_of(), 'in transaction invalid', 'which is not valid any more');
$session->run('COMMIT');
is(state_of(), '', 'and is closed at the end');
is($session->error($tickets)->{sqlstate}, '28000', 'the next one uses the new password');
$db->run("ALTER USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (SET password '$till->{password}')");
is($session->value($tickets), 500, 'and the next the right one again');
$before = spid();
$db->run("ALTER SERVER till OPTIONS (ADD lock_timeout '700')");
is($session->value('SELECT a FROM sambapos_query(\'till\', \'SELECT @@LOCK_TIMEOUT AS a\') AS q (a int)'), 700, 'a server\'s option changed elsewhere counts from the next transaction on');
isnt(spid(), $before, 'over a new connection');
$before = spid();
$db->run("CREATE SERVER other FOREIGN DATA WRAPPER sambapos_fdw; ALTER SERVER other OPTIONS (ADD host 'x'); DROP SERVER other");
$session->run($tickets);
is(spid(), $before, 'another server\'s change is none of ours');

# ---- seen, and closed ----

is(state_of(), 'idle', 'idle between transactions');
$session->run("BEGIN; DECLARE c CURSOR FOR SELECT * FROM live.millions; FETCH FROM c");
is(state_of(), 'reading', 'reading, with an open cursor');
is(($session->ask("SELECT sambapos_disconnect('till')"))[0], 'f', 'not closed while a transaction uses it');
$session->run('COMMIT');
is($session->value("SELECT sambapos_disconnect('till')"), 't', 'closed');
is($session->value("SELECT sambapos_disconnect('till')"), 'f', 'there is none to close');
is(state_of(), '', 'nor to list');
sleep 0.05 while spid();
pass('and gone at the till');
is($session->error("SELECT sambapos_disconnect('no such server')")->{sqlstate}, '42704', 'an unknown server');

# A server dropped in the transaction that has used it: its connection is there until the end, and has no names.
is($session->run("BEGIN; $tickets; DROP SERVER till CASCADE;
	SELECT server_name IS NULL, user_name IS NULL, state, valid FROM sambapos_connections()"), "500\nt\tt\tin transaction\tf", 'a dropped server has no name');
$session->run('ROLLBACK');
is($session->value($tickets), 500, 'and after a rollback it is what it was');
is($session->run("BEGIN; $tickets; DROP USER MAPPING FOR CURRENT_USER SERVER till;
	SELECT server_name, user_name IS NULL, state, valid FROM sambapos_connections()"), "500\ntill\tt\tin transaction\tf", 'a dropped mapping has no user');
is($session->error($tickets)->{sqlstate}, '42704', 'and can\'t be used any more');
$session->run('ROLLBACK');

# ---- rows that nobody wants ----

$session->run("ALTER SERVER till OPTIONS (ADD isolation 'snapshot')");
$session->run($tickets);

# Runs a statement that reads a part of 125 million rows (10 GB); the rest is cancelled, and soon.
sub is_cut_short
{
	my ($name, $sql, $attentions) = @_;
	my ($was) = at_the_till();
	$session->run($sql);
	my ($is) = at_the_till();
	is($is->[0], $was->[0], "$name: the same connection");
	is($is->[3] - $was->[3], $attentions, "$name: $attentions told to stop");
	cmp_ok($is->[2] - $was->[2], '<', $attentions * 20e6, sprintf '%s: %.1f MB were sent', $name, ($is->[2] - $was->[2]) / 1e6);
	is($session->value($tickets), 500, "$name: and the connection is good");
}
my $some = 'live.millions WHERE random() < 2';    # a condition that the server cannot have
is_cut_short('LIMIT', "SELECT id FROM $some LIMIT 10", 1);
is_cut_short('a cursor that is closed', "BEGIN; DECLARE c CURSOR FOR SELECT * FROM live.millions; MOVE 10 IN c; CLOSE c; $tickets; COMMIT", 1);
is_cut_short('a transaction that ends', "BEGIN; DECLARE c CURSOR FOR SELECT * FROM live.millions; MOVE 10 IN c; COMMIT", 1);
is_cut_short('a savepoint that is rolled back', "BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR SELECT * FROM live.millions; MOVE 10 IN c;
	ROLLBACK TO s; $tickets; COMMIT", 1);
is_cut_short('a scan executed anew with other parameters',
	"SELECT (SELECT id FROM live.millions m WHERE m.id >= g AND random() < 2 LIMIT 1) FROM generate_series(1, 5) AS g", 5);
is_cut_short('an error in mid-scan', "DO \$\$ BEGIN PERFORM 1 / (id - id) FROM $some; EXCEPTION WHEN division_by_zero THEN NULL; END \$\$", 1);

# ---- read at once, or as one goes ----

$db->run("CREATE FOREIGN TABLE live.thousands (id int, text text) SERVER till OPTIONS (query
	'SELECT a.Id AS id, REPLICATE(N''x'', 1000) AS text FROM Tickets a CROSS JOIN Users b CROSS JOIN Users c')");
my $all = $db->value('SELECT count(*) FROM live.thousands');
cmp_ok($all, '>', 10000, "a result of $all rows, 2 kB each: more than a socket holds");

sub after_the_first_row
{
	my ($isolation) = @_;
	$session->run("ALTER SERVER till OPTIONS (SET isolation '$isolation')");
	$session->run('BEGIN; DECLARE c CURSOR FOR SELECT id, length(text) FROM live.thousands; FETCH FROM c');
	my ($at_the_till) = at_the_till();
	my $writer = $till->sql("SET LOCK_TIMEOUT 2000; UPDATE Users SET Name = Name WHERE Id = 1; SELECT 'written'");
	my $rest = () = $session->run('FETCH ALL FROM c') =~ /^\d/mg;
	$session->run('COMMIT');
	is($rest + 1, $all, "$isolation: all rows come");
	like($writer, qr/written/, "$isolation: a writer is not kept waiting");
	return $at_the_till->[1];
}
is(after_the_first_row('snapshot'), 'running', 'SNAPSHOT: the answer is on its way');
is(after_the_first_row('read_committed'), 'sleeping', 'locking READ COMMITTED: the answer was read to its end');
is(after_the_first_row('read_uncommitted'), 'sleeping', 'READ UNCOMMITTED: the same');
$till->restart('--row-versions', 'on');
is(after_the_first_row('read_committed'), 'running', 'READ COMMITTED with row versions: on its way');
$session->close;

# ---- two-phase commit: as with postgres_fdw ----

$session = $db->session;
$session->run('CREATE TABLE prepared (id int)');
$session->run("BEGIN; INSERT INTO prepared VALUES (1); $tickets");
my $prepare = $session->error("PREPARE TRANSACTION 'read'");
is($prepare && $prepare->{sqlstate}, '0A000', 'a transaction that has read cannot be prepared');
is($session->value('SELECT count(*) FROM prepared'), 0, 'it is rolled back');
is($session->value('SELECT count(*) FROM pg_prepared_xacts'), 0, 'and nothing was prepared');
is(state_of(), 'idle', 'its connection is there for the next one');
$session->run("BEGIN; $tickets; SELECT sambapos._end_remote_transaction('till'); INSERT INTO prepared VALUES (2)");
$session->run("PREPARE TRANSACTION 'ended'; COMMIT PREPARED 'ended'");
is($session->value('SELECT id FROM prepared'), 2, 'one whose remote transaction was ended can');
is($session->value($tickets), 500, 'and the connection goes on');
$session->close;

done_testing();
