// SPDX-License-Identifier: GPL-2.0
/*
 * The process that runs a suite in the guest:
 *
 *	runner LIST FIRST-
 *	runner LIST NUMBER...
 *
 * LIST has a test a line: a name, the seconds that it may take, a directory, and
 * a command for the shell. The tests from FIRST on, or those with these numbers,
 * run one after the other, each in a session of its own of which nothing is
 * left afterwards. On the console there is for each
 *
 *	@@ NUMBER NAME
 *	| what it printed, line by line
 *	@@ NUMBER NAME exit 0|signal 9|timeout MILLISECONDS
 *
 * LIST may begin with lines "#!" and a command, which are run first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX	(512 * 1024)

/* What the test has printed: lines that are not complete, and how much. */
static char line[1000];
static size_t line_len, printed;

/* One write for a line, so that those of the kernel come before or after it. */
static void say(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	char text[sizeof(line) + 100];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (write(STDOUT_FILENO, text, len) < 0)
		_exit(1);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void end_line(void)
{
	if (line_len && printed < OUTPUT_MAX)
		say("|%.*s\n", (int)line_len, line);
	printed += line_len;
	line_len = 0;
}

static void relay(const char *text, ssize_t len)
{
	for (ssize_t i = 0; i < len; i++) {
		if (text[i] == '\n' || line_len == sizeof(line))
			end_line();
		/* Names go into tables, and zeros nowhere. */
		if (text[i] == '\t')
			line[line_len++] = ' ';
		else if ((unsigned char)text[i] >= ' ')
			line[line_len++] = text[i];
	}
}

/* The command of a list's line, after the directory */
static pid_t start(const char *dir, const char *command, int *out)
{
	int fds[2], null;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		setsid();
		/* It would be inherited, and yes | head would not end. */
		signal(SIGPIPE, SIG_DFL);
		null = open("/dev/null", O_RDONLY);
		dup2(null, STDIN_FILENO);
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(null);
		if (chdir(dir))
			_exit(126);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

/*
 * What a test has left behind: all others in this machine but process 1. Orphans
 * are children of this one.
 */
static void kill_others(void)
{
	long end = now_ms() + 5000;
	pid_t pid;

	while (now_ms() < end) {
		kill(-1, SIGKILL);
		do {
			pid = waitpid(-1, NULL, WNOHANG | __WALL);
		} while (pid > 0);
		if (pid < 0)
			return;
		usleep(1000);
	}
	say("@@ processes that cannot be killed\n");
}

static void run(int number, const char *name, int seconds, const char *dir,
		const char *command)
{
	long began = now_ms(), end = began + seconds * 1000L, left;
	int fd = -1, status = 0, timeout = 0;
	struct pollfd p = { .events = POLLIN };
	char text[4096], how[40];
	ssize_t len;
	pid_t pid, ret = 0;

	say("@@ %d %s\n", number, name);
	printed = 0;
	pid = start(dir, command, &fd);
	if (pid < 0) {
		say("@@ %d %s exit 125 0\n", number, name);
		return;
	}
	p.fd = fd;
	/*
	 * It has ended when its first process has: others may hold the pipe, and
	 * it may have closed it.
	 */
	while (!ret && !timeout) {
		left = end - now_ms();
		if (poll(&p, 1, left < 20 ? 1 : 20) > 0) {
			len = read(fd, text, sizeof(text));
			relay(text, len);
			if (len <= 0)
				p.fd = -1;
		}
		ret = waitpid(pid, &status, WNOHANG);
		timeout = !ret && left <= 0;
	}
	kill_others();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((len = read(fd, text, sizeof(text))) > 0)
		relay(text, len);
	end_line();
	close(fd);

	if (timeout)
		snprintf(how, sizeof(how), "timeout");
	else if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "signal %d", WTERMSIG(status));
	else
		snprintf(how, sizeof(how), "exit %d", WEXITSTATUS(status));
	say("@@ %d %s %s %ld\n", number, name, how, now_ms() - began);
}

static char **tests;
static int count;

/* Commands for a shell, none of which may fail. */
static int shell(const char *commands)
{
	char *text;
	int status;

	if (asprintf(&text, "set -e; %s", commands) < 0)
		return -1;
	status = system(text);
	free(text);
	return status;
}

/* The commands of the list are run at once, its tests are kept. */
static int read_list(const char *path)
{
	FILE *list = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!list)
		return -1;
	while (getline(&text, &size, list) > 0) {
		text[strcspn(text, "\n")] = '\0';
		if (!strncmp(text, "#!", 2)) {
			if (shell(text + 2))
				say("@@ failed: %s\n", text + 2);
			continue;
		}
		tests = realloc(tests, (count + 1) * sizeof(*tests));
		if (!tests)
			return -1;
		tests[count++] = text;
		text = NULL;
		size = 0;
	}
	fclose(list);
	return 0;
}

static void run_number(int number)
{
	char name[200], dir[200];
	int seconds, start;

	if (number < 1 || number > count ||
	    sscanf(tests[number - 1], "%199s %d %199s %n", name, &seconds, dir,
		   &start) != 3)
		say("@@ there is no test %d\n", number);
	else
		run(number, name, seconds, dir, tests[number - 1] + start);
}

int main(int argc, char **argv)
{
	int number;

	/* Outside it would end everything. */
	if (access("/ukl.manifest", F_OK) || argc < 3) {
		say("runner: for the guest only\n");
		return 2;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	if (read_list(argv[1])) {
		say("runner: cannot read %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	for (int i = 2; i < argc; i++) {
		number = atoi(argv[i]);
		run_number(number);
		while (strchr(argv[i], '-') && number < count)
			run_number(++number);
	}
	say("@@ done\n");
	return 0;
}
