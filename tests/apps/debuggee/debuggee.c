// SPDX-License-Identifier: GPL-2.0
/* What debuggers and tracers look at; see checks.sh and tests/host/debug.sh. */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char buf[1 << 20];
static int zero;

/* A system call whose instruction has a name, to put a probe on it. */
long debuggee_getppid(void);
__asm__ (
"	.pushsection .text, \"ax\"\n"
"	.global debuggee_getppid, debuggee_call\n"
"	.type debuggee_getppid, @function\n"
"	.type debuggee_call, @function\n"
"debuggee_getppid:\n"
"	mov $110, %eax\n"
"debuggee_call:\n"
#ifdef DEBUGGEE_LINKED
"	call *0xffffffffff600000 + 8 * 110\n"
#else
"	syscall\n"
#endif
"	ret\n"
"	.size debuggee_call, . - debuggee_call\n"
"	.size debuggee_getppid, . - debuggee_getppid\n"
"	.popsection\n"
);

/* Most of its time is the kernel's. The asm keeps calls from being jumps. */
__attribute__((noinline)) long debuggee_inner(char *to, size_t size)
{
	long n = read(zero, to, size);

	__asm__ volatile ("" : : : "memory");
	return n;
}

__attribute__((noinline)) long debuggee_outer(char *to, size_t size)
{
	long n = debuggee_inner(to, size);

	__asm__ volatile ("" : : : "memory");
	return n;
}

__attribute__((noinline)) int debuggee_child(int status)
{
	__asm__ volatile ("" : : : "memory");
	return status;
}

__attribute__((noinline)) void debuggee_store(volatile int *p)
{
	*p = 1;
}

__attribute__((noinline)) void debuggee_crash(volatile int *p)
{
	debuggee_store(p);
	__asm__ volatile ("" : : : "memory");
}

/* One connection: answers what it gets. */
static int answer(int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int s = socket(AF_INET, SOCK_STREAM, 0), one = 1, c;
	ssize_t n;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&sin, sizeof(sin)) || listen(s, 5)) {
		perror("debuggee: listen");
		return 1;
	}
	puts("debuggee: listening");
	fflush(stdout);
	c = accept(s, NULL, NULL);
	while ((n = read(c, buf, sizeof(buf))) > 0)
		write(c, buf, n);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int number = argc > 2 ? atoi(argv[2]) : 0;
	unsigned int cs;
	long ppid = getppid();
	int i;

	__asm__ ("mov %%cs, %0" : "=r" (cs));
	printf("debuggee: CPL %u, FROM=%s\n", cs & 3, getenv("FROM"));
	fflush(stdout);
	zero = open("/dev/zero", O_RDONLY);

	if (!strcmp(what, "work")) {
		for (i = 0; i < number; i++)
			if (debuggee_outer(buf, sizeof(buf)) != sizeof(buf))
				return 1;
	} else if (!strcmp(what, "call")) {
		for (i = 0; i < number; i++)
			if (debuggee_getppid() != ppid)
				return 1;
	} else if (!strcmp(what, "fork")) {
		pid_t pid = fork();

		if (!pid)
			_exit(debuggee_child(number));
		waitpid(pid, &i, 0);
		return WEXITSTATUS(i) == number ? 0 : 1;
	} else if (!strcmp(what, "sleep")) {
		sleep(number);
	} else if (!strcmp(what, "crash")) {
		debuggee_crash((int *)(long)number);
	} else if (!strcmp(what, "answer")) {
		return answer(number);
	}
	puts("debuggee: done");
	return 0;
}
