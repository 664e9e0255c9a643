/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread waits: for gates with a question, and for the time of delayed answers. A crew takes
 * the questions. A session is with one of them at a time: its gate is watched for one event, and
 * watched again when that is answered. */
#include "sftp/sftp.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sftp/login.h"
#include "sftp/sftp_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mutex.h"
#include "util/str.h"

#include "util/banned.h"

#define CREW_DEFAULT 6
#define CREW_MOST 64
/* A login may wait for a turn at hashing: the rest of the crew is for those who are logged in. */
#define LOGINS_AT_ONCE PASSWORD_HASHES
#define QUESTIONS_AT_ONCE 64

struct place {
	bool taken;
	char account[ID_TEXT]; /* "": it logs in */
};

struct sftp {
	struct sftp_config cfg; /* threads: the crew's size */
	struct lockout *lockout;
	int epoll, wake;
	pthread_t waiter, crew[CREW_MOST];
	bool waits;
	unsigned crew_size;
	struct dr_mutex lock;
	struct dr_cond work;
	/* under lock */
	bool stopping;
	struct place places[CREW_MOST]; /* cfg.threads of them: who is being answered */
	uint64_t last_id;
	struct session *sessions;     /* all, doubly linked */
	struct session *first, *last; /* with a question */
};

static void session_free(struct session *s)
{
	struct sftp *o = s->owner;

	dr_lock(&o->lock);
	if (s->prev)
		s->prev->next = s->next;
	else
		o->sessions = s->next;
	if (s->next)
		s->next->prev = s->prev;
	dr_unlock(&o->lock);
	/* Out of the epoll set with it. */
	close(s->gate);
	transfers_close(s);
	if (s->logged_in)
		dr_log(DR_INFO, "what=sftp-end session=%llu account=%s", (unsigned long long)s->id,
		       s->account);
	free(s);
}

static void watch(struct session *s)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = s};

	if (epoll_ctl(s->owner->epoll, EPOLL_CTL_MOD, s->gate, &e) != 0)
		dr_log(DR_ERROR, "what=sftp error=\"cannot watch a gate\"");
}

int sftp_add(struct sftp *o, int gate, const char *peer, struct dr_err *err)
{
	dr_autofd int fd = gate;
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};
	struct session *s;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		return dr_fail_errno(err, "a gate");
	s = calloc(1, sizeof *s);
	if (!s)
		return dr_fail_nomem(err);
	s->gate = DR_STEAL_FD(fd);
	s->owner = o;
	s->orbit = o->cfg.orbit;
	dr_copy(s->peer, sizeof s->peer, peer);
	dr_lock(&o->lock);
	s->id = ++o->last_id;
	s->next = o->sessions;
	if (s->next)
		s->next->prev = s;
	o->sessions = s;
	dr_unlock(&o->lock);
	e.data.ptr = s;
	if (epoll_ctl(o->epoll, EPOLL_CTL_ADD, s->gate, &e) != 0) {
		dr_fail_errno(err, "epoll_ctl");
		session_free(s);
		return -1;
	}
	return 0;
}

/* ---- answers ---- */

static void refuse(struct session *s, const struct dr_err *e, struct gate_answer *a)
{
	static const enum gate_status statuses[] = {
		[DR_NOT_FOUND] = GATE_NO_SUCH_FILE,
		[DR_DENIED] = GATE_DENIED,
		[DR_UNAUTHENTICATED] = GATE_DENIED,
		[DR_UNSUPPORTED] = GATE_UNSUPPORTED,
	};
	const bool ours = e->code == DR_IO || e->code == DR_NO_MEMORY || e->code == DR_CORRUPT;

	*a = (struct gate_answer){.status = GATE_FAILURE};
	if (e->code < sizeof statuses / sizeof *statuses && statuses[e->code] != GATE_OK)
		a->status = statuses[e->code];
	dr_copy(a->message, sizeof a->message, ours ? "the server cannot do this now" : e->msg);
	if (ours)
		dr_log(DR_ERROR, "what=sftp session=%llu account=%s error=\"%s\"",
		       (unsigned long long)s->id, s->account, e->msg);
}

static int send_answer(struct session *s, const struct gate_answer *a, int fd, struct dr_err *err)
{
	dr_autobuf struct buf packet = BUF_INIT_MAX(GATE_PACKET_BYTES);

	gate_answer_format(a, &packet);
	return buf_check(&packet, err) < 0 ? -1 : gate_send(s->gate, packet.p, packet.len, fd, err);
}

/* delay: the answer goes out by and by, and until then the session is asked nothing. */
static int delay(struct session *s, struct dr_err *err)
{
	const struct gate_answer no = {.status = GATE_DENIED};
	dr_autobuf struct buf packet = BUF_INIT;
	const uint64_t one = 1;
	struct sftp *o = s->owner;

	gate_answer_format(&no, &packet);
	if (buf_check(&packet, err) < 0)
		return -1;
	assert(packet.len <= sizeof s->pending);
	memcpy(s->pending, packet.p, packet.len);
	s->pending_len = packet.len;
	dr_lock(&o->lock);
	s->due_ms = dr_now_ms() + o->cfg.delay_ms;
	dr_unlock(&o->lock);
	return write(o->wake, &one, sizeof one) == sizeof one ? 0 : dr_fail_errno(err, "eventfd");
}

/* claim: one of the account's places, if there is one left. */
static bool claim(struct session *s, const char account[static ID_TEXT])
{
	struct sftp *o = s->owner;
	unsigned n = 0;

	dr_lock(&o->lock);
	for (const struct session *other = o->sessions; other; other = other->next)
		n += strcmp(other->account, account) == 0;
	if (n < o->cfg.sessions_per_account)
		memcpy(s->account, account, ID_TEXT);
	dr_unlock(&o->lock);
	return n < o->cfg.sessions_per_account;
}

/* enter: 1 logged in, or (a key) it would do; 0 wrong. */
static int enter(struct session *s, struct bench *b, struct dr_err *err)
{
	struct sftp *o = s->owner;
	struct principal who;
	int rc =
		login_try(o->cfg.orbit->library->catalogue, o->lockout, s->peer, &b->rq, &who, err);

	explicit_bzero(b->packet, sizeof b->packet);
	explicit_bzero(b->rq.other, sizeof b->rq.other);
	if (rc <= 0 || (b->rq.op == GATE_LOGIN_KEY && !(b->rq.flags & GATE_PROVEN)))
		return rc;
	if (!claim(s, who.account)) {
		dr_log(DR_WARN, "what=sftp-refused account=%s cause=sessions", who.account);
		return 0;
	}
	s->caller = (struct orbit_caller){.who = who};
	s->logged_in = true;
	return 1;
}

enum outcome { WATCH, DELAYED, OVER };

static enum outcome do_login(struct session *s, struct bench *b, struct dr_err *err)
{
	const struct gate_answer yes = {.status = GATE_OK};
	const struct gate_answer no = {.status = GATE_DENIED};
	int rc;

	if (b->rq.op != GATE_LOGIN_SECRET && b->rq.op != GATE_LOGIN_KEY) {
		dr_log(DR_ERROR, "what=sftp-alarm session=%llu error=\"not logged in\"",
		       (unsigned long long)s->id);
		return OVER;
	}
	rc = enter(s, b, err);
	if (rc < 0)
		dr_log(DR_ERROR, "what=sftp-login session=%llu error=\"%s\"",
		       (unsigned long long)s->id, err->msg);
	if (rc > 0)
		return send_answer(s, &yes, -1, err) < 0 ? OVER : WATCH;
	if (++s->refused > LOGIN_TRIES)
		return OVER;
	if (b->rq.op == GATE_LOGIN_KEY)
		return send_answer(s, &no, -1, err) < 0 ? OVER : WATCH;
	return delay(s, err) < 0 ? OVER : DELAYED;
}

static enum outcome do_question(struct session *s, struct bench *b, struct dr_err *err)
{
	struct gate_answer a = {.status = GATE_OK};
	struct dr_err e = DR_ERR_INIT;
	int fd = -1;

	if (!s->logged_in)
		return do_login(s, b, err);
	if (transfer_answer(s, b, &a, &fd, &e) < 0) {
		refuse(s, &e, &a);
		fd = -1;
	}
	return send_answer(s, &a, fd, err) < 0 ? OVER : WATCH;
}

/* turn: what the session asks, as long as it asks. */
static enum outcome turn(struct session *s, struct bench *b)
{
	struct dr_err err = DR_ERR_INIT;
	enum outcome outcome = WATCH;
	ssize_t n;

	for (int i = 0; i < QUESTIONS_AT_ONCE && outcome == WATCH; i++) {
		n = gate_receive(s->gate, b->packet, sizeof b->packet, NULL, &err);
		if (n < 0 && err.code == DR_BUSY)
			return WATCH;
		if (n <= 0)
			return OVER;
		if (gate_request_parse(b->packet, (size_t)n, &b->rq, &err) < 0) {
			dr_log(DR_ERROR, "what=sftp-alarm session=%llu error=\"%s\"",
			       (unsigned long long)s->id, err.msg);
			return OVER;
		}
		outcome = do_question(s, b, &err);
	}
	return outcome;
}

/* ---- threads ---- */

/* may_take: those who log in, and each account, leave some of the crew to the others, however long
 * it takes to answer them. */
static bool may_take_locked(const struct sftp *o, const struct session *s)
{
	const unsigned half = o->cfg.threads > 1 ? o->cfg.threads / 2 : 1;
	unsigned n = 0;

	dr_assert_held(&o->lock);
	for (unsigned i = 0; i < o->cfg.threads; i++)
		n += o->places[i].taken && strcmp(o->places[i].account, s->account) == 0;
	return n < (s->account[0] ? half : LOGINS_AT_ONCE);
}

/* take: the first session whose turn it is. Called with the lock held. */
static struct session *take_locked(struct sftp *o)
{
	struct session *before = NULL;

	dr_assert_held(&o->lock);
	for (struct session *s = o->first; s; before = s, s = s->queued) {
		if (!may_take_locked(o, s))
			continue;
		if (before)
			before->queued = s->queued;
		else
			o->first = s->queued;
		if (o->last == s)
			o->last = before;
		s->queued = NULL;
		return s;
	}
	return NULL;
}

/* take_place: there is one for each of the crew. */
static struct place *take_place_locked(struct sftp *o, const struct session *s)
{
	struct place *p = o->places;

	dr_assert_held(&o->lock);
	while (p->taken)
		p++;
	assert(p < o->places + o->cfg.threads);
	p->taken = true;
	memcpy(p->account, s->account, sizeof p->account);
	return p;
}

static void *run_crew(void *arg)
{
	struct sftp *o = arg;
	struct bench *b = calloc(1, sizeof *b);
	struct session *s;
	struct place *place;
	enum outcome outcome;

	if (!b)
		abort(); /* at start; there is no crew without it */
	for (;;) {
		dr_lock(&o->lock);
		while (!(s = take_locked(o)) && !o->stopping)
			dr_cond_wait(&o->work, &o->lock);
		if (o->stopping) {
			dr_unlock(&o->lock);
			break;
		}
		place = take_place_locked(o, s);
		dr_unlock(&o->lock);
		outcome = turn(s, b);
		dr_lock(&o->lock);
		place->taken = false;
		/* Another one may have waited for this place. */
		if (o->first)
			dr_cond_signal(&o->work);
		dr_unlock(&o->lock);
		if (outcome == WATCH)
			watch(s);
		else if (outcome == OVER)
			session_free(s);
	}
	free(b);
	return NULL;
}

static void enqueue(struct sftp *o, struct session *s)
{
	dr_lock(&o->lock);
	s->queued = NULL;
	if (o->last)
		o->last->queued = s;
	else
		o->first = s;
	o->last = s;
	dr_cond_signal(&o->work);
	dr_unlock(&o->lock);
}

/* due: the first session whose delayed answer is to go out; else how long until one is. */
static struct session *due(struct sftp *o, int *ret_wait_ms)
{
	const uint64_t now = dr_now_ms();
	uint64_t next = UINT64_MAX;
	struct session *s;

	dr_lock(&o->lock);
	for (s = o->sessions; s; s = s->next) {
		if (s->due_ms && s->due_ms <= now)
			break;
		if (s->due_ms)
			next = dr_min_u64(next, s->due_ms);
	}
	if (s)
		s->due_ms = 0;
	dr_unlock(&o->lock);
	*ret_wait_ms = next == UINT64_MAX ? -1 : (int)dr_min_u64(next - now + 1, 60000);
	return s;
}

static void *run_waiter(void *arg)
{
	struct sftp *o = arg;
	struct epoll_event events[64];
	struct dr_err err = DR_ERR_INIT;
	struct session *s;
	uint64_t ignored;
	int n, wait_ms;

	for (;;) {
		while ((s = due(o, &wait_ms))) {
			if (gate_send(s->gate, s->pending, s->pending_len, -1, &err) < 0)
				session_free(s);
			else
				watch(s);
			dr_err_clear(&err);
		}
		n = epoll_wait(o->epoll, events, 64, wait_ms);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				enqueue(o, events[i].data.ptr);
			else if (read(o->wake, &ignored, sizeof ignored) < 0)
				continue;
		}
		dr_lock(&o->lock);
		n = o->stopping;
		dr_unlock(&o->lock);
		if (n)
			return NULL;
	}
}

static int start_threads(struct sftp *o, struct dr_err *err)
{
	for (; o->crew_size < o->cfg.threads; o->crew_size++)
		if (pthread_create(&o->crew[o->crew_size], NULL, run_crew, o) != 0)
			return dr_fail(err, DR_IO, "cannot start a thread");
	o->waits = pthread_create(&o->waiter, NULL, run_waiter, o) == 0;
	return o->waits ? 0 : dr_fail(err, DR_IO, "cannot start a thread");
}

int sftp_start(struct sftp **ret, const struct sftp_config *cfg, struct dr_err *err)
{
	struct epoll_event e = {.events = EPOLLIN};
	struct sftp *o = calloc(1, sizeof *o);
	int rc = 0;

	if (!o)
		return dr_fail_nomem(err);
	o->cfg = *cfg;
	o->cfg.threads =
		cfg->threads ? (unsigned)dr_min_size(cfg->threads, CREW_MOST) : CREW_DEFAULT;
	dr_mutex_init(&o->lock);
	dr_cond_init(&o->work);
	o->epoll = epoll_create1(EPOLL_CLOEXEC);
	o->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (o->epoll < 0 || o->wake < 0 || epoll_ctl(o->epoll, EPOLL_CTL_ADD, o->wake, &e) != 0)
		rc = dr_fail_errno(err, "epoll");
	if (rc == 0)
		rc = lockout_new(&o->lockout, cfg->tries, cfg->lockout_ms, err);
	if (rc == 0)
		rc = start_threads(o, err);
	if (rc < 0)
		sftp_stop(o);
	else
		*ret = o;
	return rc;
}

void sftp_stop(struct sftp *o)
{
	const uint64_t one = 1;

	if (!o)
		return;
	dr_lock(&o->lock);
	o->stopping = true;
	dr_cond_broadcast(&o->work);
	dr_unlock(&o->lock);
	if (o->waits && write(o->wake, &one, sizeof one) == sizeof one)
		pthread_join(o->waiter, NULL);
	for (unsigned i = 0; i < o->crew_size; i++)
		pthread_join(o->crew[i], NULL);
	while (o->sessions)
		session_free(o->sessions);
	lockout_free(o->lockout);
	if (o->epoll >= 0)
		close(o->epoll);
	if (o->wake >= 0)
		close(o->wake);
	dr_cond_done(&o->work);
	dr_mutex_done(&o->lock);
	free(o);
}
