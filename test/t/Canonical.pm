# The same canonical text from both sides, by two ways that share no code with each other or with the sync:
# the source's by tillctl (a DB-Library client), the replica's by SQL made here from pg_attribute.
#
#   my @differences = Canonical::differences($till, $db);    live rows against the source's rows
#   my %counts = Canonical::row_counts($db);                 all rows ever kept, table by table

package Canonical;
use strict;
use warnings;

# What the replica adds to a table's own columns.
my %bookkeeping = map { $_ => 1 } qw(site_id epoch row_state first_seen_at synced_at version);

# Source columns that are never copied: secrets, and what may hold them. Of Users only three are copied.
my %never = map { $_ => 1 } qw(Users.PinCode Users.Password PaymentTypes.ProcessorSettings Payments.PaymentData
	ProgramSettingValues.Value Printers.CustomPrinterData);

# The design's naming rule, written down a second time.
sub snake
{
	my ($name) = @_;
	return lc($name =~ s/(?<=[a-z0-9])(?=[A-Z])/_/gr);
}

# Replica names of one table's columns; where two collide, the one written with an underscore gets a number.
sub column_names
{
	my (@source) = @_;
	my %taken;
	$taken{ snake($_) }++ for @source;
	return map {
		my $name = snake($_);
		$taken{$name} > 1 && /_/ ? "${name}_2" : $name
	} @source;
}

# { table => [ its columns ] } of the source.
sub source_columns
{
	my ($till) = @_;
	my %columns;
	for (split /\n/, $till->sql("SELECT TABLE_NAME, COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS
		WHERE TABLE_SCHEMA = 'dbo' ORDER BY TABLE_NAME, ORDINAL_POSITION"))
	{
		my ($table, $column) = split /\t/;
		push @{ $columns{$table} }, $column;
	}
	return \%columns;
}

sub replica_tables
{
	my ($db) = @_;
	return map { $_->[0] } $db->rows("SELECT relname FROM pg_class
		WHERE relnamespace = 'sambapos_replica'::regnamespace AND relkind IN ('r', 'p')
		AND relname NOT LIKE '%\\_history' ORDER BY relname");
}

# One column's text, as tillctl writes it: a bit is 1 or 0, a datetime has three digits of a second (and
# more only if the replica has more, which then is a difference), binary is hexadecimal.
sub expression
{
	my ($name, $type) = @_;
	my $column = "\"$name\"";
	my $text = "$column\::text";
	$text = "$column\::int::text" if $type eq 'boolean';
	$text = "encode($column, 'hex')" if $type eq 'bytea';
	$text = "regexp_replace(to_char($column, 'YYYY-MM-DD HH24:MI:SS.US'), '000\$', '')"
		if $type eq 'timestamp without time zone';
	return "coalesce(replace(replace(replace(replace($text, E'\\\\', E'\\\\\\\\'), E'\\t', '\\t'), "
		. "E'\\n', '\\n'), E'\\r', '\\r'), '\\N')";
}

# { table => { column => type } } of the replica.
sub replica_types
{
	my ($db) = @_;
	my %types;
	$types{ $_->[0] }{ $_->[1] } = $_->[2] for $db->rows("SELECT c.relname, a.attname, format_type(a.atttypid, NULL)
		FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
		WHERE c.relnamespace = 'sambapos_replica'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped");
	return \%types;
}

# What is compared of a table: (source columns, expressions over the replica's, columns that the replica lacks though
# nothing forbids them)
sub compared_columns
{
	my ($type, $table, @source) = @_;
	my @names = column_names(@source);
	my (@compared, @expressions, @missing);
	for my $i (0 .. $#source)
	{
		if (exists $type->{ $names[$i] })
		{
			push @compared, $source[$i];
			push @expressions, expression($names[$i], $type->{ $names[$i] });
		}
		elsif (!$never{"$table.$source[$i]"})
		{
			push @missing, $source[$i];
		}
	}
	return (\@compared, \@expressions, \@missing);
}

# What both sides print before the rows of a table.
sub sections
{
	my ($text) = @_;
	my (%lines, $current);
	for (split /\n/, $text)
	{
		if (/^\x1e(\w+)$/) { $current = $lines{$1} = []; }
		else { push @$current, $_; }
	}
	return \%lines;
}

# Compares every replica table with its source; a list of texts that say what differs, and how many
# tables and rows were compared.
sub compare
{
	my ($till, $db) = @_;
	my %source = map { snake($_) => $_ } split /\n/, $till->ctl('tables');
	my $columns = source_columns($till);
	my $types = replica_types($db);
	my (@differences, @wanted, @queries, $rows);
	my @tables = replica_tables($db);
	for my $replica (@tables)
	{
		my $table = $source{$replica} or push(@differences, "$replica: no such table at the source"), next;
		my ($compared, $expressions, $missing) = compared_columns($types->{$replica}, $table, @{ $columns->{$table} });
		push @differences, "$replica: lacks @$missing" if @$missing;
		push @wanted, "$table:" . join(',', @$compared);
		push @queries, "SELECT E'\\x1e$table'; SELECT " . join(" || E'\\t' || ", @$expressions)
			. " FROM sambapos_replica.\"$replica\" WHERE row_state = 'live';\n";
	}
	my $there = sections($till->ctl('dump', '--headers', @wanted));
	my $here = sections($db->run("BEGIN ISOLATION LEVEL REPEATABLE READ;\n@queries COMMIT;"));
	for my $replica (grep { $source{$_} } @tables)
	{
		my $table = $source{$replica};
		$rows += @{ $there->{$table} };
		push @differences, line_differences($replica, $there->{$table}, $here->{$table});
	}
	return { differences => \@differences, tables => scalar @tables, rows => $rows };
}

# The lines that stand on one side only.
sub line_differences
{
	my ($name, $wanted, $found) = @_;
	my %balance;
	$balance{$_}++ for @$wanted;
	$balance{$_}-- for @$found;
	return map { "$name: only at the " . ($balance{$_} > 0 ? 'source' : 'replica') . ": $_" } grep { $balance{$_} } sort keys %balance;
}

sub row_counts
{
	my ($db) = @_;
	my @tables = replica_tables($db) or return;
	return map { @$_ } $db->rows(join ' UNION ALL ', map { "SELECT '$_', count(*) FROM sambapos_replica.\"$_\"" } @tables);
}

1;
