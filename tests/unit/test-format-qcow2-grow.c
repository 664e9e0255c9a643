/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoding a qcow2 file that is still arriving. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "qcow2img.h"
#include "util/io.h"

#include "util/banned.h"

struct growing {
	int scratch;
	struct spool *sp;
	struct workers *crew;
	struct format *f;
	struct dr_err err;
};

static struct growing set_up(struct stream *in, unsigned threads)
{
	struct growing g = {.scratch = memfd_create("scratch", MFD_CLOEXEC)};

	assert_true(g.scratch >= 0);
	assert_int_equal(spool_open(&g.sp, g.scratch, (uint64_t)1 << 30, &g.err), 0);
	assert_int_equal(workers_new(&g.crew, threads, &g.err), 0);
	spool_start(g.sp, in);
	return g;
}

static int open_qcow2(struct growing *g)
{
	const struct format_limits lim = {.virtual_bytes = (uint64_t)1 << 30,
					  .memory_bytes = (uint64_t)128 << 20};

	return format_qcow2_open(&g->f, g->sp, &lim, g->crew, &g->err);
}

static void tear_down(struct growing *g)
{
	format_close(g->f);
	spool_close(g->sp);
	workers_free(g->crew);
	close(g->scratch);
}

static void expect_data(struct growing *g, const struct img *m, unsigned cluster, unsigned count)
{
	uint64_t bytes = (uint64_t)1 << m->bits;
	uint8_t *buf = malloc(count * bytes);
	struct extent e;

	assert_non_null(buf);
	assert_int_equal(format_next(g->f, &e, &g->err), 1);
	assert_int_equal(e.kind, EXTENT_DATA);
	assert_int_equal(e.off, cluster * bytes);
	assert_int_equal(e.len, count * bytes);
	assert_int_equal(format_read(g->f, buf, e.len, &g->err), 0);
	assert_memory_equal(buf, m->disk + e.off, e.len);
	free(buf);
}

static void expect_zeros(struct growing *g, uint64_t len)
{
	struct extent e;

	assert_int_equal(format_next(g->f, &e, &g->err), 1);
	assert_int_equal(e.kind, EXTENT_ZERO);
	assert_int_equal(e.len, len);
}

/* Would hang if anything waited for bytes it does not need. */
static void clusters_come_out_before_the_rest_has_arrived(void **state)
{
	struct img m = img_make(3, 12, false, false);
	struct stream *in = NULL;
	struct growing g;
	struct extent e;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(stream_fd_open(&in, p[0], &g.err), 0);
	g = set_up(in, 2);
	assert_int_equal(dr_write_all(p[1], m.p, IMG_HOST_PACKED * 4096, &g.err), 0);
	assert_int_equal(open_qcow2(&g), 0);
	expect_data(&g, &m, IMG_GUEST_PLAIN, 1);
	expect_zeros(&g, 4096);
	assert_int_equal(dr_write_all(p[1], m.p + (size_t)IMG_HOST_PACKED * 4096, 2 * 4096, &g.err),
			 0);
	expect_data(&g, &m, IMG_GUEST_PACKED, 2);
	expect_zeros(&g, 4096);
	expect_data(&g, &m, IMG_GUEST_PLAIN2, 1);
	assert_int_equal(format_next(g.f, &e, &g.err), 1);
	close(p[1]);
	assert_int_equal(format_next(g.f, &e, &g.err), 0);
	assert_int_equal(format_next(g.f, &e, &g.err), 0);
	tear_down(&g);
	img_free(&m);
}

static void a_failing_source_keeps_its_own_words(void **state)
{
	struct img m = img_make(3, 12, false, false);

	(void)state;
	for (size_t len = 0; len < m.len; len += 1000) {
		struct stream *in = NULL;
		struct growing g;
		struct extent e;
		uint8_t buf[8192];
		int rc;

		assert_int_equal(stream_mem_open(&in, m.p, m.len, &g.err), 0);
		in->budget = len;
		g = set_up(in, 1);
		rc = open_qcow2(&g);
		while (rc == 0 && (rc = format_next(g.f, &e, &g.err)) > 0)
			rc = e.kind == EXTENT_DATA ? format_read(g.f, buf, e.len, &g.err) : 0;
		assert_int_equal(rc, -1);
		assert_string_equal(g.err.reason, "too-large");
		assert_int_equal(strncmp(g.err.msg, "more than the allowed", 21), 0);
		tear_down(&g);
	}
	img_free(&m);
}

/* A stream below the spool that has its work done by the same crew, as a codec does. While it waits
 * it helps with other tasks, also the decoder's. */
struct working {
	struct stream base;
	struct stream *in; /* owned */
	struct workers *crew;
};

static void no_work(struct work *w)
{
	(void)w;
}

static ssize_t working_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct working *wk = (struct working *)s;
	struct work w = {.run = no_work};

	workers_submit(wk->crew, &w);
	workers_wait(wk->crew, &w);
	return stream_read(wk->in, buf, len, err);
}

static void working_close(struct stream *s)
{
	struct working *wk = (struct working *)s;

	stream_close(wk->in);
	free(wk);
}

static const struct stream_ops working_ops = {
	.name = "working", .read = working_read, .close = working_close};

static void the_crew_may_be_shared_with_the_stream_below(void **state)
{
	struct img m = img_make(3, 9, false, false);

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		struct working *wk = calloc(1, sizeof *wk);
		struct growing g = {.scratch = memfd_create("scratch", MFD_CLOEXEC)};
		struct extent e;

		assert_non_null(wk);
		assert_int_equal(spool_open(&g.sp, g.scratch, (uint64_t)1 << 30, &g.err), 0);
		assert_int_equal(workers_new(&g.crew, 1, &g.err), 0);
		stream_init(&wk->base, &working_ops);
		wk->base.fragment = 40;
		wk->crew = g.crew;
		assert_int_equal(stream_mem_open(&wk->in, m.p, m.len, &g.err), 0);
		spool_start(g.sp, &wk->base);
		assert_int_equal(open_qcow2(&g), 0);
		expect_data(&g, &m, IMG_GUEST_PLAIN, 1);
		expect_zeros(&g, 512);
		expect_data(&g, &m, IMG_GUEST_PACKED, 2);
		expect_zeros(&g, 512);
		expect_data(&g, &m, IMG_GUEST_PLAIN2, 1);
		assert_int_equal(format_next(g.f, &e, &g.err), 1);
		assert_int_equal(format_next(g.f, &e, &g.err), 0);
		tear_down(&g);
	}
	img_free(&m);
}

/* Looking ahead finds faults early; the reader meets them in their place all the same. */
static void a_verdict_does_not_depend_on_looking_ahead(void **state)
{
	static const struct img_run runs[] = {{0}, {.threads = 3}, {.fragment = 5000}};
	struct img m = img_make(3, 16, false, false);

	(void)state;
	/* beyond the first MiB of the disk, and one more fault further on */
	img_put(&m, img_l2(&m, 20), 8, (uint64_t)1 << 3);
	img_put(&m, img_l2(&m, 36), 8, img_host(&m, IMG_HOST_PLAIN));
	for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
		struct img_outcome o = img_decode(m.p, m.len, &runs[i]);

		assert_string_equal(o.err.reason, "qcow2-l2");
		assert_int_equal(o.extents, 5);
		img_outcome_free(&o);
	}
	img_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clusters_come_out_before_the_rest_has_arrived),
		cmocka_unit_test(a_failing_source_keeps_its_own_words),
		cmocka_unit_test(the_crew_may_be_shared_with_the_stream_below),
		cmocka_unit_test(a_verdict_does_not_depend_on_looking_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
