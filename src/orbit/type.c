/* SPDX-License-Identifier: Apache-2.0
 *
 * What a name says about its content, for whoever uploads without saying it. */
#include <string.h>
#include <strings.h>

#include "orbit/orbit_internal.h"
#include "util/str.h"

#include "util/banned.h"

static const struct {
	const char *extension, *type;
} types[] = {
	{"7z", "application/x-7z-compressed"},
	{"avi", "video/x-msvideo"},
	{"bmp", "image/bmp"},
	{"bz2", "application/x-bzip2"},
	{"css", "text/css"},
	{"csv", "text/csv"},
	{"deb", "application/vnd.debian.binary-package"},
	{"gif", "image/gif"},
	{"gz", "application/gzip"},
	{"htm", "text/html"},
	{"html", "text/html"},
	{"ico", "image/vnd.microsoft.icon"},
	{"ics", "text/calendar"},
	{"iso", "application/x-iso9660-image"},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"js", "text/javascript"},
	{"json", "application/json"},
	{"log", "text/plain"},
	{"lz4", "application/x-lz4"},
	{"md", "text/markdown"},
	{"mjs", "text/javascript"},
	{"mov", "video/quicktime"},
	{"mp3", "audio/mpeg"},
	{"mp4", "video/mp4"},
	{"mpeg", "video/mpeg"},
	{"ogg", "audio/ogg"},
	{"pdf", "application/pdf"},
	{"png", "image/png"},
	{"qcow2", "application/x-qemu-disk"},
	{"rtf", "application/rtf"},
	{"sh", "application/x-sh"},
	{"svg", "image/svg+xml"},
	{"tar", "application/x-tar"},
	{"tgz", "application/gzip"},
	{"tif", "image/tiff"},
	{"tiff", "image/tiff"},
	{"txt", "text/plain"},
	{"wasm", "application/wasm"},
	{"wav", "audio/x-wav"},
	{"webm", "video/webm"},
	{"webp", "image/webp"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"xhtml", "application/xhtml+xml"},
	{"xml", "application/xml"},
	{"xz", "application/x-xz"},
	{"yaml", "application/yaml"},
	{"yml", "application/yaml"},
	{"zip", "application/zip"},
	{"zst", "application/zstd"},
};

static const char *guess(const char *name)
{
	const char *base = strrchr(name, '/');
	const char *dot = strrchr(base ? base : name, '.');

	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++) {
		if (strcasecmp(dot + 1, types[i].extension) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

int object_type(const char *given, const char *name, char ret[static CONTENT_TYPE_TEXT],
		struct dr_err *err)
{
	if (!given || !*given)
		given = guess(name);
	if (!dr_text_valid(given, strlen(given)) || !dr_copy(ret, CONTENT_TYPE_TEXT, given))
		return dr_refuse(err, DR_INVALID, "metadata",
				 "A content type is at most %d bytes of printable text",
				 CONTENT_TYPE_TEXT - 1);
	return 0;
}
