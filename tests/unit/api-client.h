/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to a front over the tenants of library-fixture.h, without a network. */
#ifndef DR_TESTS_API_CLIENT_H
#define DR_TESTS_API_CLIENT_H

#include "http-message.h"
#include "library-fixture.h"

typedef void front(struct library *l, struct http_request *rq, struct http_response *rs);

struct reply {
	unsigned status;
	char allow[64], location[256], challenge[64], etag[160], type[64], range[64], extra[256];
	uint64_t length; /* of a streamed body; else of text */
	char text[1 << 20];
};

/* give_token: a token that is the name of its bearer. */
static inline void give_token(struct tenants *t, const char *token, const struct principal *p,
			      bool infrastructure, bool orbit, int64_t expires_at)
{
	struct token row = {.scope_infrastructure = infrastructure,
			    .scope_orbit = orbit,
			    .expires_at = expires_at};
	struct digest d;

	memcpy(row.account, p->account, sizeof row.account);
	memcpy(row.client, p->client, sizeof row.client);
	memcpy(row.user, p->user, sizeof row.user);
	if (row.user[0])
		row.account[0] = 0;
	digest_of(token, strlen(token), &d);
	must(catalogue_token_create(t->f.c, &d, NULL, &row, &err));
}

static inline void give_tokens(struct tenants *t)
{
	const int64_t later = dr_wall() + 3600;

	give_token(t, "client-a", &t->client_a, true, true, later);
	give_token(t, "client-b", &t->client_b, true, true, later);
	give_token(t, "user-a", &t->user_a, true, true, later);
	give_token(t, "storage-a", &t->storage_a, true, true, later);
	give_token(t, "orbit-a", &t->client_a, false, true, later);
	give_token(t, "compute-a", &t->client_a, true, false, later);
	give_token(t, "expired-a", &t->client_a, true, true, dr_wall() - 10);
}

static inline void keep_field(const struct http_response *rs, const char *name, char *ret,
			      size_t size)
{
	const char *v = response_field(rs, name);

	snprintf(ret, size, "%s", v ? v : "");
}

/* call: `headers` as for request_new(), after the token's. */
static inline void call(struct tenants *t, front *handle, const char *token, const char *header,
			const char *method, const char *target, const char *body, struct reply *ret)
{
	struct http_response rs = {0};
	struct http_request *rq;
	char lines[1024];

	snprintf(lines, sizeof lines, "Host: h\n%s%s%s%s", token ? header : "", token ? token : "",
		 token ? "\n" : "", ret->extra);
	rq = request_new(method, target, lines, NULL);
	assert_non_null(rq);
	rq->body.max = 65536;
	buf_puts(&rq->body, body ? body : "");
	handle(&t->l, rq, &rs);
	memset(ret, 0, sizeof *ret);
	ret->status = rs.status;
	ret->length = rs.body.len;
	keep_field(&rs, "Allow", ret->allow, sizeof ret->allow);
	keep_field(&rs, "Location", ret->location, sizeof ret->location);
	keep_field(&rs, "WWW-Authenticate", ret->challenge, sizeof ret->challenge);
	keep_field(&rs, "Etag", ret->etag, sizeof ret->etag);
	keep_field(&rs, "Content-Type", ret->type, sizeof ret->type);
	keep_field(&rs, "Content-Range", ret->range, sizeof ret->range);
	assert_false(rs.broken);
	assert_true(rs.body.len < sizeof ret->text);
	memcpy(ret->text, buf_str(&rs.body), rs.body.len);
	if (rs.streamed)
		ret->length = rs.stream.length;
	response_done(&rs);
	request_free(rq);
}

#endif
