/*
 * The version of weir, and what a program may rely on when that changes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The numbers stand in this file alone: the package's version, the shared
 * library's name and version of its symbols, and the text below are all made from
 * them.
 *
 * Until 1.0 a change of the minor number may change the interface.  A program that
 * was linked with libweir.so.0.2 runs with every 0.2.x, and the loader refuses to
 * start it with anything else.
 *
 * Within one minor version structs grow into their `reserved` room, and nothing
 * moves.  Initializers leave that room zero, which means the default for whatever
 * comes to lie there: so a program that was compiled before knows nothing of it, and
 * gets the defaults.  One that was compiled later, sets something new and runs with
 * an earlier library is refused with WEIR_INVALID and a sentence that names the
 * struct.  What weir fills in is zero where the library knows nothing of it yet.
 * Values to copy and keep (references, subscriptions, children, tokens, batches)
 * stay as they are.
 */
#ifndef WEIR_VERSION_H
#define WEIR_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 2
#define WEIR_VERSION_PATCH 0

/* One number to compare with: 0.2.0 is 200, 1.2.3 is 10203. */
#define WEIR_VERSION (WEIR_VERSION_MAJOR * 10000 + WEIR_VERSION_MINOR * 100 + WEIR_VERSION_PATCH)

/* "0.2.0". Two steps, because the operand of # is not expanded. */
#define WEIR_VERSION_QUOTE_(a, b, c) #a "." #b "." #c
#define WEIR_VERSION_QUOTE(a, b, c)  WEIR_VERSION_QUOTE_(a, b, c)
#define WEIR_VERSION_TEXT \
    WEIR_VERSION_QUOTE(WEIR_VERSION_MAJOR, WEIR_VERSION_MINOR, WEIR_VERSION_PATCH)

/*
 * The version of the library that the program runs with, as WEIR_VERSION and as
 * WEIR_VERSION_TEXT; those two say what it was compiled with.
 * Threads    any; wait-free.
 */
unsigned weir_version(void);
const char *weir_version_text(void);

#ifdef __cplusplus
}
#endif
#endif
