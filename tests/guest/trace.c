// SPDX-License-Identifier: GPL-2.0
/* ptrace: stepping, system call stops, registers, breakpoints, attaching. */
#include "tap.h"
#include <asm/prctl.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

extern char **environ;

typedef struct user_regs_struct regs_t;

static regs_t get(pid_t pid)
{
	regs_t r;

	CHECK(!ptrace(PTRACE_GETREGS, pid, 0, &r));
	if (r.cs != 0x33)
		FAIL("the tracer sees CS %#lx", r.cs);
	if ((long)r.rip < 0)
		FAIL("the tracer sees a kernel address: %#lx", r.rip);
	return r;
}

static int wait_stop(pid_t pid)
{
	int status;

	EQ(waitpid(pid, &status, __WALL), pid);
	if (!WIFSTOPPED(status))
		FAIL("tracee: status %#x, not stopped", status);
	return status >> 8;
}

/* A child that traces itself for us and stops before @fn. */
static pid_t tracee(long (*fn)(void))
{
	pid_t pid = xfork();

	if (!pid) {
		CHECK(!ptrace(PTRACE_TRACEME, 0, 0, 0));
		raise(SIGSTOP);
		_exit(fn());
	}
	EQ(wait_stop(pid), SIGSTOP);
	return pid;
}

static void resume(int how, pid_t pid, int sig)
{
	CHECK(!ptrace(how, pid, 0, (void *)(long)sig));
}

static void run_to_end(pid_t pid, int code)
{
	resume(PTRACE_CONT, pid, 0);
	EXPECT_EXIT(pid, code);
}

/* Run up to an int3 of the tracee. */
static regs_t to_int3(pid_t pid)
{
	resume(PTRACE_CONT, pid, 0);
	EQ(wait_stop(pid), SIGTRAP);
	return get(pid);
}

/*
 * int3, then instructions up to the next int3. The table has the address of
 * each, so that each step can be checked.
 */
#define STEP_BODY(name, insn)						\
	ASM_FN(tr_##name,						\
	       "push %rbx\n int3\n"					\
	       "tr_" #name "_0: xor %ebx, %ebx\n"			\
	       "tr_" #name "_1: mov $110, %eax\n"			\
	       "tr_" #name "_2: " insn "\n"				\
	       "tr_" #name "_3: mov %rax, %rbx\n"			\
	       "tr_" #name "_4: mov $24, %eax\n"			\
	       "tr_" #name "_5: " insn "\n"				\
	       "tr_" #name "_6: nop\n"					\
	       "tr_" #name "_7: mov $400, %eax\n"			\
	       "tr_" #name "_8: " insn "\n"				\
	       "tr_" #name "_9: mov %rbx, %rax\n"			\
	       "int3\n pop %rbx\n ret");				\
	extern const char tr_##name##_0[], tr_##name##_1[], tr_##name##_2[], \
		tr_##name##_3[], tr_##name##_4[], tr_##name##_5[],	\
		tr_##name##_6[], tr_##name##_7[], tr_##name##_8[],	\
		tr_##name##_9[];					\
	long tr_##name(void);						\
	static const char *const tr_##name##_at[] = {			\
		tr_##name##_0, tr_##name##_1, tr_##name##_2, tr_##name##_3, \
		tr_##name##_4, tr_##name##_5, tr_##name##_6, tr_##name##_7, \
		tr_##name##_8, tr_##name##_9,				\
	}
STEP_BODY(insn, ASM_INSN);
STEP_BODY(call, ASM_CALL);

static long use_insn(void)
{
	return tr_insn() == getppid() ? 5 : 6;
}

static long use_call(void)
{
	return tr_call() == getppid() ? 5 : 6;
}

static void step_over(long (*fn)(void), const char *const *at)
{
	for (int round = 0; round < 5; round++) {
		pid_t pid = tracee(fn);
		regs_t r = to_int3(pid);

		for (int i = 0; i < 10; i++) {
			EQ(r.rip, at[i]);
			if (i == 3)
				EQ(r.rax, getpid());
			if (i == 6)
				EQ(r.rax, 0);
			if (i == 9) {
				EQ(r.rax, -ENOSYS);
				break;
			}
			resume(PTRACE_SINGLESTEP, pid, 0);
			EQ(wait_stop(pid), SIGTRAP);
			r = get(pid);
		}
		to_int3(pid);
		run_to_end(pid, 5);
	}
}

TEST(trace, step_syscall)
{
	step_over(use_insn, tr_insn_at);
	if (!cpl())
		step_over(use_call, tr_call_at);
}

/* Thousands of steps through ordinary code and libc's calls. */
static long work(void)
{
	char text[64], back[64];
	struct timespec ts;
	int fd[2], sum = 0;

	if (pipe(fd))
		return 1;
	for (int i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "%d %d", getpid(), getppid());
		if (write(fd[1], text, sizeof(text)) != sizeof(text) ||
		    read(fd[0], back, sizeof(back)) != sizeof(back) ||
		    memcmp(text, back, sizeof(text)))
			return 2;
		/*
		 * Not by the vDSO, which tries again when a tick came in
		 * between, and between single steps there may always be one.
		 */
		if (syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts))
			return 5;
		sum += strlen(text);
		if (close(-1) != -1 || errno != EBADF)
			return 3;
		ts = (struct timespec) { 0, 1000 };
		nanosleep(&ts, NULL);
	}
	return sum ? 9 : 4;
}

TEST_IN(trace, step_thousands, 60)
{
	int steps = 0, status;
	pid_t pid;

	one_cpu();
	pid = tracee(work);

	for (;; steps++) {
		resume(PTRACE_SINGLESTEP, pid, 0);
		EQ(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			break;
		EQ(WSTOPSIG(status), SIGTRAP);
		get(pid);
	}
	EQ(status, 9 << 8);
	if (steps < 2000)
		FAIL("only %d steps", steps);
}

/* Through a handler, sigreturn, fork, vfork and exec. */
static volatile int handled;

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	handled++;
}

static long hard_work(void)
{
	int status;
	pid_t pid;

	handle(SIGUSR1, on_signal, 0);
	raise(SIGUSR1);
	if (handled != 1)
		return 1;
	pid = fork();
	if (!pid)
		_exit(3);
	if (waitpid(pid, &status, 0) != pid || status != 3 << 8)
		return 2;
	pid = vfork();
	if (!pid)
		_exit(4);
	if (waitpid(pid, &status, 0) != pid || status != 4 << 8)
		return 3;
	execve(self_path, (char *[]){ "ukltest", "--child", "exit", "77", NULL },
	       environ);
	return 4;
}

TEST(trace, step_hard)
{
	int steps = 0, status, pass = 0;
	pid_t pid;

	one_cpu();
	pid = tracee(hard_work);

	/* Into the new program, too, but not through all of its start. */
	for (;; steps++) {
		resume(steps < 6000 ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, pass);
		EQ(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			break;
		pass = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
		get(pid);
	}
	EQ(status, 77 << 8);
	CHECK(steps > 300);
}

/* A step over a call that blocks until somebody acts. */
static int fds[2];

static long blocked_insn(void)
{
	char c = 0;

	__asm__ volatile("int3");
	return way_insn(SYS_read, fds[0], (long)&c, 1, 0, 0, 0) == 1 && c == 'y' ?
	       8 : 1;
}

static long blocked_call(void)
{
	char c = 0;

	__asm__ volatile("int3");
	return way_call(SYS_read, fds[0], (long)&c, 1, 0, 0, 0) == 1 && c == 'y' ?
	       8 : 1;
}

TEST(trace, step_blocked)
{
	CHECK(!pipe(fds));
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid = tracee(w->fn == way_insn ? blocked_insn :
						       blocked_call);
		regs_t r = to_int3(pid);
		int status;

		while (r.rip != (unsigned long)w->start) {
			resume(PTRACE_SINGLESTEP, pid, 0);
			EQ(wait_stop(pid), SIGTRAP);
			r = get(pid);
		}
		resume(PTRACE_SINGLESTEP, pid, 0);
		sleep_ms(20);
		EQ(waitpid(pid, &status, WNOHANG), 0);
		EQ(write(fds[1], "y", 1), 1);
		EQ(wait_stop(pid), SIGTRAP);
		r = get(pid);
		EQ(r.rip, w->ret);
		EQ(r.rax, 1);
		run_to_end(pid, 8);
	}
}

/* Which calls are made, with what, and what comes of them. */
static const struct {
	long nr, arg, ret;
} calls[] = {
	{ SYS_getppid, 0, -2 }, { SYS_close, -1, -EBADF }, { SYS_getpid, 0, -1 },
	{ SYS_dup, 1000, -EBADF }, { SYS_sched_yield, 0, 0 }, { 400, 5, -ENOSYS },
	{ SYS_exit_group, 11, 0 },
};
#define N_CALLS (sizeof(calls) / sizeof(*calls))

static long list_insn(void)
{
	for (size_t i = 0; i < N_CALLS; i++)
		way_insn(calls[i].nr, calls[i].arg, 2, 3, 4, 5, 6);
	return 1;
}

static long list_call(void)
{
	for (size_t i = 0; i < N_CALLS; i++)
		way_call(calls[i].nr, calls[i].arg, 2, 3, 4, 5, 6);
	return 1;
}

TEST(trace, syscalls)
{
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid = tracee(w->fn == way_insn ? list_insn : list_call);
		regs_t r;

		CHECK(!ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
		/* The end of raise(): an exit from tgkill, and its mask calls. */
		do {
			resume(PTRACE_SYSCALL, pid, 0);
			EQ(wait_stop(pid), SIGTRAP | 0x80);
			r = get(pid);
		} while (r.orig_rax != SYS_getppid);
		for (size_t i = 0; i < N_CALLS; i++) {
			EQ(r.orig_rax, calls[i].nr);
			EQ(r.rdi, calls[i].arg);
			EQ(r.rsi, 2);
			EQ(r.rdx, 3);
			EQ(r.r10, 4);
			EQ(r.r8, 5);
			EQ(r.r9, 6);
			EQ(r.rax, -ENOSYS);
			EQ(r.rip, w->ret);
			if (calls[i].nr == SYS_exit_group)
				break;
			resume(PTRACE_SYSCALL, pid, 0);
			EQ(wait_stop(pid), SIGTRAP | 0x80);
			r = get(pid);
			EQ(r.orig_rax, calls[i].nr);
			EQ(r.rip, w->ret);
			EQ(r.rax, calls[i].ret == -1 ? pid : calls[i].ret == -2 ?
			   getpid() : calls[i].ret);
			resume(PTRACE_SYSCALL, pid, 0);
			EQ(wait_stop(pid), SIGTRAP | 0x80);
			r = get(pid);
		}
		run_to_end(pid, 11);
	}
}

/* The tracer replaces a call, its arguments and its result. */
static long ask_insn(void)
{
	return way_insn(SYS_getppid, 1, 2, 3, 4, 5, 6) == 4711 &&
	       way_insn(SYS_getppid, 0, 0, 0, 0, 0, 0) == getpid() ? 12 : 1;
}

static long ask_call(void)
{
	return way_call(SYS_getppid, 1, 2, 3, 4, 5, 6) == 4711 &&
	       way_call(SYS_getppid, 0, 0, 0, 0, 0, 0) == getpid() ? 12 : 1;
}

TEST(trace, replace_syscall)
{
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid = tracee(w->fn == way_insn ? ask_insn : ask_call);
		regs_t r;

		CHECK(!ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
		do {
			resume(PTRACE_SYSCALL, pid, 0);
			EQ(wait_stop(pid), SIGTRAP | 0x80);
			r = get(pid);
		} while (r.orig_rax != SYS_getppid);
		/* No call at all, but a result. */
		r.orig_rax = -1;
		CHECK(!ptrace(PTRACE_SETREGS, pid, 0, &r));
		resume(PTRACE_SYSCALL, pid, 0);
		EQ(wait_stop(pid), SIGTRAP | 0x80);
		r = get(pid);
		r.rax = 4711;
		CHECK(!ptrace(PTRACE_SETREGS, pid, 0, &r));
		/* Another call. */
		resume(PTRACE_SYSCALL, pid, 0);
		EQ(wait_stop(pid), SIGTRAP | 0x80);
		r = get(pid);
		EQ(r.orig_rax, SYS_getppid);
		r.orig_rax = SYS_getpid;
		CHECK(!ptrace(PTRACE_SETREGS, pid, 0, &r));
		resume(PTRACE_SYSCALL, pid, 0);
		EQ(wait_stop(pid), SIGTRAP | 0x80);
		r = get(pid);
		EQ(r.rax, pid);
		run_to_end(pid, 12);
	}
}

/* A number that no call has, by the libc: its tracer may know what it means. */
#define BIG_NUMBER	70000

static long ask_libc(void)
{
	return syscall(BIG_NUMBER, 1, 2, 3, 4, 5, 6) == 4712 ? 13 : 1;
}

TEST(trace, big_number)
{
	pid_t pid = tracee(ask_libc);
	regs_t r;

	CHECK(!ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
	do {
		resume(PTRACE_SYSCALL, pid, 0);
		if (wait_stop(pid) != (SIGTRAP | 0x80))
			FAIL("the tracer does not see number %d", BIG_NUMBER);
		r = get(pid);
		CHECK(r.orig_rax != SYS_exit_group);
	} while (r.orig_rax != BIG_NUMBER);
	EQ(r.rdi, 1);
	EQ(r.r9, 6);
	EQ(r.rax, -ENOSYS);
	resume(PTRACE_SYSCALL, pid, 0);
	EQ(wait_stop(pid), SIGTRAP | 0x80);
	r = get(pid);
	EQ(r.rax, -ENOSYS);
	r.rax = 4712;
	CHECK(!ptrace(PTRACE_SETREGS, pid, 0, &r));
	run_to_end(pid, 13);
}

/* All registers can be read and written at a stop. */
#define SET_ALL(v)							\
	"mov $" #v "01, %eax\n mov $" #v "02, %ebx\n mov $" #v "03, %ecx\n" \
	"mov $" #v "04, %edx\n mov $" #v "05, %esi\n mov $" #v "06, %edi\n" \
	"mov $" #v "07, %ebp\n mov $" #v "08, %r8d\n mov $" #v "09, %r9d\n" \
	"mov $" #v "0a, %r10d\n mov $" #v "0b, %r11d\n"			\
	"mov $" #v "0c, %r12d\n mov $" #v "0d, %r13d\n"			\
	"mov $" #v "0e, %r14d\n mov $" #v "0f, %r15d\n"
#define PUSH_ALL \
	"push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
#define POP_ALL \
	"pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
#define CMP(reg, n, v) "cmp $" #v #n ", %" #reg "\n jne 9f\n"
#define CMP_CALLEE(v) \
	CMP(rbx, 02, v) CMP(rbp, 07, v) CMP(r12, 0c, v) CMP(r13, 0d, v) \
	CMP(r14, 0e, v) CMP(r15, 0f, v)
#define CMP_ALL(v) \
	CMP(rax, 01, v) CMP(rcx, 03, v) CMP(rdx, 04, v) CMP(rsi, 05, v) \
	CMP(rdi, 06, v) CMP(r8, 08, v) CMP(r9, 09, v) CMP(r10, 0a, v) \
	CMP(r11, 0b, v) CMP_CALLEE(v)

static void check_regs(const regs_t *r, long v, int call)
{
	EQ(r->rbx, v + 0x2);
	EQ(r->rbp, v + 0x7);
	EQ(r->r12, v + 0xc);
	EQ(r->r13, v + 0xd);
	EQ(r->r14, v + 0xe);
	EQ(r->r15, v + 0xf);
	if (call)
		return;
	EQ(r->rax, v + 0x1);
	EQ(r->rcx, v + 0x3);
	EQ(r->rdx, v + 0x4);
	EQ(r->rsi, v + 0x5);
	EQ(r->rdi, v + 0x6);
	EQ(r->r8, v + 0x8);
	EQ(r->r9, v + 0x9);
	EQ(r->r10, v + 0xa);
	EQ(r->r11, v + 0xb);
}

ASM_FN(tr_regs, PUSH_ALL SET_ALL(0x11) "int3\n" CMP_ALL(0x22)
       "mov $14, %eax\n jmp 8f\n 9: mov $15, %eax\n 8: " POP_ALL "ret");
long tr_regs(void);

/* A child by fork has the same. */
static unsigned long fs_base(void)
{
	unsigned long base;

	CHECK(!syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
	return base;
}

TEST(trace, registers)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = tracee(tr_regs);
		regs_t r = to_int3(pid);
		unsigned long *all[] = {
			&r.rax, &r.rbx, &r.rcx, &r.rdx, &r.rsi, &r.rdi, &r.rbp,
			&r.r8, &r.r9, &r.r10, &r.r11, &r.r12, &r.r13, &r.r14,
			&r.r15,
		};

		check_regs(&r, 0x1100, 0);
		EQ(r.gs_base, 0);
		EQ(r.fs_base, fs_base());
		for (int k = 0; k < 15; k++)
			*all[k] += 0x1100;
		CHECK(!ptrace(PTRACE_SETREGS, pid, 0, &r));
		run_to_end(pid, 14);
	}
}

/* What a tracer must not be able to do to the machine. */
TEST(trace, bad_registers)
{
	static const struct { size_t off; unsigned long value; } bad[] = {
		{ offsetof(regs_t, rip), 0x1234567812345678 },
		{ offsetof(regs_t, rip), 0 },
		{ offsetof(regs_t, rip), 0xffff800000001000 },
		{ offsetof(regs_t, rip), 0xffffffff81000000 },
		{ offsetof(regs_t, cs), 0x10 },
		{ offsetof(regs_t, cs), 0xffff },
		{ offsetof(regs_t, cs), 0 },
		{ offsetof(regs_t, ss), 0x18 },
		{ offsetof(regs_t, ss), 0xfff0 },
		{ offsetof(regs_t, rsp), 0x5555555555555555 },
		{ offsetof(regs_t, eflags), 0 },
		{ offsetof(regs_t, eflags), 0xfffffeff },
		{ offsetof(regs_t, gs_base), 0x1234 },
		{ offsetof(regs_t, gs), 0x2b },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		pid_t pid = tracee(tr_regs);
		regs_t r = to_int3(pid);
		int status;

		*(unsigned long *)((char *)&r + bad[i].off) = bad[i].value;
		ptrace(PTRACE_SETREGS, pid, 0, &r);
		ptrace(PTRACE_CONT, pid, 0, 0);
		/* Ends, or stops with a signal. */
		EQ(waitpid(pid, &status, 0), pid);
		if (WIFSTOPPED(status)) {
			kill(pid, SIGKILL);
			EXPECT_SIGNAL(pid, SIGKILL);
		}
	}
}

static long sse_int3(void)
{
	uint64_t in[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, out[2];

	__asm__ volatile("movdqu %[in], %%xmm5\n int3\n movdqu %%xmm5, %[out]"
			 : [out] "=m" (out) : [in] "m" (in) : "xmm5");
	return out[0] == in[0] + 1 && out[1] == in[1] ? 16 : 17;
}

TEST(trace, vector_registers)
{
	struct user_fpregs_struct fp;
	pid_t pid = tracee(sse_int3);
	uint64_t *xmm5 = (uint64_t *)&fp.xmm_space[5 * 4];

	to_int3(pid);
	CHECK(!ptrace(PTRACE_GETFPREGS, pid, 0, &fp));
	EQ(xmm5[0], 0x1122334455667788);
	EQ(xmm5[1], 0x99aabbccddeeff00);
	xmm5[0]++;
	CHECK(!ptrace(PTRACE_SETFPREGS, pid, 0, &fp));
	run_to_end(pid, 16);
}

/* A breakpoint by POKETEXT in a function that is called often. */
static volatile int hits;

__attribute__((noinline)) static int target(int n)
{
	hits++;
	return n * 3;
}

static long call_target(void)
{
	long sum = 0;

	for (int i = 0; i < 50; i++)
		sum += target(i);
	return sum == 3675 && hits == 50 ? 18 : 19;
}

TEST(trace, breakpoint)
{
	pid_t pid = tracee(call_target);
	long text = ptrace(PTRACE_PEEKTEXT, pid, target, 0);
	long with = (text & ~0xffL) | 0xcc;

	for (int i = 0; i < 50; i++) {
		regs_t r;

		CHECK(!ptrace(PTRACE_POKETEXT, pid, target, with));
		r = to_int3(pid);
		EQ(r.rip, (long)target + 1);
		EQ((int)r.rdi, i);
		r.rip--;
		CHECK(!ptrace(PTRACE_SETREGS, pid, 0, &r));
		CHECK(!ptrace(PTRACE_POKETEXT, pid, target, text));
		resume(PTRACE_SINGLESTEP, pid, 0);
		EQ(wait_stop(pid), SIGTRAP);
		CHECK(get(pid).rip != (unsigned long)target);
	}
	EQ(hits, 0);
	run_to_end(pid, 18);
}

/* A watchpoint of the debug registers, on data. */
static volatile long watched;

static long change_watched(void)
{
	for (int i = 1; i <= 10; i++) {
		getppid();
		watched = i;
	}
	return watched == 10 ? 20 : 21;
}

static long dr_offset(int n)
{
	return offsetof(struct user, u_debugreg) + n * 8;
}

TEST(trace, watchpoint)
{
	pid_t pid = tracee(change_watched);
	siginfo_t si;

	if (ptrace(PTRACE_POKEUSER, pid, dr_offset(0), &watched) ||
	    ptrace(PTRACE_POKEUSER, pid, dr_offset(7), 0x000d0101)) {
		kill(pid, SIGKILL);
		tap_skip("no debug registers here");
	}
	for (int i = 1; i <= 10; i++) {
		to_int3(pid);
		CHECK(!ptrace(PTRACE_GETSIGINFO, pid, 0, &si));
		EQ(si.si_code, TRAP_HWBKPT);
		EQ(ptrace(PTRACE_PEEKDATA, pid, &watched, 0), i);
	}
	run_to_end(pid, 20);
}

/* Attach to one that waits in read: all its registers must be there. */
#define BLOCK_IN_READ(insn)						\
	PUSH_ALL							\
	"mov $0x3302, %ebx\n mov $0x3307, %ebp\n mov $0x330c, %r12d\n"	\
	"mov $0x330d, %r13d\n mov $0x330e, %r14d\n mov $0x330f, %r15d\n" \
	"mov $1, %edx\n xor %eax, %eax\n"				\
	insn "\n"							\
	"cmp $1, %rax\n jne 9f\n" CMP_CALLEE(0x33)			\
	"mov $22, %eax\n jmp 8f\n 9: mov $23, %eax\n 8: " POP_ALL "ret"
ASM_FN(tr_block_insn, BLOCK_IN_READ("tr_block_insn_at: " ASM_INSN
				    "\ntr_block_insn_ret:"));
ASM_FN(tr_block_call, BLOCK_IN_READ("tr_block_call_at: " ASM_CALL
				    "\ntr_block_call_ret:"));
long tr_block_insn(int fd, char *buf);
long tr_block_call(int fd, char *buf);
extern const char tr_block_insn_ret[], tr_block_call_ret[];

/* Asleep: in the one call that it makes. */
static void until_asleep(pid_t pid)
{
	char name[64], text[100], state = '?';

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	for (int i = 0; i < 5000 && state != 'S'; i++) {
		FILE *f;

		usleep(1000);
		f = fopen(name, "r");
		CHECK(f);
		CHECK(fscanf(f, "%*d %99s %c", text, &state) == 2);
		fclose(f);
	}
	EQ(state, 'S');
}

static void check_blocked(const regs_t *r, const char *ret)
{
	check_regs(r, 0x3300, 1);
	EQ(r->rip, ret);
	EQ(r->orig_rax, SYS_read);
	EQ(r->rdi, fds[0]);
	EQ(r->rdx, 1);
	if ((long)r->rax != -512 && (long)r->rax != -514)
		FAIL("rax in an interrupted read: %ld", r->rax);
}

static void attach_blocked(long (*fn)(int, char *), const char *ret, int how)
{
	char c;
	pid_t pid = xfork();
	regs_t r;

	if (!pid)
		_exit(fn(fds[0], &c));
	for (int i = 0; i < 5; i++) {
		until_asleep(pid);
		if (how) {
			CHECK(!ptrace(PTRACE_SEIZE, pid, 0, 0));
			CHECK(!ptrace(PTRACE_INTERRUPT, pid, 0, 0));
			EQ(wait_stop(pid) & 0xff, SIGTRAP);
		} else {
			CHECK(!ptrace(PTRACE_ATTACH, pid, 0, 0));
			EQ(wait_stop(pid), SIGSTOP);
		}
		r = get(pid);
		check_blocked(&r, ret);
		CHECK(!ptrace(PTRACE_DETACH, pid, 0, 0));
	}
	EQ(write(fds[1], "z", 1), 1);
	EXPECT_EXIT(pid, 22);
}

TEST(trace, attach_blocked)
{
	CHECK(!pipe(fds));
	for (int how = 0; how < 2; how++) {
		attach_blocked(tr_block_insn, tr_block_insn_ret, how);
		if (!cpl())
			attach_blocked(tr_block_call, tr_block_call_ret, how);
	}
}

/* Once attached, the call that waits is finished under PTRACE_SYSCALL. */
TEST(trace, attach_then_syscall)
{
	CHECK(!pipe(fds));
	for (int k = 0; k < (cpl() ? 1 : 2); k++) {
		const char *ret = k ? tr_block_call_ret : tr_block_insn_ret;
		char c;
		pid_t pid = xfork();
		regs_t r;

		if (!pid)
			_exit((k ? tr_block_call : tr_block_insn)(fds[0], &c));
		until_asleep(pid);
		CHECK(!ptrace(PTRACE_ATTACH, pid, 0, 0));
		EQ(wait_stop(pid), SIGSTOP);
		CHECK(!ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
		resume(PTRACE_SYSCALL, pid, 0);
		/* The restart enters the call again. */
		EQ(wait_stop(pid), SIGTRAP | 0x80);
		r = get(pid);
		EQ(r.orig_rax, SYS_read);
		EQ(r.rax, -ENOSYS);
		EQ(r.rip, ret);
		check_regs(&r, 0x3300, 1);
		resume(PTRACE_SYSCALL, pid, 0);
		EQ(write(fds[1], "z", 1), 1);
		EQ(wait_stop(pid), SIGTRAP | 0x80);
		r = get(pid);
		EQ(r.rax, 1);
		EQ(r.rip, ret);
		check_regs(&r, 0x3300, 1);
		CHECK(!ptrace(PTRACE_DETACH, pid, 0, 0));
		EXPECT_EXIT(pid, 22);
	}
}

/* Until a new process has come to where it stays */
static void until_at(pid_t pid, const char *begin, const char *end)
{
	regs_t r;

	do {
		sleep_ms(20);
		CHECK(!ptrace(PTRACE_ATTACH, pid, 0, 0));
		EQ(wait_stop(pid), SIGSTOP);
		r = get(pid);
		CHECK(!ptrace(PTRACE_DETACH, pid, 0, 0));
	} while ((const char *)r.rip < begin || (const char *)r.rip >= end);
}

/* Attach to one that runs. */
ASM_FN(tr_run, PUSH_ALL SET_ALL(0x44) "tr_run_at: 1: jmp 1b\n" POP_ALL "ret");
long tr_run(void);
extern const char tr_run_at[];

TEST(trace, attach_running)
{
	pid_t pid = xfork();

	if (!pid)
		_exit(tr_run());
	until_at(pid, tr_run_at, tr_run_at + 1);
	for (int i = 0; i < 50; i++) {
		regs_t r;

		CHECK(!ptrace(PTRACE_ATTACH, pid, 0, 0));
		EQ(wait_stop(pid), SIGSTOP);
		r = get(pid);
		check_regs(&r, 0x4400, 0);
		EQ(r.rip, tr_run_at);
		CHECK(!ptrace(PTRACE_DETACH, pid, 0, 0));
		usleep(300);
	}
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

/* ... and makes calls all the time: before or behind one, never within. */
#define RUN_CALLS(name, insn)						\
	ASM_FN(tr_calls_##name, PUSH_ALL				\
	       "mov $0x5502, %ebx\n mov $0x5507, %ebp\n mov $0x550c, %r12d\n" \
	       "mov $0x550d, %r13d\n mov $0x550e, %r14d\n mov $0x550f, %r15d\n" \
	       "tr_calls_" #name "_begin:\n"				\
	       "1: mov $110, %eax\n" insn "\n jmp 1b\n"			\
	       "tr_calls_" #name "_end:\n" POP_ALL "ret");		\
	long tr_calls_##name(void);					\
	extern const char tr_calls_##name##_begin[], tr_calls_##name##_end[]
RUN_CALLS(insn, ASM_INSN);
RUN_CALLS(call, ASM_CALL);

static void attach_calling(long (*fn)(void), const char *begin, const char *end)
{
	unsigned long sp = 0;
	pid_t pid = xfork();

	if (!pid)
		_exit(fn());
	until_at(pid, begin, end);
	for (int i = 0; i < 80; i++) {
		regs_t r;

		CHECK(!ptrace(PTRACE_ATTACH, pid, 0, 0));
		EQ(wait_stop(pid), SIGSTOP);
		r = get(pid);
		check_regs(&r, 0x5500, 1);
		if ((const char *)r.rip < begin || (const char *)r.rip >= end)
			FAIL("rip is %#lx, not in %p..%p", r.rip, begin, end);
		if (sp)
			EQ(r.rsp, sp);
		sp = r.rsp;
		/* A few steps on: the loop goes on as it should. */
		for (int k = 0; k < 4; k++) {
			resume(PTRACE_SINGLESTEP, pid, 0);
			EQ(wait_stop(pid), SIGTRAP);
			r = get(pid);
			check_regs(&r, 0x5500, 1);
			CHECK((const char *)r.rip >= begin &&
			      (const char *)r.rip < end);
			EQ(r.rsp, sp);
		}
		CHECK(!ptrace(PTRACE_DETACH, pid, 0, 0));
		usleep(100 + i % 7);
	}
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

TEST(trace, attach_calling)
{
	attach_calling(tr_calls_insn, tr_calls_insn_begin, tr_calls_insn_end);
	if (!cpl())
		attach_calling(tr_calls_call, tr_calls_call_begin,
			       tr_calls_call_end);
}

/* A signal that the tracer sees, keeps back, or lets through. */
static long raise_three(void)
{
	handle(SIGUSR1, on_signal, 0);
	for (int i = 0; i < 3; i++)
		raise(SIGUSR1);
	return handled == 1 ? 24 : 25;
}

TEST(trace, signals)
{
	pid_t pid = tracee(raise_three);

	for (int i = 0; i < 3; i++) {
		resume(PTRACE_CONT, pid, 0);
		EQ(wait_stop(pid), SIGUSR1);
		if (i == 1) {
			resume(PTRACE_SINGLESTEP, pid, SIGUSR1);
			EQ(wait_stop(pid), SIGTRAP);
			EQ(get(pid).rip, (long)on_signal);
		}
	}
	run_to_end(pid, 24);
}

/* Children and exec reported by options. */
static long fork_and_exec(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(2);
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	execve(self_path, (char *[]){ "ukltest", "--child", "exit", "26", NULL },
	       environ);
	return 1;
}

TEST(trace, options)
{
	pid_t pid = tracee(fork_and_exec);
	unsigned long child;
	int status, pass = 0;

	CHECK(!ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK |
		      PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT));
	resume(PTRACE_CONT, pid, 0);
	EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_FORK << 8);
	CHECK(!ptrace(PTRACE_GETEVENTMSG, pid, 0, &child));
	EQ(waitpid(child, &status, __WALL), child);
	CHECK(WIFSTOPPED(status));
	get(child);
	CHECK(!ptrace(PTRACE_DETACH, child, 0, 0));
	for (;;) {
		resume(PTRACE_CONT, pid, pass);
		status = wait_stop(pid);
		pass = status == SIGCHLD ? SIGCHLD : 0;
		if (status == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			break;
		EQ(status, SIGCHLD);
	}
	get(pid);
	resume(PTRACE_CONT, pid, 0);
	EQ(wait_stop(pid), SIGTRAP | PTRACE_EVENT_EXIT << 8);
	get(pid);
	run_to_end(pid, 26);
}

/* Reading another process's memory. */
TEST(trace, memory)
{
	static char secret[] = "original";
	char text[32] = "", name[64];
	int fd;
	pid_t pid = xfork();

	if (!pid) {
		strcpy(secret, "changed!");
		for (;;)
			pause();
	}
	until_asleep(pid);
	CHECK(!ptrace(PTRACE_ATTACH, pid, 0, 0));
	EQ(wait_stop(pid), SIGSTOP);
	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	fd = open(name, O_RDWR);
	CHECK(fd >= 0);
	EQ(pread(fd, text, 9, (long)secret), 9);
	CHECK(!strcmp(text, "changed!"));
	CHECK(!strcmp(secret, "original"));
	/* Not the kernel's. pread() refuses such an offset by itself. */
	EQ(lseek(fd, 0xffffffff81000000, SEEK_SET), 0xffffffff81000000);
	EQ(read(fd, text, 8), -1);
	errno = 0;
	EQ(ptrace(PTRACE_PEEKDATA, pid, 0xffffffff81000000, 0), -1);
	EQ(errno, EIO);
	CHECK(!ptrace(PTRACE_DETACH, pid, 0, 0));
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}
