/*
 * Inlets, ports and iterators with events that own something, without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: in each scenario what famine.h says, whichever allocation fails; and that each event
 * was dropped exactly once by weir if it was accepted, and never if it was refused.
 * Method: the scenes of test_parts.c, with numbers that a type's `drop` checks off.
 */
#include "support/cmocka.h"
#include "support/famine.h"
#include "support/famine_inlet.h"

#include <string.h>

/* ---- the ledger ------------------------------------------------------------- */

/* Of the one maker that there is. */
static struct {
    weir_event_type type;
    uint8_t dropped[FAMINE_NUMBERS];
    uint64_t sum;
    uint64_t handled;
} ledger;

static void drop(void *context, const void *events, size_t count, weir_discard why) {
    struct famine *famine = context;
    const uint64_t *event = events;
    for (size_t i = 0; i < count; i++, event += famine->words) {
        FAMINE_REQUIRE(famine, event[0] < FAMINE_NUMBERS);
        FAMINE_REQUIRE(famine, ledger.dropped[event[0]] == 0);
        ledger.dropped[event[0]] = 1;
    }
    ledger.sum += count;
    ledger.handled += why == WEIR_DISCARD_HANDLED ? count : 0;
}

static const weir_event_type *open_ledger(struct famine *famine) {
    memset(&ledger, 0, sizeof ledger);
    ledger.type = (weir_event_type){.bytes = famine->event_bytes, .drop = drop, .context = famine};
    return &ledger.type;
}

/* What was not accepted, and was or will be pushed, was not dropped. */
static void check_refused(const struct famine *famine, const struct famine_maker *maker) {
    for (uint32_t i = maker->next; i < FAMINE_NUMBERS; i++) {
        FAMINE_REQUIRE(famine, ledger.dropped[i] == 0);
    }
}

static void check_ledger(const struct famine *famine) {
    FAMINE_REQUIRE(famine, ledger.sum == famine->emitted);
    FAMINE_REQUIRE(famine, ledger.handled == famine->handled);
}

/* ---- inlets and ports ---------------------------------------------------- */

static void inlets(void **state) {
    (void)state;
    famine_run_inlets(&(struct famine_inlet_scene){
        .type = open_ledger, .pushed = check_refused, .closed = check_ledger});
}

/* ---- iterators ----------------------------------------------------------- */

static struct famine_maker *iterated;

/* Whatever it makes is weir's, whether there is memory to send it or not. */
static weir_made next(void *context, weir_room room) {
    struct famine *famine = context;
    uint32_t left = iterated->limit - iterated->next;
    uint32_t count = room.count < 7 ? (uint32_t)room.count : 7;
    count = count < left ? count : left;
    famine_numbers(famine, iterated, room.events, count);
    famine_made(famine, iterated, room.events, count);
    iterated->next += count;
    bool end = iterated->next == iterated->limit;
    return (weir_made){count, end ? WEIR_ITERATOR_END : WEIR_ITERATOR_MORE};
}

static void play_iterator(struct famine *famine) {
    const weir_iterator_options options = {.type = open_ledger(famine),
                                           .next = next,
                                           .discarded = famine_discarded,
                                           .context = famine};
    weir_ref ref = {0};
    iterated = famine_add_maker(famine, (weir_ref){0});
    iterated->limit = 100;
    iterated->unasked = true; /* what it was asked for is the iterator's to know */
    famine_done(famine, weir_iterator_start(famine->runtime, &options, &ref));
    iterated->ref = ref;
    famine_start_consumer(famine, 0, ref, 30);
    famine_rest(famine);
}

static void iterators(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "iterator", .play = play_iterator, .closed = check_ledger, .endless = true});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inlets),
        cmocka_unit_test(iterators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
