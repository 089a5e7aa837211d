// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel will make of the SYSCALL instructions of a program.
 *
 * usage: verdict FILE <ADDRESSES
 *
 * FILE is an ELF file for x86-64; ADDRESSES are those of SYSCALL instructions in
 * it, in hexadecimal, one a line. Prints a line for each:
 *
 *   ADDRESS patched NUMBER ADDRESS...   the instructions that are copied, of which
 *                                       the first becomes a jump; NUMBER is -1
 *                                       when the code does not tell it
 *   ADDRESS unclear|short|page          why it stays, see enum ukl_verdict
 *
 * The code is the kernel's own, ukl/site.c.
 */
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "site.h"

#define PAGE	4096

static const unsigned char *file;
static size_t file_size;

static void map(const char *name)
{
	struct stat st;
	int fd = open(name, O_RDONLY);

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", name);
	file_size = st.st_size;
	if (file_size < sizeof(Elf64_Ehdr))
		errx(1, "%s: not an ELF file", name);
	file = mmap(NULL, file_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED)
		err(1, "%s", name);
	close(fd);
	if (memcmp(file, ELFMAG, SELFMAG) || file[EI_CLASS] != ELFCLASS64)
		errx(1, "%s: not an ELF file of 64 bits", name);
}

/* The bytes before @address, as the kernel sees them: those of its mapping. */
static const unsigned char *text(unsigned long address, unsigned int *size)
{
	const Elf64_Ehdr *ehdr = (const void *)file;
	const Elf64_Phdr *phdr = (const void *)(file + ehdr->e_phoff);
	unsigned long start, before;

	if (ehdr->e_phoff + ehdr->e_phnum * sizeof(*phdr) > file_size)
		return NULL;
	for (int i = 0; i < ehdr->e_phnum; i++, phdr++) {
		if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_X) ||
		    phdr->p_offset + phdr->p_filesz > file_size ||
		    address < phdr->p_vaddr ||
		    address + UKL_SYSCALL_LEN > phdr->p_vaddr + phdr->p_filesz)
			continue;
		start = phdr->p_vaddr & ~(PAGE - 1UL);
		if (phdr->p_offset < phdr->p_vaddr - start)
			start = phdr->p_vaddr;
		before = address - start;
		*size = before < UKL_SITE_WINDOW ? before : UKL_SITE_WINDOW;
		return file + phdr->p_offset + address - phdr->p_vaddr - *size;
	}
	return NULL;
}

static void judge(unsigned long address)
{
	static const char *const names[] = {
		[UKL_SITE_UNCLEAR] = "unclear",
		[UKL_SITE_SHORT] = "short",
		[UKL_SITE_PAGE] = "page",
	};
	struct ukl_site site;
	unsigned int size;
	const unsigned char *code = text(address, &size);
	unsigned long at;
	enum ukl_verdict verdict;

	if (!code || code[size] != 0x0f || code[size + 1] != 0x05)
		errx(1, "no SYSCALL at %lx", address);

	verdict = ukl_site_find(code, size, &site);
	at = address - site.before;
	if (verdict == UKL_SITE_PATCHED && at % PAGE > PAGE - UKL_JUMP_LEN)
		verdict = UKL_SITE_PAGE;
	if (verdict != UKL_SITE_PATCHED) {
		printf("%lx %s\n", address, names[verdict]);
		return;
	}
	printf("%lx patched %d", address, site.nr);
	for (int i = 0; i < site.count; i++) {
		printf(" %lx", at);
		at += site.len[i];
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	unsigned long address;

	if (argc != 2)
		errx(1, "usage: verdict FILE <ADDRESSES");
	map(argv[1]);
	while (scanf("%lx", &address) == 1)
		judge(address);
	return 0;
}
