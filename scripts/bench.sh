#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Benchmarks: the same program in several modes, side by side, in one run.
# usage: bench.sh [SUITE...]     all of them with "all"
#
# From the environment:
#   MODES="linked stock"   columns, of small linked binary user stock tiny distro: the
#                          modes of select_mode in scripts/lib.sh, and linked with
#                          PROFILE=small; linked binary stock distro, and small
#                          in the suite boot; binary user in the suite languages
#   RUNS=n                 runs by the clock, interleaved, 10; 0 leaves them out
#   ACCEL, CPU             as for scripts/run.sh
#
# Prints tables, and writes to build/bench:
#   SUITE.csv     suite,workload,column,metric,value,unit,min,max,runs,accelerator
#                 value is the median of the runs, min and max are their limits;
#                 for a metric X_gain, it is how many times better than stock, or
#                 than user without that, and computed from pairs of runs
#   SUITE.svg, SUITE.png, report.html; boot-phases.svg and .png
# docs/benchmarks.md says what the figures can tell. Ends with status 1 when a
# column is missing, or when two runs by the instruction clock differ by more
# than 0.5 %.
set -eu
. "$(dirname -- "$0")/lib.sh"

BENCH=$ROOT/tests/bench
out=$BUILD/bench
asked=${MODES:-linked binary stock distro}
runs=${RUNS:-10}
for column in $asked; do
	case $column in
	small | linked | binary | user | stock | tiny | distro) ;;
	*) die "MODES holds '$column': columns are small, linked, binary, user, stock, tiny, distro" ;;
	esac
done
case $runs in
*[!0-9]* | '') die "RUNS must be a number, not '$runs'" ;;
esac
# For a comparison all other things are equal.
unset APPEND ARGS CMDLINE CONFIG CPUS FILES MACHINE MEMORY MODE PORTS PROFILE QEMU_OPTS SNAPSHOT TIMEOUT METER_LINE METER_STOP METER_PORT

all=$(cd "$BENCH/suites" && for f in *.sh; do echo "${f%.sh}"; done | paste -sd' ')
[ $# -gt 0 ] || set -- syscalls
[ "$*" != all ] || eval "set -- $all"
for suite; do
	[ -f "$BENCH/suites/$suite.sh" ] ||
		die "there is no benchmark suite '$suite'; there is: $all, and all"
done

"$ROOT/scripts/setup.sh" qemu-system-x86 gnuplot-nox
mkdir -p "$out" "$BUILD/host"
locked bench
# shellcheck source=tests/bench/lib.sh
. "$BENCH/lib.sh"
trap stop_servers EXIT
trap 'exit 130' INT TERM
logged meter gcc -O2 -Wall -Wextra -o "$BUILD/host/meter" "$BENCH/meter.c"

failed=0
for suite; do
	work=$out/logs/$suite
	raw=$work/raw.tsv
	rm -rf "$work"
	mkdir -p "$work"
	: >"$raw"
	# A suite may add to them.
	columns=$asked
	# shellcheck disable=SC2034 # for the suites
	ACCELERATOR=${ACCEL:-tcg}
	# shellcheck disable=SC1090 # one of several
	. "$BENCH/suites/$suite.sh"
	measure
	awk -f "$BENCH/summary.awk" -v suite="$suite" -v columns="$columns" "$raw" >"$out/$suite.csv.new"
	mv "$out/$suite.csv.new" "$out/$suite.csv"
	"$BENCH/plot.sh" "$out/$suite.csv" "$MAIN"
	"$BENCH/plot-phases.sh" "$out/$suite.csv"
	echo
	awk -f "$BENCH/table.awk" -v columns="$columns" "$out/$suite.csv" || failed=1
	echo "${out#"$ROOT"/}/$suite.csv, .svg, .png"
done
"$BENCH/report.sh" "$out"
echo "${out#"$ROOT"/}/report.html"
exit $failed
