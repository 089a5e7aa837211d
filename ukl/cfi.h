/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _UKL_CFI_H
#define _UKL_CFI_H

/*
 * Unwind information for a pt_regs at \off(%rsp), in which the stack pointer
 * and with it the caller's frame is found; gas has no directive for that.
 * DWARF 4, 6.4.2 and 7.7.1. Offsets, 0 to 8191, take two bytes as LEB128.
 */
#define DW_CFA_def_cfa_expression	0x0f
#define DW_CFA_expression		0x10
#define DW_OP_deref			0x06
#define DW_OP_breg7			0x77	/* %rsp */

.macro UKL_CFI_FRAME off=0
	CFI_ESCAPE DW_CFA_def_cfa_expression, 4, DW_OP_breg7, \
		((RSP + \off) & 0x7f) | 0x80, (RSP + \off) >> 7, DW_OP_deref
.endm

/* Register \nr of DWARF's numbers is at \at(%rsp). */
.macro UKL_CFI_SAVED nr at
	CFI_ESCAPE DW_CFA_expression, \nr, 3, DW_OP_breg7, \
		((\at) & 0x7f) | 0x80, (\at) >> 7
.endm

#endif /* _UKL_CFI_H */
