/* SPDX-License-Identifier: Apache-2.0
 *
 * prepare/pack: the disk, as it comes, into the blocks of an encoder: encoded on a crew, written in
 * order. A block of zeros is encoded once and then only written.
 *
 *   pack_open -> (decode_sink: reserve, publish, zero) -> pack_finish -> pack_close
 *
 * One thread, beside the crew's. Spec: docs of the formats, see encode_*.c. */
#ifndef DR_PREPARE_PACK_H
#define DR_PREPARE_PACK_H

#include "ingest/decode.h"
#include "prepare/encode.h"

struct pack;

/* pack_open: facts, crew and job are borrowed; facts->disk_bytes is looked at when the first block
 * is written. */
int pack_open(struct pack **ret, const struct prepare_job *job, const struct encoder_ops *ops,
	      struct workers *crew, struct prepare_facts *facts, struct dr_err *err) DR_MUST_CHECK;
/* pack_sink: where the disk goes. */
struct decode_sink *pack_sink(struct pack *p);
/* pack_finish: everything is written when this returns 0. */
int pack_finish(struct pack *p, struct dr_err *err) DR_MUST_CHECK;
void pack_close(struct pack *p);

DR_DEFINE_CLEANUP(struct pack, pack_close);

#endif
