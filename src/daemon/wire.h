/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/wire: the only place that names concrete drivers. */
#ifndef DR_DAEMON_WIRE_H
#define DR_DAEMON_WIRE_H

#include "catalogue/catalogue.h"
#include "store/store.h"

/* A store URL is "dir:/path". UNSUPPORTED for another scheme. */
int wire_store_create(const char *url, struct dr_err *err) DR_MUST_CHECK;
int wire_store_open(struct store **ret, const char *url, struct dr_err *err) DR_MUST_CHECK;
/* A catalogue URL is "sqlite:/path". */
int wire_catalogue_create(const char *url, struct dr_err *err) DR_MUST_CHECK;
int wire_catalogue_open(struct catalogue **ret, const char *url, struct dr_err *err) DR_MUST_CHECK;

#endif
