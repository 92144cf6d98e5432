# The same query on both sides: one psql whose search path finds the foreign tables, one that finds the copies.
#
#   my $sides = Sides->new($db);
#   my $outcome = $sides->run($query, @settings);    { far, near, whole, plan }
#
# far and near: { rows => [[text or undef]], sqlstate, message }; whole: near's answer without LIMIT and OFFSET, when
# the query has them; plan: EXPLAIN's tree. A value is PostgreSQL's own text of it, so that 1.0 and 1.00 differ.

package Sides;
use strict;
use warnings;
use IPC::Open2 ();
use JSON::PP ();
use Tree;

my $null = "\x02";
my ($column_end, $row_end, $answer_end) = ("\x1f", "\x1e", "\x1d");

# Settings that change the plan and must not change the answer.
our @plan_settings = qw(enable_hashjoin enable_mergejoin enable_nestloop enable_hashagg enable_sort enable_material enable_memoize);

sub new
{
	my ($class, $db) = @_;
	my $sides = bless { db => $db }, $class;
	$sides->{$_} = start($db, $_) for qw(far near);
	return $sides;
}

sub start
{
	my ($db, $schema) = @_;
	local @ENV{ keys %{ $db->{cluster}{environment} } } = values %{ $db->{cluster}{environment} };
	open my $errors, '>', "$Harness::work/property-$$-$schema.log" or die $!;
	open my $saved, '>&', \*STDERR or die $!;
	open STDERR, '>&', $errors or die $!;
	my $pid = IPC::Open2::open2(my $out, my $in, 'psql', qw(-X -A -t -q -d), $db->{name}, '-F', $column_end, '-R', $row_end,
		'-P', "null=$null", '-f', '-');
	open STDERR, '>&', $saved or die $!;
	my $session = { schema => $schema, pid => $pid, in => $in, out => $out, sent => 0, read => 0, buffer => '' };
	say_to($session, "SET search_path = $schema, public; SET plan_cache_mode = force_generic_plan; SET jit = off;
		SET timezone = 'Europe/Istanbul'; SET datestyle = 'ISO, YMD'; SET extra_float_digits = 1");
	die "no session: see the log of $schema" if answer($session)->{sqlstate};
	return $session;
}

# Sends one or more statements; the answer is that of the last one's error, and all rows.
sub say_to
{
	my ($session, $sql) = @_;
	my $text = "$sql\n;\n\\echo $answer_end :LAST_ERROR_MESSAGE\n\\echo end " . ++$session->{sent} . " :SQLSTATE\n";
	utf8::encode($text);
	local $SIG{PIPE} = 'IGNORE';
	syswrite $session->{in}, $text;
	return;
}

sub answer
{
	my ($session) = @_;
	my $end = "\nend " . ++$session->{read} . ' ';
	my ($at, $from) = (-1, 0);
	while (($at = index $session->{buffer}, $end, $from) < 0 || length $session->{buffer} < $at + length($end) + 6)
	{
		$from = length $session->{buffer} > 20 ? length($session->{buffer}) - 20 : 0;
		sysread $session->{out}, $session->{buffer}, 65536, length $session->{buffer}
			or return { rows => [], sqlstate => '08000', message => "the session has ended: $session->{buffer}" };
	}
	my $sqlstate = substr $session->{buffer}, $at + length $end, 5;
	my $text = substr $session->{buffer}, 0, $at;
	substr($session->{buffer}, 0, $at + length($end) + 6) = '';
	my $message_at = rindex $text, $answer_end;
	return { rows => [], sqlstate => $sqlstate, message => substr $text, $message_at + 2 } unless $sqlstate eq '00000';
	return { rows => rows_of(substr $text, 0, $message_at) };
}

sub rows_of
{
	my ($text) = @_;
	return [] if $text eq '';
	chop $text;
	return [ map { row_of($_) } $text eq '' ? '' : split /$row_end/, $text, -1 ];
}

sub row_of
{
	my ($text) = @_;
	return [''] if $text eq '';
	return [ map { $_ eq $null ? undef : $_ } split /$column_end/, $text, -1 ];
}

sub ask
{
	my ($session, $sql) = @_;
	say_to($session, $sql);
	return answer($session);
}

sub near { my ($sides, $sql) = @_; return ask($sides->{near}, $sql); }

# ---- both sides ----

sub without_limit
{
	my ($query) = @_;
	return { %$query, limit => undef, offset => undef };
}

my $nothing = 'SELECT WHERE false';

# Sends what belongs to one query; the answers are in the order of @steps.
my @steps = qw(prepare explain run finish);

sub send_query
{
	my ($session, $statements, @settings) = @_;
	say_to($session, join '; ', (map { "SET $_ = off" } @settings), $statements->{prepare} // $nothing);
	say_to($session, $statements->{$_}) for qw(explain run);
	say_to($session, join '; ', (map { "RESET $_" } @settings), $statements->{finish} // $nothing);
	return;
}

# The answer to the query: an error of any step is its error.
sub receive_query
{
	my ($session) = @_;
	my %answers = map { $_ => answer($session) } @steps;
	my ($error) = grep { $_->{sqlstate} } @answers{qw(prepare run explain)};
	return ($error // $answers{run}, $answers{explain});
}

sub run
{
	my ($sides, $query, @settings) = @_;
	my ($far, $near) = @$sides{qw(far near)};
	my $statements = Tree::statements($query);
	my $whole = $query->{limit} || $query->{offset} ? Tree::statements(without_limit($query)) : undef;
	send_query($far, $statements, @settings);
	send_query($near, $statements);
	send_query($near, $whole) if $whole;
	my %outcome = (settings => \@settings, statements => $statements);
	($outcome{far}, my $explained) = receive_query($far);
	($outcome{near}) = receive_query($near);
	($outcome{whole}) = receive_query($near) if $whole;
	$outcome{plan} = $explained->{sqlstate} ? undef : JSON::PP::decode_json($explained->{rows}[0][0])->[0]{Plan};
	return \%outcome;
}

sub is_alive
{
	my ($sides) = @_;
	return !grep { ask($sides->{$_}, 'SELECT 1')->{sqlstate} } qw(far near);
}

sub close
{
	my ($sides) = @_;
	for my $session (grep { $_ } @$sides{qw(far near)})
	{
		close $session->{in};
		waitpid $session->{pid}, 0;
		unlink "$Harness::work/property-$$-$session->{schema}.log";
	}
	return;
}

1;
