# A walk of the manual (doc/operations.md, "Step by step"), so that a test types what a reader types.
#
#   my $walk = Walk->new('The monthly clear');
#   $walk->step(2)            the SQL of step 2, as one text; dies if it has none
#   $walk->shell(2)           its shell commands, the same
#   $walk->replace('17', $n)  from here on the reader's own value stands for the example's
#   $walk->untried            the steps with SQL, or shell commands, that no test has asked for
package Walk;
use strict;
use warnings;
use Harness;

sub new
{
	my ($class, $title) = @_;
	open my $in, '<', "$Harness::root/doc/operations.md" or die $!;
	my $manual = do { local $/; <$in> };
	my ($text) = $manual =~ /^### \Q$title\E\n(.*?)(?=^##)/ms or die "the manual has no walk \"$title\"";
	my (%sql, %shell);
	for my $step (split /^(?=\d+\. )/m, $text)
	{
		my ($number) = $step =~ /^(\d+)\. / or next;
		my @blocks = $step =~ /^ +```sql\n(.*?)^ +```$/msg;
		$sql{$number} = join '', @blocks if @blocks;
		my ($commands) = $step =~ /^ +```sh\n(.*?)^ +```$/ms or next;
		$shell{$number} = $commands =~ s/^   //mgr; # a here-document ends at the beginning of a line
	}
	return bless { sql => \%sql, shell => \%shell, tried => {}, values => {} }, $class;
}

sub replace { my ($walk, $example, $value) = @_; $walk->{values}{$example} = $value }

sub step { my ($walk, $number) = @_; return $walk->text('sql', $number) // die "step $number has no SQL" }
sub shell { my ($walk, $number) = @_; return $walk->text('shell', $number) // die "step $number has no shell commands" }

sub text
{
	my ($walk, $kind, $number) = @_;
	my $text = $walk->{$kind}{$number} // return undef;
	$walk->{tried}{"$number $kind"} = 1;
	for my $example (sort keys %{ $walk->{values} })
	{
		$text =~ s/(?<![\w.])\Q$example\E(?![\w.])/$walk->{values}{$example}/g;
	}
	return $text;
}

sub untried
{
	my ($walk) = @_;
	my @all = ((map { "$_ sql" } keys %{ $walk->{sql} }), map { "$_ shell" } keys %{ $walk->{shell} });
	return grep { !$walk->{tried}{$_} } sort @all;
}

1;
