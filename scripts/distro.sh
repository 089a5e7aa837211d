#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Have Debian's cloud kernel, as shipped, in build/kernel/distro.
# usage: distro.sh
#
# vmlinuz is its bzImage, modules.list names the modules that our images
# need on it, each after those that it depends on: "/path/in/the/image file".
set -eu
. "$(dirname -- "$0")/lib.sh"

out=$BUILD/kernel/distro
NEEDED='virtio_pci virtio_mmio virtio_net virtio_blk ext4 af_packet'

"$ROOT/scripts/fetch.sh" linux
"$ROOT/scripts/fetch.sh" package linux-image-cloud-amd64
"$ROOT/scripts/setup.sh" kmod
PATH=$PATH:/sbin:/usr/sbin
need depmod dpkg-deb
locked kernel-distro
pkg=$(sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' "$BUILD/packages/linux-image-cloud-amd64/control")
[ -n "$pkg" ] || die "the package linux-image-cloud-amd64 does not say which kernel it is"
[ "$(cat "$out/package" 2>/dev/null)" != "$pkg" ] || exit 0

"$ROOT/scripts/fetch.sh" package "$pkg"
files=$BUILD/packages/$pkg
release=${pkg#linux-image-}
rm -rf "$out"
mkdir -p "$out/usr"
cp "$files/boot/vmlinuz-$release" "$out/vmlinuz"
cp "$files/boot/config-$release" "$out/.config"
logged gen_init_cpio gcc -O2 -o "$out/usr/gen_init_cpio" "$BUILD/src/linux-stock/usr/gen_init_cpio.c"
logged depmod depmod -b "$files" "$release"

# What is not a module is built in. modules.dep names a module's dependencies
# in the reverse of the order in which they are to be loaded.
dir=$files/lib/modules/$release
for module in $NEEDED; do
	grep "/$module\.ko:" "$dir/modules.dep" | tr -d : | awk '{ for (i = NF; i; i--) print $i }'
done | awk '!seen[$1]++' >"$out/modules"
while read -r m; do
	echo "/$(basename "$m") $dir/$m"
done <"$out/modules" >"$out/modules.list"
echo "$pkg" >"$out/package"
