// SPDX-License-Identifier: GPL-2.0
/*
 * Files whose content follows from their place: written on the host ("make DIR"), and
 * looked at, changed and removed in the guest, where each must have the
 * pages that it had in the image, and nobody else may have them.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB	(1L << 20)
#define BIG	(4 * MIB + 1234)
/* What the kernel allocates meanwhile, and what a CPU keeps for its next allocations */
#define SLACK	(MIB * 3 / 2)

static unsigned long count, whole;

/* Byte of a file of that size */
static unsigned char byte(long size, long at)
{
	return (at * 2654435761u + size * 40503u) >> 11;
}

static void make(const char *name, long size)
{
	FILE *f = fopen(name, "w");

	if (!f)
		err(1, "%s", name);
	for (long i = 0; i < size; i++)
		putc(byte(size, i), f);
	if (fclose(f))
		err(1, "%s", name);
}

/*
 * Names and ends of files such that a name with the NULs up to the next page is
 * too long for some of the next files.
 */
static void make_all(const char *dir)
{
	char name[256];

	mkdir(dir, 0755);
	if (chdir(dir))
		err(1, "%s", dir);
	make("removed", BIG);
	make("cut", BIG);
	make("written", BIG);
	make("kept", BIG);
	make("page", 4096);
	make("less", 4095);
	make("empty", 0);
	for (int i = 0; i < 64; i++) {
		memset(name, 'a' + i % 26, sizeof(name));
		name[4 * i + 3] = 0;
		make(name, 8192 - 16 * i);
	}
}

/* All of it, or all but the bytes from "but" to "end" */
static void check(const char *name, long size, long but, long end)
{
	int fd = open(name, O_RDONLY);
	struct stat st;
	unsigned char *p;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", name);
	if (st.st_size != size)
		errx(1, "%s has %ld bytes, not %ld", name, (long)st.st_size, size);
	if (size) {
		p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			err(1, "%s", name);
		for (long i = 0; i < size; i++) {
			if ((i < but || i >= end) && p[i] != byte(size, i))
				errx(1, "%s: byte %ld is %d", name, i, p[i]);
		}
		/* Nothing of the archive behind the end */
		for (long i = size; i % 4096; i++) {
			if (p[i])
				errx(1, "%s: byte %ld behind the end is %d", name, i, p[i]);
		}
		munmap(p, size);
	}
	close(fd);
}

static int check_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_F) {
		check(name, st->st_size, 0, 0);
		count++;
		whole += st->st_size / 4096 * 4;
	}
	return 0;
}

static long free_bytes(void)
{
	struct sysinfo s;

	sysinfo(&s);
	return (long)s.freeram * s.mem_unit;
}

static void gained(const char *what, long before, long wanted)
{
	long got = free_bytes() - before;

	if (got < wanted - SLACK || got > wanted + SLACK)
		errx(1, "%s: %ld bytes became free, not about %ld", what, got, wanted);
	printf("files: %s: the memory is free\n", what);
}

/* Nearly all memory in the hands of somebody else: are the files what they were? */
static void fill_memory(void)
{
	long size = free_bytes() - 8 * MIB;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (size < 8 * MIB || p == MAP_FAILED)
		errx(1, "cannot fill %ld bytes of memory", size);
	memset(p, 0xa5, size);
	check("/data/kept", BIG, 0, 0);
	check("/data/written", BIG, 2 * MIB - 10, 2 * MIB + 30);
	for (long i = 0; i < size; i++) {
		if (p[i] != (char)0xa5)
			errx(1, "memory changed");
	}
	munmap(p, size);
}

static void change(void)
{
	static char text[20], zeros[4096], seen[4096];
	long before = free_bytes();
	unsigned char *p;
	int fd, status;

	if (unlink("/data/removed"))
		err(1, "unlink");
	gained("removed", before, BIG);

	before = free_bytes();
	if (truncate("/data/cut", MIB + 100))
		err(1, "truncate");
	gained("cut", before, BIG - MIB - 100);
	fd = open("/data/cut", O_RDWR);
	if (ftruncate(fd, BIG) || pread(fd, seen, sizeof(seen), MIB + 100) != sizeof(seen) ||
	    memcmp(seen, zeros, sizeof(seen)))
		errx(1, "cut: not zeros behind the end");
	close(fd);
	check("/data/cut", BIG, MIB + 100, BIG);

	/* Across a page border by a call, and by a mapping. */
	before = free_bytes();
	fd = open("/data/written", O_RDWR);
	memset(text, 'x', sizeof(text));
	if (pwrite(fd, text, sizeof(text), 2 * MIB - 10) != sizeof(text))
		err(1, "pwrite");
	p = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memcpy(p + 2 * MIB + 10, text, sizeof(text));
	if (pread(fd, seen, sizeof(text), 2 * MIB + 10) != sizeof(text) ||
	    memcmp(seen, text, sizeof(text)) || memcmp(p + 2 * MIB - 10, text, sizeof(text)))
		errx(1, "written: not what was written");
	gained("written", before, 0);
	munmap(p, BIG);

	/* What is private to a process stays so. */
	p = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	p[0] = ~byte(BIG, 0);
	if (!fork()) {
		p[4096] = ~byte(BIG, 4096);
		_exit(0);
	}
	if (wait(&status) < 0 || status || p[4096] != byte(BIG, 4096))
		errx(1, "written: a child's change is seen");
	munmap(p, BIG);
	check("/data/written", BIG, 2 * MIB - 10, 2 * MIB + 30);
}

int main(int argc, char **argv)
{
	struct sysinfo s;
	int status;

	if (argc == 3 && !strcmp(argv[1], "make")) {
		make_all(argv[2]);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "again")) {
		puts("files: executed again");
		return 0;
	}

	if (nftw("/data", check_one, 8, FTW_PHYS))
		err(1, "/data");
	sysinfo(&s);
	printf("files: %lu are right, %lu KiB in whole pages, memory %lu KiB\n",
	       count, whole, s.totalram / 1024 * s.mem_unit);
	if (argc == 2 && !strcmp(argv[1], "look"))
		return 0;
	change();
	fill_memory();
	fflush(NULL);
	if (!fork()) {
		execl("/bin/files", "files", "again", NULL);
		_exit(1);
	}
	if (wait(&status) < 0 || status)
		errx(1, "exec: status %d", status);
	puts("files: all is right");
	return 0;
}
