#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Unpack sources into build/src, and binary packages into build/packages.
# usage: fetch.sh linux             build/src/linux-stock and build/src/linux
#        fetch.sh debian PACKAGE    build/src/PACKAGE, a link to its directory
#        fetch.sh package PACKAGE   build/packages/PACKAGE, its files, and control;
#                                   nothing is installed
#        fetch.sh closure NAME PACKAGE...  build/packages/NAME/root, the files of
#                                   these and of all that they depend on
set -eu
. "$(dirname -- "$0")/lib.sh"

SRC=$BUILD/src
TAR=${LINUX_TAR:-/usr/src/linux-source-6.12.tar.xz}

linux()
{
	[ -r "$TAR" ] || die "$TAR is missing; run 'make setup'"
	# The package changes the file when Debian updates it.
	id=$(stat -c '%s %Y' "$TAR")
	stamp=$SRC/.linux
	[ "$(cat "$stamp" 2>/dev/null)" != "$id" ] || return 0

	say "fetch: unpacking $(basename "$TAR")"
	rm -rf "$stamp" "$SRC/linux-stock" "$SRC/linux" "$SRC/.new"
	mkdir -p "$SRC/.new"
	logged fetch-linux tar -x -f "$TAR" -C "$SRC/.new" --strip-components=1
	mv "$SRC/.new" "$SRC/linux-stock"
	# Hard links: graft.sh replaces the files that it changes.
	cp -al "$SRC/linux-stock" "$SRC/linux"
	rm -f "$SRC/.graft"
	echo "$id" >"$stamp"
}

# deb_lines deb|deb-src: the system's Debian entries as lines of that type. Other
# archives are left out: many have no sources, which would make the update fail.
deb_lines()
{
	# shellcheck disable=SC1091 # a file of the system
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	find /etc/apt/sources.list* -type f \
		\( -name '*.list' -o -name '*.sources' \) \
		-exec awk -v codename="$codename" -v type="$1" '
	function suite_ok(s)
	{
		sub(/[-\/](updates|security)$/, "", s)
		return s == codename || s == "stable" || s == "testing" ||
			s == "unstable" || s == "sid"
	}
	function emit(opts, uri, suite, comps)
	{
		if (suite_ok(suite) && (" " comps " ") ~ / main /)
			print type " " opts uri " " suite " main"
	}
	function stanza(	i, j, nu, ns, u, s, opts)
	{
		if (f["types"] ~ /deb/ && f["enabled"] !~ /^(no|false)/) {
			opts = f["signed-by"] ~ /^ *\// ? "[signed-by=" f["signed-by"] "] " : ""
			gsub(/= +/, "=", opts)
			nu = split(f["uris"], u, " ")
			ns = split(f["suites"], s, " ")
			for (i = 1; i <= nu; i++)
				for (j = 1; j <= ns; j++)
					emit(opts, u[i], s[j], f["components"])
		}
		delete f
	}
	FNR == 1 { stanza() }
	/^[ \t]*#/ { next }
	FILENAME ~ /\.list$/ {
		if ($1 != "deb" && $1 != "deb-src")
			next
		opts = ""
		line = $0
		sub(/^[ \t]*deb(-src)?[ \t]+/, "", line)
		if (match(line, /^\[[^]]*\][ \t]+/)) {
			opts = substr(line, 1, RLENGTH)
			line = substr(line, RLENGTH + 1)
		}
		n = split(line, w, " ")
		comps = ""
		for (i = 3; i <= n; i++)
			comps = comps " " w[i]
		emit(opts, w[1], w[2], comps)
		next
	}
	/^[ \t]*$/ { stanza(); next }
	/^[A-Za-z-]+:/ {
		key = tolower(substr($0, 1, index($0, ":") - 1))
		f[key] = substr($0, index($0, ":") + 1)
		next
	}
	{ f[key] = f[key] $0 }
	END { stanza() }' {} + | sort -u
}

# apt-get or apt-cache with lists and caches of our own: /etc/apt and /var stay
# as they are, and so do the checks of signatures and checksums.
apt()
{
	case $1 in
	showsrc) program=apt-cache ;;
	*) program=apt-get ;;
	esac
	"$program" -q \
		-o Dir::Etc::sourcelist="$lists/sources.list" \
		-o Dir::Etc::sourceparts=- \
		-o Dir::State="$lists/state" \
		-o Dir::State::status=/var/lib/dpkg/status \
		-o Dir::Cache="$lists/cache" \
		-o APT::Sandbox::User="$(id -un)" \
		"$@"
}

# read_lists deb|deb-src: have apt's lists of packages, not older than half a day
read_lists()
{
	need apt-get dpkg-source
	lists=$BUILD/apt/$1
	mkdir -p "$lists/state/lists/partial" "$lists/cache/archives/partial"
	deb_lines "$1" >"$lists/sources.list.new"
	[ -s "$lists/sources.list.new" ] ||
		die "found no entry of a Debian archive in /etc/apt/sources.list or /etc/apt/sources.list.d"
	if ! cmp -s "$lists/sources.list.new" "$lists/sources.list" ||
			[ -z "$(find "$lists/updated" -mmin -720 2>/dev/null)" ]; then
		mv "$lists/sources.list.new" "$lists/sources.list"
		say "fetch: reading Debian's lists of packages ($1)"
		# Without that mode, what seems to pass is no error.
		if (logged fetch-update apt update -o APT::Update::Error-Mode=any); then
			touch "$lists/updated"
		else
			say "fetch: not all lists could be read; is there a network?"
		fi
	fi
}

debian()
{
	pkg=$1
	[ ! -d "$SRC/$pkg/." ] || return 0
	read_lists deb-src

	say "fetch: Debian source package $pkg"
	rm -rf "$SRC/.deb/$pkg"
	mkdir -p "$SRC/.deb/$pkg"
	cd "$SRC/.deb/$pkg"
	versions=$(apt showsrc "$pkg" 2>/dev/null | awk -v pkg="$pkg" '
		$1 == "Package:" { ours = $2 == pkg }
		$1 == "Version:" && ours { print $2 }' | sort -ruV)
	[ -n "$versions" ] || die "Debian's lists know no source package '$pkg'"
	# The lists can be ahead of a mirror by hours: then the version before.
	why=
	for version in $versions; do
		[ -z "$why" ] || say "fetch: $pkg $newer is not in the archive: taking $version"
		newer=$version
		why=$(logged "fetch-$pkg" apt source --only-source "$pkg=$version" 2>&1) || continue
		why=
		break
	done
	[ -z "$why" ] || die "${why#unilinux: }"
	dir=$(find . -mindepth 1 -maxdepth 1 -type d)
	dir=${dir#./}
	[ -n "$dir" ] || die "source package '$pkg' was not unpacked; see build/log/fetch-$pkg.log"
	rm -rf "${SRC:?}/$dir"
	mv "$dir" "$SRC/$dir"
	ln -sfn "$dir" "$SRC/$pkg"
}

package()
{
	dest=$BUILD/packages/$1
	[ ! -d "$dest" ] || return 0
	read_lists deb

	say "fetch: Debian package $1"
	rm -rf "$dest.new"
	mkdir -p "$dest.new"
	cd "$dest.new"
	logged "fetch-$1" apt download "$1"
	logged "fetch-$1" dpkg-deb -x ./*.deb .
	dpkg-deb -f ./*.deb >control
	rm -f ./*.deb
	mv "$dest.new" "$dest"
}

closure()
{
	dest=$BUILD/packages/$1
	shift
	[ "$(cat "$dest/asked" 2>/dev/null)" != "$*" ] || return 0
	read_lists deb

	say "fetch: Debian packages $* and what they depend on"
	rm -rf "$dest" "$dest.new"
	mkdir -p "$dest.new/debs/partial" "$dest.new/root/usr/bin" \
		"$dest.new/root/usr/sbin" "$dest.new/root/usr/lib" "$dest.new/root/usr/lib64"
	: >"$dest.new/status"
	# To a system without any package, so that nothing is left out.
	logged "fetch-$(basename "$dest")" apt install -y --download-only --no-install-recommends \
		-o Dir::State::status="$dest.new/status" \
		-o Dir::Cache::archives="$dest.new/debs" "$@"
	for d in bin sbin lib lib64; do
		ln -s "usr/$d" "$dest.new/root/$d"
	done
	for deb in "$dest.new"/debs/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dest.new/root" --no-same-owner --keep-directory-symlink \
			--exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' ||
			die "cannot unpack $(basename "$deb")"
	done
	rm -rf "$dest.new/debs" "$dest.new/status"
	echo "$*" >"$dest.new/asked"
	mv "$dest.new" "$dest"
}

case ${1:-} in
linux)
	locked src-linux
	linux
	;;
debian)
	[ $# -eq 2 ] || die "usage: fetch.sh debian PACKAGE"
	locked src-debian
	debian "$2"
	;;
package)
	[ $# -eq 2 ] || die "usage: fetch.sh package PACKAGE"
	locked packages
	package "$2"
	;;
closure)
	[ $# -ge 3 ] || die "usage: fetch.sh closure NAME PACKAGE..."
	locked packages
	shift
	closure "$@"
	;;
*)
	die "usage: fetch.sh linux | debian PACKAGE | package PACKAGE | closure NAME PACKAGE..."
	;;
esac
