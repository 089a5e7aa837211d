#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Boot an application's image in QEMU. Its exit status is that of the
# application: 128+signal when a signal ended it, 124 after TIMEOUT, 125 when
# the guest ended without saying how.
# usage: run.sh APP
#
# From the environment, beside MODE, CONFIG and CPUS (see image.sh):
#   MACHINE=microvm|q35|pc   ACCEL=tcg|kvm   CPU=model    MEMORY=MiB
#   PORTS="host:guest ..."; one number is for both   TIMEOUT=seconds
#                  (or as docs/porting.md says for NET = frames)
#   SNAPSHOT=1     go on where snapshot.sh has saved the machine
#   ARGS="..."     instead of the arguments in the image
#   APPEND="..."   more kernel parameters
#   QEMU=program   instead of qemu-system-x86_64; QEMU_OPTS="..." more options
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: run.sh APP}
select_image "$app"
kernel_file=$image/vmlinux
[ "$mode" != distro ] || kernel_file=$image/vmlinuz
[ -f "$kernel_file" ] || die "there is no image of '$app' for this kernel; run 'make image APP=$app${MODE:+ MODE=$MODE}'"
QEMU=${QEMU:-qemu-system-x86_64}
need "$QEMU"

info()
{
	sed -n "s/^$1=//p" "$image/info"
}

number()
{
	case $2 in
	*[!0-9]* | '' | 0* | ??????????*) die "$1 must be a number above 0 and below 1000000000, not '$2'" ;;
	esac
}

# Debian's kernel expects a machine with PCI. Any but ours can only use microvm's
# PIT to learn the frequency of its clocks; on a busy host that fails under TCG,
# and the kernel waits for ever.
case $mode in
stock | tiny | distro) MACHINE=${MACHINE:-q35} ;;
esac
machines=$(info machines)
: "${MACHINE:=${machines:-microvm}}"
MACHINE=${MACHINE%% *}
CPUS=${CPUS:-1}
least=$(info least)
if [ -z "${MEMORY:-}" ]; then
	MEMORY=$(info memory)
	MEMORY=${MEMORY:-128}
	# The recipe thinks of our kernel; others take more.
	[ "$MEMORY" -ge "$least" ] || MEMORY=$least
fi
PORTS=$(for p in ${PORTS-$(info ports)}; do
	case $p in
	*:*) echo "$p" ;;
	*) echo "$p:$p" ;;
	esac
done | paste -sd' ')
number CPUS "$CPUS"
number MEMORY "$MEMORY"
[ -z "${TIMEOUT:-}" ] || number TIMEOUT "$TIMEOUT"
[ "$MEMORY" -ge "$least" ] ||
	die "$MEMORY MiB of memory are too little for the image of $app: use MEMORY=$least or more"

case " ${machines:-$MACHINE} " in
*" $MACHINE "*) ;;
*) die "the kernel of $app is for $machines alone, not $MACHINE: see MACHINES in its recipe, or use PROFILE=fast" ;;
esac
acpi=$(info acpi)
case $MACHINE in
microvm) machine=microvm,acpi=${acpi:-on} nic=virtio-net-device disk=virtio-blk-device balloon=virtio-balloon-device ;;
q35 | pc) machine=$MACHINE nic=virtio-net-pci,romfile= disk=virtio-blk-pci balloon=virtio-balloon-pci ;;
*) die "MACHINE must be microvm, q35 or pc, not '$MACHINE'" ;;
esac

mkdir -p "$BUILD/run"
tmp=$(mktemp -d "$BUILD/run/XXXXXX")
trap 'rm -rf "$tmp"' EXIT

# KVM is there on many machines on which it does not work, or emulates: it is
# used when it boots this very image's kernel at once. Found out once a boot
# of the host.
kvm_works()
{
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
	probe=$BUILD/run/kvm-$(tr -d '\n' </proc/sys/kernel/random/boot_id)
	if [ ! -f "$probe" ]; then
		rm -f "$BUILD"/run/kvm-*
		# An unknown machine parameter is harmless; the panic for want of
		# a program ends the guest.
		timeout 5 qemu-system-x86_64 -accel kvm -cpu host -M microvm,acpi=on -m "$MEMORY" \
			-nodefaults -no-user-config -display none -no-reboot \
			-serial "file:$tmp/probe" -kernel "$kernel_file" \
			-append 'console=ttyS0 panic=-1 ukl.exec=/kvm-probe rdinit=/kvm-probe' >/dev/null 2>&1 </dev/null &&
			[ -s "$tmp/probe" ] && echo yes >"$probe" || echo no >"$probe"
	fi
	[ "$(cat "$probe")" = yes ]
}

if [ -z "${ACCEL:-}" ]; then
	ACCEL=tcg
	! kvm_works || ACCEL=kvm
fi
case $ACCEL in
kvm) cpu=host ;;
tcg) cpu=max ;;
*) die "ACCEL must be tcg or kvm, not '$ACCEL'" ;;
esac

# With a thread for each processor QEMU 7.2 was seen to execute a breakpoint that
# the kernel had taken away again (static keys): the guest dies of it.
accel=$ACCEL
[ "$ACCEL" != tcg ] || [ "$CPUS" = 1 ] || accel=tcg,thread=single

set -- -M "$machine" -accel "$accel" -cpu "${CPU:-$cpu}" -smp "$CPUS" -m "$MEMORY" \
	-nodefaults -no-user-config -display none -no-reboot \
	-kernel "$kernel_file" \
	-debugcon "file:$tmp/status" -global isa-debugcon.iobase=0xe9

net=$(info net)
for p in $PORTS; do
	case $p in
	*[!0-9:]* | *:*:* | :* | *: | 0* | *:0* | ??????*:* | *:??????*) die "PORTS must be host:guest, not '$p'" ;;
	esac
	[ "${p%:*}" -le 65535 ] || die "PORTS: there is no port ${p%:*}, the last is 65535"
	[ "${p#*:}" -le 65535 ] || die "PORTS: there is no port ${p#*:}, the last is 65535"
done
case $net in
dhcp)
	netdev=user,id=n0
	for p in $PORTS; do
		! port_taken "${p%:*}" ||
			die "port ${p%:*} of this host is in use: end its user, or choose another with PORTS=$((${p%:*} + 1)):${p#*:}"
		netdev=$netdev,hostfwd=tcp:127.0.0.1:${p%:*}-:${p#*:}
	done
	set -- "$@" -netdev "$netdev" -device "$nic,netdev=n0"
	;;
frames)
	card=0
	for p in $PORTS; do
		set -- "$@" -netdev "socket,id=n$card,udp=127.0.0.1:${p#*:},localaddr=127.0.0.1:${p%:*}" \
			-device "$nic,netdev=n$card,mac=52:54:00:00:00:0$card"
		card=$((card + 1))
	done
	;;
esac

# Not 0x402, where SeaBIOS writes.
append=ukl.debugcon=0xe9
if [ "$(info initrd)" = y ]; then
	append="$append $(info cmdline)"
	set -- "$@" -initrd "$image/rootfs.cpio"
fi
# Changes go to a file that ends with QEMU, so that several can run.
if [ -n "$(info disk)" ]; then
	set -- "$@" -drive "if=none,id=d0,format=raw,snapshot=on,file=$BUILD/$(info disk)" \
		-device "$disk,drive=d0"
fi
# An image that has the driver gives back what it does not use.
case $variant- in
*-balloon-*) set -- "$@" -device "$balloon,id=balloon,free-page-reporting=on" ;;
esac
[ -z "${APPEND:-}" ] || append="$append $APPEND"
[ -z "${ARGS+set}" ] || append="$append ukl.args=\"$ARGS\""
# COMMAND_LINE_SIZE of x86, with what is in the image and what microvm adds without ACPI
built=$(info cmdline)
[ "$(info initrd)" != y ] || built=
words=$((${#append} + ${#built} + 1 + $([ -z "$acpi" ] && echo 0 || echo 128)))
[ "$words" -lt 2048 ] ||
	die "the kernel takes 2047 characters of parameters, and ARGS and APPEND make it $words: put them into a file, or into the recipe"
set -- "$@" -append "$append"

# No program can write to that port without more ado: a status that is not our
# kernel's to tell is on the console only.
stdio=stdio,id=c0
case $mode${UNILINUX_DEBUG:+ debug} in
stock | tiny | distro | *debug) stdio=$stdio,logfile=$tmp/console ;;
esac
# On a terminal, keys go to the guest, and Ctrl-A to QEMU.
if [ -t 0 ]; then
	set -- "$@" -chardev "$stdio,signal=off,mux=on" -serial chardev:c0 -mon chardev=c0
	quit='Ctrl-A X quits'
else
	set -- "$@" -chardev "$stdio,signal=on" -serial chardev:c0
	quit='Ctrl-C quits'
fi

# What must be the same when a snapshot is taken and when it is resumed.
machine_record()
{
	"$QEMU" --version | sed -n '1s/^/qemu=/p'
	echo "machine=$machine, $accel, ${CPU:-$cpu}$([ "$ACCEL" != kvm ] || sed -n 's/^model name.*:/ on/p;T;q' /proc/cpuinfo)"
	echo "cpus=$CPUS"
	echo "memory=$MEMORY"
	echo "parameters=$append"
	echo "image=$(sha256sum <"$kernel_file" | cut -c 1-64)"
}

if [ -n "${SNAPSHOT:-}" ]; then
	[ -z "$(info disk)" ] || die "an image with a disk has no snapshot: its changes end with QEMU"
	snapshot=$BUILD/snapshots/$(basename "$image")
	qmp=$tmp/qmp
	if [ "$SNAPSHOT" = save ]; then
		qmp=$snapshot.new/qmp
		machine_record >"$snapshot.new/machine"
	else
		[ -f "$snapshot/machine" ] ||
			die "there is no snapshot of '$app' for this kernel; run 'make snapshot APP=$app'"
		machine_record >"$tmp/machine"
		cmp -s "$snapshot/machine" "$tmp/machine" ||
			die "the snapshot of $app does not fit: $(
				paste -d '|' "$snapshot/machine" "$tmp/machine" |
					awk -F '|' '$1 != $2 { print "it has " $1 ", this run " $2; exit }')"
		mkfifo "$qmp.in" "$qmp.out"
		set -- "$@" -S -incoming defer
	fi
	set -- "$@" -chardev "pipe,id=q0,path=$qmp" -mon chardev=q0,mode=control
fi

say "run: $app${MODE:+ ($mode)} on $MACHINE, $ACCEL, $CPUS CPU, $MEMORY MiB; $quit"
for p in $PORTS; do
	[ "$net" != dhcp ] ||
		say "run: port ${p%:*} of 127.0.0.1 is port ${p#*:} of the guest$(
			[ "${p#*:}" != 6379 ] || echo ": redis-cli -p ${p%:*} ping")"
done

# The NMI tells the kernel that it was resumed, see ukl/resume.c.
if [ "${SNAPSHOT:-}" = 1 ]; then
	{
		if qmp "$qmp" '"return"' '{"execute": "qmp_capabilities"}' &&
				qmp_migrate "$qmp" migrate-incoming "exec:cat $snapshot/state" &&
				qmp "$qmp" '"return"' '{"execute": "inject-nmi"}' &&
				qmp "$qmp" '"RESUME"' '{"execute": "cont"}'; then
			:
		elif echo "$answer" | grep -qE '"(error|failed)"'; then
			# It would stand still, or go on with old randomness.
			echo "unilinux: the snapshot of $app cannot be resumed: $answer" >&2
			echo '{"execute": "quit"}' >"$qmp.in"
		fi
		: >"$tmp/resumed"
	} &
	resuming=$!
	trap '[ -f "$tmp/resumed" ] || kill $resuming 2>/dev/null || :; rm -rf "$tmp"' EXIT
fi

# In the background, as a shell only looks at its signals while it waits; with
# the input that such a command has not by itself.
exec 5<&0
status=0
# shellcheck disable=SC2086 # a list of words
${TIMEOUT:+timeout --foreground "$TIMEOUT"} "$QEMU" "$@" ${QEMU_OPTS:-} <&5 5<&- &
guest=$!
trap 'kill $guest 2>/dev/null; wait $guest; exit 143' TERM
trap 'kill $guest 2>/dev/null; wait $guest; exit 130' INT
wait $guest || status=$?
[ -z "${TIMEOUT:-}" ] || [ "$status" != 124 ] || {
	say "run: ended after $TIMEOUT s"
	exit 124
}
[ "$status" = 0 ] || die "QEMU failed with status $status, see above"
[ ! -f "$tmp/console" ] ||
	tr -d '\r' <"$tmp/console" | sed -n 's/^ukl: exit status //p' | tail -n 1 >"$tmp/status"
if [ ! -s "$tmp/status" ]; then
	say "run: the guest ended without an exit status"
	exit 125
fi
exit "$(head -n 1 "$tmp/status")"
