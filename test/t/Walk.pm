# A walk of the manual (doc/operations.md, "Step by step"), so that a test types what a reader types.
#
#   my $walk = Walk->new('The monthly clear');
#   $walk->step(2)            the SQL of step 2, as one text; dies if it has none
#   $walk->replace('17', $n)  from here on the reader's own value stands for the example's
#   $walk->untried            the steps with SQL that no test has asked for
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
	my %sql;
	for my $step (split /^(?=\d+\. )/m, $text)
	{
		my ($number) = $step =~ /^(\d+)\. / or next;
		my @blocks = $step =~ /^ +```sql\n(.*?)^ +```$/msg;
		$sql{$number} = join '', @blocks if @blocks;
	}
	return bless { sql => \%sql, tried => {}, values => {} }, $class;
}

sub replace { my ($walk, $example, $value) = @_; $walk->{values}{$example} = $value }

sub step
{
	my ($walk, $number) = @_;
	$walk->{tried}{$number} = 1;
	my $sql = $walk->{sql}{$number} // die "step $number has no SQL";
	for my $example (sort keys %{ $walk->{values} })
	{
		$sql =~ s/(?<![\w.])\Q$example\E(?![\w.])/$walk->{values}{$example}/g;
	}
	return $sql;
}

sub untried { my ($walk) = @_; return grep { !$walk->{tried}{$_} } sort { $a <=> $b } keys %{ $walk->{sql} } }

1;
