/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers and URLs that reach Orbit's pure rules. The first line says which: "acl", "meta" or
 * "tempurl"; the others are what comes from outside.
 *   acl      the clean form is clean, and grants a stranger nothing that names no stranger
 *   meta     what is accepted comes back as it was
 *   tempurl  nothing that was not signed with the key is accepted; what was signed here is */
#include <assert.h>
#include <string.h>

#include "../unit/tempurl-sign.h"
#include "digest/hmac.h"
#include "orbit/acl.h"
#include "orbit/meta.h"
#include "orbit/tempurl.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES 8
#define KEY "k3y"

static void fuzz_acl(char *line[static LINES])
{
	dr_autobuf struct buf clean = BUF_INIT, again = BUF_INIT;
	const struct principal nobody = {0};
	const struct principal stranger = {
		.kind = PRINCIPAL_USER, .user = "usr-zzzzz", .account = "acc-zzzzz"};
	const enum acl_kind kind = line[1][0] == 'w' ? ACL_WRITE : ACL_READ;
	struct dr_err err = DR_ERR_INIT;
	struct acl_grant anyone, other;

	anyone = acl_grants(line[2], &nobody, line[3]);
	other = acl_grants(line[2], &stranger, line[3]);
	assert(!anyone.listing || anyone.objects);
	assert(!anyone.objects || strstr(line[2], ".r"));
	assert(other.objects || !anyone.objects);
	if (acl_clean(kind, line[2], &clean, &err) < 0) {
		assert(err.code == DR_INVALID && strcmp(err.reason, "acl") == 0);
		return;
	}
	assert(acl_clean(kind, buf_str(&clean), &again, &err) == 0);
	assert(strcmp(buf_str(&clean), buf_str(&again)) == 0);
	assert(dr_text_valid(buf_str(&clean), clean.len));
	assert(kind == ACL_READ || !acl_grants(buf_str(&clean), &nobody, line[3]).objects);
}

static void fuzz_meta(const char *text)
{
	dr_meta m = META_INIT, copy = META_INIT;
	struct dr_err err = DR_ERR_INIT;
	char name[300], value[300], got[300];
	size_t pos = 0;

	while (meta_next(text, &pos, name, sizeof name, value, sizeof value)) {
		struct dr_err e = DR_ERR_INIT;

		if (meta_set(&m, name, value, &e) < 0)
			assert(e.code == DR_INVALID);
		else
			assert(meta_get(meta_text(&m), name, got, sizeof got) == (value[0] != 0));
	}
	assert(meta_parse(&copy, meta_text(&m), &err) == 0);
	assert(strcmp(meta_text(&copy), meta_text(&m)) == 0);
	meta_drop(&copy, "X-");
	assert(meta_check(meta_text(&copy), "X-", &err) == 0);
	if (meta_check(meta_text(&m), "X-", &err) < 0)
		assert(strcmp(err.reason, "metadata") == 0);
	dr_err_clear(&err);
	if (meta_parse(&copy, text, &err) == 0)
		assert(copy.text.len == 0 || meta_text(&copy)[copy.text.len - 1] == '\n');
}

static enum tempurl_verdict verify(const struct tempurl *t, const char *path, const char *peer,
				   const char *key, int64_t *ret_expires)
{
	static const struct tempurl_rules rules = {.sha1 = true};
	const char *account[TEMPURL_KEYS] = {key, ""}, *container[TEMPURL_KEYS] = {"", ""};

	return tempurl_verify(t, &rules, "GET", path, NULL, peer, account, container, 1000,
			      ret_expires);
}

static void fuzz_tempurl(char *line[static LINES])
{
	struct tempurl t = {line[1], line[2], line[3][0] ? line[3] : NULL,
			    line[4][0] ? line[4] : NULL};
	struct dr_err err = DR_ERR_INIT;
	int64_t expires = 0, again = 0;
	char own[65];

	/* A corpus may hold signatures of this key for the path that was signed, and no other. */
	assert(verify(&t, line[5], line[6], "another key", &expires) == TEMPURL_BAD);
	if (verify(&t, line[5], line[6], KEY, &expires) != TEMPURL_BAD)
		assert(expires > 1000);
	t.signature = "0000000000000000000000000000000000000000000000000000000000000000";
	assert(verify(&t, line[5], line[6], KEY, &expires) == TEMPURL_BAD);
	if (t.prefix || t.ip_range || !dr_parse_i64(line[2], 1001, INT64_MAX, &expires))
		return;
	assert(tempurl_sign(KEY, "GET", expires, line[5], own, &err) == 0);
	t.signature = own;
	if (verify(&t, line[5], line[6], KEY, &again) == TEMPURL_BY_ACCOUNT)
		assert(again == expires && dr_starts(line[5], "/"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dr_autofree char *text = strndup((const char *)data, size);
	char *line[LINES], *next = text;
	static char none[] = "";

	assert(text);
	if (dr_starts(text, "meta\n")) {
		fuzz_meta(text + strlen("meta\n"));
		return 0;
	}
	for (size_t i = 0; i < LINES; i++) {
		line[i] = strsep(&next, "\n");
		line[i] = line[i] ? line[i] : none;
	}
	if (strcmp(line[0], "acl") == 0)
		fuzz_acl(line);
	else if (strcmp(line[0], "tempurl") == 0)
		fuzz_tempurl(line);
	return 0;
}
