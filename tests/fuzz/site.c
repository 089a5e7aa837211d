// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzing of ukl/site.c: any bytes before a SYSCALL, with Zydis as the second
 * opinion on what they mean.
 *
 * Input: the distance of the trampoline from the SYSCALL, in pages, as two bytes;
 * then the code. The last UKL_SITE_WINDOW bytes of it are looked at, in memory of
 * exactly that size, for AddressSanitizer to see reads beyond either end.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <Zydis/Zydis.h>
#include "../../ukl/site.c"

#define IP	0x7f1234567000ul
#define SLOT	0x81234560u

#define CHECK(cond, ...) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
		fprintf(stderr, __VA_ARGS__);				\
		fputc('\n', stderr);					\
		abort();						\
	}								\
} while (0)

struct decoded {
	ZydisDecodedInstruction i;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

static ZydisDecoder decoder;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static bool zydis(const u8 *code, unsigned int size, struct decoded *insn)
{
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, size,
						   &insn->i, insn->op));
}

/* What goes elsewhere, or depends on where it is. */
static bool stays(const struct decoded *insn)
{
	switch (insn->i.meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_IO:
	case ZYDIS_CATEGORY_IOSTRINGOP:
		return true;
	case ZYDIS_CATEGORY_COND_BR:
		/* Not LOOP and JRCXZ, which reach 127 bytes, nor XBEGIN. */
		return insn->i.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT ?
			(insn->i.opcode & 0xf0) != 0x70 :
			(insn->i.opcode & 0xf0) != 0x80;
	default:
		/* Zydis does not say so of all: Intel SDM vol. 2, "ENQCMDS". */
		return insn->i.mnemonic == ZYDIS_MNEMONIC_ENQCMDS ||
		       insn->i.attributes & (ZYDIS_ATTRIB_IS_PRIVILEGED |
					     ZYDIS_ATTRIB_HAS_LOCK);
	}
}

/* Each opcode without VEX, with each ModRM byte and each mandatory prefix */
static void each_opcode(void)
{
	static const char *const maps[] = { "", "\x0f", "\x0f\x38", "\x0f\x3a" };
	static const char *const prefixes[] = { "", "\x66", "\xf2", "\xf3" };

	for (unsigned int i = 0; i < 4 * 4 * 2 * 256 * 256; i++) {
		const char *map = maps[i >> 19], *prefix = prefixes[i >> 17 & 3];
		u8 code[MAX_INSN_SIZE];
		unsigned int len;
		struct decoded decoded;
		struct insn insn;

		memset(code, 0x24, sizeof(code));
		len = snprintf((char *)code, sizeof(code), "%s%s%s", prefix,
			       i >> 16 & 1 ? "\x48" : "", map);
		code[len] = i >> 8;
		code[len + 1] = i;
		if (decode(code, sizeof(code), &insn) && can_copy(&insn) &&
		    zydis(code, sizeof(code), &decoded))
			CHECK(!stays(&decoded), "%s may be copied",
			      ZydisMnemonicGetString(decoded.i.mnemonic));
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
			 ZYDIS_STACK_WIDTH_64);
	each_opcode();
	return 0;
}

/* The same instruction at two places: operands, and what they refer to. */
static void same(const struct decoded *a, u64 a_ip, const struct decoded *b, u64 b_ip)
{
	CHECK(a->i.mnemonic == b->i.mnemonic, "%s became %s",
	      ZydisMnemonicGetString(a->i.mnemonic),
	      ZydisMnemonicGetString(b->i.mnemonic));
	CHECK(a->i.operand_count == b->i.operand_count, "%u, %u",
	      a->i.operand_count, b->i.operand_count);
	CHECK(a->i.operand_width == b->i.operand_width, "%u, %u",
	      a->i.operand_width, b->i.operand_width);
	for (unsigned int k = 0; k < a->i.operand_count; k++) {
		const ZydisDecodedOperand *p = &a->op[k], *q = &b->op[k];
		ZyanU64 to = 0, from = 0;
		ZyanStatus known;

		CHECK(p->type == q->type && p->actions == q->actions,
		      "operand %u", k);
		switch (p->type) {
		case ZYDIS_OPERAND_TYPE_REGISTER:
			CHECK(p->reg.value == q->reg.value, "operand %u", k);
			break;
		case ZYDIS_OPERAND_TYPE_MEMORY:
			CHECK(p->size == q->size && p->mem.type == q->mem.type &&
			      p->mem.segment == q->mem.segment &&
			      p->mem.base == q->mem.base &&
			      p->mem.index == q->mem.index &&
			      p->mem.scale == q->mem.scale, "operand %u", k);
			known = ZydisCalcAbsoluteAddress(&a->i, p, a_ip, &from);
			CHECK(known == ZydisCalcAbsoluteAddress(&b->i, q, b_ip,
								&to),
			      "operand %u", k);
			if (ZYAN_SUCCESS(known))
				CHECK(from == to, "%#lx became %#lx", (long)from,
				      (long)to);
			else
				CHECK(p->mem.disp.value == q->mem.disp.value,
				      "operand %u", k);
			break;
		case ZYDIS_OPERAND_TYPE_IMMEDIATE:
			if (!p->imm.is_relative) {
				CHECK(p->imm.value.u == q->imm.value.u,
				      "operand %u", k);
				break;
			}
			CHECK(ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&a->i, p,
								    a_ip, &from)) &&
			      ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&b->i, q,
								    b_ip, &to)) &&
			      from == to, "%#lx became %#lx", (long)from, (long)to);
			break;
		default:
			break;
		}
	}
}

/* RAX after an instruction: its value, or -1. */
static s64 rax_after(const struct decoded *insn, s64 rax)
{
	const ZydisDecodedOperand *op = insn->op;

	for (unsigned int k = 0; k < insn->i.operand_count; k++) {
		if (op[k].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    !(op[k].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) ||
		    ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64,
						     op[k].reg.value) !=
		    ZYDIS_REGISTER_RAX)
			continue;
		if (op[k].reg.value != ZYDIS_REGISTER_EAX &&
		    op[k].reg.value != ZYDIS_REGISTER_RAX)
			return -1;
		if (insn->i.mnemonic == ZYDIS_MNEMONIC_MOV &&
		    op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			return op[1].imm.value.u & 0xffffffff;
		if (insn->i.mnemonic == ZYDIS_MNEMONIC_XOR &&
		    op[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    op[0].reg.value == op[1].reg.value)
			return 0;
		return -1;
	}
	return rax;
}

/* Both decoders agree on lengths, wherever both see an instruction. */
static void check_lengths(const u8 *code, unsigned int size)
{
	ZydisDecodedInstruction i;
	struct insn insn;

	for (unsigned int at = 0; at < size; at++) {
		if (decode(code + at, size - at, &insn) &&
		    ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL,
							       code + at,
							       size - at, &i)))
			CHECK(i.length == insn.length, "byte %u, %s: length %u, not %u",
			      at, ZydisMnemonicGetString(i.mnemonic),
			      insn.length, i.length);
	}
}

static void check_site(const u8 *code, unsigned int size, u64 at,
		       struct ukl_site *site)
{
	u8 out[UKL_TRAMPOLINE_SIZE], jump[UKL_JUMP_LEN];
	unsigned int i, from = size - site->before, to = 0;
	struct decoded a, b;
	s64 rax = -1;
	bool reached, jumps;

	CHECK(site->count > 0 && site->count <= UKL_SITE_INSNS, "%u", site->count);
	CHECK(site->before >= UKL_JUMP_LEN && site->before <= size - size / 2, "%u",
	      site->before);
	CHECK(site->trap ? site->len[0] == site->trap && site->trap >= 3 &&
	      site->trap < UKL_JUMP_LEN && site->count > 1 &&
	      site->len[0] + site->len[1] >= UKL_JUMP_LEN :
	      site->len[0] >= UKL_JUMP_LEN, "no room for the jump");

	reached = ukl_site_trampoline(code, size, IP, at, SLOT, site, out);
	jumps = ukl_site_jump(site, IP, at, jump);
	CHECK(!jumps || !site->trap || jump[site->trap] == 0xcc, "no int3");
	if (jumps) {
		CHECK(zydis(jump, sizeof(jump), &a) &&
		      a.i.mnemonic == ZYDIS_MNEMONIC_JMP &&
		      IP - site->before + UKL_JUMP_LEN + a.op[0].imm.value.s == at,
		      "the jump does not lead to the trampoline");
	}

	for (i = 0; i < site->count; i++) {
		u64 ip = IP - (size - from);

		if (reached) {
			CHECK(site->at[i] == to, "%u, not %u", site->at[i], to);
			CHECK(ukl_site_origin(site, IP, to) == ip, "origin");
		}
		if (!zydis(code + from, size - from, &a)) {
			/* It raises #UD there as well, and is shown as here. */
			to += site->len[i];
			from += site->len[i];
			rax = -1;
			continue;
		}
		CHECK(a.i.length == site->len[i], "length %u, not %u",
		      site->len[i], a.i.length);
		CHECK(!stays(&a), "%s was copied",
		      ZydisMnemonicGetString(a.i.mnemonic));
		rax = rax_after(&a, rax);
		if (reached) {
			CHECK(zydis(out + to, sizeof(out) - to, &b),
			      "the copy is no instruction");
			same(&a, ip, &b, at + to);
			to += b.i.length;
		}
		from += site->len[i];
	}
	CHECK(from == size, "%u, not %u", from, size);
	CHECK(site->nr < 0 || site->nr == rax, "number %d, not %ld", site->nr,
	      (long)rax);
	if (!reached)
		return;

	/* lea IP + 2, %rcx; jmp *slot */
	CHECK(site->at[i] == to && ukl_site_origin(site, IP, to) == IP, "end");
	CHECK(zydis(out + to, sizeof(out) - to, &b) &&
	      b.i.mnemonic == ZYDIS_MNEMONIC_LEA &&
	      b.op[0].reg.value == ZYDIS_REGISTER_RCX &&
	      b.op[1].mem.base == ZYDIS_REGISTER_RIP &&
	      at + to + b.i.length + b.op[1].mem.disp.value ==
	      IP + UKL_SYSCALL_LEN, "lea");
	to += b.i.length;
	CHECK(ukl_site_origin(site, IP, to) == IP, "end");
	CHECK(zydis(out + to, sizeof(out) - to, &b) &&
	      b.i.mnemonic == ZYDIS_MNEMONIC_JMP &&
	      b.op[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
	      b.op[0].mem.base == ZYDIS_REGISTER_NONE &&
	      b.op[0].mem.disp.value == (s32)SLOT, "jmp");
	to += b.i.length;
	CHECK(site->size == to && to <= sizeof(out), "size %u", site->size);
	for (; to < sizeof(out); to++)
		CHECK(out[to] == 0xcc, "byte %u", to);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct ukl_site site, again;
	enum ukl_verdict verdict;
	s16 pages;
	u8 *code;

	if (size < sizeof(pages))
		return 0;
	memcpy(&pages, data, sizeof(pages));
	data += sizeof(pages);
	size -= sizeof(pages);
	if (size > UKL_SITE_WINDOW) {
		data += size - UKL_SITE_WINDOW;
		size = UKL_SITE_WINDOW;
	}
	code = malloc(size);
	memcpy(code, data, size);
	check_lengths(code, size);

	memset(&site, 0x55, sizeof(site));
	verdict = ukl_site_find(code, size, &site);
	memset(&again, 0xaa, sizeof(again));
	CHECK(verdict == ukl_site_find(code, size, &again), "not stable");
	CHECK(verdict == UKL_SITE_PATCHED || verdict == UKL_SITE_UNCLEAR ||
	      verdict == UKL_SITE_SHORT, "verdict %d", verdict);
	if (verdict == UKL_SITE_PATCHED) {
		CHECK(site.nr == again.nr && site.before == again.before &&
		      site.trap == again.trap && site.count == again.count &&
		      !memcmp(site.len, again.len, site.count), "not stable");
		/* Up to the 2 GiB that a jump reaches, and beyond. */
		check_site(code, size, IP + pages * 0x11000l, &site);
	}
	free(code);
	return 0;
}
