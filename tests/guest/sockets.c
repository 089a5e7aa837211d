// SPDX-License-Identifier: GPL-2.0
/* Sockets over loopback, and the ways to wait for descriptors. */
#include "tap.h"
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>

struct sockaddr_in loopback(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		tap_skip("no IPv4 in this kernel");
	CHECK(!ioctl(fd, SIOCGIFFLAGS, &ifr));
	if (!(ifr.ifr_flags & IFF_UP)) {
		ifr.ifr_flags |= IFF_UP;
		CHECK(!ioctl(fd, SIOCSIFFLAGS, &ifr));
	}
	close(fd);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static int listener(struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(*a);

	*a = loopback();
	CHECK(fd >= 0);
	CHECK(!bind(fd, (void *)a, len));
	CHECK(!listen(fd, 64));
	CHECK(!getsockname(fd, (void *)a, &len));
	return fd;
}

static void read_all(int fd, void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, (char *)buf + done, len - done);

		CHECK(n > 0);
		done += n;
	}
}

TEST(sockets, tcp)
{
	struct sockaddr_in a;
	int l = listener(&a), c, s;
	uint64_t *buf = malloc(65536), seed = 11, want = 11;
	pid_t pid = xfork();

	if (!pid) {
		s = accept(l, NULL, NULL);
		CHECK(s >= 0);
		for (int k = 0; k < 100; k++) {
			for (int i = 0; i < 4096; i++)
				buf[i] = rnd(&seed);
			EQ(write(s, buf, 32768), 32768);
		}
		EQ(read(s, buf, 3), 3);
		CHECK(!memcmp(buf, "end", 3));
		_exit(0);
	}
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!connect(c, (void *)&a, sizeof(a)));
	for (int k = 0; k < 100; k++) {
		read_all(c, buf, 32768);
		for (int i = 0; i < 4096; i++)
			EQ(buf[i], rnd(&want));
	}
	EQ(write(c, "end", 3), 3);
	EXPECT_EXIT(pid, 0);
}

/* Request and answer, as servers and their clients do it. */
TEST(sockets, tcp_ping_pong)
{
	struct sockaddr_in a;
	int l = listener(&a), c, one = 1;
	pid_t pid = xfork();

	if (!pid) {
		int s = accept(l, NULL, NULL);
		char b;

		while (read(s, &b, 1) == 1) {
			b++;
			EQ(write(s, &b, 1), 1);
		}
		_exit(0);
	}
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
	CHECK(!connect(c, (void *)&a, sizeof(a)));
	tick_start(300, NULL, 0);
	for (int i = 0; i < 1000; i++) {
		unsigned char b = i;

		EQ(write(c, &b, 1), 1);
		EQ(read(c, &b, 1), 1);
		EQ(b, (i + 1) & 0xff);
	}
	tick_stop();
	close(c);
	EXPECT_EXIT(pid, 0);
}

TEST(sockets, refused)
{
	struct sockaddr_in a;
	int l = listener(&a), c = socket(AF_INET, SOCK_STREAM, 0);

	close(l);
	errno = 0;
	EQ(connect(c, (void *)&a, sizeof(a)), -1);
	EQ(errno, ECONNREFUSED);
}

TEST(sockets, udp)
{
	struct sockaddr_in a = loopback(), from;
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
	char text[2000];

	CHECK(!bind(s, (void *)&a, len));
	CHECK(!getsockname(s, (void *)&a, &len));
	CHECK(!connect(c, (void *)&a, len));
	for (int i = 1; i < 300; i++) {
		memset(text, i, sizeof(text));
		EQ(send(c, text, i * 5, 0), i * 5);
		memset(text, 0, sizeof(text));
		EQ(recvfrom(s, text, sizeof(text), 0, (void *)&from, &len),
		   i * 5);
		EQ((unsigned char)text[i * 5 - 1], i & 0xff);
		EQ(sendto(s, "back", 4, 0, (void *)&from, len), 4);
		EQ(recv(c, text, sizeof(text), 0), 4);
	}
}

TEST(sockets, unix)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	char text[8];
	pid_t pid;

	strcpy(a.sun_path, "/tmp/ukltest-socket");
	unlink(a.sun_path);
	CHECK(!bind(l, (void *)&a, sizeof(a)));
	CHECK(!listen(l, 5));
	pid = xfork();
	if (!pid) {
		int c = socket(AF_UNIX, SOCK_STREAM, 0);

		CHECK(!connect(c, (void *)&a, sizeof(a)));
		EQ(write(c, "hello", 5), 5);
		EQ(read(c, text, 8), 4);
		_exit(0);
	}
	l = accept(l, NULL, NULL);
	EQ(read(l, text, 8), 5);
	EQ(write(l, "then", 4), 4);
	EXPECT_EXIT(pid, 0);
	unlink(a.sun_path);
}

/* A descriptor passes from one process to another. */
TEST(sockets, pass_descriptor)
{
	union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(int))]; } control;
	char c = 0;
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control) };
	int sv[2], fd[2];
	pid_t pid;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	CHECK(!pipe(fd));
	pid = xfork();
	if (!pid) {
		int got;

		close(fd[1]);
		EQ(recvmsg(sv[1], &m, 0), 1);
		memcpy(&got, CMSG_DATA(&control.h), sizeof(got));
		EQ(write(got, "through", 7), 7);
		_exit(0);
	}
	memset(&control, 0, sizeof(control));
	control.h.cmsg_level = SOL_SOCKET;
	control.h.cmsg_type = SCM_RIGHTS;
	control.h.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.h), &fd[1], sizeof(int));
	EQ(sendmsg(sv[0], &m, 0), 1);
	EXPECT_EXIT(pid, 0);
	CHECK(read(fd[0], &c, 1) == 1 && c == 't');
}

static void *client(void *arg)
{
	struct sockaddr_in *a = arg;

	for (int i = 0; i < 20; i++) {
		char text[64] = "";
		int c = socket(AF_INET, SOCK_STREAM, 0);

		CHECK(c >= 0);
		CHECK(!connect(c, (void *)a, sizeof(*a)));
		EQ(write(c, "question", 8), 8);
		read_all(c, text, 8);
		CHECK(!memcmp(text, "QUESTION", 8));
		close(c);
	}
	return NULL;
}

/* An event loop with several clients: 200 connections. */
TEST(sockets, epoll)
{
	struct sockaddr_in a;
	struct epoll_event ev = { .events = EPOLLIN }, evs[16];
	int l = listener(&a), ep = epoll_create1(0), served = 0;
	pthread_t t[10];

	CHECK(ep >= 0);
	CHECK(!fcntl(l, F_SETFL, O_NONBLOCK));
	ev.data.fd = l;
	CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, l, &ev));
	for (int i = 0; i < 10; i++)
		CHECK(!pthread_create(&t[i], NULL, client, &a));
	while (served < 200) {
		int n = epoll_wait(ep, evs, 16, 5000);

		CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			int fd = evs[i].data.fd;
			char text[64];
			ssize_t len;

			if (fd == l) {
				while ((fd = accept(l, NULL, NULL)) >= 0) {
					ev.data.fd = fd;
					CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, fd,
							 &ev));
				}
				EQ(errno, EAGAIN);
				continue;
			}
			len = read(fd, text, sizeof(text));
			if (len <= 0) {
				served++;
				close(fd);
				continue;
			}
			for (ssize_t k = 0; k < len; k++)
				text[k] -= 'a' - 'A';
			EQ(write(fd, text, len), len);
		}
	}
	for (int i = 0; i < 10; i++)
		CHECK(!pthread_join(t[i], NULL));
}

TEST(sockets, select_poll)
{
	struct timeval tv = { 0, 5000 };
	struct pollfd pfd[2];
	fd_set set;
	int fd[2];

	CHECK(!pipe(fd));
	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	EQ(select(fd[0] + 1, &set, NULL, NULL, &tv), 0);
	EQ(write(fd[1], "x", 1), 1);
	FD_SET(fd[0], &set);
	EQ(select(fd[0] + 1, &set, NULL, NULL, NULL), 1);
	CHECK(FD_ISSET(fd[0], &set));
	pfd[0] = (struct pollfd) { fd[0], POLLIN, 0 };
	pfd[1] = (struct pollfd) { fd[1], POLLOUT, 0 };
	EQ(poll(pfd, 2, -1), 2);
	EQ(pfd[0].revents, POLLIN);
	EQ(pfd[1].revents, POLLOUT);
	close(fd[0]);
	pfd[1].revents = 0;
	EQ(poll(pfd + 1, 1, -1), 1);
	CHECK(pfd[1].revents & POLLERR);
}

TEST(sockets, broken_pipe)
{
	int fd[2];
	pid_t pid = xfork();

	if (!pid) {
		CHECK(!pipe(fd));
		close(fd[0]);
		write(fd[1], "x", 1);
		_exit(3);
	}
	EXPECT_SIGNAL(pid, SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK(!pipe(fd));
	close(fd[0]);
	EQ(write(fd[1], "x", 1), -1);
	EQ(errno, EPIPE);
}

static void *add_later(void *arg)
{
	uint64_t v = 5;

	sleep_ms(10);
	EQ(write(*(int *)arg, &v, 8), 8);
	return NULL;
}

TEST(sockets, eventfd)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	uint64_t v = 0;
	pthread_t t;

	CHECK(fd >= 0);
	CHECK(!pthread_create(&t, NULL, add_later, &fd));
	EQ(read(fd, &v, 8), 8);
	EQ(v, 5);
	CHECK(!pthread_join(t, NULL));
}
