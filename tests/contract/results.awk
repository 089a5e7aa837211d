# SPDX-License-Identifier: GPL-2.0
#
# From what the guests of a column wrote, one result a line: its name, the result
# and what is known of it, separated by tabs.
#
# usage: awk -v suite=NAME -f results.awk NUMBERS CONSOLE
#
# Of the tests of the file NUMBERS only. A program is a test, and so is each of the
# results that it prints itself: by TAP, as the kernel's nolibc or x86 tests, as
# Python's unittest, as Redis' or BusyBox' tests. A program without an end was run
# again. Results are
#
#   pass
#   said    passed, but of the program, in the suites of the kernel and stress-ng, a line
#           says that something in it was skipped or has failed; or, by TAP, it was
#           expected to fail
#   skip
#   fail
#   bad     of the kernel, or the commands before the first test: there is a line
#           only when there is something to complain of
#
# Of several results of one name in one run of a program the worst is taken, unless
# the suite is known to use names again.

BEGIN {
	FS = " "
	rank["pass"] = 4
	rank["said"] = 3
	rank["skip"] = 2
	rank["fail"] = rank["bad"] = 1
	# What a test of Python's is called, and how it ends. Some say how long it took.
	python_name = "^\\| *([0-9.]+s )?(test[A-Za-z0-9_]* \\([A-Za-z0-9_.<>]+\\)|Doctest: [^ ]+)"
	python_end = "(^\\||\\.\\.\\. )([0-9.]+s )?(ok|FAIL|ERROR|expected failure|unexpected success|skipped .*)$"
	wanted_lines = suite ~ /^(selftests|quick|stress-ng|control)/
}

FNR == NR {
	wanted[$1] = 1
	next
}

function out(name, result, why)
{
	if (!(name in at)) {
		at[name] = ++n
		names[n] = name
		results[n] = result
		reasons[n] = why
	} else if (rank[result] < rank[results[at[name]]]) {
		results[at[name]] = result
		reasons[at[name]] = why
	}
}

# All numbers but the first, as addresses, process ids and times differ from run to run
function steady(text,	first)
{
	match(text, /^[0-9]+/)
	first = substr(text, 1, RLENGTH)
	text = substr(text, RLENGTH + 1)
	gsub(/0x[0-9a-f]+|[0-9]+(\.[0-9]+)?/, "n", text)
	gsub(/ +/, " ", text)
	return first substr(text, 1, 120)
}

# The second one of a name in a program is another test
function again(text)
{
	return ++times[text] > 1 ? text " (" times[text] ")" : text
}

# The same complaint has the same name, whatever addresses and processes are in it.
function complain(text,	kind)
{
	kind = text
	sub(/^\[ *[0-9.]+\] /, "", kind)
	gsub(/[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]+/, "n", kind)
	kind = steady(kind)
	if (!(kind in complaint))
		complaint[kind] = text
}

# End of a run of a program, or of all: complaints of the kernel from between two
# programs belong to the second.
function flush(number,	i)
{
	for (i in complaint)
		out(program ": kernel: " i, "bad", complaint[i])
	for (i = 1; i <= n && number in wanted; i++)
		print names[i] "\t" results[i] "\t" reasons[i]
	split("", complaint)
	n = 0
}

$1 == "@@" && NF == 3 && $2 ~ /^[0-9]+$/ {
	program = $3
	section = last = unit = skipped = line_said = ""
	n = 0
	split("", at)
	split("", times)
	next
}

$1 == "@@" && NF > 3 && $2 ~ /^[0-9]+$/ {
	how = $4 (NF > 5 ? " " $5 : "")
	if ($3 == "died") {
		how = "the guest died"
		complain(how)
	}
	r = how == "exit 0" ? "pass" : how == "exit 4" ? "skip" : "fail"
	if (r == "pass" && skipped)
		r = "skip"
	if (r == "pass" && line_said != "") {
		r = "said"
		how = line_said
	}
	out(program, r, how)
	flush($2)
	next
}

# A command before the first test
$1 == "@@" && $2 == "failed:" {
	if (!told[$0]++)
		print $0 "\tbad\t"
	next
}

/^@@ processes / { complain($0) }

/^\[ *[0-9]+\.[0-9]+\] / {
	if (/BUG:|WARNING:|Oops|Kernel panic|general protection fault|double fault|stalls? on|detected stall|soft lockup|INFO: task|No irq handler|unchecked MSR|Spurious|Busy inodes/ &&
	    !/ukl: crash: |traps: /)
		complain($0)
	next
}

/^\|(not )?ok [0-9]+/ {
	r = /^\|not/ ? "fail" : "pass"
	text = substr($0, 2)
	sub(/^(not )?ok /, "", text)
	directive = ""
	if (match(text, / *# *[A-Z]+.*$/)) {
		directive = substr(text, RSTART)
		text = substr(text, 1, RSTART - 1)
	}
	if (directive ~ /SKIP/)
		r = "skip"
	else if (directive ~ /XFAIL|TODO/)
		r = "said"
	out(again(program ": " steady(text)), r, last)
	next
}

# nolibc
/^\|Running test / { section = $3 }
/^\|[0-9]+ .*\[ *(OK|FAIL|SKIPPED) *\]$/ {
	r = /OK *\]$/ ? "pass" : /SKIPPED *\]$/ ? "skip" : "fail"
	out(program ": " section " " substr($1, 2) " " $2, r, "")
	next
}

# x86. What fails has another text, so the one that passes has no result then.
/^\|\[(OK|FAIL|SKIP)\]/ {
	r = /^\|\[OK/ ? "pass" : /^\|\[FAIL/ ? "fail" : "skip"
	text = substr($0, 2)
	sub(/^\[[A-Z]*\][ \t]*/, "", text)
	out(again(program ": " steady(text)), r, "")
	next
}

# khugepaged, with colours, of which runner.c leaves out the escape
/^\|Run test: / { section = substr($0, 12) }
/^\|.*\.\.\. *\[3[123]m/ {
	r = /\[32m/ ? "pass" : /\[31m/ ? "fail" : "skip"
	out(again(program ": " (section == "" ? "set-up" : section)), r, "")
	next
}

# va_high_addr_switch, ofdlocks
/^\|.* - (OK|FAILED)$/ || /^\|# \[(SUCCESS|FAIL)\] / {
	r = /OK$|SUCCESS/ ? "pass" : "fail"
	text = substr($0, 2)
	sub(/ - (OK|FAILED)$|^# \[[A-Z]*\] /, "", text)
	out(again(program ": " steady(text)), r, "")
	next
}

# uffd-unit-tests
/^\|Testing .*\.\.\. (done|failed|skipped)/ {
	r = /\.\.\. done/ ? "pass" : /\.\.\. failed/ ? "fail" : "skip"
	text = substr($0, 10)
	sub(/\.\.\. (done|failed|skipped).*/, "", text)
	out(program ": " text, r, "")
	next
}

# A description and the output of the test may come in between
suite == "cpython" && $0 ~ python_name {
	match($0, python_name)
	unit = substr($0, 2, RLENGTH - 1)
	sub(/^ *([0-9.]+s )?/, "", unit)
	gsub(/[()]/, "", unit)
}
unit != "" && $0 ~ python_end {
	sub(/^.*\.\.\. /, "")
	sub(/^\|/, "")
	sub(/^[0-9.]+s /, "")
	out(program ": " unit, /^(ok|expected)/ ? "pass" : /^skipped/ ? "skip" : "fail", "")
	unit = ""
	next
}
suite == "cpython" && /^\|[^ ]+ skipped -- / { skipped = 1 }

# Redis; its names come again, and have numbers that are chance
suite == "redis" && /^\|\[(ok|err|skip)\]: / {
	r = /^\|\[ok/ ? "pass" : /^\|\[err/ ? "fail" : "skip"
	sub(/^[^:]*: /, "")
	sub(/ \([0-9]+ ms\)$/, "")
	sub(/ in tests\/[^ ]*\.tcl$/, "")
	text = program ": " steady($0)
	# Those do the same again and again for a time.
	out(program ~ /^integration\/psync2/ ? text : again(text), r, last)
	next
}

suite == "busybox" && (/^\|(PASS|FAIL|SKIPPED|UNTESTED): / || /^\|ash-[a-z_]*\/[^ ]*: (ok|fail)$/) {
	r = /^\|PASS| ok$/ ? "pass" : /^\|FAIL| fail$/ ? "fail" : "skip"
	sub(/^\|([A-Z]+: )?/, "")
	sub(/: (ok|fail)$/, "")
	out(again(program ": " substr($0, 1, 120)), r, last)
	next
}

# Its shell ends with status 0 after errors, too.
suite == "sqlite" && /^\|[0-9]+ errors out of [0-9]+ tests$/ {
	out(again(program ": selftest"), /^\|0 / ? "pass" : "fail", substr($0, 2))
	next
}
# What its database holds at the end
suite == "sqlite" && /^\|Verification Hash: / { out(program ": " substr($0, 2), "pass", "") }

# stress-ng ends with status 0 then
/^\|stress-ng: .*(stressor will be skipped|skipping (the )?(stress|test))/ && !/not skipping/ { skipped = 1 }

/^\|(TAP version|[0-9]+\.\.[0-9])/ { next }

/^\|/ {
	last = substr($0, 2, 200)
	if (wanted_lines && line_said == "" && !/^\|#/ && /FAIL|FATAL|SKIP|skipp(ed|ing)|^\|stress-ng: fail:/)
		line_said = last
}

END {
	program = "behind the last test"
	split("", at)
	n = 0
	wanted["end"] = 1
	flush("end")
}
