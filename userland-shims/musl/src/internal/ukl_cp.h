/* SPDX-License-Identifier: MIT */
/*
 * Cancellation points as direct calls; included at the end of syscall.h.
 *
 * musl sends every cancellation point through __syscall_cp_asm, whose bounds
 * the handler of SIGCANCEL compares with the interrupted PC. Here each call
 * site has such bounds of its own: from the test of self->cancel up to the
 * return address of the call. A thread interrupted in between (the kernel
 * shows the address of the call instruction when the call is to be restarted)
 * has not had its call done and goes to the site's slow path, where
 * __syscall_cp_c decides as ever. All arguments are still in place there.
 * The return address itself is outside: that call is complete.
 */

/* offsetof(struct pthread, cancel); ukl_cp.c checks it. */
#define UKL_TP_CANCEL 60

/* One cancellable call site; distances from each field to the code. */
struct ukl_cp_site {
	int begin, end, slow;
};

#define __UKL_CALL_CP \
	"1:	cmpl $0,%%fs:%c[off]\n" \
	"	jne 3f\n" \
	"	" __UKL_CALL "\n" \
	"2:\n" \
	"	.pushsection .text.unlikely,\"ax\",@progbits\n" \
	"3:	call __ukl_cp_slow\n" \
	"	jmp 2b\n" \
	"	.popsection\n" \
	"	.pushsection ukl_cp_sites,\"a\",@progbits\n" \
	"	.balign 4\n" \
	"	.long 1b-., 2b-., 3b-.\n" \
	"	.popsection"

/* The slow path runs C code, which may use the SSE registers. */
#define __UKL_SSE , "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", \
	"xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

#define __UKL_SYSCALL_CP(io, cl) \
	__UKL_ASM(__UKL_CALL_CP, n, \
		  __UKL_L(, [nr] "i"(n), [off] "i"(UKL_TP_CANCEL)), \
		  __UKL_L(io), __UKL_L(cl __UKL_SSE))

/* The calls without the treatment of their errors. */
__UKL_INLINE long __ukl_cp0(long n)
{
	unsigned long ret;
	if (!__builtin_constant_p(n)) return (__syscall_cp)(n, 0, 0, 0, 0, 0, 0);
	__UKL_SYSCALL_CP(__UKL_IO0, __UKL_L(__UKL_CL0));
	return ret;
}

__UKL_INLINE long __ukl_cp1(long n, long a1)
{
	unsigned long ret;
	if (!__builtin_constant_p(n)) return (__syscall_cp)(n, a1, 0, 0, 0, 0, 0);
	__UKL_SYSCALL_CP(__UKL_L(__UKL_IO1), __UKL_L(__UKL_CL1));
	return ret;
}

__UKL_INLINE long __ukl_cp2(long n, long a1, long a2)
{
	unsigned long ret;
	if (!__builtin_constant_p(n)) return (__syscall_cp)(n, a1, a2, 0, 0, 0, 0);
	__UKL_SYSCALL_CP(__UKL_L(__UKL_IO2), __UKL_L(__UKL_CL2));
	return ret;
}

__UKL_INLINE long __ukl_cp3(long n, long a1, long a2, long a3)
{
	unsigned long ret;
	if (!__builtin_constant_p(n)) return (__syscall_cp)(n, a1, a2, a3, 0, 0, 0);
	__UKL_SYSCALL_CP(__UKL_L(__UKL_IO3), __UKL_L(__UKL_CL3));
	return ret;
}

__UKL_INLINE long __ukl_cp4(long n, long a1, long a2, long a3, long a4)
{
	unsigned long ret;
	if (!__builtin_constant_p(n)) return (__syscall_cp)(n, a1, a2, a3, a4, 0, 0);
	__UKL_R10;
	__UKL_SYSCALL_CP(__UKL_L(__UKL_IO4), __UKL_L(__UKL_CL4));
	return ret;
}

__UKL_INLINE long __ukl_cp5(long n, long a1, long a2, long a3, long a4, long a5)
{
	unsigned long ret;
	if (!__builtin_constant_p(n)) return (__syscall_cp)(n, a1, a2, a3, a4, a5, 0);
	__UKL_R10; __UKL_R8;
	__UKL_SYSCALL_CP(__UKL_L(__UKL_IO5), __UKL_L(__UKL_CL5));
	return ret;
}

__UKL_INLINE long __ukl_cp6(long n, long a1, long a2, long a3, long a4, long a5, long a6)
{
	unsigned long ret;
	if (!__builtin_constant_p(n)) return (__syscall_cp)(n, a1, a2, a3, a4, a5, a6);
	__UKL_R10; __UKL_R8; __UKL_R9;
	__UKL_SYSCALL_CP(__UKL_L(__UKL_IO6), __UKL_L(__UKL_CL6));
	return ret;
}

/*
 * A call that SIGCANCEL interrupted without a restart fails with EINTR and is
 * cancelled here; not so close(), which has done its work by then.
 */
hidden long __ukl_cp_eintr(void);

__UKL_INLINE long __ukl_cp_done(long n, long r)
{
	if (__builtin_expect(r == -EINTR, 0) && n != SYS_close)
		r = __ukl_cp_eintr();
	return r;
}

/* The error tests inline and off the way of the calls that succeed. */
__UKL_INLINE long __ukl_ret(unsigned long r)
{
	return __builtin_expect(r > -4096UL, 0) ? __syscall_ret(r) : (long)r;
}

__UKL_INLINE long __ukl_cp_ret(long n, unsigned long r)
{
	return __builtin_expect(r > -4096UL, 0)
		? __syscall_ret(__ukl_cp_done(n, r)) : (long)r;
}

#undef __syscall_cp0
#undef __syscall_cp1
#undef __syscall_cp2
#undef __syscall_cp3
#undef __syscall_cp4
#undef __syscall_cp5
#undef __syscall_cp6
#define __syscall_cp0(n) __ukl_cp_done(n, __ukl_cp0(n))
#define __syscall_cp1(n,a) __ukl_cp_done(n, __ukl_cp1(n,__scc(a)))
#define __syscall_cp2(n,a,b) __ukl_cp_done(n, __ukl_cp2(n,__scc(a),__scc(b)))
#define __syscall_cp3(n,a,b,c) __ukl_cp_done(n, __ukl_cp3(n,__scc(a),__scc(b),__scc(c)))
#define __syscall_cp4(n,a,b,c,d) __ukl_cp_done(n, __ukl_cp4(n,__scc(a),__scc(b),__scc(c),__scc(d)))
#define __syscall_cp5(n,a,b,c,d,e) \
	__ukl_cp_done(n, __ukl_cp5(n,__scc(a),__scc(b),__scc(c),__scc(d),__scc(e)))
#define __syscall_cp6(n,a,b,c,d,e,f) \
	__ukl_cp_done(n, __ukl_cp6(n,__scc(a),__scc(b),__scc(c),__scc(d),__scc(e),__scc(f)))

#define __ukl_scp0(n) __ukl_cp_ret(n, __ukl_cp0(n))
#define __ukl_scp1(n,a) __ukl_cp_ret(n, __ukl_cp1(n,__scc(a)))
#define __ukl_scp2(n,a,b) __ukl_cp_ret(n, __ukl_cp2(n,__scc(a),__scc(b)))
#define __ukl_scp3(n,a,b,c) __ukl_cp_ret(n, __ukl_cp3(n,__scc(a),__scc(b),__scc(c)))
#define __ukl_scp4(n,a,b,c,d) __ukl_cp_ret(n, __ukl_cp4(n,__scc(a),__scc(b),__scc(c),__scc(d)))
#define __ukl_scp5(n,a,b,c,d,e) \
	__ukl_cp_ret(n, __ukl_cp5(n,__scc(a),__scc(b),__scc(c),__scc(d),__scc(e)))
#define __ukl_scp6(n,a,b,c,d,e,f) \
	__ukl_cp_ret(n, __ukl_cp6(n,__scc(a),__scc(b),__scc(c),__scc(d),__scc(e),__scc(f)))

#undef syscall
#undef syscall_cp
#define syscall(...) __ukl_ret(__syscall(__VA_ARGS__))
#define syscall_cp(...) __SYSCALL_DISP(__ukl_scp,__VA_ARGS__)

/* x86_64 has all socket calls as system calls of their own. */
#undef socketcall
#undef socketcall_cp
#undef __socketcall
#undef __socketcall_cp
#define socketcall(nm,a,b,c,d,e,f) syscall(SYS_##nm,a,b,c,d,e,f)
#define socketcall_cp(nm,a,b,c,d,e,f) syscall_cp(SYS_##nm,a,b,c,d,e,f)
#define __socketcall(nm,a,b,c,d,e,f) __syscall(SYS_##nm,a,b,c,d,e,f)
#define __socketcall_cp(nm,a,b,c,d,e,f) __syscall_cp(SYS_##nm,a,b,c,d,e,f)
