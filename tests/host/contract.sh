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

# parsed SUITE: of a guest's output, the results
parsed()
{
	printf '1\n2\n3\n' >"$OUT/numbers"
	awk -v suite="$1" -f "$ROOT/tests/contract/results.awk" "$OUT/numbers" - | tr '\t' '|'
}

is "results: TAP, and a complaint behind the end of a program" "$(parsed selftests <<-'END'
	@@ failed: mount
	@@ 1 tap
	|ok 1 one # SKIP none
	|ok 2 pid 71
	|ok 2 pid 72
	|not ok 3 three
	|ok 4 four # XFAIL known
	|# SKIP
	@@ 1 tap exit 1 5
	[    1.5] BUG: at ffffffff81000000
	@@ 2 next
	@@ 2 next exit 0 5
	@@ 4 other
	@@ 4 other exit 0 5
	@@ 3 died
	|ok 1 a
	@@ 3 died dead 0
	END
)" "@@ failed: mount|bad|
tap: 1 one|skip|
tap: 2 pid n|pass|
tap: 2 pid n (2)|pass|
tap: 3 three|fail|
tap: 4 four|said|
tap|fail|exit 1
next|pass|exit 0
next: kernel: BUG: at n|bad|[    1.5] BUG: at ffffffff81000000
died: 1 a|pass|
died|fail|the guest died
died: kernel: the guest died|bad|the guest died"

is "results: x86's, uffd's, what is said" "$(parsed selftests <<-'END'
	@@ 1 x86
	|[RUN] a
	|[OK]    a at 0x1000
	|[FAIL]  b
	|[SKIP]  c
	|1 getpid = 5  [OK]
	@@ 1 x86 exit 0 5
	@@ 2 uffd
	|Testing a on anon... done
	|Testing b on shmem... skipped [reason: none]
	@@ 2 uffd exit 0 5
	@@ 3 quiet
	|FATAL ERROR, rdtsc() succeeded
	@@ processes that cannot be killed
	@@ 3 quiet exit 0 5
	END
)" "x86: a at n|pass|
x86: b|fail|
x86: c|skip|
x86:  1 getpid|pass|
x86|pass|exit 0
uffd: a on anon|pass|
uffd: b on shmem|skip|
uffd|pass|exit 0
quiet|said|FATAL ERROR, rdtsc() succeeded
quiet: kernel: @@ processes that cannot be killed|bad|@@ processes that cannot be killed"
is "results: those of khugepaged, va_high_addr_switch, ofdlocks" "$(parsed selftests <<-'END'
	@@ 1 khugepaged
	|Save THP and khugepaged settings... [32mOK[0m
	|
	|Run test: collapse_full (khugepaged:anon)
	|Collapse multiple fully populated PTE table.... [32mOK[0m
	|Run test: collapse_empty (khugepaged:anon)
	|Do not collapse empty PTE table.... [31mTimeout[0m
	|Run test: collapse_max_ptes_none (khugepaged:shmem)
	|tmpfs... [33mSkip[0m
	@@ 1 khugepaged exit 1 5
	@@ 2 va_high_addr_switch
	|mmap(NULL): 0x7f1234567000 - OK
	|mmap(-1): 0x7f1234567000 - OK
	|mmap(-1) again: 0xffffffffffffffff - FAILED
	@@ 2 va_high_addr_switch exit 1 5
	@@ 3 ofdlocks
	|# [SUCCESS] set OFD read lock on first fd
	|# [FAIL] read locks conflicted
	@@ 3 ofdlocks exit 1 5
	END
)" "khugepaged: set-up|pass|
khugepaged: collapse_full (khugepaged:anon)|pass|
khugepaged: collapse_empty (khugepaged:anon)|fail|
khugepaged: collapse_max_ptes_none (khugepaged:shmem)|skip|
khugepaged|fail|exit 1
va_high_addr_switch: mmap(NULL): n|pass|
va_high_addr_switch: mmap(-n): n|pass|
va_high_addr_switch: mmap(-n) again: n|fail|
va_high_addr_switch|fail|exit 1
ofdlocks: set OFD read lock on first fd|pass|
ofdlocks: read locks conflicted|fail|
ofdlocks|fail|exit 1"
is "results: Python's" "$(parsed cpython <<-'END'
	@@ 1 test_a
	|test_x (test.test_a.B.test_x) ... ok
	|test_y (test.test_a.B.<locals>.test_y) ... output
	|0.04s FAIL
	|0.02s test_z (test.test_a.B.test_z) ... 0.1s ok
	|  test_s (test.test_a.B.test_s) (i=1) ... skipped 'no'
	|  test_s (test.test_a.B.test_s) (i=2) ... FAIL
	|Doctest: test.test_a ... ok
	@@ 1 test_a exit 2 5
	@@ 2 test_b
	|test_b skipped -- no network
	@@ 2 test_b exit 0 5
	END
)" "test_a: test_x test.test_a.B.test_x|pass|
test_a: test_y test.test_a.B.<locals>.test_y|fail|
test_a: test_z test.test_a.B.test_z|pass|
test_a: test_s test.test_a.B.test_s|fail|
test_a: Doctest: test.test_a|pass|
test_a|fail|exit 2
test_b|skip|exit 0"

is "results: SQLite's" "$(parsed sqlite <<-'END'
	@@ 1 shell-WAL
	|0 errors out of 3 tests
	|1 errors out of 3 tests
	@@ 1 shell-WAL exit 0 5
	@@ 2 mptest
	|Summary: 4 errors out of 627 tests
	@@ 2 mptest exit 1 5
	END
)" "shell-WAL: selftest|pass|0 errors out of 3 tests
shell-WAL: selftest (2)|fail|1 errors out of 3 tests
shell-WAL|pass|exit 0
mptest|fail|exit 1"
is "results: Redis'" "$(parsed redis <<-'END'
	@@ 1 unit/a
	|[ok]: one (12 ms)
	|[ok]: one (13 ms)
	|[err]: two in tests/unit/a.tcl
	@@ 1 unit/a exit 1 5
	@@ 2 integration/psync2-reg
	|[ok]: kill (1 ms)
	|[err]: kill in tests/integration/psync2-reg.tcl
	|[ok]: kill (1 ms)
	@@ 2 integration/psync2-reg exit 1 5
	END
)" "unit/a: one|pass|
unit/a: one (2)|pass|
unit/a: two|fail|
unit/a|fail|exit 1
integration/psync2-reg: kill|fail|
integration/psync2-reg|fail|exit 1"

# Programs that must differ, or else nothing here means anything.
compare control
is "control: exit status" "$status" 1
for name in differs 'differs: 2 ring n' dies 'dies: kernel: the guest died' unsteady 'late: 1 early' 'stuck: 1 begun' 'logs: 1 behind' says \
	'prints: what has no name at ring n' 'warns: kernel: WARNING: process n' \
	relapses 'relapses: kernel: WARNING: process n'; do
	is "control: '$name' differs by SYSCALL and linked" \
		"$(grep -c "^ *DIFFERS *$name	" "$OUT/control")" 2
done
is "control: nothing else differs" "$(grep -c '^ *DIFFERS' "$OUT/control")" 26
# What passes with reserve at CPL 0 only is not among what passes at both.
is "control: closing line" "$(tail -n 1 "$OUT/control")" '12 passed, 26 failed'

# Nine tenths of what passes on both sides
for suite in quick:840 quick-linked:550; do
	least=${suite#*:} suite=${suite%:*}
	compare "$suite"
	is "$suite: exit status" "$status" 0
	grep '^ *DIFFERS' "$OUT/$suite" | while read -r _ name; do
		fail "$suite: $name" "passes on stock, not at CPL 0"
	done
	n=$(sed -n 's/ passed, [0-9]* failed$//p' "$OUT/$suite")
	if [ "${n:-0}" -gt "$least" ]; then
		pass "$suite: $n tests pass on both sides"
	else
		fail "$suite: tests that pass on both sides" "only ${n:-0}"
	fi
done
