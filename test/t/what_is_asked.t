# Promise: a run asks the till for what it needs. A master that has not changed is not read; whatever changes in one is
# found by the next run all the same, and all are read whole once a night. No question holds more than a thousand ids.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 5));
$till->sql('CREATE TABLE Oddities (Id int NOT NULL PRIMARY KEY, Small nvarchar(10) NULL, Long nvarchar(max) NULL, '
	. 'Price decimal(16,2) NULL, Weight float NULL, Cost money NULL, Made datetime NULL, Picture varbinary(max) NULL)');
$till->sql("INSERT INTO Oddities (Id, Small, Long, Price, Weight, Cost, Made, Picture) SELECT Id, N'x', N'y', 10, 1, 1, "
	. "'2026-03-01T10:00:00.000', 0x01 FROM MenuItems WHERE Id <= 5");
$till->sql('CREATE TABLE Unsigned (Id int NOT NULL PRIMARY KEY, Anything sql_variant NULL)');
$till->sql('INSERT INTO Unsigned (Id, Anything) VALUES (1, 1)');

my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run("SELECT * FROM sambapos_add_site('shop', 'till', tables => '{reporting,Oddities,Unsigned}')");
$db->run(q(SELECT sambapos_configure('shop', 'reconcile_interval', '0'))); # what a comparison asks is another matter
my @masters = map { $_->[0] } $db->rows(q(SELECT table_name FROM sambapos.replicated_table WHERE kind = 'master' ORDER BY 1));

# The masters that a sync has read, by its own account.
sub read_by
{
	my ($arguments) = @_;
	my @rows = $db->sync($arguments);
	is_deeply([ map { "$_->{table_name} $_->{status} " . ($_->{message} // '') } grep { $_->{status} ne 'ok' } @rows ], [], 'all tables ok');
	my %is_master = map { $_ => 1 } @masters;
	return join ' ', sort map { $_->{table_name} } grep { $is_master{ $_->{table_name} } && $_->{mode} ne 'none' } @rows;
}

# A number about the questions of ours since a mark.
sub questions
{
	my ($what, $mark, @words) = @_;
	my $with = join '', map { s/^!// ? " AND CHARINDEX('$_', sql) = 0" : " AND CHARINDEX('$_', sql) > 0" } @words;
	return $till->sql("SELECT $what FROM till.requests WHERE number > $mark AND application_name LIKE 'sambapos_fdw%'$with") =~ s/\s//gr;
}

my $silent = $ENV{SAMBAPOS_TEST_SERVER} ? 'a given server does not say what it was asked' : undef;
sub mark { return defined $silent ? undef : $till->sql('SELECT MAX(number) FROM till.requests') =~ s/\s//gr; }

is(read_by("'shop'"), "@masters", 'the first load reads all of them');
my $mark = mark();
is(read_by("'shop'"), 'unsigned', 'the second run reads the one that has a type without a signature');
SKIP:
{
	skip $silent, 1 if defined $silent;
	my $questions = questions('COUNT(*)', $mark);
	cmp_ok($questions, '<', scalar(@masters) + 3, "and asks $questions questions, less than one a master");
}

# Each of these is the only thing that changes.
my $id = 3;
for my $change ("Price = 100", "Price = -100", "Small = N''", 'Small = NULL', "Small = N'X'", "Long = N'z'",
	"Long = REPLICATE(N'y', 900) + N'a'", "Long = REPLICATE(N'y', 900) + N'b'", 'Weight = 1.0000000001', 'Cost = 1.0001',
	"Made = '2026-03-01T10:00:00.010'", 'Picture = 0x02', "Small = N'a', Long = N'b'", "Small = N'b', Long = N'a'")
{
	$till->sql("UPDATE Oddities SET $change WHERE Id = $id");
	is(read_by("'shop'"), 'oddities unsigned', "$change is found");
}
$till->sql('UPDATE Oddities SET Price = 12 WHERE Id IN (1, 2)');
is(read_by("'shop'"), 'oddities unsigned', 'two prices that are raised alike are found');
$till->sql('DELETE FROM Oddities WHERE Id = 5');
is(read_by("'shop'"), 'oddities unsigned', 'a row less is found');
is($db->value(q(SELECT string_agg(id || ' ' || row_state || ' ' || price, ', ' ORDER BY id) FROM sambapos_replica.oddities)),
	'1 live 12.00, 2 live 12.00, 3 live -100.00, 4 live 10.00, 5 deleted 10.00', 'and all of it is here');
is(read_by("'shop'"), 'unsigned', 'then all is quiet again');
is(read_by("'shop', mode => 'full'"), "@masters", 'a full run reads all');
$db->run(q(UPDATE sambapos.table_state SET read_whole_at = read_whole_at - interval '1 day'));
is(read_by("'shop'"), "@masters", 'so does the first run of a night');
is(read_by("'shop'"), 'unsigned', 'and only that one');

# Rows without a root are asked for by their ids.
$till->sql('INSERT INTO TicketEntities (EntityTypeId, EntityId, AccountId, AccountTypeId) SELECT TOP 2500 1, 1, 1, 1 FROM '
	. 'Tickets AS a CROSS JOIN Tickets AS b CROSS JOIN Tickets AS c');
read_by("'shop'");
is($db->value('SELECT count(*) FROM sambapos_replica.ticket_entities WHERE ticket_id IS NULL'), 2500, 'rows without a ticket');
$mark = mark();
read_by("'shop'");
SKIP:
{
	skip $silent, 2 if defined $silent;
	my $longest = questions("MAX(LEN(sql) - LEN(REPLACE(sql, ',', '')))", $mark, 'TicketEntities', ' IN (', '!HASHBYTES');
	cmp_ok($longest, '>', 900, 'they are asked for by their ids');
	cmp_ok($longest, '<', 1100, "in questions of a thousand at most ($longest commas)");
}

done_testing();
