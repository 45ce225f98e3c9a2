#!/usr/bin/env bash
# Measures Resound beside the peers that are installed (README.md says how), in some eight minutes, and
# keeps the raw results in bench/results/peer-*.json.
#
#   bench/peers/compare.sh                      all that are there
#   bench/peers/compare.sh uwebsockets          these only
#   OUT=/tmp/results bench/peers/compare.sh     results elsewhere
#   ONLY=publish bench/peers/compare.sh         one of: fanout fanout-16 fanout-16-apart fanout-10k rooms publish memory connect
#
# NICE is the priority of servers and load: -15 for root, else 0.
set -euo pipefail
cd "$(dirname "$0")/../.."

OUT=${OUT:-bench/results}
NICE=${NICE:-$([ "$(id -u)" = 0 ] && echo -15 || echo 0)}

made() { # the file that says that a peer is installed
	case $1 in
	uwebsockets) echo bin/peers/uwebsockets/server ;;
	soketi) echo bin/peers/soketi/node_modules/.package-lock.json ;;
	reverb) echo bin/peers/reverb/artisan ;;
	*) echo "compare.sh: $1 is no peer: there are uwebsockets, soketi, reverb" >&2; exit 2 ;;
	esac
}

for file in bin/resound bin/resound-bench; do
	[ -x "$file" ] || { echo "compare.sh: $file is not there: run make build harness" >&2; exit 1; }
done
mkdir -p "$OUT" bin/peers
peers=bin/peers/peers.yaml
: >$peers
for peer in "${@:-uwebsockets soketi reverb}"; do
	for name in $peer; do
		file=$(made "$name")
		if [ -e "$file" ]; then
			cat "bench/peers/$name/peer.yaml" >>$peers
		elif [ $# -gt 0 ]; then
			echo "compare.sh: $name is not installed: run make -C bench/peers $name" >&2; exit 1
		else
			echo "compare.sh: $name is not installed, and left out"
		fi
	done
done
[ -s $peers ] || { echo "compare.sh: no peer is installed: run make -C bench/peers uwebsockets soketi" >&2; exit 1; }
ulimit -n 20000 2>/dev/null || ulimit -n "$(ulimit -Hn)"

run() { # name, scenario, arguments
	local name=$1 scenario=$2
	shift 2
	[ "${ONLY:-$name}" = "$name" ] || return 0
	echo
	bin/resound-bench "$scenario" --nice="$NICE" --server bin/resound --peers $peers --json "$OUT/peer-$name.json" "$@"
}

run fanout fanout --sockets 1000 --rounds 9
run fanout-16 fanout --sockets 1000 --rounds 9 --window 16
run fanout-16-apart fanout --sockets 1000 --rounds 9 --window 16 --publishers 16
run fanout-10k fanout --sockets 10000 --rounds 7
run rooms fanout --sockets 10000 --rounds 7 --channels 1000 --deliveries 6000 --no-raw
run publish publish --rounds 7 --requests 5000 --fresh 2000
run memory memory --kinds plain --no-raw
run connect connect --storm 5000 --parallel 500 --storms 2 --quiet 3s --around 8s --no-raw
