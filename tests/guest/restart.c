// SPDX-License-Identifier: GPL-2.0
/* System calls that a signal interrupts: EINTR, or once more. */
#include "tap.h"
#include <limits.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

static volatile int handled;

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	dirty();
	handled++;
}

/* A child that runs @body after a while; the parent goes on at once. */
#define LATER(pid, ms, body) do {					\
	pid = xfork();							\
	if (!pid) {							\
		sleep_ms(ms);						\
		body;							\
		_exit(0);						\
	}								\
} while (0)

TEST(restart, read)
{
	int fd[2];
	char c = 0;

	CHECK(!pipe(fd));
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid, parent = getpid();

		handled = 0;
		handle(SIGUSR1, on_signal, SA_RESTART);
		LATER(pid, 20, kill(parent, SIGUSR1); sleep_ms(20);
		      kill(parent, SIGUSR1); sleep_ms(20);
		      CHECK(write(fd[1], w->name, 1) == 1));
		EQ(w->fn(SYS_read, fd[0], (long)&c, 1, 0, 0, 0), 1);
		EQ(c, w->name[0]);
		EQ(handled, 2);
		EXPECT_EXIT(pid, 0);

		handle(SIGUSR1, on_signal, 0);
		LATER(pid, 20, kill(parent, SIGUSR1));
		EQ(w->fn(SYS_read, fd[0], (long)&c, 1, 0, 0, 0), -EINTR);
		EQ(handled, 3);
		EXPECT_EXIT(pid, 0);
	}
}

/* All six arguments must still be there the second time. */
TEST(restart, six_arguments)
{
	struct sockaddr_in a = loopback(), from;
	socklen_t len = sizeof(a);
	int in = socket(AF_INET, SOCK_DGRAM, 0);
	int out = socket(AF_INET, SOCK_DGRAM, 0);
	char text[32];

	CHECK(!bind(in, (void *)&a, len));
	CHECK(!getsockname(in, (void *)&a, &len));
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid, parent = getpid();

		handled = 0;
		handle(SIGUSR1, on_signal, SA_RESTART);
		LATER(pid, 20,
		      for (int i = 0; i < 20; i++) {
			      kill(parent, SIGUSR1);
			      sleep_ms(1);
		      }
		      sleep_ms(10);
		      CHECK(sendto(out, "datagram", 8, 0, (void *)&a, len) == 8));
		len = sizeof(from);
		memset(text, 0, sizeof(text));
		memset(&from, 0, sizeof(from));
		EQ(w->fn(SYS_recvfrom, in, (long)text, sizeof(text), 0,
			 (long)&from, (long)&len), 8);
		CHECK(!memcmp(text, "datagram", 8));
		EQ(len, sizeof(from));
		EQ(from.sin_addr.s_addr, a.sin_addr.s_addr);
		CHECK(handled >= 10);
		EXPECT_EXIT(pid, 0);
	}
}

TEST(restart, storm)
{
	for (const struct way *w = ways(); w->name; w++) {
		int fd[2];
		char c;
		pid_t pid;

		CHECK(!pipe(fd));
		pid = xfork();
		if (!pid)
			for (unsigned char n = 0;; n++) {
				usleep(300);
				if (write(fd[1], &n, 1) != 1)
					_exit(0);
			}
		tick_start(100, NULL, 0);
		for (int i = 0; i < 300; i++) {
			EQ(w->fn(SYS_read, fd[0], (long)&c, 1, 0, 0, 0), 1);
			EQ((unsigned char)c, i & 0xff);
		}
		tick_stop();
		CHECK(ticks > 100);
		kill(pid, SIGKILL);
		EXPECT_SIGNAL(pid, SIGKILL);
		close(fd[0]);
		close(fd[1]);
	}
}

TEST(restart, wait)
{
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid, parent = getpid();
		int status = 0;

		handled = 0;
		handle(SIGUSR1, on_signal, SA_RESTART);
		LATER(pid, 20, kill(parent, SIGUSR1); sleep_ms(20); _exit(9));
		EQ(w->fn(SYS_wait4, pid, (long)&status, 0, 0, 0, 0), pid);
		EQ(status, 9 << 8);
		EQ(handled, 1);
	}
}

/* Never restarted when a handler has run. */
TEST(restart, never)
{
	struct timespec half = { 0, 500000000 }, left;
	int ep = epoll_create1(0), word = 0, fd[2];
	struct pollfd pfd;
	struct epoll_event ev;

	CHECK(!pipe(fd));
	pfd = (struct pollfd) { fd[0], POLLIN, 0 };
	handle(SIGUSR1, on_signal, SA_RESTART);
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid, parent = getpid();
		sigset_t none;
		double start = now();

		sigemptyset(&none);
		LATER(pid, 10, kill(parent, SIGUSR1));
		EQ(w->fn(SYS_nanosleep, (long)&half, (long)&left, 0, 0, 0, 0),
		   -EINTR);
		CHECK(left.tv_sec == 0 && left.tv_nsec > 0 &&
		      left.tv_nsec < 500000000);
		EXPECT_EXIT(pid, 0);
		LATER(pid, 10, kill(parent, SIGUSR1));
		EQ(w->fn(SYS_poll, (long)&pfd, 1, 500, 0, 0, 0), -EINTR);
		EXPECT_EXIT(pid, 0);
		LATER(pid, 10, kill(parent, SIGUSR1));
		EQ(w->fn(SYS_epoll_wait, ep, (long)&ev, 1, 500, 0, 0), -EINTR);
		EXPECT_EXIT(pid, 0);
		LATER(pid, 10, kill(parent, SIGUSR1));
		EQ(w->fn(SYS_futex, (long)&word, FUTEX_WAIT, 0, (long)&half, 0,
			 0), -EINTR);
		EXPECT_EXIT(pid, 0);
		LATER(pid, 10, kill(parent, SIGUSR1));
		EQ(w->fn(SYS_rt_sigsuspend, (long)&none, 8, 0, 0, 0, 0), -EINTR);
		EXPECT_EXIT(pid, 0);
		LATER(pid, 10, kill(parent, SIGUSR1));
		EQ(w->fn(SYS_pause, 0, 0, 0, 0, 0, 0), -EINTR);
		EXPECT_EXIT(pid, 0);
		CHECK(now() - start < 2.9);
	}
}

/* A futex without a time limit is. */
TEST(restart, futex)
{
	int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	handle(SIGUSR1, on_signal, SA_RESTART);
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid, parent = getpid();

		handled = 0;
		LATER(pid, 10, kill(parent, SIGUSR1); sleep_ms(10);
		      while (!syscall(SYS_futex, word, FUTEX_WAKE, 1, 0, 0, 0))
			      sleep_ms(1));
		EQ(w->fn(SYS_futex, (long)word, FUTEX_WAIT, 0, 0, 0, 0), 0);
		EQ(handled, 1);
		EXPECT_EXIT(pid, 0);
	}
}

/* The mask of pselect and sigsuspend: in force during, not after. */
TEST(restart, mask)
{
	sigset_t usr1, none, now_set;
	struct timespec long_time = { 5, 0 };

	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	CHECK(!sigprocmask(SIG_BLOCK, &usr1, NULL));
	handle(SIGUSR1, on_signal, 0);
	for (int i = 0; i < 5; i++) {
		handled = 0;
		raise(SIGUSR1);
		EQ(handled, 0);
		errno = 0;
		EQ(pselect(0, NULL, NULL, NULL, &long_time, &none), -1);
		EQ(errno, EINTR);
		EQ(handled, 1);
		raise(SIGUSR1);
		EQ(ppoll(NULL, 0, &long_time, &none), -1);
		EQ(handled, 2);
		raise(SIGUSR1);
		EQ(sigsuspend(&none), -1);
		EQ(handled, 3);
		CHECK(!sigprocmask(SIG_BLOCK, NULL, &now_set));
		CHECK(sigismember(&now_set, SIGUSR1));
	}
}

/*
 * Stop and continue: without a handler, these go on where they were
 * (ERESTART_RESTARTBLOCK), and end no earlier than asked for.
 */
static void stop_and_go(pid_t pid, int times, int wake_fd)
{
	int status;

	while (times--) {
		sleep_ms(20);
		CHECK(!kill(pid, SIGSTOP));
		EQ(waitpid(pid, &status, WUNTRACED), pid);
		if (!WIFSTOPPED(status)) {
			/* A slow machine: the time was up before. */
			EQ(status, 0);
			return;
		}
		CHECK(!kill(pid, SIGCONT));
	}
	if (wake_fd >= 0)
		EQ(write(wake_fd, "x", 1), 1);
	EXPECT_EXIT(pid, 0);
}

static void block_in(const struct way *w, int which)
{
	struct timespec ts = { 0, 150000000 };
	int word = 0, fd[2];
	struct pollfd pfd;
	double start = now(), end;

	CHECK(!pipe(fd));
	pfd = (struct pollfd) { fd[0], POLLIN, 0 };
	switch (which) {
	case 0:
		EQ(w->fn(SYS_nanosleep, (long)&ts, 0, 0, 0, 0, 0), 0);
		break;
	case 1:
		EQ(w->fn(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&ts, 0,
			 0, 0), 0);
		break;
	case 2:
		EQ(w->fn(SYS_poll, (long)&pfd, 1, 150, 0, 0, 0), 0);
		break;
	case 3:
		EQ(w->fn(SYS_futex, (long)&word, FUTEX_WAIT, 0, (long)&ts, 0, 0),
		   -ETIMEDOUT);
		break;
	case 4:
		EQ(w->fn(SYS_select, 0, 0, 0, 0,
			 (long)&(struct timeval) { 0, 150000 }, 0), 0);
		break;
	}
	end = now();
	if (end - start < 0.149)
		FAIL("%s: case %d took %.3f s", w->name, which, end - start);
	_exit(0);
}

TEST(restart, stop_continue)
{
	for (const struct way *w = ways(); w->name; w++)
		for (int which = 0; which < 5; which++) {
			pid_t pid = xfork();

			if (!pid)
				block_in(w, which);
			stop_and_go(pid, 4, -1);
		}
}

/* The same by libc, and in a read that another process ends. */
TEST(restart, stop_continue_libc)
{
	struct timespec ts = { 0, 150000000 };
	double start = now();
	pid_t pid[2];
	int fd[2];
	char c;

	CHECK(!pipe(fd));
	pid[0] = xfork();
	if (!pid[0])
		_exit(nanosleep(&ts, NULL) || now() - start < 0.149);
	pid[1] = xfork();
	if (!pid[1])
		_exit(read(fd[0], &c, 1) == 1 && c == 'x' ? 0 : 1);
	stop_and_go(pid[0], 3, -1);
	stop_and_go(pid[1], 3, fd[1]);
}

/* A restart into a handler that itself blocks and is interrupted. */
static int nested_fd[2];

static void nested(int sig, siginfo_t *si, void *uc)
{
	struct timespec ts = { 0, 5000000 };
	char c;

	(void)sig, (void)si, (void)uc;
	handled++;
	nanosleep(&ts, NULL);
	if (read(nested_fd[0], &c, 1) != 1)
		FAIL("read in the handler");
}

TEST(restart, nested)
{
	int fd[2];
	char c;
	pid_t pid, parent = getpid();

	CHECK(!pipe(fd) && !pipe(nested_fd));
	handle(SIGUSR1, nested, SA_RESTART);
	handle(SIGUSR2, on_signal, SA_RESTART);
	LATER(pid, 10, kill(parent, SIGUSR1); sleep_ms(20);
	      kill(parent, SIGUSR2); sleep_ms(10);
	      CHECK(write(nested_fd[1], "n", 1) == 1); sleep_ms(10);
	      CHECK(write(fd[1], "o", 1) == 1));
	EQ(read(fd[0], &c, 1), 1);
	EQ(c, 'o');
	EQ(handled, 2);
	EXPECT_EXIT(pid, 0);
}
