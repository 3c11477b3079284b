/*
 * Partitions without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: in each scenario what famine.h says, whichever allocation fails.
 * Method: single events, runs and many at once; a consumer that dies, and another that
 * takes its partition; events that come back in many slices; a hash that writes to events
 * which others hold too.
 */
#include "support/cmocka.h"
#include "support/famine.h"

#include <string.h>

static uint32_t number_of(const void *event) {
    uint64_t number;
    memcpy(&number, event, sizeof number);
    return (uint32_t)number;
}

static uint32_t by_number(void *context, const void *event) {
    (void)context;
    return number_of(event) % 3;
}

static uint32_t by_run(void *context, const void *event) {
    (void)context;
    return number_of(event) / 20 % 3;
}

static uint32_t all_to_one(void *context, const void *event) {
    (void)context, (void)event;
    return 0;
}

static uint32_t rewrites(void *context, void *event) {
    (void)context;
    return number_of(event) % 3; /* it might have */
}

static void by_many(void *context, weir_batch batch, uint32_t *partitions) {
    const struct famine *famine = context;
    const uint64_t *all = batch.events;
    for (size_t i = 0; i < batch.count; i++, all += famine->words) {
        partitions[i] = (uint32_t)all[0] % 7 == 6 ? WEIR_PARTITION_NONE : (uint32_t)all[0] % 3;
    }
}

static const char *const names[] = {"a", "b", "c"};

static void partition(struct famine *famine, const weir_partition_dispatcher_options *options) {
    struct famine_stage *s = famine->stages;
    s[0] =
        (struct famine_stage){.name = "producer", .kind = WEIR_PRODUCER, .limit = 250, .piece = 40};
    s[1] = (struct famine_stage){.name = "a", .kind = WEIR_CONSUMER};
    s[2] = (struct famine_stage){.name = "b", .kind = WEIR_CONSUMER};
    s[3] = (struct famine_stage){.name = "c", .kind = WEIR_CONSUMER};
    s[4] = (struct famine_stage){.name = "c too", .kind = WEIR_CONSUMER};
    famine_start(famine, &s[0],
                 &(weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                       .dispatcher_options = options});
    for (int i = 1; i < 5; i++) famine_start(famine, &s[i], NULL);
    famine_subscribe_with(
        famine, 1, 0,
        (weir_subscribe_options){.max_demand = 40, .min_demand = 20, .partition_name = "a"}, NULL);
    famine_subscribe_with(
        famine, 2, 0, (weir_subscribe_options){.max_demand = 9, .min_demand = 3, .partition = 2},
        NULL);
}

static void play_partitions(struct famine *famine,
                            const weir_partition_dispatcher_options *options) {
    weir_subscription left = {0};
    partition(famine, options);
    famine_subscribe_with(
        famine, 3, 0, (weir_subscribe_options){.max_demand = 30, .min_demand = 5, .partition = 3},
        &left);
    famine_step(famine, 6);
    famine_cast(famine, 0, 40);
    famine_inform(famine, 0, 1);
    famine_step(famine, 6);
    famine_cast(famine, 0, 10);
    famine_inform(famine, 0, 2);
    famine_rest(famine);
}

static void play_single(struct famine *famine) {
    play_partitions(famine, &(weir_partition_dispatcher_options){
                                .partitions = 3, .names = names, .hash = by_number});
}

static void play_runs(struct famine *famine) {
    play_partitions(famine, &(weir_partition_dispatcher_options){
                                .partitions = 3, .names = names, .hash = by_run});
}

static void play_many(struct famine *famine) {
    play_partitions(famine,
                    &(weir_partition_dispatcher_options){
                        .partitions = 3, .names = names, .hash_many = by_many, .context = famine});
}

/* Nothing comes but what is demanded. */
static void play_demanded(struct famine *famine) {
    partition(famine, &(weir_partition_dispatcher_options){
                          .partitions = 3, .names = names, .hash = by_number});
    famine_subscribe_with(
        famine, 3, 0, (weir_subscribe_options){.max_demand = 30, .min_demand = 5, .partition = 3},
        NULL);
}

static void partitions(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "demanded", .play = play_demanded, .partitions = true, .endless = true});
    famine_run(&(struct famine_scenario){
        .name = "single events", .play = play_single, .partitions = true});
    famine_run(&(struct famine_scenario){.name = "runs", .play = play_runs, .partitions = true});
    famine_run(&(struct famine_scenario){.name = "many", .play = play_many, .partitions = true});
}

static void play_leaves(struct famine *famine, weir_partition_queue queue) {
    struct famine_stage *s = famine->stages;
    partition(famine, &(weir_partition_dispatcher_options){
                          .partitions = 3, .names = names, .hash = by_number, .queue = queue});
    s[3].dies_after = 10;
    famine_subscribe_with(
        famine, 3, 0, (weir_subscribe_options){.max_demand = 30, .min_demand = 5, .partition = 3},
        NULL);
    for (uint64_t i = 0; i < 4; i++) {
        famine_cast(famine, 0, 20);
        famine_inform(famine, 0, i);
        famine_step(famine, 4);
    }
    famine_rest(famine);
    famine_subscribe_with(
        famine, 4, 0, (weir_subscribe_options){.max_demand = 8, .min_demand = 5, .partition = 3},
        NULL);
    famine_rest(famine);
}

static void play_keeps(struct famine *famine) {
    play_leaves(famine, WEIR_QUEUE_KEEP);
}

static void play_discards(struct famine *famine) {
    play_leaves(famine, WEIR_QUEUE_DISCARD);
}

static void who_leaves_a_partition(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "keeps", .play = play_keeps, .partitions = true, .endless = true});
    famine_run(&(struct famine_scenario){
        .name = "discards", .play = play_discards, .partitions = true, .endless = true});
}

/* One that comes back is of many slices, and goes ahead of what waits. */
static void play_comes_back(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    const weir_partition_dispatcher_options options = {.partitions = 2, .hash = all_to_one};
    s[0] = (struct famine_stage){
        .name = "producer", .kind = WEIR_PRODUCER, .silent = true, .piece = 3};
    s[1] = (struct famine_stage){
        .name = "middle", .kind = WEIR_PRODUCER_CONSUMER, .emits = FAMINE_FORWARDS};
    s[2] = (struct famine_stage){.name = "never begins", .kind = WEIR_CONSUMER};
    s[3] = (struct famine_stage){.name = "next", .kind = WEIR_CONSUMER};
    famine_start(famine, &s[0],
                 &(weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                       .dispatcher_options = &options});
    for (int i = 1; i < 4; i++) famine_start(famine, &s[i], NULL);
    weir_subscription gone = {0};
    famine_subscribe_with(
        famine, 1, 0,
        (weir_subscribe_options){.max_demand = 200, .min_demand = 199, .partition = 1}, &gone);
    famine_rest(famine); /* nobody takes from the middle: it holds what it gets */
    for (int i = 0; i < 20; i++) {
        famine_cast(famine, 0, 2);
        famine_rest(famine);
    }
    famine_done(famine, weir_stop(famine->runtime, s[1].ref, WEIR_REASON_NORMAL));
    famine_rest(famine);
    famine_subscribe_with(
        famine, 3, 0, (weir_subscribe_options){.max_demand = 30, .min_demand = 5, .partition = 1},
        NULL);
    famine_rest(famine);
}

static void what_comes_back(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "comes back", .play = play_comes_back, .partitions = true, .endless = true});
}

/* A broadcast's events are others' too: they are copied before they are written to. */
static void play_rewrites(struct famine *famine, uint32_t limit) {
    struct famine_stage *s = famine->stages;
    const weir_partition_dispatcher_options options = {.partitions = 3, .rewrite = rewrites};
    s[0] = (struct famine_stage){
        .name = "producer", .kind = WEIR_PRODUCER, .limit = limit, .piece = 30};
    s[1] = (struct famine_stage){
        .name = "forwards", .kind = WEIR_PRODUCER_CONSUMER, .emits = FAMINE_FORWARDS};
    s[2] = (struct famine_stage){.name = "other", .kind = WEIR_CONSUMER, .view = 1};
    for (int i = 3; i < 6; i++) {
        s[i] = (struct famine_stage){.name = "partition", .kind = WEIR_CONSUMER};
    }
    famine_start(famine, &s[0],
                 &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher(),
                                       .demand = WEIR_ACCUMULATE}); /* until both are there */
    famine_start(famine, &s[1],
                 &(weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                       .dispatcher_options = &options});
    for (int i = 2; i < 6; i++) famine_start(famine, &s[i], NULL);
    famine_subscribe_with(famine, 1, 0,
                          (weir_subscribe_options){.max_demand = 20, .min_demand = 10}, NULL);
    famine_subscribe_with(famine, 2, 0,
                          (weir_subscribe_options){.max_demand = 20, .min_demand = 10}, NULL);
    for (int i = 3; i < 6; i++) {
        famine_subscribe_with(famine, i, 1,
                              (weir_subscribe_options){
                                  .max_demand = 7, .min_demand = 3, .partition = (uint32_t)i - 2},
                              NULL);
    }
    famine_rest(famine);
    famine_done(famine, weir_demand(famine->runtime, s[0].ref, WEIR_FORWARD));
}

static void play_rewrites_many(struct famine *famine) {
    play_rewrites(famine, 200);
}

/* Nothing comes behind it that would set it going again. */
static void play_rewrites_last(struct famine *famine) {
    play_rewrites(famine, 10);
}

static void a_rewriting_hash(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "rewrites many", .play = play_rewrites_many, .partitions = true});
    famine_run(&(struct famine_scenario){
        .name = "rewrites last", .play = play_rewrites_last, .partitions = true});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions),
        cmocka_unit_test(who_leaves_a_partition),
        cmocka_unit_test(what_comes_back),
        cmocka_unit_test(a_rewriting_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
