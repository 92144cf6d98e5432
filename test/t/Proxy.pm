# A hostile line to an unencrypted till: what the till answers goes through a function first.
#
#   my $proxy = Proxy->new($till, sub { my ($sql, $answer) = @_; ...; return $answer });
#   $proxy->{port}
#
# $answer is the bytes of the whole answer, [MS-TDS] without packet headers; Proxy::utf16, Proxy::rows and
# Proxy::repeat help to change it. The proxy is a process of its own and ends with the object.
package Proxy;
use strict;
use warnings;
use Encode ();
use IO::Socket::INET;
use POSIX ();

sub utf16 { return Encode::encode('UTF-16LE', $_[0]) }

# A text of up to 32 kB as it stands in a row.
sub text { my $bytes = utf16($_[0]); return pack('v', length $bytes) . $bytes }

# The first row whose first column is this text: its place and its length. It ends where the next one, or the end of
# the result, begins.
sub find_row
{
	my ($answer, $first) = @_;
	my $start = index $answer, "\xD1" . text($first);
	return if $start < 0;
	my $next = index $answer, "\xD1", $start + 1;
	my $done = rindex $answer, "\xFD";
	$done = rindex $answer, "\xFF" if $done < 0;
	$next = $done if $next < 0 || $next > $done;
	return ($start, $next - $start);
}

# The same answer with other rows in the place of that one: made of its bytes by the function.
sub repeat
{
	my ($answer, $first, $make) = @_;
	my ($start, $length) = find_row($answer, $first) or return $answer;
	substr($answer, $start, $length) = join '', $make->(substr $answer, $start, $length);
	return $answer;
}

sub read_bytes
{
	my ($socket, $wanted) = @_;
	my $bytes = '';
	while (length $bytes < $wanted)
	{
		sysread($socket, $bytes, $wanted - length $bytes, length $bytes) or POSIX::_exit(0);
	}
	return $bytes;
}

sub read_message
{
	my ($socket) = @_;
	my ($type, $body, $last) = (0, '', 0);
	until ($last)
	{
		($type, my $status, my $length) = unpack 'CCn', read_bytes($socket, 8);
		$body .= read_bytes($socket, $length - 8);
		$last = $status & 1;
	}
	return ($type, $body);
}

sub write_message
{
	my ($socket, $type, $body) = @_;
	my $size = 4096 - 8;
	my $bytes = '';
	for (my $at = 0, my $number = 1; $at == 0 || $at < length $body; $at += $size, $number++)
	{
		my $part = substr $body, $at, $size;
		$bytes .= pack('CCnnCC', $type, $at + $size >= length $body ? 1 : 0, length($part) + 8, 0, $number & 255, 0) . $part;
	}
	print $socket $bytes;
	$socket->flush;
}

sub serve
{
	my ($client, $till, $change) = @_;
	my $server = IO::Socket::INET->new(PeerAddr => $till->{host}, PeerPort => $till->{port}) or POSIX::_exit(1);
	for (;;)
	{
		my ($type, $body) = read_message($client);
		write_message($server, $type, $body);
		my ($answer_type, $answer) = read_message($server);
		if ($type == 1)
		{
			my $headers = unpack 'V', $body;
			my $sql = Encode::decode('UTF-16LE', substr $body, $headers < 100 ? $headers : 0);
			$answer = $change->($sql, $answer);
		}
		write_message($client, $answer_type, $answer);
	}
}

sub new
{
	my ($class, $till, $change) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 8, ReuseAddr => 1) or die "no port: $!";
	my $self = bless { port => $listener->sockport, owner => $$ }, $class;
	$self->{pid} = fork;
	return $self if $self->{pid};
	$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
	$SIG{CHLD} = 'IGNORE';
	for (;;)
	{
		my $client = $listener->accept or next;
		next if fork;
		eval { serve($client, $till, $change) };
		print STDERR "proxy: $@" if $@;
		POSIX::_exit(0);
	}
}

sub DESTROY
{
	my ($self) = @_;
	local $?;
	return unless $self->{pid} && $self->{owner} == $$;
	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;
}

1;
