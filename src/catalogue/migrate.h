/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue/migrate: the schema, forward only. The migrations are schema/NNN-name.sql, compiled in
 * by schema/embed.py; the table schema_migrations remembers which a database has had. */
#ifndef DR_CATALOGUE_MIGRATE_H
#define DR_CATALOGUE_MIGRATE_H

#include "catalogue/db.h"

struct migration {
	int64_t version; /* from 1, without gaps */
	const char *name;
	const char *sql;
};

extern const struct migration migrations[];
extern const size_t migration_count;

/* migrate_new: the first `count` migrations on an empty database. */
int migrate_new(struct db *db, size_t count, struct dr_err *err) DR_MUST_CHECK;
/* migrate_forward: the missing ones, each in a transaction of its own; another process may be doing
 * the same. UNSUPPORTED when the database has one we do not know; CORRUPT when it has none. */
int migrate_forward(struct db *db, struct dr_err *err) DR_MUST_CHECK;

#endif
