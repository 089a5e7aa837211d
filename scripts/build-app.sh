#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Build an application and stage its files in build/apps/APP/root, or, with
# plain musl for the MODEs that need it (see lib.sh), in build/apps/APP+stock.
# usage: build-app.sh APP
#
# The recipe's BUILD commands run each time, in that directory: they are make,
# or short. It begins anew only when the recipe, the C library or the source
# changed.
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1:?usage: build-app.sh APP}
recipe "$app"
dir=$ROOT/apps/$app
select_mode
OUT=$(app_dir "$app")
build=$(basename "$OUT")
locked "app-$build"

if [ "$mode" = linked ]; then
	SYSROOT=$BUILD/sysroot CC=unilinux-cc
	libc
else
	SYSROOT=$BUILD/sysroot-stock CC=stock-cc
	libc --stock
fi

host=$(recipe "$app" HOST)
# shellcheck disable=SC2086 # a list of words
[ -z "$host" ] || "$ROOT/scripts/setup.sh" $host

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
	cat "$dir/recipe" "$SYSROOT/.stamp"
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
export SRC OUT JOBS CC CCACHE_BASEDIR="$ROOT" SOURCE_DATE_EPOCH=0
# Some builds record the commit of the git tree around them, which is ours.
export GIT_CEILING_DIRECTORIES="$BUILD"
# Debian's directory of links makes the wrapper's gcc a cached one.
export PATH="$SYSROOT/bin:/usr/lib/ccache:$PATH"
recipe "$app" BUILD >"$OUT/.build.sh"
(cd "$OUT" && logged "app-$build" sh -eux "$OUT/.build.sh")

rm -rf "$OUT/root" "$OUT/unstripped"
mkdir -p "$OUT/unstripped"
for pair in $(recipe "$app" FILES); do
	host=${pair%%:*}
	guest=$OUT/unstripped${pair#*:}
	if [ -e "$OUT/$host" ]; then
		host=$OUT/$host
	elif [ -e "$dir/$host" ]; then
		host=$dir/$host
	else
		die "apps/$app/recipe: FILES names '$host', which is neither in build/apps/$build after the build nor in apps/$app"
	fi
	mkdir -p "$(dirname "$guest")"
	cp -RL --preserve=mode "$host" "$guest"
done

# Symbols stay: the report of a crash needs them. What debuggers need goes, but
# debug.sh and gdb.sh take the files as they were.
cp -a "$OUT/unstripped" "$OUT/root"
exec_file=$OUT/root$(recipe "$app" EXEC)
[ -x "$exec_file" ] ||
	die "apps/$app/recipe: EXEC names $(recipe "$app" EXEC), which FILES does not put there as an executable"
find "$OUT/root" -type f -perm /111 -exec sh -c '
	for f; do
		[ "$(head -c 4 "$f" | tail -c 3)" != ELF ] || strip -g "$f"
	done' sh {} +
