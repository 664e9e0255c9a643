/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of clauses' names are those of "Static large objects" in Swift's API guide. */
#include "orbit/slo.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

#include "util/checked.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

void slo_done(struct slo *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->segments[i].path);
	free(m->segments);
	*m = (struct slo){0};
}

/* ---- what both forms have ---- */

/* set_path: false when it is no "container/object". */
static bool set_path(struct slo_segment *s, const char *path)
{
	const char *slash;

	while (*path == '/')
		path++;
	slash = strchr(path, '/');
	if (!slash || slash[1] == 0)
		return false;
	s->path = strdup(path);
	if (!s->path)
		return false;
	s->container_len = (size_t)(slash - path);
	s->object = s->path + s->container_len + 1;
	return true;
}

/* text_of: a JSON string without a NUL inside; NULL otherwise. */
static const char *text_of(const json_t *v)
{
	const char *text = json_string_value(v);

	return text && strlen(text) == json_string_length(v) ? text : NULL;
}

/* parse_range: one range of RFC 9110 section 14.1.1: "0-99", "100-", "-100". */
static bool parse_range(const char *text, uint64_t *first, uint64_t *last)
{
	const char *dash = strchr(text, '-');
	char from[24];

	*first = *last = UINT64_MAX;
	if (!dash || (size_t)(dash - text) >= sizeof from)
		return false;
	snprintf(from, sizeof from, "%.*s", (int)(dash - text), text);
	if (from[0] && !dr_parse_u64(from, 0, INT64_MAX, first))
		return false;
	if (dash[1] && !dr_parse_u64(dash + 1, 0, INT64_MAX, last))
		return false;
	return (from[0] || dash[1]) && (!from[0] || *first <= *last);
}

bool slo_settle(struct slo_segment *s, uint64_t bytes)
{
	if (!s->ranged)
		return true;
	if (s->first == UINT64_MAX) {
		if (s->last == 0 || bytes == 0)
			return false;
		s->first = bytes > s->last ? bytes - s->last : 0;
		s->last = bytes - 1;
	}
	if (s->first >= bytes)
		return false;
	if (s->last >= bytes)
		s->last = bytes - 1;
	s->ranged = s->first > 0 || s->last < bytes - 1;
	return true;
}

uint64_t slo_length(const struct slo_segment *s)
{
	return s->ranged ? s->last - s->first + 1 : s->bytes;
}

int slo_etag(const struct slo *m, char ret[static MD5_TEXT], struct dr_err *err)
{
	DR_CLEANUP(hash_freep) struct hash *md5 = NULL;
	char text[MD5_TEXT + 48], hex[HASH_MAX_HEX];

	if (hash_new(&md5, HASH_MD5, err) < 0)
		return -1;
	for (size_t i = 0; i < m->count; i++) {
		const struct slo_segment *s = &m->segments[i];

		if (s->ranged)
			snprintf(text, sizeof text, "%s:%llu-%llu;", s->etag,
				 (unsigned long long)s->first, (unsigned long long)s->last);
		else
			snprintf(text, sizeof text, "%s", s->etag);
		hash_update(md5, text, strlen(text));
	}
	hash_final_hex(md5, hex);
	memcpy(ret, hex, MD5_TEXT);
	return 0;
}

/* ---- what clients put ---- */

static bool known_keys(json_t *v)
{
	static const char *const keys[] = {"path", "etag", "size_bytes", "range"};
	const char *key;
	json_t *value;
	size_t k;

	json_object_foreach(v, key, value)
	{
		for (k = 0; k < sizeof keys / sizeof *keys && strcmp(key, keys[k]) != 0; k++)
			;
		if (k == sizeof keys / sizeof *keys)
			return false;
	}
	return true;
}

static bool set_size(struct slo_segment *s, const json_t *v)
{
	s->bytes = UINT64_MAX;
	if (!v || json_is_null(v))
		return true;
	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		s->bytes = (uint64_t)json_integer_value(v);
		return true;
	}
	return text_of(v) && dr_parse_u64(text_of(v), 0, INT64_MAX, &s->bytes);
}

static bool set_range(struct slo_segment *s, const json_t *v)
{
	if (!v || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0))
		return true;
	s->ranged = true;
	return text_of(v) && parse_range(text_of(v), &s->first, &s->last);
}

/* Commas and brackets outside of strings. A segment has six at most. */
#define MARKS_PER_SEGMENT 16

/* crowded: the text has more values than so many segments can have. Parsed they would take up to
 * eighty times its length (measured with jansson 2.14). */
static bool crowded(const char *text, size_t len, size_t segments)
{
	bool quoted = false;
	size_t marks = 0;

	for (size_t i = 0; i < len; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == ',' || text[i] == '[' || text[i] == '{'))
			marks++;
	}
	return marks / MARKS_PER_SEGMENT > segments;
}

/* take: what is wrong with a segment; NULL: nothing. */
static const char *take(struct slo_segment *s, json_t *v, bool last)
{
	const json_t *etag = json_object_get(v, "etag");
	struct slo_segment settled;

	if (!json_is_object(v))
		return "not a JSON object";
	if (json_object_get(v, "data"))
		return "inline data is not supported";
	if (!json_object_get(v, "path"))
		return "expected keys to include path";
	if (!known_keys(v))
		return "extraneous keys";
	if (!text_of(json_object_get(v, "path")))
		return "\"path\" must be a string";
	if (!set_path(s, text_of(json_object_get(v, "path"))))
		return "path does not refer to an object. Path must be of the form "
		       "/container/object.";
	if (etag && !json_is_null(etag) && !text_of(etag))
		return "\"etag\" must be a string or null (if provided)";
	if (text_of(etag) && !dr_copy(s->etag, sizeof s->etag, text_of(etag)))
		return "\"etag\" is no MD5";
	if (!set_size(s, json_object_get(v, "size_bytes")))
		return "invalid size_bytes";
	if (s->bytes == 0 && !last)
		return "too small; each segment must be at least 1 byte.";
	if (!set_range(s, json_object_get(v, "range")))
		return "invalid range";
	settled = *s;
	if (s->bytes != UINT64_MAX && !slo_settle(&settled, s->bytes))
		return "unsatisfiable range";
	return NULL;
}

static int bad_manifest(const char *why, struct dr_err *err)
{
	return dr_refuse(err, DR_INVALID, "manifest", "%s", why);
}

static int too_many(size_t most, struct dr_err *err)
{
	return dr_refuse(err, DR_LIMIT, "too-large",
			 "Number of object-backed segments must be <= %zu", most);
}

static int parse_list(const char *text, size_t len, size_t most, struct slo *ret,
		      struct buf *ret_errors, struct dr_err *err)
{
	json_auto_t *list = json_loadb(text, len, 0, NULL);
	dr_slo m = {0};
	const char *wrong;
	size_t i, bad = 0;
	json_t *v;

	if (!list)
		return bad_manifest("Manifest must be valid JSON.", err);
	if (!json_is_array(list))
		return bad_manifest("Manifest must be a list.", err);
	if (json_array_size(list) > most)
		return too_many(most, err);
	m.segments = calloc(json_array_size(list) + 1, sizeof *m.segments);
	if (!m.segments)
		return dr_fail_nomem(err);
	json_array_foreach(list, i, v)
	{
		wrong = take(&m.segments[m.count++], v, i + 1 == json_array_size(list));
		if (wrong) {
			bad++;
			buf_printf(ret_errors, "Index %zu: %s\n", i, wrong);
		}
	}
	if (bad > 0)
		return bad_manifest("There are segments that cannot be", err);
	*ret = m;
	m = (struct slo){0};
	return 0;
}

int slo_parse(const char *text, size_t len, size_t most, struct slo *ret, struct buf *ret_errors,
	      struct dr_err *err)
{
	if (crowded(text, len, most))
		return too_many(most, err);
	return parse_list(text, len, most, ret, ret_errors, err);
}

/* ---- what is stored ---- */

static void print_time(int64_t us, char ret[static 64])
{
	const time_t t = (time_t)(us / 1000000);
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(ret, 64, "%04d-%02d-%02dT%02d:%02d:%02d.%06d", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us % 1000000));
}

static json_t *print_segment(const struct slo_segment *s)
{
	char when[64], range[48];
	json_t *v;

	print_time(s->modified_at, when);
	v = json_pack("{s:o, s:s, s:I, s:s, s:s}", "name", json_sprintf("/%s", s->path), "hash",
		      s->etag, "bytes", (json_int_t)s->bytes, "content_type", s->content_type,
		      "last_modified", when);
	if (!v)
		return NULL;
	if (s->ranged) {
		snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)s->first,
			 (unsigned long long)s->last);
		json_object_set_new(v, "range", json_string(range));
	}
	if (s->nested)
		json_object_set_new(v, "sub_slo", json_true());
	return v;
}

static int append(const char *text, size_t len, void *arg)
{
	buf_append(arg, text, len);
	return 0;
}

int slo_print(const struct slo *m, struct buf *ret, struct dr_err *err)
{
	json_auto_t *list = json_array();

	for (size_t i = 0; i < m->count; i++) {
		if (json_array_append_new(list, print_segment(&m->segments[i])) < 0)
			return dr_fail_nomem(err);
	}
	if (!list || json_dump_callback(list, append, ret, 0) < 0)
		return dr_fail_nomem(err);
	return buf_check(ret, err);
}

static bool read_segment(struct slo_segment *s, const json_t *v)
{
	const char *name = text_of(json_object_get(v, "name"));
	const char *hash = text_of(json_object_get(v, "hash"));
	const json_t *range = json_object_get(v, "range");
	const json_int_t bytes = json_integer_value(json_object_get(v, "bytes"));
	struct slo_segment settled;

	if (!name || !hash || bytes < 0 || !set_path(s, name) ||
	    !dr_copy(s->etag, sizeof s->etag, hash))
		return false;
	s->bytes = (uint64_t)bytes;
	s->nested = json_is_true(json_object_get(v, "sub_slo"));
	if (!range)
		return true;
	if (!set_range(s, range) || !s->ranged || s->first == UINT64_MAX || s->last >= s->bytes)
		return false;
	settled = *s;
	return slo_settle(&settled, s->bytes) && settled.ranged;
}

int slo_read(const char *text, size_t len, struct slo *ret, struct dr_err *err)
{
	json_auto_t *list = json_loadb(text, len, 0, NULL);
	dr_slo m = {0};
	uint64_t sum = 0;
	size_t i;
	json_t *v;

	if (!json_is_array(list))
		return dr_fail(err, DR_CORRUPT, "a stored manifest is no list");
	m.segments = calloc(json_array_size(list) + 1, sizeof *m.segments);
	if (!m.segments)
		return dr_fail_nomem(err);
	json_array_foreach(list, i, v)
	{
		struct slo_segment *s = &m.segments[m.count++];

		if (!read_segment(s, v) || !dr_add_u64(sum, slo_length(s), &sum))
			return dr_fail(err, DR_CORRUPT, "a stored manifest is damaged");
	}
	*ret = m;
	m = (struct slo){0};
	return 0;
}
