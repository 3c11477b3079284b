/*
 * Dispatching without memory: weir's own dispatchers, and one of the program's.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: in each scenario what famine.h says, whichever allocation fails.
 * Method: as in test_flow.c, with each dispatcher's own ways to keep events.
 */
#include "support/cmocka.h"
#include "support/famine.h"

#include <string.h>

static uint32_t number_of(const void *event) {
    uint64_t number;
    memcpy(&number, event, sizeof number);
    return (uint32_t)number;
}

/* ---- broadcast ----------------------------------------------------------- */

static bool is_even(void *context, const void *event) {
    (void)context;
    return number_of(event) % 2 == 0;
}

static bool is_high(void *context, const void *event) {
    (void)context;
    return number_of(event) % 50 > 20;
}

static void are_high(void *context, weir_batch batch, bool *wanted) {
    const struct famine *famine = context;
    const unsigned char *event = batch.events;
    for (size_t i = 0; i < batch.count; i++, event += famine->event_bytes)
        wanted[i] = is_high(NULL, event);
}

static void play_broadcast(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    const weir_stage_options broadcast = {.dispatcher = weir_broadcast_dispatcher()};
    weir_subscription left = {0};
    s[0] =
        (struct famine_stage){.name = "producer", .kind = WEIR_PRODUCER, .limit = 250, .piece = 3};
    s[1] = (struct famine_stage){
        .name = "middle", .kind = WEIR_PRODUCER_CONSUMER, .emits = FAMINE_FORWARDS};
    s[2] = (struct famine_stage){.name = "even", .kind = WEIR_CONSUMER, .view = 1};
    s[3] = (struct famine_stage){.name = "high", .kind = WEIR_CONSUMER, .view = 2};
    s[4] = (struct famine_stage){.name = "all", .kind = WEIR_CONSUMER, .view = 3};
    s[5] = (struct famine_stage){.name = "end", .kind = WEIR_CONSUMER};
    famine_start(famine, &s[0], &broadcast);
    famine_start(famine, &s[1], &broadcast);
    for (int i = 2; i < 6; i++) famine_start(famine, &s[i], NULL);
    famine_subscribe_with(famine, 1, 0,
                          (weir_subscribe_options){.max_demand = 60, .min_demand = 50}, NULL);
    famine_subscribe_with(
        famine, 2, 0,
        (weir_subscribe_options){.max_demand = 30, .min_demand = 10, .selector = is_even}, NULL);
    famine_subscribe_with(
        famine, 3, 0,
        (weir_subscribe_options){.max_demand = 10, .min_demand = 5, .selector = is_high}, NULL);
    famine_subscribe_with(famine, 4, 0, (weir_subscribe_options){.max_demand = 90, .min_demand = 9},
                          &left);
    famine_subscribe_with(famine, 5, 1,
                          (weir_subscribe_options){.max_demand = 20, .min_demand = 10}, NULL);
    famine_step(famine, 30);
    famine_cast(famine, 0, 20);
    famine_step(famine, 30);
    famine_done(famine, weir_cancel(famine->runtime, left, WEIR_REASON_NORMAL));
    famine_rest(famine);
}

static void a_broadcast(void **state) {
    (void)state;
    famine_run(
        &(struct famine_scenario){.name = "broadcast", .play = play_broadcast, .endless = true});
}

/* The same without who leaves: all must come to its end. */
static void play_selectors(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){.name = "producer", .kind = WEIR_PRODUCER, .limit = 250};
    s[1] = (struct famine_stage){.name = "even", .kind = WEIR_CONSUMER, .view = 1};
    s[2] = (struct famine_stage){.name = "high", .kind = WEIR_CONSUMER, .view = 2};
    famine_start(famine, &s[0], &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    famine_start(famine, &s[1], NULL);
    famine_start(famine, &s[2], NULL);
    famine_subscribe_with(
        famine, 1, 0,
        (weir_subscribe_options){.max_demand = 40, .min_demand = 10, .selector = is_even}, NULL);
    famine_subscribe_with(
        famine, 2, 0,
        (weir_subscribe_options){
            .max_demand = 10, .min_demand = 5, .select_many = are_high, .selector_context = famine},
        NULL);
}

static void selectors(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "selectors", .play = play_selectors});
}

/* ---- shared -------------------------------------------------------------- */

static void play_shared(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    const weir_shared_dispatcher_options options = {.entries = 4};
    s[0] =
        (struct famine_stage){.name = "producer", .kind = WEIR_PRODUCER, .limit = 250, .piece = 3};
    s[1] = (struct famine_stage){.name = "taker", .kind = WEIR_CONSUMER};
    s[2] = (struct famine_stage){.name = "other", .kind = WEIR_CONSUMER};
    s[3] = (struct famine_stage){.name = "dies", .kind = WEIR_CONSUMER, .dies_after = 30};
    s[4] = (struct famine_stage){.name = "asks", .kind = WEIR_CONSUMER, .manual = 9};
    famine_start(famine, &s[0],
                 &(weir_stage_options){.dispatcher = weir_shared_dispatcher(),
                                       .dispatcher_options = &options});
    s[0].maker->orderless = true;
    for (int i = 1; i < 5; i++) famine_start(famine, &s[i], NULL);
    famine_subscribe(famine, &s[1], s[0].ref, 40, 10);
    famine_subscribe(famine, &s[2], s[0].ref, 60, 20);
    famine_step(famine, 3);
    famine_subscribe(famine, &s[3], s[0].ref, 20, 15);
    famine_cast(famine, 0, 40);
    famine_inform(famine, 0, 1);
    famine_step(famine, 3);
    famine_subscribe(famine, &s[4], s[0].ref, 20, 10);
    famine_rest(famine);
}

/* What is left of the queue is taken, or nobody is left to take it. */
static void end_shared(struct famine *famine) {
    famine_cast(famine, 0, 100);
    famine_step(famine, 1);
    famine_done(famine, weir_stop(famine->runtime, famine->stages[0].ref, WEIR_REASON_NORMAL));
    famine_step(famine, 2);
    for (int i = 1; i < 5; i++) {
        (void)weir_stop(famine->runtime, famine->stages[i].ref, WEIR_REASON_NORMAL);
    }
    famine_rest(famine);
}

static void a_shared_queue(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "shared", .play = play_shared, .end = end_shared, .endless = true});
}

/* ---- one of the program's own: each consumer has a hold ------------------- */

enum { SEATS = 4 };

struct seat {
    weir_outlet *consumer;
    weir_hold *hold;
    uint64_t demand;
};

struct table {
    weir_desk *desk;
    struct seat seats[SEATS];
    uint64_t owed; /* asked upstream and not answered */
};

static weir_status table_init(void *state, weir_desk *desk, const void *options) {
    struct table *table = state;
    (void)options;
    table->desk = desk;
    for (int i = 0; i < SEATS; i++) {
        table->seats[i].hold = weir_hold_open(desk);
        if (table->seats[i].hold == NULL) return WEIR_NO_MEMORY;
    }
    return WEIR_OK;
}

static struct seat *seat_of(struct table *table, weir_outlet *consumer) {
    int i = 0;
    while (i < SEATS - 1 && table->seats[i].consumer != consumer) i++;
    return &table->seats[i];
}

static weir_reason table_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct seat *seat = seat_of(state, NULL);
    *upstream = 0;
    if (seat->consumer != NULL) return WEIR_REASON_REFUSED;
    seat->consumer = consumer;
    return WEIR_REASON_NORMAL;
}

static void serve(struct seat *seat) {
    if (seat->consumer != NULL && seat->demand > 0) {
        seat->demand -= weir_hold_send(seat->hold, seat->consumer, seat->demand);
    }
}

static uint64_t table_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct table *table = state;
    struct seat *seat = seat_of(table, consumer);
    seat->demand += count;
    serve(seat);
    table->owed += count;
    return count;
}

static uint64_t table_cancel(void *state, weir_outlet *consumer) {
    struct seat *seat = seat_of(state, consumer);
    seat->consumer = NULL;
    seat->demand = 0;
    return 0;
}

static uint64_t table_open(const void *state) {
    const struct table *table = state;
    return table->owed;
}

/* Turn by turn, each its seat; what was lost on the way there is demanded anew. */
static void table_dispatch(void *state, weir_run *run, uint64_t count) {
    struct table *table = state;
    uint64_t lost = 0;
    for (; count > 0 && table->owed > 0; count--) {
        struct seat *seat = &table->seats[number_of(weir_run_events(run).events) % SEATS];
        lost += 1 - weir_run_hold(run, seat->hold, 1);
        table->owed--;
        serve(seat);
    }
    table->owed += lost;
    weir_run_demand(run, lost);
}

static bool table_give_back(void *state, weir_outlet *consumer, weir_run *events) {
    struct table *table = state;
    (void)consumer; /* it has been forgotten */
    weir_run_hold_first(events, table->seats[0].hold, weir_run_count(events));
    serve(&table->seats[0]);
    return false;
}

static void table_info(void *state, weir_notice *info) {
    struct table *table = state;
    for (int i = 0; i < SEATS; i++) (void)weir_hold_info(table->seats[i].hold, info);
}

static const weir_dispatcher own = {.name = "table",
                                    .state_bytes = sizeof(struct table),
                                    .init = table_init,
                                    .subscribe = table_subscribe,
                                    .ask = table_ask,
                                    .cancel = table_cancel,
                                    .dispatch = table_dispatch,
                                    .open_demand = table_open,
                                    .give_back = table_give_back,
                                    .info = table_info};

static void play_own(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] =
        (struct famine_stage){.name = "producer", .kind = WEIR_PRODUCER, .limit = 250, .piece = 10};
    famine_start(famine, &s[0], &(weir_stage_options){.dispatcher = &own});
    s[0].maker->orderless = true;
    for (int i = 1; i < 5; i++) {
        s[i] = (struct famine_stage){.name = "consumer", .kind = WEIR_CONSUMER};
        if (i == 2) s[i].dies_after = 25;
        famine_start(famine, &s[i], NULL);
        famine_subscribe(famine, &s[i], s[0].ref, 20, 10);
    }
    for (uint64_t i = 0; i < 6; i++) {
        famine_cast(famine, 0, 10);
        famine_inform(famine, 0, i);
        famine_step(famine, 5);
    }
    famine_rest(famine);
}

static void a_dispatcher_of_ones_own(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "own", .play = play_own, .partitions = true, .endless = true});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broadcast),
        cmocka_unit_test(selectors),
        cmocka_unit_test(a_shared_queue),
        cmocka_unit_test(a_dispatcher_of_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
