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

# Asked once a table: no test here changes a table between two comparisons.
my %source_columns;

sub source_columns
{
	my ($till, $table) = @_;
	return @{ $source_columns{"$till->{connection} $table"} //= [ ask_source_columns($till, $table) ] };
}

sub ask_source_columns
{
	my ($till, $table) = @_;
	return split /\n/, $till->sql("SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS
		WHERE TABLE_SCHEMA = 'dbo' AND TABLE_NAME = '$table' ORDER BY ORDINAL_POSITION");
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

# (text of the live rows, columns compared, columns the replica lacks though nothing forbids them)
sub replica_text
{
	my ($db, $replica, $table, @source) = @_;
	my %type = map { $_->[0] => $_->[1] } $db->rows("SELECT attname, format_type(atttypid, NULL)
		FROM pg_attribute WHERE attrelid = 'sambapos_replica.\"$replica\"'::regclass
		AND attnum > 0 AND NOT attisdropped");
	my @names = column_names(@source);
	my (@compared, @expressions, @missing);
	for my $i (0 .. $#source)
	{
		if (exists $type{ $names[$i] })
		{
			push @compared, $source[$i];
			push @expressions, expression($names[$i], $type{ $names[$i] });
		}
		elsif (!$never{"$table.$source[$i]"})
		{
			push @missing, $source[$i];
		}
	}
	my $text = $db->run("SELECT " . join(" || E'\\t' || ", @expressions)
		. " FROM sambapos_replica.\"$replica\" WHERE row_state = 'live'");
	return ($text, \@compared, \@missing);
}

# Compares every replica table with its source; a list of texts that say what differs, and how many
# tables and rows were compared.
sub compare
{
	my ($till, $db) = @_;
	my %source = map { snake($_) => $_ } split /\n/, $till->ctl('tables');
	my (@differences, $rows);
	my @tables = replica_tables($db);
	for my $replica (@tables)
	{
		my $table = $source{$replica} or push(@differences, "$replica: no such table at the source"), next;
		my ($text, $compared, $missing) = replica_text($db, $replica, $table, source_columns($till, $table));
		push @differences, "$replica: lacks @$missing" if @$missing;
		my $dump = $till->ctl('dump', $table, '--columns', join(',', @$compared));
		my @wanted = split /\n/, $dump;
		$rows += @wanted;
		push @differences, line_differences($replica, \@wanted, [ split /\n/, $text ]);
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
	return map { $_ => $db->value("SELECT count(*) FROM sambapos_replica.\"$_\"") } replica_tables($db);
}

1;
