# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# SQLite: inserts, selects and updates, on tmpfs and on a virtio disk (ext4)
MAIN=instructions

measure()
{
	"$ROOT/scripts/setup.sh" e2fsprogs
	images bench-sqlite
	# A disk's answers come when the host gives them, so that instructions are
	# counted on tmpfs only.
	clocked bench-sqlite
	[ "$runs" -gt 0 ] || return 0
	disk=$work/disk
	truncate -s 64M "$disk"
	logged mke2fs env PATH="$PATH:/sbin:/usr/sbin" mke2fs -q -t ext4 "$disk"
	QEMU_OPTS="-drive file=$disk,format=raw,if=none,id=d0,snapshot=on -device virtio-blk-pci,drive=d0"
	export QEMU_OPTS
	timed bench-sqlite
	unset QEMU_OPTS
}
