/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/input.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"

#include "util/banned.h"

int input_init(struct input *in, struct stream *s, struct dr_err *err)
{
	*in = (struct input){.s = s, .buf = malloc(INPUT_BYTES)};
	return in->buf ? 0 : dr_fail_nomem(err);
}

void input_done(struct input *in)
{
	stream_close(in->s);
	free(in->buf);
	*in = (struct input){0};
}

ssize_t input_fill(struct input *in, size_t want, struct dr_err *err)
{
	ssize_t n;

	assert(want > 0 && want <= INPUT_BYTES);
	while (input_left(in) < want) {
		if (in->pos + want > INPUT_BYTES || in->pos == in->end) {
			memmove(in->buf, in->buf + in->pos, input_left(in));
			in->end -= in->pos;
			in->pos = 0;
		}
		n = stream_read(in->s, in->buf + in->end, INPUT_BYTES - in->end, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		in->end += (size_t)n;
	}
	return (ssize_t)input_left(in);
}

ssize_t input_take(struct input *in, void *dst, size_t n, struct dr_err *err)
{
	size_t got = 0;
	ssize_t more;

	while (got < n) {
		size_t part = dr_min_size(n - got, input_left(in));

		if (part > 0) {
			memcpy((uint8_t *)dst + got, input_bytes(in), part);
			input_skip(in, part);
			got += part;
			continue;
		}
		/* Much is wanted and nothing is buffered: no detour. */
		if (n - got >= INPUT_BYTES) {
			more = stream_read(in->s, (uint8_t *)dst + got, n - got, err);
			if (more > 0) {
				got += (size_t)more;
				in->taken += (uint64_t)more;
			}
		} else {
			more = input_fill(in, 1, err);
		}
		if (more < 0)
			return -1;
		if (more == 0)
			break;
	}
	return (ssize_t)got;
}
