// SPDX-License-Identifier: GPL-2.0
/* An application that does what it must not; see tests/host/security.sh. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Without randomisation all memory is mapped there. */
#define DIRECT_MAP	0xffff888000000000UL
#define PRESENT		1UL
#define WRITABLE	2UL
#define LARGE		(1UL << 7)
#define NO_EXEC		(1UL << 63)
#define ADDRESS		0x000ffffffffff000UL

static volatile uintptr_t depth;

/* The same value, so that nothing is broken where it can be written. */
static void overwrite(volatile uint32_t *p)
{
	*p = *p;
	printf("abuse: written\n");
}

static void jump(uintptr_t target)
{
	((void (*)(void))target)();
	printf("abuse: executed\n");
}

__attribute__((noinline)) static uintptr_t recurse(uintptr_t n)
{
	volatile char frame[4096];

	frame[n % sizeof(frame)] = 1;
	depth = n;
	return recurse(n + 1) + frame[0];
}

static void exhaust_heap(void)
{
	size_t size = 1 << 20;
	void *p;

	while ((p = malloc(size)))
		memset(p, 1, size);
	printf("abuse: malloc: %s\n", strerror(errno));
}

/* Every process makes others until it cannot, and waits for their end. */
static void bomb(void)
{
	int processes = 0;
	pid_t pid;

	while ((pid = fork()) >= 0)
		if (pid)
			processes++;
		else
			processes = 0;
	if (getpid() != getpgrp())
		_exit(0);
	printf("abuse: fork: %s\n", strerror(errno));
	fflush(stdout);
}

/* Count the pages of the kernel below a table: [can be written][can be executed] */
static void scan(uint64_t table, int level, bool writable, bool executable,
		 int pages[2][2])
{
	const volatile uint64_t *entry = (void *)(DIRECT_MAP + (table & ADDRESS));

	for (int i = level == 4 ? 256 : 0; i < 512; i++) {
		uint64_t e = entry[i];
		bool w = writable && e & WRITABLE;
		bool x = executable && !(e & NO_EXEC);

		if (!(e & PRESENT))
			continue;
		if (level > 1 && !(e & LARGE))
			scan(e, level - 1, w, x, pages);
		else
			pages[w][x]++;
	}
}

static void count_wx(void)
{
	int pages[2][2] = { 0 };
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r" (cr3));
	scan(cr3, 4, true, true, pages);
	printf("abuse: %d pages of the kernel are writable and executable, of %d writable and %d executable\n",
	       pages[1][1], pages[1][0], pages[0][1]);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uintptr_t address = argc > 2 ? strtoul(argv[2], NULL, 16) : 0;
	static unsigned char code[] = { 0xc3 };	/* ret */

	setpgid(0, 0);
	if (!strcmp(what, "write"))
		overwrite((void *)address);
	else if (!strcmp(what, "jump"))
		jump(address);
	else if (!strcmp(what, "data"))
		jump((uintptr_t)code);
	else if (!strcmp(what, "stack"))
		recurse(0);
	else if (!strcmp(what, "heap"))
		exhaust_heap();
	else if (!strcmp(what, "bomb"))
		bomb();
	else if (!strcmp(what, "wx"))
		count_wx();
	else if (!strcmp(what, "module"))
		printf("abuse: init_module: %s\n",
		       syscall(SYS_init_module, "", 0, "") ? strerror(errno) : "done");
	return 0;
}
