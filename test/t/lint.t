# Promise: `make lint` finds a name of ours that is looked up outside pg_catalog (test/lint/search_path), and code
# on the wrong side of the border between C++ and PostgreSQL, however deep it lies (test/lint/border), and a light or an
# alert that the manual does not have (test/lint/alerts).
use strict;
use warnings;
use FindBin;
use File::Temp qw(tempdir);
use Test::More;

my $lint = "$FindBin::Bin/../lint/search_path";
my $dir = tempdir(CLEANUP => 1);
my $path = 'SET LOCAL search_path TO pg_catalog, pg_temp;';
my $clause = 'SET search_path = pg_catalog, pg_temp';

# What the lint says of an install script with this text after its beginning; '' if nothing.
sub said
{
	my ($text, $begin) = @_;
	open my $out, '>', "$dir/part.sql" or die $!;
	print $out $begin // "\\echo no\n-- a comment\n$path\n", $text;
	close $out;
	return scalar `$lint $dir/part.sql`;
}
sub function { return "CREATE FUNCTION $_[0] RETURNS text\nLANGUAGE $_[1] AS\n\$\$ SELECT 1; \$\$;\n" }
sub procedure { return "CREATE PROCEDURE sambapos.p(site text)\nLANGUAGE plpgsql AS\n\$\$\n$_[0]\n\$\$;\n" }

is(said(function('sambapos.f()', "sql STABLE $clause")), '', 'a function with the clause');
is(said(procedure("DECLARE\n  n integer;\n  t pg_catalog.text[];\nBEGIN\n  $path\n  n := 1;\n  COMMIT;\n  $path\n  n := 2;\n  COMMIT;\nEND;")), '', 'a procedure that sets the path');

my @bad = (
	[ 'no path at the beginning', qr/does not begin/, '', "CREATE SCHEMA x;\n" ],
	[ 'something before the path', qr/does not begin/, '', "\\echo no\nSELECT 1 = 1;\n$path\n" ],
	[ 'a function without the clause', qr/routine without/, function('sambapos.f()', 'sql') ],
	[ 'a function with another path', qr/routine without/, function('sambapos.f()', 'sql SET search_path = public, pg_catalog') ],
	[ 'a longer path', qr/routine without/, function('sambapos.f()', "sql $clause, public") ],
	[ 'a clause in a comment', qr/routine without/, function('sambapos.f()', "sql -- $clause\n") ],
	[ 'a function that is replaced', qr/routine without/, function('sambapos.f()', 'sql') =~ s/CREATE/CREATE OR REPLACE/r ],
	[ 'a path that is taken back', qr/another search_path/, "ALTER FUNCTION sambapos.f() RESET search_path;\n" ],
	[ 'another path in a procedure', qr/another search_path/, procedure("BEGIN\n  $path\n  SET LOCAL search_path TO public;\nEND;") ],
	[ 'a small commit', qr/evaluated after commit/, procedure("BEGIN\n  $path\n  commit;\n  n := a + b;\nEND;") ],
	[ 'a materialized view without its schema', qr/without its schema/, "CREATE MATERIALIZED VIEW v AS SELECT 1;\n" ],
	[ 'a function without its schema', qr/without its schema/, function('f()', "sql $clause") ],
	[ 'a call in the extension\'s schema', qr/extension's schema/, "CREATE VIEW sambapos.v AS\nSELECT * FROM \@extschema\@.sambapos_status();\n" ],
	[ 'a procedure that begins with something else', qr/begins without/, procedure("BEGIN\n  n := 1;\n  $path\nEND;") ],
	[ 'an expression after COMMIT', qr/evaluated after COMMIT/, procedure("BEGIN\n  $path\n  COMMIT;\n  IF a <> b THEN\n    NULL;\n  END IF;\nEND;") ],
	[ 'an expression after ROLLBACK', qr/evaluated after ROLLBACK/, procedure("BEGIN\n  $path\n  ROLLBACK;\n  n := a + b;\nEND;") ],
	[ 'an expression after a procedure that commits', qr/evaluated after CALL/, procedure("BEGIN\n  $path\n  CALL sambapos.p(site);\n  n := a + b;\nEND;") ],
	[ 'a loop that goes on after COMMIT', qr/evaluated after COMMIT/, procedure("BEGIN\n  $path\n  WHILE a < b LOOP\n    COMMIT;\n  END LOOP;\nEND;") ],
	[ 'a declaration with a value', qr/declared with a value/, procedure("DECLARE\n  n integer := a + b;\nBEGIN\n  $path\nEND;") ],
	[ 'a declaration with a type by name', qr/type that search_path decides/, procedure("DECLARE\n  t text;\nBEGIN\n  $path\nEND;") ]);
like(said($_->[2], $_->[3]), $_->[1], $_->[0]) for @bad;

# The border between C++ and PostgreSQL, in a folder as deep as no source is yet.
my $tree = "$dir/tree";
my $deep = 'src/fdw/deparse/deeper';
sub crosses
{
	my ($file, $text) = @_;
	system("rm -rf $tree; mkdir -p $tree/$deep $tree/src/tds/deeper $tree/src/bridge/deeper") == 0 or die;
	open my $out, '>', "$tree/$file" or die $!;
	print $out $text;
	close $out;
	system("g++ -O2 -c -o $tree/" . ($file =~ s/cpp$/o/r) . " $tree/$file") == 0 or die if $text !~ /include|PG_TRY/;
	return scalar `$FindBin::Bin/../lint/border $tree`;
}
my $jumped_over = "void call();\nstruct Holder { ~Holder(); };\nvoid f() { Holder h; call(); }\n";

is(crosses("$deep/x.cpp", "void call();\nvoid f() { call(); }\n"), '', 'a plain function');
like(crosses("$deep/x.cpp", $jumped_over), qr/deeper\/x\.cpp\na destructor/, 'a destructor across a call');
is(crosses('src/tds/deeper/x.cpp', $jumped_over), '', 'a destructor in src/tds');
like(crosses('src/tds/deeper/x.hpp', "#include \"bridge/pg.hpp\"\n"), qr/must not see PostgreSQL/, 'PostgreSQL in src/tds');
like(crosses("$deep/x.hpp", "#include <sybdb.h>\n"), qr/may see FreeTDS/, 'FreeTDS outside');
like(crosses("$deep/x.hpp", "#include \"utils/rel.h\"\n"), qr/only include/, 'another include of PostgreSQL');
is(crosses('src/bridge/deeper/x.hpp', "#include \"utils/rel.h\"\n"), '', 'the bridge may');
like(crosses("$deep/x.hpp", "PG_TRY();\n"), qr/PG_TRY belongs/, 'PG_TRY outside the bridge');
like(crosses("$deep/x.cpp", "#include \"x\"\n"), qr/deeper\/x\.cpp: not compiled/, 'a source without an object');

# The manual's lines for lights and alerts.
sub manual
{
	my ($from, $to) = @_;
	open my $in, '<', "$FindBin::Bin/../../doc/operations.md" or die $!;
	my $text = do { local $/; <$in> } =~ s/$from/$to/r;
	open my $out, '>', "$dir/manual.md" or die $!;
	print $out $text;
	close $out;
	return scalar `cd $FindBin::Bin/../.. && test/lint/alerts $dir/manual.md`;
}
is(manual('', ''), '', 'the manual has a line for each light and each alert');
like(manual(qr/^\| `dead letters` .*\n/m, ''), qr/has no line for alert "dead letters"/, 'an alert without a line');
like(manual(qr/^\| asleep .*\n/m, ''), qr/has no line for light "asleep"/, 'a light without a line');
like(manual('`busy`', '`busier`'), qr/a line for alert "busier", which there is not/, 'a line without an alert');

done_testing();
