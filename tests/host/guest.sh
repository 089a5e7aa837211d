#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the guest's tests: linked and by SYSCALL, 1 and 2 CPUs, with and without FSGSBASE; step by step
set -u
. "$(dirname -- "$0")/../lib.sh"

for cpus in 1 2; do
	kernel_for $cpus
	image tests
	for mode in linked binary; do
		for CPU in max qemu64; do
			# The other two are in the check "nmi".
			case $mode-$cpus-$CPU in
			linked-2-qemu64 | binary-1-qemu64) continue ;;
			esac
			export CPU
			boot_tests "$mode-$cpus-$CPU" "$mode"
			judge_tests "$mode-$cpus-$CPU" "$mode, $cpus CPUs, -cpu $CPU"
		done
		unset CPU
	done
done

# Interrupts between any two instructions, not only between blocks of code
kernel_for 1
export ACCEL=tcg QEMU_OPTS='-icount shift=3,sleep=off'
for mode in linked binary; do
	boot_tests "$mode-steps" "$mode" steps
	judge_tests "$mode-steps" "$mode, instruction by instruction"
done
