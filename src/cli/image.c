/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image.h"

#include <inttypes.h>
#include <string.h>

#include "cli/text.h"
#include "util/str.h"

#include "util/banned.h"

#define BYTES_MAX 1e18

static bool flag(const json_t *image, const char *name)
{
	return json_is_true(json_object_get(image, name));
}

const char *image_status(const json_t *image)
{
	const char *status = view_text(image, "status");

	if (dr_streq(status, "available"))
		return flag(image, "public") ? "public" : "private";
	return status;
}

const char *image_type(const json_t *image)
{
	return flag(image, "official") ? "official" : view_text(image, "source_type");
}

const char *image_owner(const json_t *image)
{
	return flag(image, "official") ? "brightbox" : view_text(image, "owner");
}

static void put_status(const json_t *image, struct buf *out)
{
	text_clean(out, image_status(image));
}

static void put_type(const json_t *image, struct buf *out)
{
	text_clean(out, image_type(image));
}

static void put_owner(const json_t *image, struct buf *out)
{
	text_clean(out, image_owner(image));
}

static void put_created_on(const json_t *image, struct buf *out)
{
	text_day(out, view_text(image, "created_at"));
}

static void put_created_at(const json_t *image, struct buf *out)
{
	text_minute(out, view_text(image, "created_at"));
}

static void put_size(const json_t *image, struct buf *out)
{
	view_member(image, "virtual_size", out);
}

static void put_name(const json_t *image, struct buf *out)
{
	text_clean(out, view_text(image, "name"));
	buf_puts(out, " (");
	text_clean(out, view_text(image, "arch"));
	buf_putc(out, ')');
}

static void put_locked(const json_t *image, struct buf *out)
{
	buf_puts(out, flag(image, "locked") ? "true" : "false");
}

static void put_ancestor(const json_t *image, struct buf *out)
{
	view_member(json_object_get(image, "ancestor"), "id", out);
}

static void put_min_ram(const json_t *image, struct buf *out)
{
	buf_printf(out, "%" JSON_INTEGER_FORMAT, view_number(image, "min_ram"));
}

static uint64_t bytes_member(const json_t *progress, const char *name, uint64_t otherwise)
{
	double v = json_number_value(json_object_get(progress, name));

	if (!json_is_number(json_object_get(progress, name)) || !(v >= 0 && v < BYTES_MAX))
		return otherwise;
	return (uint64_t)v;
}

/* put_phase: "download"; "queued, 3 before it"; "queued, next". */
static void put_phase(struct buf *out, const json_t *progress)
{
	const char *phase = view_text(progress, "phase");
	uint64_t position = bytes_member(progress, "position", 0);

	if (dr_streq(view_text(progress, "waits_for"), "retry"))
		buf_puts(out, "waiting to try again");
	else if (position > 1)
		buf_printf(out, "queued, %" PRIu64 " before it", position - 1);
	else if (position == 1)
		buf_puts(out, "queued, next");
	else
		buf_puts(out, *phase ? phase : "creating");
}

void image_progress(const json_t *image, struct buf *phase, struct progress_state *ret)
{
	const json_t *progress = json_object_get(image, "progress");

	put_phase(phase, progress);
	*ret = (struct progress_state){
		.phase = buf_str(phase),
		.done = bytes_member(progress, "bytes_done", 0),
		.total = bytes_member(progress, "bytes_total", PROGRESS_UNKNOWN),
		.rate = bytes_member(progress, "rate", 0),
	};
}

static void put_progress(const json_t *image, struct buf *out)
{
	dr_autobuf struct buf phase = BUF_INIT;
	dr_autobuf struct buf note = BUF_INIT;
	struct progress_state st;

	if (!json_is_object(json_object_get(image, "progress")))
		return;
	image_progress(image, &phase, &st);
	progress_note(&note, NULL, &st);
	text_clean(out, buf_str(&note));
}

static const struct field columns[] = {
	{"id", NULL, false},           {"owner", put_owner, false},
	{"type", put_type, false},     {"created_on", put_created_on, false},
	{"status", put_status, false}, {"size", put_size, false},
	{"name", put_name, false},
};

static const struct field fields[] = {
	{"id", NULL, false},
	{"type", put_type, false},
	{"owner", put_owner, false},
	{"created_at", put_created_at, false},
	{"status", put_status, false},
	{"locked", put_locked, false},
	{"arch", NULL, false},
	{"name", put_name, false},
	{"description", NULL, false},
	{"username", NULL, false},
	{"virtual_size", NULL, false},
	{"disk_size", NULL, false},
	{"public", NULL, false},
	{"compatibility_mode", NULL, false},
	{"official", NULL, false},
	{"ancestor_id", put_ancestor, false},
	{"licence_name", NULL, false},
	{"min_ram", put_min_ram, false},
	/* Beyond the seed's: how far it is, why it failed, and what the bytes are. */
	{"progress", put_progress, true},
	{"status_reason", NULL, true},
	{"digest", NULL, true},
	{"checksum", NULL, true},
	{"source_format", NULL, true},
};

const struct field_list image_columns = FIELDS(columns);
const struct field_list image_fields = FIELDS(fields);

bool image_matches(const json_t *image, const struct image_filter *filter)
{
	bool official = flag(image, "official");
	const char *owner = view_text(image, "owner");

	if (filter->type && !dr_streq(filter->type, image_type(image)))
		return false;
	if (filter->status && !dr_streq(filter->status, image_status(image)))
		return false;
	if (filter->owner && dr_streq(filter->owner, "brightbox") && !official)
		return false;
	if (filter->owner && !dr_streq(filter->owner, "brightbox") &&
	    !dr_streq(filter->owner, owner))
		return false;
	return !filter->account || official || dr_streq(filter->account, owner);
}

static int status_rank(const json_t *image)
{
	const char *status = view_text(image, "status");

	if (dr_streq(status, "available"))
		return flag(image, "public") ? 1 : 2;
	return dr_streq(status, "deprecated") ? 3 : 4;
}

static int order(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int image_compare(const json_t *a, const json_t *b)
{
	bool a_snapshot = dr_streq(view_text(a, "source_type"), "snapshot");
	bool b_snapshot = dr_streq(view_text(b, "source_type"), "snapshot");
	int64_t a_age = resource_age(a), b_age = resource_age(b);
	int by;

	if (a_snapshot || b_snapshot) {
		by = order(a_snapshot, b_snapshot);
		return by ? by : order(a_age, b_age);
	}
	by = order(flag(b, "official"), flag(a, "official"));
	by = by ? by : strcmp(view_text(a, "name"), view_text(b, "name"));
	by = by ? by : strcmp(view_text(a, "arch"), view_text(b, "arch"));
	by = by ? by : status_rank(a) - status_rank(b);
	return by ? by : order(b_age, a_age);
}
