# What fails, fails with words: from sambapos_sync one row for the site, since its trouble is no table's, from a foreign
# table an error with SQLSTATE and a hint; the backend lives and the replica stays as it was.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 500 --seed 21));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run("SELECT * FROM sambapos_add_site('shop', 'till')");
my $session = $db->session;
is_deeply([ grep { $_->[0] ne 'ok' } $session->rows("SELECT status, table_name, message FROM sambapos_sync('shop')") ],
	[], 'the first load is well');

# One text for all that the replica holds.
sub replica
{
	return join "\n", map {
		"$_->[0] " . $db->value("SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), 'empty') FROM sambapos_replica.\"$_->[0]\" t")
	} $db->rows("SELECT relname FROM pg_class WHERE relnamespace = 'sambapos_replica'::regnamespace
		AND relkind = 'r' ORDER BY 1");
}
my $before = replica();
my $tables = $db->value("SELECT count(*) FROM sambapos_replica.tickets");
cmp_ok($tables, '>=', 500, 'and holds the tickets');

my $foreign = 'SELECT count(*), max(ticket_logs) FROM sambapos_live_shop.tickets';

# $sqlstate and $message: patterns that both the foreign table's error and the sync's rows must match. $arm
# makes the next call fail, where the fault does not last. The sync is one that reads: it may have nothing new to read.
sub fails_well
{
	my ($name, $sqlstate, $message, $arm) = @_;
	$arm //= sub { };
	$arm->();
	my $error = $session->error($foreign);
	ok($error, "$name: the foreign table raises an error") or return;
	note($error->{text});
	like($error->{sqlstate}, $sqlstate, "$name: its SQLSTATE");
	like($error->{message} . $error->{detail}, $message, "$name: its message");
	isnt($error->{hint}, '', "$name: a hint says what to do");
	$arm->();
	my @rows = Harness::sync_rows($session->rows('SELECT ' . Harness::sync_columns() . " FROM sambapos_sync('shop', mode => 'full')"));
	is(scalar(@rows), 1, "$name: sambapos_sync says it once") or return;
	is($rows[0]{table_name}, undef, "$name: of no table");
	is($rows[0]{status}, 'failed', "$name: status");
	like($rows[0]{message}, $message, "$name: message") and note($rows[0]{message});
	my $reason = $db->value("SELECT reason FROM sambapos_status('shop')");
	my ($words) = $rows[0]{message} =~ /(.*) \(\w{5}\)$/;
	is(scalar(() = $reason =~ /\Q$words\E/g), 1, "$name: so does the status") or note($reason);
	unlike($reason, qr/more table|tickets/, "$name: and names no table");
	is(replica(), $before, "$name: the replica is as before");
	is($session->value('SELECT pg_backend_pid()'), $session->{pid}, "$name: the backend lives");
	$arm->();
	my $raised = $session->error("SELECT * FROM sambapos_sync('shop', mode => 'full', on_error => 'raise')");
	like($raised && $raised->{message}, $message, "$name: with on_error => 'raise' it is an error");
	like($db->value("SELECT last_error FROM sambapos_status('shop')"), $message, "$name: the status tells it");
}

sub works_again
{
	my ($name) = @_;
	isnt($session->value($foreign), undef, "$name: the foreign table works again");
	is_deeply([ grep { $_->[0] ne 'ok' } $session->rows("SELECT status, table_name, message FROM sambapos_sync('shop')") ],
		[], "$name: and so does the sync");
}

my $unknown = $session->error("SELECT * FROM sambapos_sync('nope')");
is($unknown && $unknown->{sqlstate}, '42704', "sambapos_sync('nope') raises");
like($unknown->{message}, qr/nope/, 'and names the site');

$session->run("ALTER USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (SET password 'wrong')");
fails_well('wrong password', qr/^28/, qr/login/i);
$session->run("ALTER USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (SET password '$till->{password}')");
works_again('right password');

$session->run("ALTER SERVER till OPTIONS (SET port '1')");
fails_well('nobody listens', qr/^08/, qr/connect/i);
$session->run("ALTER SERVER till OPTIONS (SET port '$till->{port}')");
works_again('right port');

# A column that goes: the foreign table made before is told apart; the sync follows and keeps the old values.
$session->run('CREATE SCHEMA mine; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets") FROM SERVER till INTO mine');
my $notes = 'SELECT md5(string_agg(id || coalesce(note, \'\'), \'|\' ORDER BY id)) FROM sambapos_replica.tickets';
my $kept = $db->value($notes);
$till->sql('ALTER TABLE Tickets DROP COLUMN Note');
my $error = $session->error('SELECT note FROM mine.tickets');
like($error && $error->{sqlstate}, $till->{given} ? qr/^(42703|HV000)$/ : qr/^42703$/, 'dropped column: SQLSTATE of the foreign table\'s error');
like($error->{text}, qr/Note/, 'dropped column: its name');
isnt($error->{hint}, '', 'dropped column: a hint') unless $error->{sqlstate} eq 'HV000';    # a server with other numbers
my ($row) = grep { $_->{table_name} eq 'tickets' } $db->sync;
is($row->{status}, 'ok', 'dropped column: the sync goes on without it');
like($row->{message} // '', qr/note/i, 'dropped column: and says so');
is($db->value($notes), $kept, 'dropped column: its old values stay');
$before = replica();

SKIP:
{
	skip 'a given server can\'t be stopped or cut', 1 if $till->{given};
	$session->run($foreign);
	$till->halt;
	fails_well('stopped till', qr/^08/, qr/connect|connection/i);
	$till->restart;
	works_again('till started');

	fails_well('cut in the middle of a row', qr/^08/, qr/connection/i,
		sub { $till->control('cut_after_bytes', 20000) });
	$till->control('reset', '');
	works_again('no longer cut');
}
$session->close;

done_testing();
