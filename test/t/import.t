# IMPORT FOREIGN SCHEMA brings in every table that a server may have, whatever it is called; what it
# cannot bring in it names. Promise: each imported column can be read, and holds what the column of that
# name holds at the server.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
my $db = Harness::cluster()->database('importing');
$db->connect_till($till);

# Names as nasty as SQL Server allows: each table has one row, and each column its own number in it.
my $long = 'x' x 127;
my %tables = (
	'a ] bracket' => [ 'Id', 'select', 'with space', 'quo"te', q{it's}, 'a]b', '[c]', '-- no comment', 'semi;colon' ],
	'İnönü Çay ılık' => [ 'İsim', 'ısı', 'isi', 'ağaç Ğ' ],
	order => [ 'group', 'from', 'user', 'table' ],
	"${long}1" => [ 'Id', "${long}a", "${long}b" ],
	"${long}2" => ['Id'],
	'new' . ('ş' x 100) => [ 'ğ' x 128 ],
	'TicketDate' => [ 'TicketId', 'Ticket_Id', 'ticket__id' ],
	'ticket_date' => ['A'],
	'system columns' => [ 'Xmax', 'CTID', 'Xmin', 'TableOid', 'Xmax_2', 'cMin', 'Cmax', 'oid' ]);
sub bracketed { my ($name) = @_; $name =~ s/\]/]]/g; return "[$name]" }

$till->sql('CREATE SCHEMA odd');
for my $table (sort keys %tables)
{
	my @columns = @{ $tables{$table} };
	$till->sql("CREATE TABLE odd." . bracketed($table) . ' (' . join(', ', map { bracketed($_) . ' int' } @columns) . ')');
	$till->sql("INSERT INTO odd." . bracketed($table) . ' VALUES (' . join(', ', 1 .. @columns) . ')');
}

# What the catalog of PostgreSQL remembers leads back to every name at the server.
sub check_names
{
	my ($schema, $case) = @_;
	$db->run("CREATE SCHEMA $schema");
	my (undef, $said) = $db->psql("IMPORT FOREIGN SCHEMA odd FROM SERVER till INTO $schema OPTIONS (name_case '$case')");
	is($said, '', "$case: every name can be imported, without a warning");
	my %found;
	for my $row ($db->rows(qq{SELECT substr(t, 12), string_agg(substr(c, 13), chr(1) ORDER BY attnum), ftrelid::regclass,
		string_agg(quote_ident(attname), ', ' ORDER BY attnum)
		FROM pg_foreign_table, unnest(ftoptions) AS t, pg_attribute, unnest(attfdwoptions) AS c
		WHERE t LIKE 'table_name=%' AND c LIKE 'column_name=%' AND attrelid = ftrelid AND ftrelid::regclass::text LIKE '$schema.%'
		GROUP BY ftrelid, t}))
	{
		$found{ $row->[0] } = [ split /\x01/, $row->[1] ];
		my ($values) = $db->rows("SELECT $row->[3] FROM $row->[2]");
		is_deeply($values, [ 1 .. @$values ], "$case: $row->[2] holds what it holds at the server");
	}
	is_deeply(\%found, \%tables, "$case: all tables and columns are there, under the names they have at the server");
}
check_names("odd_$_", $_) for qw(snake keep lower);

# Names that coincide: one keeps it, the others get a number, none that another one has by itself; and they stay
# apart where programs make camelCase of them.
my %named = (
	'a_id, AId, a_Id_2, aID' => 'a_id_3 aid a_id_2 a_id',
	'AccountTransactionId, AccountTransaction_Id' => 'account_transaction_id account_transaction_id_2',
	'AccountTransaction_Id, AccountTransactionId' => 'account_transaction_id_2 account_transaction_id',
	'AccountTransactionId, AccountTransaction_Id, AccountTransactionId2' => 'account_transaction_id account_transaction_id_3 account_transaction_id2',
	'ab, A_B, _ab, a__b, AB_' => 'ab a_b _ab_2 a__b_2 ab__3',
	'Xmax, CTID, xmax_2, oid' => 'xmax_3 ctid_2 xmax_2 oid',
	"${long}a, ${long}b" => undef);
my $number = 0;
for my $columns (sort keys %named)
{
	my $table = 'Named' . ++$number;
	$till->sql("CREATE TABLE dbo.$table (" . join(', ', map { "[$_] int" } split /, /, $columns) . ')');
	$db->run("IMPORT FOREIGN SCHEMA dbo LIMIT TO (\"$table\") FROM SERVER till INTO public");
	my @local = map { $_->[0] } $db->rows("SELECT attname FROM pg_attribute WHERE attrelid = 'named$number'::regclass AND attnum > 0 ORDER BY attnum");
	is("@local", $named{$columns}, "names of $columns") if defined $named{$columns};
	my %camel = map { (lcfirst s/_+(.?)/\U$1/gr) => 1 } @local;
	is(keys %camel, split(/, /, $columns) + 0, "$columns stay apart in camelCase");
}

# Somebody's types of the same names, before PostgreSQL's own on the search path.
$till->sql('CREATE TABLE dbo.Trap (A nvarchar(max) NULL, B varbinary(5) NULL, C uniqueidentifier NULL, D date NULL, E xml NULL, F int NULL, G nvarchar(9) NULL, H decimal(5,2) NULL)');
$db->run('CREATE SCHEMA evil; ' . join ' ', map { "CREATE DOMAIN evil.$_ AS pg_catalog.int4;" }
	qw(text bytea uuid date xml "integer" int4 varchar "character varying" numeric bool));
$db->run('SET search_path = evil, pg_catalog; CREATE SCHEMA trapped; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Trap") FROM SERVER till INTO trapped');
is($db->value("SELECT string_agg(format('%s.%s', n.nspname, t.typname), ' ' ORDER BY attnum) FROM pg_attribute JOIN pg_type t ON t.oid = atttypid JOIN pg_namespace n ON n.oid = typnamespace
	WHERE attrelid = 'trapped.trap'::regclass AND attnum > 0"), join(' ', map { "pg_catalog.$_" } qw(text bytea uuid date xml int4 varchar numeric)),
	'types are PostgreSQL\'s own');

# Types without a counterpart.
$till->sql('CREATE SCHEMA shapes');
$till->sql('CREATE TABLE shapes.Places (Id int NOT NULL PRIMARY KEY, Place geography NULL, Path hierarchyid NULL, Name nvarchar(20) NULL)');
$till->sql('CREATE TABLE shapes.OnlyShapes (Shape geometry NULL)');
my (undef, $said) = $db->psql('IMPORT FOREIGN SCHEMA shapes FROM SERVER till INTO public');
like($said, qr/WARNING:.*column "$_->[0]" of table "$_->[1]" was left out: type $_->[2] is not supported/, "$_->[2] is reported")
	for [ 'Place', 'Places', 'geography' ], [ 'Path', 'Places', 'hierarchyid' ], [ 'Shape', 'OnlyShapes', 'geometry' ];
like($said, qr/WARNING:.*table "OnlyShapes" was left out: none of its columns can be read/, 'a table of nothing else too');
is_deeply([ map { $_->[0] } $db->rows(q{SELECT attname FROM pg_attribute WHERE attrelid = 'places'::regclass AND attnum > 0 ORDER BY attnum}) ],
	[ 'id', 'name' ], 'the rest of the table is imported');

# Views, on demand only.
$till->sql('CREATE VIEW shapes.[Named Places] AS SELECT Id, Name FROM shapes.Places');
$till->sql(q{INSERT INTO shapes.Places (Id, Name) VALUES (7, N'Çeşme')});
(undef, $said) = $db->psql('CREATE SCHEMA no_views; IMPORT FOREIGN SCHEMA shapes FROM SERVER till INTO no_views');
is($db->value(q{SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'no_views'::regnamespace}), 'places', 'a view is not imported unasked');
$db->run(q{IMPORT FOREIGN SCHEMA shapes LIMIT TO ("Named Places") FROM SERVER till INTO public OPTIONS (import_views 'true')});
is_deeply([ $db->rows('SELECT id, name FROM "named places"') ], [ [ 7, 'Çeşme' ] ], 'a view can be imported and read');

# Nothing there.
$till->sql('CREATE SCHEMA bare');
my $error = $db->error('IMPORT FOREIGN SCHEMA bare FROM SERVER till INTO public');
is($error->{sqlstate}, 'HV00Q', 'an empty schema is an error of its own class');
like($error->{message}, qr/schema "bare" of server "till" shows no tables/, 'that says so');
like($error->{hint}, qr/GRANT SELECT ON SCHEMA::\[bare\]/, 'and what may be the matter');
$error = $db->error('IMPORT FOREIGN SCHEMA nowhere FROM SERVER till INTO public');
is($error->{sqlstate}, 'HV00Q', 'an absent schema as well');
like($error->{message}, qr/schema "nowhere" does not exist on server "till"/, 'with its own words');

# LIMIT TO what is not there.
(undef, $said) = $db->psql('CREATE SCHEMA few; IMPORT FOREIGN SCHEMA shapes LIMIT TO (places, plaices) FROM SERVER till INTO few');
like($said, qr/WARNING:.*schema "shapes" of server "till" has no table "plaices"/, 'a name that nothing has is reported');
unlike($said, qr/WARNING.*"places"/, 'and only that');
is($db->value(q{SELECT count(*) FROM pg_class WHERE relkind = 'f' AND relnamespace = 'few'::regnamespace}), 1, 'the others are imported');
done_testing();
