/* SPDX-License-Identifier: MIT */
/*
 * System calls of UniLinux programs: a call through the kernel's table of
 * thunks instead of the SYSCALL instruction. The registers are those of
 * SYSCALL, but the argument registers are lost.
 *
 * Only two forms of the call are allowed, both 7 bytes long, because the
 * kernel steps back 7 bytes to restart a call:
 *   constant number   call *__ukl_call_<nr>         resolved by the linker
 *   variable number   call *__ukl_call_0(,%rax,8)   after a bounds check
 * A number beyond the table goes to the kernel by SYSCALL: a filter, a tracer or
 * SIGSYS may have an answer to it.
 *
 * The call writes a return address below RSP, unknown to the compiler: the
 * red zone must be off (-mno-red-zone).
 */
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

#define __UKL_CALL "call *__ukl_call_%c[nr]"

#define __UKL_CALL_VAR \
	"cmp $511,%%rax\n\t" \
	"ja 1f\n\t" \
	"call *__ukl_call_0(,%%rax,8)\n\t" \
	"jmp 2f\n" \
	"1:	syscall\n" \
	"2:"

/* Lists, to pass several operands as one macro argument. */
#define __UKL_L(...) __VA_ARGS__

/* in: further inputs; io: arguments, all lost; cl: unused argument registers */
#define __UKL_ASM(code, n, in, io, cl) \
	__asm__ __volatile__ (code : "=a"(ret) io : "0"(n) in \
			      : "rcx", "r11" cl, "memory")

#define __UKL_SYSCALL(io, cl) do { \
	if (__builtin_constant_p(n)) \
		__UKL_ASM(__UKL_CALL, n, __UKL_L(, [nr] "i"(n)), \
			  __UKL_L(io), __UKL_L(cl)); \
	else \
		__UKL_ASM(__UKL_CALL_VAR, n, , __UKL_L(io), __UKL_L(cl)); \
} while (0)

#define __UKL_IO0
#define __UKL_IO1 , "+D"(a1)
#define __UKL_IO2 , "+D"(a1), "+S"(a2)
#define __UKL_IO3 , "+D"(a1), "+S"(a2), "+d"(a3)
#define __UKL_IO4 , "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10)
#define __UKL_IO5 , "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
#define __UKL_IO6 , "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8), "+r"(r9)

#define __UKL_CL0 , "rdi", "rsi", "rdx", "r10", "r8", "r9"
#define __UKL_CL1 , "rsi", "rdx", "r10", "r8", "r9"
#define __UKL_CL2 , "rdx", "r10", "r8", "r9"
#define __UKL_CL3 , "r10", "r8", "r9"
#define __UKL_CL4 , "r8", "r9"
#define __UKL_CL5 , "r9"
#define __UKL_CL6

#define __UKL_R10 register long r10 __asm__("r10") = a4
#define __UKL_R8 register long r8 __asm__("r8") = a5
#define __UKL_R9 register long r9 __asm__("r9") = a6

#define __UKL_INLINE static __inline __attribute__((__always_inline__))

__UKL_INLINE long __syscall0(long n)
{
	unsigned long ret;
	__UKL_SYSCALL(__UKL_IO0, __UKL_CL0);
	return ret;
}

__UKL_INLINE long __syscall1(long n, long a1)
{
	unsigned long ret;
	__UKL_SYSCALL(__UKL_L(__UKL_IO1), __UKL_L(__UKL_CL1));
	return ret;
}

__UKL_INLINE long __syscall2(long n, long a1, long a2)
{
	unsigned long ret;
	__UKL_SYSCALL(__UKL_L(__UKL_IO2), __UKL_L(__UKL_CL2));
	return ret;
}

__UKL_INLINE long __syscall3(long n, long a1, long a2, long a3)
{
	unsigned long ret;
	__UKL_SYSCALL(__UKL_L(__UKL_IO3), __UKL_L(__UKL_CL3));
	return ret;
}

__UKL_INLINE long __syscall4(long n, long a1, long a2, long a3, long a4)
{
	unsigned long ret;
	__UKL_R10;
	__UKL_SYSCALL(__UKL_L(__UKL_IO4), __UKL_L(__UKL_CL4));
	return ret;
}

__UKL_INLINE long __syscall5(long n, long a1, long a2, long a3, long a4, long a5)
{
	unsigned long ret;
	__UKL_R10; __UKL_R8;
	__UKL_SYSCALL(__UKL_L(__UKL_IO5), __UKL_L(__UKL_CL5));
	return ret;
}

__UKL_INLINE long __syscall6(long n, long a1, long a2, long a3, long a4, long a5, long a6)
{
	unsigned long ret;
	__UKL_R10; __UKL_R8; __UKL_R9;
	__UKL_SYSCALL(__UKL_L(__UKL_IO6), __UKL_L(__UKL_CL6));
	return ret;
}

#define VDSO_USEFUL
#define VDSO_CGT_SYM "__vdso_clock_gettime"
#define VDSO_CGT_VER "LINUX_2.6"
#define VDSO_GETCPU_SYM "__vdso_getcpu"
#define VDSO_GETCPU_VER "LINUX_2.6"

#define IPC_64 0
