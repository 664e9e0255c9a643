/* SPDX-License-Identifier: Apache-2.0 */
#include "wrap.h"

#include <bzlib.h>
#include <lz4frame.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "util/banned.h"

#define XZ_BLOCK ((size_t)4096)

static size_t lz4(const uint8_t *p, size_t len, bool linked, uint8_t *out, size_t room)
{
	LZ4F_preferences_t how = LZ4F_INIT_PREFERENCES;

	how.frameInfo.blockSizeID = LZ4F_max64KB;
	how.frameInfo.blockMode = linked ? LZ4F_blockLinked : LZ4F_blockIndependent;
	how.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
	how.frameInfo.blockChecksumFlag = linked ? LZ4F_noBlockChecksum : LZ4F_blockChecksumEnabled;
	how.frameInfo.contentSize = linked ? 0 : len;
	return LZ4F_compressFrame(out, room, p, len, &how);
}

static size_t xz(const uint8_t *p, size_t len, uint8_t *out, size_t room)
{
	lzma_options_lzma lzma;
	lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &lzma}, {LZMA_VLI_UNKNOWN, NULL}};
	lzma_stream_flags flags = {.check = LZMA_CHECK_CRC32};
	lzma_index *index = lzma_index_init(NULL);
	size_t at = LZMA_STREAM_HEADER_SIZE;
	lzma_ret rc = LZMA_OK;

	if (!index || lzma_lzma_preset(&lzma, 0) || lzma_stream_header_encode(&flags, out))
		abort();
	lzma.dict_size = 65536;
	for (size_t done = 0, n = 0; rc == LZMA_OK && done < len; done += n) {
		lzma_block b = {.check = flags.check, .filters = filters};

		n = len - done < XZ_BLOCK ? len - done : XZ_BLOCK;
		rc = lzma_block_buffer_encode(&b, NULL, p + done, n, out, &at, room);
		if (rc == LZMA_OK)
			rc = lzma_index_append(index, NULL, lzma_block_unpadded_size(&b),
					       b.uncompressed_size);
	}
	if (rc == LZMA_OK)
		rc = lzma_index_buffer_encode(index, out, &at, room);
	flags.backward_size = lzma_index_size(index);
	if (rc == LZMA_OK && room - at >= LZMA_STREAM_HEADER_SIZE)
		rc = lzma_stream_footer_encode(&flags, out + at);
	lzma_index_end(index, NULL);
	return rc == LZMA_OK ? at + LZMA_STREAM_HEADER_SIZE : 0;
}

static size_t gzip(const uint8_t *p, size_t len, uint8_t *out, size_t room)
{
	z_stream z = {0};
	int rc;

	if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_in = (z_const Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	rc = deflate(&z, Z_FINISH);
	deflateEnd(&z);
	return rc == Z_STREAM_END ? room - z.avail_out : 0;
}

static size_t bzip2(const uint8_t *p, size_t len, uint8_t *out, size_t room)
{
	unsigned n = (unsigned)room;

	if (BZ2_bzBuffToBuffCompress((char *)out, &n, (char *)(uintptr_t)p, (unsigned)len, 1, 0,
				     0) != BZ_OK)
		return 0;
	return n;
}

uint8_t *wrap_make(enum wrap kind, const uint8_t *p, size_t len, size_t *ret_len)
{
	size_t room = 2 * len + len / XZ_BLOCK * 128 + 4096, n = 0;
	uint8_t *out = malloc(room);

	if (!out)
		abort();
	switch (kind) {
	case WRAP_NONE:
		if (len)
			memcpy(out, p, len);
		*ret_len = len;
		return out;
	case WRAP_LZ4:
	case WRAP_LZ4_LINKED:
		n = lz4(p, len, kind == WRAP_LZ4_LINKED, out, room);
		break;
	case WRAP_XZ:
		n = xz(p, len, out, room);
		break;
	case WRAP_GZIP:
		n = gzip(p, len, out, room);
		break;
	case WRAP_ZSTD:
		n = ZSTD_compress(out, room, p, len, 1);
		break;
	case WRAP_BZIP2:
		n = bzip2(p, len, out, room);
		break;
	}
	if (n == 0 || n > room)
		abort();
	*ret_len = n;
	return out;
}
