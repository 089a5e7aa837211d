// SPDX-License-Identifier: GPL-2.0
/*
 * UniLinux: the report of an application's crash.
 *
 * Production images have neither debugger nor core files, so the kernel itself
 * says where a program died: signal, registers, and a backtrace with the names
 * of the ELF symbol table. Everything is read from the dying task's own
 * context and nothing in its memory or in the file is trusted.
 */
#include <linux/elf.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/ratelimit.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_buf.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/ptrace.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#include "start.h"

#define REPORT_SIZE	SZ_8K
#define MAX_FRAMES	16
#define MAX_GUESSES	8		/* frames that only seem to be ones */
#define MAX_SCAN	SZ_64K		/* bytes of stack to look through */
#define MAX_OVERFLOW	SZ_1M		/* sp this far below is an overflow */
#define MAX_SYMTAB	SZ_128M
#define MAX_PHDRS	64
#define MAX_SHDRS	512
#define SYM_NAME	128
#define GNU_IFUNC	10		/* symbol type of the GNU ABI */
#define CODE_BEFORE	16
#define CODE_BYTES	32

struct crash_symbol {
	char name[SYM_NAME];
	unsigned long offset;
	unsigned long size;
};

static const char *signal_name(int sig)
{
	switch (sig) {
	case SIGQUIT:
		return "SIGQUIT";
	case SIGILL:
		return "SIGILL";
	case SIGTRAP:
		return "SIGTRAP";
	case SIGABRT:
		return "SIGABRT";
	case SIGBUS:
		return "SIGBUS";
	case SIGFPE:
		return "SIGFPE";
	case SIGSEGV:
		return "SIGSEGV";
	case SIGXCPU:
		return "SIGXCPU";
	case SIGXFSZ:
		return "SIGXFSZ";
	case SIGSYS:
		return "SIGSYS";
	default:
		return "signal";
	}
}

static const char *cause(const struct kernel_siginfo *info)
{
	static const struct {
		int sig;
		int code;
		const char *text;
	} causes[] = {
		{ SIGSEGV, SEGV_MAPERR, "nothing is mapped there" },
		{ SIGSEGV, SEGV_ACCERR, "no permission for that access" },
		{ SIGSEGV, SEGV_PKUERR, "protection key" },
		{ SIGSEGV, SI_KERNEL,
		  "general protection: privileged instruction or non-canonical address" },
		{ SIGBUS, BUS_ADRALN, "misaligned address" },
		{ SIGBUS, BUS_ADRERR, "behind the end of the mapped file" },
		{ SIGBUS, BUS_OBJERR, "hardware error" },
		{ SIGBUS, BUS_MCEERR_AR, "the memory there has failed" },
		{ SIGILL, ILL_ILLOPN, "illegal instruction" },
		{ SIGILL, ILL_ILLOPC, "illegal instruction" },
		{ SIGFPE, FPE_INTDIV, "integer division by zero or overflow" },
		{ SIGFPE, FPE_INTOVF, "integer overflow" },
		{ SIGFPE, FPE_FLTDIV, "floating-point division by zero" },
		{ SIGFPE, FPE_FLTOVF, "floating-point overflow" },
		{ SIGFPE, FPE_FLTUND, "floating-point underflow" },
		{ SIGFPE, FPE_FLTRES, "floating-point inexact result" },
		{ SIGFPE, FPE_FLTINV, "invalid floating-point operation" },
		{ SIGTRAP, TRAP_BRKPT, "breakpoint" },
		{ SIGTRAP, TRAP_TRACE, "single step" },
		{ SIGTRAP, SI_KERNEL, "breakpoint" },
		{ SIGSYS, SYS_SECCOMP, "system call refused by seccomp" },
	};
	unsigned int i;

	/* As force_sigsegv() does where there is no room for a signal's frame */
	if (info->si_signo == SIGSEGV && info->si_code == SI_KERNEL &&
	    current->thread.trap_nr != X86_TRAP_GP)
		return "memory that the kernel needs, such as a signal's stack, cannot be used";
	for (i = 0; i < ARRAY_SIZE(causes); i++) {
		if (causes[i].sig == info->si_signo &&
		    causes[i].code == info->si_code)
			return causes[i].text;
	}
	return NULL;
}

static bool read_user(void *to, unsigned long addr, size_t len)
{
	return !copy_from_user(to, (const void __user *)addr, len);
}

static bool read_exact(struct file *file, void *to, size_t len, loff_t pos)
{
	return kernel_read(file, to, len, &pos) == len;
}

/*
 * The file whose executable mapping holds @addr, with a reference, and the
 * offset of @addr in it. NULL with *@exec set is code that is in no file.
 */
static struct file *code_file(unsigned long addr, unsigned long *off,
			      bool *exec)
{
	struct vm_area_struct *vma;
	struct file *file = NULL;

	*exec = false;
	if (mmap_read_lock_killable(current->mm))
		return NULL;
	vma = vma_lookup(current->mm, addr);
	if (vma && vma->vm_flags & VM_EXEC) {
		*exec = true;
		*off = addr - vma->vm_start + (vma->vm_pgoff << PAGE_SHIFT);
		if (vma->vm_file)
			file = get_file(vma->vm_file);
	}
	mmap_read_unlock(current->mm);
	return file;
}

static bool is_code(unsigned long addr)
{
	struct file *file;
	unsigned long off;
	bool exec;

	file = code_file(addr, &off, &exec);
	if (file)
		fput(file);
	return exec;
}

static bool read_ehdr(struct file *file, Elf64_Ehdr *eh)
{
	return read_exact(file, eh, sizeof(*eh), 0) &&
	       !memcmp(eh->e_ident, ELFMAG, SELFMAG) &&
	       eh->e_ident[EI_CLASS] == ELFCLASS64;
}

/* Translate an offset in the file into an address as the linker knows it. */
static bool file_to_vaddr(struct file *file, const Elf64_Ehdr *eh,
			  unsigned long off, unsigned long *vaddr)
{
	Elf64_Phdr ph;
	unsigned int i;

	if (eh->e_phentsize != sizeof(ph))
		return false;
	for (i = 0; i < min_t(unsigned int, eh->e_phnum, MAX_PHDRS); i++) {
		if (!read_exact(file, &ph, sizeof(ph),
				eh->e_phoff + i * sizeof(ph)))
			return false;
		if (ph.p_type == PT_LOAD && ph.p_flags & PF_X &&
		    off >= ph.p_offset && off - ph.p_offset < ph.p_filesz) {
			*vaddr = off - ph.p_offset + ph.p_vaddr;
			return true;
		}
	}
	return false;
}

static bool find_section(struct file *file, const Elf64_Ehdr *eh,
			 unsigned int type, Elf64_Shdr *sh)
{
	unsigned int i;

	if (eh->e_shentsize != sizeof(*sh))
		return false;
	for (i = 0; i < min_t(unsigned int, eh->e_shnum, MAX_SHDRS); i++) {
		if (!read_exact(file, sh, sizeof(*sh),
				eh->e_shoff + i * sizeof(*sh)))
			return false;
		if (sh->sh_type == type)
			return sh->sh_size <= MAX_SYMTAB;
	}
	return false;
}

/* Is @new a better name for @vaddr than @old, the best one up to now? */
static bool better_symbol(const Elf64_Sym *new, const Elf64_Sym *old,
			  unsigned long vaddr)
{
	unsigned int type = ELF64_ST_TYPE(new->st_info);

	if (new->st_shndx == SHN_UNDEF || new->st_shndx == SHN_ABS ||
	    (type != STT_FUNC && type != STT_NOTYPE && type != GNU_IFUNC) ||
	    new->st_value > vaddr)
		return false;
	/* A function that ends before the address is not its function. */
	if (new->st_size && vaddr - new->st_value >= new->st_size)
		return false;
	if (old->st_shndx == SHN_UNDEF || new->st_value > old->st_value)
		return true;
	/* Of several names for a place, take the one that others use. */
	return new->st_value == old->st_value &&
	       ELF64_ST_BIND(old->st_info) == STB_LOCAL &&
	       ELF64_ST_BIND(new->st_info) != STB_LOCAL;
}

/* Look @vaddr up in a symbol table, a page at a time; @page is scratch. */
static bool search_symtab(struct file *file, const Elf64_Ehdr *eh,
			  const Elf64_Shdr *symtab, unsigned long vaddr,
			  void *page, struct crash_symbol *sym)
{
	Elf64_Sym *syms = page, best = { .st_shndx = SHN_UNDEF };
	loff_t pos = symtab->sh_offset, end = pos + symtab->sh_size;
	Elf64_Shdr strtab;
	ssize_t len;

	while (pos < end) {
		size_t chunk = PAGE_SIZE - PAGE_SIZE % sizeof(*syms);
		unsigned int i;

		len = kernel_read(file, page, min_t(loff_t, chunk, end - pos),
				  &pos);
		if (len < (ssize_t)sizeof(*syms) || fatal_signal_pending(current))
			break;
		for (i = 0; i < len / sizeof(*syms); i++) {
			if (better_symbol(&syms[i], &best, vaddr))
				best = syms[i];
		}
	}
	if (best.st_shndx == SHN_UNDEF || symtab->sh_link >= eh->e_shnum)
		return false;

	if (!read_exact(file, &strtab, sizeof(strtab),
			eh->e_shoff + symtab->sh_link * sizeof(strtab)) ||
	    best.st_name >= strtab.sh_size)
		return false;
	pos = strtab.sh_offset + best.st_name;
	len = kernel_read(file, sym->name, sizeof(sym->name) - 1, &pos);
	if (len <= 0)
		return false;
	sym->name[len] = '\0';
	sym->offset = vaddr - best.st_value;
	sym->size = best.st_size;
	return *sym->name;
}

static bool find_symbol(struct file *file, unsigned long off,
			struct crash_symbol *sym)
{
	static const unsigned int types[] = { SHT_SYMTAB, SHT_DYNSYM };
	unsigned long vaddr;
	unsigned int i;
	Elf64_Shdr sh;
	Elf64_Ehdr eh;
	void *page;
	bool found = false;

	if (!read_ehdr(file, &eh) || !file_to_vaddr(file, &eh, off, &vaddr))
		return false;
	page = (void *)__get_free_page(GFP_KERNEL);
	if (!page)
		return false;
	for (i = 0; i < ARRAY_SIZE(types) && !found; i++) {
		found = find_section(file, &eh, types[i], &sh) &&
			search_symtab(file, &eh, &sh, vaddr, page, sym);
	}
	free_page((unsigned long)page);
	return found;
}

/*
 * Print a code address as symbol+offset/size (file). A return address is
 * looked up one byte earlier: the call may be its function's last instruction.
 * Returns where the function starts, 0 if that is not known.
 */
static unsigned long print_code(struct seq_buf *s, unsigned long addr,
				bool ret_addr)
{
	unsigned long off = 0, func = 0;
	struct crash_symbol *sym;
	struct file *file;
	bool exec;

	seq_buf_printf(s, "%016lx", addr);
	file = code_file(addr - ret_addr, &off, &exec);
	if (!file) {
		seq_buf_puts(s, exec ? " (no file)\n" : " (not code)\n");
		return 0;
	}

	sym = kmalloc(sizeof(*sym), GFP_KERNEL);
	if (sym && find_symbol(file, off, sym)) {
		func = addr - ret_addr - sym->offset;
		seq_buf_printf(s, " %s+0x%lx", sym->name,
			       sym->offset + ret_addr);
		if (sym->size)
			seq_buf_printf(s, "/0x%lx", sym->size);
		seq_buf_printf(s, " (%pD)\n", file);
	} else {
		seq_buf_printf(s, " (%pD, file offset 0x%lx)\n", file,
			       off + ret_addr);
	}
	kfree(sym);
	fput(file);
	return func;
}

/* Length of the instruction ff /2 (call through register or memory), or 0. */
static unsigned int indirect_call_len(const u8 *insn)
{
	unsigned int mod = insn[1] >> 6, rm = insn[1] & 7, len = 2;

	if (insn[0] != 0xff || (insn[1] & 0x38) != 0x10)
		return 0;
	if (mod == 3)
		return len;
	if (rm == 4) {
		len++;
		if (mod == 0 && (insn[2] & 7) == 5)
			len += 4;
	}
	if (mod == 1)
		len += 1;
	else if (mod == 2 || (mod == 0 && rm == 5))
		len += 4;
	return len;
}

/* Does @addr look like a return address: code that follows a call? */
static bool is_return_address(unsigned long addr)
{
	u8 before[7 + 2] = {};	/* the longest call, and room to decode it */
	unsigned int len;

	if (addr < PAGE_SIZE || addr >= TASK_SIZE_MAX || !is_code(addr - 1) ||
	    !read_user(before, addr - 7, 7))
		return false;
	if (before[7 - 5] == 0xe8)
		return true;
	for (len = 2; len <= 7; len++) {
		if (indirect_call_len(&before[7 - len]) == len)
			return true;
	}
	return false;
}

/*
 * Find the readable memory that holds the stack. With the stack pointer in a
 * guard, or below a stack that could not grow, that is the memory above.
 */
static bool find_stack(unsigned long sp, unsigned long *start,
		       unsigned long *end, bool *overflow)
{
	struct vm_area_struct *vma;
	bool found = false;

	*overflow = false;
	if (mmap_read_lock_killable(current->mm))
		return false;
	vma = find_vma(current->mm, sp);
	if (vma && vma->vm_start <= sp && !(vma->vm_flags & VM_ACCESS_FLAGS)) {
		*overflow = true;
		vma = find_vma(current->mm, vma->vm_end);
	} else if (vma && vma->vm_start > sp) {
		*overflow = true;
	}
	if (vma && vma->vm_flags & VM_READ &&
	    (vma->vm_start <= sp || vma->vm_start - sp < MAX_OVERFLOW)) {
		*start = ALIGN(max(sp, vma->vm_start), sizeof(long));
		*end = vma->vm_end;
		found = true;
	}
	mmap_read_unlock(current->mm);
	return found;
}

/*
 * Follow the chain of frame pointers, as long as it looks like one. Stores
 * where on the stack the return addresses are; returns how many.
 */
static unsigned int frame_chain(unsigned long bp, unsigned long start,
				unsigned long end, unsigned long *where)
{
	unsigned int n = 0;
	unsigned long frame[2];		/* caller's frame, return address */

	while (n < MAX_FRAMES && bp >= start && bp < end - sizeof(frame) &&
	       IS_ALIGNED(bp, sizeof(long)) &&
	       read_user(frame, bp, sizeof(frame)) &&
	       is_return_address(frame[1])) {
		where[n++] = bp + sizeof(long);
		if (frame[0] <= bp)
			break;
		bp = frame[0];
	}
	return n;
}

/* Does the call before the return address @addr lead to @func? */
static bool is_call_of(unsigned long addr, unsigned long func)
{
	u8 insn[5];
	s32 rel;

	if (!func || !read_user(insn, addr - sizeof(insn), sizeof(insn)) ||
	    insn[0] != 0xe8)
		return false;
	memcpy(&rel, &insn[1], sizeof(rel));
	return addr + rel == func;
}

static unsigned long print_frame(struct seq_buf *s, unsigned long addr,
				 bool sure)
{
	seq_buf_printf(s, "ukl:   %c ", sure ? ' ' : '?');
	return print_code(s, addr, true);
}

/*
 * Print at most @max words of the stack that look like return addresses. One
 * whose call leads to @func, the function that the certain frames have come
 * to, is taken as certain as well.
 */
static unsigned int scan_stack(struct seq_buf *s, unsigned long start,
			       unsigned long end, unsigned int max,
			       unsigned long func)
{
	unsigned long words[32];
	unsigned int nr = 0;

	while (start < end && nr < max && !fatal_signal_pending(current)) {
		unsigned int i, n = min(end - start, sizeof(words)) / sizeof(long);

		if (!read_user(words, start, n * sizeof(long)))
			break;
		for (i = 0; i < n && nr < max; i++) {
			unsigned long caller;
			bool sure;

			if (!is_return_address(words[i]))
				continue;
			sure = is_call_of(words[i], func);
			caller = print_frame(s, words[i], sure);
			if (sure)
				func = caller;
			nr++;
		}
		start += n * sizeof(long);
	}
	return nr;
}

/*
 * Frames that frame pointers lead to are certain. A chain of one may be an
 * accident; without a longer one, and below its beginning, where functions
 * without a frame are, anything on the stack that follows a call is printed.
 */
static void print_backtrace(struct seq_buf *s, struct pt_regs *regs,
			    unsigned long func)
{
	unsigned long chain[MAX_FRAMES], start, end, addr;
	unsigned int nr_chain, nr = 0, i;
	bool overflow;

	/* Makes the stack grow, if sp is below it and it can. */
	read_user(&addr, regs->sp, sizeof(addr));
	if (!find_stack(regs->sp, &start, &end, &overflow)) {
		seq_buf_puts(s, "ukl: no backtrace: sp does not point to a stack\n");
		return;
	}
	if (overflow)
		seq_buf_puts(s, "ukl: stack overflow: sp is below the stack\n");

	seq_buf_puts(s, "ukl: backtrace (? = found on the stack, may be stale):\n");
	/* A call of something that is no code has just pushed its return. */
	if (!is_code(regs->ip) && start == regs->sp &&
	    read_user(&addr, start, sizeof(addr)) && is_return_address(addr)) {
		func = print_frame(s, addr, true);
		start += sizeof(addr);
		nr++;
	}

	nr_chain = frame_chain(regs->bp, start, end, chain);
	if (nr_chain < 2) {
		nr += scan_stack(s, start, min(end, start + MAX_SCAN),
				 MAX_FRAMES - nr, func);
		if (!nr)
			seq_buf_puts(s, "ukl:   no return address found\n");
		return;
	}

	nr += scan_stack(s, start, min(chain[0], start + MAX_SCAN), MAX_GUESSES,
			 func);
	for (i = 0; i < nr_chain && nr < MAX_FRAMES; i++, nr++) {
		if (!read_user(&addr, chain[i], sizeof(addr)))
			break;
		print_frame(s, addr, true);
	}
}

static void print_head(struct seq_buf *s, const struct kernel_siginfo *info,
		       struct pt_regs *regs)
{
	const char *why = cause(info);
	int sig = info->si_signo;

	seq_buf_printf(s, "ukl: crash: %s[%d]", current->comm,
		       task_tgid_vnr(current));
	if (!thread_group_leader(current))
		seq_buf_printf(s, ", thread %d,", task_pid_vnr(current));
	seq_buf_printf(s, " died of %s (%d)", signal_name(sig), sig);

	if (info->si_code == SI_USER || info->si_code == SI_TKILL) {
		if (info->si_pid == task_tgid_vnr(current))
			seq_buf_puts(s, ", raised by itself");
		else
			seq_buf_printf(s, ", sent by process %d", info->si_pid);
	} else if (info->si_code > 0 && info->si_code != SI_KERNEL &&
		   sig != SIGSYS) {
		const char *access = "at";

		if (current->thread.trap_nr == X86_TRAP_PF) {
			unsigned long err = current->thread.error_code;

			access = err & X86_PF_INSTR ? "executing" :
				 err & X86_PF_WRITE ? "writing" : "reading";
		}
		seq_buf_printf(s, " %s address %016lx", access,
			       (unsigned long)info->si_addr);
	}
	if (why)
		seq_buf_printf(s, ": %s", why);
	seq_buf_puts(s, "\n");
}

/* Returns where the function that has crashed starts, 0 if not known. */
static unsigned long print_regs(struct seq_buf *s, struct pt_regs *regs)
{
	unsigned long func;
	u8 code[CODE_BYTES];
	unsigned int i;

	seq_buf_puts(s, "ukl: ip ");
	func = print_code(s, regs->ip, false);
	seq_buf_printf(s, "ukl: sp %016lx   flags %08lx   orig_rax %ld\n",
		       regs->sp, regs->flags, (long)regs->orig_ax);
	seq_buf_printf(s, "ukl: rax %016lx rbx %016lx rcx %016lx rdx %016lx\n",
		       regs->ax, regs->bx, regs->cx, regs->dx);
	seq_buf_printf(s, "ukl: rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n",
		       regs->si, regs->di, regs->bp, regs->r8);
	seq_buf_printf(s, "ukl: r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n",
		       regs->r9, regs->r10, regs->r11, regs->r12);
	seq_buf_printf(s, "ukl: r13 %016lx r14 %016lx r15 %016lx\n",
		       regs->r13, regs->r14, regs->r15);

	if (!read_user(code, regs->ip - CODE_BEFORE, sizeof(code)))
		return func;
	seq_buf_puts(s, "ukl: code");
	for (i = 0; i < sizeof(code); i++)
		seq_buf_printf(s, i == CODE_BEFORE ? " <%02x>" : " %02x",
			       code[i]);
	seq_buf_puts(s, "\n");
	return func;
}

/**
 * ukl_crash_report - report that a signal kills the current process
 * @info: the signal, one of those that dump core
 * @regs: user registers of the current task
 *
 * To be called by the dying task, which may sleep and whose memory is still
 * there. The application itself is always reported; of its other processes,
 * which may well die on purpose, a few in a row.
 */
void ukl_crash_report(const struct kernel_siginfo *info, struct pt_regs *regs)
{
	static DEFINE_RATELIMIT_STATE(limit, 10 * HZ, 5);
	unsigned long func;
	struct seq_buf s;
	char *buf;

	if (!current->mm)
		return;
	if (task_tgid_nr(current) != ukl_app_pid) {
		ratelimit_set_flags(&limit, RATELIMIT_MSG_ON_RELEASE);
		if (!__ratelimit(&limit))
			return;
	}

	buf = kmalloc(REPORT_SIZE, GFP_KERNEL);
	if (!buf)
		return;
	seq_buf_init(&s, buf, REPORT_SIZE);
	print_head(&s, info, regs);
	func = print_regs(&s, regs);
	print_backtrace(&s, regs, func);
	ukl_say("%s", seq_buf_str(&s));
	kfree(buf);
}
