#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the smallest image on microvm, q35 and pc, with and without FSGSBASE
set -u
. "$(dirname -- "$0")/../lib.sh"

image hello
for MACHINE in microvm q35 pc; do
	for CPU in max qemu64; do
		export MACHINE CPU
		run_app "$MACHINE-$CPU" hello
		is "$MACHINE, -cpu $CPU: exit status" "$status" 0
		shows "$MACHINE, -cpu $CPU: runs at CPL 0" "$OUT/$MACHINE-$CPU" '^hello: running at CPL 0'
	done
done
unset MACHINE CPU

# A kernel that ignores what QEMU is told in other words than ours.
timeout 60 qemu-system-x86_64 -kernel "$BUILD/images/hello/vmlinux" -display none -no-reboot \
	-serial "file:$OUT/bare" </dev/null >"$OUT/bare.qemu" 2>&1
shows "a bare qemu-system-x86_64 -kernel" "$OUT/bare" '^hello: running at CPL 0'

make -C "$ROOT" --no-print-directory run APP=hello >"$OUT/make" 2>&1 </dev/null
is "make run APP=hello: exit status" "$?" 0
shows "make run APP=hello: its line" "$OUT/make" '^hello: running at CPL 0'

# The same from an ordinary libc, and on kernels that are not ours.
for MODE in binary user stock distro; do
	export MODE
	image hello
	run_app $MODE hello
	is "MODE=$MODE: exit status" "$status" 0
	[ $MODE = binary ] && cpl=0 || cpl=3
	shows "MODE=$MODE: runs at CPL $cpl" "$OUT/$MODE" "^hello: running at CPL $cpl"
done

unset MODE
make -C "$ROOT" --no-print-directory inspect APP=hello >"$OUT/inspect" 2>&1
is "make inspect: status" $? 0
shows "make inspect: a call of the program" "$OUT/inspect" ' exit_group$'
shows "make inspect: calls with a number that is known" "$OUT/inspect" 'sites  .* call [0-9]'
for absent in fork socket 'any that these are asked for'; do
	if grep -qw -- "$absent" "$OUT/inspect"; then
		fail "make inspect: a call that hello cannot make" "$absent"
	else
		pass "make inspect: hello cannot: $absent"
	fi
done
