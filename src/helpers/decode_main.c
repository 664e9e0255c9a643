/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroom-decode: the process that meets untrusted bytes. No files, no network, no catalogue: a
 * ring to read from, a ring to write to and an unnamed scratch file. */
#include "ingest/decoder.h"
#include "ingest/ring_stream.h"

#include "util/banned.h"

int main(void)
{
	struct dr_err err = DR_ERR_INIT;
	struct buf note = BUF_INIT_MAX(RING_NOTE_BYTES);
	struct decoder d = {0};
	struct stream *in;
	int rc;

	rc = decoder_start(&d, &err);
	if (rc == 0)
		rc = ring_stream_open(&in, d.in, &err);
	if (rc == 0)
		rc = decoder_run(&d, in, &note, &err);
	decoder_end(&d, rc, &err, &note);
}
