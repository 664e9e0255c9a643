/* SPDX-License-Identifier: Apache-2.0
 *
 * seed-qcow2 DIR: writes the seeds of fuzz-qcow2, one small image of each kind. */
#include <stdio.h>

#include "../unit/qcow2img.h"

#include "util/banned.h"

static int write_seed(const char *dir, const char *name, struct img m)
{
	char path[4096];
	FILE *f;
	int rc;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f) {
		perror(path);
		return 1;
	}
	/* the first byte is fuzz-qcow2's own */
	rc = fputc(0, f) == EOF || fwrite(m.p, 1, m.len, f) != m.len;
	rc |= fclose(f) != 0;
	img_free(&m);
	return rc;
}

int main(int argc, char **argv)
{
	int rc = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: seed-qcow2 DIR\n");
		return 2;
	}
	rc |= write_seed(argv[1], "v2", img_make(2, 9, false, false));
	rc |= write_seed(argv[1], "v3", img_make(3, 9, false, false));
	rc |= write_seed(argv[1], "v3-zstd", img_make(3, 9, false, true));
	rc |= write_seed(argv[1], "v3-subclusters", img_make(3, 14, true, false));
	return rc;
}
