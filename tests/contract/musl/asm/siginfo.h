/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's siginfo_t beside musl's <signal.h>, which has none of the members
 * of TRAP_PERF, and knows of no way to leave its own types out.
 */
#ifndef CONTRACT_SIGINFO_H
#define CONTRACT_SIGINFO_H

#include <signal.h>
#define siginfo		kernel_siginfo
#define siginfo_t	kernel_siginfo_t
#define sigval		kernel_sigval
#define sigval_t	kernel_sigval_t
#define sigevent	kernel_sigevent
#define sigevent_t	kernel_sigevent_t
#include <asm-generic/siginfo.h>
#undef sigval
#undef sigevent

#endif
