/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "library/library_internal.h"
#include "library/policy.h"
#include "transport/checksum.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define ATTEMPTS 20

static void wake_jobs(const struct library *l)
{
	if (l->wake_jobs)
		l->wake_jobs(l->wake_arg);
}

/* find: an image for a verb, judged. 0, 1 (redacted), -1. */
static int find(struct library *l, const struct principal *p, enum policy_verb verb, const char *id,
		struct image *ret, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	int rc = -1;

	if (policy_enter(p, verb, err) < 0)
		return -1;
	if (catalogue_image_get(l->catalogue, id, ret, &e) == 0)
		rc = policy_decide(p, verb, ret, err);
	else if (e.code == DR_NOT_FOUND)
		rc = policy_decide(p, verb, NULL, err);
	else
		*err = e;
	if (rc < 0) /* what was refused does not lie about in the caller's memory */
		*ret = (struct image){0};
	return rc;
}

/* ---- register ---- */

/* new_source_token: what stands for the URL, which is a secret (api.md section 8). */
static void new_source_token(char *ret, size_t size)
{
	char secret[SECRET_TEXT];

	auth_new_secret(secret);
	snprintf(ret, size, "upload-%.5s", secret);
}

static void fill_image(const struct library *l, const struct principal *p,
		       const struct image_request *rq, struct image *img)
{
	*img = (struct image){
		.public = (rq->given & IMG_PUBLIC) && rq->public,
		.compatibility_mode = (rq->given & IMG_MODE) && rq->compatibility_mode,
		.min_ram = (rq->given & IMG_MIN_RAM) ? rq->min_ram : 0,
		.created_at = dr_wall(),
	};
	memcpy(img->account, p->account, sizeof(img->account));
	dr_copy(img->domain, sizeof(img->domain), l->dedup_global ? "global" : p->account);
	dr_copy(img->arch, sizeof(img->arch), (rq->given & IMG_ARCH) ? rq->arch : "x86_64");
	dr_copy(img->source_type, sizeof(img->source_type), "upload");
	dr_copy(img->source_trigger, sizeof(img->source_trigger), "manual");
	new_source_token(img->source, sizeof(img->source));
	if ((rq->given & IMG_DESCRIPTION) && rq->description)
		dr_copy(img->description, sizeof(img->description), rq->description);
	if ((rq->given & IMG_USERNAME) && rq->username)
		dr_copy(img->username, sizeof(img->username), rq->username);
	if ((rq->given & IMG_NAME) && rq->name && rq->name[0])
		dr_copy(img->name, sizeof(img->name), rq->name);
	else
		name_from_url(rq->http_url, img->created_at, img->name);
}

static int fill_job(const struct image_request *rq, struct job *job, struct dr_err *err)
{
	struct transport_checksum checksum;

	*job = (struct job){.kind = JOB_IMPORT};
	dr_copy(job->url, sizeof(job->url), rq->http_url);
	if (!rq->checksum)
		return 0;
	if (transport_checksum_parse(&checksum, rq->checksum, err) < 0)
		return -1;
	snprintf(job->checksum, sizeof(job->checksum), "%s:%s", hash_kind_name(checksum.kind),
		 checksum.hex);
	return 0;
}

static int enter_register(const struct principal *p, struct dr_err *err)
{
	enum policy_verdict verdict;

	if (policy_enter(p, VERB_REGISTER, err) < 0)
		return -1;
	verdict = policy_verdict(policy_actor(p, p->account), VERB_REGISTER, NULL);
	return verdict == POLICY_ALLOW && p->account[0] ? 0 : policy_not_found(err);
}

int library_image_register(struct library *l, const struct principal *p,
			   const struct image_request *rq, struct image *ret, struct problems *pr,
			   struct dr_err *err)
{
	struct image img;
	struct job job;

	if (enter_register(p, err) < 0)
		return -1;
	check_image(pr, rq);
	if (check_source(pr, l, rq, err) < 0 || problems_verdict(pr, err) < 0)
		return -1;
	fill_image(l, p, rq, &img);
	if (fill_job(rq, &job, err) < 0 ||
	    catalogue_image_register_within(l->catalogue, &img, &job, l->limits.stored_bytes, err) <
		    0)
		return -1;
	wake_jobs(l);
	*ret = img;
	return 0;
}

/* ---- show and list ---- */

int library_image_show(struct library *l, const struct principal *p, const char *id,
		       struct image *ret, struct dr_err *err)
{
	int rc = find(l, p, VERB_SHOW, id, ret, err);

	if (rc > 0)
		policy_redact(ret);
	if (rc < 0)
		return -1;
	if (ret->status != IMAGE_CREATING)
		return 0;
	return catalogue_job_place(l->catalogue, id, dr_wall(), l->limits.imports_per_account,
				   &ret->waits_for, &ret->queue_position, err);
}

/* listing: the query a principal's filter stands for. */
static int listing(const struct principal *p, const struct image_query *filter,
		   struct image_query *ret, enum policy_verb *ret_verb, struct dr_err *err)
{
	*ret = *filter;
	if (filter->status && strcmp(filter->status, "deleted") == 0)
		ret->own_deleted = true;
	*ret_verb = ret->own_deleted ? VERB_LIST_DELETED : VERB_LIST;
	ret->account = p->account;
	ret->with_public = true;
	if (p->kind == PRINCIPAL_OPERATOR && !p->account[0])
		ret->account = NULL;
	return policy_enter(p, *ret_verb, err);
}

/* judge: the rows a principal may see, as it may see them. The query has left out the others
 * already; what decides is the table. */
static size_t judge(const struct principal *p, enum policy_verb verb, struct image *rows, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		enum policy_verdict verdict =
			policy_verdict(policy_actor(p, rows[i].account), verb, &rows[i]);

		if (verdict != POLICY_ALLOW && verdict != POLICY_ALLOW_REDACTED)
			continue;
		if (verdict == POLICY_ALLOW_REDACTED)
			policy_redact(&rows[i]);
		if (kept != i)
			rows[kept] = rows[i];
		kept++;
	}
	return kept;
}

int library_image_list(struct library *l, const struct principal *p,
		       const struct image_query *filter, struct image **ret, size_t *ret_n,
		       struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	struct image_query q;
	enum policy_verb verb;

	if (listing(p, filter, &q, &verb, err) < 0)
		return -1;
	if (catalogue_image_list(l->catalogue, &q, ret, ret_n, &e) < 0) {
		if (e.code == DR_NOT_FOUND) /* the marker */
			return policy_not_found(err);
		*err = e;
		return -1;
	}
	*ret_n = judge(p, verb, *ret, *ret_n);
	return 0;
}

int library_image_list_version(struct library *l, const struct principal *p,
			       const struct image_query *filter, char ret[static 64],
			       struct dr_err *err)
{
	struct image_query q;
	enum policy_verb verb;

	if (listing(p, filter, &q, &verb, err) < 0)
		return -1;
	return catalogue_image_version(l->catalogue, &q, ret, err);
}

/* ---- changes ---- */

struct change {
	enum policy_verb verb;
	/* apply: judge what goes beyond the verb, then change the row in memory. */
	int (*apply)(const struct principal *p, const struct change *ch, struct image *img,
		     struct dr_err *err);
	const struct image_request *rq;
	const char *text;
	bool on;
};

/* change: read, judge, write; again when somebody else wrote between. */
static int change(struct library *l, const struct principal *p, const char *id,
		  const struct change *ch, struct image *ret, struct dr_err *err)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		struct dr_err e = DR_ERR_INIT;
		enum image_status was;

		if (find(l, p, ch->verb, id, ret, err) < 0)
			return -1;
		was = ret->status;
		if (ch->apply(p, ch, ret, err) < 0) {
			*ret = (struct image){0};
			return -1;
		}
		if (catalogue_image_update(l->catalogue, ret, was, &e) == 0) {
			ret->revision++;
			return 0;
		}
		if (e.code != DR_CONFLICT) {
			*err = e;
			return -1;
		}
	}
	return dr_fail(err, DR_BUSY, "The image is being changed by others; try again");
}

static void apply_members(const struct image_request *rq, struct image *img)
{
	if (rq->given & IMG_NAME)
		/* never empty: clients sort by it (api.md section 3.1) */
		dr_copy(img->name, sizeof(img->name), rq->name && rq->name[0] ? rq->name : img->id);
	if (rq->given & IMG_DESCRIPTION)
		dr_copy(img->description, sizeof(img->description),
			rq->description ? rq->description : "");
	if (rq->given & IMG_USERNAME)
		dr_copy(img->username, sizeof(img->username), rq->username ? rq->username : "");
	if (rq->given & IMG_ARCH)
		dr_copy(img->arch, sizeof(img->arch), rq->arch);
	if (rq->given & IMG_MODE)
		img->compatibility_mode = rq->compatibility_mode;
	if (rq->given & IMG_MIN_RAM)
		img->min_ram = rq->min_ram;
}

static int apply_update(const struct principal *p, const struct change *ch, struct image *img,
			struct dr_err *err)
{
	const struct image_request *rq = ch->rq;

	if ((rq->given & IMG_PUBLIC) && policy_decide(p, VERB_PUBLISH, img, err) < 0)
		return -1;
	if ((rq->given & IMG_STATUS) && policy_decide(p, VERB_DEPRECATE, img, err) < 0)
		return -1;
	apply_members(rq, img);
	if (rq->given & IMG_PUBLIC)
		img->public = rq->public;
	if (rq->given & IMG_STATUS)
		img->status =
			strcmp(rq->status, "deprecated") == 0 ? IMAGE_DEPRECATED : IMAGE_AVAILABLE;
	return 0;
}

int library_image_update(struct library *l, const struct principal *p, const char *id,
			 const struct image_request *rq, struct image *ret, struct problems *pr,
			 struct dr_err *err)
{
	const struct change ch = {.verb = VERB_UPDATE, .apply = apply_update, .rq = rq};

	/* whether they may at all comes before what is wrong with their wish */
	if (find(l, p, VERB_UPDATE, id, ret, err) < 0)
		return -1;
	check_image(pr, rq);
	if (problems_verdict(pr, err) < 0)
		return -1;
	return rq->given ? change(l, p, id, &ch, ret, err) : 0;
}

static int apply_lock(const struct principal *p, const struct change *ch, struct image *img,
		      struct dr_err *err)
{
	(void)p;
	(void)err;
	img->locked = ch->on;
	return 0;
}

int library_image_lock(struct library *l, const struct principal *p, const char *id, bool locked,
		       struct image *ret, struct dr_err *err)
{
	const struct change ch = {.verb = VERB_LOCK, .apply = apply_lock, .on = locked};

	return change(l, p, id, &ch, ret, err);
}

int library_image_destroy(struct library *l, const struct principal *p, const char *id,
			  struct image *ret, struct dr_err *err)
{
	if (find(l, p, VERB_DESTROY, id, ret, err) < 0 ||
	    catalogue_image_delete(l->catalogue, id, err) < 0)
		return -1;
	wake_jobs(l);
	return catalogue_image_get(l->catalogue, id, ret, err);
}

/* ---- the operator's ---- */

static int operate(struct library *l, const char *id, const struct change *ch, struct dr_err *err)
{
	const struct principal admin = {.kind = PRINCIPAL_OPERATOR};
	struct image img;

	return change(l, &admin, id, ch, &img, err);
}

static int apply_official(const struct principal *p, const struct change *ch, struct image *img,
			  struct dr_err *err)
{
	(void)p;
	(void)err;
	img->official = ch->on;
	if (ch->on) /* official images are public (api.md section 8) */
		img->public = true;
	return 0;
}

int library_image_set_official(struct library *l, const char *id, bool official, struct dr_err *err)
{
	const struct change ch = {
		.verb = VERB_SET_OFFICIAL, .apply = apply_official, .on = official};

	return operate(l, id, &ch, err);
}

static int apply_licence(const struct principal *p, const struct change *ch, struct image *img,
			 struct dr_err *err)
{
	(void)p;
	if (!dr_copy(img->licence_name, sizeof(img->licence_name), ch->text) ||
	    !dr_text_valid(ch->text, strlen(ch->text)))
		return dr_fail(err, DR_INVALID, "a licence name has at most %zu bytes of text",
			       sizeof(img->licence_name) - 1);
	return 0;
}

int library_image_set_licence(struct library *l, const char *id, const char *name,
			      struct dr_err *err)
{
	const struct change ch = {
		.verb = VERB_SET_OFFICIAL, .apply = apply_licence, .text = name ? name : ""};

	return operate(l, id, &ch, err);
}
