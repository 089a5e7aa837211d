#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# make profile counts right, and attributes to the right chains
set -u
. "$(dirname -- "$0")/../lib.sh"

app=$(temporary_app profile)
dir=$BUILD/profile/$app
rm -rf "$dir"

refused 'no such workload' 'no workload' "$ROOT/scripts/profile.sh" "$app" nonsense
refused 'bad WINDOW' 'WINDOW must be' env WINDOW=step:1 "$ROOT/scripts/profile.sh" "$app"

WINDOW=profile/step:1:2 make -C "$ROOT" --no-print-directory profile APP="$app" >"$OUT/log" 2>&1 ||
	quit "make profile" "$(first_line "$OUT/log")"

# chain MODE REGEX FROM TO: instructions of all chains that fit, for one call
chain()
{
	got=$(awk -v re="$2" '
		{ n = $NF; sub(/ [0-9]+$/, "") }
		$0 ~ re { sum += n }
		END { printf "%d", sum / 2 }' "$dir/$1.folded")
	if [ "$got" -ge "$3" ] && [ "$got" -le "$4" ]; then
		pass "$1: $2: $got instructions"
	else
		fail "$1: $2" "$got instructions, $3 to $4 expected"
	fi
}

main='^profile;_start;.*;main;step'
for mode in linked stock; do
	[ -f "$dir/$mode.folded" ] || quit "$mode" "$(first_line "$OUT/log")"
	# The guest's own count, the time stamp counter under the instruction clock.
	ticks=$(tr -d '\r' <"$dir/$mode.log" | sed -n 's/^ticks //p')
	total=$(awk -F '\t' '$1 == "total" { print $2 * 2 }' "$dir/$mode.subsystems.txt")
	if awk -v a="${ticks:-0}" -v b="${total:-0}" 'BEGIN { d = a - b; exit !(a > 0 && d * d <= (a / 1000) ^ 2) }'; then
		pass "$mode: total: $total instructions, the guest's count is $ticks"
	else
		fail "$mode: total" "$total instructions, the guest's count is '$ticks'"
	fi
	sum=$(awk '{ n += $NF } END { print n }' "$dir/$mode.folded")
	is "$mode: sum of the chains" "$sum" "${total%.*}"
	hot=$(awk -F '\t' '!/^#/ { split($1, w, " "); print w[5]; exit }' "$dir/$mode.functions.txt")
	is "$mode: function with most instructions" "$hot" hot

	chain $mode "$main;hot\$" 200000 200010
	chain $mode "$main;warm;leaf\$" 20000 20010
	chain $mode ';leaf$' 20000 20010
	# After longjmp, a signal and fork, and in the child, the chain is the caller's.
	chain $mode "$main;after_jump\$" 10000 10010
	chain $mode "$main;.*handler\$" 8000 8010
	chain $mode "$main;after_signal\$" 6000 6010
	chain $mode "$main;in_child;pong\$" 6000 6200
	chain $mode "$main;after_fork\$" 2000 2010
	# What step() does itself after its calls have returned
	chain $mode "$main\$" 14000 14200
	# A fault in the kernel, and what it was doing, which goes on after that
	chain $mode "$main;fault_in_kernel;read;.*pipe_read_\[k\];.*;asm_exc_page_fault_\[k\];.*handle_mm_fault" 100 100000
	chain $mode ';asm_exc_page_fault_\[k\];.*(rep_movs_alternative|_copy_to_iter|pipe_read)' 0 0
	chain $mode '\[unknown' 0 0
	chain $mode '^\[interrupts\].*;(step|main)' 0 0
	calls=$(awk '$5 == "__x64_sys_getppid" { print $4 }' "$dir/$mode.functions.txt")
	is "$mode: calls of getppid in a step" "$calls" 1.00
	where=$(awk -F '\t' '$1 ~ / fork_idle$| copy_process$/ { print $3, $4; exit }' "$dir/$mode.functions.txt")
	is "$mode: object of a function of the kernel" "$where" 'kernel kernel/fork.o'
	shows "$mode: flame graph" "$dir/$mode.svg" '<title>hot: [0-9]+ instructions'
done
chain linked "$main;getppid;ukl_call_110_\[k\];__x64_sys_getppid_\[k\]\$" 1 200
chain stock "$main;getppid;entry_SYSCALL_64_\[k\];do_syscall_64_\[k\];.*__x64_sys_getppid_\[k\]\$" 1 200
shows 'the two side by side' "$OUT/log" '^system call entry  .*%.*%.* -[0-9]'
shows 'difference drawn' "$dir/diff.svg" '<title>step: linked [0-9]+, stock [0-9]+'
