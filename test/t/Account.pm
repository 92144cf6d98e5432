# An exact account: what the till's own ledger (test/till/ledger.sql) says was ever there, against what the replica has.
# Shares no code with the product, and asks none of its functions: two sets of rows, and SQL made here.
#
#   my $account = Account->new($till, $db);       before the site is added or after; keeps the ledger from now on
#   $account->about('clear');                     what the till does from here on: sale, late, clear, restore
#   $account->run(sub { ...; return 1 }, $name);  a run; true if it was complete, 'compared' if it also compared all rows
#   $account->look                                faults since the last look: no row of history changes, none is lost
#   $account->balance                             faults of the whole account, and notes of what it holds
#
# Reads overlap with what the till does, so the account asks the till for a snapshot before and after each run: what was
# there in both was there to be read. From that follows for each row that ever was, and for each state it was in:
#
# * What a complete run had to see is in the replica, once (but for what a root left behind that goes on elsewhere), as it was then or later. (What a "late" terminal stamps is
#   only seen by runs that compare.)
# * What is in the replica was at the till, just so, under the root that it is under.
# * A ticket's document is the one it had, whatever else had its id (document_epoch).
# * It is live if it is at the till. It counts (cleared, superseded) if it went with a clear or a restore, a child if its
#   root went with it; what a complete run has seen to be edited away (removed, deleted) does not.
package Account;
use strict;
use warnings;
use Canonical;

# Source table => [ root, the column that holds its id ]; roots have none.
my %root = (
	Tickets => undef, AccountTransactionDocuments => undef, WorkPeriods => undef, InventoryTransactionDocuments => undef,
	(map { $_ => [ 'Tickets', 'TicketId' ] } qw(Orders Payments ChangePayments Calculations PaidItems)),
	TicketEntities => [ 'Tickets', 'Ticket_Id' ],
	(map { $_ => [ 'AccountTransactionDocuments', 'AccountTransactionDocumentId' ] } qw(AccountTransactions AccountTransactionValues)),
	InventoryTransactions => [ 'InventoryTransactionDocuments', 'InventoryTransactionDocumentId' ]);

# What is sold, by the day of its root: replica table, amount.
my @sums = (
	[ Tickets => 'total_amount' ], [ Orders => 'price', 'quantity' ], [ Payments => 'amount' ], [ AccountTransactionValues => 'debit' ]);

sub new
{
	my ($class, $till, $db) = @_;
	$till->keep_ledger;
	$db->run(<<~'SQL');
		CREATE SCHEMA account;
		CREATE TABLE account.ledger (number bigint, xid xid8, operation integer, relation text, act "char", key text, content jsonb);
		CREATE TABLE account.operation (number integer, kind text, snapshot pg_snapshot);
		CREATE TABLE account.run (number integer GENERATED ALWAYS AS IDENTITY, before pg_snapshot, after pg_snapshot, compared boolean, told text);
		CREATE TABLE account.known (relation text, key text, row_state text, content text, PRIMARY KEY (relation, key));
		-- one state of one row at the till: from number on; born is the number of the first, the same for all states of one row
		CREATE TABLE account.version (relation text, number bigint, operation integer, kind text, act "char", key text, root_key text,
			content jsonb, born bigint, xid xid8, seen_from integer, gone_from integer);
		CREATE INDEX ON account.version (relation, key, number);
		CREATE INDEX ON account.version (born);
		CREATE TABLE account.incarnation (relation text, key text, born bigint PRIMARY KEY, root_born bigint, last bigint, required bigint, verdict text);
		CREATE TABLE account.replica (relation text, epoch integer, document_epoch integer, key text, root_key text, row_state text, content jsonb,
			born bigint, version bigint, left_behind boolean NOT NULL DEFAULT false);
		CREATE INDEX ON account.replica (born);
		SQL
	return bless { till => $till, db => $db }, $class;
}

sub about
{
	my ($account, $what) = @_;
	$account->{till}->postgres("SELECT till.begin('$what')");
}

sub snapshot { return $_[0]{till}->postgres('SELECT pg_current_snapshot()') =~ s/\s+\z//r }

sub run
{
	my ($account, $run, $told) = @_;
	my $before = $account->snapshot;
	my $outcome = $run->() or return 0;
	my $after = $account->snapshot;
	$account->{db}->run("INSERT INTO account.run (before, after, compared, told) VALUES ('$before', '$after', "
		. ($outcome eq 'compared' ? 'true' : 'false') . ", '" . ($told // '') . "')");
	return $outcome;
}

# The tables of which there is an account, by their source names; and those of them that are replicated.
sub tables { return sort keys %root }

sub relations
{
	my ($account) = @_;
	my %here = map { $_ => 1 } Canonical::replica_tables($account->{db});
	return grep { $here{ Canonical::snake($_) } } sort { !!$root{$a} <=> !!$root{$b} || $a cmp $b } keys %root;
}

# ---- between two looks ----

my $bookkeeping = "'{row_state,synced_at,version,document_epoch}'::text[]";

sub look
{
	my ($account) = @_;
	return $account->{db}->rows(join ";\n", map {
		my $name = Canonical::snake($_);
		my $key = "concat_ws(' ', t.epoch, t.id" . ($root{$_} ? ", coalesce(t." . Canonical::snake($root{$_}[1]) . ", 0)" : '') . ')';
		my $rows = "(SELECT $key AS key, t.row_state, CASE WHEN t.row_state <> 'live' THEN (to_jsonb(t) - $bookkeeping)::text END AS content
			FROM sambapos_replica.$name AS t)";
		"SELECT 'row of history changed: $name', k.key, k.content, n.content FROM account.known AS k JOIN $rows AS n USING (key)
		  WHERE k.relation = '$name' AND k.content <> n.content;
		SELECT 'row lost: $name', k.key FROM account.known AS k WHERE k.relation = '$name' AND NOT EXISTS (SELECT FROM $rows AS n WHERE n.key = k.key);
		INSERT INTO account.known SELECT '$name', n.* FROM $rows AS n
		ON CONFLICT (relation, key) DO UPDATE SET row_state = excluded.row_state, content = excluded.content"
	} $account->relations);
}

# ---- the whole account ----

# The same text of one column from both sides.
sub both_sides
{
	my ($name, $type, $source) = @_;
	my ($here, $there) = ("r.\"$name\"", "l.content ->> '$source'");
	return ("trim_scale($here)\::text", "trim_scale(($there)::numeric)::text") if $type =~ /^(numeric|integer|bigint|smallint)/;
	return ("$here\::int::text", $there) if $type eq 'boolean';
	return ("to_char($here, 'YYYY-MM-DD HH24:MI:SS.MS')", "to_char(($there)::timestamp(3), 'YYYY-MM-DD HH24:MI:SS.MS')") if $type =~ /^timestamp/;
	return ("$here\::text", $there);
}

# Reads the ledger, and the replica, into account.version and account.replica: rows as objects of texts.
sub gather
{
	my ($account) = @_;
	my ($till, $db) = @$account{qw(till db)};
	$db->run('TRUNCATE account.ledger, account.operation, account.version, account.incarnation, account.replica');
	$db->load('account.ledger', $till->postgres('COPY (SELECT number, xid, operation, relation, act, key, content FROM till.ledger) TO STDOUT'));
	$db->load('account.operation', $till->postgres('COPY till.operation TO STDOUT'));
	my $types = Canonical::replica_types($db);
	my $columns = Canonical::source_columns($till);
	for my $relation ($account->relations)
	{
		my $name = Canonical::snake($relation);
		my %type = %{ $types->{$name} };
		my @source = @{ $columns->{$relation} };
		my @names = Canonical::column_names(@source);
		my (@here, @there);
		for my $i (grep { $type{ $names[$_] } && $type{ $names[$_] } ne 'bytea' } 0 .. $#source)
		{
			my @sides = both_sides($names[$i], $type{ $names[$i] }, $source[$i]);
			push @here, "'$names[$i]', $sides[0]";
			push @there, "'$names[$i]', $sides[1]";
		}
		my $column = $root{$relation} && $root{$relation}[1];
		my $root = $column ? "l.content ->> '$column'" : 'NULL';
		$db->run("INSERT INTO account.version (relation, number, operation, kind, act, key, root_key, content, xid)
			SELECT '$relation', l.number, l.operation, o.kind, l.act, l.key, $root,
				CASE WHEN l.act <> 'D' THEN jsonb_build_object(@{[ join ', ', @there ]}) END, l.xid
			FROM account.ledger AS l JOIN account.operation AS o ON o.number = l.operation WHERE l.relation = '$relation'");
		$root = $column ? 'r.' . Canonical::snake($column) : 'NULL';
		$db->run("INSERT INTO account.replica SELECT '$relation', r.epoch, " . ($type{document_epoch} ? 'r.document_epoch' : 'NULL::integer') . ", "
			. ($column ? "concat_ws(' ', r.id, coalesce($root\::text, '-'))" : 'r.id::text')
			. ", $root\::text, r.row_state, jsonb_build_object(@{[ join ', ', @here ]}) FROM sambapos_replica.$name AS r");
	}
	$db->run('ANALYZE');
}

# Which states are of one row: what a restore brings is what it was at the time of the backup.
sub tell_rows_apart
{
	my ($db) = @_;
	$db->run(<<~'SQL');
		UPDATE account.version AS v SET born = b.born FROM (
			SELECT number, max(number) FILTER (WHERE act = 'I') OVER (PARTITION BY relation, key ORDER BY number) AS born
			FROM account.version) AS b WHERE b.number = v.number;
		DO $$
		DECLARE
			restore account.operation;
		BEGIN
			FOR restore IN SELECT * FROM account.operation WHERE kind = 'restore' ORDER BY number LOOP
				UPDATE account.version AS v SET born = x.before FROM (
					SELECT i.number, p.born AS before FROM account.version AS i CROSS JOIN LATERAL (
						SELECT p.born FROM account.version AS p
						WHERE p.relation = i.relation AND p.key = i.key AND p.number < i.number AND pg_visible_in_snapshot(p.xid, restore.snapshot)
						ORDER BY p.number DESC LIMIT 1) AS p
					WHERE i.operation = restore.number AND i.act = 'I') AS x
				WHERE v.born = x.number;
			END LOOP;
		END $$;
		-- the first complete run that began, and that ended, when a state was there
		UPDATE account.version AS v SET seen_from = x.seen_from, gone_from = x.gone_from FROM (
			SELECT x.xid, coalesce((SELECT min(number) FROM account.run WHERE pg_visible_in_snapshot(x.xid, before)), 1000000) AS seen_from,
				coalesce((SELECT min(number) FROM account.run WHERE pg_visible_in_snapshot(x.xid, after)), 1000000) AS gone_from
			FROM (SELECT DISTINCT xid FROM account.version) AS x) AS x
		WHERE x.xid = v.xid;
		INSERT INTO account.incarnation (relation, key, born, last)
		SELECT relation, key, born, max(number) FROM account.version GROUP BY relation, key, born;
		ANALYZE account.version, account.incarnation;
		SQL
}

sub find_roots
{
	my ($account) = @_;
	for my $relation (grep { $root{$_} } $account->relations)
	{
		$account->{db}->run("UPDATE account.incarnation AS i SET root_born = (
			SELECT r.born FROM account.version AS r JOIN account.version AS v ON v.number = i.born
			WHERE r.relation = '$root{$relation}[0]' AND r.key = v.root_key AND r.number < i.born ORDER BY r.number DESC LIMIT 1)
			WHERE i.relation = '$relation'");
	}
	# a child is its root and its key: one that gets the id of one that the backup lacked, in the same ticket, is that one
	# where nothing tells when a row was born
	$account->{db}->run(<<~'SQL');
		CREATE TEMPORARY TABLE same AS SELECT * FROM (
			SELECT born, min(born) OVER (PARTITION BY relation, key, root_born) AS first FROM account.incarnation
			WHERE root_born IS NOT NULL AND relation IN ('Calculations', 'PaidItems', 'TicketEntities')) AS s
		WHERE born <> first;
		UPDATE account.version AS v SET born = s.first FROM same AS s WHERE s.born = v.born;
		DELETE FROM account.incarnation AS i USING same AS s WHERE s.born = i.born;
		UPDATE account.incarnation AS i SET last = (SELECT max(v.number) FROM account.version AS v WHERE v.born = i.born)
		WHERE i.born IN (SELECT first FROM same);
		SQL
}

# Which row at the till a row of the replica is: a root by what it holds, a child by that under its own root.
sub match
{
	my ($account) = @_;
	my $db = $account->{db};
	for my $relation ($account->relations)
	{
		my $under = $root{$relation} ? "AND i.root_born IS NOT DISTINCT FROM (SELECT p.born FROM account.replica AS p
			WHERE p.relation = '$root{$relation}[0]' AND p.epoch = r.epoch AND p.key = r.root_key)" : '';
		$db->run("UPDATE account.replica AS r SET (born, version) = (
			SELECT v.born, v.number FROM account.version AS v JOIN account.incarnation AS i USING (born)
			WHERE v.relation = '$relation' AND v.key = r.key AND v.content = r.content $under ORDER BY v.number DESC LIMIT 1)
			WHERE r.relation = '$relation'");
	}
	# a root that goes on in another epoch leaves what it was behind, where it does not count
	$db->run(<<~'SQL');
		UPDATE account.replica AS r SET left_behind = true FROM (
			SELECT ctid, row_number() OVER (PARTITION BY born ORDER BY row_state IN ('live', 'cleared', 'superseded') DESC, epoch DESC) AS n
			FROM account.replica WHERE born IS NOT NULL) AS x
		WHERE x.ctid = r.ctid AND x.n > 1 AND r.row_state IN ('removed', 'deleted');
		ANALYZE account.replica
		SQL
}

sub judge
{
	my ($db) = @_;
	$db->run(<<~'SQL');
		-- the last state that some complete run had to see: there when it began, and not gone when it ended
		WITH state AS (
			SELECT v.*, v.kind = 'late' AS late,
				coalesce(min(v.seen_from) FILTER (WHERE v.kind <> 'late' OR v.act = 'D') OVER later, 1000000) AS until,
				coalesce(min(v.seen_from) OVER later, 1000000) AS until_late,
				coalesce(min(v.gone_from) FILTER (WHERE v.act = 'D') OVER later, 1000000) AS gone
			FROM account.version AS v
			WINDOW later AS (PARTITION BY born ORDER BY number ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING))
		UPDATE account.incarnation AS i SET required = x.required FROM (
			SELECT s.born, max(s.number) AS required FROM state AS s
			WHERE s.act <> 'D' AND EXISTS (
				SELECT FROM account.run AS r WHERE r.number >= s.seen_from AND r.number < s.gone
				AND CASE WHEN s.late THEN r.compared AND r.number < s.until_late ELSE r.number < s.until END)
			GROUP BY s.born) AS x WHERE x.born = i.born;
		-- what the row should be here
		UPDATE account.incarnation AS i SET verdict = CASE
			WHEN l.act <> 'D' THEN 'live'
			WHEN i.root_born IS NULL AND l.kind IN ('clear', 'restore') THEN 'counts'
			WHEN l.kind IN ('clear', 'restore') AND rl.act = 'D' AND rl.operation = l.operation THEN 'counts'
			WHEN i.root_born IS NULL AND (
				SELECT count(*) FROM account.run AS r WHERE r.number >= l.seen_from AND (l.kind <> 'late' OR r.compared)
					AND r.number < coalesce((SELECT min(o.seen_from) FROM account.version AS o
						WHERE o.number > l.number AND o.kind IN ('clear', 'restore') AND o.relation = i.relation), 1000000)) > 3 THEN 'does not count'
			WHEN i.root_born IS NOT NULL AND EXISTS (
				SELECT FROM account.version AS b CROSS JOIN LATERAL (
					SELECT coalesce(min(d.gone_from), 1000000) AS gone FROM account.version AS d
					WHERE d.born = i.root_born AND d.act = 'D' AND d.number > b.number) AS d
				JOIN account.run AS r ON r.number >= greatest(b.seen_from, l.seen_from) AND r.number < d.gone AND (l.kind <> 'late' OR r.compared)
				WHERE b.born = i.root_born AND b.act = 'I') THEN 'does not count'
			ELSE 'is gone' END
		FROM account.incarnation AS x
		JOIN account.version AS l ON l.number = x.last
		LEFT JOIN account.incarnation AS xr ON xr.born = x.root_born LEFT JOIN account.version AS rl ON rl.number = xr.last
		WHERE x.born = i.born;
		SQL
}

# For a person who has to find out: a row of the replica, and the life of a row at the till with the runs that saw it.
my $where = "format('%s epoch %s key %s %s', r.relation, r.epoch, r.key, r.row_state)";

sub life
{
	my ($born) = @_;
	return "(SELECT string_agg(format('%s %s in %s %s', v.number, v.act, v.kind, coalesce('seen by run ' || b.number || ' ' || b.told, 'unseen')), ', ' ORDER BY v.number)
		FROM account.version AS v LEFT JOIN account.run AS b ON b.number = v.seen_from WHERE v.born = $born)";
}

sub faults
{
	my ($account) = @_;
	return $account->{db}->rows(<<~SQL);
		SELECT 'never at the till', $where, r.content - '{ticket_logs,ticket_states,order_states}'::text[] FROM account.replica AS r WHERE r.born IS NULL
		UNION ALL
		SELECT 'there twice', string_agg($where, '; '), NULL FROM account.replica AS r
		WHERE r.born IS NOT NULL AND NOT r.left_behind GROUP BY r.born HAVING count(*) > 1
		UNION ALL
		SELECT 'lost', format('%s key %s, read as %s: %s; its root: %s', i.relation, i.key, i.required, @{[ life('i.born') ]}, @{[ life('i.root_born') ]}), v.content
		FROM account.incarnation AS i
		JOIN account.version AS v ON v.number = i.required
		WHERE NOT EXISTS (SELECT FROM account.replica AS r WHERE r.born = i.born)
		UNION ALL
		SELECT 'as it was before', $where, jsonb_build_object('here', (
			SELECT jsonb_object_agg(h.key, h.value) FROM jsonb_each(r.content) AS h WHERE v.content -> h.key <> h.value), 'there', (
			SELECT jsonb_object_agg(h.key, h.value) FROM jsonb_each(v.content) AS h WHERE r.content -> h.key <> h.value))
		FROM account.incarnation AS i JOIN account.replica AS r USING (born) JOIN account.version AS v ON v.number = i.required
		WHERE NOT r.left_behind AND NOT EXISTS (SELECT FROM account.version AS o WHERE o.born = i.born AND o.number >= i.required AND o.content = r.content)
		UNION ALL
		SELECT 'has another document', $where, NULL FROM account.replica AS r JOIN account.version AS v ON v.number = r.version
		JOIN account.replica AS d ON d.relation = 'AccountTransactionDocuments' AND d.epoch = r.document_epoch AND d.key = r.content ->> 'transaction_document_id'
		WHERE r.relation = 'Tickets' AND d.born <> (
			SELECT o.born FROM account.version AS o WHERE o.relation = 'AccountTransactionDocuments' AND o.key = d.key
			AND o.number <= (SELECT max(s.number) FROM account.version AS s WHERE s.xid = v.xid) ORDER BY o.number DESC LIMIT 1)
		UNION ALL
		SELECT i.verdict || ', went with ' || l.kind, format('%s: %s; its root: %s', $where, @{[ life('i.born') ]}, @{[ life('i.root_born') ]}), NULL FROM account.incarnation AS i JOIN account.replica AS r USING (born)
		JOIN account.version AS l ON l.number = i.last
		WHERE NOT r.left_behind AND NOT CASE i.verdict WHEN 'live' THEN r.row_state = 'live' WHEN 'counts' THEN r.row_state IN ('cleared', 'superseded')
			WHEN 'does not count' THEN r.row_state IN ('removed', 'deleted') ELSE r.row_state <> 'live' END
		ORDER BY 1, 2
		SQL
}

# Sales per day over all epochs that count, against those of the ledger less what no run could have read.
sub sales
{
	my ($account) = @_;
	my $db = $account->{db};
	my %here = map { $_ => 1 } $account->relations;
	return map {
		my ($relation, @factors) = @$_;
		my $name = Canonical::snake($relation);
		my $parent = $root{$relation} ? 'sambapos_replica.' . Canonical::snake($root{$relation}[0]) : undef;
		my $join = $parent ? "JOIN $parent AS p ON p.site_id = r.site_id AND p.epoch = r.epoch AND p.id = r." . Canonical::snake($root{$relation}[1]) : '';
		my $amount = join ' * ', map { "r.$_" } @factors;
		my $ledger_amount = join ' * ', map { "(x.content ->> '$_')::numeric" } @factors;
		my $day = $parent ? 'p."date"' : 'r."date"';
		my $ledger_day = $parent ? "(SELECT p.content ->> 'date' FROM account.version AS p WHERE p.born = i.root_born AND p.act <> 'D' ORDER BY p.number DESC LIMIT 1)" : "x.content ->> 'date'";
		$db->rows("WITH here AS (
			SELECT ($day)::date AS day, sum($amount) AS total FROM sambapos_replica.$name AS r $join
			WHERE r.row_state IN ('live', 'cleared', 'superseded') GROUP BY 1),
			there AS (
			SELECT ($ledger_day)::date AS day, sum($ledger_amount) AS total FROM account.incarnation AS i CROSS JOIN LATERAL (
				SELECT v.content FROM account.version AS v WHERE v.born = i.born AND v.act <> 'D' AND v.number >= coalesce(i.required, 0)
				ORDER BY v.content = (SELECT r.content FROM account.replica AS r WHERE r.born = i.born AND NOT r.left_behind LIMIT 1) DESC NULLS LAST, v.number DESC LIMIT 1) AS x
			WHERE i.relation = '$relation' AND (i.verdict IN ('live', 'counts') AND (i.required IS NOT NULL OR EXISTS (SELECT FROM account.replica AS r WHERE r.born = i.born))
				OR i.verdict = 'is gone' AND EXISTS (SELECT FROM account.replica AS r WHERE r.born = i.born AND r.row_state IN ('cleared', 'superseded'))) GROUP BY 1)
			SELECT 'sales differ', '$name ' || day, here.total, there.total FROM here FULL JOIN there USING (day) WHERE here.total IS DISTINCT FROM there.total ORDER BY 2")
	} grep { $here{ $_->[0] } } @sums;
}

# What the account holds, in a line.
sub told
{
	my ($account) = @_;
	return $account->{db}->value(<<~'SQL');
		SELECT format('%s rows ever at the till, in %s states; %s rows here in %s epochs; %s had to be read, %s went unread',
			count(*), (SELECT count(*) FROM account.version WHERE act <> 'D'), (SELECT count(*) FROM account.replica),
			(SELECT count(DISTINCT epoch) FROM account.replica), count(required),
			count(*) FILTER (WHERE NOT EXISTS (SELECT FROM account.replica AS r WHERE r.born = i.born)))
		FROM account.incarnation AS i
		SQL
}

sub balance
{
	my ($account) = @_;
	$account->gather;
	tell_rows_apart($account->{db});
	$account->find_roots;
	$account->match;
	judge($account->{db});
	return ($account->faults, $account->sales);
}

1;
