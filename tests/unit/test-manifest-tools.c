/* SPDX-License-Identifier: Apache-2.0
 *
 * Views judged by the programs that people will use on them: lz4 and qemu-img. */
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "manifest-disk.h"
#include "unit.h"
#include "util/io.h"

static char dir[] = "/tmp/darkroom-test-XXXXXX";

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *w)
{
	(void)s;
	(void)flag;
	(void)w;
	return remove(path);
}

static int setup(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct store *st = NULL;

	if (!mkdtemp(dir) || chdir(dir) != 0 || store_mem_open(&st, &err) < 0)
		return -1;
	*state = st;
	return 0;
}

static int teardown(void **state)
{
	store_close(*state);
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int run(const char *command)
{
	int status = system(command); /* fixed texts of this file, in a directory of ours */

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUNS(command, what)                                \
	do {                                               \
		if (run(command) != 0)                     \
			fail_msg("%s: %s", what, command); \
	} while (0)

static void save_view(struct store *st, const struct disk *d, enum view_kind kind, const char *path)
{
	DR_CLEANUP(view_closep) struct view *v = disk_view(st, d, kind);
	dr_autofd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dr_autofree uint8_t *p = malloc(MIB);
	struct dr_err err = DR_ERR_INIT;
	ssize_t n;

	for (uint64_t off = 0; off < view_size(v); off += (uint64_t)n) {
		n = view_read(v, p, MIB, off, &err);
		assert_true(n > 0);
		assert_int_equal(dr_pwrite_all(fd, p, (size_t)n, off, &err), 0);
	}
}

/* save_disk: the disk as it should be, with holes for zeros. */
static void save_disk(const struct disk *d, const char *path)
{
	dr_autofd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dr_autofree uint8_t *p = malloc(MIB);
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(ftruncate(fd, (off_t)d->bytes), 0);
	for (size_t i = 0; d->chunks[i] != END; i++) {
		uint64_t off = d->chunks[i] * MIB;
		size_t n = (size_t)(d->bytes - off < MIB ? d->bytes - off : MIB);

		disk_read(d, p, n, off);
		assert_int_equal(dr_pwrite_all(fd, p, n, off, &err), 0);
	}
}

static void lz4_gives_the_disk_back(void **state)
{
	for (size_t i = 0; i < DISKS; i++) {
		save_view(*state, &disks[i], VIEW_LZ4, "disk.lz4");
		RUNS("lz4 -tq disk.lz4", disks[i].name);
		if (disks[i].bytes > 64 * MIB)
			continue;
		save_disk(&disks[i], "disk.raw");
		RUNS("lz4 -dqf disk.lz4 got.raw && cmp got.raw disk.raw", disks[i].name);
		/* Through a pipe, where the tool can neither seek nor make holes. */
		RUNS("lz4 -dc < disk.lz4 | cmp - disk.raw", disks[i].name);
	}
	/* It says how large the disk is before anything is decoded. */
	save_view(*state, &disks[5], VIEW_LZ4, "disk.lz4");
	RUNS("lz4 --list disk.lz4 | grep -q 'B6I .* 1.00M '", "lz4 --list");
}

static void qemu_finds_no_fault_and_the_same_disk(void **state)
{
	static const struct disk huge = {
		"2 TiB", UINT64_C(2) << 40, {0, 777777, (2 << 20) - 1, END}};
	/* More than one refcount block (2 GiB) and L1 cluster (4 TiB): no data, only tables. */
	static const struct disk wide = {"9 TiB", UINT64_C(9) << 40, {1, 4 << 20, 9 << 19, END}};

	for (size_t i = 0; i < DISKS + 2; i++) {
		const struct disk *d = i < DISKS ? &disks[i] : i == DISKS ? &huge : &wide;

		save_disk(d, "disk.raw");
		save_view(*state, d, VIEW_QCOW2, "disk.qcow2");
		RUNS("qemu-img check -q -f qcow2 disk.qcow2", d->name);
		RUNS("qemu-img compare -q -f qcow2 -F raw disk.qcow2 disk.raw", d->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lz4_gives_the_disk_back),
		cmocka_unit_test(qemu_finds_no_fault_and_the_same_disk),
	};

	if (run("lz4 --version >/dev/null 2>&1 && qemu-img --version >/dev/null 2>&1") != 0)
		return 77;
	return cmocka_run_group_tests(tests, setup, teardown);
}
