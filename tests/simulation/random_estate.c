/*
 * The estate of a random graph: see random_estate.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "random_estate.h"

#include <inttypes.h>
#include <string.h>

enum title_state { WEIRS = 1, GIVEN_UP };

static struct estate {
    bool owned;
    uint64_t titles; /* given out; from 1 */
    uint64_t weirs;
    uint8_t state[TITLES]; /* an enum title_state */
} estate;

bool estate_is_owned(void) {
    return estate.owned;
}

static uint64_t title_of(const void *event) {
    uint64_t title;
    memcpy(&title, (const char *)event + sizeof(uint64_t), sizeof title);
    return title;
}

static void expect_weirs(uint64_t title, const char *what) {
    if (title == 0 || title > estate.titles || estate.state[title] != WEIRS)
        sim_fail("title %" PRIu64 " was %s, and was not weir's", title, what);
}

static void give_up(const void *event, const char *what) {
    uint64_t title = title_of(event);
    expect_weirs(title, what);
    estate.state[title] = GIVEN_UP;
    estate.weirs--;
}

static void write_title(void *event) {
    uint64_t title = ++estate.titles;
    if (title == TITLES) sim_fail("more than %d titles", TITLES);
    estate.state[title] = WEIRS;
    estate.weirs++;
    memcpy((char *)event + sizeof(uint64_t), &title, sizeof title);
}

/* --- the types ------------------------------------------------------------------------------ */

static void drop_titles(void *context, const void *events, size_t count, weir_discard why) {
    const weir_event_type *type = context;
    SIM_REQUIRE((unsigned)why < WEIR_DISCARD_CAUSES);
    for (size_t i = 0; i < count; i++) give_up((const char *)events + i * type->bytes, "dropped");
}

static bool copy_title(void *context, const void *event, void *copy) {
    const weir_event_type *type = context;
    expect_weirs(title_of(event), "copied");
    memcpy(copy, event, type->bytes);
    write_title(copy);
    return true;
}

static weir_event_type small = {
    .bytes = 16, .drop = drop_titles, .copy = copy_title, .context = &small};
static weir_event_type large = {
    .bytes = 48, .drop = drop_titles, .copy = copy_title, .context = &large};

const weir_event_type *estate_type(size_t event_bytes) {
    if (!estate.owned) return NULL;
    return event_bytes == small.bytes ? &small : event_bytes == large.bytes ? &large : NULL;
}

/* --- with the program ------------------------------------------------------------------------ */

void estate_begin(bool owned) {
    estate.owned = owned;
    estate.titles = 0;
    estate.weirs = 0;
}

void estate_write(void *events, size_t event_bytes, size_t count) {
    for (size_t i = 0; estate.owned && i < count; i++)
        write_title((char *)events + i * event_bytes);
}

void estate_return(const void *events, size_t event_bytes, size_t count) {
    for (size_t i = 0; estate.owned && i < count; i++)
        give_up((const char *)events + i * event_bytes, "returned");
}

void estate_look(const void *events, size_t event_bytes, size_t count) {
    for (size_t i = 0; estate.owned && i < count; i++)
        expect_weirs(title_of((const char *)events + i * event_bytes), "handled");
}

/* --- the books are closed ----------------------------------------------------------------- */

void estate_compare(const weir_accounts *accounts) {
    uint64_t weirs = accounts->accepted + accounts->copied - accounts->taken - accounts->dropped;
    if (weirs != estate.weirs)
        sim_fail("weir has %" PRIu64 " titles, and counts %" PRIu64, estate.weirs, weirs);
}

void estate_is_over(void) {
    for (uint64_t title = 1; title <= estate.titles; title++)
        if (estate.state[title] != GIVEN_UP) sim_fail("title %" PRIu64 " is still weir's", title);
}
