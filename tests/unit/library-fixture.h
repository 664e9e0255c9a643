/* SPDX-License-Identifier: Apache-2.0
 *
 * A library over a catalogue of two tenants and a store in memory. For cmocka tests. */
#ifndef DR_TESTS_UNIT_LIBRARY_FIXTURE_H
#define DR_TESTS_UNIT_LIBRARY_FIXTURE_H

#include "catalogue-fixture.h"
#include "library/library.h"

struct tenants {
	struct fixture f;
	struct library l;
	struct account a;
	struct account b;
	int wakes;
	/* principals: users and clients of a and b */
	struct principal anonymous, operator_, user_a, client_a, storage_a, user_b, client_b;
};

static inline void count_wake(void *arg)
{
	++*(int *)arg;
}

static inline struct principal principal(enum principal_kind kind, const char *account)
{
	struct principal p = {.kind = kind, .scope_infrastructure = true, .scope_orbit = true};

	snprintf(p.account, sizeof(p.account), "%s", account);
	return p;
}

static inline struct principal user_principal(struct catalogue *c, const char *email,
					      const char *account)
{
	struct principal p = principal(PRINCIPAL_USER, account);
	struct user u = {.name = "Someone"};

	snprintf(u.email, sizeof(u.email), "%s", email);
	must(catalogue_user_create(c, &u, "hash", account, &err));
	memcpy(p.user, u.id, sizeof(p.user));
	return p;
}

static inline struct principal client_principal(struct catalogue *c, const char *account,
						bool storage_only)
{
	const uint8_t hash[SECRET_HASH_BYTES] = {0};
	struct principal p = principal(PRINCIPAL_CLIENT, account);
	struct api_client cl = {.storage_only = storage_only};

	memcpy(cl.account, p.account, sizeof(cl.account));
	must(catalogue_client_create(c, &cl, hash, &err));
	memcpy(p.client, cl.id, sizeof(p.client));
	p.storage_only = storage_only;
	return p;
}

static inline void tenants_open(struct tenants *t)
{
	memset(t, 0, sizeof(*t));
	fixture_open(&t->f);
	t->a = new_account(t->f.c, "a");
	t->b = new_account(t->f.c, "b");
	must(store_mem_open(&t->l.store, &err));
	t->l.catalogue = t->f.c;
	t->l.wake_jobs = count_wake;
	t->l.wake_arg = &t->wakes;
	t->anonymous = (struct principal){.kind = PRINCIPAL_NONE};
	t->operator_ = (struct principal){.kind = PRINCIPAL_OPERATOR};
	t->user_a = user_principal(t->f.c, "a@example.com", t->a.id);
	t->user_b = user_principal(t->f.c, "b@example.com", t->b.id);
	t->client_a = client_principal(t->f.c, t->a.id, false);
	t->storage_a = client_principal(t->f.c, t->a.id, true);
	t->client_b = client_principal(t->f.c, t->b.id, false);
}

static inline void tenants_done(struct tenants *t)
{
	store_close(t->l.store);
	fixture_done(&t->f);
}

/* store_disk: a disk of two chunks, the second zero, in the store of account `domain`; the image's
 * facts about it. */
static inline void store_disk(struct store *st, const char *domain, struct image *img)
{
	static const char text[] = "darkroom";
	struct store_txn *tx = NULL;
	struct manifest *m = manifest_new(2 * STORE_CHUNK_BYTES);
	struct manifest_entry entry = {0};
	struct store_chunk_info info;
	char *chunk = calloc(1, STORE_CHUNK_BYTES);
	struct buf blob = BUF_INIT;
	struct view *view = NULL;
	int domain_number = 0;

	assert_true(m && chunk);
	memcpy(chunk, text, sizeof(text));
	must(store_begin(st, "job-0", &tx, &err));
	must(store_put_chunk(tx, domain, chunk, STORE_CHUNK_BYTES, &entry.id, &info, &err));
	must(domain_number = manifest_domain(m, domain, &err));
	entry.domain = (uint32_t)domain_number;
	entry.stored_bytes = info.stored_bytes;
	entry.check = info.check;
	must(manifest_add(m, &entry, &err));
	must(manifest_encode(m, &blob, &err));
	must(store_put_blob(tx, domain, blob.p, blob.len, &img->manifest, &err));
	must(store_commit(tx, &err));
	manifest_content_digest(m, &img->digest);
	img->virtual_bytes = 2 * STORE_CHUNK_BYTES;
	img->data_bytes = STORE_CHUNK_BYTES;
	img->stored_bytes = info.stored_bytes;
	img->chunk_count = 1;
	snprintf(img->domain, sizeof(img->domain), "%s", domain);
	must(view_open(&view, st, m, VIEW_LZ4, &err));
	img->object_bytes = view_size(view);
	view_close(view);
	buf_done(&blob);
	free(chunk);
}

/* publish_disk: an available image with bytes. */
static inline void publish_disk(struct tenants *t, const char *account, struct image *ret)
{
	int64_t job = register_image(t->f.c, account, "disk", ret);

	claim_job(t->f.c, job);
	store_disk(t->l.store, account, ret);
	snprintf(ret->warnings, sizeof(ret->warnings), "no-boot-record: it has none");
	snprintf(ret->checksum, sizeof(ret->checksum), "sha256:00");
	must(catalogue_image_publish(t->f.c, ret, job, "tester", &err));
	must(catalogue_image_get(t->f.c, ret->id, ret, &err));
}

#endif
