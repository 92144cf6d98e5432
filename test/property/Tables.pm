# The tables that are queried, and their rows, made from a seed. Every row is written twice from one list: as
# T-SQL for the server, as SQL for the local copy. The foreign tables come from IMPORT FOREIGN SCHEMA.
#
#   my $tables = Tables->new($seed);
#   $tables->create_far($till);                      at the server, in schema dbo
#   $tables->create_near($db);                       schema far: foreign tables; schema near: the same rows, local
#
# A column: { name, local, remote, type, kind, scale, nullable }. Its kind is what expressions go by: int, num,
# bool, date, ts, text, char, uuid, float, time, tstz, bytea; its type is what IMPORT must have made of the remote one.

package Tables;
use strict;
use warnings;
use Dice;
use Values;

# Name, rows, columns: name, remote type, NULLs in percent. Every first column is the key.
my @definitions = (
	[ 'PropShops', 9, [ Id => 'int', 0 ], [ ParentId => 'int', 30 ], [ ShopName => 'nvarchar(40)', 0 ], [ IsOpen => 'bit', 20 ],
		[ Rating => 'tinyint', 20 ], [ OpenedOn => 'date', 20 ], [ Turnover => 'decimal(38,10)', 20 ],
		[ ManagerUid => 'uniqueidentifier', 20 ] ],
	[ 'PropProducts', 24, [ Id => 'bigint', 0 ], [ ShopId => 'int', 20 ], [ Label => 'nvarchar(40)', 15 ],
		[ Code => 'varchar(20)', 25 ], [ Price => 'money', 15 ], [ Tax => 'decimal(5,2)', 25 ], [ Weight => 'float', 25 ],
		[ Stock => 'smallint', 20 ], [ MadeAt => 'smalldatetime', 25 ], [ CheckedAt => 'datetime2(3)', 25 ],
		[ IsSold => 'bit', 0 ] ],
	[ 'PropSales', 90, [ Id => 'int', 0 ], [ ShopId => 'int', 0 ], [ ProductId => 'bigint', 25 ], [ Quantity => 'decimal(5,2)', 20 ],
		[ Amount => 'decimal(16,2)', 0 ], [ Discount => 'decimal(19,4)', 40 ], [ SoldAt => 'datetime', 15 ], [ Day => 'date', 15 ],
		[ IsPaid => 'bit', 15 ], [ Note => 'nvarchar(40)', 25 ], [ Waiter => 'int', 30 ] ],
	[ 'PropNumbers', 45, [ Id => 'int', 0 ], [ Tiny => 'tinyint', 20 ], [ Small => 'smallint', 20 ], [ Whole => 'int', 20 ],
		[ Big => 'bigint', 20 ], [ Narrow => 'decimal(5,2)', 20 ], [ Price => 'decimal(19,4)', 20 ], [ Rate => 'decimal(38,10)', 20 ],
		[ Wide => 'decimal(38,0)', 20 ], [ Cash => 'money', 20 ], [ Coins => 'smallmoney', 20 ], [ Ratio => 'float', 20 ],
		[ Share => 'real', 20 ] ],
	[ 'PropMoments', 45, [ Id => 'int', 0 ], [ Day => 'date', 20 ], [ At => 'datetime', 20 ], [ AtMinute => 'smalldatetime', 20 ],
		[ At0 => 'datetime2(0)', 20 ], [ At3 => 'datetime2(3)', 20 ], [ At6 => 'datetime2(6)', 20 ], [ At7 => 'datetime2(7)', 20 ],
		[ OClock => 'time(3)', 20 ], [ Abroad => 'datetimeoffset(3)', 20 ], [ Whole => 'int', 20 ] ],
	[ 'PropWords', 60, [ Id => 'int', 0 ], [ Word => 'nvarchar(40)', 15 ], [ Other => 'nvarchar(40)', 15 ], [ Ascii => 'varchar(20)', 15 ],
		[ Long => 'nvarchar(max)', 20 ], [ Padded => 'char(6)', 20 ], [ Raw => 'varbinary(8)', 25 ], [ Uid => 'uniqueidentifier', 20 ],
		[ Whole => 'int', 20 ] ],
);

my %kinds = (bit => 'bool', tinyint => 'int', smallint => 'int', int => 'int', bigint => 'int', decimal => 'num', money => 'num',
	smallmoney => 'num', real => 'float', float => 'float', date => 'date', datetime => 'ts', smalldatetime => 'ts', datetime2 => 'ts',
	time => 'time', datetimeoffset => 'tstz', uniqueidentifier => 'uuid', varbinary => 'bytea', nvarchar => 'text', varchar => 'text',
	char => 'char', nchar => 'char');

my %local_types = (bit => 'boolean', tinyint => 'smallint', smallint => 'smallint', int => 'integer', bigint => 'bigint',
	money => 'numeric(19,4)', smallmoney => 'numeric(10,4)', real => 'real', float => 'double precision', date => 'date',
	datetime => 'timestamp without time zone', smalldatetime => 'timestamp without time zone',
	datetime2 => 'timestamp without time zone', time => 'time without time zone', datetimeoffset => 'timestamp with time zone',
	uniqueidentifier => 'uuid', varbinary => 'bytea');

sub local_type
{
	my ($remote) = @_;
	return 'text' if $remote =~ /\(max\)/;
	return "character$1" if $remote =~ /^n?char(\(\d+\))/;
	return "character varying$1" if $remote =~ /^n?varchar(\(\d+\))/;
	return "numeric$1" if $remote =~ /^decimal(.*)/;
	return $local_types{ Values::base_type($remote) } // die "no local type of $remote";
}

sub snake
{
	my ($name) = @_;
	return lc $name =~ s/(?<=[a-z0-9])(?=[A-Z])/_/gr;
}

sub column
{
	my ($name, $remote, $nulls) = @_;
	$remote =~ s/7/$Values::most_digits/ if $remote eq 'datetime2(7)';
	my $type = local_type($remote);
	my ($scale) = $type =~ /^numeric\(\d+,(\d+)\)/;
	return { name => $name, local => snake($name), remote => $remote, type => $type, nulls => $nulls, nullable => $nulls > 0,
		scale => $scale, kind => $kinds{ Values::base_type($remote) } };
}

# ---- rows ----

sub cell
{
	my ($column, $row) = @_;
	return $row if $column->{name} eq 'Id';
	return undef if Dice::chance($column->{nulls});
	return Dice::below(12) if $column->{name} =~ /Id$/ && $column->{kind} eq 'int';
	return Values::random($column->{remote});
}

sub new
{
	my ($class, $seed) = @_;
	my @tables;
	for my $definition (@definitions)
	{
		my ($name, $count, @columns) = @$definition;
		@columns = map { column(@$_) } @columns;
		Dice::seed($seed, 'table', $name);
		push @tables, { name => $name, local => snake($name), columns => \@columns,
			rows => [ map { my $row = $_; [ map { cell($_, $row) } @columns ] } 1 .. $count ] };
	}
	return bless { seed => $seed, tables => \@tables }, $class;
}

sub all { my ($self) = @_; return @{ $self->{tables} }; }

sub table
{
	my ($self, $name) = @_;
	my ($table) = grep { $_->{name} eq $name } $self->all;
	return $table;
}

# ---- at the server ----

sub far_definition
{
	my ($table, @columns) = @_;
	return "CREATE TABLE [dbo].[$table->{name}] (" . join(', ',
		map { "[$_->{name}] $_->{remote} " . ($_->{nullable} ? 'NULL' : 'NOT NULL') . ($_->{name} eq 'Id' ? ' PRIMARY KEY' : '') } @columns)
		. ')';
}

# One INSERT; the columns are given by their places.
sub insert
{
	my ($table, $into, $names, $literal, $rows, @places) = @_;
	my @columns = @{ $table->{columns} };
	return '' unless @$rows;
	return "INSERT INTO $into (" . join(', ', map { $names->($columns[$_]) } @places) . ") VALUES\n" . join(",\n",
		map { my $row = $_; '  (' . join(', ', map { $literal->($columns[$_]{remote}, $row->[$_]) } @places) . ')' } @$rows);
}

sub far_insert
{
	my ($table, $rows, @places) = @_;
	return insert($table, "[dbo].[$table->{name}]", sub { "[$_[0]{name}]" }, \&Values::for_server, $rows, @places);
}

sub near_insert
{
	my ($table, $rows, @places) = @_;
	return insert($table, "near.$table->{local}", sub { $_[0]{local} }, \&Values::for_local, $rows, @places);
}

# Runs T-SQL that may be long and hold any character.
sub run_far
{
	my ($till, $sql) = @_;
	my $file = "$Harness::work/property-$$.sql";
	open my $handle, '>:encoding(UTF-8)', $file or die "$file: $!";
	print $handle $sql;
	close $handle or die "$file: $!";
	my $done = eval { $till->ctl('sql', '-f', $file); 1 };
	my $error = $@;
	unlink $file;
	die "$error$sql" unless $done;
	return;
}

sub create_far
{
	my ($self, $till) = @_;
	for my $table ($self->all)
	{
		my $drop = "IF OBJECT_ID('dbo.$table->{name}') IS NOT NULL DROP TABLE [dbo].[$table->{name}]";
		run_far($till, join "\nGO\n", $drop, far_definition($table, @{ $table->{columns} }),
			far_insert($table, $table->{rows}, 0 .. $#{ $table->{columns} }));
	}
	return;
}

# ---- here ----

sub create_near
{
	my ($self, $db) = @_;
	my $names = join ', ', map { qq("$_->{name}") } $self->all;
	my $sql = "DROP SCHEMA IF EXISTS far, near CASCADE; CREATE SCHEMA far; CREATE SCHEMA near;\n"
		. "IMPORT FOREIGN SCHEMA dbo LIMIT TO ($names) FROM SERVER till INTO far;\n";
	for my $table ($self->all)
	{
		$sql .= "CREATE TABLE near.$table->{local} ("
			. join(', ', map { "$_->{local} $_->{type}" . ($_->{nullable} ? '' : ' NOT NULL') } @{ $table->{columns} }) . ");\n"
			. near_insert($table, $table->{rows}, 0 .. $#{ $table->{columns} }) . ";\nANALYZE near.$table->{local};\n";
	}
	$sql .= "CREATE COLLATION IF NOT EXISTS public.caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);\n";
	utf8::encode($sql);
	$db->run($sql);
	return;
}

# Columns that IMPORT FOREIGN SCHEMA made otherwise than the copy; an empty list is right.
sub unlike
{
	my ($db) = @_;
	my $columns = 'SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_attribute a
		JOIN pg_class c ON c.oid = a.attrelid WHERE a.attnum > 0 AND c.relkind IN (\'r\', \'f\') AND c.relnamespace =';
	return $db->rows("($columns 'far'::regnamespace EXCEPT $columns 'near'::regnamespace)
		UNION ALL ($columns 'near'::regnamespace EXCEPT $columns 'far'::regnamespace)");
}

# Puts other rows into a table, on both sides.
sub replace_rows
{
	my ($table, $till, $db, $rows) = @_;
	my @places = 0 .. $#{ $table->{columns} };
	run_far($till, join "\nGO\n", "DELETE FROM [dbo].[$table->{name}]", far_insert($table, $rows, @places) || ());
	my $sql = "TRUNCATE near.$table->{local}; " . near_insert($table, $rows, @places);
	utf8::encode($sql);
	$db->run($sql);
	return;
}

1;
