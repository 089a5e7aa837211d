#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# files of the root file system are used where they lie in the image
set -u
. "$(dirname -- "$0")/../lib.sh"

app=$(temporary_app files)
image "$app"
whole=$(find "$BUILD/apps/$app/root/" -type f -printf '%s\n' | awk '{ n += int($1 / 4096) * 4 } END { print n }')

# try WHAT KIB PARAMETERS: with so much used in place
try()
{
	what=$1
	APPEND="ukl.log $3" run_app "$1" "$app"
	is "$what: exit status" "$status" 0
	shows "$what: contents, changes, memory given back" "$OUT/$1" '^files: all is right'
	is "$what: KiB in place" "$(tr -d '\r' <"$OUT/$1" | sed -n 's/.*ukl: initramfs: \([0-9]*\) KiB in place$/\1/p' | tail -n 1)" "$2"
	! complaint=$(kernel_complaints "$OUT/$1") || fail "$what: kernel" "$complaint"
}
try tmpfs "$whole" ''
try ramfs "$whole" rootfstype=ramfs

# The archive is a file then, and stays as it is.
try retained 0 retain_initrd
