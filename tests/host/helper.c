// SPDX-License-Identifier: GPL-2.0
/*
 * What the tests on the host need and a shell cannot do:
 *
 *   helper nmi SOCKET GAP_US     inject NMIs through QEMU's monitor until QEMU
 *                                ends; prints how many
 *   helper listen PORT           keep a TCP port of 127.0.0.1 busy
 *   helper echo PORT BYTES       send that much to an echo server while reading
 *                                it back, and compare
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int die(const char *what)
{
	fprintf(stderr, "helper: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in local(const char *port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return sin;
}

static int nmi(const char *path, unsigned int gap)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	static const char cmd[] = "nmi\n";
	unsigned long count = 0;
	char buf[4096];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return die(path);
	signal(SIGPIPE, SIG_IGN);
	while (write(fd, cmd, sizeof(cmd) - 1) == sizeof(cmd) - 1) {
		/* The prompt that comes back says that it was done. */
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n <= 0)
			break;
		count++;
		usleep(gap);
	}
	printf("%lu\n", count);
	return 0;
}

static int busy(const char *port)
{
	struct sockaddr_in sin = local(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 1))
		return die("listen");
	for (;;)
		pause();
}

static unsigned char pattern(size_t pos)
{
	return (pos * 2654435761u) >> 13;
}

static int echo(const char *port, size_t total)
{
	struct sockaddr_in sin = local(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	size_t sent = 0, got = 0, i;
	unsigned char buf[32768];

	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		return die("connect");
	while (got < total) {
		struct pollfd p = {
			.fd = fd,
			.events = POLLIN | (sent < total ? POLLOUT : 0),
		};
		ssize_t n;

		if (poll(&p, 1, 20000) <= 0) {
			fprintf(stderr, "helper: no answer for 20 s after %zu of %zu bytes\n",
				got, total);
			return 1;
		}
		if (p.revents & POLLOUT) {
			size_t len = total - sent < sizeof(buf) ? total - sent : sizeof(buf);

			for (i = 0; i < len; i++)
				buf[i] = pattern(sent + i);
			n = send(fd, buf, len, MSG_DONTWAIT);
			if (n < 0 && errno != EAGAIN)
				return die("send");
			if (n > 0)
				sent += n;
			if (sent == total)
				shutdown(fd, SHUT_WR);
		}
		if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
			n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
			if (n < 0 && errno != EAGAIN)
				return die("recv");
			if (!n) {
				fprintf(stderr, "helper: closed after %zu of %zu bytes\n",
					got, total);
				return 1;
			}
			for (i = 0; n > 0 && i < (size_t)n; i++) {
				if (buf[i] != pattern(got + i)) {
					fprintf(stderr, "helper: wrong byte at %zu\n", got + i);
					return 1;
				}
			}
			if (n > 0)
				got += n;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "nmi"))
		return nmi(argv[2], atoi(argv[3]));
	if (argc == 3 && !strcmp(argv[1], "listen"))
		return busy(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "echo"))
		return echo(argv[2], strtoul(argv[3], NULL, 0));
	fprintf(stderr, "usage: helper nmi SOCKET GAP_US | listen PORT | echo PORT BYTES\n");
	return 2;
}
