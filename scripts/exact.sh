#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Find the smallest configuration of the kernel for an application that is built.
# usage: exact.sh APP VARIANT     the fragments in the variant's name win
#
# Writes the configuration to build/exact/HASH.config and prints HASH, the same
# for all applications with the same needs. Beside it is HASH.why: a line "OPTION
# y|n what asks for it" for each option and word of configs/needs.
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: exact.sh APP VARIANT}
variant=${2:?usage: exact.sh APP VARIANT}
select_mode "$app"
profile=small
root=$(app_dir "$app")/root
mkdir -p "$BUILD/exact"
work=$(mktemp -d "$BUILD/exact/new.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$ROOT/scripts/sites.sh" "$root" >"$work/sites"
[ -s "$work/sites" ] || die "$app: there is no program in its files: ${root#"$ROOT"/}"
recipe "$app" SYSCALLS | tr -s ' \t' '\n' | sed '/^$/d' >"$work/named"
# Numbers that are not in the code have to be named, or all calls are there.
all=
awk '$2 == "any" && $4 != "again"' "$work/sites" | grep -q . && [ ! -s "$work/named" ] && all=y
if [ -n "$all" ]; then
	awk '$1 ~ /^[0-9]+$/ && ($2 == "common" || $2 == "64") { print $3 }' \
		"$BUILD/src/linux-stock/arch/x86/entry/syscalls/syscall_64.tbl"
else
	awk '$2 != "any" { print $2 }' "$work/sites" | cat - "$work/named"
fi | sort -u >"$work/calls"

# What the lines of configs/needs can ask for
{
	cat "$work/calls"
	awk '$2 != "any" { print $2 }' "$work/sites" | cat - "$work/named" | sed 's/^/uses:/'
	recipe "$app" MOUNTS | awk '{
		print "mount:" $1
		if ($2 ~ /^\/dev\//)
			print "disk"
	}'
	echo "net:$(recipe "$app" NET)"
	! { recipe "$app" CMDLINE; echo "${CMDLINE:-}"; } | grep -q 'sysctl\.' || echo cmdline:sysctl
	[ "$(head -c 2 "$root$(recipe "$app" EXEC)" 2>/dev/null)" != '#!' ] || echo exec:script
	echo "${variant#ukl}" | tr - '\n' | sed '/^$/d; s/^/config:/'
	echo "mode:$mode"
	machines=$(recipe "$app" MACHINES)
	# shellcheck disable=SC2086 # a list
	printf 'machine:%s\n' ${machines:-microvm q35 pc}
	if grep -qxE 'socket|socketpair' "$work/calls"; then
		families=$(recipe "$app" SOCKETS)
		# shellcheck disable=SC2086 # a list
		printf 'socket:%s\n' ${families:-unix inet packet}
	fi
} | sort -u >"$work/have"

sed 's/#.*//' "$ROOT/configs/needs" | awk '
	function all_of(words,		n, w)
	{
		n = split(words, w, "&")
		while (n && w[n] in have)
			n--
		return !n
	}
	FILENAME != "-" { have[$1] = 1; next }
	NF {
		why = ""
		for (i = 2; i <= NF; i++)
			if (all_of($i))
				why = why " " $i
		if ($1 !~ /^CONFIG_/ && why != "")
			have[$1] = 1
		print $1, why == "" ? "n nothing" : "y" why
	}' "$work/have" - >"$work/why"

{
	cat "$ROOT/configs/ukl.config" "$ROOT/configs/small.config"
	awk '$1 ~ /=/ { if ($2 == "y") print $1; next }
		/^CONFIG_/ && $2 == "n" { print "# " $1 " is not set" }' "$work/why"
	if [ -z "$all" ]; then
		echo 'CONFIG_UKL_EXACT=y'
		echo "CONFIG_UKL_SYSCALLS=\"$(paste -sd' ' "$work/calls")\""
	fi
	for fragment in $(echo "${variant#ukl}" | tr - ' '); do
		cat "$ROOT/configs/$fragment.config"
	done
} >"$work/config"

hash=$(sha256sum "$work/config" | cut -c1-12)
for f in why config; do
	mv "$work/$f" "$BUILD/exact/$hash.$f"
done
echo "$hash"
