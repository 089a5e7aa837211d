/* SPDX-License-Identifier: GPL-2.0 */
/* Memory, for the tools in this directory: there is enough, or they end. */
#ifndef PROFILE_MEMORY_H
#define PROFILE_MEMORY_H

#include <stdio.h>
#include <stdlib.h>

static inline void *checked(void *p)
{
	if (!p) {
		fprintf(stderr, "unilinux: profile: no memory\n");
		exit(1);
	}
	return p;
}

/* An array that has used elements of room: make room for another. */
#define GROW(array, used, room) do { \
	if ((used) >= (room)) { \
		(room) = (room) ? (room) * 2 : 64; \
		(array) = checked(realloc((array), (room) * sizeof(*(array)))); \
	} \
} while (0)

#endif
