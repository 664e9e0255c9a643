/* SPDX-License-Identifier: Apache-2.0 */
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#include "cli/download.h"
#include "cli/progress.h"
#include "cli/verify.h"
#include "cli/web.h"
#include "must.h"

#define MIB ((size_t)1 << 20)
#define DISK_BYTES (3 * MIB + 5)

/* disk: data, a chunk of zeros, data, and a short last chunk. */
static uint8_t *disk(void)
{
	uint8_t *p = calloc(1, DISK_BYTES);

	assert_non_null(p);
	for (size_t i = 0; i < MIB; i++)
		p[i] = p[2 * MIB + i] = (uint8_t)(i * 7 + i / 251);
	memcpy(p + 3 * MIB, "end", 4);
	return p;
}

/* expected: the digest by its definition. */
static void expected(const uint8_t *p, size_t len, struct digest *ret)
{
	struct buf text = BUF_INIT;
	struct digest chunk;

	buf_le(&text, len, 8);
	buf_le(&text, MIB, 4);
	for (size_t off = 0; off < len; off += MIB) {
		if (off == MIB)
			continue; /* the zeros of disk() */
		digest_of(p + off, len - off < MIB ? len - off : MIB, &chunk);
		buf_le(&text, off / MIB, 8);
		buf_append(&text, chunk.b, sizeof chunk.b);
	}
	digest_of(text.p, text.len, ret);
	buf_done(&text);
}

/* verified: what a file in pieces of `step` bytes is found to be. */
static void verified(enum verify_kind kind, const uint8_t *p, size_t len, size_t step,
		     struct digest *ret, uint64_t *size)
{
	struct verify *v = NULL;

	must(verify_new(&v, kind, &err));
	for (size_t off = 0; off < len; off += step)
		must(verify_feed(v, p + off, len - off < step ? len - off : step, &err));
	must(verify_finish(v, ret, size, &err));
	verify_free(v);
}

static void a_raw_disk_has_its_digest_however_it_is_read(void **state)
{
	static const size_t steps[] = {4093, MIB, MIB + 1, DISK_BYTES};
	struct digest got, wanted;
	uint8_t *p = disk();
	uint64_t size;

	(void)state;
	expected(p, DISK_BYTES, &wanted);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		verified(VERIFY_RAW, p, DISK_BYTES, steps[i], &got, &size);
		assert_true(digest_equal(&got, &wanted));
		assert_true(size == DISK_BYTES);
	}
	verified(VERIFY_RAW, p, DISK_BYTES - 1, MIB, &got, &size);
	assert_false(digest_equal(&got, &wanted));
	free(p);
}

/* compress: two frames, as two downloads in a row would be. */
static size_t compress(const uint8_t *p, uint8_t **ret)
{
	LZ4F_preferences_t how = {.frameInfo = {.blockSizeID = LZ4F_max1MB}};
	size_t room = 2 * LZ4F_compressFrameBound(DISK_BYTES, &how);
	size_t first, second;

	*ret = malloc(room);
	assert_non_null(*ret);
	first = LZ4F_compressFrame(*ret, room, p, 2 * MIB, &how);
	assert_false(LZ4F_isError(first));
	second = LZ4F_compressFrame(*ret + first, room - first, p + 2 * MIB, DISK_BYTES - 2 * MIB,
				    &how);
	assert_false(LZ4F_isError(second));
	return first + second;
}

static void lz4_is_looked_through(void **state)
{
	static const size_t steps[] = {1021, 65536, 4 * MIB};
	struct digest got, wanted;
	uint8_t *p = disk();
	uint8_t *packed = NULL;
	size_t len = compress(p, &packed);
	uint64_t size;

	(void)state;
	expected(p, DISK_BYTES, &wanted);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		verified(VERIFY_LZ4, packed, len, steps[i], &got, &size);
		assert_true(digest_equal(&got, &wanted));
		assert_true(size == DISK_BYTES);
	}
	free(packed);
	free(p);
}

static void lz4_that_is_cut_or_none_is_corrupt(void **state)
{
	struct verify *v = NULL;
	uint8_t *p = disk();
	uint8_t *packed = NULL;
	size_t len = compress(p, &packed);
	struct digest got;
	uint64_t size;

	(void)state;
	must(verify_new(&v, VERIFY_LZ4, &err));
	must(verify_feed(v, packed, len - 1, &err));
	must_fail(DR_CORRUPT, verify_finish(v, &got, &size, &err));
	verify_free(v);
	must(verify_new(&v, VERIFY_LZ4, &err));
	must_fail(DR_CORRUPT, verify_feed(v, p, MIB, &err));
	verify_free(v);
	free(packed);
	free(p);
}

static void content_ranges(void **state)
{
	static const char *const bad[] = {"bytes 5-9/*",
					  "bytes 5-9",
					  "bytes 9-9/9",
					  "bytes -9/10",
					  "bytes */",
					  "items 5-9/10",
					  "bytes 99999999999999999999-1/2",
					  ""};
	uint64_t first = 0, total = 0;

	(void)state;
	assert_true(download_range("bytes 5-9/10", &first, &total));
	assert_true(first == 5 && total == 10);
	assert_true(download_range("bytes */10", &first, &total));
	assert_true(first == 10 && total == 10);
	assert_false(download_range(NULL, &first, &total));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (download_range(bad[i], &first, &total))
			fail_msg("accepted: %s", bad[i]);
}

static void expect_bar(const struct progress_state *st, size_t width, const char *bar)
{
	struct buf out = BUF_INIT;

	progress_bar(&out, "img-aaaaa", st, width);
	assert_string_equal(buf_str(&out), bar);
	buf_done(&out);
}

static void a_bar_fits_the_terminal(void **state)
{
	struct progress_state st = {"download", 1 << 20, 4 << 20, 1 << 19};
	struct progress_state unknown = {"download", 1 << 20, PROGRESS_UNKNOWN, 1 << 19};
	struct progress_state queued = {"queued", 0, PROGRESS_UNKNOWN, 0};
	struct progress_state over = {"down\x1b", 9, 4, 0};

	(void)state;
	expect_bar(&st, 100,
		   "img-aaaaa download [======>                 ]  25%  1.0 MiB of 4.0 MiB  "
		   "512.0 KiB/s  0:07 left");
	expect_bar(&st, 75,
		   "img-aaaaa download [=>   ]  25%  1.0 MiB of 4.0 MiB  512.0 KiB/s  0:07 left");
	expect_bar(&st, 50, "img-aaaaa download  25%  1.0 MiB of 4.0 MiB  512.0");
	expect_bar(&unknown, 100, "img-aaaaa download  1.0 MiB  512.0 KiB/s");
	expect_bar(&queued, 100, "img-aaaaa queued");
	expect_bar(&over, 100, "img-aaaaa down\\x1b [========================] 100%  9 B of 4 B");
}

static void a_note_has_the_same_facts(void **state)
{
	struct progress_state st = {"download", 1 << 20, 4 << 20, 1 << 19};
	struct buf out = BUF_INIT;

	(void)state;
	progress_note(&out, "img-aaaaa", &st);
	assert_string_equal(buf_str(&out),
			    "img-aaaaa: download, 1.0 MiB of 4.0 MiB, 512.0 KiB/s, 0:07 left");
	buf_done(&out);
}

static void of_a_url_the_origin_counts(void **state)
{
	static const char *const good[][2] = {
		{"https://api.example.com", "https://api.example.com"},
		{"http://127.0.0.1:8080/1.0/", "http://127.0.0.1:8080"},
		{"https://[::1]:8443/x?y", "https://[::1]:8443"},
	};
	static const char *const bad[] = {"",
					  "api.example.com",
					  "ftp://example.com",
					  "https://",
					  "https://me:secret@example.com",
					  "file:///etc/passwd"};
	char *origin;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		must(web_origin(good[i][0], &origin, &err));
		assert_string_equal(origin, good[i][1]);
		free(origin);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must_fail(DR_INVALID, web_origin(bad[i], &origin, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_raw_disk_has_its_digest_however_it_is_read),
		cmocka_unit_test(lz4_is_looked_through),
		cmocka_unit_test(lz4_that_is_cut_or_none_is_corrupt),
		cmocka_unit_test(content_ranges),
		cmocka_unit_test(a_bar_fits_the_terminal),
		cmocka_unit_test(a_note_has_the_same_facts),
		cmocka_unit_test(of_a_url_the_origin_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
