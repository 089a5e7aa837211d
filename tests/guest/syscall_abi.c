// SPDX-License-Identifier: GPL-2.0
/* System calls: results, registers, and what comes between them. */
#include "tap.h"
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/utsname.h>

/* Move the arguments of a function to those of a system call. */
#define MOVE_ARGS			\
	"mov %rdi, %rax\n"		\
	"mov %rsi, %rdi\n"		\
	"mov %rdx, %rsi\n"		\
	"mov %rcx, %rdx\n"		\
	"mov %r8, %r10\n"		\
	"mov %r9, %r8\n"		\
	"mov 8(%rsp), %r9\n"

ASM_FN(way_insn, MOVE_ARGS
       "way_insn_start: " ASM_INSN "\n"
       "way_insn_ret: ret");
ASM_FN(way_call, MOVE_ARGS
       "way_call_start: " ASM_CALL "\n"
       "way_call_ret: ret");

extern const char way_insn_start[], way_insn_ret[];
extern const char way_call_start[], way_call_ret[];

const struct way *ways(void)
{
	static const struct way all[] = {
		{ "syscall", way_insn, way_insn_start, way_insn_ret },
		{ "call", way_call, way_call_start, way_call_ret },
		{ NULL, NULL, NULL, NULL },
	}, at_cpl3[] = {
		{ "syscall", way_insn, way_insn_start, way_insn_ret },
		{ NULL, NULL, NULL, NULL },
	};

	return cpl() ? at_cpl3 : all;
}

TEST(abi, same_results)
{
	for (const struct way *w = ways(); w->name; w++) {
		struct utsname a, b;

		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		EQ(w->fn(SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
		EQ(w->fn(SYS_getppid, 0, 0, 0, 0, 0, 0), getppid());
		EQ(w->fn(SYS_gettid, 0, 0, 0, 0, 0, 0), getpid());
		EQ(w->fn(SYS_uname, (long)&a, 0, 0, 0, 0, 0), 0);
		CHECK(!uname(&b));
		CHECK(!memcmp(&a, &b, sizeof(a)));
		EQ(w->fn(SYS_close, -1, 0, 0, 0, 0, 0), -EBADF);
		EQ(w->fn(SYS_read, -1, 0, 0, 0, 0, 0), -EBADF);
		EQ(w->fn(SYS_kill, 1 << 30, 0, 0, 0, 0, 0), -ESRCH);
		EQ(w->fn(SYS_uname, 1, 0, 0, 0, 0, 0), -EFAULT);
		EQ(w->fn(SYS_uname, -4096, 0, 0, 0, 0, 0), -EFAULT);
	}
}

TEST(abi, bad_numbers)
{
	/* Holes of the table and numbers behind its used part. */
	static const long nr[] = { 181, 183, 214, 236, 350, 400, 480, 511 };

	for (const struct way *w = ways(); w->name; w++)
		for (size_t i = 0; i < sizeof(nr) / sizeof(*nr); i++)
			EQ(w->fn(nr[i], 0, 0, 0, 0, 0, 0), -ENOSYS);

	EQ(way_insn(512, 0, 0, 0, 0, 0, 0), -ENOSYS);
	EQ(way_insn(100000, 0, 0, 0, 0, 0, 0), -ENOSYS);
	EQ(way_insn(-1, 0, 0, 0, 0, 0, 0), -ENOSYS);
	EQ(way_insn(1L << 31, 0, 0, 0, 0, 0, 0), -ENOSYS);
	errno = 0;
	EQ(syscall(512), -1);
	EQ(errno, ENOSYS);
	EQ(syscall(100000), -1);
}

TEST(abi, six_arguments)
{
	char template[] = "/tmp/ukltest-six-XXXXXX";
	int fd = mkstemp(template);

	CHECK(fd >= 0);
	unlink(template);
	CHECK(!ftruncate(fd, 3 * 4096));
	EQ(pwrite(fd, "third", 5, 2 * 4096), 5);

	for (const struct way *w = ways(); w->name; w++) {
		struct timespec ts = { 0, 20000000 };
		sigset_t mask, old, none;
		struct { const sigset_t *p; size_t len; } six = { &mask, 8 };
		double start;
		long p;

		p = w->fn(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, fd,
			  2 * 4096);
		CHECK(p > 0);
		CHECK(!memcmp((void *)p, "third", 5));
		EQ(w->fn(SYS_munmap, p, 4096, 0, 0, 0, 0), 0);

		/* The sixth argument's mask blocks a signal until the end. */
		sigfillset(&mask);
		sigemptyset(&none);
		CHECK(!sigprocmask(SIG_SETMASK, &none, NULL));
		start = now();
		EQ(w->fn(SYS_pselect6, 0, 0, 0, 0, (long)&ts, (long)&six), 0);
		CHECK(now() - start >= 0.019);
		six.len = 3;
		EQ(w->fn(SYS_pselect6, 0, 0, 0, 0, (long)&ts, (long)&six),
		   -EINVAL);
		CHECK(!sigprocmask(SIG_SETMASK, NULL, &old));
		CHECK(!sigismember(&old, SIGUSR1));
	}
}

/*
 * long abi_loop_X(long count, long nr, long want): calls with all callee-saved
 * registers and RSP checked. 0, or the number of the check that failed.
 * SYSCALL must keep the argument registers as well.
 */
#define LOOP_HEAD			\
	"push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n" \
	"sub $40, %rsp\n"		\
	"mov %rdi, (%rsp)\n"		\
	"mov %rsi, 8(%rsp)\n"		\
	"mov %rdx, 16(%rsp)\n"		\
	"1:\n"				\
	"mov $0x1111111111111111, %rbx\n"	\
	"mov $0x2222222222222222, %r12\n"	\
	"mov $0x3333333333333333, %r13\n"	\
	"mov $0x4444444444444444, %r14\n"	\
	"mov $0x5555555555555555, %r15\n"	\
	"mov %rsp, %rbp\n"		\
	"xor %edi, %edi\n xor %esi, %esi\n xor %edx, %edx\n" \
	"mov $0x1010, %r10d\n mov $0x8080, %r8d\n mov $0x9090, %r9d\n" \
	"mov 8(%rsp), %rax\n"
#define LOOP_TAIL			\
	"mov %rax, 24(%rsp)\n"		\
	"mov $1, %eax\n cmp %rsp, %rbp\n jne 3f\n"	\
	"mov 24(%rsp), %rcx\n"		\
	"mov $2, %eax\n cmp 16(%rsp), %rcx\n jne 2f\n"	\
	"mov $3, %eax\n mov $0x1111111111111111, %rcx\n cmp %rcx, %rbx\n jne 2f\n" \
	"mov $4, %eax\n mov $0x2222222222222222, %rcx\n cmp %rcx, %r12\n jne 2f\n" \
	"mov $5, %eax\n mov $0x3333333333333333, %rcx\n cmp %rcx, %r13\n jne 2f\n" \
	"mov $6, %eax\n mov $0x4444444444444444, %rcx\n cmp %rcx, %r14\n jne 2f\n" \
	"mov $7, %eax\n mov $0x5555555555555555, %rcx\n cmp %rcx, %r15\n jne 2f\n" \
	"decq (%rsp)\n jnz 1b\n"	\
	"xor %eax, %eax\n"		\
	"2:\n"				\
	"add $40, %rsp\n"		\
	"pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n" \
	"ret\n"				\
	"3: mov %rbp, %rsp\n jmp 2b"

ASM_FN(abi_loop_insn, LOOP_HEAD ASM_INSN "\n"
       "mov %rax, 24(%rsp)\n"
       "mov $8, %eax\n cmp $0x1010, %r10\n jne 2f\n"
       "mov $9, %eax\n cmp $0x8080, %r8\n jne 2f\n"
       "mov $10, %eax\n cmp $0x9090, %r9\n jne 2f\n"
       "mov $11, %eax\n mov %rdi, %rcx\n or %rsi, %rcx\n or %rdx, %rcx\n jnz 2f\n"
       "mov 24(%rsp), %rax\n" LOOP_TAIL);
ASM_FN(abi_loop_call, LOOP_HEAD ASM_CALL "\n" LOOP_TAIL);
ASM_FN(abi_loop_call_nr, LOOP_HEAD ASM_CALL_NR(110) "\n" LOOP_TAIL);

typedef long loop_fn(long count, long nr, long want);
loop_fn abi_loop_insn, abi_loop_call, abi_loop_call_nr;

static void loop(long count, long nr, long want)
{
	EQ(abi_loop_insn(count, nr, want), 0);
	if (cpl())
		return;
	EQ(abi_loop_call(count, nr, want), 0);
	if (nr == SYS_getppid)
		EQ(abi_loop_call_nr(count, nr, want), 0);
}

TEST(abi, registers)
{
	loop(1000, SYS_getppid, getppid());
	loop(100, SYS_sched_yield, 0);
	loop(100, SYS_rt_sigprocmask, -EINVAL);
	loop(100, 400, -ENOSYS);
	loop(10, SYS_execve, -EFAULT);
	loop(10, SYS_clone3, -EINVAL);
}

TEST(abi, storm)
{
	int ppid = getppid();

	tick_start(50, NULL, 0);
	UNTIL_TICKS(3000, loop(300, SYS_getppid, ppid));
	tick_stop();
}

/* The handler makes calls of its own, over the interrupted one. */
static void calling_tick(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig, (void)si;
	ticks++;
	if (uc->uc_mcontext.gregs[REG_RIP] < 0)
		FAIL("signal at a kernel address: %#llx",
		     uc->uc_mcontext.gregs[REG_RIP]);
	if ((uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff) != 0x33)
		FAIL("CS in a signal frame: %#llx",
		     uc->uc_mcontext.gregs[REG_CSGSFS] & 0xffff);
	if (syscall(SYS_getppid) != getppid() || getpid() != getpgrp())
		FAIL("wrong results in a handler");
	dirty();
}

TEST(abi, storm_nested)
{
	int ppid = getppid();

	tick_start(50, calling_tick, 0);
	UNTIL_TICKS(2000, loop(300, SYS_getppid, ppid));
	tick_stop();
}

TEST(abi, storm_yield)
{
	pid_t pid = xfork();
	int ppid = getppid();

	if (!pid)
		for (;;)
			sched_yield();

	tick_start(50, NULL, SA_NODEFER);
	UNTIL_TICKS(1500, loop(20, SYS_sched_yield, 0);
		    loop(20, SYS_getppid, ppid);
		    loop(20, 400, -ENOSYS));
	tick_stop();
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

/*
 * long abi_flags(long set, long nr): a SYSCALL with flags set, kept by it.
 * Returns the result; the flags after it go to *after.
 */
ASM_FN(abi_flags_insn,
       "mov %rsi, %rax\n"
       "pushf\n pushf\n or %rdi, (%rsp)\n popf\n"
       ASM_INSN "\n"
       "pushf\n pop %rcx\n mov %rcx, (%rdx)\n"
       "popf\n ret");
ASM_FN(abi_flags_call,
       "mov %rsi, %rax\n mov %rdx, %r11\n push %rbx\n mov %rdx, %rbx\n"
       "pushf\n pushf\n or %rdi, (%rsp)\n popf\n"
       ASM_CALL "\n"
       "pushf\n pop %rcx\n mov %rcx, (%rbx)\n"
       "popf\n pop %rbx\n ret");

long abi_flags_insn(long set, long nr, unsigned long *after);
long abi_flags_call(long set, long nr, unsigned long *after);

#define FLAG_DF (1 << 10)
#define FLAG_NT (1 << 14)
#define FLAG_AC (1 << 18)

TEST(abi, flags)
{
	static const long set[] = { FLAG_DF, FLAG_NT, FLAG_DF | FLAG_NT };
	unsigned long after;
	int ppid = getppid();

	for (int i = 0; i < 100; i++)
		for (size_t k = 0; k < sizeof(set) / sizeof(*set); k++) {
			EQ(abi_flags_insn(set[k], SYS_getppid, &after), ppid);
			EQ(after & set[k], set[k]);
			EQ(after & (1 << 9), 1 << 9);
			EQ(abi_flags_insn(set[k], SYS_sched_yield, &after), 0);
			EQ(after & set[k], set[k]);
		}
}

/* NT in the kernel makes the next IRET of another process fault. */
TEST(abi, flags_call)
{
	unsigned long after;
	int ppid = getppid();
	pid_t pid;

	if (cpl())
		tap_skip("no calls at CPL 3");
	pid = xfork();
	if (!pid)
		for (;;)
			sched_yield();
	for (int i = 0; i < 500; i++) {
		EQ(abi_flags_call(FLAG_NT, SYS_getppid, &after), ppid);
		EQ(abi_flags_call(FLAG_NT, SYS_sched_yield, &after), 0);
		EQ(after & (1 << 9), 1 << 9);
	}
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

/* A call with NT set: number, up to five arguments. */
#define NT_CALL(name, insn)						\
	ASM_FN(name,							\
	       "pushf\n orl $0x4000, (%rsp)\n popf\n mov %rdi, %r11\n"	\
	       "mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n"	\
	       "mov %r8, %r10\n mov %r9, %r8\n mov %r11, %rax\n"	\
	       insn "\n"						\
	       "pushf\n andl $~0x4000, (%rsp)\n popf\n ret");		\
	long name(long nr, long a, long b, long c, long d, long e)
NT_CALL(abi_nt_insn, ASM_INSN);
NT_CALL(abi_nt_call, ASM_CALL);

/* Nor is it set at an IRET in a call, or on its way to a signal. */
TEST(abi, nt)
{
	const int cmd_register = 1 << 6, cmd_sync_core = 1 << 5, one = 1;
	int ppid = getppid(), fd = socket(AF_INET, SOCK_DGRAM, 0), n;

	CHECK(fd >= 0);
	handle(SIGUSR1, count_tick, 0);
	CHECK(!syscall(SYS_membarrier, cmd_register, 0));
	for (int call = 0; call <= !cpl(); call++) {
		long (*fn)(long, long, long, long, long, long) =
			call ? abi_nt_call : abi_nt_insn;

		/* Enough for a jump in place of the SYSCALL */
		for (n = 0; n < 300; n++)
			EQ(fn(SYS_getppid, 0, 0, 0, 0, 0), ppid);
		for (n = 0, ticks = 0; n < 100; n++)
			EQ(fn(SYS_kill, getpid(), SIGUSR1, 0, 0, 0), 0);
		EQ(ticks, 100);
		EQ(fn(SYS_membarrier, cmd_sync_core, 0, 0, 0, 0), 0);
		/* UDP_GRO, whose code is not there before somebody wants it */
		EQ(fn(SYS_setsockopt, fd, IPPROTO_UDP, 104, (long)&one,
		      sizeof(one)), 0);
	}
}

TEST(abi, gs)
{
	static long value = 0x67676767;
	long seen = 0;

#ifdef LINKED
	if (!cpl()) {
		EQ(way_insn(SYS_arch_prctl, ARCH_SET_GS, (long)&value, 0, 0, 0,
			    0), -EPERM);
		EQ(way_call(SYS_arch_prctl, ARCH_SET_GS, (long)&value, 0, 0, 0,
			    0), -EPERM);
		return;
	}
#endif
	/* Others go on at ring 3. */
	CHECK(!syscall(SYS_arch_prctl, ARCH_SET_GS, &value));
	sched_yield();
	__asm__ volatile("mov %%gs:0, %0" : "=r" (seen));
	EQ(seen, value);
}

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE 2
#endif

/* At CPL 0 AT_HWCAP2 says that there is none, for the sake of GS: CR4.FSGSBASE. */
static int fsgsbase(void)
{
	unsigned long cr4;

	if (cpl())
		return getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
	__asm__ volatile("mov %%cr4, %0" : "=r" (cr4));
	return cr4 >> 16 & 1;
}

/* sched_yield with another FS base; what the base is then. */
#define FS_YIELD(insn)							\
	"push %rbx\n rdfsbase %rbx\n wrfsbase %rdi\n"			\
	"mov $24, %eax\n " insn "\n"					\
	"rdfsbase %rax\n wrfsbase %rbx\n pop %rbx\n ret"
ASM_FN(fs_insn, FS_YIELD(ASM_INSN));
ASM_FN(fs_call, FS_YIELD(ASM_CALL));
long fs_insn(long base), fs_call(long base);

/* FS is the application's: its base stays through calls and switches. */
TEST(abi, fs)
{
	long want = 0, other = (long)&want;
	pid_t pid = xfork();

	if (!pid)
		for (;;)
			sched_yield();
	CHECK(!syscall(SYS_arch_prctl, ARCH_GET_FS, &want));
	EQ(want, pthread_self());
	for (int i = 0; i < 200 && fsgsbase(); i++) {
		EQ(fs_insn(other), other);
		if (!cpl())
			EQ(fs_call(other), other);
	}
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

/* The table is nothing that ring 3 could use. */
TEST(abi, call_at_cpl3)
{
	pid_t pid;

	if (!cpl())
		tap_skip("this is CPL 0");
	pid = xfork();
	if (!pid)
		_exit(way_call(SYS_getppid, 0, 0, 0, 0, 0, 0));
	EXPECT_SIGNAL(pid, SIGSEGV);
}

/* A filter has to see each call, whichever way it comes. */
TEST(abi, seccomp)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 77),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };

	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		tap_skip("no seccomp in this kernel");
	for (const struct way *w = ways(); w->name; w++) {
		pid_t pid;

		for (int i = 0; i < 100; i++) {
			EQ(w->fn(SYS_getppid, 0, 0, 0, 0, 0, 0), -77);
			EQ(w->fn(SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
		}
		pid = xfork();
		if (!pid) {
			w->fn(SYS_getpgid, 0, 0, 0, 0, 0, 0);
			_exit(3);
		}
		EXPECT_SIGNAL(pid, SIGSYS);
	}
}

/*
 * Restartable sequences: a preemption or signal within leads to the abort
 * address. glibc registers each thread.
 */
struct seq {
	uint32_t version, flags;
	uint64_t start, length, abort;
};

static struct {
	uint32_t cpu_start, cpu;
	const struct seq *volatile cs;
	uint32_t flags, rest[3];
} area __attribute__((aligned(32)));

/* Spins within the sequence; 1 when it was aborted, 0 when it came through. */
ASM_FN(abi_seq,
       "mov %rsi, (%rdi)\n"
       "abi_seq_begin: 1: dec %rdx\n jnz 1b\n abi_seq_end:\n"
       "xor %eax, %eax\n movq $0, (%rdi)\n ret\n"
       ".long 0x53053053\n"
       "abi_seq_abort: mov $1, %eax\n movq $0, (%rdi)\n ret");
long abi_seq(void *cs, const struct seq *seq, long spins);
extern const char abi_seq_begin[], abi_seq_end[], abi_seq_abort[];

TEST(abi, rseq)
{
	struct seq seq = {
		.start = (long)abi_seq_begin,
		.length = abi_seq_end - abi_seq_begin,
		.abort = (long)abi_seq_abort,
	};
	int aborted = 0, through = 0, ppid = getppid();

	area.cpu = -1;
	if (syscall(SYS_rseq, &area, 32, 0, 0x53053053))
		tap_skip("no rseq in this kernel");
	CHECK(area.cpu < 1024);
	tick_start(100, NULL, 0);
	UNTIL_TICKS(500,
		for (long n = 10; n < 100000; n *= 10)
			if (abi_seq((void *)&area.cs, &seq, n))
				aborted++;
			else
				through++;
		EQ(way_insn(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
		if (!cpl())
			EQ(way_call(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid));
	tick_stop();
	CHECK(aborted > 10 && through > 10);
}

TEST(abi, vdso)
{
	struct timespec a, b;

	for (int i = 0; i < 1000; i++) {
		CHECK(!clock_gettime(CLOCK_MONOTONIC, &a));
		EQ(way_insn(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&b, 0, 0,
			    0, 0), 0);
		CHECK(a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec &&
					      a.tv_nsec <= b.tv_nsec));
		CHECK(b.tv_sec - a.tv_sec < 5);
	}
}
