#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Feed the parsers of this project with damaged input.
# usage: fuzz.sh [TARGET...]         all, one after the other:
#   site       the decoder of code before SYSCALLs (ukl/site.c)
#   manifest   the manifest and the kernel command line (ukl/manifest.c)
#   recipe     recipes (recipe.sh)
#   words      what run.sh takes from the environment
#   kernel     the kernel's ELF headers, and the cpio archive (mkimage.c)
#   oci        container images (rootfs.sh)
#
# From the environment: LIMIT=seconds for each, 600 by default; or RUNS=n, which with the
# same SEED=n are the same each time. Ends with status 1 at the first finding, which
# stays in build/fuzz/TARGET.
set -eu
. "$(dirname -- "$0")/lib.sh"

dir=$BUILD/fuzz
linux=$BUILD/src/linux-stock
seed=${SEED:-$(date +%s)}
[ $# -gt 0 ] || set -- site manifest recipe words kernel oci
for target; do
	case $target in
	site | manifest | recipe | words | kernel | oci) ;;
	*) die "TARGET must be site, manifest, recipe, words, kernel or oci, not '$target'" ;;
	esac
done
for word in "${LIMIT:-600}" "${RUNS:-1}" "$seed"; do
	case $word in
	*[!0-9]* | '' | 0*) die "SECONDS, RUNS and SEED must be numbers above 0, not '$word'" ;;
	esac
done
locked fuzz

# compiled OUTPUT ARGUMENTS...: with sanitizers; unaligned is what x86 has no trouble with
compiled()
{
	clang -g -O1 -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=undefined \
		-Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -o "$@"
}

site()
{
	"$ROOT/scripts/fetch.sh" linux &&
		awk -f "$linux/tools/arch/x86/tools/gen-insn-attr-x86.awk" \
			"$linux/tools/arch/x86/lib/x86-opcode-map.txt" >"$dir/inat-tables.c" &&
		compiled "$1" -fsanitize=fuzzer -Wno-implicit-fallthrough -I "$dir" -I "$ROOT/ukl" \
			-isystem "$linux/tools/arch/x86/include" -isystem "$linux/tools/include" \
			-isystem "$linux/tools/arch/x86/lib" "$ROOT/tests/fuzz/site.c" \
			"$linux/tools/arch/x86/lib/insn.c" "$linux/tools/arch/x86/lib/inat.c" -lZydis
}

manifest()
{
	compiled "$1" -fsanitize=fuzzer -D_GNU_SOURCE -I "$ROOT/userland-shims/init" -isystem "$ROOT/ukl/include" \
		"$ROOT/tests/fuzz/manifest.c"
}

kernel()
{
	compiled "$dir/kernel/mkimage" "$ROOT/scripts/mkimage.c" &&
		gcc -nostdlib -static -Wl,--build-id=none -o "$dir/kernel/kernel" "$ROOT/tests/fuzz/kernel.S"
}

# A layer with one program, and what makes an archive of "docker save"
oci()
{
	mkdir -p "$dir/oci/oci" "$dir/oci/layer/bin" "$dir/oci/layer/data"
	cp /bin/true "$dir/oci/layer/bin/tell"
	tar -C "$dir/oci/layer" -cf "$dir/oci/oci/layer.tar" .
	echo '[{"Config":"config.json","RepoTags":["fuzz:1"],"Layers":["layer.tar"]}]' >"$dir/oci/oci/manifest.json"
}

# seeds TARGET: real input, and what was found before, to the directory TARGET.seeds
seeds()
{
	mkdir -p "$dir/$1.seeds" "$dir/$1.corpus"
	grep "^$1 " "$ROOT/tests/fuzz/found" | while read -r _ input what; do
		echo "$input" | base64 -d >"$dir/$1.seeds/found-$(echo "$what" | tr -c 'a-zA-Z0-9\n' -)"
	done
	case $1 in
	site)
		for file in /lib/x86_64-linux-gnu/libc.so.6 /lib64/ld-linux-x86-64.so.2; do
			"$ROOT/tests/fuzz/sites.pl" "$file" "$dir/$1.seeds" || return
		done
		;;
	manifest)
		# shellcheck disable=SC1003
		printf '\0%s' 'ukl.exec=/bin/x ukl.args="a \\ b c" ukl.env=A="b c" ukl.debugcon=0xe9 ukl.log -- "x y" z' >"$dir/$1/cmdline"
		for file in "$ROOT"/apps/*/recipe; do
			sed -n 's/ = / /p; s/ += / /p' "$file" | sed 's/^EXEC/exec/; s/^ARGS/arg/; s/^MOUNTS/mount/; s/^ENV/env/; s/^USER/user/; /^[A-Z]/d' |
				cat - "$dir/$1/cmdline" >"$dir/$1.seeds/$(basename "$(dirname "$file")")"
		done
		;;
	esac
}

# by_libfuzzer TARGET
by_libfuzzer()
{
	"$ROOT/scripts/setup.sh" clang libclang-rt-14-dev libzydis-dev
	logged "fuzz-$1" "$1" "$dir/$1/fuzz"
	logged "fuzz-$1-seeds" seeds "$1"
	corpus=../$1.corpus
	limit=-max_total_time=${LIMIT:-600}
	if [ -n "${RUNS:-}" ]; then
		# Without what an earlier run has learnt
		corpus=corpus
		mkdir "$dir/$1/corpus"
		limit=-runs=$RUNS
	fi
	# The same each time: libFuzzer takes what is compared into its input, addresses on
	# the stack among them, and reads its own corpus again after some seconds. A
	# container may forbid to fix addresses.
	fixed='setarch -R'
	$fixed true 2>/dev/null || fixed=
	# shellcheck disable=SC2086 # two words, or none
	(cd "$dir/$1" && env -i $fixed ./fuzz "$limit" -reload=0 -seed="$seed" -print_final_stats=1 "$corpus" "../$1.seeds") >"$dir/$1/log" 2>&1 ||
		die "$1: $(grep -m 1 -E '^[^ ]+\.c:[0-9]+: |runtime error|ERROR' "$dir/$1/log"): see build/fuzz/$1"
	echo "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$dir/$1/log") runs with seed $seed"
}

by_scripts()
{
	ACCEL=tcg
	export ROOT ACCEL
	case $1 in
	words) "$ROOT/scripts/image.sh" hello ;;
	kernel)
		"$ROOT/scripts/setup.sh" clang libclang-rt-14-dev
		logged fuzz-kernel kernel
		;;
	oci)
		"$ROOT/scripts/setup.sh" skopeo umoci jq
		logged fuzz-oci oci
		LAYER=$(sha256sum <"$dir/oci/oci/layer.tar" | cut -c 1-64)
		export LAYER
		;;
	esac
	# In the place of QEMU: a guest that ends well
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/sh' 'for a; do case $a in file:*) echo 0 >"${a#file:}" ;; esac; done' >"$dir/$1/qemu"
	chmod +x "$dir/$1/qemu"
	perl "$ROOT/tests/fuzz/parsers.pl" "$1" "${RUNS:+x}${RUNS:-${LIMIT:-600}}" "$seed" "$dir/$1"
}

for target; do
	rm -rf "${dir:?}/$target"
	mkdir -p "$dir/$target"
	case $target in
	site | manifest) by_libfuzzer "$target" ;;
	*) by_scripts "$target" ;;
	esac
done
