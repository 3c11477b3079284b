/*
 * Times of stages that are handled in others' visits.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: in a chain that runs in one go each stage has been busy as long as its callbacks took, what
 * it waited for is told as ever, and all of it makes up its life.
 * Method: virtual time, which callbacks move on by as much as they are to take.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "runtime/runtime.h"

/* How long the callbacks of source, middle and sink take, for a batch or a demand. */
static struct work {
    uint64_t events;
    weir_subscribe_options window;
    uint64_t source_ns;
    uint64_t middle_ns;
    uint64_t sink_ns;
} work;

static void take(struct player *player, uint64_t ns) {
    uint64_t *now = &player->rig->runtime->virtual_ns;
    weir__store_relaxed_u64(now, *now + ns);
}

static weir_verdict make(weir_stage *self, struct player *player, uint64_t demand) {
    take(player, work.source_ns);
    uint64_t left = work.events - player->next;
    player_emit(self, demand < left ? demand : left);
    return WEIR_CONTINUE;
}

static weir_verdict pass_on(weir_stage *self, struct player *player, weir_batch batch) {
    take(player, work.middle_ns);
    return player_emit_numbers(self, batch.events, batch.count) == WEIR_OK ? WEIR_CONTINUE
                                                                           : WEIR_STOP;
}

static weir_verdict consume(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)batch;
    take(player, work.sink_ns);
    return WEIR_CONTINUE;
}

static weir_counters_stage stats_of(const struct player *player) {
    weir_counters_stage stats;
    assert_int_equal(weir_stage_stats(player->rig->runtime, player->ref, &stats), WEIR_OK);
    return stats;
}

/* Times are sampled: of thousands of callbacks, that much may be off. */
static void expect_about(uint64_t ns, uint64_t wanted) {
    assert_in_range(ns, wanted - wanted / 8, wanted + wanted / 8);
}

static void each_is_busy_as_long_as_its_callbacks(void) {
    struct rig rig;
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .limit = work.events, .does.demand = make};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.events = pass_on};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.events = consume};
    p.quiet = t.quiet = c.quiet = true;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1});
    PLAYERS_START(&rig, &p, &t, &c);
    uint64_t began = weir_runtime_now(rig.runtime);
    player_subscribe(&c, &t, &work.window);
    player_subscribe(&t, &p, &work.window);
    rig_rest(&rig);
    uint64_t life = weir_runtime_now(rig.runtime) - began;
    assert_int_equal(c.handled, work.events);
    weir_counters_stage stats = stats_of(&c);
    expect_about(stats.times[WEIR_STATE_BUSY], stats.batches * work.sink_ns);
    expect_about(stats.times[WEIR_STATE_STARVED], life - stats.batches * work.sink_ns);
    stats = stats_of(&t);
    expect_about(stats.times[WEIR_STATE_BUSY], stats.batches * work.middle_ns);
    stats = stats_of(&p);
    expect_about(stats.times[WEIR_STATE_BUSY], stats.demands * work.source_ns);
    for (int i = 0; i < 3; i++) {
        uint64_t all = 0;
        stats = stats_of((struct player *[]){&p, &t, &c}[i]);
        for (int j = 0; j < WEIR_STATES; j++) all += stats.times[j];
        expect_about(all, life);
    }
    rig_close(&rig);
}

static void busy_is_whose_callbacks_took_it(void **state) {
    (void)state;
    static const struct work works[] = {
        {20000, {.max_demand = 2, .min_demand = 1}, 3000, 1000, 7000},
        {5000000, {.max_demand = 1000}, 3000, 2000, 4000},
        {5000000, {.max_demand = 1000}, 400, 300, 500},
        {5000000, {.max_demand = 1000}, 30000, 20000, 40000}};
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        work = works[i];
        each_is_busy_as_long_as_its_callbacks();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(busy_is_whose_callbacks_took_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
