// SPDX-License-Identifier: GPL-2.0
/* Frames by packet sockets. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netpacket/packet.h>
#include <sys/socket.h>
#include "packets.h"

#define BATCH		32

/* Younger than some C libraries. */
#ifndef PACKET_QDISC_BYPASS
#define PACKET_QDISC_BYPASS	20
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING	23
#endif

static char frames[BATCH][FRAME_MAX];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

void open_card(struct card *card)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = card->index,
	};
	/* All that a card may have taken in before the program comes to it */
	int room = 4 << 20;
	int on = 1;

	for (unsigned int i = 0; i < BATCH; i++) {
		vectors[i].iov_base = frames[i];
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	/* No protocol before it is bound: no frames of other cards. */
	card->sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (card->sock < 0 ||
	    setsockopt(card->sock, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(card->sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
	    setsockopt(card->sock, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) ||
	    bind(card->sock, (struct sockaddr *)&address, sizeof(address)))
		die(card, "packet socket");
}

void forward(struct card *from, struct card *to)
{
	unsigned int good = 0;
	int n, sent;

	for (unsigned int i = 0; i < BATCH; i++)
		vectors[i].iov_len = FRAME_MAX;
	n = recvmmsg(from->sock, messages, BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		die(from, "receive");
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
			die(to, "send");
		if (sent < 0)
			sent = 0;
		to->sent += sent;
	}
}
