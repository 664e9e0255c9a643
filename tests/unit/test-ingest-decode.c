/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole decoder in-process: what real tools make comes back as the disk it was made from,
 * however the bytes arrive. */
#include <fcntl.h>
#include <stdio.h>

#include "decode-memory.h"
#include "unit.h"
#include "util/io.h"

#define DISK_BYTES ((size_t)3 << 20 | 512)

static const struct decode_limits roomy = {(uint64_t)1 << 40, (uint64_t)128 << 20,
					   (uint64_t)64 << 20};

struct fixture {
	char dir[64];
	uint8_t *disk;
	uint8_t *out;
};

/* A disk with noise, text-like data and holes, that is not a whole number of anything but sectors.
 */
static int make_disk(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	uint32_t x = 12345;
	char path[96];
	FILE *file;

	snprintf(f->dir, sizeof f->dir, "/tmp/darkroom-decode-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->disk = calloc(1, DISK_BYTES);
	f->out = malloc(DISK_BYTES);
	for (size_t i = 0; i < DISK_BYTES; i++) {
		if (i % 700000 < 100000)
			f->disk[i] = (uint8_t)(x = x * 1664525 + 1013904223, x >> 24);
		else if (i % 700000 < 300000)
			f->disk[i] = (uint8_t)("the quick brown fox "[i % 20]);
	}
	snprintf(path, sizeof path, "%s/disk", f->dir);
	file = fopen(path, "wb");
	if (!file || fwrite(f->disk, 1, DISK_BYTES, file) != DISK_BYTES || fclose(file) != 0)
		return -1;
	*state = f;
	return 0;
}

static int remove_disk(void **state)
{
	struct fixture *f = *state;
	char command[128];
	int rc;

	snprintf(command, sizeof command, "rm -rf %s", f->dir);
	rc = system(command);
	free(f->disk);
	free(f->out);
	free(f);
	return rc;
}

/* made_by: the file that a shell command makes of $D/disk as $D/file; false when a tool is missing.
 */
static bool made_by(const struct fixture *f, const char *command, struct buf *ret)
{
	struct dr_err err = DR_ERR_INIT;
	char line[512];
	char path[96];

	snprintf(line, sizeof line, "D=%s; rm -f $D/file; { %s; } >/dev/null 2>&1", f->dir,
		 command);
	if (system(line) != 0)
		return false;
	snprintf(path, sizeof path, "%s/file", f->dir);
	buf_clear(ret);
	assert_int_equal(dr_read_file(AT_FDCWD, path, ret, &err), 0);
	return true;
}

static const struct {
	const char *command;
	const char *format;
} makers[] = {
	{"cp $D/disk $D/file", "raw"},
	{"lz4 -q $D/disk $D/file", "raw+lz4"},
	{"lz4 -q -l $D/disk $D/file", "raw+lz4"},
	{"xz -T2 --block-size=400000 -0 -c $D/disk >$D/file", "raw+xz"},
	{"gzip -1 -c $D/disk >$D/file", "raw+gzip"},
	{"zstd -q -1 $D/disk -o $D/file", "raw+zstd"},
	{"bzip2 -1 -c $D/disk >$D/file", "raw+bzip2"},
	{"qemu-img convert -O qcow2 $D/disk $D/file", "qcow2"},
	{"qemu-img convert -O qcow2 -c $D/disk $D/file", "qcow2"},
	{"qemu-img convert -O qcow2 -c $D/disk $D/q && xz -0 -c $D/q >$D/file", "qcow2+xz"},
	{"qemu-img convert -O qcow2 $D/disk $D/q && zstd -q -1 $D/q -o $D/file", "qcow2+zstd"},
};

static void every_maker_comes_back_as_its_disk(void **state)
{
	const struct fixture *f = *state;
	struct buf file = BUF_INIT;
	unsigned ran = 0;

	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
		static const size_t fragments[] = {0, 4093};

		if (!made_by(f, makers[i].command, &file))
			continue;
		for (size_t j = 0; j < 4; j++) {
			struct dr_err err = DR_ERR_INIT;
			struct decode_facts facts;
			struct memory_sink *sink = memory_sink_new(f->out, DISK_BYTES);
			struct memory_decode md = {
				file.p, file.len, true, fragments[j % 2], (unsigned)j / 2 * 2,
				roomy,  false};

			memset(f->out, 0xEE, DISK_BYTES);
			if (memory_decode(&md, sink, &facts, &err) < 0)
				fail_msg("%s: %s: %s", makers[i].command, err.reason, err.msg);
			assert_string_equal(facts.format, makers[i].format);
			assert_int_equal(sink->pos, DISK_BYTES);
			assert_int_equal(sink->announced, DISK_BYTES);
			assert_int_equal(facts.virtual_bytes, DISK_BYTES);
			assert_memory_equal(f->out, f->disk, DISK_BYTES);
			free(sink);
		}
		ran++;
	}
	buf_done(&file);
	if (ran < sizeof makers / sizeof *makers)
		skip();
}

static void cut_files_are_refused_at_every_cut(void **state)
{
	const struct fixture *f = *state;
	struct buf file = BUF_INIT;

	for (size_t i = 1; i < sizeof makers / sizeof *makers; i++) {
		if (!made_by(f, makers[i].command, &file))
			continue;
		for (size_t part = 1; part < 12; part++) {
			struct dr_err err = DR_ERR_INIT;
			struct decode_facts facts;
			struct memory_sink *sink = memory_sink_new(NULL, 0);
			struct memory_decode md = {file.p, file.len * part / 12, true, 0, 2, roomy,
						   false};

			if (memory_decode(&md, sink, &facts, &err) == 0)
				fail_msg("%s: %zu of %zu bytes were taken for a whole file",
					 makers[i].command, md.len, file.len);
			assert_true(err.reason[0] != 0);
			free(sink);
		}
	}
	buf_done(&file);
}

static void refusal_of(const void *p, size_t len, const char *reason)
{
	for (unsigned declare = 0; declare < 2; declare++) {
		struct dr_err err = DR_ERR_INIT;
		struct decode_facts facts;
		struct memory_sink *sink = memory_sink_new(NULL, 0);
		struct memory_decode md = {p, len, declare, 0, 0, roomy, true};

		assert_int_equal(memory_decode(&md, sink, &facts, &err), -1);
		assert_string_equal(err.reason, reason);
		free(sink);
	}
}

/* Small enough for every cut. */
static void a_small_file_is_refused_at_every_byte_cut_off(void **state)
{
	static const char *const commands[] = {
		"lz4 -q $D/tiny $D/file",
		"lz4 -q -l $D/tiny $D/file",
		"xz -0 -c $D/tiny >$D/file",
		"gzip -c $D/tiny >$D/file",
		"zstd -q $D/tiny -o $D/file",
		"bzip2 -c $D/tiny >$D/file",
		"qemu-img convert -O qcow2 -o cluster_size=512 $D/tiny $D/file",
		"qemu-img convert -O qcow2 -o cluster_size=512,compat=0.10 $D/tiny $D/file",
		"qemu-img convert -c -O qcow2 -o cluster_size=512 $D/tiny $D/file",
		"gzip -c $D/q >$D/file",
	};
	const struct fixture *f = *state;
	struct buf file = BUF_INIT;

	if (!made_by(
		    f,
		    "head -c 1024 $D/disk >$D/tiny && "
		    "qemu-img convert -O qcow2 -o cluster_size=512 $D/tiny $D/q && cp $D/q $D/file",
		    &file))
		skip();
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (!made_by(f, commands[i], &file))
			continue;
		for (size_t len = 0; len <= file.len; len++) {
			struct dr_err err = DR_ERR_INIT;
			struct decode_facts facts;
			struct memory_sink *sink = memory_sink_new(NULL, 0);
			struct memory_decode md = {file.p, len, true, 0, 0, roomy, false};
			int rc = memory_decode(&md, sink, &facts, &err);

			if ((rc == 0) != (len == file.len))
				fail_msg("%s: cut at %zu of %zu: %s", commands[i], len, file.len,
					 err.msg);
			free(sink);
		}
	}
	buf_done(&file);
}

static void what_is_no_disk_is_told_apart(void **state)
{
	static uint8_t vhd[4096], odd[1000], small[512];

	(void)state;
	memcpy(vhd + 4096 - 512, "conectix", 8);
	refusal_of(small, 0, "empty");
	refusal_of(odd, sizeof odd, "not-whole-sectors");
	refusal_of(vhd, sizeof vhd, "format-vhd");
	memcpy(small, "KDMV", 4);
	refusal_of(small, sizeof small, "format-vmdk");
	refusal_of("<!DOCTYPE html><html>", 21, "not-an-image");
}

/* Whether its size was announced or not. */
static void a_web_page_of_whole_sectors_is_no_disk(void **state)
{
	static uint8_t page[100 << 10];

	(void)state;
	memset(page, ' ', sizeof page);
	memcpy(page, "<html>", 6);
	refusal_of(page, sizeof page, "not-an-image");
}

static void a_footer_behind_another_format_is_ambiguous(void **state)
{
	static const char *const footers[] = {"conectix", "koly"};
	const struct fixture *f = *state;
	struct buf file = BUF_INIT;

	for (size_t i = 0; i < 2; i++) {
		uint8_t end[512] = {0};
		/* a skippable lz4 frame of 512 bytes */
		static const uint8_t frame[] = {0x50, 0x2A, 0x4D, 0x18, 0, 2, 0, 0};

		memcpy(end, footers[i], strlen(footers[i]));
		if (!made_by(f, "qemu-img convert -O qcow2 $D/disk $D/file", &file))
			skip();
		buf_append(&file, end, sizeof end);
		refusal_of(file.p, file.len, "ambiguous-format");
		if (!made_by(f, "lz4 -q $D/disk $D/file", &file))
			skip();
		buf_append(&file, frame, sizeof frame);
		buf_append(&file, end, sizeof end);
		refusal_of(file.p, file.len, "ambiguous-format");
	}
	buf_done(&file);
}

static void an_optical_disc_that_boots_is_noted(void **state)
{
	static uint8_t disc[80 << 10];
	struct dr_err err = DR_ERR_INIT;
	struct decode_facts facts;
	struct memory_sink *sink = memory_sink_new(NULL, 0);
	struct memory_decode md = {disc, sizeof disc, true, 0, 0, roomy, false};
	bool noted = false;

	(void)state;
	memcpy(disc + 0x8001, "CD001", 5);
	refusal_of(disc, sizeof disc, "format-iso");
	memcpy(disc + 510, "\x55\xAA", 2);
	assert_int_equal(memory_decode(&md, sink, &facts, &err), 0);
	for (unsigned i = 0; i < facts.warning_count; i++)
		noted |= strncmp(facts.warnings[i], "optical-disc: ", 14) == 0;
	assert_true(noted);
	free(sink);
}

static void a_qcow2_inside_a_qcow2_is_refused(void **state)
{
	const struct fixture *f = *state;
	struct buf file = BUF_INIT;

	if (!made_by(f,
		     "qemu-img convert -O qcow2 $D/disk $D/inner && "
		     "truncate -s %512 $D/inner && "
		     "qemu-img convert -f raw -O qcow2 $D/inner $D/file",
		     &file))
		skip();
	refusal_of(file.p, file.len, "nested-image");
	buf_done(&file);
}

static void twice_compressed_is_refused(void **state)
{
	const struct fixture *f = *state;
	struct buf file = BUF_INIT;

	if (!made_by(f, "gzip -c $D/disk >$D/g && xz -0 -c $D/g >$D/file", &file))
		skip();
	refusal_of(file.p, file.len, "nested-compression");
	buf_done(&file);
}

static void the_cap_holds_for_counted_bytes(void **state)
{
	const struct fixture *f = *state;
	struct buf file = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	struct decode_facts facts;
	struct memory_sink *sink = memory_sink_new(NULL, 0);
	struct memory_decode md = {.threads = 2, .limits = roomy};

	if (!made_by(f, "gzip -c $D/disk >$D/file", &file))
		skip();
	md.p = file.p;
	md.len = file.len;
	md.limits.virtual_bytes = DISK_BYTES - 512;
	assert_int_equal(memory_decode(&md, sink, &facts, &err), -1);
	assert_string_equal(err.reason, "too-large");
	free(sink);
	buf_done(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_maker_comes_back_as_its_disk, make_disk,
						remove_disk),
		cmocka_unit_test_setup_teardown(cut_files_are_refused_at_every_cut, make_disk,
						remove_disk),
		cmocka_unit_test_setup_teardown(a_small_file_is_refused_at_every_byte_cut_off,
						make_disk, remove_disk),
		cmocka_unit_test(what_is_no_disk_is_told_apart),
		cmocka_unit_test(a_web_page_of_whole_sectors_is_no_disk),
		cmocka_unit_test(an_optical_disc_that_boots_is_noted),
		cmocka_unit_test_setup_teardown(a_footer_behind_another_format_is_ambiguous,
						make_disk, remove_disk),
		cmocka_unit_test_setup_teardown(a_qcow2_inside_a_qcow2_is_refused, make_disk,
						remove_disk),
		cmocka_unit_test_setup_teardown(twice_compressed_is_refused, make_disk,
						remove_disk),
		cmocka_unit_test_setup_teardown(the_cap_holds_for_counted_bytes, make_disk,
						remove_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
