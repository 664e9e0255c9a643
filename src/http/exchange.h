/* SPDX-License-Identifier: Apache-2.0
 *
 * One request and its answer: libmicrohttpd's callbacks for it, and the server as they see it.
 * Private to http/. */
#ifndef DR_HTTP_EXCHANGE_H
#define DR_HTTP_EXCHANGE_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "http/crew.h"
#include "http/guard.h"
#include "http/http.h"
#include "util/mutex.h"

struct http_server {
	struct http_config cfg;
	char own_url[300];
	uint16_t port;
	struct MHD_Daemon *mhd;
	struct crew *crew;
	struct guard *guard;
	atomic_bool stopping;
	atomic_uint streams, uploads;
	atomic_size_t held; /* bytes of bodies in memory */
	struct dr_mutex lock;
	struct dr_cond idle;
	unsigned running; /* lock; requests from their complete head to their end */
};

/* MHD_OPTION_URI_LOG_CALLBACK: the exchange begins with its request line. */
void *exchange_start(void *cls, const char *uri, struct MHD_Connection *connection);
/* The access handler: called for the head, for each part of the body, for its end, and after each
 * time the connection was resumed. */
enum MHD_Result exchange_go_on(void *cls, struct MHD_Connection *connection, const char *url,
			       const char *method, const char *version, const char *upload,
			       size_t *upload_len, void **context);
/* MHD_OPTION_NOTIFY_COMPLETED: answered, or the client is gone. */
void exchange_end(void *cls, struct MHD_Connection *connection, void **context,
		  enum MHD_RequestTerminationCode why);

#endif
