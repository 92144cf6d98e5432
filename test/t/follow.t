# Promise: a host that follows a cloud by sambapos_pull has after each pull just the rows of its property, whatever happened:
# edits, deletes, rows that move to another property, outages longer than what is kept, a cloud restored from an older copy,
# either server killed in the middle of a pull, rows edited meanwhile. A pull that fails leaves the copy as it was. A dump of
# the host goes on where it was, and one without the rows of its tables takes them anew.
#
# SAMBAPOS_FOLLOW_SEEDS (1; `make soak-follow`: 20 seeds) and SAMBAPOS_FOLLOW_EDITS (30; 2000 there) say how much is tried.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my @seeds = split /,/, $ENV{SAMBAPOS_FOLLOW_SEEDS} // '1';
my $edits = $ENV{SAMBAPOS_FOLLOW_EDITS} // 30;
my $there = Harness::cluster();
my $here = Harness::cluster();
my @tables = qw(properties employees menu_items taxes devices);
my %scope = (properties => 'id', employees => 'property_id', menu_items => 'property_id', devices => 'property_id');
my %sent = (properties => 'id, name', employees => 'id, property_id, name', menu_items => 'id, property_id, name, price, tags, image',
	taxes => 'id, name, rate', devices => 'property_id, number, address');

$there->database('empty')->run(<<'SQL');
CREATE EXTENSION sambapos_fdw;
CREATE SCHEMA cloud;
CREATE TABLE cloud.properties (id uuid PRIMARY KEY, name text);
CREATE TABLE cloud.employees (id uuid PRIMARY KEY, property_id uuid REFERENCES cloud.properties, name text, pin text);
CREATE TABLE cloud.menu_items (id uuid PRIMARY KEY, property_id uuid REFERENCES cloud.properties, name text, price numeric, tags jsonb, image bytea);
CREATE TABLE cloud.taxes (id uuid PRIMARY KEY, name text, rate numeric);
CREATE TABLE cloud.devices (property_id uuid NOT NULL, number integer, address inet, api_token text, PRIMARY KEY (property_id, number));
INSERT INTO cloud.properties SELECT md5(i::text)::uuid, 'property ' || i FROM generate_series(1, 3) AS i;
INSERT INTO cloud.menu_items SELECT md5('m' || i)::uuid, md5((1 + i % 3)::text)::uuid, 'item ' || i, i / 7.0, '[]', decode(md5(i::text), 'hex') FROM generate_series(1, 60) AS i;
SELECT sambapos_add_feed('cloud');
SELECT sambapos_add_to_feed('cloud', 'cloud.employees', scope => 'property_id');
SELECT sambapos_add_to_feed('cloud', 'cloud.menu_items', scope => 'property_id', payload_key => 'menuItems', lazy => '{image}');
SELECT sambapos_add_to_feed('cloud', 'cloud.properties', scope => 'id');
SELECT sambapos_add_to_feed('cloud', 'cloud.taxes');
SELECT sambapos_add_to_feed('cloud', 'cloud.devices', scope => 'property_id');
CREATE FUNCTION cloud.some_property() RETURNS uuid LANGUAGE sql AS $$ SELECT CASE WHEN random() < 0.8 THEN md5((1 + floor(random() * 3))::text)::uuid END $$;
CREATE PROCEDURE cloud.edit(n integer) LANGUAGE plpgsql AS
$$
DECLARE
  p uuid;
  x float8;
BEGIN
  FOR i IN 1 .. n LOOP
    p := cloud.some_property();
    x := random();
    CASE
      WHEN x < 0.15 THEN INSERT INTO cloud.menu_items VALUES (gen_random_uuid(), p, 'item ' || i, random(), '["new"]', CASE WHEN random() < 0.5 THEN decode(md5(random()::text), 'hex') END);
      WHEN x < 0.30 THEN UPDATE cloud.menu_items SET price = random() WHERE id = (SELECT id FROM cloud.menu_items ORDER BY random() LIMIT 1);
      WHEN x < 0.35 THEN UPDATE cloud.menu_items SET image = decode(md5(random()::text), 'hex') WHERE id IN (SELECT id FROM cloud.menu_items ORDER BY random() LIMIT 1);
      WHEN x < 0.42 THEN UPDATE cloud.menu_items SET property_id = p WHERE id IN (SELECT id FROM cloud.menu_items ORDER BY random() LIMIT 3);
      WHEN x < 0.50 THEN DELETE FROM cloud.menu_items WHERE id IN (SELECT id FROM cloud.menu_items ORDER BY random() LIMIT 1);
      WHEN x < 0.60 THEN INSERT INTO cloud.employees VALUES (gen_random_uuid(), p, 'employee ' || i, 'SECRET-' || i);
      WHEN x < 0.66 THEN UPDATE cloud.employees SET pin = 'SECRET-' || i, name = CASE WHEN random() < 0.5 THEN name ELSE 'renamed' END;
      WHEN x < 0.72 THEN DELETE FROM cloud.employees WHERE id IN (SELECT id FROM cloud.employees ORDER BY random() LIMIT 2);
      WHEN x < 0.78 THEN INSERT INTO cloud.taxes VALUES (gen_random_uuid(), 'tax ' || i, 20);
      WHEN x < 0.80 THEN UPDATE cloud.taxes SET rate = rate + 1;
      WHEN x < 0.81 THEN TRUNCATE cloud.taxes;
      WHEN x < 0.91 THEN INSERT INTO cloud.devices VALUES (md5((1 + floor(random() * 3))::text)::uuid, random() * 5, '10.0.0.1', 'SECRET-' || i)
                         ON CONFLICT (property_id, number) DO UPDATE SET address = cloud.devices.address + 1;
      WHEN x < 0.96 THEN UPDATE cloud.devices AS d SET number = d.number + 100 WHERE random() < 0.3 AND d.number < 100
                           AND NOT EXISTS (SELECT FROM cloud.devices AS x WHERE (x.property_id, x.number) = (d.property_id, d.number + 100));
      ELSE DELETE FROM cloud.devices WHERE number > 100;
    END CASE;
  END LOOP;
END;
$$;
SQL

my ($cloud, $host);
my @properties = map { [ "p$_->[0]", $_->[1] ] } $there->existing('empty')->rows('SELECT right(name, 1), id FROM cloud.properties ORDER BY name');

# All rows of a property as text, a line each; of the copy, or of the cloud.
sub rows_of
{
	my ($db, $schema, $id) = @_;
	return $db->run(join(' UNION ALL ', map {
		my $whose = $id && $scope{$_} ? "WHERE $scope{$_} IS NULL OR $scope{$_} = '$id'" : '';
		"SELECT '$_ ' || ROW($sent{$_})::text COLLATE \"C\" AS r FROM $schema.$_ $whose" } @tables) . ' ORDER BY 1');
}

sub differs
{
	my ($db, @which) = @_;
	my @differences;
	for my $property (@which)
	{
		my ($schema, $id) = @$property;
		my %count;
		$count{$_}++ for split /\n/, rows_of($db, $schema);
		$count{$_}-- for split /\n/, rows_of($cloud, 'cloud', $id);
		push @differences, map { "$schema $_" } grep { $count{$_} } sort keys %count;
	}
	return @differences;
}

sub all_of_it { my ($db) = @_; return join "\n", map { rows_of($db, $_->[0]) } @properties }

sub make_host
{
	my ($seed) = @_;
	my $db = $here->database("host_$seed");
	my %at = %{ $there->{environment} };
	$db->run(<<~SQL);
		CREATE EXTENSION sambapos_fdw;
		CREATE EXTENSION dblink;
		CREATE SERVER cloud FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host '$at{PGHOST}', port '$at{PGPORT}', dbname 'cloud_$seed', connect_timeout '60');
		CREATE USER MAPPING FOR CURRENT_USER SERVER cloud OPTIONS (user 'postgres');
		SQL
	$db->run("SELECT sambapos_follow('$_->[0]', 'cloud', 'cloud', '$_->[1]')") for @properties;
	return $db;
}

# A database takes the name of another one, as a restore does it.
sub put_in_place
{
	my ($old, $name) = @_;
	my $db = $there->existing('postgres');
	$db->run("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname IN ('$old', '$name')");
	$db->run("DROP DATABASE $name WITH (FORCE)");
	$db->run("ALTER DATABASE $old RENAME TO $name");
}

# A pull in a session of its own, and one of the servers killed while it is at it.
sub kill_during_pull
{
	my ($seed, $whose) = @_;
	my $session = $host->session;
	my $pid = $session->value('SELECT pg_backend_pid()');
	$session->send('CALL sambapos_pull()');
	select undef, undef, undef, rand 0.3;
	if ($whose eq 'host') { $here->kill_backend($pid) }
	else
	{
		my $other = $there->existing('postgres')->session; # which backend dies is no matter: all end with it
		$there->kill_backend($other->value('SELECT pg_backend_pid()'));
		$there->wait;
		eval { $other->close };
	}
	eval { $session->receive }; # it has failed, or was through before
	eval { $session->close };
	$here->wait;
}

for my $seed (@seeds)
{
	srand $seed;
	$there->existing('postgres')->run("CREATE DATABASE cloud_$seed TEMPLATE empty");
	$cloud = $there->existing("cloud_$seed");
	$host = make_host($seed);
	my ($done, $pulls, $is_old, @bad, %seen) = (0, 0, 0);
	my @still = ('outage', 'refused', 'host killed', 'cloud killed'); # each of these once at least, whatever is thrown
	while ($done < $edits)
	{
		my $n = 1 + int rand($edits < 100 ? 5 : 12); # so that few edits too are many pulls
		my $how = rand;
		$cloud->run("SELECT setseed(" . rand() . '); ' . ($how < 0.1 ? "BEGIN; CALL cloud.edit($n); ROLLBACK" : "CALL cloud.edit($n)"));
		$done += $n;
		$cloud->run('CALL sambapos_feed_tick()') if rand() < 0.6;
		my $now = $done > $edits * (5 - @still) / 6 ? shift @still // '' : '';
		if (rand() < 0.06 || $now eq 'outage') # an outage of which nobody knows how long it is
		{
			$cloud->run("UPDATE sambapos.change SET changed_at = changed_at - interval '31 days' WHERE version IS NOT NULL; CALL sambapos_feed_tick()");
			$seen{outage}++;
		}
		if (rand() < 0.06 || $now eq 'refused') # it cannot be reached
		{
			my $before = all_of_it($host) if $pulls;
			$there->existing('postgres')->run("ALTER DATABASE cloud_$seed ALLOW_CONNECTIONS false");
			my $error = $host->error("CALL sambapos_pull('p1')");
			push @bad, 'no error' if !$error || $error->{sqlstate} ne 'HV000';
			push @bad, 'a failed pull has changed the copy' if $pulls && all_of_it($host) ne $before;
			$there->existing('postgres')->run("ALTER DATABASE cloud_$seed ALLOW_CONNECTIONS true");
			$seen{refused}++;
		}
		if (!$is_old && $done > $edits / 3) # a dump is taken, and hours later it is what there is
		{
			$there->existing('postgres')->run("CREATE DATABASE old_$seed TEMPLATE cloud_$seed");
			$is_old = 1;
		}
		elsif ($is_old == 1 && $done > 2 * $edits / 3)
		{
			put_in_place("old_$seed", "cloud_$seed");
			$is_old = 2;
		}
		my $kill = rand;
		if ($kill < 0.03 || $now eq 'host killed') { kill_during_pull($seed, 'host'); $seen{'host killed'}++ }
		elsif ($kill < 0.06 || $now eq 'cloud killed') { kill_during_pull($seed, 'cloud'); $seen{'cloud killed'}++ }
		my @pulled = grep { rand() < 0.5 } @properties;
		for my $property (@pulled)
		{
			$host->run("CALL sambapos_pull('$property->[0]')");
			$pulls++;
		}
		push @bad, differs($host, @pulled);
	}
	# edits go on while all are pulled
	my $session = $cloud->session;
	$session->send("DO LANGUAGE plpgsql 'BEGIN FOR i IN 1 .. 30 LOOP CALL cloud.edit(2); COMMIT; END LOOP; END'");
	for (1 .. 3) { $host->run("CALL sambapos_pull('$_->[0]')") for @properties }
	$session->receive;
	$session->close;
	$host->run("SET search_path = ''; UPDATE sambapos.follow_state SET next_at = now(); CALL public.sambapos_pull()"); # as pg_cron may call it
	push @bad, differs($host, @properties);
	my $what = join ', ', map { "$_: $seen{$_}" } sort keys %seen;
	is(join(', ', @bad[ 0 .. ($#bad > 9 ? 9 : $#bad) ]), '', "seed $seed: after each of $pulls pulls the host has what is its property's ($what)");
	is($host->value("SELECT count(*) FROM information_schema.columns WHERE table_schema ~ '^p[0-9]' AND column_name IN ('pin', 'api_token')"), 0, "seed $seed: no secret has a column");
}

# ---- the host's own dump ----

my ($seed) = reverse @seeds;
sub dumped
{
	my ($name, @options) = @_;
	my $db = $here->database($name);
	local @ENV{ keys %{ $here->{environment} } } = values %{ $here->{environment} };
	my $dump = qx(pg_dump @options host_$seed);
	die "no dump\n" if $? || !length $dump;
	my (undef, $errors) = $db->psql($dump);
	unlike($errors, qr/ERROR/, "$name is restored");
	return $db;
}
my $full = dumped('restored');
is($full->value("SELECT string_agg(name || version, ',' ORDER BY name) FROM sambapos.followed"), $host->value("SELECT string_agg(name || version, ',' ORDER BY name) FROM sambapos.followed"), 'a dump has the position');
my $empty = dumped('without_rows', map { "--exclude-table-data='p$_.*'" } 1 .. 3);
is($empty->value('SELECT count(*) FROM p1.properties'), 0, 'a dump without the rows of the copy');
$cloud->run('CALL cloud.edit(5)');
for my $db ($full, $empty)
{
	$db->run("CALL sambapos_pull('$_->[0]')") for @properties;
	is(join(',', differs($db, @properties)), '', "$db->{name} goes on");
}

# ---- a role that is no superuser, here and there: with a password, as dblink wants it ----

my $hba = $there->existing('postgres')->value('SHOW hba_file');
{
	open my $in, '<', $hba or die $!;
	my $lines = do { local $/; <$in> };
	open my $out, '>', $hba or die $!;
	print $out "local all host_role scram-sha-256\n$lines";
}
$there->existing('postgres')->run(q(CREATE ROLE host_role LOGIN PASSWORD 'secret-4711'; SELECT pg_reload_conf()));
$cloud->run(q(SELECT sambapos_grant('host_role', 'reader')));
$here->existing('postgres')->run('CREATE ROLE host_admin LOGIN');
my $plain = $here->database('plain');
my %at = %{ $there->{environment} };
$plain->run(<<~SQL);
	CREATE EXTENSION sambapos_fdw;
	CREATE EXTENSION dblink;
	CREATE SERVER cloud FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host '$at{PGHOST}', port '$at{PGPORT}', dbname 'cloud_$seed');
	SELECT sambapos_grant('host_admin', 'admin');
	GRANT CREATE ON DATABASE plain TO host_admin;
	GRANT USAGE ON FOREIGN SERVER cloud TO host_admin;
	CREATE USER MAPPING FOR host_admin SERVER cloud OPTIONS (user 'host_role', password 'secret-4711');
	SQL
$plain->run("SET ROLE host_admin; SELECT sambapos_follow('$_->[0]', 'cloud', 'cloud', '$_->[1]')") for @properties;
$plain->run('SET ROLE host_admin; CALL sambapos_pull()');
is(join(',', differs($plain, @properties)), '', 'an admin follows with a password');
$plain->run('CALL sambapos_pull()');
is($plain->error(q(CALL sambapos_pull('p1')))->{sqlstate}, '42501', 'a superuser does not pull for it');
is($plain->value(q(SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname LIKE 'p_')), 'host_admin', 'the tables are its own');
$plain->run(q(ALTER USER MAPPING FOR host_admin SERVER cloud OPTIONS (SET password 'secret-4712')));
my $refused = $plain->error(q(SET ROLE host_admin; CALL sambapos_pull('p1')));
is($refused->{sqlstate}, 'HV000', 'a wrong password is an error');
unlike($refused->{text} . $plain->value(q(SELECT problem FROM sambapos.followed WHERE name = 'p1')) . $here->log, qr/secret-471/, 'and stands in no message, problem or log');

# ---- a site's feed: what presets compute has no table at the source ----

{
	my $till = Harness::till();
	$till->ctl(qw(fill --tickets 40 --seed 5));
	my $site = $there->database('site');
	$site->connect_till($till);
	$site->run(q(SELECT FROM sambapos_add_site('hotel', 'till', 'UTC', '{reporting,menu,config}')));
	$site->run(q(SELECT FROM sambapos_sync('hotel', on_error => 'raise')));
	$site->run(qq(SELECT sambapos_add_entities('hotel', '$_'))) for qw(config sales);
	my $branch = $here->database('branch');
	$branch->run(<<~SQL);
		CREATE EXTENSION sambapos_fdw;
		CREATE EXTENSION dblink;
		CREATE SERVER site FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host '$at{PGHOST}', port '$at{PGPORT}', dbname 'site');
		CREATE USER MAPPING FOR CURRENT_USER SERVER site OPTIONS (user 'postgres');
		SELECT sambapos_follow('hotel', 'site', 'hotel');
		CALL sambapos_pull('hotel');
		SQL
	$till->sql(q(UPDATE TaxTemplates SET Name = 'another tax'));
	$site->run(q(SELECT FROM sambapos_sync('hotel', on_error => 'raise')));
	$site->run('CALL sambapos_feed_tick()');
	$branch->run(q(CALL sambapos_pull('hotel')));
	is($branch->value('SELECT string_agg(DISTINCT name, $$,$$) FROM hotel.tax_groups'), 'another tax', 'what is changed at the till comes into the copy of the copy');
	my (@other, $seen);
	for my $entity (map { $_->[0] } $site->rows('SELECT entity FROM sambapos.entities'))
	{
		my %count;
		$count{$_->[0]}++ for $site->rows("SELECT data::text FROM sambapos_full_rows('hotel', '$entity', page_rows => 100000)");
		$seen += keys %count;
		$count{$_->[0]}-- for $branch->rows(qq(SET timezone TO UTC; SELECT to_jsonb(t)::text FROM hotel."$entity" AS t));
		push @other, $entity if grep { $_ } values %count;
	}
	cmp_ok($seen, '>', 100, 'a site has rows');
	is("@other", '', 'each entity is what the site tells of it');
	is($branch->value(q(SELECT string_agg(DISTINCT format_type(atttypid, atttypmod), ', ') FROM pg_attribute WHERE attrelid = 'hotel.tax_groups'::regclass AND attnum > 0)), 'integer, jsonb, numeric, text', 'in types of its own');
}

# ---- the manual's five minutes, as they stand there ----

my ($walk) = do { open my $page, '<', "$Harness::root/doc/following.md" or die $!; local $/; <$page> =~ /^## Five minutes\n(.*?)^## /ms };
my ($office, $shop, $changed, $pulled) = $walk =~ /^```sql\n(.*?)^```/msg;
$shop =~ s/OPTIONS \(dbname/OPTIONS (host '$here->{environment}{PGHOST}', port '$here->{environment}{PGPORT}', dbname/;
my ($first, $second) = ($here->database('head_office'), $here->database('shop'));
$first->run($office);
like($second->run($shop), qr/^1\tnorth\tTea\t2\.50\n3\t\\N\tWater\t1\.00\nconfig\t/m, 'the north has its Tea and everybody\'s Water');
$first->run($changed);
is($second->run($pulled), "1\tnorth\tTea\t2.75\n2\tnorth\tCake\t4.00", 'then Tea at its new price, and Cake');

done_testing();
