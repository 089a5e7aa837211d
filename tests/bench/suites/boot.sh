# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# start to the first line, the first answer and the end, bytes of the image, smallest memory
MAIN=first_line
[ -n "${MODES:-}" ] || columns="small $columns"

# The line that says that the application is there
line_of()
{
	case $1 in
	hello) echo 'hello: running' ;;
	redis) echo 'Ready to accept connections' ;;
	esac
}

# start LOG COLUMN APP: on the smallest machine that the kernel takes
start()
{
	machine=microvm
	[ "$2" != distro ] || machine=q35
	MACHINE=$machine boot "$@"
}

# boots APP COLUMN MEMORY: does it come to its line with so many MiB?
boots()
{
	log=$work/$1-$2-memory-$3.log
	METER_LINE=$(line_of "$1") METER_STOP=1 PORTS='' QEMU_OPTS="-m $3" TIMEOUT=20 \
		start "$log" "$2" "$1" || :
	[ -n "$(meter "$log" first)" ]
}

smallest_memory()
{
	column=$2
	most=$(sed -n 's/^memory=//p' "$(image_dir "$1" "$2")/info")
	low=1
	until boots "$1" "$2" "$most"; do
		low=$most
		most=$((most * 2))
		[ "$most" -le 4096 ] || {
			not_measured "$2" "$1" "smallest memory: does not start with $low MiB"
			return 0
		}
	done
	say "bench: boot: $1, $2: searching the smallest memory"
	while [ $((most - low)) -gt 1 ]; do
		middle=$(((low + most) / 2))
		if boots "$1" "$2" "$middle"; then
			most=$middle
		else
			low=$middle
		fi
	done
	record "$ACCELERATOR" "$1" smallest_memory MiB "$2" 1 "$most"
}

image_dir()
{
	echo "$BUILD/images/$1$([ "$2" = linked ] || echo "+$2")"
}

image_size()
{
	of=$1 col=$2
	dir=$(image_dir "$of" "$col")
	if [ "$col" = distro ]; then
		set -- "$dir/vmlinuz" "$dir/rootfs.cpio"
	else
		set -- "$dir/vmlinux"
	fi
	record none "$of" image bytes "$col" 1 "$(cat "$@" | wc -c)"
	record none "$of" compressed bytes "$col" 1 "$(cat "$@" | xz -9 -T1 | wc -c)"
}

start_times()
{
	for run in $(seq "$runs"); do
		say "bench: boot: $1: run $run of $runs:$built"
		for column in $built; do
			log=$work/$1-$column-$run.log
			stop=1
			[ "$1" != hello ] || stop=
			# Again, for the sake of stock: see run.sh on microvm.
			for try in 1 2 3; do
				METER_LINE=$(line_of "$1") METER_STOP=$stop PORTS='' TIMEOUT=30 \
					start "$log" "$column" "$1" || :
				[ -z "$(meter "$log" first)" ] || break
			done
			ACCELERATOR=$(meter "$log" accel)
			[ -n "$(meter "$log" first)" ] || {
				not_measured "$column" "$1" "no first line: $(reason "$log")"
				continue
			}
			for metric in first exit memory; do
				value=$(meter "$log" $metric)
				case $metric in
				first) name=first_line unit=s ;;
				exit) name=exit unit=s ;;
				memory) name=memory unit=KiB ;;
				esac
				[ -z "$value" ] ||
					record "$ACCELERATOR" "$1" "$name" "$unit" "$column" "$run" "$value"
			done
		done
	done
}

# kernel_file APP COLUMN FILE: of the build of its kernel; not of Debian's
kernel_file()
{
	of_kernel=$BUILD/kernel/$(sed -n 's/^variant=//p' "$(image_dir "$1" "$2")/info")/$3
	[ -f "$of_kernel" ] && echo "$of_kernel"
}

# Memory that is not free when the application has said its line, of all that
# the machine has: the guest's own count of free pages, which QEMU reads.
memory_in_use()
{
	for column in $built; do
		map=$(kernel_file "$1" "$column" System.map) || continue
		say "bench: boot: $1, $column: memory in use"
		log=$work/$1-$column-in-use.log
		pipe=$log.qmp
		mkfifo "$pipe.in" "$pipe.out"
		ARGS=$([ "$1" != hello ] || echo stay)
		export ARGS
		[ -n "$ARGS" ] || unset ARGS
		PORTS='' QEMU_OPTS="-chardev pipe,id=q1,path=$pipe -mon chardev=q1,mode=control -pidfile $log.pid" \
			TIMEOUT=60 start "$log" "$column" "$1" &
		guest=$!
		unset ARGS
		until grep -qaF "$(line_of "$1")" "$log" || ! kill -0 $guest 2>/dev/null; do
			sleep 0.2
		done
		# The first of the counters of all zones, below the kernel's mapping
		counter=0x$(sed -n 's/^ffffffff\([0-9a-f]*\) . vm_zone_stat$/\1/p' "$map")
		counter=$((counter - 0x80000000))
		answer=
		if kill -0 $guest 2>/dev/null; then
			qmp "$pipe" '"return"' '{"execute": "qmp_capabilities"}' || :
			qmp "$pipe" '"return"' '{"execute": "human-monitor-command", "arguments": {"command-line": "xp /1gd '$counter'"}}' || :
		fi
		free=$(printf '%s\n' "$answer" | sed -n 's/.*: *\([0-9][0-9]*\)[^0-9]*$/\1/p')
		[ ! -f "$log.pid" ] || kill "$(cat "$log.pid")" 2>/dev/null || :
		wait $guest || :
		rm -f "$pipe.in" "$pipe.out"
		if [ -n "$free" ]; then
			all=$(sed -n 's/^memory=//p' "$(image_dir "$1" "$column")/info")
			record none "$1" in_use KiB "$column" 1 $((all * 1024 - free * 4))
		else
			not_measured "$column" "$1" "memory in use: $(reason "$log")"
		fi
	done
}

# Where the time goes until the application starts, by the kernel's own log
phases()
{
	for column in $built; do
		map=$(kernel_file "$1" "$column" System.map) || continue
		case $column in
		small | linked | binary) ;;
		*) continue ;;
		esac
		log=$work/$1-$column-phases.log
		ARGS=$([ "$1" != hello ] || echo ticks)
		export ARGS
		[ -n "$ARGS" ] || unset ARGS
		APPEND="quiet initcall_debug log_buf_len=256K printk.time=1 ukl.log" ACCEL=tcg QEMU_OPTS=$CLOCKED \
			METER_LINE=$(line_of "$1") METER_STOP=$([ "$1" = hello ] || echo 1) PORTS='' TIMEOUT=60 \
			start "$log" "$column" "$1" || :
		unset ARGS
		if tr -d '\r' <"$log" | awk -f "$BENCH/phases.awk" "$map" - >"$log.phases"; then
			while read -r phase value; do
				record tcg-icount "$1-$phase" phase instructions "$column" 1 "$value"
			done <"$log.phases"
			# Hello tells its ticks itself; Redis does not: up to its exec.
			[ "$1" = hello ] || record tcg-icount "$1" instructions instructions "$column" 1 \
				"$(awk '{ n += $2 } END { print n }' "$log.phases")"
		else
			not_measured "$column" "$1" "phases: $(reason "$log")"
		fi
	done
}

# answer LOG COLUMN RUN WORKLOAD: from the start of QEMU to Redis' first PONG
answer()
{
	free_port
	METER_PORT=$port PORTS=$port:6379 TIMEOUT=30 start "$1" "$2" redis || :
	value=$(meter "$1" answer)
	if [ -n "$value" ]; then
		record "$(meter "$1" accel)" "$4" first_answer s "$2" "$3" "$value"
		# It was told to end when it had answered.
		! grep -aq '^ukl: exit status 0' "$1" ||
			record "$(meter "$1" accel)" "$4" exit s "$2" "$3" "$(meter "$1" exit)"
	else
		not_measured "$2" "$4" "no answer: $(reason "$1")"
	fi
}

# The same from a snapshot, which only a kernel of ours has
first_answers()
{
	saved=
	for column in $built; do
		[ "$column" = linked ] || continue
		free_port
		log=$work/redis-save.log
		if MODE=linked MACHINE=microvm PORTS=$port:6379 "$ROOT/scripts/snapshot.sh" redis >"$log" 2>&1; then
			saved=y
		else
			not_measured linked redis-snapshot "$(reason "$log")"
		fi
	done
	for run in $(seq "$runs"); do
		say "bench: boot: redis: first answer, run $run of $runs:$built${saved:+ snapshot}"
		for column in $built; do
			answer "$work/redis-$column-answer-$run.log" "$column" "$run" redis
		done
		[ -z "$saved" ] || SNAPSHOT=1 answer "$work/redis-snapshot-$run.log" linked "$run" redis-snapshot
	done
}

instructions_to_main()
{
	for run in 1 2; do
		for column in $built; do
			log=$work/hello-$column-clocked-$run.log
			ARGS=ticks ACCEL=tcg QEMU_OPTS=$CLOCKED start "$log" "$column" hello || :
			ticks=$(tr -d '\r' <"$log" | sed -n 's/^hello: \([0-9]*\) ticks$/\1/p')
			if [ -n "$ticks" ]; then
				record tcg-icount hello instructions instructions "$column" "$run" "$ticks"
			else
				not_measured "$column" hello "instructions: $(reason "$log")"
			fi
		done
	done
}

measure()
{
	for app in hello redis; do
		images $app
		for column in $built; do
			image_size $app "$column"
		done
		[ $app != hello ] || instructions_to_main
		phases $app
		memory_in_use $app
		[ "$runs" -gt 0 ] || continue
		start_times $app
		[ $app != redis ] || first_answers
		for column in $built; do
			# Not where it does not start at all.
			[ -z "$(meter "$work/$app-$column-1.log" first)" ] ||
				smallest_memory $app "$column"
		done
	done
}
