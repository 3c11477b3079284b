/* The version of weir, as macros. CMake reads the three numbers from here.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The numbers stand in this file alone: the package's version, the shared
 * library's name and the text below are all made from them. Until 1.0 a change
 * of the minor number may change the interface.
 */
#ifndef WEIR_VERSION_H
#define WEIR_VERSION_H

#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 1
#define WEIR_VERSION_PATCH 0

/* One number to compare with: 0.1.0 is 100, 1.2.3 is 10203. */
#define WEIR_VERSION (WEIR_VERSION_MAJOR * 10000 + WEIR_VERSION_MINOR * 100 + WEIR_VERSION_PATCH)

/* "0.1.0". Two steps, because the operand of # is not expanded. */
#define WEIR_VERSION_QUOTE_(a, b, c) #a "." #b "." #c
#define WEIR_VERSION_QUOTE(a, b, c)  WEIR_VERSION_QUOTE_(a, b, c)
#define WEIR_VERSION_TEXT \
    WEIR_VERSION_QUOTE(WEIR_VERSION_MAJOR, WEIR_VERSION_MINOR, WEIR_VERSION_PATCH)

#endif
