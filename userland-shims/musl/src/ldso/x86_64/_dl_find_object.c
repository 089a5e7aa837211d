/* SPDX-License-Identifier: MIT */
/*
 * The interface of glibc 2.35 by which libgcc's unwinder finds the unwind
 * tables of an address; musl has only dl_iterate_phdr().
 */
#define _GNU_SOURCE
#include <link.h>
#include <stddef.h>

struct dl_find_object {
	unsigned long long dlfo_flags;
	void *dlfo_map_start, *dlfo_map_end;
	struct link_map *dlfo_link_map;
	void *dlfo_eh_frame;
	unsigned long long reserved[7];
};

struct query {
	uintptr_t pc;
	struct dl_find_object *result;
};

static int look(struct dl_phdr_info *info, size_t size, void *data)
{
	struct query *q = data;
	uintptr_t start = -1, end = 0, eh_frame = 0;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = info->dlpi_phdr + i;
		uintptr_t addr = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_GNU_EH_FRAME)
			eh_frame = addr;
		if (ph->p_type != PT_LOAD)
			continue;
		if (addr < start) start = addr;
		if (addr + ph->p_memsz > end) end = addr + ph->p_memsz;
	}
	if (q->pc < start || q->pc >= end || !eh_frame)
		return 0;
	*q->result = (struct dl_find_object) {
		.dlfo_map_start = (void *)start,
		.dlfo_map_end = (void *)end,
		.dlfo_eh_frame = (void *)eh_frame,
	};
	return 1;
}

int _dl_find_object(void *pc, struct dl_find_object *result)
{
	struct query q = { (uintptr_t)pc, result };

	return dl_iterate_phdr(look, &q) ? 0 : -1;
}
