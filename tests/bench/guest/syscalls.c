// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "syscalls": the cost of what applications ask of the kernel, one
 * small thing at a time, through libc.
 *
 * usage: syscalls [RUNS [WORKLOAD...]]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

#define PAGE	4096
#define PAGES	256
#define MANY	100

static int zero, null;
static char buffer[PAGE];
static const char *self;

/*
 * A workload runs an operation n times. One that has something to do before
 * or after says with begin() and end() what counts.
 */
static struct bench_clock start, span;
static int spanned;

static void begin(void)
{
	start = bench_now();
}

static void end(void)
{
	struct bench_clock more = bench_since(start);

	span.ticks += more.ticks;
	span.ns += more.ns;
	spanned = 1;
}

static void check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "syscalls: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void do_getppid(int n)
{
	while (n--)
		getppid();
}

static void do_read1(int n)
{
	while (n--)
		read(zero, buffer, 1);
}

static void do_read4k(int n)
{
	while (n--)
		read(zero, buffer, PAGE);
}

static void do_write1(int n)
{
	while (n--)
		write(null, buffer, 1);
}

static void do_write4k(int n)
{
	while (n--)
		write(null, buffer, PAGE);
}

/* Two processes and two pipes: one byte there and back. */
static void do_pipe(int n)
{
	int there[2], back[2], i;
	char byte = 0;
	pid_t pid;

	check(!pipe(there) && !pipe(back), "pipe");
	pid = fork();
	if (!pid) {
		close(there[1]);
		while (read(there[0], &byte, 1) == 1)
			write(back[1], &byte, 1);
		_exit(0);
	}
	write(there[1], &byte, 1);
	check(read(back[0], &byte, 1) == 1, "pipe");
	begin();
	for (i = 0; i < n; i++) {
		write(there[1], &byte, 1);
		read(back[0], &byte, 1);
	}
	end();
	close(there[0]);
	close(there[1]);
	close(back[0]);
	close(back[1]);
	waitpid(pid, NULL, 0);
}

static void bounce(int from, int to, int n)
{
	char byte = 0;

	check(send(from, &byte, 1, 0) == 1 && recv(to, &byte, 1, 0) == 1,
	      "send and recv");
	begin();
	while (n--) {
		sendto(from, &byte, 1, 0, NULL, 0);
		recvfrom(to, &byte, 1, 0, NULL, NULL);
	}
	end();
	close(from);
	close(to);
}

static void do_socketpair(int n)
{
	int fd[2];

	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd), "socketpair");
	bounce(fd[0], fd[1], n);
}

/* A socket bound to a free port of the loopback device. */
static int bound(int type, struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, type, 0);

	memset(at, 0, sizeof(*at));
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(fd >= 0 && !bind(fd, (void *)at, sizeof(*at)) &&
	      !getsockname(fd, (void *)at, &len), "socket");
	return fd;
}

static void do_udp(int n)
{
	struct sockaddr_in at, other;
	int to = bound(SOCK_DGRAM, &at), from = bound(SOCK_DGRAM, &other);

	check(!connect(from, (void *)&at, sizeof(at)), "connect");
	bounce(from, to, n);
}

static void do_tcp(int n)
{
	struct sockaddr_in at;
	int listener = bound(SOCK_STREAM, &at), from, to, one = 1;

	check(!listen(listener, 1), "listen");
	from = socket(AF_INET, SOCK_STREAM, 0);
	check(from >= 0 && !connect(from, (void *)&at, sizeof(at)), "connect");
	setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	to = accept(listener, NULL, NULL);
	check(to >= 0, "accept");
	close(listener);
	bounce(from, to, n);
}

/* Event counters, the last of which is readable. */
static int counters(int *fd, int count)
{
	uint64_t one = 1;
	int i;

	for (i = 0; i < count; i++) {
		fd[i] = syscall(SYS_eventfd2, 0, 0);
		check(fd[i] >= 0, "eventfd");
	}
	check(write(fd[count - 1], &one, sizeof(one)) == sizeof(one), "eventfd");
	return fd[count - 1];
}

static void epoll(int n, int count)
{
	int fd[MANY], set = epoll_create1(0), i;
	struct epoll_event event = { .events = EPOLLIN };

	counters(fd, count);
	for (i = 0; i < count; i++)
		check(!epoll_ctl(set, EPOLL_CTL_ADD, fd[i], &event), "epoll");
	begin();
	while (n--)
		epoll_wait(set, &event, 1, -1);
	end();
	for (i = 0; i < count; i++)
		close(fd[i]);
	close(set);
}

static void do_epoll1(int n)
{
	epoll(n, 1);
}

static void do_epoll100(int n)
{
	epoll(n, MANY);
}

static void do_poll(int n)
{
	struct pollfd set[10];
	int fd[10], i;

	counters(fd, 10);
	for (i = 0; i < 10; i++)
		set[i] = (struct pollfd){ .fd = fd[i], .events = POLLIN };
	begin();
	while (n--)
		poll(set, 10, -1);
	end();
	for (i = 0; i < 10; i++)
		close(fd[i]);
}

static void do_select(int n)
{
	int fd[10], last, i;
	fd_set all, set;

	last = counters(fd, 10);
	FD_ZERO(&all);
	for (i = 0; i < 10; i++)
		FD_SET(fd[i], &all);
	begin();
	while (n--) {
		set = all;
		select(last + 1, &set, NULL, NULL, NULL);
	}
	end();
	for (i = 0; i < 10; i++)
		close(fd[i]);
}

static void do_open(int n)
{
	while (n--)
		close(open("/tmp/file", O_RDONLY));
}

static void do_stat(int n)
{
	struct stat st;

	while (n--)
		stat("/tmp/file", &st);
}

static void do_mmap(int n)
{
	while (n--)
		munmap(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE);
}

static void touch(int n, char *map, int write)
{
	volatile char *page = map;
	int i;

	check(map != MAP_FAILED, "mmap");
	begin();
	for (i = 0; i < n; i++) {
		if (write)
			page[i * PAGE] = 1;
		else
			(void)page[i * PAGE];
	}
	end();
	munmap(map, n * PAGE);
}

static void do_fault_anonymous(int n)
{
	touch(n, mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1);
}

/*
 * Pages of the page cache, each with a fault of its own: a fault of an
 * ordinary mapping would bring its neighbours along.
 */
static void do_fault_file(int n)
{
	int fd = open("/tmp/file", O_RDWR);
	char *map = mmap(NULL, n * PAGE, PROT_READ, MAP_SHARED, fd, 0);

	check(map != MAP_FAILED && !madvise(map, n * PAGE, MADV_RANDOM),
	      "mmap");
	touch(n, map, 0);
	close(fd);
}

/* The main thread's stack, in a child in which it is still small. */
static void do_stack(int n)
{
	struct bench_clock *result = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile char *sp = __builtin_frame_address(0);
	int status, i;
	pid_t pid;

	check(result != MAP_FAILED, "mmap");
	/* Below what the calls of these functions themselves have touched. */
	sp -= 64 * PAGE;
	pid = fork();
	if (!pid) {
		*sp = 1;
		*result = bench_now();
		for (i = 1; i <= n; i++)
			sp[-i * PAGE] = 1;
		*result = bench_since(*result);
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid && !status, "stack");
	span = *result;
	spanned = 1;
	munmap(result, PAGE);
}

static void do_fork(int n)
{
	pid_t pid;

	while (n--) {
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
}

/* main() ends at once when its name is empty. */
static void do_exec(int n)
{
	char *argv[] = { "", NULL };
	pid_t pid;

	while (n--) {
		pid = fork();
		if (!pid) {
			execv(self, argv);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	}
}

static void do_spawn(int n)
{
	char *argv[] = { "", NULL };
	pid_t pid;

	while (n--) {
		check(!posix_spawn(&pid, self, NULL, NULL, argv, NULL),
		      "posix_spawn");
		waitpid(pid, NULL, 0);
	}
}

static void *thread(void *arg)
{
	return arg;
}

static void do_thread(int n)
{
	pthread_t t;

	while (n--) {
		check(!pthread_create(&t, NULL, thread, NULL), "pthread_create");
		pthread_join(t, NULL);
	}
}

/* Two processes that yield to each other: two switches each time. */
static void do_yield(int n)
{
	pid_t pid = fork();

	if (!pid) {
		for (;;)
			sched_yield();
	}
	sched_yield();
	begin();
	while (n--)
		sched_yield();
	end();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static volatile int signals;

static void count_signal(int sig)
{
	signals++;
}

static void do_signal(int n)
{
	pid_t pid = getpid();
	int i;

	signal(SIGUSR1, count_signal);
	signals = 0;
	begin();
	for (i = 0; i < n; i++)
		kill(pid, SIGUSR1);
	end();
	check(signals == n, "signals");
}

static int turn;

static void futex_wait_for(int mine)
{
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != mine)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !mine, NULL);
}

static void futex_pass(int mine)
{
	__atomic_store_n(&turn, !mine, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
}

static void *futex_partner(void *arg)
{
	int n = *(int *)arg;

	while (n--) {
		futex_wait_for(1);
		futex_pass(1);
	}
	return NULL;
}

/* Two threads that wake each other: there and back. */
static void do_futex(int n)
{
	pthread_t t;
	int all = n;

	turn = 0;
	check(!pthread_create(&t, NULL, futex_partner, &all), "pthread_create");
	sched_yield();
	begin();
	while (n--) {
		futex_pass(0);
		futex_wait_for(0);
	}
	end();
	pthread_join(t, NULL);
}

static const struct {
	const char *name;
	void (*run)(int n);
	int n;
	const char *unit;	/* what n counts */
} workload[] = {
	{ "getppid", do_getppid, 2000, "call" },
	{ "read1", do_read1, 2000, "call" },
	{ "read4k", do_read4k, 1000, "call" },
	{ "write1", do_write1, 2000, "call" },
	{ "write4k", do_write4k, 2000, "call" },
	{ "pipe", do_pipe, 500, "roundtrip" },
	{ "socketpair1", do_socketpair, 500, "send+recv" },
	{ "udp1", do_udp, 500, "send+recv" },
	{ "tcp1", do_tcp, 500, "send+recv" },
	{ "epoll_wait", do_epoll1, 1000, "call" },
	{ "epoll_wait100", do_epoll100, 1000, "call" },
	{ "poll10", do_poll, 1000, "call" },
	{ "select10", do_select, 1000, "call" },
	{ "open+close", do_open, 500, "pair" },
	{ "stat", do_stat, 500, "call" },
	{ "mmap+munmap", do_mmap, 500, "pair" },
	{ "fault_anonymous", do_fault_anonymous, PAGES, "page" },
	{ "fault_file", do_fault_file, PAGES, "page" },
	{ "stack_growth", do_stack, PAGES, "page" },
	{ "fork", do_fork, 20, "process" },
	{ "fork+exec", do_exec, 10, "process" },
	{ "posix_spawn", do_spawn, 10, "process" },
	{ "thread", do_thread, 50, "thread" },
	{ "context_switch", do_yield, 500, "roundtrip" },
	{ "signal", do_signal, 500, "signal" },
	{ "futex", do_futex, 500, "roundtrip" },
};

static void measure(int which, int runs)
{
	double ticks[BENCH_RUNS_MAX], ns[BENCH_RUNS_MAX];
	const char *name = workload[which].name;
	int n = workload[which].n, i;
	char unit[32];

	workload[which].run(n);
	for (i = 0; i < runs; i++) {
		struct bench_clock t = bench_now();

		memset(&span, 0, sizeof(span));
		spanned = 0;
		workload[which].run(n);
		t = bench_since(t);
		if (spanned)
			t = span;
		ticks[i] = (double)t.ticks / n;
		ns[i] = (double)t.ns / n;
	}
	snprintf(unit, sizeof(unit), "ticks/%s", workload[which].unit);
	bench_mean(name, "ticks", unit, ticks, runs);
	snprintf(unit, sizeof(unit), "ns/%s", workload[which].unit);
	bench_median(name, "time", unit, ns, runs);
}

static int wanted(const char *name, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	int runs, fd;
	size_t i;

	if (argc < 1 || !*argv[0])
		return 0;
	self = argv[0];
	runs = argc > 1 ? atoi(argv[1]) : 11;
	check(runs > 0 && runs <= BENCH_RUNS_MAX, "number of runs");

	zero = open("/dev/zero", O_RDONLY);
	null = open("/dev/null", O_WRONLY);
	fd = open("/tmp/file", O_RDWR | O_CREAT, 0600);
	check(zero >= 0 && null >= 0 && fd >= 0, "open");
	for (i = 0; i < PAGES; i++)
		check(write(fd, buffer, PAGE) == PAGE, "/tmp/file");
	close(fd);

	bench_cpl();
	for (i = 0; i < sizeof(workload) / sizeof(workload[0]); i++)
		if (wanted(workload[i].name, argc > 1 ? argv + 2 : argv + 1))
			measure(i, runs);
	return 0;
}
