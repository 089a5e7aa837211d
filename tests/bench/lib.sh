# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# What the suites in tests/bench/suites share. A suite is sourced by scripts/bench.sh;
# each of its measurements ends as lines of $raw, with tabs between the fields
#
#	accelerator workload metric unit column run value
#
# and what could not be measured as "-" in the place of accelerator, and the
# reason in that of unit.
#
# From scripts/bench.sh: $ROOT $BUILD $suite $work $raw $columns $runs

# With an instruction clock, and all that QEMU would take from the host fixed.
CLOCKED='-icount shift=0,sleep=off -seed 1 -rtc base=2026-01-01T00:00:00,clock=vm'

# record ACCEL WORKLOAD METRIC UNIT COLUMN RUN VALUE
record()
{
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$@" >>"$raw"
}

# not_measured COLUMN WHAT WHY
not_measured()
{
	say "bench: $1: $2 not measured: $3"
	record - "$2" - "$(printf '%s' "$3" | tr -s '\t\n ' ' ')" "$1" 0 0
}

# Of a log: a message of ours, or its last line.
reason()
{
	why=$(sed -n 's/^unilinux: //p' "$1" | tail -n 1)
	[ -n "$why" ] || why=$(tr -d '\r' <"$1" | grep . | tail -n 1)
	echo "${why:-no output}"
}

# of_column COLUMN COMMAND...: with what makes the column in the environment
of_column()
{
	case $1 in
	small) MODE=linked PROFILE=small ;;
	*) MODE=$1 ;;
	esac
	export MODE ${PROFILE:+PROFILE}
	shift
	"$@"
	of_status=$?
	unset MODE PROFILE
	return $of_status
}

# images APP: have them for all columns; $built are those that there are
images()
{
	built=
	for column in $columns; do
		log=$work/image-$1-$column.log
		if of_column "$column" "$ROOT/scripts/image.sh" "$1" 2>"$log.err" >"$log"; then
			built="$built $column"
		else
			not_measured "$column" "$1" "$(reason "$log.err")"
		fi
	done
	[ -n "$built" ] || die "no image of $1 could be built"
}

# boot LOG COLUMN APP: run it measured, all columns on the same kind of machine;
# $METER_LINE and the variables of scripts/run.sh have their meaning. The meter's
# results are in LOG.meter.
boot()
{
	of_column "$2" env MACHINE="${MACHINE:-q35}" METER="$1.meter" QEMU="$BUILD/host/meter" \
		TIMEOUT="${TIMEOUT:-900}" "$ROOT/scripts/run.sh" "$3" >"$1" 2>&1 </dev/null
}

# meter LOG KEY
meter()
{
	sed -n "s/^$2 //p" "$1.meter" 2>/dev/null
}

# footprint WORKLOAD COLUMN APP: size of the image, and time and memory until the line
# of $METER_LINE; without one, only the size
footprint()
{
	dir=$BUILD/images/$3
	[ "$2" = linked ] || dir=$dir+$2
	record none "$1" image bytes "$2" 1 "$(wc -c <"$dir/vmlinux")"
	[ -n "${METER_LINE:-}" ] || return 0
	log=$work/$3-$2-first.log
	METER_STOP=1 TIMEOUT=120 boot "$log" "$2" "$3" || :
	if [ -z "$(meter "$log" first)" ]; then
		not_measured "$2" "$1" "no first line: $(reason "$log")"
		return 1
	fi
	record "$(meter "$log" accel)" "$1" first_line s "$2" 1 "$(meter "$log" first)"
	record "$(meter "$log" accel)" "$1" memory KiB "$2" 1 "$(meter "$log" memory)"
}

# guest_results LOG COLUMN RUN clocked|wall: read what the guest's program says
guest_results()
{
	case $2 in
	small | linked | binary) cpl=0 ;;
	*) cpl=3 ;;
	esac
	accel=$(meter "$1" accel)
	tr -d '\r' <"$1" | awk -v OFS='\t' -v column="$2" -v run="$3" -v kind="$4" \
		-v accel="$accel" -v cpl=$cpl '
		$1 == "cpl" && $2 == cpl { privilege = 1 }
		$1 != "bench" || NF != 8 { next }
		{ n++ }
		kind == "clocked" && $3 == "ticks" {
			sub(/^ticks/, "instructions", $4)
			print "tcg-icount", $2, "instructions", $4, column, run, $5
		}
		kind == "clocked" && ($3 == "p50" || $3 == "p99") {
			print "tcg-icount", $2, $3, $4, column, run, $5
		}
		kind == "wall" && $3 != "ticks" {
			print accel, $2, $3, $4, column, run, $5
		}
		END { exit !(n && privilege) }' >"$1.results" || return 1
	cat "$1.results" >>"$raw"
}

# one_guest KIND RUN COLUMN APP
one_guest()
{
	log=$work/$4-$3-$1-$2.log
	status=0
	if [ "$1" = clocked ]; then
		ACCEL=tcg QEMU_OPTS=$CLOCKED boot "$log" "$3" "$4" || status=$?
	else
		boot "$log" "$3" "$4" || status=$?
	fi
	if [ $status != 0 ]; then
		echo "status $status: $(reason "$log")" >"$log.why"
	elif ! guest_results "$log" "$3" "$2" "$1"; then
		echo "no results at the privilege of this mode, see ${log#"$ROOT"/}" >"$log.why"
	fi
}

# judged KIND RUN COLUMN APP: what one_guest, perhaps in the background, found
judged()
{
	log=$work/$4-$3-$1-$2.log
	[ ! -f "$log.why" ] || {
		not_measured "$3" "$4" "$(cat "$log.why")"
		return
	}
	[ "$1" = wall ] || return 0
	ACCELERATOR=$(meter "$log" accel)
	record "$ACCELERATOR" qemu memory KiB "$3" "$2" "$(meter "$log" memory)"
}

# clocked APP: two runs by the instruction clock. It does not mind the load of
# the host, so that as many columns run at once as there are processors.
clocked()
{
	for run in 1 2; do
		say "bench: $suite: instructions, run $run of 2:$built"
		pids=
		for column in $built; do
			[ "$(echo "$pids" | wc -w)" -lt "$(nproc)" ] || {
				# shellcheck disable=SC2086
				wait $pids || :
				pids=
			}
			one_guest clocked $run "$column" "$1" &
			pids="$pids $!"
		done
		wait
		for column in $built; do
			judged clocked $run "$column" "$1"
		done
	done
}

# timed APP: interleaved runs by the clock of the accelerator in use
timed()
{
	[ "$runs" -gt 0 ] || return 0
	for run in $(seq "$runs"); do
		say "bench: $suite: time, run $run of $runs:$built"
		for column in $built; do
			one_guest wall "$run" "$column" "$1"
			judged wall "$run" "$column" "$1"
		done
	done
}

# free_port: set $port to one on which nobody listens on this machine
free_port()
{
	port=${port:-$((20000 + $$ % 8000))}
	port=$((port + 1))
	while port_taken "$port"; do
		port=$((port + 1))
	done
}

# answers PORT: a server takes connections there. QEMU takes them for a guest that
# does not listen yet, but then closes them at once.
answers()
{
	# shellcheck disable=SC2016 # for the inner shell
	timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1; read -r -t 0.3 _ <&3; [ $? -gt 128 ]' _ "$1"
}

# from_host APP PORT READY CLIENT: a server in one guest a column, all up at
# once, and rounds of a client on this host that visits one after the other.
# READY and CLIENT are commands that take a port; CLIENT prints lines
# "workload metric unit value".
from_host()
{
	[ "$runs" -gt 0 ] || return 0
	say "bench: $suite: client on this host, by virtio-net:$built"
	up=
	for column in $built; do
		free_port
		log=$work/$1-$column-host.log
		PORTS=$port:$2 QEMU_OPTS="-pidfile $log.pid" TIMEOUT=3600 boot "$log" "$column" "$1" &
		up="$up $column:$port"
	done
	ready=
	for server in $up; do
		end=$(($(date +%s) + 120))
		until $3 "${server#*:}" >/dev/null 2>&1; do
			[ "$(date +%s)" -lt $end ] || break
			sleep 0.3
		done
		if [ "$(date +%s)" -lt $end ]; then
			ready="$ready $server"
		else
			not_measured "${server%:*}" "$1" "does not answer: $(reason "$work/$1-${server%:*}-host.log")"
		fi
	done
	for run in $(seq "$runs"); do
		say "bench: $suite: client on this host, run $run of $runs"
		for server in $ready; do
			client=$work/$1-${server%:*}-client-$run
			$4 "${server#*:}" >"$client" 2>"$client.log" || :
			if [ ! -s "$client" ]; then
				not_measured "${server%:*}" "$1" "run $run: the client has no result: $(reason "$client.log")"
				continue
			fi
			while read -r workload metric unit value; do
				record "$ACCELERATOR" "$workload" "$metric" "$unit" "${server%:*}" "$run" "$value"
			done <"$client"
		done
	done
	stop_servers
}

# stop_servers: those of from_host; also when the harness is interrupted
stop_servers()
{
	for file in "$work"/*.pid; do
		[ ! -f "$file" ] || kill "$(cat "$file")" 2>/dev/null || :
	done
	wait
}
