#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Make a compressed bzImage of an image, for boot loaders that want one.
# usage: bzimage.sh APP     build/images/APP/bzImage
#
# Other than image.sh, this links the kernel with the root file system inside,
# in a build directory of its own.
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: bzimage.sh APP}
select_image "$app"
[ -f "$image/rootfs.cpio" ] || die "there is no image of '$app' for this kernel; run 'make image APP=$app'"
[ "$mode" != distro ] || die "make bzimage: Debian's kernel cannot be linked anew; use another MODE"
need lz4

cmdline=$(sed -n 's/^cmdline=//p' "$image/info" | sed 's/[\\"]/\\&/g')
fragment=$image/bzimage.config
{
	echo "CONFIG_INITRAMFS_SOURCE=\"$image/rootfs.cpio\""
	echo 'CONFIG_INITRAMFS_COMPRESSION_NONE=y'
	echo "CONFIG_CMDLINE=\"$cmdline\""
} >"$fragment"

case $variant in
*lz4*) ;;
*) variant=$variant-lz4 ;;
esac
exact_variant "$app"
export FRAGMENT="$fragment"
locked "bzimage-$variant"
"$ROOT/scripts/kernel.sh" "$variant" config
say "kernel $variant: building, with the root file system of $app"
logged "bzimage-$app" "$ROOT/scripts/kernel.sh" "$variant" -j"$JOBS" bzImage
cp "$BUILD/kernel/$variant/arch/x86/boot/bzImage" "$image/bzImage"
say "image: ${image#"$ROOT"/}/bzImage, $(du -h --apparent-size "$image/bzImage" | cut -f1)"
