/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _UKL_TABLE_H
#define _UKL_TABLE_H

/*
 * The call table: one 8-byte pointer a system call, at an address that no
 * build and no randomisation moves, so that an application can be linked
 * against it: "call *UKL_TABLE+8*nr". It takes the page of the fixmap that
 * the vsyscall page has on kernels that emulate it; the displacement of an
 * absolute call is sign extended (Intel SDM vol. 2, "CALL"), hence the
 * address in the top 2 GiB.
 */
#define UKL_TABLE		0xffffffffff600000
#define UKL_TABLE_ENTRIES	512

/* Length of "call *disp32" and of "call *disp32(,%rax,8)", in bytes. */
#define UKL_CALL_LEN		7

#endif /* _UKL_TABLE_H */
