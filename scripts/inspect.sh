#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Say what an application can ask of its kernel, and how big that is.
# usage: inspect.sh APP     (after image.sh; MODE, CONFIG and CPUS as there)
#
# System calls are read from the machine code of the image's executables and
# shared objects: see sites.sh. A number that comes from elsewhere, such as the
# argument of syscall(2), counts as "any".
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: inspect.sh APP}
select_image "$app"
[ -f "$image/info" ] || die "there is no image of '$app' for this kernel; run 'make image APP=$app${MODE:+ MODE=$MODE}'"
need size
"$ROOT/scripts/fetch.sh" linux
table=$BUILD/src/linux-stock/arch/x86/entry/syscalls/syscall_64.tbl
root=$(readlink -f "$(app_dir "$app")/root")
work=$(mktemp -d "$BUILD/inspect.XXXXXX")
trap 'rm -rf "$work"' EXIT

exact_variant "$app"
"$ROOT/scripts/sites.sh" "$root" >"$work/sites"

echo "application  $app, MODE=$mode: $(recipe "$app" EXEC), $(du -sh --apparent-size "$root" | cut -f1) of files"
awk '
	FILENAME == ARGV[1] {
		if ($1 ~ /^[0-9]+$/ && ($2 == "common" || $2 == "64"))
			name[$1] = $3
		next
	}
	{
		shape[$4]++
		if ($2 != "any")
			used[$2] = 1
		else if ($4 != "again")
			any[$3 " in " $1] = 1
	}
	END {
		for (i = 0; i < 1024; i++)
			if (i in name) {
				all++
				if (name[i] in used) {
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

if [ "$mode" = binary ]; then
	awk '$4 ~ /^(mov|apart|unknown)$/ && $5 != "" { print $1 }' "$work/sites" | sort -u | while read -r object; do
		awk -v o="$object" '$1 == o && $4 ~ /^(mov|apart|unknown)$/ { print $5 }' "$work/sites" |
			"$ROOT/scripts/verdicts.sh" "$root$object" |
			awk -v o="$object" -v s="$work/sites" '
				BEGIN {
					while ((getline line <s) > 0) {
						split(line, w, " ")
						if (w[1] == o)
							fn[w[5]] = w[3]
					}
				}
				$2 == "patched" { n++; next }
				{ left[$2] = left[$2] " " fn[$1] }
				END {
					printf "             %s: %d can become jumps\n", o, n
					for (why in left)
						printf "                 not, %s:%s\n", why, left[why]
				}'
	done >"$work/jumps"
	echo "jumps        in place of SYSCALL, where it is executed often (docs/binary.md):"
	cat "$work/jumps"
fi
[ "$mode" != distro ] || exit 0

# parts VARIANT: lines "bytes part"
parts()
{
	(cd "$BUILD/kernel/$1" && for part in arch/x86 block crypto drivers fs init ipc kernel lib mm net security ukl; do
		[ ! -s "$part/built-in.a" ] || size -t "$part/built-in.a" 2>/dev/null |
			tail -n 1 | awk -v p="$part" '{ print $4, p }'
	done)
}
options()
{
	grep -c '^CONFIG_.*=y' "$BUILD/kernel/$1/.config"
}

echo "kernel       $variant: $(options "$variant") options set; bytes of its parts:"
parts "$variant" | sort -rn | awk '{ printf "%23d  %s\n", $1, $2 }'
[ "$profile" = small ] || exit 0

echo "options      asked for, of configs/needs:"
awk '$2 == "y" { $2 = "by"; print "             " $0 }' "$BUILD/exact/${variant#exact-}.why"
echo "             left out: $(awk '/^CONFIG_/ && $2 == "n" && $1 !~ /=/ { print substr($1, 8) }' "$BUILD/exact/${variant#exact-}.why" | paste -sd' ' | fold -s -w 87 | sed '2,$s/^/             /')"
if [ -s "$BUILD/kernel/ukl/vmlinux" ]; then
	echo "against      the kernel of PROFILE=fast, $(options ukl) options; bytes:"
	parts ukl >"$work/base"
	parts "$variant" | awk 'FILENAME != "-" { base[$2] = $1; next }
		{ here[$2] = $1 }
		END { for (p in base) printf "%23d  %s\n", here[p] - base[p], p }' "$work/base" - | sort -n
fi
