#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# a second implementation of x86: the guest's tests under Bochs, as Intel's and as AMD's
set -u
cpus=${CPUS:-1}
. "$(dirname -- "$0")/../lib.sh"

"$ROOT/scripts/setup.sh" bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso >"$OUT/setup" 2>&1 || {
	skip "bochs" "$(first_line "$OUT/setup")"
	exit 0
}

kernel_for "$cpus"
image tests
"$ROOT/scripts/bzimage.sh" tests 2>&1 | tee "$OUT/bzimage"
bz=$image_dir/bzImage
[ -f "$bz" ] || quit "make bzimage APP=tests" "$(first_line "$OUT/bzimage")"

# boot NAME MODEL MODE [TEST...]: an ISO of it, and Bochs on that
boot()
{
	dir=$OUT/$1 model=$2 words=
	# Its MONITOR drops the page from all TLBs by the physical address in place of the
	# linear one, so another processor's store may not end an MWAIT.
	[ "$cpus" = 1 ] || words=idle=halt
	[ "$3" = linked ] || words="$words ukl.mode=binary ukl.exec=/bin/ukltest-user ukl.patch=1"
	what=$1
	shift 3
	words="$words ukl.args=\"$*\""
	set -- "$what"
	mkdir -p "$dir/iso"
	cp "$bz" "$dir/iso/linux"
	cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$dir/iso"
	# The clock of this processor is its count of instructions. Its CPUID leaf 0DH
	# gives the compacted XSAVE area the size of the standard one (Intel SDM
	# vol. 1, 13.4.3), which the kernel complains of: use the standard form.
	cat >"$dir/iso/isolinux.cfg" <<-END
		default linux
		prompt 0
		label linux
		kernel linux
		append printk.time=1 tsc_early_khz=20000 clearcpuid=xsavec,xsaves $words
	END
	xorriso -as mkisofs -quiet -o "$dir/cd.iso" -b isolinux.bin -c boot.cat \
		-no-emul-boot -boot-load-size 4 -boot-info-table "$dir/iso" >"$dir/xorriso" 2>&1 || {
		fail "$1: ISO" "$(tail -n 1 "$dir/xorriso")"
		return
	}
	cat >"$dir/bochsrc" <<-END
		megs: 256
		cpu: model=$model, count=$cpus, ips=20000000, reset_on_triple_fault=0
		clock: sync=none
		romimage: file=/usr/share/bochs/BIOS-bochs-latest
		vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
		display_library: rfb, options="timeout=0"
		ata0-master: type=cdrom, path=$dir/cd.iso, status=inserted
		boot: cdrom
		com1: enabled=1, mode=file, dev=$OUT/$1.serial
		log: $dir/log
		panic: action=fatal
		error: action=ignore
		info: action=ignore
	END
	echo c >"$dir/commands"
	bochs -q -f "$dir/bochsrc" -rc "$dir/commands" >"$dir/out" 2>&1 </dev/null &
	app_pid=$!
	JOBS_STARTED="$JOBS_STARTED $app_pid"
	until_seen $((cpus > 1 ? 1800 : 400)) grep -q '^ukl: exit status' "$OUT/$1.serial"
	# It would only boot again.
	kill -9 "$app_pid" 2>/dev/null
	wait "$app_pid" 2>/dev/null
	status=$(tr -d '\r' <"$OUT/$1.serial" | sed -n 's/^ukl: exit status //p')
	tap "$1.serial" "$1"
	shows "$1: runs at CPL 0" "$OUT/$1.serial.tap" '^# CPL 0'
	# By CPUID leaf 4 each of several processors has more cores than there are logical
	# processors by leaf 1, of which the kernel warns (Intel SDM vol. 2, "CPUID").
	known='^$'
	[ "$cpus" = 1 ] || known='WARNING: .*parse_legacy'
	grep -av "$known" "$OUT/$1.serial" >"$OUT/$1.kernel"
	! complaint=$(kernel_complaints "$OUT/$1.kernel") || fail "$1: kernel" "$complaint"
	is "$1: exit status" "$status" 0
}
# What depends on the processor, and not on a file system or the network
few='abi redzone fpu stack fault sigreturn signals restart trace patch addresses'
if [ "$cpus" = 1 ]; then
	boot linked corei7_skylake_x linked "$MACHINE_TESTS"
	boot binary corei7_skylake_x binary "$MACHINE_TESTS"
	boot linked-amd zambezi linked "$few steps"
	boot binary-amd zambezi binary "$few steps"
else
	boot linked corei7_skylake_x linked "$few threads mixed"
	boot binary corei7_skylake_x binary "$few threads"
fi
