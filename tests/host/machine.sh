#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# machine checks, swap, memory that runs out, an exhausted kernel stack, at CPL 0 and at ring 3
set -u
. "$(dirname -- "$0")/../lib.sh"

"$ROOT/scripts/setup.sh" gdb || quit "setup" "gdb cannot be installed"
tool=$(helper)
# The name of a socket must be short.
cd "$OUT" || exit 1
kernel_for 2
export CONFIG="$CONFIG machine"
image tests
kernel=$kernel_dir/vmlinux

# KVM does not stop at a single instruction as often.
export ACCEL=tcg
# Linux's rules for Intel's machine checks know errors that a program survives.
export CPU=max,vendor=GenuineIntel,family=6,model=85
# One processor is there: else each check has to be one for all.
export PARAMETERS=maxcpus=1
text="$(symbol _stext):$(symbol _etext)"
thunks="$(symbol __ukl_thunks_start):$(symbol __ukl_thunks_end)"
getppid="$(symbol ukl_call_110):$(symbol ukl_call_111)"
return=$(symbol ukl_return_jump)
leave=$(symbol ukl_leave_ist)
entry=$(symbol ukl_entry_SYSCALL_64):$(symbol ukl_entry_SYSCALL_64_safe_stack)

# begun LOG WHAT: wait until its tests begin
begun()
{
	until_seen 60 grep -q '^1\.\.' "$1" || fail "$2: begins" "no test in a minute"
}

for how in linked binary user; do
	cpl=0
	[ $how != user ] || cpl=3
	export QEMU_OPTS="-monitor unix:$how-mce.mon,server=on,wait=off -gdb unix:$how-mce.gdb,server=on,wait=off"
	boot_tests "$how-mce" $how mce
	begun "$how-mce" "$how, machine checks"
	"$tool" mce-at "$how-mce.mon" "$how-mce.gdb" "$how-mce" "kernel:$text:kernel" "thunk:$thunks:user" "getppid:$getppid:user" \
		"entry:$entry:user" "return:$return:user" "leave:$leave:kernel" >"$how-mce.at" 2>&1
	judge_tests "$how-mce" "$how, machine checks" $cpl
	shows "$how, machine checks: report of a death" "$how-mce" 'died of SIGBUS .*: the memory there has failed'

	export QEMU_OPTS="-monitor unix:$how-panic.mon,server=on,wait=off"
	boot_tests "$how-panic" $how panic
	begun "$how-panic" "$how, machine check in kernel code"
	"$tool" mce-at "$how-panic.mon" - "$how-panic" "kernel:$text:kernel" >"$how-panic.at" 2>&1
	finish_app
	is "$how, machine check in kernel code: ends without an exit status" "$status" 125
	shows "$how, machine check in kernel code: report" "$how-panic" 'Machine check: Data load in unrecoverable area of kernel'

	export QEMU_OPTS="-monitor unix:$how-all.mon,server=on,wait=off"
	PARAMETERS='' boot_tests "$how-all" $how broadcast
	begun "$how-all" "$how, machine checks on both processors"
	"$tool" mce-at "$how-all.mon" - "$how-all" >"$how-all.at" 2>&1
	judge_tests "$how-all" "$how, machine checks on both processors" $cpl

	unset QEMU_OPTS
	boot_tests "$how-guard" $how guard
	finish_app
	tap "$how-guard" "$how, stack of the kernel exhausted"
	shows "$how, stack of the kernel exhausted: report" "$how-guard" 'BUG: TASK stack guard page was hit'
	shows "$how, stack of the kernel exhausted: backtrace" "$how-guard" ' recursive_loop\+0x'
done

# Anywhere, in what looks at its registers most closely
for how in linked binary; do
	what="$how, machine checks anywhere"
	export QEMU_OPTS="-monitor unix:$how-storm.mon,server=on,wait=off"
	boot_tests "$how-storm" $how redzone fpu abi signals restart
	begun "$how-storm" "$what"
	"$tool" mce "$how-storm.mon" "$how-storm" 100000 >"$how-storm.count" 2>&1
	judge_tests "$how-storm" "$what"
	count=$(cat "$how-storm.count")
	in_user=$(grep -c 'RIP.* 33:<0000' "$how-storm")
	what="$what: $count, $in_user of them in the program"
	if [ "$count" -ge 500 ] 2>/dev/null && [ "$in_user" -ge 50 ]; then
		pass "$what"
	else
		fail "$what" "wanted 500, 50 in the program"
	fi
done

unset CPU PARAMETERS
export MEMORY=128
truncate -s 512M swap
mkswap swap >swap.log 2>&1 || quit "mkswap" "$(tail -n 1 swap.log)"
for how in linked binary; do
	unset QEMU_OPTS
	boot_tests "$how-oom" $how oom
	judge_tests "$how-oom" "$how, memory exhausted"
	export QEMU_OPTS="-drive if=none,id=swap,format=raw,snapshot=on,file=swap -device virtio-blk-device,drive=swap"
	boot_tests "$how-swap" $how swap
	judge_tests "$how-swap" "$how, swap"
done
