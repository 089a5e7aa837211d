/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _UKL_STACK_H
#define _UKL_STACK_H

/*
 * The IST stack of the ordinary gates: one page a CPU, its lowest word the
 * CPU's per-CPU base. #DB, NMI and #MC can arrive while a frame lies on it,
 * and their handlers may fault: for their duration the IST pointer moves down
 * by a level, so that each of them, and the ground level, has a quarter.
 */
#define UKL_IST_SIZE		4096
#define UKL_IST_LEVEL		1008
#define UKL_IST_PERCPU		0

/* Index in tss.ist[]: the first that Linux does not use. */
#define UKL_IST_INDEX		5

/* Bytes that must be free below the interrupted RSP: frame, #BP gap, call. */
#define UKL_STACK_ROOM		512

#endif /* _UKL_STACK_H */
