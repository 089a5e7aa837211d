// SPDX-License-Identifier: GPL-2.0
/*
 * UniLinux: files of the initramfs where they lie in the image.
 *
 * The archive that scripts/mkimage.c puts into an image has the data of files at
 * the beginning of a page. Their whole pages become the page cache of the file
 * instead of being copied to it. The page allocator has never had them, as they
 * were reserved at boot; from now on they are pages like all others, and come to
 * it when the file gives them up.
 *
 * Linux frees the archive from initrd_start on when all of it has been read. So
 * what lies before the pages that a file takes is freed here, and initrd_start
 * is moved behind them.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/initrd.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pgalloc_tag.h>
#include <linux/printk.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/vmstat.h>
#include <ukl/initramfs.h>

static unsigned long taken_pages;
static bool retain __initdata;

/* The whole archive then stays where it is, as a file in /sys/firmware. */
static int __init retain_initrd(char *str)
{
	retain = true;
	return 0;
}
early_param("retain_initrd", retain_initrd);

/*
 * As a write to the file would, but that the page is there already. Filesystems
 * in memory keep nothing but dirty pages.
 */
static int __init take_page(struct address_space *mapping, pgoff_t index,
			    struct page *page)
{
	struct folio *folio = page_folio(page);
	int err;

	clear_page_tag_ref(page);
	ClearPageReserved(page);
	init_page_count(page);

	err = mem_cgroup_charge(folio, NULL, GFP_KERNEL);
	if (err)
		goto reserve;
	__folio_set_locked(folio);
	err = __filemap_add_folio(mapping, folio, index, GFP_KERNEL, NULL);
	if (err) {
		__folio_clear_locked(folio);
		mem_cgroup_uncharge(folio);
		goto reserve;
	}
	if (shmem_mapping(mapping)) {
		folio_set_swapbacked(folio);
		lruvec_stat_mod_folio(folio, NR_SHMEM, 1);
	}
	folio_mark_uptodate(folio);
	folio_mark_dirty(folio);
	/* Which list it goes to depends on the flags. */
	folio_add_lru(folio);
	folio_unlock(folio);
	folio_put(folio);
	adjust_managed_page_count(page, 1);
	return 0;

reserve:
	SetPageReserved(page);
	return err;
}

static unsigned long __init take_pages(struct address_space *mapping,
				       unsigned long start, unsigned long nr)
{
	struct inode *inode = mapping->host;
	bool shmem = shmem_mapping(mapping);
	unsigned long i;

	/* A tmpfs has a limit, and counts the pages in two places. */
	if (shmem && !shmem_charge(inode, nr))
		return 0;
	for (i = 0; i < nr; i++) {
		if (take_page(mapping, i, virt_to_page(start + i * PAGE_SIZE)))
			break;
	}
	if (shmem) {
		/* Counted by shmem_charge() and again as they were added. */
		xa_lock_irq(&mapping->i_pages);
		mapping->nrpages -= nr;
		xa_unlock_irq(&mapping->i_pages);
		if (i < nr)
			shmem_uncharge(inode, nr - i);
	}
	return i;
}

/**
 * ukl_initramfs_take - give a file its data where they lie in the archive
 * @file: open for writing, and empty but for its size
 * @data: of the file, in the buffer that is unpacked
 * @len: bytes of it
 *
 * Nothing is taken unless the data begin on a page of the archive that came with
 * the kernel as it is, not compressed. What lies before them there is freed.
 *
 * Return: how much was taken, from the beginning. The rest is to be written.
 */
unsigned long __init ukl_initramfs_take(struct file *file, char *data,
					unsigned long len)
{
	struct address_space *mapping = file->f_mapping;
	unsigned long start = (unsigned long)data;
	unsigned long nr = len / PAGE_SIZE;

	if (retain || !nr || !PAGE_ALIGNED(start) ||
	    start < initrd_start || start >= initrd_end)
		return 0;
	if (!shmem_mapping(mapping) && mapping->a_ops != &ram_aops)
		return 0;
	if (i_size_read(mapping->host) < len)
		return 0;

	free_reserved_area((void *)initrd_start, data, -1, NULL);
	initrd_start = start;

	inode_lock(mapping->host);
	nr = take_pages(mapping, start, nr);
	inode_unlock(mapping->host);

	initrd_start += nr * PAGE_SIZE;
	taken_pages += nr;
	return nr * PAGE_SIZE;
}

/** ukl_initramfs_report - say how much was taken, when all is unpacked */
void ukl_initramfs_report(void)
{
	pr_info("ukl: initramfs: %lu KiB in place\n",
		taken_pages * (PAGE_SIZE / SZ_1K));
}
