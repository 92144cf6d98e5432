#!/bin/bash
# The stand-in till's life: a private PostgreSQL cluster and the TDS server before it, both in one directory.
#
#   till.sh start DIR [--option value ...]    prints the connection string (also kept in DIR/connection)
#   till.sh restart DIR [--option value ...]  the TDS server only, on the same port, with these options added
#   till.sh stop DIR                          both, by their process ids, and removes DIR
#   till.sh template DIR                      a cluster without a server; where $TILL_TEMPLATE names it, start copies it
#                                             in place of running initdb, which takes five times as long
#
# Options (README.md says what they mean): --encryption off|login|optional|required, --snapshot on|off, --row-versions on|off, --read-locks on|off,
# --collation NAME, --database NAME, --user NAME, --password TEXT, --packet-size BYTES, --tls-version 1.0|1.1|1.2,
# --port N, --listen ADDRESS, --timezone NAME, --beside DIR.
# Nothing is built here: build/till must exist (TILL_BINARY names another one). As root the cluster belongs to postgres.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
binary=${TILL_BINARY:-$here/../../build/till}
bindir=$(${PG_CONFIG:-pg_config} --bindir)

die() { echo "till.sh: $*" >&2; exit 1; }

as_owner() { (exec_as_owner "$@"); }

exec_as_owner() { # keeps the process id
	local zone=()
	[ -z "${timezone:-}" ] || zone=(TZ="$timezone")
	if [ "$(id -u)" = 0 ]; then
		cd / # a directory that both users may be in
		exec setpriv --reuid=postgres --regid=postgres --init-groups env -i PATH="$PATH" HOME=/tmp LC_ALL=C "${zone[@]}" "$@"
	else
		exec env LC_ALL=C "${zone[@]}" "$@"
	fi
}

wait_for() { # file, process id, what
	for _ in $(seq 600); do
		[ -s "$1" ] && return
		kill -0 "$2" 2>/dev/null || { cat "$dir/till.log" >&2; die "$3 has ended"; }
		sleep 0.05
	done
	die "$3 does not start"
}

remove() {
	stop_process "$dir/till.pid"
	if [ -s "$dir/cluster/postmaster.pid" ]; then
		as_owner "$bindir/pg_ctl" -D "$dir/cluster" -m immediate -w -s stop || true
		[ ! -s "$dir/socket" ] || rm -rf "$(cat "$dir/socket")"
	fi
	rm -rf "$dir"
}

stop_process() { # file with a process id
	[ -s "$1" ] || return 0
	local pid
	pid=$(head -1 "$1")
	kill "$pid" 2>/dev/null || { rm -f "$1"; return 0; }
	for _ in $(seq 200); do
		kill -0 "$pid" 2>/dev/null || { rm -f "$1"; return 0; }
		sleep 0.05
	done
	kill -9 "$pid" 2>/dev/null || true
	rm -f "$1"
}

make_cluster() {
	as_owner "$bindir/initdb" -D "$dir/cluster" -U postgres -A trust -E UTF8 --locale=C -N >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; die "initdb failed"; }
}

make_directory() {
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	chmod 0755 "$dir"
	[ "$(id -u)" != 0 ] || chown postgres "$dir"
}

start_cluster() {
	if [ -d "${TILL_TEMPLATE:-}/cluster" ]; then
		as_owner cp -a "$TILL_TEMPLATE/cluster" "$dir/cluster"
	else
		make_cluster
	fi
	cat >>"$dir/cluster/postgresql.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$socket'
		unix_socket_permissions = 0700
		max_connections = 250
		shared_buffers = 128MB
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		wal_level = minimal
		max_wal_senders = 0
		max_wal_size = 2GB
		jit = off
		deadlock_timeout = 300ms
		log_min_messages = fatal
		autovacuum_naptime = 15s
	CONF
	[ -z "${timezone:-}" ] || echo "timezone = '$timezone'" >>"$dir/cluster/postgresql.conf"
	as_owner "$bindir/pg_ctl" -D "$dir/cluster" -w -s -l "$dir/cluster.log" start || { cat "$dir/cluster.log" >&2; die "the cluster does not start"; }
}

# The cluster's user may not be able to look into the source tree (a clone in /root), so the server runs from a copy.
copy_program() {
	install -m 755 "$binary" "$dir/till"
	install -m 755 "${binary%/*}/till_functions.so" "$dir"
	install -m 644 "$here/server/emit/"*.sql "$dir"
}

start_server() {
	local certificate=$dir/till.crt key=$dir/till.key
	copy_program
	[ -s "$key" ] || as_owner openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
		-keyout "$key" -out "$certificate" 2>/dev/null
	rm -f "$dir/port.new"
	exec_as_owner "$dir/till" --socket "$socket" --certificate "$certificate" --key "$key" --sql "$dir" --port-file "$dir/port.new" "$@" >>"$dir/till.log" 2>&1 </dev/null &
	echo $! >"$dir/till.pid"
	disown
	wait_for "$dir/port.new" "$(cat "$dir/till.pid")" "the till"
	mv "$dir/port.new" "$dir/port"
}

option() { # name, default: the last one given
	local value=$2 i
	for ((i = 0; i + 1 < ${#options[@]}; i += 2)); do
		[ "${options[i]}" = "$1" ] && value=${options[i + 1]}
	done
	echo "$value"
}

# --timezone is for the cluster, --beside says whose, the rest is for the server
server_options() {
	local i
	given=()
	for ((i = 0; i + 1 < ${#options[@]}; i += 2)); do
		[ "${options[i]}" = --timezone ] || [ "${options[i]}" = --beside ] || given+=("${options[i]}" "${options[i + 1]}")
	done
}

announce() {
	echo "host=$(option --listen 127.0.0.1) port=$(cat "$dir/port") database=$(option --database SambaPOS) username=$(option --user till) password=$(option --password till-secret) encryption=$(
		[ "$(option --encryption optional)" = off ] && echo off || echo require)" | tee "$dir/connection"
}

[ $# -ge 2 ] || die "usage: till.sh start|restart|stop|template DIR [--option value ...]"
action=$1 dir=$2
shift 2
(($# % 2 == 0)) || die "options come in pairs"

case $action in
start)
	[ -x "$binary" ] || die "$binary is not built"
	[ ! -e "$dir/socket" ] || die "$dir is in use"
	make_directory
	options=("$@")
	timezone=$(option --timezone "")
	beside=$(option --beside "")
	if [ -n "$beside" ]; then
		[ -s "$beside/socket" ] || die "no till in $beside"
		socket=$(cat "$beside/socket")
	else
		socket=$dir/s
		((${#socket} < 80)) || socket=$(mktemp -d /tmp/till.XXXXXX) # a socket's path is short
		mkdir -p "$socket"
		[ "$(id -u)" != 0 ] || chown postgres "$socket"
	fi
	echo "$socket" >"$dir/socket"
	printf '%s\n' "$@" >"$dir/options"
	: >"$dir/till.log"
	trap remove EXIT # what does not start leaves nothing behind
	[ "$(id -u)" != 0 ] || chown postgres "$dir/till.log"
	[ -n "$beside" ] || start_cluster
	server_options
	start_server "${given[@]}"
	trap - EXIT
	announce
	;;
restart)
	[ -x "$binary" ] || die "$binary is not built"
	[ -s "$dir/port" ] || die "no till in $dir"
	dir=$(cd "$dir" && pwd)
	socket=$(cat "$dir/socket")
	port=$(cat "$dir/port")
	stop_process "$dir/till.pid"
	[ $# = 0 ] || printf '%s\n' "$@" >>"$dir/options"
	mapfile -t options <"$dir/options"
	[ -n "${options[0]:-}" ] || options=("${options[@]:1}")
	timezone=$(option --timezone "")
	server_options
	start_server "${given[@]}" --port "$port"
	announce
	;;
template)
	make_directory
	make_cluster
	;;
stop)
	[ -d "$dir" ] || exit 0
	dir=$(cd "$dir" && pwd)
	remove
	;;
*) die "unknown action $action" ;;
esac
