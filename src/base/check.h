/*
 * Checks: what must hold inside weir, whatever the program does.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A check that fails is a defect of weir (or of memory overwritten by
 * somebody), so there is nothing to return to: it prints and aborts.  A bad
 * argument of the program's is never checked this way; it is refused with a
 * status.  Compiled in when WEIR_CHECKS is defined or NDEBUG is not; else the
 * condition is not evaluated, but still counts as a use of what it names.
 */
#ifndef WEIR__BASE_CHECK_H
#define WEIR__BASE_CHECK_H

#include "base/attributes.h"

#if defined(WEIR_CHECKS) || !defined(NDEBUG)
#define WEIR__CHECKED 1
#else
#define WEIR__CHECKED 0
#endif

/* Prints "FILE:LINE: check failed: EXPRESSION" on stderr and aborts. */
_Noreturn void weir__check_failed(const char *file, int line, const char *expression);

#if WEIR__CHECKED
#define WEIR__CHECK(condition) \
    (WEIR__LIKELY(condition) ? (void)0 : weir__check_failed(__FILE__, __LINE__, #condition))
#else
#define WEIR__CHECK(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#endif
