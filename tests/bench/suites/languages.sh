# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# programs in many languages: instructions per GET of services, first line, memory, bytes of the image
MAIN=instructions
# None of them is relinked.
[ -n "${MODES:-}" ] || columns='binary user'

SERVICES='lang-cpp lang-rust lang-go lang-ocaml lang-haskell lang-java lang-node lang-python lang-erlang
	deb-nginx deb-memcached'
PROGRAMS='lang-perl lang-lua lang-wine deb-busybox deb-sqlite'

# first_line APP: of its own, if it has one
first_line()
{
	case $1 in
	lang-perl) echo 'arguments: ' ;;
	lang-lua) echo 'fibonacci ' ;;
	lang-wine) echo 'CPL 3' ;;
	lang-*) echo 'listens on port' ;;
	deb-busybox) echo 'sum 5050' ;;
	deb-sqlite) echo '│' ;;
	esac
}

# service APP PROTOCOL PORT: the image has the client beside the service, to be started
# first
service()
{
	FILES=$BUILD/host/load:/bin/load
	export FILES
	images "$1"
	unset FILES
	for column in $built; do
		METER_LINE=$(first_line "$1") PORTS='' footprint "$1" "$column" "$1" || continue
		for run in 1 2; do
			log=$work/$1-$column-$run.log
			ARGS="-n 100 $2 $3 $(recipe "$1" EXEC) $(recipe "$1" ARGS)" APPEND=ukl.exec=/bin/load \
				PORTS='' ACCEL=tcg QEMU_OPTS=$CLOCKED boot "$log" "$column" "$1" || :
			guest_results "$log" "$column" "$run" clocked ||
				not_measured "$column" "$1" "no instructions: $(reason "$log")"
		done
		[ -n "$(first_line "$1")" ] || record tcg "$1" memory KiB "$column" 1 "$(meter "$log" memory)"
	done
	# The client calls every workload GET, and that before it SET.
	sed -i "/\tSET\t/d; s/\tGET\t/\t$1\t/" "$raw"
}

# program APP: it ends when its work is done
program()
{
	images "$1"
	# Wine is for ring 3 alone.
	[ "$1" != lang-wine ] || built=user
	for column in $built; do
		METER_LINE=$(first_line "$1") PORTS='' footprint "$1" "$column" "$1" || :
	done
}

measure()
{
	logged load gcc -O2 -static -o "$BUILD/host/load" "$BENCH/guest/load.c"
	for name in ${ROWS:-$SERVICES $PROGRAMS}; do
		say "bench: languages: $name"
		case $name in
		deb-nginx) service "$name" http 80 ;;
		deb-memcached) service "$name" memcached 11211 ;;
		lang-perl | lang-lua | lang-wine | deb-*) program "$name" ;;
		*) service "$name" http 8080 ;;
		esac
	done
}
