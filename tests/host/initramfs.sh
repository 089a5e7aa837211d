#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# files of the root file system are used where they lie in the image
set -u
. "$(dirname -- "$0")/../lib.sh"

app=$(temporary_app files)
image "$app"
whole=$(find "$BUILD/apps/$app/root/" -type f -printf '%s\n' | awk '{ n += int($1 / 4096) * 4 } END { print n }')

# booted WHAT KIB PARAMETERS: with so much used in place
booted()
{
	APPEND="ukl.log $3" run_app "$1" "$app"
	is "$1: exit status" "$status" 0
	shows "$1: contents" "$OUT/$1" '^files: 71 are right'
	is "$1: KiB in place" "$(tr -d '\r' <"$OUT/$1" | sed -n 's/.*ukl: initramfs: \([0-9]*\) KiB in place$/\1/p' | tail -n 1)" "$2"
	! complaint=$(kernel_complaints "$OUT/$1") || fail "$1: kernel" "$complaint"
}
booted tmpfs "$whole" ''
shows "tmpfs: changes, memory given back" "$OUT/tmpfs" '^files: all is right'
booted ramfs "$whole" rootfstype=ramfs
shows "ramfs: changes, memory given back" "$OUT/ramfs" '^files: all is right'

# The archive is a file then, and stays as it is. Memory of files that were copied
# goes to the CPU's own list of free pages, which no count shows.
ARGS=look booted retained 0 retain_initrd
