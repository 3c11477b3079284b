/*
 * Emitting, sending, buffering, holding back and handling, without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: in each scenario what famine.h says, whichever allocation fails.
 * Method: small rings and odd pieces, so that messages are of many slices, which
 * overflow, wait, are cut and are gathered; stages that die with what they were sent.
 */
#include "support/cmocka.h"
#include "support/famine.h"

/* ---- producers, producer_consumers, consumers ---------------------------- */

static void play_flow(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){.name = "copies", .kind = WEIR_PRODUCER, .limit = 200, .piece = 3};
    s[1] = (struct famine_stage){
        .name = "writes", .kind = WEIR_PRODUCER, .emits = FAMINE_WRITES, .limit = 150};
    s[2] = (struct famine_stage){
        .name = "forwards", .kind = WEIR_PRODUCER_CONSUMER, .emits = FAMINE_FORWARDS};
    s[3] = (struct famine_stage){.name = "emits", .kind = WEIR_PRODUCER_CONSUMER};
    s[4] = (struct famine_stage){.name = "one", .kind = WEIR_CONSUMER};
    s[5] = (struct famine_stage){.name = "two", .kind = WEIR_CONSUMER};
    for (int i = 0; i < 6; i++) famine_start(famine, &s[i], NULL);
    famine_subscribe(famine, &s[2], s[0].ref, 40, 30);
    famine_subscribe(famine, &s[2], s[1].ref, 100, 10);
    famine_subscribe(famine, &s[3], s[2].ref, 20, 0);
    famine_subscribe(famine, &s[4], s[3].ref, 9, 8);
    famine_subscribe(famine, &s[5], s[3].ref, 30, 10);
}

static void a_flow(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "flow", .play = play_flow});
}

/* The bytes that are under way are few, and counted, whatever is lost of them. */
static void play_bounds(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){.name = "source", .kind = WEIR_PRODUCER, .limit = 200};
    s[1] = (struct famine_stage){.name = "middle", .kind = WEIR_PRODUCER_CONSUMER};
    s[2] = (struct famine_stage){.name = "one", .kind = WEIR_CONSUMER};
    s[3] = (struct famine_stage){.name = "two", .kind = WEIR_CONSUMER};
    for (int i = 0; i < 4; i++) famine_start(famine, &s[i], NULL);
    const size_t some = 40 * famine->event_bytes; /* messages of one event, which fill a ring */
    famine_subscribe_with(
        famine, 1, 0, (weir_subscribe_options){.max_demand = 2, .min_demand = 1, .max_bytes = some},
        NULL);
    famine_subscribe_with(famine, 2, 1, (weir_subscribe_options){.max_bytes = 1}, NULL);
    famine_subscribe_with(famine, 3, 1, (weir_subscribe_options){.max_bytes = some}, NULL);
}

static void bounds(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "bounds", .play = play_bounds});
}

/* ---- consumers that die, and leave --------------------------------------- */

static void play_deaths(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){
        .name = "producer", .kind = WEIR_PRODUCER, .limit = 250, .piece = 7, .quits_refused = true};
    s[1] = (struct famine_stage){.name = "dies", .kind = WEIR_CONSUMER, .dies_after = 30};
    s[2] =
        (struct famine_stage){.name = "middle", .kind = WEIR_PRODUCER_CONSUMER, .dies_after = 60};
    s[3] = (struct famine_stage){.name = "asks", .kind = WEIR_CONSUMER, .manual = 13};
    s[4] = (struct famine_stage){.name = "last", .kind = WEIR_CONSUMER, .dies_after = 20};
    for (int i = 0; i < 5; i++) famine_start(famine, &s[i], NULL);
    s[0].maker->orderless = true; /* what comes back goes to another */
    s[2].maker->orderless = true;
    famine_subscribe(famine, &s[1], s[0].ref, 50, 45);
    famine_subscribe(famine, &s[2], s[0].ref, 40, 10);
    famine_subscribe(famine, &s[3], s[0].ref, 20, 10);
    famine_subscribe(famine, &s[4], s[2].ref, 8, 4);
    famine_step(famine, 12);
    famine_done(famine, weir_cast(famine->runtime, s[0].ref, &(uint64_t){60}, 8));
    famine_step(famine, 12);
    famine_done(famine, weir_stop(famine->runtime, s[3].ref, WEIR_REASON_NORMAL));
    famine_rest(famine);
}

static void deaths(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "deaths", .play = play_deaths, .endless = true});
}

/* ---- buffers ------------------------------------------------------------- */

static void play_buffers(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){
        .name = "keeps last", .kind = WEIR_PRODUCER, .limit = 200, .piece = 1};
    s[1] = (struct famine_stage){
        .name = "keeps first", .kind = WEIR_PRODUCER, .limit = 200, .piece = 9};
    s[2] = (struct famine_stage){.name = "middle", .kind = WEIR_PRODUCER_CONSUMER};
    s[3] = (struct famine_stage){.name = "late", .kind = WEIR_CONSUMER};
    s[4] = (struct famine_stage){.name = "asks", .kind = WEIR_CONSUMER, .manual = 11};
    famine_start(famine, &s[0], &(weir_stage_options){.buffer_size = 20});
    famine_start(famine, &s[1],
                 &(weir_stage_options){.buffer_size = 30, .buffer_keep = WEIR_KEEP_FIRST});
    famine_start(famine, &s[2], &(weir_stage_options){.buffer_size = 10});
    famine_start(famine, &s[3], NULL);
    famine_start(famine, &s[4], NULL);
    famine_subscribe(famine, &s[2], s[0].ref, 10, 5);
    for (uint64_t i = 0; i < 12; i++) {
        for (int k = 0; k < 2; k++) {
            uint64_t number = 3 + i;
            famine_done(famine, weir_cast(famine->runtime, s[k].ref, &number, sizeof number));
            famine_done(famine, weir_info(famine->runtime, s[k].ref, &i, sizeof i));
            famine_done(famine, weir_info(famine->runtime, s[2].ref, &i, sizeof i));
        }
        famine_step(famine, 3);
        if (i == 7) famine_subscribe(famine, &s[3], s[2].ref, 6, 3);
        if (i == 9) famine_subscribe(famine, &s[4], s[1].ref, 10, 5);
    }
    famine_rest(famine);
}

static void buffers(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "buffers", .play = play_buffers});
}

/* ---- held back ----------------------------------------------------------- */

static void play_held_back(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){
        .name = "accumulates", .kind = WEIR_PRODUCER, .limit = 200, .piece = 5};
    s[1] = (struct famine_stage){.name = "consumer", .kind = WEIR_CONSUMER};
    s[2] = (struct famine_stage){.name = "another", .kind = WEIR_CONSUMER};
    famine_start(famine, &s[0], &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    famine_start(famine, &s[1], NULL);
    famine_start(famine, &s[2], NULL);
    famine_subscribe(famine, &s[1], s[0].ref, 20, 10);
    for (uint64_t i = 0; i < 10; i++) {
        uint64_t number = 4 + i;
        famine_done(famine, weir_cast(famine->runtime, s[0].ref, &number, sizeof number));
        famine_done(famine, weir_info(famine->runtime, s[0].ref, &i, sizeof i));
        famine_step(famine, 3);
        if (i == 5) famine_subscribe(famine, &s[2], s[0].ref, 30, 10);
        if (i == 6) famine_done(famine, weir_demand(famine->runtime, s[0].ref, WEIR_FORWARD));
        if (i == 7) famine_done(famine, weir_demand(famine->runtime, s[0].ref, WEIR_ACCUMULATE));
    }
    famine_rest(famine);
}

static void end_held_back(struct famine *famine) {
    famine_done(famine, weir_demand(famine->runtime, famine->stages[0].ref, WEIR_FORWARD));
    famine_rest(famine);
}

static void held_back(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "held back", .play = play_held_back, .end = end_held_back, .endless = true});
}

/* ---- small rings, large demand ------------------------------------------- */

/* What finds no room on its ring waits behind it, and a message is sent whole or not at all. */
static void play_small_rings(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){
        .name = "drop by drop", .kind = WEIR_PRODUCER, .limit = 120, .piece = 1};
    s[1] = (struct famine_stage){.name = "at once", .kind = WEIR_PRODUCER, .limit = 240};
    s[2] = (struct famine_stage){.name = "asks", .kind = WEIR_CONSUMER, .manual = 100};
    s[3] = (struct famine_stage){.name = "asks", .kind = WEIR_CONSUMER, .manual = 100};
    for (int i = 0; i < 2; i++) {
        famine_start(famine, &s[i], &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    }
    for (int i = 2; i < 4; i++) {
        famine_start(famine, &s[i], &(weir_stage_options){.worker = WEIR_WORKER(0)});
    }
    famine_subscribe(famine, &s[2], s[0].ref, 2, 1);
    famine_subscribe(famine, &s[2], s[1].ref, 2, 1);
    famine_subscribe(famine, &s[3], s[1].ref, 1, 0);
    famine_rest(famine);
    for (int i = 0; i < 40; i++) {
        famine_done(famine, weir_cast(famine->runtime, s[0].ref, &(uint64_t){1}, 8));
    }
    famine_done(famine, weir_cast(famine->runtime, s[1].ref, &(uint64_t){230}, 8));
    famine_rest(famine);
    for (int i = 0; i < 2; i++) {
        famine_done(famine, weir_demand(famine->runtime, s[i].ref, WEIR_FORWARD));
    }
    for (int i = 0; i < 40; i++) {
        famine_done(famine, weir_cast(famine->runtime, s[0].ref, &(uint64_t){1}, 8));
    }
    famine_rest(famine);
}

static void small_rings(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "small rings", .play = play_small_rings});
}

/* ---- batches larger than a block ------------------------------------------ */

/* With large events a batch comes in pieces: to one, through another, to one that asks. */
static void play_pieces(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){
        .name = "writes", .kind = WEIR_PRODUCER, .emits = FAMINE_WRITES, .limit = 250};
    s[1] = (struct famine_stage){.name = "copies", .kind = WEIR_PRODUCER, .limit = 250, .piece = 9};
    s[2] = (struct famine_stage){
        .name = "forwards", .kind = WEIR_PRODUCER_CONSUMER, .emits = FAMINE_FORWARDS};
    s[3] = (struct famine_stage){.name = "one", .kind = WEIR_CONSUMER};
    s[4] = (struct famine_stage){.name = "asks", .kind = WEIR_CONSUMER, .manual = 250};
    for (int i = 0; i < 5; i++) famine_start(famine, &s[i], NULL);
    famine_subscribe(famine, &s[2], s[0].ref, 240, 40);
    famine_subscribe(famine, &s[3], s[2].ref, 200, 20);
    famine_subscribe(famine, &s[4], s[1].ref, 200, 100);
}

static void pieces(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "pieces", .play = play_pieces});
}

/* ---- stashes --------------------------------------------------------------- */

/* Two that keep events back, of which one dies with them; what is kept at the end is told. */
static void play_stashes(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){.name = "copies", .kind = WEIR_PRODUCER, .limit = 120, .piece = 3};
    s[1] = (struct famine_stage){.name = "keeps", .kind = WEIR_PRODUCER_CONSUMER, .keeps = 20};
    s[2] = (struct famine_stage){
        .name = "dies", .kind = WEIR_PRODUCER_CONSUMER, .keeps = 7, .dies_after = 60};
    s[3] = (struct famine_stage){.name = "last", .kind = WEIR_CONSUMER};
    for (int i = 0; i < 4; i++) famine_start(famine, &s[i], NULL);
    famine_subscribe(famine, &s[3], s[2].ref, 30, 10);
    famine_subscribe(famine, &s[2], s[1].ref, 9, 4);
    famine_subscribe(famine, &s[1], s[0].ref, 40, 10);
    famine_rest(famine);
}

static void stashes(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "stashes", .play = play_stashes, .endless = true});
}

/* ---- ends ---------------------------------------------------------------- */

/*
 * Messages and the ends behind them wait until there is demand: by one more or less of
 * them, an end or a message is what finds the queue full.
 */
static void play_ends(struct famine *famine, uint64_t first) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){
        .name = "middle", .kind = WEIR_PRODUCER_CONSUMER, .emits = FAMINE_FORWARDS};
    s[1] = (struct famine_stage){.name = "consumer", .kind = WEIR_CONSUMER};
    famine_start(famine, &s[0], NULL);
    famine_start(famine, &s[1], NULL);
    for (int i = 2; i < 7; i++) {
        s[i] = (struct famine_stage){
            .name = "producer", .kind = WEIR_PRODUCER, .limit = 30, .piece = 1};
        famine_start(famine, &s[i], &(weir_stage_options){.demand = WEIR_ACCUMULATE});
        famine_subscribe(famine, &s[0], s[i].ref, 20, 10);
        uint64_t casts = i == 2 ? first : 1;
        for (uint64_t k = 0; k < casts; k++) {
            famine_done(famine, weir_cast(famine->runtime, s[i].ref, &(uint64_t){1}, 8));
        }
    }
    famine_rest(famine);
    for (int i = 2; i < 7; i++) {
        famine_done(famine, weir_demand(famine->runtime, s[i].ref, WEIR_FORWARD));
        famine_done(famine, weir_finish(famine->runtime, s[i].ref));
        famine_rest(famine);
    }
    famine_subscribe(famine, &s[1], s[0].ref, 10, 5);
    famine_rest(famine);
}

static void play_ends_2(struct famine *famine) {
    play_ends(famine, 2);
}

static void play_ends_3(struct famine *famine) {
    play_ends(famine, 3);
}

static void ends(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "ends 2", .play = play_ends_2, .endless = true});
    famine_run(&(struct famine_scenario){.name = "ends 3", .play = play_ends_3, .endless = true});
}

/* ---- a drain ------------------------------------------------------------- */

static weir_verdict end_of_numbers(weir_stage *self, struct famine_stage *stage, uint64_t number) {
    (void)number;
    weir_verdict verdict = famine_emit(self, stage, 40);
    weir_finish(weir_stage_runtime(self), weir_self(self));
    return verdict;
}

static void play_drain(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){
        .name = "accumulates", .kind = WEIR_PRODUCER, .limit = 100, .piece = 5};
    s[1] = (struct famine_stage){.name = "finishes",
                                 .kind = WEIR_PRODUCER,
                                 .limit = 100,
                                 .piece = 2,
                                 .cast = end_of_numbers};
    s[2] = (struct famine_stage){.name = "middle", .kind = WEIR_PRODUCER_CONSUMER};
    s[3] = (struct famine_stage){.name = "consumer", .kind = WEIR_CONSUMER};
    famine_start(famine, &s[0], &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    for (int i = 1; i < 4; i++) famine_start(famine, &s[i], NULL);
    famine_subscribe(famine, &s[2], s[0].ref, 20, 10);
    famine_subscribe(famine, &s[2], s[1].ref, 7, 3);
    famine_subscribe(famine, &s[3], s[2].ref, 10, 5);
    famine_done(famine, weir_cast(famine->runtime, s[0].ref, &(uint64_t){33}, sizeof(uint64_t)));
    famine_done(famine, weir_cast(famine->runtime, s[1].ref, &(uint64_t){0}, sizeof(uint64_t)));
    famine_step(famine, 10);
    weir_drain_report report;
    famine_done(famine, weir_runtime_drain(famine->runtime, 1000000000, &report));
}

static void a_drain(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "drain", .play = play_drain, .endless = true});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow),  cmocka_unit_test(bounds),    cmocka_unit_test(deaths),
        cmocka_unit_test(buffers), cmocka_unit_test(held_back), cmocka_unit_test(small_rings),
        cmocka_unit_test(ends),    cmocka_unit_test(a_drain),   cmocka_unit_test(pieces),
        cmocka_unit_test(stashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
