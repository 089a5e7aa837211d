// SPDX-License-Identifier: GPL-2.0
/*
 * What the tests on the host need and a shell cannot do:
 *
 *   helper nmi SOCKET GAP_US     inject NMIs through QEMU's monitor until QEMU
 *                                ends; prints how many
 *   helper mce SOCKET LOG N      inject N machine checks that ask for nothing, each
 *                                when the LOG of the guest shows the one before
 *   helper mce-at SOCKET STUB LOG [NAME:FROM[:TO]:user|kernel]...
 *                                inject those that the guest's LOG asks for until
 *                                QEMU ends: when RIP is in a range, RSP of that kind;
 *                                for "all" at once, on all processors. Without TO it
 *                                is one instruction, where gdb, by QEMU's STUB, stops.
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

static int monitor(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		die(path);
	signal(SIGPIPE, SIG_IGN);
	return fd;
}

static int nmi(const char *path, unsigned int gap)
{
	static const char cmd[] = "nmi\n";
	unsigned long count = 0;
	int fd = monitor(path);
	char buf[4096];

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

/* A command to the monitor, and its answer, up to the next prompt; 0: QEMU is gone */
static int ask(int fd, const char *cmd, char *answer, size_t size)
{
	size_t len = 0;

	if (write(fd, cmd, strlen(cmd)) < 0)
		return 0;
	do {
		ssize_t n = read(fd, answer + len, size - 1 - len);

		if (n <= 0)
			return 0;
		len += n;
		answer[len] = '\0';
	} while (len < 7 || strcmp(answer + len - 7, "(qemu) "));
	return 1;
}

/* The next line of a file that grows, with that in it; 0: QEMU is gone */
static int line_with(FILE *f, int fd, const char *text, char *line, size_t size)
{
	struct pollfd p = { .fd = fd };
	size_t len = 0;

	for (;;) {
		if (!fgets(line + len, size - len, f)) {
			clearerr(f);
			if (poll(&p, 1, 2) > 0)
				return 0;
			continue;
		}
		len += strlen(line + len);
		if (len && line[len - 1] != '\n' && len < size - 1)
			continue;
		if (strstr(line, text))
			return 1;
		len = 0;
	}
}

/* "Machine-Check Architecture" in the Intel SDM vol. 3 has these registers. */
#define MISC_PAGE	0x8c	/* a physical address, its page */
#define OPTIONAL	0xbd00000000000000ull
#define RIPV_MCIP	5

static int mce(const char *path, const char *log, unsigned long n)
{
	char buf[8192], line[1000];
	FILE *f = fopen(log, "r");
	int fd = monitor(path);
	unsigned long i;

	if (!f || fseek(f, 0, SEEK_END))
		return die(log);
	ask(fd, "", buf, sizeof(buf));
	for (i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "mce 0 2 %#llx %d %#lx %#x\n",
			 OPTIONAL, RIPV_MCIP, (i + 1) << 12, MISC_PAGE);
		/* Two at once are the end of the machine. */
		if (!ask(fd, line, buf, sizeof(buf)) ||
		    !line_with(f, fd, "PROCESSOR ", line, sizeof(line)))
			break;
		usleep(rand() % 10000);
	}
	printf("%lu\n", i);
	return 0;
}

struct range {
	char name[32], kind[8];
	unsigned long long from, to;
};

static int there(const char *registers, const struct range *r)
{
	const char *ip = strstr(registers, "RIP="), *sp = strstr(registers, "RSP=");
	unsigned long long rip, rsp;

	if (!ip || !sp)
		return 0;
	rip = strtoull(ip + 4, NULL, 16);
	rsp = strtoull(sp + 4, NULL, 16);
	return rip >= r->from && rip < r->to &&
	       (rsp >> 63) == !strcmp(r->kind, "kernel");
}

/* The machine stopped there, after many times elsewhere; 0: QEMU is gone */
static int stop_in(int fd, const struct range *r)
{
	char buf[8192];

	for (;;) {
		if (!ask(fd, "stop\n", buf, sizeof(buf)) ||
		    !ask(fd, "info registers\n", buf, sizeof(buf)))
			return 0;
		if (there(buf, r))
			return 1;
		if (!ask(fd, "cont\n", buf, sizeof(buf)))
			return 0;
		usleep(rand() % 1000);
	}
}

/* A command to the monitor before one instruction, at which that hardly ever stops */
static int gdb_at(const char *stub, const struct range *r, const char *cmd)
{
	char gdb[400];

	snprintf(gdb, sizeof(gdb),
		 "gdb -nx -batch -ex 'target remote %s' -ex 'break *%#llx if (long)$rsp %s 0' -ex continue -ex 'monitor %s' -ex delete -ex detach </dev/null >&2",
		 stub, r->from, strcmp(r->kind, "kernel") ? ">=" : "<", cmd);
	return system(gdb);
}

static int mce_at(const char *path, const char *stub, const char *log, int n, char **ranges)
{
	char buf[8192], line[1000], name[32], cmd[100];
	unsigned long long from, to, status, addr;
	FILE *f = fopen(log, "r");
	int fd = monitor(path);
	unsigned int mcg;
	int all;

	if (!f)
		return die(log);
	if (!ask(fd, "", buf, sizeof(buf)))
		return 1;
	while (line_with(f, fd, "mce: at ", line, sizeof(line))) {
		struct range range = { .kind = "user" };

		if (sscanf(strstr(line, "mce: at "), "mce: at %31s %llx %llx %llx %x %llx",
			   name, &from, &to, &status, &mcg, &addr) != 6)
			continue;
		range.from = from;
		range.to = to;
		for (int i = 0; i < n; i++) {
			if (strncmp(ranges[i], name, strlen(name)) ||
			    sscanf(ranges[i], "%31[^:]:%llx:%llx:%7s", range.name,
				   &range.from, &range.to, range.kind) == 4)
				continue;
			range.to = 0;
			if (sscanf(ranges[i], "%31[^:]:%llx:%7s", range.name,
				   &range.from, range.kind) != 3)
				return die(ranges[i]);
		}
		all = !strcmp(name, "all");
		snprintf(cmd, sizeof(cmd), "mce %s 0 2 %#llx %u %#llx %#x",
			 all ? "-b" : "", status, mcg, addr, MISC_PAGE);
		if (!all && !range.to) {
			if (gdb_at(stub, &range, cmd))
				return die("gdb");
		} else {
			if (!all && !stop_in(fd, &range))
				return 0;
			strcat(cmd, "\n");
			ask(fd, cmd, buf, sizeof(buf));
			ask(fd, "cont\n", buf, sizeof(buf));
		}
		printf("%s\n", name);
		fflush(stdout);
	}
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
	if (argc == 5 && !strcmp(argv[1], "mce"))
		return mce(argv[2], argv[3], strtoul(argv[4], NULL, 0));
	if (argc >= 5 && !strcmp(argv[1], "mce-at"))
		return mce_at(argv[2], argv[3], argv[4], argc - 5, argv + 5);
	if (argc == 3 && !strcmp(argv[1], "listen"))
		return busy(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "echo"))
		return echo(argv[2], strtoul(argv[3], NULL, 0));
	fprintf(stderr, "usage: helper nmi SOCKET GAP_US | mce SOCKET LOG N | mce-at SOCKET STUB LOG [RANGE]... | listen PORT | echo PORT BYTES\n");
	return 2;
}
