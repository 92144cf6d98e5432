# The option query of foreign tables: T-SQL that runs with the login of whoever reads the table. It is one query or
# nothing; who sets it, and who owns the table, has the right to pass T-SQL through; what it may leave behind is
# put back. Nothing at the till changes, whoever tries.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 50 --seed 4));
my $cluster = Harness::cluster();
my $db = $cluster->database('shop');
$db->run('CREATE SCHEMA ext; CREATE EXTENSION sambapos_fdw SCHEMA ext');
$db->connect_till($till);
my $password = $till->{password} =~ s/'/''/gr;
$db->run(<<~SQL);
	CREATE USER MAPPING FOR PUBLIC SERVER till OPTIONS (username '$till->{username}', password '$password');
	CREATE ROLE bob LOGIN; CREATE ROLE alice LOGIN;
	GRANT USAGE ON FOREIGN SERVER till TO bob, alice;
	GRANT USAGE ON SCHEMA ext TO bob, alice;
	CREATE SCHEMA b AUTHORIZATION bob;
	GRANT USAGE ON SCHEMA b TO PUBLIC;
	SQL
my $payments = ($till->sql('SELECT COUNT(*) FROM dbo.Payments') =~ /(\d+)/)[0];
cmp_ok($payments, '>', 0, 'the till has payments to lose');

sub as { my ($role, $sql) = @_; return $db->value("SET SESSION AUTHORIZATION $role; $sql") }
sub refused
{
	my ($name, $role, $sql, $sqlstate, $text) = @_;
	my $error = $db->error("SET SESSION AUTHORIZATION $role; $sql");
	is($error && $error->{sqlstate}, $sqlstate, "$name: refused") or return diag($error ? $error->{text} : 'no error');
	like($error->{text}, $text, "$name: and why");
}
sub table { my ($name, $query) = @_; $query =~ s/'/''/g; return "CREATE FOREIGN TABLE b.$name (a int) SERVER till OPTIONS (query '$query');" }

# ---- who may set it ----

# A function of that name elsewhere, open to everybody, is no key.
$db->run("CREATE FUNCTION b.sambapos_query(text, text) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1';
	CREATE FUNCTION public.sambapos_query(text, text) RETURNS SETOF record LANGUAGE sql AS 'SELECT 1'");
my $right = qr/permission denied to set the option "query".*needs the same privilege.*GRANT EXECUTE ON FUNCTION ext\.sambapos_query\(text, text\) TO bob;/s;
refused('without the right', 'bob', 'SET search_path = b, public; ' . table(q1 => 'SELECT 1 AS a'), '42501', $right);
is(as('bob', "CREATE FOREIGN TABLE b.named (a int OPTIONS (column_name 'Id')) SERVER till OPTIONS (table_name 'Tickets'); SELECT count(*) FROM b.named"), 50,
	'a table of the server needs none');
refused('nor in an ALTER', 'bob', "ALTER FOREIGN TABLE b.named OPTIONS (DROP table_name, ADD query 'SELECT 1 AS Id')", '42501', $right);
refused('it is the current user who needs it', 'postgres', 'SET ROLE bob; ' . table(q1 => 'SELECT 1 AS a'), '42501', $right);
$db->run('GRANT EXECUTE ON FUNCTION ext.sambapos_query(text, text) TO bob');
is(as('bob', table(q1 => 'SELECT 1 AS a') . 'SELECT a FROM b.q1'), 1, 'with it');

# ---- what it may be ----

my @escapes = (
	[ 'leaves the parenthesis', 'SELECT 1 AS a) AS x; DELETE FROM dbo.Payments; SELECT a FROM (SELECT 2 AS a', qr/parenthesis at character 14 closes/ ],
	[ 'ends the transaction', 'SELECT 1 AS a) AS x; COMMIT TRANSACTION; DELETE FROM dbo.Payments; SELECT a FROM (SELECT 2 AS a', qr/character 14/ ],
	[ 'needs no semicolon', 'SELECT 1 AS a DELETE FROM dbo.Payments', qr/"DELETE" at character 15/ ],
	[ 'in a comment', "SELECT 1 AS a --\n) AS x DELETE FROM dbo.Payments SELECT a FROM (SELECT 2 AS a", qr/character 18/ ],
	[ 'behind a number', 'SELECT 1DELETE FROM dbo.Payments', qr/"1DELETE" at character 8/ ],
	[ 'makes a table', 'SELECT 1 AS a INTO dbo.Pwned', qr/"INTO" at character 15/ ],
	[ 'asks another server', q{SELECT a FROM OPENQUERY(other, 'DELETE FROM dbo.Payments')}, qr/"OPENQUERY"/ ],
	[ 'two statements', 'SELECT 1 AS a; DELETE FROM dbo.Payments', qr/semicolon at character 14/ ],
	[ 'no query', 'EXEC sp_who', qr/"EXEC" at character 1/ ],
	[ 'WITH', 'WITH x AS (SELECT 1 AS a) SELECT a FROM x', qr/does not take WITH.*view/s ],
	[ 'an odd blank', "SELECT 1 AS a\xC2\xA0DELETE FROM dbo.Payments", qr/at character 14 has no meaning there/ ],
	[ 'a string without end', q{SELECT 'a}, qr/string at character 8 is not closed/ ]);
for my $case (@escapes)
{
	refused("$case->[0]", 'bob', table(escape => $case->[1]), 'HV024', $case->[2]);
	# one that is there all the same: made before the rule, or by hand
	my $query = $case->[1] =~ s/'/''/gr;
	$db->run(table(old => 'SELECT 1 AS a') . "UPDATE pg_foreign_table SET ftoptions = ARRAY['query=' || '$query'] WHERE ftrelid = 'b.old'::regclass");
	for my $sql ('SELECT * FROM b.old', 'EXPLAIN SELECT * FROM b.old', 'ANALYZE b.old', 'SELECT count(*) FROM b.old', 'SELECT count(*) FROM b.q1 JOIN b.old USING (a)')
	{
		my $error = $db->error($sql);
		is($error && $error->{sqlstate}, 'HV024', "$case->[0], in a table that is there: $sql") or diag($error->{text});
		like($error->{message}, qr/option "query" of foreign table "old" is not one query/, 'which says which table');
	}
	$db->run("ALTER FOREIGN TABLE b.old OPTIONS (SET query 'SELECT 2 AS a')");
	is($db->value('SELECT a FROM b.old'), 2, 'and can be mended');
	$db->run('DROP FOREIGN TABLE b.old');
}
is(as('bob', table(good => "-- first\nSELECT COUNT(*) AS a, 'it''s ; ) DELETE' AS [b]] INTO] FROM dbo.Payments /* ; */ ; -- last") . 'SELECT a FROM b.good'),
	$payments, 'what is quoted or a comment is no matter');

# ---- whoever reads it ----

# Bob's T-SQL runs with the login of alice; so bob must still have the right then.
$db->run('GRANT SELECT ON b.q1, b.good, b.named TO alice');
is(as('alice', 'SELECT a FROM b.q1'), 1, 'somebody else may read it without the right');
my $session = $db->session;
$session->run('SET SESSION AUTHORIZATION alice; PREPARE p AS SELECT a FROM b.q1');
is($session->value('EXECUTE p'), 1, 'a prepared statement reads it');
$db->run('REVOKE EXECUTE ON FUNCTION ext.sambapos_query(text, text) FROM bob');
my $owner = qr/permission denied for foreign table "\w+": its owner "bob" may not pass T-SQL through.*login of every user who reads.*GRANT EXECUTE ON FUNCTION ext\.sambapos_query\(text, text\) TO bob; Or make/s;
for my $sql ('SELECT a FROM b.q1', 'SELECT sum(a) FROM b.q1', 'SELECT q1.a FROM b.q1 JOIN b.named USING (a)', 'SELECT count(*) FROM b.named n WHERE EXISTS (SELECT FROM b.q1 WHERE q1.a = n.a)',
	'SELECT a FROM b.good UNION ALL SELECT a FROM b.q1', 'SELECT a FROM b.q1 ORDER BY a LIMIT 1')
{
	refused("the owner has lost the right: $sql", $_, $sql, '42501', $owner) for 'alice', 'postgres';
}
refused('his own ANALYZE', 'bob', 'ANALYZE b.q1', '42501', $owner);
my $error = $session->error('EXECUTE p');
is($error && $error->{sqlstate}, '42501', 'the prepared statement does not outlive the right');
$session->close;
is(as('alice', 'SELECT count(*) FROM b.named'), 50, 'tables of the server are read as before');
like($db->run('EXPLAIN SELECT a FROM b.q1'), qr/Foreign Scan/, 'EXPLAIN runs nothing, and needs nothing');
is(as('alice', 'SELECT count(*) FROM b.q1 WHERE now() < $$2000-01-01$$::timestamptz'), 0, 'nor does a branch that does not run');
$db->run('ALTER FOREIGN TABLE b.q1 OWNER TO postgres');
is(as('alice', 'SELECT a FROM b.q1'), 1, 'the mend: an owner who has the right');
$db->run('ALTER FOREIGN TABLE b.q1 OWNER TO bob; GRANT EXECUTE ON FUNCTION ext.sambapos_query(text, text) TO bob');

# ---- it counts as passed through ----

# The lock that tells the transaction from another one is there whenever such a query runs, and what a text before
# it has left behind is not.
my $locked = q{SELECT CASE WHEN APPLOCK_MODE(N'public', N'sambapos_fdw', N'Transaction') = N'Shared' THEN 1 ELSE 0 END AS a, 1 AS b};
$db->run(table(locked => $locked));
is($db->value($_), 1, "marked: $_")
	for 'SELECT a FROM b.locked', 'SELECT sum(a) FROM b.locked', 'SELECT l.a FROM b.locked l JOIN b.q1 ON q1.a = l.a', 'SELECT max(a) FROM b.locked GROUP BY a LIMIT 1',
	'BEGIN; SELECT count(*) FROM b.named \gset
SELECT a FROM b.locked';
$db->run(table(locked_twice => "$locked UNION ALL $locked") . "ALTER FOREIGN TABLE b.locked_twice OPTIONS (ADD analyze_sampling 'off'); ANALYZE b.locked_twice");
is($db->value("SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'locked_twice' AND attname = 'a'"), '{1}', 'marked: ANALYZE');
$db->run("CREATE FOREIGN TABLE b.long (a text) SERVER till OPTIONS (query 'SELECT CAST(REPLICATE(CAST(N''x'' AS nvarchar(max)), 100) AS nvarchar(max)) AS a')");
is($db->value("BEGIN; SELECT * FROM ext.sambapos_query('till', 'SET TEXTSIZE 20; SELECT 1') AS q (n int) \\gset\nSELECT length(a) FROM b.long"), 100,
	'settings of a text before it are put back');

# ---- dumps ----

@ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
my $dump = Harness::command(qw(pg_dump --schema-only shop));
my $copy = $cluster->database('restored');
my (undef, $said) = $copy->psql($dump);
unlike($said, qr/ERROR/, 'a dump with such tables is restored by a superuser');
is($copy->value('SET SESSION AUTHORIZATION alice; SELECT a FROM b.q1'), 1, 'and they are read');

is(($till->sql('SELECT COUNT(*) FROM dbo.Payments') =~ /(\d+)/)[0], $payments, 'the till has what it had');
like($till->sql(q{SELECT CASE WHEN OBJECT_ID(N'dbo.Pwned') IS NULL THEN 'none' END}), qr/none/, 'and nothing more');
done_testing();
