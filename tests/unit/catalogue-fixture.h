/* SPDX-License-Identifier: Apache-2.0
 *
 * A catalogue in a directory of its own that goes away with it. For cmocka tests. */
#ifndef DR_TESTS_UNIT_CATALOGUE_FIXTURE_H
#define DR_TESTS_UNIT_CATALOGUE_FIXTURE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalogue/catalogue.h"
#include "must.h"
#include "util/clock.h"

struct fixture {
	char dir[64];
	char path[96];
	struct catalogue *c;
};

static inline void fixture_dir(struct fixture *f)
{
	snprintf(f->dir, sizeof(f->dir), "/tmp/test-catalogue-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/catalogue.db", f->dir);
}

static inline void fixture_open(struct fixture *f)
{
	fixture_dir(f);
	must(catalogue_create_sqlite(f->path, &err));
	must(catalogue_open_sqlite(&f->c, f->path, &err));
}

static inline void fixture_done(struct fixture *f)
{
	DIR *d = opendir(f->dir);
	struct dirent *e;

	catalogue_close(f->c);
	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(f->dir);
}

static inline struct account new_account(struct catalogue *c, const char *name)
{
	struct account a = {0};

	snprintf(a.name, sizeof(a.name), "%s", name);
	must(catalogue_account_create(c, &a, &err));
	return a;
}

/* register_image: a private upload, being created; its job's id. */
static inline int64_t register_image(struct catalogue *c, const char *account, const char *name,
				     struct image *ret)
{
	struct job job = {.url = "https://example.com/disk.img?signature=secret"};

	*ret = (struct image){.arch = "x86_64",
			      .source = "upload-aaaaa",
			      .source_type = "upload",
			      .source_trigger = "manual"};
	snprintf(ret->account, sizeof(ret->account), "%s", account);
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	must(catalogue_image_register(c, ret, &job, &err));
	return job.id;
}

/* claim_image: runs every queued job up to the one of this image, as "tester". */
static inline void claim_job(struct catalogue *c, int64_t id)
{
	struct job job = {0};
	struct dr_err e = DR_ERR_INIT;

	while (job.id != id)
		assert_int_equal(
			catalogue_job_claim(c, "tester", dr_wall(), 3600, UINT64_MAX, &job, &e), 1);
}

/* publish_image: register, claim, publish: `data_bytes` of plain data. */
static inline void publish_image(struct catalogue *c, const char *account, const char *name,
				 uint64_t data_bytes, struct image *ret)
{
	int64_t job = register_image(c, account, name, ret);

	claim_job(c, job);
	ret->virtual_bytes = data_bytes * 2;
	ret->data_bytes = data_bytes;
	ret->stored_bytes = data_bytes / 2;
	ret->object_bytes = data_bytes / 2 + 100;
	ret->chunk_count = 3;
	digest_of(ret->id, strlen(ret->id), &ret->manifest);
	digest_of(ret->name, strlen(ret->name), &ret->digest);
	snprintf(ret->domain, sizeof(ret->domain), "%s", account);
	snprintf(ret->source_format, sizeof(ret->source_format), "raw");
	snprintf(ret->checksum, sizeof(ret->checksum), "sha256:00");
	snprintf(ret->warnings, sizeof(ret->warnings), "no-boot-record: it has none");
	must(catalogue_image_publish(c, ret, job, "tester", &err));
	must(catalogue_image_get(c, ret->id, ret, &err));
}

static inline void set_public(struct catalogue *c, struct image *img, bool public)
{
	img->public = public;
	must(catalogue_image_update(c, img, img->status, &err));
	must(catalogue_image_get(c, img->id, img, &err));
}

static inline void set_status(struct catalogue *c, struct image *img, enum image_status status)
{
	enum image_status before = img->status;

	img->status = status;
	must(catalogue_image_update(c, img, before, &err));
	must(catalogue_image_get(c, img->id, img, &err));
}

#endif
