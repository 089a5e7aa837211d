/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UniLinux: start-up of the application by the kernel, and its crash report.
 */
#ifndef _UKL_START_H
#define _UKL_START_H

#include <linux/types.h>
#include <ukl/start.h>

#define UKL_MANIFEST	"/ukl.manifest"

/* User, group, and as many supplementary groups as a container may ask for. */
#define UKL_IDS_MAX	34

/* Statuses with which a shell, too, reports a command it could not run. */
#define UKL_STATUS_CANNOT_RUN	126
#define UKL_STATUS_NOT_FOUND	127

/**
 * struct ukl_strv - growing vector of strings
 * @v: the strings, followed by a NULL pointer; NULL while empty
 * @n: their number
 */
struct ukl_strv {
	const char **v;
	unsigned int n;
};

/**
 * struct ukl_mount - a mount that the application asks for
 * @type: file system type
 * @source: device, or any word where the type needs none
 * @target: directory, made if it is missing
 * @options: as for mount(8), separated by commas; NULL for none
 */
struct ukl_mount {
	char *type;
	char *source;
	char *target;
	char *options;
};

/**
 * struct ukl_manifest - what to run, and in which surroundings
 * @exec: absolute path of the program
 * @cwd: directory to start it in
 * @ids: user, group, and supplementary groups to run it as
 * @nr_ids: number of @ids; 0 for root
 * @args: its arguments, argv[0] excluded
 * @env: its environment
 * @mounts: what to mount first, in this order
 * @nr_mounts: number of @mounts
 */
struct ukl_manifest {
	const char *exec;
	const char *cwd;
	unsigned int ids[UKL_IDS_MAX];
	unsigned int nr_ids;
	struct ukl_strv args;
	struct ukl_strv env;
	struct ukl_mount *mounts;
	unsigned int nr_mounts;
};

/**
 * struct ukl_options - what the kernel command line says about the start
 * @exec: program to run in place of the manifest's; NULL if not given
 * @has_args: the manifest's arguments are replaced by @args
 * @args: value of ukl.args=
 * @extra: words after "--", appended to the arguments
 * @env: values of ukl.env=, which override the manifest's
 * @debugcon: I/O port that is told the exit status; 0 for none
 * @log: tell the kernel's log before the application starts
 */
struct ukl_options {
	const char *exec;
	bool has_args;
	struct ukl_strv args;
	struct ukl_strv extra;
	struct ukl_strv env;
	u16 debugcon;
	bool log;
};

int ukl_strv_add(struct ukl_strv *sv, const char *str);
int ukl_options_parse(struct ukl_options *opt, char *cmdline);
int ukl_manifest_parse(struct ukl_manifest *m, char *text);
int ukl_manifest_override(struct ukl_manifest *m,
			  const struct ukl_options *opt);
int ukl_mount_options(char *options, unsigned long *flags, char *data,
		      size_t size);

extern pid_t ukl_app_pid;

__printf(1, 2) void ukl_say(const char *fmt, ...);

#endif /* _UKL_START_H */
