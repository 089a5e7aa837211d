#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Make an application, "bin-NAME", of a whole root file system.
# usage: rootfs.sh NAME
#
# From the environment, one of:
#   ROOTFS=directory   with BIN=/path, the program in it to start
#   OCI=path           a container image: a directory or tar archive in the layout of
#                      OCI, or what "docker save" has written. Its entry point,
#                      command, environment, working directory and user hold; BIN
#                      is another program, ARGS are other arguments
#   PORTS="host:guest ..."   MEMORY=MiB   as for run.sh; with PORTS it gets a network
set -eu
. "$(dirname -- "$0")/lib.sh"

name=${1:?usage: rootfs.sh NAME}
out=$BUILD/apps/bin-$name
[ -z "${ROOTFS:-}" ] || [ -z "${OCI:-}" ] || die "ROOTFS and OCI are two root file systems: give one"
locked "app-bin-$name"

# unpack LAYOUT: to $out/bundle, with config.json, in which names are resolved
unpack()
{
	# Only root can give files to others.
	rootless=
	[ "$(id -u)" = 0 ] || rootless=--rootless
	umoci unpack $rootless --image "$1:unilinux" "$out/bundle"
}

# container: $OCI to $out/root and $out/config.json
container()
{
	"$ROOT/scripts/setup.sh" skopeo umoci jq
	need skopeo umoci jq
	if [ -f "$OCI/index.json" ]; then
		from=oci:$OCI
	elif [ -d "$OCI" ]; then
		die "OCI: $OCI is a directory without index.json: no OCI layout"
	elif ! tar -tf "$OCI" >"$out/members" 2>/dev/null; then
		die "OCI: $OCI is neither a directory nor a tar archive"
	elif grep -qE '^(\./)?index\.json$' "$out/members"; then
		from=oci-archive:$OCI
	elif grep -qE '^(\./)?manifest\.json$' "$out/members"; then
		from=docker-archive:$OCI
	else
		die "OCI: $OCI holds neither index.json nor manifest.json: no container image"
	fi
	say "app bin-$name: unpacking $OCI"
	logged "oci-$name" skopeo --insecure-policy copy "$from" "oci:$out/layout:unilinux"
	logged "umoci-$name" unpack "$out/layout"
	mv "$out/bundle/rootfs" "$out/root"
	mv "$out/bundle/config.json" "$out/config.json"
	rm -rf "$out/layout" "$out/bundle" "$out/members"
}

# config FILTER: of config.json, which only a container has, one value a line
config()
{
	[ ! -f "$out/config.json" ] || jq -r "$1" "$out/config.json"
}

# found PROGRAM: its path in the root file system, by PATH if it has none. Links are
# of the guest, and not followed here.
found()
{
	case $1 in
	*/*)
		dirs=$cwd
		[ "${1#/}" = "$1" ] || dirs=
		set -- "$1" "$dirs"
		;;
	*)
		path=$(config '.process.env[]?' | sed -n 's/^PATH=//p' | tail -n 1)
		set -- "$1" "${path:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"
		;;
	esac
	echo "$2" | tr : '\n' | while read -r dir; do
		if (chroot_test "${dir%/}/${1#/}"); then
			echo "${dir%/}/${1#/}"
			break
		fi
	done
}

# chroot_test PATH: is there something in the root file system? A component may be an
# absolute link, such as /bin.
chroot_test()
{
	at=$out/root
	links=0
	rest=${1#/}
	while [ -n "$rest" ]; do
		part=${rest%%/*}
		case $rest in
		*/*) rest=${rest#*/} ;;
		*) rest= ;;
		esac
		[ -e "$at/$part" ] || [ -L "$at/$part" ] || return 1
		if [ -L "$at/$part" ]; then
			links=$((links + 1))
			[ "$links" -lt 40 ] || return 1
			to=$(readlink "$at/$part")
			[ "${to#/}" = "$to" ] || at=$out/root
			rest=${to#/}${rest:+/$rest}
		else
			at=$at/$part
		fi
	done
}

rm -rf "$out"
mkdir -p "$out"
cwd=/
if [ -n "${ROOTFS:-}" ]; then
	[ -d "$ROOTFS" ] || die "ROOTFS: there is no directory $ROOTFS"
	[ -n "${BIN:-}" ] || die "ROOTFS needs BIN=/path, the program in it to start"
	ln -s "$(cd "$ROOTFS" && pwd)" "$out/root"
	program=$BIN
else
	[ -e "${OCI:?}" ] || die "OCI: there is no $OCI"
	container
	cwd=$(config '.process.cwd // "/"')
	program=${BIN:-$(config '.process.args[0] // ""')}
	[ -n "$program" ] || die "OCI: $OCI names neither an entry point nor a command: give BIN=/path"
	[ "$(config '[.process.args[]?, .process.env[]?] | any(contains("\n"))')" = false ] ||
		die "OCI: an argument or a variable of $OCI holds the end of a line, which a manifest cannot"
fi
exec_path=$(found "$program")
[ -n "$exec_path" ] || die "there is no $program in ${ROOTFS:-$OCI}"

{
	echo "NAME = bin-$name"
	echo "SUMMARY = ${ROOTFS:-$OCI}"
	echo "MODE = binary"
	echo "SOURCE = local"
	echo "FILES = root:/"
	echo "EXEC = $exec_path"
	echo "CWD = $cwd"
	# Quotes as xargs takes them
	[ -n "${BIN:-}" ] || config '.process.args[1:][]? |
		if contains("\u0027") then "ARGS += \"" + . + "\"" else "ARGS += \u0027" + . + "\u0027" end'
	config '.process.env[]? | "ENV += " + .'
	config '.process.user? // empty | select(.uid + .gid > 0) |
		"USER = " + ([.uid, .gid] + (.additionalGids // []) | map(tostring) | join(":"))'
	echo "MOUNTS = proc proc /proc"
	echo "MOUNTS += sysfs sysfs /sys"
	echo "MOUNTS += devtmpfs devtmpfs /dev"
	echo "MOUNTS += tmpfs tmpfs /dev/shm mode=1777"
	echo "MEMORY = ${MEMORY:-256}"
	echo "NET = $([ -n "${PORTS:-}" ] && echo dhcp || echo none)"
} >"$out/recipe"
