#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Write DIR/report.html, one file that holds the tables and plots of all suites
# in DIR, what they were measured with, and how to repeat them.
# usage: report.sh DIR
set -eu
ROOT=$(cd -- "$(dirname -- "$0")/../.." && pwd)
dir=$1

# version COMMAND...: the first line of what it says
version()
{
	"$@" 2>/dev/null | head -n 1 || :
}

escape()
{
	sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g'
}

release()
{
	strings -n 20 "$1" 2>/dev/null | sed -n 's/^Linux version \([^ ]*\).*/\1/p' | head -n 1
}

{
	cat <<-'END'
		<!DOCTYPE html>
		<html lang="en"><head><meta charset="utf-8"><title>UniLinux: benchmarks</title>
		<style>
		body { font-family: sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; }
		table { border-collapse: collapse; margin: 1em 0; }
		td, th { border: 1px solid #bbb; padding: .2em .6em; text-align: right; }
		td:first-child, th:first-child { text-align: left; }
		small { color: #555; }
		svg { max-width: 100%; height: auto; }
		</style></head><body>
		<h1>UniLinux: benchmarks</h1>
		<p>The same program and the same work in each column. <b>linked</b>: relinked, enters the kernel by calls, at
		CPL 0. <b>binary</b>: by the SYSCALL instruction, at CPL 0. <b>stock</b>: at ring 3 of Linux unpatched, same
		version and configuration. <b>tiny</b>: the same, configured as make tinyconfig does. <b>distro</b>: at ring 3 of Debian's own cloud kernel. The value is the median of the
		runs, below it their limits. A gain is how many times better than stock, from pairs of runs. Instructions are
		counted by QEMU (accelerator tcg-icount) and do not price a change of privilege, caches or a TLB; times under
		tcg are those of an emulator.</p>
	END
	for csv in "$dir"/*.csv; do
		name=$(basename "$csv" .csv)
		echo "<h2 id=\"$name\">$name</h2>"
		for svg in "$dir/$name.svg" "$dir/$name-phases.svg"; do
			[ ! -f "$svg" ] || sed '/^<?xml/d; /<!DOCTYPE/,/>$/d' "$svg"
		done
		awk -F, '
			FNR == 1 { next }
			function text(s)
			{
				gsub(/&/, "\\&amp;", s)
				gsub(/</, "\\&lt;", s)
				return s
			}
			!($3 in known) && $4 != "not_measured" { known[$3] = 1; column[++m] = $3 }
			{
				id = $2 SUBSEP $4 SUBSEP $10
				if (!(id in seen)) {
					seen[id] = 1
					order[++n] = id
					head[id] = "<td>" text($2) "</td><td>" text($4) "</td><td>" \
						($4 == "not_measured" ? "" : text($6)) "</td><td>" $10 "</td>"
				}
				cell[id, $3] = $4 == "not_measured" ? text($6) : $5 "<br><small>" $7 " to " $8 ", " $9 "</small>"
			}
			END {
				printf "<table><tr><th>workload</th><th>metric</th><th>unit</th><th>accelerator</th>"
				for (c = 1; c <= m; c++)
					printf "<th>%s</th>", column[c]
				print "</tr>"
				for (i = 1; i <= n; i++) {
					printf "<tr>%s", head[order[i]]
					for (c = 1; c <= m; c++)
						printf "<td>%s</td>", cell[order[i], column[c]]
					print "</tr>"
				}
				print "</table>"
			}' "$csv"
	done
	echo '<h2>Made with</h2><pre>'
	{
		echo "date       $(date -u +%Y-%m-%dT%H:%MZ)"
		echo "host       $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) processors"
		echo "UniLinux   $(git -C "$ROOT" describe --always --dirty 2>/dev/null || echo 'not a git checkout')"
		echo "QEMU       $(version qemu-system-x86_64 --version)"
		echo "compiler   $(version gcc --version)"
		for kernel in ukl/vmlinux stock/vmlinux; do
			[ ! -f "$ROOT/build/kernel/$kernel" ] ||
				echo "kernel     $kernel: Linux $(release "$ROOT/build/kernel/$kernel")"
		done
		[ ! -f "$ROOT/build/kernel/distro/package" ] ||
			echo "kernel     distro: Debian's $(cat "$ROOT/build/kernel/distro/package")"
		echo
		for csv in "$dir"/*.csv; do
			echo "make bench SUITE=$(basename "$csv" .csv) ${MODES:+MODES=\"$MODES\" }RUNS=${RUNS:-10}"
		done
	} | escape
	echo '</pre></body></html>'
} >"$dir/report.html.new"
mv "$dir/report.html.new" "$dir/report.html"
