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
#include <netpacket/packet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define QUIT_TYPE	0x88b5	/* IEEE 802: local, experimental */
#define BATCH		32
#define FRAME_MAX	2048
#define CARDS		2

/* Younger than some C libraries. */
#ifndef PACKET_QDISC_BYPASS
#define PACKET_QDISC_BYPASS	20
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING	23
#endif

struct card {
	const char *name;
	int sock;
	unsigned long received, sent, dropped;
};

static char frames[BATCH][FRAME_MAX];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];
static bool quit;

static void __attribute__((noreturn)) die(const char *card, const char *what)
{
	fprintf(stderr, "packets: %s: %s: %s\n", card, what, strerror(errno));
	exit(1);
}

static void open_card(struct card *card)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };
	struct ifreq ifr = {};
	int on = 1;

	/* No protocol before it is bound: no frames of other cards. */
	card->sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (card->sock < 0)
		die(card->name, "socket");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", card->name);
	if (ioctl(card->sock, SIOCGIFINDEX, &ifr))
		die(card->name, "no such card");
	address.sll_ifindex = ifr.ifr_ifindex;
	all.mr_ifindex = ifr.ifr_ifindex;
	if (ioctl(card->sock, SIOCGIFFLAGS, &ifr))
		die(card->name, "flags");
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(card->sock, SIOCSIFFLAGS, &ifr))
		die(card->name, "up");
	if (setsockopt(card->sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(card->sock, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) ||
	    setsockopt(card->sock, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) ||
	    bind(card->sock, (struct sockaddr *)&address, sizeof(address)))
		die(card->name, "packet socket");
}

static uint16_t sum(const uint16_t *words, unsigned int n)
{
	uint32_t s = 0;

	while (n--)
		s += *words++;
	s = (s & 0xffff) + (s >> 16);
	return (s & 0xffff) + (s >> 16);
}

/* May it go on? */
static bool process(char *frame, size_t len)
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

static void forward(struct card *from, struct card *to)
{
	unsigned int good = 0;
	int n, sent;

	for (unsigned int i = 0; i < BATCH; i++)
		vectors[i].iov_len = FRAME_MAX;
	n = recvmmsg(from->sock, messages, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		die(from->name, "receive");
	}
	from->received += n;
	for (int i = 0; i < n; i++) {
		struct iovec frame = vectors[i];

		frame.iov_len = messages[i].msg_len;
		if (!process(frame.iov_base, frame.iov_len)) {
			from->dropped++;
			continue;
		}
		/* The good ones move up, and their buffers change places. */
		vectors[i].iov_base = vectors[good].iov_base;
		vectors[good++] = frame;
	}
	for (n = 0; n < (int)good; n += sent) {
		sent = sendmmsg(to->sock, messages + n, good - n, 0);
		if (sent < 0 && errno != ENOBUFS && errno != EINTR)
			die(to->name, "send");
		if (sent < 0)
			sent = 0;
		to->sent += sent;
	}
}

int main(int argc, char **argv)
{
	struct card cards[CARDS] = {};
	struct pollfd ready[CARDS];

	if (argc != 1 + CARDS) {
		fputs("usage: packets INTERFACE INTERFACE\n", stderr);
		return 2;
	}
	for (int i = 0; i < BATCH; i++) {
		vectors[i].iov_base = frames[i];
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (int i = 0; i < CARDS; i++) {
		cards[i].name = argv[1 + i];
		open_card(&cards[i]);
		ready[i] = (struct pollfd){ .fd = cards[i].sock, .events = POLLIN };
	}
	printf("packets: between %s and %s\n", argv[1], argv[2]);
	fflush(stdout);
	while (!quit) {
		if (poll(ready, CARDS, -1) < 0 && errno != EINTR)
			die("all", "poll");
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
