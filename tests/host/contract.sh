#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# what passes on stock passes at CPL 0: the comparison itself, and some of the kernel's selftests
set -u
. "$(dirname -- "$0")/../lib.sh"

# compare SUITE: all that it says in $OUT/SUITE
compare()
{
	# What an earlier run has left would stand for ever.
	rm -rf "$BUILD/contract/$1"
	"$ROOT/scripts/contract.sh" "$1" >"$OUT/$1" 2>&1
	status=$?
	shows "$1: comes to its end" "$OUT/$1" '^[0-9]+ passed, [0-9]+ failed'
}

# Programs that must differ, or else nothing here means anything.
compare control
is "control: exit status" "$status" 1
for name in differs 'differs: 2 ring n' dies unsteady; do
	is "control: '$name' differs by SYSCALL and linked" \
		"$(grep -c "^ *DIFFERS *$name	" "$OUT/control")" 2
done
is "control: nothing else differs" "$(grep -c '^ *DIFFERS' "$OUT/control")" 8

for suite in quick quick-linked; do
	compare $suite
	is "$suite: exit status" "$status" 0
	grep '^ *DIFFERS' "$OUT/$suite" | while read -r _ name; do
		fail "$suite: $name" "passes on stock, not at CPL 0"
	done
	n=$(sed -n 's/ passed, [0-9]* failed$//p' "$OUT/$suite")
	if [ "${n:-0}" -gt 300 ]; then
		pass "$suite: $n tests pass on both sides"
	else
		fail "$suite: tests that pass on both sides" "only ${n:-0}"
	fi
done
