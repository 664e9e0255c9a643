/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/ring_stream: the consuming end of a ring as a pull stream. */
#ifndef DR_INGEST_RING_STREAM_H
#define DR_INGEST_RING_STREAM_H

#include "ring/ring.h"
#include "stream/stream.h"

/* ring_stream_open: borrows the ring. Closing the stream before its end abandons the ring. */
int ring_stream_open(struct stream **ret, struct ring *ring, struct dr_err *err) DR_MUST_CHECK;

#endif
