// SPDX-License-Identifier: GPL-2.0
/*
 * Find what was written before the power was cut, and write on.
 *
 * usage: powercut ROUNDS [STOP]
 *
 * ROUNDS that were acknowledged before must be there, whole; others may be. Then, for
 * each round, until STOP of them are done: a record at the end of a log; in each
 * fourth a file that takes another's place, and a new file in the place of an old
 * one. "ack N" says that N rounds are done and synced.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIRECTORY	"/data"
#define RECORD		256
#define EVERY		4	/* rounds between files */
#define FILES		8	/* of which so many are kept */

static int dir;

/* Bytes that only this record has. */
static void fill(unsigned long n, unsigned char *record)
{
	uint64_t x = n * 0x9e3779b97f4a7c15 + 1;

	for (int i = 0; i < RECORD; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		record[i] = x;
	}
	memcpy(record, &n, sizeof(n));
}

static void sync_or_die(int fd, const char *what)
{
	if (fsync(fd))
		err(1, "fsync %s", what);
}

static int open_or_die(const char *name, int flags)
{
	int fd = openat(dir, name, flags, 0644);

	if (fd < 0)
		err(1, "%s", name);
	return fd;
}

static void put(int fd, unsigned long n, const char *name)
{
	unsigned char record[RECORD];

	fill(n, record);
	if (write(fd, record, RECORD) != RECORD)
		err(1, "write to %s", name);
	sync_or_die(fd, name);
}

/* The number of the record in a file; -1 when there is no file, or no record. */
static long get(int fd)
{
	unsigned char record[RECORD], wanted[RECORD];
	unsigned long n;

	if (read(fd, record, RECORD) != RECORD)
		return -1;
	memcpy(&n, record, sizeof(n));
	fill(n, wanted);
	return memcmp(record, wanted, RECORD) ? -1 : (long)n;
}

static void file_name(char *name, size_t size, unsigned long n)
{
	snprintf(name, size, "file-%lu", n);
}

static unsigned long check(int log, unsigned long rounds)
{
	unsigned long n = 0;
	long last, state;
	char name[40];
	int fd;

	while (get(log) == (long)n)
		n++;
	printf("powercut: %lu rounds were acknowledged, %lu are there\n", rounds, n);
	if (n < rounds)
		errx(1, "record %lu of the log is lost", n);
	if (!rounds)
		return n;

	/* Of rounds 0, EVERY, 2 * EVERY ... the last that is acknowledged */
	last = (rounds - 1) / EVERY * EVERY;
	fd = open_or_die("state", O_RDONLY);
	state = get(fd);
	close(fd);
	if (state < last)
		errx(1, "the file of round %ld has not replaced its predecessor", last);
	/* That of a round which is not acknowledged may be missing. */
	for (int i = state == last ? 0 : 1; i < FILES && state >= i * EVERY; i++) {
		file_name(name, sizeof(name), state - i * EVERY);
		fd = open_or_die(name, O_RDONLY);
		if (get(fd) != state - i * EVERY)
			errx(1, "%s is not whole", name);
		close(fd);
	}
	if (state > FILES * EVERY) {
		file_name(name, sizeof(name), state - (FILES + 1) * EVERY);
		if (!faccessat(dir, name, F_OK, 0))
			errx(1, "%s is there again", name);
	}
	return n;
}

/* What nobody waits for fills the cache of the disk. */
static void noise(void)
{
	static char block[65536];
	int fd = open_or_die("noise", O_WRONLY | O_CREAT);

	for (unsigned int n = 0;; n++) {
		memset(block, n, sizeof(block));
		if (pwrite(fd, block, sizeof(block), n % 32 * sizeof(block)) < 0 ||
		    sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE))
			_exit(1);
		usleep(3000);
	}
}

static void files(unsigned long n)
{
	char name[40];
	int fd;

	fd = open_or_die("new", O_WRONLY | O_CREAT | O_TRUNC);
	put(fd, n, "new");
	close(fd);
	if (renameat(dir, "new", dir, "state"))
		err(1, "rename");
	file_name(name, sizeof(name), n);
	fd = open_or_die(name, O_WRONLY | O_CREAT | O_TRUNC);
	put(fd, n, name);
	close(fd);
	if (n >= FILES * EVERY) {
		file_name(name, sizeof(name), n - FILES * EVERY);
		if (unlinkat(dir, name, 0) && errno != ENOENT)
			err(1, "unlink %s", name);
	}
	sync_or_die(dir, "directory");
}

int main(int argc, char **argv)
{
	unsigned long n, stop = argc > 2 ? strtoul(argv[2], NULL, 0) : -1ul;
	int log;

	setlinebuf(stdout);
	if (argc < 2)
		errx(2, "usage: powercut ROUNDS [STOP]");
	dir = open(DIRECTORY, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		err(1, DIRECTORY);
	log = open_or_die("log", O_RDWR | O_CREAT);
	n = check(log, strtoul(argv[1], NULL, 0));
	/* Behind the last whole record, what the cut has left of another */
	if (ftruncate(log, n * RECORD) || lseek(log, n * RECORD, SEEK_SET) < 0)
		err(1, "log");
	sync_or_die(log, "log");
	sync_or_die(dir, "directory");
	/* A round that was begun may have come as far as the log only. */
	if (n && (n - 1) % EVERY == 0)
		files(n - 1);
	if (!fork())
		noise();
	for (; n < stop; n++) {
		put(log, n, "log");
		if (n % EVERY == 0)
			files(n);
		printf("ack %lu\n", n + 1);
	}
	return 0;
}
