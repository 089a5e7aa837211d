# SPDX-License-Identifier: GPL-2.0
# Sum up the log of a boot by phases.
# usage: awk -f phases.awk System.map LOG
#
# LOG has been written with the kernel parameters "initcall_debug printk.time=1
# ukl.log", under QEMU's instruction clock: a nanosecond is an instruction, or
# idle time. Prints lines "phase instructions":
#
#   reset        the machine's reset to the start of the kernel's clock
#   setup        the architecture, up to the zones of memory
#   memory       zones, page and slab allocator
#   basics       the rest before the initcalls
#   early...     initcalls by level, without those below
#   rootfs       the files of the image unpacked
#   dhcp         an address asked for
#   start        the start-up task, up to the application
#   application  exec, up to main(), if the application tells its ticks

function to(next_phase, at)
{
	spent[phase] += at - since
	if (!(phase in seen)) {
		seen[phase] = 1
		order[++n] = phase
	}
	phase = next_phase
	since = at
}

BEGIN {
	split("pure core postcore arch subsys fs device late", names, " ")
	phase = "setup"
}

FILENAME != "-" {
	if ($3 !~ /^__initcall__kmod_/)
		function_at["0x" $1] = $3
	else if (match($3, /__[0-9]+_[0-9]+_/))
		entry[substr($3, RSTART + RLENGTH)] = 1
	next
}

!match($0, /^\[ *[0-9]+\.[0-9]+\] /) {
	if (sub(/^ukl: told at /, ""))
		told = $1
	if (/^hello: [0-9]+ ticks$/)
		ticks = $2
	next
}

{
	at = substr($0, 2, RLENGTH - 3) * 1e9
	text = substr($0, RLENGTH + 1)
}

text ~ /^Zone ranges:/ { to("memory", at) }
text ~ /^SLUB: / { to("basics", at) }

text ~ /^calling +.* @ 1$/ {
	split(text, w, " +")
	name = w[2]
	sub(/\+0x.*/, "", name)
	if (name in function_at)
		name = function_at[name]
	level = "early"
	for (i = 0; i < 8; i++)
		if (name i in entry || name i "s" in entry)
			level = names[i + 1]
	if (name "rootfs" in entry)
		level = "fs"
	if (name == "ip_auto_config")
		level = "dhcp"
	if (level != phase)
		to(level, at)
	calls = 1
}

text ~ /^initcall .* returned / { last = at }

text ~ /^(Unpacking initramfs|Trying to unpack rootfs)/ {
	before = phase
	to("rootfs", at)
}
text ~ /^Freeing initrd memory/ { to(before, at) }

text ~ /^ukl: time stamp counter: / {
	to("start", last)
	to("", at)
	split(text, w, " ")
	reset = w[5] - at
	done = 1
}

END {
	if (!done || !calls)
		exit 1
	printf "reset %d\n", reset
	for (i = 1; i <= n; i++)
		printf "%s %d\n", order[i], spent[order[i]]
	if (ticks)
		printf "application %d\n", ticks - told
}
