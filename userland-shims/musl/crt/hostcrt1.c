/* SPDX-License-Identifier: MIT */
/*
 * Start-up code for programs that a build runs on the building machine, the
 * probes of configure scripts: without note and check, and with a table of
 * system calls of its own, where every slot leads to a SYSCALL instruction.
 */
#undef CRT
#include "crt1.c"

__asm__(
".altmacro \n"
".macro slot nr \n"
".global __ukl_call_\\nr \n"
".hidden __ukl_call_\\nr \n"
"__ukl_call_\\nr: .quad ukl_host_syscall \n"
".endm \n"
".pushsection .rodata,\"a\",@progbits \n"
".balign 8 \n"
".set i, 0 \n"
".rept 512 \n"
"slot %i \n"
".set i, i+1 \n"
".endr \n"
".popsection \n"
".text \n"
"ukl_host_syscall: \n"
"	syscall \n"
"	ret \n"
);
