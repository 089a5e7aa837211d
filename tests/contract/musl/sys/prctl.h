/* SPDX-License-Identifier: GPL-2.0 */
/* musl's own defines what <linux/prctl.h> does, and less of it. */
#include <linux/prctl.h>

int prctl(int option, ...);
