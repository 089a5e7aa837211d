#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the kernel under lockdep and KASAN, with an application at CPL 0
set -u
. "$(dirname -- "$0")/../lib.sh"

# One kernel for both, without debug information: it is the longest build here.
export CONFIG="lockdep kasan" MEMORY=512
image hello
run_app hello hello
shows "hello" "$OUT/hello" 'hello: running at CPL 0'
is "hello: exit status" "$status" 0
# Else a kernel without the checkers would pass.
kernel=$(sed -n 's/^variant=//p' "$BUILD/images/hello+kasan+lockdep/info")
for option in PROVE_LOCKING KASAN; do
	shows "kernel has $option" "$BUILD/kernel/$kernel/.config" "^CONFIG_$option=y"
done
! complaint=$(kernel_complaints "$OUT/hello") || fail "hello: kernel" "$complaint"

image tests
PARAMETERS='' boot_tests linked linked redzone signals fork vfork exec restart trace cancel
judge_tests linked "linked"
