/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/admin.h"
#include "daemon/collector.h"
#include "util/str.h"

#include "util/banned.h"

static json_t *tally_json(const struct store_tally *t)
{
	return json_pack("{s:I, s:I, s:I}", "chunks", (json_int_t)t->chunks, "blobs",
			 (json_int_t)t->blobs, "bytes", (json_int_t)t->bytes);
}

static void print_tally(const char *what, const struct store_tally *t)
{
	printf("%8s: %llu chunks, %llu other items, %llu bytes\n", what,
	       (unsigned long long)t->chunks, (unsigned long long)t->blobs,
	       (unsigned long long)t->bytes);
}

static json_t *objects_json(const struct orbit_tally *t)
{
	return json_pack("{s:I, s:I}", "objects", (json_int_t)t->objects, "bytes",
			 (json_int_t)t->bytes);
}

static void print_objects(const char *what, const struct orbit_tally *t)
{
	printf("%8s: %llu objects of users, %llu bytes\n", what, (unsigned long long)t->objects,
	       (unsigned long long)t->bytes);
}

int admin_store_collect(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct collect_options opt = {0};
	struct collected c;

	(void)words;
	if (admin_store(a, err) < 0)
		return -1;
	opt.grace_seconds = a->o->now ? 0 : a->cfg.store_grace_seconds;
	if (collect_once(a->catalogue, a->store, &opt, &c, err) < 0)
		return -1;
	if (a->o->json) {
		admin_print(a,
			    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "freed",
				      tally_json(&c.items.freed), "kept", tally_json(&c.items.kept),
				      "leased", tally_json(&c.items.leased), "young",
				      tally_json(&c.items.young), "objects_freed",
				      objects_json(&c.objects.freed), "objects_kept",
				      objects_json(&c.objects.kept)));
		return 0;
	}
	print_tally("freed", &c.items.freed);
	print_tally("kept", &c.items.kept);
	print_tally("leased", &c.items.leased);
	print_tally("young", &c.items.young);
	print_objects("freed", &c.objects.freed);
	print_objects("kept", &c.objects.kept);
	return 0;
}

static const char *fault_name(enum check_fault fault)
{
	switch (fault) {
	case CHECK_MISSING:
		return "missing";
	case CHECK_DAMAGED:
		return "damaged";
	case CHECK_DISAGREES:
		return "disagrees";
	case CHECK_UNREADABLE:
		return "unreadable";
	}
	return "";
}

struct problem_list {
	bool json;
	json_t *rows;
};

static void on_problem(void *arg, const struct check_item *item, enum check_fault fault,
		       const char *text)
{
	struct problem_list *l = arg;

	if (l->json)
		json_array_append_new(l->rows, json_pack("{s:s, s:s, s:s}", "image", item->name,
							 "fault", fault_name(fault), "text", text));
	else
		printf("%s %s: %s\n", item->name, fault_name(fault), text);
}

static void on_object(void *arg, const struct stored_blob *where, enum check_fault fault,
		      const char *text)
{
	struct problem_list *l = arg;
	dr_autobuf struct buf name = BUF_INIT;

	if (l->json) {
		json_array_append_new(l->rows, json_pack("{s:s, s:s, s:s, s:s, s:s}", "account",
							 where->account, "container",
							 where->container, "object", where->object,
							 "fault", fault_name(fault), "text", text));
		return;
	}
	/* Users' own words: not to be let loose on a terminal. */
	buf_puts(&name, where->account);
	if (where->container[0]) {
		buf_putc(&name, ' ');
		dr_quote(&name, where->container, CONTAINER_TEXT);
	}
	if (where->object[0]) {
		buf_putc(&name, ' ');
		dr_quote(&name, where->object, OBJECT_TEXT);
	}
	printf("%s %s: %s\n", buf_str(&name), fault_name(fault), text);
}

static void print_result(const struct admin *a, const struct check_result *r,
			 const struct orbit_checked *o, json_t *problems)
{
	if (a->o->json) {
		admin_print(a,
			    json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:o, s:o}",
				      "problems", (json_int_t)(r->problems + o->problems), "images",
				      (json_int_t)r->items, "chunks", (json_int_t)r->chunks,
				      "leases_active", (json_int_t)r->leases_active, "leases_ended",
				      (json_int_t)r->leases_ended, "orphans",
				      r->counted ? tally_json(&r->orphans) : json_null(), "leased",
				      r->counted ? tally_json(&r->leased) : json_null(), "objects",
				      (json_int_t)o->checked.objects, "object_bytes",
				      (json_int_t)o->checked.bytes, "object_orphans",
				      objects_json(&o->orphans), "found", problems));
		return;
	}
	printf("%llu images, %llu chunks, %llu objects of users, %llu problems\n",
	       (unsigned long long)r->items, (unsigned long long)r->chunks,
	       (unsigned long long)o->checked.objects,
	       (unsigned long long)(r->problems + o->problems));
	if (r->counted)
		print_tally("orphans", &r->orphans);
	print_objects("orphans", &o->orphans);
	json_decref(problems);
}

int admin_store_check(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct problem_list l = {.json = a->o->json};
	struct check_result r = {0};
	struct orbit_checked o = {0};

	(void)words;
	if (admin_store(a, err) < 0)
		return -1;
	l.rows = json_array();
	if (check_once(a->catalogue, a->store, a->o->full, on_problem, &l, &r, err) < 0 ||
	    orbit_check(a->catalogue, a->store, a->o->full, on_object, &l, &o, err) < 0) {
		json_decref(l.rows);
		return -1;
	}
	print_result(a, &r, &o, l.rows);
	if (r.problems + o.problems == 0)
		return 0;
	return dr_fail(err, DR_CORRUPT,
		       "%llu problems; registering the same images and storing the same objects "
		       "again heals what is missing or damaged",
		       (unsigned long long)(r.problems + o.problems));
}
