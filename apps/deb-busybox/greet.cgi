#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0
[ "$QUERY_STRING" != quit ] || /bin/busybox touch /tmp/quit
printf 'Content-Type: text/plain\r\n\r\n'
echo "method $REQUEST_METHOD, query $QUERY_STRING"
