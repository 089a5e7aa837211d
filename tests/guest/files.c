// SPDX-License-Identifier: GPL-2.0
/* Files, mostly on tmpfs, and mappings of them. */
#include "tap.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* A new directory in /tmp as the current one. */
static void scratch(void)
{
	static char name[] = "/tmp/ukltest-XXXXXX";

	CHECK(mkdtemp(name));
	CHECK(!chdir(name));
}

static void leave(void)
{
	char name[200];

	CHECK(getcwd(name, sizeof(name)));
	CHECK(!chdir("/"));
	CHECK(!rmdir(name));
}

TEST(files, names)
{
	struct stat st;
	struct dirent *e;
	char text[8];
	int fd, n = 0;
	DIR *d;

	scratch();
	fd = open("a", O_CREAT | O_EXCL | O_RDWR, 0640);
	CHECK(fd >= 0);
	EQ(open("a", O_CREAT | O_EXCL | O_RDWR, 0640), -1);
	EQ(errno, EEXIST);
	EQ(write(fd, "12345", 5), 5);
	CHECK(!fstat(fd, &st));
	EQ(st.st_size, 5);
	EQ(st.st_mode, S_IFREG | 0640);
	CHECK(!rename("a", "b"));
	EQ(access("a", F_OK), -1);
	CHECK(!link("b", "c"));
	CHECK(!symlink("c", "d"));
	CHECK(!stat("d", &st));
	EQ(st.st_nlink, 2);
	EQ(readlink("d", text, sizeof(text)), 1);
	CHECK(!mkdir("e", 0755));
	EQ(rmdir("."), -1);
	EQ(unlink("e"), -1);
	d = opendir(".");
	CHECK(d);
	while ((e = readdir(d)))
		n++;
	EQ(n, 6);
	closedir(d);
	CHECK(!unlink("b") && !unlink("c") && !unlink("d") && !rmdir("e"));
	EQ(pread(fd, text, 8, 2), 3);
	CHECK(!memcmp(text, "345", 3));
	close(fd);
	leave();
}

TEST(files, big)
{
	const size_t size = 16 << 20;
	uint64_t *buf = malloc(65536), *map;
	uint64_t seed = 1, check = 1;
	int fd;

	scratch();
	fd = open("big", O_CREAT | O_RDWR, 0600);
	for (size_t done = 0; done < size; done += 65536) {
		for (int i = 0; i < 8192; i++)
			buf[i] = rnd(&seed);
		EQ(write(fd, buf, 65536), 65536);
	}
	EQ(lseek(fd, 0, SEEK_CUR), size);
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	for (size_t i = 0; i < size / 8; i++)
		if (map[i] != rnd(&check))
			FAIL("word %zu differs", i);
	munmap(map, size);
	close(fd);
	CHECK(!unlink("big"));
	leave();
}

TEST(files, sparse)
{
	char c = 1;
	int fd;

	scratch();
	fd = open("sparse", O_CREAT | O_RDWR, 0600);
	EQ(pwrite(fd, "x", 1, 1L << 40), 1);
	EQ(pread(fd, &c, 1, 1L << 39), 1);
	EQ(c, 0);
	EQ(pread(fd, &c, 1, 1L << 40), 1);
	EQ(c, 'x');
	CHECK(!unlink("sparse"));
	close(fd);
	leave();
}

TEST(files, shared_mapping)
{
	volatile char *p;
	char c;
	int fd;
	pid_t pid;

	scratch();
	fd = open("map", O_CREAT | O_RDWR, 0600);
	CHECK(!ftruncate(fd, 1 << 20));
	p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	pid = xfork();
	if (!pid) {
		for (int i = 0; i < 1 << 20; i += 4096)
			p[i] = i >> 12;
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	for (int i = 0; i < 1 << 20; i += 4096) {
		EQ(pread(fd, &c, 1, i), 1);
		EQ(c, (char)(i >> 12));
		EQ(p[i], c);
	}
	EQ(pwrite(fd, "z", 1, 4096), 1);
	EQ(p[4096], 'z');
	CHECK(!unlink("map"));
	leave();
}

/* Private: the program's own bytes stay out of the file. */
TEST(files, private_mapping)
{
	char *p, c;
	int fd;

	scratch();
	fd = open("map", O_CREAT | O_RDWR, 0600);
	EQ(write(fd, "abc", 3), 3);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 'X';
	EQ(pread(fd, &c, 1, 0), 1);
	EQ(c, 'a');
	CHECK(!unlink("map"));
	leave();
}

TEST(files, vectors)
{
	char a[3], b[5];
	struct iovec in[2] = { { a, 3 }, { b, 5 } };
	struct iovec out[2] = { { "123", 3 }, { "45678", 5 } };
	int fd, copy;

	scratch();
	fd = open("v", O_CREAT | O_RDWR, 0600);
	EQ(writev(fd, out, 2), 8);
	EQ(preadv(fd, in, 2, 0), 8);
	CHECK(!memcmp(a, "123", 3) && !memcmp(b, "45678", 5));
	copy = open("w", O_CREAT | O_RDWR, 0600);
	EQ(sendfile(copy, fd, &(off_t){ 0 }, 8), 8);
	EQ(pread(copy, b, 5, 3), 5);
	CHECK(!memcmp(b, "45678", 5));
	CHECK(!unlink("v") && !unlink("w"));
	leave();
}

TEST(files, locks)
{
	struct flock l = { .l_type = F_WRLCK };
	int fd;
	pid_t pid;

	scratch();
	fd = open("lock", O_CREAT | O_RDWR, 0600);
	CHECK(!fcntl(fd, F_SETLK, &l));
	pid = xfork();
	if (!pid) {
		EQ(fcntl(fd, F_SETLK, &l), -1);
		CHECK(errno == EAGAIN || errno == EACCES);
		EQ(fcntl(fd, F_SETLKW, &l), 0);
		_exit(0);
	}
	sleep_ms(20);
	l.l_type = F_UNLCK;
	CHECK(!fcntl(fd, F_SETLK, &l));
	EXPECT_EXIT(pid, 0);
	CHECK(!unlink("lock"));
	leave();
}

TEST(files, proc)
{
	char line[500], exe[200];
	unsigned long start, end, ip = (unsigned long)&scratch;
	int found = 0, pid = 0, stack = 0;
	ssize_t len;
	FILE *f;

	f = fopen("/proc/self/maps", "r");
	if (!f)
		tap_skip("no /proc");
	while (fgets(line, sizeof(line), f)) {
		CHECK(sscanf(line, "%lx-%lx", &start, &end) == 2);
		if (start <= ip && ip < end)
			found = strstr(line, "r-xp") ? 1 : 2;
		if (strstr(line, "[stack]"))
			stack = 1;
	}
	fclose(f);
	EQ(found, 1);
	EQ(stack, 1);
	f = fopen("/proc/self/stat", "r");
	CHECK(f && fscanf(f, "%d", &pid) == 1);
	fclose(f);
	EQ(pid, getpid());
	len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	CHECK(len > 0);
	f = fopen("/proc/self/status", "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmRSS:", 6))
			found = 5;
	fclose(f);
	EQ(found, 5);
}

/* What another process sees of one that waits in a call. */
TEST(files, proc_blocked)
{
	char name[64], text[300] = "";
	long nr, first, third;
	int fd[2], f;
	pid_t pid;
	char c;

	CHECK(!pipe(fd));
	pid = xfork();
	if (!pid)
		_exit(read(fd[0], &c, 1) != 1);
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "/proc/%d/%s", pid,
			 i ? "stat" : "syscall");
		do {
			usleep(20000);
			f = open(name, O_RDONLY);
			if (f < 0 && !i)
				break;
			CHECK(f >= 0);
			CHECK(read(f, text, sizeof(text) - 1) > 0);
			close(f);
		} while (!i && !strncmp(text, "running", 7));
		if (i || f < 0)
			continue;
		EQ(sscanf(text, "%ld %lx %*x %lx", &nr, &first, &third), 3);
		EQ(nr, SYS_read);
		EQ(first, fd[0]);
		EQ(third, 1);
	}
	EQ(write(fd[1], "x", 1), 1);
	EXPECT_EXIT(pid, 0);
}

TEST(files, devices)
{
	char buf[4096];
	int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR);
	int random = open("/dev/urandom", O_RDONLY);

	if (zero < 0 || null < 0)
		tap_skip("no /dev");
	memset(buf, 1, sizeof(buf));
	EQ(read(zero, buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		EQ(buf[i], 0);
	EQ(read(null, buf, 1), 0);
	EQ(write(null, buf, sizeof(buf)), sizeof(buf));
	EQ(read(random, buf, 64), 64);
	CHECK(memcmp(buf, buf + 32, 32));
}

TEST(files, inotify)
{
	char buf[1000];
	struct inotify_event *e = (void *)buf;
	int in, fd;

	scratch();
	in = inotify_init1(IN_CLOEXEC);
	if (in < 0)
		tap_skip("no inotify in this kernel");
	CHECK(inotify_add_watch(in, ".", IN_CREATE | IN_DELETE) >= 0);
	fd = open("seen", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	CHECK(read(in, buf, sizeof(buf)) > 0);
	EQ(e->mask, IN_CREATE);
	CHECK(!strcmp(e->name, "seen"));
	CHECK(!unlink("seen"));
	CHECK(read(in, buf, sizeof(buf)) > 0);
	EQ(e->mask, IN_DELETE);
	leave();
}

TEST(files, pipes)
{
	enum { SIZE = 4 << 20 };
	char *buf = malloc(100000);
	uint64_t seed = 4, want = 4;
	int fd[2];
	pid_t pid;

	CHECK(!pipe(fd));
	pid = xfork();
	if (!pid) {
		close(fd[0]);
		for (size_t done = 0; done < SIZE;) {
			uint64_t word = rnd(&seed);

			EQ(write(fd[1], &word, 8), 8);
			done += 8 * 128;
			for (int i = 1; i < 128; i++)
				((uint64_t *)buf)[i] = rnd(&seed);
			EQ(write(fd[1], buf + 8, 8 * 127), 8 * 127);
		}
		_exit(0);
	}
	close(fd[1]);
	for (size_t done = 0, have = 0, used; done < SIZE; done += used) {
		ssize_t n = read(fd[0], buf + have, 100000 - have);

		CHECK(n > 0);
		have += n;
		used = have & ~7UL;
		for (size_t i = 0; i < used / 8; i++)
			EQ(((uint64_t *)buf)[i], rnd(&want));
		have -= used;
		memmove(buf, buf + used, have);
	}
	EXPECT_EXIT(pid, 0);
}

TEST(files, mappings)
{
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q;

	CHECK(p != MAP_FAILED);
	memset(p, 3, 1 << 20);
	CHECK(!munmap(p + 4096, 4096));
	CHECK(!mprotect(p + 8192, 4096, PROT_READ));
	q = mremap(p + 16384, 4096, 1 << 22, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	EQ(q[100], 3);
	EQ(q[5000], 0);
	CHECK(!madvise(q, 4096, MADV_DONTNEED));
	EQ(q[100], 0);
	for (int i = 0; i < 200; i++) {
		char *r = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CHECK(r != MAP_FAILED);
		r[i * 300] = i;
		CHECK(!munmap(r, 1 << 16));
	}
}
