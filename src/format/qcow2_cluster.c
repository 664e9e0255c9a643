/* SPDX-License-Identifier: Apache-2.0 */
#define ZLIB_CONST
#include <assert.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "format/qcow2_internal.h"
#include "util/checked.h"

#include "util/banned.h"

/* Neighbouring streams are read at once up to this much. */
#define IN_BYTES ((size_t)256 << 10)
#define RAW_DEFLATE_15 (-15)

struct qcow2_tool {
	struct qcow2_tool *next;
	struct libdeflate_decompressor *fast;
	z_stream slow;
	bool slow_ready;
	ZSTD_DCtx *zstd;
	uint64_t in_off; /* in[] holds the file's bytes from here … */
	uint64_t in_end; /* … up to here */
	uint8_t in[];
};

static void tool_free(struct qcow2_tool *tool)
{
	libdeflate_free_decompressor(tool->fast);
	if (tool->slow_ready)
		inflateEnd(&tool->slow);
	ZSTD_freeDCtx(tool->zstd);
	free(tool);
}

DR_DEFINE_CLEANUP(struct qcow2_tool, tool_free);

static int add_tool(struct qcow2_tools *ts, struct dr_err *err)
{
	DR_CLEANUP(tool_freep) struct qcow2_tool *tool = NULL;

	tool = calloc(1, sizeof *tool + ts->in_bytes);
	if (!tool)
		return dr_fail_nomem(err);
	if (ts->zstd) {
		tool->zstd = ZSTD_createDCtx();
		if (!tool->zstd)
			return dr_fail_nomem(err);
		if (ZSTD_isError(ZSTD_DCtx_setParameter(tool->zstd, ZSTD_d_windowLogMax,
							(int)ts->window_log)))
			return dr_fail(err, DR_IO, "zstd does not take a window limit of 2^%u",
				       ts->window_log);
	} else {
		tool->fast = libdeflate_alloc_decompressor();
		tool->slow_ready = inflateInit2(&tool->slow, RAW_DEFLATE_15) == Z_OK;
		if (!tool->fast || !tool->slow_ready)
			return dr_fail_nomem(err);
	}
	tool->next = ts->idle;
	ts->idle = DR_STEAL(tool);
	return 0;
}

int qcow2_tools_init(struct qcow2_tools *ts, const struct qcow2_header *h, struct spool *spool,
		     unsigned count, uint64_t memory_bytes, struct dr_err *err)
{
	assert(count > 0);
	dr_mutex_init(&ts->lock);
	dr_cond_init(&ts->returned);
	ts->spool = spool;
	ts->cluster_bytes = (uint32_t)h->cluster_bytes;
	ts->zstd = h->zstd;
	/* A stream claims at most two clusters: 2^(cluster_bits - 8) sectors. */
	ts->in_bytes = IN_BYTES > 2 * h->cluster_bytes ? IN_BYTES : 2 * h->cluster_bytes;
	for (ts->window_log = 10; ts->window_log < 31; ts->window_log++)
		if ((uint64_t)2 << ts->window_log > memory_bytes)
			break;
	while (count-- > 0)
		if (add_tool(ts, err) < 0)
			return -1;
	return 0;
}

void qcow2_tools_done(struct qcow2_tools *ts)
{
	if (!ts->spool) /* never initialised */
		return;
	while (ts->idle) {
		struct qcow2_tool *tool = ts->idle;

		ts->idle = tool->next;
		tool_free(tool);
	}
	dr_cond_done(&ts->returned);
	dr_mutex_done(&ts->lock);
}

/* Whoever holds a tool is computing and gives it back soon, so waiting for one is safe. */
static struct qcow2_tool *tool_borrow(struct qcow2_tools *ts)
{
	struct qcow2_tool *tool;

	dr_lock(&ts->lock);
	while (!ts->idle)
		dr_cond_wait(&ts->returned, &ts->lock);
	tool = ts->idle;
	ts->idle = tool->next;
	dr_unlock(&ts->lock);
	return tool;
}

static void tool_return(struct qcow2_tools *ts, struct qcow2_tool *tool)
{
	dr_lock(&ts->lock);
	tool->next = ts->idle;
	ts->idle = tool;
	dr_cond_signal(&ts->returned);
	dr_unlock(&ts->lock);
}

/* ---- decompression of one cluster ---- */

/* One cluster's input and output. */
struct cluster_io {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
	size_t used; /* of the input */
};

static int refuse_stream(struct dr_err *err)
{
	return dr_refuse(err, DR_CORRUPT, "corrupt",
			 "the compressed data is damaged or yields less than a cluster");
}

/* spec, "Compressed Clusters": raw deflate data that decompresses to a cluster. */
static int inflate_cluster(struct qcow2_tool *tool, struct cluster_io *io, struct dr_err *err)
{
	z_stream *z = &tool->slow;
	int rc;

	if (libdeflate_deflate_decompress_ex(tool->fast, io->in, io->in_len, io->out, io->out_len,
					     &io->used, NULL) == LIBDEFLATE_SUCCESS)
		return 0;
	/* libdeflate wants the stream to end with the cluster; it need not. (In a block that
	 * defines at most one distance code it also takes the other one, which zlib refuses.) */
	inflateReset(z);
	z->next_in = io->in;
	z->avail_in = (uInt)io->in_len;
	z->next_out = io->out;
	z->avail_out = (uInt)io->out_len;
	rc = inflate(z, Z_FINISH);
	if (rc == Z_MEM_ERROR)
		return dr_fail_nomem(err);
	if ((rc != Z_STREAM_END && rc != Z_OK && rc != Z_BUF_ERROR) || z->avail_out > 0)
		return refuse_stream(err);
	io->used = io->in_len - z->avail_in;
	return 0;
}

/* spec, "Compressed Clusters": zstd frames, as many as it takes to fill the cluster. */
static int unzstd_cluster(struct qcow2_tool *tool, unsigned window_log, struct cluster_io *io,
			  struct dr_err *err)
{
	ZSTD_inBuffer in = {io->in, io->in_len, 0};
	ZSTD_outBuffer out = {io->out, io->out_len, 0};

	ZSTD_DCtx_reset(tool->zstd, ZSTD_reset_session_only);
	while (out.pos < out.size) {
		size_t before = in.pos + out.pos;
		size_t rc = ZSTD_decompressStream(tool->zstd, &out, &in);

		if (ZSTD_isError(rc)) {
			ZSTD_ErrorCode code = ZSTD_getErrorCode(rc);

			if (code == ZSTD_error_frameParameter_windowTooLarge)
				return dr_refuse(err, DR_LIMIT, "needs-memory",
						 "the compressed data needs a window of more than "
						 "%u MiB",
						 (1U << window_log) >> 20);
			if (code == ZSTD_error_memory_allocation)
				return dr_fail_nomem(err);
			return refuse_stream(err);
		}
		if (in.pos + out.pos == before)
			return refuse_stream(err);
	}
	io->used = in.pos;
	return 0;
}

/* ---- tasks ---- */

/* fetch: what can be read of [off, end) into the tool. A claim may reach into a neighbour's bytes,
 * which may be gone; a stream whose own are gone shares them, and does not decode. */
static int fetch(const struct qcow2_task *task, struct qcow2_tool *tool, uint64_t off, uint64_t end,
		 struct dr_err *err)
{
	struct spool *spool = task->tools->spool;
	uint64_t len = 0;
	int rc = -1;

	tool->in_end = 0;
	do {
		dr_err_clear(err);
		len = spool_held(spool, off, end - off);
		if (len == 0)
			return qcow2_refuse_twice(err);
		rc = stream_pread(spool_stream(spool), tool->in, (size_t)len, off, err);
	} while (rc < 0 && err->code == DR_CONFLICT);
	tool->in_off = off;
	tool->in_end = off + len;
	return rc;
}

/* The bytes of segment i, which are read together with those of the following segments as long as
 * these continue in the file without a gap. */
static int load(struct qcow2_task *task, struct qcow2_tool *tool, unsigned i, const uint8_t **ret,
		size_t *ret_len, struct dr_err *err)
{
	const struct qcow2_seg *s = &task->segs[i];
	uint64_t off = s->host, end;

	if (off >= task->file_bytes)
		return dr_refuse(err, DR_CORRUPT, "truncated", "lies beyond the end of the file");
	end = dr_min_u64(off + s->host_len, task->file_bytes);
	if (off < tool->in_off || end > tool->in_end) {
		uint64_t last = end;

		for (unsigned j = i + 1; j < task->count; j++) {
			const struct qcow2_seg *n = &task->segs[j];
			uint64_t n_end = dr_min_u64(n->host + n->host_len, task->file_bytes);

			if (n->kind != QCOW2_PACKED)
				continue;
			if (n->host < off || n->host > last || n_end - off > task->tools->in_bytes)
				break;
			last = n_end > last ? n_end : last;
		}
		if (fetch(task, tool, off, last, err) < 0)
			return -1;
		end = dr_min_u64(end, tool->in_end);
	}
	*ret = tool->in + (off - tool->in_off);
	*ret_len = end - off;
	return 0;
}

static int decode(struct qcow2_task *task, struct qcow2_tool *tool, unsigned i)
{
	struct qcow2_seg *s = &task->segs[i];
	struct cluster_io io = {.out = task->out + (s->off - task->base),
				.out_len = task->tools->cluster_bytes};

	if (load(task, tool, i, &io.in, &io.in_len, &task->err) < 0 ||
	    (tool->zstd ? unzstd_cluster(tool, task->tools->window_log, &io, &task->err)
			: inflate_cluster(tool, &io, &task->err)) < 0)
		return dr_while(&task->err, "compressed cluster %" PRIu64,
				s->off / task->tools->cluster_bytes);
	s->used = (uint32_t)io.used;
	return 0;
}

void qcow2_task_run(struct work *w)
{
	struct qcow2_task *task = (struct qcow2_task *)w;
	struct qcow2_tool *tool = tool_borrow(task->tools);
	int rc = 0;

	tool->in_end = 0;
	for (unsigned i = 0; rc == 0 && i < task->count; i++)
		if (task->segs[i].kind == QCOW2_PACKED)
			rc = decode(task, tool, i);
	tool_return(task->tools, tool);
}
