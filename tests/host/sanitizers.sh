#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the guest's tests with a kernel under lockdep, KASAN, UBSAN and the checks of its entry code
set -u
. "$(dirname -- "$0")/../lib.sh"

# One kernel for all, without debug information: it is the longest build here.
kernel_for 2
export CONFIG="$CONFIG lockdep kasan sanitizers" MEMORY=512 PATIENCE=10
image tests
# Else a kernel without the checkers would pass.
for option in PROVE_LOCKING KASAN UBSAN_BOUNDS NOINSTR_VALIDATION; do
	shows "kernel has $option" "$kernel_dir/.config" "^CONFIG_$option=y"
done
# What objtool says of code that runs before instrumentation may
complaint=$(grep -m 1 'warning: objtool' "$BUILD/log/kernel-${kernel_dir##*/}.log" 2>&1)
is "objtool has no complaint" "$complaint" ''

for mode in linked binary; do
	# Its SYSCALL becomes a jump, which leaves interrupts off in the kernel, as
	# the program had them (docs/security.md). Lockdep takes that for an error.
	[ "$mode" = linked ] || MACHINE_TESTS="$MACHINE_TESTS -x fault.no_interrupts"
	TIMEOUT=2400 boot_tests "$mode" "$mode"
	judge_tests "$mode" "$mode"
done
