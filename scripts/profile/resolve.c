// SPDX-License-Identifier: GPL-2.0
/*
 * Give names to what plugin.c counted.
 *
 * usage: resolve DUMP SUBSYSTEMS SYMBOLS PREFIX CALLS
 *
 * DUMP is the plugin's. SUBSYSTEMS maps functions to subsystems and explains
 * itself. SYMBOLS holds for each executable, the kernel first, a line
 *
 *	program NAME ENTRY
 *
 * and its functions, one a line, with the object file they come from:
 *
 *	ADDR SIZE NAME PATH
 *
 * (numbers in hexadecimal). A task's program is the one whose ENTRY is the
 * first instruction after exec; of several, the one in which more of the
 * addresses that the task called begin a function. CALLS, of the function that
 * made the window, is what all is divided by; 0 when there is none.
 *
 * Writes PREFIX.folded, PREFIX.entry.folded (the ways in and out of system
 * calls as one frame, so that those of two kernels compare), PREFIX.functions.txt
 * and PREFIX.subsystems.txt.
 */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "memory.h"

#define ENTRY_NAME	"system call entry"

struct function {
	uint64_t address, size;
	const char *name, *path;
	int program;
	int subsystem;		/* or CALLERS */
	uint64_t self, total, calls;
	long stamp;
};

struct program {
	const char *name;
	uint64_t entry;
	struct function *functions;
	size_t n, room;
	int own;		/* its subsystem, for functions without a rule */
	uint64_t self;
};

/* A node of the plugin. */
struct node {
	int parent;
	unsigned int task;
	uint64_t site, target;
	bool used;
	int frame;
};

/* A named function in a chain. */
struct frame {
	int parent;
	struct function *function;
	int subsystem;
	int program;		/* of the task, or -1 */
	uint64_t self;
	int first, next;	/* children */
};

struct rule {
	const char *pattern;
	int subsystem;
};

struct task {
	uint64_t entry;
	int program;
	long *votes;
};

#define CALLERS	-1

static struct program *programs;
static size_t n_programs, room_programs;
static struct node *nodes;
static size_t n_nodes, room_nodes;
static struct frame *frames;
static size_t n_frames, room_frames;
static struct rule *rules;
static size_t n_rules, room_rules;
static const char **subsystems;
static size_t n_subsystems, room_subsystems;
static struct task *tasks;
static size_t n_tasks, room_tasks;
static int entry_subsystem;
static double per;

static void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "unilinux: profile: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static FILE *open_file(const char *name, const char *mode)
{
	FILE *f = fopen(name, mode);

	if (!f) {
		perror(name);
		exit(1);
	}
	return f;
}

static int subsystem(const char *name)
{
	size_t i;

	if (!strcmp(name, "-"))
		return CALLERS;
	for (i = 0; i < n_subsystems; i++)
		if (!strcmp(subsystems[i], name))
			return i;
	GROW(subsystems, n_subsystems, room_subsystems);
	subsystems[n_subsystems++] = checked(strdup(name));
	return n_subsystems - 1;
}

static void read_rules(const char *file)
{
	FILE *f = open_file(file, "r");
	char line[4096], *p, *colon;
	int which;

	while (fgets(line, sizeof(line), f)) {
		if (*line == '#' || *line == '\n')
			continue;
		colon = strchr(line, ':');
		if (!colon)
			die("%s: a line without a colon: %s", file, line);
		*colon = '\0';
		which = subsystem(line);
		for (p = strtok(colon + 1, " \t\n"); p; p = strtok(NULL, " \t\n")) {
			GROW(rules, n_rules, room_rules);
			rules[n_rules++] = (struct rule){ checked(strdup(p)), which };
		}
	}
	fclose(f);
	entry_subsystem = subsystem(ENTRY_NAME);
}

/* The first rule that fits; else the directory, or the program itself. */
static int classify(const struct function *fn)
{
	const char *slash;
	char directory[64];
	size_t i;

	for (i = 0; i < n_rules; i++) {
		const char *pattern = rules[i].pattern;

		if (!fnmatch(pattern, strchr(pattern, '/') ? fn->path : fn->name, 0))
			return rules[i].subsystem;
	}
	if (fn->program > 0)
		return programs[fn->program].own;
	snprintf(directory, sizeof(directory), "%s", fn->path);
	slash = strchr(directory, '/');
	if (!slash)
		return subsystem("other");
	if (strchr(slash + 1, '/'))
		slash = strchr(slash + 1, '/');
	directory[slash - directory] = '\0';
	return subsystem(directory);
}

/* Of several names, that of a system call, else one without underscores. */
static int rank(const char *name)
{
	return !strncmp(name, "__x64_sys_", 10) ? 0 : *name != '_' ? 1 : 2;
}

static int by_address(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (!x->size != !y->size)
		return x->size ? -1 : 1;
	if (rank(x->name) != rank(y->name))
		return rank(x->name) - rank(y->name);
	return strcmp(x->name, y->name);
}

/* Sort; of several names for a place one stays, labels in functions go. */
static void tidy(struct program *p)
{
	uint64_t end = 0;
	size_t i, n = 0;

	qsort(p->functions, p->n, sizeof(*p->functions), by_address);
	for (i = 0; i < p->n; i++) {
		const struct function *fn = p->functions + i;

		if (i && fn->address < end)
			continue;
		if (n && fn->address == p->functions[n - 1].address)
			continue;
		end = fn->address + fn->size;
		p->functions[n++] = *fn;
	}
	p->n = n;
}

static void read_symbols(const char *file)
{
	FILE *f = open_file(file, "r");
	char line[1024], name[512], path[512];
	struct program *p = NULL;
	struct function fn;
	uint64_t entry;
	size_t i, j;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "program %511s %" SCNx64, name, &entry) == 2) {
			GROW(programs, n_programs, room_programs);
			p = programs + n_programs++;
			*p = (struct program){
				.name = checked(strdup(name)),
				.entry = entry,
				.own = subsystem(name),
			};
			continue;
		}
		memset(&fn, 0, sizeof(fn));
		if (!p || sscanf(line, "%" SCNx64 " %" SCNx64 " %511s %511s",
				 &fn.address, &fn.size, name, path) != 4)
			die("%s: bad line: %s", file, line);
		fn.name = checked(strdup(name));
		fn.path = checked(strdup(path));
		fn.program = n_programs - 1;
		GROW(p->functions, p->n, p->room);
		p->functions[p->n++] = fn;
	}
	fclose(f);
	if (!n_programs)
		die("%s: no symbols", file);
	for (i = 0; i < n_programs; i++) {
		tidy(programs + i);
		for (j = 0; j < programs[i].n; j++)
			programs[i].functions[j].subsystem =
				classify(programs[i].functions + j);
	}
}

static struct function *pseudo(const char *name, int program, int subsystem)
{
	struct function *fn = checked(calloc(1, sizeof(*fn)));

	fn->name = name;
	fn->path = "-";
	fn->program = program;
	fn->subsystem = subsystem;
	return fn;
}

static struct function *lookup(const struct program *p, uint64_t address)
{
	size_t low = 0, high = p->n;
	struct function *fn;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (p->functions[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	fn = p->functions + low - 1;
	/* Padding between functions is never executed; code without symbols is. */
	if (fn->size && address - fn->address >= fn->size)
		return NULL;
	return fn;
}

static struct function *function_at(unsigned int task, uint64_t address)
{
	static struct function *unknown[2], *vdso;
	bool kernel = address >> 63;
	int program = kernel ? 0 : tasks[task].program;
	struct function *fn = NULL;

	if (program >= 0)
		fn = lookup(programs + program, address);
	if (fn)
		return fn;
	if (!kernel && address >> 40) {
		if (!vdso)
			vdso = pseudo("[vdso]", -1, subsystem("vdso"));
		return vdso;
	}
	if (!unknown[kernel])
		unknown[kernel] = pseudo("[unknown]", kernel ? 0 : -1,
					 subsystem("unknown"));
	return unknown[kernel];
}

static int frame_of(int parent, struct function *fn, int program)
{
	int i;

	for (i = frames[parent].first; i; i = frames[i].next)
		if (frames[i].function == fn)
			return i;
	GROW(frames, n_frames, room_frames);
	frames[n_frames] = (struct frame){
		.parent = parent,
		.function = fn,
		.subsystem = fn->subsystem == CALLERS ?
			frames[parent].subsystem : fn->subsystem,
		.program = program,
		.next = frames[parent].first,
	};
	frames[parent].first = n_frames;
	return n_frames++;
}

/* The function at an address is the frame itself, or was reached by a jump. */
static int frame_at(const struct node *n, uint64_t address)
{
	struct function *fn = function_at(n->task, address);

	if (frames[n->frame].function == fn)
		return n->frame;
	return frame_of(n->frame, fn, tasks[n->task].program);
}

static bool is_interrupt(const struct function *fn)
{
	return !strcmp(fn->name, "irq_entries_start") ||
	       !strcmp(fn->name, "spurious_entries_start") ||
	       !strncmp(fn->name, "asm_sysvec_", 11);
}

static void vote(void)
{
	size_t i, j;

	for (i = 0; i < n_nodes; i++) {
		struct task *t = tasks + nodes[i].task;
		uint64_t target = nodes[i].target;

		if (!nodes[i].used || !target || target >> 63)
			continue;
		for (j = 1; j < n_programs; j++) {
			const struct function *fn = lookup(programs + j, target);

			if (programs[j].entry == t->entry && fn && fn->address == target)
				t->votes[j]++;
		}
	}
	for (i = 0; i < n_tasks; i++) {
		tasks[i].program = tasks[i].entry ? -1 : 0;
		for (j = 1; j < n_programs; j++) {
			if (programs[j].entry != tasks[i].entry)
				continue;
			if (tasks[i].program < 0 ||
			    tasks[i].votes[j] > tasks[i].votes[tasks[i].program])
				tasks[i].program = j;
		}
	}
}

static void name_nodes(void)
{
	struct function *interrupts = pseudo("[interrupts]", 0, subsystem("interrupts"));
	struct function **roots = checked(calloc(n_programs + 1, sizeof(*roots)));
	size_t i;

	/* The frame 0 is above all tasks. */
	GROW(frames, n_frames, room_frames);
	frames[n_frames++] = (struct frame){ .parent = -1, .program = -1,
					     .subsystem = subsystem("other") };
	roots[0] = pseudo("[unknown program]", -1, subsystem("unknown"));
	for (i = 0; i < n_programs; i++)
		roots[i + 1] = pseudo(i ? programs[i].name : "[kernel threads]", i ? (int)i : 0,
				      i ? programs[i].own : subsystem("other"));
	for (i = 0; i < n_nodes; i++) {
		struct node *n = nodes + i;
		int program = tasks[n->task].program;
		struct function *fn;

		if (!n->used)
			continue;
		if (n->parent < 0) {
			n->frame = frame_of(0, roots[program + 1], program);
			continue;
		}
		n->frame = nodes[n->parent].frame;
		fn = n->target ? function_at(n->task, n->target) : NULL;
		if (fn && is_interrupt(fn))
			n->frame = frame_of(0, interrupts, -1);
		else if (n->site)
			n->frame = frame_at(nodes + n->parent, n->site);
		if (fn)
			n->frame = frame_of(n->frame, fn, frames[n->frame].program);
	}
}

static uint64_t read_dump(const char *file)
{
	uint64_t total = 0, sum = 0, address, times, insns;
	FILE *f = open_file(file, "r");
	char line[256];
	bool named = false;
	struct task t;
	struct node n;
	int parent;
	size_t i;

	while (fgets(line, sizeof(line), f)) {
		memset(&n, 0, sizeof(n));
		if (sscanf(line, "total %" SCNu64, &total) == 1)
			continue;
		if (sscanf(line, "task %zu %d %" SCNx64, &i, &parent, &t.entry) == 3) {
			t.votes = checked(calloc(n_programs, sizeof(*t.votes)));
			GROW(tasks, n_tasks, room_tasks);
			tasks[n_tasks++] = t;
		} else if (sscanf(line, "node %zu %d %u %" SCNx64 " %" SCNx64, &i,
				  &n.parent, &n.task, &n.site, &n.target) == 5 &&
			   n.task < n_tasks && n.parent < (long)n_nodes &&
			   i >= n_nodes) {
			/* Those without counts are left out. */
			while (n_nodes <= i) {
				GROW(nodes, n_nodes, room_nodes);
				nodes[n_nodes++] = (struct node){ .used = false };
			}
			n.used = true;
			nodes[i] = n;
		} else if (sscanf(line, "count %zu %" SCNx64 " %" SCNu64 " %" SCNu64, &i,
				  &address, &times, &insns) == 4 &&
			   i < n_nodes && nodes[i].used) {
			struct function *fn;

			if (!named) {
				vote();
				name_nodes();
				named = true;
			}
			fn = function_at(nodes[i].task, address);
			if (fn->address == address)
				fn->calls += times;
			frames[frame_at(nodes + i, address)].self += insns;
			sum += insns;
		} else {
			die("%s: bad line: %s", file, line);
		}
	}
	fclose(f);
	if (!sum || sum != total)
		die("%s holds %" PRIu64 " instructions of %" PRIu64, file, sum, total);
	return total;
}

/* The chain of a frame, with the kernel's functions marked as perf does. */
static void print_chain(FILE *f, int i, bool entry)
{
	const struct frame *frame = frames + i;
	const struct frame *above = frames + frame->parent;

	if (frame->parent > 0)
		print_chain(f, frame->parent, entry);
	if (entry && frame->subsystem == entry_subsystem) {
		if (above->subsystem != entry_subsystem)
			fprintf(f, ";[" ENTRY_NAME "]_[k]");
		return;
	}
	fprintf(f, "%s%s%s", frame->parent > 0 ? ";" : "", frame->function->name,
		frame->function->program == 0 ? "_[k]" : "");
}

static void write_folded(const char *prefix, const char *suffix, bool entry)
{
	char name[4096];
	size_t i;
	FILE *f;

	snprintf(name, sizeof(name), "%s.%s", prefix, suffix);
	f = open_file(name, "w");
	for (i = 1; i < n_frames; i++) {
		if (!frames[i].self)
			continue;
		print_chain(f, i, entry);
		fprintf(f, " %" PRIu64 "\n", frames[i].self);
	}
	fclose(f);
}

static int by_self(const void *a, const void *b)
{
	const struct function *x = *(struct function *const *)a;
	const struct function *y = *(struct function *const *)b;

	return x->self < y->self ? 1 : x->self > y->self ? -1 : 0;
}

static void write_functions(const char *prefix, uint64_t all)
{
	struct function **list = checked(calloc(n_frames, sizeof(*list)));
	size_t n = 0, i;
	char name[4096];
	FILE *f;

	for (i = 1; i < n_frames; i++) {
		struct function *fn = frames[i].function;
		int up;

		if (!fn->self && frames[i].self)
			list[n++] = fn;
		fn->self += frames[i].self;
		/* Once for each chain, also for one in which it recurs. */
		for (up = i; up > 0; up = frames[up].parent) {
			fn = frames[up].function;
			if (fn->stamp != (long)i)
				fn->total += frames[i].self;
			fn->stamp = i;
		}
	}
	qsort(list, n, sizeof(*list), by_self);

	snprintf(name, sizeof(name), "%s.functions.txt", prefix);
	f = open_file(name, "w");
	fprintf(f, "# instructions in the function itself, their share in %%, with all that it\n"
		"# called, times that it began%s; function, subsystem, program, object\n",
		per > 1 ? ", all for one call of the window's function" : "");
	for (i = 0; i < n; i++) {
		const struct function *fn = list[i];

		fprintf(f, "%12.1f %6.2f %12.1f %10.2f  %s\t%s\t%s\t%s\n", fn->self / per,
			100.0 * fn->self / all, fn->total / per, fn->calls / per,
			fn->name, fn->subsystem == CALLERS ? "(the caller's)" :
			subsystems[fn->subsystem],
			fn->program < 0 ? "-" : programs[fn->program].name, fn->path);
	}
	fclose(f);
}

static void write_subsystems(const char *prefix, uint64_t all)
{
	size_t columns = n_programs + 1, i, j, rest;
	uint64_t *table = checked(calloc(n_subsystems * columns, sizeof(*table)));
	char name[4096];
	FILE *f;

	/* The last column is for all, the first for what is of no program. */
	for (i = 1; i < n_frames; i++) {
		uint64_t *row = table + frames[i].subsystem * columns;
		int p = frames[i].program > 0 ? frames[i].program : 0;

		row[p] += frames[i].self;
		row[columns - 1] += frames[i].self;
		programs[p].self += frames[i].self;
	}
	snprintf(name, sizeof(name), "%s.subsystems.txt", prefix);
	f = open_file(name, "w");
	fprintf(f, "# subsystem, instructions%s, share in %%",
		per > 1 ? " for one call of the window's function" : "");
	for (j = 1; j < n_programs; j++)
		if (programs[j].self)
			fprintf(f, ", of %s", programs[j].name);
	fprintf(f, ", of no program\n");
	for (rest = n_subsystems; rest; rest--) {
		size_t best = 0;
		uint64_t *row;

		for (i = 1; i < n_subsystems; i++)
			if (table[i * columns + columns - 1] >
			    table[best * columns + columns - 1])
				best = i;
		row = table + best * columns;
		if (!row[columns - 1])
			break;
		fprintf(f, "%s\t%.1f\t%.2f", subsystems[best], row[columns - 1] / per,
			100.0 * row[columns - 1] / all);
		for (j = 1; j < n_programs; j++)
			if (programs[j].self)
				fprintf(f, "\t%.1f", row[j] / per);
		fprintf(f, "\t%.1f\n", row[0] / per);
		row[columns - 1] = 0;
	}
	fprintf(f, "total\t%.1f\t100.00", all / per);
	for (j = 1; j < n_programs; j++)
		if (programs[j].self)
			fprintf(f, "\t%.1f", programs[j].self / per);
	fprintf(f, "\t%.1f\n", programs[0].self / per);
	fclose(f);
}

int main(int argc, char **argv)
{
	uint64_t all;

	if (argc != 6) {
		fprintf(stderr, "usage: resolve DUMP SUBSYSTEMS SYMBOLS PREFIX CALLS\n");
		return 2;
	}
	per = atof(argv[5]);
	if (per < 1)
		per = 1;
	read_rules(argv[2]);
	read_symbols(argv[3]);
	all = read_dump(argv[1]);
	write_folded(argv[4], "folded", false);
	write_folded(argv[4], "entry.folded", true);
	write_functions(argv[4], all);
	write_subsystems(argv[4], all);
	return 0;
}
