#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bad input: one clear line, a failure, and the next good run works
set -u
. "$(dirname -- "$0")/../lib.sh"

# refuses WHAT REGEX COMMAND...: fails, with exactly one line of ours that
# holds REGEX
refuses()
{
	what=$1 regex=$2
	shift 2
	log=$OUT/$(echo "$what" | tr ' /' '--')
	rc=0
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	lines=$(grep -c '^unilinux: ' "$log")
	if [ $rc = 0 ]; then
		fail "$what" "exit status 0"
	elif [ "$lines" != 1 ]; then
		fail "$what" "$lines lines begin with 'unilinux: ' in ${log#"$ROOT"/}"
	elif ! grep -E -- "$regex" "$log" | grep -q '^unilinux: '; then
		fail "$what" "no '$regex' in: $(grep '^unilinux: ' "$log")"
	else
		pass "$what: $(grep '^unilinux: ' "$log" | cut -c 11-110)"
	fi
}

# with_make ARGUMENTS...: the front door
with_make()
{
	make -C "$ROOT" --no-print-directory "$@"
}

works()
{
	if with_make run APP=hello >"$OUT/good" 2>&1 </dev/null &&
			grep -q '^hello: running at CPL 0' "$OUT/good"; then
		pass "the next good run works after: $1"
	else
		fail "the next good run works after: $1" "$(tail -n 1 "$OUT/good")"
	fi
}

image hello
refuses "wrong APP" "no application 'no-such-app'.*hello" with_make run APP=no-such-app
works "wrong APP"

bad=tmp-bad
mkdir -p "$ROOT/apps/$bad"
recipe()
{
	cp "$ROOT/apps/hello/recipe" "$ROOT/apps/$bad/recipe"
	cp "$ROOT/apps/hello/hello.c" "$ROOT/apps/$bad/hello.c"
	cat >>"$ROOT/apps/$bad/recipe"
}
echo 'COLOUR = blue' | recipe
refuses "unknown key in a recipe" "apps/$bad/recipe:[0-9]+: .*COLOUR" with_make run APP=$bad
echo 'EXEC' | recipe
refuses "line without a value in a recipe" "apps/$bad/recipe:[0-9]+: " with_make run APP=$bad
echo 'FILES += absent:/bin/absent' | recipe
refuses "file that is not there" "absent" with_make run APP=$bad
echo 'CONFIG = nosuchfragment' | recipe
refuses "unknown fragment" "nosuchfragment" with_make run APP=$bad
refuses "unknown fragment on the command line" "nosuchfragment" with_make run APP=hello PROFILE=small CONFIG=nosuchfragment
refuses "too many arguments" "2047 characters" with_make run APP=hello ARGS="$(seq -s ' ' 1 700)"
echo 'SOURCE += local' | recipe
refuses "second source that is no package" "SOURCE" with_make run APP=$bad
echo 'HOST = no-such-host-package' | recipe
refuses "package of the host that does not exist" "no-such-host-package" with_make run APP=$bad
echo "ARGS = it's" | recipe
refuses "quote that is not closed" "ARGS.*quote" with_make run APP=$bad
recipe </dev/null
sed -i '/^SOURCE/s/=.*/= debian:no-such-source/' "$ROOT/apps/$bad/recipe"
refuses "source package that does not exist" "no-such-source" with_make run APP=$bad
works "bad recipes"

recipe </dev/null
cat >"$ROOT/apps/$bad/hello.c" <<'END'
int not_in_any_library(void);
int main(void) { return not_in_any_library(); }
END
refuses "application that does not link" "not_in_any_library" with_make run APP=$bad
echo 'int main(void) { return 0 }' >"$ROOT/apps/$bad/hello.c"
refuses "application that does not compile" "error" with_make run APP=$bad
cp "$ROOT/apps/hello/hello.c" "$ROOT/apps/$bad/hello.c"
if with_make run APP=$bad >"$OUT/mended" 2>&1 </dev/null; then
	pass "the same application works when it is mended"
else
	fail "the same application works when it is mended" "$(tail -n 1 "$OUT/mended")"
fi

tool=$(helper)
port=$(free_port)
cp -R "$ROOT/tests/apps/probe" "$ROOT/apps/tmp-probe"
image tmp-probe
"$tool" listen "$port" &
JOBS_STARTED="$JOBS_STARTED $!"
sleep 0.5
refuses "port in use" "$port.*in use" with_make run APP=tmp-probe PORTS="$port:7"
kill $!
refuses "port that is none" "PORTS" with_make run APP=tmp-probe PORTS="seven"
refuses "port that is too large" "65535" with_make run APP=tmp-probe PORTS="70000:7"
works "port in use"

refuses "too little memory" "memory" with_make run APP=hello MEMORY=4
refuses "memory that is no number" "MEMORY" with_make run APP=hello MEMORY=much
refuses "memory that is a long number" "MEMORY" with_make run APP=hello MEMORY=99999999999999999999
refuses "no name of an application" "there is no application" with_make run APP=
refuses "name with a backslash" "application 'a.nb'" "$ROOT/scripts/run.sh" 'a\nb'
refuses "unknown machine" "MACHINE" with_make run APP=hello MACHINE=sparc
refuses "unknown package" "no-such-package-here" "$ROOT/scripts/setup.sh" no-such-package-here
refuses "make test T=none" "no test 'none'" with_make test T=none

# A machine without QEMU, seen through a PATH that has all but it.
mkdir "$OUT/bin"
for dir in /usr/bin /bin /usr/sbin /sbin; do
	for f in "$dir"/*; do
		[ "${f##*/}" = qemu-system-x86_64 ] || [ -e "$OUT/bin/${f##*/}" ] || ln -s "$f" "$OUT/bin/"
	done
done
refuses "missing program" "qemu-system-x86_64.*make setup" env PATH="$OUT/bin" "$ROOT/scripts/run.sh" hello
works "all of these"
