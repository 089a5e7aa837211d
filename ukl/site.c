// SPDX-License-Identifier: GPL-2.0
/*
 * The code before a SYSCALL instruction, and its copy in a trampoline.
 *
 *   program                        trampoline
 *   mov $39,%eax  ->  jmp A        A: mov $39,%eax
 *   syscall           syscall         lea B(%rip),%rcx
 *   B: ...            B: ...          jmp *the kernel's entry of call 39
 *
 * One whole instruction becomes one other, shorter or as long. SYSCALL itself and
 * all that lies between the two stay, so it does not matter where else the
 * program jumps to, nor where its threads are; nothing is written to its stack;
 * and a call that is to be restarted goes back to SYSCALL. Where all instructions
 * are short, two become one jump, whose bytes have an int3 where the second one
 * was: who comes there is sent to its copy. What must be certain is
 * where instructions begin. That cannot be told from the bytes right before
 * SYSCALL alone, but code that is decoded from a wrong start falls into step
 * after some instructions: so decode from every byte further up.
 */
#include <asm/insn.h>
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#define noinstr
#endif
#include "site.h"

/* lea disp32(%rip),%rcx and jmp *disp32, and jcc rel32, in bytes */
#define LEA_LEN		7
#define JMP_SLOT_LEN	7
#define JCC_LEN		6

/* Of the starts further up, one in so many has to lead to SYSCALL. */
#define AGREE_ONE_IN	2

/*
 * Where the kernel's decoder is right about the length of a 0F opcode. It takes one
 * that it does not know for an instruction without operands, also when it only knows
 * it with a prefix which is not the last one.
 */
static bool is_known(const struct insn *insn)
{
	if (insn->opcode.nbytes != 2)
		return insn->modrm.nbytes;

	switch (insn->opcode.bytes[1]) {
	case 0x05 ... 0x09:	/* Intel SDM vol. 2, appendix A: no operands */
	case 0x0b:
	case 0x30 ... 0x35:
	case 0x37:
	case 0x77:
	case 0xa0 ... 0xa2:
	case 0xa8 ... 0xaa:
	case 0xc8 ... 0xcf:
		return true;
	case 0x20 ... 0x23:	/* control registers: memory is no operand */
	case 0x78:		/* SSE4a: immediates */
		return false;
	case 0x71 ... 0x73:
		return insn->immediate.nbytes;
	default:
		return insn->modrm.nbytes || insn->immediate.nbytes;
	}
}

/* Also refuses what the kernel's decoder knows and 64-bit mode does not. */
static bool decode(const u8 *code, unsigned int size, struct insn *insn)
{
	if (insn_decode(insn, code, size, INSN_MODE_64))
		return false;
	if (insn->vex_prefix.nbytes)
		return true;
	if (insn->opcode.nbytes != 1)
		return is_known(insn);

	switch (insn->opcode.bytes[0]) {
	case 0x26:		/* a prefix behind REX, which then counts for nothing */
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x40 ... 0x4f:
	case 0x64 ... 0x67:
	case 0xf0:
	case 0xf2 ... 0xf3:
		return false;
	case 0x06 ... 0x07:	/* Intel SDM vol. 2, appendix A, "i64" */
	case 0x0e:
	case 0x16 ... 0x17:
	case 0x1e ... 0x1f:
	case 0x27:
	case 0x2f:
	case 0x37:
	case 0x3f:
	case 0x60 ... 0x62:
	case 0x82:
	case 0x9a:
	case 0xce:
	case 0xd4 ... 0xd6:
	case 0xea:
		return false;
	case 0x8f:		/* XOP, of which the length is another */
		return X86_MODRM_REG(insn->modrm.value) == 0;
	default:
		return true;
	}
}

/*
 * Mark where instructions begin in @code, which ends before a SYSCALL: each
 * start in the first half that leads there at all has to pass the place. Returns
 * false when too few do.
 */
static bool find_boundaries(const u8 *code, unsigned int size, bool *boundary)
{
	u8 len[UKL_SITE_WINDOW], passed[UKL_SITE_WINDOW] = {};
	bool leads[UKL_SITE_WINDOW + 1] = {};
	unsigned int starts = size / 2, good = 0, i, at;
	struct insn insn;

	leads[size] = true;
	for (i = size; i-- > 0;) {
		len[i] = decode(code + i, size - i, &insn) ? insn.length : 0;
		leads[i] = len[i] && leads[i + len[i]];
	}

	for (i = 0; i < starts; i++) {
		if (!leads[i])
			continue;
		good++;
		for (at = i; at < size; at += len[at])
			passed[at]++;
	}
	for (i = 0; i < size; i++)
		boundary[i] = passed[i] == good;
	return good * AGREE_ONE_IN >= starts;
}

static bool is_jcc(const struct insn *insn)
{
	const u8 *op = insn->opcode.bytes;

	if (insn->vex_prefix.nbytes)
		return false;
	return (op[0] & 0xf0) == 0x70 || (op[0] == 0x0f && (op[1] & 0xf0) == 0x80);
}

/* Opcodes of Intel SDM vol. 2, appendix A: does it do the same elsewhere? */
static bool can_copy(struct insn *insn)
{
	const u8 *op = insn->opcode.bytes;
	u8 reg = X86_MODRM_REG(insn->modrm.value);
	unsigned int i;

	/* VEX and EVEX have no jumps; REX2 has other tables. */
	if (insn->vex_prefix.nbytes)
		return true;
	if (insn->rex_prefix.nbytes > 1)
		return false;
	/* Programs jump over LOCK, into the instruction. */
	for (i = 0; i < sizeof(insn->prefixes.bytes); i++)
		if (insn->prefixes.bytes[i] == 0xf0)
			return false;
	/* Addresses of 32 bits, which may be relative to EIP */
	if (insn->addr_bytes != 8)
		return false;

	switch (op[0]) {
	case 0x90:		/* nop: padding, maybe; xchg with REX.B */
		return X86_REX_B(insn->rex_prefix.bytes[0]);
	case 0x6c ... 0x6f:	/* ins, outs */
	case 0xc2 ... 0xc3:	/* ret */
	case 0xca ... 0xcf:	/* lret, int, iret */
	case 0xe0 ... 0xef:	/* loop, jrcxz, in, out, call, jmp */
	case 0xf1:		/* int1 */
	case 0xf4:		/* hlt */
	case 0xfa ... 0xfb:	/* cli, sti */
		return false;
	case 0xc6 ... 0xc7:	/* xabort, xbegin */
		return reg == 0;
	case 0xf6 ... 0xf7:	/* div, idiv: SIGFPE has the address */
		return reg < 6;
	case 0xff:		/* call, jmp */
		return reg < 2 || reg == 6;
	case 0x0f:
		break;
	default:
		return true;
	}

	switch (op[1]) {
	case 0x00 ... 0x0b:	/* system, syscall, ud2 */
	case 0x1e ... 0x1f:	/* endbr64, nop: a function begins here, maybe */
	case 0x20 ... 0x23:	/* control and debug registers */
	case 0x30 ... 0x37:	/* MSRs, sysenter */
	case 0x78 ... 0x79:	/* vmread, vmwrite */
	case 0xaa:		/* rsm */
	case 0xb9:		/* ud1 */
	case 0xff:		/* ud0 */
		return false;
	case 0x38:		/* invept, invvpid, invpcid; loadiwkey; wruss; enqcmds */
		return (op[2] & 0xfc) != 0x80 && op[2] != 0xdc &&
		       op[2] != 0xf5 && op[2] != 0xf8;
	case 0x3a:		/* hreset */
		return op[2] != 0xf0;
	case 0xae:		/* clrssbsy */
		return reg != 6;
	case 0xc7:		/* all but cmpxchg8b, rdrand, rdseed */
		return reg == 1 || X86_MODRM_MOD(insn->modrm.value) == 3;
	default:
		return true;
	}
}

/* Does it write some register other than RAX, and nothing else of interest? */
static bool leaves_rax(struct insn *insn)
{
	u8 op = insn->opcode.bytes[0];
	u8 rex = insn->rex_prefix.nbytes ? insn->rex_prefix.bytes[0] : 0;
	u8 modrm = insn->modrm.value;

	if (insn->vex_prefix.nbytes || insn->opcode.nbytes != 1)
		return false;
	switch (op) {
	case 0x89:		/* mov to r/m */
		return X86_MODRM_MOD(modrm) != 3 ||
		       X86_MODRM_RM(modrm) || X86_REX_B(rex);
	case 0x8b:		/* mov, lea to reg */
	case 0x8d:
		return X86_MODRM_REG(modrm) || X86_REX_R(rex);
	case 0xb9 ... 0xbf:	/* mov $imm32 */
		return true;
	case 0x31:		/* xor */
		return X86_MODRM_MOD(modrm) == 3 &&
		       (X86_MODRM_RM(modrm) || X86_REX_B(rex));
	default:
		return false;
	}
}

/*
 * Two instructions for a jump: where the second one begins, the jump needs an int3,
 * which can be in the upper half of its distance only.
 */
static bool is_pair(u8 first, u8 second)
{
	return (first == 3 || first == 4) && first + second >= UKL_JUMP_LEN;
}

/* The number that the instruction loads into RAX, or -1. */
static s32 number(struct insn *insn)
{
	u8 op = insn->opcode.bytes[0];

	if (insn->opcode.nbytes != 1 || insn->prefixes.nbytes)
		return -1;
	/* mov $imm32,%eax; mov $imm32,%rax; xor %eax,%eax */
	if (op == 0xb8 && !insn->rex_prefix.nbytes)
		return insn->immediate.value;
	if (op == 0xc7 && insn->rex_prefix.bytes[0] == 0x48 &&
	    insn->modrm.value == 0xc0)
		return insn->immediate.value;
	if ((op == 0x31 || op == 0x33) && !insn->rex_prefix.nbytes &&
	    insn->modrm.value == 0xc0)
		return 0;
	return -1;
}

/*
 * Go back from SYSCALL to an instruction that has room for a jump, or with @pairs to
 * two.
 */
static enum ukl_verdict find_room(const u8 *code, unsigned int size,
				  const bool *boundary, bool pairs,
				  struct ukl_site *site)
{
	unsigned int end = size, room, n = 0, at;
	bool known = false, jcc = true;
	struct insn insn;

	memset(site, 0, sizeof(*site));
	site->nr = -1;
	room = UKL_TRAMPOLINE_SIZE - LEA_LEN - JMP_SLOT_LEN;
	/* The lengths in reverse first, as they are found. */
	while (n < UKL_SITE_INSNS) {
		for (at = end - 1; at > size / 2 && !boundary[at]; at--)
			;
		if (!boundary[at] || !decode(code + at, end - at, &insn) ||
		    at + insn.length != end)
			return UKL_SITE_UNCLEAR;
		if (!can_copy(&insn))
			return UKL_SITE_SHORT;

		if (!known) {
			site->nr = number(&insn);
			known = site->nr >= 0 || !leaves_rax(&insn);
		}
		site->len[n++] = insn.length;
		end = at;
		if (room < (is_jcc(&insn) ? JCC_LEN : insn.length))
			return UKL_SITE_SHORT;
		room -= is_jcc(&insn) ? JCC_LEN : insn.length;

		/* Both of a pair are no jumps, and before SYSCALL. */
		if (pairs && !jcc && !is_jcc(&insn) &&
		    is_pair(insn.length, site->len[n - 2]))
			site->trap = insn.length;
		jcc = is_jcc(&insn);
		if (!site->trap && (jcc || insn.length < UKL_JUMP_LEN))
			continue;

		site->before = size - end;
		site->count = n;
		for (at = 0; at < n / 2; at++) {
			u8 tmp = site->len[at];

			site->len[at] = site->len[n - 1 - at];
			site->len[n - 1 - at] = tmp;
		}
		return UKL_SITE_PATCHED;
	}
	return UKL_SITE_SHORT;
}

/**
 * ukl_site_find() - can a SYSCALL be replaced by a jump before it?
 * @code: bytes of the program in front of the SYSCALL
 * @size: their number, UKL_SITE_WINDOW at most
 * @site: on success all but where the trampoline has the instructions
 *
 * Return: UKL_SITE_PATCHED when it can, else why not.
 */
enum ukl_verdict ukl_site_find(const u8 *code, unsigned int size,
			       struct ukl_site *site)
{
	bool boundary[UKL_SITE_WINDOW];
	enum ukl_verdict verdict;

	if (size < UKL_SITE_WINDOW_MIN || !find_boundaries(code, size, boundary))
		return UKL_SITE_UNCLEAR;

	verdict = find_room(code, size, boundary, false, site);
	if (verdict == UKL_SITE_SHORT)
		verdict = find_room(code, size, boundary, true, site);
	return verdict;
}

/* The distance from @from, the end of an instruction, in four bytes at @out. */
static bool put_distance(u64 from, u64 to, u8 *out)
{
	s64 distance = to - from;
	s32 low = distance;

	memcpy(out, &low, sizeof(low));
	return distance == low;
}

/* Copy an instruction from @ip to @at. Returns its length there, 0 if too far. */
static unsigned int copy_insn(const u8 *code, unsigned int len, u64 ip, u64 at,
			      u8 *out)
{
	struct insn insn;
	unsigned int disp;

	if (!decode(code, len, &insn) || insn.length != len)
		return 0;

	if (is_jcc(&insn)) {
		u8 condition = insn.opcode.bytes[insn.opcode.nbytes - 1] & 0xf;

		out[0] = 0x0f;
		out[1] = 0x80 | condition;
		return put_distance(at + JCC_LEN, ip + len + insn.immediate.value,
				    out + 2) ? JCC_LEN : 0;
	}

	memcpy(out, code, len);
	/* disp32(%rip): Intel SDM vol. 2, "RIP-Relative Addressing" */
	if (insn.modrm.nbytes && X86_MODRM_MOD(insn.modrm.value) == 0 &&
	    X86_MODRM_RM(insn.modrm.value) == 5) {
		disp = insn_offset_displacement(&insn);
		if (!put_distance(at + len, ip + len + insn.displacement.value,
				  out + disp))
			return 0;
	}
	return len;
}

/**
 * ukl_site_trampoline() - write the code that a site's jump leads to
 * @code: as for ukl_site_find()
 * @size: as for ukl_site_find()
 * @ip: address of the SYSCALL
 * @at: address of the trampoline
 * @slot: low 32 bits of the address, in the top 2 GiB, of a pointer to the
 *	  kernel's entry
 * @site: from ukl_site_find(); gets the places in the trampoline
 * @out: the bytes; int3 where there is no code
 *
 * RCX is the address after SYSCALL, as SYSCALL leaves it, and the entry's means to
 * return.
 *
 * Return: false when it is too far from the program.
 */
bool ukl_site_trampoline(const u8 *code, unsigned int size, u64 ip, u64 at,
			 u32 slot, struct ukl_site *site,
			 u8 out[UKL_TRAMPOLINE_SIZE])
{
	unsigned int from = size - site->before, to = 0, i, len;

	memset(out, 0xcc, UKL_TRAMPOLINE_SIZE);
	for (i = 0; i < site->count; i++) {
		site->at[i] = to;
		len = copy_insn(code + from, site->len[i], ip - (size - from),
				at + to, out + to);
		if (!len)
			return false;
		from += site->len[i];
		to += len;
	}
	site->at[i] = to;
	out[to++] = 0x48;
	out[to++] = 0x8d;
	out[to++] = 0x0d;
	if (!put_distance(at + to + 4, ip + UKL_SYSCALL_LEN, out + to))
		return false;
	to += 4;
	out[to++] = 0xff;
	out[to++] = 0x24;
	out[to++] = 0x25;
	memcpy(out + to, &slot, sizeof(slot));
	site->size = to + sizeof(slot);
	return true;
}

/**
 * ukl_site_jump() - the jump from a site to its trampoline
 * @site: from ukl_site_find()
 * @ip: address of the SYSCALL
 * @at: address of the trampoline
 * @out: the bytes
 *
 * Return: false when it is too far, or needs an int3 and has none there.
 */
bool ukl_site_jump(const struct ukl_site *site, u64 ip, u64 at,
		   u8 out[UKL_JUMP_LEN])
{
	out[0] = 0xe9;
	return put_distance(ip - site->before + UKL_JUMP_LEN, at, out + 1) &&
	       (!site->trap || out[site->trap] == 0xcc);
}

/**
 * ukl_site_origin() - the place in the program that one in a trampoline stands for
 * @site: the trampoline's
 * @ip: address of the SYSCALL
 * @offset: of an instruction in the trampoline
 */
noinstr u64 ukl_site_origin(const struct ukl_site *site, u64 ip,
			    unsigned int offset)
{
	unsigned int i;

	ip -= site->before;
	for (i = 0; i < site->count && site->at[i] < offset; i++)
		ip += site->len[i];
	return ip;
}
