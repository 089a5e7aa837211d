#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# installed programs, dynamic and of another libc, run as they are
set -u
. "$(dirname -- "$0")/../lib.sh"

cat >"$OUT/threads.c" <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *thread(void *arg)
{
	return (char *)arg + 1;
}

int main(void)
{
	const char *(*version)(void) = dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
	unsigned int cs;
	pthread_t t;
	void *sum = 0;
	int i;

	for (i = 0; i < 10; i++) {
		pthread_create(&t, NULL, thread, sum);
		pthread_join(t, &sum);
	}
	__asm__("mov %%cs, %0" : "=r" (cs));
	printf("glibc %s, CPL %u, threads %d\n", version(), cs & 3, (int)(long)sum);
	return 3;
}
END
gcc -O2 -pthread -o "$OUT/threads" "$OUT/threads.c" || quit "compile" "see above"
# A place over which an ordinary image mounts.
program=/tmp/unilinux-test-$$
cp "$OUT/threads" "$program"
for mode in binary:0 user:3; do
	runs "threads-${mode%:*}" BIN="$program" MODE="${mode%:*}"
	is "MODE=${mode%:*}: exit status" "$status" 3
	shows "MODE=${mode%:*}: glibc and threads" "$OUT/threads-${mode%:*}" \
		"^glibc [0-9.]+, CPL ${mode#*:}, threads 10"
done

rm -f "$program"

runs bash BIN=/bin/bash ARGS="-c 'for i in 1 2 3; do (echo sub) | while read x; do echo got; done; done; exit 5'"
is "bash, pipes and subshells: exit status" "$status" 5
is "bash, pipes and subshells: output" "$(grep -c '^got' "$OUT/bash")" 3

printf '%s\n' 'print qq(sum ), 40 + 2, qq(\n);' >"$OUT/sum.pl"
runs perl BIN=/usr/bin/perl FILES="$OUT/sum.pl:/sum.pl" ARGS=/sum.pl
is "perl with a script from FILES: exit status" "$status" 0
shows "perl with a script from FILES: output" "$OUT/perl" '^sum 42'

refused "absent program" "no file /bin/absent" make_run BIN=/bin/absent
refused "script" "is a script" make_run BIN=/usr/bin/ldd
refused "not relinked" "is not relinked" make_run BIN=/bin/bash MODE=linked
refused "absent file" "FILES names /absent" make_run BIN=/bin/bash FILES=/absent
