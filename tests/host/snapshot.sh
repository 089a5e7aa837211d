#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# snapshots: resumed with new randomness, the right time, and the status of the application
set -u
. "$(dirname -- "$0")/../lib.sh"

# The kernel of the test "memory" serves here, too.
export CONFIG=balloon
port=$(free_port)

ask()
{
	# shellcheck disable=SC2016 # for the inner shell
	bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && echo "$2" >&3 && timeout 10 cat <&3' _ "$port" "$1" 2>/dev/null
}

answers()
{
	ask clocks | grep -q .
}

# save LOG APP
save()
{
	status=0
	"$ROOT/scripts/snapshot.sh" "$2" >"$OUT/$1" 2>&1 || status=$?
}

# resume LOG APP
resume()
{
	SNAPSHOT=1 TIMEOUT=120 start_app "$1" "$2"
}

between()
{
	if awk -v v="${2:--}" -v a="$3" -v b="$4" 'BEGIN { exit !(v + 0 == v && v >= a && v <= b) }'; then
		pass "$1: $2"
	else
		fail "$1" "'$2' is not between $3 and $4"
	fi
}

# try MACHINE: two machines of one snapshot
try()
{
	save "$1-save" "$app"
	[ $status = 0 ] || {
		fail "$1: saved" "$(first_line "$OUT/$1-save")"
		return
	}
	before=$(tr -d '\r' <"$BUILD/snapshots/$app+balloon+snapshot.log" | sed -n 's/^probe: uptime //p')
	# So that a clock that was not set is seen.
	sleep 4
	for n in 1 2; do
		what="$1, machine $n"
		resume "$1-$n" "$app"
		until_seen 60 answers || {
			fail "$what: answers" "$(tail -n 1 "$OUT/$1-$n")"
			kill "$app_pid"
			finish_app
			return
		}
		# The host's clock before and after, as it may be busy.
		host=$(date +%s.%N)
		clocks=$(ask clocks)
		between "$what: CLOCK_REALTIME less the host's, s" "$(echo "$clocks" |
			awk -v a="$host" -v b="$(date +%s.%N)" '{ printf "%.2f", ($1 < a ? $1 - a : ($1 > b ? $1 - b : 0)) }')" -2 2
		between "$what: CLOCK_MONOTONIC went on from $before" "${clocks#* }" "${before:-300}" 300
		until_seen 60 grep -qaE 'probe: drew [0-9a-f]{32}' "$OUT/$1-$n"
		ask "exit 7"
		finish_app
		is "$what: exit status" "$status" 7
		! complaint=$(kernel_complaints "$OUT/$1-$n") || fail "$what: kernel" "$complaint"
	done
	# The first after the resume; later the kernel seeds anew by itself.
	drew=$(for n in 1 2; do
		grep -a -m 1 -oE 'probe: drew [0-9a-f]{32}' "$OUT/$1-$n"
	done | sort -u)
	is "$1: two machines draw different numbers: $(one_line "$drew")" "$(echo "$drew" | grep -c drew)" 2
}

app=$(temporary_app probe)
export ARGS="serve 7" PORTS="$port:7"
MACHINE=microvm try microvm
refused "other memory" "memory=64, this run memory=96" env SNAPSHOT=1 MEMORY=96 "$ROOT/scripts/run.sh" "$app"
refused "other machine" "machine=microvm.*machine=q35" env SNAPSHOT=1 MACHINE=q35 "$ROOT/scripts/run.sh" "$app"
refused "other arguments" "parameters=" env SNAPSHOT=1 ARGS="serve 8" "$ROOT/scripts/run.sh" "$app"
echo 'ENV += OTHER=1' >>"$ROOT/apps/$app/recipe"
SNAPSHOT=1 image "$app"
refused "other image" "image=" env SNAPSHOT=1 "$ROOT/scripts/run.sh" "$app"

echo 'READY = probe: never' >>"$ROOT/apps/$app/recipe"
refused "not ready in time" "not ready after 5 s" "$ROOT/scripts/snapshot.sh" "$app"
refused "no snapshot" "make snapshot APP=$app" env SNAPSHOT=1 "$ROOT/scripts/run.sh" "$app"

# A connection that the application makes is none that it takes.
other=$port
"$(helper)" listen "$other" &
JOBS_STARTED="$JOBS_STARTED $!"
until port=$(free_port); [ "$port" != "$other" ]; do
	sleep 0.1
done
sed -i '/^READY/d' "$ROOT/apps/$app/recipe"
refused "its own connection is not ready" "not ready after 15 s" \
	env TIMEOUT=15 ARGS="call $other" PORTS="$port:7" "$ROOT/scripts/snapshot.sh" "$app"
shows "it had a connection" "$BUILD/snapshots/$app+balloon+snapshot.log" '^probe: connected'
export PORTS="$port:7"

# QEMU ends with the script.
left_over()
{
	grep -lE "[i]mages/$app\+balloon\+snapshot/vmlinux" /proc/[0-9]*/cmdline 2>/dev/null
}
echo 'READY = probe: never' >>"$ROOT/apps/$app/recipe"
"$ROOT/scripts/snapshot.sh" "$app" >"$OUT/ended" 2>&1 </dev/null &
app_pid=$!
JOBS_STARTED="$JOBS_STARTED $app_pid"
until_seen 60 grep -qa 'probe: uptime' "$BUILD/snapshots/$app+balloon+snapshot.log"
left_over >"$OUT/before" || fail "SIGTERM: QEMU runs before" "it does not"
kill "$app_pid"
finish_app
is "SIGTERM: status" "$status" 143
for _ in $(seq 50); do
	left_over >"$OUT/left" || break
	sleep 0.1
done
is "SIGTERM: nothing is left over" "$(one_line "$(cat "$OUT/left")")" ""
refused "SNAPSHOT=yes" "SNAPSHOT must be 1" env SNAPSHOT=yes "$ROOT/scripts/run.sh" "$app"
refused "the stock kernel" "not stock" env MODE=stock "$ROOT/scripts/snapshot.sh" "$app"

# The console says when it is ready.
sed -i 's/^READY = .*/READY = probe: uptime/' "$ROOT/apps/$app/recipe"
MACHINE=q35 try q35
unset ARGS

# By the front door
PORTS=$port:6379
make -C "$ROOT" --no-print-directory snapshot APP=redis >"$OUT/redis-save" 2>&1
is "make snapshot APP=redis: status" $? 0
make -C "$ROOT" --no-print-directory run APP=redis SNAPSHOT=1 TIMEOUT=120 >"$OUT/redis" 2>&1 </dev/null &
app_pid=$!
JOBS_STARTED="$JOBS_STARTED $app_pid"
until_seen 60 redis-cli -p "$port" set key value
is "redis: answers" "$(timeout 20 redis-cli -p "$port" get key)" value
timeout 20 redis-cli -p "$port" shutdown nosave >/dev/null 2>&1
finish_app
is "redis: status of make after SHUTDOWN" "$status" 0
