#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the benchmark of system calls runs in four columns, and stays within its limits
set -u
. "$(dirname -- "$0")/../lib.sh"

csv=$BUILD/bench/syscalls.csv
rm -f "$csv"
make -C "$ROOT" --no-print-directory bench SUITE=syscalls RUNS=1 >"$OUT/log" 2>&1
is "make bench: status" $? 0
[ -f "$csv" ] || quit "make bench SUITE=syscalls" "$(first_line "$OUT/log")"
is "columns of the table" "$(head -n 1 "$csv")" \
	suite,workload,column,metric,value,unit,min,max,runs,accelerator

# value WORKLOAD COLUMN METRIC
value()
{
	awk -F, -v w="$1" -v c="$2" -v m="$3" '
		$1 == "syscalls" && $2 == w && $3 == c && $4 == m { print $5 }' "$csv"
}

# within WHAT VALUE MIN MAX
within()
{
	if awk -v v="${2:-0}" -v a="$3" -v b="$4" 'BEGIN { exit !(v >= a && v <= b) }'; then
		pass "$1: $2"
	else
		fail "$1" "'$2' is not between $3 and $4"
	fi
}

# Less than the lower limit would be a loop that was not executed.
for limit in getppid:75 read1:275 write1:225; do
	workload=${limit%:*}
	within "$workload, linked: instructions" "$(value "$workload" linked instructions)" 20 "${limit#*:}"
	for column in binary stock distro; do
		within "$workload, $column: instructions" "$(value "$workload" $column instructions)" 60 1000
		within "$workload, $column: ns" "$(value "$workload" $column time)" 10 1000000
	done
done
# Rows of calls alone, without faults and new processes.
for workload in read4k write4k pipe socketpair1 udp1 tcp1 epoll_wait epoll_wait100 poll10 \
	select10 open+close stat futex; do
	within "$workload: linked below stock, ratio" "$(value "$workload" linked instructions_gain)" 1.001 10
done
rows=$(awk -F, '$4 == "instructions" { n[$3]++ } END { print n["linked"], n["binary"], n["stock"], n["distro"] }' "$csv")
is "as many workloads in each column" "$rows" "26 26 26 26"
for file in syscalls.svg syscalls.png report.html; do
	is "$file" "$(test -s "$BUILD/bench/$file" && echo there)" there
done
shows "the report holds the plot" "$BUILD/bench/report.html" '<svg '
shows "the report holds the table" "$BUILD/bench/report.html" '<td>getppid</td><td>instructions</td>'

# bench-diff: the same, one figure 3 % more, and nothing at all
diff_of()
{
	status=0
	"$ROOT/scripts/bench-diff.sh" "$1" "$2" >"$OUT/diff" 2>&1 || status=$?
}
mkdir -p "$OUT/old" "$OUT/new" "$OUT/none"
cp "$csv" "$OUT/old"
cp "$csv" "$OUT/new"
diff_of "$OUT/old" "$OUT/new"
is "bench-diff of the same: status" $status 0
awk -F, -v OFS=, '$2 == "stat" && $3 == "linked" && $4 == "instructions" { $5 *= 1.03 } { print }' "$csv" >"$OUT/new/syscalls.csv"
diff_of "$OUT/old" "$OUT/new"
is "bench-diff with 3 % more instructions: status" $status 1
shows "bench-diff names the row" "$OUT/diff" '^GREW .*syscalls stat linked instructions .*\+3\.0 %'
diff_of "$OUT/new" "$OUT/old"
is "bench-diff with 3 % less: status" $status 0
diff_of "$OUT/old" "$OUT/none"
is "bench-diff with nothing: status" $status 2
shows "bench-diff with nothing: says so" "$OUT/diff" "there is no .csv file in"

# The status is that of make.
refuses()
{
	status=0
	"$@" >"$OUT/refused" 2>&1 || status=$?
	is "refused: $*: status" $status 2
}
refuses env MODES=nothing make -C "$ROOT" --no-print-directory bench
shows "unknown column: says so" "$OUT/refused" "MODES holds 'nothing'"
