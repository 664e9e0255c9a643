/* SPDX-License-Identifier: Apache-2.0 */
#include "prepare/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detect/detect.h"
#include "prepare/encode.h"
#include "prepare/pack.h"
#include "util/checked.h"
#include "util/io.h"
#include "util/str.h"

#include "util/banned.h"

#define SECTOR_BYTES 512U
#define MEMORY_BYTES ((uint64_t)128 << 20) /* as imports have it (hardening.md section 1.3) */
#define PARALLEL_BYTES ((uint64_t)192 << 20)
#define SOURCE_MAX ((uint64_t)1 << 53) /* nobody's disk; sums of such sizes stay in range */

static const struct encoder_ops *const encoders[] = {
	[PREPARE_LZ4] = &encode_lz4, [PREPARE_XZ] = &encode_xz, [PREPARE_ZSTD] = &encode_zstd};

bool prepare_kind_of(const char *name, enum prepare_kind *ret)
{
	const char *dot = strrchr(name, '.');
	const char *end = dot ? dot + 1 : name;

	for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++) {
		if (dr_streq(end, encoders[i]->name)) {
			*ret = (enum prepare_kind)i;
			return true;
		}
	}
	return false;
}

const char *prepare_kind_name(enum prepare_kind kind)
{
	return encoders[kind]->name;
}

void prepare_levels(enum prepare_kind kind, int *ret_min, int *ret_max, int *ret_default)
{
	*ret_min = encoders[kind]->level_min;
	*ret_max = encoders[kind]->level_max;
	*ret_default = encoders[kind]->level_default;
}

static void warn(struct prepare_facts *f, const char *text)
{
	if (f->warning_count < PREPARE_WARNINGS)
		dr_copy(f->warnings[f->warning_count++], sizeof f->warnings[0], text);
}

/* A raw disk in a file: it can be looked at anywhere, and the file system knows its holes. */
struct raw_file {
	int fd;
	uint64_t bytes;
	uint8_t head[DETECT_HEAD_BYTES];
	size_t head_len;
};

/* look: 1: a raw disk, whose beginning is in r->head; 0: something else. */
static int look(struct raw_file *r, struct dr_err *err)
{
	struct detect_head head = {.p = r->head, .total_bytes = r->bytes};
	enum detect_class class;
	ssize_t n = dr_pread_full(r->fd, r->head, sizeof r->head, 0, err);

	if (n < 0)
		return -1;
	r->head_len = head.len = (size_t)n;
	head.whole = head.len == r->bytes;
	if (detect_head_class(&head, DETECT_OUTER, &class, err) < 0)
		return -1;
	return class == DETECT_RAW;
}

/* check: what decode_run() would say of it. */
static int check(const struct raw_file *r, struct prepare_facts *facts, struct dr_err *err)
{
	const struct detect_head head = {r->head, r->head_len, r->head_len == r->bytes, r->bytes};
	uint8_t tail[DETECT_TAIL_BYTES];
	size_t want = (size_t)dr_min_u64(r->bytes, sizeof tail);
	const char *words[4] = {NULL};
	ssize_t n;

	if (r->bytes % SECTOR_BYTES)
		return dr_refuse(err, DR_INVALID, "not-whole-sectors",
				 "%llu bytes is not a whole number of 512-byte sectors; the file "
				 "was probably cut short",
				 (unsigned long long)r->bytes);
	n = dr_pread_full(r->fd, tail, want, r->bytes - want, err);
	if (n < 0 || detect_tail_check(tail, (size_t)n, DETECT_RAW, err) < 0)
		return -1;
	detect_boot_warnings(&head, tail, (size_t)n, r->bytes, words);
	for (size_t i = 0; i < 4 && words[i]; i++)
		warn(facts, words[i]);
	if (detect_head_optical(&head))
		warn(facts, "optical-disc: an optical-disc image that boots as a disk, too");
	return 0;
}

/* span: what lies at `pos`: a hole up to *data, then data up to *end. */
static int span(const struct raw_file *r, uint64_t pos, uint64_t *data, uint64_t *end,
		struct dr_err *err)
{
	off_t from = lseek(r->fd, (off_t)pos, SEEK_DATA);
	off_t to;

	*data = *end = r->bytes;
	if (from < 0 && errno == ENXIO)
		return 0;
	to = from < 0 ? -1 : lseek(r->fd, from, SEEK_HOLE);
	if (to < 0)
		return dr_fail_errno(err, "look for holes");
	*data = dr_min_u64((uint64_t)from, r->bytes);
	*end = dr_min_u64((uint64_t)to, r->bytes);
	return 0;
}

static int copy_data(const struct raw_file *r, struct decode_sink *sink, uint64_t pos, uint64_t end,
		     struct dr_err *err)
{
	uint8_t *to;
	size_t len;
	ssize_t n;

	for (; pos < end; pos += len) {
		len = (size_t)dr_min_u64(end - pos, sink->slot_bytes - pos % sink->slot_bytes);
		if (sink->reserve(sink, &to, err) < 0)
			return -1;
		n = dr_pread_full(r->fd, to, len, pos, err);
		if (n < 0)
			return -1;
		if ((size_t)n < len)
			return dr_fail(err, DR_CONFLICT, "the file became shorter");
		sink->publish(sink, len);
	}
	return 0;
}

static int copy_raw(const struct raw_file *r, struct decode_sink *sink, struct dr_err *err)
{
	uint64_t pos = 0, data, end;

	while (pos < r->bytes) {
		if (span(r, pos, &data, &end, err) < 0 ||
		    (data > pos && sink->zero(sink, data - pos, err) < 0) ||
		    copy_data(r, sink, data, end, err) < 0)
			return -1;
		pos = end;
	}
	return 0;
}

/* run_raw: 1: it was one, 0: it is something else, untouched. */
static int run_raw(const struct prepare_job *job, struct pack *pack, struct prepare_facts *facts,
		   struct dr_err *err)
{
	dr_autofree struct raw_file *r = NULL;
	struct stat st;
	int rc;

	if (fstat(job->in, &st) != 0)
		return dr_fail_errno(err, "look at the source");
	if (!S_ISREG(st.st_mode))
		return 0;
	r = malloc(sizeof *r);
	if (!r)
		return dr_fail_nomem(err);
	r->fd = job->in;
	r->bytes = (uint64_t)st.st_size;
	rc = look(r, err);
	if (rc <= 0)
		return rc;
	dr_copy(facts->format, sizeof facts->format, detect_class_name(DETECT_RAW));
	facts->disk_bytes = r->bytes;
	if (check(r, facts, err) < 0 || copy_raw(r, pack_sink(pack), err) < 0)
		return -1;
	return 1;
}

/* open_scratch: a file without a name. */
static int open_scratch(const char *dir, struct dr_err *err)
{
	dr_autobuf struct buf path = BUF_INIT;
	dr_autofree char *name = NULL;
	int fd;

	buf_printf(&path, "%s/darkroom-prepare-XXXXXX", dir);
	name = buf_steal(&path);
	if (!name)
		return dr_fail_nomem(err);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return dr_fail_errno(err, "create a file in %s", dir);
	unlink(name);
	return fd;
}

static int run_decoder(const struct prepare_job *job, struct workers *crew, struct pack *pack,
		       struct prepare_facts *facts, struct dr_err *err)
{
	const struct decode_limits limits = {SOURCE_MAX, MEMORY_BYTES, PARALLEL_BYTES};
	struct decode_job decode = {.declared_bytes = UINT64_MAX,
				    .length_proven = true, /* its end is where it ends */
				    .crew = crew,
				    .limits = &limits};
	dr_autofd int scratch = open_scratch(job->scratch, err);
	DR_CLEANUP(spool_closep) struct spool *spool = NULL;
	struct decode_facts found;
	dr_autofd int in = -1;
	int rc;

	if (scratch < 0 || spool_open(&spool, scratch, SOURCE_MAX, err) < 0)
		return -1;
	in = fcntl(job->in, F_DUPFD_CLOEXEC, 0);
	if (in < 0)
		return dr_fail_errno(err, "open the source");
	if (stream_fd_open(&decode.in, DR_STEAL_FD(in), err) < 0)
		return -1;
	decode.spool = spool;
	rc = decode_run(&decode, pack_sink(pack), &found, err);
	dr_copy(facts->format, sizeof facts->format, found.format);
	for (unsigned i = 0; i < found.warning_count; i++)
		warn(facts, found.warnings[i]);
	return rc;
}

static void free_crew(struct workers **crew)
{
	workers_free(*crew);
}

int prepare_run(const struct prepare_job *job, struct prepare_facts *facts, struct dr_err *err)
{
	DR_CLEANUP(free_crew) struct workers *crew = NULL;
	DR_CLEANUP(pack_closep) struct pack *pack = NULL;
	int rc;

	*facts = (struct prepare_facts){.disk_bytes = PREPARE_UNKNOWN};
	if (workers_new(&crew, job->threads < PREPARE_THREADS ? job->threads : PREPARE_THREADS,
			err) < 0 ||
	    pack_open(&pack, job, encoders[job->kind], crew, facts, err) < 0)
		return -1;
	rc = run_raw(job, pack, facts, err);
	if (rc == 0)
		rc = run_decoder(job, crew, pack, facts, err);
	return rc < 0 ? -1 : pack_finish(pack, err);
}
