// SPDX-License-Identifier: GPL-2.0
/*
 * A disk with a volatile cache, and the power of it and of its machine.
 *
 * usage: disk SOCKET FILE SEED REQUESTS [forget]
 *
 * Serves FILE by NBD to the one client that connects to SOCKET. What is written is
 * kept in memory until the client flushes it, as in a disk's cache. After so many
 * REQUESTS that are no reads, 0 for never, the power is cut: the client is killed, and
 * any part of what is in the cache, sector by sector, reaches the file. So a file system
 * that forgets to flush loses data, which it would not on a file of the host: the host's
 * cache outlives QEMU. With "forget" it is the disk that takes a flush for nothing.
 *
 * Protocol: doc/proto.md of the project "NetworkBlockDevice".
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * What is written whole or not at all. The superblock of ext4, 1 KiB, has to be: with a
 * wrong checksum it is not mounted (ext4_init_metadata_csum() in fs/ext4/super.c).
 */
#define SECTOR		1024

#define MAGIC		0x4e42444d41474943	/* "NBDMAGIC" */
#define OPTION_MAGIC	0x49484156454f5054	/* "IHAVEOPT" */
#define REPLY_MAGIC	0x0003e889045565a9
#define FIXED_NEWSTYLE	1
#define OPT_ABORT	2
#define OPT_INFO	6
#define OPT_GO		7
#define REP_ACK		1
#define REP_INFO	3
#define REP_UNSUPPORTED	0x80000001
#define HAS_FLAGS	1
#define SEND_FLUSH	4
#define SEND_FUA	8

#define REQUEST_MAGIC	0x25609513
#define ANSWER_MAGIC	0x67446698
enum { READ, WRITE, DISCONNECT, FLUSH };
#define FUA		1

static int client, file;
static unsigned char *disk, *dirty;
static uint64_t size;

/* Returns false when the client is gone. */
static bool get(void *data, size_t len)
{
	for (ssize_t n; len; data = (char *)data + n, len -= n) {
		n = read(client, data, len);
		if (n <= 0)
			return false;
	}
	return true;
}

static bool put(const void *data, size_t len)
{
	for (ssize_t n; len; data = (const char *)data + n, len -= n) {
		n = send(client, data, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
	}
	return true;
}

static void store(uint64_t sector)
{
	if (pwrite(file, disk + sector * SECTOR, SECTOR, sector * SECTOR) != SECTOR)
		err(1, "write");
	dirty[sector] = 0;
}

static void flush(uint64_t from, uint64_t end)
{
	for (uint64_t i = from; i < end; i++)
		if (dirty[i])
			store(i);
}

static bool option_reply(uint32_t option, uint32_t type, const void *data,
			 uint32_t len)
{
	struct {
		uint64_t magic;
		uint32_t option, type, len;
	} __attribute__((packed)) reply = {
		htobe64(REPLY_MAGIC), htobe32(option), htobe32(type), htobe32(len)
	};

	return put(&reply, sizeof(reply)) && put(data, len);
}

static bool negotiate(void)
{
	struct {
		uint64_t magic, option_magic;
		uint16_t flags;
	} __attribute__((packed)) hello = {
		htobe64(MAGIC), htobe64(OPTION_MAGIC), htobe16(FIXED_NEWSTYLE)
	};
	struct {
		uint16_t type;
		uint64_t size;
		uint16_t flags;
	} __attribute__((packed)) export = {
		0, htobe64(size), htobe16(HAS_FLAGS | SEND_FLUSH | SEND_FUA)
	};
	struct {
		uint64_t magic;
		uint32_t option, len;
	} __attribute__((packed)) request;
	uint32_t flags, option, len;
	char data[4096];

	if (!put(&hello, sizeof(hello)) || !get(&flags, sizeof(flags)))
		return false;
	for (;;) {
		if (!get(&request, sizeof(request)))
			return false;
		option = be32toh(request.option);
		len = be32toh(request.len);
		if (be64toh(request.magic) != OPTION_MAGIC || len > sizeof(data))
			errx(1, "option %u is too long", option);
		if (!get(data, len))
			return false;
		if (option == OPT_GO || option == OPT_INFO) {
			if (!option_reply(option, REP_INFO, &export, sizeof(export)) ||
			    !option_reply(option, REP_ACK, NULL, 0))
				return false;
			if (option == OPT_GO)
				return true;
		} else if (!option_reply(option, option == OPT_ABORT ?
					 REP_ACK : REP_UNSUPPORTED, NULL, 0) ||
			   option == OPT_ABORT) {
			return false;
		}
	}
}

/* Returns false when the power is cut, true when the client has said goodbye. */
static bool serve(unsigned long requests, bool forget)
{
	struct {
		uint32_t magic;
		uint16_t flags, type;
		uint64_t handle, from;
		uint32_t len;
	} __attribute__((packed)) request;
	struct {
		uint32_t magic, error;
		uint64_t handle;
	} __attribute__((packed)) answer = { .magic = htobe32(ANSWER_MAGIC) };

	while (get(&request, sizeof(request))) {
		uint64_t from = be64toh(request.from);
		uint32_t len = be32toh(request.len);
		int type = be16toh(request.type);

		if (be32toh(request.magic) != REQUEST_MAGIC)
			errx(1, "no request");
		if (type == DISCONNECT)
			return true;
		answer.handle = request.handle;
		answer.error = 0;
		if (from > size || len > size - from ||
		    (type == WRITE && (from % SECTOR || len % SECTOR)))
			errx(1, "request for %u bytes at %llu", len,
			     (unsigned long long)from);
		switch (type) {
		case READ:
			break;
		case WRITE:
			if (!get(disk + from, len))
				errx(1, "the client is gone");
			memset(dirty + from / SECTOR, 1, len / SECTOR);
			if (be16toh(request.flags) & FUA && !forget)
				flush(from / SECTOR, (from + len) / SECTOR);
			break;
		case FLUSH:
			if (!forget)
				flush(0, size / SECTOR);
			break;
		default:
			answer.error = htobe32(EINVAL);
		}
		if (!put(&answer, sizeof(answer)) ||
		    (type == READ && !put(disk + from, len)))
			break;
		if (type != READ && requests && !--requests)
			return false;
	}
	errx(1, "the client is gone");
}

/* What was in the cache: all, nothing, or some of it. */
static void power_fails(void)
{
	unsigned int kept = 0, lost = 0, chance = rand() % 5;
	socklen_t len = sizeof(struct ucred);
	struct ucred peer;

	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
	    kill(peer.pid, SIGKILL))
		err(1, "the machine");
	for (uint64_t i = 0; i < size / SECTOR; i++) {
		if (!dirty[i])
			continue;
		if (rand() % 4 < (int)chance) {
			store(i);
			kept++;
		} else {
			lost++;
		}
	}
	printf("disk: %u sectors of the cache were written, %u lost\n", kept, lost);
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	int s;

	if (argc < 5 || argc > 6 || (argc == 6 && strcmp(argv[5], "forget")) ||
	    strlen(argv[1]) >= sizeof(a.sun_path))
		errx(2, "usage: disk SOCKET FILE SEED REQUESTS [forget]");
	srand(atoi(argv[3]));
	file = open(argv[2], O_RDWR);
	if (file < 0 || fstat(file, &st))
		err(1, "%s", argv[2]);
	size = st.st_size / SECTOR * SECTOR;
	disk = malloc(size);
	dirty = calloc(size / SECTOR, 1);
	if (!disk || !dirty || pread(file, disk, size, 0) != (ssize_t)size)
		err(1, "%s", argv[2]);

	strcpy(a.sun_path, argv[1]);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	if (s < 0 || bind(s, (void *)&a, sizeof(a)) || listen(s, 1))
		err(1, "%s", argv[1]);
	/* Nobody may come. */
	alarm(120);
	client = accept(s, NULL, NULL);
	if (client < 0)
		err(1, "accept");
	alarm(0);
	if (!negotiate())
		errx(1, "the client is gone");
	if (serve(strtoul(argv[4], NULL, 0), argc == 6))
		flush(0, size / SECTOR);
	else
		power_fails();
	return 0;
}
