# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# services in many languages: instructions per GET, first line, memory, bytes of the image
MAIN=instructions
# None of them is relinked.
[ -n "${MODES:-}" ] || columns='binary user'

SERVICES='cpp rust go ocaml haskell java node python erlang'

# service NAME: the image has the client beside the service, to be started first
service()
{
	app=lang-$1
	FILES=$BUILD/host/load:/bin/load
	export FILES
	images "$app"
	unset FILES
	for column in $built; do
		METER_LINE='listens on port' PORTS='' footprint "$1" "$column" "$app" || continue
		for run in 1 2; do
			log=$work/$app-$column-$run.log
			ARGS="-n 100 http 8080 $(recipe "$app" EXEC) $(recipe "$app" ARGS)" APPEND=ukl.exec=/bin/load \
				PORTS='' ACCEL=tcg QEMU_OPTS=$CLOCKED boot "$log" "$column" "$app" || :
			guest_results "$log" "$column" "$run" clocked ||
				not_measured "$column" "$1" "no instructions: $(reason "$log")"
		done
	done
	# The client calls every workload GET.
	sed -i "s/\tGET\t/\t$1\t/" "$raw"
}

measure()
{
	logged load gcc -O2 -static -o "$BUILD/host/load" "$BENCH/guest/load.c"
	for name in ${ROWS:-$SERVICES}; do
		say "bench: languages: $name"
		service "$name"
	done
}
