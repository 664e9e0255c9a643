/* SPDX-License-Identifier: Apache-2.0 */
#include "helpers/outlet.h"

#include <string.h>
#include <unistd.h>

#include "ingest/helper.h"
#include "ingest/report.h"
#include "transport/http.h"
#include "util/checked.h"
#include "util/io.h"

#include "util/banned.h"

static int report(struct buf *line, struct dr_err *err)
{
	buf_putc(line, '\n');
	if (buf_check(line, err) < 0)
		return -1;
	return dr_write_all(HELPER_FD_REPORT, line->p, line->len, err);
}

int outlet_open(struct outlet *o, struct spec **ret_order, struct dr_err *err)
{
	const char *text;

	if (spec_read_fd(ret_order, HELPER_FD_SPEC, err) < 0)
		return -1;
	close(HELPER_FD_SPEC);
	if (ring_attach(&o->ring, HELPER_FD_RING_IN, err) < 0)
		return -1;
	close(HELPER_FD_RING_IN);
	text = spec_get(*ret_order, "checksum", NULL);
	return text ? transport_checksum_parse(&o->checksum, text, err) : 0;
}

const struct transport_checksum *outlet_checksum(const struct outlet *o)
{
	return *o->checksum.hex ? &o->checksum : NULL;
}

int outlet_begin(void *arg, uint64_t total_bytes, bool proven, bool etag, struct dr_err *err)
{
	struct outlet *o = arg;
	dr_autobuf struct buf line = BUF_INIT;

	buf_puts(&line, "begin total=");
	if (total_bytes == TRANSPORT_TOTAL_UNKNOWN)
		buf_putc(&line, '-');
	else
		buf_printf(&line, "%llu", (unsigned long long)total_bytes);
	buf_printf(&line, " proven=%d etag=%s", proven, etag ? "yes" : "no");
	if (total_bytes != TRANSPORT_TOTAL_UNKNOWN)
		ring_set_fact(o->ring, RING_FACT_SOURCE_TOTAL, total_bytes);
	ring_set_fact(o->ring, RING_FACT_LENGTH_PROVEN, proven);
	return report(&line, err);
}

int outlet_data(void *arg, const void *p, size_t len, struct dr_err *err)
{
	struct outlet *o = arg;
	const uint8_t *at = p;
	size_t size = ring_slot_bytes(o->ring), n;

	for (; len > 0; at += n, len -= n) {
		if (!o->slot && ring_reserve(o->ring, &o->slot, err) < 0)
			return -1;
		n = dr_min_size(len, size - o->filled);
		memcpy(o->slot + o->filled, at, n);
		o->filled += n;
		o->done += n;
		if (o->filled < size)
			continue;
		ring_publish(o->ring, o->filled);
		o->slot = NULL;
		o->filled = 0;
	}
	ring_set_fact(o->ring, RING_FACT_SOURCE_DONE, o->done);
	return 0;
}

static void describe(struct buf *line, const struct transport_checksum *c,
		     const struct transport_result *r, const struct dr_err *err)
{
	if (dr_err_is_set(err)) {
		report_describe_failure(line, err);
		return;
	}
	buf_printf(line, "done bytes=%llu sha256=%s ", (unsigned long long)r->bytes, r->sha256);
	if (*c->hex && c->kind != HASH_SHA256)
		buf_printf(line, "%s=%s ", hash_kind_name(c->kind), r->checksum);
	buf_printf(line, "length_proven=%d", r->length_proven);
}

int outlet_close(struct outlet *o, const struct transport_result *r, struct dr_err *err)
{
	dr_autobuf struct buf line = BUF_INIT;
	struct dr_err unheard = DR_ERR_INIT;

	if (!dr_err_is_set(err) && o->filled > 0)
		ring_publish(o->ring, o->filled);
	describe(&line, &o->checksum, r, err);
	if (report(&line, &unheard) < 0 && !dr_err_is_set(err))
		*err = unheard;
	if (o->ring)
		ring_finish(o->ring, err, NULL);
	ring_detach(o->ring);
	if (dr_err_is_set(&unheard))
		return 2;
	return dr_err_is_set(err) ? 1 : 0;
}
