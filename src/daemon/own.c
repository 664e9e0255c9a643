/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/own.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orbit/orbit.h"
#include "transport/url.h"
#include "util/cleanup.h"
#include "util/str.h"

#include "util/banned.h"

/* is_any: the address that stands for all of this machine's. */
static bool is_any(const struct transport_url *u)
{
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (!u->literal)
		return false;
	memcpy(&v4, &u->addr, sizeof v4);
	memcpy(&v6, &u->addr, sizeof v6);
	if (u->addr.ss_family == AF_INET)
		return v4.sin_addr.s_addr == htonl(INADDR_ANY);
	return memcmp(&v6.sin6_addr, &any6, sizeof any6) == 0;
}

/* is_origin: nothing stands behind the host and port. */
static bool is_origin(const char *text)
{
	return strpbrk(strstr(text, "://") + 3, "/?#") == NULL;
}

int own_origin(const char *public_url, const char *host, uint16_t port,
	       char ret[static OWN_ORIGIN_TEXT], struct dr_err *err)
{
	const bool bracket = strchr(host, ':') != NULL;
	struct dr_err why = DR_ERR_INIT;
	struct transport_url u;

	if (*public_url) {
		if (transport_url_parse(&u, public_url, &why) < 0 || !is_origin(public_url) ||
		    !dr_copy(ret, OWN_ORIGIN_TEXT, public_url))
			return dr_fail(err, DR_INVALID,
				       "http.public_url takes an origin, such as "
				       "https://images.example or http://10.1.2.3:8877");
		return 0;
	}
	snprintf(ret, OWN_ORIGIN_TEXT, "http://%s%s%s:%u", bracket ? "[" : "", host,
		 bracket ? "]" : "", (unsigned)port);
	if (transport_url_parse(&u, ret, &why) < 0 || is_any(&u))
		ret[0] = 0;
	return 0;
}

static ssize_t read_own(void *arg, void *buf, size_t len, uint64_t pos, struct dr_err *err)
{
	return orbit_reader_read(arg, buf, len, pos, err);
}

static bool file_of_own(void *arg, uint64_t pos, int *ret_fd, uint64_t *ret_at, uint64_t *ret_len)
{
	return orbit_reader_file(arg, pos, ret_fd, ret_at, ret_len);
}

static void close_own(void *arg)
{
	orbit_reader_close(arg);
}

int own_open(void *orbit, const char *url, struct import_source *ret, struct dr_err *err)
{
	struct orbit_reader *reader = NULL;
	dr_autofree struct orbit_object *object = malloc(sizeof *object);
	int rc;

	if (!object)
		return dr_fail_nomem(err);
	rc = orbit_open_url(orbit, url, object, &reader, err);
	if (rc > 0)
		*ret = (struct import_source){.bytes = object->bytes,
					      .read = read_own,
					      .file = file_of_own,
					      .close = close_own,
					      .arg = reader};
	return rc;
}
