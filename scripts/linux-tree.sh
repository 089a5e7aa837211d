#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Work on the patches with git.
# usage: linux-tree.sh make              build/linux-tree, one commit a patch
#        linux-tree.sh refresh           write patches/ from that tree
#        linux-tree.sh rebase LINUX      try the series on another kernel
set -eu
. "$(dirname -- "$0")/lib.sh"

TREE=$BUILD/linux-tree

tgit()
{
	git -C "$TREE" -c user.name=UniLinux -c user.email=unilinux@localhost \
		-c core.autocrlf=false -c commit.gpgsign=false "$@"
}

base_commit()
{
	git init -q -b unilinux "$TREE"
	# Packing the whole tree takes minutes, and saves nothing here.
	git -C "$TREE" config gc.auto 0
	# Debian's .gitignore hides the whole tree.
	tgit add -f -A .
	GIT_AUTHOR_DATE='1970-01-01T00:00Z' GIT_COMMITTER_DATE='1970-01-01T00:00Z' \
		tgit commit -q -m "Linux $1"
	tgit tag base
	echo /ukl >>"$TREE/.git/info/exclude"
	ln -s ../../ukl "$TREE/ukl"
}

# git am knows no fuzz, patch(1) does.
commit_patch()
{
	tgit am -q --keep-cr "$1" && return
	tgit am --abort
	patch -p1 -s -f --no-backup-if-mismatch -d "$TREE" <"$1" || return
	tgit add -f -A . ':!ukl'
	tgit mailinfo "$TREE/.git/msg" /dev/null <"$1" >"$TREE/.git/info.txt"
	{
		sed -n 's/^Subject: //p' "$TREE/.git/info.txt"
		echo
		cat "$TREE/.git/msg"
	} | tgit commit -q -F - \
		--author="$(sed -n 's/^Author: //p' "$TREE/.git/info.txt") <$(sed -n 's/^Email: //p' "$TREE/.git/info.txt")>" \
		--date="$(sed -n 's/^Date: //p' "$TREE/.git/info.txt")"
}

make_tree()
{
	need git patch
	[ ! -e "$TREE" ] ||
		die "build/linux-tree is there already and may hold work of yours; remove it to begin anew"
	"$ROOT/scripts/fetch.sh" linux
	version=$(make -s -C "$BUILD/src/linux-stock" kernelversion)
	say "linux-tree: Linux $version"
	cp -a "$BUILD/src/linux-stock" "$TREE.new"
	rm -rf "$TREE.new/.git"
	mv "$TREE.new" "$TREE"
	logged linux-tree base_commit "$version"
	for p in $(series); do
		say "linux-tree: $p"
		logged linux-tree commit_patch "$ROOT/patches/$p"
	done
	say "linux-tree: change the commits in build/linux-tree (git rebase -i base), then 'make refresh-patches'"
}

refresh()
{
	[ -d "$TREE/.git" ] || die "there is no build/linux-tree; run 'make linux-tree'"
	[ -z "$(tgit status --porcelain --untracked-files=no)" ] ||
		die "build/linux-tree has changes that are not committed"
	new=$(mktemp -d "$BUILD/patches.XXXXXX")
	# Nothing in the output depends on the day, the version of git or the
	# number of commits.
	tgit -c diff.noprefix=false -c diff.mnemonicPrefix=false -c diff.algorithm=myers \
		format-patch -q -N --no-signature --zero-commit --abbrev=9 \
		--no-renames -o "$new" base..HEAD
	(cd "$new" && printf "%s\n" ????-*.patch) >"$new/series"
	for p in "$ROOT"/patches/*.patch; do
		[ -e "$new/${p##*/}" ] || rm -f "$p"
	done
	for p in "$new"/*; do
		cmp -s "$p" "$ROOT/patches/${p##*/}" || {
			cp "$p" "$ROOT/patches/"
			echo "changed: patches/${p##*/}"
		}
	done
	rm -rf "$new"
}

# Only the files that the series touches are looked at.
rebase()
{
	linux=${1:-}
	[ -n "$linux" ] || die "say which kernel: make rebase LINUX=<tree or tarball>"
	[ -e "$linux" ] || die "there is no $linux"
	need patch
	work=$BUILD/rebase
	rm -rf "$work"
	mkdir -p "$work/tree"
	touched >"$work/files"
	if [ -d "$linux" ]; then
		[ -f "$linux/arch/x86/Kbuild" ] || die "$linux is not a Linux tree"
		while read -r f; do
			[ ! -f "$linux/$f" ] || (cd "$linux" && cp --parents "$f" "$work/tree")
		done <"$work/files"
	else
		# Missing files fail their patches, not tar.
		sed 's,^,*/,' "$work/files" | tar -x -f "$linux" -C "$work/tree" --strip-components=1 \
			--wildcards --no-wildcards-match-slash -T - '*/Kbuild' \
			2>"$work/tar.log" || :
		[ -f "$work/tree/Kbuild" ] ||
			die "$linux is not a tarball of Linux: $(head -n 1 "$work/tar.log")"
	fi

	failed=0
	for p in $(series); do
		log=$work/$p.log
		if patch -p1 -f -d "$work/tree" --no-backup-if-mismatch \
				<"$ROOT/patches/$p" >"$log" 2>&1; then
			if grep -q fuzz "$log"; then
				state='with fuzz'
			elif grep -q offset "$log"; then
				state='with offset'
			else
				state=applied
			fi
		else
			state=FAILED
			failed=$((failed + 1))
		fi
		printf '%-12s %s\n' "$state" "$p"
		[ "$state" != FAILED ] || grep -E 'FAILED|find file|^\|\+\+\+' "$log" | sed 's/^/             /'
	done
	[ "$failed" = 0 ] || die "$failed patches do not apply to $linux; what patch(1) said is in build/rebase"
}

case ${1:-} in
make) make_tree ;;
refresh) refresh ;;
rebase) rebase "${2:-}" ;;
*) die "usage: linux-tree.sh make | refresh | rebase LINUX" ;;
esac
