#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# CONFIG_UKL=n: the patched files give the code of the unpatched ones
set -u
. "$(dirname -- "$0")/../lib.sh"
cd "$ROOT" || exit 1

# The baseline of the benchmarks: all of it is there, or needed soon.
"$ROOT/scripts/kernel.sh" stock ensure || quit "stock kernel" "see above"
"$ROOT/scripts/kernel.sh" off config || quit "configuration without CONFIG_UKL" "see above"
stock=$BUILD/kernel/stock
off=$BUILD/kernel/off

grep '^CONFIG' "$stock/.config" | sort >"$OUT/stock.config"
grep '^CONFIG' "$off/.config" | sort >"$OUT/off.config"
is "same configuration" "$(diff "$OUT/stock.config" "$OUT/off.config" | head -n 3)" ""

# Objects: of every patched file, and of some that use each patched header.
# An object's list of headers is in the command file beside it.
files=$(sed -n 's,^+++ b/,,p' patches/*.patch | sed 's/\t.*//' | sort -u)
find "$stock" -name '.*.o.cmd' -size -200k >"$OUT/cmds"
for f in $files; do
	case $f in
	kernel/sched/idle.c) echo kernel/sched/build_policy.o ;;
	# Not in this kernel; the linker's; compared below
	arch/x86/kernel/uprobes.c | *.lds.S | *asm-offsets_64.c) ;;
	*.c | *.S) echo "${f%.*}.o" ;;
	*.h)
		xargs grep -lE "/$f( |\$|\\\\)" <"$OUT/cmds" | grep -vE '/(tools|scripts|vdso|boot|realmode|purgatory)/' |
			sort | awk '{ l[NR] = $0 } END { for (i = 0; i < 6 && i < NR; i++) print l[1 + int(i * NR / 6)] }' |
			sed "s,^$stock/,,; s,/\.\([^/]*\)\.cmd$,/\1,"
		;;
	esac
done | grep -v 'asm-offsets\.o' | sort -u >"$OUT/objects"

# shellcheck disable=SC2046 # a list of words
"$ROOT/scripts/kernel.sh" off -s -j"$(nproc)" $(cat "$OUT/objects") >"$OUT/build.log" 2>&1 ||
	quit "objects without CONFIG_UKL build" "$(grep -m 1 -E 'error|Error' "$OUT/build.log")"

# BUG() and WARN() hold the line they are on as a number, and so do the tables
# beside the code, which this leaves out, and the names of initcalls.
code()
{
	objdump -dr --no-show-raw-insn "$1" >"$OUT/dump" || echo "no code of $1"
	sed '1,/Disassembly/d; s/\(__initcall__kmod_[^<+]*\)_[0-9]*_[0-9]*_/\1_/' "$OUT/dump"
}
n=0 bad=
while read -r o; do
	code "$stock/$o" >"$OUT/a"
	code "$off/$o" >"$OUT/b"
	if cmp -s "$OUT/a" "$OUT/b"; then
		n=$((n + 1))
	else
		bad="$bad $o"
	fi
done <"$OUT/objects"
[ "$n" -gt 0 ] || bad=none
is "$n objects have the same code" "$bad" ""
cmp -s "$stock/include/generated/asm-offsets.h" "$off/include/generated/asm-offsets.h"
is "asm-offsets.h" $? 0
