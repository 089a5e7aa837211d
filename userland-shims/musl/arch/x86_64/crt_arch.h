/* SPDX-License-Identifier: MIT */
#ifdef CRT

/*
 * The mark by which a UniLinux kernel knows a program that is to run at
 * CPL 0: a note of type 1, whose one word is the version of the ABI.
 */
__asm__(
".pushsection .note.unilinux,\"a\",@note \n"
".balign 4 \n"
".long 2f-1f, 4f-3f, 1 \n"
"1: .asciz \"UniLinux\" \n"
"2: .balign 4 \n"
"3: .long 1 \n"
"4: .popsection \n"
);

/* Any other kernel starts it at ring 3, without the table of system calls. */
#define UKL_CHECK \
"	mov %cs,%eax \n" \
"	test $3,%al \n" \
"	jz 2f \n" \
"	mov $1,%eax \n" /* write */ \
"	mov $2,%edi \n" \
"	lea 3f(%rip),%rsi \n" \
"	mov $4f-3f,%edx \n" \
"	syscall \n" \
"	mov $231,%eax \n" /* exit_group */ \
"	mov $127,%edi \n" \
"	syscall \n" \
"	hlt \n" \
"3:	.ascii \"unilinux: this program needs a UniLinux kernel; " \
	"for stock Linux build it with an ordinary compiler\\n\" \n" \
"4: \n" \
"2: \n"

#else
#define UKL_CHECK
#endif

__asm__(
".text \n"
".global " START " \n"
START ": \n"
UKL_CHECK
"	xor %rbp,%rbp \n"
"	mov %rsp,%rdi \n"
".weak _DYNAMIC \n"
".hidden _DYNAMIC \n"
"	lea _DYNAMIC(%rip),%rsi \n"
"	andq $-16,%rsp \n"
"	call " START "_c \n"
);

/*
 * Compilers and prebuilt libraries choose functions at start-up by IRELATIVE
 * relocations, which musl leaves alone. The first constructor applies them.
 */
struct ukl_rela {
	unsigned long *offset, info;
	unsigned long (*addend)(void);
};

extern __attribute__((__weak__, __visibility__("hidden")))
const struct ukl_rela __rela_iplt_start[], __rela_iplt_end[];

static void ukl_apply_irelative(void)
{
	for (const struct ukl_rela *r = __rela_iplt_start; r < __rela_iplt_end; r++)
		*r->offset = r->addend();
}

__attribute__((__used__, __section__(".init_array.00000")))
static void (*const ukl_apply_irelative_ctor)(void) = ukl_apply_irelative;
