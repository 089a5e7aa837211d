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

static int measure(const char *test, const char *name, const char *requests,
		   const char *connections)
{
	char line[256], got[16];
	double rps, p50, p99, ticks_per_s;
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
	ticks_per_s = 1e9 * span.ticks / span.ns;
	bench_print(name, "ticks", "ticks/request", ticks_per_s / rps,
		    ticks_per_s / rps, ticks_per_s / rps, 1);
	bench_print(name, "throughput", "requests/s", rps, rps, rps, 1);
	bench_print(name, "p50", "us", p50 * 1000, p50 * 1000, p50 * 1000, 1);
	bench_print(name, "p99", "us", p99 * 1000, p99 * 1000, p99 * 1000, 1);
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
	bad = measure("set", "SET", requests, connections) ||
	      measure("get", "GET", requests, connections);
	serve_stop(pid);
	return bad;
}
