/* SPDX-License-Identifier: GPL-2.0 */
/* A packet processor (main.c), and how it gets frames and gives them away. */
#ifndef PACKETS_H
#define PACKETS_H

#include <stdbool.h>
#include <stddef.h>

#define CARDS		2
#define FRAME_MAX	2048

struct card {
	const char *name;
	int index;		/* of the interface */
	int sock;		/* readable when frames have come in */
	void *own;		/* of open_card() and forward() */
	unsigned long received, sent, dropped;
};

/* open_card() - have frames of a card, which is up, by a socket that it sets */
void open_card(struct card *card);

/* forward() - what has come in at one goes through process(), and out at the other */
void forward(struct card *from, struct card *to);

/* process() - may that frame go on? It may be changed. */
bool process(char *frame, size_t len);

/* die() - end the program; errno says why */
void __attribute__((noreturn)) die(const struct card *card, const char *what);

#endif
