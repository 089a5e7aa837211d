// SPDX-License-Identifier: GPL-2.0
/*
 * Suites "nginx" and "memcached": a client that keeps a number of connections
 * busy, each with one request at a time, and checks every answer.
 *
 * usage: load [-n REQUESTS] [-c CONNECTIONS] [-p PATH] http|memcached PORT
 *	       [SERVER [ARGUMENT...]]
 *
 * Starts the server first, or finds one on that port of 127.0.0.1. A workload is
 * ROUNDS times that many requests, after some that do not count. PATH is of http.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include "bench.h"
#include "serve.h"

#define ROUNDS		5
#define KEYS		1000
#define VALUE		32
#define CONNECTIONS_MAX	1000
/* An answer, and what may stand around the body of one. */
#define ANSWER_MAX	65536
#define REQUEST_MAX	512

struct connection {
	int fd;
	int number;		/* of its request */
	uint64_t start;
	size_t got;
	char answer[ANSWER_MAX];
};

/*
 * A workload says what to send as request number n, and of an answer how long
 * it is: 0 if there is more to come, -1 if it is wrong.
 */
struct workload {
	const char *protocol;
	const char *name;
	int (*request)(char *buffer, int n);
	int (*answer)(const char *answer, size_t len, int n);
};

static const char *path = "/";
static struct connection *connections;
static int nr_connections = 10;
static int port, set;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "load: %s: %s\n", what, why);
	exit(1);
}

static int http_request(char *buffer, int n)
{
	return snprintf(buffer, REQUEST_MAX,
			"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
}

/* The first body is the model for all others. */
static int http_answer(const char *answer, size_t len, int n)
{
	static const char ok[] = "HTTP/1.1 200 ", length[] = "\r\nContent-Length: ";
	static char *model;
	static size_t model_len;
	const char *end = strstr(answer, "\r\n\r\n"), *field;
	size_t head, body;

	if (!end)
		return len < ANSWER_MAX - 1 ? 0 : -1;
	field = strcasestr(answer, length);
	if (strncmp(answer, ok, sizeof(ok) - 1) || !field || field > end)
		return -1;
	head = end + 4 - answer;
	body = strtoul(field + sizeof(length) - 1, NULL, 10);
	if (head + body >= ANSWER_MAX)
		return -1;
	if (len < head + body)
		return 0;
	if (!model) {
		model = malloc(body + 1);
		if (!model || !body)
			return -1;
		memcpy(model, answer + head, body);
		model_len = body;
	}
	if (body != model_len || memcmp(answer + head, model, body))
		return -1;
	return head + body;
}

static int key(int n)
{
	return n % KEYS;
}

static int value(char *buffer, int n)
{
	return snprintf(buffer, VALUE + 1, "%0*d", VALUE, key(n));
}

static int set_request(char *buffer, int n)
{
	char data[VALUE + 1];

	value(data, n);
	return snprintf(buffer, REQUEST_MAX, "set key:%d 0 0 %d\r\n%s\r\n",
			key(n), VALUE, data);
}

static int get_request(char *buffer, int n)
{
	return snprintf(buffer, REQUEST_MAX, "get key:%d\r\n", key(n));
}

static int is(const char *answer, size_t len, const char *wanted, size_t all)
{
	if (memcmp(answer, wanted, len < all ? len : all))
		return -1;
	return len < all ? 0 : all;
}

static int set_answer(const char *answer, size_t len, int n)
{
	static const char wanted[] = "STORED\r\n";

	return is(answer, len, wanted, sizeof(wanted) - 1);
}

static int get_answer(const char *answer, size_t len, int n)
{
	char wanted[REQUEST_MAX], data[VALUE + 1];
	int all;

	value(data, n);
	all = snprintf(wanted, sizeof(wanted), "VALUE key:%d 0 %d\r\n%s\r\nEND\r\n",
		       key(n), VALUE, data);
	return is(answer, len, wanted, all);
}

static const struct workload workloads[] = {
	{ "http", "GET", http_request, http_answer },
	{ "memcached", "SET", set_request, set_answer },
	{ "memcached", "GET", get_request, get_answer },
};

static void ask(struct connection *c, const struct workload *w, int n)
{
	char buffer[REQUEST_MAX];
	int len = w->request(buffer, n);

	if (len >= REQUEST_MAX)
		die(w->name, "the request is too long");
	c->number = n;
	c->got = 0;
	c->start = __rdtsc();
	if (send(c->fd, buffer, len, MSG_NOSIGNAL) != len)
		die("send", strerror(errno));
}

/* Returns 1 when the answer is there, as it should be. */
static int listen_to(struct connection *c, const struct workload *w)
{
	ssize_t n = recv(c->fd, c->answer + c->got, ANSWER_MAX - 1 - c->got, 0);
	int len;

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		die("recv", n ? strerror(errno) : "the server has closed the connection");
	c->got += n;
	c->answer[c->got] = '\0';
	len = w->answer(c->answer, c->got, c->number);
	if (len < 0 || (len && (size_t)len != c->got)) {
		fprintf(stderr, "%s\n", c->answer);
		die(w->name, "this answer is wrong");
	}
	return len > 0;
}

/* Do that many requests; the ticks that each took go to latency. */
static void requests(const struct workload *w, int count, double *latency)
{
	struct epoll_event event[64];
	int asked = 0, answered = 0, n, i;

	while (asked < nr_connections && asked < count) {
		ask(&connections[asked], w, asked);
		asked++;
	}
	while (answered < count) {
		n = epoll_wait(set, event, 64, 30000);
		if (!n)
			die(w->name, "no answer for 30 s");
		for (i = 0; i < n; i++) {
			struct connection *c = event[i].data.ptr;

			if (!listen_to(c, w))
				continue;
			latency[answered++] = __rdtsc() - c->start;
			if (asked < count)
				ask(c, w, asked++);
		}
	}
}

static void measure(const struct workload *w, int count)
{
	double ticks[ROUNDS], rate[ROUNDS], p50[ROUNDS], p99[ROUNDS];
	double *latency = malloc((count > KEYS ? count : KEYS) * sizeof(*latency));
	struct bench_clock t;
	double us;
	int i;

	if (!latency)
		die("malloc", strerror(errno));
	requests(w, KEYS, latency);
	for (i = 0; i < ROUNDS; i++) {
		t = bench_now();
		requests(w, count, latency);
		t = bench_since(t);
		us = t.ns / 1000.0 / t.ticks;
		qsort(latency, count, sizeof(*latency), bench_compare);
		ticks[i] = (double)t.ticks / count;
		rate[i] = 1e9 * count / t.ns;
		p50[i] = latency[count / 2] * us;
		p99[i] = latency[count * 99ull / 100] * us;
	}
	bench_mean(w->name, "ticks", "ticks/request", ticks, ROUNDS);
	bench_median(w->name, "throughput", "requests/s", rate, ROUNDS);
	bench_median(w->name, "p50", "us", p50, ROUNDS);
	bench_median(w->name, "p99", "us", p99, ROUNDS);
	free(latency);
}

static void connect_all(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int i, one = 1;

	set = epoll_create1(0);
	connections = calloc(nr_connections, sizeof(*connections));
	if (set < 0 || !connections)
		die("epoll", strerror(errno));
	for (i = 0; i < nr_connections; i++) {
		struct connection *c = &connections[i];

		c->fd = serve_connect(port);
		if (c->fd < 0)
			die("connect", strerror(errno));
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		fcntl(c->fd, F_SETFL, O_NONBLOCK);
		event.data.ptr = c;
		if (epoll_ctl(set, EPOLL_CTL_ADD, c->fd, &event))
			die("epoll_ctl", strerror(errno));
	}
}

static int number(const char *text, int max)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || n < 1 || n > max)
		die(text, "a number that is not too big is expected");
	return n;
}

int main(int argc, char **argv)
{
	int count = 1000, found = 0, option;
	pid_t pid = 0;
	size_t i;

	while ((option = getopt(argc, argv, "+n:c:p:")) != -1) {
		switch (option) {
		case 'n':
			count = number(optarg, 100000000);
			break;
		case 'c':
			nr_connections = number(optarg, CONNECTIONS_MAX);
			break;
		case 'p':
			path = optarg;
			break;
		default:
			return 2;
		}
	}
	argv += optind;
	if (argc - optind < 2)
		die("usage", "load [-n REQUESTS] [-c CONNECTIONS] [-p PATH] http|memcached PORT [SERVER [ARGUMENT...]]");
	port = number(argv[1], 65535);

	bench_cpl();
	if (argv[2])
		pid = serve_start(argv + 2, port);
	connect_all();
	for (i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
		if (strcmp(workloads[i].protocol, argv[0]))
			continue;
		measure(&workloads[i], count);
		found = 1;
	}
	if (!found)
		die(argv[0], "is neither http nor memcached");
	if (pid)
		serve_stop(pid);
	return 0;
}
