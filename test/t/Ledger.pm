package Ledger;
# A ledger over HTTP that is slow, down, or answers 500, as one says; it notes what it has booked. With it the manual's
# worker, doc/examples/ledger_worker.py.
use strict;
use warnings;
use IPC::Run ();
use Harness;

my $server = <<'PY';
import http.server, json, random, sys, threading, time
folder = sys.argv[1]
lock, seen = threading.Lock(), {}
class Ledger(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        key, mood = self.headers['Idempotency-Key'], open(folder + '/mood').read().strip()
        if mood == 'down':
            return self.answer(500, {'error': 'down'})
        if mood == 'list':
            return self.answer(200, [])
        if mood == 'cut':
            self.send_response(200); self.send_header('Content-Length', '100'); self.end_headers(); self.wfile.write(b'{"id"')
            self.close_connection = True
            return
        if float((body['data'] or {}).get('total', 0)) < 0:
            return self.answer(422 if mood == 'strict' else 500, {'error': 'negative'})
        with lock:
            if key not in seen:
                seen[key] = 'L%d' % (len(seen) + 1)
                with open(folder + '/booked', 'a') as log:
                    log.write(json.dumps(dict(body, reference=seen[key])) + '\n')
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

# The worker as it is, but for how long it waits when nothing is due.
my $worker = <<'PY';
import sys
sys.path.insert(0, sys.argv[1])
import ledger_worker
ledger_worker.CALM = 0.3
ledger_worker.main(*sys.argv[2:])
PY

sub has_psycopg { return system(q(/usr/bin/python3 -c 'import psycopg' 2>/dev/null)) == 0 }

# In a folder of its own, which must be there.
sub start
{
	my ($class, $folder) = @_;
	my $ledger = bless { folder => $folder, workers => [] }, $class;
	$ledger->mood('kind');
	$ledger->{run} = IPC::Run::start([ '/usr/bin/python3', '-c', $server, $folder ], '>', '/dev/null', '2>', "$folder/ledger.log");
	select undef, undef, undef, 0.1 until -s "$folder/port";
	open my $file, '<', "$folder/port" or die $!;
	$ledger->{port} = <$file>;
	return $ledger;
}

# kind, slow, down, forgetful, list (what it answers is no object), cut (half of it comes), or strict: it finds what is wrong
# with a sale.
sub mood
{
	my ($ledger, $mood) = @_;
	open my $file, '>', "$ledger->{folder}/mood" or die $!;
	print $file $mood;
	close $file;
}

# What it has booked, as it was sent, with the reference that it gave.
sub booked
{
	my ($ledger) = @_;
	open my $file, '<', "$ledger->{folder}/booked" or return;
	return map { JSON::PP::decode_json($_) } <$file>;
}

sub work
{
	my ($ledger, $database, $role, $consumer) = @_;
	local @ENV{ keys %{ $database->{cluster}{environment} } } = values %{ $database->{cluster}{environment} };
	local $ENV{PYTHONDONTWRITEBYTECODE} = 1;
	push @{ $ledger->{workers} }, IPC::Run::start(
		[ '/usr/bin/python3', '-c', $worker, "$Harness::root/doc/examples", "dbname=$database->{name} user=$role", $consumer, "http://127.0.0.1:$ledger->{port}/" ],
		'<', '/dev/null', '>', '/dev/null', '2>>', "$ledger->{folder}/worker.log");
}

sub workers_alive { my ($ledger) = @_; return scalar grep { $_->pumpable } @{ $ledger->{workers} } }

# Kills a process, and waits until it is gone.
sub end { my ($process) = @_; eval { $process->signal('KILL'); $process->finish } }

sub kill_worker { my ($ledger) = @_; end(shift @{ $ledger->{workers} }) }
sub kill_workers { my ($ledger) = @_; $ledger->kill_worker while @{ $ledger->{workers} } }

sub stop
{
	my ($ledger) = @_;
	local $?; # the script's own exit status
	$ledger->kill_workers;
	end(delete $ledger->{run}) if $ledger->{run};
}

1;
