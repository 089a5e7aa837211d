// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is on disk, or not to be had: swap, and the OOM killer. The pages of
 * a stack, of the program and of what has become jumps go, too, so that calls and
 * events at CPL 0 find them absent, and wait for the disk there.
 */
#include "tap.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/swap.h>
#include <sys/sysinfo.h>

#define PAGE 4096UL
#define MIB (1UL << 20)

static uint64_t pattern(uint64_t seed, size_t i)
{
	return (seed + i) * 0x9e3779b97f4a7c15;
}

static void fill(uint64_t *p, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size / 8; i++)
		p[i] = pattern(seed, i);
}

static void compare(const uint64_t *p, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size / 8; i++)
		if (p[i] != pattern(seed, i))
			FAIL("word %zu of %zu is %#lx", i, size / 8, p[i]);
}

static void *area(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static void need_swap(void)
{
	if (swapon("/dev/vda", 0) && errno != EBUSY)
		tap_skip("no swap on /dev/vda (errno %d)", errno);
}

/* Pages that were read from the disk so far, or written to it */
static long disk(int writes)
{
	FILE *f = fopen("/sys/block/vda/stat", "r");
	long n[7];

	CHECK(f);
	for (int i = 0; i < 7; i++)
		EQ(fscanf(f, "%ld", n + i), 1);
	fclose(f);
	return n[writes ? 6 : 2] / 8;
}

/* All that a process has mapped; of files, what it has written. */
static void page_out(pid_t pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	unsigned long from, to;
	char line[300];
	FILE *f;

	CHECK(pidfd >= 0);
	snprintf(line, sizeof(line), "/proc/%d/maps", pid);
	f = fopen(line, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		struct iovec iov;

		/* Some cannot: the vDSO. */
		EQ(sscanf(line, "%lx-%lx", &from, &to), 2);
		iov.iov_base = (void *)from;
		iov.iov_len = to - from;
		syscall(SYS_process_madvise, pidfd, &iov, 1, MADV_PAGEOUT, 0);
	}
	fclose(f);
	close(pidfd);
}

static long swapped_kib(pid_t pid)
{
	char line[100];
	long kib = -1;
	FILE *f;

	snprintf(line, sizeof(line), "/proc/%d/status", pid);
	f = fopen(line, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmSwap:", 7))
			kib = atol(line + 7);
	fclose(f);
	return kib;
}

static void note(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	dirty();
}

/* Waits for a byte by each way in turn, and looks at all that it has. */
static void waiter(int in, int out)
{
	uint64_t *data = area(MIB / 2), stack[PAGE * 4 / 8];
	int ppid = getppid();

	fill(data, MIB / 2, 1);
	fill(stack, sizeof(stack), 2);
	handle(SIGUSR1, note, SA_RESTART);
	for (const struct way *w = ways();; w = w[1].name ? w + 1 : ways()) {
		char c;

		if (w->fn(SYS_read, in, (long)&c, 1, 0, 0, 0) != 1)
			_exit(0);
		redzone_check(100);
		EQ(way_insn(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
		raise(SIGUSR1);
		fpu_check(100);
		compare(stack, sizeof(stack), 2);
		compare(data, MIB / 2, 1);
		EQ(write(out, &c, 1), 1);
	}
}

/* The return of a call finds neither stack nor program, and waits for the disk. */
TEST_IN(swap, waiting, 100)
{
	struct rusage ru;
	int to[2], from[2], status;
	pid_t pid;
	char c = 0;

	need_swap();
	CHECK(!pipe(to) && !pipe(from));
	pid = xfork();
	if (!pid) {
		close(to[1]);
		waiter(to[0], from[1]);
	}
	close(to[0]);
	for (int i = 0; i < 40; i++) {
		EQ(write(to[1], &c, 1), 1);
		EQ(read(from[0], &c, 1), 1);
		for (int k = 0; k < 3; k++) {
			sleep_ms(5);
			page_out(pid);
		}
		/* A count of several processors is not exact. */
		CHECK(swapped_kib(pid) >= 256);
	}
	close(to[1]);
	EQ(wait4(pid, &status, 0, &ru), pid);
	EQ(status, 0);
	/* From the disk, not only from the swap cache */
	CHECK(ru.ru_majflt >= 40);
}

/* Stopped anywhere, it goes on with nothing in memory; and while it runs. */
static uint64_t deep(int n)
{
	uint64_t frame[PAGE / 8];

	fill(frame, sizeof(frame), n);
	if (n)
		deep(n - 1);
	else
		redzone_check(1000);
	compare(frame, sizeof(frame), n);
	return frame[n % 8];
}

TEST_IN(swap, running, 200)
{
	uint64_t state = 0x2545f4914f6cdd1d;
	double end = now() + 180;
	long in;
	pid_t pid;

	need_swap();
	in = disk(0);
	pid = xfork();
	if (!pid) {
		tick_start(300, NULL, 0);
		for (;;) {
			deep(40);
			fpu_check_calls(20);
		}
	}
	for (int i = 0; i < 100 || disk(0) - in < 200; i++) {
		if (now() > end)
			FAIL("only %ld pages read from the disk", disk(0) - in);
		if (i % 2)
			kill(pid, SIGSTOP);
		for (int k = 0; k < 3; k++) {
			page_out(pid);
			sleep_ms(3);
		}
		kill(pid, SIGCONT);
		sleep_ms(rnd(&state) % 8);
		EQ(waitpid(pid, NULL, WNOHANG), 0);
	}
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

/* The call itself takes the page away that its return needs. */
TEST_IN(swap, own_stack, 100)
{
	uint64_t stack[PAGE * 4 / 8];
	double end = now() + 80;
	long out;

	need_swap();
	out = disk(1);
	fill(stack, sizeof(stack), 3);
	/* A page that is still on its way to the disk does not go again. */
	for (int i = 0; i < 50 || disk(1) - out < 100; i++) {
		if (now() > end)
			FAIL("only %ld pages written to the disk", disk(1) - out);
		for (const struct way *w = ways(); w->name; w++) {
			unsigned long sp = (unsigned long)__builtin_frame_address(0);

			EQ(w->fn(SYS_madvise, (sp & -PAGE) - 4 * PAGE, 6 * PAGE,
				 MADV_PAGEOUT, 0, 0, 0), 0);
			compare(stack, sizeof(stack), 3);
		}
	}
}

/* Parent and child have the same pages on the disk, until one writes. */
TEST_IN(swap, fork, 100)
{
	uint64_t *data;

	need_swap();
	data = area(MIB);
	fill(data, MIB, 4);
	for (int i = 0; i < 5; i++) {
		pid_t pid;

		CHECK(!madvise(data, MIB, MADV_PAGEOUT));
		pid = xfork();
		if (!pid) {
			compare(data, MIB / 2, 4);
			fill(data, MIB, 5);
			compare(data, MIB, 5);
			_exit(6);
		}
		compare(data, MIB, 4);
		EXPECT_EXIT(pid, 6);
		compare(data, MIB, 4);
	}
}

/* More than there is of memory */
TEST_IN(swap, pressure, 200)
{
	struct sysinfo si;
	uint64_t *data;
	size_t size;
	long in;

	need_swap();
	in = disk(0);
	CHECK(!sysinfo(&si));
	size = si.totalram * si.mem_unit / MIB * 5 / 4 * MIB;
	data = area(size);
	tick_start(1000, NULL, 0);
	fill(data, size, 7);
	compare(data, size, 7);
	tick_stop();
	redzone_check(100);
	CHECK(disk(0) - in > (long)(size / PAGE / 10));
}

/* The first to be killed */
static void offer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	CHECK(fd >= 0);
	EQ(write(fd, "1000", 4), 4);
	close(fd);
}

static void take_all(void)
{
	for (;;)
		memset(area(MIB), 1, MIB);
}

static void take_all_by_calls(void)
{
	for (;;)
		mmap(NULL, MIB, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

static void *spin(void *arg)
{
	for (;;)
		redzone_check(1000);
	return arg;
}

static void *call(void *arg)
{
	for (;;)
		getppid();
	return arg;
}

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

static void take_all_with_threads(void)
{
	void *(*const fn[])(void *) = { spin, call, sleeper };
	pthread_t t;

	for (int i = 0; i < 3; i++)
		CHECK(!pthread_create(&t, NULL, fn[i], NULL));
	take_all();
}

static void killed(void (*fn)(void))
{
	pid_t pid = xfork();

	if (!pid) {
		offer();
		fn();
	}
	redzone_check(100000);
	EXPECT_SIGNAL(pid, SIGKILL);
	fpu_check_calls(100);
	/* All of it is back. */
	memset(area(16 * MIB), 1, 16 * MIB);
}

TEST_IN(oom, user, 100)
{
	killed(take_all);
}

TEST_IN(oom, call, 100)
{
	killed(take_all_by_calls);
}

TEST_IN(oom, threads, 100)
{
	killed(take_all_with_threads);
}

/* One that does nothing is killed for another, wherever it is. */
static void for_another(void *(*fn)(void *))
{
	pid_t pid = xfork(), taker;

	if (!pid) {
		offer();
		memset(area(64 * MIB), 1, 64 * MIB);
		fn(NULL);
	}
	sleep_ms(300);
	taker = xfork();
	if (!taker)
		for (;;) {
			memset(area(MIB), 1, MIB);
			if (kill(pid, 0))
				_exit(7);
			/* The parent reaps it first. */
			sleep_ms(1);
		}
	EXPECT_SIGNAL(pid, SIGKILL);
	EXPECT_EXIT(taker, 7);
}

TEST_IN(oom, spinning, 100)
{
	for_another(spin);
}

TEST_IN(oom, calling, 100)
{
	for_another(call);
}

TEST_IN(oom, asleep, 100)
{
	for_another(sleeper);
}
