#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Plot where the time of a boot goes: a bar for each application and column, of the
# rows with the metric "phase", as SVG and PNG beside the CSV.
# usage: plot-phases.sh SUITE.csv
set -eu

csv=$1
base=${csv%.csv}-phases
data=$(mktemp)
trap 'rm -f "$data"' EXIT

# A line each bar, a field each phase, in millions
awk -F, '
	$4 == "phase" {
		phase = $2
		sub(/^[^-]*-/, "", phase)
		bar = substr($2, 1, length($2) - length(phase) - 1) ", " $3
		print bar "\t" phase "\t" $5 / 1e6
	}' "$csv" | awk -v none=0 -f "${0%/*}/pivot.awk" >"$data"
rows=$(($(wc -l <"$data") - 1))
[ "$rows" -gt 0 ] || exit 0
last=$(head -n 1 "$data" | awk -F '\t' '{ print NF }')

for terminal in 'svg size %d,560 dynamic font "sans,12"' 'png size %d,560 font "sans,10"'; do
	type=${terminal%% *}
	# shellcheck disable=SC2059 # a format indeed
	gnuplot 2>/dev/null <<-END || { echo "bench: gnuplot failed on $csv" >&2; exit 1; }
		set terminal $(printf "$terminal" $((440 + rows * 90)))
		set output "$base.$type"
		set datafile separator "\t"
		set title "millions of instructions by phase; idle, a nanosecond is one"
		set style data histograms
		set style histogram rowstacked
		set style fill solid 0.8 border -1
		set boxwidth 0.7
		set xtics noenhanced
		set key outside right top invert noenhanced
		set grid ytics
		set yrange [0:*]
		plot for [i=2:$last] "$data" using i:xtic(1) title columnheader(i) linecolor rgb hsv2rgb((i - 2) / ($last - 1.0), 0.45 + 0.3 * (i % 2), 0.9)
	END
done
