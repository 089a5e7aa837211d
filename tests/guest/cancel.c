// SPDX-License-Identifier: GPL-2.0
/* pthread_cancel: of threads that block, at once, and without losing data. */
#include "tap.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>

static int fds[2], listener;
static volatile int cleaned, entered;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;

/* Needs an aligned stack, which a deferred cancellation must give it. */
static void clean(void *arg)
{
	char text[32];

	(void)arg;
	snprintf(text, sizeof(text), "%f", 1.5);
	cleaned++;
}

/* An asynchronous one comes anywhere; musl does not align the stack then. */
static void clean_async(void *arg)
{
	(void)arg;
	cleaned++;
}

static void clean_unlock(void *arg)
{
	pthread_mutex_unlock(arg);
	cleaned++;
}

#define BLOCKING(name, body) BLOCKING_WITH(clean, name, body)
#define ASYNC(name, body) BLOCKING_WITH(clean_async, name, \
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL); \
	body)
#define BLOCKING_WITH(clean, name, body)	\
	static void *name(void *arg)		\
	{					\
		pthread_cleanup_push(clean, arg); \
		entered = 1;			\
		body;				\
		pthread_cleanup_pop(0);		\
		return NULL;			\
	}

BLOCKING(in_read, char c; if (read(fds[0], &c, 1)) return NULL)
BLOCKING(in_poll, poll(NULL, 0, -1))
BLOCKING(in_sleep, struct timespec ts = { .tv_sec = 100 };
	 for (;;) nanosleep(&ts, NULL))
BLOCKING(in_accept, accept(listener, NULL, NULL))
BLOCKING(in_sem, sem_wait(&sem))
BLOCKING(in_pause, pause())
BLOCKING(in_sigwait, sigset_t set; int sig; sigemptyset(&set);
	 sigaddset(&set, SIGUSR2); sigwait(&set, &sig))
BLOCKING(in_test, for (;;) pthread_testcancel())
ASYNC(in_read_async, char c; if (read(fds[0], &c, 1)) return NULL)
ASYNC(in_loop_async, volatile int x = 1; while (x);)
ASYNC(in_calls_async, for (;;) getppid();)

static void *in_cond(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(clean_unlock, &mutex);
	entered = 1;
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_one(void *(*fn)(void *), unsigned int delay_us)
{
	int before = cleaned;
	pthread_t t;
	void *ret;

	entered = 0;
	CHECK(!pthread_create(&t, NULL, fn, NULL));
	while (!entered)
		usleep(100);
	if (delay_us)
		usleep(delay_us);
	CHECK(!pthread_cancel(t));
	CHECK(!pthread_join(t, &ret));
	CHECK(ret == PTHREAD_CANCELED);
	EQ(cleaned, before + 1);
}

TEST(cancel, blocked)
{
	static void *(*const fn[])(void *) = {
		in_read, in_poll, in_sleep, in_accept, in_sem, in_pause,
		in_sigwait, in_cond, in_test, in_read_async, in_loop_async,
		in_calls_async,
	};

	CHECK(!pipe(fds));
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(listener >= 0);
	CHECK(!bind(listener, (void *)&(sa_family_t){ AF_UNIX },
		    sizeof(sa_family_t)));
	CHECK(!listen(listener, 1));
	CHECK(!sem_init(&sem, 0, 0));
	for (int i = 0; i < 10; i++)
		for (size_t k = 0; k < sizeof(fn) / sizeof(*fn); k++)
			cancel_one(fn[k], i % 3 * 1000);
}

static void *disabled(void *arg)
{
	char c;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	entered = 1;
	if (read(fds[0], &c, 1) != 1)
		return NULL;
	return arg;
}

TEST(cancel, disabled)
{
	pthread_t t;
	void *ret;

	CHECK(!pipe(fds));
	for (int i = 0; i < 20; i++) {
		entered = 0;
		CHECK(!pthread_create(&t, NULL, disabled, fds));
		while (!entered)
			usleep(100);
		usleep(1000);
		CHECK(!pthread_cancel(t));
		usleep(1000);
		EQ(write(fds[1], "x", 1), 1);
		CHECK(!pthread_join(t, &ret));
		CHECK(ret == fds);
	}
}

/* What a cancelled reader has not counted must still be in the pipe. */
static volatile unsigned int count;

static void *reader(void *arg)
{
	unsigned int n;

	for (;;) {
		if (read(fds[0], &n, sizeof(n)) != sizeof(n))
			return arg;
		if (n != count)
			return arg;
		count++;
	}
}

TEST_IN(cancel, no_loss, 60)
{
	unsigned int written = 0;
	uint64_t seed = 99;

	CHECK(!pipe2(fds, O_NONBLOCK));
	CHECK(!fcntl(fds[0], F_SETFL, 0));
	for (int i = 0; i < 150; i++) {
		double end = now() + 1e-6 * (rnd(&seed) % 1500);
		pthread_t t;
		void *ret;

		CHECK(!pthread_create(&t, NULL, reader, fds));
		while (now() < end)
			if (write(fds[1], &written, sizeof(written)) ==
			    sizeof(written))
				written++;
		CHECK(!pthread_cancel(t));
		for (int k = 0; k < 3; k++)
			if (write(fds[1], &written, sizeof(written)) ==
			    sizeof(written))
				written++;
		CHECK(!pthread_join(t, &ret));
		CHECK(ret == PTHREAD_CANCELED);
	}
	CHECK(!fcntl(fds[0], F_SETFL, O_NONBLOCK));
	reader(NULL);
	EQ(count, written);
}

/* An open that succeeded is not cancelled: no descriptor is lost. */
static volatile int open_fd = -1;

static void *opener(void *arg)
{
	for (;;) {
		open_fd = open("/proc/self/stat", O_RDONLY);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		if (open_fd < 0)
			return arg;
		close(open_fd);
		open_fd = -1;
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	}
}

TEST_IN(cancel, no_leak, 60)
{
	int first = open("/", O_RDONLY), fd;
	uint64_t seed = 7;

	for (int i = 0; i < 150; i++) {
		pthread_t t;
		void *ret;
		double end = now() + 1e-6 * (rnd(&seed) % 1500);

		CHECK(!pthread_create(&t, NULL, opener, &seed));
		while (now() < end)
			;
		CHECK(!pthread_cancel(t));
		CHECK(!pthread_join(t, &ret));
		CHECK(ret == PTHREAD_CANCELED);
		EQ(open_fd, -1);
	}
	fd = open("/", O_RDONLY);
	EQ(fd, first + 1);
}

/* Signals of another kind beside the one that cancels. */
TEST(cancel, timer)
{
	CHECK(!pipe(fds));
	tick_start(200, NULL, 0);
	for (int i = 0; i < 100; i++)
		cancel_one(i % 2 ? in_read : in_sleep, i % 5 * 300);
	tick_stop();
}
