# Promise: the walks of the manual about dumps lead where they say, typed as they stand there: "Back up", "Restore", "A
# copy for tests", "A move to a new server", "Leave and come back" and "pg_upgrade", which is a real one: to a new server
# of the same version, or of the one whose programs SAMBAPOS_UPGRADE_BINDIR names, with the extension in it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Canonical;
use Walk;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 150 --seed 71));
my ($old, $new) = (Harness::cluster(), Harness::cluster());
my $db = $old->database('shop');
my $secret = $till->{password};
$db->connect_till($till);
$db->run(q(ALTER SERVER till RENAME TO hotel; SELECT FROM sambapos_add_site('hotel', 'hotel', 'UTC')));
sub sync { my ($on) = @_; return $on->run(q(SELECT table_name, status, message FROM sambapos_sync('hotel') WHERE status <> 'ok')) }
is(sync($db), '', 'first load');
$till->ctl(qw(play --edits 20 --seed 72));
is(sync($db), '', 'a second sync');

# A folder of the reader's own, which the server's user may write to as well: pg_upgrade is run as that.
my $folder = "$old->{directory}.folder";
mkdir $folder or die $!;
chmod 0777, $folder;
END { chdir '/'; system('rm', '-rf', $folder) if $folder; }
chdir $folder;

sub type
{
	my ($cluster, $commands) = @_;
	return Harness::command('env', (map { "$_=$cluster->{environment}{$_}" } keys %{ $cluster->{environment} }), 'sh', '-ec', "exec 2>&1; $commands");
}
sub drop { my ($on) = @_; (bless { %$on, name => 'postgres' }, 'Harness::Database')->run("DROP DATABASE $on->{name}") }
my $started = q(SELECT count(*) FROM sambapos.run WHERE trigger = 'schedule');
sub looked_at { my ($on) = @_; my $runs = $on->value($started); $on->run('UPDATE sambapos.site_state SET next_due_at = now(); CALL sambapos_run()'); return $on->value($started) - $runs }
my $light = q(SELECT light FROM sambapos_status('hotel'));
sub ends_well { my ($what, $on) = @_; is_deeply(Canonical::compare($till, $on)->{differences}, [], "$what: no row differs"); is($on->value($light), 'green', "$what: the light is green") }

# ---- back up, restore ----

sub back_up
{
	my $walk = Walk->new('Back up');
	unlink 'shop.dump', 'shop.manifest', 'roles.sql';
	is(type($old, $walk->shell(1)), '', 'back up: it says nothing');
	type($old, $walk->shell(2));
	is(join(' ', grep { -s } 'shop.dump', 'shop.manifest', 'roles.sql'), 'shop.dump shop.manifest roles.sql', 'back up: three files');
	is_deeply([ $walk->untried ], [], 'back up: each command was tried');
}
back_up();
$till->ctl(qw(play --edits 20 --seed 73));
drop($db);
{
	my $walk = Walk->new('Restore');
	is(type($old, $walk->shell(2)), '', 'restore: it says nothing');
	is($db->run($walk->step(3)), '', 'restore: it is verified');
	is(looked_at($db), 0, 'restore: no scheduled run starts');
	is($db->run($walk->step(5)), "hotel\tresumed", 'restore: it goes on');
	my ($first, @more) = reverse $db->rows($walk->step(6));
	is($first->[0], 'green', 'restore: the light is green');
	is_deeply([ grep { $_->[1] ne 'ok' || $_->[2] eq 'full' && $_->[0] =~ /^(?:tickets|orders|payments)$/ } @more ], [], 'restore: what is new is read, and nothing whole');
	cmp_ok(scalar @more, '>', 0, 'restore: something is new');
	is_deeply([ $walk->untried ], [], 'restore: each statement was tried');
	is(looked_at($db), 1, 'restore: scheduled runs start');
	ends_well('restore', $db);
}

# ---- a copy for tests ----

{
	my $walk = Walk->new('A copy for tests');
	is(type($old, $walk->shell(1)), '', 'copy: it says nothing');
	my $copy = $old->existing('shop_test');
	my ($status, @more) = $copy->rows($walk->step(2));
	is_deeply([ @$status[ 0, 1 ], scalar @more ], [ 'hotel', 'red', 0 ], 'copy: the light is red');
	like($status->[2], qr/another database of this server, which was called "shop"/, 'copy: the original is named');
	is(looked_at($copy), 0, 'copy: no scheduled run starts');
	$copy->run($walk->step(3));
	like(sync($copy), qr/user mapping not found/, 'copy: nor can anybody sync without the login');
	is_deeply([ $walk->untried ], [], 'copy: each statement was tried');
	is(looked_at($db), 1, 'copy: the original goes on');
	drop($copy);
	is($db->value($light), 'green', 'copy: and stays');
}

# ---- a new server ----

my $moved = $new->existing('shop');
{
	my $walk = Walk->new('A move to a new server');
	$db->run($walk->step(1));
	back_up();
	is(type($new, Walk->new('Restore')->shell(2)), '', 'move: restored without a word');
	is($moved->run(Walk->new('Restore')->step(3)), '', 'move: verified');
	$till->ctl(qw(play --edits 20 --seed 74));
	my %found = map { $_->[0] => $_->[2] } $moved->rows($walk->step(4));
	like($found{'copied database'}, qr/site hotel: .*another server's database "shop"/, 'move: the doctor names the old server');
	ok(!(grep { $found{$_} } qw(login database)), 'move: and reaches the till');
	$moved->run($walk->step(5));
	is(looked_at($moved), 1, 'move: runs go on at the new one');
	is(looked_at($db), 0, 'move: and not at the old one');
	is_deeply([ $walk->untried ], [], 'move: each statement was tried');
	is(sync($moved), '', 'move: all is read');
	ends_well('move', $moved);
}

# ---- leave and come back ----

{
	my $walk = Walk->new('Leave and come back');
	my %rows = Canonical::row_counts($moved);
	like($moved->run($walk->step(1)), qr/^server hotel\tdropped, its definition is kept, but for the password in the user mapping of postgres$/m, 'leave: it says what it does');
	$moved->run($walk->step(2));
	is($moved->value('SELECT count(*) FROM pg_extension WHERE extname = \'sambapos_fdw\''), 0, 'leave: the extension is gone');
	is($moved->value('SELECT count(*) FROM sambapos_replica.tickets'), $rows{tickets}, 'leave: the rows are there');
	like($moved->run($walk->step(3)), qr/^1\ttickets\t$rows{tickets}\t.*\tadopted$/m, 'come back: they are adopted');
	$walk->replace('secret', $secret);
	$moved->run($walk->step(4));
	is($moved->run($walk->step(5)), '', 'come back: the next sync has nothing to write');
	is_deeply({ Canonical::row_counts($moved) }, \%rows, 'come back: no row more, no row less');
	is(looked_at($moved), 1, 'come back: scheduled runs go on');
	is_deeply([ $walk->untried ], [], 'leave and come back: each statement was tried');
	ends_well('come back', $moved);
}

# ---- pg_upgrade ----

my $bin = $ENV{SAMBAPOS_BINDIR};
my $new_bin = $ENV{SAMBAPOS_UPGRADE_BINDIR} // $bin;
my @as_postgres = $> == 0 ? qw(setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/tmp) : ();
sub server { my ($bin, $cluster, @action) = @_; Harness::command(@as_postgres, "$bin/pg_ctl", "--pgdata=$cluster->{directory}/data", "--log=$cluster->{directory}/log", qw(--wait --silent --mode=fast), @action) }
SKIP:
{
	skip 'there is no pg_upgrade here', 1 unless -x "$new_bin/pg_upgrade";
	my $upgraded = do { local $ENV{SAMBAPOS_BINDIR} = $new_bin; Harness::cluster() };
	my $walk = Walk->new('pg_upgrade');
	like($moved->run($walk->step(1)), qr/^green/, 'pg_upgrade: green before');
	my $was = $moved->value('SELECT system_identifier FROM pg_control_system()');
	my $number = $moved->value('SELECT oid FROM pg_database WHERE datname = current_database()');
	server($bin, $new, 'stop');
	server($new_bin, $upgraded, 'stop');
	my $said = Harness::command(@as_postgres, 'sh', '-c', "'$new_bin/pg_upgrade' -b '$bin' -B '$new_bin' -d '$new->{directory}/data' -D '$upgraded->{directory}/data' -U postgres -s '$folder' 2>&1 || true");
	like($said, qr/^Upgrade Complete$/m, 'pg_upgrade: it is through') or BAIL_OUT($said);
	server($new_bin, $upgraded, 'start');
	my $on = $upgraded->existing('shop');
	isnt($on->value('SELECT system_identifier FROM pg_control_system()'), $was, 'pg_upgrade: the system identifier is another one');
	is($on->value('SELECT oid FROM pg_database WHERE datname = current_database()'), $number, 'pg_upgrade: the number of the database is not');
	is($on->run($walk->step(4)), '', 'pg_upgrade: it is verified');
	is($on->value($light), 'red', 'pg_upgrade: the light is red');
	is(looked_at($on), 0, 'pg_upgrade: no scheduled run starts');
	is($on->run($walk->step(5)), "hotel\tresumed", 'pg_upgrade: it goes on');
	$till->ctl(qw(play --edits 20 --seed 75));
	is(looked_at($on), 1, 'pg_upgrade: scheduled runs start');
	is($on->value(q(SELECT string_agg(table_name || ' ' || mode, ', ') FROM sambapos.run_table WHERE run_id = (SELECT max(run_id) FROM sambapos.run) AND mode = 'full' AND table_name IN ('tickets', 'orders', 'payments'))), undef, 'pg_upgrade: and load nothing anew');
	is_deeply([ $walk->untried ], [], 'pg_upgrade: each statement was tried');
	is(sync($on), '', 'pg_upgrade: all is read');
	ends_well('pg_upgrade', $on);
}
done_testing();
