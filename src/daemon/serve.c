/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroomd serve: the root object, the fronts, the job runner and the collector. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api.h"
#include "daemon/collector.h"
#include "daemon/daemon.h"
#include "daemon/own.h"
#include "daemon/sftp_front.h"
#include "daemon/wire.h"
#include "http/http.h"
#include "ingest/selftest.h"
#include "job/runner.h"
#include "library/library.h"
#include "orbit/orbit.h"
#include "swift/swift.h"
#include "transport/policy.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define DRAIN_MS 10000
#define LARGE_BUFFER (128 << 10)
#define LANES_MAX 32U
#define MOST_THREADS 8 /* by default: each may hold some MiB, in every import that runs */

/* The root object. */
struct daemon {
	struct config cfg;
	int lock;
	char owner[64];
	char spool[4096];
	char **allow, **deny; /* owned */
	struct catalogue *catalogue;
	struct store *store;
	struct job_runner *runner;
	struct collector *collector;
	struct http_server *http;
	struct library library;
	struct orbit orbit;
	struct sftp_front *sftp;
	char origin[OWN_ORIGIN_TEXT]; /* own.h; known when the port is */
	atomic_bool ready;            /* all of the above is there */
	bool imports_refused;         /* the decoder's walls do not hold here */
};

static void wake_jobs(void *arg)
{
	struct daemon *d = arg;

	if (d->runner)
		job_runner_wake(d->runner);
}

/* take_lock: one daemon per data directory. The lock dies with the process. */
static int take_lock(struct daemon *d, struct dr_err *err)
{
	dr_autobuf struct buf path = BUF_INIT;

	buf_printf(&path, "%s/lock", d->cfg.data);
	d->lock = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock < 0)
		return dr_fail_errno(err, "cannot open %s", buf_str(&path));
	if (flock(d->lock, LOCK_EX | LOCK_NB) != 0)
		return dr_fail(err, DR_BUSY, "another darkroomd is serving %s", d->cfg.data);
	return 0;
}

/* reclaim: what a daemon of this data directory was running when it died goes back to the queue.
 * The lock says that it is dead; without this the leases would have to run out first. */
static int reclaim(struct daemon *d, struct dr_err *err)
{
	dr_autofree struct job *jobs = NULL;
	size_t n = 0;
	const size_t node = (size_t)(strchr(d->owner, '/') - d->owner) + 1;

	if (catalogue_job_list(d->catalogue, &jobs, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (jobs[i].state != JOB_RUNNING || strncmp(jobs[i].owner, d->owner, node) != 0)
			continue;
		dr_log(DR_INFO, "what=reclaim job=%lld image=%s", (long long)jobs[i].id,
		       jobs[i].image);
		if (catalogue_job_release(d->catalogue, jobs[i].id, jobs[i].owner, RETURN_DIED, 0,
					  "", err) < 0)
			return -1;
	}
	return 0;
}

/* name_owner: "<node>/<pid>": the node is this data directory's inode and host, so that several
 * daemons on one catalogue stay apart. */
static void name_owner(struct daemon *d)
{
	struct stat st = {0};
	char host[24] = "";

	if (fstat(d->lock, &st) != 0 || gethostname(host, sizeof host - 1) != 0)
		host[0] = 0;
	snprintf(d->owner, sizeof d->owner, "%s-%llx/%d", host, (unsigned long long)st.st_ino,
		 (int)getpid());
}

static void handle(void *ctx, struct http_request *rq, struct http_response *rs)
{
	static const char alive[] = "{\"status\":\"ok\"}\n";
	static const char no_imports[] = "{\"status\":\"ok\",\"imports\":\"refused\"}\n";
	static const char nothing[] = "{\"error_name\":\"missing_resource\",\"errors\":[\"There is "
				      "nothing at this path\"]}";
	struct daemon *d = ctx;

	if (!atomic_load(&d->ready)) {
		http_add(rs, "Retry-After", "1");
		http_refuse(rs, 503, "starting", "The server is starting");
	} else if (api_handles(rq)) {
		api_handle(&d->library, rq, rs);
	} else if (swift_handles(rq)) {
		swift_handle(&d->orbit, rq, rs);
	} else if (strcmp(http_path(rq), "/healthz") == 0) {
		http_status(rs, 200);
		if (d->imports_refused)
			http_send(rs, "application/json", no_imports, sizeof no_imports - 1);
		else
			http_send(rs, "application/json", alive, sizeof alive - 1);
	} else {
		http_status(rs, 404);
		http_send(rs, "application/json; charset=utf-8", nothing, sizeof nothing - 1);
	}
}

static bool receives(void *ctx, const struct http_request *rq)
{
	(void)ctx;
	return swift_receives(rq);
}

static void log_request(void *ctx, const struct http_request *rq, unsigned status, uint64_t bytes,
			uint64_t ms)
{
	dr_autobuf struct buf path = BUF_INIT;

	(void)ctx;
	dr_quote(&path, http_path(rq), 200);
	dr_log(DR_INFO, "what=request id=%s peer=%s method=%s path=%s status=%u bytes=%llu ms=%llu",
	       http_request_id(rq), http_peer(rq), http_method_name(rq), buf_str(&path), status,
	       (unsigned long long)bytes, (unsigned long long)ms);
}

int daemon_split_listen(const char *key, const char *text, char host[static 256], uint16_t *ret,
			struct dr_err *err)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!colon || n == 0 || n >= 256 || !dr_parse_u64(colon + 1, 0, 65535, &port))
		return dr_fail(err, DR_INVALID, "%s takes HOST:PORT, such as 127.0.0.1:8877", key);
	if (text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	memcpy(host, text, n);
	host[n] = 0;
	*ret = (uint16_t)port;
	return 0;
}

/* start_http: what comes before the rest is there is refused. */
static int start_http(struct daemon *d, struct dr_err *err)
{
	char host[256];
	struct http_config hc = {
		.host = host,
		.workers = (unsigned)d->cfg.http_workers,
		.connections = (unsigned)d->cfg.http_connections,
		.max_body = (size_t)1 << 20,
		.idle_seconds = (unsigned)d->cfg.http_idle_seconds,
		.public_url = d->cfg.http_public_url,
		.log = d->cfg.log_requests ? log_request : NULL,
		.receives = receives,
		.handle = handle,
		.ctx = d,
	};

	if (daemon_split_listen("http.listen", d->cfg.http_listen, host, &hc.port, err) < 0)
		return -1;
	if (http_start(&d->http, &hc, err) < 0)
		return -1;
	if (own_origin(d->cfg.http_public_url, host, http_port(d->http), d->origin, err) < 0)
		return -1;
	if (!d->origin[0])
		dr_log(DR_WARN,
		       "what=public_url note=\"not set: temporary URLs of this Orbit are not "
		       "known as such, and not imported from\"");
	return 0;
}

static void set_up_library(struct daemon *d)
{
	const struct config *c = &d->cfg;

	d->library = (struct library){
		.catalogue = d->catalogue,
		.store = d->store,
		.limits = {.virtual_bytes = c->import_virtual_bytes,
			   .upload_bytes = c->import_upload_bytes,
			   .stored_bytes = c->account_stored_bytes,
			   .imports_per_account = c->import_per_account},
		.dedup_global = strcmp(c->store_dedup, "global") == 0,
		.import_allow = (const char *const *)d->allow,
		.import_deny = (const char *const *)d->deny,
		.import_ports = c->import_ports,
		.import_nat64 = c->import_nat64,
		.public_url = d->origin,
		.wake_jobs = wake_jobs,
		.wake_arg = d,
	};
	d->orbit = (struct orbit){
		.library = &d->library,
		.object_bytes = c->orbit_object_bytes,
		.account_bytes = c->orbit_account_bytes,
		.tempurls = {.sha1 = c->orbit_tempurl_sha1,
			     .farthest = (int64_t)c->orbit_tempurl_days * 86400},
		.public_url = d->origin,
		.lanes = (unsigned)dr_min_size(2 * (size_t)daemon_processors(), LANES_MAX),
	};
}

static int start_runner(struct daemon *d, struct dr_err *err)
{
	const struct config *c = &d->cfg;
	const unsigned cpus = daemon_processors();
	struct job_config jc = {
		.catalogue = d->catalogue,
		.store = d->store,
		.owner = d->owner,
		.imports = c->import_concurrent ? (unsigned)c->import_concurrent : cpus,
		.imports_per_account = c->import_per_account,
		.account_stored_bytes = c->account_stored_bytes,
		.spool_reserve = c->import_spool_reserve,
		.dedup_global = d->library.dedup_global,
		.order = {.allow = (const char *const *)d->allow,
			  .deny = (const char *const *)d->deny,
			  .ports = c->import_ports,
			  .store = c->store_url,
			  .spool = d->spool,
			  .virtual_bytes = c->import_virtual_bytes,
			  .upload_bytes = c->import_upload_bytes,
			  .memory_bytes = c->import_decoder_memory,
			  .address_bytes = c->import_decoder_address,
			  .nat64 = c->import_nat64,
			  .attempts = c->import_attempts,
			  .backoff_seconds = c->import_backoff_seconds,
			  .connect_seconds = c->import_connect_seconds,
			  .first_byte_seconds = c->import_first_byte_seconds,
			  .stall_seconds = c->import_stall_seconds,
			  .total_seconds = c->import_total_seconds,
			  .cpu_seconds = c->import_cpu_seconds,
			  .decoder_stall_seconds = c->import_decoder_stall_seconds,
			  .decoder_cpu = c->import_decoder_cpu,
			  .decoder_cpu_data = c->import_decoder_cpu_data,
			  .decoder_cpu_holes = c->import_decoder_cpu_holes,
			  .hurry = c->import_hurry,
			  .threads = c->import_threads ? (unsigned)c->import_threads
						       : (unsigned)dr_min_u64(cpus, MOST_THREADS)},
		.open_own = own_open,
		.own_arg = &d->orbit,
	};

	return job_runner_start(&d->runner, &jc, err);
}

static int start_collector(struct daemon *d, struct dr_err *err)
{
	const struct collector_config cc = {
		.catalogue = d->catalogue,
		.store = d->store,
		.collect_seconds = d->cfg.store_collect_seconds,
		.grace_seconds = d->cfg.store_grace_seconds,
		.expire_seconds = d->cfg.orbit_expire_seconds,
	};

	return collector_start(&d->collector, &cc, err);
}

static void log_policy(const struct daemon *d)
{
	for (size_t i = 0; d->allow[i]; i++) {
		dr_autobuf struct buf q = BUF_INIT;

		dr_quote(&q, d->allow[i], 80);
		dr_log(DR_WARN, "what=import_allow range=%s note=\"imports may reach this range\"",
		       buf_str(&q));
	}
}

/* check_policy: what is wrong in it is said now, not by every import. */
static int check_policy(const struct daemon *d, struct dr_err *err)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	transport_policy_init(&p);
	for (size_t i = 0; d->allow[i]; i++)
		if (transport_policy_allow(&p, d->allow[i], err) < 0)
			return dr_while(err, "import.allow");
	for (size_t i = 0; d->deny[i]; i++)
		if (transport_policy_deny(&p, d->deny[i], err) < 0)
			return dr_while(err, "import.deny");
	if (transport_policy_set_ports(&p, d->cfg.import_ports, err) < 0)
		return dr_while(err, "import.ports");
	return 0;
}

/* check_walls: without them no import is run here. What is registered stays in the queue: another
 * daemon of the catalogue may take it, or this one when it was started again on a mended host. */
static void check_walls(struct daemon *d)
{
	const uint64_t began = dr_now_ms();
	struct dr_err err = DR_ERR_INIT;

	if (selftest_run(&err) == 0) {
		dr_log(DR_INFO, "what=sandbox result=ok ms=%llu",
		       (unsigned long long)(dr_now_ms() - began));
		return;
	}
	d->imports_refused = d->cfg.import_require_sandbox;
	if (d->imports_refused)
		dr_log(DR_ERROR,
		       "what=sandbox result=refused error=\"%s\" note=\"no import runs here until "
		       "this is mended; see darkroomd admin doctor\"",
		       err.msg);
	else
		dr_log(DR_WARN,
		       "what=sandbox result=ignored error=\"%s\" note=\"import.require_sandbox is "
		       "off: whoever may register an image may take over this host\"",
		       err.msg);
}

static int start(struct daemon *d, struct dr_err *err)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};

	for (int i = 0; i < 4; i++)
		if (strcmp(levels[i], d->cfg.log_level) == 0)
			dr_log_level((enum dr_level)i);
	d->allow = config_list(d->cfg.import_allow);
	d->deny = config_list(d->cfg.import_deny);
	if (!d->allow || !d->deny)
		return dr_fail_nomem(err);
	if (check_policy(d, err) < 0)
		return -1;
	/* While there is neither a thread nor anything open that a child could inherit. */
	check_walls(d);
	/* Before the lock, which would be made in a directory that is none of ours. */
	if (wire_catalogue_open(&d->catalogue, d->cfg.catalogue_url, err) < 0)
		return dr_while(err, "catalogue");
	if (take_lock(d, err) < 0 || auth_init(err) < 0)
		return -1;
	name_owner(d);
	/* A restored data directory has none. */
	snprintf(d->spool, sizeof d->spool, "%s/spool", d->cfg.data);
	if (mkdir(d->spool, 0700) != 0 && errno != EEXIST)
		return dr_fail_errno(err, "cannot make %s", d->spool);
	if (wire_store_open(&d->store, d->cfg.store_url, err) < 0)
		return dr_while(err, "store");
	if (reclaim(d, err) < 0)
		return -1;
	set_up_library(d);
	log_policy(d);
	if (start_http(d, err) < 0)
		return -1;
	if ((!d->imports_refused && start_runner(d, err) < 0) || start_collector(d, err) < 0)
		return -1;
	if (sftp_front_start(&d->sftp, &d->cfg, &d->orbit, err) < 0)
		return -1;
	atomic_store(&d->ready, true);
	return 0;
}

static void stop(struct daemon *d)
{
	if (d->http)
		http_stop(d->http, DRAIN_MS);
	sftp_front_stop(d->sftp);
	job_runner_stop(d->runner);
	collector_stop(d->collector);
	store_close(d->store);
	catalogue_close(d->catalogue);
	config_list_free(d->allow);
	config_list_free(d->deny);
	if (d->lock >= 0)
		close(d->lock);
	config_done(&d->cfg);
}

/* notify: tell the service manager (sd_notify(3)'s protocol: a datagram to $NOTIFY_SOCKET). */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	dr_autofd int fd = -1;
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		dr_log(DR_WARN, "what=notify error=\"cannot reach NOTIFY_SOCKET\"");
}

static void print_ready(const struct daemon *d)
{
	const char *colon = strrchr(d->cfg.http_listen, ':');

	printf("ready http=%.*s:%u", (int)(colon - d->cfg.http_listen), d->cfg.http_listen,
	       (unsigned)http_port(d->http));
	if (d->sftp)
		printf(" sftp=%s", sftp_front_address(d->sftp));
	putchar('\n');
	fflush(stdout);
	notify("READY=1");
}

int daemon_serve(const struct options *o)
{
	struct daemon d = {.lock = -1};
	struct dr_err err = DR_ERR_INIT;
	sigset_t signals;
	int sig = 0, rc;

	umask(077);
	signal(SIGPIPE, SIG_IGN);
	/* The buffers of transfers go back to the system with them. Left to itself malloc raises
	 * this limit with each of them that is freed, and keeps the memory of the busiest hour. */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER);
	/* Every thread inherits the mask; this one waits for the signals. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	rc = options_config(o, &d.cfg, &err);
	if (rc == 0)
		rc = start(&d, &err);
	if (rc < 0) {
		complain(&err);
		stop(&d);
		return 1;
	}
	print_ready(&d);
	do
		rc = sigwait(&signals, &sig);
	while (rc == 0 && sig == SIGHUP);
	dr_log(DR_INFO, "what=stop signal=%d", sig);
	notify("STOPPING=1");
	stop(&d);
	return 0;
}
