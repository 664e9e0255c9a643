/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/import: run one import from the daemon's side: start darkroom-import, listen, cancel.
 * Blocks the calling thread; any number of threads may each run one. */
#ifndef DR_INGEST_IMPORT_H
#define DR_INGEST_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "digest/digest.h"
#include "ingest/feed.h"
#include "util/err.h"

struct import_order {
	const char *url;
	const struct import_source *source; /* in place of what is at the URL; NULL: fetch it */
	const char *checksum;               /* "sha256:…" or "" */
	const char *const *allow;           /* NULL-terminated; may be NULL */
	const char *const *deny;            /* likewise */
	const char *ports;                  /* "80,443,…" */
	bool nat64;                         /* 64:ff9b::/96 leads to IPv4 */
	/* of the source: requests, wait between them, limits of each */
	uint64_t attempts, backoff_seconds, connect_seconds, first_byte_seconds;
	const char *store; /* store URL, "dir:/path" */
	const char *spool; /* directory for scratch files */
	const char *domain, *lease;
	uint64_t virtual_bytes, upload_bytes;
	uint64_t stored_bytes;  /* UINT64_MAX = unlimited */
	uint64_t memory_bytes;  /* decoder: one codec's windows */
	uint64_t address_bytes; /* decoder: address space */
	uint64_t stall_seconds, total_seconds, cpu_seconds;
	uint64_t decoder_stall_seconds;
	/* seconds to begin with (0 = no limit but cpu_seconds), for each GiB of data, of zeros */
	uint64_t decoder_cpu, decoder_cpu_data, decoder_cpu_holes;
	unsigned threads; /* of decode, and of commit */
	bool hurry;       /* commit.h */
};

struct import_facts { /* UINT64_MAX = not known */
	uint64_t source_done, source_total, virtual_bytes, data_bytes, spooled_bytes;
};

struct import_result {
	struct digest manifest, content;
	uint64_t virtual_bytes, data_bytes, stored_bytes, new_bytes, chunks, object_bytes;
	uint64_t source_bytes;
	char format[64];
	char checksum[160];  /* of the source: "sha256:<hex>" */
	char warnings[1024]; /* lines "code: sentence" */
	/* for the operator: "cause=… signal=N pid=N" when the decoder did what only an attack or
	 * a bug brings about (forbidden-call, memory-fault, broken-channel); else "" */
	char alarm[80];
};

/* progress: about twice a second, from the calling thread; false cancels. */
typedef bool import_progress(void *arg, const struct import_facts *facts);

/* import_run: 0 when everything is durable in the store (leased), or -1 with the verdict:
 * err->reason is the stable code for the tenant. CANCELLED when progress said so. ret->format,
 * warnings and alarm are filled as far as known also on failure. */
int import_run(const struct import_order *o, import_progress *progress, void *arg,
	       struct import_result *ret, struct dr_err *err) DR_MUST_CHECK;

#endif
