# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034 # variables of contract.sh
# the suite quick, of programs that are linked for CPL 0

. "$ROOT/tests/contract/quick.sh"
suite_columns='musl linked'
