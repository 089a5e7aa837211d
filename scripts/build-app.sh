#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Build an application and stage its files in build/apps/APP/root, or in
# build/apps/APP+small for PROFILE=small, or, with plain musl for the MODEs that
# need it (see lib.sh), in build/apps/APP+stock.
# usage: build-app.sh APP
#
# A recipe with MODE = binary or user is built with what its BUILD names, or not at
# all; the shared objects that its files need are added, from PACKAGES or, when
# there are none, from this system.
#
# From the environment, beside MODE: FILES="/path /path:/guest/path ..." are further
# files and directories of this system.
#
# The recipe's BUILD commands run each time, in that directory: they are make,
# or short. It begins anew only when the recipe, the C library or the source
# changed.
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: build-app.sh APP}
case $app in
bin-*) die "$app has no recipe in apps/ to be built by: make run, image, inspect, explain, snapshot and gdb take BIN, ROOTFS and OCI" ;;
esac
recipe "$app"
dir=$ROOT/apps/$app
select_image "$app"
OUT=$(app_dir "$app")
build=$(basename "$OUT")
locked "app-$build"

if [ "$own_mode" != linked ]; then
	SYSROOT="" CC=gcc
elif [ "$mode" = linked ]; then
	SYSROOT=$BUILD/sysroot CC=unilinux-cc
	libc
else
	SYSROOT=$BUILD/sysroot-stock CC=stock-cc
	libc --stock
fi

host=$(recipe "$app" HOST)
# shellcheck disable=SC2086 # a list of words
[ -z "$host" ] || "$ROOT/scripts/setup.sh" $host

# Unpacked, not installed: $PACKAGES is where.
PACKAGES=
packages=$(recipe "$app" PACKAGES | paste -sd' ')
if [ -n "$packages" ]; then
	# shellcheck disable=SC2086
	"$ROOT/scripts/fetch.sh" closure "$app" $packages
	PACKAGES=$BUILD/packages/$app/root
fi

# The first source is $SRC; packages after it are copied beside it.
SRC=$dir
from=
sources=$(recipe "$app" SOURCE)
for source in $sources; do
	[ "$source" != local ] || continue
	pkg=${source#debian:}
	"$ROOT/scripts/fetch.sh" debian "$pkg"
	copy=$OUT/src-$pkg
	if [ "$SRC" = "$dir" ] && [ "${sources#local}" = "$sources" ]; then
		copy=$OUT/src
		SRC=$copy
	fi
	from="$from $(readlink -f "$BUILD/src/$pkg"):$copy"
done

id=$({
	echo "$from"
	cat "$dir/recipe" ${SYSROOT:+"$SYSROOT/.stamp"}
	find "$dir" -name '*.patch' -exec cat {} +
} | sha256sum)
if [ "$(cat "$OUT/.id" 2>/dev/null)" != "$id" ]; then
	rm -rf "$OUT"
	mkdir -p "$OUT"
	for pair in $from; do
		cp -a "${pair%%:*}" "${pair#*:}"
	done
	for p in "$dir"/*.patch; do
		[ "$SRC" = "$dir" ] || [ ! -f "$p" ] ||
			logged "patch-$build" patch -p1 -d "$SRC" -i "$p"
	done
	echo "$id" >"$OUT/.id"
fi

say "app $build: building"
export SRC OUT JOBS CC PACKAGES PROFILE="$profile" CCACHE_BASEDIR="$ROOT" SOURCE_DATE_EPOCH=0
# Some builds record the commit of the git tree around them, which is ours.
export GIT_CEILING_DIRECTORIES="$BUILD"
# Debian's directory of links makes the wrapper's gcc a cached one.
export PATH="${SYSROOT:+$SYSROOT/bin:}/usr/lib/ccache:$PATH"
# What most build systems take for options of their user
[ "$OUT" != "$BUILD/apps/$app+small" ] ||
	export CFLAGS="-Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables" LDFLAGS=-Wl,--gc-sections
recipe "$app" BUILD >"$OUT/.build.sh"
(cd "$OUT" && logged "app-$build" sh -eux "$OUT/.build.sh")

rm -rf "$OUT/root" "$OUT/unstripped"
mkdir -p "$OUT/unstripped"
[ -z "$PACKAGES" ] || for d in bin sbin lib lib64; do
	mkdir -p "$OUT/unstripped/usr/$d"
	ln -s "usr/$d" "$OUT/unstripped/$d"
done
for pair in $(recipe "$app" FILES); do
	host=${pair%%:*}
	guest=$OUT/unstripped${pair#*:}
	# Links in a directory of a package may lead out of it: they stay links.
	follow=-L
	if [ -e "$OUT/$host" ]; then
		host=$OUT/$host
	elif [ -e "$dir/$host" ]; then
		host=$dir/$host
	elif [ -n "$PACKAGES" ] && [ -e "$PACKAGES/$host" ]; then
		host=$PACKAGES/$host
		[ ! -d "$host" ] || follow=-P
	else
		die "apps/$app/recipe: FILES names '$host', which is neither in build/apps/$build after the build nor in apps/$app${PACKAGES:+ nor in the packages}"
	fi
	mkdir -p "$(dirname "$guest")"
	# Into a directory that another entry has made, too.
	cp -RT "$follow" --preserve=mode "$host" "$guest"
done
for pair in ${FILES:-}; do
	add_file "$pair" "$OUT/unstripped"
done
if [ "$own_mode" != linked ]; then
	add_objects "$OUT/unstripped" "$PACKAGES"
	users "$OUT/unstripped"
fi

# Symbols stay: the report of a crash needs them. What debuggers need goes, but
# debug.sh and gdb.sh take the files as they were.
cp -a "$OUT/unstripped" "$OUT/root"
exec_file=$OUT/root$(recipe "$app" EXEC)
[ -x "$exec_file" ] ||
	die "apps/$app/recipe: EXEC names $(recipe "$app" EXEC), which FILES does not put there as an executable"
[ "$own_mode" != linked ] ||
	find "$OUT/root" -type f -perm /111 -exec sh -c '
	for f; do
		[ "$(head -c 4 "$f" | tail -c 3)" != ELF ] || strip -g "$f"
	done' sh {} +
