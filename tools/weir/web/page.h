/*
 * The files of the page, as they lie in the program: made by embed.cmake from the folder page.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_WEB_PAGE_H
#define TOOL_WEB_PAGE_H

#include <stddef.h>

struct page_file {
    const char *name; /* as in the folder, "page.html" */
    const unsigned char *bytes;
    size_t length;
};

/* Ends with one whose name is NULL. */
extern const struct page_file page_files[];

#endif
