#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest of tests/host/debug.sh: each tool on the debuggee, results as TAP.
# RUN of 'make debug'. The environment of the image says nothing of the mode, so
# the debuggee is asked.
# shellcheck disable=SC2016 # dollars for gdb
PLAN=18
n=0
failed=0

# result STATUS WHAT FILE: when it is not 0, show the end of the file
result()
{
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		tail -n 12 "$3" | sed 's/^/#  /'
		echo "# in $3: $(tail -n 1 "$3" | tr -d '#')"
		echo "not ok $n - $2"
		failed=1
	fi
}

# holds WHAT FILE REGEX
holds()
{
	grep -qE -- "$3" "$2"
	result $? "$1" "$2"
}

# in_order FILE REGEX...: the lines are there, one after the other
in_order()
{
	in=$1
	shift
	for re; do
		echo "$re"
	done | awk 'FILENAME == "-" { want[++n] = $0; next }
		at < n && $0 ~ want[at + 1] { at++ }
		END { exit at < n }' - "$in"
}

# chain FILE REGEX...: there are samples of perf script with the first two, and
# each of these has them all, in that order
chain()
{
	in=$1
	shift
	for re; do
		echo "$re"
	done | awk 'FILENAME == "-" { want[++n] = $0; next }
		/^$/ {
			if (at >= 2)
				samples++
			if (at >= 2 && at < n) {
				print "# incomplete:" text
				bad = 1
			}
			at = 0
			text = ""
			next
		}
		{ text = text " " $NF }
		at < n && $0 ~ want[at + 1] { at++ }
		END {
			print "# " samples + 0 " samples"
			exit bad || !samples
		}' - "$in"
}

debugger()
{
	timeout 300 gdb -q -batch -iex 'set debuginfod enabled off' "$@"
}

echo "1..$PLAN"
# On the disk: what perf writes is too much for a tmpfs.
cd /root || exit 1
app >run.out 2>&1
holds 'runs' run.out 'debuggee: done'
cpl=$(sed -n 's/^debuggee: CPL \(.\).*/\1/p' run.out)
echo "# CPL $cpl"
# Where the function of plain musl that has the instruction SYSCALL is another
# than read(): then read() has no frame to be found by.
read="read"
[ "$cpl" = 0 ] || read=""

# strace: the calls of a new process, and those of one that sleeps in a call
timeout 300 app strace -f -o strace.out >/dev/null 2>&1
[ "$(grep -c '^[0-9]* *read(.*1048576) = 1048576' strace.out)" = 10 ] &&
	in_order strace.out 'getppid\(\) += [0-9]' 'writev?\(1, .*"debuggee: done' 'exit_group\(0\)'
result $? 'strace: every call, with arguments and results' strace.out
debuggee sleep 15 >/dev/null &
sleep 1
timeout 300 strace -o strace-p.out -p $! 2>/dev/null
in_order strace-p.out 'nanosleep|restart_syscall' 'exit_group\(0\)'
result $? 'strace: attaches to a process inside a call' strace-p.out

# gdb
debugger -ex 'break debuggee_inner' -ex run -ex bt -ex 'printf "cs %d\n", $cs & 3' \
	-ex 'delete' -ex 'finish' -ex 'info registers rip' -ex 'kill' --args debuggee work 3 >gdb.out 2>&1
in_order gdb.out 'Breakpoint 1, debuggee_inner' '#0 .*debuggee_inner' '#1 .*debuggee_outer' \
	'#2 .*main' 'Value returned is .* 1048576'
result $? 'gdb: breakpoint, backtrace, finish' gdb.out
# Each step over a call shall end behind it.
debugger -ex 'break debuggee_call' -ex run -ex 'x/i $pc' -ex 'stepi' -ex 'x/i $pc' -ex 'stepi' -ex 'bt' \
	-ex kill --args debuggee call 3 >gdb-step.out 2>&1
in_order gdb-step.out '=> .*(call|syscall)' '=> .*ret' '#0 .*(main|0x)'
result $? 'gdb: a single step over a system call' gdb-step.out
debugger -ex 'set follow-fork-mode child' -ex 'break debuggee_child' -ex run -ex bt -ex kill \
	--args debuggee fork 7 >gdb-fork.out 2>&1
in_order gdb-fork.out 'debuggee_child \(status=.*7\)' '#1 .*main'
result $? 'gdb: follows fork' gdb-fork.out
debuggee sleep 100 >/dev/null &
pid=$!
sleep 1
debugger -ex bt -ex detach -p $pid >gdb-attach.out 2>&1
kill -9 $pid
in_order gdb-attach.out '#[0-9]+ .*nanosleep' '#[0-9]+ .*sleep' '#[0-9]+ .*main'
result $? 'gdb: attaches to a process inside a call, backtrace through libc' gdb-attach.out
timeout 300 gdbserver --once localhost:1234 /bin/debuggee work 3 >gdbserver.out 2>&1 &
until grep -q Listening gdbserver.out; do
	sleep 1
	kill -0 $! 2>/dev/null || break
done
debugger -ex 'target remote localhost:1234' -ex 'break debuggee_inner' -ex continue -ex bt -ex kill /bin/debuggee >gdb-remote.out 2>&1
in_order gdb-remote.out '#0 .*debuggee_inner' '#2 .*main'
result $? 'gdbserver: breakpoint and backtrace' gdb-remote.out
(debuggee crash 1234; :) >/dev/null 2>&1
debugger -ex bt -ex 'print $_siginfo._sifields._sigfault.si_addr' /bin/debuggee /tmp/core >gdb-core.out 2>&1
in_order gdb-core.out 'SIGSEGV' '#0 .*debuggee_store' '#1 .*debuggee_crash' '#2 .*main' '0x4d2'
result $? 'core file: backtrace and address' gdb-core.out

# perf: one chain of the application's functions and the kernel's
perf record -q -e cpu-clock -F 500 -g -o perf.data debuggee work 300 >perf.log 2>&1
perf script --no-inline -i perf.data -F comm,ip,sym >perf.out 2>>perf.log
# libc keeps no frame pointers: the caller of read() is not in the chain.
chain perf.out 'vfs_read' ${read:+" $read\$"} 'debuggee_outer' 'main'
result $? 'perf: application and kernel in one call chain' perf.out

# BPF
timeout 500 bpftrace -c '/bin/debuggee work 20' -e '
	kprobe:vfs_read /comm == "debuggee"/ { @kprobe = count(); @stack[ustack(6)] = count(); }
	kfunc:vfs_read /comm == "debuggee"/ { @bytes = sum(args->count); }
	uprobe:/bin/debuggee:debuggee_inner { @uprobe = count(); }
	uretprobe:/bin/debuggee:debuggee_inner { @ret = sum(retval); }' >bpf.out 2>&1
holds 'bpftrace: kprobe' bpf.out '@kprobe: 20$'
# The process is gone when bpftrace looks for the names.
sed -n '/^@stack/,/^]/s/^ *\(0x[0-9a-f]*\)$/info symbol \1/p' bpf.out >symbols
debugger -x symbols /bin/debuggee >>bpf.out 2>&1
in_order bpf.out '^@stack' '^]: 20$' ${read:+"^$read "} '^debuggee_outer ' '^main '
result $? 'bpftrace: stack of the application' bpf.out
holds 'bpftrace: function of the kernel with its types (BTF)' bpf.out '@bytes: 20971520$'
holds 'bpftrace: uprobe' bpf.out '@uprobe: 20$'
holds 'bpftrace: uretprobe' bpf.out '@ret: 20971520$'

# Tracing without a tool
tracing=/sys/kernel/tracing
offset=$(debugger -ex 'info line *debuggee_call' -ex 'maint info sections .text' -ex 'print/x (long)&debuggee_call' /bin/debuggee |
	tee offset.out | awk '/->.* at 0x.*\.text/ { split($0, w, "->| at |: "); sub(/^.*\] +/, "", w[1]); a = w[1]; o = w[3] }
		/^\$1 = / { p = $3 }
		END { print a, o, p }')
uprobe_on_call()
{
	echo "p:debuggee/call /bin/debuggee:$1" >$tracing/uprobe_events
	echo 1 >$tracing/events/debuggee/enable
	debuggee call 50 >call.out 2>&1
	echo 0 >$tracing/events/debuggee/enable
	cat $tracing/trace >>call.out
	echo >$tracing/uprobe_events
	echo >$tracing/trace
	[ "$(grep -c 'call: (' call.out)" = 50 ] && grep -q 'debuggee: done' call.out
}
if [ "$cpl" = 0 ]; then
	# shellcheck disable=SC2086 # three words: address and offset of .text, address
	set -- $offset
	uprobe_on_call $(($3 - $1 + $2))
	result $? 'uprobe on the instruction of a system call' call.out
else
	n=$((n + 1))
	echo "ok $n - uprobe on the instruction of a system call # SKIP Linux cannot probe SYSCALL"
fi
echo vfs_read >$tracing/set_ftrace_filter
echo function >$tracing/current_tracer
debuggee work 20 >ftrace.out 2>&1
# cat reads, too
echo 0 >$tracing/tracing_on
cat $tracing/trace >>ftrace.out
echo nop >$tracing/current_tracer
echo 1 >$tracing/tracing_on
[ "$(grep -c 'debuggee-.*: vfs_read <-' ftrace.out)" = 20 ]
result $? 'ftrace: a function of the kernel' ftrace.out
if grep -q ' ukl_call_0$' /proc/kallsyms; then
	! echo 'p:thunk ukl_call_0' >$tracing/kprobe_events 2>kprobe.out
	result $? 'kprobe on a thunk: refused' kprobe.out
else
	echo "ok $((n + 1)) - kprobe on a thunk: refused # SKIP there are no thunks"
fi
exit $failed
