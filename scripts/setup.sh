#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Install the Debian packages that a build needs and that are not there.
# usage: setup.sh [package...]     (none: the list below)
set -eu
. "$(dirname -- "$0")/lib.sh"

KERNEL=linux-source-6.12

if [ $# -eq 0 ]; then
	set -- \
		build-essential flex bison bc libelf-dev xz-utils lz4 patch git \
		ca-certificates dpkg-dev "$KERNEL" \
		ccache qemu-system-x86 redis-tools
fi

command -v dpkg-query >/dev/null ||
	die "this is not a Debian system: install by hand: $*"

missing=
for pkg in "$@"; do
	# shellcheck disable=SC2016 # dpkg-query's own variable
	case $(dpkg-query -W -f '${db:Status-Status}' "$pkg" 2>/dev/null) in
	installed) ;;
	*) missing="$missing $pkg" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	root=
elif command -v sudo >/dev/null; then
	root=sudo
else
	echo "unilinux: packages are missing, and this is neither root nor is there sudo. As root, run:" >&2
	echo "    apt-get update && apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

as_root()
{
	$root env DEBIAN_FRONTEND=noninteractive "$@"
}

say "setup: installing$missing"
# An index that cannot be fetched matters only if a package is then absent.
(logged setup-update as_root apt-get update) ||
	say "setup: not all package lists could be read"

unknown=
for pkg in $missing; do
	apt-cache show "$pkg" >/dev/null 2>&1 || unknown="$unknown $pkg"
done
[ -z "$unknown" ] ||
	die "no such package in the sources of this system:$unknown (they must hold Debian 12 or later, 'main', with its security updates)"

# shellcheck disable=SC2086 # a list of words
logged setup-install as_root apt-get install -y --no-install-recommends $missing
