#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# negative control: without the IST stacks the guest's tests must fail
set -u
. "$(dirname -- "$0")/../lib.sh"

app=$(temporary_app control)

# First on the kernel as it should be.
for mode in linked binary; do
	export MODE=$mode
	image "$app"
	run_app "good-$mode" "$app"
	tap "good-$mode" "$mode, with IST stacks"
done

CONFIG=noist
# Where in its page the stack begins decides whether the program lives to main().
APPEND=norandmaps
export CONFIG APPEND
for mode in linked binary; do
	export MODE=$mode
	image "$app"
	run_app "$mode" "$app"
	clean_console "$OUT/$mode" >"$OUT/$mode.tap"
	shows "$mode, without IST stacks: the red zone is overwritten" "$OUT/$mode.tap" '^not ok 1 - red zone'
	shows "$mode, without IST stacks: an absent page of the stack kills the machine" "$OUT/$mode" 'double fault'
	[ "$status" != 0 ]
	is "$mode, without IST stacks: make run fails" $? 0
done

# The tests of the guest begin by needing a page of the stack.
unset MODE APPEND
image tests
for mode in linked binary; do
	boot_tests "tests-$mode" "$mode"
	finish_app
	# They failed, or the machine did, but for no other reason.
	if [ "$status" = 124 ]; then
		fail "$mode, without IST stacks: the guest's tests fail" "they have no end"
	else
		shows "$mode, without IST stacks: the guest's tests fail" "$OUT/tests-$mode" '^not ok |double fault'
	fi
done
