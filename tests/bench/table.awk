# SPDX-License-Identifier: GPL-2.0
# Print a suite's CSV as tables, one a metric. Ends with status 1 when a
# figure is missing or instructions were not repeatable.
# usage: awk -f table.awk -v columns="linked stock ..." SUITE.csv

BEGIN {
	FS = ","
	# Two runs by the instruction clock agree as well as this.
	REPEATABLE = 0.005
	n_columns = split(columns, column, " ")
	# As in summary.awk
	other = columns ~ /(^| )stock( |$)/ ? "stock" : "user"
	best = columns ~ /(^| )linked( |$)/ ? "linked" : column[1]
}

FNR == 1 { next }

$4 == "not_measured" {
	missing[++n_missing] = $3 ": " $2 ": not measured: " $6
	next
}

{
	base = $4
	sub(/_gain$/, "", base)
	id = base SUBSEP $10
	if (!(id in seen)) {
		seen[id] = 1
		ids[++n_ids] = id
		title[id] = base (base == "instructions" ? "" : ", " $6) ", " $10
	}
	if (!((id, $2) in row)) {
		row[id, $2] = 1
		rows[id, ++n_rows[id]] = $2
	}
	if ($4 ~ /_gain$/) {
		gain[id, $2, $3] = sprintf("%.2f", $5)
		next
	}
	unit[id, $2] = $6
	v[id, $2, $3] = $5
	runs[id] = $9
	if ($9 < 2)
		next
	spread[id, $2, $3] = ($8 - $7) / ($5 > 0 ? $5 : 1)
	if (base == "instructions" && spread[id, $2, $3] > REPEATABLE)
		unsteady[++n_unsteady] = $2 ", " $3 ": " $7 " to " $8
}

function number(x)
{
	return x == "" ? "-" : x >= 1000 ? sprintf("%.0f", x) : sprintf("%.4g", x)
}

# In percent of the median: half of what lies between the limits.
function percent(x)
{
	return x == "" ? "" : sprintf("±%.1f%%", 50 * x)
}

END {
	for (i = 1; i <= n_ids; i++) {
		id = ids[i]
		printf "%-17s", ""
		for (c = 1; c <= n_columns; c++)
			printf " %17s", column[c]
		print "  " best ":" other
		for (r = 1; r <= n_rows[id]; r++) {
			name = rows[id, r]
			printf "%-17s", name
			for (c = 1; c <= n_columns; c++) {
				s = (id, name, column[c]) in spread ? percent(spread[id, name, column[c]]) : ""
				# The sign takes two bytes and one column.
				printf " %" (s == "" ? 17 : 18) "s", number(v[id, name, column[c]]) " " s
			}
			g = gain[id, name, best]
			mark = ""
			if (id ~ /^instructions/ && g != "" && g < 1) {
				mark = " !"
				marked = 1
			}
			printf "  %s%s\n", g == "" ? "-" : g " x", mark
		}
		printf "%s; median of %d run%s, with half of what lies between the limits\n\n",
			title[id], runs[id], runs[id] == 1 ? "" : "s"
	}
	if (marked)
		print "!  " best " takes more instructions than " other ": see docs/benchmarks.md\n"
	for (i = 1; i <= n_missing; i++)
		print missing[i]
	for (i = 1; i <= n_unsteady; i++)
		print "not repeatable within " 100 * REPEATABLE " %: " unsteady[i]
	exit n_missing + n_unsteady > 0
}
