// SPDX-License-Identifier: GPL-2.0
/*
 * Frames by AF_XDP: a program of BPF gives what comes in to a socket, before the
 * network stack sees it, in memory that both cards share. A frame goes from the
 * ring of one card to that of the other where it lies.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "packets.h"

#define RING		256	/* a power of two */
#define FRAMES		(2 * CARDS * RING)

/*
 * In memory of the kernel: addresses of frames that are free or were sent, or
 * descriptors of frames. Each side moves one of the indices.
 */
struct ring {
	uint32_t *producer, *consumer;
	union {
		uint64_t *address;
		struct xdp_desc *desc;
	};
};

struct rings {
	struct ring free, in, out, sent;
};

static char area[FRAMES * FRAME_MAX] __attribute__((aligned(4096)));
static uint64_t unused[FRAMES];
static unsigned int nr_unused;

/* filled() - how many entries the kernel has made, or has not taken yet */
static unsigned int filled(const struct ring *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
}

static void move(uint32_t *index, unsigned int n)
{
	__atomic_store_n(index, *index + n, __ATOMIC_RELEASE);
}

static void map_ring(struct card *card, struct ring *r,
		     const struct xdp_ring_offset *at, size_t entry, off_t page)
{
	char *p;

	p = mmap(NULL, at->desc + RING * entry, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_POPULATE, card->sock, page);
	if (p == MAP_FAILED)
		die(card, "map a ring");
	r->producer = (void *)(p + at->producer);
	r->consumer = (void *)(p + at->consumer);
	r->address = (void *)(p + at->desc);
}

static void set(struct card *card, int option, const void *value, socklen_t len)
{
	if (setsockopt(card->sock, SOL_XDP, option, value, len))
		die(card, "rings");
}

static int bpf(struct card *card, enum bpf_cmd cmd, union bpf_attr *attr, const char *what)
{
	int fd = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	if (fd < 0)
		die(card, what);
	return fd;
}

/* The card's first queue to the socket; the descriptors stay open. */
static void redirect(struct card *card)
{
	union bpf_attr make = {
		.map_type = BPF_MAP_TYPE_XSKMAP,
		.key_size = sizeof(int),
		.value_size = sizeof(int),
		.max_entries = 1,
	};
	int map = bpf(card, BPF_MAP_CREATE, &make, "map of sockets"), queue = 0;
	/* return bpf_redirect_map(map, ctx->rx_queue_index, XDP_PASS) */
	struct bpf_insn code[] = {
		{ BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, rx_queue_index), 0 },
		{ BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map },
		{},
		{ BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map },
		{ BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)code,
		.insn_cnt = sizeof(code) / sizeof(code[0]),
		.license = (uintptr_t)"GPL",
	};
	union bpf_attr link = {
		.link_create = {
			.prog_fd = bpf(card, BPF_PROG_LOAD, &load, "program"),
			.target_ifindex = card->index,
			.attach_type = BPF_XDP,
			.flags = XDP_FLAGS_SKB_MODE,
		},
	};
	union bpf_attr entry = {
		.map_fd = map,
		.key = (uintptr_t)&queue,
		.value = (uintptr_t)&card->sock,
	};

	bpf(card, BPF_MAP_UPDATE_ELEM, &entry, "socket in the map");
	bpf(card, BPF_LINK_CREATE, &link, "attach the program");
}

/* Free frames to the kernel, for what will come in */
static void refill(struct rings *r)
{
	unsigned int n = RING - filled(&r->free), i;

	if (n > nr_unused)
		n = nr_unused;
	for (i = 0; i < n; i++)
		r->free.address[(*r->free.producer + i) % RING] = unused[--nr_unused];
	move(r->free.producer, n);
}

/* What the card has sent is free again. */
static void reap(struct rings *r)
{
	unsigned int n = filled(&r->sent), i;

	for (i = 0; i < n; i++) {
		uint64_t address = r->sent.address[(*r->sent.consumer + i) % RING];

		unused[nr_unused++] = address - address % FRAME_MAX;
	}
	move(r->sent.consumer, n);
}

void open_card(struct card *card)
{
	static const struct card *first;
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_ifindex = card->index,
		.sxdp_flags = XDP_COPY,
	};
	struct xdp_umem_reg memory = {
		.addr = (uintptr_t)area,
		.len = sizeof(area),
		.chunk_size = FRAME_MAX,
	};
	struct rings *r = calloc(1, sizeof(*r));
	struct xdp_mmap_offsets at;
	socklen_t len = sizeof(at);
	int entries = RING;

	card->sock = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (card->sock < 0 || !r)
		die(card, "XDP socket");
	card->own = r;
	if (first) {
		address.sxdp_flags = XDP_SHARED_UMEM;
		address.sxdp_shared_umem_fd = first->sock;
	} else {
		first = card;
		set(card, XDP_UMEM_REG, &memory, sizeof(memory));
		while (nr_unused < FRAMES) {
			unused[nr_unused] = nr_unused * FRAME_MAX;
			nr_unused++;
		}
	}
	set(card, XDP_UMEM_FILL_RING, &entries, sizeof(entries));
	set(card, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries));
	set(card, XDP_RX_RING, &entries, sizeof(entries));
	set(card, XDP_TX_RING, &entries, sizeof(entries));
	if (getsockopt(card->sock, SOL_XDP, XDP_MMAP_OFFSETS, &at, &len))
		die(card, "rings");
	map_ring(card, &r->free, &at.fr, sizeof(uint64_t), XDP_UMEM_PGOFF_FILL_RING);
	map_ring(card, &r->sent, &at.cr, sizeof(uint64_t), XDP_UMEM_PGOFF_COMPLETION_RING);
	map_ring(card, &r->in, &at.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
	map_ring(card, &r->out, &at.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
	refill(r);
	if (bind(card->sock, (struct sockaddr *)&address, sizeof(address)))
		die(card, "bind");
	redirect(card);
}

void forward(struct card *from, struct card *to)
{
	struct rings *source = from->own, *target = to->own;
	unsigned int n = filled(&source->in), room = RING - filled(&target->out);
	unsigned int good = 0, i;

	if (n > room)
		n = room;
	for (i = 0; i < n; i++) {
		struct xdp_desc desc = source->in.desc[(*source->in.consumer + i) % RING];

		if (process(area + desc.addr, desc.len)) {
			target->out.desc[(*target->out.producer + good) % RING] = desc;
			good++;
		} else {
			unused[nr_unused++] = desc.addr - desc.addr % FRAME_MAX;
		}
	}
	move(source->in.consumer, n);
	move(target->out.producer, good);
	from->received += n;
	from->dropped += n - good;
	to->sent += good;
	/* Some at a time, until all are with the card */
	while (filled(&target->out)) {
		if (sendto(to->sock, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
		    errno != EBUSY && errno != ENOBUFS && errno != EINTR)
			die(to, "send");
		reap(target);
	}
	reap(target);
	refill(source);
}
