#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tools in pipes, then a web server, with a script behind it, until that makes
# the file /tmp/quit. The status is 5.
PATH=/tmp/bin
/bin/busybox mkdir /tmp/bin
/bin/busybox --install -s /tmp/bin
export PATH

echo "sum $(seq 100 | awk '{ s += $1 } END { print s }')"
echo "sorted $(printf '%s\n' pear apple fig | sort | tr '\n' ' ')"
echo "packed $(seq 10000 | gzip | gunzip | md5sum | cut -c 1-8)"
echo "found $(find /srv -type f | wc -l)"
echo "localhost $(awk '$2 == "localhost" { print $1 }' /etc/hosts)"
sleep 100 &
kill $!
wait $!
echo "killed $?"

echo 'hello from BusyBox' >/srv/www/index.html
httpd -p 8080 -h /srv/www
echo 'BusyBox listens on port 8080'
until [ -f /tmp/quit ]; do
	sleep 1
done
exit 5
