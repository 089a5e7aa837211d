#!/bin/sh
# SPDX-License-Identifier: MIT
# Build musl with the overlay, and the compiler wrapper, into a directory.
set -eu

usage='usage: build.sh [--stock] MUSL_SRC DEST [JOBS]
  MUSL_SRC  unpacked source of musl (1.2.3 is tested)
  DEST      directory for include/, lib/ and bin/unilinux-cc
  JOBS      compilers to run at once (default: one per CPU)
  --stock   musl as it is, with bin/stock-cc, for comparison at ring 3'

die()
{
	echo "unilinux: build.sh: $1" >&2
	exit 1
}

stock=
if [ "${1:-}" = --stock ]; then
	stock=y
	shift
fi
if [ $# -lt 2 ] || [ $# -gt 3 ]; then
	echo "$usage" >&2
	exit 2
fi
here=$(cd -- "$(dirname -- "$0")" && pwd -P)
src=$1
dest=$2
jobs=${3:-$(nproc)}

[ "$(uname -m)" = x86_64 ] || die "only x86_64 is supported, not $(uname -m)"
[ -f "$src/arch/x86_64/syscall_arch.h" ] || die "$src is not a musl source tree"
for tool in gcc make patch; do
	command -v $tool >/dev/null || die "$tool is missing: install the package build-essential"
done
asm=/usr/include/$(gcc -print-multiarch)/asm
[ -d "$asm" ] || die "kernel headers are missing: install the package linux-libc-dev"

if [ -n "$stock" ]; then
	name='stock-cc'
	redzone=
else
	name='unilinux-cc'
	redzone=-mno-red-zone
fi

# Nothing to do when the same sources are in place already.
inputs=$(cd "$here" && find build.sh unilinux-cc.in unilinux.specs musl -type f | LC_ALL=C sort)
stamp=$name-$(cat "$src/VERSION")-$(cd "$here" &&
	{ gcc -v; echo "$inputs" | xargs cat; } 2>&1 | sha256sum | cut -c1-32)
if [ -x "$dest/bin/$name" ] && [ "$(cat "$dest/.stamp" 2>/dev/null)" = "$stamp" ]; then
	echo "unilinux: $dest is up to date"
	exit 0
fi

mkdir -p "$dest" || die "cannot make the directory $dest"
dest=$(cd "$dest" && pwd -P)
work=$dest/build
new=$work/new
rm -rf "$work"
mkdir -p "$new/bin"

cp -R "$src/." "$work"
if [ -z "$stock" ]; then
	cp -R "$here/musl/." "$work"
	for patch in cancel crash; do
		(cd "$work" && patch -p1 <$patch.patch) ||
			die "$patch.patch does not apply to musl $(cat "$src/VERSION")"
	done
fi

# -g is for debuggers, whose way through libc rests on it; images hold none of it.
cc=gcc
! command -v ccache >/dev/null || cc='ccache gcc'
(
	cd "$work" &&
	./configure --prefix=/ --disable-shared --disable-wrapper \
		CC="$cc" CFLAGS="-O2 -g $redzone -fno-pie" &&
	make -j"$jobs" &&
	make install DESTDIR="$new"
) || die "building musl failed, see the messages above"

for dir in linux asm-generic mtd rdma sound drm video misc xen; do
	[ ! -d /usr/include/$dir ] || ln -s /usr/include/$dir "$new/include/$dir"
done
ln -s "$asm" "$new/include/asm"

sed "s|@DEST@|$dest|" "$here/unilinux.specs" >"$new/lib/unilinux.specs"
sed "s/@NAME@/$name/g" "$here/unilinux-cc.in" >"$new/bin/$name"
chmod 755 "$new/bin/$name"
[ -z "$stock" ] || cp "$new/lib/crt1.o" "$new/lib/hostcrt1.o"

printf '#include <stdio.h>\nint main(void) { puts("ok"); return 0; }\n' >"$work/try.c"
"$new/bin/$name" --run-here -o "$work/try" "$work/try.c"
[ "$("$work/try")" = ok ] ||
	die "$new/bin/$name makes no working program"

rm -rf "$dest/.stamp" "${dest:?}/bin" "${dest:?}/lib" "${dest:?}/include"
mv "$new/bin" "$new/lib" "$new/include" "$dest"
rm -rf "$work"
echo "$stamp" >"$dest/.stamp"
echo "unilinux: $dest/bin/$name is ready"
