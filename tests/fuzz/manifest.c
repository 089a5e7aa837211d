// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzzing of ukl/manifest.c: a manifest, the byte 0, and a kernel command line.
 * Accepted, everything in the result is a string within those two or a default;
 * refused, a message has said so.
 *
 * The words of the command line are separated by the function that stands for
 * the kernel's in programs, which is of ours as well.
 */
#define main init_main
#define ukl_say init_say
#include "../../userland-shims/init/init.c"
#undef main
#undef ukl_say

void ukl_say(const char *fmt, ...);

/* glibc has had none. */
static size_t strlcat(char *to, const char *from, size_t size)
{
	size_t n = strnlen(to, size);

	return n + snprintf(to + n, size - n, "%s", from);
}

#include "../../ukl/manifest.c"

#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
		abort();						\
	}								\
} while (0)

static unsigned int messages;
static char *text[2];
static size_t len[2];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void ukl_say(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	CHECK(!strncmp(line, "ukl: ", 5));
	messages++;
}

/* Reads the whole string, too. */
static void in_text(const char *s)
{
	size_t n = strlen(s) + 1;

	CHECK((s >= text[0] && s + n <= text[0] + len[0]) ||
	      (s >= text[1] && s + n <= text[1] + len[1]));
}

static void check_vector(const struct ukl_strv *sv, unsigned int defaults)
{
	CHECK(sv->v || !sv->n);
	CHECK(!sv->v || !sv->v[sv->n]);
	for (unsigned int i = 0; i < sv->n; i++)
		if (i >= defaults && *sv->v[i])
			in_text(sv->v[i]);
}

static void check_env(const struct ukl_strv *env)
{
	for (unsigned int i = 0; i < env->n; i++) {
		size_t n = strcspn(env->v[i], "=") + 1;

		CHECK(n > 1 && env->v[i][n - 1] == '=');
		for (unsigned int k = 0; k < i; k++)
			CHECK(strncmp(env->v[i], env->v[k], n));
	}
}

static void check_mount(struct ukl_mount *m)
{
	unsigned long flags;
	char data[64];
	int ret;

	in_text(m->type);
	in_text(m->source);
	in_text(m->target);
	CHECK(*m->type && *m->source && *m->target == '/');
	if (m->options)
		in_text(m->options);
	ret = ukl_mount_options(m->options, &flags, data, sizeof(data));
	CHECK(!ret || ret == -E2BIG);
	CHECK(strnlen(data, sizeof(data)) < sizeof(data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ukl_manifest m = {};
	struct ukl_options opt = {};
	const uint8_t *nul = memchr(data, 0, size);
	int parsed, options, ret;

	len[0] = (nul ? (size_t)(nul - data) : size) + 1;
	len[1] = nul ? strnlen((char *)nul + 1, data + size - nul - 1) + 1 : 1;
	for (int i = 0; i < 2; i++) {
		text[i] = malloc(len[i]);
		if (len[i] > 1)
			memcpy(text[i], i ? nul + 1 : data, len[i] - 1);
		text[i][len[i] - 1] = '\0';
	}

	messages = 0;
	parsed = ukl_manifest_parse(&m, text[0]);
	CHECK(parsed ? parsed == -EINVAL && messages == 1 : !messages);
	messages = 0;
	options = ukl_options_parse(&opt, text[1]);
	CHECK(options ? options == -EINVAL && messages : !messages);
	messages = 0;
	ret = parsed ? 0 : ukl_manifest_override(&m, &opt);
	CHECK(ret ? ret == -EINVAL && messages == 1 : !messages);

	check_vector(&opt.args, 0);
	check_vector(&opt.extra, 0);
	check_vector(&opt.env, 0);
	check_env(&opt.env);
	check_vector(&m.args, 0);
	check_vector(&m.env, 3);
	check_env(&m.env);
	CHECK(m.nr_ids <= ARRAY_SIZE(m.ids));
	if (!parsed) {
		CHECK(ret || *m.exec == '/');
		CHECK(*m.cwd == '/');
		CHECK(m.nr_ids != 1);
		for (unsigned int i = 0; i < m.nr_mounts; i++)
			check_mount(&m.mounts[i]);
	}

	free(opt.args.v);
	free(opt.extra.v);
	free(opt.env.v);
	free(m.args.v);
	free(m.env.v);
	free(m.mounts);
	free(text[0]);
	free(text[1]);
	return 0;
}
