# Encryption and certificates. What crosses the line is read by a relay of this script's own; certificates are made
# with openssl. A connection that is not what the options ask for is refused, with words that say what was wrong; no
# password crosses it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Harness;

Harness::needs_stand_in('take another certificate');
my $directory = tempdir(CLEANUP => 1);
chmod 0755, $directory;

# ---- certificates ----

sub openssl { Harness::command('sh', '-c', "cd '$directory' && openssl \"\$@\" 2>>openssl.log", 'openssl', @_) }
sub write_file { my ($name, $text) = @_; open my $file, '>', "$directory/$name" or die $!; print $file $text; close $file }

write_file('ca.cnf', <<~CNF);
	[ca]
	default_ca = default
	[default]
	new_certs_dir = .
	database = index
	serial = serial
	default_md = sha256
	policy = policy
	copy_extensions = copy
	unique_subject = no
	[policy]
	commonName = supplied
	CNF
write_file('index', '');
write_file('serial', "01\n");
openssl(qw(req -x509 -newkey rsa:2048 -nodes -days 3650 -subj), '/CN=Test Authority', qw(-keyout ca.key -out ca.pem));
openssl(qw(req -x509 -newkey rsa:2048 -nodes -days 3650 -subj), '/CN=Another Authority', qw(-keyout other.key -out other.pem));

sub certificate
{
	my ($name, $names, $from, $to) = @_;
	openssl(qw(req -newkey rsa:2048 -nodes -subj /CN=till), '-addext', "subjectAltName=$names", '-keyout', "$name.key", '-out', "$name.csr");
	openssl(qw(ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key -notext), '-in', "$name.csr", '-out', "$name.crt",
		'-startdate', $from // '20200101000000Z', '-enddate', $to // '20991231000000Z');
}
my $both = 'DNS:localhost,IP:127.0.0.1';
certificate('good', $both);
certificate('expired', $both, '20200101000000Z', '20200201000000Z');
certificate('early', $both, '20980101000000Z', '20991231000000Z');
certificate('wrong_name', 'DNS:elsewhere.example,IP:10.9.8.7');
certificate('only_name', 'DNS:localhost');
certificate('only_address', 'IP:127.0.0.1');
openssl(qw(req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=till -addext), "subjectAltName=$both", qw(-keyout self.key -out self.crt));

# ---- a till and a relay before it ----

my $till = Harness::till();
$till->ctl(qw(fill --tickets 20 --seed 3));

# Copies what goes both ways, and keeps it in the file "line".
my $listener = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1') or die $@;
my $relay_port = $listener->sockport;
my $relay = fork // die $!;
if ($relay == 0)
{
	$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
	$SIG{CHLD} = 'IGNORE';
	while (1)
	{
		my $client = $listener->accept or next;
		next if fork;
		my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $till->{port}) or POSIX::_exit(1);
		my $select = IO::Select->new($client, $server);
		while (my @ready = $select->can_read)
		{
			for my $from (@ready)
			{
				sysread $from, my $bytes, 65536 or POSIX::_exit(0);
				open my $file, '>>:raw', "$directory/line" or POSIX::_exit(1);
				syswrite $file, $bytes;
				close $file;
				my $to = $from == $client ? $server : $client;
				for (my $sent = 0; $sent < length $bytes;) { $sent += syswrite $to, $bytes, length($bytes) - $sent, $sent }
			}
		}
	}
}
$listener->close;
END { if ($relay) { local $?; kill 'TERM', $relay; waitpid $relay, 0; } }

sub line { open my $file, '<:raw', "$directory/line" or return ''; local $/; return scalar <$file> // '' }
sub forget_line { unlink "$directory/line" }
sub utf16 { return join '', map { "$_\0" } split //, $_[0] }

my $cluster = Harness::cluster();
my $db = $cluster->database('shop');
$db->connect_till($till);
$db->run('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets") FROM SERVER till INTO live');
my $session = $db->session;
my $tickets = 'SELECT count(*) FROM live.tickets';

# These options and no others but the database.
sub options
{
	my (%options) = (host => '127.0.0.1', port => $till->{port}, @_);
	my $drop = join ', ', map { "DROP $_" } split /\n/, $session->run("SELECT option_name FROM information_schema.foreign_server_options
		WHERE foreign_server_name = 'till' AND option_name <> 'database'");
	$session->run("ALTER SERVER till OPTIONS ($drop)") if $drop;
	$session->run('ALTER SERVER till OPTIONS (' . join(', ', map { "ADD $_ '$options{$_}'" } sort keys %options) . ')');
	forget_line();
}

sub till_with
{
	my ($certificate, @options) = @_;
	for my $end ($certificate ? qw(crt key) : ())
	{
		open my $from, '<', "$directory/$certificate.$end" or die $!;
		open my $to, '>', "$till->{directory}/till.$end" or die $!;
		print $to do { local $/; <$from> };
	}
	$till->restart(@options);
}

sub passes
{
	my ($name, %options) = @_;
	options(%options);
	my ($output, $errors) = $session->ask($tickets);
	is("$output$errors", '20', $name);
}

sub fails
{
	my ($name, $message, $detail, $hint, %options) = @_;
	options(%options);
	my $error = $session->error($tickets);
	is($error && $error->{sqlstate}, '08001', "$name: SQLSTATE") or return;
	note($error->{text});
	like($error->{message}, $message, "$name: message");
	like($error->{detail}, $detail, "$name: detail") if $detail;
	like($error->{hint}, $hint, "$name: hint");
}

# ---- what is encrypted ----

my $statement = utf16('[Tickets]');
my $login = utf16('sambapos_fdw');    # the application's name in the login packet

sub crosses
{
	my ($name, $encryption, $login_in_clear, $data_in_clear) = @_;
	passes($name, port => $relay_port, encryption => $encryption);
	is(index(line(), $login) >= 0, $login_in_clear, "$name: the login is " . ($login_in_clear ? 'in clear' : 'encrypted'));
	is(index(line(), $statement) >= 0, $data_in_clear, "$name: the data are " . ($data_in_clear ? 'in clear' : 'encrypted'));
}
my ($yes, $no) = (!!1, !!0);
my @lines = map { my $version = $_; map { { tds_version => $version, packet_size => $_, encryption => 'require' } } 512, 4096, 16383 } qw(7.1 7.2 7.3 7.4);
passes("require, TDS $_->{tds_version}, packets of $_->{packet_size}", %$_) for @lines;
crosses('require', 'require', $no, $no);
crosses('request', 'request', $no, $yes);
crosses('off', 'off', $yes, $yes);

till_with('', '--encryption', 'required');
crosses('require, required', 'require', $no, $no);
crosses('request, required', 'request', $no, $no);
fails('off, required', qr/requires encryption/, undef, qr/encryption to require/, encryption => 'off');

till_with('', '--encryption', 'off');
fails('require, but the server has none', qr/no encrypted connection/, qr/offers no encryption/, qr/server option encryption/,
	encryption => 'require', port => $relay_port);
is(index(line(), $login), -1, 'require, but the server has none: no login was sent');
crosses('request, but the server has none', 'request', $yes, $yes);
crosses('off, and the server has none', 'off', $yes, $yes);

# The reply to PRELOGIN is not protected: somebody between can make it say that only the login is to be encrypted.
till_with('', '--encryption', 'login');
fails('require, but only the login is', qr/no encrypted connection/, qr/the login only/, qr/network/,
	encryption => 'require', port => $relay_port);
is(index(line(), $statement), -1, 'require, but only the login is: no statement of a query was sent');
crosses('request, only the login is', 'request', $no, $yes);
fails("only the login is, TDS $_->{tds_version}, packets of $_->{packet_size}", qr/no encrypted connection/, qr/the login only/, qr/network/, %$_) for @lines;
till_with('', '--encryption', 'optional');

# ---- certificates ----

my %ca = (ca_file => "$directory/ca.pem");
my $refused = qr/^the certificate of .* is not accepted/;
till_with('good');
passes('a good certificate, by address', %ca);
passes('a good certificate, by name', %ca, host => 'localhost');
passes('no ca_file: the certificate isn\'t looked at');
fails('another authority', $refused, qr/NOT trusted.*issuer is unknown/i, qr/ca_file/, ca_file => "$directory/other.pem");
passes('request looks at the certificate too', %ca, encryption => 'request');

till_with('self');
fails('signed by itself', $refused, qr/NOT trusted.*issuer is unknown/i, qr/self-signed/, %ca);
fails('signed by itself, with request', $refused, qr/NOT trusted/, qr/self-signed/, %ca, encryption => 'request');
passes('signed by itself and given as ca_file', ca_file => "$directory/self.crt");
passes('signed by itself, no ca_file');

till_with('expired');
fails('expired', $refused, qr/expired.*2020-02-01/, qr/new certificate.*clock/, %ca);
fails('expired, and no look at the name', $refused, qr/expired/, qr/new certificate/, %ca, check_hostname => 'off');
till_with('early');
fails('not yet valid', $refused, qr/not yet/, qr/clocks/, %ca);

till_with('wrong_name');
fails("wrong name, by $_", $refused, qr/name in the certificate does not match/, qr/option host/, %ca, host => $_) for qw(localhost 127.0.0.1);
passes('wrong name, check_hostname off', %ca, check_hostname => 'off');
fails('wrong name and another authority, check_hostname off', $refused, qr/issuer is unknown/, qr/ca_file/,
	ca_file => "$directory/other.pem", check_hostname => 'off');

# What is compared is what the option host says, be it a name or an address.
till_with('only_name');
passes('a certificate for the name, host is the name', %ca, host => 'localhost');
fails('a certificate for the name, host is the address', $refused, qr/does not match/, qr/option host/, %ca);
till_with('only_address');
passes('a certificate for the address, host is the address', %ca);
fails('a certificate for the address, host is the name', $refused, qr/does not match/, qr/option host/, %ca, host => 'localhost');

# A login that is refused for its certificate has not been sent.
till_with('self');
fails('signed by itself, through the relay', $refused, undef, qr/./, %ca, port => $relay_port);
is(index(line(), $login), -1, 'no login was sent');
my $ever = sub { ($till->sql("SELECT COUNT(*) FROM till.connections WHERE login_name = 'till' AND application_name LIKE 'sambapos_fdw%'") =~ /(\d+)/)[0] };
is($ever->(), 0, 'nobody has logged in');

# ---- versions ----

till_with('good', '--tls-version', '1.0');
fails('TLS 1.0 by default', qr/no encrypted connection/, qr/TLS/, qr/min_tls/);
fails('TLS 1.0, min_tls 1.1', qr/no encrypted connection/, qr/TLS/, qr/min_tls/, min_tls => '1.1');
passes('TLS 1.0, min_tls 1.0', min_tls => '1.0');
passes('TLS 1.0, min_tls 1.0, with the certificate', min_tls => '1.0', %ca);
till_with('', '--tls-version', '1.1');
passes('TLS 1.1, by default');
passes('TLS 1.1, min_tls 1.0', min_tls => '1.0');
till_with('', '--tls-version', '1.2');
passes('TLS 1.2, by default');
options(min_tls => '1.2');
my $error = $session->error($tickets);
is($error && $error->{sqlstate}, '0A000', 'min_tls 1.2 is not promised where GnuTLS has older versions');
like($error->{hint}, qr/gnutls/, 'and the hint says how it can be');
$session->close;

# A cluster whose GnuTLS has them switched off, as /etc/gnutls/config can.
write_file('gnutls', "[overrides]\ndisabled-version = tls1.0\ndisabled-version = tls1.1\n");
my $strict = do
{
	local $ENV{GNUTLS_SYSTEM_PRIORITY_FILE} = "$directory/gnutls";
	Harness::cluster()->database('shop');
};
$strict->connect_till($till);
$strict->run('CREATE SCHEMA live; IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets") FROM SERVER till INTO live');
$session = $strict->session;
passes('min_tls 1.2, GnuTLS without older versions', min_tls => '1.2', %ca);
till_with('', '--tls-version', '1.1');
fails('min_tls 1.2, the server has 1.1', qr/no encrypted connection/, qr/TLS/, qr/min_tls/, min_tls => '1.2');
$session->close;

done_testing();
