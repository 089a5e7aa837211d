#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# power cuts: what was synced to an ext4 disk is there at the next start [CUTS=n]
set -u
. "$(dirname -- "$0")/../lib.sh"

CUTS=${CUTS:-8}
"$ROOT/scripts/setup.sh" e2fsprogs || quit "setup" "e2fsprogs cannot be installed"
PATH=$PATH:/sbin:/usr/sbin
gcc -O2 -Wall -Wextra -o "$OUT/disk" "$ROOT/tests/host/disk.c" || quit "compile" "see above"
app=$(temporary_app powercut)
image "$app"

# The name of a socket must be short.
cd "$OUT" || exit 1
QEMU_OPTS="-drive if=none,id=d1,format=raw,file=nbd+unix:///?socket=sock -device virtio-blk-device,drive=d1"
export QEMU_OPTS

# new_disk [forget]: with an empty file system; whether it keeps what is flushed
new_disk()
{
	forget=${1:-}
	rm -f image disk.log
	truncate -s 32M image
	mke2fs -q -F -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 image || quit "file system" "see above"
}

# start LOG ARGUMENTS SEED REQUESTS: the guest on its disk; sets $app_pid and $disk_pid
start()
{
	rm -f sock "$1"
	# shellcheck disable=SC2086 # a word or none
	./disk sock image "$3" "$4" $forget >>disk.log 2>&1 &
	disk_pid=$!
	JOBS_STARTED="$JOBS_STARTED $disk_pid"
	app_pid=$disk_pid
	until_seen 10 test -S sock
	ARGS=$2 start_app "$1" "$app"
}

# checked: is the file system whole, once its journal is replayed and what was removed
# while it was open is gone, as at a mount?
checked()
{
	cp --sparse=always image replayed
	e2fsck -p replayed >fsck 2>&1
	[ $? -le 1 ] && ! grep -qvE 'recovering journal|orphan|clean' fsck && e2fsck -fn replayed >fsck 2>&1
}

# cuts N: cut the power so many times, or until something is lost; sets $bad, $acked, $idle
cuts()
{
	acked=0 bad='' idle=0
	for cut in $(seq "$1"); do
		# Some come while the journal is replayed.
		start log "$acked" "$cut" "$(awk -v s="$cut" 'BEGIN { srand(s); print 1 + int(1500 * rand()) }')"
		wait "$disk_pid" || bad="cut $cut: $(tail -n 1 disk.log)"
		finish_app
		[ "$(grep -c 'lost$' disk.log)" = "$cut" ] || bad="start $cut: the guest ended: $(grep -a '^ukl: ' log | head -n 1)"
		! complaint=$(kernel_complaints log) || bad="cut $cut: kernel: $complaint"
		checked || bad="cut $cut: e2fsck: $(tail -n 1 fsck)"
		! lost=$(grep -aE '^powercut: .*(:|lost|whole|again|replaced)' log) || bad="cut $cut: $lost"
		[ -z "$bad" ] || break
		now=$(sed -n 's/^ack \([0-9]*\)\r$/\1/p' log | tail -n 1)
		[ -n "$now" ] || idle=$((idle + 1))
		acked=${now:-$acked}
	done
}

new_disk
cuts "$CUTS"
if [ -z "$bad" ] && [ "$acked" -gt 0 ]; then
	pass "$CUTS cuts, $idle of them before the first round, $acked rounds acknowledged, none lost; e2fsck content after each"
else
	fail "cuts" "${bad:-nothing was acknowledged}"
fi
awk '{ kept += $2; lost += $9 } END { print NR " cuts, in the cache: " kept " sectors written, " lost " lost" }' disk.log >cache
lost=$(awk '{ n += $9 } END { print n + 0 }' disk.log)
if [ "$lost" -gt 0 ]; then
	pass "the disk has a cache that it loses: $(cat cache)"
else
	fail "the disk has a cache that it loses" "$(cat cache)"
fi
start end "$acked $((acked + 100))" 1 0
finish_app
is "the last start goes on: exit status" "$status" 0
wait "$disk_pid"
if checked; then
	pass "e2fsck is content at the end"
else
	fail "e2fsck at the end" "$(tail -n 1 fsck)"
fi

# Or all this could not fail
new_disk forget
cuts 20
case $bad in
*'powercut: '* | *'e2fsck: '*) pass "a disk that takes a flush for nothing is seen: $bad" ;;
*) fail "a disk that takes a flush for nothing" "not seen in 20 cuts: ${bad:-all is well}" ;;
esac
