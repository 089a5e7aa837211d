# SPDX-License-Identifier: GPL-2.0
# From the raw lines of a suite (see lib.sh) make its CSV (see scripts/bench.sh).
# usage: awk -f summary.awk -v suite=NAME -v columns="linked stock ..." raw.tsv

function sort_values(n,		i, j, t)
{
	for (i = 2; i <= n; i++) {
		t = list[i]
		for (j = i - 1; j > 0 && list[j] > t; j--)
			list[j + 1] = list[j]
		list[j + 1] = t
	}
}

# Six digits, and no exponent.
function figure(x)
{
	return x >= 10000 ? sprintf("%.0f", x) : sprintf("%.6g", x)
}

function row(id, column, metric, unit, n, accel)
{
	sort_values(n)
	print suite, workload[id], column, metric,
		figure((list[int((n + 1) / 2)] + list[int(n / 2) + 1]) / 2), unit,
		figure(list[1]), figure(list[n]), n, accel
}

BEGIN {
	FS = "\t"
	OFS = ","
	n_columns = split(columns, column, " ")
	# Ring 3 of our kernel, where a suite has no other
	base = columns ~ /(^| )stock( |$)/ ? "stock" : "user"
	print "suite", "workload", "column", "metric", "value", "unit", "min",
		"max", "runs", "accelerator"
}

$1 == "-" {
	why = $4
	gsub(/[,"]/, ";", why)
	lost[++losses] = suite OFS $2 OFS $5 OFS "not_measured" OFS OFS why OFS OFS OFS 0 OFS "-"
	next
}

{
	id = $2 SUBSEP $3 SUBSEP $1
	if (!(id in metric)) {
		ids[++n_ids] = id
		workload[id] = $2
		metric[id] = $3
		unit[id] = $4
		accel[id] = $1
	}
	value[id, $5, $6] = $7 + 0
	if ($6 > most_runs)
		most_runs = $6
}

END {
	for (i = 1; i <= n_ids; i++) {
		id = ids[i]
		for (c = 1; c <= n_columns; c++) {
			n = 0
			for (r = 1; r <= most_runs; r++)
				if ((id, column[c], r) in value)
					list[++n] = value[id, column[c], r]
			if (n)
				row(id, column[c], metric[id], unit[id], n, accel[id])
		}
		for (c = 1; c <= n_columns; c++) {
			n = 0
			for (r = 1; column[c] != base && r <= most_runs; r++) {
				mine = value[id, column[c], r]
				other = value[id, base, r]
				if (mine > 0 && other > 0)
					list[++n] = metric[id] == "throughput" ? mine / other : other / mine
			}
			if (n)
				row(id, column[c], metric[id] "_gain", "times", n, accel[id])
		}
	}
	for (i = 1; i <= losses; i++)
		print lost[i]
}
