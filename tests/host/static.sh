#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the series applies, the hooks are small, the sources keep to their style
set -u
. "$(dirname -- "$0")/../lib.sh"
cd "$ROOT" || exit 1

"$ROOT/scripts/fetch.sh" linux || quit "kernel source" "not there"
STOCK=$BUILD/src/linux-stock
series=$(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' patches/series)

# The files that patches touch, in a tree of their own.
for p in $series; do
	sed -n -e 's,^--- a/,,p' -e 's,^+++ b/,,p' "patches/$p"
done | sed 's/\t.*//' | sort -u | while read -r f; do
	mkdir -p "$OUT/tree/$(dirname "$f")"
	[ ! -f "$STOCK/$f" ] || cp "$STOCK/$f" "$OUT/tree/$f"
done
bad=
for p in $series; do
	patch -p1 -F0 -f --no-backup-if-mismatch -d "$OUT/tree" <"patches/$p" >>"$OUT/patch.log" 2>&1 ||
		bad="$bad $p"
done
is "series applies without fuzz" "$bad" ""

is "every patch is in the series" "$(cd patches && ls -- *.patch)" "$series"

bad=
for p in $series; do
	# A subject, and a message above the diff that is more than that.
	awk '/^---/ { exit } /^$/ { body = 1; next } body && !/^[A-Za-z-]+: / { n++ } END { exit n < 1 }' "patches/$p" &&
		grep -q '^Subject: ' "patches/$p" || bad="$bad $p"
done
is "every patch says why" "$bad" ""

# shellcheck disable=SC2086 # a list of words
added=$(cd patches && awk '
	/^--- / { old = $2 != "/dev/null"; next }
	/^\+\+\+ / { next }
	/^\+/ && old { n++ }
	END { print n + 0 }' $series)
if [ "$added" -lt 300 ]; then
	pass "hooks in existing files: $added added lines, fewer than 300"
else
	fail "hooks in existing files" "$added added lines, 300 or more"
fi

# Ours are not commits of Linux: no sign-off, no maintainers to keep up. ukl/ is
# code of the architecture, outside of arch/, and has symbols of assembly.
checkpatch()
{
	perl "$STOCK/scripts/checkpatch.pl" --root="$STOCK" --no-summary --terse --show-types \
		--ignore MISSING_SIGN_OFF,NO_AUTHOR_SIGN_OFF,FILE_PATH_CHANGES,FROM_SIGN_OFF_MISMATCH,COMMIT_MESSAGE,AVOID_EXTERNS,EMBEDDED_FILENAME,INCLUDE_LINUX \
		"$@" 2>/dev/null
}
printf 'int f(void) {\n    return 1;\n}\n' >"$OUT/bad.c"
is "checkpatch complains of what is wrong" "$(checkpatch -f "$OUT/bad.c" | grep -c SPDX_LICENSE_TAG)" 1
: >"$OUT/checkpatch.log"
for p in $series; do
	# By standard input: it takes files in git for sources.
	checkpatch - <"patches/$p" | sed "s,^,$p: ," >>"$OUT/checkpatch.log"
done
# Not assembly in a header, which it takes for C.
for f in ukl/*.[cSh] ukl/include/*/*.h; do
	grep -q "^\.macro" "$f" || checkpatch -f "$f" >>"$OUT/checkpatch.log"
done
n=$(grep -cE 'ERROR|WARNING' "$OUT/checkpatch.log")
if [ "$n" = 0 ]; then
	pass "checkpatch"
else
	fail "checkpatch" "$n complaints in build/tests/static/checkpatch.log, the first: $(grep -m 1 -E 'ERROR|WARNING' "$OUT/checkpatch.log")"
fi

scripts=$(git ls-files -co --exclude-standard | while read -r f; do
	# With -x it follows into those that are sourced, but says nothing of them.
	[ ! -f "$f" ] || ! head -n 3 "$f" | grep -qE '^#!/bin/(ba)?sh|^# shellcheck shell=' || echo "$f"
done)
# shellcheck disable=SC2086
if shellcheck -x -P SCRIPTDIR $scripts >"$OUT/shellcheck.log" 2>&1; then
	pass "shellcheck"
else
	fail "shellcheck" "see build/tests/static/shellcheck.log: $(grep -m 1 '^In ' "$OUT/shellcheck.log")"
fi

bad=$(git ls-files -co --exclude-standard | grep -vE '^(LICENSES/|COPYING$|patches/|\.gitignore$)' | while read -r f; do
	[ ! -f "$f" ] || head -n 5 "$f" | grep -q 'SPDX-License-Identifier: ' || echo "$f"
done | paste -sd' ')
is "SPDX header in every file" "$bad" ""

# shellcheck source=tests/contract/selftests.sh
left_out=$(. "$ROOT/tests/contract/selftests.sh" && selftests_left_out | awk '
	{
		program = $1
		reason = ($2 == "*" ? "" : "with " $2 ": ") substr($0, length($1 $2) + 3)
		if (!(reason in programs))
			reasons[++n] = reason
		programs[reason] = programs[reason] (programs[reason] == "" ? "" : ", ") "`" program "`"
	}
	END {
		for (i = 1; i <= n; i++)
			print "| " reasons[i] " | " programs[reasons[i]] " |"
	}')
is "docs/contract.md: what the selftests leave out" \
	"$(sed -n '/^| left out because it | programs |$/,/^$/p' docs/contract.md | sed '1,2d;/^$/d')" "$left_out"
