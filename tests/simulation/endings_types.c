/*
 * What events own in the graphs of endings.c: nothing, or a drop, or bytes as well.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each time that an identity is given to weir, weir owes one drop of it, whatever becomes of the
 * event; where it refuses, and where it passes an event on, it does not.  Events with spans have
 * their identity in what those point at, once or several times: what comes out of weir points
 * into memory of weir's.
 */
#include "endings.h"

#include <string.h>

enum { SPAN_TIMES = 3 };

static struct {
    bool typed;
    const weir_event_type *type;
    uint64_t given;
    uint64_t text[LEDGER_SOURCES][LEDGER_NUMBERS][SPAN_TIMES]; /* what the program has */
    uint8_t owed[LEDGER_SOURCES][LEDGER_NUMBERS];
} types;

static bool with_spans(void) {
    return types.type != NULL && types.type->spans > 0;
}

static unsigned source_in(uint64_t identity) {
    unsigned source = (unsigned)(identity >> 32) - 1;
    SIM_REQUIRE(source < LEDGER_SOURCES && (identity & UINT32_MAX) < LEDGER_NUMBERS);
    return source;
}

static uint8_t *owed(uint64_t identity) {
    return &types.owed[source_in(identity)][identity & UINT32_MAX];
}

static bool is_ours(const char *at) {
    const char *first = (const char *)types.text;
    return at >= first && at < first + sizeof types.text;
}

static uint64_t read_identity(const void *event) {
    uint64_t identity;
    if (!with_spans()) {
        memcpy(&identity, event, sizeof identity);
        return identity;
    }
    const weir_bytes *span = event;
    uint64_t last;
    memcpy(&identity, span->at, sizeof identity);
    memcpy(&last, span->at + span->count - sizeof last, sizeof last);
    SIM_REQUIRE(identity == last && span->reserved == 0);
    SIM_REQUIRE(span->count / sizeof identity == 1 + identity % SPAN_TIMES);
    return identity;
}

uint64_t endings_identity(const void *event) {
    if (with_spans()) SIM_REQUIRE(!is_ours(((const weir_bytes *)event)->at));
    return read_identity(event);
}

/* --- giving and giving back ------------------------------------------------------------------ */

void endings_owe(uint64_t identity) {
    if (types.type == NULL) return;
    ++*owed(identity);
    types.given++;
}

void endings_refused(const uint64_t *identities, size_t count) {
    for (size_t i = 0; types.type != NULL && i < count; i++) {
        SIM_REQUIRE(*owed(identities[i]) > 0);
        --*owed(identities[i]);
        types.given--;
    }
}

static weir_bytes text_of(uint64_t identity) {
    uint64_t *text = types.text[source_in(identity)][identity & UINT32_MAX];
    for (unsigned i = 0; i < SPAN_TIMES; i++) text[i] = identity;
    return (weir_bytes){.at = (const char *)text,
                        .count = (uint32_t)(sizeof identity * (1 + identity % SPAN_TIMES))};
}

void endings_write(void *place, const uint64_t *identities, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct event event = {.identity = identities[i], .rest = {identities[i]}};
        if (with_spans()) {
            const weir_bytes text = text_of(identities[i]);
            memcpy(&event, &text, sizeof text);
        }
        memcpy((char *)place + i * graph.event_bytes, &event, graph.event_bytes);
        endings_owe(identities[i]);
    }
}

/* --- the types -------------------------------------------------------------------------------- */

static void drop_events(void *context, const void *events, size_t count, weir_discard why) {
    (void)context;
    SIM_REQUIRE(count > 0 && (unsigned)why < WEIR_DISCARD_CAUSES);
    for (size_t i = 0; i < count; i++) {
        /* The newest are dropped from where the pusher has them: they may be ours. */
        uint64_t identity = read_identity((const char *)events + i * graph.event_bytes);
        if (*owed(identity) == 0) sim_fail("an event was dropped that was not given, or twice");
        --*owed(identity);
    }
}

void endings_types_begin(bool typed) {
    types.typed = typed;
    types.type = NULL;
    types.given = 0;
    if (typed) memset(types.owed, 0, sizeof types.owed);
}

void endings_types_draw(void) {
    static const weir_event_type all[] = {
        {.bytes = 8, .drop = drop_events},
        {.bytes = 48, .drop = drop_events},
        {.bytes = 16, .spans = 1, .drop = drop_events},
        {.bytes = 48, .spans = 1, .drop = drop_events},
    };
    if (!types.typed) return;
    types.type = &all[sim_draw(4)];
    graph.event_bytes = types.type->bytes;
}

const weir_event_type *endings_type(void) {
    return types.type;
}

bool endings_slices(void) {
    return with_spans() && sim_draw(4) == 0;
}

/* There is room for four events, however long. */
size_t endings_capacity_bytes(void) {
    size_t most = graph.event_bytes + SPAN_TIMES * sizeof(uint64_t);
    return types.type != NULL && sim_draw(2) == 0 ? 4 * most + (size_t)sim_draw(most) : 0;
}

void endings_types_over(const weir_accounts *accounts) {
    if (types.type == NULL) return;
    SIM_REQUIRE(accounts->accepted == types.given);
    SIM_REQUIRE(accounts->dropped == types.given && accounts->taken == 0);
    for (unsigned source = 0; source < LEDGER_SOURCES; source++)
        for (unsigned i = 0; i < LEDGER_NUMBERS; i++)
            if (types.owed[source][i] != 0)
                sim_fail("event %u of node %u was never dropped", i, source);
}
