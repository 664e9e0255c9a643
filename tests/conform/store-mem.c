/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"
#include "store/mem.h"

static bool open_mem(struct store_fixture *f)
{
	struct dr_err err = DR_ERR_INIT;

	return store_mem_open(&f->st, &err) == 0;
}

static void close_mem(struct store_fixture *f)
{
	store_close(f->st);
}

static bool at_rest(struct store_fixture *f, const char *domain, bool blob, const struct digest *id,
		    struct buf *ret)
{
	const struct buf *b = store_mem_item(f->st, domain, blob, id);

	if (!b)
		return false;
	buf_clear(ret);
	buf_append(ret, b->p, b->len);
	return buf_ok(ret);
}

static void overwrite(struct store_fixture *f, const char *domain, bool blob,
		      const struct digest *id, const struct buf *bytes)
{
	struct buf *b = store_mem_item(f->st, domain, blob, id);

	buf_clear(b);
	buf_append(b, bytes->p, bytes->len);
}

static void age(struct store_fixture *f, const char *domain, bool blob, const struct digest *id,
		unsigned seconds)
{
	store_mem_age(f->st, domain, blob, id, seconds);
}

int main(void)
{
	static const struct store_driver driver = {
		.open = open_mem,
		.close = close_mem,
		.at_rest = at_rest,
		.overwrite = overwrite,
		.age = age,
	};

	return store_conform(&driver) + store_conform_objects(&driver);
}
