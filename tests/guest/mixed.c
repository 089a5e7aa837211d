// SPDX-License-Identifier: GPL-2.0
/* Processes of both privileges on the same machine. */
#include "tap.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/user.h>

extern char **environ;

/* The other executable, if it runs at the other privilege. */
static void need_other(void)
{
	char *args[] = { "ukltest", "--child", "cpl", NULL };
	int status;
	pid_t pid;

	if (access(other_path, X_OK))
		tap_skip("there is no %s", other_path);
	pid = xfork();
	if (!pid) {
		execve(other_path, args, environ);
		_exit(101);
	}
	EQ(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 3)
		tap_skip("%s does not run here", other_path);
	if ((unsigned int)WEXITSTATUS(status) == cpl())
		tap_skip("%s runs at CPL %u, too", other_path, cpl());
}

static pid_t spawn(const char *path, const char *verb, const char *arg, int in,
		   int out)
{
	char *args[] = { "ukltest", "--child", (char *)verb, (char *)arg, NULL };
	pid_t pid = xfork();

	if (!pid) {
		if (in >= 0)
			dup2(in, 0);
		if (out >= 0)
			dup2(out, 1);
		for (int i = 3; i < 20; i++)
			close(i);
		execve(path, args, environ);
		_exit(101);
	}
	return pid;
}

TEST(mixed, exec)
{
	need_other();
	for (int i = 0; i < 10; i++) {
		EXPECT_EXIT(spawn(other_path, "cpl", NULL, -1, -1), cpl() ^ 3);
		EXPECT_EXIT(spawn(self_path, "cpl", NULL, -1, -1), cpl());
		EXPECT_SIGNAL(spawn(other_path, "segv", NULL, -1, -1), SIGSEGV);
	}
}

/* Signals, red zones and vector registers on both sides at once. */
TEST(mixed, load)
{
	pid_t pid[6];

	need_other();
	for (int i = 0; i < 6; i++)
		pid[i] = spawn(i % 2 ? other_path : self_path, "load", "1500",
			       -1, -1);
	for (int i = 0; i < 6; i++)
		EXPECT_EXIT(pid[i], 0);
}

/* Each answer is a switch of privilege on the same CPU. */
TEST(mixed, ping_pong)
{
	int to[2], from[2];
	unsigned char c;
	pid_t pid;

	need_other();
	CHECK(!pipe2(to, O_CLOEXEC) && !pipe2(from, O_CLOEXEC));
	pid = spawn(other_path, "pong", NULL, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	tick_start(200, NULL, 0);
	for (int i = 0; i < 700; i++) {
		c = i;
		EQ(write(to[1], &c, 1), 1);
		EQ(read(from[0], &c, 1), 1);
		EQ(c, (i + 1) & 0xff);
		if (i % 16 == 0) {
			redzone_check(50);
			fpu_check(50);
		}
	}
	tick_stop();
	close(to[1]);
	EXPECT_EXIT(pid, 0);
}

TEST(mixed, yield)
{
	int ppid = getppid();
	pid_t pid[3];

	need_other();
	for (int i = 0; i < 3; i++)
		pid[i] = spawn(other_path, "load", "1000", -1, -1);
	for (int i = 0; i < 2000; i++) {
		EQ(way_insn(SYS_sched_yield, 0, 0, 0, 0, 0, 0), 0);
		EQ(way_insn(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
		if (!cpl())
			EQ(way_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0), 0);
		redzone_check(20);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EXIT(pid[i], 0);
}

/* One process changes its privilege again and again. */
TEST(mixed, hop)
{
	char *args[] = { "ukltest", "--child", "hop", "20", (char *)self_path,
			 (char *)other_path, NULL };
	pid_t pid;

	need_other();
	pid = xfork();
	if (!pid) {
		execve(self_path, args, environ);
		_exit(101);
	}
	EXPECT_EXIT(pid, 22);
}

/* A parent that waits in vfork while its child becomes another. */
TEST(mixed, vfork)
{
	static char *const args[] = { "ukltest", "--child", "cpl", NULL };

	need_other();
	tick_start(500, NULL, 0);
	for (int i = 0; i < 15; i++) {
		pid_t pid = vfork();

		if (!pid) {
			execve(other_path, args, environ);
			_exit(101);
		}
		EXPECT_EXIT(pid, cpl() ^ 3);
		redzone_check(100);
	}
	tick_stop();
}

TEST(mixed, signals)
{
	need_other();
	for (int i = 0; i < 10; i++) {
		pid_t pid = spawn(other_path, i % 2 ? "pause" : "load", "5000",
				  -1, -1);

		sleep_ms(10);
		CHECK(!kill(pid, i % 3 ? SIGTERM : SIGKILL));
		EXPECT_SIGNAL(pid, i % 3 ? SIGTERM : SIGKILL);
	}
}

/* A tracer steps a program of the other privilege, exec included. */
TEST(mixed, trace)
{
	int status, steps = 0;
	pid_t pid;

	need_other();
	one_cpu();
	pid = xfork();
	if (!pid) {
		CHECK(!ptrace(PTRACE_TRACEME, 0, 0, 0));
		execve(other_path, (char *[]){ "ukltest", "--child", "exit", "6",
					       NULL }, environ);
		_exit(101);
	}
	for (;;) {
		struct user_regs_struct r;

		EQ(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			break;
		EQ(WSTOPSIG(status), SIGTRAP);
		CHECK(!ptrace(PTRACE_GETREGS, pid, 0, &r));
		if ((long)r.rip < 0)
			FAIL("step %d ends at %#lx", steps, r.rip);
		CHECK(!ptrace(steps++ < 600 ? PTRACE_SINGLESTEP : PTRACE_CONT,
			      pid, 0, 0));
	}
	EQ(status, 6 << 8);
	CHECK(steps > 600);
}

/* A tracer gives registers to a new program as a call would leave them. */
TEST(mixed, exec_regs)
{
	struct user_regs_struct r;
	int status;
	pid_t pid;

	need_other();
	pid = xfork();
	if (!pid) {
		CHECK(!ptrace(PTRACE_TRACEME, 0, 0, 0));
		raise(SIGSTOP);
		execve(other_path, (char *[]){ "ukltest", "--child", "cpl",
					       NULL }, environ);
		_exit(101);
	}
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(!ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC));
	CHECK(!ptrace(PTRACE_CONT, pid, 0, 0));
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status >> 8, SIGTRAP | PTRACE_EVENT_EXEC << 8);
	CHECK(!ptrace(PTRACE_GETREGS, pid, 0, &r));
	r.rcx = r.rip;
	r.r11 = r.eflags;
	CHECK(!ptrace(PTRACE_SETREGS, pid, 0, &r));
	CHECK(!ptrace(PTRACE_CONT, pid, 0, 0));
	EXPECT_EXIT(pid, cpl() ^ 3);
}

TEST(mixed, migrate)
{
	unsigned int cpus = cpu_count();
	pid_t pid[4];

	need_other();
	if (cpus < 2)
		tap_skip("one CPU only");
	for (int i = 0; i < 4; i++)
		pid[i] = spawn(i % 2 ? other_path : self_path, "load", "1500",
			       -1, -1);
	for (int i = 0; i < 1200; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(i / 3 % cpus, &set);
		sched_setaffinity(pid[i % 4], sizeof(set), &set);
		usleep(500);
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EXIT(pid[i], 0);
}

/* A CPU that comes back has the way into the kernel of neither privilege. */
TEST_IN(mixed, hotplug, 60)
{
	pid_t pid[4];

	need_other();
	if (!hotplug(1))
		tap_skip("CPU 1 cannot go");
	for (int i = 0; i < 4; i++)
		pid[i] = spawn(i % 2 ? other_path : self_path, "load", "1500",
			       -1, -1);
	for (int i = 0; i < 6; i++) {
		CHECK(hotplug(0));
		CHECK(hotplug(1));
		on_cpu(1);
		EXPECT_EXIT(spawn(i % 2 ? other_path : self_path, "load", "10",
				  -1, -1), 0);
		EXPECT_EXIT(spawn(i % 2 ? self_path : other_path, "load", "10",
				  -1, -1), 0);
		on_cpu(-1);
	}
	for (int i = 0; i < 4; i++)
		EXPECT_EXIT(pid[i], 0);
}
