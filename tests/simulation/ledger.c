/*
 * The ledger: see ledger.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct entry {
    uint8_t fate;
    uint8_t at;     /* who emitted it last     */
    uint8_t keeper; /* whose user code, or mail, has it */
    uint8_t rounds;
    uint32_t had;   /* of a broadcaster: by consumer */
    uint32_t order; /* in which it was emitted       */
};

static struct ledger {
    unsigned used[LEDGER_SOURCES];
    bool shares[LEDGER_SOURCES];
    bool ordered[LEDGER_SOURCES];
    uint64_t emitted; /* ever: also what was refused then */
    uint64_t refused;
    uint64_t emitted_shared; /* by broadcasters, and not refused */
    uint64_t handled;        /* likewise */
    uint64_t handled_shared;
    struct entry entry[LEDGER_SOURCES][LEDGER_NUMBERS];
} ledger;

void ledger_begin(void) {
    memset(&ledger, 0, offsetof(struct ledger, entry));
}

void ledger_shares(unsigned source, bool ordered) {
    ledger.shares[source] = true;
    ledger.ordered[source] = ordered;
}

bool ledger_is_shared(unsigned source) {
    return ledger.shares[source];
}

static unsigned source_of(uint64_t identity) {
    return (unsigned)(identity >> 32) - 1;
}

static struct entry *find(uint64_t identity) {
    uint64_t number = identity & UINT32_MAX;
    unsigned source = source_of(identity);
    if (source >= LEDGER_SOURCES || number >= ledger.used[source])
        sim_fail("an event that nobody made: %" PRIx64, identity);
    return &ledger.entry[source][number];
}

uint64_t ledger_new(unsigned source) {
    unsigned number = ledger.used[source];
    if (number == LEDGER_NUMBERS) return 0;
    ledger.used[source]++;
    ledger.entry[source][number] = (struct entry){.fate = KEPT, .keeper = (uint8_t)source};
    return (uint64_t)(source + 1) << 32 | number;
}

enum fate ledger_fate(uint64_t identity) {
    return (enum fate)find(identity)->fate;
}

bool ledger_is(uint64_t identity, enum fate fate, unsigned keeper) {
    const struct entry *entry = find(identity);
    return entry->fate == fate && entry->keeper == keeper;
}

unsigned ledger_rounds(uint64_t identity) {
    return find(identity)->rounds;
}

void ledger_round(uint64_t identity) {
    find(identity)->rounds++;
}

/* --- in and out of weir ------------------------------------------------------------------- */

void ledger_out(uint64_t identity, unsigned at) {
    struct entry *entry = find(identity);
    SIM_REQUIRE(entry->fate == KEPT || entry->fate == MAILED || entry->fate == MAILING);
    SIM_REQUIRE(!ledger.shares[at] || source_of(identity) == at);
    entry->fate = OUT;
    entry->at = (uint8_t)at;
    entry->order = (uint32_t)++ledger.emitted;
    ledger.emitted_shared += ledger.shares[at];
}

void ledger_refused(uint64_t identity) {
    struct entry *entry = find(identity);
    if (entry->fate != OUT || entry->had != 0)
        sim_fail("event %" PRIx64 " was refused, and came all the same", identity);
    entry->fate = REFUSED;
    ledger.refused++;
    ledger.emitted_shared -= ledger.shares[entry->at];
}

static uint64_t copy_came(unsigned consumer, struct entry *entry) {
    SIM_REQUIRE((entry->had >> consumer & 1) == 0);
    entry->had |= UINT32_C(1) << consumer;
    ledger.handled_shared++;
    return ledger_new(consumer);
}

uint64_t ledger_came(unsigned consumer, unsigned from, uint64_t identity) {
    struct entry *entry = find(identity);
    if (entry->fate != OUT)
        sim_fail("event %" PRIx64 " came to node %u, but its fate was %d before", identity,
                 consumer, entry->fate);
    SIM_REQUIRE(from == LEDGER_ANYBODY || from == entry->at);
    ledger.handled++;
    if (ledger.shares[entry->at]) return copy_came(consumer, entry);
    entry->fate = KEPT;
    entry->keeper = (uint8_t)consumer;
    return identity;
}

/* --- with user code ----------------------------------------------------------------------- */

void ledger_becomes(uint64_t identity, enum fate fate, unsigned keeper) {
    struct entry *entry = find(identity);
    SIM_REQUIRE(entry->fate == KEPT || entry->fate == MAILED || entry->fate == MAILING);
    entry->fate = (uint8_t)fate;
    entry->keeper = (uint8_t)keeper;
}

unsigned ledger_count(unsigned keeper, enum fate fate) {
    unsigned count = 0;
    for (unsigned source = 0; source < LEDGER_SOURCES; source++)
        for (unsigned i = 0; i < ledger.used[source]; i++) {
            const struct entry *entry = &ledger.entry[source][i];
            count += entry->fate == fate && entry->keeper == keeper;
        }
    return count;
}

void ledger_all_become(unsigned keeper, enum fate from, enum fate to) {
    for (unsigned source = 0; source < LEDGER_SOURCES; source++)
        for (unsigned i = 0; i < ledger.used[source]; i++) {
            struct entry *entry = &ledger.entry[source][i];
            if (entry->fate == from && entry->keeper == keeper) entry->fate = (uint8_t)to;
        }
}

/* --- the books are closed ------------------------------------------------------------------ */

static uint64_t count_out(void) {
    uint64_t count = 0;
    for (unsigned source = 0; source < LEDGER_SOURCES; source++)
        for (unsigned i = 0; i < ledger.used[source]; i++) {
            const struct entry *entry = &ledger.entry[source][i];
            count += entry->fate == OUT && !ledger.shares[entry->at];
        }
    return count;
}

void ledger_compare(const weir_accounts *accounts, uint64_t discarded) {
    if (accounts->emitted != ledger.emitted - ledger.refused)
        sim_fail("%" PRIu64 " events were accepted, weir counts %" PRIu64,
                 ledger.emitted - ledger.refused, accounts->emitted);
    if (accounts->handled != ledger.handled)
        sim_fail("%" PRIu64 " events were handled, weir counts %" PRIu64, ledger.handled,
                 accounts->handled);
    SIM_REQUIRE(accounts->discarded == discarded);
    uint64_t shared = ledger.emitted_shared - accounts->multicast + accounts->copies;
    uint64_t missing = count_out() + shared - ledger.handled_shared;
    uint64_t weirs = accounts->buffered + accounts->in_flight;
    if (missing != discarded + weirs)
        sim_fail("%" PRIu64 " events are missing: %" PRIu64 " were told, %" PRIu64 " are weir's",
                 missing, discarded, weirs);
}

/* When the first came to this consumer; afterwards, each did. */
static uint32_t first_of(unsigned source, uint32_t bit) {
    uint32_t first = UINT32_MAX;
    for (unsigned i = 0; i < ledger.used[source]; i++) {
        const struct entry *entry = &ledger.entry[source][i];
        if ((entry->had & bit) != 0 && entry->order < first) first = entry->order;
    }
    return first;
}

static void all_shared(unsigned source) {
    uint32_t firsts[32];
    for (unsigned c = 0; c < 32; c++) firsts[c] = first_of(source, UINT32_C(1) << c);
    for (unsigned i = 0; i < ledger.used[source]; i++) {
        const struct entry *entry = &ledger.entry[source][i];
        if (entry->fate == REFUSED || entry->fate == HANDLED || entry->fate == MERGED) continue;
        if (entry->fate != OUT || entry->had == 0)
            sim_fail("number %u of broadcaster %u came to nobody", i, source);
        for (unsigned c = 0; c < 32 && ledger.ordered[source]; c++)
            if (entry->order > firsts[c] && (entry->had >> c & 1) == 0)
                sim_fail("number %u of broadcaster %u did not come to node %u", i, source, c);
    }
}

void ledger_is_clean(void) {
    for (unsigned source = 0; source < LEDGER_SOURCES; source++) {
        if (ledger.shares[source]) {
            all_shared(source);
            continue;
        }
        for (unsigned i = 0; i < ledger.used[source]; i++) {
            enum fate fate = (enum fate)ledger.entry[source][i].fate;
            if (fate != HANDLED && fate != MERGED && fate != REFUSED)
                sim_fail("all have finished, and number %u of node %u has the fate %d", i, source,
                         fate);
        }
    }
}

void ledger_tell(void) {
    static const char *const fates[] = {"not yet", "out",     "refused", "kept", "mailing",
                                        "mailed",  "handled", "merged",  "left"};
    for (unsigned source = 0; source < LEDGER_SOURCES; source++)
        for (unsigned i = 0; i < ledger.used[source]; i++) {
            const struct entry *entry = &ledger.entry[source][i];
            if (entry->fate == HANDLED || entry->fate == MERGED) continue;
            fprintf(stderr, "  event %u of node %u: %s, at %u, keeper %u, had %x\n", i, source,
                    fates[entry->fate], entry->at, entry->keeper, (unsigned)entry->had);
        }
}
