// SPDX-License-Identifier: GPL-2.0
/* Time: sleeps, timers, and what they send. */
#include "tap.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timerfd.h>

static volatile int fired, value;

static void fire(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	dirty();
	value = si->si_value.sival_int;
	fired++;
}

TEST(timers, sleep)
{
	for (int ms = 1; ms < 40; ms += 7) {
		struct timespec ts = { 0, ms * 1000000 };

		for (const struct way *w = ways(); w->name; w++) {
			double start = now();

			EQ(w->fn(SYS_nanosleep, (long)&ts, 0, 0, 0, 0, 0), 0);
			CHECK(now() - start >= ms / 1000.0);
		}
	}
}

TEST(timers, absolute)
{
	struct timespec ts, after;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += 20000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK(after.tv_sec > ts.tv_sec || (after.tv_sec == ts.tv_sec &&
					   after.tv_nsec >= ts.tv_nsec));
	EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);
}

TEST(timers, timer_create)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL };
	struct itimerspec its = { { 0, 1000000 }, { 0, 1000000 } };
	double end;
	timer_t t;

	ev.sigev_signo = SIGRTMIN + 1;
	ev.sigev_value.sival_int = 99;
	handle(SIGRTMIN + 1, fire, SA_RESTART);
	CHECK(!timer_create(CLOCK_MONOTONIC, &ev, &t));
	CHECK(!timer_settime(t, 0, &its, NULL));
	end = now() + 5;
	while (fired < 100 && now() < end)
		redzone_check(1000);
	CHECK(!timer_delete(t));
	CHECK(fired >= 20);
	EQ(value, 99);
}

TEST(timers, timerfd)
{
	struct itimerspec its = { { 0, 2000000 }, { 0, 2000000 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct pollfd pfd = { fd, POLLIN, 0 };
	uint64_t n, sum = 0;
	double start = now();

	CHECK(fd >= 0);
	CHECK(!timerfd_settime(fd, 0, &its, NULL));
	while (sum < 20) {
		EQ(poll(&pfd, 1, 2000), 1);
		EQ(read(fd, &n, 8), 8);
		sum += n;
	}
	CHECK(now() - start >= 0.039);
}

TEST(timers, virtual)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };
	double end = now() + 5;

	handle(SIGPROF, fire, SA_RESTART);
	CHECK(!setitimer(ITIMER_PROF, &it, NULL));
	while (fired < 5 && now() < end)
		redzone_check(1000);
	CHECK(fired >= 5);
}

TEST(timers, alarm)
{
	double start = now();

	handle(SIGALRM, fire, 0);
	alarm(1);
	EQ(pause(), -1);
	EQ(fired, 1);
	CHECK(now() - start >= 0.9);
}

static long microseconds(const struct timeval *tv)
{
	return tv->tv_sec * 1000000 + tv->tv_usec;
}

/* Time in the application counts as its own, time in calls as the system's. */
TEST(timers, usage)
{
	static char random[1 << 16];
	struct rusage a, b, c;
	double end = now() + 0.3;
	long user, system;

	CHECK(!getrusage(RUSAGE_SELF, &a));
	while (now() < end)
		redzone_check(10000);
	CHECK(!getrusage(RUSAGE_SELF, &b));
	end = now() + 0.3;
	while (now() < end)
		EQ(syscall(SYS_getrandom, random, sizeof(random), 0), sizeof(random));
	CHECK(!getrusage(RUSAGE_SELF, &c));
	user = microseconds(&b.ru_utime) - microseconds(&a.ru_utime);
	system = microseconds(&c.ru_stime) - microseconds(&b.ru_stime);
	if (user < 30000)
		FAIL("only %ld us of 300000 count as user time", user);
	if (system < 30000)
		FAIL("only %ld us of 300000 count as system time", system);
}

/* Many at once, in processes that sleep and wake. */
TEST(timers, crowd)
{
	pid_t pid[16];

	for (int i = 0; i < 16; i++) {
		pid[i] = xfork();
		if (!pid[i]) {
			struct timespec ts = { 0, 100000 * (i + 1) };

			tick_start(700 + i * 50, NULL, 0);
			for (int k = 0; k < 50; k++) {
				redzone_check(100);
				nanosleep(&ts, NULL);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 16; i++)
		EXPECT_EXIT(pid[i], 0);
}
