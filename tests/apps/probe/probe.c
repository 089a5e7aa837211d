// SPDX-License-Identifier: GPL-2.0
/* What the tests on the host look at from outside; see tests/host. */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
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

/* A handler of SIGSEGV that has no stack, as there is no memory */
static void no_signal_stack(void)
{
	stack_t stack = { .ss_size = 65536 };
	struct sigaction sa = { .sa_handler = _exit, .sa_flags = SA_ONSTACK };

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &sa, NULL);
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

static int listen_on(int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&sin, sizeof(sin)) || listen(s, 5)) {
		perror("probe: listen");
		exit(1);
	}
	printf("probe: listening\n");
	fflush(stdout);
	return s;
}

static double seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Random numbers all the time, so that there are some of just after a resume. */
static void draw(void)
{
	unsigned char bytes[16];
	unsigned int i;

	for (;;) {
		getrandom(bytes, sizeof(bytes), 0);
		printf("probe: drew ");
		for (i = 0; i < sizeof(bytes); i++)
			printf("%02x", bytes[i]);
		printf("\n");
		fflush(stdout);
		usleep(200000);
	}
}

/*
 * Answers one command a connection: "clocks", "take MiB", which touches so much
 * memory, "give", which frees it, and "exit STATUS".
 */
static int serve(int port)
{
	int s = listen_on(port);
	size_t size = 0;
	char *taken = NULL;

	printf("probe: uptime %.3f\n", seconds(CLOCK_MONOTONIC));
	fflush(stdout);
	if (!fork())
		draw();
	for (;;) {
		char line[32] = "", word[16] = "";
		int c = accept(s, NULL, NULL);
		int number = 0;

		read(c, line, sizeof(line) - 1);
		sscanf(line, "%15s %d", word, &number);
		if (!strcmp(word, "exit"))
			return number;
		if (!strcmp(word, "clocks")) {
			dprintf(c, "%.3f %.3f\n", seconds(CLOCK_REALTIME),
				seconds(CLOCK_MONOTONIC));
		} else if (!strcmp(word, "take")) {
			size = (size_t)number << 20;
			taken = mmap(NULL, size, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (taken == MAP_FAILED)
				return 1;
			memset(taken, 1, size);
			dprintf(c, "%d\n", number);
		} else if (!strcmp(word, "give")) {
			munmap(taken, size);
			dprintf(c, "0\n");
		}
		close(c);
	}
}

/* Connects to a port of the host, and listens nowhere. */
static int call(int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(0x0a000202),
	};
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(s, (struct sockaddr *)&sin, sizeof(sin))) {
		perror("probe: connect");
		return 1;
	}
	printf("probe: connected\n");
	fflush(stdout);
	for (;;)
		pause();
}

/* Serves one connection after the other until one sends nothing. */
static int echo(int port)
{
	int s = listen_on(port);
	static char buf[65536];

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
	if (!strcmp(what, "signal-stack")) {
		no_signal_stack();
		probe_caller((int *)(long)number);
		return 1;
	}
	if (!strcmp(what, "sleep")) {
		sleep(number);
		return 0;
	}
	if (!strcmp(what, "echo"))
		return echo(number);
	if (!strcmp(what, "call"))
		return call(number);
	if (!strcmp(what, "serve"))
		return serve(number);
	return 0;
}
