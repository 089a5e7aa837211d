#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# two builds give the same image, to the bit
set -u
. "$(dirname -- "$0")/../lib.sh"
cd "$ROOT" || exit 1

image hello
# Another checkout in another directory, with the sources unpacked already. Its
# objects come from ccache where that is there, apart from some directories;
# with FULL=1 all are compiled again.
copy=$OUT/checkout
mkdir -p "$copy/build"
git ls-files -co --exclude-standard | grep -v '^apps/tmp-' | while read -r f; do
	[ ! -e "$f" ] || cp --parents -P "$f" "$copy"
done
cp -al build/src "$copy/build/"
[ -z "${FULL:-}" ] || export CCACHE_DISABLE=1
"$copy/scripts/kernel.sh" ukl ensure || quit "second kernel" "see above"
for dir in ukl init ipc mm arch/x86/entry arch/x86/kernel; do
	find "$copy/build/kernel/ukl/$dir" -name '*.o' -exec rm -f {} +
done
export CCACHE_DISABLE=1
"$copy/scripts/kernel.sh" ukl build || quit "second kernel" "see above"
"$copy/scripts/image.sh" hello || quit "second image" "see above"
for f in images/hello/vmlinux kernel/ukl/vmlinux apps/hello/root/bin/hello; do
	if cmp "build/$f" "$copy/build/$f" >"$OUT/cmp" 2>&1; then
		pass "$f"
	else
		fail "$f" "$(cat "$OUT/cmp")"
	fi
done
rm -rf "$copy"
