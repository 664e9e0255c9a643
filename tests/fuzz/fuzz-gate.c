/* SPDX-License-Identifier: Apache-2.0
 *
 * What one side of the gate may send to the other; paths, login names and key lines. What is taken
 * is written as it was read; a path is clean, and stays so. */
#include <assert.h>
#include <string.h>

#include "gate/gate.h"
#include "sftp/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *text, size_t len)
{
	char path[GATE_PATH_TEXT], again[GATE_PATH_TEXT], container[GATE_CONTAINER_BYTES + 1];
	struct dr_err err = DR_ERR_INIT;
	const char *object;

	if (gate_path_clean(text, len, path, &err) < 0)
		return;
	assert(path[0] == '/' && !strstr(path, "//") && !strstr(path, "/../"));
	assert(gate_path_clean(path, strlen(path), again, &err) == 0 && strcmp(path, again) == 0);
	object = gate_path_split(path, container);
	assert(strlen(object) <= GATE_OBJECT_BYTES && !strchr(container, '/'));
}

static void check_request(const uint8_t *data, size_t size)
{
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	struct gate_request rq;
	struct login_name name;

	if (gate_request_parse(data, size, &rq, &err) < 0)
		return;
	gate_request_format(&rq, &b);
	assert(b.len == size && memcmp(b.p, data, size) == 0);
	check_path(rq.path, strlen(rq.path));
	(void)login_name_parse(rq.path, &name);
	if (key_listed(rq.other, rq.path))
		assert(strstr(rq.other, strchr(rq.path, rq.path[strcspn(rq.path, " \t\r\n")]) + 1));
}

static void check_answer(const uint8_t *data, size_t size)
{
	struct dr_err err = DR_ERR_INIT;
	struct gate_answer a;
	struct gate_entry e;
	struct rd r;

	if (gate_answer_parse(data, size, &a, &err) < 0)
		return;
	r = rd_init(a.data, a.len);
	while (gate_entry_next(&r, &e))
		assert(strlen(e.name) < sizeof e.name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_request(data, size);
	check_answer(data, size);
	check_path((const char *)data, size);
	return 0;
}
