// SPDX-License-Identifier: GPL-2.0
/* Faults become the signals that stock Linux sends at ring 3. */
#include "tap.h"
#include <cpuid.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/prctl.h>

static __thread sigjmp_buf out;
static __thread volatile int sig_no, sig_code;
static __thread void *volatile sig_addr;
static __thread volatile long sig_ip, sig_trap, sig_err;

static void catch(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	sig_no = sig;
	sig_code = si->si_code;
	sig_addr = si->si_addr;
	sig_ip = uc->uc_mcontext.gregs[REG_RIP];
	sig_trap = uc->uc_mcontext.gregs[REG_TRAPNO];
	sig_err = uc->uc_mcontext.gregs[REG_ERR];
	dirty();
	siglongjmp(out, 1);
}

static void catch_all(int flags)
{
	handle(SIGSEGV, catch, flags);
	handle(SIGBUS, catch, flags);
	handle(SIGILL, catch, flags);
	handle(SIGFPE, catch, flags);
	handle(SIGTRAP, catch, flags);
}

/* Each takes an address in rdi; fx_NAME_at is the faulting instruction. */
#define FX(name, before, insn)						\
	ASM_FN(fx_##name, before "\nfx_" #name "_at: " insn "\n"		\
	       "fx_" #name "_next: ret");				\
	extern const char fx_##name##_at[], fx_##name##_next[];		\
	void fx_##name(unsigned long addr)

FX(read, "", "mov (%rdi), %rax");
FX(write, "", "movb $1, (%rdi)");
FX(rmw, "", "lock incl (%rdi)");
FX(jump, "", "jmp *%rdi");
FX(call, "", "call *%rdi");
FX(ret, "push %rdi", "ret");
FX(rbp, "push %rbp\n mov %rdi, %rbp", "mov (%rbp), %rax\n pop %rbp");
FX(div, "xor %edx, %edx\n mov $1, %eax\n xor %ecx, %ecx", "div %ecx");
FX(idiv, "mov $0x80000000, %eax\n cltd\n mov $-1, %ecx", "idiv %ecx");
FX(x87, "fninit\n push $0x33b\n fldcw (%rsp)\n pop %rax\n fld1\n fldz\n"
   "fdivrp", "fwait");
FX(ud2, "", "ud2");
FX(int3, "", "int3");
FX(int4, "", "int $4");
FX(hlt, "", "hlt");

/* Volatile for siglongjmp. */
#define FAULT(fn, addr) do {						\
	sig_no = 0;							\
	if (!sigsetjmp(out, 1)) {					\
		fn((unsigned long)(addr));				\
		FAIL("%s of %#lx: no signal", #fn,			\
		     (unsigned long)(addr));				\
	}								\
} while (0)
#define WANT(sig, code, addr) do {					\
	EQ(sig_no, sig);						\
	EQ(sig_code, code);						\
	EQ(sig_addr, addr);						\
} while (0)
#define PF(fn, a, code, err) do {					\
	FAULT(fn, a);							\
	WANT(SIGSEGV, code, a);						\
	EQ(sig_trap, 14);						\
	EQ(sig_err & 7, err);						\
} while (0)

/* One that is not there before it is touched */
static char *fresh_page(void)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static char *page(int prot)
{
	char *p = fresh_page();

	memset(p, 0xc3, 4096);	/* ret */
	CHECK(!mprotect(p, 4096, prot));
	return p;
}

TEST(fault, null)
{
	catch_all(0);
	PF(fx_read, 0, SEGV_MAPERR, 4);
	EQ(sig_ip, fx_read_at);
	PF(fx_write, 0, SEGV_MAPERR, 6);
	EQ(sig_ip, fx_write_at);
	/* The emulation may report a read. */
	FAULT(fx_rmw, 16);
	WANT(SIGSEGV, SEGV_MAPERR, 16);
	PF(fx_read, 4095, SEGV_MAPERR, 4);
}

TEST(fault, protection)
{
	char *ro = page(PROT_READ), *none = page(PROT_NONE);
	char *gone = page(PROT_READ);

	catch_all(0);
	PF(fx_write, ro + 5, SEGV_ACCERR, 7);
	EQ(sig_ip, fx_write_at);
	PF(fx_rmw, ro + 8, SEGV_ACCERR, 7);
	FAULT(fx_read, none);
	WANT(SIGSEGV, SEGV_ACCERR, none);
	FAULT(fx_write, none + 7);
	WANT(SIGSEGV, SEGV_ACCERR, none + 7);
	CHECK(!munmap(gone, 4096));
	PF(fx_read, gone, SEGV_MAPERR, 4);
	/* The program's own text. */
	PF(fx_write, (unsigned long)fx_ud2_at, SEGV_ACCERR, 7);
}

TEST(fault, nx)
{
	char *rw = page(PROT_READ | PROT_WRITE), *fresh;

	catch_all(0);
	FAULT(fx_jump, rw);
	WANT(SIGSEGV, SEGV_ACCERR, rw);
	EQ(sig_ip, rw);
	FAULT(fx_call, rw + 1);
	WANT(SIGSEGV, SEGV_ACCERR, rw + 1);
	EQ(sig_ip, rw + 1);
	fresh = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FAULT(fx_jump, fresh);
	WANT(SIGSEGV, SEGV_ACCERR, fresh);
	CHECK(!mprotect(rw, 4096, PROT_READ | PROT_EXEC));
	fx_call((unsigned long)rw);
}

TEST(fault, jump_null)
{
	catch_all(0);
	PF(fx_jump, 0, SEGV_MAPERR, 4);
	EQ(sig_ip, 0);
	PF(fx_call, 0, SEGV_MAPERR, 4);
	EQ(sig_ip, 0);
	PF(fx_ret, 0, SEGV_MAPERR, 4);
	PF(fx_jump, 0x1234, SEGV_MAPERR, 4);
	EQ(sig_ip, 0x1234);
}

/* Unmapped, above everything that the kernel maps there. */
#define KERNEL_HOLE 0xffff800000001000

TEST(fault, kernel_hole)
{
	catch_all(0);
	FAULT(fx_read, KERNEL_HOLE);
	EQ(sig_no, SIGSEGV);
	EQ(sig_code, SEGV_MAPERR);
	EQ(sig_addr, KERNEL_HOLE);
	FAULT(fx_write, KERNEL_HOLE);
	EQ(sig_no, SIGSEGV);
	FAULT(fx_jump, KERNEL_HOLE);
	EQ(sig_no, SIGSEGV);
	EQ(sig_addr, KERNEL_HOLE);
	FAULT(fx_call, KERNEL_HOLE);
	EQ(sig_no, SIGSEGV);
	FAULT(fx_ret, KERNEL_HOLE);
	EQ(sig_no, SIGSEGV);
}

TEST(fault, non_canonical)
{
	static const unsigned long a[] = {
		0x0000800000000000, 0x1234567812345678, 0x7fffffffffffffff,
		0x8000000000000000, 0xffff7fffffffffff,
	};

	catch_all(0);
	for (volatile size_t i = 0; i < sizeof(a) / sizeof(*a); i++) {
		FAULT(fx_read, a[i]);
		WANT(SIGSEGV, SI_KERNEL, 0);
		EQ(sig_trap, 13);
		EQ(sig_ip, fx_read_at);
		FAULT(fx_write, a[i]);
		WANT(SIGSEGV, SI_KERNEL, 0);
		FAULT(fx_rbp, a[i]);
		WANT(SIG_STACK_FAULT, SI_KERNEL, 0);
		EQ(sig_trap, emulated() ? 13 : 12);
		/* Processors differ in which instruction they blame. */
		FAULT(fx_jump, a[i]);
		WANT(SIGSEGV, SI_KERNEL, 0);
		FAULT(fx_call, a[i]);
		WANT(SIGSEGV, SI_KERNEL, 0);
		FAULT(fx_ret, a[i]);
		WANT(SIGSEGV, SI_KERNEL, 0);
	}
}

TEST(fault, arithmetic)
{
	catch_all(0);
	FAULT(fx_div, 0);
	WANT(SIGFPE, FPE_INTDIV, fx_div_at);
	EQ(sig_ip, fx_div_at);
	FAULT(fx_idiv, 0);
	WANT(SIGFPE, FPE_INTDIV, fx_idiv_at);
	FAULT(fx_x87, 0);
	EQ(sig_no, SIGFPE);
	EQ(sig_trap, 16);
	__asm__ volatile("fninit");
}

TEST(fault, illegal)
{
	catch_all(0);
	FAULT(fx_ud2, 0);
	WANT(SIGILL, ILL_ILLOPN, fx_ud2_at);
	EQ(sig_ip, fx_ud2_at);
}

TEST(fault, int3)
{
	catch_all(0);
	FAULT(fx_int3, 0);
	EQ(sig_no, SIGTRAP);
	EQ(sig_code, SI_KERNEL);
	EQ(sig_ip, fx_int3_next);
	FAULT(fx_int4, 0);
	EQ(sig_no, SIGSEGV);
	EQ(sig_code, SI_KERNEL);
}

TEST(fault, privileged)
{
	if (!cpl())
		tap_skip("allowed at CPL 0");
	catch_all(0);
	FAULT(fx_hlt, 0);
	WANT(SIGSEGV, SI_KERNEL, 0);
}

TEST(fault, bus)
{
	char name[] = "/tmp/ukltest-bus-XXXXXX", *p;
	int fd = mkstemp(name);

	CHECK(fd >= 0);
	unlink(name);
	CHECK(!ftruncate(fd, 4096));
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	catch_all(0);
	FAULT(fx_read, p + 4100);
	WANT(SIGBUS, BUS_ADRERR, p + 4100);
}

static void many(void)
{
	static void (*const fn[])(unsigned long) = {
		fx_read, fx_write, fx_jump, fx_ud2, fx_div, fx_int3,
	};
	static const int sig[] = {
		SIGSEGV, SIGSEGV, SIGSEGV, SIGILL, SIGFPE, SIGTRAP,
	};

	for (volatile int i = 0; i < 600; i++) {
		FAULT(fn[i % 6], 0);
		EQ(sig_no, sig[i % 6]);
	}
}

TEST(fault, many)
{
	catch_all(0);
	many();
}

TEST(fault, many_timer)
{
	catch_all(0);
	tick_start(50, NULL, 0);
	UNTIL_TICKS(300, many());
	tick_stop();
}

static void *thread(void *arg)
{
	stack_t ss = { .ss_size = 32768, .ss_sp = arg };

	CHECK(!sigaltstack(&ss, NULL));
	many();
	return arg;
}

TEST(fault, threads)
{
	pthread_t t[8];
	void *ret;

	catch_all(SA_ONSTACK);
	for (int i = 0; i < 8; i++)
		CHECK(!pthread_create(&t[i], NULL, thread, malloc(32768)));
	many();
	for (int i = 0; i < 8; i++) {
		CHECK(!pthread_join(t[i], &ret));
		free(ret);
	}
}

static void deaths(int ignored)
{
	const struct {
		void (*fn)(unsigned long);
		unsigned long addr;
		int sig;
	} all[] = {
		{ fx_read, 0, SIGSEGV }, { fx_write, 0, SIGSEGV },
		{ fx_jump, 0, SIGSEGV }, { fx_call, 0, SIGSEGV },
		{ fx_ret, 0, SIGSEGV },
		{ fx_read, 0x123456789abcdef0, SIGSEGV },
		{ fx_rbp, 0x123456789abcdef0, SIG_STACK_FAULT },
		{ fx_jump, 0x123456789abcdef0, SIGSEGV },
		{ fx_ret, 0x8000000000000000, SIGSEGV },
		{ fx_jump, KERNEL_HOLE, SIGSEGV },
		{ fx_write, KERNEL_HOLE, SIGSEGV },
		{ fx_div, 0, SIGFPE }, { fx_ud2, 0, SIGILL },
		{ fx_int3, 0, SIGTRAP },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		pid_t pid = xfork();

		if (!pid) {
			if (ignored) {
				sigset_t set;

				sigfillset(&set);
				sigprocmask(SIG_BLOCK, &set, NULL);
				signal(all[i].sig, SIG_IGN);
			}
			all[i].fn(all[i].addr);
			_exit(3);
		}
		EXPECT_SIGNAL(pid, all[i].sig);
	}
}

TEST(fault, death)
{
	deaths(0);
}

TEST(fault, death_ignored)
{
	deaths(1);
}

/* Faults of the kernel on an application's behalf are errors, not signals. */
TEST(fault, efault)
{
	static const unsigned long bad[] = {
		0, 1, KERNEL_HOLE, 0x8000000000000000, 0x00007ffffffff000,
		0xfffffffffffff000,
	};
	char *none = page(PROT_NONE), *ro = page(PROT_READ);
	int fd[2];

	CHECK(!pipe(fd));
	EQ(write(fd[1], "x", 1), 1);
	for (const struct way *w = ways(); w->name; w++) {
		for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
			EQ(w->fn(SYS_read, fd[0], bad[i], 1, 0, 0, 0), -EFAULT);
			EQ(w->fn(SYS_write, fd[1], bad[i], 1, 0, 0, 0), -EFAULT);
			EQ(w->fn(SYS_clock_gettime, 0, bad[i], 0, 0, 0, 0),
			   -EFAULT);
			EQ(w->fn(SYS_pipe2, bad[i], 0, 0, 0, 0, 0), -EFAULT);
		}
		EQ(w->fn(SYS_read, fd[0], (long)none, 1, 0, 0, 0), -EFAULT);
		EQ(w->fn(SYS_read, fd[0], (long)ro, 1, 0, 0, 0), -EFAULT);
		EQ(w->fn(SYS_write, fd[1], (long)none, 1, 0, 0, 0), -EFAULT);
	}
}

/* Protection keys guard the application's pages at each privilege. */
TEST(fault, pkey)
{
	int key = syscall(SYS_pkey_alloc, 0, 0);
	char *p = page(PROT_READ | PROT_WRITE);
	pid_t pid;

	if (key < 0)
		tap_skip("no protection keys here");
	CHECK(!syscall(SYS_pkey_mprotect, p, 4096, PROT_READ | PROT_WRITE, key));
	catch_all(0);
	pid = xfork();
	if (!pid)
		for (;;)
			sched_yield();
	for (volatile int i = 0; i < 50; i++) {
		p[0] = 5;
		__asm__ volatile("xor %%ecx, %%ecx\n rdpkru\n or %0, %%eax\n"
				 "xor %%edx, %%edx\n wrpkru"
				 : : "r" (3U << (2 * key))
				 : "eax", "ecx", "edx", "memory");
		sched_yield();
		FAULT(fx_read, p);
		WANT(SIGSEGV, SEGV_PKUERR, p);
		__asm__ volatile("xor %%ecx, %%ecx\n rdpkru\n and %0, %%eax\n"
				 "xor %%edx, %%edx\n wrpkru"
				 : : "r" (~(3U << (2 * key)))
				 : "eax", "ecx", "edx", "memory");
	}
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

/* The old ways into the kernel, and exceptions by INT, which have no error code. */
ASM_FN(fx_sysenter, "mov %rsp, %rbp\n mov $20, %eax\n sysenter\n ud2");
void fx_sysenter(long x);

FX(int10, "", "int $10");
FX(int11, "", "int $11");
FX(int12, "", "int $12");
FX(int13, "", "int $13");
FX(int14, "", "int $14");
FX(int17, "", "int $17");
FX(int22, "", "int $22");
FX(int31, "", "int $31");
FX(int128, "", "int $128");

TEST(fault, int_n)
{
	static const struct {
		void (*fn)(unsigned long);
		const char *at;
	} ints[] = {
#define INT(n) { fx_int##n, fx_int##n##_at }
		INT(10), INT(11), INT(12), INT(13), INT(14), INT(17), INT(22),
		INT(31), INT(128),
	};

	catch_all(0);
	for (volatile int i = 0; i < 90; i++) {
		FAULT(ints[i % 9].fn, 0);
		WANT(SIGSEGV, SI_KERNEL, NULL);
		EQ(sig_ip, ints[i % 9].at);
		EQ(sig_trap, 13);
	}
}

TEST(fault, sysenter)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = xfork();
		int status;

		if (!pid) {
			fx_sysenter(0);
			_exit(0);
		}
		EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status));
	}
}

/* Loads that change GS' base: the kernel's own, where there are several processors. */
ASM_FN(fx_gs, "xor %eax, %eax\n mov %eax, %gs\n movb $1, (%rdi)\n ret");
ASM_FN(fx_gs_data, "mov $0x2b, %eax\n mov %eax, %gs\n movb $1, (%rdi)\n ret");
ASM_FN(fx_gs_call, "xor %eax, %eax\n mov %eax, %gs\n mov $110, %eax\n" ASM_INSN "\n ret");
ASM_FN(fx_gs_base, "mov $-65536, %rax\n wrgsbase %rax\n movb $1, (%rdi)\n ret");
void fx_gs(char *p), fx_gs_data(char *p), fx_gs_call(char *p), fx_gs_base(char *p);

TEST(fault, gs)
{
	void (*const fn[])(char *) = { fx_gs, fx_gs_data, fx_gs_call, fx_gs_base };
	unsigned int a, b = 0, c, d;

	__get_cpuid_count(7, 0, &a, &b, &c, &d);
	if (!cpl() && cpu_count() > 1 && !(b & bit_FSGSBASE))
		tap_skip("without FSGSBASE the kernel does not get GS back");

	for (int i = 0; i < 80; i++) {
		pid_t pid = xfork();
		int status;

		if (!pid) {
			/* A page fault, or a call, comes next. */
			fn[i % 4](fresh_page());
			_exit(getppid() != getpid() ? 0 : 1);
		}
		EQ(waitpid(pid, &status, 0), pid);
		if (i % 4 == 2 && status) {
			CHECK(WIFSIGNALED(status));
			EQ(WTERMSIG(status), SIGSEGV);
			CHECK(!cpl());
		} else if (i % 4 == 3 && status) {
			/* Without FSGSBASE */
			CHECK(WIFSIGNALED(status));
			EQ(WTERMSIG(status), SIGILL);
		} else {
			EQ(status, 0);
		}
	}
}

/* POPF leaves IF alone at ring 3. At CPL 0 it comes back with the next event. */
ASM_FN(fx_no_if, "push $2\n popf\n movb $1, (%rdi)\n pushf\n pop %rax\n ret");
ASM_FN(fx_no_if_kill, "push $2\n popf\n mov $62, %eax\n" ASM_INSN "\n ret");
long fx_no_if(char *p);
long fx_no_if_kill(long pid, long sig);
static volatile long handler_flags;

static void look_at_flags(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	__asm__ volatile("pushf\n pop %0" : "=r" (handler_flags));
}

TEST(fault, no_interrupts)
{
	handle(SIGUSR1, look_at_flags, 0);
	for (int i = 0; i < 100; i++) {
		handler_flags = 0;
		EQ(fx_no_if_kill(getpid(), SIGUSR1), 0);
		EQ(handler_flags & 0x202, 0x202);
	}
	for (int i = 0; i < 100; i++)
		EQ(fx_no_if(fresh_page()) & 0x202, 0x202);
}

static void fx_rdtsc(unsigned long addr)
{
	(void)addr;
	__asm__ volatile("rdtsc" : : : "eax", "edx");
}

/* RDTSC has no trap at CPL 0: who asks for one goes on at ring 3, or is refused it. */
TEST(fault, tsc)
{
	catch_all(0);
	if (syscall(SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV)) {
		EQ(errno, EINVAL);
		EQ(cpl(), 0);
#ifndef LINKED
		FAIL("it can go on at ring 3");
#endif
		return;
	}
	FAULT(fx_rdtsc, 0);
	EQ(syscall(SYS_prctl, PR_SET_TSC, PR_TSC_ENABLE), 0);
	EQ(cpl(), 3);
	WANT(SIGSEGV, SI_KERNEL, NULL);
}

/* The trap outlives exec. */
TEST(fault, tsc_exec)
{
	char *args[] = { "ukltest", "--child", "rdtsc", NULL };
	pid_t pid = xfork();

	if (!pid) {
		if (syscall(SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV))
			_exit(errno);
		execv(self_path, args);
		_exit(100);
	}
#ifdef LINKED
	EXPECT_EXIT(pid, EINVAL);
#else
	EXPECT_SIGNAL(pid, SIGSEGV);
#endif
}

static void free_at(unsigned long p)
{
	free((void *)p);
}

/* musl ends a program that frees what it has not got. */
TEST(fault, heap)
{
	char *p = malloc(100);

#ifndef LINKED
	if (!cpl())
		tap_skip("musl ends it by HLT, which is allowed at CPL 0");
#endif
	catch_all(0);
	FAULT(free_at, p + 1);
#ifdef LINKED
	WANT(SIGSEGV, SEGV_MAPERR, NULL);
#else
	WANT(SIGSEGV, SI_KERNEL, NULL);
#endif
}

/* TF: a trap behind each instruction, none of them in the kernel. */
ASM_FN(fx_tf,
       "pushf\n orl $0x100, (%rsp)\n popf\n"
       "fx_tf_begin:\n"
       "nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n"
       "pushf\n andl $~0x100, (%rsp)\n popf\n"
       "fx_tf_end: ret");
ASM_FN(fx_tf_insn,
       "pushf\n orl $0x100, (%rsp)\n popf\n"
       "mov $110, %eax\n" ASM_INSN "\n nop\n mov %rax, %rdx\n"
       "pushf\n andl $~0x100, (%rsp)\n popf\n"
       "mov %rdx, %rax\n"
       "fx_tf_insn_end: ret");
ASM_FN(fx_tf_call,
       "pushf\n orl $0x100, (%rsp)\n popf\n"
       "mov $110, %eax\n" ASM_CALL "\n nop\n mov %rax, %rdx\n"
       "pushf\n andl $~0x100, (%rsp)\n popf\n"
       "mov %rdx, %rax\n"
       "fx_tf_call_end: ret");
extern const char fx_tf_end[], fx_tf_insn_end[], fx_tf_call_end[];
long fx_tf(void), fx_tf_insn(void), fx_tf_call(void);

static const char *volatile tf_low, *volatile tf_high;

static void tf_trap(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;
	const char *ip = (const char *)uc->uc_mcontext.gregs[REG_RIP];

	(void)sig;
	if (si->si_code != TRAP_TRACE)
		FAIL("si_code is %d", si->si_code);
	if (ip < tf_low || ip > tf_high)
		FAIL("trap at %p, not in %p..%p", ip, tf_low, tf_high);
	if (si->si_addr != ip)
		FAIL("si_addr is %p at %p", si->si_addr, ip);
	ticks++;
	dirty();
}

static unsigned long count_traps(long (*fn)(void), const char *end, long *ret)
{
	ticks = 0;
	tf_low = (const char *)fn;
	tf_high = end;
	*ret = fn();
	return ticks;
}

TEST(fault, tf)
{
	long ret, ppid = getppid();

	handle(SIGTRAP, tf_trap, 0);
	for (int i = 0; i < 50; i++) {
		EQ(count_traps(fx_tf, fx_tf_end, &ret), 13);
		/* As on stock: the system call itself does not trap. */
		EQ(count_traps(fx_tf_insn, fx_tf_insn_end, &ret), 6);
		EQ(ret, ppid);
		if (cpl())
			continue;
		EQ(count_traps(fx_tf_call, fx_tf_call_end, &ret), 6);
		EQ(ret, ppid);
	}
}

static void disturb(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	dirty();
}

/* Handlers that come in between run without TF. */
TEST(fault, tf_signals)
{
	pid_t parent = getpid(), pid;
	double end = now() + 0.7;
	long ret, ppid = getppid();

	handle(SIGTRAP, tf_trap, 0);
	handle(SIGUSR1, disturb, 0);
	pid = xfork();
	if (!pid)
		for (;;) {
			kill(parent, SIGUSR1);
			usleep(50);
		}
	while (now() < end) {
		EQ(count_traps(fx_tf_insn, fx_tf_insn_end, &ret), 6);
		EQ(ret, ppid);
		if (cpl())
			continue;
		EQ(count_traps(fx_tf_call, fx_tf_call_end, &ret), 6);
		EQ(ret, ppid);
	}
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

/* Without a handler a trap is the end. */
TEST(fault, tf_death)
{
	static long (*const fn[])(void) = { fx_tf, fx_tf_insn, fx_tf_call };

	for (int i = 0; i < (cpl() ? 2 : 3); i++) {
		pid_t pid = xfork();

		if (!pid) {
			fn[i]();
			_exit(3);
		}
		EXPECT_SIGNAL(pid, SIGTRAP);
	}
}
