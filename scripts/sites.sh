#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The system call sites in the machine code of the files below a directory.
# usage: sites.sh DIR
#
# Prints a line "object name function shape address" for each site. The name is
# the call's, or "any" where the number comes from elsewhere, such as the argument
# of syscall(2). The shapes:
#   call     through the table of thunks, number resolved by the linker
#   table    through the table, number in a register
#   again    the slow path of a cancellable site in our musl, which hands on the
#            number of that site
#   mov      mov $number,%eax and SYSCALL side by side: seven bytes, as a call has
#   apart    the number is loaded a few instructions before
#   unknown  SYSCALL, and the number comes from elsewhere
set -eu
. "$(dirname -- "$0")/lib.sh"

dir=$(readlink -f "${1:?usage: sites.sh DIR}")
need objdump
"$ROOT/scripts/fetch.sh" linux
table=$BUILD/src/linux-stock/arch/x86/entry/syscalls/syscall_64.tbl

sites()
{
	# Our musl, by a symbol of it
	! grep -qa __ukl_cp_slow "$1" && ours=0 || ours=1
	objdump -d --no-show-raw-insn "$1" >"$code" || :
	awk -v object="${1#"$dir"}" -v ours="$ours" '
		function hex(s,		i, n)
		{
			n = 0
			for (i = 1; i <= length(s); i++)
				n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
			return n
		}
		function site(nr, shape)
		{
			if (nr >= 0 && !(nr in name))
				return
			if (nr < 0 && fn ~ /^(sccp|__syscall_cp_c|__syscall_cp_asm)$/ && ours)
				shape = "again"
			print object, nr < 0 ? "any" : name[nr], fn, shape, address
		}
		pass == 0 {
			if ($1 ~ /^[0-9]+$/ && ($2 == "common" || $2 == "64"))
				name[$1] = $3
			next
		}
		# Where a jump arrives, nobody knows what came before.
		pass == 1 {
			if ($2 ~ /^(bnd|notrack)$/)
				target[$4 ":"] = 1
			if ($2 ~ /^j/)
				target[$3 ":"] = 1
			next
		}
		/^[0-9a-f]+ <.*>:$/ {
			fn = substr($2, 2, length($2) - 3)
			nr = -1
			next
		}
		!/^ *[0-9a-f]+:\t/ { next }
		$1 in target { nr = -1 }
		{
			address = substr($1, 1, length($1) - 1)
			sub(/^ *[0-9a-f]+:\t/, "")
			code = 1
		}
		# 0xffffffffff600008: the second entry of the table
		/^call +\*0xffffffffff600[0-9a-f][0-9a-f][0-9a-f]$/ {
			site(hex(substr($2, length($2) - 2)) / 8, "call")
		}
		/^call +\*-0xa00000\(,%rax,8\)/ { site(-1, "table"); table = NR }
		# Of the same site, for numbers that no call has
		/^syscall/ && table && NR == table + 2 { next }
		/^syscall/ {
			site(nr, nr < 0 ? "unknown" : distance == 1 ? "mov" : "apart")
			nr = -1
			next
		}
		{ distance++ }
		match($0, /^mov +\$0x[0-9a-f]+,%(eax|rax)$/) || (nr == 0 && match($0, /^mov +\$0x[0-9a-f]+,%al$/)) {
			distance = $2 ~ /al$/ ? 2 : 1
			nr = $2
			sub(/^\$0x/, "", nr)
			sub(/,.*/, "", nr)
			nr = hex(nr)
			next
		}
		/^xor +%eax,%eax/ { nr = 0; distance = 2; next }
		# Whatever else may write RAX, named or not.
		/^(call|jmp|ret|cpuid|rdtsc|rdpmc|xgetbv|mul|imul|div|idiv|lods|in|cltq|cwtl|cbtw|lahf|cmpxchg)/ ||
			(/%([re]?ax|a[lh])/ && !/^(test|cmp|push|mov[a-z]* +%(rax|eax|ax|al),)/) { nr = -1 }
		# Packed, or of a form that objdump does not know.
		END {
			if (!code)
				print object, "any", "-", "unknown"
		}
	' "$table" pass=1 "$code" pass=2 "$code"
}

code=$(mktemp "$BUILD/sites.XXXXXX")
trap 'rm -f "$code"' EXIT
find "$dir" -type f | sort | while read -r f; do
	! is_elf "$f" || sites "$f"
done
