/* SPDX-License-Identifier: Apache-2.0
 *
 * util/sanitized: DR_SANITIZED is 1 in builds under AddressSanitizer or ThreadSanitizer, which need
 * address space and system calls of their own. */
#ifndef DR_UTIL_SANITIZED_H
#define DR_UTIL_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DR_SANITIZED 1
#endif
#endif
#ifndef DR_SANITIZED
#define DR_SANITIZED 0
#endif

#endif
