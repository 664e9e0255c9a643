/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of POST and PUT /1.0/images…: whatever it says, what reaches the library is well-formed,
 * and what is answered is JSON. The library is played by this file. */
#include <assert.h>

#include "api/api_internal.h"
#include "http-message.h"
#include "util/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s)
{
	assert(!s || dr_utf8_valid(s, strlen(s)));
}

static void check_request(const struct image_request *ask)
{
	check_text(ask->name);
	check_text(ask->description);
	check_text(ask->username);
	check_text(ask->arch);
	check_text(ask->status);
	check_text(ask->http_url);
	check_text(ask->server);
	check_text(ask->volume);
	check_text(ask->legacy_source);
	check_text(ask->checksum);
	assert(ask->min_ram <= INT64_MAX);
}

/* A copy as the catalogue would keep it: whole characters only. */
static void keep(char *to, size_t size, const char *from)
{
	if (from && !dr_copy(to, size, from))
		to[0] = 0;
}

static int answer(const struct image_request *ask, struct image *ret)
{
	*ret = (struct image){.id = "img-abcde",
			      .account = "acc-abcde",
			      .arch = "x86_64",
			      .source_type = "upload",
			      .source_trigger = "manual",
			      .created_at = 1,
			      .min_ram = ask->min_ram,
			      .progress_total = UINT64_MAX,
			      .warnings = "a: b\n\nc: d\n"};
	keep(ret->name, sizeof ret->name, ask->name);
	keep(ret->description, sizeof ret->description, ask->description);
	keep(ret->status_reason, sizeof ret->status_reason, ask->checksum);
	return 0;
}

int library_image_register(struct library *l, const struct principal *p,
			   const struct image_request *ask, struct image *ret, struct problems *pr,
			   struct dr_err *err)
{
	(void)l, (void)p;
	check_request(ask);
	assert(pr->count == 0 && !dr_err_is_set(err));
	assert(!(ask->given & IMG_NAME) || ask->name);
	return answer(ask, ret);
}

int library_image_show(struct library *l, const struct principal *p, const char *id,
		       struct image *ret, struct dr_err *err)
{
	static const struct image_request nothing = {0};

	(void)l, (void)p, (void)id, (void)err;
	return answer(&nothing, ret);
}

int library_image_update(struct library *l, const struct principal *p, const char *id,
			 const struct image_request *ask, struct image *ret, struct problems *pr,
			 struct dr_err *err)
{
	(void)l, (void)p, (void)id, (void)pr, (void)err;
	check_request(ask);
	assert(!(ask->given & IMG_STATUS) || ask->status);
	return answer(ask, ret);
}

int library_image_list(struct library *l, const struct principal *p,
		       const struct image_query *filter, struct image **ret, size_t *ret_n,
		       struct dr_err *err)
{
	(void)l, (void)p, (void)filter, (void)ret, (void)ret_n;
	return dr_fail(err, DR_NOT_FOUND, "not asked here");
}

int library_image_list_version(struct library *l, const struct principal *p,
			       const struct image_query *filter, char ret[static 64],
			       struct dr_err *err)
{
	(void)l, (void)p, (void)filter, (void)ret;
	return dr_fail(err, DR_NOT_FOUND, "not asked here");
}

int library_image_lock(struct library *l, const struct principal *p, const char *id, bool locked,
		       struct image *ret, struct dr_err *err)
{
	(void)l, (void)p, (void)id, (void)locked, (void)ret;
	return dr_fail(err, DR_NOT_FOUND, "not asked here");
}

int library_image_destroy(struct library *l, const struct principal *p, const char *id,
			  struct image *ret, struct dr_err *err)
{
	(void)l, (void)p, (void)id, (void)ret;
	return dr_fail(err, DR_NOT_FOUND, "not asked here");
}

static void call(api_handler *handler, const void *p, size_t len, struct http_request *rq)
{
	struct http_response rs = {0};
	struct api_call c = {.rq = rq, .rs = &rs, .id = "img-abcde"};
	struct dr_err err = DR_ERR_INIT;
	json_error_t problem;
	json_t *said;
	int rc;

	(void)dr_copy(c.who.account, sizeof c.who.account, "acc-abcde");
	rc = api_body_parse(&c.body, p, len, &err);
	if (rc == 0)
		rc = handler(&c, &err);
	if (rc < 0)
		api_fail(rq, &rs, &err, &c.problems);
	assert(rs.status == 200 || rs.status == 201 || rs.status == 400 || rs.status == 422);
	assert(!rs.broken && buf_ok(&rs.body));
	said = json_loadb(buf_str(&rs.body), rs.body.len, JSON_REJECT_DUPLICATES, &problem);
	assert(json_is_object(said));
	assert(rs.status < 300 || json_array_size(json_object_get(said, "errors")) > 0);
	json_decref(said);
	json_decref(c.body);
	response_done(&rs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request *rq = request_new("POST", "/1.0/images", "Host: h\n", NULL);

	call(api_image_register, data, size, rq);
	call(api_image_update, data, size, rq);
	request_free(rq);
	return 0;
}
