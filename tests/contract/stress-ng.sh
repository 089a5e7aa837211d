# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # variables of contract.sh
# Debian's stress-ng: each stressor for a short time, with its own checks

suite_debian=stress-ng
suite_columns='stock binary'

# Stressors that do nothing for root
stress_unprivileged='bad-ioctl exec spawn'

# Stressors that cannot be compared, each with its reason
stress_left_out()
{
	cat <<-END
		priv-instr executes privileged instructions, which CPL 0 has
		opcode executes random bytes, which may be privileged instructions
		kvm needs a processor with virtualisation
		gpu needs a graphics card
		smi needs the firmware of a PC
		efivar needs EFI
		memhotplug needs memory that can be unplugged
		dccp needs a protocol that no suite here configures
		sctp needs a protocol that no suite here configures
		watchdog needs a watchdog, and would start it
	END
}

# NAME [OPTION...]: the stressors, of those that the program knows
stress_list()
{
	"$system/lib64/ld-linux-x86-64.so.2" --inhibit-cache \
		--library-path "$system/lib/x86_64-linux-gnu:$system/usr/lib/x86_64-linux-gnu" \
		"$system/usr/bin/stress-ng" --stressors | tr -s ' ' '\n'
}

suite_build()
{
	cp "$system/usr/bin/stress-ng" "$root/usr/bin"
	cat >"$root/contract/list" <<-END
		#!mkdir -p /dev/pts /dev/shm /dev/mqueue; mount -t devpts devpts /dev/pts
		#!mount -t tmpfs -o mode=1777 tmpfs /dev/shm; mount -t mqueue mqueue /dev/mqueue
		#!mount -t cgroup2 cgroup2 /sys/fs/cgroup; mount -t debugfs debugfs /sys/kernel/debug
		#!ip link set lo up; echo -900 >/proc/\$PPID/oom_score_adj
	END
	stress_left_out >"$work/left-out"
	# Operations are of very different length: what comes first.
	options="--timeout 2 --verify --no-rand-seed"
	stress_list | while read -r name more; do
		[ -n "$name" ] || continue
		! grep -q "^$name " "$work/left-out" || continue
		echo "$name 40 /tmp stress-ng --$name ${CPUS:-1} --$name-ops 100 $more $options"
	done >>"$root/contract/list"
	for name in $stress_unprivileged; do
		echo "$name-nobody 40 /tmp su -s /bin/sh nobody -c 'stress-ng --$name ${CPUS:-1} --$name-ops 100 $options'"
	done >>"$root/contract/list"
}
