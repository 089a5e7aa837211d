# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # variables of contract.sh
# not a suite: programs that must differ, for the test of the comparison itself

suite_memory=256
suite_fragments=

suite_build()
{
	logged contract-control "$CC" -O2 -static -o "$root/contract/control" \
		"$ROOT/tests/contract/control.c"
	for what in unsteady passes differs dies hangs late stuck logs says prints warns relapses; do
		echo "$what 5 /contract ./control $what"
	done >"$root/contract/list"
}
