/* SPDX-License-Identifier: MIT */
/* Without the two calls of tolower() for a pair of letters that musl's makes. */
#include <features.h>
#include <strings.h>

static inline int lower(unsigned char c)
{
	return c - 'A' < 26U ? c | 32 : c;
}

int strcasecmp(const char *left, const char *right)
{
	const unsigned char *l = (const unsigned char *)left;
	const unsigned char *r = (const unsigned char *)right;

	while (*l && lower(*l) == lower(*r)) {
		l++;
		r++;
	}
	return lower(*l) - lower(*r);
}

/* All locales of musl agree on upper and lower case in ASCII. */
int __strcasecmp_l(const char *left, const char *right, locale_t locale)
{
	return strcasecmp(left, right);
}

weak_alias(__strcasecmp_l, strcasecmp_l);
