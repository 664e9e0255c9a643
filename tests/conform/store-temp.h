/* SPDX-License-Identifier: Apache-2.0
 *
 * A temporary directory with a store in it, for tests. */
#ifndef DR_TESTS_STORE_TEMP_H
#define DR_TESTS_STORE_TEMP_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"

struct temp_store {
	char dir[64];
	char path[80]; /* of the store, in dir */
	struct store *st;
};

static inline int temp_remove_one(const char *path, const struct stat *s, int flag, struct FTW *w)
{
	(void)s;
	(void)flag;
	(void)w;
	return remove(path);
}

static inline bool temp_store_open(struct temp_store *t)
{
	struct dr_err err = DR_ERR_INIT;

	snprintf(t->dir, sizeof t->dir, "/tmp/darkroom-test-XXXXXX");
	if (!mkdtemp(t->dir))
		return false;
	snprintf(t->path, sizeof t->path, "%s/store", t->dir);
	if (store_dir_create(t->path, &err) == 0 && store_dir_open(&t->st, t->path, &err) == 0)
		return true;
	fprintf(stderr, "%s\n", err.msg);
	return false;
}

static inline void temp_store_done(struct temp_store *t)
{
	store_close(t->st);
	t->st = NULL;
	nftw(t->dir, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* temp_store_item: the path of an item at rest. */
static inline void temp_store_item(const struct temp_store *t, const char *domain, bool blob,
				   const struct digest *id, char ret[static 256])
{
	char hex[DIGEST_HEX];

	digest_hex(id, hex);
	snprintf(ret, 256, "%s/%s/%s/%.2s/%s", t->path, blob ? "blobs" : "chunks", domain, hex,
		 hex);
}

#endif
