# A server that answers IMPORT FOREIGN SCHEMA with what no server has: names twice, a hundred thousand of them, more
# columns than a table can have, names that work a terminal. Each has an answer, soon, and can be interrupted.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Time::HiRes qw(time);
use Harness;
use Proxy;

Harness::needs_stand_in('answer with a changed catalog');
my $till = Harness::till(qw(--encryption off));
$till->sql('CREATE SCHEMA odd');
$till->sql('CREATE TABLE odd.Aaa (Bbb int NOT NULL PRIMARY KEY, Ccc geography NULL)');
my $db = Harness::cluster()->database('importing');
$db->connect_till($till);
my $schemas = 0;

# IMPORT through a proxy; returns what psql says, and the seconds it takes.
sub import_through
{
	my ($change, $options, $before) = @_;
	my $proxy = Proxy->new($till, $change);
	my $schema = 's' . ++$schemas;
	my $password = $till->{password} =~ s/'/''/gr;
	$db->run("CREATE SCHEMA $schema; CREATE SERVER $schema FOREIGN DATA WRAPPER sambapos_fdw
		OPTIONS (host '127.0.0.1', port '$proxy->{port}', database '$till->{database}', encryption 'off');
		CREATE USER MAPPING FOR CURRENT_USER SERVER $schema OPTIONS (username '$till->{username}', password '$password')");
	my $start = time;
	my (undef, $said) = $db->psql(($before // '') . "IMPORT FOREIGN SCHEMA odd " . ($options->{which} // '') .
		" FROM SERVER $schema INTO $schema OPTIONS (name_case '" . ($options->{case} // 'snake') . "')");
	return ($said, time - $start, $schema);
}

# Rows of INFORMATION_SCHEMA.TABLES or COLUMNS, with other names in the place of Aaa or Bbb.
sub renamed
{
	my ($where, $old, @names) = @_;
	return sub {
		my ($sql, $answer) = @_;
		return $answer unless $sql =~ /FROM INFORMATION_SCHEMA\.$where /;
		return Proxy::repeat($answer, 'Aaa', sub {
			my ($row) = @_;
			my $at = index $row, Proxy::text($old);
			my ($before, $after) = (substr($row, 0, $at), substr $row, $at + length Proxy::text($old));
			return map { $before . Proxy::text($_) . $after } @names;
		});
	};
}

my ($said, $seconds, $schema) = import_through(renamed(TABLES => 'Aaa', 'Aaa'));
like($said, qr/column "Ccc" of table "Aaa" was left out/, 'through the proxy all is as it was');
is($db->value("SELECT count(*) FROM pg_class WHERE relnamespace = '$schema'::regnamespace"), 1, 'and imported');

# ---- twice ----

($said, $seconds) = import_through(renamed(TABLES => 'Aaa', ('Aaa') x 100000));
like($said, qr/ERROR:  HV000: the server's catalog names table "Aaa" twice/, 'a hundred thousand tables of one name are refused');
cmp_ok($seconds, '<', 30, 'soon');
($said, $seconds) = import_through(renamed(COLUMNS => 'Bbb', ('Bbb') x 100000));
like($said, qr/ERROR:  HV000: the server's catalog names column "Bbb" of table "Aaa" twice/, 'a hundred thousand columns of one name too');
cmp_ok($seconds, '<', 30, 'soon');

# ---- many ----

# 2^14 names that are one in small letters: each needs a number.
my $word = 'manycolumnsnow';
my @many = map { my $bits = $_; join '', map { $bits >> $_ & 1 ? uc substr $word, $_, 1 : substr $word, $_, 1 } 0 .. 13 } 0 .. 2**14 - 1;
($said, $seconds) = import_through(renamed(TABLES => 'Aaa', 'Aaa', @many), { case => 'lower', which => 'LIMIT TO (aaa, "manycolumnsnow_16000")' });
unlike($said, qr/ERROR/, '16384 tables that would have one name are imported under numbers');
cmp_ok($seconds, '<', 30, 'soon');
note("$seconds s");
my $list = join ', ', map { "t$_" } 1 .. 20000;
($said, $seconds) = import_through(renamed(TABLES => 'Aaa', 'Aaa', map { "U$_" } 1 .. 20000), { which => "EXCEPT ($list)" });
cmp_ok($seconds, '<', 60, 'a long list is compared with many tables soon');
($said, $seconds) = import_through(renamed(COLUMNS => 'Bbb', 'Bbb', map { "C$_" } 1 .. 1600));
like($said, qr/WARNING:.*54011: table "Aaa" was left out: it has 1602 columns, a table here has at most 1600/, 'more columns than a table can have');
($said, $seconds) = import_through(renamed(TABLES => 'Aaa', map { "T$_" } 1 .. 200000), {}, "SET statement_timeout = '300ms'; ");
like($said, qr/ERROR:  57014/, 'an import of many names can be interrupted');
note("$seconds s");

# ---- names that work a terminal ----

my $odd = "A\e[31m\x07\r\n\x{9B}1m\x{202E}";
my $renaming = sub { my ($sql, $answer) = @_; my ($from, $to) = map { Proxy::text($_) } 'Aaa', $odd; return $answer =~ s/\Q$from\E/$to/gr };
($said) = import_through($renaming);
like($said, qr/table "A\\x1B\[31m\\x07 \\x9B1m\\u202E" was left out/, 'control characters in a name are shown as what they are');
unlike($said, qr/[\e\x07\r]|\xC2\x9B|\xE2\x80\xAE/, 'and not sent');
($said) = import_through(renamed(TABLES => 'Aaa', $odd, $odd));
like($said, qr/names table "A\\x1B/, 'in an error too');
unlike($said, qr/[\e\x07\r]|\xC2\x9B|\xE2\x80\xAE/, 'and not sent');
done_testing();
