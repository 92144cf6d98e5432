# What the server says reaches the user, whatever the database's encoding; and a batch's further results, which
# nobody asked for, can be cancelled while they are thrown away.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
$till->ctl(qw(fill --tickets 500 --seed 5));

for my $case ([ 'LATIN5', '? hata ğ' ], [ 'UTF8', '日 hata ğ' ], [ 'SQL_ASCII', '日 hata ğ' ])
{
	my ($encoding, $words) = @$case;
	my $db = Harness::cluster()->database("in_\L$encoding", "ENCODING '$encoding' TEMPLATE template0 LOCALE 'C'");
	$db->connect_till($till);
	my $client = $encoding eq 'SQL_ASCII' ? '' : "SET client_encoding = 'UTF8'; ";
	my $error = $db->error($client . q{SELECT * FROM sambapos_query('till',
		'DECLARE @m nvarchar(50) = NCHAR(26085) + N'' hata '' + NCHAR(287); RAISERROR(@m, 16, 1)') AS q (a int)});
	like($error->{message}, qr/\Q$words\E/, "$encoding: the server's words");
}
my $db = Harness::cluster()->database('further');
$db->connect_till($till);
my $session = $db->session;
my $endless = q{SELECT * FROM sambapos_query('till', 'SELECT 1 AS a; SELECT a.Id FROM Orders AS a
	CROSS JOIN Orders AS b CROSS JOIN Orders AS c CROSS JOIN Orders AS d') AS q (a int)};
$session->run("SET statement_timeout = '500ms'");
is($session->error($endless)->{sqlstate}, '57014', 'a second result of 10^12 rows can be cancelled');
is($session->value("SELECT a FROM sambapos_query('till', 'SELECT 2 AS a') AS q (a int)"), 2, 'and the session is usable');
done_testing();
