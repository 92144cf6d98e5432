# Promise: tills sell and wait for nobody, and every sale reaches the ledger, whatever becomes of the ledger and of the
# workers: each ends synced with the ledger's reference, and the ledger has seen each key once a version. In the same
# database each is there exactly once, also when workers are killed. A sale that the ledger refuses waits for a person.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Test::More;
use File::Temp ();
use IPC::Run ();
use JSON::PP ();
use Harness;

my ($tills, $sales) = ($ENV{SAMBAPOS_DELIVERY_TILLS} || 6, $ENV{SAMBAPOS_DELIVERY_SALES} || 15);
my $folder = File::Temp->newdir;
my $cluster = Harness::cluster();
my $db = $cluster->database('pos');
$db->run(<<'SQL');
CREATE EXTENSION sambapos_fdw;
CREATE SCHEMA pos;
CREATE TABLE pos.sales (number text PRIMARY KEY, total numeric NOT NULL, is_closed boolean NOT NULL DEFAULT false, sync_status text NOT NULL DEFAULT 'pending', ledger_id text);
CREATE TABLE pos.sale_items (sale text REFERENCES pos.sales, line integer, product text, amount numeric, PRIMARY KEY (sale, line));
SELECT sambapos_add_feed('pos');
SELECT sambapos_add_to_feed('pos', 'pos.sales', 'sales');
CREATE ROLE ledger_worker LOGIN;
SELECT sambapos_add_consumer('ledger', 'pos', '{sales}', condition => 'r.is_closed', lease => '2 seconds', role => 'ledger_worker',
                             status_column => 'sync_status', reference_column => 'ledger_id');
-- a ledger in the same database
CREATE TABLE pos.ledger (entry bigint GENERATED ALWAYS AS IDENTITY, number text, version bigint, total numeric);
SELECT sambapos_add_consumer('here', 'pos', '{sales}', condition => 'r.is_closed');
CREATE FUNCTION pos.book() RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
  d record;
  booked bigint := 0;
BEGIN
  FOR d IN SELECT * FROM sambapos_next('here', 5) LOOP
    INSERT INTO pos.ledger (number, version, total) VALUES (d.key ->> 'number', d.version, (d.data ->> 'total')::numeric);
    PERFORM sambapos_ack('here', d.delivery_id);
    booked := booked + 1;
  END LOOP;
  RETURN booked;
END;
$$;
SQL

# ---- a ledger that is slow, down, and answers 500; it notes what it has seen ----

my $ledger_py = "$folder/ledger.py";
open my $out, '>', $ledger_py or die $!;
print $out <<'PY';
import http.server, json, random, sys, threading, time
folder = sys.argv[1]
lock, seen = threading.Lock(), {}
class Ledger(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        key, mood = self.headers['Idempotency-Key'], open(folder + '/mood').read().strip()
        if mood == 'down':
            return self.answer(500, {'error': 'down'})
        if float(body['data']['total']) < 0:
            return self.answer(422 if mood == 'strict' else 500, {'error': 'negative'})
        with lock:
            if key not in seen:
                seen[key] = 'L%d' % (len(seen) + 1)
                with open(folder + '/booked', 'a') as log:
                    log.write('%s %s %s %s\n' % (body['key']['number'], body['version'], body['data']['total'], seen[key]))
        if mood == 'slow':
            time.sleep(random.choice([0, 0, 0.1, 3]))
        if mood == 'forgetful' and random.random() < 0.3:
            return self.answer(500, {'error': 'booked, and forgot to say so'})
        self.answer(200, {'id': seen[key]})
    def answer(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Ledger)
open(folder + '/port', 'w').write(str(server.server_port))
server.serve_forever()
PY
close $out;
sub mood { open my $file, '>', "$folder/mood" or die $!; print $file $_[0]; close $file }
mood('slow');
my $ledger = IPC::Run::start([ '/usr/bin/python3', $ledger_py, $folder ], '>', \my $said, '2>', "$folder/ledger.log");
select undef, undef, undef, 0.1 until -s "$folder/port";
my $port = do { open my $file, '<', "$folder/port" or die $!; <$file> };
my @workers;
sub worker
{
	local @ENV{ keys %{ $cluster->{environment} } } = values %{ $cluster->{environment} };
	return IPC::Run::start([ '/usr/bin/python3', "$Harness::root/doc/examples/ledger_worker.py", "dbname=$db->{name} user=ledger_worker", 'ledger', "http://127.0.0.1:$port/" ],
		'<', '/dev/null', '>', '/dev/null', '2>', "$folder/worker.log");
}
sub killed { my ($process) = @_; $process->signal('KILL'); $process->finish }
@workers = map { worker() } 1 .. 3;

# ---- the tills ----

my @sessions = map { $db->session } 1 .. $tills;
my ($ticker, $booker) = map { $db->session } 1, 2;
my $watch = $db->session;
my ($waits, $total) = (0, 0);
for my $n (1 .. $sales)
{
	$_->[0]->send($_->[1]) for map { my $number = "$_-$n"; my $amount = $_ * $n;
		[ $sessions[ $_ - 1 ], "BEGIN; INSERT INTO pos.sales (number, total) VALUES ('$number', $amount);
		  INSERT INTO pos.sale_items VALUES ('$number', 1, 'tea', $amount);
		  UPDATE pos.sales SET is_closed = true WHERE number = '$number'; COMMIT" ] } 1 .. $tills;
	$waits += $watch->value(q(SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) WHERE NOT l.granted AND a.query LIKE '%INSERT INTO pos.sales%')) for 1 .. 3;
	$_->receive for @sessions;
	$ticker->run('CALL sambapos_feed_tick()');
	mood((qw(slow down forgetful slow))[ $n % 4 ]) if $n % 3 == 0;
	if ($n % 5 == 0) # a worker is killed in the middle of what it does
	{
		my $victim = shift @workers;
		killed($victim);
		push @workers, worker();
	}
	# the ledger in the same database: its worker is killed before it commits, or books
	if ($n % 2) { $booker->run('BEGIN; SELECT pos.book()'); $db->run("SELECT pg_terminate_backend($booker->{pid})"); $booker = $db->session }
	else { $booker->run('SELECT pos.book()') }
}
is($waits, 0, 'no till has waited for a lock');
mood('kind');
$db->run(q(INSERT INTO pos.sales (number, total, is_closed) VALUES ('poison', -1, true); CALL sambapos_feed_tick()));
my $all = $tills * $sales;
my $until = time + 300;
while (time < $until)
{
	$db->run('CALL sambapos_feed_tick()');
	1 while $booker->value('SELECT pos.book()') > 0;
	$db->run(q(UPDATE sambapos.delivery SET next_at = now() WHERE state = 'open' AND next_at > now()));
	my $left = $db->value(q(SELECT count(*) FROM sambapos.deliveries WHERE status NOT IN ('synced', 'dead')));
	last if $left == 0 && $db->value(q(SELECT count(*) FROM sambapos.dead_deliveries WHERE consumer = 'ledger')) == 1;
	select undef, undef, undef, 0.5;
}
is($db->value(q(SELECT count(*) FROM pos.sales WHERE sync_status = 'synced' AND ledger_id IS NOT NULL)), $all, "$all sales are synced, with a reference");
is($db->value(q(SELECT count(*) FROM sambapos.deliveries AS d JOIN pos.sales AS s ON s.number = d.key ->> 'number' WHERE d.consumer = 'ledger' AND d.status = 'synced' AND d.reference = s.ledger_id)), $all, 'the same in both places');
open my $booked, '<', "$folder/booked" or die $!;
my @booked = map { [split] } <$booked>;
my (%times, %of);
$times{"$_->[0] $_->[1]"}++, $of{ $_->[0] } = $_ for @booked;
is((grep { $_ > 1 } values %times), 0, 'the ledger has booked each version of each sale once');
is(scalar(keys %of), $all, 'and all of them');
is_deeply([ sort map { "$_->[0] $_->[2]" } values %of ], [ sort map { "$_->[0] $_->[1]" } $db->rows(q(SELECT number, total FROM pos.sales WHERE number <> 'poison')) ], 'with their amounts');
is($db->value(q(SELECT attempts || ' ' || (last_error LIKE '%500%') FROM sambapos.dead_deliveries WHERE consumer = 'ledger')), '5 true', 'a sale that is refused is dead after five attempts');
is($db->value(q(SELECT sync_status FROM pos.sales WHERE number = 'poison')), 'pending', 'and not synced');
$db->run(q(UPDATE pos.sales SET total = 1 WHERE number = 'poison'; CALL sambapos_feed_tick(); SELECT sambapos_retry('ledger')));
$until = time + 60;
select undef, undef, undef, 0.3 until time > $until || $db->value(q(SELECT sync_status FROM pos.sales WHERE number = 'poison')) eq 'synced';
is($db->value(q(SELECT sync_status FROM pos.sales WHERE number = 'poison')), 'synced', 'put right and tried again it goes through');
mood('strict');
$db->run(q(INSERT INTO pos.sales (number, total, is_closed) VALUES ('bad', -1, true); CALL sambapos_feed_tick()));
$until = time + 60;
select undef, undef, undef, 0.3 until time > $until || $db->value(q(SELECT count(*) FROM sambapos.dead_deliveries WHERE consumer = 'ledger' AND attempts = 1));
is($db->value(q(SELECT key ->> 'number' FROM sambapos.dead_deliveries WHERE consumer = 'ledger' AND attempts = 1)), 'bad', 'what the ledger finds wrong with a sale is dead at once');

# ---- in the same database ----

is_deeply([ $db->rows(q(SELECT count(*), count(DISTINCT number), count(DISTINCT (number, version)), sum(total) FROM pos.ledger WHERE number <> 'poison' AND number <> 'bad')) ],
	[ $db->rows(q(SELECT count(*), count(*), count(*), sum(total) FROM pos.sales WHERE number NOT IN ('poison', 'bad'))) ], 'in the same database each sale is booked once, though workers were killed');

# ---- two workers and one row; a lease that was given out again undoes what was booked ----

mood('kind');
killed($_) for @workers;
$db->run(q(INSERT INTO pos.sales (number, total, is_closed) VALUES ('last', 9, true); CALL sambapos_feed_tick()));
my ($one, $two) = map { $db->session } 1, 2;
my $id = $one->value(q(SELECT delivery_id FROM sambapos_next('here') WHERE key ->> 'number' = 'last'));
is($two->value(q(SELECT count(*) FROM sambapos_next('here') WHERE key ->> 'number' = 'last')), 0, 'a row is under way once at a time');
$one->run(q(BEGIN; INSERT INTO pos.ledger (number, version, total) VALUES ('last', 0, 9)));
$db->run(q(UPDATE sambapos.delivery SET leased_until = now() - interval '1 minute' WHERE key ->> 'number' = 'last'));
cmp_ok($two->value('SELECT pos.book()'), '>=', 1, 'the lease has run out, and another worker books it');
is($one->error("SELECT sambapos_ack('here', $id)")->{sqlstate}, '55000', 'then the first cannot');
$one->run('ROLLBACK');
is($db->value(q(SELECT count(*) FROM pos.ledger WHERE number = 'last')), 1, 'so that it is booked once');

# ---- no worker keeps the tick, and so nobody else, waiting ----

$one->run(q(UPDATE pos.sales SET total = 10 WHERE number = 'last'));
$db->run('CALL sambapos_feed_tick()');
$one->run(q(BEGIN; SELECT sambapos_ack('here', delivery_id) FROM sambapos_next('here') WHERE key ->> 'number' = 'last'));
$db->run(q(UPDATE pos.sales SET total = 11 WHERE number = 'last'));
is($db->error(q(SET statement_timeout = '20s'; CALL sambapos_feed_tick())), undef, 'a tick does not wait for a worker that does not commit');
$one->run('COMMIT');
$db->run('CALL sambapos_feed_tick()');
is($db->value(q(SELECT data ->> 'total' FROM sambapos_next('here') WHERE key ->> 'number' = 'last')), '11', 'and the change that came meanwhile is not lost');

done_testing();
END { local $?; eval { killed($_) } for grep { $_ } @workers, $ledger } # also when the test stops half way
