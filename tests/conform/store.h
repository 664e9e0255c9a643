/* SPDX-License-Identifier: Apache-2.0
 *
 * The conformance suite of the store: what every driver must do. A driver's test fills one
 * `struct store_driver` and runs it. */
#ifndef DR_TESTS_CONFORM_STORE_H
#define DR_TESTS_CONFORM_STORE_H

#include "store/store.h"

struct store_fixture {
	struct store *st;
	void *driver; /* the driver test's own */
};

struct store_driver {
	bool (*open)(struct store_fixture *f);
	void (*close)(struct store_fixture *f);
	/* at_rest: the bytes of an item as they are kept, read behind the store's back. */
	bool (*at_rest)(struct store_fixture *f, const char *domain, bool blob,
			const struct digest *id, struct buf *ret);
	/* overwrite: replace them, behind the store's back. */
	void (*overwrite)(struct store_fixture *f, const char *domain, bool blob,
			  const struct digest *id, const struct buf *bytes);
	/* age: make the item this much older. */
	void (*age)(struct store_fixture *f, const char *domain, bool blob, const struct digest *id,
		    unsigned seconds);
};

/* The number of tests that failed: of chunks and blobs, and of users' objects. */
int store_conform(const struct store_driver *driver);
int store_conform_objects(const struct store_driver *driver);

#endif
