/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "store-temp.h"
#include "store.h"
#include "util/clock.h"
#include "util/io.h"

static bool open_dir(struct store_fixture *f)
{
	struct temp_store *t = calloc(1, sizeof *t);

	if (!t || !temp_store_open(t))
		return false;
	f->driver = t;
	f->st = t->st;
	return true;
}

static void close_dir(struct store_fixture *f)
{
	temp_store_done(f->driver);
	free(f->driver);
}

static bool at_rest(struct store_fixture *f, const char *domain, bool blob, const struct digest *id,
		    struct buf *ret)
{
	struct dr_err err = DR_ERR_INIT;
	char path[256];

	temp_store_item(f->driver, domain, blob, id, path);
	buf_clear(ret);
	return dr_read_file(AT_FDCWD, path, ret, &err) == 0;
}

static void overwrite(struct store_fixture *f, const char *domain, bool blob,
		      const struct digest *id, const struct buf *bytes)
{
	struct dr_err err = DR_ERR_INIT;
	char path[256];
	dr_autofd int fd = -1;

	temp_store_item(f->driver, domain, blob, id, path);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert(fd >= 0);
	if (bytes->len > 0 && dr_write_all(fd, bytes->p, bytes->len, &err) < 0)
		abort();
}

static void age(struct store_fixture *f, const char *domain, bool blob, const struct digest *id,
		unsigned seconds)
{
	time_t then = dr_wall() - (time_t)seconds;
	struct timespec times[2] = {{.tv_sec = then}, {.tv_sec = then}};
	char path[256];
	int rc;

	temp_store_item(f->driver, domain, blob, id, path);
	rc = utimensat(AT_FDCWD, path, times, 0);
	assert(rc == 0);
	(void)rc;
}

int main(void)
{
	static const struct store_driver driver = {
		.open = open_dir,
		.close = close_dir,
		.at_rest = at_rest,
		.overwrite = overwrite,
		.age = age,
	};

	return store_conform(&driver) + store_conform_objects(&driver);
}
