#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# On a terminal, Wine would put a console of its own, with fonts and windows, between
# it and the program.
set -o pipefail
/usr/lib/wine/wine64 /srv/console.exe "$@" 2>&1 </dev/null | /bin/busybox cat
