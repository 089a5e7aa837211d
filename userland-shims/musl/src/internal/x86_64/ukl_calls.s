# SPDX-License-Identifier: MIT
# __ukl_call_<nr>: the slots of the kernel's table of system call thunks, as
# absolute symbols. Linked in front of libc, another object may define them
# otherwise, as hostcrt1.o does.
.altmacro
.macro slot nr
.global __ukl_call_\nr
.hidden __ukl_call_\nr
.set __ukl_call_\nr, 0xffffffffff600000 + 8*\nr
.endm

.set i, 0
.rept 512
slot %i
.set i, i+1
.endr
