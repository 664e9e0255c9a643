/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue/migrate.h"

#include <inttypes.h>

#include "util/clock.h"

#include "util/banned.h"

static int read_version(struct db *db, int64_t *ret, struct dr_err *err)
{
	if (db_number(db, "SELECT MAX(version) FROM schema_migrations", NULL, 0, ret, err) < 0)
		return dr_while(err, "read the schema's version");
	return 0;
}

/* apply_locked: one migration and its mark; a transaction is open. */
static int apply_locked(struct db *db, const struct migration *m, struct dr_err *err)
{
	if (db_script(db, m->sql, err) < 0)
		return -1;
	return db_run(db,
		      "INSERT INTO schema_migrations (version, name, applied_at)"
		      " VALUES ($1, $2, $3)",
		      DB_ARGS(db_int(m->version), db_text(m->name), db_int(dr_wall())), err);
}

static int apply(struct db *db, const struct migration *m, bool fresh, struct dr_err *err)
{
	int64_t version = 0;
	int rc;

	if (db_begin(db, err) < 0)
		return -1;
	/* another process may have been faster */
	rc = fresh ? 0 : read_version(db, &version, err);
	if (rc == 0 && version < m->version)
		rc = apply_locked(db, m, err);
	if (rc == 0)
		rc = db_commit(db, err);
	db_rollback(db);
	if (rc < 0)
		return dr_while(err, "migration %" PRId64 " (%s)", m->version, m->name);
	return 0;
}

int migrate_new(struct db *db, size_t count, struct dr_err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (apply(db, &migrations[i], i == 0, err) < 0)
			return -1;
	}
	return 0;
}

int migrate_forward(struct db *db, struct dr_err *err)
{
	int64_t version = 0;

	if (read_version(db, &version, err) < 0)
		return -1;
	if (version < 1)
		return dr_fail(err, DR_CORRUPT, "the catalogue's schema has no version");
	if ((uint64_t)version > migration_count)
		return dr_fail(err, DR_UNSUPPORTED,
			       "the catalogue was written by a newer version of this program:"
			       " schema %" PRId64 ", this one knows %zu",
			       version, migration_count);
	for (size_t i = (size_t)version; i < migration_count; i++) {
		if (apply(db, &migrations[i], false, err) < 0)
			return -1;
	}
	return 0;
}
