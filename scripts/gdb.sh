#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Boot an application's image with gdb attached to QEMU, with the symbols of
# kernel and application. See docs/debugging.md.
# usage: gdb.sh APP
#
# The machine stands still before its first instruction; its console is in
# build/log/gdb-console.log. From the environment, beside what run.sh takes:
#   RUN=file     no terminal: run this file of gdb commands, and end
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: gdb.sh APP}
[ "${MODE:-}" != distro ] || die "MODE=distro has no kernel with symbols to debug"
[ -z "${RUN:-}" ] || [ -r "$RUN" ] || die "RUN names '$RUN', which cannot be read"
"$ROOT/scripts/setup.sh" gdb
case " ${CONFIG:-} " in
*' debug '*) ;;
*) CONFIG="${CONFIG:-} debug" ;;
esac
export CONFIG
select_image "$app"
"$ROOT/scripts/image.sh" "$app"
# The kernel's own commands for gdb: lx-dmesg, lx-ps
logged gdb-scripts "$ROOT/scripts/kernel.sh" "$variant" scripts_gdb

# The name of a socket must be short.
tmp=$(mktemp -d)
qemu=
# shellcheck disable=SC2317 # called by the trap
cleanup()
{
	trap - EXIT
	[ -z "$qemu" ] || [ ! -s "$tmp/pid" ] || kill "$(cat "$tmp/pid")" 2>/dev/null || :
	[ -z "$qemu" ] || wait "$qemu" || :
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

console=$LOGDIR/gdb-console.log
QEMU_OPTS="${QEMU_OPTS:-} -S -gdb unix:$tmp/gdb,server=on,wait=off -pidfile $tmp/pid" \
	"$ROOT/scripts/run.sh" "$app" >"$console" 2>&1 </dev/null &
qemu=$!
until [ -S "$tmp/gdb" ]; do
	kill -0 "$qemu" 2>/dev/null || {
		why=$(tail -n 1 "$console")
		die "QEMU did not start: ${why#unilinux: }"
	}
	sleep 0.1
done
say "gdb: the console is in ${console#"$ROOT"/}; 'continue' starts the machine, 'quit' ends it"

# gdb ends with Ctrl-C's own meaning.
trap : INT
status=0
gdb -q ${RUN:+-batch} \
	-iex "add-auto-load-safe-path $BUILD/kernel/$variant" \
	-iex "add-auto-load-safe-path $BUILD/src" \
	-ex 'set confirm off' -ex 'set pagination off' \
	-ex "add-symbol-file $(app_dir "$app")/unstripped$(recipe "$app" EXEC)" \
	-ex "source $ROOT/scripts/debug/thunks.py" \
	-ex "target remote $tmp/gdb" \
	${RUN:+-x "$RUN"} "$BUILD/kernel/$variant/vmlinux" || status=$?
exit $status
