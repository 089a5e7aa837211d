/* SPDX-License-Identifier: GPL-2.0 */
/* What libnuma says on a kernel without CONFIG_NUMA, as those of the suites are */
#ifndef CONTRACT_NUMA_H
#define CONTRACT_NUMA_H

#include <stddef.h>

struct bitmask;
static struct bitmask *const numa_all_nodes_ptr, *const numa_nodes_ptr;

static inline int numa_available(void)
{
	return -1;
}

/* The others may not be called then, and only have to compile. */
#define numa_max_node()			0
#define numa_max_possible_node()	0
#define numa_num_task_cpus()		1
#define numa_node_size(node, free)	((void)(node), 0L)
#define numa_bitmask_isbitset(mask, n)	((void)(mask), (void)(n), 0)
#define numa_alloc_onnode(size, node)	((void)(size), (void)(node), (void *)NULL)
#define numa_free(start, size)		((void)(start), (void)(size))

#endif
