// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses that are not the program's, as arguments of system calls. At CPL 0
 * the program could use them itself; the kernel must refuse them as ever.
 */
#include "tap.h"
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define PAGE		4096
#define DIRECT_MAP	0xffff888000000000
#define ADDRESS		0x000ffffffffff000
#define TASK_END	0x7ffffffff000

static unsigned char *page;
static int zero, in, out, sock, ep, dir;
static char buf[512];
static char own_page[PAGE] __attribute__((aligned(PAGE)));
static struct timespec soon = { 0, 1 };
static socklen_t len = sizeof(buf);

/* Where the kernel has @p, which is there, in its map of all memory */
static unsigned long kernel_address(const void *p)
{
	unsigned long table, entry, at = (unsigned long)p;

	__asm__ volatile("mov %%cr3, %0" : "=r" (table));
	for (int shift = 39; shift >= 12; shift -= 9) {
		entry = ((unsigned long *)(DIRECT_MAP + (table & ADDRESS)))
			[at >> shift & 511];
		CHECK(entry & 1);
		/* A large page */
		if (shift > 12 && entry & 0x80)
			return DIRECT_MAP + (entry & ADDRESS & -(1ul << shift)) +
			       (at & ((1ul << shift) - 1));
		table = entry;
	}
	return DIRECT_MAP + (table & ADDRESS) + at % PAGE;
}

/* Each with the address in one place and everything else in order. */
#define BAD	0x5bad5bad5bad5bad
#define P(x)	((long)(x))

static struct iovec bad_vector = { NULL, 16 };
static struct msghdr bad_message = { .msg_iovlen = 1 };

static const struct bad_call {
	const char *name;
	long nr, arg[6];
} bad_calls[] = {
#define C(name, ...) { #name, SYS_##name, { __VA_ARGS__ } }
#define ZERO	-1001
#define IN	-1002
#define OUT	-1003
#define SOCK	-1004
#define EP	-1005
#define DIR	-1006
	C(read, ZERO, BAD, 16), C(write, OUT, BAD, 16), C(open, BAD),
	C(stat, BAD, P(buf)), C(stat, P("/"), BAD), C(fstat, ZERO, BAD),
	C(lstat, P("/"), BAD), C(poll, BAD, 1), C(pread64, ZERO, BAD, 16),
	C(rt_sigaction, SIGUSR1, BAD, 0, 8), C(rt_sigaction, SIGUSR1, 0, BAD, 8),
	C(rt_sigprocmask, SIG_BLOCK, BAD, 0, 8),
	C(rt_sigprocmask, SIG_BLOCK, 0, BAD, 8), C(rt_sigpending, BAD, 8),
	C(ioctl, IN, FIONREAD, BAD), C(readv, ZERO, BAD, 1),
	C(readv, ZERO, P(&bad_vector), 1), C(writev, OUT, BAD, 1),
	C(writev, OUT, P(&bad_vector), 1), C(access, BAD), C(pipe, BAD),
	C(select, 1, BAD, 0, 0, 0), C(select, 0, 0, 0, 0, BAD),
	C(nanosleep, BAD), C(getitimer, ITIMER_REAL, BAD),
	C(setitimer, ITIMER_REAL, BAD), C(connect, SOCK, BAD, 16),
	C(bind, SOCK, BAD, 16), C(getsockname, SOCK, BAD, P(&len)),
	C(getsockname, SOCK, P(buf), BAD), C(sendmsg, SOCK, BAD),
	C(sendmsg, SOCK, P(&bad_message)), C(recvmsg, SOCK, BAD, MSG_DONTWAIT),
	C(sendto, SOCK, BAD, 16), C(sendto, SOCK, P(buf), 16, 0, BAD, 16),
	C(socketpair, AF_UNIX, SOCK_STREAM, 0, BAD),
	C(setsockopt, SOCK, SOL_SOCKET, SO_SNDBUF, BAD, 4),
	C(getsockopt, SOCK, SOL_SOCKET, SO_SNDBUF, BAD, P(&len)),
	C(getsockopt, SOCK, SOL_SOCKET, SO_SNDBUF, P(buf), BAD),
	C(execve, BAD), C(execve, P("/proc/self/exe"), BAD),
	C(execve, P("/proc/self/exe"), 0, BAD),
	C(uname, BAD), C(fcntl, ZERO, F_GETLK, BAD), C(getcwd, BAD, 64),
	C(chdir, BAD), C(rename, BAD, P("/tmp/x")), C(mkdir, BAD),
	C(unlink, BAD), C(readlink, BAD, P(buf), 64),
	C(readlink, P("/proc/self/exe"), BAD, 64), C(chmod, BAD),
	C(gettimeofday, BAD), C(getrlimit, 0, BAD), C(setrlimit, 0, BAD),
	C(getrusage, 0, BAD), C(sysinfo, BAD), C(times, BAD),
	C(statfs, P("/"), BAD), C(fstatfs, ZERO, BAD), C(mount, 0, BAD),
	C(sched_getparam, 0, BAD), C(sched_getaffinity, 0, 8, BAD),
	C(sched_setaffinity, 0, 8, BAD), C(prctl, PR_GET_NAME, BAD),
	C(prctl, PR_SET_NAME, BAD), C(arch_prctl, ARCH_GET_FS, BAD),
	C(futex, BAD, FUTEX_WAKE, 1), C(futex, BAD, FUTEX_WAIT, 0, P(&soon)),
	C(getdents64, DIR, BAD, 256), C(clock_gettime, 0, BAD),
	C(clock_getres, 0, BAD), C(clock_nanosleep, 0, 0, BAD),
	C(timer_create, 0, 0, BAD), C(epoll_ctl, EP, EPOLL_CTL_ADD, IN, BAD),
	C(epoll_wait, EP, BAD, 1, 0), C(openat, AT_FDCWD, BAD),
	C(newfstatat, AT_FDCWD, P("/"), BAD), C(signalfd4, -1, BAD, 8),
	C(pipe2, BAD), C(prlimit64, 0, 0, 0, BAD), C(prlimit64, 0, 0, BAD),
	C(getcpu, BAD), C(getrandom, BAD, 8), C(memfd_create, BAD),
	C(statx, AT_FDCWD, P("/"), 0, 0xfff, BAD), C(clone3, BAD, 64),
	C(sigaltstack, BAD), C(sigaltstack, 0, BAD),
	C(mincore, P(own_page), PAGE, BAD), C(ppoll, BAD, 1),
	C(ppoll, 0, 0, BAD), C(pselect6, 0, 0, 0, 0, BAD),
};

static long argument(long value, long bad)
{
	switch (value) {
	case BAD:
		return bad;
	case ZERO:
		return zero;
	case IN:
		return in;
	case OUT:
		return out;
	case SOCK:
		return sock;
	case EP:
		return ep;
	case DIR:
		return dir;
	default:
		return value;
	}
}

static void call_all(const char *which, long bad)
{
	bad_vector.iov_base = (void *)bad;
	bad_message.msg_iov = (void *)bad;
	for (const struct way *w = ways(); w->name; w++)
		for (size_t i = 0; i < sizeof(bad_calls) / sizeof(*bad_calls); i++) {
			const struct bad_call *c = &bad_calls[i];
			long a[6], ret;

			for (int k = 0; k < 6; k++)
				a[k] = argument(c->arg[k], bad);
			ret = w->fn(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
			if (ret != -EFAULT && ret != -ENOSYS)
				FAIL("%s, number %zu, by %s, %s: %ld", c->name, i,
				     w->name, which, ret);
		}
}

TEST(addresses, refused)
{
	int fd[2];

	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	memset(page, 0x5a, PAGE);
	CHECK(!pipe(fd));
	in = fd[0];
	out = fd[1];
	EQ(write(out, "x", 1), 1);
	zero = memfd_create("zero", 0);
	EQ(write(zero, buf, sizeof(buf)), sizeof(buf));
	EQ(lseek(zero, 0, SEEK_SET), 0);
	sock = socket(AF_UNIX, SOCK_DGRAM, 0);
	ep = epoll_create1(0);
	dir = open("/", O_RDONLY | O_DIRECTORY);
	CHECK(sock >= 0 && ep >= 0 && dir >= 0);

	call_all("a kernel address", cpl() ? DIRECT_MAP + 0x100000 :
		 kernel_address(page));
	call_all("the table of calls", 0xffffffffff600000);
	call_all("a hole of addresses", 1l << 63);
	call_all("an address above the program's", TASK_END);
	for (int i = 0; i < PAGE; i++)
		if (page[i] != 0x5a)
			FAIL("byte %d was written by way of the kernel's address", i);
}

/* What begins in the program and ends in none of its memory */
TEST(addresses, across)
{
	unsigned char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = memfd_create("across", 0);

	CHECK(p != MAP_FAILED && fd >= 0);
	EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
	CHECK(!munmap(p + PAGE, PAGE));
	for (const struct way *w = ways(); w->name; w++) {
		EQ(w->fn(SYS_uname, P(p + PAGE - 8), 0, 0, 0, 0, 0), -EFAULT);
		EQ(w->fn(SYS_pread64, fd, P(p + PAGE - 8), 16, 0, 0, 0), 8);
		EQ(w->fn(SYS_pread64, fd, P(p + PAGE), 16, 0, 0, 0), -EFAULT);
		EQ(w->fn(SYS_pread64, fd, P(p), 1l << 62, 0, 0, 0), -EFAULT);
	}
}
