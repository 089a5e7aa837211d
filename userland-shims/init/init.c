// SPDX-License-Identifier: GPL-2.0
/*
 * The start-up of an application at ring 3: what ukl/start.c does inside our
 * kernel, as process 1 of one that is not ours (MODE=stock, MODE=distro). So
 * an image has the same files, arguments and mounts, whatever its kernel.
 *
 * Reads /ukl.manifest and the words "ukl." of the kernel command line, as
 * the kernel does. What is not in the manifest, since only foreign kernels need
 * it: the files in /init.modules, one path a line, are loaded first, and with
 * "ip=dhcp" on the command line an interface eth0 that the kernel has left
 * without an address gets the one that QEMU's user network gives to a guest.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <net/route.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "compat.h"
#include "../../ukl/start.h"

#define MODULES		"/init.modules"
#define CMDLINE_MAX	8192
#define NOFILE_SOFT	1024
#define NOFILE_HARD	524288

/* QEMU's documentation, "Using the user mode network stack". */
#define QEMU_ADDRESS	"10.0.2.15"
#define QEMU_NETMASK	"255.255.255.0"
#define QEMU_GATEWAY	"10.0.2.2"

void ukl_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdprintf(STDERR_FILENO, fmt, ap);
	va_end(ap);
}

/* Words of the command line by the rules of the kernel's function of the name. */
char *next_arg(char *args, char **param, char **val)
{
	bool quoted = false;
	char *s = args;

	*val = NULL;
	if (*s == '"') {
		quoted = true;
		args = ++s;
	}
	*param = args;
	for (; *s && (quoted || !isspace((unsigned char)*s)); s++) {
		if (*s == '=' && !*val) {
			*s = '\0';
			*val = s + 1;
		} else if (*s == '"') {
			quoted = !quoted;
		}
	}
	if (*s)
		*s++ = '\0';
	if (*val && **val == '"') {
		size_t len = strlen(++*val);

		if (len && (*val)[len - 1] == '"')
			(*val)[len - 1] = '\0';
	}
	return skip_spaces(s);
}

/* The text of a small file, which stays allocated; NULL if there is none. */
static char *read_file(const char *name, size_t max)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	char *text = fd < 0 ? NULL : calloc(1, max + 1);
	size_t len = 0;
	ssize_t n = 1;

	while (text && n > 0 && len < max) {
		n = read(fd, text + len, max - len);
		len += n > 0 ? n : 0;
	}
	if (fd >= 0)
		close(fd);
	return text;
}

static char *read_cmdline(void)
{
	char *text;

	mkdir("/proc", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL))
		return NULL;
	text = read_file("/proc/cmdline", CMDLINE_MAX);
	umount("/proc");
	return text;
}

static void load_modules(void)
{
	char *text = read_file(MODULES, CMDLINE_MAX), *name;

	while ((name = strsep(&text, "\n"))) {
		int fd;

		if (!*name)
			continue;
		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			ukl_say("init: cannot load %s: %s\n", name, strerror(errno));
		close(fd);
	}
}

static void make_dir(const char *name)
{
	char path[4096];

	for (size_t i = 1; i < sizeof(path) && name[i - 1]; i++) {
		if (name[i] != '/' && name[i])
			continue;
		memcpy(path, name, i);
		path[i] = '\0';
		mkdir(path, 0755);
	}
}

static int do_one_mount(struct ukl_mount *m)
{
	unsigned long flags;
	char data[4096];
	int ret;

	ret = ukl_mount_options(m->options, &flags, data, sizeof(data));
	if (ret)
		return ret;
	make_dir(m->target);
	return mount(m->source, m->target, m->type, flags, data) ? -errno : 0;
}

static int mount_all(struct ukl_manifest *m)
{
	for (unsigned int i = 0; i < m->nr_mounts; i++) {
		struct ukl_mount *mnt = &m->mounts[i];
		int ret = do_one_mount(mnt);

		/* What the kernel itself has mounted is as good. */
		if (ret && ret != -EBUSY) {
			ukl_say("init: cannot mount %s (%s) on %s: %s\n",
				mnt->source, mnt->type, mnt->target, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

static void open_stdio(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	for (int i = 0; i <= 2; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static int interface_up(int sock, const char *name)
{
	struct ifreq ifr = {};

	strcpy(ifr.ifr_name, name);
	if (ioctl(sock, SIOCGIFFLAGS, &ifr))
		return -errno;
	ifr.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &ifr) ? -errno : 0;
}

static struct sockaddr internet(const char *address)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr sa;

	inet_aton(address, &sin.sin_addr);
	memcpy(&sa, &sin, sizeof(sa));
	return sa;
}

static void configure_network(bool dhcp)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct rtentry route = {
		.rt_dst = internet("0.0.0.0"),
		.rt_genmask = internet("0.0.0.0"),
		.rt_gateway = internet(QEMU_GATEWAY),
		.rt_flags = RTF_UP | RTF_GATEWAY,
	};
	struct ifreq ifr = { .ifr_name = "eth0" };
	int ret;

	if (sock < 0)
		return;
	interface_up(sock, "lo");
	if (!dhcp || !ioctl(sock, SIOCGIFADDR, &ifr)) {
		close(sock);
		return;
	}
	ifr.ifr_addr = internet(QEMU_ADDRESS);
	ret = ioctl(sock, SIOCSIFADDR, &ifr);
	if (!ret) {
		ifr.ifr_netmask = internet(QEMU_NETMASK);
		ret = ioctl(sock, SIOCSIFNETMASK, &ifr);
	}
	if (!ret)
		ret = interface_up(sock, "eth0");
	if (!ret)
		ret = ioctl(sock, SIOCADDRT, &route);
	if (ret)
		ukl_say("init: cannot set the address of eth0: %s\n", strerror(errno));
	close(sock);
}

static int run_app(const struct ukl_manifest *m)
{
	struct rlimit nofile = { NOFILE_SOFT, NOFILE_HARD };
	struct ukl_strv argv = {};
	int status = 0;
	pid_t pid, ended;

	ukl_strv_add(&argv, m->exec);
	for (unsigned int i = 0; i < m->args.n; i++)
		ukl_strv_add(&argv, m->args.v[i]);

	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_NOFILE, &nofile);
		umask(0022);
		if (chdir(m->cwd))
			ukl_say("init: cannot start in the directory %s: %s\n",
				m->cwd, strerror(errno));
		else if (m->nr_ids && (setgroups(m->nr_ids - 2, m->ids + 2) ||
				       setgid(m->ids[1]) || setuid(m->ids[0])))
			ukl_say("init: cannot become user %u: %s\n",
				m->ids[0], strerror(errno));
		else
			execve(m->exec, (char **)argv.v, (char **)m->env.v);
		ukl_say("init: cannot execute %s: %s\n", m->exec, strerror(errno));
		_exit(errno == ENOENT ? UKL_STATUS_NOT_FOUND : UKL_STATUS_CANNOT_RUN);
	}
	do {
		ended = wait(&status);
	} while (ended != pid && (ended > 0 || errno == EINTR));
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool has_word(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = line; (p = strstr(p, word)); p += len) {
		if ((p == line || p[-1] == ' ') && (!p[len] || isspace((unsigned char)p[len])))
			return true;
	}
	return false;
}

static int start(struct ukl_manifest *m)
{
	static struct ukl_options options;
	char *cmdline = read_cmdline();
	char *text = read_file(UKL_MANIFEST, 1 << 18);
	bool dhcp;

	if (!cmdline || !text) {
		ukl_say("init: cannot read %s\n", cmdline ? UKL_MANIFEST : "/proc/cmdline");
		return UKL_STATUS_CANNOT_RUN;
	}
	dhcp = has_word(cmdline, "ip=dhcp");
	load_modules();
	if (ukl_options_parse(&options, cmdline) || ukl_manifest_parse(m, text) ||
	    ukl_manifest_override(m, &options) || mount_all(m))
		return UKL_STATUS_CANNOT_RUN;
	open_stdio();
	signal(SIGTTOU, SIG_IGN);
	setsid();
	ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	configure_network(dhcp);
	return run_app(m);
}

int main(void)
{
	static struct ukl_manifest manifest;
	int status = start(&manifest);

	kill(-1, SIGKILL);
	while (wait(NULL) > 0)
		;
	for (unsigned int i = manifest.nr_mounts; i--;)
		umount(manifest.mounts[i].target);
	sync();
	ukl_say("ukl: exit status %d\n", status);
	tcdrain(STDERR_FILENO);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
