/*
 * Inlets, ports and iterators with events that own something, without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: in each scenario what famine.h says, whichever allocation fails; and that each event
 * was dropped exactly once by weir if it was accepted, and never if it was refused.
 * Method: those of test_parts.c, with numbers that a type's `drop` checks off.
 */
#include "support/cmocka.h"
#include "support/famine.h"

#include <string.h>

/* ---- the ledger ------------------------------------------------------------- */

/* Of the one maker that there is. */
static struct {
    struct famine *famine;
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

static void open_ledger(struct famine *famine) {
    memset(&ledger, 0, sizeof ledger);
    ledger.famine = famine;
    ledger.type = (weir_event_type){.bytes = famine->event_bytes, .drop = drop, .context = famine};
}

/* What was not accepted, and was or will be pushed, was not dropped. */
static void check_refused(const struct famine_maker *maker) {
    for (uint32_t i = maker->next; i < FAMINE_NUMBERS; i++) {
        FAMINE_REQUIRE(ledger.famine, ledger.dropped[i] == 0);
    }
}

static void check_ledger(const struct famine *famine) {
    FAMINE_REQUIRE(famine, ledger.sum == famine->emitted);
    FAMINE_REQUIRE(famine, ledger.handled == famine->handled);
}

static void start_consumer(struct famine *famine, weir_ref producer, size_t max_demand) {
    struct famine_stage *stage = &famine->stages[0];
    *stage = (struct famine_stage){.name = "consumer", .kind = WEIR_CONSUMER};
    famine_start(famine, stage, NULL);
    famine_subscribe(famine, stage, producer, max_demand, max_demand / 2);
}

/* ---- inlets and ports ---------------------------------------------------- */

static struct {
    weir_inlet *inlet;
    weir_port *port;
    struct famine_maker *maker;
    weir_ref ref;
} in;

/* What is refused is the pusher's: the next push has the same numbers. */
static void push(struct famine *famine, uint32_t count, bool by_port) {
    static struct famine_events events; /* too large for a stack */
    if (in.inlet == NULL || (by_port && in.port == NULL)) return;
    famine_numbers(famine, in.maker, events.words, count);
    weir_status status = by_port ? weir_port_push(in.port, events.words, count, 0)
                                 : weir_inlet_push(in.inlet, events.words, count, 0);
    if (famine_done(famine, status) && (status == WEIR_OK || status == WEIR_DROPPED)) {
        famine_made(famine, in.maker, events.words, count);
        in.maker->next += count;
        in.maker->limit += count;
    }
    check_refused(in.maker);
}

static void play_inlet(struct famine *famine, weir_when_full when_full) {
    memset(&in, 0, sizeof in);
    open_ledger(famine);
    const weir_inlet_options options = {.type = &ledger.type,
                                        .capacity = 20,
                                        .when_full = when_full,
                                        .discarded = famine_discarded,
                                        .context = famine};
    if (!famine_done(famine, weir_inlet_open(famine->runtime, &options, &in.inlet, &in.ref))) {
        in.inlet = NULL;
    }
    in.maker = famine_add_maker(famine, in.ref);
    in.maker->orderless = true; /* between the inlet and its port */
    start_consumer(famine, in.ref, 10);
    bool has_port = when_full != WEIR_DROP_OLDEST && in.inlet != NULL;
    if (has_port && !famine_done(famine, weir_port_open(in.inlet, &in.port))) in.port = NULL;
    for (uint32_t i = 0; i < 14; i++) {
        push(famine, 1 + i % 5, false);
        if (has_port) push(famine, 1 + i % 3, true);
        famine_step(famine, i % 4 * 2);
    }
}

static void end_inlet(struct famine *famine) {
    push(famine, 5, false);
    weir_port_close(in.port);
    weir_inlet_close(in.inlet);
    famine_rest(famine);
}

static void play_refuse(struct famine *famine) {
    play_inlet(famine, WEIR_REFUSE);
}

static void play_drop_newest(struct famine *famine) {
    play_inlet(famine, WEIR_DROP_NEWEST);
}

static void play_drop_oldest(struct famine *famine) {
    play_inlet(famine, WEIR_DROP_OLDEST);
}

static void inlets(void **state) {
    (void)state;
    const struct famine_scenario scenarios[] = {
        {.name = "inlet refuses", .play = play_refuse, .end = end_inlet, .closed = check_ledger},
        {.name = "inlet drops newest",
         .play = play_drop_newest,
         .end = end_inlet,
         .closed = check_ledger},
        {.name = "inlet drops oldest",
         .play = play_drop_oldest,
         .end = end_inlet,
         .closed = check_ledger},
    };
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) famine_run(&scenarios[i]);
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
    open_ledger(famine);
    const weir_iterator_options options = {
        .type = &ledger.type, .next = next, .discarded = famine_discarded, .context = famine};
    weir_ref ref = {0};
    iterated = famine_add_maker(famine, (weir_ref){0});
    iterated->limit = 100;
    iterated->unasked = true; /* what it was asked for is the iterator's to know */
    famine_done(famine, weir_iterator_start(famine->runtime, &options, &ref));
    iterated->ref = ref;
    start_consumer(famine, ref, 30);
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
