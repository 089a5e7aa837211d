// SPDX-License-Identifier: GPL-2.0
/*
 * Ask Redis, nginx and memcached on ports of this machine for SECONDS, each over
 * several connections, and compare what they answer.
 *
 * usage: load SECONDS REDIS NGINX MEMCACHED
 *
 * A connection is made anew after some requests. Prints a line for each server, and
 * ends with status 1 when an answer was wrong, or did not come.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS	4
#define REQUESTS	500	/* before a connection is closed */
#define KEYS		200

enum { REDIS, NGINX, MEMCACHED, SERVERS };
static const char *const names[] = { "Redis", "nginx", "memcached" };

static struct { unsigned long good, bad; } *counts;

static int connected(int port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct timeval limit = { .tv_sec = 30 };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (fd < 0 || connect(fd, (void *)&a, sizeof(a)))
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* Send a request; its answer is @wanted, or with @end what ends so and holds it. */
static int ask(int fd, const char *text, const char *wanted, const char *end)
{
	size_t len = strlen(text), n = 0;
	char answer[8192];
	ssize_t got;

	if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		return 0;
	while (n < sizeof(answer) - 1) {
		got = read(fd, answer + n, sizeof(answer) - 1 - n);
		if (got <= 0)
			return 0;
		n += got;
		answer[n] = '\0';
		if (end ? n >= strlen(end) &&
			  !strcmp(answer + n - strlen(end), end) :
			  n >= strlen(wanted))
			return end ? !!strstr(answer, wanted) :
				     !strcmp(answer, wanted);
	}
	return 0;
}

static int request(int server, int fd, int who, unsigned int n)
{
	char text[512], wanted[512], value[201];
	unsigned int key = n / 2 % KEYS, len;

	if (server == NGINX)
		return ask(fd, "GET / HTTP/1.1\r\nHost: soak\r\n\r\n",
			   "HTTP/1.1 200 OK\r\n", "</html>\n");

	/* What was set is asked for next. */
	len = snprintf(value, sizeof(value), "%d-%u-%0*u", who, key,
		       1 + n / 2 % 100, n / 2);
	if (server == REDIS && n % 2 == 0) {
		snprintf(text, sizeof(text), "SET key-%d-%u %s\r\n", who, key, value);
		return ask(fd, text, "+OK\r\n", NULL);
	}
	if (server == REDIS) {
		snprintf(text, sizeof(text), "GET key-%d-%u\r\n", who, key);
		snprintf(wanted, sizeof(wanted), "$%u\r\n%s\r\n", len, value);
		return ask(fd, text, wanted, NULL);
	}
	if (n % 2 == 0) {
		snprintf(text, sizeof(text), "set key-%d-%u 0 0 %u\r\n%s\r\n", who,
			 key, len, value);
		return ask(fd, text, "STORED\r\n", NULL);
	}
	snprintf(text, sizeof(text), "get key-%d-%u\r\n", who, key);
	snprintf(wanted, sizeof(wanted), "VALUE key-%d-%u 0 %u\r\n%s\r\nEND\r\n",
		 who, key, len, value);
	return ask(fd, text, wanted, NULL);
}

static void client(int server, int port, int who, time_t end)
{
	unsigned int n = 0;

	while (time(NULL) < end) {
		int fd = connected(port);

		if (fd < 0) {
			__atomic_add_fetch(&counts[server].bad, 1, __ATOMIC_RELAXED);
			sleep(1);
			continue;
		}
		do {
			if (!request(server, fd, who, n)) {
				fprintf(stderr, "load: %s: request %u of client %d: %s\n",
					names[server], n, who,
					errno ? strerror(errno) : "another answer");
				__atomic_add_fetch(&counts[server].bad, 1,
						   __ATOMIC_RELAXED);
				n++;
				break;
			}
			__atomic_add_fetch(&counts[server].good, 1, __ATOMIC_RELAXED);
			n++;
		} while (n % REQUESTS && time(NULL) < end);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	unsigned long bad = 0;
	time_t end;

	if (argc != 2 + SERVERS)
		errx(2, "usage: load SECONDS REDIS NGINX MEMCACHED");
	end = time(NULL) + atoi(argv[1]);
	counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		err(1, "mmap");
	for (int i = 0; i < SERVERS * CONNECTIONS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (!pid) {
			client(i % SERVERS, atoi(argv[2 + i % SERVERS]), i, end);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < SERVERS; i++) {
		printf("%s: %lu requests, %lu lost\n", names[i], counts[i].good,
		       counts[i].bad);
		bad += counts[i].bad + !counts[i].good;
	}
	return !!bad;
}
