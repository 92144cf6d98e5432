# The values that tables and queries are made of: few common ones, so that joins meet and groups fill, and the
# edges of each type. Each is written for both sides by hand, never converted by what is under test.
#
#   Values::pool('datetime')             the values of a remote type, as PostgreSQL writes them
#   Values::for_server('datetime', $v)   the literal in T-SQL
#   Values::for_local('datetime', $v)    the literal here
#   Values::constants('ts')              literals for queries, of a kind of expression

package Values;
use strict;
use warnings;
use utf8;
use Dice;

# ---- what columns hold ----

my @few = (0, 1, 2, 3, 5, 7);
my @common_days = qw(2024-01-31 2024-02-28 2024-02-29 2024-03-01 2023-02-28 2023-12-31 2024-01-01 2024-03-31);
my @common_times = map { ("2024-02-28 $_", "2024-02-29 $_") } '00:00:00', '10:20:30', '23:59:59';
my @words = ('', 'a', 'A', 'abc', 'ABC', 'Abc', 'abc ', 'abc  ', ' abc', 'ab', 'abd', '10', '9', '100%', '1_0',
	'a%b', 'a_b', 'axb', '[a]', '[a-c]', 'a[b', 'a]b', 'a^b', 'a\\b', 'a\\%b', "o'clock", "''", '"q"', 'a-b',
	'co-op', 'coop', "a\tb", "a\nb", 'z', 'Z', 'x' x 20);
my @accents = ('çay', 'Çay', 'cay', 'Cay', 'é', 'e', 'É', 'ß', 'ss', 'æ', 'ae', 'ü', 'u', 'ñ', 'ö');
my @unicode = ('İ', 'ı', 'I', 'i', 'İstanbul', 'ISTANBUL', 'istanbul', 'ıstanbul', "e\x{301}", 'Ω', 'ω', 'Σ', 'ς', 'σ',
	'😀', 'a😀b', '𝄞', "\x{fffd}", "\x{e000}", "a\x{200d}b", "a\x{ad}b", 'が', "か\x{3099}", '１', 'ﬁ', 'fi', 'Ž');

# Common values first, then edges. datetime has ticks of 1/300 s, shown with three digits.
my %pools = (
	bit => [ [ 0, 1 ], [] ],
	tinyint => [ \@few, [ 127, 128, 255 ] ],
	smallint => [ [ @few, -1 ], [ -32768, 32767, 255, 256 ] ],
	int => [ [ @few, -1, 4 ], [ -2147483648, 2147483647, 32768, 65536, -7 ] ],
	bigint => [ [ @few, -1 ],
		[qw(-9223372036854775808 9223372036854775807 2147483648 -2147483649 5000000000)] ],
	'decimal(5,2)' => [ [qw(0.00 1.00 1.50 2.00 2.50 -1.00 0.01 5.00)], [qw(-999.99 999.99 0.99 -0.01 99.50)] ],
	'decimal(16,2)' => [ [qw(0.00 1.00 1.50 2.00 2.50 -1.00 0.01 5.00 12.35)],
		[qw(-99999999999999.99 99999999999999.99 1000000.00 -0.05)] ],
	'decimal(19,4)' => [ [qw(0.0000 1.0000 1.5000 2.0000 2.5000 -1.0000 0.0100 12.3456)],
		[qw(-999999999999999.9999 999999999999999.9999 0.0001 -0.0001 0.5000)] ],
	'decimal(38,10)' => [ [qw(0.0000000000 1.0000000000 1.5000000000 2.0000000000 -1.0000000000 0.0100000000)],
		[qw(-9999999999999999999999999999.9999999999 9999999999999999999999999999.9999999999 0.0000000001
			-0.0000000001 1234567890123456789.0123456789 0.3333333333)] ],
	'decimal(38,0)' => [ \@few, [ '9' x 38, '-' . '9' x 38, '12345678901234567890' ] ],
	money => [ [qw(0.0000 1.0000 1.5000 2.5000 -1.0000 12.3456 0.0100)],
		[qw(-922337203685477.5808 922337203685477.5807 0.0001 -0.0001)] ],
	smallmoney => [ [qw(0.0000 1.0000 1.5000 -1.0000 12.3456)], [qw(-214748.3648 214748.3647 0.0001)] ],
	real => [ [ 0, 1, 1.5, 2.5, -1 ], [qw(0.1 3.4028235e+38 1e-30 16777216)] ],
	float => [ [ 0, 1, 1.5, 2.5, -1 ], [qw(0.1 1e+300 -1e+300 1e-300 0.30000000000000004 9007199254740993)] ],
	date => [ \@common_days, [qw(0001-01-01 0001-01-02 1582-10-10 1752-09-14 1899-12-31 9999-12-30 9999-12-31)] ],
	datetime => [ [ @common_times, map { "2024-02-29 10:20:30.$_" } qw(003 007 997) ],
		[ '1753-01-01 00:00:00', '1899-12-31 23:59:59.997', '9999-12-31 23:59:59.997', '2024-02-28 23:59:59.997',
			'2023-12-31 23:59:59.993', '2024-01-31 12:00:00.123', '2024-03-31 00:00:00.003' ] ],
	smalldatetime => [ [ map { s/:\d\d$/:00/r } @common_times ],
		[ '1900-01-01 00:00:00', '2079-06-06 23:59:00', '2024-01-31 00:01:00', '2023-12-31 23:59:00' ] ],
	'datetime2(0)' => [ \@common_times, [ '0001-01-01 00:00:00', '9999-12-31 23:59:59', '2024-01-31 12:00:00' ] ],
	'datetime2(3)' => [ [ @common_times, '2024-02-29 10:20:30.003', '2024-02-29 10:20:30.007' ],
		[ '0001-01-01 00:00:00.001', '9999-12-31 23:59:59.999', '2024-02-29 10:20:30.123', '2024-02-28 23:59:59.999' ] ],
	'datetime2(6)' => [ [ @common_times, '2024-02-29 10:20:30.003', '2024-02-29 10:20:30.123456' ],
		[ '0001-01-01 00:00:00.000001', '9999-12-31 23:59:59.999999', '2024-02-29 10:20:30.003333',
			'2024-02-28 23:59:59.999999' ] ],
	'datetime2(7)' => [ [ @common_times, '2024-02-29 10:20:30.1234560', '2024-02-29 10:20:30.1234564' ],
		[ '2024-02-29 10:20:30.1234565', '2024-02-28 23:59:59.9999995', '2024-02-28 23:59:59.9999994',
			'0001-01-01 00:00:00', '9999-12-31 23:59:59.9999999' ] ],
	'time(3)' => [ [qw(00:00:00 10:20:30 23:59:59)], [qw(23:59:59.999 00:00:00.001 12:00:00.5)] ],
	'datetimeoffset(3)' => [ [ '2024-02-29 10:20:30+00', '2024-02-29 00:00:00+00', '2024-02-28 21:00:00+00' ],
		[ '2024-02-29 10:20:30.003+03', '2024-02-28 23:30:00-05' ] ],
	uniqueidentifier => [ [ map { "6f9619ff-8b86-d011-b42d-00c04fc964f$_" } 0 .. 5 ],
		[qw(00000000-0000-0000-0000-000000000000 ffffffff-ffff-ffff-ffff-ffffffffffff
			ff19966f-868b-11d0-b42d-00c04fc964ff)] ],
	varbinary => [ [qw(00 01 61 6162)], [ '', 'ff00', '0000', '00ff10' ] ],
	nvarchar => [ [ @words[ 0 .. 10 ] ], [ @words, @accents, @unicode ] ],
	varchar => [ [ @words[ 0 .. 10 ] ], [ @words, @accents ] ],
	char => [ [qw(a A abc ABC)], [ '', 'ab', 'a b', 'çay', 'x%', '[a]' ] ],
);
$pools{nchar} = $pools{char};

# PostgreSQL keeps microseconds; the seventh digit is rounded half up, and these are the results.
my %rounded = (
	'2024-02-29 10:20:30.1234560' => '2024-02-29 10:20:30.123456',
	'2024-02-29 10:20:30.1234564' => '2024-02-29 10:20:30.123456',
	'2024-02-29 10:20:30.1234565' => '2024-02-29 10:20:30.123457',
	'2024-02-28 23:59:59.9999995' => '2024-02-29 00:00:00',
	'2024-02-28 23:59:59.9999994' => '2024-02-28 23:59:59.999999',
	'9999-12-31 23:59:59.9999999' => '10000-01-01 00:00:00',
);

# Some servers keep six digits only, and their catalog says so whatever was declared.
our $most_digits = 7;

sub without_seventh_digit
{
	$most_digits = 6;
	@$_ = grep { !/\.\d{6}[1-9]/ } @$_ for @{ $pools{'datetime2(7)'} };
	return;
}

# Some servers compute with dates before 1753 as if they were of type datetime.
sub without_early_dates
{
	@$_ = grep { !/^(?:0|1[0-6]|17[0-4]|175[0-3])/ } @$_ for map { @{ $pools{$_} } } 'date', grep { /^datetime/ } sort keys %pools;
	return;
}

# No value from which a small step leaves the calendar.
sub without_calendar_ends
{
	without_early_dates();
	@$_ = grep { !/^(?:999|1\d{4})/ } @$_ for map { @{ $pools{$_} } } 'date', grep { /^datetime/ } sort keys %pools;
	return;
}

sub base_type
{
	my ($type) = @_;
	return $type =~ s/\(.*//r;
}

sub pool
{
	my ($type) = @_;
	my $pool = $pools{$type} // $pools{ base_type($type) } // die "no values for $type";
	return @$pool;
}

sub random
{
	my ($type) = @_;
	my ($common, $edges) = pool($type);
	return Dice::pick(@$edges && Dice::chance(20) ? @$edges : @$common);
}

# ---- as literals ----

sub quote
{
	my ($text) = @_;
	return "'" . $text =~ s/'/''/gr . "'";
}

sub for_server
{
	my ($type, $value) = @_;
	return 'NULL' unless defined $value;
	my $base = base_type($type);
	return $value if $base =~ /^(?:bit|tinyint|smallint|int|bigint|decimal|money|smallmoney)$/;
	return 'N' . quote($value) if $base =~ /^n(?:var)?char$/;
	return quote($value) if $base =~ /^(?:var)?char$|^uniqueidentifier$/;
	return "0x$value" if $base eq 'varbinary';
	$value =~ s/ /T/;
	$value =~ s/([+-]\d\d)$/$1:00/ if $base eq 'datetimeoffset';
	return "CAST('$value' AS $type)";
}

sub for_local
{
	my ($type, $value) = @_;
	return 'NULL' unless defined $value;
	my $base = base_type($type);
	return $value if $base =~ /^(?:tinyint|smallint|int|bigint|decimal|money|smallmoney)$/;
	return $value ? 'true' : 'false' if $base eq 'bit';
	return "'\\x$value'" if $base eq 'varbinary';
	return quote($rounded{$value} // $value);
}

# ---- what queries compare with ----

sub typed
{
	my ($type, @values) = @_;
	return map { "$type '$_'" } @values;
}

my %constants = (
	int => [ [ @few, 4, -1, 8 ],
		[ -7, 255, 256, 32767, 32768, 2147483647, -2147483648, 2147483648, 5000000000, '9223372036854775807' ] ],
	num => [ [qw(0.0 1.0 1.5 2.50 0.01 5.00 -1.00 12.3456 1000)],
		[ qw(0.005 0.0049 1.555 999.99 12.34561 0.0000000001 0.00000000001 99999999999999.991 922337203685477.5807), '1' . '0' x 38,
			typed('numeric', qw(NaN Infinity -Infinity 1e1000)) ] ],
	date => [ [ typed('date', @common_days) ],
		[ typed('date', '0001-01-01', '9999-12-31', '10000-01-01', '0001-01-01 BC', 'infinity', '-infinity', '1753-01-01') ] ],
	ts => [ [ typed('timestamp', @common_times, '2024-02-29 10:20:30.003', '2024-02-29 10:20:30.007') ],
		[ typed('timestamp', '2024-02-29 10:20:30.004', '2024-02-29 10:20:30.003333', '2024-02-29 10:20:30.123456',
				'2024-02-28 23:59:59.998', '2024-02-28 23:59:59.999999', '0001-01-01', '1752-12-31 23:59:59.999',
				'9999-12-31 23:59:59.997', '9999-12-31 23:59:59.9999', '10000-01-01', 'infinity', '-infinity') ] ],
	text => [ [ map { quote($_) } @words[ 0 .. 12 ] ], [ map { quote($_) } @words, @accents, @unicode ] ],
	char => [ [ map { quote($_) } 'a', 'A', 'abc', 'ABC', 'abc   ' ], [ map { quote($_) } '', 'a b', 'abc ', ' a', 'abcdefgh' ] ],
	bool => [ [qw(true false)], [] ],
	uuid => [ [ typed('uuid', @{ $pools{uniqueidentifier}[0] }) ], [ typed('uuid', @{ $pools{uniqueidentifier}[1] }) ] ],
	float => [ [ map { "$_\::float8" } '0', '1', '1.5', '2.5' ], [ map { "$_\::float8" } '0.1', '1e300' ] ],
	interval => [ [ typed('interval', '1 day', '1 month', '-1 day', '1 year', '12 hours') ],
		[ typed('interval', '-1 month', '29 days', '1 month 1 day 01:02:03', '0.003 seconds', '1 year 1 month',
				'0.000001 seconds', '-1 year', '13 months', '90 minutes', '1 week') ] ],
	time => [ [ typed('time', qw(00:00:00 10:20:30 23:59:59)) ], [ typed('time', '23:59:59.999') ] ],
	tstz => [ [ typed('timestamptz', '2024-02-29 10:20:30+00', '2024-02-29 00:00:00+00') ], [] ],
	bytea => [ [ map { "'\\x$_'::bytea" } '00', '61', '6162' ], [ "''::bytea" ] ],
	small => [ [ 1 .. 4, 7 ], [ 10, 60, 366 ] ],
	digits => [ [ 0 .. 2 ], [ 4, 6 ] ],
	pattern => [ [ map { quote($_) } 'a%', '%b', 'a_b', '%', 'abc', 'A%', '_', '%a%' ],
		[ map { quote($_) } '', '[a]%', 'a[b', '%[%', 'a\\%b', 'a\\_b', '%\\%', '1__', "o'%", 'abc %', '%😀%', '_😀_', 'İ%', '%ı%', 'ç%', 'a^%',
				'%]%', '__', "%\n%", '%%', 'co-%' ] ],
);

sub constant
{
	my ($kind) = @_;
	my ($common, $edges) = @{ $constants{$kind} // die "no constants of $kind" };
	return Dice::pick(@$edges && Dice::chance(14) ? @$edges : @$common);
}

# A value that a column of this remote type may hold, as a literal of a query.
my %literal_of = (
	int => sub { $_[0] }, num => sub { $_[0] }, bool => sub { $_[0] ? 'true' : 'false' }, text => \&quote, char => \&quote,
	float => sub { "'$_[0]'::float8" }, bytea => sub { "'\\x$_[0]'::bytea" },
	map { my ($kind, $type) = @$_; $kind => sub { (typed($type, $rounded{ $_[0] } // $_[0]))[0] } }
		[ date => 'date' ], [ ts => 'timestamp' ], [ uuid => 'uuid' ], [ time => 'time' ], [ tstz => 'timestamptz' ],
);

sub constant_like
{
	my ($kind, $remote) = @_;
	return $literal_of{$kind}->(random($remote));
}

# The type a parameter of this value is declared with.
sub parameter_type
{
	my ($kind, $text) = @_;
	my %types = (num => 'numeric', ts => 'timestamp', bool => 'boolean', float => 'float8', tstz => 'timestamptz', char => 'bpchar');
	return $types{$kind} // $kind unless $kind eq 'int';
	return $text =~ /^-?\d+$/ && abs($text) > 2147483647 ? 'bigint' : 'integer';
}

1;
