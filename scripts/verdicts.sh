#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What the kernel will make of the SYSCALL instructions in an ELF file, once they
# are used: see ukl/site.h.
# usage: verdicts.sh FILE <ADDRESSES      prints what scripts/sites/verdict.c does
set -eu
. "$(dirname -- "$0")/lib.sh"

file=${1:?usage: verdicts.sh FILE}
"$ROOT/scripts/fetch.sh" linux
linux=$BUILD/src/linux-stock
tool=$BUILD/host/verdict

# The kernel's decoder of instructions, as it is there for its own host tools.
build()
{
	awk -f "$linux/tools/arch/x86/tools/gen-insn-attr-x86.awk" \
		"$linux/tools/arch/x86/lib/x86-opcode-map.txt" >"$BUILD/host/inat-tables.c" &&
		gcc -O2 -Wall -Wextra -Wno-implicit-fallthrough -o "$tool.new" -I "$BUILD/host" -I "$ROOT/ukl" \
			-I "$linux/tools/arch/x86/include" -I "$linux/tools/include" -I "$linux/tools/arch/x86/lib" \
			"$ROOT/scripts/sites/verdict.c" "$ROOT/ukl/site.c" \
			"$linux/tools/arch/x86/lib/insn.c" "$linux/tools/arch/x86/lib/inat.c" &&
		mv "$tool.new" "$tool"
}

locked verdict
if [ -z "$(find "$tool" -newer "$ROOT/ukl/site.c" -newer "$ROOT/ukl/site.h" \
		-newer "$ROOT/scripts/sites/verdict.c" 2>/dev/null)" ]; then
	mkdir -p "$BUILD/host"
	logged verdict build
fi
exec "$tool" "$file"
