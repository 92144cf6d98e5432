# What the tests stand on: install-deps asks apt only when apt can know, no test is skipped without a word, and a
# comparison of two sides names all that differs.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use File::Temp qw(tempdir);
use IPC::Run ();
use Test::More;
use Canonical;

my $harness = "$FindBin::Bin/../harness";

# ---- install-deps, on a machine that is made up ----

my $dir = tempdir(CLEANUP => 1);

sub put
{
	my ($name, $text) = @_;
	open my $file, '>', "$dir/$name" or die $!;
	print $file "#!/bin/sh\n$text\n";
	close $file;
	chmod 0755, "$dir/$name";
}

# Nothing but packages.list is installed, and apt knows what updated.list has once it was updated.
put('dpkg-query', <<~SH);
	name=; for name in "\$@"; do :; done
	case \$name in
	*'*') sed "s/^/installed /" $dir/installed.list | grep "^installed \${name%\\*}" || : ;;
	*) if grep -qx "\$name" $dir/installed.list; then printf installed; else exit 1; fi ;;
	esac
	SH
put('apt-cache', qq{[ ! -e $dir/updated ] || ! grep -qx "\$2" $dir/offered.list || echo '  Candidate: 16+259'});
put('apt-get', qq{echo "\$*" >>$dir/asked; case "\$*" in *update) touch $dir/updated ;; esac});
put('id', 'echo 1000');
put('sudo', '[ "$1" != env ] || exec "$@"');

sub install_deps
{
	my ($installed, $offered, @options) = @_;
	put('installed.list', join "\n", @$installed);
	put('offered.list', join "\n", @$offered);
	unlink "$dir/updated", "$dir/asked";
	local $ENV{PATH} = "$dir:$ENV{PATH}";
	delete local $ENV{PG_MAJOR};
	IPC::Run::run([ "$harness/install-deps", @options ], '<', \undef, '>', \my $said, '2>', \my $errors);
	open my $asked, '<', "$dir/asked" or return (int($? >> 8), $errors);
	return (int($? >> 8), $errors, map { chomp; s/^-q -y //r } <$asked>);
}

my @optional = qw(postgresql-16-plpgsql-check clang-format-14);
my ($status, $errors, @asked) = install_deps([], [ 'postgresql', @optional ]);
is($asked[0], 'update', 'a new machine: apt is updated');
like($asked[1], qr/^install .*postgresql-16-cron.* postgresql-16-plpgsql-check clang-format-14$/, 'before it is asked what there is');
is("$#asked $status $errors", '1 0 ', 'and that is all');
($status, $errors, @asked) = install_deps(['postgresql-server-dev-16'], [ 'postgresql', @optional ]);
is($asked[0], 'update', 'a machine with PostgreSQL, on which apt was never updated');
like($asked[1], qr/^install (?!.*server-dev).* postgresql-16-plpgsql-check clang-format-14$/, 'gets the rest');
(undef, undef, @asked) = install_deps(['postgresql-server-dev-16'], ['postgresql']);
like($asked[1], qr/^install .*postgresql-16-pgtap(?!.*plpgsql-check)/, 'what is not offered is left out');
my @all = split ' ', $asked[1] =~ s/.*recommends //r;
($status, $errors, @asked) = install_deps([ 'postgresql-server-dev-16', @all ], ['postgresql']);
is("$status $errors@asked", '0 ', 'nothing to do: nothing is asked');
($status, undef, @asked) = install_deps(['postgresql-server-dev-16'], ['postgresql'], '--check');
is("$status@asked", '1', '--check only says that something is missing');

# ---- what was skipped ----

my $output = <<'END';
lint: no clang-format-14, format not checked
[05:45:16] test/t/b.t .. skipped: a given server cannot be made to hang
[05:45:17] test/t/a.t .. 
ok 1 # skip the server gives no UTF-16
ok 2 # skip the server gives no UTF-16
ok 3 - skipped is not what this is
test/pgtap/function_bodies.sql .. 
ok 2 # SKIP: plpgsql_check is not installed
not ok 3 # TODO later
12: /src/resolve_test.cpp:197: Skipped
12: no network of its own
12: 
12: [  SKIPPED ] Resolve.x (0 ms)
12: [  SKIPPED ] 1 test, listed below:
12: [  SKIPPED ] Resolve.x
END
IPC::Run::run([ "$harness/skips", 'tap' ], '<', \$output, '>', \my $skips);
is($skips, <<'END', 'what was skipped is listed, with the reason');
skipped: tap: no clang-format-14, format not checked
skipped: tap: test/t/b.t: all of it: a given server cannot be made to hang
skipped: tap: test/t/a.t: the server gives no UTF-16 (2 tests)
skipped: tap: test/pgtap/function_bodies.sql: plpgsql_check is not installed
skipped: tap: test/pgtap/function_bodies.sql: Resolve.x: no network of its own
END

# ---- what differs ----

is(scalar(grep { /only at the source: z$/ } Canonical::line_differences('t', [qw(a z)], [qw(a b c d e)])), 1,
	'a line that one side lacks is named beside however many of the other side');

done_testing();
