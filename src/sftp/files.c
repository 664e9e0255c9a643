/* SPDX-License-Identifier: Apache-2.0
 *
 * Names: containers are the directories of the root, slashes in objects' names make the others. A
 * directory is what something is below, or an empty object "dir/" of type application/directory,
 * which mkdir makes (Swift's tools make "dir"). */
#include <string.h>

#include "sftp/sftp_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define DIRECTORY_TYPE "application/directory"
#define TIME_NAME "X-Object-Meta-Mtime"
#define QUOTA_NAME "X-Account-Meta-Quota-Bytes"
#define NAMES_PER_ANSWER 100 /* of 1 KiB, twice, with attributes: below an SFTP packet's limit */
#define NO_QUOTA ((uint64_t)1 << 50)

int where_parse(struct where *ret, const char *path, struct dr_err *err)
{
	if (gate_path_clean(path, strlen(path), ret->path, err) < 0)
		return -1;
	ret->object = gate_path_split(ret->path, ret->container);
	return 0;
}

bool files_is_mark(const struct orbit_object *o)
{
	return o->bytes == 0 && dr_starts(o->row.content_type, DIRECTORY_TYPE);
}

int64_t files_time(const struct orbit_object *o)
{
	char text[64];
	int64_t t;

	if (meta_get(o->row.meta, TIME_NAME, text, sizeof text)) {
		text[strcspn(text, ".")] = 0;
		if (dr_parse_i64(text, 0, INT64_MAX, &t))
			return t;
	}
	return o->row.modified_at / 1000000;
}

/* ends_with: and what stands before is copied. */
static bool ends_with(const char *name, const char *end, char ret[static OBJECT_TEXT])
{
	const size_t n = strlen(name), k = strlen(end);

	if (n <= k || strcmp(name + n - k, end) != 0)
		return false;
	memcpy(ret, name, n - k);
	ret[n - k] = 0;
	return true;
}

int files_look(struct session *s, struct bench *b, const struct where *w,
	       struct orbit_reader **ret_reader, struct dr_err *err)
{
	enum orbit_form form = ORBIT_CONTENT;
	char image[OBJECT_TEXT];
	const char *name = w->object;

	if (strcmp(w->container, ORBIT_IMAGES) == 0) {
		if (ends_with(w->object, ".raw", image))
			form = ORBIT_RAW;
		else if (ends_with(w->object, ".qcow2", image))
			form = ORBIT_QCOW2;
		if (form != ORBIT_CONTENT)
			name = image;
	}
	return orbit_object_open(s->orbit, &s->caller, s->account, w->container, name, form,
				 &b->object, ret_reader, err);
}

static int first_name(void *arg, const struct listing_line *line, struct dr_err *err)
{
	(void)line, (void)err;
	++*(int *)arg;
	return 0;
}

/* count_below: how many names begin with the path and a slash; no more than `most` are counted. */
static int count_below(struct session *s, const struct where *w, int most, struct dr_err *err)
{
	dr_autobuf struct buf prefix = BUF_INIT;
	struct listing_query q = {.limit = (size_t)most, .now = dr_wall()};
	int n = 0;

	buf_printf(&prefix, "%s/", w->object);
	q.prefix = buf_str(&prefix);
	if (orbit_container_list(s->orbit, &s->caller, s->account, w->container, &q, first_name, &n,
				 err) < 0)
		return -1;
	return n;
}

int files_is_directory(struct session *s, const struct where *w, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	int n = count_below(s, w, 1, &e);

	/* Who may not list sees no directories. */
	if (n < 0 && (e.code == DR_DENIED || e.code == DR_NOT_FOUND))
		return 0;
	if (n < 0)
		*err = e;
	return n;
}

static int no_such_file(struct dr_err *err)
{
	return dr_fail(err, DR_NOT_FOUND, "No such file");
}

/* ---- looking ---- */

/* mark_time: when mkdir made it; 0 when only something below makes it a directory. */
static int64_t mark_time(struct session *s, struct bench *b, const struct where *w)
{
	dr_autobuf struct buf name = BUF_INIT;
	struct dr_err none = DR_ERR_INIT;

	buf_printf(&name, "%s/", w->object);
	if (orbit_object_open(s->orbit, &s->caller, s->account, w->container, buf_str(&name),
			      ORBIT_CONTENT, &b->object, NULL, &none) < 0)
		return 0;
	return files_time(&b->object);
}

static int stat_container(struct session *s, struct bench *b, const struct where *w,
			  struct gate_answer *ret, struct dr_err *err)
{
	ret->kind = GATE_DIRECTORY;
	if (!w->container[0])
		return 0;
	if (orbit_container_show(s->orbit, &s->caller, s->account, w->container, &b->container,
				 err) < 0)
		return -1;
	ret->mtime = b->container.row.modified_at / 1000000;
	return 0;
}

static int do_stat(struct session *s, struct bench *b, const struct where *w,
		   struct gate_answer *ret, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	int rc;

	if (!w->object[0])
		return stat_container(s, b, w, ret, err);
	if (files_look(s, b, w, NULL, &e) == 0) {
		ret->kind = files_is_mark(&b->object) ? GATE_DIRECTORY : GATE_FILE;
		if ((b->rq.flags & GATE_ENTER) && files_is_directory(s, w, err) > 0)
			ret->kind = GATE_DIRECTORY;
		ret->bytes = b->object.bytes;
		ret->mtime = files_time(&b->object);
		return 0;
	}
	if (e.code != DR_NOT_FOUND) {
		*err = e;
		return -1;
	}
	rc = files_is_directory(s, w, err);
	ret->kind = GATE_DIRECTORY;
	ret->mtime = rc > 0 ? mark_time(s, b, w) : 0;
	return rc > 0 ? 0 : rc < 0 ? -1 : no_such_file(err);
}

struct page {
	struct buf out; /* over bench.data */
	size_t prefix;  /* length of what every name begins with */
	bool root, show_times;
	size_t lines;
	struct gate_answer *answer;
};

/* shown: whether a name can be one in a directory. */
static bool shown(const char *name)
{
	return name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/');
}

static int put_line(void *arg, const struct listing_line *line, struct dr_err *err)
{
	struct page *page = arg;
	struct gate_entry e = {
		.kind = GATE_FILE, .bytes = line->bytes, .mtime = line->modified_at / 1000000};
	size_t n;

	(void)err;
	page->lines++;
	dr_copy(page->answer->message, sizeof page->answer->message, line->name);
	if (strlen(line->name) < page->prefix)
		return 0;
	dr_copy(e.name, sizeof e.name, line->name + page->prefix);
	n = strlen(e.name);
	if (line->subdir && n > 0)
		e.name[n - 1] = 0;
	if (page->root || line->subdir ||
	    (line->bytes == 0 && line->content_type &&
	     dr_starts(line->content_type, DIRECTORY_TYPE))) {
		e.kind = GATE_DIRECTORY;
		e.bytes = 0;
	}
	if (shown(e.name))
		gate_entry_format(&e, &page->out);
	return 0;
}

/* read_files: files show the time that was kept with them, and dynamic large objects the length of
 * what is read from them; a listing has neither. */
static void read_files(struct session *s, struct bench *b, const struct where *w, struct page *page)
{
	struct rd in = rd_init(page->out.p, page->out.len);
	struct buf out = BUF_INIT;
	struct where one;
	struct gate_entry e;

	while (rd_left(&in) > 0 && gate_entry_next(&in, &e)) {
		dr_autobuf struct buf path = BUF_INIT;
		struct dr_err none = DR_ERR_INIT;

		buf_printf(&path, "%s/%s", w->path, e.name);
		if (where_parse(&one, buf_str(&path), &none) == 0) {
			if (e.kind == GATE_DIRECTORY)
				e.mtime = mark_time(s, b, &one);
			else if (files_look(s, b, &one, NULL, &none) == 0) {
				e.mtime = files_time(&b->object);
				e.bytes = b->object.bytes;
			}
		}
		gate_entry_format(&e, &out);
	}
	buf_done(&page->out);
	page->out = out;
}

static int do_list(struct session *s, struct bench *b, const struct where *w,
		   struct gate_answer *ret, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	dr_autobuf struct buf prefix = BUF_INIT;
	struct listing_query q = {.limit = NAMES_PER_ANSWER, .now = dr_wall(), .delimiter = "/"};
	struct page page = {.out = BUF_INIT_MAX(GATE_DATA_BYTES), .answer = ret};
	dr_autobuf struct buf marker = BUF_INIT;
	int rc;

	buf_puts(&marker, b->rq.other);
	if (w->object[0])
		buf_printf(&prefix, "%s/", w->object);
	q.prefix = buf_str(&prefix);
	q.marker = buf_str(&marker);
	page.prefix = prefix.len;
	page.root = !w->container[0];
	if (page.root)
		q.delimiter = NULL;
	rc = page.root
		     ? orbit_account_list(s->orbit, &s->caller, s->account, &q, put_line, &page, &e)
		     : orbit_container_list(s->orbit, &s->caller, s->account, w->container, &q,
					    put_line, &page, &e);
	/* A client that may only enter what it was granted sees an empty root. */
	if (rc < 0 && !(page.root && e.code == DR_DENIED)) {
		buf_done(&page.out);
		*err = e;
		return -1;
	}
	if (!page.root && strcmp(w->container, ORBIT_IMAGES) != 0)
		read_files(s, b, w, &page);
	ret->more = page.lines == NAMES_PER_ANSWER;
	if (page.out.len > 0)
		memcpy(b->data, page.out.p, page.out.len);
	ret->data = b->data;
	ret->len = page.out.len;
	rc = buf_check(&page.out, err);
	buf_done(&page.out);
	return rc;
}

static int do_space(struct session *s, struct bench *b, struct gate_answer *ret, struct dr_err *err)
{
	char quota[32];
	uint64_t all;

	if (orbit_account_show(s->orbit, &s->caller, s->account, &b->account, err) < 0)
		return -1;
	all = s->orbit->account_bytes;
	if (meta_get(b->account.meta, QUOTA_NAME, quota, sizeof quota) &&
	    !dr_parse_u64(quota, 0, INT64_MAX, &all))
		all = 0;
	ret->used = b->account.bytes;
	ret->bytes = all ? dr_min_u64(all, INT64_MAX) : ret->used + NO_QUOTA;
	return 0;
}

/* ---- changing ---- */

int files_keep_time(struct session *s, struct bench *b, const struct where *w, int64_t mtime,
		    struct dr_err *err)
{
	dr_meta m = META_INIT;
	char text[32];
	struct orbit_put put = {
		.account = s->account, .container = w->container, .name = w->object};

	snprintf(text, sizeof text, "%lld", (long long)mtime);
	if (meta_parse(&m, b->object.row.meta, err) < 0 || meta_set(&m, TIME_NAME, text, err) < 0)
		return -1;
	put.meta = meta_text(&m);
	put.content_type = b->object.row.content_type;
	put.delete_at = b->object.row.delete_at;
	return orbit_object_post(s->orbit, &s->caller, &put, err);
}

static int do_set_time(struct session *s, struct bench *b, const struct where *w,
		       struct dr_err *err)
{
	if (!w->object[0])
		return dr_fail(err, DR_UNSUPPORTED, "a directory keeps no time");
	if (files_look(s, b, w, NULL, err) < 0)
		return -1;
	return files_keep_time(s, b, w, b->rq.mtime, err);
}

static int do_remove(struct session *s, struct bench *b, const struct where *w, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	struct orbit_deleted deleted;
	struct gate_answer what = {0};

	/* What may be written need not be readable: then it is removed unseen, as over HTTP. */
	if (do_stat(s, b, w, &what, &e) < 0 && e.code != DR_DENIED) {
		*err = e;
		return -1;
	}
	if (what.kind == GATE_DIRECTORY)
		return dr_fail(err, DR_CONFLICT, "is a directory");
	return orbit_object_delete(s->orbit, &s->caller, s->account, w->container, w->object, false,
				   &deleted, err);
}

static int put_mark(struct session *s, const struct where *w, struct bench *b, struct dr_err *err)
{
	dr_autobuf struct buf name = BUF_INIT;
	struct orbit_put put = {.account = s->account,
				.container = w->container,
				.length = 0,
				.content_type = DIRECTORY_TYPE};
	struct orbit_upload *u = NULL;

	buf_printf(&name, "%s/", w->object);
	put.name = buf_str(&name);
	if (orbit_upload_begin(s->orbit, &s->caller, &put, &u, err) < 0)
		return -1;
	return orbit_upload_finish(u, &b->object, err);
}

static int exists(struct dr_err *err)
{
	return dr_fail(err, DR_CONFLICT, "it exists already");
}

static int do_mkdir(struct session *s, struct bench *b, const struct where *w, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	struct gate_answer what = {0};
	int rc;

	if (!w->container[0])
		return exists(err);
	if (!w->object[0]) {
		if (stat_container(s, b, w, &what, &e) == 0)
			return exists(err);
		rc = orbit_container_put(s->orbit, &s->caller, s->account, w->container, "", err);
		return rc == 0 ? exists(err) : rc;
	}
	if (do_stat(s, b, w, &what, &e) == 0)
		return exists(err);
	if (e.code != DR_NOT_FOUND && e.code != DR_DENIED) {
		*err = e;
		return -1;
	}
	return put_mark(s, w, b, err);
}

static int do_rmdir(struct session *s, struct bench *b, const struct where *w, struct dr_err *err)
{
	dr_autobuf struct buf mark = BUF_INIT;
	struct dr_err e = DR_ERR_INIT;
	struct orbit_deleted deleted;
	int below;

	if (!w->container[0])
		return dr_fail(err, DR_DENIED, "the root stays");
	if (!w->object[0])
		return orbit_container_delete(s->orbit, &s->caller, s->account, w->container, err);
	below = count_below(s, w, 2, err);
	if (below < 0)
		return -1;
	buf_printf(&mark, "%s%s", w->object, below > 0 ? "/" : "");
	if (orbit_object_open(s->orbit, &s->caller, s->account, w->container, buf_str(&mark),
			      ORBIT_CONTENT, &b->object, NULL, &e) < 0 ||
	    !files_is_mark(&b->object) || below > 1)
		return below > 0 ? dr_fail(err, DR_CONFLICT, "the directory is not empty")
				 : no_such_file(err);
	return orbit_object_delete(s->orbit, &s->caller, s->account, w->container, buf_str(&mark),
				   false, &deleted, err);
}

/* rename_directory: of a container, or of everything below a prefix. Neither replaces. */
static int rename_directory(struct session *s, struct bench *b, const struct where *from,
			    const struct where *to, struct dr_err *err)
{
	dr_autobuf struct buf old_prefix = BUF_INIT;
	dr_autobuf struct buf new_prefix = BUF_INIT;
	struct dr_err e = DR_ERR_INIT;
	struct gate_answer what = {0};

	if (!from->object[0] != !to->object[0] ||
	    (from->object[0] && strcmp(from->container, to->container) != 0))
		return dr_fail(err, DR_UNSUPPORTED, "a directory stays in its container");
	if (do_stat(s, b, to, &what, &e) == 0)
		return exists(err);
	if (!from->object[0])
		return orbit_container_rename(s->orbit, &s->caller, s->account, from->container,
					      to->container, err);
	buf_printf(&old_prefix, "%s/", from->object);
	buf_printf(&new_prefix, "%s/", to->object);
	if (dr_starts(buf_str(&new_prefix), buf_str(&old_prefix)))
		return dr_fail(err, DR_INVALID, "a directory cannot be moved into itself");
	return orbit_prefix_rename(s->orbit, &s->caller, s->account, from->container,
				   buf_str(&old_prefix), buf_str(&new_prefix), err);
}

static int do_rename(struct session *s, struct bench *b, const struct where *from,
		     struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	struct gate_answer what = {0};
	struct where to;

	if (where_parse(&to, b->rq.other, err) < 0 || do_stat(s, b, from, &what, err) < 0)
		return -1;
	if (!from->container[0] || !to.container[0])
		return dr_fail(err, DR_DENIED, "the root stays");
	if (strcmp(from->path, to.path) == 0)
		return 0;
	if (what.kind == GATE_DIRECTORY)
		return rename_directory(s, b, from, &to, err);
	if (!to.object[0])
		return dr_fail(err, DR_UNSUPPORTED, "only directories stand in the root");
	if (do_stat(s, b, &to, &what, &e) == 0 &&
	    (what.kind == GATE_DIRECTORY || !(b->rq.flags & GATE_REPLACE)))
		return exists(err);
	return orbit_object_rename(s->orbit, &s->caller, s->account, from->container, from->object,
				   to.container, to.object, (b->rq.flags & GATE_REPLACE) != 0, err);
}

int files_answer(struct session *s, struct bench *b, struct gate_answer *ret, struct dr_err *err)
{
	struct where w;

	if (where_parse(&w, b->rq.path, err) < 0)
		return -1;
	switch ((int)b->rq.op) {
	case GATE_STAT:
		return do_stat(s, b, &w, ret, err);
	case GATE_LIST:
		return do_list(s, b, &w, ret, err);
	case GATE_RENAME:
		return do_rename(s, b, &w, err);
	case GATE_REMOVE:
		return do_remove(s, b, &w, err);
	case GATE_MKDIR:
		return do_mkdir(s, b, &w, err);
	case GATE_RMDIR:
		return do_rmdir(s, b, &w, err);
	case GATE_SET_TIME:
		return do_set_time(s, b, &w, err);
	case GATE_SPACE:
		return do_space(s, b, ret, err);
	default:
		return dr_fail(err, DR_UNSUPPORTED, "no such question");
	}
}
