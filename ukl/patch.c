// SPDX-License-Identifier: GPL-2.0
/*
 * Unmodified programs at CPL 0: jumps in place of their busiest SYSCALLs.
 *
 * SYSCALL always works. A site that made some calls is looked at by the task
 * itself, on its way into the kernel: site.c finds an instruction before SYSCALL
 * that can become a jump, and what the jump leads to, a trampoline in memory of
 * the process near its text. Both the text and the trampolines are private pages
 * which the program can execute and not write.
 *
 * No processor executes bytes while they change: the page is taken out of the page
 * table first and flushed from all TLBs. Before it is back all processors serialise,
 * as others may have fetched the old bytes, and this one changed them at another
 * linear address (Intel SDM vol. 3, "Self-Modifying Code", "Handling Self- and
 * Cross-Modifying Code").
 *
 * A program that reads its own text finds what it came with: a page with jumps has
 * a protection key that lets it be executed, and not read (Intel SDM vol. 3,
 * "Protection Keys"). The first read takes its jumps back. Processors without
 * protection keys show them.
 */
#include <linux/entry-common.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pkeys.h>
#include <linux/proc_fs.h>
#include <linux/ptrace.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/pkru.h>
#include <asm/text-patching.h>
#include <asm/tlbflush.h>
#include <ukl/table.h>
#include <ukl/ukl.h>
#include "patch.h"
#include "site.h"

/* Sites of a process that are counted; the others stay as they are. */
#define HASH_BITS	8
#define SITES		(1 << HASH_BITS)
#define PROBES		8

/* Calls until a site is looked at again: its text may have been replaced. */
#define AGAIN		65536
#define AGAIN_SOON	1024

/* Places of a byte in the distance of a jump that are tried, each way. */
#define RANGES		64

#define PER_PAGE	(PAGE_SIZE / UKL_TRAMPOLINE_SIZE)
#define PAGES		32

/* Looking at a site costs what its jump saves in a few hundred calls. */
static unsigned int patch_after __ro_after_init = 256;
static bool stats __ro_after_init;

/* ukl.patch=N: look at a site after N calls; 0 leaves programs as they are. */
static int __init set_patch_after(char *calls)
{
	if (kstrtouint(calls, 0, &patch_after))
		pr_err("ukl: ukl.patch=%s is no number of calls\n", calls);
	return 1;
}
__setup("ukl.patch=", set_patch_after);

/* ukl.stats: say at the end how many calls were made by jump. */
static int __init set_stats(char *unused)
{
	stats = true;
	return 1;
}
__setup("ukl.stats", set_stats);

struct counted_site {
	unsigned long ip;		/* of SYSCALL; 0 in a free entry */
	u32 calls_left;			/* until it is looked at */
	u8 verdict;			/* enum ukl_verdict */
};

struct trampoline {
	unsigned long ip;		/* of SYSCALL; 0 when it came to nothing */
	struct ukl_site site;
	u8 code[UKL_JUMP_LEN];		/* what the jump has replaced */
	u8 jump[UKL_JUMP_LEN];
};

/*
 * A change at @addr of @len bytes, which do not cross the end of the page: @old to
 * @new, or without @old, everywhere on the page, jumps to what they have replaced.
 */
struct edit {
	unsigned long addr;
	const u8 *old;
	const u8 *new;
	unsigned int len;
	int pkey;			/* of the page after that, or 0: its mapping's */
};

struct trampoline_page {
	unsigned long start;
	unsigned int used;
	bool gone;			/* the program has unmapped it: no jump leads there */
	struct trampoline trampolines[PER_PAGE];
};

/**
 * struct ukl_mm - the patches of an address space
 * @mm: whose they are
 * @busy: bit 0: a task looks at a site
 * @off: a thread has left CPL 0, or is traced: nothing is patched any more
 * @calls: of threads that have ended, by SYSCALL and by jump
 * @pages: of trampolines, @nr_pages
 * @sites: hash table by address
 *
 * All but @sites and @calls change under mmap_lock, held for writing.
 */
struct ukl_mm {
	struct mm_struct *mm;
	unsigned long busy;
	bool off;
	atomic64_t calls[2];
	struct trampoline_page *pages[PAGES];
	unsigned int nr_pages;
	struct counted_site sites[SITES];
};

/* Of the whole system, since its start; calls only of threads that have ended. */
static atomic64_t all_calls[2];
static atomic_t all_sites[UKL_SITE_VERDICTS];
static atomic_t all_seen;

static const char *const verdict_names[UKL_SITE_VERDICTS] = {
	[UKL_SITE_PATCHED] = "patched",
	[UKL_SITE_UNCLEAR] = "left, unclear",
	[UKL_SITE_SHORT] = "left, short",
	[UKL_SITE_PAGE] = "left, page",
	[UKL_SITE_FAR] = "left, far",
	[UKL_SITE_MAPPING] = "left, mapping",
	[UKL_SITE_CHANGED] = "left, changed",
};

static bool may_patch(struct vm_area_struct *vma)
{
	return vma && vma->vm_file && !is_vm_hugetlb_page(vma) &&
	       (vma->vm_flags & (VM_EXEC | VM_WRITE | VM_MAYSHARE | VM_MAYWRITE |
				 VM_IO | VM_PFNMAP)) == (VM_EXEC | VM_MAYWRITE);
}

/*
 * In @code, what is at @start in the program, replace jumps of ours by what was
 * there before: the bytes behind a jump are none of its own. Returns whether the
 * SYSCALL at @ip has one.
 */
static bool undo_jumps(const struct ukl_mm *um, u8 *code, unsigned int size,
		       unsigned long start, unsigned long ip)
{
	const struct trampoline *t;
	unsigned int i, n, k, same;
	bool found = false;
	long at;

	for (i = 0; i < um->nr_pages; i++) {
		for (n = 0; !um->pages[i]->gone && n < um->pages[i]->used; n++) {
			t = &um->pages[i]->trampolines[n];
			at = t->ip - t->site.before - start;
			if (!t->ip || at <= -UKL_JUMP_LEN || at >= (long)size)
				continue;
			for (same = 0, k = 0; k < UKL_JUMP_LEN; k++)
				same += at + k < 0 || at + k >= size ||
					code[at + k] == t->jump[k];
			if (same < UKL_JUMP_LEN)
				continue;
			found |= t->ip == ip;
			for (k = 0; k < UKL_JUMP_LEN; k++)
				if (at + k >= 0 && at + k < size)
					code[at + k] = t->code[k];
		}
	}
	return found;
}

static bool edit_code(const struct ukl_mm *um, const struct edit *edit, u8 *page)
{
	u8 *code = page + offset_in_page(edit->addr);

	if (!edit->old) {
		undo_jumps(um, page, PAGE_SIZE, edit->addr & PAGE_MASK, 0);
		return true;
	}
	if (memcmp(code, edit->old, edit->len))
		return false;
	memcpy(code, edit->new, edit->len);
	return true;
}

/*
 * The key of pages with jumps, or 0 when no key will do. PKRU is the program's own
 * register, which it may compare with what it has written: so the key has to deny
 * reads there already. It is the last one that is free, as pkey_alloc() gives the
 * first, and from then on the process' key of execute-only memory, too, which is
 * the one that Linux does not let a program free or use.
 */
static int hiding_key(struct mm_struct *mm)
{
	int key = mm->context.execute_only_pkey;

	if (!arch_pkeys_enabled())
		return 0;
	/* If this thread has opened it, others may not have. */
	if (key > 0)
		return key;
	key = fls(~mm_pkey_allocation_map(mm) &
		  GENMASK(arch_max_pkey() - 1, 0)) - 1;
	if (key < 0 || __pkru_allows_read(read_pkru(), key))
		return 0;
	mm_set_pkey_allocated(mm, key);
	mm->context.execute_only_pkey = key;
	return key;
}

static pte_t with_key(pte_t pte, int pkey)
{
	pte = pte_clear_flags(pte, _PAGE_PKEY_MASK);
	return pte_set_flags(pte, (pteval_t)pkey << _PAGE_BIT_PKEY_BIT0);
}

/*
 * Edit a page of this address space's own. mmap_lock is held for writing, so that a
 * processor that misses the page waits for it. Returns -EINVAL when something else
 * is there.
 */
static int edit_page(const struct ukl_mm *um, const struct edit *edit)
{
	unsigned long start = edit->addr & PAGE_MASK;
	struct mm_struct *mm = um->mm;
	struct vm_area_struct *vma;
	int ret = -EAGAIN;

	/* Reclaim or migration may take the page before it is locked. */
	while (ret == -EAGAIN) {
		struct page *page;
		spinlock_t *lock;
		pte_t *ptep, pte;
		u8 *bytes;

		page = get_user_page_vma_remote(mm, start, FOLL_WRITE |
						FOLL_FORCE | FOLL_SPLIT_PMD,
						&vma);
		if (IS_ERR(page))
			return PTR_ERR(page);
		vma_start_write(vma);
		ptep = get_locked_pte(mm, start, &lock);
		if (!ptep) {
			put_page(page);
			return -ENOMEM;
		}
		pte = ptep_get(ptep);
		if (pte_present(pte) && pte_page(pte) == page) {
			pte = ptep_clear_flush(vma, start, ptep);
			bytes = kmap_local_page(page);
			ret = -EINVAL;
			if (PageAnon(page) && edit_code(um, edit, bytes)) {
				pte = with_key(pte, edit->pkey ?: vma_pkey(vma));
				text_poke_sync();
				ret = 0;
			}
			kunmap_local(bytes);
			set_pte_at(mm, start, ptep, pte_mkdirty(pte));
		}
		pte_unmap_unlock(ptep, lock);
		put_page(page);
	}
	return ret;
}

/* Put back all that the program came with on the page of @addr. */
static int undo_page(const struct ukl_mm *um, unsigned long addr)
{
	const struct edit undo = { .addr = addr };

	return edit_page(um, &undo);
}

/* Read text, without taking back its jumps. */
static bool read_text(u8 *code, unsigned long start, unsigned int size)
{
	u32 pkru = read_pkru();
	bool ok;

	write_pkru(0);
	ok = !copy_from_user(code, (void __user *)start, size);
	write_pkru(pkru);
	return ok;
}

/* Where the heap of the program grows to: nothing of ours may be in its way. */
static bool is_for_brk(struct mm_struct *mm, unsigned long start,
		       unsigned long end)
{
	return end > mm->start_brk && start < mm->brk + SZ_1G;
}

/*
 * A page for trampolines within reach of @ip, below it where possible. Not just
 * below a shared object, in the hole that mmap() uses next: the program would find
 * our page where it has unmapped its own.
 */
static unsigned long map_trampolines(struct mm_struct *mm, unsigned long ip)
{
	/* RIP-relative data of the program have to be in reach as well. */
	const unsigned long reach = SZ_1G;
	const unsigned long away = ip > mm->start_brk ? SZ_512M : 0;
	struct vm_unmapped_area_info info = {
		.flags = VM_UNMAPPED_AREA_TOPDOWN,
		.length = PAGE_SIZE,
		/* What is not aligned here is not aligned there. */
		.low_limit = PAGE_ALIGN(max(ip, reach + mmap_min_addr) - reach),
		.high_limit = (ip - min(ip, away)) & PAGE_MASK,
	};
	unsigned long addr, populate;

	addr = vm_unmapped_area(&info);
	if (offset_in_page(addr)) {
		info.flags = 0;
		info.low_limit = PAGE_ALIGN(ip);
		info.high_limit = min(ip + reach, TASK_SIZE_MAX);
		addr = vm_unmapped_area(&info);
	}
	if (offset_in_page(addr))
		return addr;
	if (is_for_brk(mm, addr, addr + PAGE_SIZE))
		return -ENOMEM;
	return do_mmap(NULL, addr, PAGE_SIZE, PROT_READ | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, 0, 0,
		       &populate, NULL);
}

static bool in_reach(unsigned long a, unsigned long b)
{
	return abs((long)(a - b)) < SZ_1G + SZ_512M;
}

/*
 * A page for trampolines to which the distance from @from, of a jump with an int3 in
 * its byte @trap, has that byte.
 */
static unsigned long map_for_trap(struct mm_struct *mm, unsigned long from,
				  unsigned int trap)
{
	const unsigned int shift = 8 * (trap - 1);
	struct vm_unmapped_area_info info = {
		.length = PAGE_SIZE,
	};
	unsigned long populate, addr;
	long high, start;

	/* Distances with that byte: far below the program first, as above. */
	for (high = -RANGES; high < RANGES; high++) {
		start = high * (1l << (shift + 8)) + (0xccl << shift);
		if (abs(start) > SZ_1G)
			continue;
		start += from + UKL_JUMP_LEN;
		if (start < (long)mmap_min_addr ||
		    start + (1l << shift) > (long)TASK_SIZE_MAX ||
		    is_for_brk(mm, start, start + (1l << shift)))
			continue;
		info.low_limit = PAGE_ALIGN(start);
		info.high_limit = (start + (1l << shift)) & PAGE_MASK;
		addr = vm_unmapped_area(&info);
		if (offset_in_page(addr))
			continue;
		return do_mmap(NULL, addr, PAGE_SIZE, PROT_READ | PROT_EXEC,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			       0, 0, &populate, NULL);
	}
	return -ENOMEM;
}

/* Is there a place on the page that a jump from the site can go to? */
static bool has_place(const struct trampoline_page *page,
		      const struct ukl_site *site, unsigned long ip)
{
	u8 jump[UKL_JUMP_LEN];

	return !page->gone && page->used < PER_PAGE &&
	       in_reach(page->start, ip) &&
	       ukl_site_jump(site, ip, page->start +
			     page->used * UKL_TRAMPOLINE_SIZE, jump);
}

static struct trampoline_page *page_near(struct ukl_mm *um,
					 const struct ukl_site *site,
					 unsigned long ip)
{
	struct trampoline_page *page;
	unsigned int i;

	for (i = 0; i < um->nr_pages; i++)
		if (has_place(um->pages[i], site, ip))
			return um->pages[i];
	if (um->nr_pages == PAGES)
		return NULL;

	page = kzalloc(sizeof(*page), GFP_KERNEL);
	if (!page)
		return NULL;
	page->start = site->trap ?
		map_for_trap(um->mm, ip - site->before, site->trap) :
		map_trampolines(um->mm, ip);
	if (offset_in_page(page->start)) {
		kfree(page);
		return NULL;
	}
	um->pages[um->nr_pages] = page;
	/* trampoline_at() takes no lock. */
	smp_store_release(&um->nr_pages, um->nr_pages + 1);
	return page;
}

/* The trampoline of a site whose jump was taken back, and its address. */
static struct trampoline *made_before(struct ukl_mm *um, unsigned long ip,
				      const struct ukl_site *site, const u8 *code,
				      unsigned long *at)
{
	struct trampoline_page *page;
	struct trampoline *t;
	unsigned int i, n;

	for (i = 0; i < um->nr_pages; i++) {
		page = um->pages[i];
		for (n = 0; !page->gone && n < page->used; n++) {
			t = &page->trampolines[n];
			if (t->ip != ip || t->site.before != site->before ||
			    memcmp(t->code, code, UKL_JUMP_LEN))
				continue;
			*at = page->start + n * UKL_TRAMPOLINE_SIZE;
			return t;
		}
	}
	return NULL;
}

static enum ukl_verdict make_jump(struct ukl_mm *um, unsigned long ip,
				  const u8 *code, unsigned int size,
				  struct ukl_site *site)
{
	static const u8 zeros[UKL_TRAMPOLINE_SIZE];
	unsigned long from = ip - site->before, at;
	u8 bytes[UKL_TRAMPOLINE_SIZE];
	unsigned int slot = UKL_JUMP_ANY;
	struct vm_area_struct *vma = vma_lookup(um->mm, ip);
	u8 now[UKL_SITE_WINDOW + UKL_SYSCALL_LEN];
	unsigned int len = site->before + UKL_SYSCALL_LEN;
	struct edit trampoline = {
		.new = bytes, .len = sizeof(bytes),
	}, jump = {
		.addr = from, .len = UKL_JUMP_LEN,
	};
	struct trampoline_page *page;
	struct trampoline *t;
	bool same, again;

	if (!may_patch(vma) || vma->vm_start > from)
		return UKL_SITE_MAPPING;
	/* A fault would wait for mmap_lock. */
	pagefault_disable();
	same = read_text(now, from, len) &&
	       !memcmp(now, code + size - site->before, len);
	pagefault_enable();
	if (!same)
		return UKL_SITE_CHANGED;
	t = made_before(um, ip, site, code + size - site->before, &at);
	again = t;
	if (!again) {
		page = page_near(um, site, ip);
		if (!page)
			return UKL_SITE_FAR;
		at = page->start + page->used * UKL_TRAMPOLINE_SIZE;
		t = &page->trampolines[page->used];
	}
	if (site->nr >= 0 && site->nr < UKL_TABLE_ENTRIES)
		slot = site->nr;
	if (!ukl_site_trampoline(code, size, ip, at,
				 (unsigned long)&ukl_jump_slots[slot], site,
				 bytes) ||
	    !ukl_site_jump(site, ip, at, t->jump))
		return UKL_SITE_FAR;
	if (!again) {
		memcpy(t->code, code + size - site->before, UKL_JUMP_LEN);
		t->site = *site;
		/* A place is not used for another site: a thread may be there. */
		page->used++;
		t->ip = ip;
	}

	trampoline.addr = at;
	trampoline.old = again ? bytes : zeros;
	jump.old = t->code;
	jump.new = t->jump;
	if (!vma_pkey(vma))
		jump.pkey = hiding_key(um->mm);
	if (!edit_page(um, &trampoline) && !edit_page(um, &jump))
		return UKL_SITE_PATCHED;
	if (!again)
		t->ip = 0;
	return UKL_SITE_CHANGED;
}

static enum ukl_verdict patch_site(struct ukl_mm *um, unsigned long ip)
{
	u8 code[UKL_SITE_WINDOW + UKL_SYSCALL_LEN];
	struct vm_area_struct *vma;
	enum ukl_verdict verdict;
	struct ukl_site site;
	unsigned int size = 0;

	mmap_read_lock(um->mm);
	vma = vma_lookup(um->mm, ip);
	if (may_patch(vma))
		size = min(ip - vma->vm_start, UKL_SITE_WINDOW);
	mmap_read_unlock(um->mm);
	if (!size)
		return UKL_SITE_MAPPING;
	if (!read_text(code, ip - size, size + UKL_SYSCALL_LEN))
		return UKL_SITE_CHANGED;
	if (undo_jumps(um, code, size, ip - size, ip))
		return UKL_SITE_PATCHED;

	verdict = ukl_site_find(code, size, &site);
	if (verdict != UKL_SITE_PATCHED)
		return verdict;
	if (offset_in_page(ip - site.before) > PAGE_SIZE - UKL_JUMP_LEN)
		return UKL_SITE_PAGE;

	if (mmap_write_lock_killable(um->mm))
		return UKL_SITE_CHANGED;
	verdict = um->off ? UKL_SITE_MAPPING :
			    make_jump(um, ip, code, size, &site);
	mmap_write_unlock(um->mm);
	return verdict;
}

static void look_at_site(struct ukl_mm *um, struct counted_site *s)
{
	enum ukl_verdict verdict = UKL_SITE_CHANGED;

	/* A tracer may have breakpoints there, of which it knows the bytes. */
	if (!current->ptrace)
		verdict = patch_site(um, s->ip);

	atomic_dec(&all_sites[s->verdict]);
	atomic_inc(&all_sites[verdict]);
	s->verdict = verdict;
	WRITE_ONCE(s->calls_left, verdict == UKL_SITE_CHANGED ? AGAIN_SOON : AGAIN);
}

static __always_inline struct counted_site *find_site(struct ukl_mm *um,
						      unsigned long ip)
{
	unsigned int i = (ip * GOLDEN_RATIO_64) >> (64 - HASH_BITS), n;
	struct counted_site *s;

	for (n = 0; n < PROBES; n++, i++) {
		s = &um->sites[i % SITES];
		if (s->ip == ip)
			return s;
		if (s->ip)
			continue;
		/* Another thread may take it first. */
		if (arch_cmpxchg(&s->ip, 0, ip) && s->ip != ip)
			continue;
		WRITE_ONCE(s->calls_left, patch_after);
		arch_atomic_inc(&all_seen);
		return s;
	}
	return NULL;
}

/**
 * ukl_count_syscall() - a program at CPL 0 has executed SYSCALL
 * @regs: its registers; the kernel has not been entered for the checkers yet
 *
 * Interrupts are off. The site is looked at before the call: that may wait for
 * long, while other threads come to their sites.
 */
noinstr void ukl_count_syscall(struct pt_regs *regs)
{
	struct ukl_mm *um = current->mm->context.ukl;
	struct counted_site *s;

	current->thread.ukl_syscalls++;
	if (!um || um->off)
		return;
	s = find_site(um, regs->ip - UKL_SYSCALL_LEN);
	if (!s)
		return;
	if (s->calls_left > 1) {
		s->calls_left--;
		return;
	}
	if (arch_test_and_set_bit(0, &um->busy))
		return;
	enter_from_user_mode(regs);
	instrumentation_begin();
	local_irq_enable();
	look_at_site(um, s);
	clear_bit_unlock(0, &um->busy);
	local_irq_disable();
	instrumentation_end();
	exit_to_user_mode();
}

/* The trampoline that @ip lies in, or NULL. */
static __always_inline struct trampoline *trampoline_at(unsigned long ip)
{
	struct ukl_mm *um = current->mm ? current->mm->context.ukl : NULL;
	struct trampoline_page *page;
	unsigned int i;

	for (i = 0; um && i < READ_ONCE(um->nr_pages); i++) {
		page = um->pages[i];
		if (ip - page->start < PAGE_SIZE && !READ_ONCE(page->gone))
			return &page->trampolines[(ip - page->start) /
						  UKL_TRAMPOLINE_SIZE];
	}
	return NULL;
}

/**
 * ukl_leave_trampoline() - show the program instead of a trampoline
 * @regs: the application's registers, which a signal or a tracer is to see
 *
 * A tracer gets the program's own code back, too: it may set breakpoints there.
 */
void ukl_leave_trampoline(struct pt_regs *regs)
{
	struct trampoline *t = trampoline_at(regs->ip);

	if (current->ptrace)
		ukl_unpatch(current->mm);
	if (t && t->ip)
		regs->ip = ukl_site_origin(&t->site, t->ip,
					   regs->ip % UKL_TRAMPOLINE_SIZE);
}

/**
 * ukl_step_into_trampoline() - has a single step ended at a trampoline's begin?
 * @regs: registers of a #DB
 *
 * The jump there is not to be seen: the step goes on, over the instruction that
 * the jump has replaced. Behind that one the program itself is stepped through.
 */
noinstr bool ukl_step_into_trampoline(struct pt_regs *regs)
{
	unsigned int offset = regs->ip % UKL_TRAMPOLINE_SIZE;
	struct trampoline *t = trampoline_at(regs->ip);

	if (t && t->ip && offset)
		regs->ip = ukl_site_origin(&t->site, t->ip, offset);
	return t && t->ip && !offset;
}

/**
 * ukl_patch_int3() - is an int3 the one in a jump that takes two instructions?
 * @regs: registers of a #BP of the application
 *
 * A thread was at the second instruction, or has jumped there. It goes on with its
 * copy, or again with itself when the jump has just been taken back. Interrupts are
 * off when this is called, and on for a while.
 *
 * Return: whether it was.
 */
bool ukl_patch_int3(struct pt_regs *regs)
{
	struct ukl_mm *um = current->mm->context.ukl;
	const struct trampoline_page *page;
	const struct trampoline *t;
	unsigned long at;
	u8 now[UKL_JUMP_LEN];
	unsigned int i, n;
	int len;

	for (i = 0; um && i < READ_ONCE(um->nr_pages); i++) {
		page = um->pages[i];
		for (n = 0; n < page->used; n++) {
			t = &page->trampolines[n];
			at = t->ip - t->site.before;
			if (!t->ip || !t->site.trap ||
			    regs->ip - 1 != at + t->site.trap)
				continue;
			/* The page may be out of the page table just now. */
			local_irq_enable();
			len = access_process_vm(current, at, now, sizeof(now),
						FOLL_FORCE);
			local_irq_disable();
			if (len != sizeof(now))
				continue;
			if (!page->gone && !memcmp(now, t->jump, sizeof(now)))
				regs->ip = page->start + n * UKL_TRAMPOLINE_SIZE +
					   t->site.at[1];
			else if (now[t->site.trap] != 0xcc)
				regs->ip--;
			else
				continue;
			return true;
		}
	}
	return false;
}

/*
 * Put back the program's own code in a range, where jumps lead to @page. False when
 * memory was short.
 */
static bool undo_jumps_to(const struct ukl_mm *um,
			  const struct trampoline_page *page,
			  unsigned long start, unsigned long end)
{
	const struct trampoline *t;
	unsigned long at;
	bool all = true;
	unsigned int n;
	int ret;

	for (n = 0; !page->gone && n < page->used; n++) {
		t = &page->trampolines[n];
		at = t->ip - t->site.before;
		if (!t->ip || at < start || at >= end)
			continue;
		ret = undo_page(um, at);
		/* Not when something else is there, huge pages for example */
		if (ret && ret != -EINVAL && ret != -EFAULT && ret != -EOPNOTSUPP)
			all = false;
	}
	return all;
}

/* The same, wherever they lead. */
static bool undo_range(const struct ukl_mm *um, unsigned long start,
		       unsigned long end)
{
	bool all = true;
	unsigned int i;

	for (i = 0; i < um->nr_pages; i++)
		all &= undo_jumps_to(um, um->pages[i], start, end);
	return all;
}

/**
 * ukl_unmap_range() - addresses are to have another mapping, or none
 * @mm: the address space, locked for writing
 * @start: first address
 * @len: bytes
 *
 * The program may do so where it knows of no mapping, but where trampolines are.
 * Their sites are SYSCALLs again.
 *
 * Return: 0, or -ENOMEM.
 */
int ukl_unmap_range(struct mm_struct *mm, unsigned long start, unsigned long len)
{
	struct ukl_mm *um = mm->context.ukl;
	struct trampoline_page *page;
	unsigned int i;

	for (i = 0; um && i < um->nr_pages; i++) {
		page = um->pages[i];
		if (page->gone || page->start - start >= PAGE_ALIGN(len))
			continue;
		if (!undo_jumps_to(um, page, 0, TASK_SIZE_MAX))
			return -ENOMEM;
		WRITE_ONCE(page->gone, true);
	}
	return 0;
}

/**
 * ukl_show_range() - the mapping of a part of the program is to change
 * @mm: the address space, locked for writing
 * @start: first address, at the begin of a page
 * @len: bytes
 *
 * Text that gets other permissions may be read, and jumps lead elsewhere from another
 * address. Trampolines there make room, as the program knows of none.
 *
 * Return: 0, or -ENOMEM.
 */
int ukl_show_range(struct mm_struct *mm, unsigned long start, unsigned long len)
{
	const unsigned long end = start + len;
	struct vm_area_struct *vma;
	struct vma_iterator vmi;

	if (!mm->context.ukl)
		return 0;
	vma_iter_init(&vmi, mm, start);
	for_each_vma_range(vmi, vma, end) {
		if (may_patch(vma) &&
		    !undo_range(mm->context.ukl, max(start, vma->vm_start),
				min(end, vma->vm_end)))
			return -ENOMEM;
	}
	return ukl_unmap_range(mm, start, len);
}

/**
 * ukl_unpatch() - put the program's own code back, for good
 * @mm: the process', of which a thread is to leave CPL 0, or which is traced
 *
 * Threads in a trampoline are at CPL 0, and find it where it was. Where the program
 * has changed its code since, that stays.
 *
 * Return: false when memory was short.
 */
bool ukl_unpatch(struct mm_struct *mm)
{
	struct ukl_mm *um = mm->context.ukl;
	bool all;

	if (!um || READ_ONCE(um->off))
		return true;
	if (mmap_write_lock_killable(mm))
		return false;
	all = um->off || undo_range(um, 0, TASK_SIZE_MAX);
	if (all)
		WRITE_ONCE(um->off, true);
	mmap_write_unlock(mm);
	return all;
}

/**
 * ukl_show_code() - a processor was denied access to a page by its protection key
 * @regs: registers of the fault, with interrupts off
 * @write: it was a write
 * @addr: where it was
 *
 * Return: whether the access is to be tried again, as it was our key's doing: the
 * jumps that were in the page are no more.
 */
bool ukl_show_code(struct pt_regs *regs, bool write, unsigned long addr)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	u32 pkru = read_pkru();
	bool again;

	/* Another key, or no access by key 0, is the program's own matter. */
	if (!mm || !mm->context.ukl || faulthandler_disabled() ||
	    !(regs->flags & X86_EFLAGS_IF) ||
	    !(write ? __pkru_allows_write(pkru, 0) : __pkru_allows_read(pkru, 0)))
		return false;
	local_irq_enable();
	if (mmap_write_lock_killable(mm)) {
		/* It ends on its way out; in a call, the call fails first. */
		again = user_mode(regs);
	} else {
		vma = vma_lookup(mm, addr);
		/* What is no text any more has lost our key by that. */
		again = vma && !vma_pkey(vma) &&
			(!may_patch(vma) || !undo_page(mm->context.ukl, addr));
		mmap_write_unlock(mm);
	}
	local_irq_disable();
	return again;
}

/**
 * ukl_traced() - a tracer has attached to a task
 * @task: which may set breakpoints from now on
 */
void ukl_traced(struct task_struct *task)
{
	struct mm_struct *mm = get_task_mm(task);

	if (!mm)
		return;
	ukl_unpatch(mm);
	mmput(mm);
}

/**
 * ukl_deactivate_mm() - a thread ends, or leaves its program by exec
 * @task: the thread
 * @mm: the address space that it leaves, to whose calls its own are added; NULL
 *	when it was a kernel thread
 */
void ukl_deactivate_mm(struct task_struct *task, struct mm_struct *mm)
{
	unsigned long n[2] = { task->thread.ukl_syscalls, task->thread.ukl_jumps };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		atomic64_add(n[i], &all_calls[i]);
		if (mm && mm->context.ukl)
			atomic64_add(n[i], &mm->context.ukl->calls[i]);
	}
	ukl_copy_thread(task);
}

static struct ukl_mm *alloc_mm(struct mm_struct *mm)
{
	struct ukl_mm *um = kzalloc(sizeof(*um), GFP_KERNEL);

	if (um)
		um->mm = mm;
	return um;
}

/**
 * ukl_patch_exec() - a new program begins, in a new address space
 * @binary: it runs at CPL 0 and has not been linked for that
 */
void ukl_patch_exec(bool binary)
{
	struct ukl_mm *um;

	if (!binary || !patch_after)
		return;
	/* Without memory for it the program stays as it is. */
	um = alloc_mm(current->mm);
	current->mm->context.ukl = um;
	/* A tracer that attaches sets ptrace, and then looks for what is to be undone. */
	smp_mb();
	if (um && current->ptrace)
		um->off = true;
}

/**
 * ukl_dup_mm() - a process forks
 * @oldmm: its address space, locked
 * @mm: the child's, which has the same mappings
 */
int ukl_dup_mm(struct mm_struct *oldmm, struct mm_struct *mm)
{
	struct ukl_mm *old = oldmm->context.ukl, *new;
	unsigned int i;

	if (!old)
		return 0;
	new = alloc_mm(mm);
	if (!new)
		return -ENOMEM;
	mm->context.ukl = new;
	new->off = old->off;
	memcpy(new->sites, old->sites, sizeof(old->sites));
	for (i = 0; i < SITES; i++) {
		if (!new->sites[i].ip)
			continue;
		atomic_inc(&all_seen);
		atomic_inc(&all_sites[new->sites[i].verdict]);
	}
	for (i = 0; i < old->nr_pages; i++) {
		new->pages[i] = kmemdup(old->pages[i], sizeof(*old->pages[i]),
					GFP_KERNEL);
		if (!new->pages[i])
			return -ENOMEM;
		new->nr_pages++;
	}
	return 0;
}

/**
 * ukl_free_mm() - an address space is gone
 * @mm: nothing runs in it
 */
void ukl_free_mm(struct mm_struct *mm)
{
	struct ukl_mm *um = mm->context.ukl;
	unsigned int i;

	if (!um)
		return;
	for (i = 0; i < um->nr_pages; i++)
		kfree(um->pages[i]);
	kfree(um);
}

/*
 * The lines of both files in /proc, "NAME: NUMBER": the SYSCALL instructions that
 * were executed at CPL 0 ("sites"), what has become of them (enum ukl_verdict),
 * and the calls of patched programs by their way.
 */
static void show(struct seq_file *m, unsigned int seen,
		 const unsigned int sites[UKL_SITE_VERDICTS],
		 const unsigned long calls[2])
{
	unsigned int i;

	seq_printf(m, "sites: %u\n", seen);
	for (i = UKL_SITE_NEW + 1; i < UKL_SITE_VERDICTS; i++)
		seq_printf(m, "sites %s: %u\n", verdict_names[i], sites[i]);
	seq_printf(m, "calls by SYSCALL: %lu\ncalls by jump: %lu\n", calls[0],
		   calls[1]);
}

static void add_calls(struct task_struct *t, unsigned long calls[2])
{
	calls[0] += READ_ONCE(t->thread.ukl_syscalls);
	calls[1] += READ_ONCE(t->thread.ukl_jumps);
}

/**
 * proc_pid_ukl() - /proc/PID/ukl: the patches of a process, since its exec
 * @m: the file
 * @ns: unused
 * @pid: unused
 * @task: the leader of the process
 */
int proc_pid_ukl(struct seq_file *m, struct pid_namespace *ns, struct pid *pid,
		 struct task_struct *task)
{
	unsigned int sites[UKL_SITE_VERDICTS] = {}, seen = 0, i;
	struct mm_struct *mm = get_task_mm(task);
	unsigned long calls[2] = {};
	struct task_struct *t;
	struct ukl_mm *um;

	if (!mm)
		return 0;
	um = mm->context.ukl;
	for (i = 0; um && i < SITES; i++) {
		if (!um->sites[i].ip)
			continue;
		seen++;
		sites[um->sites[i].verdict]++;
	}
	for (i = 0; um && i < 2; i++)
		calls[i] = atomic64_read(&um->calls[i]);
	rcu_read_lock();
	for_each_thread(task, t)
		add_calls(t, calls);
	rcu_read_unlock();
	mmput(mm);
	show(m, seen, sites, calls);
	return 0;
}

static void all(unsigned int sites[UKL_SITE_VERDICTS], unsigned long calls[2])
{
	struct task_struct *p, *t;
	unsigned int i;

	for (i = 0; i < UKL_SITE_VERDICTS; i++)
		sites[i] = atomic_read(&all_sites[i]);
	for (i = 0; i < 2; i++)
		calls[i] = atomic64_read(&all_calls[i]);
	rcu_read_lock();
	for_each_process_thread(p, t)
		add_calls(t, calls);
	rcu_read_unlock();
}

/* /proc/ukl: the same of all processes since the start of the system */
static int show_all(struct seq_file *m, void *v)
{
	unsigned int sites[UKL_SITE_VERDICTS];
	unsigned long calls[2];

	all(sites, calls);
	show(m, atomic_read(&all_seen), sites, calls);
	return 0;
}

/**
 * ukl_patch_report() - with ukl.stats, say what was patched
 *
 * At the end of the system, when all programs have ended.
 */
void ukl_patch_report(void)
{
	unsigned int sites[UKL_SITE_VERDICTS];
	unsigned long calls[2];

	if (!stats)
		return;
	all(sites, calls);
	pr_warn("ukl: calls: %lu by jump, %lu by SYSCALL; sites: %u patched of %u\n",
		calls[1], calls[0], sites[UKL_SITE_PATCHED],
		atomic_read(&all_seen));
}

static int __init make_file(void)
{
	proc_create_single("ukl", 0444, NULL, show_all);
	return 0;
}
fs_initcall(make_file);
