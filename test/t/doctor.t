# Promise: sambapos_check names what is wrong between here and the till. Everything is put right first, so that each check
# says ok; then one thing after the other is broken, and its check alone says so, with a fix that works where it is SQL.
# Nothing is written, here or there, and no password is in an answer.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use File::Copy qw(copy);
use IPC::Run ();
use Test::More;
use Harness;

Harness::needs_stand_in('play what this checks for');
my $till = Harness::till('--timezone', 'Europe/Istanbul');
$till->ctl(qw(fill --tickets 20 --seed 5));
my $cluster = Harness::cluster('cron.database_name' => 'shop', wal_level => 'logical');
my $db = $cluster->database('shop');
$db->connect_till($till);
my $secret = 'Reader-secret-1';

# ---- putting it right, as the manual says ----

sub put { my ($file, $text) = @_; open my $out, '>', $file or die; print $out $text; close $out; chmod 0600, $file; chown((getpwnam 'postgres')[2, 3], $file) if $> == 0; return $file }
my $password_file = put("$cluster->{directory}/reader", "$secret\n");
copy("$till->{directory}/till.crt", "$cluster->{directory}/till.pem") or die $!;
chmod 0644, "$cluster->{directory}/till.pem";
my $keep = "username 'Reader', password_file '$password_file'";
$db->run("DROP USER MAPPING FOR CURRENT_USER SERVER till; CREATE USER MAPPING FOR CURRENT_USER SERVER till OPTIONS ($keep);
	ALTER SERVER till OPTIONS (ADD ca_file '$cluster->{directory}/till.pem')");

my $script = $db->run(q(SELECT sambapos_setup_script('till', 1)));
like(($till->run_script($script))[0], qr/message 50000: Write a password into the script first/, 'as it stands the script makes no login');
is_deeply([ $till->run_script($script, $secret) ], [], 'with a password it runs');
$db->run(q(CREATE EXTENSION pg_cron; SELECT FROM sambapos_add_site('shop', 'till', 'Europe/Istanbul'); SELECT FROM sambapos_sync('shop')));
# Active, and never due: a run at the turn of a minute would see what is broken here.
my $schedule = q(SELECT FROM sambapos_schedule('shop'); UPDATE cron.job SET schedule = '0 0 1 1 *');
$db->run($schedule);

# The findings by check.
sub check
{
	my ($session, $server) = @_;
	my %found = map { $_->[0] => { status => $_->[1], detail => $_->[2], fix => $_->[3] } }
		($session // $db)->rows(sprintf q(SELECT "check", status, translate(detail, E'\n', '|'), translate(fix, E'\n', '|') FROM sambapos_check('%s')), $server // 'till');
	return \%found;
}
my @way = ('user mapping', 'options', 'host name', 'instance', 'port', 'TLS', 'login', 'database');
my @here = ('encryption', 'passwords in dumps', 'mapping for PUBLIC', 'copied database', 'question of a run', 'worker', 'pg_cron', 'triggers on the replica', 'history guard', 'publications of the replica', 'host connections');
my $good = check();
is(join(', ', map { "$_ $good->{$_}{status}: $good->{$_}{detail}" } grep { $good->{$_}{status} ne 'ok' } sort keys %$good),
	"lock waits skipped: the login may not look at other sessions (VIEW SERVER STATE); a login for reading needs no more", 'all is well');
is(scalar(keys %$good), 31, 'all checks are there');
is(join(', ', grep { defined $good->{$_}{fix} && $good->{$_}{status} eq 'ok' } keys %$good), '', 'what is ok needs no fix');
my @before = $db->rows('SELECT sum(rows_inserted), sum(rows_updated) FROM sambapos.table_state');

# One thing is wrong: that check alone differs from before. Checks behind a broken step are skipped, and say why.
sub broken
{
	my ($name, $check, $status, $detail, $fix) = @_;
	my $found = check();
	my $behind = 0;
	for my $step (@way) { $behind = 1, last if $step eq $check && $status eq 'error' }
	my %expected = map { $_ => $good->{$_}{status} } keys %$good;
	if ($behind)
	{
		my %spared = map { $_ => 1 } @here;
		my ($at) = grep { $way[$_] eq $check } 0 .. $#way;
		$spared{$_} = 1 for @way[ 0 .. $at ];
		$expected{$_} = 'skipped' for grep { !$spared{$_} } keys %expected;
	}
	$expected{$check} = $status;
	is_deeply({ map { $_ => $found->{$_}{status} } keys %$found }, \%expected, "$name: $check says $status, and that alone");
	like($found->{$check}{detail}, $detail, "$name: what it is");
	like($found->{$check}{fix} // '', $fix, "$name: what to do");
	is($found->{version}{detail}, "not tried: see $check", "$name: what needs it is skipped, and says so") if $behind;
	return $found->{$check};
}
# The same, by options of the server.
sub option
{
	my ($name, $break, $mend, @rest) = @_;
	$db->run("ALTER SERVER till OPTIONS ($break)");
	my $finding = broken($name, @rest);
	$db->run("ALTER SERVER till OPTIONS ($mend)");
	return $finding;
}

# ---- the way ----

$db->run('DROP USER MAPPING FOR CURRENT_USER SERVER till');
broken('no user mapping', 'user mapping', 'error', qr/user mapping not found/, qr/CREATE USER MAPPING FOR/);
$db->run("CREATE USER MAPPING FOR CURRENT_USER SERVER till OPTIONS ($keep)");
put($password_file, "$secret\n"), chmod 0644, $password_file;
broken('a password file that others can read', 'user mapping', 'error', qr/can be read by others/, qr/chmod/);
unlink $password_file;
broken('no password file', 'user mapping', 'error', qr/could not read password file/, qr/^$/);
put($password_file, "$secret\n");
option('no certificate file', "SET ca_file '/nowhere/till.pem'", "SET ca_file '$cluster->{directory}/till.pem'", 'options', 'error', qr/could not read ca_file/, qr/^$/);
option('no host', 'DROP host', "ADD host '$till->{host}'", 'options', 'error', qr/has no option "host"/, qr/ADD host/);
$db->run(qq(CREATE ROLE plain LOGIN; SELECT sambapos_grant('plain', 'admin'); CREATE USER MAPPING FOR plain SERVER till OPTIONS (username 'Reader', password '$secret')));
my $plain = $db->session;
$plain->run('SET SESSION AUTHORIZATION plain');
is_deeply([ map { $_->{status} } @{ check($plain) }{ 'user mapping', 'options', 'login' } ], [qw(error skipped skipped)], 'no right to use the server: said of the first step');
$plain->close;
$db->run('DROP USER MAPPING FOR plain SERVER till');
is($db->value("SELECT sambapos._doctor_step_of('42501', 'no', 'SQL Server error 916, severity 14, state 1, from till.')"), 'database', 'a login that is no user of the database');
option('no such host', "SET host 'till.invalid'", "SET host '$till->{host}'", 'host name', 'error', qr/could not find host "till\.invalid"/, qr/./);
option('LocalDB', "SET host 'localdb.invalid'", "SET host '$till->{host}'", 'host name', 'error', qr/^LocalDB has no TCP port: [^|]+\|could not find host/, qr/Install SQL Server Express/);
option('no such instance', "DROP port, ADD instance 'NOPE'", "ADD port '$till->{port}', DROP instance", 'instance', 'error', qr/instance "NOPE"/, qr/./);
option('nobody listens', "SET port '1'", "SET port '$till->{port}'", 'port', 'error', qr/could not connect to .*refused.*LocalDB/, qr/./);
$till->restart('--encryption', 'off');
broken('a server without encryption', 'TLS', 'error', qr/no encrypted connection/, qr/certificate/);
$till->restart('--encryption', 'optional');
option('a certificate of others', "DROP ca_file, ADD ca_file '$FindBin::Bin/../../META.json'", "SET ca_file '$cluster->{directory}/till.pem'", 'TLS', 'error', qr/certificate|no encrypted connection/, qr/./);
put($password_file, "Another-secret-1\n");
my $refused = broken('a wrong password', 'login', 'error', qr/login failed for user 'Reader'/i, qr/user mapping/);
unlike(join(' ', map { $_ // '' } values %$refused), qr/Another-secret/, 'no password is in it');
put($password_file, "$secret\n");
option('no such database', "SET database 'Nowhere'", "SET database '$till->{database}'", 'database', 'error', qr/Nowhere/, qr/./);
$till->halt;
broken('a till that is off', 'port', 'error', qr/could not connect/, qr/./);
$till->restart;

# ---- what the login may do ----

for my $right ([ 'INSERT ON Tickets', qr/INSERT on dbo\.Tickets/ ], [ 'UPDATE (Note) ON Tickets', qr/UPDATE on dbo\.Tickets/ ], [ 'DELETE ON Payments', qr/DELETE on dbo\.Payments/ ])
{
	$till->sql("GRANT $right->[0] TO Reader");
	broken("GRANT $right->[0]", 'rights', 'warning', $right->[1], qr/sambapos_setup_script\('till', 0\)/);
	$till->sql("REVOKE $right->[0] FROM Reader");
}
$till->sql('GRANT SELECT ON Users TO Reader');    # lifts the DENY on its columns
broken('a GRANT behind the DENY', 'secrets', 'warning', qr/Users\.PinCode/, qr/^Run at the till, as its administrator, what SELECT sambapos_setup_script\('till', 0\) prints\.$/);
$till->run_script($script);
$till->sql('GRANT SELECT ON Scripts TO Reader');
broken('a table that is never copied', 'secrets', 'warning', qr/Scripts\.Code/, qr/^Run at the till/);
$till->run_script($script);
$till->sql('REVOKE SELECT ON Payments FROM Reader');
broken('a table without a right', 'tables', 'error', qr/Payments$/, qr/sambapos_setup_script/);
$till->sql('GRANT SELECT ON Payments TO Reader');
$till->sql('DENY SELECT ON Tickets (TotalAmount) TO Reader');
broken('a column without a right', 'tables', 'error', qr/Tickets \(TotalAmount\)/, qr/sambapos_setup_script/);
is_deeply([ $till->run_script($script) ], [], 'the script again, without a password');
is(check()->{tables}{status}, 'ok', 'puts it right');

# The till's own login may do everything.
$db->run(qq(ALTER USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (SET username '$till->{username}')));
put($password_file, "$till->{password}\n");
like(check()->{rights}{fix}, qr/OPTIONS \(SET username 'sambapos_reader'\); and its password into the file/, 'a password in a file stays there');
put($password_file, "$secret\n");
$db->run(q(ALTER USER MAPPING FOR CURRENT_USER SERVER till OPTIONS (SET username 'Reader')));
$db->run(qq(CREATE ROLE other SUPERUSER LOGIN; CREATE USER MAPPING FOR other SERVER till OPTIONS (username '$till->{username}', password '$till->{password}')));
my $other = $db->session;
$other->run('SET SESSION AUTHORIZATION other');
my $powerful = check($other);
is($powerful->{rights}{status}, 'warning', 'an administrator\'s login is too much');
like($powerful->{rights}{detail}, qr/member of sysadmin|and \d+ more/, 'it says of what');
for my $check ('rights', 'secrets')
{
	is($powerful->{$check}{fix}, "Use a login that is for reading only, in two steps. 1. ALTER USER MAPPING FOR other SERVER till OPTIONS (SET username 'sambapos_reader', SET password '...'); "
			. "2. Run at the till, as its administrator, what SELECT sambapos_setup_script('till', 0) prints.", "$check: another login is the way, and nothing is taken from this one");
}
is($powerful->{'lock waits'}{status}, 'ok', 'but it may look at other sessions');
unlike(join(' ', map { ($_->{detail}, $_->{fix} // '') } values %$powerful), qr/\Q$till->{password}\E/, 'its password is in no answer');
is($powerful->{'passwords in dumps'}{status}, 'warning', 'it would be in a dump');
like($powerful->{'passwords in dumps'}{fix}, qr/ALTER USER MAPPING FOR other SERVER till OPTIONS \(DROP password, ADD password_file/, 'unless it is put into a file');
my $other_file = put("$cluster->{directory}/other", "$till->{password}\n");
$db->run($powerful->{'passwords in dumps'}{fix} =~ s{^.*?: (.*)/etc/sambapos/password}{$1$other_file}r);
is(check($other)->{'passwords in dumps'}{status}, 'ok', 'as it says');

# ---- the till's server ----

for my $case ([ 'IsLocalDB=1', 'version', 'warning', qr/^LocalDB: [^|]+\|13\./, qr/SQL Server Express/ ], [ 'ProductVersion=10.50.1600.1', 'version', 'warning', qr/older than SQL Server 2012/, qr/./ ], [ 'Babelfish=1', 'version', 'warning', qr/Babelfish/, qr/./ ])
{
	$till->control('server_property', $case->[0]);
	broken(@$case);
	$till->control('reset', '');
}
for my $case ([ 8100, 'ok' ], [ 8300, 'warning' ], [ 10000, 'error' ])
{
	$till->control('data_file_mb', $case->[0]);
	my $found = check()->{'database size'};
	is($found->{status}, $case->[1], "$case->[0] MB: $case->[1]");
	like($found->{detail}, qr/^$case->[0] MB of the 10240 MB/, 'and how much is left');
}
$till->control('server_property', 'EngineEdition=2');
is(check()->{'database size'}{status}, 'ok', 'another edition has no such limit');
$till->control('server_property', 'EngineEdition=4');
$till->control('server_property', 'ProductVersion=17.0.1000.1');
like(check()->{'database size'}{detail}, qr/10000 MB of the 51200 MB/, 'SQL Server 2025 Express has more room');
$till->control('reset', '');

$till->sql("ALTER DATABASE $till->{database} SET ALLOW_SNAPSHOT_ISOLATION OFF");
my $told = broken('no snapshot isolation', 'snapshot isolation', 'warning', qr/not allowed: reads wait/, qr/^At the till: ALTER DATABASE \[\w+\] SET ALLOW_SNAPSHOT_ISOLATION ON;$/);
$till->sql("ALTER DATABASE $till->{database} SET READ_COMMITTED_SNAPSHOT ON");
broken('row versions', 'snapshot isolation', 'warning', qr/READ_COMMITTED_SNAPSHOT is on/, qr/ALTER DATABASE/);
$till->sql("ALTER DATABASE $till->{database} SET READ_COMMITTED_SNAPSHOT OFF");
$till->sql($told->{fix} =~ s/^At the till: //r);
option('dirty reads', "ADD isolation 'read_uncommitted'", 'DROP isolation', 'snapshot isolation', 'warning', qr/read_uncommitted/, qr/SET isolation 'auto'/);

$till->control('clock_offset_seconds', 3600);
broken('a clock that is an hour ahead', 'clock', 'warning', qr/0(0:59:59|1:00:0[01]) ahead/, qr/w32tm/);
$till->control('clock_offset_seconds', -90);
broken('a clock that is behind', 'clock', 'warning', qr/00:01:(29|3[01]) behind/, qr/w32tm/);
$till->control('clock_offset_seconds', 0);
$db->run(q(SELECT sambapos_configure('shop', 'time_zone', 'Europe/London')));
broken('another time zone', 'time zone', 'warning', qr/at UTC\+03:00; site shop: Europe\/London is UTC\+0[01]:00 now/, qr/sambapos_configure\('shop', 'time_zone', '\.\.\.'\)/);
$db->run(q(SELECT sambapos_configure('shop', 'time_zone', NULL)));
broken('no time zone', 'time zone', 'warning', qr/site shop has no time zone/, qr/sambapos_configure/);
$db->run(q(SELECT sambapos_configure('shop', 'time_zone', 'Europe/Istanbul')));

option('the till\'s rules for text', "ADD text_semantics 'server'", 'DROP text_semantics', 'collation', 'warning', qr/text_semantics server/, qr/SET text_semantics 'strict'/);
$till->sql('CREATE DATABASE Turkish COLLATE Turkish_CI_AS');
my $latin = $cluster->database('latin', "ENCODING 'LATIN9' LOCALE 'C' TEMPLATE template0");
$latin->connect_till($till, database => 'Turkish');
my $turkish = check($latin);
like($turkish->{collation}{detail}, qr/encoding of database latin is LATIN9/, 'a database that lacks characters is told of');
is($turkish->{tables}{status}, 'error', 'and one that isn\'t SambaPOS\'s');
like($turkish->{tables}{fix}, qr/Another database than SambaPOS's/, 'with what it may be');
$db->run("CREATE SERVER turkish FOREIGN DATA WRAPPER sambapos_fdw OPTIONS (host '$till->{host}', port '$till->{port}', database 'Turkish'); CREATE USER MAPPING FOR other SERVER turkish OPTIONS (username '$till->{username}', password '$till->{password}')");
like(check($other, 'turkish')->{collation}{detail}, qr/Turkish: 'i' <> 'I' there/, 'Turkish is told of');

# Somebody waits for a lock: two sessions of the till. The check itself waits for nobody.
my @writers = map { IPC::Run::start([ "$Harness::root/build/tillctl", $till->{connection}, 'sql', "BEGIN TRANSACTION; UPDATE Tickets SET Note = 'x' WHERE Id = 1; WAITFOR DELAY '00:30:00'" ], '<', \undef, '>', \my $out, '2>', \my $err) } 1 .. 2;
my $waits;
do { select undef, undef, undef, 0.1; $waits = check($other)->{'lock waits'} } until $waits->{status} ne 'ok';
like($waits->{detail}, qr/^1 sessions at the till wait for locks, the longest for \d+ ms; 1 for one with our login/, 'a wait is seen, and for whom');
is($waits->{status}, 'error', 'one for our login is an error');
is(check()->{tables}{status}, 'ok', 'and the check is held up by no lock');
$_->signal('KILL'), $_->finish for @writers;

# ---- here ----

option('no certificate to check', 'DROP ca_file', "ADD ca_file '$cluster->{directory}/till.pem'", 'encryption', 'warning', qr/not checked/, qr/ALTER SERVER till OPTIONS \(ADD ca_file/);
option('any name', "ADD check_hostname 'false'", 'DROP check_hostname', 'encryption', 'warning', qr/any host/, qr/SET check_hostname 'true'/);
option('TLS 1.0', "ADD min_tls '1.0'", 'DROP min_tls', 'encryption', 'warning', qr/TLS 1\.0/, qr/DROP min_tls/);
option('in clear where it must be', "SET encryption 'request'", "SET encryption '$till->{encryption}'", 'encryption', 'warning', qr/request/, qr/SET encryption 'require'/);
$db->run(qq(CREATE USER MAPPING FOR PUBLIC SERVER till OPTIONS (username 'x', password_file '$password_file')));
broken('a login for everybody', 'mapping for PUBLIC', 'warning', qr/every role/, qr/DROP USER MAPPING FOR PUBLIC SERVER till/);
$db->run('DROP USER MAPPING FOR PUBLIC SERVER till; DROP USER MAPPING FOR other SERVER till');
$db->run(q(SELECT cron.alter_job(jobid, active => false) FROM cron.job));
broken('a job that is switched off', 'pg_cron', 'warning', qr/site shop: its pg_cron job is not active/, qr/sambapos_schedule\('shop'\)/);
$db->run(q(SELECT sambapos_unschedule('shop')));
broken('no job', 'pg_cron', 'warning', qr/no pg_cron job/, qr/sambapos_schedule\('shop'\)/);
$db->run(q(INSERT INTO sambapos.run (site_id, mode, trigger, status, started_at) SELECT site_id, 'auto', 'schedule', 'ok', now() - interval '10 minutes' FROM sambapos.site));
is(check()->{pg_cron}{status}, 'ok', 'no job, but scheduled runs come: something else calls them');
$db->run(q(UPDATE sambapos.run SET started_at = now() - interval '1 day' WHERE trigger = 'schedule'));
broken('none any more', 'pg_cron', 'warning', qr/no pg_cron job/, qr/sambapos_schedule/);
$db->run($schedule);
$db->run('CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$; CREATE TRIGGER note BEFORE UPDATE ON sambapos_replica.tickets FOR EACH ROW EXECUTE FUNCTION noted()');
broken('a trigger', 'triggers on the replica', 'warning', qr/note on sambapos_replica\.tickets/, qr/./);
$db->run('CREATE ROLE mallory; ALTER FUNCTION noted() OWNER TO mallory');
broken('a trigger of others', 'triggers on the replica', 'warning', qr/code of others .*role "mallory"/, qr/./);
$db->run('DROP FUNCTION noted() CASCADE');

my $guards = q(SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgname = 'keep_history' ORDER BY 1);
my @guards = $db->rows($guards);
for my $case ([ 'tickets', 'disabled', 'ALTER TABLE sambapos_replica.tickets DISABLE TRIGGER keep_history' ],
	[ 'menu_items_history', 'not there', 'DROP TRIGGER keep_history ON sambapos_replica.menu_items_history' ],
	[ 'account_transactions', 'not there', 'DROP TRIGGER keep_history ON sambapos_replica.account_transactions' ])
{
	my ($table, $how, $break) = @$case;
	$db->run($break);
	my $found = broken("$table: a guard that is $how", 'history guard', 'warning', qr/: sambapos_replica\.$table$/, qr/TRIGGER/);
	$db->run($found->{fix});
	is_deeply([ $db->rows($guards) ], \@guards, "$table: the fix makes it as it was");
}
$db->run('CREATE FUNCTION sambapos_replica.mine() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$; DROP TRIGGER keep_history ON sambapos_replica.payments; CREATE TRIGGER keep_history AFTER UPDATE ON sambapos_replica.payments FOR EACH ROW EXECUTE FUNCTION sambapos_replica.mine()');
my $mine = check();
is_deeply([ map { $_->{status} } @$mine{ 'history guard', 'triggers on the replica' } ], [qw(warning warning)], 'a guard that calls something else is none, wherever that is');
$db->run($mine->{'history guard'}{fix} . 'DROP FUNCTION sambapos_replica.mine()');
is_deeply([ $db->rows($guards) ], \@guards, 'the fix makes the right one');

# A publication that makes PostgreSQL refuse the sync's UPDATE; what the fix makes of it.
for my $case ([ 'a filter outside the key', 'TABLE sambapos_replica.tickets WHERE (total_amount > 0)', qr/the row filter of sambapos_replica\.tickets/ ],
	[ 'a filter beside a column list', 'TABLE sambapos_replica.tickets (site_id, epoch, id, total_amount) WHERE (total_amount > 0)', qr/the row filter/ ],
	[ 'a column list without the key', 'TABLE sambapos_replica.tickets (total_amount)', qr/the column list of sambapos_replica\.tickets/ ],
	[ 'a column list without the key, and a filter', 'TABLE sambapos_replica.tickets (id, total_amount) WHERE (id > 5)', qr/the column list of sambapos_replica\.tickets/ ])
{
	my ($name, $what, $detail) = @$case;
	my $published = q(SELECT rowfilter, attname FROM pg_publication_tables, unnest(attnames) AS a (attname) WHERE pubname = 'reports' AND attname NOT IN ('site_id', 'epoch', 'id') ORDER BY 2);
	my $update = 'UPDATE sambapos_replica.tickets SET version = version';
	$db->run("CREATE PUBLICATION reports FOR $what");
	ok($db->error($update), "$name: the UPDATE is refused");
	my @before = $db->rows($published);
	my $found = broken($name, 'publications of the replica', 'error', $detail, qr/tickets/);
	$db->run($found->{fix} =~ s/\|/\n/gr);
	my @after = $db->rows($published);
	is_deeply(\@after, @after ? \@before : [], "$name: the fix shows nobody what the publication keeps back");
	is($db->error($update), undef, "$name: the fix lets it through");
	is(check()->{'publications of the replica'}{status}, 'ok', "$name: and it is ok");
	$db->run('DROP PUBLICATION reports; ALTER TABLE sambapos_replica.tickets REPLICA IDENTITY DEFAULT');
}
$db->run('CREATE PUBLICATION fine FOR TABLE sambapos_replica.tickets WHERE (id > 5), sambapos_replica.payments; CREATE PUBLICATION whole FOR ALL TABLES');
is(check()->{'publications of the replica'}{status}, 'ok', 'those that are right are left alone');
$db->run('ALTER TABLE sambapos_replica.payments REPLICA IDENTITY NOTHING');
$told = broken('no replica identity', 'publications of the replica', 'error', qr/sambapos_replica\.payments has no replica identity/, qr/REPLICA IDENTITY DEFAULT/);
$db->run($told->{fix} . ' DROP PUBLICATION fine; DROP PUBLICATION whole');

# ---- a run whose question is not answered ----

my $asked = $db->value('SELECT question FROM sambapos.source_question');
$db->run(q(UPDATE sambapos.source_question SET question = (SELECT jsonb_object_agg(key, 'SELECT x FROM nowhere') FROM jsonb_each(question))));
is($db->value(q(SELECT count(*) FROM sambapos_sync('shop') WHERE status <> 'ok')), 0, 'a run does without an answer');
broken('a question that fails', 'question of a run', 'warning', qr/site shop: .*nowhere/, qr/report/);
$db->run(sprintf 'UPDATE sambapos.source_question SET question = $q$%s$q$', $asked);
$db->run(q(SELECT sambapos_sync('shop')));
is(check()->{'question of a run'}{status}, 'ok', 'an answer ends it');

# ---- a check that cannot be asked stops no other ----

$db->run('ALTER FUNCTION sambapos._doctor_tracking(text) RENAME TO _away');
broken('a check that fails', 'change tracking', 'skipped', qr/^could not be asked: function sambapos\._doctor_tracking/, qr/^$/);
$db->run('ALTER FUNCTION sambapos._away(text) RENAME TO _doctor_tracking');
is_deeply([ map { $_->{status} } @{ check() }{ sort keys %$good } ], [ map { $_->{status} } @$good{ sort keys %$good } ], 'at the end all is well again');
is_deeply([ $db->rows('SELECT sum(rows_inserted), sum(rows_updated) FROM sambapos.table_state') ], \@before, 'and nothing was synced on the way');
is($db->error(q(SELECT FROM sambapos_check('nowhere')))->{sqlstate}, '42704', 'no such server');
# The job looks at the till once a minute.
$db->run(q(SELECT sambapos_unschedule('shop')));
do { select undef, undef, undef, 0.1 } while $db->value(q(SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND pid <> pg_backend_pid() AND query ~ '_tick|sambapos_run')) > 0;
my $mark = $till->sql(q(SELECT MAX(number) FROM till.requests)) =~ s/\s//gr;
check();
my $sent = $till->sql("SELECT sql FROM till.requests WHERE number > $mark AND application_name LIKE 'sambapos_fdw%'") =~ s/'(?:[^']|'')*'//gr;
like($sent, qr/HAS_PERMS_BY_NAME/, 'what was asked');
unlike($sent, qr/\b(?:INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|TRUNCATE|MERGE|INTO)\b/, 'writes nothing');
unlike($sent, qr/FROM\s+(?!sys\.|\()/, 'and reads no table of SambaPOS');

done_testing();
