/* SPDX-License-Identifier: GPL-2.0 */
/* What the selftests use of libcap, for musl */
#ifndef CONTRACT_CAPABILITY_H
#define CONTRACT_CAPABILITY_H

#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int cap_value_t;

typedef enum {
	CAP_EFFECTIVE,
	CAP_PERMITTED,
	CAP_INHERITABLE,
} cap_flag_t;

typedef enum {
	CAP_CLEAR,
	CAP_SET,
} cap_flag_value_t;

/* A set for each cap_flag_t, 32 capabilities a word */
typedef struct {
	__u32 bits[3][_LINUX_CAPABILITY_U32S_3];
} *cap_t;

static inline cap_t cap_init(void)
{
	return calloc(1, sizeof(*(cap_t)NULL));
}

static inline int cap_free(void *caps)
{
	free(caps);
	return 0;
}

static inline int cap_clear(cap_t caps)
{
	__builtin_memset(caps, 0, sizeof(*caps));
	return 0;
}

static inline cap_t cap_get_proc(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	cap_t caps = cap_init();

	if (!caps || syscall(SYS_capget, &header, data)) {
		free(caps);
		return NULL;
	}
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		caps->bits[CAP_EFFECTIVE][i] = data[i].effective;
		caps->bits[CAP_PERMITTED][i] = data[i].permitted;
		caps->bits[CAP_INHERITABLE][i] = data[i].inheritable;
	}
	return caps;
}

static inline int cap_set_proc(cap_t caps)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective = caps->bits[CAP_EFFECTIVE][i];
		data[i].permitted = caps->bits[CAP_PERMITTED][i];
		data[i].inheritable = caps->bits[CAP_INHERITABLE][i];
	}
	return syscall(SYS_capset, &header, data);
}

static inline int cap_get_flag(cap_t caps, cap_value_t cap, cap_flag_t flag,
			       cap_flag_value_t *value)
{
	if (!cap_valid(cap)) {
		errno = EINVAL;
		return -1;
	}
	*value = caps->bits[flag][CAP_TO_INDEX(cap)] & CAP_TO_MASK(cap) ?
		CAP_SET : CAP_CLEAR;
	return 0;
}

static inline int cap_set_flag(cap_t caps, cap_flag_t flag, int count,
			       const cap_value_t *values, cap_flag_value_t value)
{
	for (int i = 0; i < count; i++) {
		if (!cap_valid(values[i])) {
			errno = EINVAL;
			return -1;
		}
		if (value == CAP_SET)
			caps->bits[flag][CAP_TO_INDEX(values[i])] |= CAP_TO_MASK(values[i]);
		else
			caps->bits[flag][CAP_TO_INDEX(values[i])] &= ~CAP_TO_MASK(values[i]);
	}
	return 0;
}

static inline int cap_get_ambient(cap_value_t cap)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0);
}

static inline int cap_set_ambient(cap_value_t cap, cap_flag_value_t value)
{
	return prctl(PR_CAP_AMBIENT, value == CAP_SET ? PR_CAP_AMBIENT_RAISE :
		     PR_CAP_AMBIENT_LOWER, cap, 0, 0);
}

static inline unsigned int cap_get_secbits(void)
{
	return prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
}

static inline int cap_set_secbits(unsigned int bits)
{
	return prctl(PR_SET_SECUREBITS, bits, 0, 0, 0);
}

#endif
