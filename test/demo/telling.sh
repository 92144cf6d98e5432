# shellcheck shell=bash
# shellcheck disable=SC2154 # log is demo's
# How the demo tells its story; sourced. Needs $work, $log, and die of test/harness/common.sh.

bold='' plain='' moving=''
columns=80
if [ -t 1 ]; then
	exec 3>&1
	size=$(stty size <&3 2>/dev/null)
	exec 3>&-
	[[ ! $size =~ \ ([0-9]+)$ ]] || ((BASH_REMATCH[1] < 20 || BASH_REMATCH[1] > 80)) || columns=${BASH_REMATCH[1]}
	case ${TERM:-dumb} in
	dumb) ;;
	*) bold=$'\033[1m' plain=$'\033[0m' moving=yes ;;
	esac
fi

# Nothing that is printed may wait for a key.
export PAGER=cat PSQL_PAGER=cat
# Notices are for DBAs, and wider than a story.
export PGOPTIONS=--client-min-messages=warning
db=(psql --no-psqlrc --quiet --dbname shop --set ON_ERROR_STOP=1 --pset pager=off)

# Words, broken at the terminal's width.
say()
{
	printf '\n%s\n' "$*" | fold -s -w $((columns - 1)) | sed 's/ $//'
}

heading()
{
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# Ends the story where a command's words are in the log.
fail()
{
	echo "---- the end of $log:"
	tail -n 30 "$log" | cut -c 1-200
	die "$1; all of its output is in $log"
}

# Seconds since $1, a value of EPOCHREALTIME, with one digit behind the point.
since()
{
	awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", b - a }'
}

# Runs a command that takes a while: its output goes into the log, on a terminal a line shows how long it
# takes already, and what the log's last line is.
long()
{
	local label=$1 begin=$EPOCHREALTIME running status last width=$((columns - 1))
	shift
	echo >>"$log"
	[ -n "$moving" ] || printf '    %-28s' "$label"
	set -m
	"$@" >>"$log" 2>&1 </dev/null &
	running=$!
	set +m
	while [ -n "$moving" ] && kill -0 $running 2>/dev/null; do
		last=$(tail -n 1 "$log" | sed $'s/\033\\[[0-9;]*[A-Za-z]//g' | tr -c '[:print:]' ' ')
		# The end of a long line says which file is compiled.
		[ ${#last} -le $((width - 43)) ] || last=...${last: -$((width > 60 ? width - 46 : 10))}
		printf '\r%-*.*s' $width $width "$(printf '    %-28s%8s   %s' "$label" "$(since "$begin")" "$last")"
		sleep 0.2
	done
	wait $running
	status=$?
	[ -z "$moving" ] || printf '\r%*s\r    %-28s' $width '' "$label"
	[ $status = 0 ] || { echo "failed"; fail "$label: failed"; }
	printf '%8s\n' "$(since "$begin")"
}

# Asks for sudo's password while nothing else is on the screen.
ask_for_sudo()
{
	[ "$(id -u)" = 0 ] || ! command -v sudo >/dev/null || test/harness/install-deps --demo --check ||
		sudo -n true 2>/dev/null || sudo -v || die "not without root's rights"
}

# Shows a statement, runs it, shows its result and how long it took.
show()
{
	local begin=$EPOCHREALTIME output status
	printf '\n'
	sed '1s/^/shop=# /; 1!s/^/       /' <<<"$1"
	output=$(in_group "${db[@]}" --pset footer=off --pset format=wrapped --pset columns=$((columns - 4)) -c "$1" 2>&1)
	status=$?
	[ -z "$output" ] || sed 's/^/    /; s/ *$//' <<<"$output"
	[ $status = 0 ] || die "that should have worked"
	printf '    (%s)\n' "$(since "$begin")"
}

# In a group of its own: Ctrl-C is for us. psql would end as if its query had failed, and so would the story.
value()
{
	in_group "${db[@]}" --no-align --tuples-only -c "$1"
}
