# National text arrives character by character as it stands at the server, with invalid_text 'error' and 'replace'
# (which fetches the bytes of UTF-16 and decodes them here). What is expected is Perl's own decoding.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Encode qw(decode encode);
use Harness;

my $till = Harness::till();
my $db = Harness::cluster()->database('national');
$db->connect_till($till);

# Each character where encodings change their length, at each place of texts around the size of what is copied at once.
my @characters = map { chr } 0x01, 0x20, 0x7F, 0x80, 0xA0, 0xFF, 0x100, 0x131, 0x17F, 0x180, 0x7FF, 0x800, 0x20AC, 0x7F7F, 0x8080, 0xD7FF, 0xE000, 0xFFFD,
	0x10000, 0x1F600, 0x10FFFF;
my $around = 'The quick brown fox jumps';
my @texts = ('');
for my $length (1, 7, 8, 9, 17)
{
	for my $place (0 .. $length - 1)
	{
		push @texts, map { substr($around, 0, $place) . $_ . substr($around, $place + 1, $length - $place - 1) } @characters;
	}
}
# What UTF-16 can hold and text cannot, as its bytes in hexadecimal digits, the low one of each unit first.
my @invalid = ('3DD8', '00DE', '4100' x 8 . '3DD8', '4100' x 8 . '00DE' . '4100', '3DD83DD800DE', '0000', '4100' x 8 . '0000' . '4200' x 8);

# Makes a table of one row for each T-SQL expression.
sub fill
{
	my ($table, @values) = @_;
	my $id = 0;
	$till->sql("CREATE TABLE $table (Id int NOT NULL PRIMARY KEY, Body nvarchar(max) NULL, Short nvarchar(40) NULL)");
	while (my @some = splice @values, 0, 200)
	{
		$till->sql("INSERT INTO $table (Id, Body, Short) VALUES " . join(', ', map { $id++; "($id, $_, $_)" } @some));
	}
}
fill('Texts', map { encode('UTF-8', "N'$_'") } @texts);
$db->run('CREATE SCHEMA far; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Texts") FROM SERVER till INTO far');

$till->sql('CREATE TABLE Variants (Id int NOT NULL PRIMARY KEY, Body sql_variant NULL)');
$till->sql("INSERT INTO Variants VALUES (1, N'\xE2\x82\xBA 5'), (2, 42), (3, CAST('abc' AS varchar(5)))");
$db->run('IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Variants") FROM SERVER till INTO far');
$db->run("CREATE FOREIGN TABLE far.bytes (body bytea OPTIONS (column_name 'Body', remote_type 'nvarchar(max)')) SERVER till OPTIONS (table_name 'Texts')");

# Every byte of the code page; those that it gives no character (0x81 and its like) FreeTDS cannot convert, and SQL
# Server takes them for the control characters of the same number.
my @bytes = map { sprintf 'A%02XB', $_ } 1 .. 255;
$till->sql('CREATE TABLE Paged (Id int NOT NULL PRIMARY KEY, Body varchar(max) NULL, Short varchar(40) NULL, Fixed char(3) NULL, Old text NULL)');
while (my @some = splice @bytes, 0, 100)
{
	$till->sql('INSERT INTO Paged (Id, Body, Short, Fixed, Old) VALUES ' . join ', ', map {
		my $code = hex substr $_, 1, 2;
		"($code, " . join(', ', ("'A' + CHAR($code) + 'B'") x 4) . ')'
	} @some);
}
my @paged = map { my $c = chr; my $u = decode('cp1252', $c); 'A' . ($u eq "\x{FFFD}" ? $c : $u) . 'B' } 1 .. 255;
my @unassigned = (0x81, 0x8D, 0x8F, 0x90, 0x9D);
$db->run('IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Paged") FROM SERVER till INTO far');
$db->run("CREATE FOREIGN TABLE far.unrecorded (id integer OPTIONS (column_name 'Id'), body text OPTIONS (column_name 'Body'))
	SERVER till OPTIONS (table_name 'Paged')");

sub read_texts
{
	my ($table, $column, $grouped) = @_;
	return [ map { $_->[0] } $db->rows("SELECT '=' || encode(convert_to($column, 'UTF8'), 'hex') FROM far.$table " . ($grouped // '') . ' ORDER BY id') ];
}
sub expected { return [ map { '=' . unpack 'H*', encode('UTF-8', $_) } @_ ] }

for my $mode (qw(error replace))
{
	$db->run("ALTER SERVER till OPTIONS (ADD invalid_text '$mode')");
	my $refused = $mode eq 'replace' ? $db->error('SELECT id FROM far.texts LIMIT 1') : undef;
	SKIP:
	{
		skip 'the server gives no UTF-16', 8 if $refused && $refused->{sqlstate} eq '0A000';
		is_deeply(read_texts('texts', $_), expected(@texts), "$mode: all " . @texts . " texts of $_") for qw(body short);
		is_deeply(read_texts('variants', 'body'), expected("\x{20BA} 5", '42', 'abc'), "$mode: a variant as its text");
		next if $mode eq 'error';
		fill('Broken', map { "CAST(0x$_ AS nvarchar(40))" } @invalid);
		$db->run('IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Broken") FROM SERVER till INTO far');
		my @replaced = map { my $text = decode('UTF-16LE', pack('H*', $_), Encode::FB_DEFAULT); $text =~ s/\0/\x{FFFD}/gr } @invalid;
		is_deeply(read_texts('broken', $_), expected(@replaced), "$mode: U+FFFD in the place of what is no text, in $_") for qw(body short);
		$db->run("ALTER SERVER till OPTIONS (ADD text_semantics 'server')");
		like(join('', map { $_->[0] } $db->rows('EXPLAIN (VERBOSE) SELECT max(body) FROM far.broken')), qr/MAX\(/, 'the server computes max');
		is_deeply(read_texts('broken', $_, 'GROUP BY id'), expected(@replaced), "$mode: also in $_ from the server") for qw(max(body) min(short));
		$db->run('ALTER SERVER till OPTIONS (DROP text_semantics)');
	}
	for my $column (qw(body short fixed old))
	{
		if ($mode eq 'replace')
		{
			is_deeply(read_texts('paged', $column), expected(@paged), "$mode: every byte of a code page, in $column");
			next;
		}
		my %unassigned = map { $_ => 1 } @unassigned;
		is_deeply(read_texts('paged', $column, 'WHERE id NOT IN (' . join(', ', @unassigned) . ')'),
			expected(map { $unassigned{$_} ? () : $paged[$_ - 1] } 1 .. 255), "$mode: every byte that has a character, in $column");
		is($db->error("SELECT $column FROM far.paged WHERE id = $_")->{sqlstate}, '22021', "$mode: 0x81 cannot be converted, in $column") for 0x81;
	}
	my $bytes = $db->error('SELECT body FROM far.bytes LIMIT 1');
	is($bytes && $bytes->{sqlstate}, $refused && $refused->{sqlstate} || 'HV004', "$mode: text is no bytea");
	$db->run('ALTER SERVER till OPTIONS (DROP invalid_text)');
}

# What the sync reads with: nothing may be lost on the way, so a question mark of the client library is an error.
my $on = q(SET sambapos.replace_invalid_text = on;);
my $sync = "$on SET client_min_messages = error;";
is_deeply([ map { $_->[0] } $db->rows("$sync SELECT '=' || encode(convert_to(body, 'UTF8'), 'hex') FROM far.paged ORDER BY id") ],
	expected(@paged), 'the setting of the sync: every byte of a code page');
is($db->error("$sync SELECT body FROM far.unrecorded WHERE id = 129")->{sqlstate}, '22021', 'what cannot be fetched as bytes is an error');
is($db->value("$sync SELECT body FROM far.unrecorded WHERE id = 65"), 'AAB', 'and is read where it is text');

# Any role may set it; a server that has other bytes than UTF-16 is not misread.
SKIP:
{
	skip 'needs a switch of the stand-in', 6 if !$till->{directory};
	$till->control('national_as_utf8', 'on');
	my $session = $db->session;
	is($session->value('SELECT body FROM far.paged WHERE id = 65'), 'AAB', 'a session that has not asked for the bytes');
	for my $try (1, 2)
	{
		my $error = $session->error("$on SELECT body FROM far.paged WHERE id = 65");
		is($error->{sqlstate}, '0A000', "UTF-8 for UTF-16, try $try");
		like($error->{hint} // '', qr/sambapos\.replace_invalid_text/, 'the hint names the setting') if $try == 1;
	}
	is($session->error("$on ANALYZE far.paged")->{sqlstate}, '0A000', 'ANALYZE is refused too');
	is($session->value('SET sambapos.replace_invalid_text = off; SELECT body FROM far.paged WHERE id = 65'), 'AAB', 'the session stays usable');
	$till->control('reset', '');
	is($db->value("$sync SELECT body FROM far.paged WHERE id = 65"), 'AAB', 'a server that gives UTF-16 again');
}

done_testing();
