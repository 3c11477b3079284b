/*
 * Pages: see page.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/page.h"

#include "memory/poison.h"

enum { PAGES_KEPT = 64 };

static size_t usual_bytes(void) {
    return WEIR__PAGE_BYTES - sizeof(struct weir__page);
}

static void free_page_memory(struct weir__pages *pages, struct weir__page *page) {
    weir__unpoison(page->at, page->bytes);
    weir__free(pages->allocator, page, sizeof *page + page->bytes);
}

static void unlink_page(struct weir__pages *pages, struct weir__page *page) {
    *(page->previous == NULL ? &pages->all : &page->previous->next) = page->next;
    if (page->next != NULL) {
        page->next->previous = page->previous;
    }
}

static struct weir__page *make_page(struct weir__pages *pages, size_t bytes) {
    struct weir__page *page = weir__alloc(pages->allocator, sizeof *page + bytes, 64);
    if (page != NULL) {
        *page = (struct weir__page){.next = pages->all, .bytes = bytes};
        if (page->next != NULL) {
            page->next->previous = page;
        }
        pages->all = page;
    }
    return page;
}

static void retire_page(struct weir__pages *pages, struct weir__page *page) {
    if (page->bytes != usual_bytes() || pages->free_count == PAGES_KEPT) {
        unlink_page(pages, page);
        free_page_memory(pages, page);
        return;
    }
    weir__poison(page->at, page->bytes); /* who still reads there reads what is settled */
    page->next_free = pages->free;
    pages->free = page;
    pages->free_count++;
}

/* An empty one of the usual size. */
static struct weir__page *fresh_page(struct weir__pages *pages) {
    struct weir__page *page = pages->free;
    if (page == NULL) {
        return make_page(pages, usual_bytes());
    }
    pages->free = page->next_free;
    pages->free_count--;
    weir__unpoison(page->at, page->bytes);
    page->used = 0;
    return page;
}

char *weir__pages_more_room(struct weir__pages *pages, size_t bytes, struct weir__page **page) {
    if (bytes > WEIR__PAGE_SHARED) {
        *page = make_page(pages, bytes);
        return *page == NULL ? NULL : weir__page_take(*page, bytes);
    }
    struct weir__page *open = pages->open;
    struct weir__page *fresh = fresh_page(pages);
    if (fresh == NULL) {
        return NULL;
    }
    pages->open = fresh;
    if (open != NULL && open->refs == 0) {
        retire_page(pages, open);
    }
    *page = fresh;
    return weir__page_take(fresh, bytes);
}

void weir__pages_empty(struct weir__pages *pages, struct weir__page *page) {
    if (page == pages->open) {
        page->used = 0;
    } else {
        retire_page(pages, page);
    }
}

void weir__pages_close(struct weir__pages *pages) {
    while (pages->all != NULL) {
        struct weir__page *page = pages->all;
        pages->all = page->next;
        free_page_memory(pages, page);
    }
    *pages = (struct weir__pages){.allocator = pages->allocator};
}
