# Promise: fifty hosts send heartbeats for what stands for hours, and what they leave does not grow; one that is silent is seen
# by its light, then by an alert, and comes back by itself; an order to take everything is told once and never lost, and a
# heartbeat in a long transaction is in nobody's way. A host that was offline for two days sends up what it sold: the sums are
# those of a ledger of the test's own, each conflict is on record with both versions, and every copy is equal. All of it
# survives a dump, and an uninstall.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use JSON::PP ();
use Harness;

my $cluster = Harness::cluster();
my $db = $cluster->database('cloud');
my $json = JSON::PP->new->canonical->allow_bignum;
$db->run(<<'SQL');
CREATE EXTENSION sambapos_fdw;
CREATE ROLE harbour LOGIN; CREATE ROLE keeper;
CREATE SCHEMA pos AUTHORIZATION keeper;
CREATE TABLE pos.checks (id integer PRIMARY KEY, property text NOT NULL, total numeric(10,2) NOT NULL, at timestamptz NOT NULL);
ALTER TABLE pos.checks OWNER TO keeper;
SELECT sambapos_add_feed('pos'), sambapos_add_to_feed('pos', 'pos.checks', 'checks', scope => 'property');
SELECT sambapos_configure('pos', 'heartbeat_interval', '2 seconds');
SELECT count(sambapos_add_host('host_' || n, 'pos', CASE n % 2 WHEN 0 THEN 'harbour' ELSE 'hill' END)) FROM generate_series(1, 50) AS n;
SELECT length(sambapos_add_host('harbour', 'pos', 'harbour', 'harbour'));
SQL
my $admin = $db->session;

sub told { my ($session, $host, $have, $field) = @_; return $session->value(sprintf q(SELECT sambapos_heartbeat('%s', %s) ->> '%s'), $host, $have // 'NULL', $field // 'fullRequired') }
sub soon { my ($is_so) = @_; my $until = time + 300; until ($is_so->()) { return 0 if time > $until; select undef, undef, undef, 0.2 } return 1 }

# ---- fifty hosts, and what they leave ----

my @callers = map { $db->session } 1 .. 5;

# Each beat is a transaction of its own. How many each of ten hosts sends.
sub beat
{
	my ($beats) = @_;
	$callers[ $_ - 1 ]->send(sprintf q(DO $$ BEGIN FOR beat IN 1 .. %d LOOP FOR host IN %d .. %d LOOP
			PERFORM public.sambapos_heartbeat('host_' || host, 0, NULL, jsonb_build_object('cpu', beat, 'mode', 'online', 'text', repeat('x', beat %% 200)));
			COMMIT; END LOOP; END LOOP; END $$), $beats, 10 * $_ - 9, 10 * $_) for 1 .. 5;
	is(join('', map { ($_->receive)[1] } @callers), '', "$beats beats of each host");
}
sub sizes { return $db->value(q(SELECT sum(pg_total_relation_size(c)) FROM unnest('{sambapos.host_state,sambapos.host_beat,sambapos.host_full}'::regclass[]) AS c)) }

beat(125);
my $size = sizes();
beat(30);
cmp_ok(sizes(), '<=', $size * 1.25, 'when the ring is full no table grows any more');
cmp_ok($db->value(q(SELECT pg_relation_size('sambapos.host_state'))), '<=', 131072, 'that of the hosts is a few pages');
is($db->value('SELECT count(*) FROM sambapos.host_beat'), 50 * 120, 'the ring is full, and no longer than it is');
is($db->value(q(SELECT string_agg(DISTINCT beats::text, ' ') FROM sambapos.host_state JOIN sambapos.feed_host USING (host_id) WHERE name LIKE 'host\_%')), '155', 'every beat has counted');
ok(soon(sub { $db->value(q(SELECT n_tup_upd > 7500 AND n_tup_hot_upd > 0.97 * n_tup_upd FROM pg_stat_user_tables WHERE relid = 'sambapos.host_state'::regclass)) }), 'its updates are HOT');

# ---- one is silent ----

my %lights;
$admin->run(q(SELECT sambapos_heartbeat('host_7', 0)));
my $seen = sub { my $light = $db->value(q(SELECT light FROM sambapos.host_status WHERE host = 'host_7')); $lights{$light}++; return $light };
ok(soon(sub { $seen->() eq 'red' }), 'a host that is silent is red in the end');
ok($lights{amber}, 'amber before');
is($db->value(q(SELECT severity || ': ' || kind FROM sambapos.alerts WHERE message LIKE '%"host_7"%')), 'critical: host silent', 'and an alert');
$admin->run(q(SELECT sambapos_heartbeat('host_7', 0)));
is($db->value(q(SELECT light FROM sambapos.host_status WHERE host = 'host_7')), 'green', 'with a beat it is green');
is($db->value(q(SELECT count(*) FROM sambapos.alerts WHERE message LIKE '%"host_7"%')), 0, 'and the alert is gone');
$db->run(q(SELECT sambapos_configure('pos', 'heartbeat_interval', '1 day')));

# ---- orders, and beats in long transactions ----

my ($one, $two) = ($db->session, $db->session);
$two->run(q(SET lock_timeout = '20s'));
$admin->run(q(SET lock_timeout = '20s'));
$admin->run(q(SELECT sambapos_force_full('host_1')));
$one->run('BEGIN');
is(told($one, 'host_1', 0), 'true', 'an order is told');
is(told($two, 'host_1', 0), 'false', 'another beat of the same host waits for nothing, and is told nothing twice');
is(told($two, 'host_2', 0), 'false', 'nor does that of another host');
$admin->run(q(SELECT sambapos_force_full('host_1')));
$one->run('ROLLBACK');
is(told($two, 'host_1', 0), 'true', 'what was undone, and what was ordered meanwhile, is told');
is(told($two, 'host_1', 0), 'false', 'once');
my $was = told($two, 'host_2', 0, 'latestVersion');
$one->run('BEGIN');
$admin->run(q(INSERT INTO pos.checks VALUES (1, 'harbour', 10, now())));
is(told($one, 'host_1', 0, 'latestVersion'), $was, 'after BEGIN a beat does not tick');
is(told($two, 'host_2', 0, 'latestVersion'), $was + 1, 'one of its own does');
$admin->run(q(INSERT INTO pos.checks VALUES (2, 'harbour', 20, now()); CALL sambapos_feed_tick('pos')));
is($admin->value(q(SELECT sambapos_wait_for_change('pos', 0, '0'))), $was + 2, 'and anybody may tick while the first one is open');
is($admin->error(q(SELECT sambapos_add_consumer('ledger', 'pos', '{checks}'), sambapos_remove_consumer('ledger'))), undef, 'or add a consumer');
$one->run('COMMIT');

# ---- two days offline ----

my $host = $cluster->database('host');
$host->run('CREATE TABLE checks (id integer PRIMARY KEY, property text, total numeric, at timestamptz)');
my ($version, $life);

sub take
{
	my ($rows, $gone) = @_;
	$host->run(sprintf q(DELETE FROM checks WHERE id IN (SELECT value::integer FROM json_array_elements_text('%s')); INSERT INTO checks SELECT * FROM json_populate_recordset(NULL::checks, '%s')
		ON CONFLICT (id) DO UPDATE SET property = excluded.property, total = excluded.total, at = excluded.at), $json->encode($gone), $json->encode($rows));
}
my $line = $db->session;
$line->run('SET ROLE harbour');
sub pull
{
	my $payload = $json->decode($line->value(sprintf q(SELECT sambapos_delta_payload('pos', %s, 'harbour', NULL, %s)), $version // 'NULL', defined $life ? "'$life'" : 'NULL'));
	if ($payload->{fullRequired} || @{ $payload->{fullEntities} })
	{
		$payload = $json->decode($line->value(q(SELECT sambapos_full_payload('pos', 'harbour'))));
		$host->run('TRUNCATE checks');
		take($payload->{checks}, []);
		($version, $life) = @$payload{qw(version incarnation)};
		return;
	}
	take([ map { $_->{data} // () } @{ $payload->{changes} } ], [ map { $_->{operation} eq 'DELETE' ? $_->{entityId} : () } @{ $payload->{changes} } ]);
	($version, $life) = @$payload{qw(toVersion incarnation)};
}
sub copy_of { my ($of, $table) = @_; return $of->run("SELECT id, total::numeric(10,2), at AT TIME ZONE 'UTC' FROM $table WHERE property = 'harbour' ORDER BY id") }

$admin->run(q(DELETE FROM pos.checks; INSERT INTO pos.checks SELECT n, CASE WHEN n <= 100 THEN 'harbour' ELSE 'hill' END, n, '2026-01-01 UTC' FROM generate_series(1, 150) AS n));
$admin->run(q(SELECT sambapos_configure('pos', 'policy', 'latest_wins', 'checks'), sambapos_configure('pos', 'time_column', 'at', 'checks'); CALL sambapos_feed_tick('pos')));
pull();
is(copy_of($host, 'checks'), copy_of($db, 'pos.checks'), 'the copy of a host');
is(told($line, 'harbour', $version), 'false', 'which is up to date');

# Both go on without each other. The test's own ledger, in pence: what each check must come to.
my %ledger = map { $_ => 100 * $_ } 1 .. 100;
my (@up, %edited);
srand 7;
for my $id (1001 .. 1490) { $ledger{$id} = 1 + int rand 100_000; push @up, { id => $id, property => 'harbour', total => sprintf('%.2f', $ledger{$id} / 100), at => '2026-01-02T12:00:00Z' } }
for my $id (1 .. 10)
{
	my ($here, $there) = map { 1 + int rand 100_000 } 1 .. 2;
	my $is_later = $id % 2;
	push @up, { id => $id, property => 'harbour', total => sprintf('%.2f', $here / 100), at => $is_later ? '2026-01-03T01:00:00Z' : '2026-01-02T01:00:00Z' };
	$admin->run(sprintf q(UPDATE pos.checks SET total = %.2f, at = '2026-01-02 13:00 UTC' WHERE id = %d), $there / 100, $id);
	$ledger{$id} = $is_later ? $here : $there;
	$edited{$id} = [ $is_later ? 'host' : 'cloud', map { sprintf '%.2f', $_ / 100 } $here, $there ];
}
for my $id (11 .. 20) { $ledger{$id} = 1 + int rand 100_000; push @up, { id => $id, total => sprintf('%.2f', $ledger{$id} / 100), at => '2026-01-02T12:00:00Z' } }
$admin->run(q(UPDATE pos.checks SET total = total + 1 WHERE id BETWEEN 21 AND 40; DELETE FROM pos.checks WHERE id = 41; INSERT INTO pos.checks SELECT n, 'harbour', 1, '2026-01-02 UTC' FROM generate_series(2001, 2005) AS n));
$ledger{$_} += 100 for 21 .. 40;
$ledger{$_} = 100 for 2001 .. 2005;
delete $ledger{41};
$admin->run('CALL sambapos_feed_tick()');
take([ map { { property => 'harbour', %$_ } } @up ], []);

# It comes back: a line that is cut before the commit, answers that are lost.
my (@batches, %sum);
while (@up) { push @batches, [ sprintf('00000000-0000-4000-8000-%012d', scalar @batches), $json->encode([ splice @up, 0, 100 ]) ] }
for my $batch (@batches)
{
	my $send = sprintf q(SELECT applied, conflicts, already FROM sambapos_receive('harbour', '%s', 'checks', '%s')), @$batch;
	my $cut = $db->session;
	$cut->run("SET ROLE harbour; BEGIN; $send");
	$db->run("SELECT pg_terminate_backend($cut->{pid})");
	my ($first) = $line->rows($send);
	my ($again) = $line->rows($send);
	is_deeply([ @$first[ 0, 1 ], 'f', @$again ], [ @$first, @$first[ 0, 1 ], 't' ], 'a batch counts once, and says so');
	$sum{applied} += $first->[0];
	$sum{conflicts} += $first->[1];
}
is_deeply(\%sum, { applied => 505, conflicts => 10 }, 'what was applied');
my $expected = 0;
$expected += $_ for values %ledger;
is($db->value(q(SELECT (100 * sum(total))::bigint FROM pos.checks WHERE property = 'harbour')), $expected, 'the sum, to the penny');
is_deeply({ map { @$_ } $db->rows(q(SELECT id, (100 * total)::bigint FROM pos.checks WHERE property = 'harbour')) }, \%ledger, 'and each check');
is_deeply({ map { $_->[0] => [ @$_[ 1 .. 3 ] ] } $db->rows(q(SELECT key ->> 'id', winner, host_row ->> 'total', cloud_row ->> 'total' FROM sambapos.conflicts)) }, \%edited, 'each conflict is on record, with both versions');
$admin->run('CALL sambapos_feed_tick()');
pull();
is(copy_of($host, 'checks'), copy_of($db, 'pos.checks'), 'the host is as the cloud again, by a delta');
is($line->value(q(SELECT string_agg(DISTINCT x.data ->> 'property', ',') FROM sambapos_changes('pos', 0, 'harbour', max_rows => 10000) AS x)), 'harbour', 'and was told of no other property');
is($db->value(q(SELECT string_agg(DISTINCT x.changed_by, ',') FROM sambapos_changes('pos', 0, max_rows => 10000) AS x WHERE (key ->> 'id')::integer BETWEEN 1001 AND 1490)), 'host:harbour', 'others are told who has sent it');

# Both write one row at one moment: the later of them sees the other.
$admin->run(q(BEGIN; UPDATE pos.checks SET total = 5, at = '2027-01-01' WHERE id = 50));
$line->send(q(SELECT applied, conflicts FROM sambapos_receive('harbour', gen_random_uuid(), 'checks', '[{"id": 50, "total": 6, "at": "2026-06-01T00:00:00Z"}]')));
ok(soon(sub { $db->value(q(SELECT count(*) FROM pg_locks WHERE NOT granted)) }), 'a row that somebody writes at this moment');
$admin->run('COMMIT');
is(($line->receive)[0], "0\t1", 'is a conflict when that is committed');
is($db->value('SELECT total FROM pos.checks WHERE id = 50'), '5.00', 'decided as any other');

# ---- a dump, and an uninstall ----

my $token = $db->value(q(SELECT sambapos_renew_token('harbour')));
my $summary = q(SELECT (SELECT count(*) FROM sambapos.host_bindings), (SELECT string_agg(policy || ' ' || time_column, ',') FROM sambapos.receive_policy), (SELECT count(*) FROM sambapos.host_batch), (SELECT count(*) FROM sambapos.conflicts));
my ($kept) = $db->rows($summary);
@ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
my $file = "$cluster->{directory}.dump";
END { unlink $file if $file }
Harness::command('pg_dump', '--format=custom', "--file=$file", 'cloud');
is(Harness::command('sh', '-c', 'grep -c "$1" "$0" || true', $file, $token) =~ s/\s//gr, 0, 'no token is in a dump');
my $copy = $cluster->database('restored');
Harness::command('pg_restore', '--exit-on-error', '--dbname=restored', $file);
is_deeply([ $copy->rows($summary) ], [$kept], 'a dump has hosts, policies, batches and conflicts');
is($copy->value("SELECT sambapos_check_host('harbour', '$token')"), 't', 'the token is known there');
is($copy->value("SET ROLE harbour; SELECT sambapos_heartbeat('harbour', $version, '$life') ->> 'reason'") =~ /another life/ ? 1 : 0, 1, 'and the host is told that it is another life');
is($copy->value('SET ROLE harbour; SELECT count(*) FROM sambapos.host_status'), 1, 'whose role sees its own host only');
$db->run('SELECT FROM sambapos_uninstall(); DROP EXTENSION sambapos_fdw; CREATE EXTENSION sambapos_fdw; SELECT FROM sambapos_adopt()');
is_deeply([ $db->rows($summary) ], [$kept], 'an uninstall keeps them');
is($db->value("SET ROLE harbour; SELECT sambapos_heartbeat('harbour', 0) ->> 'nextHeartbeatSeconds'"), 86400, 'and the role works on');
$db->run(q(SELECT sambapos_remove_host('harbour')));
is($db->error(q(SET ROLE harbour; SELECT sambapos_full_payload('pos', 'harbour')))->{sqlstate}, '42501', 'until its host is removed');
done_testing();
