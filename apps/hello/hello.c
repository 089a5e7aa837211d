// SPDX-License-Identifier: GPL-2.0
/*
 * Says at which privilege it runs: the low two bits of CS. With the argument
 * "ticks" it says as well what the time stamp counter was at its start, and with
 * "stay" it does not end, for make bench.
 */
#include <stdio.h>
#include <string.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	unsigned long long ticks = __rdtsc();
	unsigned int cs;

	__asm__("mov %%cs, %0" : "=r" (cs));
	printf("hello: running at CPL %u\n", cs & 3);
	if (argc > 1 && !strcmp(argv[1], "ticks"))
		printf("hello: %llu ticks\n", ticks);
	while (argc > 1 && !strcmp(argv[1], "stay"))
		;
	return 0;
}
