// SPDX-License-Identifier: GPL-2.0
/*
 * Put a root file system and kernel parameters into a built kernel.
 *
 * usage: mkimage VMLINUX CPIO CMDLINE OUTPUT
 *
 * OUTPUT is an ELF with the segments of VMLINUX and one more, the cpio, on the
 * first page after the kernel. In it, the data of files begin on a page, so that the
 * kernel can use them where they are (ukl/initramfs.c). The kernel learns where it is from
 * phys_initrd_start and phys_initrd_size, and its parameters from
 * builtin_cmdline, which are patched here: nothing is linked anew, and no boot
 * loader needs to know. Pages of zeros are not in the file: a segment ends before
 * them, and loaders fill it up to its size in memory.
 *
 * Prints the first physical address after the image.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE		0x1000UL
#define ALIGN(x, a)	(((x) + (a) - 1) & ~((a) - 1))
#define XEN_PHYS32_ENTRY 18	/* the note that makes an ELF a PVH kernel */
#define MAX_PHDRS	128
#define MIN_ZEROS	(4 * PAGE)	/* worth a segment of their own */

/* The head of a file in a newc archive: "070701" and 13 numbers of 8 digits */
#define CPIO_MAGIC	"070701"
#define CPIO_HEAD	110UL
#define CPIO_MODE	1
#define CPIO_SIZE	6
#define CPIO_NAME_SIZE	11

struct file {
	const char *name;
	unsigned char *data;
	uint64_t size;
};

static const char *out_tmp;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("unilinux: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	if (out_tmp)
		unlink(out_tmp);
	exit(1);
}

/* Map a file for reading; writes stay private to us. */
static struct file map(const char *name)
{
	struct file f = { .name = name };
	struct stat st;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		die("cannot read %s: %s", name, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		die("%s is empty or not a file", name);
	f.size = st.st_size;
	f.data = mmap(NULL, f.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (f.data == MAP_FAILED)
		die("cannot map %s: %s", name, strerror(errno));
	close(fd);
	return f;
}

static void *at(const struct file *f, uint64_t off, uint64_t len)
{
	if (off > f->size || len > f->size - off)
		die("%s is damaged: it ends before offset 0x%llx", f->name,
		    (unsigned long long)(off + len));
	return f->data + off;
}

static const Elf64_Ehdr *elf_check(const struct file *f)
{
	const Elf64_Ehdr *eh = at(f, 0, sizeof(*eh));

	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_machine != EM_X86_64 || eh->e_type != ET_EXEC ||
	    eh->e_phentsize != sizeof(Elf64_Phdr) ||
	    eh->e_shentsize != sizeof(Elf64_Shdr))
		die("%s is not an x86-64 kernel (an ELF executable)", f->name);
	return eh;
}

static void pvh_check(const struct file *f, const Elf64_Ehdr *eh)
{
	const Elf64_Phdr *ph = at(f, eh->e_phoff, eh->e_phnum * sizeof(*ph));

	for (int i = 0; i < eh->e_phnum; i++) {
		uint64_t off = 0;

		if (ph[i].p_type != PT_NOTE)
			continue;
		while (off + sizeof(Elf64_Nhdr) <= ph[i].p_filesz) {
			const Elf64_Nhdr *n = at(f, ph[i].p_offset + off, sizeof(*n));

			if (n->n_type == XEN_PHYS32_ENTRY && n->n_namesz == 4 &&
			    !memcmp(at(f, ph[i].p_offset + off + sizeof(*n), 4), "Xen", 4))
				return;
			off += sizeof(*n) + ALIGN(n->n_namesz, 4UL) +
				ALIGN(n->n_descsz, 4UL);
		}
	}
	die("%s has no PVH entry: it was built without CONFIG_PVH", f->name);
}

/* The bytes in the file of the object that a symbol names. */
static void *object(const struct file *f, const Elf64_Ehdr *eh, const char *name,
		    uint64_t min_size, uint64_t *size)
{
	const Elf64_Shdr *sh = at(f, eh->e_shoff, eh->e_shnum * sizeof(*sh));
	const Elf64_Phdr *ph = at(f, eh->e_phoff, eh->e_phnum * sizeof(*ph));
	const Elf64_Sym *sym = NULL;

	for (int i = 0; i < eh->e_shnum && !sym; i++) {
		const Elf64_Sym *tab;
		const char *str;
		uint64_t n, strsz;

		if (sh[i].sh_type != SHT_SYMTAB || sh[i].sh_link >= eh->e_shnum)
			continue;
		n = sh[i].sh_size / sizeof(*tab);
		tab = at(f, sh[i].sh_offset, n * sizeof(*tab));
		strsz = sh[sh[i].sh_link].sh_size;
		str = at(f, sh[sh[i].sh_link].sh_offset, strsz);
		for (uint64_t j = 0; j < n; j++) {
			if (ELF64_ST_TYPE(tab[j].st_info) == STT_OBJECT &&
			    tab[j].st_name < strsz &&
			    !strncmp(str + tab[j].st_name, name, strsz - tab[j].st_name)) {
				sym = &tab[j];
				break;
			}
		}
	}
	if (!sym)
		die("%s has no symbol '%s': is it stripped, or built without CONFIG_BLK_DEV_INITRD and CONFIG_CMDLINE_BOOL?",
		    f->name, name);
	if (sym->st_size < min_size)
		die("%s: '%s' has %llu bytes, %llu are needed", f->name, name,
		    (unsigned long long)sym->st_size, (unsigned long long)min_size);
	for (int i = 0; i < eh->e_phnum; i++) {
		uint64_t off = sym->st_value - ph[i].p_vaddr;

		if (ph[i].p_type == PT_LOAD && sym->st_value >= ph[i].p_vaddr &&
		    off + sym->st_size <= ph[i].p_filesz) {
			*size = sym->st_size;
			return at(f, ph[i].p_offset + off, sym->st_size);
		}
	}
	die("%s: '%s' is not in the file's data (is CONFIG_CMDLINE empty?)", f->name, name);
}

static void put_u64(const struct file *f, const Elf64_Ehdr *eh, const char *name,
		    uint64_t val)
{
	uint64_t size;
	void *p = object(f, eh, name, sizeof(val), &size);

	memcpy(p, &val, sizeof(val));
}

static void put_cmdline(const struct file *f, const Elf64_Ehdr *eh, const char *s)
{
	uint64_t size;
	char *p = object(f, eh, "builtin_cmdline", 256, &size);

	/* The boot loader's words come after these, within the same size. */
	if (strlen(s) >= size / 2)
		die("the kernel parameters of the image have %zu characters, at most %llu fit",
		    strlen(s), (unsigned long long)size / 2 - 1);
	memset(p, 0, size);
	strcpy(p, s);
}

static void put(int fd, uint64_t off, const void *data, uint64_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, off);

		if (n < 0)
			die("cannot write %s: %s", out_tmp, strerror(errno));
		p += n;
		off += n;
		len -= n;
	}
}

static bool is_zero(const unsigned char *p, uint64_t len)
{
	return len == 0 || (*p == 0 && !memcmp(p, p + 1, len - 1));
}

/* Length of the zeros at an offset, in whole pages or up to the end. */
static uint64_t zeros(const unsigned char *data, uint64_t off, uint64_t size)
{
	uint64_t at = off;

	while (at < size && is_zero(data + at, size - at < PAGE ? size - at : PAGE))
		at = size - at < PAGE ? size : at + PAGE;
	return at - off;
}

static char *cpio_field(unsigned char *head, unsigned int field)
{
	return (char *)head + 6 + 8 * field;
}

static uint64_t cpio_number(const struct file *cpio, unsigned char *head,
			    unsigned int field)
{
	char digits[9] = { 0 }, *text = cpio_field(head, field);

	memcpy(digits, text, 8);
	if (strspn(digits, "0123456789abcdefABCDEF") != 8)
		die("%s is damaged: no number at offset 0x%llx", cpio->name,
		    (unsigned long long)((unsigned char *)text - cpio->data));
	return strtoul(digits, NULL, 16);
}

/*
 * The archive with the data of each file of a page or more at the beginning of a
 * page. NULs that end the name fill the gap; as a name has PATH_MAX bytes at
 * most, some may have to come before the head, where Linux skips them, too.
 */
static struct file align_files(const struct file *in)
{
	struct file to = { .name = in->name };
	uint64_t off = 0;

	/* Less than a page more for each file that has one. */
	to.data = calloc(in->size + in->size / PAGE * PAGE, 1);
	if (!to.data)
		die("out of memory");
	while (in->size - off >= 6 && !memcmp(in->data + off, CPIO_MAGIC, 6)) {
		unsigned char *head = at(in, off, CPIO_HEAD);
		uint64_t size = cpio_number(in, head, CPIO_SIZE);
		uint64_t name = cpio_number(in, head, CPIO_NAME_SIZE);
		uint64_t data = ALIGN(CPIO_HEAD + name, 4);
		uint64_t padded = name;
		char digits[9];

		if (!name || name > PATH_MAX)
			die("%s is damaged: a name of %llu bytes", in->name,
			    (unsigned long long)name);
		at(in, off, ALIGN(data + size, 4));
		if (S_ISREG(cpio_number(in, head, CPIO_MODE)) && size >= PAGE) {
			padded += -(to.size + data) % PAGE;
			if (padded > PATH_MAX) {
				to.size += ALIGN(padded - PATH_MAX, 4);
				padded -= ALIGN(padded - PATH_MAX, 4);
			}
		}
		memcpy(to.data + to.size, head, CPIO_HEAD + name);
		snprintf(digits, sizeof(digits), "%08X", (unsigned int)padded);
		memcpy(cpio_field(to.data + to.size, CPIO_NAME_SIZE), digits, 8);
		to.size += ALIGN(CPIO_HEAD + padded, 4);
		memcpy(to.data + to.size, head + data, size);
		to.size += ALIGN(size, 4);
		off += ALIGN(data + size, 4);
	}
	/* NULs, or an archive of another kind */
	memcpy(to.data + to.size, in->data + off, in->size - off);
	to.size += in->size - off;
	return to;
}

static Elf64_Phdr out[MAX_PHDRS];
static const unsigned char *from[MAX_PHDRS];
static unsigned int n;

static void add_segment(const struct file *kernel, const Elf64_Phdr *ph,
			const unsigned char *data)
{
	if (n == MAX_PHDRS)
		die("%s has too many segments", kernel->name);
	out[n] = *ph;
	from[n++] = data;
}

/* A segment, in pieces that leave out its zeros. */
static void add_load(const struct file *kernel, const Elf64_Phdr *ph)
{
	const unsigned char *data = at(kernel, ph->p_offset, ph->p_filesz);
	uint64_t begin = 0, end = PAGE;
	Elf64_Phdr piece = *ph;

	while (begin < ph->p_memsz) {
		uint64_t run = 0;

		while (end < ph->p_filesz &&
		       (run = zeros(data, end, ph->p_filesz)) < MIN_ZEROS)
			end += run ?: PAGE;
		piece.p_vaddr = ph->p_vaddr + begin;
		piece.p_paddr = ph->p_paddr + begin;
		if (end + run < ph->p_filesz) {
			piece.p_filesz = end - begin;
			piece.p_memsz = end + run - begin;
		} else {
			piece.p_filesz = (end < ph->p_filesz ? end : ph->p_filesz) - begin;
			piece.p_memsz = ph->p_memsz - begin;
		}
		add_segment(kernel, &piece, data + begin);
		begin += piece.p_memsz;
		end = begin + PAGE;
	}
}

int main(int argc, char **argv)
{
	struct file kernel, cpio;
	const Elf64_Ehdr *eh;
	const Elf64_Phdr *in;
	Elf64_Ehdr oeh;
	uint64_t end = 0, off, initrd;
	char *tmp;
	int fd;

	if (argc != 5) {
		fputs("usage: mkimage VMLINUX CPIO CMDLINE OUTPUT\n", stderr);
		return 2;
	}
	kernel = map(argv[1]);
	cpio = map(argv[2]);
	if (memcmp(at(&cpio, 0, 6), CPIO_MAGIC, 6))
		die("%s is not an uncompressed newc cpio archive", cpio.name);
	cpio = align_files(&cpio);

	eh = elf_check(&kernel);
	pvh_check(&kernel, eh);

	in = at(&kernel, eh->e_phoff, eh->e_phnum * sizeof(*in));
	for (int i = 0; i < eh->e_phnum; i++) {
		if (in[i].p_type == PT_LOAD &&
		    in[i].p_paddr + in[i].p_memsz > end)
			end = in[i].p_paddr + in[i].p_memsz;
	}

	initrd = ALIGN(end, PAGE);
	if (initrd + cpio.size > UINT32_MAX / 2)
		die("%s is too large: the image must end below 2 GiB", cpio.name);
	put_u64(&kernel, eh, "phys_initrd_start", initrd);
	put_u64(&kernel, eh, "phys_initrd_size", cpio.size);
	put_cmdline(&kernel, eh, argv[3]);

	for (int i = 0; i < eh->e_phnum; i++) {
		if (in[i].p_type == PT_LOAD)
			add_load(&kernel, &in[i]);
		else if (in[i].p_type == PT_NOTE)
			add_segment(&kernel, &in[i],
				    at(&kernel, in[i].p_offset, in[i].p_filesz));
	}

	/* No virtual address: only loaders, which go by p_paddr, look at it. */
	add_segment(&kernel, &(Elf64_Phdr) {
		.p_type = PT_LOAD,
		.p_flags = PF_R,
		.p_vaddr = initrd,
		.p_paddr = initrd,
		.p_filesz = cpio.size,
		.p_memsz = cpio.size,
	}, cpio.data);

	oeh = *eh;
	oeh.e_phoff = sizeof(oeh);
	oeh.e_phnum = n;
	oeh.e_shoff = 0;
	oeh.e_shnum = 0;
	oeh.e_shstrndx = SHN_UNDEF;

	/* Written beside the old image, which stays whole if this fails. */
	if (asprintf(&tmp, "%s.tmp", argv[4]) < 0)
		die("out of memory");
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		die("cannot write %s: %s", tmp, strerror(errno));
	out_tmp = tmp;

	off = sizeof(oeh) + n * sizeof(out[0]);
	for (unsigned int i = 0; i < n; i++) {
		if (out[i].p_type == PT_LOAD) {
			/* 4 KiB instead of 2 MiB: less padding in the file. */
			out[i].p_align = PAGE;
			off = ALIGN(off, PAGE) + (out[i].p_vaddr & (PAGE - 1));
		} else {
			off = ALIGN(off, 8UL);
		}
		out[i].p_offset = off;
		put(fd, off, from[i], out[i].p_filesz);
		off += out[i].p_filesz;
	}
	put(fd, 0, &oeh, sizeof(oeh));
	put(fd, sizeof(oeh), out, n * sizeof(out[0]));
	if (close(fd) || rename(tmp, argv[4]))
		die("cannot write %s: %s", argv[4], strerror(errno));

	printf("%llu\n", (unsigned long long)(initrd + cpio.size));
	return 0;
}
