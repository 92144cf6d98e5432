# A second sync right after the first writes nothing to a replica table: no row by its own account, and no
# WAL record on any replica relation (heap, index or TOAST) by the server's.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 1000 --seed 3));

# Autovacuum writes to tables too, in its own time; here only the sync shall be seen.
my $db = Harness::cluster(autovacuum => 'off')->database('shop');
$db->run('CREATE EXTENSION pg_walinspect');
$db->connect_till($till);
$db->run("SELECT * FROM sambapos_add_site('shop', 'till')");

# Number of WAL records, between two positions, on the replica's relations.
sub records
{
	my ($from, $to) = @_;
	return $db->value(<<~SQL);
		WITH RECURSIVE tables AS
		  (SELECT oid, reltoastrelid FROM pg_class
		    WHERE relnamespace = 'sambapos_replica'::regnamespace AND relkind IN ('r', 'm')),
		heaps AS
		  (SELECT oid FROM tables UNION SELECT reltoastrelid FROM tables WHERE reltoastrelid <> 0),
		files AS
		  (SELECT pg_relation_filenode(oid) AS file FROM heaps
		   UNION SELECT pg_relation_filenode(indexrelid) FROM pg_index JOIN heaps ON indrelid = heaps.oid)
		SELECT count(DISTINCT w.start_lsn)
		  FROM pg_get_wal_records_info('$from', '$to') w
		 CROSS JOIN regexp_matches(w.block_ref, 'rel (\\d+)/(\\d+)/(\\d+)', 'g') AS m
		  JOIN files ON files.file = m[3]::oid
		 WHERE m[2]::oid = (SELECT oid FROM pg_database WHERE datname = current_database())
		SQL
}

# Runs a statement; returns how many WAL records it wrote on replica relations and how many bytes in all.
sub written_by
{
	my ($statement) = @_;
	my $from = $db->value('SELECT pg_current_wal_insert_lsn()');
	$statement->();
	$db->run('SELECT pg_logical_emit_message(false, \'end\', \'\')');
	my $to = $db->value('SELECT pg_current_wal_flush_lsn()');
	return (records($from, $to), $db->value("SELECT pg_wal_lsn_diff('$to', '$from')"));
}

my @rows;
my ($records, $bytes) = written_by(sub { @rows = $db->sync });
cmp_ok($records, '>', 1000, "the first load writes ($records records, $bytes bytes of WAL)");

for my $mode ('auto', 'full')
{
	($records, $bytes) = written_by(sub { @rows = $db->sync("'shop', mode => '$mode'") });
	is_deeply([ grep { $_->{status} ne 'ok' } @rows ], [], "second sync, $mode: every table ok");
	for my $column (qw(rows_inserted rows_updated rows_gone))
	{
		is_deeply([ map { "$_->{table_name} $_->{$column}" } grep { $_->{$column} != 0 } @rows ],
			[], "second sync, $mode: $column is 0 for every table");
	}
	is($records, 0, "second sync, $mode: no WAL record on a replica relation ($bytes bytes for its own log)");
}
cmp_ok((grep { $_->{rows_read} > 0 } @rows), '>', 10, 'the full one did read the tables');

($records) = written_by(sub { $db->run("UPDATE sambapos_replica.tickets SET synced_at = now() WHERE id =
	(SELECT min(id) FROM sambapos_replica.tickets)") });
cmp_ok($records, '>', 0, 'one changed row would have been seen');

done_testing();
