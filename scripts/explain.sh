#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Say why an option is in the kernel of an application's small image, or not.
# usage: explain.sh APP CONFIG_SYMBOL     ("SYMBOL" alone will do)
set -eu
. "$(dirname -- "$0")/lib.sh"

app=${1?usage: explain.sh APP SYMBOL}
symbol=CONFIG_${2#CONFIG_}
case $symbol in
CONFIG_ | *[!A-Z0-9a-z_]*) die "SYMBOL must be the name of an option, such as CONFIG_EPOLL, not '${2:-}'" ;;
esac
PROFILE=small
export PROFILE
select_image "$app"
case $app in
bin-*) ;;
*) "$ROOT/scripts/build-app.sh" "$app" ;;
esac
fragments=$(echo "base-ukl-small${variant#ukl}" | tr - '\n' | sed 's,.*,configs/&.config,')
exact_variant "$app"
# Sets $recipe_file.
recipe "$app"
why=$BUILD/exact/${variant#exact-}.why

# because WORD...: where what asks for an option comes from, but for system calls
because()
{
	for word in $(echo "$*" | tr '&' ' '); do
		case $word in
		uses:*) key=SYSCALLS ;;
		mount:*) key=MOUNTS ;;
		net:*) key=NET ;;
		socket:*) key=SOCKETS ;;
		config:*) key=CONFIG ;;
		cmdline:*) key=CMDLINE ;;
		exec:*) key=EXEC ;;
		mode:*) key=MODE ;;
		machine:*) key=MACHINES ;;
		disk | device | pc)
			reasons=$(sed -n "s/^$word y //p" "$why")
			echo "    $word: asked for by: $reasons"
			(because "$reasons")
			continue
			;;
		*) continue ;;
		esac
		line=$(grep -nE "^$key *[+]?=.*\<${word#*:}\>" "$recipe_file" | head -n 1) || :
		if [ -n "$line" ]; then
			echo "    $word: ${recipe_file#"$ROOT"/}, line ${line%%:*}: ${line#*:}"
		elif [ "$key" != SYSCALLS ] && ! grep -qE "^$key *[+]?=" "$recipe_file"; then
			echo "    $word: $key is not in the recipe, which leaves it to the user, or to what is usual"
		fi
	done
}

row=$(grep "^${symbol}[ =]" "$ROOT/configs/needs") || :
if [ -n "$row" ]; then
	echo "$symbol: $(echo "$row" | sed 's/^[^#]*# *//')"
	read -r _ value asked <<-END
		$(grep "^${symbol}[ =]" "$why")
	END
	if [ "$value" = y ]; then
		line=${row%% *}
		[ "$line" != "$symbol" ] || line=$symbol=y
		echo "$line: $app asks for it by: $asked"
		"$ROOT/scripts/sites.sh" "$(app_dir "$app")/root" |
			awk -v asked="$asked" 'BEGIN { n = split(asked, w, " "); while (n) want[w[n--]] = 1 }
				"uses:" $2 in want { want[$2] = 1 }
				$2 in want && !seen[$2 " " $3]++ { print "    " $2 " is called by " $3 "() in " $1 }'
		because "$asked"
	else
		echo "$symbol is not set: $app asks for none of:$(echo "$row" | sed 's/#.*//; s/^[^ ]* *//; s/ *$//; s/^/ /')"
	fi
fi
# The last line wins, as in the merge; what is left out is not in a file.
# shellcheck disable=SC2086 # a list
found=$(cd "$ROOT" && grep -HnE "^(# )?${symbol}[ =]" $fragments | tail -n 1) || :
if [ -n "$found" ] && [ "${value:-y}" = y ]; then
	echo "${found%%:*}, line $(echo "$found" | cut -d: -f2): ${found#*:*:}"
elif [ -z "$found" ]; then
	echo "no fragment names $symbol: it is as Kconfig has it by default, or as another option selects it;"
	echo "'make menuconfig VARIANT=$variant' shows it (search with /)"
fi
