#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Bring build/src/linux to: stock + patches/series + a link to ukl/.
# Files whose content does not change keep their mtime, so that a changed
# patch rebuilds only what it touches.
set -eu
. "$(dirname -- "$0")/lib.sh"

STOCK=$BUILD/src/linux-stock
TREE=$BUILD/src/linux
STAMP=$BUILD/src/.graft
WORK=$BUILD/src/.stage

locked src-linux
touched >"$STAMP.files.new"
id=$(cd "$ROOT/patches" && {
	series
	series | xargs -r cat
	cat "$BUILD/src/.linux"
} | sha256sum)

[ -L "$TREE/ukl" ] || ln -s ../../../ukl "$TREE/ukl"
[ "$(cat "$STAMP" 2>/dev/null)" != "$id" ] || exit 0

need patch
say "graft: applying $(series | grep -c .) patches"
rm -rf "$WORK"
mkdir -p "$WORK"

# Stage the files of this series and of the one before, the latter so that
# what is no longer patched goes back.
cat "$STAMP.files" "$STAMP.files.new" 2>/dev/null | sort -u >"$STAMP.files.all"
while read -r f; do
	if [ -f "$STOCK/$f" ]; then
		mkdir -p "$WORK/$(dirname "$f")"
		cp -p "$STOCK/$f" "$WORK/$f"
	fi
done <"$STAMP.files.all"

: >"$LOGDIR/graft.log" 2>/dev/null || { mkdir -p "$LOGDIR"; : >"$LOGDIR/graft.log"; }
for p in $(series); do
	echo "== $p" >>"$LOGDIR/graft.log"
	patch -p1 -s -f --no-backup-if-mismatch -d "$WORK" \
		<"$ROOT/patches/$p" >>"$LOGDIR/graft.log" 2>&1 ||
		die "patches/$p does not apply to $(basename "$(readlink -f "$STOCK")"); see build/log/graft.log ('make rebase' shows the state of every patch)"
done

while read -r f; do
	if [ ! -f "$WORK/$f" ]; then
		rm -f "$TREE/$f"
	elif ! cmp -s "$WORK/$f" "$TREE/$f"; then
		# A new file, never written through the hard link to stock.
		mkdir -p "$TREE/$(dirname "$f")"
		cp "$WORK/$f" "$TREE/$f.graft"
		chmod --reference="$WORK/$f" "$TREE/$f.graft"
		mv -f "$TREE/$f.graft" "$TREE/$f"
	fi
done <"$STAMP.files.all"

mv "$STAMP.files.new" "$STAMP.files"
rm -rf "$WORK" "$STAMP.files.all"
echo "$id" >"$STAMP"
