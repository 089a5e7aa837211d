// SPDX-License-Identifier: GPL-2.0
/* fork: two processes with the same memory, until one writes. */
#include "tap.h"
#include <pthread.h>
#include <sched.h>

#define MIB (1L << 20)

static uint64_t *fill(size_t bytes, uint64_t seed)
{
	uint64_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < bytes / 8; i++)
		p[i] = seed + i;
	return p;
}

static int same(const uint64_t *p, size_t bytes, uint64_t seed)
{
	for (size_t i = 0; i < bytes / 8; i++)
		if (p[i] != seed + i)
			return 0;
	return 1;
}

TEST(fork, cow)
{
	uint64_t *p = fill(8 * MIB, 5);

	for (int k = 0; k < 5; k++) {
		pid_t pid = xfork();

		if (!pid) {
			if (!same(p, 8 * MIB, 5 + k))
				_exit(1);
			for (size_t i = 0; i < 8 * MIB / 8; i++)
				p[i] = 7;
			sleep_ms(5);
			for (size_t i = 0; i < 8 * MIB / 8; i++)
				if (p[i] != 7)
					_exit(2);
			_exit(0);
		}
		for (size_t i = 0; i < 8 * MIB / 8; i++)
			p[i]++;
		CHECK(same(p, 8 * MIB, 6 + k));
		EXPECT_EXIT(pid, 0);
		CHECK(same(p, 8 * MIB, 6 + k));
	}
}

/* A snapshot, as databases make it: the child reads, the parent writes on. */
TEST(fork, snapshot)
{
	size_t bytes = 32 * MIB;
	uint64_t *p = fill(bytes, 1), seed = 3;
	int status;
	pid_t pid = xfork();

	if (!pid)
		_exit(same(p, bytes, 1) && same(p, bytes, 1) ? 0 : 1);
	while (!waitpid(pid, &status, WNOHANG))
		for (int i = 0; i < 100; i++)
			p[rnd(&seed) % (bytes / 8)] = 0;
	EQ(status, 0);
}

TEST(fork, many)
{
	for (int i = 0; i < 150; i++) {
		pid_t pid = xfork();

		if (!pid)
			_exit(i);
		EXPECT_EXIT(pid, i);
	}
}

TEST(fork, many_at_once)
{
	pid_t pid[48];

	for (int i = 0; i < 48; i++) {
		pid[i] = xfork();
		if (!pid[i]) {
			volatile char page[20000];

			for (size_t k = 0; k < sizeof(page); k++)
				page[k] = i;
			for (int k = 0; k < 20; k++) {
				redzone_check(500);
				sched_yield();
			}
			for (size_t k = 0; k < sizeof(page); k++)
				if (page[k] != i)
					_exit(200);
			_exit(i);
		}
	}
	for (int i = 0; i < 48; i++)
		EXPECT_EXIT(pid[i], i);
}

static void chain(int n)
{
	pid_t pid;

	if (!n)
		return;
	pid = xfork();
	if (!pid) {
		chain(n - 1);
		_exit(n);
	}
	EXPECT_EXIT(pid, n);
}

TEST(fork, generations)
{
	chain(30);
}

/* Both sides come back with all registers, from each kind of fork. */
ASM_FN(fk_raw_insn,
       "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
       "mov $0x21, %ebx\n mov $0x22, %ebp\n mov $0x23, %r12d\n"
       "mov $0x24, %r13d\n mov $0x25, %r14d\n mov $0x26, %r15d\n"
       "mov %rdi, %rax\n mov $17, %edi\n xor %esi, %esi\n xor %edx, %edx\n"
       "xor %r10d, %r10d\n xor %r8d, %r8d\n"
       ASM_INSN "\n jmp fk_check");
ASM_FN(fk_raw_call,
       "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
       "mov $0x21, %ebx\n mov $0x22, %ebp\n mov $0x23, %r12d\n"
       "mov $0x24, %r13d\n mov $0x25, %r14d\n mov $0x26, %r15d\n"
       "mov %rdi, %rax\n mov $17, %edi\n xor %esi, %esi\n xor %edx, %edx\n"
       "xor %r10d, %r10d\n xor %r8d, %r8d\n"
       ASM_CALL "\n jmp fk_check");
ASM_FN(fk_check,
       "xor $0x21, %rbx\n xor $0x22, %rbp\n xor $0x23, %r12\n"
       "xor $0x24, %r13\n xor $0x25, %r14\n xor $0x26, %r15\n"
       "or %rbp, %rbx\n or %r12, %rbx\n or %r13, %rbx\n or %r14, %rbx\n"
       "or %r15, %rbx\n jz 1f\n mov $-1000, %rax\n 1:\n"
       "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret");
long fk_raw_insn(long nr);
long fk_raw_call(long nr);

TEST(fork, registers)
{
	static const long nr[] = { SYS_fork, SYS_clone };

	tick_start(300, NULL, 0);
	for (int i = 0; i < 60; i++) {
		long pid;

		pid = (i % 2 && !cpl() ? fk_raw_call : fk_raw_insn)(nr[i / 2 % 2]);
		if (!pid)
			_exit(5);
		CHECK(pid > 0);
		EXPECT_EXIT(pid, 5);
	}
	tick_stop();
}

TEST(fork, timer)
{
	uint64_t *p = fill(MIB, 9);

	tick_start(100, NULL, 0);
	for (int i = 0; i < 40; i++) {
		pid_t pid = xfork();

		if (!pid) {
			tick_start(100, NULL, 0);
			for (int k = 0; k < 10; k++)
				redzone_check(1000);
			for (size_t k = 0; k < MIB / 8; k += 512)
				p[k]++;
			_exit(0);
		}
		for (size_t k = 0; k < MIB / 8; k += 512)
			p[k] = k + 9;
		EXPECT_EXIT(pid, 0);
	}
	tick_stop();
	CHECK(same(p, MIB, 9));
}

static void *forker(void *arg)
{
	for (int i = 0; i < 15; i++) {
		pid_t pid = xfork();

		if (!pid)
			_exit(i);
		EXPECT_EXIT(pid, i);
	}
	return arg;
}

TEST(fork, threads)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, forker, NULL));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(t[i], NULL));
}

/* Threads go on, on stacks that each fork makes shared again. */
static volatile int stop;

static void *runner(void *arg)
{
	int ppid = getppid();

	while (!stop) {
		redzone_check(100);
		fpu_check(100);
		EQ(way_insn(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
		if (!cpl())
			EQ(way_call(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
	}
	return arg;
}

TEST(fork, threads_running)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		CHECK(!pthread_create(&t[i], NULL, runner, NULL));
	for (int i = 0; i < 25; i++) {
		pid_t pid = xfork();

		if (!pid)
			_exit(i);
		EXPECT_EXIT(pid, i);
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_join(t[i], NULL));
}

/* Shared memory stays shared. */
TEST(fork, shared)
{
	volatile int *n = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[8];

	for (int i = 0; i < 8; i++) {
		pid[i] = xfork();
		if (!pid[i]) {
			for (int k = 0; k < 1000; k++)
				__atomic_add_fetch(n, 1, __ATOMIC_SEQ_CST);
			_exit(0);
		}
	}
	for (int i = 0; i < 8; i++)
		EXPECT_EXIT(pid[i], 0);
	EQ(*n, 8000);
}

/* Writes of the kernel, too, break the sharing. */
TEST(fork, cow_by_kernel)
{
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd[2];

	memset(p, 'a', 65536);
	CHECK(!pipe(fd));
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid = xfork();

		if (!pid) {
			for (int i = 0; i < 16; i++) {
				EQ(write(fd[1], "b", 1), 1);
				EQ(w->fn(SYS_read, fd[0], (long)p + i * 4096, 1,
					 0, 0, 0), 1);
				EQ(p[i * 4096], 'b');
			}
			_exit(0);
		}
		EXPECT_EXIT(pid, 0);
		for (int i = 0; i < 65536; i++)
			EQ(p[i], 'a');
	}
}
