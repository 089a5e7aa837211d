/* SPDX-License-Identifier: GPL-2.0 */
/* Files of the initramfs where they lie in the image: the hooks. */
#ifndef _UKL_INCLUDE_INITRAMFS_H
#define _UKL_INCLUDE_INITRAMFS_H

#include <linux/init.h>

struct file;

#ifdef CONFIG_UKL_INITRAMFS_IN_PLACE

unsigned long __init ukl_initramfs_take(struct file *file, char *data,
					unsigned long len);
void ukl_initramfs_report(void);

#else /* !CONFIG_UKL_INITRAMFS_IN_PLACE */

static inline unsigned long ukl_initramfs_take(struct file *file, char *data,
					       unsigned long len)
{
	return 0;
}

static inline void ukl_initramfs_report(void) {}

#endif /* CONFIG_UKL_INITRAMFS_IN_PLACE */

#endif /* _UKL_INCLUDE_INITRAMFS_H */
