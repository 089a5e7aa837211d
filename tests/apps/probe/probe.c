// SPDX-License-Identifier: GPL-2.0
/* What the tests on the host look at from outside; see tests/host. */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Names to look for in the report of the crash. */
__attribute__((noinline)) void probe_innermost(volatile int *p)
{
	*p = 1;
}

__attribute__((noinline)) void probe_caller(volatile int *p)
{
	probe_innermost(p);
	/* Keeps the call from becoming a jump. */
	__asm__ volatile ("");
}

static void *exit_in_thread(void *status)
{
	exit(*(int *)status);
}

/* An orphan that outlives its parent must neither hang nor be the status. */
static int leave_orphan(int status)
{
	pid_t pid = fork();

	if (!pid) {
		if (!fork())
			for (;;)
				pause();
		_exit(99);
	}
	waitpid(pid, NULL, 0);
	return status;
}

/* Serves one connection after the other until one sends nothing. */
static int echo(int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	static char buf[65536];

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&sin, sizeof(sin)) || listen(s, 5)) {
		perror("probe: listen");
		return 1;
	}
	printf("probe: listening\n");
	fflush(stdout);
	for (;;) {
		int c = accept(s, NULL, NULL);
		size_t total = 0;
		ssize_t n;

		while ((n = read(c, buf, sizeof(buf))) > 0) {
			char *p = buf;

			total += n;
			while (n > 0) {
				ssize_t w = write(c, p, n);

				if (w <= 0) {
					perror("probe: write");
					return 1;
				}
				p += w;
				n -= w;
			}
		}
		close(c);
		if (!total)
			return 0;
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int number = argc > 2 ? atoi(argv[2]) : 0;
	unsigned int cs;
	int i;

	__asm__("mov %%cs, %0" : "=r" (cs));
	printf("probe: CPL %u\n", cs & 3);
	for (i = 0; i < argc; i++)
		printf("probe: argv[%d]=<%s>\n", i, argv[i]);
	printf("probe: FROM=<%s> EXTRA=<%s>\n", getenv("FROM"), getenv("EXTRA"));
	fflush(stdout);

	if (!strcmp(what, "exit"))
		return number;
	if (!strcmp(what, "kill")) {
		raise(number);
		return 1;
	}
	if (!strcmp(what, "thread")) {
		pthread_t t;

		pthread_create(&t, NULL, exit_in_thread, &number);
		for (;;)
			pause();
	}
	if (!strcmp(what, "orphan"))
		return leave_orphan(number);
	if (!strcmp(what, "crash")) {
		probe_caller((int *)(long)number);
		return 1;
	}
	if (!strcmp(what, "sleep")) {
		sleep(number);
		return 0;
	}
	if (!strcmp(what, "echo"))
		return echo(number);
	return 0;
}
