/*
 * Checks: what must hold inside weir, whatever the program does.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A check that fails is a defect of weir (or of memory overwritten by
 * somebody), so there is nothing to return to: it prints and aborts.  A bad
 * argument of the program's is never checked this way; it is refused with a
 * status.  Compiled in when WEIR_CHECKS is defined or NDEBUG is not; else the
 * condition is not evaluated, but still counts as a use of what it names.
 *
 * A checker, weir__X_check, looks at the equations that stand in the head of X's file, one
 * check for each, so that who fails says which.  It is beside the code that keeps them, and
 * there in checked builds only.  Those that take a step are called as the operation ends that
 * might have broken them; those that walk, when a worker comes to rest (runtime/check.c).
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

/* Calls a checker; nothing at all in other builds. */
#if WEIR__CHECKED
#define WEIR__VERIFY(call) (call)
#else
#define WEIR__VERIFY(call) ((void)sizeof((call), 0))
#endif

/* A checker leaves lists alone that are longer: ten thousand are not walked ten thousand times. */
enum { WEIR__CHECK_MOST = 256 };

#endif
