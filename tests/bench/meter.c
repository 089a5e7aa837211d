// SPDX-License-Identifier: GPL-2.0
/*
 * meter - run QEMU in the place of QEMU, and measure it from outside.
 *
 * usage: QEMU=meter METER=file [METER_LINE=text] [METER_STOP=1] run.sh ...
 *
 * Passes its arguments to qemu-system-x86_64 and what that prints to standard
 * output. Writes to the file, one a line:
 *
 *	accel NAME	the accelerator in the arguments
 *	first SECONDS	from the start to the first output that holds METER_LINE
 *	exit SECONDS	from the start to the end
 *	memory KIB	the most memory that was resident (getrusage(2), ru_maxrss)
 *
 * With METER_STOP it ends QEMU at that line; there is then no line "exit".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t qemu;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* An empty variable counts as none. */
static const char *setting(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static void forward(int sig)
{
	kill(qemu, sig);
}

/*
 * Copy what QEMU prints, until the line has been seen; the text is searched
 * across the borders of reads. Returns the time at which it was, or 0.
 */
static double copy_until(int fd, const char *text)
{
	size_t len = text ? strlen(text) : 0, kept = 0;
	char buffer[8192];
	double seen = 0;
	ssize_t n;

	for (;;) {
		n = read(fd, buffer + kept, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return seen;
		if (write(1, buffer + kept, n) != n)
			return seen;
		if (!len || seen)
			continue;
		kept += n;
		if (memmem(buffer, kept, text, len)) {
			seen = now();
			if (setting("METER_STOP"))
				return seen;
			kept = 0;
		} else if (kept >= len) {
			memmove(buffer, buffer + kept - (len - 1), len - 1);
			kept = len - 1;
		}
	}
}

int main(int argc, char **argv)
{
	const char *file = setting("METER"), *line = setting("METER_LINE");
	const char *accel = "tcg";
	double start, seen, end;
	struct rusage usage;
	int fd[2], status, i;
	FILE *out;

	if (!file || (line && strlen(line) > 4000)) {
		fprintf(stderr, "meter: METER must name a file, and METER_LINE be short\n");
		return 2;
	}
	for (i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], "-accel"))
			accel = argv[i + 1];
	if (pipe(fd)) {
		perror("meter: pipe");
		return 2;
	}

	start = now();
	qemu = fork();
	if (!qemu) {
		dup2(fd[1], 1);
		close(fd[0]);
		close(fd[1]);
		argv[0] = "qemu-system-x86_64";
		execvp(argv[0], argv);
		perror("meter: qemu-system-x86_64");
		_exit(127);
	}
	signal(SIGTERM, forward);
	signal(SIGINT, forward);
	close(fd[1]);
	seen = copy_until(fd[0], line);
	if (seen && setting("METER_STOP"))
		kill(qemu, SIGTERM);
	while (wait4(qemu, &status, 0, &usage) < 0 && errno == EINTR)
		;
	end = now();

	out = fopen(file, "w");
	if (!out) {
		perror(file);
		return 2;
	}
	fprintf(out, "accel %s\n", accel);
	if (seen)
		fprintf(out, "first %.4f\n", seen - start);
	if (!seen || !setting("METER_STOP"))
		fprintf(out, "exit %.4f\n", end - start);
	fprintf(out, "memory %ld\n", usage.ru_maxrss);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
