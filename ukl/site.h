/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which SYSCALL instructions of an unmodified program can be replaced by jumps,
 * and what a jump leads to. Pure functions of bytes: the kernel and the host's
 * tools share them.
 */
#ifndef _UKL_SITE_H
#define _UKL_SITE_H

#include <linux/types.h>

/* Length of SYSCALL, and of the jump that replaces an instruction before it. */
#define UKL_SYSCALL_LEN		2
#define UKL_JUMP_LEN		5

/* As many bytes in front of a SYSCALL are looked at, and at least so many. */
#define UKL_SITE_WINDOW		160
#define UKL_SITE_WINDOW_MIN	64

/* Instructions that are copied, at most, and bytes of a trampoline. */
#define UKL_SITE_INSNS		8
#define UKL_TRAMPOLINE_SIZE	64

/**
 * enum ukl_verdict - what has become of a SYSCALL instruction
 * @UKL_SITE_NEW: nothing yet
 * @UKL_SITE_PATCHED: an instruction before it is now a jump
 * @UKL_SITE_UNCLEAR: it is not certain where the instructions before it begin
 * @UKL_SITE_SHORT: no one or two that are copied have room for a jump
 * @UKL_SITE_PAGE: the jump would cross the end of a page
 * @UKL_SITE_FAR: no room for a trampoline within 2 GiB
 * @UKL_SITE_MAPPING: not in private, read-only text of a file
 * @UKL_SITE_CHANGED: the code has changed meanwhile, or there is no memory
 */
enum ukl_verdict {
	UKL_SITE_NEW,
	UKL_SITE_PATCHED,
	UKL_SITE_UNCLEAR,
	UKL_SITE_SHORT,
	UKL_SITE_PAGE,
	UKL_SITE_FAR,
	UKL_SITE_MAPPING,
	UKL_SITE_CHANGED,
	UKL_SITE_VERDICTS
};

/**
 * struct ukl_site - a SYSCALL instruction that can be replaced
 * @nr: the number of the call, or -1 when the code before it does not tell
 * @before: bytes from the instruction that becomes a jump to SYSCALL
 * @trap: 0, or when the jump takes two instructions, the length of the first: that
 *	  byte of the jump has to be int3, see ukl_site_jump()
 * @count: instructions from there to SYSCALL, which the trampoline begins with
 * @size: bytes of the trampoline
 * @len: their lengths in the program
 * @at: where the trampoline has them; @at[@count] is what follows them
 */
struct ukl_site {
	s32 nr;
	u8 before;
	u8 trap;
	u8 count;
	u8 size;
	u8 len[UKL_SITE_INSNS];
	u8 at[UKL_SITE_INSNS + 1];
};

enum ukl_verdict ukl_site_find(const u8 *code, unsigned int size,
			       struct ukl_site *site);
bool ukl_site_trampoline(const u8 *code, unsigned int size, u64 ip, u64 at,
			 u32 slot, struct ukl_site *site,
			 u8 out[UKL_TRAMPOLINE_SIZE]);
bool ukl_site_jump(const struct ukl_site *site, u64 ip, u64 at,
		   u8 out[UKL_JUMP_LEN]);
u64 ukl_site_origin(const struct ukl_site *site, u64 ip, unsigned int offset);

#endif /* _UKL_SITE_H */
