# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2030,SC2031 # TIMEOUT of refused
# What the checks in tests/host share. A check is a script that run.sh starts
# with RESULTS (the file that counts) in the environment; it reports every
# single result with pass, fail or skip.

export LC_ALL=C
unset CDPATH
# Parameters of a user's own `make run` have no place in a test.
unset ACCEL APPEND ARGS BASE BIN CMDLINE CONFIG CPU CPUS DISK FILES FIRST MACHINE MEMORY MODE MODES OCI PORTS PROFILE
unset QEMU QEMU_OPTS ROOTFS
unset RUN RUNS SNAPSHOT TIMEOUT WINDOW
ROOT=$(cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
BUILD=$ROOT/build
NAME=$(basename -- "$0" .sh)
OUT=$BUILD/tests/$NAME
: "${RESULTS:=/dev/null}"
umask 022
# Set by run_app and image below, for the checks.
# shellcheck disable=SC2034
status=0
rm -rf "$OUT"
mkdir -p "$OUT"

# shellcheck disable=SC2317 # called by the trap
cleanup()
{
	trap - EXIT
	for job in $JOBS_STARTED; do
		kill "$job" 2>/dev/null
	done
	rm -rf "$ROOT"/apps/tmp-*
	for file in $RESTORE; do
		mv -f "$file.before-test" "$file"
	done
}
JOBS_STARTED=
RESTORE=
trap cleanup EXIT
trap 'exit 130' INT TERM

# Of a result, whatever a command has printed.
one_line()
{
	printf '%s' "$1" | tr -s '\t\n ' ' ' | cut -c 1-300
}

result()
{
	printf '%s\t%s\t%s\t%s\n' "$1" "$NAME" "$2" "$(one_line "${3:-}")" >>"$RESULTS"
}

pass()
{
	echo "ok       $NAME: $1"
	result pass "$1"
}

# fail WHAT WHY
fail()
{
	echo "FAILED   $NAME: $1: $(one_line "$2")"
	result fail "$1" "$2"
}

# skip WHAT WHY
skip()
{
	echo "skipped  $NAME: $1: $2"
	result skip "$1" "$2"
}

# quit WHAT WHY: fail, and end the check, as nothing else in it can work
quit()
{
	fail "$1" "$2"
	exit 0
}

# shows WHAT FILE REGEX: does the file hold a line with that?
shows()
{
	if grep -qE -- "$3" "$2"; then
		pass "$1"
	else
		fail "$1" "no '$3' in ${2#"$ROOT"/}"
	fi
}

# is WHAT GOT WANTED
is()
{
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "got '$2', expected '$3'"
	fi
}

# first_line FILE: what to say of a failure
first_line()
{
	why=$(sed -n 's/^unilinux: //p' "$1" | tail -n 1)
	echo "${why:-$(tail -n 1 "$1")}"
}

# image APP: build it, for the kernel that the environment selects, or end; sets $image_dir
# and $kernel_dir, where its kernel was built
# shellcheck disable=SC2034 # for the check
image()
{
	"$ROOT/scripts/image.sh" "$1" 2>&1 | tee "$OUT/image-$1.log" | grep -v '^unilinux:'
	[ "$(tail -n 1 "$OUT/image-$1.log" | grep -c 'image: ')" = 1 ] ||
		quit "image of $1" "$(first_line "$OUT/image-$1.log")"
	image_dir=$ROOT/$(sed -n '$s/.* image: \(.*\)\/vmlinux, .*/\1/p' "$OUT/image-$1.log")
	kernel_dir=$BUILD/kernel/$(sed -n 's/^variant=//p' "$image_dir/info")
}

# temporary_app NAME: make apps/NAME from tests/apps/NAME or empty; it goes when
# the check ends. Prints its full name.
temporary_app()
{
	dir=$ROOT/apps/tmp-$1
	rm -rf "$dir"
	if [ -d "$ROOT/tests/apps/$1" ]; then
		cp -R "$ROOT/tests/apps/$1" "$dir"
	else
		mkdir "$dir"
	fi
	basename "$dir"
}

# symbol NAME: its address in $kernel, a vmlinux that the check has set, or a word that
# is none
# shellcheck disable=SC2154 # set by the check
symbol()
{
	nm "$kernel" | awk -v s="$1" '
		$3 == s { print $1; found = 1; exit }
		END { if (!found) print "no-symbol-" s }'
}

# run_app LOG APP: boot its image, all output to $OUT/LOG; sets $status
run_app()
{
	status=0
	TIMEOUT=${TIMEOUT:-120} "$ROOT/scripts/run.sh" "$2" >"$OUT/$1" 2>&1 </dev/null || status=$?
}

# make_run ARGUMENTS...
make_run()
{
	make -C "$ROOT" --no-print-directory run "$@"
}

# runs LOG ARGUMENTS...: make run with these, all output to $OUT/LOG; sets $status to
# that of the application
runs()
{
	log=$OUT/$1
	shift
	status=0
	make_run TIMEOUT=240 "$@" >"$log" 2>&1 </dev/null || status=$?
	[ "$status" = 0 ] || status=$(sed -n 's/.*\] Error //p' "$log" | tail -n 1)
	status=${status:-"not told"}
}

# refused WHAT REGEX COMMAND...: does it fail with one line of ours, which says that?
refused()
{
	what=$1 regex=$2
	shift 2
	status=0
	(
		export TIMEOUT=5
		"$@"
	) >"$OUT/refused" 2>&1 </dev/null || status=$?
	if [ "$status" != 0 ] && [ "$(grep -c '^unilinux: ' "$OUT/refused")" = 1 ] &&
			grep -qE "^unilinux: .*$regex" "$OUT/refused"; then
		pass "refused: $what: $(sed -n 's/^unilinux: //p' "$OUT/refused" | cut -c 1-100)"
	else
		fail "refused: $what" "status $status, $(tail -n 1 "$OUT/refused")"
	fi
}

# start_app LOG APP: as run_app in the background; sets $app_pid. To be ended by
# finish_app, which sets $status.
start_app()
{
	TIMEOUT=${TIMEOUT:-900} "$ROOT/scripts/run.sh" "$2" >"$OUT/$1" 2>&1 </dev/null &
	app_pid=$!
	JOBS_STARTED="$JOBS_STARTED $app_pid"
}

# shellcheck disable=SC2034 # for the caller
finish_app()
{
	status=0
	wait "$app_pid" || status=$?
}

# until_seen SECONDS COMMAND...: try until it succeeds, or the guest ends
until_seen()
{
	end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		kill -0 "$app_pid" 2>/dev/null || return 1
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.2
	done
}

# free_port: one on which nobody listens on this machine
free_port()
{
	port=$((16379 + $$ % 8000))
	while awk -v p="$(printf ':%04X' "$port")" '
		substr($2, length($2) - 4) == p { f = 1 } END { exit !f }' /proc/net/tcp /proc/net/tcp6; do
		port=$((port + 1))
	done
	echo "$port"
}

# helper: build the C helper of the tests; prints its path
helper()
{
	tool=$BUILD/tests/helper
	# shellcheck disable=SC3013 # all shells here have it
	[ "$tool" -nt "$ROOT/tests/host/helper.c" ] ||
		gcc -O2 -Wall -Wextra -o "$tool" "$ROOT/tests/host/helper.c" >&2 || exit 1
	echo "$tool"
}

# clean_console LOG: the text of the serial port without what the kernel wrote
# in between, also where that broke a line of the application
clean_console()
{
	tr -d '\r' <"$1" | awk '
		match($0, /\[ *[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\] /) {
			held = held substr($0, 1, RSTART - 1)
			next
		}
		{ print held $0; held = "" }
		END { if (held != "") print held }'
}

# kernel_complaints LOG: what no run may show; the report of an application's
# crash is no complaint
kernel_complaints()
{
	grep -av '^ukl: crash: ' "$1" |
		grep -aE -m 1 'BUG:|WARNING:|UBSAN:|Oops|Kernel panic|general protection fault|double fault|rcu.*stall|soft lockup|INFO: (task|trying|lockdep)'
}

# tap LOG WHAT: count the guest's own results, and print those that are not ok
tap()
{
	clean_console "$OUT/$1" >"$OUT/$1.tap"
	awk -v name="$NAME" -v what="$2" -v results="$RESULTS" '
		# What each kernel and image of these tests has: without it, something is broken.
		BEGIN { broken = "^ *(no swap on|there is no|no /|no CONFIG_UKL_PATCH)" }
		function report(r, text, why)
		{
			printf "%s\t%s\t%s\t%s\n", r, name, what ": " text, why >>results
			n[r]++
		}
		/^1\.\.[0-9]+/ { plan = substr($1, 4); planned = 1 }
		/^# / { why = substr($0, 3) }
		/^(not )?ok( |$)/ {
			bad = /^not/
			text = $0
			sub(/^(not )?ok *[0-9]* *(- )?/, "", text)
			sub(/ # [0-9]+ ms$/, "", text)
			seen++
			skipped = !bad && match(text, / # [Ss][Kk][Ii][Pp]/)
			if (skipped) {
				reason = substr(text, RSTART + 7)
				text = substr(text, 1, RSTART - 1)
				bad = reason ~ broken
				if (bad)
					why = "skipped:" reason
			}
			if (bad) {
				print "FAILED   " name ": " what ": " text (why == "" ? "" : ": " why)
				report("fail", text, why)
			} else if (skipped) {
				report("skip", text, reason)
			} else {
				report("pass", text, "")
			}
			why = ""
		}
		END {
			if (!planned || seen != plan + 0) {
				why = "the guest ended after " seen + 0 " of " (planned ? plan : "unknown") " results"
				print "FAILED   " name ": " what ": complete: " why
				report("fail", "complete", why)
			}
			printf "%s %s: %s: %d passed, %d failed%s\n",
				n["fail"] ? "FAILED  " : "ok      ", name, what, n["pass"], n["fail"],
				n["skip"] ? ", " n["skip"] " skipped" : ""
		}' "$OUT/$1.tap"
}

# kernel_for CPUS: the two kernels of the matrix, by way of the environment
kernel_for()
{
	unset CPUS CONFIG
	[ "$1" = 1 ] || export CPUS="$1" CONFIG="preempt seccomp"
}

# Tests that need a kernel of their own, see machine.sh
MACHINE_TESTS='-x mce -x broadcast -x panic -x guard -x swap -x oom'

# boot_tests LOG MODE [NAME...]: boot the guest's tests, linked, binary or user, all
# or those that are named; sets $app_pid. The image must be there. Each test has
# $PATIENCE times its seconds.
boot_tests()
{
	log=$1 mode=$2
	shift 2
	# Time stamps tell the kernel's lines from the tests' own.
	words="printk.time=1 ${PARAMETERS:-}"
	# What is only for CPL 3, for programs of different privilege, for more
	# CPUs than one.
	args="-t ${PATIENCE:-1} -x abi.call_at_cpl3 -x fault.privileged"
	case $mode in
	binary)
		# Each SYSCALL that can become a jump does so at once.
		words="$words ukl.mode=binary ukl.exec=/bin/ukltest-user ukl.patch=1"
		args="$args -x mixed"
		;;
	user) words="$words ukl.exec=/bin/ukltest-user" ;;
	esac
	[ -n "${CPUS:-}" ] || args="$args -x *.migrate -x *.hotplug"
	# Of use only where interrupts come anywhere, see steps.c.
	[ $# -gt 0 ] || args="$args -x steps $MACHINE_TESTS"
	# For judge_tests
	case ${PARAMETERS:-} in
	*maxcpus=1*) processors=1 ;;
	*) processors=${CPUS:-1} ;;
	esac
	words="$words ukl.args=\"$args $*\""
	APPEND=$words TIMEOUT=${TIMEOUT:-600} "$ROOT/scripts/run.sh" tests >"$OUT/$log" 2>&1 </dev/null &
	app_pid=$!
	JOBS_STARTED="$JOBS_STARTED $app_pid"
}

# judge_tests LOG WHAT [CPL]: wait for them, and count their results
judge_tests()
{
	finish_app
	tap "$1" "$2"
	shows "$2: runs at CPL ${3:-0}" "$OUT/$1.tap" "^# CPL ${3:-0}"
	is "$2: processors" "$(sed -n 's/^# \([0-9]*\) CPUs$/\1/p' "$OUT/$1.tap")" "$processors"
	! complaint=$(kernel_complaints "$OUT/$1") || fail "$2: kernel" "$complaint"
	! grep -q '^not ok' "$OUT/$1.tap" || return 0
	is "$2: exit status" "$status" 0
}
