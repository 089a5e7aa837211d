#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Configure and build a kernel in build/kernel/VARIANT.
# usage: kernel.sh VARIANT [build|ensure|config|MAKE-TARGET...]
#
# A variant's name is a list of fragments in configs/, joined by '-', which are
# merged onto base.config: ukl, ukl-smp, ukl-net-smp, stock, stock-smp, off...
# 'stock' is built from the unpatched tree. exact-HASH is what exact.sh has found
# for an application. $FRAGMENT names one more file, and $KCFLAGS more options of
# the compiler, as for Linux' own make: -march=x86-64-v3.
set -eu
. "$(dirname -- "$0")/lib.sh"

variant=${1:?usage: kernel.sh VARIANT [target]}
target=${2:-build}
out=$BUILD/kernel/$variant

case $variant in
stock | stock-*) tree=$BUILD/src/linux-stock ;;
*) tree=$BUILD/src/linux ;;
esac

fragments=$ROOT/configs/base.config
exact=${variant#exact-}
if [ "$exact" != "$variant" ]; then
	[ -f "$BUILD/exact/$exact.config" ] ||
		die "no build/exact/$exact.config for the kernel variant '$variant'; 'make image APP=x PROFILE=small' finds one"
	fragments="$fragments $BUILD/exact/$exact.config"
else
	exact=
fi
for word in $([ -n "$exact" ] || echo "$variant" | tr - ' '); do
	[ -f "$ROOT/configs/$word.config" ] ||
		die "no configs/$word.config for the kernel variant '$variant'; there is: $(cd "$ROOT/configs" && echo *.config)"
	fragments="$fragments $ROOT/configs/$word.config"
done
fragments="$fragments ${FRAGMENT:-}"

"$ROOT/scripts/fetch.sh" linux
"$ROOT/scripts/graft.sh"
need make gcc flex bison bc ld
# A program that only some kernels need shall not change the configuration of the
# others when it appears.
pahole=none
# shellcheck disable=SC2086 # a list
if grep -q '^CONFIG_DEBUG_INFO_BTF=y' $fragments; then
	"$ROOT/scripts/setup.sh" dwarves
	pahole=pahole
fi
locked "kernel-$variant"
mkdir -p "$BUILD/kernel" "$BUILD/lock" "$LOGDIR"
# Begin with the objects of the plain kernel, of which make compiles again only
# what another configuration changes.
plain=$BUILD/kernel/${variant%%-*}
if [ ! -d "$out" ] && [ -f "$plain/.inputs" ] && [ "$plain" != "$out" ]; then
	rm -rf "$out.new"
	flock "$BUILD/lock/kernel-${variant%%-*}" cp -a "$plain" "$out.new"
	rm -f "$out.new/.inputs" "$out.new/.requested.id"
	# The commands that objtool was made by hold the directory. A new objtool would
	# mean that all objects are made again.
	find "$out.new/tools" -name '.*.cmd' -exec sed -i "s,$plain/,$out/,g" {} +
	mv "$out.new" "$out"
fi
mkdir -p "$out"

# The same bits from the same commit, whoever builds it, where and when.
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970'
export KBUILD_BUILD_USER=unilinux
export KBUILD_BUILD_HOST=unilinux
export KBUILD_BUILD_VERSION=1
# ccache makes paths below CCACHE_BASEDIR relative, so that a clone elsewhere
# finds its objects: map these, too, to the root of the tree. It follows the link
# to ukl/.
export CCACHE_BASEDIR="$ROOT"
export KCPPFLAGS="-fmacro-prefix-map=../../src/${tree##*/}/= -fmacro-prefix-map=../../../ukl/=ukl/"
cc=gcc
! command -v ccache >/dev/null || cc='ccache gcc'

kmake()
{
	make -C "$tree" O="$out" ARCH=x86_64 CC="$cc" HOSTCC="$cc" PAHOLE=$pahole LOCALVERSION= "$@"
}

# Merge with the kernel's script, then compare each requested line with the
# result: Kconfig drops in silence what has unmet dependencies.
configure()
{
	# shellcheck disable=SC2086 # lists of words
	id=$({
		cat $fragments "$BUILD/src/.linux"
		[ ! -d "$tree/ukl" ] || cat "$tree/ukl/Kconfig" "$BUILD/src/.graft"
	} | sha256sum)
	[ "$(cat "$out/.requested.id" 2>/dev/null)" != "$id" ] || return 0

	say "kernel $variant: configuring"
	rm -f "$out/.requested.id"
	mkdir -p "$out/.merge"
	cp -p "$out/.config" "$out/.merge/before" 2>/dev/null || :
	# shellcheck disable=SC2086
	(cd "$out/.merge" && logged "config-$variant" \
		"$tree/scripts/kconfig/merge_config.sh" -m -Q -O . $fragments)
	mv "$out/.merge/.config" "$out/.requested"
	logged "config-$variant" kmake KCONFIG_ALLCONFIG="$out/.requested" allnoconfig
	# shellcheck disable=SC2086
	lost=$(awk '
		function symbol() { sub(/^# /, ""); sub(/[= ].*/, ""); return $0 }
		/^CONFIG_[A-Za-z0-9_]+=/ { v = substr($0, index($0, "=") + 1); s = symbol() }
		/^# CONFIG_[A-Za-z0-9_]+ is not set/ { v = "n"; s = symbol() }
		s == "" { next }
		FILENAME == ARGV[1] { want[s] = v }
		FILENAME == ARGV[2] { got[s] = v }
		{ s = "" }
		END {
			for (s in want) {
				g = s in got ? got[s] : "n"
				if (g != want[s])
					print s "=" want[s] " (got " g ")"
			}
		}' "$out/.requested" "$out/.config" | sort | paste -sd, | sed 's/,/, /g')
	[ -z "$lost" ] ||
		die "kernel $variant: requested options that did not survive the merge: $lost"
	# An unchanged result must not look new to make.
	if cmp -s "$out/.config" "$out/.merge/before"; then
		mv "$out/.merge/before" "$out/.config"
	fi
	rm -rf "$out/.merge"
	echo "$id" >"$out/.requested.id"
}

# All that a kernel is made of, to tell without make that it is up to date.
inputs()
{
	{
		cat "$out/.config" "$BUILD/src/.linux" "$0"
		echo "${KCFLAGS:-}"
		[ ! -L "$tree/ukl" ] || {
			cat "$BUILD/src/.graft"
			find "$ROOT/ukl" -type f | sort | xargs cat
		}
		gcc --version
	} 2>&1 | sha256sum
}

build()
{
	first=
	[ -f "$out/vmlinux" ] || first=' (minutes, the first time)'
	say "kernel $variant: building$first"
	rm -f "$out/.inputs"
	logged "kernel-$variant" kmake -j"$JOBS" vmlinux
	inputs >"$out/.inputs"
}

# One command to the shell, so that an edit of this file does not reach a build
# that is under way.
{
	configure
	case $target in
	build)
		build
		;;
	ensure)
		[ "$(inputs)" = "$(cat "$out/.inputs" 2>/dev/null)" ] || build
		;;
	config)
		;;
	*)
		shift
		# What that leaves is not known to be what "ensure" wants.
		rm -f "$out/.inputs"
		kmake "$@"
		;;
	esac
	exit
}
