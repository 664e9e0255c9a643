/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request may say (hardening.md section 1.5, api.md sections 2.1 and 8). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "library/library_internal.h"
#include "transport/checksum.h"
#include "transport/policy.h"
#include "transport/url.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define MIN_RAM_MIB ((uint64_t)1 << 24) /* 16 TiB */
#define NAME_PART 200

void problem(struct problems *pr, const char *fmt, ...)
{
	va_list ap;

	if (pr->count == sizeof(pr->text) / sizeof(pr->text[0]))
		return;
	va_start(ap, fmt);
	vsnprintf(pr->text[pr->count], sizeof(pr->text[0]), fmt, ap);
	va_end(ap);
	pr->count++;
}

int problems_verdict(const struct problems *pr, struct dr_err *err)
{
	return pr->count ? dr_fail(err, DR_INVALID, "%s", pr->text[0]) : 0;
}

/* characters: code points of a text that is known to be UTF-8. */
static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xC0) != 0x80;
	return n;
}

void check_name(struct problems *pr, const char *member, const char *text)
{
	if (!dr_text_valid(text, strlen(text)))
		problem(pr, "%s must be UTF-8 text without control characters", member);
	else if (characters(text) > NAME_CHARACTERS)
		problem(pr, "%s must not be longer than %d characters", member, NAME_CHARACTERS);
}

static bool is_line_character(char c)
{
	return c == '\t' || c == '\r' || c == '\n';
}

/* valid_lines: a valid text once tabs and line ends are taken out. */
static bool valid_lines(const char *text)
{
	while (*text) {
		size_t n = 0;

		while (text[n] && !is_line_character(text[n]))
			n++;
		if (!dr_text_valid(text, n))
			return false;
		text += n;
		text += *text != 0;
	}
	return true;
}

void check_text(struct problems *pr, const char *member, const char *text, size_t max, bool lines)
{
	size_t len = strlen(text);

	if (len > max)
		problem(pr, "%s must not be longer than %zu bytes", member, max);
	else if (lines ? !valid_lines(text) : !dr_text_valid(text, len))
		problem(pr, "%s must be UTF-8 text without control characters", member);
}

void check_email(struct problems *pr, const char *text)
{
	const char *at = strchr(text, '@');
	size_t len = strlen(text);

	if (len >= EMAIL_TEXT || !dr_text_valid(text, len) || strchr(text, ' ') || !at ||
	    at == text || !at[1] || strchr(at + 1, '@'))
		problem(pr, "email_address is not an e-mail address");
}

void check_image(struct problems *pr, const struct image_request *rq)
{
	if ((rq->given & IMG_NAME) && rq->name)
		check_name(pr, "name", rq->name);
	if ((rq->given & IMG_DESCRIPTION) && rq->description)
		check_text(pr, "description", rq->description, DESCRIPTION_BYTES, true);
	if ((rq->given & IMG_USERNAME) && rq->username)
		check_text(pr, "username", rq->username, 255, false);
	if ((rq->given & IMG_ARCH) &&
	    !(rq->arch && (strcmp(rq->arch, "x86_64") == 0 || strcmp(rq->arch, "i686") == 0)))
		problem(pr, "arch must be x86_64 or i686");
	if ((rq->given & IMG_MIN_RAM) && rq->min_ram > MIN_RAM_MIB)
		problem(pr, "min_ram must not be more than %llu MiB",
			(unsigned long long)MIN_RAM_MIB);
	if ((rq->given & IMG_STATUS) && !(rq->status && (strcmp(rq->status, "available") == 0 ||
							 strcmp(rq->status, "deprecated") == 0)))
		problem(pr, "status can only be set to available or deprecated");
}

/* ---- sources ---- */

static int build_policy(const struct library *l, struct transport_policy *p, struct dr_err *err)
{
	for (const char *const *r = l->import_allow; r && *r; r++) {
		if (transport_policy_allow(p, *r, err) < 0)
			return -1;
	}
	for (const char *const *r = l->import_deny; r && *r; r++) {
		if (transport_policy_deny(p, *r, err) < 0)
			return -1;
	}
	p->nat64 = l->import_nat64;
	if (l->import_ports && transport_policy_set_ports(p, l->import_ports, err) < 0)
		return -1;
	return transport_policy_deny_own(p, err);
}

/* check_url: for a good sentence now; the defence is at the connection (hardening.md section 2.1),
 * and for URLs of our own at the signature.
 */
static int check_url(struct problems *pr, const struct library *l, const char *url,
		     struct dr_err *err)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy policy;
	struct transport_url u;
	struct dr_err e = DR_ERR_INIT;

	transport_policy_init(&policy);
	if (build_policy(l, &policy, &e) < 0) {
		/* the operator's words, not the tenant's */
		return dr_fail(err, DR_IO, "the address policy: %s", e.msg);
	}
	if (transport_url_parse(&u, url, &e) == 0 &&
	    (transport_url_within(&u, l->public_url, "/v1/") ||
	     transport_url_permit(&u, &policy, &e) == 0))
		return 0;
	if (e.code != DR_INVALID && e.code != DR_DENIED) {
		*err = e;
		return -1;
	}
	problem(pr, "http_url: %s", e.msg);
	return 0;
}

int check_source(struct problems *pr, const struct library *l, const struct image_request *rq,
		 struct dr_err *err)
{
	int sources = !!rq->http_url + !!rq->server + !!rq->volume + !!rq->legacy_source;
	struct transport_checksum checksum;
	struct dr_err e = DR_ERR_INIT;

	if (sources != 1)
		problem(pr, "exactly one of http_url, server and volume must be given");
	if (rq->server)
		problem(pr, "server: registering from a server is not available in this version");
	if (rq->volume)
		problem(pr, "volume: registering from a volume is not available in this version");
	if (rq->legacy_source)
		problem(pr, "source: the incoming area is retired; use http_url");
	if (rq->checksum && transport_checksum_parse(&checksum, rq->checksum, &e) < 0)
		problem(pr, "checksum: %s", e.msg);
	return rq->http_url ? check_url(pr, l, rq->http_url, err) : 0;
}

void name_from_url(const char *url, int64_t now, char ret[static NAME_TEXT])
{
	const char *start = strstr(url, "://");
	char date[DR_TIME_TEXT];
	size_t len;
	size_t end;

	/* the last component of the path that is not empty; of the host when there is no path */
	start = start ? start + 3 : url;
	end = strcspn(start, "?#");
	while (end > 0 && start[end - 1] == '/')
		end--;
	len = end;
	while (len > 0 && start[len - 1] != '/')
		len--;
	start += len;
	len = end - len;
	if (len > NAME_PART)
		len = NAME_PART;
	dr_time_iso(now, date); /* 2023-01-03T13:08:05Z */
	snprintf(ret, NAME_TEXT, "%.*s %.10s %.5s", (int)len, start, date, date + 11);
}
