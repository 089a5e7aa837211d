// SPDX-License-Identifier: GPL-2.0
/* 64 threads, and what they share and do not share. */
#include "tap.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#define N 64

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_t t[N];
static volatile long counter;
static volatile int turn;
static __thread long mine = 5;

static void run_all(void *(*fn)(void *), int n)
{
	void *ret;

	for (long i = 0; i < n; i++)
		CHECK(!pthread_create(&t[i], NULL, fn, (void *)i));
	for (long i = 0; i < n; i++) {
		CHECK(!pthread_join(t[i], &ret));
		EQ(ret, i);
	}
}

static void *add(void *arg)
{
	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		if (i % 50 == 0)
			sched_yield();
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

TEST(threads, mutex)
{
	run_all(add, N);
	EQ(counter, N * 500);
}

/* The threads take turns: each wake-up is for one of them. */
static void *in_turn(void *arg)
{
	for (int i = 0; i < 10; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != (long)arg)
			pthread_cond_wait(&cond, &mutex);
		turn = (turn + 1) % N;
		counter++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

TEST(threads, cond)
{
	run_all(in_turn, N);
	EQ(counter, N * 10);
	EQ(turn, 0);
}

static void *own(void *arg)
{
	EQ(mine, 5);
	for (int i = 0; i < 50; i++) {
		mine = (long)arg * 1000 + i;
		redzone_check(300);
		fpu_check(300);
		sched_yield();
		EQ(mine, (long)arg * 1000 + i);
	}
	return arg;
}

TEST(threads, own_state)
{
	run_all(own, N);
	EQ(mine, 5);
}

TEST(threads, own_state_timer)
{
	tick_start(200, NULL, 0);
	run_all(own, 16);
	tick_stop();
}

static pthread_barrier_t barrier;

static void *meet(void *arg)
{
	for (int i = 0; i < 10; i++) {
		__atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
		pthread_barrier_wait(&barrier);
		EQ(counter, (i + 1) * N);
		pthread_barrier_wait(&barrier);
	}
	return arg;
}

TEST(threads, barrier)
{
	CHECK(!pthread_barrier_init(&barrier, NULL, N));
	run_all(meet, N);
}

static void *nothing(void *arg)
{
	return arg;
}

TEST(threads, create)
{
	for (int i = 0; i < 8; i++)
		run_all(nothing, N);
}

static sem_t items, room;
static volatile int queue[8];

static void *consume(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		sem_wait(&items);
		EQ(queue[i % 8], i);
		sem_post(&room);
	}
	return arg;
}

TEST(threads, queue)
{
	CHECK(!sem_init(&items, 0, 0) && !sem_init(&room, 0, 8));
	CHECK(!pthread_create(t, NULL, consume, NULL));
	for (int i = 0; i < 2000; i++) {
		sem_wait(&room);
		queue[i % 8] = i;
		sem_post(&items);
	}
	CHECK(!pthread_join(*t, NULL));
}

/* Each thread gets the signals that are sent to it. */
static __thread volatile int got;

static void count_mine(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	dirty();
	got++;
}

static void *receive(void *arg)
{
	while (got < 20) {
		redzone_check(100);
		getppid();
	}
	return arg;
}

TEST(threads, signals)
{
	void *ret;

	handle(SIGUSR1, count_mine, SA_RESTART);
	for (long i = 0; i < 8; i++)
		CHECK(!pthread_create(&t[i], NULL, receive, (void *)i));
	for (int k = 0; k < 20; k++) {
		for (int i = 0; i < 8; i++)
			CHECK(!pthread_kill(t[i], SIGUSR1));
		usleep(3000);
	}
	/* Standard signals do not queue: some may have been merged. */
	for (int i = 0; i < 8; i++)
		while (pthread_tryjoin_np(t[i], &ret)) {
			CHECK(!pthread_kill(t[i], SIGUSR1));
			usleep(500);
		}
	EQ(got, 0);
}

/* The end of the process is the end of all. */
static void *loop(void *arg)
{
	while (arg)
		getppid();
	pause();
	return arg;
}

TEST(threads, exit)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = xfork();

		if (!pid) {
			for (long k = 0; k < 8; k++)
				CHECK(!pthread_create(&t[k], NULL, loop,
						      (void *)(k % 2)));
			usleep(i * 300);
			if (i % 2)
				kill(getpid(), SIGKILL);
			_exit(4);
		}
		if (i % 2)
			EXPECT_SIGNAL(pid, SIGKILL);
		else
			EXPECT_EXIT(pid, 4);
	}
}

static void *storm(void *arg)
{
	int ppid = getppid();

	for (int i = 0; i < 3000; i++) {
		EQ(way_insn(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
		if (!cpl())
			EQ(way_call(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
		if (i % 100 == 0)
			sched_yield();
	}
	return arg;
}

TEST(threads, storm)
{
	tick_start(100, NULL, 0);
	run_all(storm, 8);
	tick_stop();
}

/* Mappings that change under the others: faults, and flushes on all CPUs. */
static char *volatile area;

static void *toucher(void *arg)
{
	while (!turn) {
		redzone_check(50);
		fpu_check(50);
		for (int i = 0; i < 64; i++)
			__atomic_add_fetch(area + i * 4096, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

TEST(threads, shootdown)
{
	double end = now() + 0.7;
	void *ret;

	area = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED);
	for (long i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, toucher, (void *)i));
	while (now() < end) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(p != MAP_FAILED);
		memset(p, 1, 65536);
		CHECK(!mprotect(p, 65536, PROT_READ));
		CHECK(!munmap(p, 65536));
		CHECK(!madvise(area, 64 * 4096, MADV_DONTNEED));
	}
	turn = 1;
	for (long i = 0; i < 4; i++) {
		CHECK(!pthread_join(t[i], &ret));
		EQ(ret, i);
	}
}

/* From CPU to CPU in the middle of it all. */
TEST(threads, migrate)
{
	unsigned int cpus = cpu_count();
	void *ret;

	if (cpus < 2)
		tap_skip("one CPU only");
	for (long i = 0; i < 8; i++)
		CHECK(!pthread_create(&t[i], NULL, i % 2 ? own : storm,
				      (void *)i));
	for (int i = 0; i < 1000; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(i % cpus, &set);
		pthread_setaffinity_np(t[i % 8], sizeof(set), &set);
	}
	for (long i = 0; i < 8; i++) {
		CHECK(!pthread_join(t[i], &ret));
		EQ(ret, i);
	}
}

/* Until the CPUs have come and gone often enough. */
static void *own_all_along(void *arg)
{
	for (; !turn; mine = 5)
		own(arg);
	return arg;
}

static void *storm_all_along(void *arg)
{
	while (!turn)
		storm(arg);
	return arg;
}

/* The state of a CPU that Linux sets up is lost when the CPU goes. */
TEST_IN(threads, hotplug, 60)
{
	unsigned int cpus;
	void *ret;

	if (!hotplug(1))
		tap_skip("CPU 1 cannot go");
	cpus = cpu_count();
	for (long i = 0; i < 6; i++)
		CHECK(!pthread_create(&t[i], NULL, i % 2 ? own_all_along :
				      storm_all_along, (void *)i));
	for (int i = 0; i < 8; i++) {
		CHECK(hotplug(0));
		EQ(cpu_count(), cpus - 1);
		storm(NULL);
		CHECK(hotplug(1));
		EQ(cpu_count(), cpus);
		on_cpu(1);
		storm(NULL);
		mine = 5;
		own(NULL);
		on_cpu(-1);
	}
	turn = 1;
	for (long i = 0; i < 6; i++) {
		CHECK(!pthread_join(t[i], &ret));
		EQ(ret, i);
	}
}
