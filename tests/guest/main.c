// SPDX-License-Identifier: GPL-2.0
/*
 * ukltest: runs the tests that are linked into it, each in a process of its
 * own, and prints TAP.
 */
#include "tap.h"
#include <cpuid.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#define SKIPPED 77

static struct test *tests, **last = &tests;

/* Times the seconds that a test may take, for kernels with checkers */
static unsigned int patience = 1;

/* First message of the running test; shared with its processes. */
static struct {
	volatile int taken;
	char text[500];
} *message;

const char *self_path = "/proc/self/exe", *other_path;
volatile unsigned long ticks;

void tap_add(struct test *test)
{
	*last = test;
	last = &test->next;
}

_Noreturn static void end_test(int status, const char *where, const char *fmt,
			       va_list ap)
{
	char text[sizeof(message->text)];

	snprintf(text, sizeof(text), "%s", where);
	vsnprintf(text + strlen(text), sizeof(text) - strlen(text), fmt, ap);
	if (!__atomic_exchange_n(&message->taken, 1, __ATOMIC_SEQ_CST))
		memcpy(message->text, text, sizeof(text));
	_exit(status);
}

void tap_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char where[80];
	va_list ap;

	snprintf(where, sizeof(where), "%s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	end_test(1, where, fmt, ap);
}

void tap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end_test(SKIPPED, "", fmt, ap);
}

static const char *status_text(int status)
{
	static char text[40];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, sizeof(text), "exit %d", WEXITSTATUS(status));
	return text;
}

void expect_status(const char *file, int line, pid_t pid, int want)
{
	char got[40];
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			tap_fail(file, line, "waitpid: errno %d", errno);
	status &= ~0x80;
	if (status == want)
		return;
	strcpy(got, status_text(status));
	tap_fail(file, line, "child: %s, not %s", got, status_text(want));
}

pid_t xfork(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	return pid;
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

int vectors(void)
{
	static int known = -1;
	unsigned int a, b, c, d, lo, hi;
	int found = SSE;

	if (known >= 0)
		return known;
	if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE)) {
		__asm__("xgetbv" : "=a" (lo), "=d" (hi) : "c" (0));
		if ((c & bit_AVX) && (lo & 6) == 6)
			found = AVX;
		if ((lo & 0xe6) == 0xe6 &&
		    __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
		    (b & bit_AVX512BW))
			found = AVX512;
	}
	known = found;
	return found;
}

ASM_FN(dirty_sse, ASM_EACH(16, "pcmpeqb %xmm\\r, %xmm\\r") "ret");
ASM_FN(dirty_avx, ASM_EACH(16, "vpcmpeqb %xmm\\r, %xmm\\r, %xmm\\r\n"
			   "vinsertf128 $1, %xmm\\r, %ymm\\r, %ymm\\r") "ret");
ASM_FN(dirty_avx512, ASM_EACH(32, "vpternlogd $255, %zmm\\r, %zmm\\r, %zmm\\r")
		     ASM_EACH(8, "kxnorq %k\\r, %k\\r, %k\\r") "ret");
void dirty_sse(void);
void dirty_avx(void);
void dirty_avx512(void);

/* Leave nothing as it was in the stack below and in the vector registers. */
__attribute__((noinline)) void dirty(void)
{
	static void (*const registers[])(void) = {
		[SSE] = dirty_sse, [AVX] = dirty_avx, [AVX512] = dirty_avx512,
	};
	volatile char below[1024];

	for (size_t i = 0; i < sizeof(below); i++)
		below[i] = 0x5a;
	registers[vectors()]();
}

void count_tick(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	dirty();
	ticks++;
}

void handle(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO | flags,
	};

	CHECK(!sigaction(sig, &sa, NULL));
}

void on_altstack(void)
{
	stack_t ss = { .ss_size = 65536 };

	ss.ss_sp = mmap(NULL, ss.ss_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(ss.ss_sp != MAP_FAILED);
	CHECK(!sigaltstack(&ss, NULL));
}

/* What a signal costs here, in microseconds; at least 1. */
static unsigned int signal_cost(void)
{
	static unsigned int cost;
	double best = 1;

	if (cost)
		return cost;
	handle(SIGALRM, count_tick, SA_RESTART);
	for (int i = 0; i < 5; i++) {
		double start = now(), took;

		for (int k = 0; k < 20; k++)
			raise(SIGALRM);
		took = (now() - start) / 20;
		if (took < best)
			best = took;
	}
	cost = 1 + best * 1e6;
	ticks = 0;
	return cost;
}

void tick_start(unsigned int us, void (*handler)(int, siginfo_t *, void *),
		int flags)
{
	struct itimerval it = { 0 };

	/* Something else must get done in between. */
	if (us < 3 * signal_cost())
		us = 3 * signal_cost();
	it.it_value.tv_usec = it.it_interval.tv_usec = us;
	ticks = 0;
	handle(SIGALRM, handler ? handler : count_tick, SA_RESTART | flags);
	CHECK(!setitimer(ITIMER_REAL, &it, NULL));
}

void tick_stop(void)
{
	struct itimerval it = { 0 };

	setitimer(ITIMER_REAL, &it, NULL);
}

void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (cpu < 0 || i == cpu)
			CPU_SET(i, &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set));
}

void one_cpu(void)
{
	on_cpu(0);
}

int hotplug(int on)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY);
	char c = '0' + on;

	if (fd < 0)
		return 0;
	CHECK(write(fd, &c, 1) == 1);
	close(fd);
	return 1;
}

unsigned int cpu_count(void)
{
	cpu_set_t set;

	CHECK(!sched_getaffinity(0, sizeof(set), &set));
	return CPU_COUNT(&set);
}

int emulated(void)
{
	unsigned int a, b, c, d;
	char vendor[13] = "";

	__cpuid(0x40000000, a, b, c, d);
	memcpy(vendor, &b, 4);
	memcpy(vendor + 4, &c, 4);
	memcpy(vendor + 8, &d, 4);
	return !strcmp(vendor, "TCGTCGTCGTCG");
}

/* The child may leave others behind, stopped ones too. */
static void kill_all(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	for (int i = 0; i < 2000; i++) {
		if (waitpid(-pid, NULL, WNOHANG | __WALL) < 0 &&
		    waitpid(pid, NULL, WNOHANG | __WALL) < 0)
			return;
		usleep(1000);
	}
	printf("# process %d cannot be killed\n", pid);
}

static int run(struct test *t, unsigned int nr)
{
	unsigned int cpus = cpu_count();
	double start = now(), ms;
	const char *verdict;
	int status = 0;
	pid_t pid, ret;

	memset(message, 0, sizeof(*message));
	fflush(NULL);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		t->fn();
		_exit(0);
	}
	if (pid < 0) {
		printf("not ok %u - %s # fork: errno %d\n", nr, t->name, errno);
		return 1;
	}
	setpgid(pid, pid);

	while (!(ret = waitpid(pid, &status, WNOHANG)) &&
	       now() - start < t->seconds * patience)
		usleep(500);
	if (ret)
		kill(-pid, SIGKILL);
	else
		kill_all(pid);
	ms = (now() - start) * 1000;
	/* Not what the tests behind one that failed shall run with */
	if (cpu_count() < cpus)
		hotplug(1);

	if (ret && WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		printf("ok %u - %s # SKIP %s\n", nr, t->name, message->text);
		return 0;
	}
	verdict = ret == pid && !status ? "ok" : "not ok";
	if (*verdict == 'n' && message->taken)
		printf("# %s\n", message->text);
	if (!ret)
		printf("# no end after %u s\n", t->seconds * patience);
	else if (status && !message->taken)
		printf("# %s\n", status_text(status));
	printf("%s %u - %s # %.0f ms\n", verdict, nr, t->name, ms);
	fflush(NULL);
	return *verdict == 'n';
}

static int wanted(struct test *t, char **pick)
{
	char group[64];

	if (!*pick)
		return 1;
	for (; *pick; pick++) {
		snprintf(group, sizeof(group), "%s.*", *pick);
		if (!fnmatch(*pick, t->name, 0) || !fnmatch(group, t->name, 0))
			return 1;
	}
	return 0;
}

static int usage(const char *complaint, const char *word)
{
	fprintf(stderr, "unilinux: ukltest: %s%s\n"
		"usage: ukltest [--list] [-r REPEATS] [-t TIMES] [-x NAME]... [--other PATH] [NAME]...\n"
		"NAME: a test, a group of tests, or a pattern\n",
		complaint, word);
	return 2;
}

/* Started by the kernel itself, with nothing set up. */
static void first_process(void)
{
	static const char *const fs[][2] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" },
		{ "devtmpfs", "/dev" }, { "tmpfs", "/tmp" },
	};

	for (size_t i = 0; i < sizeof(fs) / sizeof(*fs); i++) {
		mkdir(fs[i][1], 0755);
		mount(fs[i][0], fs[i][1], fs[i][0], 0, NULL);
	}
}

int main(int argc, char **argv)
{
	int repeats = 1, list = 0, failed = 0, n = 0, nx = 0, i;
	char *exclude[argc + 1], exe[4096];
	struct rlimit core;
	struct test *t;
	ssize_t len;

	if (argc > 1 && !strcmp(argv[1], "--child"))
		return child_main(argc - 2, argv + 2);

	if (getpid() == 1)
		first_process();
	len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (len > 0) {
		exe[len] = '\0';
		self_path = exe;
	}
	other_path = strstr(self_path, "ukltest-user") ? "/bin/ukltest" :
							 "/bin/ukltest-user";

	for (i = 1; i < argc && *argv[i] == '-'; i++) {
		if (!strcmp(argv[i], "--list"))
			list = 1;
		else if (!argv[i + 1])
			return usage("an option is unknown or has no value: ",
				     argv[i]);
		else if (!strcmp(argv[i], "-r"))
			repeats = atoi(argv[++i]);
		else if (!strcmp(argv[i], "-t"))
			patience = atoi(argv[++i]);
		else if (!strcmp(argv[i], "-x"))
			exclude[nx++] = argv[++i];
		else if (!strcmp(argv[i], "--other"))
			other_path = argv[++i];
		else
			return usage("unknown option ", argv[i]);
	}
	exclude[nx] = NULL;
	argv += i;

	for (t = tests; t; t = t->next) {
		if (!wanted(t, argv) || (nx && wanted(t, exclude))) {
			t->fn = NULL;
			continue;
		}
		n++;
		if (list)
			puts(t->name);
	}
	if (list)
		return 0;
	if (!n)
		return usage("no such test: ", *argv ? *argv : "");

	message = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (message == MAP_FAILED)
		return 1;
	if (!getrlimit(RLIMIT_CORE, &core)) {
		core.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &core);
	}

	printf("# CPL %u\n# %u CPUs\n# a signal takes %u us\n1..%d\n", cpl(),
	       cpu_count(), signal_cost(), n * repeats);
	for (i = 0, n = 0; i < repeats; i++)
		for (t = tests; t; t = t->next)
			if (t->fn)
				failed += run(t, ++n);
	printf("# %d passed, %d failed\n", n - failed, failed);
	fflush(NULL);

	if (getpid() == 1) {
		usleep(200000);		/* the serial port */
		reboot(RB_AUTOBOOT);
	}
	return failed ? 1 : 0;
}
