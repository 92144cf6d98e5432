# shellcheck shell=bash
# What comes before any suite, demo or benchmark; sourced. Gives: $work, a private directory that goes
# away at the end whatever happens; the product built and installed into a PostgreSQL of our own there;
# PATH, PG_CONFIG and SAMBAPOS_BINDIR pointing at it.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
harness=$root/test/harness
cd "$root" || exit 1
umask 022 # started by root, servers belong to postgres, and read what is made here

# A second signal, as when a terminal is closed after Ctrl-C, must not end what the first has begun.
ending=''
end_with()
{
	[ -n "$ending" ] || { ending=yes; exit "$1"; }
}

# Ends the running command with all its children, stops what the directories below $work say is running,
# and removes them. At every kind of end, once.
clean_up()
{
	local group dir
	ending=yes
	trap '' INT TERM HUP
	trap - EXIT
	for group in $(jobs -p); do
		kill -TERM -- "-$group" 2>/dev/null && wait "$group"
	done
	for dir in "$work"/*.cluster; do [ ! -d "$dir" ] || "$harness/cluster" stop "$dir"; done
	for dir in "$work"/*.till; do [ ! -d "$dir" ] || "$harness/server" stop "$dir"; done
	rm -rf "$work"
}

# Runs a command in a process group of its own and waits for it: a signal to us is then acted upon at
# once, not when the command has ended, and reaches all of its children.
in_group()
{
	set -m
	"$@" &
	set +m
	wait $!
}

make_workspace()
{
	work=$(private_directory "$1") || die "no private directory"
	export SAMBAPOS_WORK=$work
	trap clean_up EXIT
	trap 'end_with 130' INT
	trap 'end_with 143' TERM HUP
}

build_product()
{
	make -j"$(nproc)" PG_CONFIG="${PG_CONFIG:-pg_config}" all
}

# Unit tests, till and the rest; or the till alone.
build_workbench()
{
	make PG_CONFIG="${PG_CONFIG:-pg_config}" workbench
}

build_till()
{
	make PG_CONFIG="${PG_CONFIG:-pg_config}" till
}

# Installs the product into a PostgreSQL of our own in $work, which is the one in use from here on.
install_product()
{
	PG_CONFIG=$("$harness/private-postgres" "$work/postgres") || die "no private PostgreSQL"
	export PG_CONFIG SAMBAPOS_BINDIR="${PG_CONFIG%/*}"
	export PATH=$SAMBAPOS_BINDIR:$PATH
	make PG_CONFIG="$PG_CONFIG" install >"$work/install.log" || die "cannot install: $(cat "$work/install.log")"
}

# Builds the product (PGXS) and the workbench (CMake) in the tree, and installs the product in $work.
build_and_install()
{
	in_group build_product || die "the product does not build"
	in_group build_workbench || die "the workbench does not build"
	install_product
}

# A cluster or a server under $work, by name, and its environment.
start_cluster()
{
	local environment name=$1
	shift
	environment=$("$harness/cluster" start "$work/$name.cluster" "$@") || die "no cluster"
	eval "$environment"
}

start_server()
{
	local environment name=$1
	shift
	environment=$("$harness/server" start "$work/$name.till" "$@") || die "no server"
	eval "$environment"
}

stop_all()
{
	"$harness/cluster" stop "$work/$1.cluster"
	"$harness/server" stop "$work/$1.till"
}
