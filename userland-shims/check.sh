#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks of the C library and the wrapper that need no UniLinux kernel; TAP.
set -u

if [ $# -ne 1 ] || [ ! -x "$1/bin/unilinux-cc" ]; then
	echo 'usage: check.sh DEST, the directory that build.sh has filled' >&2
	exit 2
fi
dest=$(cd -- "$1" && pwd -P)
cc=$dest/bin/unilinux-cc
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
n=0 failed=0

# result TEXT: TAP line for the status of the command before
result()
{
	set -- $? "$1"
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=$((failed + 1))
	fi
}

# refuses TEXT OPTION...: one line that has TEXT, a failure, and no output file
refuses()
{
	text=$1
	shift
	! "$cc" "$@" -o "$tmp/refused" "$tmp/hello.c" 2>"$tmp/err" &&
		[ ! -e "$tmp/refused" ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
		grep -q "^unilinux: .*$text" "$tmp/err"
	result "unilinux-cc refuses $*"
}

# body FUNCTION: its disassembly, one instruction a line, without addresses
body()
{
	objdump -d --no-show-raw-insn "$tmp/prog" |
		awk -v f="<$1>:" '$2 == f { on = 1; next } /^$/ { on = 0 } on' |
		sed 's/^[^\t]*\t//; s/ *#.*//; s/  */ /g; s/ $//'
}

cat >"$tmp/hello.c" <<'EOF'
#include <linux/if_link.h>
#include <stdio.h>
int main(void) { puts("hello"); return 0; }
EOF
cat >"$tmp/prog.c" <<'EOF'
#define _GNU_SOURCE
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
static void *thread(void *p) { pthread_detach(pthread_self()); return p; }
int main(void)
{
	char c = 0, *argv[] = { 0 };
	pthread_t t;
	pid_t p;
	pthread_create(&t, 0, thread, 0);
	pthread_cancel(t);
	posix_spawn(&p, "/", 0, 0, argv, argv);
	syscall(SYS_sync);
	return getppid() + read(0, &c, 1) + write(1, &c, 1) + vfork() +
		recv(0, &c, 1, 0) + system("");
}
EOF

"$cc" -O2 -o "$tmp/hello" "$tmp/hello.c" && "$cc" -O2 -o "$tmp/prog" "$tmp/prog.c"
result "programs link"

readelf -lW "$tmp/prog" | grep -q INTERP
[ $? = 1 ]
result "programs are static"

readelf -nW "$tmp/prog" | grep -A1 '^ *UniLinux *0x00000004' | grep -q '01 00 00 00'
result "programs carry the note"

"$tmp/hello" >"$tmp/out" 2>"$tmp/err"
[ $? = 127 ] && [ ! -s "$tmp/out" ] && [ "$(cat "$tmp/err")" = \
	"unilinux: this program needs a UniLinux kernel; for stock Linux build it with an ordinary compiler" ]
result "at ring 3 a program says so and ends with 127"

[ "$(body getppid | sed '/^ret/q' | tr '\n' ';')" = "mov \$0x6e,%eax;call *0xffffffffff600370;ret;" ]
result "getppid is a call of its own thunk"

for f in read:0 write:1 recvfrom:45; do
	slot=$(printf '0xffffffffff%x' $((0x600000 + 8 * ${f#*:})))
	body "${f%:*}" | sed '/^ret/q' >"$tmp/body"
	grep -q "call \*$slot\$" "$tmp/body" && [ "$(wc -l <"$tmp/body")" -le 9 ]
	result "${f%:*} is a call of its own thunk, in at most 9 instructions"
done

# Every form of the call is 7 bytes long and goes to the table.
objdump -d "$tmp/prog" | grep -P '\tcall +\*(0x[0-9a-f]+$|.*\(,)' >"$tmp/calls"
[ "$(wc -l <"$tmp/calls")" -ge 10 ] &&
	! grep -vqP '\tff (14 25 .. .. 60 ff|14 c5 00 00 60 ff) ' "$tmp/calls"
result "all calls are 7 bytes long and go through the table"

objdump -d "$tmp/prog" |
	awk '
		/^[0-9a-f]+ <.*>:$/ { f = $2 }
		/\tcall +\*-0xa00000\(,%rax,8\)/ { table = NR }
		# For the numbers that the table does not have
		/\tsyscall *$/ && !(table && NR == table + 2) { print f }' | sort -u |
	grep -vE '^<(_start|__clone|vfork|__restore_rt|__set_thread_area|__unmapself|__syscall_cp_asm)>:$' >"$tmp/left"
[ ! -s "$tmp/left" ]
result "SYSCALL is left only where it must be"

# A call in a function that keeps data below RSP would overwrite them.
mkdir "$tmp/objs" && (cd "$tmp/objs" && ar x "$dest/lib/libc.a" &&
	for o in *.o; do
		nm "$o" 2>/dev/null | grep -q 'U __ukl_call_' && objdump -d "$o"
	done) >"$tmp/dis"
[ -s "$tmp/dis" ] && ! grep -q -- '-0x[0-9a-f]*(%rsp)' "$tmp/dis"
result "no function with a call uses the red zone"

# All lengths to 40, and a difference at each place of them, on either side.
cat >"$tmp/conftest.c" <<'EOF'
#include <stdio.h>
#include <string.h>
#include <strings.h>
static int sign(int n) { return (n > 0) - (n < 0); }
int main(void)
{
	char a[48], b[48];
	int n, i, x, y, bad = 0;
	for (n = 0; n <= 40; n++)
		for (i = 0; i < n; i++)
			for (x = 1; x < 256; x++)
				for (y = 1; y < 256; y += 6) {
					int lx = x >= 'A' && x <= 'Z' ? x + 32 : x;
					int ly = y >= 'A' && y <= 'Z' ? y + 32 : y;
					memset(a, 'q', sizeof(a));
					memset(b, 'q', sizeof(b));
					a[i + 1] = x, b[i + 2] = y;
					a[i + 2] = y, b[i + 3] = x;
					bad |= sign(memcmp(a + 1, b + 2, i + 1)) != sign(x - y);
					bad |= memcmp(a + 1, b + 2, i) != 0;
					bad |= x != y && sign(memcmp(a + 1, b + 2, n)) != sign(x - y);
					a[i + 2] = b[i + 3] = 'q';
					a[n + 1] = b[n + 2] = 0;
					bad |= sign(strcasecmp(a + 1, b + 2)) != sign(lx - ly);
					memset(a, 'Q', i + 1);
					bad |= sign(strcasecmp(a + 1, b + 2)) != sign(lx - ly);
				}
	puts(bad ? "differs" : "ok");
	return 0;
}
EOF
"$cc" -O2 -fno-builtin -o "$tmp/conftest" "$tmp/conftest.c" && [ "$("$tmp/conftest")" = ok ]
result "memcmp and strcasecmp tell what differs first"

cp "$tmp/hello.c" "$tmp/conftest.c"
(cd "$tmp" && "$cc" conftest.c && [ "$(./a.out)" = hello ] &&
	"$cc" -o conftest conftest.c && [ "$(./conftest)" = hello ])
result "probes of configure scripts run on this machine"

mkdir "$tmp/moved" && cp -R "$dest/bin" "$dest/lib" "$dest/include" "$tmp/moved" &&
	ln -s "$tmp/moved/bin/unilinux-cc" "$tmp/cc" &&
	"$tmp/cc" -v -o "$tmp/hello2" "$tmp/hello.c" 2>"$tmp/err" &&
	! grep -q "$dest/" "$tmp/err"
result "the wrapper works from another directory and through a link"

"$cc" -fPIE -pie -Wl,-z,now -fstack-protector-strong -ffunction-sections \
	-Wl,--gc-sections -g -pthread -o "$tmp/hello3" "$tmp/hello.c" -lm -lrt -ldl
result "common hardening options are accepted"

refuses 'shared libraries' -shared
refuses '64-bit' -m32
refuses 'profiling' -pg
refuses 'sanitizers' -fsanitize=address
refuses 'run-time library' -fopenmp
refuses 'C++' -x c++

echo "1..$n"
[ "$failed" = 0 ]
