// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU's TCG that counts the executed instructions of the guest by
 * task and call chain. scripts/profile.sh starts it, resolve.c reads what it
 * writes.
 *
 *	-plugin plugin.so,config=FILE,out=FILE
 *
 * It knows no symbols, only the addresses that the configuration names, in
 * hexadecimal, one line each:
 *
 *	event ADDR SIZE		entry of an interrupt, an exception or SYSCALL
 *	switch ADDR SIZE	__switch_to_asm, which loads the next task's RSP
 *	fork ADDR SIZE		copy_thread, which stores that of a new task
 *	exec ADDR SIZE		begin_new_exec
 *	window ADDR ENTRY SKIP COUNT
 *				count from call SKIP + 1 of the function at ADDR until
 *				COUNT calls later (in decimal), in programs whose first
 *				instruction is at ENTRY; in any with 0. Without this
 *				line: from the first user instruction to the end
 *
 * What it writes:
 *
 *	total INSTRUCTIONS WINDOW-CALLS
 *	task ID PARENT ENTRY		ENTRY is the first instruction after exec
 *	node ID PARENT TASK SITE TARGET
 *					a call chain: PARENT's, and the function at TARGET
 *					called from the block at SITE; a task's own node has
 *					no PARENT (-1). SITE or TARGET is 0 where unknown
 *	count NODE ADDR TIMES INSTRUCTIONS
 *					the block at ADDR was executed so often, and had
 *					so many instructions altogether
 *
 * The chain is a shadow stack per task. A CALL pushes, with the address of its
 * stack slot, which the memory callback of the instruction tells; RET pops. As
 * entries know where they lie, any event sorts out what was missed: entries
 * whose slot is at or below that of a new one are dead (longjmp, exec, signals).
 * Interrupts and exceptions push a boundary, and IRET pops it. A task's first
 * block at a user address ends all that the kernel pushed.
 *
 * Instructions are counted by block: one that an exception leaves in the middle
 * counts in full, and what of it is executed again counts once more.
 *
 * QEMU's header for plugins is not packaged; these are the declarations, of
 * version 1 of its interface, that are used. One CPU only.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "memory.h"

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;

enum { NO_REGS = 0 };
enum { MEM_RW = 3 };

typedef void (*exec_cb)(unsigned int cpu, void *data);
typedef void (*mem_cb)(unsigned int cpu, uint32_t info, uint64_t addr, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
		void (*cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_cb cb,
					  int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_cb cb,
				      int flags, int rw, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
		void (*cb)(qemu_plugin_id_t id, void *data), void *data);
bool qemu_plugin_mem_is_store(uint32_t info);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
						 size_t n);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

#define BLOCK_EVENT	1	/* an entry of the kernel */
#define BLOCK_IRET	2	/* ends with IRET */
#define BLOCK_EXEC	4
#define BLOCK_WINDOW	8

/* Of a translated block. */
struct block {
	uint64_t pc;
	uint64_t ret;		/* the return address when it ends with a call */
	uint64_t target;	/* of a direct call */
	uint32_t insns;
	uint32_t flags;
	uint32_t node;		/* its counter for this node is known */
	uint32_t counter;
};

struct node {
	uint64_t site, target;
	int32_t parent;		/* or -1 */
	uint32_t task;
};

struct counter {
	uint64_t pc;
	uint64_t insns, times;
	uint32_t node;
};

struct entry {
	uint64_t slot;		/* where the return address lies */
	uint64_t ret;		/* the return address */
	uint32_t node;
	bool kernel;		/* kernel code was called */
	bool boundary;		/* not called: an event */
};

struct task {
	uint64_t address;	/* of the task_struct */
	uint64_t program;	/* the first user instruction */
	int32_t parent;
	uint32_t node;
	uint32_t depth, room;
	struct entry *stack;
	bool exec;		/* the next user instruction is of a new program */
};

/* A chain longer than this is counted at this length. */
#define DEPTH_MAX	400

struct range {
	uint64_t address, size;
};

static struct range event[256], switch_to, fork_of, exec_of;
static unsigned int n_events;
static uint64_t window_address, window_program;
static unsigned long window_skip, window_count, window_calls;
static const char *out;

static struct node *nodes;
static size_t n_nodes, room_nodes;
static struct counter *counters;
static size_t n_counters, room_counters;
static struct task *tasks;
static size_t n_tasks, room_tasks;
static uint32_t current;
static bool counting;

/* What the last block ended with, to be settled when the next one is known. */
static enum { NOTHING, CALLED, RETURNED, IRET } pending;
static uint64_t pending_slot;
static const struct block *pending_block;
static const struct block *last_block;

static bool in(const struct range *r, uint64_t address)
{
	return address - r->address < r->size;
}

static bool is_kernel(uint64_t address)
{
	return address >> 63;
}

/*
 * Two tables of indices: nodes by parent, site and target, counters by node and
 * address. An empty place is 0, others hold the index plus one.
 */
struct index {
	uint32_t *place;
	size_t size;
};

static struct index node_index, counter_index;

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
	a = (a ^ b * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
	a ^= a >> 32;
	a = (a ^ c) * 0xc4ceb9fe1a85ec53ull;
	return a ^ a >> 29;
}

static uint64_t hash_node(const struct node *n)
{
	return mix(n->site, n->target, n->parent);
}

static uint64_t hash_counter(const struct counter *c)
{
	return mix(c->pc, c->node, 0);
}

static void put(struct index *index, uint64_t hash, size_t i)
{
	while (index->place[hash & (index->size - 1)])
		hash++;
	index->place[hash & (index->size - 1)] = i + 1;
}

static bool resize(struct index *index, size_t used)
{
	if (used * 2 < index->size)
		return false;
	free(index->place);
	index->size = index->size ? index->size * 2 : 1 << 16;
	index->place = checked(calloc(index->size, sizeof(*index->place)));
	return true;
}

/* The node of a call from a node; made when it is new. */
static uint32_t child(uint32_t parent, uint64_t site, uint64_t target)
{
	struct node key = { .site = site, .target = target, .parent = parent };
	uint64_t h = hash_node(&key);
	size_t i;

	for (; node_index.size; h++) {
		uint32_t place = node_index.place[h & (node_index.size - 1)];
		const struct node *n = nodes + place - 1;

		if (!place)
			break;
		if (n->parent == key.parent && n->site == site &&
		    n->target == target)
			return place - 1;
	}
	key.task = nodes[parent].task;
	GROW(nodes, n_nodes, room_nodes);
	nodes[n_nodes++] = key;
	if (resize(&node_index, n_nodes)) {
		for (i = 0; i < n_nodes; i++)
			put(&node_index, hash_node(nodes + i), i);
	} else {
		put(&node_index, hash_node(&key), n_nodes - 1);
	}
	return n_nodes - 1;
}

static uint32_t counter_of(uint32_t node, uint64_t pc)
{
	struct counter key = { .pc = pc, .node = node };
	uint64_t h = hash_counter(&key);
	size_t i;

	for (; counter_index.size; h++) {
		uint32_t place = counter_index.place[h & (counter_index.size - 1)];

		if (!place)
			break;
		if (counters[place - 1].pc == pc && counters[place - 1].node == node)
			return place - 1;
	}
	GROW(counters, n_counters, room_counters);
	counters[n_counters++] = key;
	if (resize(&counter_index, n_counters)) {
		for (i = 0; i < n_counters; i++)
			put(&counter_index, hash_counter(counters + i), i);
	} else {
		put(&counter_index, hash_counter(&key), n_counters - 1);
	}
	return n_counters - 1;
}

static uint32_t new_task(uint64_t address, int parent, uint64_t program)
{
	struct node root = { .parent = -1, .task = n_tasks };

	GROW(nodes, n_nodes, room_nodes);
	nodes[n_nodes++] = root;
	GROW(tasks, n_tasks, room_tasks);
	tasks[n_tasks++] = (struct task){
		.address = address,
		.program = program,
		.parent = parent,
		.node = n_nodes - 1,
	};
	return n_tasks - 1;
}

/* The newest task with that task_struct: older ones have ended. */
static uint32_t find_task(uint64_t address)
{
	size_t i;

	for (i = n_tasks; i > 0; i--)
		if (tasks[i - 1].address == address)
			return i - 1;
	return new_task(address, -1, 0);
}

static uint32_t current_node(const struct task *t)
{
	return t->depth ? t->stack[t->depth - 1].node : t->node;
}

static void push(struct task *t, struct entry e, uint64_t site, uint64_t target)
{
	e.kernel = is_kernel(target) || (!target && is_kernel(site));
	e.node = current_node(t);
	if (t->depth < DEPTH_MAX)
		e.node = child(e.node, site, target);
	GROW(t->stack, t->depth, t->room);
	t->stack[t->depth++] = e;
}

/* Kernel stacks are 16 KiB, and aligned; all of the user counts as one. */
static bool same_stack(uint64_t a, uint64_t b)
{
	return is_kernel(a) ? a >> 14 == b >> 14 : !is_kernel(b);
}

/*
 * RSP is known to be at a slot: what lies at or below it on the same stack is
 * dead, and so are entries of other stacks that came after.
 */
static bool unwind(struct task *t, uint64_t slot)
{
	bool exact = false;
	uint32_t i;

	for (i = t->depth; i > 0 && !t->stack[i - 1].boundary; i--) {
		if (!same_stack(t->stack[i - 1].slot, slot))
			continue;
		t->depth = i;
		break;
	}
	while (t->depth) {
		const struct entry *top = t->stack + t->depth - 1;

		if (top->boundary || !same_stack(top->slot, slot) || top->slot > slot)
			break;
		exact |= top->slot == slot;
		t->depth--;
	}
	return exact;
}

static void settle(struct task *t, const struct block *b)
{
	const struct block *from = pending_block;
	bool event = b->flags & BLOCK_EVENT;
	uint32_t i;

	switch (pending) {
	case CALLED:
		unwind(t, pending_slot);
		push(t, (struct entry){ .slot = pending_slot, .ret = from->ret },
		     from->pc, event ? from->target : b->pc);
		break;
	case RETURNED:
		/* The slot may be elsewhere: a frame was moved. */
		if (!unwind(t, pending_slot) && !event && t->depth &&
		    t->stack[t->depth - 1].ret == b->pc)
			t->depth--;
		break;
	case IRET:
		for (i = t->depth; i > 0; i--) {
			if (t->stack[i - 1].boundary) {
				t->depth = i - 1;
				break;
			}
		}
		break;
	case NOTHING:
		break;
	}
	pending = NOTHING;
}

static void enter_user(const struct block *b)
{
	struct task *t = tasks + current;

	while (t->depth && t->stack[t->depth - 1].kernel)
		t->depth--;
	if (!t->exec)
		return;
	t->exec = false;
	current = new_task(t->address, current, b->pc);
	if (!window_address)
		counting = true;
}

static void block_executed(unsigned int cpu, void *data)
{
	struct task *t = tasks + current;
	struct block *b = data;
	uint64_t site = last_block ? last_block->pc : 0;
	uint32_t node;

	(void)cpu;
	last_block = b;
	if (pending) {
		settle(t, b);
		site = 0;
	}
	if (b->flags & BLOCK_EVENT) {
		push(t, (struct entry){ .boundary = true }, site, b->pc);
	} else if (!is_kernel(b->pc)) {
		if (t->exec || (t->depth && t->stack[t->depth - 1].kernel)) {
			enter_user(b);
			t = tasks + current;
		}
	}
	if (b->flags & (BLOCK_IRET | BLOCK_EXEC | BLOCK_WINDOW)) {
		if (b->flags & BLOCK_IRET)
			pending = IRET;
		if (b->flags & BLOCK_EXEC)
			t->exec = true;
		if (b->flags & BLOCK_WINDOW &&
		    (!window_program || t->program == window_program)) {
			window_calls++;
			counting = window_calls > window_skip &&
				window_calls <= window_skip + window_count;
		}
	}
	if (!counting)
		return;
	node = current_node(t);
	if (b->node != node) {
		b->node = node;
		b->counter = counter_of(node, b->pc);
	}
	counters[b->counter].insns += b->insns;
	counters[b->counter].times++;
}

/*
 * The callback for the last instruction of a block. In QEMU 7.2 that of a CALL
 * or RET stays in force, and is called for accesses by helpers (of IRET, XSAVE)
 * in blocks that follow: these are told by the block. A call through memory
 * loads first. All are registered for loads and stores, because some that are
 * for loads alone never come.
 */
static void called(unsigned int cpu, uint32_t info, uint64_t slot, void *data)
{
	(void)cpu;
	if (data != last_block || !qemu_plugin_mem_is_store(info))
		return;
	pending = CALLED;
	pending_slot = slot;
	pending_block = data;
}

static void returned(unsigned int cpu, uint32_t info, uint64_t slot, void *data)
{
	(void)cpu;
	(void)info;
	if (data != last_block)
		return;
	pending = RETURNED;
	pending_slot = slot;
}

/* The offset of thread.sp in task_struct, known from the first switch on */
static uint32_t threadsp;

/* @data: the offset in the instruction, here and below */
static void switched(unsigned int cpu, uint32_t info, uint64_t address, void *data)
{
	(void)cpu;
	(void)info;
	threadsp = (uintptr_t)data;
	current = find_task(address - threadsp);
}

/* A store to a new task_struct. The task begins with what the user part of its maker was doing. */
static void forked(unsigned int cpu, uint32_t info, uint64_t address, void *data)
{
	const struct task *from;
	struct task *t;
	uint32_t i;

	(void)cpu;
	(void)info;
	if ((uintptr_t)data != threadsp)
		return;
	i = new_task(address - threadsp, current, tasks[current].program);
	t = tasks + i;
	from = tasks + current;
	for (i = 0; i < from->depth && !from->stack[i].kernel; i++) {
		struct entry e = from->stack[i];
		const struct node *n = nodes + e.node;

		e.node = current_node(t);
		if (i < DEPTH_MAX)
			e.node = child(e.node, n->site, n->target);
		GROW(t->stack, t->depth, t->room);
		t->stack[t->depth++] = e;
	}
}

/* The offset in an instruction with that opcode and an operand like thread.sp */
static uint32_t offset_in(const uint8_t *code, size_t size, uint8_t opcode)
{
	uint32_t offset;

	/* REX.W, opcode, ModRM with a 32-bit displacement, and no SIB */
	if (size != 7 || (code[0] & 0xf8) != 0x48 || code[1] != opcode ||
	    code[2] >> 6 != 2 || (code[2] & 7) == 4)
		return 0;
	memcpy(&offset, code + 3, sizeof(offset));
	return offset;
}

static void task_instruction(struct qemu_plugin_insn *insn)
{
	uint64_t address = qemu_plugin_insn_vaddr(insn);
	const uint8_t *code = qemu_plugin_insn_data(insn);
	size_t size = qemu_plugin_insn_size(insn);
	uint32_t offset;

	if (in(&switch_to, address)) {
		/* mov threadsp(%rsi), %rsp */
		offset = offset_in(code, size, 0x8b);
		if (offset && (code[2] & 0x3f) == 046)
			qemu_plugin_register_vcpu_mem_cb(insn, switched, NO_REGS,
					MEM_RW, (void *)(uintptr_t)offset);
	} else if (in(&fork_of, address)) {
		/* mov %reg, threadsp(%reg) */
		offset = offset_in(code, size, 0x89);
		if (offset)
			qemu_plugin_register_vcpu_mem_cb(insn, forked, NO_REGS,
					MEM_RW, (void *)(uintptr_t)offset);
	}
}

/* Is it a prefix: operand or address size, segment, REP, LOCK or REX? */
static bool prefix(uint8_t byte)
{
	return byte == 0x66 || byte == 0x67 || (byte & 0xe7) == 0x26 ||
	       byte == 0x64 || byte == 0x65 || byte == 0xf0 || byte == 0xf2 ||
	       byte == 0xf3 || (byte & 0xf0) == 0x40;
}

/* Of a block only the last instruction can go elsewhere. */
static void last_instruction(struct block *b, struct qemu_plugin_insn *insn)
{
	const uint8_t *code = qemu_plugin_insn_data(insn);
	size_t size = qemu_plugin_insn_size(insn), i = 0;
	uint64_t next = qemu_plugin_insn_vaddr(insn) + size;
	int32_t offset;

	while (i + 1 < size && prefix(code[i]))
		i++;
	switch (code[i]) {
	case 0xe8:
		if (i + 5 > size)
			break;
		memcpy(&offset, code + i + 1, sizeof(offset));
		b->target = next + offset;
		break;
	case 0xff:
		if (i + 1 >= size || (code[i + 1] >> 3 & 7) != 2)
			return;
		break;
	case 0xc2:
	case 0xc3:
		qemu_plugin_register_vcpu_mem_cb(insn, returned, NO_REGS, MEM_RW, b);
		return;
	case 0xcf:
		b->flags |= BLOCK_IRET;
		return;
	default:
		return;
	}
	b->ret = next;
	qemu_plugin_register_vcpu_mem_cb(insn, called, NO_REGS, MEM_RW, b);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;
	struct block *b = checked(calloc(1, sizeof(*b)));

	(void)id;
	b->pc = qemu_plugin_tb_vaddr(tb);
	b->insns = n;
	b->node = UINT32_MAX;
	for (i = 0; i < n_events; i++)
		if (in(event + i, b->pc))
			b->flags |= BLOCK_EVENT;
	if (b->pc == exec_of.address)
		b->flags |= BLOCK_EXEC;
	if (b->pc == window_address)
		b->flags |= BLOCK_WINDOW;
	if (is_kernel(b->pc))
		for (i = 0; i < n; i++)
			task_instruction(qemu_plugin_tb_get_insn(tb, i));
	last_instruction(b, qemu_plugin_tb_get_insn(tb, n - 1));
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_executed, NO_REGS, b);
}

static void finish(qemu_plugin_id_t id, void *data)
{
	FILE *f = fopen(out, "w");
	bool *used = checked(calloc(n_nodes, sizeof(*used)));
	uint64_t total = 0;
	size_t i;

	(void)id;
	(void)data;
	if (!f) {
		perror(out);
		return;
	}
	for (i = 0; i < n_counters; i++)
		total += counters[i].insns;
	fprintf(f, "total %" PRIu64 " %lu\n", total, window_calls);
	for (i = 0; i < n_tasks; i++)
		fprintf(f, "task %zu %d %" PRIx64 "\n", i, tasks[i].parent,
			tasks[i].program);
	/* A parent comes before its children. */
	for (i = 0; i < n_counters; i++)
		used[counters[i].node] = true;
	for (i = n_nodes; i-- > 0;)
		if (used[i] && nodes[i].parent >= 0)
			used[nodes[i].parent] = true;
	for (i = 0; i < n_nodes; i++)
		if (used[i])
			fprintf(f, "node %zu %d %u %" PRIx64 " %" PRIx64 "\n", i,
				nodes[i].parent, nodes[i].task, nodes[i].site,
				nodes[i].target);
	for (i = 0; i < n_counters; i++)
		fprintf(f, "count %u %" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
			counters[i].node, counters[i].pc, counters[i].times,
			counters[i].insns);
	free(used);
	if (fclose(f))
		perror(out);
}

static bool configure(const char *name)
{
	FILE *f = name ? fopen(name, "r") : NULL;
	struct range r;
	char line[256], word[16];
	bool good = true;

	if (!f) {
		fprintf(stderr, "profile: cannot read the configuration\n");
		return false;
	}
	while (good && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "window %" SCNx64 " %" SCNx64 " %lu %lu",
			   &window_address, &window_program, &window_skip,
			   &window_count) == 4)
			continue;
		good = sscanf(line, "%15s %" SCNx64 " %" SCNx64, word, &r.address,
			      &r.size) == 3;
		if (!good)
			break;
		if (!strcmp(word, "event") &&
		    n_events < sizeof(event) / sizeof(event[0]))
			event[n_events++] = r;
		else if (!strcmp(word, "switch"))
			switch_to = r;
		else if (!strcmp(word, "fork"))
			fork_of = r;
		else if (!strcmp(word, "exec"))
			exec_of = r;
		else
			good = false;
	}
	if (!good)
		fprintf(stderr, "profile: %s: bad line: %s", name, line);
	fclose(f);
	return good;
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	const char *config = NULL;
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "config=", 7))
			config = argv[i] + 7;
		else if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
	}
	if (!out || !configure(config))
		return -1;
	current = new_task(0, -1, 0);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
