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
	# So that a block of it has several of the disk's sectors
	mke2fs -q -F -t ext4 -b 4096 -E lazy_itable_init=0,lazy_journal_init=0 image || quit "file system" "see above"
}

# run_on IMAGE LOG ARGUMENTS SEED REQUESTS: the guest on its disk, until both end; sets
# $status, and $power to the disk's
run_on()
{
	rm -f sock "$2"
	# shellcheck disable=SC2086 # a word or none
	./disk sock "$1" "$4" "$5" $forget >>disk.log 2>&1 &
	disk_pid=$!
	JOBS_STARTED="$JOBS_STARTED $disk_pid"
	app_pid=$disk_pid
	until_seen 10 test -S sock
	ARGS=$3 start_app "$2" "$app"
	power=0
	wait "$disk_pid" || power=$?
	finish_app
}

# found LOG: what the guest's program or its kernel has to say against the disk
found()
{
	grep -aE '^powercut: .*(:|lost|whole|again|replaced)' "$1" || kernel_complaints "$1"
}

# damage IMAGE: the first line that says what is wrong with the file system, if anything
damage()
{
	e2fsck -fn "$1" >fsck 2>&1 || echo "e2fsck: $(grep -vE '^(e2fsck|Pass) ' fsck | head -n 1)"
}

# checked: is all there on a copy of the disk, and the file system whole, once the
# kernel has replayed the journal? e2fsck 1.47.0 would take a commit block of which only
# the first sectors were written for damage; the kernel knows it
# (jbd2_commit_block_csum_verify_partial() in fs/jbd2/recovery.c). Sets $bad.
checked()
{
	cp --sparse=always image replayed
	run_on replayed replayed.log "$acked $acked" 1 0
	if bad=$(found replayed.log); then
		return
	elif [ "$status" -ne 0 ]; then
		bad="the next start has status $status: $(grep -a '^ukl: ' replayed.log | head -n 1)"
	else
		bad=$(damage replayed)
	fi
}

# cuts N: cut the power so many times, or until something is lost; sets $bad, $acked, $idle
cuts()
{
	acked=0 bad='' idle=0
	for cut in $(seq "$1"); do
		# Each fourth while the journal is replayed, or soon after.
		run_on image log "$acked" "$cut" "$(awk -v s="$cut" 'BEGIN { srand(s); print 1 + int((s % 4 ? 1500 : 60) * rand()) }')"
		now=$(sed -n 's/^ack \([0-9]*\)\r$/\1/p' log | tail -n 1)
		[ -n "$now" ] || idle=$((idle + 1))
		acked=${now:-$acked}
		if [ "$power" -ne 0 ]; then
			bad=$(tail -n 1 disk.log)
		elif [ "$(grep -c 'lost$' disk.log)" != "$cut" ]; then
			bad="the guest ended: $(grep -a '^ukl: ' log | head -n 1)"
		elif ! bad=$(found log); then
			checked
		fi
		[ -z "$bad" ] || {
			bad="cut $cut: $bad"
			break
		}
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
run_on image end "$acked $((acked + 100))" 1 0
is "the last start goes on: exit status" "$status" 0
is "e2fsck at the end" "$(damage image)" ''

# Or all this could not fail
new_disk forget
cuts 20
case $bad in
*'powercut: '* | *'e2fsck: '*) pass "a disk that takes a flush for nothing is seen: $bad" ;;
*) fail "a disk that takes a flush for nothing" "not seen in 20 cuts: ${bad:-all is well}" ;;
esac
