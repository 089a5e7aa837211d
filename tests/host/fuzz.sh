#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the parsers take damaged input: a short run of make fuzz, the same each time
set -u
. "$(dirname -- "$0")/../lib.sh"

# fuzz TARGET RUNS
fuzz()
{
	if RUNS=$2 SEED=1 "$ROOT/scripts/fuzz.sh" "$1" >"$OUT/$1" 2>&1; then
		pass "$(tail -n 1 "$OUT/$1")"
	else
		fail "$1" "$(first_line "$OUT/$1")"
	fi
}

fuzz site 20000
fuzz manifest 50000
fuzz recipe 100
fuzz words 40
fuzz kernel 100
fuzz oci 10

# What was found in the archive of an image: a newline in place of a number, which was
# printed as well
printf '070701%048d\n%055d' 0 0 >"$OUT/cpio"
refused "an archive without a number" "cpio is damaged: no number at offset 0x36" \
	"$BUILD/fuzz/kernel/mkimage" "$BUILD/fuzz/kernel/kernel" "$OUT/cpio" console=ttyS0 "$OUT/image"
