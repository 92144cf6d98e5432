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
	my $bytes = $db->error('SELECT body FROM far.bytes LIMIT 1');
	is($bytes && $bytes->{sqlstate}, $refused && $refused->{sqlstate} || 'HV004', "$mode: text is no bytea");
	$db->run('ALTER SERVER till OPTIONS (DROP invalid_text)');
}

done_testing();
