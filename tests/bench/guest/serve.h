/* SPDX-License-Identifier: GPL-2.0 */
/* For benchmarks of a server and its client in one guest. */
#ifndef SERVE_H
#define SERVE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* serve_connect() - a connection to a port of this guest, or -1 */
static inline int serve_connect(int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, (void *)&to, sizeof(to)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/*
 * serve_start() - start a server and wait until it takes connections
 * @argv: its path and arguments; what it prints goes to standard error
 * @port: where it listens
 *
 * Returns its process; ends the benchmark when it does not come up.
 */
static inline pid_t serve_start(char *const argv[], int port)
{
	pid_t pid = fork();
	int fd, i;

	if (pid == 0) {
		dup2(2, 1);
		execv(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	for (i = 0; pid > 0 && i < 3000; i++) {
		fd = serve_connect(port);
		if (fd >= 0) {
			close(fd);
			return pid;
		}
		if (waitpid(pid, NULL, WNOHANG) == pid)
			break;
		usleep(10000);
	}
	fprintf(stderr, "%s: does not listen on port %d\n", argv[0], port);
	exit(1);
}

/* serve_stop() - end a server */
static inline void serve_stop(pid_t pid)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

#endif
