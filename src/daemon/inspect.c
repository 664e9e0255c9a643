/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroomd inspect: a local file through the same decoder in the same sandbox, without a server.
 *
 *   file --(feeder thread)--ring--> darkroom-decode --ring--> here: digest, and the raw disk */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "ingest/allowance.h"
#include "ingest/helper.h"
#include "manifest/manifest.h"
#include "ring/ring.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/spec.h"
#include "util/str.h"

#include "util/banned.h"

#define CHUNK STORE_CHUNK_BYTES
#define SECTOR 512
#define LOOK_MS 200
#define LAST_MS 5000 /* for a decoder to end that has said its last word */

struct inspection {
	const struct config *cfg;
	int file;
	uint64_t file_bytes;
	struct ring *source, *disk;
	int out;     /* -1 = none */
	int scratch; /* the decoder's; borrowed */
	/* results */
	uint64_t pos, data_bytes;
	struct manifest *manifest;
	struct hash *hash; /* of the file */
	char sha256[HASH_MAX_HEX];
	char note[RING_NOTE_BYTES + 1];
	struct dr_err refusal; /* the decoder's verdict */
	struct dr_err death;   /* what it died of, or was stopped for */
	struct dr_err feed_err;
	/* for the thread that watches */
	_Atomic uint64_t seen_disk, seen_data;
	atomic_bool heard_out;
	uint8_t *chunk; /* CHUNK bytes, being assembled */
	size_t filled;
};

/* feed_main: the file into the ring, hashed on the way. */
static void *feed_main(void *arg)
{
	struct inspection *in = arg;
	uint8_t *slot;
	uint64_t off = 0;
	ssize_t n = 1;
	struct dr_err *err = &in->feed_err;

	while (n > 0 && ring_reserve(in->source, &slot, err) == 0) {
		n = dr_pread_full(in->file, slot, ring_slot_bytes(in->source), off, err);
		if (n <= 0)
			break;
		hash_update(in->hash, slot, (size_t)n);
		ring_publish(in->source, (size_t)n);
		off += (uint64_t)n;
	}
	ring_finish(in->source, err, NULL);
	return NULL;
}

static int end_chunk(struct inspection *in, struct dr_err *err)
{
	struct manifest_entry e = {.stored_bytes = 9};
	bool zero = true;

	for (size_t i = 0; i < in->filled && zero; i++)
		zero = in->chunk[i] == 0;
	if (!zero) {
		e.index = (uint32_t)((in->pos - 1) / CHUNK);
		digest_of(in->chunk, in->filled, &e.id);
		if (manifest_add(in->manifest, &e, err) < 0)
			return -1;
		in->data_bytes += in->filled;
		if (in->out >= 0 &&
		    dr_pwrite_all(in->out, in->chunk, in->filled, in->pos - in->filled, err) < 0)
			return -1;
	}
	in->filled = 0;
	return 0;
}

static int take(struct inspection *in, const uint8_t *p, uint64_t len, struct dr_err *err)
{
	const uint64_t most = MANIFEST_MAX_CHUNKS * CHUNK;
	uint64_t n;

	/* The decoder's own limit is lower; but it is the decoder's. */
	if (len > most - in->pos)
		return dr_fail(err, DR_CORRUPT, "the decoder claims a disk of more than %llu bytes",
			       (unsigned long long)most);
	while (len > 0) {
		/* Whole chunks of zeros pass without being looked at. */
		if (!p && in->filled == 0 && len >= CHUNK) {
			n = len - len % CHUNK;
			in->pos += n;
			len -= n;
			continue;
		}
		n = dr_min_u64(len, CHUNK - in->filled);
		if (p) {
			memcpy(in->chunk + in->filled, p, (size_t)n);
			p += n;
		} else {
			memset(in->chunk + in->filled, 0, (size_t)n);
		}
		in->filled += (size_t)n;
		in->pos += n;
		len -= n;
		if (in->filled == CHUNK && end_chunk(in, err) < 0)
			return -1;
	}
	return 0;
}

/* crash_refusal: the decoder did what no decoder does. */
static void crash_refusal(struct inspection *in, const char *how)
{
	dr_err_clear(&in->refusal);
	dr_refuse(&in->refusal, DR_CORRUPT, "decoder-crashed",
		  "the decoder broke down on this file: %s", how);
}

static int take_all(struct inspection *in, struct dr_err *err)
{
	struct ring_item it;
	int rc;

	while ((rc = ring_take(in->disk, &it, &in->refusal)) == 1) {
		rc = take(in, it.type == RING_DATA ? it.data : NULL, it.len, err);
		ring_release(in->disk);
		if (rc < 0)
			return -1;
		atomic_store(&in->seen_disk, in->pos);
		atomic_store(&in->seen_data, in->data_bytes);
	}
	if (rc < 0 && in->refusal.code == DR_CORRUPT && !in->refusal.reason[0])
		crash_refusal(in, "it broke the rules of its ring");
	if (rc == 0 && in->filled > 0 && end_chunk(in, err) < 0)
		return -1;
	if (rc == 0 && in->out >= 0 && ftruncate(in->out, (off_t)in->pos) != 0)
		return dr_fail_errno(err, "set the length of the output");
	in->manifest->virtual_bytes = in->pos;
	return 0;
}

/* watch: the decoder may die without a word, or go on for ever; then nobody else would finish the
 * ring for us. */
struct watch {
	pid_t pid;
	struct inspection *in;
};

/* overdue: has it used more time than it may have? */
static bool overdue(const struct watch *w, uint64_t began_ms, uint64_t heard_ms, struct dr_err *err)
{
	const struct config *c = w->in->cfg;
	const struct allowance a = {c->import_decoder_cpu, c->import_decoder_cpu_data,
				    c->import_decoder_cpu_holes};
	const uint64_t disk = atomic_load(&w->in->seen_disk);
	const uint64_t data = dr_min_u64(atomic_load(&w->in->seen_data), disk);
	const uint64_t now = dr_now_ms();
	struct stat st;
	uint64_t spooled = 0;

	if (w->in->scratch >= 0 && fstat(w->in->scratch, &st) == 0)
		spooled = (uint64_t)st.st_blocks * SECTOR;
	if (allowance_check(&a, w->pid, data + spooled, disk - data, err) < 0)
		return true;
	if ((now - began_ms) / 1000 >= c->import_total_seconds)
		dr_refuse(err, DR_LIMIT, "timed-out", "it was not decoded within %llu seconds",
			  (unsigned long long)c->import_total_seconds);
	else if (heard_ms && now - heard_ms >= LAST_MS)
		dr_refuse(err, DR_LIMIT, "decoder-timeout", "the decoder does not end");
	return dr_err_is_set(err);
}

/* await: until the decoder has ended, by itself or by us. */
static void await(const struct watch *w, siginfo_t *info, struct dr_err *err)
{
	dr_autofd int pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	const uint64_t began = dr_now_ms();
	uint64_t heard = 0;

	while (pidfd >= 0 && poll(&ended, 1, LOOK_MS) <= 0) {
		if (!heard && atomic_load(&w->in->heard_out))
			heard = dr_now_ms();
		if (overdue(w, began, heard, err))
			break;
	}
	if (pidfd < 0 || dr_err_is_set(err))
		kill(w->pid, SIGKILL);
	while (waitid(P_PID, (id_t)w->pid, info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
		;
}

static void *watch_main(void *arg)
{
	struct watch *w = arg;
	siginfo_t info = {0};
	struct dr_err why = DR_ERR_INIT;

	await(w, &info, &why);
	if (!dr_err_is_set(&why) && info.si_code == CLD_EXITED && info.si_status == 2)
		dr_fail(&why, DR_IO, "the decoder could not start");
	else if (!dr_err_is_set(&why) && (info.si_code != CLD_EXITED || !ring_ended(w->in->disk)))
		helper_decoder_death(&info, &why);
	if (dr_err_is_set(&why)) {
		w->in->death = why;
		ring_finish(w->in->disk, &why, NULL);
		ring_abandon(w->in->source);
	}
	return NULL;
}

/* check_size: as darkroom-import does: a decoder whose last word is another has not decoded. */
static void check_size(struct inspection *in)
{
	DR_CLEANUP(spec_freep) struct spec *note = NULL;
	struct dr_err err = DR_ERR_INIT;

	if (spec_parse(&note, in->note, strlen(in->note), &err) < 0 || in->pos % SECTOR != 0 ||
	    spec_get_u64(note, "virtual_bytes", 0) != in->pos)
		crash_refusal(in, "the disk is not as long as it says");
}

static int run_decoder(struct inspection *in, struct dr_err *err)
{
	dr_autofd int source = ring_create(8, (size_t)256 << 10, err);
	dr_autofd int disk = ring_create(8, CHUNK, err);
	dr_autofd int scratch = -1;
	dr_autobuf struct buf spec = BUF_INIT;
	struct helper_start hs = {.program = "darkroom-decode", .report = -1, .drop_user = true};
	const struct config *c = in->cfg;
	struct watch w = {.in = in};
	pthread_t feeder, watcher;
	const char *tmp = getenv("TMPDIR");
	int rc;

	spec_put_u64(&spec, "threads", daemon_processors());
	spec_put_u64(&spec, "virtual_bytes", c->import_virtual_bytes);
	spec_put_u64(&spec, "upload_bytes", c->import_upload_bytes);
	spec_put_u64(&spec, "memory_bytes", c->import_decoder_memory);
	spec_put_u64(&spec, "address_bytes", c->import_decoder_address);
	spec_put_u64(&spec, "cpu_seconds", c->import_cpu_seconds);
	if (source < 0 || disk < 0 || ring_attach(&in->source, source, err) < 0 ||
	    ring_attach(&in->disk, disk, err) < 0)
		return -1;
	scratch = helper_scratch(tmp ? tmp : "/var/tmp", err);
	if (scratch < 0)
		return -1;
	ring_set_fact(in->source, RING_FACT_SOURCE_TOTAL, in->file_bytes);
	ring_set_fact(in->source, RING_FACT_LENGTH_PROVEN, 1);
	hs.spec = buf_str(&spec);
	hs.ring_in = source;
	hs.ring_out = disk;
	hs.scratch = in->scratch = scratch;
	w.pid = helper_spawn(&hs, err);
	if (w.pid < 0)
		return -1;
	if (pthread_create(&feeder, NULL, feed_main, in) != 0 ||
	    pthread_create(&watcher, NULL, watch_main, &w) != 0) {
		kill(w.pid, SIGKILL);
		return dr_fail(err, DR_NO_MEMORY, "cannot start a thread");
	}
	rc = take_all(in, err);
	/* Nothing more is wanted of one that has failed, whatever it still does. */
	if (rc < 0 || dr_err_is_set(&in->refusal))
		kill(w.pid, SIGKILL);
	atomic_store(&in->heard_out, true);
	ring_abandon(in->disk);
	pthread_join(watcher, NULL);
	waitpid(w.pid, NULL, 0);
	ring_abandon(in->source);
	pthread_join(feeder, NULL);
	in->scratch = -1;
	ring_note(in->disk, in->note);
	if (rc == 0 && !dr_err_is_set(&in->refusal) && dr_err_is_set(&in->death))
		in->refusal = in->death;
	if (rc == 0 && !dr_err_is_set(&in->refusal))
		check_size(in);
	return rc;
}

/* prepare: what every inspection of an open file needs. */
static int prepare(struct inspection *in, struct dr_err *err)
{
	in->chunk = malloc(CHUNK);
	in->manifest = manifest_new(MANIFEST_MAX_CHUNKS * CHUNK);
	if (!in->chunk || !in->manifest)
		return dr_fail_nomem(err);
	if (manifest_domain(in->manifest, "inspect", err) < 0)
		return -1;
	return hash_new(&in->hash, HASH_SHA256, err);
}

static void finish(struct inspection *in)
{
	ring_detach(in->source);
	ring_detach(in->disk);
	manifest_free(in->manifest);
	hash_free(in->hash);
	free(in->chunk);
	if (in->file >= 0)
		close(in->file);
	if (in->out >= 0)
		close(in->out);
}

int inspect_fd(const struct config *cfg, int fd, uint64_t bytes, uint64_t *ret_virtual_bytes,
	       struct dr_err *err)
{
	struct inspection in = {
		.cfg = cfg, .file = fd, .out = -1, .scratch = -1, .file_bytes = bytes};
	int rc = prepare(&in, err);

	if (rc == 0)
		rc = run_decoder(&in, err);
	if (rc == 0 && dr_err_is_set(&in.refusal)) {
		*err = in.refusal;
		rc = -1;
	}
	*ret_virtual_bytes = in.pos;
	finish(&in);
	return rc;
}

static json_t *to_json(struct inspection *in, const char *name, const struct spec *note)
{
	const char *format = note ? spec_get(note, "format", "") : "";
	const char *plus = strchr(format, '+');
	char content[DIGEST_HEX + 8] = "sha256:";
	json_t *warnings = json_array();
	json_t *j = json_object();
	struct digest d;
	const char *text;

	json_object_set_new(j, "file", json_string(name));
	json_object_set_new(j, "file_bytes", json_integer((json_int_t)in->file_bytes));
	json_object_set_new(j, "format",
			    *format ? json_stringn(format, strcspn(format, "+")) : json_null());
	json_object_set_new(j, "codec", json_string(plus ? plus + 1 : "none"));
	for (size_t i = 0; note && (text = spec_nth(note, "warning", i)); i++)
		json_array_append_new(warnings, json_string(text));
	json_object_set_new(j, "warnings", warnings);
	if (dr_err_is_set(&in->refusal)) {
		json_object_set_new(
			j, "refused",
			json_pack("{s:s, s:s}", "code",
				  in->refusal.reason[0] ? in->refusal.reason : "internal-error",
				  "reason", in->refusal.msg));
		return j;
	}
	manifest_content_digest(in->manifest, &d);
	digest_hex(&d, content + 7);
	json_object_set_new(j, "checksum", json_sprintf("sha256:%s", in->sha256));
	json_object_set_new(j, "virtual_bytes", json_integer((json_int_t)in->pos));
	json_object_set_new(j, "data_bytes", json_integer((json_int_t)in->data_bytes));
	json_object_set_new(j, "digest", json_string(content));
	json_object_set_new(j, "refused", json_null());
	return j;
}

static void print(struct inspection *in, const struct options *o, struct dr_err *err)
{
	static const char *const fields[] = {"file",   "file_bytes",    "checksum",   "codec",
					     "format", "virtual_bytes", "data_bytes", "digest"};
	DR_CLEANUP(spec_freep) struct spec *note = NULL;
	const json_t *v;
	json_t *j;
	size_t i;

	if (spec_parse(&note, in->note, strlen(in->note), err) < 0)
		dr_err_clear(err);
	j = to_json(in, o->words[1], note);
	if (o->json) {
		json_dumpf(j, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(j);
		return;
	}
	for (i = 0; i < sizeof fields / sizeof *fields; i++) {
		v = json_object_get(j, fields[i]);
		if (json_is_string(v))
			printf("%14s: %s\n", fields[i], json_string_value(v));
		else if (json_is_integer(v))
			printf("%14s: %lld\n", fields[i], (long long)json_integer_value(v));
	}
	json_array_foreach(json_object_get(j, "warnings"), i, v)
		printf("%14s: %s\n", "warning", json_string_value(v));
	if (dr_err_is_set(&in->refusal))
		printf("%14s: %s: %s\n", "refused",
		       in->refusal.reason[0] ? in->refusal.reason : "internal-error",
		       in->refusal.msg);
	json_decref(j);
}

static int set_up(struct inspection *in, const struct options *o, struct dr_err *err)
{
	struct stat st;

	if (o->word_count != 2)
		return dr_fail(err, DR_INVALID,
			       "inspect takes one FILE; see darkroomd inspect --help");
	in->file = open(o->words[1], O_RDONLY | O_CLOEXEC);
	if (in->file < 0 || fstat(in->file, &st) != 0)
		return dr_fail_errno(err, "%s", o->words[1]);
	if (!S_ISREG(st.st_mode))
		return dr_fail(err, DR_INVALID, "%s is not a regular file", o->words[1]);
	in->file_bytes = (uint64_t)st.st_size;
	if (o->decode) {
		in->out = open(o->decode, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (in->out < 0)
			return dr_fail_errno(err, "%s", o->decode);
	}
	return prepare(in, err);
}

/* read_limits: those of the server at --data; without one, the defaults. */
static int read_limits(const struct options *o, struct config *ret, struct dr_err *err)
{
	if (o->data)
		return options_config(o, ret, err);
	if (config_init(ret, ".", err) < 0)
		return -1;
	for (unsigned i = 0; i < o->set_count; i++)
		if (config_set(ret, o->set[i], err) < 0)
			return -1;
	return config_check(ret, err);
}

int daemon_inspect(const struct options *o)
{
	struct config cfg = {0};
	struct inspection in = {.cfg = &cfg, .file = -1, .out = -1, .scratch = -1};
	struct dr_err err = DR_ERR_INIT;
	int rc;

	rc = read_limits(o, &cfg, &err);
	if (rc == 0)
		rc = set_up(&in, o, &err);
	if (rc == 0)
		rc = run_decoder(&in, &err);
	if (rc == 0) {
		hash_final_hex(in.hash, in.sha256);
		print(&in, o, &err);
	}
	if (o->decode && in.out >= 0 && (rc < 0 || dr_err_is_set(&in.refusal)))
		unlink(o->decode);
	finish(&in);
	config_done(&cfg);
	if (rc < 0) {
		complain(&err);
		return 2;
	}
	return dr_err_is_set(&in.refusal) ? 1 : 0;
}
