/* SPDX-License-Identifier: Apache-2.0
 *
 * A decoder without walls, to see that the self-test notices: it does what a work order's probe
 * asks, with nothing around it. Never installed. */
#include <unistd.h>

#include "ingest/helper.h"
#include "ingest/probe.h"
#include "util/spec.h"

#include "util/banned.h"

int main(void)
{
	DR_CLEANUP(spec_freep) struct spec *spec = NULL;
	struct dr_err err = DR_ERR_INIT;

	if (spec_read_fd(&spec, HELPER_FD_SPEC, &err) < 0)
		return 2;
	return probe_run(spec_get(spec, "probe", ""), spec_get_u64(spec, "upload_bytes", 0));
}
