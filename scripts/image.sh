#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Build an application, its kernel, and one bootable file of both.
# usage: image.sh APP     build/images/APP/vmlinux
#
# From the environment: MODE, CONFIG and CPUS select another build and kernel
# (see lib.sh), whose names are then appended to that directory's; CMDLINE adds
# kernel parameters. The kernel of MODE=distro takes its root file system from
# a file of its own, rootfs.cpio.
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1:?usage: image.sh APP}
select_image "$app"

case $app in
bin-*) ;;
*) "$ROOT/scripts/build-app.sh" "$app" ;;
esac
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
if [ -z "$(find "$tool" -newer "$ROOT/scripts/mkimage.c" 2>/dev/null)" ]; then
	mkdir -p "$BUILD/host"
	logged mkimage gcc -O2 -Wall -Wextra -o "$tool" "$ROOT/scripts/mkimage.c"
fi

say "image $(basename "$image")"
root=$(app_dir "$app")/root
exec_path=$(recipe "$app" EXEC)
net=$(recipe "$app" NET)

# Quotes in ARGS group words as in a shell, nothing else is special.
{
	echo "exec $exec_path"
	recipe "$app" ARGS | xargs -r printf 'arg %s\n'
	recipe "$app" ENV | sed 's/^/env /'
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
	init=$BUILD/host/init
	mkdir -p "$BUILD/host"
	logged init "$BUILD/sysroot-stock/bin/stock-cc" -O2 -Wall -Wextra -s -o "$init" \
		-I "$ROOT/userland-shims/init" -I "$ROOT/ukl/include" \
		"$ROOT/userland-shims/init/init.c" "$ROOT/ukl/manifest.c"
	;;
esac

bad=$(find "$root" -name '*[[:space:]]*' | head -n 1)
[ -z "$bad" ] || die "a file name with white space cannot go into an image: ${bad#"$root"}"
{
	printf '%s\n' 'dir /dev 755 0 0' 'nod /dev/console 600 0 0 c 5 1' \
		'nod /dev/null 666 0 0 c 1 3'
	for d in /etc /tmp; do
		[ -d "$root$d" ] || echo "dir $d $([ $d = /tmp ] && echo 1777 || echo 755) 0 0"
	done
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
	cpio_list "$root" '' | grep -vE '^[a-z]+ /dev(/console|/null)? ' || :
} >"$image/rootfs.list"
write_rootfs "$kernel_dir"

if [ "$mode" = distro ]; then
	cp "$kernel_dir/vmlinuz" "$image/vmlinuz"
	# Unpacked, its text and data take about five times the file.
	end=$(($(stat -c %s "$kernel_dir/vmlinuz") * 5))
else
	end=$("$tool" "$kernel_dir/vmlinux" "$image/rootfs.cpio" "$cmdline" "$image/vmlinux")
fi
# Loaded file, the copy of its files in the tmpfs, and room to run.
room=8
[ "$profile" = fast ] || room=3
least=$(((end + $(stat -c %s "$image/rootfs.cpio")) / 1048576 + room))

{
	image_info "$app" "$(recipe "$app" MEMORY)" "$least" "$cmdline"
	[ "$mode" != distro ] || echo "initrd=y"
} >"$image/info"
file=$image/vmlinux
[ "$mode" != distro ] || file=$image/vmlinuz
say "image: ${file#"$ROOT"/}, $(du -h --apparent-size "$file" | cut -f1)"
