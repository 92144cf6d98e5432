# Promise: a host that asks a cloud's feed for everything once, and then for what is new, has after each answer just the
# rows of its property: while rows are edited, deleted and moved to other properties, after outages longer than what is
# kept, and after the cloud was restored from an older copy. No row of another property and no secret is in any answer.
# A tick with nothing to do writes nothing.
#
# SAMBAPOS_FEED_SEEDS (1,2; `make soak-feed`: 20 seeds) and SAMBAPOS_FEED_EDITS (150; 2000 there) say how much is tried.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use JSON::PP ();
use Harness;

my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my @seeds = split /,/, $ENV{SAMBAPOS_FEED_SEEDS} // '1,2';
my $edits = $ENV{SAMBAPOS_FEED_EDITS} // 150;
my $cluster = Harness::cluster(autovacuum => 'off');
my @tables = qw(properties employees menu_items taxes devices);
my %scope = (properties => 'id', employees => 'property_id', menu_items => 'property_id', devices => 'property_id');

my $empty = $cluster->database('empty');
$empty->run(<<'SQL');
CREATE EXTENSION sambapos_fdw;
CREATE SCHEMA cloud;
CREATE TABLE cloud.properties (id uuid PRIMARY KEY, name text);
CREATE TABLE cloud.employees (id uuid PRIMARY KEY, property_id uuid, name text, pin text);
CREATE TABLE cloud.menu_items (id uuid PRIMARY KEY, property_id uuid, name text, price numeric, tags jsonb);
CREATE TABLE cloud.taxes (id uuid PRIMARY KEY, name text, rate numeric);
CREATE TABLE cloud.devices (property_id uuid NOT NULL, number integer, address inet, api_token text, PRIMARY KEY (property_id, number));
INSERT INTO cloud.properties SELECT md5(i::text)::uuid, 'property ' || i FROM generate_series(1, 3) AS i;
SELECT sambapos_add_feed('cloud');
SELECT sambapos_add_to_feed('cloud', 'cloud.properties', scope => 'id');
SELECT sambapos_add_to_feed('cloud', 'cloud.employees', scope => 'property_id');
SELECT sambapos_add_to_feed('cloud', 'cloud.menu_items', scope => 'property_id', payload_key => 'menuItems');
SELECT sambapos_add_to_feed('cloud', 'cloud.taxes');
SELECT sambapos_add_to_feed('cloud', 'cloud.devices', scope => 'property_id');
-- one of the three, or everybody's
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
      WHEN x < 0.15 THEN INSERT INTO cloud.menu_items VALUES (gen_random_uuid(), p, 'item ' || i, random(), '["new"]');
      WHEN x < 0.35 THEN UPDATE cloud.menu_items SET price = random() WHERE id = (SELECT id FROM cloud.menu_items ORDER BY random() LIMIT 1);
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

my ($db, $session, %host, %wrong);

sub connect_to { ($db) = @_; $session->close if $session; $session = $db->session }

sub key_of { my ($table, $row) = @_; return $table eq 'devices' ? "$row->{property_id} $row->{number}" : $row->{id} }
sub payload_key { my ($table) = @_; return $table eq 'menu_items' ? 'menuItems' : $table }

# What an answer must not have. A row of another property is one; so is a secret.
sub look_at
{
	my ($property, $text, @rows) = @_;
	$wrong{secret}++ if $text =~ /SECRET-|"pin"|"api_token"/;
	for (@rows)
	{
		my ($table, $row) = @$_;
		my $whose = $scope{$table} && $row->{ $scope{$table} };
		$wrong{"row of another property in $table"}++ if $whose && $whose ne $property;
	}
}

sub take
{
	my ($host, $property, @which) = @_;
	my $text = $session->value(sprintf q(SELECT sambapos_full_payload('cloud', '%s', '{%s}')), $property, join ',', @which);
	my $full = $json->decode($text);
	for my $table (@which)
	{
		look_at($property, $text, map { [ $table, $_ ] } @{ $full->{ payload_key($table) } });
		$host->{rows}{$table} = { map { key_of($table, $_) => $json->encode($_) } @{ $full->{ payload_key($table) } } };
	}
	return $full;
}

sub ask
{
	my ($property) = @_;
	my $host = $host{$property} //= {};
	my $position = defined $host->{version} ? "$host->{version}, '$property', NULL, '$host->{incarnation}'" : "NULL, '$property'";
	my $text = $session->value("SELECT sambapos_delta_payload('cloud', $position)");
	my $answer = $json->decode($text);
	look_at($property, $text, map { $_->{data} ? [ $_->{entityType}, $_->{data} ] : () } @{ $answer->{changes} // [] });
	if ($answer->{fullRequired})
	{
		my $full = take($host, $property, @tables);
		@$host{qw(version incarnation)} = @$full{qw(version incarnation)};
		return $answer->{reason};
	}
	for my $change (@{ $answer->{changes} })
	{
		my ($table, $id) = @$change{qw(entityType entityId)};
		my $key = ref $id ? "$id->{property_id} $id->{number}" : $id;
		if ($change->{operation} eq 'DELETE') { delete $host->{rows}{$table}{$key} }
		else { $host->{rows}{$table}{$key} = $json->encode($change->{data}) }
	}
	take($host, $property, @{ $answer->{fullEntities} }) if @{ $answer->{fullEntities} };
	$host->{version} = $answer->{toVersion};
	return '';
}

sub differs
{
	my ($property) = @_;
	my @differences;
	for my $table (@tables)
	{
		my $whose = $scope{$table} ? "WHERE t.$scope{$table} IS NULL OR t.$scope{$table} = '$property'" : '';
		my %there = map { my $row = $json->decode($_->[0]); (key_of($table, $row) => $json->encode($row)) }
			$session->rows("SELECT to_jsonb(t) - '{pin,api_token}'::text[] FROM cloud.$table AS t $whose");
		my $has = $host{$property}{rows}{$table};
		push @differences, map { "$table $_" } grep { ($has->{$_} // '') ne ($there{$_} // '') } sort keys %{ { %there, %$has } };
	}
	return @differences;
}

for my $seed (@seeds)
{
	srand $seed;
	(%host, %wrong) = ();
	$cluster->existing('postgres')->run("CREATE DATABASE cloud_$seed TEMPLATE empty");
	connect_to($cluster->existing("cloud_$seed"));
	my @properties = map { $_->[0] } $session->rows('SELECT id FROM cloud.properties ORDER BY name');
	my ($done, $asked, $is_old, @bad, %reasons) = (0, 0, 0);
	ask($_) for @properties;
	while ($done < $edits)
	{
		my $n = 1 + int rand 12;
		my $how = rand;
		$session->run("SELECT setseed(" . rand() . '); ' . ($how < 0.1 ? "BEGIN; CALL cloud.edit($n); ROLLBACK" : "CALL cloud.edit($n)"));
		$done += $n;
		$session->run('CALL sambapos_feed_tick()') if rand() < 0.6;
		# an outage of which nobody knows how long it is: what was numbered before is kept no longer
		$session->run("UPDATE sambapos.change SET changed_at = changed_at - interval '31 days' WHERE version IS NOT NULL; CALL sambapos_feed_tick()") if rand() < 0.04;
		if (!$is_old && $done > $edits / 3) # a dump is taken, and hours later it is what there is
		{
			$session->close;
			undef $session;
			$cluster->existing('postgres')->run("CREATE DATABASE old_$seed TEMPLATE cloud_$seed");
			connect_to($db);
			$is_old = 1;
		}
		elsif ($is_old == 1 && $done > 2 * $edits / 3)
		{
			connect_to($cluster->existing("old_$seed"));
			$is_old = 2;
		}
		for my $property (grep { rand() < 0.5 } @properties)
		{
			$reasons{ ask($property) =~ s/\d+/N/gr }++;
			$asked++;
			push @bad, differs($property);
		}
	}
	for my $property (@properties) { ask($property); push @bad, differs($property) }
	is(join(', ', @bad[ 0 .. ($#bad > 9 ? 9 : $#bad) ]), '', "seed $seed: after each of $asked answers a host has what is its property's");
	is_deeply(\%wrong, {}, "seed $seed: no row of another property, and no secret, was in any");
	my $why = join '; ', map { "$_: $reasons{$_}" } sort keys %reasons;
	like($why, qr/another life/, "seed $seed: a restored cloud says so ($why)");
	$session->close;
	undef $session;
	$cluster->existing('postgres')->run("DROP DATABASE $_") for "cloud_$seed", "old_$seed";
}

# ---- nothing to do ----

connect_to($empty);
$db->run("INSERT INTO cloud.taxes VALUES (gen_random_uuid(), 'vat', 20); CALL sambapos_feed_tick()");
my $ticks = $ENV{SAMBAPOS_FEED_TICKS} // 200;
my $written;
for (1 .. 5) # the server itself writes now and then
{
	my $before = $session->value('SELECT pg_current_wal_insert_lsn()');
	$session->run("DO LANGUAGE plpgsql 'BEGIN FOR i IN 1 .. $ticks LOOP CALL public.sambapos_feed_tick(); COMMIT; END LOOP; END'");
	$written = $session->value("SELECT pg_current_wal_insert_lsn() - '$before'");
	last if $written == 0;
}
is($written, 0, "$ticks ticks with nothing to do write nothing");

$session->close;

done_testing();
