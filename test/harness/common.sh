# shellcheck shell=bash
# What the harness' scripts share; sourced, never run.
#
# Rules: nothing outside one private directory is written; whatever is started is stopped by its pid or
# by its directory; a user's PG* variables never reach a test; nothing here has a time limit.

# shellcheck disable=SC2034
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# A test must not depend on the shell it is started from.
for variable in $(compgen -e PG); do
	case $variable in PG_CONFIG | PG_COLOR) ;; *) unset "$variable" ;; esac
done
unset variable MAKEFLAGS MAKELEVEL MFLAGS
export LC_ALL=C.UTF-8 PGUSER=postgres

die()
{
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# Runs a command as the user that may own a PostgreSQL cluster: PostgreSQL refuses to run as root.
as_postgres()
{
	if [ "$(id -u)" = 0 ]; then
		(cd / && exec runuser -u postgres -- "$@")
	else
		"$@"
	fi
}

# Makes a directory that both we and the cluster's user can use, and prints its name. The name stays
# short: a Unix socket's path may have 107 characters.
private_directory()
{
	local base=${TMPDIR:-/tmp} made
	# On a machine without PostgreSQL there is no user postgres yet, whom /tmp is open to as well.
	[ "$base" = /tmp ] || { [ ${#base} -le 40 ] && as_postgres test -x "$base" 2>/dev/null; } || base=/tmp
	made=$(mktemp -d "$base/sambapos-$1-XXXXXX") || return 1
	chmod 755 "$made" && echo "$made"
}

# The value of one keyword of a connection string: host=... port=... Quotes as in libpq: 'a b', \'.
connection_value()
{
	perl -e 'my ($wanted, $string) = @ARGV;
		while ($string =~ /\G\s*(\w+)\s*=\s*(?:\x27((?:[^\x27\\]|\\.)*)\x27|(\S*))/gc)
		{
			my ($key, $quoted, $plain) = ($1, $2, $3);
			next unless $key eq $wanted;
			print defined $quoted ? $quoted =~ s/\\(.)/$1/gr : $plain;
		}' "$2" "$1"
}
