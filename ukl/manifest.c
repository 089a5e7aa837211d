// SPDX-License-Identifier: GPL-2.0
/*
 * UniLinux: parsers of the application's manifest and of the words on the
 * kernel command line that change it.
 *
 * Both work in place: the results point into the text, which must stay.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/mount.h>

#include "start.h"

/**
 * ukl_strv_add - append a string to a vector
 * @sv: the vector
 * @str: the string, which is not copied
 *
 * Return: 0 or -ENOMEM.
 */
int ukl_strv_add(struct ukl_strv *sv, const char *str)
{
	const char **v;

	v = krealloc_array(sv->v, sv->n + 2, sizeof(*v), GFP_KERNEL);
	if (!v)
		return -ENOMEM;
	v[sv->n++] = str;
	v[sv->n] = NULL;
	sv->v = v;
	return 0;
}

static void strv_clear(struct ukl_strv *sv)
{
	sv->n = 0;
	if (sv->v)
		sv->v[0] = NULL;
}

static int strv_add_all(struct ukl_strv *sv, const struct ukl_strv *from)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < from->n && !ret; i++)
		ret = ukl_strv_add(sv, from->v[i]);
	return ret;
}

/* Add NAME=value, or put it in the place of an earlier value of NAME. */
static int env_set(struct ukl_strv *env, const char *str)
{
	size_t len = strcspn(str, "=") + 1;
	unsigned int i;

	for (i = 0; i < env->n; i++) {
		if (!strncmp(env->v[i], str, len)) {
			env->v[i] = str;
			return 0;
		}
	}
	return ukl_strv_add(env, str);
}

static bool env_valid(const char *str)
{
	return str && *str != '=' && strchr(str, '=');
}

/*
 * Split a text into words as a shell does: blanks separate, '...' and "..."
 * group, a backslash takes the next character literally except in '...'.
 */
static int split_words(struct ukl_strv *sv, char *s, const char *where)
{
	for (;;) {
		char *word, *out;
		char quote = 0;
		int ret;

		s = skip_spaces(s);
		if (!*s)
			return 0;

		word = s;
		out = s;
		for (; *s && (quote || !isspace(*s)); s++) {
			if (*s == quote) {
				quote = 0;
			} else if (!quote && (*s == '\'' || *s == '"')) {
				quote = *s;
			} else {
				if (*s == '\\' && quote != '\'' && s[1])
					s++;
				*out++ = *s;
			}
		}
		if (quote) {
			ukl_say("ukl: %s: a %c is not closed; write %s\n",
				where, quote, "ukl.args=\"a 'b c' d\"");
			return -EINVAL;
		}
		if (*s)
			s++;
		*out = '\0';

		ret = ukl_strv_add(sv, word);
		if (ret)
			return ret;
	}
}

/* ukl.env=NAME="some value": the quotes protect blanks, no more. */
static char *strip_value_quotes(char *str)
{
	char *val = strchr(str, '=');
	size_t len;

	if (!val || val[1] != '"')
		return str;
	len = strlen(val + 2);
	if (len && val[1 + len] == '"')
		len--;
	memmove(val + 1, val + 2, len);
	val[1 + len] = '\0';
	return str;
}

static int parse_option(struct ukl_options *opt, const char *name, char *val)
{
	if (!strcmp(name, "exec")) {
		if (!val || *val != '/') {
			ukl_say("ukl: ukl.exec=: the absolute path of a program is expected\n");
			return -EINVAL;
		}
		opt->exec = val;
	} else if (!strcmp(name, "args")) {
		opt->has_args = true;
		strv_clear(&opt->args);
		if (val)
			return split_words(&opt->args, val, "ukl.args=");
	} else if (!strcmp(name, "env")) {
		if (!env_valid(val)) {
			ukl_say("ukl: ukl.env=: NAME=value is expected, not \"%s\"\n",
				val ?: "");
			return -EINVAL;
		}
		return env_set(&opt->env, strip_value_quotes(val));
	} else if (!strcmp(name, "debugcon")) {
		if (!val || kstrtou16(val, 0, &opt->debugcon)) {
			ukl_say("ukl: ukl.debugcon=: an I/O port is expected, not \"%s\"\n",
				val ?: "");
			return -EINVAL;
		}
	} else if (!strcmp(name, "log")) {
		opt->log = true;
	}
	return 0;
}

/**
 * ukl_options_parse - read the start-up's words from the kernel command line
 * @opt: result, zeroed by the caller
 * @cmdline: a copy of the command line, which is changed and must stay
 *
 * Words are separated by the kernel's own rules (a value that starts with a
 * double quote extends to the next one), so that this parser and the kernel's
 * agree on what is a parameter. All words are read even after an error, for
 * @opt to be as complete as possible.
 *
 * Return: 0, -ENOMEM, or -EINVAL after a message.
 */
int ukl_options_parse(struct ukl_options *opt, char *cmdline)
{
	char *args = skip_spaces(cmdline);
	int ret = 0;

	while (*args) {
		char *param, *val;
		int err;

		args = next_arg(args, &param, &val);
		if (!val && !strcmp(param, "--")) {
			err = split_words(&opt->extra, args,
					  "kernel command line after --");
			return ret ?: err;
		}
		if (!strstarts(param, "ukl."))
			continue;
		err = parse_option(opt, param + strlen("ukl."), val);
		ret = ret ?: err;
	}
	return ret;
}

static int parse_mount(struct ukl_manifest *m, char *val)
{
	struct ukl_mount *mounts, mnt = {};
	char **field[] = { &mnt.type, &mnt.source, &mnt.target, &mnt.options };
	unsigned int n = 0;
	char *word;

	while ((word = strsep(&val, " \t"))) {
		if (!*word)
			continue;
		if (n == ARRAY_SIZE(field))
			return -EINVAL;
		*field[n++] = word;
	}
	if (n < 3 || *mnt.target != '/')
		return -EINVAL;

	mounts = krealloc_array(m->mounts, m->nr_mounts + 1, sizeof(*mounts),
				GFP_KERNEL);
	if (!mounts)
		return -ENOMEM;
	mounts[m->nr_mounts++] = mnt;
	m->mounts = mounts;
	return 0;
}

static int parse_ids(struct ukl_manifest *m, char *val)
{
	char *word;

	m->nr_ids = 0;
	while ((word = strsep(&val, ":"))) {
		if (m->nr_ids == ARRAY_SIZE(m->ids) ||
		    kstrtouint(strim(word), 10, &m->ids[m->nr_ids++]))
			return -EINVAL;
	}
	return m->nr_ids < 2 ? -EINVAL : 0;
}

static int parse_line(struct ukl_manifest *m, unsigned int nr, char *line)
{
	char *val = line, *key = strsep(&val, " \t");
	const char *want;

	if (!strcmp(key, "arg"))
		return ukl_strv_add(&m->args, val ?: "");

	if (!strcmp(key, "exec")) {
		want = "absolute path of the program";
		m->exec = val ? strim(val) : "";
		if (*m->exec == '/')
			return 0;
	} else if (!strcmp(key, "cwd")) {
		want = "absolute path of a directory";
		m->cwd = val ? strim(val) : "";
		if (*m->cwd == '/')
			return 0;
	} else if (!strcmp(key, "user")) {
		want = "<user>:<group>[:<group>...], all of them numbers";
		if (!parse_ids(m, val))
			return 0;
	} else if (!strcmp(key, "env")) {
		want = "NAME=value";
		if (env_valid(val))
			return env_set(&m->env, val);
	} else if (!strcmp(key, "mount")) {
		int ret = parse_mount(m, val);

		want = "<fstype> <source> </target> [options]";
		if (ret != -EINVAL)
			return ret;
	} else {
		ukl_say("ukl: %s:%u: unknown key \"%s\"; known are exec, arg, env, cwd, user and mount\n",
			UKL_MANIFEST, nr, key);
		return -EINVAL;
	}

	ukl_say("ukl: %s:%u: \"%s\" must be followed by: %s\n",
		UKL_MANIFEST, nr, key, want);
	return -EINVAL;
}

/**
 * ukl_manifest_parse - parse the application's manifest
 * @m: result, zeroed by the caller
 * @text: the file's contents, which are changed and must stay
 *
 * One "key value" a line; the value of arg and env is the rest of the line as
 * it stands. Empty lines and lines that start with # are skipped.
 *
 * Return: 0, -ENOMEM, or -EINVAL after a message.
 */
int ukl_manifest_parse(struct ukl_manifest *m, char *text)
{
	static const char * const env[] = {
		"HOME=/",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=linux",
	};
	unsigned int i, nr = 0;
	char *line;
	int ret;

	m->cwd = "/";
	for (i = 0; i < ARRAY_SIZE(env); i++) {
		ret = ukl_strv_add(&m->env, env[i]);
		if (ret)
			return ret;
	}

	while ((line = strsep(&text, "\n"))) {
		nr++;
		if (!*line || *line == '#')
			continue;
		ret = parse_line(m, nr, line);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * ukl_manifest_override - apply the kernel command line to a manifest
 * @m: the manifest
 * @opt: what the command line says
 *
 * Return: 0, -ENOMEM, or -EINVAL after a message.
 */
int ukl_manifest_override(struct ukl_manifest *m,
			  const struct ukl_options *opt)
{
	unsigned int i;
	int ret = 0;

	if (opt->exec)
		m->exec = opt->exec;
	if (!m->exec) {
		ukl_say("ukl: %s has no line \"exec <path>\", and ukl.exec= is not given\n",
			UKL_MANIFEST);
		return -EINVAL;
	}

	if (opt->has_args) {
		strv_clear(&m->args);
		ret = strv_add_all(&m->args, &opt->args);
	}
	if (!ret)
		ret = strv_add_all(&m->args, &opt->extra);
	for (i = 0; i < opt->env.n && !ret; i++)
		ret = env_set(&m->env, opt->env.v[i]);
	return ret;
}

/**
 * ukl_mount_options - split the options of a mount, as mount(8) does
 * @options: words separated by commas, which are overwritten; or NULL
 * @flags: gets the MS_ flags of those that concern every file system
 * @data: gets the others, which are for the file system itself
 * @size: bytes that @data has room for
 *
 * Return: 0, or -E2BIG when there is not enough.
 */
int ukl_mount_options(char *options, unsigned long *flags, char *data,
		      size_t size)
{
	static const struct {
		const char *name;
		unsigned long flags;
	} words[] = {
		{ "defaults", 0 },
		{ "rw", 0 },
		{ "ro", MS_RDONLY },
		{ "nosuid", MS_NOSUID },
		{ "nodev", MS_NODEV },
		{ "noexec", MS_NOEXEC },
		{ "noatime", MS_NOATIME },
		{ "nodiratime", MS_NODIRATIME },
		{ "relatime", MS_RELATIME },
		{ "strictatime", MS_STRICTATIME },
		{ "sync", MS_SYNCHRONOUS },
		{ "dirsync", MS_DIRSYNC },
		{ "bind", MS_BIND },
		{ "rbind", MS_BIND | MS_REC },
		{ "remount", MS_REMOUNT },
	};
	unsigned int i;
	char *word;

	*flags = 0;
	*data = '\0';
	while ((word = strsep(&options, ","))) {
		for (i = 0; i < ARRAY_SIZE(words); i++) {
			if (!strcmp(word, words[i].name)) {
				*flags |= words[i].flags;
				break;
			}
		}
		if (i < ARRAY_SIZE(words) || !*word)
			continue;
		if (*data)
			strlcat(data, ",", size);
		if (strlcat(data, word, size) >= size)
			return -E2BIG;
	}
	return 0;
}
