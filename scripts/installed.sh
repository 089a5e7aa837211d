#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Make an application, "bin-NAME", of a program that is installed on this
# system, as its distribution ships it: the executable, its interpreter, and the
# closure of its shared objects, in build/apps/bin-NAME.
# usage: installed.sh /PATH/NAME
#
# From the environment:
#   FILES="/path host:guest ..."   further files and directories of this system
#   PORTS="host:guest ..."   MEMORY=MiB   as for run.sh; with PORTS it gets a network
set -eu
. "$(dirname -- "$0")/lib.sh"

bin=${1:?usage: installed.sh /PATH/NAME}
case $bin in
/*) ;;
*) die "BIN must be an absolute path, not '$bin'" ;;
esac
[ -f "$bin" ] || die "there is no file $bin: install the package that has it"
[ -x "$bin" ] || die "$bin is not executable"
need objdump ldd

# Class and byte order, and the machine, of the ELF header (elf(5)).
kind=$(head -c 20 "$bin" | od -An -tx1 | tr -d ' \n')
case $kind in
7f454c460201*3e00) ;;
7f454c46*) die "$bin is 32-bit code or for another processor; x86-64 is wanted" ;;
2321*) die "$bin is a script: give its interpreter as BIN, and the script as FILES" ;;
*) die "$bin is no program: its first bytes are not those of an ELF file" ;;
esac

name=$(basename "$bin")
out=$BUILD/apps/bin-$name
locked "app-bin-$name"
say "app bin-$name: collecting its files"
for hint in "$ROOT"/apps/*/installed/"$name"; do
	[ ! -f "$hint" ] || say "app bin-$name: arguments of ${hint#"$ROOT"/} come first"
done
rm -rf "$out"
mkdir -p "$out/root/etc"

for pair in "$bin" ${FILES:-}; do
	add_file "$pair" "$out/root"
done
add_objects "$out/root"
users "$out/root"
[ ! -d "$out/root/tmp" ] || chmod 1777 "$out/root/tmp"

{
	echo "NAME = bin-$name"
	echo "SUMMARY = $bin of this system"
	echo "SOURCE = local"
	echo "MODE = binary"
	echo "FILES = root$bin:$bin"
	echo "EXEC = $bin"
	echo "MOUNTS = proc proc /proc"
	echo "MOUNTS += sysfs sysfs /sys"
	echo "MOUNTS += devtmpfs devtmpfs /dev"
	# Not on top of what the image has there.
	[ -e "$out/root/tmp" ] || echo "MOUNTS += tmpfs tmpfs /tmp mode=1777"
	echo "ENV = PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	echo "MEMORY = ${MEMORY:-256}"
	echo "NET = $([ -n "${PORTS:-}" ] && echo dhcp || echo none)"
} >"$out/recipe"
