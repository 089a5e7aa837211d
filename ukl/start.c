// SPDX-License-Identifier: GPL-2.0
/*
 * UniLinux: the kernel-side start-up task.
 *
 * Process 1 never leaves the kernel. It prepares what the manifest of the
 * image asks for, starts the application as an ordinary process, reaps
 * orphans, and powers the machine off with the application's exit status.
 */
#include <linux/binfmts.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/device/driver.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/init_syscalls.h>
#include <linux/io.h>
#include <linux/kmsg_dump.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/netdevice.h>
#include <linux/reboot.h>
#include <linux/rtnetlink.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/task_work.h>
#include <linux/tty.h>
#include <net/net_namespace.h>
#include <uapi/linux/wait.h>
#include <ukl/initramfs.h>

#include "../fs/internal.h"
#include "../kernel/uid16.h"
#include "patch.h"
#include "start.h"

/* Far above any real manifest, and small enough to read in one piece. */
#define UKL_MANIFEST_MAX	SZ_256K

/* Soft limit: what select() can take; hard limit: what servers ask for. */
#define UKL_NOFILE_SOFT		1024
#define UKL_NOFILE_HARD		524288

/* How long processes that outlive the application may take to die. */
#define UKL_KILL_TIMEOUT_MS	5000

static struct file *ukl_console;

/* Process id of the application, 0 before it exists. */
pid_t ukl_app_pid;

static int console_write(const char *text, size_t len)
{
	loff_t pos = 0;

	while (len) {
		ssize_t ret = kernel_write(ukl_console, text, len, &pos);

		if (ret <= 0)
			return ret ?: -EIO;
		text += ret;
		len -= ret;
	}
	return 0;
}

/**
 * ukl_say - tell the user something on the console
 * @fmt: format, with all the newlines
 *
 * The text goes the way of the application's own output. Other than printk()
 * this is not silenced by "quiet", carries no time stamp, and cannot come out
 * in the middle of a line that the application has just written. printk()
 * takes over where there is no console to write to.
 */
void ukl_say(const char *fmt, ...)
{
	va_list ap;
	char *text, *rest, *line;

	va_start(ap, fmt);
	text = kvasprintf(GFP_KERNEL, fmt, ap);
	va_end(ap);
	if (!text)
		return;

	if (!ukl_console || console_write(text, strlen(text))) {
		rest = text;
		while ((line = strsep(&rest, "\n"))) {
			if (*line)
				pr_err("%s\n", line);
		}
	}
	kfree(text);
}

static const char *error_text(int err)
{
	switch (-err) {
	case EPERM:
		return "operation not permitted";
	case ENOENT:
		return "no such file or directory";
	case EIO:
		return "input/output error";
	case ENXIO:
		return "no such device";
	case E2BIG:
		return "arguments and environment are too long";
	case ENOEXEC:
		return "not an executable that this kernel can run";
	case ENOMEM:
		return "out of memory, give the machine more";
	case EACCES:
		return "permission denied, or not an executable file";
	case ENOTBLK:
		return "not a block device";
	case EBUSY:
		return "busy";
	case ENODEV:
		return "no such file system or device in this kernel";
	case ENOTDIR:
		return "not a directory";
	case EISDIR:
		return "is a directory";
	case EINVAL:
		return "invalid argument or contents";
	case ENOSPC:
		return "no space left";
	case EROFS:
		return "read-only file system";
	case ELOOP:
		return "too many symbolic links";
	case ELIBBAD:
		return "its ELF interpreter cannot be used";
	default:
		return "see errno.h";
	}
}

/**
 * ukl_have_manifest - does the root file system start an application?
 *
 * Return: true if ukl_start() will take over.
 */
bool __init ukl_have_manifest(void)
{
	return !init_eaccess(UKL_MANIFEST);
}

/* Read a small file; the caller frees the result, which ends with a NUL. */
static char *read_text(struct file *file, size_t max)
{
	loff_t pos = 0;
	ssize_t len = 0, ret;
	char *text;

	text = kvzalloc(max + 1, GFP_KERNEL);
	if (!text)
		return ERR_PTR(-ENOMEM);
	do {
		ret = kernel_read(file, text + len, max - len, &pos);
		if (ret < 0) {
			kvfree(text);
			return ERR_PTR(ret);
		}
		len += ret;
	} while (ret && len < max);
	return text;
}

static char *read_manifest(void)
{
	struct file *file;
	char *text, *copy;

	file = filp_open(UKL_MANIFEST, O_RDONLY, 0);
	if (IS_ERR(file))
		return ERR_CAST(file);
	text = read_text(file, UKL_MANIFEST_MAX);
	fput(file);
	if (IS_ERR(text))
		return text;
	if (strlen(text) == UKL_MANIFEST_MAX) {
		kvfree(text);
		return ERR_PTR(-E2BIG);
	}
	copy = kstrdup(text, GFP_KERNEL);
	kvfree(text);
	return copy ?: ERR_PTR(-ENOMEM);
}

/* Make a directory and those above it. */
static int make_dir(const char *name)
{
	char *path, *end;
	int ret = 0;

	path = kstrdup(name, GFP_KERNEL);
	if (!path)
		return -ENOMEM;

	end = path;
	while (*end && !ret) {
		struct dentry *dentry;
		struct path parent;
		char saved;

		end += strspn(end, "/");
		end += strcspn(end, "/");
		saved = *end;
		*end = '\0';
		dentry = kern_path_create(AT_FDCWD, path, &parent,
					  LOOKUP_DIRECTORY);
		if (!IS_ERR(dentry)) {
			ret = vfs_mkdir(mnt_idmap(parent.mnt),
					d_inode(parent.dentry), dentry, 0755);
			done_path_create(&parent, dentry);
		} else if (PTR_ERR(dentry) != -EEXIST) {
			ret = PTR_ERR(dentry);
		}
		*end = saved;
	}
	kfree(path);
	return ret;
}

static int do_one_mount(const struct ukl_mount *m)
{
	unsigned long flags;
	struct path path;
	char *data;
	int ret;

	data = (char *)get_zeroed_page(GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	ret = ukl_mount_options(m->options, &flags, data, PAGE_SIZE);
	if (!ret)
		ret = make_dir(m->target);
	if (!ret)
		ret = kern_path(m->target, LOOKUP_FOLLOW | LOOKUP_DIRECTORY,
				&path);
	if (!ret) {
		ret = path_mount(m->source, &path, m->type, flags,
				 *data ? data : NULL);
		path_put(&path);
	}
	free_page((unsigned long)data);
	return ret;
}

static int mount_all(const struct ukl_manifest *m)
{
	unsigned int i;

	/* Drivers may still be looking for the disks. */
	if (m->nr_mounts)
		wait_for_device_probe();

	for (i = 0; i < m->nr_mounts; i++) {
		const struct ukl_mount *mnt = &m->mounts[i];
		int ret = do_one_mount(mnt);

		if (ret) {
			ukl_say("ukl: cannot mount %s (%s) on %s: error %d (%s)\n",
				mnt->source, mnt->type, mnt->target, -ret,
				error_text(ret));
			return ret;
		}
	}
	return 0;
}

/* In reverse, so that a disk's file system is left clean. */
static void unmount_all(const struct ukl_manifest *m)
{
	unsigned int i = m->nr_mounts;
	struct path path;

	while (i--) {
		if (!kern_path(m->mounts[i].target, LOOKUP_MOUNTPOINT, &path))
			path_umount(&path, 0);
	}
	/* The file systems' last references are dropped in task work. */
	task_work_run();
}

static struct file *open_device(const char *name)
{
	struct file *file = filp_open(name, O_RDWR | O_NOCTTY, 0);

	return IS_ERR(file) ? NULL : file;
}

/*
 * Open descriptors 0, 1 and 2 anew: they may still be the console of a /dev
 * that a mount has covered, where ttyname() cannot find it. Without a console
 * they must be open none the less, or a program's first socket becomes its
 * standard output.
 */
static void open_stdio(void)
{
	static const struct ukl_mount dev = {
		.type = "devtmpfs", .source = "devtmpfs", .target = "/dev",
	};
	struct file *file;
	int fd;

	file = open_device("/dev/console");
	if (!file && !ukl_console && !do_one_mount(&dev))
		file = open_device("/dev/console");
	if (file) {
		if (ukl_console)
			fput(ukl_console);
		ukl_console = get_file(file);
		for (fd = 0; fd <= 2; fd++)
			close_fd(fd);
	} else {
		file = open_device("/dev/null");
	}
	if (!file) {
		ukl_say("ukl: no console: no standard input and output\n");
		return;
	}
	while ((fd = get_unused_fd_flags(0)) >= 0 && fd <= 2)
		fd_install(fd, get_file(file));
	if (fd >= 0)
		put_unused_fd(fd);
	fput(file);
}

/*
 * Give the console to process 1's session, in whose process group the
 * application starts: Ctrl-C then reaches the application and not process 1,
 * which has no handlers. Were the application the leader of the session, its
 * exit would hang up the console and with that drop output not sent yet.
 */
static void take_terminal(void)
{
	kernel_sigaction(SIGTTOU, SIG_IGN);
	ksys_setsid();
	if (ukl_console)
		vfs_ioctl(ukl_console, TIOCSCTTY, 0);
}

/* Wait until all the output has left the machine. */
static void drain_console(void)
{
	if (ukl_console)
		vfs_ioctl(ukl_console, TCSBRK, 1);
}

#ifdef CONFIG_INET
static void loopback_up(void)
{
	struct net_device *lo = init_net.loopback_dev;
	int ret;

	/* The address 127.0.0.1 comes with it. */
	rtnl_lock();
	ret = dev_change_flags(lo, lo->flags | IFF_UP, NULL);
	rtnl_unlock();
	if (ret)
		ukl_say("ukl: cannot bring the loopback interface up: error %d\n",
			-ret);
}
#else
static void loopback_up(void)
{
}
#endif

#if defined(CONFIG_IP_PNP) && defined(CONFIG_PROC_FS)
/* What DHCP, or ip=, has told about name servers; NULL if nothing. */
static char *read_net_pnp(void)
{
	struct file_system_type *type = get_fs_type("proc");
	struct vfsmount *mnt;
	struct file *file;
	char *text = NULL;

	if (!type)
		return NULL;
	/* A mount of our own: the application may not want /proc. */
	mnt = vfs_kern_mount(type, 0, "proc", NULL);
	put_filesystem(type);
	if (IS_ERR(mnt))
		return NULL;

	file = file_open_root_mnt(mnt, "self/net/pnp", O_RDONLY, 0);
	if (!IS_ERR(file)) {
		text = read_text(file, PAGE_SIZE);
		__fput_sync(file);
		if (IS_ERR(text))
			text = NULL;
	}
	mntput(mnt);
	return text;
}

static void write_resolv_conf(void)
{
	char *text, *rest, *line;
	struct file *file;
	loff_t pos = 0;

	text = read_net_pnp();
	if (!text || !strstr(text, "nameserver ") || make_dir("/etc"))
		goto out;

	/* The image's own file has precedence. */
	file = filp_open("/etc/resolv.conf", O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (IS_ERR(file))
		goto out;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (!strstarts(line, "nameserver ") &&
		    !strstarts(line, "domain "))
			continue;
		kernel_write(file, line, strlen(line), &pos);
		kernel_write(file, "\n", 1, &pos);
	}
	fput(file);
out:
	kvfree(text);
}
#else
static void write_resolv_conf(void)
{
}
#endif

#ifdef CONFIG_MULTIUSER
/* With other user and group ids than root's go its capabilities. */
static int become(const unsigned int *ids, unsigned int nr)
{
	struct group_info *groups;
	unsigned int i;
	int ret;

	if (!nr)
		return 0;
	groups = groups_alloc(nr - 2);
	if (!groups)
		return -ENOMEM;
	for (i = 2; i < nr; i++)
		groups->gid[i - 2] = make_kgid(&init_user_ns, ids[i]);
	groups_sort(groups);
	ret = set_current_groups(groups);
	put_group_info(groups);
	ret = ret ?: __sys_setgid(ids[1]);
	return ret ?: __sys_setuid(ids[0]);
}
#else
static int become(const unsigned int *ids, unsigned int nr)
{
	return nr ? -EINVAL : 0;
}
#endif

/*
 * What the kernel has logged so far, however little of it the console has shown.
 * Its last line ties the log's clock to the time stamp counter, which counts
 * from the reset of the machine; one more says when all was told.
 */
static void tell_log(void)
{
	struct kmsg_dump_iter iter = {};
	char line[256];
	size_t len;

	pr_info("ukl: time stamp counter: %llu\n", rdtsc());
	kmsg_dump_rewind(&iter);
	while (kmsg_dump_get_line(&iter, false, line, sizeof(line), &len))
		ukl_say("%.*s", (int)len, line);
	ukl_say("ukl: told at %llu\n", rdtsc());
}

/* The application's process, until it becomes the application. */
static int app_main(void *data)
{
	const struct ukl_manifest *m = data;
	struct ukl_strv argv = {};
	struct path path;
	unsigned int i;
	int ret;

	spin_lock_irq(&current->sighand->siglock);
	flush_signal_handlers(current, 1);
	spin_unlock_irq(&current->sighand->siglock);

	task_lock(current->group_leader);
	current->signal->rlim[RLIMIT_NOFILE].rlim_cur = UKL_NOFILE_SOFT;
	current->signal->rlim[RLIMIT_NOFILE].rlim_max = UKL_NOFILE_HARD;
	task_unlock(current->group_leader);

	current->fs->umask = 0022;
	ret = kern_path(m->cwd, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);
	if (ret) {
		ukl_say("ukl: cannot start in the directory %s: error %d (%s)\n",
			m->cwd, -ret, error_text(ret));
		do_exit(UKL_STATUS_CANNOT_RUN << 8);
	}
	set_fs_pwd(current->fs, &path);
	path_put(&path);

	ret = become(m->ids, m->nr_ids);
	if (ret) {
		ukl_say("ukl: cannot become user %u: error %d (%s)\n",
			m->ids[0], -ret, error_text(ret));
		do_exit(UKL_STATUS_CANNOT_RUN << 8);
	}

	ret = ukl_strv_add(&argv, m->exec);
	for (i = 0; i < m->args.n && !ret; i++)
		ret = ukl_strv_add(&argv, m->args.v[i]);
	if (!ret)
		ret = kernel_execve(m->exec, argv.v, m->env.v);
	kfree(argv.v);
	if (!ret)
		return 0;

	if (ret == -ENOENT && !kern_path(m->exec, LOOKUP_FOLLOW, &path)) {
		path_put(&path);
		ukl_say("ukl: cannot execute %s: error %d (its interpreter is not in the image)\n",
			m->exec, -ret);
	} else {
		ukl_say("ukl: cannot execute %s: error %d (%s)\n", m->exec,
			-ret, error_text(ret));
	}
	do_exit((ret == -ENOENT ? UKL_STATUS_NOT_FOUND :
				  UKL_STATUS_CANNOT_RUN) << 8);
}

/* Wait for children until the application is among them. */
static void reap_until(pid_t pid)
{
	long ret;

	do {
		ret = kernel_wait4(-1, NULL, __WALL, NULL);

		/*
		 * Nothing can be done about a signal here, and the work that
		 * a return to user space would do is never done otherwise.
		 */
		if (signal_pending(current)) {
			clear_notify_signal();
			flush_signals(current);
		}
		task_work_run();
	} while (ret != pid && ret != -ECHILD);
}

static int exit_status(struct task_struct *app)
{
	/* Set by the last thread at the latest, and shared by all of them. */
	int code = app->signal->group_exit_code;

	return code & 0x7f ? 128 + (code & 0x7f) : (code >> 8) & 0xff;
}

static int run_app(struct ukl_manifest *m)
{
	struct task_struct *app;
	int status;
	pid_t pid;

	pid = user_mode_thread(app_main, m, SIGCHLD);
	if (pid < 0) {
		ukl_say("ukl: cannot make the application's process: error %d (%s)\n",
			-pid, error_text(pid));
		return UKL_STATUS_CANNOT_RUN;
	}
	ukl_app_pid = pid;

	/* Nobody but us can reap it, so it is there even if it has ended. */
	app = find_get_task_by_vpid(pid);
	reap_until(pid);
	status = exit_status(app);
	put_task_struct(app);
	return status;
}

/* Whatever is left must not write to file systems any more. */
static void kill_all(void)
{
	unsigned long end = jiffies + msecs_to_jiffies(UKL_KILL_TIMEOUT_MS);
	struct task_struct *p;
	long ret;

	read_lock(&tasklist_lock);
	for_each_process(p) {
		if (!(p->flags & PF_KTHREAD) && !is_global_init(p))
			do_send_sig_info(SIGKILL, SEND_SIG_PRIV, p,
					 PIDTYPE_TGID);
	}
	read_unlock(&tasklist_lock);

	do {
		ret = kernel_wait4(-1, NULL, __WALL | WNOHANG, NULL);
		if (!ret)
			schedule_timeout_uninterruptible(1);
	} while (ret >= 0 && time_before(jiffies, end));
}

static void __noreturn finish(const struct ukl_manifest *m,
			      const struct ukl_options *opt, int status)
{
	char text[8], *p;

	kill_all();
	unmount_all(m);
	ksys_sync();

	ukl_patch_report();
	ukl_say("ukl: exit status %d\n", status);
	drain_console();

	snprintf(text, sizeof(text), "%d\n", status);
	for (p = text; opt->debugcon && *p; p++)
		outb(*p, opt->debugcon);

	if (kernel_can_power_off()) {
		kernel_power_off();
		/* It may be a request that takes the machine a moment. */
		mdelay(1000);
		machine_restart(NULL);
	}
	kernel_restart(NULL);
	for (;;)
		cpu_relax();
}

static int prepare(struct ukl_manifest *m, struct ukl_options *opt)
{
	char *text = read_manifest();
	int opt_ret, ret;

	if (text == ERR_PTR(-ENOENT))
		return -ENOENT;

	/* The options come first: they say where to report the status. */
	ukl_console = open_device("/dev/console");
	opt_ret = ukl_options_parse(opt, kstrdup(saved_command_line,
						 GFP_KERNEL | __GFP_NOFAIL));
	if (IS_ERR(text)) {
		ret = PTR_ERR(text);
		ukl_say("ukl: cannot read %s: error %d (%s)\n", UKL_MANIFEST,
			-ret, error_text(ret));
		return -EINVAL;
	}

	ret = opt_ret ?: ukl_manifest_parse(m, text);
	ret = ret ?: ukl_manifest_override(m, opt);
	ret = ret ?: mount_all(m);
	if (ret)
		return -EINVAL;

	open_stdio();
	take_terminal();
	loopback_up();
	write_resolv_conf();
	return 0;
}

/**
 * ukl_start - run the application that the root file system asks for
 *
 * To be called by process 1 in the place of an init program, with the system
 * running. Without a manifest nothing is changed; with one the call does not
 * return, and the machine is powered off when the application has ended.
 *
 * Return: -ENOENT if there is no manifest.
 */
int ukl_start(void)
{
	static struct ukl_manifest manifest;
	static struct ukl_options options;
	int status = UKL_STATUS_CANNOT_RUN;
	int ret;

	ret = prepare(&manifest, &options);
	if (ret == -ENOENT)
		return ret;

	set_task_comm(current, "ukl-start");
	ukl_initramfs_report();
	if (options.log)
		tell_log();
	if (!ret)
		status = run_app(&manifest);
	finish(&manifest, &options, status);
}
