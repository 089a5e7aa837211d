// SPDX-License-Identifier: GPL-2.0
/*
 * For the check of make profile: functions that execute known numbers of
 * instructions, in chains that calls and returns alone do not explain. Says how
 * many instructions went by between the second call of step() and the fourth: the
 * time stamp counter under QEMU's instruction clock.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define OUTSIDE __attribute__((noinline, noclone))

/* Two instructions for each turn. */
#define SPIN(turns) do { \
	int spin_left = (turns); \
	__asm__ volatile ("1: dec %0\n\tjnz 1b" : "+r" (spin_left) : : "cc"); \
} while (0)

static jmp_buf back;
static unsigned long long start, end;

static OUTSIDE void hot(void)
{
	SPIN(100000);
}

static OUTSIDE void leaf(void)
{
	SPIN(10000);
}

/* The asm keeps a call from becoming a jump. */
static OUTSIDE void warm(void)
{
	leaf();
	__asm__ volatile ("");
}

static OUTSIDE void jump_out(int depth)
{
	if (!depth)
		longjmp(back, 1);
	jump_out(depth - 1);
	__asm__ volatile ("");
}

static OUTSIDE void after_jump(void)
{
	SPIN(5000);
}

static void handler(int sig)
{
	(void)sig;
	SPIN(4000);
}

static OUTSIDE void after_signal(void)
{
	SPIN(3000);
}

/* The kernel copies to a page that is not there yet. */
static OUTSIDE void fault_in_kernel(void)
{
	static char from[4096];
	char *to = mmap(NULL, sizeof(from), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd[2];

	if (to == MAP_FAILED || pipe(fd) ||
	    write(fd[1], from, sizeof(from)) != sizeof(from) ||
	    read(fd[0], to, sizeof(from)) != sizeof(from))
		_exit(1);
	close(fd[0]);
	close(fd[1]);
	munmap(to, sizeof(from));
}

/* Deeper than what the parent does meanwhile. */
static OUTSIDE void pong(int from, int to)
{
	char byte;

	while (read(from, &byte, 1) == 1) {
		SPIN(1000);
		if (write(to, &byte, 1) != 1)
			_exit(1);
	}
}

static OUTSIDE void in_child(int from, int to)
{
	pong(from, to);
	__asm__ volatile ("");
}

static OUTSIDE void after_fork(void)
{
	SPIN(1000);
}

static OUTSIDE void step(int number)
{
	int there[2], back_again[2], i;
	char byte = 0;
	pid_t pid;

	if (number == 1)
		start = __rdtsc();
	if (number == 3)
		end = __rdtsc();
	hot();
	warm();
	SPIN(7000);
	getppid();
	fault_in_kernel();
	if (!setjmp(back))
		jump_out(7);
	after_jump();
	raise(SIGUSR1);
	after_signal();
	if (pipe(there) || pipe(back_again))
		_exit(1);
	pid = fork();
	if (!pid) {
		close(there[1]);
		in_child(there[0], back_again[1]);
		_exit(0);
	}
	for (i = 0; i < 3; i++)
		if (write(there[1], &byte, 1) != 1 || read(back_again[0], &byte, 1) != 1)
			_exit(1);
	close(there[0]);
	close(there[1]);
	close(back_again[0]);
	close(back_again[1]);
	waitpid(pid, NULL, 0);
	after_fork();
}

int main(void)
{
	int i;

	signal(SIGUSR1, handler);
	for (i = 0; i < 5; i++)
		step(i);
	printf("ticks %llu\n", end - start);
	return 0;
}
