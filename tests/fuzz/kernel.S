/* SPDX-License-Identifier: GPL-2.0 */
/* As little of a kernel as scripts/mkimage.c needs. */
	.section .note, "a", @note
	.long	4, 8, 18
	.asciz	"Xen"
	.quad	_start

	.text
	.global	_start
_start:
	hlt
	.fill	0x5000

	.data
	.global	phys_initrd_start, phys_initrd_size, builtin_cmdline
	.type	phys_initrd_start, @object
	.size	phys_initrd_start, 8
phys_initrd_start:
	.quad	0
	.type	phys_initrd_size, @object
	.size	phys_initrd_size, 8
phys_initrd_size:
	.quad	0
	.type	builtin_cmdline, @object
	.size	builtin_cmdline, 512
builtin_cmdline:
	.fill	512, 1, 1
	.bss
	.skip	0x8000
