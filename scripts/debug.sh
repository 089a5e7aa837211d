#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Boot an application's files with a shell and Debian's tools to look at it:
# strace, gdb, gdbserver, perf, bpftrace. See docs/debugging.md.
# usage: debug.sh APP
#
# From the environment, beside what run.sh takes:
#   MODE=linked|user|stock   the application at CPL 0, at ring 3, at ring 3 of
#                            Linux unpatched; the tools are at ring 3 always
#   RUN=file                 no terminal: run this file as a shell script in
#                            the guest, and end with its status
#   CONFIG="lockdep kasan"   more fragments for the kernel
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: debug.sh APP}
UNILINUX_DEBUG=y
export UNILINUX_DEBUG
select_image "$app"
case $mode in
linked | user | stock) ;;
*) die "MODE must be linked, user or stock to debug an application, not '$mode'" ;;
esac
[ -z "${RUN:-}" ] || [ -r "$RUN" ] || die "RUN names '$RUN', which cannot be read"

TOOLS='busybox-static strace gdb gdbserver linux-perf bpftrace'
PATH=$PATH:/sbin:/usr/sbin

# The disk of the tools, shared by all applications: a Debian system in small.
tools_disk()
{
	disk=$BUILD/debug/tools.ext4
	# shellcheck disable=SC2086 # a list
	"$ROOT/scripts/fetch.sh" closure debug-tools $TOOLS
	id=$(cat "$0" "$BUILD/packages/debug-tools/asked" | sha256sum)
	[ "$(cat "$disk.id" 2>/dev/null)" != "$id" ] || return 0

	"$ROOT/scripts/setup.sh" e2fsprogs
	need mke2fs
	locked debug-tools
	say "debug: writing the disk of the tools"
	from=$BUILD/packages/debug-tools/root
	mkdir -p "$BUILD/debug"
	rm -f "$disk.id" "$disk"
	(cd "$from" && mkdir -p dev proc sys tmp run root etc debug && chmod 1777 tmp)
	printf 'root:x:0:0:root:/root:/bin/sh\n' >"$from/etc/passwd"
	printf 'root:x:0:\n' >"$from/etc/group"
	# For a step over a breakpoint gdb would execute a copy of the
	# instruction, and take a call that has come back for one under way.
	mkdir -p "$from/etc/gdb"
	echo 'set displaced-stepping off' >"$from/etc/gdb/gdbinit"
	# What no package brought comes from BusyBox.
	"$from/usr/bin/busybox" --list | while read -r applet; do
		[ -e "$from/usr/bin/$applet" ] || [ -e "$from/usr/sbin/$applet" ] ||
			ln -sf busybox "$from/usr/bin/$applet"
	done
	size=$(($(du -sm "$from" | cut -f1) * 5 / 4 + 256))
	logged debug-disk mke2fs -q -F -t ext4 -O ^has_journal -m 0 -E root_owner=0:0 \
		-d "$from" "$disk" "${size}M"
	echo "$id" >"$disk.id"
}

# A word as the shell reads it
quoted()
{
	sed "s/'/'\\\\''/g; s/.*/'&'/"
}

"$ROOT/scripts/build-app.sh" "$app"
"$ROOT/scripts/kernel.sh" "$variant" ensure
kernel_dir=$BUILD/kernel/$variant
tools_disk
locked "image-$(basename "$image")"
mkdir -p "$image"
say "image $(basename "$image")"

# The debug information would only be loaded and thrown away.
[ -n "$(find "$image/vmlinux" -newer "$kernel_dir/vmlinux" 2>/dev/null)" ] ||
	{
		logged debug-strip strip -o "$image/vmlinux.new" "$kernel_dir/vmlinux"
		mv "$image/vmlinux.new" "$image/vmlinux"
	}

# The application as the image starts it: directory, environment, arguments.
exec_path=$(recipe "$app" EXEC)
{
	echo '#!/bin/sh'
	echo '# app [COMMAND...]: the application, as an argument of COMMAND'
	printf 'exec env'
	recipe "$app" ENV | quoted | sed 's/^/ /' | tr -d '\n'
	# shellcheck disable=SC2016 # for the guest's shell
	printf ' "$@" %s' "$exec_path"
	if [ -n "${ARGS+set}" ]; then
		echo "$ARGS"
	else
		recipe "$app" ARGS
	fi | xargs -r printf '%s\n' | quoted | sed 's/^/ /' | tr -d '\n'
	echo
} >"$image/app"
recipe "$app" MOUNTS >"$image/mounts"
cp "$ROOT/scripts/debug/init" "$ROOT/scripts/debug/start" "$image"
rm -f "$image/run"
[ -z "${RUN:-}" ] || cp "$RUN" "$image/run"

root=$(app_dir "$app")/unstripped
{
	printf '%s\n' 'dir /dev 755 0 0' 'nod /dev/console 600 0 0 c 5 1' \
		'dir /new 755 0 0' 'dir /app 755 0 0' 'dir /app/debug 755 0 0'
	echo "file /busybox $BUILD/packages/debug-tools/root/usr/bin/busybox 755 0 0"
	echo "file /init $image/init 755 0 0"
	for f in app mounts start run; do
		[ ! -f "$image/$f" ] || echo "file /app/debug/$f $image/$f 755 0 0"
	done
	cpio_list "$root" /app
} >"$image/rootfs.list"
write_rootfs "$kernel_dir"

memory=$(recipe "$app" MEMORY)
least=512
case $variant in
*kasan*) least=1024 ;;
esac
{
	image_info "$app" "$((${memory:-128} + least))" "$least" "$(kernel_words "$app" rdinit=/init)"
	echo "initrd=y"
	echo "disk=debug/tools.ext4"
} >"$image/info"

# The arguments are in the image.
unset ARGS
exec "$ROOT/scripts/run.sh" "$app" 9>&-
