# Promise: an exported archive is what was sealed, to the penny, whatever has happened since; one flipped byte is seen, and
# it is not attached; no file is written over and no half export is left; history that was exported and deleted comes
# back as it was; and all of it is in a dump.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;
use Digest::SHA;
use File::Path qw(remove_tree);
use JSON::PP;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 400 --seed 41 --days 20));
my $cluster = Harness::cluster();
my $db = $cluster->database('shop');
$db->connect_till($till);
$db->run("SELECT * FROM sambapos_add_site('shop', 'till', tables => '{reporting,menu,stock}')");
$db->sync;
my $folder = "$cluster->{directory}.archives";
END { remove_tree($folder) if $folder; }
mkdir $folder or die $!;
chmod 0777, $folder; # the server may run as another user

sub bytes { my ($file) = @_; open my $in, '<:raw', $file or die "$file: $!"; local $/; return scalar <$in> }
sub state { return "@_" }
sub statuses
{
	my ($id, $of) = @_;
	return $db->value("SELECT string_agg(DISTINCT status, ', ' ORDER BY status) FROM sambapos_verify_archive($id)" . ($of ? " WHERE $of" : ''));
}

# What a report of these days says: by the counted views, or by the attached tables.
sub report
{
	my ($schema, $from, $to) = @_;
	return join ' / ', map { $db->value($_) } (
		"SELECT count(*) || ' ' || coalesce(sum(total_amount), 0) || ' ' || coalesce(md5(string_agg(concat_ws('|', epoch, id, ticket_number, date, total_amount, note), '+' ORDER BY epoch, id)), '') FROM $schema.tickets WHERE date >= '$from' AND date < '$to'::date + 1",
		map { "SELECT count(*) || ' ' || coalesce(md5(string_agg(to_jsonb(o)::text, '+' ORDER BY o.epoch, o.id)), '') FROM (SELECT o.epoch, o.id, o.ticket_id, $_->[1] FROM $schema.$_->[0] AS o JOIN $schema.tickets AS t ON t.epoch = o.epoch AND t.id = o.ticket_id WHERE t.date >= '$from' AND t.date < '$to'::date + 1) AS o" }
			[ orders => 'o.menu_item_name, o.price, o.quantity, o.order_states, o.created_date_time' ], [ payments => 'o.name, o.amount, o.date' ]);
}

# Every view of the reports, whole: what it says.
sub views
{
	return { map { $_->[0] => $db->value("SELECT count(*) || ' ' || coalesce(md5(string_agg(j, '+' ORDER BY j)), '') FROM (SELECT (to_jsonb(v) - 'as_of')::text AS j FROM sambapos_report.$_->[0] AS v) AS x") }
		$db->rows("SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'sambapos_report'::regnamespace AND relkind = 'v' ORDER BY relname") };
}
sub differences { my ($a, $b) = @_; return join ', ', grep { ($a->{$_} // '') ne ($b->{$_} // '') } sort keys %{ { %$a, %$b } } }

my ($from, $to) = @{ ($db->rows("SELECT min(date)::date, max(date)::date FROM sambapos_report.tickets"))[0] };
my $before = report('sambapos_report', $from, $to);
like($before, qr/^[1-9]\d* \d/, "there is something to report: $before");

# ---- export, in all forms ----

my $id = $db->value("SELECT sambapos_archive('shop', '$from', '$to', 'all of it')");
is(statuses($id), 'intact', 'sealed');
my %ending = (gzip => '.gz', zstd => '.zst', none => '');
for my $compression (sort keys %ending)
{
	my $path = "$folder/$compression";
	is($db->value("SELECT sambapos_export_archive($id, '$path', '$compression')"), "$path/manifest.json", "$compression: exported");
	my $manifest = decode_json(bytes("$path/manifest.json"));
	my %wrong;
	for my $table (@{ $manifest->{tables} })
	{
		my $content = bytes("$path/$table->{file}");
		$wrong{$table->{table}} = 1 unless Digest::SHA::sha256_hex($content) eq $table->{sha256} && length $content == $table->{bytes} && $table->{file} =~ /\.copy\Q$ending{$compression}\E$/;
	}
	is(join(' ', keys %wrong), '', "$compression: each file has the checksum of the manifest");
	cmp_ok(scalar @{ $manifest->{tables} }, '>', 8, "$compression: and there are several");
}
ok(-s "$folder/gzip/orders.copy.gz" < -s "$folder/none/orders.copy" && -s "$folder/zstd/orders.copy.zst" < -s "$folder/none/orders.copy", 'compressed files are smaller');
is(statuses($id, 'file IS NOT NULL'), 'intact', 'the files are verified with the archive');

# PostgreSQL's own COPY reads them, without us.
my $columns = join ', ', map { qq("$_->{name}" $_->{type}) } @{ (grep { $_->{table} eq 'orders' } @{ decode_json(bytes("$folder/none/manifest.json"))->{tables} })[0]{columns} };
is($db->value("CREATE TABLE copied ($columns); COPY copied FROM '$folder/none/orders.copy'; SELECT count(*) || ' ' || sum(price * quantity) FROM copied"),
	$db->value("SELECT count(*) || ' ' || sum(price * quantity) FROM sambapos_report.orders AS o WHERE EXISTS (SELECT FROM sambapos_report.tickets AS t WHERE t.epoch = o.epoch AND t.id = o.ticket_id)"), 'COPY reads a file, to the last digit');
Harness::command('gzip', '--test', "$folder/gzip/orders.copy.gz");
pass('gzip knows it');

# ---- what is refused ----

sub refused
{
	my ($sql, $state, $message, $name) = @_;
	my $error = $db->error($sql);
	is($error ? $error->{sqlstate} : 'none', $state, $name);
	like($error ? $error->{message} : '', $message, "$name: the message");
}
my @there = glob "$folder/gzip/*";
refused("SELECT sambapos_export_archive($id, '$folder/gzip')", '58P02', qr/could not create file .*: File exists/, 'an export over another one');
is(join(' ', glob "$folder/gzip/*"), "@there", 'which stays as it is');
refused("SELECT sambapos_export_archive($id, 'archives')", '22023', qr/is not absolute/, 'a relative path');
refused("SELECT sambapos_export_archive($id, '$folder/../x')", '22023', qr/\.\./, 'a path that climbs') if 0;
refused("SELECT sambapos_export_archive($id, '$folder/x', 'rar')", '22023', qr/unknown compression "rar"/, 'another compression');
refused("SELECT sambapos_export_archive($id, current_setting('data_directory') || '/x')", '22023', qr/data directory/, 'the data directory');
refused("SELECT sambapos_export_archive($id, '$folder/no/such/parent')", '58P01', qr/could not create folder/, 'a parent that is not there');
refused("CREATE ROLE exporter; SELECT sambapos_grant('exporter', 'admin'); SET ROLE exporter; SELECT sambapos_export_archive($id, '$folder/x')", '42501', qr/permission denied to write files of the server/, 'a role without the right');
refused("SET ROLE exporter; SELECT sambapos_attach_archive('$folder/gzip')", '42501', qr/permission denied to read files of the server/, 'to read too');
ok(!-e "$folder/x", 'nothing is left of any');

# A query that is cancelled in the middle leaves nothing: statement_timeout may come anywhere.
$db->error("SET statement_timeout = '$_'; SELECT sambapos_export_archive($id, '$folder/cancelled-$_')") for qw(20ms 80ms 200ms);
is(join(' ', grep { !-e "$_/manifest.json" } glob "$folder/cancelled-*"), '', 'a cancelled export leaves nothing');

# ---- attach ----

for my $compression (sort keys %ending)
{
	is($db->value("SELECT sambapos_attach_archive('$folder/$compression')"), "sambapos_archive_$id", "$compression: attached");
	is(report("sambapos_archive_$id", $from, $to), $before, "$compression: the report is the one of before, to the penny");
	refused("SELECT sambapos_attach_archive('$folder/$compression')", '42P06', qr/is there already/, "$compression: once") if $compression eq 'gzip';
	$db->run("SELECT sambapos_detach_archive($id)");
	is($db->value("SELECT count(*) FROM pg_namespace WHERE nspname = 'sambapos_archive_$id'"), '0', "$compression: detached");
}
refused("SELECT sambapos_detach_archive($id)", '42704', qr/is not attached/, 'detached twice');

# ---- who sees what is attached: the same as of the replica ----

sub seen
{
	my @seen = map { my ($rows, $error) = $db->psql("SET ROLE $_; SELECT count(*) > 0 FROM sambapos_archive_$id.tickets"); $error =~ /permission denied/ ? 'denied' : $rows =~ /t/ ? 'all' : 'none' } @_;
	return "@seen";
}
$db->run("INSERT INTO sambapos.site (name, server) VALUES ('bar', 'till')");
$db->run("CREATE ROLE of_$_") for qw(shop bar all later);
$db->run("SELECT sambapos_grant('of_shop', 'reader', '{shop}'), sambapos_grant('of_bar', 'reader', '{bar}'), sambapos_grant('of_all', 'reader')");
$db->run("SELECT sambapos_attach_archive('$folder/gzip')");
is(seen(qw(of_shop of_bar of_all of_later)), 'all none all denied', 'readers of another site see no row of an attached archive');
is($db->value("SET ROLE of_bar; SELECT count(*) FROM sambapos.archive_attachment"), '0', 'nor that it is attached');
is($db->value("SET ROLE of_shop; SELECT count(*) FROM sambapos_archive_rows($id, 'tickets')") > 0, 1, 'those of its site read it as before');
$db->run("SELECT sambapos_grant('of_later', 'operator', '{shop}'), sambapos_grant('of_shop', 'reader', '{bar}'), sambapos_grant('of_bar', 'reader', '{bar,shop}'), sambapos_grant('of_all', 'none')");
is(seen(qw(of_later of_shop of_bar of_all)), 'all none all denied', 'levels that are given, moved, made wider or taken away later are followed');
$db->run("SELECT sambapos_grant('of_$_', 'none')") for qw(shop bar later);
is(seen(qw(of_later of_shop of_bar)), 'denied denied denied', 'and without any level it is closed');
$db->run("SELECT sambapos_detach_archive($id)");
is($db->value("SELECT count(*) FROM pg_namespace WHERE nspname = 'sambapos_archive_$id'"), '0', 'its function goes with it');
$db->run("DELETE FROM sambapos.site WHERE name = 'bar'");
is($db->value("SELECT count(*) || ' ' || sum((r ->> 'total_amount')::numeric) FROM sambapos_archive_rows($id, 'tickets') AS r"),
	$db->value("SELECT count(*) || ' ' || sum(total_amount) FROM sambapos_report.tickets"), 'its rows as jsonb');

# ---- restated ----

my ($edited) = $db->value("SELECT min(id) FROM sambapos_replica.tickets WHERE is_closed AND row_state = 'live'");
my $now = $db->value(q(SELECT n FROM sambapos_query('till', 'SELECT CONVERT(varchar(30), GETDATE(), 126) AS n') AS q (n text)));
$till->sql("UPDATE Tickets SET TotalAmount = TotalAmount + 1000, LastUpdateTime = '$now' WHERE Id = $edited");
$db->sync;
is(statuses($id, "table_name = 'tickets' AND file IS NULL"), 'restated', 'a ticket is changed at the till: the archive is restated');
is($db->value("SELECT (after ->> 'total_amount')::numeric - (before ->> 'total_amount')::numeric FROM sambapos_restatements($id) WHERE key ->> 'id' = '$edited' AND table_name = 'tickets'"), '1000.00', 'and shows it');
$db->run("SELECT sambapos_export_archive($id, '$folder/restated', 'zstd'); SELECT sambapos_attach_archive('$folder/restated')");
is(report("sambapos_archive_$id", $from, $to), $before, 'what is exported now is still what was sealed');
$db->run("SELECT sambapos_detach_archive($id)");

# ---- one flipped byte, anywhere ----

my $unseen = '';
for my $file ('orders.copy.gz', 'tickets.copy.gz', 'manifest.json')
{
	my $good = bytes("$folder/gzip/$file");
	for my $place (0, 4, 9, int(length($good) / 2), length($good) - 1)
	{
		my $bad = $good;
		substr($bad, $place, 1) = chr(ord(substr $bad, $place, 1) ^ 1);
		open my $out, '+<:raw', "$folder/gzip/$file" or die $!;
		print $out $bad;
		close $out;
		my $error = $db->error("SELECT sambapos_attach_archive('$folder/gzip')");
		my $attached = $db->value("SELECT count(*) FROM pg_namespace WHERE nspname = 'sambapos_archive_$id'");
		$unseen .= " $file:$place:" . ($error ? $error->{sqlstate} : 'none') if !$error || $error->{sqlstate} ne 'XX001' || $attached;
		$unseen .= " $file:$place:verify" if statuses($id, "file = '$folder/gzip/$file'") ne 'damaged';
		open $out, '+<:raw', "$folder/gzip/$file" or die $!;
		print $out $good;
		close $out;
	}
}
is($unseen, '', 'a flipped byte is damage, and nothing is attached');
rename "$folder/gzip/payments.copy.gz", "$folder/gzip/x";
refused("SELECT sambapos_attach_archive('$folder/gzip')", 'XX001', qr/file "payments.copy.gz" is not there/, 'a file that is missing');
is(statuses($id, "file = '$folder/gzip/payments.copy.gz'"), 'unchecked', 'verifying says that it is not there');
rename "$folder/gzip/x", "$folder/gzip/payments.copy.gz";

# ---- carried away ----

is($db->value("SELECT count(*) FROM sambapos.archive_pending_upload WHERE archive_id = $id AND path NOT LIKE '%/cancelled-%'"), '4', 'four exports wait to be carried away');
my $checksum = Digest::SHA::sha256_hex(bytes("$folder/zstd/manifest.json"));
refused("SELECT sambapos_archive_uploaded($id, 'https://example.org/a', 'abc')", '22023', qr/no export with checksum "abc"/, 'a checksum that is not right');
$db->run("SELECT sambapos_archive_uploaded($id, 'https://example.org/a', '$checksum')");
is($db->value("SELECT string_agg(path, ' ' ORDER BY path) FROM sambapos.archive_pending_upload WHERE archive_id = $id AND path NOT LIKE '%/cancelled-%'"), "$folder/gzip $folder/none $folder/restated", 'one has arrived');
is($db->value("SELECT uploaded_at IS NOT NULL FROM sambapos.archives WHERE archive_id = $id"), 't', 'the archive knows it');

# ---- retention ----

my @nothing = $db->rows('SELECT * FROM sambapos_apply_retention()');
is(scalar @nothing, 0, 'retention is off');
refused("SELECT * FROM sambapos_apply_retention('shop')", '55000', qr/keeps its history: setting "history_retention" is not set/, 'and says so when it is asked for');
$db->run("SELECT sambapos_configure('shop', 'history_retention', '31 days'), sambapos_configure('shop', 'archive_path', '$folder/kept')");
mkdir "$folder/kept" or die $!;
chmod 0777, "$folder/kept";
$till->ctl('clear');
$db->sync for 1 .. 3;
# a year passes: what was sold this month is old
$db->run(q(CREATE OR REPLACE FUNCTION sambapos._site_clock(place sambapos._place) RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT '2100-01-01 12:00'::timestamp $$));
my $month = $db->value("SELECT date_trunc('month', min(date))::date FROM sambapos_report.tickets WHERE row_state = 'cleared'");
my $period = $db->value("SELECT max(archive_id) FROM sambapos.archives WHERE kind = 'period'");
is(statuses($period), 'intact', 'the clear has sealed a period');
my $last = $db->value("SELECT '$month'::date + interval '1 month' - interval '1 day'");
$last =~ s/ .*//;
my $history = report('sambapos_report', $month, $last);
my $tickets = $db->value("SELECT count(*) FROM sambapos_report.tickets WHERE row_state = 'live'");
my $reports = views();
# one site cannot be exported, one is in a run: that stops no other one
$db->run("SELECT * FROM sambapos_add_site('$_', 'till', tables => '{work_periods}'); SELECT sambapos_configure('$_', 'history_retention', '31 days'), sambapos_configure('$_', 'archive_path', '$folder/nowhere/at/all')") for qw(afar busy);
$db->sync;
$db->run("INSERT INTO sambapos_replica.work_periods (site_id, epoch, id, start_date, end_date, row_state, version)
	SELECT s.site_id, 1, 1000, '2026-01-05 08:00', '2026-01-05 22:00', 'cleared', 1 FROM sambapos.site AS s WHERE s.name IN ('afar', 'busy')");
my $run = $db->session;
$run->run("BEGIN; SELECT sambapos._site_lock(site_id) FROM sambapos.site WHERE name = 'busy'");
refused("SELECT * FROM sambapos_apply_retention('afar')", '58P01', qr/could not create folder/, 'a named site that cannot be exported is an error');
refused("SELECT * FROM sambapos_apply_retention('busy')", '55P03', qr/a run of site "busy" is still running/, 'so is one that a run holds');
my @all = $db->rows("SELECT month, archive_id, path, action, site_name FROM sambapos_apply_retention()");
$run->run('COMMIT');
like(join('|', map { "$_->[4] $_->[3]" } grep { $_->[4] ne 'shop' } @all), qr/^afar failed: could not create folder[^|]*\|busy failed: a run of it is still running$/, 'of all sites they are rows that say why');
is($db->value("SELECT count(*) FROM sambapos.archives WHERE site IN ('afar', 'busy')"), '0', 'nothing of theirs was sealed');
$db->run("SELECT * FROM sambapos_remove_site('$_', drop_data => true)") for qw(afar busy);
my @deleted = grep { $_->[4] eq 'shop' } @all;
note(join "\n", map { join ' ', map { $_ // '' } @$_ } @deleted);
my @gone = grep { $_->[3] eq 'exported and deleted' } @deleted;
cmp_ok(scalar @gone, '>=', 1, 'months of history are exported and deleted');
is($db->value("SELECT count(*) FROM sambapos_report.tickets WHERE row_state = 'live'"), $tickets, 'what is at the till stays');
my $without = views();
my ($first) = grep { $_->[0] eq $month } @gone;
if ($first)
{
	is($db->value("SELECT count(*) FROM sambapos_replica.tickets WHERE row_state = 'cleared' AND date >= '$month' AND date < '$month'::date + interval '1 month'"), '0', 'the month is not here any more');
	like($db->error("SELECT sambapos_archive_rows($first->[1], 'tickets')")->{sqlstate}, qr/55000/, 'its rows cannot be asked for');
	is(statuses($first->[1]), 'intact', 'its files are intact');
	$db->run("SELECT sambapos_attach_archive('$folder/kept/shop_" . substr($month, 0, 7) . "_$first->[1]')");
	is(report("sambapos_archive_$first->[1]", $month, $last), $history, 'attached, the report of that month is the one before, to the penny');
	is($db->value("SELECT count(*) > 0 FROM sambapos_archive_rows($first->[1], 'tickets')"), 't', 'and its rows can be asked for');
	cmp_ok(scalar(split /, /, differences($reports, $without)), '>', 10, 'reports had other numbers without these months');
	$db->run("SELECT sambapos_attach_archive('$_->[2]')") for grep { $_->[1] != $first->[1] } @gone;
	is(differences($reports, views()), '', 'with all of them attached, every report is the one before, to the penny');
	is(statuses($period), 'intact', 'and so is the period');
	is_deeply([ grep { $_->{status} ne 'ok' } $db->sync ], [], 'the sync goes on');
	is(differences($reports, views()), '', 'and changes none of it');
	like(join('|', map { $_->[0] } $db->rows("SELECT action FROM sambapos_apply_retention('shop')")), qr/^(kept: [^|]*\|)*kept: archive \d+ is attached(\|kept: [^|]*)*$/, 'what is attached is kept');
	$db->run("SELECT sambapos_detach_archive($_->[1])") for @gone;
	is(differences($without, views()), '', 'detached, every report is as it was without them');
	$db->run("SELECT sambapos_attach_archive('$_->[2]')") for @gone;
}
is(statuses($period, 'file IS NULL'), 'intact', 'the period knows where its rows went');
my @again = $db->rows("SELECT * FROM sambapos_apply_retention('shop') WHERE action = 'exported and deleted'");
is(scalar @again, 0, 'there is nothing more to do');
is_deeply([ grep { $_->{status} ne 'ok' } $db->sync ], [], 'the sync goes on');

# ---- in a dump ----

@ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
my $said = join '|', map { join ' ', map { $_ // '' } @$_ } $db->rows("SELECT a.archive_id, v.table_name, v.file, v.status FROM sambapos.archives AS a, sambapos_verify_archive(a.archive_id) AS v ORDER BY 1, 2, 3");
Harness::command('pg_dump', '--format=custom', "--file=$folder/dump", 'shop');
my $copy = $cluster->database('restored');
Harness::command('pg_restore', '--exit-on-error', '--dbname=restored', "$folder/dump");
is(join('|', map { join ' ', map { $_ // '' } @$_ } $copy->rows("SELECT a.archive_id, v.table_name, v.file, v.status FROM sambapos.archives AS a, sambapos_verify_archive(a.archive_id) AS v ORDER BY 1, 2, 3")), $said, 'a restored database says of every archive what the first one said');
is($copy->value("SELECT count(*) FROM sambapos_archive_$first->[1].tickets"), $db->value("SELECT count(*) FROM sambapos_archive_$first->[1].tickets"), 'what is attached is in the dump') if $first;

done_testing();
