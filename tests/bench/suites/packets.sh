# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# a packet processor: frames that go round between two network cards on a hub
MAIN=instructions
[ -n "${MODES:-}" ] || columns='linked binary user'

# A frame that a card sends is at the other when that much time has passed: by the
# instruction clock, frames come in the same batches in each run.
STEADY=,ioeventfd=off,tx=timer,x-txtimer=1000000

# round [OPTIONS]: set $hub to options of QEMU, and start the client, which ends
# the guest; how many seconds the frames took goes to $log.client
round()
{
	free_port
	from=$port
	free_port
	hub="-netdev socket,id=s0,udp=127.0.0.1:$port,localaddr=127.0.0.1:$from -netdev hubport,id=h0,hubid=0,netdev=s0"
	for card in 1 2; do
		hub="$hub -netdev hubport,id=h$card,hubid=0 -device virtio-net-pci,romfile=,netdev=h$card${1:-}"
	done
	timeout 300 perl "$ROOT/apps/packets/client.pl" "$from" "$port" >"$log.client" 2>&1 &
}

# counted RUN COLUMN APP: all that the machine executes from one frame that comes in to
# another, by the plugin of make profile
counted()
{
	log=$work/$3-$2-counted-$1
	counts=$BUILD/profile/$3/$2.subsystems.txt
	rm -f "$counts"
	round "$STEADY"
	MODES=$2 WINDOW=eth_type_trans:4000:8000 PORTS='' QEMU_OPTS=$hub TIMEOUT=300 \
		"$ROOT/scripts/profile.sh" "$3" >"$log" 2>&1 || :
	wait $! || :
	if [ -s "$counts" ]; then
		record tcg-icount "$3" instructions instructions/packet "$2" "$1" \
			"$(awk -F '\t' '$1 == "total" { print $2 }' "$counts")"
	else
		not_measured "$2" "$3" "no instructions: $(reason "$log")"
	fi
}

# by_time RUN COLUMN APP
by_time()
{
	log=$work/$3-$2-wall-$1
	round
	PORTS='' QEMU_OPTS=$hub TIMEOUT=300 boot "$log" "$2" "$3" || :
	wait $! || :
	rate=$(tr -d '\r' <"$log" | awk -v s="$(cat "$log.client")" '
		/: received [0-9]+,/ { n += $3 }
		END { if (s > 0 && n > 10000) printf "%.0f", n / s }')
	if [ -n "$rate" ]; then
		record "$(meter "$log" accel)" "$3" throughput packets/s "$2" "$1" "$rate"
	else
		not_measured "$2" "$3" "no packets per second: $(reason "$log.client")"
	fi
}

measure()
{
	for app in ${ROWS:-packets packets-xdp}; do
		say "bench: packets: $app"
		images "$app"
		for column in $built; do
			free_port
			METER_LINE='between eth0 and eth1' PORTS="$port:$((port + 1)) $((port + 2)):$((port + 3))" \
				footprint "$app" "$column" "$app" || :
			counted 1 "$column" "$app"
			counted 2 "$column" "$app"
		done
		for run in $(seq "$runs"); do
			for column in $built; do
				by_time "$run" "$column" "$app"
			done
		done
	done
}
