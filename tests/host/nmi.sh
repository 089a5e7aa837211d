#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the guest's tests under thousands of NMIs
set -u
. "$(dirname -- "$0")/../lib.sh"

tool=$(helper)
# The name of a socket must be short.
cd "$OUT" || exit 1
export MACHINE=q35
for cpus in 1 2; do
	kernel_for $cpus
	image tests
	for mode in linked binary; do
		# Without FSGSBASE the entry looks for the GS base elsewhere.
		case $mode-$cpus in
		linked-2 | binary-1) CPU=qemu64 ;;
		*) CPU=max ;;
		esac
		export CPU
		what="$mode, $cpus CPUs, -cpu $CPU"
		log=$mode-$cpus
		# NMIs for all CPUs, not only for the first.
		PARAMETERS=apic_extnmi=all
		QEMU_OPTS="-monitor unix:$log.mon,server=on,wait=off"
		export PARAMETERS QEMU_OPTS
		boot_tests "$log" "$mode"
		until_seen 60 grep -q '^1\.\.' "$log" || fail "$what: starts" "$(tail -n 1 "$log")"
		"$tool" nmi "$log.mon" 1000 >"$log.count" 2>&1
		judge_tests "$log" "$what"
		count=$(cat "$log.count")
		if [ "$count" -ge 2000 ] 2>/dev/null; then
			pass "$what: $count NMIs injected"
		else
			fail "$what: NMIs injected" "'$count', fewer than 2000"
		fi
		shows "$what: the guest noticed" "$log" 'NMI: PCI system error|NMI received for unknown reason'
	done
done
