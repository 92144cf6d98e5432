# An older version, updated, has the same catalog as a fresh install: each object, its comment, rights and owner. Every
# script in sql/release is such an older version. Until there is one, and to show that the comparison misses nothing,
# two versions are made up of today's script: each statement of their upgrade script is left out once.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $from = "$Harness::root/test/upgrade";

sub read_file { open my $in, '<', $_[0] or die "$_[0]: $!\n"; local $/; return scalar <$in> }
sub write_file { open my $out, '>', $_[0] or die "$_[0]: $!\n"; print $out $_[1]; close $out or die "$_[0]: $!\n" }

# An installation of our own, into which versions can be put.
my $prefix = "$Harness::work/upgrade-$$.postgres";
chomp(my $pg_config = Harness::command("$Harness::root/test/harness/private-postgres", $prefix));
END { system('rm', '-rf', $prefix) if $prefix; }
Harness::command('make', '-s', '-C', $Harness::root, "PG_CONFIG=$pg_config", 'install');
local $ENV{SAMBAPOS_BINDIR} = $pg_config =~ s{/pg_config$}{}r;
chomp(my $share = Harness::command($pg_config, '--sharedir'));
sub script { return "$share/extension/sambapos_fdw--$_[0].sql" }

my ($version) = read_file("$share/extension/sambapos_fdw.control") =~ /^default_version *= *'(.*)'/m;
my $today = read_file(script($version));
my $cluster = Harness::cluster();
my $databases = 0;

# A database with one version, or with one that was updated to another.
sub database
{
	my ($installed, $updated_to) = @_;
	my $db = $cluster->database('d' . ++$databases);
	$db->run("CREATE EXTENSION sambapos_fdw VERSION '$installed'");
	$db->run("ALTER EXTENSION sambapos_fdw UPDATE TO '$updated_to'") if defined $updated_to;
	return $db;
}

# "object: property" => value. psql separates by bytes that no definition holds.
sub parse
{
	my ($output) = @_;
	my %catalog;
	for my $line (split /\x1e/, $output)
	{
		my ($object, $property, $value) = split /\x1f/, $line, 3;
		die "catalog.sql cannot describe this kind: $object\n" if $property eq 'unknown kind';
		die "catalog.sql names this twice: $object: $property\n" if exists $catalog{"$object: $property"};
		$catalog{"$object: $property"} = $value;
	}
	return \%catalog;
}

my @parsed = ('-F', "\x1f", '-R', "\x1e");
my $query = read_file("$from/catalog.sql");

sub catalog
{
	my ($db, $before, $after) = @_;
	my ($output, $errors) = $db->psql(($before // '') . $query . ($after // ''), @parsed);
	die $errors if $errors;
	return parse($output);
}

# What the one has and the other has not, or has otherwise: "object: property".
sub differences
{
	my ($updated, $fresh) = @_;
	my %all = (%$updated, %$fresh);
	return grep { ($updated->{$_} // 'missing') ne ($fresh->{$_} // 'missing') } sort keys %all;
}

sub same
{
	my ($updated, $fresh, $name) = @_;
	my @differences = differences($updated, $fresh);
	is(scalar @differences, 0, $name);
	diag("$_\n  updated: ", $updated->{$_} // 'missing', "\n  fresh:   ", $fresh->{$_} // 'missing') for @differences;
}

my $fresh = catalog(database($version));
cmp_ok(scalar keys %$fresh, '>', 1000, 'the catalog of a fresh install');

# ---- what was released ----

for my $file (glob "$Harness::root/sql/release/sambapos_fdw--*.sql")
{
	my ($released) = $file =~ /--(.+)\.sql$/;
	if ($released eq $version)
	{
		ok($today eq read_file($file), "$released is released: its install script is what it was");
		next;
	}
	write_file(script($released), read_file($file));
	my $updated = eval { catalog(database($released, $version)) };
	$updated ? same($updated, $fresh, "from $released to $version") : fail("from $released to $version: $@");
}

# ---- two made-up versions ----

my $path = "SET LOCAL search_path TO pg_catalog, pg_temp;\n";
my $update = read_file("$from/update.sql");
$cluster->database('roles')->run('CREATE ROLE made_role');
write_file(script('older'), $today . read_file("$from/old.sql"));
write_file(script('newer'), $today . read_file("$from/new.sql"));
write_file(script('older--newer'), $path . $update);

my $newer = catalog(database('newer'));
same(catalog(database('older', 'newer')), $newer, 'from the older made-up version to the newer one');

my $older = database('older');
for my $part (grep { /\A-- .*\n(?!--)/ } split /\n\n/, $update)
{
	my ($expected) = $part =~ /\A-- (.*)/;
	write_file(script('older--newer'), $path . ($update =~ s/\Q$part\E//r));
	my $lacking = catalog($older, "BEGIN; ALTER EXTENSION sambapos_fdw UPDATE TO 'newer';", '; ROLLBACK;');
	my %noticed = map { $_ => 1 } differences($lacking, $newer);
	ok($noticed{$expected}, "an upgrade script that leaves something out is noticed: $expected") or
		diag("only these: ", join(', ', sort keys %noticed) || 'nothing');
}

done_testing();
