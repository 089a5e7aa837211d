// SPDX-License-Identifier: GPL-2.0
/*
 * Which programs run at CPL 0: those that carry our note, and with
 * ukl.mode=binary all others as well.
 */
#include <linux/binfmts.h>
#include <linux/elf.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <ukl/ukl.h>
#include "patch.h"

#define UKL_NOTE_NAME		"UniLinux"
#define UKL_NOTE_TYPE		1
#define UKL_NOTE_ABI		1

/* More than any linker writes for a program's own notes. */
#define UKL_NOTES_MAX		4096

static bool binary_mode __ro_after_init;

/* ukl.mode=user|binary: how programs run that were not linked for CPL 0. */
static int __init set_mode(char *mode)
{
	if (strcmp(mode, "user") && strcmp(mode, "binary")) {
		pr_err("ukl: ukl.mode=%s is unknown: use user or binary\n",
		       mode);
		return 1;
	}
	binary_mode = !strcmp(mode, "binary");
	return 1;
}
__setup("ukl.mode=", set_mode);

static bool notes_have_marker(const char *notes, size_t size)
{
	const struct elf64_note *note;
	size_t name, desc;

	while (size >= sizeof(*note)) {
		note = (const void *)notes;
		name = sizeof(*note);
		desc = name + ALIGN((size_t)note->n_namesz, 4);
		if (desc + note->n_descsz > size)
			return false;
		if (note->n_type == UKL_NOTE_TYPE &&
		    note->n_namesz == sizeof(UKL_NOTE_NAME) &&
		    note->n_descsz == sizeof(u32) &&
		    !memcmp(notes + name, UKL_NOTE_NAME, sizeof(UKL_NOTE_NAME)))
			return *(const u32 *)(notes + desc) == UKL_NOTE_ABI;
		desc += ALIGN((size_t)note->n_descsz, 4);
		if (desc > size)
			return false;
		notes += desc;
		size -= desc;
	}
	return false;
}

static bool segment_has_marker(struct file *file, const Elf64_Phdr *phdr)
{
	loff_t pos = phdr->p_offset;
	char *notes;
	bool found;

	if (phdr->p_type != PT_NOTE || phdr->p_filesz > UKL_NOTES_MAX)
		return false;

	notes = kmalloc(phdr->p_filesz, GFP_KERNEL);
	if (!notes)
		return false;
	found = kernel_read(file, notes, phdr->p_filesz, &pos) ==
		phdr->p_filesz && notes_have_marker(notes, phdr->p_filesz);
	kfree(notes);
	return found;
}

static bool has_marker(struct linux_binprm *bprm)
{
	const Elf64_Ehdr *ehdr = (const void *)bprm->buf;
	loff_t pos = ehdr->e_phoff;
	Elf64_Phdr phdr;
	int i;

	for (i = 0; i < ehdr->e_phnum; i++) {
		if (kernel_read(bprm->file, &phdr, sizeof(phdr), &pos) !=
		    sizeof(phdr))
			return false;
		if (segment_has_marker(bprm->file, &phdr))
			return true;
	}
	return false;
}

/**
 * ukl_setup_new_exec() - choose the privilege of the program to come
 * @bprm: an ELF64 executable whose headers the loader has checked; the old
 *	  program is gone
 */
void ukl_setup_new_exec(struct linux_binprm *bprm)
{
	bool linked = has_marker(bprm);
	/* Its trap of RDTSC outlives exec, and there is none at CPL 0. */
	bool ukl = linked || (binary_mode && !test_thread_flag(TIF_NOTSC));

	ukl_patch_exec(ukl && !linked);
	preempt_disable();
	current_thread_info()->status &= ~(TS_UKL | TS_UKL_BINARY | TS_UKL_CALL);
	clear_bit(UKL_WORK_BIT_STEP, &current_thread_info()->syscall_work);
	clear_bit(UKL_WORK_BIT_RESTART, &current_thread_info()->syscall_work);
	if (ukl)
		current_thread_info()->status |= linked ? TS_UKL :
						 TS_UKL | TS_UKL_BINARY;
	ukl_follow_lstar(ukl);
	preempt_enable();
}
