#!/bin/bash
# The stand-in till against what SQL Server's documentation says: every line of selftest/*.sql is a batch of its own, and
# its answer must be what stands under it in the .out file of the same name. After a line "-- as LOGIN PASSWORD" the
# batches are that login's. Prints TAP.
#
#   selftest.sh            runs all
#   selftest.sh --accept   writes the .out files anew (then read the difference)
#
# Wants build/till and build/tillctl (TILL_BINARY, TILLCTL_BINARY name others).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tillctl=${TILLCTL_BINARY:-$here/../../build/tillctl}
work=$(mktemp -d /tmp/till-selftest.XXXXXX)
trap '"$here/till.sh" stop "$work/till"; rm -rf "$work"' EXIT
chmod 0755 "$work"

"$here/till.sh" start "$work/till" --timezone Europe/Istanbul >/dev/null
connection=$(cat "$work/till/connection")
"$tillctl" "$connection" schema --file "$here/schema.sql" >/dev/null

answers() { # the batches of a file with their answers, in types*.sql with the types of the columns
	local line name password login='' show=()
	[[ $(basename "$1") != types* ]] || show=(--types)
	while IFS= read -r line; do
		if [[ $line == "-- as "* ]]; then
			read -r name password <<<"${line#-- as }"
			login="username=$name password=$password"
			echo "$line"
		fi
		[[ $line == "" || $line == --* ]] && continue
		echo "> $line"
		"$tillctl" "$connection $login" sql "${show[@]}" "$line" 2>&1 || true
	done <"$1"
}

n=0 failed=0
for file in "$here"/selftest/*.sql; do
	name=$(basename "$file" .sql)
	answers "$file" >"$work/$name.out"
	if [ "${1:-}" = --accept ]; then
		cp "$work/$name.out" "$here/selftest/$name.out"
		continue
	fi
	n=$((n + 1))
	if diff -u "$here/selftest/$name.out" "$work/$name.out" >"$work/diff"; then
		echo "ok $n - $name"
	else
		sed 's/^/# /' "$work/diff"
		echo "not ok $n - $name"
		failed=$((failed + 1))
	fi
done
[ "${1:-}" = --accept ] || echo "1..$n"
[ $failed = 0 ]
