#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the C library and the compiler wrapper, as far as no kernel is needed
set -u
. "$(dirname -- "$0")/../lib.sh"

# Builds the C library if it is not there.
"$ROOT/scripts/build-app.sh" hello || quit "building" "see above"
"$ROOT/userland-shims/check.sh" "$BUILD/sysroot" >"$OUT/check" 2>"$OUT/check.err"
tap check "userland-shims"
