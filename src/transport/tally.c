/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/tally.h"

#include <string.h>

#include "util/checked.h"

#include "util/banned.h"

int transport_tally_init(struct transport_tally *t, const struct transport_checksum *expected,
			 uint64_t max_bytes, struct dr_err *err)
{
	*t = (struct transport_tally){.expected = expected, .max_bytes = max_bytes};
	if (hash_new(&t->sha256, HASH_SHA256, err) < 0)
		return -1;
	if (expected && expected->kind != HASH_SHA256 &&
	    hash_new(&t->other, expected->kind, err) < 0)
		return -1;
	return lane_new(&t->lane, t->sha256, t->other, err);
}

void transport_tally_done(struct transport_tally *t)
{
	lane_free(t->lane);
	hash_free(t->sha256);
	hash_free(t->other);
}

int transport_tally_permit(const struct transport_tally *t, uint64_t bytes, struct dr_err *err)
{
	if (bytes <= t->max_bytes)
		return 0;
	return dr_refuse(err, DR_LIMIT, "too-large",
			 "the source has at least %llu bytes, allowed are %llu",
			 (unsigned long long)bytes, (unsigned long long)t->max_bytes);
}

int transport_tally_add(struct transport_tally *t, const void *p, size_t len, struct dr_err *err)
{
	uint64_t after;

	if (!dr_add_u64(t->bytes, len, &after))
		after = UINT64_MAX;
	if (transport_tally_permit(t, after, err) < 0)
		return -1;
	lane_update(t->lane, p, len);
	t->bytes = after;
	return 0;
}

int transport_tally_conclude(struct transport_tally *t, struct transport_result *ret,
			     struct dr_err *err)
{
	struct transport_result done = {.bytes = t->bytes};
	char hex[HASH_MAX_HEX];

	lane_sync(t->lane);
	hash_final_hex(t->sha256, hex);
	memcpy(done.sha256, hex, sizeof done.sha256);
	if (t->other)
		hash_final_hex(t->other, done.checksum);
	else if (t->expected)
		memcpy(done.checksum, hex, sizeof hex);
	if (t->expected && strcmp(done.checksum, t->expected->hex) != 0)
		return dr_refuse(err, DR_INVALID, "checksum-mismatch",
				 "the source's %s is %s, expected was %s",
				 hash_kind_name(t->expected->kind), done.checksum,
				 t->expected->hex);
	*ret = done;
	return 0;
}
