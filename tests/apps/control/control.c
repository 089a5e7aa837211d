// SPDX-License-Identifier: GPL-2.0
/*
 * Negative control, for kernels with and without CONFIG_UKL_NO_IST. Other than
 * the tests in tests/guest it does not fork, which would make the stack
 * read-only, and needs no page of the stack that is not there: so it lives
 * long enough to say what is wrong. Prints TAP.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#define PAGE	4096UL
#define PAGES	32

/* The kernel writes them, on its own stack: those faults are harmless. */
static void fault_stack_in(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0) & -PAGE;

	for (int i = 1; i <= PAGES; i++)
		getrandom((void *)(here - i * PAGE), 1, 0);
}

/* Fill the red zone, wait, and count the words that have changed. */
static unsigned int red_zone_changes(void)
{
	unsigned int changes;

	__asm__ volatile(
		"mov	$-128, %%rdx\n"
	"1:	mov	%%rdx, (%%rsp, %%rdx)\n"
		"add	$8, %%rdx\n"
		"jnz	1b\n"
		"mov	$100000, %%ecx\n"
	"2:	dec	%%ecx\n"
		"jnz	2b\n"
		"xor	%%eax, %%eax\n"
		"mov	$-128, %%rdx\n"
	"3:	cmp	%%rdx, (%%rsp, %%rdx)\n"
		"setne	%%cl\n"
		"movzbl	%%cl, %%ecx\n"
		"add	%%ecx, %%eax\n"
		"add	$8, %%rdx\n"
		"jnz	3b\n"
		: "=a" (changes) : : "rcx", "rdx", "memory", "cc");
	return changes;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The frame is in use after the call, which so cannot become a loop. */
__attribute__((noinline)) static void grow(int depth)
{
	char frame[1024];

	frame[0] = depth;
	__asm__ volatile("" : : "r" (frame) : "memory");
	if (depth)
		grow(depth - 1);
	__asm__ volatile("" : : "r" (frame) : "memory");
}

int main(void)
{
	unsigned int cs, changes = 0;
	double end;

	fault_stack_in();
	__asm__("mov %%cs, %0" : "=r" (cs));
	printf("# CPL %u\n1..2\n", cs & 3);
	fflush(stdout);

	end = now() + 1;
	while (now() < end)
		changes += red_zone_changes();
	if (changes)
		printf("# %u words changed\n", changes);
	printf("%sok 1 - red zone\n", changes ? "not " : "");
	fflush(stdout);

	grow(1024);
	printf("ok 2 - growth of the stack\n");
	return changes != 0;
}
