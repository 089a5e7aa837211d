// SPDX-License-Identifier: GPL-2.0
/* Delivery of signals, and what handlers see and may do. */
#include "tap.h"
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

static volatile int handled, last_value;
static volatile char order[64];

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	dirty();
	if (handled < 64)
		order[handled] = sig;
	handled++;
	last_value = si->si_value.sival_int;
}

TEST(signals, self)
{
	handle(SIGUSR1, on_signal, 0);
	for (int i = 1; i <= 300; i += 3) {
		CHECK(!raise(SIGUSR1));
		EQ(handled, i);
		CHECK(!kill(getpid(), SIGUSR1));
		EQ(handled, i + 1);
		CHECK(!pthread_kill(pthread_self(), SIGUSR1));
		EQ(handled, i + 2);
	}
	for (const struct way *w = ways(); w->name; w++)
		for (int i = 0; i < 100; i++) {
			handled = 0;
			EQ(w->fn(SYS_kill, getpid(), SIGUSR1, 0, 0, 0, 0), 0);
			EQ(handled, 1);
			EQ(w->fn(SYS_tgkill, getpid(), getpid(), SIGUSR1, 0, 0,
				 0), 0);
			EQ(handled, 2);
		}
}

TEST(signals, masks)
{
	sigset_t set, old, pending;

	handle(SIGUSR1, on_signal, 0);
	handle(SIGUSR2, on_signal, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	CHECK(!sigprocmask(SIG_BLOCK, &set, &old));
	raise(SIGUSR2);
	raise(SIGUSR1);
	raise(SIGUSR1);
	EQ(handled, 0);
	CHECK(!sigpending(&pending));
	CHECK(sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGUSR2));
	CHECK(!sigprocmask(SIG_SETMASK, &old, NULL));
	EQ(handled, 2);
}

TEST(signals, queue)
{
	union sigval v;
	sigset_t set;
	siginfo_t si;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	CHECK(!sigprocmask(SIG_BLOCK, &set, NULL));
	for (int i = 0; i < 50; i++) {
		v.sival_int = i;
		CHECK(!sigqueue(getpid(), SIGRTMIN + 2, v));
	}
	for (int i = 0; i < 50; i++) {
		EQ(sigwaitinfo(&set, &si), SIGRTMIN + 2);
		EQ(si.si_value.sival_int, i);
		EQ(si.si_pid, getpid());
	}
	handle(SIGRTMIN + 2, on_signal, 0);
	v.sival_int = 77;
	CHECK(!sigqueue(getpid(), SIGRTMIN + 2, v));
	EQ(handled, 0);
	CHECK(!sigprocmask(SIG_UNBLOCK, &set, NULL));
	EQ(handled, 1);
	EQ(last_value, 77);
}

TEST(signals, flags)
{
	struct sigaction sa;
	stack_t ss;

	handle(SIGUSR1, on_signal, SA_RESETHAND);
	raise(SIGUSR1);
	EQ(handled, 1);
	CHECK(!sigaction(SIGUSR1, NULL, &sa));
	CHECK(sa.sa_handler == SIG_DFL);
	on_altstack();
	CHECK(!sigaltstack(NULL, &ss));
	EQ(ss.ss_flags, 0);
}

static volatile int depth, max_depth;

static void nesting(int sig, siginfo_t *si, void *uc)
{
	(void)si, (void)uc;
	if (++depth > max_depth)
		max_depth = depth;
	if (depth < 100)
		raise(sig);
	dirty();
	depth--;
	handled++;
}

TEST(signals, nested)
{
	handle(SIGUSR1, nesting, SA_NODEFER);
	raise(SIGUSR1);
	EQ(max_depth, 100);
	EQ(handled, 100);
	EQ(depth, 0);
}

/* siglongjmp from a handler that came at any time, also inside of calls. */
static sigjmp_buf out;

static void jump(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	ticks++;
	siglongjmp(out, 1);
}

TEST(signals, siglongjmp)
{
	volatile unsigned long sum = 0;
	volatile int started = 0;
	int ppid = getppid();

	sigsetjmp(out, 1);
	if (!started) {
		started = 1;
		tick_start(150, jump, 0);
	}
	UNTIL_TICKS(1500,
		sum += getppid() - ppid;
		redzone_check(50);
		EQ(way_insn(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
		if (!cpl())
			EQ(way_call(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid));
	tick_stop();
	EQ(sum, 0);
}

TEST(signals, siglongjmp_blocked)
{
	int fd[2];
	char c;

	CHECK(!pipe(fd));
	ticks = 0;
	for (const struct way *w = ways(); w->name; w++)
		for (volatile int i = 0; i < 200; i++) {
			if (!sigsetjmp(out, 1)) {
				tick_start(200, jump, 0);
				w->fn(SYS_read, fd[0], (long)&c, 1, 0, 0, 0);
				FAIL("read came back");
			}
			tick_stop();
		}
}

/* Registers in the frame are those of the interrupted code. */
ASM_FN(sg_regs,
       "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
       "mov $0x101, %eax\n mov $0x102, %ebx\n mov $0x103, %ecx\n"
       "mov $0x104, %edx\n mov $0x105, %esi\n mov $0x107, %ebp\n"
       "mov $0x108, %r8d\n mov $0x109, %r9d\n mov $0x10a, %r10d\n"
       "mov $0x10b, %r11d\n mov $0x10c, %r12d\n mov $0x10d, %r13d\n"
       "mov $0x10e, %r14d\n mov $0x10f, %r15d\n"
       "sg_regs_begin: 1: cmpl $0, (%rdi)\n je 1b\n sg_regs_end:\n"
       "add %rbx, %rax\n add %rcx, %rax\n add %rdx, %rax\n add %rsi, %rax\n"
       "add %rbp, %rax\n add %r8, %rax\n add %r9, %rax\n add %r10, %rax\n"
       "add %r11, %rax\n add %r12, %rax\n add %r13, %rax\n add %r14, %rax\n"
       "add %r15, %rax\n"
       "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret");
long sg_regs(volatile int *go);
extern const char sg_regs_begin[], sg_regs_end[];

static volatile int go;

static void look(int sig, siginfo_t *si, void *ctx)
{
	static const struct { int reg; long want; } regs[] = {
		{ REG_RAX, 0x101 }, { REG_RBX, 0x102 }, { REG_RCX, 0x103 },
		{ REG_RDX, 0x104 }, { REG_RSI, 0x105 }, { REG_RBP, 0x107 },
		{ REG_R8, 0x108 }, { REG_R9, 0x109 }, { REG_R10, 0x10a },
		{ REG_R11, 0x10b }, { REG_R12, 0x10c }, { REG_R13, 0x10d },
		{ REG_R14, 0x10e }, { REG_R15, 0x10f },
	};
	greg_t *r = ((ucontext_t *)ctx)->uc_mcontext.gregs;

	(void)sig, (void)si;
	if (go || (const char *)r[REG_RIP] < sg_regs_begin ||
	    (const char *)r[REG_RIP] >= sg_regs_end)
		return;
	for (size_t i = 0; i < sizeof(regs) / sizeof(*regs); i++)
		EQ(r[regs[i].reg], regs[i].want);
	EQ(r[REG_RDI], &go);
	EQ(r[REG_CSGSFS] & 0xffff, 0x33);
	EQ(r[REG_CSGSFS] >> 48 & 0xffff, 0x2b);
	CHECK(r[REG_EFL] & (1 << 9));
	EQ(r[REG_EFL] & 0x3000, 0);
	handled++;
	if (ticks++ % 16 == 15) {
		r[REG_R15] += 0x1000;
		r[REG_RBX] += 0x100;
		go = 1;
	}
}

TEST(signals, registers)
{
	tick_start(100, look, 0);
	for (int i = 0; i < 30; i++) {
		go = 0;
		EQ(sg_regs(&go), 0x101 + 0x102 + 0x103 + 0x104 + 0x105 + 0x107 +
		   0x108 + 0x109 + 0x10a + 0x10b + 0x10c + 0x10d + 0x10e +
		   0x10f + 0x1100);
	}
	tick_stop();
	CHECK(handled >= 480);
}

/* A handler may step over the instruction that brought it. */
static void skip_two(int sig, siginfo_t *si, void *ctx)
{
	(void)sig, (void)si;
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP] += 2;
	((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RAX] = 4711;
}

TEST(signals, skip_instruction)
{
	handle(SIGILL, skip_two, 0);
	for (int i = 0; i < 100; i++) {
		long rax = 1;

		__asm__ volatile("ud2" : "+a" (rax));
		EQ(rax, 4711);
	}
}

TEST(signals, signalfd)
{
	struct signalfd_siginfo si;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(!sigprocmask(SIG_BLOCK, &set, NULL));
	fd = signalfd(-1, &set, 0);
	CHECK(fd >= 0);
	raise(SIGUSR1);
	EQ(read(fd, &si, sizeof(si)), sizeof(si));
	EQ(si.ssi_signo, SIGUSR1);
	EQ(si.ssi_pid, getpid());
}

TEST(signals, child)
{
	sigset_t set;
	siginfo_t si;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	CHECK(!sigprocmask(SIG_BLOCK, &set, NULL));
	pid = xfork();
	if (!pid)
		_exit(42);
	EQ(sigwaitinfo(&set, &si), SIGCHLD);
	EQ(si.si_pid, pid);
	EQ(si.si_code, CLD_EXITED);
	EQ(si.si_status, 42);
	EXPECT_EXIT(pid, 42);
	pid = xfork();
	if (!pid)
		abort();
	EXPECT_SIGNAL(pid, SIGABRT);
}

/* Stop and continue at any moment. */
TEST(signals, stop_storm)
{
	int *rounds = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, before;
	pid_t pid = xfork();

	if (!pid) {
		int ppid = getppid();

		for (;; __atomic_add_fetch(rounds, 1, __ATOMIC_SEQ_CST)) {
			redzone_check(50);
			fpu_check(50);
			EQ(way_insn(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
			if (!cpl())
				EQ(way_call(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
		}
	}
	for (int i = 0; i < 200; i++) {
		CHECK(!kill(pid, SIGSTOP));
		EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status));
		CHECK(!kill(pid, SIGCONT));
		if (i % 4 == 0)
			usleep(200);
	}
	before = *(volatile int *)rounds;
	while (*(volatile int *)rounds == before)
		usleep(100);
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

/* A core file holds the registers and the memory of the end. */
ASM_FN(sg_crash,
       "mov $0x101, %eax\n mov $0x102, %ebx\n mov $0x10c, %r12d\n"
       "mov $0x10f, %r15d\n mov $0x10b, %r11d\n mov $0x107, %ebp\n"
       "movd %r15d, %xmm7\n"
       "sg_crash_at: mov %al, 0\n ud2");
void sg_crash(void);
extern const char sg_crash_at[];
static char core_secret[] = "not in the file yet";

static void *wait_forever(void *arg)
{
	pause();
	return arg;
}

TEST(signals, core)
{
	char dir[] = "/tmp/ukltest-core-XXXXXX", name[64], *core;
	const Elf64_Phdr *ph;
	int seen = 0, crashed = 0, fd, status;
	struct stat st;
	pid_t pid;

	CHECK(mkdtemp(dir) && !chdir(dir));
	pid = xfork();
	if (!pid) {
		struct rlimit core;
		pthread_t t;

		CHECK(!getrlimit(RLIMIT_CORE, &core));
		core.rlim_cur = core.rlim_max;
		CHECK(!setrlimit(RLIMIT_CORE, &core));
		strcpy(core_secret, "in the core file");
		CHECK(!pthread_create(&t, NULL, wait_forever, NULL));
		usleep(2000);
		sg_crash();
	}
	EQ(waitpid(pid, &status, 0), pid);
	snprintf(name, sizeof(name), "core.%d", pid);
	fd = open("core", O_RDONLY);
	if (fd < 0)
		fd = open(name, O_RDONLY);
	unlink("core");
	unlink(name);
	CHECK(!chdir("/") && !rmdir(dir));
	EQ(status & 0x7f, SIGSEGV);
	if (fd < 0 || !WCOREDUMP(status))
		tap_skip("no core files here");
	CHECK(!fstat(fd, &st));
	core = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(core != MAP_FAILED);
	ph = (void *)(core + ((Elf64_Ehdr *)core)->e_phoff);
	for (int i = 0; i < ((Elf64_Ehdr *)core)->e_phnum; i++, ph++) {
		const char *p = core + ph->p_offset, *end = p + ph->p_filesz;
		unsigned long secret = (unsigned long)core_secret;

		if (ph->p_type == PT_LOAD && secret >= ph->p_vaddr &&
		    secret < ph->p_vaddr + ph->p_filesz) {
			CHECK(!strcmp(p + (secret - ph->p_vaddr),
				      "in the core file"));
			seen |= 1;
		}
		while (ph->p_type == PT_NOTE && p < end) {
			const Elf64_Nhdr *n = (void *)p;
			const char *desc = p + sizeof(*n) + ((n->n_namesz + 3) & ~3);
			const unsigned long *r = (void *)(desc + 112);

			p = desc + ((n->n_descsz + 3) & ~3);
			/* Each thread's, behind its other registers */
			if (n->n_type == NT_FPREGSET && crashed) {
				EQ(*(uint64_t *)(desc + 160 + 7 * 16), 0x10f);
				crashed = 0;
				seen |= 4;
			}
			if (n->n_type != NT_PRSTATUS)
				continue;
			crashed = 0;
			if ((long)r[16] < 0)
				FAIL("a thread at a kernel address: %#lx", r[16]);
			EQ(r[17], 0x33);
			if (r[16] != (unsigned long)sg_crash_at)
				continue;
			EQ(r[0], 0x10f);	/* r15 */
			EQ(r[3], 0x10c);	/* r12 */
			EQ(r[4], 0x107);	/* rbp */
			EQ(r[5], 0x102);	/* rbx */
			EQ(r[6], 0x10b);	/* r11 */
			EQ(r[10], 0x101);	/* rax */
			crashed = 1;
			seen |= 2;
		}
	}
	EQ(seen, 7);
}

/* Any signal ends a process that waits, spins or calls. */
TEST(signals, death)
{
	const int sigs[] = {
		SIGTERM, SIGKILL, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGRTMIN + 5,
	};
	int fd[2];
	char c;

	CHECK(!pipe(fd));
	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs) * 4; i++) {
		pid_t pid = xfork();

		if (!pid) {
			switch (i % 4) {
			case 0:
				for (;;)
					;
			case 1:
				read(fd[0], &c, 1);
				break;
			case 2:
				for (;;)
					getppid();
			case 3:
				for (;;)
					way_insn(SYS_getppid, 0, 0, 0, 0, 0, 0);
			}
			_exit(3);
		}
		usleep(1000);
		CHECK(!kill(pid, sigs[i / 4]));
		EXPECT_SIGNAL(pid, sigs[i / 4]);
	}
}
