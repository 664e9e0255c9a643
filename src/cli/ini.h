/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/ini: the configuration file (dialect of api.md section 6.2), kept line by line, so that a
 * change leaves comments, order, unknown keys and blank lines as the user wrote them.
 *
 *   [section]      anything after the bracket is ignored
 *   key = value    blanks around both are ignored
 *   ; comment
 *
 * Sections of the same name are one; of a repeated key the last value counts. */
#ifndef DR_CLI_INI_H
#define DR_CLI_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

struct ini;

/* ini_parse: [owned by caller]. INVALID names the line that is none of the above, or a key before
 * the first section. */
int ini_parse(struct ini **ret, const char *text, size_t len, struct dr_err *err) DR_MUST_CHECK;
void ini_free(struct ini *ini);
void ini_write(const struct ini *ini, struct buf *out);

/* ini_get: the value ("" when written empty), or NULL; borrowed until the next change. */
const char *ini_get(const struct ini *ini, const char *section, const char *key);
/* ini_set: add or change; sections come into being (at the end; "core" at the beginning). INVALID
 * when a name or the value cannot be written in this dialect. */
int ini_set(struct ini *ini, const char *section, const char *key, const char *value,
	    struct dr_err *err) DR_MUST_CHECK;
void ini_unset(struct ini *ini, const char *section, const char *key);
/* ini_remove: a section with its lines; a comment that stands right above the next section stays.
 */
void ini_remove(struct ini *ini, const char *section);
bool ini_has(const struct ini *ini, const char *section);
/* ini_section: the name of the nth section in the order of the file, NULL behind the last. */
const char *ini_section(const struct ini *ini, size_t n);

DR_DEFINE_CLEANUP(struct ini, ini_free);

#endif
