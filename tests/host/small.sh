#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# PROFILE=small: the kernel of exactly one application, in a small machine
set -u
. "$(dirname -- "$0")/../lib.sh"

PROFILE=small
export PROFILE
image hello
built=$BUILD/images/hello+small
for MACHINE in microvm q35 pc; do
	export MACHINE
	run_app "$MACHINE" hello
	is "$MACHINE: exit status" "$status" 0
	shows "$MACHINE: runs at CPL 0" "$OUT/$MACHINE" '^hello: running at CPL 0'
done
unset MACHINE
! complaint=$(kernel_complaints "$OUT/microvm") || fail "kernel" "$complaint"

# What the project asks of the smallest image
at_most()
{
	if [ "$2" -le "$3" ]; then
		pass "$1: $2, at most $3"
	else
		fail "$1" "$2, more than $3"
	fi
}
at_most "bytes of the image" "$(wc -c <"$built/vmlinux")" 3145728
at_most "bytes of the image, compressed" "$(xz -9 -T1 <"$built/vmlinux" | wc -c)" 921600
MEMORY=8 run_app memory hello
shows "8 MiB of memory" "$OUT/memory" '^hello: running at CPL 0'

"$ROOT/scripts/inspect.sh" hello >"$OUT/inspect" 2>&1
at_most "system calls" "$(sed -n 's/^system calls \([0-9]*\) of .*/\1/p' "$OUT/inspect")" 25
shows "inspect: what was left out" "$OUT/inspect" 'left out:.* EPOLL '
shows "inspect: what was asked for" "$OUT/inspect" 'CONFIG_FUTEX by futex'

# Calls that are not in the image, from a program that needs the same otherwise
missing=$(temporary_app missing)
image "$missing"
is "applications with the same needs have one kernel" \
	"$(sed -n 's/^variant=//p' "$BUILD/images/$missing+small/info")" "$(sed -n 's/^variant=//p' "$built/info")"
run_app missing "$missing"
clean_console "$OUT/missing" >"$OUT/missing.console"
is "missing: by call" "$(grep -c '^missing: by call: -1, errno 38' "$OUT/missing.console")" 2
shows "missing: by SYSCALL" "$OUT/missing.console" '^missing: by SYSCALL: -38'
is "missing: told once, with name and caller" \
	"$(grep -acE 'ukl: missing\[[0-9]+\] calls epoll_create1 \(291\) at 0x[0-9a-f]+' "$OUT/missing")" 1
is "missing: told of SYSCALL, too" "$(grep -acE 'ukl: .* calls timerfd_create \(283\)' "$OUT/missing")" 1
# Not in the kernel at all, though in the one that has all
"$ROOT/scripts/kernel.sh" ukl ensure || quit "kernel with all calls" "see above"
has() # SYMBOL KERNEL
{
	grep -q " $1\$" "$2/System.map"
}
has ksys_write "$kernel_dir" || quit "symbols of the kernel" "none in $kernel_dir/System.map"
bad=
for name in __x64_sys_epoll_create1 do_epoll_create __x64_sys_getdents64 filldir64 __x64_sys_fallocate; do
	has "$name" "$BUILD/kernel/ukl" && ! has "$name" "$kernel_dir" || bad="$bad $name"
done
is "the code of calls that are left out is not in the kernel" "$bad" ""

# For one machine type alone
echo 'MACHINES = q35' >>"$ROOT/apps/$missing/recipe"
image "$missing"
run_app q35-alone "$missing"
shows "MACHINES = q35: runs there without being asked to" "$OUT/q35-alone" 'on q35, '
shows "MACHINES = q35: runs there" "$OUT/q35-alone" '^missing: by SYSCALL: -38'
MACHINE=microvm run_app not-microvm "$missing"
is "MACHINES = q35: refused on microvm" "$(grep -c '^unilinux: .* for q35 alone, not microvm' "$OUT/not-microvm")" 1
is "MACHINES = q35: status" "$status" 1

# What the kernel of PROFILE=fast has not got
printf '%s\n' 'SYSCALLS += io_uring_setup' 'MOUNTS = ext4 /dev/vda /data' >>"$ROOT/apps/$missing/recipe"
"$ROOT/scripts/explain.sh" "$missing" IO_URING >"$OUT/explain-uses" 2>/dev/null
shows "explain: a call that asks for more than all have" "$OUT/explain-uses" '^CONFIG_IO_URING=y: .* by: uses:io_uring_setup'
"$ROOT/scripts/explain.sh" "$missing" EXT4_FS >"$OUT/explain-mount" 2>/dev/null
shows "explain: a file system" "$OUT/explain-mount" '^CONFIG_EXT4_FS=y: .* by: mount:ext4'
shows "explain: a line of the recipe" "$OUT/explain-mount" 'mount:ext4: apps/.*/recipe, line [0-9]+: MOUNTS = ext4 /dev/vda'

# The kernel's log, and the phases of the boot in it
APPEND="quiet initcall_debug log_buf_len=256K printk.time=1 ukl.log" ARGS=ticks ACCEL=tcg \
	QEMU_OPTS='-icount shift=0,sleep=off' run_app log hello
shows "ukl.log: the first line" "$OUT/log" '^\[ *0\.000000\] Linux version '
tr -d '\r' <"$OUT/log" | awk -f "$ROOT/tests/bench/phases.awk" \
	"$BUILD/kernel/$(sed -n 's/^variant=//p' "$built/info")/System.map" - >"$OUT/phases"
is "phases of the boot" "$(cut -d' ' -f1 "$OUT/phases" | paste -sd' ')" \
	"reset setup memory basics early pure core postcore arch subsys fs device rootfs late start application"
# What is not of a phase is the time of telling the log.
counted=$(awk '{ n += $2 } END { print n }' "$OUT/phases")
told=$(tr -d '\r' <"$OUT/log" | awk '/ukl: time stamp counter: / { a = $NF } /^ukl: told at / { b = $NF } END { print b - a }')
ticks=$(tr -d '\r' <"$OUT/log" | sed -n 's/^hello: \([0-9]*\) ticks$/\1/p')
is "phases and telling are all up to main()" "$(((counted + told - ticks) / 1000))" 0

"$ROOT/scripts/explain.sh" hello CONFIG_FUTEX >"$OUT/explain-y" 2>/dev/null
shows "explain: an option that is there" "$OUT/explain-y" '^CONFIG_FUTEX=y: hello asks for it by: futex'
shows "explain: who makes the call" "$OUT/explain-y" 'futex is called by __lock\(\) in /bin/hello'
"$ROOT/scripts/explain.sh" hello EPOLL >"$OUT/explain-n" 2>/dev/null
shows "explain: an option that is not there" "$OUT/explain-n" '^CONFIG_EPOLL is not set: hello asks for none of: epoll_create '
"$ROOT/scripts/explain.sh" hello KALLSYMS >"$OUT/explain-file" 2>/dev/null
shows "explain: a line of a fragment" "$OUT/explain-file" '^configs/small.config, line [0-9]+: # CONFIG_KALLSYMS is not set'

# Numbers that only seem to be known
mkdir -p "$OUT/sites"
cat >"$OUT/sites.c" <<-'END'
	long merged(int w)
	{
		long r;

		__asm__ volatile("mov $74, %%eax\n test %1, %1\n jnz 1f\n"
				 "mov $75, %%eax\n 1: syscall"
				 : "=a" (r) : "r" (w) : "rcx", "r11", "memory");
		return r;
	}
	long counted(void)
	{
		long r;

		__asm__ volatile("xor %%eax, %%eax\n inc %%eax\n syscall"
				 : "=a" (r) : : "rcx", "r11", "memory");
		return r;
	}
	long known(void)
	{
		long r;

		__asm__ volatile("mov $39, %%eax\n xor %%edi, %%edi\n syscall"
				 : "=a" (r) : : "rcx", "r11", "rdi", "memory");
		return r;
	}
END
gcc -c -o "$OUT/sites/a.o" "$OUT/sites.c"
head -c 4096 "$BUILD/images/hello+small/vmlinux" >"$OUT/sites/no-code"
"$ROOT/scripts/sites.sh" "$OUT/sites" | cut -d' ' -f1-4 | sort >"$OUT/sites.found"
is "sites: merged, counted, known, no code" "$(paste -sd, "$OUT/sites.found")" \
	"/a.o any counted unknown,/a.o any merged unknown,/a.o getpid known apart,/no-code any - unknown"
