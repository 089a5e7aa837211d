#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# the report of a crash names the signal, the address and the functions
set -u
. "$(dirname -- "$0")/../lib.sh"

app=$(temporary_app probe)
for mode in linked binary; do
	export MODE=$mode
	image "$app"
	ARGS="crash 1234"
	export ARGS
	run_app "$mode" "$app"
	shows "$mode: signal" "$OUT/$mode" 'SIGSEGV'
	shows "$mode: address" "$OUT/$mode" 'SIGSEGV.* writing address 0*4d2($|[^0-9a-f])'
	shows "$mode: the function that crashed" "$OUT/$mode" 'probe_innermost\+0x'
	shows "$mode: its caller" "$OUT/$mode" 'probe_caller\+0x'
	shows "$mode: the machine still says its status" "$OUT/$mode" '^ukl: exit status 139'

	ARGS="signal-stack 1234"
	run_app "$mode-stack" "$app"
	shows "$mode: no stack for the handler: cause" "$OUT/$mode-stack" "SIGSEGV.*a signal's stack, cannot be used"
	shows "$mode: no stack for the handler: status" "$OUT/$mode-stack" '^ukl: exit status 139'
done
