# Seeded choices: the same seed makes the same tables and the same queries on every machine and with every perl.
#
#   Dice::seed(7, 'query', 12);      begins a sequence of its own, independent of all others
#   Dice::chance(30)                 true in 30 of 100 cases
#   Dice::pick(@list)                one of them
#   Dice::weighted(a => 3, b => 1)   'a' three times as often as 'b'

package Dice;
use strict;
use warnings;

my $state = 1;

# FNV-1a over the parts, so that neighbouring seeds have nothing in common.
sub seed
{
	my $hash = 2166136261;
	for my $byte (unpack 'C*', join ':', @_)
	{
		$hash = (($hash ^ $byte) * 16777619) & 0xffffffff;
	}
	$state = $hash || 1;
	below(2) for 1 .. 8;
	return;
}

# xorshift, 32 bits.
sub below
{
	my ($limit) = @_;
	$state ^= ($state << 13) & 0xffffffff;
	$state ^= $state >> 17;
	$state ^= ($state << 5) & 0xffffffff;
	return $state % $limit;
}

sub between
{
	my ($from, $to) = @_;
	return $from + below($to - $from + 1);
}

sub chance
{
	my ($percent) = @_;
	return below(100) < $percent;
}

sub pick
{
	die 'nothing to pick from' unless @_;
	return $_[ below(scalar @_) ];
}

sub weighted
{
	my (@pairs) = @_;
	my $total = 0;
	$total += $pairs[ 2 * $_ + 1 ] for 0 .. @pairs / 2 - 1;
	my $left = below($total);
	while (my ($choice, $weight) = splice @pairs, 0, 2)
	{
		return $choice if ($left -= $weight) < 0;
	}
	die 'weights do not add up';
}

# Some of a list, in its order, each with the given chance; at least one.
sub some
{
	my ($percent, @list) = @_;
	my @chosen = grep { chance($percent) } @list;
	return @chosen ? @chosen : pick(@list);
}

sub shuffle
{
	my (@list) = @_;
	for my $i (reverse 1 .. $#list)
	{
		my $j = below($i + 1);
		@list[ $i, $j ] = @list[ $j, $i ];
	}
	return @list;
}

1;
