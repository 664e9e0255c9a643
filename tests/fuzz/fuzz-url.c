/* SPDX-License-Identifier: Apache-2.0
 *
 * A URL, and after a newline perhaps a Location header: whatever is accepted has one canonical form
 * that means the same again, and is made of harmless characters. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transport/policy.h"
#include "transport/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct transport_url *u)
{
	static const char host[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.:";
	struct transport_url again;
	struct dr_err err = DR_ERR_INIT;

	assert(strspn(u->host, host) == strlen(u->host) && u->host[0]);
	assert(u->port != 0);
	assert(strncmp(u->text, u->tls ? "https://" : "http://", u->tls ? 8 : 7) == 0);
	for (const char *s = u->text; *s; s++)
		assert(*s > 0x20 && *s < 0x7F && *s != '\\' && *s != '#');
	assert(!strchr(u->host, ':') || u->literal);
	assert(transport_url_parse(&again, u->text, &err) == 0);
	assert(strcmp(again.text, u->text) == 0 && strcmp(again.host, u->host) == 0);
	assert(again.port == u->port && again.literal == u->literal);
	assert(memcmp(&again.addr, &u->addr, sizeof u->addr) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transport_policy policy;
	struct transport_url u, to;
	struct dr_err err = DR_ERR_INIT;
	char *text = malloc(size + 1);
	char *location;

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	location = strchr(text, '\n');
	if (location)
		*location++ = 0;
	transport_policy_init(&policy);
	if (transport_url_parse(&u, text, &err) == 0) {
		check_accepted(&u);
		(void)!transport_url_permit(&u, &policy, &err);
		dr_err_clear(&err);
		if (location && transport_url_resolve(&to, &u, location, &err) == 0)
			check_accepted(&to);
	}
	transport_policy_done(&policy);
	free(text);
	return 0;
}
