# shellcheck shell=bash
# What the clients' scripts share; sourced. Here "to have" a program is to download it below $CLIENTS_DOWNLOADS.

# shellcheck disable=SC2034
here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
debian=$CLIENTS_DOWNLOADS/debian
# shellcheck disable=SC2034
schemas='sambapos sambapos_replica sambapos_live_shop sambapos_report'

# Debian's programs and modules, without installing them: no service starts, nothing stays.
export PATH=$PATH:$debian/usr/bin:$debian/usr/sbin
export PYTHONPATH=$debian/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1
LD_LIBRARY_PATH=$debian/usr/lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH
python=/usr/bin/python3

skip()
{
	echo "$*"
	exit 77
}

# Has packages of Debian's unpacked below $debian.
have_debian()
{
	local package said
	command -v apt-get >/dev/null || skip "no apt-get: this is not Debian"
	mkdir -p "$debian"
	for package in "$@"; do
		[ ! -e "$debian/$package.here" ] || continue
		said=$(cd "$debian" && apt-get -q download "$package" 2>&1) ||
			skip "apt-get download $package: $(grep '^E:' <<<"$said" | head -n 1) (after apt-get update it may be there)"
		dpkg -x "$debian/$package"_*.deb "$debian"
		touch "$debian/$package.here"
	done
}

have_python()
{
	[ -x $python ] || skip "no $python"
	have_debian "$@"
}

# Has packages of npm's in the current directory, with a Node.js of a pinned version: $node, and `node` in PATH.
have_npm()
{
	local machine
	machine=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
	command -v npm >/dev/null || skip "no npm: apt-get install npm"
	[ -e package.json ] || echo '{ "private": true }' >package.json
	npm install --no-audit --no-fund --ignore-scripts --save-exact \
		"node-linux-$machine@22.23.3" "$@" >npm.log 2>&1 ||
		skip "npm has not $*: $(grep -m 1 'npm error' npm.log)"
	node=$PWD/node_modules/node-linux-$machine/bin/node
	export PATH=${node%/*}:$PATH
}

# Waits for a server's answer as long as its process lives, five minutes at most: wait_for PID COMMAND ...
wait_for()
{
	local pid=$1 until=$((SECONDS + 300))
	shift
	until "$@"; do
		kill -0 "$pid" || { echo "it did not start"; return 1; }
		[ $SECONDS -lt $until ] || { echo "it does not answer"; return 1; }
		sleep 0.2
	done
}

# A TCP port of 127.0.0.1 that nobody has at the moment.
free_port()
{
	perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}
