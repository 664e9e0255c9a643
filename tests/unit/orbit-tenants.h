/* SPDX-License-Identifier: Apache-2.0
 *
 * An object store over a catalogue of two tenants and a store in memory, and short words for what
 * tests do with it. For cmocka tests. */
#ifndef DR_TESTS_UNIT_ORBIT_TENANTS_H
#define DR_TESTS_UNIT_ORBIT_TENANTS_H

#include "library-fixture.h"
#include "orbit/orbit.h"

struct orbit_tenants {
	struct tenants t;
	struct orbit o;
	struct orbit_caller anonymous, owner, full, storage, stranger, operator_;
};

static inline struct orbit_caller as(struct principal who)
{
	return (struct orbit_caller){.who = who};
}

static inline int orbit_setup(void **state)
{
	static struct orbit_tenants b;

	memset(&b, 0, sizeof b);
	tenants_open(&b.t);
	b.o = (struct orbit){.library = &b.t.l,
			     .object_bytes = (uint64_t)5 << 30,
			     .tempurls = {.sha1 = true},
			     .public_url = "",
			     .lanes = 2};
	b.anonymous = as(b.t.anonymous);
	b.owner = as(b.t.user_a);
	b.full = as(b.t.client_a);
	b.storage = as(b.t.storage_a);
	b.stranger = as(b.t.client_b);
	b.operator_ = as(b.t.operator_);
	*state = &b;
	return 0;
}

static inline int orbit_teardown(void **state)
{
	struct orbit_tenants *b = *state;

	tenants_done(&b->t);
	return 0;
}

/* box: a container of tenant a. */
static inline void box(struct orbit_tenants *b, const char *name, const char *meta)
{
	must(orbit_container_put(&b->o, &b->owner, b->t.a.id, name, meta, &err));
}

static inline struct orbit_put put_of(const struct orbit_tenants *b, const char *container,
				      const char *name)
{
	return (struct orbit_put){
		.account = b->t.a.id, .container = container, .name = name, .length = UINT64_MAX};
}

/* upload: all at once. */
static inline int upload(struct orbit_tenants *b, const struct orbit_caller *c,
			 const struct orbit_put *put, const void *p, size_t len,
			 struct orbit_object *ret, struct dr_err *err)
{
	struct orbit_upload *u = NULL;

	if (orbit_upload_begin(&b->o, c, put, &u, err) < 0)
		return -1;
	if (orbit_upload_write(u, p, len, err) < 0) {
		orbit_upload_abandon(u);
		return -1;
	}
	return orbit_upload_finish(u, ret, err);
}

/* keep: by the owner, text. */
static inline void keep(struct orbit_tenants *b, const char *container, const char *name,
			const char *text)
{
	const struct orbit_put put = put_of(b, container, name);
	struct orbit_object made;

	must(upload(b, &b->owner, &put, text, strlen(text), &made, &err));
}

/* read_all: of an open object, in pieces of `step`. [owned] */
static inline char *read_all(struct orbit_reader *r, uint64_t bytes, size_t step)
{
	char *text = calloc(1, bytes + 1);
	uint64_t pos = 0;

	assert_non_null(text);
	while (pos < bytes) {
		ssize_t n = -1;

		must(n = orbit_reader_read(r, text + pos, bytes - pos < step ? bytes - pos : step,
					   pos, &err));
		assert_true(n > 0);
		pos += (uint64_t)n;
	}
	return text;
}

/* get: as text. [owned] */
static inline char *get(struct orbit_tenants *b, const struct orbit_caller *c,
			const char *container, const char *name, struct orbit_object *ret)
{
	struct orbit_reader *r = NULL;
	char *text;

	must(orbit_object_open(&b->o, c, b->t.a.id, container, name, ORBIT_CONTENT, ret, &r, &err));
	text = read_all(r, ret->bytes, 3);
	orbit_reader_close(r);
	return text;
}

static inline void assert_content(struct orbit_tenants *b, const char *container, const char *name,
				  const char *expected)
{
	struct orbit_object seen;
	char *text = get(b, &b->owner, container, name, &seen);

	assert_int_equal(seen.bytes, strlen(expected));
	assert_string_equal(text, expected);
	free(text);
}

static inline int count_object(void *arg, const char *domain, const struct digest *key,
			       uint64_t bytes, struct dr_err *err)
{
	(void)domain, (void)key, (void)bytes, (void)err;
	++*(size_t *)arg;
	return 0;
}

/* blobs: how many objects the store holds, named or not. */
static inline size_t blobs(struct orbit_tenants *b)
{
	size_t n = 0;

	for (unsigned shard = 0; shard < 256; shard++)
		must(store_object_each(b->t.l.store, shard, count_object, &n, &err));
	return n;
}

/* names: "a b c/" of a listing. */
struct names_seen {
	char text[4096];
	uint64_t bytes;
};

static inline int see_name(void *arg, const struct listing_line *line, struct dr_err *err)
{
	struct names_seen *s = arg;
	const size_t len = strlen(s->text);

	(void)err;
	snprintf(s->text + len, sizeof s->text - len, "%s%s", len ? " " : "", line->name);
	s->bytes += line->bytes;
	return 0;
}

#endif
