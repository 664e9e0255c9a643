/* SPDX-License-Identifier: Apache-2.0 */
#include <libssh/libssh.h>
#include <string.h>

#include "ssh/door.h"
#include "util/cleanup.h"

#include "util/banned.h"

static void key_freep(ssh_key *k)
{
	ssh_key_free(*k);
}

/* own: libssh's text as one of ours. */
static int own(char *text, char **ret, struct dr_err *err)
{
	*ret = text ? strdup(text) : NULL;
	ssh_string_free_char(text);
	return *ret ? 0 : dr_fail_nomem(err);
}

int door_make_key(const char *type, char **ret, struct dr_err *err)
{
	const bool rsa = strcmp(type, "rsa") == 0;
	DR_CLEANUP(key_freep) ssh_key key = NULL;
	char *text = NULL;

	if (ssh_pki_generate(rsa ? SSH_KEYTYPE_RSA : SSH_KEYTYPE_ED25519, rsa ? 3072 : 0, &key) !=
		    SSH_OK ||
	    ssh_pki_export_privkey_base64(key, NULL, NULL, NULL, &text) != SSH_OK)
		return dr_fail(err, DR_IO, "cannot make a host key");
	return own(text, ret, err);
}

int door_key_print(const char *key_text, char **ret, struct dr_err *err)
{
	DR_CLEANUP(key_freep) ssh_key key = NULL;
	unsigned char *hash = NULL;
	char *text;
	size_t len;

	if (ssh_pki_import_privkey_base64(key_text, NULL, NULL, NULL, &key) != SSH_OK ||
	    ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len) != 0)
		return dr_fail(err, DR_INVALID, "a host key cannot be read");
	text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, len);
	ssh_clean_pubkey_hash(&hash);
	return own(text, ret, err);
}
