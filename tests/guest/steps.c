// SPDX-License-Identifier: GPL-2.0
/*
 * Signals, ptrace stops and faults at each instruction of a call: before it, in
 * the thunk or trampoline, and behind it. An emulator that takes interrupts only
 * between blocks of code has to be told to take them anywhere (QEMU's -icount);
 * whether it does is checked here.
 */
#include "tap.h"
#include <asm/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>

#define SLED		16
#define VDSO_SIZE	0x4000

/* What a function below loads, and what it has found. */
struct regs {
	long nr, arg[6];		/* RDI, RSI, RDX, R10, R8, R9 */
	long skip;			/* bytes of the sled */
	long result, sp;
	long after[6], after_sp;
};

/*
 * A call with known registers all around, behind a sled that is left out to a
 * part, so that nothing falls into step with the timer.
 */
#define STEPS(name, insns)						\
	ASM_FN(step_##name,						\
	       "push %rbx\n push %rbp\n push %r12\n"			\
	       "push %r13\n push %r14\n push %r15\n"			\
	       "mov %rdi, %rbx\n"					\
	       "mov $0x6607, %ebp\n mov $0x660c, %r12d\n"		\
	       "mov $0x660d, %r13d\n mov $0x660e, %r14d\n"		\
	       "mov $0x660f, %r15d\n"					\
	       "lea 1f(%rip), %rax\n add 56(%rbx), %rax\n jmp *%rax\n"	\
	       "1: .skip 16, 0x90\n"					\
	       "step_" #name "_loads: mov %rsp, 72(%rbx)\n"		\
	       "mov 8(%rbx), %rdi\n mov 16(%rbx), %rsi\n"		\
	       "mov 24(%rbx), %rdx\n mov 32(%rbx), %r10\n"		\
	       "mov 40(%rbx), %r8\n mov 48(%rbx), %r9\n"		\
	       "step_" #name "_first: " insns				\
	       "step_" #name "_ret: mov %rax, 64(%rbx)\n"			\
	       "mov %rdi, 80(%rbx)\n mov %rsi, 88(%rbx)\n"		\
	       "mov %rdx, 96(%rbx)\n mov %r10, 104(%rbx)\n"		\
	       "mov %r8, 112(%rbx)\n mov %r9, 120(%rbx)\n"		\
	       "mov %rsp, 128(%rbx)\n"					\
	       "step_" #name "_end: pop %r15\n pop %r14\n pop %r13\n"	\
	       "pop %r12\n pop %rbp\n pop %rbx\n ret");			\
	void step_##name(struct regs *r);					\
	extern const char step_##name##_loads[], step_##name##_first[],	\
		step_##name##_ret[], step_##name##_end[]

#define AT(name, n) "step_" #name "_at: " n
#define SITE(name, n)							\
	STEPS(name, "mov $" #n ", %eax\n" AT(name, "syscall\n"));	\
	extern const char step_##name##_at[]
#define CALL(name, insn)						\
	STEPS(name, "mov (%rbx), %rax\n" AT(name, insn "\n"));		\
	extern const char step_##name##_at[]

CALL(syscall, "syscall");
CALL(call, ASM_CALL);
/* Jumps to the entries of these numbers, and to that of all. */
SITE(getppid, 110);
SITE(umask, 95);
SITE(lseek, 8);
SITE(mmap, 9);
SITE(bad, 400);
SITE(arch_prctl, 158);
STEPS(any, "mov step_number(%rip), %rax\n" AT(any, "syscall\n"));
extern const char step_any_at[];
long step_number;

/* Number, arguments, result: of a function with each number of arguments. */
enum how { SAME, OFFSET, MASK };

static const struct call {
	const char *name;
	long nr;
	enum how how;
} calls[] = {
	{ "getppid", SYS_getppid, SAME },
	{ "umask", SYS_umask, MASK },
	{ "getgroups", SYS_getgroups, SAME },
	{ "lseek", SYS_lseek, OFFSET },
	{ "rt_sigprocmask", SYS_rt_sigprocmask, SAME },
	{ "waitid", SYS_waitid, SAME },
	{ "mmap", SYS_mmap, SAME },
	{ "no call", 400, SAME },
	{ "arch_prctl", SYS_arch_prctl, SAME },
};

#define CALLS	(sizeof(calls) / sizeof(*calls))

static struct site {
	const char *name;
	void (*fn)(struct regs *r);
	const char *loads, *first, *at, *ret, *end;
	long nr;			/* the only one that it makes; or -1 */
	int preserves;			/* as SYSCALL does */
} sites[] = {
#define NAMED(name, nr, preserves)					\
	{ #name, step_##name, step_##name##_loads, step_##name##_first,	\
	  step_##name##_at, step_##name##_ret, step_##name##_end, nr, preserves }
	NAMED(syscall, -1, 1),
	NAMED(call, -1, 0),
	NAMED(getppid, 110, 1),
	NAMED(umask, 95, 1),
	NAMED(lseek, 8, 1),
	NAMED(mmap, 9, 1),
	NAMED(bad, 400, 1),
	NAMED(arch_prctl, 158, 1),
	NAMED(any, -1, 1),
};

#define SITES	(sizeof(sites) / sizeof(*sites))

static uint64_t seed = 0x2545f4914f6cdd1d;
static const struct site *site;
static const struct call *call;
static long fs;

/* What a tracer has to know as well. */
static struct state {
	struct regs regs;
	long expected, offset, mask;
} *st;

static void set_up(const struct site *s, const struct call *c)
{
	static sigset_t old;

	/* Not the same for each repetition */
	seed += now() * 1e9;
	site = s;
	call = c;
	if (!st)
		st = mmap(NULL, sizeof(*st), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(st != MAP_FAILED);
	memset(st, 0, sizeof(*st));
	st->regs.nr = c->nr;
	step_number = c->nr;
	switch (c->nr) {
	case SYS_getppid:
		st->expected = getppid();
		break;
	case SYS_lseek:
		st->regs.arg[0] = memfd_create("steps", 0);
		CHECK(st->regs.arg[0] >= 0);
		st->regs.arg[1] = 1;
		st->regs.arg[2] = SEEK_CUR;
		break;
	case SYS_umask:
		st->mask = umask(0);
		umask(st->mask);
		break;
	case SYS_rt_sigprocmask:
		st->regs.arg[0] = SIG_BLOCK;
		st->regs.arg[2] = (long)&old;
		st->regs.arg[3] = 8;
		break;
	/* Refused at once: such a one is in its thunk for the most part. */
	case SYS_waitid:
		st->expected = -EINVAL;
		break;
	case SYS_mmap:
		st->regs.arg[5] = 1;
		st->expected = -EINVAL;
		break;
	case SYS_arch_prctl:
		st->regs.arg[0] = ARCH_GET_FS;
		st->regs.arg[1] = (long)&fs;
		break;
	case 400:
		st->expected = -ENOSYS;
	}
}

/* One call. A call that is made twice, or not at all, has another result. */
static void make_call(void)
{
	if (call->how == OFFSET)
		st->expected = ++st->offset;
	if (call->how == MASK) {
		st->expected = st->mask;
		st->mask = st->regs.arg[0] = rnd(&seed) & 0777;
	}
	st->regs.skip = rnd(&seed) % SLED;
	site->fn(&st->regs);
	if (st->regs.result != st->expected)
		FAIL("%s, %s: %ld, not %ld", site->name, call->name, st->regs.result,
		     st->expected);
	EQ(st->regs.after_sp, st->regs.sp);
	for (int i = 0; site->preserves && i < 6; i++)
		if (st->regs.after[i] != st->regs.arg[i])
			FAIL("%s, %s: argument %d is %#lx, not %#lx", site->name,
			     call->name, i, st->regs.after[i], st->regs.arg[i]);
}

/* How often the program was seen at each of its bytes. */
static unsigned int seen[512];
extern const char __executable_start[], etext[];

/* What is wrong with the state in which the program is seen, or NULL */
static const char *wrong(const char *ip, const long *sp, const long *r,
			 long rax, long rbp, long r12, long r13, long r14,
			 long r15)
{
	unsigned long vdso = getauxval(AT_SYSINFO_EHDR);
	const struct regs *in = &st->regs;
	static char text[80];

	if ((ip < __executable_start || ip >= etext) &&
	    (unsigned long)ip - vdso >= VDSO_SIZE) {
		snprintf(text, sizeof(text), "RIP is %p", ip);
		return text;
	}
	if (ip < site->loads || ip > site->end)
		return NULL;
	if (rbp != 0x6607 || r12 != 0x660c || r13 != 0x660d || r14 != 0x660e ||
	    r15 != 0x660f)
		return "a register that a call preserves";
	if (ip > site->loads && ip < site->first)
		return (long)sp == in->sp ? NULL : "RSP";
	if (ip < site->first)
		return NULL;
	if ((long)sp != in->sp)
		return "RSP";
	if (ip == site->at && rax != in->nr && rax != SYS_restart_syscall)
		return "the number";
	if (ip == site->ret && rax != st->expected)
		return "the result";
	if (ip > site->ret && !site->preserves)
		return NULL;
	if (ip == site->ret && !site->preserves)
		return NULL;
	for (int i = 0; i < 6; i++)
		if (r[i] != in->arg[i])
			return "an argument";
	return NULL;
}

static void on_event(int sig, siginfo_t *si, void *context)
{
	greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
	const char *ip = (const char *)g[REG_RIP];
	const long r[6] = { g[REG_RDI], g[REG_RSI], g[REG_RDX], g[REG_R10],
			    g[REG_R8], g[REG_R9] };
	const char *why;

	(void)sig;
	(void)si;
	why = wrong(ip, (long *)g[REG_RSP], r, g[REG_RAX], g[REG_RBP],
		    g[REG_R12], g[REG_R13], g[REG_R14], g[REG_R15]);
	if (why)
		FAIL("%s, %s: byte %ld behind the first instruction: %s",
		     site->name, call->name, ip - site->first, why);
	if ((unsigned long)(ip - site->loads) < sizeof(seen) / sizeof(*seen))
		seen[ip - site->loads]++;
	dirty();
	ticks++;
}

/* Is there such a site, and does it make that call? */
static int usable(const struct site *s, const struct call *c)
{
	if (s->fn == step_call && cpl())
		return 0;
#ifdef LINKED
	/* No jumps: all the same as SYSCALL */
	if (s->fn != step_call && s->fn != step_syscall)
		return 0;
#endif
	return s->nr < 0 || s->nr == c->nr;
}

/*
 * Interrupts came between all instructions: at those that load the arguments, which
 * are one block of code to an emulator. And at the call's own more often than at one
 * of these: the head of the thunk is seen there.
 */
static void check_coverage(void)
{
	unsigned int loads = 0, places = 0;

	for (long i = 1; i < site->first - site->loads; i++) {
		loads += seen[i];
		places += !!seen[i];
	}
	if (!places)
		tap_skip("interrupts come between blocks of code only");
	if (places < 3)
		FAIL("%s: only %u of 6 instructions were interrupted", site->name,
		     places);
	if (site->fn == step_call && seen[site->at - site->loads] < loads / 3)
		FAIL("%u signals in the head of a thunk, %u before",
		     seen[site->at - site->loads], loads);
}

static void signals(void)
{
	double end = now() + 4;

	tick_start(50, on_event, 0);
	while (ticks < 300 && now() < end)
		for (int n = 0; n < 50; n++)
			make_call();
	tick_stop();
	if (ticks < 30)
		FAIL("only %lu signals came", ticks);
}

TEST_IN(steps, signal, 100)
{
	for (size_t i = 0; i < SITES; i++) {
		memset(seen, 0, sizeof(seen));
		for (size_t k = 0; k < CALLS; k++) {
			if (!usable(&sites[i], &calls[k]))
				continue;
			set_up(&sites[i], &calls[k]);
			signals();
		}
		if (usable(&sites[i], &calls[0]) && sites[i].nr < 0)
			check_coverage();
	}
}

/* The page with the return address goes away, and sometimes a signal comes. */
#define STACK	65536

static pthread_t victim;
static char *stack;
static volatile int victim_ends;
static volatile unsigned long victim_calls;

static void *take_stack(void *arg)
{
	struct sched_param fifo = { .sched_priority = 1 };
	struct timespec ts = { 0, 0 };
	unsigned long last = 0;
	unsigned int n = 0;

	CHECK(!pthread_setschedparam(pthread_self(), SCHED_FIFO, &fifo));
	while (!victim_ends) {
		ts.tv_nsec = 100000 + rnd(&seed) % 50000;
		nanosleep(&ts, NULL);
		/* A slow machine makes no call in that time. */
		if (victim_calls == last)
			continue;
		last = victim_calls;
		CHECK(!madvise(stack, STACK, MADV_DONTNEED));
		if (n++ % 2)
			CHECK(!pthread_kill(victim, SIGUSR1));
	}
	return arg;
}

static void *call_on_stack(void *arg)
{
	while (ticks < 30) {
		make_call();
		victim_calls++;
	}
	victim_ends = 1;
	return arg;
}

TEST_IN(steps, fault, 100)
{
	pthread_attr_t attr;

	/* Shared, it comes back as it was. */
	stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(stack != MAP_FAILED);
	CHECK(!pthread_attr_init(&attr) &&
	      !pthread_attr_setstack(&attr, stack, STACK));
	one_cpu();
	handle(SIGUSR1, on_event, SA_RESTART);
	for (size_t i = 0; i < SITES; i++)
		for (size_t k = 0; k < CALLS; k++) {
			pthread_t taker;

			if (!usable(&sites[i], &calls[k]))
				continue;
			set_up(&sites[i], &calls[k]);
			ticks = 0;
			victim_calls = 0;
			victim_ends = 0;
			CHECK(!pthread_create(&victim, &attr, call_on_stack,
					      NULL));
			CHECK(!pthread_create(&taker, NULL, take_stack, NULL));
			CHECK(!pthread_join(victim, NULL));
			CHECK(!pthread_join(taker, NULL));
		}
}

/* Where a tracer stops it. */
static void check_stop(pid_t pid)
{
	struct user_regs_struct u;
	const char *why;
	int status;

	EQ(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status))
		FAIL("%s, %s: status %#x, not stopped", site->name, call->name,
		     status);
	CHECK(!ptrace(PTRACE_GETREGS, pid, 0, &u));
	why = wrong((char *)u.rip, (long *)u.rsp,
		    (long []){ u.rdi, u.rsi, u.rdx, u.r10, u.r8, u.r9 }, u.rax,
		    u.rbp, u.r12, u.r13, u.r14, u.r15);
	if (why)
		FAIL("%s, %s: stopped at byte %ld behind the first instruction: %s",
		     site->name, call->name, (char *)u.rip - site->first, why);
	EQ(u.cs, 0x33);
}

static pid_t caller(void)
{
	pid_t pid;

	if (call->nr == SYS_getppid)
		st->expected = getpid();
	/* The last one may have ended within a call. */
	st->mask = umask(0);
	umask(st->mask);
	st->offset = 0;
	lseek(st->regs.arg[0], 0, SEEK_SET);
	pid = xfork();
	if (!pid)
		for (;;)
			make_call();
	return pid;
}

TEST_IN(steps, attach, 100)
{
	one_cpu();
	for (size_t i = 0; i < SITES; i++)
		for (size_t k = 0; k < CALLS; k++) {
			pid_t pid = 0;

			if (!usable(&sites[i], &calls[k]))
				continue;
			set_up(&sites[i], &calls[k]);
			/* Jumps are made before, and end with the first stop. */
			for (int n = 0; n < 20; n++)
				make_call();
			for (int n = 0; n < 24; n++) {
				if (!pid)
					pid = caller();
				usleep(200 + rnd(&seed) % 200);
				CHECK(!ptrace(PTRACE_ATTACH, pid, 0, 0));
				check_stop(pid);
				for (int m = 0; m < 3; m++) {
					CHECK(!ptrace(PTRACE_SINGLESTEP, pid, 0, 0));
					check_stop(pid);
				}
				CHECK(!ptrace(PTRACE_DETACH, pid, 0, 0));
				if (!(n % 4) || site->fn != step_call) {
					kill(pid, SIGKILL);
					EXPECT_SIGNAL(pid, SIGKILL);
					pid = 0;
				}
			}
			if (pid) {
				kill(pid, SIGKILL);
				EXPECT_SIGNAL(pid, SIGKILL);
			}
		}
}

/* One tracer that stops it often. Jumps would end with the first stop. */
TEST_IN(steps, interrupt, 100)
{
	const struct site *s = &sites[0];

	while (s->fn != step_call)
		s++;
	if (!usable(s, &calls[0]))
		tap_skip("not at CPL 0");
	one_cpu();
	CHECK(!prctl(PR_SET_TIMERSLACK, 1));
	for (size_t k = 0; k < CALLS; k++) {
		pid_t pid;

		set_up(s, &calls[k]);
		pid = caller();
		CHECK(!ptrace(PTRACE_SEIZE, pid, 0, 0));
		for (int n = 0; n < 300; n++) {
			usleep(20 + rnd(&seed) % 20);
			CHECK(!ptrace(PTRACE_INTERRUPT, pid, 0, 0));
			check_stop(pid);
			CHECK(!ptrace(PTRACE_CONT, pid, 0, 0));
		}
		kill(pid, SIGKILL);
		EXPECT_SIGNAL(pid, SIGKILL);
	}
}
