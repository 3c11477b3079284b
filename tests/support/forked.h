/*
 * Children of fork: what is called there, and what becomes of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A child has rows, of three kinds, and says on stderr which do not hold:
 *   FORKED    the call returns WEIR_FORKED
 *   HARMLESS  the function returns no status: it leaves the sentence
 *   CLOSES    it returns WEIR_OK
 */
#ifndef TESTS_SUPPORT_FORKED_H
#define TESTS_SUPPORT_FORKED_H

#include <stdbool.h>
#include <sys/types.h>
#include <weir/weir.h>

/* Whether a child may allocate and start threads: a sanitizer's allocator may be locked by a
 * thread of the parent's, which is not in the child, and ThreadSanitizer starts no thread there. */
#ifdef __has_feature
#define FORKED_SANITIZER (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FORKED_SANITIZER 1
#else
#define FORKED_SANITIZER 0
#endif
enum { FORKED_MAY_ALLOCATE = !FORKED_SANITIZER };

/* Forks; the child does so, and ends: its exit status, or 128 and the signal.  One that hangs gets
 * SIGALRM. */
int forked_run(void (*child)(void *context), void *context);

/* The same in two steps: 0 in the child, which ends by forked_end. */
pid_t forked_begin(void);
int forked_await(pid_t child);
_Noreturn void forked_end(void);

void forked_row(bool right, const char *row);
bool forked_said(void);

/* Something that is not NULL. */
extern unsigned char forked_place[256];
#define SOME ((void *)forked_place)

#define FORKED(call) \
    (weir_refuse(WEIR_OK, "-"), forked_row((call) == WEIR_FORKED && forked_said(), #call))
#define HARMLESS(call) (weir_refuse(WEIR_OK, "-"), (void)(call), forked_row(forked_said(), #call))
#define CLOSES(call)   forked_row((call) == WEIR_OK, #call)

#endif
