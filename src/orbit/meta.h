/* SPDX-License-Identifier: Apache-2.0
 *
 * orbit/meta: the metadata of an account, a container or an object: a text of lines
 * "Name: value\n", names in the spelling they are answered with, each at most once, sorted.
 * Names are found without regard to case. Values hold no control characters. */
#ifndef DR_ORBIT_META_H
#define DR_ORBIT_META_H

#include "util/buf.h"

struct meta {
	struct buf text;
};
#define META_INIT                \
	{                        \
		.text = BUF_INIT \
	}

void meta_done(struct meta *m);
/* meta_parse: replaces what `m` holds. INVALID: a line that meta_set() would refuse or that has no
 * value; a name that is there twice. */
int meta_parse(struct meta *m, const char *text, struct dr_err *err) DR_MUST_CHECK;
const char *meta_text(const struct meta *m); /* borrowed until the next change */
/* meta_get: the value is copied into ret (cut at size); false when there is none. */
bool meta_get(const char *text, const char *name, char *ret, size_t size);
/* meta_set: value NULL or "" removes. The name is spelled as Swift answers it: a letter is a
 * capital unless it follows a letter. INVALID, reason "metadata": a control character, bytes that
 * are no UTF-8, a name that is no token (RFC 9110 section 5.6.2). */
int meta_set(struct meta *m, const char *name, const char *value, struct dr_err *err) DR_MUST_CHECK;
/* meta_drop: remove every name that begins with `prefix`. */
void meta_drop(struct meta *m, const char *prefix);
/* meta_next: the line at *pos into name and value (cut at their sizes); false at the end. */
bool meta_next(const char *text, size_t *pos, char *name, size_t name_size, char *value,
	       size_t value_size);

/* Swift's limits of user metadata, on the stored total (hardening.md section 6, CVE-2014-7960): 90
 * items, names of 128 bytes, values of 256, 4096 bytes in all; ACLs, keys and system headers are
 * not user metadata but have limits of their own. INVALID, reason "metadata", with the number. */
#define META_MAX_ITEMS 90
#define META_MAX_NAME 128
#define META_MAX_VALUE 256
#define META_MAX_BYTES 4096
int meta_check(const char *text, const char *user_prefix, struct dr_err *err) DR_MUST_CHECK;

#define dr_meta DR_CLEANUP(meta_done) struct meta

#endif
