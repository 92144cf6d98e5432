# The demo, told into a file and on a terminal of 80x24: it ends by itself, also when somebody presses
# Ctrl-C, never waits for a key, counts history, and leaves nothing behind.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Pty;
use POSIX ();
use Test::More;
use Harness;

Harness::needs_stand_in('be the till of the demo');
our $root = "$FindBin::Bin/../..";
our @demo = ("$root/test/demo/demo", '--built');
our $place = "$ENV{SAMBAPOS_WORK}/d";
mkdir $place or die "$place: $!";
chmod 0777, $place;

$ENV{TMPDIR} = $place;
$ENV{DEMO_TICKETS} = 500;

# What the demo may leave below its temporary folder, and running: nothing.
sub nothing_is_left
{
	my ($when) = @_;
	is_deeply([glob "$place/*"], [], "$when: no file is left");
	is(`pgrep -f $place/sambapos-demo`, '', "$when: no process is left");
}

# Runs the demo on a terminal of its own; every text that comes is shown to a function, which may type.
sub on_a_terminal
{
	my ($watch) = @_;
	my $terminal = IO::Pty->new or die "no pseudo terminal: $!";
	my $pid = fork // die $!;
	if (!$pid)
	{
		$terminal->make_slave_controlling_terminal;
		my $slave = $terminal->slave;
		$slave->set_winsize(24, 80);
		close $terminal;
		open STDIN, '<&', $slave;
		open STDOUT, '>&', $slave;
		open STDERR, '>&', $slave;
		@ENV{qw(TERM PAGER)} = qw(xterm less);
		{ exec @demo }
		POSIX::_exit(127);
	}
	$terminal->close_slave;
	my ($text, $piece) = ('', '');
	while (sysread $terminal, $piece, 4096)
	{
		$text .= $piece;
		$watch->($terminal, $text);
	}
	waitpid $pid, 0;
	return ($? >> 8, $text);
}

my $story = do
{
	delete local $ENV{TERM};
	`@demo 2>&1 </dev/null`;
};
is($?, 0, 'the story comes true') or diag($story);
unlike($story, qr/[\e\r]/, 'into a file go no escape codes');
is(join("\n", grep { length($_ =~ s/[\xc0-\xff]//gr) > 80 } split /\n/, $story), '', 'no line is wider than 80 columns');
like($story, qr/^ +\d\d:\d\d:\d\d +0 +(\d{3,}) +\1 +\d+$/m, 'after the clear every ticket is counted, as history');
unlike($story, qr/replica has all 0/, 'and the climax is not none');
my ($newest) = $story =~ /^ +500 \| (\d{4}-\d\d-\d\d \d\d:\d\d)/m;
cmp_ok($newest // '9999', 'lt', POSIX::strftime('%Y-%m-%d %H:%M', localtime), 'no ticket is of the future');
nothing_is_left('after the story');

my $pressed = 0;
my ($status, $screen) = on_a_terminal(sub {
	my ($terminal, $text) = @_;
	return if $pressed || $text !~ /pg_cron's runs/;
	syswrite $terminal, "\cC";
	$pressed = 1;
});
like($screen, qr/4\. The shop works/, 'on a terminal of 24 lines nothing waits for a key');
is($pressed, 1, 'Ctrl-C is pressed while the shop works');
is($status, 130, 'and ends the demo') or diag(substr($screen, -2000));
nothing_is_left('after Ctrl-C');

$ENV{DEMO_TICKETS} = 'many';
like(`@demo 2>&1`, qr/must be a whole number/, 'a number of tickets that is none');
nothing_is_left('after a refusal');

done_testing();
