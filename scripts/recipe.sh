#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Check a recipe and print the values of one of its keys, one per line.
# usage: recipe.sh FILE [KEY]
set -eu
. "$(dirname -- "$0")/lib.sh"

file=${1:?usage: recipe.sh FILE [KEY]}
[ -r "$file" ] || die "cannot read the recipe $file"

awk -v file="${file#"$ROOT"/}" -v key="${2:-}" '
	BEGIN {
		known = "NAME SUMMARY MODE SOURCE PACKAGES HOST BUILD FILES EXEC ARGS ENV CWD USER MOUNTS CONFIG CMDLINE MEMORY PORTS NET PROFILE SYSCALLS SOCKETS MACHINES READY"
		n = split(known, w, " ")
		for (i = 1; i <= n; i++)
			is_key[w[i]] = 1
		format["SOURCE"] = "^(local|debian:[a-z0-9][a-z0-9.+-]*)$"
		format["MODE"] = "^(linked|binary|user)$"
		format["PACKAGES"] = "^[a-z0-9][a-z0-9.+-]*([ \t]+[a-z0-9][a-z0-9.+-]*)*$"
		format["HOST"] = "^[a-z0-9][a-z0-9.+-]*([ \t]+[a-z0-9][a-z0-9.+-]*)*$"
		format["EXEC"] = "^/[^ ]+$"
		format["ENV"] = "^[A-Za-z_][A-Za-z0-9_]*="
		format["CWD"] = "^/[^ \t]*$"
		format["USER"] = "^[0-9]+(:[0-9]+)+$"
		format["MOUNTS"] = "^[^ \t]+[ \t]+[^ \t]+[ \t]+/[^ \t]*([ \t]+[^ \t]+)?$"
		format["FILES"] = "^([^: \t]+:)?/[^: \t]*([ \t]+([^: \t]+:)?/[^: \t]*)*$"
		format["CONFIG"] = "^[a-z0-9]+([ \t]+[a-z0-9]+)*$"
		format["MEMORY"] = "^[1-9][0-9]*$"
		format["PORTS"] = "^[1-9][0-9]*:[1-9][0-9]*([ \t]+[1-9][0-9]*:[1-9][0-9]*)*$"
		format["NET"] = "^(none|dhcp|frames)$"
		format["PROFILE"] = "^(fast|small)$"
		format["SYSCALLS"] = "^[a-z0-9_]+([ \t]+[a-z0-9_]+)*$"
		format["SOCKETS"] = "^(unix|inet|packet)([ \t]+(unix|inet|packet))*$"
		format["MACHINES"] = "^(microvm|q35|pc)([ \t]+(microvm|q35|pc))*$"
		hint["SOURCE"] = "local, or debian:<source package>"
		hint["MODE"] = "linked, binary or user"
		hint["PACKAGES"] = "names of Debian packages"
		hint["HOST"] = "names of Debian packages"
		hint["EXEC"] = "an absolute path in the guest"
		hint["ENV"] = "VARIABLE=value"
		hint["CWD"] = "an absolute path in the guest"
		hint["USER"] = "<user>:<group>[:<group>...], numbers"
		hint["MOUNTS"] = "<fstype> <source> </target> [options]"
		hint["FILES"] = "<file of the build or of the recipe>:</path in the guest>, or </path> of PACKAGES"
		hint["CONFIG"] = "names of fragments in configs/"
		hint["MEMORY"] = "a number of MiB"
		hint["PORTS"] = "<port of the host>:<port of the guest>"
		hint["NET"] = "none, dhcp or frames"
		hint["PROFILE"] = "fast or small"
		hint["SYSCALLS"] = "names of system calls"
		hint["SOCKETS"] = "families: unix, inet, packet"
		hint["MACHINES"] = "machine types: microvm, q35, pc"
		if (key != "" && !(key in is_key))
			fail("", "nobody knows the key " key)
	}
	function fail(line, msg)
	{
		printf "unilinux: %s%s: %s\n", file, line == "" ? "" : ":" line, msg | "cat >&2"
		failed = 1
		exit 1
	}
	/^[ \t]*(#|$)/ { next }
	{
		if (!match($0, /^[ \t]*[A-Za-z_]+[ \t]*\+?=/))
			fail(FNR, "expected \"KEY = value\", got: " $0)
		k = substr($0, 1, RLENGTH)
		v = substr($0, RLENGTH + 1)
		add = k ~ /\+=$/
		gsub(/[ \t+=]/, "", k)
		gsub(/^[ \t]+|[ \t\r]+$/, "", v)
		if (!(k in is_key))
			fail(FNR, "unknown key " k "; known are " known)
		if (k in seen && !add)
			fail(FNR, k " is set twice; use " k " += to add a line")
		if (v != "" && k in format && v !~ format[k])
			fail(FNR, k " must be " hint[k] ", not: " v)
		if (k == "SOURCE" && add && v == "local")
			fail(FNR, "SOURCE += must be debian:<source package>; local can only be the first")
		seen[k] = 1
		if (k == key && v != "")
			values = values v "\n"
	}
	END {
		if (failed)
			exit 1
		if (!("EXEC" in seen))
			fail("", "the key EXEC is missing: the program to run, " hint["EXEC"])
		if (!("FILES" in seen))
			fail("", "the key FILES is missing: " hint["FILES"])
		printf "%s", values
	}' "$file"
