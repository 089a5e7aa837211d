# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
# what one system call, fault, fork, switch or signal costs
MAIN=instructions

measure()
{
	images bench-syscalls
	clocked bench-syscalls
	# Fewer repetitions: the spread is taken over boots.
	ARGS=3
	export ARGS
	timed bench-syscalls
	unset ARGS
}
