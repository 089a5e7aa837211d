// SPDX-License-Identifier: GPL-2.0
/*
 * Run Redis, nginx and memcached for so many seconds, and say every few of them how
 * much memory there is, and how much of it the kernel's slabs and each server have.
 *
 * usage: soak SECONDS
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVERY 5

static char *const commands[][10] = {
	{ "/usr/bin/redis-server", "--bind", "0.0.0.0", "--protected-mode", "no",
	  "--save", "", NULL },
	{ "/usr/sbin/nginx", NULL },
	{ "/usr/bin/memcached", "-u", "nobody", "-U", "0", "-m", "64", "-t", "2",
	  NULL },
};

#define SERVERS (sizeof(commands) / sizeof(*commands))

/* The number behind a word in a file of /proc, in KiB */
static long number(const char *file, const char *word)
{
	FILE *f = fopen(file, "r");
	char line[256];
	long n = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, word, strlen(word)) && line[strlen(word)] == ':')
			n = atol(line + strlen(word) + 1);
	if (f)
		fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 0, status;
	time_t start = time(NULL);
	pid_t pid[SERVERS], ended;
	char file[40];

	if (seconds <= 0)
		errx(2, "usage: soak SECONDS");
	setlinebuf(stdout);
	for (size_t i = 0; i < SERVERS; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			err(1, "fork");
		if (!pid[i]) {
			execv(commands[i][0], commands[i]);
			err(127, "%s", commands[i][0]);
		}
	}
	while (time(NULL) - start < seconds) {
		sleep(EVERY);
		printf("soak: %ld available %ld slab %ld", (long)(time(NULL) - start),
		       number("/proc/meminfo", "MemAvailable"),
		       number("/proc/meminfo", "Slab"));
		for (size_t i = 0; i < SERVERS; i++) {
			snprintf(file, sizeof(file), "/proc/%d/status", pid[i]);
			printf(" %ld", number(file, "VmRSS"));
		}
		putchar('\n');
		ended = waitpid(-1, &status, WNOHANG);
		for (size_t i = 0; i < SERVERS; i++)
			if (ended == pid[i])
				errx(1, "%s ended with status %#x",
				     commands[i][0], status);
	}
	for (size_t i = 0; i < SERVERS; i++)
		kill(pid[i], SIGTERM);
	for (size_t i = 0; i < SERVERS; i++)
		waitpid(pid[i], &status, 0);
	printf("soak: done\n");
	return 0;
}
