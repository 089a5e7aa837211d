#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A profile of the whole system by executed instructions: application, libc and
# kernel, by function, subsystem and call chain, in several modes side by side.
# usage: profile.sh APP [WORKLOAD]
#
# From the environment:
#   MODES="linked stock"     which; of linked binary user stock. The first two are compared
#   WINDOW=function:SKIP:N   from call SKIP+1 of the function to N calls later, and all
#                            divided by N; [program/]function of an application, or of
#                            the kernel. Else from the program's start to the end.
#   ARGS, CONFIG, MEMORY, PORTS, QEMU_OPTS     as for scripts/run.sh
#
# WORKLOAD is a line of apps/APP/profile, which sets all that:
#   name image function SKIP N arguments...
# A workload is the first line's when there is that file and no WORKLOAD.
#
# Writes to build/profile/APP[-WORKLOAD], for each mode:
#   MODE.subsystems.txt, MODE.functions.txt   tables
#   MODE.folded, MODE.svg                     call chains, and a flame graph of them
#   diff.txt, diff.svg                        the first mode against the second
# docs/profiling.md explains how to read them.
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: profile.sh APP [WORKLOAD]}
# make exports it also when it is not set.
[ -n "${ARGS:-}" ] || unset ARGS
workload=${2:-}
modes=${MODES:-linked stock}
tools=$ROOT/scripts/profile
host=$BUILD/host

for column in $modes; do
	case $column in
	linked | binary | user | stock) ;;
	*) die "MODES holds '$column': profiles are of linked, binary, user, stock" ;;
	esac
done
[ "${CPUS:-1}" = 1 ] || die "a profile is of one processor: leave CPUS out"
recipe "$app"

guest=$app
window=${WINDOW:-}
list=$ROOT/apps/$app/profile
if [ -f "$list" ] && [ -z "$window${ARGS:-}" ] || [ -n "$workload" ]; then
	line=$(awk -v w="$workload" '!/^#/ && NF && (w == "" || $1 == w) { print; exit }' "$list" 2>/dev/null) || :
	[ -n "$line" ] ||
		die "apps/$app/profile has no workload '$workload'$(
			[ ! -f "$list" ] || awk '!/^#/ && NF { s = s " " $1 } END { print "; there is:" s }' "$list")"
	# shellcheck disable=SC2086 # its words
	set -- $line
	[ $# -ge 5 ] || die "apps/$app/profile: a line needs name, image, function, SKIP and N: '$line'"
	workload=$1 guest=$2 window=$3:$4:$5
	shift 5
	[ $# -eq 0 ] || export ARGS="$*"
fi
skip=${window#*:}
calls=${window##*:}
function=${window%%:*}
skip=${skip%:*}
if [ -n "$window" ]; then
	case $window:$skip:$calls in
	*:*:*:*:*:* | :* | *::*) bad=y ;;
	*:*:*:*:*) bad= ;;
	*) bad=y ;;
	esac
	case $skip$calls in *[!0-9]*) bad=y ;; esac
	[ -n "$bad" ] || [ "$calls" -gt 0 ] || bad=y
	[ -z "$bad" ] || die "WINDOW must be function:SKIP:N, not '$window'"
fi
out=$BUILD/profile/$app${workload:+-$workload}

need qemu-system-x86_64 gcc nm readelf objdump
mkdir -p "$out" "$host"
locked profile
logged profile-plugin gcc -O2 -Wall -Wextra -fPIC -shared -fvisibility=hidden \
	-o "$host/profile.so" "$tools/plugin.c"
for tool in resolve flame; do
	logged "profile-$tool" gcc -O2 -Wall -Wextra -o "$host/profile-$tool" "$tools/$tool.c"
done

# functions FILE: "ADDR SIZE TYPE NAME", by address
functions()
{
	nm -n -S --defined-only "$1" 2>/dev/null | awk '
		NF == 3 { $4 = $3; $3 = $2; $2 = 0 }
		$3 ~ /^[tTwW]$/ && $4 !~ /^(__pfx_|\.L)/ { print $1, $2, $3, $4 }'
}

# The kernel's functions with their objects. Of several static functions of one
# name, each lies among others of its own object.
kernel_symbols()
{
	dir=$BUILD/kernel/$1
	echo "program kernel 0"
	{
		find "$dir" -name '*.o' | grep -vE '/(built-in|vmlinux|\.)[^/]*$|/(boot|realmode|vdso|tools|scripts|usr)/' |
			xargs nm -A --defined-only | sed "s,^$dir/,," | sed 's/:/ /'
		echo "="
		functions "$dir/vmlinux"
	} | awk '
		$1 == "=" { symbols = 1; next }
		!symbols {
			if ($3 ~ /^[tTwW]$/ && !(($4, $1) in has)) {
				has[$4, $1] = 1
				n[$4]++
				path[$4] = $1
			}
			next
		}
		{
			if (n[$4] == 1)
				where = path[$4]
			else if (!(($4, where) in has))
				where = "-"
			print $1, $2, $4, where
		}'
}

# symbols MODE: of all programs in its image, for resolve.c
symbols()
{
	sysroot=$BUILD/sysroot$([ "$1" = linked ] || echo -stock)
	kernel_symbols "$variant"
	awk '$1 == "file" { print $2, $3 }' "$image/rootfs.list" | while read -r name file; do
		is_elf "$file" || continue
		program=${name##*/}
		echo "program $program $(readelf -h "$file" | sed -n 's/.*Entry point address: *0x//p')"
		{
			nm -A --defined-only "$sysroot/lib/libc.a" 2>/dev/null | tr : ' ' | awk '{ print $2, $4, $5 }'
			echo "="
			functions "$file"
		} | awk -v program="$program" '
			$1 == "=" { symbols = 1; next }
			!symbols {
				if ($2 ~ /^[tTwW]$/)
					member[$3, $2 == "t"] = $1
				next
			}
			{
				# A static function only among others of libc.
				libc = (($4, $3 == "t") in member) && ($3 != "t" || libc)
				print $1, $2, $4, libc ? "libc/" member[$4, $3 == "t"] : program "/"
			}'
	done
}

# configuration SYMBOLS: for plugin.c
configuration()
{
	awk -v window="$function" -v skip="$skip" -v n="$calls" '
		$1 == "program" { program = $2; entry = $3; next }
		program == "kernel" && $3 ~ /^(asm_exc_|asm_sysvec_|(ukl_)?entry_SYSCALL_64$)/ {
			print "event", $1, 1
		}
		program == "kernel" && $3 ~ /^(irq|spurious)_entries_start$/ { print "event", $1, $2 }
		program == "kernel" && $3 == "__switch_to_asm" { print "switch", $1, $2; seen++ }
		program == "kernel" && $3 == "copy_thread" { print "fork", $1, $2; seen++ }
		program == "kernel" && $3 == "begin_new_exec" { print "exec", $1, $2; seen++ }
		window == program "/" $3 || window == $3 {
			# That of an application rather than of the kernel.
			if (!found || found == "kernel") {
				line = "window " $1 " " (program == "kernel" ? 0 : entry) " " skip " " n
				found = program
			}
		}
		END {
			if (line)
				print line
			exit seen != 3 ? 3 : window != "" && !found ? 4 : 0
		}' "$1"
}

# profile MODE
profile()
{
	log=$BUILD/log/profile-$1.log
	work=$out/$1
	rm -f "$work".*
	export MODE="$1"
	# All on the machine that other kernels than ours need.
	export MACHINE="${MACHINE:-q35}" ACCEL=tcg
	"$ROOT/scripts/image.sh" "$guest" >"$log" 2>&1 || {
		why=$(sed -n 's/^unilinux: //p' "$log" | tail -n 1)
		die "$1: ${why:-no image of $guest} (full log: ${log#"$ROOT"/})"
	}
	select_image "$guest"
	symbols "$1" >"$work.symbols"
	status=0
	configuration "$work.symbols" >"$work.config" || status=$?
	case $status in
	0) ;;
	4) die "$1: there is no function '$function' in the image of $guest" ;;
	*) die "$1: the kernel lacks a function whose calls tell the tasks" ;;
	esac

	say "profile: $1: running $guest"
	status=0
	QEMU_OPTS="-icount shift=0,sleep=off -seed 1 -rtc base=2026-01-01T00:00:00,clock=vm -plugin $host/profile.so,config=$work.config,out=$work.counts ${QEMU_OPTS:-}" \
		TIMEOUT="${TIMEOUT:-1800}" "$ROOT/scripts/run.sh" "$guest" >"$work.log" 2>&1 </dev/null || status=$?
	[ -s "$work.counts" ] ||
		die "$1: $guest ended with status $status and no counts (full log: ${work#"$ROOT"/}.log)"
	[ "$status" = 0 ] || say "profile: $1: $guest ended with status $status, see ${work#"$ROOT"/}.log"
	if [ -n "$window" ]; then
		seen=$(awk '{ print $3; exit }' "$work.counts")
		[ "$seen" -gt $((skip + calls)) ] ||
			die "$1: $function was called $seen times, $((skip + calls + 1)) are needed to close the window"
	fi
	"$host/profile-resolve" "$work.counts" "$tools/subsystems" "$work.symbols" "$work" "${calls:-0}"
	"$host/profile-flame" "$app${workload:+ $workload}, $1" "$work.folded" >"$work.svg"
	rm -f "$work.config" "$work.symbols" "$work.counts"
}

# compare FILE-SUFFIX KEY-COLUMN VALUE-COLUMN MODE MODE: names and two values, of
# tables with tabs between columns, and what the first has more
compare()
{
	awk -F '\t' -v key="$2" -v value="$3" '
		/^#/ { next }
		{ sub(/^ +/, "", $value); split($value, w, " "); names[$key] = 1 }
		FILENAME == ARGV[1] { a[$key] += w[1] }
		FILENAME == ARGV[2] { b[$key] += w[1] }
		END { for (k in names) printf "%s\t%.1f\t%.1f\t%.1f\n", k, a[k], b[k], a[k] - b[k] }
	' "$out/$4.$1" "$out/$5.$1"
}

for column in $modes; do
	(profile "$column") || exit 1
done

# shellcheck disable=SC2086
set -- $modes
if [ $# -ge 2 ]; then
	{
		compare subsystems.txt 1 2 "$1" "$2" | sort -t "$(printf '\t')" -k3,3nr | awk -F '\t' -v a="$1" -v b="$2" \
			-v per="${calls:+for one call of $function}" '
			BEGIN {
				print "# instructions " per
				printf "%-28s %12s %7s %12s %7s %12s\n", "subsystem", a, "%", b, "%", "difference"
			}
			$1 == "total" { ta = $2; tb = $3; next }
			{ line[++n] = $0 }
			END {
				line[++n] = "total\t" ta "\t" tb "\t" ta - tb
				for (i = 1; i <= n; i++) {
					split(line[i], f, "\t")
					printf "%-28s %12.1f %6.2f%% %12.1f %6.2f%% %+12.1f\n",
						f[1], f[2], 100 * f[2] / ta, f[3], 100 * f[3] / tb, f[4]
				}
			}'
		echo
		echo "# functions that differ most"
		for column in "$1" "$2"; do
			# The name is behind the four numbers.
			awk -F '\t' '!/^#/ { n = split($1, w, " "); print w[5] "\t" w[1] }' \
				"$out/$column.functions.txt" >"$out/$column.self.txt"
		done
		compare self.txt 1 2 "$1" "$2" | awk -F '\t' '{ print ($4 < 0 ? -$4 : $4) "\t" $0 }' |
			sort -k1,1nr | head -n 40 | awk -F '\t' '{ printf "%-44s %12.1f %12.1f %+12.1f\n", $2, $3, $4, $5 }'
		rm -f "$out/$1.self.txt" "$out/$2.self.txt"
	} >"$out/diff.txt"
	"$host/profile-flame" "$app${workload:+ $workload}, $1 against $2" "$out/$1.entry.folded" "$1" \
		"$out/$2.entry.folded" "$2" >"$out/diff.svg"
	sed '/^$/,$d' "$out/diff.txt"
else
	cat "$out/$1.subsystems.txt"
fi
rm -f "$out"/*.entry.folded
echo "${out#"$ROOT"/}: $(cd "$out" && echo ./*.txt ./*.svg ./*.folded | sed 's,\./,,g')"
