#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Compare the results of two benchmark runs.
# usage: bench-diff.sh OLD NEW     directories that hold SUITE.csv files
#
# Prints each figure that is in both and changed by more than its own spread,
# and what is in one only. Ends with status 1 when an instruction count grew by
# more than 2 %, with 2 when there is nothing to compare.
set -eu

usage()
{
	echo "unilinux: $*; usage: make bench-diff OLD=dir NEW=dir, directories that hold SUITE.csv as build/bench does" >&2
	exit 2
}

[ -n "${1:-}" ] || usage "OLD is not given"
[ -n "${2:-}" ] || usage "NEW is not given"
for dir; do
	[ -n "$(find "$dir" -maxdepth 1 -name '*.csv' 2>/dev/null | head -n 1)" ] ||
		usage "there is no .csv file in '$dir'"
done

awk -F, '
	FNR == 1 { next }
	$4 == "not_measured" || $4 ~ /_gain$/ { next }
	{
		id = $1 " " $2 " " $3 " " $4 " (" $10 ")"
		if (!(id in seen)) {
			seen[id] = 1
			order[++n] = id
			metric[id] = $4
		}
		if (side == "old") {
			o[id] = $5
			span[id] = $8 - $7
		} else {
			w[id] = $5
			if ($8 - $7 > span[id])
				span[id] = $8 - $7
		}
	}
	END {
		for (i = 1; i <= n; i++) {
			id = order[i]
			if (!(id in o)) {
				printf "only in NEW  %s: %s\n", id, w[id]
				continue
			}
			if (!(id in w)) {
				printf "only in OLD  %s: %s\n", id, o[id]
				continue
			}
			both++
			change = o[id] > 0 ? 100 * (w[id] / o[id] - 1) : 0
			worse = metric[id] == "instructions" && change > 2
			bad += worse
			d = w[id] - o[id]
			if (worse || (d < 0 ? -d : d) > span[id])
				printf "%-11s  %s: %s -> %s (%+.1f %%)\n",
					worse ? "GREW" : "changed", id, o[id], w[id], change
		}
		if (!both) {
			print "unilinux: the two have no figure in common" | "cat >&2"
			exit 2
		}
		printf "%d figures in both; %d instruction counts grew by more than 2 %%\n", both, bad
		exit bad > 0
	}' side=old "$1"/*.csv side=new "$2"/*.csv
