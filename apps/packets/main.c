// SPDX-License-Identifier: GPL-2.0
/*
 * A packet processor between two network cards.
 *
 * usage: packets INTERFACE INTERFACE
 *
 * Whatever comes in at one goes out at the other. Of IPv4 the header is checked
 * and the time to live counted down, and what fails that is dropped. A frame of
 * the type QUIT_TYPE ends the program, which then tells what it has done.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "packets.h"

#define QUIT_TYPE	0x88b5	/* IEEE 802: local, experimental */

static bool quit;

void die(const struct card *card, const char *what)
{
	fprintf(stderr, "packets: %s: %s: %s\n", card->name, what, strerror(errno));
	exit(1);
}

static void up(struct card *card)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq ifr = {};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", card->name);
	if (ioctl(sock, SIOCGIFINDEX, &ifr))
		die(card, "no such card");
	card->index = ifr.ifr_ifindex;
	if (ioctl(sock, SIOCGIFFLAGS, &ifr))
		die(card, "flags");
	ifr.ifr_flags |= IFF_UP | IFF_PROMISC;
	if (ioctl(sock, SIOCSIFFLAGS, &ifr))
		die(card, "up");
	close(sock);
}

static uint16_t sum(const uint16_t *words, unsigned int n)
{
	uint32_t s = 0;

	while (n--)
		s += *words++;
	s = (s & 0xffff) + (s >> 16);
	return (s & 0xffff) + (s >> 16);
}

bool process(char *frame, size_t len)
{
	struct ether_header *ether = (void *)frame;
	struct iphdr *ip = (void *)(ether + 1);
	uint32_t s;

	if (len < sizeof(*ether))
		return false;
	if (ntohs(ether->ether_type) == QUIT_TYPE)
		quit = true;
	if (ntohs(ether->ether_type) != ETHERTYPE_IP)
		return true;

	len -= sizeof(*ether);
	if (len < sizeof(*ip) || ip->version != 4 || ip->ihl < 5 || ip->ihl * 4u > len ||
	    ntohs(ip->tot_len) < ip->ihl * 4u || ntohs(ip->tot_len) > len ||
	    sum((void *)ip, ip->ihl * 2) != 0xffff || ip->ttl <= 1)
		return false;
	ip->ttl--;
	/* RFC 1624 */
	s = ip->check + htons(0x0100);
	ip->check = s + (s >> 16);
	return true;
}

int main(int argc, char **argv)
{
	struct card cards[CARDS] = {};
	struct pollfd ready[CARDS];

	if (argc != 1 + CARDS) {
		fputs("usage: packets INTERFACE INTERFACE\n", stderr);
		return 2;
	}
	for (int i = 0; i < CARDS; i++) {
		cards[i].name = argv[1 + i];
		up(&cards[i]);
		open_card(&cards[i]);
		ready[i] = (struct pollfd){ .fd = cards[i].sock, .events = POLLIN };
	}
	printf("packets: between %s and %s\n", argv[1], argv[2]);
	fflush(stdout);
	while (!quit) {
		if (poll(ready, CARDS, -1) < 0 && errno != EINTR)
			die(cards, "poll");
		for (int i = 0; i < CARDS; i++) {
			if (ready[i].revents)
				forward(&cards[i], &cards[!i]);
		}
	}
	for (int i = 0; i < CARDS; i++)
		printf("%s: received %lu, sent %lu, dropped %lu\n", cards[i].name,
		       cards[i].received, cards[i].sent, cards[i].dropped);
	return 0;
}
