// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "redis": Redis and its own benchmark program in one guest, over
 * loopback.
 *
 * usage: redis [REQUESTS [CONNECTIONS]]
 */
#include <string.h>
#include "bench.h"
#include "serve.h"

#define PORT		6379
/*
 * How often each test runs. When the last requests are under way the client's
 * event loop spins, as its other sockets can be written to, until the scheduler
 * lets the server answer: now and then this takes longer than all the requests.
 * So the median counts.
 */
#define ROUNDS		3
#define STRING_(x)	#x
#define STRING(x)	STRING_(x)

static char *const server[] = {
	"/bin/redis-server", "--port", STRING(PORT), "--save", "",
	"--appendonly", "no", "--loglevel", "warning", NULL
};

/*
 * One line of redis-benchmark --csv: "test","rps","avg_latency_ms",
 * "min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms",
 * "max_latency_ms". The first line names these columns.
 */
static int parse(const char *line, char test[16], double *rps, double *p50,
		 double *p99)
{
	return sscanf(line, "\"%15[A-Z]\",\"%lf\",\"%*f\",\"%*f\",\"%lf\",\"%*f\",\"%lf\"",
		      test, rps, p50, p99) == 4;
}

struct result {
	double ticks[ROUNDS];
	double rps[ROUNDS];
	double p50[ROUNDS];
	double p99[ROUNDS];
};

static int measure(const char *test, const char *requests,
		   const char *connections, struct result *r, int round)
{
	char line[256], got[16];
	double rps, p50, p99;
	struct bench_clock start, span;
	int found = 0;
	FILE *out;
	int fd[2];
	pid_t pid;

	if (pipe(fd)) {
		perror("pipe");
		return 1;
	}
	start = bench_now();
	pid = fork();
	if (pid == 0) {
		dup2(fd[1], 1);
		close(fd[0]);
		close(fd[1]);
		execl("/bin/redis-benchmark", "redis-benchmark", "-p",
		      STRING(PORT), "-t", test, "-n", requests, "-c",
		      connections, "--csv", NULL);
		perror("/bin/redis-benchmark");
		_exit(127);
	}
	close(fd[1]);
	out = fdopen(fd[0], "r");
	while (out && fgets(line, sizeof(line), out)) {
		if (!parse(line, got, &rps, &p50, &p99) || strcasecmp(got, test))
			continue;
		found++;
	}
	waitpid(pid, NULL, 0);
	span = bench_since(start);
	if (found != 1 || rps <= 0) {
		fprintf(stderr, "redis-benchmark: no result for %s\n", test);
		return 1;
	}

	/* Its clock may be off by the error of the counter's calibration. */
	r->ticks[round] = 1e9 * span.ticks / span.ns / rps;
	r->rps[round] = rps;
	r->p50[round] = p50 * 1000;
	r->p99[round] = p99 * 1000;
	return 0;
}

static int run(const char *test, const char *name, const char *requests,
	       const char *connections)
{
	struct result r;

	for (int i = 0; i < ROUNDS; i++) {
		if (measure(test, requests, connections, &r, i))
			return 1;
	}
	bench_median(name, "ticks", "ticks/request", r.ticks, ROUNDS);
	bench_median(name, "throughput", "requests/s", r.rps, ROUNDS);
	bench_median(name, "p50", "us", r.p50, ROUNDS);
	bench_median(name, "p99", "us", r.p99, ROUNDS);
	return 0;
}

int main(int argc, char **argv)
{
	const char *requests = argc > 1 ? argv[1] : "5000";
	const char *connections = argc > 2 ? argv[2] : "10";
	pid_t pid;
	int bad;

	bench_cpl();
	pid = serve_start(server, PORT);
	bad = run("set", "SET", requests, connections) ||
	      run("get", "GET", requests, connections);
	serve_stop(pid);
	return bad;
}
