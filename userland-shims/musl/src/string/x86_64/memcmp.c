/* SPDX-License-Identifier: MIT */
/* By words of eight bytes, where musl's goes byte by byte. */
#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((__may_alias__, __aligned__(1))) word;

int memcmp(const void *left, const void *right, size_t n)
{
	const unsigned char *l = left, *r = right;

	for (; n >= sizeof(word); n -= sizeof(word)) {
		uint64_t a = *(const word *)l, b = *(const word *)r;

		/* As bytes are in memory, the first counts most. */
		if (a != b)
			return __builtin_bswap64(a) < __builtin_bswap64(b) ? -1 : 1;
		l += sizeof(word);
		r += sizeof(word);
	}
	for (; n; n--, l++, r++) {
		if (*l != *r)
			return *l - *r;
	}
	return 0;
}
