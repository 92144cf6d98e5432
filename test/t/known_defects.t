# What has gone wrong between PostgreSQL and SQL Server elsewhere, and must not here: the defects that were
# reproduced in tds_fdw, by their numbers in doc/comparison.md. Promise: the right rows, or a clear error.
# Numbers 3 and 4 (cancel) are in cancel.t, 7 (a connection leaked by each error) in leaks.t.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
my $db = Harness::cluster()->database('defects');
$db->connect_till($till);
$till->sql('CREATE TABLE dbo.[De]]fects] (Id int NOT NULL PRIMARY KEY, Amount decimal(16,2) NULL, Name nvarchar(20) NULL,
	[odd]]name] int NULL, At datetime NULL, At2 datetime2(6) NULL, Day date NULL, Clock time(3) NULL, Zoned datetimeoffset(3) NULL)');
$till->sql(q{INSERT INTO dbo.[De]]fects] VALUES
	(1, 0.05, N'Çay', 10, '2024-03-02T04:05:06.003', '2024-03-02T04:05:06.123456', '2024-03-02', '04:05:06.007', '2024-03-02T04:05:06.5+03:00'),
	(2, 0.15, N'', 20, '2024-02-03T04:05:06', '2024-02-03T04:05:06', '2024-02-03', '00:00', '2024-02-03T00:00:00-05:30'),
	(3, 1.00, N'ab\c''d', NULL, NULL, NULL, NULL, NULL, NULL),
	(4, NULL, NULL, 40, NULL, NULL, NULL, NULL, NULL)});
$db->run('IMPORT FOREIGN SCHEMA dbo LIMIT TO ("De]fects") FROM SERVER till INTO public OPTIONS (name_case $$snake$$)');
$db->run('ALTER FOREIGN TABLE "de]fects" RENAME TO defects');

sub ids { my ($where, $before) = @_; return join ' ', map { $_->[0] } $db->rows(($before // '') . "SELECT id FROM defects WHERE $where ORDER BY id") }

# 1. A parameter is its value, not NULL.
is(join(' ', map { $_->[0] } $db->rows('SET plan_cache_mode = force_generic_plan;
	PREPARE p (int) AS SELECT id FROM defects WHERE id = $1; EXECUTE p(2)')), '2', '1: a generic plan sends its parameter');
is(ids('id = (SELECT 1 + 1)'), '2', '1: an InitPlan sends its value');
is(join(' ', map { $_->[0] } $db->rows('SELECT (SELECT d.name IS NULL FROM defects d WHERE d.id = v.i) FROM (VALUES (4), (2)) AS v (i)')),
	't f', '1: a correlated sub-select sends the outer value');
is(ids('"odd]name" = (SELECT NULL::int)'), '', '1: and NULL equals nothing');

# 2. Numeric constants keep their digits.
is(ids('amount > 0.1'), '2 3', '2: 0.1 is not rounded to an integer');
is(ids('amount < 0.99999'), '1 2', '2: nor to the scale of the column');

# 5. A character that cannot be converted is an error with its place; the backend and the other rows live.
$till->sql('CREATE TABLE dbo.Lone (Id int NOT NULL PRIMARY KEY, Name nvarchar(20) NULL)');
$till->sql(q{INSERT INTO dbo.Lone VALUES (1, N'a'), (2, N'b' + NCHAR(55296)), (3, N'c')});
$db->run('IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Lone") FROM SERVER till INTO public');
my $session = $db->session;
my $pid = $session->value('SELECT pg_backend_pid()');
my $error = $session->error('SELECT * FROM lone');
is($error->{sqlstate}, '22021', '5: a lone surrogate is an error');
like($error->{message}, qr/text of column "name" cannot be converted/, '5: that names the column');
like($error->{text}, qr/foreign table "lone", row 2/, '5: and the row');
is($session->value('SELECT pg_backend_pid()'), $pid, '5: and not the end of the backend');
is($session->value('SELECT count(*) FROM lone WHERE id <> 2'), 2, '5: the other rows are there');
$session->close;

# 6. An empty string is no NULL.
is(ids('name = $$$$'), '2', '6: an empty string is found');
is($db->value('SELECT name IS NULL FROM defects WHERE id = 2'), 'f', '6: and arrives as one');

# 8. A query is run once, and EXPLAIN runs nothing.
my $connected = sub { $till->sql(q{SELECT MAX(connections_ever) FROM till.connections WHERE spid = @@SPID}) };
SKIP:
{
	skip 'a given server counts no connections', 1 if !$till->{directory};
	my $before = $connected->();
	$db->run('EXPLAIN SELECT * FROM defects; EXPLAIN (VERBOSE) SELECT count(*) FROM defects WHERE id > 1');
	is($connected->() - $before, 1, '8: EXPLAIN does not connect (the one is this test itself)');
}

# 9. Dates and times arrive as what they are, the zone included.
is_deeply([ $db->rows(q{SET TimeZone = 'UTC'; SELECT at, at2, day, clock, zoned FROM defects WHERE id = 1}) ],
	[ [ '2024-03-02 04:05:06.003', '2024-03-02 04:05:06.123456', '2024-03-02', '04:05:06.007', '2024-03-02 01:05:06.5+00' ] ],
	'9: datetime, datetime2, date, time, datetimeoffset');

# 10. Literals mean the same under every setting; names are quoted by the server's rules.
for my $style ('SQL, DMY', 'SQL, MDY', 'German', 'Postgres, DMY')
{
	is(ids(q{at < timestamp '2024-02-20'}, "SET DateStyle = '$style'; "), '2', "10: a timestamp under DateStyle $style");
	is(ids(q{day = date '2024-03-02'}, "SET DateStyle = '$style'; "), '1', "10: a day under DateStyle $style");
}
is(ids(q{name = 'Çay'}), '1', '10: national characters are sent as such');
is(ids(q{name = E'ab\\\\c''d'}), '3', '10: a backslash and an apostrophe too');
is(ids(q{name LIKE 'ab\\\\%'}), '3', '10: also in a pattern');
is(ids(q{"odd]name" = 20}), '2', '10: a bracket in a name is doubled');

# 11. What T-SQL has no equal of is computed here.
is(ids(q{name ~ '^.a'}), '1', '11: a regular expression');
is(ids(q{(id # 3) = 1}), '2', '11: # is no operator there');
is(ids(q{name ILIKE 'ÇAY'}), '1', '11: ILIKE');
is(ids(q{name LIKE '[ab]%'}), '', '11: brackets in a pattern are characters');
is(join(' ', map { $_->[0] } $db->rows('SELECT id FROM defects WHERE id < 3 ORDER BY id FOR UPDATE')), '1 2', '11: FOR UPDATE reads the rows');

# 13. Options can be changed and changed back.
for my $value (qw(true false true))
{
	my $action = $value eq 'true' && $db->value(q{SELECT srvoptions::text ~ 'use_remote_estimate' FROM pg_foreign_server}) eq 'f' ? 'ADD' : 'SET';
	$db->run("ALTER SERVER till OPTIONS ($action use_remote_estimate '$value')");
	is($db->value('SELECT count(*) FROM defects'), 4, "13: use_remote_estimate $value");
}
done_testing();
