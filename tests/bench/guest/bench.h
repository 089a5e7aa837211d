/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the benchmarks that run in a guest share: clocks, and the one form of
 * output that the harness (../run.sh) reads:
 *
 *	bench WORKLOAD METRIC UNIT VALUE MIN MAX RUNS
 *	cpl N
 *
 * Metric "ticks" is of the time stamp counter, per operation. Under QEMU's
 * instruction clock (-icount shift=0) that is the number of executed
 * instructions, whatever the guest takes the counter's frequency to be. Metric
 * "time" is in nanoseconds of CLOCK_MONOTONIC, per operation.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#define BENCH_RUNS_MAX	101

/* A point in time, or the length of a span, by both clocks. */
struct bench_clock {
	uint64_t ticks;
	uint64_t ns;
};

static inline uint64_t bench_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static inline struct bench_clock bench_now(void)
{
	struct bench_clock now;

	now.ns = bench_ns();
	now.ticks = __rdtsc();
	return now;
}

/* The counter comes first, so that its span does not hold the other clock. */
static inline struct bench_clock bench_since(struct bench_clock start)
{
	struct bench_clock span;

	span.ticks = __rdtsc() - start.ticks;
	span.ns = bench_ns() - start.ns;
	return span;
}

static inline void bench_print(const char *workload, const char *metric,
			       const char *unit, double value, double min,
			       double max, int runs)
{
	printf("bench %s %s %s %.2f %.2f %.2f %d\n", workload, metric, unit,
	       value, min, max, runs);
	fflush(stdout);
}

static inline int bench_compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* bench_median() - print the median and the limits of values, which are sorted */
static inline void bench_median(const char *workload, const char *metric,
				const char *unit, double *value, int runs)
{
	qsort(value, runs, sizeof(*value), bench_compare);
	bench_print(workload, metric, unit, value[runs / 2], value[0],
		    value[runs - 1], runs);
}

/*
 * bench_mean() - print the mean and the limits of values, which are sorted
 *
 * For instructions. What the kernel puts off (RCU frees in batches, at a tick)
 * belongs to the cost of an operation, but falls into some runs only.
 */
static inline void bench_mean(const char *workload, const char *metric,
			      const char *unit, double *value, int runs)
{
	double sum = 0;
	int i;

	qsort(value, runs, sizeof(*value), bench_compare);
	for (i = 0; i < runs; i++)
		sum += value[i];
	bench_print(workload, metric, unit, sum / runs, value[0],
		    value[runs - 1], runs);
}

/* bench_cpl() - say at which privilege this program runs */
static inline void bench_cpl(void)
{
	unsigned int cs;

	__asm__("mov %%cs, %0" : "=r" (cs));
	printf("cpl %u\n", cs & 3);
	fflush(stdout);
}

#endif
