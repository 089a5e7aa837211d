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
 *	answer SECONDS	from the start to the first "+PONG" of the Redis server at
 *			port METER_PORT of this host, which is told to shut down then
 *	exit SECONDS	from the start to the end
 *	memory KIB	the most memory that was resident (getrusage(2), ru_maxrss)
 *
 * With METER_STOP it ends QEMU at that line; there is no line "exit" when it
 * has ended QEMU.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
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

/*
 * Ask every 5 ms on a new connection, as one that began before the guest listens
 * may come to nothing. Ends the server when one was answered, and returns the time.
 */
static double ask_until_answered(int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct pollfd asked[256];
	unsigned int next = 0, i;
	char answer[16];
	double seen;

	for (i = 0; i < 256; i++)
		asked[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	for (;; next = (next + 1) % 256) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) ||
		    send(fd, "PING\r\n", 6, MSG_NOSIGNAL) != 6) {
			close(fd);
			fd = -1;
		}
		if (asked[next].fd >= 0)
			close(asked[next].fd);
		asked[next].fd = fd;
		poll(asked, 256, 5);
		for (i = 0; i < 256; i++) {
			if (!asked[i].revents)
				continue;
			if (read(asked[i].fd, answer, sizeof(answer)) >= 5 &&
			    !memcmp(answer, "+PONG", 5)) {
				seen = now();
				send(asked[i].fd, "SHUTDOWN NOSAVE\r\n", 17,
				     MSG_NOSIGNAL);
				return seen;
			}
			close(asked[i].fd);
			asked[i].fd = -1;
		}
	}
}

int main(int argc, char **argv)
{
	const char *file = setting("METER"), *line = setting("METER_LINE");
	const char *accel = "tcg";
	double start, seen, end, *answered = NULL;
	pid_t asking = 0;
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
	if (setting("METER_PORT")) {
		answered = mmap(NULL, sizeof(*answered), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		asking = fork();
		if (!asking) {
			signal(SIGTERM, SIG_DFL);
			*answered = ask_until_answered(atoi(setting("METER_PORT")));
			/* The connection stays open until QEMU has ended. */
			for (;;)
				pause();
		}
	}
	seen = copy_until(fd[0], line);
	if (seen && setting("METER_STOP"))
		kill(qemu, SIGTERM);
	while (wait4(qemu, &status, 0, &usage) < 0 && errno == EINTR)
		;
	end = now();
	if (asking) {
		kill(asking, SIGTERM);
		waitpid(asking, NULL, 0);
	}

	out = fopen(file, "w");
	if (!out) {
		perror(file);
		return 2;
	}
	fprintf(out, "accel %s\n", accel);
	if (seen)
		fprintf(out, "first %.4f\n", seen - start);
	if (answered && *answered)
		fprintf(out, "answer %.4f\n", *answered - start);
	if (!seen || !setting("METER_STOP"))
		fprintf(out, "exit %.4f\n", end - start);
	fprintf(out, "memory %ld\n", usage.ru_maxrss);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
