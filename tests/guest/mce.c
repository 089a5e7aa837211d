// SPDX-License-Identifier: GPL-2.0
/*
 * Machine checks at chosen places. The host makes them (helper.c): it stops the
 * machine until the processor is at a place that the kernel's log asks for.
 */
#include "tap.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

/* IA32_MCi_STATUS, IA32_MCG_STATUS (Intel SDM vol. 3, "Machine-Check MSRs") */
#define VAL_UC_EN	(1UL << 63 | 1UL << 61 | 1UL << 60)
#define MISCV_ADDRV	(1UL << 59 | 1UL << 58)
#define S		(1UL << 56)
#define AR		(1UL << 55)
#define RIPV		1
#define EIPV		2
#define MCIP		4

/* Software recoverable, action optional: of memory, and one that says nothing */
#define OPTIONAL	(VAL_UC_EN | MISCV_ADDRV | S)
#define SCRUBBED	(OPTIONAL | 0xc0)
/* Action required: a load, a fetch of an instruction */
#define LOAD		(OPTIONAL | AR | 0x134)
#define FETCH		(OPTIONAL | AR | 0x150)

extern const char mc_spin_at[], mc_spin_end[];

/* In the kernel's log a line stays in one piece. */
static void at(const char *place, const char *from, const char *to,
	       unsigned long status, unsigned int mcg, unsigned long addr)
{
	int fd = open("/dev/kmsg", O_WRONLY);
	char line[160];
	int len;

	CHECK(fd >= 0);
	len = snprintf(line, sizeof(line), "<2>mce: at %s %lx %lx %lx %x %lx\n",
		       place, (long)from, (long)to, status, mcg, addr);
	EQ(write(fd, line, len), len);
	close(fd);
}

static void at_spin(unsigned long status, unsigned int mcg, unsigned long addr)
{
	at("user", mc_spin_at, mc_spin_end, status, mcg, addr);
}

/* Of the first CPU */
static long machine_checks(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	char line[200], *p;
	long n = -1;

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		p = strstr(line, "MCE:");
		if (p)
			n = strtol(p + 4, NULL, 10);
	}
	fclose(f);
	if (n < 0)
		tap_skip("no CONFIG_X86_MCE in this kernel");
	return n;
}

static unsigned long physical(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry;

	CHECK(fd >= 0);
	EQ(pread(fd, &entry, 8, (unsigned long)p / 4096 * 8), 8);
	close(fd);
	CHECK(entry >> 63 && (entry & ((1UL << 55) - 1)));
	return (entry & ((1UL << 55) - 1)) << 12;
}

static char *new_page(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	memset(page, 0xc3, 4096);		/* ret */
	return page;
}

static void in_user(void)
{
	redzone_check(3000);
	fpu_check(3000);
}

static void in_calls(void)
{
	int ppid = getppid();

	for (const struct way *w = ways(); w->name; w++)
		for (int i = 0; i < 20; i++)
			EQ(w->fn(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
	fpu_check_calls(20);
}

static void in_faults(void)
{
	static volatile char *page;

	if (!page)
		page = new_page();
	for (int i = 0; i < 10; i++) {
		EQ(*page = i, i);
		CHECK(!madvise((void *)page, 4096, MADV_DONTNEED));
		EQ(*page, 0);
	}
}

/*
 * Nothing is lost of a program, wherever it is: in user code, or where the kernel
 * still, or again, has its stack pointer.
 */
static const struct {
	const char *place;
	void (*work)(void);
	int cpl0;			/* not a place at ring 3 */
} places[] = {
	{ "user", in_user, 0 },
	{ "kernel", in_calls, 0 },
	{ "thunk", in_calls, 1 },
	{ "return", in_calls, 1 },
	{ "leave", in_faults, 1 },
#ifdef LINKED
	{ "entry", in_calls, 0 },
#endif
};

static void optional(size_t i)
{
	for (int k = 0; k < 20; k++) {
		long before = machine_checks();

		at(places[i].place, NULL, (char *)-1UL, OPTIONAL, RIPV | MCIP,
		   0x1000 * (k + 1));
		while (machine_checks() == before)
			for (int j = 0; j < 10; j++)
				places[i].work();
		EQ(machine_checks(), before + 1);
	}
}

#define PLACE(name, nr)							\
	TEST_IN(mce, name, 100)						\
	{								\
		if (cpl() && places[nr].cpl0)				\
			tap_skip("a place at CPL 0");			\
		optional(nr);						\
	}
PLACE(user, 0)
PLACE(kernel, 1)
PLACE(thunk, 2)
PLACE(return, 3)
PLACE(leave, 4)
#ifdef LINKED
PLACE(entry, 5)
#endif

/* Turns until mc_done is set, with all registers known; result 0 if they still are. */
#define REGISTERS(m)							\
	m(rax, RAX, 1) m(rcx, RCX, 2) m(rdx, RDX, 3) m(rbx, RBX, 4)	\
	m(rbp, RBP, 5) m(rsi, RSI, 6) m(rdi, RDI, 7) m(r8, R8, 8)	\
	m(r9, R9, 9) m(r10, R10, 10) m(r11, R11, 11) m(r12, R12, 12)	\
	m(r13, R13, 13) m(r14, R14, 14) m(r15, R15, 15)
#define SET_REG(reg, greg, n) "mov $0x6600 + " #n ", %" #reg "\n"
#define COMPARE_REG(reg, greg, n)					\
	"cmp $0x6600 + " #n ", %" #reg "\n jne 1f\n"
#define EQ_REG(reg, greg, n)						\
	EQ(got.uc.uc_mcontext.gregs[REG_##greg], 0x6600 + n);

ASM_FN(mc_spin,
       "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
       REGISTERS(SET_REG)
       "mc_spin_at: cmpl $0, mc_done(%rip)\n je mc_spin_at\n mc_spin_end:\n"
       REGISTERS(COMPARE_REG)
       "mov $0x6600, %eax\n"
       "1: sub $0x6600, %rax\n"
       "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret");
long mc_spin(void);
volatile int mc_done;

static struct {
	int code;
	char *addr;
	ucontext_t uc;
} got;

static void take(int sig, siginfo_t *si, void *uc)
{
	EQ(sig, SIGBUS);
	got.code = si->si_code;
	got.addr = si->si_addr;
	memcpy(&got.uc, uc, sizeof(got.uc));
	dirty();
	mc_done = 1;
}

/* A page that has failed is gone for good. */
static pid_t reader(char *page)
{
	pid_t pid = xfork();

	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		_exit(*(volatile char *)page);
	}
	return pid;
}

static void is_gone(char *page)
{
	EXPECT_SIGNAL(reader(page), SIGBUS);
	CHECK(!munmap(page, 4096));
}

static void in_spin(unsigned long status, unsigned int mcg)
{
	char *page = new_page();

	machine_checks();
	handle(SIGBUS, take, 0);
	at_spin(status, mcg, physical(page));
	EQ(mc_spin(), 0);
	EQ(got.code, status & AR ? BUS_MCEERR_AR : SI_KERNEL);
	REGISTERS(EQ_REG)
	CHECK((char *)got.uc.uc_mcontext.gregs[REG_RIP] >= mc_spin_at &&
	      (char *)got.uc.uc_mcontext.gregs[REG_RIP] < mc_spin_end);
	if (!(status & AR))
		return;
	CHECK(got.addr == page);
	is_gone(page);
}

TEST_IN(mce, load, 100)
{
	in_spin(LOAD, RIPV | EIPV | MCIP);
}

TEST_IN(mce, fetch, 100)
{
	in_spin(FETCH, RIPV | EIPV | MCIP);
}

/* Of the interrupted program nothing is known but where it was. */
TEST_IN(mce, no_restart, 100)
{
	in_spin(OPTIONAL & ~MISCV_ADDRV, EIPV | MCIP);
}

/* A call is made once, and interrupted before or behind it. */
TEST_IN(mce, load_thunk, 100)
{
	int ppid = getppid();
	char *page;

	if (cpl())
		tap_skip("a place at CPL 0");
	machine_checks();
	handle(SIGBUS, take, 0);
	for (int i = 0; i < 10; i++) {
		mc_done = 0;
		page = new_page();
		/* The parent, which waits, makes other calls. */
		at("getppid", NULL, NULL, LOAD, RIPV | EIPV | MCIP,
		   physical(page));
		while (!mc_done)
			for (const struct way *w = ways(); w->name; w++)
				EQ(w->fn(SYS_getppid, 0, 0, 0, 0, 0, 0), ppid);
		EQ(got.code, BUS_MCEERR_AR);
		CHECK(got.addr == page);
		CHECK(got.uc.uc_mcontext.gregs[REG_RIP] > 0);
		is_gone(page);
	}
}

/* Without a handler the program dies, and only it. */
TEST_IN(mce, death, 100)
{
	for (int i = 0; i < 3; i++) {
		pid_t pid;

		machine_checks();
		pid = xfork();
		if (!pid) {
			at_spin(LOAD, RIPV | EIPV | MCIP, physical(new_page()));
			mc_spin();
			_exit(3);
		}
		EXPECT_SIGNAL(pid, SIGBUS);
	}
}

/* Found before anybody needs it: whoever does learns of it. */
TEST_IN(mce, scrubbed, 100)
{
	char *page = new_page();
	long before = machine_checks();
	pid_t pid;

	at_spin(SCRUBBED, RIPV | MCIP, physical(page));
	pid = xfork();
	if (!pid)
		for (;;)
			mc_spin();
	while (machine_checks() == before)
		;
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
	/* A worker of the kernel takes the page away. */
	for (int i = 0; i < 100; i++) {
		int status;

		EQ(waitpid(reader(page), &status, 0) > 0, 1);
		if (WIFSIGNALED(status))
			break;
		sleep_ms(100);
	}
	is_gone(page);
}

static volatile unsigned long turns[2];

static void *turn(void *arg)
{
	long cpu = (long)arg;

	on_cpu(cpu);
	while (!mc_done) {
		in_user();
		in_calls();
		turns[cpu]++;
	}
	return arg;
}

/*
 * On Intel's processors all take a machine check, and wait for each other in its
 * handler. A second one before all have left it is the end of the machine.
 */
TEST_IN(broadcast, optional, 100)
{
	pthread_t t[2];

	machine_checks();
	if (cpu_count() < 2)
		tap_skip("one CPU only");
	for (long i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, turn, (void *)i));
	for (int k = 0; k < 20; k++) {
		long before = machine_checks();

		at("all", NULL, NULL, OPTIONAL, RIPV | MCIP, 0x1000 * (k + 1));
		while (machine_checks() == before)
			sleep_ms(1);
		for (int i = 0; i < 2; i++) {
			unsigned long seen = turns[i];

			while (turns[i] < seen + 2)
				sleep_ms(1);
		}
	}
	mc_done = 1;
	for (long i = 0; i < 2; i++)
		CHECK(!pthread_join(t[i], NULL));
}

/* In kernel code none of this can be survived, at no privilege. */
TEST_IN(panic, load, 100)
{
	machine_checks();
	at("kernel", NULL, NULL, LOAD, RIPV | EIPV | MCIP, physical(new_page()));
	for (;;)
		in_calls();
}
