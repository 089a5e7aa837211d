// SPDX-License-Identifier: GPL-2.0
/*
 * Suite "sqlite": a table of ROWS rows and an index, through SQLite's C
 * interface with its defaults: a rollback journal, and fsync at each commit.
 *
 * usage: sqlite [ROWS [DIRECTORY...]]
 *
 * A workload's name ends with that of the directory. The file system of /disk
 * is that of the first virtio disk (ext4); without such a disk it is left out.
 * Of it there is only the time, which is none under an instruction clock.
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench.h"
#include "sqlite3.h"

#define ROUNDS		5
#define RANGE		100
/* The numbers of the rows are a permutation: steps of a prime that is not in ROWS. */
#define STEP		7919
#define DISK		"/disk"
#define DEVICE		"/dev/vda"

static sqlite3 *db;
static int rows = 2000;

static void check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "sqlite: %s: %s\n", what,
		db && sqlite3_errcode(db) ? sqlite3_errmsg(db) : "wrong result");
	exit(1);
}

static void run(const char *statement)
{
	check(sqlite3_exec(db, statement, NULL, NULL, NULL) == SQLITE_OK, statement);
}

static sqlite3_stmt *prepare(const char *text)
{
	sqlite3_stmt *s;

	check(sqlite3_prepare_v2(db, text, -1, &s, NULL) == SQLITE_OK, text);
	return s;
}

static int number(int id)
{
	return (long long)id * STEP % rows;
}

static void insert(const char *into, int first, int last)
{
	sqlite3_stmt *s = prepare(into);
	char name[32];
	int id;

	for (id = first; id <= last; id++) {
		sqlite3_bind_int(s, 1, id);
		sqlite3_bind_int(s, 2, number(id));
		snprintf(name, sizeof(name), "item number %d", id);
		sqlite3_bind_text(s, 3, name, -1, SQLITE_TRANSIENT);
		check(sqlite3_step(s) == SQLITE_DONE, into);
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
}

static void do_insert(int n)
{
	run("BEGIN");
	insert("INSERT INTO item VALUES (?, ?, ?)", 1, n);
	run("COMMIT");
}

static void do_commit(int n)
{
	insert("INSERT INTO event VALUES (?, ?, ?)", 1, n);
}

static void do_select(int n)
{
	sqlite3_stmt *s = prepare("SELECT number FROM item WHERE id = ?");
	int i;

	for (i = 0; i < n; i++) {
		int id = number(i) + 1;

		sqlite3_bind_int(s, 1, id);
		check(sqlite3_step(s) == SQLITE_ROW &&
		      sqlite3_column_int(s, 0) == number(id), "SELECT");
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
}

static void do_range(int n)
{
	sqlite3_stmt *s = prepare("SELECT id, name FROM item WHERE number BETWEEN ? AND ? ORDER BY number");
	int i, from, found;

	for (i = 0; i < n; i++) {
		from = (long long)number(i) * (rows - RANGE) / rows;
		sqlite3_bind_int(s, 1, from);
		sqlite3_bind_int(s, 2, from + RANGE - 1);
		for (found = 0; sqlite3_step(s) == SQLITE_ROW; found++)
			check(number(sqlite3_column_int(s, 0)) == from + found,
			      "range");
		check(found == RANGE, "range");
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
}

static void do_update(int n)
{
	sqlite3_stmt *s = prepare("UPDATE item SET name = 'updated' WHERE number = ?");
	int i;

	run("BEGIN");
	for (i = 0; i < n; i++) {
		sqlite3_bind_int(s, 1, i);
		check(sqlite3_step(s) == SQLITE_DONE && sqlite3_changes(db) == 1,
		      "UPDATE");
		sqlite3_reset(s);
	}
	run("COMMIT");
	sqlite3_finalize(s);
}

/* In this order: each uses what those before have left. */
static const struct {
	const char *name;
	void (*run)(int n);
	int part;		/* of ROWS, how often */
	const char *unit;
} workload[] = {
	{ "insert", do_insert, 1, "row" },
	{ "insert+commit", do_commit, 10, "row" },
	{ "select", do_select, 1, "query" },
	{ "select_range", do_range, 20, "query" },
	{ "update", do_update, 1, "row" },
};

#define WORKLOADS	((int)(sizeof(workload) / sizeof(workload[0])))

static void open_new(const char *directory)
{
	char name[256];

	snprintf(name, sizeof(name), "%s/bench.db", directory);
	check(!unlink(name) || errno == ENOENT, name);
	check(sqlite3_open(name, &db) == SQLITE_OK, name);
	run("CREATE TABLE item (id INTEGER PRIMARY KEY, number INTEGER, name TEXT)");
	run("CREATE INDEX item_number ON item (number)");
	run("CREATE TABLE event (id INTEGER PRIMARY KEY, number INTEGER, name TEXT)");
}

static void measure(const char *directory)
{
	double ticks[WORKLOADS][ROUNDS], ns[WORKLOADS][ROUNDS];
	const char *base = strrchr(directory, '/');
	char name[64], unit[32];
	int round, i;

	/* The first does not count. */
	for (round = -1; round < ROUNDS; round++) {
		open_new(directory);
		for (i = 0; i < WORKLOADS; i++) {
			int n = rows / workload[i].part;
			struct bench_clock t = bench_now();

			workload[i].run(n);
			t = bench_since(t);
			if (round < 0)
				continue;
			ticks[i][round] = (double)t.ticks / n;
			ns[i][round] = (double)t.ns / n;
		}
		sqlite3_close(db);
		db = NULL;
	}
	for (i = 0; i < WORKLOADS; i++) {
		snprintf(name, sizeof(name), "%s_%s", workload[i].name,
			 base ? base + 1 : directory);
		snprintf(unit, sizeof(unit), "ticks/%s", workload[i].unit);
		/* While a disk works the counter goes on, whichever clock it is. */
		if (strcmp(directory, DISK))
			bench_mean(name, "ticks", unit, ticks[i], ROUNDS);
		snprintf(unit, sizeof(unit), "ns/%s", workload[i].unit);
		bench_median(name, "time", unit, ns[i], ROUNDS);
	}
}

/* Returns whether there is such a directory to work in. */
static int have(const char *directory)
{
	if (strcmp(directory, DISK))
		return 1;
	if (access(DEVICE, F_OK))
		return 0;
	mkdir(DISK, 0755);
	if (!mount(DEVICE, DISK, "ext4", 0, NULL))
		return 1;
	fprintf(stderr, "sqlite: mount of %s: %s\n", DEVICE, strerror(errno));
	exit(1);
}

int main(int argc, char **argv)
{
	static char *all[] = { "/tmp", DISK, NULL };
	char **directory = argc > 2 ? argv + 2 : all;

	if (argc > 1)
		rows = atoi(argv[1]);
	if (rows < 2 * RANGE || rows > 10000000 || rows % STEP == 0) {
		fprintf(stderr, "sqlite: ROWS is a number from %d on, no multiple of %d\n",
			2 * RANGE, STEP);
		return 1;
	}
	bench_cpl();
	for (; *directory; directory++)
		if (have(*directory))
			measure(*directory);
	umount(DISK);
	return 0;
}
