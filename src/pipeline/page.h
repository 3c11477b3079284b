/*
 * Pages: where a source's thread copies what it has pulled.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A page is filled with one message's bytes after the other, and counted by those: as they are
 * settled, in whatever order, it comes free, and is filled again, so a steady flow allocates
 * nothing.  What is longer than a good part of a page has one of its own.
 *
 *   refs == messages that have bytes there;  a page without any is `open`, free, or freed
 *
 * No threads: the owner's, but for the bytes themselves, which a message's stages read.  What they
 * do comes before it is settled (returns.h RT1 -> RT2).
 */
#ifndef WEIR__PIPELINE_PAGE_H
#define WEIR__PIPELINE_PAGE_H

#include "base/atomic.h"
#include "memory/allocator.h"

enum { WEIR__PAGE_BYTES = 65536, WEIR__PAGE_SHARED = WEIR__PAGE_BYTES / 4, WEIR__PAGE_AHEAD = 512 };

struct weir__page {
    struct weir__page *next; /* among all */
    struct weir__page *previous;
    struct weir__page *next_free;
    uint32_t refs;
    uint32_t used;
    size_t bytes;
    char at[];
};

struct weir__pages {
    const struct weir__allocator *allocator;
    struct weir__page *all;
    struct weir__page *open; /* being filled, or NULL */
    struct weir__page *free;
    uint32_t free_count;
};

/* The same of what does not fit into the open page / of a page that nobody has any more. */
char *weir__pages_more_room(struct weir__pages *pages, size_t bytes, struct weir__page **page);
void weir__pages_empty(struct weir__pages *pages, struct weir__page *page);

static inline char *weir__page_take(struct weir__page *page, size_t bytes) {
    char *at = page->at + page->used;
    page->used += (uint32_t)bytes;
    page->refs++;
    weir__prefetch_to_write(at + WEIR__PAGE_AHEAD); /* it was read elsewhere */
    weir__prefetch_to_write(at + WEIR__PAGE_AHEAD + 64);
    return at;
}

/* Bytes for a message, 1 or more, in *page, which the message holds.  NULL: no memory. */
static inline char *weir__pages_room(struct weir__pages *pages, size_t bytes,
                                     struct weir__page **page) {
    struct weir__page *open = pages->open;
    if (open == NULL || bytes > WEIR__PAGE_SHARED || open->bytes - open->used < bytes) {
        return weir__pages_more_room(pages, bytes, page);
    }
    *page = open;
    return weir__page_take(open, bytes);
}

/* A message's bytes are not looked at any more.  page: NULL, or where they are. */
static inline void weir__pages_let_go(struct weir__pages *pages, struct weir__page *page) {
    if (page != NULL && --page->refs == 0) {
        weir__pages_empty(pages, page);
    }
}

/* Frees all. */
void weir__pages_close(struct weir__pages *pages);

#endif
