#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Build an application, its kernel, and one bootable file of both.
# usage: image.sh APP     build/images/APP/vmlinux
#
# From the environment: MODE, CONFIG and CPUS select another build and kernel
# (see lib.sh), whose names are then appended to that directory's; CMDLINE adds
# kernel parameters; DISK=1 makes the root file system a disk beside the image, rootfs.ext4,
# in the place of memory. The kernel of MODE=distro takes its root file system from
# a file of its own, rootfs.cpio.
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: image.sh APP}
select_image "$app"

case $app in
bin-*) ;;
*) "$ROOT/scripts/build-app.sh" "$app" ;;
esac
# Its files stay as they are until they are in the image.
mkdir -p "$BUILD/lock"
exec 7>"$BUILD/lock/app-$(basename "$(app_dir "$app")")"
flock -s 7
exact_variant "$app"
if [ "$mode" = distro ]; then
	"$ROOT/scripts/distro.sh"
	kernel_dir=$BUILD/kernel/distro
else
	"$ROOT/scripts/kernel.sh" "$variant" ensure
	kernel_dir=$BUILD/kernel/$variant
fi
locked "image-$(basename "$image")"
mkdir -p "$image"

tool=$BUILD/host/mkimage
(
	locked mkimage
	[ -z "$(find "$tool" -newer "$ROOT/scripts/mkimage.c" 2>/dev/null)" ] || exit 0
	mkdir -p "$BUILD/host"
	logged mkimage gcc -O2 -Wall -Wextra -o "$tool.new" "$ROOT/scripts/mkimage.c"
	mv "$tool.new" "$tool"
)

say "image $(basename "$image")"
root=$(readlink -f "$(app_dir "$app")/root")
[ -d "$root" ] || die "the files of $app are gone: ${root#"$ROOT"/} is no directory"
# A root file system that root has unpacked is right as it is.
owners='0 0'
case $(recipe "$app" FILES)-$(id -u) in
root:/-0) owners='%U %G' ;;
esac
exec_path=$(recipe "$app" EXEC)
net=$(recipe "$app" NET)

# Quotes and backslashes in ARGS are as in a shell, nothing else is special.
{
	echo "exec $exec_path"
	recipe "$app" ARGS | xargs -r printf 'arg %s\n' 2>/dev/null ||
		die "the ARGS of $app have a quote that is not closed"
	recipe "$app" ENV | sed 's/^/env /'
	recipe "$app" CWD | sed 's/^/cwd /'
	recipe "$app" USER | sed 's/^/user /'
	recipe "$app" MOUNTS | sed 's/^/mount /'
} >"$image/ukl.manifest"

binary=
[ "$mode" != binary ] || binary=ukl.mode=binary
cmdline=$(kernel_words "$app" $binary)

# Other kernels than ours need a program that starts the application.
init=
case $mode in
stock | tiny | distro)
	libc --stock
	init=$image/init
	logged init "$BUILD/sysroot-stock/bin/stock-cc" -O2 -Wall -Wextra -s -o "$init" \
		-I "$ROOT/userland-shims/init" -I "$ROOT/ukl/include" \
		"$ROOT/userland-shims/init/init.c" "$ROOT/ukl/manifest.c"
	;;
esac

# disk: the root file system as $image/rootfs.ext4; the kernel makes what else it needs
disk()
{
	rm -f "$image/rootfs.ext4"
	size=$(($(du -sm "$root" | cut -f1) * 5 / 4 + 64))
	mke2fs -q -F -t ext4 -O ^has_journal -m 0 -E root_owner=0:0 -d "$root" \
		"$image/rootfs.ext4" "${size}M" || return
	echo '127.0.0.1 localhost' >"$image/hosts"
	{
		[ -d "$root/etc" ] || echo 'mkdir etc'
		[ -e "$root/etc/hosts" ] || echo "write $image/hosts etc/hosts"
		[ -d "$root/tmp" ] || printf '%s\n' 'mkdir tmp' 'set_inode_field tmp mode 041777'
		echo "write $image/ukl.manifest ukl.manifest"
		# As in memory, what a user has built is root's.
		[ "$owners" != '0 0' ] ||
			find "$root" -mindepth 1 -printf 'set_inode_field "%P" uid 0\nset_inode_field "%P" gid 0\n'
	} | debugfs -w -f - "$image/rootfs.ext4"
	# It ends with status 0 whatever happens.
	debugfs -R 'cat ukl.manifest' "$image/rootfs.ext4" | cmp - "$image/ukl.manifest"
}

if [ -n "${DISK:-}" ]; then
	"$ROOT/scripts/setup.sh" e2fsprogs
	PATH=$PATH:/sbin:/usr/sbin
	need mke2fs debugfs
	logged "disk-$(basename "$image")" disk
	cmdline="$cmdline root=/dev/vda rootfstype=ext4 rw"
else
	bad=$(find "$root" -name '*[[:space:]]*' | head -n 1)
	[ -z "$bad" ] || die "a file name with white space cannot go into an image, but on its disk, with DISK=1: ${bad#"$root"}"
fi
if [ -n "${DISK:-}" ]; then
	# Without a manifest here the kernel looks for it on the disk.
	printf '%s\n' 'dir /dev 755 0 0' 'nod /dev/console 600 0 0 c 5 1'
else
	printf '%s\n' 'dir /dev 755 0 0' 'nod /dev/console 600 0 0 c 5 1' \
		'nod /dev/null 666 0 0 c 1 3' 'nod /dev/zero 666 0 0 c 1 5' \
		'nod /dev/random 666 0 0 c 1 8' 'nod /dev/urandom 666 0 0 c 1 9'
	# Files are put into /etc before the application's own are, if it has some.
	echo 'dir /etc 755 0 0'
	[ -d "$root/tmp" ] || echo 'dir /tmp 1777 0 0'
	echo "file /ukl.manifest $image/ukl.manifest 644 0 0"
	[ -z "$init" ] || echo "file /init $init 755 0 0"
	if [ "$mode" = distro ]; then
		sed 's/^/file /; s/$/ 644 0 0/' "$kernel_dir/modules.list"
		cut -d' ' -f1 "$kernel_dir/modules.list" >"$image/init.modules"
		echo "file /init.modules $image/init.modules 644 0 0"
	fi
	if [ ! -e "$root/etc/hosts" ]; then
		echo '127.0.0.1 localhost' >"$image/hosts"
		echo "file /etc/hosts $image/hosts 644 0 0"
	fi
	[ "$net" != dhcp ] || [ -e "$root/etc/resolv.conf" ] ||
		echo 'slink /etc/resolv.conf /proc/net/pnp 777 0 0'
	cpio_list "$root" '' "$owners" | grep -vE '^[a-z]+ /dev(/console|/null|/zero|/random|/urandom)? ' || :
fi >"$image/rootfs.list"
write_rootfs "$kernel_dir"

if [ "$mode" = distro ]; then
	cp "$kernel_dir/vmlinuz" "$image/vmlinuz"
	# Unpacked, its text and data take about five times the file.
	end=$(($(stat -c %s "$kernel_dir/vmlinuz") * 5))
else
	end=$("$tool" "$kernel_dir/vmlinux" "$image/rootfs.cpio" "$cmdline" "$image/vmlinux")
fi
# Loaded file, its files once more, as a tmpfs may only take half of what is left
# beside it, and room to run.
room=8
[ "$profile" = fast ] || room=3
least=$(((end + $(stat -c %s "$image/rootfs.cpio")) / 1048576 + room))

{
	image_info "$app" "$(recipe "$app" MEMORY)" "$least" "$cmdline"
	[ "$mode" != distro ] || echo "initrd=y"
	[ -z "${DISK:-}" ] || echo "disk=${image#"$BUILD"/}/rootfs.ext4"
	# Such a kernel finds microvm's devices by parameters that QEMU gives it.
	[ ! -f "$kernel_dir/.config" ] || grep -qx CONFIG_ACPI=y "$kernel_dir/.config" || echo "acpi=off"
	[ "$profile" = fast ] || echo "machines=$(recipe "$app" MACHINES)"
} >"$image/info"
file=$image/vmlinux
[ "$mode" != distro ] || file=$image/vmlinuz
say "image: ${file#"$ROOT"/}, $(du -h --apparent-size "$file" | cut -f1)"
