# Half a character does not stop a site: the sync reads on whatever the server's option invalid_text says, U+FFFD stands
# for what is none, and the bytes as the source has them are filed until the value is corrected there. A foreign table
# that somebody reads himself still raises.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use Harness;

my $till = Harness::till();
# asked for its length, since half a character cannot be printed; the stand-in must know it
eval { $till->sql("SELECT LEN(N'x' + NCHAR(55357))"); 1 } or do {
	die $@ unless $ENV{SAMBAPOS_TEST_SERVER};
	plan(skip_all => 'the given server holds no half a character');
};
$till->ctl(qw(fill --tickets 50 --seed 21));
my $db = Harness::cluster()->database('shop');
$db->connect_till($till);
$db->run("SELECT * FROM sambapos_add_site('shop', 'till')");
$db->run("SET client_min_messages = error; SELECT count(*) FROM sambapos_sync('shop')");

sub letters
{
	$db->run("SET client_min_messages = error; SELECT count(*) FROM sambapos_sync('shop')");
	return join ', ', map { join ' ', @$_ }
		$db->rows("SELECT table_name, key ->> 'id', column_name, encode(raw, 'hex') FROM sambapos.dead_letters ORDER BY 1, 2, 3");
}

is(letters(), '', 'nothing is filed while all is well');
$till->ctl('sql', "UPDATE Tickets SET Note = N'x' + NCHAR(55357), LastUpdateTime = GETDATE() WHERE Id = 3");
is(letters(), 'tickets 3 note 78003dd8', 'half a surrogate pair is filed with its bytes');
is($db->value("SELECT note = 'x' || chr(65533) FROM sambapos_replica.tickets WHERE id = 3"), 't', 'and replaced');
is($db->value("SELECT count(*) FROM sambapos.run_table WHERE status = 'failed'"), 0, 'no table has failed');
is($db->value("SELECT light FROM sambapos_status('shop')"), 'green', 'the light is green');
is(letters(), 'tickets 3 note 78003dd8', 'it is filed once');
is($db->value("SELECT count(DISTINCT run_id) FROM sambapos.dead_letters"), 1, 'by the run that saw it first');

# a character that is one is none of them
$till->ctl('sql', "UPDATE Tickets SET Note = N'x' + NCHAR(65533) + NCHAR(55357) + NCHAR(56832), LastUpdateTime = GETDATE() WHERE Id = 4");
is(letters(), 'tickets 3 note 78003dd8', 'U+FFFD itself, and a whole pair, are text');
is($db->value("SELECT note = 'x' || chr(65533) || chr(128512) FROM sambapos_replica.tickets WHERE id = 4"), 't', 'and arrive as they are');

# what the replica has already was looked at: the till is not asked about it again
$till->ctl('sql', "UPDATE MenuItems SET Name = N'b' + NCHAR(65533) WHERE Id = 2");
letters();
$db->run("CREATE TABLE asked (n int); CREATE FUNCTION asked_again() RETURNS void LANGUAGE plpgsql AS \$f\$ BEGIN
	EXECUTE replace(pg_get_functiondef('sambapos._dead_letter_raw'::regproc), E'BEGIN\\n', E'BEGIN\\n  INSERT INTO public.asked VALUES (1);\\n'); END \$f\$;
	SELECT asked_again()");
letters();
is($db->value('SELECT count(*) FROM asked'), 0, 'the till is not asked again about U+FFFD that is its own');

# in a master, in the middle of a value
$till->ctl('sql', "UPDATE MenuItems SET Name = N'a' + NCHAR(56832) + N'b' WHERE Id = 1");
is(letters(), 'menu_items 1 name 610000de6200, tickets 3 note 78003dd8', 'a menu item');
my $error = $db->session->error("SELECT string_agg(name, ',') FROM sambapos_live_shop.menu_items");
ok($error, 'a foreign table that somebody reads himself raises');

$till->ctl('sql', "UPDATE Tickets SET Note = N'corrected', LastUpdateTime = GETDATE() WHERE Id = 3; UPDATE MenuItems SET Name = N'a' WHERE Id = 1");
is(letters(), '', 'what is corrected at the source is gone from here');
is($db->value("SELECT note FROM sambapos_replica.tickets WHERE id = 3"), 'corrected', 'and read');

# a byte that its code page gives no character: no client library can convert it, the server can
$till->ctl('sql', 'ALTER TABLE Tickets ALTER COLUMN Note varchar(200)');
$till->ctl('sql', "UPDATE Tickets SET Note = 'x' + CHAR(129) + 'y', LastUpdateTime = GETDATE() WHERE Id = 3");
is(letters(), '', 'it is no dead letter');
is($db->value("SELECT note = 'x' || chr(129) || 'y' FROM sambapos_replica.tickets WHERE id = 3"), 't', 'it is the control character of that number, and no question mark');
is($db->value("SELECT light FROM sambapos_status('shop')"), 'green', 'the light is green');
done_testing();
