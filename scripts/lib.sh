# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What all scripts here share. Sourced by them, after which $ROOT and $BUILD
# are absolute paths.

export LC_ALL=C
unset CDPATH
ROOT=$(cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
case $ROOT in
*[[:space:]:]*)
	echo "unilinux: the path of this checkout has a blank or a colon, which the builds of others cannot take: $ROOT" >&2
	exit 1
	;;
esac
BUILD=$ROOT/build
LOGDIR=$BUILD/log
# shellcheck disable=SC2034 # for the scripts that source this
JOBS=${JOBS:-$(nproc)}
umask 022

# Not echo, which makes two lines of what has \n in it.
die()
{
	printf 'unilinux: %s\n' "$*" >&2
	exit 1
}

# Progress, with the seconds since the outermost script began.
T0=${UNILINUX_T0:-$(date +%s)}
export UNILINUX_T0="$T0"
say()
{
	printf '[%4ds] %s\n' "$(($(date +%s) - T0))" "$*" >&2
}

# logged NAME COMMAND...: run with all output in build/log/NAME.log. When it
# fails, end with one line that holds the first error.
logged()
{
	log=$LOGDIR/$1.log
	what=$1
	shift
	mkdir -p "$LOGDIR"
	if "$@" >"$log" 2>&1 </dev/null; then
		return 0
	fi
	# A message of our own, else what a compiler, linker or apt complains of.
	why=$(sed -n 's/^unilinux: //p' "$log" | tail -n 1)
	[ -n "$why" ] || why=$(grep -m 1 -E 'error[: ]|undefined reference|^E: |No rule|not found' "$log") ||
		why=$(tail -n 1 "$log")
	die "$what failed: $(printf '%s' "$why" | tr -s '\t ' ' ') (full log: ${log#"$ROOT"/})"
}

# need PROGRAM...: programs that 'make setup' installs.
need()
{
	for prog in "$@"; do
		command -v "$prog" >/dev/null ||
			die "the program '$prog' is missing; run 'make setup'"
	done
}

# locked NAME: hold build/NAME.lock until this script ends, so that two runs
# in one checkout do not build the same thing at once.
locked()
{
	mkdir -p "$BUILD/lock"
	exec 9>"$BUILD/lock/$1"
	flock -n 9 || {
		say "$1: waiting for another build of it"
		flock 9
	}
}

# The names of the patches, and the files that they touch.
series()
{
	[ ! -f "$ROOT/patches/series" ] ||
		sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$ROOT/patches/series"
}

touched()
{
	for p in $(series); do
		[ -f "$ROOT/patches/$p" ] ||
			die "patches/series names '$p', which is not in patches/"
		sed -n -e 's,^--- a/,,p' -e 's,^+++ b/,,p' "$ROOT/patches/$p"
	done | sed 's/\t.*//' | sort -u
}

# recipe APP [KEY]: a key's values, one per line; without KEY, only check. An APP
# whose name begins with "bin-" is an installed program (see installed.sh).
recipe()
{
	recipe_file=$ROOT/apps/$1/recipe
	case $1 in
	bin-*) recipe_file=$BUILD/apps/$1/recipe ;;
	esac
	[ -f "$recipe_file" ] ||
		die "there is no application '$1'; there is: $(cd "$ROOT/apps" && echo */recipe | sed 's,/recipe,,g')"
	"$ROOT/scripts/recipe.sh" "$recipe_file" ${2+"$2"}
}

# select_mode APP: set $mode, how the application runs, and $kernel, on what. The
# environment's MODE has precedence over the recipe's:
#   MODE=linked  built with unilinux-cc; CPL 0, calls
#   MODE=binary  built with plain musl, or as the recipe builds it; CPL 0, by the
#                SYSCALL instruction
#   MODE=user    the same at ring 3 of our kernel
#   MODE=stock   the same on Linux unpatched, same version and configuration but for configs/ukl.config
#   MODE=tiny    the same, configured as make tinyconfig does
#   MODE=distro  the same on the kernel of Debian's linux-image-cloud-amd64
# $own_mode is linked when the program is relinked for the first and built with
# plain musl for the others, else it is taken as it is, or as the recipe builds it.
# shellcheck disable=SC2034 # for the scripts that source this
select_mode()
{
	own_mode=$(recipe "$1" MODE) || exit 1
	own_mode=${own_mode:-linked}
	mode=${MODE:-$own_mode}
	case $mode in
	linked | binary | user) kernel=ukl ;;
	stock | distro) kernel=$mode ;;
	tiny) kernel=stock-tiny ;;
	*) die "MODE must be linked, binary, user, stock, tiny or distro, not '$mode'" ;;
	esac
	[ "$mode" != linked ] || [ "$own_mode" = linked ] ||
		die "$1 is not relinked: MODE=binary, user, stock, tiny or distro runs it"
}

# app_dir APP: after select_image, where it is built; all modes but linked share
# the plain build
app_dir()
{
	case $mode-$profile-$own_mode in
	linked-small-*) echo "$BUILD/apps/$1+small" ;;
	linked-* | *-binary | *-user) echo "$BUILD/apps/$1" ;;
	*) echo "$BUILD/apps/$1+stock" ;;
	esac
}

# add_file /PATH[:/GUEST/PATH] ROOT: a file or directory of this system; links become
# what they point to
add_file()
{
	case ${1#*:} in
	/*) ;;
	*) die "FILES: '${1#*:}' is not an absolute path in the guest" ;;
	esac
	[ -e "${1%%:*}" ] || die "FILES names ${1%%:*}, which is not there"
	mkdir -p "$2$(dirname "${1#*:}")"
	cp -RTL --preserve=mode "${1%%:*}" "$2${1#*:}"
}

# is_elf FILE
is_elf()
{
	[ "$(head -c 4 "$1" | tail -c 3)" = ELF ]
}

# objects FILE ROOT [SYSTEM]: the interpreter and the shared objects that a file of
# the image ROOT needs, as the loader of this system finds them, or that of the one
# that is unpacked in the directory SYSTEM
objects()
{
	objdump -p "$1" 2>/dev/null | grep -qE '^ *(NEEDED|INTERP) ' || return 0
	if [ -n "${3:-}" ]; then
		loader=$3/lib64/ld-linux-x86-64.so.2
		[ -x "$loader" ] || die "PACKAGES has no loader of shared objects, which ${1##*/} needs"
		loaded=$(LD_TRACE_LOADED_OBJECTS=1 "$loader" --inhibit-cache \
			--library-path "$3/lib/x86_64-linux-gnu:$3/usr/lib/x86_64-linux-gnu" "$1" 2>&1)
	else
		loaded=$(ldd "$1" 2>&1)
	fi || die "the loader does not take $1: $(echo "$loaded" | tail -n 1)"
	# A plug-in leaves some to the program that opens it.
	for missing in $(echo "$loaded" | awk '/=> not found/ { print $1 }'); do
		[ -n "$(find "$2" -name "$missing" | head -n 1)" ] ||
			die "$1 needs a shared object that is not there: $missing"
	done
	echo "$loaded" | awk '$2 == "=>" && $3 ~ /^\// { print $3; next } $1 ~ /^\// { print $1 }'
}

# add_objects ROOT [SYSTEM]: to the files of an image, what their executables and
# shared objects need and is not there. What is opened by its name while the program
# runs (plug-ins) has needs of its own.
add_objects()
{
	needed=$(find "$1" -type f -size +64c -exec grep -laF "$(printf '\177ELF')" {} + | while read -r elf; do
		objects "$elf" "$1" "${2:-}" || exit 1
	done) || exit 1
	for elf in $(printf '%s\n' "$needed" | sort -u); do
		guest=${elf#"$1"}
		guest=${guest#"${2:-}"}
		[ -e "$1$guest" ] || {
			mkdir -p "$1$(dirname "$guest")"
			cp -L --preserve=mode "$elf" "$1$guest"
		}
	done
}

# users ROOT: what libc asks for when a program looks for users, or runs as one
users()
{
	mkdir -p "$1/etc"
	[ -e "$1/etc/passwd" ] || echo 'root:x:0:0:root:/:/bin/sh' >"$1/etc/passwd"
	[ -e "$1/etc/group" ] || echo 'root:x:0:' >"$1/etc/group"
}

# select_image APP: after select_mode, set $variant, the kernel's, and $image,
# the directory of the product. The environment can ask for another kernel than
# the recipe: CONFIG="fragments", CPUS=n, DISK=1, SNAPSHOT=1 (see snapshot.sh),
# PROFILE=fast|small. With $profile small the variant depends on the application
# when it is built: see exact_variant.
# shellcheck disable=SC2034,SC2086
select_image()
{
	select_mode "$1"
	words=$(recipe "$1" CONFIG) || exit 1
	extra=${CONFIG:-}
	profile=${PROFILE:-$(recipe "$1" PROFILE)}
	case ${profile:=fast}-$kernel in
	fast-* | small-ukl) ;;
	small-*)
		# The recipe's wish is of our kernel, the user's is a mistake.
		[ -z "${PROFILE:-}" ] || die "PROFILE=small is of our kernel: not for MODE=$mode"
		profile=fast
		;;
	*) die "PROFILE must be fast or small, not '$profile'" ;;
	esac
	case ${SNAPSHOT:-} in
	'') ;;
	1 | save)
		[ "$kernel" = ukl ] || die "SNAPSHOT is for MODE=linked, binary and user, not $mode"
		extra="$extra snapshot"
		;;
	*) die "SNAPSHOT must be 1, not '$SNAPSHOT'" ;;
	esac
	[ "${CPUS:-1}" = 1 ] || extra="$extra smp"
	case ${DISK:-} in
	'') ;;
	1)
		[ "$kernel" = ukl ] || die "DISK is for MODE=linked, binary and user, not $mode"
		extra="$extra ext4"
		;;
	*) die "DISK must be 1, not '$DISK'" ;;
	esac
	for word in $words $extra; do
		[ -f "$ROOT/configs/$word.config" ] ||
			die "no configs/$word.config, which CONFIG names; there is: $(cd "$ROOT/configs" && echo *.config | sed 's/\.config//g')"
	done
	# The image of debug.sh
	[ -z "${UNILINUX_DEBUG:-}" ] || words="$words debug" profile=fast
	variant=$kernel
	image=$BUILD/images/$1
	[ "$mode" = linked ] || image=$image+$mode
	# Debian's kernel has one configuration.
	[ "$mode" != distro ] || return 0
	variant=$variant$(printf '%s\n' $words $extra | sort -u | sed '/^$/d; s/^/-/' | tr -d '\n')
	[ -z "${PROFILE:-}" ] || extra="$extra $PROFILE"
	image=$image$(printf '%s\n' $extra | sort -u | sed '/^$/d; s/^/+/' | tr -d '\n')
	[ -z "${UNILINUX_DEBUG:-}" ] || image=$image.debug
}

# exact_variant APP: when $profile is small, set $variant to the smallest kernel
# for APP, which is built
exact_variant()
{
	[ "$profile" = small ] || return 0
	exact=$("$ROOT/scripts/exact.sh" "$1" "$variant") || exit 1
	variant=exact-$exact
}

# libc [--stock]: have the C library and its compiler, in $BUILD/sysroot or
# $BUILD/sysroot-stock
libc()
{
	"$ROOT/scripts/fetch.sh" debian musl
	(
		locked "sysroot${1:+-stock}"
		[ -d "$BUILD/sysroot${1:+-stock}" ] || say "libc: building musl${1:+, unchanged}"
		logged "sysroot${1:+-stock}" "$ROOT/userland-shims/build.sh" ${1:+"$1"} \
			"$BUILD/src/musl" "$BUILD/sysroot${1:+-stock}" "$JOBS"
	)
}

# cpio_list DIR PREFIX [OWNERS]: the files below DIR, as lines for the kernel's own
# cpio writer: sorted, owned by root, or by whom the find of OWNERS="%U %G" names
cpio_list()
{
	owners=${3:-0 0}
	(cd "$1" && find . -mindepth 1 \
		\( -type d -printf "dir $2/%P %m $owners\n" \) -o \
		\( -type l -printf "slink $2/%P %l 777 $owners\n" \) -o \
		\( -type f -printf "file $2/%P $1/%P %m $owners\n" \)) | sort -k2,2
}

# write_rootfs KERNEL_DIR: $image/rootfs.cpio from $image/rootfs.list, without times
write_rootfs()
{
	"$1/usr/gen_init_cpio" -t 0 "$image/rootfs.list" >"$image/rootfs.cpio" ||
		die "cannot write $image/rootfs.cpio, see above"
}

# kernel_words APP [WORD...]: what the kernel of its image is told. Warnings are
# shown: in a healthy boot there are none.
kernel_words()
{
	words="console=ttyS0 loglevel=5 panic=-1"
	[ "$(recipe "$1" NET)" != dhcp ] || words="$words ip=dhcp"
	extra=$(recipe "$1" CMDLINE | paste -sd' ')
	shift
	echo "$words${extra:+ $extra}${CMDLINE:+ $CMDLINE}${*:+ $*}"
}

# image_info APP MEMORY LEAST CMDLINE: what run.sh has to know of an image
image_info()
{
	echo "app=$1"
	echo "mode=$mode"
	echo "variant=$variant"
	echo "memory=$2"
	echo "least=$3"
	echo "net=$(recipe "$1" NET)"
	echo "ports=$(recipe "$1" PORTS | paste -sd' ')"
	echo "cmdline=$4"
}

# port_taken PORT: does something on this machine listen there (state 0A)?
port_taken()
{
	hex=$(printf ':%04X' "$1")
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
		awk -v p="$hex" '$4 == "0A" && substr($2, length($2) - 4) == p { f = 1 } END { exit !f }'
}

# qmp PATH TEXT COMMAND...: give QEMU commands by the pipes PATH.in and PATH.out,
# and read its answers up to the one that holds TEXT, which is then in $answer
qmp()
{
	pipe=$1
	text=$2
	shift 2
	printf '%s\n' "$@" >"$pipe.in"
	while read -r answer; do
		case $answer in
		*"$text"*) return 0 ;;
		*'"error"'* | *'"failed"'*) return 1 ;;
		esac
	done <"$pipe.out"
	return 1
}

# qmp_migrate PATH COMMAND URI: "migrate" or "migrate-incoming", to its end
qmp_migrate()
{
	qmp "$1" '"completed"' \
		'{"execute": "migrate-set-capabilities", "arguments": {"capabilities": [{"capability": "events", "state": true}]}}' \
		"{\"execute\": \"$2\", \"arguments\": {\"uri\": \"$3\"}}"
}
