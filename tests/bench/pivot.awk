# SPDX-License-Identifier: GPL-2.0
# A table for gnuplot, with tabs between its fields, from lines "row column value" with
# the same, in the order in which rows and columns come.
# usage: awk -v none=VALUE -f pivot.awk     VALUE is for what no line has

BEGIN { FS = "\t" }

{
	if (!($1 in rows)) {
		rows[$1] = 1
		row[++n] = $1
	}
	if (!($2 in columns)) {
		columns[$2] = 1
		column[++m] = $2
	}
	v[$1, $2] = $3
}

END {
	printf "row"
	for (c = 1; c <= m; c++)
		printf "\t%s", column[c]
	print ""
	for (r = 1; r <= n; r++) {
		printf "%s", row[r]
		for (c = 1; c <= m; c++)
			printf "\t%s", (row[r], column[c]) in v ? v[row[r], column[c]] : none
		print ""
	}
}
