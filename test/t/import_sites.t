# Promise: sambapos_import_sites makes a server, a mapping and a site of each row that can be made, says of each other row
# why not and leaves nothing of it, changes nothing that is there, also when called again, and lets no password through.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 9));
my $cluster = Harness::cluster();
my $db = $cluster->database('shops');
$db->run('CREATE EXTENSION sambapos_fdw; CREATE SCHEMA office');

# Files that the server's own user can read, and nobody else.
my $secret = "$cluster->{directory}.password";
my $wrong = "$cluster->{directory}.wrong";
END { unlink grep { defined } $secret, $wrong; }
for ([ $secret, $till->{password} ], [ $wrong, 'Trustno1' ])
{
	open my $file, '>', $_->[0] or die $!;
	print $file "$_->[1]\n";
	close $file;
	Harness::command('bash', '-c', '. "$1/test/harness/common.sh"; chmod 600 "$2"; [ "$(id -u)" != 0 ] || chown postgres "$2"', 'bash', $Harness::root, $_->[0]);
}
$db->run("CREATE TABLE office.place (n integer, name text, host text, port integer, database text, username text, password_file text, time_zone text, external_id text, encryption text);
	INSERT INTO office.place SELECT n, name, '$till->{host}', $till->{port}, '$till->{database}', '$till->{username}', '$secret', zone, key, '$till->{encryption}'
	FROM (VALUES (1, 'hotel', 'europe/istanbul', 'H-1'), (2, 'bar', NULL, NULL), (3, 'Big Bar', NULL, NULL), (4, NULL, NULL, NULL), (5, 'nowhere', NULL, NULL),
		(6, 'locked', NULL, NULL), (7, 'mars', 'Mars/Base', NULL), (8, 'hotel', 'Europe/London', 'H-2'), (9, 'homeless', NULL, NULL), (10, 'anonymous', NULL, NULL), (11, 'port', NULL, NULL)) AS p (n, name, zone, key);
	UPDATE office.place SET port = 1 WHERE name = 'nowhere'; UPDATE office.place SET password_file = '$wrong' WHERE name = 'locked';
	UPDATE office.place SET host = NULL WHERE name = 'homeless'; UPDATE office.place SET username = NULL WHERE name = 'anonymous'; UPDATE office.place SET port = 99999 WHERE name = 'port'");
my $columns = "name, host, port, database, username, password_file, time_zone, external_id, encryption, ARRAY['states', 'tickets'] AS tables";
my $import = "SELECT coalesce(site, '-'), action, coalesce(message, '-'), coalesce(hint, '-') FROM sambapos_import_sites('SELECT $columns FROM office.place ORDER BY n')" =~ s/ARRAY\['states', 'tickets'\]/ARRAY[''states'', ''tickets'']/r;
sub made { return join "\n", map { join '|', map { $_ // '' } @$_ } $db->rows(q(SELECT 'server', s.oid::text, s.srvname, s.srvoptions::text FROM pg_foreign_server AS s
	UNION ALL SELECT 'mapping', m.umid::text, m.srvname, m.umoptions::text FROM pg_user_mappings AS m
	UNION ALL SELECT 'site', s.xmin::text, s.name, to_jsonb(s)::text FROM sambapos.site AS s
	UNION ALL SELECT 'table', t.xmin::text, t.table_name, to_jsonb(t)::text FROM sambapos.replicated_table AS t ORDER BY 1, 3)) }

my @first = $db->rows($import);
is(join(' ', map { "$_->[0]:$_->[1]" } @first), 'hotel:added bar:added Big Bar:failed -:failed nowhere:failed locked:failed mars:failed hotel:kept homeless:failed anonymous:failed port:failed', 'a row for each, in order');
like($first[2][2], qr/^invalid site name "Big Bar"/, 'a name that is none');
like($first[2][3], qr/a-z, 0-9/, 'with a hint');
like($first[4][2], qr/(?:could not connect|refused|unreachable|cannot)/i, 'a till that is not there');
like($first[5][2], qr/login/i, 'a wrong password');
is($first[6][2], 'unknown time zone "Mars/Base"', 'a zone that is none');
is($first[7][2], 'site "hotel" keeps external_id "H-1", the query says "H-2"; site "hotel" keeps time_zone "Europe/Istanbul", the query says "Europe/London"', 'the same site once more: what is otherwise is told');
like($first[8][2], qr/^server "homeless" does not exist, and the row has no host or no database$/, 'no host');
like($first[9][2], qr/no user mapping for server "anonymous", and the row has no username$/, 'no user');
like($first[10][2], qr/port/, 'a port that is none');
is($db->value("SELECT string_agg(srvname, ' ' ORDER BY srvname) FROM pg_foreign_server"), 'bar hotel', 'of rows that failed nothing stays');
is($db->value("SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname LIKE 'sambapos\\_live%'"), 'sambapos_live_bar sambapos_live_hotel', 'no schema either');
is_deeply([ $db->rows("SELECT name, server, time_zone, external_id FROM sambapos.site ORDER BY 1") ], [ [ 'bar', 'bar', undef, undef ], [ 'hotel', 'hotel', 'Europe/Istanbul', 'H-1' ] ], 'the others are as they should be');
is($db->value("SELECT count(*) FROM sambapos_sync() WHERE status = 'ok' AND table_name = 'tickets'"), '2', 'and are synced');

my $before = made();
my @again = $db->rows($import);
is(join(' ', map { $_->[1] } @again[0, 1, 7]), 'kept kept kept', 'a second call keeps all');
is(made(), $before, 'and changes nothing');
$db->run("UPDATE office.place SET host = 'elsewhere', username = 'somebody' WHERE name = 'bar'");
is_deeply([ ($db->rows($import))[1] ], [ [ 'bar', 'kept', "server \"bar\" keeps host \"$till->{host}\", the query says \"elsewhere\"; the user mapping keeps username \"$till->{username}\", the query says \"somebody\"", '-' ] ], 'what is otherwise there is told');
is(made(), $before, 'and not changed');
is_deeply([ $db->rows(q(SELECT site, action FROM sambapos_import_sites('SELECT ''bar'' AS name, ''B-1'' AS external_id, ''EUR'' AS currency, ''bars'' AS site_group'))) ], [ [ 'bar', 'completed' ] ], 'what is missing is set, by a query with few columns');
is($db->value("SELECT external_id || currency || site_group FROM sambapos.site WHERE name = 'bar'"), 'B-1EURbars', 'so it is');
$db->run("SELECT FROM sambapos_remove_site('bar')");
is($db->value("SELECT action FROM sambapos_import_sites('SELECT ''bar'' AS name')"), 'added', 'a site that was removed is added again, on its server');

# ---- what is refused as a whole ----

for (
	[ q('SELECT ''x'' AS name, ''geheim'' AS password'), '22023', qr/has no column "password"/, qr/password_file/, 'a password' ],
	[ q('SELECT ''x'' AS name, ''h'' AS hots'), '22023', qr/column "hots" of the query has no meaning here/, qr/Perhaps you meant "host"/, 'a column that is none' ],
	[ q('SELECT ''h'' AS host'), '22023', qr/has no column "name"/, qr/The columns are: name/, 'no name' ],
	[ q(NULL), '22004', qr/query must not be NULL/, qr/^/, 'no query' ],
	[ q('SELECT * FROM office.nothing'), '42P01', qr/office\.nothing/, qr/^/, 'a query that fails' ],
	[ q('DELETE FROM office.place'), '42P11', qr/query/i, qr/^/, 'a statement without rows' ],
)
{
	my ($query, $state, $message, $hint, $name) = @$_;
	my $error = $db->error("SELECT * FROM sambapos_import_sites($query)");
	is($error->{sqlstate}, $state, "$name is an error");
	like($error->{message}, $message, "$name: which one");
	like($error->{hint}, $hint, "$name: and what to do");
}
is($db->value('SELECT count(*) FROM office.place'), 11, 'nothing was deleted');

# ---- whose rights ----

$db->run("CREATE ROLE clerk LOGIN; SELECT sambapos_grant('clerk', 'admin'); CREATE ROLE guest LOGIN; SELECT sambapos_grant('guest', 'reader')");
is($db->error("SET ROLE clerk; $import")->{sqlstate}, '42501', 'the query runs with the rights of the caller');
is($db->error("SET ROLE guest; SELECT * FROM sambapos_import_sites('SELECT ''x'' AS name')")->{sqlstate}, '42501', 'which a reader has not');

# ---- little room ----

my $small = Harness::cluster(max_connections => 20, max_locks_per_transaction => 20)->database('small');
$small->connect_till($till);
my $query = "SELECT site, action, coalesce(message, '-'), coalesce(hint, '-') FROM sambapos_import_sites('SELECT n AS name, ''$till->{host}'' AS host, $till->{port} AS port, ''$till->{database}'' AS database, ''$till->{encryption}'' AS encryption, ''$till->{username}'' AS username, ''$secret'' AS password_file
	FROM unnest(ARRAY[''a'', ''b'']) AS n')";
my @rows = $small->rows($query);
is(join(' ', map { "$_->[0]:$_->[1]" } @rows), 'a:added b:failed', 'with little room one site is imported');
like("@{ $rows[1] }[2, 3]", qr/^not imported: this call holds \d+ of the 400 locks of the server Call again/, 'the other has to wait');
is(join(' ', map { "$_->[0]:$_->[1]" } $small->rows($query)), 'a:kept b:added', 'for the next call');

# ---- no secret ----

my $dump = do { local @ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} }; Harness::command('pg_dump', 'shops') };
unlike($dump . $cluster->log, qr/\Q$till->{password}\E|Trustno1/, 'no password is in a dump or in the log');
like($cluster->log, qr/column "password"/, 'though errors are');

done_testing();
