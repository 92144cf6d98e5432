# Promise: the statements of doc/hardening.md (and of steps 2 to 7 of the tutorial) work as printed, in their order;
# afterwards each role can do what the page says and no more, and the checks find what they look for.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 30 --seed 21));

# The blocks of a page's parts, this till in the place of the example's. from, to: its headings.
sub blocks
{
	my ($page, $from, $to, $language) = @_;
	my $text = Harness::command('cat', "$Harness::root/doc/$page");
	$text =~ s/\A.*^(?=\Q$from\E)//ms or die "$page has no \"$from\"";
	$text =~ s/^\Q$to\E.*//ms or die "$page has no \"$to\"";
	my %mine = ("host '192.168.1.10', port '1433', database 'SambaPOS5'" =>
			"host '$till->{host}', port '$till->{port}', database '$till->{database}', encryption '$till->{encryption}'",
		"username 'sambapos_reader', password 'a long password of your own'" =>
			"username '$till->{username}', password '" . $till->{password} =~ s/'/''/gr . "'");
	$text =~ s/\Q$_\E/$mine{$_}/g for keys %mine;
	$language //= 'sql';
	return $text =~ /^```$language\n(.*?)^```$/msg;
}

# As at a prompt: one session, one block after the other.
sub type
{
	my ($session, @blocks) = @_;
	for my $block (@blocks)
	{
		my (undef, $errors) = $session->ask($block =~ s/^\\pset .*\n//mr); # how a person sees rows is not how a test does
		is($errors, '', (split /\n/, $block)[0]);
	}
}

my $db = Harness::cluster('cron.database_name' => 'shop')->database('shop');
$db->run('GRANT CREATE ON SCHEMA public TO PUBLIC; CREATE ROLE stranger LOGIN');
my $session = $db->session;
type($session, blocks('hardening.md', '## 2. A schema of its own', '## 5. Checks'));
# What the page has scheduled must not hold the site while a call below needs it.
$db->run('UPDATE cron.job SET active = false');
select undef, undef, undef, 0.1 while $db->value(q(SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_cron' OR backend_type = 'pg_cron'));

my @checks = blocks('hardening.md', '## 5. Checks', '## What belongs to others');
is(scalar @checks, 7, 'seven checks');
my $login = pop @checks;
is($session->run($_), '', 'nothing is found: ' . (split /\n/, $_)[-1]) for @checks;
is_deeply([ map { $_->[0] } $session->rows($login) ], [qw(rights secrets)], 'a login that can do more than read what is copied is found');

# ---- what each role can and cannot ----

sub as { my ($role, $sql) = @_; return $db->error("SET SESSION AUTHORIZATION $role; SET search_path = sambapos_fdw; $sql") }
sub can { my ($role, $sql) = @_; is(as($role, $sql), undef, "$role can: $sql") }
sub cannot { my ($role, $sql) = @_; like((as($role, $sql) // {})->{sqlstate}, $role eq 'stranger' ? qr/^(42501|42883)$/ : qr/^42501$/, "$role cannot: $sql") }

my $look = 'SELECT FROM sambapos_status(); SELECT FROM sambapos.metrics; SELECT rows_live FROM sambapos.table_status; SELECT FROM sambapos.progress; SELECT FROM sambapos.personal_columns; SELECT FROM sambapos.run; SELECT FROM sambapos_replica.tickets; SELECT FROM sambapos_replica.menu_items_history';
my $configure = q(SELECT sambapos_configure('hotel', 'sync_interval', '20 minutes'); SELECT sambapos_configure('hotel', 'enabled', 'true', 'tickets'); SELECT sambapos_configure('hotel', 'sync_interval', '1 hour', 'menu_items'); SELECT sambapos_configure('hotel', 'personal', 'keep', 'entities.notes'); SELECT sambapos_configure(NULL, 'enabled', 'true'); SELECT sambapos_request_sync('hotel'));
my @write = (q(SELECT FROM sambapos_sync('hotel', on_error => 'raise')), q(SELECT FROM sambapos_add_table('hotel', 'menu')), q(SELECT FROM sambapos_remove_site('hotel')), 'DELETE FROM sambapos_replica.tickets', 'DELETE FROM sambapos.run',
	'UPDATE sambapos.site_lock SET site_id = 0', q(SELECT FROM sambapos_query('hotel', 'SELECT 1 AS a') AS t (a int)), q(SELECT FROM sambapos._query('hotel', 'SELECT 1 AS a') AS t (a int)), q(CALL sambapos_run()), q(CALL sambapos._tick('hotel')), q(SELECT FROM sambapos_check('hotel')), q(SELECT FROM sambapos_setup_script('hotel')),
	q(SELECT sambapos_grant('stranger', 'reader')), 'CREATE FUNCTION sambapos_fdw.sambapos_status() RETURNS int LANGUAGE sql AS \'SELECT 1\'', 'CREATE TABLE sambapos_replica.t ()');
push @write, 'UPDATE sambapos.site_state SET last_success_at = \'9999-01-01\'', 'UPDATE sambapos.site SET name = \'mine\'', 'UPDATE sambapos.site SET server = \'mine\'', 'UPDATE sambapos.replicated_table SET source_name = \'Users\'', 'UPDATE sambapos.replicated_table SET history = false', 'INSERT INTO sambapos.run (site_id, mode, trigger) VALUES (1, \'auto\', \'call\')', 'UPDATE sambapos.request SET status = \'done\'';
for my $role (qw(reporting kitchen))
{
	can($role, $look);
	cannot($role, $_) for @write;
}
cannot('reporting', $_) for map { "$_" } split /; /, $configure;
can('kitchen', $configure);
cannot('stranger', $_) for split(/; /, $look), split(/; /, $configure), @write;

# Whoever may read a report reads the same numbers: the owner of the replica, a reader, an operator, a superuser.
my @reports = (map({ "sambapos_report.$_" } split /\n/, $db->run('SELECT unnest(sambapos._report_names())')),
	map { "sambapos_report.$_" } qw{group_codes('hotel') gl_codes('hotel') product_tag_groups('hotel') menu_items_with_portions('hotel') work_period_report('hotel')});
my $digest = join '', map { "SELECT '$_', count(*), md5(string_agg(r::text, '|' ORDER BY r::text)) FROM $_ AS r;\n" =~ s/\('hotel'\)',/',/r } @reports;
my $owners = $db->run("SET SESSION AUTHORIZATION sambapos_sync; $digest");
like($owners, qr/^sambapos_report\.$_\t[1-9]/m, "the owner of the replica reads $_") for qw(daily_sales group_codes work_period_report tickets);
is($db->run("SET SESSION AUTHORIZATION $_; $digest"), $owners, "and $_ the same of each of " . @reports . ' reports') for qw(reporting kitchen postgres);
can('reporting', 'SELECT FROM sambapos_live_hotel.tickets');
cannot('reporting', 'SELECT FROM sambapos_live_hotel.orders');
can('sambapos_sync', q(SELECT FROM sambapos_sync('hotel', on_error => 'raise'); SELECT FROM sambapos_query('hotel', 'SELECT 1 AS a') AS t (a int); SELECT FROM sambapos_add_table('hotel', 'menu'); SELECT FROM sambapos_check('hotel'); SELECT FROM sambapos_setup_script('hotel')));
can('reporting', 'SELECT FROM sambapos_replica.screen_menus');    # a table that came later
cannot('sambapos_sync', q(SELECT sambapos_grant('stranger', 'reader')));
cannot('sambapos_sync', q(ALTER SERVER hotel OPTIONS (SET host 'elsewhere.invalid')));

$db->run(q(SELECT sambapos_fdw.sambapos_grant('kitchen', 'reader'); SELECT sambapos_fdw.sambapos_grant('reporting', 'none')));
cannot('kitchen', q(SELECT sambapos_request_sync('hotel')));
can('kitchen', $look);
cannot('reporting', $_) for split /; /, $look;
like($db->error($_->[0])->{sqlstate}, qr/^$_->[1]$/, $_->[0])
	for [ q(SELECT sambapos_fdw.sambapos_grant('nobody', 'reader')), '42704' ], [ q(SELECT sambapos_fdw.sambapos_grant('kitchen', 'owner')), '22023' ], [ q(SELECT sambapos_fdw.sambapos_grant(NULL, NULL)), '22023' ];

# ---- the checks find what they look for ----

$db->run(<<~'SQL');
	GRANT USAGE, CREATE ON SCHEMA sambapos_fdw, sambapos_replica TO stranger;
	GRANT TRIGGER ON sambapos_replica.tickets, sambapos.run TO stranger;
	SET SESSION AUTHORIZATION stranger;
	CREATE FUNCTION sambapos_fdw.sambapos_status() RETURNS integer LANGUAGE sql AS 'SELECT 1';
	CREATE TABLE sambapos_replica.t ();
	CREATE FUNCTION sambapos_fdw.code() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
	CREATE TRIGGER t AFTER INSERT ON sambapos_replica.tickets FOR EACH STATEMENT EXECUTE FUNCTION sambapos_fdw.code();
	RESET SESSION AUTHORIZATION;
	GRANT EXECUTE ON FUNCTION sambapos_fdw.sambapos_query TO stranger;
	SQL
is(as('sambapos_sync', q(SELECT FROM sambapos_sync('hotel', mode => 'full'))), undef, 'a run that reads what it writes to');
isnt($session->run($_), '', 'found: ' . (split /\n/, $_)[-1]) for @checks;
$session->close;

# ---- the tutorial ----

my $tutorial = Harness::cluster('cron.database_name' => 'shop')->database('shop');
$tutorial->run('CREATE EXTENSION pg_cron');
$session = $tutorial->session;
type($session, blocks('tutorial.md', '## 2. In PostgreSQL', '## 3. On the till PC'));
if (!$till->{given})    # with the login that the tutorial's script makes
{
	$tutorial->run(q(ALTER USER MAPPING FOR sambapos_sync SERVER hotel OPTIONS (SET username 'sambapos_reader', SET password 'a long password of your own')));
	my ($to_file) = blocks('tutorial.md', '## 3. On the till PC', '## 4. The site', 'sh');
	my $file = "$tutorial->{cluster}{directory}/setup.sql";
	{
		local @ENV{ keys %{ $tutorial->{cluster}{environment} } } = values %{ $tutorial->{cluster}{environment} };
		# here the cluster is whose the session is
		Harness::command('sh', '-c', $to_file =~ s{> setup\.sql}{> $file}r =~ s{sudo -u postgres }{}r);
	}
	is_deeply([ $till->run_script(Harness::command('cat', $file), 'a long password of your own') ], [], 'the file that the tutorial makes runs');
}
type($session, blocks('tutorial.md', '## 3. On the till PC', '## 6. The schedule'));
$tutorial->run('GRANT USAGE ON SCHEMA cron TO sambapos_sync');
type($session, blocks('tutorial.md', '## 6. The schedule', '## When something is wrong'));
is($session->value('SELECT light FROM sambapos_status()'), 'green', 'and ends in a green light');

done_testing();
