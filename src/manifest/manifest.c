/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/manifest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/chunk.h"
#include "util/checked.h"
#include "util/rd.h"

#include "util/banned.h"

#define MAGIC "DRMANIF\n"
#define MAGIC_BYTES 8
#define VERSION 1
#define HEADER_BYTES 40
#define ENTRY_BYTES 48
#define BLOB_MAX                                                   \
	(HEADER_BYTES + MANIFEST_MAX_DOMAINS * STORE_DOMAIN_TEXT + \
	 ENTRY_BYTES * (size_t)MANIFEST_MAX_CHUNKS)

struct manifest *manifest_new(uint64_t virtual_bytes)
{
	struct manifest *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->virtual_bytes = virtual_bytes;
	m->chunk_bytes = STORE_CHUNK_BYTES;
	return m;
}

void manifest_free(struct manifest *m)
{
	if (!m)
		return;
	free(m->entries);
	free(m);
}

uint64_t manifest_chunks(const struct manifest *m)
{
	return dr_div_up(m->virtual_bytes, m->chunk_bytes);
}

size_t manifest_chunk_len(const struct manifest *m, uint64_t index)
{
	return (size_t)dr_min_u64(m->chunk_bytes, m->virtual_bytes - index * m->chunk_bytes);
}

int manifest_domain(struct manifest *m, const char *domain, struct dr_err *err)
{
	if (!store_domain_valid(domain))
		return dr_fail(err, DR_INVALID, "not a domain's name");
	for (unsigned i = 0; i < m->domain_count; i++)
		if (strcmp(m->domains[i], domain) == 0)
			return (int)i;
	if (m->domain_count == MANIFEST_MAX_DOMAINS)
		return dr_fail(err, DR_LIMIT, "a disk refers to at most %d domains",
			       MANIFEST_MAX_DOMAINS);
	memcpy(m->domains[m->domain_count], domain, strlen(domain) + 1);
	return (int)m->domain_count++;
}

/* size_fault: why no disk has this many bytes; NULL when one can. */
static const char *size_fault(uint64_t virtual_bytes)
{
	if (virtual_bytes == 0 || virtual_bytes % MANIFEST_SECTOR_BYTES != 0)
		return "the size is not a whole number of sectors";
	if (dr_div_up(virtual_bytes, STORE_CHUNK_BYTES) > MANIFEST_MAX_CHUNKS)
		return "the disk has too many chunks";
	return NULL;
}

bool manifest_size_valid(uint64_t virtual_bytes)
{
	return !size_fault(virtual_bytes);
}

/* entry_fault: why `e` cannot follow the entries of m; NULL when it can. */
static const char *entry_fault(const struct manifest *m, const struct manifest_entry *e)
{
	if (e->index >= manifest_chunks(m) || e->index >= MANIFEST_MAX_CHUNKS)
		return "outside the disk";
	if (m->count > 0 && e->index <= m->entries[m->count - 1].index)
		return "out of order";
	if (e->domain >= m->domain_count)
		return "of an unknown domain";
	if (e->stored_bytes < CHUNK_STORED_MIN ||
	    e->stored_bytes > manifest_chunk_len(m, e->index) + CHUNK_OVERHEAD_BYTES)
		return "of an impossible length";
	return NULL;
}

static int make_room(struct manifest *m, uint64_t room, struct dr_err *err)
{
	struct manifest_entry *p;
	size_t bytes;

	if (room <= m->room)
		return 0;
	if (!dr_mul_size(room, sizeof *p, &bytes))
		return dr_fail_nomem(err);
	p = realloc(m->entries, bytes);
	if (!p)
		return dr_fail_nomem(err);
	m->entries = p;
	m->room = room;
	return 0;
}

int manifest_add(struct manifest *m, const struct manifest_entry *e, struct dr_err *err)
{
	const char *fault = entry_fault(m, e);

	if (fault)
		return dr_fail(err, DR_INVALID, "chunk %u is %s", e->index, fault);
	if (m->count == m->room && make_room(m, m->room ? 2 * m->room : 64, err) < 0)
		return -1;
	m->entries[m->count++] = *e;
	return 0;
}

int manifest_encode(const struct manifest *m, struct buf *ret, struct dr_err *err)
{
	const char *fault = size_fault(m->virtual_bytes);
	size_t bytes;

	if (fault)
		return dr_fail(err, DR_INVALID, "%s", fault);
	bytes = HEADER_BYTES + m->domain_count * (size_t)STORE_DOMAIN_TEXT +
		ENTRY_BYTES * (size_t)m->count;
	buf_clear(ret);
	if (bytes > (ret->max ? ret->max : BUF_MAX_DEFAULT))
		ret->max = bytes;
	if (!buf_reserve(ret, bytes))
		return dr_fail_nomem(err);
	buf_append(ret, MAGIC, MAGIC_BYTES);
	buf_le(ret, VERSION, 4);
	buf_le(ret, m->chunk_bytes, 4);
	buf_le(ret, m->virtual_bytes, 8);
	buf_le(ret, m->count, 8);
	buf_le(ret, m->domain_count, 4);
	buf_le(ret, 0, 4);
	for (unsigned i = 0; i < m->domain_count; i++)
		buf_append(ret, m->domains[i], STORE_DOMAIN_TEXT);
	for (uint64_t i = 0; i < m->count; i++) {
		const struct manifest_entry *e = &m->entries[i];

		buf_le(ret, e->index, 4);
		buf_le(ret, e->stored_bytes, 4);
		buf_le(ret, e->check, 4);
		buf_le(ret, e->domain, 4);
		buf_append(ret, e->id.b, DIGEST_BYTES);
	}
	return buf_check(ret, err);
}

/* The clauses cited below are sections of docs/formats/manifest.md. */

static int bad(struct dr_err *err, const char *what)
{
	return dr_fail(err, DR_CORRUPT, "damaged manifest: %s", what);
}

/* decode_header: section 2. Leaves *ret_count and the domain count plausible for r's length. */
static int decode_header(struct manifest *m, struct rd *r, uint64_t *ret_count, struct dr_err *err)
{
	const uint8_t *magic = rd_bytes(r, MAGIC_BYTES);
	uint32_t version = rd_le32(r), chunk_bytes = rd_le32(r), domains, reserved;
	const char *fault;
	uint64_t bytes;

	if (!magic || memcmp(magic, MAGIC, MAGIC_BYTES) != 0)
		return bad(err, "it does not begin like one");
	if (rd_ok(r) && version > VERSION)
		return dr_fail(err, DR_UNSUPPORTED,
			       "the manifest has version %u, made by a newer "
			       "version; this one knows up to %d",
			       version, VERSION);
	m->virtual_bytes = rd_le64(r);
	*ret_count = rd_le64(r);
	domains = rd_le32(r);
	reserved = rd_le32(r);
	if (!rd_ok(r))
		return bad(err, "it is cut short");
	if (version != VERSION || chunk_bytes != STORE_CHUNK_BYTES || reserved != 0)
		return bad(err, "a header field has no known meaning");
	fault = size_fault(m->virtual_bytes);
	if (fault)
		return bad(err, fault);
	if (domains > MANIFEST_MAX_DOMAINS || *ret_count > manifest_chunks(m))
		return bad(err, "it counts too many domains or chunks");
	m->domain_count = domains;
	/* Both counts are bounded, so the product fits; exactly as long as it says (section 1). */
	bytes = domains * (uint64_t)STORE_DOMAIN_TEXT + *ret_count * ENTRY_BYTES;
	return rd_left(r) == bytes ? 0 : bad(err, "its length is not what it says");
}

/* decode_domains: section 3: valid names, each once, padded with NUL. */
static int decode_domains(struct manifest *m, struct rd *r, struct dr_err *err)
{
	for (unsigned i = 0; i < m->domain_count; i++) {
		const uint8_t *p = rd_bytes(r, STORE_DOMAIN_TEXT);
		char *name = m->domains[i];
		size_t n;

		if (!p)
			return bad(err, "it is cut short");
		memcpy(name, p, STORE_DOMAIN_TEXT);
		n = strnlen(name, STORE_DOMAIN_TEXT);
		if (n == STORE_DOMAIN_TEXT || !store_domain_valid(name))
			return bad(err, "a domain's name is not one");
		for (; n < STORE_DOMAIN_TEXT; n++)
			if (name[n] != 0)
				return bad(err, "a domain's name is not padded with zeros");
		for (unsigned j = 0; j < i; j++)
			if (strcmp(m->domains[j], name) == 0)
				return bad(err, "a domain is named twice");
	}
	return 0;
}

/* decode_entries: section 4. */
static int decode_entries(struct manifest *m, struct rd *r, uint64_t count, struct dr_err *err)
{
	if (make_room(m, count, err) < 0)
		return -1;
	for (uint64_t i = 0; i < count; i++) {
		struct manifest_entry e = {
			.index = rd_le32(r),
			.stored_bytes = rd_le32(r),
			.check = rd_le32(r),
			.domain = rd_le32(r),
		};
		const uint8_t *id = rd_bytes(r, DIGEST_BYTES);
		const char *fault;

		if (!id)
			return bad(err, "it is cut short");
		memcpy(e.id.b, id, DIGEST_BYTES);
		fault = entry_fault(m, &e);
		if (fault)
			return dr_fail(err, DR_CORRUPT, "damaged manifest: entry %llu is %s",
				       (unsigned long long)i, fault);
		m->entries[m->count++] = e;
	}
	return 0;
}

int manifest_decode(struct manifest **ret, const void *p, size_t len, struct dr_err *err)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = manifest_new(0);
	struct rd r = rd_init(p, len);
	uint64_t count = 0;

	if (!m)
		return dr_fail_nomem(err);
	if (decode_header(m, &r, &count, err) < 0 || decode_domains(m, &r, err) < 0 ||
	    decode_entries(m, &r, count, err) < 0)
		return -1;
	*ret = DR_STEAL(m);
	return 0;
}

static void le(uint8_t *to, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

void manifest_content_digest(const struct manifest *m, struct digest *ret)
{
	DR_CLEANUP(hash_freep) struct hash *h = NULL;
	struct dr_err err = DR_ERR_INIT;
	uint8_t out[HASH_MAX_BYTES], head[12], entry[8 + DIGEST_BYTES];
	int rc = hash_new(&h, HASH_SHA256, &err);

	assert(rc == 0);
	(void)rc;
	le(head, m->virtual_bytes, 8);
	le(head + 8, m->chunk_bytes, 4);
	hash_update(h, head, sizeof head);
	for (uint64_t i = 0; i < m->count; i++) {
		le(entry, m->entries[i].index, 8);
		memcpy(entry + 8, m->entries[i].id.b, DIGEST_BYTES);
		hash_update(h, entry, sizeof entry);
	}
	hash_final(h, out);
	memcpy(ret->b, out, DIGEST_BYTES);
}

uint64_t manifest_stored_bytes(const struct manifest *m)
{
	uint64_t sum = 0;

	/* At most 2^24 entries of at most 2^20 + 8 bytes. */
	for (uint64_t i = 0; i < m->count; i++)
		sum += m->entries[i].stored_bytes;
	return sum;
}

uint64_t manifest_seek(const struct manifest *m, uint64_t index)
{
	uint64_t lo = 0, hi = m->count;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (m->entries[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct manifest_entry *manifest_find(const struct manifest *m, uint64_t index)
{
	uint64_t at = manifest_seek(m, index);

	return at < m->count && m->entries[at].index == index ? &m->entries[at] : NULL;
}

int manifest_load(struct manifest **ret, struct store *st, const char *domain,
		  const struct digest *id, struct dr_err *err)
{
	dr_autobuf struct buf b = BUF_INIT_MAX(BLOB_MAX);

	if (store_get_blob(st, domain, id, BLOB_MAX, &b, err) < 0)
		return -1;
	return manifest_decode(ret, b.p, b.len, err);
}
