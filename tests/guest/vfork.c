// SPDX-License-Identifier: GPL-2.0
/* Children that share the memory: vfork, posix_spawn, clone. */
#include "tap.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <spawn.h>

extern char **environ;

static char *const exit_7[] = { "ukltest", "--child", "exit", "7", NULL };

static void vfork_exec(void)
{
	pid_t pid = vfork();

	CHECK(pid >= 0);
	if (!pid) {
		execve(self_path, exit_7, environ);
		_exit(100);
	}
	EXPECT_EXIT(pid, 7);
}

TEST(vfork, exec)
{
	for (int i = 0; i < 30; i++)
		vfork_exec();
}

TEST(vfork, exit)
{
	for (volatile int i = 0; i < 100; i++) {
		volatile int shared = 0;
		pid_t pid = vfork();

		CHECK(pid >= 0);
		if (!pid) {
			shared = getpid();
			_exit(i);
		}
		EQ(shared, pid);
		EXPECT_EXIT(pid, i);
	}
}

TEST(vfork, failing_exec)
{
	static char *const args[] = { "none", NULL };

	for (int i = 0; i < 30; i++) {
		volatile int error = 0;
		pid_t pid = vfork();

		CHECK(pid >= 0);
		if (!pid) {
			execve("/does/not/exist", args, environ);
			error = errno;
			_exit(3);
		}
		EXPECT_EXIT(pid, 3);
		EQ(error, ENOENT);
	}
}

TEST(vfork, timer)
{
	tick_start(500, NULL, 0);
	for (int i = 0; i < 15; i++)
		vfork_exec();
	for (int i = 0; i < 50; i++) {
		pid_t pid = vfork();

		if (!pid)
			_exit(9);
		EXPECT_EXIT(pid, 9);
	}
	tick_stop();
}

/*
 * vfork in assembly. The child uses the stack below and at RSP, over what a
 * call left there, before it ends.
 */
#define VFORK_RAW(insn)				\
	"push %rbx\n"				\
	"mov $0x5577, %ebx\n"			\
	"mov $58, %eax\n"			\
	insn "\n"				\
	"test %rax, %rax\n"			\
	"jnz 2f\n"				\
	"mov $32, %ecx\n"			\
	"1: push $0\n dec %ecx\n jnz 1b\n"	\
	"add $256, %rsp\n"			\
	"mov $39, %eax\n"			\
	insn "\n"				\
	"mov $11, %edi\n"			\
	"mov $60, %eax\n"			\
	insn "\n"				\
	"ud2\n"					\
	"2: cmp $0x5577, %rbx\n je 3f\n mov $-1000, %rax\n" \
	"3: pop %rbx\n ret"
ASM_FN(vf_insn, VFORK_RAW(ASM_INSN));
ASM_FN(vf_call, VFORK_RAW(ASM_CALL));
long vf_insn(void), vf_call(void);

TEST(vfork, raw)
{
	for (int i = 0; i < 100; i++) {
		long pid = (i % 2 && !cpl() ? vf_call : vf_insn)();

		CHECK(pid > 0);
		EXPECT_EXIT(pid, 11);
	}
}

TEST(vfork, spawn)
{
	char text[64] = "";
	char *args[] = { "ukltest", "--child", "echo", "spawned", NULL };
	posix_spawn_file_actions_t fa;
	int fd[2];
	pid_t pid;

	for (int i = 0; i < 10; i++) {
		memset(text, 0, sizeof(text));
		CHECK(!pipe(fd));
		CHECK(!posix_spawn_file_actions_init(&fa));
		CHECK(!posix_spawn_file_actions_adddup2(&fa, fd[1], 1));
		CHECK(!posix_spawn_file_actions_addclose(&fa, fd[0]));
		CHECK(!posix_spawn(&pid, self_path, &fa, NULL, args, environ));
		close(fd[1]);
		EQ(read(fd[0], text, sizeof(text)), 8);
		CHECK(!strcmp(text, "spawned\n"));
		EXPECT_EXIT(pid, 0);
		close(fd[0]);
		posix_spawn_file_actions_destroy(&fa);
	}
	EQ(posix_spawn(&pid, "/does/not/exist", NULL, NULL, args, environ),
	   ENOENT);
}

/* clone: shared memory, a stack of its own. */
static volatile int shared;
static int tid_word;

static int clone_fn(void *arg)
{
	for (int i = 0; i < 100; i++) {
		redzone_check(200);
		fpu_check(200);
	}
	shared += (long)arg;
	if (getpid() == getppid())
		return 1;
	return 13;
}

TEST(vfork, clone_vm)
{
	const size_t size = 65536;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(stack != MAP_FAILED);
	for (int i = 0; i < 20; i++) {
		pid_t pid;

		shared = 0;
		pid = clone(clone_fn, stack + size, CLONE_VM | SIGCHLD |
			    (i % 2 ? CLONE_VFORK : 0), (void *)5L);
		CHECK(pid > 0);
		if (i % 2)
			EQ(shared, 5);
		EXPECT_EXIT(pid, 13);
		EQ(shared, 5);
	}
}

TEST(vfork, clone_timer)
{
	const size_t size = 65536;
	char *stack = mmap(NULL, 4 * size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	tick_start(200, NULL, 0);
	for (int i = 0; i < 5; i++) {
		pid_t pid[4];

		shared = 0;
		for (int k = 0; k < 4; k++) {
			pid[k] = clone(clone_fn, stack + (k + 1) * size,
				       CLONE_VM | SIGCHLD, (void *)0L);
			CHECK(pid[k] > 0);
		}
		for (int k = 0; k < 4; k++)
			EXPECT_EXIT(pid[k], 13);
	}
	tick_stop();
}

/* clone in assembly, onto a new stack: nothing of the call may be on that. */
#define CLONE_RAW(insn)				\
	"mov %rdi, %rsi\n"			\
	"mov $0x111, %edi\n"			\
	"xor %edx, %edx\n xor %r10d, %r10d\n xor %r8d, %r8d\n" \
	"mov $56, %eax\n"			\
	insn "\n"				\
	"test %rax, %rax\n jnz 1f\n"		\
	"pop %rdi\n"				\
	"mov $60, %eax\n"			\
	insn "\n ud2\n"				\
	"1: ret"
ASM_FN(vf_clone_insn, CLONE_RAW(ASM_INSN));
ASM_FN(vf_clone_call, CLONE_RAW(ASM_CALL));
long vf_clone_insn(long *stack), vf_clone_call(long *stack);

TEST(vfork, clone_raw)
{
	static long stack[512];

	for (int i = 0; i < 60; i++) {
		long pid;

		stack[500] = i;
		pid = (i % 2 && !cpl() ? vf_clone_call :
					 vf_clone_insn)(stack + 500);
		CHECK(pid > 0);
		EXPECT_EXIT(pid, i);
	}
}

/* A raw thread: the kernel clears a word and wakes who waits for it. */
static int thread_fn(void *arg)
{
	shared = (long)arg;
	return 0;
}

TEST(vfork, clone_thread)
{
	const size_t size = 65536;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < 50; i++) {
		int tid, seen;

		tid = clone(thread_fn, stack + size, CLONE_VM | CLONE_FS |
			    CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			    CLONE_SYSVSEM | CLONE_PARENT_SETTID |
			    CLONE_CHILD_CLEARTID, (void *)(long)i, &tid_word,
			    NULL, &tid_word);
		CHECK(tid > 0);
		while ((seen = *(volatile int *)&tid_word))
			syscall(SYS_futex, &tid_word, FUTEX_WAIT, seen, 0, 0, 0);
		EQ(shared, i);
	}
}
