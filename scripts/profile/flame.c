// SPDX-License-Identifier: GPL-2.0
/*
 * Draw call chains as a flame graph.
 *
 * usage: flame TITLE FOLDED                        > graph.svg
 *        flame TITLE FOLDED NAME FOLDED NAME       > difference.svg
 *
 * A line of a folded file is "function;function;... NUMBER", callers first;
 * functions of the kernel end with _[k]. The width of a frame is the number of
 * all chains through it. A frame's title, which a viewer shows under the pointer,
 * has the figures. No script is needed.
 *
 * With two files the shape is that of the first. A frame that has more than in the
 * second is red, one that has less is blue, the more so the greater the change is in
 * proportion.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "memory.h"

#define WIDTH		1600.0
#define MARGIN		10.0
#define ROW		16
#define HEAD		48
#define NARROWEST	0.3	/* frames below are left out */
#define LETTER		6.6	/* width of one, in the font used */

struct frame {
	char *name;
	double value[2];	/* with all below it */
	struct frame *children, *next;
};

static struct frame all = { .name = "all" };

static struct frame *child(struct frame *parent, const char *name)
{
	struct frame *f;

	for (f = parent->children; f; f = f->next)
		if (!strcmp(f->name, name))
			return f;
	f = checked(calloc(1, sizeof(*f)));
	f->name = checked(strdup(name));
	f->next = parent->children;
	parent->children = f;
	return f;
}

static void read_folded(const char *file, int which)
{
	FILE *in = fopen(file, "r");
	size_t room = 0;
	char *line = NULL, *number, *name;

	if (!in) {
		perror(file);
		exit(1);
	}
	while (getline(&line, &room, in) > 0) {
		struct frame *f = &all;
		double value;

		number = strrchr(line, ' ');
		if (!number) {
			fprintf(stderr, "unilinux: flame: %s: bad line: %s", file, line);
			exit(1);
		}
		*number = '\0';
		value = atof(number + 1);
		f->value[which] += value;
		for (name = strtok(line, ";"); name; name = strtok(NULL, ";")) {
			f = child(f, name);
			f->value[which] += value;
		}
	}
	free(line);
	fclose(in);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct frame *const *)a)->name,
		      (*(struct frame *const *)b)->name);
}

static void sort(struct frame *f)
{
	struct frame **list, *c;
	size_t n = 0, i = 0;

	for (c = f->children; c; c = c->next)
		n++;
	if (!n)
		return;
	list = checked(calloc(n, sizeof(*list)));
	for (c = f->children; c; c = c->next)
		list[i++] = c;
	qsort(list, n, sizeof(*list), by_name);
	f->children = list[0];
	for (i = 0; i < n; i++) {
		list[i]->next = i + 1 < n ? list[i + 1] : NULL;
		sort(list[i]);
	}
	free(list);
}

static int depth(const struct frame *f, double scale)
{
	const struct frame *c;
	int deepest = 0, d;

	for (c = f->children; c; c = c->next) {
		if (c->value[0] * scale < NARROWEST)
			continue;
		d = depth(c, scale);
		if (d > deepest)
			deepest = d;
	}
	return deepest + 1;
}

static void text(const char *s, size_t most)
{
	for (; *s && most; s++, most--) {
		if (*s == '<')
			fputs("&lt;", stdout);
		else if (*s == '>')
			fputs("&gt;", stdout);
		else if (*s == '&')
			fputs("&amp;", stdout);
		else
			putchar(*s);
	}
}

/* Warm colours for the kernel, green for applications; each name has its own. */
static void plain_colour(const char *name, bool kernel, int rgb[3])
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	rgb[0] = kernel ? 225 + h % 30 : 130 + h % 50;
	rgb[1] = kernel ? 110 + (h >> 8) % 90 : 195 + (h >> 8) % 40;
	rgb[2] = kernel ? 60 + (h >> 16) % 30 : 110 + (h >> 16) % 40;
}

static void change_colour(double now, double before, int rgb[3])
{
	double most = now > before ? now : before;
	int fade = 255 - (int)(200 * (most ? (now - before) / most : 0));

	rgb[0] = rgb[1] = rgb[2] = 255;
	if (now > before)
		rgb[1] = rgb[2] = fade;
	else
		rgb[0] = rgb[1] = 510 - fade;
}

static void draw(const struct frame *f, double x, int row, int rows, double scale,
		 char *const names[2])
{
	double width = f->value[0] * scale;
	int y = HEAD + (rows - 1 - row) * ROW, rgb[3];
	size_t len = strlen(f->name), letters;
	bool kernel = len > 4 && !strcmp(f->name + len - 4, "_[k]");
	const struct frame *c;

	if (width < NARROWEST)
		return;
	if (kernel)
		len -= 4;
	if (names)
		change_colour(f->value[0], f->value[1], rgb);
	else
		plain_colour(f->name, kernel, rgb);
	printf("<g><title>");
	text(f->name, len);
	printf("%s: ", kernel ? " (kernel)" : "");
	if (names)
		printf("%s %.0f, %s %.0f, %+.1f %%", names[0], f->value[0], names[1],
		       f->value[1], f->value[1] ?
		       100 * (f->value[0] / f->value[1] - 1) : 100);
	else
		printf("%.0f instructions, %.2f %%", f->value[0],
		       100 * f->value[0] / all.value[0]);
	printf("</title><rect x='%.2f' y='%d' width='%.2f' height='%d' fill='rgb(%d,%d,%d)'/>",
	       x, y, width, ROW - 1, rgb[0], rgb[1], rgb[2]);
	letters = (width - 4) > 0 ? (size_t)((width - 4) / LETTER) : 0;
	if (letters >= 3) {
		printf("<text x='%.2f' y='%d'>", x + 2, y + 11);
		if (len > letters) {
			text(f->name, letters - 2);
			printf("..");
		} else {
			text(f->name, len);
		}
		printf("</text>");
	}
	printf("</g>\n");
	for (c = f->children; c; c = c->next) {
		draw(c, x, row + 1, rows, scale, names);
		x += c->value[0] * scale;
	}
}

int main(int argc, char **argv)
{
	bool two = argc == 6;
	double scale;
	int rows;

	if (argc != 3 && !two) {
		fprintf(stderr, "usage: flame TITLE FOLDED [NAME FOLDED NAME]\n");
		return 2;
	}
	read_folded(argv[2], 0);
	if (two)
		read_folded(argv[4], 1);
	if (!all.value[0] || (two && !all.value[1])) {
		fprintf(stderr, "unilinux: flame: %s is empty\n", argv[2]);
		return 1;
	}
	sort(&all);
	scale = (WIDTH - 2 * MARGIN) / all.value[0];
	rows = depth(&all, scale);

	printf("<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%d' ",
	       WIDTH, HEAD + rows * ROW + 10);
	printf("viewBox='0 0 %.0f %d' font-family='monospace' font-size='11'>\n",
	       WIDTH, HEAD + rows * ROW + 10);
	printf("<rect width='100%%' height='100%%' fill='#fff'/>\n"
	       "<text x='%.0f' y='20' font-size='16'>", MARGIN);
	text(argv[1], (size_t)-1);
	printf("</text>\n<text x='%.0f' y='38'>", MARGIN);
	if (two)
		printf("red: more in %s, blue: less; the widths are those of %s", argv[3], argv[3]);
	else
		printf("%.0f instructions; green: application, orange: kernel", all.value[0]);
	printf("</text>\n");
	if (two) {
		char *names[2] = { argv[3], argv[5] };

		draw(&all, MARGIN, 0, rows, scale, names);
	} else {
		draw(&all, MARGIN, 0, rows, scale, NULL);
	}
	printf("</svg>\n");
	return 0;
}
