/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/say.h"
#include "cli/text.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define BAR_WIDTH 24
#define REDRAW_MS 100
#define NOTE_MS 10000
#define RATE_MS 500
#define RATE_WEIGHT 0.3 /* of the newest half second */
#define WIDTH_UNKNOWN 80

void progress_init(struct progress *p, const char *subject, bool notes)
{
	*p = (struct progress){.subject = subject, .notes = notes};
	p->terminal = isatty(STDERR_FILENO);
}

/* put_facts: bytes, rate, time left; what is not known is left out. */
static void put_facts(struct buf *out, const struct progress_state *st, const char *between)
{
	bool known = st->total != PROGRESS_UNKNOWN;

	text_bytes(out, st->done);
	if (known) {
		buf_puts(out, " of ");
		text_bytes(out, st->total);
	}
	if (st->rate == 0)
		return;
	buf_puts(out, between);
	text_bytes(out, st->rate);
	buf_puts(out, "/s");
	if (known && st->done < st->total) {
		buf_puts(out, between);
		text_duration(out, (st->total - st->done) / st->rate + 1);
		buf_puts(out, " left");
	}
}

static bool has_bytes(const struct progress_state *st)
{
	return st->done > 0 || (st->total != PROGRESS_UNKNOWN && st->total > 0);
}

void progress_bar(struct buf *out, const char *subject, const struct progress_state *st,
		  size_t width)
{
	dr_autobuf struct buf line = BUF_INIT;
	dr_autobuf struct buf clean = BUF_INIT;
	double part = 0;
	size_t full;

	buf_printf(&line, "%s %s", subject, st->phase);
	if (st->total != PROGRESS_UNKNOWN && st->total > 0) {
		part = st->done < st->total ? (double)st->done / (double)st->total : 1;
		full = (size_t)(part * BAR_WIDTH);
		buf_puts(&line, " [");
		for (size_t i = 0; i < BAR_WIDTH; i++)
			buf_putc(&line, i < full ? '=' : i == full ? '>' : ' ');
		buf_printf(&line, "] %3u%%", (unsigned)(part * 100));
	}
	if (has_bytes(st)) {
		buf_puts(&line, "  ");
		put_facts(&line, st, "  ");
	}
	text_clean(&clean, buf_str(&line));
	buf_append(out, buf_str(&clean), text_prefix(buf_str(&clean), width));
}

void progress_note(struct buf *out, const char *subject, const struct progress_state *st)
{
	buf_printf(out, "%s: %s", subject, st->phase);
	if (has_bytes(st)) {
		buf_puts(out, ", ");
		put_facts(out, st, ", ");
	}
}

static size_t terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
		return WIDTH_UNKNOWN - 1;
	return size.ws_col - 1U; /* a full line would wrap */
}

void progress_show(struct progress *p, const struct progress_state *st)
{
	dr_autobuf struct buf line = BUF_INIT;
	uint64_t now = dr_now_ms();
	bool changed = strncmp(p->phase, st->phase, sizeof p->phase - 1) != 0;

	if (!p->terminal && !p->notes)
		return;
	if (!changed && now - p->last_ms < (p->terminal ? REDRAW_MS : NOTE_MS))
		return;
	p->last_ms = now;
	dr_copy(p->phase, sizeof p->phase, st->phase);
	if (p->terminal) {
		progress_bar(&line, p->subject, st, terminal_width());
		fprintf(stderr, "\r%s\x1b[K", buf_str(&line));
		fflush(stderr);
		p->drawn = true;
	} else {
		progress_note(&line, p->subject, st);
		say("%s", buf_str(&line));
	}
}

uint64_t progress_rate(struct progress *p, uint64_t done)
{
	uint64_t now = dr_now_ms();
	double rate;

	if (p->rate_ms == 0) {
		p->rate_ms = now;
		p->rate_done = done;
	} else if (now - p->rate_ms >= RATE_MS) {
		rate = (double)(done - p->rate_done) * 1000 / (double)(now - p->rate_ms);
		p->rate = p->rate > 0 ? p->rate + RATE_WEIGHT * (rate - p->rate) : rate;
		p->rate_ms = now;
		p->rate_done = done;
	}
	return (uint64_t)p->rate;
}

void progress_end(struct progress *p)
{
	if (p->drawn)
		fputs("\r\x1b[K", stderr);
	p->drawn = false;
}
