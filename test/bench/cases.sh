# shellcheck shell=bash
# shellcheck disable=SC2154 # work and rows are bench's
# What `make bench` measures; sourced by it. Figures are kept in files under $work/figures, a file a case, a line a
# run: "wall CPU" in seconds.

reading='bare local ours_scan utf16_scan peer_scan peer_scan_once ours_insert utf16_insert peer_insert peer_insert_once freebcp'
questions='count sums join limit'

# name, T-SQL name, type
columns='id Id integer
last_update_time LastUpdateTime timestamp
ticket_number TicketNumber text
date Date timestamp
last_order_date LastOrderDate timestamp
last_payment_date LastPaymentDate timestamp
is_closed IsClosed boolean
remaining_amount RemainingAmount numeric(16,2)
total_amount TotalAmount numeric(16,2)
department_id DepartmentId integer
ticket_type_id TicketTypeId integer
last_modified_user_name LastModifiedUserName text
ticket_tags TicketTags text
ticket_states TicketStates text'

# A question in SQL, over foreign tables, and in T-SQL.
declare -A sql tsql
sql[count]='SELECT count(*) FROM live.tickets'
tsql[count]='SELECT COUNT_BIG(*) FROM dbo.Tickets'
sql[sums]='SELECT department_id, count(*), sum(total_amount), sum(remaining_amount) FROM live.tickets
	WHERE is_closed GROUP BY department_id'
tsql[sums]='SELECT DepartmentId, COUNT_BIG(*), SUM(CAST(TotalAmount AS decimal(38,2))), SUM(CAST(RemainingAmount AS decimal(38,2)))
	FROM dbo.Tickets WHERE IsClosed = 1 GROUP BY DepartmentId'
sql[join]='SELECT o.menu_item_id, count(*) AS n, sum(o.quantity) FROM live.tickets t JOIN live.orders o ON o.ticket_id = t.id
	WHERE t.is_closed GROUP BY o.menu_item_id ORDER BY n DESC, o.menu_item_id LIMIT 10'
tsql[join]='SELECT TOP (10) o.MenuItemId, COUNT_BIG(*) AS n, SUM(CAST(o.Quantity AS decimal(38,3)))
	FROM dbo.Tickets t INNER JOIN dbo.Orders o ON o.TicketId = t.Id
	WHERE t.IsClosed = 1 GROUP BY o.MenuItemId ORDER BY n DESC, o.MenuItemId'
sql[limit]='SELECT id, date, total_amount FROM live.tickets ORDER BY id LIMIT 10'
tsql[limit]='SELECT TOP (10) Id, Date, TotalAmount FROM dbo.Tickets ORDER BY Id'
# sambapos_query() wants to know the columns
declare -A shape=([count]='n bigint' [sums]='d integer, n bigint, t numeric, r numeric'
	[join]='m integer, n bigint, q numeric' [limit]='i integer, d timestamp, t numeric')

# How often a question is asked in a round; the first time does not count.
asked_times=21

# ---- setting up ----

server()
{
	build/tillctl "$SAMBAPOS_TEST_CONNECTION" "$@"
}

# For the clients that read FreeTDS's own file: tds_fdw and freebcp. Before the cluster starts, which inherits it.
write_client_configuration()
{
	export FREETDSCONF=$work/freetds.conf
	printf '[global]\nencryption = off\ntds version = 7.4\ninitial block size = 32767\nclient charset = UTF-8\n' >"$FREETDSCONF"
}

# Ends with the script's other children.
start_replay()
{
	mkdir "$work/recorded"
	set -m
	build/replay "$SAMBAPOS_TEST_HOST" "$SAMBAPOS_TEST_PORT" "$work/recorded" >"$work/replay.port" &
	set +m
	until [ -s "$work/replay.port" ]; do
		kill -0 $! 2>/dev/null || die "replay does not start"
		sleep 0.05
	done
	replay_port=$(cat "$work/replay.port")
	printf '[replay]\nhost = 127.0.0.1\nport = %s\n' "$replay_port" >>"$FREETDSCONF"
}

# Doubles a table until it has as many rows as wanted: the sizes and kinds of values stay real.
double()
{
	local table=$1 wanted=$2 have list
	list=$(server sql "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'dbo' AND TABLE_NAME = '$table' AND COLUMN_NAME <> 'Id' ORDER BY ORDINAL_POSITION" | sed 's/.*/[&]/' | paste -sd,)
	have=$(server sql "SELECT COUNT(*) FROM $table")
	while [ "$have" -lt "$wanted" ]; do
		server sql "INSERT INTO $table ($list) SELECT TOP ($((wanted - have))) $list FROM $table" || die "cannot double $table"
		have=$(server sql "SELECT COUNT(*) FROM $table")
	done
}

fill_server()
{
	server schema || die "no schema"
	server fill --tickets 5000 || die "the server could not be filled"
	double Tickets "$rows"
	double Orders $((rows / 3))
}

# name, server, options, options of columns of text
foreign_table()
{
	echo "CREATE FOREIGN TABLE $1 ("
	awk -v text="${4:+, $4}" '{
		printf "%s%s %s OPTIONS (column_name \047%s\047%s)", (NR > 1 ? ",\n" : ""), $1, $3, $2, $3 == "text" ? text : "" }' <<<"$columns"
	echo ") SERVER $2 OPTIONS ($3);"
}

# The foreign tables of the servers ours, utf16 and peer are read from replay; live is the server itself.
prepare_database()
{
	local mapping="OPTIONS (username '$SAMBAPOS_TEST_USERNAME', password '$SAMBAPOS_TEST_PASSWORD')"
	local database="database '$SAMBAPOS_TEST_DATABASE'" ten='(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS ten (n)'
	createdb bench
	psql -X -q -v ON_ERROR_STOP=1 -d bench <<-SQL || die "no database"
		CREATE EXTENSION sambapos_fdw;
		CREATE EXTENSION tds_fdw;
		CREATE SERVER ours FOREIGN DATA WRAPPER sambapos_fdw
		  OPTIONS (host '127.0.0.1', port '$replay_port', $database, encryption 'off', packet_size '32767');
		CREATE SERVER utf16 FOREIGN DATA WRAPPER sambapos_fdw
		  OPTIONS (host '127.0.0.1', port '$replay_port', $database, encryption 'off', packet_size '32767', invalid_text 'replace');
		CREATE SERVER peer FOREIGN DATA WRAPPER tds_fdw OPTIONS (servername '127.0.0.1', port '$replay_port', $database);
		CREATE SERVER live FOREIGN DATA WRAPPER sambapos_fdw
		  OPTIONS (host '$SAMBAPOS_TEST_HOST', port '$SAMBAPOS_TEST_PORT', $database, encryption 'off', packet_size '32767');
		CREATE USER MAPPING FOR CURRENT_USER SERVER ours $mapping;
		CREATE USER MAPPING FOR CURRENT_USER SERVER utf16 $mapping;
		CREATE USER MAPPING FOR CURRENT_USER SERVER peer $mapping;
		CREATE USER MAPPING FOR CURRENT_USER SERVER live $mapping;
		CREATE SCHEMA live;
		IMPORT FOREIGN SCHEMA dbo LIMIT TO ("Tickets", "Orders") FROM SERVER live INTO live;
		$(foreign_table ours ours "schema_name 'dbo', table_name 'Tickets'")
		$(foreign_table utf16 utf16 "schema_name 'dbo', table_name 'Tickets'" "remote_type 'nvarchar(max)'")
		$(foreign_table peer peer "schema_name 'dbo', table_name 'Tickets'")
		$(foreign_table live.tenfold live "query 'SELECT t.* FROM dbo.Tickets t CROSS JOIN $ten'")
		CREATE TABLE copy_ours (LIKE ours);
		CREATE TABLE copy_utf16 (LIKE ours);
		CREATE TABLE copy_peer (LIKE ours);
		CREATE TABLE copy_freebcp (LIKE ours);
		CREATE TABLE copy_local (LIKE ours);
	SQL
}

# ---- figures ----

keep_figure()
{
	mkdir -p "$work/figures"
	cat >>"$work/figures/$1"
}

forget_figures()
{
	rm -r "$work/figures"
}

# The median of a column of a case's figures.
median()
{
	cut -d ' ' -f "$2" "$work/figures/$1" | sort -n |
		awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ---- reading ----

# Runs one statement in a backend of its own and prints "wall CPU" in seconds. What comes before it (logging in, a
# new backend's first touches, planning if the statement is prepared) is not part of it.
timed()
{
	psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -v before="$1" -v statement="$2" -d bench <<-'SQL' 2>"$work/errors" || { cat "$work/errors" >&2; return 1; }
		SET client_min_messages = error;
		SET plan_cache_mode = force_generic_plan;
		CREATE TEMP TABLE used (wall float8, cpu float8);
		CREATE FUNCTION pg_temp.cpu() RETURNS float8 LANGUAGE sql AS $$
		  SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::float8 / 1e9 $$;
		\o /dev/null
		:before
		INSERT INTO used SELECT extract(epoch FROM clock_timestamp()), pg_temp.cpu();
		:statement
		INSERT INTO used SELECT extract(epoch FROM clock_timestamp()), pg_temp.cpu();
		\o
		SELECT max(wall) - min(wall), max(cpu) - min(cpu) FROM used;
	SQL
}

# A foreign table's first touch: the login.
warm()
{
	echo "SELECT count(*) FROM $1 WHERE id < 0;"
}

scan()
{
	timed "$(warm "$1")" "EXPLAIN (ANALYZE, TIMING OFF) SELECT * FROM $1;"
}

insert()
{
	timed "TRUNCATE copy_$1; $(warm "$2")" "INSERT INTO copy_$1 SELECT * FROM $2;"
}

bare_loop()
{
	local list
	list=$(awk '{ printf "%s[%s]", (NR > 1 ? ", " : ""), $2 }' <<<"$columns")
	build/dblib_loop "host=127.0.0.1 port=$replay_port database=$SAMBAPOS_TEST_DATABASE username=$SAMBAPOS_TEST_USERNAME password=$SAMBAPOS_TEST_PASSWORD encryption=off" \
		"SELECT $list FROM dbo.Tickets" | sed -E 's/.* wall ([0-9.]+) cpu ([0-9.]+) waits ([0-9]+)/\1 \2 \3/'
}

freebcp_into_copy()
{
	local list pipe=$work/freebcp.pipe bcp
	list=$(awk '{ printf ($3 == "text" ? "%sNULLIF([%s], N\047\047)" : "%s[%s]"), (NR > 1 ? ", " : ""), $2 }' <<<"$columns")
	[ -p "$pipe" ] || mkfifo -m 666 "$pipe"
	freebcp "SELECT $list FROM dbo.Tickets" queryout "$pipe" -S replay -D "$SAMBAPOS_TEST_DATABASE" -U "$SAMBAPOS_TEST_USERNAME" \
		-P "$SAMBAPOS_TEST_PASSWORD" -c -t $'\x1f' >"$work/freebcp.log" 2>&1 &
	bcp=$!
	timed "TRUNCATE copy_freebcp;" "COPY copy_freebcp FROM '$pipe' (FORMAT csv, DELIMITER E'\\x1f', QUOTE E'\\x02', NULL '');"
	wait "$bcp" || { cat "$work/freebcp.log" >&2; return 1; }
}

run_case()
{
	case $1 in
		bare) bare_loop ;;
		local) timed "TRUNCATE copy_local;" "INSERT INTO copy_local SELECT * FROM copy_ours;" ;;
		ours_scan) scan ours ;;
		utf16_scan) scan utf16 ;;
		peer_scan) scan peer ;;
		peer_scan_once) timed "PREPARE q AS SELECT * FROM peer; EXPLAIN EXECUTE q;" "EXPLAIN (ANALYZE, TIMING OFF) EXECUTE q;" ;;
		ours_insert) insert ours ours ;;
		utf16_insert) insert utf16 utf16 ;;
		peer_insert) insert peer peer ;;
		peer_insert_once)
			timed "TRUNCATE copy_peer; PREPARE q AS INSERT INTO copy_peer SELECT * FROM peer; EXPLAIN EXECUTE q;" "EXECUTE q;"
			;;
		freebcp) freebcp_into_copy ;;
	esac | keep_figure "$1"
	return "${PIPESTATUS[0]}"
}

# Everybody has really read everything.
check_copies()
{
	local table
	for table in copy_ours copy_utf16 copy_peer copy_freebcp copy_local; do
		[ "$(psql -X -A -t -d bench -c "SELECT count(*) FROM $table")" = "$rows" ] || die "$table has not all rows"
	done
	for table in copy_utf16 copy_local; do
		[ "$(psql -X -A -t -d bench -c "SELECT count(*) FROM (SELECT * FROM copy_ours EXCEPT SELECT * FROM $table) AS d")" = 0 ] ||
			die "$table differs"
	done
	[ "$(psql -X -A -t -d bench -c 'SELECT count(*) FROM (SELECT * FROM copy_ours EXCEPT SELECT * FROM copy_peer) AS d')" = 0 ] ||
		echo "(tds_fdw does not give the same values: see the note on datetime in the manual)" >&2
}

# ---- questions ----

# A statement's runs in one transaction, all but the first, in seconds.
asked()
{
	{
		echo 'SET client_min_messages = error; BEGIN;'
		printf '%s\n' '\timing on'
		for _ in $(seq $asked_times); do echo "$1;"; done
	} | psql -X -q -A -t -v ON_ERROR_STOP=1 -d bench 2>"$work/errors" >"$work/asked" || { cat "$work/errors" >&2; return 1; }
	sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' "$work/asked" | tail -n +2 | awk '{ print $1 / 1000 }'
}

asked_directly()
{
	build/dblib_loop "$SAMBAPOS_TEST_CONNECTION" "$1" "$asked_times" | tail -n +2 | sed -E 's/.* wall ([0-9.]+).*/\1/'
}

ask_question()
{
	local direct="SELECT * FROM sambapos_query('live', \$\$${tsql[$1]}\$\$) AS q (${shape[$1]})"
	asked "${sql[$1]}" >"$work/answer" && keep_figure "$1" <"$work/answer" &&
		asked "$direct" >"$work/answer" && keep_figure "$1_query" <"$work/answer" &&
		asked_directly "${tsql[$1]}" >"$work/answer" && keep_figure "$1_bare" <"$work/answer"
}

# ---- memory ----

# How much the backend's peak lies above what it has after its first row, in MB.
measure_memory()
{
	psql -X -q -A -t -v ON_ERROR_STOP=1 -d bench <<-'SQL' | keep_figure memory
		CREATE FUNCTION pg_temp.kilobytes(what text) RETURNS float8 LANGUAGE sql AS $$
		  SELECT (regexp_match(pg_read_file('/proc/self/status'), what || ':\s+(\d+)'))[1]::float8 $$;
		SELECT id AS first FROM live.tenfold LIMIT 1 \gset
		SELECT pg_temp.kilobytes('VmRSS') AS before, pg_temp.kilobytes('VmHWM') AS unused \gset
		\o /dev/null
		EXPLAIN (ANALYZE, TIMING OFF) SELECT * FROM live.tenfold;
		\o
		SELECT (pg_temp.kilobytes('VmHWM') - :before) / 1024;
	SQL
}

# ---- the table ----

show_last()
{
	local case
	for case in $reading; do
		printf '%s %s, ' "$case" "$(tail -n 1 "$work/figures/$case" | awk '{ printf "%.2f/%.2f", $1, $2 }')"
	done
	echo 'wall/CPU seconds'
}

sum()
{
	awk -v a="$1" -v b="$2" 'BEGIN { print a + b }'
}

# what, against what, our figure, theirs, the ratio that is wanted ("-": none)
line()
{
	awk -v what="$1" -v other="$2" -v ours="$3" -v theirs="$4" -v target="$5" 'BEGIN {
		ratio = ours / theirs
		printf "%-24s %-38s %9.4f %9.4f %7.2f %7s  %s\n", what, other, ours, theirs, ratio, target,
			target == "-" ? "" : (ratio <= target ? "met" : "NOT MET") }'
}

print_table()
{
	local bare_and_local bare_and_local_cpu question
	declare -A name=([count]='count(*)' [sums]='grouped sums' [join]='join, grouped, top 10' [limit]='ORDER BY id LIMIT 10')
	bare_and_local=$(sum "$(median bare 1)" "$(median local 1)")
	bare_and_local_cpu=$(sum "$(median bare 2)" "$(median local 2)")
	printf '%-24s %-38s %9s %9s %7s %7s\n' 'seconds' 'against' 'ours' 'theirs' 'ratio' 'wanted'
	line 'full scan, CPU' 'bare DB-Library loop' "$(median ours_scan 2)" "$(median bare 2)" 1.40
	line '' 'tds_fdw' "$(median ours_scan 2)" "$(median peer_scan 2)" 0.60
	line '' 'tds_fdw, executor alone' "$(median ours_scan 2)" "$(median peer_scan_once 2)" -
	line ' text as UTF-16' 'bare DB-Library loop' "$(median utf16_scan 2)" "$(median bare 2)" 1.40
	line '' 'tds_fdw' "$(median utf16_scan 2)" "$(median peer_scan 2)" 0.60
	line 'INSERT SELECT, wall' 'bare loop + local INSERT SELECT' "$(median ours_insert 1)" "$bare_and_local" 1.25
	line '' 'tds_fdw' "$(median ours_insert 1)" "$(median peer_insert 1)" 0.50
	line '' 'tds_fdw, executor alone' "$(median ours_insert 1)" "$(median peer_insert_once 1)" -
	line '' 'freebcp out | COPY' "$(median ours_insert 1)" "$(median freebcp 1)" 0.75
	line ' text as UTF-16' 'bare loop + local INSERT SELECT' "$(median utf16_insert 1)" "$bare_and_local" 1.25
	line '' 'tds_fdw' "$(median utf16_insert 1)" "$(median peer_insert 1)" 0.50
	line '' 'freebcp out | COPY' "$(median utf16_insert 1)" "$(median freebcp 1)" 0.75
	line 'INSERT SELECT, CPU' 'tds_fdw' "$(median ours_insert 2)" "$(median peer_insert 2)" -
	line '(bare loop + local), CPU' 'tds_fdw' "$bare_and_local_cpu" "$(median peer_insert 2)" -
	for question in $questions; do
		line "${name[$question]}" 'same T-SQL, bare loop' "$(median "$question" 1)" "$(median "${question}_bare" 1)" 1.20
		line '' 'same T-SQL, sambapos_query()' "$(median "$question" 1)" "$(median "${question}_query" 1)" 1.20
	done
	awk -v rows=$((10 * rows)) -v grown="$(median memory 1)" 'BEGIN {
		printf "%-24s %-38s %6.1f MB %25s  %s\n", "memory growth", "scan of " rows " rows", grown, "16 MB",
			grown < 16 ? "met" : "NOT MET" }'
}
