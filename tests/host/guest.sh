#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the guest's tests: linked and by SYSCALL, 1 and 2 CPUs, with and without FSGSBASE; step by step
set -u
. "$(dirname -- "$0")/../lib.sh"

for cpus in 1 2; do
	kernel_for $cpus
	image tests
	for mode in linked binary; do
		for CPU in max qemu64; do
			# The other two are in the check "nmi".
			case $mode-$cpus-$CPU in
			linked-2-qemu64 | binary-1-qemu64) continue ;;
			esac
			export CPU
			boot_tests "$mode-$cpus-$CPU" "$mode"
			judge_tests "$mode-$cpus-$CPU" "$mode, $cpus CPUs, -cpu $CPU"
		done
		unset CPU
	done
done

# Interrupts between any two instructions, not only between blocks of code
kernel_for 1
export ACCEL=tcg QEMU_OPTS='-icount shift=3,sleep=off'
for mode in linked binary; do
	boot_tests "$mode-steps" "$mode" steps
	judge_tests "$mode-steps" "$mode, instruction by instruction"
done

# everywhere TEST MODE TIMES VECTOR SYMBOLS [REGEX]: while the test is repeated, does
# that exception come at each instruction behind these symbols, or at each that is
# like REGEX? A symbol's last one is a return, a jump, or turns interrupts off.
everywhere()
{
	log=$1-$2-steps
	QEMU_OPTS="$icount -d int -D $OUT/$log.exceptions"
	boot_tests "$log" "$2" "-r $3" "$1"
	judge_tests "$log" "$2, $1 at each instruction"
	awk -v vector="$4" -v symbols=" $5 " -v regex="${6:-.}" '
		FNR == NR && /^[0-9a-f]+ <.*>:$/ {
			name = substr($2, 2, length($2) - 3)
			inside = index(symbols, " " name " ")
			found[name] = 1
		}
		FNR == NR && inside && /^ *[0-9a-f]+:/ {
			ip = substr($1, 1, length($1) - 1)
			if ($0 ~ regex)
				where[ip] = name
			if ($2 ~ /^(ret|jmp|popf|cli)/)
				inside = 0
		}
		FNR == NR { next }
		match($0, "v=" vector " .* IP=0010:[0-9a-f]+ ") {
			ip = substr($0, RSTART, RLENGTH - 1)
			sub(/.*:/, "", ip)
			times[ip]++
		}
		END {
			for (ip in where) {
				places++
				# A tick or two may have come without a signal of the test.
				if (times[ip] + 0 < (vector == "ec" ? 3 : 1))
					print "only " times[ip] + 0 " times at " ip " in " where[ip]
				else if (!least || times[ip] < least)
					least = times[ip]
			}
			for (i = split(symbols, name_of); i; i--)
				if (!(name_of[i] in found))
					print "only: there is no " name_of[i]
			print places + 0 " instructions, at least " least + 0 " times at each"
		}' "$OUT/code" "$OUT/$log.exceptions" >"$OUT/$log.places"
	rm -f "$OUT/$log.exceptions"
	if ! grep -q '^only' "$OUT/$log.places" && grep -q '^[1-9]' "$OUT/$log.places"; then
		pass "$2, $1: $(cat "$OUT/$log.places")"
	else
		fail "$2, $1 at each instruction" "$(cat "$OUT/$log.places")"
	fi
}

# The calls of steps.c: thunks, where the stack is read, and jumps
kernel=$BUILD/kernel/ukl/vmlinux
objdump -d --no-show-raw-insn --start-address="0x$(symbol __ukl_thunks_start)" \
	--stop-address="0x$(symbol __ukl_thunks_end)" "$kernel" >"$OUT/code"
icount=$QEMU_OPTS timer=ec page_fault=0e
thunks=$(printf 'ukl_call_%s ' 110 95 115 8 14 247 9 full_head_end)
thunks="$thunks __ukl_thunks_start ukl_full_frame"
jumps="$(printf 'ukl_jump_%s ' 110 95 8 9 any full head_end full_frame exit)"
everywhere steps.signal linked 12 $timer "$thunks"
everywhere steps.interrupt linked 12 $timer "$thunks"
everywhere steps.fault linked 70 $page_fault "$thunks" 'mov +\(%rsp\),%rcx|ret'
everywhere steps.signal binary 12 $timer "$jumps"
