// SPDX-License-Identifier: GPL-2.0
/* Programs that were not linked for CPL 0: jumps in place of SYSCALL. */
#include "tap.h"
#include <asm/prctl.h>
#include <cpuid.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/user.h>

/* More calls than a site makes with ukl.patch=1 before the kernel looks at it. */
#define ENOUGH 100

/* A number from /proc/self/ukl or the like. */
static long counted_in(const char *file, const char *what)
{
	char line[80];
	size_t len = strlen(what);
	FILE *f = fopen(file, "r");
	long n = -1;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, what, len) && line[len] == ':')
			n = atol(line + len + 1);
	fclose(f);
	CHECK(n >= 0);
	return n;
}

static long counted(const char *what)
{
	return counted_in("/proc/self/ukl", what);
}

static long jumps(void)
{
	return counted("calls by jump");
}

static void only_patched(void)
{
	if (cpl())
		tap_skip("not at CPL 0");
	if (access("/proc/self/ukl", F_OK))
		tap_skip("no CONFIG_UKL_PATCH in this kernel");
#ifdef LINKED
	tap_skip("linked for CPL 0");
#endif
}

/* The code that is executed, which the program itself cannot read. */
static void read_code(const char *addr, void *code, size_t size)
{
	int fd = open("/proc/self/mem", O_RDONLY);

	CHECK(fd >= 0);
	EQ(pread(fd, code, size, (off_t)addr), size);
	close(fd);
}

static int code_at(const char *addr)
{
	unsigned char byte;

	read_code(addr, &byte, 1);
	return byte;
}

/* Functions with a site of their own: getppid. */
#define SITE(name)							\
	ASM_FN(name, "nop; nop\n"					\
	       #name "_first: mov $110, %eax\n"				\
	       #name "_syscall: syscall\n"				\
	       #name "_ret: ret");					\
	long name(void);						\
	extern const char name##_first[], name##_syscall[], name##_ret[]

static void patched(long (*site)(void), const char *first)
{
	long before = jumps(), parent = getppid();

	for (int i = 0; i < ENOUGH; i++)
		EQ(site(), parent);
	CHECK(jumps() - before >= ENOUGH / 2);
	EQ(code_at(first), 0xe9);
}

SITE(counted_site);
TEST(patch, counted)
{
	long sites, syscalls;

	only_patched();
	sites = counted("sites patched");
	patched(counted_site, counted_site_first);
	CHECK(counted("sites patched") > sites);
	syscalls = counted("calls by SYSCALL");
	for (int i = 0; i < ENOUGH; i++)
		counted_site();
	/* What reading the file takes */
	CHECK(counted("calls by SYSCALL") - syscalls < ENOUGH / 2);
}

/* A thread that waits in a call keeps no other from having its sites replaced. */
ASM_FN(waiting_site, "nop; nop\n"
       "mov $0, %eax\n"
       "syscall\n"
       "ret");
long waiting_site(int fd, void *buf, size_t n);

static void *wait_there(void *fd)
{
	char c;

	/* Not while the site of clone() is looked at */
	sleep_ms(10);
	EQ(waiting_site(*(int *)fd, &c, 1), 1);
	return NULL;
}

SITE(meanwhile_site);
TEST(patch, waiting)
{
	pthread_t t;
	int fd[2];

	only_patched();
	CHECK(!pipe(fd));
	/* Its site is not to be looked at for the first time below. */
	sleep_ms(1);
	CHECK(!pthread_create(&t, NULL, wait_there, fd));
	sleep_ms(100);
	patched(meanwhile_site, meanwhile_site_first);
	EQ(write(fd[1], "c", 1), 1);
	pthread_join(t, NULL);
}

/* As glibc's read(): no instruction of five bytes but one before a branch. */
ASM_FN(relative_site,
       "nop; nop\n"
       "cmpb $0, relative_flag(%rip)\n"
       "jne 1f\n"
       "xor %eax, %eax\n"
       "relative_syscall: syscall\n"
       "ret\n"
       "1: mov $-77, %rax\n"
       "ret");
long relative_site(int fd, void *buf, size_t n);
char relative_flag;

TEST(patch, relative)
{
	long before;
	char byte;
	int fd;

	only_patched();
	fd = open("/dev/zero", O_RDONLY);
	if (fd < 0)
		fd = open("/proc/version", O_RDONLY);
	before = jumps();
	for (int i = 0; i < ENOUGH; i++) {
		relative_flag = i % 2;
		if (relative_flag)
			EQ(relative_site(fd, &byte, 1), -77);
		else
			CHECK(relative_site(fd, &byte, 1) >= 0);
	}
	CHECK(jumps() - before >= ENOUGH / 4);
}

/* A VEX prefix hides opcodes that are jumps without it. */
ASM_FN(vex_site,
       "nop; nop\n"
       "vmovd %edi, %xmm0\n"
       "vmovdqu %xmm0, -64(%rsp)\n"
       "mov %esi, %edi\n"
       "xor %eax, %eax\n"
       "syscall\n"
       "mov -64(%rsp), %eax\n"
       "ret");
int vex_site(int value, int fd);

TEST(patch, vex)
{
	long before;

	only_patched();
	if (vectors() < AVX)
		tap_skip("no AVX");
	before = jumps();
	for (int i = 0; i < ENOUGH; i++)
		EQ(vex_site(i + 1000, -1), i + 1000);
	CHECK(jumps() - before >= ENOUGH / 2);
}

/* As in Go: all instructions are short, and two become the jump. */
ASM_FN(pair_site,
       "pair_first: mov %rdi, %rax\n"
       "pair_second: mov %rsi, %rdi\n"
       "syscall\n"
       "ret");
long pair_site(long nr, long arg);
extern const char pair_first[];
ASM_FN(pair_behind, "mov %edi, %eax\n jmp pair_second");
long pair_behind(long nr, long arg);

TEST(patch, pair)
{
	long before;

	only_patched();
	before = jumps();
	for (int i = 0; i < ENOUGH; i++) {
		EQ(pair_site(SYS_getppid, 0), getppid());
		EQ(pair_site(SYS_close, -1), -EBADF);
	}
	CHECK(jumps() - before >= ENOUGH);
	EQ(code_at(pair_first), 0xe9);
	/* Its second byte of code is no instruction's any more. */
	for (int i = 0; i < ENOUGH; i++) {
		EQ(pair_behind(SYS_getppid, 0), getppid());
		EQ(pair_behind(SYS_close, -1), -EBADF);
	}
}

/* A function that goes straight to the SYSCALL of another. */
SITE(behind_site);
ASM_FN(behind, "mov $102, %eax\n jmp behind_site_syscall");
long behind(void);

TEST(patch, behind)
{
	only_patched();
	patched(behind_site, behind_site_first);
	for (int i = 0; i < ENOUGH; i++)
		EQ(behind(), getuid());
}

/* A step goes from one instruction of the program to the next, as before. */
#define STEPS 16
SITE(step_site);
static long steps[STEPS];
static volatile int step_count;

static void on_step(int sig, siginfo_t *si, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	(void)si;
	if (regs[REG_RIP] >= (long)step_site &&
	    regs[REG_RIP] <= (long)step_site_ret && step_count < STEPS)
		steps[step_count++] = regs[REG_RIP];
	else if (step_count)
		regs[REG_EFL] &= ~0x100L;
}

ASM_FN(with_trap,
       "pushfq\n orq $0x100, (%rsp)\n popfq\n"
       "call step_site\n nop\n nop\n ret");
long with_trap(void);

TEST(patch, step)
{
	long want[STEPS], count;

	only_patched();
	handle(SIGTRAP, on_step, 0);
	EQ(with_trap(), getppid());
	memcpy(want, steps, sizeof(want));
	count = step_count;
	CHECK(count >= 4);
	EQ(want[2], (long)step_site_first);

	patched(step_site, step_site_first);
	step_count = 0;
	memset(steps, 0, sizeof(steps));
	EQ(with_trap(), getppid());
	EQ(step_count, count);
	for (int i = 0; i < count; i++)
		EQ(steps[i], want[i]);
}

/* No signal shows code that is not the program's. */
SITE(signal_site);
extern const char __executable_start[], etext[];
static volatile unsigned long outside, inside;

static void on_tick(int sig, siginfo_t *si, void *context)
{
	const char *ip = (const char *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	(void)sig;
	(void)si;
	ticks++;
	if (ip >= signal_site_first && ip <= signal_site_ret)
		inside++;
	if (ip < __executable_start || ip >= etext)
		outside++;
}

TEST(patch, signals)
{
	long parent = getppid();

	only_patched();
	patched(signal_site, signal_site_first);
	tick_start(60, on_tick, 0);
	/* No look at the time, which is outside, in the vDSO. */
	for (long i = 0; ticks < 3000 && i < 3000000; i++)
		EQ(signal_site(), parent);
	tick_stop();
	CHECK(ticks > 100);
	EQ(outside, 0);
	CHECK(inside > 0);
}

SITE(fork_site);
TEST(patch, fork)
{
	long parent = getpid(), before;
	pid_t pid;

	only_patched();
	patched(fork_site, fork_site_first);
	pid = xfork();
	if (!pid) {
		before = jumps();
		for (int i = 0; i < ENOUGH; i++)
			EQ(fork_site(), parent);
		CHECK(jumps() - before >= ENOUGH);
		patched(counted_site, counted_site_first);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EQ(fork_site(), getppid());
}

/* A debugger's breakpoint behind the jump is reached. */
SITE(trace_site);
TEST(patch, breakpoint)
{
	struct user_regs_struct regs;
	int status, ready[2];
	long word;
	pid_t pid;
	char c;

	only_patched();
	CHECK(!pipe(ready));
	pid = xfork();
	if (!pid) {
		patched(trace_site, trace_site_first);
		EQ(write(ready[1], "r", 1), 1);
		for (;;)
			EQ(trace_site(), getppid());
	}
	EQ(read(ready[0], &c, 1), 1);
	CHECK(!ptrace(PTRACE_ATTACH, pid, 0, 0));
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSTOPPED(status));
	word = ptrace(PTRACE_PEEKTEXT, pid, trace_site_first, 0);
	EQ(word & 0xff, 0xb8);
	word = ptrace(PTRACE_PEEKTEXT, pid, trace_site_syscall, 0);
	CHECK(!ptrace(PTRACE_POKETEXT, pid, trace_site_syscall,
		      (void *)((word & ~0xffL) | 0xcc)));
	CHECK(!ptrace(PTRACE_CONT, pid, 0, 0));
	EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSTOPPED(status));
	EQ(WSTOPSIG(status), SIGTRAP);
	CHECK(!ptrace(PTRACE_GETREGS, pid, 0, &regs));
	EQ(regs.rip, (long)trace_site_syscall + 1);
	EQ(regs.rax, 110);
	kill(pid, SIGKILL);
	EXPECT_SIGNAL(pid, SIGKILL);
}

static void *call_site(void *site)
{
	/* As above */
	sleep_ms(10);
	for (int i = 0; i < ENOUGH; i++)
		EQ(((long (*)(void))site)(), getppid());
	return NULL;
}

/* Nor are there jumps in what is traced, made by threads that are not. */
SITE(traced_site);
TEST(patch, traceme)
{
	pthread_t t;
	pid_t pid;

	only_patched();
	pid = xfork();
	if (!pid) {
		CHECK(!ptrace(PTRACE_TRACEME, 0, 0, 0));
		CHECK(!pthread_create(&t, NULL, call_site, traced_site));
		pthread_join(t, NULL);
		EQ(code_at(traced_site_first), 0xb8);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
}

/* In a new program: how many jumps a thread's calls have made. */
int child_jumps(void)
{
	pthread_t t;

	CHECK(!pthread_create(&t, NULL, call_site, getppid));
	pthread_join(t, NULL);
	return counted("sites patched");
}

TEST(patch, traced_exec)
{
	int status, ready[2];
	pid_t pid;
	char c;

	only_patched();
	CHECK(!pipe(ready));
	pid = xfork();
	if (!pid) {
		EQ(read(ready[0], &c, 1), 1);
		execve(self_path, (char *[]){ "ukltest", "--child", "jumps",
					      NULL }, environ);
		_exit(101);
	}
	CHECK(!ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXEC));
	EQ(write(ready[1], "r", 1), 1);
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status >> 8, SIGTRAP | PTRACE_EVENT_EXEC << 8);
	CHECK(!ptrace(PTRACE_CONT, pid, 0, 0));
	EXPECT_EXIT(pid, 0);
}

/* The sites of a child are sites of the system, too. */
TEST(patch, fork_counts)
{
	long sites, before;
	pid_t pid;

	only_patched();
	sites = counted("sites");
	CHECK(sites > 0);
	before = counted_in("/proc/ukl", "sites");
	pid = xfork();
	if (!pid)
		_exit(0);
	EXPECT_EXIT(pid, 0);
	CHECK(counted_in("/proc/ukl", "sites") >= before + sites);
}

/* A page of code from a file, private; at @where if that is not NULL. */
static char *map_code(void *where, const void *code, size_t size, int prot)
{
	char name[] = "/tmp/ukltest-code-XXXXXX", page[4096];
	int fd = mkstemp(name);
	char *p;

	CHECK(fd >= 0);
	unlink(name);
	memset(page, 0x90, sizeof(page));
	memcpy(page + 256, code, size);
	EQ(write(fd, page, sizeof(page)), sizeof(page));
	p = mmap(where, sizeof(page), prot, MAP_PRIVATE | (where ? MAP_FIXED : 0),
		 fd, 0);
	CHECK(p != MAP_FAILED);
	close(fd);
	return p + 256;
}

static const unsigned char getppid_code[] = {
	0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3
}, getuid_code[] = {
	0xb8, SYS_getuid, 0, 0, 0, 0x0f, 0x05, 0xc3
};

/* Other code comes to where patched code was. */
TEST(patch, replaced)
{
	char *code;

	only_patched();
	code = map_code(NULL, getppid_code, sizeof(getppid_code),
			PROT_READ | PROT_EXEC);
	patched((long (*)(void))code, code);
	map_code(code - 256, getuid_code, sizeof(getuid_code),
		 PROT_READ | PROT_EXEC);
	for (int i = 0; i < ENOUGH; i++)
		EQ(((long (*)(void))code)(), getuid());
	EQ(munmap(code - 256, 4096), 0);
}

/* Where the program has unmapped something, nothing else appears. */
TEST(patch, hole)
{
	unsigned char seen;
	char *code, *holes;

	only_patched();
	holes = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(holes != MAP_FAILED);
	code = map_code(holes + 4096, getppid_code, sizeof(getppid_code),
			PROT_READ | PROT_EXEC);
	EQ(munmap(holes, 4096), 0);
	EQ(munmap(holes + 8192, 4096), 0);
	for (int i = 0; i < ENOUGH; i++)
		EQ(((long (*)(void))code)(), getppid());
	EQ(code_at(code), 0xe9);
	for (int i = 0; i < 3; i += 2) {
		EQ(mincore(holes + i * 4096, 4096, &seen), -1);
		EQ(errno, ENOMEM);
	}
}

/* The page that the jump at @first leads to */
static char *trampolines_of(const char *first)
{
	int32_t distance;

	read_code(first + 1, &distance, sizeof(distance));
	return (char *)((uintptr_t)(first + 5 + distance) & -4096ul);
}

/* A program may unmap, map, move to or protect what it does not know to be there. */
SITE(unmapped_site);
SITE(mapped_site);
SITE(protected_site);
SITE(moved_site);
TEST(patch, unmapped)
{
	char *page, *other;

	only_patched();
	patched(unmapped_site, unmapped_site_first);
	page = trampolines_of(unmapped_site_first);
	EQ(munmap(page, 4096), 0);
	EQ(code_at(unmapped_site_first), 0xb8);
	EQ(unmapped_site(), getppid());

	patched(mapped_site, mapped_site_first);
	page = trampolines_of(mapped_site_first);
	EQ(mmap(page - 4096, 2 * 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), page - 4096);
	EQ(code_at(mapped_site_first), 0xb8);
	EQ(mapped_site(), getppid());

	patched(protected_site, protected_site_first);
	page = trampolines_of(protected_site_first);
	EQ(mprotect(page, 4096, PROT_NONE), 0);
	EQ(code_at(protected_site_first), 0xb8);
	EQ(protected_site(), getppid());

	other = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(other != MAP_FAILED);
	patched(moved_site, moved_site_first);
	page = trampolines_of(moved_site_first);
	EQ(mremap(other, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, page), page);
	EQ(code_at(moved_site_first), 0xb8);
	EQ(moved_site(), getppid());
}

/* Code of the program where a trampoline was is not taken for one. */
static char *volatile own_code;
static void on_own_code(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)si;
	_exit(((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] != (long)own_code);
}

SITE(covered_site);
TEST(patch, covered)
{
	pid_t pid;

	only_patched();
	patched(covered_site, covered_site_first);
	own_code = trampolines_of(covered_site_first);
	EQ(mmap(own_code, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), own_code);
	memset(own_code, 0x06, 4096);	/* no instruction in 64-bit mode */
	EQ(mprotect(own_code, 4096, PROT_READ | PROT_EXEC), 0);
	for (int at = 0; at < 4096; at += 64) {
		pid = xfork();
		if (!pid) {
			own_code += at;
			handle(SIGILL, on_own_code, 0);
			((void (*)(void))own_code)();
		}
		EXPECT_EXIT(pid, 0);
	}
}

/* What the program may write, it may check. */
TEST(patch, writable)
{
	char *code;

	only_patched();
	code = map_code(NULL, getppid_code, sizeof(getppid_code),
			PROT_READ | PROT_WRITE | PROT_EXEC);
	for (int i = 0; i < ENOUGH; i++)
		EQ(((long (*)(void))code)(), getppid());
	CHECK(!memcmp(code, getppid_code, sizeof(getppid_code)));
}

SITE(maps_site);
TEST(patch, no_writable_code)
{
	char line[256];
	FILE *f;

	only_patched();
	patched(maps_site, maps_site_first);
	f = fopen("/proc/self/maps", "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, " rwx"))
			FAIL("%s", line);
	fclose(f);
}

/* Threads come to the same sites while these change. */
#define MANY 64
__asm__(".pushsection .text\n.p2align 5\nmany_sites:\n"
	".rept 64\n.p2align 5\n mov $110, %eax\n syscall\n ret\n.endr\n"
	".popsection");
extern const char many_sites[];

static void call_all(int rounds)
{
	long parent = getppid();

	while (rounds--)
		for (int i = 0; i < MANY; i++)
			EQ(((long (*)(void))(many_sites + 32 * i))(), parent);
}

static void *call_many(void *arg)
{
	call_all(ENOUGH);
	return arg;
}

TEST(patch, threads)
{
	pthread_t thread[4];
	long before;

	only_patched();
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&thread[i], NULL, call_many, NULL));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(thread[i], NULL));
	/* One that met another's work in each call has its turn now. */
	call_all(ENOUGH);
	before = jumps();
	call_all(ENOUGH);
	CHECK(jumps() - before >= MANY * ENOUGH * 9L / 10);
}

static void only_with_keys(void)
{
	unsigned int eax, ebx, ecx = 0, edx;

	only_patched();
	__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx);
	if (!(ecx & bit_OSPKE))
		tap_skip("no protection keys");
}

static void on_fault(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	_exit(si->si_code);
}

/* In a child, @access raises SIGSEGV of that kind. */
#define FAULT(code, access) do {					\
	pid_t fault_pid = xfork();					\
									\
	if (!fault_pid) {						\
		handle(SIGSEGV, on_fault, 0);				\
		access;							\
		_exit(0);						\
	}								\
	EXPECT_EXIT(fault_pid, code);					\
} while (0)

/* What a program reads of its own text is what it came with. */
SITE(read_site);
TEST(patch, read)
{
	pid_t pid;

	only_with_keys();
	patched(read_site, read_site_first);
	/* A fault of another kind is still one. */
	FAULT(SEGV_ACCERR, *(volatile char *)read_site_first = 0);
	pid = xfork();
	if (!pid) {
		EQ(code_at(read_site_first), 0xe9);
		CHECK(!memcmp(read_site_first, getppid_code, sizeof(getppid_code)));
		EQ(code_at(read_site_first), 0xb8);
		_exit(0);
	}
	EXPECT_EXIT(pid, 0);
	EQ(code_at(read_site_first), 0xe9);
	CHECK(!memcmp(read_site_first, getppid_code, sizeof(getppid_code)));
	EQ(code_at(read_site_first), 0xb8);
	for (int i = 0; i < ENOUGH; i++)
		EQ(read_site(), getppid());
}

/* A site that was read is patched again, some time later. */
#define AGAIN 65536
SITE(again_site);
TEST(patch, read_again)
{
	long parent = getppid();

	only_with_keys();
	patched(again_site, again_site_first);
	for (int i = 0; i < 2; i++)
		CHECK(!memcmp(again_site_first, getppid_code, sizeof(getppid_code)));
	for (int i = 0; i < AGAIN + ENOUGH; i++)
		EQ(again_site(), parent);
	EQ(code_at(again_site_first), 0xe9);
	CHECK(!memcmp(again_site_first, getppid_code, sizeof(getppid_code)));
}

SITE(copied_site);
SITE(filed_site);
TEST(patch, read_by_kernel)
{
	char code[sizeof(getppid_code)], name[] = "/tmp/ukltest-text-XXXXXX";
	int fd[2], file = mkstemp(name);

	only_with_keys();
	CHECK(!pipe(fd));
	patched(copied_site, copied_site_first);
	EQ(write(fd[1], copied_site_first, sizeof(code)), sizeof(code));
	EQ(read(fd[0], code, sizeof(code)), sizeof(code));
	CHECK(!memcmp(code, getppid_code, sizeof(code)));

	CHECK(file >= 0);
	unlink(name);
	patched(filed_site, filed_site_first);
	EQ(write(file, filed_site_first, sizeof(code)), sizeof(code));
	EQ(pread(file, code, sizeof(code), 0), sizeof(code));
	CHECK(!memcmp(code, getppid_code, sizeof(code)));
	EQ(pread(file, (char *)filed_site_first, sizeof(code), 0), -1);
	EQ(errno, EFAULT);
}

/* Text that the program itself has made unreadable stays so. */
TEST(patch, execute_only)
{
	char *code;

	only_with_keys();
	code = map_code(NULL, getppid_code, sizeof(getppid_code), PROT_EXEC);
	patched((long (*)(void))code, code);
	FAULT(SEGV_PKUERR, *(volatile char *)code);
}

TEST(patch, mprotect)
{
	char *code;

	only_patched();
	code = map_code(NULL, getppid_code, sizeof(getppid_code),
			PROT_READ | PROT_EXEC);
	patched((long (*)(void))code, code);
	EQ(mprotect(code - 256, 4096, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
	CHECK(!memcmp(code, getppid_code, sizeof(getppid_code)));
	code[1] = SYS_getuid;
	for (int i = 0; i < ENOUGH; i++)
		EQ(((long (*)(void))code)(), getuid());
}

/* Far from where it was, a jump would lead elsewhere. */
TEST(patch, mremap)
{
	char *code, *place;

	only_patched();
	code = map_code(NULL, getppid_code, sizeof(getppid_code),
			PROT_READ | PROT_EXEC);
	patched((long (*)(void))code, code);
	place = (char *)0x100000000000;
	EQ(mremap(code - 256, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, place), place);
	patched((long (*)(void))(place + 256), place + 256);
}

/* Threads call and read the same code. */
static void *call_and_read(void *arg)
{
	long parent = getppid();

	for (int i = 0; i < MANY; i++) {
		const char *site = many_sites + 32 * i;

		for (int n = 0; n < 4; n++)
			EQ(((long (*)(void))site)(), parent);
		CHECK(!memcmp(site, getppid_code, sizeof(getppid_code)));
	}
	return arg;
}

TEST(patch, read_by_threads)
{
	only_with_keys();
	for (int i = 0; i < 8; i++) {
		pid_t pid = xfork();

		if (!pid) {
			pthread_t thread[2];
			long before = jumps();

			for (int n = 0; n < 2; n++)
				CHECK(!pthread_create(&thread[n], NULL,
						      call_and_read, NULL));
			for (int n = 0; n < 2; n++)
				CHECK(!pthread_join(thread[n], NULL));
			CHECK(jumps() > before);
			_exit(0);
		}
		EXPECT_EXIT(pid, 0);
	}
}

SITE(opened_site);

static unsigned int pkru(void)
{
	unsigned int eax;

	__asm__ volatile("xor %%ecx, %%ecx\n rdpkru" : "=a" (eax) : : "ecx", "edx");
	return eax;
}

static void *deny_and_read(void *arg)
{
	/* Of its own: it has denied all keys but 0 since it began. */
	EQ(pkru(), 0x55555554);
	while (!*(volatile int *)arg)
		usleep(1000);
	EQ(memcmp(opened_site_first, getppid_code, sizeof(getppid_code)), 0);
	return NULL;
}

/* A program that uses keys itself does not see that jumps have one. */
TEST(patch, keys)
{
	volatile int jumped = 0;
	pthread_t thread;
	int first;

	only_with_keys();
	/* Linux' value at exec: nothing but key 0 */
	EQ(pkru(), 0x55555554);
	CHECK(!pthread_create(&thread, NULL, deny_and_read, (void *)&jumped));
	__asm__ volatile("xor %%eax, %%eax\n xor %%ecx, %%ecx\n xor %%edx, %%edx\n"
			 "wrpkru" : : : "eax", "ecx", "edx", "memory");
	/* One site is looked at at a time, and the thread has some, too. */
	for (int i = 0; i < 200 && code_at(opened_site_first) != 0xe9; i++) {
		for (int n = 0; n < ENOUGH; n++)
			EQ(opened_site(), getppid());
		usleep(1000);
	}
	EQ(pkru(), 0);
	EQ(code_at(opened_site_first), 0xe9);
	jumped = 1;
	CHECK(!pthread_join(thread, NULL));
	__asm__ volatile("wrpkru" : : "a" (0x55555554), "c" (0), "d" (0) : "memory");
	first = syscall(SYS_pkey_alloc, 0, 1);
	EQ(first, 1);
	for (int i = 0; i < 13; i++)
		CHECK(syscall(SYS_pkey_alloc, 0, 1) > first);
	EQ(syscall(SYS_pkey_alloc, 0, 1), -1);
	for (int i = first; i < first + 14; i++)
		CHECK(!syscall(SYS_pkey_free, i));
	CHECK(syscall(SYS_pkey_free, 15));
}

/* A program that wants GS leaves CPL 0, with the code that it came with. */
SITE(gs_site);
TEST(patch, gs)
{
	static long value = 0x67676767;
	long seen;

	only_patched();
	patched(gs_site, gs_site_first);
	EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, &value), 0);
	EQ(cpl(), 3);
	EQ(code_at(gs_site_first), 0xb8);
	for (int i = 0; i < ENOUGH; i++)
		EQ(gs_site(), getppid());
	__asm__ volatile("mov %%gs:0, %0" : "=r" (seen));
	EQ(seen, value);
}
