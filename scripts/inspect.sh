#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Say what an application can ask of its kernel, and how big that is.
# usage: inspect.sh APP     (after image.sh; MODE, CONFIG and CPUS as there)
#
# System calls are read from the machine code of the image's executables and
# shared objects: a relinked program's from its calls through the table of
# thunks, which are exact; another's from its SYSCALL instructions, where the
# number is what the instructions before it load. A number that comes from
# elsewhere, such as the argument of syscall(2), counts as "any".
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1:?usage: inspect.sh APP}
select_image "$app"
[ -f "$image/info" ] || die "there is no image of '$app' for this kernel; run 'make image APP=$app${MODE:+ MODE=$MODE}'"
need objdump size
"$ROOT/scripts/fetch.sh" linux
table=$BUILD/src/linux-stock/arch/x86/entry/syscalls/syscall_64.tbl
root=$(app_dir "$app")/root
work=$(mktemp -d "$BUILD/inspect.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Lines "number function shape" of an object; number -1 is any.
#   call     through the table, number resolved by the linker
#   table    through the table, number in a register
#   mov      mov $number,%eax and SYSCALL side by side: seven bytes, as a call has
#   apart    the number is loaded a few instructions before
#   unknown  it comes from elsewhere
sites()
{
	objdump -d --no-show-raw-insn "$1" | awk '
		# "-0x9ffff8" or "0xffffffffff600008": the entry of the table
		function entry(s,		i, n)
		{
			n = 0
			s = substr(s, length(s) - 2)
			for (i = 1; i <= 3; i++)
				n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
			return n / 8
		}
		function hex(s,		i, n)
		{
			n = 0
			for (i = 1; i <= length(s); i++)
				n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
			return n
		}
		/^[0-9a-f]+ <.*>:$/ {
			fn = substr($2, 2, length($2) - 3)
			nr = -1
			next
		}
		!/^ *[0-9a-f]+:\t/ { next }
		{ sub(/^ *[0-9a-f]+:\t/, "") }
		/^call +\*0xffffffffff600[0-9a-f][0-9a-f][0-9a-f]$/ { print entry($2), fn, "call" }
		/^call +\*-0xa00000\(,%rax,8\)/ { print -1, fn, "table" }
		/^syscall/ {
			print nr, fn, nr < 0 ? "unknown" : distance == 1 ? "mov" : "apart"
			nr = -1
			next
		}
		{ distance++ }
		match($0, /^mov +\$0x[0-9a-f]+,%(eax|rax)$/) {
			nr = $2
			sub(/^\$0x/, "", nr)
			sub(/,.*/, "", nr)
			nr = hex(nr)
			distance = 1
			next
		}
		/^xor +%eax,%eax/ { nr = 0; distance = 2; next }
		# Whatever else may write RAX, or be reached from elsewhere.
		/^(call|jmp|ret)/ || /,%[re]?a[xl]$/ || /^(pop|cmpxchg|cqto|cltq).*%rax/ { nr = -1 }'
}

find "$root" -type f | sort | while read -r f; do
	[ "$(head -c 4 "$f" | tail -c 3)" != ELF ] || {
		sites "$f" | sed "s,^,${f#"$root"} ,"
	}
done >"$work/sites"

echo "application  $app, MODE=$mode: $(recipe "$app" EXEC), $(du -sh --apparent-size "$root" | cut -f1) of files"
awk '
	FILENAME == ARGV[1] {
		if ($1 ~ /^[0-9]+$/ && ($2 == "common" || $2 == "64"))
			name[$1] = $3
		next
	}
	{
		shape[$4]++
		if ($2 < 0)
			any[$3 " in " $1] = 1
		else if ($2 in name)
			used[$2] = 1
	}
	END {
		for (i = 0; i < 1024; i++)
			if (i in name) {
				all++
				if (i in used) {
					n++
					list = list " " name[i]
				}
			}
		printf "system calls %d of the %d in the table:\n", n, all
		line = "            "
		m = split(list, w, " ")
		for (i = 1; i <= m; i++) {
			if (length(line " " w[i]) > 100) {
				print line
				line = "            "
			}
			line = line " " w[i]
		}
		print line
		for (s in any)
			others = others "\n             " s
		if (others != "")
			print "             and any that these are asked for:" others
		printf "sites       "
		for (s in shape)
			printf " %s %d", s, shape[s]
		print ""
	}' "$table" "$work/sites"

[ "$mode" != distro ] || exit 0
echo "kernel       $variant: $(grep -c '^CONFIG_.*=y' "$BUILD/kernel/$variant/.config") options set; bytes of its parts:"
(cd "$BUILD/kernel/$variant" && for part in arch/x86 block crypto drivers fs init ipc kernel lib mm net security ukl; do
	[ ! -s "$part/built-in.a" ] || size -t "$part/built-in.a" 2>/dev/null |
		tail -n 1 | awk -v p="$part" '{ printf "%10d  %s\n", $4, p }'
done) | sort -rn | sed 's/^/             /'
