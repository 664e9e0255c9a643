/* SPDX-License-Identifier: Apache-2.0
 *
 * What `prepare` makes: whatever the source and the kind, the ordinary tools decode it to the exact
 * disk, and our own codecs decode it in parallel. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codec/codec.h"
#include "must.h"
#include "prepare/prepare.h"
#include "util/io.h"

#define MIB ((uint64_t)1 << 20)

static const char *const tools[] = {"lz4", "xz", "zstd"};

static int make_dir(void **state)
{
	char *dir = strdup("/tmp/darkroom-prepare-XXXXXX");

	*state = dir;
	return dir && mkdtemp(dir) ? 0 : -1;
}

/* shell: a command in the test's directory. */
static bool shell(const char *dir, const char *command)
{
	char line[600];

	snprintf(line, sizeof line, "cd %s && { %s; } >/dev/null 2>&1", dir, command);
	return system(line) == 0;
}

static int remove_dir(void **state)
{
	bool done = shell(*state, "rm -rf \"$PWD\"");

	free(*state);
	return done ? 0 : -1;
}

static int open_in(const char *dir, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	return fd;
}

/* make_disk: `len` bytes with noise, text and holes of every size, as the file "disk". */
static void make_disk(const char *dir, uint64_t len)
{
	int fd = open_in(dir, "disk", O_RDWR | O_CREAT | O_TRUNC);
	static uint8_t noise[7000], text[70000];
	uint32_t x = 1;

	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)("the quick brown fox "[i % 20]);
	for (uint64_t at = 0; at < len; at = at * 2 + 65536) {
		size_t room = (size_t)(len - at);

		must(dr_pwrite_all(fd, noise, room < sizeof noise ? room : sizeof noise, at, &err));
		at += sizeof noise;
		room = at < len ? (size_t)(len - at) : 0;
		must(dr_pwrite_all(fd, text, room < sizeof text ? room : sizeof text, at, &err));
	}
	close(fd);
}

static int prepare(const char *dir, int in, enum prepare_kind kind, unsigned threads,
		   struct prepare_facts *facts, struct dr_err *err)
{
	int out = open_in(dir, "out", O_WRONLY | O_CREAT | O_TRUNC);
	struct prepare_job job = {.in = in,
				  .out = out,
				  .kind = kind,
				  .level = kind == PREPARE_XZ ? 0 : PREPARE_LEVEL_DEFAULT,
				  .threads = threads,
				  .scratch = dir};
	int rc = prepare_run(&job, facts, err);
	struct stat st;

	assert_int_equal(fstat(out, &st), 0);
	if (rc == 0)
		assert_int_equal(st.st_size, facts->out_bytes);
	close(out);
	close(in);
	return rc;
}

/* must_decode: "out" is "disk" to the tool of its kind. */
static void must_decode(const char *dir, enum prepare_kind kind)
{
	char command[200];

	snprintf(command, sizeof command, "%s -t out && %s -dc < out | cmp - disk", tools[kind],
		 tools[kind]);
	if (!shell(dir, command))
		fail_msg("%s does not decode it to the disk", tools[kind]);
}

static void a_raw_disk_of_any_size_comes_back(void **state)
{
	static const uint64_t sizes[] = {512,           MIB - 512,      MIB,
					 MIB + 512,     4 * MIB + 1024, 8 * MIB,
					 9 * MIB + 512, 24 * MIB,       41 * MIB + 3 * 512};
	struct prepare_facts facts;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		make_disk(*state, sizes[i]);
		for (enum prepare_kind kind = PREPARE_LZ4; kind <= PREPARE_ZSTD; kind++) {
			must(prepare(*state, open_in(*state, "disk", O_RDONLY), kind, i % 4, &facts,
				     &err));
			assert_string_equal(facts.format, "raw");
			assert_int_equal(facts.disk_bytes, sizes[i]);
			assert_int_equal(facts.packed_bytes, sizes[i]);
			must_decode(*state, kind);
		}
	}
}

static const struct {
	const char *command;
	const char *format;
} makers[] = {
	{"qemu-img convert -O qcow2 disk src", "qcow2"},
	{"qemu-img convert -c -O qcow2 -o cluster_size=4k disk src", "qcow2"},
	{"qemu-img convert -W -m 8 -O qcow2 -o cluster_size=512 disk src", "qcow2"},
	{"qemu-img convert -O qcow2 disk q && xz -0 -c q >src", "qcow2+xz"},
	{"xz -0 -c disk >src", "raw+xz"},
	{"gzip -1 -c disk >src", "raw+gzip"},
	{"zstd -1 -c disk >src", "raw+zstd"},
	{"cp disk src", "raw"},
};

static void every_source_comes_back_from_a_file_and_from_a_pipe(void **state)
{
	struct prepare_facts facts;
	char command[200];
	unsigned ran = 0;

	make_disk(*state, 20 * MIB + 512);
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
		if (!shell(*state, makers[i].command))
			continue;
		for (enum prepare_kind kind = PREPARE_LZ4; kind <= PREPARE_ZSTD; kind++) {
			FILE *pipe;

			must(prepare(*state, open_in(*state, "src", O_RDONLY), kind, 2, &facts,
				     &err));
			assert_string_equal(facts.format, makers[i].format);
			must_decode(*state, kind);
			snprintf(command, sizeof command, "cat %s/src", (const char *)*state);
			pipe = popen(command, "r");
			assert_non_null(pipe);
			must(prepare(*state, dup(fileno(pipe)), kind, 2, &facts, &err));
			assert_int_equal(pclose(pipe), 0);
			assert_string_equal(facts.format, makers[i].format);
			assert_int_equal(facts.disk_bytes, 20 * MIB + 512);
			must_decode(*state, kind);
		}
		ran++;
	}
	if (ran < sizeof makers / sizeof *makers)
		skip();
}

static void zeros_are_not_encoded_block_by_block(void **state)
{
	/* per GiB of zeros */
	static const uint64_t most[] = {(uint64_t)5 << 20, 256 << 10, 64 << 10};
	int fd = open_in(*state, "disk", O_RDWR | O_CREAT | O_TRUNC);
	struct prepare_facts facts;

	assert_int_equal(ftruncate(fd, (off_t)(8 * 1024 * MIB)), 0);
	must(dr_pwrite_all(fd, "boot", 4, 0, &err));
	must(dr_pwrite_all(fd, "data", 4, 100 * MIB + 12345, &err));
	close(fd);
	for (enum prepare_kind kind = PREPARE_LZ4; kind <= PREPARE_ZSTD; kind++) {
		must(prepare(*state, open_in(*state, "disk", O_RDONLY), kind, 2, &facts, &err));
		assert_int_equal(facts.packed_bytes, 8 * 1024 * MIB);
		assert_true(facts.out_bytes < 8 * most[kind]);
	}
	assert_true(shell(*state, "zstd -dc < out | head -c 104869949 | tail -c 50000 | "
				  "tr -d '\\0' | grep -qx data"));
}

static void our_codecs_decode_it_in_parallel(void **state)
{
	static const enum codec_kind kinds[] = {CODEC_LZ4, CODEC_XZ};
	static uint8_t got[1 << 16];
	struct prepare_facts facts;

	make_disk(*state, 20 * MIB);
	for (enum prepare_kind kind = PREPARE_LZ4; kind <= PREPARE_XZ; kind++) {
		struct codec_limits limits = {128 * MIB, 192 * MIB, false};
		struct codec_facts seen = {0};
		struct workers *crew = NULL;
		struct stream *s = NULL;
		ssize_t n = 1;

		must(prepare(*state, open_in(*state, "disk", O_RDONLY), kind, 2, &facts, &err));
		must(workers_new(&crew, 2, &err));
		must(stream_fd_open(&s, open_in(*state, "out", O_RDONLY), &err));
		must(codec_open(&s, kinds[kind], s, &limits, crew, &seen, &err));
		while (n > 0)
			must(n = stream_read(s, got, sizeof got, &err));
		assert_int_equal(s->bytes, 20 * MIB);
		assert_int_equal(seen.frames, 1);
		assert_true(seen.parallel >= 2);
		assert_false(seen.no_checksum);
		stream_close(s);
		workers_free(crew);
	}
}

static void refusal(const char *dir, const void *p, size_t len, const char *reason)
{
	struct prepare_facts facts;
	int fd = open_in(dir, "disk", O_RDWR | O_CREAT | O_TRUNC);

	must(dr_write_all(fd, p, len, &err));
	for (enum prepare_kind kind = PREPARE_LZ4; kind <= PREPARE_ZSTD; kind++) {
		struct dr_err err = DR_ERR_INIT;

		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(prepare(dir, dup(fd), kind, 2, &facts, &err), -1);
		assert_string_equal(err.reason, reason);
	}
	close(fd);
}

static void what_an_import_refuses_is_refused(void **state)
{
	static uint8_t disk[4096 + 512] = {0xEB};

	refusal(*state, disk, 0, "empty");
	refusal(*state, disk, 513, "not-whole-sectors");
	refusal(*state, "KDMV\1\0\0\0", 8, "format-vmdk");
	refusal(*state,
		"\xFD"
		"7zXZ",
		6, "truncated");
	memcpy(disk + sizeof disk - 512, "conectix", 8);
	refusal(*state, disk, sizeof disk, "format-vhd");
}

static void warnings_are_those_of_the_image(void **state)
{
	struct prepare_facts facts;

	make_disk(*state, MIB);
	must(prepare(*state, open_in(*state, "disk", O_RDONLY), PREPARE_LZ4, 1, &facts, &err));
	assert_int_equal(facts.warning_count, 1);
	assert_memory_equal(facts.warnings[0], "no-boot-record: ", 16);
}

static bool stop_at_once(void *arg, const struct prepare_facts *facts)
{
	(void)facts;
	return ++*(unsigned *)arg == 2;
}

static void it_can_be_stopped(void **state)
{
	struct prepare_facts facts;
	unsigned ticks = 0;
	struct prepare_job job = {.kind = PREPARE_LZ4,
				  .level = PREPARE_LEVEL_DEFAULT,
				  .threads = 2,
				  .scratch = *state,
				  .tick = stop_at_once,
				  .arg = &ticks};

	make_disk(*state, 40 * MIB);
	job.in = open_in(*state, "disk", O_RDONLY);
	job.out = open_in(*state, "out", O_WRONLY | O_CREAT | O_TRUNC);
	must_fail(DR_CANCELLED, prepare_run(&job, &facts, &err));
	assert_int_equal(ticks, 2);
	close(job.in);
	close(job.out);
}

static void levels_are_those_of_the_tools(void **state)
{
	int in, min, max, normal;
	struct prepare_facts facts;

	make_disk(*state, 3 * MIB);
	for (enum prepare_kind kind = PREPARE_LZ4; kind <= PREPARE_ZSTD; kind++) {
		prepare_levels(kind, &min, &max, &normal);
		assert_true(min <= normal && normal <= max);
		for (int level = min; level <= max; level += max - min) {
			struct prepare_job job = {
				.kind = kind, .level = level, .threads = 1, .scratch = *state};

			job.in = in = open_in(*state, "disk", O_RDONLY);
			job.out = open_in(*state, "out", O_WRONLY | O_CREAT | O_TRUNC);
			must(prepare_run(&job, &facts, &err));
			close(in);
			close(job.out);
			must_decode(*state, kind);
		}
	}
}

static void names_say_the_kind(void **state)
{
	enum prepare_kind kind = PREPARE_LZ4;

	(void)state;
	assert_true(prepare_kind_of("a.b/disk.raw.xz", &kind));
	assert_int_equal(kind, PREPARE_XZ);
	assert_true(prepare_kind_of("disk.zst", &kind));
	assert_int_equal(kind, PREPARE_ZSTD);
	assert_true(prepare_kind_of("lz4", &kind));
	assert_int_equal(kind, PREPARE_LZ4);
	assert_false(prepare_kind_of("disk.gz", &kind));
	assert_false(prepare_kind_of("", &kind));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_raw_disk_of_any_size_comes_back),
		cmocka_unit_test(every_source_comes_back_from_a_file_and_from_a_pipe),
		cmocka_unit_test(zeros_are_not_encoded_block_by_block),
		cmocka_unit_test(our_codecs_decode_it_in_parallel),
		cmocka_unit_test(what_an_import_refuses_is_refused),
		cmocka_unit_test(warnings_are_those_of_the_image),
		cmocka_unit_test(it_can_be_stopped),
		cmocka_unit_test(levels_are_those_of_the_tools),
		cmocka_unit_test(names_say_the_kind),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
