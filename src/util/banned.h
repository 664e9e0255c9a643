/* SPDX-License-Identifier: Apache-2.0
 *
 * util/banned: included last in every source file; calling one of these does not compile. */
#ifndef DR_UTIL_BANNED_H
#define DR_UTIL_BANNED_H

#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strncpy
#undef strncat
#undef strtok
#undef gets

#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok gets tmpnam mktemp
#pragma GCC poison atoi atol atoll gmtime localtime ctime asctime strerror

#endif
