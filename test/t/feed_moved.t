# Promise: a feed of local tables goes on where its database is restored by pg_restore, also over one that is there
# (--clean): versions go on in another life, no trigger is doubled or lost, a change is entered once. A table that logical
# replication fills is followed with capture => 'row', and not with capture => 'statement', as the manual says. What is
# committed in another order than it was written in is told.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use JSON::PP ();
use Harness;

my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my $cluster = Harness::cluster(wal_level => 'logical');
my $db = $cluster->database('pos');
$db->run(<<'SQL');
CREATE ROLE keeper;
CREATE EXTENSION sambapos_fdw;
CREATE SCHEMA pos AUTHORIZATION keeper;
SET ROLE keeper;
CREATE TABLE pos.item (id integer PRIMARY KEY, store text, name text);
CREATE TABLE pos.line (id integer PRIMARY KEY, name text) PARTITION BY RANGE (id);
CREATE TABLE pos.line_1 PARTITION OF pos.line FOR VALUES FROM (0) TO (100);
CREATE TABLE pos.line_2 PARTITION OF pos.line FOR VALUES FROM (100) TO (200);
INSERT INTO pos.item SELECT i, 's' || i % 3, 'item ' || i FROM generate_series(1, 20) AS i;
INSERT INTO pos.line SELECT i, 'line ' || i FROM generate_series(91, 110) AS i;
RESET ROLE;
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'pos.item', scope => 'store');
SELECT sambapos_add_to_feed('pos', 'pos.line', 'lines');
SELECT sambapos_add_urgent_rule('pos', 'sold out', 'item', condition => 'r.name = ''none''');
CALL sambapos_feed_tick();
SET ROLE keeper;
UPDATE pos.item SET name = 'a' WHERE id = 1;
RESET ROLE;
CALL sambapos_feed_tick();
SET ROLE keeper;
UPDATE pos.item SET name = 'waits' WHERE id = 2;
SQL

sub version { return $_[0]->value(q(SELECT version FROM sambapos.feeds WHERE feed = 'pos')) }
sub incarnation { return $_[0]->value(q(SELECT incarnation FROM sambapos.feeds WHERE feed = 'pos')) }
sub answer { my ($of, $position) = @_; return $json->decode($of->value("SELECT sambapos_delta_payload('pos', $position)")) }
sub changes { my ($of, $position) = @_; return join '; ', map { "$_->{operation} $_->{entityType} $_->{entityId}" } @{ answer($of, $position)->{changes} // [] } }

# What is made for the feed, by the names of relations.
sub made
{
	my ($of) = @_;
	return join "\n", map { "@$_" } $of->rows(<<'SQL');
SELECT t.tgrelid::regclass, t.tgname, t.tgenabled, p.proname, pg_get_userbyid(p.proowner), p.prosecdef,
       has_table_privilege(pg_get_userbyid(p.proowner), 'sambapos._feed_entered', 'INSERT'),
       EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'x')
FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid WHERE p.proname LIKE '\_feed\_capture%' ORDER BY 1, 2
SQL
}

# ---- another order ----

my %at = (version => version($db), incarnation => incarnation($db));
my ($first, $second) = ($db->session, $db->session);
$first->run(q(BEGIN; INSERT INTO pos.item VALUES (31, 's1', 'written first')));
$second->run(q(BEGIN; INSERT INTO pos.item VALUES (32, 's1', 'written second')));
$second->run('COMMIT');
$db->run('CALL sambapos_feed_tick()');
my $seen = answer($db, "$at{version}, incarnation => '$at{incarnation}'");
like(join(' ', map { $_->{entityId} } @{ $seen->{changes} }), qr/\b32\b/, 'what was committed first is told first');
$first->run(q(INSERT INTO pos.item VALUES (33, 's1', 'at last')));
$first->run('COMMIT');
$_->close for $first, $second;
$db->run('CALL sambapos_feed_tick()');
is(changes($db, "$seen->{toVersion}, incarnation => '$at{incarnation}'"), 'INSERT item 31; INSERT item 33', 'what was written before it is told after it');
ok($db->value('SELECT bool_or(o.change_id < n.change_id AND o.version > n.version) FROM sambapos.change AS o, sambapos.change AS n'), 'though its number is smaller');

# ---- a dump ----

@ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
my $file = "$cluster->{directory}.dump";
END { unlink $file if $file; }
$db->run(q(SET ROLE keeper; UPDATE pos.item SET name = 'waits' WHERE id = 3));
my %dumped = (version => version($db), incarnation => incarnation($db), made => made($db), waiting => $db->value('SELECT count(*) FROM sambapos.change WHERE version IS NULL'));
is($dumped{waiting}, 1, 'a change waits for its version');
Harness::command('pg_dump', '--format=custom', "--file=$file", 'pos');
$db->run("SET ROLE keeper; UPDATE pos.item SET name = 'later $_' WHERE id = $_; RESET ROLE; CALL sambapos_feed_tick()") for 4 .. 9;
my %later = (version => version($db), incarnation => incarnation($db));
cmp_ok($later{version}, '>', $dumped{version} + 5, 'it goes on after the dump');

sub goes_on
{
	my ($name, $of) = @_;
	is(made($of), $dumped{made}, "$name: the triggers are there once, with their owner and rights");
	is(version($of), $dumped{version}, "$name: it is where it was when it was dumped");
	is($of->value('SELECT count(*) FROM sambapos.change WHERE version IS NULL'), $dumped{waiting}, "$name: what waited waits, and no row that was restored is a change");
	like(answer($of, "$later{version}, incarnation => '$later{incarnation}'")->{reason} // '', qr/another life/, "$name: who is ahead of it is told that it is another life");
	my $full = $json->decode($of->value("SELECT sambapos_full_payload('pos')"));
	is(scalar @{ $full->{item} }, 23, "$name: everything is there");
	$of->run('CALL sambapos_feed_tick()');
	cmp_ok(version($of), '>', $dumped{version}, "$name: versions go on");
	isnt(incarnation($of), $dumped{incarnation}, "$name: in another life");
	is($of->value('SELECT count(*) FROM sambapos.entities WHERE problem IS NOT NULL'), 0, "$name: nothing is paused");
	my ($version, $incarnation) = (version($of), incarnation($of));
	$of->run(q(SET ROLE keeper; INSERT INTO pos.item VALUES (50, 's1', 'new'); UPDATE pos.line SET name = 'b' WHERE id IN (99, 100); DELETE FROM pos.item WHERE id = 20));
	is($of->value('SELECT count(*) FROM sambapos.change WHERE version IS NULL'), 4, "$name: what is written is entered once");
	is(changes($of, "$version, incarnation => '$incarnation'"), 'INSERT item 50; UPDATE lines 99; UPDATE lines 100; DELETE item 20', "$name: and told");
	$of->run('CALL sambapos_feed_tick()');
	is(version($of), $version + 1, "$name: with the next version");
	my $listener = $of->session;
	$listener->run('LISTEN sambapos_urgent');
	$of->run(q(SET ROLE keeper; UPDATE pos.item SET name = 'none' WHERE id = 50; RESET ROLE; CALL sambapos_feed_tick()));
	like(join('', $listener->run('SELECT 1')), qr/sold out/, "$name: its rules are asked");
	$listener->close;
	$of->run('CREATE TABLE pos.another (id integer PRIMARY KEY)');
	is($of->error(q(SELECT sambapos_add_to_feed('pos', 'pos.another'))), undef, "$name: another table joins");
	$version = version($of);
	$of->run('CALL sambapos_feed_tick()') for 1 .. 2;
	is(version($of), $version + 1, "$name: then nothing is new");
	return;
}

my $new = $cluster->database('new');
is(Harness::command('sh', '-c', 'pg_restore --jobs=4 --dbname=new "$0" 2>&1', $file), '', 'pg_restore --jobs=4 says nothing');
goes_on('restored', $new);
# PostgreSQL's own pg_restore cannot drop the primary key of a partition, says so, and goes on
my $said = Harness::command('sh', '-c', 'pg_restore --clean --if-exists --dbname=pos "$0" 2>&1 || true', $file);
is(join('', grep { !/inherited constraint "line_\d_pkey"|DROP CONSTRAINT IF EXISTS line_\d_pkey|errors ignored on restore: 2$/ } split /^/, $said), '', 'pg_restore --clean says nothing of the feed');
goes_on('restored over itself', $db);
$new->run(q(SELECT sambapos_remove_feed('pos')));
is(made($new), '', 'and what was restored can be taken away');

# ---- logical replication ----

my $cloud = $cluster->database('cloud');
my $host = $cluster->database('host');
my $tables = 'CREATE TABLE %1$s (id integer PRIMARY KEY, name text); CREATE TABLE %2$s (id integer PRIMARY KEY, name text)';
$_->run(sprintf $tables, 'price', 'other') for $cloud, $host;
$cloud->run(<<'SQL');
INSERT INTO price SELECT i, 'price ' || i FROM generate_series(1, 3) AS i;
INSERT INTO other VALUES (1, 'other 1');
CREATE PUBLICATION menu FOR TABLE price, other;
SELECT pg_create_logical_replication_slot('host', 'pgoutput');
SQL
$host->run(<<"SQL");
CREATE EXTENSION sambapos_fdw;
SELECT sambapos_add_feed('host');
SELECT sambapos_add_to_feed('host', 'price', capture => 'row');
SELECT sambapos_add_to_feed('host', 'other');
CALL sambapos_feed_tick();
SQL
$host->run("CREATE SUBSCRIPTION host CONNECTION 'host=$cluster->{environment}{PGHOST} port=$cluster->{environment}{PGPORT} user=$cluster->{environment}{PGUSER} dbname=cloud' PUBLICATION menu WITH (create_slot = false, slot_name = 'host')");

# What has been entered since, once the host has what the cloud has.
sub entered
{
	my ($entity) = @_;
	for (1 .. 600)
	{
		last if $host->value(q(SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel)) eq 't'
		  && $host->value(q(SELECT string_agg(id || name, ',' ORDER BY id) FROM price)) eq $cloud->value(q(SELECT string_agg(id || name, ',' ORDER BY id) FROM price))
		  && $host->value(q(SELECT string_agg(id || name, ',' ORDER BY id) FROM other)) eq $cloud->value(q(SELECT string_agg(id || name, ',' ORDER BY id) FROM other));
		select undef, undef, undef, 0.1;
	}
	return $host->value("SELECT coalesce(string_agg(concat_ws(' ', c.operation, c.key ->> 'id', c.changed_columns), '; ' ORDER BY c.change_id), 'nothing') FROM sambapos.change AS c WHERE c.version IS NULL AND c.entity = '$entity'");
}

is(entered('price'), 'INSERT 1; INSERT 2; INSERT 3', 'the first copy of a subscription is entered, row by row');
$host->run('CALL sambapos_feed_tick()');
$cloud->run(q(BEGIN; INSERT INTO price VALUES (4, 'd'); UPDATE price SET name = 'b' WHERE id = 2; DELETE FROM price WHERE id = 3; UPDATE price SET id = 5 WHERE id = 4; INSERT INTO other VALUES (2, 'other 2'); COMMIT));
is(entered('price'), 'INSERT 4; UPDATE 2 {name}; DELETE 3; DELETE 4; INSERT 5', 'so is each change that arrives');
is(entered('other'), 'nothing', 'with capture => \'statement\' none is: the manual says so');
$host->run('CALL sambapos_feed_tick()');
my $version = $host->value('SELECT version FROM sambapos.feeds');
$cloud->run(q(TRUNCATE price; INSERT INTO price VALUES (9, 'i')));
entered('price');
$host->run('CALL sambapos_feed_tick()');
is($json->encode($json->decode($host->value("SELECT sambapos_delta_payload('host', $version)"))->{fullEntities}), '["price"]', 'a TRUNCATE that arrives is told');
is($host->value(q(SELECT sambapos_full_payload('host', NULL, '{price}') -> 'price')), '[{"id": 9, "name": "i"}]', 'and what came after it');
$host->run('ALTER SUBSCRIPTION host DISABLE; ALTER SUBSCRIPTION host SET (slot_name = NONE); DROP SUBSCRIPTION host');

done_testing();
