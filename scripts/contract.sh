#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run the same test programs on stock Linux and at CPL 0, and compare.
# usage: contract.sh SUITE|all
#
# A suite is a file of tests/contract, or "special", the tests of what is special at
# CPL 0; docs/contract.md says what there is. What
# passes on stock and does not at CPL 0 is a difference, if it does so again: it
# is repeated on both sides. Differences that tests/contract/exceptions gives a
# reason for do not count.
#
# With "all", stress-ng runs on one processor and on two, and "special" comes last.
#
# All that the guests wrote is in build/contract/SUITE, with CPUS=n in SUITE-n. A
# run that was ended in the middle goes on there; with another kernel or other
# tests it begins anew.
#
# From the environment: CPUS=n; CONFIG="fragments", others than the suite's; FIRST=n,
# only the first tests of a suite; RUNS=n, how often a difference is repeated;
# MODES="binary linked user", only these columns, with what they are compared with;
# BASE=user compares with ring 3 of our own kernel, which is no proof of the
# contract, but needs no second kernel.
set -eu
. "$(dirname -- "$0")/lib.sh"

suites=${1:?usage: contract.sh SUITE|all}
RUNS=${RUNS:-3}
BASE=${BASE:-stock}
modes=${MODES:-binary linked user}
[ -z "${CONFIG+set}" ] || config=$CONFIG
# Parameters of a user's own `make run`
unset CMDLINE DISK MODES PORTS PROFILE SNAPSHOT TIMEOUT
case $BASE in
stock | user) ;;
*) die "BASE must be stock or user, not '$BASE'" ;;
esac
for mode in $modes; do
	case $mode in
	binary | linked | user) ;;
	*) die "MODES must be of binary, linked and user, not '$mode'" ;;
	esac
done
case ${FIRST-1} in
'' | 0* | *[!0-9]*) die "FIRST must be a number above 0, not '$FIRST'" ;;
esac
known=$(cd "$ROOT/tests/contract" && echo *.sh | sed 's/\.sh//g')
if [ "$suites" = all ]; then
	suites=$(for s in $known; do
		case $s in quick* | control) ;; *) echo "$s" ;; esac
	done)
	[ "${CPUS:-1}" != 1 ] || suites="$suites stress-ng:2 stress-ng-memory:2"
	suites="$suites special"
fi
for s in $suites; do
	s=${s%:2}
	[ "$s" = special ] || [ -f "$ROOT/tests/contract/$s.sh" ] ||
		die "there is no suite '$s'; there is: all special $known"
done
"$ROOT/scripts/setup.sh" qemu-system-x86 bash busybox-static iproute2

table=$BUILD/contract/table.$$
qemu_pid=
# shellcheck disable=SC2317 # called by the trap
end_guest()
{
	[ -z "$qemu_pid" ] || kill "$(cat "$qemu_pid" 2>/dev/null)" 2>/dev/null || :
}
trap 'end_guest; rm -f "$table"' EXIT
trap 'exit 130' INT TERM

# The columns: how the programs are built, and how their image is started.
#   stock   glibc, ring 3 of the unpatched kernel (or what BASE says)
#   binary  the same files at CPL 0, by SYSCALL
#   musl    static with plain musl, ring 3 of the unpatched kernel
#   linked  the same sources with unilinux-cc, CPL 0, by call
#   user    the files of stock at ring 3 of our kernel
column()
{
	case $1 in
	stock) build=glibc MODE=$BASE ;;
	binary) build=glibc MODE=binary ;;
	musl) build=musl MODE=$BASE ;;
	# A program with our libc is at CPL 0 there, the others are not.
	linked) build=linked MODE=user ;;
	user) build=glibc MODE=user ;;
	esac
	app=bin-contract-$suite-$build
	export MODE
}

# order_list: before all tests that of the privilege, with a program of the kind of the
# others where the suite names none; behind all those with an exception at CPL 0, as
# they may leave the kernel in a state that it should not be in, or use up its warnings
order_list()
{
	list=$root/contract/list
	if ! grep -q '^level ' "$list"; then
		# shellcheck disable=SC2086 # CC is several words
		logged contract-wait $CC -O2 -static -o "$root/contract/wait" "$ROOT/tests/contract/wait.c"
		echo 'level 60 /contract ./level ./wait' >"$list.new"
	fi
	awk '
		FILENAME == ARGV[1] {
			if (!/^#/) {
				split($0, field, "\t")
				sub(/\(?: .*/, "", field[3])
				if (field[2] != "user")
					excepted[field[3]] = 1
			}
			next
		}
		/^#/ { print; next }
		{
			for (program in excepted)
				if ($1 ~ "^" program "$") {
					last = last $0 "\n"
					next
				}
			rest = rest $0 "\n"
		}
		END { printf "%s", rest last }' \
		"$ROOT/tests/contract/exceptions" "$list" >>"$list.new"
	mv "$list.new" "$list"
}

# all_linked: programs that do not carry our note would run at ring 3
all_linked()
{
	grep -v '^#' "$root/contract/list" | while read -r name _ dir command; do
		for word in $command; do
			case $word in
			./*) file=$root$dir/${word%;} ;;
			/contract/*) file=$root${word%;} ;;
			*) continue ;;
			esac
			[ -f "$file" ] || continue
			is_elf "$file" || continue
			readelf -nW "$file" | grep -q '^ *UniLinux ' ||
				die "contract: $name: $word has no note of ours, so it would run at ring 3: leave it out where libraries are musl"
		done
	done
}

# build_root: the files of an image for this suite and $build. Programs of a suite's
# Debian packages are unpacked in $system, of which suite_build takes what it wants.
build_root()
{
	out=$BUILD/apps/$app
	root=$out/root
	locked "app-$app"
	say "contract: $suite: building ($build)"
	mkdir -p "$work"
	# shellcheck disable=SC2034 # for the suite
	case $build in
	glibc) CC=gcc libc_stamp= ;;
	musl)
		libc --stock
		CC=$BUILD/sysroot-stock/bin/stock-cc
		libc_stamp=$(cat "$BUILD/sysroot-stock/.stamp")
		;;
	linked)
		libc
		CC=$BUILD/sysroot/bin/unilinux-cc
		libc_stamp=$(cat "$BUILD/sysroot/.stamp")
		;;
	esac
	system=
	if [ -n "$suite_debian" ]; then
		system=contract-${suite_debian%% *}
		# shellcheck disable=SC2086 # a list
		"$ROOT/scripts/fetch.sh" closure "$system" $suite_debian
		system=$BUILD/packages/$system/root
	fi
	rm -rf "$out"
	mkdir -p "$root/contract" "$root/bin" "$root/sbin" "$root/usr/bin" "$root/etc" "$root/root"
	suite_build
	[ -z "$system" ] || add_objects "$root" "$system"
	[ -s "$root/contract/list" ] || die "contract: no test of the suite $suite was built ($build)"
	order_list
	[ "$build" != linked ] || all_linked
	logged contract-runner gcc -O2 -Wall -Wextra -static -o "$root/contract/runner" \
		"$ROOT/tests/contract/runner.c"
	# The privilege of a program that runs for a while, which AT_HWCAP2 tells: no
	# FSGSBASE at CPL 0 (docs/binary.md)
	cat >"$root/contract/level" <<-'END'
		#!/bin/sh
		"$@" &
		sleep 3
		fsgsbase=$(od -An -v -t x8 -w16 /proc/$!/auxv | awk '$1 ~ /^0*1a$/ { print $2 ~ /[2367abef]$/ }')
		kill $!
		echo "$1: FSGSBASE: $fsgsbase"
		[ "$fsgsbase" = "$([ -e /proc/ukl ]; echo $?)" ]
	END
	chmod +x "$root/contract/level"
	[ -e "$root/bin/busybox" ] || cp "$(command -v busybox)" "$root/bin"
	cp "$(command -v bash)" "$root/bin"
	cp "$(command -v ip)" "$root/sbin"
	for applet in $(busybox --list); do
		[ -e "$root/bin/$applet" ] || [ -e "$root/sbin/$applet" ] ||
			ln -s busybox "$root/bin/$applet"
	done
	ln -s /bin/env "$root/usr/bin/env"
	printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	add_objects "$root"
	cat >"$out/recipe" <<-END
		NAME = $app
		MODE = binary
		SOURCE = local
		FILES = root/contract/runner:/contract/runner
		EXEC = /contract/runner
		ENV = PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
		ENV += HOME=/root
		MOUNTS = proc proc /proc
		MOUNTS += sysfs sysfs /sys
		MOUNTS += devtmpfs devtmpfs /dev
		MOUNTS += tmpfs tmpfs /tmp mode=1777
		MEMORY = $suite_memory
		NET = none
	END
}

# ended CONSOLE: the numbers of the tests that came to an end, one a line; and
# begun: the number of one that did not
ended()
{
	sed -n 's/^@@ \([0-9]*\) [^ ]* .*/\1/p' "$1"
}

begun()
{
	sed -n 's/^@@ \([0-9]*\) [^ ]*\( .*\)\{0,1\}$/\1 \2/p' "$1" | tail -n 1 |
		awk 'NF == 1 { print $1 }'
}

# keep CONSOLE: what a guest wrote to CONSOLE.part, with the lines of the kernel
# behind those of others that it wrote them into
keep()
{
	[ -f "$1.part" ] || return 0
	tr -d '\r' <"$1.part" | awk '
		# A program may print lines of the log, too.
		match($0, /\[ *[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\] /) && substr($0, 1, RSTART - 1) != "|" {
			held = held substr($0, 1, RSTART - 1)
			if (held == "")
				print
			else
				log_lines = log_lines substr($0, RSTART) "\n"
			next
		}
		# Not the rest of that line: it was one of a program, of the log.
		held != "" && /^(\||@@ )/ { print held; held = "" }
		{ print held $0; held = ""; printf "%s", log_lines; log_lines = "" }
		END { if (held != "") print held; printf "%s", log_lines }' >>"$1"
	rm -f "$1.part"
}

# run_guests CONSOLE NUMBERS: until all tests of the file NUMBERS have ended. A
# guest that dies or says nothing any more has failed the test that it was at.
run_guests()
{
	console=$1
	touch "$console"
	# What a run that was ended in the middle has left
	keep "$console"
	total=$(grep -vc '^#' "$root/contract/list")
	# Seconds of the host; those of a clock of instructions are longer here.
	longest=$(awk -v times="${clock:+10}" '
		!/^#/ && $2 + 0 > n { n = $2 + 0 }
		END { print (n + 120) * (times ? times : 1) }' "$root/contract/list")
	last_words=
	while :; do
		# What is wanted, without what is there: a number may come several times.
		words=$(ended "$console" | awk '
			FILENAME != "-" { want[++n] = $1; next }
			{ have[$1]++ }
			END {
				for (i = 1; i <= n; i++)
					if (have[want[i]]-- <= 0)
						print want[i]
			}' "$2" - | paste -sd' ')
		[ -n "$words" ] || break
		first=${words%% *}
		say "contract: $suite, $column: test $first and following, of $total"
		[ "$words" != "$(seq "$first" "$total" | paste -sd' ')" ] || words=$first-
		qemu_pid=$work/pid
		rm -f "$qemu_pid"
		ARGS="/contract/list $words" APPEND='printk.time=1' ACCEL=$accel QEMU_OPTS="-pidfile $qemu_pid $clock" \
			"$ROOT/scripts/run.sh" "$app" >"$console.part" 2>"$work/run.log" </dev/null &
		guest=$!
		while kill -0 $guest 2>/dev/null; do
			sleep 1
			[ $(($(date +%s) - $(stat -c %Y "$console.part"))) -lt "$longest" ] || end_guest
		done
		wait $guest || :
		qemu_pid=
		grep -aq '^@@ ' "$console.part" ||
			die "contract: $suite, $column: the guest does not start: $(tail -n 1 "$console.part" "$work/run.log" | paste -sd' ')"
		keep "$console"
		if [ "$(grep -a '^@@ ' "$console" | tail -n 1)" = '@@ done' ]; then
			[ "$words" != "$last_words" ] ||
				die "contract: $suite, $column: no end of test $first in the guest's output; see ${console#"$ROOT"/}"
			last_words=$words
			continue
		fi
		dead=$(begun "$console")
		[ -n "$dead" ] || die "contract: $suite, $column: the guest ended between two tests; see ${console#"$ROOT"/}"
		say "contract: $suite, $column: the guest died in test $dead"
		echo "@@ $dead died dead 0" >>"$console"
	done
}

# results CONSOLE NUMBERS: what the tests of the file NUMBERS came to
results()
{
	awk -v suite="$suite" -f "$ROOT/tests/contract/results.awk" "$2" "$1"
}

# run_column: build, boot and read a column of the suite
run_column()
{
	column "$column"
	console=$work/$column.console
	(build_root)
	root=$BUILD/apps/$app/root
	"$ROOT/scripts/image.sh" "$app"
	image=$(select_image "$app" && echo "$image")
	id=$({
		cat "$image/vmlinux" "$root/contract/list"
		printf %s "${CPU:-}${ACCEL:-}$suite_memory$clock"
		"${QEMU:-qemu-system-x86_64}" --version
	} | sha256sum)
	if [ "$(cat "$work/$column.id" 2>/dev/null)" != "$id" ]; then
		rm -f "$console" "$console.part" "$work/$column.again"*
		echo "$id" >"$work/$column.id"
	fi
	last=$(grep -vc '^#' "$root/contract/list")
	[ -z "${FIRST:-}" ] || [ "$FIRST" -gt "$last" ] || last=$FIRST
	seq "$last" >"$work/$column.numbers"
	run_guests "$console" "$work/$column.numbers"
	results "$console" "$work/$column.numbers" >"$work/$column.results"
	[ -s "$work/$column.results" ] || die "contract: $suite, $column: there are no results in ${console#"$ROOT"/}"
}

# check_column: whether the privilege is what it should be; and in a base, whether the
# commands before the tests worked, and all programs are there
check_column()
{
	level=$(sed -n 's/^level	\([^	]*\).*/\1/p' "$work/$column.results")
	case $column-$BASE-$level in
	# On another processor it passes at CPL 0 whatever the privilege is.
	stock-stock-fail | musl-stock-fail)
		die "contract: $suite, $column: no FSGSBASE, which tells the privilege of a program: take a processor that has it (CPU=max)" ;;
	user-*-pass)
		die "contract: $suite, $column: programs are at CPL 0" ;;
	esac
	case $column in
	stock | musl)
		wrong=$(grep -m 1 -E '^@@ failed|^[^	]*	fail	exit 12[67]$' "$work/$column.results") || return 0
		die "contract: $suite, $column: this can pass nowhere: $wrong" ;;
	esac
}

# A test passes with some reserve when a line of it said that a part did not.
rank='function rank(r) { return r == "pass" ? 2 : r == "said" }'

# differences BASE COLUMN: tests that do better in the one than in the other, with the
# reason and the result in BASE; also those of which a program had no result, unless
# its time was over in BASE and in COLUMN and it came about as far: how far is chance
# then. And what there is to complain of in COLUMN only, by the kernel or by a program
# whose failures have names of their own.
differences()
{
	awk -F '\t' "$rank"'
		{
			program = $1
			if (sub(/: .*/, "", program))
				count[FILENAME, program]++
		}
		NR == FNR {
			base[$1] = $2
			name[++n] = $1
			if ($2 == "fail" && $3 == "timeout")
				late[$1] = 1
			next
		}
		{
			result[$1] = $2
			why[$1] = $2 ($3 == "" ? "" : ", " $3)
			if (!rank($2) && !($1 in base) && ($2 == "bad" || !(program in late)))
				print $1 "\t" why[$1] "\tnot " $2
		}
		END {
			for (i = 1; i <= n; i++) {
				program = name[i]
				sub(/: .*/, "", program)
				if (!(name[i] in result)) {
					if (!rank(base[name[i]]) || program in late && why[program] == "fail, timeout" &&
					    2 * count[ARGV[2], program] >= count[ARGV[1], program])
						continue
					why[name[i]] = "no result"
				} else if (rank(result[name[i]]) >= rank(base[name[i]])) {
					continue
				}
				print name[i] "\t" why[name[i]] "\t" base[name[i]]
			}
		}' "$work/$1.results" "$work/$2.results"
}

# repeat BASE COLUMN: do so again RUNS times, and say which are steady: what did
# always as well in BASE, and once not in COLUMN; or ever in BASE, and never in
# COLUMN. One complaint that was never heard in BASE is enough, also when it is heard
# in a repetition only.
repeat()
{
	differences "$1" "$2" >"$work/$2.suspects"
	: >"$work/$2.confirmed"
	: >"$work/$2.unsteady"
	[ -s "$work/$2.suspects" ] || return 0
	for column in "$1" "$2"; do
		column "$column"
		root=$BUILD/apps/$app/root
		file=$work/$column.again-$2
		grep -v '^#' "$root/contract/list" | awk -v runs="$RUNS" -F '\t' '
			NR == FNR { sub(/: .*/, "", $1); want[$1] = 1; next }
			{ split($0, w, " "); if (w[1] in want) for (i = 0; i < runs; i++) print FNR }' \
			"$work/$2.suspects" - >"$file.new"
		cmp -s "$file.new" "$file.numbers" || rm -f "$file" "$file.part"
		mv "$file.new" "$file.numbers"
		run_guests "$file" "$file.numbers"
		results "$file" "$file.numbers" >"$file.results"
	done
	awk -F '\t' -v runs="$RUNS" -v confirmed="$work/$2.confirmed" -v unsteady="$work/$2.unsteady" "$rank"'
		function counts(name, result)
		{
			return want[name] ~ /^not / ? "not " result == want[name] : rank(result) >= rank(want[name])
		}
		of == "suspects" { want[$1] = $3 }
		of == "first" || of == "base" { heard[$1] = 1 }
		of == "base" && $1 in want { base[$1] += counts($1, $2) }
		of == "other" && $1 in want { other[$1] += counts($1, $2) }
		of == "other" && $2 == "bad" && !($1 in want) && !($1 in heard) {
			heard[$1] = 1
			print $1 "\tbad, " $3 "\theard when it was repeated" >confirmed
		}
		of == "all" {
			if ($3 ~ /^not /) {
				sure = !base[$1]
				count = "heard"
			} else {
				sure = base[$1] == runs && other[$1] < runs || base[$1] && !other[$1]
				count = $3
			}
			text = $1 "\t" $2 "\t" count " " base[$1] + 0 "/" runs " on stock, " other[$1] + 0 "/" runs " at CPL 0"
			print text >(sure ? confirmed : unsteady)
		}' of=suspects "$work/$2.suspects" of=first "$work/$1.results" of=base "$work/$1.again-$2.results" \
		of=other "$work/$2.again-$2.results" of=all "$work/$2.suspects"
}

# excused COLUMN: programs with differences that have a reason; differences without
# in $work/COLUMN.failed
excused()
{
	awk -F '\t' -v suite="$suite" -v column="$1" -v failed="$work/$1.failed" '
		BEGIN { printf "" >failed }
		FILENAME == ARGV[1] {
			if ($0 !~ /^#/ && NF >= 4 && ($1 == suite || $1 == "*") && ($2 == column || $2 == "*" && column != "user")) {
				pattern[++n] = $3
				reason[n] = $4
			}
			next
		}
		{
			for (i = 1; i <= n; i++)
				if ($1 ~ "^" pattern[i] "$" && ($1 !~ /: kernel: / || pattern[i] ~ /: kernel: /))
					break
			if (i > n) {
				print >failed
				next
			}
			name = $1
			if (name !~ /: kernel: /)
				sub(/: .*/, "", name)
			if (!seen[name]++)
				print name "\t" reason[i]
		}' "$ROOT/tests/contract/exceptions" "$work/$1.confirmed" >"$work/$1.excused"
}

# report BASE COLUMN
report()
{
	failed=$(grep -c . "$work/$2.failed" || :)
	# shellcheck disable=SC2046 # three numbers
	set -- "$1" "$2" $(awk -F '\t' "$rank"'
		NR == FNR { result[$1] = $2; next }
		$2 != "bad" { total++ }
		rank($2) { base++ }
		rank($2) && rank(result[$1]) >= rank($2) { both++ }
		END { print total + 0, base + 0, both + 0 }' "$work/$2.results" "$work/$1.results")
	both=$5
	printf '%-16s %-8s %7d %10d %10d %8d %8d %8d\n' "${work##*/}" "$2" "$3" "$4" "$5" \
		"$failed" "$(grep -c . "$work/$2.excused" || :)" "$(grep -c . "$work/$2.unsteady" || :)"
	sed 's/^/    DIFFERS  /' "$work/$2.failed"
	sed 's/^/    excepted /' "$work/$2.excused"
	sed 's/^/    unsteady /' "$work/$2.unsteady"
	# What such a program did not come to is not compared.
	awk -F '\t' '$3 == "timeout" { print "    late on stock  " $1 }' "$work/$1.results"
}

# special: tests of our own, of what stock has not got: nothing to compare with
special()
{
	say "contract: special: make test T='$special_tests'"
	# shellcheck disable=SC2086 # a list
	(
		unset CONFIG CPUS MACHINE MEMORY MODE
		"$ROOT/tests/run.sh" $special_tests
	) >"$BUILD/contract/special" 2>&1 || :
	numbers=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$BUILD/contract/special")
	[ -n "$numbers" ] || die "contract: special: $(tail -n 1 "$BUILD/contract/special")"
	failed=${numbers#* } both=${numbers% *}
	printf '%-16s %-8s %7d %10s %10d %8d\n' special both $((both + failed)) - "$both" "$failed" >>"$table"
	# Of the summary, which is the end of it
	awk '
		/^$/ { lines = "" }
		sub(/^FAILED  /, "    DIFFERS ") || sub(/^skipped /, "    skipped ") { lines = lines $0 "\n" }
		END { printf "%s", lines }' "$BUILD/contract/special" >>"$table"
	passed=$((passed + both)) differ=$((differ + failed))
}

special_tests='guest nmi machine bochs'
mkdir -p "$BUILD/contract"
: >"$table"
passed=0 differ=0
for suite in $suites; do
	case $suite in
	*:2) export CPUS=2 ;;
	esac
	suite=${suite%:2}
	if [ "$suite" = special ]; then
		special
		continue
	fi
	suite_packages='' suite_debian='' suite_memory=1024 suite_columns='stock binary musl linked' suite_fragments=contract
	suite_icount=
	# shellcheck disable=SC1090 # the suite
	. "$ROOT/tests/contract/$suite.sh"
	export CONFIG="${config-$suite_fragments}" MACHINE=q35 MEMORY="$suite_memory"
	work=$BUILD/contract/$suite
	[ "${CPUS:-1}" = 1 ] || work=$work-$CPUS
	locked "contract-${work##*/}"
	accel=${ACCEL:-} clock=
	[ -z "$suite_icount" ] || accel=tcg clock="-icount shift=$suite_icount,sleep=off"
	# shellcheck disable=SC2086 # lists
	[ -z "$suite_packages" ] || "$ROOT/scripts/setup.sh" $suite_packages
	ready=
	for pair in stock:binary musl:linked stock:user; do
		column=${pair#*:}
		case " $suite_columns / $modes " in
		*" $column "*/*" $column "*) ;;
		*) continue ;;
		esac
		for column in ${pair%:*} ${pair#*:}; do
			case $ready in
			*" $column "*) continue ;;
			esac
			run_column
			ready="$ready $column "
			check_column
		done
		column "${pair#*:}"
		repeat "${pair%:*}" "${pair#*:}"
		excused "${pair#*:}"
		report "${pair%:*}" "${pair#*:}" >>"$table"
		passed=$((passed + both)) differ=$((differ + failed))
	done
	[ -n "$ready" ] || say "contract: $suite: none of its columns is $modes"
done
echo
printf '%-16s %-8s %7s %10s %10s %8s %8s %8s\n' suite column tests 'on stock' 'at both' differ excepted unsteady
cat "$table"
echo "$passed passed, $differ failed"
[ "$differ" = 0 ] && [ "$passed" -gt 0 ]
