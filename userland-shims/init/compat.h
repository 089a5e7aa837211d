/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What ukl/manifest.c uses of the kernel, for a program: the headers in
 * linux/ here stand in for the kernel's and include this.
 */
#ifndef _INIT_COMPAT_H
#define _INIT_COMPAT_H

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

typedef uint16_t u16;

#define __init
#define __printf(fmt, args)	__attribute__((format(printf, fmt, args)))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define GFP_KERNEL		0

#define krealloc_array(p, n, size, flags)	reallocarray(p, n, size)

static inline bool strstarts(const char *str, const char *prefix)
{
	return !strncmp(str, prefix, strlen(prefix));
}

static inline char *skip_spaces(const char *str)
{
	return (char *)str + strspn(str, " \t\n\v\f\r");
}

static inline char *strim(char *str)
{
	size_t len;

	str = skip_spaces(str);
	len = strlen(str);
	while (len && isspace((unsigned char)str[len - 1]))
		len--;
	str[len] = '\0';
	return str;
}

static inline int kstrtouint(const char *str, unsigned int base, unsigned int *res)
{
	char *end;
	unsigned long val;

	errno = 0;
	val = strtoul(str, &end, base);
	if (errno || *end || !isdigit((unsigned char)*str) || val > UINT_MAX)
		return -EINVAL;
	*res = val;
	return 0;
}

static inline int kstrtou16(const char *str, unsigned int base, u16 *res)
{
	char *end;
	unsigned long val = strtoul(str, &end, base);

	if (end == str || *end || val > UINT16_MAX)
		return -EINVAL;
	*res = val;
	return 0;
}

char *next_arg(char *args, char **param, char **val);

#endif /* _INIT_COMPAT_H */
