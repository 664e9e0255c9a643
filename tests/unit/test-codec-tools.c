/* SPDX-License-Identifier: Apache-2.0
 *
 * Files made by the real tools. Exits 77 when one of them is missing. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec-samples.h"
#include "util/io.h"

#include "util/banned.h"

#define TOOL_ARGS 10

struct tool {
	enum codec_kind kind;
	const char *args[TOOL_ARGS];
};

static const struct tool tools[] = {
	{CODEC_LZ4, {"lz4", "-q", "-c"}},
	{CODEC_LZ4, {"lz4", "-q", "-c", "-B4", "-BD", "-9"}},
	{CODEC_LZ4, {"lz4", "-q", "-c", "-B5", "-BX", "--no-frame-crc"}},
	{CODEC_LZ4, {"lz4", "-q", "-c", "-l"}},
	{CODEC_XZ, {"xz", "-q", "-c", "-T1", "-0"}},
	{CODEC_XZ, {"xz", "-q", "-c", "-T2", "-0", "--block-size=300000"}},
	{CODEC_XZ, {"xz", "-q", "-c", "-T2", "-1", "--check=sha256", "--x86", "--lzma2"}},
	{CODEC_GZIP, {"gzip", "-q", "-c", "-1"}},
	{CODEC_GZIP, {"gzip", "-q", "-c", "-9"}},
	{CODEC_ZSTD, {"zstd", "-q", "-c"}},
	{CODEC_ZSTD, {"zstd", "-q", "-c", "-T2", "-12", "--long=24"}},
	{CODEC_ZSTD, {"zstd", "-q", "-c", "--fast", "--no-check"}},
	{CODEC_BZIP2, {"bzip2", "-q", "-c", "-1"}},
	{CODEC_BZIP2, {"bzip2", "-q", "-c", "-9"}},
};
#define TOOLS (sizeof tools / sizeof tools[0])

/* A nameless file in the temporary directory. */
static int scratch(void)
{
	char path[] = "/tmp/codec-tools-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

/* The tool's output; in_fd is its input. The exit status. */
static int run_tool(const char *const *args, int in_fd, int out_fd)
{
	char *argv[TOOL_ARGS] = {NULL};
	int status = -1;
	pid_t pid;

	memcpy(argv, args, sizeof argv);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (lseek(in_fd, 0, SEEK_SET) == 0 && dup2(in_fd, 0) == 0 && dup2(out_fd, 1) == 1)
			execvp(argv[0], argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void compress_with(const struct tool *t, const struct buf *disk, struct buf *ret)
{
	struct dr_err err = DR_ERR_INIT;
	int in_fd = scratch(), out_fd = scratch();

	assert_int_equal(dr_write_all(in_fd, disk->p, disk->len, &err), 0);
	assert_int_equal(run_tool(t->args, in_fd, out_fd), 0);
	assert_int_equal(lseek(out_fd, 0, SEEK_SET), 0);
	assert_int_equal(dr_read_all(out_fd, ret, &err), 0);
	close(in_fd);
	close(out_fd);
}

static void files_of_the_real_tools_decode(void **state)
{
	struct buf disk;

	(void)state;
	sample_disk(&disk, 2 * MIB, 1);
	for (size_t i = 0; i < TOOLS; i++) {
		dr_autobuf struct buf file = BUF_INIT;
		enum detect_class class;
		enum codec_kind kind;
		struct dr_err err = DR_ERR_INIT;
		struct detect_head head;

		compress_with(&tools[i], &disk, &file);
		head = (struct detect_head){.p = file.p, .len = DETECT_HEAD_BYTES};
		assert_int_equal(detect_head_class(&head, DETECT_OUTER, &class, &err), 0);
		assert_true(codec_for_class(class, &kind));
		assert_int_equal(kind, tools[i].kind);
		law_round_trip(kind, &file, &disk);
	}
	buf_done(&disk);
}

/* Two files of one tool after another are one disk, as for the tools themselves. */
static void concatenated_files_of_the_real_tools_decode(void **state)
{
	struct buf disk;

	(void)state;
	sample_disk(&disk, MIB, 2);
	for (size_t i = 0; i < TOOLS; i++) {
		const struct tool *second = &tools[(i + 1) % TOOLS];
		dr_autobuf struct buf file = BUF_INIT;
		struct buf part;

		if (second->kind != tools[i].kind)
			continue;
		for (unsigned half = 0; half < 2; half++) {
			part = (struct buf){.p = disk.p + half * (MIB / 2), .len = MIB / 2};
			compress_with(half ? second : &tools[i], &part, &file);
		}
		law_round_trip(tools[i].kind, &file, &disk);
	}
	buf_done(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_the_real_tools_decode),
		cmocka_unit_test(concatenated_files_of_the_real_tools_decode),
	};
	int null_in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int null_out = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (size_t i = 0; i < TOOLS; i++) {
		if (run_tool(tools[i].args, null_in, null_out) == 127) {
			fprintf(stderr, "%s is missing\n", tools[i].args[0]);
			return 77;
		}
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
