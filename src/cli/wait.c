/* SPDX-License-Identifier: Apache-2.0
 *
 * Following an import: images register --wait. */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_images.h"
#include "cli/image.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

/* The longer it takes, the later it may be noticed that it is over: by a sixteenth, here. */
#define POLL_SHARE 16
#define POLL_FIRST_MS 50
#define POLL_MAX_MS 1000
#define PATIENCE 60 /* polls in a row that may go wrong before we give up */

struct wait {
	struct session *session;
	const char *id;
	struct interrupt in;
	struct progress progress;
};

static bool stop_request(void *arg)
{
	const struct wait *w = arg;

	return interrupt_seen(&w->in, -1, 0);
}

static void show(struct wait *w, const json_t *image)
{
	dr_autobuf struct buf phase = BUF_INIT;
	struct progress_state st;

	image_progress(image, &phase, &st);
	progress_show(&w->progress, &st);
}

/* look: 1 while the image is being made, 0 when it is ready (then in *ret), -1: it will not be. */
static int look(struct wait *w, json_t **ret, struct dr_err *err)
{
	json_auto json_t *image = NULL;
	const char *status, *reason;
	int got = session_find(w->session, IMAGE_COLLECTION, w->id, SESSION_ACCOUNT, &image, err);

	if (got < 0)
		return -1;
	status = view_text(image, "status");
	if (got == 0 || dr_streq(status, "deleting") || dr_streq(status, "deleted"))
		return dr_fail(err, DR_NOT_FOUND, "image %.80s was destroyed", w->id);
	if (dr_streq(status, "failed")) {
		reason = view_text(image, "status_reason");
		return dr_fail(err, DR_INVALID, "image %.80s failed: %s", w->id,
			       *reason ? reason : "the service gave no reason");
	}
	if (dr_streq(status, "creating")) {
		show(w, image);
		return 1;
	}
	*ret = DR_STEAL(image);
	return 0;
}

/* passing: a failure to learn how it stands, which the next poll may mend. */
static bool passing(const struct dr_err *err)
{
	return err->code == DR_REMOTE || err->code == DR_BUSY;
}

/* follow: as images_wait, but 1 only says that a signal is held. */
static int follow(struct wait *w, json_t **ret, struct dr_err *err)
{
	const uint64_t since = dr_now_ms();
	unsigned failures = 0;
	int state;

	for (;;) {
		struct dr_err why = DR_ERR_INIT;
		uint64_t pause_ms;

		state = look(w, ret, &why);
		if (state == 0)
			return 0;
		failures = state < 0 ? failures + 1 : 0;
		if (state < 0 && why.code != DR_CANCELLED &&
		    (!passing(&why) || failures == PATIENCE)) {
			*err = why;
			return -1;
		}
		pause_ms = POLL_FIRST_MS + (dr_now_ms() - since) / POLL_SHARE;
		if (interrupt_seen(&w->in, -1, (int)dr_min_u64(pause_ms, POLL_MAX_MS)))
			return 1;
	}
}

int images_wait(struct session *s, const char *id, json_t **ret, struct dr_err *err)
{
	struct wait w = {.session = s, .id = id};
	int state;

	if (interrupt_hold(&w.in, err) < 0)
		return -1;
	progress_init(&w.progress, id, true);
	session_set_tick(s, stop_request, &w);
	state = follow(&w, ret, err);
	session_set_tick(s, NULL, NULL);
	progress_end(&w.progress);
	if (state > 0 && interrupt_take())
		say("Stopped waiting. The import of %s goes on; see `brightbox images show %s`", id,
		    id);
	interrupt_release(&w.in);
	return state;
}
