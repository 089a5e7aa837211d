// SPDX-License-Identifier: GPL-2.0
/* exec: another program in the same process, and what passes through. */
#include "tap.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/stat.h>

extern char **environ;

/* To itself, until the count is at its end. */
static int child_chain(int n)
{
	char text[16];
	char *args[] = { "ukltest", "--child", "chain", text, NULL };

	if (!n)
		return 21;
	snprintf(text, sizeof(text), "%d", n - 1);
	execve("/proc/self/exe", args, environ);
	return 100;
}

/* To the other program and back, until the count is at its end. */
static int child_hop(int n, char *path, char *other)
{
	char text[16];
	char *args[] = { "ukltest", "--child", "hop", text, other, path, NULL };

	redzone_check(100);
	fpu_check(100);
	if (!n)
		return 22;
	snprintf(text, sizeof(text), "%d", n - 1);
	execve(other, args, environ);
	return 100;
}

/* The loads of mixed.c. */
static int child_load(int ms)
{
	double end = now() + ms / 1000.0;
	int ppid = getppid();

	tick_start(100, NULL, 0);
	while (now() < end) {
		redzone_check(2000);
		fpu_check(1000);
		for (int i = 0; i < 50; i++)
			if (getppid() != ppid)
				return 2;
		usleep(0);
	}
	tick_stop();
	return 0;
}

/* Answers each byte from descriptor 0 on descriptor 1. */
static int child_pong(void)
{
	char c;

	while (read(0, &c, 1) == 1) {
		c++;
		if (write(1, &c, 1) != 1)
			return 1;
	}
	return 0;
}

int child_main(int argc, char **argv)
{
	const char *verb = argc ? argv[0] : "";
	int n = argc > 1 ? atoi(argv[1]) : 0;
	sigset_t set;

	if (!strcmp(verb, "exit"))
		return n;
	if (!strcmp(verb, "echo"))
		return printf("%s\n", argc > 1 ? argv[1] : "") < 0;
	if (!strcmp(verb, "args"))
		return argc == 4 && !strcmp(argv[1], "") &&
		       !strcmp(argv[2], "two words") &&
		       strlen(argv[3]) == 100000 &&
		       !strcmp(getenv("UKLTEST") ?: "", "set") ? 0 : 1;
	if (!strcmp(verb, "chain"))
		return child_chain(n);
	if (!strcmp(verb, "hop") && argc == 4)
		return child_hop(n, argv[2], argv[3]);
	if (!strcmp(verb, "cpl"))
		return cpl();
	if (!strcmp(verb, "signals")) {
		struct sigaction usr1, usr2;

		sigprocmask(SIG_BLOCK, NULL, &set);
		sigaction(SIGUSR1, NULL, &usr1);
		sigaction(SIGUSR2, NULL, &usr2);
		return usr1.sa_handler == SIG_DFL && usr2.sa_handler == SIG_IGN &&
		       sigismember(&set, SIGHUP) && !sigismember(&set, SIGTERM) ?
		       0 : 1;
	}
	if (!strcmp(verb, "fd"))
		return fcntl(n, F_GETFD) < 0 ? 1 : 0;
	if (!strcmp(verb, "aux"))
		return getauxval(AT_PAGESZ) == 4096 && getauxval(AT_SECURE) == 0 &&
		       getauxval(AT_SYSINFO_EHDR) && getauxval(AT_RANDOM) &&
		       getauxval(AT_ENTRY) ? 0 : 1;
	if (!strcmp(verb, "load"))
		return child_load(n);
	if (!strcmp(verb, "pong"))
		return child_pong();
	if (!strcmp(verb, "rdtsc")) {
		__asm__ volatile("rdtsc" : : : "eax", "edx");
		return 0;
	}
	if (!strcmp(verb, "segv"))
		raise(SIGSEGV);
	if (!strcmp(verb, "pause"))
		return pause();
	if (!strcmp(verb, "jumps"))
		return child_jumps();
	fprintf(stderr, "unilinux: ukltest: unknown verb %s\n", verb);
	return 99;
}

static pid_t spawn(char *const args[])
{
	pid_t pid = xfork();

	if (!pid) {
		execve(self_path, args, environ);
		_exit(101);
	}
	return pid;
}

TEST(exec, exit)
{
	for (int i = 0; i < 20; i++) {
		char text[8];
		char *args[] = { "ukltest", "--child", "exit", text, NULL };

		snprintf(text, sizeof(text), "%d", i);
		EXPECT_EXIT(spawn(args), i);
	}
	EXPECT_SIGNAL(spawn((char *[]){ "ukltest", "--child", "segv", NULL }),
		      SIGSEGV);
}

TEST(exec, arguments)
{
	char *long_one = malloc(100001);
	char *args[] = { "ukltest", "--child", "args", "", "two words",
			 long_one, NULL };

	memset(long_one, 'x', 100000);
	long_one[100000] = '\0';
	CHECK(!setenv("UKLTEST", "set", 1));
	EXPECT_EXIT(spawn(args), 0);
	EXPECT_EXIT(spawn((char *[]){ "ukltest", "--child", "aux", NULL }), 0);
}

TEST(exec, chain)
{
	EXPECT_EXIT(spawn((char *[]){ "ukltest", "--child", "chain", "25",
				      NULL }), 21);
}

static void nothing(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
}

TEST(exec, signals)
{
	char *args[] = { "ukltest", "--child", "signals", NULL };
	pid_t pid = xfork();

	if (!pid) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGHUP);
		sigprocmask(SIG_SETMASK, &set, NULL);
		handle(SIGUSR1, nothing, SA_ONSTACK);
		signal(SIGUSR2, SIG_IGN);
		on_altstack();
		execve(self_path, args, environ);
		_exit(101);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(exec, descriptors)
{
	char text[8];
	char *args[] = { "ukltest", "--child", "fd", text, NULL };
	int open_fd = open("/", O_RDONLY);
	int closed_fd = open("/", O_RDONLY | O_CLOEXEC);

	snprintf(text, sizeof(text), "%d", open_fd);
	EXPECT_EXIT(spawn(args), 0);
	snprintf(text, sizeof(text), "%d", closed_fd);
	EXPECT_EXIT(spawn(args), 1);
}

TEST(exec, privilege)
{
	EXPECT_EXIT(spawn((char *[]){ "ukltest", "--child", "cpl", NULL }),
		    cpl());
}

TEST(exec, errors)
{
	char name[] = "/tmp/ukltest-exec-XXXXXX";
	static char *const args[] = { "x", NULL };
	int fd = mkstemp(name);

	CHECK(fd >= 0);
	EQ(write(fd, "neither ELF nor script", 22), 22);
	for (const struct way *w = ways(); w->name; w++) {
		EQ(w->fn(SYS_execve, (long)"/does/not/exist", (long)args,
			 (long)environ, 0, 0, 0), -ENOENT);
		EQ(w->fn(SYS_execve, (long)"/", (long)args, (long)environ, 0, 0,
			 0), -EACCES);
		EQ(w->fn(SYS_execve, (long)name, (long)args, (long)environ, 0,
			 0, 0), -EACCES);
		EQ(w->fn(SYS_execve, (long)self_path, 8, (long)environ, 0, 0, 0),
		   -EFAULT);
	}
	CHECK(!fchmod(fd, 0755));
	close(fd);
	for (const struct way *w = ways(); w->name; w++)
		EQ(w->fn(SYS_execve, (long)name, (long)args, (long)environ, 0,
			 0, 0), -ENOEXEC);
	unlink(name);
}

TEST(exec, by_descriptor)
{
	char *args[] = { "ukltest", "--child", "exit", "17", NULL };
	int fd = open(self_path, O_RDONLY | O_CLOEXEC);
	pid_t pid = xfork();

	if (!pid) {
		syscall(SYS_execveat, fd, "", args, environ, 0x1000);
		_exit(101);
	}
	EXPECT_EXIT(pid, 17);
}

/* From a thread: the others end, and the process keeps its number. */
static void *idle(void *arg)
{
	int fd[2];
	char c;

	if (arg)
		for (;;)
			getppid();
	CHECK(!pipe(fd));
	CHECK(read(fd[0], &c, 1));
	return NULL;
}

static void *execer(void *arg)
{
	execve(self_path, (char *[]){ "ukltest", "--child", "exit", "18", NULL },
	       environ);
	return arg;
}

TEST(exec, thread)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = xfork();

		if (!pid) {
			pthread_t t;

			for (long k = 0; k < 4; k++)
				CHECK(!pthread_create(&t, NULL, idle,
						      (void *)(k % 2)));
			usleep(1000);
			CHECK(!pthread_create(&t, NULL, execer, NULL));
			pthread_join(t, NULL);
			_exit(101);
		}
		EXPECT_EXIT(pid, 18);
	}
}

/* By raw system call, with signals about. */
TEST(exec, timer)
{
	char *args[] = { "ukltest", "--child", "exit", "19", NULL };

	for (const struct way *w = ways(); w->name; w++)
		for (int i = 0; i < 10; i++) {
			pid_t pid = xfork();

			if (!pid) {
				tick_start(100, NULL, 0);
				for (int k = 0; k < 5; k++)
					redzone_check(1000);
				/* The timer would outlive the program. */
				tick_stop();
				w->fn(SYS_execve, (long)self_path, (long)args,
				      (long)environ, 0, 0, 0);
				_exit(101);
			}
			EXPECT_EXIT(pid, 19);
		}
}
