#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Plot a suite: the gain over stock in its main metric, as SVG and PNG beside
# the CSV.
# usage: plot.sh SUITE.csv METRIC
set -eu

csv=$1
metric=$2
base=${csv%.csv}
data=$(mktemp)
trap 'rm -f "$data"' EXIT

# workload, then the columns; stock itself is the line at 1.
awk -F, -v metric="${metric}_gain" '$4 == metric { print $2 "\t" $3 "\t" $5 }' "$csv" |
	awk -v none=NaN -f "${0%/*}/pivot.awk" >"$data"
rows=$(($(wc -l <"$data") - 1))
last=$(head -n 1 "$data" | awk '{ print NF }')
if [ "$rows" -lt 1 ]; then
	echo "bench: $(basename "$base"): no plot: there is no gain over stock in '$metric'"
	exit 0
fi

for terminal in 'svg size %d,480 dynamic font "sans,12"' 'png size %d,480 font "sans,10"'; do
	type=${terminal%% *}
	# shellcheck disable=SC2059 # a format indeed
	gnuplot 2>/dev/null <<-END || { echo "bench: gnuplot failed on $csv" >&2; exit 1; }
		set terminal $(printf "$terminal" $((300 + rows * 60)))
		set output "$base.$type"
		set datafile separator "\t"
		set title "$(basename "$base"): times better than stock, by $(echo "$metric" | tr _ ' ')"
		set style data histograms
		set style fill solid 0.8 border -1
		set boxwidth 0.9
		set xtics rotate by -40 noenhanced
		set key outside right top noenhanced
		set grid ytics
		set yrange [0:*]
		set arrow from graph 0, first 1 to graph 1, first 1 nohead lw 2
		plot for [i=2:$last] "$data" using i:xtic(1) title columnheader(i)
	END
done
