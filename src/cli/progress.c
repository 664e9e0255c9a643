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

#define BAR_MAX 24
#define BAR_MIN 5
#define BAR_AROUND 8 /* " [", "]" and " 100%" */
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

/* put_bar: as wide as there is room for, the percentage alone when there is little. */
static void put_bar(struct buf *out, const struct progress_state *st, size_t room)
{
	double part = st->done < st->total ? (double)st->done / (double)st->total : 1;
	size_t width = room > BAR_AROUND ? room - BAR_AROUND : 0;
	size_t full;

	if (width > BAR_MAX)
		width = BAR_MAX;
	if (width >= BAR_MIN) {
		full = (size_t)(part * (double)width);
		buf_puts(out, " [");
		for (size_t i = 0; i < width; i++)
			buf_putc(out, i < full ? '=' : i == full ? '>' : ' ');
		buf_putc(out, ']');
	}
	buf_printf(out, " %3u%%", (unsigned)(part * 100));
}

void progress_bar(struct buf *out, const char *subject, const struct progress_state *st,
		  size_t width)
{
	dr_autobuf struct buf line = BUF_INIT;
	dr_autobuf struct buf facts = BUF_INIT;
	dr_autobuf struct buf clean = BUF_INIT;
	size_t taken;

	if (has_bytes(st)) {
		buf_puts(&facts, "  ");
		put_facts(&facts, st, "  ");
	}
	buf_printf(&line, "%s %s", subject, st->phase);
	taken = text_length(buf_str(&line)) + facts.len;
	if (st->total != PROGRESS_UNKNOWN && st->total > 0)
		put_bar(&line, st, width > taken ? width - taken : 0);
	buf_puts(&line, buf_str(&facts));
	text_clean(&clean, buf_str(&line));
	buf_append(out, buf_str(&clean), text_prefix(buf_str(&clean), width));
}

void progress_note(struct buf *out, const char *subject, const struct progress_state *st)
{
	if (subject)
		buf_printf(out, "%s: ", subject);
	buf_puts(out, st->phase);
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
