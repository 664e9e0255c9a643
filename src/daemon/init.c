/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth.h"
#include "daemon/daemon.h"
#include "daemon/sftp_front.h"
#include "daemon/wire.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/str.h"

#include "util/banned.h"

#define PASSWORD_TEXT 21

/* prepare_dir: DATA exists, is empty and ours alone. */
static int prepare_dir(const char *dir, struct dr_err *err)
{
	DIR *d;
	const struct dirent *e;
	bool empty = true;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return dr_fail_errno(err, "cannot make %s", dir);
	d = opendir(dir);
	if (!d)
		return dr_fail_errno(err, "cannot read %s", dir);
	while ((e = readdir(d)))
		empty &= strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	closedir(d);
	if (!empty)
		return dr_fail(err, DR_CONFLICT,
			       "%s is not empty; init makes a new data directory and never changes "
			       "an existing one",
			       dir);
	if (chmod(dir, 0700) != 0)
		return dr_fail_errno(err, "cannot set the mode of %s", dir);
	return 0;
}

static int make_parts(const struct config *c, struct dr_err *err)
{
	dr_autobuf struct buf spool = BUF_INIT;

	buf_printf(&spool, "%s/spool", c->data);
	if (mkdir(buf_str(&spool), 0700) != 0)
		return dr_fail_errno(err, "cannot make %s", buf_str(&spool));
	if (wire_store_create(c->store_url, err) < 0)
		return dr_while(err, "store");
	if (wire_catalogue_create(c->catalogue_url, err) < 0)
		return dr_while(err, "catalogue");
	return 0;
}

/* first_tenant: what a fresh installation needs to be used at once. */
struct first_tenant {
	struct account account;
	struct user user;
	struct api_client client;
	char secret[SECRET_TEXT];
	char password[PASSWORD_TEXT];
};

static int make_tenant(struct catalogue *cat, const struct options *o, struct first_tenant *t,
		       struct dr_err *err)
{
	char hash[160];
	char token[TOKEN_TEXT];
	uint8_t secret_hash[SECRET_HASH_BYTES];

	dr_copy(t->account.name, sizeof t->account.name,
		o->account ? o->account : "Default account");
	dr_copy(t->account.status, sizeof t->account.status, "active");
	dr_copy(t->user.name, sizeof t->user.name, "Owner");
	if (!dr_copy(t->user.email, sizeof t->user.email,
		     o->email ? o->email : "owner@darkroom.invalid"))
		return dr_fail(err, DR_INVALID, "--email is too long");
	auth_new_token(token);
	memcpy(t->password, token, PASSWORD_TEXT - 1);
	t->password[PASSWORD_TEXT - 1] = 0;
	if (catalogue_account_create(cat, &t->account, err) < 0 ||
	    auth_password_hash(t->password, hash, err) < 0 ||
	    catalogue_user_create(cat, &t->user, hash, t->account.id, err) < 0)
		return -1;
	dr_copy(t->client.account, sizeof t->client.account, t->account.id);
	dr_copy(t->client.name, sizeof t->client.name, "First client");
	auth_new_secret(t->secret);
	auth_secret_hash(t->secret, secret_hash);
	return catalogue_client_create(cat, &t->client, secret_hash, err);
}

static void print_host_key(void *arg, const char *type, const char *fingerprint)
{
	(void)arg;
	printf("       %-8s %s\n", type, fingerprint);
}

static void print_tenant(const struct first_tenant *t, const struct options *o)
{
	struct dr_err err = DR_ERR_INIT;
	json_t *j;

	if (o->json) {
		j = json_pack("{s:s, s:s, s:s, s:s, s:s}", "account_id", t->account.id, "client_id",
			      t->client.id, "secret", t->secret, "email", t->user.email, "password",
			      t->password);
		json_dumpf(j, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(j);
		return;
	}
	printf("Made %s. These are shown once; only hashes are kept:\n\n"
	       "  account    %s\n  client     %s\n  secret     %s\n"
	       "  user       %s\n  password   %s\n\n"
	       "Next:  darkroomd serve --data %s\n"
	       "then:  brightbox config client_add %s %s http://127.0.0.1:8877\n",
	       o->data, t->account.id, t->client.id, t->secret, t->user.email, t->password, o->data,
	       t->client.id, t->secret);
	printf("       sftp -P 8822 -o User=%s 127.0.0.1\n", t->client.id);
	if (host_keys_each(o->data, print_host_key, NULL, &err) < 0)
		complain(&err);
}

static int make_all(const struct options *o, struct config *c, struct first_tenant *t,
		    struct dr_err *err)
{
	DR_CLEANUP(catalogue_closep) struct catalogue *cat = NULL;

	if (!o->data)
		return dr_fail(err, DR_INVALID, "init needs --data DIR");
	if (prepare_dir(o->data, err) < 0 || options_config(o, c, err) < 0 ||
	    make_parts(c, err) < 0 || host_keys_make(c->data, err) < 0 ||
	    wire_catalogue_open(&cat, c->catalogue_url, err) < 0 || auth_init(err) < 0)
		return -1;
	return make_tenant(cat, o, t, err);
}

int daemon_init(const struct options *o)
{
	struct dr_err err = DR_ERR_INIT;
	struct config c = {0};
	struct first_tenant t = {0};
	int rc;

	umask(077);
	rc = make_all(o, &c, &t, &err);
	config_done(&c);
	if (rc < 0)
		return complain(&err);
	print_tenant(&t, o);
	explicit_bzero(&t, sizeof t);
	return 0;
}
