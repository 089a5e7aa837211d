#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run the tests: all of them, or those that are named.
# usage: run.sh [-l] [NAME...]        -l lists the names
#
# A name is a file of tests/host without its suffix. Everything that the tests
# write is in build/tests; the results, one a line, in build/tests/results.
set -u
export LC_ALL=C
ROOT=$(cd -- "$(dirname -- "$0")/.." && pwd) || exit 1

# In this order: what is quick, and what others rest on, comes first.
ALL='static shims sites fuzz hello initramfs status installed binary rootfs languages input sockets guest crash security powercut nmi contract bench profile small redis snapshot memory apps debug reproducible off noist bochs'
# Only when they are named: a kernel of their own, or files, which take long to build.
MORE='machine sanitizers trinity soak'

if [ "${1:-}" = -l ]; then
	for name in $ALL $MORE; do
		printf '%-13s' "$name"
		sed -n '3s/^# //p' "$ROOT/tests/host/$name.sh"
	done
	exit 0
fi
# make test T="name name"
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- ${T:-$ALL}
for name; do
	case " $ALL $MORE " in
	*" $name "*) ;;
	*)
		echo "unilinux: there is no test '$name'; there is: $ALL $MORE" >&2
		exit 2
		;;
	esac
done

# Debian's package of each program that only the tests use.
"$ROOT/scripts/setup.sh" qemu-system-x86 redis-tools shellcheck || exit 1

OUT=$ROOT/build/tests
mkdir -p "$OUT"
exec 8>"$OUT/lock"
flock -n 8 || {
	echo "another test run is at work in this checkout; waiting for its end" >&2
	flock 8
}
RESULTS=$OUT/results
: >"$RESULTS"
UNILINUX_T0=$(date +%s)
export RESULTS UNILINUX_T0

for name; do
	start=$(date +%s)
	before=$(grep -c . "$RESULTS")
	echo "== $name: $(sed -n '3s/^# //p' "$ROOT/tests/host/$name.sh")"
	sh "$ROOT/tests/host/$name.sh" 8>&-
	rc=$?
	[ $rc -lt 128 ] || exit $rc
	if [ $rc -ne 0 ] || [ "$(grep -c . "$RESULTS")" = "$before" ]; then
		echo "FAILED   $name: ended with status $rc before it was done"
		printf 'fail\t%s\tdone\tstatus %s\n' "$name" "$rc" >>"$RESULTS"
	fi
	echo "   $name took $(($(date +%s) - start)) s"
done

echo
awk -F '\t' '
	{ n[$1]++ }
	$1 == "fail" { lines = lines "FAILED   " $2 ": " $3 ($4 == "" ? "" : ": " $4) "\n" }
	$1 == "skip" {
		what = $2 ": " $3
		sub(/^.*: /, "", what)
		what = what ": " $4
		if (!skips[what]++)
			order[++kinds] = what
	}
	END {
		for (i = 1; i <= kinds; i++)
			printf "skipped  %s (%d times)\n", order[i], skips[order[i]]
		printf "%s", lines
		printf "%d passed, %d failed%s\n", n["pass"], n["fail"],
			n["skip"] ? ", " n["skip"] " skipped" : ""
		exit n["fail"] > 0 || n["pass"] == 0
	}' "$RESULTS"
