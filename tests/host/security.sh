#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# what an application at CPL 0 cannot do, and how it ends when it runs wild
set -u
. "$(dirname -- "$0")/../lib.sh"

app=$(temporary_app abuse)
export MODE=linked
image "$app"
# The same for both
# shellcheck disable=SC2034 # for symbol
kernel=$kernel_dir/vmlinux

# abuse LOG STATUS REGEX ARGUMENTS...: how it ends, and what is to be read then
abuse()
{
	log="$MODE: $1" wanted=$2 regex=$3
	shift 3
	ARGS="$*"
	export ARGS
	run_app "$log" "$app"
	is "$log: exit status" "$status" "$wanted"
	shows "$log: report" "$OUT/$log" "$regex"
	! complaint=$(kernel_complaints "$OUT/$log") || fail "$log: kernel" "$complaint"
}

# crash ACCESS ADDRESS: the report of the signal for it
crash()
{
	echo "^ukl: crash: .*SIGSEGV.* $1 address 0*$2(\$|[^0-9a-f])"
}
text=$(symbol _text) banner=$(symbol linux_banner) data=$(symbol panic_timeout)
table=ffffffffff600000
for MODE in linked binary; do
	image "$app"
	abuse "write to kernel text" 139 "$(crash writing "$text")" write "$text"
	abuse "write to read-only data" 139 "$(crash writing "$banner")" write "$banner"
	abuse "write to the table of calls" 139 "$(crash writing "$table")" write "$table"
	abuse "execute data of the kernel" 139 "$(crash executing "$data")" jump "$data"
	abuse "execute data of the application" 139 '^ukl: crash: .*SIGSEGV.* executing address' data
	abuse "jump to NULL" 139 "$(crash executing 0)" jump 0
	# Which reads before it writes; crash.sh has a write.
	abuse "read of NULL" 139 "$(crash reading 0)" write 0
	abuse "stack exhausted" 139 '^ukl: crash: .*SIGSEGV.* writing address' stack
	abuse "memory exhausted" 137 'Out of memory: Killed process' heap
	abuse "fork bomb" 0 '^abuse: fork: Resource temporarily unavailable' bomb
	abuse "no page both writable and executable" 0 '^abuse: 0 pages .*, of [1-9][0-9]* writable and [1-9][0-9]* executable' wx
	abuse "no module" 0 '^abuse: init_module: Function not implemented' module
	# What docs/security.md says about writable data of the kernel: nothing stops it.
	abuse "data of the kernel can be written" 0 '^abuse: written' write "$data"
done
